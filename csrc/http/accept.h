/* accept.h: which media type a client gets (RFC 9110, 12.5.1). Plain C. */
#ifndef CPS_HTTP_ACCEPT_H
#define CPS_HTTP_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>

/* What the server offers, in the order in which a later one wins a tie. */
typedef enum {
    CPS_MEDIA_XML_SCHEMA,  /* application/xml+schema */
    CPS_MEDIA_JSON_SCHEMA, /* application/json+schema */
    CPS_MEDIA_ANY,         /* any type */
    CPS_MEDIA_TEXT,        /* text/plain */
    CPS_MEDIA_HTML,        /* text/html */
    CPS_MEDIA_TEXT_XML,    /* text/xml */
    CPS_MEDIA_XML,         /* application/xml */
    CPS_MEDIA_JSON,        /* application/json */
    CPS_MEDIA_NONE,        /* the client takes none of them; its name is "" */
} CpsMediaType;

/* What the Accept header asks for; `accept` NULL: it is missing. *invalid: it holds what is no media type; then the answer is ANY. */
CpsMediaType cps_accept_choose(const char *accept, size_t length, bool *invalid);

const char *cps_media_type_name(CpsMediaType type);

/* The type of that very name, in lower case; ANY for others. */
CpsMediaType cps_media_type_named(const char *name, size_t length);

typedef struct {
    double quality; /* that the client gives to the one that was chosen: 0 to 1; 0: none was */
    bool invalid;   /* the header holds what is no media type */
} CpsAcceptResult;

/* Which of `count` supported types (at most 32, "text/html" or "text/" and a star) fits best, the last one of the best; -1: none. This is what the
 * function above is made of. Time grows linearly with the header. */
int cps_accept_best(const char *const *supported, int count, const char *accept, size_t length,
                    CpsAcceptResult *result);

#endif
