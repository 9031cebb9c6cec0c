/* port.h: what an actor has on the loop. libuv holds its handles a little longer than the actor does, and their callbacks, which touch no
 * Python object, have something to tell to the actor. */
#ifndef CPS_LOOP_PORT_H
#define CPS_LOOP_PORT_H

#include "loop/runtime.h"

typedef struct CpsPort CpsPort;

/* First member of a struct from calloc that has the handles, too, and is freed with it. */
struct CpsPort {
    CpsRuntime *rt;               /* borrowed: it lives longer than its handles */
    void *actor;                  /* borrowed; NULL once it does not want to hear more */
    void (*changed)(void *actor); /* in the hub: it must not block or run user code */
    void (*close)(CpsPort *port); /* of cps_port_end; cps_port_closed follows */

    /* of port.c */
    CpsCompletion completion;
    CpsReady end;
    bool noted; /* the completion is on its way */
    bool closed;
};

/* The actor hears nothing before port->actor is set. */
void cps_port_init(CpsPort *port, CpsRuntime *rt, void (*changed)(void *actor));

/* In uv_run: there is something for the actor to look at. */
void cps_port_note(CpsPort *port);

/* In uv_run: the last handle is closed. */
void cps_port_closed(CpsPort *port);

/* The actor lets go of it: have it closed in the loop's thread, from any thread. What a fork's child has is its parent's, and stays. */
void cps_port_end(CpsPort *port);

#endif
