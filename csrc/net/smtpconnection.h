/* smtpconnection.h: one client of an SMTP server. Shared by smtpserver.c and smtpconnection.c only. */
#ifndef CPS_NET_SMTPCONNECTION_H
#define CPS_NET_SMTPCONNECTION_H

#include "net/smtpserver.h"

/* What a connection waits for. */
typedef enum {
    CPS_SMTP_WAIT_COMMAND, /* a whole line: command_ms */
    CPS_SMTP_WAIT_DATA,    /* more of a message: data_ms */
    CPS_SMTP_WAIT_CLIENT,  /* the client to take what was written: write_ms */
} CpsSmtpWait;

struct CpsSmtpConnection {
    CpsStream stream;      /* first */
    CpsSmtpServer *server; /* borrowed: it outlives its connections */
    CpsLink link;          /* in CpsSmtpServer.connections */
    CpsDeadline wait;      /* a CpsSmtpWait; or it waits for the user */
    CpsSmtpSession session;
    CpsSmtpDelivery
        *delivery;        /* its message that is not answered yet: of the user, or in CpsSmtpServer.received; or NULL */
    CpsBuffer backlog;    /* what was read and cannot be used yet */
    uint64_t data_start;  /* when the message began to come, by uv_now */
    size_t unsent_before; /* bytes, when the wait for the client began */
    bool starting_tls;    /* as soon as the reply to STARTTLS is sent */
    bool ended;           /* the client has ended its side */
    bool finishing;       /* the last reply is written */
};

/* Take a connection that waits; begin to serve it once the server has listed it. NULL when that fails. */
CpsSmtpConnection *cps_smtp_connection_accept(CpsSmtpServer *server);
void cps_smtp_connection_begin(CpsSmtpConnection *self);

/* See cps_smtp_server_end. */
void cps_smtp_connection_end(CpsSmtpConnection *self);

/* At once; safe to call twice. */
void cps_smtp_connection_close(CpsSmtpConnection *self);

/* Its deadline has passed. */
void cps_smtp_connection_expire(CpsSmtpConnection *self);

/* Its message is answered. */
void cps_smtp_connection_answer(CpsSmtpConnection *self, const char *reply);

/* Whether nothing is left to be sent. */
bool cps_smtp_connection_is_done(const CpsSmtpConnection *self);

/* It is closed: forget it. (smtpserver.c) */
void cps_smtp_server_forget(CpsSmtpServer *server, CpsSmtpConnection *connection);

/* What is in it, and itself. (smtpserver.c) */
void cps_smtp_delivery_free(CpsSmtpDelivery *delivery);

#endif
