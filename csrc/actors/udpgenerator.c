/* UDPEventGenerator and UDPCronEventGenerator: of several processes that run the same generator, one makes the events. */
#include "actors/generator.h"

#include "actors/actors.h"
#include "actors/udpinterface.h"

typedef struct {
    CpsGenerator base;
    PyObject *peers_interface; /* owned CpsUdpInterface */
} UdpGenerator;

static CpsUdpInterface *
generator_interface(CpsActor *actor)
{
    return (CpsUdpInterface *)((UdpGenerator *)actor)->peers_interface;
}

/* --- events ---------------------------------------------------------------------------------------------------------------------- */

static int
udp_generator_consume(CpsActor *actor, CpsInbox *inbox, PyObject *event)
{
    if (cps_udp_interface_is_master(generator_interface(actor))) {
        return cps_generator_consume(actor, inbox, event);
    }
    cps_log(actor->logger, CPS_LOG_DEBUG, event, "This process is no master: the event makes no other");
    cps_actor_drop(actor, event);
    return 0;
}

static void
udp_generator_run(CpsActor *actor)
{
    if (cps_udp_interface_is_master(generator_interface(actor))) {
        cps_generator_run(actor);
    }
}

static int
udp_generator_start_source(CpsActor *actor)
{
    if (cps_udp_interface_start(generator_interface(actor)) < 0) {
        return -1;
    }
    if (cps_generator_start_source(actor) < 0) {
        cps_udp_interface_stop(generator_interface(actor));
        return -1;
    }
    return 0;
}

/* Others may take over while this one still drains. */
static void
udp_generator_stop_source(CpsActor *actor)
{
    cps_generator_stop_source(actor);
    cps_udp_interface_stop(generator_interface(actor));
}

#define UDP_GENERATOR_ACTOR_OPS                     \
    {                                               \
        .consume = udp_generator_consume,           \
        .start_source = udp_generator_start_source, \
        .stop_source = udp_generator_stop_source,   \
        .runs = cps_generator_runs,                 \
    }

static const CpsGeneratorOps udp_ops = {
    .actor = UDP_GENERATOR_ACTOR_OPS,
    .schedule = {.now = cps_schedule_monotonic, .next = cps_generator_next_interval, .run = udp_generator_run},
    .parse_interval = cps_generator_parse_interval,
    .send_error = cps_generator_send_second_error,
    .number_unit = "seconds",
};

static const CpsGeneratorOps udp_cron_ops = {
    .actor = UDP_GENERATOR_ACTOR_OPS,
    .schedule = {.now = cps_schedule_wall, .next = cps_cron_next, .run = udp_generator_run},
    .parse_interval = cps_cron_parse_interval,
    .send_error = cps_generator_send_second_error,
};

/* --- construction ---------------------------------------------------------------------------------------------------------------- */

/* Keywords of the actor, and what UDPInterface calls them. */
static const struct {
    const char *name, *interface_name;
} network[] = {
    {"address", "address"},
    {"broadcast", "broadcast"},
    {"interface", "interface"},
    {"port", "port"},
    {"key", "key"},
    {"ping_interval", "interval"},
    {"expiry", "expiry"},
    {"burn_in_pings", "burn_in_pings"},
};

/* Move keywords of the election from `kwargs` to a dict. New, or NULL with an exception set. */
static PyObject *
take_network(PyObject *kwargs)
{
    PyObject *taken = PyDict_New();

    for (size_t i = 0; taken != NULL && i < Py_ARRAY_LENGTH(network); i++) {
        PyObject *value = cps_pop_keyword(kwargs, network[i].name);

        if (PyErr_Occurred() || (value != NULL && PyDict_SetItemString(taken, network[i].interface_name, value) < 0)) {
            Py_CLEAR(taken);
        }
        Py_XDECREF(value);
    }
    return taken;
}

/* Make the node of the group "<service>-<scope>". Returns 0, or -1 with an exception set. */
static int
make_interface(UdpGenerator *self, PyObject *service, PyObject *scope, PyObject *options)
{
    CpsActor *actor = &self->base.base;
    PyObject *usual = PyUnicode_FromString("default");
    PyObject *group =
        usual == NULL ? NULL
                      : PyUnicode_FromFormat("%S-%S", service == NULL ? usual : service, scope == NULL ? usual : scope);
    PyObject *args = group == NULL ? NULL : Py_BuildValue("OO", group, actor->logger);
    PyObject *interface = args == NULL ? NULL : cps_udp_interface_new(actor->state, args, options);

    Py_XDECREF(usual);
    Py_XDECREF(group);
    Py_XDECREF(args);
    if (interface == NULL) {
        return -1;
    }
    Py_XSETREF(self->peers_interface, interface);
    return 0;
}

static int
udp_generator_configure(UdpGenerator *self, const CpsGeneratorOps *ops, PyObject *const *values, PyObject *args,
                        PyObject *kwargs)
{
    PyObject *max_events = cps_pop_keyword(kwargs, "max_events"), *options;
    CpsGeneratorArgs given = {values[3], values[4], values[5], values[6], values[7], values[8], max_events};
    int result = -1;

    options = PyErr_Occurred() ? NULL : take_network(kwargs);
    if (options != NULL) {
        result = cps_generator_configure(&self->base, ops, &given, args, kwargs);
        result = result < 0 ? -1 : make_interface(self, values[1], values[2], options);
        Py_DECREF(options);
    }
    Py_XDECREF(max_events);
    return result;
}

