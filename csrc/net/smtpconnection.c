#include "net/smtpconnection.h"

enum {
    LINGER_MS = 2000,            /* for the client to read the last reply */
    DATA_BYTES_PER_SECOND = 256, /* slower messages are broken off */
    UNSENT_BYTES = 65536,        /* of replies: with more, no more commands are read */
};

static CpsSmtpConnection *
connection_of(CpsClient *client)
{
    return CPS_CONTAINER(client, CpsSmtpConnection, client);
}

/* So many bytes of a message are in memory because of it. */
static void
connection_count(CpsSmtpConnection *self, size_t bytes)
{
    self->server->message_bytes += bytes;
    self->server->message_bytes -= self->message_bytes;
    self->message_bytes = bytes;
}

static void
connection_close(CpsSmtpConnection *self)
{
    CpsSmtpDelivery *delivery = self->delivery;

    self->finishing = true;
    self->delivery = NULL;
    connection_count(self, 0);
    cps_deadline_clear(&self->client.wait);
    if (delivery != NULL) {
        delivery->connection = NULL;
        if (!delivery->held) {
            cps_smtp_delivery_free(
                delivery); /* nobody has looked at it, and the client was promised nothing: it will come again */
        }
    }
    cps_stream_close(&self->client.stream);
}

/* --- what it waits for ----------------------------------------------------------------------------------------------------------- */

static void
connection_wait(CpsSmtpConnection *self, CpsSmtpWait kind, uint32_t ms)
{
    if (!cps_deadline_is(&self->client.wait, (int)kind)) {
        cps_deadline_set(&self->server->base.deadlines, &self->client.wait, (int)kind, ms);
    }
}

/* Wait for what must come next; a wait for the same goes on. */
static void
connection_update_wait(CpsSmtpConnection *self)
{
    const CpsSmtpServerLimits *limits = self->server->limits;

    if (self->client.stream.closing) {
        cps_deadline_clear(&self->client.wait);
    }
    else if (self->client.stream.unsent > 0) {
        cps_client_wait_to_write(&self->client, CPS_SMTP_WAIT_CLIENT, limits->write_ms);
    }
    else if (self->finishing || self->delivery != NULL) {
        cps_deadline_clear(&self->client.wait); /* for the stream, which ends by itself; or for the user */
    }
    else if (self->session.in_data) {
        connection_wait(self, CPS_SMTP_WAIT_DATA, limits->data_ms);
    }
    else {
        connection_wait(self, CPS_SMTP_WAIT_COMMAND, limits->command_ms);
    }
}

/* --- replies --------------------------------------------------------------------------------------------------------------------- */

bool
cps_smtp_client_is_done(const CpsClient *client)
{
    const CpsSmtpConnection *self = CPS_CONTAINER(client, CpsSmtpConnection, client);

    return self->client.stream.closing || (self->finishing && self->client.stream.unsent == 0);
}

static void
connection_write_replies(CpsSmtpConnection *self)
{
    if (self->session.replies.length > 0 && cps_stream_write(&self->client.stream, &self->session.replies) < 0) {
        connection_close(self);
    }
}

/* After the replies that are written. */
static void
connection_finish(CpsSmtpConnection *self)
{
    if (!self->finishing) {
        self->finishing = true;
        cps_stream_finish(&self->client.stream, LINGER_MS);
        connection_update_wait(self);
    }
}

/* Say goodbye on the server's own account. */
static void
connection_dismiss(CpsSmtpConnection *self, const char *status, const char *text)
{
    cps_smtp_announce(&self->session, status, text);
    cps_smtp_message_free(&self->session.message);
    connection_count(self, 0);
    connection_write_replies(self);
    connection_finish(self);
}

/* --- what the client says -------------------------------------------------------------------------------------------------------- */

static void
connection_deliver(CpsSmtpConnection *self)
{
    CpsSmtpServer *server = self->server;
    CpsSmtpDelivery *delivery = calloc(1, sizeof(*delivery));

    if (delivery == NULL) {
        cps_smtp_answer(&self->session, "452 4.3.1 Out of memory");
        connection_write_replies(self);
        return;
    }
    delivery->connection = self;
    delivery->message = self->session.message;
    self->session.message = (CpsSmtpMessage){0};
    cps_stream_peer(&self->client.stream, delivery->peer, sizeof(delivery->peer), &delivery->peer_port);
    self->delivery = delivery;
    cps_list_append(&server->received, &delivery->link);
    server->on_change(server);
}

