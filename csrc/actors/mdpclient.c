/* MDPClient: asks the services of other processes about each event, through MajorDomo brokers, and sends on what they answer. */
#include "actors/mdpactor.h"
#include "actors/mdpbody.h"
#include "actors/serving.h"
#include "flow/job.h"
#include "loop/timer.h"
#include "loop/wait.h"
#include "net/mdp.h"
#include "net/mdplink.h"

#include <errno.h>

static const double DEFAULT_TIMEOUT = 30; /* seconds */
enum { COMPLAIN_NS = 1000000000 };        /* between two log lines that there is no broker */
enum { DEFAULT_CONNECTIONS = 8 };

typedef struct {
    CpsMdpActor base;
    double timeout; /* seconds for one request */
    CpsIdMap
        requests;    /* MdpRequest.node: the first with each event's id; in lock-step, those on their way, by session */
    CpsList order;   /* MdpRequest.order: all, the earliest deadline first */
    CpsList unsent;  /* MdpRequest.unsent_link: in the order in which they came */
    CpsTimer *timer; /* for the first deadline; or NULL */
    uint64_t losses; /* of sessions, that were dealt with */
    uint64_t complained_ns;
    Py_ssize_t by_hand; /* consume() calls of scripts that wait */
    uint64_t resent, late;
} CpsMdpClient;

/* --- requests ------------------------------------------------------------------------------------------------------------------------------ */

typedef enum { REQUEST_OPEN, REQUEST_ANSWERED, REQUEST_TIMED_OUT, REQUEST_ENDED } MdpOutcome;

/* A request that waits for its reply. Replies are told apart by the event's id, so those with the same id wait for one another. Those of peers
 * that know no events are told apart by the connection, which waits for one at a time. */
typedef struct MdpRequest {
    CpsIdNode node; /* first; in CpsMdpClient.requests, unless it is a follower, or, in lock-step, not on its way */
    CpsLink order, unsent_link;
    CpsLink follower_link;                 /* in the followers of the first with its id */
    CpsList followers;                     /* MdpRequest.follower_link */
    CpsMdpClient *client;                  /* borrowed */
    void (*over)(struct MdpRequest *self); /* it was taken off all lists, and has an outcome */
    CpsBuffer head;                        /* name of the service, NUL, the logging id */
    size_t service_length;                 /* without the NUL */
    CpsMdpBody body;
    bool on_its_way;  /* in lock-step: its connection waits */
    uint64_t session; /* of the broker that has it */
    uint64_t deadline_ns;
    unsigned int sends;
    MdpOutcome outcome;
    PyObject *reply; /* owned: an event; or what one who knows none has sent, bytes or a list of them */
} MdpRequest;

static MdpRequest *
request_at(CpsLink *link)
{
    return CPS_CONTAINER(link, MdpRequest, order);
}

/* Append str(text). Returns 0, or -1 with an exception set. */
static int
head_append(MdpRequest *self, PyObject *text)
{
    PyObject *string = text == NULL ? NULL : PyObject_Str(text);
    Py_ssize_t length;
    const char *bytes = string == NULL ? NULL : PyUnicode_AsUTF8AndSize(string, &length);
    int status = bytes == NULL ? -1 : cps_buffer_append(&self->head, bytes, (size_t)length);

    if (bytes != NULL && status < 0) {
        PyErr_NoMemory();
    }
    Py_XDECREF(string);
    return status;
}

