/* WSGI, BottleWSGI and WSGIServer: the HTTP actors of the releases up to 1.1, on top of HTTPServer. Any method is served; the first segment of the
 * path is the service; what was changed in a dict of the event's own becomes the response's status and headers. */
#include "actors/httpserving.h"

#include "event/event.h"
#include "event/jsonevent.h"
#include "http/form.h"

typedef struct {
    CpsHTTPServer base;
    PyObject *base_path; /* owned str, without a slash at its end */
    PyObject *key;       /* owned str: attribute of the events */
} CpsWSGI;

static CpsWSGI *
wsgi_of(CpsHTTPServer *server)
{
    return (CpsWSGI *)server;
}

/* --- where a request goes --------------------------------------------------------------------------------------------------------- */

/* The first segment of the path after base_path, "" when there is none. New str; NULL without an exception when the path is another one. */
static PyObject *
wsgi_segment(CpsWSGI *self, PyObject *path)
{
    Py_ssize_t from = PyUnicode_GET_LENGTH(self->base_path), length = PyUnicode_GET_LENGTH(path), end;

    if (PyUnicode_Tailmatch(path, self->base_path, 0, PY_SSIZE_T_MAX, -1) != 1) {
        return NULL;
    }
    if (from == length) {
        return PyUnicode_FromString("");
    }
    if (PyUnicode_READ_CHAR(path, from) != '/') {
        return NULL;
    }
    end = PyUnicode_FindChar(path, '/', from + 1, length, 1);
    return PyUnicode_Substring(path, from + 1, end < 0 ? length : end);
}

/* The outbox of that name; else the only one there is. Borrowed, or NULL. */
static PyObject *
wsgi_queue(CpsWSGI *self, PyObject *name)
{
    PyObject *outbound = (PyObject *)self->base.base.pool->outbound;
    PyObject *queue = PyDict_GetItemWithError(outbound, name);
    Py_ssize_t position = 0;

    if (queue == NULL && !PyErr_Occurred() && PyDict_GET_SIZE(outbound) == 1) {
        PyDict_Next(outbound, &position, NULL, &queue);
    }
    return queue;
}

/* --- the event ---------------------------------------------------------------------------------------------------------------------- */

/* {"raw": <body>}. New, or NULL with an exception set. */
static PyObject *
wsgi_raw(const CpsBuffer *body)
{
    PyObject *text, *data;

    if (body->length == 0) {
        return PyDict_New();
    }
    text = PyUnicode_DecodeUTF8(body->bytes, (Py_ssize_t)body->length, NULL);
    if (text == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        text = PyUnicode_DecodeLatin1(body->bytes, (Py_ssize_t)body->length, NULL);
    }
    data = text == NULL ? NULL : Py_BuildValue("{sO}", "raw", text);
    Py_XDECREF(text);
    return data;
}

/* The fields of a form of several parts. New dict, or NULL with an exception set. */
static PyObject *
wsgi_multipart(CpsServing *serving, const CpsBuffer *body)
{
    size_t length = 0;
    const char *type = cps_http_field(serving->request, CPS_FIELD_CONTENT_TYPE, &length);
    PyObject *parse = NULL, *fields = NULL;

    if (cps_import(&parse, "compysition._multipart", "parse") != NULL) {
        fields = PyObject_CallFunction(parse, "y#y#", type, (Py_ssize_t)length, body->length == 0 ? "" : body->bytes,
                                       (Py_ssize_t)body->length);
    }
    Py_XDECREF(parse);
    return fields;
}

/* New dict, or NULL with an exception set. */
static PyObject *
wsgi_data(CpsServing *serving)
{
    CpsState *state = serving->server->base.state;
    const CpsBuffer *body = &serving->request->body;

    if (serving->content.kind == CPS_CONTENT_FORM) {
        return cps_form_dict(state, body->bytes, body->length);
    }
    if (strcmp(serving->content.type, "multipart/form-data") == 0) {
        return wsgi_multipart(serving, body);
    }
    return wsgi_raw(body);
}

