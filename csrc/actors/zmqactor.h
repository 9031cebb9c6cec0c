/* zmqactor.h: what the actors with one ZeroMQ socket have in common: endpoint, life, sending and receiving. */
#ifndef CPS_ACTORS_ZMQACTOR_H
#define CPS_ACTORS_ZMQACTOR_H

#include "actors/actors.h"
#include "actors/zmqsecurity.h"
#include "flow/job.h"
#include "wire/wire.h"

typedef struct CpsZmqActor CpsZmqActor;
typedef struct CpsZmqPort CpsZmqPort; /* the socket, which libuv holds a little longer than the actor does */

typedef struct {
    CpsActorOps actor; /* first: an actor's ops pointer is a CpsZmqActorOps * */
    /* A message has come. Its frames may be taken. Returns 0, or -1 with an exception set: it was not understood. NULL: the kind does
     * not receive. */
    int (*receive)(CpsZmqActor *self, CpsZmqMessage *message);
    /* Optional: messages may not be taken now. */
    bool (*waits)(const CpsZmqActor *self);
    /* Optional: in a worker, before the socket is looked at. Leaves no exception set. */
    void (*settle)(CpsZmqActor *self);
    /* Optional: the socket is closed, nothing can be answered any more. */
    void (*give_up)(CpsZmqActor *self);
    int type; /* ZMQ_PUSH, ... */
    const char *default_mode;
    bool sends;
    bool batches; /* each frame of a message is an event */
} CpsZmqActorOps;

struct CpsZmqActor {
    CpsActor base;
    CpsWire wire;
    CpsZmqKeys keys;
    PyObject *mode, *transmission_protocol, *host, *socket_file; /* owned, as given */
    PyObject *topics;                                            /* owned tuple of bytes: of SUB; or NULL */
    PyObject *endpoint; /* owned str: where it is bound to, or connects to; NULL before the start */
    int port;           /* as given; once bound, the real one */
    int high_water_mark;
    int max_batch;      /* events in a message, of kinds that batch */
    double linger;      /* seconds */
    double timeout;     /* seconds, of kinds that wait for an answer */
    CpsZmqPort *socket; /* owned until closed; NULL */
    CpsReady ready;     /* the socket may have something, or take something */
    bool scheduled, end_asked, drained;
    CpsBuffer scratch; /* for the bytes of the next event */

    /* of zmqbatch.c */
    CpsList gathered;   /* events that the socket has not taken yet, oldest first */
    int batch;          /* of max_batch, while it is started */
    int fresh;          /* events since the socket was tried last */
    size_t fresh_bytes; /* of those */

    uint64_t sent, received, refused;

    /* of REQ and REP */
    CpsJob *asking;                    /* borrowed: the request that waits for its reply; or NULL */
    struct CpsZmqAnswering *answering; /* owned: the request that is to be answered; or NULL */
};

static inline const CpsZmqActorOps *
cps_zmq_actor_ops(const CpsZmqActor *self)
{
    return (const CpsZmqActorOps *)self->base.ops;
}

/* A whole tp_init. `function` names the type in errors. */
int cps_zmq_actor_init(PyObject *op, const CpsZmqActorOps *ops, const char *function, PyObject *args, PyObject *kwargs);

/* Its part that reads the arguments, Actor's too (zmqoptions.c). */
int cps_zmq_actor_take_arguments(CpsZmqActor *self, const CpsZmqActorOps *ops, const char *function, PyObject *args,
                                 PyObject *kwargs);

/* What the tables of the kinds begin with. */
#define CPS_ZMQ_ACTOR_OPS                                                                                          \
    .start_source = cps_zmq_actor_start, .resume = cps_zmq_actor_resume, .stop_source = cps_zmq_actor_stop_source, \
    .close = cps_zmq_actor_close, .runs = cps_zmq_actor_runs, .share = cps_zmq_actor_share

int cps_zmq_actor_start(CpsActor *actor);
void cps_zmq_actor_resume(CpsActor *actor);
void cps_zmq_actor_stop_source(CpsActor *actor);
void cps_zmq_actor_close(CpsActor *actor);
bool cps_zmq_actor_runs(const CpsActor *actor, const CpsReady *node);
int cps_zmq_actor_share(CpsActor *actor);

