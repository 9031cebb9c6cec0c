/* One client: bytes become requests, answers become bytes, in the same order. */
#include "net/httpconnection.h"

enum {
    LINGER_MS = 2000,            /* a client may send that long after the last response */
    BODY_BYTES_PER_SECOND = 256, /* slower bodies are broken off */
};

static CpsHttpConnection *
connection_of(CpsClient *client)
{
    return CPS_CONTAINER(client, CpsHttpConnection, client);
}

/* --- exchanges ------------------------------------------------------------------------------------------------------------ */

/* One more, at the end. NULL when out of memory. */
static CpsHttpExchange *
connection_add_exchange(CpsHttpConnection *self)
{
    CpsHttpExchange *exchange = calloc(1, sizeof(*exchange));

    if (exchange != NULL) {
        exchange->connection = self;
        exchange->received_ns = uv_hrtime();
        cps_list_append(&self->exchanges, &exchange->link);
        self->exchange_count++;
    }
    return exchange;
}

/* It has left the connection's list: it is freed unless its user has it. */
static void
connection_lose_exchange(CpsHttpConnection *self, CpsHttpExchange *exchange)
{
    CpsHttpServer *server = self->server;

    exchange->connection = NULL;
    self->exchange_count--;
    server->body_bytes -= exchange->body_bytes;
    if (exchange->held) {
        cps_list_append(&server->gone, &exchange->user_link);
        server->on_change(server);
    }
    else {
        cps_http_exchange_free(exchange);
    }
}

static void
connection_close(CpsHttpConnection *self)
{
    CpsLink *link;

    self->over = true;
    cps_deadline_clear(&self->client.wait);
    while ((link = cps_list_pop(&self->exchanges)) != NULL) {
        connection_lose_exchange(self, CPS_CONTAINER(link, CpsHttpExchange, link));
    }
    cps_stream_close(&self->client.stream);
}

/* --- what it waits for ----------------------------------------------------------------------------------------------------- */

static bool
connection_has_room(const CpsHttpConnection *self)
{
    const CpsHttpServerLimits *limits = self->server->limits;

    return self->exchange_count < limits->pipelined && self->held_back == 0 &&
           self->client.stream.unsent <= limits->unsent_bytes;
}

static void
connection_wait_for(CpsHttpConnection *self, CpsHttpWait wait)
{
    if (!cps_deadline_is(&self->client.wait, wait)) {
        cps_http_wait(self, wait);
    }
}

/* Wait for what must come next; a wait for the same goes on. */
static void
connection_update_wait(CpsHttpConnection *self)
{
    if (self->client.stream.closing) {
        cps_deadline_clear(&self->client.wait);
    }
    else if (self->client.stream.unsent > 0) {
        cps_client_wait_to_write(&self->client, CPS_HTTP_WAIT_CLIENT, self->server->limits->write_ms);
    }
    else if (self->client.ended && !self->finishing) {
        connection_wait_for(self, CPS_HTTP_WAIT_ENDED);
    }
    else if (self->exchange_count > 0 || self->finishing) {
        cps_deadline_clear(&self->client.wait); /* for the user; or for the stream, which ends by itself */
    }
    else if (cps_http_parser_busy(&self->parser)) {
        connection_wait_for(self, self->parser.in_body ? CPS_HTTP_WAIT_BODY : CPS_HTTP_WAIT_HEAD);
    }
    else { /* a TLS handshake is no time to be idle */
        connection_wait_for(self, self->client.stream.tls != NULL && !self->served ? CPS_HTTP_WAIT_HEAD
                                                                                   : CPS_HTTP_WAIT_REQUEST);
    }
}

/* --- answers ---------------------------------------------------------------------------------------------------------------- */

bool
cps_http_client_is_done(const CpsClient *client)
{
    const CpsHttpConnection *self = CPS_CONTAINER(client, CpsHttpConnection, client);

    return self->client.stream.closing || (self->exchange_count == 0 && self->client.stream.unsent == 0);
}

