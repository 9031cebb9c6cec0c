/* MDPBroker: the broker of MajorDomo as an actor. What it does is in net/mdpbroker.h. */
#include "actors/mdpactor.h"
#include "actors/mdpserving.h"
#include "actors/mdpstats.h"
#include "actors/serving.h"
#include "actors/zmqendpoint.h"
#include "net/localaddress.h"

enum { DEFAULT_PORT = 5555, DEFAULT_SERVICE_PORT = 6000, LINGER_MS = 100 };

typedef struct {
    CpsMdpServing base;
    CpsZmqKeys client_keys; /* of the socket to the registration service */
    CpsMdpLimits limits;
    uint64_t max_bytes;         /* of a frame */
    PyObject *service_endpoint; /* owned str: of the registration service; "" for none */
    PyObject *advertised_host;  /* owned str; "" when it is to be found out */
    PyObject *identity;         /* owned str */
    int port;                   /* as given; once bound, the real one */
} CpsMdpBrokerActor;

static CpsMdpBrokerActor *
broker_of(CpsMdpServing *serving)
{
    return (CpsMdpBrokerActor *)serving;
}

/* --- opening ---------------------------------------------------------------------------------------------------------------------------------- */

static int
broker_prepare(CpsMdpServing *serving, CpsMdpServingPort *port)
{
    CpsMdpBrokerActor *self = broker_of(serving);

    port->router.broker.limits = self->limits;
    port->router.broker.limits.heartbeat_ms = serving->heartbeat_ms;
    (void)snprintf(port->router.identity, sizeof(port->router.identity), "%s", PyUnicode_AsUTF8(self->identity));
    return 0;
}

/* What the registration service is to be told. To one on this host the port is enough, as those that it tells know where that host is; another one
 * needs to know how it is reached. Returns 0, or -1 with an exception set. */
static int
broker_find_where(CpsMdpBrokerActor *self, CpsMdpRouter *router)
{
    const char *endpoint = PyUnicode_AsUTF8(self->service_endpoint);
    const char *host = PyUnicode_AsUTF8(self->advertised_host);
    char address[CPS_MDP_NAME_SIZE] = "";
    int length;

    if (endpoint == NULL || host == NULL) {
        return -1;
    }
    if (endpoint[0] == '\0') {
        return 0;
    }
    if (host[0] == '\0') {
        Py_BEGIN_ALLOW_THREADS(void)
        cps_local_address(endpoint, address, sizeof(address));
        Py_END_ALLOW_THREADS
        host = address;
    }
    length = host[0] == '\0' ? snprintf(router->where, sizeof(router->where), "%d", self->port)
                             : snprintf(router->where, sizeof(router->where), "%s:%d", host, self->port);
    if (length >= (int)sizeof(router->where)) {
        PyErr_SetString(PyExc_ValueError, "advertised_host is too long");
        return -1;
    }
    return 0;
}

static int
broker_open(CpsMdpServing *serving, CpsMdpServingPort *port)
{
    CpsMdpBrokerActor *self = broker_of(serving);
    const char *endpoint = PyUnicode_AsUTF8(self->service_endpoint);
    CpsZmqOptions router = {.type = ZMQ_ROUTER, .linger_ms = LINGER_MS, .max_bytes = (int64_t)self->max_bytes};
    /* One registration that waits is enough. */
    CpsZmqOptions dealer = {
        .type = ZMQ_DEALER, .identity = port->router.identity, .high_water_mark = 1, .max_bytes = CPS_MDP_SHORT_FRAME};

    cps_log(serving->base.logger, CPS_LOG_INFO, NULL, "MDPBroker %S initialized. Its registration service is at %S",
            self->identity, self->service_endpoint);
    if (endpoint == NULL || cps_mdp_serving_bind(serving, port, CPS_MDP_ROUTER, &router, &self->port) < 0 ||
        broker_find_where(self, &port->router) < 0) {
        return -1;
    }
    if (endpoint[0] != '\0' &&
        cps_mdp_serving_connect(port, CPS_MDP_REGISTRATION, &dealer, &self->client_keys, endpoint) < 0) {
        return -1;
    }
    cps_log(serving->base.logger, CPS_LOG_INFO, NULL, "MDPBroker %S is bound and listening at tcp://%S:%d",
            self->identity, serving->host, self->port);
    return 0;
}

