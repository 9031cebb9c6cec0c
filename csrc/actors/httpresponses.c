/* From an event to a response. */
#include "actors/httpserver.h"

#include "event/errorformat.h"
#include "event/event.h"
#include "event/format.h"
#include "event/http.h"
#include "event/jsonevent.h"
#include "event/jsonwrite.h"
#include "net/httpchars.h"

/* A response on its way. */
typedef struct {
    CpsHTTPServer *server;
    CpsHttpExchange *exchange;
    CpsBuffer head;
    const char *body; /* borrowed from body_object or json */
    Py_ssize_t body_length;
    PyObject *body_object; /* owned str or bytes, or NULL */
    CpsBuffer json;        /* the body, when that is written here */
    int code;
    bool close;    /* the event asks for it */
    bool as_it_is; /* the event's data, bytes, is the body */
} Response;

static int
no_memory_if(int status)
{
    if (status < 0) {
        PyErr_NoMemory();
    }
    return status;
}

/* --- the body ------------------------------------------------------------------------------------------------------------------- */

/* The data of an event, to look at its kind. Borrowed from the event; None without data. */
static PyObject *
event_value(PyObject *event)
{
    CpsPayload *payload = ((CpsEvent *)event)->payload;

    return payload == NULL || payload->value == NULL ? Py_None : payload->value;
}

