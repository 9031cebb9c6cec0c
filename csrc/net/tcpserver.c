#include "net/tcpserver.h"

#include <stdlib.h>

enum {
    LINGER_MS = 1000, /* for the peer to read the last acknowledgement */
    HELD_MS = 10000,  /* as often we say that we are there to a peer whose messages wait */
    ACKNOWLEDGEMENT = 8,
};

typedef enum { WAIT_PEER, WAIT_REST, WAIT_USER } Wait; /* REST: of a message */

struct CpsTcpConnection {
    CpsClient client;     /* first */
    CpsTcpServer *server; /* borrowed */
    CpsLink turn;         /* in CpsTcpServer.received */
    CpsLink pause;        /* in CpsTcpServer.paused */
    size_t held;          /* its part of CpsTcpServer.held */
    CpsFraming framing;   /* what has come */
    CpsFrames taken;      /* what of it is the user's now */
    uint64_t accepted, acknowledged;
};

static CpsTcpConnection *
connection_of(CpsClient *client)
{
    return CPS_CONTAINER(client, CpsTcpConnection, client);
}

/* --- what waits for the user ------------------------------------------------------------------------------------------------------ */

/* Bytes of whole messages that wait here. */
static size_t
connection_waiting(const CpsTcpConnection *self)
{
    return self->framing.whole + self->taken.bytes.length - self->taken.at;
}

static bool
connection_has_messages(const CpsTcpConnection *self)
{
    return connection_waiting(self) > 0 || self->framing.refused;
}

static bool
connection_is_current(const CpsTcpConnection *self)
{
    return self->server->current == self;
}

static void
connection_hold(CpsTcpConnection *self, size_t bytes)
{
    self->server->held += bytes - self->held; /* may be less than before: unsigned numbers wrap */
    self->held = bytes;
}

static bool
server_is_full(const CpsTcpServer *server)
{
    return server->held > server->limits->total + CPS_FRAME_HEAD;
}

/* Nothing of it is needed any more. */
static void
connection_forget(CpsTcpConnection *self)
{
    connection_hold(self, 0);
    cps_deadline_clear(&self->client.wait);
    cps_link_remove(&self->turn);
    cps_link_remove(&self->pause);
    if (connection_is_current(self)) {
        self->server->current = NULL;
    }
}

static void
connection_close(CpsTcpConnection *self)
{
    connection_forget(self);
    cps_stream_close(&self->client.stream);
}

/* --- acknowledgements ------------------------------------------------------------------------------------------------------------- */

/* Say how many messages are accepted; not while the last such answer is still under way, which the next one then makes up for. */
static void
connection_acknowledge(CpsTcpConnection *self)
{
    CpsBuffer answer = {0};
    unsigned char count[ACKNOWLEDGEMENT];

    if (self->client.stream.unsent > 0 || self->client.stream.failure < 0) {
        return;
    }
    for (int i = 0; i < ACKNOWLEDGEMENT; i++) {
        count[i] = (unsigned char)(self->accepted >> (8 * (ACKNOWLEDGEMENT - 1 - i)));
    }
    if (cps_buffer_append(&answer, count, sizeof(count)) < 0 || cps_stream_write(&self->client.stream, &answer) < 0) {
        return; /* the end of the stream follows, or the next try */
    }
    self->acknowledged = self->accepted;
}

static void
connection_catch_up(CpsTcpConnection *self)
{
    if (self->acknowledged != self->accepted) {
        connection_acknowledge(self);
    }
}

/* --- reading ---------------------------------------------------------------------------------------------------------------------- */

/* Wait for what must come next. */
static void
connection_wait(CpsTcpConnection *self)
{
    CpsTcpServer *server = self->server;

    if (self->client.stream.closing || self->client.stream.finishing || self->client.stream.failure < 0) {
        cps_deadline_clear(&self->client.wait);
    }
    else if (connection_has_messages(self) || connection_is_current(self)) {
        if (!cps_deadline_is(&self->client.wait, WAIT_USER)) {
            cps_deadline_set(&server->base.deadlines, &self->client.wait, WAIT_USER, HELD_MS);
        }
    }
    else {
        cps_deadline_set(&server->base.deadlines, &self->client.wait, self->held > 0 ? WAIT_REST : WAIT_PEER,
                         server->limits->idle_ms);
    }
}

