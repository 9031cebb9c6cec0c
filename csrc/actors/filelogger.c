/* FileLogger: writes log records into files. */
#include "actors/filelogger.h"

#include "actors/actors.h"
#include "actors/logfile.h"
#include "event/event.h"

#include <limits.h>
#include <time.h>

/* --- levels --------------------------------------------------------------------------------------------------------------- */

/* New str, or NULL with an exception set. */
static PyObject *
level_text(int level)
{
    const char *name = cps_level_name(level);

    return name != NULL ? PyUnicode_FromString(name) : PyUnicode_FromFormat("Level %d", level);
}

/* --- lines ---------------------------------------------------------------------------------------------------------------- */

/* An attribute that a record may lack or have as None. New, NULL without an exception when there is nothing, or NULL with one. */
static PyObject *
record_field(PyObject *event, PyObject *name)
{
    PyObject *value;

    if (PyObject_GetOptionalAttr(event, name, &value) == 1 && value == Py_None) {
        Py_CLEAR(value);
    }
    return value;
}

/* The local time as records have it: "2015-02-13 16:56:35,850". New, or NULL with an exception set. */
static PyObject *
record_time_now(void)
{
    struct timespec now;
    struct tm local;
    char text[32];

    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
    return PyUnicode_FromFormat("%s,%03d", text, (int)(now.tv_nsec / 1000000));
}

/* "<time> <LEVELNAME> actor=<origin_actor>": what events that are no log records lack is made up for. New, or NULL with an
 * exception set. */
static PyObject *
filelogger_line_head(CpsFileLogger *self, PyObject *event, int level)
{
    CpsState *state = self->base.state;
    PyObject *level_name = level_text(level), *time = NULL, *origin = NULL, *head = NULL;

    time = level_name == NULL ? NULL : record_field(event, state->names.time);
    if (time == NULL && !PyErr_Occurred()) {
        time = record_time_now();
    }
    origin = time == NULL ? NULL : record_field(event, state->names.origin_actor);
    if (origin == NULL && !PyErr_Occurred()) {
        origin = Py_NewRef(self->base.name);
    }
    if (origin != NULL) {
        head = PyUnicode_FromFormat("%S %S actor=%S", time, level_name, origin);
    }
    Py_XDECREF(level_name);
    Py_XDECREF(time);
    Py_XDECREF(origin);
    return head;
}

/* The record's id, or NULL when it has none: for events that are no log records the meta_id. New, or NULL; check for an exception. */
static PyObject *
filelogger_record_id(CpsFileLogger *self, PyObject *event)
{
    CpsState *state = self->base.state;
    bool is_record = PyObject_TypeCheck(event, state->types.LogEvent);

    return record_field(event, is_record ? state->names.id : state->names.meta_id);
}

/* The text of the record, edited. New, or NULL with an exception set. */
static PyObject *
filelogger_message(CpsFileLogger *self, PyObject *event)
{
    CpsState *state = self->base.state;
    PyObject *message = record_field(event, state->names.message);

    if (message == NULL && !PyErr_Occurred()) {
        message = cps_event_data_string(state, event);
    }
    if (message != NULL) {
        Py_SETREF(message, PyObject_Str(message));
    }
    if (message != NULL && self->edit != NULL) {
        Py_SETREF(message, self->edit(self, message));
    }
    return message;
}

/* The line with its newline. New, or NULL with an exception set. */
static PyObject *
filelogger_line(CpsFileLogger *self, PyObject *event, int level)
{
    PyObject *head = filelogger_line_head(self, event, level);
    PyObject *message = head == NULL ? NULL : filelogger_message(self, event);
    PyObject *id = message == NULL ? NULL : filelogger_record_id(self, event);
    PyObject *line = NULL;

    if (message != NULL && !PyErr_Occurred()) {
        line = id == NULL ? PyUnicode_FromFormat("%U :: %U\n", head, message)
                          : PyUnicode_FromFormat("%U, id=%S :: %U\n", head, id, message);
    }
    Py_XDECREF(head);
    Py_XDECREF(message);
    Py_XDECREF(id);
    return line;
}

/* --- files ---------------------------------------------------------------------------------------------------------------- */

/* os.path.abspath(os.path.join(directory, name)), as bytes. New, or NULL with an exception set. */
static PyObject *
filelogger_path(CpsFileLogger *self, PyObject *name)
{
    PyObject *module = PyImport_ImportModule("os.path");
    PyObject *path = NULL, *bytes = NULL;

    if (module != NULL) {
        path = PyObject_CallMethod(module, "join", "OO", cps_field(self->directory), name);
    }
    if (path != NULL) {
        Py_SETREF(path, PyObject_CallMethod(module, "abspath", "O", path));
    }
    if (path != NULL && !PyUnicode_FSConverter(path, &bytes)) {
        bytes = NULL;
    }
    Py_XDECREF(module);
    Py_XDECREF(path);
    return bytes;
}

