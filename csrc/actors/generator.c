/* EventGenerator: makes events at regular times. */
#include "actors/generator.h"

#include "actors/actors.h"
#include "event/event.h"
#include "flow/graph.h"
#include "loop/fiber.h"

#include <math.h>

static CpsGenerator *
generator_of(CpsActor *actor)
{
    return (CpsGenerator *)actor;
}

static const CpsGeneratorOps *
generator_ops(const CpsGenerator *self)
{
    return (const CpsGeneratorOps *)self->base.ops;
}

static CpsSchedule *
generator_schedule(const CpsGenerator *self)
{
    return (CpsSchedule *)self->schedule;
}

/* --- making events -------------------------------------------------------------------------------------------------------- */

/* The class of the events: the first of the output classes. New, or NULL with an exception set. */
static PyObject *
generator_event_class(CpsGenerator *self)
{
    PyObject *classes = PyObject_GetAttr((PyObject *)self, self->base.state->names.output);

    if (classes != NULL && (PyTuple_Check(classes) || PyList_Check(classes))) {
        Py_SETREF(classes, PySequence_GetItem(classes, 0));
    }
    return classes;
}

/* New event, or NULL with an exception set. */
static PyObject *
generator_new_event(CpsGenerator *self)
{
    PyObject *cls = generator_event_class(self);
    PyObject *event = NULL;

    if (cls != NULL) {
        event = PyObject_VectorcallDict(cls, NULL, 0, self->event_kwargs);
        Py_DECREF(cls);
    }
    if (event != NULL && !cps_event_check(self->base.state, event)) {
        PyErr_Format(PyExc_TypeError, "event_class made %.100s, which is no event", Py_TYPE(event)->tp_name);
        Py_CLEAR(event);
    }
    return event;
}

/* Send an event that was just made, and what belongs on the error queues. Returns 0, or -1 with an exception set. */
static int
generator_send(CpsGenerator *self, PyObject *event)
{
    if (cps_log_enabled(self->base.logger, CPS_LOG_DEBUG)) {
        PyObject *id = cps_event_id((CpsEvent *)event); /* borrowed */

        if (id == NULL) {
            return -1;
        }
        cps_log(self->base.logger, CPS_LOG_DEBUG, event, "Generated new event %U", id);
    }
    if (cps_actor_send(&self->base, event) < 0) {
        return -1;
    }
    return self->generate_error ? generator_ops(self)->send_error(self, event) : 0;
}

int
cps_generator_send_second_error(CpsGenerator *self, PyObject *event)
{
    PyObject *second = generator_new_event(self);
    int result;

    if (second == NULL) {
        return -1;
    }
    result = cps_actor_send_error(&self->base, second);
    Py_DECREF(second);
    return result;
}

/* Whatever arrives on an inbox: one event at once, in its place. */
int
cps_generator_consume(CpsActor *actor, CpsInbox *inbox, PyObject *incoming)
{
    CpsGenerator *self = generator_of(actor);
    PyObject *event = generator_new_event(self);
    int result;

    if (event == NULL) {
        return -1;
    }
    result = generator_send(self, event);
    Py_DECREF(event);
    return result;
}

/* --- runs of the schedule ------------------------------------------------------------------------------------------------- */

/* The exception that is set ended a run. `event` is NULL when none could be made. Leaves no exception set. */
static void
generator_run_failed(CpsGenerator *self, PyObject *event)
{
    PyObject *exc;

    if (cps_fiber_exit_raised()) {
        PyErr_Clear();
        return;
    }
    if (!cps_ordinary_error()) {
        cps_runtime_raise_in_main(self->base.rt);
        return;
    }
    exc = PyErr_GetRaisedException();
    cps_log(self->base.logger, CPS_LOG_ERROR, event, "Unable to generate an event: %s: %S", Py_TYPE(exc)->tp_name, exc);
    if (event != NULL && cps_actor_fail(&self->base, event, exc) < 0) {
        generator_run_failed(self, NULL); /* it is being ended */
    }
    Py_DECREF(exc);
}

/* Count an event that the schedule made; after the last one that is wanted, no more. */
static void
generator_count(CpsGenerator *self)
{
    if (++self->produced == self->max_events) {
        cps_schedule_stop(generator_schedule(self));
        cps_log(self->base.logger, CPS_LOG_INFO, NULL, "Stopped producing events.");
    }
}

