/* EventDataAggregator and EventDataXMLAggregator: the values of a dict put together as one text, or as one XML document. */
#include "actors/actors.h"

#include "event/event.h"
#include "xml/dict.h"
#include "xml/lxml.h"
#include "xml/text.h"

typedef struct {
    CpsActor base;
    PyObject *key; /* owned: the name of the root element */
} CpsAggregator;

/* --- as text -------------------------------------------------------------------------------------------------------------- */

/* The values that are not None, one after the other. New str, or NULL with an exception set. */
static PyObject *
aggregate_text(CpsAggregator *self, PyObject *event, PyObject *data)
{
    PyObject *values = PyDict_Values(data), *texts = values == NULL ? NULL : PyList_New(0);
    PyObject *empty = texts == NULL ? NULL : PyUnicode_FromString(""), *result = NULL;
    int status = empty == NULL ? -1 : 0;

    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(values); i++) {
        if (PyList_GET_ITEM(values, i) != Py_None) {
            PyObject *text = PyObject_Str(PyList_GET_ITEM(values, i));

            status = text == NULL ? -1 : PyList_Append(texts, text);
            Py_XDECREF(text);
        }
    }
    if (status == 0) {
        result = PyUnicode_Join(empty, texts);
    }
    Py_XDECREF(values);
    Py_XDECREF(texts);
    Py_XDECREF(empty);
    return result;
}

/* --- as XML --------------------------------------------------------------------------------------------------------------- */

/* The document that a value is, or is the text of. New, or NULL with an exception set; *malformed: its text is not XML. */
static CpsXmlDocument *
aggregate_document(CpsState *state, PyObject *value, bool *malformed)
{
    PyObject *text;
    CpsXmlDocument *document;

    *malformed = false;
    if (cps_lxml_is_element(value)) {
        return cps_lxml_document(state, value);
    }
    text = PyBytes_Check(value) ? Py_NewRef(value) : PyObject_Str(value);
    if (text == NULL) {
        return NULL;
    }
    document = cps_xml_from_text(text, NULL);
    *malformed = document == NULL && !PyErr_ExceptionMatches(PyExc_MemoryError);
    Py_DECREF(text);
    return document;
}

/* Append what `value` holds, or log that it is not XML. Returns 0, or -1 with an exception set. */
static int
aggregate_append(CpsAggregator *self, PyObject *event, CpsXmlDocument *whole, PyObject *value)
{
    bool malformed, too_deep;
    CpsXmlDocument *part = aggregate_document(self->base.state, value, &malformed);
    int result = 0;

    if (malformed) {
        PyObject *exc = PyErr_GetRaisedException();

        cps_log(self->base.logger, CPS_LOG_ERROR, event, "Submitted tag value was not valid XML. Skipping: %S", exc);
        Py_DECREF(exc);
        return 0;
    }
    if (part == NULL) {
        return -1;
    }
    if (cps_xml_document_append(whole, cps_xml_document_root(part), &too_deep) < 0) {
        cps_xml_raise_copy(too_deep);
        result = -1;
    }
    cps_xml_document_unref(&part);
    return result;
}

/* The XML values under one root, as text. New str, or NULL with an exception set. */
static PyObject *
aggregate_under_root(CpsAggregator *self, PyObject *event, PyObject *data)
{
    PyObject *values = PyDict_Values(data), *text = NULL;
    CpsXmlDocument *whole =
        values == NULL ? NULL : cps_xml_from_item(self->base.state, cps_field(self->key), Py_None, true);
    int status = whole == NULL ? -1 : 0;

    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(values); i++) {
        status = aggregate_append(self, event, whole, PyList_GET_ITEM(values, i));
    }
    if (status == 0) {
        text = cps_xml_to_text(cps_xml_document_root(whole), CPS_XML_ASCII);
    }
    cps_xml_document_unref(&whole);
    Py_XDECREF(values);
    return text;
}

/* The text of all values under one root; of one value the value, of none None. New, or NULL with an exception set. */
static PyObject *
aggregate_xml(CpsAggregator *self, PyObject *event, PyObject *data)
{
    PyObject *value = Py_None; /* borrowed */
    Py_ssize_t position = 0;

    if (PyDict_GET_SIZE(data) > 1) {
        return aggregate_under_root(self, event, data);
    }
    (void)PyDict_Next(data, &position, NULL, &value);
    return Py_NewRef(value);
}

/* --- consume -------------------------------------------------------------------------------------------------------------- */

typedef PyObject *(*Aggregate)(CpsAggregator *self, PyObject *event, PyObject *data);

/* Replace the data when it is a dict. Returns 0, or -1 with an exception set. */
static int
aggregator_replace(CpsAggregator *self, PyObject *event, Aggregate aggregate)
{
    PyObject *data = PyObject_GetAttr(event, self->base.state->names.data), *whole;
    int result = data == NULL ? -1 : 0;

    if (data != NULL && PyDict_Check(data)) {
        whole = aggregate(self, event, data);
        result = whole == NULL ? -1 : PyObject_SetAttr(event, self->base.state->names.data, whole);
        Py_XDECREF(whole);
    }
    Py_XDECREF(data);
    return result;
}

