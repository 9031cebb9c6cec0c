#include "http/probes.h"

#include "http/accept.h"
#include "http/contenttype.h"
#include "http/date.h"
#include "http/environ.h"
#include "http/form.h"
#include "net/httpparser.h"

/* --- Accept ------------------------------------------------------------------------------------------------------------------- */

PyDoc_STRVAR(best_match_doc,
             "_best_match($module, supported, accept, /)\n--\n\n"
             "Which of the media types (at most 32, a list of str) fits an Accept header (bytes): that or\n"
             "None, its quality, and whether the header is invalid.");

static PyObject *
best_match(PyObject *module, PyObject *args)
{
    enum { MOST = 32 };
    const char *types[MOST], *accept;
    PyObject *supported;
    CpsAcceptResult result;
    Py_ssize_t length, count;
    int best;

    if (!PyArg_ParseTuple(args, "O!y#", &PyList_Type, &supported, &accept, &length)) {
        return NULL;
    }
    count = PyList_GET_SIZE(supported) > MOST ? MOST : PyList_GET_SIZE(supported);
    for (Py_ssize_t i = 0; i < count; i++) {
        types[i] = PyUnicode_AsUTF8(PyList_GET_ITEM(supported, i));
        if (types[i] == NULL) {
            return NULL;
        }
    }
    best = cps_accept_best(types, (int)count, accept, (size_t)length, &result);
    return Py_BuildValue("(OdO)", best < 0 ? Py_None : PyList_GET_ITEM(supported, best), result.quality,
                         result.invalid ? Py_True : Py_False);
}

PyDoc_STRVAR(choose_media_type_doc,
             "_choose_media_type($module, accept, /)\n--\n\n"
             "event.accept for an Accept header (bytes, or None when it is missing), and whether that\n"
             "is invalid.");

static PyObject *
choose_media_type(PyObject *module, PyObject *args)
{
    const char *accept;
    Py_ssize_t length;
    bool invalid;
    CpsMediaType type;

    if (!PyArg_ParseTuple(args, "z#", &accept, &length)) {
        return NULL;
    }
    type = cps_accept_choose(accept, (size_t)length, &invalid);
    return Py_BuildValue("(sO)", cps_media_type_name(type), invalid ? Py_True : Py_False);
}

/* --- content types and forms ------------------------------------------------------------------------------------------------------- */

PyDoc_STRVAR(read_content_type_doc,
             "_read_content_type($module, value, /)\n--\n\n"
             "Type, charset, kind (\"json\", \"xml\", \"text\" or \"form\") and whether routes usually\n"
             "take it, of a Content-Type header (bytes, or None when it is missing).");

static PyObject *
read_content_type(PyObject *module, PyObject *args)
{
    static const char *const kinds[] = {[CPS_CONTENT_JSON] = "json",
                                        [CPS_CONTENT_XML] = "xml",
                                        [CPS_CONTENT_TEXT] = "text",
                                        [CPS_CONTENT_FORM] = "form"};
    CpsContentType content;
    const char *value;
    Py_ssize_t length;

    if (!PyArg_ParseTuple(args, "z#", &value, &length)) {
        return NULL;
    }
    cps_content_type_read(&content, value, (size_t)length);
    return Py_BuildValue("(sssO)", content.type, content.charset, kinds[content.kind],
                         cps_content_type_is_usual(content.type) ? Py_True : Py_False);
}

PyDoc_STRVAR(parse_form_doc,
             "_parse_form($module, text, charset, /)\n--\n\n"
             "A form (bytes) as a dict, and the name (XML, JSON, or None for others) and value of the field\n"
             "that is the data of an event; the latter is None for a form without fields.");

static PyObject *
parse_form(PyObject *module, PyObject *args)
{
    CpsState *state = PyModule_GetState(module);
    const char *text, *charset, *name = NULL;
    Py_ssize_t length;
    PyObject *value = NULL, *dict;
    int found;

    if (!PyArg_ParseTuple(args, "y#s", &text, &length, &charset)) {
        return NULL;
    }
    dict = cps_form_dict(state, text, (size_t)length);
    found = dict == NULL ? -1 : cps_form_data(state, text, (size_t)length, charset, &name, &value);
    if (found < 0) {
        Py_XDECREF(dict);
        return NULL;
    }
    return found == 0 ? Py_BuildValue("(NO)", dict, Py_None) : Py_BuildValue("(N(zN))", dict, name, value);
}

/* --- environments -------------------------------------------------------------------------------------------------------------------- */

