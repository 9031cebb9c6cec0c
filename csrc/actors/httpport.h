/* httpport.h: the listening part of an HTTPServer, which lives until libuv has closed its handles. */
#ifndef CPS_ACTORS_HTTPPORT_H
#define CPS_ACTORS_HTTPPORT_H

#include "actors/httpserver.h"

struct CpsHttpPort {
    CpsHttpServer http;
    CpsHttpServerLimits limits;
    CpsCompletion completion; /* there is something for the actor to look at */
    CpsRuntime *rt;           /* borrowed: it lives longer than its handles */
    CpsHTTPServer *actor;     /* borrowed; NULL once it does not want to hear more */
    bool noted;               /* the completion is on its way */
    bool closed;
};

/* Listen where the actor's arguments say: self->listening is that, self->port the port. Returns 0, or -1 with an exception set. */
int cps_httpport_open(CpsHTTPServer *self);

/* Close all of it. Loop thread only. */
void cps_httpport_close(CpsHttpPort *port);

#endif
