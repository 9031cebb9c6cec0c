/* Consuming: an inbox in the ready ring is run by a worker, event by event. */
#include "event/event.h"
#include "flow/actor.h"
#include "flow/graph.h"
#include "loop/fiber.h"
#include "loop/timer.h"
#include "loop/wait.h"
#include "loop/worker.h"

enum {
    SAMPLE_EVERY = 64, /* of that many consumes, one is timed */
    ROOM_SECONDS = 1,  /* how long a consume that got QueueFull waits before its event is tried again anyway */
    RESCUE_SECONDS = 1,
};

/* An event that failed and is tried again a little later. */
typedef struct {
    CpsLink link; /* in CpsActor.retries */
    CpsTimer *timer;
    CpsQueue *queue; /* owned */
    PyObject *event; /* owned; its delivery counts */
} CpsRetry;

/* --- scheduling --------------------------------------------------------------------------------------------------------------------- */

static bool
inbox_may_take(const CpsInbox *inbox)
{
    const CpsActor *actor = inbox->actor;

    return actor->rt != NULL && actor->started && cps_queue_length(inbox->queue) > 0 &&
           (actor->concurrency == 0 || actor->running < actor->concurrency) &&
           (!actor->blocking_consume || inbox->running == 0) && cps_list_empty(&actor->pending) &&
           (inbox->gate == NULL || inbox->gate->inside < inbox->gate->limit);
}

void
cps_inbox_schedule(CpsInbox *inbox)
{
    bool urgent = inbox->queue->carries_log && cps_queue_full(inbox->queue);

    if ((cps_link_listed(&inbox->ready.link) && !urgent) || !inbox_may_take(inbox)) {
        return;
    }
    if (urgent) {
        cps_ready_push_front(inbox->actor->rt, &inbox->ready); /* log lines never wait, so they are taken first */
    }
    else {
        cps_ready_push(inbox->actor->rt, &inbox->ready);
    }
}

void
cps_actor_schedule(CpsActor *self)
{
    for (CpsLink *link = cps_list_first(&self->inboxes); link != NULL; link = cps_list_after(&self->inboxes, link)) {
        cps_inbox_schedule(CPS_CONTAINER(link, CpsInbox, actor_link));
    }
}

static void
inbox_again(CpsReady *ready)
{
    cps_inbox_schedule((CpsInbox *)ready);
}