static int
udp_generator_take(PyObject *op, const char *function, const CpsGeneratorOps *ops, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name",        "service",      "environment_scope",
                                        "event_class", "event_kwargs", "producers",
                                        "interval",    "delay",        "generate_error"};
    PyObject *values[Py_ARRAY_LENGTH(names)], *rest_args, *rest_kwargs;
    int result;

    if (cps_bind(function, args, kwargs, names, Py_ARRAY_LENGTH(names), 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    result = udp_generator_configure((UdpGenerator *)op, ops, values, rest_args, rest_kwargs);
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

static int
udp_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return udp_generator_take(op, "UDPEventGenerator", &udp_ops, args, kwargs);
}

static int
udp_cron_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return udp_generator_take(op, "UDPCronEventGenerator", &udp_cron_ops, args, kwargs);
}

/* --- the types ------------------------------------------------------------------------------------------------------------------- */

static int
udp_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(((UdpGenerator *)op)->peers_interface);
    return cps_generator_traverse(op, visit, arg);
}

/* Its node is kept, as long as there is the actor: its logger is what refers to others. */
static void
udp_dealloc(PyObject *op)
{
    UdpGenerator *self = (UdpGenerator *)op;

    PyObject_GC_UnTrack(op);
    if (self->peers_interface != NULL) {
        cps_udp_interface_stop((CpsUdpInterface *)self->peers_interface);
    }
    Py_CLEAR(self->peers_interface);
    cps_generator_dealloc(op);
}

PyDoc_STRVAR(udp_doc,
             "UDPEventGenerator(name, service='default', environment_scope='default', event_class=Event,\n"
             "                  event_kwargs=None, producers=1, interval=5, delay=0, generate_error=False, *args,\n"
             "                  max_events=0, address=None, interface=None, port=None, key=None, ping_interval=None,\n"
             "                  expiry=None, burn_in_pings=None, **kwargs)\n--\n\n"
             "As EventGenerator, in one process of a group only: the one that was elected master over UDP.\n\n"
             "In: any event, which is dropped and makes one new event at once, if this process is master. Out:\n"
             "event_class.\n\n"
             "service, environment_scope: str; the group is '<service>-<environment_scope>'.\n"
             "address (or broadcast), interface, port, key, expiry, burn_in_pings: as of UDPInterface;\n"
             "ping_interval is its interval, seconds. A master that dies is replaced after ping_interval * (expiry\n"
             "+ 1) seconds at most.\n\n"
             "Raises as EventGenerator and UDPInterface do; OSError at the start when the port cannot be had.");

PyDoc_STRVAR(udp_cron_doc,
             "UDPCronEventGenerator(name, service='default', environment_scope='default', event_class=Event,\n"
             "                      event_kwargs=None, producers=1, interval=5, delay=0, generate_error=False, *args,\n"
             "                      max_events=0, address=None, interface=None, port=None, key=None,\n"
             "                      ping_interval=None, expiry=None, burn_in_pings=None, **kwargs)\n--\n\n"
             "As CronEventGenerator, in one process of a group only. Its further arguments are those of\n"
             "UDPEventGenerator.");

static PyMethodDef udp_methods[] = {CPS_CONSUME_METHOD, {NULL}};

static PyMemberDef udp_members[] = {
    CPS_ACTOR_MEMBERS,
    {"peers_interface", T_OBJECT, offsetof(UdpGenerator, peers_interface), READONLY,
     "This process as a node of its group (UDPInterface)."},
    {NULL},
};

static PyGetSetDef udp_getset[] = {CPS_DICT, {NULL}};

static PyType_Slot udp_slots[] = {
    {Py_tp_doc, (void *)udp_doc},       {Py_tp_init, udp_init},       {Py_tp_traverse, udp_traverse},
    {Py_tp_clear, cps_generator_clear}, {Py_tp_dealloc, udp_dealloc}, {Py_tp_methods, udp_methods},
    {Py_tp_members, udp_members},       {Py_tp_getset, udp_getset},   {0, NULL},
};

static PyType_Spec udp_spec = {
    .name = "compysition.actors.eventgenerator.UDPEventGenerator",
    .basicsize = sizeof(UdpGenerator),
    .flags = CPS_ACTOR_FLAGS,
    .slots = udp_slots,
};

static PyType_Slot udp_cron_slots[] = {
    {Py_tp_doc, (void *)udp_cron_doc}, {Py_tp_init, udp_cron_init},
    {Py_tp_traverse, udp_traverse},    {Py_tp_clear, cps_generator_clear},
    {Py_tp_dealloc, udp_dealloc},      {Py_tp_members, udp_members},
    {Py_tp_getset, udp_getset},        {0, NULL},
};

static PyType_Spec udp_cron_spec = {
    .name = "compysition.actors.eventgenerator.UDPCronEventGenerator",
    .basicsize = sizeof(UdpGenerator),
    .flags = CPS_ACTOR_FLAGS,
    .slots = udp_cron_slots,
};

int
cps_udpgenerator_setup(PyObject *module, CpsState *state)
{
    PyObject *bases;
    int result;

    if (cps_add_type(module, &state->types.UDPEventGenerator, &udp_spec, (PyObject *)state->types.EventGenerator) < 0) {
        return -1;
    }
    bases = PyTuple_Pack(2, state->types.UDPEventGenerator, state->types.CronEventGenerator);
    result = bases == NULL ? -1 : cps_add_type(module, &state->types.UDPCronEventGenerator, &udp_cron_spec, bases);
    Py_XDECREF(bases);
    return result;
}
