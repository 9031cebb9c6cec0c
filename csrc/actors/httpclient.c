/* HTTPClient: asks another server about each event, and sends on what that answers. */
#include "actors/httpclient.h"

#include "actors/actors.h"
#include "event/event.h"
#include "flow/job.h"
#include "loop/wait.h"

/* --- the agent ------------------------------------------------------------------------------------------------------------------- */

/* The request of an event from a queue. */
typedef struct {
    CpsJob job; /* first */
    CpsClientRequest request;
} ClientJob;

/* An agent whose actor is done with it. */
typedef struct {
    CpsReady ready; /* first */
    CpsHttpAgent *agent;
    CpsList orphans;
} AgentEnd;

/* In the agent's thread. */
static void
agent_end(CpsHttpAgent **agent_p, CpsList *orphans)
{
    CpsLink *link;

    while ((link = cps_list_pop(orphans)) != NULL) {
        CpsJob *job = CPS_CONTAINER(link, CpsJob, link);

        cps_client_request_cancel(&((ClientJob *)job)->request);
        cps_job_done(job);
    }
    cps_http_agent_close(agent_p);
}

/* In a worker. */
static void
agent_end_run(CpsReady *ready, CpsRuntime *rt)
{
    AgentEnd *end = (AgentEnd *)ready;

    agent_end(&end->agent, &end->orphans);
    PyMem_Free(end);
    cps_runtime_release(rt);
}

/* Have the agent end in its own thread, which may be using it now. */
static void
client_hand_over_agent(CpsHttpClient *self)
{
    AgentEnd *end = PyMem_Calloc(1, sizeof(*end));

    if (end == NULL) {
        PyErr_NoMemory();
        PyErr_WriteUnraisable((PyObject *)self);
        return;
    }
    end->ready.run = agent_end_run;
    end->agent = self->agent;
    cps_list_init(&end->orphans);
    cps_list_splice(&end->orphans, &self->orphans);
    cps_runtime_hold(self->agent_rt);
    cps_ready_push(self->agent_rt, &end->ready);
}

static void
client_close_agent(CpsHttpClient *self)
{
    if (self->agent == NULL) {
        return;
    }
    if (!self->agent_rt->abandoned) { /* a fork's child shares it with its parent, and does not touch it */
        if (self->agent_rt == cps_runtime_peek()) {
            agent_end(&self->agent, &self->orphans);
        }
        else {
            client_hand_over_agent(self);
        }
    }
    self->agent = NULL;
}

