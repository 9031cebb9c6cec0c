/* mdpregistry.h: the registration service of MajorDomo: brokers say where they are, and everybody who subscribes is told. Of compysition's
 * dialect. Plain C. */
#ifndef CPS_NET_MDPREGISTRY_H
#define CPS_NET_MDPREGISTRY_H

#include "net/mdpserver.h"

typedef struct {
    CpsMdpServer server; /* first */
    const char *scope;   /* what is published begins with it; owned */
    uint32_t heartbeat_ms;
    CpsList brokers; /* CpsMdpRegistered.link */
    size_t count;
    uint64_t invalid; /* messages */
} CpsMdpRegistry;

/* A broker. */
typedef struct {
    CpsLink link;
    uint64_t due; /* when it is missed; and then, when it is missed once more */
    unsigned int liveness;
    size_t identity_length, where_length;
    char bytes[]; /* its identity, then where it is: "5555", or "10.0.0.7:5555" */
} CpsMdpRegistered;

/* What runs it: CpsMdpServer.ops. */
extern const CpsMdpServerOps cps_mdp_registry_ops;

enum { CPS_MDP_BROKERS, CPS_MDP_PUBLISHER }; /* the sockets */

#endif
