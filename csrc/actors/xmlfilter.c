/* EventXMLFilter and EventXMLXpathsFilter: filters on what an XPath finds in an event's XML. */
#include "actors/filter.h"
#include "actors/xmlsource.h"

#include "event/event.h"
#include "event/lookup.h"
#include "event/xmldata.h"
#include "xml/lxml.h"
#include "xml/nodetext.h"
#include "xml/qualify.h"
#include "xml/stylesheet.h"
#include "xml/text.h"
#include "xml/xpath.h"

#include <stdlib.h>

typedef struct {
    CpsFilter base;
    PyObject *xpath;           /* owned: as given */
    PyObject *regex_xpath;     /* owned: as given; EventXMLXpathsFilter only */
    PyObject *xslt;            /* owned: as given */
    CpsXPath *values;          /* owned; NULL: no xpath */
    CpsXPath *regexes;         /* owned; NULL: no regex_xpath */
    CpsStylesheet *stylesheet; /* owned; NULL: no xslt */
} CpsXmlFilter;

/* --- finding values ------------------------------------------------------------------------------------------------------------ */

/* Forget an exception that only means that there is nothing to be found. Whether there was one. */
static bool
xmlfilter_forgive(void)
{
    bool ordinary = PyErr_ExceptionMatches(PyExc_Exception) && !PyErr_ExceptionMatches(PyExc_MemoryError);

    if (ordinary) {
        PyErr_Clear();
    }
    return ordinary;
}

/* The document of what the event has at `scope`: its XML, or an lxml element or tree. New, or NULL with an exception set. */
static CpsXmlDocument *
xmlfilter_document(CpsXmlFilter *self, PyObject *event, PyObject *scope)
{
    CpsState *state = self->base.state;
    PyObject *value;
    CpsXmlDocument *document = NULL;

    if (cps_lookup_is_data(state, event, scope) && ((CpsEvent *)event)->payload != NULL &&
        ((CpsEvent *)event)->payload->kind == CPS_DATA_XML) {
        return cps_event_document_to_read(state, event);
    }
    value = cps_filter_scoped(&self->base, event, scope, true);
    if (value != NULL && cps_lxml_is_tree(value)) {
        Py_SETREF(value, cps_lxml_tree_root(value));
    }
    if (value != NULL && cps_lxml_is_element(value)) {
        document = cps_lxml_document(state, value);
    }
    else if (value != NULL) {
        PyErr_Format(PyExc_TypeError, "%.200s is not an XML element", Py_TYPE(value)->tp_name);
    }
    Py_XDECREF(value);
    return document;
}

/* The result of the stylesheet for a document. New; NULL with an exception set for what the stylesheet may not do or does not give, and
 * without one when it fails on this document. */
static CpsXmlDocument *
xmlfilter_transform(CpsXmlFilter *self, const CpsXmlDocument *document)
{
    static const char *const no_parameters[] = {NULL};
    bool too_deep;
    CpsXmlDocument *source = cps_xml_document_copy(cps_xml_document_root(document), &too_deep);
    CpsTransformation transformation = {0};
    CpsXmlDocument *result;
    const CpsXmlError *first;

    if (source == NULL) {
        return cps_xml_raise_copy(too_deep);
    }
    cps_stylesheet_apply(self->stylesheet, source->tree, no_parameters, &transformation);
    cps_xml_document_unref(&source);
    first = cps_xml_errors_first(&transformation.errors);
    if (transformation.result == NULL && transformation.explained && first != NULL) {
        PyErr_SetString(PyExc_ValueError, first->message);
    }
    result = transformation.result;
    transformation.result = NULL;
    cps_transformation_free(&transformation);
    return result;
}

