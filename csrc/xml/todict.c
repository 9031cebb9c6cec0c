#include "xml/dict.h"

/* The text of an element so far. Most have a single text node, which is not copied. */
typedef struct {
    const char *text; /* borrowed from a node while `joined` is NULL */
    size_t length;
    char *joined; /* owned */
    size_t capacity;
} Text;

static int
text_append(Text *self, const char *text, size_t length)
{
    size_t total = self->length + length;

    if (self->length == 0) {
        self->text = text;
        self->length = length;
        return 0;
    }
    if (self->joined == NULL || total > self->capacity) {
        char *joined = PyMem_Realloc(self->joined, 2 * total);

        if (joined == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        if (self->joined == NULL) {
            memcpy(joined, self->text, self->length);
        }
        self->text = self->joined = joined;
        self->capacity = 2 * total;
    }
    memcpy(self->joined + self->length, text, length);
    self->length = total;
    return 0;
}

static bool
ascii_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The text as str.strip leaves it. New; None when nothing is left; NULL with an exception set. */
static PyObject *
text_stripped(CpsState *state, Text *self)
{
    const char *start = self->length == 0 ? "" : self->text, *end = start + self->length; /* text may be NULL */
    PyObject *text;
    Py_ssize_t length;

    while (start < end && ascii_space(*start)) {
        start++;
    }
    while (end > start && ascii_space(end[-1])) {
        end--;
    }
    if (start == end) {
        Py_RETURN_NONE;
    }
    text = PyUnicode_DecodeUTF8(start, end - start, "replace");
    length = text == NULL ? 0 : PyUnicode_GET_LENGTH(text);
    if (length > 0 && (Py_UNICODE_ISSPACE(PyUnicode_READ_CHAR(text, 0)) ||
                       Py_UNICODE_ISSPACE(PyUnicode_READ_CHAR(text, length - 1)))) {
        Py_SETREF(text, PyObject_CallMethodNoArgs(text, state->names.strip));
        if (text != NULL && PyUnicode_GET_LENGTH(text) == 0) {
            Py_SETREF(text, Py_NewRef(Py_None));
        }
    }
    return text;
}

/* A str of up to three parts; `prefix` and its colon only when it is not NULL. */
static PyObject *
make_name(const char *mark, const xmlChar *prefix, const xmlChar *name)
{
    if (*mark == '\0' && prefix == NULL) {
        return PyUnicode_FromString((const char *)name);
    }
    return prefix == NULL ? PyUnicode_FromFormat("%s%s", mark, (const char *)name)
                          : PyUnicode_FromFormat("%s%s:%s", mark, (const char *)prefix, (const char *)name);
}

int
cps_xml_push(PyObject **item, PyObject *name, PyObject *value)
{
    PyObject *existing, *list;
    int result = -1;

    if (name != NULL && value != NULL && (*item != NULL || (*item = PyDict_New()) != NULL)) {
        existing = PyDict_GetItemWithError(*item, name); /* borrowed */
        if (existing == NULL) {
            result = PyErr_Occurred() ? -1 : PyDict_SetItem(*item, name, value);
        }
        else if (PyList_Check(existing)) {
            result = PyList_Append(existing, value);
        }
        else {
            list = PyList_New(2);
            if (list != NULL) {
                PyList_SET_ITEM(list, 0, Py_NewRef(existing));
                PyList_SET_ITEM(list, 1, Py_NewRef(value));
                result = PyDict_SetItem(*item, name, list);
                Py_DECREF(list);
            }
        }
    }
    Py_XDECREF(name);
    Py_XDECREF(value);
    return result;
}

/* ---- attributes ---- */

static const xmlChar *
prefix_of(const xmlNs *ns)
{
    return ns == NULL ? NULL : ns->prefix;
}

static PyObject *
attribute_value(const xmlAttr *attribute)
{
    const xmlNode *child = attribute->children;
    PyObject *value;
    xmlChar *joined;

    if (child == NULL) {
        return PyUnicode_FromString("");
    }
    if (child->next == NULL && child->type == XML_TEXT_NODE) {
        return PyUnicode_FromString((const char *)child->content);
    }
    joined = xmlNodeListGetString(attribute->doc, child, 1);
    value = PyUnicode_FromString(joined == NULL ? "" : (const char *)joined);
    xmlFree(joined);
    return value;
}

static int
push_attributes(PyObject **item, const xmlNode *element)
{
    int result = 0;

    for (const xmlNs *ns = element->nsDef; result == 0 && ns != NULL; ns = ns->next) {
        PyObject *name =
            ns->prefix == NULL ? PyUnicode_FromString("@xmlns") : make_name("@", (const xmlChar *)"xmlns", ns->prefix);

        result = cps_xml_push(item, name, PyUnicode_FromString(ns->href == NULL ? "" : (const char *)ns->href));
    }
    for (const xmlAttr *attribute = element->properties; result == 0 && attribute != NULL;
         attribute = attribute->next) {
        result =
            cps_xml_push(item, make_name("@", prefix_of(attribute->ns), attribute->name), attribute_value(attribute));
    }
    return result;
}

/* ---- elements ---- */

static int
push_entity(Text *text, xmlNode *reference)
{
    xmlChar *content = xmlNodeGetContent(reference);
    int result = content == NULL ? 0 : text_append(text, (const char *)content, strlen((const char *)content));

    if (content != NULL && text->joined == NULL) {
        text->joined = PyMem_Malloc(text->length); /* the node does not keep it */
        if (text->joined == NULL) {
            PyErr_NoMemory();
            result = -1;
        }
        else {
            memcpy(text->joined, content, text->length);
            text->text = text->joined;
            text->capacity = text->length;
        }
    }
    xmlFree(content);
    return result;
}

static int
push_child(CpsState *state, PyObject **item, Text *text, xmlNode *child)
{
    switch (child->type) {
    case XML_ELEMENT_NODE:
        return cps_xml_push(item, make_name("", prefix_of(child->ns), child->name), cps_xml_to_value(state, child));
    case XML_TEXT_NODE:
    case XML_CDATA_SECTION_NODE:
        return child->content == NULL
                   ? 0
                   : text_append(text, (const char *)child->content, strlen((const char *)child->content));
    case XML_ENTITY_REF_NODE:
        return push_entity(text, child);
    default: /* comments and processing instructions say nothing */
        return 0;
    }
}

static PyObject *
element_value(CpsState *state, xmlNode *element)
{
    PyObject *item = NULL, *stripped;
    Text text = {0};
    int result = push_attributes(&item, element);

    for (xmlNode *child = element->children; result == 0 && child != NULL; child = child->next) {
        result = push_child(state, &item, &text, child);
    }
    stripped = result < 0 ? NULL : text_stripped(state, &text);
    PyMem_Free(text.joined);
    if (item == NULL || stripped == NULL) {
        Py_XDECREF(item);
        return stripped;
    }
    if (stripped != Py_None && PyDict_SetItem(item, state->text_key, stripped) < 0) {
        Py_CLEAR(item);
    }
    Py_DECREF(stripped);
    return item;
}

PyObject *
cps_xml_to_value(CpsState *state, xmlNode *element)
{
    PyObject *value;

    if (Py_EnterRecursiveCall(" in the conversion of XML")) {
        return NULL;
    }
    value = element_value(state, element);
    Py_LeaveRecursiveCall();
    return value;
}

/* {name: value}. New, or NULL with an exception set. */
static PyObject *
element_item(CpsState *state, xmlNode *element)
{
    PyObject *item = NULL;

    if (cps_xml_push(&item, make_name("", prefix_of(element->ns), element->name), cps_xml_to_value(state, element)) <
        0) {
        Py_CLEAR(item);
    }
    return item;
}

PyObject *
cps_xml_to_data(CpsState *state, CpsXmlDocument **document_p)
{
    PyObject *item = *document_p == NULL ? NULL : element_item(state, cps_xml_document_root(*document_p));
    PyObject *data = item == NULL ? NULL : cps_xml_unwrap(state, item);

    cps_xml_document_unref(document_p);
    Py_XDECREF(item);
    return data;
}
