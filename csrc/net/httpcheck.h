/* httpcheck.h: what the headers of a request say about itself: Host, Transfer-Encoding, Content-Type, Connection,
 * Expect. Plain C. */
#ifndef CPS_NET_HTTPCHECK_H
#define CPS_NET_HTTPCHECK_H

#include "net/httprequest.h"

/* Why a request is refused. */
typedef struct {
    int status;         /* of the response; 0: it is not refused */
    const char *reason; /* static text */
} CpsHttpRefusal;

/* The number of a header's name. */
CpsKnownField cps_http_field_kind(const char *name, size_t length);

/* Check a request whose method, target, version and fields are there, and that is `chunked` as llhttp sees it. Sets path, query, authority,
 * keep_alive, chunked and expects_continue; has_body must be set. */
CpsHttpRefusal cps_http_check_head(CpsHttpRequest *request, bool chunked);

#endif
