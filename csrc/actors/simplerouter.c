/* SimpleRouter: an EventRouter with a filter per outbox, which looks for the outbox's name. */
#include "actors/actors.h"
#include "actors/router.h"

typedef struct {
    CpsRouter base;
    PyObject *default_queue; /* owned str */
    PyObject *scope;         /* owned tuple of steps */
} CpsSimpleRouter;

/* A filter for each outbox but the default one. Returns 0, or -1 with an exception set. */
static int
simplerouter_add_filters(CpsSimpleRouter *self)
{
    PyObject *names = PyDict_Keys((PyObject *)self->base.base.pool->outbound);
    int status = names == NULL ? -1 : 0;

    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(names); i++) {
        PyObject *name = PyList_GET_ITEM(names, i);
        int is_default = PyObject_RichCompareBool(name, cps_field(self->default_queue), Py_EQ);

        status = is_default != 0 ? Py_MIN(is_default, 0) : cps_router_add_named(&self->base, name, self->scope);
    }
    Py_XDECREF(names);
    return status;
}

/* The default queue is a default outbox whatever the default regexes say. Returns 0, or -1 with an exception set. */
static int
simplerouter_add_default(CpsSimpleRouter *self)
{
    PyObject *outboxes = self->base.default_outboxes, *queue;
    int status = PyDict_GetItemRef((PyObject *)self->base.base.pool->outbound, cps_field(self->default_queue), &queue);

    if (status <= 0) {
        return status;
    }
    status = PySequence_Contains(outboxes, queue);
    if (status == 0) {
        status = PyList_Append(outboxes, queue);
    }
    Py_DECREF(queue);
    return status < 0 ? -1 : 0;
}

static PyObject *
simplerouter_pre_hook(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsSimpleRouter *self = (CpsSimpleRouter *)op;

    if (simplerouter_add_filters(self) < 0 || cps_router_prepare(&self->base) < 0 ||
        simplerouter_add_default(self) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

enum { NAME, DEFAULT_QUEUE, SCOPE, TYPE, FILTERS, REGEXES, PARAMETERS };

/* Take the arguments. Returns 0, or -1 with an exception set. */
static int
simplerouter_configure(CpsSimpleRouter *self, PyObject *const *values, PyObject *rest_args, PyObject *rest_kwargs)
{
    CpsRouterArguments arguments = {values[FILTERS], values[TYPE], values[REGEXES]};
    PyObject *blacklist = values[TYPE] == NULL ? PyUnicode_FromString("blacklist") : Py_NewRef(values[TYPE]);
    PyObject *scope = values[SCOPE];
    int status;

    arguments.type = blacklist;
    status = blacklist == NULL ? -1 : cps_router_init(&self->base, &arguments, rest_args, rest_kwargs);
    Py_XDECREF(blacklist);
    if (status < 0) {
        return -1;
    }
    Py_XSETREF(self->default_queue,
               values[DEFAULT_QUEUE] == NULL ? PyUnicode_FromString("default") : Py_NewRef(values[DEFAULT_QUEUE]));
    Py_XSETREF(self->scope, scope == NULL          ? PyTuple_Pack(1, self->base.base.state->names.data)
                            : PyTuple_Check(scope) ? Py_NewRef(scope)
                                                   : PyTuple_Pack(1, scope));
    return self->default_queue == NULL || self->scope == NULL ? -1 : 0;
}

static int
simplerouter_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "default_queue",   "scope",
                                        "type", "routing_filters", "default_outbox_regexes"};
    PyObject *values[PARAMETERS], *rest_args, *rest_kwargs;
    int result;

    if (cps_bind("SimpleRouter", args, kwargs, names, PARAMETERS, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    result = simplerouter_configure((CpsSimpleRouter *)op, values, rest_args, rest_kwargs);
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

static int
simplerouter_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(((CpsSimpleRouter *)op)->default_queue);
    Py_VISIT(((CpsSimpleRouter *)op)->scope);
    return cps_router_traverse(op, visit, arg);
}

static void
simplerouter_clear_own(CpsSimpleRouter *self)
{
    Py_CLEAR(self->default_queue);
    Py_CLEAR(self->scope);
}

static int
simplerouter_clear(PyObject *op)
{
    simplerouter_clear_own((CpsSimpleRouter *)op);
    return cps_router_clear(op);
}

static void
simplerouter_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    simplerouter_clear_own((CpsSimpleRouter *)op);
    cps_router_dealloc(op);
}

PyDoc_STRVAR(simplerouter_doc,
             "SimpleRouter(name, default_queue='default', scope='data', type='blacklist', routing_filters=[],\n"
             "             default_outbox_regexes=['.*'], *args, **kwargs)\n--\n\n"
             "Send each event to the outboxes whose name is found in a value of it.\n\n"
             "In and out: Event.\n\n"
             "default_queue: str, the outbox for what no name matches.\n"
             "scope: str, the attribute that is looked at, or a tuple of steps, as for EventFilter.\n"
             "type, routing_filters, default_outbox_regexes: as for EventRouter.\n\n"
             "The names are used as regexes: 'ab' is found in 'cabin'.");

PyDoc_STRVAR(pre_hook_doc, "pre_hook($self, /)\n--\n\nMake the filters; called by start().");

static PyMethodDef simplerouter_methods[] = {{"pre_hook", simplerouter_pre_hook, METH_NOARGS, pre_hook_doc}, {NULL}};

static PyMemberDef simplerouter_members[] = {
    {"default_queue", T_OBJECT_EX, offsetof(CpsSimpleRouter, default_queue), 0, "The outbox for the rest (str)."},
    {NULL},
};

static PyType_Slot simplerouter_slots[] = {
    {Py_tp_doc, (void *)simplerouter_doc},   {Py_tp_init, simplerouter_init},
    {Py_tp_traverse, simplerouter_traverse}, {Py_tp_clear, simplerouter_clear},
    {Py_tp_dealloc, simplerouter_dealloc},   {Py_tp_methods, simplerouter_methods},
    {Py_tp_members, simplerouter_members},   {0, NULL},
};

static PyType_Spec simplerouter_spec = {
    .name = "compysition.actors.eventrouter.SimpleRouter",
    .basicsize = sizeof(CpsSimpleRouter),
    .flags = CPS_ACTOR_FLAGS,
    .slots = simplerouter_slots,
};

int
cps_simplerouter_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.SimpleRouter, &simplerouter_spec, (PyObject *)state->types.EventRouter);
}