/* Returns 0, or -1 with an exception set. */
static int
request_name_service(MdpRequest *self, PyObject *event)
{
    const CpsMdpActor *base = &self->client->base;
    PyObject *service = PyObject_GetAttr(event, base->base.state->names.service);
    int status = service == NULL || head_append(self, base->service_prefix) < 0 || head_append(self, service) < 0 ||
                         head_append(self, base->service_postfix) < 0
                     ? -1
                     : 0;

    Py_XDECREF(service);
    if (status == 0 && self->head.length == 0) {
        cps_raise(base->base.state, CPS_EVENT_ATTRIBUTE_ERROR, "The event's service is empty");
        return -1;
    }
    self->service_length = self->head.length;
    if (status == 0 && cps_buffer_append(&self->head, "", 1) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return status;
}

/* Write what will be sent. Returns 0, or -1 with an exception set; request_free follows in any case. */
static int
request_fill(MdpRequest *self, CpsMdpClient *client, PyObject *event)
{
    self->client = client;
    cps_list_init(&self->followers);
    cps_mdp_body_init(&self->body);
    if (cps_mdp_event_key(event, self->node.id) < 0 || request_name_service(self, event) < 0 ||
        head_append(self, cps_event_meta_id((CpsEvent *)event)) < 0) {
        return -1;
    }
    return client->base.plain ? cps_mdp_body_of_data(client->base.base.state, event, &self->body)
                              : cps_mdp_body_of_event(&client->base, event, &self->body);
}

static void
request_free(MdpRequest *self)
{
    cps_mdp_body_free(&self->body);
    cps_buffer_free(&self->head);
    Py_CLEAR(self->reply);
}

/* Let it wait for those with its id, or put it into the map. Returns 0, or -1 with MemoryError set. */
static int
request_line_up(MdpRequest *self)
{
    CpsIdMap *requests = &self->client->requests;
    MdpRequest *first = (MdpRequest *)cps_idmap_find(requests, self->node.id);

    if (first != NULL) {
        cps_list_append(&first->followers, &self->follower_link);
    }
    else if (cps_idmap_add(requests, &self->node) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* Let it wait for its turn. Returns 0, or -1 with an exception set. */
static int
request_begin(MdpRequest *self)
{
    CpsMdpClient *client = self->client;

    if (client->base.port == NULL) {
        cps_raise(client->base.base.state, CPS_SERVICE_UNAVAILABLE, "'%S' is not started", client->base.base.name);
        return -1;
    }
    if (!client->base.plain && request_line_up(self) < 0) {
        return -1;
    }
    if (!cps_link_listed(&self->follower_link)) {
        cps_list_append(&client->unsent, &self->unsent_link);
    }
    self->deadline_ns = uv_hrtime() + (uint64_t)(client->timeout * 1e9);
    cps_list_append(&client->order, &self->order);
    cps_mdp_actor_schedule(&client->base);
    return 0;
}

/* The next with the same id takes its place. */
static void
request_hand_on(MdpRequest *self)
{
    CpsMdpClient *client = self->client;
    CpsLink *link = cps_list_pop(&self->followers);
    MdpRequest *next = link == NULL ? NULL : CPS_CONTAINER(link, MdpRequest, follower_link);

    if (next != NULL) {
        cps_list_splice(&next->followers, &self->followers);
        (void)cps_idmap_add(&client->requests, &next->node); /* has room: one was taken out */
        cps_list_append(&client->unsent, &next->unsent_link);
        cps_mdp_actor_schedule(&client->base);
    }
}

static void
fill_session_key(uint64_t session, uint8_t key[CPS_ID_BYTES])
{
    memset(key, 0, CPS_ID_BYTES);
    memcpy(key, &session, sizeof(session));
}

/* In lock-step: it is sent on that connection, which waits for the reply from now on. Returns 0, or ENOMEM. */
static int
request_occupy(MdpRequest *self, CpsMdpLink *link)
{
    fill_session_key(link->session, self->node.id);
    if (cps_idmap_add(&self->client->requests, &self->node) < 0) {
        return ENOMEM;
    }
    self->on_its_way = link->busy = true;
    return 0;
}

/* In lock-step: its connection may have the next. One whose reply may still come is not used any more: nothing would tell that reply from the
 * next one's. */
static void
request_vacate(MdpRequest *self, bool answered)
{
    CpsMdpPeer *peer = cps_mdp_actor_peer(&self->client->base);
    CpsMdpLink *link = !self->on_its_way || peer == NULL ? NULL : cps_mdp_peer_find(peer, self->session);

    if (self->on_its_way) {
        cps_idmap_remove(&self->client->requests, &self->node);
        self->on_its_way = false;
    }
    if (link != NULL && answered) {
        link->busy = false;
    }
    else if (link != NULL) {
        cps_mdp_link_renew(link);
    }
}

/* Take it off all lists. */
static void
request_detach(MdpRequest *self)
{
    if (!cps_link_listed(&self->order)) {
        return;
    }
    if (self->client->base.plain) {
        request_vacate(self, false);
    }
    else if (!cps_link_listed(&self->follower_link)) {
        cps_idmap_remove(&self->client->requests, &self->node);
        request_hand_on(self);
    }
    cps_link_remove(&self->follower_link);
    cps_link_remove(&self->order);
    cps_link_remove(&self->unsent_link);
}

static void
request_end(MdpRequest *self, MdpOutcome outcome)
{
    request_detach(self);
    self->outcome = outcome;
    self->over(self);
}

/* --- sending -------------------------------------------------------------------------------------------------------------------------------- */

/* Add all frames. Returns 0, or an errno. */
static int
request_write(MdpRequest *self, CpsZmqMessage *message)
{
    bool standard = self->client->base.standard;
    int code = cps_zmq_add(message, "", 0);

    code = code != 0 ? code : cps_zmq_add(message, CPS_MDP_CLIENT, CPS_MDP_HEADER_SIZE);
    if (code == 0 && !standard) {
        code = cps_zmq_add(message, CPS_MDP_CLIENT_REQUEST, sizeof(CPS_MDP_CLIENT_REQUEST) - 1);
    }
    code = code != 0 ? code : cps_zmq_add(message, self->head.bytes, self->service_length);
    if (code == 0 && !standard) {
        code = cps_zmq_add(message, self->head.bytes + self->service_length + 1,
                           self->head.length - self->service_length - 1);
    }
    return code != 0 ? code : cps_mdp_body_add(&self->body, message);
}

/* Returns 0; EAGAIN: the broker takes nothing for now; or another errno. */
static int
request_send(MdpRequest *self, CpsMdpLink *link)
{
    CpsZmqMessage message = {.count = 0};
    CpsMdpClient *client = self->client;
    int code = request_write(self, &message);

    self->session = link->session;
    if (code == 0 && client->base.plain) {
        code = request_occupy(self, link);
    }
    if (code == 0) {
        code = cps_mdp_link_send(link, &message);
        if (code != 0) {
            request_vacate(self, true);
        }
    }
    cps_zmq_message_close(&message);
    if (code == 0) {
        client->resent += self->sends++ > 0;
        cps_log(client->base.base.logger, CPS_LOG_INFO, NULL, "Sending event to service '%s'", self->head.bytes);
    }
    return code;
}

/* Those whose broker is lost go first: they have waited for longest. */
static void
client_take_back(CpsMdpClient *self, CpsMdpPeer *peer)
{
    CpsList lost;

    if (self->losses == peer->losses) {
        return;
    }
    self->losses = peer->losses;
    cps_list_init(&lost);
    for (CpsLink *at = cps_list_first(&self->order); at != NULL; at = cps_list_after(&self->order, at)) {
        MdpRequest *request = request_at(at);

        if (request->sends > 0 && !cps_link_listed(&request->unsent_link) &&
            cps_mdp_peer_find(peer, request->session) == NULL) {
            request_vacate(request, false);
            cps_list_append(&lost, &request->unsent_link);
        }
    }
    cps_list_splice(&lost, &self->unsent);
    cps_list_splice(&self->unsent, &lost);
}

static void
client_complain(CpsMdpClient *self, CpsMdpPeer *peer)
{
    uint64_t now = uv_hrtime();

    if (cps_mdp_peer_verified(peer) == 0 && now - self->complained_ns > COMPLAIN_NS) {
        self->complained_ns = now;
        cps_log(self->base.base.logger, CPS_LOG_INFO, NULL,
                "There are events waiting on the client queue, but no brokers are registered. Queue size is %zu",
                cps_list_length(&self->unsent));
    }
}

static void
client_send(CpsMdpClient *self, CpsMdpPeer *peer)
{
    CpsLink *at;

    while ((at = cps_list_first(&self->unsent)) != NULL) {
        MdpRequest *request = CPS_CONTAINER(at, MdpRequest, unsent_link);
        CpsMdpLink *link = cps_mdp_peer_pick(peer);
        int code = link == NULL ? EAGAIN : request_send(request, link);

        if (link == NULL) {
            client_complain(self, peer);
            return;
        }
        if (code == 0) {
            cps_link_remove(&request->unsent_link);
        }
        else if (code != EAGAIN) {
            cps_log(self->base.base.logger, CPS_LOG_ERROR, NULL, "Unable to send a request: %s", zmq_strerror(code));
            return; /* and try again later, until its time is over */
        }
    }
}

/* --- time limits ----------------------------------------------------------------------------------------------------------------------------- */

static void
client_on_timer(CpsTimer *Py_UNUSED(timer), void *context)
{
    CpsMdpClient *self = context;

    self->timer = NULL;
    cps_mdp_actor_schedule(&self->base);
}

/* End those whose time is over, and see to it that this is called for the next. */
static void
client_expire(CpsMdpClient *self)
{
    uint64_t now = uv_hrtime();
    CpsLink *at;

    while ((at = cps_list_first(&self->order)) != NULL && request_at(at)->deadline_ns <= now) {
        request_end(request_at(at), REQUEST_TIMED_OUT);
    }
    if (at != NULL && self->timer == NULL && self->base.base.rt != NULL) {
        self->timer = cps_timer_start(self->base.base.rt, (double)(request_at(at)->deadline_ns - now) / 1e9,
                                      client_on_timer, self);
        if (self->timer == NULL) {
            PyErr_WriteUnraisable((PyObject *)self); /* the next request tries again */
        }
    }
}

static void
client_work(CpsMdpActor *base)
{
    CpsMdpClient *self = (CpsMdpClient *)base;
    CpsMdpPeer *peer = cps_mdp_actor_peer(base);

    if (peer != NULL) {
        client_take_back(self, peer);
        client_send(self, peer);
        client_expire(self);
    }
}

/* --- replies ---------------------------------------------------------------------------------------------------------------------------------- */

static bool
client_may_take(CpsMdpActor *Py_UNUSED(self))
{
    return true; /* there are no more replies than requests */
}

static MdpRequest *
client_find(CpsMdpClient *self, const uint8_t *key)
{
    return (MdpRequest *)cps_idmap_find(&self->requests, key);
}

/* In the dialect, a worker that knows no events answers with bytes; what they are the answer to is seen by the logging id. New, or NULL with an exception set;
 * *key is filled. */
static PyObject *
read_plain(CpsMdpActor *self, CpsMdpDelivery *delivery, uint8_t key[CPS_ID_BYTES])
{
    zmq_msg_t *first = &delivery->frames[0];
    PyObject *id = PyUnicode_DecodeLatin1(zmq_msg_data(first), (Py_ssize_t)zmq_msg_size(first), NULL);
    bool known = id != NULL && delivery->count == 2 && cps_event_id_parse(id, key);

    Py_XDECREF(id);
    if (!known) {
        return cps_raise(self->base.state, CPS_MALFORMED_EVENT_DATA, "no event, and no logging id");
    }
    return cps_mdp_frame_bytes(&delivery->frames[1]);
}

/* New: an event or bytes; NULL with an exception set. */
static PyObject *
read_reply(CpsMdpActor *self, CpsMdpDelivery *delivery, uint8_t key[CPS_ID_BYTES])
{
    zmq_msg_t *last = &delivery->frames[delivery->count - 1];
    const char *bytes = zmq_msg_data(last);
    size_t length = zmq_msg_size(last);
    PyObject *event;

    if (!self->wire.pickle && !cps_wire_is_event(bytes, length)) {
        return read_plain(self, delivery, key);
    }
    event = cps_wire_load(self->base.state, &self->wire, bytes, length);
    if (event != NULL && cps_mdp_event_key(event, key) < 0) {
        Py_CLEAR(event);
    }
    return event;
}

static void
client_drop(CpsMdpClient *self, PyObject *event)
{
    self->late++;
    cps_log(self->base.base.logger, CPS_LOG_WARNING, event,
            "Dropped a reply that nothing waits for: it is late, or the second one");
}

/* The reply to what its connection waits for. */
static void
client_take_in_step(CpsMdpClient *self, CpsMdpDelivery *delivery)
{
    zmq_msg_t *service = &delivery->frames[0];
    uint8_t key[CPS_ID_BYTES];
    MdpRequest *request;

    fill_session_key(delivery->session, key);
    request = client_find(self, key);
    if (request == NULL || zmq_msg_size(service) != request->service_length ||
        memcmp(zmq_msg_data(service), request->head.bytes, request->service_length) != 0) {
        client_drop(self, NULL);
        return;
    }
    cps_log(self->base.base.logger, CPS_LOG_INFO, NULL, "Received reply from broker");
    request->reply = cps_mdp_read_body(delivery, 1);
    if (request->reply == NULL) {
        cps_mdp_actor_log_error(&self->base, NULL, "A reply is lost");
        return; /* until its time is over */
    }
    request_vacate(request, true);
    request_end(request, REQUEST_ANSWERED);
}

static void
client_take(CpsMdpActor *base, CpsMdpDelivery *delivery)
{
    CpsMdpClient *self = (CpsMdpClient *)base;
    uint8_t key[CPS_ID_BYTES];
    PyObject *reply;
    MdpRequest *request;

    if (base->plain) {
        client_take_in_step(self, delivery);
        return;
    }
    reply = read_reply(base, delivery, key);
    if (reply == NULL) {
        cps_mdp_actor_log_error(base, NULL, "Received an invalid reply");
        return;
    }
    cps_log(base->base.logger, CPS_LOG_INFO, NULL, "Received reply from broker");
    request = client_find(self, key);
    if (request == NULL || request->sends == 0) {
        client_drop(self, PyBytes_Check(reply) ? NULL : reply);
        Py_DECREF(reply);
        return;
    }
    request->reply = reply; /* takes it */
    request_end(request, REQUEST_ANSWERED);
}

/* What came for `event` from one who knows none, as an event. New, or NULL with an exception set. */
static PyObject *
plain_reply(CpsMdpActor *self, PyObject *event, PyObject *data)
{
    CpsState *state = self->base.state;
    PyTypeObject *type = self->event_class == NULL ? Py_TYPE(event) : self->event_class;
    PyObject *reply = cps_event_recast(state, event, type);

    if (reply != NULL && PyObject_SetAttr(reply, state->names.data, data) < 0) {
        Py_CLEAR(reply);
    }
    return reply;
}

/* Send the reply to `event` on; one with an error takes the error path. Returns 0, or -1 with an exception set. */
static int
request_settle(MdpRequest *self, PyObject *event)
{
    CpsActor *actor = &self->client->base.base;
    PyObject *reply = self->reply; /* owned */
    CpsEvent *sent;
    int status;

    switch (self->outcome) {
    case REQUEST_ANSWERED:
        break;
    case REQUEST_TIMED_OUT:
        cps_raise(actor->state, self->sends > 0 ? CPS_ACTOR_TIMEOUT : CPS_SERVICE_UNAVAILABLE,
                  self->sends > 0 ? "No answer of service '%s' came in time"
                                  : "No broker took a request for service '%s' in time",
                  self->head.bytes);
        return -1;
    default:
        cps_raise(actor->state, CPS_SERVICE_UNAVAILABLE, "'%S' has ended", actor->name);
        return -1;
    }
    self->reply = NULL;
    if (!PyObject_TypeCheck(reply, actor->state->types.Event)) {
        Py_SETREF(reply, plain_reply(&self->client->base, event, reply));
    }
    if (reply == NULL) {
        return -1;
    }
    sent = (CpsEvent *)reply;
    if (sent->lineage == NULL) {
        sent->lineage = cps_lineage_ref(((CpsEvent *)event)->lineage);
    }
    if (sent->error != NULL) {
        PyObject *error = Py_NewRef(sent->error);

        status = cps_actor_fail(actor, reply, error);
        Py_DECREF(error);
    }
    else {
        status = cps_actor_send(actor, reply);
    }
    Py_DECREF(reply);
    return status;
}

/* --- events from queues: jobs ----------------------------------------------------------------------------------------------------------------- */

typedef struct {
    CpsJob job; /* first */
    MdpRequest request;
} ClientJob;

static void
client_job_over(MdpRequest *request)
{
    cps_job_done(&CPS_CONTAINER(request, ClientJob, request)->job);
}

static int
client_job_begin(CpsJob *job)
{
    return request_begin(&((ClientJob *)job)->request);
}

static int
client_job_finish(CpsJob *job, CpsActor *Py_UNUSED(self))
{
    return request_settle(&((ClientJob *)job)->request, job->consume.event);
}

static void
client_job_free(CpsJob *job)
{
    request_free(&((ClientJob *)job)->request);
    PyMem_Free(job);
}

static void
client_job_cancel(CpsJob *job)
{
    request_end(&((ClientJob *)job)->request, REQUEST_ENDED);
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
    ClientJob *own = PyMem_Calloc(1, sizeof(*own));

    if (own == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    own->request.over = client_job_over;
    if (request_fill(&own->request, (CpsMdpClient *)actor, consume->event) < 0) {
        client_job_free(&own->job);
        return -1;
    }
    return cps_job_start(&own->job, &client_job_ops, actor, consume) < 0 ? -1 : 1;
}

/* --- consume() called by a script -------------------------------------------------------------------------------------------------------------- */

typedef struct {
    MdpRequest request; /* first */
    CpsList waits;      /* CpsWait: the caller's */
} ClientCall;

static void
client_call_over(MdpRequest *request)
{
    cps_wait_wake_all(&((ClientCall *)request)->waits);
}

static bool
client_call_is_over(void *context)
{
    return ((ClientCall *)context)->request.outcome != REQUEST_OPEN;
}

/* Returns 0, or -1 with an exception set. */
static int
client_call_run(CpsMdpClient *self, ClientCall *call, PyObject *event)
{
    int status;

    cps_list_init(&call->waits);
    call->request.over = client_call_over;
    if (request_fill(&call->request, self, event) < 0 || request_begin(&call->request) < 0) {
        return -1;
    }
    status = cps_wait_until(self->base.base.state, &call->waits, client_call_is_over, call, -1);
    request_detach(&call->request);
    return status < 0 ? -1 : request_settle(&call->request, event);
}

static int
client_consume(CpsActor *actor, CpsInbox *Py_UNUSED(inbox), PyObject *event)
{
    CpsMdpClient *self = (CpsMdpClient *)actor;
    ClientCall *call = PyMem_Calloc(1, sizeof(*call)); /* not on the stack: others write into it */
    int status;

    if (call == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    status = client_call_run(self, call, event);
    request_free(&call->request);
    PyMem_Free(call);
    return status;
}

/* --- life -------------------------------------------------------------------------------------------------------------------------------------- */

static void
client_end(CpsMdpActor *base)
{
    CpsMdpClient *self = (CpsMdpClient *)base;
    CpsLink *at;

    while ((at = cps_list_first(&self->order)) != NULL) {
        request_end(request_at(at), REQUEST_ENDED);
    }
    cps_timer_cancel(&self->timer);
}

static const CpsMdpActorOps client_ops = {
    .actor = {.consume = client_consume, .start_job = client_start_job, CPS_MDP_ACTOR_OPS},
    .may_take = client_may_take,
    .take = client_take,
    .work = client_work,
    .end = client_end,
};

enum { NAME, PREFIX, POSTFIX, TIMEOUT, CONNECTIONS };

static int
client_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name",    "service_prefix", "service_postfix",
                                        "timeout", "connections",    CPS_MDP_ARGUMENTS};
    PyObject *values[Py_ARRAY_LENGTH(names)];
    CpsMdpClient *self = (CpsMdpClient *)op;

    cps_list_init(&self->order);
    cps_list_init(&self->unsent);
    if (cps_mdp_actor_init(&self->base, &client_ops, "MDPClient", args, kwargs, names, Py_ARRAY_LENGTH(names), 1,
                           values) < 0) {
        return -1;
    }
    self->timeout = DEFAULT_TIMEOUT;
    if (self->base.plain) {
        self->base.connections = DEFAULT_CONNECTIONS;
        if (values[CONNECTIONS] != NULL &&
            cps_take_limit32(values[CONNECTIONS], "connections", &self->base.connections) < 0) {
            return -1;
        }
    }
    return cps_mdp_take_text(&self->base.service_prefix, values[PREFIX], "service_prefix", "") < 0 ||
                   cps_mdp_take_text(&self->base.service_postfix, values[POSTFIX], "service_postfix", "") < 0 ||
                   (values[TIMEOUT] != NULL && cps_take_seconds(values[TIMEOUT], "timeout", &self->timeout) < 0)
               ? -1
               : 0;
}

static void
client_dealloc(PyObject *op)
{
    CpsMdpClient *self = (CpsMdpClient *)op;

    PyObject_GC_UnTrack(op);
    cps_timer_cancel(&self->timer);
    cps_idmap_free(&self->requests);
    cps_mdp_actor_dealloc(op);
}

/* --- attributes --------------------------------------------------------------------------------------------------------------------------------- */

/* Service names of what waits to be sent. */
static PyObject *
client_outbound(PyObject *op, void *Py_UNUSED(closure))
{
    CpsMdpClient *self = (CpsMdpClient *)op;
    PyObject *list = PyList_New(0);

    for (CpsLink *at = cps_list_first(&self->unsent); list != NULL && at != NULL;
         at = cps_list_after(&self->unsent, at)) {
        MdpRequest *request = CPS_CONTAINER(at, MdpRequest, unsent_link);
        PyObject *name = PyUnicode_DecodeUTF8(request->head.bytes, (Py_ssize_t)request->service_length, "replace");

        if (name == NULL || PyList_Append(list, name) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(name);
    }
    return list;
}

static PyObject *
client_waiting(PyObject *op, void *Py_UNUSED(closure))
{
    return PyLong_FromSize_t(cps_list_length(&((CpsMdpClient *)op)->order));
}

PyDoc_STRVAR(
    client_doc,
    "MDPClient(name, service_prefix='', service_postfix='', timeout=30.0, *, brokers=None, ...,\n"
    "          concurrency=1000)\n--\n\n"
    "Send each event to a service of other processes by MajorDomo (RFC 7), and on what comes back.\n\n"
    "In, out: Event. The reply is an event with the same event_id. One that has an error goes to the error queues, "
    "with\n"
    "that error.\n\n"
    "service_prefix, service_postfix: str, around event.service: the name of the service.\n"
    "timeout: seconds for one request, through however many brokers it is sent.\n"
    "concurrency: requests that wait at once; more wait in the inbox.\n"
    "connections: to each broker, with body=\"data\" (8): each has one request at a time, whose reply is the next "
    "message.\n"
    "event_class: what such a reply becomes; None: the class of the request.\n" CPS_MDP_DOC
        CPS_WIRE_DOC CPS_ZMQ_SECURITY_DOC
    "\nErrors: ActorTimeout, no answer in time; ServiceUnavailable, no broker in time; TypeError, data that cannot be\n"
    "sent.");

static PyMethodDef client_methods[] = {CPS_CONSUME_METHOD, {NULL}};

static PyGetSetDef client_getset[] = {
    CPS_DICT,
    CPS_MDP_ACTOR_GETSET,
    {"outbound_queue", client_outbound, NULL, PyDoc_STR("list of str: services of requests that wait for a broker."),
     NULL},
    {"waiting", client_waiting, NULL, PyDoc_STR("int: requests without an answer yet."), NULL},
    {NULL},
};

static PyMemberDef client_members[] = {
    CPS_MDP_ACTOR_MEMBERS,
    {"resent", T_ULONGLONG, offsetof(CpsMdpClient, resent), READONLY,
     PyDoc_STR("int: how often requests were sent again.")},
    {"late", T_ULONGLONG, offsetof(CpsMdpClient, late), READONLY, PyDoc_STR("int: replies that were dropped.")},
    {NULL},
};

static PyType_Slot client_slots[] = {
    {Py_tp_doc, (void *)client_doc},    {Py_tp_init, client_init},       {Py_tp_traverse, cps_mdp_actor_traverse},
    {Py_tp_clear, cps_mdp_actor_clear}, {Py_tp_dealloc, client_dealloc}, {Py_tp_methods, client_methods},
    {Py_tp_members, client_members},    {Py_tp_getset, client_getset},   {0, NULL},
};

static PyType_Spec client_spec = {
    .name = "compysition.actors.mdpactors.MDPClient",
    .basicsize = sizeof(CpsMdpClient),
    .flags = CPS_ACTOR_FLAGS,
    .slots = client_slots,
};

int
cps_mdpclient_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.MDPClient, &client_spec, (PyObject *)state->types.MDPActor) < 0) {
        return -1;
    }
    return cps_set_event_types(state, state->types.MDPClient, state->types.Event, state->types.Event);
}
