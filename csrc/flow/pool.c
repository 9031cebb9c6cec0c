#include "flow/pool.h"

#include "event/eventid.h"

/* --- _InternalQueuePool ----------------------------------------------------------------------------------------------------------- */

/* The placeholder's queue leaves; what it collected moves to `queue`. Returns 0 or -1. */
static int
pool_replace_placeholder(CpsState *state, CpsInternalQueuePool *pool, CpsQueue *queue)
{
    PyObject *old;
    int status = 0;

    if (pool->placeholder == NULL) {
        return 0;
    }
    if (PyDict_GetItemRef((PyObject *)pool, pool->placeholder, &old) <= 0) {
        return PyErr_Occurred() ? -1 : 0;
    }
    if (old != (PyObject *)queue) {
        status = PyDict_DelItem((PyObject *)pool, pool->placeholder);
        if (status == 0 && PyObject_TypeCheck(old, state->types.Queue)) {
            queue->carries_log |= ((CpsQueue *)old)->carries_log;
            status = cps_queue_dump((CpsQueue *)old, queue);
        }
    }
    Py_DECREF(old);
    return status;
}

PyObject *
cps_pool_add(CpsState *state, CpsInternalQueuePool *pool, PyObject *name, PyObject *queue)
{
    PyObject *added = queue == NULL ? cps_queue_new(state, name, pool->size) : Py_NewRef(queue);

    if (added == NULL || pool_replace_placeholder(state, pool, (CpsQueue *)added) < 0 ||
        PyDict_SetItem((PyObject *)pool, name, added) < 0) {
        Py_XDECREF(added);
        return NULL;
    }
    return added;
}

PyDoc_STRVAR(pool_add_doc,
             "add($self, name, queue=None)\n--\n\n"
             "Put a queue into the pool under a name, replacing an older one, and return it.\n\n"
             "name: str. queue: Queue; None (default) for a new one with the pool's size. The placeholder's queue is\n"
             "removed and its content moved to the added one. Raises TypeError unless queue is a Queue.");

static PyObject *
pool_add(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"name", "queue", NULL};
    CpsState *state = cps_state_of(op);
    PyObject *name, *queue = Py_None;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:add", keywords, &name, &queue)) {
        return NULL;
    }
    if (queue != Py_None && !PyObject_TypeCheck(queue, state->types.Queue)) {
        return PyErr_Format(PyExc_TypeError, "add() needs a Queue, not %s", Py_TYPE(queue)->tp_name);
    }
    return cps_pool_add(state, (CpsInternalQueuePool *)op, name, queue == Py_None ? NULL : queue);
}

/* Set up a pool that is an empty dict. Returns 0 or -1. */
static int
pool_fill(CpsState *state, CpsInternalQueuePool *self, PyObject *placeholder, Py_ssize_t size)
{
    PyObject *queue;
    int status;

    self->size = Py_MAX(size, 0);
    if (placeholder == NULL || placeholder == Py_None) {
        return 0;
    }
    Py_XSETREF(self->placeholder, Py_NewRef(placeholder));
    queue = cps_queue_new(state, placeholder, 0); /* it must hold whatever comes before the real one */
    if (queue == NULL) {
        return -1;
    }
    status = PyDict_SetItem((PyObject *)self, placeholder, queue);
    Py_DECREF(queue);
    return status;
}

static int
pool_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    Py_ssize_t given = PyTuple_GET_SIZE(args);
    PyObject *placeholder = given > 0 ? PyTuple_GET_ITEM(args, 0) : NULL; /* borrowed */
    PyObject *size = given > 1 ? PyTuple_GET_ITEM(args, 1) : NULL;        /* borrowed */
    Py_ssize_t number = 0;

    if (placeholder == NULL && kwargs != NULL) {
        placeholder = PyDict_GetItemString(kwargs, "placeholder");
    }
    if (size == NULL && kwargs != NULL) {
        size = PyDict_GetItemString(kwargs, "size");
    }
    if (size != NULL && size != Py_None) {
        number = PyNumber_AsSsize_t(size, PyExc_OverflowError);
        if (number == -1 && PyErr_Occurred()) {
            return -1;
        }
    }
    return pool_fill(cps_state_of(op), (CpsInternalQueuePool *)op, placeholder, number);
}

static int
pool_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((CpsInternalQueuePool *)op)->placeholder);
    return PyDict_Type.tp_traverse(op, visit, arg);
}

