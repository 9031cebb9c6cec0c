#include "xml/dict.h"

#include "xml/parse.h"
#include "xml/text.h"

#include <libxml/parser.h>
#include <libxml/uri.h>
#include <stdlib.h>
#include <string.h>

/* A document under construction. */
typedef struct {
    CpsState *state;
    xmlDoc *tree;
    bool escape;     /* text is never markup */
    bool namespaces; /* one has been declared */
} Builder;

/* ---- text ---- */

/* Raise ValueError for the character of `text` at `position` of its UTF-8. */
static void
refuse_character(PyObject *text, const char *utf8, Py_ssize_t position)
{
    PyObject *before = PyUnicode_DecodeUTF8(utf8, position, "strict");
    char name[16];

    if (before != NULL) {
        Py_ssize_t index = PyUnicode_GET_LENGTH(before);

        snprintf(name, sizeof(name), "U+%04X", (unsigned int)PyUnicode_READ_CHAR(text, index));
        PyErr_Format(PyExc_ValueError, "the character %s at index %zd of %.100R cannot be in XML", name, index, text);
        Py_DECREF(before);
    }
}

/* The UTF-8 of a str of which XML allows every character. Borrowed from the str, or NULL with an exception set. */
static const char *
checked_utf8(PyObject *text, Py_ssize_t *length)
{
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, length);

    for (Py_ssize_t i = 0; utf8 != NULL && i < *length; i++) {
        unsigned char c = (unsigned char)utf8[i];
        bool control = c < 0x20 && c != '\t' && c != '\n' && c != '\r';
        bool noncharacter =
            c == 0xEF && (unsigned char)utf8[i + 1] == 0xBF && (unsigned char)utf8[i + 2] >= 0xBE; /* U+FFFE, U+FFFF */

        if (control || noncharacter) {
            refuse_character(text, utf8, i);
            return NULL;
        }
    }
    return utf8;
}

/* What stands for a value that is no dict or list: a str. New, or NULL with an exception set. */
static PyObject *
scalar_text(PyObject *value)
{
    if (PyUnicode_Check(value)) {
        return Py_NewRef(value);
    }
    if (PyBool_Check(value)) {
        return PyUnicode_FromString(value == Py_True ? "true" : "false");
    }
    if (PyBytes_Check(value)) {
        return PyUnicode_FromEncodedObject(value, "utf-8", "strict");
    }
    return PyObject_Str(value);
}

static int
add_text(Builder *builder, xmlNode *parent, const char *utf8, Py_ssize_t length)
{
    xmlNode *node = length > INT_MAX ? NULL : xmlNewDocTextLen(builder->tree, (const xmlChar *)utf8, (int)length);

    if (node == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    (void)xmlAddChild(parent, node);
    return 0;
}

/* ---- markup inside text ---- */

static bool
looks_like_markup(const char *utf8)
{
    while (*utf8 == ' ' || (*utf8 >= '\t' && *utf8 <= '\r')) {
        utf8++;
    }
    return *utf8 == '<';
}

/* Whether `root` holds one element, and beside it nothing but white space, comments and processing instructions. */
static bool
holds_one_element(const xmlNode *root)
{
    int elements = 0;

    for (xmlNode *child = root->children; child != NULL; child = child->next) {
        if (child->type == XML_ELEMENT_NODE) {
            elements++;
        }
        else if (child->type == XML_TEXT_NODE && !xmlIsBlankNode(child)) {
            return false;
        }
    }
    return elements == 1;
}

/* `utf8` inside an element: what is not allowed there (a declaration, a document type, a second root) makes it no markup. New, or
 * NULL when it is none. */
static CpsXmlDocument *
parse_fragment(const char *utf8, size_t length)
{
    static const char start[] = "<x>", end[] = "</x>";
    char *text = malloc(length + sizeof(start) + sizeof(end));
    CpsXmlErrors errors = {0};
    CpsXmlDocument *document = NULL;

    if (text != NULL) {
        size_t total = (size_t)(stpcpy(text, start) - text);

        memcpy(text + total, utf8, length);
        total += length;
        total = (size_t)(stpcpy(text + total, end) - text);
        document = cps_xml_parse(text, total, CPS_XML_UTF8, NULL, &errors);
        free(text);
    }
    cps_xml_errors_free(&errors);
    if (document != NULL && !holds_one_element(cps_xml_document_root(document))) {
        cps_xml_document_unref(&document);
    }
    return document;
}

int
cps_xml_is_markup(PyObject *text)
{
    Py_ssize_t length;
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, &length);
    CpsXmlDocument *fragment;
    int result;

    if (utf8 == NULL) {
        return -1;
    }
    fragment = looks_like_markup(utf8) ? parse_fragment(utf8, (size_t)length) : NULL;
    result = fragment != NULL;
    cps_xml_document_unref(&fragment);
    return result;
}

