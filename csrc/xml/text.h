/* text.h: XML text in Python's hands: str and bytes to documents and back, and errors as exceptions. */
#ifndef CPS_XML_TEXT_H
#define CPS_XML_TEXT_H

#include "compat.h"
#include "xml/parse.h"
#include "xml/serialize.h"

/* Where the XML text in a str or bytes is, as cps_xml_parse takes it. Borrowed from `text`; NULL with ValueError set for text that is no
 * Unicode. */
const char *cps_xml_text_bytes(PyObject *text, size_t *length, int *flags);

/* The text of a str that C code reads up to its end. Borrowed; NULL with ValueError set for one that holds a null character, or is no
 * Unicode. */
const char *cps_xml_utf8(PyObject *text);

/* The document in `text`, a str or bytes, parsed by `rules` (NULL: strictly); the GIL is released while a long one is parsed. New; NULL with SyntaxError set (message,
 * line and column; ValueError for text that is no Unicode). */
CpsXmlDocument *cps_xml_from_text(PyObject *text, const CpsXmlRules *rules);

/* The element as a str. New, or NULL with MemoryError set. */
PyObject *cps_xml_to_text(xmlNode *element, int flags);

/* str(value) with U+FFFD for the characters that XML does not allow. New, or NULL with an exception set. */
PyObject *cps_xml_allowed_text(PyObject *value);

/* "message, line 3, column 5", as far as they are known: a new str, or NULL with MemoryError set. */
PyObject *cps_xml_error_text(const CpsXmlError *error);

/* Raise SyntaxError for the first error that is more than a warning, or MemoryError when there is none. Returns NULL always. */
void *cps_xml_raise(const CpsXmlErrors *errors);

/* Raise ValueError for a tree deeper than CPS_XML_MAX_DEPTH, or MemoryError. Returns NULL always. */
void *cps_xml_raise_copy(bool too_deep);

#endif
