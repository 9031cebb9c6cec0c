#include "net/mdplink.h"

#include "net/mdp.h"
#include "net/mdpincoming.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ATTEMPTS = 3,          /* to get a broker verified, with one pair of sockets */
    CONNECTIONS = 3,       /* pairs of sockets */
    LIVENESS = 3,          /* heartbeats that may be missed */
    FIRST_DELAY_MS = 1000, /* or a heartbeat's interval, when that is shorter */
    LAST_DELAY_MS = 32000,
    LINGER_MS = 1000, /* for replies that have just been sent */
    READS = 1000,     /* messages in a row */
    LOG_ERROR = 40,
    LOG_WARNING = 30,
    LOG_INFO = 20,
};

static const char *
link_header(const CpsMdpLink *self)
{
    return self->peer->options.worker ? CPS_MDP_WORKER : CPS_MDP_CLIENT;
}

static uint32_t
link_first_delay(const CpsMdpLink *self)
{
    uint32_t interval = self->peer->options.heartbeat_ms;

    return interval < FIRST_DELAY_MS ? interval : FIRST_DELAY_MS;
}

/* --- sessions ------------------------------------------------------------------------------------------------------------------------- */

static void
link_begin_session(CpsMdpLink *self)
{
    self->session = ++self->peer->sessions;
    self->busy = false;
    self->liveness = LIVENESS;
    self->connections = 0;
    self->due = uv_now(self->peer->loop) + self->peer->options.heartbeat_ms;
    self->peer->on_change(self->peer);
}

static void
link_end_session(CpsMdpLink *self)
{
    self->tries = self->attempts = 0;
    self->due = uv_now(self->peer->loop) + self->peer->options.heartbeat_ms;
    if (self->session != 0) {
        self->session = 0;
        self->peer->losses++;
        self->peer->on_change(self->peer);
    }
}

static void
link_close_sockets(CpsMdpLink *self, int linger_ms)
{
    cps_mdp_socket_close(&self->monitor, 0);
    if (self->in == self->out) {
        self->in = NULL;
    }
    cps_mdp_socket_close(&self->in, 0);
    cps_mdp_socket_close(&self->out, linger_ms);
}

/* Without a connection for a while, longer each time. */
static void
link_back_off(CpsMdpLink *self)
{
    link_close_sockets(self, 0);
    link_end_session(self);
    self->connected = false;
    self->waiting = true;
    self->due = uv_now(self->peer->loop) + self->delay_ms;
    self->delay_ms = self->delay_ms < LAST_DELAY_MS ? 2 * self->delay_ms : LAST_DELAY_MS;
}

/* --- sending -------------------------------------------------------------------------------------------------------------------------- */

int
cps_mdp_link_send(CpsMdpLink *self, CpsZmqMessage *message)
{
    int code = cps_zmq_send(&self->out->zmq, message);

    if (code == EAGAIN) {
        /* What makes room may have come unnoticed by the descriptor. */
        self->full = (cps_zmq_socket_events(&self->out->zmq) & ZMQ_POLLOUT) == 0;
        code = self->full ? EAGAIN : cps_zmq_send(&self->out->zmq, message);
    }
    return code;
}

/* E, header, command, and another frame unless that is NULL. What does not go out now is made up for by the next one. */
static void
link_command(CpsMdpLink *self, const char *command, const char *more)
{
    CpsZmqMessage message = {.count = 0};

    if (cps_zmq_add(&message, "", 0) == 0 && cps_zmq_add(&message, link_header(self), CPS_MDP_HEADER_SIZE) == 0 &&
        cps_zmq_add(&message, command, 1) == 0 && (more == NULL || cps_zmq_add(&message, more, strlen(more)) == 0)) {
        (void)cps_mdp_link_send(self, &message);
    }
    cps_zmq_message_close(&message);
}

static void
link_verify(CpsMdpLink *self)
{
    const CpsMdpPeerOptions *options = &self->peer->options;

    self->attempts++;
    cps_mdp_note(self->peer, LOG_INFO,
                 "Sending verification request to broker %s (Number of verification attempts: %u)", self->name,
                 self->attempts);
    link_command(self, CPS_MDP_VERIFY, options->worker ? options->service : NULL);
}

/* --- receiving ------------------------------------------------------------------------------------------------------------------------ */

