#include "net/httpserver.h"

#include "net/httpconnection.h"
#include "net/tls.h"

/* --- the end ------------------------------------------------------------------------------------------------------------- */

static void
server_closed_one(CpsHttpServer *server)
{
    if (--server->open_handles == 0) {
        cps_tls_context_unref(server->tls);
        server->tls = NULL;
        server->on_closed(server);
    }
}

static void
server_on_timer_closed(uv_handle_t *timer)
{
    server_closed_one(CPS_CONTAINER(timer, CpsHttpServer, deadlines.timer));
}

static void
server_on_listener_closed(CpsListener *listener)
{
    server_closed_one(CPS_CONTAINER(listener, CpsHttpServer, listener));
}

void
cps_http_server_forget(CpsHttpServer *server, CpsHttpConnection *connection)
{
    cps_link_remove(&connection->link);
    server->connection_count--;
    server_closed_one(server);
}

/* --- deadlines ------------------------------------------------------------------------------------------------------------ */

static uint32_t
server_wait_ms(const CpsHttpServerLimits *limits, CpsHttpWait wait)
{
    switch (wait) {
    case CPS_HTTP_WAIT_REQUEST:
        return limits->idle_ms;
    case CPS_HTTP_WAIT_HEAD:
        return limits->head_ms;
    case CPS_HTTP_WAIT_BODY:
        return limits->body_ms;
    case CPS_HTTP_WAIT_CLIENT:
        return limits->write_ms;
    case CPS_HTTP_WAIT_ENDED:
        break;
    }
    return limits->ended_ms;
}

static void
server_on_due(CpsDeadline *deadline)
{
    cps_http_connection_expire(CPS_CONTAINER(deadline, CpsHttpConnection, wait));
}

void
cps_http_wait(CpsHttpConnection *connection, CpsHttpWait wait)
{
    CpsHttpServer *server = connection->server;

    cps_deadline_set(&server->deadlines, &connection->wait, wait, server_wait_ms(server->limits, wait));
}

/* --- memory --------------------------------------------------------------------------------------------------------------- */

bool
cps_http_make_room(CpsHttpServer *server)
{
    CpsDeadline *first;

    while (server->body_bytes > server->limits->body_bytes) {
        first = cps_deadlines_first(&server->deadlines, CPS_HTTP_WAIT_BODY);
        if (first == NULL) {
            return false;
        }
        cps_http_connection_refuse_body(CPS_CONTAINER(first, CpsHttpConnection, wait));
    }
    return true;
}

/* --- listening ------------------------------------------------------------------------------------------------------------ */

static void
server_on_connection(CpsListener *listener)
{
    CpsHttpServer *server = CPS_CONTAINER(listener, CpsHttpServer, listener);
    CpsHttpConnection *connection = cps_http_connection_accept(server);

    if (connection != NULL) {
        cps_list_append(&server->connections, &connection->link);
        server->connection_count++;
        server->open_handles++;
        cps_http_connection_begin(connection);
    }
}

int
cps_http_server_open(CpsHttpServer *server, uv_loop_t *loop, const CpsListenAt *at, CpsTlsContext *tls,
                     const CpsHttpServerLimits *limits)
{
    bool closes = false;
    int code;

    server->loop = loop;
    server->tls = tls;
    server->limits = limits;
    cps_list_init(&server->received);
    cps_list_init(&server->gone);
    cps_list_init(&server->connections);
    cps_deadlines_init(&server->deadlines, loop, server_on_due);
    server->open_handles = 1;
    server->listener.on_connection = server_on_connection;
    server->listener.on_closed = server_on_listener_closed;
    code = cps_listener_open(&server->listener, loop, at, &closes);
    server->listening = code == 0;
    server->open_handles += code == 0 || closes ? 1 : 0;
    if (code < 0) {
        cps_deadlines_close(&server->deadlines, server_on_timer_closed);
    }
    return code;
}

static void
server_stop_listening(CpsHttpServer *server)
{
    if (server->listening) {
        server->listening = false;
        cps_listener_close(&server->listener);
    }
}

