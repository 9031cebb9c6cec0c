#include "net/streamtls.h"

#include <stdlib.h>

int
cps_stream_tls_init(CpsStream *stream, CpsTlsContext *context)
{
    CpsStreamTls *tls = calloc(1, sizeof(*tls));

    if (tls == NULL || cps_tls_session_init(&tls->session, context) < 0) {
        free(tls);
        return UV_ENOMEM;
    }
    tls->work.data = stream;
    stream->tls = tls;
    return 0;
}

void
cps_stream_tls_free(CpsStream *stream)
{
    CpsStreamTls *tls = stream->tls;

    if (tls != NULL) {
        cps_tls_session_free(&tls->session);
        cps_buffer_free(&tls->arriving);
        cps_buffer_free(&tls->sending);
        free(tls);
        stream->tls = NULL;
    }
}

/* Its TLS is broken; the alert is sent if the kernel takes it. */
static void
tls_fail(CpsStream *stream)
{
    cps_stream_send(stream);
    cps_stream_fail(stream, UV_EPROTO);
}

/* --- handshakes ------------------------------------------------------------------------------------------------------------------ */

static void
handshake_work(uv_work_t *work)
{
    CpsStream *stream = work->data;

    stream->tls->outcome = cps_tls_handshake(&stream->tls->session);
}

static void handshake_step(CpsStream *stream);

static void
handshake_done(uv_work_t *work, int status)
{
    CpsStream *stream = work->data;
    CpsStreamTls *tls = stream->tls;
    bool more = tls->arriving.length > 0;
    bool is_open = cps_stream_is_open(stream);

    tls->busy = false;
    cps_stream_release(stream); /* a closed stream's memory may be gone then */
    if (!is_open) {
        return;
    }
    if (cps_tls_feed(&tls->session, tls->arriving.bytes, tls->arriving.length) < 0) {
        cps_stream_fail(stream, UV_ENOMEM);
        return;
    }
    cps_buffer_free(&tls->arriving);
    tls->open = tls->outcome == CPS_TLS_OK;
    if (tls->outcome == CPS_TLS_BROKEN || (!tls->open && !more && stream->peer_shut)) {
        tls_fail(stream);
        return;
    }
    cps_stream_send(stream);
    if (tls->open && stream->ops->on_connected != NULL) {
        stream->ops->on_connected(stream);
    }
    if (tls->open) {
        cps_stream_tls_decode(stream);
    }
    else if (more) {
        handshake_step(stream);
    }
    cps_stream_watch(stream);
}

static void
handshake_step(CpsStream *stream)
{
    if (cps_stream_is_open(stream)) {
        stream->tls->busy = true;
        stream->open_handles++;
        uv_queue_work(stream->timer.loop, &stream->tls->work, handshake_work, handshake_done);
    }
}

/* Bytes of a handshake, and perhaps of what follows. */
static void
handshake_bytes(CpsStream *stream, const char *bytes, size_t length)
{
    CpsStreamTls *tls = stream->tls;
    int result =
        tls->busy ? cps_buffer_append(&tls->arriving, bytes, length) : cps_tls_feed(&tls->session, bytes, length);

    if (result < 0) {
        cps_stream_fail(stream, UV_ENOMEM);
    }
    else if (!tls->busy) {
        handshake_step(stream);
    }
    cps_stream_watch(stream);
}

void
cps_stream_tls_begin(CpsStream *stream)
{
    handshake_step(stream);
    cps_stream_watch(stream);
}

void
cps_stream_tls_cancel(CpsStream *stream)
{
    if (stream->tls != NULL && stream->tls->busy) {
        uv_cancel((uv_req_t *)&stream->tls->work);
    }
}

/* --- reading --------------------------------------------------------------------------------------------------------------------- */

bool
cps_stream_tls_wants(const CpsStream *stream)
{
    enum { LIMIT = 65536 };
    const CpsStreamTls *tls = stream->tls;

    if (!tls->open) {
        return tls->arriving.length < LIMIT;
    }
    return stream->finishing || (stream->reading && !stream->ended && tls->session.input.length == 0);
}

