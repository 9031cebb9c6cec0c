#include "actors/mdpactor.h"

#include "actors/serving.h"
#include "actors/zmqendpoint.h"
#include "loop/port.h"
#include "loop/worker.h"
#include "net/mdplink.h"
#include "net/zmqcontext.h"

enum {
    DEFAULT_PUBLISHER_PORT = 6001,
    DEFAULT_CONCURRENCY = 1000,
    DEFAULT_HEARTBEAT_MS = 2500,
    DEFAULT_HIGH_WATER_MARK = 1000
};
enum { LIMIT = 1000 }; /* messages that have come and wait to be taken */

static CpsMdpActor *
mdp_of(const CpsActor *actor)
{
    return (CpsMdpActor *)actor;
}

static const CpsMdpActorOps *
mdp_ops(const CpsMdpActor *self)
{
    return (const CpsMdpActorOps *)self->base.ops;
}

/* --- the sockets ----------------------------------------------------------------------------------------------------------------------- */

struct CpsMdpPort {
    CpsPort port; /* first */
    CpsMdpPeer peer;
    CpsZmqSecurity security;
    PyObject *texts; /* owned tuple: what the options borrow from */
};

/* The two that run within uv_run. */
static void
port_on_change(CpsMdpPeer *peer)
{
    CpsMdpPort *port = CPS_CONTAINER(peer, CpsMdpPort, peer);

    cps_port_note(&port->port);
}

static void
port_on_closed(CpsMdpPeer *peer)
{
    CpsMdpPort *port = CPS_CONTAINER(peer, CpsMdpPort, peer);

    cps_port_closed(&port->port);
}

static void
port_changed(void *actor)
{
    cps_mdp_actor_schedule(actor);
}

/* In the loop's thread. */
static void
port_close(CpsPort *base)
{
    CpsMdpPort *port = (CpsMdpPort *)base;

    Py_CLEAR(port->texts); /* from here on nothing uses them */
    cps_mdp_peer_close(&port->peer);
}

/* Close the actor's sockets, from any thread. What a fork's child has is its parent's. */
static void
mdp_let_go(CpsMdpActor *self)
{
    CpsMdpPort *port = self->port;

    self->port = NULL;
    if (port == NULL) {
        return;
    }
    cps_port_end(&port->port);
}

CpsMdpPeer *
cps_mdp_actor_peer(CpsMdpActor *self)
{
    return self->port == NULL ? NULL : &self->port->peer;
}

/* --- opening ---------------------------------------------------------------------------------------------------------------------------- */

static const char *
text_of(PyObject *text)
{
    return text == NULL ? NULL : PyUnicode_AsUTF8(text); /* was found to be UTF-8 by the constructor */
}

static void
port_fill_options(CpsMdpActor *self, CpsMdpPort *port)
{
    CpsMdpPeerOptions *options = &port->peer.options;

    *options = (CpsMdpPeerOptions){
        .worker = mdp_ops(self)->worker,
        .standard = self->standard,
        .service = text_of(self->service),
        .publisher = text_of(self->publisher),
        .publisher_host = text_of(self->publisher_host),
        .scope = text_of(self->scope),
        .heartbeat_ms = self->heartbeat_ms,
        .lock_step = self->plain && !mdp_ops(self)->worker,
        .high_water_mark = (int)self->high_water_mark,
        .max_bytes = (int64_t)self->wire.limit,
        .limit = LIMIT,
        .security = cps_zmq_keys_security(&self->keys, &port->security) ? &port->security : NULL,
    };
    (void)snprintf(options->identity, sizeof(options->identity), "%s", text_of(self->identity));
}

/* Returns 0, or -1 with an exception set. */
static int
mdp_connect(CpsMdpActor *self, CpsMdpPeer *peer, CpsRuntime *rt)
{
    int code = cps_mdp_peer_open(peer, &rt->loop);

    if (code != 0) {
        return cps_zmq_raise("connect to", peer->options.publisher, code);
    }
    for (uint32_t i = 0; i < self->connections * (uint32_t)PyTuple_GET_SIZE(self->brokers); i++) {
        const char *endpoint = text_of(PyTuple_GET_ITEM(self->brokers, i % PyTuple_GET_SIZE(self->brokers)));

        code = cps_mdp_peer_add(peer, endpoint);
        if (code != 0) {
            return cps_zmq_raise("connect to", endpoint, code);
        }
    }
    return 0;
}

