#include "net/mdprouter.h"

#include <errno.h>

static CpsMdpRouter *
router_of(const CpsMdpBroker *broker)
{
    return CPS_CONTAINER((CpsMdpBroker *)broker, CpsMdpRouter, broker);
}

/* --- what the broker needs -------------------------------------------------------------------------------------------------------------------- */

static int
router_send(CpsMdpBroker *broker, CpsZmqMessage *message)
{
    CpsZmqSocket *socket = &router_of(broker)->server.sockets[CPS_MDP_ROUTER].zmq;

    return socket->socket == NULL ? ENOTSOCK : cps_zmq_send(socket, message);
}

static void
router_note(CpsMdpBroker *broker, int level, const char *format, va_list arguments)
{
    cps_mdp_server_note(&router_of(broker)->server, level, format, arguments);
}

static bool
router_logs(const CpsMdpBroker *broker, int level)
{
    return cps_mdp_server_logs(&router_of(broker)->server, level);
}

/* --- what runs on the server ------------------------------------------------------------------------------------------------------------------ */

static int
router_init(CpsMdpServer *server)
{
    CpsMdpRouter *self = (CpsMdpRouter *)server;

    self->broker.identity = self->identity;
    self->broker.send = router_send;
    self->broker.note = router_note;
    self->broker.logs = router_logs;
    self->broker.now = cps_mdp_server_now(server);
    return cps_mdp_broker_init(&self->broker);
}

/* The registration service has nothing to say. */
static void
router_receive(CpsMdpServer *server, int socket, CpsZmqMessage *message)
{
    CpsMdpRouter *self = (CpsMdpRouter *)server;

    if (socket == CPS_MDP_ROUTER) {
        self->broker.now = cps_mdp_server_now(server);
        cps_mdp_broker_receive(&self->broker, message);
    }
}

/* Say that this broker is here. What cannot be sent is not worth keeping: it is said again. */
static void
router_register(CpsMdpRouter *self)
{
    CpsZmqMessage message;

    cps_zmq_message_init(&message);
    if (cps_zmq_add(&message, "", 0) == 0 && cps_zmq_add(&message, self->where, strlen(self->where)) == 0) {
        (void)cps_zmq_send(&self->server.sockets[CPS_MDP_REGISTRATION].zmq, &message);
    }
    cps_zmq_message_close(&message);
}

static uint64_t
router_tick(CpsMdpServer *server)
{
    CpsMdpRouter *self = (CpsMdpRouter *)server;
    uint64_t now = cps_mdp_server_now(server), next, left;

    self->broker.now = now;
    next = cps_mdp_broker_tick(&self->broker);
    if (self->where[0] == '\0') {
        return next;
    }
    if (now >= self->register_due) {
        self->register_due = now + self->broker.limits.heartbeat_ms;
        router_register(self);
    }
    left = self->register_due - now;
    return left < next ? left : next;
}

static void
router_leave(CpsMdpServer *server)
{
    cps_mdp_broker_dismiss(&((CpsMdpRouter *)server)->broker);
}

static void
router_free(CpsMdpServer *server)
{
    cps_mdp_broker_free(&((CpsMdpRouter *)server)->broker);
}

const CpsMdpServerOps cps_mdp_router_ops = {
    .init = router_init,
    .receive = router_receive,
    .tick = router_tick,
    .leave = router_leave,
    .free = router_free,
};
