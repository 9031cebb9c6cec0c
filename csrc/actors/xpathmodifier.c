/* XpathEventAttributeModifer and HTTPXpathEventAttributeModifier: set an attribute to what an XPath finds in the event's XML. */
#include "actors/modifier.h"
#include "event/event.h"
#include "event/xmldata.h"
#include "xml/text.h"
#include "xml/xpath.h"

#include <math.h>

typedef struct {
    CpsModifier base;
    CpsXPath *xpath;  /* owned; NULL until it is needed */
    PyObject *source; /* owned: the value that it was made of */
} CpsXpathModifier;

/* --- values --------------------------------------------------------------------------------------------------------------- */

static PyObject *
text_or_none(const xmlChar *text)
{
    return text == NULL ? Py_NewRef(Py_None) : PyUnicode_FromString((const char *)text);
}

/* The XML of an element by itself: a copy declares the prefixes that it uses. New, or NULL with an exception set. */
static PyObject *
element_xml(xmlNode *element)
{
    bool too_deep;
    CpsXmlDocument *copy = cps_xml_document_copy(element, &too_deep);
    PyObject *text;

    if (copy == NULL) {
        return cps_xml_raise_copy(too_deep);
    }
    text = cps_xml_to_text(cps_xml_document_root(copy), CPS_XML_ASCII);
    cps_xml_document_unref(&copy);
    return text;
}

/* Of an element with children its XML, without what follows it; else its text, None when it has none. New, or NULL with an
 * exception set. */
static PyObject *
element_value(xmlNode *element)
{
    const xmlNode *child = element->children;
    xmlChar *text;
    PyObject *value;

    while (child != NULL && cps_xml_is_text(child)) {
        child = child->next;
    }
    if (child != NULL) {
        return element_xml(element);
    }
    text = element->children == NULL ? NULL : xmlNodeGetContent(element);
    value = text_or_none(text);
    xmlFree(text);
    return value;
}

static PyObject *
node_value(xmlNode *node)
{
    xmlChar *text;
    PyObject *value;

    if (node->type == XML_ELEMENT_NODE) {
        return element_value(node);
    }
    if (node->type == XML_NAMESPACE_DECL) {
        return text_or_none(((xmlNs *)node)->href);
    }
    text = xmlNodeGetContent(node);
    value = text_or_none(text);
    xmlFree(text);
    return value;
}

/* None for no node, a value for one, a list for several. New, or NULL with an exception set. */
static PyObject *
nodes_value(const xmlNodeSet *nodes)
{
    int count = nodes == NULL ? 0 : nodes->nodeNr;
    PyObject *values;

    if (count < 2) {
        return count == 0 ? Py_NewRef(Py_None) : node_value(nodes->nodeTab[0]);
    }
    values = PyList_New(count);
    for (int i = 0; values != NULL && i < count; i++) {
        PyObject *value = node_value(nodes->nodeTab[i]);

        if (value == NULL) {
            Py_CLEAR(values);
        }
        else {
            PyList_SET_ITEM(values, i, value);
        }
    }
    return values;
}

/* What the XPath has found. New, or NULL with an exception set. */
static PyObject *
result_value(const xmlXPathObject *result)
{
    switch (result->type) {
    case XPATH_STRING:
        return PyUnicode_FromString((const char *)result->stringval);
    case XPATH_BOOLEAN:
        return PyBool_FromLong(result->boolval);
    case XPATH_NUMBER:
        return result->floatval == floor(result->floatval) && isfinite(result->floatval)
                   ? PyLong_FromDouble(result->floatval)
                   : PyFloat_FromDouble(result->floatval);
    default:
        return nodes_value(result->nodesetval);
    }
}

/* --- finding -------------------------------------------------------------------------------------------------------------- */

