/* Director.stats(): the counters of actors, queues and events as plain dicts. */
#include "flow/director.h"

/* Seconds that all of `count` took, when `sampled` of them took `nanoseconds`. */
static double
estimate(uint64_t nanoseconds, uint64_t sampled, uint64_t count)
{
    return sampled == 0 ? 0.0 : (double)nanoseconds / (double)sampled * (double)count / 1e9;
}

/* --- actors --------------------------------------------------------------------------------------------------------------- */

static PyObject *
actor_stats(const CpsActor *actor)
{
    const CpsActorCounters *counters = &actor->counters;

    return Py_BuildValue("{s:K,s:K,s:K,s:K,s:K,s:K,s:n,s:n,s:n,s:d}", "in", counters->in, "out", counters->out,
                         "errors", counters->errors, "dropped", counters->dropped, "unrouted", counters->unrouted,
                         "rescued", counters->rescued, "running", actor->running, "retrying",
                         (Py_ssize_t)cps_list_length(&actor->retries), "blocked",
                         (Py_ssize_t)cps_list_length(&actor->pending), "working_time",
                         estimate(counters->working_ns, counters->sampled, counters->in));
}

/* --- queues --------------------------------------------------------------------------------------------------------------- */

static PyObject *
queue_stats(const CpsQueue *queue)
{
    const CpsQueueCounters *counters = &queue->counters;

    return Py_BuildValue("{s:K,s:K,s:K,s:n,s:K,s:n,s:i,s:d}", "in", counters->in, "out", counters->out, "dropped",
                         counters->dropped, "depth", cps_queue_length(queue), "highest", counters->highest, "limit",
                         queue->maxsize, "in_cycle", queue->part != NULL, "waiting_time",
                         estimate(counters->waited_ns, counters->sampled, counters->out));
}

/* "<source>.<outbox> -> <destination>.<inbox>, ..."; no source is known when `outbox` is NULL. New, or NULL. */
static PyObject *
queue_label(const CpsQueue *queue, const CpsActor *source, PyObject *outbox)
{
    PyObject *label = outbox == NULL ? PyUnicode_FromString("*") : PyUnicode_FromFormat("%S.%S", source->name, outbox);
    const char *separator = " -> ";

    for (CpsLink *link = cps_list_first(&queue->inboxes); link != NULL && label != NULL;
         link = cps_list_after(&queue->inboxes, link)) {
        CpsInbox *inbox = CPS_CONTAINER(link, CpsInbox, queue_link);

        Py_SETREF(label, PyUnicode_FromFormat("%U%s%S.%S", label, separator, inbox->actor->name, inbox->key));
        separator = ", ";
    }
    return label;
}

/* Add a queue to `result` unless it is in `seen`, a set of addresses: many actors may share one. Returns 0 or -1. */
static int
add_queue(PyObject *result, PyObject *seen, CpsQueue *queue, const CpsActor *source, PyObject *outbox)
{
    PyObject *address = PyLong_FromVoidPtr(queue), *label;
    int known = address == NULL ? -1 : PySet_Contains(seen, address), done;

    if (known == 0) {
        known = PySet_Add(seen, address) < 0 ? -1 : 0;
    }
    Py_XDECREF(address);
    if (known != 0) {
        return known < 0 ? -1 : 0;
    }
    label = queue_label(queue, source, outbox);
    if (label == NULL) {
        return -1;
    }
    done = cps_dict_set_new(result, label, queue_stats(queue));
    Py_DECREF(label);
    return done;
}

/* The queues of one pool, and those that get copies of what is sent to them. `is_outbox`: `actor` sends to them. */
static int
add_pool(PyObject *result, PyObject *seen, CpsActor *actor, PyObject *pool, bool is_outbox)
{
    PyObject *name, *queue; /* borrowed: no Python code runs here */
    Py_ssize_t position = 0;

    while (PyDict_Next(pool, &position, &name, &queue)) {
        PyObject *also, *outbox = is_outbox ? name : NULL;

        if (!PyObject_TypeCheck(queue, actor->state->types.Queue)) {
            continue; /* a stand-in of the script's own */
        }
        if (name == ((CpsInternalQueuePool *)pool)->placeholder) {
            continue; /* it only keeps records until there is a log queue */
        }
        if (add_queue(result, seen, (CpsQueue *)queue, actor, outbox) < 0) {
            return -1;
        }
        also = ((CpsQueue *)queue)->also;
        for (Py_ssize_t i = 0; also != NULL && i < PyList_GET_SIZE(also); i++) {
            if (add_queue(result, seen, (CpsQueue *)PyList_GET_ITEM(also, i), actor, outbox) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* Outboxes first, so that a queue is called after who sends to it. Returns 0 or -1. */
static int
add_queues(PyObject *result, PyObject *seen, PyObject *actors)
{
    for (int outboxes = 1; outboxes >= 0; outboxes--) {
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(actors); i++) {
            CpsActor *actor = (CpsActor *)PyList_GET_ITEM(actors, i);
            CpsQueuePool *pool = actor->pool;
            PyObject *pools[] = {(PyObject *)pool->outbound, (PyObject *)pool->error, (PyObject *)pool->logs,
                                 (PyObject *)pool->inbound};

            for (int j = outboxes ? 0 : 3; j < (outboxes ? 3 : 4); j++) {
                if (add_pool(result, seen, actor, pools[j], outboxes) < 0) {
                    return -1;
                }
            }
        }
    }
    return 0;
}

/* --- all ------------------------------------------------------------------------------------------------------------------ */

static PyObject *
ledger_stats(const CpsLedger *ledger)
{
    const uint64_t *settled = ledger->settled;

    return Py_BuildValue("{s:K,s:K,s:K,s:K,s:K,s:K,s:K,s:K}", "created", ledger->created, "in_flight",
                         ledger->in_flight, "kept", ledger->kept, "consumed", settled[CPS_FATE_CONSUMED], "dropped",
                         settled[CPS_FATE_DROPPED], "failed", settled[CPS_FATE_FAILED], "reported",
                         settled[CPS_FATE_REPORTED], "answered", settled[CPS_FATE_ANSWERED]);
}

/* New dict, or NULL. An actor that is listed earlier wins over a default actor of the same name. */
static PyObject *
actors_stats(PyObject *actors)
{
    PyObject *result = PyDict_New();

    for (Py_ssize_t i = 0; result != NULL && i < PyList_GET_SIZE(actors); i++) {
        CpsActor *actor = (CpsActor *)PyList_GET_ITEM(actors, i);
        PyObject *stats = actor_stats(actor);

        if (stats == NULL || PyDict_SetDefault(result, actor->name, stats) == NULL) {
            Py_CLEAR(result);
        }
        Py_XDECREF(stats);
    }
    return result;
}

/* New dict, or NULL. */
static PyObject *
queues_stats(PyObject *actors)
{
    PyObject *result = PyDict_New(), *seen = PySet_New(NULL);

    if (result == NULL || seen == NULL || add_queues(result, seen, actors) < 0) {
        Py_CLEAR(result);
    }
    Py_XDECREF(seen);
    return result;
}

PyObject *
cps_director_stats(PyObject *op, PyObject *unused)
{
    CpsDirector *self = (CpsDirector *)op;
    PyObject *actors = cps_director_all_actors(self), *result;

    if (actors == NULL) {
        return NULL;
    }
    result = Py_BuildValue("{s:N,s:N,s:N}", "actors", actors_stats(actors), "queues", queues_stats(actors), "events",
                           ledger_stats(self->ledger));
    Py_DECREF(actors);
    return result;
}