/* Whether the data is {"data": something true}: it has its envelope already. 1, 0, or -1 with an exception set. */
static int
has_envelope(CpsState *state, PyObject *data)
{
    PyObject *inner;

    if (PyDict_GET_SIZE(data) != 1) {
        return 0;
    }
    inner = PyDict_GetItemWithError(data, state->names.data);
    if (inner == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    return PyObject_IsTrue(inner);
}

/* {"data": <text>}. Steals the text, which may be NULL. New, or NULL with an exception set. */
static PyObject *
in_envelope(PyObject *text)
{
    PyObject *wrapped = text == NULL ? NULL : PyUnicode_FromFormat("{\"data\": %U}", text);

    Py_XDECREF(text);
    return wrapped;
}

static PyObject *
format_error(CpsState *state, PyObject *event, bool is_json)
{
    PyObject *errors, *wrapped;

    if (!is_json) {
        return cps_event_error_string(state, event);
    }
    errors = cps_errors_as_json(state, event);
    wrapped = errors == NULL ? NULL : PyUnicode_FromFormat("{\"errors\": %U}", errors);
    Py_XDECREF(errors);
    return wrapped;
}

PyObject *
cps_httpserver_format(CpsHTTPServer *self, PyObject *event)
{
    CpsState *state = self->base.state;
    CpsFormat format = cps_format_of(state, Py_TYPE(event));
    PyObject *value = event_value(event);
    bool is_json = format == CPS_FORMAT_JSON;
    int enveloped = 0;

    if (((CpsEvent *)event)->error != NULL) {
        return format_error(state, event, is_json);
    }
    if (format == CPS_FORMAT_XML) {
        return cps_event_data_string(state, event);
    }
    if (PyBytes_Check(value)) {
        return Py_NewRef(value);
    }
    if (value == Py_None && !is_json) {
        return PyUnicode_FromString("");
    }
    if (PyDict_Check(value)) {
        enveloped = has_envelope(state, value);
    }
    else if (!PyList_Check(value) && (is_json || !PyUnicode_Check(value))) {
        enveloped = 1;
    }
    if (enveloped != 0) {
        return enveloped < 0 ? NULL : cps_event_data_string(state, event);
    }
    return in_envelope(is_json ? cps_event_data_string(state, event) : cps_json_text(state, value));
}

/* The body as bytes. Takes `body`, which may be NULL. Returns 0, or -1 with an exception set. */
static int
response_take_body(Response *self, PyObject *body)
{
    if (body == NULL || body == Py_None) {
        Py_XDECREF(body);
        return body == NULL ? -1 : 0;
    }
    if (!PyBytes_Check(body) && !PyUnicode_Check(body)) {
        Py_SETREF(body, PyObject_Str(body));
    }
    if (body != NULL && PyUnicode_Check(body) && !PyUnicode_IS_COMPACT_ASCII(body)) {
        Py_SETREF(body, PyUnicode_AsEncodedString(body, "utf-8", "replace")); /* lone surrogates */
    }
    if (body == NULL) {
        return -1;
    }
    self->body_object = body;
    if (PyBytes_Check(body)) {
        self->body = PyBytes_AS_STRING(body);
        self->body_length = PyBytes_GET_SIZE(body);
    }
    else {
        self->body = PyUnicode_AsUTF8AndSize(body, &self->body_length);
    }
    return 0;
}

/* The body as cps_httpserver_format makes it, of most JSON events: without objects in between. Returns 1, 0 when it cannot be made so, or -1 with
 * MemoryError set. */
static int
response_write_json(Response *self, PyObject *event)
{
    static const char opening[] = "{\"data\": ";
    CpsHTTPServer *server = self->server;
    CpsState *state = server->base.state;
    PyObject *value = event_value(event);
    int written = 0, enveloped = PyDict_CheckExact(value) ? has_envelope(state, value) : 0;

    if (enveloped < 0 || ((const CpsHTTPServerOps *)server->base.ops)->format != cps_httpserver_format ||
        ((CpsEvent *)event)->error != NULL || !(PyDict_CheckExact(value) || PyList_CheckExact(value)) ||
        cps_format_of(state, Py_TYPE(event)) != CPS_FORMAT_JSON || !cps_json_writes_data(state, event)) {
        PyErr_Clear();
        return 0;
    }
    if (no_memory_if(enveloped ? 0 : cps_buffer_append(&self->json, opening, sizeof(opening) - 1)) == 0) {
        written = cps_json_write(&self->json, value);
    }
    if (written > 0 && !enveloped && no_memory_if(cps_buffer_append(&self->json, "}", 1)) < 0) {
        written = -1;
    }
    self->body = self->json.bytes;
    self->body_length = written > 0 ? (Py_ssize_t)self->json.length : 0;
    return PyErr_Occurred() ? -1 : written;
}

/* Returns 0, or -1 with an exception set. */
static int
response_format(Response *self, PyObject *event)
{
    CpsHTTPServer *server = self->server;
    int written;

    if (cps_http_bodiless(self->code)) {
        return 0;
    }
    if (self->as_it_is) {
        return response_take_body(self, Py_NewRef(event_value(event)));
    }
    if (server->own_format) {
        return response_take_body(
            self, PyObject_CallMethodOneArg((PyObject *)server, server->base.state->names.format_response_data, event));
    }
    written = response_write_json(self, event);
    if (written != 0) {
        return written < 0 ? -1 : 0;
    }
    return response_take_body(self, ((const CpsHTTPServerOps *)server->base.ops)->format(server, event));
}

/* --- the head ---------------------------------------------------------------------------------------------------------------------- */

/* The status line of (code, reason). Returns 0, or -1 with an exception set. */
static int
response_put_status(Response *self, PyObject *event)
{
    PyObject *status = PyObject_GetAttr(event, self->server->base.state->names.status);
    const char *reason = NULL;
    Py_ssize_t length = 0;
    long code = 0;
    int result;

    if (status == NULL) {
        return -1;
    }
    if (PyTuple_Check(status) && PyTuple_GET_SIZE(status) >= 1 && PyLong_Check(PyTuple_GET_ITEM(status, 0))) {
        code = PyLong_AsLong(PyTuple_GET_ITEM(status, 0));
        if (PyTuple_GET_SIZE(status) > 1 && PyUnicode_Check(PyTuple_GET_ITEM(status, 1))) {
            reason = PyUnicode_AsUTF8AndSize(PyTuple_GET_ITEM(status, 1), &length);
        }
        PyErr_Clear(); /* a huge number, or a reason with lone surrogates */
    }
    if (code < 200 || code > 999) {
        cps_log(self->server->base.logger, CPS_LOG_ERROR, event, "%R is no status of a response: 500 is sent", status);
        code = 500;
        reason = NULL;
    }
    self->code = (int)code;
    if (reason == NULL) {
        reason = cps_http_reason(self->code);
        length = (Py_ssize_t)strlen(reason);
    }
    result = no_memory_if(cps_http_put_status(&self->head, self->code, reason, (size_t)length));
    Py_DECREF(status);
    return result;
}

static bool
name_is(const char *name, const char *other)
{
    return strcasecmp(name, other) == 0;
}

/* Those that the server writes itself. */
static bool
is_own_header(const char *name)
{
    return name_is(name, "Content-Length") || name_is(name, "Transfer-Encoding") || name_is(name, "Connection") ||
           name_is(name, "Content-Type") || name_is(name, "Date") || name_is(name, "Server") ||
           name_is(name, "Keep-Alive");
}

/* A value that came as something else than a list. Returns 0, or -1 with an exception set. */
static int
response_put_value(Response *self, PyObject *event, PyObject *name, PyObject *value)
{
    PyObject *text = PyObject_Str(value);
    Py_ssize_t name_length, length;
    const char *key = text == NULL ? NULL : PyUnicode_AsUTF8AndSize(name, &name_length);
    const char *bytes = key == NULL ? NULL : PyUnicode_AsUTF8AndSize(text, &length);
    int status = 0;

    if (bytes == NULL) {
        Py_XDECREF(text);
        return -1;
    }
    if (!cps_http_is_token(key, (size_t)name_length) || !cps_http_is_field_value(bytes, (size_t)length)) {
        cps_log(self->server->base.logger, CPS_LOG_ERROR, event,
                "Response header %R: %R was left out: it has characters "
                "that no header may have",
                name, text);
    }
    else if (name_is(key, "Connection")) {
        self->close = self->close || name_is(bytes, "close");
    }
    else if (!is_own_header(key)) {
        status = no_memory_if(cps_http_put_field(&self->head, key, (size_t)name_length, bytes, (size_t)length));
    }
    Py_DECREF(text);
    return status;
}

/* A header, several times when it has several values. Returns 0, or -1 with an exception set. */
static int
response_put_header(Response *self, PyObject *event, PyObject *name, PyObject *value)
{
    PyObject *text = PyObject_Str(name);
    int status = text == NULL ? -1 : 0;

    if (status == 0 && (PyList_Check(value) || PyTuple_Check(value))) {
        for (Py_ssize_t i = 0; status == 0 && i < PySequence_Fast_GET_SIZE(value); i++) {
            PyObject *item = Py_NewRef(PySequence_Fast_GET_ITEM(value, i));

            status = response_put_value(self, event, text, item);
            Py_DECREF(item);
        }
    }
    else if (status == 0) {
        status = response_put_value(self, event, text, value);
    }
    Py_XDECREF(text);
    return status;
}

/* Returns 0, or -1 with an exception set. */
static int
response_put_headers(Response *self, PyObject *event)
{
    PyObject *headers, *items;
    int status = 0;

    if (((CpsEvent *)event)->http == NULL || ((CpsEvent *)event)->http->headers == NULL) {
        return 0;
    }
    headers = PyObject_GetAttr(event, self->server->base.state->names.headers);
    items = headers == NULL ? NULL : PyMapping_Items(headers);
    Py_XDECREF(headers);
    if (items == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(items); i++) {
        PyObject *pair = PyList_GET_ITEM(items, i);

        if (PyTuple_Check(pair) && PyTuple_GET_SIZE(pair) == 2) {
            status = response_put_header(self, event, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
        }
    }
    Py_DECREF(items);
    return status;
}

/* Returns 0, or -1 with an exception set. */
static int
response_put_content_type(Response *self, PyObject *event)
{
    static const char name[] = "Content-Type";
    PyObject *type = PyObject_GetAttr(event, self->server->base.state->names.content_type);
    Py_ssize_t length;
    const char *bytes;
    int status = -1;

    if (type == NULL || type == Py_None || cps_http_bodiless(self->code)) {
        Py_XDECREF(type);
        return type == NULL ? -1 : 0;
    }
    Py_SETREF(type, PyObject_Str(type));
    bytes = type == NULL ? NULL : PyUnicode_AsUTF8AndSize(type, &length);
    if (bytes != NULL && cps_http_is_field_value(bytes, (size_t)length)) {
        status = no_memory_if(cps_http_put_field(&self->head, name, sizeof(name) - 1, bytes, (size_t)length));
    }
    else if (bytes != NULL) {
        PyErr_Format(PyExc_ValueError, "%R is no content type", type);
    }
    Py_XDECREF(type);
    return status;
}

/* Returns 0, or -1 with an exception set. */
static int
response_put_end(Response *self)
{
    const CpsHttpRequest *request = self->exchange->request;
    bool keeps = cps_http_keeps_alive(self->exchange) && !self->close;
    CpsHttpEnd end = {
        .body_length = (size_t)self->body_length,
        .bodiless = cps_http_bodiless(self->code),
        .close = !keeps,
        .keep_alive = keeps && request->minor == 0,
    };

    if (cps_http_put_end(&self->head, &end) < 0) {
        return no_memory_if(-1);
    }
    if (request->is_head || self->body_length == 0) {
        return 0;
    }
    return no_memory_if(cps_buffer_append(&self->head, self->body, (size_t)self->body_length));
}

/* --- a response ---------------------------------------------------------------------------------------------------------------------- */

static void
response_log(Response *self)
{
    double ms = (double)(uv_hrtime() - self->exchange->received_ns) / 1e6;
    CpsLogger *logger = self->server->base.logger;

    if (cps_log_enabled(logger, CPS_LOG_INFO)) {
        char text[32];

        snprintf(text, sizeof(text), ms < 10 ? "%.2f" : "%.0f", ms);
        cps_log(logger, CPS_LOG_INFO, NULL, "[%d] Returned in %s ms", self->code, text);
    }
}

/* Send it as it is. */
static void
response_send(Response *self)
{
    response_log(self);
    cps_http_answer(self->exchange, &self->head, self->close);
    self->exchange = NULL;
}

static void
response_clear(Response *self)
{
    cps_buffer_free(&self->head);
    cps_buffer_free(&self->json);
    Py_CLEAR(self->body_object);
}

/* Returns 0, or -1 with an exception set, and the exchange is still held. */
static int
response_make(Response *self, PyObject *event)
{
    int status = -1;

    if (response_put_status(self, event) == 0 && response_put_headers(self, event) == 0 &&
        response_put_content_type(self, event) == 0 && response_format(self, event) == 0 &&
        response_put_end(self) == 0) {
        response_send(self);
        status = 0;
    }
    response_clear(self);
    return status;
}

int
cps_httpserver_respond_as_it_is(CpsHTTPServer *self, CpsHttpExchange *exchange, PyObject *event)
{
    Response response = {.server = self, .exchange = exchange};

    return response_make(&response, event);
}

int
cps_httpserver_respond_bytes(CpsHTTPServer *self, CpsHttpExchange *exchange, PyObject *event)
{
    Response response = {.server = self, .exchange = exchange, .as_it_is = true};

    return response_make(&response, event);
}

/* --- what a callback returned ---------------------------------------------------------------------------------------------------------- */

/* The parts of an iterable, which are text or bytes, as one body. New bytes, or NULL with an exception set. */
static PyObject *
join_parts(PyObject *parts)
{
    PyObject *list = PySequence_List(parts);
    PyObject *empty = list == NULL ? NULL : PyBytes_FromStringAndSize(NULL, 0);
    PyObject *joined = NULL;

    for (Py_ssize_t i = 0; empty != NULL && i < PyList_GET_SIZE(list); i++) {
        PyObject *part = PyList_GET_ITEM(list, i);

        if (PyUnicode_Check(part)) {
            part = PyUnicode_AsUTF8String(part);
            if (part == NULL || PyList_SetItem(list, i, part) < 0) { /* steals */
                Py_CLEAR(empty);
            }
        }
    }
    if (empty != NULL) {
        joined = PyObject_CallMethod(empty, "join", "O", list);
    }
    Py_XDECREF(list);
    Py_XDECREF(empty);
    return joined;
}

/* The body that a value stands for, and its type. New, or NULL with an exception set. */
static PyObject *
value_as_body(CpsState *state, PyObject *value, const char **type_p)
{
    *type_p = "text/html; charset=UTF-8";
    if (PyUnicode_Check(value) || PyBytes_Check(value) || value == Py_None) {
        return Py_NewRef(value);
    }
    if (PyDict_Check(value)) {
        *type_p = "application/json";
        return cps_json_text(state, value);
    }
    return join_parts(value);
}

int
cps_httpserver_respond_value(CpsHTTPServer *self, CpsHttpExchange *exchange, PyObject *value)
{
    static const char name[] = "Content-Type";
    Response response = {.server = self, .exchange = exchange, .code = 200};
    const char *type;
    int status = -1;

    if (cps_event_check(self->base.state, value)) {
        return cps_httpserver_respond_as_it_is(self, exchange, value);
    }
    if (response_take_body(&response, value_as_body(self->base.state, value, &type)) == 0 &&
        no_memory_if(cps_http_put_status(&response.head, 200, "OK", 2)) == 0 &&
        no_memory_if(cps_http_put_field(&response.head, name, sizeof(name) - 1, type, strlen(type))) == 0 &&
        response_put_end(&response) == 0) {
        response_send(&response);
        status = 0;
    }
    response_clear(&response);
    return status;
}

/* --- what the client accepts ----------------------------------------------------------------------------------------------------------- */

/* Text that is to be JSON and is none: a JSON string. New; NULL without an exception when it is something else, or with one. */
static PyObject *
text_as_json(CpsState *state, PyObject *event, PyTypeObject *wanted)
{
    PyObject *value = event_value(event), *copy;

    if (wanted != state->types.JSONHttpEvent || !PyUnicode_Check(value)) {
        return NULL;
    }
    copy = cps_event_copy(state, event);
    if (copy != NULL) {
        PyObject *type = PyUnicode_FromString("application/json");

        if (type == NULL || PyObject_SetAttr(copy, state->names.content_type, type) < 0) {
            Py_CLEAR(copy);
        }
        Py_XDECREF(type);
    }
    return copy;
}

/* The event that could not be converted, for want of a better one: as it is. Takes the exception that is set. New, or NULL with another. */
static PyObject *
unconverted(CpsHTTPServer *self, PyObject *event, PyTypeObject *wanted)
{
    CpsState *state = self->base.state;
    PyObject *error, *copy;

    if (!cps_ordinary_error()) {
        return NULL;
    }
    error = PyErr_GetRaisedException(); /* new */
    cps_log(self->base.logger, CPS_LOG_WARNING, event, "'%S' cannot be converted to '%S': %S", Py_TYPE(event), wanted,
            error);
    Py_DECREF(error);
    copy = text_as_json(state, event, wanted);
    if (copy != NULL || PyErr_Occurred()) {
        return copy;
    }
    return PyObject_TypeCheck(event, state->types.HttpEvent)
               ? Py_NewRef(event)
               : cps_event_call_convert(state, event, state->types.HttpEvent);
}

/* The event as an instance of what the client wants, as far as that goes. New, or NULL with an exception set. */
static PyObject *
as_accepted(CpsHTTPServer *self, PyObject *event, PyObject *accept)
{
    CpsState *state = self->base.state;
    PyTypeObject *wanted = cps_class_accepted(state, accept);
    PyObject *converted;

    if (PyObject_TypeCheck(event, wanted)) {
        return Py_NewRef(event);
    }
    cps_log(self->base.logger, CPS_LOG_WARNING, event,
            "Incoming event did did not match the clients Accept format. Converting '%S' to '%s'", Py_TYPE(event),
            wanted->tp_name);
    if (((CpsEvent *)event)->error != NULL) {
        return cps_error_event(state, wanted, ((CpsEvent *)event)->error, event);
    }
    converted = cps_event_call_convert(state, event, wanted);
    return converted == NULL ? unconverted(self, event, wanted) : converted;
}

/* --- events that come back -------------------------------------------------------------------------------------------------------------- */

int
cps_httpserver_respond(CpsHTTPServer *self, CpsHttpExchange *exchange, PyObject *event, PyObject *accept)
{
    PyObject *fitting = as_accepted(self, event, accept);
    PyObject *raised;
    int status = fitting == NULL ? -1 : cps_httpserver_respond_as_it_is(self, exchange, fitting);

    Py_XDECREF(fitting);
    if (status < 0) {
        raised = PyErr_GetRaisedException(); /* new */
        cps_httpserver_respond_error(self, exchange, Py_TYPE(event), accept, raised, 0);
        PyErr_SetRaisedException(raised); /* steals */
    }
    return status;
}

/* event.accept, else what the client has said. New, or NULL with an exception set. */
static PyObject *
accept_of(CpsHTTPServer *self, CpsResponder *responder, PyObject *event)
{
    PyObject *accept;

    if (PyObject_GetOptionalAttr(event, self->base.state->names.accept, &accept) < 0) {
        return NULL;
    }
    return accept != NULL ? accept : Py_NewRef(responder->accept);
}

int
cps_httpserver_consume(CpsActor *actor, CpsInbox *Py_UNUSED(inbox), PyObject *event)
{
    CpsHTTPServer *self = (CpsHTTPServer *)actor;
    const CpsHTTPServerOps *ops = (const CpsHTTPServerOps *)actor->ops;
    CpsResponder *responder = cps_responder_find(self, event);
    CpsLineage *lineage = ((CpsEvent *)event)->lineage;
    PyObject *accept;
    int status;

    if (responder == NULL) {
        cps_log(actor->logger, CPS_LOG_WARNING, event,
                "Received event response for an unknown event ID. The request might have already received a response");
        return 0;
    }
    accept = ops->prepare != NULL && ops->prepare(self, event) < 0 ? NULL : accept_of(self, responder, event);
    if (accept == NULL) {
        return -1;
    }
    cps_responder_detach(responder);
    status = cps_httpserver_respond(self, responder->exchange, event, accept);
    if (status == 0 && lineage != NULL) {
        cps_lineage_note(lineage, CPS_FATE_ANSWERED);
    }
    cps_responder_free(responder);
    Py_DECREF(accept);
    return status;
}
