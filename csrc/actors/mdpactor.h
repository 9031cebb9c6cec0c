/* mdpactor.h: what MDPClient and MDPWorker have in common: parameters, life, and the node that takes messages. */
#ifndef CPS_ACTORS_MDPACTOR_H
#define CPS_ACTORS_MDPACTOR_H

#include "actors/actors.h"
#include "actors/zmqsecurity.h"
#include "base/idmap.h"
#include "event/event.h"
#include "net/mdppeer.h"
#include "wire/wire.h"

typedef struct CpsMdpActor CpsMdpActor;
typedef struct CpsMdpPort CpsMdpPort; /* the sockets, which libuv holds a little longer than the actor does */

typedef struct {
    CpsActorOps actor; /* first: an actor's ops pointer is a CpsMdpActorOps * */
    /* Messages are taken while this holds. */
    bool (*may_take)(CpsMdpActor *self);
    /* One (borrowed) has come. Leaves no exception set. */
    void (*take)(CpsMdpActor *self, CpsMdpDelivery *delivery);
    /* Something may have changed: send what can be sent, end what is over. Leaves no exception set. */
    void (*work)(CpsMdpActor *self);
    /* The actor has ended: let go of what is left. */
    void (*end)(CpsMdpActor *self);
    bool worker;
} CpsMdpActorOps;

struct CpsMdpActor {
    CpsActor base;
    CpsWire wire;
    CpsZmqKeys keys;
    PyObject *service;                          /* owned str, of a worker */
    PyObject *service_prefix, *service_postfix; /* owned str */
    PyObject *scope, *publisher_host;           /* owned str */
    PyObject *publisher;                        /* owned str: where brokers are announced; NULL: nowhere */
    PyObject *brokers;                          /* owned tuple of str: those that are always used */
    PyObject *identity;                         /* owned str */
    PyTypeObject *event_class;                  /* owned: what data becomes that came without an event; or NULL */
    bool standard;                              /* plain MDP 0.1 */
    bool plain;                                 /* bodies are data of peers that know no events */
    uint32_t heartbeat_ms;
    uint32_t high_water_mark;
    uint32_t connections; /* to each of `brokers` */
    CpsMdpPort *port;     /* owned until closed; NULL */
    CpsReady ready;
    bool scheduled, end_asked;
    CpsBuffer scratch; /* the event that is being written */
};

/* Arguments, after those of the kind. */
#define CPS_MDP_ARGUMENTS                                                                                          \
    "context", "manager_subscriber_scope", "registration_service_host", "registration_service_port",               \
        "registration_publisher_host", "registration_publisher_port", "heartbeat_interval", "brokers", "standard", \
        "high_water_mark", "body", "event_class", CPS_WIRE_ARGUMENTS, CPS_ZMQ_SECURITY_ARGUMENTS
enum { CPS_MDP_ARGUMENT_COUNT = 12 + 3 + CPS_ZMQ_SECURITY_COUNT };

/* Most of a tp_init. `names` are those of the kind, `required` of which are obligatory, and CPS_MDP_ARGUMENTS; values (borrowed from args and
 * kwargs) are NULL when not given. Returns 0, or -1 with an exception set. */
int cps_mdp_actor_init(CpsMdpActor *self, const CpsMdpActorOps *ops, const char *function, PyObject *args,
                       PyObject *kwargs, const char *const *names, Py_ssize_t count, Py_ssize_t required,
                       PyObject **values);

/* An argument that must be a str; `fallback` when not given. Returns 0, or -1 with TypeError set. */
int cps_mdp_take_text(PyObject **field, PyObject *value, const char *name, const char *fallback);

/* A fresh identity: a str of 32 hex digits. Returns 0, or -1 with an exception set. */
int cps_mdp_make_identity(PyObject **identity);

/* The parameters of both, after those of the kind. */
#define CPS_MDP_DOC                                                                                                    \
    "brokers: endpoints such as [\"tcp://10.0.0.7:5555\"] to use; None: those that the registration service names.\n"  \
    "registration_publisher_host, registration_publisher_port: where that announces them (\"localhost\", \"6001\").\n" \
    "registration_service_host: the default for the first; registration_service_port is for brokers.\n"                \
    "manager_subscriber_scope: str, the announcements to listen to. context: ignored.\n"                               \
    "heartbeat_interval: milliseconds (2500): between heartbeats, and between attempts to get a broker verified; a\n"  \
    "broker that is silent for three of them is lost.\n"                                                               \
    "standard: speak plain MDP 0.1 (RFC 7), to any broker; needs brokers.\n"                                           \
    "high_water_mark: messages that a socket holds for each broker (1000).\n"                                          \
    "body: \"event\", or \"data\" for peers that know no events: the data alone.\n"

/* What the tables of the kinds begin with. */
#define CPS_MDP_ACTOR_OPS                                                     \
    .start_source = cps_mdp_actor_start, .resume = cps_mdp_actor_schedule_op, \
    .stop_source = cps_mdp_actor_stop_source, .close = cps_mdp_actor_close, .runs = cps_mdp_actor_runs

int cps_mdp_actor_start(CpsActor *actor);
void cps_mdp_actor_schedule_op(CpsActor *actor);
void cps_mdp_actor_stop_source(CpsActor *actor);
void cps_mdp_actor_close(CpsActor *actor);
bool cps_mdp_actor_runs(const CpsActor *actor, const CpsReady *node);

/* Slots. */
int cps_mdp_actor_traverse(PyObject *op, visitproc visit, void *arg);
int cps_mdp_actor_clear(PyObject *op);
void cps_mdp_actor_dealloc(PyObject *op);
#define CPS_MDP_ACTOR_MEMBERS                                                                            \
    CPS_ACTOR_MEMBERS,                                                                                   \
        {"socket_identity", T_OBJECT, offsetof(CpsMdpActor, identity), READONLY,                         \
         PyDoc_STR("str: X, what its sockets are called.")},                                             \
        {"service_prefix", T_OBJECT, offsetof(CpsMdpActor, service_prefix), READONLY, PyDoc_STR("str")}, \
    {                                                                                                    \
        "service_postfix", T_OBJECT, offsetof(CpsMdpActor, service_postfix), READONLY, PyDoc_STR("str")  \
    }
PyObject *cps_mdp_actor_brokers(PyObject *op, void *closure);
#define CPS_MDP_ACTOR_GETSET                        \
    {"broker_manager", cps_mdp_actor_brokers, NULL, \
     PyDoc_STR("dict of broker to {'endpoint': str, 'verified': bool}: those that are known."), NULL}

/* Have the node run. */
void cps_mdp_actor_schedule(CpsMdpActor *self);

/* The brokers; NULL while it is not started. */
CpsMdpPeer *cps_mdp_actor_peer(CpsMdpActor *self);

/* The key of an event's id, whatever that is. Returns 0, or -1 with an exception set. */
int cps_mdp_event_key(PyObject *event, uint8_t key[CPS_ID_BYTES]);

/* The exception that is set, about something that came or goes: log it. */
void cps_mdp_actor_log_error(CpsMdpActor *self, PyObject *event, const char *what);

#endif
