#include "net/zmqsocket.h"

#include "base/list.h"
#include "net/zmqcontext.h"

#include <errno.h>
#include <string.h>

/* ---- options ---- */

static int
set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value));
}

static int
set_text(void *socket, int option, const char *text)
{
    return text == NULL ? 0 : zmq_setsockopt(socket, option, text, strlen(text));
}

static int
set_security(void *socket, const CpsZmqSecurity *security)
{
    if (security == NULL) {
        return 0;
    }
    return (security->is_curve_server && set_int(socket, ZMQ_CURVE_SERVER, 1) < 0) ||
                   (security->is_plain_server && set_int(socket, ZMQ_PLAIN_SERVER, 1) < 0) ||
                   set_text(socket, ZMQ_CURVE_SERVERKEY, security->curve_server) < 0 ||
                   set_text(socket, ZMQ_CURVE_PUBLICKEY, security->curve_public) < 0 ||
                   set_text(socket, ZMQ_CURVE_SECRETKEY, security->curve_secret) < 0 ||
                   set_text(socket, ZMQ_PLAIN_USERNAME, security->plain_user) < 0 ||
                   set_text(socket, ZMQ_PLAIN_PASSWORD, security->plain_password) < 0 ||
                   set_text(socket, ZMQ_ZAP_DOMAIN, security->domain) < 0
               ? -1
               : 0;
}

static int
set_options(void *socket, const CpsZmqOptions *options)
{
    return set_int(socket, ZMQ_SNDHWM, options->high_water_mark) < 0 ||
                   set_int(socket, ZMQ_RCVHWM, options->high_water_mark) < 0 ||
                   set_int(socket, ZMQ_LINGER, options->linger_ms) < 0 ||
                   zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &options->max_bytes, sizeof(options->max_bytes)) < 0 ||
                   set_text(socket, ZMQ_ROUTING_ID, options->identity) < 0 ||
                   (options->type == ZMQ_REQ &&
                    (set_int(socket, ZMQ_REQ_RELAXED, 1) < 0 || set_int(socket, ZMQ_REQ_CORRELATE, 1) < 0)) ||
                   (options->type == ZMQ_ROUTER &&
                    (set_int(socket, ZMQ_ROUTER_MANDATORY, 1) < 0 || set_int(socket, ZMQ_ROUTER_HANDOVER, 1) < 0)) ||
                   (options->type == ZMQ_XPUB && set_int(socket, ZMQ_XPUB_VERBOSE, 1) < 0) ||
                   set_security(socket, options->security) < 0
               ? -1
               : 0;
}

/* ---- life ---- */

static void
socket_on_poll(uv_poll_t *poll, int status, int events)
{
    CpsZmqSocket *self = CPS_CONTAINER(poll, CpsZmqSocket, poll);

    self->on_event(self);
}

static void
socket_on_closed(uv_handle_t *handle)
{
    CpsZmqSocket *self = CPS_CONTAINER((uv_poll_t *)handle, CpsZmqSocket, poll);

    self->on_closed(self);
}

/* Watch the descriptor. Returns 0, or an errno. */
static int
socket_watch(CpsZmqSocket *self, uv_loop_t *loop)
{
    int descriptor, code;
    size_t size = sizeof(descriptor);

    if (zmq_getsockopt(self->socket, ZMQ_FD, &descriptor, &size) < 0) {
        return zmq_errno();
    }
    code = uv_poll_init(loop, &self->poll, descriptor);
    if (code < 0) {
        return -code;
    }
    (void)uv_poll_start(&self->poll, UV_READABLE, socket_on_poll); /* fails for no handle that is open */
    return 0;
}

int
cps_zmq_socket_open(CpsZmqSocket *self, uv_loop_t *loop, const CpsZmqOptions *options)
{
    void *context = cps_zmq_context_hold();
    int code;

    self->socket = context == NULL ? NULL : zmq_socket(context, options->type);
    if (self->socket == NULL) {
        code = zmq_errno();
        if (context != NULL) {
            cps_zmq_context_release();
        }
        return code;
    }
    code = set_options(self->socket, options) < 0 ? zmq_errno() : socket_watch(self, loop);
    if (code != 0) {
        (void)zmq_close(self->socket);
        self->socket = NULL;
        cps_zmq_context_release();
    }
    return code;
}

/* "*" is both families, and an address is of its own; a socket for both shows IPv4 addresses in their IPv6 form. Names are looked up
 * as IPv4: libzmq tries one address only, and peers that know nothing of IPv6 are not at the other. */
static int
set_family(void *socket, const char *endpoint)
{
    static const char prefix[] = "tcp://";
    const char *host = endpoint + sizeof(prefix) - 1, *port = strrchr(endpoint, ':');

    if (strncmp(endpoint, prefix, sizeof(prefix) - 1) != 0 || port < host) {
        return 0;
    }
    return set_int(socket, ZMQ_IPV6, *host == '*' || memchr(host, ':', (size_t)(port - host)) != NULL);
}

int
cps_zmq_socket_bind(CpsZmqSocket *self, const char *endpoint, char *bound, size_t size)
{
    if (set_family(self->socket, endpoint) < 0 || zmq_bind(self->socket, endpoint) < 0 ||
        zmq_getsockopt(self->socket, ZMQ_LAST_ENDPOINT, bound, &size) < 0) {
        return zmq_errno();
    }
    return 0;
}