/* Returns 0, or -1 with an exception set. */
static int
mdp_open(CpsMdpActor *self)
{
    CpsMdpPort *port = calloc(1, sizeof(*port));

    if (port == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    port->texts = Py_BuildValue("(OOOO)", cps_field(self->service), cps_field(self->publisher), self->publisher_host,
                                self->scope);
    if (port->texts == NULL) {
        free(port);
        return -1;
    }
    port->peer.on_change = port_on_change;
    port->peer.on_closed = port_on_closed;
    cps_port_init(&port->port, self->base.rt, port_changed);
    port->port.close = port_close;
    port->port.actor = self;
    port_fill_options(self, port);
    self->port = port;
    if (mdp_connect(self, &port->peer, port->port.rt) < 0) {
        mdp_let_go(self);
        return -1;
    }
    return 0;
}

/* --- the node ----------------------------------------------------------------------------------------------------------------------------- */

/* Take messages for a slice; what is left has its turn again. */
static void
mdp_take(CpsMdpActor *self, CpsRuntime *rt)
{
    const CpsMdpActorOps *ops = mdp_ops(self);
    CpsWorker *worker = rt->running;
    CpsMdpDelivery *delivery;

    while (self->port != NULL && ops->may_take(self) && (delivery = cps_mdp_peer_next(&self->port->peer)) != NULL) {
        ops->take(self, delivery);
        cps_mdp_delivery_free(delivery);
        if (cps_slice_spent(rt) || !cps_worker_may_go_on(rt, worker)) {
            cps_mdp_actor_schedule(self);
            break;
        }
    }
}

static void
mdp_run(CpsReady *ready, CpsRuntime *rt)
{
    CpsMdpActor *self = (CpsMdpActor *)Py_NewRef((PyObject *)CPS_CONTAINER(ready, CpsMdpActor, ready));

    self->scheduled = false;
    if (self->port != NULL) {
        cps_log_notes(self->base.logger, &self->port->peer.notes);
    }
    mdp_take(self, rt);
    mdp_ops(self)->work(self);
    if (self->port != NULL) {
        cps_mdp_peer_settle(&self->port->peer);
    }
    self->base.running--;
    cps_actor_schedule(&self->base); /* it counted as one of those that concurrency bounds */
    cps_actor_note_rest(&self->base);
    Py_DECREF((PyObject *)self);
}

/* An overridden send_event in Python blocks: what else has come is looked at meanwhile. */
static void
mdp_again(CpsReady *ready)
{
    cps_mdp_actor_schedule(CPS_CONTAINER(ready, CpsMdpActor, ready));
}

void
cps_mdp_actor_schedule(CpsMdpActor *self)
{
    if (!self->scheduled && self->base.rt != NULL && self->port != NULL) {
        self->scheduled = true;
        self->base.running++; /* a stop waits for it */
        cps_ready_push(self->base.rt, &self->ready);
    }
}

/* --- life ---------------------------------------------------------------------------------------------------------------------------------- */

int
cps_mdp_actor_start(CpsActor *actor)
{
    CpsMdpActor *self = mdp_of(actor);

    if (self->port != NULL && self->port->port.rt->abandoned) {
        self->port = NULL; /* of the process that this one was forked from */
    }
    self->end_asked = false;
    if (self->port == NULL && mdp_open(self) < 0) {
        return -1;
    }
    cps_mdp_actor_schedule(self);
    return 0;
}

void
cps_mdp_actor_schedule_op(CpsActor *actor)
{
    cps_mdp_actor_schedule(mdp_of(actor));
}

void
cps_mdp_actor_stop_source(CpsActor *actor)
{
    mdp_of(actor)->end_asked = true;
}

void
cps_mdp_actor_close(CpsActor *actor)
{
    CpsMdpActor *self = mdp_of(actor);

    if (self->scheduled) {
        cps_link_remove(&self->ready.link);
        self->scheduled = false;
        actor->running--;
    }
    mdp_ops(self)->end(self);
    mdp_let_go(self);
}

bool
cps_mdp_actor_runs(const CpsActor *actor, const CpsReady *node)
{
    return node == &((const CpsMdpActor *)actor)->ready;
}

/* --- helpers ------------------------------------------------------------------------------------------------------------------------------ */

int
cps_mdp_event_key(PyObject *event, uint8_t key[CPS_ID_BYTES])
{
    PyObject *id;
    Py_hash_t hash;

    if (cps_event_read_id((CpsEvent *)event, key)) {
        return 0;
    }
    id = cps_event_id((CpsEvent *)event); /* borrowed: one that a script has made up */
    hash = id == NULL ? -1 : PyObject_Hash(id);
    if (hash == -1) {
        return -1;
    }
    memset(key, 0, CPS_ID_BYTES);
    memcpy(key, &hash, sizeof(hash));
    return 0;
}

void
cps_mdp_actor_log_error(CpsMdpActor *self, PyObject *event, const char *what)
{
    PyObject *error;

    if (!cps_ordinary_error()) {
        cps_runtime_unraisable((PyObject *)self);
        return;
    }
    error = PyErr_GetRaisedException();
    cps_log(self->base.logger, CPS_LOG_ERROR, event, "%s: %S", what, error);
    Py_DECREF(error);
}

/* --- arguments ------------------------------------------------------------------------------------------------------------------------------ */

enum {
    CONTEXT,
    SCOPE,
    SERVICE_HOST,
    SERVICE_PORT,
    PUBLISHER_HOST,
    PUBLISHER_PORT,
    HEARTBEAT,
    BROKERS,
    STANDARD,
    HIGH_WATER_MARK,
    BODY,
    EVENT_CLASS,
    WIRE,
    SECURITY = WIRE + 3,
};

int
cps_mdp_take_text(PyObject **field, PyObject *value, const char *name, const char *fallback)
{
    PyObject *text = value == NULL ? PyUnicode_FromString(fallback) : Py_NewRef(value);
    Py_ssize_t length;
    const char *bytes;

    if (text != NULL && !PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "%s must be str, not %.100s", name, Py_TYPE(text)->tp_name);
        Py_CLEAR(text);
    }
    bytes = text == NULL ? NULL : PyUnicode_AsUTF8AndSize(text, &length);
    if (bytes == NULL) {
        Py_XDECREF(text);
        return -1;
    }
    if (strlen(bytes) != (size_t)length || length >= CPS_MDP_NAME_SIZE) {
        PyErr_Format(PyExc_ValueError, "%s must be shorter than %d bytes, without a NUL", name, CPS_MDP_NAME_SIZE);
        Py_DECREF(text);
        return -1;
    }
    Py_XSETREF(*field, text);
    return 0;
}

