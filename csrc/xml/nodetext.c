#include "xml/nodetext.h"

#include "xml/document.h"

#include <string.h>

static PyObject *
decode(const xmlChar *text)
{
    const char *bytes = text == NULL ? "" : (const char *)text;

    return PyUnicode_DecodeUTF8(bytes, (Py_ssize_t)strlen(bytes), "strict");
}

/* The texts from `node` on, up to another kind of node. */
static PyObject *
leading_text(const xmlNode *node)
{
    PyObject *text = decode(node != NULL && cps_xml_is_text(node) ? node->content : NULL);

    while (text != NULL && node != NULL && cps_xml_is_text(node) && node->next != NULL && cps_xml_is_text(node->next)) {
        PyObject *more = decode(node->next->content);

        PyUnicode_Append(&text, more);
        Py_XDECREF(more);
        node = node->next;
    }
    return text;
}

static PyObject *
attribute_value(const xmlNode *node)
{
    xmlChar *value;
    PyObject *text;

    if (node->children == NULL || (node->children->next == NULL && cps_xml_is_text(node->children))) {
        return decode(node->children == NULL ? NULL : node->children->content);
    }
    value = xmlNodeGetContent(node);
    if (value == NULL) {
        return PyErr_NoMemory();
    }
    text = decode(value);
    xmlFree(value);
    return text;
}

PyObject *
cps_xml_node_text(const xmlNode *node)
{
    switch (node->type) {
    case XML_ELEMENT_NODE:
        return leading_text(node->children);
    case XML_ATTRIBUTE_NODE:
        return attribute_value(node);
    case XML_TEXT_NODE:
    case XML_CDATA_SECTION_NODE:
    case XML_COMMENT_NODE:
    case XML_PI_NODE:
        return decode(node->content);
    default:
        return NULL;
    }
}

/* New list, or NULL with an exception set. */
static PyObject *
node_texts(const xmlNodeSet *nodes)
{
    PyObject *texts = PyList_New(0);

    for (int i = 0; texts != NULL && nodes != NULL && i < nodes->nodeNr; i++) {
        PyObject *text = cps_xml_node_text(nodes->nodeTab[i]);

        if ((text == NULL && PyErr_Occurred()) || (text != NULL && PyList_Append(texts, text) < 0)) {
            Py_CLEAR(texts);
        }
        Py_XDECREF(text);
    }
    return texts;
}

PyObject *
cps_xpath_values(const xmlXPathObject *result)
{
    PyObject *value, *values;

    switch (result->type) {
    case XPATH_NODESET:
        return node_texts(result->nodesetval);
    case XPATH_BOOLEAN:
        value = PyBool_FromLong(result->boolval);
        break;
    case XPATH_NUMBER:
        value = PyFloat_FromDouble(result->floatval);
        break;
    case XPATH_STRING:
        value = decode(result->stringval);
        break;
    default:
        return PyList_New(0);
    }
    values = value == NULL ? NULL : Py_BuildValue("[N]", value);
    return values;
}
