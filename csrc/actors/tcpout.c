/* TCPOut: events to a TCPIn, in this or another process. */
#include "actors/actors.h"
#include "actors/serving.h"
#include "base/ring.h"
#include "event/event.h"
#include "loop/port.h"
#include "net/tcpclient.h"
#include "wire/wire.h"

typedef struct CpsTCPOut CpsTCPOut;

/* The sending part, which lives until libuv has closed its handles. */
typedef struct {
    CpsPort port; /* first */
    CpsTcpClient client;
    CpsTcpClientConfig config;
    char host[256], tls_name[256];
} Sender;

struct CpsTCPOut {
    CpsActor base;
    PyObject *host, *keyfile, *certfile, *cafile, *server_hostname; /* owned */
    PyObject *listen;                                               /* owned: as given; without effect */
    int port;
    bool tls;
    CpsWire wire;
    CpsTcpClientConfig times; /* the times of it */
    size_t max_buffer;
    Sender *sender;    /* NULL: it is not started */
    CpsBuffer scratch; /* for the next event's bytes */
    CpsRing lineages;  /* CpsLineage, counted: of the events that are not acknowledged */
    uint64_t settled;  /* of CpsTcpClient.acknowledged */
    bool was_connected;
    CpsReady ready; /* the sender has changed */
    bool scheduled;
};

static CpsTCPOut *
tcpout_of(CpsActor *actor)
{
    return (CpsTCPOut *)actor;
}

/* --- the sending part ------------------------------------------------------------------------------------------------------------------ */

/* The two that run within uv_run. */
static void
sender_on_change(CpsTcpClient *client)
{
    Sender *sender = CPS_CONTAINER(client, Sender, client);

    cps_port_note(&sender->port);
}

static void
sender_on_closed(CpsTcpClient *client)
{
    Sender *sender = CPS_CONTAINER(client, Sender, client);

    cps_port_closed(&sender->port);
}

static void
sender_changed(void *context)
{
    CpsTCPOut *actor = context;

    if (!actor->scheduled) {
        actor->scheduled = true;
        actor->base.running++; /* a stop waits for it */
        cps_ready_push(actor->sender->port.rt, &actor->ready);
    }
}

/* Copy the text of an attribute. Returns 0, or -1 with an exception set. */
static int
copy_text(PyObject *text, char *bytes, size_t size)
{
    Py_ssize_t length;
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, &length);

    if (utf8 == NULL) {
        return -1;
    }
    if ((size_t)length >= size || strlen(utf8) != (size_t)length) {
        PyErr_Format(PyExc_ValueError, "%R is no name of a host", text);
        return -1;
    }
    memcpy(bytes, utf8, (size_t)length + 1);
    return 0;
}

static int
sender_configure(Sender *sender, CpsTCPOut *self)
{
    PyObject *tls_name = cps_field(self->server_hostname) == Py_None ? self->host : self->server_hostname;

    if (copy_text(self->host, sender->host, sizeof(sender->host)) < 0 ||
        copy_text(tls_name, sender->tls_name, sizeof(sender->tls_name)) < 0) {
        return -1;
    }
    sender->config = self->times;
    sender->config.host = sender->host;
    sender->config.port = self->port;
    sender->config.tls_name = sender->tls_name;
    return 0;
}

/* New, or NULL with an exception set. */
static Sender *
sender_open(CpsTCPOut *self)
{
    CpsState *state = self->base.state;
    CpsRuntime *rt = cps_runtime_get(state);
    Sender *sender = rt == NULL ? NULL : calloc(1, sizeof(*sender));
    CpsTlsContext *tls = NULL;

    if (sender == NULL) {
        return rt == NULL ? NULL : (Sender *)PyErr_NoMemory();
    }
    if (sender_configure(sender, self) < 0 ||
        (self->tls && (tls = cps_make_client_tls(state, cps_field(self->cafile), cps_field(self->certfile),
                                                 cps_field(self->keyfile))) == NULL)) {
        free(sender);
        return NULL;
    }
    cps_port_init(&sender->port, rt, sender_changed);
    sender->port.actor = self;
    sender->client.on_change = sender_on_change;
    sender->client.on_closed = sender_on_closed;
    cps_tcp_client_open(&sender->client, &rt->loop, &sender->config, tls);
    return sender;
}

/* Close what sends; in a fork's child that is the parent's. */
static void
tcpout_let_go(CpsTCPOut *self)
{
    Sender *sender = self->sender;

    if (sender != NULL) {
        self->sender = NULL;
        sender->port.actor = NULL;
        if (!sender->port.rt->abandoned) {
            cps_tcp_client_close(&sender->client);
        }
    }
}

