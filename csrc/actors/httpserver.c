/* HTTPServer: requests come in as events, and events that come back are the responses. */
#include "actors/httpport.h"
#include "actors/httpserving.h"

#include "event/event.h"
#include "loop/worker.h"

#include <unistd.h>

static CpsHTTPServer *
server_of(CpsActor *actor)
{
    return (CpsHTTPServer *)actor;
}

/* --- requests and answers, in a worker ------------------------------------------------------------------------------------------ */

void
cps_httpserver_schedule(CpsHTTPServer *self)
{
    if (!self->scheduled && self->base.rt != NULL) {
        self->scheduled = true;
        self->base.running++; /* a stop waits for it */
        cps_ready_push(self->base.rt, &self->ready);
    }
}

static void
server_answer_the_rest(CpsHTTPServer *self)
{
    CpsResponder *responder;

    while ((responder = cps_responders_next(self)) != NULL) {
        cps_httpserver_give_up(self, responder, 503);
    }
}

/* The next request, by a call or over the wire. Held; NULL when there is none. */
static CpsHttpExchange *
server_next(CpsHTTPServer *self)
{
    CpsLink *link = cps_list_pop(&self->local);

    if (link != NULL) {
        return CPS_CONTAINER(link, CpsHttpExchange, user_link);
    }
    return self->listening == NULL ? NULL : cps_http_next(&self->listening->http);
}

static void
server_refuse_requests(CpsHTTPServer *self)
{
    static const char text[] = "The server is stopping";
    CpsHttpExchange *exchange;

    while ((exchange = server_next(self)) != NULL) {
        cps_http_answer_page(exchange, 503, text, sizeof(text) - 1, "Retry-After: 1");
    }
}

/* Close what listens; in a fork's child that is the parent's. */
static void
server_let_go(CpsHTTPServer *self)
{
    cps_timer_cancel(&self->timer);
    if (self->listening != NULL && !self->listening->port.rt->abandoned) {
        cps_httpport_close(self->listening);
    }
    self->listening = NULL;
    if (self->any_port && self->reserved < 0) {
        self->port = 0;
    }
    cps_http_environ_base_free(self->environ);
    self->environ = NULL;
}

/* What a stop has asked for. */
static void
server_end(CpsHTTPServer *self)
{
    if (self->end_asked && self->listening != NULL) {
        cps_http_server_end(&self->listening->http);
    }
    if (self->goodbye_asked) {
        server_refuse_requests(self);
        server_answer_the_rest(self);
    }
    if (self->close_asked) {
        server_let_go(self);
    }
}

/* Serve requests for a slice; what is left has its turn again. */
static void
server_serve(CpsHTTPServer *self, CpsRuntime *rt, CpsWorker *worker)
{
    CpsHttpExchange *exchange;

    while (self->environ != NULL && (exchange = server_next(self)) != NULL) {
        cps_httpserver_serve(self, exchange);
        if (cps_slice_spent(rt) || !cps_worker_may_go_on(rt, worker)) {
            cps_httpserver_schedule(self);
            break;
        }
    }
}

static void
server_work(CpsHTTPServer *self, CpsRuntime *rt)
{
    CpsResponder *responder;

    if (self->listening != NULL) {
        cps_responders_drop_gone(self, &self->listening->http);
    }
    server_end(self);
    while ((responder = cps_responders_next_ended(self)) != NULL) {
        cps_httpserver_give_up(self, responder, 500);
    }
    server_serve(self, rt, rt->running);
    while ((responder = cps_responders_next_late(self)) != NULL) {
        cps_httpserver_give_up(self, responder, 504);
    }
}

static void
server_run(CpsReady *ready, CpsRuntime *rt)
{
    CpsHTTPServer *self = (CpsHTTPServer *)Py_NewRef((PyObject *)CPS_CONTAINER(ready, CpsHTTPServer, ready));

    self->scheduled = false;
    server_work(self, rt);
    self->base.running--;
    cps_wait_wake_all(&self->watchers);
    cps_actor_note_rest(&self->base);
    Py_DECREF((PyObject *)self);
}

/* Python code that a request has led to blocks: others are served meanwhile. */
static void
server_again(CpsReady *ready)
{
    cps_httpserver_schedule(CPS_CONTAINER(ready, CpsHTTPServer, ready));
}

