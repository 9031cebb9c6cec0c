/* xmlsource.h: the stylesheet or schema that an actor is given, as text or as a file. */
#ifndef CPS_ACTORS_XMLSOURCE_H
#define CPS_ACTORS_XMLSOURCE_H

#include "module.h"
#include "xml/document.h"
#include "xml/readable.h"

/* Fill *readable from the argument allowed_paths (or NULL), and from the keywords allowed_urls and huge, which are taken out of `kwargs`.
 * Returns 0, or -1 with an exception set. */
int cps_xml_source_readable(CpsReadable *readable, PyObject *paths, PyObject *kwargs);

/* Whether the text begins like XML, after white space and a byte order mark. */
bool cps_xml_source_is_markup(const char *text);

/* The document in `source`: str or bytes with XML text, or the name of a file (str without markup, or path-like); its entities must
 * be `readable` (NULL: nothing is). New; NULL with lxml's XMLSyntaxError, OSError or another exception set. */
CpsXmlDocument *cps_xml_source_load(PyObject *source, const CpsReadable *readable);

/* Raise lxml.etree.<name> (an error class whose constructor takes a message) with all of `errors`, one a line. Returns NULL always. */
void *cps_xml_source_raise(const char *name, const CpsXmlErrors *errors);

/* All errors as a list of str, "message (line 3)"; warnings too. New, or NULL with an exception set. */
PyObject *cps_xml_source_messages(const CpsXmlErrors *errors);

#endif