/* --- events that are not acknowledged ---------------------------------------------------------------------------------------------------- */

/* The oldest of them has ended. */
static void
tcpout_settle(CpsTCPOut *self, CpsFate fate)
{
    CpsLineage *lineage = cps_ring_pop(&self->lineages);

    cps_lineage_end(lineage, fate);
    cps_lineage_unref(lineage);
}

/* Take more events when there is room for them again. */
static void
tcpout_update_busy(CpsTCPOut *self)
{
    size_t kept = self->sender == NULL ? 0 : cps_tcp_client_kept(&self->sender->client);

    if (kept >= self->max_buffer) {
        self->base.busy = true;
    }
    else if (self->base.busy && kept <= self->max_buffer / 2) {
        self->base.busy = false;
        cps_actor_schedule(&self->base);
    }
}

static void
tcpout_log_change(CpsTCPOut *self, CpsTcpClient *client)
{
    if (client->failed) {
        client->failed = false;
        cps_log(self->base.logger, CPS_LOG_ERROR, NULL, "Unable to send event over tcp to %S:%d: %s", self->host,
                self->port, client->problem);
    }
    if (client->connected && !self->was_connected) {
        cps_log(self->base.logger, CPS_LOG_INFO, NULL, "Connected to %S:%d", self->host, self->port);
    }
    self->was_connected = client->connected;
}

/* What the sender has reported. */
static void
tcpout_run(CpsReady *ready, CpsRuntime *Py_UNUSED(rt))
{
    CpsTCPOut *self = (CpsTCPOut *)Py_NewRef((PyObject *)CPS_CONTAINER(ready, CpsTCPOut, ready));

    self->scheduled = false;
    if (self->sender != NULL) {
        for (; self->settled < self->sender->client.acknowledged && self->lineages.length > 0; self->settled++) {
            tcpout_settle(self, CPS_FATE_CONSUMED);
        }
        tcpout_update_busy(self);
        tcpout_log_change(self, &self->sender->client);
    }
    self->base.running--;
    cps_actor_note_rest(&self->base);
    Py_DECREF((PyObject *)self);
}

static bool
tcpout_runs(const CpsActor *actor, const CpsReady *node)
{
    return node == &((const CpsTCPOut *)actor)->ready;
}

static Py_ssize_t
tcpout_unfinished(CpsActor *actor, bool give_up)
{
    CpsTCPOut *self = tcpout_of(actor);
    Py_ssize_t count = (Py_ssize_t)self->lineages.length;

    if (!give_up || count == 0) {
        return count;
    }
    if (self->sender != NULL && !self->sender->port.rt->abandoned) {
        cps_log(actor->logger, CPS_LOG_WARNING, NULL, "%zd events were not acknowledged by %S:%d", count, self->host,
                self->port);
        cps_tcp_client_forget(&self->sender->client);
        self->settled = self->sender->client.acknowledged;
    }
    while (self->lineages.length > 0) {
        tcpout_settle(self, CPS_FATE_REPORTED);
    }
    tcpout_update_busy(self);
    return count;
}

/* --- consuming ---------------------------------------------------------------------------------------------------------------------------- */

