/* An event becomes CBOR. */
#include "event/event.h"
#include "event/eventstate.h"
#include "event/format.h"
#include "event/http.h"
#include "event/xmldata.h"
#include "wire/fields.h"
#include "wire/wireerror.h"

typedef struct {
    CpsPacker packer;
    CpsEvent *event;    /* borrowed */
    PyTypeObject *type; /* borrowed: the class it travels as */
    const char *field;  /* what is being written, for errors */
    PyObject *extra;    /* owned dict of attributes, or NULL */
} Writer;

/* A field with any value. */
static int
write_value(Writer *writer, unsigned int field, const char *name, PyObject *value)
{
    writer->field = name;
    return cps_pack_uint(&writer->packer, field) < 0 ? -1 : cps_pack_value(&writer->packer, value);
}

static int
write_identity(Writer *writer)
{
    const char *name = cps_class_name(writer->type);
    uint8_t id[CPS_EVENT_ID_BYTES];

    if (cps_pack_uint(&writer->packer, CPS_FIELD_CLASS) < 0 || cps_pack_utf8(&writer->packer, name, strlen(name)) < 0) {
        return -1;
    }
    if (!cps_event_read_id(writer->event, id)) {
        return write_value(writer, CPS_FIELD_ID, "event_id", writer->event->event_id);
    }
    return cps_pack_uint(&writer->packer, CPS_FIELD_ID) < 0 ? -1 : cps_pack_bytes(&writer->packer, id, sizeof(id));
}

/* Whether `created` says no more than the time of its making. -1 with an exception set. */
static int
created_is_genuine(CpsState *state, CpsEvent *event)
{
    PyObject *genuine;
    int same;

    if (event->created == NULL) {
        return 1;
    }
    genuine = cps_event_datetime(state, event->created_us);
    same = genuine == NULL ? -1 : PyObject_RichCompareBool(genuine, event->created, Py_EQ);
    Py_XDECREF(genuine);
    return same;
}

static int
write_created(Writer *writer)
{
    int genuine = created_is_genuine(writer->packer.state, writer->event);

    if (genuine <= 0) {
        return genuine < 0 ? -1 : write_value(writer, CPS_FIELD_CREATED, "created", writer->event->created);
    }
    return cps_pack_uint(&writer->packer, CPS_FIELD_CREATED) < 0
               ? -1
               : cps_pack_int(&writer->packer, writer->event->created_us);
}

static int
write_xml(Writer *writer)
{
    PyObject *text = cps_event_xml_text(writer->packer.state, (PyObject *)writer->event, false);
    int result = text == NULL ? -1 : write_value(writer, CPS_FIELD_DATA, "data", text);

    Py_XDECREF(text);
    return result;
}

static int
write_data(Writer *writer)
{
    CpsPayload *payload = (CpsPayload *)Py_NewRef((PyObject *)writer->event->payload);
    bool json = payload->kind == CPS_DATA_JSON;
    int result;

    if (payload->kind == CPS_DATA_XML && cps_format_of(writer->packer.state, writer->type) == CPS_FORMAT_XML) {
        result = write_xml(writer);
        if (result == 0 && payload->indented) {
            result = write_value(writer, CPS_FIELD_INDENTED, "data", Py_True);
        }
    }
    else {
        writer->packer.mode = json ? CPS_PACK_JSON : CPS_PACK_STRICT;
        result = write_value(writer, CPS_FIELD_DATA, "data", payload->value);
        writer->packer.mode = CPS_PACK_STRICT;
    }
    Py_DECREF((PyObject *)payload);
    return result;
}

static int
write_error(Writer *writer)
{
    writer->field = "error";
    return cps_pack_uint(&writer->packer, CPS_FIELD_ERROR) < 0
               ? -1
               : cps_wire_pack_error(&writer->packer, writer->event->error);
}

/* An attribute as Python code sees it. */
static int
write_attribute(Writer *writer, unsigned int field, PyObject *name)
{
    PyObject *value = PyObject_GetAttr((PyObject *)writer->event, name);
    int result = value == NULL ? -1 : write_value(writer, field, PyUnicode_AsUTF8(name), value);

    Py_XDECREF(value);
    return result;
}

static bool
is_http(const Writer *writer)
{
    return writer->event->http != NULL && PyType_IsSubtype(writer->type, writer->packer.state->types.HttpEvent);
}

/* All four: an error that is set on the other side would change what is left out. */
static int
write_http(Writer *writer)
{
    CpsState *state = writer->packer.state;

    return write_attribute(writer, CPS_FIELD_HEADERS, state->names.headers) < 0 ||
                   write_attribute(writer, CPS_FIELD_STATUS, state->names.status) < 0 ||
                   write_attribute(writer, CPS_FIELD_ENVIRONMENT, state->names.environment) < 0
               ? -1
               : write_attribute(writer, CPS_FIELD_METHOD, state->names.method);
}

/* dict[name] = event.name, if it is there. Returns 0, or -1 with an exception set. */
static int
add_attribute(PyObject *dict, PyObject *event, PyObject *name)
{
    PyObject *value;
    int result = PyObject_GetOptionalAttr(event, name, &value);

    if (value != NULL) {
        result = PyDict_SetItem(dict, name, value);
        Py_DECREF(value);
    }
    return result < 0 ? -1 : 0;
}