/* The environment as these releases had it: "_" for "." in its keys, and the end of the path. New dict, or NULL with an exception set. */
static PyObject *
wsgi_environment(CpsServing *serving)
{
    PyObject *environment = PyDict_New(), *last, *key, *value; /* key, value: borrowed */
    Py_ssize_t position = 0, slash = PyUnicode_FindChar(serving->path, '/', 0, PY_SSIZE_T_MAX, -1);

    while (environment != NULL && PyDict_Next(serving->environment, &position, &key, &value)) {
        PyObject *name = PyObject_CallMethod(key, "replace", "ss", ".", "_");

        if (name == NULL || PyDict_SetItem(environment, name, value) < 0) {
            Py_CLEAR(environment);
        }
        Py_XDECREF(name);
    }
    last = PyUnicode_Substring(serving->path, slash + 1, PY_SSIZE_T_MAX);
    if (last == NULL || (environment != NULL && PyDict_SetItemString(environment, "FINAL_PATH_ENTRY", last) < 0)) {
        Py_CLEAR(environment);
    }
    Py_XDECREF(last);
    return environment;
}

/* event.<key>. New, or NULL with an exception set. */
static PyObject *
wsgi_own(CpsServing *serving)
{
    PyObject *environment = wsgi_environment(serving);
    PyObject *own = environment == NULL ? NULL
                                        : Py_BuildValue("{sO,ss,s[(ss)]}", "environment", environment, "status",
                                                        "200 OK", "http", "Content-Type", "text/html");

    Py_XDECREF(environment);
    return own;
}

/* Send the request as an event of that service. Returns 0, or -1 with an exception set. */
static int
wsgi_send(CpsServing *serving, PyObject *service, PyObject *queue)
{
    CpsHTTPServer *server = serving->server;
    PyObject *own = wsgi_own(serving);
    PyObject *data = own == NULL ? NULL : wsgi_data(serving), *event = NULL;
    int status = -1;

    serving->event_class = server->base.state->types.HttpEvent;
    serving->shares_environment = true;
    if (data != NULL) {
        event = cps_serving_make_event(serving, service, data);
    }
    if (event != NULL && PyObject_SetAttr(event, wsgi_of(server)->key, own) == 0) {
        cps_log(server->base.logger, CPS_LOG_INFO, event, "Received %U request for service %U", serving->method,
                service);
        status = cps_serving_send(serving, event, queue);
    }
    Py_XDECREF(own);
    Py_XDECREF(data);
    Py_XDECREF(event);
    return status;
}

static int
wsgi_not_found(CpsServing *serving, const char *format, PyObject *service)
{
    PyObject *text = PyUnicode_FromFormat(format, service);

    cps_serving_answer_page(serving, 404, text, NULL);
    Py_XDECREF(text);
    return 0;
}

static int
wsgi_serve(CpsServing *serving)
{
    CpsWSGI *self = wsgi_of(serving->server);
    PyObject *segment = wsgi_segment(self, serving->path);
    PyObject *queue, *service;
    int status;

    if (segment == NULL) {
        return PyErr_Occurred() ? -1 : wsgi_not_found(serving, "Not found: %R", serving->path);
    }
    if (cps_serving_read_environment(serving) < 0) {
        Py_DECREF(segment);
        return -1;
    }
    service =
        PyUnicode_GET_LENGTH(segment) == 0 ? serving->server->base.state->default_service : segment; /* borrowed */
    if (PyUnicode_GET_LENGTH(segment) == 0) {
        PyObject *outbox = PyUnicode_FromString("outbox");

        queue = outbox == NULL ? NULL : Py_XNewRef(wsgi_queue(self, outbox));
        Py_XDECREF(outbox);
    }
    else {
        queue = Py_XNewRef(wsgi_queue(self, segment));
    }
    if (queue == NULL) {
        status =
            PyErr_Occurred()
                ? -1
                : wsgi_not_found(serving, "A problem occurred processing your request. Reason: Service %U not found",
                                 service);
    }
    else {
        status = wsgi_send(serving, service, queue);
    }
    Py_XDECREF(queue);
    Py_DECREF(segment);
    return status;
}