/* Where brokers are announced: a host, and a port as a number or its digits. Returns 0, or -1 with an exception set. */
static int
take_publisher(CpsMdpActor *self, PyObject *host, PyObject *service_host, PyObject *port)
{
    int number = DEFAULT_PUBLISHER_PORT;
    PyObject *endpoint;

    if (host == NULL || host == Py_None) {
        host = service_host == Py_None ? NULL : service_host;
    }
    if (cps_mdp_take_text(&self->publisher_host, host, "registration_publisher_host", "localhost") < 0) {
        return -1;
    }
    if (cps_zmq_take_port(&number, port, "registration_publisher_port", 1) < 0) {
        return -1;
    }
    endpoint = PyUnicode_FromFormat("tcp://%U:%d", self->publisher_host, number);
    Py_XSETREF(self->publisher, endpoint);
    return endpoint == NULL ? -1 : 0;
}

/* Returns 0, or -1 with an exception set. */
static int
check_endpoint(PyObject *endpoint)
{
    const char *text = PyUnicode_Check(endpoint) ? PyUnicode_AsUTF8(endpoint) : NULL;

    if (text == NULL || strstr(text, "://") == NULL || strlen(text) >= CPS_MDP_NAME_SIZE) {
        PyErr_Format(PyExc_ValueError, "%R is no endpoint such as 'tcp://localhost:5555'", endpoint);
        return -1;
    }
    return 0;
}

/* Returns 0, or -1 with an exception set. */
static int
take_brokers(CpsMdpActor *self, PyObject *value)
{
    PyObject *tuple = value == NULL || value == Py_None ? PyTuple_New(0) : NULL;

    if (tuple == NULL && PyUnicode_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "brokers must be a sequence of endpoints, not one");
    }
    else if (tuple == NULL) {
        tuple = PySequence_Tuple(value);
    }
    Py_XSETREF(self->brokers, tuple);
    for (Py_ssize_t i = 0; tuple != NULL && i < PyTuple_GET_SIZE(tuple); i++) {
        if (check_endpoint(PyTuple_GET_ITEM(tuple, i)) < 0) {
            return -1;
        }
    }
    return tuple == NULL ? -1 : 0;
}