/* The XPath of self->value, which scripts may change. NULL with an exception set. */
static CpsXPath *
xpath_at_hand(CpsXpathModifier *self)
{
    PyObject *value = cps_field(self->base.value);
    const char *text;

    if (self->xpath != NULL && self->source == value) {
        return self->xpath;
    }
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "value must be an XPath (str), not %.100s", Py_TYPE(value)->tp_name);
        return NULL;
    }
    text = cps_xml_utf8(value);
    if (text == NULL) {
        return NULL;
    }
    cps_xpath_free(&self->xpath);
    self->xpath = cps_xpath_new(text);
    cps_take_object(&self->source, value);
    if (self->xpath == NULL) {
        PyErr_NoMemory();
    }
    return self->xpath;
}

/* Returns NULL always. */
static PyObject *
raise_failed(CpsState *state, PyObject *value, CpsXPathStatus status, const CpsXmlErrors *errors)
{
    const CpsXmlError *first = cps_xml_errors_first(errors);

    if (status == CPS_XPATH_NO_MEMORY) {
        return PyErr_NoMemory();
    }
    if (status == CPS_XPATH_LIMITED) {
        return cps_raise(state, CPS_MALFORMED_EVENT_DATA, "XPath '%S' takes more than %d steps", value,
                         CPS_XPATH_MAX_STEPS);
    }
    return cps_raise(state, CPS_MALFORMED_EVENT_DATA, "XPath '%S' cannot be evaluated: %s", value,
                     first == NULL ? "unknown error" : first->message);
}

/* What the XPath finds below an element. New, or NULL with an exception set. */
static PyObject *
xpath_find(CpsXpathModifier *self, CpsXPath *xpath, xmlNode *element)
{
    CpsXmlErrors errors = {0};
    xmlXPathObject *result;
    CpsXPathStatus status = cps_xpath_evaluate(xpath, element, &result, &errors);
    PyObject *value;

    if (status == CPS_XPATH_DONE) {
        value = result_value(result);
        xmlXPathFreeObject(result);
    }
    else {
        value = raise_failed(self->base.base.state, self->source, status, &errors);
    }
    cps_xml_errors_free(&errors);
    return value;
}

static PyObject *
xpath_get_modify_value(PyObject *op, PyObject *args, PyObject *kwargs)
{
    CpsXpathModifier *self = (CpsXpathModifier *)op;
    CpsState *state = self->base.base.state;
    PyObject *event = cps_modifier_event_argument(args, kwargs), *value; /* event borrowed */
    CpsXPath *xpath = event == NULL ? NULL : xpath_at_hand(self);
    CpsXmlDocument *document;

    if (xpath == NULL) {
        return NULL;
    }
    if (!cps_event_check(state, event)) {
        return PyErr_Format(PyExc_TypeError, "%.200s is not an event", Py_TYPE(event)->tp_name);
    }
    document = cps_event_document_to_read(state, event);
    value = document == NULL ? NULL : xpath_find(self, xpath, cps_xml_document_root(document));
    cps_xml_document_unref(&document);
    return value;
}

/* --- the types ------------------------------------------------------------------------------------------------------------ */

/* Check the value that was just taken. Returns 0, or -1 with an exception set. */
static int
xpath_check(CpsXpathModifier *self)
{
    CpsXPath *xpath = xpath_at_hand(self);
    CpsXmlErrors errors = {0};
    int result = 0;

    if (xpath == NULL) {
        return -1;
    }
    if (!cps_xpath_check(xpath, &errors)) {
        const CpsXmlError *first = cps_xml_errors_first(&errors);

        cps_raise(self->base.base.state, CPS_ACTOR_INIT_FAILURE, "'%U' is not an XPath: %s", self->source,
                  first == NULL ? "unknown error" : first->message);
        result = -1;
    }
    cps_xml_errors_free(&errors);
    return result;
}

static int
xpath_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    if (cps_modifier_init_common(op, "XpathEventAttributeModifer", args, kwargs) < 0) {
        return -1;
    }
    return xpath_check((CpsXpathModifier *)op);
}

