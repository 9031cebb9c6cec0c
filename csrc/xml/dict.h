/* dict.h: dicts to XML and back, by the conventions of xmltodict: '@name' for attributes, '#text' for text beside other content,
 * a list for repeated elements, None for an empty one. */
#ifndef CPS_XML_DICT_H
#define CPS_XML_DICT_H

#include "module.h"
#include "xml/document.h"

/* The deepest tree that is made of a dict: as deep as can be parsed again. */
enum { CPS_XML_MAX_DICT_DEPTH = 256 };

/* A document made of a dict or list, wrapped as cps_xml_wrap does. Text that is one complete XML document (without a declaration or
 * a document type) becomes markup, unless `escape` says otherwise. New; NULL with an exception set (ValueError for what XML cannot
 * express). */
CpsXmlDocument *cps_xml_from_data(CpsState *state, PyObject *data, bool escape);

/* Whether `text` is such a document. 1, 0, or -1 with an exception set. */
int cps_xml_is_markup(PyObject *text);

/* As cps_xml_from_data, but for an element named `name` with `value`. */
CpsXmlDocument *cps_xml_from_item(CpsState *state, PyObject *name, PyObject *value, bool escape);

/* What *document_p (given up, and NULL then; NULL with an exception set is passed on) says as data: {name: value}, or the content of an
 * envelope. New, or NULL with an exception set. */
PyObject *cps_xml_to_data(CpsState *state, CpsXmlDocument **document_p);

/* The value of an element alone, as it would stand under its name. New, or NULL with an exception set. */
PyObject *cps_xml_to_value(CpsState *state, xmlNode *element);

/* Add `value` under `name` to *item, in a list when there is one already. Takes both, which may be NULL with an exception set, and
 * makes the dict when *item is NULL. Returns 0, or -1 with an exception set. */
int cps_xml_push(PyObject **item, PyObject *name, PyObject *value);

/* Whether cps_xml_to_data gives the content of the element alone. */
bool cps_xml_is_envelope(CpsState *state, const xmlNode *element);

/* internal_xmlify: `data` with the envelopes that make it a dict of one item, which is no list. New, or NULL with an exception set. */
PyObject *cps_xml_wrap(CpsState *state, PyObject *data);

/* remove_internal_xmlify: `data` without them. New, or NULL with an exception set. */
PyObject *cps_xml_unwrap(CpsState *state, PyObject *data);

#endif