static int
broker_consume(CpsActor *actor, CpsInbox *Py_UNUSED(inbox), PyObject *event)
{
    cps_log(actor->logger, CPS_LOG_WARNING, event,
            "Received event on queue, but this actor does not consume. Event has been discarded");
    return 0;
}

static const CpsMdpServingOps broker_ops = {
    .actor = {.consume = broker_consume, CPS_MDP_SERVING_OPS},
    .server = &cps_mdp_router_ops,
    .prepare = broker_prepare,
    .open = broker_open,
};

/* --- arguments ---------------------------------------------------------------------------------------------------------------------------------- */

enum {
    NAME,
    PORT,
    SERVICE_ENDPOINT,
    ADVERTISED_HOST,
    LIVENESS,
    EXPIRY,
    MAX_RETRIES,
    WORKER_CONCURRENCY,
    MAX_WAITING,
    MAX_WAITING_BYTES,
    MAX_OPEN_BYTES,
    MAX_SERVICES,
    MAX_WORKERS,
    MAX_FRAME_BYTES,
    OWN_PARAMETERS
};

static const char *const names[] = {
    "name",
    "port",
    "registration_service_endpoint",
    "advertised_host",
    "liveness",
    "expiry",
    "max_retries",
    "worker_concurrency",
    "max_waiting",
    "max_waiting_bytes",
    "max_open_bytes",
    "max_services",
    "max_workers",
    "max_frame_bytes",
    CPS_MDP_SERVING_ARGUMENTS,
};

/* Returns 0, or -1 with an exception set. */
static int
take_service_endpoint(CpsMdpBrokerActor *self, PyObject *endpoint, PyObject *service_port)
{
    int port = DEFAULT_SERVICE_PORT;
    char fallback[64];

    if (cps_zmq_take_port(&port, service_port, "registration_service_port", 0) < 0) {
        return -1;
    }
    (void)snprintf(fallback, sizeof(fallback), "tcp://localhost:%d", port);
    return cps_mdp_take_text(&self->service_endpoint, endpoint == Py_None ? NULL : endpoint,
                             "registration_service_endpoint", fallback);
}

