#include "xml/dict.h"

static PyObject *
in_envelope(CpsState *state, PyObject *data)
{
    PyObject *wrapped = PyDict_New();

    if (wrapped != NULL && PyDict_SetItem(wrapped, state->names.jsonified_envelope, data) < 0) {
        Py_CLEAR(wrapped);
    }
    return wrapped;
}

bool
cps_xml_is_envelope(CpsState *state, const xmlNode *element)
{
    return (element->ns == NULL || element->ns->prefix == NULL) &&
           PyUnicode_CompareWithASCIIString(state->names.jsonified_envelope, (const char *)element->name) == 0;
}

/* The value of the only item of a dict; *key is borrowed, as is the result. NULL without an exception when there are others. */
static PyObject *
only_value(PyObject *data, PyObject **key)
{
    Py_ssize_t position = 0;
    PyObject *value;

    if (!PyDict_Check(data) || PyDict_GET_SIZE(data) != 1 || !PyDict_Next(data, &position, key, &value)) {
        return NULL;
    }
    return value;
}

PyObject *
cps_xml_wrap(CpsState *state, PyObject *data)
{
    bool wrap = PyList_Check(data) || (PyDict_Check(data) && PyDict_GET_SIZE(data) > 1);
    PyObject *wrapped = wrap ? in_envelope(state, data) : Py_NewRef(data);
    PyObject *key, *value = wrapped == NULL ? NULL : only_value(wrapped, &key); /* borrowed */

    if (value != NULL && (PyList_Check(value) || PyTuple_Check(value))) {
        Py_SETREF(wrapped, in_envelope(state, wrapped));
    }
    return wrapped;
}

/* Borrowed: what an envelope holds, or `data` itself. NULL with an exception set. */
static PyObject *
out_of_envelope(CpsState *state, PyObject *data)
{
    PyObject *key, *value = only_value(data, &key);
    int same = value == NULL ? 0 : PyObject_RichCompareBool(key, state->names.jsonified_envelope, Py_EQ);

    return same < 0 ? NULL : same ? value : data;
}

PyObject *
cps_xml_unwrap(CpsState *state, PyObject *data)
{
    PyObject *content = out_of_envelope(state, data);

    if (content != NULL && content != data) {
        content = out_of_envelope(state, content);
    }
    return Py_XNewRef(content);
}
