/* The Director type: construction, its settings, and the actors that it knows. */
#include "flow/director.h"

#include "flow/flag.h"
#include "flow/stop_signals.h"

#include <stdlib.h>

/* --- settings ------------------------------------------------------------------------------------------------------------- */

/* A level by its name in any case or by its number. Returns it, or -1 with ValueError set; `what` names the setting. */
static int
level_from_text(const char *what, const char *text)
{
    int level = cps_level_of_text(text);

    if (level >= 0) {
        return level;
    }
    PyErr_Format(PyExc_ValueError, "%s: '%s' is no log level", what, text);
    return -1;
}

/* The level that an argument (borrowed) asks for: an int, a name, or None: what the environment says, else DEBUG. */
static int
level_from_argument(PyObject *argument)
{
    const char *text = getenv("COMPYSITION_LOG_LEVEL");

    if (PyUnicode_Check(argument)) {
        text = PyUnicode_AsUTF8(argument);
        return text == NULL ? -1 : level_from_text("log_level", text);
    }
    if (argument != Py_None) {
        long number = PyLong_AsLong(argument);

        if (number < 0 || number > INT_MAX) {
            if (!PyErr_Occurred()) {
                PyErr_SetString(PyExc_ValueError, "log_level must not be negative");
            }
            return -1;
        }
        return (int)number;
    }
    return text == NULL || *text == '\0' ? CPS_LOG_DEBUG : level_from_text("COMPYSITION_LOG_LEVEL", text);
}

/* python_logging: true stands for the name "compysition". Returns 0 or -1. */
static int
set_log_base(CpsDirector *self, PyObject *argument)
{
    PyObject *base = NULL;

    if (PyUnicode_Check(argument)) {
        base = Py_NewRef(argument);
    }
    else {
        int wanted = PyObject_IsTrue(argument);

        if (wanted < 0) {
            return -1;
        }
        if (wanted && (base = PyUnicode_FromString("compysition")) == NULL) {
            return -1;
        }
    }
    Py_XSETREF(self->log_base, base);
    return 0;
}

/* --- construction --------------------------------------------------------------------------------------------------------- */

/* A default actor: `type`(name, size=<the director's>). New, or NULL. */
static CpsActor *
make_default_actor(CpsDirector *self, PyTypeObject *type, const char *name)
{
    PyObject *args = Py_BuildValue("(s)", name);
    PyObject *kwargs = Py_BuildValue("{s:n}", "size", self->size);
    PyObject *actor = args && kwargs ? PyObject_Call((PyObject *)type, args, kwargs) : NULL;

    Py_XDECREF(args);
    Py_XDECREF(kwargs);
    return (CpsActor *)actor;
}

/* Returns 0 or -1. */
static int
make_default_actors(CpsDirector *self)
{
    CpsActor *log = make_default_actor(self, self->state->types.STDOUT, "default_stdout");
    CpsActor *errors = make_default_actor(self, self->state->types.EventLogger, "default_error_logger");
    int result = -1;

    if (log != NULL && errors != NULL && cps_director_set_log_actor(self, log) == 0) {
        result = cps_director_set_error_actor(self, errors);
    }
    Py_XDECREF(log);
    Py_XDECREF(errors);
    return result;
}

/* The logger of the director itself; what it says before the start waits in its pool. Returns 0 or -1. */
static int
make_logger(CpsDirector *self)
{
    PyObject *name = PyUnicode_FromString("director");
    PyObject *pool = cps_pool_new(self->state, 0), *logger = NULL;

    if (name != NULL && pool != NULL) {
        logger = cps_logger_new(self->state, name, ((CpsQueuePool *)pool)->logs);
    }
    if (logger != NULL) {
        Py_XSETREF(self->pool, (CpsQueuePool *)Py_NewRef(pool));
        Py_XSETREF(self->logger, (CpsLogger *)logger);
        self->logger->level = self->log_level;
    }
    int result = logger == NULL ? -1 : cps_director_forward_records(self, self->logger, name);
    Py_XDECREF(name);
    Py_XDECREF(pool);
    return result;
}

/* The keywords without those that older releases knew. New, or NULL. */
static PyObject *
without_legacy(PyObject *kwargs)
{
    static const char *const ignored[] = {"frequency", "generate_metrics"};
    PyObject *known = kwargs == NULL ? PyDict_New() : PyDict_Copy(kwargs);

    for (size_t i = 0; known != NULL && i < Py_ARRAY_LENGTH(ignored); i++) {
        if (PyDict_GetItemString(known, ignored[i]) != NULL && PyDict_DelItemString(known, ignored[i]) < 0) {
            Py_CLEAR(known);
        }
    }
    return known;
}

