#include "net/mdpbroker.h"

#include "flow/level.h"
#include "net/zmqrepr.h"

#include <errno.h>
#include <sys/random.h>

/* The frames of a message as a ROUTER sees it. */
enum { SENDER, EMPTY, HEADER, COMMAND, SERVICE, REPLY_CLIENT = 4, REPLY_EMPTY, REPLY_BODY };

/* A frame of a message. */
typedef struct {
    const char *bytes;
    size_t length;
} Text;

static Text
frame_text(CpsZmqMessage *message, size_t frame)
{
    Text text;

    text.bytes = cps_zmq_bytes(message, frame, &text.length);
    return text;
}

/* --- messages that are none --------------------------------------------------------------------------------------------------------------- */

static CpsMdpWorker *
sending_worker(CpsMdpBroker *self, CpsZmqMessage *message)
{
    Text sender = frame_text(message, SENDER);

    return cps_mdp_worker_find(self, sender.bytes, sender.length);
}

/* Send a worker away, known or not: everything begins anew then. */
static void
disconnect(CpsMdpBroker *self, CpsZmqMessage *message, bool standard)
{
    CpsMdpWorker *worker = sending_worker(self, message);
    Text sender = frame_text(message, SENDER);

    self->counters.disconnects++;
    (void)cps_mdp_send_command(self, sender.bytes, sender.length, worker == NULL ? standard : worker->standard,
                               CPS_MDP_DISCONNECT);
    if (worker != NULL) {
        cps_mdp_worker_remove(self, worker);
    }
}

static void
refuse_message(CpsMdpBroker *self, CpsZmqMessage *message)
{
    CpsMdpWorker *worker = message->count == 0 ? NULL : sending_worker(self, message);
    char shown[CPS_ZMQ_REPR_SIZE];

    self->counters.invalid++;
    if (self->logs(self, CPS_LOG_ERROR)) {
        cps_mdp_broker_note(self, CPS_LOG_ERROR, "Received invalid message: %s", cps_zmq_repr(message, shown));
    }
    if (worker != NULL && worker->standard) {
        disconnect(self, message, true);
    }
}

/* A printable string. */
static bool
is_service_name(Text name)
{
    enum { LONGEST = 255, DELETE = 127 };

    for (size_t i = 0; i < name.length; i++) {
        unsigned char byte = (unsigned char)name.bytes[i];

        if (byte < ' ' || byte == DELETE) {
            return false;
        }
    }
    return name.length > 0 && name.length <= LONGEST;
}

static bool
is_internal(Text name)
{
    return name.length >= sizeof(CPS_MDP_MMI) - 1 && memcmp(name.bytes, CPS_MDP_MMI, sizeof(CPS_MDP_MMI) - 1) == 0;
}

/* --- to clients ------------------------------------------------------------------------------------------------------------------------------ */

/* Begin a reply; `service` is what a standard client wants to see. */
static int
begin_reply(CpsZmqMessage *reply, Text client, bool standard, Text service)
{
    int code = cps_mdp_begin(reply, client.bytes, client.length, standard, CPS_MDP_CLIENT);

    if (code != 0) {
        return code;
    }
    if (standard) {
        return cps_zmq_add(reply, service.bytes, service.length);
    }
    code = cps_zmq_add(reply, CPS_MDP_REPLY, 1);
    return code != 0 ? code : cps_zmq_add(reply, "", 0);
}

/* Send it, unless there was an error before. Returns 0, or an errno. */
static int
end_reply(CpsMdpBroker *self, CpsZmqMessage *reply, Text client, int code)
{
    char shown[120];

    code = code != 0 ? code : self->send(self, reply);
    cps_zmq_message_close(reply);
    if (code != 0) {
        self->counters.undelivered++;
        cps_mdp_broker_note(self, CPS_LOG_WARNING, "A reply to client %s could not be sent: %s",
                            cps_bytes_repr(client.bytes, client.length, shown, sizeof(shown)), zmq_strerror(code));
    }
    return code;
}

/* mmi.service (RFC 8), and those that there are not. `body`: the first frame of the request's. */
static void
answer_internal(CpsMdpBroker *self, CpsZmqMessage *message, Text name, size_t body, bool standard)
{
    static const char existing[] = CPS_MDP_MMI "service";
    Text client = frame_text(message, SENDER), asked = frame_text(message, message->count - 1);
    const char *status = "501";
    CpsZmqMessage reply;
    int code;

    if (name.length == sizeof(existing) - 1 && memcmp(name.bytes, existing, name.length) == 0) {
        CpsMdpService *service = cps_mdp_service_find(self, asked.bytes, asked.length);

        status = service != NULL && service->worker_count > 0 ? "200" : "404";
    }
    code = begin_reply(&reply, client, standard, name);
    if (code == 0 && !standard) {
        code = cps_zmq_move(&reply, &message->frames[body]); /* the logging id */
    }
    code = code != 0 ? code : cps_zmq_add(&reply, status, strlen(status));
    (void)end_reply(self, &reply, client, code);
}