/* The request that the bytes are, complete. New, or NULL with ValueError or MemoryError set. */
static CpsHttpRequest *
read_request(const char *bytes, size_t length)
{
    static const CpsHttpLimits limits = {
        .target_bytes = 1 << 20, .head_bytes = 1 << 20, .fields = 10000, .body_bytes = 1 << 20};
    CpsHttpParser parser;
    CpsHttpRequest *request = NULL;
    CpsHttpOutcome outcome;
    size_t used;

    cps_http_parser_init(&parser, &limits);
    outcome = cps_http_feed(&parser, bytes, length, &used);
    if (outcome == CPS_HTTP_COMPLETE) {
        request = cps_http_take(&parser);
    }
    else {
        PyErr_Format(PyExc_ValueError, "no request: %s", outcome == CPS_HTTP_REFUSED ? parser.reason : "incomplete");
    }
    cps_http_parser_free(&parser);
    return request;
}

/* Environment and URL. New, or NULL with an exception set. */
static PyObject *
show_request(CpsHttpEnvironBase *base, const CpsHttpRequest *request, PyObject *url_args, int times)
{
    PyObject *path, *environ = NULL, *url;

    for (int i = 0; i < times; i++) {
        Py_XDECREF(environ);
        path = cps_http_environ_path(request);
        environ = path == NULL ? NULL : cps_http_environ(base, request, "192.0.2.1", 50000, path, url_args);
        Py_XDECREF(path);
        if (environ == NULL) {
            if (!PyErr_Occurred()) {
                PyErr_SetString(PyExc_ValueError, "the path is no text");
            }
            return NULL;
        }
    }
    url = cps_http_environ_url(base, request);
    if (url == NULL) {
        Py_XDECREF(environ);
        return NULL;
    }
    return Py_BuildValue("(NN)", environ, url);
}

PyDoc_STRVAR(make_environ_doc,
             "_make_environ($module, requests, address, port, tls, url_args=None, times=1, /)\n--\n\n"
             "Environment and URL of each request (bytes) to one server, from 192.0.2.1:50000; made so many times.\n"
             "ValueError for what is no request.");

static PyObject *
make_environ(PyObject *module, PyObject *args)
{
    PyObject *requests, *address, *url_args = Py_None, *results = NULL;
    int port, tls, times = 1;
    CpsHttpEnvironBase *base;

    if (!PyArg_ParseTuple(args, "O!Uip|Oi", &PyList_Type, &requests, &address, &port, &tls, &url_args, &times)) {
        return NULL;
    }
    base = cps_http_environ_base_new(PyModule_GetState(module), address, port, tls != 0);
    if (base != NULL) {
        results = PyList_New(0);
    }
    for (Py_ssize_t i = 0; results != NULL && i < PyList_GET_SIZE(requests); i++) {
        PyObject *bytes = PyList_GET_ITEM(requests, i), *result;
        CpsHttpRequest *request = NULL;

        if (PyBytes_Check(bytes)) {
            request = read_request(PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
        }
        else {
            PyErr_SetString(PyExc_TypeError, "a request is bytes");
        }
        result = request == NULL ? NULL : show_request(base, request, url_args == Py_None ? NULL : url_args, times);
        if (result == NULL || PyList_Append(results, result) < 0) {
            Py_CLEAR(results);
        }
        Py_XDECREF(result);
        cps_http_request_free(request);
    }
    cps_http_environ_base_free(base);
    return results;
}

/* --- dates --------------------------------------------------------------------------------------------------------------------------- */

PyDoc_STRVAR(http_date_doc,
             "_http_date($module, when=None, /)\n--\n\n"
             "The time (whole seconds since 1970, None for now) as HTTP writes it. ValueError when it cannot.");

static PyObject *
http_date(PyObject *module, PyObject *args)
{
    char date[CPS_HTTP_DATE_SIZE];
    PyObject *when = Py_None;
    long long seconds;

    if (!PyArg_ParseTuple(args, "|O", &when)) {
        return NULL;
    }
    if (when == Py_None) {
        return PyUnicode_FromString(cps_http_date_now());
    }
    seconds = PyLong_AsLongLong(when);
    if (seconds == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (cps_http_date((time_t)seconds, date) < 0) {
        PyErr_SetString(PyExc_ValueError, "HTTP has dates from 1970 to 9999");
        return NULL;
    }
    return PyUnicode_FromString(date);
}

static PyMethodDef probes[] = {
    {"_best_match", best_match, METH_VARARGS, best_match_doc},
    {"_choose_media_type", choose_media_type, METH_VARARGS, choose_media_type_doc},
    {"_read_content_type", read_content_type, METH_VARARGS, read_content_type_doc},
    {"_parse_form", parse_form, METH_VARARGS, parse_form_doc},
    {"_make_environ", make_environ, METH_VARARGS, make_environ_doc},
    {"_http_date", http_date, METH_VARARGS, http_date_doc},
    {NULL, NULL, 0, NULL},
};

int
cps_http_probes_setup(PyObject *module)
{
    return PyModule_AddFunctions(module, probes);
}
