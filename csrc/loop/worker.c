#include "loop/worker.h"

#include "loop/fiber.h"
#include "loop/greenlet.h"

struct CpsWorker {
    PyGreenlet greenlet;
    CpsRuntime *rt; /* borrowed */
    CpsLink link;   /* in CpsRuntime.idle or .busy; the list owns a reference */
    CpsReady *node; /* borrowed; what it runs */
    CpsDelivery delivery;
    bool idle;
    bool ending; /* does not go back to the pool */
    bool doomed; /* the hub is to throw GreenletExit into it */
};

enum { WORKER_POOL_LIMIT = 1024 }; /* idle workers kept: starting one costs several times as much as reusing it */

static CpsWorker *
worker_of_link(CpsLink *link)
{
    return CPS_CONTAINER(link, CpsWorker, link);
}

/* --- inside the worker ---------------------------------------------------------------------------------------------------- */

static void
worker_forget_context(CpsWorker *self)
{
    if (PyObject_SetAttr((PyObject *)self, self->rt->state->names.gr_context, Py_None) < 0) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
}

/* Greenlet-local storage (gevent.local) hangs on the greenlet by a weak reference or in its dict. */
static bool
worker_has_locals(const CpsWorker *self)
{
    PyObject *dict = self->greenlet.dict; /* borrowed; greenlet itself makes an empty one */

    return self->greenlet.weakreflist != NULL || (dict != NULL && PyDict_GET_SIZE(dict) > 0);
}

bool
cps_worker_may_go_on(CpsRuntime *rt, CpsWorker *worker)
{
    if (cps_context_touched()) {
        worker_forget_context(worker);
    }
    if (worker_has_locals(worker)) {
        worker->ending = true;
    }
    return rt->drainer == worker && !worker->ending && !rt->slice_over && !rt->abandoned;
}

static void
worker_drain_ring(CpsWorker *self)
{
    CpsRuntime *rt = self->rt;
    CpsLink *link;

    while (cps_worker_may_go_on(rt, self) && (link = cps_list_pop(&rt->ready)) != NULL) {
        self->node = CPS_CONTAINER(link, CpsReady, link);
        self->node->run(self->node, rt);
        self->node = NULL;
    }
}

/* Wait in the pool. Returns 0 when there is work, -1 when the worker is to end. */
static int
worker_rest(CpsWorker *self)
{
    CpsRuntime *rt = self->rt;

    cps_link_remove(&self->link);
    cps_list_prepend(&rt->idle, &self->link);
    rt->idle_count++;
    self->idle = true;
    if (cps_fiber_switch(rt->hub) < 0) {
        PyErr_Clear(); /* GreenletExit */
        self->ending = true;
    }
    if (self->idle) {
        self->idle = false;
        rt->idle_count--;
    }
    return self->ending ? -1 : 0;
}

static PyObject *
worker_run(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsWorker *self = (CpsWorker *)op;

    for (;;) {
        worker_drain_ring(self);
        if (self->rt->abandoned && cps_runtime_leave(self->rt) < 0) {
            PyErr_WriteUnraisable((PyObject *)self);
        }
        if (self->ending || self->rt->closing || self->rt->abandoned || self->rt->idle_count >= WORKER_POOL_LIMIT ||
            worker_rest(self) < 0) {
            break;
        }
    }
    cps_link_remove(&self->link);
    Py_DECREF(self); /* the list's reference; greenlet holds another one while it runs */
    Py_RETURN_NONE;
}

void
cps_worker_end_soon(CpsWorker *worker)
{
    worker->ending = true;
}

/* In a fork's child the code of a consume goes on in a worker of the parent's runtime. */
bool
cps_worker_check(const CpsRuntime *rt, PyObject *fiber)
{
    return Py_IS_TYPE(fiber, rt->state->types.Worker) && ((CpsWorker *)fiber)->rt == rt;
}

CpsRuntime *
cps_worker_runtime(CpsWorker *worker)
{
    return worker->rt;
}

CpsDelivery *
cps_worker_delivery(CpsWorker *worker)
{
    return &worker->delivery;
}

CpsWorker *
cps_worker_current(CpsRuntime *rt)
{
    PyGreenlet *current;
    CpsWorker *worker = rt->running;

    if (worker != NULL || rt != cps_runtime_peek()) {
        return rt == cps_runtime_peek() ? worker : NULL;
    }
    current = PyGreenlet_GetCurrent(); /* gevent may have resumed one behind the hub's back */
    if (current == NULL) {
        PyErr_Clear();
        return NULL;
    }
    if (cps_worker_check(rt, (PyObject *)current)) {
        worker = (CpsWorker *)current;
    }
    Py_DECREF(current);
    return worker;
}

/* --- from the hub ----------------------------------------------------------------------------------------------------------- */

