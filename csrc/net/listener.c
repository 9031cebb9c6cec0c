#include "net/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char UNIX_PREFIX[] = "unix:";

static int
last_error(void)
{
    return uv_translate_sys_error(errno);
}

/* Close `fd` and return `code`. */
static int
close_after(int fd, int code)
{
    close(fd);
    return code;
}

/* --- TCP ------------------------------------------------------------------------------------------------------------------------- */

static int
set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value));
}

/* A socket on `address` that listens, if there is to be a backlog: returns its descriptor, or a libuv code. */
static int
listen_on_address(const struct addrinfo *address, const CpsListenAt *at)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return last_error();
    }
    if (set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0 ||
        (at->share_port && set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0) ||
        (address->ai_family == AF_INET6 && set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0) < 0) ||
        bind(fd, address->ai_addr, address->ai_addrlen) < 0 || (at->backlog > 0 && listen(fd, at->backlog) < 0)) {
        return close_after(fd, last_error());
    }
    return fd;
}

/* Of the addresses of `family`, on the first that can be bound: returns its descriptor; or a libuv code, `code` if there is none. */
static int
listen_on_family(const struct addrinfo *addresses, int family, const CpsListenAt *at, int code)
{
    for (const struct addrinfo *address = addresses; address != NULL; address = address->ai_next) {
        if (address->ai_family == family) {
            code = listen_on_address(address, at);
            if (code >= 0) {
                break;
            }
        }
    }
    return code;
}

/* Returns a descriptor or a libuv code. */
static int
listen_on_name(uv_loop_t *loop, const char *name, const CpsListenAt *at)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    uv_getaddrinfo_t request;
    char port[16];
    int code;

    snprintf(port, sizeof(port), "%d", at->port);
    code = uv_getaddrinfo(loop, &request, NULL, name, port, &hints);
    if (code < 0) {
        return code;
    }
    code = listen_on_family(request.addrinfo, AF_INET, at, UV_EAI_NODATA);
    if (code < 0) {
        code = listen_on_family(request.addrinfo, AF_INET6, at, code);
    }
    uv_freeaddrinfo(request.addrinfo);
    return code;
}

static int
listen_on_tcp(uv_loop_t *loop, const CpsListenAt *at)
{
    char name[NI_MAXHOST];
    size_t length = strlen(at->host);
    bool bracketed = length > 1 && at->host[0] == '[' && at->host[length - 1] == ']';
    int fd;

    if (at->port < 0 || at->port > UINT16_MAX) {
        return UV_EINVAL;
    }
    if (length >= sizeof(name)) {
        return UV_ENAMETOOLONG;
    }
    if (length == 0) {
        fd = listen_on_name(loop, "::", at);
        return fd == UV_EAFNOSUPPORT || fd == UV_EADDRNOTAVAIL ? listen_on_name(loop, "0.0.0.0", at) : fd;
    }
    snprintf(name, sizeof(name), "%.*s", (int)(bracketed ? length - 2 : length), at->host + bracketed);
    return listen_on_name(loop, name, at);
}

/* --- Unix sockets ---------------------------------------------------------------------------------------------------------------- */

/* Whether the path is a socket at which nobody listens. */
static bool
is_stale(const struct sockaddr_un *address)
{
    struct stat info;
    int fd;
    bool stale;

    if (lstat(address->sun_path, &info) < 0 || !S_ISSOCK(info.st_mode)) {
        return false;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    stale = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 && errno == ECONNREFUSED;
    close(fd);
    return stale;
}

static int
bind_path(int fd, const struct sockaddr_un *address)
{
    const struct sockaddr *any = (const struct sockaddr *)address;

    if (bind(fd, any, sizeof(*address)) == 0) {
        return 0;
    }
    if (errno != EADDRINUSE) {
        return last_error();
    }
    if (!is_stale(address)) {
        return UV_EADDRINUSE;
    }
    return unlink(address->sun_path) < 0 || bind(fd, any, sizeof(*address)) < 0 ? last_error() : 0;
}

/* Returns a descriptor, and the listener has the path; or a libuv code. */
static int
listen_on_path(CpsListener *listener, const char *path, int backlog)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat info;
    int fd, code;

    if (path[0] == '\0' || strlen(path) >= sizeof(address.sun_path)) {
        return path[0] == '\0' ? UV_EINVAL : UV_ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return last_error();
    }
    code = bind_path(fd, &address);
    if (code < 0) {
        return close_after(fd, code);
    }
    listener->path = strdup(path);
    if (listener->path == NULL || lstat(path, &info) < 0 || listen(fd, backlog) < 0) {
        code = listener->path == NULL ? UV_ENOMEM : last_error();
        unlink(path);
        return close_after(fd, code);
    }
    listener->device = info.st_dev;
    listener->inode = info.st_ino;
    return fd;
}

