/* Queue as Python sees it: the methods and the type around queue.c. */
#include "flow/graph.h"
#include "flow/queue.h"

#include <math.h>

/* --- methods ------------------------------------------------------------------------------------------------------- */

/* Read (block, timeout) as queues take them: seconds < 0 for no limit, 0 for no waiting. Returns 0, or -1. */
static int
queue_parse_wait(bool block, PyObject *timeout, double *seconds)
{
    if (timeout == NULL || timeout == Py_None) {
        *seconds = block ? -1 : 0;
        return 0;
    }
    *seconds = PyFloat_AsDouble(timeout);
    if (*seconds == -1.0 && PyErr_Occurred()) {
        return -1;
    }
    if (isnan(*seconds)) { /* neither over nor to come: it would wait for ever */
        PyErr_SetString(PyExc_ValueError, "timeout must be a number of seconds, not NaN");
        return -1;
    }
    if (!block || *seconds < 0) {
        *seconds = 0;
    }
    return 0;
}

PyDoc_STRVAR(queue_put_doc,
             "put($self, element, block=True, timeout=None)\n--\n\n"
             "Add an element at the end.\n\n"
             "block: wait for room while the queue is full. timeout: seconds to wait at most, int or float;\n"
             "None (default) for no limit. Raises QueueFull when there is still no room.");

static PyObject *
queue_put(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"element", "block", "timeout", NULL};
    PyObject *element, *timeout = NULL;
    double seconds;
    int block = 1;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|pO:put", keywords, &element, &block, &timeout) ||
        queue_parse_wait(block, timeout, &seconds) < 0 || (block && cps_source_pause(((CpsQueue *)op)->state) < 0) ||
        cps_queue_put((CpsQueue *)op, element, seconds) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(queue_put_nowait_doc, "put_nowait($self, element)\n--\n\nput(element, block=False). Raises QueueFull.");

static PyObject *
queue_put_nowait(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"element", NULL};
    PyObject *element; /* borrowed */

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:put_nowait", keywords, &element) ||
        cps_queue_put((CpsQueue *)op, element, 0) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(queue_get_doc,
             "get($self, block=False, timeout=None)\n--\n\n"
             "Remove and return the oldest element.\n\n"
             "block: wait for one while the queue is empty (not by default). timeout: seconds to wait at most,\n"
             "int or float; None (default) for no limit; ignored unless block. Raises QueueEmpty.");

static PyObject *
queue_get(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"block", "timeout", NULL};
    PyObject *timeout = NULL;
    double seconds;
    int block = 0;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|pO:get", keywords, &block, &timeout) ||
        queue_parse_wait(block, timeout, &seconds) < 0) {
        return NULL;
    }
    return cps_queue_get((CpsQueue *)op, seconds);
}

PyDoc_STRVAR(queue_get_nowait_doc, "get_nowait($self, /)\n--\n\nget(block=False). Raises QueueEmpty.");

static PyObject *
queue_get_nowait(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return cps_queue_get((CpsQueue *)op, 0);
}

static bool
queue_has_content(const CpsQueue *queue)
{
    return queue->ring.length > 0;
}

static bool
queue_is_empty(const CpsQueue *queue)
{
    return queue->ring.length == 0;
}

PyDoc_STRVAR(queue_peek_doc,
             "peek($self, block=True, timeout=None)\n--\n\n"
             "Return the oldest element without removing it; waits for one as get(block, timeout) does.\n"
             "Raises QueueEmpty.");

static PyObject *
queue_peek(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"block", "timeout", NULL};
    CpsQueue *self = (CpsQueue *)op;
    PyObject *timeout = NULL;
    double seconds;
    int block = 1;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|pO:peek", keywords, &block, &timeout) ||
        queue_parse_wait(block, timeout, &seconds) < 0) {
        return NULL;
    }
    if (seconds != 0 && cps_queue_wait_until(self, queue_has_content, seconds) < 0) {
        return NULL;
    }
    return cps_queue_peek(self);
}

