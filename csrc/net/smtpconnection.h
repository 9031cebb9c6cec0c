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
    CpsClient client;      /* waits for a CpsSmtpWait, or for the user */
    CpsSmtpSession session;
    CpsSmtpDelivery
        *delivery;        /* its message that is not answered yet: of the user, or in CpsSmtpServer.received; or NULL */
    CpsBuffer backlog;    /* what was read and cannot be used yet */
    size_t message_bytes; /* that count in CpsSmtpServer.message_bytes */
    uint64_t data_start;  /* when the message began to come, by uv_now */
    size_t unsent_before; /* bytes, when the wait for the client began */
    bool starting_tls;    /* as soon as the reply to STARTTLS is sent */
    bool ended;           /* the client has ended its side */
    bool finishing;       /* the last reply is written */
};

/* For CpsServerOps. One that ends is told 421, after the answer to its message. */
CpsClient *cps_smtp_client_accept(CpsServer *base);
void cps_smtp_client_begin(CpsClient *client);
void cps_smtp_client_expire(CpsClient *client);
void cps_smtp_client_end(CpsClient *client);
void cps_smtp_client_close(CpsClient *client); /* safe to call twice */
bool cps_smtp_client_is_done(const CpsClient *client);

/* Its message is answered. */
void cps_smtp_connection_answer(CpsSmtpConnection *self, const char *reply);

/* What is in it, and itself. (smtpserver.c) */
void cps_smtp_delivery_free(CpsSmtpDelivery *delivery);

#endif
