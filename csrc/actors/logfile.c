#include "actors/logfile.h"

#include "actors/actors.h"
#include "base/rotatingfile.h"
#include "loop/offload.h"
#include "loop/wait.h"

#include <errno.h>
#include <string.h>

enum {
    LOGFILE_BUFFER = 1 << 20, /* bytes that may wait for a write */
    LOGFILE_ERRNOS = 256,     /* of these errnos each is reported once */
    LOGFILE_PATIENCE = 30,    /* seconds that a flush waits for one write */
};

struct CpsLogFile {
    PyObject_HEAD
    CpsLink link;         /* in CpsState.log_files */
    CpsRotatingFile file; /* the writer's while `busy` */
    CpsRecords filling;   /* appended since the last write began */
    CpsRecords writing;   /* the writer's while `busy` */
    CpsRuntime *rt;       /* borrowed; whose pool is writing */
    CpsList waiters;      /* CpsWait.link: until a write has ended */
    CpsReady report;      /* tells of failures, in a worker */
    size_t written;       /* result of the last write: records */
    int code;             /* result of the last write: 0, or a negative errno */
    int failure;          /* errno to report, or 0 */
    size_t lost;          /* records lost since the last report */
    bool busy;
    bool reported[LOGFILE_ERRNOS];
};

/* --- reporting failures --------------------------------------------------------------------------------------------------- */

static void
logfile_report(CpsLogFile *self)
{
    if (self->failure != 0) {
        PySys_FormatStderr("compysition: unable to write log file %s: %s; records lost: %zu\n", self->file.path,
                           strerror(self->failure), self->lost);
        self->failure = 0;
        self->lost = 0;
    }
}

static void
logfile_run_report(CpsReady *ready, CpsRuntime *rt)
{
    CpsLogFile *self = CPS_CONTAINER(ready, CpsLogFile, report);

    logfile_report(self);
    Py_DECREF((PyObject *)self); /* the ready ring's reference */
}

/* Note how the last write ended. */
static void
logfile_note_result(CpsLogFile *self)
{
    int number = -self->code;

    if (number == 0) {
        return;
    }
    self->lost += self->writing.count - self->written;
    if (number < LOGFILE_ERRNOS && !self->reported[number]) {
        self->reported[number] = true;
        self->failure = number;
    }
}

/* --- writing -------------------------------------------------------------------------------------------------------------- */

/* In a thread of the pool, without the GIL; or in the caller's, when there is no loop. */
static void
logfile_write(void *context)
{
    CpsLogFile *self = context;

    self->code = cps_rotating_file_write(&self->file, &self->writing, &self->written);
}

/* Make what was appended the writer's. */
static void
logfile_turn_over(CpsLogFile *self)
{
    CpsRecords empty = self->writing;

    cps_records_empty(&empty);
    self->writing = self->filling;
    self->filling = empty;
    self->busy = true;
}

static void logfile_on_written(void *context);

/* Start the next write, if there is something to write and none is in progress. Returns 0, or -1 with an exception set. */
static int
logfile_begin_write(CpsLogFile *self, CpsRuntime *rt)
{
    if (self->busy || self->filling.count == 0) {
        return 0;
    }
    logfile_turn_over(self);
    self->rt = rt;
    Py_INCREF((PyObject *)self); /* the writer's */
    if (cps_offload(rt, logfile_write, logfile_on_written, self) < 0) {
        self->busy = false;
        self->lost += self->writing.count;
        Py_DECREF((PyObject *)self);
        return -1;
    }
    return 0;
}

/* In the hub. */
static void
logfile_on_written(void *context)
{
    CpsLogFile *self = context;

    self->busy = false;
    logfile_note_result(self);
    if (self->failure != 0 && !cps_link_listed(&self->report.link)) {
        Py_INCREF((PyObject *)self); /* the ready ring's */
        cps_ready_push(self->rt, &self->report);
    }
    if (logfile_begin_write(self, self->rt) < 0) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    cps_wait_wake_all(&self->waiters);
    Py_DECREF((PyObject *)self); /* the writer's */
}

/* Write in the calling thread. One that is in progress elsewhere goes on with what was appended. */
static void
logfile_write_now(CpsLogFile *self)
{
    if (self->busy || self->filling.count == 0) {
        return;
    }
    logfile_turn_over(self);
    Py_BEGIN_ALLOW_THREADS
    logfile_write(self);
    Py_END_ALLOW_THREADS
    self->busy = false;
    logfile_note_result(self);
    logfile_report(self);
    cps_wait_wake_all(&self->waiters);
}

/* --- what actors use ------------------------------------------------------------------------------------------------------ */