static PyObject *
queue_wait_until(PyObject *op, CpsQueueTest reached)
{
    if (cps_queue_wait_until((CpsQueue *)op, reached, -1) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(queue_wait_until_content_doc, "wait_until_content($self, /)\n--\n\nWait until something is in the queue.");

static PyObject *
queue_wait_until_content(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return queue_wait_until(op, queue_has_content);
}

PyDoc_STRVAR(queue_wait_until_empty_doc, "wait_until_empty($self, /)\n--\n\nWait until nothing is in the queue.");

static PyObject *
queue_wait_until_empty(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return queue_wait_until(op, queue_is_empty);
}

PyDoc_STRVAR(queue_wait_until_free_doc, "wait_until_free($self, /)\n--\n\nWait until at least one place is free.");

static PyObject *
queue_wait_until_free(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    if (cps_queue_wait_for_room((CpsQueue *)op, -1) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(queue_dump_doc,
             "dump($self, other_queue)\n--\n\n"
             "Move all waiting elements to the end of other_queue, in order and past its bound; nothing happens when\n"
             "that is the queue itself. Raises TypeError unless other_queue is a Queue.");

static PyObject *
queue_dump(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"other_queue", NULL};
    CpsQueue *self = (CpsQueue *)op;
    PyObject *other; /* borrowed */

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:dump", keywords, &other)) {
        return NULL;
    }
    if (!PyObject_TypeCheck(other, self->state->types.Queue)) {
        return PyErr_Format(PyExc_TypeError, "dump() needs a Queue, not %s", Py_TYPE(other)->tp_name);
    }
    if (cps_queue_dump(self, (CpsQueue *)other) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
queue_qsize(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromSsize_t(cps_queue_length((CpsQueue *)op));
}

static PyObject *
queue_empty(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(queue_is_empty((CpsQueue *)op));
}

static PyObject *
queue_full(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(cps_queue_full((CpsQueue *)op));
}

/* Iterating is get() without waiting, through an override if there is one. */
static PyObject *
queue_next(PyObject *op)
{
    return PyObject_CallMethodNoArgs(op, ((CpsQueue *)op)->state->names.get);
}

static PyObject *
queue_next_method(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return queue_next(op);
}

static PyMethodDef queue_methods[] = {
    {"put", _PyCFunction_CAST(queue_put), METH_VARARGS | METH_KEYWORDS, queue_put_doc},
    {"put_nowait", _PyCFunction_CAST(queue_put_nowait), METH_VARARGS | METH_KEYWORDS, queue_put_nowait_doc},
    {"get", _PyCFunction_CAST(queue_get), METH_VARARGS | METH_KEYWORDS, queue_get_doc},
    {"get_nowait", queue_get_nowait, METH_NOARGS, queue_get_nowait_doc},
    {"next", queue_next_method, METH_NOARGS,
     PyDoc_STR("next($self, /)\n--\n\nget() without waiting. Raises QueueEmpty.")},
    {"peek", _PyCFunction_CAST(queue_peek), METH_VARARGS | METH_KEYWORDS, queue_peek_doc},
    {"qsize", queue_qsize, METH_NOARGS, PyDoc_STR("qsize($self, /)\n--\n\nHow many elements wait.")},
    {"empty", queue_empty, METH_NOARGS, PyDoc_STR("empty($self, /)\n--\n\nWhether nothing waits.")},
    {"full", queue_full, METH_NOARGS,
     PyDoc_STR("full($self, /)\n--\n\nWhether maxsize elements or more wait; never for maxsize 0.")},
    {"wait_until_content", queue_wait_until_content, METH_NOARGS, queue_wait_until_content_doc},
    {"wait_until_empty", queue_wait_until_empty, METH_NOARGS, queue_wait_until_empty_doc},
    {"wait_until_free", queue_wait_until_free, METH_NOARGS, queue_wait_until_free_doc},
    {"dump", _PyCFunction_CAST(queue_dump), METH_VARARGS | METH_KEYWORDS, queue_dump_doc},
    {NULL, NULL, 0, NULL},
};

/* --- type ---------------------------------------------------------------------------------------------------------- */

static Py_ssize_t
queue_length(PyObject *op)
{
    return cps_queue_length((CpsQueue *)op);
}

static int
queue_bool(PyObject *Py_UNUSED(op))
{
    return 1; /* also while empty: scripts write `if queue:` for "is there one" */
}

static PyObject *
queue_repr(PyObject *op)
{
    CpsQueue *self = (CpsQueue *)op;

    return PyUnicode_FromFormat("<%s %R: %zd of %zd>", Py_TYPE(op)->tp_name, self->name, cps_queue_length(self),
                                self->maxsize);
}

/* 1 when `type` has the method that Queue itself has, 0 when it overrides it, -1 with an exception set. */
static int
queue_inherits(CpsState *state, PyTypeObject *type, PyObject *name)
{
    PyTypeObject *base = state->types.Queue;
    PyObject *mine, *theirs;

    if (type == base) {
        return 1;
    }
    mine = PyObject_GetAttr((PyObject *)base, name);
    theirs = PyObject_GetAttr((PyObject *)type, name);
    Py_XDECREF(mine); /* only compared */
    Py_XDECREF(theirs);
    return mine == NULL || theirs == NULL ? -1 : mine == theirs;
}

static PyObject *
queue_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    CpsQueue *self = (CpsQueue *)type->tp_alloc(type, 0);
    int plain_put, plain_get;

    if (self == NULL) {
        return NULL;
    }
    self->state = cps_state_of_type(type);
    self->name = Py_NewRef(Py_None);
    cps_ring_init(&self->ring);
    cps_list_init(&self->putters);
    cps_list_init(&self->getters);
    cps_list_init(&self->watchers);
    cps_list_init(&self->inboxes);
    cps_list_init(&self->blocked);
    plain_put = queue_inherits(self->state, type, self->state->names.put);
    plain_get = plain_put < 0 ? -1 : queue_inherits(self->state, type, self->state->names.get);
    if (plain_get < 0) {
        Py_DECREF(self);
        return NULL;
    }
    self->plain_put = plain_put;
    self->plain_get = plain_get;
    return (PyObject *)self;
}

/* maxsize as scripts give it: None and negative numbers mean no limit, as 0 does. Returns 0, or -1. */
static int
queue_parse_maxsize(PyObject *value, Py_ssize_t *maxsize)
{
    *maxsize = 0;
    if (value == NULL || value == Py_None) {
        return 0;
    }
    *maxsize = PyNumber_AsSsize_t(value, PyExc_OverflowError);
    if (*maxsize == -1 && PyErr_Occurred()) {
        return -1;
    }
    *maxsize = Py_MAX(*maxsize, 0);
    return 0;
}

/* Queue(name, maxsize=None, ...): what else a script passes is ignored. */
static int
queue_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    CpsQueue *self = (CpsQueue *)op;
    Py_ssize_t given = PyTuple_GET_SIZE(args);
    PyObject *name = given > 0 ? PyTuple_GET_ITEM(args, 0) : NULL;    /* borrowed */
    PyObject *maxsize = given > 1 ? PyTuple_GET_ITEM(args, 1) : NULL; /* borrowed */

    if (name == NULL && kwargs != NULL) {
        name = PyDict_GetItemString(kwargs, "name");
    }
    if (maxsize == NULL && kwargs != NULL) {
        maxsize = PyDict_GetItemString(kwargs, "maxsize");
    }
    if (name == NULL) {
        PyErr_SetString(PyExc_TypeError, "Queue() needs a name");
        return -1;
    }
    if (queue_parse_maxsize(maxsize, &self->maxsize) < 0) {
        return -1;
    }
    Py_SETREF(self->name, Py_NewRef(name));
    return 0;
}

static int
queue_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsQueue *self = (CpsQueue *)op;

    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->dict);
    Py_VISIT(self->name);
    Py_VISIT(self->also);
    for (size_t i = 0; i < self->ring.length; i++) {
        Py_VISIT((PyObject *)cps_ring_at(&self->ring, i));
    }
    return 0;
}

