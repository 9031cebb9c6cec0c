/* zmqsocket.h: a ZeroMQ socket on the loop. Plain C, in the loop's thread.
 *
 * The descriptor of a socket is edge-triggered, and any call may take the edge away: so whoever has sent or received something goes on until
 * nothing more can be done, or asks cps_zmq_socket_events once more, before waiting for on_event. */
#ifndef CPS_NET_ZMQSOCKET_H
#define CPS_NET_ZMQSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>
#include <zmq.h>

typedef struct CpsZmqSocket CpsZmqSocket;

struct CpsZmqSocket {
    void (*on_event)(CpsZmqSocket *socket);  /* in uv_run: cps_zmq_socket_events may have changed */
    void (*on_closed)(CpsZmqSocket *socket); /* after cps_zmq_socket_close, in uv_run: its memory may be freed */

    /* of zmqsocket.c */
    void *socket; /* owned; NULL once closed */
    uv_poll_t poll;
};

/* How peers prove who they are. Keys are the 40 characters of Z85 (RFC 32); all strings are borrowed for the call, NULL: not given. */
typedef struct {
    const char *curve_public, *curve_secret; /* our own pair */
    const char *curve_server;                /* as a client: the server's public key */
    bool is_curve_server;
    const char *plain_user, *plain_password; /* as a client */
    bool is_plain_server;
    const char *domain; /* as a server: whom net/zmqauth.h lets in; NULL for CURVE: whoever knows our public key */
} CpsZmqSecurity;

typedef struct {
    /* ZMQ_PUSH, ...; a REQ may ask again when nobody answers, and takes the answer to its last question only. Sending by a ROUTER fails when the
     * peer is not there (EHOSTUNREACH), or takes no more (EAGAIN); of two peers with one identity the later is the one that has come back. A XPUB
     * hears of every subscriber. */
    int type;
    int high_water_mark;            /* messages that wait at most, for each peer and direction */
    int linger_ms;                  /* how long the end of the process waits for what is not sent; -1: for ever */
    int64_t max_bytes;              /* a peer that sends a longer frame is disconnected; -1: no limit */
    const char *identity;           /* of DEALER and REQ; NULL: ZeroMQ's own */
    const CpsZmqSecurity *security; /* NULL: none */
} CpsZmqOptions;

/* Make the socket and watch it; bind or connect after that. on_event and on_closed are set before. Returns 0, or an errno: then nothing is
 * left open and on_closed is not called. */
int cps_zmq_socket_open(CpsZmqSocket *self, uv_loop_t *loop, const CpsZmqOptions *options);

/* Bind to `endpoint` ("tcp://127.0.0.1:*"), and write where it is bound to (at most `size` bytes with the NUL), or connect. Returns 0, or an
 * errno. */
int cps_zmq_socket_bind(CpsZmqSocket *self, const char *endpoint, char *bound, size_t size);
int cps_zmq_socket_connect(CpsZmqSocket *self, const char *endpoint);

/* Bind to what this process has just closed, or is closing: libzmq does that in a thread of its own. May wait for half a second. */
int cps_zmq_socket_bind_again(CpsZmqSocket *self, const char *endpoint, char *bound, size_t size);

/* ZMQ_POLLIN and ZMQ_POLLOUT, as it is now; 0 for one that is closed. */
int cps_zmq_socket_events(CpsZmqSocket *self);

/* Close it; safe to call twice. cps_zmq_context_release must follow, without the GIL: it may wait for the linger time. */
void cps_zmq_socket_close(CpsZmqSocket *self);

/* A message of several frames. More frames than that are no message of any protocol spoken here: they are thrown away and counted. */
enum { CPS_ZMQ_FRAMES = 32 };

typedef struct {
    zmq_msg_t frames[CPS_ZMQ_FRAMES];
    size_t count;
    bool too_long; /* there were more */
} CpsZmqMessage;

static inline void
cps_zmq_message_init(CpsZmqMessage *message)
{
    message->count = 0;
    message->too_long = false;
}

/* Receive one, which is to be closed. Returns 0, EAGAIN when there is none, or another errno. */
int cps_zmq_receive(CpsZmqSocket *self, CpsZmqMessage *message);

/* The same with the next frame of a message, as a message of its own. */
int cps_zmq_receive_frame(CpsZmqSocket *self, CpsZmqMessage *message);

void cps_zmq_message_close(CpsZmqMessage *message);

static inline const char *
cps_zmq_bytes(CpsZmqMessage *message, size_t frame, size_t *length)
{
    *length = zmq_msg_size(&message->frames[frame]);
    return zmq_msg_data(&message->frames[frame]);
}

/* Whether the frame has exactly these bytes. */
bool cps_zmq_frame_is(CpsZmqMessage *message, size_t frame, const void *bytes, size_t length);

/* Make a frame with a copy of the bytes. Returns 0 or ENOMEM. */
int cps_zmq_frame(zmq_msg_t *frame, const void *bytes, size_t length);

/* Add a frame with a copy of the bytes, or (move) with those of a frame of another message, which is empty then. Returns 0, ENOMEM, or
 * EMSGSIZE when it has CPS_ZMQ_FRAMES. */
int cps_zmq_add(CpsZmqMessage *message, const void *bytes, size_t length);
int cps_zmq_move(CpsZmqMessage *message, zmq_msg_t *frame);

/* Add a frame that shares the bytes of another one, which stays as it is. Returns 0, or EMSGSIZE as above. */
int cps_zmq_share(CpsZmqMessage *message, zmq_msg_t *frame);

/* Send all its frames, without waiting; it is empty (and closed) then. Returns 0, EAGAIN when there is no room, or
 * another errno: then it is as it was. */
int cps_zmq_send(CpsZmqSocket *self, CpsZmqMessage *message);

#endif
