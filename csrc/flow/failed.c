/* What becomes of an event whose consume raised: it waits for room, is tried again later, or takes the error path. */
#include "event/event.h"
#include "flow/consume.h"
#include "loop/fiber.h"
#include "loop/timer.h"

enum {
    ROOM_SECONDS = 1, /* how long a consume that got QueueFull waits before its event is tried again anyway */
    RESCUE_SECONDS = 1,
};

/* An event that failed and is tried again a little later. */
typedef struct {
    CpsLink link; /* in CpsActor.retries */
    CpsTimer *timer;
    CpsQueue *queue; /* owned */
    PyObject *event; /* owned; its delivery counts */
} CpsRetry;

/* The traceback of `exc` as text. New, or NULL with an exception set. */
static PyObject *
consume_traceback(PyObject *exc)
{
    PyObject *module = PyImport_ImportModule("traceback");
    PyObject *lines = module == NULL ? NULL : PyObject_CallMethod(module, "format_exception", "O", exc);
    PyObject *empty = lines == NULL ? NULL : PyUnicode_FromString("");
    PyObject *text = empty == NULL ? NULL : PyUnicode_Join(empty, lines);

    Py_XDECREF(module);
    Py_XDECREF(lines);
    Py_XDECREF(empty);
    return text;
}

static void
retry_free(CpsRetry *retry)
{
    cps_link_remove(&retry->link);
    cps_timer_cancel(&retry->timer);
    Py_DECREF((PyObject *)retry->queue);
    Py_DECREF(retry->event);
    PyMem_Free(retry);
}

static void
retry_on_timer(CpsTimer *Py_UNUSED(timer), void *context)
{
    CpsRetry *retry = context;
    PyObject *event = Py_NewRef(retry->event);
    CpsLineage *lineage = cps_lineage_ref(((CpsEvent *)event)->lineage);

    retry->timer = NULL;
    if (cps_queue_push(retry->queue, &event) < 0) {
        PyErr_WriteUnraisable((PyObject *)retry->queue);
        Py_DECREF(event);
    }
    if (lineage != NULL) {
        cps_lineage_end(lineage, CPS_FATE_CONSUMED); /* the queue counts it now */
    }
    cps_lineage_unref(lineage);
    retry_free(retry);
}