/* In a copy: elements without a namespace belong to the default namespace around them, as the text says. */
static void
inherit_namespace(xmlDoc *tree, xmlNode *top)
{
    xmlNode *node = top;

    while (node != NULL) {
        if (node->type == XML_ELEMENT_NODE && node->ns == NULL) {
            xmlNs *ns = xmlSearchNs(tree, node, NULL);

            node->ns = ns != NULL && ns->href != NULL && *ns->href != '\0' ? ns : NULL;
        }
        if (node->type == XML_ELEMENT_NODE && node->children != NULL) {
            node = node->children;
            continue;
        }
        while (node != top && node->next == NULL) {
            node = node->parent;
        }
        node = node == top ? NULL : node->next;
    }
}

/* 1 when `utf8` was added as markup, 0 when it is none, -1 with MemoryError set. */
static int
add_markup(Builder *builder, xmlNode *parent, const char *utf8, Py_ssize_t length)
{
    CpsXmlDocument *fragment = parse_fragment(utf8, (size_t)length);
    int result = 1;

    if (fragment == NULL) {
        return 0;
    }
    for (xmlNode *child = cps_xml_document_root(fragment)->children; result > 0 && child != NULL; child = child->next) {
        xmlNode *copy = xmlDocCopyNode(child, builder->tree, 1);

        if (copy == NULL) {
            PyErr_NoMemory();
            result = -1;
            break;
        }
        (void)xmlAddChild(parent, copy);
        if (builder->namespaces && copy->type == XML_ELEMENT_NODE) {
            inherit_namespace(builder->tree, copy);
        }
    }
    cps_xml_document_unref(&fragment);
    return result;
}

static int
add_characters(Builder *builder, xmlNode *parent, PyObject *value)
{
    PyObject *text = scalar_text(value);
    Py_ssize_t length;
    const char *utf8 = text == NULL ? NULL : checked_utf8(text, &length);
    int result = utf8 == NULL ? -1 : 0;

    if (result == 0 && !builder->escape && looks_like_markup(utf8)) {
        result = add_markup(builder, parent, utf8, length);
    }
    if (result == 0 && length > 0) {
        result = add_text(builder, parent, utf8, length);
    }
    Py_XDECREF(text);
    return result < 0 ? -1 : 0;
}

/* ---- names ---- */

/* A name as it is written: `local` lies behind the colon, if there is one. */
typedef struct {
    char *prefix; /* owned; NULL: none */
    const char *local;
} Name;

/* Split `written` and check both parts. Returns 0, or -1 with ValueError set. */
static int
name_init(Name *name, const char *written, PyObject *key)
{
    const char *colon = strchr(written, ':');

    name->prefix = NULL;
    name->local = colon == NULL ? written : colon + 1;
    if (colon != NULL) {
        name->prefix = strndup(written, (size_t)(colon - written));
        if (name->prefix == NULL) {
            PyErr_NoMemory();
            return -1;
        }
    }
    if (xmlValidateNCName((const xmlChar *)name->local, 0) != 0 ||
        (name->prefix != NULL && xmlValidateNCName((const xmlChar *)name->prefix, 0) != 0)) {
        PyErr_Format(PyExc_ValueError, "%R is not a name in XML", key);
        free(name->prefix);
        return -1;
    }
    return 0;
}

