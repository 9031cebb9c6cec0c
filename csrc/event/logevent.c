#include "event/logevent.h"

#include "event/format.h"
#include "event/property.h"

#include <time.h>

enum { LEVEL_INFO = 20 };

/* ---- the part ---- */

CpsLogPart *
cps_log_part_new(PyObject *level, PyObject *origin_actor, PyObject *message, PyObject *id)
{
    CpsLogPart *part = PyMem_Malloc(sizeof(*part));

    if (part == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    part->level = Py_NewRef(level);
    part->origin_actor = Py_NewRef(origin_actor);
    part->message = Py_NewRef(message);
    part->id = id == Py_None ? NULL : Py_XNewRef(id);
    part->time = NULL;
    return part;
}

CpsLogPart *
cps_log_part_copy(const CpsLogPart *part)
{
    CpsLogPart *copy = cps_log_part_new(part->level, part->origin_actor, part->message, part->id);

    if (copy != NULL) {
        copy->time = Py_XNewRef(part->time);
    }
    return copy;
}

int
cps_log_part_traverse(CpsLogPart *part, visitproc visit, void *arg)
{
    Py_VISIT(part->level);
    Py_VISIT(part->origin_actor);
    Py_VISIT(part->message);
    Py_VISIT(part->id);
    Py_VISIT(part->time);
    return 0;
}

void
cps_log_part_free(CpsLogPart *part)
{
    if (part != NULL) {
        Py_CLEAR(part->level);
        Py_CLEAR(part->origin_actor);
        Py_CLEAR(part->message);
        Py_CLEAR(part->id);
        Py_CLEAR(part->time);
        PyMem_Free(part);
    }
}

/* The part of `event`, made when a subclass did not call __init__. Borrowed from the event, or NULL. */
static CpsLogPart *
log_part(CpsEvent *event)
{
    if (event->log == NULL) {
        PyObject *level = PyLong_FromLong(LEVEL_INFO);

        if (level != NULL) {
            event->log = cps_log_part_new(level, Py_None, Py_None, NULL);
            Py_DECREF(level);
        }
    }
    return event->log;
}

/* ---- time ---- */

/* Local time as the logging module writes it: 2015-02-13 16:56:35,850. New, or NULL. */
static PyObject *
log_time_text(int64_t microseconds)
{
    time_t seconds = (time_t)(microseconds / 1000000);
    char text[sizeof("YYYY-MM-DD HH:MM:SS")];
    struct tm local;

    if (localtime_r(&seconds, &local) == NULL || strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local) == 0) {
        PyErr_SetString(PyExc_ValueError, "the time of a log record is out of range");
        return NULL;
    }
    return PyUnicode_FromFormat("%s,%03d", text, (int)(microseconds % 1000000 / 1000));
}

/* ---- attributes ---- */

typedef enum {
    LOG_LEVEL,
    LOG_ORIGIN_ACTOR,
    LOG_MESSAGE,
    LOG_ID,
    LOG_TIME,
} LogField;

static PyObject **
log_field(CpsLogPart *part, LogField field)
{
    switch (field) {
    case LOG_LEVEL:
        return &part->level;
    case LOG_ORIGIN_ACTOR:
        return &part->origin_actor;
    case LOG_MESSAGE:
        return &part->message;
    case LOG_ID:
        return &part->id;
    case LOG_TIME:
        return &part->time;
    }
    Py_UNREACHABLE();
}

static PyObject *
log_get(PyObject *op, void *closure)
{
    CpsEvent *self = (CpsEvent *)op;
    LogField which = (LogField)(intptr_t)closure;
    CpsLogPart *part = log_part(self);
    PyObject **field = part == NULL ? NULL : log_field(part, which);

    if (field == NULL) {
        return NULL;
    }
    if (*field == NULL) {
        *field = which == LOG_TIME ? log_time_text(self->created_us) : Py_NewRef(Py_None);
    }
    return Py_XNewRef(*field);
}

static int
log_set(PyObject *op, PyObject *value, void *closure)
{
    CpsLogPart *part = log_part((CpsEvent *)op);

    if (part == NULL) {
        return -1;
    }
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "attributes of a log record cannot be deleted");
        return -1;
    }
    Py_XSETREF(*log_field(part, (LogField)(intptr_t)closure), Py_NewRef(value));
    return 0;
}

/* The record as a dict. New, or NULL. */
static PyObject *
log_describe(PyObject *self)
{
    static const char *const keys[] = {"id", "level", "time", "origin_actor", "message"};
    static const LogField fields[] = {LOG_ID, LOG_LEVEL, LOG_TIME, LOG_ORIGIN_ACTOR, LOG_MESSAGE};
    PyObject *data = PyDict_New();

    for (size_t i = 0; data != NULL && i < Py_ARRAY_LENGTH(keys); i++) {
        PyObject *value = log_get(self, (void *)(intptr_t)fields[i]);

        if (value == NULL || PyDict_SetItemString(data, keys[i], value) < 0) {
            Py_CLEAR(data);
        }
        Py_XDECREF(value);
    }
    return data;
}