/* Put the event back on its queue in a second. Returns 0, or -1 with an exception set. */
static int
consume_retry_later(CpsActor *self, CpsQueue *queue, PyObject *event)
{
    CpsRetry *retry = PyMem_Calloc(1, sizeof(*retry));

    if (retry == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    retry->timer = self->rt == NULL ? NULL : cps_timer_start(self->rt, RESCUE_SECONDS, retry_on_timer, retry);
    if (retry->timer == NULL) {
        PyMem_Free(retry);
        return -1;
    }
    retry->queue = (CpsQueue *)Py_NewRef((PyObject *)queue);
    retry->event = Py_NewRef(event);
    cps_list_append(&self->retries, &retry->link);
    if (((CpsEvent *)event)->lineage != NULL) {
        cps_lineage_deliver(((CpsEvent *)event)->lineage);
    }
    self->counters.rescued++;
    return 0;
}

/* Whether the event is tried again: it then is on its way. 1, 0, or -1 with an exception set. */
static int
consume_rescue(CpsActor *self, CpsQueue *queue, PyObject *event)
{
    PyObject *name, *tried;
    long count = 0;

    if (!self->rescue || !cps_event_check(self->state, event)) {
        return 0;
    }
    name = PyUnicode_FromFormat("%S_rescue_num", self->name);
    if (name == NULL || PyObject_GetOptionalAttr(event, name, &tried) < 0) {
        Py_XDECREF(name);
        return -1;
    }
    if (tried != NULL) {
        count = PyLong_AsLong(tried);
        Py_DECREF(tried);
    }
    if (count >= self->max_rescue || PyErr_Occurred()) {
        Py_DECREF(name);
        return PyErr_Occurred() ? -1 : 0;
    }
    tried = PyLong_FromLong(count + 1);
    count = tried == NULL ? -1 : PyObject_SetAttr(event, name, tried);
    Py_DECREF(name);
    Py_XDECREF(tried);
    return count < 0 || consume_retry_later(self, queue, event) < 0 ? -1 : 1;
}

static void
consume_log_exception(CpsActor *self, PyObject *event, PyObject *exc)
{
    PyObject *text;

    if (!cps_log_enabled(self->logger, CPS_LOG_WARNING)) {
        return;
    }
    text = consume_traceback(exc);
    if (text == NULL) {
        cps_runtime_unraisable((PyObject *)self);
        return;
    }
    cps_log(self->logger, CPS_LOG_WARNING, event, "Event exception caught: %S", text);
    Py_DECREF(text);
}

/* QueueFull from a put that did not want to wait: wait for room, then the event is tried again. 1 when that is so, 0 when the
 * error takes the error path, -1 with an exception set. */
static int
consume_wait_for_room(CpsActor *self, CpsQueue *inbox_queue, PyObject *event, PyObject *exc)
{
    PyObject *full, *own;
    int status = 0;

    if (!cps_error_is(self->state, exc, CPS_QUEUE_FULL)) {
        return 0;
    }
    full = PyObject_GetAttrString(exc, "queue");
    if (full == NULL) {
        PyErr_Clear();
        return 0;
    }
    if (PyObject_TypeCheck(full, self->state->types.Queue) && ((CpsQueue *)full)->on_full != CPS_ON_FULL_FAIL) {
        status = cps_queue_wait_for_room((CpsQueue *)full, ROOM_SECONDS);
        own = Py_NewRef(event);
        if (status >= 0 && cps_queue_push(inbox_queue, &own) < 0) {
            status = -1;
        }
        Py_XDECREF(own);
        status = status < 0 ? -1 : 1;
    }
    Py_DECREF(full);
    return status;
}

/* Whether the exception that is set ends more than one event: this worker, or the program. Then it is dealt with, and *fate_p
 * says how the delivery ended. */
static bool
consume_broken_off(CpsActor *self, CpsWorker *worker, CpsFate *fate_p)
{
    if (cps_fiber_exit_raised()) {
        PyErr_Clear();
        cps_worker_end_soon(worker);
        *fate_p = CPS_FATE_REPORTED;
        return true;
    }
    if (!PyErr_ExceptionMatches(PyExc_Exception)) {
        self->counters.errors++;
        cps_runtime_raise_in_main(cps_worker_runtime(worker)); /* not of the thread: this may be a fork's child */
        *fate_p = CPS_FATE_FAILED;
        return true;
    }
    return false;
}

CpsFate
cps_consume_failed(CpsConsume *consume, CpsWorker *worker)
{
    CpsActor *self = consume->inbox->actor;
    CpsQueue *queue = consume->queue;
    PyObject *event = consume->event;
    CpsFate fate = CPS_FATE_FAILED;
    PyObject *exc;
    int handled = 0;

    if (consume_broken_off(self, worker, &fate)) {
        return fate;
    }
    exc = PyErr_GetRaisedException(); /* new */
    if (!consume->refused) {
        handled = consume_wait_for_room(self, queue, event, exc);
    }
    if (handled == 0 && cps_error_is(self->state, exc, CPS_INVALID_ACTOR_INPUT)) {
        cps_log(self->logger, CPS_LOG_ERROR, event, "Invalid input detected: %S", exc);
    }
    else if (handled == 0 && !consume->refused) {
        consume_log_exception(self, event, exc);
        handled = consume_rescue(self, queue, event);
    }
    if (handled < 0 && !consume_broken_off(self, worker, &fate)) {
        PyErr_WriteUnraisable((PyObject *)self);
        handled = 0;
    }
    if (handled == 0 && cps_actor_fail(self, event, exc) < 0) {
        (void)consume_broken_off(self, worker, &fate);
    }
    Py_DECREF(exc);
    return handled > 0 ? CPS_FATE_CONSUMED : fate;
}

Py_ssize_t
cps_retries_purge(CpsActor *self)
{
    Py_ssize_t count = 0;
    CpsLink *link;

    while ((link = cps_list_first(&self->retries)) != NULL) {
        CpsRetry *retry = CPS_CONTAINER(link, CpsRetry, link);

        cps_event_report(retry->event);
        retry_free(retry);
        count++;
    }
    return count;
}
