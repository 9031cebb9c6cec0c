#include "loop/runtime.h"

#include "loop/fiber.h"
#include "loop/host.h"
#include "loop/signals.h"
#include "loop/timer.h"
#include "loop/wait.h"
#include "loop/worker.h"
#include "loop/workqueue.h"

#include <pthread.h>

_Thread_local CpsRuntime *cps_runtime_of_thread;

static CpsList runtimes; /* CpsRuntime.process_link: those of all threads */

enum {
    SLICE_NS = 300 * 1000,  /* how long workers drain before the loop is polled */
    SLICE_EVENTS = 8,       /* events between two looks at the clock */
    SOURCE_NS = 100 * 1000, /* how long one that was resumed makes events before it gives way */
    POLL_NS = 100 * 1000,   /* with work at hand, poll no more often */
    /* Other Python threads wait no longer for C actors. A thread asks for the GIL, and then surely gets it, when it has been kept
     * from it for 5 ms: giving it up as often would be taken for an offer, and it would be ours again before the thread woke up. */
    GIL_NS = 10 * 1000 * 1000,
};

/* --- life ----------------------------------------------------------------------------------------------------------------------- */

static void
runtime_on_async(uv_async_t *async)
{
    uv_stop(async->loop);
}

static void
runtime_on_alarm(uv_timer_t *alarm)
{
    uv_stop(alarm->loop); /* the hub looks at the timers itself */
}

static int
runtime_open_loop(CpsRuntime *rt)
{
    int code = uv_loop_init(&rt->loop);

    if (code < 0) {
        cps_raise_uv("create the event loop", code);
        return -1;
    }
    code = uv_async_init(&rt->loop, &rt->async, runtime_on_async);
    if (code < 0) {
        uv_loop_close(&rt->loop);
        cps_raise_uv("create the loop's wake-up", code);
        return -1;
    }
    uv_timer_init(&rt->loop, &rt->alarm); /* cannot fail */
    rt->processors = uv_available_parallelism();
    return 0;
}

/* Close every handle and the loop. Handles of others were closed by their owners; what is left is ours. */
static void
runtime_close_loop(CpsRuntime *rt)
{
    uv_close((uv_handle_t *)&rt->async, NULL);
    uv_close((uv_handle_t *)&rt->alarm, NULL);
    while (uv_run(&rt->loop, UV_RUN_NOWAIT) != 0 || uv_loop_close(&rt->loop) == UV_EBUSY) {
    }
}

static void
runtime_init_lists(CpsRuntime *rt)
{
    cps_list_init(&rt->completions);
    cps_list_init(&rt->wakes);
    cps_list_init(&rt->resuming);
    cps_list_init(&rt->ready);
    cps_list_init(&rt->idle);
    cps_list_init(&rt->busy);
    cps_list_init(&rt->main_waits);
    cps_heap_init(&rt->timers);
}