/* What scripts have set: the instance's dict, and the slots of a subclass. New dict; NULL when there is nothing, or with an exception. */
static PyObject *
extra_attributes(CpsState *state, CpsEvent *event)
{
    PyObject *names = cps_event_slot_names(state, (PyObject *)event);
    PyObject *sequence = names == NULL ? NULL : PySequence_Fast(names, "__slots__");
    PyObject *extra = sequence == NULL ? NULL : event->dict == NULL ? PyDict_New() : PyDict_Copy(event->dict);

    for (Py_ssize_t i = 0; extra != NULL && i < PySequence_Fast_GET_SIZE(sequence); i++) {
        if (add_attribute(extra, (PyObject *)event, PySequence_Fast_GET_ITEM(sequence, i)) < 0) {
            Py_CLEAR(extra);
        }
    }
    if (extra != NULL && PyDict_GET_SIZE(extra) == 0) {
        Py_CLEAR(extra);
    }
    Py_XDECREF(sequence);
    Py_XDECREF(names);
    return extra;
}

static bool
has_extra(const CpsEvent *event)
{
    return (event->dict != NULL && PyDict_GET_SIZE(event->dict) > 0) ||
           Py_TYPE(event)->tp_basicsize != (Py_ssize_t)sizeof(CpsEvent);
}

static int
write_log(Writer *writer)
{
    CpsState *state = writer->packer.state;
    PyObject *const names[] = {state->names.level, state->names.origin_actor, state->names.message, state->names.id,
                               state->names.time};
    PyObject *dict = PyDict_New();
    int result = dict == NULL ? -1 : 0;

    for (size_t i = 0; result == 0 && i < Py_ARRAY_LENGTH(names); i++) {
        result = add_attribute(dict, (PyObject *)writer->event, names[i]);
    }
    if (result == 0) {
        result = write_value(writer, CPS_FIELD_LOG, "log record", dict);
    }
    Py_XDECREF(dict);
    return result;
}

static bool
is_log(const Writer *writer)
{
    return writer->event->log != NULL && PyType_IsSubtype(writer->type, writer->packer.state->types.LogEvent);
}

static bool
has_payload(const Writer *writer)
{
    const CpsPayload *payload = writer->event->payload;

    return payload != NULL && (payload->value != Py_None || payload->kind == CPS_DATA_XML);
}

static bool
is_indented(const Writer *writer)
{
    const CpsPayload *payload = writer->event->payload;

    return has_payload(writer) && payload->kind == CPS_DATA_XML && payload->indented &&
           cps_format_of(writer->packer.state, writer->type) == CPS_FORMAT_XML;
}

static size_t
count_fields(const Writer *writer)
{
    const CpsEvent *event = writer->event;

    return 3u + (event->meta_id != NULL) + (event->service != NULL) + has_payload(writer) + is_indented(writer) +
           (event->error != NULL) + (is_http(writer) ? 4u : 0u) + (writer->extra != NULL) + is_log(writer);
}

static int
write_fields(Writer *writer)
{
    CpsEvent *event = writer->event;

    return cps_pack_map(&writer->packer, count_fields(writer)) < 0 || write_identity(writer) < 0 ||
                   write_created(writer) < 0 ||
                   (event->meta_id != NULL && write_value(writer, CPS_FIELD_META_ID, "meta_id", event->meta_id) < 0) ||
                   (event->service != NULL && write_value(writer, CPS_FIELD_SERVICE, "service", event->service) < 0) ||
                   (has_payload(writer) && write_data(writer) < 0) ||
                   (event->error != NULL && write_error(writer) < 0) || (is_http(writer) && write_http(writer) < 0) ||
                   (writer->extra != NULL &&
                    write_value(writer, CPS_FIELD_ATTRIBUTES, "attributes", writer->extra) < 0) ||
                   (is_log(writer) && write_log(writer) < 0)
               ? -1
               : 0;
}

/* The exception that is set, which says what cannot be sent, also says where that is. */
static void
name_the_place(const Writer *writer)
{
    PyObject *error;

    if (!PyErr_ExceptionMatches(PyExc_TypeError) && !PyErr_ExceptionMatches(PyExc_ValueError)) {
        return;
    }
    error = PyErr_GetRaisedException();
    if (writer->packer.trail != NULL) {
        PyErr_Format(PyExc_TypeError, "%s cannot be sent: %s%U: %S", Py_TYPE(writer->event)->tp_name, writer->field,
                     writer->packer.trail, error);
    }
    else {
        PyErr_Format(PyExc_TypeError, "%s cannot be sent: %s: %S", Py_TYPE(writer->event)->tp_name, writer->field,
                     error);
    }
    Py_DECREF(error);
}

int
cps_event_write(CpsState *state, const CpsWire *wire, PyObject *event, CpsBuffer *out)
{
    Writer writer = {
        .packer = {.state = state, .buffer = out},
        .event = (CpsEvent *)event,
        .type = cps_class_to_send(state, wire, event),
        .field = "event",
    };
    int result = -1;

    if (cps_buffer_append(out, cps_event_prefix, CPS_EVENT_PREFIX_BYTES) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    writer.extra = has_extra(writer.event) ? extra_attributes(state, writer.event) : NULL;
    if (writer.extra != NULL || !PyErr_Occurred()) {
        result = write_fields(&writer);
    }
    if (result < 0) {
        name_the_place(&writer);
    }
    Py_XDECREF(writer.packer.trail);
    Py_XDECREF(writer.extra);
    return result;
}
