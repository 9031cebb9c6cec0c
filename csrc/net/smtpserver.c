#include "net/smtpserver.h"

#include "net/smtpconnection.h"

/* --- the end --------------------------------------------------------------------------------------------------------------------- */

static void
server_closed_one(CpsSmtpServer *server)
{
    if (--server->open_handles == 0) {
        cps_tls_context_unref(server->tls);
        server->tls = NULL;
        server->on_closed(server);
    }
}

static void
server_on_deadlines_closed(uv_handle_t *timer)
{
    server_closed_one(CPS_CONTAINER(timer, CpsSmtpServer, deadlines.timer));
}

static void
server_on_listener_closed(CpsListener *listener)
{
    server_closed_one(CPS_CONTAINER(listener, CpsSmtpServer, listener));
}

void
cps_smtp_server_forget(CpsSmtpServer *server, CpsSmtpConnection *connection)
{
    cps_link_remove(&connection->link);
    server->connection_count--;
    server_closed_one(server);
}

/* --- listening ------------------------------------------------------------------------------------------------------------------- */

static void
server_on_due(CpsDeadline *deadline)
{
    cps_smtp_connection_expire(CPS_CONTAINER(deadline, CpsSmtpConnection, wait));
}

static void
server_on_connection(CpsListener *listener)
{
    CpsSmtpServer *server = CPS_CONTAINER(listener, CpsSmtpServer, listener);
    CpsSmtpConnection *connection = cps_smtp_connection_accept(server);

    if (connection != NULL) {
        cps_list_append(&server->connections, &connection->link);
        server->connection_count++;
        server->open_handles++;
        cps_smtp_connection_begin(connection);
    }
}

int
cps_smtp_server_open(CpsSmtpServer *server, uv_loop_t *loop, const CpsListenAt *at, CpsTlsContext *tls)
{
    bool closes = false;
    int code;

    server->loop = loop;
    server->tls = tls;
    cps_list_init(&server->received);
    cps_list_init(&server->connections);
    cps_deadlines_init(&server->deadlines, loop, server_on_due);
    server->open_handles = 1;
    server->listener.on_connection = server_on_connection;
    server->listener.on_closed = server_on_listener_closed;
    code = cps_listener_open(&server->listener, loop, at, &closes);
    server->listening = code == 0;
    server->open_handles += code == 0 || closes ? 1 : 0;
    if (code < 0) {
        cps_deadlines_close(&server->deadlines, server_on_deadlines_closed);
    }
    return code;
}

static void
server_stop_listening(CpsSmtpServer *server)
{
    if (server->listening) {
        server->listening = false;
        cps_listener_close(&server->listener);
    }
}

/* Call `visit` for each connection, which may be gone afterwards. */
static void
server_visit_connections(CpsSmtpServer *server, void (*visit)(CpsSmtpConnection *))
{
    CpsLink *link = cps_list_first(&server->connections);

    while (link != NULL) {
        CpsLink *next = cps_list_after(&server->connections, link);

        visit(CPS_CONTAINER(link, CpsSmtpConnection, link));
        link = next;
    }
}

void
cps_smtp_server_end(CpsSmtpServer *server)
{
    if (!server->ending) {
        server->ending = true;
        server_stop_listening(server);
        server_visit_connections(server, cps_smtp_connection_end);
    }
}

bool
cps_smtp_server_at_rest(const CpsSmtpServer *server)
{
    for (CpsLink *link = cps_list_first(&server->connections); link != NULL;
         link = cps_list_after(&server->connections, link)) {
        if (!cps_smtp_connection_is_done(CPS_CONTAINER(link, CpsSmtpConnection, link))) {
            return false;
        }
    }
    return true;
}

void
cps_smtp_server_close(CpsSmtpServer *server)
{
    server->ending = true;
    server_stop_listening(server);
    server_visit_connections(server, cps_smtp_connection_close);
    cps_deadlines_close(&server->deadlines, server_on_deadlines_closed);
}

/* --- deliveries ------------------------------------------------------------------------------------------------------------------ */

CpsSmtpDelivery *
cps_smtp_next(CpsSmtpServer *server)
{
    CpsLink *link = cps_list_pop(&server->received);

    CpsSmtpDelivery *delivery = link == NULL ? NULL : CPS_CONTAINER(link, CpsSmtpDelivery, link);

    if (delivery != NULL) {
        delivery->held = true;
    }
    return delivery;
}

void
cps_smtp_delivery_free(CpsSmtpDelivery *delivery)
{
    cps_link_remove(&delivery->link);
    cps_smtp_message_free(&delivery->message);
    free(delivery);
}

void
cps_smtp_settle(CpsSmtpDelivery *delivery, const char *reply)
{
    if (delivery->connection != NULL) {
        cps_smtp_connection_answer(delivery->connection, reply);
    }
    cps_smtp_delivery_free(delivery);
}
