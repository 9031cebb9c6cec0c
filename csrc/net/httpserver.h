/* httpserver.h: an HTTP/1.1 server without a meaning: it listens, reads requests, sends answers in order, and keeps clients within their
 * limits. Plain C, in the loop's thread; its callbacks run within uv_run. What a request means is the business of its user, who is told
 * by on_change that requests have come or that somebody who waits for an answer has gone. */
#ifndef CPS_NET_HTTPSERVER_H
#define CPS_NET_HTTPSERVER_H

#include "base/list.h"
#include "net/httpparser.h"
#include "net/httpresponse.h"
#include "net/server.h"
#include "net/stream.h"

typedef struct CpsHttpServer CpsHttpServer;
typedef struct CpsHttpConnection CpsHttpConnection; /* net/httpconnection.h */

/* Times in milliseconds. */
typedef struct {
    CpsHttpLimits request;
    uint32_t connections;  /* more are answered 503 */
    uint32_t pipelined;    /* requests of one connection that are not answered yet; it is not read meanwhile */
    uint32_t head_ms;      /* from the first byte of a request to the end of its head */
    uint32_t body_ms;      /* how long a body may stand still; it also has to come at BODY_BYTES_PER_SECOND or more */
    uint32_t idle_ms;      /* between requests */
    uint32_t write_ms;     /* how long a client may take nothing of a response that waits for it */
    uint32_t ended_ms;     /* how long a client that has ended its side gets answers: it may have gone */
    uint64_t unsent_bytes; /* of responses that a connection does not take: it is not read meanwhile */
    uint64_t body_bytes;   /* of all requests that are not answered yet: see cps_http_make_room */
} CpsHttpServerLimits;

/* A request and its answer. In order in its connection until it is sent; the user holds it from cps_http_next to cps_http_answer. */
typedef struct CpsHttpExchange {
    CpsLink link;                  /* in CpsHttpConnection.exchanges */
    CpsLink user_link;             /* in CpsHttpServer.received, or later in CpsHttpServer.gone */
    CpsHttpConnection *connection; /* borrowed; NULL: the client has gone */
    CpsHttpRequest *request;       /* owned; NULL when there was none that could be read */
    CpsBuffer response;
    /* For one that came by no connection: gets the response, which it takes. The exchange is freed after that. */
    void (*deliver)(struct CpsHttpExchange *exchange, CpsBuffer *response);
    void *target;         /* its own */
    void *user;           /* the user's own; NULL at first */
    uint64_t received_ns; /* uv_hrtime */
    size_t body_bytes;    /* that count in CpsHttpServer.body_bytes, also when the body itself is not needed any more */
    bool held;            /* by the user */
    bool answered;
    bool held_back; /* see cps_http_hold_back */
    bool close;     /* the connection ends with this response */
} CpsHttpExchange;

struct CpsHttpServer {
    CpsServer base;                           /* the waits of its clients are of a CpsHttpWait */
    const CpsHttpServerLimits *limits;        /* borrowed */
    void (*on_change)(CpsHttpServer *server); /* pure C: something was added to received or gone */
    void (*on_closed)(CpsHttpServer *server); /* after cps_http_server_close: the last connection is gone */
    CpsList received;                         /* CpsHttpExchange.user_link: for cps_http_next */
    CpsList gone;        /* CpsHttpExchange.user_link: held ones whose clients have gone, for cps_http_next_gone */
    uint64_t body_bytes; /* of requests that are not answered yet, complete or not */
};

/* Listen. May block while a name is resolved: without the GIL, outside of uv_run. `tls` is taken, also on failure. Returns 0, or a libuv
 * code: then *server may be freed once on_closed has been called (it always is, from uv_run). */
int cps_http_server_open(CpsHttpServer *server, uv_loop_t *loop, const CpsListenAt *at, CpsTlsContext *tls,
                         const CpsHttpServerLimits *limits);

/* The next request that was not taken yet, which the user holds from now on; NULL when there is none. */
CpsHttpExchange *cps_http_next(CpsHttpServer *server);

/* The next one whose client has gone meanwhile; the user lets go of it by cps_http_answer. */
CpsHttpExchange *cps_http_next_gone(CpsHttpServer *server);

/* An exchange for a request (taken) that came by no connection; held by its user. NULL when out of memory. */
CpsHttpExchange *cps_http_exchange_new(CpsHttpRequest *request);

/* Whether nobody waits for the answer any more. */
static inline bool
cps_http_is_gone(const CpsHttpExchange *exchange)
{
    return exchange->connection == NULL && exchange->deliver == NULL;
}

/* Answer it, once, with a whole response, which is taken; `close` ends the connection afterwards. When the client has gone the response is
 * thrown away. The exchange is not the user's any more. */
void cps_http_answer(CpsHttpExchange *exchange, CpsBuffer *response, bool close);

/* Answer it with a page. */
void cps_http_answer_page(CpsHttpExchange *exchange, int code, const char *text, size_t length, const char *field);

/* Until it is answered, nothing more is read of its connection: what it asked for waits for room. */
void cps_http_hold_back(CpsHttpExchange *exchange);

/* Whether the connection can go on after the answer; what a response has to say about it. */
static inline bool
cps_http_keeps_alive(const CpsHttpExchange *exchange)
{
    return exchange->connection != NULL && !exchange->close && exchange->request != NULL &&
           exchange->request->keep_alive;
}

/* The client's address and port, as long as the client is there. */
const char *cps_http_peer(const CpsHttpExchange *exchange, int *port);

/* No new connections and requests: idle connections are closed, others end with their next answer. Safe to call twice. */
static inline void
cps_http_server_end(CpsHttpServer *server)
{
    cps_server_end(&server->base);
}

/* Whether every answer is with the kernel and all connections are on their way out. */
static inline bool
cps_http_server_at_rest(const CpsHttpServer *server)
{
    return cps_server_at_rest(&server->base);
}

/* Close everything at once: listener, connections, timer. Exchanges that the user holds count as gone. */
static inline void
cps_http_server_close(CpsHttpServer *server)
{
    cps_server_close(&server->base);
}

#endif
