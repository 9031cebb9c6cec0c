#include "loop/wait.h"

#include "loop/fiber.h"
#include "loop/host.h"
#include "loop/timer.h"
#include "loop/worker.h"

#include <math.h>

/* --- making and freeing ----------------------------------------------------------------------------------------------------- */

/* The runtime to wait with: this thread's, or a new one when gevent runs here (a thread of gevent must not be blocked). NULL with
 * no exception: a plain thread. */
static CpsRuntime *
wait_runtime(CpsState *state)
{
    CpsRuntime *rt = cps_runtime_peek();

    if (rt == NULL && cps_host_choose() == &cps_host_gevent) {
        rt = cps_runtime_get(state);
    }
    return rt;
}

CpsWait *
cps_wait_new(CpsState *state)
{
    CpsWait *wait = PyMem_Calloc(1, sizeof(*wait));

    if (wait == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    wait->rt = wait_runtime(state);
    if (wait->rt != NULL) {
        wait->fiber = cps_fiber_current();
    }
    else if (!PyErr_Occurred()) {
        wait->lock = PyThread_allocate_lock();
        if (wait->lock == NULL) {
            PyErr_NoMemory();
        }
        else {
            PyThread_acquire_lock(wait->lock, WAIT_LOCK);
        }
    }
    if (wait->fiber == NULL && wait->lock == NULL) {
        cps_wait_free(wait);
        return NULL;
    }
    return wait;
}

/* Take it out of every list. */
static void
wait_leave(CpsWait *wait)
{
    cps_link_remove(&wait->link);
    cps_link_remove(&wait->wake_link);
    if (cps_link_listed(&wait->main_link)) {
        cps_link_remove(&wait->main_link);
        if (cps_list_empty(&wait->rt->main_waits)) {
            wait->rt->host->keep_alive(wait->rt, false);
        }
    }
    cps_timer_cancel(&wait->timer);
}

void
cps_wait_free(CpsWait *wait)
{
    wait_leave(wait);
    if (wait->lock != NULL) {
        if (!wait->woken) {
            PyThread_release_lock(wait->lock);
        }
        PyThread_free_lock(wait->lock);
    }
    Py_XDECREF(wait->fiber);
    Py_XDECREF(wait->item);
    PyMem_Free(wait);
}

/* --- parking ------------------------------------------------------------------------------------------------------------------ */

static void
wait_on_timeout(CpsTimer *Py_UNUSED(timer), void *context)
{
    CpsWait *wait = context;

    wait->timer = NULL;
    if (wait->woken) {
        return; /* it was woken in time, and is about to run */
    }
    wait->timed_out = true;
    cps_link_remove(&wait->link); /* so that nobody hands it anything any more */
    cps_list_append(&wait->rt->wakes, &wait->wake_link);
}

/* A fiber that is no worker keeps the host's loop going while it waits, and gets what is raised for the main program. */
static void
wait_enter_main(CpsWait *wait)
{
    if (!cps_worker_check(wait->rt, wait->fiber)) {
        cps_list_append(&wait->rt->main_waits, &wait->main_link);
        wait->rt->host->keep_alive(wait->rt, true);
    }
}

static int
wait_park_fiber(CpsWait *wait, double seconds)
{
    CpsRuntime *rt = wait->rt;
    int status = 0;

    if (wait->fiber == rt->hub) {
        PyErr_SetString(PyExc_RuntimeError, "the hub must not block: move this call to a greenlet of its own");
        return -1;
    }
    if (seconds >= 0) {
        wait->timer = cps_timer_start(rt, seconds, wait_on_timeout, wait);
        if (wait->timer == NULL) {
            return -1;
        }
    }
    wait_enter_main(wait);
    while (status == 0 && !wait->woken && !wait->timed_out) {
        status = cps_runtime_enter_hub(rt);
    }
    return status;
}

static int
wait_park_thread(CpsWait *wait, double seconds)
{
    uint64_t end = seconds < 0 ? 0 : uv_hrtime() + (uint64_t)(fmin(seconds, 1e9) * 1e9);
    PyLockStatus status;

    do {
        uint64_t now = uv_hrtime();
        PY_TIMEOUT_T microseconds = seconds < 0 ? -1 : end > now ? (PY_TIMEOUT_T)((end - now) / 1000) : 0;

        Py_BEGIN_ALLOW_THREADS
        status = PyThread_acquire_lock_timed(wait->lock, microseconds, 1);
        Py_END_ALLOW_THREADS
        if (status == PY_LOCK_INTR && PyErr_CheckSignals() < 0) {
            return -1;
        }
    } while (status == PY_LOCK_INTR);
    wait->timed_out = status == PY_LOCK_FAILURE && !wait->woken;
    return 0;
}

int
cps_wait_park(CpsWait *wait, double seconds)
{
    int status;

    if (wait->woken) {
        status = 0;
    }
    else if (wait->rt == NULL) {
        status = wait_park_thread(wait, seconds);
    }
    else {
        status = wait_park_fiber(wait, seconds);
    }
    wait_leave(wait);
    return status < 0 ? -1 : wait->woken ? 0 : 1;
}

void
cps_wait_wake(CpsWait *wait)
{
    cps_link_remove(&wait->link);
    if (wait->woken || wait->timed_out) {
        return;
    }
    wait->woken = true;
    if (wait->rt == NULL) {
        PyThread_release_lock(wait->lock);
        return;
    }
    cps_list_append(&wait->rt->wakes, &wait->wake_link);
    cps_runtime_wake(wait->rt);
}

void
cps_wait_wake_all(CpsList *list)
{
    CpsLink *link;

    while ((link = cps_list_pop(list)) != NULL) {
        cps_wait_wake(CPS_CONTAINER(link, CpsWait, link));
    }
}

int
cps_wait_in(CpsState *state, CpsList *list, CpsWaitTest test, void *context, double seconds)
{
    CpsWait *wait = cps_wait_new(state);
    int status = 0;

    if (wait == NULL) {
        return -1;
    }
    if (!test(context)) {
        cps_list_append(list, &wait->link);
        status = cps_wait_park(wait, seconds);
    }
    cps_wait_free(wait);
    return status;
}

int
cps_wait_until(CpsState *state, CpsList *list, CpsWaitTest test, void *context, double seconds)
{
    uint64_t end = seconds < 0 ? 0 : uv_hrtime() + (uint64_t)(fmin(seconds, 1e9) * 1e9);
    int status = 0;

    while (status == 0 && !test(context)) {
        uint64_t now = uv_hrtime();

        status = cps_wait_in(state, list, test, context, seconds < 0 ? -1 : end > now ? (double)(end - now) / 1e9 : 0);
    }
    return status;
}

int
cps_sleep(CpsState *state, double seconds)
{
    CpsWait *wait = cps_wait_new(state);
    int status;

    if (wait == NULL) {
        return -1;
    }
    status = cps_wait_park(wait, seconds);
    cps_wait_free(wait);
    return status < 0 ? -1 : 0;
}

int
cps_yield(CpsState *state)
{
    CpsWait *wait = cps_wait_new(state);
    int status = 0;

    if (wait == NULL) {
        return -1;
    }
    if (wait->rt != NULL) {
        cps_wait_wake(wait);
        wait_enter_main(wait);
        while (status == 0 && cps_link_listed(&wait->wake_link)) {
            status = cps_runtime_enter_hub(wait->rt);
        }
    }
    cps_wait_free(wait);
    return status;
}

int
cps_source_pause(CpsState *state)
{
    CpsRuntime *rt = cps_runtime_peek();
    CpsWorker *worker;
    PyObject *fiber; /* owned */
    int status;

    if (rt == NULL || rt->closing || rt->abandoned || !cps_slice_spent(rt)) {
        return 0;
    }
    worker = cps_worker_current(rt);
    if (worker != NULL && cps_worker_delivery(worker)->active) {
        return 0;
    }
    fiber = cps_fiber_current();
    status = fiber == NULL ? -1 : fiber == rt->hub ? 0 : cps_yield(state);
    Py_XDECREF(fiber);
    return status;
}

/* --- compysition.sleep ------------------------------------------------------------------------------------------------------------ */

PyDoc_STRVAR(sleep_doc,
             "sleep($module, seconds=0, /)\n--\n\n"
             "Block the calling greenlet for a time, while others run.\n\n"
             "seconds: int or float, default 0; 0 or less only gives way to what is ready to run.\n"
             "Raises TypeError for anything that is not a number. In a thread without a running pipeline it is\n"
             "like time.sleep.");

static PyObject *
sleep_function(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    CpsState *state = PyModule_GetState(module);
    double seconds = 0;

    if (count > 1) {
        return PyErr_Format(PyExc_TypeError, "sleep() takes at most 1 argument (%zd given)", count);
    }
    if (count == 1) {
        seconds = PyFloat_AsDouble(args[0]);
        if (seconds == -1.0 && PyErr_Occurred()) {
            return NULL;
        }
    }
    if ((seconds > 0 ? cps_sleep(state, seconds) : cps_yield(state)) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef wait_functions[] = {
    {"sleep", _PyCFunction_CAST(sleep_function), METH_FASTCALL, sleep_doc},
    {NULL, NULL, 0, NULL},
};

int
cps_wait_setup(PyObject *module, CpsState *Py_UNUSED(state))
{
    return PyModule_AddFunctions(module, wait_functions);
}
