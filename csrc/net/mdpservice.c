#include "net/mdpbroker.h"

#include "flow/level.h"
#include "net/zmqrepr.h"

#include <errno.h>
#include <stdio.h>

/* --- services ---------------------------------------------------------------------------------------------------------------------------- */

CpsMdpService *
cps_mdp_service_find(const CpsMdpBroker *self, const char *name, size_t length)
{
    uint8_t key[CPS_SIPHASH_BYTES];
    CpsIdNode *node;

    cps_siphash(self->key, name, length, key);
    node = cps_idmap_find(&self->services, key);
    return node == NULL ? NULL : CPS_CONTAINER(node, CpsMdpService, node);
}

/* One that nobody needs at the moment, so that there is room for another. */
static void
forget_idle_service(CpsMdpBroker *self)
{
    CpsLink *link = cps_list_pop(&self->idle);

    if (link != NULL) {
        CpsMdpService *service = CPS_CONTAINER(link, CpsMdpService, link);

        cps_idmap_remove(&self->services, &service->node);
        free(service);
    }
}

CpsMdpService *
cps_mdp_service_get(CpsMdpBroker *self, const char *name, size_t length)
{
    CpsMdpService *service = cps_mdp_service_find(self, name, length);

    if (service != NULL) {
        return service;
    }
    if (self->services.count >= self->limits.services) {
        forget_idle_service(self);
    }
    service = self->services.count >= self->limits.services ? NULL : calloc(1, sizeof(*service) + length + 1);
    if (service == NULL) {
        return NULL;
    }
    memcpy(service->name, name, length);
    service->length = length;
    cps_list_init(&service->waiting);
    cps_list_init(&service->ready);
    cps_siphash(self->key, name, length, service->node.id);
    if (cps_idmap_add(&self->services, &service->node) < 0) {
        free(service);
        return NULL;
    }
    cps_list_append(&self->idle, &service->link);
    return service;
}

/* Whether anybody needs it has changed, perhaps. */
static void
service_look(CpsMdpBroker *self, CpsMdpService *service)
{
    bool idle = service->worker_count + service->waiting_count + service->dispatched == 0;

    if (!idle) {
        cps_link_remove(&service->link);
    }
    else if (!cps_link_listed(&service->link)) {
        cps_list_append(&self->idle, &service->link);
    }
}

/* --- requests: where they are ------------------------------------------------------------------------------------------------------------ */

static CpsMdpRequest *
request_of(CpsLink *link)
{
    return CPS_CONTAINER(link, CpsMdpRequest, link);
}

/* From now on it has its whole time again. */
static void
request_begin_expiry(CpsMdpBroker *self, CpsMdpRequest *request)
{
    request->due = self->now + self->limits.expiry_ms;
    cps_link_remove(&request->order);
    cps_list_append(&self->open, &request->order);
}

static void
request_wait(CpsMdpBroker *self, CpsMdpRequest *request, bool first)
{
    CpsMdpService *service = request->service;

    (first ? cps_list_prepend : cps_list_append)(&service->waiting, &request->link);
    service->waiting_count++;
    service->waiting_bytes += request->bytes;
    request_begin_expiry(self, request);
    service_look(self, service);
}

/* It neither waits, nor has anybody got it. */
static void
request_withdraw(CpsMdpRequest *request)
{
    CpsMdpService *service = request->service;

    cps_link_remove(&request->link);
    if (request->worker != NULL) {
        request->worker->in_flight--;
        request->worker = NULL;
        service->dispatched--;
    }
    else {
        service->waiting_count--;
        service->waiting_bytes -= request->bytes;
    }
}

static void
request_close_frames(CpsMdpRequest *request)
{
    for (size_t i = 0; request->body != NULL && i < request->count; i++) {
        (void)zmq_msg_close(&request->body[i]);
    }
    free(request->body);
    request->body = NULL;
    (void)zmq_msg_close(&request->client);
    (void)zmq_msg_init(&request->client);
}

