/* From a request to an event that is on its way. */
#include "actors/httpserving.h"

#include "event/event.h"
#include "event/http.h"
#include "http/accept.h"
#include "http/charset.h"
#include "http/form.h"
#include "loop/fiber.h"

static void
serving_free(CpsServing *self)
{
    cps_link_remove(&self->link);
    Py_CLEAR(self->fiber);
    Py_CLEAR(self->method);
    Py_CLEAR(self->path);
    Py_CLEAR(self->url_args);
    Py_CLEAR(self->environment);
    Py_CLEAR(self->accept);
    PyMem_Free(self);
}

/* --- answers without an event ---------------------------------------------------------------------------------------------------- */

void
cps_serving_answer_page(CpsServing *self, int code, PyObject *text, const char *field)
{
    Py_ssize_t length = 0;
    const char *bytes = text == NULL ? NULL : PyUnicode_AsUTF8AndSize(text, &length);

    if (bytes == NULL) {
        PyErr_Clear(); /* the page goes without */
        bytes = "";
    }
    cps_http_answer_page(self->exchange, code, bytes, (size_t)length, field);
    self->exchange = NULL;
}

/* Answer with the exception that is set, as the event that could not be made would. */
static void
serving_answer_exception(CpsServing *self)
{
    PyObject *error = PyErr_GetRaisedException(); /* new */
    int code = cps_error_is(self->server->base.state, error, CPS_QUEUE_FULL) ? 503 : 0;

    cps_httpserver_respond_error(self->server, self->exchange, self->event_class, self->accept, error, code);
    self->exchange = NULL;
    Py_DECREF(error);
}

/* Answer with a page, unless the server has a handler for that. `allow` may be NULL. */
static void
serving_answer_by_handler_or_page(CpsServing *self, int code, PyObject *text, PyObject *allow, const char *field)
{
    int answered = cps_serving_answer_by_handler(self, code, text, allow);

    if (answered < 0) {
        cps_runtime_unraisable((PyObject *)self->server);
    }
    if (answered <= 0) {
        cps_serving_answer_page(self, code, text, field);
    }
}

/* 404; or 400, for a path of which a part is no number, as its route says it should be. */
static void
serving_answer_no_route(CpsServing *self, int code)
{
    PyObject *text =
        PyUnicode_FromFormat(code == 404 ? "Not found: %R" : "A part of the path has the wrong format: %R", self->path);

    serving_answer_by_handler_or_page(self, code, text, NULL, NULL);
    Py_XDECREF(text);
}

static void
serving_answer_not_allowed(CpsServing *self, PyObject *allow)
{
    PyObject *text = PyUnicode_FromFormat("%U is not allowed here, but %U", self->method, allow);
    PyObject *field = PyUnicode_FromFormat("Allow: %U", allow);

    serving_answer_by_handler_or_page(self, 405, text, allow, field == NULL ? NULL : PyUnicode_AsUTF8(field));
    Py_XDECREF(text);
    Py_XDECREF(field);
}

/* --- content types ------------------------------------------------------------------------------------------------------------------ */

/* 1 when the route takes the content type, 0 when not, -1 with an exception set. */
static int
route_takes(const CpsServing *self, const CpsRoute *route)
{
    PyObject *types = route->ctypes != NULL ? route->ctypes : self->server->ctypes, *text;
    int found;

    if (types == NULL) {
        return cps_content_type_is_usual(self->content.type);
    }
    text = PyUnicode_FromString(self->content.type);
    found = text == NULL ? -1 : PySequence_Contains(types, text);
    Py_XDECREF(text);
    return found;
}

/* Whether the request goes on: it was answered otherwise. */
static bool
serving_check_content(CpsServing *self, const CpsRoute *route)
{
    PyObject *text;
    int takes;

    if (!self->request->has_body || route->ignore_ctype || self->content.type[0] == '\0') {
        return true;
    }
    takes = route_takes(self, route);
    if (takes > 0) {
        return true;
    }
    PyErr_Clear(); /* out of memory, or a list of ctypes that cannot be compared: refused */
    text = PyUnicode_FromFormat("Unsupported Content-Type '%s'", self->content.type);
    serving_answer_by_handler_or_page(self, 415, text, NULL, NULL);
    Py_XDECREF(text);
    return false;
}