/* Call `visit` for each connection, which may be gone afterwards. */
static void
server_visit_connections(CpsHttpServer *server, void (*visit)(CpsHttpConnection *))
{
    CpsLink *link = cps_list_first(&server->connections);

    while (link != NULL) {
        CpsLink *next = cps_list_after(&server->connections, link);

        visit(CPS_CONTAINER(link, CpsHttpConnection, link));
        link = next;
    }
}

void
cps_http_server_end(CpsHttpServer *server)
{
    if (!server->ending) {
        server->ending = true;
        server_stop_listening(server);
        server_visit_connections(server, cps_http_connection_end);
    }
}

bool
cps_http_server_at_rest(const CpsHttpServer *server)
{
    for (CpsLink *link = cps_list_first(&server->connections); link != NULL;
         link = cps_list_after(&server->connections, link)) {
        if (!cps_http_connection_is_done(CPS_CONTAINER(link, CpsHttpConnection, link))) {
            return false;
        }
    }
    return true;
}

void
cps_http_server_close(CpsHttpServer *server)
{
    server->ending = true;
    server_stop_listening(server);
    server_visit_connections(server, cps_http_connection_close);
    cps_deadlines_close(&server->deadlines, server_on_timer_closed);
}

/* --- exchanges ------------------------------------------------------------------------------------------------------------ */

CpsHttpExchange *
cps_http_next(CpsHttpServer *server)
{
    CpsLink *link = cps_list_pop(&server->received);
    CpsHttpExchange *exchange = link == NULL ? NULL : CPS_CONTAINER(link, CpsHttpExchange, user_link);

    if (exchange != NULL) {
        exchange->held = true;
    }
    return exchange;
}

CpsHttpExchange *
cps_http_next_gone(CpsHttpServer *server)
{
    CpsLink *link = cps_list_pop(&server->gone);

    return link == NULL ? NULL : CPS_CONTAINER(link, CpsHttpExchange, user_link);
}

void
cps_http_exchange_free(CpsHttpExchange *exchange)
{
    cps_link_remove(&exchange->link);
    cps_link_remove(&exchange->user_link);
    cps_http_request_free(exchange->request);
    cps_buffer_free(&exchange->response);
    free(exchange);
}

CpsHttpExchange *
cps_http_exchange_new(CpsHttpRequest *request)
{
    CpsHttpExchange *exchange = calloc(1, sizeof(*exchange));

    if (exchange == NULL) {
        cps_http_request_free(request);
        return NULL;
    }
    exchange->request = request;
    exchange->received_ns = uv_hrtime();
    exchange->held = true;
    return exchange;
}

void
cps_http_answer(CpsHttpExchange *exchange, CpsBuffer *response, bool close)
{
    CpsHttpConnection *connection = exchange->connection;

    exchange->held = false;
    if (connection == NULL) {
        if (exchange->deliver != NULL) {
            exchange->deliver(exchange, response);
        }
        cps_buffer_free(response);
        cps_http_exchange_free(exchange);
        return;
    }
    cps_buffer_move(&exchange->response, response);
    exchange->answered = true;
    exchange->close = exchange->close || close;
    cps_http_connection_flush(connection);
}

void
cps_http_answer_page(CpsHttpExchange *exchange, int code, const char *text, size_t length, const char *field)
{
    const CpsHttpRequest *request = exchange->request;
    bool close = !cps_http_keeps_alive(exchange);
    CpsHttpPage page = {
        .code = code,
        .text = text,
        .text_length = length,
        .field = field,
        .head_only = request != NULL && request->is_head,
        .close = close,
        .keep_alive = !close && request->minor == 0,
    };
    CpsBuffer response = {0};

    if (cps_http_put_page(&response, &page) < 0) {
        cps_buffer_free(&response); /* out of memory: the connection ends without an answer */
        close = true;
    }
    cps_http_answer(exchange, &response, close);
}

void
cps_http_hold_back(CpsHttpExchange *exchange)
{
    if (exchange->connection != NULL && !exchange->held_back) {
        exchange->held_back = true;
        exchange->connection->held_back++;
        cps_stream_read(&exchange->connection->stream, false);
    }
}

const char *
cps_http_peer(const CpsHttpExchange *exchange, int *port)
{
    const CpsHttpConnection *connection = exchange->connection;

    *port = connection == NULL ? 0 : connection->peer_port;
    return connection == NULL ? "" : connection->peer;
}