static int
pool_clear(PyObject *op)
{
    Py_CLEAR(((CpsInternalQueuePool *)op)->placeholder);
    return PyDict_Type.tp_clear(op);
}

static void
pool_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    Py_CLEAR(((CpsInternalQueuePool *)op)->placeholder);
    PyObject_GC_Track(op); /* dict's own dealloc untracks it */
    PyDict_Type.tp_dealloc(op);
    Py_DECREF(type);
}

static PyMethodDef pool_methods[] = {
    {"add", _PyCFunction_CAST(pool_add), METH_VARARGS | METH_KEYWORDS, pool_add_doc},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef pool_members[] = {
    {"placeholder", T_OBJECT, offsetof(CpsInternalQueuePool, placeholder), READONLY,
     PyDoc_STR("str or None: name of the queue that collects until a real one is added.")},
    {"size", T_PYSSIZET, offsetof(CpsInternalQueuePool, size), 0,
     PyDoc_STR("int: maxsize of the queues made here; 0 for no limit.")},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(pool_doc,
             "_InternalQueuePool(placeholder=None, size=0, *args, **kwargs)\n--\n\n"
             "A dict of queues by name, in the order of connection.\n\n"
             "placeholder: str, name of a queue that is made at once and collects elements until a real queue is\n"
             "added. size: int, maxsize of the queues made here; 0 for no limit.");

static PyType_Slot pool_slots[] = {
    {Py_tp_doc, (void *)pool_doc}, {Py_tp_init, pool_init},
    {Py_tp_dealloc, pool_dealloc}, {Py_tp_traverse, pool_traverse},
    {Py_tp_clear, pool_clear},     {Py_tp_methods, pool_methods},
    {Py_tp_members, pool_members}, {0, NULL},
};

static PyType_Spec pool_spec = {
    .name = "compysition.queue._InternalQueuePool",
    .basicsize = sizeof(CpsInternalQueuePool),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .slots = pool_slots,
};

/* --- QueuePool ------------------------------------------------------------------------------------------------------------------------ */

/* A new _InternalQueuePool, with a placeholder of random name if `log`. */
static CpsInternalQueuePool *
queuepool_part(CpsState *state, Py_ssize_t size, bool log)
{
    PyObject *part = PyObject_CallNoArgs((PyObject *)state->types.InternalQueuePool);
    PyObject *placeholder = NULL;
    uint8_t id[CPS_EVENT_ID_BYTES];

    if (part == NULL) {
        return NULL;
    }
    if (log && (cps_event_id_new(id) < 0 || (placeholder = cps_event_id_hex(id)) == NULL)) {
        Py_DECREF(part);
        return NULL;
    }
    if (pool_fill(state, (CpsInternalQueuePool *)part, placeholder, size) < 0) {
        Py_CLEAR(part);
    }
    else if (log) {
        ((CpsQueue *)PyDict_GetItem(part, placeholder))->carries_log = true;
    }
    Py_XDECREF(placeholder);
    return (CpsInternalQueuePool *)part;
}

static int
queuepool_fill(CpsState *state, CpsQueuePool *self, Py_ssize_t size)
{
    self->size = size;
    Py_XSETREF(self->inbound, queuepool_part(state, size, false));
    Py_XSETREF(self->outbound, queuepool_part(state, size, false));
    Py_XSETREF(self->error, queuepool_part(state, size, false));
    Py_XSETREF(self->logs, queuepool_part(state, size, true));
    return self->inbound && self->outbound && self->error && self->logs ? 0 : -1;
}

PyObject *
cps_pool_new(CpsState *state, Py_ssize_t size)
{
    PyObject *self = state->types.QueuePool->tp_alloc(state->types.QueuePool, 0);

    if (self != NULL && queuepool_fill(state, (CpsQueuePool *)self, size) < 0) {
        Py_CLEAR(self);
    }
    return self;
}

static int
queuepool_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"size", NULL};
    Py_ssize_t size = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|n:QueuePool", keywords, &size)) {
        return -1;
    }
    return queuepool_fill(cps_state_of(op), (CpsQueuePool *)op, size);
}

static PyObject *
queuepool_list_all(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsQueuePool *self = (CpsQueuePool *)op;
    CpsInternalQueuePool *parts[] = {self->inbound, self->outbound, self->error, self->logs};
    PyObject *all = PyList_New(0);

    for (size_t i = 0; all != NULL && i < Py_ARRAY_LENGTH(parts); i++) {
        PyObject *values = PyDict_Values((PyObject *)parts[i]);

        if (values == NULL || PyList_SetSlice(all, PyList_GET_SIZE(all), PyList_GET_SIZE(all), values) < 0) {
            Py_CLEAR(all);
        }
        Py_XDECREF(values);
    }
    return all;
}

