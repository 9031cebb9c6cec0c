/* The arguments of HTTPClient, and their defaults. */
#include "actors/httpclient.h"

#include "actors/actors.h"
#include "base/percent.h"
#include "net/httpchars.h"

#include <string.h>
#include <strings.h>

enum {
    DEFAULT_CONCURRENCY = 100,
    DEFAULT_RETRIES = 2,
    DEFAULT_REDIRECTS = 10,
    DEFAULT_MAX_RESPONSE = 16 * 1024 * 1024, /* bytes */
};
static const double DEFAULT_TIMEOUT = 30, DEFAULT_CONNECT_TIMEOUT = 5, DEFAULT_BACKOFF = 0.2; /* seconds */
static const char *const DEFAULT_KEEP[] = {"content-type", "etag",        "last-modified", "location",
                                           "link",         "retry-after", "date"};

/* --- the URL and what is sent ----------------------------------------------------------------------------------------- */

/* What is no ASCII in the path and the query is percent-encoded. Returns 0, or -1 with an exception set. */
static int
encode_text(CpsTemplatePart *part, size_t from)
{
    CpsBuffer buffer = {0};

    if (cps_buffer_append(&buffer, part->text, from) < 0 ||
        cps_percent_encode(&buffer, part->text + from, part->length - from, "!#$%&'()*+,/:;=?@[]") < 0) {
        cps_buffer_free(&buffer);
        PyErr_NoMemory();
        return -1;
    }
    free(part->text);
    part->text = buffer.bytes;
    part->length = buffer.length;
    return 0;
}

/* Find the end of the authority, and note which placeholders are part of it. Returns 0, or -1 with an exception set. */
static int
url_prepare(CpsTemplate *url)
{
    bool in_path = false;
    int status = 0;

    for (Py_ssize_t i = 0; status == 0 && i < url->count; i++) {
        CpsTemplatePart *part = &url->parts[i];
        size_t from = in_path ? 0 : i == 0 ? strlen("https://") : 0;

        while (!in_path && from < part->length && strchr("/?#", part->text[from]) == NULL) {
            from++;
        }
        if (from < part->length) {
            in_path = true;
            status = encode_text(part, from);
        }
        part->place = in_path ? CPS_URL_PATH : CPS_URL_AUTHORITY;
    }
    return status;
}

/* Whether it is a URL once its placeholders are filled. Returns 0, or -1 with an exception set. */
static int
url_check(const CpsTemplate *url)
{
    CpsBuffer filled = {0};
    char host[CPS_CLIENT_HOST];
    int status = 0;

    for (Py_ssize_t i = 0; status == 0 && i < url->count; i++) {
        status = cps_buffer_append(&filled, url->parts[i].text, url->parts[i].length);
        if (status == 0 && url->parts[i].steps != NULL) {
            status = cps_buffer_append(&filled, "1", 1); /* fits everywhere, even as a port */
        }
    }
    if (status < 0 || cps_buffer_append(&filled, "", 1) < 0) {
        PyErr_NoMemory();
        status = -1;
    }
    else if (cps_http_url_host(filled.bytes, host, sizeof(host)) < 0) {
        PyErr_Format(PyExc_ValueError, "url: %s", host);
        status = -1;
    }
    cps_buffer_free(&filled);
    return status;
}

/* Returns 0, or -1 with an exception set. */
static int
take_url(CpsHttpClient *self, PyObject *url)
{
    const char *text = NULL;

    if (url != NULL && PyUnicode_Check(url) && (text = PyUnicode_AsUTF8(url)) == NULL) {
        return -1;
    }
    if (text == NULL) {
        PyErr_SetString(PyExc_TypeError, "url must be a str");
        return -1;
    }
    if (strncasecmp(text, "http://", 7) != 0 && strncasecmp(text, "https://", 8) != 0) {
        PyErr_SetString(PyExc_ValueError, "url must begin with http:// or https://");
        return -1;
    }
    cps_take_object(&self->url_text, url);
    return cps_template_compile(&self->url, url, "url") < 0 || url_prepare(&self->url) < 0 ? -1 : url_check(&self->url);
}