static int
queue_clear(PyObject *op)
{
    CpsQueue *self = (CpsQueue *)op;
    CpsRing ring = self->ring;
    PyObject *element;

    cps_ring_init(&self->ring);
    while ((element = cps_ring_pop(&ring)) != NULL) {
        CpsLineage *lineage = cps_queue_lineage(self, element);

        if (lineage != NULL) {
            cps_lineage_end(lineage, CPS_FATE_DROPPED);
        }
        Py_DECREF(element);
    }
    cps_ring_free(&ring);
    Py_CLEAR(self->dict);
    Py_CLEAR(self->name);
    Py_CLEAR(self->also);
    return 0;
}

static void
queue_dealloc(PyObject *op)
{
    CpsQueue *self = (CpsQueue *)op;
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    (void)queue_clear(op);
    if (self->part != NULL) {
        cps_graph_part_unref(self->part);
    }
    type->tp_free(op);
    Py_DECREF(type);
}

static PyObject *
queue_get_maxsize(PyObject *op, void *Py_UNUSED(closure))
{
    return PyLong_FromSsize_t(((CpsQueue *)op)->maxsize);
}

static int
queue_set_maxsize(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    Py_ssize_t maxsize;

    if (queue_parse_maxsize(value, &maxsize) < 0) {
        return -1;
    }
    cps_queue_set_maxsize((CpsQueue *)op, maxsize);
    return 0;
}

