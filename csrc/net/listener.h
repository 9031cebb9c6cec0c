/* listener.h: a socket that listens, on TCP (IPv4, IPv6) or as a Unix socket. Plain C, in the loop's thread. */
#ifndef CPS_NET_LISTENER_H
#define CPS_NET_LISTENER_H

#include <stdbool.h>
#include <sys/socket.h>
#include <uv.h>

typedef struct CpsListener CpsListener;

struct CpsListener {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    void (*on_connection)(CpsListener *listener); /* one waits to be accepted; pure C */
    void (*on_closed)(CpsListener *listener);     /* its memory may be freed */
    char *path;                                   /* owned: of a Unix socket, removed at the close if it is still ours; or NULL */
    dev_t device;                                 /* of that */
    ino_t inode;
};

typedef struct {
    const char *host; /* a name, an IPv4 or IPv6 address (with or without brackets), "" for all; or "unix:/path" */
    int port;         /* 0: any free one */
    int backlog;
    bool share_port; /* SO_REUSEPORT: other processes of ours listen on the same port */
} CpsListenAt;

/* Resolve, bind and listen. May block while a name is resolved: call it without the GIL, but in the loop's thread and not within uv_run.
 * "localhost" and other names with several addresses listen on the first that can be bound. A stale Unix socket (nobody answers there) is
 * replaced. Returns 0, or a libuv code: nothing is left open then (the memory may be freed after on_closed, if *closes says so). */
int cps_listener_open(CpsListener *listener, uv_loop_t *loop, const CpsListenAt *at, bool *closes);

/* The port that it is bound to; 0 for a Unix socket. */
int cps_listener_port(const CpsListener *listener);

/* Stop listening; safe to call twice. */
void cps_listener_close(CpsListener *listener);

#endif
