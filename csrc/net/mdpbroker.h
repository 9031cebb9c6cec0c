/* mdpbroker.h: what a MajorDomo broker does with messages and as time goes by: services, workers, requests. MDP 0.1 (RFC 7), MMI (RFC 8) and
 * compysition's dialect on one ROUTER socket. Plain C; it knows no socket and no clock: net/mdprouter.h has both.
 *
 * A request is kept until its reply comes, so that it can be given to another worker: processed at least once, answered at most once. */
#ifndef CPS_NET_MDPBROKER_H
#define CPS_NET_MDPBROKER_H

#include "base/idmap.h"
#include "base/list.h"
#include "base/siphash.h"
#include "net/mdp.h"
#include "net/zmqsocket.h"

#include <stdarg.h>

typedef struct {
    uint32_t heartbeat_ms; /* the interval of heartbeats */
    uint32_t
        liveness; /* a peer is silent after so many of them; and how often one of the dialect may be, before it is removed */
    uint32_t expiry_ms;          /* how long a request waits for a worker, and for its reply */
    uint32_t retries;            /* how often one is given to yet another worker */
    uint32_t worker_concurrency; /* requests that a worker of the dialect has at a time */
    uint32_t waiting;            /* requests that wait, of one service */
    uint64_t waiting_bytes;      /* the same in bytes */
    uint64_t open_bytes;         /* of memory that all requests have together which are not answered yet */
    uint32_t services, workers;
    uint32_t remembered; /* requests whose end is remembered, to tell a duplicate */
} CpsMdpLimits;

/* Counters; those of a service first. */
typedef struct {
    uint64_t requests, answered, expired, retried, failed, refused, duplicates;
} CpsMdpServiceCounters;

typedef struct {
    uint64_t invalid;     /* messages */
    uint64_t late;        /* replies to what was answered already, or given up */
    uint64_t undelivered; /* replies that could not be sent to their client */
    uint64_t disconnects; /* sent to workers */
} CpsMdpCounters;

typedef struct {
    CpsIdNode node;  /* in CpsMdpBroker.services */
    CpsLink link;    /* in CpsMdpBroker.idle, while it has neither workers nor requests */
    CpsList waiting; /* CpsMdpRequest.link, the oldest first */
    CpsList ready;   /* CpsMdpWorker.ready, the one that has waited the longest first */
    size_t waiting_count, waiting_bytes, dispatched, worker_count;
    CpsMdpServiceCounters counters;
    size_t length;
    char name[]; /* with a NUL after it */
} CpsMdpService;

typedef struct {
    CpsIdNode node;   /* in CpsMdpBroker.workers */
    CpsLink ready;    /* in its service's, while it may have a request */
    CpsLink life;     /* in CpsMdpBroker.lives, or .gone */
    CpsLink beat;     /* in CpsMdpBroker.beats: a standard one */
    CpsList requests; /* CpsMdpRequest.link, those that it has, in the order of dispatch */
    CpsMdpService *service;
    uint64_t life_due, beat_due; /* when it has been silent for too long; when it wants a heartbeat */
    uint64_t answered;
    uint32_t in_flight, liveness;
    bool standard;
    bool owes;    /* a standard one: the reply to what it was sent */
    bool reached; /* something was sent to it */
    bool gone;    /* it is no worker any more */
    bool lost;    /* the last message could not be sent: nothing more until it says something */
    size_t length;
    char identity[];
} CpsMdpWorker;

typedef struct {
    CpsIdNode node;                    /* in CpsMdpBroker.requests, by client and logging id */
    CpsLink link;                      /* in CpsMdpService.waiting or CpsMdpWorker.requests */
    CpsLink order;                     /* in CpsMdpBroker.open, or, after its end, in .ended */
    CpsMdpService *service;            /* NULL after its end */
    CpsMdpWorker *worker;              /* NULL while it waits */
    uint64_t due;                      /* of its expiry; after its end: until when the same request is a duplicate */
    uint8_t digest[CPS_SIPHASH_BYTES]; /* after its end: of service and body */
    zmq_msg_t client;                  /* identity */
    zmq_msg_t *body; /* owned; the logging id first, which is empty while a standard client's request has none */
    size_t count, bytes;
    uint32_t retries;
    bool standard; /* the client */
    bool keyed;    /* it is in the map */
} CpsMdpRequest;

typedef struct CpsMdpBroker CpsMdpBroker;

struct CpsMdpBroker {
    /* Set by the owner. */
    CpsMdpLimits limits;
    const char *identity;
    uint64_t now; /* milliseconds */
    /* Send the message, whose first frame is the receiver. Returns 0, or an errno; then the message is as it was. */
    int (*send)(CpsMdpBroker *self, CpsZmqMessage *message);
    /* A line for the log; and whether one of that level is wanted. */
    void (*note)(CpsMdpBroker *self, int level, const char *format, va_list arguments);
    bool (*logs)(const CpsMdpBroker *self, int level);

