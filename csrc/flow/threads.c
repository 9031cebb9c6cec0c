#include "flow/threads.h"

#include "loop/fiber.h"
#include "loop/wait.h"
#include "loop/worker.h"

/* RestartPool: the tasks of an actor. */
typedef struct {
    PyObject_HEAD
    PyObject *dict;
    PyObject *logger; /* owned; None: no log lines */
    PyObject *tasks;  /* owned list of Task: those that have not ended */
    double interval;  /* seconds between a crash and the restart */
} CpsRestartPool;

/* One spawned function. A reference is held by the scheduler until it has ended. */
typedef struct {
    PyObject_HEAD
    PyObject *dict;
    PyObject *weakrefs;
    CpsReady ready;
    CpsState *state;                    /* borrowed */
    CpsRuntime *rt;                     /* borrowed; NULL once ended */
    CpsRestartPool *pool;               /* owned */
    PyObject *function, *args, *kwargs; /* owned */
    PyObject *value;                    /* owned: what the function returned */
    PyObject *exception;                /* owned: what ended it */
    CpsList joiners;                    /* CpsWait */
    bool restart, started, ended, killed;
} CpsTask;

/* --- running ------------------------------------------------------------------------------------------------------------------------ */

static PyObject *
task_function_name(CpsTask *self)
{
    PyObject *name = PyObject_GetAttr(self->function, self->state->names.__name__);

    if (name == NULL) {
        PyErr_Clear();
        name = PyObject_Repr(self->function);
    }
    return name;
}

/* `format` with the function's name, and after it the exception's text if there is one. */
static void
task_log(CpsTask *self, int level, const char *format, PyObject *exc)
{
    PyObject *name;

    if (self->pool->logger == Py_None) {
        return;
    }
    name = task_function_name(self);
    cps_log((CpsLogger *)self->pool->logger, level, NULL, format, name, exc);
    Py_XDECREF(name);
}

/* Call the function once. Returns whether it is to be called again. */
static bool
task_call(CpsTask *self)
{
    PyObject *value = PyObject_Call(self->function, self->args, self->kwargs);
    bool again = false;

    if (value != NULL) {
        Py_XSETREF(self->value, value);
        return false;
    }
    if (cps_fiber_exit_raised()) {
        Py_XSETREF(self->exception, PyErr_GetRaisedException());
    }
    else if (!PyErr_ExceptionMatches(PyExc_Exception)) {
        cps_runtime_raise_in_main(self->rt);
    }
    else {
        Py_XSETREF(self->exception, PyErr_GetRaisedException());
        task_log(self, CPS_LOG_ERROR, "Greenlet '%S' has encountered an uncaught error: %S", self->exception);
        again = self->restart && !self->killed;
        if (!self->restart) {
            task_log(self, CPS_LOG_INFO, "Greenlet '%S' does not desire a restart.", NULL);
        }
    }
    return again;
}

static void
task_end(CpsTask *self)
{
    PyObject *tasks = self->pool->tasks;

    self->ended = true;
    self->rt = NULL;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(tasks); i++) {
        if (PyList_GET_ITEM(tasks, i) == (PyObject *)self) {
            if (PyList_SetSlice(tasks, i, i + 1, NULL) < 0) {
                PyErr_WriteUnraisable((PyObject *)self);
            }
            break;
        }
    }
    cps_wait_wake_all(&self->joiners);
    Py_DECREF(self); /* the scheduler's */
}

static void
task_run(CpsReady *ready, CpsRuntime *rt)
{
    CpsTask *self = CPS_CONTAINER(ready, CpsTask, ready);
    CpsWorker *worker = cps_worker_current(rt);

    self->started = true;
    while (!self->killed && task_call(self)) {
        if (cps_sleep(self->state, self->pool->interval) < 0) {
            PyErr_Clear(); /* killed while it waited */
            break;
        }
        task_log(self, CPS_LOG_INFO, "Restarting greenlet '%S'...", NULL);
    }
    if (worker != NULL) {
        cps_worker_end_soon(worker); /* user code may have marked its greenlet in any way */
    }
    task_end(self);
}

