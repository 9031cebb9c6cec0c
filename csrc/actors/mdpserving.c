#include "actors/mdpserving.h"

#include "actors/mdpactor.h"
#include "actors/serving.h"
#include "actors/zmqendpoint.h"
#include "net/zmqcontext.h"

enum { DEFAULT_HEARTBEAT_MS = 2500, DEFAULT_HIGH_WATER_MARK = 1000 };

static CpsMdpServing *
serving_of(const CpsActor *actor)
{
    return (CpsMdpServing *)actor;
}

static const CpsMdpServingOps *
serving_ops(const CpsMdpServing *self)
{
    return (const CpsMdpServingOps *)self->base.ops;
}

/* --- the server ------------------------------------------------------------------------------------------------------------------------------ */

/* The two that run within uv_run. */
static void
port_on_note(CpsMdpServer *server)
{
    CpsMdpServingPort *port = CPS_CONTAINER(server, CpsMdpServingPort, server);

    cps_port_note(&port->port);
}

static void
port_on_closed(CpsMdpServer *server)
{
    CpsMdpServingPort *port = CPS_CONTAINER(server, CpsMdpServingPort, server);

    cps_port_closed(&port->port);
}

/* In the loop's thread. */
static void
port_close(CpsPort *port)
{
    cps_mdp_server_close(&((CpsMdpServingPort *)port)->server);
}

static void
serving_log(CpsMdpServing *self)
{
    CpsNotes notes;

    cps_notes_init(&notes);
    if (self->serving != NULL) {
        cps_mdp_server_take_notes(&self->serving->server, &notes, self->base.logger->level);
        cps_log_notes(self->base.logger, &notes);
    }
}

/* Close the actor's server, from any thread. */
static void
serving_let_go(CpsMdpServing *self)
{
    CpsMdpServingPort *port = self->serving;

    serving_log(self);
    self->serving = NULL;
    if (port != NULL) {
        cps_port_end(&port->port);
    }
}

/* --- the node that logs --------------------------------------------------------------------------------------------------------------------- */

static void
serving_run(CpsReady *ready, CpsRuntime *Py_UNUSED(rt))
{
    CpsMdpServing *self = (CpsMdpServing *)Py_NewRef((PyObject *)CPS_CONTAINER(ready, CpsMdpServing, ready));

    self->scheduled = false;
    serving_log(self);
    self->base.running--;
    cps_actor_note_rest(&self->base);
    Py_DECREF((PyObject *)self);
}

static void
port_changed(void *actor)
{
    CpsMdpServing *self = actor;

    if (!self->scheduled && self->base.rt != NULL) {
        self->scheduled = true;
        self->base.running++; /* a stop waits for it */
        cps_ready_push(self->base.rt, &self->ready);
    }
}

/* --- opening --------------------------------------------------------------------------------------------------------------------------------- */

/* Open it with the security of `keys`. Returns 0, or an errno. */
static int
open_socket(CpsMdpServingPort *port, int socket, CpsZmqOptions *options, CpsZmqKeys *keys)
{
    CpsZmqSecurity security;
    void *context = cps_zmq_context_hold();
    int code = context == NULL ? ENOMEM : cps_zmq_keys_use(keys, context);

    options->security = cps_zmq_keys_security(keys, &security) ? &security : NULL;
    if (code == 0) {
        code = cps_mdp_server_open(&port->server, socket, options);
    }
    if (context != NULL) {
        cps_zmq_context_release(); /* the socket holds it, too */
    }
    return code;
}

int
cps_mdp_serving_bind(CpsMdpServing *self, CpsMdpServingPort *port, int socket, CpsZmqOptions *options, int *number)
{
    char endpoint[CPS_MDP_NAME_SIZE + 32], bound[CPS_MDP_NAME_SIZE + 32];
    const char *host = PyUnicode_AsUTF8(self->host), *digits;
    int code;

    if (host == NULL) {
        return -1;
    }
    if (*number == 0) {
        (void)snprintf(endpoint, sizeof(endpoint), "tcp://%s:*", host);
    }
    else {
        (void)snprintf(endpoint, sizeof(endpoint), "tcp://%s:%d", host, *number);
    }
    options->high_water_mark = (int)self->high_water_mark;
    code = open_socket(port, socket, options, &self->keys);
    if (code == 0) {
        Py_BEGIN_ALLOW_THREADS
        code = (self->served ? cps_zmq_socket_bind_again : cps_zmq_socket_bind)(&port->server.sockets[socket].zmq,
                                                                                endpoint, bound, sizeof(bound));
        Py_END_ALLOW_THREADS
    }
    if (code != 0) {
        return cps_zmq_raise("listen at", endpoint, code);
    }
    digits = strrchr(bound, ':');
    *number = digits == NULL ? *number : atoi(digits + 1);
    return 0;
}

