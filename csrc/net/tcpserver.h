/* tcpserver.h: who receives framed messages and acknowledges them: docs/wire-format.rst. Plain C, in the loop's thread; its callbacks run within
 * uv_run. What becomes of a message is the business of its user, who is told by on_change that there are some. */
#ifndef CPS_NET_TCPSERVER_H
#define CPS_NET_TCPSERVER_H

#include "net/framing.h"
#include "net/server.h"
#include "net/stream.h"

typedef struct CpsTcpServer CpsTcpServer;
typedef struct CpsTcpConnection CpsTcpConnection;

typedef struct {
    uint32_t connections; /* more are closed at once */
    uint32_t idle_ms;     /* without a byte of a peer from whom nothing waits here */
    size_t message;       /* bytes of one, at most */
    size_t buffer;        /* of each connection: with as many bytes of messages waiting it is not read */
    /* Of all connections together: with more bytes here none is read; and when all that has come are parts of messages, those are broken off
     * that have stood still the longest. At least a message. */
    uint64_t total;
} CpsTcpServerLimits;

/* A message. */
typedef struct {
    const char *bytes; /* borrowed, until the next one is asked for; NULL: it was too long */
    size_t length;
    char peer[INET6_ADDRSTRLEN]; /* of one that was too long: from where */
} CpsTcpMessage;

struct CpsTcpServer {
    CpsServer base;
    const CpsTcpServerLimits *limits;        /* borrowed */
    void (*on_change)(CpsTcpServer *server); /* there are messages, or a connection has gone */
    void (*on_closed)(CpsTcpServer *server); /* after cps_server_close: the last connection is gone */
    CpsList received;                        /* CpsTcpConnection.turn: those with messages */
    CpsTcpConnection *current;               /* whose messages the user gets; NULL: none, or it has gone */

    /* of tcpserver.c */
    uint64_t held;  /* bytes that have come and are not accepted */
    CpsList paused; /* CpsTcpConnection.pause: those that are not read because of them all */
};

/* Listen; limits and callbacks are set before. May block while a name is resolved: without the GIL, outside of uv_run. `tls` is taken, also on
 * failure. Returns 0, or a libuv code: then *server may be freed once on_closed has been called (it always is, from uv_run). After
 * cps_server_end there are no more messages, and peers keep what was not accepted. */
int cps_tcp_server_open(CpsTcpServer *server, uv_loop_t *loop, const CpsListenAt *at, CpsTlsContext *tls);

/* The next message of any connection; those of one come in order. Returns false when there is none. */
bool cps_tcp_server_next(CpsTcpServer *server, CpsTcpMessage *message);

/* The last message is where it should be: its sender may forget it. */
void cps_tcp_server_accept(CpsTcpServer *server);

/* Nothing will be asked for or accepted for a while: tell the sender how far we are. */
void cps_tcp_server_pause(CpsTcpServer *server);

#endif