static bool
logfile_has_room(void *context)
{
    const CpsLogFile *self = context;

    return !self->busy || self->filling.length < LOGFILE_BUFFER;
}

static bool
logfile_is_idle(void *context)
{
    return !((CpsLogFile *)context)->busy;
}

int
cps_logfile_wait_for_room(CpsLogFile *self, CpsState *state)
{
    return cps_wait_until(state, &self->waiters, logfile_has_room, self, -1);
}

/* The line in UTF-8; what cannot be encoded is escaped. New bytes, or NULL with an exception set. */
static PyObject *
logfile_encode(PyObject *line)
{
    return PyUnicode_AsEncodedString(line, "utf-8", "backslashreplace");
}

int
cps_logfile_append(CpsLogFile *self, CpsRuntime *rt, PyObject *line)
{
    PyObject *bytes = logfile_encode(line);
    int result;

    if (bytes == NULL) {
        return -1;
    }
    result = cps_records_add(&self->filling, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
    Py_DECREF(bytes);
    if (result < 0) {
        PyErr_NoMemory();
        return -1;
    }
    if (rt != NULL) {
        return logfile_begin_write(self, rt);
    }
    logfile_write_now(self);
    return 0;
}

/* Take the report over from the worker that was to make it. */
static void
logfile_report_here(CpsLogFile *self)
{
    if (cps_link_listed(&self->report.link)) {
        cps_link_remove(&self->report.link);
        Py_DECREF((PyObject *)self); /* the ready ring's; the caller has one */
    }
    logfile_report(self);
}

int
cps_logfile_flush(CpsLogFile *self, CpsState *state)
{
    int result = 0;

    while (self->busy && result == 0) {
        result = cps_wait_in(state, &self->waiters, logfile_is_idle, self, LOGFILE_PATIENCE);
    }
    if (result == 1) {
        PySys_FormatStderr("compysition: log file %s does not accept what is written to it\n", self->file.path);
        return 0;
    }
    if (result == 0) {
        logfile_write_now(self);
        logfile_report_here(self);
    }
    return result;
}

/* --- the type, which only C makes ----------------------------------------------------------------------------------------- */

/* The file that is open at `path`. Borrowed, or NULL. */
static CpsLogFile *
logfile_find(CpsState *state, const char *path)
{
    for (CpsLink *link = cps_list_first(&state->log_files); link != NULL;
         link = cps_list_after(&state->log_files, link)) {
        CpsLogFile *self = CPS_CONTAINER(link, CpsLogFile, link);

        if (strcmp(self->file.path, path) == 0) {
            return self;
        }
    }
    return NULL;
}

PyObject *
cps_logfile_open(CpsState *state, PyObject *path, long long max_bytes, int backup_count)
{
    PyTypeObject *type = state->types.LogFile;
    CpsLogFile *self = logfile_find(state, PyBytes_AS_STRING(path)); /* borrowed */

    if (self != NULL) {
        return Py_NewRef((PyObject *)self);
    }
    self = (CpsLogFile *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    cps_list_init(&self->waiters);
    self->report.run = logfile_run_report;
    if (cps_rotating_file_init(&self->file, PyBytes_AS_STRING(path), max_bytes, backup_count) < 0) {
        Py_DECREF((PyObject *)self);
        return PyErr_NoMemory();
    }
    cps_list_append(&state->log_files, &self->link);
    return (PyObject *)self;
}

static void
logfile_dealloc(PyObject *op)
{
    CpsLogFile *self = (CpsLogFile *)op;
    PyTypeObject *type = Py_TYPE(op);

    cps_link_remove(&self->link);
    cps_rotating_file_free(&self->file);
    cps_records_free(&self->filling);
    cps_records_free(&self->writing);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyObject *
logfile_get_path(PyObject *op, void *Py_UNUSED(closure))
{
    return PyUnicode_DecodeFSDefault(((CpsLogFile *)op)->file.path);
}

static PyGetSetDef logfile_getset[] = {
    {"path", logfile_get_path, NULL, "Absolute path (str)."},
    {NULL},
};

PyDoc_STRVAR(logfile_doc, "A log file, which the thread pool writes.");

static PyType_Slot logfile_slots[] = {
    {Py_tp_doc, (void *)logfile_doc},
    {Py_tp_dealloc, logfile_dealloc},
    {Py_tp_getset, logfile_getset},
    {0, NULL},
};

static PyType_Spec logfile_spec = {
    .name = "compysition._core._LogFile",
    .basicsize = sizeof(CpsLogFile),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = logfile_slots,
};

int
cps_logfile_setup(PyObject *module, CpsState *state)
{
    cps_list_init(&state->log_files);
    return cps_add_type(module, &state->types.LogFile, &logfile_spec, NULL);
}
