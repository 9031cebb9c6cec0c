/* stream.h: a connection that carries bytes, over TCP or a Unix socket, with TLS or without. Plain C, in the loop's thread. */
#ifndef CPS_NET_STREAM_H
#define CPS_NET_STREAM_H

#include "base/buffer.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <uv.h>

typedef struct CpsStream CpsStream;
typedef struct CpsTlsContext CpsTlsContext; /* net/tls.h */
typedef struct CpsTlsSession CpsTlsSession;

/* Callbacks of its owner, in uv_run: no Python object, perhaps no GIL. All but on_closed may call any function of the stream. */
typedef struct {
    void (*on_bytes)(CpsStream *stream, const char *bytes, size_t length); /* the bytes only last for the call */
    /* Nothing more will come: code 0, the peer has ended its side in order; else a libuv code (or UV_EPROTO: its TLS is broken) and
     * nothing can be written any more either. The owner closes the stream when it is done with it. */
    void (*on_end)(CpsStream *stream, int code);
    /* What was written is with the kernel, after a time when it was not. */
    void (*on_drained)(CpsStream *stream);
    /* The last that is heard of it: its memory may be freed. */
    void (*on_closed)(CpsStream *stream);
} CpsStreamOps;

struct CpsStream {
    const CpsStreamOps *ops; /* borrowed */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    CpsTlsSession *tls; /* owned; NULL: bytes go as they are */
    size_t unsent;      /* bytes that were written and are not with the kernel yet; what TLS adds does not count */
    bool reading;       /* as asked by cps_stream_read */
    bool ended;         /* on_end was called */
    bool finishing;     /* cps_stream_finish was called */
    bool closing;
};

/* Take the next connection of `listener`, a uv_tcp_t or uv_pipe_t, on its own loop; `tls` may be NULL. Reading is off. Returns 0, or a
 * libuv code: then the stream was not made, and ops->on_closed is called later on when *closes says so. */
int cps_stream_accept(CpsStream *stream, const CpsStreamOps *ops, uv_stream_t *listener, CpsTlsContext *tls, bool *closes);

/* Have bytes come, or not for now. Bytes that TLS has decoded already wait in the stream meanwhile. Not from within on_bytes' caller's
 * stack only: it may be called there, too. */
void cps_stream_read(CpsStream *stream, bool on);

/* Write the bytes, which are taken: *bytes is empty then. What the kernel does not take at once waits in order. Returns 0, or a libuv code
 * when the connection is broken: on_end will be called, or was. */
int cps_stream_write(CpsStream *stream, CpsBuffer *bytes);

/* End our side once everything is sent (TLS: close_notify first), go on reading and throwing away what comes, for at most
 * `linger_ms`, and then close: a client that still sends would otherwise lose the last response to a reset (RFC 9112, 9.6). on_bytes
 * is not called any more, on_closed is, at the end. */
void cps_stream_finish(CpsStream *stream, unsigned int linger_ms);

/* Close at once; safe to call twice. */
void cps_stream_close(CpsStream *stream);

/* The peer's address as text, and its port; "" and 0 for a Unix socket. `text` holds INET6_ADDRSTRLEN bytes. */
void cps_stream_peer(const CpsStream *stream, char *text, size_t size, int *port);

#endif
