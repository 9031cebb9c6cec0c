#include "actors/placeholders.h"

#include "event/lookup.h"

#include <string.h>

/* --- compiling ------------------------------------------------------------------------------------------------------------------- */

void
cps_template_free(CpsTemplate *compiled)
{
    for (Py_ssize_t i = 0; i < compiled->count; i++) {
        free(compiled->parts[i].text);
        Py_XDECREF(compiled->parts[i].steps);
        Py_XDECREF(compiled->parts[i].name);
    }
    PyMem_Free(compiled->parts);
    *compiled = (CpsTemplate){0};
}

/* Add a part with the text of `buffer`, which is empty then. Returns it, or NULL with MemoryError set. */
static CpsTemplatePart *
template_add(CpsTemplate *compiled, CpsBuffer *buffer)
{
    CpsTemplatePart *parts = PyMem_Resize(compiled->parts, CpsTemplatePart, (size_t)compiled->count + 1);

    if (parts == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    compiled->parts = parts;
    parts += compiled->count++;
    *parts = (CpsTemplatePart){.text = buffer->bytes, .length = buffer->length};
    *buffer = (CpsBuffer){0};
    return parts;
}

/* "data/a/0" as steps. Their names are interned, so that the event's own are found without comparing. New, or NULL. */
static PyObject *
template_steps(PyObject *name)
{
    PyObject *list = PyObject_CallMethod(name, "split", "s", "/");
    PyObject *steps = list == NULL ? NULL : PyTuple_New(PyList_GET_SIZE(list));

    for (Py_ssize_t i = 0; steps != NULL && i < PyList_GET_SIZE(list); i++) {
        PyObject *step = Py_NewRef(PyList_GET_ITEM(list, i));

        PyUnicode_InternInPlace(&step);
        PyTuple_SET_ITEM(steps, i, step);
    }
    Py_XDECREF(list);
    return steps;
}

/* A placeholder: `text` begins after its brace. Returns what follows it, or NULL with an exception set. */
static const char *
template_add_placeholder(CpsTemplate *compiled, CpsBuffer *buffer, const char *text, const char *what)
{
    const char *end = strpbrk(text, "{}");
    CpsTemplatePart *part;

    if (end == NULL || *end != '}' || end == text) {
        PyErr_Format(PyExc_ValueError, "%s: a brace that is no placeholder is written {{ or }}", what);
        return NULL;
    }
    part = template_add(compiled, buffer);
    if (part == NULL || (part->name = PyUnicode_FromStringAndSize(text, end - text)) == NULL ||
        (part->steps = template_steps(part->name)) == NULL) {
        return NULL;
    }
    return end + 1;
}

/* Up to the next placeholder, and that. Returns what follows, or NULL with an exception set. */
static const char *
template_add_next(CpsTemplate *compiled, CpsBuffer *buffer, const char *text, const char *what)
{
    size_t plain = strcspn(text, "{}");
    bool doubled = text[plain] != '\0' && text[plain + 1] == text[plain];

    if (cps_buffer_append(buffer, text, plain + doubled) < 0) {
        PyErr_NoMemory();
        return NULL;
    }
    text += plain;
    if (doubled || *text == '\0') {
        return text + (doubled ? 2 : 0);
    }
    if (*text == '}') {
        PyErr_Format(PyExc_ValueError, "%s: a brace that is no placeholder is written {{ or }}", what);
        return NULL;
    }
    return template_add_placeholder(compiled, buffer, text + 1, what);
}

int
cps_template_compile(CpsTemplate *compiled, PyObject *text, const char *what)
{
    CpsBuffer buffer = {0};
    Py_ssize_t length;
    const char *next;

    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "%s must be a str, not %.100s", what, Py_TYPE(text)->tp_name);
        return -1;
    }
    next = PyUnicode_AsUTF8AndSize(text, &length);
    if (next != NULL && strlen(next) != (size_t)length) {
        PyErr_Format(PyExc_ValueError, "%s: embedded null character", what);
        next = NULL;
    }
    cps_template_free(compiled);
    while (next != NULL && *next != '\0') {
        next = template_add_next(compiled, &buffer, next, what);
    }
    if (next != NULL && buffer.length > 0 && template_add(compiled, &buffer) == NULL) {
        next = NULL;
    }
    cps_buffer_free(&buffer);
    if (next == NULL) {
        cps_template_free(compiled);
    }
    return next == NULL ? -1 : 0;
}

/* --- filling --------------------------------------------------------------------------------------------------------------------- */

/* The value as bytes or str. New, or NULL with an exception set. */
static PyObject *
template_value(CpsState *state, PyObject *event, const CpsTemplatePart *part)
{
    PyObject *value = cps_lookup_to_read(state, event, part->steps);

    if (value == Py_None) {
        cps_raise(state, CPS_EVENT_ATTRIBUTE_ERROR, "The event has no %R, which is needed here", part->name);
        Py_CLEAR(value);
    }
    else if (value != NULL && !PyUnicode_Check(value) && !PyBytes_Check(value)) {
        if (!PyLong_Check(value) && !PyFloat_Check(value)) {
            cps_raise(state, CPS_MALFORMED_EVENT_DATA, "The event's %R is %R: neither text nor a number", part->name,
                      (PyObject *)Py_TYPE(value));
            Py_CLEAR(value);
        }
        else {
            Py_SETREF(value, PyObject_Str(value));
        }
    }
    return value;
}

/* Returns 0, or -1 with an exception set. */
static int
template_write(const CpsTemplatePart *part, CpsState *state, PyObject *event, CpsTemplateWriter write,
               CpsBuffer *buffer)
{
    PyObject *value = template_value(state, event, part);
    int status;

    if (value != NULL && PyUnicode_Check(value)) {
        Py_SETREF(value, PyUnicode_AsEncodedString(value, "utf-8", "surrogateescape"));
    }
    status = value == NULL ? -1 : write(state, buffer, part, PyBytes_AS_STRING(value), (size_t)PyBytes_GET_SIZE(value));
    Py_XDECREF(value);
    return status;
}

int
cps_template_fill(const CpsTemplate *compiled, CpsState *state, PyObject *event, CpsTemplateWriter write,
                  CpsBuffer *buffer)
{
    for (Py_ssize_t i = 0; i < compiled->count; i++) {
        const CpsTemplatePart *part = &compiled->parts[i];

        if (cps_buffer_append(buffer, part->text, part->length) < 0) {
            PyErr_NoMemory();
            return -1;
        }
        if (part->steps != NULL && template_write(part, state, event, write, buffer) < 0) {
            return -1;
        }
    }
    return 0;
}
