/* EventJoin, JSONEventJoin and XMLEventJoin: wait until an event has come from every inbox, and send it on once. */
#include "actors/actors.h"
#include "actors/matched.h"
#include "event/event.h"
#include "loop/fiber.h"
#include "loop/timer.h"

#include <math.h>

typedef struct {
    CpsActor base;
    CpsReady purge;   /* in the ready ring when the timer has fired; then the ring has a reference to the actor */
    CpsTimer *timer;  /* runs while something waits, or NULL */
    PyObject *events; /* owned dict: event_id -> MatchedEvent */
    PyObject *key;    /* owned */
    PyObject *purge_interval; /* owned: a number of seconds, or None */
} CpsJoin;

/* --- giving up ------------------------------------------------------------------------------------------------------------ */

/* Send each event that is held along the error path. Returns 0, or -1 with what is no ordinary error set. */
static int
join_fail(CpsJoin *self, CpsMatchedEvent *matched, PyObject *error)
{
    int status = 0;

    Py_CLEAR(matched->reported); /* so that nobody has the data but the events */
    for (Py_ssize_t i = 0; status == 0 && i < matched->part_count; i++) {
        status = cps_actor_fail(&self->base, matched->parts[i].event, error);
    }
    cps_matched_release(matched);
    return status;
}

/* The name that the actor knows a queue by. Borrowed. */
static PyObject *
join_inbox_name(CpsJoin *self, PyObject *queue)
{
    for (CpsLink *link = cps_list_first(&self->base.inboxes); link; link = cps_list_after(&self->base.inboxes, link)) {
        CpsInbox *inbox = CPS_CONTAINER(link, CpsInbox, actor_link);

        if ((PyObject *)inbox->queue == queue) {
            return inbox->key;
        }
    }
    return queue;
}

/* The inboxes from which nothing came: "a, b". New str, or NULL with an exception set. */
static PyObject *
join_missing(CpsJoin *self, CpsMatchedEvent *matched)
{
    PyObject *names = PyList_New(0), *comma = PyUnicode_FromString(", "), *text = NULL, *inbox, *value;
    Py_ssize_t position = 0;
    int status = names == NULL || comma == NULL ? -1 : 0;

    while (status == 0 && matched->reported != NULL && PyDict_Next(matched->reported, &position, &inbox, &value)) {
        if (value == self->base.state->not_given) {
            PyObject *name = PyObject_Str(join_inbox_name(self, inbox));

            status = name == NULL ? -1 : PyList_Append(names, name);
            Py_XDECREF(name);
        }
    }
    if (status == 0) {
        text = PyUnicode_Join(comma, names);
    }
    Py_XDECREF(names);
    Py_XDECREF(comma);
    return text;
}

/* The error of an event that is given up. New, or NULL with another exception set. */
static PyObject *
join_reason(CpsJoin *self, CpsMatchedEvent *matched, bool stopped)
{
    CpsState *state = self->base.state;
    PyObject *missing = join_missing(self, matched);

    if (missing == NULL) {
        return NULL;
    }
    if (stopped) {
        cps_raise(state, CPS_SERVICE_UNAVAILABLE, "'%S' stopped before the event was complete: nothing came from %U",
                  self->base.name, missing);
    }
    else {
        cps_raise(state, CPS_ACTOR_TIMEOUT, "The event was not complete in '%S' after %S seconds: nothing came from %U",
                  self->base.name, cps_field(self->purge_interval), missing);
    }
    Py_DECREF(missing);
    return PyErr_GetRaisedException();
}

/* What is set has nobody that it could be raised to. */
static void
join_broken_off(CpsJoin *self)
{
    if (cps_fiber_exit_raised()) {
        PyErr_Clear();
    }
    else if (cps_ordinary_error()) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    else if (self->base.rt != NULL) {
        cps_runtime_raise_in_main(self->base.rt);
    }
}

