#include "wire/wire.h"

#include "event/event.h"
#include "event/eventstate.h"
#include "event/format.h"
#include "event/http.h"
#include "event/xmldata.h"
#include "wire/pack.h"
#include "wire/tags.h"
#include "wire/unpack.h"
#include "wire/wireerror.h"

/* An event is tag 55799, and in it an array of "cpe", the version, and a map of these. Later versions may add fields, which are skipped
 * here; what changes the meaning of a field changes the version. */
enum {
    FIELD_CLASS,       /* text: the name of the class */
    FIELD_ID,          /* 16 bytes, or the text of an id that is no UUID */
    FIELD_CREATED,     /* microseconds since the epoch; or a datetime that a script has set */
    FIELD_META_ID,     /* when it is not the id */
    FIELD_SERVICE,     /* when it is not "default" */
    FIELD_DATA,        /* JSON and other data as CBOR, XML as text; absent: None */
    FIELD_INDENTED,    /* true: XML that is written with indentation */
    FIELD_ERROR,       /* see wireerror.c */
    FIELD_HEADERS,     /* of HTTP events, as all four */
    FIELD_STATUS,      /* */
    FIELD_ENVIRONMENT, /* */
    FIELD_METHOD,      /* */
    FIELD_ATTRIBUTES,  /* map: attributes that scripts have set */
    FIELD_LOG,         /* map: the attributes of a LogEvent */
    FIELD_COUNT
};

enum { VERSION = 1 };

/* Tag 55799, array of 3, text of 3, "cpe", the version. */
static const char prefix[] = {(char)0xd9, (char)0xd9, (char)0xf7, (char)0x83, 0x63, 'c', 'p', 'e', VERSION};

/* ---- configuration ---- */

enum { DEFAULT_LIMIT = 64 * 1024 * 1024 };

static int
wire_take_serializer(CpsWire *wire, PyObject *serializer)
{
    if (serializer == NULL) {
        return 0;
    }
    if (PyUnicode_Check(serializer) && PyUnicode_CompareWithASCIIString(serializer, "pickle") == 0) {
        wire->pickle = true;
        return 0;
    }
    if (PyUnicode_Check(serializer) && PyUnicode_CompareWithASCIIString(serializer, "cbor") == 0) {
        return 0;
    }
    PyErr_Format(PyExc_ValueError, "serializer must be 'cbor' or 'pickle', not %R", serializer);
    return -1;
}

static int
wire_add_class(CpsState *state, PyObject *classes, PyObject *class)
{
    PyObject *name;
    int result;

    if (!PyType_Check(class) || !PyType_IsSubtype((PyTypeObject *)class, state->types.Event)) {
        PyErr_Format(PyExc_TypeError, "event_classes must be classes of events, not %R", class);
        return -1;
    }
    name = PyObject_GetAttrString(class, "__name__");
    result = name == NULL ? -1 : PyDict_SetItem(classes, name, class);
    Py_XDECREF(name);
    return result;
}

static int
wire_take_classes(CpsState *state, CpsWire *wire, PyObject *given)
{
    PyObject *sequence, *classes;

    if (given == NULL || given == Py_None) {
        return 0;
    }
    sequence = PySequence_Fast(given, "event_classes must be a sequence of classes of events");
    if (sequence == NULL) {
        return -1;
    }
    classes = PyDict_New();
    for (Py_ssize_t i = 0; classes != NULL && i < PySequence_Fast_GET_SIZE(sequence); i++) {
        if (wire_add_class(state, classes, PySequence_Fast_GET_ITEM(sequence, i)) < 0) {
            Py_CLEAR(classes);
        }
    }
    Py_DECREF(sequence);
    Py_XSETREF(wire->classes, classes);
    return classes == NULL ? -1 : 0;
}