static PyObject *
log_get_data(PyObject *op, void *closure)
{
    CpsEvent *self = (CpsEvent *)op;
    CpsState *state = cps_state_of(op);

    if (self->payload == NULL) {
        PyObject *data = log_describe(op);
        int result = data == NULL ? -1 : cps_event_store_data(state, op, data);

        Py_XDECREF(data);
        if (result < 0) {
            return NULL;
        }
    }
    return cps_payload_expose(state, &self->payload);
}

static int
log_set_data(PyObject *self, PyObject *value, void *closure)
{
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "event attribute 'data' cannot be deleted");
        return -1;
    }
    return cps_event_assign_data(cps_state_of(self), self, value);
}

static int
log_set_raw_data(PyObject *self, PyObject *value, void *closure)
{
    return cps_event_store_data(cps_state_of(self), self, value == NULL ? Py_None : value);
}

static PyGetSetDef logevent_properties[] = {
    {"data", log_get_data, log_set_data,
     "A dict with id, level, time, origin_actor and message, made when it is first read."},
    {NULL},
};

static PyGetSetDef logevent_getset[] = {
    {"level", log_get, log_set, "The level, as in logging: an int.", (void *)LOG_LEVEL},
    {"origin_actor", log_get, log_set, "Who logged: a str.", (void *)LOG_ORIGIN_ACTOR},
    {"message", log_get, log_set, "What was logged: a str.", (void *)LOG_MESSAGE},
    {"id", log_get, log_set, "The id the record is about, or None.", (void *)LOG_ID},
    {"time", log_get, log_set, "When (str): local time, 'YYYY-MM-DD HH:MM:SS,mmm'.", (void *)LOG_TIME},
    {"_data", log_get_data, log_set_raw_data, NULL},
    {NULL},
};

/* ---- construction ---- */

static int
logevent_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"level", "origin_actor", "message", "id", NULL};
    CpsEvent *self = (CpsEvent *)op;
    PyObject *level, *origin_actor, *message, *id = Py_None; /* borrowed */
    CpsLogPart *part, *old = self->log;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO|O:LogEvent", keywords, &level, &origin_actor, &message, &id)) {
        return -1;
    }
    part = cps_log_part_new(level, origin_actor, message, id);
    if (part == NULL) {
        return -1;
    }
    self->log = part;
    cps_log_part_free(old);
    Py_XSETREF(self->meta_id, Py_XNewRef(part->id));
    return 0;
}

int
cps_log_describe(CpsState *state, CpsEvent *record, PyObject *event)
{
    PyObject *level = PyLong_FromLong(LEVEL_INFO);
    PyObject *message = cps_event_data_string(state, event);
    PyObject *id = cps_event_meta_id((CpsEvent *)event); /* borrowed */

    if (level != NULL && message != NULL && id != NULL) {
        record->log = cps_log_part_new(level, Py_None, message, id);
    }
    Py_XDECREF(level);
    Py_XDECREF(message);
    return record->log == NULL ? -1 : 0;
}

PyObject *
cps_log_event_new(CpsState *state, int level, PyObject *origin_actor, PyObject *message, PyObject *id)
{
    PyTypeObject *type = state->types.LogEvent;
    PyObject *number = PyLong_FromLong(level);
    PyObject *op;
    CpsEvent *self;

    if (number == NULL) {
        return NULL;
    }
    op = state->types.Event->tp_new(type, NULL, NULL);
    self = (CpsEvent *)op;
    if (self != NULL) {
        self->log = cps_log_part_new(number, origin_actor, message, id);
        if (self->log == NULL) {
            Py_CLEAR(op);
        }
        else {
            self->meta_id = Py_XNewRef(self->log->id);
        }
    }
    Py_DECREF(number);
    return op;
}

int
cps_log_event_level(PyObject *event)
{
    CpsLogPart *part = ((CpsEvent *)event)->log;
    long level;

    if (part == NULL || !PyLong_Check(part->level)) {
        return LEVEL_INFO;
    }
    level = PyLong_AsLong(part->level);
    if (level == -1 && PyErr_Occurred()) {
        PyErr_Clear();
        return LEVEL_INFO;
    }
    return level < INT_MIN || level > INT_MAX ? LEVEL_INFO : (int)level;
}

/* ---- the type ---- */

PyDoc_STRVAR(logevent_doc, "LogEvent(level, origin_actor, message, id=None)\n--\n\n"
                           "A log record.\n\n"
                           "level: an int, as in logging.\n"
                           "origin_actor: who logs, a str.\n"
                           "message: a str.\n"
                           "id: the id of the event that the record is about, or None.");

static PyType_Slot logevent_slots[] = {
    {Py_tp_doc, (void *)logevent_doc},
    {Py_tp_init, logevent_init},
    {Py_tp_traverse, cps_event_traverse},
    {Py_tp_clear, cps_event_clear},
    {Py_tp_dealloc, cps_event_dealloc},
    {Py_tp_getset, logevent_getset},
    {0, NULL},
};

static PyType_Spec logevent_spec = {
    .name = "compysition.event.LogEvent",
    .basicsize = sizeof(CpsEvent),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = logevent_slots,
};

int
cps_logevent_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.LogEvent, &logevent_spec, (PyObject *)state->types.Event) < 0) {
        return -1;
    }
    return cps_property_add(state, state->types.LogEvent, logevent_properties);
}