/* The sender takes the event that `bytes` are. Returns 0, or -1 with an exception set. */
static int
tcpout_add(CpsTCPOut *self, PyObject *event, const CpsBuffer *bytes)
{
    CpsLineage *lineage = ((CpsEvent *)event)->lineage;

    if (bytes->length > self->wire.limit || bytes->length > UINT32_MAX) {
        cps_raise(self->base.state, CPS_MALFORMED_EVENT_DATA,
                  "an event of %zu bytes: more than the %zu of max_event_bytes", bytes->length, self->wire.limit);
        return -1;
    }
    if (self->sender == NULL) {
        cps_raise(self->base.state, CPS_SERVICE_UNAVAILABLE, "'%S' is not started", self->base.name);
        return -1;
    }
    if (cps_ring_reserve(&self->lineages) < 0 ||
        cps_tcp_client_add(&self->sender->client, bytes->bytes, (uint32_t)bytes->length) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    cps_lineage_deliver(lineage);
    (void)cps_ring_push(&self->lineages, cps_lineage_ref(lineage)); /* there is room */
    tcpout_update_busy(self);
    return 0;
}

/* Attributes of the event may be computed by code that blocks, while other events are sent: so the bytes are the call's own. */
static int
tcpout_consume(CpsActor *actor, CpsInbox *Py_UNUSED(inbox), PyObject *event)
{
    CpsTCPOut *self = tcpout_of(actor);
    CpsBuffer bytes = {0};
    int status;

    if (((CpsEvent *)event)->lineage == NULL && cps_lineage_adopt(&((CpsEvent *)event)->lineage, actor->ledger) < 0) {
        return -1;
    }
    cps_buffer_move(&bytes, &self->scratch);
    status = cps_wire_dump(actor->state, &self->wire, event, &bytes);
    if (status == 0) {
        status = tcpout_add(self, event, &bytes);
    }
    cps_buffer_recycle(&self->scratch, &bytes);
    return status;
}

static const CpsActorOps tcpout_ops = {
    .consume = tcpout_consume,
    .runs = tcpout_runs,
    .unfinished = tcpout_unfinished,
    .may_end = true,
};

/* --- hooks -------------------------------------------------------------------------------------------------------------------------------- */

static PyObject *
tcpout_pre_hook(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsTCPOut *self = (CpsTCPOut *)op;

    if (!self->base.initialised) {
        return PyErr_Format(PyExc_RuntimeError, "%.200s.__init__ has not called that of TCPOut",
                            Py_TYPE(self)->tp_name);
    }
    if (self->sender == NULL) {
        self->sender = sender_open(self);
        self->settled = 0;
        self->was_connected = self->base.busy = false;
    }
    return self->sender == NULL ? NULL : Py_NewRef(Py_None);
}

static PyObject *
tcpout_post_hook(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    (void)tcpout_unfinished((CpsActor *)op, true);
    tcpout_let_go((CpsTCPOut *)op);
    Py_RETURN_NONE;
}

/* --- attributes --------------------------------------------------------------------------------------------------------------------------- */

static PyObject *
tcpout_get_connected(PyObject *op, void *Py_UNUSED(closure))
{
    CpsTCPOut *self = (CpsTCPOut *)op;

    return PyBool_FromLong(self->sender != NULL && self->sender->client.connected);
}

static PyObject *
tcpout_get_unacknowledged(PyObject *op, void *Py_UNUSED(closure))
{
    return PyLong_FromSize_t(((CpsTCPOut *)op)->lineages.length);
}

static PyGetSetDef tcpout_getset[] = {
    CPS_DICT,
    {"connected", tcpout_get_connected, NULL, PyDoc_STR("bool: whether there is a connection."), NULL},
    {"unacknowledged", tcpout_get_unacknowledged, NULL,
     PyDoc_STR("int: how many events the other side has not acknowledged."), NULL},
    {NULL},
};

static PyMemberDef tcpout_members[] = {
    CPS_ACTOR_MEMBERS,
    {"host", T_OBJECT, offsetof(CpsTCPOut, host), READONLY, PyDoc_STR("str: where to.")},
    {"port", T_INT, offsetof(CpsTCPOut, port), READONLY, PyDoc_STR("int: where to.")},
    {"listen", T_OBJECT, offsetof(CpsTCPOut, listen), 0, PyDoc_STR("As given; without effect.")},
    {"keyfile", T_OBJECT, offsetof(CpsTCPOut, keyfile), 0, PyDoc_STR("Path of the private key, or None.")},
    {"certfile", T_OBJECT, offsetof(CpsTCPOut, certfile), 0, PyDoc_STR("Path of its own certificates, or None.")},
    {"cafile", T_OBJECT, offsetof(CpsTCPOut, cafile), 0, PyDoc_STR("Path of the authorities' certificates, or None.")},
    {"server_hostname", T_OBJECT, offsetof(CpsTCPOut, server_hostname), 0,
     PyDoc_STR("str: whom the certificate must be of; None: the host.")},
    {NULL},
};

/* --- construction ------------------------------------------------------------------------------------------------------------------------- */

enum {
    NAME,
    PORT,
    HOST,
    LISTEN,
    SERIALIZER,
    EVENT_CLASSES,
    MAX_EVENT_BYTES,
    KEYFILE,
    CERTFILE,
    CAFILE,
    TLS,
    SERVER_HOSTNAME,
    MAX_BUFFER,
    CONNECT_TIMEOUT,
    ANSWER_TIMEOUT,
    RECONNECT_MIN,
    RECONNECT_MAX,
    PARAMETERS
};

static const char *const parameter_names[PARAMETERS] = {
    "name",           "port",          "host",          "listen",          CPS_WIRE_ARGUMENTS, "keyfile",
    "certfile",       "cafile",        "tls",           "server_hostname", "max_buffer",       "connect_timeout",
    "answer_timeout", "reconnect_min", "reconnect_max",
};

static int
tcpout_take_times(CpsTCPOut *self, PyObject *const *values)
{
    CpsTcpClientConfig *times = &self->times;
    const char *const *names = parameter_names;
    uint64_t buffer = 16 << 20;

    *times = (CpsTcpClientConfig){.connect_ms = 10000, .silence_ms = 60000, .retry_min_ms = 100, .retry_max_ms = 10000};
    if (cps_take_limit(values[MAX_BUFFER], names[MAX_BUFFER], INT64_MAX, &buffer) < 0 ||
        cps_take_milliseconds(values[CONNECT_TIMEOUT], names[CONNECT_TIMEOUT], &times->connect_ms) < 0 ||
        cps_take_milliseconds(values[ANSWER_TIMEOUT], names[ANSWER_TIMEOUT], &times->silence_ms) < 0 ||
        cps_take_milliseconds(values[RECONNECT_MIN], names[RECONNECT_MIN], &times->retry_min_ms) < 0 ||
        cps_take_milliseconds(values[RECONNECT_MAX], names[RECONNECT_MAX], &times->retry_max_ms) < 0) {
        return -1;
    }
    self->max_buffer = (size_t)buffer;
    if (times->retry_max_ms < times->retry_min_ms) {
        PyErr_SetString(PyExc_ValueError, "reconnect_max must not be less than reconnect_min");
        return -1;
    }
    return 0;
}

/* TLS is spoken when it is asked for, or when there is an argument that only makes sense with it. */
static int
tcpout_take_tls(CpsTCPOut *self, PyObject *const *values)
{
    cps_take_object(&self->keyfile, values[KEYFILE] == NULL ? Py_None : values[KEYFILE]);
    cps_take_object(&self->certfile, values[CERTFILE] == NULL ? Py_None : values[CERTFILE]);
    cps_take_object(&self->cafile, values[CAFILE] == NULL ? Py_None : values[CAFILE]);
    cps_take_object(&self->server_hostname, values[SERVER_HOSTNAME] == NULL ? Py_None : values[SERVER_HOSTNAME]);
    if (self->keyfile != Py_None && self->certfile == Py_None) {
        PyErr_SetString(PyExc_ValueError, "a keyfile needs a certfile");
        return -1;
    }
    if (self->server_hostname != Py_None && !PyUnicode_Check(self->server_hostname)) {
        PyErr_Format(PyExc_TypeError, "server_hostname must be str, not %s", Py_TYPE(self->server_hostname)->tp_name);
        return -1;
    }
    self->tls = self->certfile != Py_None || self->cafile != Py_None || self->server_hostname != Py_None;
    return values[TLS] == Py_None ? 0 : cps_take_flag(&self->tls, values[TLS]);
}

static int
tcpout_configure(CpsTCPOut *self, PyObject *const *values, PyObject *args, PyObject *kwargs)
{
    const CpsWireArgs given = {values[SERIALIZER], values[EVENT_CLASSES], values[MAX_EVENT_BYTES]};

    cps_take_object(&self->listen, values[LISTEN] == NULL ? Py_True : values[LISTEN]);
    if (cps_actor_init(&self->base, &tcpout_ops, args, kwargs) < 0 || cps_actor_set_shape(&self->base, "cloud") < 0 ||
        cps_take_address(values[HOST], "127.0.0.1", &self->host, values[PORT], CPS_TCP_PORT, &self->port) < 0 ||
        cps_wire_configure(self->base.state, &self->wire, &given) < 0 || tcpout_take_times(self, values) < 0) {
        return -1;
    }
    return tcpout_take_tls(self, values);
}

static int
tcpout_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    PyObject *values[PARAMETERS] = {NULL}; /* borrowed */
    PyObject *rest_args, *rest_kwargs;
    int status;

    if (cps_bind("TCPOut", args, kwargs, parameter_names, PARAMETERS, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    status = tcpout_configure((CpsTCPOut *)op, values, rest_args, rest_kwargs);
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return status;
}

static PyObject *
tcpout_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    CpsState *state = cps_state_of_type(type);
    CpsTCPOut *self = (CpsTCPOut *)state->types.Actor->tp_new(type, args, kwargs);

    if (self != NULL) {
        cps_ring_init(&self->lineages);
        self->ready.run = tcpout_run;
    }
    return (PyObject *)self;
}

/* --- memory ------------------------------------------------------------------------------------------------------------------------------- */

static int
tcpout_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsTCPOut *self = (CpsTCPOut *)op;

    Py_VISIT(self->host);
    Py_VISIT(self->keyfile);
    Py_VISIT(self->certfile);
    Py_VISIT(self->cafile);
    Py_VISIT(self->server_hostname);
    Py_VISIT(self->listen);
    if (cps_wire_traverse(&self->wire, visit, arg) != 0) {
        return -1;
    }
    return cps_actor_traverse(op, visit, arg);
}