static void
connection_finish(CpsHttpConnection *self)
{
    self->over = self->finishing = true;
    cps_stream_finish(&self->client.stream, LINGER_MS);
}

/* Write the bytes, which are taken. */
static void
connection_write(CpsHttpConnection *self, CpsBuffer *bytes)
{
    if (bytes->length > 0 && cps_stream_write(&self->client.stream, bytes) < 0) {
        connection_close(self);
    }
    cps_buffer_free(bytes);
}

static void
connection_send_continue(CpsHttpConnection *self)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    CpsBuffer bytes = {0};

    self->owes_continue = false;
    if (cps_buffer_append(&bytes, text, sizeof(text) - 1) < 0) {
        connection_close(self);
        return;
    }
    connection_write(self, &bytes);
}

/* The first exchange is answered: move its response to the end of `out`. Returns whether the connection goes on. */
static bool
connection_take_response(CpsHttpConnection *self, CpsHttpExchange *exchange, CpsBuffer *out)
{
    bool last = exchange->close || exchange->response.length == 0;

    if (out->length == 0) {
        cps_buffer_move(out, &exchange->response);
    }
    else if (cps_buffer_append(out, exchange->response.bytes, exchange->response.length) < 0) {
        last = true;
    }
    self->held_back -= exchange->held_back ? 1 : 0;
    self->exchange_count--;
    self->server->body_bytes -= exchange->body_bytes;
    cps_http_exchange_free(exchange);
    return !last;
}

/* Returns whether the connection goes on. */
static bool
connection_send_answers(CpsHttpConnection *self)
{
    CpsBuffer out = {0};
    bool more = true;
    CpsLink *link;

    while (more && (link = cps_list_first(&self->exchanges)) != NULL) {
        CpsHttpExchange *exchange = CPS_CONTAINER(link, CpsHttpExchange, link);

        if (!exchange->answered) {
            break;
        }
        more = connection_take_response(self, exchange, &out);
    }
    connection_write(self, &out);
    return more && !self->client.stream.closing;
}

static void connection_feed(CpsHttpConnection *self, const char *bytes, size_t length);

static void
connection_feed_backlog(CpsHttpConnection *self)
{
    CpsBuffer backlog = {0};

    cps_buffer_move(&backlog, &self->backlog);
    connection_feed(self, backlog.bytes, backlog.length);
    cps_buffer_free(&backlog);
}

/* After a change: parse what was put aside, read or not, end or wait. */
static void
connection_go_on(CpsHttpConnection *self)
{
    if (self->parsing) {
        return; /* what parses comes here at its end */
    }
    if (self->backlog.length > 0 && !self->over && connection_has_room(self)) {
        connection_feed_backlog(self);
        return;
    }
    if (self->exchange_count == 0 && !self->finishing &&
        (self->over || (self->client.ended && self->backlog.length == 0))) {
        connection_finish(self);
    }
    if (!self->finishing) {
        cps_stream_read(&self->client.stream, !self->over && !self->client.ended && connection_has_room(self));
    }
    connection_update_wait(self);
}

void
cps_http_connection_flush(CpsHttpConnection *self)
{
    if (self->client.stream.closing || self->finishing) {
        return;
    }
    if (!connection_send_answers(self)) {
        if (!self->client.stream.closing) {
            connection_finish(self);
        }
        connection_update_wait(self);
        return;
    }
    if (self->owes_continue && self->exchange_count == 0) {
        connection_send_continue(self);
    }
    connection_go_on(self);
}

/* The request that is being read will not be served. */
static void
connection_drop_request(CpsHttpConnection *self)
{
    self->server->body_bytes -= self->body_bytes;
    self->body_bytes = 0;
    cps_http_parser_free(&self->parser);
}

/* Answer by the server itself: no more requests come from here. `field` as for a page. */
static void
connection_refuse(CpsHttpConnection *self, int code, const char *reason, const char *field)
{
    CpsHttpExchange *exchange = connection_add_exchange(self);

    self->over = true;
    connection_drop_request(self);
    if (exchange == NULL) {
        connection_close(self);
        return;
    }
    exchange->close = true;
    cps_http_answer_page(exchange, code, reason, strlen(reason), field);
}

