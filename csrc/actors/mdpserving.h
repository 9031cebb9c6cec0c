/* mdpserving.h: what MDPBroker and MDPBrokerRegistrationService have in common: their servers run without the GIL in the loop's thread, and the
 * actors start and stop them, and log what they note. */
#ifndef CPS_ACTORS_MDPSERVING_H
#define CPS_ACTORS_MDPSERVING_H

#include "actors/actors.h"
#include "actors/zmqsecurity.h"
#include "loop/port.h"
#include "net/mdpregistry.h"
#include "net/mdprouter.h"

typedef struct CpsMdpServing CpsMdpServing;

/* The server, which libuv holds a little longer than the actor does. */
typedef struct {
    CpsPort port; /* first */
    union {
        CpsMdpServer server; /* what both of these begin with */
        CpsMdpRouter router;
        CpsMdpRegistry registry;
    };
} CpsMdpServingPort;

typedef struct {
    CpsActorOps actor; /* first: an actor's ops pointer is a CpsMdpServingOps * */
    const CpsMdpServerOps *server;
    /* Set what is to be set before the server is made. Returns 0, or -1 with an exception set. */
    int (*prepare)(CpsMdpServing *self, CpsMdpServingPort *port);
    /* Open its sockets. Returns 0, or -1 with an exception set. */
    int (*open)(CpsMdpServing *self, CpsMdpServingPort *port);
} CpsMdpServingOps;

struct CpsMdpServing {
    CpsActor base;
    CpsZmqKeys keys; /* of the sockets that are bound */
    PyObject *host;  /* owned str: the interface to bind to, "*" for all */
    uint32_t heartbeat_ms, high_water_mark;
    CpsMdpServingPort *serving; /* owned until closed; NULL */
    CpsReady ready;
    bool scheduled;
    bool served; /* it was started before */
};

/* Arguments of both, after those of the kind. */
#define CPS_MDP_SERVING_ARGUMENTS                                                                              \
    "context", "manager_subscriber_scope", "registration_service_port", "registration_publisher_port", "host", \
        "heartbeat_interval", "high_water_mark", CPS_ZMQ_SECURITY_ARGUMENTS
enum {
    CPS_MDP_SERVING_SCOPE = 1,
    CPS_MDP_SERVING_SERVICE_PORT,
    CPS_MDP_SERVING_PUBLISHER_PORT,
    CPS_MDP_SERVING_HOST,
    CPS_MDP_SERVING_HEARTBEAT,
    CPS_MDP_SERVING_HIGH_WATER_MARK,
    CPS_MDP_SERVING_SECURITY,
    CPS_MDP_SERVING_ARGUMENT_COUNT = CPS_MDP_SERVING_SECURITY + CPS_ZMQ_SECURITY_COUNT
};

/* What their docstrings say about those. */
#define CPS_MDP_SERVING_DOC                                                               \
    "host: str, the interface to listen on; all by default.\n"                            \
    "heartbeat_interval: milliseconds (2500).\n"                                          \
    "high_water_mark: messages that a socket holds for each peer and direction (1000).\n" \
    "context: ignored.\n"

/* Most of a tp_init, as cps_mdp_actor_init. `values` are those of the kind, then CPS_MDP_SERVING_ARGUMENTS; the security is the kind's business.
 * Returns 0, or -1 with an exception set. */
int cps_mdp_serving_init(CpsMdpServing *self, const CpsMdpServingOps *ops, const char *function, PyObject *args,
                         PyObject *kwargs, const char *const *names, Py_ssize_t count, PyObject **values);

/* Open socket number `socket` with those options, whose security is that of `keys`, and bind it to that port of the host, or, with an endpoint,
 * connect it. *port is the real one then. Returns 0, or -1 with an exception set. */
int cps_mdp_serving_bind(CpsMdpServing *self, CpsMdpServingPort *port, int socket, CpsZmqOptions *options, int *number);
int cps_mdp_serving_connect(CpsMdpServingPort *port, int socket, CpsZmqOptions *options, CpsZmqKeys *keys,
                            const char *endpoint);

/* What the tables of the kinds begin with. */
#define CPS_MDP_SERVING_OPS                                                                              \
    .start_source = cps_mdp_serving_start, .close = cps_mdp_serving_close, .runs = cps_mdp_serving_runs, \
    .share = cps_mdp_serving_share, .may_end = true

int cps_mdp_serving_start(CpsActor *actor);
void cps_mdp_serving_close(CpsActor *actor);
bool cps_mdp_serving_runs(const CpsActor *actor, const CpsReady *node);
int cps_mdp_serving_share(CpsActor *actor);

void cps_mdp_serving_dealloc(PyObject *op);

#endif
