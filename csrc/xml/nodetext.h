/* nodetext.h: what an XPath has found, for Python. */
#ifndef CPS_XML_NODETEXT_H
#define CPS_XML_NODETEXT_H

#include "compat.h"

#include <libxml/xpath.h>

/* The text of a node: of an element what stands before its first child element ("" when nothing does), of another node its value. A new
 * str, or NULL: with an exception set, or without one for a node that has no text of its own (a namespace, a document). */
PyObject *cps_xml_node_text(const xmlNode *node);

/* The texts of the nodes that were found, or the one value: str, float or bool. New list, or NULL with an exception set. */
PyObject *cps_xpath_values(const xmlXPathObject *result);

#endif