/* Leaves no exception set. */
static void
join_purge_one(CpsJoin *self, CpsMatchedEvent *matched, bool stopped)
{
    PyObject *error = join_reason(self, matched, stopped), *text;

    if (error == NULL) {
        join_broken_off(self);
        return;
    }
    text = PyObject_GetAttr(error, self->base.state->names.message);
    cps_log(self->base.logger, CPS_LOG_WARNING, matched->part_count > 0 ? matched->parts[0].event : NULL,
            "Event purged: %S", text == NULL ? error : PyList_GET_ITEM(text, 0));
    Py_XDECREF(text);
    if (join_fail(self, matched, error) < 0) {
        join_broken_off(self);
    }
    Py_DECREF(error);
}

/* Those that arrived up to `latest` (uv_hrtime). New list of event_id, or NULL with MemoryError set. */
static PyObject *
join_older(CpsJoin *self, uint64_t latest)
{
    PyObject *ids = PyList_New(0), *id, *value;
    Py_ssize_t position = 0;

    while (ids != NULL && PyDict_Next(self->events, &position, &id, &value)) {
        if (PyObject_TypeCheck(value, self->base.state->types.MatchedEvent) &&
            ((CpsMatchedEvent *)value)->arrived <= latest && PyList_Append(ids, id) < 0) {
            Py_CLEAR(ids);
        }
    }
    return ids;
}

/* Give up those that arrived up to `latest`. Returns how many there were. Leaves no exception set. */
static Py_ssize_t
join_purge(CpsJoin *self, uint64_t latest, bool stopped)
{
    PyObject *ids = join_older(self, latest);
    Py_ssize_t count = 0;

    for (Py_ssize_t i = 0; ids != NULL && i < PyList_GET_SIZE(ids); i++) {
        PyObject *id = PyList_GET_ITEM(ids, i), *matched;

        if (PyDict_GetItemRef(self->events, id, &matched) == 1) {
            (void)PyDict_DelItem(self->events, id);
            join_purge_one(self, (CpsMatchedEvent *)matched, stopped);
            count++;
            Py_DECREF(matched);
        }
    }
    Py_XDECREF(ids);
    if (PyErr_Occurred()) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    return count;
}

/* --- the timer ------------------------------------------------------------------------------------------------------------ */

/* The seconds of a purge_interval, 0 for never, or -1 with an exception set. */
static double
join_seconds(PyObject *interval)
{
    double seconds = interval == NULL || interval == Py_None ? 0 : PyFloat_AsDouble(interval);

    if (!PyErr_Occurred() && !(seconds >= 0 && isfinite(seconds))) {
        PyErr_SetString(PyExc_ValueError, "purge_interval must be a number of seconds, or None");
    }
    return PyErr_Occurred() ? -1 : seconds;
}

static void
join_on_timer(CpsTimer *Py_UNUSED(timer), void *context)
{
    CpsJoin *self = context;

    self->timer = NULL;
    if (!cps_link_listed(&self->purge.link)) {
        Py_INCREF(self); /* the ready ring's reference */
        cps_ready_push(self->base.rt, &self->purge);
    }
}

/* Look again in half an interval, when something waits. Returns 0, or -1 with an exception set. */
static int
join_arm(CpsJoin *self)
{
    double seconds = join_seconds(self->purge_interval);

    if (seconds <= 0 || self->timer != NULL || self->base.rt == NULL || self->base.rt != cps_runtime_peek() ||
        PyDict_GET_SIZE(self->events) == 0) {
        return seconds < 0 ? -1 : 0;
    }
    self->timer = cps_timer_start(self->base.rt, seconds / 2, join_on_timer, self);
    return self->timer == NULL ? -1 : 0;
}

static void
join_disarm(CpsJoin *self)
{
    cps_timer_cancel(&self->timer);
    if (cps_link_listed(&self->purge.link)) {
        cps_link_remove(&self->purge.link);
        Py_DECREF(self); /* the ready ring's reference */
    }
}