/* --- the response ------------------------------------------------------------------------------------------------------------------------ */

/* The items of event.<key>["http"] become headers of the event. Returns 0, or -1 with an exception set. */
static int
wsgi_take_headers(CpsHTTPServer *server, PyObject *event, PyObject *http)
{
    PyObject *headers = PyObject_GetAttr(event, server->base.state->names.headers);
    PyObject *list = headers == NULL ? NULL : PySequence_List(http);
    int status = list == NULL ? -1 : 0;

    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(list); i++) {
        PyObject *pair = PyList_GET_ITEM(list, i);

        if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2 || !PyUnicode_Check(PyTuple_GET_ITEM(pair, 0))) {
            continue;
        }
        if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(pair, 0), "Content-Type") == 0) {
            status = PyObject_SetAttr(event, server->base.state->names.content_type, PyTuple_GET_ITEM(pair, 1));
        }
        else {
            status = PyObject_SetItem(headers, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
        }
    }
    Py_XDECREF(headers);
    Py_XDECREF(list);
    return status;
}

/* Returns 0, or -1 with an exception set. */
static int
wsgi_prepare(CpsHTTPServer *server, PyObject *event)
{
    PyObject *own, *status, *http;
    int result = PyObject_GetOptionalAttr(event, wsgi_of(server)->key, &own);

    if (result <= 0) {
        return result;
    }
    result = 0;
    if (PyDict_Check(own)) {
        status = PyDict_GetItemString(own, "status");
        http = PyDict_GetItemString(own, "http");
        if (status != NULL && !(PyUnicode_Check(status) && PyUnicode_CompareWithASCIIString(status, "200 OK") == 0)) {
            result = PyObject_SetAttr(event, server->base.state->names.status, status);
        }
        if (result == 0 && http != NULL) {
            result = wsgi_take_headers(server, event, http);
        }
    }
    Py_DECREF(own);
    return result;
}

/* str(event.data), without an envelope. */
static PyObject *
wsgi_format(CpsHTTPServer *server, PyObject *event)
{
    CpsState *state = server->base.state;

    if (((CpsEvent *)event)->error != NULL) {
        return cps_event_error_string(state, event);
    }
    return cps_event_data_string(state, event);
}

/* --- routes of Bottle's kind --------------------------------------------------------------------------------------------------------------- */

/* The queue of a request: the one that the path names, else the one that its route was connected with, else the one with the server's name. New,
 * or NULL with an exception set. */
static PyObject *
bottlewsgi_service(CpsServing *serving, const CpsRoute *route)
{
    PyObject *name_key = serving->server->base.state->names.queue;
    PyObject *name = serving->url_args == NULL ? NULL : PyDict_GetItemWithError(serving->url_args, name_key);

    if (name == NULL && route->options != NULL && !PyErr_Occurred()) {
        name = PyDict_GetItemWithError(route->options, name_key);
    }
    if (name == NULL && !PyErr_Occurred()) {
        name = serving->server->base.name;
    }
    return Py_XNewRef(name);
}