static bool
task_is_node(CpsReady *node, void *context)
{
    return node == context;
}

/* --- Task ----------------------------------------------------------------------------------------------------------------------------- */

static double
task_parse_timeout(PyObject *timeout)
{
    return timeout == NULL || timeout == Py_None ? -1 : PyFloat_AsDouble(timeout);
}

static bool
task_has_ended(void *context)
{
    return ((CpsTask *)context)->ended;
}

/* Wait for its end. Returns 0, 1 when the time is over, or -1. */
static int
task_wait(CpsTask *self, double seconds)
{
    return cps_wait_in(self->state, &self->joiners, task_has_ended, self, seconds);
}

static PyObject *
task_join(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"timeout", NULL};
    PyObject *timeout = NULL;
    double seconds;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:join", keywords, &timeout)) {
        return NULL;
    }
    seconds = task_parse_timeout(timeout);
    if (PyErr_Occurred() || task_wait((CpsTask *)op, seconds) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
task_get(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"block", "timeout", NULL};
    CpsTask *self = (CpsTask *)op;
    PyObject *timeout = NULL;
    double seconds;
    int block = 1, status;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|pO:get", keywords, &block, &timeout)) {
        return NULL;
    }
    seconds = block ? task_parse_timeout(timeout) : 0;
    status = PyErr_Occurred() ? -1 : task_wait(self, seconds);
    if (status == 1) {
        PyErr_SetString(PyExc_TimeoutError, "the function has not ended");
    }
    if (status != 0) {
        return NULL;
    }
    if (self->exception != NULL && self->value == NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(self->exception), self->exception);
        return NULL;
    }
    return Py_NewRef(self->value == NULL ? Py_None : self->value);
}

/* Raise GreenletExit in it where it blocks. */
static void
task_doom(CpsTask *self)
{
    self->killed = true;
    if (self->rt != NULL && self->started) {
        cps_workers_doom(self->rt, task_is_node, &self->ready);
    }
}

static PyObject *
task_kill(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"exception", "block", "timeout", NULL};
    PyObject *exception = NULL, *timeout = NULL; /* borrowed */
    double seconds;
    int block = 1;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OpO:kill", keywords, &exception, &block, &timeout)) {
        return NULL;
    }
    seconds = task_parse_timeout(timeout);
    if (PyErr_Occurred()) {
        return NULL;
    }
    task_doom((CpsTask *)op);
    if (block && task_wait((CpsTask *)op, seconds) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
task_ready(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(((CpsTask *)op)->ended);
}

static PyObject *
task_successful(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsTask *self = (CpsTask *)op;

    return PyBool_FromLong(self->ended && self->value != NULL);
}

static int
task_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsTask *self = (CpsTask *)op;

    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->dict);
    Py_VISIT(self->pool);
    Py_VISIT(self->function);
    Py_VISIT(self->args);
    Py_VISIT(self->kwargs);
    Py_VISIT(self->value);
    Py_VISIT(self->exception);
    return 0;
}

static int
task_clear(PyObject *op)
{
    CpsTask *self = (CpsTask *)op;

    Py_CLEAR(self->dict);
    Py_CLEAR(self->pool);
    Py_CLEAR(self->function);
    Py_CLEAR(self->args);
    Py_CLEAR(self->kwargs);
    Py_CLEAR(self->value);
    Py_CLEAR(self->exception);
    return 0;
}