/* What memory one has whose body has so many frames and bytes. */
static size_t
request_cost(size_t count, size_t bytes)
{
    return sizeof(CpsMdpRequest) + count * sizeof(zmq_msg_t) + bytes;
}

/* Take it from its service and its worker, who may have another one now. */
static void
request_leave(CpsMdpBroker *self, CpsMdpRequest *request)
{
    CpsMdpService *service = request->service;
    CpsMdpWorker *worker = request->worker;

    request_withdraw(request);
    request->service = NULL;
    cps_link_remove(&request->order);
    self->request_count--;
    self->open_bytes -= request_cost(request->count, request->bytes);
    if (worker != NULL) {
        cps_mdp_worker_offer(self, worker);
    }
    service_look(self, service);
}

static void
request_destroy(CpsMdpBroker *self, CpsMdpRequest *request)
{
    if (request->keyed) {
        cps_idmap_remove(&self->requests, &request->node);
    }
    request_close_frames(request);
    free(request);
}

void
cps_mdp_request_free(CpsMdpBroker *self, CpsMdpRequest *request)
{
    request_leave(self, request);
    request_destroy(self, request);
}

/* --- requests: the same ones -------------------------------------------------------------------------------------------------------------- */

void
cps_mdp_request_key(const CpsMdpBroker *self, zmq_msg_t *client, zmq_msg_t *logging_id, uint8_t *key)
{
    cps_siphash(self->key, zmq_msg_data(client), zmq_msg_size(client), key);
    cps_siphash(key, zmq_msg_data(logging_id), zmq_msg_size(logging_id), key);
}

/* Of the service and the frames after the logging id, which are what makes requests with the same logging id different ones. */
static void
digest_request(const CpsMdpService *service, zmq_msg_t *frames, size_t count, uint8_t *digest)
{
    memcpy(digest, service->node.id, CPS_SIPHASH_BYTES);
    for (size_t i = 1; i < count; i++) {
        cps_siphash(digest, zmq_msg_data(&frames[i]), zmq_msg_size(&frames[i]), digest);
    }
}

static bool
same_frames(zmq_msg_t *left, zmq_msg_t *right, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = zmq_msg_size(&left[i]);

        if (size != zmq_msg_size(&right[i]) || memcmp(zmq_msg_data(&left[i]), zmq_msg_data(&right[i]), size) != 0) {
            return false;
        }
    }
    return true;
}

static CpsMdpRequest *
keyed_request(CpsIdNode *node)
{
    return node == NULL ? NULL : CPS_CONTAINER(node, CpsMdpRequest, node);
}

/* The next one with the same key. */
static CpsMdpRequest *
next_keyed(CpsMdpRequest *request)
{
    CpsIdNode *node = request->node.next;

    while (node != NULL && memcmp(node->id, request->node.id, CPS_ID_BYTES) != 0) {
        node = node->next;
    }
    return keyed_request(node);
}

/* Whether the request of a client of the dialect is here, or was answered a moment ago. */
static bool
is_duplicate(CpsMdpBroker *self, const uint8_t *key, CpsMdpService *service, zmq_msg_t *body, size_t count)
{
    CpsMdpRequest *other = keyed_request(cps_idmap_find(&self->requests, key));
    uint8_t digest[CPS_SIPHASH_BYTES];

    for (bool digested = false; other != NULL; other = next_keyed(other)) {
        if (other->service != NULL) {
            if (other->service == service && other->count == count && same_frames(other->body, body, count)) {
                request_begin_expiry(self, other); /* its client still waits */
                return true;
            }
            continue;
        }
        if (!digested) {
            digest_request(service, body, count, digest);
            digested = true;
        }
        if (other->due > self->now && memcmp(other->digest, digest, sizeof(digest)) == 0) {
            return true;
        }
    }
    return false;
}