/* Returns 1 and *document new: what is searched, 0 when there is nothing of that kind, -1 with an exception set. */
static int
xmlfilter_open(CpsXmlFilter *self, PyObject *event, PyObject *scope, CpsXmlDocument **document)
{
    CpsXmlDocument *found = xmlfilter_document(self, event, scope);

    *document = NULL;
    if (found == NULL) {
        return xmlfilter_forgive() ? 0 : -1;
    }
    if (self->stylesheet == NULL) {
        *document = found;
        return 1;
    }
    *document = xmlfilter_transform(self, found);
    cps_xml_document_unref(&found);
    return *document != NULL ? 1 : PyErr_Occurred() ? -1 : 0;
}

/* Note why an XPath cannot be evaluated on this document. */
static void
xmlfilter_note_trouble(CpsXmlFilter *self, const CpsXPath *xpath, const CpsXmlErrors *errors)
{
    const CpsXmlError *first = cps_xml_errors_first(errors);

    if (!self->base.troubled) {
        self->base.troubled = true;
        Py_XSETREF(self->base.trouble, PyUnicode_FromFormat("%R cannot be evaluated on this document: %s",
                                                            xpath == self->values ? self->xpath : self->regex_xpath,
                                                            first == NULL ? "it fails" : first->message));
        PyErr_Clear();
    }
}

/* Returns 1 and *values new, 0 when the XPath cannot be evaluated, -1 with an exception set. */
static int
xmlfilter_evaluate(CpsXmlFilter *self, CpsXPath *xpath, xmlNode *element, PyObject **values)
{
    CpsXmlErrors errors = {0};
    xmlXPathObject *result;
    CpsXPathStatus status = cps_xpath_evaluate(xpath, element, &result, &errors);

    if (status == CPS_XPATH_FAILED) {
        xmlfilter_note_trouble(self, xpath, &errors);
    }
    cps_xml_errors_free(&errors);
    switch (status) {
    case CPS_XPATH_DONE:
        *values = cps_xpath_values(result);
        xmlXPathFreeObject(result);
        return *values == NULL ? -1 : 1;
    case CPS_XPATH_LIMITED:
        PyErr_Format(PyExc_ValueError, "an XPath takes more than %d steps on this document", CPS_XPATH_MAX_STEPS);
        return -1;
    case CPS_XPATH_NO_MEMORY:
        PyErr_NoMemory();
        return -1;
    default:
        return 0;
    }
}

/* A visitor of nodes for a visitor of values. */
typedef struct {
    CpsFilterVisit visit;
    void *context;
} NodeVisit;

static int
xmlfilter_visit_node(const xmlNode *node, void *context)
{
    const NodeVisit *visit = context;
    PyObject *text = cps_xml_node_text(node);
    int result = text == NULL ? -1 : visit->visit(text, visit->context);

    Py_XDECREF(text);
    return result;
}

/* As CpsFilterOps.candidates, on a list. */
static int
xmlfilter_visit_list(PyObject *values, CpsFilterVisit visit, void *context)
{
    int result = 0;

    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(values); i++) {
        result = visit(PyList_GET_ITEM(values, i), context);
    }
    return result;
}

/* A simple XPath is walked while the values are visited: nobody changes a document that is ours as long as we have it. */
static int
xmlfilter_candidates(CpsFilter *op, PyObject *event, PyObject *scope, bool to_read, CpsFilterVisit visit, void *context)
{
    CpsXmlFilter *self = (CpsXmlFilter *)op;
    NodeVisit node_visit = {visit, context};
    CpsXmlDocument *document;
    PyObject *values = NULL; /* as some compilers cannot see that it is set */
    int result = self->values == NULL ? 0 : xmlfilter_open(self, event, scope, &document);

    if (result <= 0) {
        return result;
    }
    if (to_read && document->release == NULL &&
        cps_xpath_walk(self->values, cps_xml_document_root(document), xmlfilter_visit_node, &node_visit, &result)) {
        cps_xml_document_unref(&document);
        return result;
    }
    result = xmlfilter_evaluate(self, self->values, cps_xml_document_root(document), &values);
    cps_xml_document_unref(&document);
    if (result > 0) {
        result = xmlfilter_visit_list(values, visit, context);
        Py_DECREF(values);
    }
    return result;
}