/* --- from clients ---------------------------------------------------------------------------------------------------------------------------- */

static void
take_request(CpsMdpBroker *self, CpsZmqMessage *message, Text name, size_t body, bool standard)
{
    enum { BODY_FRAMES = CPS_ZMQ_FRAMES - 8 }; /* so that the messages to workers have room for the rest */
    CpsMdpService *service;

    if (!is_service_name(name) || message->count - body > BODY_FRAMES) {
        refuse_message(self, message);
        return;
    }
    if (is_internal(name)) {
        answer_internal(self, message, name, body, standard);
        return;
    }
    service = cps_mdp_service_get(self, name.bytes, name.length);
    if (service == NULL) {
        cps_mdp_broker_note(self, CPS_LOG_ERROR, "There are too many services (%zu): a request is dropped",
                            self->services.count);
        return;
    }
    if (self->logs(self, CPS_LOG_INFO)) {
        cps_mdp_broker_note(self, CPS_LOG_INFO, "Received client request for service %s (%zu waiting workers)",
                            service->name, service->worker_count);
    }
    cps_mdp_request_new(self, message, service, body, standard);
}

static void
verify_client(CpsMdpBroker *self, CpsZmqMessage *message)
{
    Text client = frame_text(message, SENDER);
    CpsZmqMessage answer;
    int code = cps_mdp_begin(&answer, client.bytes, client.length, false, CPS_MDP_CLIENT);

    code = code != 0 ? code : cps_zmq_add(&answer, CPS_MDP_VERIFIED, 1);
    code = code != 0 ? code : cps_zmq_add(&answer, self->identity, strlen(self->identity));
    if (code == 0) {
        (void)self->send(self, &answer); /* whoever does not receive yet asks again */
    }
    cps_zmq_message_close(&answer);
}

static void
receive_from_client(CpsMdpBroker *self, CpsZmqMessage *message)
{
    enum { DIALECT_BODY = SERVICE + 1, STANDARD_BODY = COMMAND + 1 };

    if (CPS_MDP_IS(message, COMMAND, CPS_MDP_VERIFY)) {
        verify_client(self, message);
    }
    else if (CPS_MDP_IS(message, COMMAND, CPS_MDP_CLIENT_REQUEST) && message->count >= DIALECT_BODY + 2) {
        take_request(self, message, frame_text(message, SERVICE), DIALECT_BODY, false);
    }
    else if (!CPS_MDP_IS(message, COMMAND, CPS_MDP_CLIENT_REQUEST) && message->count > STANDARD_BODY) {
        take_request(self, message, frame_text(message, COMMAND), STANDARD_BODY, true);
    }
    else {
        refuse_message(self, message);
    }
}

/* --- from workers: registration ------------------------------------------------------------------------------------------------------------ */

/* A new worker. Returns it, or NULL: then it was sent away. */
static CpsMdpWorker *
register_worker(CpsMdpBroker *self, CpsZmqMessage *message, bool standard)
{
    Text sender = frame_text(message, SENDER), name = frame_text(message, SERVICE);
    CpsMdpService *service = is_internal(name) ? NULL : cps_mdp_service_get(self, name.bytes, name.length);
    CpsMdpWorker *worker =
        service == NULL ? NULL : cps_mdp_worker_new(self, sender.bytes, sender.length, service, standard);
    char shown[160];

    if (worker == NULL) {
        cps_mdp_broker_note(self, CPS_LOG_ERROR, "Refused worker %s: %s",
                            cps_bytes_repr(sender.bytes, sender.length, shown, sizeof(shown)),
                            is_internal(name) ? "only the broker has services in mmi." : "there are too many");
        disconnect(self, message, standard);
        return NULL;
    }
    cps_mdp_broker_note(self, CPS_LOG_INFO, "Registered new worker %s with service %s. Service has %zu workers total",
                        cps_bytes_repr(sender.bytes, sender.length, shown, sizeof(shown)), service->name,
                        service->worker_count);
    return worker;
}

