/* smtpport.h: the listening part of SMTPIn, which lives until libuv has closed its handles. */
#ifndef CPS_ACTORS_SMTPPORT_H
#define CPS_ACTORS_SMTPPORT_H

#include "actors/smtpin.h"
#include "loop/port.h"

typedef struct {
    CpsPort port; /* first */
    CpsSmtpServer smtp;
    CpsSmtpServerLimits limits;
    CpsLink link; /* in CpsSMTPIn.listening */
    int index;    /* in CpsSMTPIn.ports */
    char name[256];
} CpsSmtpPort;

static inline CpsSmtpPort *
cps_smtp_port_of(CpsLink *link)
{
    return CPS_CONTAINER(link, CpsSmtpPort, link);
}

/* Listen on all ports, or none. Takes the context, which may be NULL. Returns 0, or -1 with an exception set. */
int cps_smtpin_listen(CpsSMTPIn *self, CpsRuntime *rt, CpsTlsContext *tls);

/* Close what listens; in a fork's child that is the parent's. */
void cps_smtpin_let_go(CpsSMTPIn *self);

/* Several processes are going to serve: they share the ports, which are known before they begin. Returns 0, or -1 with an exception set. */
int cps_smtpin_share(CpsActor *actor);

/* Hold a port no longer for several processes. */
void cps_smtpin_unreserve(CpsSMTPIn *self, int index);

#endif