/* Requests may have come since it listens. */
int
cps_httpserver_start_source(CpsActor *actor)
{
    cps_httpserver_schedule(server_of(actor));
    return 0;
}

bool
cps_httpserver_runs(const CpsActor *actor, const CpsReady *node)
{
    return node == &((const CpsHTTPServer *)actor)->ready;
}

void
cps_httpserver_stop_source(CpsActor *actor)
{
    CpsHTTPServer *self = server_of(actor);

    if (self->environ != NULL && !self->end_asked) {
        self->end_asked = true;
        cps_httpserver_schedule(self);
    }
}

static const CpsHTTPServerOps server_ops = {
    .actor = CPS_HTTPSERVER_ACTOR_OPS,
    .serve = cps_serving_by_routes,
    .format = cps_httpserver_format,
};

/* --- bodies --- */

/* Whether the constructor of HTTPServer was called: else RuntimeError is set. */
static bool
server_is_made(const CpsHTTPServer *self)
{
    if (!self->base.initialised) {
        PyErr_Format(PyExc_RuntimeError, "%.200s.__init__ has not called that of HTTPServer", Py_TYPE(self)->tp_name);
    }
    return self->base.initialised;
}

static PyObject *
server_format_response_data(PyObject *op, PyObject *event)
{
    CpsHTTPServer *self = (CpsHTTPServer *)op;

    if (!server_is_made(self)) {
        return NULL;
    }
    if (!cps_event_check(self->base.state, event)) {
        return PyErr_Format(PyExc_TypeError, "only events have response data, not %s", Py_TYPE(event)->tp_name);
    }
    return ((const CpsHTTPServerOps *)self->base.ops)->format(self, event);
}

/* --- life ---------------------------------------------------------------------------------------------------------------------- */

/* The content types that routes take which do not name their own: those of a subclass count. Returns 0, or -1 with an exception set. */
static int
server_read_content_types(CpsHTTPServer *self)
{
    CpsState *state = self->base.state;
    PyObject *types, *usual;

    if (PyObject_GetOptionalAttr((PyObject *)self, state->names.CONTENT_TYPES, &types) < 0 ||
        PyObject_GetOptionalAttr((PyObject *)state->types.HTTPServer, state->names.CONTENT_TYPES, &usual) < 0) {
        return -1;
    }
    Py_CLEAR(self->ctypes);
    if (types != NULL && types != usual) {
        self->ctypes = PySequence_Tuple(types);
    }
    Py_XDECREF(types);
    Py_XDECREF(usual);
    return PyErr_Occurred() ? -1 : 0;
}

static void
log_route(const CpsRoute *route, void *context)
{
    CpsHTTPServer *self = context;
    PyObject *methods = route->methods == NULL ? PyUnicode_FromString("ANY") : PySequence_List(route->methods);

    if (methods == NULL) {
        PyErr_Clear(); /* out of memory: one line less */
        return;
    }
    cps_log(self->base.logger, CPS_LOG_DEBUG, NULL, "Configured route '%U' with methods '%S'", route->path, methods);
    Py_DECREF(methods);
}

static PyObject *
server_pre_hook(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsHTTPServer *self = (CpsHTTPServer *)op;
    CpsState *state = self->base.state;

    if (!server_is_made(self)) {
        return NULL;
    }
    if (self->environ != NULL) {
        Py_RETURN_NONE;
    }
    self->end_asked = self->goodbye_asked = self->close_asked = false;
    self->own_callback = !cps_method_is(Py_TYPE(op), state->names.callback, _PyCFunction_CAST(cps_httpserver_callback));
    self->own_format = !cps_method_is(Py_TYPE(op), state->names.format_response_data, server_format_response_data);
    if (cps_log_enabled(self->base.logger, CPS_LOG_DEBUG)) {
        cps_routes_visit(self->routes, log_route, self);
    }
    if (server_read_content_types(self) < 0 || (!self->no_port && cps_httpport_open(self) < 0)) {
        return NULL;
    }
    self->environ = cps_http_environ_base_new(state, self->address, self->port, self->certfile != Py_None);
    if (self->environ == NULL) {
        server_let_go(self);
        return NULL;
    }
    if (!self->no_port) {
        cps_log(self->base.logger, CPS_LOG_INFO, NULL, "Serving on %S:%d", self->address, self->port);
    }
    Py_RETURN_NONE;
}