/* The namespace that the name has on `element`; *ns NULL for none. Returns 0, or -1 with ValueError set. */
static int
find_namespace(Builder *builder, xmlNode *element, const Name *name, bool attribute, xmlNs **ns)
{
    *ns = NULL;
    if (name->prefix == NULL && (attribute || !builder->namespaces)) {
        return 0;
    }
    *ns = xmlSearchNs(builder->tree, element, (const xmlChar *)name->prefix);
    if (*ns == NULL && name->prefix != NULL) {
        PyErr_Format(PyExc_ValueError, "Namespace prefix %s on %s is not defined", name->prefix, name->local);
        return -1;
    }
    if (*ns != NULL && ((*ns)->href == NULL || *(*ns)->href == '\0')) {
        *ns = NULL;
    }
    return 0;
}

/* ---- attributes ---- */

/* As the parser would have it, so that the text of what is made can be read. */
static bool
is_uri(const char *text)
{
    xmlURI *uri = xmlParseURI(text);
    bool valid = uri != NULL;

    xmlFreeURI(uri);
    return valid;
}

/* Whether XML allows the prefix, NULL for the default namespace, to be declared with this name. */
static bool
may_declare(const char *prefix, const char *uri)
{
    if (*uri == '\0') {
        return prefix == NULL;
    }
    return is_uri(uri) && (prefix == NULL || (strcmp(prefix, "xml") != 0 && strcmp(prefix, "xmlns") != 0 &&
                                              xmlValidateNCName((const xmlChar *)prefix, 0) == 0));
}

static int
declare_namespace(Builder *builder, xmlNode *element, const char *prefix, PyObject *value)
{
    PyObject *text = scalar_text(value);
    Py_ssize_t length;
    const char *uri = text == NULL ? NULL : checked_utf8(text, &length);
    bool declared = uri != NULL && may_declare(prefix, uri) &&
                    xmlNewNs(element, (const xmlChar *)uri, (const xmlChar *)prefix) != NULL;

    if (uri != NULL && !declared) {
        PyErr_Format(PyExc_ValueError, "the namespace %R of prefix '%s' cannot be declared", text,
                     prefix == NULL ? "" : prefix);
    }
    builder->namespaces = builder->namespaces || declared;
    Py_XDECREF(text);
    return declared ? 0 : -1;
}

/* {"@xmlns": {prefix: uri}}. */
static int
declare_namespaces(Builder *builder, xmlNode *element, PyObject *uris)
{
    PyObject *key, *uri;
    Py_ssize_t position = 0;
    int result = 0;

    while (result == 0 && PyDict_Next(uris, &position, &key, &uri)) {
        const char *prefix = PyUnicode_Check(key) ? cps_xml_utf8(key) : "";

        result = prefix == NULL ? -1 : declare_namespace(builder, element, *prefix == '\0' ? NULL : prefix, uri);
    }
    return result;
}

static bool
declares(const char *name)
{
    return strncmp(name, "xmlns", 5) == 0 && (name[5] == '\0' || name[5] == ':');
}

/* A declaration that stands under `name`. */
static int
add_declaration(Builder *builder, xmlNode *element, const char *name, PyObject *value)
{
    if (name[5] == ':') {
        return declare_namespace(builder, element, name + 6, value);
    }
    return PyDict_Check(value) ? declare_namespaces(builder, element, value)
                               : declare_namespace(builder, element, NULL, value);
}

