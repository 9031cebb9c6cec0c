#include "net/mdppeer.h"

#include "net/mdp.h"
#include "net/mdplink.h"
#include "net/zmqcontext.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINKS_LIMIT = 64, /* brokers that the registration service may name */
    TICK_MS = 1000,   /* at most */
    LOG_WARNING = 30,
    LOG_INFO = 20,
};

/* --- sockets -------------------------------------------------------------------------------------------------------------------------- */

static void
peer_handle_closed(CpsMdpPeer *peer)
{
    if (--peer->handles == 0 && peer->closing) {
        peer->on_closed(peer);
    }
}

static void
socket_on_event(CpsZmqSocket *zmq)
{
    CpsMdpSocket *socket = (CpsMdpSocket *)zmq;

    if (!socket->let_go) {
        socket->heard(socket);
    }
}

/* The context may be the last thing that keeps libzmq's threads. Nothing lingers long, and there is no GIL here. */
static void
socket_on_closed(CpsZmqSocket *zmq)
{
    CpsMdpSocket *socket = (CpsMdpSocket *)zmq;
    CpsMdpPeer *peer = socket->peer;

    free(socket);
    cps_zmq_context_release();
    peer_handle_closed(peer);
}

CpsMdpSocket *
cps_mdp_socket_open(CpsMdpPeer *peer, CpsMdpLink *owner, const CpsZmqOptions *options, void (*heard)(CpsMdpSocket *),
                    int *code_p)
{
    CpsMdpSocket *socket = calloc(1, sizeof(*socket));

    if (socket == NULL) {
        *code_p = ENOMEM;
        return NULL;
    }
    socket->peer = peer;
    socket->owner = owner;
    socket->heard = heard;
    socket->zmq.on_event = socket_on_event;
    socket->zmq.on_closed = socket_on_closed;
    *code_p = cps_zmq_socket_open(&socket->zmq, peer->loop, options);
    if (*code_p != 0) {
        free(socket);
        return NULL;
    }
    peer->handles++;
    return socket;
}

void
cps_mdp_socket_close(CpsMdpSocket **socket_p, int linger_ms)
{
    CpsMdpSocket *socket = *socket_p;

    *socket_p = NULL;
    if (socket != NULL) {
        socket->let_go = true;
        (void)zmq_setsockopt(socket->zmq.socket, ZMQ_LINGER, &linger_ms, sizeof(linger_ms));
        cps_zmq_socket_close(&socket->zmq);
    }
}

/* --- notes ---------------------------------------------------------------------------------------------------------------------------- */

void
cps_mdp_note(CpsMdpPeer *peer, int level, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    cps_notes_add(&peer->notes, level, format, arguments);
    va_end(arguments);
    peer->on_change(peer);
}

void
cps_mdp_text(char *text, size_t size, CpsZmqMessage *message, size_t frame)
{
    size_t length;
    const char *bytes = cps_zmq_bytes(message, frame, &length);

    length = length < size - 1 ? length : size - 1;
    for (size_t i = 0; i < length; i++) {
        text[i] = bytes[i] > ' ' && bytes[i] < 0x7f ? bytes[i] : '?';
    }
    text[length] = '\0';
}

/* --- what the registration service says ------------------------------------------------------------------------------------------------ */

static CpsMdpLink *
peer_find(CpsMdpPeer *peer, const char *name, const char *endpoint)
{
    for (CpsLink *at = cps_list_first(&peer->links); at != NULL; at = cps_list_after(&peer->links, at)) {
        CpsMdpLink *link = CPS_CONTAINER(at, CpsMdpLink, link);

        if ((name != NULL && strcmp(link->name, name) == 0) ||
            (endpoint != NULL && strcmp(link->endpoint, endpoint) == 0)) {
            return link;
        }
    }
    return NULL;
}

