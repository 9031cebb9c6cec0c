/* mdppeer.h: what clients and workers of MajorDomo have in common: the brokers, found through the registration service or given as a list, and
 * messages to and from them. Plain C, in the loop's thread. One broker is in mdplink.c.
 *
 * A broker is used once it is verified: in compysition's dialect it has answered a verification request, in plain MDP 0.1 it is connected. What
 * was sent to it before a loss of the connection may not have arrived: each time that it is verified is a new session, and who remembers a
 * session that cps_mdp_peer_find does not know any more sends again. */
#ifndef CPS_NET_MDPPEER_H
#define CPS_NET_MDPPEER_H

#include "base/notes.h"
#include "net/zmqsocket.h"

#include <stdint.h>

typedef struct CpsMdpPeer CpsMdpPeer;
typedef struct CpsMdpLink CpsMdpLink; /* a broker; net/mdplink.h */

enum { CPS_MDP_IDENTITY_SIZE = 33 }; /* 32 hex digits and NUL */

/* Strings are borrowed until cps_mdp_peer_close. */
typedef struct {
    bool worker;    /* else a client */
    bool standard;  /* plain MDP 0.1 */
    bool lock_step; /* a standard client, one request at a time for each connection: nothing else tells replies apart */
    char identity[CPS_MDP_IDENTITY_SIZE];
    const char *service;                    /* of a worker */
    const char *publisher, *publisher_host; /* "tcp://localhost:6001" and "localhost"; NULL: no discovery */
    const char *scope;                      /* what is subscribed to */
    uint32_t heartbeat_ms;
    int high_water_mark;
    int64_t max_bytes;              /* of a frame */
    size_t limit;                   /* messages that wait to be taken; beyond, ZeroMQ keeps them */
    const CpsZmqSecurity *security; /* or NULL */
} CpsMdpPeerOptions;

/* A request for a worker: the address of its client, then its body; or a reply for a client: its body, in lock-step
 * after the name of the service. */
typedef struct {
    CpsLink link;
    uint64_t session; /* of the broker that it came from */
    size_t count;
    zmq_msg_t frames[];
} CpsMdpDelivery;

struct CpsMdpPeer {
    void (*on_change)(
        CpsMdpPeer *peer); /* messages, notes, brokers, room: there is something new. In uv_run, or in any call here */
    void (*on_closed)(CpsMdpPeer *peer); /* its memory may be freed; in uv_run */

    /* of mdppeer.c and mdplink.c */
    CpsMdpPeerOptions options;
    uv_loop_t *loop;
    uv_timer_t timer;
    CpsList links;    /* CpsMdpLink.link, in rotation */
    CpsList received; /* CpsMdpDelivery.link */
    CpsNotes notes;   /* to be taken by the user */
    size_t link_count, received_count;
    uint64_t sessions;    /* that there were */
    uint64_t losses;      /* how often one has ended */
    unsigned int handles; /* that libuv has */
    bool stalled;         /* messages wait in sockets, because received is full */
    bool closing;
    struct CpsMdpSocket *subscriber;
};

/* Subscribe. on_change, on_closed and options are set. Returns 0, or an errno; it is to be closed then, too. */
int cps_mdp_peer_open(CpsMdpPeer *peer, uv_loop_t *loop);

/* Use the broker at that endpoint, always. Returns 0, or an errno. */
int cps_mdp_peer_add(CpsMdpPeer *peer, const char *endpoint);

/* Close everything. on_change is not called any more. The context is released when all sockets are closed: on_closed. */
void cps_mdp_peer_close(CpsMdpPeer *peer);

/* The next in rotation that takes messages, or NULL. */
CpsMdpLink *cps_mdp_peer_pick(CpsMdpPeer *peer);

/* The verified broker of that session, or NULL. */
CpsMdpLink *cps_mdp_peer_find(CpsMdpPeer *peer, uint64_t session);

/* How many are verified. */
size_t cps_mdp_peer_verified(const CpsMdpPeer *peer);

/* The next message, which is the caller's. NULL: none. */
CpsMdpDelivery *cps_mdp_peer_next(CpsMdpPeer *peer);
void cps_mdp_delivery_free(CpsMdpDelivery *delivery);

/* After sending: what has come meanwhile may have come unnoticed. */
void cps_mdp_peer_settle(CpsMdpPeer *peer);

#endif