/* From 0 on. Returns 0, or -1 with an exception set. */
static int
take_retries(uint32_t *retries, PyObject *value)
{
    enum { MOST = 1000 };
    long number = value == NULL ? (long)*retries : PyLong_AsLong(value);

    if (number == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (number < 0 || number > MOST) {
        PyErr_Format(PyExc_ValueError, "max_retries must be from 0 to %d, not %ld", MOST, number);
        return -1;
    }
    *retries = (uint32_t)number;
    return 0;
}

static int
take_limits(CpsMdpBrokerActor *self, PyObject *const *values)
{
    CpsMdpLimits *limits = &self->limits;

    *limits = (CpsMdpLimits){
        .liveness = 3,
        .expiry_ms = 300000,
        .retries = 2,
        .worker_concurrency = 1000,
        .waiting = 10000,
        .waiting_bytes = 64 << 20,
        .open_bytes = 256 << 20,
        .services = 10000,
        .workers = 10000,
        .remembered = 100000,
    };
    self->max_bytes = 64 << 20;
    return cps_take_limit32(values[LIVENESS], "liveness", &limits->liveness) < 0 ||
                   cps_take_milliseconds(values[EXPIRY], "expiry", &limits->expiry_ms) < 0 ||
                   take_retries(&limits->retries, values[MAX_RETRIES]) < 0 ||
                   cps_take_limit32(values[WORKER_CONCURRENCY], "worker_concurrency", &limits->worker_concurrency) <
                       0 ||
                   cps_take_limit32(values[MAX_WAITING], "max_waiting", &limits->waiting) < 0 ||
                   cps_take_limit(values[MAX_WAITING_BYTES], "max_waiting_bytes", INT64_MAX, &limits->waiting_bytes) <
                       0 ||
                   cps_take_total(values[MAX_OPEN_BYTES], "max_open_bytes", "max_waiting_bytes", limits->waiting_bytes,
                                  &limits->open_bytes) < 0 ||
                   cps_take_limit32(values[MAX_SERVICES], "max_services", &limits->services) < 0 ||
                   cps_take_limit32(values[MAX_WORKERS], "max_workers", &limits->workers) < 0 ||
                   cps_take_limit(values[MAX_FRAME_BYTES], "max_frame_bytes", INT64_MAX, &self->max_bytes) < 0
               ? -1
               : 0;
}

/* The pair, and the server's key and a user's name and password, are for the socket to the registration service, where this is a client; the pair and
 * the rest for the other. Returns 0, or -1 with an exception set. */
static int
take_security(CpsMdpBrokerActor *self, const CpsZmqSecurityArgs *given)
{
    CpsZmqSecurityArgs server = *given, client = {.curve_serverkey = given->curve_serverkey,
                                                  .plain_username = given->plain_username,
                                                  .plain_password = given->plain_password};

    server.curve_serverkey = server.plain_username = server.plain_password = NULL;
    if (client.curve_serverkey != NULL && client.curve_serverkey != Py_None) {
        client.curve_secretkey = given->curve_secretkey;
        client.curve_publickey = given->curve_publickey;
    }
    return cps_zmq_keys_configure(&self->base.keys, &server) < 0 ||
                   cps_zmq_keys_configure(&self->client_keys, &client) < 0
               ? -1
               : 0;
}

static int
broker_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    CpsMdpBrokerActor *self = (CpsMdpBrokerActor *)op;
    PyObject *values[Py_ARRAY_LENGTH(names)], *advertised;
    CpsZmqSecurityArgs security;

    if (cps_mdp_serving_init(&self->base, &broker_ops, "MDPBroker", args, kwargs, names, Py_ARRAY_LENGTH(names),
                             values) < 0) {
        return -1;
    }
    security = cps_zmq_security_args(values + OWN_PARAMETERS + CPS_MDP_SERVING_SECURITY);
    advertised = values[ADVERTISED_HOST] == Py_None ? NULL : values[ADVERTISED_HOST];
    self->port = DEFAULT_PORT;
    return cps_zmq_take_port(&self->port, values[PORT], "port", 0) < 0 ||
                   cps_mdp_take_text(&self->advertised_host, advertised, "advertised_host", "") < 0 ||
                   take_service_endpoint(self, values[SERVICE_ENDPOINT],
                                         values[OWN_PARAMETERS + CPS_MDP_SERVING_SERVICE_PORT]) < 0 ||
                   take_limits(self, values) < 0 || take_security(self, &security) < 0 ||
                   cps_mdp_make_identity(&self->identity) < 0
               ? -1
               : cps_actor_set_shape(&self->base.base, "cloud");
}

/* --- what can be read --------------------------------------------------------------------------------------------------------------------------- */

/* What `build` makes of the broker while it is at work; of one that is not, an empty dict. New, or NULL with an exception set. */
static PyObject *
broker_read(PyObject *op, PyObject *(*build)(const CpsMdpBroker *broker))
{
    CpsMdpServingPort *port = ((CpsMdpServing *)op)->serving;
    PyObject *result;
    int collects;

    if (port == NULL || port->port.rt->abandoned) {
        return PyDict_New();
    }
    collects = PyGC_Disable(); /* with the lock no other code may run here */
    uv_mutex_lock(&port->server.lock);
    result = build(&port->router.broker);
    uv_mutex_unlock(&port->server.lock);
    if (collects) {
        PyGC_Enable();
    }
    return result;
}

static PyObject *
broker_services(PyObject *op, void *Py_UNUSED(closure))
{
    return broker_read(op, cps_mdp_stats_services);
}

static PyObject *
broker_workers(PyObject *op, void *Py_UNUSED(closure))
{
    return broker_read(op, cps_mdp_stats_workers);
}

static PyObject *
broker_counters(PyObject *op, void *Py_UNUSED(closure))
{
    return broker_read(op, cps_mdp_stats_counters);
}

