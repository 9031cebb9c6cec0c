/* stream: echoes, slow readers, ends of either side, closes in every callback, on real sockets. */
#include "loopback.h"

#include <signal.h>

enum { MEGABYTE = 1 << 20 };

/* --- echo ----------------------------------------------------------------------------------------------------------------------- */

enum { ECHO_LENGTH = 200000 };

static const CpsStreamOps echo_ops = {echo, finish_at_end, note_drained, free_peer};

static void
send_in_splits(void *argument)
{
    static const size_t lengths[] = {1, 2, 3, 5, 1000, 4096, 65536, 70000};
    int fd = *(int *)argument;
    char *bytes = pattern_new(ECHO_LENGTH);

    for (size_t sent = 0, turn = 0; sent < ECHO_LENGTH; turn++) {
        size_t length = lengths[turn % (sizeof(lengths) / sizeof(*lengths))];

        length = length < ECHO_LENGTH - sent ? length : ECHO_LENGTH - sent;
        send_all(fd, bytes + sent, length);
        sent += length;
    }
    shutdown(fd, SHUT_WR);
    free(bytes);
}

static void
echo_client(Server *server)
{
    int fd = client_connect(server);
    char *expected = pattern_new(ECHO_LENGTH);
    char *got = malloc(ECHO_LENGTH);
    uv_thread_t sender;

    assert(uv_thread_create(&sender, send_in_splits, &fd) == 0);
    receive_all(fd, got, ECHO_LENGTH);
    assert(memcmp(got, expected, ECHO_LENGTH) == 0);
    expect_eof(fd);
    uv_thread_join(&sender);
    close(fd);
    free(expected);
    free(got);
}

static void
test_echo_over_tcp(void)
{
    Server server = {.ops = &echo_ops, .client = echo_client, .clients = 4};

    serve(&server);
    assert(server.closed == 4 && server.ended == 4 && server.last_code == 0);
}

static void
test_echo_over_a_unix_socket(void)
{
    char folder[] = "/tmp/stream-XXXXXX";
    char host[64];
    Server server = {.ops = &echo_ops, .client = echo_client, .clients = 4, .host = host};

    assert(mkdtemp(folder) != NULL);
    snprintf(host, sizeof(host), "unix:%s/socket", folder);
    serve(&server);
    assert(server.closed == 4 && server.last_code == 0);
    assert(rmdir(folder) == 0); /* the socket was removed */
}

/* --- a slow reader ---------------------------------------------------------------------------------------------------------------- */

enum { PIECES = 3, PIECE = 8 * MEGABYTE };

/* So that the kernel does not take everything at once, however large its buffers may grow. */
static void
use_small_buffer(Peer *peer)
{
    int size = 65536;

    assert(uv_send_buffer_size(&peer->stream.uv.handle, &size) == 0);
}

static void
write_pieces(Peer *peer)
{
    char *bytes = pattern_new((size_t)PIECES * PIECE);

    use_small_buffer(peer);
    for (int i = 0; i < PIECES; i++) {
        size_t before = peer->stream.unsent;

        write_bytes(&peer->stream, bytes + (size_t)i * PIECE, PIECE);
        assert(peer->stream.unsent > 0 && peer->stream.unsent <= before + PIECE);
    }
    free(bytes);
    cps_stream_read(&peer->stream, true);
    uv_sem_post(&peer->server->turn);
}

static void
slow_client(Server *server)
{
    int fd = client_connect(server);
    char *got = malloc(MEGABYTE);
    size_t length = 0;

    uv_sem_wait(&server->turn);
    while (length < (size_t)PIECES * PIECE) {
        ssize_t count = recv(fd, got, length < MEGABYTE ? 1000 : MEGABYTE, 0);

        assert(count > 0);
        for (ssize_t i = 0; i < count; i++) {
            assert(got[i] == pattern_at(length + (size_t)i));
        }
        length += (size_t)count;
    }
    uv_sem_wait(&server->turn); /* it says that it has drained, with the connection still open */
    close(fd);
    free(got);
}

static void
tell_drained(CpsStream *stream)
{
    note_drained(stream);
    uv_sem_post(&peer_of(stream)->server->turn);
}

