#include "net/tcpclient.h"

#include "base/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 256 * 1024 }; /* what the stream gets at once */

struct CpsTcpClientLink {
    CpsStream stream;
    CpsTcpClient *client; /* borrowed */
};

static CpsTcpClientLink *
link_of(CpsStream *stream)
{
    return CPS_CONTAINER(stream, CpsTcpClientLink, stream);
}

/* Whether the stream is the one that is used; others are on their way out. */
static bool
link_is_used(const CpsTcpClientLink *link)
{
    return link->client->link == link;
}

/* --- the end --------------------------------------------------------------------------------------------------------------------- */

static void
client_closed_one(CpsTcpClient *client)
{
    if (--client->open_handles == 0) {
        cps_tls_context_unref(client->tls);
        cps_buffer_free(&client->frames);
        client->on_closed(client);
    }
}

static void
on_handle_closed(uv_handle_t *handle)
{
    client_closed_one(handle->data);
}

static void
link_on_closed(CpsStream *stream)
{
    CpsTcpClient *client = link_of(stream)->client;

    free(link_of(stream));
    client_closed_one(client);
}

/* The messages are all to be written again. */
static void
client_disconnect(CpsTcpClient *client)
{
    CpsTcpClientLink *link = client->link;

    client->connected = false;
    client->written = client->start;
    client->link = NULL;
    uv_timer_stop(&client->timer);
    if (link != NULL) {
        cps_stream_close(&link->stream);
    }
}

/* --- attempts -------------------------------------------------------------------------------------------------------------------- */

static void client_connect(CpsTcpClient *client);

static void
on_retry(uv_timer_t *timer)
{
    CpsTcpClient *client = timer->data;

    client->waiting = false;
    client_connect(client);
}

/* Try again later, each time after twice as long; some of it by chance, so that many clients of a server that comes back do not come at
 * once. */
static void
client_retry(CpsTcpClient *client)
{
    uint32_t half = client->retry_ms / 2;

    client->waiting = true;
    uv_timer_start(&client->timer, on_retry, half + uv_hrtime() / 1000 % (half + 1), 0);
    client->retry_ms =
        client->retry_ms > client->config->retry_max_ms / 2 ? client->config->retry_max_ms : 2 * client->retry_ms;
}

static void
client_fail(CpsTcpClient *client, const char *problem)
{
    client_disconnect(client);
    uv_freeaddrinfo(client->addresses);
    client->addresses = client->next_address = NULL;
    client->failed = true;
    snprintf(client->problem, sizeof(client->problem), "%s", problem);
    client->on_change(client);
    client_retry(client);
}

/* --- writing --------------------------------------------------------------------------------------------------------------------- */

/* Give the connection what it takes. */
static void
client_write(CpsTcpClient *client)
{
    while (client->connected && client->link->stream.unsent == 0 && client->written < client->frames.length) {
        size_t rest = client->frames.length - client->written, length = rest < PIECE ? rest : PIECE;
        CpsBuffer piece = {0};

        if (cps_buffer_append(&piece, client->frames.bytes + client->written, length) < 0 ||
            cps_stream_write(&client->link->stream, &piece) < 0) {
            return; /* the end of the stream follows, or the next turn's try */
        }
        client->written += length;
    }
}

static void
on_turn(uv_prepare_t *turn)
{
    CpsTcpClient *client = turn->data;

    uv_prepare_stop(turn);
    client_write(client);
}

static void
link_on_drained(CpsStream *stream)
{
    if (link_is_used(link_of(stream))) {
        client_write(link_of(stream)->client);
    }
}

/* Take out what is acknowledged; bytes move only when that makes at least as many free. */
static void
client_compact(CpsTcpClient *client)
{
    enum { LARGE = 1 << 20 };

    if (client->start == client->frames.length) {
        client->frames.length = client->start = client->written = 0;
        if (client->frames.capacity > LARGE) {
            cps_buffer_free(&client->frames);
        }
    }
    else if (client->start > client->frames.length / 2) {
        cps_buffer_drop(&client->frames, client->start);
        client->written -= client->start;
        client->start = 0;
    }
}

/* --- answers --------------------------------------------------------------------------------------------------------------------- */

