/* server.h: what servers have in common: a listener, the clients that it brought, their time limits, and an end to all of that. Plain C, in
 * the loop's thread. */
#ifndef CPS_NET_SERVER_H
#define CPS_NET_SERVER_H

#include "base/list.h"
#include "net/deadlines.h"
#include "net/listener.h"
#include "net/stream.h"
#include "net/tls.h"

typedef struct CpsServer CpsServer;

/* First member of what a protocol has for each connection; zero-filled at first. */
typedef struct {
    CpsStream stream;  /* first */
    CpsServer *server; /* borrowed: it outlives its clients */
    CpsLink link;      /* in CpsServer.clients */
    CpsDeadline wait;  /* what it waits for: of a kind of the protocol's */
    bool ended;        /* nothing more will come */
    /* of server.c */
    size_t unsent_before; /* bytes, when the wait for it to take some began */
} CpsClient;

/* What a protocol brings. Called within uv_run, but for end, is_done and close. */
typedef struct {
    CpsClient *(*make)(CpsServer *server); /* for a connection that is there; NULL: out of memory, and it is closed */
    void (*begin)(CpsClient *client);      /* serve it: it is listed */
    void (*on_bytes)(CpsClient *client, const char *bytes, size_t length); /* as in CpsStreamOps */
    void (*on_end)(CpsClient *client, int code);                           /* as there; client->ended is set */
    void (*on_drained)(CpsClient *client);                                 /* as there */
    void (*expire)(CpsClient *client);                                     /* its deadline has passed */
    void (*end)(CpsClient *client);   /* nothing new from it; may be gone afterwards */
    void (*close)(CpsClient *client); /* at once */
    bool (*is_done)(const CpsClient *client);
    void (*lost)(CpsClient *client);      /* its connection is closed: what the server keeps of it can go */
    void (*free)(CpsClient *client);      /* the server may be gone already */
    void (*on_closed)(CpsServer *server); /* after cps_server_close: the last client is gone; it may be freed */
} CpsServerOps;

struct CpsServer {
    const CpsServerOps *ops; /* borrowed */
    uv_loop_t *loop;
    CpsTlsContext *tls; /* owned; NULL: none */
    bool begins_plain;  /* TLS is for later (cps_stream_start_tls) */
    CpsListener listener;
    CpsList clients;        /* CpsClient.link */
    CpsDeadlines deadlines; /* CpsClient.wait */
    uint32_t client_count;
    uint32_t open_handles; /* of listener, deadlines and clients */
    bool listening;
    bool ending; /* cps_server_end was called */
};

/* Listen; begins_plain is set before. May block while a name is resolved: without the GIL, outside of uv_run. `tls` is taken, also on failure.
 * Returns 0, or a libuv code: on_closed is called then, too, from uv_run. */
int cps_server_open(CpsServer *self, const CpsServerOps *ops, uv_loop_t *loop, const CpsListenAt *at,
                    CpsTlsContext *tls);

/* Whether the newest client is to be served, when there may be `limit`. */
typedef enum {
    CPS_CLIENT_SERVED,
    CPS_CLIENT_REFUSED, /* it should be told that there are too many */
    CPS_CLIENT_CLOSED,  /* there are too many who are told that */
} CpsAdmission;
CpsAdmission cps_server_admit(const CpsServer *self, uint32_t limit);

/* Wait for the client to take some of what was written; a wait of that kind goes on. */
void cps_client_wait_to_write(CpsClient *client, int kind, uint32_t ms);

/* Whether it took nothing meanwhile. */
static inline bool
cps_client_took_nothing(const CpsClient *client)
{
    return client->stream.unsent > 0 && client->stream.unsent >= client->unsent_before;
}

/* No new clients, and the others come to an end. Safe to call twice. */
void cps_server_end(CpsServer *self);

/* Whether all clients are done. */
bool cps_server_at_rest(const CpsServer *self);

/* Close listener, clients and deadlines. */
void cps_server_close(CpsServer *self);

#endif