static PyGetSetDef queue_getset[] = {
    CPS_DICT,
    {"maxsize", queue_get_maxsize, queue_set_maxsize, PyDoc_STR("int: how many elements may wait; 0 for no limit."),
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef queue_members[] = {
    {"name", T_OBJECT, offsetof(CpsQueue, name), 0, PyDoc_STR("The name given at construction (str).")},
    {"__dictoffset__", T_PYSSIZET, offsetof(CpsQueue, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(CpsQueue, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(queue_doc,
             "Queue(name, maxsize=None, *args, **kwargs)\n--\n\n"
             "A named first-in, first-out queue.\n\n"
             "name: str. maxsize: int, how many elements may wait; 0 or None (default) for no limit. Further\n"
             "arguments are ignored. Other threads may put and get; in a greenlet, waiting lets others run.");

static PyType_Slot queue_slots[] = {
    {Py_tp_doc, (void *)queue_doc}, {Py_tp_new, queue_new},           {Py_tp_init, queue_init},
    {Py_tp_dealloc, queue_dealloc}, {Py_tp_traverse, queue_traverse}, {Py_tp_clear, queue_clear},
    {Py_tp_repr, queue_repr},       {Py_tp_iter, PyObject_SelfIter},  {Py_tp_iternext, queue_next},
    {Py_tp_methods, queue_methods}, {Py_tp_members, queue_members},   {Py_tp_getset, queue_getset},
    {Py_sq_length, queue_length},   {Py_nb_bool, queue_bool},         {0, NULL},
};

static PyType_Spec queue_spec = {
    .name = "compysition.queue.Queue",
    .basicsize = sizeof(CpsQueue),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .slots = queue_slots,
};

PyObject *
cps_queue_new(CpsState *state, PyObject *name, Py_ssize_t maxsize)
{
    PyObject *queue = queue_new(state->types.Queue, NULL, NULL);

    if (queue != NULL) {
        Py_SETREF(((CpsQueue *)queue)->name, Py_NewRef(name));
        ((CpsQueue *)queue)->maxsize = Py_MAX(maxsize, 0);
    }
    return queue;
}

int
cps_queue_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.Queue, &queue_spec, NULL);
}
