#include "net/httpserver.h"

#include "net/httpconnection.h"
#include "net/tls.h"

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

void
cps_http_wait(CpsHttpConnection *connection, CpsHttpWait wait)
{
    CpsHttpServer *server = connection->server;

    cps_deadline_set(&server->base.deadlines, &connection->client.wait, wait, server_wait_ms(server->limits, wait));
}

/* --- memory --------------------------------------------------------------------------------------------------------------- */

bool
cps_http_make_room(CpsHttpServer *server)
{
    CpsDeadline *first;

    while (server->body_bytes > server->limits->body_bytes) {
        first = cps_deadlines_first(&server->base.deadlines, CPS_HTTP_WAIT_BODY);
        if (first == NULL) {
            return false;
        }
        cps_http_connection_refuse_body(CPS_CONTAINER(first, CpsHttpConnection, client.wait));
    }
    return true;
}

/* --- life ----------------------------------------------------------------------------------------------------------------- */

static void
server_on_closed(CpsServer *base)
{
    CpsHttpServer *server = CPS_CONTAINER(base, CpsHttpServer, base);

    server->on_closed(server);
}

static const CpsServerOps server_ops = {
    .make = cps_http_client_make,
    .begin = cps_http_client_begin,
    .on_bytes = cps_http_client_on_bytes,
    .on_end = cps_http_client_on_end,
    .on_drained = cps_http_client_on_drained,
    .expire = cps_http_client_expire,
    .end = cps_http_client_end,
    .close = cps_http_client_close,
    .is_done = cps_http_client_is_done,
    .lost = cps_http_client_lost,
    .free = cps_http_client_free,
    .on_closed = server_on_closed,
};

int
cps_http_server_open(CpsHttpServer *server, uv_loop_t *loop, const CpsListenAt *at, CpsTlsContext *tls,
                     const CpsHttpServerLimits *limits)
{
    server->limits = limits;
    cps_list_init(&server->received);
    cps_list_init(&server->gone);
    return cps_server_open(&server->base, &server_ops, loop, at, tls);
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
        cps_stream_read(&exchange->connection->client.stream, false);
    }
}

const char *
cps_http_peer(const CpsHttpExchange *exchange, int *port)
{
    const CpsHttpConnection *connection = exchange->connection;

    *port = connection == NULL ? 0 : connection->peer_port;
    return connection == NULL ? "" : connection->peer;
}
