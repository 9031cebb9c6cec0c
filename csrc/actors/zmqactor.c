#include "actors/zmqactor.h"

#include "actors/zmqendpoint.h"
#include "loop/port.h"
#include "loop/worker.h"
#include "net/zmqcontext.h"

#include <errno.h>

static CpsZmqActor *
zmq_of(const CpsActor *actor)
{
    return (CpsZmqActor *)actor;
}

/* --- the socket ----------------------------------------------------------------------------------------------------------------------- */

struct CpsZmqPort {
    CpsPort port; /* first */
    CpsZmqSocket socket;
};

/* The two that run within uv_run. */
static void
port_on_event(CpsZmqSocket *socket)
{
    CpsZmqPort *port = CPS_CONTAINER(socket, CpsZmqPort, socket);

    /* Asked here, too: otherwise the descriptor stays readable, and libuv goes on calling. */
    if (port->port.actor != NULL && cps_zmq_socket_events(socket) != 0) {
        cps_port_note(&port->port);
    }
}

static void
port_on_closed(CpsZmqSocket *socket)
{
    CpsZmqPort *port = CPS_CONTAINER(socket, CpsZmqPort, socket);

    cps_port_closed(&port->port);
}

static void
port_changed(void *actor)
{
    cps_zmq_actor_schedule(actor);
}

/* In the loop's thread. The context may wait for what lingers. */
static void
port_close(CpsPort *base)
{
    CpsZmqPort *port = (CpsZmqPort *)base;

    cps_zmq_socket_close(&port->socket);
    Py_BEGIN_ALLOW_THREADS
    cps_zmq_context_release();
    Py_END_ALLOW_THREADS
}

/* Close the actor's socket, from any thread. What a fork's child has is its parent's. */
static void
zmq_let_go(CpsZmqActor *self)
{
    CpsZmqPort *port = self->socket;

    self->socket = NULL;
    if (self->base.ops != NULL && cps_zmq_actor_ops(self)->give_up != NULL) {
        cps_zmq_actor_ops(self)->give_up(self);
    }
    if (port == NULL) {
        return;
    }
    cps_port_end(&port->port);
}

/* --- endpoints --------------------------------------------------------------------------------------------------------------------------- */

static bool
zmq_binds(const CpsZmqActor *self)
{
    return cps_text_is(cps_field(self->mode), "bind");
}

static bool
zmq_connects(const CpsZmqActor *self)
{
    return cps_text_is(cps_field(self->mode), "connect");
}

static bool
is_tcp(const CpsZmqActor *self)
{
    return cps_text_is(cps_field(self->transmission_protocol), "tcp");
}

/* Where no host was given, a bound socket listens on all interfaces, and one that connects goes to this machine. New, or NULL. */
static PyObject *
zmq_endpoint(CpsZmqActor *self)
{
    PyObject *host = cps_field(self->host);
    PyObject *name, *endpoint;

    if (!is_tcp(self)) {
        return PyUnicode_FromFormat("%U://%S", self->transmission_protocol, cps_field(self->socket_file));
    }
    name = host != Py_None ? PyObject_Str(host) : PyUnicode_FromString(zmq_binds(self) ? "*" : "127.0.0.1");
    if (name == NULL) {
        return NULL;
    }
    endpoint = zmq_binds(self) && self->port == 0 ? PyUnicode_FromFormat("tcp://%U:*", name)
                                                  : PyUnicode_FromFormat("tcp://%U:%d", name, self->port);
    Py_DECREF(name);
    return endpoint;
}

/* The number at the end of "tcp://127.0.0.1:4711". */
static void
zmq_note_bound(CpsZmqActor *self, const char *bound)
{
    const char *colon = strrchr(bound, ':');
    PyObject *text = PyUnicode_DecodeUTF8(bound, (Py_ssize_t)strlen(bound), "replace");

    if (text == NULL) {
        PyErr_Clear();
        return;
    }
    Py_XSETREF(self->endpoint, text);
    if (is_tcp(self) && colon != NULL) {
        self->port = atoi(colon + 1);
    }
}

