/* The requests of HTTPClient: from an event to what is sent, again if need be, and from the response to an event. */
#include "actors/httpclient.h"
#include "actors/httpreply.h"
#include "base/percent.h"
#include "event/event.h"
#include "event/nodata.h"
#include "loop/timer.h"
#include "net/httpchars.h"

#include <math.h>
#include <stdio.h>

enum { LONGEST_RETRY_AFTER = 3600 };      /* seconds, where there is no timeout */
static const double LONGEST_BACKOFF = 60; /* seconds */

/* --- the request's texts --------------------------------------------------------------------------------------------------------- */

/* End it by a NUL that counts not. Returns 0, or -1 with MemoryError set. */
static int
buffer_end(CpsBuffer *buffer)
{
    if (cps_buffer_append(buffer, "", 1) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    buffer->length--;
    return 0;
}

static int
url_write(CpsState *state, CpsBuffer *buffer, const CpsTemplatePart *part, const char *bytes, size_t length)
{
    if (part->place == CPS_URL_AUTHORITY && cps_http_span(bytes, length, CPS_CHAR_HOST) != length) {
        cps_raise(state, CPS_MALFORMED_EVENT_DATA, "The event's %R cannot be a part of a host's name", part->name);
        return -1;
    }
    if (cps_percent_encode(buffer, bytes, length, "") < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static int
plain_write(CpsState *Py_UNUSED(state), CpsBuffer *buffer, const CpsTemplatePart *Py_UNUSED(part), const char *bytes,
            size_t length)
{
    if (cps_buffer_append(buffer, bytes, length) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* Whether a segment of the URL's path is "." or "..": it would lead elsewhere than the template says. */
static bool
url_climbs(const char *url)
{
    const char *place = strstr(url, "://");

    for (place = place == NULL ? url : place + 3; *place != '\0' && *place != '?' && *place != '#'; place++) {
        size_t dots = *place == '/' ? strspn(place + 1, ".") : 0;

        if ((dots == 1 || dots == 2) && strchr("/?#", place[1 + dots]) != NULL) { /* or its end */
            return true;
        }
    }
    return false;
}

/* Returns 0, or -1 with an exception set. */
static int
fill_url(CpsClientRequest *request, CpsHttpClient *client, PyObject *event)
{
    CpsState *state = client->base.state;
    CpsBuffer *url = &request->transfer.url;

    if (cps_template_fill(&client->url, state, event, url_write, url) < 0 || buffer_end(url) < 0) {
        return -1;
    }
    if (url_climbs(url->bytes) || cps_http_url_host(url->bytes, request->host, sizeof(request->host)) < 0) {
        cps_raise(state, CPS_MALFORMED_EVENT_DATA,
                  "The event makes no URL that could be used"); /* which may have a password */
        return -1;
    }
    return 0;
}

static bool
method_is_among(const CpsClientRequest *request, const char *const *methods)
{
    while (*methods != NULL && strcmp(request->transfer.method.bytes, *methods) != 0) {
        methods++;
    }
    return *methods != NULL;
}

/* `empty`: the event has no data. Returns 0, or -1 with an exception set. */
static int
fill_method(CpsClientRequest *request, CpsHttpClient *client, PyObject *event, bool empty)
{
    static const char *const repeatable[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", NULL};
    CpsBuffer *method = &request->transfer.method;

    if (client->method.count == 0) {
        const char *usual = empty ? "GET" : "POST";

        if (plain_write(client->base.state, method, NULL, usual, strlen(usual)) < 0) {
            return -1;
        }
    }
    else if (cps_template_fill(&client->method, client->base.state, event, plain_write, method) < 0) {
        return -1;
    }
    if (buffer_end(method) < 0) {
        return -1;
    }
    for (size_t i = 0; i < method->length; i++) {
        method->bytes[i] = (char)Py_TOUPPER(method->bytes[i]);
    }
    if (!cps_http_is_token(method->bytes, method->length) || strcmp(method->bytes, "CONNECT") == 0) {
        cps_raise(client->base.state, CPS_MALFORMED_EVENT_DATA, "'%s' is not a method that can be used", method->bytes);
        return -1;
    }
    request->transfer.repeatable = method_is_among(request, repeatable);
    return 0;
}

/* Returns 0, or -1 with an exception set. */
static int
fill_field(CpsClientRequest *request, CpsHttpClient *client, PyObject *event, const CpsClientField *field)
{
    CpsState *state = client->base.state;
    CpsBuffer value = {0}, line = {0};
    int status = cps_template_fill(&field->value, state, event, plain_write, &value);

    if (status == 0 && !cps_http_is_field_value(value.length == 0 ? "" : value.bytes, value.length)) {
        cps_raise(state, CPS_MALFORMED_EVENT_DATA, "The event makes no value of the header '%s'", field->name);
        status = -1;
    }
    /* libcurl removes "Name:", and sends "Name;" as a header without value */
    if (status == 0 && (cps_buffer_append(&line, field->name, strlen(field->name)) < 0 ||
                        cps_buffer_append(&line,
                                          value.length > 0 ? ": "
                                          : field->removed ? ":"
                                                           : ";",
                                          value.length > 0 ? 2 : 1) < 0 ||
                        cps_buffer_append(&line, value.bytes, value.length) < 0 ||
                        cps_http_transfer_add_field(&request->transfer, line.bytes, line.length) < 0)) {
        PyErr_NoMemory();
        status = -1;
    }
    cps_buffer_free(&value);
    cps_buffer_free(&line);
    return status;
}

/* Returns 0, or -1 with an exception set. */
static int
fill_fields(CpsClientRequest *request, CpsHttpClient *client, PyObject *event)
{
    int status = 0;

    for (Py_ssize_t i = 0; status == 0 && i < client->field_count; i++) {
        status = fill_field(request, client, event, &client->fields[i]);
    }
    return status;
}

/* --- the request's body ---------------------------------------------------------------------------------------------------------- */

/* "Content-Type: ..." of the event's class. New str, or NULL with an exception set. */
static PyObject *
content_type_of(PyObject *event)
{
    PyObject *type = PyObject_GetAttrString(event, "content_type"), *line;
    const char *text;

    if (type == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        type = PyObject_GetAttrString(event, "_content_type"); /* of events that are not for HTTP */
    }
    Py_XSETREF(type, type == NULL ? NULL : PyObject_Str(type));
    text = type == NULL ? NULL : PyUnicode_AsUTF8(type);
    line = text == NULL ? NULL
                        : PyUnicode_FromFormat("Content-Type: %s%s", text,
                                               strncmp(text, "text/", 5) == 0 ? "; charset=utf-8" : "");
    Py_XDECREF(type);
    return line;
}

/* Returns 0, or -1 with an exception set. */
static int
add_content_type(CpsClientRequest *request, PyObject *line)
{
    Py_ssize_t length;
    const char *text = line == NULL ? NULL : PyUnicode_AsUTF8AndSize(line, &length);
    int status = text == NULL ? -1 : cps_http_transfer_add_field(&request->transfer, text, (size_t)length);

    if (text != NULL && status < 0) {
        PyErr_NoMemory();
    }
    return status;
}

/* The data as bytes; *binary: it is no text. New, or NULL with an exception set. */
static PyObject *
body_of(CpsState *state, PyObject *event, bool *binary)
{
    const CpsPayload *payload = ((CpsEvent *)event)->payload;
    PyObject *text;

    *binary = payload != NULL && payload->kind != CPS_DATA_XML && PyBytes_Check(payload->value);
    if (*binary) {
        return Py_NewRef(payload->value);
    }
    text = cps_event_data_string(state, event);
    if (text != NULL && !PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "data_string() must return a str, not %.100s", Py_TYPE(text)->tp_name);
        Py_CLEAR(text);
    }
    Py_XSETREF(text, text == NULL ? NULL : PyUnicode_AsUTF8String(text));
    return text;
}

/* Returns 0, or -1 with an exception set. */
static int
fill_body_with_data(CpsClientRequest *request, CpsHttpClient *client, PyObject *event)
{
    bool binary;
    PyObject *body = body_of(client->base.state, event, &binary), *line = NULL;
    int status = body == NULL ? -1 : 0;

    request->transfer.has_body = true;
    if (status == 0 &&
        cps_buffer_append(&request->transfer.body, PyBytes_AS_STRING(body), (size_t)PyBytes_GET_SIZE(body)) < 0) {
        PyErr_NoMemory();
        status = -1;
    }
    if (status == 0 && !client->names_content_type) {
        line = binary ? PyUnicode_FromString("Content-Type: application/octet-stream") : content_type_of(event);
        status = add_content_type(request, line);
    }
    Py_XDECREF(body);
    Py_XDECREF(line);
    return status;
}

/* Returns 0, or -1 with an exception set. */
static int
fill_body(CpsClientRequest *request, CpsHttpClient *client, PyObject *event, bool empty)
{
    static const char *const without[] = {"GET", "HEAD", "DELETE", "OPTIONS", "TRACE", NULL};
    static const char none[] = "Content-Type:"; /* not that of a form, as libcurl says */
    bool by_method = !method_is_among(request, without);

    if (!empty &&
        (client->send_data == CPS_SEND_DATA_ALWAYS || (client->send_data == CPS_SEND_DATA_BY_METHOD && by_method))) {
        return fill_body_with_data(request, client, event);
    }
    request->transfer.has_body = by_method; /* of length 0 */
    if (cps_http_transfer_add_field(&request->transfer, none, sizeof(none) - 1) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

int
cps_client_request_fill(CpsClientRequest *request, CpsHttpClient *client, PyObject *event)
{
    int empty = cps_event_has_no_data(client->base.state, event);

    request->client = client;
    return empty < 0 || fill_url(request, client, event) < 0 || fill_method(request, client, event, empty) < 0 ||
                   fill_fields(request, client, event) < 0 || fill_body(request, client, event, empty) < 0
               ? -1
               : 0;
}

/* --- attempts -------------------------------------------------------------------------------------------------------------------- */

/* Returns 0, or -1 when out of memory. */
static int
request_attempt(CpsClientRequest *request)
{
    CpsHttpClient *client = request->client;

    cps_http_transfer_reset(&request->transfer);
    if (client->agent == NULL || cps_http_transfer_start(&request->transfer, client->agent) < 0) {
        return -1;
    }
    cps_runtime_wake(request->rt);
    return 0;
}

static void
request_on_timer(CpsTimer *Py_UNUSED(timer), void *context)
{
    CpsClientRequest *request = context;

    request->timer = NULL;
    if (request_attempt(request) < 0) {
        request->over(request); /* the outcome is that of the attempt before */
    }
}

/* Whether it is worth another attempt, and may be made again. */
static bool
request_may_repeat(const CpsClientRequest *request)
{
    const CpsHttpTransfer *transfer = &request->transfer;
    long timeout = request->client->settings.timeout_ms;

    switch (transfer->outcome) {
    case CPS_TRANSFER_DONE:
        return transfer->repeatable &&
               (transfer->status == 429 || transfer->status == 502 || transfer->status == 503 ||
                transfer->status == 504) &&
               transfer->retry_after <= (timeout == 0 ? LONGEST_RETRY_AFTER : timeout / 1000);
    case CPS_TRANSFER_RESOLVE:
    case CPS_TRANSFER_CONNECT:
    case CPS_TRANSFER_TLS:
    case CPS_TRANSFER_TIMEOUT:
    case CPS_TRANSFER_LOST:
        return transfer->repeatable || !transfer->sent;
    default:
        return false;
    }
}

/* Seconds until the next attempt: twice as long each time, of which a half is by chance, so that many clients do not come at once. */
static double
request_delay(const CpsClientRequest *request)
{
    double longest = fmin(request->client->backoff * pow(2, request->attempts - 1), LONGEST_BACKOFF);
    double chance = (double)(uv_hrtime() / 64 % 1024) / 1024;

    return fmax(longest * (0.5 + chance / 2), (double)request->transfer.retry_after);
}

/* "no connection within 5 seconds", or "503". */
static void
request_describe(const CpsClientRequest *request, char *text, size_t size)
{
    const CpsHttpTransfer *transfer = &request->transfer;

    if (transfer->outcome == CPS_TRANSFER_DONE) {
        (void)snprintf(text, size, "status %d", transfer->status);
    }
    else {
        (void)snprintf(text, size, "%.*s", (int)transfer->error.length,
                       transfer->error.length == 0 ? "" : transfer->error.bytes);
    }
}

/* In the hub: an attempt is over. */
static void
request_on_completion(CpsCompletion *completion, CpsRuntime *rt)
{
    CpsClientRequest *request = CPS_CONTAINER(completion, CpsClientRequest, completion);

    request->attempts++;
    if (request->attempts <= request->client->retries && request_may_repeat(request)) {
        request_describe(request, request->failure, sizeof(request->failure));
        request->timer = cps_timer_start(rt, request_delay(request), request_on_timer, request);
        if (request->timer != NULL) {
            return;
        }
        PyErr_Clear();
    }
    request->over(request);
}

/* In a libuv callback. */
static void
request_on_done(CpsHttpTransfer *transfer)
{
    CpsClientRequest *request = (CpsClientRequest *)transfer;

    cps_complete(request->rt, &request->completion);
}

int
cps_client_request_begin(CpsClientRequest *request)
{
    request->transfer.on_done = request_on_done;
    request->completion.done = request_on_completion;
    request->started = uv_hrtime();
    request->rt = request->client->agent_rt;
    if (request_attempt(request) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

void
cps_client_request_cancel(CpsClientRequest *request)
{
    cps_http_transfer_cancel(&request->transfer);
    cps_link_remove(&request->completion.link);
    cps_timer_cancel(&request->timer);
}

void
cps_client_request_free(CpsClientRequest *request)
{
    cps_client_request_cancel(request);
    cps_http_transfer_free(&request->transfer);
}

/* --- the end --------------------------------------------------------------------------------------------------------------------- */

static void
request_log(const CpsClientRequest *request, PyObject *event)
{
    CpsLogger *logger = request->client->base.logger;
    const char *method = request->transfer.method.bytes;
    char text[CPS_CLIENT_HOST];

    if (request->attempts > 1) {
        cps_log(logger, CPS_LOG_WARNING, event, "%s %s took %d attempts. The last but one ended with: %s", method,
                request->host, request->attempts, request->failure);
    }
    if (cps_log_enabled(logger, CPS_LOG_DEBUG)) {
        request_describe(request, text, sizeof(text));
        cps_log(logger, CPS_LOG_DEBUG, event, "%s %s: %s, %zu bytes after %llu ms", method, request->host, text,
                request->transfer.content.length, (unsigned long long)((uv_hrtime() - request->started) / 1000000));
    }
}

/* There is no response. Returns -1 with an exception set. */
static int
request_raise_failure(const CpsClientRequest *request)
{
    char text[CPS_CLIENT_HOST];

    request_describe(request, text, sizeof(text));
    cps_raise(request->client->base.state,
              request->transfer.outcome == CPS_TRANSFER_TIMEOUT ? CPS_GATEWAY_TIMEOUT : CPS_BAD_GATEWAY, "%s: %s",
              request->host, text);
    return -1;
}

/* The exception that is set gets a code. */
static void
set_code(CpsState *state, long number)
{
    PyObject *exc = PyErr_GetRaisedException();
    PyObject *code = PyLong_FromLong(number);

    if (code != NULL && PyObject_SetAttr(exc, state->names.code, code) == 0) {
        PyErr_SetRaisedException(exc); /* steals */
    }
    else {
        Py_DECREF(exc);
    }
    Py_XDECREF(code);
}

/* The response says that it went wrong. Returns -1 with an exception set. */
static int
request_raise_status(const CpsClientRequest *request, PyObject *event)
{
    CpsState *state = request->client->base.state;
    int status = request->transfer.status;
    CpsErrorKind kind = status == 504                    ? CPS_GATEWAY_TIMEOUT
                        : status == 503 || status == 429 ? CPS_SERVICE_UNAVAILABLE
                                                         : CPS_BAD_GATEWAY;
    size_t length;
    const char *reason = cps_http_transfer_reason(&request->transfer, &length);
    PyObject *text = PyUnicode_DecodeLatin1(reason, (Py_ssize_t)length, NULL);

    if (text == NULL || cps_http_reply_describe(event, &request->transfer, request->client->keep) < 0) {
        Py_XDECREF(text);
        return -1;
    }
    cps_raise(state, kind, "%s: status %d%s%U", request->host, status, length > 0 ? " " : "", text);
    Py_DECREF(text);
    set_code(state, status);
    return -1;
}

int
cps_client_request_settle(CpsClientRequest *request, PyObject *event)
{
    CpsHttpClient *client = request->client;
    PyObject *reply;
    int status;

    request_log(request, event);
    if (request->transfer.outcome != CPS_TRANSFER_DONE) {
        return request_raise_failure(request);
    }
    if (client->status_errors && request->transfer.status >= 400) {
        return request_raise_status(request, event);
    }
    reply = cps_http_reply(client->base.state, event, &request->transfer, client->keep, request->host);
    status = reply == NULL ? -1 : cps_actor_send(&client->base, reply);
    Py_XDECREF(reply);
    return status;
}
