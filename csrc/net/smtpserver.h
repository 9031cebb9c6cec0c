/* smtpserver.h: an SMTP server (RFC 5321) without a meaning: it listens, talks to clients within limits, and hands over their messages. Plain
 * C, in the loop's thread; its callbacks run within uv_run. What becomes of a message is the business of its user, who is told by on_change
 * that there are some, and answers each. */
#ifndef CPS_NET_SMTPSERVER_H
#define CPS_NET_SMTPSERVER_H

#include "base/list.h"
#include "net/server.h"
#include "net/smtpsession.h"
#include "net/stream.h"

#include <netinet/in.h>

typedef struct CpsSmtpServer CpsSmtpServer;
typedef struct CpsSmtpConnection CpsSmtpConnection; /* net/smtpconnection.h */

/* Times in milliseconds. */
typedef struct {
    CpsSmtpLimits session;
    uint64_t
        message_bytes; /* of all messages that are not answered yet; then those that come most slowly are broken off, 421 */
    uint32_t connections; /* more are answered 421 */
    uint32_t command_ms;  /* until the next command is there; a TLS handshake takes no longer either */
    uint32_t data_ms;     /* how long a message may stand still; it also has to come at DATA_BYTES_PER_SECOND or more */
    uint32_t write_ms;    /* how long a client may take nothing of the replies that wait for it */
} CpsSmtpServerLimits;

/* A message that waits for its answer. The user holds it from cps_smtp_next to cps_smtp_settle. */
typedef struct {
    CpsLink link;                  /* in CpsSmtpServer.received; later the user's own */
    CpsSmtpConnection *connection; /* borrowed; NULL: the client has gone */
    CpsSmtpMessage message;        /* of which the user may take the parts */
    int peer_port;
    bool held;                   /* by the user */
    char peer[INET6_ADDRSTRLEN]; /* the client's address; "" for a Unix socket */
} CpsSmtpDelivery;

struct CpsSmtpServer {
    CpsServer base;                    /* the waits of its clients are of a CpsSmtpWait */
    const CpsSmtpServerLimits *limits; /* borrowed */
    const char *name;                  /* borrowed: who the server says it is */
    bool implicit_tls;                 /* from the first byte on (RFC 8314), instead of by STARTTLS */
    void (*on_change)(
        CpsSmtpServer *server); /* pure C: something was added to received, or a connection is at rest while it ends */
    void (*on_closed)(CpsSmtpServer *server); /* after cps_smtp_server_close: the last connection is gone */
    CpsList received;                         /* CpsSmtpDelivery.link: for cps_smtp_next */
    uint64_t message_bytes;                   /* of messages that are not answered yet, complete or not */
};

/* Listen; limits, name, implicit_tls and the callbacks are set before. May block while a name is resolved: without the GIL, outside of uv_run.
 * `tls` is taken, also on failure. Returns 0, or a libuv code: then *server may be freed once on_closed has been called (it always is, from
 * uv_run). */
int cps_smtp_server_open(CpsSmtpServer *server, uv_loop_t *loop, const CpsListenAt *at, CpsTlsContext *tls);

/* The next message, which the user holds from now on; NULL when there is none. */
CpsSmtpDelivery *cps_smtp_next(CpsSmtpServer *server);

/* Answer it: `reply` is one line, "451 4.3.0 Later"; NULL: it is accepted. The delivery is freed. */
void cps_smtp_settle(CpsSmtpDelivery *delivery, const char *reply);

/* No new connections and messages: clients are told 421, those with a message after its answer. Safe to call twice. */
static inline void
cps_smtp_server_end(CpsSmtpServer *server)
{
    cps_server_end(&server->base);
}

/* Whether every reply is with the kernel and all connections are on their way out. */
static inline bool
cps_smtp_server_at_rest(const CpsSmtpServer *server)
{
    return cps_server_at_rest(&server->base);
}

/* Close everything at once. Deliveries that the user holds are still to be settled. */
static inline void
cps_smtp_server_close(CpsSmtpServer *server)
{
    cps_server_close(&server->base);
}

#endif
