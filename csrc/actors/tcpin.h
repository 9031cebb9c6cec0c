/* tcpin.h: the actor TCPIn. Its type and arguments are in tcpin.c, what listens in tcpport.c. */
#ifndef CPS_ACTORS_TCPIN_H
#define CPS_ACTORS_TCPIN_H

#include "actors/actors.h"
#include "loop/port.h"
#include "net/tcpserver.h"
#include "wire/wire.h"

typedef struct CpsTCPIn CpsTCPIn;

/* The listening part, which lives until libuv has closed its handles. */
typedef struct {
    CpsPort port; /* first */
    CpsTcpServer tcp;
    CpsTcpServerLimits limits;
} CpsTcpPort;

struct CpsTCPIn {
    CpsActor base;
    PyObject *host, *keyfile, *certfile, *cafile; /* owned */
    int port;                                     /* as given */
    int reserved;                                 /* a descriptor that holds it for several processes; or -1 */
    bool share_port;
    CpsWire wire;
    CpsTcpServerLimits limits;
    CpsTcpPort *listening; /* NULL: it does not */
    CpsReady ready;        /* there are messages, or something was asked for */
    bool scheduled, working;
    bool held;                   /* the last message's event waits for room */
    bool end_asked, close_asked; /* by a stop, one after the other */
    CpsList watchers;            /* CpsWait of those who wait for a change */
};

/* Have the node run. */
void cps_tcpin_schedule(CpsTCPIn *self);

/* --- tcpport.c ------------------------------------------------------------------------------------------------------------------- */

/* Returns 0, or -1 with an exception set. */
int cps_tcpin_listen(CpsTCPIn *self);

/* Close what listens; in a fork's child that is the parent's. */
void cps_tcpin_let_go(CpsTCPIn *self);

/* Several processes are going to run it: they share the port, which is known before they begin. Returns 0, or -1 with an exception set. */
int cps_tcpin_share(CpsActor *actor);

/* Hold the port no longer for several processes. */
void cps_tcpin_unreserve(CpsTCPIn *self);

#endif