static CpsRuntime *
runtime_new(CpsState *state)
{
    CpsRuntime *rt = PyMem_RawCalloc(1, sizeof(*rt));

    if (rt == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    rt->state = state;
    rt->module = Py_NewRef(PyType_GetModule(state->types.Worker));
    runtime_init_lists(rt);
    if (cps_work_open(rt) < 0) {
        goto fail_work;
    }
    if (runtime_open_loop(rt) < 0) {
        goto fail_loop;
    }
    rt->host = cps_host_choose();
    if (rt->host->attach(rt) < 0) {
        goto fail_host;
    }
    if (cps_signals_open(rt) < 0) {
        goto fail_signals;
    }
    uv_run(&rt->loop, UV_RUN_NOWAIT); /* libuv enters descriptors into epoll only when it polls; a host watches that */
    cps_list_append(&runtimes, &rt->process_link);
    return rt;
fail_signals:
    rt->host->detach(rt);
fail_host:
    runtime_close_loop(rt);
fail_loop:
    cps_work_close(rt);
fail_work:
    Py_DECREF(rt->module);
    PyMem_RawFree(rt);
    return NULL;
}

/* Everything has ended that could use it, and the caller is none of its fibers. */
static void
runtime_free(CpsRuntime *rt)
{
    rt->closing = true;
    cps_runtime_of_thread = NULL;
    cps_link_remove(&rt->process_link);
    cps_workers_end_idle(rt);
    cps_signals_close(rt);
    rt->host->detach(rt);
    cps_timers_free(rt);
    runtime_close_loop(rt);
    cps_work_close(rt);
    Py_CLEAR(rt->pending_error);
    Py_CLEAR(rt->module);
    if (!rt->in_turn) { /* else a foreign hub resumed our caller from within a turn, which frees it */
        PyMem_RawFree(rt);
    }
}

static bool
runtime_unused(const CpsRuntime *rt)
{
    return rt->users == 0 && rt->offloads == 0 && rt->running == NULL && cps_list_empty(&rt->busy) &&
           cps_list_empty(&rt->main_waits) && cps_list_empty(&rt->completions);
}

static void
runtime_on_thread_end(PyObject *Py_UNUSED(capsule))
{
    cps_runtime_close_unused();
}

/* A runtime that only served waits of this thread has no user to close it: the end of the thread does. Returns 0 or -1. */
static int
runtime_end_with_thread(void)
{
    PyObject *dict = PyThreadState_GetDict(); /* borrowed; NULL without an exception: no Python thread */
    PyObject *key = PyUnicode_FromString("compysition._core._runtime");
    PyObject *capsule = key == NULL ? NULL : PyCapsule_New(&runtimes, NULL, runtime_on_thread_end);
    PyObject *kept = capsule == NULL || dict == NULL ? NULL : PyDict_SetDefault(dict, key, capsule); /* borrowed */

    if (kept != NULL && kept != capsule) {
        PyCapsule_SetDestructor(capsule, NULL); /* an earlier runtime of the thread has left one */
    }
    Py_XDECREF(key);
    Py_XDECREF(capsule);
    return kept == NULL && PyErr_Occurred() ? -1 : 0;
}

CpsRuntime *
cps_runtime_get(CpsState *state)
{
    CpsRuntime *rt = cps_runtime_of_thread;

    if (rt != NULL && runtime_unused(rt) && (rt->host != cps_host_choose() || rt->state != state)) {
        runtime_free(rt);
        rt = NULL;
    }
    if (rt == NULL && runtime_end_with_thread() == 0) {
        rt = cps_runtime_of_thread = runtime_new(state);
    }
    return rt;
}

void
cps_runtime_release(CpsRuntime *rt)
{
    rt->users--;
}

void
cps_runtime_close_unused(void)
{
    CpsRuntime *rt = cps_runtime_of_thread;

    if (rt != NULL && runtime_unused(rt)) {
        runtime_free(rt);
    }
}

/* --- waking ------------------------------------------------------------------------------------------------------------------------ */

void
cps_runtime_wake(CpsRuntime *rt)
{
    if (!rt->abandoned) {
        rt->host->kick(rt);
    }
}

void
cps_ready_push_front(CpsRuntime *rt, CpsReady *ready)
{
    cps_link_remove(&ready->link);
    cps_list_prepend(&rt->ready, &ready->link);
    cps_runtime_wake(rt);
}

void
cps_runtime_raise_in_main(CpsRuntime *rt)
{
    PyObject *exc = PyErr_GetRaisedException(); /* new */

    Py_XSETREF(rt->pending_error, exc); /* takes it */
    cps_runtime_wake(rt);
}

void
cps_runtime_unraisable(PyObject *source)
{
    CpsRuntime *rt = cps_runtime_of_thread;

    if (rt == NULL || PyErr_ExceptionMatches(PyExc_Exception) || cps_fiber_exit_raised()) {
        PyErr_WriteUnraisable(source);
    }
    else {
        cps_runtime_raise_in_main(rt);
    }
}

int
cps_runtime_enter_hub(CpsRuntime *rt)
{
    if (rt->closing || cps_fiber_finished(rt->hub)) {
        PyErr_SetString(PyExc_RuntimeError, "the scheduler of this thread has ended");
        return -1;
    }
    return cps_fiber_switch(rt->hub);
}

/* --- a turn of the hub ---------------------------------------------------------------------------------------------------------------- */

static void
runtime_begin_slice(CpsRuntime *rt, uint64_t duration)
{
    rt->slice_end = uv_hrtime() + duration;
    rt->slice_budget = SLICE_EVENTS;
    rt->slice_over = false;
}

bool
cps_slice_spent(CpsRuntime *rt)
{
    if (--rt->slice_budget <= 0) {
        rt->slice_budget = SLICE_EVENTS;
        rt->slice_over = uv_hrtime() >= rt->slice_end;
    }
    return rt->slice_over;
}

static void
runtime_complete(CpsRuntime *rt)
{
    CpsLink *link;

    cps_work_collect(rt);
    while ((link = cps_list_pop(&rt->completions)) != NULL) {
        CpsCompletion *completion = CPS_CONTAINER(link, CpsCompletion, link);

        completion->done(completion, rt);
    }
}

/* Those whose time is over come before those that were woken otherwise: they are late already, and a source that is woken by room
 * in its outbox goes on until that is full. */
static void
runtime_run_timers(CpsRuntime *rt)
{
    cps_list_splice(&rt->resuming, &rt->wakes);
    cps_timers_run(rt);
    cps_list_splice(&rt->wakes, &rt->resuming);
}

/* After every switch: the runtime may have been closed by whoever was resumed, or this may be a fork's child now. */
static bool
runtime_goes_on(const CpsRuntime *rt)
{
    return !rt->closing && !rt->abandoned;
}

/* Resume those that were woken before this call; those woken meanwhile have their turn next time. */
static int
runtime_resume(CpsRuntime *rt)
{
    CpsLink *link;

    cps_list_splice(&rt->resuming, &rt->wakes);
    while (runtime_goes_on(rt) && (link = cps_list_pop(&rt->resuming)) != NULL) {
        runtime_begin_slice(rt, SOURCE_NS);
        if (cps_worker_resume(rt, CPS_CONTAINER(link, CpsWait, wake_link)->fiber) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
runtime_throw_in_main(CpsRuntime *rt)
{
    CpsLink *first = cps_list_first(&rt->main_waits);
    PyObject *exc = rt->pending_error;
    PyObject *fiber; /* owned */
    int status;

    if (exc == NULL) {
        return 0;
    }
    fiber = first != NULL ? Py_NewRef(CPS_CONTAINER(first, CpsWait, main_link)->fiber) : cps_fiber_parent(rt->hub);
    if (fiber == NULL) {
        return 0; /* nobody to tell yet */
    }
    rt->pending_error = NULL;
    PyErr_SetRaisedException(exc); /* steals */
    status = cps_fiber_throw(fiber);
    Py_DECREF(fiber);
    return status;
}

static int
runtime_run_ready(CpsRuntime *rt)
{
    if (cps_list_empty(&rt->ready)) {
        return 0;
    }
    runtime_begin_slice(rt, SLICE_NS);
    while (!rt->slice_over && !cps_list_empty(&rt->ready) && runtime_goes_on(rt)) {
        if (cps_worker_drain(rt) < 0) {
            return -1;
        }
        if (!rt->slice_over) {
            rt->slice_over = uv_hrtime() >= rt->slice_end; /* workers that block never count events */
        }
    }
    return 0;
}

/* Wake up in time for the earliest timer. libuv counts whole milliseconds of its own clock: round up. */
static void
runtime_set_alarm(CpsRuntime *rt, uint64_t delay)
{
    uint64_t due;

    if (delay == UINT64_MAX) {
        uv_timer_stop(&rt->alarm);
        return;
    }
    uv_update_time(&rt->loop);
    due = (uv_hrtime() + delay + 999999) / 1000000;
    uv_timer_start(&rt->alarm, runtime_on_alarm, due > uv_now(&rt->loop) ? due - uv_now(&rt->loop) : 0, 0);
}

static void
runtime_poll_released(CpsRuntime *rt, uv_run_mode mode)
{
    rt->polling = true;
    Py_BEGIN_ALLOW_THREADS
    uv_run(&rt->loop, mode);
    Py_END_ALLOW_THREADS
    rt->polling = false;
    rt->polled_at = rt->gil_released_at = uv_hrtime();
}

bool
cps_runtime_may_sleep(CpsRuntime *rt, uint64_t *delay)
{
    return !cps_runtime_has_work(rt) && cps_work_may_sleep(rt, delay);
}

/* Poll libuv: block for something to do when there is nothing, else only look, and not too often. With work at hand the GIL is
 * kept, since getting it back from a busy thread takes long; but not for ever. */
static void
runtime_poll(CpsRuntime *rt, bool may_block)
{
    uint64_t now = uv_hrtime();
    uint64_t delay = cps_timers_delay(rt);

    if (may_block && delay > 0 && cps_runtime_may_sleep(rt, &delay)) {
        runtime_set_alarm(rt, delay);
        runtime_poll_released(rt, UV_RUN_ONCE);
    }
    else if (now - rt->gil_released_at > GIL_NS) {
        runtime_poll_released(rt, UV_RUN_NOWAIT);
    }
    else if (!may_block || now - rt->polled_at > POLL_NS) {
        uv_run(&rt->loop, UV_RUN_NOWAIT);
        rt->polled_at = now;
    }
}

int
cps_runtime_leave(CpsRuntime *rt)
{
    if (rt->pending_error == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "a forked child has no running pipeline: end it with os._exit()");
        cps_runtime_raise_in_main(rt);
    }
    return runtime_throw_in_main(rt);
}

/* What a turn does before it polls. What is raised in the main waiter comes before wakes: the waiter may be among those woken, and
 * would go on as if nothing had happened. */
static int
runtime_run(CpsRuntime *rt)
{
    runtime_complete(rt);
    runtime_run_timers(rt);
    if (rt->has_doomed) {
        cps_workers_end_doomed(rt);
    }
    if ((runtime_goes_on(rt) && runtime_throw_in_main(rt) < 0) || (runtime_goes_on(rt) && runtime_resume(rt) < 0) ||
        (runtime_goes_on(rt) && runtime_run_ready(rt) < 0)) {
        return -1;
    }
    return 0;
}

int
cps_runtime_turn(CpsRuntime *rt, bool may_block)
{
    int status;

    rt->in_turn = true;
    status = runtime_run(rt);
    if (status == 0 && runtime_goes_on(rt)) {
        runtime_poll(rt, may_block);
        if (PyErr_CheckSignals() < 0) {
            cps_runtime_raise_in_main(rt);
        }
    }
    rt->in_turn = false;
    if (rt->closing && rt->hub == NULL) {
        PyMem_RawFree(rt);
    }
    return status;
}

/* --- fork and exit -------------------------------------------------------------------------------------------------- */

/* In the child every loop belongs to the parent: epoll and wake-up descriptors are shared with it. Leave them alone. */
static void
runtime_after_fork(void)
{
    CpsLink *link;

    while ((link = cps_list_pop(&runtimes)) != NULL) {
        CPS_CONTAINER(link, CpsRuntime, process_link)->abandoned = true;
    }
    cps_runtime_of_thread = NULL;
}

/* At exit, what still blocks in a consume ends with a GreenletExit, so that finally blocks run: as far as that goes without
 * waiting for anything. */
static PyObject *
runtime_at_exit(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(ignored))
{
    enum { ROUNDS = 16 }; /* a finally block may itself block a few times */
    CpsRuntime *rt = cps_runtime_of_thread;

    for (int i = 0; i < ROUNDS && rt != NULL && rt->running == NULL && cps_workers_doom(rt, NULL, NULL) > 0; i++) {
        if (cps_yield(rt->state) < 0) {
            return NULL;
        }
    }
    cps_runtime_close_unused();
    Py_RETURN_NONE;
}

static PyMethodDef runtime_at_exit_def = {"compysition_at_exit", runtime_at_exit, METH_NOARGS, NULL};

int
cps_call_at_exit(PyMethodDef *definition)
{
    PyObject *function = PyCFunction_New(definition, NULL); /* no module in it, which it would keep alive */
    PyObject *atexit = function == NULL ? NULL : PyImport_ImportModule("atexit");
    PyObject *result = atexit == NULL ? NULL : PyObject_CallMethod(atexit, "register", "O", function);

    Py_XDECREF(function);
    Py_XDECREF(atexit);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

int
cps_runtime_setup(PyObject *Py_UNUSED(module), CpsState *Py_UNUSED(state))
{
    static bool done; /* once per process, however often the module is imported */
    int code;

    if (done) {
        return 0;
    }
    cps_list_init(&runtimes);
    code = pthread_atfork(NULL, NULL, runtime_after_fork);
    if (code != 0) {
        cps_raise_uv("prepare for forks", -code);
        return -1;
    }
    done = true;
    return cps_call_at_exit(&runtime_at_exit_def);
}
