/* The life of a director: start, wait, and what may end it. The stop itself is in director_stop.c. */
#include "flow/director.h"

#include "flow/processes.h"
#include "flow/stop_signals.h"
#include "loop/fiber.h"
#include "loop/worker.h"

bool
cps_director_hub_runs(void)
{
    CpsRuntime *rt = cps_runtime_peek();
    PyObject *fiber;
    bool result;

    if (rt == NULL) {
        return false;
    }
    fiber = cps_fiber_current();
    if (fiber == NULL) {
        PyErr_Clear();
        return false;
    }
    result = fiber == rt->hub;
    Py_DECREF(fiber);
    return result;
}

/* --- beginning and end of a run ------------------------------------------------------------------------------------------- */

/* The ledger's on_quiet: a stop that waits may look again. */
static void
director_on_quiet(void *context)
{
    CpsDirector *self = context;

    if (self->stop_wait != NULL) {
        cps_wait_wake(self->stop_wait);
    }
}

/* The run begins; the list of running directors keeps the director alive. Returns 0 or -1. */
static int
run_begin(CpsDirector *self)
{
    CpsRuntime *rt = cps_runtime_get(self->state);

    if (rt == NULL || cps_stop_signals_install(self->state, true) < 0 ||
        PyList_Append(self->state->directors, (PyObject *)self) < 0) {
        return -1;
    }
    cps_runtime_hold(rt);
    cps_director_leave_made(self);
    self->rt = rt;
    self->phase = CPS_DIRECTOR_STARTING;
    self->stop_kind = CPS_STOP_NONE;
    self->start_failed = false;
    self->runs++;
    self->ledger->on_quiet = director_on_quiet;
    self->ledger->context = self;
    return 0;
}

/* Take the director from the list of running ones. */
static void
forget_running(CpsDirector *self)
{
    PyObject *list = self->state->directors;

    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        if (PyList_GET_ITEM(list, i) == (PyObject *)self) {
            (void)PyList_SetSlice(list, i, i + 1, NULL); /* shrinking a list does not fail */
            return;
        }
    }
}

void
cps_director_run_end(CpsDirector *self)
{
    self->phase = CPS_DIRECTOR_IDLE;
    self->ledger->on_quiet = NULL;
    Py_INCREF(self);
    forget_running(self);
    if (PyList_GET_SIZE(self->state->directors) == 0) {
        cps_stop_signals_restore(self->state);
    }
    cps_runtime_release(self->rt);
    self->rt = NULL;
    cps_wait_wake_all(&self->blockers);
    Py_DECREF(self);
}

/* In the child of a fork a director that runs in the parent is idle. */
static void
settle_fork(CpsDirector *self)
{
    if (self->rt != NULL && self->rt->abandoned) {
        self->phase = CPS_DIRECTOR_IDLE;
        self->forked = true;
        self->rt = NULL;
        self->stop_wait = NULL;
        self->ledger->on_quiet = NULL;
        self->stop_ready.link = (CpsLink){0};
        cps_list_init(&self->blockers);
        forget_running(self);
    }
}

/* --- stop requests -------------------------------------------------------------------------------------------------------- */

static void
stop_begin(CpsDirector *self)
{
    self->phase = CPS_DIRECTOR_STOPPING;
    cps_ready_push(self->rt, &self->stop_ready);
}

void
cps_director_request_stop(CpsDirector *self, CpsStopKind kind)
{
    if (self->phase == CPS_DIRECTOR_IDLE || kind <= self->stop_kind) {
        return;
    }
    self->stop_kind = kind;
    if (self->phase == CPS_DIRECTOR_RUNNING) {
        stop_begin(self);
    }
    else if (self->phase == CPS_DIRECTOR_STOPPING) {
        cps_director_stop_sooner(self);
    }
}

typedef struct {
    const CpsDirector *director;
    uint64_t number; /* among its runs */
} DirectorRun;

static bool
run_has_ended(void *context)
{
    const DirectorRun *run = context;

    return run->director->phase == CPS_DIRECTOR_IDLE || run->director->runs != run->number;
}

/* Block the running fiber or thread until this run is over. Returns 0, or -1 with an exception set. */
static int
director_wait(CpsDirector *self)
{
    DirectorRun run = {self, self->runs};

    if (cps_wait_until(self->state, &self->blockers, run_has_ended, &run, -1) < 0) {
        return -1;
    }
    cps_runtime_close_unused();
    return 0;
}

/* Whether stop() may wait here until it is done: in a fiber of the director's thread, unless the stop needs that very fiber. */
static bool
may_wait(const CpsDirector *self)
{
    return self->phase == CPS_DIRECTOR_STOPPING && cps_runtime_peek() == self->rt &&
           cps_worker_current(self->rt) == NULL && !cps_director_hub_runs();
}

