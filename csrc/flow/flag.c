#include "flow/flag.h"

static bool *
flag_at(PyObject *self, void *offset)
{
    return (bool *)((char *)self + (size_t)offset);
}

PyObject *
cps_flag_get(PyObject *self, void *offset)
{
    return PyBool_FromLong(*flag_at(self, offset));
}

int
cps_flag_set(PyObject *self, PyObject *value, void *offset)
{
    int truth;

    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "a flag cannot be deleted");
        return -1;
    }
    truth = PyObject_IsTrue(value);
    if (truth >= 0) {
        *flag_at(self, offset) = truth;
    }
    return truth < 0 ? -1 : 0;
}
