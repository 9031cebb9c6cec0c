#include "flow/logger.h"

#include "event/event.h"
#include "flow/actor.h"
#include "loop/worker.h"

#include <stdlib.h>

/* --- emitting --------------------------------------------------------------------------------------------------------------------- */

/* Whether the actor that this logger belongs to consumes `queue`: what it says about a record must not come back as one. */
static bool
logger_feeds_itself(const CpsLogger *self, const CpsQueue *queue)
{
    for (CpsLink *link = cps_list_first(&queue->inboxes); link != NULL; link = cps_list_after(&queue->inboxes, link)) {
        if (CPS_CONTAINER(link, CpsInbox, queue_link)->actor->logger == self) {
            return true;
        }
    }
    return false;
}

/* Whether the calling fiber is consuming a log record. Others of the same actor may be under way meanwhile. */
static bool
logger_in_log_consume(void)
{
    CpsRuntime *rt = cps_runtime_peek();
    CpsWorker *worker = rt == NULL ? NULL : cps_worker_current(rt);

    return worker != NULL && cps_worker_delivery(worker)->active && cps_worker_delivery(worker)->of_log;
}

/* Put the record (borrowed) on one queue. Returns 0 or -1. */
static int
logger_put(CpsLogger *self, PyObject *queue, PyObject *record)
{
    CpsQueue *target = (CpsQueue *)queue;
    PyObject *own, *result;

    if (logger_feeds_itself(self, target) && logger_in_log_consume()) {
        return 0;
    }
    if (target->plain_put) {
        own = Py_NewRef(record);
        if (cps_queue_push(target, &own) < 0) {
            Py_DECREF(own);
            return -1;
        }
        return 0;
    }
    result = PyObject_CallMethodOneArg(queue, self->state->names.put, record);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* The record's id: what was given, else the event's meta_id, else NULL. Borrowed, with *owned holding it if needed. */
static int
logger_record_id(CpsLogger *self, PyObject *event, PyObject *given, PyObject **id)
{
    *id = NULL;
    if (given != NULL && given != Py_None) {
        *id = Py_NewRef(given);
    }
    else if (event != NULL && event != Py_None) {
        return PyObject_GetOptionalAttr(event, self->state->names.meta_id, id) < 0 ? -1 : 0; /* it may be no event */
    }
    return 0;
}

static int
logger_forward(CpsLogger *self, int level, PyObject *message)
{
    PyObject *result = PyObject_CallMethod(self->forward, "log", "isO", level, "%s", message);

    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Make a record and put it on every log queue. Returns 0 or -1. */
static int
logger_emit(CpsLogger *self, int level, PyObject *message, PyObject *event, PyObject *given_id)
{
    PyObject *id, *record, *queues;
    int status = 0;

    if (!cps_log_enabled(self, level)) {
        return 0;
    }
    if (self->forward != NULL && self->forward != Py_None && logger_forward(self, level, message) < 0) {
        return -1;
    }
    if (logger_record_id(self, event, given_id, &id) < 0) {
        return -1;
    }
    queues = PyDict_Values((PyObject *)self->pool);
    for (Py_ssize_t i = 0; queues != NULL && status == 0 && i < PyList_GET_SIZE(queues); i++) {
        record = cps_log_event_new(self->state, level, self->name, message, id);
        status = record == NULL ? -1 : logger_put(self, PyList_GET_ITEM(queues, i), record);
        Py_XDECREF(record);
    }
    Py_XDECREF(id);
    Py_XDECREF(queues);
    return queues == NULL ? -1 : status;
}

void
cps_log_message(CpsLogger *logger, int level, PyObject *event, PyObject *message)
{
    PyObject *raised;

    if (!cps_log_enabled(logger, level)) {
        return;
    }
    raised = PyErr_GetRaisedException(); /* new, or NULL */
    if (logger_emit(logger, level, message, event, NULL) < 0) {
        cps_runtime_unraisable((PyObject *)logger);
    }
    PyErr_SetRaisedException(raised);
}

void
cps_log(CpsLogger *logger, int level, PyObject *event, const char *format, ...)
{
    PyObject *raised, *message;
    va_list args;

    if (!cps_log_enabled(logger, level)) {
        return;
    }
    raised = PyErr_GetRaisedException(); /* new, or NULL */
    va_start(args, format);
    message = PyUnicode_FromFormatV(format, args);
    va_end(args);
    if (message == NULL || logger_emit(logger, level, message, event, NULL) < 0) {
        cps_runtime_unraisable((PyObject *)logger);
    }
    Py_XDECREF(message);
    PyErr_SetRaisedException(raised);
}

void
cps_log_notes(CpsLogger *logger, CpsNotes *notes)
{
    size_t lost = cps_notes_take_lost(notes);
    CpsNote *note;

    while ((note = cps_notes_next(notes)) != NULL) {
        cps_log(logger, note->level, NULL, "%s", note->text);
        free(note);
    }
    if (lost > 0) {
        cps_log(logger, CPS_LOG_WARNING, NULL, "%zu lines were left out here", lost);
    }
}

/* --- Python ------------------------------------------------------------------------------------------------------------------------- */

static PyObject *
logger_call(PyObject *op, int level, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"message", "event", "log_entry_id", NULL};
    PyObject *message, *event = NULL, *id = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OO", keywords, &message, &event, &id) ||
        logger_emit((CpsLogger *)op, level, message, event, id) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

#define LOGGER_METHOD(name, level)                                                 \
    static PyObject *logger_##name(PyObject *op, PyObject *args, PyObject *kwargs) \
    {                                                                              \
        return logger_call(op, level, args, kwargs);                               \
    }

LOGGER_METHOD(critical, CPS_LOG_CRITICAL)
LOGGER_METHOD(error, CPS_LOG_ERROR)
LOGGER_METHOD(warning, CPS_LOG_WARNING)
LOGGER_METHOD(info, CPS_LOG_INFO)
LOGGER_METHOD(debug, CPS_LOG_DEBUG)

static PyObject *
logger_log(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"level", "message", "event", "log_entry_id", NULL};
    PyObject *message, *event = NULL, *id = NULL;
    int level;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iO|OO:log", keywords, &level, &message, &event, &id) ||
        logger_emit((CpsLogger *)op, level, message, event, id) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* The level of loggers that no director has set. */
static int
logger_default_level(void)
{
    const char *text = getenv("COMPYSITION_LOG_LEVEL");

    int level = text == NULL ? -1 : cps_level_of_text(text);

    return level < 0 ? CPS_LOG_DEBUG : level;
}

PyObject *
cps_logger_new(CpsState *state, PyObject *name, CpsInternalQueuePool *pool)
{
    CpsLogger *self = (CpsLogger *)state->types.Logger->tp_alloc(state->types.Logger, 0);

    if (self != NULL) {
        self->state = state;
        self->name = Py_NewRef(name);
        self->pool = (CpsInternalQueuePool *)Py_NewRef(pool);
        self->level = logger_default_level();
    }
    return (PyObject *)self;
}

static int
logger_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"name", "queue_pool", NULL};
    CpsLogger *self = (CpsLogger *)op;
    CpsState *state = cps_state_of(op);
    PyObject *name, *pool;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO:Logger", keywords, &name, &pool)) {
        return -1;
    }
    if (!PyObject_TypeCheck(pool, state->types.InternalQueuePool)) {
        PyErr_SetString(PyExc_TypeError, "Logger queue_pool must be of type '_InternalQueuePool'");
        return -1;
    }
    self->state = state;
    self->level = logger_default_level();
    Py_XSETREF(self->name, Py_NewRef(name));
    Py_XSETREF(self->pool, (CpsInternalQueuePool *)Py_NewRef(pool));
    return 0;
}

