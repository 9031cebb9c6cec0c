#include "net/smtpserver.h"

#include "net/smtpconnection.h"

static void
server_on_closed(CpsServer *base)
{
    CpsSmtpServer *server = CPS_CONTAINER(base, CpsSmtpServer, base);

    server->on_closed(server);
}

static const CpsServerOps server_ops = {
    .make = cps_smtp_client_make,
    .begin = cps_smtp_client_begin,
    .on_bytes = cps_smtp_client_on_bytes,
    .on_end = cps_smtp_client_on_end,
    .on_drained = cps_smtp_client_on_drained,
    .expire = cps_smtp_client_expire,
    .end = cps_smtp_client_end,
    .close = cps_smtp_client_close,
    .is_done = cps_smtp_client_is_done,
    .lost = cps_smtp_client_lost,
    .free = cps_smtp_client_free,
    .on_closed = server_on_closed,
};

int
cps_smtp_server_open(CpsSmtpServer *server, uv_loop_t *loop, const CpsListenAt *at, CpsTlsContext *tls)
{
    cps_list_init(&server->received);
    server->base.begins_plain = !server->implicit_tls;
    return cps_server_open(&server->base, &server_ops, loop, at, tls);
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