/* The reply to STARTTLS is sent: go on. */
static void
connection_start_tls(CpsSmtpConnection *self)
{
    self->starting_tls = false;
    cps_smtp_secured(&self->session);
    cps_deadline_clear(&self->client.wait);
    if (cps_stream_start_tls(&self->client.stream, self->server->base.tls) < 0) {
        connection_close(self);
    }
}

static void
connection_handle(CpsSmtpConnection *self, CpsSmtpOutcome outcome)
{
    switch (outcome) {
    case CPS_SMTP_MORE:
        break;
    case CPS_SMTP_MESSAGE:
        connection_deliver(self);
        break;
    case CPS_SMTP_STARTTLS:
        self->starting_tls = true;
        break;
    case CPS_SMTP_END:
        connection_finish(self);
        break;
    }
}

/* Whether it can use more bytes now. */
static bool
connection_takes(const CpsSmtpConnection *self)
{
    return !self->finishing && self->delivery == NULL && !self->starting_tls &&
           self->client.stream.unsent <= UNSENT_BYTES;
}

/* A message that comes too slowly. */
static bool
connection_is_slow(const CpsSmtpConnection *self)
{
    return self->session.in_data &&
           uv_now(self->server->base.loop) - self->data_start >
               self->server->limits->data_ms + self->session.data_bytes * 1000 / DATA_BYTES_PER_SECOND;
}

/* Begin to wait anew when something was said since: a whole command, or any piece of a message. */
static void
connection_note_progress(CpsSmtpConnection *self, bool was_in_data, uint32_t commands_before)
{
    if (self->session.in_data || self->session.commands != commands_before) {
        cps_deadline_clear(&self->client.wait);
    }
    if (self->session.in_data && (!was_in_data || self->session.commands != commands_before)) {
        self->data_start = uv_now(self->server->base.loop);
    }
}

/* Messages may take so much memory: those that stand still the longest have to go, and at last its own. */
static void
connection_make_room(CpsSmtpConnection *self)
{
    CpsSmtpServer *server = self->server;

    while (server->message_bytes > server->limits->message_bytes) {
        CpsDeadline *first = cps_deadlines_first(&server->base.deadlines, CPS_SMTP_WAIT_DATA);
        CpsSmtpConnection *other = first == NULL ? self : CPS_CONTAINER(first, CpsSmtpConnection, client.wait);

        if (!other->session.in_data || other->finishing) {
            break; /* its own, which is complete */
        }
        connection_dismiss(other, "421 4.3.1", "Too many messages are coming");
    }
}

/* Count what has come of a message, or of the one that is delivered. */
static void
connection_note_size(CpsSmtpConnection *self)
{
    size_t bytes = self->delivery != NULL ? self->delivery->message.data.length : self->session.message.data.length;
    bool more = bytes > self->message_bytes;

    connection_count(self, bytes);
    if (more) {
        connection_make_room(self);
    }
}

/* Use bytes as far as that goes now. Returns how many were used, or may be thrown away. */
static size_t
connection_feed(CpsSmtpConnection *self, const char *bytes, size_t length)
{
    bool was_in_data = self->session.in_data;
    uint32_t commands_before = self->session.commands;
    size_t done = 0, used;

    while (done < length && connection_takes(self)) {
        CpsSmtpOutcome outcome = cps_smtp_feed(&self->session, bytes + done, length - done, &used);

        done += used;
        connection_write_replies(self);
        if (!self->client.stream.closing) {
            connection_handle(self, outcome);
        }
    }
    if (!self->client.stream.closing) {
        connection_note_progress(self, was_in_data, commands_before);
        connection_note_size(self);
    }
    return self->finishing || self->starting_tls ? length : done;
}

/* Keep what cannot be used yet. */
static void
connection_keep(CpsSmtpConnection *self, const char *bytes, size_t length)
{
    if (cps_buffer_append(&self->backlog, bytes, length) < 0) {
        connection_close(self);
    }
}

static void
connection_feed_backlog(CpsSmtpConnection *self)
{
    CpsBuffer backlog = {0};
    size_t used;

    cps_buffer_move(&backlog, &self->backlog);
    used = connection_feed(self, backlog.bytes, backlog.length);
    connection_keep(self, backlog.bytes + used, backlog.length - used);
    cps_buffer_free(&backlog);
}

/* After a change: use what was put aside, begin TLS, read or not, end or wait. */
static void
connection_go_on(CpsSmtpConnection *self)
{
    if (self->client.stream.closing) {
        return;
    }
    while (self->backlog.length > 0 && connection_takes(self)) {
        connection_feed_backlog(self);
    }
    if (self->starting_tls && self->client.stream.unsent == 0) {
        connection_start_tls(self);
    }
    if (self->client.ended && self->backlog.length == 0 && self->delivery == NULL) {
        connection_finish(self);
    }
    if (!self->finishing) {
        cps_stream_read(&self->client.stream, !self->client.ended && connection_takes(self));
    }
    connection_update_wait(self);
}

