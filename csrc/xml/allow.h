/* allow.h: the allowed_paths that scripts give. */
#ifndef CPS_XML_ALLOW_H
#define CPS_XML_ALLOW_H

#include "compat.h"
#include "xml/confine.h"

/* Fill *allowed from `paths`: one directory (str or path-like), an iterable of them, or NULL. Returns 0, or -1 with an exception
 * set. */
int cps_xml_allow(CpsAllowedPaths *allowed, PyObject *paths);

#endif
