/* smtpdialogue.h: the client's side of one mail transaction (RFC 5321) without a socket: replies in, commands out. Plain C. */
#ifndef CPS_NET_SMTPDIALOGUE_H
#define CPS_NET_SMTPDIALOGUE_H

#include "base/buffer.h"

#include <stdbool.h>

typedef enum {
    CPS_MAIL_DELIVERED, /* to all, or to those that are not in `refused` */
    CPS_MAIL_UNSENT,    /* no connection, or it broke before all of the mail was sent: nobody has it */
    CPS_MAIL_REFUSED,   /* by a reply of the server, or it cannot do what the mail needs */
    CPS_MAIL_TIMEOUT,
    CPS_MAIL_FAILED, /* it broke after the mail was sent, which may be delivered; or what came was no SMTP */
} CpsMailOutcome;

typedef enum {
    CPS_SMTP_TO_MAIL,
    CPS_SMTP_TO_RCPT,
    CPS_SMTP_TO_DATA,
    CPS_SMTP_TO_MESSAGE,
    CPS_SMTP_TO_QUIT
} CpsSmtpStep;

/* Zero-filled at first. */
typedef struct {
    /* the mail */
    CpsBuffer sender;     /* an address, ended by a NUL */
    CpsBuffer recipients; /* addresses, each ended by a NUL */
    CpsBuffer message;    /* written by cps_smtp_append_message */
    bool is_utf8;         /* an address is not ASCII: RFC 6531 */
    bool is_8bit;         /* the message is not */

    /* what is to be sent, now; NULL: nothing. The caller takes it from here, and sets NULL. */
    const char *output;
    size_t output_length;

    /* what has become of it */
    bool over;
    CpsMailOutcome outcome;
    CpsBuffer refused; /* "address: reply", a line for each recipient that was refused */
    CpsBuffer error;   /* what went wrong, a text without NUL */
    int reply;         /* the code of the last reply that was an error; 0: none */

    /* of smtpdialogue.c */
    CpsSmtpStep step;  /* whose reply is awaited */
    size_t recipient;  /* the next one, an offset */
    size_t asked;      /* the one of the last RCPT */
    bool any_accepted; /* a recipient was */
    bool offers_size, offers_8bit, offers_utf8;
    CpsBuffer command, line;
    CpsBuffer text; /* of the reply that is coming: its code, and its lines */
    int code;       /* of that reply; 0: none is coming */
} CpsSmtpDialogue;

/* Append a message as it is sent: lines end with CRLF, whatever ended them; dots are stuffed; CRLF.CRLF ends it. Returns 0, or -1 when out
 * of memory. */
int cps_smtp_append_message(CpsBuffer *buffer, const char *bytes, size_t length);

/* Before an attempt: forget the one before. */
void cps_smtp_dialogue_reset(CpsSmtpDialogue *self);

/* A line of what the server says before the transaction: extensions that it offers, or why it wants no mail. */
void cps_smtp_dialogue_hear(CpsSmtpDialogue *self, const char *line, size_t length);

/* The server is ready: begin with MAIL. */
void cps_smtp_dialogue_begin(CpsSmtpDialogue *self);

/* Bytes of the server's. `sent`: all of the last output has been. */
void cps_smtp_dialogue_feed(CpsSmtpDialogue *self, const char *bytes, size_t length, bool sent);

/* There will be no more of them, for that reason: the time is over, or the connection broke. `sent` as above. */
void cps_smtp_dialogue_break(CpsSmtpDialogue *self, const char *why, bool timed_out, bool sent);

/* It could not begin, for that reason or, CPS_MAIL_REFUSED, for the one that was heard. */
void cps_smtp_dialogue_fail(CpsSmtpDialogue *self, CpsMailOutcome outcome, const char *why);

/* What is in it is freed, not the struct. */
void cps_smtp_dialogue_free(CpsSmtpDialogue *self);

#endif
