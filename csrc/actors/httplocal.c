/* HTTPServer as a WSGI application (PEP 3333): requests that come from another server by a call. */
#include "actors/httpserver.h"

/* Who waits for the response. */
typedef struct {
    CpsBuffer response;
    CpsList waiters; /* CpsWait */
    bool done;
} LocalCall;

static void
local_deliver(CpsHttpExchange *exchange, CpsBuffer *response)
{
    LocalCall *call = exchange->target;

    if (call != NULL) {
        cps_buffer_move(&call->response, response);
        call->done = true;
        cps_wait_wake_all(&call->waiters);
    }
}

static bool
local_is_done(void *context)
{
    return ((LocalCall *)context)->done;
}

/* Have the server serve the request (taken). Returns 0 with the response in *call, or -1 with an exception set. */
static int
local_serve(CpsHTTPServer *self, CpsHttpRequest *request, LocalCall *call)
{
    CpsHttpExchange *exchange = cps_http_exchange_new(request);
    int status;

    if (exchange == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    exchange->deliver = local_deliver;
    exchange->target = call;
    cps_list_init(&call->waiters);
    cps_list_append(&self->local, &exchange->user_link);
    cps_httpserver_schedule(self);
    status = cps_wait_until(self->base.state, &call->waiters, local_is_done, call, -1);
    if (!call->done) {
        exchange->target = NULL; /* whoever called is being ended: the answer is thrown away */
    }
    return status < 0 ? -1 : 0;
}

/* The one request in the bytes, which are complete. NULL with ValueError set, or MemoryError. */
static CpsHttpRequest *
local_parse(CpsHTTPServer *self, PyObject *bytes)
{
    CpsHttpParser parser;
    CpsHttpOutcome outcome = CPS_HTTP_MORE;
    CpsHttpRequest *request = NULL;
    const char *text = PyBytes_AS_STRING(bytes);
    size_t length = (size_t)PyBytes_GET_SIZE(bytes), used;

    cps_http_parser_init(&parser, &self->limits.request);
    do {
        outcome = cps_http_feed(&parser, text, length, &used);
        text += used;
        length -= used;
    } while (outcome == CPS_HTTP_CONTINUE && length > 0);
    if (outcome == CPS_HTTP_COMPLETE) {
        request = cps_http_take(&parser);
    }
    else {
        PyErr_Format(PyExc_ValueError, "the request cannot be served: %s",
                     outcome == CPS_HTTP_REFUSED ? parser.reason : "it is not complete");
    }
    cps_http_parser_free(&parser);
    return request;
}

PyObject *
cps_httpserver_exchange(PyObject *op, PyObject *bytes)
{
    CpsHTTPServer *self = (CpsHTTPServer *)op;
    LocalCall *call;
    CpsHttpRequest *request;
    PyObject *response = NULL;

    if (!PyBytes_Check(bytes)) {
        return PyErr_Format(PyExc_TypeError, "a request is bytes, not %s", Py_TYPE(bytes)->tp_name);
    }
    if (self->base.rt == NULL || self->environ == NULL) {
        return PyErr_Format(PyExc_RuntimeError, "'%S' has not been started", self->base.name);
    }
    request = local_parse(self, bytes);
    call = request == NULL ? NULL : PyMem_Calloc(1, sizeof(*call)); /* on the heap: other fibers write into it */
    if (call != NULL && local_serve(self, request, call) == 0) {
        response = PyBytes_FromStringAndSize(call->response.bytes, (Py_ssize_t)call->response.length);
    }
    if (call != NULL) {
        cps_buffer_free(&call->response);
        PyMem_Free(call);
    }
    return response;
}

PyObject *
cps_httpserver_call(PyObject *op, PyObject *args, PyObject *kwargs)
{
    PyObject *application = NULL, *environ, *start_response, *body = NULL;
    static char *names[] = {"environ", "start_response", NULL};

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO:__call__", names, &environ, &start_response)) {
        return NULL;
    }
    if (cps_import(&application, "compysition._wsgi", "call") != NULL) {
        body = PyObject_CallFunctionObjArgs(application, op, environ, start_response, NULL);
    }
    Py_XDECREF(application);
    return body;
}