static int
wire_take_limit(CpsWire *wire, PyObject *given)
{
    Py_ssize_t limit = given == NULL ? DEFAULT_LIMIT : PyNumber_AsSsize_t(given, PyExc_OverflowError);

    if (limit == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (limit <= 0) {
        PyErr_Format(PyExc_ValueError, "max_event_bytes must be positive, not %zd", limit);
        return -1;
    }
    wire->limit = (size_t)limit;
    return 0;
}

int
cps_wire_configure(CpsState *state, CpsWire *wire, const CpsWireArgs *given)
{
    return wire_take_serializer(wire, given->serializer) < 0 || wire_take_classes(state, wire, given->event_classes) < 0
               ? -1
               : wire_take_limit(wire, given->max_event_bytes);
}

int
cps_wire_traverse(CpsWire *wire, visitproc visit, void *arg)
{
    Py_VISIT(wire->classes);
    return 0;
}

void
cps_wire_clear(CpsWire *wire)
{
    Py_CLEAR(wire->classes);
}

/* ---- classes ---- */

/* The classes that every process knows. Borrowed; NULL past the last. */
static PyTypeObject *
standard_class(CpsState *state, size_t index)
{
    PyTypeObject *const types[] = {state->types.Event,         state->types.JSONEvent,    state->types.XMLEvent,
                                   state->types.JSONHttpEvent, state->types.XMLHttpEvent, state->types.HttpEvent,
                                   state->types.LogEvent};

    return index < Py_ARRAY_LENGTH(types) ? types[index] : NULL;
}

static const char *
class_name(const PyTypeObject *type)
{
    const char *dot = strrchr(type->tp_name, '.');

    return dot == NULL ? type->tp_name : dot + 1;
}

static bool
class_is_standard(CpsState *state, PyTypeObject *type)
{
    PyTypeObject *standard;

    for (size_t i = 0; (standard = standard_class(state, i)) != NULL; i++) {
        if (standard == type) {
            return true;
        }
    }
    return false;
}

static bool
class_is_known(CpsState *state, const CpsWire *wire, PyTypeObject *type)
{
    PyObject *own;

    if (class_is_standard(state, type)) {
        return true;
    }
    own = wire->classes == NULL ? NULL : PyDict_GetItemString(wire->classes, class_name(type)); /* borrowed */
    return own == (PyObject *)type;
}

/* The class that the event travels as: its own, or the nearest base that the other side knows, too. Borrowed. */
static PyTypeObject *
class_to_send(CpsState *state, const CpsWire *wire, PyObject *event)
{
    PyObject *mro = Py_TYPE(event)->tp_mro;
    PyTypeObject *best = NULL;

    if (class_is_known(state, wire, Py_TYPE(event))) {
        return Py_TYPE(event);
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); i++) {
        PyTypeObject *type = (PyTypeObject *)PyTuple_GET_ITEM(mro, i);

        if (class_is_known(state, wire, type) && (best == NULL || PyType_IsSubtype(type, best))) {
            best = type; /* JSONHttpEvent and what a class of JSONEvent and HttpEvent is derived from */
        }
    }
    return best;
}

/* The class of that name. Borrowed, or NULL without an exception. */
static PyTypeObject *
class_by_name(CpsState *state, const CpsWire *wire, const char *name, size_t length)
{
    PyTypeObject *type;
    PyObject *text, *own;

    for (size_t i = 0; (type = standard_class(state, i)) != NULL; i++) {
        if (strlen(class_name(type)) == length && memcmp(class_name(type), name, length) == 0) {
            return type;
        }
    }
    if (wire->classes == NULL) {
        return NULL;
    }
    text = PyUnicode_DecodeUTF8(name, (Py_ssize_t)length, "strict");
    own = text == NULL ? NULL : PyDict_GetItemWithError(wire->classes, text); /* borrowed */
    PyErr_Clear();
    Py_XDECREF(text);
    return (PyTypeObject *)own;
}