static int
bottlewsgi_serve(CpsServing *serving)
{
    const CpsRoute *route = cps_serving_find_route(serving);
    PyObject *service, *queue;
    int status = -1;

    if (route == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    service = bottlewsgi_service(serving, route);
    if (service == NULL || cps_serving_read_environment(serving) < 0) {
        Py_XDECREF(service);
        return -1;
    }
    queue = Py_XNewRef(PyDict_GetItemWithError((PyObject *)serving->server->base.pool->outbound, service));
    if (queue != NULL) {
        status = wsgi_send(serving, service, queue);
        Py_DECREF(queue);
    }
    else if (!PyErr_Occurred()) {
        status = wsgi_not_found(serving, "Service '%U' not found", service);
    }
    Py_DECREF(service);
    return status;
}

static const CpsHTTPServerOps bottlewsgi_ops = {
    .actor = CPS_HTTPSERVER_ACTOR_OPS,
    .serve = bottlewsgi_serve,
    .prepare = wsgi_prepare,
    .format = wsgi_format,
};

/* Serve what the dict of a route's arguments says, for the outbox `queue`. Returns 0, or -1 with an exception set. */
static int
bottlewsgi_add_route(CpsHTTPServer *server, PyObject *route, PyObject *queue)
{
    PyObject *path, *methods, *options;
    int status = -1;

    if (!PyDict_Check(route)) {
        PyErr_Format(PyExc_TypeError, "a route must be a dict of the arguments of bottle's route(), not %R", route);
        return -1;
    }
    path = PyDict_GetItemString(route, "path");
    methods = PyDict_GetItemString(route, "method");
    if (path == NULL) {
        PyErr_Format(PyExc_ValueError, "the route %R has no path", route);
        return -1;
    }
    options = Py_BuildValue("{OO}", server->base.state->names.queue, queue);
    if (options != NULL) {
        PyObject *get = PyUnicode_FromString("GET");

        status =
            get == NULL ? -1 : cps_routes_add(server->routes, path, methods == NULL ? get : methods, NULL, options);
        Py_XDECREF(get);
    }
    Py_XDECREF(options);
    return status;
}

/* One route, or a list of them. Returns 0, or -1 with an exception set. */
static int
bottlewsgi_add_routes(CpsHTTPServer *server, PyObject *routes, PyObject *queue)
{
    int status = 0;

    if (!PyList_Check(routes) && !PyTuple_Check(routes)) {
        return bottlewsgi_add_route(server, routes, queue);
    }
    for (Py_ssize_t i = 0; status == 0 && i < PySequence_Fast_GET_SIZE(routes); i++) {
        status = bottlewsgi_add_route(server, PySequence_Fast_GET_ITEM(routes, i), queue);
    }
    return status;
}

static PyObject *
bottlewsgi_connect_queue(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static const char *const keywords[] = {"bottle_route_kwargs", "routes"}; /* of different releases */
    CpsHTTPServer *server = (CpsHTTPServer *)op;
    PyObject *rest = kwargs == NULL ? PyDict_New() : PyDict_Copy(kwargs);
    PyObject *routes = NULL, *entity = NULL, *connect = NULL, *result = NULL, *name;

    for (size_t i = 0; rest != NULL && routes == NULL && i < Py_ARRAY_LENGTH(keywords); i++) {
        routes = cps_pop_keyword(rest, keywords[i]);
    }
    entity = rest == NULL ? NULL : cps_pop_keyword(rest, "entity");
    name = PyTuple_GET_SIZE(args) > 0 ? PyTuple_GET_ITEM(args, 0)
           : rest == NULL             ? NULL
                                      : PyDict_GetItemString(rest, "source_queue_name");
    if (rest != NULL && !PyErr_Occurred()) {
        connect = PyObject_GetAttrString((PyObject *)server->base.state->types.Actor, "connect_queue");
    }
    if (connect != NULL) {
        PyObject *bound = PyObject_CallMethod(connect, "__get__", "O", op);

        result = bound == NULL ? NULL : PyObject_Call(bound, args, rest);
        Py_XDECREF(bound);
    }
    if (result != NULL && routes != NULL && name != NULL &&
        bottlewsgi_add_routes(server, routes, entity ? entity : name) < 0) {
        Py_CLEAR(result);
    }
    Py_XDECREF(rest);
    Py_XDECREF(routes);
    Py_XDECREF(entity);
    Py_XDECREF(connect);
    return result;
}

/* {"routes": [...]}, where a route without a method serves GET, as Bottle has it. Returns 0, or -1 with an exception set. */
static int
bottlewsgi_configure(CpsHTTPServer *server, PyObject *text)
{
    CpsState *state = server->base.state;
    PyObject *config = cps_json_value(state, text), *routes = NULL;
    int status = 0;

    if (config == NULL) {
        if (PyErr_ExceptionMatches(PyExc_ValueError) || PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyObject *problem = PyErr_GetRaisedException(); /* new */

            PyErr_Format(PyExc_AttributeError, "Malformed JSON object: %S", problem);
            Py_DECREF(problem);
        }
        return -1;
    }
    routes = PyDict_Check(config) ? PyDict_GetItemString(config, "routes") : NULL; /* borrowed */
    for (Py_ssize_t i = 0; status == 0 && routes != NULL && PyList_Check(routes) && i < PyList_GET_SIZE(routes); i++) {
        PyObject *route = PyList_GET_ITEM(routes, i);

        if (PyDict_Check(route) && PyDict_GetItemString(route, "method") == NULL) {
            PyObject *get = PyUnicode_FromString("GET");

            status = get == NULL ? -1 : PyDict_SetItemString(route, "method", get);
            Py_XDECREF(get);
        }
    }
    if (status == 0) {
        status = cps_httpserver_configure_routes(server, config);
    }
    Py_DECREF(config);
    return status;
}

static const CpsHTTPServerOps wsgi_ops = {
    .actor = CPS_HTTPSERVER_ACTOR_OPS,
    .serve = wsgi_serve,
    .prepare = wsgi_prepare,
    .format = wsgi_format,
};

/* --- construction ------------------------------------------------------------------------------------------------------------------------ */

enum { NAME, BASE_PATH, ADDRESS, PORT, KEYFILE, CERTFILE, DELIMITER, KEY, RUN_SERVER, ROUTES_JSON, PARAMETERS };

static const char *const parameter_names[PARAMETERS] = {
    "name", "base_path", "address", "port", "keyfile", "certfile", "delimiter", "key", "run_server", "routes_json",
};

/* Returns 0, or -1 with an exception set. */
static int
wsgi_take_names(CpsWSGI *self, PyObject *const *values)
{
    PyObject *path = values[BASE_PATH] == NULL ? PyUnicode_FromString("/") : PyObject_Str(values[BASE_PATH]);
    PyObject *key = PyObject_Str(values[KEY] == NULL || values[KEY] == Py_None ? values[NAME] : values[KEY]);

    if (path != NULL) {
        Py_SETREF(path, PyObject_CallMethod(path, "rstrip", "s", "/"));
    }
    if (path == NULL || key == NULL) {
        Py_XDECREF(path);
        Py_XDECREF(key);
        return -1;
    }
    Py_XSETREF(self->base_path, path);
    Py_XSETREF(self->key, key);
    return 0;
}

/* The arguments of HTTPServer among ours. New dict, or NULL with an exception set. */
static PyObject *
wsgi_server_arguments(PyObject *const *values, PyObject *rest)
{
    static const int passed[] = {ADDRESS, PORT, KEYFILE, CERTFILE};
    PyObject *arguments = PyDict_Copy(rest);

    for (size_t i = 0; arguments != NULL && i < Py_ARRAY_LENGTH(passed); i++) {
        PyObject *value = values[passed[i]];

        if (value != NULL && PyDict_SetItemString(arguments, parameter_names[passed[i]], value) < 0) {
            Py_CLEAR(arguments);
        }
    }
    return arguments;
}

/* A whole tp_init; `runs` is the default of run_server. */
static int
wsgi_init_as(PyObject *op, const char *function, const CpsHTTPServerOps *ops, PyObject *args, PyObject *kwargs,
             bool runs)
{
    CpsWSGI *self = (CpsWSGI *)op;
    PyObject *values[PARAMETERS] = {NULL}; /* borrowed */
    PyObject *rest_args, *rest_kwargs, *arguments;
    int status = -1;

    if (cps_bind(function, args, kwargs, parameter_names, PARAMETERS, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    arguments = wsgi_server_arguments(values, rest_kwargs);
    if (arguments != NULL && wsgi_take_names(self, values) == 0 && cps_take_flag(&runs, values[RUN_SERVER]) == 0) {
        status = cps_httpserver_init(op, ops, rest_args, arguments);
        self->base.no_port = !runs;
        if (status == 0 && values[ROUTES_JSON] != NULL && values[ROUTES_JSON] != Py_None) {
            status = bottlewsgi_configure(&self->base, values[ROUTES_JSON]);
        }
    }
    Py_XDECREF(arguments);
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return status;
}

static int
wsgi_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return wsgi_init_as(op, "WSGI", &wsgi_ops, args, kwargs, false);
}

static int
wsgiserver_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return wsgi_init_as(op, "WSGIServer", &wsgi_ops, args, kwargs, true);
}

/* Its dict is called wsgi, whatever the actor's name is, and HTTPServer's default route is none of its own. */
static int
bottlewsgi_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    CpsWSGI *self = (CpsWSGI *)op;
    PyObject *none, *key;
    int status;

    if (wsgi_init_as(op, "BottleWSGI", &bottlewsgi_ops, args, kwargs, false) < 0) {
        return -1;
    }
    if (kwargs == NULL || PyDict_GetItemString(kwargs, "routes_json") == NULL) {
        none = Py_BuildValue("{s[]}", "routes");
        status = none == NULL ? -1 : cps_httpserver_configure_routes(&self->base, none);
        Py_XDECREF(none);
        if (status < 0) {
            return -1;
        }
    }
    if (kwargs == NULL || PyDict_GetItemString(kwargs, "key") == NULL) {
        key = PyUnicode_FromString("wsgi");
        if (key == NULL) {
            return -1;
        }
        Py_SETREF(self->key, key);
    }
    return 0;
}