int
cps_mdp_serving_connect(CpsMdpServingPort *port, int socket, CpsZmqOptions *options, CpsZmqKeys *keys,
                        const char *endpoint)
{
    int code = open_socket(port, socket, options, keys);

    code = code != 0 ? code : cps_zmq_socket_connect(&port->server.sockets[socket].zmq, endpoint);
    return code == 0 ? 0 : cps_zmq_raise("connect to", endpoint, code);
}

/* Returns 0, or -1 with an exception set. */
static int
serving_open(CpsMdpServing *self)
{
    const CpsMdpServingOps *ops = serving_ops(self);
    CpsMdpServingPort *port = calloc(1, sizeof(*port));
    int code;

    if (port == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    cps_port_init(&port->port, self->base.rt, port_changed);
    port->port.close = port_close;
    port->server.ops = ops->server;
    port->server.on_note = port_on_note;
    port->server.on_closed = port_on_closed;
    port->server.log_level = self->base.logger->level;
    if (ops->prepare(self, port) < 0) {
        free(port);
        return -1;
    }
    code = cps_mdp_server_init(&port->server, &self->base.rt->loop);
    if (code != 0) {
        free(port);
        return cps_zmq_raise("open", "a server", code);
    }
    port->port.actor = self;
    self->serving = port;
    if (ops->open(self, port) < 0) {
        serving_let_go(self);
        return -1;
    }
    cps_mdp_server_begin(&port->server);
    self->served = true;
    return 0;
}

/* --- life ---------------------------------------------------------------------------------------------------------------------------------------- */

int
cps_mdp_serving_start(CpsActor *actor)
{
    CpsMdpServing *self = serving_of(actor);

    if (self->serving != NULL && self->serving->port.rt->abandoned) {
        self->serving = NULL; /* of the process that this one was forked from */
    }
    return self->serving != NULL ? 0 : serving_open(self);
}

void
cps_mdp_serving_close(CpsActor *actor)
{
    CpsMdpServing *self = serving_of(actor);

    if (self->scheduled) {
        cps_link_remove(&self->ready.link);
        self->scheduled = false;
        actor->running--;
    }
    serving_let_go(self);
}

bool
cps_mdp_serving_runs(const CpsActor *actor, const CpsReady *node)
{
    return node == &((const CpsMdpServing *)actor)->ready;
}

int
cps_mdp_serving_share(CpsActor *actor)
{
    cps_raise(actor->state, CPS_SETUP_ERROR, "several processes cannot have the ports of '%S': give it one of its own",
              actor->name);
    return -1;
}

/* --- arguments ------------------------------------------------------------------------------------------------------------------------------------- */

static int
serving_configure(CpsMdpServing *self, PyObject *const *given)
{
    PyObject *host = given[CPS_MDP_SERVING_HOST] == Py_None ? NULL : given[CPS_MDP_SERVING_HOST];

    self->heartbeat_ms = DEFAULT_HEARTBEAT_MS;
    self->high_water_mark = DEFAULT_HIGH_WATER_MARK;
    return cps_mdp_take_text(&self->host, host, "host", "*") < 0 ||
                   (given[CPS_MDP_SERVING_HEARTBEAT] != NULL &&
                    cps_take_limit32(given[CPS_MDP_SERVING_HEARTBEAT], "heartbeat_interval", &self->heartbeat_ms) <
                        0) ||
                   (given[CPS_MDP_SERVING_HIGH_WATER_MARK] != NULL &&
                    cps_take_limit32(given[CPS_MDP_SERVING_HIGH_WATER_MARK], "high_water_mark",
                                     &self->high_water_mark) < 0)
               ? -1
               : 0;
}

int
cps_mdp_serving_init(CpsMdpServing *self, const CpsMdpServingOps *ops, const char *function, PyObject *args,
                     PyObject *kwargs, const char *const *names, Py_ssize_t count, PyObject **values)
{
    PyObject *rest_args, *rest_kwargs;
    int result;

    if (self->serving != NULL) {
        PyErr_Format(PyExc_RuntimeError, "an %s that is at work cannot be made anew", function);
        return -1;
    }
    if (cps_bind(function, args, kwargs, names, count, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    self->ready.run = serving_run;
    result = cps_actor_init(&self->base, &ops->actor, rest_args, rest_kwargs);
    if (result == 0) {
        result = serving_configure(self, values + count - CPS_MDP_SERVING_ARGUMENT_COUNT);
    }
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

void
cps_mdp_serving_dealloc(PyObject *op)
{
    CpsMdpServing *self = (CpsMdpServing *)op;

    serving_let_go(self);
    cps_link_remove(&self->ready.link);
    cps_zmq_keys_clear(&self->keys);
    Py_CLEAR(self->host);
    cps_actor_dealloc(op);
}
