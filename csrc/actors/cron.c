/* CronEventGenerator: makes events at times of the calendar. APScheduler's CronTrigger knows the fields; it is imported when the
 * first of these actors is made. */
#include "actors/generator.h"

#include "actors/actors.h"

#include <math.h>

/* self->trigger = CronTrigger(**self->interval). */
int
cps_cron_parse_interval(CpsGenerator *self)
{
    PyObject *cls =
        cps_import(&self->base.state->cron_trigger, "apscheduler.triggers.cron", "CronTrigger"); /* borrowed */
    PyObject *trigger = cls == NULL ? NULL : PyObject_VectorcallDict(cls, NULL, 0, self->interval);

    if (trigger == NULL) {
        return -1;
    }
    Py_XSETREF(self->trigger, trigger);
    return 0;
}

/* datetime.fromtimestamp(moment, trigger.timezone). New, or NULL with an exception set. */
static PyObject *
cron_datetime(CpsState *state, PyObject *trigger, double moment)
{
    PyObject *cls = cps_import(&state->datetime, "datetime", "datetime"); /* borrowed */
    PyObject *zone = cls == NULL ? NULL : PyObject_GetAttrString(trigger, "timezone");
    PyObject *result = NULL;

    if (zone != NULL) {
        result = PyObject_CallMethod(cls, "fromtimestamp", "dO", moment, zone);
        Py_DECREF(zone);
    }
    return result;
}

/* Set *due to when the trigger fires at or after `start`; INFINITY: never. Returns 0, or -1 with an exception set. */
static int
cron_fire_time(PyObject *trigger, PyObject *start, double *due)
{
    PyObject *fire = PyObject_CallMethod(trigger, "get_next_fire_time", "OO", Py_None, start);
    PyObject *stamp;

    if (fire == NULL) {
        return -1;
    }
    if (fire == Py_None) {
        Py_DECREF(fire);
        *due = INFINITY;
        return 0;
    }
    stamp = PyObject_CallMethod(fire, "timestamp", NULL);
    Py_DECREF(fire);
    *due = stamp == NULL ? -1.0 : PyFloat_AsDouble(stamp);
    Py_XDECREF(stamp);
    return PyErr_Occurred() ? -1 : 0;
}

int
cps_cron_next(CpsActor *actor, double after, double bound, double *due)
{
    PyObject *trigger = Py_NewRef(((CpsGenerator *)actor)->trigger);
    PyObject *start = cron_datetime(actor->state, trigger, fmax(floor(after) + 1, bound));
    int result = start == NULL ? -1 : cron_fire_time(trigger, start, due);

    Py_XDECREF(start);
    Py_DECREF(trigger);
    return result;
}

static const CpsGeneratorOps cron_ops = {
    .actor = CPS_GENERATOR_ACTOR_OPS,
    .schedule = {.now = cps_schedule_wall, .next = cps_cron_next, .run = cps_generator_run},
    .parse_interval = cps_cron_parse_interval,
    .send_error = cps_generator_send_second_error,
};

static int
cron_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return cps_generator_init(op, "CronEventGenerator", &cron_ops, args, kwargs);
}

PyDoc_STRVAR(cron_doc,
             "CronEventGenerator(name, event_class=Event, event_kwargs=None, producers=1, interval=5, delay=0,\n"
             "                   generate_error=False, *args, max_events=0, **kwargs)\n--\n\n"
             "As EventGenerator, at times of the calendar.\n\n"
             "In: any event, which is dropped and makes one new event at once. Out: event_class.\n\n"
             "interval: dict of year, month, day, week, day_of_week, hour, minute and second, merged over\n"
             "    DEFAULT_INTERVAL, which is every twelfth second of each minute: add second=0 for one event in\n"
             "    a minute. Values as in cron: 5, '*', '*/n', 'a-b', 'a-b/n', 'a,b', names of days and months,\n"
             "    'last', '1st mon'. Local time, unless there is a timezone; start_date and end_date are known.\n\n"
             "Raises ValueError for a field that cannot be read, and for an interval that is no dict.");

static PyType_Slot cron_slots[] = {
    {Py_tp_doc, (void *)cron_doc},
    {Py_tp_init, cron_init},
    {Py_tp_traverse, cps_generator_traverse},
    {Py_tp_clear, cps_generator_clear},
    {Py_tp_dealloc, cps_generator_dealloc},
    {0, NULL},
};

static PyType_Spec cron_spec = {
    .name = "compysition.actors.eventgenerator.CronEventGenerator",
    .basicsize = sizeof(CpsGenerator),
    .flags = CPS_ACTOR_FLAGS,
    .slots = cron_slots,
};

int
cps_cron_setup(PyObject *module, CpsState *state)
{
    PyObject *interval;
    int result;

    if (cps_add_type(module, &state->types.CronEventGenerator, &cron_spec, (PyObject *)state->types.EventGenerator) <
        0) {
        return -1;
    }
    interval = Py_BuildValue("{ssssssssssssssss}", "year", "*", "month", "*", "day", "*", "week", "*", "day_of_week",
                             "*", "hour", "*", "minute", "*", "second", "*/12");
    result = interval == NULL ? -1
                              : PyObject_SetAttr((PyObject *)state->types.CronEventGenerator,
                                                 state->names.DEFAULT_INTERVAL, interval);
    Py_XDECREF(interval);
    return result;
}
