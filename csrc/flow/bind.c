/* Constructor arguments of built-in actors. */
#include "flow/bind.h"

/* The position of `key` among the names, or -1. */
static Py_ssize_t
bind_find(PyObject *key, const char *const *names, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        if (PyUnicode_Check(key) && PyUnicode_CompareWithASCIIString(key, names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

/* Sort keywords into `values` and, those of other names, into `rest`. Returns 0, or -1 with TypeError set. */
static int
bind_keywords(const char *function, PyObject *kwargs, const char *const *names, Py_ssize_t count, PyObject **values,
              PyObject *rest)
{
    PyObject *key, *value; /* borrowed */
    Py_ssize_t position = 0;

    while (kwargs != NULL && PyDict_Next(kwargs, &position, &key, &value)) {
        Py_ssize_t index = bind_find(key, names, count);

        if (index < 0) {
            if (PyDict_SetItem(rest, key, value) < 0) {
                return -1;
            }
        }
        else if (values[index] != NULL) {
            PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%s'", function, names[index]);
            return -1;
        }
        else {
            values[index] = value;
        }
    }
    return 0;
}

/* (name, args[from:]...). New, or NULL with an exception set. */
static PyObject *
bind_rest_args(PyObject *name, PyObject *args, Py_ssize_t from)
{
    Py_ssize_t given = PyTuple_GET_SIZE(args);
    Py_ssize_t extra = given > from ? given - from : 0;
    PyObject *rest = PyTuple_New(1 + extra);

    if (rest == NULL) {
        return NULL;
    }
    PyTuple_SET_ITEM(rest, 0, Py_NewRef(name));
    for (Py_ssize_t i = 0; i < extra; i++) {
        PyTuple_SET_ITEM(rest, 1 + i, Py_NewRef(PyTuple_GET_ITEM(args, from + i)));
    }
    return rest;
}

int
cps_bind(const char *function, PyObject *args, PyObject *kwargs, const char *const *names, Py_ssize_t count,
         Py_ssize_t required, PyObject **values, PyObject **rest_args, PyObject **rest_kwargs)
{
    Py_ssize_t given = PyTuple_GET_SIZE(args);
    PyObject *rest = PyDict_New();

    *rest_args = *rest_kwargs = NULL;
    if (rest == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        values[i] = i < given ? PyTuple_GET_ITEM(args, i) : NULL;
    }
    if (bind_keywords(function, kwargs, names, count, values, rest) < 0) {
        goto error;
    }
    for (Py_ssize_t i = 0; i < Py_MAX(required, 1); i++) { /* the name always is */
        if (values[i] == NULL) {
            PyErr_Format(PyExc_TypeError, "%s() missing required argument: '%s'", function, names[i]);
            goto error;
        }
    }
    *rest_args = bind_rest_args(values[0], args, count);
    if (*rest_args == NULL) {
        goto error;
    }
    *rest_kwargs = rest;
    return 0;
error:
    Py_DECREF(rest);
    return -1;
}

PyObject *
cps_pop_keyword(PyObject *kwargs, const char *name)
{
    PyObject *value = Py_XNewRef(PyDict_GetItemString(kwargs, name));

    if (value != NULL && PyDict_DelItemString(kwargs, name) < 0) {
        Py_CLEAR(value);
    }
    return value;
}