PyDoc_STRVAR(
    broker_doc,
    "MDPBroker(name, port=5555, *args, registration_service_endpoint=None, registration_service_port='6000',\n"
    "          advertised_host=None, host='*', heartbeat_interval=2500, liveness=3, expiry=300.0, max_retries=2,\n"
    "          worker_concurrency=1000, max_waiting=10000, max_waiting_bytes=67108864,\n"
    "          max_open_bytes=268435456, max_services=10000,\n"
    "          max_workers=10000, max_frame_bytes=67108864, high_water_mark=1000, **kwargs)\n--\n\n"
    "A MajorDomo broker: it gives the requests of clients to the workers of services, and brings the replies back.\n"
    "\n"
    "It speaks MDP 0.1 (RFC 7) with mmi.service (RFC 8), and compysition's dialect of it, on one port. It takes no "
    "events.\n\n"
    "port: TCP port; 0 takes a free one, which the attribute `port` has after the start.\n"
    "registration_service_endpoint: where it tells MDPBrokerRegistrationService that it is there; by default\n"
    "\"tcp://localhost:<registration_service_port>\"; \"\": nowhere.\n"
    "advertised_host: str, how clients and workers reach this host; by default it is found out.\n"
    "liveness: heartbeat intervals that a worker may say nothing.\n"
    "expiry: seconds that a request waits for a worker, and then for the reply, before it is dropped.\n"
    "max_retries: how often a request whose worker has gone is given to another one. So a request is processed at "
    "least\n"
    "once, perhaps more often; it is answered once.\n"
    "worker_concurrency: requests that a worker of the dialect may have at a time; others have one (RFC 7).\n"
    "max_waiting, max_waiting_bytes: of each service; more requests are dropped. max_open_bytes: memory of all "
    "requests\n"
    "together that are not answered yet, at least max_waiting_bytes; the same.\n"
    "max_services, max_workers: more are refused. max_frame_bytes: a peer that sends a longer frame is "
    "disconnected.\n" CPS_MDP_SERVING_DOC
    "manager_subscriber_scope, registration_publisher_port: ignored; clients and workers have them.\n"
    "curve_serverkey, plain_username and plain_password are for the registration service.\n" CPS_ZMQ_SECURITY_DOC
    "\nErrors: OSError at the start, when the port cannot be had; ValueError, TypeError.");

static PyMethodDef broker_methods[] = {CPS_CONSUME_METHOD, {NULL}};

static PyMemberDef broker_members[] = {
    CPS_ACTOR_MEMBERS,
    {"port", T_INT, offsetof(CpsMdpBrokerActor, port), READONLY, PyDoc_STR("int: once it is bound, the real one.")},
    {"broker_identity", T_OBJECT, offsetof(CpsMdpBrokerActor, identity), READONLY, PyDoc_STR("str: 32 hex digits.")},
    {NULL},
};

static PyGetSetDef broker_getset[] = {
    CPS_DICT,
    {"services", broker_services, NULL,
     PyDoc_STR("dict of service name to what there is of it (compysition.actors.mdpbroker.Service)."), NULL},
    {"workers", broker_workers, NULL,
     PyDoc_STR("dict of worker identity to what there is of it (compysition.actors.mdpbroker.Worker)."), NULL},
    {"counters", broker_counters, NULL,
     PyDoc_STR("dict of str to int: invalid messages, late and undelivered replies, disconnects, open requests."),
     NULL},
    {NULL},
};

static void
broker_dealloc(PyObject *op)
{
    CpsMdpBrokerActor *self = (CpsMdpBrokerActor *)op;

    PyObject_GC_UnTrack(op);
    cps_zmq_keys_clear(&self->client_keys);
    Py_CLEAR(self->service_endpoint);
    Py_CLEAR(self->advertised_host);
    Py_CLEAR(self->identity);
    cps_mdp_serving_dealloc(op);
}

static PyType_Slot broker_slots[] = {
    {Py_tp_doc, (void *)broker_doc}, {Py_tp_init, broker_init},       {Py_tp_traverse, cps_actor_traverse},
    {Py_tp_clear, cps_actor_clear},  {Py_tp_dealloc, broker_dealloc}, {Py_tp_methods, broker_methods},
    {Py_tp_members, broker_members}, {Py_tp_getset, broker_getset},   {0, NULL},
};

static PyType_Spec broker_spec = {
    .name = "compysition.actors.mdpbroker.MDPBroker",
    .basicsize = sizeof(CpsMdpBrokerActor),
    .flags = CPS_ACTOR_FLAGS,
    .slots = broker_slots,
};

int
cps_mdpbroker_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.MDPBroker, &broker_spec, (PyObject *)state->types.Actor) < 0) {
        return -1;
    }
    return cps_set_event_types(state, state->types.MDPBroker, state->types.Event, state->types.Event);
}