/* Open the file called `name`, and remember it. Borrowed from self->loggers, or NULL with an exception set. */
static CpsLogFile *
filelogger_open(CpsFileLogger *self, PyObject *name)
{
    PyObject *path = filelogger_path(self, name);
    PyObject *file = NULL;

    if (path != NULL) {
        file = cps_logfile_open(self->base.state, path, self->max_bytes, self->backup_count);
        Py_DECREF(path);
    }
    if (file == NULL) {
        return NULL;
    }
    if (PyDict_SetItem(self->loggers, name, file) < 0) {
        Py_DECREF(file);
        return NULL;
    }
    Py_DECREF(file); /* the dict has one */
    return (CpsLogFile *)file;
}

/* The file that the record goes to. New, or NULL with an exception set. */
static CpsLogFile *
filelogger_file(CpsFileLogger *self, PyObject *event)
{
    PyObject *name = record_field(event, self->base.state->names.logger_filename);
    CpsLogFile *file = NULL; /* borrowed */

    if (name == NULL && !PyErr_Occurred()) {
        name = Py_NewRef(cps_field(self->default_filename));
    }
    if (name != NULL) {
        file = (CpsLogFile *)PyDict_GetItemWithError(self->loggers, name);
        if (file == NULL && !PyErr_Occurred()) {
            file = filelogger_open(self, name);
        }
        Py_DECREF(name);
    }
    return (CpsLogFile *)Py_XNewRef((PyObject *)file);
}

/* --- the actor ------------------------------------------------------------------------------------------------------------ */

static int
filelogger_consume(CpsActor *actor, CpsInbox *inbox, PyObject *event)
{
    CpsFileLogger *self = (CpsFileLogger *)actor;
    int level = cps_log_event_level(event), result;
    PyObject *line;
    CpsLogFile *file;

    if (level < self->level) {
        return 0;
    }
    line = filelogger_line(self, event, level);
    file = line == NULL ? NULL : filelogger_file(self, event);
    result = file == NULL ? -1 : cps_logfile_wait_for_room(file, actor->state);
    if (result == 0) {
        result = cps_logfile_append(file, actor->rt, line);
    }
    Py_XDECREF(line);
    Py_XDECREF((PyObject *)file);
    return result;
}

static const CpsActorOps filelogger_ops = {.consume = filelogger_consume, .takes_any = true, .may_end = true};

/* Wait until all lines are written. */
static PyObject *
filelogger_post_hook(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsFileLogger *self = (CpsFileLogger *)op;
    PyObject *files = self->loggers == NULL ? PyList_New(0) : PyDict_Values(self->loggers);
    int result = files == NULL ? -1 : 0;

    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(files); i++) {
        PyObject *file = PyList_GET_ITEM(files, i); /* borrowed */

        if (Py_IS_TYPE(file, self->base.state->types.LogFile)) {
            result = cps_logfile_flush((CpsLogFile *)file, self->base.state);
        }
    }
    Py_XDECREF(files);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

enum { DEFAULT_FILENAME = 1, LEVEL, DIRECTORY, MAX_BYTES, BACKUP_COUNT, PARAMETERS };

/* self->level from a name or a number. Returns 0, or -1 with an exception set. */
static int
filelogger_take_level(CpsFileLogger *self, PyObject *value)
{
    int level = CPS_LOG_INFO;

    if (value != NULL && PyUnicode_Check(value)) {
        const char *name = PyUnicode_AsUTF8(value);

        if (name == NULL) {
            return -1;
        }
        level = cps_level_of_name(name);
        if (level < 0) {
            level = CPS_LOG_INFO;
        }
    }
    else if (cps_take_level(&level, value) < 0) {
        return -1;
    }
    self->level = level;
    return 0;
}

/* Returns 0, or -1 with an exception set. */
static int
filelogger_take_sizes(CpsFileLogger *self, PyObject *max_bytes, PyObject *backup_count)
{
    Py_ssize_t bytes = 20000000, count = 10;

    if (cps_take_size(&bytes, max_bytes) < 0 || cps_take_size(&count, backup_count) < 0) {
        return -1;
    }
    if (bytes < 0 || count < 0 || count > INT_MAX) {
        PyErr_SetString(PyExc_ValueError, "maxBytes and backupCount must not be negative");
        return -1;
    }
    self->max_bytes = bytes;
    self->backup_count = (int)count;
    return 0;
}

/* Take the arguments after the name. Returns 0, or -1 with an exception set. */
static int
filelogger_configure(CpsFileLogger *self, PyObject *const *values)
{
    PyObject *filename = values[DEFAULT_FILENAME], *directory = values[DIRECTORY];

    if (filelogger_take_level(self, values[LEVEL]) < 0 ||
        filelogger_take_sizes(self, values[MAX_BYTES], values[BACKUP_COUNT]) < 0) {
        return -1;
    }
    Py_XSETREF(self->default_filename,
               filename == NULL ? PyUnicode_FromString("compysition.log") : Py_NewRef(filename));
    Py_XSETREF(self->directory, directory == NULL ? PyUnicode_FromString("logs") : Py_NewRef(directory));
    Py_XSETREF(self->loggers, PyDict_New());
    if (self->default_filename == NULL || self->directory == NULL || self->loggers == NULL) {
        return -1;
    }
    return 0;
}

