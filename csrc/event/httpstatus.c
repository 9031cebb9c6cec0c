#include "event/httpstatus.h"

/* ---- status ---- */

static PyObject *
raise_bad_status(PyObject *value)
{
    PyErr_Format(PyExc_ValueError, "%R is not an HTTP status", value);
    return NULL;
}

/* The standard reason of a code, "Unknown" when there is none. New, or NULL with an exception set. */
static PyObject *
standard_reason(CpsState *state, PyObject *code)
{
    PyObject *statuses = cps_import(&state->http_status, "http", "HTTPStatus"); /* borrowed */
    PyObject *status, *phrase;

    if (statuses == NULL) {
        return NULL;
    }
    status = PyObject_CallOneArg(statuses, code);
    if (status == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_ValueError)) {
            return NULL;
        }
        PyErr_Clear();
        return PyUnicode_FromString("Unknown");
    }
    phrase = PyObject_GetAttrString(status, "phrase");
    Py_DECREF(status);
    return phrase;
}

/* (code, reason) from a number and, unless it is NULL, a reason. `value` is what the user wrote. */
static PyObject *
status_from_code(CpsState *state, PyObject *code, PyObject *reason, PyObject *value)
{
    long number = PyBool_Check(code) ? -1 : PyLong_AsLong(code);
    PyObject *status;

    if (number < 100 || number > 999) {
        PyErr_Clear(); /* an overflow */
        return raise_bad_status(value);
    }
    code = PyLong_FromLong(number); /* plain, also when it was an http.HTTPStatus */
    if (code == NULL) {
        return NULL;
    }
    reason = reason != NULL ? Py_NewRef(reason) : standard_reason(state, code);
    status = reason == NULL ? NULL : PyTuple_Pack(2, code, reason);
    Py_XDECREF(reason);
    Py_DECREF(code);
    return status;
}

/* From text, whose code ends at the first space or hyphen. */
static PyObject *
status_from_text(CpsState *state, PyObject *text)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(text), end = 0;
    PyObject *digits, *code, *reason = NULL, *status = NULL;

    while (end < length && PyUnicode_READ_CHAR(text, end) != ' ' && PyUnicode_READ_CHAR(text, end) != '-') {
        end++;
    }
    if (end < length && (reason = PyUnicode_Substring(text, end + 1, length)) == NULL) {
        return NULL;
    }
    digits = PyUnicode_Substring(text, 0, end);
    code = digits == NULL ? NULL : PyLong_FromUnicodeObject(digits, 10);
    Py_XDECREF(digits);
    if (code != NULL) {
        status = status_from_code(state, code, reason, text);
        Py_DECREF(code);
    }
    else if (PyErr_ExceptionMatches(PyExc_ValueError)) {
        PyErr_Clear();
        raise_bad_status(text);
    }
    Py_XDECREF(reason);
    return status;
}

PyObject *
cps_http_status(CpsState *state, PyObject *value)
{
    if (PyTuple_Check(value)) {
        return Py_NewRef(value);
    }
    if (PyUnicode_Check(value)) {
        return status_from_text(state, value);
    }
    if (PyBytes_Check(value)) {
        PyObject *text = PyUnicode_DecodeLatin1(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), NULL);
        PyObject *status = text == NULL ? NULL : status_from_text(state, text);

        Py_XDECREF(text);
        return status;
    }
    if (PyLong_Check(value)) {
        return status_from_code(state, value, NULL, value);
    }
    if (PyList_Check(value) && PyList_GET_SIZE(value) == 2 && PyLong_Check(PyList_GET_ITEM(value, 0)) &&
        PyUnicode_Check(PyList_GET_ITEM(value, 1))) {
        return status_from_code(state, PyList_GET_ITEM(value, 0), PyList_GET_ITEM(value, 1), value);
    }
    return raise_bad_status(value);
}

/* ---- http_code_map ---- */

