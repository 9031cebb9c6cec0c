#include "xml/lxml.h"

#include "xml/text.h"

#include <dlfcn.h>
#include <libxml/parser.h>
#include <stdlib.h>
#include <string.h>

/* The beginnings of lxml's objects, as its public C interface declares them (lxml.etree.h, etreepublic.pxd). */
typedef struct {
    PyObject ob_base;
    void *vtable;
    int ns_counter;
    PyObject *prefix_tail;
    xmlDoc *tree;
} LxmlDocument;

typedef struct {
    PyObject ob_base;
    LxmlDocument *document; /* owned */
    xmlNode *node;
} LxmlElement;

/* Functions of that interface, under the signatures that lxml exports them with. */
typedef LxmlDocument *(*DocumentOf)(PyObject *input);
typedef PyObject *(*AdoptDocument)(xmlDoc *tree, PyObject *parser, int owned);

#define DOCUMENT_OF "documentOrRaise", "struct LxmlDocument *(PyObject *)"
#define ADOPT_DOCUMENT "adoptExternalDocument", "struct LxmlElementTree *(xmlDoc *, PyObject *, int)"

/* How much of lxml can be reached from C; kept in CpsState.lxml_access. */
typedef enum {
    ACCESS_UNKNOWN, /* lxml has not been imported */
    ACCESS_NONE,    /* only through its Python interface */
    ACCESS_OBJECTS, /* its objects are as declared above, but its libxml2 is another */
    ACCESS_TREES,   /* and its trees are ours */
} Access;

/* ---- types, by name: lxml may not have been imported ---- */

