/* TLS: contexts and their messages, handshakes in splits, with rubbish and with closes, resumption, ends of either side. */
#include "loopback.h"

#include "net/streamtls.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

enum { MEGABYTE = 1 << 20 };

/* --- keys and certificates -------------------------------------------------------------------------------------------------------- */

static char folder[] = "/tmp/tls-XXXXXX";
static CpsTlsContext *context;

/* A path in the folder; valid until the third next call of the thread. */
static const char *
in_folder(const char *name)
{
    static _Thread_local char paths[3][128];
    static _Thread_local unsigned int turn;
    char *path = paths[turn++ % 3];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static void
write_key(const char *name, EVP_PKEY *key, const EVP_CIPHER *cipher)
{
    FILE *file = fopen(in_folder(name), "w");

    assert(PEM_write_PrivateKey(file, key, cipher, (unsigned char *)"secret", 6, NULL, NULL) == 1);
    fclose(file);
}

static void
write_certificate(const char *name, EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    FILE *file = fopen(in_folder(name), "w");

    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (unsigned char *)"localhost", -1,
                               -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    assert(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert(PEM_write_X509(file, certificate) == 1);
    fclose(file);
    X509_free(certificate);
}

static void
make_files(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_PKEY *other = EVP_RSA_gen(2048);

    write_key("key.pem", key, NULL);
    write_key("encrypted.pem", key, EVP_aes_128_cbc());
    write_certificate("certificate.pem", key);
    write_key("other-key.pem", other, NULL);
    write_certificate("other-certificate.pem", other);
    fclose(fopen(in_folder("empty.pem"), "w"));
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

/* Debian's OpenSSL refuses old versions of TLS whatever a server says: it is to be ours that does. */
static void
allow_old_versions(void)
{
    FILE *file = fopen(in_folder("openssl.cnf"), "w");

    fputs("openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = all\n"
          "[all]\nCipherString = DEFAULT:@SECLEVEL=0\n",
          file);
    fclose(file);
    setenv("OPENSSL_CONF", in_folder("openssl.cnf"), 1);
}

static void
remove_files(void)
{
    static const char *const names[] = {"openssl.cnf",     "key.pem",       "encrypted.pem",
                                        "certificate.pem", "other-key.pem", "other-certificate.pem",
                                        "empty.pem"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        unlink(in_folder(names[i]));
    }
    assert(rmdir(folder) == 0);
}

/* --- contexts --------------------------------------------------------------------------------------------------------------------- */

/* That the message has the name and the reason. */
static void
expect_message(const char *certfile, const char *keyfile, const char *name, const char *reason)
{
    char error[400] = "";

    assert(cps_tls_context_new(in_folder(certfile), in_folder(keyfile), error, sizeof(error)) == NULL);
    if (strstr(error, in_folder(name)) == NULL || strstr(error, reason) == NULL) {
        fprintf(stderr, "%s\n", error);
        abort();
    }
    assert(ERR_peek_error() == 0);
}

static void
test_messages_name_the_file_and_the_reason(void)
{
    expect_message("missing.pem", "key.pem", "missing.pem", "No such file");
    expect_message("certificate.pem", "missing.pem", "missing.pem", "No such file");
    expect_message("empty.pem", "key.pem", "empty.pem", "certificate");
    expect_message("key.pem", "key.pem", "key.pem", "certificate");
    expect_message("certificate.pem", "empty.pem", "empty.pem", "private key");
    expect_message("certificate.pem", "certificate.pem", "certificate.pem", "private key");
    expect_message("certificate.pem", ".", ".", "private key");
    expect_message("certificate.pem", "other-key.pem", "other-key.pem", "is not that of the certificate");
    expect_message("other-certificate.pem", "key.pem", "other-certificate.pem", "is not that of the certificate");
    expect_message("certificate.pem", "encrypted.pem", "encrypted.pem", "passphrase");
}

static void
test_an_unreadable_key_is_named(void)
{
    bool is_root = geteuid() == 0;

    assert(chmod(in_folder("other-key.pem"), 0) == 0);
    assert(chmod(folder, 0755) == 0);
    assert(!is_root || seteuid(65534) == 0); /* root may read everything */
    expect_message("other-certificate.pem", "other-key.pem", "other-key.pem", "Permission denied");
    assert(!is_root || seteuid(0) == 0);
}

static void
test_one_file_may_hold_both(void)
{
    char command[400], error[400];
    CpsTlsContext *both;

    snprintf(command, sizeof(command), "cat %s %s > %s", in_folder("key.pem"), in_folder("certificate.pem"),
             in_folder("empty.pem"));
    assert(system(command) == 0);
    both = cps_tls_context_new(in_folder("empty.pem"), in_folder("empty.pem"), error, sizeof(error));
    assert(both != NULL);
    cps_tls_context_unref(cps_tls_context_ref(both));
    cps_tls_context_unref(both);
    cps_tls_context_unref(NULL);
}

/* --- clients ---------------------------------------------------------------------------------------------------------------------- */

static SSL_CTX *
client_context(int version)
{
    SSL_CTX *ssl = SSL_CTX_new(TLS_client_method());

    assert(SSL_CTX_load_verify_file(ssl, in_folder("certificate.pem")) == 1);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    if (version != 0) {
        SSL_CTX_set_security_level(ssl, 0);
        assert(SSL_CTX_set_min_proto_version(ssl, version) == 1 && SSL_CTX_set_max_proto_version(ssl, version) == 1);
    }
    return ssl;
}

static int client_version; /* 0: any; set before a server is started */

typedef struct {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
} Client;

/* A client with its TCP connection, and the handshake not begun. */
static Client
client_new(Server *server)
{
    Client client = {.fd = client_connect(server), .context = client_context(client_version)};

    client.ssl = SSL_new(client.context);
    SSL_set_fd(client.ssl, client.fd);
    return client;
}

static Client
client_open(Server *server)
{
    Client client = client_new(server);

    assert(SSL_connect(client.ssl) == 1);
    return client;
}

/* As it is: without a close_notify. */
static void
client_free(Client *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
    close(client->fd);
    ERR_clear_error();
}

static void
client_receive(Client *client, char *bytes, size_t length)
{
    for (size_t got = 0; got < length;) {
        size_t count;

        assert(SSL_read_ex(client->ssl, bytes + got, length - got, &count) == 1);
        got += count;
    }
}

static void
client_send(Client *client, const char *bytes, size_t length)
{
    size_t count;

    assert(SSL_write_ex(client->ssl, bytes, length, &count) == 1 && count == length);
}

static void
client_expect_end(Client *client)
{
    char byte;
    int result = SSL_read(client->ssl, &byte, 1);

    assert(SSL_get_error(client->ssl, result) == SSL_ERROR_ZERO_RETURN); /* a close_notify */
}

/* --- echo ------------------------------------------------------------------------------------------------------------------------- */

enum { ECHO_LENGTH = 3000000 };

static const CpsStreamOps echo_ops = {echo, finish_at_end, note_drained, free_peer};

static void
run(Server *server)
{
    server->tls = context;
    serve(server);
}

static void
echo_client(Server *server)
{
    static const size_t lengths[] = {1, 2, 3, 5, 1000, 16384, 16385, 70000};
    Client client = client_open(server);
    char *bytes = pattern_new(ECHO_LENGTH);
    char *got = malloc(ECHO_LENGTH);

    assert(client_version == 0 || SSL_version(client.ssl) == client_version);
    for (size_t sent = 0, turn = 0; sent < ECHO_LENGTH; turn++) {
        size_t length = lengths[turn % (sizeof(lengths) / sizeof(*lengths))];

        length = length < ECHO_LENGTH - sent ? length : ECHO_LENGTH - sent;
        client_send(&client, bytes + sent, length);
        client_receive(&client, got + sent, length);
        sent += length;
    }
    assert(memcmp(got, bytes, ECHO_LENGTH) == 0);
    assert(SSL_shutdown(client.ssl) == 0); /* ours is sent */
    client_expect_end(&client);
    client_free(&client);
    free(bytes);
    free(got);
}

static void
test_echo_with_each_version(void)
{
    static const int versions[] = {0, TLS1_2_VERSION, TLS1_3_VERSION};

    for (size_t i = 0; i < 3; i++) {
        Server server = {.ops = &echo_ops, .client = echo_client, .clients = 3};

        client_version = versions[i];
        run(&server);
        assert(server.closed == 3 && server.ended == 3 && server.last_code == 0);
    }
    client_version = 0;
}

/* --- handshakes in pieces ----------------------------------------------------------------------------------------------------------- */

static size_t split;         /* at most so many bytes are sent at a time */
static bool request_follows; /* with the client's Finished */

/* A client on BIOs in memory: what it has to say is sent as the test wants it. */
static void
pump_out(SSL *ssl, int fd)
{
    char bytes[4096];
    int length;

    while ((length = BIO_read(SSL_get_wbio(ssl), bytes, split < sizeof(bytes) ? (int)split : (int)sizeof(bytes))) > 0) {
        send_all(fd, bytes, (size_t)length);
    }
}

static void
pump_in(SSL *ssl, int fd)
{
    char bytes[4096];
    ssize_t length = recv(fd, bytes, sizeof(bytes), 0);

    assert(length > 0 && BIO_write(SSL_get_rbio(ssl), bytes, (int)length) == (int)length);
}

static void
split_client(Server *server)
{
    SSL_CTX *ssl_context = client_context(client_version);
    SSL *ssl = SSL_new(ssl_context);
    int fd = client_connect(server);
    char got[8];
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof(one));
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl);
    while (SSL_do_handshake(ssl) != 1) {
        pump_out(ssl, fd);
        pump_in(ssl, fd);
    }
    if (!request_follows) {
        pump_out(ssl, fd);
    }
    assert(SSL_write(ssl, "request", 7) == 7);
    pump_out(ssl, fd);
    while (SSL_read(ssl, got, sizeof(got)) != 7) {
        pump_in(ssl, fd);
    }
    assert(memcmp(got, "request", 7) == 0);
    SSL_shutdown(ssl);
    pump_out(ssl, fd);
    SSL_free(ssl);
    SSL_CTX_free(ssl_context);
    close(fd);
}

static void
test_handshakes_in_pieces_and_requests_that_follow_at_once(void)
{
    static const size_t splits[] = {1, 100, 100000};

    request_follows = true;
    for (size_t i = 0; i < 3; i++) {
        for (client_version = TLS1_2_VERSION; client_version <= TLS1_3_VERSION; client_version++) {
            Server server = {.ops = &echo_ops, .client = split_client, .clients = 4};

            /* TLS 1.2's client waits for the server's Finished */
            request_follows = client_version == TLS1_3_VERSION;
            split = splits[i];
            run(&server);
            assert(server.ended == 4 && server.last_code == 0);
        }
    }
    client_version = 0;
}

/* --- what is refused ---------------------------------------------------------------------------------------------------------------- */

static const CpsStreamOps closing_ops = {collect, close_at_end, note_drained, free_peer};

static void
refused_client(Server *server)
{
    Client client = client_new(server);

    assert(SSL_connect(client.ssl) != 1);
    client_free(&client);
}

static void
test_versions_below_1_2_are_refused(void)
{
    for (client_version = TLS1_VERSION; client_version <= TLS1_1_VERSION; client_version++) {
        Server server = {.ops = &closing_ops, .client = refused_client};

        run(&server);
        assert(server.ended == 1 && server.last_code == UV_EPROTO);
    }
    client_version = 0;
}

static const char *sent;
static size_t sent_length;
static bool resets;

/* Say that, and hang up. */
static void
hanging_up_client(Server *server)
{
    int fd = client_connect(server);
    char bytes[100];

    send_all(fd, sent, sent_length);
    if (resets) {
        close_hard(fd);
        return;
    }
    shutdown(fd, SHUT_WR);
    while (recv(fd, bytes, sizeof(bytes), 0) > 0) { /* an alert, perhaps */
    }
    close(fd);
}

static void
expect_refusal(const char *bytes, size_t length)
{
    Server server = {.ops = &closing_ops, .client = hanging_up_client, .clients = 2};

    sent = bytes;
    sent_length = length;
    run(&server);
    assert(server.ended == 2);
    assert(server.last_code == UV_EPROTO || (resets && server.last_code == UV_ECONNRESET));
}

static void
test_what_is_not_tls_is_refused(void)
{
    static const char *const texts[] = {"",
                                        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                                        "rubbish\n",
                                        "\x16\x03\x01\x02\x10\x01\x02\x0c\x03\x03 a ClientHello, not quite",
                                        "\x16\x03\x01\x05\x05 rubbish",
                                        "\x80\x2e\x01\x03\x01 of SSL 2"};
    char *much = pattern_new(MEGABYTE);

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        expect_refusal(texts[i], strlen(texts[i]));
    }
    resets = true;
    expect_refusal(much, 200000);
    resets = false;
    free(much);
}

