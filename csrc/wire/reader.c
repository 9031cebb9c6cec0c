/* An event is made from CBOR that a peer has sent. */
#include "event/event.h"
#include "event/eventstate.h"
#include "event/format.h"
#include "event/http.h"
#include "event/xmldata.h"
#include "wire/fields.h"
#include "wire/tags.h"
#include "wire/wireerror.h"

typedef struct {
    CpsUnpacker unpacker;
    const CpsWire *wire;
    PyTypeObject *type;                /* borrowed: of the class */
    CpsEvent *event;                   /* owned */
    PyObject *fields[CPS_FIELD_COUNT]; /* owned: those that are set at the end */
    bool identified;
} Reader;

/* A field of the event that is any value. */
static int
read_into(Reader *reader, PyObject **slot)
{
    PyObject *value = cps_unpack_value(&reader->unpacker);

    if (value == NULL) {
        return -1;
    }
    Py_XSETREF(*slot, value);
    return 0;
}

static int
read_text_into(Reader *reader, PyObject **slot, const char *complaint)
{
    if (read_into(reader, slot) < 0) {
        return -1;
    }
    if (!PyUnicode_CheckExact(*slot)) {
        Py_CLEAR(*slot);
        return cps_unpack_refuse(&reader->unpacker, complaint);
    }
    return 0;
}

static int
read_class(Reader *reader)
{
    CpsState *state = reader->unpacker.state;
    CpsItem key, name;

    if (cps_unpack_item(&reader->unpacker, &key) < 0 || cps_unpack_item(&reader->unpacker, &name) < 0) {
        return -1;
    }
    if (key.kind != CPS_ITEM_UINT || key.number != CPS_FIELD_CLASS || name.kind != CPS_ITEM_TEXT) {
        return cps_unpack_refuse(&reader->unpacker, "an event that does not begin with its class");
    }
    reader->type = cps_class_by_name(state, reader->wire, name.bytes, name.length);
    if (reader->type == NULL) {
        return cps_unpack_refuse(&reader->unpacker, "an unknown class of events");
    }
    reader->event = (CpsEvent *)cps_event_alloc(state, reader->type);
    return reader->event == NULL ? -1 : 0;
}

static int
read_id(Reader *reader)
{
    CpsItem item;

    reader->identified = true;
    if (cps_unpack_item(&reader->unpacker, &item) < 0) {
        return -1;
    }
    if (item.kind == CPS_ITEM_BYTES && item.length == CPS_EVENT_ID_BYTES) {
        memcpy(reader->event->raw_id, item.bytes, item.length);
        return 0;
    }
    if (item.kind != CPS_ITEM_TEXT) {
        return cps_unpack_refuse(&reader->unpacker, "an event id that is none");
    }
    Py_XSETREF(reader->event->event_id, cps_unpack_rest(&reader->unpacker, &item));
    return reader->event->event_id == NULL ? -1 : 0;
}

static int
read_created(Reader *reader)
{
    /* What datetime.fromtimestamp takes: until the year 9999. */
    static const uint64_t last = 253402214400000000u;
    CpsItem item;

    if (cps_unpack_item(&reader->unpacker, &item) < 0) {
        return -1;
    }
    if ((item.kind == CPS_ITEM_UINT || item.kind == CPS_ITEM_NEGATIVE) && item.number < last) {
        reader->event->created_us = item.kind == CPS_ITEM_UINT ? (int64_t)item.number : -1 - (int64_t)item.number;
        return 0;
    }
    if (item.kind != CPS_ITEM_TAG || item.number != CPS_TAG_DATETIME) {
        return cps_unpack_refuse(&reader->unpacker, "a time of creation that is none");
    }
    Py_XSETREF(reader->event->created, cps_unpack_rest(&reader->unpacker, &item));
    return reader->event->created == NULL ? -1 : 0;
}

static int
store_payload(Reader *reader, CpsPayload *payload)
{
    if (payload == NULL) {
        return -1;
    }
    Py_XSETREF(reader->event->payload, payload);
    return 0;
}

static int
read_xml(Reader *reader)
{
    PyObject *text = NULL;
    int result = read_text_into(reader, &text, "XML that is no text");

    if (result == 0) {
        result = store_payload(reader, cps_xml_payload(reader->unpacker.state, (PyObject *)reader->event, text));
        if (result < 0 && PyErr_ExceptionMatches(PyExc_Exception) && !PyErr_ExceptionMatches(PyExc_MemoryError)) {
            cps_raise_from(reader->unpacker.state, CPS_MALFORMED_EVENT_DATA, "XML that cannot be read before byte %zu",
                           reader->unpacker.position);
        }
    }
    Py_XDECREF(text);
    return result;
}

