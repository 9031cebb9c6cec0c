/* readable.h: what scripts allow to be read: the arguments allowed_paths, allowed_urls and huge. */
#ifndef CPS_XML_READABLE_H
#define CPS_XML_READABLE_H

#include "compat.h"
#include "xml/confine.h"

/* Fill *readable from `paths` (one directory, str or path-like, or an iterable of them), `urls` (one prefix, a str, or an iterable) and `huge`,
 * each of which may be NULL. Returns 0, or -1 with an exception set. */
int cps_readable_from(CpsReadable *readable, PyObject *paths, PyObject *urls, PyObject *huge);

/* The directories, and the prefixes in their normal form: new tuples of str, or NULL with an exception set. */
PyObject *cps_readable_paths(const CpsReadable *readable);
PyObject *cps_readable_urls(const CpsReadable *readable);

#endif