static void
test_a_slow_reader_gets_all_and_the_owner_hears_when(void)
{
    static const CpsStreamOps ops = {collect, close_at_end, tell_drained, free_peer};
    Server server = {.ops = &ops, .client = slow_client, .on_accepted = write_pieces};

    serve(&server);
    assert(server.drained == 1 && server.last_code == 0);
}

/* --- finishing -------------------------------------------------------------------------------------------------------------------- */

static void
answer_and_finish(CpsStream *stream, const char *bytes, size_t length)
{
    assert(!stream->finishing); /* nothing comes after that */
    write_bytes(stream, "bye", 3);
    cps_stream_read(stream, false); /* for the owner, that is */
    cps_stream_finish(stream, 60000);
    cps_stream_finish(stream, 0); /* once is enough */
    write_bytes(stream, "more", 4);
}

/* Send more than sockets hold, then read. */
static void
stubborn_client(Server *server)
{
    int fd = client_connect(server);
    char *bytes = calloc(1, 16 * MEGABYTE);
    char answer[3];

    send_all(fd, bytes, 16 * MEGABYTE);
    receive_all(fd, answer, sizeof(answer));
    assert(memcmp(answer, "bye", 3) == 0);
    expect_eof(fd);
    close(fd);
    free(bytes);
}

static void
test_a_client_that_still_sends_gets_the_last_answer(void)
{
    static const CpsStreamOps ops = {answer_and_finish, close_at_end, note_drained, free_peer};
    Server server = {.ops = &ops, .client = stubborn_client, .clients = 4};

    serve(&server);
    assert(server.ended == 0); /* after finish only on_closed is called */
}

static void
finish_at_once(Peer *peer)
{
    write_bytes(&peer->stream, "bye", 3);
    cps_stream_finish(&peer->stream, 20);
}

static void
tell_closed(CpsStream *stream)
{
    uv_sem_post(&peer_of(stream)->server->turn);
    free_peer(stream);
}

static void
lasting_client(Server *server)
{
    int fd = client_connect(server);
    char answer[3];

    receive_all(fd, answer, sizeof(answer));
    expect_eof(fd);
    uv_sem_wait(&server->turn); /* it is closed though we are not */
    close(fd);
}

static void
test_lingering_is_limited(void)
{
    static const CpsStreamOps ops = {collect, close_at_end, note_drained, tell_closed};
    Server server = {.ops = &ops, .client = lasting_client, .on_accepted = finish_at_once};

    serve(&server);
}

/* --- ends ------------------------------------------------------------------------------------------------------------------------- */

static void
answer_at_end(CpsStream *stream, int code)
{
    Peer *peer = peer_of(stream);
    char *bytes = pattern_new(MEGABYTE);

    note_end(stream, code);
    assert(stream->ended && peer->received.length == 7);
    write_bytes(stream, bytes, MEGABYTE);
    cps_stream_finish(stream, 10000);
    free(bytes);
}

static void
half_closing_client(Server *server)
{
    int fd = client_connect(server);
    char *expected = pattern_new(MEGABYTE);
    char *got = malloc(MEGABYTE);

    send_all(fd, "request", 7);
    shutdown(fd, SHUT_WR);
    receive_all(fd, got, MEGABYTE);
    assert(memcmp(got, expected, MEGABYTE) == 0);
    expect_eof(fd);
    close(fd);
    free(expected);
    free(got);
}

static void
test_a_client_that_has_ended_its_side_gets_its_answer(void)
{
    static const CpsStreamOps ops = {collect, answer_at_end, note_drained, free_peer};
    Server server = {.ops = &ops, .client = half_closing_client};

    serve(&server);
    assert(server.ended == 1 && server.last_code == 0);
}

static void
resetting_client(Server *server)
{
    close_hard(client_connect(server));
}

static void
test_a_reset_is_an_end_with_a_code(void)
{
    static const CpsStreamOps ops = {collect, close_at_end, note_drained, free_peer};
    Server server = {.ops = &ops, .client = resetting_client};

    serve(&server);
    assert(server.ended == 1 && server.last_code == UV_ECONNRESET);
}