/* --- failing -------------------------------------------------------------------------------------------------------------------------- */

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

    if (!self->rescue || queue == NULL || !cps_event_check(self->state, event)) {
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
        PyErr_WriteUnraisable((PyObject *)self);
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

    if (inbox_queue == NULL || !cps_error_is(self->state, exc, CPS_QUEUE_FULL)) {
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

/* The exception that is set came out of a consume: decide what becomes of the event. `refused`: it was logged already, and
 * trying again would not help. Leaves none set. Returns how the delivery ended. */
static CpsFate
consume_failed(CpsActor *self, CpsQueue *queue, PyObject *event, CpsWorker *worker, bool refused)
{
    PyObject *exc;
    int handled = 0;

    if (cps_fiber_exit_raised()) {
        PyErr_Clear();
        if (worker != NULL) {
            cps_worker_end_soon(worker);
        }
        return CPS_FATE_REPORTED;
    }
    if (!PyErr_ExceptionMatches(PyExc_Exception)) {
        self->counters.errors++;
        cps_runtime_raise_in_main(cps_runtime_peek());
        return CPS_FATE_FAILED;
    }
    exc = PyErr_GetRaisedException(); /* new */
    if (!refused) {
        handled = consume_wait_for_room(self, queue, event, exc);
    }
    if (handled == 0 && cps_error_is(self->state, exc, CPS_INVALID_ACTOR_INPUT)) {
        cps_log(self->logger, CPS_LOG_ERROR, event, "Invalid input detected: %S", exc);
    }
    else if (handled == 0 && !refused) {
        consume_log_exception(self, event, exc);
        handled = consume_rescue(self, queue, event);
    }
    if (handled < 0) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    if (handled <= 0) {
        cps_actor_fail(self, event, exc);
    }
    Py_DECREF(exc);
    return handled > 0 ? CPS_FATE_CONSUMED : CPS_FATE_FAILED;
}

/* --- one event ------------------------------------------------------------------------------------------------------------------------ */

enum { REFUSED = -2 };

/* The event as the actor wants it: *event_p may be replaced. Returns 0, -1 with an exception set, or REFUSED with one that has
 * been logged when it can never become that. */
static int
consume_convert(CpsActor *self, PyObject **event_p)
{
    PyObject *first = PyTuple_GET_ITEM(self->input_types, 0);
    PyObject *converted;
    int fits = PyObject_IsInstance(*event_p, self->input_types);

    if (fits != 0) {
        if (fits > 0) {
            self->accepted = Py_TYPE(*event_p);
        }
        return fits > 0 ? 0 : -1;
    }
    if (!cps_event_check(self->state, *event_p) || !PyType_Check(first)) {
        cps_raise(self->state, CPS_INVALID_ACTOR_INPUT, "'%S' is not an event", Py_TYPE(*event_p));
        return -1;
    }
    converted = cps_event_convert(self->state, *event_p, (PyTypeObject *)first);
    if (converted == NULL) {
        if (PyErr_ExceptionMatches(self->state->errors[CPS_INVALID_EVENT_CONVERSION])) {
            cps_log(self->logger, CPS_LOG_ERROR, *event_p, "Event was of type '%S', expected '%S'", Py_TYPE(*event_p),
                    self->input_types);
            return REFUSED;
        }
        return -1;
    }
    cps_log(self->logger, CPS_LOG_WARNING, *event_p,
            "Incoming event was of type '%S' when type %S was expected. Converted to %S", Py_TYPE(*event_p),
            self->input_types, Py_TYPE(converted));
    if (((CpsEvent *)converted)->lineage == NULL) {
        ((CpsEvent *)converted)->lineage = cps_lineage_ref(((CpsEvent *)*event_p)->lineage);
    }
    Py_SETREF(*event_p, converted);
    return 0;
}

/* The attributes that must have a true value. Returns 0, or -1 with an exception set. */
static int
consume_check_required(CpsActor *self, PyObject *event)
{
    PyObject *names = PySequence_Fast(self->required, "REQUIRED_EVENT_ATTRIBUTES must be a list of names");
    PyObject *missing = names == NULL ? NULL : PyList_New(0);
    int status = missing == NULL ? -1 : 0;

    for (Py_ssize_t i = 0; status == 0 && i < PySequence_Fast_GET_SIZE(names); i++) {
        PyObject *value;

        status = PyObject_GetOptionalAttr(event, PySequence_Fast_GET_ITEM(names, i), &value);
        if (status >= 0) {
            int truth = value == NULL ? 0 : PyObject_IsTrue(value);

            status = truth < 0 ? -1 : truth ? 0 : PyList_Append(missing, PySequence_Fast_GET_ITEM(names, i));
        }
        Py_XDECREF(value);
    }
    if (status == 0 && PyList_GET_SIZE(missing) > 0) {
        cps_raise(self->state, CPS_INVALID_ACTOR_INPUT, "Required incoming event attributes were missing: %S", missing);
        status = -1;
    }
    Py_XDECREF(names);
    Py_XDECREF(missing);
    return status;
}

/* consume(event, origin=..., origin_queue=...). Returns 0, or -1 with an exception set. */
static int
consume_call(CpsActor *self, CpsInbox *inbox, PyObject *event)
{
    PyObject *args[4] = {(PyObject *)self, event, inbox->queue->name, (PyObject *)inbox->queue};
    PyObject *result;

    if (self->c_consume) {
        return self->ops->consume(self, inbox, event);
    }
    result = PyObject_VectorcallMethod(self->state->names.consume, args, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET,
                                       self->state->consume_kwnames);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Returns as consume_convert. */
static int
consume_take(CpsActor *self, CpsInbox *inbox, PyObject **event_p)
{
    int converted = Py_TYPE(*event_p) == self->accepted ? 0 : consume_convert(self, event_p);

    if (converted < 0) {
        return converted;
    }
    if (self->required != NULL && consume_check_required(self, *event_p) < 0) {
        return -1;
    }
    return consume_call(self, inbox, *event_p);
}

/* Count the delivery of an event that was put on the queue without an actor. Returns 0 or -1. */
static int
consume_adopt(CpsActor *self, PyObject *event)
{
    CpsEvent *taken = (CpsEvent *)event;

    if (taken->lineage == NULL) {
        taken->lineage = cps_lineage_new(self->ledger);
        if (taken->lineage == NULL) {
            return -1;
        }
        cps_lineage_deliver(taken->lineage);
    }
    return 0;
}

/* The delivery has ended: tell its lineage, and let others in. */
static void
consume_end(CpsActor *self, CpsInbox *inbox, CpsQueue *queue, CpsLineage *lineage, CpsFate fate, bool kept)
{
    self->running--;
    inbox->running--;
    cps_queue_left(queue);
    if (inbox->gate != NULL) {
        cps_graph_part_left(inbox->gate);
    }
    if (lineage != NULL && kept) {
        cps_lineage_keep(lineage);
    }
    else if (lineage != NULL) {
        cps_lineage_end(lineage, fate);
    }
}

/* Consume one event. Steals it. */
static void
inbox_consume(CpsInbox *inbox, PyObject *event, CpsWorker *worker)
{
    CpsActor *self = inbox->actor;
    CpsQueue *queue = (CpsQueue *)Py_NewRef((PyObject *)inbox->queue);
    CpsDelivery *delivery = cps_worker_delivery(worker);
    bool is_event = cps_event_check(self->state, event) && !queue->carries_log;
    CpsLineage *lineage;
    CpsFate fate = CPS_FATE_CONSUMED;
    bool sampled = ++self->counters.in % SAMPLE_EVERY == 0;
    uint64_t start = sampled ? uv_hrtime() : 0;
    int taken;

    self->running++;
    inbox->running++;
    if (inbox->gate != NULL) {
        inbox->gate->inside++;
    }
    if (is_event && consume_adopt(self, event) < 0) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    lineage = is_event ? cps_lineage_ref(((CpsEvent *)event)->lineage) : NULL;
    *delivery = (CpsDelivery){.lineage = lineage, .active = true, .of_log = queue->carries_log};
    taken = consume_take(self, inbox, &event);
    if (taken < 0) {
        fate = consume_failed(self, queue, event, worker, taken == REFUSED);
    }
    if (sampled) {
        self->counters.working_ns += uv_hrtime() - start;
        self->counters.sampled++;
    }
    Py_DECREF(event);
    consume_end(self, inbox, queue, lineage, fate,
                fate == CPS_FATE_CONSUMED && !self->c_consume && !delivery->forwarded);
    *delivery = (CpsDelivery){0};
    cps_lineage_unref(lineage);
    Py_DECREF((PyObject *)queue);
}

/* The next event, through an overridden get() if there is one. New, or NULL when there is none. */
static PyObject *
inbox_take(CpsInbox *inbox)
{
    PyObject *event;

    if (inbox->queue->plain_get) {
        return cps_queue_take(inbox->queue);
    }
    event = PyObject_CallMethodNoArgs((PyObject *)inbox->queue, inbox->actor->state->names.get);
    if (event == NULL) {
        if (!PyErr_ExceptionMatches(inbox->actor->state->errors[CPS_QUEUE_EMPTY])) {
            PyErr_WriteUnraisable((PyObject *)inbox->queue);
        }
        PyErr_Clear();
    }
    return event;
}

static void
inbox_run(CpsReady *ready, CpsRuntime *rt)
{
    CpsInbox *inbox = (CpsInbox *)ready;
    CpsActor *actor = (CpsActor *)Py_NewRef((PyObject *)inbox->actor);
    CpsWorker *worker = rt->running;
    Py_ssize_t limit = actor->concurrency;
    PyObject *event;

    do {
        if (!inbox_may_take(inbox) || (event = inbox_take(inbox)) == NULL) {
            break;
        }
        inbox_consume(inbox, event, worker);
    } while (!cps_slice_spent(rt) && cps_worker_may_go_on(rt, worker));
    if (limit != 0 && actor->running + 1 >= limit) {
        cps_actor_schedule(actor); /* its other inboxes may have waited for this consume to end */
    }
    else {
        cps_inbox_schedule(inbox);
    }
    Py_DECREF(actor);
}

/* --- inboxes -------------------------------------------------------------------------------------------------------------------------- */

int
cps_actor_add_inbox(CpsActor *self, PyObject *key, CpsQueue *queue)
{
    CpsInbox *inbox = PyMem_Calloc(1, sizeof(*inbox));

    if (inbox == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    inbox->ready.run = inbox_run;
    inbox->ready.again = inbox_again;
    inbox->actor = self;
    inbox->queue = (CpsQueue *)Py_NewRef((PyObject *)queue);
    inbox->key = Py_NewRef(key);
    cps_list_append(&queue->inboxes, &inbox->queue_link);
    cps_list_append(&self->inboxes, &inbox->actor_link);
    cps_inbox_schedule(inbox);
    return 0;
}

void
cps_inbox_free(CpsInbox *inbox)
{
    cps_link_remove(&inbox->ready.link);
    cps_link_remove(&inbox->queue_link);
    cps_link_remove(&inbox->actor_link);
    cps_link_remove(&inbox->gate_link);
    if (inbox->gate != NULL) {
        cps_graph_part_unref(inbox->gate);
    }
    Py_DECREF((PyObject *)inbox->queue);
    Py_DECREF(inbox->key);
    PyMem_Free(inbox);
}

/* --- rest and purge --------------------------------------------------------------------------------------------------------------------- */

bool
cps_actor_at_rest(CpsActor *self)
{
    if (self->running > 0 || !cps_list_empty(&self->pending) || !cps_list_empty(&self->retries)) {
        return false;
    }
    for (CpsLink *link = cps_list_first(&self->inboxes); link != NULL; link = cps_list_after(&self->inboxes, link)) {
        if (cps_queue_length(CPS_CONTAINER(link, CpsInbox, actor_link)->queue) > 0) {
            return false;
        }
    }
    return true;
}

static void
purge_event(PyObject *event)
{
    if (((CpsEvent *)event)->lineage != NULL) {
        cps_lineage_end(((CpsEvent *)event)->lineage, CPS_FATE_REPORTED);
    }
}

Py_ssize_t
cps_actor_purge_own(CpsActor *self)
{
    Py_ssize_t count = 0;
    CpsLink *link;

    while ((link = cps_list_first(&self->pending)) != NULL) {
        purge_event(CPS_CONTAINER(link, CpsPending, actor_link)->event);
        cps_pending_done(CPS_CONTAINER(link, CpsPending, actor_link));
        count++;
    }
    while ((link = cps_list_first(&self->retries)) != NULL) {
        purge_event(CPS_CONTAINER(link, CpsRetry, link)->event);
        retry_free(CPS_CONTAINER(link, CpsRetry, link));
        count++;
    }
    return count;
}

Py_ssize_t
cps_actor_purge(CpsActor *self)
{
    Py_ssize_t count = cps_actor_purge_own(self);

    for (CpsLink *link = cps_list_first(&self->inboxes); link != NULL; link = cps_list_after(&self->inboxes, link)) {
        count += cps_queue_purge(CPS_CONTAINER(link, CpsInbox, actor_link)->queue, CPS_FATE_REPORTED);
    }
    return count;
}
