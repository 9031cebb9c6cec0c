/* httpparser.h: bytes in, requests out (RFC 9110, RFC 9112), strictly. On llhttp, which it completes where that is more lenient than the
 * RFCs: a request that another parser might read otherwise is refused. Plain C; knows no socket, queue or actor. */
#ifndef CPS_NET_HTTPPARSER_H
#define CPS_NET_HTTPPARSER_H

#include "net/httprequest.h"

#include <llhttp.h>

typedef struct {
    uint32_t target_bytes; /* longer: 414 */
    uint32_t head_bytes;   /* request line and headers, and as many for trailers; more: 431 */
    uint32_t fields;       /* more headers: 431 */
    uint64_t body_bytes;   /* decoded; more, or announced as more: 413 */
} CpsHttpLimits;

typedef enum {
    CPS_HTTP_MORE, /* all bytes were used: feed the next ones */
    CPS_HTTP_CONTINUE, /* the head is complete, and the client waits for "100 Continue" before it sends the body; feed the rest */
    CPS_HTTP_COMPLETE, /* a request is ready to be taken; bytes after it are not used yet */
    CPS_HTTP_REFUSED,  /* parser.refusal says why; nothing more may be fed */
} CpsHttpOutcome;

typedef struct {
    llhttp_t llhttp;             /* first: its callbacks find the parser by it */
    const CpsHttpLimits *limits; /* borrowed: they outlive the parser */
    CpsHttpRequest *request;     /* owned; the one that is being read; NULL between requests */
    bool in_body;                /* the head of that is complete */
    int status;                  /* of a refusal: 400, 413, 414, 417, 431, 501, 505, 507 (out of memory) */
    const char *reason;          /* static text, in a few words for the client: "two Host headers" */
    uint8_t section;             /* of the request: what the next bytes belong to */
    uint8_t blank_bytes;         /* of the lines before a request */
    uint32_t lines;              /* complete ones of the head; then of the trailers */
    uint32_t line_start;         /* in the head: where the last, incomplete line begins */
    uint32_t checked, fed;       /* bytes of the head: that passed our checks, that llhttp has */
    uint32_t trailer_bytes;
    uint32_t framing_bytes; /* of chunked: what was sent beyond a fair share of sizes and line ends */
    uint64_t remaining;     /* of the body, or of the chunk */
    CpsBuffer line;         /* the beginning of a chunk's or trailer's line that is not complete yet */
} CpsHttpParser;

void cps_http_parser_init(CpsHttpParser *parser, const CpsHttpLimits *limits);
void cps_http_parser_free(CpsHttpParser *parser); /* what it holds, not the struct */

/* Feed bytes. *used is how many of them were: all of them but after CONTINUE, COMPLETE and REFUSED. */
CpsHttpOutcome cps_http_feed(CpsHttpParser *parser, const char *bytes, size_t length, size_t *used);

/* After COMPLETE: the request, which is the caller's now; the parser waits for the next one. */
CpsHttpRequest *cps_http_take(CpsHttpParser *parser);

/* Whether it is in the middle of a request: some of its bytes have come (blank lines before it do not count). */
bool cps_http_parser_busy(const CpsHttpParser *parser);

#endif