static int
port_attach(CpsZmqActor *self, CpsZmqPort *port, PyObject *endpoint)
{
    const char *text = PyUnicode_AsUTF8(endpoint);
    char bound[512] = "";
    int code = 0;

    if (text == NULL) {
        return -1;
    }
    if (zmq_binds(self)) {
        Py_BEGIN_ALLOW_THREADS
        code = (self->endpoint != NULL ? cps_zmq_socket_bind_again : cps_zmq_socket_bind)(&port->socket, text, bound,
                                                                                          sizeof(bound));
        Py_END_ALLOW_THREADS
        if (code != 0) {
            return cps_zmq_raise("bind to", text, code);
        }
        zmq_note_bound(self, bound);
    }
    else if (zmq_connects(self)) {
        code = cps_zmq_socket_connect(&port->socket, text);
        if (code != 0) {
            return cps_zmq_raise("connect to", text, code);
        }
        Py_XSETREF(self->endpoint, Py_NewRef(endpoint));
    }
    return 0;
}

/* What SUB wants to hear. */
static int
port_subscribe(CpsZmqActor *self, CpsZmqPort *port)
{
    for (Py_ssize_t i = 0; self->topics != NULL && i < PyTuple_GET_SIZE(self->topics); i++) {
        PyObject *topic = PyTuple_GET_ITEM(self->topics, i);

        if (zmq_setsockopt(port->socket.socket, ZMQ_SUBSCRIBE, PyBytes_AS_STRING(topic),
                           (size_t)PyBytes_GET_SIZE(topic)) < 0) {
            PyErr_Format(PyExc_OSError, "cannot subscribe to %R: %s", topic, zmq_strerror(zmq_errno()));
            return -1;
        }
    }
    return 0;
}

/* How many events a message may have. A socket that binds gives messages to its peers in turn: there each has one. The high-water mark, which
 * libzmq counts in messages, stays GRAIN of them at least. */
static int
zmq_batch(const CpsZmqActor *self)
{
    enum { GRAIN = 8 };
    const CpsZmqActorOps *ops = cps_zmq_actor_ops(self);
    int limit = self->high_water_mark / GRAIN < self->max_batch ? self->high_water_mark / GRAIN : self->max_batch;

    return limit > 1 && ops->batches && (!ops->sends || zmq_connects(self)) ? limit : 1;
}

/* Returns an errno. */
static int
port_make(CpsZmqActor *self, CpsZmqPort *port)
{
    CpsZmqSecurity security;
    int type = cps_zmq_actor_ops(self)->type;
    bool only_hears =
        type == ZMQ_PULL || type == ZMQ_SUB; /* what SUB unsubscribes at its end is not worth waiting for */
    CpsZmqOptions options = {
        .type = type,
        .high_water_mark = self->high_water_mark / self->batch,
        .linger_ms = only_hears ? 0 : (int)(self->linger * 1000),
        .max_bytes = (int64_t)self->wire.limit,
        .security = cps_zmq_keys_security(&self->keys, &security) ? &security : NULL,
    };
    void *context = cps_zmq_context_hold();
    int code = context == NULL ? ENOMEM : cps_zmq_keys_use(&self->keys, context);

    if (code == 0) {
        code = cps_zmq_socket_open(&port->socket, &port->port.rt->loop, &options);
    }
    if (context != NULL) {
        cps_zmq_context_release(); /* the socket holds it, too */
    }
    return code;
}

/* Returns 0, or -1 with an exception set. */
static int
zmq_open(CpsZmqActor *self, CpsRuntime *rt)
{
    PyObject *endpoint = zmq_endpoint(self);
    CpsZmqPort *port = endpoint == NULL ? NULL : calloc(1, sizeof(*port));
    int code, result;

    if (port == NULL) {
        Py_XDECREF(endpoint);
        return endpoint == NULL ? -1 : (PyErr_NoMemory(), -1);
    }
    port->socket.on_event = port_on_event;
    port->socket.on_closed = port_on_closed;
    cps_port_init(&port->port, rt, port_changed);
    port->port.close = port_close;
    self->batch = zmq_batch(self);
    code = port_make(self, port);
    if (code != 0) {
        free(port);
        result = cps_zmq_raise("make a ZeroMQ socket for", PyUnicode_AsUTF8(endpoint), code);
    }
    else {
        self->socket = port;
        result = port_subscribe(self, port) < 0 ? -1 : port_attach(self, port, endpoint);
        port->port.actor = self;
        if (result < 0) {
            zmq_let_go(self);
        }
    }
    Py_DECREF(endpoint);
    return result;
}

/* --- sending ------------------------------------------------------------------------------------------------------------------------------ */

void *
cps_zmq_actor_socket(const CpsZmqActor *self)
{
    return self->socket == NULL ? NULL : self->socket->socket.socket;
}

