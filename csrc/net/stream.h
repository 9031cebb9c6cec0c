/* stream.h: a connection that carries bytes, over TCP or a Unix socket, with TLS or without. Plain C, in the loop's thread. */
#ifndef CPS_NET_STREAM_H
#define CPS_NET_STREAM_H

#include "base/buffer.h"
#include "net/listener.h"
#include "net/tls.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <uv.h>

typedef struct CpsStream CpsStream;
typedef struct CpsStreamTls CpsStreamTls; /* net/streamtls.h */

/* Callbacks of its owner, in uv_run: no Python object, perhaps no GIL. All but on_closed may call any function of the stream; none is
 * called from within one. */
typedef struct {
    void (*on_bytes)(CpsStream *stream, const char *bytes, size_t length); /* the bytes only last for the call */
    /* Nothing more will come: code 0, the peer has ended its side in order; else a libuv code (or UV_EPROTO: its TLS is broken) and
     * nothing can be written any more either. 0 may be followed by a code, when what is still written does not arrive. It may come
     * while reading is off. The owner closes the stream when it is done with it. */
    void (*on_end)(CpsStream *stream, int code);
    /* What was written is with the kernel, after a time when it was not. */
    void (*on_drained)(CpsStream *stream);
    /* The last that is heard of it: its memory may be freed. */
    void (*on_closed)(CpsStream *stream);
    /* Of a stream that connects: it has, and its TLS handshake is done. Before that nothing is read or written. */
    void (*on_connected)(CpsStream *stream);
} CpsStreamOps;

struct CpsStream {
    const CpsStreamOps *ops; /* borrowed */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    CpsStreamTls *tls; /* owned; NULL: bytes go as they are */
    size_t unsent;     /* bytes that were written and are not with the kernel yet; what TLS adds does not count */
    bool reading;      /* as asked by cps_stream_read */
    bool ended;        /* on_end was called */
    bool finishing;    /* cps_stream_finish was called */
    bool closing;

    /* of stream.c */
    bool watching;    /* libuv reads */
    bool sending;     /* `write` is under way: what it sends must stay where it is */
    bool behind;      /* on_drained is owed */
    bool shut;        /* our side is ended, or about to be */
    bool peer_shut;   /* the peer's, as far as the kernel knows: there may be a TLS record that says so before */
    int open_handles; /* that are to be closed before on_closed, and work in the thread pool */
    int failure;      /* libuv code, once nothing can be read or written any more */
    unsigned int linger_ms;
    CpsBuffer outgoing; /* what is sent now, of which the first `sent` bytes are done */
    size_t sent;
    CpsBuffer waiting; /* what was written while `outgoing` was full */
    size_t slice;      /* how many bytes `write` sends */
    uv_connect_t connect;
    uv_write_t write;
    uv_shutdown_t shutdown;
    uv_timer_t
        timer; /* at 0 ms: the owner is to be called, but not from within its own call; when finishing: the linger time */
};

/* Take the connection that listener->on_connection was called for; `tls` may be NULL. Reading is off. Returns 0, or a libuv code: then
 * the stream was not made, and ops->on_closed is called later on when *closes says so. */
int cps_stream_accept(CpsStream *stream, const CpsStreamOps *ops, CpsListener *listener, CpsTlsContext *tls,
                      bool *closes);

/* Where to. */
typedef struct {
    const struct sockaddr *address; /* of IPv4 or IPv6 */
    const char *path;               /* of a Unix socket; NULL: the address */
    CpsTlsContext *tls;             /* of a client; NULL: none */
    const char *tls_name;           /* whom the certificate must be of */
} CpsStreamTo;

/* Connect. ops->on_connected is called when that is done, on_end when it fails. The connection is probed when it is idle, so that the end
 * of a peer that said nothing is found. SIGPIPE is ignored from now on, as by cps_listener_open. Returns as cps_stream_accept. */
int cps_stream_connect(CpsStream *stream, const CpsStreamOps *ops, uv_loop_t *loop, const CpsStreamTo *to,
                       bool *closes);

/* What broke its TLS, in OpenSSL's words; or NULL. Static. */
const char *cps_stream_tls_reason(const CpsStream *stream);

/* Go on with TLS on a stream that was plain, once everything that was written is sent (`unsent` is 0): what comes from now on is a handshake,
 * and what it protects. Returns 0, or a libuv code. */
int cps_stream_start_tls(CpsStream *stream, CpsTlsContext *tls);

/* Have bytes come, or not for now. Bytes that TLS has decoded already wait in the stream meanwhile. A stream with reading off does not
 * notice that its peer goes away. */
void cps_stream_read(CpsStream *stream, bool on);

/* Write the bytes, which are taken: *bytes is empty then. What the kernel does not take at once waits in order. Returns 0, or a libuv code
 * when the connection is broken: on_end will be called, or was. */
int cps_stream_write(CpsStream *stream, CpsBuffer *bytes);

/* End our side once everything is sent (TLS: close_notify first), go on reading and throwing away what comes, for at most
 * `linger_ms`, and then close: a client that still sends would otherwise lose the last response to a reset (RFC 9112, 9.6). Only
 * on_closed is called any more. The time counts from when everything is sent: for how long a slow reader may take until then is up to
 * its owner, who can watch `unsent` and close. Without anything to send, a stream whose TLS handshake is not done is closed at once. */
void cps_stream_finish(CpsStream *stream, unsigned int linger_ms);

/* Close at once; safe to call twice. */
void cps_stream_close(CpsStream *stream);

/* The peer's address as text (IPv4 in its own form, also on an IPv6 socket), and its port; "" and 0 for a Unix socket or when it is
 * gone. `text` holds INET6_ADDRSTRLEN bytes. */
void cps_stream_peer(const CpsStream *stream, char *text, size_t size, int *port);

#endif