/* There is one on the loop of this thread. Returns 0, or -1 with an exception set. */
static int
client_open_agent(CpsHttpClient *self)
{
    CpsRuntime *rt = cps_runtime_get(self->base.state);

    if (rt == NULL) {
        return -1;
    }
    if (self->agent != NULL && self->agent_rt->abandoned) {
        self->agent = NULL;
    }
    if ((self->agent != NULL && self->agent_rt != rt) || (self->base.rt != NULL && self->base.rt != rt)) {
        PyErr_SetString(PyExc_RuntimeError, "an HTTPClient is used in the thread where it was started");
        return -1;
    }
    if (self->agent == NULL) {
        self->agent_rt = rt;
        self->agent = cps_http_agent_new(&rt->loop, &self->settings);
    }
    if (self->agent == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static void
client_close(CpsActor *actor)
{
    client_close_agent((CpsHttpClient *)actor);
}

/* --- events from queues: jobs ---------------------------------------------------------------------------------------------------- */

/* In the hub. */
static void
client_job_over(CpsClientRequest *request)
{
    cps_job_done(&CPS_CONTAINER(request, ClientJob, request)->job);
}

static int
client_job_begin(CpsJob *job)
{
    ClientJob *own = (ClientJob *)job;

    own->request.over = client_job_over;
    return cps_client_request_begin(&own->request);
}

static int
client_job_finish(CpsJob *job, CpsActor *Py_UNUSED(self))
{
    return cps_client_request_settle(&((ClientJob *)job)->request, job->consume.event);
}

static void
client_job_free(CpsJob *job)
{
    cps_client_request_free(&((ClientJob *)job)->request);
    PyMem_Free(job);
}

/* The actor may be stopped in another thread than that of the loop: the end of the agent then cancels the request. */
static void
client_job_cancel(CpsJob *job)
{
    CpsClientRequest *request = &((ClientJob *)job)->request;

    if (request->rt == cps_runtime_peek() && !request->rt->abandoned) {
        cps_client_request_cancel(request);
        cps_job_done(job);
    }
    else {
        cps_list_append(&((CpsHttpClient *)job->actor)->orphans, &job->link);
    }
}

static const CpsJobOps client_job_ops = {
    .begin = client_job_begin,
    .finish = client_job_finish,
    .free = client_job_free,
    .cancel = client_job_cancel,
};

static int
client_start_job(CpsActor *actor, CpsConsume *consume)
{
    CpsHttpClient *self = (CpsHttpClient *)actor;
    ClientJob *own = PyMem_Calloc(1, sizeof(*own));

    if (own == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (cps_client_request_fill(&own->request, self, consume->event) < 0 || client_open_agent(self) < 0) {
        client_job_free(&own->job);
        return -1;
    }
    return cps_job_start(&own->job, &client_job_ops, actor, consume) < 0 ? -1 : 1;
}

/* --- consume() called by a script ------------------------------------------------------------------------------------------------ */

typedef struct {
    CpsClientRequest request; /* first */
    CpsList waits;            /* CpsWait: the caller's */
    bool over;
} ClientCall;

/* In the hub. */
static void
client_call_over(CpsClientRequest *request)
{
    ClientCall *call = (ClientCall *)request;

    call->over = true;
    cps_wait_wake_all(&call->waits);
}

static bool
client_call_is_over(void *context)
{
    return ((ClientCall *)context)->over;
}

/* Send it, and wait. Returns 0, or -1 with an exception set. */
static int
client_call_run(CpsHttpClient *self, ClientCall *call, PyObject *event)
{
    cps_list_init(&call->waits);
    call->request.over = client_call_over;
    if (cps_client_request_fill(&call->request, self, event) < 0 || client_open_agent(self) < 0 ||
        cps_client_request_begin(&call->request) < 0 ||
        cps_wait_until(self->base.state, &call->waits, client_call_is_over, call, -1) < 0) {
        return -1;
    }
    return cps_client_request_settle(&call->request, event);
}

static int
client_consume(CpsActor *actor, CpsInbox *Py_UNUSED(inbox), PyObject *event)
{
    CpsHttpClient *self = (CpsHttpClient *)actor;
    ClientCall *call = PyMem_Calloc(1, sizeof(*call)); /* not on the stack: the hub writes into it */
    int status;

    if (call == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->by_hand++;
    status = client_call_run(self, call, event);
    self->by_hand--;
    cps_client_request_free(&call->request);
    PyMem_Free(call);
    if (actor->rt == NULL && self->by_hand == 0) {
        client_close_agent(self);
    }
    return status;
}

static const CpsActorOps client_ops = {
    .consume = client_consume,
    .start_job = client_start_job,
    .close = client_close,
};

/* --- the type ------------------------------------------------------------------------------------------------------------------ */

static int
client_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return cps_client_init((CpsHttpClient *)op, &client_ops, args, kwargs);
}

static int
client_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsHttpClient *self = (CpsHttpClient *)op;

    Py_VISIT(self->texts);
    Py_VISIT(self->url_text);
    Py_VISIT(self->keep);
    return cps_actor_traverse(op, visit, arg);
}

static void
client_dealloc(PyObject *op)
{
    CpsHttpClient *self = (CpsHttpClient *)op;

    PyObject_GC_UnTrack(op);
    client_close_agent(self);
    cps_template_free(&self->url);
    cps_template_free(&self->method);
    cps_client_free_fields(self);
    Py_CLEAR(self->texts);
    Py_CLEAR(self->url_text);
    Py_CLEAR(self->keep);
    cps_actor_dealloc(op);
}

PyDoc_STRVAR(
    client_doc,
    "HTTPClient(name, url, method=None, headers=None, timeout=30.0, connect_timeout=5.0, retries=2, backoff=0.2,\n"
    "           max_connections=None, max_response_bytes=16777216, verify=True, cert=None, auth=None, proxy=None,\n"
    "           allow_redirects=False, status_errors=True, send_data=None, response_headers=..., *args,\n"
    "           concurrency=100, **kwargs)\n--\n\n"
    "Send an HTTP request for each event, and the event on with the response as its data.\n\n"
    "In: Event. Out: HttpEvent: a JSONHttpEvent, an XMLHttpEvent or an HttpEvent (str, bytes or None), by the\n"
    "response's Content-Type. It is the same event, with the response's status, response_status (int) and\n"
    "response_headers (dict of lower-case name to str).\n\n"
    "url: str, http or https. '{name}' in it, in headers and in method stands for an attribute of the event,\n"
    "    '{data/a/0}' for what lies there. In the url it is percent-encoded.\n"
    "method: str. None: POST for events with data, else GET.\n"
    "headers: dict of name to str; None for a header of libcurl's that is not to be sent.\n"
    "timeout, connect_timeout: seconds for one attempt, and for its connection; None for no limit.\n"
    "retries: how often a request is sent again that failed, when its method is idempotent or it was not sent,\n"
    "    or that got 429, 502, 503 or 504 and is idempotent.\n"
    "backoff: seconds before the first of them, twice as long each time, but at least the response's Retry-After.\n"
    "max_connections: at once; None for no limit. concurrency: requests at once.\n"
    "max_response_bytes: a larger response is an error.\n"
    "verify: whether the server's certificate is; or a file or directory of authorities.\n"
    "cert: file with our certificate, or (certificate, key) or (certificate, key, password).\n"
    "auth: (user, password). proxy: a URL; True: as the environment says.\n"
    "allow_redirects: whether, or how often, redirects are followed.\n"
    "status_errors: a status from 400 on is an error. send_data: whether data is sent; None: by the method.\n"
    "response_headers: names of those that the event gets, or True for all.\n\n"
    "Errors: GatewayTimeout (504), BadGateway (502), ServiceUnavailable (503, for 429 and 503) with the response's\n"
    "status as its code; EventAttributeError, MalformedEventData when an event makes no request.");

static PyMethodDef client_methods[] = {CPS_CONSUME_METHOD, {NULL}};
static PyMemberDef client_members[] = {
    CPS_ACTOR_MEMBERS,
    {"url", T_OBJECT, offsetof(CpsHttpClient, url_text), READONLY, "The URL as it was given (str)."},
    {NULL},
};
static PyGetSetDef client_getset[] = {CPS_DICT, {NULL}};

static PyType_Slot client_slots[] = {
    {Py_tp_doc, (void *)client_doc}, {Py_tp_init, client_init},       {Py_tp_traverse, client_traverse},
    {Py_tp_clear, cps_actor_clear},  {Py_tp_dealloc, client_dealloc}, {Py_tp_methods, client_methods},
    {Py_tp_members, client_members}, {Py_tp_getset, client_getset},   {0, NULL},
};

static PyType_Spec client_spec = {
    .name = "compysition.actors.httpclient.HTTPClient",
    .basicsize = sizeof(CpsHttpClient),
    .flags = CPS_ACTOR_FLAGS,
    .slots = client_slots,
};

int
cps_httpclient_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.HTTPClient, &client_spec, (PyObject *)state->types.Actor) < 0) {
        return -1;
    }
    return cps_set_event_types(state, state->types.HTTPClient, state->types.Event, state->types.HttpEvent);
}