/* The same for the length of a form. */
static bool
serving_check_form(CpsServing *self)
{
    PyObject *text;

    if (self->content.kind != CPS_CONTENT_FORM || self->request->body.length <= CPS_FORM_BYTES) {
        return true;
    }
    text = PyUnicode_FromFormat("A form of more than %d bytes", (int)CPS_FORM_BYTES);
    serving_answer_by_handler_or_page(self, 413, text, NULL, NULL);
    Py_XDECREF(text);
    return false;
}

/* --- data --------------------------------------------------------------------------------------------------------------------------- */

static PyTypeObject *
class_of_content(CpsState *state, CpsContentKind kind)
{
    switch (kind) {
    case CPS_CONTENT_XML:
        return state->types.XMLHttpEvent;
    case CPS_CONTENT_TEXT:
    case CPS_CONTENT_FORM:
        return state->types.HttpEvent;
    case CPS_CONTENT_JSON:
        break;
    }
    return state->types.JSONHttpEvent;
}

/* The body as text. New, or NULL with an exception set. */
static PyObject *
serving_text(CpsServing *self, const char *charset)
{
    const CpsBuffer *body = &self->request->body;

    return cps_http_decode(self->server->base.state, body->bytes, body->length, charset, NULL);
}

/* The field of a form that counts; it decides on the class of the event. New, or NULL with an exception set. */
static PyObject *
serving_form_data(CpsServing *self)
{
    CpsState *state = self->server->base.state;
    const CpsBuffer *body = &self->request->body;
    const char *name;
    PyObject *value;
    int found = cps_form_data(state, body->bytes, body->length, self->content.charset, &name, &value);

    if (found == 0) {
        self->event_class = state->types.JSONHttpEvent;
        return cps_raise(state, CPS_MALFORMED_EVENT_DATA, "Mismatched content type");
    }
    if (found < 0) {
        return NULL;
    }
    if (name != NULL) {
        self->event_class = strcmp(name, "XML") == 0 ? state->types.XMLHttpEvent : state->types.JSONHttpEvent;
    }
    return value;
}

/* What the event's data is made of. New (None without a body), or NULL with an exception set. */
static PyObject *
serving_data(CpsServing *self)
{
    const CpsBuffer *body = &self->request->body;

    if (self->content.kind == CPS_CONTENT_FORM) {
        return serving_form_data(self);
    }
    if (body->length == 0) {
        return Py_NewRef(Py_None);
    }
    switch (self->content.kind) {
    case CPS_CONTENT_XML:
        return PyBytes_FromStringAndSize(body->bytes, (Py_ssize_t)body->length);
    case CPS_CONTENT_TEXT:
        return serving_text(self, self->content.charset);
    case CPS_CONTENT_JSON:
    case CPS_CONTENT_FORM:
        break;
    }
    return serving_text(self, ""); /* UTF-8: RFC 8259, 8.1 */
}

/* --- the event ---------------------------------------------------------------------------------------------------------------------- */

/* Give it what comes with the request. Returns 0, or -1 with an exception set. */
static int
serving_fill_event(CpsServing *self, PyObject *event, PyObject *queue_name)
{
    CpsState *state = self->server->base.state;
    CpsHttpPart *part = cps_http_part((CpsEvent *)event);
    PyObject *key, *value; /* borrowed */
    Py_ssize_t position = 0;

    if (part == NULL || (self->by_bottle && cps_serving_take_changes(self) < 0)) {
        return -1;
    }
    part->environment = self->by_bottle || self->shares_environment
                            ? cps_payload_new(state, self->environment, CPS_DATA_OBJECT)
                            : cps_payload_private(state, self->environment, CPS_DATA_OBJECT);
    part->method = Py_NewRef(self->method);
    ((CpsEvent *)event)->service = Py_NewRef(queue_name);
    if (part->environment == NULL || PyObject_SetAttr(event, state->names.accept, self->accept) < 0) {
        return -1;
    }
    while (self->url_args != NULL && PyDict_Next(self->url_args, &position, &key, &value)) {
        if (PyUnicode_Compare(key, state->names.queue) != 0 && PyObject_SetAttr(event, key, value) < 0) {
            return -1;
        }
    }
    Py_CLEAR(self->environment); /* what only the event has is shared with its copies */
    Py_CLEAR(self->url_args);
    return 0;
}

