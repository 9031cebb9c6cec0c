/* httpport.h: the listening part of an HTTPServer, which lives until libuv has closed its handles. */
#ifndef CPS_ACTORS_HTTPPORT_H
#define CPS_ACTORS_HTTPPORT_H

#include "actors/httpserver.h"
#include "loop/port.h"

struct CpsHttpPort {
    CpsPort port; /* first */
    CpsHttpServer http;
    CpsHttpServerLimits limits;
};

/* Listen where the actor's arguments say: self->listening is that, self->port the port. Returns 0, or -1 with an exception set. */
int cps_httpport_open(CpsHTTPServer *self);

/* Close all of it. Loop thread only. */
void cps_httpport_close(CpsHttpPort *port);

#endif
