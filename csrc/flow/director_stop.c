/* The stop of a director: sources, drain, post_hooks, what is left, error actor, log actor. It runs in a worker, where it may
 * block; its own loops never end the process's other work. */
#include "flow/director.h"

#include "flow/job.h"
#include "loop/fiber.h"
#include "loop/timer.h"
#include "loop/worker.h"

#include <string.h>

/* How long the last two actors, and consumes that are broken off, may take once the deadline is past. */
static const double grace = 1.0;

enum { MOST_NAMED = 20 }; /* queues with leftovers in the report */

typedef struct {
    CpsDirector *director;  /* borrowed: it is in the list of running directors */
    PyObject *actors;       /* owned list: the registered ones, in order */
    uint64_t begun_with;    /* events that had settled or were kept when the stop began */
    uint64_t reported;      /* those among them that an earlier stop reported */
    PyObject *left;         /* owned list of str: what was not drained, by queue; at most MOST_NAMED */
    Py_ssize_t left_queues; /* how many there were */
} Stop;

static inline CpsActor *
stop_actor_at(const Stop *stop, Py_ssize_t i)
{
    return (CpsActor *)PyList_GET_ITEM(stop->actors, i);
}

static bool
actor_runs(const CpsActor *actor)
{
    return actor->started && !actor->stopped;
}

/* --- waiting -------------------------------------------------------------------------------------------------------------- */

typedef bool (*StopTest)(Stop *stop);

/* Everything in flight has settled and no actor is in the middle of anything. */
static bool
pipeline_is_quiet(Stop *stop)
{
    CpsDirector *self = stop->director;

    if (self->ledger->in_flight > 0 && !self->start_failed) {
        return false;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(stop->actors); i++) {
        CpsActor *actor = stop_actor_at(stop, i);

        if (actor_runs(actor) && !cps_actor_at_rest(actor)) {
            return false;
        }
    }
    return cps_actor_at_rest(self->error_actor) || !actor_runs(self->error_actor);
}

static bool
no_consume_runs(Stop *stop)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(stop->actors); i++) {
        if (stop_actor_at(stop, i)->running > 0) {
            return false;
        }
    }
    return true;
}

static bool
no_thread_runs(Stop *stop)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(stop->actors); i++) {
        if (PyObject_Size(stop_actor_at(stop, i)->threads) > 0) {
            return false;
        }
    }
    return true;
}

static bool
error_actor_is_quiet(Stop *stop)
{
    return cps_actor_at_rest(stop->director->error_actor);
}

static bool
log_actor_is_quiet(Stop *stop)
{
    return cps_actor_at_rest(stop->director->log_actor);
}

/* Block until something changes, at most `seconds`. */
static void
stop_pause(CpsDirector *self, double seconds)
{
    CpsWait *wait = cps_wait_new(self->state);

    if (wait == NULL || (self->stop_wait = wait, cps_wait_park(wait, seconds)) < 0) {
        PyErr_Clear(); /* this worker is being ended */
        self->stop_kind = CPS_STOP_AT_ONCE;
    }
    self->stop_wait = NULL;
    if (wait != NULL) {
        cps_wait_free(wait);
    }
}

/* Wait until the test holds, or the deadline (uv_hrtime) is past, or, unless `patient`, a stop at once was asked for. Returns
 * whether it holds. */
static bool
stop_await(Stop *stop, StopTest test, uint64_t deadline, bool patient)
{
    double pause = 0.001;

    while (!test(stop)) {
        uint64_t now = uv_hrtime();

        if (now >= deadline || (stop->director->stop_kind == CPS_STOP_AT_ONCE && !patient)) {
            return false;
        }
        stop_pause(stop->director, Py_MIN(pause, (double)(deadline - now) / 1e9));
        pause = Py_MIN(2 * pause, 0.05);
    }
    return true;
}

static uint64_t
seconds_from_now(double seconds)
{
    return uv_hrtime() + (uint64_t)(Py_MAX(seconds, 0.0) * 1e9);
}

/* --- stopping actors ------------------------------------------------------------------------------------------------------ */

static bool
is_stop_of(CpsReady *node, void *context)
{
    return node == &((CpsDirector *)context)->stop_ready;
}

