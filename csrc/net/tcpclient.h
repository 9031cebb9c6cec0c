/* tcpclient.h: who sends framed messages, and keeps each until the other side has acknowledged it: docs/wire-format.rst. It connects when there
 * is something to send, and again, at longer and longer intervals, while that fails. Plain C, in the loop's thread; its callbacks run
 * within uv_run. */
#ifndef CPS_NET_TCPCLIENT_H
#define CPS_NET_TCPCLIENT_H

#include "net/framing.h"
#include "net/stream.h"

typedef struct CpsTcpClient CpsTcpClient;
typedef struct CpsTcpClientLink CpsTcpClientLink; /* a connection */

/* Times in milliseconds. */
typedef struct {
    const char *host; /* borrowed, as all: a name, an address, or "unix:/path" */
    int port;
    const char *tls_name;                /* whom the certificate must be of */
    uint32_t connect_ms;                 /* for a connection, and its handshake */
    uint32_t silence_ms;                 /* how long the other side may say nothing while something waits for it */
    uint32_t retry_min_ms, retry_max_ms; /* between attempts, at first and at last */
} CpsTcpClientConfig;

struct CpsTcpClient {
    uv_loop_t *loop;
    const CpsTcpClientConfig *config;        /* borrowed */
    CpsTlsContext *tls;                      /* owned; NULL: none */
    void (*on_change)(CpsTcpClient *client); /* something was acknowledged, or it has connected or failed to */
    void (*on_closed)(CpsTcpClient *client); /* after cps_tcp_client_close: its memory may be freed */
    uint64_t acknowledged;                   /* messages in all */
    bool connected;
    bool failed;       /* since the user has set it to false */
    char problem[128]; /* why */

    /* of tcpclient.c */
    CpsBuffer frames; /* not acknowledged from `start` on, not written to the connection from `written` on */
    size_t start, written;
    uint64_t counted; /* of `acknowledged`, on this connection */
    char answer[8];   /* the part that has come of an acknowledgement */
    size_t answer_length;
    CpsTcpClientLink *link; /* NULL: there is none */
    uv_getaddrinfo_t lookup;
    struct addrinfo *addresses, *next_address; /* owned; borrowed */
    uv_timer_t timer;                          /* for what it waits for: a connection, the next attempt, an answer */
    uv_prepare_t turn;                         /* what was added in this turn is written at its end */
    uint32_t retry_ms;                         /* until the next attempt */
    uint64_t heard_at;                         /* uv_now when it last heard something that it waits for */
    int open_handles;
    bool looking_up, waiting, closing;
};

/* The callbacks are set before. `tls` is taken. */
void cps_tcp_client_open(CpsTcpClient *client, uv_loop_t *loop, const CpsTcpClientConfig *config, CpsTlsContext *tls);

/* Take a message, to be sent. Returns 0, or -1 when out of memory. */
int cps_tcp_client_add(CpsTcpClient *client, const char *bytes, uint32_t length);

/* How many bytes are not acknowledged. */
static inline size_t
cps_tcp_client_kept(const CpsTcpClient *client)
{
    return client->frames.length - client->start;
}

/* Forget all messages; they may have come to the other side. */
void cps_tcp_client_forget(CpsTcpClient *client);

void cps_tcp_client_close(CpsTcpClient *client);

#endif