    CpsIdMap services, workers, requests;
    size_t request_count, open_bytes;  /* open ones, and what memory they have */
    CpsList lives, beats, open, ended; /* those that are due first come first */
    CpsList idle, gone;
    size_t ended_count;
    uint64_t serial; /* of logging ids */
    uint8_t key[CPS_SIPHASH_BYTES];
    CpsMdpCounters counters;
};

/* Zero-filled before, but for what the owner sets. Returns 0, or an errno when there are no random bytes. */
int cps_mdp_broker_init(CpsMdpBroker *self);
void cps_mdp_broker_free(CpsMdpBroker *self);

/* A message from a ROUTER: the sender's identity first. Its frames may be taken; closing it stays the caller's. */
void cps_mdp_broker_receive(CpsMdpBroker *self, CpsZmqMessage *message);

/* What time brings. Returns in how many milliseconds to call again, at the latest. */
uint64_t cps_mdp_broker_tick(CpsMdpBroker *self);

/* Tell all workers to go. */
void cps_mdp_broker_dismiss(CpsMdpBroker *self);

/* How long a worker may say nothing. */
static inline uint64_t
cps_mdp_silence_ms(const CpsMdpBroker *self)
{
    return (uint64_t)self->limits.heartbeat_ms * self->limits.liveness;
}

/* --- mdpservice.c: services, workers and requests, and which worker gets which request ---------------------------------------------------- */

/* The service of that name, made if there is none; NULL when there are too many, or out of memory. */
CpsMdpService *cps_mdp_service_get(CpsMdpBroker *self, const char *name, size_t length);
CpsMdpService *cps_mdp_service_find(const CpsMdpBroker *self, const char *name, size_t length);

CpsMdpWorker *cps_mdp_worker_find(const CpsMdpBroker *self, const char *identity, size_t length);
CpsMdpWorker *cps_mdp_worker_new(CpsMdpBroker *self, const char *identity, size_t length, CpsMdpService *service,
                                 bool standard);
/* It has said something. */
void cps_mdp_worker_lives(CpsMdpBroker *self, CpsMdpWorker *worker);
void cps_mdp_worker_move(CpsMdpBroker *self, CpsMdpWorker *worker, CpsMdpService *service);
/* It has not said anything for so long: others get its requests. */
void cps_mdp_worker_silent(CpsMdpBroker *self, CpsMdpWorker *worker);
/* It has left: the same. */
void cps_mdp_worker_remove(CpsMdpBroker *self, CpsMdpWorker *worker);
/* Whether it may have a request has changed, perhaps: it gets one. */
void cps_mdp_worker_offer(CpsMdpBroker *self, CpsMdpWorker *worker);

/* Take client, service and body out of a message whose body begins at frame `body`. */
void cps_mdp_request_new(CpsMdpBroker *self, CpsZmqMessage *message, CpsMdpService *service, size_t body,
                         bool standard);
/* The one that a standard worker's reply is to. NULL: none, or it has expired. */
CpsMdpRequest *cps_mdp_request_of(CpsMdpWorker *worker);

/* The one that the reply of a worker of the dialect is to: it has the request, or somebody had it before it was given to another. NULL: none.
 * *ended: it was answered already. */
CpsMdpRequest *cps_mdp_request_find(CpsMdpBroker *self, CpsMdpWorker *worker, const uint8_t key[CPS_ID_BYTES],
                                    bool *ended);
/* It is answered. */
void cps_mdp_request_end(CpsMdpBroker *self, CpsMdpRequest *request);
/* It is answered no more: its client could not be reached, and may send it again. */
void cps_mdp_request_free(CpsMdpBroker *self, CpsMdpRequest *request);
/* A request with that key, which this broker never had, was answered. */
void cps_mdp_request_note_end(CpsMdpBroker *self, const uint8_t key[CPS_ID_BYTES]);
/* The key of a client's request in the map. */
void cps_mdp_request_key(const CpsMdpBroker *self, zmq_msg_t *client, zmq_msg_t *logging_id, uint8_t *key);

/* Expire requests, and forget ends. */
void cps_mdp_requests_tick(CpsMdpBroker *self);

/* At the end: all of them, without a word. */
void cps_mdp_requests_free(CpsMdpBroker *self);

/* --- mdpmessage.c: messages to peers, and words for the log ----------------------------------------------------------------------------------- */

/* Begin a message to a peer: its address (with CPS_MDP_RECEIVER unless it is a standard one), an empty frame, the header. */
int cps_mdp_begin(CpsZmqMessage *message, const void *identity, size_t length, bool standard, const char *header);

/* Send it, and close it. Returns 0, or an errno. */
int cps_mdp_post(CpsMdpBroker *self, CpsZmqMessage *message);

/* The request to a worker. Returns 0, or an errno. */
int cps_mdp_send_request(CpsMdpBroker *self, CpsMdpWorker *worker, CpsMdpRequest *request);

/* A worker's command without more frames; the dialect's has this broker's identity in it. Returns 0, or an errno. */
int cps_mdp_send_command(CpsMdpBroker *self, const void *identity, size_t length, bool standard, const char *command);

void cps_mdp_broker_note(CpsMdpBroker *self, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