int
cps_filelogger_init(CpsFileLogger *self, const char *function, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "default_filename", "level", "directory", "maxBytes", "backupCount"};
    PyObject *values[PARAMETERS], *rest_args, *rest_kwargs;
    int result;

    if (cps_bind(function, args, kwargs, names, PARAMETERS, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    result = filelogger_configure(self, values);
    if (result == 0) {
        result = cps_actor_init(&self->base, &filelogger_ops, rest_args, rest_kwargs);
    }
    if (result == 0) {
        self->base.concurrency = 1; /* lines keep their order when one has to wait */
        result = cps_actor_set_shape(&self->base, "note");
    }
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

static int
filelogger_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return cps_filelogger_init((CpsFileLogger *)op, "FileLogger", args, kwargs);
}

int
cps_filelogger_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsFileLogger *self = (CpsFileLogger *)op;

    Py_VISIT(self->default_filename);
    Py_VISIT(self->directory);
    Py_VISIT(self->loggers);
    return cps_actor_traverse(op, visit, arg);
}

static void
filelogger_clear_own(CpsFileLogger *self)
{
    Py_CLEAR(self->default_filename);
    Py_CLEAR(self->directory);
    Py_CLEAR(self->loggers);
}

int
cps_filelogger_clear(PyObject *op)
{
    filelogger_clear_own((CpsFileLogger *)op);
    return cps_actor_clear(op);
}

void
cps_filelogger_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    filelogger_clear_own((CpsFileLogger *)op);
    cps_actor_dealloc(op);
}

PyDoc_STRVAR(filelogger_doc,
             "FileLogger(name, default_filename='compysition.log', level='INFO', directory='logs',\n"
             "           maxBytes=20000000, backupCount=10, *args, **kwargs)\n--\n\n"
             "Write log records into files.\n\n"
             "In: LogEvent; another event is written at INFO, with its data as text. Out: nothing. Usually\n"
             "the director's log actor.\n\n"
             "default_filename: str. File of the records that have no attribute logger_filename.\n"
             "level: str, a level's name in any case (unknown: INFO), or int. Lower records are not written.\n"
             "directory: str. Where the files are; it is made when it is needed.\n"
             "maxBytes: int. A file that would reach that size becomes <file>.1; 0: it grows without limit.\n"
             "backupCount: int. How many old files are kept; 0: the file grows without limit.\n\n"
             "Lines are written by the thread pool, in order; stop() waits for them. When the disk is slower\n"
             "than what is logged, the inbox waits. A failure to write is told once on sys.stderr for each kind,\n"
             "with the number of lost records, and is never fatal. Actors that write to one file share it: the\n"
             "first one's maxBytes and backupCount count. Raises ValueError for a negative size or count.");

static PyMethodDef filelogger_methods[] = {
    CPS_CONSUME_METHOD,
    {"post_hook", filelogger_post_hook, METH_NOARGS, "post_hook($self, /)\n--\n\nWait until all lines are written."},
    {NULL},
};

static PyMemberDef filelogger_members[] = {
    CPS_ACTOR_MEMBERS,
    {"default_filename", T_OBJECT_EX, offsetof(CpsFileLogger, default_filename), 0,
     "File of the records that name none (str)."},
    {"directory", T_OBJECT_EX, offsetof(CpsFileLogger, directory), 0, "Where the files are (str)."},
    {"level", T_INT, offsetof(CpsFileLogger, level), 0, "Lower records are not written (int)."},
    {"maxBytes", T_LONGLONG, offsetof(CpsFileLogger, max_bytes), 0, "Size at which a file is rotated (int); 0: never."},
    {"backupCount", T_INT, offsetof(CpsFileLogger, backup_count), 0, "How many old files are kept (int)."},
    {"loggers", T_OBJECT, offsetof(CpsFileLogger, loggers), READONLY, "The open files by name (dict)."},
    {NULL},
};

static PyGetSetDef filelogger_getset[] = {CPS_DICT, {NULL}};

static PyType_Slot filelogger_slots[] = {
    {Py_tp_doc, (void *)filelogger_doc},
    {Py_tp_init, filelogger_init},
    {Py_tp_traverse, cps_filelogger_traverse},
    {Py_tp_clear, cps_filelogger_clear},
    {Py_tp_dealloc, cps_filelogger_dealloc},
    {Py_tp_methods, filelogger_methods},
    {Py_tp_members, filelogger_members},
    {Py_tp_getset, filelogger_getset},
    {0, NULL},
};

static PyType_Spec filelogger_spec = {
    .name = "compysition.actors.filelogger.FileLogger",
    .basicsize = sizeof(CpsFileLogger),
    .flags = CPS_ACTOR_FLAGS,
    .slots = filelogger_slots,
};

int
cps_filelogger_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.FileLogger, &filelogger_spec, (PyObject *)state->types.Actor) < 0) {
        return -1;
    }
    return PyObject_SetAttr((PyObject *)state->types.FileLogger, state->names.input, (PyObject *)state->types.LogEvent);
}