/* One event of the schedule. Leaves no exception set. */
static void
generator_run_once(CpsGenerator *self)
{
    PyObject *event = generator_new_event(self);

    if (event == NULL || generator_send(self, event) < 0) {
        generator_run_failed(self, event);
    }
    if (event != NULL) {
        generator_count(self);
        Py_DECREF(event);
    }
}

void
cps_generator_run(CpsActor *actor)
{
    if (cps_actor_held_back(actor)) {
        return;
    }
    actor->running++; /* a stop waits for it */
    generator_run_once(generator_of(actor));
    actor->running--;
    cps_actor_note_rest(actor);
    cps_actor_schedule(actor); /* where concurrency is limited, a consume may have waited for this */
}

bool
cps_generator_runs(const CpsActor *actor, const CpsReady *node)
{
    return cps_schedule_has_node((const CpsSchedule *)((const CpsGenerator *)actor)->schedule, node);
}

/* --- intervals ------------------------------------------------------------------------------------------------------------ */

enum { UNTOUCHED_INTERVAL = 5 }; /* the default of the parameter, which subclasses may pass on */

typedef struct {
    const char *name;
    double seconds;
} IntervalUnit;

static const IntervalUnit interval_units[] = {
    {"weeks", 604800}, {"days", 86400}, {"hours", 3600}, {"minutes", 60}, {"seconds", 1},
};

/* Seconds in one `key`: `value` item of an interval. -1.0 with an exception set. */
static double
interval_item_seconds(PyObject *key, PyObject *value)
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(interval_units); i++) {
        if (PyUnicode_Check(key) && PyUnicode_CompareWithASCIIString(key, interval_units[i].name) == 0) {
            double count = PyFloat_AsDouble(value);

            return count == -1.0 && PyErr_Occurred() ? -1.0 : count * interval_units[i].seconds;
        }
    }
    PyErr_Format(PyExc_ValueError, "interval has no unit %R: use weeks, days, hours, minutes, seconds", key);
    return -1.0;
}

int
cps_generator_parse_interval(CpsGenerator *self)
{
    PyObject *key, *value; /* borrowed */
    Py_ssize_t position = 0;
    double total = 0;

    while (PyDict_Next(self->interval, &position, &key, &value)) {
        double seconds = interval_item_seconds(key, value);

        if (seconds == -1.0 && PyErr_Occurred()) {
            return -1;
        }
        total += seconds;
    }
    if (!(total >= 0) || isinf(total)) {
        PyErr_Format(PyExc_ValueError, "interval must not be negative or endless: %R", self->interval);
        return -1;
    }
    self->seconds = total > 0 ? total : 1; /* as scripts know it: 0 is every second */
    return 0;
}

int
cps_generator_next_interval(CpsActor *actor, double after, double bound, double *due)
{
    double seconds = generator_of(actor)->seconds;

    *due = after + fmax(1, ceil((bound - after) / seconds)) * seconds;
    return 0;
}

/* Put `given`, a dict or a number, into `merged`. Returns 0, or -1 with an exception set. */
static int
interval_update(CpsGenerator *self, PyObject *merged, PyObject *given)
{
    const char *unit = generator_ops(self)->number_unit;

    if (PyDict_Check(given)) {
        return PyDict_Update(merged, given);
    }
    if (unit != NULL) {
        return PyDict_SetItemString(merged, unit, given);
    }
    if (PyLong_Check(given) && PyLong_AsLong(given) == UNTOUCHED_INTERVAL) {
        return 0;
    }
    if (!PyErr_Occurred()) {
        PyErr_Format(PyExc_ValueError, "interval must be a dict here, not %R", given);
    }
    return -1;
}

/* DEFAULT_INTERVAL with the items of `given` in it. New dict, or NULL with an exception set. */
static PyObject *
interval_merge(CpsGenerator *self, PyObject *given)
{
    PyObject *defaults = PyObject_GetAttr((PyObject *)self, self->base.state->names.DEFAULT_INTERVAL);
    PyObject *merged = defaults == NULL ? NULL : PyDict_New();

    if (merged != NULL && (PyDict_Update(merged, defaults) < 0 || interval_update(self, merged, given) < 0)) {
        Py_CLEAR(merged);
    }
    Py_XDECREF(defaults);
    return merged;
}