/* The client has closed: it answers what it gets with a reset. */
static void
write_until_it_breaks(CpsStream *stream, int code)
{
    char *bytes = calloc(1, 32 * MEGABYTE);

    note_end(stream, code);
    if (code < 0) {
        CpsBuffer late = {0};

        assert(cps_buffer_append(&late, "late", 4) == 0);
        assert(cps_stream_write(stream, &late) == code && late.bytes == NULL);
        cps_stream_close(stream);
    }
    else {
        write_bytes(stream, bytes, 32 * MEGABYTE);
    }
    free(bytes);
}

static void
vanishing_client(Server *server)
{
    close(client_connect(server));
}

static void
test_writing_to_a_client_that_is_gone_ends_with_a_code_and_no_signal(void)
{
    static const CpsStreamOps ops = {collect, write_until_it_breaks, note_drained, free_peer};
    Server server = {.ops = &ops, .client = vanishing_client};

    signal(SIGPIPE, SIG_DFL);
    serve(&server);
    assert(server.ended == 2 && (server.last_code == UV_EPIPE || server.last_code == UV_ECONNRESET));
}

/* --- reading in turns --------------------------------------------------------------------------------------------------------------- */

static void
pause_after_bytes(CpsStream *stream, const char *bytes, size_t length)
{
    assert(stream->reading);
    collect(stream, bytes, length);
    cps_stream_read(stream, false);
}

/* In every third turn. */
static void
read_on(Peer *peer)
{
    if (++peer->count % 3 == 0) {
        cps_stream_read(&peer->stream, true);
    }
}

static void
check_received(CpsStream *stream)
{
    Peer *peer = peer_of(stream);

    assert(peer->received.length == ECHO_LENGTH);
    for (size_t i = 0; i < ECHO_LENGTH; i++) {
        assert(peer->received.bytes[i] == pattern_at(i));
    }
    free_peer(stream);
}

static void
sending_client(Server *server)
{
    int fd = client_connect(server);

    send_in_splits(&fd);
    expect_eof(fd);
    close(fd);
}

static void
test_reading_can_be_switched(void)
{
    static const CpsStreamOps ops = {pause_after_bytes, finish_at_end, note_drained, check_received};
    Server server = {.ops = &ops, .client = sending_client, .on_turn = read_on};

    serve(&server);
    assert(server.last_code == 0);
}

/* --- closing in callbacks ----------------------------------------------------------------------------------------------------------- */

/* Close, and call everything that may be called then. */
static void
close_and_try(CpsStream *stream)
{
    char text[INET6_ADDRSTRLEN];
    CpsBuffer bytes = {0};
    int port;

    cps_stream_close(stream);
    cps_stream_close(stream);
    cps_stream_read(stream, true);
    cps_stream_read(stream, false);
    assert(cps_buffer_append(&bytes, "x", 1) == 0);
    assert(cps_stream_write(stream, &bytes) < 0 && bytes.bytes == NULL);
    cps_stream_finish(stream, 10);
    cps_stream_peer(stream, text, sizeof(text), &port);
}

static void
close_at_accept(Peer *peer)
{
    close_and_try(&peer->stream);
}

static void
close_at_bytes(CpsStream *stream, const char *bytes, size_t length)
{
    close_and_try(stream);
}

static void
close_at_any_end(CpsStream *stream, int code)
{
    close_and_try(stream);
}

static void
write_much(Peer *peer)
{
    char *bytes = calloc(1, PIECE);

    use_small_buffer(peer);
    write_bytes(&peer->stream, bytes, PIECE);
    assert(peer->stream.unsent > 0);
    cps_stream_read(&peer->stream, true);
    uv_sem_post(&peer->server->turn);
    free(bytes);
}

static void
close_with_unsent(Peer *peer)
{
    write_much(peer);
    write_bytes(&peer->stream, "more", 4);
    close_and_try(&peer->stream);
}

static void
finish_and_close(Peer *peer)
{
    write_much(peer);
    cps_stream_finish(&peer->stream, 1000);
    close_and_try(&peer->stream);
}

