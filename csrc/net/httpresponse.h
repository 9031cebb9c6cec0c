/* httpresponse.h: the bytes of an HTTP response (RFC 9112). Plain C. */
#ifndef CPS_NET_HTTPRESPONSE_H
#define CPS_NET_HTTPRESPONSE_H

#include "base/buffer.h"

#include <stdbool.h>

/* The reason phrase of a status code, "" for one that is not registered. */
const char *cps_http_reason(int code);

/* Whether a response with that status has no body, and no Content-Length either (RFC 9110, 8.6). */
bool cps_http_bodiless(int code);

/* The status line. `reason` may hold anything: what must not stand there becomes a blank. Returns 0, or -1 when out of memory; so all
 * below. */
int cps_http_put_status(CpsBuffer *out, int code, const char *reason, size_t length);

/* A header, of checked parts. */
int cps_http_put_field(CpsBuffer *out, const char *name, size_t name_length, const char *value, size_t value_length);

/* What every response ends its head with: Date, Server, Content-Length unless there is none, Connection when it is not what the version
 * of the client takes for granted; and the empty line. */
typedef struct {
    size_t body_length;
    bool bodiless;   /* no Content-Length */
    bool close;      /* the connection ends with it */
    bool keep_alive; /* a 1.0 client has asked for the connection to go on */
} CpsHttpEnd;

int cps_http_put_end(CpsBuffer *out, const CpsHttpEnd *end);

/* A whole response with a short HTML page that says what is wrong; `text` is plain UTF-8. `field` is a header of its own ("Allow: GET") or
 * NULL. `head_only`: the body is only counted. */
typedef struct {
    int code;
    const char *text;
    size_t text_length;
    const char *field;
    bool head_only, close, keep_alive;
} CpsHttpPage;

int cps_http_put_page(CpsBuffer *out, const CpsHttpPage *page);

#endif
