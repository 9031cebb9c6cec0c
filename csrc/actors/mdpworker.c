/* MDPWorker: serves requests that come by MajorDomo: each is an event in this flow, and the event that comes back with its id is the answer. */
#include "actors/mdpactor.h"
#include "actors/mdpbody.h"
#include "actors/serving.h"
#include "loop/timer.h"
#include "net/mdp.h"
#include "net/mdplink.h"

#include <errno.h>

static const double DEFAULT_TIMEOUT = 300; /* seconds */

typedef struct {
    CpsMdpActor base;
    double timeout;    /* seconds until a request that nobody answers is answered */
    CpsIdMap requests; /* WorkerRequest.node: those in progress, by the id of their events */
    CpsList order;     /* WorkerRequest.order: all that are not answered, the earliest deadline first */
    CpsList ended;     /* WorkerRequest.ended_link: no answer will come */
    CpsList replies;   /* WorkerRequest.order: answered, but there is no broker to take it */
    Py_ssize_t count;  /* of all of them */
    CpsTimer *timer;   /* for the first deadline; or NULL */
    uint64_t repeated;
} CpsMdpWorker;

/* --- requests ------------------------------------------------------------------------------------------------------------------------------ */

/* Requests of several clients for one event (its id is one, as copies have it) are served one after the other. */
typedef struct {
    CpsIdNode node;            /* first; in CpsMdpWorker.requests, unless it is a follower */
    CpsLink order;             /* in CpsMdpWorker.order, then in .replies */
    CpsLink ended_link;        /* in CpsMdpWorker.ended */
    CpsLink follower_link;     /* in the followers of the one in progress */
    CpsList followers;         /* WorkerRequest.follower_link */
    CpsMdpWorker *worker;      /* borrowed */
    PyObject *event;           /* owned: until it is sent */
    CpsLineage *lineage;       /* borrowed, until it has settled: then NULL */
    PyTypeObject *event_class; /* owned */
    PyObject *own_id;          /* owned: an id that a script has made up; or NULL */
    PyObject *error;           /* owned, or NULL: the last event of its lineage that took the error path */
    CpsMdpBody reply;
    uint64_t session; /* of the broker that it came from */
    uint64_t deadline_ns;
    zmq_msg_t client, logging_id; /* what comes before the body of the reply, too */
    bool has_logging_id;
    bool plain; /* its client knows no events */
} WorkerRequest;

static WorkerRequest *
request_at(CpsLink *link)
{
    return CPS_CONTAINER(link, WorkerRequest, order);
}

static void
request_free(WorkerRequest *self)
{
    self->worker->count--;
    (void)zmq_msg_close(&self->client);
    (void)zmq_msg_close(&self->logging_id);
    Py_XDECREF(self->event);
    Py_XDECREF((PyObject *)self->event_class);
    Py_XDECREF(self->own_id);
    Py_XDECREF(self->error);
    cps_mdp_body_free(&self->reply);
    PyMem_Free(self);
}

/* Nothing that becomes of its event is of interest any more. */
static void
request_unwatch(WorkerRequest *self)
{
    if (self->lineage != NULL) {
        self->lineage->watch = NULL;
        self->lineage = NULL;
    }
    cps_link_remove(&self->ended_link);
    cps_link_remove(&self->order);
}

/* An event that was taken by a Python actor, or left the process, may come back as another one with its id: it is waited for. */
static void
request_on_settled(CpsLineage *lineage, void *context)
{
    WorkerRequest *self = context;

    self->lineage = NULL;
    if (!lineage->held) {
        cps_list_append(&self->worker->ended, &self->ended_link);
        cps_mdp_actor_schedule(&self->worker->base);
    }
}

static void
request_on_error(CpsLineage *Py_UNUSED(lineage), PyObject *event, void *context)
{
    WorkerRequest *self = context;

    Py_XSETREF(self->error, Py_NewRef(event));
}

static const CpsLineageWatch request_watch = {.on_settled = request_on_settled, .on_error = request_on_error};

