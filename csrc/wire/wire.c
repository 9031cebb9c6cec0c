#include "wire/wire.h"

#include "event/event.h"
#include "wire/fields.h"

/* Tag 55799, array of 3, text of 3, "cpe", the version. */
const char cps_event_prefix[CPS_EVENT_PREFIX_BYTES] = {(char)0xd9, (char)0xd9, (char)0xf7, (char)0x83,       0x63,
                                                       'c',        'p',        'e',        CPS_EVENT_VERSION};

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

/* ---- out ---- */

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
    int result = wire->pickle ? dump_pickle(event, out) : cps_event_write(state, wire, event, out);

    if (result < 0) {
        out->length = before;
    }
    return result;
}

/* ---- in ---- */

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
    return length >= CPS_EVENT_PREFIX_BYTES && memcmp(bytes, cps_event_prefix, CPS_EVENT_PREFIX_BYTES) == 0;
}

PyObject *
cps_wire_load(CpsState *state, const CpsWire *wire, const char *bytes, size_t length)
{
    if (length > wire->limit) {
        return cps_raise(state, CPS_MALFORMED_EVENT_DATA, "an event of %zu bytes: more than the %zu of max_event_bytes",
                         length, wire->limit);
    }
    return wire->pickle ? load_pickle(state, bytes, length) : cps_event_read(state, wire, bytes, length);
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
