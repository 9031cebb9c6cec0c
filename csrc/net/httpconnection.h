/* httpconnection.h: one client of an HTTP server. Shared by httpserver.c and httpconnection.c only. */
#ifndef CPS_NET_HTTPCONNECTION_H
#define CPS_NET_HTTPCONNECTION_H

#include "net/httpserver.h"

#include <netinet/in.h>

/* What a connection waits for; each has one length of time, so that a list in order of arrival is one in order of deadlines. */
typedef enum {
    CPS_HTTP_WAIT_REQUEST, /* the first byte of the next request: idle_ms */
    CPS_HTTP_WAIT_HEAD,    /* the rest of a head: head_ms */
    CPS_HTTP_WAIT_BODY,    /* more of a body: body_ms */
    CPS_HTTP_WAIT_CLIENT,  /* the client to take what was written: write_ms */
    CPS_HTTP_WAIT_ENDED,   /* answers for a client that has ended its side, and may be gone: ended_ms */
} CpsHttpWait;

struct CpsHttpConnection {
    CpsClient client;      /* first; waits for a CpsHttpWait, or for the user */
    CpsHttpServer *server; /* borrowed: it outlives its connections */
    CpsHttpParser parser;
    CpsList exchanges;   /* CpsHttpExchange.link, in the order of the requests */
    CpsBuffer backlog;   /* what was read and cannot be parsed yet */
    uint64_t body_start; /* when the body began to come, by uv_now */
    size_t body_bytes;   /* of it that count in CpsHttpServer.body_bytes */
    uint32_t exchange_count;
    uint32_t held_back; /* exchanges that wait for room */
    int peer_port;
    char peer[INET6_ADDRSTRLEN]; /* the client's address; "" for a Unix socket */
    bool owes_continue;          /* "100 Continue" is to be sent once the earlier responses are */
    bool served;                 /* a request has come */
    bool over;                   /* no more requests: the last one was refused, or closes the connection */
    bool finishing;              /* the last response is written */
    bool parsing;                /* within the loop over bytes, which is not entered again */
};

/* For CpsServerOps. One that ends answers what it has got. */
CpsClient *cps_http_client_make(CpsServer *base);
void cps_http_client_on_bytes(CpsClient *client, const char *bytes, size_t length);
void cps_http_client_on_end(CpsClient *client, int code);
void cps_http_client_on_drained(CpsClient *client);
void cps_http_client_lost(CpsClient *client);
void cps_http_client_free(CpsClient *client);
void cps_http_client_begin(CpsClient *client);
void cps_http_client_expire(CpsClient *client);
void cps_http_client_end(CpsClient *client);
void cps_http_client_close(CpsClient *client); /* safe to call twice */
bool cps_http_client_is_done(const CpsClient *client);

/* Too many bodies are in memory, of which its own is incomplete: break it off. */
void cps_http_connection_refuse_body(CpsHttpConnection *self);

/* Send what is answered, in order, and go on reading when there is room. */
void cps_http_connection_flush(CpsHttpConnection *self);

/* Take it out of its lists and free it. (httpserver.c) */
void cps_http_exchange_free(CpsHttpExchange *exchange);

/* Have it wait, from now. (httpserver.c) */
void cps_http_wait(CpsHttpConnection *connection, CpsHttpWait wait);

/* A body has grown. While all of them have too many bytes, those are broken off that have stood still the longest. Returns whether there
 * is room now: else complete requests have taken it. (httpserver.c) */
bool cps_http_make_room(CpsHttpServer *server);

#endif