/* Its event goes into the flow. Leaves no exception set. */
static void
request_start(WorkerRequest *self)
{
    CpsActor *actor = &self->worker->base.base;
    PyObject *event = self->event; /* owned */
    CpsLineage *lineage = cps_lineage_new(actor->ledger);
    CpsFate fate = CPS_FATE_CONSUMED;

    self->event = NULL;
    if (lineage == NULL) {
        cps_mdp_actor_log_error(&self->worker->base, event, "A request is lost");
        Py_DECREF(event);
        return; /* and answered when its time is over */
    }
    lineage->watch = &request_watch;
    lineage->context = self;
    self->lineage = lineage;
    Py_XSETREF(((CpsEvent *)event)->error, NULL); /* the client's business */
    ((CpsEvent *)event)->lineage = cps_lineage_ref(lineage);
    cps_lineage_deliver(lineage); /* so that it settles even when nothing is connected */
    if (cps_actor_send(actor, event) < 0) {
        fate = CPS_FATE_FAILED;
        cps_mdp_actor_log_error(&self->worker->base, event, "A request could not be sent on");
    }
    Py_DECREF(event);
    cps_lineage_end(lineage, fate);
    cps_lineage_unref(lineage);
}

/* --- taking requests ------------------------------------------------------------------------------------------------------------------------ */

/* An event of what a client has sent that knows none. New, or NULL with an exception set. */
static PyObject *
plain_event(CpsMdpActor *base, CpsMdpDelivery *delivery, size_t first)
{
    CpsState *state = base->base.state;
    PyTypeObject *type = base->event_class == NULL ? state->types.Event : base->event_class;
    PyObject *data = cps_mdp_read_body(delivery, first);
    PyObject *event = data == NULL ? NULL : PyObject_CallNoArgs((PyObject *)type);

    if (event != NULL && PyObject_SetAttr(event, state->names.data, data) < 0) {
        Py_CLEAR(event);
    }
    Py_XDECREF(data);
    return event;
}

/* Returns 0, or -1 with an exception set. */
static int
request_read(WorkerRequest *self, CpsMdpDelivery *delivery)
{
    CpsMdpActor *base = &self->worker->base;
    zmq_msg_t *last = &delivery->frames[delivery->count - 1];

    self->event = self->plain ? plain_event(base, delivery, self->has_logging_id ? 2 : 1)
                              : cps_wire_load(base->base.state, &base->wire, zmq_msg_data(last), zmq_msg_size(last));
    if (self->event == NULL || cps_mdp_event_key(self->event, self->node.id) < 0) {
        return -1;
    }
    Py_SETREF(self->event_class, (PyTypeObject *)Py_NewRef((PyObject *)Py_TYPE(self->event)));
    if (!cps_event_read_id((CpsEvent *)self->event, self->node.id)) {
        self->own_id = Py_XNewRef(((CpsEvent *)self->event)->event_id);
    }
    return 0;
}

/* In the dialect a logging id comes before the body; a broker of both passes it on to us in MDP 0.1, too. New, without an event yet, or NULL
 * with MemoryError set. The delivery gives away its frames. */
static WorkerRequest *
request_new(CpsMdpWorker *worker, CpsMdpDelivery *delivery)
{
    const CpsMdpActor *base = &worker->base;
    zmq_msg_t *last = &delivery->frames[delivery->count - 1];
    WorkerRequest *self = PyMem_Calloc(1, sizeof(*self));

    if (self == NULL) {
        return (WorkerRequest *)PyErr_NoMemory();
    }
    worker->count++;
    self->worker = worker;
    cps_list_init(&self->followers);
    (void)zmq_msg_init(&self->client);
    (void)zmq_msg_init(&self->logging_id);
    cps_mdp_body_init(&self->reply);
    self->session = delivery->session;
    self->deadline_ns = uv_hrtime() + (uint64_t)(worker->timeout * 1e9);
    self->event_class = (PyTypeObject *)Py_NewRef((PyObject *)base->base.state->types.Event);
    self->plain = base->plain || (!base->wire.pickle && !cps_wire_is_event(zmq_msg_data(last), zmq_msg_size(last)));
    self->has_logging_id = delivery->count > 2 && (!base->standard || !self->plain);
    (void)zmq_msg_move(&self->client, &delivery->frames[0]);
    if (self->has_logging_id) {
        (void)zmq_msg_move(&self->logging_id, &delivery->frames[1]);
    }
    return self;
}