/* A worker to drain with, in the busy list. Borrowed from that list, or NULL with an exception set. */
static CpsWorker *
worker_take(CpsRuntime *rt)
{
    CpsLink *link = cps_list_pop(&rt->idle);
    CpsWorker *worker;

    if (link != NULL) {
        worker = worker_of_link(link);
        worker->idle = false;
        rt->idle_count--;
    }
    else {
        worker = (CpsWorker *)PyObject_CallNoArgs((PyObject *)rt->state->types.Worker); /* new: the list's */
        if (worker == NULL) {
            return NULL;
        }
        worker->rt = rt;
    }
    cps_list_append(&rt->busy, &worker->link);
    return worker;
}

/* Switch to `fiber` from the hub. When a worker comes back in the middle of its node, the rest of that node's work must not wait
 * for it. */
static int
worker_switch(CpsRuntime *rt, PyObject *fiber)
{
    CpsWorker *worker = cps_worker_check(rt, fiber) ? (CpsWorker *)fiber : NULL;
    int status;

    rt->running = worker;
    status = cps_fiber_switch(fiber);
    rt->running = rt->drainer = NULL;
    if (worker != NULL && worker->node != NULL && worker->node->again != NULL) {
        worker->node->again(worker->node);
    }
    return status;
}

int
cps_worker_drain(CpsRuntime *rt)
{
    CpsWorker *worker = worker_take(rt);
    int status;

    if (worker == NULL) {
        return -1;
    }
    Py_INCREF(worker); /* it may end meanwhile */
    rt->drainer = worker;
    status = worker_switch(rt, (PyObject *)worker);
    Py_DECREF(worker);
    return status;
}

int
cps_worker_resume(CpsRuntime *rt, PyObject *fiber)
{
    int status;

    Py_INCREF(fiber);
    status = worker_switch(rt, fiber);
    Py_DECREF(fiber);
    return status;
}

static bool
worker_blocked(CpsRuntime *rt, const CpsWorker *worker)
{
    return worker->node != NULL && worker != rt->running;
}

Py_ssize_t
cps_workers_doom(CpsRuntime *rt, bool (*mine)(CpsReady *node, void *context), void *context)
{
    Py_ssize_t count = 0;

    for (CpsLink *link = cps_list_first(&rt->busy); link; link = cps_list_after(&rt->busy, link)) {
        CpsWorker *worker = worker_of_link(link);

        if (worker_blocked(rt, worker) && (mine == NULL || mine(worker->node, context))) {
            worker->doomed = rt->has_doomed = true;
            count++;
        }
    }
    if (count > 0) {
        cps_runtime_wake(rt);
    }
    return count;
}

/* A blocked worker that was doomed, or NULL. Borrowed from the list. */
static CpsWorker *
worker_next_doomed(CpsRuntime *rt)
{
    for (CpsLink *link = cps_list_first(&rt->busy); link; link = cps_list_after(&rt->busy, link)) {
        if (worker_of_link(link)->doomed) {
            return worker_of_link(link);
        }
    }
    return NULL;
}

void
cps_workers_end_doomed(CpsRuntime *rt)
{
    CpsWorker *worker;

    rt->has_doomed = false;
    while ((worker = worker_next_doomed(rt)) != NULL) {
        Py_INCREF(worker);
        worker->doomed = false;
        rt->running = worker;
        if (cps_fiber_kill((PyObject *)worker) < 0) {
            PyErr_WriteUnraisable((PyObject *)worker);
        }
        rt->running = NULL;
        Py_DECREF(worker);
    }
}

void
cps_workers_end_idle(CpsRuntime *rt)
{
    CpsLink *link;

    while ((link = cps_list_pop(&rt->idle)) != NULL) {
        CpsWorker *worker = worker_of_link(link);

        cps_list_append(&rt->busy, link);
        Py_INCREF(worker);
        if (cps_fiber_adopt((PyObject *)worker) < 0 || cps_fiber_kill((PyObject *)worker) < 0) {
            PyErr_WriteUnraisable((PyObject *)worker);
        }
        Py_DECREF(worker);
    }
}

/* --- type ----------------------------------------------------------------------------------------------------------------------- */

PyDoc_STRVAR(worker_doc, "A greenlet of the pool that runs consume methods.");

static PyMethodDef worker_methods[] = {
    {"run", worker_run, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot worker_slots[] = {
    {Py_tp_doc, (void *)worker_doc},
    {Py_tp_methods, worker_methods},
    {0, NULL},
};

static PyType_Spec worker_spec = {
    .name = "compysition._core._Worker",
    .basicsize = sizeof(CpsWorker),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = worker_slots,
};

int
cps_worker_setup(PyObject *module, CpsState *state)
{
    if (cps_greenlet_import() < 0) {
        return -1;
    }
    return cps_add_type(module, &state->types.Worker, &worker_spec, (PyObject *)&PyGreenlet_Type);
}