/* Slots. */
int cps_zmq_actor_traverse(PyObject *op, visitproc visit, void *arg);
int cps_zmq_actor_clear(PyObject *op);
void cps_zmq_actor_dealloc(PyObject *op);
extern PyMethodDef cps_zmq_actor_methods[];
extern PyMemberDef cps_zmq_actor_members[];
extern PyGetSetDef cps_zmq_actor_getset[];

/* What their docstrings say about the parameters that they all have. */
#define CPS_ZMQ_ENDPOINT_DOC                                                                                          \
    "mode: \"bind\" or \"connect\"; anything else does neither.\n"                                                    \
    "port: TCP port; when binding, 0 takes a free one, which the attribute `port` has then.\n"                        \
    "transmission_protocol: \"tcp\", \"ipc\" or \"inproc\" (ValueError for others); the last two need socket_file.\n" \
    "host: name or address. By default a bound socket listens on all interfaces, and one that connects goes to "      \
    "127.0.0.1.\n"                                                                                                    \
    "high_water_mark: events that wait at most for each peer; 1000.\n"
#define CPS_ZMQ_LINGER_DOC "linger: seconds that a stop waits for what was not sent yet; 2.\n"

/* Have the socket looked at, in a worker. */
void cps_zmq_actor_schedule(CpsZmqActor *self);

/* Send the event at once, after a frame `before` unless that is NULL. Returns 0, or -1 with an exception set. */
int cps_zmq_actor_send(CpsZmqActor *self, PyObject *event, const char *before, size_t before_length);

/* Make a frame of the event. Returns 0, or -1 with an exception set. */
int cps_zmq_actor_frame(CpsZmqActor *self, PyObject *event, zmq_msg_t *frame);

/* Count an event that was sent, or raise what the errno of sending it says. Returns 0 or -1. */
int cps_zmq_actor_sent(CpsZmqActor *self, int code);

/* The ZeroMQ socket; NULL: it is closed. */
void *cps_zmq_actor_socket(const CpsZmqActor *self);

/* A start_job for kinds whose socket may have no room: the event is sent together with those that follow it in the inbox, or kept until there is
 * room. (zmqbatch.c) */
int cps_zmq_actor_gather(CpsActor *actor, CpsConsume *consume);

/* Send what was gathered, as far as there is room. Returns whether nothing is left. (zmqbatch.c) */
bool cps_zmq_actor_flush(CpsZmqActor *self);

/* How many are left; CpsActorOps.unfinished. (zmqbatch.c) */
Py_ssize_t cps_zmq_actor_unfinished(CpsActor *actor, bool give_up);

/* The event of a frame. New, or NULL with an exception set. */
PyObject *cps_zmq_actor_load(CpsZmqActor *self, CpsZmqMessage *message, size_t frame);

/* A type with the slots that all kinds have; `noun`_doc and `noun`_init are there. */
#define CPS_ZMQ_TYPE(noun, dotted)                \
    static PyType_Slot noun##_slots[] = {         \
        {Py_tp_doc, (void *)noun##_doc},          \
        {Py_tp_init, noun##_init},                \
        {Py_tp_traverse, cps_zmq_actor_traverse}, \
        {Py_tp_clear, cps_zmq_actor_clear},       \
        {Py_tp_dealloc, cps_zmq_actor_dealloc},   \
        {Py_tp_methods, cps_zmq_actor_methods},   \
        {Py_tp_members, cps_zmq_actor_members},   \
        {Py_tp_getset, cps_zmq_actor_getset},     \
        {0, NULL},                                \
    };                                            \
    static PyType_Spec noun##_spec = {            \
        .name = dotted,                           \
        .basicsize = sizeof(CpsZmqActor),         \
        .flags = CPS_ACTOR_FLAGS,                 \
        .slots = noun##_slots,                    \
    }

/* Add a type of that kind. Returns 0, or -1 with an exception set. */
int cps_zmq_actor_add_type(PyObject *module, PyTypeObject **slot, PyType_Spec *spec, PyTypeObject *input,
                           PyTypeObject *output, int socket_type);

#endif
