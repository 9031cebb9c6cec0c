#include "http/charset.h"

#include <string.h>

/* Python's name of a charset. New str, or NULL with an exception set. */
static PyObject *
canonical_name(CpsState *state, const char *charset)
{
    PyObject *canonical = cps_import(&state->canonical_charset, "compysition._charsets", "canonical");
    PyObject *given = canonical == NULL ? NULL : PyUnicode_DecodeLatin1(charset, (Py_ssize_t)strlen(charset), NULL);
    PyObject *name = given == NULL ? NULL : PyObject_CallOneArg(canonical, given);

    if (name == Py_None) {
        cps_raise(state, CPS_MALFORMED_EVENT_DATA, "Unknown charset '%U'", given);
        Py_CLEAR(name);
    }
    Py_XDECREF(given);
    return name;
}

PyObject *
cps_http_decode(CpsState *state, const char *bytes, size_t length, const char *charset, const char *errors)
{
    PyObject *name, *text;

    if (charset[0] == '\0' || strcmp(charset, "utf-8") == 0) {
        text = PyUnicode_DecodeUTF8(bytes, (Py_ssize_t)length, errors);
    }
    else {
        name = canonical_name(state, charset);
        if (name == NULL) {
            return NULL;
        }
        text = PyUnicode_Decode(bytes, (Py_ssize_t)length, PyUnicode_AsUTF8(name), errors);
        Py_DECREF(name);
    }
    if (text == NULL && !PyErr_ExceptionMatches(PyExc_MemoryError)) {
        cps_raise_from(state, CPS_MALFORMED_EVENT_DATA, "The body is no text in %s",
                       charset[0] == '\0' ? "utf-8" : charset);
    }
    return text;
}
