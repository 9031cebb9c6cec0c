#include "net/streamtls.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static CpsStream *
stream_of(void *handle)
{
    return ((uv_handle_t *)handle)->data;
}

bool
cps_stream_is_open(const CpsStream *stream)
{
    return !stream->closing && stream->failure == 0;
}

/* --- the end --------------------------------------------------------------------------------------------------------------------- */

static void
on_timer(uv_timer_t *timer)
{
    CpsStream *stream = stream_of(timer);

    if (stream->finishing) {
        cps_stream_close(stream); /* it has lingered enough */
    }
    else if (stream->failure < 0) {
        stream->ended = true;
        stream->ops->on_end(stream, stream->failure);
    }
    else if (cps_stream_tls_waiting(stream)) {
        cps_stream_tls_decode(stream);
    }
}

void
cps_stream_fail(CpsStream *stream, int code)
{
    if (!cps_stream_is_open(stream)) {
        return;
    }
    stream->failure = code;
    cps_stream_watch(stream);
    if (stream->finishing) {
        cps_stream_close(stream);
    }
    else {
        uv_timer_start(&stream->timer, on_timer, 0, 0);
    }
}

void
cps_stream_end(CpsStream *stream)
{
    stream->ended = true;
    cps_stream_watch(stream);
    stream->ops->on_end(stream, 0);
}

/* --- reading --------------------------------------------------------------------------------------------------------------------- */

enum { READ_SIZE = 65536 };

/* One for all connections of a thread: those that are idle hold none. */
static _Thread_local char read_buffer[READ_SIZE];

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    *buffer = uv_buf_init(read_buffer, READ_SIZE);
}

/* The peer's FIN has come. */
static void
on_peer_shut(CpsStream *stream)
{
    stream->peer_shut = true;
    if (stream->finishing && uv_is_active((uv_handle_t *)&stream->timer)) {
        cps_stream_close(stream); /* there is nothing to linger for */
    }
    else if (stream->tls != NULL) {
        cps_stream_tls_peer_shut(stream);
    }
    else if (!stream->finishing) {
        cps_stream_end(stream);
    }
    cps_stream_watch(stream);
}

static void
on_read(uv_stream_t *handle, ssize_t count, const uv_buf_t *buffer)
{
    CpsStream *stream = stream_of(handle);

    if (count == UV_EOF) {
        on_peer_shut(stream);
    }
    else if (count < 0) {
        cps_stream_fail(stream, (int)count);
    }
    else if (count > 0 && stream->tls != NULL) {
        cps_stream_tls_bytes(stream, buffer->base, (size_t)count);
    }
    else if (count > 0 && !stream->finishing) {
        stream->ops->on_bytes(stream, buffer->base, (size_t)count);
    }
}

void
cps_stream_watch(CpsStream *stream)
{
    bool wanted = cps_stream_is_open(stream) && !stream->peer_shut;
    int code;

    if (wanted) {
        wanted = stream->tls != NULL ? cps_stream_tls_wants(stream)
                                     : stream->finishing || (stream->reading && !stream->ended);
    }
    if (wanted == stream->watching) {
        return;
    }
    stream->watching = wanted;
    if (!wanted) {
        uv_read_stop(&stream->uv.stream);
        return;
    }
    code = uv_read_start(&stream->uv.stream, on_alloc, on_read);
    if (code < 0) {
        cps_stream_fail(stream, code);
    }
}

void
cps_stream_read(CpsStream *stream, bool on)
{
    stream->reading = on;
    if (on && !stream->finishing && cps_stream_is_open(stream) && cps_stream_tls_waiting(stream)) {
        uv_timer_start(&stream->timer, on_timer, 0, 0);
    }
    cps_stream_watch(stream);
}

/* --- writing --------------------------------------------------------------------------------------------------------------------- */

void
cps_stream_outgoing_done(CpsStream *stream, size_t count)
{
    stream->sent += count;
    if (stream->sent == stream->outgoing.length) {
        stream->sent = 0;
        cps_buffer_move(&stream->outgoing, &stream->waiting);
    }
}

/* What is to be sent next, at most `most` bytes of it; empty when there is nothing. */
static uv_buf_t
next_slice(CpsStream *stream, size_t most)
{
    size_t rest = stream->outgoing.length - stream->sent;

    if (stream->tls != NULL) {
        return cps_stream_tls_slice(stream, most);
    }
    return uv_buf_init(stream->outgoing.bytes + stream->sent, (unsigned int)(rest < most ? rest : most));
}

/* The kernel has taken the first `count` bytes of the slice. */
static void
slice_sent(CpsStream *stream, size_t count)
{
    if (stream->tls != NULL) {
        cps_stream_tls_sent(stream, count);
    }
    else {
        cps_stream_outgoing_done(stream, count);
        stream->unsent -= count;
    }
}