/* Read, unless there is enough here. */
static void
connection_read(CpsTcpConnection *self)
{
    bool has_room = !self->client.ended && connection_waiting(self) < self->server->limits->buffer;

    cps_link_remove(&self->pause);
    if (has_room && server_is_full(self->server)) {
        cps_list_append(&self->server->paused, &self->pause);
    }
    cps_stream_read(&self->client.stream, has_room && !cps_link_listed(&self->pause));
}

/* After a change: take a turn, read or not, or end. */
static void
connection_go_on(CpsTcpConnection *self)
{
    CpsTcpServer *server = self->server;

    if (self->client.stream.closing || self->client.stream.finishing) {
        return;
    }
    connection_hold(self, self->framing.bytes.length + self->taken.bytes.length);
    if (connection_has_messages(self) && !connection_is_current(self) && !cps_link_listed(&self->turn)) {
        cps_list_append(&server->received, &self->turn);
        server->on_change(server);
    }
    if (self->client.ended && !connection_has_messages(self) && !connection_is_current(self)) {
        connection_catch_up(self);
        connection_forget(self);
        cps_stream_finish(&self->client.stream, LINGER_MS);
        return;
    }
    connection_read(self);
    connection_wait(self);
}

/* After a change of what is held. A part of a message is worth nothing to anybody, and its sender has it still. */
static void
server_balance(CpsTcpServer *server)
{
    CpsList resumed;
    CpsLink *link;
    CpsDeadline *still;

    while (server_is_full(server) && server->current == NULL && cps_list_empty(&server->received) &&
           (still = cps_deadlines_first(&server->base.deadlines, WAIT_REST)) != NULL) {
        connection_close(connection_of(CPS_CONTAINER(still, CpsClient, wait)));
    }
    if (server_is_full(server)) {
        return;
    }
    cps_list_init(&resumed);
    cps_list_splice(&resumed, &server->paused);
    while ((link = cps_list_pop(&resumed)) != NULL) {
        connection_go_on(CPS_CONTAINER(link, CpsTcpConnection, pause));
    }
}

static void
client_on_bytes(CpsClient *client, const char *bytes, size_t length)
{
    CpsTcpConnection *self = connection_of(client);

    if (cps_framing_feed(&self->framing, bytes, length) < 0) {
        connection_close(self);
        return;
    }
    client->ended = client->ended || self->framing.refused;
    connection_go_on(self);
    server_balance(self->server);
}

/* What came before the end counts, also when the connection broke: its peer may be gone for good. */
static void
client_on_end(CpsClient *client, int code)
{
    connection_go_on(connection_of(client));
}

static void
client_on_drained(CpsClient *client)
{
    connection_catch_up(connection_of(client));
}

/* --- life ------------------------------------------------------------------------------------------------------------------------ */

static void
client_lost(CpsClient *client)
{
    CpsTcpConnection *self = connection_of(client);

    connection_forget(self);
    server_balance(self->server);
    self->server->on_change(self->server);
}

static void
client_free(CpsClient *client)
{
    CpsTcpConnection *self = connection_of(client);

    cps_buffer_free(&self->framing.bytes);
    cps_buffer_free(&self->taken.bytes);
    free(self);
}

static CpsClient *
client_make(CpsServer *base)
{
    CpsTcpServer *server = CPS_CONTAINER(base, CpsTcpServer, base);
    CpsTcpConnection *self = calloc(1, sizeof(*self));

    if (self == NULL) {
        return NULL;
    }
    self->server = server;
    self->framing.limit = server->limits->message;
    return &self->client;
}