/* So many messages of this connection are acknowledged. Returns false, and nothing is, when that cannot be. */
static bool
client_count(CpsTcpClient *client, uint64_t count)
{
    size_t end = client->start;

    if (count < client->counted) {
        return false;
    }
    for (uint64_t i = client->counted; i < count; i++) {
        if (client->written - end < CPS_FRAME_HEAD) {
            return false;
        }
        end += CPS_FRAME_HEAD + cps_frame_length(client->frames.bytes + end);
        if (end > client->written) {
            return false;
        }
    }
    client->acknowledged += count - client->counted;
    client->counted = count;
    client->start = end;
    client_compact(client);
    return true;
}

static uint64_t
read_count(const char *answer)
{
    uint64_t count = 0;

    for (int i = 0; i < 8; i++) {
        count = count << 8 | (unsigned char)answer[i];
    }
    return count;
}

static void
link_on_bytes(CpsStream *stream, const char *bytes, size_t length)
{
    CpsTcpClient *client = link_of(stream)->client;
    bool makes_sense = true;

    if (!link_is_used(link_of(stream))) {
        return;
    }
    client->heard_at = uv_now(client->loop);
    while (makes_sense && length > 0) {
        size_t room = sizeof(client->answer) - client->answer_length, part = length < room ? length : room;

        memcpy(client->answer + client->answer_length, bytes, part);
        client->answer_length += part;
        bytes += part;
        length -= part;
        if (client->answer_length == sizeof(client->answer)) {
            client->answer_length = 0;
            makes_sense = client_count(client, read_count(client->answer));
            client->retry_ms = makes_sense ? client->config->retry_min_ms : client->retry_ms;
        }
    }
    if (!makes_sense) {
        client_fail(client, "the other side does not answer as one that receives events does");
        return;
    }
    client->on_change(client);
}

/* --- connecting ------------------------------------------------------------------------------------------------------------------ */

static void
on_silence(uv_timer_t *timer)
{
    CpsTcpClient *client = timer->data;

    if (cps_tcp_client_kept(client) == 0) {
        client->heard_at = uv_now(client->loop);
    }
    else if (uv_now(client->loop) - client->heard_at >= client->config->silence_ms) {
        client_fail(client, "the other side is silent");
    }
}

static void
link_on_connected(CpsStream *stream)
{
    CpsTcpClient *client = link_of(stream)->client;

    if (!link_is_used(link_of(stream))) {
        return;
    }
    uv_freeaddrinfo(client->addresses);
    client->addresses = client->next_address = NULL;
    client->connected = true;
    client->counted = 0;
    client->answer_length = 0;
    client->heard_at = uv_now(client->loop);
    uv_timer_start(&client->timer, on_silence, client->config->silence_ms / 4 + 1, client->config->silence_ms / 4 + 1);
    cps_stream_read(stream, true);
    client->on_change(client);
    client_write(client);
}

static void client_try_next(CpsTcpClient *client, const char *problem);

static void
link_on_end(CpsStream *stream, int code)
{
    CpsTcpClient *client = link_of(stream)->client;
    const char *reason = cps_stream_tls_reason(stream);
    const char *problem = reason != NULL ? reason : code == 0 ? "the connection was ended" : uv_strerror(code);

    if (!link_is_used(link_of(stream))) {
        return;
    }
    if (!client->connected) {
        client_disconnect(client);
        client_try_next(client, problem);
    }
    else if (cps_tcp_client_kept(client) == 0) {
        client_disconnect(client); /* it comes back when there is something to send */
        client->on_change(client);
    }
    else {
        client_fail(client, problem);
    }
}

static const CpsStreamOps link_ops = {
    .on_bytes = link_on_bytes,
    .on_end = link_on_end,
    .on_drained = link_on_drained,
    .on_closed = link_on_closed,
    .on_connected = link_on_connected,
};

static void
on_connect_timeout(uv_timer_t *timer)
{
    CpsTcpClient *client = timer->data;

    client_disconnect(client);
    client_try_next(client, uv_strerror(UV_ETIMEDOUT));
}

/* Returns 0, or a libuv code. */
static int
client_open_link(CpsTcpClient *client, const struct sockaddr *address, const char *path)
{
    CpsStreamTo to = {.address = address, .path = path, .tls = client->tls, .tls_name = client->config->tls_name};
    CpsTcpClientLink *link = calloc(1, sizeof(*link));
    bool closes = false;
    int code;

    if (link == NULL) {
        return UV_ENOMEM;
    }
    code = cps_stream_connect(&link->stream, &link_ops, client->loop, &to, &closes);
    link->client = client;
    if (code < 0 && !closes) {
        free(link);
        return code;
    }
    client->open_handles++;
    if (code == 0) {
        client->link = link;
        uv_timer_start(&client->timer, on_connect_timeout, client->config->connect_ms, 0);
    }
    return code;
}

