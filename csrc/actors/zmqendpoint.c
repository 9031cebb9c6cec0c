#include "actors/zmqendpoint.h"

#include <zmq.h>

int
cps_zmq_take_port(int *port, PyObject *value, const char *name, int least)
{
    enum { MOST = 65535 };
    PyObject *number;
    long given;

    if (value == NULL || value == Py_None) {
        return 0;
    }
    number = PyNumber_Long(value);
    given = number == NULL ? -1 : PyLong_AsLong(number);
    Py_XDECREF(number);
    if (given == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (given < least || given > MOST) {
        PyErr_Format(PyExc_ValueError, "%s must be %d to %d, not %ld", name, least, MOST, given);
        return -1;
    }
    *port = (int)given;
    return 0;
}

int
cps_zmq_raise(const char *what, const char *endpoint, int code)
{
    PyObject *message = PyUnicode_FromFormat("cannot %s %s: %s", what, endpoint, zmq_strerror(code));
    PyObject *error = message == NULL ? NULL : PyObject_CallFunction(PyExc_OSError, "iN", code, message);

    if (error != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error); /* its class follows from the errno */
        Py_DECREF(error);
    }
    return -1;
}