static const CpsFilterOps xmlfilter_ops;

static PyObject *
xmlfilter_get_value(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return cps_filter_iterate(op, &xmlfilter_ops, args, kwargs);
}

/* What is wrong with an XPath; NULL without an exception when nothing is, or when it cannot be told. */
static PyObject *
xmlfilter_complain_of(CpsXPath *xpath, PyObject *given)
{
    CpsXmlErrors errors = {0};
    const CpsXmlError *first;
    PyObject *text = NULL;

    if (xpath != NULL && !cps_xpath_check(xpath, &errors)) {
        first = cps_xml_errors_first(&errors);
        text = PyUnicode_FromFormat("%R is no XPath: %s", given, first == NULL ? "invalid" : first->message);
        PyErr_Clear();
    }
    cps_xml_errors_free(&errors);
    return text;
}

static PyObject *
xmlfilter_complain(CpsFilter *op)
{
    CpsXmlFilter *self = (CpsXmlFilter *)op;
    PyObject *text = xmlfilter_complain_of(self->values, self->xpath);

    return text != NULL ? text : xmlfilter_complain_of(self->regexes, self->regex_xpath);
}

static const CpsFilterOps xmlfilter_ops = {.candidates = xmlfilter_candidates,
                                           .complain = xmlfilter_complain,
                                           .get_value = _PyCFunction_CAST(xmlfilter_get_value)};

/* --- arguments ----------------------------------------------------------------------------------------------------------------- */

/* The XPath of a str, bytes or None: *xpath_p is replaced. Returns 0, or -1 with an exception set. */
static int
xmlfilter_take_xpath(CpsXPath **xpath_p, PyObject *given, const char *name)
{
    const char *text = NULL;

    cps_xpath_free(xpath_p);
    if (given == Py_None) {
        return 0;
    }
    if (PyUnicode_Check(given)) {
        text = cps_xml_utf8(given);
    }
    else if (PyBytes_Check(given)) {
        text = PyBytes_AS_STRING(given);
    }
    else {
        PyErr_Format(PyExc_TypeError, "%s must be a str, not %.200s", name, Py_TYPE(given)->tp_name);
    }
    if (text == NULL) {
        return -1;
    }
    *xpath_p = cps_xpath_new(text);
    if (*xpath_p == NULL) {
        PyErr_NoMemory();
    }
    return *xpath_p == NULL ? -1 : 0;
}

/* The stylesheet of a str, bytes, path or None. Returns 0, or -1 with an exception set. */
static int
xmlfilter_take_xslt(CpsXmlFilter *self, PyObject *given)
{
    CpsXmlDocument *document;
    CpsXmlErrors errors = {0};

    cps_stylesheet_free(self->stylesheet);
    self->stylesheet = NULL;
    Py_XSETREF(self->xslt, Py_NewRef(given));
    if (given == Py_None) {
        return 0;
    }
    document = cps_xml_source_load(given, NULL); /* it may read nothing */
    if (document == NULL) {
        return -1;
    }
    self->stylesheet = cps_stylesheet_new(&document, NULL, NULL, &errors);
    if (self->stylesheet == NULL) {
        cps_xml_source_raise("XSLTParseError", &errors);
    }
    cps_xml_errors_free(&errors);
    return self->stylesheet == NULL ? -1 : 0;
}

/* Whether an argument in the place of a stylesheet is something else: release 1.1 had other arguments there. */
static bool
xmlfilter_is_no_stylesheet(PyObject *args, Py_ssize_t index)
{
    PyObject *given = index < PyTuple_GET_SIZE(args) ? PyTuple_GET_ITEM(args, index) : Py_None; /* borrowed */
    const char *text = "";

    if (given == Py_None) {
        return false;
    }
    if (PyUnicode_Check(given)) {
        text = cps_xml_utf8(given);
    }
    else if (PyBytes_Check(given)) {
        text = PyBytes_AS_STRING(given);
    }
    PyErr_Clear();
    return text == NULL || !cps_xml_source_is_markup(text);
}