/* Another process may have replaced our stale socket by its own meanwhile. */
static void
remove_path(const CpsListener *listener)
{
    struct stat info;

    if (lstat(listener->path, &info) == 0 && info.st_dev == listener->device && info.st_ino == listener->inode) {
        unlink(listener->path);
    }
}

/* --- connections ----------------------------------------------------------------------------------------------------------------- */

static void on_readable(uv_poll_t *poll, int status, int events);

static void
on_pause_over(uv_timer_t *timer)
{
    CpsListener *listener = timer->data;

    uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

/* Offer the connection `fd` to the owner. */
static void
offer(CpsListener *listener, int fd)
{
    listener->accepted = fd;
    listener->on_connection(listener);
    if (listener->accepted >= 0) {
        close(listener->accepted);
        listener->accepted = -1;
    }
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
    enum { MOST = 64, PAUSE_MS = 50 }; /* connections in a row: the others have their turn, too */
    CpsListener *listener = poll->data;

    for (int i = 0; i < MOST && !listener->closing; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            offer(listener, fd);
        }
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            uv_poll_stop(poll); /* what waits stays readable: we would spin */
            uv_timer_start(&listener->pause, on_pause_over, PAUSE_MS, 0);
            return;
        }
        else if (errno == EAGAIN) {
            return;
        }
        /* Else that connection has failed before it was ours. */
    }
}

/* --- opening and closing --------------------------------------------------------------------------------------------------------- */

void
cps_ignore_sigpipe(void)
{
    struct sigaction action;

    if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL) {
        signal(SIGPIPE, SIG_IGN);
    }
}

static void
listener_release(CpsListener *listener)
{
    if (listener->path != NULL) {
        remove_path(listener);
        free(listener->path);
        listener->path = NULL;
    }
    if (listener->fd >= 0) {
        close(listener->fd);
        listener->fd = -1;
    }
}

int
cps_listener_open(CpsListener *listener, uv_loop_t *loop, const CpsListenAt *at, bool *closes)
{
    bool is_unix = strncmp(at->host, UNIX_PREFIX, sizeof(UNIX_PREFIX) - 1) == 0;
    int code;

    *closes = false;
    *listener = (CpsListener){
        .on_connection = listener->on_connection, .on_closed = listener->on_closed, .fd = -1, .accepted = -1};
    cps_ignore_sigpipe();
    listener->fd =
        is_unix ? listen_on_path(listener, at->host + sizeof(UNIX_PREFIX) - 1, at->backlog) : listen_on_tcp(loop, at);
    code = listener->fd < 0 ? listener->fd : uv_poll_init(loop, &listener->poll, listener->fd);
    if (code < 0) {
        listener->closing = true;
        listener_release(listener);
        return code;
    }
    listener->poll.data = listener->pause.data = listener;
    listener->open_handles = 2;
    uv_timer_init(loop, &listener->pause);
    code = uv_poll_start(&listener->poll, UV_READABLE, on_readable);
    if (code < 0) {
        *closes = true;
        cps_listener_close(listener);
    }
    return code;
}

static int
bound_port(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);

    if (fd < 0 || getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
        return 0;
    }
    switch (address.ss_family) {
    case AF_INET:
        return ntohs(((struct sockaddr_in *)&address)->sin_port);
    case AF_INET6:
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    default:
        return 0;
    }
}

int
cps_listener_port(const CpsListener *listener)
{
    return bound_port(listener->fd);
}

int
cps_listener_reserve(const CpsListenAt *at, int *port)
{
    CpsListenAt shared = {.host = at->host, .port = at->port, .backlog = 0, .share_port = true};
    uv_loop_t loop; /* only names are resolved with it */
    int fd = uv_loop_init(&loop);

    if (fd < 0) {
        return fd;
    }
    fd = listen_on_tcp(&loop, &shared);
    uv_loop_close(&loop);
    *port = bound_port(fd);
    return fd;
}

static void
on_handle_closed(uv_handle_t *handle)
{
    CpsListener *listener = handle->data;

    if (--listener->open_handles == 0) {
        listener->on_closed(listener);
    }
}

void
cps_listener_close(CpsListener *listener)
{
    if (listener->closing) {
        return;
    }
    listener->closing = true;
    uv_close((uv_handle_t *)&listener->poll, on_handle_closed);
    uv_close((uv_handle_t *)&listener->pause, on_handle_closed);
    listener_release(listener);
}
