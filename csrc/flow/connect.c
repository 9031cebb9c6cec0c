/* Connecting one queue of one actor to another: the four combinations of present and absent queues. */
#include "flow/actor.h"

static CpsInternalQueuePool *
connect_pool(CpsActor *source, CpsQueueKind kind)
{
    switch (kind) {
    case CPS_KIND_ERROR:
        return source->pool->error;
    case CPS_KIND_LOGS:
        return source->pool->logs;
    case CPS_KIND_OUTBOUND:
        break;
    }
    return source->pool->outbound;
}

static const char *
connect_kind_name(CpsQueueKind kind)
{
    return kind == CPS_KIND_ERROR ? "Error" : kind == CPS_KIND_LOGS ? "Log" : "Outbound";
}

/* Both ends exist: what waits at the source moves, and the source's name leads to the destination's queue. Returns 0 or -1. */
static int
connect_merge(CpsInternalQueuePool *pool, PyObject *source_name, PyObject *from, PyObject *to)
{
    if (from == to) {
        return 0;
    }
    if (cps_queue_dump((CpsQueue *)from, (CpsQueue *)to) < 0) {
        return -1;
    }
    return PyDict_SetItem((PyObject *)pool, source_name, to);
}

int
cps_register_consumer(CpsActor *actor, PyObject *name, PyObject *queue)
{
    PyObject *result =
        PyObject_CallMethodObjArgs((PyObject *)actor, actor->state->names.register_consumer, name, queue, NULL);

    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* The queue that will join both ends. New reference, or NULL with an exception set. */
static PyObject *
connect_queue_of(CpsActor *source, CpsInternalQueuePool *pool, PyObject *source_name, PyObject *from,
                 CpsActor *destination, PyObject *destination_name, PyObject *to)
{
    PyObject *queue;

    if (from != NULL && to != NULL) {
        return connect_merge(pool, source_name, from, to) < 0 ? NULL : Py_NewRef(to);
    }
    if (to != NULL) {
        return cps_pool_add(source->state, pool, source_name, to);
    }
    queue = from != NULL ? Py_NewRef(from) : cps_pool_add(source->state, pool, source_name, NULL);
    if (queue != NULL && cps_register_consumer(destination, destination_name, queue) < 0) {
        Py_CLEAR(queue);
    }
    return queue;
}

CpsQueue *
cps_connect(CpsActor *source, PyObject *source_name, CpsActor *destination, PyObject *destination_name,
            CpsQueueKind kind, bool check_existing)
{
    CpsInternalQueuePool *pool = connect_pool(source, kind);
    PyObject *from = PyDict_GetItemWithError((PyObject *)pool, source_name); /* borrowed */
    PyObject *to, *queue;

    if (from == NULL && PyErr_Occurred()) {
        return NULL;
    }
    to = PyDict_GetItemWithError((PyObject *)destination->pool->inbound, destination_name); /* borrowed */
    if (to == NULL && PyErr_Occurred()) {
        return NULL;
    }
    if (check_existing && from != NULL) {
        return (CpsQueue *)cps_raise(source->state, CPS_QUEUE_CONNECTED, "%s queue %S on %S is already connected",
                                     connect_kind_name(kind), source_name, source->name);
    }
    if (check_existing && to != NULL) {
        return (CpsQueue *)cps_raise(source->state, CPS_QUEUE_CONNECTED, "Inbound queue %S on %S is already connected",
                                     destination_name, destination->name);
    }
    Py_XINCREF(from);
    Py_XINCREF(to);
    queue = connect_queue_of(source, pool, source_name, from, destination, destination_name, to);
    Py_XDECREF(from);
    Py_XDECREF(to);
    if (queue == NULL) {
        return NULL;
    }
    if (kind == CPS_KIND_LOGS) {
        ((CpsQueue *)queue)->carries_log = true;
    }
    else if (kind == CPS_KIND_ERROR) {
        source->default_errors = false; /* a director that made this connection by itself says so afterwards */
    }
    cps_log(source->logger, CPS_LOG_INFO, NULL, "Connected queue '%S' to '%S.%S'", source_name, destination->name,
            destination_name);
    Py_DECREF(queue); /* the pool holds it */
    return (CpsQueue *)queue;
}
