/* compat.h: shims for Pythons older than the newest we build on. Each says when it can be deleted. */
#ifndef CPS_COMPAT_H
#define CPS_COMPAT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <stdbool.h>

#if PY_VERSION_HEX < 0x030C0000 /* delete when the floor is 3.12 */

/* The exception that is set, normalised, and no longer set. New, or NULL. */
static inline PyObject *
PyErr_GetRaisedException(void)
{
    PyObject *type, *value, *traceback;

    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (value != NULL && traceback != NULL) {
        PyException_SetTraceback(value, traceback);
    }
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
}

/* Set `exc` as the raised exception. Steals `exc`. */
static inline void
PyErr_SetRaisedException(PyObject *exc)
{
    PyObject *type = exc == NULL ? NULL : Py_NewRef((PyObject *)Py_TYPE(exc));
    PyObject *traceback = exc == NULL ? NULL : PyException_GetTraceback(exc);

    PyErr_Restore(type, exc, traceback);
}

#endif

#if PY_VERSION_HEX < 0x030D0000 /* delete when the floor is 3.13 */

/* 1 and *result new; 0 and NULL when the key is absent; -1 with an exception set. */
static inline int
PyDict_GetItemRef(PyObject *dict, PyObject *key, PyObject **result)
{
    PyObject *value = PyDict_GetItemWithError(dict, key); /* borrowed */

    *result = Py_XNewRef(value);
    return value != NULL ? 1 : PyErr_Occurred() ? -1 : 0;
}

/* 1 and *result new; 0 and NULL when there is no such attribute; -1 with an exception set. */
static inline int
PyObject_GetOptionalAttr(PyObject *object, PyObject *name, PyObject **result)
{
    *result = PyObject_GetAttr(object, name);
    if (*result != NULL) {
        return 1;
    }
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
        return -1;
    }
    PyErr_Clear();
    return 0;
}

#endif

/* A function for what rarely happens: it and the way to it are kept apart from the code of every event. */
#define CPS_COLD __attribute__((cold))

/* Whether a context variable was set in the running greenlet since its context was last emptied. */
static inline bool
cps_context_touched(void)
{
    return PyThreadState_Get()->context != NULL;
}

#endif