static void
client_begin(CpsClient *client)
{
    CpsTcpConnection *self = connection_of(client);

    if (cps_server_admit(&self->server->base, self->server->limits->connections) != CPS_CLIENT_SERVED) {
        connection_close(self);
        return;
    }
    connection_go_on(self);
}

static void
client_expire(CpsClient *client)
{
    CpsTcpConnection *self = connection_of(client);

    if (client->wait.kind != WAIT_USER) {
        connection_close(self);
        return;
    }
    connection_acknowledge(self);
    connection_wait(self);
}

static void
client_end(CpsClient *client)
{
    CpsTcpConnection *self = connection_of(client);

    if (!self->client.stream.closing && !self->client.stream.finishing) {
        connection_catch_up(self);
        connection_forget(self);
        cps_stream_finish(&self->client.stream, LINGER_MS);
    }
}

static void
client_close(CpsClient *client)
{
    connection_close(connection_of(client));
}

static bool
client_is_done(const CpsClient *client)
{
    return client->stream.closing;
}

static void
server_on_closed(CpsServer *base)
{
    CpsTcpServer *server = CPS_CONTAINER(base, CpsTcpServer, base);

    server->on_closed(server);
}

static const CpsServerOps server_ops = {
    .make = client_make,
    .begin = client_begin,
    .on_bytes = client_on_bytes,
    .on_end = client_on_end,
    .on_drained = client_on_drained,
    .expire = client_expire,
    .end = client_end,
    .close = client_close,
    .is_done = client_is_done,
    .lost = client_lost,
    .free = client_free,
    .on_closed = server_on_closed,
};

int
cps_tcp_server_open(CpsTcpServer *server, uv_loop_t *loop, const CpsListenAt *at, CpsTlsContext *tls)
{
    cps_list_init(&server->received);
    cps_list_init(&server->paused);
    return cps_server_open(&server->base, &server_ops, loop, at, tls);
}

/* --- messages --------------------------------------------------------------------------------------------------------------------- */

/* The next one of the current connection. */
static bool
connection_next(CpsTcpConnection *self, CpsTcpMessage *message)
{
    int port;

    if (cps_frames_next(&self->taken, &message->bytes, &message->length)) {
        return true;
    }
    if (self->framing.whole > 0 || !self->framing.refused) {
        return false;
    }
    cps_stream_peer(&self->client.stream, message->peer, sizeof(message->peer), &port);
    self->framing.refused = false;
    message->bytes = NULL;
    message->length = self->framing.refused_length;
    return true;
}

/* The current connection has none left in what was taken: acknowledge, and let it wait for its next turn. */
static void
server_leave(CpsTcpServer *server)
{
    CpsTcpConnection *self = server->current;

    connection_catch_up(self);
    server->current = NULL;
    connection_go_on(self);
    server_balance(server);
}

/* Give the next connection its turn. */
static void
server_enter(CpsTcpServer *server, CpsTcpConnection *self)
{
    cps_link_remove(&self->turn);
    if (self->framing.whole > 0 && cps_framing_take(&self->framing, &self->taken) < 0) {
        connection_close(self); /* out of memory: its peer keeps what was not accepted */
        return;
    }
    server->current = self;
    connection_go_on(self);
}

bool
cps_tcp_server_next(CpsTcpServer *server, CpsTcpMessage *message)
{
    while (!server->base.ending) {
        CpsLink *link;

        if (server->current != NULL) {
            if (connection_next(server->current, message)) {
                return true;
            }
            server_leave(server);
        }
        link = cps_list_first(&server->received);
        if (link == NULL) {
            break;
        }
        server_enter(server, CPS_CONTAINER(link, CpsTcpConnection, turn));
    }
    return false;
}

void
cps_tcp_server_accept(CpsTcpServer *server)
{
    if (server->current != NULL) {
        server->current->accepted++;
    }
}

void
cps_tcp_server_pause(CpsTcpServer *server)
{
    if (server->current != NULL) {
        connection_catch_up(server->current);
    }
}