/* Send what waits. Whether the actor takes more depends on the socket's room, which is asked for last: any call may take the sign of it. */
static void
zmq_look_for_room(CpsZmqActor *self)
{
    bool was_busy = self->base.busy, full, all_sent;

    do {
        all_sent = cps_zmq_actor_flush(self);
        full = self->socket == NULL || (cps_zmq_socket_events(&self->socket->socket) & ZMQ_POLLOUT) == 0;
    } while (!all_sent && !full);
    self->base.busy = full || self->asking != NULL;
    if (was_busy && !self->base.busy) {
        cps_actor_schedule(&self->base);
    }
}

/* Attributes of the event may be computed by code that blocks, while other events are sent: so the bytes are the call's own. */
int
cps_zmq_actor_frame(CpsZmqActor *self, PyObject *event, zmq_msg_t *frame)
{
    CpsBuffer bytes = {0};
    int status;

    cps_buffer_move(&bytes, &self->scratch);
    status = cps_wire_dump(self->base.state, &self->wire, event, &bytes);
    if (status == 0 && (self->socket == NULL || self->socket->port.rt != cps_runtime_peek())) {
        cps_raise(self->base.state, CPS_SERVICE_UNAVAILABLE, "the ZeroMQ socket of '%S' is not open in this thread",
                  self->base.name);
        status = -1;
    }
    if (status == 0 && cps_zmq_frame(frame, bytes.bytes, bytes.length) != 0) {
        PyErr_NoMemory();
        status = -1;
    }
    cps_buffer_recycle(&self->scratch, &bytes);
    return status;
}

int
cps_zmq_actor_sent(CpsZmqActor *self, int code)
{
    if (code != 0) {
        cps_raise(self->base.state, CPS_SERVICE_UNAVAILABLE, "Unable to send event over ZMQ: %s", zmq_strerror(code));
        return -1;
    }
    self->sent++;
    return 0;
}

int
cps_zmq_actor_send(CpsZmqActor *self, PyObject *event, const char *before, size_t before_length)
{
    CpsZmqMessage message;
    int result;

    cps_zmq_message_init(&message);
    if (before != NULL && cps_zmq_add(&message, before, before_length) != 0) {
        PyErr_NoMemory();
        return -1;
    }
    result = cps_zmq_actor_frame(self, event, &message.frames[message.count]);
    if (result == 0) {
        message.count++;
        result = cps_zmq_actor_sent(self, cps_zmq_send(&self->socket->socket, &message));
        if (cps_zmq_actor_ops(self)->receive != NULL) {
            cps_zmq_actor_schedule(self); /* the call may have taken the sign that something has come */
        }
    }
    cps_zmq_message_close(&message);
    return result;
}

/* --- receiving ---------------------------------------------------------------------------------------------------------------------------- */

PyObject *
cps_zmq_actor_load(CpsZmqActor *self, CpsZmqMessage *message, size_t frame)
{
    const char *bytes;
    size_t length;

    if (message->too_long || frame + 1 != message->count) {
        return cps_raise(self->base.state, CPS_MALFORMED_EVENT_DATA, "a message of %zu frames, where an event has %zu",
                         message->count, frame + 1);
    }
    bytes = cps_zmq_bytes(message, frame, &length);
    return cps_wire_load(self->base.state, &self->wire, bytes, length);
}

/* What came is no event: log it, and go on. */
static void
zmq_refuse(CpsZmqActor *self)
{
    PyObject *error;

    if (!cps_ordinary_error()) {
        cps_runtime_unraisable((PyObject *)self);
        return;
    }
    error = PyErr_GetRaisedException();
    self->refused++;
    cps_log(self->base.logger, CPS_LOG_ERROR, NULL, "Received invalid event format: %S", error);
    Py_DECREF(error);
}

/* Returns whether there was a message. */
static bool
zmq_receive_one(CpsZmqActor *self)
{
    CpsZmqMessage message;
    CpsZmqSocket *socket = self->socket == NULL ? NULL : &self->socket->socket;

    if (socket == NULL || (cps_zmq_actor_ops(self)->batches ? cps_zmq_receive_frame(socket, &message)
                                                            : cps_zmq_receive(socket, &message)) != 0) {
        return false;
    }
    self->received++;
    if (cps_zmq_actor_ops(self)->receive(self, &message) < 0) {
        zmq_refuse(self);
    }
    cps_zmq_message_close(&message);
    return true;
}

static bool
zmq_may_receive(const CpsZmqActor *self)
{
    const CpsZmqActorOps *ops = cps_zmq_actor_ops(self);

    return ops->receive != NULL && !self->end_asked && self->base.takes && !cps_actor_held_back(&self->base) &&
           (ops->waits == NULL || !ops->waits(self));
}