/* In a worker, with the ready ring's reference to the actor. */
static void
join_on_purge(CpsReady *ready, CpsRuntime *Py_UNUSED(rt))
{
    CpsJoin *self = CPS_CONTAINER(ready, CpsJoin, purge);
    double seconds = join_seconds(self->purge_interval);

    self->base.running++; /* a stop waits for it */
    if (seconds > 0) {
        (void)join_purge(self, uv_hrtime() - (uint64_t)(seconds * 1e9), false);
    }
    if (seconds < 0 || join_arm(self) < 0) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    self->base.running--;
    cps_actor_note_rest(&self->base);
    cps_actor_schedule(&self->base); /* where concurrency is limited, a consume may have waited for this */
    Py_DECREF(self);
}

static bool
join_runs(const CpsActor *actor, const CpsReady *node)
{
    return &((const CpsJoin *)actor)->purge == node;
}

static bool
join_give_up(CpsActor *actor)
{
    CpsJoin *self = (CpsJoin *)actor;

    join_disarm(self);
    return join_purge(self, UINT64_MAX, true) > 0;
}

/* --- consume -------------------------------------------------------------------------------------------------------------- */

/* A matched_event_class(inboxes, key=key). New, or NULL with an exception set. */
static PyObject *
join_new_matched(CpsJoin *self)
{
    CpsState *state = self->base.state;
    PyObject *cls = PyObject_GetAttr((PyObject *)self, state->names.matched_event_class);
    PyObject *inboxes = cls == NULL ? NULL : PyDict_Values((PyObject *)self->base.pool->inbound);
    PyObject *args = inboxes == NULL ? NULL : PyTuple_Pack(1, inboxes);
    PyObject *kwargs = args == NULL ? NULL : Py_BuildValue("{OO}", state->names.key, cps_field(self->key));
    PyObject *matched = kwargs == NULL ? NULL : PyObject_Call(cls, args, kwargs);

    Py_XDECREF(cls);
    Py_XDECREF(inboxes);
    Py_XDECREF(args);
    Py_XDECREF(kwargs);
    if (matched != NULL && !PyObject_TypeCheck(matched, state->types.MatchedEvent)) {
        PyErr_SetString(PyExc_TypeError, "matched_event_class must be a MatchedEvent");
        Py_CLEAR(matched);
    }
    return matched;
}

/* What there is of the event, or a new entry. New, or NULL with an exception set. */
static PyObject *
join_matched(CpsJoin *self, PyObject *id)
{
    PyObject *matched;

    if (PyDict_GetItemRef(self->events, id, &matched) != 0) {
        if (matched != NULL && !PyObject_TypeCheck(matched, self->base.state->types.MatchedEvent)) {
            PyErr_SetString(PyExc_TypeError, "what is in events must be a MatchedEvent");
            Py_CLEAR(matched);
        }
        return matched;
    }
    matched = join_new_matched(self);
    if (matched != NULL && PyDict_SetItem(self->events, id, matched) < 0) {
        Py_CLEAR(matched);
    }
    return matched;
}