/* Send something, read all that comes until the end, which may be a reset. */
static void
plain_client(Server *server)
{
    int fd = client_connect(server);
    char *bytes = malloc(MEGABYTE);

    send(fd, "request", 7, MSG_NOSIGNAL);
    while (recv(fd, bytes, MEGABYTE, 0) > 0) {
    }
    close(fd);
    free(bytes);
}

/* Read only when the server has fallen behind. */
static void
late_client(Server *server)
{
    int fd = client_connect(server);
    char *bytes = malloc(MEGABYTE);

    uv_sem_wait(&server->turn);
    while (recv(fd, bytes, MEGABYTE, 0) > 0) {
    }
    close(fd);
    free(bytes);
}

static void
test_closing_in_every_callback(void)
{
    static const CpsStreamOps at_bytes = {close_at_bytes, close_at_any_end, close_and_try, free_peer};
    static const CpsStreamOps at_drained = {collect, close_at_any_end, close_and_try, free_peer};
    Server servers[] = {
        {.ops = &at_bytes, .client = plain_client, .on_accepted = close_at_accept},
        {.ops = &at_bytes, .client = plain_client},
        {.ops = &at_bytes, .client = vanishing_client},
        {.ops = &at_bytes, .client = resetting_client},
        {.ops = &at_drained, .client = late_client, .on_accepted = write_much},
        {.ops = &at_bytes, .client = plain_client, .on_accepted = close_with_unsent},
        {.ops = &at_bytes, .client = plain_client, .on_accepted = finish_and_close},
    };

    for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++) {
        servers[i].clients = 4;
        serve(&servers[i]);
        assert(servers[i].closed == 4);
    }
}

/* --- many ------------------------------------------------------------------------------------------------------------------------- */

static void
many_connections(Server *server)
{
    for (int i = 0; i < 1000; i++) {
        int fd = client_connect(server);
        char got[4];

        if (i % 10 == 7) {
            close_hard(fd);
            continue;
        }
        send_all(fd, "ping", 4);
        if (i % 10 != 3) {
            receive_all(fd, got, sizeof(got));
        }
        close(fd);
    }
}

static void
test_thousands_of_connections_leave_no_descriptor(void)
{
    Server server = {.ops = &echo_ops, .client = many_connections, .clients = 4};
    int before = count_descriptors();

    serve(&server);
    assert(server.closed == 4000);
    assert(count_descriptors() == before);
}

/* --- the peer's address ------------------------------------------------------------------------------------------------------------ */

static int peer_port;

static void
look_at_peer(Peer *peer)
{
    char text[INET6_ADDRSTRLEN];

    cps_stream_peer(&peer->stream, text, sizeof(text), &peer_port);
    assert(strcmp(text, "127.0.0.1") == 0);
    cps_stream_close(&peer->stream);
    uv_sem_post(&peer->server->turn);
}

static void
addressed_client(Server *server)
{
    struct sockaddr_in own;
    socklen_t length = sizeof(own);
    int fd = client_connect(server);

    assert(getsockname(fd, (struct sockaddr *)&own, &length) == 0);
    expect_eof(fd);
    uv_sem_wait(&server->turn);
    assert(peer_port == ntohs(own.sin_port));
    close(fd);
}

static void
test_the_peer_has_an_address_also_on_a_dual_socket(void)
{
    Server ipv4 = {.ops = &echo_ops, .client = addressed_client, .on_accepted = look_at_peer};
    Server dual = {.ops = &echo_ops, .client = addressed_client, .on_accepted = look_at_peer, .host = ""};

    serve(&ipv4);
    serve(&dual);
}

int
main(void)
{
    test_writing_to_a_client_that_is_gone_ends_with_a_code_and_no_signal(); /* first: it wants SIGPIPE as it was */
    test_echo_over_tcp();
    test_echo_over_a_unix_socket();
    test_a_slow_reader_gets_all_and_the_owner_hears_when();
    test_a_client_that_still_sends_gets_the_last_answer();
    test_lingering_is_limited();
    test_a_client_that_has_ended_its_side_gets_its_answer();
    test_a_reset_is_an_end_with_a_code();
    test_reading_can_be_switched();
    test_closing_in_every_callback();
    test_thousands_of_connections_leave_no_descriptor();
    test_the_peer_has_an_address_also_on_a_dual_socket();
    return 0;
}