/* The value came from nowhere else, so nobody can change it behind the event's back. */
static int
read_value_data(Reader *reader, CpsDataKind kind)
{
    PyObject *value;
    CpsPayload *payload;

    reader->unpacker.json = kind == CPS_DATA_JSON;
    value = cps_unpack_value(&reader->unpacker);
    reader->unpacker.json = false;
    payload = value == NULL ? NULL : cps_payload_new(reader->unpacker.state, value, kind);
    Py_XDECREF(value);
    if (payload != NULL) {
        payload->exposed = false;
    }
    return store_payload(reader, payload);
}

static int
read_data(Reader *reader)
{
    switch (cps_format_of(reader->unpacker.state, reader->type)) {
    case CPS_FORMAT_XML:
        return read_xml(reader);
    case CPS_FORMAT_JSON:
        return read_value_data(reader, CPS_DATA_JSON);
    default:
        return read_value_data(reader, CPS_DATA_OBJECT);
    }
}

static int
read_dict_into(Reader *reader, PyObject **slot)
{
    if (read_into(reader, slot) < 0) {
        return -1;
    }
    return PyDict_CheckExact(*slot) ? 0 : cps_unpack_refuse(&reader->unpacker, "a field that should be a map");
}

static int
read_error(Reader *reader)
{
    PyObject *error = cps_wire_unpack_error(&reader->unpacker);

    Py_XSETREF(reader->fields[CPS_FIELD_ERROR], error);
    return error == NULL ? -1 : 0;
}

static int
skip_value(Reader *reader)
{
    PyObject *value = cps_unpack_value(&reader->unpacker);

    Py_XDECREF(value);
    return value == NULL ? -1 : 0;
}

static int
read_field(Reader *reader)
{
    CpsItem key;

    if (cps_unpack_item(&reader->unpacker, &key) < 0) {
        return -1;
    }
    switch (key.kind == CPS_ITEM_UINT ? key.number : CPS_FIELD_COUNT) {
    case CPS_FIELD_ID:
        return read_id(reader);
    case CPS_FIELD_CREATED:
        return read_created(reader);
    case CPS_FIELD_META_ID:
        return read_into(reader, &reader->event->meta_id);
    case CPS_FIELD_SERVICE:
        return read_into(reader, &reader->event->service);
    case CPS_FIELD_DATA:
        return read_data(reader);
    case CPS_FIELD_ERROR:
        return read_error(reader);
    case CPS_FIELD_HEADERS:
    case CPS_FIELD_ENVIRONMENT:
    case CPS_FIELD_ATTRIBUTES:
    case CPS_FIELD_LOG:
        return read_dict_into(reader, &reader->fields[key.number]);
    case CPS_FIELD_STATUS:
    case CPS_FIELD_METHOD:
    case CPS_FIELD_INDENTED:
        return read_into(reader, &reader->fields[key.number]);
    default:
        return skip_value(reader);
    }
}

/* ---- what is set once everything is read ---- */

/* The built-in class that it is derived from. Borrowed. */
static PyTypeObject *
builtin_base(CpsState *state, PyTypeObject *type)
{
    PyObject *mro = type->tp_mro;

    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); i++) {
        if (cps_class_is_standard(state, (PyTypeObject *)PyTuple_GET_ITEM(mro, i))) {
            return (PyTypeObject *)PyTuple_GET_ITEM(mro, i);
        }
    }
    return state->types.Event;
}

/* An attribute goes into the instance's dict, where it runs no setter, unless the class has a slot for it. Methods and fields of events
 * are not hidden by it. */
static int
set_extra(Reader *reader, PyObject *slots, PyObject *name, PyObject *value)
{
    CpsState *state = reader->unpacker.state;
    int in_slot;

    if (!PyUnicode_CheckExact(name) || _PyType_Lookup(builtin_base(state, reader->type), name) != NULL) {
        return cps_unpack_refuse(&reader->unpacker, "an attribute with a name that it may not have");
    }
    in_slot = PySequence_Contains(slots, name);
    if (in_slot != 0) {
        return in_slot < 0 ? -1 : PyObject_SetAttr((PyObject *)reader->event, name, value);
    }
    if (reader->event->dict == NULL && (reader->event->dict = PyDict_New()) == NULL) {
        return -1;
    }
    return PyDict_SetItem(reader->event->dict, name, value);
}

static int
set_extras(Reader *reader)
{
    PyObject *slots, *name, *value;
    Py_ssize_t position = 0;
    int result = 0;

    if (reader->fields[CPS_FIELD_ATTRIBUTES] == NULL) {
        return 0;
    }
    slots = cps_event_slot_names(reader->unpacker.state, (PyObject *)reader->event);
    if (slots == NULL) {
        return -1;
    }
    while (result == 0 && PyDict_Next(reader->fields[CPS_FIELD_ATTRIBUTES], &position, &name, &value)) {
        result = set_extra(reader, slots, name, value);
    }
    Py_DECREF(slots);
    return result;
}

