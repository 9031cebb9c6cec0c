#include "loop/fiber.h"

#include "loop/greenlet.h"

int
cps_fiber_setup(PyObject *Py_UNUSED(module), CpsState *Py_UNUSED(state))
{
    return cps_greenlet_import();
}

PyObject *
cps_fiber_current(void)
{
    return (PyObject *)PyGreenlet_GetCurrent();
}

PyObject *
cps_fiber_new(PyObject *run)
{
    return (PyObject *)PyGreenlet_New(run, NULL);
}

/* What comes with a switch is of no use to us: only whether it is an exception. */
static int
fiber_arrived(PyObject *result)
{
    if (result == NULL) {
        return -1;
    }
    Py_DECREF(result);
    return 0;
}

int
cps_fiber_switch(PyObject *fiber)
{
    return fiber_arrived(PyGreenlet_Switch((PyGreenlet *)fiber, NULL, NULL));
}

int
cps_fiber_throw(PyObject *fiber)
{
    PyObject *exc = PyErr_GetRaisedException(); /* new */
    PyObject *result;

    result = PyGreenlet_Throw((PyGreenlet *)fiber, (PyObject *)Py_TYPE(exc), exc, NULL);
    Py_DECREF(exc);
    return fiber_arrived(result);
}

int
cps_fiber_kill(PyObject *fiber)
{
    PyErr_SetNone(PyExc_GreenletExit);
    return cps_fiber_throw(fiber);
}

int
cps_fiber_adopt(PyObject *fiber)
{
    PyGreenlet *current = PyGreenlet_GetCurrent();
    int status;

    if (current == NULL) {
        return -1;
    }
    status = (PyObject *)current == fiber ? 0 : PyGreenlet_SetParent((PyGreenlet *)fiber, current);
    Py_DECREF(current);
    return status;
}

PyObject *
cps_fiber_parent(PyObject *fiber)
{
    return (PyObject *)PyGreenlet_GetParent((PyGreenlet *)fiber);
}

bool
cps_fiber_finished(PyObject *fiber)
{
    PyGreenlet *greenlet = (PyGreenlet *)fiber;

    return PyGreenlet_STARTED(greenlet) && !PyGreenlet_ACTIVE(greenlet);
}

bool
cps_fiber_exit_raised(void)
{
    return PyErr_ExceptionMatches(PyExc_GreenletExit);
}