/* --- requests --------------------------------------------------------------------------------------------------------------- */

static void
connection_take_request(CpsHttpConnection *self)
{
    CpsHttpServer *server = self->server;
    CpsHttpRequest *request = cps_http_take(&self->parser);
    CpsHttpExchange *exchange = connection_add_exchange(self);

    if (exchange == NULL) {
        cps_http_request_free(request);
        connection_close(self);
        return;
    }
    exchange->request = request;
    exchange->body_bytes = request->body.length;
    self->body_bytes = 0; /* the exchange's now */
    exchange->close = !request->keep_alive || server->base.ending;
    self->over = exchange->close;
    self->owes_continue = false; /* its body came without */
    self->served = true;
    cps_list_append(&server->received, &exchange->user_link);
    server->on_change(server);
}

static void
connection_handle(CpsHttpConnection *self, CpsHttpOutcome outcome)
{
    switch (outcome) {
    case CPS_HTTP_MORE:
        break;
    case CPS_HTTP_CONTINUE:
        self->owes_continue = true;
        if (self->exchange_count == 0) {
            connection_send_continue(self);
        }
        break;
    case CPS_HTTP_COMPLETE:
        connection_take_request(self);
        break;
    case CPS_HTTP_REFUSED:
        connection_refuse(self, self->parser.status, self->parser.reason, NULL);
        break;
    }
}

/* A body that comes too slowly. */
static bool
connection_is_slow(CpsHttpConnection *self)
{
    uint64_t now = uv_now(self->server->base.loop);

    if (!self->parser.in_body) {
        self->body_start = 0;
        return false;
    }
    if (self->body_start == 0) {
        self->body_start = now;
    }
    return now - self->body_start >
           self->server->limits->body_ms + self->parser.request->body.length * 1000 / BODY_BYTES_PER_SECOND;
}

/* Take note of how much of a body has come. */
static void
connection_count_body(CpsHttpConnection *self)
{
    size_t before = self->body_bytes;

    if (!self->parser.in_body) {
        return;
    }
    self->body_bytes = self->parser.request->body.length;
    self->server->body_bytes += self->body_bytes - before;
    if (self->body_bytes > before && !cps_http_make_room(self->server)) {
        cps_http_connection_refuse_body(self);
    }
}

static void
connection_feed(CpsHttpConnection *self, const char *bytes, size_t length)
{
    size_t used;

    self->parsing = true;
    if (cps_deadline_is(&self->client.wait, CPS_HTTP_WAIT_BODY)) {
        cps_deadline_clear(&self->client.wait); /* it begins anew with each piece */
    }
    while (length > 0 && !self->over && connection_has_room(self)) {
        CpsHttpOutcome outcome = cps_http_feed(&self->parser, bytes, length, &used);

        bytes += used;
        length -= used;
        connection_count_body(self);
        if (!self->over) {
            connection_handle(self, outcome);
        }
    }
    if (!self->over && connection_is_slow(self)) {
        connection_refuse(self, 408, "The body comes too slowly", NULL);
    }
    if (!self->over && cps_buffer_append(&self->backlog, bytes, length) < 0) {
        connection_close(self);
    }
    self->parsing = false;
    if (!self->client.stream.closing) {
        connection_go_on(self);
    }
}

/* --- the stream ------------------------------------------------------------------------------------------------------------- */

void
cps_http_client_on_bytes(CpsClient *client, const char *bytes, size_t length)
{
    CpsHttpConnection *self = connection_of(client);

    if (self->over) {
        return;
    }
    if (self->backlog.length > 0) { /* bytes that TLS had decoded already come although reading is off */
        if (cps_buffer_append(&self->backlog, bytes, length) < 0) {
            connection_close(self);
        }
        return;
    }
    connection_feed(self, bytes, length);
}