static void
test_clients_that_hang_up_within_the_handshake(void)
{
    SSL_CTX *ssl_context = client_context(0);
    SSL *ssl = SSL_new(ssl_context);
    char hello[2000];
    int length;

    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    assert(SSL_connect(ssl) != 1);
    length = BIO_read(SSL_get_wbio(ssl), hello, sizeof(hello));
    assert(length > 100);
    for (int part = 1; part < length; part += 29) {
        resets = !resets;
        expect_refusal(hello, (size_t)part);
    }
    resets = false;
    expect_refusal(hello, (size_t)length); /* after the server's answer */
    hello[length / 2] ^= 1;
    expect_refusal(hello, (size_t)length);
    SSL_free(ssl);
    SSL_CTX_free(ssl_context);
    ERR_clear_error();
}

static void
renegotiating_client(Server *server)
{
    Client client = client_open(server);

    assert(SSL_renegotiate(client.ssl) == 1);
    assert(SSL_do_handshake(client.ssl) != 1);
    client_free(&client);
}

static void
test_renegotiation_is_refused(void)
{
    Server server = {.ops = &echo_ops, .client = renegotiating_client};

    client_version = TLS1_2_VERSION;
    run(&server);
    assert(server.closed == 1);
    client_version = 0;
}

/* --- ALPN ------------------------------------------------------------------------------------------------------------------------- */