static void
take_ready(CpsMdpBroker *self, CpsZmqMessage *message)
{
    CpsMdpWorker *worker;

    if (message->count != SERVICE + 1 || !is_service_name(frame_text(message, SERVICE))) {
        refuse_message(self, message);
    }
    else if (sending_worker(self, message) != NULL) {
        disconnect(self, message, true); /* it must not say so twice */
    }
    else if ((worker = register_worker(self, message, true)) != NULL) {
        cps_mdp_worker_offer(self, worker);
    }
}

/* Of the dialect: registers a worker, or moves it to another service, and is always answered. */
static void
take_verification(CpsMdpBroker *self, CpsZmqMessage *message)
{
    CpsMdpWorker *worker = sending_worker(self, message);
    Text name;

    if (message->count != SERVICE + 1 || !is_service_name(frame_text(message, SERVICE))) {
        refuse_message(self, message);
        return;
    }
    name = frame_text(message, SERVICE);
    if (worker != NULL && worker->standard) {
        disconnect(self, message, true);
        return;
    }
    if (worker != NULL) {
        CpsMdpService *service = is_internal(name) ? NULL : cps_mdp_service_get(self, name.bytes, name.length);

        if (service == NULL) {
            disconnect(self, message, false);
            return;
        }
        cps_mdp_worker_move(self, worker, service);
    }
    else {
        worker = register_worker(self, message, false);
        if (worker == NULL) {
            return;
        }
    }
    /* The answer first, as the original's workers expect it before any request. */
    if (cps_mdp_send_command(self, worker->identity, worker->length, false, CPS_MDP_VERIFIED) == 0) {
        worker->reached = true;
    }
    cps_mdp_worker_lives(self, worker);
}

static void
take_heartbeat(CpsMdpBroker *self, CpsZmqMessage *message)
{
    CpsMdpWorker *worker = sending_worker(self, message);
    bool standard = message->count == COMMAND + 1; /* the dialect adds the worker's identity */
    Text sender = frame_text(message, SENDER);
    char shown[160];

    if (message->count > COMMAND + 2) {
        refuse_message(self, message);
    }
    else if (worker != NULL) {
        cps_mdp_worker_lives(self, worker);
    }
    else {
        cps_mdp_broker_note(self, CPS_LOG_WARNING, "Received heartbeat of unknown worker %s",
                            cps_bytes_repr(sender.bytes, sender.length, shown, sizeof(shown)));
        disconnect(self, message, standard);
    }
}

/* --- from workers: replies -------------------------------------------------------------------------------------------------------------------- */

/* Send the reply's body to its client. Returns 0, or an errno. */
static int
forward_reply(CpsMdpBroker *self, CpsZmqMessage *message, CpsMdpRequest *request, bool standard_worker)
{
    bool standard = request != NULL && request->standard;
    Text client = frame_text(message, REPLY_CLIENT);
    Text service = request == NULL ? (Text){0} : (Text){request->service->name, request->service->length};
    size_t body = standard && !standard_worker ? REPLY_BODY + 1 : REPLY_BODY;
    CpsZmqMessage reply;
    int code = begin_reply(&reply, client, standard, service);

    if (code == 0 && request != NULL && !standard && message->count == REPLY_BODY + 1) {
        /* A standard worker that gave only the answer. */
        Text id = {zmq_msg_data(&request->body[0]), zmq_msg_size(&request->body[0])};

        code = cps_zmq_add(&reply, id.bytes, id.length);
    }
    for (; code == 0 && body < message->count; body++) {
        code = cps_zmq_move(&reply, &message->frames[body]);
    }
    return end_reply(self, &reply, client, code);
}

static void
note_reply(CpsMdpBroker *self, CpsZmqMessage *message, const char *what)
{
    if (self->logs(self, CPS_LOG_INFO)) {
        Text sender = frame_text(message, SENDER);
        char shown[160];

        cps_mdp_broker_note(self, CPS_LOG_INFO, "Received reply from worker %s%s",
                            cps_bytes_repr(sender.bytes, sender.length, shown, sizeof(shown)), what);
    }
}

static void
answer_request(CpsMdpBroker *self, CpsZmqMessage *message, CpsMdpWorker *worker, CpsMdpRequest *request)
{
    note_reply(self, message, "");
    request->service->counters.answered++;
    if (worker != NULL) {
        worker->answered++;
    }
    if (forward_reply(self, message, request, worker != NULL && worker->standard) == 0) {
        cps_mdp_request_end(self, request);
    }
    else {
        cps_mdp_request_free(self, request); /* the client may come back, and ask again */
    }
}

