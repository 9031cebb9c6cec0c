/* listener: addresses, ports, Unix sockets and who owns them, and a process without descriptors. */
#include "loopback.h"

#include <sys/resource.h>
#include <sys/stat.h>

static char folder[] = "/tmp/listener-XXXXXX";

/* "unix:" and a path in the folder; valid until the next call but one. */
static const char *
local_host(const char *name)
{
    static char hosts[2][160];
    static int turn;
    char *host = hosts[turn = !turn];

    snprintf(host, sizeof(hosts[0]), "unix:%s/%s", folder, name);
    return host;
}

/* --- opening ---------------------------------------------------------------------------------------------------------------------- */

static int closed_count, offered_count;

static void
count_closed(CpsListener *listener)
{
    closed_count++;
}

/* Not accepted: the listener closes it. */
static void
count_offered(CpsListener *listener)
{
    offered_count++;
}

static int
try_open(CpsListener *listener, uv_loop_t *loop, const char *host, int port, bool share)
{
    CpsListenAt at = {host, port, 16, share};
    bool closes = true;
    int code;

    listener->on_connection = count_offered;
    listener->on_closed = count_closed;
    code = cps_listener_open(listener, loop, &at, &closes);
    assert(!closes);
    return code;
}

static void
expect_failure(const char *host, int port, int code)
{
    CpsListener listener;
    uv_loop_t loop;

    assert(uv_loop_init(&loop) == 0);
    assert(try_open(&listener, &loop, host, port, false) == code);
    cps_listener_close(&listener); /* safe, and nothing to be done */
    assert(uv_loop_close(&loop) == 0);
}

/* Close them all, and the loop. */
static void
close_all(uv_loop_t *loop, CpsListener *listeners, int count)
{
    closed_count = 0;
    for (int i = 0; i < count; i++) {
        cps_listener_close(&listeners[i]);
        cps_listener_close(&listeners[i]);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    assert(closed_count == count);
    assert(uv_loop_close(loop) == 0);
}

/* --- TCP -------------------------------------------------------------------------------------------------------------------------- */

static bool
can_connect(const char *ip, int port)
{
    struct sockaddr_storage address = {0};
    bool is_ipv6 = strchr(ip, ':') != NULL;
    int fd = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected;

    if (is_ipv6) {
        assert(uv_ip6_addr(ip, port, (struct sockaddr_in6 *)&address) == 0);
    }
    else {
        assert(uv_ip4_addr(ip, port, (struct sockaddr_in *)&address) == 0);
    }
    connected = connect(fd, (struct sockaddr *)&address,
                        is_ipv6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)) == 0;
    close(fd);
    return connected;
}

static bool
has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool works = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

    close(fd);
    return works;
}

static void
expect_reachable(const char *host, bool by_ipv4, bool by_ipv6)
{
    CpsListener listener;
    uv_loop_t loop;
    int port;

    assert(uv_loop_init(&loop) == 0);
    assert(try_open(&listener, &loop, host, 0, false) == 0);
    port = cps_listener_port(&listener);
    assert(port > 0);
    assert(can_connect("127.0.0.1", port) == by_ipv4);
    assert(!has_ipv6() || can_connect("::1", port) == by_ipv6);
    close_all(&loop, &listener, 1);
    assert(!can_connect("127.0.0.1", port));
}

static void
test_addresses_and_names(void)
{
    expect_reachable("127.0.0.1", true, false);
    expect_reachable("0.0.0.0", true, false);
    expect_reachable("localhost", true, false); /* IPv4 before IPv6 */
    expect_reachable("", true, true);
    if (has_ipv6()) {
        expect_reachable("::1", false, true);
        expect_reachable("[::1]", false, true);
        expect_reachable("::", true, true);
    }
}

static void
test_what_cannot_be_listened_on(void)
{
    char long_name[2000];
    CpsListener listener;
    uv_loop_t loop;

    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    expect_failure(long_name, 0, UV_ENAMETOOLONG);
    expect_failure("127.0.0.1", 65536, UV_EINVAL);
    expect_failure("127.0.0.1", -1, UV_EINVAL);
    expect_failure("192.0.2.1", 0, UV_EADDRNOTAVAIL); /* of nobody (RFC 5737) */
    assert(uv_loop_init(&loop) == 0);
    assert(try_open(&listener, &loop, "name.invalid", 0, false) < 0); /* by the resolver, which says why */
    assert(uv_loop_close(&loop) == 0);
}