static bool
same_frame(zmq_msg_t *one, zmq_msg_t *other)
{
    return zmq_msg_size(one) == zmq_msg_size(other) &&
           memcmp(zmq_msg_data(one), zmq_msg_data(other), zmq_msg_size(one)) == 0;
}

/* Whether the client asks again for what is in progress or waits; then the answer goes where it asked last. */
static bool
request_is_repeated(WorkerRequest *self, WorkerRequest *known)
{
    CpsLink *at = &known->follower_link;

    while (!same_frame(&known->client, &self->client)) {
        at = at == &known->follower_link ? cps_list_first(&known->followers) : NULL;
        if (at == NULL) {
            return false;
        }
        known = CPS_CONTAINER(at, WorkerRequest, follower_link);
    }
    known->session = self->session;
    return true;
}

/* The next with the same id begins. */
static void
worker_hand_on(CpsMdpWorker *self, WorkerRequest *request)
{
    CpsLink *link = cps_list_pop(&request->followers);
    WorkerRequest *next = link == NULL ? NULL : CPS_CONTAINER(link, WorkerRequest, follower_link);

    cps_idmap_remove(&self->requests, &request->node);
    if (next != NULL) {
        cps_list_splice(&next->followers, &request->followers);
        (void)cps_idmap_add(&self->requests, &next->node); /* has room: one was taken out */
        cps_list_append(&self->order, &next->order);
        next->deadline_ns = uv_hrtime() + (uint64_t)(self->timeout * 1e9);
        request_start(next);
    }
}

/* --- replies --------------------------------------------------------------------------------------------------------------------------------- */

/* The event as the body (empty before) of the reply to a client. Returns 0, or -1 with an exception set. */
static int
reply_body(CpsMdpWorker *self, bool plain, PyObject *event, CpsMdpBody *body)
{
    if (plain && ((CpsEvent *)event)->error != NULL) {
        return cps_mdp_body_of_text(PyObject_Str(((CpsEvent *)event)->error), body);
    }
    return plain ? cps_mdp_body_of_data(self->base.base.state, event, body)
                 : cps_mdp_body_of_event(&self->base, event, body);
}

/* Returns 0, or an errno. */
static int
reply_write(WorkerRequest *self, CpsZmqMessage *message)
{
    int code = cps_zmq_add(message, "", 0);

    code = code != 0 ? code : cps_zmq_add(message, CPS_MDP_WORKER, CPS_MDP_HEADER_SIZE);
    code = code != 0 ? code : cps_zmq_add(message, CPS_MDP_REPLY, 1);
    code = code != 0 ? code : cps_zmq_share(message, &self->client);
    code = code != 0 ? code : cps_zmq_add(message, "", 0);
    if (code == 0 && self->has_logging_id) {
        code = cps_zmq_share(message, &self->logging_id);
    }
    return code != 0 ? code : cps_mdp_body_add(&self->reply, message);
}

/* Send it through the broker that the request came from, or another one when that is lost: in MDP 0.1 no other broker would know the client.
 * Returns 0, or an errno; EAGAIN: later. */
static int
reply_send(WorkerRequest *self)
{
    CpsMdpActor *base = &self->worker->base;
    CpsMdpPeer *peer = cps_mdp_actor_peer(base);
    CpsMdpLink *origin = peer == NULL ? NULL : cps_mdp_peer_find(peer, self->session);
    CpsMdpLink *link = origin != NULL || peer == NULL || base->standard ? origin : cps_mdp_peer_pick(peer);
    CpsZmqMessage message = {.count = 0};
    int code;

    if (link == NULL || link->full) {
        return link == NULL && base->standard ? EHOSTUNREACH : EAGAIN;
    }
    code = reply_write(self, &message);
    code = code != 0 ? code : cps_mdp_link_send(link, &message);
    cps_zmq_message_close(&message);
    if (code == 0) {
        cps_log(base->base.logger, CPS_LOG_INFO, NULL,
                link == origin ? "Sent reply through originating broker" : "Sent reply through non-originating broker");
    }
    return code;
}

/* Returns false: it must wait. */
static bool
reply_try(WorkerRequest *self)
{
    int code = reply_send(self);

    if (code == EAGAIN) {
        return false;
    }
    if (code != 0) {
        cps_log(self->worker->base.base.logger, CPS_LOG_WARNING, NULL,
                "A reply is dropped, as its broker was lost, or it cannot be sent: %s", zmq_strerror(code));
    }
    cps_link_remove(&self->order);
    request_free(self);
    return true;
}