/* A broker that has been restarted has another identity, at the same place: its connection is not touched, as that tells more. */
static void
peer_hear_alive(CpsMdpPeer *peer, const char *name, const char *where)
{
    char endpoint[CPS_MDP_NAME_SIZE];
    int length = strchr(where, ':') != NULL
                     ? snprintf(endpoint, sizeof(endpoint), "tcp://%s", where)
                     : snprintf(endpoint, sizeof(endpoint), "tcp://%s:%s", peer->options.publisher_host, where);
    CpsMdpLink *link;
    int code;

    if (length >= (int)sizeof(endpoint) || peer_find(peer, NULL, endpoint) != NULL) {
        return;
    }
    link = peer_find(peer, name, NULL); /* it has moved */
    if (link != NULL && !link->fixed) {
        cps_mdp_link_free(link);
    }
    if (peer->link_count >= LINKS_LIMIT) {
        cps_mdp_note(peer, LOG_WARNING, "There are too many brokers: %s is not used", name);
        return;
    }
    link = cps_mdp_link_new(peer, name, endpoint, false, &code);
    if (link == NULL) {
        cps_mdp_note(peer, LOG_WARNING, "Unable to connect to broker %s at %s: %s", name, endpoint, zmq_strerror(code));
    }
    else {
        cps_mdp_note(peer, LOG_INFO, "Connected new broker %s at port %s", name, where);
    }
}

static void
peer_hear_gone(CpsMdpPeer *peer, const char *name)
{
    CpsMdpLink *link = peer_find(peer, name, NULL);

    if (link != NULL && !link->fixed) {
        cps_mdp_note(peer, LOG_INFO, "Broker %s has disconnected", name);
        cps_mdp_link_free(link);
    }
}

static void
peer_hear(CpsMdpPeer *peer, CpsZmqMessage *message)
{
    const char *scope = peer->options.scope;
    bool alive = CPS_MDP_IS(message, 2, CPS_MDP_ALIVE), gone = CPS_MDP_IS(message, 2, CPS_MDP_GONE);

    if (!cps_zmq_frame_is(message, 0, scope, strlen(scope)) || !(alive || gone) || message->count < 5 ||
        message->too_long) {
        cps_mdp_note(peer, LOG_WARNING, "Received an invalid message from the registration service");
        return;
    }
    for (size_t i = 3; i + 1 < message->count; i += 2) {
        char name[CPS_MDP_NAME_SIZE], where[CPS_MDP_NAME_SIZE];

        cps_mdp_text(name, sizeof(name), message, i);
        cps_mdp_text(where, sizeof(where), message, i + 1);
        if (alive) {
            peer_hear_alive(peer, name, where);
        }
        else {
            peer_hear_gone(peer, name);
        }
    }
}

static void
subscriber_heard(CpsMdpSocket *socket)
{
    CpsMdpPeer *peer = socket->peer;
    CpsZmqMessage message;

    while (!socket->let_go && cps_zmq_receive(&socket->zmq, &message) == 0) {
        peer_hear(peer, &message);
        cps_zmq_message_close(&message);
    }
}

/* Returns 0, or an errno. */
static int
peer_subscribe(CpsMdpPeer *peer)
{
    const CpsMdpPeerOptions *options = &peer->options;
    CpsZmqOptions own = {.type = ZMQ_SUB,
                         .high_water_mark = options->high_water_mark,
                         .max_bytes = CPS_MDP_SHORT_FRAME,
                         .security = options->security};
    int code = 0;

    if (options->publisher == NULL) {
        return 0;
    }
    peer->subscriber = cps_mdp_socket_open(peer, NULL, &own, subscriber_heard, &code);
    if (peer->subscriber == NULL) {
        return code;
    }
    if (zmq_setsockopt(peer->subscriber->zmq.socket, ZMQ_SUBSCRIBE, options->scope, strlen(options->scope)) < 0) {
        return zmq_errno();
    }
    code = cps_zmq_socket_connect(&peer->subscriber->zmq, options->publisher);
    if (code == 0) {
        subscriber_heard(peer->subscriber); /* who has not looked is not told when something comes */
    }
    return code;
}

/* --- life ------------------------------------------------------------------------------------------------------------------------------ */

static void
peer_on_timer(uv_timer_t *timer)
{
    CpsMdpPeer *peer = CPS_CONTAINER(timer, CpsMdpPeer, timer);
    uint64_t now = uv_now(timer->loop);
    CpsLink *next;

    for (CpsLink *at = cps_list_first(&peer->links); at != NULL; at = next) {
        next = cps_list_after(&peer->links, at);
        cps_mdp_link_tick(CPS_CONTAINER(at, CpsMdpLink, link), now);
    }
}

uint64_t
cps_mdp_peer_hurry(CpsMdpPeer *peer)
{
    enum { SOON_MS = 30 };
    uint64_t repeat = uv_timer_get_repeat(&peer->timer);
    uint64_t soon = repeat < SOON_MS ? repeat : SOON_MS;

    uv_timer_start(&peer->timer, peer_on_timer, soon, repeat);
    return uv_now(peer->loop) + soon;
}