static PyObject *
queuepool_join(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    PyObject *all = queuepool_list_all(op, NULL);

    for (Py_ssize_t i = 0; all != NULL && i < PyList_GET_SIZE(all); i++) {
        PyObject *done = PyObject_CallMethod(PyList_GET_ITEM(all, i), "wait_until_empty", NULL);

        if (done == NULL) {
            Py_DECREF(all);
            return NULL;
        }
        Py_DECREF(done);
    }
    Py_XDECREF(all);
    return all == NULL ? NULL : Py_NewRef(Py_None);
}

static int
queuepool_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsQueuePool *self = (CpsQueuePool *)op;

    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->dict);
    Py_VISIT(self->inbound);
    Py_VISIT(self->outbound);
    Py_VISIT(self->error);
    Py_VISIT(self->logs);
    return 0;
}

static int
queuepool_clear(PyObject *op)
{
    CpsQueuePool *self = (CpsQueuePool *)op;

    Py_CLEAR(self->dict);
    Py_CLEAR(self->inbound);
    Py_CLEAR(self->outbound);
    Py_CLEAR(self->error);
    Py_CLEAR(self->logs);
    return 0;
}

static void
queuepool_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    (void)queuepool_clear(op);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMethodDef queuepool_methods[] = {
    {"list_all_queues", queuepool_list_all, METH_NOARGS,
     PyDoc_STR("list_all_queues($self, /)\n--\n\n"
               "A list of all queues: inbound, outbound, error, logs, in this order.")},
    {"join", queuepool_join, METH_NOARGS, PyDoc_STR("join($self, /)\n--\n\nWait until each of the queues was empty.")},
    {NULL, NULL, 0, NULL},
};

#define POOL_MEMBER(name, field, text) {name, T_OBJECT_EX, offsetof(CpsQueuePool, field), READONLY, PyDoc_STR(text)}

static PyMemberDef queuepool_members[] = {
    POOL_MEMBER("inbound", inbound, "Queues that the actor consumes, by name (dict)."),
    POOL_MEMBER("outbound", outbound, "Queues that send_event puts on, by name (dict)."),
    POOL_MEMBER("error", error, "Queues that send_error puts on, by name (dict)."),
    POOL_MEMBER("logs", logs, "Queues of the actor's log records, by name (dict)."),
    POOL_MEMBER("inbound_queues", inbound, "Name of inbound (dict) up to 1.1."),
    POOL_MEMBER("outbound_queues", outbound, "Name of outbound (dict) up to 1.1."),
    POOL_MEMBER("error_queues", error, "Name of error (dict) up to 1.1."),
    POOL_MEMBER("default_outbound_queues", logs, "Name of logs (dict) up to 1.1."),
    {"size", T_PYSSIZET, offsetof(CpsQueuePool, size), READONLY,
     PyDoc_STR("int: maxsize of the queues made here; 0 for no limit.")},
    {"__dictoffset__", T_PYSSIZET, offsetof(CpsQueuePool, dict), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef queuepool_getset[] = {
    CPS_DICT,
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(queuepool_doc,
             "QueuePool(size=0)\n--\n\n"
             "The queues of an actor.\n\nsize: int, maxsize of the queues made here; 0 (default) for no limit.");

static PyType_Slot queuepool_slots[] = {
    {Py_tp_doc, (void *)queuepool_doc},   {Py_tp_init, queuepool_init},     {Py_tp_dealloc, queuepool_dealloc},
    {Py_tp_traverse, queuepool_traverse}, {Py_tp_clear, queuepool_clear},   {Py_tp_methods, queuepool_methods},
    {Py_tp_members, queuepool_members},   {Py_tp_getset, queuepool_getset}, {0, NULL},
};

static PyType_Spec queuepool_spec = {
    .name = "compysition.queue.QueuePool",
    .basicsize = sizeof(CpsQueuePool),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .slots = queuepool_slots,
};

int
cps_pool_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.InternalQueuePool, &pool_spec, (PyObject *)&PyDict_Type) < 0 ||
        PyModule_AddObjectRef(module, "_InternalQueuePool", (PyObject *)state->types.InternalQueuePool) < 0) {
        return -1;
    }
    return cps_add_type(module, &state->types.QueuePool, &queuepool_spec, NULL);
}
