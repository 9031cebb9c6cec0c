/* xslttemplate.h: a stylesheet as lxml has it, for scripts that use XSLT.template. */
#ifndef CPS_ACTORS_XSLTTEMPLATE_H
#define CPS_ACTORS_XSLTTEMPLATE_H

#include "xml/readable.h"

/* The lxml.etree.XSLT of `source`, a stylesheet as cps_xml_source_load takes it. New, or NULL with an exception set. */
PyObject *cps_xslt_template(PyObject *source, const CpsReadable *readable);

#endif
