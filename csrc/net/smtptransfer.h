/* smtptransfer.h: one mail to an SMTP server (RFC 5321), by libcurl. Plain C, in the loop's thread. */
#ifndef CPS_NET_SMTPTRANSFER_H
#define CPS_NET_SMTPTRANSFER_H

#include "base/buffer.h"
#include "net/curlloop.h"

#include <stdbool.h>

typedef enum { CPS_SMTP_PLAIN, CPS_SMTP_OPPORTUNISTIC, CPS_SMTP_STARTTLS, CPS_SMTP_IMPLICIT_TLS } CpsSmtpTls;

/* Texts are borrowed for as long as transfers with these settings live. */
typedef struct {
    const char *host; /* a name or an address */
    int port;
    CpsSmtpTls tls;
    bool verify;         /* the server's certificate */
    const char *ca_file; /* PEM; NULL: the system's */
    const char *user, *password;
    long timeout_ms; /* of one attempt */
} CpsSmtpSettings;

typedef enum {
    CPS_SMTP_DELIVERED, /* to all, or to those that are not in `refused` */
    CPS_SMTP_UNREACHED, /* no connection, or none with TLS */
    CPS_SMTP_REFUSED,   /* by a reply of the server */
    CPS_SMTP_TIMEOUT,
    CPS_SMTP_FAILED, /* the connection broke, or what came was no SMTP */
} CpsSmtpOutcome;

/* Zero-filled, on the heap; texts of the mail are set before it is started. */
typedef struct CpsSmtpTransfer {
    void (*on_done)(struct CpsSmtpTransfer *transfer); /* in a libuv callback: it is over */
    CpsBuffer sender;                                  /* an address, ended by a NUL */
    CpsBuffer recipients;                              /* addresses, each ended by a NUL */
    CpsBuffer message;                                 /* lines end with CR LF */
    CpsSmtpOutcome outcome;
    CpsBuffer refused; /* "address: reply", a line for each recipient that was refused */
    CpsBuffer error;   /* what went wrong, a text without NUL */
    int reply;         /* the code of the last reply that was an error; 0: none */
    /* its own */
    CpsCurlLoop *loop;       /* borrowed; NULL unless it is under way */
    CURL *easy;              /* owned */
    struct curl_slist *list; /* owned */
    char *message_of_curl;   /* owned */
    size_t sent;             /* bytes of the message */
    CpsBuffer command;       /* the last that was sent */
} CpsSmtpTransfer;

/* Begin, or begin again. Returns 0, or -1 when out of memory. */
int cps_smtp_transfer_start(CpsSmtpTransfer *transfer, CpsCurlLoop *loop, const CpsSmtpSettings *settings);

/* Break it off, if it is under way: on_done is not called any more. */
void cps_smtp_transfer_cancel(CpsSmtpTransfer *transfer);

/* Cancel, and free what it has; not the struct itself. */
void cps_smtp_transfer_free(CpsSmtpTransfer *transfer);

/* For a CpsCurlLoop: its on_done. */
void cps_smtp_transfer_on_done(void *context, CURLcode code);

#endif