static const char *offer, *chosen; /* in the wire's form; NULL: refused */

static void
alpn_client(Server *server)
{
    Client client = client_new(server);
    const unsigned char *protocol;
    unsigned int length;

    if (offer != NULL) {
        assert(SSL_set_alpn_protos(client.ssl, (const unsigned char *)offer, (unsigned int)strlen(offer)) == 0);
    }
    assert((SSL_connect(client.ssl) == 1) == (chosen != NULL));
    if (chosen != NULL) {
        SSL_get0_alpn_selected(client.ssl, &protocol, &length);
        assert(length == strlen(chosen));
        assert(length == 0 || memcmp(protocol, chosen, length) == 0);
    }
    else {
        assert(ERR_GET_REASON(ERR_peek_error()) == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
    }
    client_free(&client);
}

/* As for protocols that have no name there. */
static void
test_what_alpn_offers_is_ignored_unless_asked_for(void)
{
    Server server = {.ops = &closing_ops, .client = alpn_client};

    offer = "\x02h2";
    chosen = "";
    run(&server);
    assert(server.closed == 1);
}

static void
test_alpn(void)
{
    static const char *const table[][2] = {
        {NULL, ""},
        {"\x08http/1.1", "http/1.1"},
        {"\x02h2\x08http/1.1", "http/1.1"},
        {"\x08http/1.0", "http/1.0"},
        {"\x08http/1.0\x08http/1.1", "http/1.1"},
        {"\x02h2", NULL},
        {"\x02h2\x08http/2.0", NULL},
    };

    cps_tls_context_choose_http(context);
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        Server server = {.ops = &closing_ops, .client = alpn_client};

        offer = table[i][0];
        chosen = table[i][1];
        run(&server);
        assert(server.closed == 1);
    }
}