static int
tcpout_clear(PyObject *op)
{
    CpsTCPOut *self = (CpsTCPOut *)op;

    tcpout_let_go(self);
    while (self->lineages.length > 0) {
        tcpout_settle(self, CPS_FATE_REPORTED);
    }
    Py_CLEAR(self->host);
    Py_CLEAR(self->keyfile);
    Py_CLEAR(self->certfile);
    Py_CLEAR(self->cafile);
    Py_CLEAR(self->server_hostname);
    Py_CLEAR(self->listen);
    cps_wire_clear(&self->wire);
    return cps_actor_clear(op);
}

static void
tcpout_dealloc(PyObject *op)
{
    CpsTCPOut *self = (CpsTCPOut *)op;

    PyObject_GC_UnTrack(op);
    (void)tcpout_clear(op);
    cps_ring_free(&self->lineages);
    cps_buffer_free(&self->scratch);
    cps_link_remove(&self->ready.link);
    cps_actor_dealloc(op);
}

/* --- type --------------------------------------------------------------------------------------------------------------------------------- */

PyDoc_STRVAR(
    tcpout_doc,
    "TCPOut(name, port=9000, host='127.0.0.1', listen=True, serializer='cbor', event_classes=(), "
    "max_event_bytes=67108864,\n"
    "       *args, keyfile=None, certfile=None, cafile=None, tls=None, server_hostname=None, max_buffer=16777216,\n"
    "       connect_timeout=10.0, answer_timeout=60.0, reconnect_min=0.1, reconnect_max=10.0, **kwargs)\n--\n\n"
    "Send events to a TCPIn over one connection, and keep each until it is acknowledged (docs/wire-format.rst).\n\n"
    "In: any event; none goes on. When the connection breaks, or there is none, it connects again, and what was not\n"
    "acknowledged is sent again: each event arrives, perhaps twice.\n\n"
    "port: int. host: str, a name, an address, or 'unix:/path'. listen: ignored.\n" CPS_WIRE_DOC
    "tls: True speaks TLS 1.2 or newer, as do the arguments that need it. cafile: path of the certificates of the\n"
    "server's authorities; None: those of the system. certfile, keyfile: paths of a certificate of its own. "
    "server_hostname:\n"
    "whom the server's certificate must be of, by default host. max_buffer: bytes that are not acknowledged; then no\n"
    "more events are taken. connect_timeout: seconds for a connection. answer_timeout: seconds without an\n"
    "acknowledgement until another connection is tried. reconnect_min, reconnect_max: seconds between attempts, at\n"
    "first and at most. Further arguments are those of Actor; unknown keywords are ignored.\n\n"
    "An event that has no form for the wire (TypeError) or is too long (MalformedEventData) goes to the error queues.\n"
    "What is not acknowledged when it stops is logged. Raises ValueError and TypeError for arguments that make no\n"
    "sense; at start ActorInitFailure for unusable certificates.");

