#include "net/mdpregistry.h"

#include "flow/level.h"
#include "net/mdp.h"
#include "net/zmqrepr.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    BROKERS_LIMIT = 1000,
    LIVENESS = 3,
    LIFETIME = 2, /* heartbeats until it is missed for the first time */
};

static void registry_note(CpsMdpRegistry *self, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
registry_note(CpsMdpRegistry *self, int level, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    cps_mdp_server_note(&self->server, level, format, arguments);
    va_end(arguments);
}

/* --- telling ------------------------------------------------------------------------------------------------------------------------------------ */

/* A subscriber that is too slow misses it, and hears the next one. */
static void
publish(CpsMdpRegistry *self, const CpsMdpRegistered *broker, const char *command, size_t command_length)
{
    const char *where = broker->bytes + broker->identity_length;
    CpsZmqMessage message;

    cps_zmq_message_init(&message);
    if (cps_zmq_add(&message, self->scope, strlen(self->scope)) == 0 && cps_zmq_add(&message, "", 0) == 0 &&
        cps_zmq_add(&message, command, command_length) == 0 &&
        cps_zmq_add(&message, broker->bytes, broker->identity_length) == 0 &&
        cps_zmq_add(&message, where, broker->where_length) == 0) {
        (void)cps_zmq_send(&self->server.sockets[CPS_MDP_PUBLISHER].zmq, &message);
    }
    cps_zmq_message_close(&message);
}

static void
publish_alive(CpsMdpRegistry *self, const CpsMdpRegistered *broker)
{
    publish(self, broker, CPS_MDP_ALIVE, sizeof(CPS_MDP_ALIVE) - 1);
}

/* Somebody has subscribed: it need not wait for the brokers' next heartbeats. */
static void
greet(CpsMdpRegistry *self, CpsZmqMessage *message)
{
    size_t length;
    const char *bytes = cps_zmq_bytes(message, 0, &length);

    if (length == 0 || bytes[0] != 1) {
        return;
    }
    for (CpsLink *at = cps_list_first(&self->brokers); at != NULL; at = cps_list_after(&self->brokers, at)) {
        publish_alive(self, CPS_CONTAINER(at, CpsMdpRegistered, link));
    }
}

/* --- listening ---------------------------------------------------------------------------------------------------------------------------------- */

/* "5555", "host:5555", "[fe80::7]:5555" */
static bool
is_where(const char *text, size_t length)
{
    enum { LONGEST_PORT = 5 };
    size_t digits = 0;

    while (digits < length && isdigit((unsigned char)text[length - 1 - digits])) {
        digits++;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return false;
        }
    }
    return digits > 0 && digits <= LONGEST_PORT && length < CPS_MDP_NAME_SIZE &&
           (digits == length || (length > digits + 1 && text[length - 1 - digits] == ':'));
}

static CpsMdpRegistered *
find_broker(CpsMdpRegistry *self, const char *identity, size_t length)
{
    for (CpsLink *at = cps_list_first(&self->brokers); at != NULL; at = cps_list_after(&self->brokers, at)) {
        CpsMdpRegistered *broker = CPS_CONTAINER(at, CpsMdpRegistered, link);

        if (broker->identity_length == length && memcmp(broker->bytes, identity, length) == 0) {
            return broker;
        }
    }
    return NULL;
}

static void
forget(CpsMdpRegistry *self, CpsMdpRegistered *broker)
{
    cps_link_remove(&broker->link);
    self->count--;
    free(broker);
}

/* A new one. NULL when there are too many, or out of memory. */
static CpsMdpRegistered *
add_broker(CpsMdpRegistry *self, CpsZmqMessage *message)
{
    size_t identity_length, where_length;
    const char *identity = cps_zmq_bytes(message, 0, &identity_length);
    const char *where = cps_zmq_bytes(message, 2, &where_length);
    CpsMdpRegistered *broker =
        self->count >= BROKERS_LIMIT ? NULL : malloc(sizeof(*broker) + identity_length + where_length);
    char shown[160];

    if (broker == NULL) {
        registry_note(self, CPS_LOG_ERROR, "There are too many brokers: one at %.*s is not registered",
                      (int)where_length, where);
        return NULL;
    }
    *broker = (CpsMdpRegistered){.identity_length = identity_length, .where_length = where_length};
    memcpy(broker->bytes, identity, identity_length);
    memcpy(broker->bytes + identity_length, where, where_length);
    cps_list_append(&self->brokers, &broker->link);
    self->count++;
    registry_note(self, CPS_LOG_INFO, "Registered new broker [%s] on port %.*s",
                  cps_bytes_repr(identity, identity_length, shown, sizeof(shown)), (int)where_length, where);
    return broker;
}

