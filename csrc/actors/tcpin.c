/* TCPIn: events that a TCPOut sends. */
#include "actors/tcpin.h"

#include "actors/serving.h"
#include "loop/worker.h"

static CpsTCPIn *
tcpin_of(CpsActor *actor)
{
    return (CpsTCPIn *)actor;
}

/* --- messages, in a worker ------------------------------------------------------------------------------------------------------------ */

void
cps_tcpin_schedule(CpsTCPIn *self)
{
    if (!self->scheduled && !self->working && self->base.rt != NULL) {
        self->base.running++; /* a stop waits for it */
        cps_ready_push(self->base.rt, &self->ready);
    }
    self->scheduled = true;
}

/* The exception that is set says why `content` (owned; NULL without memory) is no event. */
static void
tcpin_log_invalid(CpsTCPIn *self, PyObject *content)
{
    PyObject *error = PyErr_GetRaisedException();

    if (content != NULL) {
        cps_log(self->base.logger, CPS_LOG_ERROR, NULL, "Received invalid event format: %R: %S", content, error);
    }
    PyErr_Clear();
    Py_XDECREF(content);
    Py_DECREF(error);
}

/* The event in a message. New; or NULL without an exception: it was none, which is logged. */
static PyObject *
tcpin_load(CpsTCPIn *self, const CpsTcpMessage *message)
{
    enum { SHOWN = 100 };
    Py_ssize_t shown = message->length < SHOWN ? (Py_ssize_t)message->length : SHOWN;
    PyObject *event = cps_wire_load(self->base.state, &self->wire, message->bytes, message->length), *error;
    PyObject *content;

    if (event != NULL || !cps_ordinary_error()) {
        return event;
    }
    error = PyErr_GetRaisedException();
    /* a pickle runs code, which may have blocked until the connection was closed */
    content = self->listening == NULL || self->listening->tcp.current == NULL
                  ? PyBytes_FromString("")
                  : PyBytes_FromStringAndSize(message->bytes, shown);
    PyErr_Clear();
    PyErr_SetRaisedException(error);
    tcpin_log_invalid(self, content);
    return NULL;
}

/* Send the event, or have it take the error path. Returns 0, or -1 with what is no ordinary error. */
static int
tcpin_send(CpsTCPIn *self, PyObject *event)
{
    PyObject *exc;
    int status = 0;

    if (cps_actor_send(&self->base, event) == 0) {
        return 0;
    }
    if (!cps_ordinary_error()) {
        return -1;
    }
    exc = PyErr_GetRaisedException();
    status = cps_actor_fail(&self->base, event, exc);
    Py_DECREF(exc);
    return status;
}

