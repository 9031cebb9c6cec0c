#include "event/lookup.h"

#include "event/event.h"

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
take_step(PyObject *from, PyObject *step, bool attributes, PyObject **found)
{
    int result = 0;

    *found = NULL;
    if (PyDict_Check(from)) {
        return dict_step(from, step, found);
    }
    if (PyList_Check(from) || PyTuple_Check(from)) {
        result = index_step(from, step, found);
    }
    if (result == 0 && attributes && PyUnicode_Check(step)) {
        result = PyObject_GetOptionalAttr(from, step, found);
    }
    return result;
}

/* What lies at the steps of a tuple, but for the first `done`. Returns 1 with *found new, 0 when there is nothing, -1 with an
 * exception set. */
static int
find(PyObject *start, PyObject *steps, Py_ssize_t done, bool attributes, PyObject **found)
{
    PyObject *place = Py_NewRef(start);
    int result = 1;

    for (Py_ssize_t i = done; result > 0 && i < PyTuple_GET_SIZE(steps); i++) {
        PyObject *next;

        result = take_step(place, PyTuple_GET_ITEM(steps, i), attributes, &next);
        Py_SETREF(place, next);
    }
    *found = place; /* NULL when a step led nowhere */
    return result;
}

/* The same: new, None when there is nothing, or NULL with an exception set. */
static PyObject *
follow(PyObject *start, PyObject *steps, Py_ssize_t done, bool attributes)
{
    PyObject *found;

    return find(start, steps, done, attributes, &found) == 0 ? Py_NewRef(Py_None) : found;
}

PyObject *
cps_lookup(PyObject *start, PyObject *path)
{
    PyObject *steps, *place;

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
        return NULL;
    }
    place = follow(start, steps, 0, true);
    Py_DECREF(steps);
    return place;
}

/* Whether `data` of the type is that of Event, not a property of a subclass. */
static bool
data_is_plain(CpsState *state, PyTypeObject *type)
{
    PyObject *own = PyObject_GetAttr((PyObject *)type, state->names.data);
    PyObject *usual = PyObject_GetAttr((PyObject *)state->types.Event, state->names.data);
    bool plain = own != NULL && own == usual;

    Py_XDECREF(own);
    Py_XDECREF(usual);
    return plain;
}

/* Whether the steps of a tuple begin with the event's data. */
static bool
begins_with_data(CpsState *state, PyObject *event, PyObject *steps)
{
    return cps_event_check(state, event) && PyTuple_GET_SIZE(steps) > 0 &&
           PyTuple_GET_ITEM(steps, 0) == state->names.data && data_is_plain(state, Py_TYPE(event));
}

bool
cps_lookup_is_data(CpsState *state, PyObject *event, PyObject *steps)
{
    return PyTuple_Check(steps) && PyTuple_GET_SIZE(steps) == 1 && begins_with_data(state, event, steps);
}

PyObject *
cps_lookup_to_read(CpsState *state, PyObject *event, PyObject *steps)
{
    CpsPayload *payload = begins_with_data(state, event, steps) ? ((CpsEvent *)event)->payload : NULL;

    if (payload == NULL || payload->kind == CPS_DATA_XML) { /* XML is a document, of which Python has an element */
        return follow(event, steps, 0, true);
    }
    return follow(payload->value, steps, 1, true);
}

PyObject *
cps_lookup_item(PyObject *start, PyObject *steps)
{
    return follow(start, steps, 0, false);
}

int
cps_find_item(PyObject *start, PyObject *steps, Py_ssize_t done, PyObject **found)
{
    return find(start, steps, done, false, found);
}