static void
task_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    if (((CpsTask *)op)->weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    (void)task_clear(op);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMethodDef task_methods[] = {
    {"join", _PyCFunction_CAST(task_join), METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("join($self, timeout=None)\n--\n\nWait until it has ended, or for timeout seconds (float).")},
    {"get", _PyCFunction_CAST(task_get), METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("get($self, block=True, timeout=None)\n--\n\n"
               "Wait for its end, for at most timeout seconds or, without block, not at all; return its value or\n"
               "raise what it raised. Raises TimeoutError.")},
    {"kill", _PyCFunction_CAST(task_kill), METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("kill($self, exception=None, block=True, timeout=None)\n--\n\n"
               "Raise GreenletExit, whatever exception is, in it where it blocks, and do not restart it. With block\n"
               "wait until it has ended, for at most timeout seconds.")},
    {"ready", task_ready, METH_NOARGS, PyDoc_STR("ready($self, /)\n--\n\nWhether it has ended.")},
    {"successful", task_successful, METH_NOARGS,
     PyDoc_STR("successful($self, /)\n--\n\nWhether it returned without an exception.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef task_members[] = {
    {"dead", T_BOOL, offsetof(CpsTask, ended), READONLY, PyDoc_STR("Whether it has ended (bool).")},
    {"started", T_BOOL, offsetof(CpsTask, started), READONLY, PyDoc_STR("Whether it was ever run (bool).")},
    {"value", T_OBJECT, offsetof(CpsTask, value), READONLY, PyDoc_STR("What the function returned, or None.")},
    {"exception", T_OBJECT, offsetof(CpsTask, exception), READONLY, PyDoc_STR("What it raised last, or None.")},
    {"__dictoffset__", T_PYSSIZET, offsetof(CpsTask, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(CpsTask, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef task_getset[] = {
    CPS_DICT,
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot task_slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("A function that runs in a greenlet of its own; made by RestartPool.spawn.")},
    {Py_tp_dealloc, task_dealloc},
    {Py_tp_traverse, task_traverse},
    {Py_tp_clear, task_clear},
    {Py_tp_methods, task_methods},
    {Py_tp_members, task_members},
    {Py_tp_getset, task_getset},
    {0, NULL},
};

static PyType_Spec task_spec = {
    .name = "compysition._core.Task",
    .basicsize = sizeof(CpsTask),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = task_slots,
};

/* --- RestartPool ------------------------------------------------------------------------------------------------------------------------ */

/* spawn's own keyword, taken out of `kwargs`. Returns 1, 0, or -1. */
static int
threads_take_restart(PyObject *kwargs)
{
    PyObject *value = PyDict_GetItemString(kwargs, "restart"); /* borrowed */
    int restart = value == NULL ? 1 : PyObject_IsTrue(value);

    if (value != NULL && restart >= 0 && PyDict_DelItemString(kwargs, "restart") < 0) {
        return -1;
    }
    return restart;
}

PyDoc_STRVAR(
    threads_spawn_doc,
    "spawn($self, function, /, *args, restart=True, **kwargs)\n--\n\n"
    "Run function(*args, **kwargs) in a greenlet of its own and return its Task.\n\n"
    "restart: bool; when it raises, log that, wait a second, and call it again; a function that returns is not\n"
    "restarted.");

static PyObject *
threads_spawn(PyObject *op, PyObject *args, PyObject *kwargs)
{
    CpsState *state = cps_state_of(op);
    CpsRestartPool *self = (CpsRestartPool *)op;
    CpsRuntime *rt = cps_runtime_get(state);
    PyObject *own_kwargs = kwargs == NULL ? PyDict_New() : PyDict_Copy(kwargs);
    int restart = own_kwargs == NULL ? -1 : threads_take_restart(own_kwargs);
    CpsTask *task;

    if (PyTuple_GET_SIZE(args) < 1) {
        PyErr_SetString(PyExc_TypeError, "spawn() needs a function");
        restart = -1;
    }
    task = rt == NULL || restart < 0 ? NULL : (CpsTask *)state->types.Task->tp_alloc(state->types.Task, 0);
    if (task == NULL) {
        Py_XDECREF(own_kwargs);
        return NULL;
    }
    cps_list_init(&task->joiners);
    task->ready.run = task_run;
    task->state = state;
    task->rt = rt;
    task->restart = restart;
    task->pool = (CpsRestartPool *)Py_NewRef(op);
    task->function = Py_NewRef(PyTuple_GET_ITEM(args, 0));
    task->args = PyTuple_GetSlice(args, 1, PyTuple_GET_SIZE(args));
    task->kwargs = own_kwargs;
    if (task->args == NULL || PyList_Append(self->tasks, (PyObject *)task) < 0) {
        Py_DECREF(task);
        return NULL;
    }
    cps_ready_push(rt, (CpsReady *)&((CpsTask *)Py_NewRef((PyObject *)task))->ready);
    return (PyObject *)task;
}

/* The tasks that have not ended. New list, or NULL. */
static PyObject *
threads_list(PyObject *op)
{
    return PyList_GetSlice(((CpsRestartPool *)op)->tasks, 0, PY_SSIZE_T_MAX);
}

/* Wait for the end of each task, for `timeout` (None: no limit) seconds in all. Returns 0 or -1. */
static int
threads_wait(PyObject *tasks, PyObject *timeout)
{
    double seconds = task_parse_timeout(timeout);
    uint64_t end = seconds < 0 ? 0 : uv_hrtime() + (uint64_t)(seconds * 1e9);
    int status = PyErr_Occurred() ? -1 : 0;

    for (Py_ssize_t i = 0; status >= 0 && i < PyList_GET_SIZE(tasks); i++) {
        if (seconds >= 0) {
            uint64_t now = uv_hrtime();

            seconds = now < end ? (double)(end - now) / 1e9 : 0;
        }
        status = task_wait((CpsTask *)PyList_GET_ITEM(tasks, i), seconds);
    }
    return status < 0 ? -1 : 0;
}

/* Raise what ended the first of the tasks that failed. Returns 0, or -1 with it set. */
static int
threads_raise(PyObject *tasks)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(tasks); i++) {
        const CpsTask *task = (CpsTask *)PyList_GET_ITEM(tasks, i);

        if (task->ended && task->value == NULL && task->exception != NULL) {
            PyErr_SetObject((PyObject *)Py_TYPE(task->exception), task->exception);
            return -1;
        }
    }
    return 0;
}

static PyObject *
threads_join(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"timeout", "raise_error", NULL};
    PyObject *timeout = NULL, *tasks;
    int raise_error = 0, status;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|Op:join", keywords, &timeout, &raise_error)) {
        return NULL;
    }
    tasks = threads_list(op);
    if (tasks == NULL) {
        return NULL;
    }
    status = threads_wait(tasks, timeout);
    if (status == 0 && raise_error) {
        status = threads_raise(tasks);
    }
    Py_DECREF(tasks);
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *
threads_kill(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"exception", "block", "timeout", NULL};
    PyObject *exception = NULL, *timeout = NULL, *tasks;
    int block = 1, status;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OpO:kill", keywords, &exception, &block, &timeout)) {
        return NULL;
    }
    tasks = threads_list(op);
    if (tasks == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(tasks); i++) {
        task_doom((CpsTask *)PyList_GET_ITEM(tasks, i));
    }
    status = block ? threads_wait(tasks, timeout) : 0;
    Py_DECREF(tasks);
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *
threads_iter(PyObject *op)
{
    PyObject *tasks = threads_list(op);
    PyObject *iterator = tasks == NULL ? NULL : PyObject_GetIter(tasks);

    Py_XDECREF(tasks);
    return iterator;
}

static PyObject *
threads_full(PyObject *Py_UNUSED(op), PyObject *Py_UNUSED(ignored))
{
    Py_RETURN_FALSE;
}

static PyObject *
threads_free_count(PyObject *Py_UNUSED(op), PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromLong(1); /* there is no limit: as gevent's Group says */
}

static PyObject *
threads_wait_available(PyObject *Py_UNUSED(op), PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    return PyLong_FromLong(1);
}

static Py_ssize_t
threads_length(PyObject *op)
{
    return PyList_GET_SIZE(((CpsRestartPool *)op)->tasks);
}

PyObject *
cps_threads_new(CpsState *state, PyObject *logger)
{
    CpsRestartPool *self = (CpsRestartPool *)state->types.RestartPool->tp_alloc(state->types.RestartPool, 0);

    if (self != NULL) {
        self->interval = 1;
        self->logger = Py_NewRef(logger);
        self->tasks = PyList_New(0);
        if (self->tasks == NULL) {
            Py_CLEAR(self);
        }
    }
    return (PyObject *)self;
}

static int
threads_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"size", "logger", "sleep_interval", NULL};
    CpsRestartPool *self = (CpsRestartPool *)op;
    PyObject *size = NULL, *logger = Py_None;

    self->interval = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OOd:RestartPool", keywords, &size, &logger, &self->interval)) {
        return -1;
    }
    if (logger != Py_None && !PyObject_TypeCheck(logger, cps_state_of(op)->types.Logger)) {
        PyErr_Format(PyExc_TypeError, "logger must be a Logger or None, not %s", Py_TYPE(logger)->tp_name);
        return -1;
    }
    Py_XSETREF(self->logger, Py_NewRef(logger));
    Py_XSETREF(self->tasks, PyList_New(0));
    return self->tasks == NULL ? -1 : 0;
}