/* Add it to the map. A standard client's request gets a logging id, which nobody else can guess. Returns 0, or an errno. */
static int
request_enter(CpsMdpBroker *self, CpsMdpRequest *request)
{
    if (request->standard) {
        uint8_t id[CPS_SIPHASH_BYTES];
        char *text;

        (void)zmq_msg_close(&request->body[0]);
        if (zmq_msg_init_size(&request->body[0], 2 * sizeof(id)) < 0) {
            (void)zmq_msg_init(&request->body[0]);
            return ENOMEM;
        }
        self->serial++;
        cps_siphash(self->key, &self->serial, sizeof(self->serial), id);
        text = zmq_msg_data(&request->body[0]);
        for (size_t i = 0; i < sizeof(id); i++) {
            static const char digits[] = "0123456789abcdef";

            text[2 * i] = digits[id[i] >> 4];
            text[2 * i + 1] = digits[id[i] & 0xf];
        }
    }
    cps_mdp_request_key(self, &request->client, &request->body[0], request->node.id);
    if (cps_idmap_add(&self->requests, &request->node) < 0) {
        return ENOMEM;
    }
    request->keyed = true;
    return 0;
}

/* --- requests: beginning and end ----------------------------------------------------------------------------------------------------------- */

/* Take the frames. NULL when out of memory. */
static CpsMdpRequest *
request_take(CpsZmqMessage *message, size_t body, bool standard)
{
    size_t made = standard ? 1 : 0, count = message->count - body + made;
    CpsMdpRequest *request = calloc(1, sizeof(*request));

    if (request == NULL) {
        return NULL;
    }
    request->body = calloc(count, sizeof(*request->body));
    if (request->body == NULL) {
        free(request);
        return NULL;
    }
    request->standard = standard;
    request->count = count;
    (void)zmq_msg_init(&request->client);
    (void)zmq_msg_move(&request->client, &message->frames[0]);
    for (size_t i = 0; i < count; i++) {
        (void)zmq_msg_init(&request->body[i]);
        if (i >= made) {
            (void)zmq_msg_move(&request->body[i], &message->frames[body + i - made]);
            request->bytes += zmq_msg_size(&request->body[i]);
        }
    }
    return request;
}

static size_t
body_bytes(CpsZmqMessage *message, size_t body)
{
    size_t bytes = 0;

    for (size_t i = body; i < message->count; i++) {
        bytes += zmq_msg_size(&message->frames[i]);
    }
    return bytes;
}

static void service_dispatch(CpsMdpBroker *self, CpsMdpService *service);

static void
refuse(CpsMdpBroker *self, CpsMdpService *service)
{
    service->counters.refused++;
    cps_mdp_broker_note(self, CPS_LOG_ERROR,
                        "The queue of service %s is full (%zu requests, %zu bytes; %zu bytes of all requests): a "
                        "request is dropped",
                        service->name, service->waiting_count, service->waiting_bytes, self->open_bytes);
}

/* Whether there is room for a request whose body begins at frame `body`. */
static bool
has_room(const CpsMdpBroker *self, const CpsMdpService *service, CpsZmqMessage *message, size_t body)
{
    const CpsMdpLimits *limits = &self->limits;
    size_t bytes = body_bytes(message, body);

    return self->open_bytes + request_cost(message->count - body + 1, bytes) <= limits->open_bytes &&
           (!cps_list_empty(&service->ready) ||
            (service->waiting_count < limits->waiting && service->waiting_bytes + bytes <= limits->waiting_bytes));
}

void
cps_mdp_request_new(CpsMdpBroker *self, CpsZmqMessage *message, CpsMdpService *service, size_t body, bool standard)
{
    uint8_t key[CPS_SIPHASH_BYTES];
    CpsMdpRequest *request;

    if (!standard) {
        cps_mdp_request_key(self, &message->frames[0], &message->frames[body], key);
        if (is_duplicate(self, key, service, &message->frames[body], message->count - body)) {
            service->counters.duplicates++;
            return;
        }
    }
    service->counters.requests++;
    if (!has_room(self, service, message, body)) {
        refuse(self, service);
        return;
    }
    request = request_take(message, body, standard);
    if (request == NULL || (!standard && request_enter(self, request) != 0)) {
        refuse(self, service);
        if (request != NULL) {
            request_destroy(self, request);
        }
        return;
    }
    request->service = service;
    self->request_count++;
    self->open_bytes += request_cost(request->count, request->bytes);
    request_wait(self, request, false);
    if (cps_list_empty(&service->ready)) {
        cps_mdp_broker_note(
            self, CPS_LOG_ERROR,
            "Request for service %s has no waiting healthy workers, placing in holding queue. Queue size is "
            "%zu.",
            service->name, service->waiting_count);
    }
    service_dispatch(self, service);
}