int
cps_zmq_socket_bind_again(CpsZmqSocket *self, const char *endpoint, char *bound, size_t size)
{
    enum { TRIES = 50, PAUSE_MS = 10 };
    int code = cps_zmq_socket_bind(self, endpoint, bound, size);

    for (int tries = 0; code == EADDRINUSE && tries < TRIES; tries++) {
        uv_sleep(PAUSE_MS);
        code = cps_zmq_socket_bind(self, endpoint, bound, size);
    }
    return code;
}

int
cps_zmq_socket_connect(CpsZmqSocket *self, const char *endpoint)
{
    return set_family(self->socket, endpoint) < 0 || zmq_connect(self->socket, endpoint) < 0 ? zmq_errno() : 0;
}

int
cps_zmq_socket_events(CpsZmqSocket *self)
{
    int events = 0;
    size_t size = sizeof(events);

    if (self->socket != NULL && zmq_getsockopt(self->socket, ZMQ_EVENTS, &events, &size) < 0) {
        return 0;
    }
    return events;
}

void
cps_zmq_socket_close(CpsZmqSocket *self)
{
    if (self->socket != NULL) {
        uv_close((uv_handle_t *)&self->poll, socket_on_closed); /* first: the other closes its descriptor */
        (void)zmq_close(self->socket);
        self->socket = NULL;
    }
}

/* ---- messages ---- */

void
cps_zmq_message_close(CpsZmqMessage *message)
{
    while (message->count > 0) {
        (void)zmq_msg_close(&message->frames[--message->count]);
    }
}

/* The frames after the last that has a place. */
static void
discard_rest(void *socket, CpsZmqMessage *message)
{
    zmq_msg_t frame;

    message->too_long = true;
    do {
        (void)zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) < 0) {
            break;
        }
    } while (zmq_msg_more(&frame) && zmq_msg_close(&frame) == 0);
    (void)zmq_msg_close(&frame);
}

/* One more. Returns 0, or an errno. */
static int
receive_next(void *socket, CpsZmqMessage *message)
{
    zmq_msg_t *frame = &message->frames[message->count];

    (void)zmq_msg_init(frame);
    if (zmq_msg_recv(frame, socket, ZMQ_DONTWAIT) < 0) {
        int code = zmq_errno();

        (void)zmq_msg_close(frame);
        return code;
    }
    message->count++;
    return 0;
}

int
cps_zmq_receive_frame(CpsZmqSocket *self, CpsZmqMessage *message)
{
    cps_zmq_message_init(message);
    return receive_next(self->socket, message);
}

int
cps_zmq_receive(CpsZmqSocket *self, CpsZmqMessage *message)
{
    cps_zmq_message_init(message);
    do {
        int code;

        if (message->count == CPS_ZMQ_FRAMES) {
            discard_rest(self->socket, message);
            return 0;
        }
        code = receive_next(self->socket, message);
        if (code != 0) {
            cps_zmq_message_close(message);
            return code;
        }
    } while (zmq_msg_more(&message->frames[message->count - 1]));
    return 0;
}

bool
cps_zmq_frame_is(CpsZmqMessage *message, size_t frame, const void *bytes, size_t length)
{
    return frame < message->count && zmq_msg_size(&message->frames[frame]) == length &&
           memcmp(zmq_msg_data(&message->frames[frame]), bytes, length) == 0;
}

int
cps_zmq_frame(zmq_msg_t *frame, const void *bytes, size_t length)
{
    if (zmq_msg_init_size(frame, length) < 0) {
        return ENOMEM;
    }
    if (length > 0) {
        memcpy(zmq_msg_data(frame), bytes, length);
    }
    return 0;
}

int
cps_zmq_add(CpsZmqMessage *message, const void *bytes, size_t length)
{
    int code =
        message->count == CPS_ZMQ_FRAMES ? EMSGSIZE : cps_zmq_frame(&message->frames[message->count], bytes, length);

    message->count += code == 0;
    return code;
}

int
cps_zmq_move(CpsZmqMessage *message, zmq_msg_t *frame)
{
    if (message->count == CPS_ZMQ_FRAMES) {
        return EMSGSIZE;
    }
    (void)zmq_msg_init(&message->frames[message->count]);
    (void)zmq_msg_move(&message->frames[message->count], frame);
    message->count++;
    return 0;
}

int
cps_zmq_share(CpsZmqMessage *message, zmq_msg_t *frame)
{
    zmq_msg_t shared;
    int code;

    (void)zmq_msg_init(&shared);
    (void)zmq_msg_copy(&shared, frame); /* fails for no message that is one */
    code = cps_zmq_move(message, &shared);
    (void)zmq_msg_close(&shared);
    return code;
}

int
cps_zmq_send(CpsZmqSocket *self, CpsZmqMessage *message)
{
    for (size_t i = 0; i < message->count; i++) {
        int flags = ZMQ_DONTWAIT | (i + 1 < message->count ? ZMQ_SNDMORE : 0);

        /* Only the first frame can fail: then none was sent. */
        if (zmq_msg_send(&message->frames[i], self->socket, flags) < 0) {
            return zmq_errno();
        }
    }
    message->count = 0; /* what was sent is closed by that */
    return 0;
}