PyObject *
cps_serving_make_event(CpsServing *self, PyObject *service, PyObject *data)
{
    PyObject *nothing = PyTuple_New(0);
    PyObject *event = nothing == NULL ? NULL : self->event_class->tp_new(self->event_class, nothing, NULL);

    Py_XDECREF(nothing);
    if (event != NULL && (serving_fill_event(self, event, service) < 0 ||
                          cps_event_assign_data(self->server->base.state, event, data) < 0)) {
        Py_CLEAR(event);
    }
    return event;
}

/* --- sending ------------------------------------------------------------------------------------------------------------------------ */

int
cps_serving_send(CpsServing *self, PyObject *event, PyObject *queue)
{
    CpsHTTPServer *server = self->server;
    CpsHttpExchange *exchange = self->exchange;
    bool had_room = cps_list_empty(&server->base.pending);
    CpsResponder *responder;

    if (cps_http_is_gone(exchange)) { /* while Python code ran */
        cps_serving_answer_page(self, 503, NULL, NULL);
        return 0;
    }
    if (cps_responder_add(server, exchange, event, self->accept) < 0) {
        return -1;
    }
    if (self->fiber == NULL) { /* else the callback may still look at it */
        cps_buffer_free(&exchange->request->body);
    }
    if (cps_actor_send_to(&server->base, event, &queue, 1) < 0) {
        responder = exchange->user; /* NULL when another has answered meanwhile */
        if (responder != NULL) {
            cps_responder_detach(responder);
            cps_responder_free(responder);
            return -1;
        }
        PyErr_WriteUnraisable((PyObject *)server);
    }
    else if (had_room && !cps_list_empty(&server->base.pending) && exchange->user != NULL) {
        cps_http_hold_back(exchange);
    }
    self->exchange = NULL;
    return 0;
}

/* The queue of that name. Borrowed, or NULL with ResourceNotFound set. */
static PyObject *
serving_find_queue(CpsServing *self, PyObject *name)
{
    CpsHTTPServer *server = self->server;
    PyObject *queue = PyDict_GetItemWithError((PyObject *)server->base.pool->outbound, name);

    if (queue == NULL && !PyErr_Occurred()) {
        cps_log(server->base.logger, CPS_LOG_ERROR, NULL,
                "Received %U request with URL '%U'. Queue name '%U' was not found", self->method, self->path, name);
        cps_raise(server->base.state, CPS_RESOURCE_NOT_FOUND, "Service '%U' not found", name);
    }
    return queue;
}

/* What HTTPServer.callback does. Returns 0, or -1 with an exception set, which is the answer. */
static int
serving_send_as_event(CpsServing *self, PyObject *queue_name)
{
    PyObject *name = Py_NewRef(queue_name); /* the making of the event lets go of the wildcards */
    PyObject *queue = Py_XNewRef(serving_find_queue(self, name));
    PyObject *data = queue == NULL ? NULL : serving_data(self);
    PyObject *event = data == NULL ? NULL : cps_serving_make_event(self, name, data);
    int status = -1;

    if (event != NULL) {
        cps_log(self->server->base.logger, CPS_LOG_INFO, event, "Received %U request for service %U", self->method,
                name);
        status = cps_serving_send(self, event, queue);
        Py_DECREF(event);
    }
    Py_XDECREF(data);
    Py_XDECREF(queue);
    Py_DECREF(name);
    return status;
}

/* The queue that the path names, else the one with the server's name. Borrowed, or NULL with an exception set. */
static PyObject *
serving_queue_name(CpsServing *self)
{
    PyObject *name =
        self->url_args == NULL ? NULL : PyDict_GetItemWithError(self->url_args, self->server->base.state->names.queue);

    return name != NULL || PyErr_Occurred() ? name : self->server->base.name;
}

/* --- callbacks in Python -------------------------------------------------------------------------------------------------------------- */

/* The request that the running fiber serves, or NULL. Borrowed. */
static CpsServing *
serving_current(CpsHTTPServer *server)
{
    PyObject *fiber = cps_fiber_current();
    CpsServing *found = NULL;

    if (fiber == NULL) {
        PyErr_Clear();
        return NULL;
    }
    for (CpsLink *link = cps_list_first(&server->calls); link != NULL; link = cps_list_after(&server->calls, link)) {
        if (CPS_CONTAINER(link, CpsServing, link)->fiber == fiber) {
            found = CPS_CONTAINER(link, CpsServing, link);
        }
    }
    Py_DECREF(fiber);
    return found;
}