static void
on_written(uv_write_t *write, int status)
{
    CpsStream *stream = write->data;

    stream->sending = false;
    if (stream->closing) {
        return;
    }
    if (status < 0) {
        cps_stream_fail(stream, status);
        return;
    }
    slice_sent(stream, stream->slice);
    cps_stream_send(stream);
    if (stream->behind && stream->unsent == 0 && cps_stream_is_open(stream) && !stream->finishing) {
        stream->behind = false;
        stream->ops->on_drained(stream);
    }
}

/* Leave a slice to libuv: small ones, so that `unsent` shows what a slow reader takes. */
static void
send_later(CpsStream *stream)
{
    enum { SLICE = 65536 };
    uv_buf_t slice = next_slice(stream, SLICE);
    int code = uv_write(&stream->write, &stream->uv.stream, &slice, 1, on_written);

    if (code < 0) {
        cps_stream_fail(stream, code);
        return;
    }
    stream->sending = true;
    stream->slice = slice.len;
}

static void
on_shut(uv_shutdown_t *shutdown, int status)
{
    CpsStream *stream = shutdown->data;

    if (stream->closing) {
        return;
    }
    if (status < 0 || stream->peer_shut || uv_timer_start(&stream->timer, on_timer, stream->linger_ms, 0) < 0) {
        cps_stream_close(stream);
    }
}

/* Everything is sent: end our side. */
static void
stream_shut(CpsStream *stream)
{
    stream->shut = true;
    if (stream->tls != NULL) {
        cps_tls_end(&stream->tls->session);
        cps_stream_send(stream);
    }
    if (cps_stream_is_open(stream) && uv_shutdown(&stream->shutdown, &stream->uv.stream, on_shut) < 0) {
        cps_stream_close(stream);
    }
}

void
cps_stream_send(CpsStream *stream)
{
    enum { MOST = 1 << 30 }; /* an unsigned int */

    while (cps_stream_is_open(stream) && !stream->sending) {
        uv_buf_t slice = next_slice(stream, MOST);
        int count = slice.len == 0 ? 0 : uv_try_write(&stream->uv.stream, &slice, 1);

        if (slice.len == 0) {
            break;
        }
        if (count < 0 && count != UV_EAGAIN) {
            cps_stream_fail(stream, count);
            return;
        }
        slice_sent(stream, count < 0 ? 0 : (size_t)count);
        if (count < (int)slice.len) {
            send_later(stream);
        }
    }
    if (stream->finishing && stream->unsent == 0 && cps_stream_is_open(stream) && !stream->sending && !stream->shut) {
        stream_shut(stream);
    }
}

/* Take the bytes to the end of what is to be sent. Returns 0 or -1 when out of memory. */
static int
stream_queue(CpsStream *stream, CpsBuffer *bytes)
{
    int result = 0;

    stream->unsent += bytes->length;
    if (stream->outgoing.length == 0) {
        cps_buffer_move(&stream->outgoing, bytes);
    }
    else if (stream->waiting.length == 0) {
        cps_buffer_move(&stream->waiting, bytes);
    }
    else {
        result = cps_buffer_append(&stream->waiting, bytes->bytes, bytes->length);
        cps_buffer_free(bytes);
    }
    return result;
}

int
cps_stream_write(CpsStream *stream, CpsBuffer *bytes)
{
    if (!cps_stream_is_open(stream) || stream->finishing) {
        cps_buffer_free(bytes);
        return stream->failure < 0 ? stream->failure : UV_EPIPE;
    }
    if (bytes->length == 0) {
        cps_buffer_free(bytes);
        return 0;
    }
    if (stream_queue(stream, bytes) < 0) {
        cps_stream_fail(stream, UV_ENOMEM);
        return UV_ENOMEM;
    }
    cps_stream_send(stream);
    stream->behind = stream->unsent > 0;
    return stream->failure;
}

void
cps_stream_finish(CpsStream *stream, unsigned int linger_ms)
{
    if (stream->closing || stream->finishing) {
        return;
    }
    if (stream->failure < 0 || (stream->tls != NULL && !stream->tls->open && stream->unsent == 0)) {
        cps_stream_close(stream);
        return;
    }
    uv_timer_stop(&stream->timer); /* its owner is not called any more */
    stream->finishing = true;
    stream->linger_ms = linger_ms;
    cps_stream_watch(stream);
    cps_stream_send(stream);
}

/* --- life ------------------------------------------------------------------------------------------------------------------------ */

static int
stream_init(CpsStream *stream, const CpsStreamOps *ops, uv_loop_t *loop, bool is_tcp)
{
    int code;

    *stream = (CpsStream){.ops = ops};
    code = is_tcp ? uv_tcp_init(loop, &stream->uv.tcp) : uv_pipe_init(loop, &stream->uv.pipe, 0);
    if (code < 0) {
        return code;
    }
    uv_timer_init(loop, &stream->timer);
    stream->open_handles = 2;
    stream->uv.handle.data = stream->timer.data = stream->write.data = stream->shutdown.data = stream;
    stream->connect.data = stream;
    return 0;
}