static int
aggregator_run(CpsActor *actor, PyObject *event, Aggregate aggregate)
{
    if (aggregator_replace((CpsAggregator *)actor, event, aggregate) < 0) {
        PyObject *exc;

        if (!cps_ordinary_error()) {
            return -1;
        }
        exc = PyErr_GetRaisedException();
        cps_log(actor->logger, CPS_LOG_ERROR, event, "Could not aggregate tags under event data. Reason %S", exc);
        Py_DECREF(exc);
    }
    return cps_actor_send(actor, event);
}

static int
aggregator_consume(CpsActor *actor, CpsInbox *inbox, PyObject *event)
{
    return aggregator_run(actor, event, aggregate_text);
}

static int
xmlaggregator_consume(CpsActor *actor, CpsInbox *inbox, PyObject *event)
{
    return aggregator_run(actor, event, aggregate_xml);
}

static const CpsActorOps aggregator_ops = {.consume = aggregator_consume};
static const CpsActorOps xmlaggregator_ops = {.consume = xmlaggregator_consume};

/* --- the types ------------------------------------------------------------------------------------------------------------ */

static int
aggregator_configure(PyObject *op, const char *type, const CpsActorOps *ops, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "key"};
    CpsAggregator *self = (CpsAggregator *)op;
    PyObject *values[2], *rest_args, *rest_kwargs;
    int result;

    if (cps_bind(type, args, kwargs, names, 2, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    result = cps_actor_init(&self->base, ops, rest_args, rest_kwargs);
    if (result == 0) {
        cps_take_object(&self->key, values[1] == NULL ? values[0] : values[1]);
    }
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

static int
aggregator_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return aggregator_configure(op, "EventDataAggregator", &aggregator_ops, args, kwargs);
}

static int
xmlaggregator_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return aggregator_configure(op, "EventDataXMLAggregator", &xmlaggregator_ops, args, kwargs);
}

static int
aggregator_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(((CpsAggregator *)op)->key);
    return cps_actor_traverse(op, visit, arg);
}

static int
aggregator_clear(PyObject *op)
{
    Py_CLEAR(((CpsAggregator *)op)->key);
    return cps_actor_clear(op);
}

static void
aggregator_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    Py_CLEAR(((CpsAggregator *)op)->key);
    cps_actor_dealloc(op);
}

PyDoc_STRVAR(aggregator_doc,
             "EventDataAggregator(name, key=<name>, *args, **kwargs)\n\n"
             "Replace data that is a dict by its values that are not None, as one str; send every event on.\n\n"
             "In and out: Event. When that fails, the reason is logged and the event goes on as it is.");

static PyMethodDef aggregator_methods[] = {CPS_CONSUME_METHOD, {NULL}};

static PyMemberDef aggregator_members[] = {
    CPS_ACTOR_MEMBERS,
    {"key", T_OBJECT_EX, offsetof(CpsAggregator, key), 0, "The name of the root element (str)."},
    {NULL},
};

static PyGetSetDef aggregator_getset[] = {CPS_DICT, {NULL}};

static PyType_Slot aggregator_slots[] = {
    {Py_tp_doc, (void *)aggregator_doc}, {Py_tp_init, aggregator_init},       {Py_tp_traverse, aggregator_traverse},
    {Py_tp_clear, aggregator_clear},     {Py_tp_dealloc, aggregator_dealloc}, {Py_tp_methods, aggregator_methods},
    {Py_tp_members, aggregator_members}, {Py_tp_getset, aggregator_getset},   {0, NULL},
};

static PyType_Spec aggregator_spec = {
    .name = "compysition.actors.eventdataaggregator.EventDataAggregator",
    .basicsize = sizeof(CpsAggregator),
    .flags = CPS_ACTOR_FLAGS,
    .slots = aggregator_slots,
};

PyDoc_STRVAR(xmlaggregator_doc,
             "EventDataXMLAggregator(name, key=<name>, *args, **kwargs)\n\n"
             "Replace data that is a dict of XML texts by one XML text; send every event on.\n\n"
             "In and out: Event. Several values become children of an element named key; one that is not XML is\n"
             "left out and logged. Of one value only that value is taken, of an empty dict None. When anything else\n"
             "fails, the reason is logged and the event goes on as it is.");

static PyType_Slot xmlaggregator_slots[] = {
    {Py_tp_doc, (void *)xmlaggregator_doc}, {Py_tp_init, xmlaggregator_init},    {Py_tp_traverse, aggregator_traverse},
    {Py_tp_clear, aggregator_clear},        {Py_tp_dealloc, aggregator_dealloc}, {0, NULL},
};

static PyType_Spec xmlaggregator_spec = {
    .name = "compysition.actors.eventdataaggregator.EventDataXMLAggregator",
    .basicsize = sizeof(CpsAggregator),
    .flags = CPS_ACTOR_FLAGS,
    .slots = xmlaggregator_slots,
};

int
cps_aggregator_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.EventDataAggregator, &aggregator_spec, (PyObject *)state->types.Actor) < 0) {
        return -1;
    }
    return cps_add_type(module, &state->types.EventDataXMLAggregator, &xmlaggregator_spec,
                        (PyObject *)state->types.EventDataAggregator);
}