CpsMdpRequest *
cps_mdp_request_of(CpsMdpWorker *worker)
{
    CpsLink *link = cps_list_first(&worker->requests);

    return link == NULL ? NULL : request_of(link);
}

CpsMdpRequest *
cps_mdp_request_find(CpsMdpBroker *self, CpsMdpWorker *worker, const uint8_t key[CPS_ID_BYTES], bool *ended)
{
    CpsMdpRequest *other = NULL;

    *ended = false;
    for (CpsMdpRequest *request = keyed_request(cps_idmap_find(&self->requests, key)); request != NULL;
         request = next_keyed(request)) {
        if (request->service == NULL) {
            *ended = true;
        }
        else if (worker == NULL || request->worker == worker) {
            return request;
        }
        else {
            other = request;
        }
    }
    return other;
}

/* Keep as many ends as may be. */
static void
remember(CpsMdpBroker *self, CpsMdpRequest *request)
{
    request->due = self->now + self->limits.heartbeat_ms;
    cps_list_append(&self->ended, &request->order);
    self->ended_count++;
    while (self->ended_count > self->limits.remembered) {
        CpsLink *link = cps_list_pop(&self->ended);

        self->ended_count--;
        request_destroy(self, CPS_CONTAINER(link, CpsMdpRequest, order));
    }
}

void
cps_mdp_request_end(CpsMdpBroker *self, CpsMdpRequest *request)
{
    CpsMdpService *service = request->service;

    if (!request->keyed) {
        cps_mdp_request_free(self, request);
        return;
    }
    digest_request(service, request->body, request->count, request->digest);
    request_leave(self, request);
    request_close_frames(request);
    remember(self, request);
}

void
cps_mdp_request_note_end(CpsMdpBroker *self, const uint8_t key[CPS_ID_BYTES])
{
    CpsMdpRequest *request = calloc(1, sizeof(*request));

    if (request == NULL) {
        return; /* then a second reply would be sent on, too */
    }
    (void)zmq_msg_init(&request->client);
    memcpy(request->node.id, key, CPS_ID_BYTES);
    if (cps_idmap_add(&self->requests, &request->node) < 0) {
        free(request);
        return;
    }
    request->keyed = true;
    remember(self, request);
}

/* Its worker has gone, or does not take it: another one gets it, if it may. */
static void
request_retry(CpsMdpBroker *self, CpsMdpRequest *request)
{
    CpsMdpService *service = request->service;

    if (request->retries >= self->limits.retries) {
        service->counters.failed++;
        cps_mdp_broker_note(self, CPS_LOG_ERROR,
                            "A request for service %s is dropped: %u workers have gone while they had it",
                            service->name, (unsigned int)request->retries + 1);
        cps_mdp_request_free(self, request);
        return;
    }
    request->retries++;
    service->counters.retried++;
    request_withdraw(request);
    request_wait(self, request, true);
}

/* --- time ------------------------------------------------------------------------------------------------------------------------------------ */

static void
expire(CpsMdpBroker *self, CpsMdpRequest *request)
{
    request->service->counters.expired++;
    cps_mdp_broker_note(self, CPS_LOG_WARNING, "A request for service %s has expired: %s", request->service->name,
                        request->worker == NULL ? "no worker took it" : "its worker has not replied");
    cps_mdp_request_free(self, request);
}