static PyMethodDef tcpout_methods[] = {
    CPS_CONSUME_METHOD,
    {"pre_hook", tcpout_pre_hook, METH_NOARGS,
     PyDoc_STR("pre_hook($self, /)\n--\n\nPrepare; it connects with the first event.")},
    {"post_hook", tcpout_post_hook, METH_NOARGS, PyDoc_STR("post_hook($self, /)\n--\n\nClose the connection.")},
    {NULL},
};

static PyType_Slot tcpout_slots[] = {
    {Py_tp_doc, (void *)tcpout_doc}, {Py_tp_new, tcpout_new},
    {Py_tp_init, tcpout_init},       {Py_tp_traverse, tcpout_traverse},
    {Py_tp_clear, tcpout_clear},     {Py_tp_dealloc, tcpout_dealloc},
    {Py_tp_methods, tcpout_methods}, {Py_tp_members, tcpout_members},
    {Py_tp_getset, tcpout_getset},   {0, NULL},
};

static PyType_Spec tcpout_spec = {
    .name = "compysition.actors.tcp.TCPOut",
    .basicsize = sizeof(CpsTCPOut),
    .flags = CPS_ACTOR_FLAGS,
    .slots = tcpout_slots,
};

int
cps_tcpout_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.TCPOut, &tcpout_spec, (PyObject *)state->types.Actor);
}
