#include "event/lookup.h"

/* 1 and *index when `step` is an integer or a text of digits, 0 when it is not, -1 with an exception set. */
static int
step_index(PyObject *step, Py_ssize_t *index)
{
    PyObject *number;

    if (PyLong_Check(step)) {
        number = Py_NewRef(step);
    }
    else if (PyUnicode_Check(step)) {
        number = PyLong_FromUnicodeObject(step, 10);
    }
    else {
        return 0;
    }
    *index = number == NULL ? -1 : PyNumber_AsSsize_t(number, NULL); /* NULL: clipped */
    Py_XDECREF(number);
    if (PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_ValueError)) {
            return -1;
        }
        PyErr_Clear();
        return 0;
    }
    return 1;
}

/* 1 and *found new, 0 when the step leads nowhere, -1 with an exception set. */
static int
index_step(PyObject *sequence, PyObject *step, PyObject **found)
{
    Py_ssize_t size = PySequence_Fast_GET_SIZE(sequence), index;
    int result = step_index(step, &index);

    if (result <= 0) {
        return result;
    }
    if (index < 0) {
        index += size;
    }
    if (index < 0 || index >= size) {
        return 0;
    }
    *found = Py_NewRef(PySequence_Fast_GET_ITEM(sequence, index));
    return 1;
}

static int
dict_step(PyObject *dict, PyObject *step, PyObject **found)
{
    int result = PyDict_GetItemRef(dict, step, found);

    if (result < 0 && PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Clear(); /* what cannot be hashed is no key */
        result = 0;
    }
    return result;
}

static int
take_step(PyObject *from, PyObject *step, PyObject **found)
{
    int result = 0;

    *found = NULL;
    if (PyDict_Check(from)) {
        return dict_step(from, step, found);
    }
    if (PyList_Check(from) || PyTuple_Check(from)) {
        result = index_step(from, step, found);
    }
    if (result == 0 && PyUnicode_Check(step)) {
        result = PyObject_GetOptionalAttr(from, step, found);
    }
    return result;
}

PyObject *
cps_lookup(PyObject *start, PyObject *path)
{
    PyObject *steps, *place = Py_NewRef(start);
    int result = 1;

    if (PyUnicode_Check(path)) {
        steps = PyTuple_Pack(1, path);
    }
    else if (PyList_Check(path) || PyTuple_Check(path)) {
        steps = PySequence_Tuple(path);
    }
    else {
        PyErr_Format(PyExc_TypeError, "path must be str, list or tuple, not %.200s", Py_TYPE(path)->tp_name);
        steps = NULL;
    }
    if (steps == NULL) {
        Py_DECREF(place);
        return NULL;
    }
    for (Py_ssize_t i = 0; result > 0 && i < PyTuple_GET_SIZE(steps); i++) {
        PyObject *found;

        result = take_step(place, PyTuple_GET_ITEM(steps, i), &found);
        Py_SETREF(place, result > 0 ? found : Py_NewRef(Py_None));
    }
    Py_DECREF(steps);
    if (result < 0) {
        Py_CLEAR(place);
    }
    return place;
}