static void
hook_on_timer(CpsTimer *timer, void *context)
{
    CpsDirector *self = context;

    self->hook_timer = NULL;
    (void)cps_workers_doom(self->rt, is_stop_of, self);
}

void
cps_director_stop_sooner(CpsDirector *self)
{
    self->stop_deadline = Py_MIN(self->stop_deadline, uv_hrtime());
    if (self->hook_timer != NULL) {
        (void)cps_workers_doom(self->rt, is_stop_of, self);
    }
    else if (self->stop_wait != NULL) {
        cps_wait_wake(self->stop_wait);
    }
}

/* stop() of one actor, which must not block for ever: past the deadline a post_hook that blocks is broken off. Returns 0 or -1. */
static int
stop_in_time(CpsDirector *self, CpsActor *actor)
{
    uint64_t now = uv_hrtime(), end = self->stop_deadline + (uint64_t)(grace * 1e9);
    int status;

    self->hook_timer = cps_timer_start(self->rt, end > now ? (double)(end - now) / 1e9 : 0, hook_on_timer, self);
    if (self->hook_timer == NULL) {
        return -1;
    }
    status = cps_actor_stop(actor);
    cps_timer_cancel(&self->hook_timer);
    return status;
}

/* stop() of one actor. What it raises is logged; what is not meant for the script is raised in the main fiber as well. */
static void
stop_actor(CpsDirector *self, CpsActor *actor)
{
    PyObject *exc;
    bool broken_off;

    if (!actor_runs(actor) || stop_in_time(self, actor) == 0) {
        return;
    }
    broken_off = cps_fiber_exit_raised();
    exc = PyErr_GetRaisedException();
    if (broken_off) {
        cps_log(self->logger, CPS_LOG_ERROR, NULL, "Actor '%S' was still blocked in its stop() at the deadline",
                actor->name);
    }
    else {
        cps_log(self->logger, CPS_LOG_ERROR, NULL, "Actor '%S' failed to stop: %s: %S", actor->name,
                Py_TYPE(exc)->tp_name, exc);
    }
    if (broken_off || PyErr_GivenExceptionMatches(exc, PyExc_Exception)) {
        Py_DECREF(exc);
        return;
    }
    PyErr_SetRaisedException(exc);
    cps_runtime_raise_in_main(self->rt);
}

/* No new events: loop() becomes false everywhere; who only produces, and is not just doing so, is stopped altogether. */
static void
stop_sources(Stop *stop)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(stop->actors); i++) {
        cps_actor_end_loop(stop_actor_at(stop, i));
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(stop->actors); i++) {
        CpsActor *actor = stop_actor_at(stop, i);

        if (cps_list_empty(&actor->inboxes) && cps_actor_at_rest(actor)) {
            stop_actor(stop->director, actor);
        }
    }
}

/* What is held until others come is given up while those it is sent to still run. It may come to another actor that holds it, but
 * not for ever. */
static void
give_up_held(Stop *stop)
{
    bool any = true;

    for (Py_ssize_t round = 0; any && round < PyList_GET_SIZE(stop->actors); round++) {
        any = false;
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(stop->actors); i++) {
            any = cps_actor_give_up(stop_actor_at(stop, i)) || any;
        }
        (void)stop_await(stop, pipeline_is_quiet, stop->director->stop_deadline, false);
    }
}

/* The others, in order; what a post_hook sends is drained before the next one. */
static void
stop_registered(Stop *stop)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(stop->actors); i++) {
        stop_actor(stop->director, stop_actor_at(stop, i));
        if (stop->director->ledger->in_flight > 0) {
            (void)stop_await(stop, pipeline_is_quiet, stop->director->stop_deadline, false);
        }
    }
}

/* --- what is left --------------------------------------------------------------------------------------------------------- */

static bool
is_node_of(const CpsActor *actor, const CpsReady *node)
{
    if (cps_job_is_of(actor, node) ||
        (actor->ops != NULL && actor->ops->runs != NULL && actor->ops->runs(actor, node))) {
        return true;
    }
    for (CpsLink *link = cps_list_first(&actor->inboxes); link != NULL; link = cps_list_after(&actor->inboxes, link)) {
        if (&CPS_CONTAINER(link, CpsInbox, actor_link)->ready == node) {
            return true;
        }
    }
    return false;
}

