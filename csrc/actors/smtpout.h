/* smtpout.h: the actor SMTPOut. Its type, and who waits for a mail, is in smtpout.c; its arguments in smtpoutoptions.c; one mail with its attempts
 * in smtpoutmail.c. What is in a mail is decided by compysition/_mailout.py. */
#ifndef CPS_ACTORS_SMTPOUT_H
#define CPS_ACTORS_SMTPOUT_H

#include "actors/actors.h"
#include "loop/timer.h"
#include "net/smtptransfer.h"

typedef struct {
    CpsActor base;
    CpsSmtpSettings settings;
    PyObject *texts;                                    /* owned list: what the settings point into */
    PyObject *address, *domain, *key, *host, *body_tag; /* owned */
    Py_ssize_t retries;
    double backoff; /* seconds */
} CpsSMTPOut;

/* A function of compysition._mailout. New, or NULL with an exception set. */
PyObject *cps_smtpout_function(const char *name);

/* --- smtpoutoptions.c ------------------------------------------------------------------------------------------------------------ */

/* A whole tp_init. */
int cps_smtpout_init(CpsSMTPOut *self, const CpsActorOps *ops, PyObject *args, PyObject *kwargs);

/* --- smtpoutmail.c --------------------------------------------------------------------------------------------------------------- */

/* One mail, with its retries. Zero-filled, part of who waits for it. On the heap. */
typedef struct CpsMail {
    CpsSmtpTransfer transfer;           /* first */
    void (*over)(struct CpsMail *mail); /* in the hub: it is delivered, or will not be */
    CpsSMTPOut *actor;                  /* borrowed: who waits has it */
    CpsRuntime *rt;                     /* borrowed: whose loop it is on */
    CpsCompletion completion;
    CpsTimer *timer;       /* until the next attempt */
    int attempts;          /* that are over */
    PyObject *to, *sender; /* owned str, for the log */
} CpsMail;

/* What is sent: a message, a list of recipients, a sender; and `to`, what the log says of them. Returns 0, or -1 with an exception set. */
int cps_mail_fill(CpsMail *mail, CpsSMTPOut *actor, PyObject *message, PyObject *recipients, PyObject *sender,
                  PyObject *to);

/* Begin, on the loop of this thread; `over` is set. Returns 0, or -1 with an exception set. */
int cps_mail_begin(CpsMail *mail);

/* Break it off. In the loop's thread. */
void cps_mail_cancel(CpsMail *mail);

/* It is over: log it, with the event, which may be NULL; or raise what went wrong. Returns 0, or -1 with an exception set. */
int cps_mail_settle(CpsMail *mail, PyObject *event);

/* Cancel, and free what it has. */
void cps_mail_free(CpsMail *mail);

/* --- smtpoutprobe.c -------------------------------------------------------------------------------------------------------------- */

/* Add _send_smtp to the module. Returns 0, or -1 with an exception set. */
int cps_smtpout_probe_setup(PyObject *module);

#endif