/* --- resumption -------------------------------------------------------------------------------------------------------------------- */

static void
returning_client(Server *server)
{
    SSL_SESSION *session = NULL;

    for (int visit = 0; visit < 3; visit++) {
        Client client = client_new(server);
        char got[4];

        if (session != NULL) {
            assert(SSL_set_session(client.ssl, session) == 1);
            SSL_SESSION_free(session);
        }
        assert(SSL_connect(client.ssl) == 1);
        assert(SSL_session_reused(client.ssl) == (visit > 0));
        client_send(&client, "ping", 4);
        client_receive(&client, got, 4); /* TLS 1.3's tickets come before that */
        session = SSL_get1_session(client.ssl);
        SSL_shutdown(client.ssl);
        client_free(&client);
    }
    SSL_SESSION_free(session);
}

static void
test_sessions_are_resumed(void)
{
    for (client_version = TLS1_2_VERSION; client_version <= TLS1_3_VERSION; client_version++) {
        Server server = {.ops = &echo_ops, .client = returning_client};

        run(&server);
        assert(server.closed == 3);
    }
    client_version = 0;
}

/* --- ends -------------------------------------------------------------------------------------------------------------------------- */

static bool says_so; /* with a close_notify */

static void
answer_at_end(CpsStream *stream, int code)
{
    char *bytes = pattern_new(MEGABYTE);

    note_end(stream, code);
    assert(peer_of(stream)->received.length == 7);
    if (code < 0) {
        cps_stream_close(stream);
    }
    else {
        write_bytes(stream, bytes, MEGABYTE);
        cps_stream_finish(stream, 10000);
    }
    free(bytes);
}

