/* DictToXML: JSON data becomes XML. */
#include "actors/dicttoxml.h"

#include "event/event.h"
#include "event/format.h"
#include "event/xmldata.h"
#include "xml/dict.h"

/* --- the conversion ------------------------------------------------------------------------------------------------------- */

/* What `event` has as its data while it is converted: `data`, or the document where nobody would make it otherwise. New, or NULL with
 * an exception set. */
static CpsPayload *
make_payload(CpsDictToXml *self, PyObject *event, PyObject *data)
{
    CpsState *state = self->base.state;
    CpsXmlDocument *document;

    if (!self->escape_xml && !PyObject_TypeCheck(event, state->types.XMLEvent)) {
        return cps_payload_new(state, data, CPS_DATA_JSON);
    }
    document = cps_xml_from_data(state, data, self->escape_xml);
    if (document == NULL) {
        cps_format_raise(state);
        return NULL;
    }
    return cps_payload_from_document(state, &document);
}

/* event.convert(XMLEvent) with `payload` (taken) as the event's data; an XML event keeps its class. New, or NULL with an exception
 * set; the event has its own data again. */
static PyObject *
convert_with(CpsState *state, PyObject *event, CpsPayload *payload)
{
    PyTypeObject *target = state->types.XMLEvent;
    CpsEvent *self = (CpsEvent *)event;
    CpsPayload *own = self->payload;
    PyObject *converted;

    self->payload = payload;
    converted = cps_event_call_convert(state, event, PyObject_TypeCheck(event, target) ? Py_TYPE(event) : target);
    if (converted != event) { /* an overridden convert() may return the event itself */
        payload = self->payload;
        self->payload = own;
        own = payload;
    }
    Py_XDECREF(own);
    return converted;
}

/* Log the exception that is set. */
static void
log_failure(CpsActor *actor, PyObject *event)
{
    if (cps_ordinary_error()) {
        PyObject *exc = PyErr_GetRaisedException();

        cps_log(actor->logger, CPS_LOG_ERROR, event, "Unable to convert XML: %S", exc);
        PyErr_SetRaisedException(exc); /* steals */
    }
}

int
cps_dicttoxml_send(CpsDictToXml *self, PyObject *event, PyObject *data)
{
    CpsActor *actor = &self->base;
    CpsPayload *payload = data == NULL ? NULL : make_payload(self, event, data);
    PyObject *converted = payload == NULL ? NULL : convert_with(actor->state, event, payload);
    int status;

    Py_XDECREF(data);
    if (converted == NULL) {
        log_failure(actor, event);
        return -1;
    }
    cps_log(actor->logger, CPS_LOG_INFO, event, "Successfully converted Dict to XML");
    status = cps_actor_send(actor, converted);
    Py_DECREF(converted);
    return status;
}

/* --- consume -------------------------------------------------------------------------------------------------------------- */

/* The data, of XML as JSON. New, or NULL with an exception set. */
static PyObject *
json_data(CpsState *state, PyObject *event)
{
    CpsPayload *payload = ((CpsEvent *)event)->payload;
    CpsXmlDocument *document;

    if (payload == NULL || payload->kind != CPS_DATA_XML) {
        return Py_NewRef(payload == NULL ? Py_None : payload->value);
    }
    document = cps_event_document(state, event);
    return cps_xml_to_data(state, &document);
}

/* {key: data}, but a dict or list of one item as it is. Takes `data`, which may be NULL with an exception set. New, or NULL. */
static PyObject *
under_key(CpsDictToXml *self, PyObject *data)
{
    PyObject *wrapped;

    if (data == NULL || (PyDict_Check(data) && PyDict_GET_SIZE(data) == 1) ||
        (PyList_Check(data) && PyList_GET_SIZE(data) == 1)) {
        return data;
    }
    wrapped = PyDict_New();
    if (wrapped != NULL && PyDict_SetItem(wrapped, cps_field(self->key), data) < 0) {
        Py_CLEAR(wrapped);
    }
    Py_DECREF(data);
    return wrapped;
}