static int
logger_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsLogger *self = (CpsLogger *)op;

    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->dict);
    Py_VISIT(self->name);
    Py_VISIT(self->pool);
    Py_VISIT(self->forward);
    return 0;
}

static int
logger_clear(PyObject *op)
{
    CpsLogger *self = (CpsLogger *)op;

    Py_CLEAR(self->dict);
    Py_CLEAR(self->name);
    Py_CLEAR(self->pool);
    Py_CLEAR(self->forward);
    return 0;
}

static void
logger_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    (void)logger_clear(op);
    type->tp_free(op);
    Py_DECREF(type);
}

#define LOGGER_DOC(name, level)                                                                    \
    PyDoc_STR(name "($self, message, event=None, log_entry_id=None)\n--\n\n"                       \
                   "Log a message at level " level ". The record's id is log_entry_id, else the\n" \
                   "event's meta_id, else None.")

static PyMethodDef logger_methods[] = {
    {"critical", _PyCFunction_CAST(logger_critical), METH_VARARGS | METH_KEYWORDS, LOGGER_DOC("critical", "50")},
    {"error", _PyCFunction_CAST(logger_error), METH_VARARGS | METH_KEYWORDS, LOGGER_DOC("error", "40")},
    {"warning", _PyCFunction_CAST(logger_warning), METH_VARARGS | METH_KEYWORDS, LOGGER_DOC("warning", "30")},
    {"warn", _PyCFunction_CAST(logger_warning), METH_VARARGS | METH_KEYWORDS, LOGGER_DOC("warn", "30")},
    {"info", _PyCFunction_CAST(logger_info), METH_VARARGS | METH_KEYWORDS, LOGGER_DOC("info", "20")},
    {"debug", _PyCFunction_CAST(logger_debug), METH_VARARGS | METH_KEYWORDS, LOGGER_DOC("debug", "10")},
    {"log", _PyCFunction_CAST(logger_log), METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("log($self, level, message, event=None, log_entry_id=None)\n--\n\n"
               "Log a message; level: int, as in logging.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef logger_members[] = {
    {"name", T_OBJECT, offsetof(CpsLogger, name), 0, PyDoc_STR("origin_actor of the records (str).")},
    {"pool", T_OBJECT, offsetof(CpsLogger, pool), READONLY, PyDoc_STR("The log queues (_InternalQueuePool).")},
    {"level", T_INT, offsetof(CpsLogger, level), 0, PyDoc_STR("int: records below it are not made.")},
    {"forward", T_OBJECT, offsetof(CpsLogger, forward), 0,
     PyDoc_STR("logging.Logger that gets every record, too, or None.")},
    {"__dictoffset__", T_PYSSIZET, offsetof(CpsLogger, dict), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef logger_getset[] = {
    CPS_DICT,
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(logger_doc,
             "Logger(name, queue_pool)\n--\n\n"
             "Puts a LogEvent on each queue of a pool for each message.\n\n"
             "name: str. queue_pool: _InternalQueuePool; TypeError for anything else. Logging never blocks.");

static PyType_Slot logger_slots[] = {
    {Py_tp_doc, (void *)logger_doc},   {Py_tp_init, logger_init},     {Py_tp_dealloc, logger_dealloc},
    {Py_tp_traverse, logger_traverse}, {Py_tp_clear, logger_clear},   {Py_tp_methods, logger_methods},
    {Py_tp_members, logger_members},   {Py_tp_getset, logger_getset}, {0, NULL},
};

static PyType_Spec logger_spec = {
    .name = "compysition.logger.Logger",
    .basicsize = sizeof(CpsLogger),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .slots = logger_slots,
};

int
cps_logger_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.Logger, &logger_spec, NULL);
}