/* Hand the body over. */
static void
link_deliver(CpsMdpLink *self, CpsZmqMessage *message, const CpsMdpIncoming *incoming)
{
    CpsMdpDelivery *delivery = cps_mdp_delivery_new(message, incoming);

    if (delivery == NULL) {
        cps_mdp_note(self->peer, LOG_ERROR, "Out of memory: a message from broker %s is lost", self->name);
        return;
    }
    delivery->session = self->session;
    cps_list_append(&self->peer->received, &delivery->link);
    self->peer->received_count++;
    self->peer->on_change(self->peer);
}

static void
link_take_verified(CpsMdpLink *self, CpsZmqMessage *message)
{
    char name[CPS_MDP_NAME_SIZE];

    cps_mdp_text(name, sizeof(name), message, 3);
    if (self->session != 0 && strcmp(name, self->name) == 0) {
        return; /* to an earlier attempt */
    }
    link_end_session(self);
    cps_mdp_note(self->peer, LOG_INFO, "Received Verification Response from ['', '%s', '\\x07', '%s']",
                 link_header(self), name);
    memcpy(self->name, name, sizeof(name));
    cps_mdp_note(self->peer, LOG_INFO, "Verified Broker %s", self->name);
    link_begin_session(self);
}

/* The broker does not want us, or does not know us any more. In MDP 0.1 nothing more may be sent on that socket. Returns false: the link, or its
 * socket, is no more. */
static bool
link_take_disconnect(CpsMdpLink *self, CpsZmqMessage *message)
{
    char name[CPS_MDP_NAME_SIZE] = "";

    if (message->count > 3) {
        cps_mdp_text(name, sizeof(name), message, 3);
    }
    cps_mdp_note(self->peer, LOG_INFO, "Received disconnect command from ['', '%s', '\\x05', '%s']", link_header(self),
                 name);
    if (!self->fixed) {
        cps_mdp_link_free(self);
        return false;
    }
    if (self->peer->options.standard) {
        link_back_off(self);
        return false;
    }
    link_end_session(self);
    self->due = 0; /* verify again */
    return true;
}

/* Returns false: the link, or its socket, is no more. */
static bool
link_take(CpsMdpLink *self, CpsZmqMessage *message)
{
    CpsMdpIncoming incoming = cps_mdp_incoming(&self->peer->options, message);

    if (incoming.meaning == CPS_MDP_INVALID) {
        cps_mdp_note(self->peer, LOG_ERROR, "Received invalid message from broker %s (%zu frames)", self->name,
                     message->count);
        return true;
    }
    self->liveness = LIVENESS;
    self->delay_ms = link_first_delay(self);
    switch (incoming.meaning) {
    case CPS_MDP_BODY:
        link_deliver(self, message, &incoming);
        return true;
    case CPS_MDP_NAMES_ITSELF:
        link_take_verified(self, message);
        return true;
    case CPS_MDP_DISCONNECTS:
        return link_take_disconnect(self, message);
    default:
        return true;
    }
}

static void
link_note_room(CpsMdpLink *self, const CpsMdpSocket *socket, int events)
{
    if (socket == self->out && self->full && (events & ZMQ_POLLOUT) != 0) {
        self->full = false;
        self->peer->on_change(self->peer);
    }
}

void
cps_mdp_link_read(CpsMdpLink *self)
{
    CpsMdpPeer *peer = self->peer;
    CpsMdpSocket *socket = self->in;
    CpsZmqMessage message;
    int count = 0;

    if (socket == NULL) {
        return;
    }
    while (peer->received_count < peer->options.limit && count++ < READS &&
           cps_zmq_receive(&socket->zmq, &message) == 0) {
        bool goes_on = link_take(self, &message);

        cps_zmq_message_close(&message);
        if (!goes_on) {
            return;
        }
    }
    /* Asked in any case: otherwise its descriptor may stay readable. */
    count = cps_zmq_socket_events(&socket->zmq);
    if ((count & ZMQ_POLLIN) != 0) {
        peer->stalled = true;
        peer->on_change(peer);
    }
    link_note_room(self, socket, count);
}

static void
in_heard(CpsMdpSocket *socket)
{
    cps_mdp_link_read(socket->owner);
}

/* Nothing of the protocol comes there. */
static void
out_heard(CpsMdpSocket *socket)
{
    CpsZmqMessage message;

    while (cps_zmq_receive(&socket->zmq, &message) == 0) {
        cps_zmq_message_close(&message);
    }
    link_note_room(socket->owner, socket, cps_zmq_socket_events(&socket->zmq));
}

/* --- the connection -------------------------------------------------------------------------------------------------------------------- */