/* The next of the addresses; after the last the attempt has failed, for the reason of that. */
static void
client_try_next(CpsTcpClient *client, const char *problem)
{
    while (client->next_address != NULL) {
        const struct addrinfo *info = client->next_address;
        int code;

        client->next_address = info->ai_next;
        code = client_open_link(client, info->ai_addr, NULL);
        if (code == 0) {
            return;
        }
        problem = uv_strerror(code);
    }
    client_fail(client, problem);
}

static void
on_looked_up(uv_getaddrinfo_t *lookup, int status, struct addrinfo *addresses)
{
    CpsTcpClient *client = lookup->data;

    client->looking_up = false;
    client->addresses = client->next_address = addresses;
    if (!client->closing) {
        client_try_next(client, status < 0 ? uv_strerror(status) : "it has no address");
    }
    else {
        uv_freeaddrinfo(addresses);
    }
    client_closed_one(client); /* the lookup counts as a handle */
}

/* The host without the brackets of an IPv6 address. */
static void
bare_host(const char *host, char *bare, size_t size)
{
    size_t length = strlen(host);

    if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
        snprintf(bare, size, "%.*s", (int)(length - 2), host + 1);
    }
    else {
        snprintf(bare, size, "%s", host);
    }
}

static void
client_look_up(CpsTcpClient *client)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char port[16], host[256];
    int code;

    snprintf(port, sizeof(port), "%d", client->config->port);
    bare_host(client->config->host, host, sizeof(host));
    code = uv_getaddrinfo(client->loop, &client->lookup, on_looked_up, host, port, &hints);
    if (code < 0) {
        client_fail(client, uv_strerror(code));
        return;
    }
    client->looking_up = true;
    client->open_handles++;
}

static void
client_connect(CpsTcpClient *client)
{
    static const char unix_prefix[] = "unix:";
    const char *host = client->config->host;
    int code;

    if (client->link != NULL || client->looking_up || client->waiting || client->closing ||
        cps_tcp_client_kept(client) == 0) {
        return;
    }
    if (strncmp(host, unix_prefix, sizeof(unix_prefix) - 1) != 0) {
        client_look_up(client);
        return;
    }
    code = client_open_link(client, NULL, host + sizeof(unix_prefix) - 1);
    if (code < 0) {
        client_fail(client, uv_strerror(code));
    }
}

/* --- for its user ---------------------------------------------------------------------------------------------------------------- */

void
cps_tcp_client_open(CpsTcpClient *client, uv_loop_t *loop, const CpsTcpClientConfig *config, CpsTlsContext *tls)
{
    client->loop = loop;
    client->config = config;
    client->tls = tls;
    client->retry_ms = config->retry_min_ms;
    client->lookup.data = client;
    uv_timer_init(loop, &client->timer); /* neither can fail */
    uv_prepare_init(loop, &client->turn);
    client->timer.data = client->turn.data = client;
    client->open_handles = 2;
}

int
cps_tcp_client_add(CpsTcpClient *client, const char *bytes, uint32_t length)
{
    enum { ENOUGH = 65536 };

    if (cps_buffer_reserve(&client->frames, (size_t)length + CPS_FRAME_HEAD) < 0) {
        return -1;
    }
    if (cps_tcp_client_kept(client) == 0) {
        client->heard_at = uv_now(client->loop);
    }
    (void)cps_frame_append_head(&client->frames, length); /* there is room */
    (void)cps_buffer_append(&client->frames, bytes, length);
    if (!client->connected) {
        client_connect(client);
    }
    else if (client->frames.length - client->written >= ENOUGH) {
        client_write(client);
    }
    else {
        uv_prepare_start(&client->turn, on_turn);
    }
    return 0;
}

void
cps_tcp_client_forget(CpsTcpClient *client)
{
    client_disconnect(client);
    client->waiting = false;
    cps_buffer_free(&client->frames);
    client->start = client->written = 0;
}

void
cps_tcp_client_close(CpsTcpClient *client)
{
    if (client->closing) {
        return;
    }
    client->closing = true;
    if (client->looking_up) {
        uv_cancel((uv_req_t *)&client->lookup);
    }
    cps_tcp_client_forget(client);
    uv_freeaddrinfo(client->addresses);
    client->addresses = client->next_address = NULL;
    uv_close((uv_handle_t *)&client->timer, on_handle_closed);
    uv_close((uv_handle_t *)&client->turn, on_handle_closed);
}