static int
threads_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsRestartPool *self = (CpsRestartPool *)op;

    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->dict);
    Py_VISIT(self->logger);
    Py_VISIT(self->tasks);
    return 0;
}

static int
threads_clear(PyObject *op)
{
    CpsRestartPool *self = (CpsRestartPool *)op;

    Py_CLEAR(self->dict);
    Py_CLEAR(self->logger);
    Py_CLEAR(self->tasks);
    return 0;
}

static void
threads_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    (void)threads_clear(op);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMethodDef threads_methods[] = {
    {"spawn", _PyCFunction_CAST(threads_spawn), METH_VARARGS | METH_KEYWORDS, threads_spawn_doc},
    {"join", _PyCFunction_CAST(threads_join), METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("join($self, timeout=None, raise_error=False)\n--\n\n"
               "Wait until all have ended, for at most timeout seconds (float) in all; with raise_error raise what\n"
               "ended the first that failed.")},
    {"kill", _PyCFunction_CAST(threads_kill), METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("kill($self, exception=None, block=True, timeout=None)\n--\n\n"
               "End all as Task.kill does, without a restart; with block wait for that, at most timeout seconds.")},
    {"full", threads_full, METH_NOARGS,
     PyDoc_STR("full($self, /)\n--\n\nAlways False: the number of greenlets is not limited.")},
    {"free_count", threads_free_count, METH_NOARGS,
     PyDoc_STR("free_count($self, /)\n--\n\nAlways 1: the number of greenlets is not limited.")},
    {"wait_available", _PyCFunction_CAST(threads_wait_available), METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("wait_available($self, timeout=None)\n--\n\nReturns at once: the number of greenlets is not limited.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef threads_members[] = {
    {"logger", T_OBJECT, offsetof(CpsRestartPool, logger), READONLY, PyDoc_STR("Logger or None.")},
    {"sleep_interval", T_DOUBLE, offsetof(CpsRestartPool, interval), 0,
     PyDoc_STR("float: seconds between a crash and the restart.")},
    {"greenlets", T_OBJECT, offsetof(CpsRestartPool, tasks), READONLY,
     PyDoc_STR("Those that have not ended (list of Task).")},
    {"__dictoffset__", T_PYSSIZET, offsetof(CpsRestartPool, dict), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef threads_getset[] = {
    CPS_DICT,
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(
    threads_doc,
    "RestartPool(size=None, logger=None, sleep_interval=1)\n--\n\n"
    "Runs functions in greenlets of their own, and restarts those that raise.\n\n"
    "size: accepted and not used. logger: Logger for what goes wrong. sleep_interval: float, seconds between a\n"
    "crash and the restart.");

static PyType_Slot threads_slots[] = {
    {Py_tp_doc, (void *)threads_doc},
    {Py_tp_init, threads_init},
    {Py_tp_dealloc, threads_dealloc},
    {Py_tp_traverse, threads_traverse},
    {Py_tp_clear, threads_clear},
    {Py_tp_methods, threads_methods},
    {Py_tp_members, threads_members},
    {Py_sq_length, threads_length},
    {Py_tp_iter, threads_iter},
    {Py_tp_getset, threads_getset},
    {0, NULL},
};

static PyType_Spec threads_spec = {
    .name = "compysition.actor.RestartPool",
    .basicsize = sizeof(CpsRestartPool),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .slots = threads_slots,
};

int
cps_threads_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.Task, &task_spec, NULL) < 0) {
        return -1;
    }
    return cps_add_type(module, &state->types.RestartPool, &threads_spec, NULL);
}
