#include "event/errorformat.h"

#include "event/event.h"

/* Errors inside errors may form cycles: below this depth an error is shown as its text, and no more texts are taken. */
enum { DEPTH_LIMIT = 32, TEXT_LIMIT = 1000 };

/* ---- messages ---- */

static int
append_text(PyObject *texts, PyObject *item)
{
    PyObject *text = PyObject_Str(item);
    int result = text == NULL ? -1 : PyList_Append(texts, text);

    Py_XDECREF(text);
    return result;
}

static int append_messages(CpsState *state, PyObject *texts, PyObject *item, int depth);

static int
append_list(CpsState *state, PyObject *texts, PyObject *list, int depth)
{
    int result = 0;

    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(list) && PyList_GET_SIZE(texts) < TEXT_LIMIT; i++) {
        PyObject *item = Py_NewRef(PyList_GET_ITEM(list, i));

        result = append_messages(state, texts, item, depth);
        Py_DECREF(item);
    }
    return result;
}

static int
append_messages(CpsState *state, PyObject *texts, PyObject *item, int depth)
{
    PyObject *message;
    int result;

    if (depth > DEPTH_LIMIT) {
        return append_text(texts, item);
    }
    if (PyObject_GetOptionalAttr(item, state->names.message, &message) < 0) {
        return -1;
    }
    if (message == NULL) {
        return append_text(texts, item);
    }
    result = PyList_Check(message) ? append_list(state, texts, message, depth + 1)
                                   : append_messages(state, texts, message, depth + 1);
    Py_DECREF(message);
    return result;
}

PyObject *
cps_error_messages(CpsState *state, PyObject *error)
{
    PyObject *texts = PyList_New(0);

    if (texts != NULL && append_messages(state, texts, error, 0) < 0) {
        Py_CLEAR(texts);
    }
    return texts;
}

/* ---- format_error ---- */

/* A dict of the attributes of `error` that clients see: `code` first, and not its message. New, or NULL. */
static PyObject *
error_attributes(CpsState *state, PyObject *error)
{
    PyObject *attributes = PyDict_New();
    PyObject *own = NULL;
    int result = attributes == NULL ? -1 : 0;

    if (result == 0 && cps_error_is(state, error, CPS_EXCEPTION)) {
        result = PyDict_SetItem(attributes, state->names.code, Py_None);
    }
    if (result == 0) {
        result = PyObject_GetOptionalAttr(error, state->names.__dict__, &own);
    }
    if (result >= 0 && own != NULL && PyDict_Check(own)) {
        result = PyDict_Update(attributes, own);
    }
    Py_XDECREF(own);
    if (result >= 0 && PyDict_Contains(attributes, state->names.message) > 0) {
        result = PyDict_DelItem(attributes, state->names.message);
    }
    if (result < 0) {
        Py_CLEAR(attributes);
    }
    return attributes;
}

/* {"message": text, **attributes}. New, or NULL. */
static PyObject *
error_entry(CpsState *state, PyObject *text, PyObject *attributes)
{
    PyObject *entry = PyDict_New();

    if (entry != NULL &&
        (PyDict_SetItem(entry, state->names.message, text) < 0 || PyDict_Update(entry, attributes) < 0)) {
        Py_CLEAR(entry);
    }
    return entry;
}

PyObject *
cps_event_format_error_method(PyObject *event, PyObject *unused)
{
    CpsState *state = cps_state_of(event);
    PyObject *error = PyObject_GetAttr(event, state->names.error);
    PyObject *entries, *attributes;

    if (error == NULL || error == Py_None) {
        return error;
    }
    entries = cps_error_messages(state, error);
    attributes = entries == NULL ? NULL : error_attributes(state, error);
    Py_DECREF(error);
    for (Py_ssize_t i = 0; attributes != NULL && i < PyList_GET_SIZE(entries); i++) {
        PyObject *entry = error_entry(state, PyList_GET_ITEM(entries, i), attributes);

        if (entry == NULL) {
            Py_CLEAR(attributes);
            break;
        }
        PyList_SetItem(entries, i, entry); /* steals */
    }
    if (attributes == NULL) {
        Py_CLEAR(entries);
    }
    Py_XDECREF(attributes);
    return entries;
}

