/* loopback.h: a server of streams in this thread, and its clients on blocking sockets in others. */
#ifndef TESTS_C_LOOPBACK_H
#define TESTS_C_LOOPBACK_H

#include "base/list.h"
#include "net/stream.h"

#include <arpa/inet.h>
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct Server Server;

/* One connection of a server. */
typedef struct {
    CpsStream stream; /* first */
    Server *server;
    CpsLink link; /* in Server.peers */
    CpsBuffer received;
    size_t count; /* for the test's own use */
} Peer;

struct Server {
    CpsListener listener;
    uv_loop_t loop;
    uv_async_t stop;
    uv_check_t check;
    uv_idle_t idle;
    CpsList peers;
    CpsTlsContext *tls;
    const CpsStreamOps *ops;
    void (*on_accepted)(Peer *peer); /* or NULL: reading is switched on */
    void (*on_turn)(
        Peer *peer); /* or NULL; called for each open one in every turn of the loop, which does not sleep then */
    void (*client)(Server *server); /* runs in `clients` threads at a time */
    int clients;
    const char *host;
    int port;
    atomic_int connected; /* connections, as the clients know */
    int accepted, closed; /* as the server knows */
    int ended;            /* calls of on_end */
    int last_code;        /* of those */
    int drained;          /* calls of on_drained */
    uv_sem_t turn;        /* for the test: the server's word to a client */
};

static inline Peer *
peer_of(CpsStream *stream)
{
    return (Peer *)stream;
}

/* --- what most servers do ------------------------------------------------------------------------------------------------------- */

static inline void
write_bytes(CpsStream *stream, const void *bytes, size_t length)
{
    CpsBuffer buffer = {0};

    assert(cps_buffer_append(&buffer, bytes, length) == 0);
    cps_stream_write(stream, &buffer);
    assert(buffer.bytes == NULL);
}

static inline void
echo(CpsStream *stream, const char *bytes, size_t length)
{
    write_bytes(stream, bytes, length);
}

static inline void
collect(CpsStream *stream, const char *bytes, size_t length)
{
    assert(cps_buffer_append(&peer_of(stream)->received, bytes, length) == 0);
}

static inline void
note_end(CpsStream *stream, int code)
{
    peer_of(stream)->server->ended++;
    peer_of(stream)->server->last_code = code;
}

static inline void
finish_at_end(CpsStream *stream, int code)
{
    note_end(stream, code);
    cps_stream_finish(stream, 10000);
}

static inline void
close_at_end(CpsStream *stream, int code)
{
    note_end(stream, code);
    cps_stream_close(stream);
}

static inline void
note_drained(CpsStream *stream)
{
    assert(stream->unsent == 0);
    peer_of(stream)->server->drained++;
}

static inline void
free_peer(CpsStream *stream)
{
    Peer *peer = peer_of(stream);

    peer->server->closed++;
    cps_link_remove(&peer->link);
    cps_buffer_free(&peer->received);
    free(peer);
}

/* --- the server ------------------------------------------------------------------------------------------------------------------- */

static inline void
server_on_connection(CpsListener *listener)
{
    Server *server = (Server *)listener;
    Peer *peer = calloc(1, sizeof(*peer));
    bool closes;

    peer->server = server;
    assert(cps_stream_accept(&peer->stream, server->ops, listener, server->tls, &closes) == 0);
    server->accepted++;
    cps_list_append(&server->peers, &peer->link);
    if (server->on_accepted != NULL) {
        server->on_accepted(peer);
    }
    else {
        cps_stream_read(&peer->stream, true);
    }
}

static inline void
server_on_listener_closed(CpsListener *listener)
{
}

static inline void
server_on_stop(uv_async_t *stop)
{
    Server *server = stop->data;

    if (server->accepted < server->connected) {
        uv_async_send(stop); /* the others still wait at the listener */
        return;
    }
    cps_listener_close(&server->listener);
    uv_close((uv_handle_t *)stop, NULL);
    uv_close((uv_handle_t *)&server->check, NULL);
    uv_close((uv_handle_t *)&server->idle, NULL);
}