static void
ending_client(Server *server)
{
    Client client = client_open(server);
    char *expected = pattern_new(MEGABYTE);
    char *got = malloc(MEGABYTE);

    client_send(&client, "request", 7);
    if (says_so) {
        assert(SSL_shutdown(client.ssl) == 0);
    }
    shutdown(client.fd, SHUT_WR);
    if (says_so) {
        client_receive(&client, got, MEGABYTE);
        assert(memcmp(got, expected, MEGABYTE) == 0);
        client_expect_end(&client);
    }
    client_free(&client);
    free(expected);
    free(got);
}

static void
test_a_close_notify_is_an_end_in_order_and_its_lack_is_not(void)
{
    static const CpsStreamOps ops = {collect, answer_at_end, note_drained, free_peer};

    for (int i = 0; i < 2; i++) {
        Server server = {.ops = &ops, .client = ending_client};

        says_so = i == 0;
        run(&server);
        assert(server.ended == 1 && server.last_code == (says_so ? 0 : UV_EPROTO));
    }
}

static void
say_bye(Peer *peer)
{
    write_bytes(&peer->stream, "bye", 3);
    assert(peer->stream.unsent == 3);
    cps_stream_finish(&peer->stream, 10000);
}

static void
farewell_client(Server *server)
{
    Client client = client_open(server);
    char got[3];

    client_receive(&client, got, 3);
    assert(memcmp(got, "bye", 3) == 0);
    client_expect_end(&client);
    client_free(&client);
}

static void
test_what_is_written_before_the_handshake_arrives(void)
{
    Server server = {.ops = &echo_ops, .client = farewell_client, .clients = 4, .on_accepted = say_bye};

    run(&server);
    assert(server.ended == 0);
}

static void
finish_without_words(Peer *peer)
{
    cps_stream_finish(&peer->stream, 10000);
    assert(peer->stream.closing);
}

static void
test_finishing_without_a_word_does_not_wait_for_the_handshake(void)
{
    Server server = {.ops = &echo_ops, .client = refused_client, .clients = 4, .on_accepted = finish_without_words};

    run(&server);
}

/* --- closes while the pool works ----------------------------------------------------------------------------------------------------- */

static int closed_in_work;

static void
close_when_busy(Peer *peer)
{
    if (peer->stream.tls->busy) {
        closed_in_work++;
        cps_stream_close(&peer->stream);
    }
}

/* The pool may be done before the loop looks at it. */
static void
many_clients(Server *server)
{
    for (int i = 0; i < 100; i++) {
        Client client = client_new(server);

        SSL_connect(client.ssl);
        client_free(&client);
    }
}

