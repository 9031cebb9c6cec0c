/* listener.h: a socket that listens, on TCP (IPv4, IPv6) or as a Unix socket. Plain C, in the loop's thread. */
#ifndef CPS_NET_LISTENER_H
#define CPS_NET_LISTENER_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <uv.h>

typedef struct CpsListener CpsListener;

/* Not a uv_tcp_t: libuv 1.44 accepts in a loop that never ends once descriptors run out and another thread has taken its spare one. */
struct CpsListener {
    void (*on_connection)(CpsListener *listener); /* one waits for cps_stream_accept, or is closed after this; pure C */
    void (*on_closed)(CpsListener *listener);     /* its memory may be freed */

    /* of listener.c */
    uv_poll_t poll;
    uv_timer_t pause; /* runs while no descriptor is left for another connection */
    int open_handles; /* of these two */
    bool closing;
    int fd;
    int accepted; /* the connection that on_connection is called for; or -1 */
    char *path;   /* owned: of a Unix socket, removed at the close if it is still ours; or NULL */
    dev_t device; /* of that */
    ino_t inode;
};

typedef struct {
    const char *host; /* a name, an IPv4 or IPv6 address (with or without brackets), "" for all; or "unix:/path" */
    int port;         /* 0: any free one */
    int backlog;
    bool share_port; /* SO_REUSEPORT: other processes of ours listen on the same port */
} CpsListenAt;

/* Resolve, bind and listen. May block while a name is resolved: call it without the GIL, but in the loop's thread and not within uv_run.
 * "localhost" and other names with several addresses listen on the first that can be bound, IPv4 before IPv6; "" and "::" take
 * IPv4 clients, too. A stale Unix socket (nobody answers there) is replaced. on_connection and on_closed are set before. Writing to a
 * connection whose peer is gone must not end the process: SIGPIPE is ignored from now on, unless it has a handler.
 * Returns 0, or a libuv code: nothing is left open then (the memory may be freed after on_closed, if *closes says so). */
int cps_listener_open(CpsListener *listener, uv_loop_t *loop, const CpsListenAt *at, bool *closes);

/* The port that it is bound to; 0 for a Unix socket. */
int cps_listener_port(const CpsListener *listener);

/* Hold a TCP port for processes that will share it, without listening: bind with SO_REUSEPORT. May block as above. Returns a descriptor, to be
 * closed when they have ended, and sets *port; or a libuv code. */
int cps_listener_reserve(const CpsListenAt *at, int *port);

/* Writing to a connection whose peer is gone does not end the process, unless it has a handler for that. */
void cps_ignore_sigpipe(void);

/* Stop listening; safe to call twice. */
void cps_listener_close(CpsListener *listener);

#endif