static int
set_field(Reader *reader, unsigned int field, PyObject *name)
{
    if (reader->fields[field] == NULL ||
        PyObject_SetAttr((PyObject *)reader->event, name, reader->fields[field]) == 0) {
        return 0;
    }
    if (!PyErr_ExceptionMatches(PyExc_MemoryError)) {
        PyErr_Clear();
        return cps_unpack_refuse(&reader->unpacker, "a field with a value that it may not have");
    }
    return -1;
}

static int
set_http(Reader *reader)
{
    CpsState *state = reader->unpacker.state;

    if (!PyType_IsSubtype(reader->type, state->types.HttpEvent)) {
        return 0;
    }
    return set_field(reader, CPS_FIELD_HEADERS, state->names.headers) < 0 ||
                   set_field(reader, CPS_FIELD_STATUS, state->names.status) < 0 ||
                   set_field(reader, CPS_FIELD_ENVIRONMENT, state->names.environment) < 0
               ? -1
               : set_field(reader, CPS_FIELD_METHOD, state->names.method);
}

static int
set_log(Reader *reader)
{
    PyObject *name, *value;
    Py_ssize_t position = 0;
    int result = 0;

    if (reader->fields[CPS_FIELD_LOG] == NULL ||
        !PyType_IsSubtype(reader->type, reader->unpacker.state->types.LogEvent)) {
        return 0;
    }
    while (result == 0 && PyDict_Next(reader->fields[CPS_FIELD_LOG], &position, &name, &value)) {
        CpsState *state = reader->unpacker.state;
        bool known = PyUnicode_CheckExact(name) && _PyType_Lookup(state->types.LogEvent, name) != NULL &&
                     name != state->names.data && PyUnicode_READ_CHAR(name, 0) != '_';

        result = known ? PyObject_SetAttr((PyObject *)reader->event, name, value) : 0;
    }
    return result;
}

/* The error comes before what it would change: status and headers. */
static int
set_fields(Reader *reader)
{
    CpsState *state = reader->unpacker.state;
    PyObject *event = (PyObject *)reader->event;

    if (reader->event->payload != NULL && reader->fields[CPS_FIELD_INDENTED] != NULL) {
        reader->event->payload->indented = reader->fields[CPS_FIELD_INDENTED] == Py_True;
    }
    return set_extras(reader) < 0 ||
                   (reader->fields[CPS_FIELD_ERROR] != NULL &&
                    cps_event_set_error(state, event, reader->fields[CPS_FIELD_ERROR]) < 0) ||
                   set_http(reader) < 0
               ? -1
               : set_log(reader);
}

static int
read_event(Reader *reader)
{
    CpsItem head;

    reader->unpacker.position = CPS_EVENT_PREFIX_BYTES;
    if (cps_unpack_item(&reader->unpacker, &head) < 0) {
        return -1;
    }
    if (head.kind != CPS_ITEM_MAP || head.number == 0) {
        return cps_unpack_refuse(&reader->unpacker, "an event that is no map");
    }
    if (read_class(reader) < 0) {
        return -1;
    }
    for (uint64_t i = 1; i < head.number; i++) {
        if (read_field(reader) < 0) {
            return -1;
        }
    }
    if (!reader->identified) {
        return cps_unpack_refuse(&reader->unpacker, "an event without an id");
    }
    if (reader->unpacker.position != reader->unpacker.length) {
        return cps_unpack_refuse(&reader->unpacker, "more bytes than the event has");
    }
    return set_fields(reader);
}

PyObject *
cps_event_read(CpsState *state, const CpsWire *wire, const char *bytes, size_t length)
{
    Reader reader = {.unpacker = {.state = state, .bytes = bytes, .length = length}, .wire = wire};

    if (!cps_wire_is_event(bytes, length)) {
        bool looks_pickled = length > 1 && bytes[0] == (char)0x80; /* PROTO, of every pickle since protocol 2 */

        return cps_raise(state, CPS_MALFORMED_EVENT_DATA,
                         looks_pickled
                             ? "not an event, but perhaps a pickle: those are read with serializer='pickle' only"
                             : "not an event of compysition, version 1");
    }
    if (read_event(&reader) < 0) {
        Py_CLEAR(reader.event);
    }
    for (size_t i = 0; i < CPS_FIELD_COUNT; i++) {
        Py_XDECREF(reader.fields[i]);
    }
    return (PyObject *)reader.event;
}