/* matched.report_inbox(queue, event.data). Returns 0, or -1 with an exception set. */
static int
join_call_report(CpsJoin *self, PyObject *matched, PyObject *queue, PyObject *event)
{
    CpsState *state = self->base.state;
    PyObject *data = PyObject_GetAttr(event, state->names.data), *result;

    if (data == NULL) {
        return -1;
    }
    result = PyObject_CallMethodObjArgs(matched, state->names.report_inbox, queue, data, NULL);
    Py_DECREF(data);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Hold the event and report it. Returns 0, or -1 with an exception set: then it is not held. */
static int
join_report(CpsJoin *self, PyObject *matched, PyObject *queue, PyObject *event)
{
    CpsMatchedEvent *parts = (CpsMatchedEvent *)matched;
    int status;

    if (cps_matched_hold(parts, queue, event) < 0) {
        return -1;
    }
    status = cps_matched_is_plain(self->base.state, matched) ? cps_matched_report(parts, self->base.state, queue)
                                                             : join_call_report(self, matched, queue, event);
    if (status < 0) {
        cps_matched_unhold(parts);
    }
    return status;
}

/* Whether all have come: 1, 0, or -1 with an exception set. */
static int
join_is_complete(CpsJoin *self, PyObject *matched)
{
    PyObject *result;
    int complete;

    if (cps_matched_is_plain(self->base.state, matched)) {
        return cps_matched_complete((CpsMatchedEvent *)matched, self->base.state);
    }
    result = PyObject_CallMethodNoArgs(matched, self->base.state->names.all_inboxes_reported);
    complete = result == NULL ? -1 : PyObject_IsTrue(result);
    Py_XDECREF(result);
    return complete;
}

/* What is set now kept the parts from being joined: they go to the error queues. Returns 0, or -1 with what is no ordinary error. */
static int
join_failed(CpsJoin *self, CpsMatchedEvent *matched, PyObject *event)
{
    CpsState *state = self->base.state;
    PyObject *exc;
    int status;

    if (!cps_ordinary_error()) {
        return -1;
    }
    exc = PyErr_GetRaisedException();
    cps_log(self->base.logger, CPS_LOG_ERROR, event, "Unable to join the parts of the event: %S", exc);
    if (!cps_error_is(state, exc, CPS_MALFORMED_EVENT_DATA)) {
        Py_SETREF(exc, PyObject_CallOneArg(state->errors[CPS_MALFORMED_EVENT_DATA], exc));
    }
    status = exc == NULL ? -1 : join_fail(self, matched, exc);
    Py_XDECREF(exc);
    return status;
}

/* All have come. Takes *matched_p. Returns 0, or -1 with an exception set. */
static int
join_finish(CpsJoin *self, PyObject **matched_p, PyObject *event)
{
    CpsMatchedEvent *matched = (CpsMatchedEvent *)*matched_p;
    int status = cps_matched_fill(matched, self->base.state, event);

    if (status < 0) {
        return join_failed(self, matched, event);
    }
    cps_matched_release(matched);
    Py_CLEAR(*matched_p);
    return cps_actor_send(&self->base, event);
}

/* What is set now came out of a report. A second event from one inbox is dropped, anything else is the event's own error. */
static int
join_not_reported(CpsJoin *self, PyObject *event)
{
    PyObject *exc;

    if (!PyErr_ExceptionMatches(self->base.state->errors[CPS_RESOURCE_CONFLICT])) {
        return -1;
    }
    exc = PyErr_GetRaisedException();
    cps_log(self->base.logger, CPS_LOG_WARNING, event, "Could not process incoming event: %S", exc);
    Py_DECREF(exc);
    cps_actor_drop(&self->base, event);
    return 0;
}

/* Take the event into what there is of it. Returns 0, or -1 with an exception set. */
static int
join_take(CpsJoin *self, PyObject **matched_p, PyObject *id, PyObject *queue, PyObject *event)
{
    PyObject *matched = *matched_p, *now;
    int complete;

    if (join_report(self, matched, queue, event) < 0) {
        if (((CpsMatchedEvent *)matched)->part_count == 0 && PyDict_GetItemWithError(self->events, id) == matched) {
            (void)PyDict_DelItem(self->events, id);
        }
        return join_not_reported(self, event);
    }
    complete = join_is_complete(self, matched);
    if (complete <= 0) {
        return complete < 0 ? -1 : join_arm(self);
    }
    now = PyDict_GetItemWithError(self->events, id); /* borrowed; methods of a subclass may have waited meanwhile */
    if (now != matched || PyDict_DelItem(self->events, id) < 0) {
        return PyErr_Occurred() ? -1 : 0;
    }
    return join_finish(self, matched_p, event);
}

static int
join_consume(CpsActor *actor, CpsInbox *inbox, PyObject *event)
{
    CpsJoin *self = (CpsJoin *)actor;
    PyObject *id, *matched;
    int status;

    if (inbox == NULL) {
        PyErr_SetString(PyExc_TypeError, "consume() of a join needs origin_queue, which is one of its inboxes");
        return -1;
    }
    id = Py_XNewRef(cps_event_id((CpsEvent *)event));
    matched = id == NULL ? NULL : join_matched(self, id);
    status = matched == NULL ? -1 : join_take(self, &matched, id, (PyObject *)inbox->queue, event);
    Py_XDECREF(matched);
    Py_XDECREF(id);
    return status;
}

static const CpsActorOps join_ops = {.consume = join_consume, .give_up = join_give_up, .runs = join_runs};

/* --- the types ------------------------------------------------------------------------------------------------------------ */

static PyObject *
join_get_purge_interval(PyObject *op, void *Py_UNUSED(closure))
{
    return Py_NewRef(cps_field(((CpsJoin *)op)->purge_interval));
}

static int
join_set_purge_interval(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    if (join_seconds(value) < 0) {
        return -1;
    }
    cps_take_object(&((CpsJoin *)op)->purge_interval, cps_field(value));
    return 0;
}

static int
join_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "purge_interval"};
    CpsJoin *self = (CpsJoin *)op;
    PyObject *values[2], *rest_args, *rest_kwargs, *key;
    int result;

    if (cps_bind("EventJoin", args, kwargs, names, 2, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    key = PyDict_GetItemString(rest_kwargs, "key"); /* borrowed */
    result = cps_actor_init(&self->base, &join_ops, rest_args, rest_kwargs);
    if (result == 0) {
        self->purge.run = join_on_purge;
        cps_take_object(&self->key, key == NULL ? values[0] : key);
        Py_XSETREF(self->events, PyDict_New());
        result = self->events == NULL ? -1 : join_set_purge_interval(op, values[1], NULL);
    }
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

static int
join_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsJoin *self = (CpsJoin *)op;

    Py_VISIT(self->events);
    Py_VISIT(self->key);
    Py_VISIT(self->purge_interval);
    return cps_actor_traverse(op, visit, arg);
}

static void
join_clear_own(CpsJoin *self)
{
    cps_timer_cancel(&self->timer);
    Py_CLEAR(self->events);
    Py_CLEAR(self->key);
    Py_CLEAR(self->purge_interval);
}

static int
join_clear(PyObject *op)
{
    join_clear_own((CpsJoin *)op);
    return cps_actor_clear(op);
}

static void
join_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    join_clear_own((CpsJoin *)op);
    cps_actor_dealloc(op);
}