int
cps_stream_accept(CpsStream *stream, const CpsStreamOps *ops, CpsListener *listener, CpsTlsContext *tls, bool *closes)
{
    bool is_tcp = listener->path == NULL;
    int code = stream_init(stream, ops, listener->poll.loop, is_tcp);

    *closes = code == 0;
    if (code < 0) {
        stream->closing = true;
        return code;
    }
    code =
        is_tcp ? uv_tcp_open(&stream->uv.tcp, listener->accepted) : uv_pipe_open(&stream->uv.pipe, listener->accepted);
    if (code < 0) {
        cps_stream_close(stream);
        return code;
    }
    listener->accepted = -1;
    if (tls != NULL && cps_stream_tls_init(stream, tls) < 0) {
        cps_stream_close(stream);
        return UV_ENOMEM;
    }
    cps_stream_watch(stream); /* the handshake does not wait for the owner to read */
    if (is_tcp) {
        uv_tcp_nodelay(&stream->uv.tcp, 1); /* fails when the peer has gone: reading will tell */
    }
    return 0;
}

static void
on_connect(uv_connect_t *connect, int status)
{
    enum { PROBE_SECONDS = 60 };
    CpsStream *stream = connect->data;

    if (stream->closing) {
        return;
    }
    if (status < 0) {
        cps_stream_fail(stream, status);
        return;
    }
    if (stream->uv.handle.type == UV_TCP) {
        uv_tcp_nodelay(&stream->uv.tcp, 1);
        uv_tcp_keepalive(&stream->uv.tcp, 1, PROBE_SECONDS);
    }
    if (stream->tls != NULL) {
        cps_stream_tls_begin(stream);
    }
    else {
        stream->ops->on_connected(stream);
    }
}

int
cps_stream_connect(CpsStream *stream, const CpsStreamOps *ops, uv_loop_t *loop, const CpsStreamTo *to, bool *closes)
{
    int code = stream_init(stream, ops, loop, to->path == NULL);

    *closes = code == 0;
    if (code < 0) {
        stream->closing = true;
        return code;
    }
    cps_ignore_sigpipe();
    if (to->tls != NULL &&
        (cps_stream_tls_init(stream, to->tls) < 0 || cps_tls_session_expect(&stream->tls->session, to->tls_name) < 0)) {
        code = UV_ENOMEM;
    }
    else if (to->path != NULL) {
        uv_pipe_connect(&stream->connect, &stream->uv.pipe, to->path, on_connect); /* reports all to on_connect */
    }
    else {
        code = uv_tcp_connect(&stream->connect, &stream->uv.tcp, to->address, on_connect);
    }
    if (code < 0) {
        cps_stream_close(stream);
    }
    return code;
}

const char *
cps_stream_tls_reason(const CpsStream *stream)
{
    return stream->tls == NULL ? NULL : stream->tls->session.reason;
}

int
cps_stream_start_tls(CpsStream *stream, CpsTlsContext *tls)
{
    if (!cps_stream_is_open(stream) || stream->finishing) {
        return UV_EPIPE;
    }
    if (cps_stream_tls_init(stream, tls) < 0) {
        return UV_ENOMEM;
    }
    cps_stream_watch(stream);
    return 0;
}

void
cps_stream_release(CpsStream *stream)
{
    if (--stream->open_handles > 0) {
        return;
    }
    cps_buffer_free(&stream->outgoing);
    cps_buffer_free(&stream->waiting);
    cps_stream_tls_free(stream);
    stream->ops->on_closed(stream);
}

static void
on_handle_closed(uv_handle_t *handle)
{
    cps_stream_release(stream_of(handle));
}

void
cps_stream_close(CpsStream *stream)
{
    if (stream->closing) {
        return;
    }
    stream->closing = true;
    uv_close(&stream->uv.handle, on_handle_closed);
    uv_close((uv_handle_t *)&stream->timer, on_handle_closed);
    cps_stream_tls_cancel(stream);
}

/* --- the peer -------------------------------------------------------------------------------------------------------------------- */

void
cps_stream_peer(const CpsStream *stream, char *text, size_t size, int *port)
{
    struct sockaddr_storage address = {0};
    int length = sizeof(address);

    text[0] = '\0';
    *port = 0;
    if (stream->uv.handle.type != UV_TCP ||
        uv_tcp_getpeername(&stream->uv.tcp, (struct sockaddr *)&address, &length) < 0) {
        return;
    }
    if (address.ss_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)&address;

        uv_ip4_name(ipv4, text, size);
        *port = ntohs(ipv4->sin_port);
    }
    else {
        const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)&address;
        const struct in6_addr *ip = &ipv6->sin6_addr;

        if (IN6_IS_ADDR_V4MAPPED(ip)) {
            inet_ntop(AF_INET, &ip->s6_addr[12], text, (socklen_t)size);
        }
        else {
            inet_ntop(AF_INET6, ip, text, (socklen_t)size);
        }
        *port = ntohs(ipv6->sin6_port);
    }
}
