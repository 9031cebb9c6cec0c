/* SIGINT and SIGTERM: the first stops all running directors, the next at once. The handlers are Python's own kind
 * (signal.signal), so that scripts see them and can replace them. */
#include "flow/stop_signals.h"

#include "flow/director.h"

#include <signal.h>

static const int stop_signals[] = {SIGINT, SIGTERM};

/* signal.<function>(*args), `format` as of Py_BuildValue. New, or NULL with an exception set. */
static PyObject *
call_signal_module(const char *function, const char *format, ...)
{
    PyObject *module = PyImport_ImportModule("signal"), *method = NULL, *args = NULL, *result = NULL;
    va_list values;

    if (module != NULL) {
        method = PyObject_GetAttrString(module, function);
    }
    va_start(values, format);
    args = Py_VaBuildValue(format, values);
    va_end(values);
    if (method != NULL && args != NULL) {
        result = PyObject_CallObject(method, args);
    }
    Py_XDECREF(module);
    Py_XDECREF(method);
    Py_XDECREF(args);
    return result;
}

/* --- what a signal does --------------------------------------------------------------------------------------------------- */

/* Ask all running directors to stop: in the usual way, or at once when they have been asked before. Returns what was asked for,
 * CPS_STOP_NONE when no director of this process runs. */
static CpsStopKind
stop_running(CpsState *state)
{
    CpsStopKind kind = CPS_STOP_NONE;

    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(state->directors); i++) {
        CpsDirector *director = (CpsDirector *)PyList_GET_ITEM(state->directors, i);

        if (director->rt->abandoned) {
            continue; /* it runs in the process that forked this one */
        }
        if (director->stop_kind == CPS_STOP_NONE) {
            kind = CPS_STOP_DRAIN;
            break;
        }
        kind = CPS_STOP_AT_ONCE;
    }
    for (Py_ssize_t i = 0; kind != CPS_STOP_NONE && i < PyList_GET_SIZE(state->directors); i++) {
        CpsDirector *director = (CpsDirector *)PyList_GET_ITEM(state->directors, i);

        if (!director->rt->abandoned) {
            cps_director_request_stop(director, kind);
        }
    }
    return kind;
}

/* No director runs: do what would have been done without our handler. */
static PyObject *
call_old_handler(CpsState *state, int number, PyObject *args)
{
    PyObject *key = PyLong_FromLong(number), *old, *result;

    if (key == NULL) {
        return NULL;
    }
    old = Py_XNewRef(PyDict_GetItemWithError(state->old_handlers, key));
    Py_DECREF(key);
    if (old == NULL) {
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    }
    if (PyCallable_Check(old) && !PyLong_Check(old)) {
        result = PyObject_CallObject(old, args);
    }
    else { /* SIG_DFL or SIG_IGN */
        result = call_signal_module("signal", "(iO)", number, old);
        if (result != NULL) {
            Py_SETREF(result, call_signal_module("raise_signal", "(i)", number));
        }
    }
    Py_DECREF(old);
    return result;
}

/* Whether a director is in the middle of its start. */
static bool
somebody_starts(CpsState *state)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(state->directors); i++) {
        if (((CpsDirector *)PyList_GET_ITEM(state->directors, i))->phase == CPS_DIRECTOR_STARTING) {
            return true;
        }
    }
    return false;
}

/* Set the exception that ends the process. */
static void
set_exit_error(int number)
{
    if (number == SIGINT) {
        PyErr_SetNone(PyExc_KeyboardInterrupt);
    }
    else {
        PyObject *code = PyLong_FromLong(128 + number);

        PyErr_SetObject(PyExc_SystemExit, code);
        Py_XDECREF(code);
    }
}

/* handler(signal number, frame) */
static PyObject *
stop_on_signal(PyObject *module, PyObject *args)
{
    CpsState *state = PyModule_GetState(module);
    PyObject *frame;
    int number;

    if (!PyArg_ParseTuple(args, "iO:stop", &number, &frame)) {
        return NULL;
    }
    switch (stop_running(state)) {
    case CPS_STOP_NONE:
        return call_old_handler(state, number, args);
    case CPS_STOP_DRAIN:
        Py_RETURN_NONE;
    case CPS_STOP_AT_ONCE:
        break;
    }
    if (cps_director_hub_runs() && !somebody_starts(state)) {
        Py_RETURN_NONE; /* the hub carries out the stop now */
    }
    set_exit_error(number);
    if (cps_director_hub_runs()) { /* a pre_hook blocks the start: break it off */
        cps_runtime_raise_in_main(cps_runtime_peek());
        Py_RETURN_NONE;
    }
    return NULL;
}

