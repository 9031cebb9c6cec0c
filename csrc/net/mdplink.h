/* mdplink.h: one broker, as its clients and workers see it. Plain C; see mdppeer.h. */
#ifndef CPS_NET_MDPLINK_H
#define CPS_NET_MDPLINK_H

#include "net/mdp.h"
#include "net/mdppeer.h"

/* A socket, which libuv holds a little longer than we do. */
typedef struct CpsMdpSocket {
    CpsZmqSocket zmq; /* first */
    CpsMdpPeer *peer;
    void (*heard)(struct CpsMdpSocket *socket);
    CpsMdpLink *owner; /* NULL: the subscriber */
    bool let_go;
} CpsMdpSocket;

struct CpsMdpLink {
    CpsLink link; /* in CpsMdpPeer.links */
    CpsMdpPeer *peer;
    uint64_t session;             /* 0: not verified */
    char name[CPS_MDP_NAME_SIZE]; /* the broker's identity as text; its endpoint as long as that is unknown */
    char endpoint[CPS_MDP_NAME_SIZE];
    CpsMdpSocket *out, *in; /* the same in MDP 0.1 */
    CpsMdpSocket *monitor;  /* says whether `in` is connected */
    uint64_t due;           /* uv_now: when the next attempt, or the next heartbeat, is */
    uint32_t delay_ms;      /* before the next connection, of MDP 0.1 */
    unsigned int tries, attempts, connections;
    unsigned int liveness; /* of MDP 0.1 */
    bool fixed;            /* one of the list: never given up */
    bool connected;
    bool full;    /* takes nothing for now */
    bool busy;    /* lock-step: waits for a reply, in this session */
    bool waiting; /* without sockets until `due` */
    bool refused; /* that was logged */
};

/* Have the links ticked soon: the broker may not know the socket yet that it is to answer to, and then the answer is lost. Returns when. */
uint64_t cps_mdp_peer_hurry(CpsMdpPeer *peer);

/* A socket that is watched. Returns NULL with *code_p an errno. */
CpsMdpSocket *cps_mdp_socket_open(CpsMdpPeer *peer, CpsMdpLink *owner, const CpsZmqOptions *options,
                                  void (*heard)(CpsMdpSocket *), int *code_p);
void cps_mdp_socket_close(CpsMdpSocket **socket_p, int linger_ms);

/* Something for the log. */
void cps_mdp_note(CpsMdpPeer *peer, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Bytes of a peer as text for a log line. */
void cps_mdp_text(char *text, size_t size, CpsZmqMessage *message, size_t frame);

/* Connect to a broker. Returns NULL with *code_p an errno. */
CpsMdpLink *cps_mdp_link_new(CpsMdpPeer *peer, const char *name, const char *endpoint, bool fixed, int *code_p);

/* Begin anew with other sockets: what comes on the old ones is lost. */
void cps_mdp_link_renew(CpsMdpLink *self);

/* Let go of it; no session of it remains. */
void cps_mdp_link_free(CpsMdpLink *self);

/* Its time: attempts, heartbeats, reconnections. May free it. */
void cps_mdp_link_tick(CpsMdpLink *self, uint64_t now);

/* Read what has come, as far as there is room. May free it. */
void cps_mdp_link_read(CpsMdpLink *self);

/* Send it; it is empty then. Returns 0; EAGAIN: it takes nothing for now; or another errno. */
int cps_mdp_link_send(CpsMdpLink *self, CpsZmqMessage *message);

#endif