/* Of the dialect: replies to what this broker has, has had, or never had, as it was another broker's or its own before it was restarted. */
static void
take_dialect_reply(CpsMdpBroker *self, CpsZmqMessage *message, CpsMdpWorker *worker)
{
    uint8_t key[CPS_ID_BYTES];
    CpsMdpRequest *request;
    bool ended;

    cps_mdp_request_key(self, &message->frames[REPLY_CLIENT], &message->frames[REPLY_BODY], key);
    request = cps_mdp_request_find(self, worker, key, &ended);
    if (request != NULL) {
        answer_request(self, message, worker, request);
    }
    else if (ended) {
        self->counters.late++;
        note_reply(self, message, " to a request that was answered already");
    }
    else {
        note_reply(self, message, " to a request of another broker");
        if (forward_reply(self, message, NULL, false) == 0) {
            cps_mdp_request_note_end(self, key);
        }
    }
}

static void
take_standard_reply(CpsMdpBroker *self, CpsZmqMessage *message, CpsMdpWorker *worker)
{
    CpsMdpRequest *request = cps_mdp_request_of(worker);

    if (!worker->owes || (request != NULL && !cps_zmq_frame_is(message, REPLY_CLIENT, zmq_msg_data(&request->client),
                                                               zmq_msg_size(&request->client)))) {
        disconnect(self, message, true);
        return;
    }
    worker->owes = false;
    if (request != NULL) {
        answer_request(self, message, worker, request);
    }
    else {
        self->counters.late++;
        note_reply(self, message, " to a request that had expired");
    }
}

static void
take_reply(CpsMdpBroker *self, CpsZmqMessage *message)
{
    CpsMdpWorker *worker = sending_worker(self, message);
    bool two_frames = message->count >= REPLY_BODY + 2;

    if (message->count <= REPLY_BODY || zmq_msg_size(&message->frames[REPLY_EMPTY]) != 0 ||
        (worker != NULL && !worker->standard && !two_frames)) {
        refuse_message(self, message);
    }
    else if (worker == NULL) {
        Text sender = frame_text(message, SENDER);

        /* Which kind it is shows in where it can be reached. */
        if (cps_mdp_send_command(self, sender.bytes, sender.length, false, CPS_MDP_DISCONNECT) != 0) {
            disconnect(self, message, true);
        }
        else {
            self->counters.disconnects++;
            if (two_frames) {
                take_dialect_reply(self, message, NULL);
            }
        }
    }
    else {
        (worker->standard ? take_standard_reply : take_dialect_reply)(self, message, worker);
        cps_mdp_worker_lives(self, worker);
    }
}

/* --- all messages ------------------------------------------------------------------------------------------------------------------------------ */

static void
receive_from_worker(CpsMdpBroker *self, CpsZmqMessage *message)
{
    if (CPS_MDP_IS(message, COMMAND, CPS_MDP_READY)) {
        take_ready(self, message);
    }
    else if (CPS_MDP_IS(message, COMMAND, CPS_MDP_VERIFY)) {
        take_verification(self, message);
    }
    else if (CPS_MDP_IS(message, COMMAND, CPS_MDP_REPLY)) {
        take_reply(self, message);
    }
    else if (CPS_MDP_IS(message, COMMAND, CPS_MDP_HEARTBEAT)) {
        take_heartbeat(self, message);
    }
    else if (CPS_MDP_IS(message, COMMAND, CPS_MDP_DISCONNECT)) {
        CpsMdpWorker *worker = sending_worker(self, message);

        if (worker != NULL) {
            cps_mdp_worker_remove(self, worker);
        }
    }
    else if (CPS_MDP_IS(message, COMMAND, CPS_MDP_REQUEST)) {
        disconnect(self, message, true); /* valid, but not from there */
    }
    else {
        refuse_message(self, message);
    }
}

/* Free the workers that have gone: nobody has a pointer to them any more. */
static void
reap(CpsMdpBroker *self)
{
    CpsLink *link;

    while ((link = cps_list_pop(&self->gone)) != NULL) {
        free(CPS_CONTAINER(link, CpsMdpWorker, life));
    }
}

void
cps_mdp_broker_receive(CpsMdpBroker *self, CpsZmqMessage *message)
{
    if (message->too_long || message->count <= COMMAND || zmq_msg_size(&message->frames[EMPTY]) != 0) {
        refuse_message(self, message);
    }
    else if (CPS_MDP_IS(message, HEADER, CPS_MDP_CLIENT)) {
        receive_from_client(self, message);
    }
    else if (CPS_MDP_IS(message, HEADER, CPS_MDP_WORKER)) {
        receive_from_worker(self, message);
    }
    else {
        refuse_message(self, message);
    }
    reap(self);
}

/* --- time ------------------------------------------------------------------------------------------------------------------------------------------ */