PyDoc_STRVAR(
    join_doc,
    "EventJoin(name, purge_interval=None, *args, key=<name>, **kwargs)\n\n"
    "Wait until an event with the same event_id has come from every inbox, and send the last on with the data\n"
    "of all: a list, in the order in which the inboxes were connected.\n\n"
    "In and out: Event.\n\n"
    "purge_interval: seconds (int or float) after which an event that is not complete is given up: its parts\n"
    "    go to the error queues with ActorTimeout. Looked at every half of that. None or 0: never.\n"
    "key: str, handed to the MatchedEvent.\n\n"
    "A second event of an id from one inbox is dropped and logged. Parts that cannot be joined go to the error\n"
    "queues with MalformedEventData, those that still wait when the actor stops with ServiceUnavailable.\n"
    "Subclasses may set matched_event_class, to a subclass of MatchedEvent.");

static PyMethodDef join_methods[] = {CPS_CONSUME_METHOD, {NULL}};

static PyMemberDef join_members[] = {
    CPS_ACTOR_MEMBERS,
    {"events", T_OBJECT, offsetof(CpsJoin, events), READONLY, "What waits: event_id -> MatchedEvent (dict)."},
    {"key", T_OBJECT, offsetof(CpsJoin, key), 0, "The name of what is joined (str)."},
    {NULL},
};