static void
link_connected(CpsMdpLink *self)
{
    const CpsMdpPeerOptions *options = &self->peer->options;

    self->connected = true;
    if (!options->standard) {
        self->tries = 1;
        self->due = cps_mdp_peer_hurry(self->peer);
        link_verify(self);
        return;
    }
    cps_mdp_note(self->peer, LOG_INFO, "Connected to broker %s", self->endpoint);
    if (options->worker) {
        link_command(self, CPS_MDP_READY, options->service);
    }
    link_begin_session(self);
}

/* libzmq connects again by itself, and sends what it has not sent. In MDP 0.1 the broker would get a reply, or a request in lock-step, that it
 * does not expect. */
static void
link_disconnected(CpsMdpLink *self)
{
    self->connected = false;
    cps_mdp_note(self->peer, LOG_WARNING, "Lost the connection to broker %s at %s", self->name, self->endpoint);
    if (self->peer->options.standard) {
        link_back_off(self);
    }
    else {
        link_end_session(self);
    }
}

static void
monitor_heard(CpsMdpSocket *socket)
{
    CpsMdpLink *self = socket->owner;
    CpsZmqMessage message;

    while (!socket->let_go && cps_zmq_receive(&socket->zmq, &message) == 0) {
        size_t length;
        const char *bytes = cps_zmq_bytes(&message, 0, &length);
        uint16_t event = 0;

        memcpy(&event, bytes, length < sizeof(event) ? 0 : sizeof(event));
        cps_zmq_message_close(&message);
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
            link_connected(self);
        }
        else if (event == ZMQ_EVENT_DISCONNECTED && self->connected) {
            link_disconnected(self);
        }
        else if (!self->refused) {
            self->refused = true;
            cps_mdp_note(self->peer, LOG_WARNING, "Broker %s at %s refuses the connection, or its keys are others",
                         self->name, self->endpoint);
        }
    }
}

/* Returns 0, or an errno. */
static int
link_watch(CpsMdpLink *self)
{
    static atomic_ulong count;
    CpsZmqOptions options = {.type = ZMQ_PAIR, .max_bytes = -1};
    char endpoint[64];
    int code = 0;

    (void)snprintf(endpoint, sizeof(endpoint), "inproc://compysition-mdp-%lu", atomic_fetch_add(&count, 1));
    if (zmq_socket_monitor(self->in->zmq.socket, endpoint,
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                               ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) < 0) {
        return zmq_errno();
    }
    self->monitor = cps_mdp_socket_open(self->peer, self, &options, monitor_heard, &code);
    return self->monitor == NULL ? code : cps_zmq_socket_connect(&self->monitor->zmq, endpoint);
}

/* A broker that is silent, although it has not closed the connection, is found out by ZMTP's own heartbeats (RFC 37). */
static CpsMdpSocket *
link_open_dealer(CpsMdpLink *self, const char *identity, void (*heard)(CpsMdpSocket *), int *code_p)
{
    const CpsMdpPeerOptions *from = &self->peer->options;
    CpsZmqOptions options = {.type = ZMQ_DEALER,
                             .high_water_mark = from->high_water_mark,
                             .max_bytes = from->max_bytes,
                             .identity = identity,
                             .security = from->security};
    CpsMdpSocket *socket = cps_mdp_socket_open(self->peer, self, &options, heard, code_p);
    int interval = (int)from->heartbeat_ms, limit = 3 * interval;

    if (socket != NULL) {
        (void)zmq_setsockopt(socket->zmq.socket, ZMQ_HEARTBEAT_IVL, &interval, sizeof(interval));
        (void)zmq_setsockopt(socket->zmq.socket, ZMQ_HEARTBEAT_TIMEOUT, &limit, sizeof(limit));
    }
    return socket;
}

static int
link_open_sockets(CpsMdpLink *self)
{
    const CpsMdpPeerOptions *options = &self->peer->options;
    char receiver[CPS_MDP_IDENTITY_SIZE + sizeof(CPS_MDP_RECEIVER)];
    int code = 0;

    if (options->standard) {
        self->in = self->out = link_open_dealer(self, NULL, in_heard, &code);
    }
    else {
        (void)snprintf(receiver, sizeof(receiver), "%s%s", options->identity, CPS_MDP_RECEIVER);
        self->out = link_open_dealer(self, options->identity, out_heard, &code);
        self->in = self->out == NULL ? NULL : link_open_dealer(self, receiver, in_heard, &code);
    }
    return self->in == NULL ? code : link_watch(self);
}

