#include "event/copy.h"

#include <math.h>

/* The functions here return NULL without an exception for what only the json module itself can answer: subclasses and
 * other types, deep nesting and cycles, integers and text with unusual rules. It then does the whole value. */

enum { DEPTH_LIMIT = 500 };

static PyObject *copy_value(PyObject *value, int depth);

/* Whether text comes back from JSON as it went in: two halves of a surrogate pair would come back as one character. */
static bool
text_survives(PyObject *text)
{
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);

    if (kind == PyUnicode_1BYTE_KIND) {
        return true;
    }
    for (Py_ssize_t i = 0; i < length; i++) {
        if (Py_UNICODE_IS_SURROGATE(PyUnicode_READ(kind, data, i))) {
            return false;
        }
    }
    return true;
}

static bool
fits_long(PyObject *number)
{
    int overflow;

    (void)PyLong_AsLongLongAndOverflow(number, &overflow);
    return overflow == 0; /* longer ones may exceed the limit of digits */
}

static PyObject *
copy_scalar(PyObject *value)
{
    bool same = PyUnicode_CheckExact(value) ? text_survives(value)
                : PyLong_CheckExact(value)  ? fits_long(value)
                                            : value == Py_None || PyBool_Check(value) || PyFloat_CheckExact(value);

    return same ? Py_NewRef(value) : NULL;
}

/* The text that `key` becomes. */
static PyObject *
key_text(PyObject *key)
{
    if (PyUnicode_CheckExact(key)) {
        return copy_scalar(key);
    }
    if (PyBool_Check(key)) {
        return PyUnicode_FromString(key == Py_True ? "true" : "false");
    }
    if (key == Py_None) {
        return PyUnicode_FromString("null");
    }
    if ((PyLong_CheckExact(key) && fits_long(key)) || (PyFloat_CheckExact(key) && isfinite(PyFloat_AS_DOUBLE(key)))) {
        return PyObject_Repr(key);
    }
    return NULL;
}

static bool
all_keys_text(PyObject *dict)
{
    PyObject *key;
    Py_ssize_t position = 0;

    while (PyDict_Next(dict, &position, &key, NULL)) {
        if (!PyUnicode_CheckExact(key) || !text_survives(key)) {
            return false;
        }
    }
    return true;
}

/* Replace the values of `clone`, a copy of a dict whose keys stay. */
static int
copy_values(PyObject *clone, int depth)
{
    PyObject *key, *item;
    Py_ssize_t position = 0;

    while (PyDict_Next(clone, &position, &key, &item)) {
        PyObject *copy = copy_value(item, depth);
        int result;

        if (copy == NULL) {
            return -1;
        }
        result = copy == item ? 0 : PyDict_SetItem(clone, key, copy);
        Py_DECREF(copy);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

/* Fill `result` from `clone` with converted keys; of keys that become equal the last one counts. */
static int
convert_keys(PyObject *result, PyObject *clone)
{
    PyObject *key, *item;
    Py_ssize_t position = 0;

    while (PyDict_Next(clone, &position, &key, &item)) {
        PyObject *text = key_text(key);
        int err;

        if (text == NULL) {
            return -1;
        }
        err = PyDict_SetItem(result, text, item);
        Py_DECREF(text);
        if (err < 0) {
            return -1;
        }
    }
    return 0;
}

static PyObject *
copy_dict(PyObject *dict, int depth)
{
    PyObject *clone = PyDict_Copy(dict);
    PyObject *result;

    if (clone == NULL || copy_values(clone, depth) < 0) {
        Py_XDECREF(clone);
        return NULL;
    }
    if (all_keys_text(clone)) {
        return clone;
    }
    result = PyDict_New();
    if (result != NULL && convert_keys(result, clone) < 0) {
        Py_CLEAR(result);
    }
    Py_DECREF(clone);
    return result;
}

/* From a list or a tuple. */
static PyObject *
copy_array(PyObject *array, int depth)
{
    PyObject *clone = PySequence_List(array);

    for (Py_ssize_t i = 0; clone != NULL && i < PyList_GET_SIZE(clone); i++) {
        PyObject *item = PyList_GET_ITEM(clone, i);
        PyObject *copy = copy_value(item, depth);

        if (copy == NULL) {
            Py_CLEAR(clone);
            break;
        }
        PyList_SET_ITEM(clone, i, copy);
        Py_DECREF(item);
    }
    return clone;
}

static PyObject *
copy_value(PyObject *value, int depth)
{
    if (depth > DEPTH_LIMIT) {
        return NULL;
    }
    if (PyDict_CheckExact(value)) {
        return copy_dict(value, depth + 1);
    }
    if (PyList_CheckExact(value) || PyTuple_CheckExact(value)) {
        return copy_array(value, depth + 1);
    }
    return copy_scalar(value);
}

static PyObject *
copy_by_json(CpsState *state, PyObject *value)
{
    PyObject *dumps = cps_import(&state->json_dumps, "json", "dumps"); /* borrowed */
    PyObject *loads = cps_import(&state->json_loads, "json", "loads"); /* borrowed */
    PyObject *text, *copy;

    if (dumps == NULL || loads == NULL) {
        return NULL;
    }
    text = PyObject_CallOneArg(dumps, value);
    if (text == NULL) {
        return NULL;
    }
    copy = PyObject_CallOneArg(loads, text);
    Py_DECREF(text);
    return copy;
}

PyObject *
cps_json_copy(CpsState *state, PyObject *value)
{
    PyObject *copy = copy_value(value, 0);

    if (copy == NULL && !PyErr_Occurred()) {
        copy = copy_by_json(state, value);
    }
    return copy;
}