bool
cps_stream_tls_waiting(const CpsStream *stream)
{
    return stream->tls != NULL && stream->tls->open && stream->tls->session.input.length > 0 && !stream->ended;
}

static bool
owner_reads(const CpsStream *stream)
{
    return cps_stream_is_open(stream) && stream->reading && !stream->ended && !stream->finishing;
}

/* One record. Returns false when there is no complete one, or was no good one. */
static bool
decode_record(CpsStream *stream)
{
    static _Thread_local char record[CPS_TLS_RECORD];
    size_t length;

    switch (cps_tls_decode(&stream->tls->session, record, sizeof(record), &length)) {
    case CPS_TLS_OK:
        stream->ops->on_bytes(stream, record, length);
        return true;
    case CPS_TLS_MORE:
        return false;
    case CPS_TLS_ENDED:
        cps_stream_end(stream);
        return false;
    default:
        tls_fail(stream);
        return false;
    }
}

void
cps_stream_tls_decode(CpsStream *stream)
{
    CpsTlsSession *session = &stream->tls->session;

    while (owner_reads(stream) && decode_record(stream)) {
    }
    if (cps_tls_keep(session) < 0) {
        cps_stream_fail(stream, UV_ENOMEM);
    }
    cps_stream_send(stream); /* OpenSSL may have an answer to the peer's TLS */
    if (stream->peer_shut && !stream->ended && !stream->finishing && session->input.length == 0) {
        tls_fail(stream); /* cut off: there was no close_notify */
    }
    cps_stream_watch(stream);
}

void
cps_stream_tls_bytes(CpsStream *stream, const char *bytes, size_t length)
{
    if (!stream->tls->open) {
        handshake_bytes(stream, bytes, length);
    }
    else if (!stream->finishing) { /* else they are thrown away */
        if (cps_tls_lend(&stream->tls->session, bytes, length) < 0) {
            cps_stream_fail(stream, UV_ENOMEM);
        }
        cps_stream_tls_decode(stream);
    }
}

void
cps_stream_tls_peer_shut(CpsStream *stream)
{
    CpsStreamTls *tls = stream->tls;

    if (tls->open) {
        cps_stream_tls_decode(stream);
    }
    else if (!tls->busy) {
        tls_fail(stream);
    }
}

/* --- writing --------------------------------------------------------------------------------------------------------------------- */

/* Encode some of what the owner has written, once OpenSSL's own bytes are sent. */
static void
encode_slice(CpsStream *stream)
{
    enum { SLICE = 65536 };
    CpsStreamTls *tls = stream->tls;
    size_t rest = stream->outgoing.length - stream->sent;
    size_t length = rest < SLICE ? rest : SLICE;

    if (!tls->open || length == 0 || tls->session.output.length > 0) {
        return;
    }
    if (cps_tls_encode(&tls->session, stream->outgoing.bytes + stream->sent, length) < 0) {
        cps_stream_fail(stream, UV_EPROTO);
        return;
    }
    tls->plain = length;
    cps_stream_outgoing_done(stream, length);
}

uv_buf_t
cps_stream_tls_slice(CpsStream *stream, size_t most)
{
    CpsStreamTls *tls = stream->tls;
    size_t rest;

    if (tls->sending.length == 0 && !tls->busy) {
        encode_slice(stream);
        cps_buffer_move(&tls->sending, &tls->session.output);
    }
    rest = tls->sending.length - tls->sent;
    return uv_buf_init(tls->sending.bytes + tls->sent, (unsigned int)(rest < most ? rest : most));
}

void
cps_stream_tls_sent(CpsStream *stream, size_t count)
{
    CpsStreamTls *tls = stream->tls;

    tls->sent += count;
    if (tls->sent == tls->sending.length) {
        cps_buffer_free(&tls->sending);
        tls->sent = 0;
        stream->unsent -= tls->plain;
        tls->plain = 0;
    }
}