/* What has arrived when a stop comes: it was taken from its sender, who does not send it again. */
static void
zmq_drain(CpsZmqActor *self)
{
    const CpsZmqActorOps *ops = cps_zmq_actor_ops(self);

    for (int i = 0; ops->receive != NULL && ops->waits == NULL && i < self->high_water_mark; i++) {
        if (!zmq_receive_one(self)) {
            break;
        }
    }
}

static void
zmq_run(CpsReady *ready, CpsRuntime *rt)
{
    CpsZmqActor *self = (CpsZmqActor *)Py_NewRef((PyObject *)CPS_CONTAINER(ready, CpsZmqActor, ready));
    CpsWorker *worker = rt->running;

    self->scheduled = false;
    if (cps_zmq_actor_ops(self)->settle != NULL) {
        cps_zmq_actor_ops(self)->settle(self);
    }
    if (self->end_asked && !self->drained) {
        self->drained = true; /* once: a peer may send faster than the flow ends */
        zmq_drain(self);
    }
    while (zmq_may_receive(self) && zmq_receive_one(self)) {
        if (cps_slice_spent(rt) || !cps_worker_may_go_on(rt, worker)) {
            cps_zmq_actor_schedule(self);
            break;
        }
    }
    if (cps_zmq_actor_ops(self)->sends) {
        zmq_look_for_room(self);
    }
    self->base.running--;
    cps_actor_note_rest(&self->base);
    Py_DECREF((PyObject *)self);
}

/* An overridden send_event in Python blocks: what else has come is looked at meanwhile. */
static void
zmq_again(CpsReady *ready)
{
    cps_zmq_actor_schedule(CPS_CONTAINER(ready, CpsZmqActor, ready));
}

void
cps_zmq_actor_schedule(CpsZmqActor *self)
{
    if (!self->scheduled && self->base.rt != NULL) {
        self->scheduled = true;
        self->base.running++; /* a stop waits for it */
        cps_ready_push(self->base.rt, &self->ready);
    }
}

/* --- life ---------------------------------------------------------------------------------------------------------------------------------- */

int
cps_zmq_actor_start(CpsActor *actor)
{
    CpsZmqActor *self = zmq_of(actor);

    if (self->socket != NULL && self->socket->port.rt->abandoned) {
        self->socket = NULL; /* of the process that this one was forked from, as what was gathered for it */
        (void)cps_zmq_actor_unfinished(actor, true);
    }
    self->end_asked = self->drained = false;
    self->base.busy = cps_zmq_actor_ops(self)->sends; /* until it is known that there is room */
    if (self->socket == NULL && zmq_open(self, actor->rt) < 0) {
        return -1;
    }
    cps_zmq_actor_schedule(self);
    return 0;
}

void
cps_zmq_actor_resume(CpsActor *actor)
{
    if (cps_zmq_actor_ops(zmq_of(actor))->receive != NULL) {
        cps_zmq_actor_schedule(zmq_of(actor));
    }
}

void
cps_zmq_actor_stop_source(CpsActor *actor)
{
    CpsZmqActor *self = zmq_of(actor);

    if (!self->end_asked && self->socket != NULL) {
        self->end_asked = true;
        cps_zmq_actor_schedule(self);
    }
}

void
cps_zmq_actor_close(CpsActor *actor)
{
    CpsZmqActor *self = zmq_of(actor);

    if (self->scheduled) {
        cps_link_remove(&self->ready.link);
        self->scheduled = false;
        actor->running--;
    }
    zmq_let_go(self);
}

bool
cps_zmq_actor_runs(const CpsActor *actor, const CpsReady *node)
{
    return node == &((const CpsZmqActor *)actor)->ready;
}

int
cps_zmq_actor_share(CpsActor *actor)
{
    if (zmq_binds(zmq_of(actor))) {
        cps_raise(actor->state, CPS_SETUP_ERROR,
                  "several processes cannot bind to one ZeroMQ endpoint: have '%S' connect, and its peer bind",
                  actor->name);
        return -1;
    }
    return 0;
}

int
cps_zmq_actor_init(PyObject *op, const CpsZmqActorOps *ops, const char *function, PyObject *args, PyObject *kwargs)
{
    CpsZmqActor *self = (CpsZmqActor *)op;
    int status;

    if (self->gathered.head.next == NULL) {
        cps_list_init(&self->gathered);
    }
    status = cps_zmq_actor_take_arguments(self, ops, function, args, kwargs);
    self->ready.run = zmq_run;
    self->ready.again = zmq_again;
    self->base.busy = ops->sends;
    return status < 0 ? -1 : cps_actor_set_shape(&self->base, "cloud");
}

