/* httprequest.h: one HTTP request as it came over the wire, complete and checked. Plain C. */
#ifndef CPS_NET_HTTPREQUEST_H
#define CPS_NET_HTTPREQUEST_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

/* A piece of CpsHttpRequest.head. */
typedef struct {
    uint32_t start, length;
} CpsSlice;

/* Headers by number, so that the usual ones are found without comparing names. */
typedef enum {
    CPS_FIELD_HOST,
    CPS_FIELD_CONTENT_TYPE,
    CPS_FIELD_CONTENT_LENGTH,
    CPS_FIELD_TRANSFER_ENCODING,
    CPS_FIELD_CONNECTION,
    CPS_FIELD_EXPECT,
    CPS_FIELD_ACCEPT,
    CPS_FIELD_OTHER, /* and how many known ones there are */
} CpsKnownField;

typedef struct {
    CpsSlice name;  /* as sent */
    CpsSlice value; /* without white space at its ends; lines folded into one are refused before */
    CpsKnownField kind;
} CpsHttpField;

typedef struct CpsHttpRequest {
    CpsBuffer head; /* request line and headers as sent */
    CpsBuffer body; /* decoded: without chunk sizes; trailers are dropped */
    CpsHttpField *fields;
    uint32_t field_count, field_capacity;
    int32_t known[CPS_FIELD_OTHER]; /* index in fields of the first of each, or -1 */
    CpsSlice method;                /* as sent, upper case */
    CpsSlice target;                /* as sent */
    CpsSlice path;                  /* of the target, still percent-encoded: "/" or longer, "*" of OPTIONS * */
    CpsSlice query;                 /* after the "?", still encoded; empty when there is none */
    CpsSlice
        authority; /* host and port: of the target when that is absolute (RFC 9112, 3.2.2), else of Host; may be empty */
    uint8_t minor;   /* HTTP/1.minor: 0 or 1 */
    bool keep_alive; /* the client wants to use the connection again */
    bool has_body;   /* a Content-Length above 0, or chunked: though nothing may have come */
    bool chunked;
    bool expects_continue; /* Expect: 100-continue of a 1.1 client that sends a body */
    bool is_head;          /* the method is HEAD: the response has no body */
} CpsHttpRequest;

CpsHttpRequest *cps_http_request_new(void);          /* new, or NULL when out of memory */
void cps_http_request_free(CpsHttpRequest *request); /* NULL is fine */

static inline const char *
cps_slice(const CpsHttpRequest *request, CpsSlice slice)
{
    return request->head.bytes + slice.start;
}

/* The value of the first field of that kind, or NULL; *length is set. */
static inline const char *
cps_http_field(const CpsHttpRequest *request, CpsKnownField field, size_t *length)
{
    int32_t index = request->known[field];

    if (index < 0) {
        return NULL;
    }
    *length = request->fields[index].value.length;
    return cps_slice(request, request->fields[index].value);
}

/* The values of all fields of that kind as one list (RFC 9110, 5.3), or NULL; *length is set. `joined`, an empty buffer that outlives the
 * result, is filled when there are several; when memory runs out, those that had room count. */
const char *cps_http_field_list(const CpsHttpRequest *request, CpsKnownField field, CpsBuffer *joined, size_t *length);

#endif
