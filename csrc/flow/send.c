/* Sending: every destination gets its own copy of the event. */
#include "event/event.h"
#include "flow/actor.h"
#include "loop/wait.h"
#include "loop/worker.h"

/* --- what full queues refused -------------------------------------------------------------------------------------------------- */

/* Keep *event_p (taken) until `queue` has room. The delivery counts from now on. Returns 0 or -1. */
static int
send_keep_pending(CpsActor *self, CpsQueue *queue, PyObject **event_p)
{
    CpsPending *pending = PyMem_Calloc(1, sizeof(*pending));
    CpsLineage *lineage = ((CpsEvent *)*event_p)->lineage;

    if (pending == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    pending->actor = self;
    pending->queue = (CpsQueue *)Py_NewRef((PyObject *)queue);
    pending->event = *event_p;
    *event_p = NULL;
    if (lineage != NULL) {
        cps_lineage_deliver(lineage);
    }
    cps_list_append(&queue->blocked, &pending->link);
    cps_list_append(&self->pending, &pending->actor_link);
    return 0;
}

void
cps_pending_done(CpsPending *pending)
{
    CpsActor *actor = pending->actor;

    cps_link_remove(&pending->link);
    cps_link_remove(&pending->actor_link);
    Py_DECREF(pending->event);
    Py_DECREF((PyObject *)pending->queue);
    PyMem_Free(pending);
    if (cps_list_empty(&actor->pending)) {
        cps_actor_schedule(actor);
        cps_actor_resume(actor);
        cps_actor_note_rest(actor);
    }
}

/* --- one destination ------------------------------------------------------------------------------------------------------------- */

/* Put *copy_p (taken on success) on one queue. Returns 0 or -1. */
static int
send_put(CpsActor *self, PyObject *queue, PyObject **copy_p, CpsSender sender)
{
    CpsQueue *target = (CpsQueue *)queue;
    PyObject *result;
    int status;

    if (!PyObject_TypeCheck(queue, self->state->types.Queue)) {
        PyErr_Format(PyExc_TypeError, "cannot send to a %s: not a Queue", Py_TYPE(queue)->tp_name);
        return -1;
    }
    if (!target->plain_put) {
        result = PyObject_CallMethodOneArg(queue, self->state->names.put, *copy_p);
        Py_XDECREF(result);
        Py_CLEAR(*copy_p);
        return result == NULL ? -1 : 0;
    }
    status = cps_queue_send(target, copy_p, sender);
    return status == 0 ? send_keep_pending(self, target, copy_p) : status < 0 ? -1 : 0;
}

/* `lenient`: rather a poor copy than none. New, or NULL with an exception set. */
static PyObject *
send_make_copy(CpsActor *self, PyObject *event, bool lenient)
{
    PyObject *copy = cps_event_copy(self->state, event);

    if (copy == NULL && lenient) {
        PyErr_Clear();
        copy = cps_event_copy_leniently(self->state, event);
    }
    return copy;
}

/* A copy of `event` to one queue and those that share its name. Returns 0 or -1. */
static int
send_copy(CpsActor *self, PyObject *queue, PyObject *event, CpsSender sender, bool lenient)
{
    PyObject *copy = send_make_copy(self, event, lenient);
    PyObject *also;
    int status;

    if (copy == NULL) {
        return -1;
    }
    also = PyObject_TypeCheck(queue, self->state->types.Queue) ? ((CpsQueue *)queue)->also : NULL;
    status = send_put(self, queue, &copy, sender);
    Py_XDECREF(copy);
    for (Py_ssize_t i = 0; status == 0 && also != NULL && i < PyList_GET_SIZE(also); i++) {
        status = send_copy(self, PyList_GET_ITEM(also, i), event, sender, lenient);
    }
    return status;
}

/* Whether `queue` stands for nothing but itself. */
static bool
send_is_single(CpsActor *self, PyObject *queue)
{
    return !PyObject_TypeCheck(queue, self->state->types.Queue) || ((CpsQueue *)queue)->also == NULL;
}

/* To each of `queues`. What the sender may still change is copied once; what is sent then is shared. *own_p (taken) goes to the last
 * queue itself, copies of it to the others. Returns 0 or -1. */
static int
send_own(CpsActor *self, PyObject *const *queues, Py_ssize_t count, PyObject **own_p, CpsSender sender, bool lenient)
{
    int status = 0;

    for (Py_ssize_t i = 0; status == 0 && i < count; i++) {
        bool last = i == count - 1 && send_is_single(self, queues[i]);

        status = last ? send_put(self, queues[i], own_p, sender) : send_copy(self, queues[i], *own_p, sender, lenient);
    }
    Py_CLEAR(*own_p);
    return status;
}

/* A C actor is done with what it sends (from_c): when nobody else has the event, it goes on itself. Returns 0 or -1. */
static int
send_to_each(CpsActor *self, PyObject *const *queues, Py_ssize_t count, PyObject *event, CpsSender sender, bool lenient)
{
    bool from_c = sender == CPS_SENDER_C || sender == CPS_SENDER_C_SOURCE;
    PyObject *own; /* owned */

    if (count == 0) {
        return 0;
    }
    own = from_c && cps_event_is_private(self->state, event) ? Py_NewRef(event) : send_make_copy(self, event, lenient);
    return own == NULL ? -1 : send_own(self, queues, count, &own, sender, lenient);
}

/* --- all destinations --------------------------------------------------------------------------------------------------------------- */

/* Count the event in: it has a lineage, and whoever consumes one of it now has forwarded it. Returns who sends, or -1. */
static int
send_begin(CpsActor *self, PyObject *event, bool from_c)
{
    CpsEvent *sent = (CpsEvent *)event;
    CpsWorker *worker = self->rt == NULL ? NULL : cps_worker_current(self->rt);
    CpsDelivery *delivery = worker == NULL ? NULL : cps_worker_delivery(worker);
    bool in_consume = delivery != NULL && delivery->active;

    if (sent->lineage == NULL) {
        sent->lineage = cps_lineage_new(self->ledger);
        if (sent->lineage == NULL) {
            return -1;
        }
    }
    if (!in_consume && !from_c && self->rt != NULL && cps_source_pause(self->state) < 0) {
        cps_lineage_deliver(sent->lineage); /* a stop has broken it off: the event is in its report */
        cps_lineage_end(sent->lineage, CPS_FATE_REPORTED);
        return -1;
    }
    self->counters.out++;
    if (!in_consume) {
        return from_c ? CPS_SENDER_C_SOURCE : CPS_SENDER_SOURCE;
    }
    if (delivery->lineage == sent->lineage) {
        delivery->forwarded = true;
    }
    return from_c ? CPS_SENDER_C : CPS_SENDER_CONSUME;
}

static void
send_found_no_queue(CpsActor *self)
{
    self->counters.unrouted++;
    if (!self->named_unrouted && (self->ops == NULL || !self->ops->may_end)) {
        self->named_unrouted = true;
        cps_log(self->logger, CPS_LOG_INFO, NULL, "Outbox of '%S' has no connection: events sent there end here",
                self->name);
    }
}

/* To every queue of a pool, which may change while a put waits. Returns 0 or -1. */
static int
send_to_pool(CpsActor *self, CpsInternalQueuePool *pool, PyObject *event, CpsSender sender, bool lenient)
{
    PyObject *queues, *queue;
    Py_ssize_t position = 0;
    int status = 0;

    if (PyDict_GET_SIZE((PyObject *)pool) == 1 && PyDict_Next((PyObject *)pool, &position, NULL, &queue)) {
        Py_INCREF(queue);
        status = send_to_each(self, &queue, 1, event, sender, lenient);
        Py_DECREF(queue);
        return status;
    }
    queues = PyDict_Values((PyObject *)pool);
    if (queues == NULL) {
        return -1;
    }
    status = send_to_each(self, &PyList_GET_ITEM(queues, 0), PyList_GET_SIZE(queues), event, sender, lenient);
    Py_DECREF(queues);
    return status;
}

static int
send_check(CpsActor *self, PyObject *event)
{
    PyObject *types;
    int fits;

    if (Py_TYPE(event) == self->emitted) {
        return 0;
    }
    types = cps_actor_types(self, self->output_types, self->state->names.output);
    if (types == NULL) {
        return -1;
    }
    fits = PyObject_IsInstance(event, types);
    if (fits == 0) {
        cps_raise(self->state, CPS_INVALID_ACTOR_OUTPUT, "Event was of type '%S', expected '%S'", Py_TYPE(event),
                  types);
    }
    else if (fits > 0 && self->output_types != NULL) {
        self->emitted = Py_TYPE(event);
    }
    Py_DECREF(types);
    return fits > 0 ? 0 : -1;
}

/* An argument of a send must be an event. Returns 0, or -1 with TypeError set. */
static int
send_check_event(CpsActor *self, PyObject *event)
{
    if (!cps_event_check(self->state, event)) {
        PyErr_Format(PyExc_TypeError, "only events can be sent, not %s", Py_TYPE(event)->tp_name);
        return -1;
    }
    return 0;
}

static int
send_outbound(CpsActor *self, PyObject *event, bool from_c)
{
    int sender = send_begin(self, event, from_c);

    if (sender < 0) {
        return -1;
    }
    if (PyDict_GET_SIZE((PyObject *)self->pool->outbound) == 0) {
        send_found_no_queue(self);
        return 0;
    }
    return send_to_pool(self, self->pool->outbound, event, (CpsSender)sender, false);
}

/* Call a method that a script has overridden. Returns 0 or -1. */
static int
send_by_method(CpsActor *self, PyObject *method, PyObject *event)
{
    PyObject *result = PyObject_CallMethodOneArg((PyObject *)self, method, event);

    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

int
cps_actor_send(CpsActor *self, PyObject *event)
{
    if (self->own_send) {
        return send_by_method(self, self->state->names.send_event, event);
    }
    return send_check(self, event) < 0 ? -1 : send_outbound(self, event, true);
}

static int
send_errors(CpsActor *self, PyObject *event, bool from_c)
{
    int sender = send_begin(self, event, from_c);
    CpsLineage *lineage;

    if (sender < 0) {
        return -1;
    }
    lineage = ((CpsEvent *)event)->lineage;
    cps_lineage_note(lineage, CPS_FATE_FAILED);
    if (lineage->watch != NULL) {
        lineage->watch->on_error(lineage, event, lineage->context);
    }
    return send_to_pool(self, self->pool->error, event, (CpsSender)sender, true);
}

static int
send_error(CpsActor *self, PyObject *event, bool from_c)
{
    return self->own_fail ? send_by_method(self, self->state->names.send_error, event)
                          : send_errors(self, event, from_c);
}

int
cps_actor_send_error(CpsActor *self, PyObject *event)
{
    return send_error(self, event, true);
}

static int
send_to(CpsActor *self, PyObject *event, PyObject *const *queues, Py_ssize_t count, bool from_c)
{
    int sender = send_begin(self, event, from_c);

    return sender < 0 ? -1 : send_to_each(self, queues, count, event, (CpsSender)sender, false);
}

/* self.send_event(event, queues=queues), which a script has overridden. Returns 0 or -1. */
static int
send_to_by_method(CpsActor *self, PyObject *event, PyObject *const *queues, Py_ssize_t count)
{
    PyObject *list = PyList_New(count), *names, *result;
    PyObject *arguments[] = {(PyObject *)self, event, list};

    if (list == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyList_SET_ITEM(list, i, Py_NewRef(queues[i]));
    }
    names = Py_BuildValue("(s)", "queues");
    result = names == NULL ? NULL
                           : PyObject_VectorcallMethod(self->state->names.send_event, arguments,
                                                       2 | PY_VECTORCALL_ARGUMENTS_OFFSET, names);
    Py_XDECREF(names);
    Py_DECREF(list);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

int
cps_actor_send_to(CpsActor *self, PyObject *event, PyObject *const *queues, Py_ssize_t count)
{
    if (self->own_send) {
        return send_to_by_method(self, event, queues, count);
    }
    return send_check(self, event) < 0 ? -1 : send_to(self, event, queues, count, true);
}

void
cps_actor_drop(CpsActor *self, PyObject *event)
{
    CpsLineage *lineage = ((CpsEvent *)event)->lineage;

    self->counters.dropped++;
    if (lineage != NULL) {
        cps_lineage_note(lineage, CPS_FATE_DROPPED);
    }
}

int
cps_actor_fail(CpsActor *self, PyObject *event, PyObject *exc)
{
    self->counters.errors++;
    if (!cps_event_check(self->state, event)) {
        return 0; /* it was put on the queue by hand, and has been logged */
    }
    if (cps_event_set_error(self->state, event, exc) < 0 || send_error(self, event, self->c_consume) < 0) {
        PyObject *raised; /* owned */

        if (!PyErr_ExceptionMatches(PyExc_Exception)) {
            return -1;
        }
        raised = PyErr_GetRaisedException();
        cps_log(self->logger, CPS_LOG_ERROR, event, "Unable to send event to the error queues: %S", raised);
        Py_DECREF(raised);
    }
    return 0;
}

/* --- Python methods ------------------------------------------------------------------------------------------------------------------ */

/* The queues that a caller names, as a tuple or list that nobody else has: queue= (one), queues= (dict, view or other iterable).
 * New; NULL and no exception for "all". */
static PyObject *
send_parse_queues(PyObject *queues, PyObject *queue)
{
    if (queue != NULL && queue != Py_None) {
        return PyTuple_Pack(1, queue);
    }
    if (queues == NULL || queues == Py_None) {
        return NULL;
    }
    return PyDict_Check(queues) ? PyDict_Values(queues) : PySequence_Tuple(queues);
}

PyObject *
cps_actor_send_event_method(PyObject *op, PyObject *const *args, Py_ssize_t count, PyObject *kwnames)
{
    static const char *const names[] = {"event", "queues", "check_output", "queue"};
    CpsActor *self = (CpsActor *)op;
    PyObject *values[4] = {NULL}; /* borrowed */
    PyObject *queues;
    int check = 1, status;

    if (cps_actor_parse_call("send_event", args, count, kwnames, names, 4, values) < 0 ||
        send_check_event(self, values[0]) < 0) {
        return NULL;
    }
    if (values[2] != NULL && (check = PyObject_IsTrue(values[2])) < 0) {
        return NULL;
    }
    if (check && send_check(self, values[0]) < 0) {
        return NULL;
    }
    queues = send_parse_queues(values[1], values[3]);
    if (queues == NULL && PyErr_Occurred()) {
        return NULL;
    }
    if (queues == NULL) {
        status = send_outbound(self, values[0], false);
    }
    else {
        status = send_to(self, values[0], PySequence_Fast_ITEMS(queues), PySequence_Fast_GET_SIZE(queues), false);
        Py_DECREF(queues);
    }
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

PyObject *
cps_actor_send_error_method(PyObject *op, PyObject *const *args, Py_ssize_t count, PyObject *kwnames)
{
    static const char *const names[] = {"event", "queue", "queues"};
    CpsActor *self = (CpsActor *)op;
    PyObject *values[3] = {NULL}; /* borrowed */
    PyObject *queues;
    int status;

    if (cps_actor_parse_call("send_error", args, count, kwnames, names, 3, values) < 0 ||
        send_check_event(self, values[0]) < 0) {
        return NULL;
    }
    queues = send_parse_queues(values[2], values[1]);
    if (queues == NULL && PyErr_Occurred()) {
        return NULL;
    }
    if (queues == NULL) {
        status = send_errors(self, values[0], false);
    }
    else {
        status = send_to(self, values[0], PySequence_Fast_ITEMS(queues), PySequence_Fast_GET_SIZE(queues), false);
        Py_DECREF(queues);
    }
    return status < 0 ? NULL : Py_NewRef(Py_None);
}