static int
dicttoxml_consume(CpsActor *actor, CpsInbox *inbox, PyObject *event)
{
    CpsDictToXml *self = (CpsDictToXml *)actor;

    return cps_dicttoxml_send(self, event, under_key(self, json_data(actor->state, event)));
}

static const CpsActorOps dicttoxml_ops = {.consume = dicttoxml_consume};

/* --- the type ------------------------------------------------------------------------------------------------------------- */

int
cps_dicttoxml_configure(PyObject *op, const char *type, const CpsActorOps *ops, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "escape_xml", "key"};
    CpsDictToXml *self = (CpsDictToXml *)op;
    PyObject *values[3], *rest_args, *rest_kwargs;
    int result;

    if (cps_bind(type, args, kwargs, names, 3, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    result = cps_actor_init(&self->base, ops, rest_args, rest_kwargs);
    if (result == 0) {
        cps_take_object(&self->key, values[2] == NULL ? values[0] : values[2]);
        self->escape_xml = false;
        result = cps_take_flag(&self->escape_xml, values[1]);
    }
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

static int
dicttoxml_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return cps_dicttoxml_configure(op, "DictToXML", &dicttoxml_ops, args, kwargs);
}

static int
dicttoxml_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(((CpsDictToXml *)op)->key);
    return cps_actor_traverse(op, visit, arg);
}

static int
dicttoxml_clear(PyObject *op)
{
    Py_CLEAR(((CpsDictToXml *)op)->key);
    return cps_actor_clear(op);
}

static void
dicttoxml_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    Py_CLEAR(((CpsDictToXml *)op)->key);
    cps_actor_dealloc(op);
}

PyDoc_STRVAR(dicttoxml_doc,
             "DictToXML(name, escape_xml=False, key=<name>, *args, **kwargs)\n--\n\n"
             "Send on each event as XML made of its JSON data, by the conventions of xmltodict.\n\n"
             "In: JSONEvent. Out: XMLEvent; an HTTP event stays one.\n\n"
             "escape_xml: whether text that is an XML document of its own is escaped, as other text is, instead\n"
             "    of becoming markup.\n"
             "key: str, the name of the root element for data that is no dict or list of one item.\n\n"
             "Data that XML cannot express raises InvalidEventDataModification, which becomes the event's error;\n"
             "the event keeps its data.");

static PyMethodDef dicttoxml_methods[] = {CPS_CONSUME_METHOD, {NULL}};

static PyMemberDef dicttoxml_members[] = {
    CPS_ACTOR_MEMBERS,
    {"key", T_OBJECT_EX, offsetof(CpsDictToXml, key), 0, "The name of the root element (str)."},
    {"escape_xml", T_BOOL, offsetof(CpsDictToXml, escape_xml), 0, "Text never becomes markup (bool)."},
    {NULL},
};

static PyGetSetDef dicttoxml_getset[] = {CPS_DICT, {NULL}};

static PyType_Slot dicttoxml_slots[] = {
    {Py_tp_doc, (void *)dicttoxml_doc}, {Py_tp_init, dicttoxml_init},       {Py_tp_traverse, dicttoxml_traverse},
    {Py_tp_clear, dicttoxml_clear},     {Py_tp_dealloc, dicttoxml_dealloc}, {Py_tp_methods, dicttoxml_methods},
    {Py_tp_members, dicttoxml_members}, {Py_tp_getset, dicttoxml_getset},   {0, NULL},
};

static PyType_Spec dicttoxml_spec = {
    .name = "compysition.actors.dicttoxml.DictToXML",
    .basicsize = sizeof(CpsDictToXml),
    .flags = CPS_ACTOR_FLAGS,
    .slots = dicttoxml_slots,
};

int
cps_dicttoxml_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.DictToXML, &dicttoxml_spec, (PyObject *)state->types.Actor) < 0) {
        return -1;
    }
    return cps_set_event_types(state, state->types.DictToXML, state->types.JSONEvent, state->types.XMLEvent);
}