/* At the interpreter's exit: directors that still run are stopped, so that nothing is lost and finally blocks run. */
static PyObject *
stop_at_exit(PyObject *unused, PyObject *unused_too)
{
    CpsRuntime *rt = cps_runtime_peek();

    if (rt != NULL) {
        cps_directors_end(rt->state);
    }
    Py_RETURN_NONE;
}

/* --- installing ----------------------------------------------------------------------------------------------------------- */

static PyMethodDef stop_on_signal_def = {"stop_directors", stop_on_signal, METH_VARARGS, NULL};
static PyMethodDef stop_at_exit_def = {"stop_directors_at_exit", stop_at_exit, METH_NOARGS, NULL};

/* Have running directors stopped at exit, once per process. Returns 0 or -1. */
static int
register_at_exit(void)
{
    static bool done;

    if (!done) {
        done = cps_call_at_exit(&stop_at_exit_def) == 0;
    }
    return done ? 0 : -1;
}

/* Returns 0 or -1. */
static int
make_handler(CpsState *state)
{
    if (state->stop_handler == NULL) {
        state->stop_handler = PyCFunction_New(&stop_on_signal_def, PyType_GetModule(state->types.Director));
    }
    return state->stop_handler == NULL ? -1 : 0;
}

/* Whether our handler is in use for a signal. 1, 0 or -1. */
static int
handler_in_use(CpsState *state, int number)
{
    PyObject *current = call_signal_module("getsignal", "(i)", number);
    int result = current == NULL ? -1 : current == state->stop_handler;

    Py_XDECREF(current);
    return result;
}

/* Install it for one signal and keep what it replaces. Returns 0 or -1; ValueError: not in the main thread. */
static int
install_one(CpsState *state, int number, bool again)
{
    PyObject *key = PyLong_FromLong(number), *old = NULL;
    int in_use = key == NULL ? -1 : handler_in_use(state, number), result = -1;
    int known = in_use < 0 ? -1 : PyDict_Contains(state->old_handlers, key);

    if (known >= 0 && (in_use || (again && known))) {
        result = 0;
    }
    else if (known >= 0) {
        old = call_signal_module("signal", "(iO)", number, state->stop_handler);
    }
    if (old == Py_None) { /* it was not Python's: it cannot be put back */
        Py_SETREF(old, PyLong_FromLong((long)(intptr_t)SIG_DFL));
    }
    if (old != NULL) {
        result = PyDict_SetItem(state->old_handlers, key, old);
    }
    Py_XDECREF(key);
    Py_XDECREF(old);
    return result;
}

int
cps_stop_signals_install(CpsState *state, bool again)
{
    if (register_at_exit() < 0 || make_handler(state) < 0) {
        return -1;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(stop_signals); i++) {
        if (install_one(state, stop_signals[i], again) < 0) {
            if (!PyErr_ExceptionMatches(PyExc_ValueError)) {
                return -1;
            }
            PyErr_Clear();
            return 0;
        }
    }
    return 0;
}

/* Returns 0, or -1 with an exception set. */
static int
restore_one(CpsState *state, int number)
{
    PyObject *key = PyLong_FromLong(number), *old = NULL, *result = NULL;

    if (key != NULL && PyDict_GetItemRef(state->old_handlers, key, &old) > 0) {
        int in_use = handler_in_use(state, number);

        if (in_use > 0) {
            result = call_signal_module("signal", "(iO)", number, old);
        }
        if ((in_use == 0 || result != NULL) && PyDict_DelItem(state->old_handlers, key) < 0) {
            Py_CLEAR(result);
        }
    }
    Py_XDECREF(key);
    Py_XDECREF(old);
    Py_XDECREF(result);
    return PyErr_Occurred() ? -1 : 0;
}

void
cps_stop_signals_restore(CpsState *state)
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(stop_signals); i++) {
        if (restore_one(state, stop_signals[i]) < 0) {
            PyErr_Clear(); /* not the main thread: the handlers stay, and without a director call the old ones */
        }
    }
}

void
cps_stop_signals_unused(CpsState *state)
{
    PyObject *exc; /* owned */

    if (state->made_directors > 0 || state->directors == NULL || PyList_GET_SIZE(state->directors) > 0 ||
        state->old_handlers == NULL || PyDict_GET_SIZE(state->old_handlers) == 0) {
        return; /* still needed; or the module is being taken down */
    }
    exc = PyErr_GetRaisedException();
    cps_stop_signals_restore(state);
    PyErr_SetRaisedException(exc);
}