/* Answer it: it has its reply. */
static void
request_answer(WorkerRequest *self)
{
    CpsMdpWorker *worker = self->worker;

    request_unwatch(self);
    if (!cps_list_empty(&worker->replies) || !reply_try(self)) {
        cps_list_append(&worker->replies, &self->order);
    }
    cps_mdp_actor_schedule(&worker->base); /* there is room for another request, perhaps */
}

/* An event of the request's class with its id and that error. New, or NULL with an exception set. */
static PyObject *
error_event(WorkerRequest *self, PyObject *error)
{
    PyObject *op = PyObject_CallNoArgs((PyObject *)self->event_class);
    CpsEvent *event = (CpsEvent *)op;

    if (op == NULL) {
        return NULL;
    }
    memcpy(event->raw_id, self->node.id, sizeof(event->raw_id));
    Py_XSETREF(event->event_id, Py_XNewRef(self->own_id));
    if (cps_event_set_error(self->worker->base.base.state, op, error) < 0) {
        Py_CLEAR(op);
    }
    return op;
}

/* The error as the reply. Returns 0, or -1 with an exception set. */
static int
reply_with_error(WorkerRequest *self, PyObject *error)
{
    PyObject *event = error == NULL ? NULL : error_event(self, error);
    int status = event == NULL ? -1 : reply_body(self->worker, self->plain, event, &self->reply);

    Py_XDECREF(event);
    return status;
}

/* What the client gets when the flow has given no answer: the event that failed, or an error alone. Returns 0, or -1 with an exception set. */
static int
reply_with_end(WorkerRequest *self, CpsErrorKind kind, const char *text)
{
    PyObject *failed = self->error; /* borrowed */
    PyObject *error = failed == NULL ? NULL : Py_XNewRef(((CpsEvent *)failed)->error);
    int status;

    if (error != NULL && reply_body(self->worker, self->plain, failed, &self->reply) == 0) {
        Py_DECREF(error);
        return 0;
    }
    PyErr_Clear(); /* there is something in it that cannot be sent */
    if (error == NULL) {
        error = PyObject_CallFunction(self->worker->base.base.state->errors[kind], "s", text);
    }
    status = reply_with_error(self, error);
    Py_XDECREF(error);
    return status;
}

static void
request_end(WorkerRequest *self, int status)
{
    if (status == 0) {
        request_answer(self);
        return;
    }
    cps_mdp_actor_log_error(&self->worker->base, NULL, "A request could not be answered");
    request_free(self);
}

/* Nobody has answered it: do that. First it is nobody else's, as writing the reply may take a while. */
static void
request_give_up(WorkerRequest *self, CpsErrorKind kind, const char *text)
{
    worker_hand_on(self->worker, self);
    request_unwatch(self);
    request_end(self, reply_with_end(self, kind, text));
}

/* It cannot be read, as the exception that is set says: that is the answer. Whoever speaks MDP 0.1 gets no other request before that. */
static void
request_refuse(WorkerRequest *self)
{
    PyObject *error = PyErr_GetRaisedException();

    PyErr_SetRaisedException(Py_NewRef(error));
    cps_mdp_actor_log_error(&self->worker->base, NULL, "Received an invalid request");
    request_end(self, cps_event_id_new(self->node.id) < 0 ? -1 : reply_with_error(self, error));
    Py_DECREF(error);
}

static bool
worker_may_take(CpsMdpActor *base)
{
    const CpsMdpWorker *self = (const CpsMdpWorker *)base;
    Py_ssize_t limit = base->base.concurrency;

    return !base->end_asked && base->base.takes && !cps_actor_held_back(&base->base) &&
           (limit == 0 || self->count < limit);
}

