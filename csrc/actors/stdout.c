/* STDOUT: prints one line per event on standard output, and passes the event on. */
#include "actors/actors.h"

#include "event/event.h"

#include <time.h>

typedef struct {
    CpsActor base;
    PyObject *prefix; /* owned */
    bool complete, timestamp;
} CpsStdout;

enum { STAMP_SIZE = 40 };

/* "[<now>] " with local time, as str(datetime.now()) has it: without the fraction when that is zero. */
static void
stdout_stamp(char *stamp)
{
    struct timespec now;
    struct tm local;
    size_t length;

    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    length = strftime(stamp, STAMP_SIZE, "[%Y-%m-%d %H:%M:%S", &local);
    if (now.tv_nsec >= 1000) {
        length += (size_t)snprintf(stamp + length, STAMP_SIZE - length, ".%06ld", now.tv_nsec / 1000);
    }
    snprintf(stamp + length, STAMP_SIZE - length, "] ");
}

/* The line with its newline. New, or NULL with an exception set. */
static PyObject *
stdout_line(CpsStdout *self, PyObject *event)
{
    char stamp[STAMP_SIZE] = "";
    PyObject *text, *line;

    text = self->complete ? PyObject_Str(event) : cps_event_data_string(self->base.state, event);
    if (text == NULL) {
        return NULL;
    }
    if (self->timestamp) {
        stdout_stamp(stamp);
    }
    line = PyUnicode_FromFormat("%s%S%S\n", stamp, cps_field(self->prefix), text);
    Py_DECREF(text);
    return line;
}

/* Write `line` to what Python calls sys.stdout now, in one call so that the lines of several processes stay whole, and flush.
 * Returns 0, or -1 with an exception set. */
static int
stdout_write(CpsState *state, PyObject *line)
{
    PyObject *file = PySys_GetObject("stdout"); /* borrowed */
    PyObject *result;

    if (file == NULL || file == Py_None) { /* no standard output: as print does */
        return 0;
    }
    Py_INCREF(file); /* write may replace sys.stdout */
    result = PyObject_CallMethodOneArg(file, state->names.write, line);
    if (result != NULL) {
        Py_SETREF(result, PyObject_CallMethodNoArgs(file, state->names.flush));
    }
    Py_DECREF(file);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static int
stdout_consume(CpsActor *actor, CpsInbox *inbox, PyObject *event)
{
    PyObject *line = stdout_line((CpsStdout *)actor, event);
    int result;

    if (line == NULL) {
        return -1;
    }
    result = stdout_write(actor->state, line);
    Py_DECREF(line);
    return result < 0 ? -1 : cps_actor_send(actor, event);
}

static const CpsActorOps stdout_ops = {.consume = stdout_consume, .may_end = true};

/* Take the arguments after the name. Returns 0, or -1 with an exception set. */
static int
stdout_configure(CpsStdout *self, PyObject *complete, PyObject *prefix, PyObject *timestamp)
{
    self->complete = self->timestamp = false;
    if (cps_take_flag(&self->complete, complete) < 0 || cps_take_flag(&self->timestamp, timestamp) < 0) {
        return -1;
    }
    Py_XSETREF(self->prefix, prefix == NULL ? PyUnicode_FromString("") : Py_NewRef(prefix));
    return self->prefix == NULL ? -1 : 0;
}

static int
stdout_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "complete", "prefix", "timestamp"};
    CpsStdout *self = (CpsStdout *)op;
    PyObject *values[4], *rest_args, *rest_kwargs;
    int result;

    if (cps_bind("STDOUT", args, kwargs, names, 4, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    result = stdout_configure(self, values[1], values[2], values[3]);
    if (result == 0) {
        result = cps_actor_init(&self->base, &stdout_ops, rest_args, rest_kwargs);
    }
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

static int
stdout_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(((CpsStdout *)op)->prefix);
    return cps_actor_traverse(op, visit, arg);
}

static int
stdout_clear(PyObject *op)
{
    Py_CLEAR(((CpsStdout *)op)->prefix);
    return cps_actor_clear(op);
}

static void
stdout_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    Py_CLEAR(((CpsStdout *)op)->prefix);
    cps_actor_dealloc(op);
}

PyDoc_STRVAR(stdout_doc,
             "STDOUT(name, complete=False, prefix='', timestamp=False, *args, **kwargs)\n--\n\n"
             "Print one line per event on sys.stdout, flush it, and send the event on.\n\n"
             "In and out: Event. The line is the prefix and event.data_string(), without a separator.\n\n"
             "complete: bool. Print str(event), with all its attributes, instead of the data.\n"
             "prefix: str. Text before the data.\n"
             "timestamp: bool. Begin each line with the local time: [2015-02-13 16:56:35.850659]\n\n"
             "What sys.stdout raises (OSError when a pipe is broken, ValueError when it is closed) becomes\n"
             "the event's error; the process goes on.");

static PyMethodDef stdout_methods[] = {CPS_CONSUME_METHOD, {NULL}};

static PyMemberDef stdout_members[] = {
    CPS_ACTOR_MEMBERS,
    {"prefix", T_OBJECT_EX, offsetof(CpsStdout, prefix), 0, "Text before the data (str)."},
    {NULL},
};

static PyGetSetDef stdout_getset[] = {
    CPS_DICT,
    CPS_FLAG("complete", CpsStdout, complete, "Print str(event) (bool)."),
    CPS_FLAG("timestamp", CpsStdout, timestamp, "Begin with the time (bool)."),
    {NULL},
};

static PyType_Slot stdout_slots[] = {
    {Py_tp_doc, (void *)stdout_doc}, {Py_tp_init, stdout_init},       {Py_tp_traverse, stdout_traverse},
    {Py_tp_clear, stdout_clear},     {Py_tp_dealloc, stdout_dealloc}, {Py_tp_methods, stdout_methods},
    {Py_tp_members, stdout_members}, {Py_tp_getset, stdout_getset},   {0, NULL},
};

static PyType_Spec stdout_spec = {
    .name = "compysition.actors.stdout.STDOUT",
    .basicsize = sizeof(CpsStdout),
    .flags = CPS_ACTOR_FLAGS,
    .slots = stdout_slots,
};

int
cps_stdout_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.STDOUT, &stdout_spec, (PyObject *)state->types.Actor);
}