/* Returns 0, or -1 with what is no ordinary error: the message is then not accepted. */
static int
tcpin_process(CpsTCPIn *self, const CpsTcpMessage *message)
{
    PyObject *event;
    int status;

    if (message->bytes == NULL) {
        cps_log(self->base.logger, CPS_LOG_ERROR, NULL,
                "Received invalid event format: %zu bytes from %s, more than the %zu of max_event_bytes",
                message->length, message->peer, self->limits.message);
        return 0;
    }
    event = tcpin_load(self, message);
    if (event == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    status = tcpin_send(self, event);
    Py_DECREF(event);
    return status;
}

/* Whether the event of the last message, if it had to wait, is on its queues now; false also when a stop has thrown it away. */
static void
tcpin_settle_held(CpsTCPIn *self)
{
    if (self->held && cps_list_empty(&self->base.pending)) {
        self->held = false;
        if (self->base.takes && self->listening != NULL) {
            cps_tcp_server_accept(&self->listening->tcp);
        }
    }
}

/* One message. Returns whether there was one. */
static bool
tcpin_take(CpsTCPIn *self)
{
    CpsTcpMessage message;

    if (self->listening == NULL || self->end_asked || cps_actor_held_back(&self->base) ||
        !cps_tcp_server_next(&self->listening->tcp, &message)) {
        return false;
    }
    if (tcpin_process(self, &message) < 0) {
        cps_runtime_unraisable((PyObject *)self);
        return true;
    }
    self->held = true;
    tcpin_settle_held(self);
    return true;
}

/* Take messages for a slice; what is left has its turn again, or waits until there is room. */
static void
tcpin_work(CpsTCPIn *self, CpsRuntime *rt)
{
    CpsWorker *worker = rt->running;

    tcpin_settle_held(self);
    while (tcpin_take(self)) {
        if (cps_slice_spent(rt) || !cps_worker_may_go_on(rt, worker)) {
            self->scheduled = true;
            break;
        }
    }
    if (self->listening != NULL && self->end_asked && !self->held) {
        cps_server_end(&self->listening->tcp.base);
    }
    else if (self->listening != NULL) {
        cps_tcp_server_pause(&self->listening->tcp);
    }
    if (self->close_asked) {
        cps_tcpin_let_go(self);
    }
}

/* One at a time, so that events come in order; another one is asked for afterwards. */
static void
tcpin_run(CpsReady *ready, CpsRuntime *rt)
{
    CpsTCPIn *self = (CpsTCPIn *)Py_NewRef((PyObject *)CPS_CONTAINER(ready, CpsTCPIn, ready));

    self->scheduled = false;
    self->working = true;
    tcpin_work(self, rt);
    self->working = false;
    self->base.running--;
    if (self->scheduled) {
        self->scheduled = false;
        cps_tcpin_schedule(self);
    }
    cps_wait_wake_all(&self->watchers);
    cps_actor_note_rest(&self->base);
    Py_DECREF((PyObject *)self);
}

static int
tcpin_consume(CpsActor *Py_UNUSED(actor), CpsInbox *Py_UNUSED(inbox), PyObject *Py_UNUSED(event))
{
    return 0;
}

static int
tcpin_start_source(CpsActor *actor)
{
    cps_tcpin_schedule(tcpin_of(actor)); /* messages may have come since it listens */
    return 0;
}

static void
tcpin_resume(CpsActor *actor)
{
    cps_tcpin_schedule(tcpin_of(actor));
}

static void
tcpin_stop_source(CpsActor *actor)
{
    CpsTCPIn *self = tcpin_of(actor);

    if (!self->end_asked) {
        self->end_asked = true;
        cps_tcpin_schedule(self);
    }
}

static bool
tcpin_runs(const CpsActor *actor, const CpsReady *node)
{
    return node == &((const CpsTCPIn *)actor)->ready;
}

static const CpsActorOps tcpin_ops = {
    .consume = tcpin_consume,
    .start_source = tcpin_start_source,
    .resume = tcpin_resume,
    .stop_source = tcpin_stop_source,
    .runs = tcpin_runs,
    .share = cps_tcpin_share,
};

/* --- hooks -------------------------------------------------------------------------------------------------------------------------- */

static PyObject *
tcpin_pre_hook(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsTCPIn *self = (CpsTCPIn *)op;

    if (!self->base.initialised) {
        return PyErr_Format(PyExc_RuntimeError, "%.200s.__init__ has not called that of TCPIn", Py_TYPE(self)->tp_name);
    }
    if (self->listening != NULL) {
        Py_RETURN_NONE;
    }
    self->end_asked = self->close_asked = self->held = false;
    cps_raise_descriptor_limit(self->limits.connections);
    if (cps_tcpin_listen(self) < 0) {
        return NULL;
    }
    cps_log(self->base.logger, CPS_LOG_INFO, NULL, "Connecting to %S on %d", self->host,
            cps_listener_port(&self->listening->tcp.base.listener));
    Py_RETURN_NONE;
}

static bool
peers_have_gone(void *context)
{
    CpsTCPIn *self = context;

    return self->listening == NULL || (self->base.running == 0 && self->listening->tcp.base.client_count == 0);
}

static bool
has_closed(void *context)
{
    return ((CpsTCPIn *)context)->listening == NULL;
}

/* Have the node do what was asked for, and wait until `test` holds. Returns 0, or -1 with an exception set. */
static int
tcpin_ask(CpsTCPIn *self, CpsWaitTest test)
{
    const double seconds = 2; /* for peers that read slowly */

    cps_tcpin_schedule(self);
    return cps_wait_until(self->base.state, &self->watchers, test, self, seconds) < 0 ? -1 : 0;
}

/* The loop's thread closes, whoever asks for it. */
static PyObject *
tcpin_post_hook(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsTCPIn *self = (CpsTCPIn *)op;
    int status = 0;

    if (self->base.rt != NULL && !self->base.rt->abandoned && self->listening != NULL) {
        self->end_asked = true;
        self->held = false;
        status = tcpin_ask(self, peers_have_gone);
        self->close_asked = status == 0;
        status = status < 0 ? -1 : tcpin_ask(self, has_closed);
    }
    cps_tcpin_let_go(self); /* also when it never started, because another actor's start failed */
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

/* --- attributes --------------------------------------------------------------------------------------------------------------------- */

static PyObject *
tcpin_get_port(PyObject *op, void *Py_UNUSED(closure))
{
    CpsTCPIn *self = (CpsTCPIn *)op;

    return PyLong_FromLong(self->listening == NULL ? self->port
                                                   : cps_listener_port(&self->listening->tcp.base.listener));
}

static PyObject *
tcpin_get_connections(PyObject *op, void *Py_UNUSED(closure))
{
    CpsTCPIn *self = (CpsTCPIn *)op;

    return PyLong_FromUnsignedLong(self->listening == NULL ? 0 : self->listening->tcp.base.client_count);
}

static PyObject *
tcpin_get_buffered(PyObject *op, void *Py_UNUSED(closure))
{
    CpsTCPIn *self = (CpsTCPIn *)op;

    return PyLong_FromUnsignedLongLong(self->listening == NULL ? 0 : self->listening->tcp.held);
}

static PyGetSetDef tcpin_getset[] = {
    CPS_DICT,
    {"port", tcpin_get_port, NULL, PyDoc_STR("int: where it listens; while it does, the one that it got for 0."), NULL},
    {"connections", tcpin_get_connections, NULL, PyDoc_STR("int: how many connections are open."), NULL},
    {"buffered", tcpin_get_buffered, NULL, PyDoc_STR("int: bytes that have come and are not on queues yet."), NULL},
    {NULL},
};

static PyMemberDef tcpin_members[] = {
    CPS_ACTOR_MEMBERS,
    {"host", T_OBJECT, offsetof(CpsTCPIn, host), 0, PyDoc_STR("str: where it listens.")},
    {"keyfile", T_OBJECT, offsetof(CpsTCPIn, keyfile), 0, PyDoc_STR("Path of the private key, or None.")},
    {"certfile", T_OBJECT, offsetof(CpsTCPIn, certfile), 0, PyDoc_STR("Path of the certificates, or None.")},
    {"cafile", T_OBJECT, offsetof(CpsTCPIn, cafile), 0,
     PyDoc_STR("Path of the authorities of clients' certificates, or None.")},
    {NULL},
};

/* --- construction --------------------------------------------------------------------------------------------------------------------- */

enum {
    NAME,
    PORT,
    HOST,
    SERIALIZER,
    EVENT_CLASSES,
    MAX_EVENT_BYTES,
    KEYFILE,
    CERTFILE,
    CAFILE,
    MAX_CONNECTIONS,
    MAX_BUFFER,
    MAX_BUFFER_TOTAL,
    IDLE_TIMEOUT,
    SHARE_PORT,
    PARAMETERS
};

static const char *const parameter_names[PARAMETERS] = {
    "name",         "port",
    "host",         CPS_WIRE_ARGUMENTS,
    "keyfile",      "certfile",
    "cafile",       "max_connections",
    "max_buffer",   "max_buffer_total",
    "idle_timeout", "share_port",
};

static int
tcpin_take_limits(CpsTCPIn *self, PyObject *const *values)
{
    CpsTcpServerLimits *limits = &self->limits;
    uint64_t buffer = 1 << 20;

    *limits = (CpsTcpServerLimits){.connections = 1000, .idle_ms = 600000, .total = 256 << 20};
    if (cps_take_limit32(values[MAX_CONNECTIONS], parameter_names[MAX_CONNECTIONS], &limits->connections) < 0 ||
        cps_take_limit(values[MAX_BUFFER], parameter_names[MAX_BUFFER], INT64_MAX, &buffer) < 0 ||
        cps_take_total(values[MAX_BUFFER_TOTAL], parameter_names[MAX_BUFFER_TOTAL], parameter_names[MAX_EVENT_BYTES],
                       self->wire.limit, &limits->total) < 0 ||
        cps_take_milliseconds(values[IDLE_TIMEOUT], parameter_names[IDLE_TIMEOUT], &limits->idle_ms) < 0) {
        return -1;
    }
    limits->buffer = (size_t)buffer;
    limits->message = self->wire.limit;
    return 0;
}

static int
tcpin_take_tls(CpsTCPIn *self, PyObject *const *values)
{
    cps_take_object(&self->keyfile, values[KEYFILE] == NULL ? Py_None : values[KEYFILE]);
    cps_take_object(&self->certfile, values[CERTFILE] == NULL ? Py_None : values[CERTFILE]);
    cps_take_object(&self->cafile, values[CAFILE] == NULL ? Py_None : values[CAFILE]);
    if ((self->keyfile != Py_None || self->cafile != Py_None) && self->certfile == Py_None) {
        PyErr_SetString(PyExc_ValueError, "a keyfile and a cafile need a certfile");
        return -1;
    }
    return 0;
}

static int
tcpin_configure(CpsTCPIn *self, PyObject *const *values, PyObject *args, PyObject *kwargs)
{
    const CpsWireArgs given = {values[SERIALIZER], values[EVENT_CLASSES], values[MAX_EVENT_BYTES]};

    if (cps_actor_init(&self->base, &tcpin_ops, args, kwargs) < 0 || cps_actor_set_shape(&self->base, "cloud") < 0 ||
        cps_take_address(values[HOST], "0.0.0.0", &self->host, values[PORT], CPS_TCP_PORT, &self->port) < 0 ||
        cps_wire_configure(self->base.state, &self->wire, &given) < 0 || tcpin_take_limits(self, values) < 0 ||
        tcpin_take_tls(self, values) < 0) {
        return -1;
    }
    return cps_take_flag(&self->share_port, values[SHARE_PORT]);
}

static int
tcpin_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    PyObject *values[PARAMETERS] = {NULL}; /* borrowed */
    PyObject *rest_args, *rest_kwargs;
    int status;

    if (cps_bind("TCPIn", args, kwargs, parameter_names, PARAMETERS, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    status = tcpin_configure((CpsTCPIn *)op, values, rest_args, rest_kwargs);
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return status;
}

static PyObject *
tcpin_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    CpsState *state = cps_state_of_type(type);
    CpsTCPIn *self = (CpsTCPIn *)state->types.Actor->tp_new(type, args, kwargs);

    if (self != NULL) {
        self->reserved = -1;
        cps_list_init(&self->watchers);
        self->ready.run = tcpin_run;
    }
    return (PyObject *)self;
}

/* --- memory ---------------------------------------------------------------------------------------------------------------------------- */

static int
tcpin_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsTCPIn *self = (CpsTCPIn *)op;

    Py_VISIT(self->host);
    Py_VISIT(self->keyfile);
    Py_VISIT(self->certfile);
    Py_VISIT(self->cafile);
    if (cps_wire_traverse(&self->wire, visit, arg) != 0) {
        return -1;
    }
    return cps_actor_traverse(op, visit, arg);
}

static int
tcpin_clear(PyObject *op)
{
    CpsTCPIn *self = (CpsTCPIn *)op;

    cps_tcpin_let_go(self);
    Py_CLEAR(self->host);
    Py_CLEAR(self->keyfile);
    Py_CLEAR(self->certfile);
    Py_CLEAR(self->cafile);
    cps_wire_clear(&self->wire);
    return cps_actor_clear(op);
}

static void
tcpin_dealloc(PyObject *op)
{
    CpsTCPIn *self = (CpsTCPIn *)op;

    PyObject_GC_UnTrack(op);
    (void)tcpin_clear(op);
    cps_tcpin_unreserve(self);
    cps_link_remove(&self->ready.link);
    cps_actor_dealloc(op);
}

/* --- type -------------------------------------------------------------------------------------------------------------------------------- */

PyDoc_STRVAR(
    tcpin_doc,
    "TCPIn(name, port=9000, host='0.0.0.0', serializer='cbor', event_classes=(), max_event_bytes=67108864, *args,\n"
    "      keyfile=None, certfile=None, cafile=None, max_connections=1000, max_buffer=1048576,\n"
    "      max_buffer_total=268435456, idle_timeout=600.0, share_port=False, **kwargs)\n--\n\n"
    "Receive the events that TCPOut sends, and acknowledge each once it is on its queues (docs/wire-format.rst).\n\n"
    "Out: the events, in the order of each sender; one whose acknowledgement was lost comes again. Events that come "
    "in\n"
    "are ignored.\n\n"
    "port: int, 0 for any free one. host: str, a name, an address, '' for all, or 'unix:/path'.\n" CPS_WIRE_DOC
    "keyfile, certfile: paths of PEM files: then only TLS (1.2 or newer) is spoken. cafile: path of the certificates "
    "of\n"
    "authorities: clients must have a certificate of one of them. max_connections: more are closed. max_buffer: bytes "
    "of\n"
    "events of a connection that wait here; then its sender waits. max_buffer_total: bytes of all connections "
    "together;\n"
    "then all senders wait, and events that have come in part are broken off, to be sent again. idle_timeout: seconds "
    "without a byte until a\n"
    "connection is closed. share_port: other processes listen there, too (SO_REUSEPORT). Further arguments are those "
    "of\n"
    "Actor; unknown keywords are ignored.\n\n"
    "What is no event is logged and dropped. Raises ValueError and TypeError for arguments that make no sense; at "
    "start\n"
    "OSError when it cannot listen, ActorInitFailure for unusable certificates.");

static PyMethodDef tcpin_methods[] = {
    CPS_CONSUME_METHOD,
    {"pre_hook", tcpin_pre_hook, METH_NOARGS, PyDoc_STR("pre_hook($self, /)\n--\n\nListen.")},
    {"post_hook", tcpin_post_hook, METH_NOARGS,
     PyDoc_STR("post_hook($self, /)\n--\n\nAcknowledge what was received, and close.")},
    {NULL},
};

static PyType_Slot tcpin_slots[] = {
    {Py_tp_doc, (void *)tcpin_doc}, {Py_tp_new, tcpin_new},
    {Py_tp_init, tcpin_init},       {Py_tp_traverse, tcpin_traverse},
    {Py_tp_clear, tcpin_clear},     {Py_tp_dealloc, tcpin_dealloc},
    {Py_tp_methods, tcpin_methods}, {Py_tp_members, tcpin_members},
    {Py_tp_getset, tcpin_getset},   {0, NULL},
};

static PyType_Spec tcpin_spec = {
    .name = "compysition.actors.tcp.TCPIn",
    .basicsize = sizeof(CpsTCPIn),
    .flags = CPS_ACTOR_FLAGS,
    .slots = tcpin_slots,
};

int
cps_tcpin_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.TCPIn, &tcpin_spec, (PyObject *)state->types.Actor);
}