static void
worker_take(CpsMdpActor *base, CpsMdpDelivery *delivery)
{
    CpsMdpWorker *self = (CpsMdpWorker *)base;
    WorkerRequest *request = request_new(self, delivery), *known;

    if (request == NULL) {
        cps_mdp_actor_log_error(base, NULL, "A request is lost");
        return;
    }
    if (request_read(request, delivery) < 0) {
        request_refuse(request);
        return;
    }
    known = (WorkerRequest *)cps_idmap_find(&self->requests, request->node.id);
    if (known != NULL && request_is_repeated(request, known)) {
        self->repeated++;
        cps_log(base->base.logger, CPS_LOG_INFO, request->event, "The client has asked again: its request is in work");
        request_free(request);
    }
    else if (known != NULL) {
        cps_list_append(&known->followers, &request->follower_link);
    }
    else if (cps_idmap_add(&self->requests, &request->node) < 0) {
        PyErr_NoMemory();
        cps_mdp_actor_log_error(base, request->event, "A request is lost");
        request_free(request);
    }
    else {
        cps_list_append(&self->order, &request->order);
        request_start(request);
    }
}

static int
worker_consume(CpsActor *actor, CpsInbox *Py_UNUSED(inbox), PyObject *event)
{
    CpsMdpWorker *self = (CpsMdpWorker *)actor;
    uint8_t key[CPS_ID_BYTES];
    WorkerRequest *request;
    CpsMdpBody body;

    if (cps_mdp_event_key(event, key) < 0) {
        return -1;
    }
    request = (WorkerRequest *)cps_idmap_find(&self->requests, key);
    cps_mdp_body_init(&body);
    if (request != NULL && reply_body(self, request->plain, event, &body) < 0) {
        cps_mdp_body_free(&body);
        return -1; /* takes the error path, and so the request's lineage ends with it */
    }
    if (request == NULL ||
        cps_idmap_find(&self->requests, key) != &request->node) { /* or it ended while that was written */
        cps_mdp_body_free(&body);
        cps_log(actor->logger, CPS_LOG_ERROR, event,
                "Received event response but was unable to find client return address for id %S",
                cps_event_id((CpsEvent *)event));
        return 0;
    }
    if (request->lineage != NULL) {
        cps_lineage_note(request->lineage, CPS_FATE_ANSWERED);
    }
    cps_mdp_body_move(&request->reply, &body);
    worker_hand_on(self, request);
    request_answer(request);
    return 0;
}

/* --- what is due --------------------------------------------------------------------------------------------------------------------------------- */

static void
worker_on_timer(CpsTimer *Py_UNUSED(timer), void *context)
{
    CpsMdpWorker *self = context;

    self->timer = NULL;
    cps_mdp_actor_schedule(&self->base);
}

static void
worker_expire(CpsMdpWorker *self)
{
    uint64_t now = uv_hrtime();
    CpsLink *at;

    while ((at = cps_list_first(&self->order)) != NULL && request_at(at)->deadline_ns <= now) {
        request_give_up(request_at(at), CPS_ACTOR_TIMEOUT, "The worker has no answer in time");
    }
    if (at != NULL && self->timer == NULL && self->base.base.rt != NULL) {
        self->timer = cps_timer_start(self->base.base.rt, (double)(request_at(at)->deadline_ns - now) / 1e9,
                                      worker_on_timer, self);
        if (self->timer == NULL) {
            PyErr_WriteUnraisable((PyObject *)self); /* the next request tries again */
        }
    }
}

/* Replies that wait for a broker longer than a request may take are of no use. */
static void
worker_send(CpsMdpWorker *self)
{
    CpsLink *at;

    while ((at = cps_list_first(&self->replies)) != NULL && reply_try(request_at(at))) {
    }
    while ((at = cps_list_first(&self->replies)) != NULL &&
           request_at(at)->deadline_ns + (uint64_t)(self->timeout * 1e9) <= uv_hrtime()) {
        cps_log(self->base.base.logger, CPS_LOG_WARNING, NULL, "A reply is dropped, as no broker has taken it");
        cps_link_remove(at);
        request_free(request_at(at));
    }
}

static void
worker_work(CpsMdpActor *base)
{
    CpsMdpWorker *self = (CpsMdpWorker *)base;
    CpsLink *at;

    while ((at = cps_list_first(&self->ended)) != NULL) {
        request_give_up(CPS_CONTAINER(at, WorkerRequest, ended_link), CPS_EXCEPTION,
                        "The request ended without an answer");
    }
    worker_send(self);
    worker_expire(self);
}

