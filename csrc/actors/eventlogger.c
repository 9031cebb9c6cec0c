/* EventLogger: writes each event into the log, and passes it on. */
#include "actors/actors.h"

#include "event/event.h"

typedef struct {
    CpsActor base;
    PyObject *prefix;      /* owned */
    PyObject *logged_tags; /* owned: iterable of attribute names */
    int level;
    bool log_full_event;
} CpsEventLogger;

/* What is logged for one tag. New, or NULL with an exception set. */
static PyObject *
eventlogger_tag_text(CpsState *state, PyObject *event, PyObject *tag)
{
    PyObject *value, *text;

    if (PyUnicode_Check(tag) && PyUnicode_Compare(tag, state->names.data) == 0) {
        value = cps_event_data_string(state, event);
    }
    else if (PyUnicode_Check(tag) && PyUnicode_Compare(tag, state->names.error) == 0) {
        value = cps_event_error_string(state, event);
    }
    else if (PyObject_GetOptionalAttr(event, tag, &value) == 0) {
        value = Py_NewRef(Py_None);
    }
    if (value == NULL) {
        return NULL;
    }
    text = PyObject_Str(value);
    Py_DECREF(value);
    return text;
}

/* The prefix and the texts of all tags, without separators. New, or NULL with an exception set. */
static PyObject *
eventlogger_tags_message(CpsEventLogger *self, PyObject *event)
{
    PyObject *tags = PySequence_Fast(cps_field(self->logged_tags), "logged_tags must be a list of names");
    PyObject *message = tags == NULL ? NULL : PyObject_Str(cps_field(self->prefix));

    for (Py_ssize_t i = 0; message != NULL && i < PySequence_Fast_GET_SIZE(tags); i++) {
        PyObject *tag = Py_NewRef(PySequence_Fast_GET_ITEM(tags, i));

        PyUnicode_AppendAndDel(&message, eventlogger_tag_text(self->base.state, event, tag));
        Py_DECREF(tag);
    }
    Py_XDECREF(tags);
    return message;
}

static PyObject *
eventlogger_message(CpsEventLogger *self, PyObject *event)
{
    return self->log_full_event ? PyUnicode_FromFormat("%S%S", cps_field(self->prefix), event)
                                : eventlogger_tags_message(self, event);
}

static int
eventlogger_consume(CpsActor *actor, CpsInbox *inbox, PyObject *event)
{
    CpsEventLogger *self = (CpsEventLogger *)actor;

    if (cps_log_enabled(actor->logger, self->level)) {
        PyObject *message = eventlogger_message(self, event);

        if (message == NULL) {
            return -1;
        }
        cps_log_message(actor->logger, self->level, event, message);
        Py_DECREF(message);
    }
    return cps_actor_send(actor, event);
}

static const CpsActorOps eventlogger_ops = {.consume = eventlogger_consume, .may_end = true};

enum { LEVEL = 1, LOGGED_TAGS, LOG_FULL_EVENT, PREFIX, PARAMETERS };

/* Take the arguments after the name. Returns 0, or -1 with an exception set. */
static int
eventlogger_configure(CpsEventLogger *self, PyObject *const *values)
{
    PyObject *tags = values[LOGGED_TAGS], *prefix = values[PREFIX];

    self->level = CPS_LOG_INFO;
    self->log_full_event = true;
    if (cps_take_level(&self->level, values[LEVEL]) < 0 ||
        cps_take_flag(&self->log_full_event, values[LOG_FULL_EVENT]) < 0) {
        return -1;
    }
    Py_XSETREF(self->prefix, prefix == NULL ? PyUnicode_FromString("") : Py_NewRef(prefix));
    Py_XSETREF(self->logged_tags, tags == NULL ? Py_BuildValue("[s]", "data") : Py_NewRef(tags));
    return self->prefix == NULL || self->logged_tags == NULL ? -1 : 0;
}

static int
eventlogger_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "level", "logged_tags", "log_full_event", "prefix"};
    CpsEventLogger *self = (CpsEventLogger *)op;
    PyObject *values[PARAMETERS], *rest_args, *rest_kwargs;
    int result;

    if (cps_bind("EventLogger", args, kwargs, names, PARAMETERS, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    result = eventlogger_configure(self, values);
    if (result == 0) {
        result = cps_actor_init(&self->base, &eventlogger_ops, rest_args, rest_kwargs);
    }
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

static int
eventlogger_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsEventLogger *self = (CpsEventLogger *)op;

    Py_VISIT(self->prefix);
    Py_VISIT(self->logged_tags);
    return cps_actor_traverse(op, visit, arg);
}

static void
eventlogger_clear_own(CpsEventLogger *self)
{
    Py_CLEAR(self->prefix);
    Py_CLEAR(self->logged_tags);
}

static int
eventlogger_clear(PyObject *op)
{
    eventlogger_clear_own((CpsEventLogger *)op);
    return cps_actor_clear(op);
}

static void
eventlogger_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    eventlogger_clear_own((CpsEventLogger *)op);
    cps_actor_dealloc(op);
}

PyDoc_STRVAR(eventlogger_doc,
             "EventLogger(name, level=20, logged_tags=['data'], log_full_event=True, prefix='', *args,\n"
             "            **kwargs)\n--\n\n"
             "Log each event through the actor's own logger, and send it on.\n\n"
             "In and out: Event. The record has the event's meta_id. Below the log level nothing is built.\n\n"
             "level: int. Level of the records, as in logging; 20 is INFO.\n"
             "logged_tags: list of str. With log_full_event=False: what is logged, joined without separators.\n"
             "    'data' is event.data_string(), 'error' is event.error_string(), another name is the text of\n"
             "    that attribute; None where there is no such thing.\n"
             "log_full_event: bool. Log str(event) instead.\n"
             "prefix: str. Text before all that.\n\n"
             "Fails with what data_string() or the other texts raise.");

static PyMethodDef eventlogger_methods[] = {CPS_CONSUME_METHOD, {NULL}};

static PyMemberDef eventlogger_members[] = {
    CPS_ACTOR_MEMBERS,
    {"level", T_INT, offsetof(CpsEventLogger, level), 0, "Level of the records (int)."},
    {"logged_tags", T_OBJECT_EX, offsetof(CpsEventLogger, logged_tags), 0, "Names of what is logged (list of str)."},
    {"prefix", T_OBJECT_EX, offsetof(CpsEventLogger, prefix), 0, "Text before it (str)."},
    {NULL},
};

static PyGetSetDef eventlogger_getset[] = {
    CPS_DICT,
    CPS_FLAG("log_full_event", CpsEventLogger, log_full_event, "Log str(event) (bool)."),
    {NULL},
};

static PyType_Slot eventlogger_slots[] = {
    {Py_tp_doc, (void *)eventlogger_doc}, {Py_tp_init, eventlogger_init},       {Py_tp_traverse, eventlogger_traverse},
    {Py_tp_clear, eventlogger_clear},     {Py_tp_dealloc, eventlogger_dealloc}, {Py_tp_methods, eventlogger_methods},
    {Py_tp_members, eventlogger_members}, {Py_tp_getset, eventlogger_getset},   {0, NULL},
};

static PyType_Spec eventlogger_spec = {
    .name = "compysition.actors.eventlogger.EventLogger",
    .basicsize = sizeof(CpsEventLogger),
    .flags = CPS_ACTOR_FLAGS,
    .slots = eventlogger_slots,
};

int
cps_eventlogger_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.EventLogger, &eventlogger_spec, (PyObject *)state->types.Actor);
}
