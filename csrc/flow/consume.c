/* Consuming: an inbox in the ready ring is run by a worker, event by event. */
#include "flow/consume.h"

#include "event/event.h"
#include "flow/graph.h"
#include "flow/job.h"

enum { SAMPLE_EVERY = 64 }; /* of that many consumes, one is timed */

/* --- scheduling --------------------------------------------------------------------------------------------------------------------- */

static bool
inbox_may_take(const CpsInbox *inbox)
{
    const CpsActor *actor = inbox->actor;

    return actor->rt != NULL && actor->takes && !actor->busy && cps_queue_length(inbox->queue) > 0 &&
           (actor->concurrency == 0 || actor->running < actor->concurrency) &&
           (!actor->blocking_consume || inbox->running == 0) &&
           (cps_list_empty(&actor->pending) || (actor->ops != NULL && actor->ops->sends_apart)) &&
           actor->jobs_running < CPS_JOBS_LIMIT && (inbox->gate == NULL || inbox->gate->inside < inbox->gate->limit);
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

/* --- one event ------------------------------------------------------------------------------------------------------------------------ */

void
cps_consume_replace(CpsConsume *consume, PyObject *converted)
{
    CpsActor *self = consume->inbox->actor;

    cps_log(self->logger, CPS_LOG_WARNING, consume->event,
            "Incoming event was of type '%S' when type %S was expected. Converted to %S", Py_TYPE(consume->event),
            self->input_types, Py_TYPE(converted));
    Py_SETREF(consume->event, converted);
}

/* Text that is to become XML: parsed by a job, if that pays. Returns 1 when one has begun, 0 when not, -1 with an exception set. */
static int
consume_start_text_job(CpsActor *self, CpsConsume *consume)
{
    PyObject *first = PyTuple_GET_ITEM(self->input_types, 0);
    PyObject *converted, *text;

    if (!self->c_consume || self->ops->start_text_job == NULL || self->required != NULL || !cps_job_pays(self)) {
        return 0;
    }
    converted = cps_event_convert_unparsed(self->state, consume->event, (PyTypeObject *)first, &text);
    if (converted == NULL) {
        return 0;
    }
    return self->ops->start_text_job(self, consume, converted, text);
}

/* The event as the actor wants it: it may be replaced. Returns as cps_consume_begin. */
static int
consume_convert(CpsActor *self, CpsConsume *consume)
{
    PyObject **event_p = &consume->event;
    PyObject *first = PyTuple_GET_ITEM(self->input_types, 0);
    PyObject *converted;
    int fits = PyObject_IsInstance(*event_p, self->input_types), started;

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
    started = consume_start_text_job(self, consume);
    if (started != 0) {
        return started;
    }
    converted = cps_event_call_convert(self->state, *event_p, (PyTypeObject *)first);
    if (converted == NULL) {
        if (PyErr_ExceptionMatches(self->state->errors[CPS_INVALID_EVENT_CONVERSION])) {
            if (self->ops != NULL && self->ops->takes_any) {
                PyErr_Clear();
                return 0;
            }
            cps_log(self->logger, CPS_LOG_ERROR, *event_p, "Event was of type '%S', expected '%S'", Py_TYPE(*event_p),
                    self->input_types);
            consume->refused = true;
        }
        return -1;
    }
    cps_consume_replace(consume, converted);
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

/* Let the event in: it may be replaced. Returns as cps_consume_begin. */
static int
consume_admit(CpsActor *self, CpsConsume *consume)
{
    int status = Py_TYPE(consume->event) == self->accepted ? 0 : consume_convert(self, consume);

    return status != 0 || self->required == NULL ? status : consume_check_required(self, consume->event);
}

/* Returns 0, or -1 with an exception set. When a job has begun, *consume is the job's, and its event NULL here. */
static int
consume_call_c(CpsActor *self, CpsConsume *consume)
{
    int started = self->ops->start_job == NULL ? 0 : self->ops->start_job(self, consume);

    return started == 0 ? self->ops->consume(self, consume->inbox, consume->event) : started < 0 ? -1 : 0;
}

/* consume(event, origin=..., origin_queue=...). Returns 0, or -1 with an exception set. */
static int
consume_call(CpsActor *self, CpsConsume *consume)
{
    PyObject *args[4] = {(PyObject *)self, consume->event, consume->queue->name, (PyObject *)consume->queue};
    PyObject *result;

    if (self->c_consume) {
        return consume_call_c(self, consume);
    }
    result = PyObject_VectorcallMethod(self->state->names.consume, args, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET,
                                       self->state->consume_kwnames);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

int
cps_consume_begin(CpsConsume *consume, CpsInbox *inbox, PyObject *event, CpsWorker *worker)
{
    CpsActor *self = inbox->actor;
    bool of_log = inbox->queue->carries_log;
    bool is_event = !of_log && cps_event_check(self->state, event);

    self->running++;
    inbox->running++;
    if (inbox->gate != NULL) {
        inbox->gate->inside++;
    }
    if (is_event && cps_lineage_adopt(&((CpsEvent *)event)->lineage, self->ledger) < 0) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    *consume = (CpsConsume){
        .inbox = inbox,
        .event = event,
        .queue = (CpsQueue *)Py_NewRef((PyObject *)inbox->queue),
        .lineage = is_event ? cps_lineage_ref(((CpsEvent *)event)->lineage) : NULL,
        .start = ++self->counters.in % SAMPLE_EVERY == 0 ? uv_hrtime() : 0,
    };
    *cps_worker_delivery(worker) = (CpsDelivery){.lineage = consume->lineage, .active = true, .of_log = of_log};
    return consume_admit(self, consume);
}

void
cps_consume_end(CpsConsume *consume, bool kept, CpsFate fate)
{
    CpsInbox *inbox = consume->inbox;
    CpsActor *self = inbox->actor;

    if (consume->start != 0) {
        self->counters.working_ns += uv_hrtime() - consume->start;
        self->counters.sampled++;
    }
    Py_DECREF(consume->event);
    self->running--;
    inbox->running--;
    cps_queue_left(consume->queue);
    if (inbox->gate != NULL) {
        cps_graph_part_left(inbox->gate);
    }
    if (consume->lineage != NULL && kept) {
        cps_lineage_keep(consume->lineage);
    }
    else if (consume->lineage != NULL) {
        cps_lineage_end(consume->lineage, fate);
    }
    cps_lineage_unref(consume->lineage);
    Py_DECREF((PyObject *)consume->queue);
}

/* Consume one event. Steals it. */
static void
inbox_consume(CpsInbox *inbox, PyObject *event, CpsWorker *worker)
{
    CpsActor *self = inbox->actor;
    CpsDelivery *delivery = cps_worker_delivery(worker);
    CpsFate fate = CPS_FATE_CONSUMED;
    CpsConsume consume;
    int status = cps_consume_begin(&consume, inbox, event, worker);

    if (status < 0 || (status == 0 && consume_call(self, &consume) < 0)) {
        fate = cps_consume_failed(&consume, worker);
    }
    if (consume.event != NULL) {
        bool may_keep = !self->c_consume || self->ops->exports;

        cps_consume_end(&consume, fate == CPS_FATE_CONSUMED && may_keep && !delivery->forwarded, fate);
    }
    *delivery = (CpsDelivery){0};
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
            cps_runtime_unraisable((PyObject *)inbox->queue);
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
    cps_actor_note_rest(actor);
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

Py_ssize_t
cps_actor_unfinished(CpsActor *self, bool give_up)
{
    return self->ops == NULL || self->ops->unfinished == NULL ? 0 : self->ops->unfinished(self, give_up);
}

bool
cps_actor_at_rest(CpsActor *self)
{
    if (self->running > 0 || cps_actor_unfinished(self, false) > 0 || !cps_list_empty(&self->pending) ||
        !cps_list_empty(&self->retries)) {
        return false;
    }
    for (CpsLink *link = cps_list_first(&self->inboxes); link != NULL; link = cps_list_after(&self->inboxes, link)) {
        if (cps_queue_length(CPS_CONTAINER(link, CpsInbox, actor_link)->queue) > 0) {
            return false;
        }
    }
    return true;
}

void
cps_actor_note_rest(CpsActor *self)
{
    if (!cps_list_empty(&self->resters) && cps_actor_at_rest(self)) {
        cps_wait_wake_all(&self->resters);
    }
}

bool
cps_actor_held_back(const CpsActor *self)
{
    return !cps_list_empty(&self->pending) || (self->part != NULL && self->part->inside >= self->part->limit);
}

void
cps_actor_resume(CpsActor *self)
{
    if (self->ops != NULL && self->ops->resume != NULL && self->rt != NULL && !cps_actor_held_back(self)) {
        self->ops->resume(self);
    }
}

void
cps_event_report(PyObject *event)
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
        cps_event_report(CPS_CONTAINER(link, CpsPending, actor_link)->event);
        cps_pending_done(CPS_CONTAINER(link, CpsPending, actor_link));
        count++;
    }
    return count + cps_retries_purge(self) + cps_jobs_abandon(self) + cps_actor_unfinished(self, true);
}

Py_ssize_t
cps_actor_purge(CpsActor *self)
{
    Py_ssize_t count = cps_actor_purge_own(self);

    for (CpsLink *link = cps_list_first(&self->inboxes); link != NULL; link = cps_list_after(&self->inboxes, link)) {
        count += cps_queue_purge(CPS_CONTAINER(link, CpsInbox, actor_link)->queue, self->ledger);
    }
    return count;
}