/* What is left here the broker gives to others, as we sign off. */
static void
worker_end(CpsMdpActor *base)
{
    CpsMdpWorker *self = (CpsMdpWorker *)base;
    CpsLink *at;

    while ((at = cps_list_pop(&self->replies)) != NULL) {
        request_free(request_at(at));
    }
    while ((at = cps_list_first(&self->order)) != NULL) {
        WorkerRequest *request = request_at(at);
        CpsLink *follower;

        while ((follower = cps_list_pop(&request->followers)) != NULL) {
            request_free(CPS_CONTAINER(follower, WorkerRequest, follower_link));
        }
        cps_idmap_remove(&self->requests, &request->node);
        request_unwatch(request);
        request_free(request);
    }
    cps_timer_cancel(&self->timer);
}

static const CpsMdpActorOps worker_ops = {
    .actor = {.consume = worker_consume, .sends_apart = true, .may_end = true, CPS_MDP_ACTOR_OPS},
    .may_take = worker_may_take,
    .take = worker_take,
    .work = worker_work,
    .end = worker_end,
    .worker = true,
};

enum { NAME, SERVICE, PREFIX, POSTFIX, TIMEOUT };

static int
worker_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {
        "name", "service", "service_prefix", "service_postfix", "request_timeout", CPS_MDP_ARGUMENTS};
    PyObject *values[Py_ARRAY_LENGTH(names)];
    CpsMdpWorker *self = (CpsMdpWorker *)op;
    CpsMdpActor *base = &self->base;

    cps_list_init(&self->order);
    cps_list_init(&self->ended);
    cps_list_init(&self->replies);
    if (cps_mdp_actor_init(base, &worker_ops, "MDPWorker", args, kwargs, names, Py_ARRAY_LENGTH(names), 2, values) <
        0) {
        return -1;
    }
    self->timeout = DEFAULT_TIMEOUT;
    if (cps_mdp_take_text(&base->service, values[SERVICE], "service", "") < 0 ||
        cps_mdp_take_text(&base->service_prefix, values[PREFIX], "service_prefix", "") < 0 ||
        cps_mdp_take_text(&base->service_postfix, values[POSTFIX], "service_postfix", "") < 0 ||
        (values[TIMEOUT] != NULL && cps_take_seconds(values[TIMEOUT], "request_timeout", &self->timeout) < 0)) {
        return -1;
    }
    if (PyUnicode_GET_LENGTH(base->service) == 0) {
        PyErr_SetString(PyExc_ValueError, "service must not be empty");
        return -1;
    }
    return 0;
}

static void
worker_dealloc(PyObject *op)
{
    CpsMdpWorker *self = (CpsMdpWorker *)op;

    PyObject_GC_UnTrack(op);
    if (self->base.base.initialised) {
        worker_end(&self->base);
    }
    cps_idmap_free(&self->requests);
    cps_mdp_actor_dealloc(op);
}

/* --- attributes ---------------------------------------------------------------------------------------------------------------------------------- */

/* Request(return_address, broker). New, or NULL with an exception set. */
static PyObject *
request_describe(WorkerRequest *self)
{
    CpsMdpActor *base = &self->worker->base;
    CpsMdpPeer *peer = cps_mdp_actor_peer(base);
    CpsMdpLink *link = peer == NULL ? NULL : cps_mdp_peer_find(peer, self->session);
    PyObject *client = cps_mdp_frame_bytes(&self->client);
    PyObject *broker = link == NULL ? Py_NewRef(Py_None) : PyUnicode_FromString(link->name);
    PyObject *request =
        client == NULL || broker == NULL ? NULL : PyStructSequence_New(base->base.state->types.MDPRequest);

    if (request == NULL) {
        Py_XDECREF(client);
        Py_XDECREF(broker);
        return NULL;
    }
    PyStructSequence_SetItem(request, 0, client);
    PyStructSequence_SetItem(request, 1, broker);
    return request;
}

static PyObject *
worker_requests(PyObject *op, void *Py_UNUSED(closure))
{
    CpsMdpWorker *self = (CpsMdpWorker *)op;
    PyObject *requests = PyDict_New();

    for (CpsLink *at = cps_list_first(&self->order); requests != NULL && at != NULL;
         at = cps_list_after(&self->order, at)) {
        WorkerRequest *request = request_at(at);
        PyObject *id = cps_event_id_hex(request->node.id);

        if (id == NULL || cps_dict_set_new(requests, id, request_describe(request)) < 0) {
            Py_CLEAR(requests);
        }
        Py_XDECREF(id);
    }
    return requests;
}