static bool
answers_are_out(void *context)
{
    CpsHTTPServer *self = context;

    return self->base.running == 0 && self->responders.count == 0 && cps_list_empty(&self->local) &&
           (self->listening == NULL || cps_http_server_at_rest(&self->listening->http));
}

static bool
has_closed(void *context)
{
    return ((CpsHTTPServer *)context)->environ == NULL;
}

/* Have the node do what was asked for, and wait until `test` holds, at most `seconds`. Returns 0, or -1 with an exception set. */
static int
server_ask(CpsHTTPServer *self, CpsWaitTest test, double seconds)
{
    cps_httpserver_schedule(self);
    return cps_wait_until(self->base.state, &self->watchers, test, self, seconds) < 0 ? -1 : 0;
}

/* Answer whoever still waits, let clients have what was written, and close. The loop's thread does that, whoever asks for it. Returns 0, or
 * -1 with an exception set. */
static int
server_close(CpsHTTPServer *self)
{
    const double seconds = 5; /* for clients that read slowly */

    self->end_asked = self->goodbye_asked = true;
    if (server_ask(self, answers_are_out, seconds) < 0) {
        return -1;
    }
    self->close_asked = true;
    return server_ask(self, has_closed, seconds);
}

static PyObject *
server_post_hook(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsHTTPServer *self = (CpsHTTPServer *)op;
    bool listened = self->listening != NULL;
    int status = 0;

    if (self->base.rt != NULL && !self->base.rt->abandoned && self->environ != NULL) {
        status = server_close(self);
    }
    server_let_go(self); /* also when it never started, because another actor's start failed */
    if (listened) {
        cps_log(self->base.logger, CPS_LOG_INFO, NULL, "Stopped serving");
    }
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

/* --- attributes ---------------------------------------------------------------------------------------------------------------- */

/* event id -> (class of the event, None): who waits for an answer. */
static PyObject *
server_get_responders(PyObject *op, void *Py_UNUSED(closure))
{
    CpsHTTPServer *self = (CpsHTTPServer *)op;
    PyObject *responders = PyDict_New();

    for (CpsLink *link = cps_list_first(&self->order); responders != NULL && link != NULL;
         link = cps_list_after(&self->order, link)) {
        CpsResponder *responder = CPS_CONTAINER(link, CpsResponder, order_link);
        PyObject *id = cps_event_id_hex(responder->node.id);
        PyObject *entry = id == NULL ? NULL : PyTuple_Pack(2, (PyObject *)responder->event_class, Py_None);

        if (entry == NULL || PyDict_SetItem(responders, id, entry) < 0) {
            Py_CLEAR(responders);
        }
        Py_XDECREF(id);
        Py_XDECREF(entry);
    }
    return responders;
}

static PyObject *
server_get_itself(PyObject *op, void *Py_UNUSED(closure))
{
    return Py_NewRef(op);
}

static PyObject *
server_get_connections(PyObject *op, void *Py_UNUSED(closure))
{
    const CpsHttpPort *port = ((CpsHTTPServer *)op)->listening;

    return PyLong_FromUnsignedLong(port == NULL ? 0 : port->http.base.client_count);
}

static PyGetSetDef server_getset[] = {
    CPS_DICT,
    {"responders", server_get_responders, NULL,
     PyDoc_STR("dict: the id of each event that a client waits for -> (its class, None). A copy."), NULL},
    {"wsgi_app", server_get_itself, NULL, PyDoc_STR("The server itself."), NULL},
    {"connections", server_get_connections, NULL, PyDoc_STR("int: how many connections are open."), NULL},
    {NULL},
};

static PyMemberDef server_members[] = {
    CPS_ACTOR_MEMBERS,
    {"address", T_OBJECT, offsetof(CpsHTTPServer, address), 0, PyDoc_STR("str: where it listens.")},
    {"port", T_INT, offsetof(CpsHTTPServer, port), 0,
     PyDoc_STR("int: its port; once it serves the one that is bound, when 0 was given.")},
    {"keyfile", T_OBJECT, offsetof(CpsHTTPServer, keyfile), 0, PyDoc_STR("Path of the private key, or None.")},
    {"certfile", T_OBJECT, offsetof(CpsHTTPServer, certfile), 0, PyDoc_STR("Path of the certificates, or None.")},
    {"_bottle", T_OBJECT, offsetof(CpsHTTPServer, bottle), 0,
     PyDoc_STR("What compysition._bottle keeps here, or None.")},
    {"timeout", T_DOUBLE, offsetof(CpsHTTPServer, timeout), 0,
     PyDoc_STR("float: seconds after which a request that was not answered is answered 504.")},
    {NULL},
};

/* --- construction ---------------------------------------------------------------------------------------------------------------- */

static int
server_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return cps_httpserver_init(op, &server_ops, args, kwargs);
}