/* Converter of PyArg_Parse: a queue's limit, where None stands for 0. */
static int
convert_size(PyObject *argument, void *size)
{
    Py_ssize_t number = argument == Py_None ? 0 : PyNumber_AsSsize_t(argument, PyExc_OverflowError);

    if (number == -1 && PyErr_Occurred()) {
        return 0;
    }
    *(Py_ssize_t *)size = number;
    return 1;
}

/* The settings from the arguments of __init__. Returns 0 or -1. */
static int
take_settings(CpsDirector *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"size",           "name",         "generate_blockdiag", "blockdiag_dir", "log_level",
                            "python_logging", "stop_timeout", "concurrency",        "processes",     NULL};
    PyObject *name = NULL, *directory = NULL, *level = Py_None, *base = Py_None;
    PyObject *concurrency = Py_None;
    int diagram = 1;

    self->size = 500;
    self->stop_timeout = 10.0;
    self->processes = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O&OpO$OOdOn:Director", names, convert_size, &self->size, &name,
                                     &diagram, &directory, &level, &base, &self->stop_timeout, &concurrency,
                                     &self->processes)) {
        return -1;
    }
    if (self->processes < 1) {
        PyErr_Format(PyExc_ValueError, "processes must be 1 or more, not %zd", self->processes);
        return -1;
    }
    self->generate_blockdiag = diagram;
    Py_XSETREF(self->concurrency, concurrency == Py_None ? NULL : Py_NewRef(concurrency));
    Py_XSETREF(self->name, name ? Py_NewRef(name) : PyUnicode_FromString("default"));
    Py_XSETREF(self->blockdiag_dir, directory ? Py_NewRef(directory) : PyUnicode_FromString("./build/blockdiag"));
    self->log_level = level_from_argument(level);
    if (self->name == NULL || self->blockdiag_dir == NULL || self->log_level < 0) {
        return -1;
    }
    return set_log_base(self, base);
}

static int
director_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    CpsDirector *self = (CpsDirector *)op;
    PyObject *known;
    int result;

    if (self->phase != CPS_DIRECTOR_IDLE) {
        PyErr_SetString(PyExc_RuntimeError, "a running Director cannot be set up again");
        return -1;
    }
    known = without_legacy(kwargs);
    if (known == NULL) {
        return -1;
    }
    result = take_settings(self, args, known);
    Py_DECREF(known);
    if (result < 0 || make_logger(self) < 0 || make_default_actors(self) < 0) {
        return -1;
    }
    if (self->generate_blockdiag) {
        Py_XSETREF(self->blockdiag_out, PyUnicode_FromString("diagram admin {\n"));
        if (self->blockdiag_out == NULL) {
            return -1;
        }
    }
    if (!self->made) {
        self->made = true;
        self->state->made_directors++;
    }
    return cps_stop_signals_install(self->state, false);
}

void
cps_director_leave_made(CpsDirector *self)
{
    if (self->made) {
        self->made = false;
        self->state->made_directors--;
    }
}

static PyObject *
director_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    CpsDirector *self = (CpsDirector *)type->tp_alloc(type, 0);

    if (self == NULL) {
        return NULL;
    }
    self->state = cps_state_of_type(type);
    self->stop_ready.run = cps_director_stop_run;
    cps_list_init(&self->blockers);
    self->actors = PyDict_New();
    self->ledger = cps_ledger_new();
    if (self->actors == NULL || self->ledger == NULL) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static int
director_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsDirector *self = (CpsDirector *)op;

    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->dict);
    Py_VISIT(self->name);
    Py_VISIT(self->actors);
    Py_VISIT(self->log_actor);
    Py_VISIT(self->error_actor);
    Py_VISIT(self->pool);
    Py_VISIT(self->logger);
    Py_VISIT(self->blockdiag_dir);
    Py_VISIT(self->blockdiag_out);
    Py_VISIT(self->concurrency);
    return 0;
}

static int
director_clear(PyObject *op)
{
    CpsDirector *self = (CpsDirector *)op;

    Py_CLEAR(self->dict);
    Py_CLEAR(self->name);
    Py_CLEAR(self->actors);
    Py_CLEAR(self->log_actor);
    Py_CLEAR(self->error_actor);
    Py_CLEAR(self->pool);
    Py_CLEAR(self->logger);
    Py_CLEAR(self->blockdiag_dir);
    Py_CLEAR(self->blockdiag_out);
    Py_CLEAR(self->log_base);
    Py_CLEAR(self->concurrency);
    return 0;
}