static inline void
server_on_check(uv_check_t *check)
{
    Server *server = check->data;

    for (CpsLink *link = cps_list_first(&server->peers); link != NULL; link = cps_list_after(&server->peers, link)) {
        Peer *peer = CPS_CONTAINER(link, Peer, link);

        if (!peer->stream.closing) {
            server->on_turn(peer);
        }
    }
}

static inline void
server_on_idle(uv_idle_t *idle)
{
}

static inline void
server_start(Server *server)
{
    cps_list_init(&server->peers);
    assert(uv_async_init(&server->loop, &server->stop, server_on_stop) == 0);
    uv_check_init(&server->loop, &server->check);
    uv_idle_init(&server->loop, &server->idle);
    server->stop.data = server->check.data = server;
    if (server->on_turn != NULL) {
        uv_check_start(&server->check, server_on_check);
        uv_idle_start(&server->idle, server_on_idle);
    }
}

static inline void
run_client(void *argument)
{
    Server *server = argument;

    server->client(server);
}

static inline void
run_clients(void *argument)
{
    Server *server = argument;
    uv_thread_t threads[16];

    for (int i = 0; i < server->clients; i++) {
        assert(uv_thread_create(&threads[i], run_client, server) == 0);
    }
    for (int i = 0; i < server->clients; i++) {
        uv_thread_join(&threads[i]);
    }
    uv_async_send(&server->stop);
}

/* Serve until the clients have returned and all connections are closed. */
static inline void
serve(Server *server)
{
    CpsListenAt at = {server->host == NULL ? "127.0.0.1" : server->host, 0, 128, false};
    uv_thread_t thread;
    bool closes;

    alarm(300); /* a test that hangs ends with a signal */
    server->clients = server->clients == 0 ? 1 : server->clients;
    assert(uv_loop_init(&server->loop) == 0);
    assert(uv_sem_init(&server->turn, 0) == 0);
    server_start(server);
    server->listener.on_connection = server_on_connection;
    server->listener.on_closed = server_on_listener_closed;
    assert(cps_listener_open(&server->listener, &server->loop, &at, &closes) == 0);
    server->port = cps_listener_port(&server->listener);
    assert(uv_thread_create(&thread, run_clients, server) == 0);
    uv_run(&server->loop, UV_RUN_DEFAULT);
    uv_thread_join(&thread);
    assert(uv_loop_close(&server->loop) == 0);
    assert(server->accepted == server->closed);
    uv_sem_destroy(&server->turn);
}

/* --- clients ---------------------------------------------------------------------------------------------------------------------- */

/* A blocking socket that is connected to the server. */
static inline int
client_connect(Server *server)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server->port)};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    bool is_local = server->host != NULL && strncmp(server->host, "unix:", 5) == 0;
    int fd = socket(is_local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert(fd >= 0);
    ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (is_local) {
        snprintf(local.sun_path, sizeof(local.sun_path), "%s", server->host + 5);
        assert(connect(fd, (struct sockaddr *)&local, sizeof(local)) == 0);
    }
    else {
        assert(connect(fd, (struct sockaddr *)&ipv4, sizeof(ipv4)) == 0);
    }
    server->connected++;
    return fd;
}

static inline void
send_all(int fd, const void *bytes, size_t length)
{
    for (size_t sent = 0; sent < length;) {
        ssize_t count = send(fd, (const char *)bytes + sent, length - sent, MSG_NOSIGNAL);

        assert(count > 0);
        sent += (size_t)count;
    }
}

static inline void
receive_all(int fd, void *bytes, size_t length)
{
    assert(recv(fd, bytes, length, MSG_WAITALL) == (ssize_t)length);
}

static inline void
expect_eof(int fd)
{
    char byte;

    assert(recv(fd, &byte, 1, 0) == 0);
}

/* Have the close send a RST. */
static inline void
close_hard(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    assert(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
    close(fd);
}

/* Bytes whose place can be told. */
static inline char
pattern_at(size_t index)
{
    return (char)((index * 2654435761U) >> 13);
}

static inline char *
pattern_new(size_t length)
{
    char *bytes = malloc(length);

    for (size_t i = 0; i < length; i++) {
        bytes[i] = pattern_at(i);
    }
    return bytes;
}

/* How many descriptors this process has. */
static inline int
count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;

    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

#endif
