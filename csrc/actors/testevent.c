/* TestEvent: the event generator of releases 1.0 and 1.1, which the README's first example still uses. */
#include "actors/generator.h"

#include "actors/actors.h"

/* A copy of the event, but not to the error queue that the director gave it because the script had connected none. */
static int
testevent_send_error(CpsGenerator *self, PyObject *event)
{
    return self->base.default_errors ? 0 : cps_actor_send_error(&self->base, event);
}

static const CpsGeneratorOps testevent_ops = {
    .actor = CPS_GENERATOR_ACTOR_OPS,
    .schedule = {.now = cps_schedule_monotonic, .next = cps_generator_next_interval, .run = cps_generator_run},
    .parse_interval = cps_generator_parse_interval,
    .send_error = testevent_send_error,
    .number_unit = "seconds",
    .first_at_once = true,
};

enum { DATA_VALUE = 1, HEADERS, PRODUCERS, INTERVAL, DELAY, MAX_EVENTS, GENERATE_ERROR, HEADER_VALUE, PARAMETERS };

/* {"data": data_value, **headers}. New, or NULL with an exception set. */
static PyObject *
testevent_kwargs(PyObject *const *values)
{
    PyObject *headers = values[HEADERS] == NULL ? values[HEADER_VALUE] : values[HEADERS];
    PyObject *kwargs = values[DATA_VALUE] == NULL ? Py_BuildValue("{ss}", "data", "test")
                                                  : Py_BuildValue("{sO}", "data", values[DATA_VALUE]);

    if (kwargs != NULL && headers != NULL && headers != Py_None && PyDict_Update(kwargs, headers) < 0) {
        Py_CLEAR(kwargs);
    }
    return kwargs;
}

/* Hand everything on in EventGenerator's terms. Returns 0, or -1 with an exception set. */
static int
testevent_configure(CpsGenerator *self, PyObject *const *values, PyObject *args, PyObject *kwargs)
{
    PyObject *event_kwargs = testevent_kwargs(values);
    PyObject *second = PyLong_FromLong(1);
    CpsGeneratorArgs given = {
        .event_kwargs = event_kwargs,
        .producers = values[PRODUCERS],
        .interval = values[INTERVAL] == NULL ? second : values[INTERVAL],
        .delay = values[DELAY],
        .max_events = values[MAX_EVENTS],
        .generate_error = values[GENERATE_ERROR] == NULL ? Py_True : values[GENERATE_ERROR],
    };
    int result = -1;

    if (event_kwargs != NULL && second != NULL) {
        result = cps_generator_configure(self, &testevent_ops, &given, args, kwargs);
    }
    Py_XDECREF(event_kwargs);
    Py_XDECREF(second);
    return result;
}

static int
testevent_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name",  "data_value", "headers",        "producers",   "interval",
                                        "delay", "max_events", "generate_error", "header_value"};
    PyObject *values[PARAMETERS], *rest_args, *rest_kwargs;
    int result;

    if (cps_bind("TestEvent", args, kwargs, names, PARAMETERS, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    result = testevent_configure((CpsGenerator *)op, values, rest_args, rest_kwargs);
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

PyDoc_STRVAR(testevent_doc,
             "TestEvent(name, data_value='test', headers={}, producers=1, interval=1, delay=0, max_events=0,\n"
             "          generate_error=True, *args, **kwargs)\n--\n\n"
             "The event generator of releases before 1.2: an EventGenerator whose first event comes at once.\n\n"
             "In: any event, which is dropped and makes one new event at once. Out: Event.\n\n"
             "data_value: data of each event.\n"
             "headers: dict of further attributes; also as header_value.\n"
             "producers: int, how many identical schedules run side by side.\n"
             "interval: seconds between events, int or float.\n"
             "delay: seconds before the first event; only this actor waits.\n"
             "max_events: int. The schedule ends after that many; 0 for no limit.\n"
             "generate_error: bool. A copy of each event goes to the error queues that the script connected.");

static PyType_Slot testevent_slots[] = {
    {Py_tp_doc, (void *)testevent_doc},       {Py_tp_init, testevent_init},
    {Py_tp_traverse, cps_generator_traverse}, {Py_tp_clear, cps_generator_clear},
    {Py_tp_dealloc, cps_generator_dealloc},   {0, NULL},
};

static PyType_Spec testevent_spec = {
    .name = "compysition.actors.testevent.TestEvent",
    .basicsize = sizeof(CpsGenerator),
    .flags = CPS_ACTOR_FLAGS,
    .slots = testevent_slots,
};

int
cps_testevent_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.TestEvent, &testevent_spec, (PyObject *)state->types.EventGenerator) < 0) {
        return -1;
    }
    return PyObject_SetAttrString((PyObject *)state->types.TestEvent, "__test__", Py_False);
}
