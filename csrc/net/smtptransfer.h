/* smtptransfer.h: one mail to an SMTP server: libcurl connects, with TLS and a login, and a dialogue follows. Plain C, in the loop's thread. */
#ifndef CPS_NET_SMTPTRANSFER_H
#define CPS_NET_SMTPTRANSFER_H

#include "net/curllink.h"
#include "net/smtpdialogue.h"

typedef enum { CPS_SMTP_PLAIN, CPS_SMTP_OPPORTUNISTIC, CPS_SMTP_STARTTLS, CPS_SMTP_IMPLICIT_TLS } CpsSmtpTls;

/* Texts are borrowed for as long as transfers with these settings live. */
typedef struct {
    const char *host; /* a name or an address */
    int port;
    CpsSmtpTls tls;
    bool verify;         /* the server's certificate */
    const char *ca_file; /* PEM; NULL: the system's */
    const char *user, *password;
    long timeout_ms; /* of the connection, and of each reply */
} CpsSmtpSettings;

/* Zero-filled, on the heap; the mail is set before it is started. */
typedef struct CpsSmtpTransfer {
    void (*on_done)(struct CpsSmtpTransfer *transfer); /* in a libuv callback: it is over */
    CpsSmtpDialogue dialogue;                          /* the mail, and what has become of it */
    const CpsSmtpSettings *settings;                   /* borrowed */
    CpsCurlLink *link;                                 /* owned; NULL unless it is under way */
    bool opened;                                       /* the server is ready for the mail */
} CpsSmtpTransfer;

/* Begin, or begin again. Returns 0, or -1 when out of memory. */
int cps_smtp_transfer_start(CpsSmtpTransfer *transfer, uv_loop_t *loop, const CpsSmtpSettings *settings);

/* Break it off, if it is under way: on_done is not called any more. */
void cps_smtp_transfer_cancel(CpsSmtpTransfer *transfer);

/* Cancel, and free what it has; not the struct itself. */
void cps_smtp_transfer_free(CpsSmtpTransfer *transfer);

#endif