/* ---- out ---- */

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
    const char *name = class_name(writer->type);
    PyObject *text = PyUnicode_FromString(name);
    uint8_t id[CPS_EVENT_ID_BYTES];
    int result = text == NULL ? -1 : write_value(writer, FIELD_CLASS, "class", text);

    Py_XDECREF(text);
    if (result < 0) {
        return -1;
    }
    if (!cps_event_read_id(writer->event, id)) {
        return write_value(writer, FIELD_ID, "event_id", writer->event->event_id);
    }
    return cps_pack_uint(&writer->packer, FIELD_ID) < 0 ? -1 : cps_pack_bytes(&writer->packer, id, sizeof(id));
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
        return genuine < 0 ? -1 : write_value(writer, FIELD_CREATED, "created", writer->event->created);
    }
    return cps_pack_uint(&writer->packer, FIELD_CREATED) < 0 ? -1
                                                             : cps_pack_int(&writer->packer, writer->event->created_us);
}

static int
write_xml(Writer *writer)
{
    PyObject *text = cps_event_xml_text(writer->packer.state, (PyObject *)writer->event, false);
    int result = text == NULL ? -1 : write_value(writer, FIELD_DATA, "data", text);

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
            result = write_value(writer, FIELD_INDENTED, "data", Py_True);
        }
    }
    else {
        writer->packer.mode = json ? CPS_PACK_JSON : CPS_PACK_STRICT;
        result = write_value(writer, FIELD_DATA, "data", payload->value);
        writer->packer.mode = CPS_PACK_STRICT;
    }
    Py_DECREF((PyObject *)payload);
    return result;
}