static const struct {
    CpsErrorKind kind;
    int code;
    const char *reason;
} codes[] = {
    {CPS_RESOURCE_NOT_MODIFIED, 304, "Not Modified"},
    {CPS_MALFORMED_EVENT_DATA, 400, "Bad Request"},
    {CPS_INVALID_EVENT_DATA_MODIFICATION, 400, "Bad Request"},
    {CPS_UNAUTHORIZED_EVENT, 401, "Unauthorized"},
    {CPS_FORBIDDEN_EVENT, 403, "Forbidden"},
    {CPS_RESOURCE_NOT_FOUND, 404, "Not Found"},
    {CPS_EVENT_COMMAND_NOT_ALLOWED, 405, "Method Not Allowed"},
    {CPS_ACTOR_TIMEOUT, 408, "Request Timeout"},
    {CPS_RESOURCE_CONFLICT, 409, "Conflict"},
    {CPS_RESOURCE_GONE, 410, "Gone"},
    {CPS_UNPROCESSABLE_EVENT_DATA, 422, "Unprocessable Entity"},
    {CPS_EVENT_RATE_EXCEEDED, 429, "Too Many Requests"},
    {CPS_EXCEPTION, 500, "Internal Server Error"},
    {CPS_BAD_GATEWAY, 502, "Bad Gateway"},
    {CPS_SERVICE_UNAVAILABLE, 503, "Service Unavailable"},
    {CPS_GATEWAY_TIMEOUT, 504, "Gateway Timeout"},
};

static PyObject *
code_entry(int code, const char *reason)
{
    return Py_BuildValue("{s(is)}", "status", code, reason);
}

static PyObject *
default_entry(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    return code_entry(500, "Internal Server Error");
}

static PyMethodDef default_entry_def = {"default_entry", default_entry, METH_NOARGS,
                                        "default_entry()\n--\n\nThe entry of errors that http_code_map does not list."};

static int
fill_code_map(CpsState *state, PyObject *map)
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(codes); i++) {
        if (cps_dict_set_new(map, state->errors[codes[i].kind], code_entry(codes[i].code, codes[i].reason)) < 0) {
            return -1;
        }
    }
    if (cps_dict_set_new(map, (PyObject *)Py_TYPE(Py_None), code_entry(200, "OK")) < 0) {
        return -1;
    }
    return cps_dict_set_new(map, state->errors[CPS_UNAUTHORIZED_EVENT],
                            Py_BuildValue("{s(is)s{ss}}", "status", 401, "Unauthorized", "headers", "WWW-Authenticate",
                                          "Basic realm=\"Compysition Server\""));
}

int
cps_http_status_setup(PyObject *module, CpsState *state)
{
    PyObject *defaultdict = NULL;
    PyObject *factory;

    if (cps_import(&defaultdict, "collections", "defaultdict") == NULL) {
        return -1;
    }
    factory = PyCFunction_New(&default_entry_def, NULL);
    state->http_code_map = factory == NULL ? NULL : PyObject_CallOneArg(defaultdict, factory);
    Py_XDECREF(factory);
    Py_DECREF(defaultdict);
    return state->http_code_map == NULL || fill_code_map(state, state->http_code_map) < 0
               ? -1
               : PyModule_AddObjectRef(module, "http_code_map", state->http_code_map);
}

PyObject *
cps_http_code_entry(CpsState *state, PyObject *error)
{
    PyObject *mro = Py_TYPE(error)->tp_mro;
    PyObject *entry, *factory;

    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); i++) {
        if (PyDict_GetItemRef(state->http_code_map, PyTuple_GET_ITEM(mro, i), &entry) != 0) {
            return entry;
        }
    }
    /* not map[cls], which would add an entry that hides those that users add later for a base */
    factory = PyObject_GetAttr(state->http_code_map, state->names.default_factory);
    entry = factory == NULL ? NULL : factory == Py_None ? default_entry(NULL, NULL) : PyObject_CallNoArgs(factory);
    Py_XDECREF(factory);
    return entry;
}