void
cps_mdp_requests_tick(CpsMdpBroker *self)
{
    CpsLink *link;

    while ((link = cps_list_first(&self->open)) != NULL) {
        CpsMdpRequest *request = CPS_CONTAINER(link, CpsMdpRequest, order);

        if (request->due > self->now) {
            break;
        }
        expire(self, request);
    }
    while ((link = cps_list_first(&self->ended)) != NULL) {
        CpsMdpRequest *request = CPS_CONTAINER(link, CpsMdpRequest, order);

        if (request->due + self->limits.expiry_ms > self->now) {
            break;
        }
        cps_link_remove(link);
        self->ended_count--;
        request_destroy(self, request);
    }
}

static void
destroy_all(CpsMdpBroker *self, CpsList *requests)
{
    CpsLink *link;

    while ((link = cps_list_pop(requests)) != NULL) {
        request_destroy(self, CPS_CONTAINER(link, CpsMdpRequest, order));
    }
}

void
cps_mdp_requests_free(CpsMdpBroker *self)
{
    destroy_all(self, &self->open);
    destroy_all(self, &self->ended);
}

/* --- workers --------------------------------------------------------------------------------------------------------------------------------- */

CpsMdpWorker *
cps_mdp_worker_find(const CpsMdpBroker *self, const char *identity, size_t length)
{
    uint8_t key[CPS_SIPHASH_BYTES];
    CpsIdNode *node;

    cps_siphash(self->key, identity, length, key);
    node = cps_idmap_find(&self->workers, key);
    return node == NULL ? NULL : CPS_CONTAINER(node, CpsMdpWorker, node);
}

CpsMdpWorker *
cps_mdp_worker_new(CpsMdpBroker *self, const char *identity, size_t length, CpsMdpService *service, bool standard)
{
    CpsMdpWorker *worker = self->workers.count >= self->limits.workers ? NULL : calloc(1, sizeof(*worker) + length + 1);

    if (worker == NULL) {
        return NULL;
    }
    memcpy(worker->identity, identity, length);
    worker->length = length;
    worker->standard = standard;
    worker->liveness = self->limits.liveness;
    worker->service = service;
    cps_list_init(&worker->requests);
    cps_siphash(self->key, identity, length, worker->node.id);
    if (cps_idmap_add(&self->workers, &worker->node) < 0) {
        free(worker);
        return NULL;
    }
    service->worker_count++;
    service_look(self, service);
    worker->life_due = self->now + cps_mdp_silence_ms(self);
    cps_list_append(&self->lives, &worker->life);
    if (standard) {
        worker->beat_due = self->now + self->limits.heartbeat_ms;
        cps_list_append(&self->beats, &worker->beat);
    }
    return worker;
}

void
cps_mdp_worker_lives(CpsMdpBroker *self, CpsMdpWorker *worker)
{
    if (worker->gone) {
        return;
    }
    worker->life_due = self->now + cps_mdp_silence_ms(self);
    cps_link_remove(&worker->life);
    cps_list_append(&self->lives, &worker->life);
    worker->lost = false;
    if (worker->liveness < self->limits.liveness) {
        worker->liveness++;
    }
    cps_mdp_worker_offer(self, worker);
}

/* The last first: each is put before those that wait. */
static void
retry_all(CpsMdpBroker *self, CpsMdpWorker *worker)
{
    CpsLink *link;

    while ((link = cps_list_last(&worker->requests)) != NULL) {
        request_retry(self, request_of(link));
    }
}

void
cps_mdp_worker_silent(CpsMdpBroker *self, CpsMdpWorker *worker)
{
    cps_link_remove(&worker->ready);
    worker->liveness--;
    worker->life_due = self->now + cps_mdp_silence_ms(self);
    cps_link_remove(&worker->life);
    cps_list_append(&self->lives, &worker->life);
    retry_all(self, worker);
    service_dispatch(self, worker->service);
}

