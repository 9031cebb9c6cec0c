/* XMLToDict: XML becomes JSON data. */
#include "actors/actors.h"
#include "event/errorformat.h"
#include "event/event.h"
#include "event/xmldata.h"
#include "xml/dict.h"

typedef struct {
    CpsActor base;
    bool flatten; /* without the root element */
} CpsXmlToDict;

/* --- the conversion ------------------------------------------------------------------------------------------------------- */

/* Whether the data of `event` is XML in an envelope. 1, 0, or -1 with an exception set. */
static int
in_envelope(CpsState *state, PyObject *event)
{
    CpsPayload *payload = ((CpsEvent *)event)->payload;
    CpsXmlDocument *document = payload == NULL ? NULL : cps_payload_document(state, payload);
    int result = document != NULL ? cps_xml_is_envelope(state, cps_xml_document_root(document)) : 0;

    cps_xml_document_unref(&document);
    return PyErr_Occurred() ? -1 : result;
}

/* The value of the first key as data; nothing is {}, as for every JSON event. Returns 0, or -1 with an exception set. */
static int
flatten(CpsState *state, PyObject *converted)
{
    CpsPayload *payload = ((CpsEvent *)converted)->payload;
    PyObject *key, *value;
    Py_ssize_t position = 0;
    int result;

    if (payload == NULL || !PyDict_Check(payload->value) || !PyDict_Next(payload->value, &position, &key, &value)) {
        return 0;
    }
    value = value == Py_None ? PyDict_New() : Py_NewRef(value);
    result = value == NULL ? -1 : cps_event_store_data(state, converted, value);
    Py_XDECREF(value);
    return result;
}

/* New, or NULL with an exception set. */
static PyObject *
xmltodict_convert(CpsXmlToDict *self, PyObject *event)
{
    CpsState *state = self->base.state;
    int enveloped = self->flatten ? in_envelope(state, event) : 1;
    PyObject *converted = enveloped < 0 ? NULL : cps_event_call_convert(state, event, state->types.JSONEvent);

    if (converted != NULL && !enveloped && flatten(state, converted) < 0) {
        Py_CLEAR(converted);
    }
    return converted;
}

/* --- consume -------------------------------------------------------------------------------------------------------------- */

/* Log the exception that is set, and raise MalformedEventData for it, with the same messages. Returns -1 always. */
static int
xmltodict_fail(CpsActor *actor, PyObject *event)
{
    PyObject *cause, *messages, *error;

    if (!cps_ordinary_error()) {
        return -1;
    }
    cause = PyErr_GetRaisedException();
    cps_log(actor->logger, CPS_LOG_ERROR, event, "Unable to convert to XML: %S", cause);
    messages = cps_error_messages(actor->state, cause);
    error = messages == NULL ? NULL : PyObject_CallOneArg(actor->state->errors[CPS_MALFORMED_EVENT_DATA], messages);
    Py_XDECREF(messages);
    if (error == NULL) {
        Py_DECREF(cause);
        return -1;
    }
    PyException_SetCause(error, cause); /* steals */
    PyErr_SetRaisedException(error);    /* steals */
    return -1;
}

static int
xmltodict_consume(CpsActor *actor, CpsInbox *inbox, PyObject *event)
{
    PyObject *converted = xmltodict_convert((CpsXmlToDict *)actor, event);
    int status;

    if (converted == NULL) {
        return xmltodict_fail(actor, event);
    }
    cps_log(actor->logger, CPS_LOG_INFO, event, "Successfully converted XML to Dict");
    status = cps_actor_send(actor, converted);
    Py_DECREF(converted);
    return status;
}

static const CpsActorOps xmltodict_ops = {.consume = xmltodict_consume};

/* --- the type ------------------------------------------------------------------------------------------------------------- */

static int
xmltodict_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "flatten"};
    CpsXmlToDict *self = (CpsXmlToDict *)op;
    PyObject *values[2], *rest_args, *rest_kwargs;
    int result;

    if (cps_bind("XMLToDict", args, kwargs, names, 2, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    result = cps_actor_init(&self->base, &xmltodict_ops, rest_args, rest_kwargs);
    if (result == 0) {
        self->flatten = false;
        result = cps_take_flag(&self->flatten, values[1]);
    }
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

PyDoc_STRVAR(xmltodict_doc,
             "XMLToDict(name, flatten=False, *args, **kwargs)\n--\n\n"
             "Send on each event with JSON data made of its XML, by the conventions of xmltodict.\n\n"
             "In: XMLEvent. Out: JSONEvent; an HTTP event stays one.\n\n"
             "flatten: whether the data is what the root element holds, without its name: a dict, or a str when\n"
             "    it holds text only, or {} when it is empty. Of a <jsonified_envelope> the data always is that.\n\n"
             "A failure raises MalformedEventData, which becomes the event's error.");

static PyMethodDef xmltodict_methods[] = {CPS_CONSUME_METHOD, {NULL}};

static PyMemberDef xmltodict_members[] = {
    CPS_ACTOR_MEMBERS,
    {"flatten", T_BOOL, offsetof(CpsXmlToDict, flatten), 0, "The root element's name is left out (bool)."},
    {NULL},
};

static PyGetSetDef xmltodict_getset[] = {CPS_DICT, {NULL}};

static PyType_Slot xmltodict_slots[] = {
    {Py_tp_doc, (void *)xmltodict_doc}, {Py_tp_init, xmltodict_init},       {Py_tp_traverse, cps_actor_traverse},
    {Py_tp_clear, cps_actor_clear},     {Py_tp_dealloc, cps_actor_dealloc}, {Py_tp_methods, xmltodict_methods},
    {Py_tp_members, xmltodict_members}, {Py_tp_getset, xmltodict_getset},   {0, NULL},
};

static PyType_Spec xmltodict_spec = {
    .name = "compysition.actors.xmltodict.XMLToDict",
    .basicsize = sizeof(CpsXmlToDict),
    .flags = CPS_ACTOR_FLAGS,
    .slots = xmltodict_slots,
};

int
cps_xmltodict_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.XMLToDict, &xmltodict_spec, (PyObject *)state->types.Actor) < 0) {
        return -1;
    }
    return cps_set_event_types(state, state->types.XMLToDict, state->types.XMLEvent, state->types.JSONEvent);
}