/* A reader that has not looked yet is not told when something comes. */
static void
link_look(CpsMdpLink *self)
{
    monitor_heard(self->monitor);
    if (self->in == NULL) {
        return; /* it is lost already */
    }
    if ((cps_zmq_socket_events(&self->in->zmq) & ZMQ_POLLIN) != 0) {
        self->peer->stalled = true;
        self->peer->on_change(self->peer);
    }
    (void)cps_zmq_socket_events(&self->out->zmq);
}

/* With new sockets. Returns 0, or an errno. */
static int
link_connect(CpsMdpLink *self)
{
    int code;

    link_close_sockets(self, 0);
    link_end_session(self);
    self->connected = self->full = self->waiting = self->refused = false;
    self->connections++;
    code = link_open_sockets(self);
    if (code == 0) {
        code = cps_zmq_socket_connect(&self->out->zmq, self->endpoint);
    }
    if (code == 0 && self->in != self->out) {
        code = cps_zmq_socket_connect(&self->in->zmq, self->endpoint);
    }
    if (code == 0) {
        link_look(self);
    }
    return code;
}

void
cps_mdp_link_renew(CpsMdpLink *self)
{
    (void)link_connect(self); /* the endpoint is a good one; what fails now is tried again */
}

/* --- life ------------------------------------------------------------------------------------------------------------------------------ */

CpsMdpLink *
cps_mdp_link_new(CpsMdpPeer *peer, const char *name, const char *endpoint, bool fixed, int *code_p)
{
    CpsMdpLink *self = calloc(1, sizeof(*self));

    if (self == NULL) {
        *code_p = ENOMEM;
        return NULL;
    }
    self->peer = peer;
    self->fixed = fixed;
    self->delay_ms = link_first_delay(self);
    (void)snprintf(self->name, sizeof(self->name), "%s", name);
    (void)snprintf(self->endpoint, sizeof(self->endpoint), "%s", endpoint);
    cps_list_append(&peer->links, &self->link);
    peer->link_count++;
    *code_p = link_connect(self);
    if (*code_p != 0) {
        cps_mdp_link_free(self);
        return NULL;
    }
    return self;
}

void
cps_mdp_link_free(CpsMdpLink *self)
{
    CpsMdpPeer *peer = self->peer;
    bool verified = self->session != 0;

    if (verified && peer->closing && peer->options.worker) {
        link_command(self, CPS_MDP_DISCONNECT, NULL); /* what we have not answered is for others */
    }
    link_close_sockets(self, verified ? LINGER_MS : 0);
    link_end_session(self);
    cps_link_remove(&self->link);
    peer->link_count--;
    free(self);
}

/* Once an interval while verified. */
static void
link_beat(CpsMdpLink *self, uint64_t now)
{
    const CpsMdpPeerOptions *options = &self->peer->options;

    self->due = now + options->heartbeat_ms;
    if (!options->worker) {
        return;
    }
    if (options->standard && self->liveness-- == 0) {
        cps_mdp_note(self->peer, LOG_WARNING, "Broker %s is silent: connecting again in %u ms", self->endpoint,
                     self->delay_ms);
        link_back_off(self);
        return;
    }
    link_command(self, CPS_MDP_HEARTBEAT, options->standard ? NULL : options->identity);
}

/* Not verified for another interval, in the dialect. Attempts count when they are sent; one that is not connected gets new sockets as well. */
static void
link_try(CpsMdpLink *self, uint64_t now)
{
    if (self->tries < ATTEMPTS) {
        self->tries++;
        self->due = now + self->peer->options.heartbeat_ms;
        if (self->connected) {
            link_verify(self);
        }
        return;
    }
    if (self->connections < CONNECTIONS || self->fixed) {
        cps_mdp_note(self->peer, LOG_INFO, "Broker %s did not answer: reconnecting to %s", self->name, self->endpoint);
        cps_mdp_link_renew(self);
        return;
    }
    cps_mdp_note(self->peer, LOG_INFO, "Broker %s did not answer: permanently disconnected from %s", self->name,
                 self->endpoint);
    cps_mdp_link_free(self);
}

void
cps_mdp_link_tick(CpsMdpLink *self, uint64_t now)
{
    if (now < self->due) {
        return;
    }
    if (self->waiting || self->in == NULL) {
        cps_mdp_link_renew(self);
    }
    else if (self->session != 0) {
        link_beat(self, now);
    }
    else if (!self->peer->options.standard) {
        link_try(self, now);
    }
}