static bool
derives_from(PyTypeObject *type, const char *name)
{
    for (; type != NULL; type = type->tp_base) {
        if (strcmp(type->tp_name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool
cps_lxml_is_element(PyObject *value)
{
    return derives_from(Py_TYPE(value), "lxml.etree._Element") &&
           !derives_from(Py_TYPE(value), "lxml.etree.__ContentOnlyElement");
}

bool
cps_lxml_is_tree(PyObject *value)
{
    return derives_from(Py_TYPE(value), "lxml.etree._ElementTree");
}

PyObject *
cps_lxml_tree_root(PyObject *tree)
{
    PyObject *root = PyObject_CallMethod(tree, "getroot", NULL);

    if (root != NULL && !cps_lxml_is_element(root)) {
        PyErr_Format(PyExc_ValueError, "the element tree has no root element");
        Py_CLEAR(root);
    }
    return root;
}

/* ---- what can be reached ---- */

/* A function of lxml's C interface, or NULL when there is none of that signature. */
static void *
lxml_function(PyObject *etree, const char *name, const char *signature)
{
    PyObject *table = PyObject_GetAttrString(etree, "__pyx_capi__");
    PyObject *capsule = table == NULL ? NULL : PyMapping_GetItemString(table, name);
    void *function = capsule == NULL ? NULL : PyCapsule_GetPointer(capsule, signature);

    Py_XDECREF(table);
    Py_XDECREF(capsule);
    PyErr_Clear();
    return function;
}

/* Whether the shared object that lxml.etree is in finds our libxml2 when it looks for one. */
static bool
shares_libxml2(PyObject *etree)
{
    PyObject *file = PyObject_GetAttrString(etree, "__file__");
    const char *path = file == NULL ? NULL : PyUnicode_AsUTF8(file);
    void *library = path == NULL ? NULL : dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
    bool shared = false;

    if (library != NULL) {
        shared = dlsym(library, "xmlNewDoc") == (void *)xmlNewDoc && dlsym(library, "xmlFreeDoc") == (void *)xmlFreeDoc;
        dlclose(library);
    }
    Py_XDECREF(file);
    PyErr_Clear();
    return shared;
}

/* Whether the element and its document lie in memory as declared above: the function's answer must be where we would look. */
static bool
objects_as_declared(PyObject *etree, PyObject *element)
{
    DocumentOf document_of = (DocumentOf)lxml_function(etree, DOCUMENT_OF);
    LxmlDocument *document = document_of == NULL ? NULL : document_of(element);
    bool same = document != NULL && Py_TYPE(element)->tp_basicsize >= (Py_ssize_t)sizeof(LxmlElement) &&
                Py_TYPE(document)->tp_basicsize >= (Py_ssize_t)sizeof(LxmlDocument) &&
                ((LxmlElement *)element)->document == document;

    PyErr_Clear();
    Py_XDECREF((PyObject *)document);
    return same;
}

/* Whether a tree that lxml adopts is found in its objects as declared above. */
static bool
trees_as_declared(CpsState *state, AdoptDocument adopt)
{
    xmlDoc *tree = cps_xml_tree_new();
    xmlNode *node = tree == NULL ? NULL : xmlNewDocNode(tree, NULL, (const xmlChar *)"probe", NULL);
    PyObject *adopted, *root;
    bool same;

    if (node == NULL) {
        xmlFreeDoc(tree);
        return false;
    }
    xmlDocSetRootElement(tree, node);
    adopted = adopt(tree, Py_None, 1);
    root = adopted == NULL ? NULL : cps_lxml_tree_root(adopted);
    same = root != NULL && ((LxmlElement *)root)->node == node && ((LxmlElement *)root)->document->tree == tree;
    Py_XDECREF(root);
    Py_XDECREF(adopted);
    PyErr_Clear();
    return same;
}

static Access
find_access(CpsState *state, PyObject *etree, PyObject *element)
{
    if (!objects_as_declared(etree, element)) {
        return ACCESS_NONE;
    }
    if (!shares_libxml2(etree)) {
        return ACCESS_OBJECTS;
    }
    state->lxml_adopt = (void (*)(void))lxml_function(etree, ADOPT_DOCUMENT);
    return state->lxml_adopt != NULL && trees_as_declared(state, (AdoptDocument)state->lxml_adopt) ? ACCESS_TREES
                                                                                                   : ACCESS_OBJECTS;
}

static PyObject *
import_lxml(void)
{
    PyObject *etree = PyImport_ImportModule("lxml.etree");

    if (etree == NULL && PyErr_ExceptionMatches(PyExc_ImportError)) {
        PyErr_SetString(PyExc_ImportError, "the data of an XML event is an lxml element, and lxml cannot be imported; "
                                           "install it: pip install lxml (Debian: apt-get install python3-lxml)");
    }
    return etree;
}

/* XMLParser(huge_tree=True, ...): for text that we made ourselves. New, or NULL with an exception set. */
static PyObject *
make_parser(PyObject *etree)
{
    PyObject *type = PyObject_GetAttrString(etree, "XMLParser");
    PyObject *arguments = PyTuple_New(0);
    PyObject *options = Py_BuildValue("{sOsO}", "huge_tree", Py_True, "resolve_entities", Py_False);
    PyObject *parser =
        type == NULL || arguments == NULL || options == NULL ? NULL : PyObject_Call(type, arguments, options);

    Py_XDECREF(options);
    Py_XDECREF(arguments);
    Py_XDECREF(type);
    return parser;
}

/* Keep what the functions below need. Returns 0, or -1 with an exception set. */
static int
keep_interface(CpsState *state, PyObject *etree)
{
    PyObject *element;

    Py_XSETREF(state->lxml_parser, make_parser(etree));
    Py_XSETREF(state->lxml_fromstring, PyObject_GetAttrString(etree, "fromstring"));
    Py_XSETREF(state->lxml_tostring, PyObject_GetAttrString(etree, "tostring"));
    Py_XSETREF(state->lxml_tostring_options, Py_BuildValue("{sssO}", "encoding", "UTF-8", "with_tail", Py_False));
    if (state->lxml_parser == NULL || state->lxml_fromstring == NULL || state->lxml_tostring == NULL ||
        state->lxml_tostring_options == NULL) {
        return -1;
    }
    element = PyObject_CallFunction(state->lxml_fromstring, "s", "<probe/>");
    if (element == NULL) {
        return -1;
    }
    state->lxml_access = find_access(state, etree, element);
    Py_DECREF(element);
    return 0;
}

/* Import lxml on the first call. Returns the access, or -1 with an exception set. */
static int
lxml_access(CpsState *state)
{
    if (state->lxml_access == ACCESS_UNKNOWN) {
        PyObject *etree = import_lxml();
        int result = etree == NULL ? -1 : keep_interface(state, etree);

        Py_XDECREF(etree);
        if (result < 0) {
            return -1;
        }
    }
    return state->lxml_access;
}

/* ---- from C to Python ---- */

/* Hand `document`, which nobody else uses, to lxml. New, or NULL with an exception set. */
static PyObject *
adopt(CpsState *state, CpsXmlDocument **document_p)
{
    PyObject *tree, *root;

    if (cps_xml_document_intern(*document_p) < 0) {
        return PyErr_NoMemory();
    }
    tree = ((AdoptDocument)state->lxml_adopt)(cps_xml_document_detach(document_p), Py_None, 1);
    root = tree == NULL ? NULL : cps_lxml_tree_root(tree);
    Py_XDECREF(tree);
    return root;
}

/* A copy of the tree that lxml parses. New, or NULL with an exception set. */
static PyObject *
parse_by_lxml(CpsState *state, CpsXmlDocument *document)
{
    size_t length = 0;
    char *text = cps_xml_serialize(cps_xml_document_root(document), 0, &length);
    PyObject *bytes = text == NULL ? PyErr_NoMemory() : PyBytes_FromStringAndSize(text, (Py_ssize_t)length);
    PyObject *element =
        bytes == NULL ? NULL : PyObject_CallFunctionObjArgs(state->lxml_fromstring, bytes, state->lxml_parser, NULL);

    Py_XDECREF(bytes);
    free(text);
    return element;
}

static PyObject *
adopt_copy(CpsState *state, CpsXmlDocument *document)
{
    bool too_deep;
    CpsXmlDocument *copy = cps_xml_document_copy(cps_xml_document_root(document), &too_deep);

    return copy == NULL ? cps_xml_raise_copy(too_deep) : adopt(state, &copy);
}

PyObject *
cps_lxml_element(CpsState *state, CpsXmlDocument **document_p)
{
    CpsXmlDocument *document = *document_p;
    int access = lxml_access(state);
    PyObject *element;

    if (access < 0) {
        return NULL;
    }
    if (access == ACCESS_TREES && cps_xml_document_owned(document)) {
        return adopt(state, document_p);
    }
    element = access == ACCESS_TREES ? adopt_copy(state, document) : parse_by_lxml(state, document);
    if (element != NULL) {
        cps_xml_document_unref(document_p);
    }
    return element;
}

/* ---- from Python to C ---- */

bool
cps_lxml_private(CpsState *state, PyObject *element)
{
    int access = lxml_access(state);

    if (access < ACCESS_OBJECTS) {
        PyErr_Clear();
        return false;
    }
    /* every other proxy of a node, iterator or attribute dict would have a reference to one of the two */
    return Py_REFCNT(element) == 1 && Py_REFCNT(((LxmlElement *)element)->document) == 1;
}

static CpsXmlDocument *
copy_by_text(CpsState *state, PyObject *element)
{
    PyObject *arguments = PyTuple_Pack(1, element);
    PyObject *bytes =
        arguments == NULL ? NULL : PyObject_Call(state->lxml_tostring, arguments, state->lxml_tostring_options);
    CpsXmlDocument *document = NULL;
    CpsXmlErrors errors = {0};

    if (bytes != NULL && PyBytes_Check(bytes)) {
        document =
            cps_xml_parse(PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes), CPS_XML_TRUSTED, NULL, &errors);
        if (document == NULL) {
            cps_xml_raise(&errors);
        }
        else if (!cps_xml_depth_allowed(cps_xml_document_root(document))) {
            cps_xml_document_unref(&document);
            cps_xml_raise_copy(true);
        }
    }
    cps_xml_errors_free(&errors);
    Py_XDECREF(bytes);
    Py_XDECREF(arguments);
    return document;
}

CpsXmlDocument *
cps_lxml_copy(CpsState *state, PyObject *element)
{
    int access = lxml_access(state);
    CpsXmlDocument *document;
    bool too_deep;

    if (access != ACCESS_TREES) {
        return access < 0 ? NULL : copy_by_text(state, element);
    }
    document = cps_xml_document_copy(((LxmlElement *)element)->node, &too_deep);
    return document == NULL ? cps_xml_raise_copy(too_deep) : document;
}

static void
release_element(void *element)
{
    Py_DECREF((PyObject *)element);
}

CpsXmlDocument *
cps_lxml_document(CpsState *state, PyObject *element)
{
    xmlNode *node;
    CpsXmlDocument *document;

    if (lxml_access(state) != ACCESS_TREES) {
        return cps_lxml_copy(state, element);
    }
    node = ((LxmlElement *)element)->node;
    if (xmlDocGetRootElement(node->doc) != node) {
        return cps_lxml_copy(state, element);
    }
    if (!cps_xml_depth_allowed(node)) {
        return cps_xml_raise_copy(true);
    }
    document = cps_xml_document_view(node->doc, Py_NewRef(element), release_element);
    if (document == NULL) {
        Py_DECREF(element);
        PyErr_NoMemory();
    }
    return document;
}

/* ---- set-up ---- */

static PyObject *
shares_trees(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    int access = lxml_access(PyModule_GetState(module));

    return access < 0 ? NULL : PyBool_FromLong(access == ACCESS_TREES);
}

static PyMethodDef lxml_functions[] = {
    {"_lxml_shares_trees", shares_trees, METH_NOARGS,
     "_lxml_shares_trees()\n--\n\nWhether trees pass between lxml and C without a copy. Imports lxml."},
    {NULL},
};

int
cps_lxml_setup(PyObject *module, CpsState *state)
{
    return PyModule_AddFunctions(module, lxml_functions);
}