/* ---- error_string ---- */

PyObject *
cps_event_error_string_method(PyObject *event, PyObject *unused)
{
    PyObject *errors = PyObject_CallMethodNoArgs(event, cps_state_of(event)->names.format_error);
    PyObject *text;

    if (errors == NULL || errors == Py_None) {
        return errors;
    }
    text = PyObject_Str(errors);
    Py_DECREF(errors);
    return text;
}

PyObject *
cps_event_error_string(CpsState *state, PyObject *event)
{
    return PyObject_CallMethodNoArgs(event, state->names.error_string);
}

/* json.dumps(value, default=str). New, or NULL with an exception set. */
static PyObject *
json_with_text(CpsState *state, PyObject *value)
{
    PyObject *dumps = cps_import(&state->json_dumps, "json", "dumps"); /* borrowed */
    PyObject *arguments[] = {value, (PyObject *)&PyUnicode_Type};
    PyObject *names, *text;

    names = dumps == NULL ? NULL : Py_BuildValue("(s)", "default");
    if (names == NULL) {
        return NULL;
    }
    text = PyObject_Vectorcall(dumps, arguments, 1, names);
    Py_DECREF(names);
    return text;
}

/* `value`, or its str when json.dumps raises even so (a cycle, a key of another type). New, or NULL. */
static PyObject *
json_ready(CpsState *state, PyObject *value)
{
    PyObject *text = json_with_text(state, value);

    if (text != NULL) {
        Py_DECREF(text);
        return Py_NewRef(value);
    }
    if (!PyErr_ExceptionMatches(PyExc_Exception)) {
        return NULL;
    }
    PyErr_Clear();
    return PyObject_Str(value);
}

/* A copy of the dict `entry` that json.dumps can express; anything else through json_ready. New, or NULL. */
static PyObject *
json_ready_entry(CpsState *state, PyObject *entry)
{
    PyObject *copy, *key, *value;
    Py_ssize_t position = 0;

    if (!PyDict_Check(entry)) {
        return json_ready(state, entry);
    }
    copy = PyDict_New();
    while (copy != NULL && PyDict_Next(entry, &position, &key, &value)) {
        PyObject *name = PyObject_Str(key);
        PyObject *ready = name == NULL ? NULL : json_ready(state, value);

        if (ready == NULL || PyDict_SetItem(copy, name, ready) < 0) {
            Py_CLEAR(copy);
        }
        Py_XDECREF(ready);
        Py_XDECREF(name);
    }
    return copy;
}

static PyObject *
json_ready_errors(CpsState *state, PyObject *errors)
{
    PyObject *ready;

    if (!PyList_Check(errors)) {
        return json_ready_entry(state, errors);
    }
    ready = PySequence_List(errors);
    for (Py_ssize_t i = 0; ready != NULL && i < PyList_GET_SIZE(ready); i++) {
        PyObject *entry = json_ready_entry(state, PyList_GET_ITEM(ready, i));

        if (entry == NULL) {
            Py_CLEAR(ready);
            break;
        }
        PyList_SetItem(ready, i, entry); /* steals */
    }
    return ready;
}

PyObject *
cps_errors_as_json(CpsState *state, PyObject *event)
{
    PyObject *errors = PyObject_CallMethodNoArgs(event, state->names.format_error);
    PyObject *text, *ready;

    if (errors == NULL || errors == Py_None) {
        return errors;
    }
    text = json_with_text(state, errors);
    if (text == NULL && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear();
        ready = json_ready_errors(state, errors);
        text = ready == NULL ? NULL : json_with_text(state, ready);
        Py_XDECREF(ready);
    }
    Py_DECREF(errors);
    return text;
}