static int
add_attribute(Builder *builder, xmlNode *element, const char *written, PyObject *key, PyObject *value)
{
    PyObject *text = value == Py_None ? PyUnicode_FromString("") : scalar_text(value);
    Py_ssize_t length;
    const char *utf8 = text == NULL ? NULL : checked_utf8(text, &length);
    int result = -1;
    Name name;
    xmlNs *ns;

    if (utf8 != NULL && name_init(&name, written, key) == 0) {
        result = find_namespace(builder, element, &name, true, &ns);
        if (result == 0 && ns != NULL && xmlHasNsProp(element, (const xmlChar *)name.local, ns->href) != NULL) {
            PyErr_Format(PyExc_ValueError, "the attribute %R is given twice", key);
            result = -1;
        }
        if (result == 0 && xmlNewNsProp(element, ns, (const xmlChar *)name.local, (const xmlChar *)utf8) == NULL) {
            PyErr_NoMemory();
            result = -1;
        }
        free(name.prefix);
    }
    Py_XDECREF(text);
    return result;
}

/* ---- elements ---- */

static int add_values(Builder *builder, xmlNode *parent, PyObject *key, PyObject *value, int depth);

/* What a key of a dict becomes, in the order in which the parts are added: namespaces first, which the names need; text last, as
 * xmltodict does. */
typedef enum { PART_NAMESPACE, PART_ATTRIBUTE, PART_CHILD, PART_TEXT, PART_COUNT } Part;

/* Returns -1 with an exception set for what is no key. */
static int
part_of(PyObject *key, const char **utf8)
{
    if (!PyUnicode_Check(key)) {
        PyErr_Format(PyExc_ValueError, "the keys of data for XML are str, not %.200s", Py_TYPE(key)->tp_name);
        return -1;
    }
    *utf8 = cps_xml_utf8(key);
    if (*utf8 == NULL) {
        return -1;
    }
    if (**utf8 == '@') {
        return declares(*utf8 + 1) ? PART_NAMESPACE : PART_ATTRIBUTE;
    }
    return strcmp(*utf8, "#text") == 0 ? PART_TEXT : PART_CHILD;
}

static int
add_part(Builder *builder, xmlNode *element, Part part, const char *utf8, PyObject *item, int depth)
{
    PyObject *key = PyTuple_GET_ITEM(item, 0), *value = PyTuple_GET_ITEM(item, 1);

    switch (part) {
    case PART_NAMESPACE:
        return add_declaration(builder, element, utf8 + 1, value);
    case PART_ATTRIBUTE:
        return add_attribute(builder, element, utf8 + 1, key, value);
    case PART_CHILD:
        return add_values(builder, element, key, value, depth + 1);
    default:
        return value == Py_None ? 0 : add_characters(builder, element, value);
    }
}

/* How many items of a dict there are of each part. */
static int
count_parts(PyObject *items, Py_ssize_t counts[PART_COUNT])
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items); i++) {
        const char *utf8;
        int part = part_of(PyTuple_GET_ITEM(PyList_GET_ITEM(items, i), 0), &utf8);

        if (part < 0) {
            return -1;
        }
        counts[part]++;
    }
    return 0;
}

static int
add_parts(Builder *builder, xmlNode *element, PyObject *items, Part part, int depth)
{
    int result = 0;

    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(items); i++) {
        PyObject *item = PyList_GET_ITEM(items, i);
        const char *utf8 = NULL;

        if (part_of(PyTuple_GET_ITEM(item, 0), &utf8) == (int)part) {
            result = add_part(builder, element, part, utf8, item, depth);
        }
    }
    return result;
}

/* The conversion of a value may run code, which may change the dict: hence a list of its items. */
static int
fill_from_dict(Builder *builder, xmlNode *element, const Name *name, PyObject *dict, int depth)
{
    PyObject *items = PyDict_Items(dict);
    Py_ssize_t counts[PART_COUNT] = {0};
    int result = items == NULL ? -1 : count_parts(items, counts);

    for (int part = 0; result == 0 && part < PART_COUNT; part++) {
        result = counts[part] == 0 ? 0 : add_parts(builder, element, items, (Part)part, depth);
        if (part == PART_NAMESPACE && result == 0) {
            result = find_namespace(builder, element, name, false, &element->ns);
        }
    }
    Py_XDECREF(items);
    return result;
}