/* The arguments of both constructors; each is borrowed, and may be NULL. */
typedef struct {
    PyObject *xpath, *regex_xpath, *xslt, *regexes, *outboxes, *scope, *next;
} Arguments;

/* Returns 0, or -1 with an exception set. */
static int
xmlfilter_configure(CpsXmlFilter *self, const Arguments *arguments)
{
    PyObject *xpath = arguments->xpath == NULL ? Py_None : arguments->xpath;
    PyObject *regex_xpath = arguments->regex_xpath == NULL ? Py_None : arguments->regex_xpath;

    if (xmlfilter_take_xslt(self, arguments->xslt == NULL ? Py_None : arguments->xslt) < 0 ||
        xmlfilter_take_xpath(&self->values, xpath, "xpath") < 0 ||
        xmlfilter_take_xpath(&self->regexes, regex_xpath, "regex_xpath") < 0) {
        return -1;
    }
    Py_XSETREF(self->xpath, Py_NewRef(xpath));
    Py_XSETREF(self->regex_xpath, Py_NewRef(regex_xpath));
    return cps_filter_configure(&self->base, arguments->regexes, arguments->outboxes, arguments->scope,
                                arguments->next);
}

/* --- EventXMLFilter ------------------------------------------------------------------------------------------------------------ */

static PyObject *
xmlfilter_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return cps_filter_new(type, &xmlfilter_ops);
}

static int
xmlfilter_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"xpath", "xslt", "value_regexes", "outbox_names", "event_scope", "next_filter", NULL};
    static char *old_names[] = {"xpath", "value_regexes", "outbox_names", "xslt", "event_scope", "next_filter", NULL};
    Arguments got = {0};
    int parsed;

    if (xmlfilter_is_no_stylesheet(args, 1)) {
        parsed = PyArg_ParseTupleAndKeywords(args, kwargs, "|OOOOOO:EventXMLFilter", old_names, &got.xpath,
                                             &got.regexes, &got.outboxes, &got.xslt, &got.scope, &got.next);
    }
    else {
        parsed = PyArg_ParseTupleAndKeywords(args, kwargs, "|OOOOOO:EventXMLFilter", names, &got.xpath, &got.xslt,
                                             &got.regexes, &got.outboxes, &got.scope, &got.next);
    }
    return parsed ? xmlfilter_configure((CpsXmlFilter *)op, &got) : -1;
}

static int
xmlfilter_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsXmlFilter *self = (CpsXmlFilter *)op;

    Py_VISIT(self->xpath);
    Py_VISIT(self->regex_xpath);
    Py_VISIT(self->xslt);
    return cps_filter_traverse(op, visit, arg);
}

static int
xmlfilter_clear(PyObject *op)
{
    CpsXmlFilter *self = (CpsXmlFilter *)op;

    Py_CLEAR(self->xpath);
    Py_CLEAR(self->regex_xpath);
    Py_CLEAR(self->xslt);
    return cps_filter_clear(op);
}

static void
xmlfilter_dealloc(PyObject *op)
{
    CpsXmlFilter *self = (CpsXmlFilter *)op;

    PyObject_GC_UnTrack(op);
    Py_CLEAR(self->xpath);
    Py_CLEAR(self->regex_xpath);
    Py_CLEAR(self->xslt);
    cps_xpath_free(&self->values);
    cps_xpath_free(&self->regexes);
    cps_stylesheet_free(self->stylesheet);
    cps_filter_dealloc(op);
}

