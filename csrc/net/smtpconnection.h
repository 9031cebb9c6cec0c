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
    CpsClient client;      /* first; waits for a CpsSmtpWait, or for the user */
    CpsSmtpServer *server; /* borrowed: it outlives its connections */
    CpsSmtpSession session;
    CpsSmtpDelivery
        *delivery;        /* its message that is not answered yet: of the user, or in CpsSmtpServer.received; or NULL */
    CpsBuffer backlog;    /* what was read and cannot be used yet */
    size_t message_bytes; /* that count in CpsSmtpServer.message_bytes */
    uint64_t data_start;  /* when the message began to come, by uv_now */
    bool starting_tls;    /* as soon as the reply to STARTTLS is sent */
    bool finishing;       /* the last reply is written */
};

/* For CpsServerOps. One that ends is told 421, after the answer to its message. */
CpsClient *cps_smtp_client_make(CpsServer *base);
void cps_smtp_client_on_bytes(CpsClient *client, const char *bytes, size_t length);
void cps_smtp_client_on_end(CpsClient *client, int code);
void cps_smtp_client_on_drained(CpsClient *client);
void cps_smtp_client_lost(CpsClient *client);
void cps_smtp_client_free(CpsClient *client);
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