static void
test_closing_while_the_pool_works(void)
{
    Server server = {.ops = &echo_ops, .client = many_clients, .clients = 4, .on_turn = close_when_busy};
    int before = count_descriptors();

    run(&server);
    assert(server.closed == 400 && closed_in_work + server.ended == 400);
    assert(closed_in_work > 40);
    assert(count_descriptors() == before);
}

static void
echo_and_close(CpsStream *stream, const char *bytes, size_t length)
{
    echo(stream, bytes, length);
    cps_stream_close(stream);
    cps_stream_finish(stream, 1);
    cps_stream_read(stream, true);
    write_bytes(stream, "x", 1);
}

static void
closed_upon_client(Server *server)
{
    Client client = client_open(server);
    char bytes[100];

    client_send(&client, "request", 7);
    while (SSL_read(client.ssl, bytes, sizeof(bytes)) > 0) {
    }
    client_free(&client);
}

static void
test_closing_in_on_bytes(void)
{
    static const CpsStreamOps ops = {echo_and_close, close_at_end, note_drained, free_peer};
    Server server = {.ops = &ops, .client = closed_upon_client, .clients = 4};

    run(&server);
    assert(server.ended == 0);
}

/* --- reading in turns ------------------------------------------------------------------------------- */

enum { MUCH = 8 * MEGABYTE };

/* Whatever comes from the owner's pauses, little is kept meanwhile. */
static void
read_now_and_then(Peer *peer)
{
    const CpsStreamTls *tls = peer->stream.tls;

    if (!tls->busy) {
        assert(tls->session.input.length + tls->arriving.length <= (size_t)3 * 65536);
    }
    if (tls->open) {
        cps_stream_read(&peer->stream, true);
    }
}

static void
read_one(CpsStream *stream, const char *bytes, size_t length)
{
    Peer *peer = peer_of(stream);

    assert(stream->reading);
    for (size_t i = 0; i < length; i++) {
        assert(bytes[i] == pattern_at(peer->count + i));
    }
    peer->count += length;
    cps_stream_read(stream, false);
}

static void
finish_with_count(CpsStream *stream, int code)
{
    assert(peer_of(stream)->count == MUCH);
    finish_at_end(stream, code);
}

static void
do_not_read(Peer *peer)
{
}

static void
sending_client(Server *server)
{
    Client client = client_open(server);
    char *bytes = pattern_new(MUCH);

    client_send(&client, bytes, MUCH);
    SSL_shutdown(client.ssl);
    client_expect_end(&client);
    client_free(&client);
    free(bytes);
}

static void
test_reading_can_be_switched_and_little_is_kept(void)
{
    static const CpsStreamOps ops = {read_one, finish_with_count, note_drained, free_peer};
    Server server = {.ops = &ops, .client = sending_client, .on_accepted = do_not_read, .on_turn = read_now_and_then};

    run(&server);
    assert(server.ended == 1 && server.last_code == 0);
}

/* --- finishing while the peer sends --------------------------------------------------------------------------------------------------- */

/* How much the kernel has of the peer. */
static int
count_unread(const Peer *peer)
{
    int fd, count;

    assert(uv_fileno(&peer->stream.uv.handle, &fd) == 0 && ioctl(fd, FIONREAD, &count) == 0);
    return count;
}

/* Once some records wait to be decoded, and are to come in the next turn: they do not any more. */
static void
finish_with_records_waiting(Peer *peer)
{
    const CpsStreamTls *tls = peer->stream.tls;

    assert(tls->busy || tls->session.input.length <= (size_t)2 * 65536);
    if (!tls->open || peer->stream.finishing) {
        return;
    }
    if (tls->session.input.length > 0) {
        char *answer = pattern_new(MUCH);

        cps_stream_read(&peer->stream, true);
        write_bytes(&peer->stream, answer, MUCH);
        cps_stream_finish(&peer->stream, 60000);
        free(answer);
    }
    else if (count_unread(peer) > 2 * (CPS_TLS_RECORD + 100)) {
        cps_stream_read(&peer->stream, true);
    }
}