void
cps_http_client_on_end(CpsClient *client, int code)
{
    CpsHttpConnection *self = connection_of(client);

    if (code < 0) {
        connection_close(self);
    }
    else if (!self->finishing) {
        connection_go_on(self);
    }
}

/* A server that ends waits for that. */
static void
connection_note_rest(CpsHttpConnection *self)
{
    if (self->server->base.ending) {
        self->server->on_change(self->server);
    }
}

void
cps_http_client_on_drained(CpsClient *client)
{
    CpsHttpConnection *self = connection_of(client);

    if (!client->stream.closing) {
        cps_deadline_clear(&client->wait);
        connection_go_on(self);
    }
    connection_note_rest(self);
}

void
cps_http_client_lost(CpsClient *client)
{
    CpsHttpConnection *self = connection_of(client);

    connection_note_rest(self);
    connection_drop_request(self);
}

void
cps_http_client_free(CpsClient *client)
{
    CpsHttpConnection *self = connection_of(client);

    cps_http_parser_free(&self->parser);
    cps_buffer_free(&self->backlog);
    free(self);
}

/* --- life ------------------------------------------------------------------------------------------------------------------- */

CpsClient *
cps_http_client_make(CpsServer *base)
{
    CpsHttpServer *server = CPS_CONTAINER(base, CpsHttpServer, base);
    CpsHttpConnection *self = calloc(1, sizeof(*self));

    if (self == NULL) {
        return NULL;
    }
    self->server = server;
    cps_list_init(&self->exchanges);
    cps_http_parser_init(&self->parser, &server->limits->request);
    return &self->client;
}

void
cps_http_client_begin(CpsClient *client)
{
    CpsHttpConnection *self = connection_of(client);

    cps_stream_peer(&client->stream, self->peer, sizeof(self->peer), &self->peer_port);
    switch (cps_server_admit(&self->server->base, self->server->limits->connections)) {
    case CPS_CLIENT_SERVED:
        connection_go_on(self);
        break;
    case CPS_CLIENT_REFUSED:
        connection_refuse(self, 503, "Too many connections", "Retry-After: 1");
        break;
    case CPS_CLIENT_CLOSED:
        connection_close(self);
        break;
    }
}

void
cps_http_client_close(CpsClient *client)
{
    connection_close(connection_of(client));
}

void
cps_http_connection_refuse_body(CpsHttpConnection *self)
{
    connection_refuse(self, 503, "Too many bodies at once", "Retry-After: 1");
}

void
cps_http_client_end(CpsClient *client)
{
    CpsHttpConnection *self = connection_of(client);
    CpsLink *last;

    if (self->over || self->client.stream.closing) {
        return;
    }
    if (cps_http_parser_busy(&self->parser) || self->backlog.length > 0) {
        connection_refuse(self, 503, "The server is stopping", "Retry-After: 1");
        return;
    }
    self->over = true;
    last = self->exchanges.head.prev;
    if (!cps_list_empty(&self->exchanges)) {
        CPS_CONTAINER(last, CpsHttpExchange, link)->close = true;
    }
    connection_go_on(self);
}

void
cps_http_client_expire(CpsClient *client)
{
    CpsHttpConnection *self = connection_of(client);

    switch ((CpsHttpWait)self->client.wait.kind) {
    case CPS_HTTP_WAIT_REQUEST:
        connection_finish(self);
        connection_update_wait(self);
        break;
    case CPS_HTTP_WAIT_HEAD:
        if (!cps_http_parser_busy(&self->parser)) {
            connection_close(self);
            break;
        }
        connection_refuse(self, 408, "The head of the request comes too slowly", NULL);
        break;
    case CPS_HTTP_WAIT_BODY:
        connection_refuse(self, 408, "The body of the request comes too slowly", NULL);
        break;
    case CPS_HTTP_WAIT_CLIENT:
        if (cps_client_took_nothing(&self->client)) {
            connection_close(self);
            break;
        }
        connection_update_wait(self); /* slowly, but it takes something */
        break;
    case CPS_HTTP_WAIT_ENDED:
        connection_close(self);
        break;
    }
}