static int
wsgi_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(((CpsWSGI *)op)->base_path);
    Py_VISIT(((CpsWSGI *)op)->key);
    return cps_httpserver_traverse(op, visit, arg);
}

static int
wsgi_clear(PyObject *op)
{
    Py_CLEAR(((CpsWSGI *)op)->base_path);
    Py_CLEAR(((CpsWSGI *)op)->key);
    return cps_httpserver_clear(op);
}

static void
wsgi_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    (void)wsgi_clear(op);
    cps_httpserver_dealloc(op);
}

/* --- types ---------------------------------------------------------------------------------------------------------------------------------- */

PyDoc_STRVAR(
    wsgi_doc,
    "WSGI(name, base_path='/', address='0.0.0.0', port=8080, keyfile=None, certfile=None, delimiter=None, key=<name>,\n"
    "     run_server=False, *args, **kwargs)\n--\n\n"
    "The HTTP server of releases up to 1.1: use HTTPServer in new scripts.\n\n"
    "In, out: HttpEvent. A request of any method goes to the outbox named as the first segment of its path after\n"
    "base_path, else to the only outbox there is; event.service is that segment, or 'default'. Data: a dict, of the\n"
    "form's fields or {'raw': <body>}. The attribute named key is a dict with 'environment', 'status' and 'http', a "
    "list\n"
    "of header tuples; what an actor changes there becomes the response. Its body is the data as text.\n"
    "run_server: listen. Without it the object is a WSGI application for another server. delimiter is ignored; "
    "further\n"
    "arguments are those of HTTPServer. Raises what HTTPServer does.");

