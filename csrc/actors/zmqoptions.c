/* The arguments of the actors with one ZeroMQ socket. */
#include "actors/zmqactor.h"

#include "actors/zmqendpoint.h"

enum { NAME, MODE, PORT, PROTOCOL, SOCKET_FILE, HOST, POSITIONAL };
enum { DEFAULT_PORT = 9000, DEFAULT_HIGH_WATER_MARK = 1000, DEFAULT_BATCH = 64 };

/* Keywords without a place among the positional arguments. Borrowed; NULL when not given. */
typedef struct {
    PyObject *high_water_mark, *linger, *timeout, *topics, *max_batch, *listen;
    CpsWireArgs wire;
    CpsZmqSecurityArgs security;
} Keywords;

static const char *const names[] = {
    "name",
    "mode",
    "port",
    "transmission_protocol",
    "socket_file",
    "host",
    "high_water_mark",
    "linger",
    "timeout",
    "topics",
    "max_batch",
    "listen",
    CPS_WIRE_ARGUMENTS,
    CPS_ZMQ_SECURITY_ARGUMENTS,
};

static int
take_seconds(double *seconds, const char *name, PyObject *value)
{
    double number;

    if (value == NULL) {
        return 0;
    }
    number = PyFloat_AsDouble(value);
    if (number == -1.0 && PyErr_Occurred()) {
        return -1;
    }
    if (!(number >= 0 && number <= 1000000)) {
        PyErr_Format(PyExc_ValueError, "%s must be 0 to 1000000 seconds, not %R", name, value);
        return -1;
    }
    *seconds = number;
    return 0;
}

/* A tuple of bytes from a str or bytes, or a sequence of them. New, or NULL with an exception set. */
static PyObject *
read_topics(PyObject *given)
{
    bool single = given == NULL || PyUnicode_Check(given) || PyBytes_Check(given);
    PyObject *list = given == NULL ? Py_BuildValue("[y]", "")
                     : single      ? Py_BuildValue("[O]", given)
                                   : PySequence_List(given);

    for (Py_ssize_t i = 0; list != NULL && i < PyList_GET_SIZE(list); i++) {
        PyObject *item = PyList_GET_ITEM(list, i);
        PyObject *topic = PyUnicode_Check(item) ? PyUnicode_AsUTF8String(item) : PyBytes_FromObject(item);

        if (topic == NULL || PyList_SetItem(list, i, topic) < 0) {
            Py_CLEAR(list);
        }
    }
    if (list != NULL) {
        Py_SETREF(list, PyList_AsTuple(list));
    }
    return list;
}

static int
check_protocol(CpsZmqActor *self)
{
    static const char *const protocols[] = {"tcp", "ipc", "inproc"};

    for (size_t i = 0; i < Py_ARRAY_LENGTH(protocols); i++) {
        if (cps_text_is(self->transmission_protocol, protocols[i])) {
            if (i > 0 && !PyUnicode_Check(self->socket_file)) {
                PyErr_Format(PyExc_ValueError, "transmission_protocol '%s' needs a socket_file", protocols[i]);
                return -1;
            }
            return 0;
        }
    }
    PyErr_SetString(PyExc_ValueError, "Transmission protocol must be in ['tcp', 'ipc', 'inproc']");
    return -1;
}

static int
take_endpoint(CpsZmqActor *self, const CpsZmqActorOps *ops, PyObject *const *values)
{
    PyObject *mode = values[MODE] == NULL ? PyUnicode_FromString(ops->default_mode) : Py_NewRef(values[MODE]);
    PyObject *protocol = values[PROTOCOL] == NULL ? PyUnicode_FromString("tcp") : Py_NewRef(values[PROTOCOL]);

    if (mode == NULL || protocol == NULL) {
        Py_XDECREF(mode);
        Py_XDECREF(protocol);
        return -1;
    }
    Py_XSETREF(self->mode, mode);
    Py_XSETREF(self->transmission_protocol, protocol);
    cps_take_object(&self->socket_file, values[SOCKET_FILE] == NULL ? Py_None : values[SOCKET_FILE]);
    cps_take_object(&self->host, values[HOST] == NULL ? Py_None : values[HOST]);
    self->port = DEFAULT_PORT;
    return cps_zmq_take_port(&self->port, values[PORT], "port", 0) < 0 ? -1 : check_protocol(self);
}

/* Arguments that only some kinds have. Returns 0, or -1 with TypeError set. */
static int
check_kind(int type, const char *function, const Keywords *given)
{
    const char *name = given->topics != NULL && type != ZMQ_SUB                       ? "topics"
                       : given->timeout != NULL && type != ZMQ_REQ && type != ZMQ_REP ? "timeout"
                       : given->max_batch != NULL && type != ZMQ_PUSH                 ? "max_batch"
                                                                                      : NULL;

    if (name != NULL) {
        PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%s'", function, name);
        return -1;
    }
    return 0;
}

/* A number of things, at least 1. Returns 0, or -1 with an exception set. */
static int
take_count(int *count, const char *name, Py_ssize_t by_default, PyObject *value)
{
    Py_ssize_t number = by_default;

    if (cps_take_size(&number, value) < 0) {
        return -1;
    }
    if (number < 1 || number > INT_MAX) {
        PyErr_Format(PyExc_ValueError, "%s must be positive, not %zd", name, number);
        return -1;
    }
    *count = (int)number;
    return 0;
}

static int
take_keywords(CpsZmqActor *self, const CpsZmqActorOps *ops, const Keywords *given)
{
    if (take_count(&self->high_water_mark, "high_water_mark", DEFAULT_HIGH_WATER_MARK, given->high_water_mark) < 0 ||
        take_count(&self->max_batch, "max_batch", DEFAULT_BATCH, given->max_batch) < 0 ||
        take_seconds(&self->linger, "linger", given->linger) < 0 ||
        take_seconds(&self->timeout, "timeout", given->timeout) < 0) {
        return -1;
    }
    if (ops->type == ZMQ_SUB) {
        Py_XSETREF(self->topics, read_topics(given->topics));
        if (self->topics == NULL) {
            return -1;
        }
    }
    return cps_wire_configure(self->base.state, &self->wire, &given->wire) < 0
               ? -1
               : cps_zmq_keys_configure(&self->keys, &given->security);
}

int
cps_zmq_actor_take_arguments(CpsZmqActor *self, const CpsZmqActorOps *ops, const char *function, PyObject *args,
                             PyObject *kwargs)
{
    PyObject *values[Py_ARRAY_LENGTH(names)], *rest_args, *rest_kwargs;
    Keywords keywords;
    int status;

    _Static_assert(sizeof(keywords) == (Py_ARRAY_LENGTH(names) - POSITIONAL) * sizeof(void *),
                   "Keywords has the order of names");
    if (cps_bind(function, args, kwargs, names, Py_ARRAY_LENGTH(names), 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    memcpy(&keywords, values + POSITIONAL, sizeof(keywords));
    status = cps_actor_init(&self->base, &ops->actor, rest_args, rest_kwargs);
    self->linger = 2;
    self->timeout = 30;
    if (status == 0) {
        status = check_kind(ops->type, function, &keywords) < 0 || take_endpoint(self, ops, values) < 0
                     ? -1
                     : take_keywords(self, ops, &keywords);
    }
    Py_DECREF(rest_args);
    Py_XDECREF(rest_kwargs);
    return status;
}