PyObject *
cps_httpserver_callback(PyObject *op, PyObject *args, PyObject *kwargs)
{
    CpsHTTPServer *server = (CpsHTTPServer *)op;
    CpsServing *serving = serving_current(server);
    PyObject *queue_name = PyTuple_GET_SIZE(args) > 0 ? PyTuple_GET_ITEM(args, 0) : NULL;

    if (serving == NULL || serving->exchange == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "callback() serves a request, once, and only while that is under way");
        return NULL;
    }
    if (queue_name == NULL && kwargs != NULL) {
        queue_name = PyDict_GetItemWithError(kwargs, server->base.state->names.queue);
    }
    if (queue_name == NULL && !PyErr_Occurred()) {
        queue_name = serving_queue_name(serving);
    }
    if (queue_name == NULL || serving_send_as_event(serving, queue_name) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* What serves the route: a function, a method of that name, or the callback of a subclass. New, or NULL with an exception set. */
static PyObject *
serving_callback(CpsServing *self, const CpsRoute *route)
{
    PyObject *server = (PyObject *)self->server;

    if (route->callback == NULL) {
        return PyObject_GetAttr(server, self->server->base.state->names.callback);
    }
    return PyUnicode_Check(route->callback) ? PyObject_GetAttr(server, route->callback) : Py_NewRef(route->callback);
}

/* Answer with what Python code returned. */
static int
serving_answer_value(CpsServing *self, PyObject *value, bool as_it_is)
{
    int status = as_it_is ? cps_httpserver_respond_bytes(self->server, self->exchange, value)
                          : cps_httpserver_respond_value(self->server, self->exchange, value);

    if (status == 0) {
        self->exchange = NULL;
    }
    return status;
}

/* callback(**url_args), in its plugins if there are any. New; *as_it_is: it is an event whose data is the body. NULL with an exception
 * set. */
static PyObject *
serving_result(CpsServing *self, const CpsRoute *route, PyObject *callback, bool *as_it_is)
{
    PyObject *args, *result, *answer;

    *as_it_is = false;
    if (!cps_serving_has_plugins(self, route) && !cps_serving_may_use_bottle(self)) {
        args = PyTuple_New(0);
        result = args == NULL ? NULL : PyObject_Call(callback, args, self->url_args);
        Py_XDECREF(args);
        return result;
    }
    answer = cps_serving_call_bottle(self, route, callback);
    if (answer == NULL) {
        return NULL;
    }
    *as_it_is = PyTuple_GET_ITEM(answer, 0) == Py_True;
    result = Py_NewRef(PyTuple_GET_ITEM(answer, 1));
    Py_DECREF(answer);
    return result;
}

/* What the callback returns is the answer, unless it has sent an event. Returns 0, or -1 with an exception set, which is the answer. */
static int
serving_call(CpsServing *self, const CpsRoute *route)
{
    PyObject *callback = serving_callback(self, route);
    PyObject *result = NULL;
    bool as_it_is;

    self->fiber = callback == NULL ? NULL : cps_fiber_current();
    if (self->fiber != NULL) {
        cps_list_append(&self->server->calls, &self->link);
        result = serving_result(self, route, callback, &as_it_is);
        cps_link_remove(&self->link);
    }
    Py_XDECREF(callback);
    if (self->exchange == NULL) { /* the answer comes as an event */
        if (result == NULL) {
            cps_runtime_unraisable((PyObject *)self->server);
        }
    }
    else if (result != NULL) {
        (void)serving_answer_value(self, result, as_it_is); /* what it raises is the answer */
    }
    Py_XDECREF(result);
    return PyErr_Occurred() ? -1 : 0;
}

/* --- a request -------------------------------------------------------------------------------------------------------------------- */

static void
serving_log(CpsServing *self)
{
    CpsLogger *logger = self->server->base.logger;
    PyObject *url;
    int port;

    if (cps_log_enabled(logger, CPS_LOG_INFO)) {
        url = cps_http_environ_url(self->server->environ, self->request);
        if (url == NULL) {
            PyErr_Clear();
            return;
        }
        cps_log(logger, CPS_LOG_INFO, NULL, "[%s] %U %U", cps_http_peer(self->exchange, &port), self->method, url);
        Py_DECREF(url);
    }
}

/* PyUnicode_FromFormat knows no "%.*s" before Python 3.12. */
static void
serving_log_accept(CpsServing *self, const char *accept, size_t length)
{
    enum { MOST = 200 };
    PyObject *text = PyUnicode_DecodeLatin1(accept, (Py_ssize_t)(length < MOST ? length : MOST), NULL);

    if (text == NULL) {
        PyErr_Clear();
        return;
    }
    cps_log(self->server->base.logger, CPS_LOG_WARNING, NULL,
            "Invalid mimetype defined in client Accepts header. '%U' is not a valid mime type", text);
    Py_DECREF(text);
}

/* What the client takes. New str, or NULL with MemoryError set. */
static PyObject *
serving_read_accept(CpsServing *self)
{
    CpsBuffer joined = {0};
    bool invalid = false;
    size_t length = 0;
    const char *accept = cps_http_field_list(self->request, CPS_FIELD_ACCEPT, &joined, &length);
    CpsMediaType type = cps_accept_choose(accept, length, &invalid);

    if (invalid) {
        serving_log_accept(self, accept, length);
    }
    cps_buffer_free(&joined);
    return PyUnicode_FromString(cps_media_type_name(type));
}

/* What is to be known before a route is looked for. Returns 0, or -1 with an exception set, or when it was answered. */
static int
serving_begin(CpsServing *self)
{
    const CpsHttpRequest *request = self->request;
    size_t length = 0;
    const char *value = cps_http_field(request, CPS_FIELD_CONTENT_TYPE, &length);

    cps_content_type_read(&self->content, value, length);
    self->accept = serving_read_accept(self);
    self->method = PyUnicode_DecodeASCII(cps_slice(request, request->method), request->method.length, NULL);
    self->path = self->accept == NULL || self->method == NULL ? NULL : cps_http_environ_path(request);
    if (self->path == NULL && !PyErr_Occurred()) {
        PyObject *text = PyUnicode_FromString("The path is no UTF-8");

        cps_serving_answer_page(self, 400, text, NULL);
        Py_XDECREF(text);
    }
    return self->path == NULL ? -1 : 0;
}

const CpsRoute *
cps_serving_find_route(CpsServing *self)
{
    const CpsHttpRequest *request = self->request;
    const CpsRoute *route = NULL;
    PyObject *allow = NULL;
    int status = cps_routes_match(self->server->routes, cps_slice(request, request->method), request->method.length,
                                  self->path, &route, &self->url_args, &allow);

    if (status == 404 || status == 400) {
        serving_answer_no_route(self, status);
    }
    else if (status == 405) {
        serving_answer_not_allowed(self, allow);
        Py_DECREF(allow);
    }
    return status == 200 ? route : NULL;
}

int
cps_serving_read_environment(CpsServing *self)
{
    const char *peer;
    int port;

    serving_log(self);
    peer = cps_http_peer(self->exchange, &port);
    self->environment = cps_http_environ(self->server->environ, self->request, peer, port, self->path, self->url_args);
    return self->environment == NULL ? -1 : 0;
}

int
cps_serving_by_routes(CpsServing *self)
{
    const CpsRoute *route = cps_serving_find_route(self);
    PyObject *queue_name;

    if (route == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    self->event_class = class_of_content(self->server->base.state, self->content.kind);
    if (cps_serving_read_environment(self) < 0) {
        return -1;
    }
    if (!serving_check_content(self, route) || !serving_check_form(self)) {
        return 0;
    }
    if (route->callback != NULL || self->server->own_callback || cps_serving_has_plugins(self, route)) {
        return serving_call(self, route);
    }
    queue_name = serving_queue_name(self);
    return queue_name == NULL ? -1 : serving_send_as_event(self, queue_name);
}

void
cps_httpserver_serve(CpsHTTPServer *self, CpsHttpExchange *exchange)
{
    CpsServing *serving = PyMem_Calloc(1, sizeof(*serving));

    if (serving == NULL) {
        cps_http_answer_page(exchange, 503, "", 0, NULL);
        return;
    }
    serving->server = self;
    serving->exchange = exchange;
    serving->request = exchange->request;
    serving->event_class = self->base.state->types.JSONHttpEvent;
    if (serving_begin(serving) < 0 || ((const CpsHTTPServerOps *)self->base.ops)->serve(serving) < 0) {
        if (PyErr_Occurred()) { /* else it was answered */
            serving_answer_exception(serving);
        }
    }
    serving_free(serving);
}