static void
test_a_port_is_shared_only_when_asked(void)
{
    CpsListener listeners[4];
    uv_loop_t loop;
    int port;

    assert(uv_loop_init(&loop) == 0);
    assert(try_open(&listeners[0], &loop, "127.0.0.1", 0, false) == 0);
    assert(try_open(&listeners[1], &loop, "127.0.0.1", 0, true) == 0);
    port = cps_listener_port(&listeners[1]);
    assert(try_open(&listeners[2], &loop, "127.0.0.1", port, true) == 0);
    assert(cps_listener_port(&listeners[2]) == port);
    assert(try_open(&listeners[3], &loop, "127.0.0.1", port, false) == UV_EADDRINUSE);
    port = cps_listener_port(&listeners[0]);
    assert(try_open(&listeners[3], &loop, "127.0.0.1", port, true) == UV_EADDRINUSE);
    close_all(&loop, listeners, 3);
}

/* Connections that we closed first keep the port for a minute, from others than us. */
static void
test_a_port_can_be_used_again_at_once(void)
{
    Server connected = {0};
    CpsListener listener;
    uv_loop_t loop;
    int client;

    assert(uv_loop_init(&loop) == 0);
    assert(try_open(&listener, &loop, "127.0.0.1", 0, false) == 0);
    connected.port = cps_listener_port(&listener);
    client = client_connect(&connected);
    offered_count = 0;
    while (offered_count == 0) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    expect_eof(client); /* offered, not accepted, closed */
    close(client);
    close_all(&loop, &listener, 1);

    assert(uv_loop_init(&loop) == 0);
    assert(try_open(&listener, &loop, "127.0.0.1", connected.port, false) == 0);
    close_all(&loop, &listener, 1);
}

/* --- Unix sockets ----------------------------------------------------------------------------------------------------------------- */

static void
set_path(struct sockaddr_un *address, const char *host)
{
    address->sun_family = AF_UNIX;
    snprintf(address->sun_path, sizeof(address->sun_path), "%s", host + 5);
}