static void
stubborn_client(Server *server)
{
    Client client = client_open(server);
    char *bytes = pattern_new(MUCH);
    char *got = malloc(MUCH);

    client_send(&client, bytes, MUCH);
    client_receive(&client, got, MUCH);
    assert(memcmp(got, bytes, MUCH) == 0);
    client_expect_end(&client);
    client_free(&client);
    free(bytes);
    free(got);
}

static void
test_a_client_that_still_sends_gets_the_last_answer(void)
{
    static const CpsStreamOps ops = {read_one, close_at_end, note_drained, free_peer};
    Server server = {
        .ops = &ops, .client = stubborn_client, .on_accepted = do_not_read, .on_turn = finish_with_records_waiting};

    run(&server);
    assert(server.ended == 0);
}

/* --- a slow reader ------------------------------------------------------------------------------------------------------------------- */

static void
write_much(CpsStream *stream, const char *bytes, size_t length)
{
    char *answer = pattern_new(MUCH);
    int size = 65536;

    assert(uv_send_buffer_size(&stream->uv.handle, &size) == 0);
    for (int i = 0; i < 4; i++) {
        write_bytes(stream, answer + (size_t)i * (MUCH / 4), MUCH / 4);
        assert(stream->unsent > 0 && stream->unsent <= (size_t)(i + 1) * (MUCH / 4));
    }
    peer_of(stream)->count = stream->unsent;
    uv_sem_post(&peer_of(stream)->server->turn);
    free(answer);
}

/* It goes down only. */
static void
watch_unsent(Peer *peer)
{
    if (peer->count > 0) {
        assert(peer->stream.unsent <= peer->count);
        peer->count = peer->stream.unsent;
    }
}

static void
tell_drained(CpsStream *stream)
{
    note_drained(stream);
    uv_sem_post(&peer_of(stream)->server->turn);
}

static void
slow_client(Server *server)
{
    Client client = client_open(server);
    char *expected = pattern_new(MUCH);
    char *got = malloc(MUCH);

    client_send(&client, "request", 7);
    uv_sem_wait(&server->turn);
    client_receive(&client, got, MUCH);
    assert(memcmp(got, expected, MUCH) == 0);
    uv_sem_wait(&server->turn); /* it says that it has drained */
    client_free(&client);
    free(expected);
    free(got);
}

static void
test_a_slow_reader_gets_all_and_the_owner_hears_when(void)
{
    static const CpsStreamOps ops = {write_much, close_at_end, tell_drained, free_peer};
    Server server = {.ops = &ops, .client = slow_client, .on_turn = watch_unsent};

    run(&server);
    assert(server.drained == 1 && server.last_code == UV_EPROTO); /* the client did not say goodbye */
}

int
main(void)
{
    char error[400];

    alarm(300); /* a test that hangs ends with a signal */
    assert(mkdtemp(folder) != NULL);
    allow_old_versions(); /* first: OpenSSL looks at it once */
    make_files();
    context = cps_tls_context_new(in_folder("certificate.pem"), in_folder("key.pem"), error, sizeof(error));
    assert(context != NULL);
    test_messages_name_the_file_and_the_reason();
    test_one_file_may_hold_both();
    test_an_unreadable_key_is_named();
    test_echo_with_each_version();
    test_handshakes_in_pieces_and_requests_that_follow_at_once();
    test_versions_below_1_2_are_refused();
    test_what_is_not_tls_is_refused();
    test_clients_that_hang_up_within_the_handshake();
    test_renegotiation_is_refused();
    test_what_alpn_offers_is_ignored_unless_asked_for();
    test_alpn();
    test_sessions_are_resumed();
    test_a_close_notify_is_an_end_in_order_and_its_lack_is_not();
    test_what_is_written_before_the_handshake_arrives();
    test_finishing_without_a_word_does_not_wait_for_the_handshake();
    test_closing_while_the_pool_works();
    test_closing_in_on_bytes();
    test_reading_can_be_switched_and_little_is_kept();
    test_a_client_that_still_sends_gets_the_last_answer();
    test_a_slow_reader_gets_all_and_the_owner_hears_when();
    cps_tls_context_unref(context);
    remove_files();
    return 0;
}