/* A worker that was silent for too long. A standard one has gone then; one of the dialect gets nothing more, and may come back. */
static void
worker_silent(CpsMdpBroker *self, CpsMdpWorker *worker)
{
    char shown[160];

    if (!worker->standard && worker->liveness > 0) {
        cps_mdp_worker_silent(self, worker);
        return;
    }
    cps_mdp_broker_note(self, CPS_LOG_WARNING, "Worker %s of service %s has been silent for too long, and is removed",
                        cps_bytes_repr(worker->identity, worker->length, shown, sizeof(shown)), worker->service->name);
    if (!worker->standard) {
        self->counters.disconnects++;
        (void)cps_mdp_send_command(self, worker->identity, worker->length, false, CPS_MDP_DISCONNECT);
    }
    cps_mdp_worker_remove(self, worker);
}

/* A heartbeat, for a standard worker that was sent nothing else meanwhile. */
static void
worker_beat(CpsMdpBroker *self, CpsMdpWorker *worker)
{
    int code = cps_mdp_send_command(self, worker->identity, worker->length, true, CPS_MDP_HEARTBEAT);
    char shown[160];

    if (code == EHOSTUNREACH) {
        cps_mdp_broker_note(self, CPS_LOG_WARNING, "Worker %s has disconnected",
                            cps_bytes_repr(worker->identity, worker->length, shown, sizeof(shown)));
        cps_mdp_worker_remove(self, worker);
        return;
    }
    worker->beat_due = self->now + self->limits.heartbeat_ms;
    cps_link_remove(&worker->beat);
    cps_list_append(&self->beats, &worker->beat);
}

/* The earlier of two times. */
static uint64_t
earlier(uint64_t left, uint64_t right)
{
    return left < right ? left : right;
}

uint64_t
cps_mdp_broker_tick(CpsMdpBroker *self)
{
    /* What begins to wait later may be due before what waits now: so it is not slept for longer than half of the shortest time. */
    uint64_t next = self->now + earlier(self->limits.heartbeat_ms, self->limits.expiry_ms) / 2 + 1;
    CpsLink *link;

    while ((link = cps_list_first(&self->lives)) != NULL) {
        CpsMdpWorker *worker = CPS_CONTAINER(link, CpsMdpWorker, life);

        if (worker->life_due > self->now) {
            next = earlier(next, worker->life_due);
            break;
        }
        worker_silent(self, worker);
    }
    while ((link = cps_list_first(&self->beats)) != NULL) {
        CpsMdpWorker *worker = CPS_CONTAINER(link, CpsMdpWorker, beat);

        if (worker->beat_due > self->now) {
            next = earlier(next, worker->beat_due);
            break;
        }
        worker_beat(self, worker);
    }
    cps_mdp_requests_tick(self);
    link = cps_list_first(&self->open);
    if (link != NULL) {
        next = earlier(next, CPS_CONTAINER(link, CpsMdpRequest, order)->due);
    }
    reap(self);
    return next - self->now;
}

/* --- life ------------------------------------------------------------------------------------------------------------------------------------------ */

int
cps_mdp_broker_init(CpsMdpBroker *self)
{
    if (getrandom(self->key, sizeof(self->key), 0) != sizeof(self->key)) {
        return EIO;
    }
    cps_list_init(&self->idle);
    cps_list_init(&self->gone);
    cps_list_init(&self->lives);
    cps_list_init(&self->beats);
    cps_list_init(&self->open);
    cps_list_init(&self->ended);
    return 0;
}

void
cps_mdp_broker_dismiss(CpsMdpBroker *self)
{
    for (CpsLink *link = cps_list_first(&self->lives); link != NULL; link = cps_list_after(&self->lives, link)) {
        CpsMdpWorker *worker = CPS_CONTAINER(link, CpsMdpWorker, life);

        self->counters.disconnects++;
        (void)cps_mdp_send_command(self, worker->identity, worker->length, worker->standard, CPS_MDP_DISCONNECT);
    }
}

/* Free the items of a map whose node is their first member. */
static void
free_items(CpsIdMap *map)
{
    for (size_t i = 0; map->buckets != NULL && i <= map->mask; i++) {
        for (CpsIdNode *node = map->buckets[i], *next; node != NULL; node = next) {
            next = node->next;
            free(node);
        }
    }
    cps_idmap_free(map);
}

void
cps_mdp_broker_free(CpsMdpBroker *self)
{
    cps_mdp_requests_free(self);
    free_items(&self->workers);
    free_items(&self->services);
    cps_idmap_free(&self->requests);
}