static PyObject *
server_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    CpsState *state = cps_state_of_type(type);
    CpsHTTPServer *self = (CpsHTTPServer *)state->types.Actor->tp_new(type, args, kwargs);

    if (self == NULL) {
        return NULL;
    }
    cps_list_init(&self->order);
    cps_list_init(&self->ended);
    cps_list_init(&self->watchers);
    cps_list_init(&self->calls);
    cps_list_init(&self->local);
    self->reserved = -1;
    self->ready.run = server_run;
    self->ready.again = server_again;
    self->routes = cps_routes_new(state);
    if (self->routes == NULL) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

/* --- memory ------------------------------------------------------------------------------------------------------------------------ */

int
cps_httpserver_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsHTTPServer *self = (CpsHTTPServer *)op;

    Py_VISIT(self->address);
    Py_VISIT(self->keyfile);
    Py_VISIT(self->certfile);
    Py_VISIT(self->bottle);
    Py_VISIT(self->ctypes);
    for (CpsLink *link = cps_list_first(&self->order); link != NULL; link = cps_list_after(&self->order, link)) {
        Py_VISIT(CPS_CONTAINER(link, CpsResponder, order_link)->error);
    }
    if (self->routes != NULL) {
        int result = cps_routes_traverse(self->routes, visit, arg);

        if (result != 0) {
            return result;
        }
    }
    return cps_actor_traverse(op, visit, arg);
}

/* Whoever still waits sees his connection closed. */
static void
server_forget_responders(CpsHTTPServer *self)
{
    CpsResponder *responder;

    while ((responder = cps_responders_next(self)) != NULL) {
        CpsBuffer nothing = {0};
        CpsHttpExchange *exchange = responder->exchange;

        cps_http_answer(exchange, &nothing, true);
        cps_responder_free(responder);
    }
}

int
cps_httpserver_clear(PyObject *op)
{
    CpsHTTPServer *self = (CpsHTTPServer *)op;

    if (self->listening != NULL && (self->base.rt == NULL || !self->base.rt->abandoned)) {
        server_forget_responders(self);
    }
    server_let_go(self);
    Py_CLEAR(self->address);
    Py_CLEAR(self->keyfile);
    Py_CLEAR(self->certfile);
    Py_CLEAR(self->bottle);
    Py_CLEAR(self->ctypes);
    if (self->routes != NULL) {
        cps_routes_clear(self->routes);
    }
    return cps_actor_clear(op);
}

void
cps_httpserver_dealloc(PyObject *op)
{
    CpsHTTPServer *self = (CpsHTTPServer *)op;

    PyObject_GC_UnTrack(op);
    (void)cps_httpserver_clear(op);
    if (self->reserved >= 0) {
        close(self->reserved);
    }
    cps_link_remove(&self->ready.link);
    cps_idmap_free(&self->responders);
    cps_routes_free(self->routes);
    cps_actor_dealloc(op);
}

/* --- type ---------------------------------------------------------------------------------------------------------------------------- */