/* Returns 0, or -1 with an exception set and the old interval in place. */
static int
generator_take_interval(CpsGenerator *self, PyObject *given)
{
    PyObject *merged = interval_merge(self, given);
    PyObject *old = self->interval;

    if (merged == NULL) {
        return -1;
    }
    self->interval = merged;
    if (generator_ops(self)->parse_interval(self) < 0) {
        self->interval = old;
        Py_DECREF(merged);
        return -1;
    }
    Py_XDECREF(old);
    return 0;
}

/* --- life ----------------------------------------------------------------------------------------------------------------- */

/* Seconds. -1.0 with an exception set. */
static double
generator_delay(PyObject *delay)
{
    double seconds = PyFloat_AsDouble(delay);

    if (seconds == -1.0 && PyErr_Occurred()) {
        return -1.0;
    }
    if (!(seconds >= 0)) {
        PyErr_Format(PyExc_ValueError, "delay must not be negative: %R", delay);
        return -1.0;
    }
    return seconds;
}

int
cps_generator_start_source(CpsActor *actor)
{
    CpsGenerator *self = generator_of(actor);
    double delay = generator_delay(cps_field(self->delay));

    if (delay < 0 || generator_ops(self)->parse_interval(self) < 0 ||
        cps_schedule_make_jobs(generator_schedule(self), self->producers) < 0) {
        return -1;
    }
    self->produced = 0;
    return cps_schedule_start(generator_schedule(self), actor->rt, delay, generator_ops(self)->first_at_once);
}

void
cps_generator_stop_source(CpsActor *actor)
{
    cps_schedule_stop(generator_schedule(generator_of(actor)));
}

/* For subclasses that call super().pre_hook(): the schedule starts by itself once pre_hook has ended. */
static PyObject *
generator_pre_hook(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    Py_RETURN_NONE;
}

static PyObject *
generator_post_hook(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsGenerator *self = (CpsGenerator *)op;

    if (self->schedule != NULL) {
        cps_schedule_stop(generator_schedule(self));
    }
    Py_RETURN_NONE;
}

/* --- construction --------------------------------------------------------------------------------------------------------- */

/* Returns 0, or -1 with TypeError set unless `object` is an event class. */
static int
generator_check_class(CpsState *state, PyObject *object)
{
    if (PyType_Check(object) && PyType_IsSubtype((PyTypeObject *)object, state->types.Event)) {
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "event_class must be an event class or a list of them, not %R", object);
    return -1;
}

/* output = event_class, which may be a list. Returns 0, or -1 with an exception set. */
static int
generator_take_class(CpsGenerator *self, PyObject *event_class)
{
    CpsState *state = self->base.state;
    PyObject *first = event_class;

    if (PyTuple_Check(event_class) || PyList_Check(event_class)) {
        first = PySequence_Fast_GET_SIZE(event_class) == 0 ? Py_None : PySequence_Fast_GET_ITEM(event_class, 0);
    }
    if (generator_check_class(state, first) < 0) {
        return -1;
    }
    return PyObject_SetAttr((PyObject *)self, state->names.output, event_class);
}

/* event_kwargs: a dict or None. The caller's dict itself is kept: scripts change it between events. Returns 0 or -1. */
static int
generator_take_kwargs(CpsGenerator *self, PyObject *kwargs)
{
    if (kwargs == NULL || kwargs == Py_None) {
        Py_XSETREF(self->event_kwargs, PyDict_New());
        return self->event_kwargs == NULL ? -1 : 0;
    }
    if (!PyDict_Check(kwargs)) {
        PyErr_Format(PyExc_TypeError, "event_kwargs must be a dict, not %.100s", Py_TYPE(kwargs)->tp_name);
        return -1;
    }
    cps_take_object(&self->event_kwargs, kwargs);
    return 0;
}

static int
generator_take_numbers(CpsGenerator *self, const CpsGeneratorArgs *given)
{
    PyObject *zero = PyLong_FromLong(0); /* owned */
    int result = -1;

    if (zero != NULL) {
        cps_take_object(&self->delay, given->delay == NULL ? zero : given->delay);
        Py_DECREF(zero);
        result = generator_delay(self->delay) < 0 ? -1 : 0;
    }
    self->producers = 1;
    self->max_events = 0;
    self->generate_error = false;
    if (result < 0 || cps_take_size(&self->producers, given->producers) < 0 ||
        cps_take_size(&self->max_events, given->max_events) < 0 ||
        cps_take_flag(&self->generate_error, given->generate_error) < 0) {
        return -1;
    }
    if (self->producers < 0) {
        PyErr_SetString(PyExc_ValueError, "producers must not be negative");
        return -1;
    }
    return 0;
}