void
cps_smtp_connection_answer(CpsSmtpConnection *self, const char *reply)
{
    self->delivery = NULL;
    connection_count(self, 0);
    cps_smtp_answer(&self->session, reply);
    connection_write_replies(self);
    if (self->client.stream.closing) {
        return;
    }
    if (self->server->base.ending) {
        connection_dismiss(self, "421 4.3.2", "The server is stopping");
        return;
    }
    connection_go_on(self);
}

/* --- the stream ------------------------------------------------------------------------------------------------------------------ */

void
cps_smtp_client_on_bytes(CpsClient *client, const char *bytes, size_t length)
{
    CpsSmtpConnection *self = connection_of(client);
    size_t used = self->backlog.length > 0 ? 0 : connection_feed(self, bytes, length);

    if (!self->finishing) {
        connection_keep(self, bytes + used, length - used);
    }
    if (connection_is_slow(self) && !self->finishing) {
        connection_dismiss(self, "421 4.4.2", "The message comes too slowly");
    }
    connection_go_on(self);
}

void
cps_smtp_client_on_end(CpsClient *client, int code)
{
    CpsSmtpConnection *self = connection_of(client);

    if (code < 0) {
        connection_close(self);
    }
    else {
        connection_go_on(self);
    }
}

/* A server that ends waits for that. */
static void
connection_note_rest(CpsSmtpConnection *self)
{
    if (self->server->base.ending) {
        self->server->on_change(self->server);
    }
}

void
cps_smtp_client_on_drained(CpsClient *client)
{
    CpsSmtpConnection *self = connection_of(client);

    cps_deadline_clear(&client->wait);
    connection_go_on(self);
    connection_note_rest(self);
}

void
cps_smtp_client_lost(CpsClient *client)
{
    CpsSmtpConnection *self = connection_of(client);

    connection_count(self, 0);
    connection_note_rest(self);
}

void
cps_smtp_client_free(CpsClient *client)
{
    CpsSmtpConnection *self = connection_of(client);

    cps_smtp_session_free(&self->session);
    cps_buffer_free(&self->backlog);
    free(self);
}

/* --- life ------------------------------------------------------------------------------------------------------------------------ */

CpsClient *
cps_smtp_client_make(CpsServer *base)
{
    CpsSmtpServer *server = CPS_CONTAINER(base, CpsSmtpServer, base);
    CpsSmtpConnection *self = calloc(1, sizeof(*self));

    if (self == NULL) {
        return NULL;
    }
    self->server = server;
    cps_smtp_session_init(&self->session, &server->limits->session, server->name,
                          base->tls != NULL && !server->implicit_tls);
    return &self->client;
}

void
cps_smtp_client_begin(CpsClient *client)
{
    CpsSmtpConnection *self = connection_of(client);

    switch (cps_server_admit(&self->server->base, self->server->limits->connections)) {
    case CPS_CLIENT_SERVED:
        cps_smtp_announce(&self->session, "220", "ESMTP");
        connection_write_replies(self);
        connection_go_on(self);
        break;
    case CPS_CLIENT_REFUSED:
        connection_dismiss(self, "421 4.3.2", "Too many connections");
        break;
    case CPS_CLIENT_CLOSED:
        connection_close(self);
        break;
    }
}

void
cps_smtp_client_close(CpsClient *client)
{
    connection_close(connection_of(client));
}

void
cps_smtp_client_end(CpsClient *client)
{
    CpsSmtpConnection *self = connection_of(client);

    if (!self->finishing && self->delivery == NULL) {
        connection_dismiss(self, "421 4.3.2", "The server is stopping");
    }
}

void
cps_smtp_client_expire(CpsClient *client)
{
    CpsSmtpConnection *self = connection_of(client);

    switch ((CpsSmtpWait)self->client.wait.kind) {
    case CPS_SMTP_WAIT_COMMAND:
        connection_dismiss(self, "421 4.4.2", "No command has come in time");
        break;
    case CPS_SMTP_WAIT_DATA:
        connection_dismiss(self, "421 4.4.2", "The message comes too slowly");
        break;
    case CPS_SMTP_WAIT_CLIENT:
        if (cps_client_took_nothing(&self->client)) {
            connection_close(self);
            break;
        }
        connection_update_wait(self); /* slowly, but it takes something */
        break;
    }
}