/* In milliseconds. Returns 0, or -1 with an exception set. */
static int
take_heartbeat(CpsMdpActor *self, PyObject *value)
{
    self->heartbeat_ms = DEFAULT_HEARTBEAT_MS;
    return value == NULL || value == Py_None ? 0 : cps_take_limit32(value, "heartbeat_interval", &self->heartbeat_ms);
}

/* Whether bodies are events or data, and what data becomes. Returns 0, or -1 with an exception set. */
static int
take_body(CpsMdpActor *self, PyObject *body, PyObject *event_class)
{
    self->plain = body != NULL && cps_text_is(body, "data");
    if (body != NULL && !self->plain && !cps_text_is(body, "event")) {
        PyErr_Format(PyExc_ValueError, "body must be 'event' or 'data', not %R", body);
        return -1;
    }
    if (self->plain && !self->standard && !mdp_ops(self)->worker) {
        PyErr_SetString(PyExc_ValueError, "body='data' needs standard=True: peers of the dialect know events");
        return -1;
    }
    Py_CLEAR(self->event_class);
    if (event_class == NULL || event_class == Py_None) {
        return 0;
    }
    if (!PyType_Check(event_class) || !PyType_IsSubtype((PyTypeObject *)event_class, self->base.state->types.Event)) {
        PyErr_Format(PyExc_TypeError, "event_class must be a class of events, not %R", event_class);
        return -1;
    }
    self->event_class = (PyTypeObject *)Py_NewRef(event_class);
    return 0;
}

int
cps_mdp_make_identity(PyObject **identity)
{
    uint8_t id[CPS_EVENT_ID_BYTES];

    if (cps_event_id_new(id) < 0) {
        return -1;
    }
    Py_XSETREF(*identity, cps_event_id_hex(id));
    return *identity == NULL ? -1 : 0;
}

/* Returns 0, or -1 with an exception set. */
static int
mdp_configure(CpsMdpActor *self, PyObject *const *values)
{
    const CpsWireArgs wire = {values[WIRE], values[WIRE + 1], values[WIRE + 2]};
    const CpsZmqSecurityArgs security = cps_zmq_security_args(values + SECURITY);

    self->high_water_mark = DEFAULT_HIGH_WATER_MARK;
    self->connections = 1;
    self->standard = false;
    if (cps_mdp_take_text(&self->scope, values[SCOPE], "manager_subscriber_scope", "BrokerUpdates") < 0 ||
        take_publisher(self, values[PUBLISHER_HOST], values[SERVICE_HOST], values[PUBLISHER_PORT]) < 0 ||
        take_brokers(self, values[BROKERS]) < 0 || take_heartbeat(self, values[HEARTBEAT]) < 0 ||
        cps_take_flag(&self->standard, values[STANDARD]) < 0 ||
        take_body(self, values[BODY], values[EVENT_CLASS]) < 0 ||
        (values[HIGH_WATER_MARK] != NULL &&
         cps_take_limit32(values[HIGH_WATER_MARK], "high_water_mark", &self->high_water_mark) < 0) ||
        cps_wire_configure(self->base.state, &self->wire, &wire) < 0 ||
        cps_zmq_keys_configure(&self->keys, &security) < 0) {
        return -1;
    }
    if (PyTuple_GET_SIZE(self->brokers) > 0) {
        Py_CLEAR(self->publisher);
    }
    else if (self->standard) {
        PyErr_SetString(PyExc_ValueError, "standard=True needs brokers: MDP 0.1 has no discovery");
        return -1;
    }
    return cps_mdp_make_identity(&self->identity);
}