int
cps_generator_configure(CpsGenerator *self, const CpsGeneratorOps *ops, const CpsGeneratorArgs *given, PyObject *args,
                        PyObject *kwargs)
{
    CpsState *state;
    PyObject *schedule, *interval;
    int result;

    if (cps_actor_init(&self->base, &ops->actor, args, kwargs) < 0 ||
        cps_actor_set_shape(&self->base, "flowchart.input") < 0) {
        return -1;
    }
    state = self->base.state;
    schedule = cps_schedule_new(state, &self->base, &ops->schedule);
    if (schedule == NULL) {
        return -1;
    }
    Py_XSETREF(self->schedule, schedule);
    interval = given->interval == NULL || given->interval == Py_None ? PyDict_New() : Py_NewRef(given->interval);
    result = interval == NULL ? -1 : generator_take_interval(self, interval);
    Py_XDECREF(interval);
    if (result < 0 || generator_take_kwargs(self, given->event_kwargs) < 0 || generator_take_numbers(self, given) < 0) {
        return -1;
    }
    return generator_take_class(self, given->event_class == NULL ? (PyObject *)state->types.Event : given->event_class);
}

int
cps_generator_init(PyObject *op, const char *function, const CpsGeneratorOps *ops, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name",     "event_class", "event_kwargs",  "producers",
                                        "interval", "delay",       "generate_error"};
    PyObject *values[Py_ARRAY_LENGTH(names)], *rest_args, *rest_kwargs, *max_events;
    int result;

    if (cps_bind(function, args, kwargs, names, Py_ARRAY_LENGTH(names), 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    max_events = cps_pop_keyword(rest_kwargs, "max_events");
    result = PyErr_Occurred() ? -1 : 0;
    if (result == 0) {
        CpsGeneratorArgs given = {values[1], values[2], values[3], values[4], values[5], values[6], max_events};

        result = cps_generator_configure((CpsGenerator *)op, ops, &given, rest_args, rest_kwargs);
    }
    Py_XDECREF(max_events);
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

/* --- the type ------------------------------------------------------------------------------------------------------------- */

static const CpsGeneratorOps event_generator_ops = {
    .actor = CPS_GENERATOR_ACTOR_OPS,
    .schedule = {.now = cps_schedule_monotonic, .next = cps_generator_next_interval, .run = cps_generator_run},
    .parse_interval = cps_generator_parse_interval,
    .send_error = cps_generator_send_second_error,
    .number_unit = "seconds",
};

static int
event_generator_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return cps_generator_init(op, "EventGenerator", &event_generator_ops, args, kwargs);
}

int
cps_generator_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsGenerator *self = (CpsGenerator *)op;

    Py_VISIT(self->event_kwargs);
    Py_VISIT(self->interval);
    Py_VISIT(self->delay);
    Py_VISIT(self->trigger);
    Py_VISIT(self->schedule);
    return cps_actor_traverse(op, visit, arg);
}

static void
generator_clear_own(CpsGenerator *self)
{
    if (self->schedule != NULL) {
        cps_schedule_disown(generator_schedule(self));
    }
    Py_CLEAR(self->event_kwargs);
    Py_CLEAR(self->interval);
    Py_CLEAR(self->delay);
    Py_CLEAR(self->trigger);
    Py_CLEAR(self->schedule);
}

int
cps_generator_clear(PyObject *op)
{
    generator_clear_own((CpsGenerator *)op);
    return cps_actor_clear(op);
}

void
cps_generator_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    generator_clear_own((CpsGenerator *)op);
    cps_actor_dealloc(op);
}

static PyObject *
generator_get_interval(PyObject *op, void *Py_UNUSED(closure))
{
    return Py_NewRef(cps_field(((CpsGenerator *)op)->interval));
}

static int
generator_set_interval(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    CpsGenerator *self = (CpsGenerator *)op;

    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "interval cannot be deleted");
        return -1;
    }
    if (self->base.ops == NULL) { /* a subclass, before it calls our __init__ */
        cps_take_object(&self->interval, value);
        return 0;
    }
    return generator_take_interval(self, value);
}