/* --- the type -------------------------------------------------------------------------------------------------------------------------------- */

int
cps_zmq_actor_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsZmqActor *self = (CpsZmqActor *)op;
    int result = cps_wire_traverse(&self->wire, visit, arg);

    if (result != 0) {
        return result;
    }
    Py_VISIT(self->mode);
    Py_VISIT(self->transmission_protocol);
    Py_VISIT(self->host);
    Py_VISIT(self->socket_file);
    return cps_actor_traverse(op, visit, arg);
}

static void
zmq_clear_own(CpsZmqActor *self)
{
    cps_wire_clear(&self->wire);
    Py_CLEAR(self->mode);
    Py_CLEAR(self->transmission_protocol);
    Py_CLEAR(self->host);
    Py_CLEAR(self->socket_file);
}

int
cps_zmq_actor_clear(PyObject *op)
{
    zmq_clear_own((CpsZmqActor *)op);
    return cps_actor_clear(op);
}

void
cps_zmq_actor_dealloc(PyObject *op)
{
    CpsZmqActor *self = (CpsZmqActor *)op;

    PyObject_GC_UnTrack(op);
    if (self->gathered.head.next != NULL) {
        (void)cps_zmq_actor_unfinished(&self->base, true);
    }
    zmq_let_go(self);
    cps_link_remove(&self->ready.link);
    Py_CLEAR(self->topics);
    Py_CLEAR(self->endpoint);
    cps_zmq_keys_clear(&self->keys);
    cps_buffer_free(&self->scratch);
    zmq_clear_own(self);
    PyObject_GC_Track(op);
    cps_actor_dealloc(op);
}

PyMethodDef cps_zmq_actor_methods[] = {CPS_CONSUME_METHOD, {NULL}};

PyMemberDef cps_zmq_actor_members[] = {
    CPS_ACTOR_MEMBERS,
    {"mode", T_OBJECT, offsetof(CpsZmqActor, mode), 0, "\"bind\" or \"connect\"."},
    {"transmission_protocol", T_OBJECT, offsetof(CpsZmqActor, transmission_protocol), 0,
     "\"tcp\", \"ipc\" or \"inproc\"."},
    {"host", T_OBJECT, offsetof(CpsZmqActor, host), 0, "A name or address; None: see the class."},
    {"socket_file", T_OBJECT, offsetof(CpsZmqActor, socket_file), 0, "The path of ipc, or the name of inproc."},
    {"port", T_INT, offsetof(CpsZmqActor, port), 0, "The TCP port; once it is bound, the real one."},
    {"endpoint", T_OBJECT, offsetof(CpsZmqActor, endpoint), READONLY,
     "Where it is bound or connects to, once it has started."},
    {"events_sent", T_ULONGLONG, offsetof(CpsZmqActor, sent), READONLY, "Events that the socket has taken."},
    {"events_received", T_ULONGLONG, offsetof(CpsZmqActor, received), READONLY, "Events that came."},
    {"events_refused", T_ULONGLONG, offsetof(CpsZmqActor, refused), READONLY, "What came and was no event."},
    {NULL},
};

PyGetSetDef cps_zmq_actor_getset[] = {CPS_DICT, {NULL}};

static int
set_constant(PyTypeObject *type, const char *name, const char *text)
{
    PyObject *value = PyUnicode_FromString(text);
    int result = value == NULL ? -1 : PyObject_SetAttrString((PyObject *)type, name, value);

    Py_XDECREF(value);
    return result;
}

int
cps_zmq_actor_add_type(PyObject *module, PyTypeObject **slot, PyType_Spec *spec, PyTypeObject *input,
                       PyTypeObject *output, int socket_type)
{
    CpsState *state = PyModule_GetState(module);
    PyObject *number;
    int result;

    if (cps_add_type(module, slot, spec, (PyObject *)state->types.Actor) < 0 ||
        cps_set_event_types(state, *slot, input, output) < 0 || set_constant(*slot, "TCP", "tcp") < 0 ||
        set_constant(*slot, "IPC", "ipc") < 0 || set_constant(*slot, "INPROC", "inproc") < 0) {
        return -1;
    }
    number = PyLong_FromLong(socket_type);
    result = number == NULL ? -1 : PyObject_SetAttrString((PyObject *)*slot, "protocol", number);
    Py_XDECREF(number);
    return result;
}