static int
write_error(Writer *writer)
{
    writer->field = "error";
    return cps_pack_uint(&writer->packer, FIELD_ERROR) < 0 ? -1
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

    return write_attribute(writer, FIELD_HEADERS, state->names.headers) < 0 ||
                   write_attribute(writer, FIELD_STATUS, state->names.status) < 0 ||
                   write_attribute(writer, FIELD_ENVIRONMENT, state->names.environment) < 0
               ? -1
               : write_attribute(writer, FIELD_METHOD, state->names.method);
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
        result = write_value(writer, FIELD_LOG, "log record", dict);
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
                   (event->meta_id != NULL && write_value(writer, FIELD_META_ID, "meta_id", event->meta_id) < 0) ||
                   (event->service != NULL && write_value(writer, FIELD_SERVICE, "service", event->service) < 0) ||
                   (has_payload(writer) && write_data(writer) < 0) ||
                   (event->error != NULL && write_error(writer) < 0) || (is_http(writer) && write_http(writer) < 0) ||
                   (writer->extra != NULL && write_value(writer, FIELD_ATTRIBUTES, "attributes", writer->extra) < 0) ||
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

static int
dump_cbor(CpsState *state, const CpsWire *wire, PyObject *event, CpsBuffer *out)
{
    Writer writer = {
        .packer = {.state = state, .buffer = out},
        .event = (CpsEvent *)event,
        .type = class_to_send(state, wire, event),
        .field = "event",
    };
    int result = -1;

    if (cps_buffer_append(out, prefix, sizeof(prefix)) < 0) {
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

static int
dump_pickle(PyObject *event, CpsBuffer *out)
{
    PyObject *dumps = NULL;
    PyObject *bytes = cps_import(&dumps, "pickle", "dumps") == NULL ? NULL : PyObject_CallOneArg(dumps, event);
    int result = -1;

    if (bytes != NULL && PyBytes_Check(bytes)) {
        result = cps_buffer_append(out, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
        if (result < 0) {
            PyErr_NoMemory();
        }
    }
    Py_XDECREF(bytes);
    Py_XDECREF(dumps);
    return result;
}

int
cps_wire_dump(CpsState *state, const CpsWire *wire, PyObject *event, CpsBuffer *out)
{
    size_t before = out->length;
    int result = wire->pickle ? dump_pickle(event, out) : dump_cbor(state, wire, event, out);

    if (result < 0) {
        out->length = before;
    }
    return result;
}

/* ---- in ---- */

typedef struct {
    CpsUnpacker unpacker;
    const CpsWire *wire;
    PyTypeObject *type;            /* borrowed: of the class */
    CpsEvent *event;               /* owned */
    PyObject *fields[FIELD_COUNT]; /* owned: those that are set at the end */
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
    if (key.kind != CPS_ITEM_UINT || key.number != FIELD_CLASS || name.kind != CPS_ITEM_TEXT) {
        return cps_unpack_refuse(&reader->unpacker, "an event that does not begin with its class");
    }
    reader->type = class_by_name(state, reader->wire, name.bytes, name.length);
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

    Py_XSETREF(reader->fields[FIELD_ERROR], error);
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
    switch (key.kind == CPS_ITEM_UINT ? key.number : FIELD_COUNT) {
    case FIELD_ID:
        return read_id(reader);
    case FIELD_CREATED:
        return read_created(reader);
    case FIELD_META_ID:
        return read_into(reader, &reader->event->meta_id);
    case FIELD_SERVICE:
        return read_into(reader, &reader->event->service);
    case FIELD_DATA:
        return read_data(reader);
    case FIELD_ERROR:
        return read_error(reader);
    case FIELD_HEADERS:
    case FIELD_ENVIRONMENT:
    case FIELD_ATTRIBUTES:
    case FIELD_LOG:
        return read_dict_into(reader, &reader->fields[key.number]);
    case FIELD_STATUS:
    case FIELD_METHOD:
    case FIELD_INDENTED:
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
        if (class_is_standard(state, (PyTypeObject *)PyTuple_GET_ITEM(mro, i))) {
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

    if (reader->fields[FIELD_ATTRIBUTES] == NULL) {
        return 0;
    }
    slots = cps_event_slot_names(reader->unpacker.state, (PyObject *)reader->event);
    if (slots == NULL) {
        return -1;
    }
    while (result == 0 && PyDict_Next(reader->fields[FIELD_ATTRIBUTES], &position, &name, &value)) {
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
    return set_field(reader, FIELD_HEADERS, state->names.headers) < 0 ||
                   set_field(reader, FIELD_STATUS, state->names.status) < 0 ||
                   set_field(reader, FIELD_ENVIRONMENT, state->names.environment) < 0
               ? -1
               : set_field(reader, FIELD_METHOD, state->names.method);
}

static int
set_log(Reader *reader)
{
    PyObject *name, *value;
    Py_ssize_t position = 0;
    int result = 0;

    if (reader->fields[FIELD_LOG] == NULL || !PyType_IsSubtype(reader->type, reader->unpacker.state->types.LogEvent)) {
        return 0;
    }
    while (result == 0 && PyDict_Next(reader->fields[FIELD_LOG], &position, &name, &value)) {
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

    if (reader->event->payload != NULL && reader->fields[FIELD_INDENTED] != NULL) {
        reader->event->payload->indented = reader->fields[FIELD_INDENTED] == Py_True;
    }
    return set_extras(reader) < 0 ||
                   (reader->fields[FIELD_ERROR] != NULL &&
                    cps_event_set_error(state, event, reader->fields[FIELD_ERROR]) < 0) ||
                   set_http(reader) < 0
               ? -1
               : set_log(reader);
}

static int
read_event(Reader *reader)
{
    CpsItem head;

    reader->unpacker.position = sizeof(prefix);
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

static PyObject *
load_cbor(CpsState *state, const CpsWire *wire, const char *bytes, size_t length)
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
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        Py_XDECREF(reader.fields[i]);
    }
    return (PyObject *)reader.event;
}

static PyObject *
load_pickle(CpsState *state, const char *bytes, size_t length)
{
    PyObject *loads = NULL;
    PyObject *pickled = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)length);
    PyObject *event = NULL;

    if (pickled != NULL && cps_import(&loads, "pickle", "loads") != NULL) {
        event = PyObject_CallOneArg(loads, pickled);
    }
    Py_XDECREF(loads);
    Py_XDECREF(pickled);
    if (event != NULL && !cps_event_check(state, event)) {
        cps_raise(state, CPS_MALFORMED_EVENT_DATA, "a pickle of a %s, not of an event", Py_TYPE(event)->tp_name);
        Py_CLEAR(event);
    }
    else if (event == NULL && !PyErr_ExceptionMatches(PyExc_MemoryError) && PyErr_ExceptionMatches(PyExc_Exception)) {
        cps_raise_from(state, CPS_MALFORMED_EVENT_DATA, "not a pickled event");
    }
    return event;
}

bool
cps_wire_is_event(const char *bytes, size_t length)
{
    return length >= sizeof(prefix) && memcmp(bytes, prefix, sizeof(prefix)) == 0;
}

PyObject *
cps_wire_load(CpsState *state, const CpsWire *wire, const char *bytes, size_t length)
{
    if (length > wire->limit) {
        return cps_raise(state, CPS_MALFORMED_EVENT_DATA, "an event of %zu bytes: more than the %zu of max_event_bytes",
                         length, wire->limit);
    }
    return wire->pickle ? load_pickle(state, bytes, length) : load_cbor(state, wire, bytes, length);
}

/* ---- for scripts ---- */

PyDoc_STRVAR(dumps_doc, "wire_dumps(event, /)\n--\n\n"
                        "An event as bytes: CBOR (RFC 8949), as the actors between processes send it.\n\n"
                        "event: an Event. A class of one's own travels as the built-in one that it is derived from.\n"
                        "Raises TypeError, which names the attribute, when a part of it has no form.");

static PyObject *
wire_dumps(PyObject *module, PyObject *event)
{
    CpsState *state = PyModule_GetState(module);
    CpsWire wire = {0};
    CpsBuffer buffer = {0};
    PyObject *bytes = NULL;

    if (!cps_event_check(state, event)) {
        return PyErr_Format(PyExc_TypeError, "not an event, but a %s", Py_TYPE(event)->tp_name);
    }
    if (cps_wire_dump(state, &wire, event, &buffer) == 0) {
        bytes = PyBytes_FromStringAndSize(buffer.bytes, (Py_ssize_t)buffer.length);
    }
    cps_buffer_free(&buffer);
    return bytes;
}

PyDoc_STRVAR(loads_doc, "wire_loads(data, event_classes=(), max_event_bytes=67108864)\n--\n\n"
                        "The event that wire_dumps has made bytes of. Whatever the bytes are, they run no code.\n\n"
                        "data: bytes-like.\n"
                        "event_classes: classes of one's own that may come.\n"
                        "max_event_bytes: longer data is refused.\n"
                        "Raises MalformedEventData, which says what is wrong and at which byte.");

static PyObject *
wire_loads(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"data", "event_classes", "max_event_bytes", NULL};
    CpsState *state = PyModule_GetState(module);
    CpsWireArgs given = {0};
    CpsWire wire = {0};
    Py_buffer data;
    PyObject *event = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y*|OO:wire_loads", names, &data, &given.event_classes,
                                     &given.max_event_bytes)) {
        return NULL;
    }
    if (cps_wire_configure(state, &wire, &given) == 0) {
        event = cps_wire_load(state, &wire, data.buf, (size_t)data.len);
    }
    cps_wire_clear(&wire);
    PyBuffer_Release(&data);
    return event;
}

static PyMethodDef wire_functions[] = {
    {"wire_dumps", wire_dumps, METH_O, dumps_doc},
    {"wire_loads", _PyCFunction_CAST(wire_loads), METH_VARARGS | METH_KEYWORDS, loads_doc},
    {NULL},
};

int
cps_wire_setup(PyObject *module, CpsState *state)
{
    return PyModule_AddFunctions(module, wire_functions);
}
