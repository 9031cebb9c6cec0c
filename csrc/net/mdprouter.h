/* mdprouter.h: a MajorDomo broker on its sockets: a ROUTER for clients and workers, and a DEALER on which it registers with the registration
 * service again and again. Plain C. */
#ifndef CPS_NET_MDPROUTER_H
#define CPS_NET_MDPROUTER_H

#include "net/mdpbroker.h"
#include "net/mdpserver.h"

typedef struct {
    CpsMdpServer server; /* first */
    CpsMdpBroker broker;
    char identity[33];             /* 32 hex digits and NUL; set by the owner */
    char where[CPS_MDP_NAME_SIZE]; /* what the registration service is told; "": there is none. Set by the owner */
    uint64_t register_due;
} CpsMdpRouter;

/* What runs it: CpsMdpServer.ops. */
extern const CpsMdpServerOps cps_mdp_router_ops;

enum { CPS_MDP_ROUTER, CPS_MDP_REGISTRATION }; /* the sockets */

#endif
