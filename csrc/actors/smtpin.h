/* smtpin.h: the actor SMTPIn. Its type and life are in smtpin.c; its arguments in smtpoptions.c, its ports in
 * smtpport.c; messages become events in smtpmail.c. */
#ifndef CPS_ACTORS_SMTPIN_H
#define CPS_ACTORS_SMTPIN_H

#include "actors/actors.h"
#include "net/smtpserver.h"

enum { CPS_SMTP_PORTS = 16 }; /* of one actor, at most */

typedef struct {
    CpsActor base;
    PyObject *host, *hostname, *keyfile, *certfile, *ssl_version, *output_format; /* owned */
    int ports[CPS_SMTP_PORTS];                                                    /* as given */
    int reserved[CPS_SMTP_PORTS]; /* descriptors that hold them for several processes; or -1 */
    int port_count;
    bool implicit_tls, share_port;
    CpsSmtpServerLimits limits;
    CpsList listening; /* CpsSmtpPort.link: whose turn is next */
    CpsList held;      /* CpsSmtpDelivery.link: whose events wait for room */
    CpsReady ready;    /* there are messages, or answers to be given */
    bool scheduled;
    bool end_asked, goodbye_asked, close_asked; /* by a stop, one after the other */
    CpsList watchers;                           /* CpsWait of those who wait for a change */
} CpsSMTPIn;

extern const CpsActorOps cps_smtpin_ops;

/* Have the node run. */
void cps_smtpin_schedule(CpsSMTPIn *self);

/* The reply to a message that was not processed. */
extern const char cps_smtpin_stopping[];

/* --- smtpoptions.c --------------------------------------------------------------------------------------------------------------- */

/* tp_init. */
int cps_smtpin_init(PyObject *op, PyObject *args, PyObject *kwargs);

/* --- smtpmail.c ------------------------------------------------------------------------------------------------------------------ */

/* Call process_message for a message (which the user holds), and answer the client, now or when there is room for the event. */
void cps_smtpin_process(CpsSMTPIn *self, CpsSmtpDelivery *delivery);

/* SMTPIn.process_message. */
PyObject *cps_smtpin_process_message(PyObject *op, PyObject *args, PyObject *kwargs);

/* --- smtpprobe.c ----------------------------------------------------------------------------------------------------------------- */

/* Add _talk_smtp to the module. Returns 0, or -1 with an exception set. */
int cps_smtp_probe_setup(PyObject *module);

#endif