PyDoc_STRVAR(event_generator_doc,
             "EventGenerator(name, event_class=Event, event_kwargs=None, producers=1, interval=5, delay=0,\n"
             "               generate_error=False, *args, max_events=0, **kwargs)\n--\n\n"
             "Make a new event again and again.\n\n"
             "In: any event, which is dropped and makes one new event at once. Out: event_class.\n\n"
             "event_class: class of the events, or a list of which the first is used.\n"
             "event_kwargs: dict of keyword arguments for each event, 'data' among them.\n"
             "producers: int, how many identical schedules run side by side.\n"
             "interval: seconds (int or float), or a dict of weeks, days, hours, minutes and seconds, merged\n"
             "    over DEFAULT_INTERVAL. 0 is every second. The first event comes one interval after the start.\n"
             "delay: seconds before the schedule starts; only this actor waits.\n"
             "generate_error: bool. For each event send a second, new one to the error queues.\n"
             "max_events: int. The schedule ends after that many; 0 for no limit.\n\n"
             "An event is left out when an earlier one still waits for room in a full queue, or when it would be\n"
             "more than a second late. Raises ValueError for a negative time or an unknown unit, TypeError for\n"
             "an event_class or event_kwargs of another kind.");

static PyMethodDef event_generator_methods[] = {
    CPS_CONSUME_METHOD,
    {"pre_hook", generator_pre_hook, METH_NOARGS, "pre_hook($self, /)\n--\n\nFor subclasses that extend it."},
    {"post_hook", generator_post_hook, METH_NOARGS, "post_hook($self, /)\n--\n\nShut the schedule down."},
    {NULL},
};

static PyMemberDef event_generator_members[] = {
    CPS_ACTOR_MEMBERS,
    {"event_kwargs", T_OBJECT_EX, offsetof(CpsGenerator, event_kwargs), 0, "Keyword arguments for each event (dict)."},
    {"delay", T_OBJECT_EX, offsetof(CpsGenerator, delay), 0, "Seconds before the schedule starts (int or float)."},
    {"producers", T_PYSSIZET, offsetof(CpsGenerator, producers), 0, "How many schedules run side by side (int)."},
    {"max_events", T_PYSSIZET, offsetof(CpsGenerator, max_events), 0,
     "The schedule ends after that many (int); 0: never."},
    {"scheduler", T_OBJECT, offsetof(CpsGenerator, schedule), READONLY,
     "The schedule (object): running, state, get_jobs(), pause(), resume(), shutdown()."},
    {NULL},
};

static PyGetSetDef event_generator_getset[] = {
    CPS_DICT,
    {"interval", generator_get_interval, generator_set_interval,
     "When events are made (dict); a number may be assigned, too."},
    CPS_FLAG("generate_error", CpsGenerator, generate_error, "Send a second event to the error queues (bool)."),
    {NULL},
};

static PyType_Slot event_generator_slots[] = {
    {Py_tp_doc, (void *)event_generator_doc},
    {Py_tp_init, event_generator_init},
    {Py_tp_traverse, cps_generator_traverse},
    {Py_tp_clear, cps_generator_clear},
    {Py_tp_dealloc, cps_generator_dealloc},
    {Py_tp_methods, event_generator_methods},
    {Py_tp_members, event_generator_members},
    {Py_tp_getset, event_generator_getset},
    {0, NULL},
};

static PyType_Spec event_generator_spec = {
    .name = "compysition.actors.eventgenerator.EventGenerator",
    .basicsize = sizeof(CpsGenerator),
    .flags = CPS_ACTOR_FLAGS,
    .slots = event_generator_slots,
};

int
cps_generator_setup(PyObject *module, CpsState *state)
{
    PyObject *interval;
    int result;

    if (cps_add_type(module, &state->types.EventGenerator, &event_generator_spec, (PyObject *)state->types.Actor) < 0) {
        return -1;
    }
    interval = Py_BuildValue("{sisisisisi}", "weeks", 0, "days", 0, "hours", 0, "minutes", 0, "seconds", 5);
    result = interval == NULL
                 ? -1
                 : PyObject_SetAttr((PyObject *)state->types.EventGenerator, state->names.DEFAULT_INTERVAL, interval);
    Py_XDECREF(interval);
    return result;
}
