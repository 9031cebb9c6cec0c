/* lxml.h: trees that change hands between C and Python, where they are lxml's elements.
 *
 * Where lxml uses the libxml2 that we use (Debian's packages), lxml adopts our trees and we read its trees in place. Where it has a
 * libxml2 of its own (its wheels), trees cross as UTF-8 text. lxml is imported when the first element is asked for. */
#ifndef CPS_XML_LXML_H
#define CPS_XML_LXML_H

#include "module.h"
#include "xml/document.h"

int cps_lxml_setup(PyObject *module, CpsState *state);

/* Whether `value` is an element of lxml (no comment or processing instruction) or an element tree. Imports nothing. */
bool cps_lxml_is_element(PyObject *value);
bool cps_lxml_is_tree(PyObject *value);

/* The root element of an element tree. New, or NULL with an exception set. */
PyObject *cps_lxml_tree_root(PyObject *tree);

/* Whether nobody but the one owner of `element` has a part of its tree. */
bool cps_lxml_private(CpsState *state, PyObject *element);

/* An element for Python, whose tree is that of *document_p when nobody else uses it, else a copy. On success *document_p becomes
 * NULL. New; NULL with an exception set (ImportError without lxml), and *document_p unchanged. */
PyObject *cps_lxml_element(CpsState *state, CpsXmlDocument **document_p);

/* A document with a copy of `element`. New, or NULL with an exception set. */
CpsXmlDocument *cps_lxml_copy(CpsState *state, PyObject *element);

/* A document to read `element` in, which must not change meanwhile: its own tree where that is possible, else a copy.
 * New, or NULL with an exception set. */
CpsXmlDocument *cps_lxml_document(CpsState *state, PyObject *element);

#endif