static int
fill_element(Builder *builder, xmlNode *element, const Name *name, PyObject *value, int depth)
{
    if (PyDict_Check(value)) {
        return fill_from_dict(builder, element, name, value, depth);
    }
    if (find_namespace(builder, element, name, false, &element->ns) < 0) {
        return -1;
    }
    return value == Py_None ? 0 : add_characters(builder, element, value);
}

/* Add an element; without a parent as the root. */
static int
add_element(Builder *builder, xmlNode *parent, PyObject *key, PyObject *value, int depth)
{
    const char *written = cps_xml_utf8(key);
    xmlNode *element;
    Name name;
    int result;

    if (depth > CPS_XML_MAX_DICT_DEPTH) {
        PyErr_Format(PyExc_ValueError, "the data is nested more than %d levels deep", CPS_XML_MAX_DICT_DEPTH);
        return -1;
    }
    if (written == NULL || name_init(&name, written, key) < 0) {
        return -1;
    }
    element = xmlNewDocNode(builder->tree, NULL, (const xmlChar *)name.local, NULL);
    if (element == NULL) {
        free(name.prefix);
        PyErr_NoMemory();
        return -1;
    }
    (void)xmlAddChild(parent == NULL ? (xmlNode *)builder->tree : parent, element);
    result = fill_element(builder, element, &name, value, depth);
    free(name.prefix);
    return result;
}

static bool
repeats(PyObject *value)
{
    return PyList_Check(value) || PyTuple_Check(value) ||
           (!PyUnicode_Check(value) && !PyBytes_Check(value) && !PyDict_Check(value) &&
            Py_TYPE(value)->tp_iter != NULL);
}

/* An element for every item of a list; what is in lists inside it becomes text. */
static int
add_values(Builder *builder, xmlNode *parent, PyObject *key, PyObject *value, int depth)
{
    PyObject *iterator, *item;
    int result = 0;

    if (!repeats(value)) {
        return add_element(builder, parent, key, value, depth);
    }
    iterator = PyObject_GetIter(value);
    if (iterator == NULL) {
        return -1;
    }
    while (result == 0 && (item = PyIter_Next(iterator)) != NULL) {
        result = add_element(builder, parent, key, item, depth);
        Py_DECREF(item);
    }
    Py_DECREF(iterator);
    return PyErr_Occurred() ? -1 : result;
}

/* ---- documents ---- */

CpsXmlDocument *
cps_xml_from_item(CpsState *state, PyObject *name, PyObject *value, bool escape)
{
    Builder builder = {.state = state, .tree = cps_xml_tree_new(), .escape = escape};
    CpsXmlDocument *document;

    if (builder.tree == NULL) {
        return (CpsXmlDocument *)PyErr_NoMemory();
    }
    if (!PyUnicode_Check(name)) {
        PyErr_Format(PyExc_ValueError, "the keys of data for XML are str, not %.200s", Py_TYPE(name)->tp_name);
    }
    else if (add_element(&builder, NULL, name, value, 1) == 0) {
        document = cps_xml_document_new(builder.tree);
        if (document != NULL) {
            document->interned = true;
            return document;
        }
        return (CpsXmlDocument *)PyErr_NoMemory();
    }
    xmlFreeDoc(builder.tree);
    return NULL;
}

CpsXmlDocument *
cps_xml_from_data(CpsState *state, PyObject *data, bool escape)
{
    PyObject *wrapped, *key, *value;
    CpsXmlDocument *document;
    Py_ssize_t position = 0;

    if (PyDict_Check(data) && PyDict_GET_SIZE(data) == 0) {
        return cps_xml_from_item(state, state->names.root, Py_None, escape);
    }
    wrapped = cps_xml_wrap(state, data);
    if (wrapped == NULL || !PyDict_Next(wrapped, &position, &key, &value)) {
        Py_XDECREF(wrapped);
        return NULL;
    }
    Py_INCREF(key);
    Py_INCREF(value);
    document = cps_xml_from_item(state, key, value, escape);
    Py_DECREF(value);
    Py_DECREF(key);
    Py_DECREF(wrapped);
    return document;
}