PyDoc_STRVAR(
    xmlfilter_doc,
    "EventXMLFilter(xpath=None, xslt=None, value_regexes='.*', outbox_names=[], event_scope=('data',),\n"
    "               next_filter=None)\n--\n\n"
    "An EventFilter on what an XPath finds in XML.\n\n"
    "xpath: str, evaluated on the XML (an event's data, or an lxml element or tree) at event_scope. Of elements\n"
    "    the regexes are tried on the text, of a number or bool on its str().\n"
    "xslt: str or bytes with a stylesheet, or the path of one, that the XML is transformed by first. It may\n"
    "    read no files.\n\n"
    "Prefixes are those that the root element and its children declare; names without one are in the\n"
    "default namespace when there is one, which may also be written as 'default:name'. What is no XML, or\n"
    "where the XPath cannot be evaluated, does not match.\n"
    "The other arguments are those of EventFilter.");

static PyMethodDef xmlfilter_methods[] = {CPS_FILTER_GET_VALUE(xmlfilter_get_value), {NULL}};

static PyMemberDef xmlfilter_members[] = {
    {"xpath", T_OBJECT, offsetof(CpsXmlFilter, xpath), READONLY, "The XPath (str), or None."},
    {"xslt", T_OBJECT, offsetof(CpsXmlFilter, xslt), READONLY, "The stylesheet as given, or None."},
    {NULL},
};

static PyType_Slot xmlfilter_slots[] = {
    {Py_tp_doc, (void *)xmlfilter_doc},   {Py_tp_new, xmlfilter_new},         {Py_tp_init, xmlfilter_init},
    {Py_tp_traverse, xmlfilter_traverse}, {Py_tp_clear, xmlfilter_clear},     {Py_tp_dealloc, xmlfilter_dealloc},
    {Py_tp_methods, xmlfilter_methods},   {Py_tp_members, xmlfilter_members}, {0, NULL},
};

static PyType_Spec xmlfilter_spec = {
    .name = "compysition.actors.eventrouter.EventXMLFilter",
    .basicsize = sizeof(CpsXmlFilter),
    .flags = CPS_FILTER_FLAGS,
    .slots = xmlfilter_slots,
};

/* --- EventXMLXpathsFilter -------------------------------------------------------------------------------------------------------- */

/* What regex_xpath finds, as patterns. New list, or NULL with an exception set. */
static PyObject *
xpathsfilter_regexes(CpsFilter *op, PyObject *event)
{
    CpsXmlFilter *self = (CpsXmlFilter *)op;
    PyObject *scope = op->event_scope == NULL ? Py_None : op->event_scope;
    CpsXmlDocument *document;
    PyObject *values, *patterns;
    int found = self->regexes == NULL ? 0 : xmlfilter_open(self, event, scope, &document);

    if (found > 0) {
        found = xmlfilter_evaluate(self, self->regexes, cps_xml_document_root(document), &values);
        cps_xml_document_unref(&document);
    }
    if (found <= 0) {
        return found < 0 ? NULL : PyList_New(0);
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(values); i++) {
        PyObject *text = PyObject_Str(PyList_GET_ITEM(values, i));

        if (text == NULL) {
            Py_DECREF(values);
            return NULL;
        }
        (void)PyList_SetItem(values, i, text); /* steals, and cannot fail here */
    }
    patterns = cps_filter_parse_regexes(op, values);
    Py_DECREF(values);
    return patterns;
}

static const CpsFilterOps xpathsfilter_ops = {.candidates = xmlfilter_candidates,
                                              .regexes = xpathsfilter_regexes,
                                              .complain = xmlfilter_complain,
                                              .get_value = _PyCFunction_CAST(xmlfilter_get_value)};

static PyObject *
xpathsfilter_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return cps_filter_new(type, &xpathsfilter_ops);
}