static bool
works_for_us(CpsReady *node, void *context)
{
    const Stop *stop = context;

    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(stop->actors); i++) {
        CpsActor *actor = stop_actor_at(stop, i);

        if (actor->running > 0 && is_node_of(actor, node)) {
            return true;
        }
    }
    return false;
}

/* The greenlets that actors spawned may find out that loop() is false; then they are ended as well. */
static void
end_threads(Stop *stop)
{
    if (stop_await(stop, no_thread_runs, Py_MIN(stop->director->stop_deadline, seconds_from_now(grace)), false)) {
        return;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(stop->actors); i++) {
        PyObject *result = PyObject_CallMethod(stop_actor_at(stop, i)->threads, "kill", "OO", Py_None, Py_False);

        if (result == NULL) {
            PyErr_WriteUnraisable(stop_actor_at(stop, i)->threads);
        }
        Py_XDECREF(result);
    }
    (void)stop_await(stop, no_thread_runs, seconds_from_now(grace), true);
}

/* Note for the report that `count` events were left somewhere; a failure to note is not worth stopping for. */
static void
note_left(Stop *stop, Py_ssize_t count, const char *format, ...)
{
    PyObject *text;
    va_list values;

    if (count == 0 || stop->left_queues++ >= MOST_NAMED || stop->left == NULL) {
        return;
    }
    va_start(values, format);
    text = PyUnicode_FromFormatV(format, values);
    va_end(values);
    if (text == NULL || PyList_Append(stop->left, text) < 0) {
        PyErr_Clear();
    }
    Py_XDECREF(text);
}

static void
note_actor(Stop *stop, CpsActor *actor)
{
    Py_ssize_t length;

    for (CpsLink *link = cps_list_first(&actor->inboxes); link != NULL; link = cps_list_after(&actor->inboxes, link)) {
        CpsInbox *inbox = CPS_CONTAINER(link, CpsInbox, actor_link);

        length = cps_queue_length(inbox->queue);
        note_left(stop, length, "%S.%S (%zd)", actor->name, inbox->key, length);
    }
    note_left(stop, actor->running, "inside %S (%zd)", actor->name, actor->running);
    length = cps_actor_unfinished(actor, false);
    note_left(stop, length, "unfinished by %S (%zd)", actor->name, length);
    length = (Py_ssize_t)cps_list_length(&actor->retries);
    note_left(stop, length, "retries of %S (%zd)", actor->name, length);
}

/* Throw away what waits in queues that nobody consumes. */
static void
purge_outboxes(Stop *stop, CpsActor *actor)
{
    PyObject *pools[] = {(PyObject *)actor->pool->outbound, (PyObject *)actor->pool->error};

    for (size_t i = 0; i < Py_ARRAY_LENGTH(pools); i++) {
        PyObject *queues = PyDict_Values(pools[i]);

        for (Py_ssize_t j = 0; queues != NULL && j < PyList_GET_SIZE(queues); j++) {
            CpsQueue *queue = (CpsQueue *)PyList_GET_ITEM(queues, j);
            Py_ssize_t count;

            if (PyObject_TypeCheck((PyObject *)queue, stop->director->state->types.Queue) &&
                cps_list_empty(&queue->inboxes)) {
                count = cps_queue_purge(queue, actor->ledger);
                note_left(stop, count, "%S of %S (%zd)", queue->name, actor->name, count);
            }
        }
        Py_XDECREF(queues);
    }
    PyErr_Clear(); /* out of memory for the list of queues: they keep what they have */
}

static void
throw_away(Stop *stop)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(stop->actors); i++) {
        CpsActor *actor = stop_actor_at(stop, i);

        (void)cps_actor_purge(actor);
        purge_outboxes(stop, actor);
    }
}

/* A consume that was broken off may yet send something, and wait for room: throw that away, too. */
static bool
consumes_have_ended(Stop *stop)
{
    throw_away(stop);
    return no_consume_runs(stop);
}

/* End what could not be drained, each event as reported, and remember where it was. Consumes that still run are broken off; their
 * finally blocks get some time. */