static void
timer_on_closed(uv_handle_t *handle)
{
    peer_handle_closed(CPS_CONTAINER((uv_timer_t *)handle, CpsMdpPeer, timer));
}

int
cps_mdp_peer_open(CpsMdpPeer *peer, uv_loop_t *loop)
{
    uint32_t half = peer->options.heartbeat_ms / 2 + 1, tick = half < TICK_MS ? half : TICK_MS;

    peer->loop = loop;
    cps_list_init(&peer->links);
    cps_list_init(&peer->received);
    cps_notes_init(&peer->notes);
    uv_timer_init(loop, &peer->timer); /* cannot fail, nor can the next */
    uv_timer_start(&peer->timer, peer_on_timer, tick, tick);
    peer->handles = 1;
    return peer_subscribe(peer);
}

int
cps_mdp_peer_add(CpsMdpPeer *peer, const char *endpoint)
{
    int code = 0;

    (void)cps_mdp_link_new(peer, endpoint, endpoint, true, &code);
    return code;
}

static void
peer_ignore(CpsMdpPeer *peer)
{
    (void)peer;
}

void
cps_mdp_peer_close(CpsMdpPeer *peer)
{
    CpsLink *link;
    CpsMdpDelivery *delivery;

    peer->closing = true;
    peer->on_change = peer_ignore;
    cps_mdp_socket_close(&peer->subscriber, 0);
    while ((link = cps_list_first(&peer->links)) != NULL) {
        cps_mdp_link_free(CPS_CONTAINER(link, CpsMdpLink, link));
    }
    peer->stalled = false;
    while ((delivery = cps_mdp_peer_next(peer)) != NULL) {
        cps_mdp_delivery_free(delivery);
    }
    cps_notes_free(&peer->notes);
    uv_close((uv_handle_t *)&peer->timer, timer_on_closed);
}

/* --- brokers and messages --------------------------------------------------------------------------------------------------------------- */

CpsMdpLink *
cps_mdp_peer_pick(CpsMdpPeer *peer)
{
    for (CpsLink *at = cps_list_first(&peer->links); at != NULL; at = cps_list_after(&peer->links, at)) {
        CpsMdpLink *link = CPS_CONTAINER(at, CpsMdpLink, link);

        if (link->session != 0 && !link->full && !link->busy) {
            cps_link_remove(at);
            cps_list_append(&peer->links, at);
            return link;
        }
    }
    return NULL;
}

CpsMdpLink *
cps_mdp_peer_find(CpsMdpPeer *peer, uint64_t session)
{
    for (CpsLink *at = cps_list_first(&peer->links); at != NULL; at = cps_list_after(&peer->links, at)) {
        CpsMdpLink *link = CPS_CONTAINER(at, CpsMdpLink, link);

        if (link->session == session) {
            return session == 0 ? NULL : link;
        }
    }
    return NULL;
}

size_t
cps_mdp_peer_verified(const CpsMdpPeer *peer)
{
    size_t count = 0;

    for (CpsLink *at = cps_list_first(&peer->links); at != NULL; at = cps_list_after(&peer->links, at)) {
        count += CPS_CONTAINER(at, CpsMdpLink, link)->session != 0;
    }
    return count;
}

static void
peer_read(CpsMdpPeer *peer)
{
    CpsLink *next;

    for (CpsLink *at = cps_list_first(&peer->links); at != NULL; at = next) {
        next = cps_list_after(&peer->links, at);
        cps_mdp_link_read(CPS_CONTAINER(at, CpsMdpLink, link));
    }
}

CpsMdpDelivery *
cps_mdp_peer_next(CpsMdpPeer *peer)
{
    CpsLink *link;

    if (peer->stalled && peer->received_count <= peer->options.limit / 2) {
        peer->stalled = false;
        peer_read(peer);
    }
    link = cps_list_pop(&peer->received);
    if (link == NULL) {
        return NULL;
    }
    peer->received_count--;
    return CPS_CONTAINER(link, CpsMdpDelivery, link);
}

void
cps_mdp_delivery_free(CpsMdpDelivery *delivery)
{
    for (size_t i = 0; i < delivery->count; i++) {
        (void)zmq_msg_close(&delivery->frames[i]);
    }
    free(delivery);
}

void
cps_mdp_peer_settle(CpsMdpPeer *peer)
{
    if (peer->options.standard) { /* else one socket sends and the other receives */
        peer_read(peer);
    }
}