PyDoc_STRVAR(wsgiserver_doc, "WSGIServer(name, *args, run_server=True, **kwargs)\n--\n\n"
                             "WSGI that listens, as the README of old had it.\n\n"
                             "In, out: HttpEvent. Arguments are those of WSGI.");

static PyMethodDef wsgi_methods[] = {CPS_CONSUME_METHOD, {NULL}};

static PyMemberDef wsgi_members[] = {
    {"base_path", T_OBJECT, offsetof(CpsWSGI, base_path), 0, PyDoc_STR("str: what paths begin with; '' for nothing.")},
    {"key", T_OBJECT, offsetof(CpsWSGI, key), 0, PyDoc_STR("str: the attribute of events with their request's data.")},
    {NULL},
};

static PyType_Slot wsgi_slots[] = {
    {Py_tp_doc, (void *)wsgi_doc},   {Py_tp_init, wsgi_init},
    {Py_tp_traverse, wsgi_traverse}, {Py_tp_clear, wsgi_clear},
    {Py_tp_dealloc, wsgi_dealloc},   {Py_tp_methods, wsgi_methods},
    {Py_tp_members, wsgi_members},   {0, NULL},
};

static PyType_Spec wsgi_spec = {
    .name = "compysition.actors.wsgi.WSGI",
    .basicsize = sizeof(CpsWSGI),
    .flags = CPS_ACTOR_FLAGS,
    .slots = wsgi_slots,
};