static void
break_off(Stop *stop)
{
    end_threads(stop);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(stop->actors); i++) {
        stop_actor_at(stop, i)->takes = false;
        note_actor(stop, stop_actor_at(stop, i));
    }
    (void)cps_workers_doom(stop->director->rt, works_for_us, stop);
    (void)stop_await(stop, consumes_have_ended, seconds_from_now(grace), true);
}

/* Events that had ended, or were at rest with an actor that kept them. */
static uint64_t
ended_events(const CpsLedger *ledger)
{
    return ledger->created - ledger->in_flight;
}

/* The log line that says what was drained and what was not. */
static void
report(Stop *stop)
{
    CpsDirector *self = stop->director;
    CpsLedger *ledger = self->ledger;
    uint64_t ended = ended_events(ledger) - stop->begun_with;
    unsigned long long reported = ledger->settled[CPS_FATE_REPORTED] - stop->reported;
    unsigned long long drained = ended > reported ? ended - reported : 0;
    unsigned long long undrained = reported + ledger->in_flight;
    PyObject *comma, *names = NULL;

    if (undrained == 0 && stop->left_queues == 0) {
        cps_log(self->logger, CPS_LOG_INFO, NULL, "Stopped: %llu events drained, 0 not", drained);
        return;
    }
    comma = PyUnicode_FromString(", ");
    if (comma != NULL && stop->left != NULL) {
        names = PyUnicode_Join(comma, stop->left);
    }
    PyErr_Clear();
    cps_log(self->logger, CPS_LOG_WARNING, NULL, "Stopped: %llu events drained, %llu not: %V%s", drained, undrained,
            names, "in unknown places", stop->left_queues > MOST_NAMED ? ", and others" : "");
    Py_XDECREF(comma);
    Py_XDECREF(names);
}

/* --- the stop ------------------------------------------------------------------------------------------------------------- */

/* The error or the log actor: it may finish what it has, then it stops. */
static void
stop_default(Stop *stop, CpsActor *actor, StopTest is_quiet, bool patient)
{
    uint64_t deadline = Py_MAX(stop->director->stop_deadline, seconds_from_now(grace));

    if (actor_runs(actor)) {
        cps_actor_end_loop(actor);
        (void)stop_await(stop, is_quiet, deadline, patient);
        stop_actor(stop->director, actor);
    }
    PyErr_Clear();
}

/* The actors that stop first: all but the error and the log actor. New list, or NULL. */
static PyObject *
registered_actors(CpsDirector *self)
{
    PyObject *actors = cps_director_all_actors(self);

    if (actors != NULL) {
        Py_ssize_t count = PyList_GET_SIZE(actors);

        if (PyList_SetSlice(actors, count - 2, count, NULL) < 0) {
            Py_CLEAR(actors);
        }
    }
    return actors;
}

static void
stop_all(Stop *stop)
{
    CpsDirector *self = stop->director;

    stop_sources(stop);
    if (!stop_await(stop, pipeline_is_quiet, self->stop_deadline, false)) {
        break_off(stop);
    }
    give_up_held(stop);
    stop_registered(stop);
    break_off(stop);
    report(stop);
    stop_default(stop, self->error_actor, error_actor_is_quiet, false);
    (void)cps_actor_purge(self->error_actor);
    stop_default(stop, self->log_actor, log_actor_is_quiet, true);
}

void
cps_director_stop_run(CpsReady *ready, CpsRuntime *rt)
{
    CpsDirector *self = CPS_CONTAINER(ready, CpsDirector, stop_ready);
    Stop stop = {.director = self,
                 .begun_with = ended_events(self->ledger),
                 .reported = self->ledger->settled[CPS_FATE_REPORTED]};

    self->stop_deadline = seconds_from_now(self->stop_kind == CPS_STOP_AT_ONCE ? 0 : self->stop_timeout);
    stop.actors = registered_actors(self);
    stop.left = PyList_New(0);
    if (stop.actors != NULL) {
        stop_all(&stop);
    }
    if (PyErr_Occurred()) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    Py_XDECREF(stop.actors);
    Py_XDECREF(stop.left);
    cps_director_run_end(self);
}
