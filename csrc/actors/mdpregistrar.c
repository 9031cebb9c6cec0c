/* MDPBrokerRegistrationService: where MajorDomo's brokers say that they are there, and clients and workers hear of them. What it does is in
 * net/mdpregistry.h. */
#include "actors/mdpactor.h"
#include "actors/mdpserving.h"
#include "actors/zmqendpoint.h"
#include "net/mdp.h"

enum { DEFAULT_SERVICE_PORT = 6000, DEFAULT_PUBLISHER_PORT = 6001 };

typedef struct {
    CpsMdpServing base;
    PyObject *scope; /* owned str */
    int listen_port, publish_port;
} CpsMdpRegistrar;

static CpsMdpRegistrar *
registrar_of(CpsMdpServing *serving)
{
    return (CpsMdpRegistrar *)serving;
}

static int
registrar_prepare(CpsMdpServing *serving, CpsMdpServingPort *port)
{
    const char *scope = PyUnicode_AsUTF8(registrar_of(serving)->scope);

    port->registry.heartbeat_ms = serving->heartbeat_ms;
    port->registry.scope = scope == NULL ? NULL : strdup(scope);
    if (scope != NULL && port->registry.scope == NULL) {
        PyErr_NoMemory();
    }
    return port->registry.scope == NULL ? -1 : 0;
}

static int
registrar_open(CpsMdpServing *serving, CpsMdpServingPort *port)
{
    CpsMdpRegistrar *self = registrar_of(serving);
    CpsZmqOptions router = {.type = ZMQ_ROUTER, .max_bytes = CPS_MDP_SHORT_FRAME};
    CpsZmqOptions publisher = {.type = ZMQ_XPUB, .max_bytes = CPS_MDP_SHORT_FRAME};

    if (cps_mdp_serving_bind(serving, port, CPS_MDP_BROKERS, &router, &self->listen_port) < 0 ||
        cps_mdp_serving_bind(serving, port, CPS_MDP_PUBLISHER, &publisher, &self->publish_port) < 0) {
        return -1;
    }
    cps_log(serving->base.logger, CPS_LOG_INFO, NULL,
            "Brokers may register at tcp://%S:%d, and are announced at tcp://%S:%d", serving->host, self->listen_port,
            serving->host, self->publish_port);
    return 0;
}

static int
registrar_consume(CpsActor *Py_UNUSED(actor), CpsInbox *Py_UNUSED(inbox), PyObject *Py_UNUSED(event))
{
    return 0;
}

static const CpsMdpServingOps registrar_ops = {
    .actor = {.consume = registrar_consume, CPS_MDP_SERVING_OPS},
    .server = &cps_mdp_registry_ops,
    .prepare = registrar_prepare,
    .open = registrar_open,
};

enum { NAME, LISTEN_PORT, PUBLISH_PORT, OWN_PARAMETERS };

static int
registrar_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "listen_port", "publish_port", CPS_MDP_SERVING_ARGUMENTS};
    CpsMdpRegistrar *self = (CpsMdpRegistrar *)op;
    PyObject *values[Py_ARRAY_LENGTH(names)];
    PyObject *const *shared = values + OWN_PARAMETERS;
    CpsZmqSecurityArgs security;

    if (cps_mdp_serving_init(&self->base, &registrar_ops, "MDPBrokerRegistrationService", args, kwargs, names,
                             Py_ARRAY_LENGTH(names), values) < 0) {
        return -1;
    }
    security = cps_zmq_security_args(shared + CPS_MDP_SERVING_SECURITY);
    self->listen_port = DEFAULT_SERVICE_PORT;
    self->publish_port = DEFAULT_PUBLISHER_PORT;
    return cps_zmq_take_port(&self->listen_port, shared[CPS_MDP_SERVING_SERVICE_PORT], "registration_service_port", 0) <
                       0 ||
                   cps_zmq_take_port(&self->listen_port, values[LISTEN_PORT], "listen_port", 0) < 0 ||
                   cps_zmq_take_port(&self->publish_port, shared[CPS_MDP_SERVING_PUBLISHER_PORT],
                                     "registration_publisher_port", 0) < 0 ||
                   cps_zmq_take_port(&self->publish_port, values[PUBLISH_PORT], "publish_port", 0) < 0 ||
                   cps_mdp_take_text(&self->scope, shared[CPS_MDP_SERVING_SCOPE], "manager_subscriber_scope",
                                     "BrokerUpdates") < 0 ||
                   cps_zmq_keys_configure(&self->base.keys, &security) < 0
               ? -1
               : cps_actor_set_shape(&self->base.base, "box");
}

PyDoc_STRVAR(
    registrar_doc,
    "MDPBrokerRegistrationService(name, listen_port=None, publish_port=None, *args, registration_service_port='6000',\n"
    "                             registration_publisher_port='6001', manager_subscriber_scope='BrokerUpdates',\n"
    "                             host='*', heartbeat_interval=2500, high_water_mark=1000, **kwargs)\n--\n\n"
    "Where MajorDomo's brokers say that they are there, and from where clients and workers hear of them.\n\n"
    "It takes no events.\n\n"
    "listen_port, publish_port: TCP ports for brokers, and for clients and workers; by default\n"
    "registration_service_port and registration_publisher_port. 0 takes a free one, which the attribute has after the "
    "start.\n"
    "manager_subscriber_scope: str, what announcements begin with.\n" CPS_MDP_SERVING_DOC
    "A broker that says nothing for four heartbeat intervals is said to be gone.\n" CPS_ZMQ_SECURITY_DOC
    "\nErrors: OSError at the start, when a port cannot be had; ValueError, TypeError.");

static PyMethodDef registrar_methods[] = {CPS_CONSUME_METHOD, {NULL}};

static PyMemberDef registrar_members[] = {
    CPS_ACTOR_MEMBERS,
    {"listen_port", T_INT, offsetof(CpsMdpRegistrar, listen_port), READONLY,
     PyDoc_STR("int: once it is bound, the real one.")},
    {"publish_port", T_INT, offsetof(CpsMdpRegistrar, publish_port), READONLY,
     PyDoc_STR("int: once it is bound, the real one.")},
    {NULL},
};

static PyGetSetDef registrar_getset[] = {CPS_DICT, {NULL}};

static void
registrar_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    Py_CLEAR(((CpsMdpRegistrar *)op)->scope);
    cps_mdp_serving_dealloc(op);
}

static PyType_Slot registrar_slots[] = {
    {Py_tp_doc, (void *)registrar_doc}, {Py_tp_init, registrar_init},       {Py_tp_traverse, cps_actor_traverse},
    {Py_tp_clear, cps_actor_clear},     {Py_tp_dealloc, registrar_dealloc}, {Py_tp_methods, registrar_methods},
    {Py_tp_members, registrar_members}, {Py_tp_getset, registrar_getset},   {0, NULL},
};

static PyType_Spec registrar_spec = {
    .name = "compysition.actors.mdpregistrar.MDPBrokerRegistrationService",
    .basicsize = sizeof(CpsMdpRegistrar),
    .flags = CPS_ACTOR_FLAGS,
    .slots = registrar_slots,
};

int
cps_mdpregistrar_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.MDPBrokerRegistrationService, &registrar_spec,
                     (PyObject *)state->types.Actor) < 0) {
        return -1;
    }
    return cps_set_event_types(state, state->types.MDPBrokerRegistrationService, state->types.Event,
                               state->types.Event);
}