/* Returns 0, or -1 with an exception set. */
static int
take_method(CpsHttpClient *self, PyObject *method)
{
    if (method == NULL || method == Py_None) {
        cps_template_free(&self->method);
        return 0;
    }
    if (cps_template_compile(&self->method, method, "method") < 0) {
        return -1;
    }
    if (self->method.count == 0 || (self->method.count == 1 && self->method.parts[0].steps == NULL &&
                                    !cps_http_is_token(self->method.parts[0].text, self->method.parts[0].length))) {
        PyErr_Format(PyExc_ValueError, "%R is not an HTTP method", method);
        return -1;
    }
    return 0;
}

void
cps_client_free_fields(CpsHttpClient *self)
{
    for (Py_ssize_t i = 0; i < self->field_count; i++) {
        free(self->fields[i].name);
        cps_template_free(&self->fields[i].value);
    }
    PyMem_Free(self->fields);
    self->fields = NULL;
    self->field_count = 0;
}

/* Whether a header is one that the client writes itself. */
static bool
field_is_ours(const char *name)
{
    static const char *const names[] = {"content-length", "transfer-encoding", "connection", "expect"};

    for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++) {
        if (strcasecmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Returns 0, or -1 with an exception set. */
static int
take_field(CpsHttpClient *self, PyObject *name, PyObject *value)
{
    CpsClientField *field = &self->fields[self->field_count];
    Py_ssize_t length;
    const char *text = PyUnicode_Check(name) ? PyUnicode_AsUTF8AndSize(name, &length) : NULL;

    if (text == NULL || !cps_http_is_token(text, (size_t)length) || field_is_ours(text)) {
        PyErr_Format(PyExc_ValueError, "%R is not a header that can be set", name);
        return -1;
    }
    *field = (CpsClientField){.name = strdup(text), .removed = value == Py_None};
    if (field->name == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->field_count++;
    self->names_content_type |= strcasecmp(text, "content-type") == 0;
    return field->removed ? 0 : cps_template_compile(&field->value, value, "the value of a header");
}

/* Returns 0, or -1 with an exception set. */
static int
take_fields(CpsHttpClient *self, PyObject *headers)
{
    PyObject *items, *pair;
    int status = 0;

    cps_client_free_fields(self);
    self->names_content_type = false;
    if (headers == NULL || headers == Py_None) {
        return 0;
    }
    items = PyMapping_Items(headers);
    self->fields = items == NULL ? NULL : PyMem_New(CpsClientField, (size_t)PyList_GET_SIZE(items) + 1);
    if (self->fields == NULL) {
        Py_XDECREF(items);
        return PyErr_Occurred() ? -1 : (PyErr_NoMemory(), -1);
    }
    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(items); i++) {
        pair = PyList_GET_ITEM(items, i);
        status = take_field(self, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
    }
    Py_DECREF(items);
    return status;
}

/* --- settings --------------------------------------------------------------------------------------------------------- */

/* Seconds, None for no limit. Returns 0, or -1 with an exception set. */
static int
take_milliseconds(long *milliseconds, PyObject *value, double usual, const char *name)
{
    double seconds = value == NULL ? usual : value == Py_None ? 0 : PyFloat_AsDouble(value);

    if (PyErr_Occurred()) {
        return -1;
    }
    if (value != NULL && value != Py_None && !(seconds > 0 && seconds < 1e6)) {
        PyErr_Format(PyExc_ValueError, "%s must be a number of seconds above 0, or None", name);
        return -1;
    }
    *milliseconds = seconds == 0 ? 0 : seconds < 0.001 ? 1 : (long)(seconds * 1000);
    return 0;
}

/* A number that is not negative. Returns 0, or -1 with an exception set. */
static int
take_count(Py_ssize_t *count, PyObject *value, Py_ssize_t usual, const char *name)
{
    *count = usual;
    if (cps_take_size(count, value) < 0) {
        return -1;
    }
    if (*count < 0 || *count > INT_MAX) {
        PyErr_Format(PyExc_ValueError, "%s must not be negative, nor above %d", name, INT_MAX);
        return -1;
    }
    return 0;
}

/* Keep the text of a str. Borrowed from the actor, or NULL with an exception set. */
static const char *
keep_text(CpsHttpClient *self, PyObject *text, const char *name)
{
    const char *bytes;
    Py_ssize_t length;

    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "%s must be a str, not %.100s", name, Py_TYPE(text)->tp_name);
        return NULL;
    }
    bytes = PyUnicode_AsUTF8AndSize(text, &length);
    if (bytes != NULL && strlen(bytes) != (size_t)length) {
        PyErr_Format(PyExc_ValueError, "%s: embedded null character", name);
        return NULL;
    }
    return bytes == NULL || PyList_Append(self->texts, text) < 0 ? NULL : bytes;
}

/* Keep the name of a file or, when *directory_p is not NULL, perhaps a directory, which must exist. Returns 0, or -1 with an exception set. */
static int
keep_path(CpsHttpClient *self, PyObject *path, const char **file_p, const char **directory_p)
{
    PyObject *bytes, *found;
    uv_fs_t request;
    int code, status;
    bool is_directory;

    if (!PyUnicode_FSConverter(path, &bytes)) {
        return -1;
    }
    code = uv_fs_stat(NULL, &request, PyBytes_AS_STRING(bytes), NULL);
    is_directory = code == 0 && (request.statbuf.st_mode & S_IFMT) == S_IFDIR;
    uv_fs_req_cleanup(&request);
    if (code < 0 || (is_directory && directory_p == NULL)) {
        found = PyObject_CallFunction(PyExc_OSError, "isO", code < 0 ? -code : EISDIR,
                                      uv_strerror(code < 0 ? code : UV_EISDIR), path);
        if (found != NULL) {
            PyErr_SetObject((PyObject *)Py_TYPE(found), found);
            Py_DECREF(found);
        }
        Py_DECREF(bytes);
        return -1;
    }
    *(is_directory ? directory_p : file_p) = PyBytes_AS_STRING(bytes);
    status = PyList_Append(self->texts, bytes);
    Py_DECREF(bytes);
    return status;
}

/* True, False, or the file or directory of the authorities that are trusted. Returns 0, or -1 with an exception set. */
static int
take_verify(CpsHttpClient *self, PyObject *verify)
{
    self->settings.verify = verify != Py_False;
    self->settings.ca_file = self->settings.ca_directory = NULL;
    if (verify == NULL || PyBool_Check(verify)) {
        return 0;
    }
    return keep_path(self, verify, &self->settings.ca_file, &self->settings.ca_directory);
}

/* A file, (certificate, key) or (certificate, key, password of the key). Returns 0, or -1 with an exception set. */
static int
take_cert(CpsHttpClient *self, PyObject *cert)
{
    CpsHttpAgentSettings *settings = &self->settings;
    Py_ssize_t count;

    settings->cert_file = settings->key_file = settings->key_password = NULL;
    if (cert == NULL || cert == Py_None) {
        return 0;
    }
    if (!PyTuple_Check(cert)) {
        return keep_path(self, cert, &settings->cert_file, NULL);
    }
    count = PyTuple_GET_SIZE(cert);
    if (count < 2 || count > 3) {
        PyErr_SetString(PyExc_ValueError,
                        "cert is a file, or a tuple of certificate, key and perhaps the key's password");
        return -1;
    }
    if (keep_path(self, PyTuple_GET_ITEM(cert, 0), &settings->cert_file, NULL) < 0 ||
        keep_path(self, PyTuple_GET_ITEM(cert, 1), &settings->key_file, NULL) < 0) {
        return -1;
    }
    if (count == 3) {
        settings->key_password = keep_text(self, PyTuple_GET_ITEM(cert, 2), "the key's password");
    }
    return count == 3 && settings->key_password == NULL ? -1 : 0;
}

/* (user, password). Returns 0, or -1 with an exception set. */
static int
take_auth(CpsHttpClient *self, PyObject *auth)
{
    CpsHttpAgentSettings *settings = &self->settings;

    settings->user = settings->password = NULL;
    if (auth == NULL || auth == Py_None) {
        return 0;
    }
    if (!PyTuple_Check(auth) || PyTuple_GET_SIZE(auth) != 2) {
        PyErr_SetString(PyExc_TypeError, "auth must be a tuple of user and password");
        return -1;
    }
    settings->user = keep_text(self, PyTuple_GET_ITEM(auth, 0), "auth[0]");
    settings->password = settings->user == NULL ? NULL : keep_text(self, PyTuple_GET_ITEM(auth, 1), "auth[1]");
    return settings->password == NULL ? -1 : 0;
}

/* None, True for what the environment says, or a URL. Returns 0, or -1 with an exception set. */
static int
take_proxy(CpsHttpClient *self, PyObject *proxy)
{
    self->settings.proxy = "";
    if (proxy == NULL || proxy == Py_None || proxy == Py_False) {
        return 0;
    }
    self->settings.proxy = proxy == Py_True ? NULL : keep_text(self, proxy, "proxy");
    return proxy != Py_True && self->settings.proxy == NULL ? -1 : 0;
}

/* False, True, or how many. Returns 0, or -1 with an exception set. */
static int
take_redirects(CpsHttpClient *self, PyObject *redirects)
{
    Py_ssize_t count = 0;

    if (redirects != NULL && PyBool_Check(redirects)) {
        count = redirects == Py_True ? DEFAULT_REDIRECTS : 0;
    }
    else if (take_count(&count, redirects, 0, "allow_redirects") < 0) {
        return -1;
    }
    self->settings.max_redirects = (long)count;
    return 0;
}

/* None, True or False. Returns 0, or -1 with an exception set. */
static int
take_send_data(CpsHttpClient *self, PyObject *send_data)
{
    int truth = send_data == NULL || send_data == Py_None ? CPS_SEND_DATA_BY_METHOD : PyObject_IsTrue(send_data);

    self->send_data = truth;
    return truth < 0 ? -1 : 0;
}

/* New, or NULL with an exception set. */
static PyObject *
usual_keep(void)
{
    Py_ssize_t count = (Py_ssize_t)Py_ARRAY_LENGTH(DEFAULT_KEEP);
    PyObject *names = PyTuple_New(count);

    for (Py_ssize_t i = 0; names != NULL && i < count; i++) {
        PyObject *name = PyUnicode_FromString(DEFAULT_KEEP[i]);

        if (name == NULL) {
            Py_CLEAR(names);
        }
        else {
            PyTuple_SET_ITEM(names, i, name);
        }
    }
    return names;
}

/* Several str as a tuple, in lower case. New, or NULL with an exception set. */
static PyObject *
lower_names(PyObject *names)
{
    PyObject *list = PySequence_List(names), *tuple;

    for (Py_ssize_t i = 0; list != NULL && i < PyList_GET_SIZE(list); i++) {
        PyObject *name = PyList_GET_ITEM(list, i);
        PyObject *lower = PyUnicode_Check(name) ? PyObject_CallMethod(name, "lower", NULL)
                                                : PyErr_Format(PyExc_TypeError, "%R is not the name of a header", name);

        if (lower == NULL) {
            Py_CLEAR(list);
        }
        else {
            PyList_SetItem(list, i, lower); /* steals */
        }
    }
    tuple = list == NULL ? NULL : PyList_AsTuple(list);
    Py_XDECREF(list);
    return tuple;
}

/* True for all headers of responses, or their names. Returns 0, or -1 with an exception set. */
static int
take_keep(CpsHttpClient *self, PyObject *names)
{
    PyObject *keep;

    if (names == NULL || names == Py_True) {
        keep = names == NULL ? usual_keep() : Py_NewRef(Py_None);
    }
    else if (PyUnicode_Check(names)) {
        PyErr_SetString(PyExc_TypeError, "response_headers must be True or several names");
        keep = NULL;
    }
    else {
        keep = lower_names(names);
    }
    Py_XSETREF(self->keep, keep);
    return keep == NULL ? -1 : 0;
}

enum {
    NAME,
    URL,
    METHOD,
    HEADERS,
    TIMEOUT,
    CONNECT_TIMEOUT,
    RETRIES,
    BACKOFF,
    MAX_CONNECTIONS,
    MAX_RESPONSE_BYTES,
    VERIFY,
    CERT,
    AUTH,
    PROXY,
    ALLOW_REDIRECTS,
    STATUS_ERRORS,
    SEND_DATA,
    RESPONSE_HEADERS,
    PARAMETERS
};

/* Returns 0, or -1 with an exception set. */
static int
client_take_limits(CpsHttpClient *self, PyObject *const *values)
{
    CpsHttpAgentSettings *settings = &self->settings;
    Py_ssize_t connections, bytes;

    if (take_milliseconds(&settings->timeout_ms, values[TIMEOUT], DEFAULT_TIMEOUT, "timeout") < 0 ||
        take_milliseconds(&settings->connect_timeout_ms, values[CONNECT_TIMEOUT], DEFAULT_CONNECT_TIMEOUT,
                          "connect_timeout") < 0 ||
        take_count(&self->retries, values[RETRIES], DEFAULT_RETRIES, "retries") < 0 ||
        take_count(&connections, values[MAX_CONNECTIONS] == Py_None ? NULL : values[MAX_CONNECTIONS], 0,
                   "max_connections") < 0 ||
        take_count(&bytes, values[MAX_RESPONSE_BYTES], DEFAULT_MAX_RESPONSE, "max_response_bytes") < 0) {
        return -1;
    }
    self->backoff = values[BACKOFF] == NULL ? DEFAULT_BACKOFF : PyFloat_AsDouble(values[BACKOFF]);
    if (!PyErr_Occurred() && !(self->backoff >= 0)) {
        PyErr_SetString(PyExc_ValueError, "backoff must be a number of seconds");
    }
    settings->max_connections = (long)connections;
    settings->max_body = (size_t)bytes;
    return PyErr_Occurred() ? -1 : 0;
}

/* Returns 0, or -1 with an exception set. */
static int
client_configure(CpsHttpClient *self, PyObject *const *values)
{
    Py_XSETREF(self->texts, PyList_New(0));
    self->status_errors = true;
    return self->texts == NULL || take_url(self, values[URL]) < 0 || take_method(self, values[METHOD]) < 0 ||
                   take_fields(self, values[HEADERS]) < 0 || client_take_limits(self, values) < 0 ||
                   take_verify(self, values[VERIFY]) < 0 || take_cert(self, values[CERT]) < 0 ||
                   take_auth(self, values[AUTH]) < 0 || take_proxy(self, values[PROXY]) < 0 ||
                   take_redirects(self, values[ALLOW_REDIRECTS]) < 0 ||
                   cps_take_flag(&self->status_errors, values[STATUS_ERRORS]) < 0 ||
                   take_send_data(self, values[SEND_DATA]) < 0 || take_keep(self, values[RESPONSE_HEADERS]) < 0
               ? -1
               : 0;
}

int
cps_client_init(CpsHttpClient *self, const CpsActorOps *ops, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {
        "name",
        "url",
        "method",
        "headers",
        "timeout",
        "connect_timeout",
        "retries",
        "backoff",
        "max_connections",
        "max_response_bytes",
        "verify",
        "cert",
        "auth",
        "proxy",
        "allow_redirects",
        "status_errors",
        "send_data",
        "response_headers",
    };
    PyObject *values[PARAMETERS], *rest_args, *rest_kwargs;
    int result;

    if (self->agent != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "an HTTPClient that is at work cannot be made anew");
        return -1;
    }
    cps_list_init(&self->orphans);
    if (cps_bind("HTTPClient", args, kwargs, names, PARAMETERS, 2, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    result = cps_actor_init(&self->base, ops, rest_args, rest_kwargs);
    if (result == 0 && PyDict_GetItemString(rest_kwargs, "concurrency") == NULL) {
        self->base.concurrency = DEFAULT_CONCURRENCY;
    }
    if (result == 0) {
        result = client_configure(self, values);
    }
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}