/* Connect, and hang up at once. Returns whether that worked without waiting. */
static bool
try_connect(const char *host)
{
    struct sockaddr_un address = {0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool connected;

    set_path(&address, host);
    connected = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return connected;
}

/* A socket at the path, at which somebody listens until it is closed. */
static int
foreign_socket(const char *host)
{
    struct sockaddr_un address = {0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    set_path(&address, host);
    assert(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 1) == 0);
    return fd;
}

static void
test_a_unix_socket_is_removed_at_the_close(void)
{
    Server connected = {.host = local_host("own")};
    CpsListener listener;
    uv_loop_t loop;

    assert(uv_loop_init(&loop) == 0);
    assert(try_open(&listener, &loop, connected.host, 0, false) == 0);
    assert(cps_listener_port(&listener) == 0);
    close(client_connect(&connected));
    expect_failure(connected.host, 0, UV_EADDRINUSE);
    assert(access(connected.host + 5, F_OK) == 0);
    close_all(&loop, &listener, 1);
    assert(access(connected.host + 5, F_OK) < 0);
}

static void
test_a_stale_socket_is_replaced(void)
{
    const char *host = local_host("stale");
    CpsListener listener;
    uv_loop_t loop;

    close(foreign_socket(host));
    assert(uv_loop_init(&loop) == 0);
    assert(try_open(&listener, &loop, host, 0, false) == 0);
    close_all(&loop, &listener, 1);
}

static void
test_what_is_not_ours_stays(void)
{
    const char *busy = local_host("busy");
    const char *file = local_host("file");
    int fd = foreign_socket(busy);
    CpsListener listener;
    uv_loop_t loop;
    struct stat info;

    expect_failure(busy, 0, UV_EADDRINUSE);
    while (try_connect(busy)) { /* until its backlog is full */
    }
    expect_failure(busy, 0, UV_EADDRINUSE);
    close(fd);
    unlink(busy + 5);
    fclose(fopen(file + 5, "w"));
    expect_failure(file, 0, UV_EADDRINUSE);
    assert(stat(file + 5, &info) == 0 && S_ISREG(info.st_mode));
    unlink(file + 5);

    assert(uv_loop_init(&loop) == 0);
    assert(try_open(&listener, &loop, busy, 0, false) == 0);
    fd = foreign_socket(file); /* while ours exists: its inode is another */
    assert(rename(file + 5, busy + 5) == 0);
    close_all(&loop, &listener, 1);
    assert(access(busy + 5, F_OK) == 0);
    close(fd);
    unlink(busy + 5);
}

static void
test_paths_that_cannot_be(void)
{
    char host[200];

    memset(host, 'x', sizeof(host));
    memcpy(host, "unix:/", 6);
    host[sizeof(host) - 1] = '\0';
    expect_failure(host, 0, UV_ENAMETOOLONG);
    expect_failure("unix:", 0, UV_EINVAL);
    expect_failure("unix:/no/such/folder/socket", 0, UV_ENOENT);
}

/* --- closing within a callback ------------------------------------------------------------------------------------------------------ */

static void
close_listener(CpsListener *listener)
{
    offered_count++;
    cps_listener_close(listener);
}

static void
test_closing_while_connections_wait(void)
{
    Server connected = {0};
    CpsListener listener;
    uv_loop_t loop;
    int clients[3];

    assert(uv_loop_init(&loop) == 0);
    assert(try_open(&listener, &loop, "127.0.0.1", 0, false) == 0);
    listener.on_connection = close_listener;
    connected.port = cps_listener_port(&listener);
    for (int i = 0; i < 3; i++) {
        clients[i] = client_connect(&connected);
    }
    offered_count = closed_count = 0;
    uv_run(&loop, UV_RUN_DEFAULT);
    assert(offered_count == 1 && closed_count == 1);
    assert(uv_loop_close(&loop) == 0);
    for (int i = 0; i < 3; i++) {
        close(clients[i]);
    }
}

/* --- no descriptors ----------------------------------------------------------------------------------------------------------------- */

enum { CLIENTS = 12, SPARE = 5, OBSERVED_MS = 300 };

static const CpsStreamOps echo_ops = {echo, finish_at_end, note_drained, free_peer};
static int turns;

static void
count_turns(uv_prepare_t *prepare)
{
    turns++;
}

static void
limit_descriptors(int limit)
{
    struct rlimit both;

    assert(getrlimit(RLIMIT_NOFILE, &both) == 0);
    both.rlim_cur = (rlim_t)limit;
    assert(setrlimit(RLIMIT_NOFILE, &both) == 0);
}

static void
expect_some(uv_timer_t *timer)
{
    Server *server = timer->data;

    assert(server->accepted > 0 && server->accepted <= SPARE);
    assert(turns < 100); /* thousands, if it spun */
    limit_descriptors(256);
}

static void
test_a_lack_of_descriptors_is_waited_out(void)
{
    Server server = {.ops = &echo_ops};
    uv_prepare_t prepare;
    uv_timer_t timer;
    int clients[CLIENTS];

    cps_list_init(&server.peers);
    assert(uv_loop_init(&server.loop) == 0);
    assert(try_open(&server.listener, &server.loop, "127.0.0.1", 0, false) == 0);
    server.listener.on_connection = server_on_connection;
    server.port = cps_listener_port(&server.listener);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_connect(&server);
    }
    limit_descriptors(clients[CLIENTS - 1] + 1 + SPARE);
    uv_prepare_init(&server.loop, &prepare);
    uv_prepare_start(&prepare, count_turns);
    uv_timer_init(&server.loop, &timer);
    timer.data = &server;
    uv_timer_start(&timer, expect_some, OBSERVED_MS, 0);
    while (server.accepted < CLIENTS) {
        uv_run(&server.loop, UV_RUN_ONCE);
    }
    for (int i = 0; i < CLIENTS; i++) {
        close(clients[i]);
    }
    while (server.closed < CLIENTS) {
        uv_run(&server.loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&prepare, NULL);
    uv_close((uv_handle_t *)&timer, NULL);
    close_all(&server.loop, &server.listener, 1);
}

int
main(void)
{
    int before;

    alarm(300); /* a test that hangs ends with a signal */
    assert(mkdtemp(folder) != NULL);
    test_addresses_and_names();
    before = count_descriptors(); /* libuv keeps some from the first loop on */
    test_what_cannot_be_listened_on();
    test_a_port_is_shared_only_when_asked();
    test_a_port_can_be_used_again_at_once();
    test_a_unix_socket_is_removed_at_the_close();
    test_a_stale_socket_is_replaced();
    test_what_is_not_ours_stays();
    test_paths_that_cannot_be();
    test_closing_while_connections_wait();
    test_a_lack_of_descriptors_is_waited_out();
    assert(rmdir(folder) == 0);
    assert(count_descriptors() == before);
    return 0;
}