static PyObject *
worker_outbound(PyObject *op, void *Py_UNUSED(closure))
{
    return PyLong_FromSize_t(cps_list_length(&((CpsMdpWorker *)op)->replies));
}

PyDoc_STRVAR(
    worker_doc,
    "MDPWorker(name, service, service_prefix='', service_postfix='', request_timeout=300.0, *, brokers=None,\n"
    "          ..., concurrency=1000)\n--\n\n"
    "Serve a MajorDomo service (RFC 7): each request is sent on as an event, and the event that comes back to this\n"
    "actor's inbox with the same event_id is the reply.\n\n"
    "In, out: Event. What a client sends that knows no events comes as an Event with bytes as its data (a list of "
    "bytes,\n"
    "if there are several frames), and its reply is the data of the event that comes back.\n\n"
    "service: str, the name to register for. service_prefix, service_postfix: kept, without effect.\n"
    "event_class: the class of events made of such bytes (Event).\n"
    "request_timeout: seconds; a request that the flow keeps for longer is answered with ActorTimeout.\n"
    "concurrency: requests in progress at once; more wait, here and at the broker. 0: no limit.\n" CPS_MDP_DOC
        CPS_WIRE_DOC CPS_ZMQ_SECURITY_DOC
    "\nAn event that fails in the flow, or ends there, is the reply, with its error, unless another one came before.");

static PyMethodDef worker_methods[] = {CPS_CONSUME_METHOD, {NULL}};

static PyGetSetDef worker_getset[] = {
    CPS_DICT,
    CPS_MDP_ACTOR_GETSET,
    {"requests", worker_requests, NULL, PyDoc_STR("dict of event_id to Request: those in progress."), NULL},
    {"outbound_queue", worker_outbound, NULL, PyDoc_STR("int: replies that wait for a broker."), NULL},
    {NULL},
};

static PyMemberDef worker_members[] = {
    CPS_MDP_ACTOR_MEMBERS,
    {"service", T_OBJECT, offsetof(CpsMdpActor, service), READONLY, PyDoc_STR("str: the service that it serves.")},
    {"repeated", T_ULONGLONG, offsetof(CpsMdpWorker, repeated), READONLY,
     PyDoc_STR("int: requests that came again while they were in progress.")},
    {NULL},
};

static PyType_Slot worker_slots[] = {
    {Py_tp_doc, (void *)worker_doc},    {Py_tp_init, worker_init},       {Py_tp_traverse, cps_mdp_actor_traverse},
    {Py_tp_clear, cps_mdp_actor_clear}, {Py_tp_dealloc, worker_dealloc}, {Py_tp_methods, worker_methods},
    {Py_tp_members, worker_members},    {Py_tp_getset, worker_getset},   {0, NULL},
};

static PyType_Spec worker_spec = {
    .name = "compysition.actors.mdpactors.MDPWorker",
    .basicsize = sizeof(CpsMdpWorker),
    .flags = CPS_ACTOR_FLAGS,
    .slots = worker_slots,
};

static PyStructSequence_Field request_fields[] = {
    {"return_address", "bytes: the client's."},
    {"broker", "str: the one that it came through, as MDPWorker.broker_manager has it; None: it is lost."},
    {NULL, NULL},
};

static PyStructSequence_Desc request_desc = {
    .name = "compysition.actors.mdpactors.Request",
    .doc = "A request that an MDPWorker has in progress.",
    .fields = request_fields,
    .n_in_sequence = 2,
};

int
cps_mdpworker_setup(PyObject *module, CpsState *state)
{
    state->types.MDPRequest = PyStructSequence_NewType(&request_desc);
    if (state->types.MDPRequest == NULL ||
        PyModule_AddObjectRef(module, "MDPRequest", (PyObject *)state->types.MDPRequest) < 0) {
        return -1;
    }
    if (cps_add_type(module, &state->types.MDPWorker, &worker_spec, (PyObject *)state->types.MDPActor) < 0) {
        return -1;
    }
    return cps_set_event_types(state, state->types.MDPWorker, state->types.Event, state->types.Event);
}