static void
hear_broker(CpsMdpRegistry *self, CpsZmqMessage *message)
{
    size_t length, where_length;
    const char *identity = cps_zmq_bytes(message, 0, &length), *where = cps_zmq_bytes(message, 2, &where_length);
    CpsMdpRegistered *broker = find_broker(self, identity, length);

    if (broker != NULL && (broker->where_length != where_length ||
                           memcmp(broker->bytes + broker->identity_length, where, where_length) != 0)) {
        forget(self, broker); /* it has moved */
        broker = NULL;
    }
    broker = broker != NULL ? broker : add_broker(self, message);
    if (broker != NULL) {
        broker->liveness = LIVENESS;
        broker->due = cps_mdp_server_now(&self->server) + (uint64_t)LIFETIME * self->heartbeat_ms;
        publish_alive(self, broker);
    }
}

static void
registry_receive(CpsMdpServer *server, int socket, CpsZmqMessage *message)
{
    CpsMdpRegistry *self = (CpsMdpRegistry *)server;
    char shown[CPS_ZMQ_REPR_SIZE];

    if (socket == CPS_MDP_PUBLISHER) {
        greet(self, message);
    }
    else if (message->count == 3 && !message->too_long && zmq_msg_size(&message->frames[1]) == 0 &&
             is_where(zmq_msg_data(&message->frames[2]), zmq_msg_size(&message->frames[2]))) {
        hear_broker(self, message);
    }
    else {
        self->invalid++;
        registry_note(self, CPS_LOG_ERROR, "Received invalid message: %s", cps_zmq_repr(message, shown));
    }
}

/* --- time ------------------------------------------------------------------------------------------------------------------------------------------ */

/* Returns whether it is still there. */
static bool
broker_is_missed(CpsMdpRegistry *self, CpsMdpRegistered *broker)
{
    char shown[160];

    broker->due += self->heartbeat_ms;
    if (--broker->liveness > 0) {
        return true;
    }
    registry_note(self, CPS_LOG_INFO, "Notifying clients that broker %s has disconnected",
                  cps_bytes_repr(broker->bytes, broker->identity_length, shown, sizeof(shown)));
    publish(self, broker, CPS_MDP_GONE, sizeof(CPS_MDP_GONE) - 1);
    forget(self, broker);
    return false;
}

static uint64_t
registry_tick(CpsMdpServer *server)
{
    CpsMdpRegistry *self = (CpsMdpRegistry *)server;
    uint64_t now = cps_mdp_server_now(server), next = now + self->heartbeat_ms;
    CpsLink *at = cps_list_first(&self->brokers);

    while (at != NULL) {
        CpsMdpRegistered *broker = CPS_CONTAINER(at, CpsMdpRegistered, link);
        bool there = true;

        at = cps_list_after(&self->brokers, at);
        while (there && broker->due <= now) {
            there = broker_is_missed(self, broker);
        }
        next = there && broker->due < next ? broker->due : next;
    }
    return next - now;
}

/* --- life ------------------------------------------------------------------------------------------------------------------------------------------ */

static int
registry_init(CpsMdpServer *server)
{
    cps_list_init(&((CpsMdpRegistry *)server)->brokers);
    return 0;
}

static void
registry_free(CpsMdpServer *server)
{
    CpsMdpRegistry *self = (CpsMdpRegistry *)server;
    CpsLink *link;

    while ((link = cps_list_first(&self->brokers)) != NULL) {
        forget(self, CPS_CONTAINER(link, CpsMdpRegistered, link));
    }
    free((void *)self->scope);
}

const CpsMdpServerOps cps_mdp_registry_ops = {
    .init = registry_init,
    .receive = registry_receive,
    .tick = registry_tick,
    .free = registry_free,
};