static PyGetSetDef join_getset[] = {
    CPS_DICT,
    {"purge_interval", join_get_purge_interval, join_set_purge_interval,
     "Seconds that an event may wait, or None. Raises ValueError, TypeError."},
    {NULL},
};

static PyType_Slot join_slots[] = {
    {Py_tp_doc, (void *)join_doc}, {Py_tp_init, join_init},       {Py_tp_traverse, join_traverse},
    {Py_tp_clear, join_clear},     {Py_tp_dealloc, join_dealloc}, {Py_tp_methods, join_methods},
    {Py_tp_members, join_members}, {Py_tp_getset, join_getset},   {0, NULL},
};

static PyType_Spec join_spec = {
    .name = "compysition.actors.eventjoin.EventJoin",
    .basicsize = sizeof(CpsJoin),
    .flags = CPS_ACTOR_FLAGS,
    .slots = join_slots,
};

PyDoc_STRVAR(json_doc,
             "JSONEventJoin(name, purge_interval=None, *args, key=<name>, **kwargs)\n\n"
             "As EventJoin, with the dicts of all merged into one, where later inboxes win, or all lists in one.\n\n"
             "In and out: JSONEvent. Other data cannot be joined.");

static PyType_Slot json_slots[] = {
    {Py_tp_doc, (void *)json_doc},
    {Py_tp_traverse, join_traverse},
    {Py_tp_clear, join_clear},
    {Py_tp_dealloc, join_dealloc},
    {0, NULL},
};

static PyType_Spec json_spec = {
    .name = "compysition.actors.eventjoin.JSONEventJoin",
    .basicsize = sizeof(CpsJoin),
    .flags = CPS_ACTOR_FLAGS,
    .slots = json_slots,
};

PyDoc_STRVAR(xml_doc, "XMLEventJoin(name, purge_interval=None, *args, key=<name>, **kwargs)\n\n"
                      "As EventJoin, with the root elements of all in an element named key.\n\n"
                      "In and out: XMLEvent.");

static PyType_Slot xml_slots[] = {
    {Py_tp_doc, (void *)xml_doc},
    {Py_tp_traverse, join_traverse},
    {Py_tp_clear, join_clear},
    {Py_tp_dealloc, join_dealloc},
    {0, NULL},
};

static PyType_Spec xml_spec = {
    .name = "compysition.actors.eventjoin.XMLEventJoin",
    .basicsize = sizeof(CpsJoin),
    .flags = CPS_ACTOR_FLAGS,
    .slots = xml_slots,
};

/* Returns 0, or -1 with an exception set. */
static int
join_set_classes(CpsState *state, PyTypeObject *join, PyTypeObject *event, PyTypeObject *matched)
{
    if (cps_set_event_types(state, join, event, event) < 0) {
        return -1;
    }
    return PyObject_SetAttr((PyObject *)join, state->names.matched_event_class, (PyObject *)matched);
}

int
cps_join_setup(PyObject *module, CpsState *state)
{
    PyObject *base;

    if (cps_add_type(module, &state->types.EventJoin, &join_spec, (PyObject *)state->types.Actor) < 0) {
        return -1;
    }
    base = (PyObject *)state->types.EventJoin;
    if (cps_add_type(module, &state->types.JSONEventJoin, &json_spec, base) < 0 ||
        cps_add_type(module, &state->types.XMLEventJoin, &xml_spec, base) < 0 ||
        join_set_classes(state, state->types.EventJoin, state->types.Event, state->types.MatchedEvent) < 0 ||
        join_set_classes(state, state->types.JSONEventJoin, state->types.JSONEvent, state->types.MatchedJSONEvent) <
            0) {
        return -1;
    }
    return join_set_classes(state, state->types.XMLEventJoin, state->types.XMLEvent, state->types.MatchedXMLEvent);
}