PyDoc_STRVAR(
    server_doc,
    "HTTPServer(name, address='0.0.0.0', port=8080, keyfile=None, certfile=None, routes_config=None, *args, "
    "timeout=30.0,\n"
    "           max_connections=10000, max_pipelined=16, max_target=8192, max_head=32768, max_headers=100,\n"
    "           max_body=16777216, max_body_total=268435456, head_timeout=10.0, body_timeout=30.0,\n"
    "           idle_timeout=75.0, write_timeout=30.0, share_port=False, **kwargs)\n--\n\n"
    "Serve HTTP/1.1 (RFC 9110, RFC 9112): a request becomes an event, and the event with the same id that comes back "
    "is the\n"
    "response.\n\n"
    "In: HttpEvent. Out: HttpEvent, to the queue that the route names.\n\n"
    "address: str, a name, an IPv4 or IPv6 address, '' for all, or 'unix:/path'. port: int, 0 for any free one, which\n"
    "the attribute port has once it serves. keyfile, certfile: paths of PEM files, for TLS 1.2 or newer; the "
    "certificate\n"
    "file may hold the key, too. routes_config: JSON text or a dict {'routes': [...]}; by default POST /<queue>.\n"
    "timeout: seconds until a request that was not answered is answered 504. The other limits: connections (more are\n"
    "answered 503), unanswered requests of one connection, bytes of the target (414), bytes of the head and how many\n"
    "headers (431), bytes of the body (413), and of all bodies of unanswered requests together, at least max_body "
    "(503);\n"
    "seconds from the first byte to the end of a head, without any byte of a "
    "body,\n"
    "between requests, and without the client taking any of its response. share_port: other processes listen on the "
    "same\n"
    "port (SO_REUSEPORT). Further arguments are those of Actor; unknown keywords are ignored.\n\n"
    "Raises ValueError and TypeError for arguments that make no sense, KeyError for an unknown base_path, SetupError "
    "for\n"
    "routes that cannot be served; at start OSError when it cannot listen, ActorInitFailure for unusable "
    "certificates.");

static PyMethodDef server_methods[] = {
    CPS_CONSUME_METHOD,
    {"callback", _PyCFunction_CAST(cps_httpserver_callback), METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("callback($self, queue=None, *args, **kwargs)\n--\n\n"
               "Serve a request: its event goes to the queue of that name (by default the one of the path, else the "
               "one with\n"
               "the server's own name), and the answer comes when the event does. A subclass that overrides it, and "
               "functions of\n"
               "routes, may return the answer instead: str, bytes, dict (as JSON), None, an event, or an iterable of "
               "str or bytes.\n"
               "Raises ResourceNotFound when there is no such queue, RuntimeError when no request is being served.")},
    {"_add_route", cps_httpserver_add_route, METH_VARARGS,
     PyDoc_STR("_add_route($self, path, methods, callback, options, /)\n--\n\nAdd a route, after the others.")},
    {"_exchange", cps_httpserver_exchange, METH_O,
     PyDoc_STR("_exchange($self, request, /)\n--\n\nServe a request given as bytes; waits for the response, bytes.")},
    {"pre_hook", server_pre_hook, METH_NOARGS, PyDoc_STR("pre_hook($self, /)\n--\n\nListen.")},
    {"post_hook", server_post_hook, METH_NOARGS,
     PyDoc_STR("post_hook($self, /)\n--\n\nAnswer who still waits with 503, and close.")},
    {"format_response_data", server_format_response_data, METH_O,
     PyDoc_STR("format_response_data($self, event, /)\n--\n\nThe body of the response: str, bytes or None.")},
    {NULL},
};

static PyType_Slot server_slots[] = {
    {Py_tp_doc, (void *)server_doc},
    {Py_tp_call, cps_httpserver_call},
    {Py_tp_new, server_new},
    {Py_tp_init, server_init},
    {Py_tp_traverse, cps_httpserver_traverse},
    {Py_tp_clear, cps_httpserver_clear},
    {Py_tp_dealloc, cps_httpserver_dealloc},
    {Py_tp_methods, server_methods},
    {Py_tp_members, server_members},
    {Py_tp_getset, server_getset},
    {0, NULL},
};

static PyType_Spec server_spec = {
    .name = "compysition.actors.httpserver.HTTPServer",
    .basicsize = sizeof(CpsHTTPServer),
    .flags = CPS_ACTOR_FLAGS,
    .slots = server_slots,
};

int
cps_httpserver_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.HTTPServer, &server_spec, (PyObject *)state->types.Actor) < 0) {
        return -1;
    }
    return cps_set_event_types(state, state->types.HTTPServer, state->types.HttpEvent, state->types.HttpEvent);
}