static int
xpathsfilter_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"regex_xpath", "xpath",       "xslt",        "outbox_names",
                            "event_scope", "next_filter", "value_xpath", NULL};
    static char *old_names[] = {"xpath",       "value_xpath", "outbox_names", "xslt",
                                "event_scope", "next_filter", "regex_xpath",  NULL};
    Arguments got = {0};
    PyObject *old_regex_xpath = NULL; /* borrowed */
    int parsed;

    if (xmlfilter_is_no_stylesheet(args, 2)) {
        parsed = PyArg_ParseTupleAndKeywords(args, kwargs, "|OOOOOOO:EventXMLXpathsFilter", old_names, &got.xpath,
                                             &old_regex_xpath, &got.outboxes, &got.xslt, &got.scope, &got.next,
                                             &got.regex_xpath);
    }
    else {
        parsed =
            PyArg_ParseTupleAndKeywords(args, kwargs, "|OOOOOOO:EventXMLXpathsFilter", names, &got.regex_xpath,
                                        &got.xpath, &got.xslt, &got.outboxes, &got.scope, &got.next, &old_regex_xpath);
    }
    if (got.regex_xpath == NULL) {
        got.regex_xpath = old_regex_xpath;
    }
    return parsed ? xmlfilter_configure((CpsXmlFilter *)op, &got) : -1;
}

PyDoc_STRVAR(xpathsfilter_doc,
             "EventXMLXpathsFilter(regex_xpath=None, xpath=None, xslt=None, outbox_names=[], event_scope=('data',),\n"
             "                     next_filter=None, value_xpath=None)\n--\n\n"
             "An EventXMLFilter whose regexes are in the XML, too.\n\n"
             "regex_xpath: str, finds the regexes. Whoever writes the XML chooses them: a bad one can take very long.\n"
             "value_xpath: the name of regex_xpath up to release 1.1.\n"
             "The other arguments are those of EventXMLFilter; there is no value_regexes.");

static PyMemberDef xpathsfilter_members[] = {
    {"regex_xpath", T_OBJECT, offsetof(CpsXmlFilter, regex_xpath), READONLY,
     "The XPath of the regexes (str), or None."},
    {NULL},
};

static PyType_Slot xpathsfilter_slots[] = {
    {Py_tp_doc, (void *)xpathsfilter_doc}, {Py_tp_new, xpathsfilter_new},
    {Py_tp_init, xpathsfilter_init},       {Py_tp_traverse, xmlfilter_traverse},
    {Py_tp_clear, xmlfilter_clear},        {Py_tp_dealloc, xmlfilter_dealloc},
    {Py_tp_members, xpathsfilter_members}, {0, NULL},
};

static PyType_Spec xpathsfilter_spec = {
    .name = "compysition.actors.eventrouter.EventXMLXpathsFilter",
    .basicsize = sizeof(CpsXmlFilter),
    .flags = CPS_FILTER_FLAGS,
    .slots = xpathsfilter_slots,
};

static PyObject *
xmlfilter_qualify(PyObject *module, PyObject *given)
{
    const char *text = cps_xml_utf8(given);
    char *qualified;
    PyObject *result;

    if (text == NULL) {
        return NULL;
    }
    qualified = cps_xpath_qualify(text);
    if (qualified == NULL) {
        return PyErr_NoMemory();
    }
    result = PyUnicode_FromString(qualified);
    free(qualified);
    return result;
}

static PyMethodDef xmlfilter_functions[] = {
    {"_qualify_xpath", xmlfilter_qualify, METH_O,
     "_qualify_xpath(xpath, /)\n--\n\n"
     "The XPath with the prefix 'default' before each name of an element that has none."},
    {NULL},
};

int
cps_xmlfilter_setup(PyObject *module, CpsState *state)
{
    if (PyModule_AddFunctions(module, xmlfilter_functions) < 0) {
        return -1;
    }
    if (cps_add_type(module, &state->types.EventXMLFilter, &xmlfilter_spec, (PyObject *)state->types.EventFilter) < 0) {
        return -1;
    }
    return cps_add_type(module, &state->types.EventXMLXpathsFilter, &xpathsfilter_spec,
                        (PyObject *)state->types.EventXMLFilter);
}
