/* smtpsession.h: the server's side of an SMTP session (RFC 5321) without a socket: bytes in, replies and messages out. Plain C.
 *
 * Only CRLF ends a line and only CRLF.CRLF a message; a CR or LF that stands alone is an error in a command, and in a message a byte like any
 * other. So no two readers of the same bytes can see different messages. */
#ifndef CPS_NET_SMTPSESSION_H
#define CPS_NET_SMTPSESSION_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t message_bytes; /* announced as SIZE (RFC 1870): longer ones are refused, 552 */
    uint32_t line_bytes;    /* of a message, without CRLF: those with longer ones are refused, 500 */
    uint32_t recipients;    /* of a message: more are refused, 452 */
    uint32_t errors;        /* with so many commands refused the session is ended, 421 */
} CpsSmtpLimits;

/* What a client wants to be delivered. */
typedef struct {
    CpsBuffer sender;         /* ASCII or UTF-8, without brackets; empty: the null reverse-path */
    CpsBuffer recipients;     /* each is ended by a NUL */
    CpsBuffer data;           /* without the dots that were stuffed; lines end with CRLF */
    uint32_t recipient_count; /* at least 1 */
} CpsSmtpMessage;

typedef enum {
    CPS_SMTP_MORE,    /* go on: with what is left when the replies are sent, else with more bytes */
    CPS_SMTP_MESSAGE, /* a message is complete: take it, and call cps_smtp_answer before the next bytes */
    CPS_SMTP_STARTTLS, /* send the replies, throw away what has come after (CVE-2011-0411), have the handshake, call cps_smtp_secured */
    CPS_SMTP_END, /* send the replies and end the connection */
} CpsSmtpOutcome;

typedef struct {
    const CpsSmtpLimits *limits; /* borrowed */
    const char *host;            /* borrowed: our name */
    CpsBuffer replies;           /* to be sent; the caller takes them from here */
    CpsSmtpMessage message;      /* of the transaction; complete after CPS_SMTP_MESSAGE */
    uint32_t commands;           /* lines that were read, modulo 2^32 */
    uint64_t data_bytes;         /* that have come since DATA */
    bool in_data;                /* a message is coming */
    bool offers_tls;

    /* of smtpsession.c */
    CpsSmtpOutcome outcome;
    CpsBuffer line;     /* what has come of a command */
    bool line_overlong; /* and is thrown away up to its end */
    char line_last;     /* its last byte, then */
    bool greeted;       /* HELO or EHLO was accepted */
    bool extended;      /* it was EHLO */
    bool secured;
    bool has_sender; /* MAIL was accepted */
    bool utf8;       /* with SMTPUTF8 */
    uint8_t place;   /* in the message: see smtpsession.c */
    bool too_large, no_memory;
    bool overlong;        /* a line of the message was */
    uint64_t line_length; /* of the line that is coming */
    uint32_t errors;
} CpsSmtpSession;

/* `host` and `limits` outlive it. */
void cps_smtp_session_init(CpsSmtpSession *self, const CpsSmtpLimits *limits, const char *host, bool offers_tls);
void cps_smtp_session_free(CpsSmtpSession *self);

/* Feed bytes; *used of them are taken, the others are to be fed again. Not after CPS_SMTP_END. */
CpsSmtpOutcome cps_smtp_feed(CpsSmtpSession *self, const char *bytes, size_t length, size_t *used);

/* The message was taken over (250 ...) or refused. `line` is the reply, without CRLF; NULL: it was accepted. */
void cps_smtp_answer(CpsSmtpSession *self, const char *line);

/* TLS is there: the client begins anew (RFC 3207, 4.2). */
void cps_smtp_secured(CpsSmtpSession *self);

/* A reply of the caller's that names the server: "220 <host> text". */
void cps_smtp_announce(CpsSmtpSession *self, const char *code, const char *text);

/* What is in it is freed, not the struct. */
void cps_smtp_message_free(CpsSmtpMessage *message);

#endif