static void
director_dealloc(PyObject *op)
{
    CpsDirector *self = (CpsDirector *)op;
    PyTypeObject *type = Py_TYPE(op);
    bool never_started = self->made;

    PyObject_GC_UnTrack(op);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    (void)director_clear(op); /* it is idle: while it runs, the list of running directors holds it */
    cps_ledger_unref(self->ledger);
    cps_director_leave_made(self);
    if (never_started) {
        cps_stop_signals_unused(self->state);
    }
    type->tp_free(op);
    Py_DECREF(type);
}

/* --- attributes ----------------------------------------------------------------------------------------------------------- */

static PyObject *
director_get_log_actor(PyObject *op, void *Py_UNUSED(closure))
{
    CpsActor *actor = ((CpsDirector *)op)->log_actor;

    return Py_NewRef(actor == NULL ? Py_None : (PyObject *)actor);
}

static PyObject *
director_get_error_actor(PyObject *op, void *Py_UNUSED(closure))
{
    CpsActor *actor = ((CpsDirector *)op)->error_actor;

    return Py_NewRef(actor == NULL ? Py_None : (PyObject *)actor);
}

/* `value` (borrowed, NULL when it is deleted) as an actor, or NULL with SetupError set. */
static CpsActor *
actor_from_value(CpsDirector *self, PyObject *value)
{
    if (value == NULL || !cps_actor_check(self->state, value)) {
        cps_raise(self->state, CPS_SETUP_ERROR, "%R is no Actor", value == NULL ? Py_None : value);
        return NULL;
    }
    return (CpsActor *)value;
}

static int
director_set_log_actor(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    CpsDirector *self = (CpsDirector *)op;
    CpsActor *actor = actor_from_value(self, value);

    return actor == NULL ? -1 : cps_director_set_log_actor(self, actor);
}

static int
director_set_error_actor(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    CpsDirector *self = (CpsDirector *)op;
    CpsActor *actor = actor_from_value(self, value);

    return actor == NULL ? -1 : cps_director_set_error_actor(self, actor);
}

static PyGetSetDef director_getset[] = {
    CPS_FLAG("generate_blockdiag", CpsDirector, generate_blockdiag, "Whether start() writes a diagram (bool)."),
    {"log_actor", director_get_log_actor, director_set_log_actor,
     "The actor that all log records go to; STDOUT \"default_stdout\" unless replaced."},
    {"error_actor", director_get_error_actor, director_set_error_actor,
     "The actor that gets the error events of actors without an error queue; EventLogger\n"
     "\"default_error_logger\" unless replaced."},
    CPS_DICT,
    {NULL},
};