PyObject *
cps_director_stop(PyObject *op, PyObject *unused)
{
    CpsDirector *self = (CpsDirector *)op;

    settle_fork(self);
    if (self->fleet != NULL) {
        return cps_processes_stop(self) < 0 ? NULL : Py_NewRef(Py_None);
    }
    cps_director_request_stop(self, CPS_STOP_DRAIN);
    if (may_wait(self) && director_wait(self) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

void
cps_directors_end(CpsState *state)
{
    Py_ssize_t i = 0;

    while (i < PyList_GET_SIZE(state->directors)) {
        CpsDirector *director = (CpsDirector *)PyList_GET_ITEM(state->directors, i);

        if (director->rt != cps_runtime_peek() || director->rt->abandoned) {
            i++; /* it is another thread's, or another process's */
            continue;
        }
        Py_INCREF(director);
        cps_director_request_stop(director, CPS_STOP_DRAIN);
        if (director_wait(director) < 0) { /* interrupted: the second time at once */
            PyErr_WriteUnraisable((PyObject *)director);
            i += director->stop_kind == CPS_STOP_AT_ONCE;
            cps_director_request_stop(director, CPS_STOP_AT_ONCE);
        }
        Py_DECREF(director);
    }
}

/* --- start ---------------------------------------------------------------------------------------------------------------- */

/* Start what remains of a list of actors from *position on; afterwards it is the position of the one that failed. */
static int
start_actors(PyObject *actors, Py_ssize_t *position)
{
    for (; *position < PyList_GET_SIZE(actors); ++*position) {
        if (cps_actor_start((CpsActor *)PyList_GET_ITEM(actors, *position)) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Put into the exception (borrowed) and into the log which actor it comes from. */
static void
name_culprit(CpsDirector *self, PyObject *exc, CpsActor *actor)
{
    PyObject *note = PyUnicode_FromFormat("while starting actor '%S'", actor->name);
    PyObject *added = note == NULL ? NULL : PyObject_CallMethod(exc, "add_note", "O", note);

    if (added == NULL) {
        PyErr_Clear(); /* the log line remains */
    }
    Py_XDECREF(note);
    Py_XDECREF(added);
    cps_log(self->logger, CPS_LOG_ERROR, NULL, "Actor '%S' could not be started: %s: %S", actor->name,
            Py_TYPE(exc)->tp_name, exc);
}

/* The log and the error actor start although another failed: what is logged should be seen. */
static void
start_defaults(CpsDirector *self, const CpsActor *failed)
{
    CpsActor *defaults[] = {self->log_actor, self->error_actor};

    for (size_t i = 0; i < Py_ARRAY_LENGTH(defaults); i++) {
        if (defaults[i] != failed && cps_actor_start(defaults[i]) < 0) {
            PyErr_WriteUnraisable((PyObject *)defaults[i]);
        }
    }
}

/* The start failed with the exception that is set, at `failed` (borrowed, or NULL): stop what has started. Returns -1 with that
 * exception. */
static int
undo_start(CpsDirector *self, CpsActor *failed)
{
    PyObject *exc = PyErr_GetRaisedException(), *later;

    if (failed != NULL) {
        name_culprit(self, exc, failed);
        start_defaults(self, failed);
    }
    self->start_failed = true;
    self->stop_kind = Py_MAX(self->stop_kind, CPS_STOP_DRAIN);
    stop_begin(self);
    if (director_wait(self) < 0) {
        later = PyErr_GetRaisedException();
        PyException_SetContext(later, exc); /* steals exc */
        exc = later;
    }
    PyErr_SetRaisedException(exc);
    return -1;
}

/* Returns 0; or -1 with an exception set, and the director is idle again. */
static int
start_all(CpsDirector *self)
{
    PyObject *actors;
    CpsActor *failed = NULL;
    Py_ssize_t position = 0;

    if (run_begin(self) < 0) {
        return -1;
    }
    if (cps_director_connect_defaults(self) < 0 || cps_director_mark_cycles(self) < 0) {
        return undo_start(self, NULL);
    }
    actors = cps_director_all_actors(self);
    if (actors == NULL) {
        return undo_start(self, NULL);
    }
    if (start_actors(actors, &position) < 0) {
        failed = (CpsActor *)PyList_GET_ITEM(actors, position);
        (void)undo_start(self, failed);
    }
    Py_DECREF(actors);
    return failed == NULL ? 0 : -1;
}

/* All actors have started; a stop may have been asked for meanwhile. Returns 0 or -1. */
static int
start_finish(CpsDirector *self)
{
    PyObject *result = Py_NewRef(Py_None);

    self->phase = CPS_DIRECTOR_RUNNING;
    if (self->stop_kind != CPS_STOP_NONE) {
        stop_begin(self);
    }
    if (self->generate_blockdiag) {
        Py_SETREF(result, PyObject_CallMethod((PyObject *)self, "finalize_blockdiag", NULL));
    }
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

PyObject *
cps_director_start(PyObject *op, PyObject *args, PyObject *kwargs)
{
    CpsDirector *self = (CpsDirector *)op;
    static char *names[] = {"block", NULL};
    int block = 1;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|p:start", names, &block)) {
        return NULL;
    }
    if (self->error_actor == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "Director.__init__ was not called");
        return NULL;
    }
    settle_fork(self);
    if (self->forked) {
        PyErr_SetString(PyExc_RuntimeError, "this director was running when the process was forked, and its events are "
                                            "those of the parent: make another one here");
        return NULL;
    }
    if (self->phase != CPS_DIRECTOR_IDLE || self->fleet != NULL) {
        cps_log(self->logger, CPS_LOG_WARNING, NULL, "Director '%S' runs already", self->name);
    }
    else if (self->processes > 1) {
        if (cps_processes_start(self) < 0) {
            return NULL;
        }
    }
    else if (start_all(self) < 0 || start_finish(self) < 0) {
        return NULL;
    }
    return block ? cps_director_block(op, NULL) : Py_NewRef(Py_None);
}

PyObject *
cps_director_block(PyObject *op, PyObject *unused)
{
    CpsDirector *self = (CpsDirector *)op;

    settle_fork(self);
    if (self->fleet != NULL) {
        return cps_processes_watch(self) < 0 ? NULL : Py_NewRef(Py_None);
    }
    return director_wait(self) < 0 ? NULL : Py_NewRef(Py_None);
}

PyObject *
cps_director_is_running(PyObject *op, PyObject *unused)
{
    CpsDirector *self = (CpsDirector *)op;

    settle_fork(self);
    return PyBool_FromLong(self->phase != CPS_DIRECTOR_IDLE || self->fleet != NULL);
}