static PyType_Slot wsgiserver_slots[] = {
    {Py_tp_doc, (void *)wsgiserver_doc}, {Py_tp_init, wsgiserver_init}, {Py_tp_traverse, wsgi_traverse},
    {Py_tp_clear, wsgi_clear},           {Py_tp_dealloc, wsgi_dealloc}, {0, NULL},
};

static PyType_Spec wsgiserver_spec = {
    .name = "compysition.actors.wsgi.WSGIServer",
    .basicsize = sizeof(CpsWSGI),
    .flags = CPS_ACTOR_FLAGS,
    .slots = wsgiserver_slots,
};

PyDoc_STRVAR(
    bottlewsgi_doc,
    "BottleWSGI(name, *args, routes_json=None, filter_environment=True, **kwargs)\n--\n\n"
    "WSGI with routes of Bottle's kind: use HTTPServer in new scripts.\n\n"
    "In, out: HttpEvent. routes_json: JSON text {'routes': [...]}; more routes come from connect_queue(...,\n"
    "bottle_route_kwargs={'path': ..., 'method': [...]}) of the director, each to the queue of that connection. The "
    "queue\n"
    "is the wildcard queue of the path, else that one, else the one with the actor's name; wildcards become "
    "attributes.\n"
    "The dict of the request is event.wsgi. filter_environment is ignored: environments have plain values only. Other\n"
    "arguments are those of WSGI. Raises AttributeError for bad JSON, SetupError for bad routes.");

static PyMethodDef bottlewsgi_methods[] = {
    {"connect_queue", _PyCFunction_CAST(bottlewsgi_connect_queue), METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("connect_queue($self, source_queue_name='outbox', destination=None, destination_queue_name='inbox',\n"
               "              check_existing=True, bottle_route_kwargs=None, routes=None, entity=None)\n--\n\n"
               "As Actor's. bottle_route_kwargs, or routes: a dict of a route's path and method, or a list of them, "
               "whose requests\n"
               "go to that queue, or to the one called entity.")},
    {NULL},
};

static PyType_Slot bottlewsgi_slots[] = {
    {Py_tp_doc, (void *)bottlewsgi_doc},
    {Py_tp_init, bottlewsgi_init},
    {Py_tp_traverse, wsgi_traverse},
    {Py_tp_clear, wsgi_clear},
    {Py_tp_dealloc, wsgi_dealloc},
    {Py_tp_methods, bottlewsgi_methods},
    {0, NULL},
};

static PyType_Spec bottlewsgi_spec = {
    .name = "compysition.actors.wsgi.BottleWSGI",
    .basicsize = sizeof(CpsWSGI),
    .flags = CPS_ACTOR_FLAGS,
    .slots = bottlewsgi_slots,
};

int
cps_wsgi_setup(PyObject *module, CpsState *state)
{
    PyTypeObject *const *types[] = {&state->types.WSGI, &state->types.WSGIServer, &state->types.BottleWSGI};

    if (cps_add_type(module, &state->types.WSGI, &wsgi_spec, (PyObject *)state->types.HTTPServer) < 0 ||
        cps_add_type(module, &state->types.WSGIServer, &wsgiserver_spec, (PyObject *)state->types.WSGI) < 0 ||
        cps_add_type(module, &state->types.BottleWSGI, &bottlewsgi_spec, (PyObject *)state->types.WSGI) < 0) {
        return -1;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(types); i++) {
        if (cps_set_event_types(state, *types[i], state->types.HttpEvent, state->types.HttpEvent) < 0) {
            return -1;
        }
    }
    return 0;
}