static PyMemberDef director_members[] = {
    {"name", T_OBJECT_EX, offsetof(CpsDirector, name), 0, "Its name (str): that of the diagram's files."},
    {"size", T_PYSSIZET, offsetof(CpsDirector, size), 0,
     "Maximum length (int) of the queues of actors that are registered from now on; 0: no limit."},
    {"actors", T_OBJECT_EX, offsetof(CpsDirector, actors), READONLY,
     "Registered actors by name (dict); the log and the error actor are not among them."},
    {"modules", T_OBJECT_EX, offsetof(CpsDirector, actors), READONLY, "Old name of actors (dict)."},
    {"blockdiag_dir", T_OBJECT_EX, offsetof(CpsDirector, blockdiag_dir), 0, "Folder of the diagram's files (str)."},
    {"blockdiag_out", T_OBJECT_EX, offsetof(CpsDirector, blockdiag_out), READONLY,
     "The diagram so far (str); there only with generate_blockdiag."},
    {"stop_timeout", T_DOUBLE, offsetof(CpsDirector, stop_timeout), 0,
     "How many seconds a stop waits for what is in flight (float)."},
    {"__dictoffset__", T_PYSSIZET, offsetof(CpsDirector, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(CpsDirector, weakrefs), READONLY, NULL},
    {NULL},
};

/* --- the type ------------------------------------------------------------------------------------------------------------- */

#define WITH_KEYWORDS(name, function, doc) {name, _PyCFunction_CAST(function), METH_VARARGS | METH_KEYWORDS, doc}

static PyMethodDef director_methods[] = {
    WITH_KEYWORDS("register_actor", cps_director_register_actor,
                  "register_actor($self, actor, name=None, *args, **kwargs)\n--\n\n"
                  "Make an actor known to the director, and return it.\n\n"
                  "A class is called as actor(name, *args, size=<director's size>, **kwargs). An\n"
                  "Actor is used as it is, under its own name. The first of two actors with one\n"
                  "name is never started; a warning says so. Raises SetupError for anything else."),
    WITH_KEYWORDS("register_log_actor", cps_director_register_log_actor,
                  "register_log_actor($self, actor, name=None, *args, **kwargs)\n--\n\n"
                  "As register_actor, for the actor that gets all log records. Returns it."),
    WITH_KEYWORDS("register_error_actor", cps_director_register_error_actor,
                  "register_error_actor($self, actor, name=None, *args, **kwargs)\n--\n\n"
                  "As register_actor, for the actor that gets the error events of actors without\n"
                  "an error queue of their own. Returns it."),
    WITH_KEYWORDS("register_metric_actor", cps_director_register_metric_actor,
                  "register_metric_actor($self, actor, name=None, *args, **kwargs)\n--\n\n"
                  "Make the actor and return it; metrics no longer flow to actors."),
    WITH_KEYWORDS("get_actor", cps_director_get_actor,
                  "get_actor($self, name)\n--\n\n"
                  "The registered actor of that name (str), else the log or error actor of that name,\n"
                  "else None."),
    WITH_KEYWORDS("connect_queue", cps_director_connect_queue,
                  "connect_queue($self, source, destinations, connect_function='connect_queue',\n"
                  "              *args, on_full='block', **kwargs)\n--\n\n"
                  "Connect an outbox of one actor to inboxes of others.\n\n"
                  "source: an actor, (actor, name) or (actor, [name, ...]). destinations: an actor,\n"
                  "(actor, name), or a list of these. An outbox is called as given, else like the\n"
                  "destination actor; an inbox as given, else like the outbox if its name was given,\n"
                  "else like the source actor. One named outbox with several destinations sends each\n"
                  "a copy of every event.\n"
                  "on_full: what a send does when the queue is full: 'block' waits, 'drop_new' and\n"
                  "'drop_old' throw an event away and count it, 'fail' raises QueueFull in the sender.\n"
                  "connect_function: name of the source's method that connects; it gets the further\n"
                  "arguments, such as check_existing=False.\n\n"
                  "Raises SetupError for what is no actor, QueueConnected when an outbox or inbox of\n"
                  "that name is in use."),
    WITH_KEYWORDS("connect_error_queue", cps_director_connect_error_queue,
                  "connect_error_queue($self, source, destinations, *args, **kwargs)\n--\n\n"
                  "As connect_queue, for the events that the source fails with. The inbox is called\n"
                  "error_<name>."),
    WITH_KEYWORDS("connect_log_queue", cps_director_connect_log_queue,
                  "connect_log_queue($self, source, destinations, *args, **kwargs)\n--\n\n"
                  "As connect_queue, for the source's log records. The inbox is called log_<name>."),
    WITH_KEYWORDS("start", cps_director_start,
                  "start($self, block=True)\n--\n\n"
                  "Start all actors, then wait until the director has stopped, unless block is false.\n\n"
                  "What a pre_hook raises is raised here, with a note that names the actor, after the\n"
                  "actors that had started were stopped. Starting a running director only waits."),
    {"block", cps_director_block, METH_NOARGS,
     "block($self, /)\n--\n\n"
     "Wait until the director has stopped; at once when it is not running."},
    {"stop", cps_director_stop, METH_NOARGS,
     "stop($self, /)\n--\n\n"
     "Stop: sources first; then, for at most stop_timeout seconds, what is in flight is consumed;\n"
     "then post_hooks run. A log line says what was drained and what was not. Inside a consume or\n"
     "a signal handler and in another thread it asks for that and returns; elsewhere it waits\n"
     "until it is done. Does nothing when the director is not running."},
    {"is_running", cps_director_is_running, METH_NOARGS,
     "is_running($self, /)\n--\n\n"
     "True from the beginning of start() until a stop is done."},
    {"stats", cps_director_stats, METH_NOARGS,
     "stats($self, /)\n--\n\n"
     "What has happened so far, as dicts of plain numbers:\n\n"
     "actors: per name, events in and out, errors, dropped, unrouted (sent with no queue to go\n"
     "to), rescued; running, retrying and blocked now; working_time in seconds (estimated).\n"
     "queues: per \"source.queue -> destination.queue\", in, out, dropped, depth, highest, limit,\n"
     "in_cycle (1 or 0); waiting_time in seconds (estimated).\n"
     "events: created, in_flight, kept (an actor may still send them), and how the others ended:\n"
     "consumed, dropped, failed, reported, answered. created is the sum of the others."},
    {"finalize_blockdiag", cps_picture_finalize, METH_NOARGS,
     "finalize_blockdiag($self, /)\n--\n\n"
     "Write <blockdiag_dir>/<name>.diag and, when Graphviz's dot is there,\n"
     "<blockdiag_dir>/img/<name>.svg. A failure is printed and otherwise ignored."},

    /* names of older releases */
    WITH_KEYWORDS("register", cps_director_register_actor, "Old name of register_actor."),
    WITH_KEYWORDS("registerModule", cps_director_register_actor, "Old name of register_actor."),
    WITH_KEYWORDS("register_module", cps_director_register_actor, "Old name of register_actor."),
    WITH_KEYWORDS("registerLogModule", cps_director_register_log_actor, "Old name of register_log_actor."),
    WITH_KEYWORDS("register_log_module", cps_director_register_log_actor, "Old name of register_log_actor."),
    WITH_KEYWORDS("registerFailedModule", cps_director_register_error_actor, "Old name of register_error_actor."),
    WITH_KEYWORDS("register_failed_module", cps_director_register_error_actor, "Old name of register_error_actor."),
    WITH_KEYWORDS("register_failed_actor", cps_director_register_error_actor, "Old name of register_error_actor."),
    WITH_KEYWORDS("register_default_error_actor", cps_director_register_error_actor,
                  "Old name of register_error_actor."),
    WITH_KEYWORDS("registerMetricModule", cps_director_register_metric_actor, "Old name of register_metric_actor."),
    WITH_KEYWORDS("register_metric_module", cps_director_register_metric_actor, "Old name of register_metric_actor."),
    WITH_KEYWORDS("get_module", cps_director_get_actor, "Old name of get_actor."),
    WITH_KEYWORDS("connect", cps_director_connect_queue, "Old name of connect_queue."),
    WITH_KEYWORDS("connect_error", cps_director_connect_error_queue, "Old name of connect_error_queue."),
    WITH_KEYWORDS("connect_queue_error", cps_director_connect_error_queue, "Old name of connect_error_queue."),
    {"isRunning", cps_director_is_running, METH_NOARGS, "Old name of is_running."},
    {NULL},
};

static PyType_Slot director_slots[] = {
    {Py_tp_doc,
     "Director(size=500, name='default', generate_blockdiag=True,\n"
     "         blockdiag_dir='./build/blockdiag', *, log_level=None, python_logging=None,\n"
     "         stop_timeout=10.0, concurrency=None, processes=1)\n--\n\n"
     "Registers actors, connects their queues, starts and stops them.\n\n"
     "size: int, maximum length of each queue of the actors that it makes; 0 or None: no limit.\n"
     "name: of the diagram's files. generate_blockdiag: write a diagram at start().\n"
     "blockdiag_dir: where to.\n"
     "log_level: int or name of a level; records below it are not made. None: what the environment\n"
     "variable COMPYSITION_LOG_LEVEL says, else DEBUG.\n"
     "python_logging: True, or the name of a logging.Logger: records also go to\n"
     "logging.getLogger('<name>.<actor>'); True stands for 'compysition'.\n"
     "stop_timeout: seconds that a stop waits for what is in flight.\n"
     "concurrency: how many consumes of one actor may be in progress, for actors that do not choose\n"
     "themselves; 0: no limit; None: what Actor has as default.\n"
     "processes: int. More than 1: start() forks as many, each of which runs all actors; servers share their\n"
     "ports. One that dies is started again; a stop ends them all. Main thread only.\n\n"
     "frequency and generate_metrics, of older releases, are accepted and ignored. Raises ValueError\n"
     "for an unknown level and for processes below 1. In the main thread SIGINT and SIGTERM stop running directors "
     "from now\n"
     "on: the first waits for what is in flight, the second does not."},
    {Py_tp_new, director_new},
    {Py_tp_init, director_init},
    {Py_tp_traverse, director_traverse},
    {Py_tp_clear, director_clear},
    {Py_tp_dealloc, director_dealloc},
    {Py_tp_methods, director_methods},
    {Py_tp_members, director_members},
    {Py_tp_getset, director_getset},
    {0, NULL},
};

static PyType_Spec director_spec = {
    .name = "compysition.director.Director",
    .basicsize = sizeof(CpsDirector),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = director_slots,
};

int
cps_director_setup(PyObject *module, CpsState *state)
{
    state->directors = PyList_New(0);
    state->old_handlers = PyDict_New();
    if (state->directors == NULL || state->old_handlers == NULL) {
        return -1;
    }
    return cps_add_type(module, &state->types.Director, &director_spec, NULL);
}