static int
http_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    if (cps_modifier_init_status(op, "HTTPXpathEventAttributeModifier", NULL, args, kwargs) < 0) {
        return -1;
    }
    return xpath_check((CpsXpathModifier *)op);
}

static int
xpath_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(((CpsXpathModifier *)op)->source);
    return cps_modifier_traverse(op, visit, arg);
}

static int
xpath_clear(PyObject *op)
{
    Py_CLEAR(((CpsXpathModifier *)op)->source);
    return cps_modifier_clear(op);
}

static void
xpath_dealloc(PyObject *op)
{
    CpsXpathModifier *self = (CpsXpathModifier *)op;

    PyObject_GC_UnTrack(op);
    cps_xpath_free(&self->xpath);
    Py_CLEAR(self->source);
    cps_modifier_dealloc(op);
}

PyDoc_STRVAR(xpath_doc,
             "XpathEventAttributeModifer(name, key='data', value=..., log_change=False, separator='/', *args,\n"
             "                           **kwargs)\n--\n\n"
             "As EventAttributeModifier, with the value that an XPath finds in the event's data.\n\n"
             "In and out: XMLEvent.\n\n"
             "value: str, the XPath. Of an element with children the value is its XML, of another node its text; of\n"
             "    several nodes a list of those, of none None. A number, a str or a bool is taken as it is.\n\n"
             "Prefixes are those that the root element and its children declare; names without one are in the\n"
             "default namespace when there is one. Raises ActorInitFailure for what is no XPath. Where it cannot be\n"
             "evaluated, the event fails with MalformedEventData.");

static PyMethodDef xpath_methods[] = {CPS_GET_MODIFY_VALUE(xpath_get_modify_value), {NULL}};

static PyType_Slot xpath_slots[] = {
    {Py_tp_doc, (void *)xpath_doc},
    {Py_tp_init, xpath_init},
    {Py_tp_traverse, xpath_traverse},
    {Py_tp_clear, xpath_clear},
    {Py_tp_dealloc, xpath_dealloc},
    {Py_tp_methods, xpath_methods},
    {0, NULL},
};

static PyType_Spec xpath_spec = {
    .name = "compysition.actors.eventattributemodifier.XpathEventAttributeModifer",
    .basicsize = sizeof(CpsXpathModifier),
    .flags = CPS_ACTOR_FLAGS,
    .slots = xpath_slots,
};

PyDoc_STRVAR(http_doc,
             "HTTPXpathEventAttributeModifier(name, value, log_change=False, separator='/', *args, **kwargs)\n--\n\n"
             "As XpathEventAttributeModifer, for the status of HTTP events.\n\n"
             "In and out: XMLEvent.\n\n"
             "value: str, an XPath that finds a status in any form that event.status takes.");

static PyType_Slot http_slots[] = {
    {Py_tp_doc, (void *)http_doc}, {Py_tp_init, http_init},        {Py_tp_traverse, xpath_traverse},
    {Py_tp_clear, xpath_clear},    {Py_tp_dealloc, xpath_dealloc}, {0, NULL},
};

static PyType_Spec http_spec = {
    .name = "compysition.actors.eventattributemodifier.HTTPXpathEventAttributeModifier",
    .basicsize = sizeof(CpsXpathModifier),
    .flags = CPS_ACTOR_FLAGS,
    .slots = http_slots,
};

int
cps_xpathmodifier_setup(PyObject *module, CpsState *state)
{
    PyTypeObject **slot = &state->types.XpathEventAttributeModifer;

    if (cps_add_type(module, slot, &xpath_spec, (PyObject *)state->types.EventAttributeModifier) < 0 ||
        cps_set_event_types(state, *slot, state->types.XMLEvent, state->types.XMLEvent) < 0) {
        return -1;
    }
    return cps_add_type(module, &state->types.HTTPXpathEventAttributeModifier, &http_spec, (PyObject *)*slot);
}
