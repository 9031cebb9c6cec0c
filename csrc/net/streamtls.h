/* streamtls.h: the TLS side of a stream. Shared by stream.c and streamtls.c only. Handshakes run in libuv's thread pool, one step at a
 * time; what comes meanwhile is buffered by the loop's thread, up to a limit. */
#ifndef CPS_NET_STREAMTLS_H
#define CPS_NET_STREAMTLS_H

#include "net/stream.h"
#include "net/tls.h"

struct CpsStreamTls {
    CpsTlsSession session; /* the pool's while `busy`, else the loop's */
    uv_work_t work;
    CpsTlsOutcome outcome; /* of that */
    bool busy;
    bool open;          /* the handshake is done */
    CpsBuffer arriving; /* what came while busy */
    CpsBuffer sending;  /* encoded, for the kernel, which has taken the first `sent` bytes */
    size_t sent;
    size_t plain; /* bytes of the stream's user that are in `sending` */
};

/* --- of streamtls.c ---------------------------------------------------------------------------------------------------------------- */

/* Returns 0 or UV_ENOMEM. */
int cps_stream_tls_init(CpsStream *stream, CpsTlsContext *context);
void cps_stream_tls_free(CpsStream *stream);

/* Of a client that is connected: say hello. */
void cps_stream_tls_begin(CpsStream *stream);

/* Whether more bytes of the socket are wanted, with the stream open. */
bool cps_stream_tls_wants(const CpsStream *stream);

/* These have come; or the peer's FIN. */
void cps_stream_tls_bytes(CpsStream *stream, const char *bytes, size_t length);
void cps_stream_tls_peer_shut(CpsStream *stream);

/* Whether bytes wait that can be decoded; do that, as far as the owner reads. */
bool cps_stream_tls_waiting(const CpsStream *stream);
void cps_stream_tls_decode(CpsStream *stream);

/* As next_slice and slice_sent of stream.c. */
uv_buf_t cps_stream_tls_slice(CpsStream *stream, size_t most);
void cps_stream_tls_sent(CpsStream *stream, size_t count);

/* The stream is closing: work that has not begun is taken back. */
void cps_stream_tls_cancel(CpsStream *stream);

/* --- of stream.c ------------------------------------------------------------------------------------------------------------------- */

/* Neither closing nor failed. */
bool cps_stream_is_open(const CpsStream *stream);

/* Nothing can be read or written any more: the owner is told later on. */
void cps_stream_fail(CpsStream *stream, int code);

/* The peer has ended its side in order: the owner is told now. */
void cps_stream_end(CpsStream *stream);

/* Have libuv read, or not, as the stream's state asks for. */
void cps_stream_watch(CpsStream *stream);

/* Give the kernel what it takes, and have libuv wait with the rest. */
void cps_stream_send(CpsStream *stream);

/* `count` bytes of `outgoing` are sent, or encoded. */
void cps_stream_outgoing_done(CpsStream *stream, size_t count);

/* One of open_handles is gone: with the last one, so is the stream. */
void cps_stream_release(CpsStream *stream);

#endif