void
cps_mdp_worker_move(CpsMdpBroker *self, CpsMdpWorker *worker, CpsMdpService *service)
{
    CpsMdpService *former = worker->service;

    if (former == service) {
        return;
    }
    cps_link_remove(&worker->ready);
    former->worker_count--;
    service->worker_count++;
    worker->service = service;
    retry_all(self, worker);
    service_look(self, former);
    service_look(self, service);
    service_dispatch(self, former);
}

/* Its memory stays until the message or the tick has been worked off. */
static void
worker_go(CpsMdpBroker *self, CpsMdpWorker *worker)
{
    worker->gone = true;
    cps_link_remove(&worker->ready);
    cps_link_remove(&worker->beat);
    cps_link_remove(&worker->life);
    cps_list_append(&self->gone, &worker->life);
    cps_idmap_remove(&self->workers, &worker->node);
    retry_all(self, worker);
    worker->service->worker_count--;
    service_look(self, worker->service);
}

void
cps_mdp_worker_remove(CpsMdpBroker *self, CpsMdpWorker *worker)
{
    if (!worker->gone) {
        worker_go(self, worker);
        service_dispatch(self, worker->service);
    }
}

/* --- dispatch --------------------------------------------------------------------------------------------------------------------------------- */

static bool
worker_may_work(const CpsMdpBroker *self, const CpsMdpWorker *worker)
{
    return !worker->gone && !worker->lost && worker->liveness == self->limits.liveness &&
           (worker->standard ? !worker->owes : worker->in_flight < self->limits.worker_concurrency);
}

void
cps_mdp_worker_offer(CpsMdpBroker *self, CpsMdpWorker *worker)
{
    if (!worker_may_work(self, worker)) {
        cps_link_remove(&worker->ready);
    }
    else if (!cps_link_listed(&worker->ready)) {
        cps_list_append(&worker->service->ready, &worker->ready);
        service_dispatch(self, worker->service);
    }
}

static void
worker_has_got(CpsMdpBroker *self, CpsMdpWorker *worker, CpsMdpRequest *request)
{
    CpsMdpService *service = worker->service;

    request_withdraw(request);
    request->worker = worker;
    cps_list_append(&worker->requests, &request->link);
    request_begin_expiry(self, request);
    worker->in_flight++;
    worker->owes = worker->reached = true;
    service->dispatched++;
    if (worker->standard) {
        worker->beat_due = self->now + self->limits.heartbeat_ms;
        cps_link_remove(&worker->beat);
        cps_list_append(&self->beats, &worker->beat);
    }
}

/* A worker that cannot be sent to. One that could be before has gone with what it had; one that never could may not be connected yet. */
static void
worker_is_lost(CpsMdpBroker *self, CpsMdpWorker *worker, int code)
{
    char identity[160];

    worker->lost = true;
    cps_link_remove(&worker->ready);
    if (code == EHOSTUNREACH && (worker->reached || worker->standard)) {
        cps_mdp_broker_note(self, CPS_LOG_WARNING, "Worker %s has disconnected",
                            cps_bytes_repr(worker->identity, worker->length, identity, sizeof(identity)));
        if (worker->standard) {
            worker_go(self, worker);
        }
        else {
            retry_all(self, worker);
        }
    }
}

/* Give requests to workers, as long as there are some of both. */
static void
service_dispatch(CpsMdpBroker *self, CpsMdpService *service)
{
    CpsLink *ready, *waiting;

    while ((waiting = cps_list_first(&service->waiting)) != NULL && (ready = cps_list_pop(&service->ready)) != NULL) {
        CpsMdpWorker *worker = CPS_CONTAINER(ready, CpsMdpWorker, ready);
        CpsMdpRequest *request = request_of(waiting);
        int code = !worker->standard && !request->keyed ? request_enter(self, request) : 0;

        code = code != 0 ? code : cps_mdp_send_request(self, worker, request);
        if (code != 0) {
            worker_is_lost(self, worker, code);
            continue;
        }
        worker_has_got(self, worker, request);
        if (worker_may_work(self, worker)) {
            cps_list_append(&service->ready, &worker->ready);
        }
    }
}