int
cps_mdp_actor_init(CpsMdpActor *self, const CpsMdpActorOps *ops, const char *function, PyObject *args, PyObject *kwargs,
                   const char *const *names, Py_ssize_t count, Py_ssize_t required, PyObject **values)
{
    PyObject *rest_args, *rest_kwargs;
    int result;

    if (self->port != NULL) {
        PyErr_Format(PyExc_RuntimeError, "an %s that is at work cannot be made anew", function);
        return -1;
    }
    if (cps_bind(function, args, kwargs, names, count, required, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    self->ready.run = mdp_run;
    self->ready.again = mdp_again;
    result = cps_actor_init(&self->base, &ops->actor, rest_args, rest_kwargs);
    if (result == 0 && PyDict_GetItemString(rest_kwargs, "concurrency") == NULL) {
        self->base.concurrency = DEFAULT_CONCURRENCY;
    }
    if (result == 0) {
        result = cps_actor_set_shape(&self->base, "cloud");
    }
    if (result == 0) {
        result = mdp_configure(self, values + count - CPS_MDP_ARGUMENT_COUNT);
    }
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

/* --- slots ---------------------------------------------------------------------------------------------------------------------------------- */

int
cps_mdp_actor_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsMdpActor *self = (CpsMdpActor *)op;
    int status = cps_wire_traverse(&self->wire, visit, arg);

    Py_VISIT(self->event_class);

    return status != 0 ? status : cps_actor_traverse(op, visit, arg);
}

int
cps_mdp_actor_clear(PyObject *op)
{
    CpsMdpActor *self = (CpsMdpActor *)op;

    cps_wire_clear(&self->wire);
    Py_CLEAR(self->event_class);
    return cps_actor_clear(op);
}

void
cps_mdp_actor_dealloc(PyObject *op)
{
    CpsMdpActor *self = (CpsMdpActor *)op;
    PyObject **texts[] = {&self->service,        &self->service_prefix, &self->service_postfix, &self->scope,
                          &self->publisher_host, &self->publisher,      &self->brokers,         &self->identity};

    mdp_let_go(self);
    for (size_t i = 0; i < Py_ARRAY_LENGTH(texts); i++) {
        Py_CLEAR(*texts[i]);
    }
    Py_CLEAR(self->event_class);
    cps_wire_clear(&self->wire);
    cps_zmq_keys_clear(&self->keys);
    cps_buffer_free(&self->scratch);
    cps_actor_dealloc(op);
}

/* --- attributes ------------------------------------------------------------------------------------------------------------------------------ */

PyObject *
cps_mdp_actor_brokers(PyObject *op, void *Py_UNUSED(closure))
{
    CpsMdpPeer *peer = cps_mdp_actor_peer((CpsMdpActor *)op);
    PyObject *brokers = PyDict_New();
    CpsLink *at = peer == NULL ? NULL : cps_list_first(&peer->links);

    for (; brokers != NULL && at != NULL; at = cps_list_after(&peer->links, at)) {
        const CpsMdpLink *link = CPS_CONTAINER(at, CpsMdpLink, link);
        PyObject *about;

        if (link->session == 0 && PyDict_GetItemString(brokers, link->name) != NULL) {
            continue; /* another connection to it */
        }
        about =
            Py_BuildValue("{s:s,s:O}", "endpoint", link->endpoint, "verified", link->session != 0 ? Py_True : Py_False);
        if (about == NULL || PyDict_SetItemString(brokers, link->name, about) < 0) {
            Py_CLEAR(brokers);
        }
        Py_XDECREF(about);
    }
    return brokers;
}

/* --- the type of both -------------------------------------------------------------------------------------------------------------------------- */

static int
mdp_init(PyObject *op, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    PyErr_Format(PyExc_TypeError, "%.200s is no actor to be used: MDPClient and MDPWorker are", Py_TYPE(op)->tp_name);
    return -1;
}

static void
mdp_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    cps_mdp_actor_dealloc(op);
}

static PyGetSetDef mdp_getset[] = {CPS_DICT, {NULL}};
static PyMemberDef mdp_members[] = {CPS_ACTOR_MEMBERS, {NULL}};

static PyType_Slot mdp_slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("What MDPClient and MDPWorker are derived from.")},
    {Py_tp_init, mdp_init},
    {Py_tp_traverse, cps_mdp_actor_traverse},
    {Py_tp_clear, cps_mdp_actor_clear},
    {Py_tp_dealloc, mdp_dealloc},
    {Py_tp_members, mdp_members},
    {Py_tp_getset, mdp_getset},
    {0, NULL},
};

static PyType_Spec mdp_spec = {
    .name = "compysition.actors.mdpactors.MDPActor",
    .basicsize = sizeof(CpsMdpActor),
    .flags = CPS_ACTOR_FLAGS,
    .slots = mdp_slots,
};

int
cps_mdpactor_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.MDPActor, &mdp_spec, (PyObject *)state->types.Actor);
}
