#include "net/tls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CpsTlsContext {
    SSL_CTX *ssl;
    BIO_METHOD *bio_method;
    atomic_int count;
    bool is_client;
};

/* --- sessions as the source and sink of OpenSSL's bytes ------------------------------------------------------------------------------ */

/* Not OpenSSL's own BIO in memory, which keeps its largest size for as long as the connection lasts. */

static int
session_bio_read(BIO *bio, char *bytes, int size)
{
    CpsTlsSession *session = BIO_get_data(bio);
    size_t length = session->incoming_length < (size_t)size ? session->incoming_length : (size_t)size;

    BIO_clear_retry_flags(bio);
    if (length == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(bytes, session->incoming, length);
    session->incoming += length;
    session->incoming_length -= length;
    return (int)length;
}

static int
session_bio_write(BIO *bio, const char *bytes, int length)
{
    CpsTlsSession *session = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    return cps_buffer_append(&session->output, bytes, (size_t)length) < 0 ? -1 : length;
}

static long
session_bio_control(BIO *bio, int command, long number, void *pointer)
{
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *
bio_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "compysition session");

    if (method != NULL) {
        BIO_meth_set_read(method, session_bio_read);
        BIO_meth_set_write(method, session_bio_write);
        BIO_meth_set_ctrl(method, session_bio_control);
    }
    return method;
}

/* --- contexts ------------------------------------------------------------------------------------------------------------------------ */

/* Write "<what> '<path>': <why>". */
static void
describe(char *error, size_t size, const char *what, const char *path, const char *why)
{
    snprintf(error, size, "%s '%s': %s", what, path, why);
}

/* What OpenSSL says of the failure that began it. Its queue of errors is empty then. */
static const char *
openssl_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    ERR_clear_error();
    return reason == NULL ? "no reason is given" : reason;
}

/* A passphrase is asked for: have none, where OpenSSL would prompt for it. */
static int
on_passphrase(char *passphrase, int size, int writing, void *asked)
{
    *(bool *)asked = true;
    return -1;
}

static int
check_readable(const char *path, const char *what, char *error, size_t error_size)
{
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        describe(error, error_size, what, path, strerror(errno));
        return -1;
    }
    fclose(file);
    return 0;
}

static int
load_certificates(SSL_CTX *ssl, const char *path, char *error, size_t error_size)
{
    if (check_readable(path, "Cannot read the certificate file", error, error_size) < 0) {
        return -1;
    }
    if (SSL_CTX_use_certificate_chain_file(ssl, path) != 1) {
        describe(error, error_size, "No usable PEM certificate in", path, openssl_reason());
        return -1;
    }
    return 0;
}

static int
load_key(SSL_CTX *ssl, const char *path, const char *certfile, char *error, size_t error_size)
{
    bool asked = false;
    bool loaded;

    if (check_readable(path, "Cannot read the key file", error, error_size) < 0) {
        return -1;
    }
    SSL_CTX_set_default_passwd_cb(ssl, on_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, &asked);
    loaded = SSL_CTX_use_PrivateKey_file(ssl, path, SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb_userdata(ssl, NULL);
    if (asked) {
        describe(error, error_size, "Cannot use the key file", path, "the key has a passphrase");
        ERR_clear_error();
        return -1;
    }
    if (!loaded && ERR_GET_LIB(ERR_peek_error()) != ERR_LIB_X509) {
        describe(error, error_size, "No usable PEM private key in", path, openssl_reason());
        return -1;
    }
    if (!loaded || SSL_CTX_check_private_key(ssl) != 1) {
        snprintf(error, error_size, "The key in '%s' is not that of the certificate in '%s'", path, certfile);
        ERR_clear_error();
        return -1;
    }
    return 0;
}

static SSL_CTX *
ssl_new(const SSL_METHOD *method)
{
    static const unsigned char ID[] = "compysition";
    SSL_CTX *ssl = SSL_CTX_new(method);

    if (ssl == NULL || SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_session_id_context(ssl, ID, sizeof(ID) - 1) != 1) {
        SSL_CTX_free(ssl);
        return NULL;
    }
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF); /* tickets do without */
    return ssl;
}

/* Without certificates. New, or NULL with `error` written. */
static CpsTlsContext *
context_new(bool is_client, char *error, size_t error_size)
{
    CpsTlsContext *context = calloc(1, sizeof(*context));

    ERR_clear_error();
    if (context == NULL || (context->ssl = ssl_new(is_client ? TLS_client_method() : TLS_server_method())) == NULL ||
        (context->bio_method = bio_method_new()) == NULL) {
        snprintf(error, error_size, "OpenSSL cannot be set up: %s", openssl_reason());
        cps_tls_context_unref(context);
        return NULL;
    }
    atomic_init(&context->count, 1);
    context->is_client = is_client;
    return context;
}

/* The pair that the context's side shows. */
static int
load_pair(SSL_CTX *ssl, const char *certfile, const char *keyfile, char *error, size_t error_size)
{
    return load_certificates(ssl, certfile, error, error_size) < 0
               ? -1
               : load_key(ssl, keyfile, certfile, error, error_size);
}

CpsTlsContext *
cps_tls_context_new(const char *certfile, const char *keyfile, char *error, size_t error_size)
{
    CpsTlsContext *context = context_new(false, error, error_size);

    if (context != NULL && load_pair(context->ssl, certfile, keyfile, error, error_size) < 0) {
        cps_tls_context_unref(context);
        return NULL;
    }
    return context;
}

static int
load_authorities(SSL_CTX *ssl, const char *cafile, char *error, size_t error_size)
{
    if (check_readable(cafile, "Cannot read the file of authorities", error, error_size) < 0) {
        return -1;
    }
    if (SSL_CTX_load_verify_locations(ssl, cafile, NULL) != 1) {
        describe(error, error_size, "No usable PEM certificate in", cafile, openssl_reason());
        return -1;
    }
    return 0;
}

CpsTlsContext *
cps_tls_client_context_new(const char *cafile, const char *certfile, const char *keyfile, char *error,
                           size_t error_size)
{
    CpsTlsContext *context = context_new(true, error, error_size);
    int status = context == NULL ? -1 : 0;

    if (status == 0 && cafile != NULL) {
        status = load_authorities(context->ssl, cafile, error, error_size);
    }
    else if (status == 0 && SSL_CTX_set_default_verify_paths(context->ssl) != 1) {
        snprintf(error, error_size, "The system has no certificates of authorities: %s", openssl_reason());
        status = -1;
    }
    if (status == 0 && certfile != NULL) {
        status = load_pair(context->ssl, certfile, keyfile == NULL ? certfile : keyfile, error, error_size);
    }
    if (status < 0) {
        cps_tls_context_unref(context);
        return NULL;
    }
    SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
    return context;
}

int
cps_tls_context_verify_clients(CpsTlsContext *context, const char *cafile, char *error, size_t error_size)
{
    STACK_OF(X509_NAME) * names;

    if (load_authorities(context->ssl, cafile, error, error_size) < 0) {
        return -1;
    }
    names = SSL_load_client_CA_file(cafile);
    if (names == NULL) {
        describe(error, error_size, "No usable PEM certificate in", cafile, openssl_reason());
        return -1;
    }
    SSL_CTX_set_client_CA_list(context->ssl, names); /* owns it */
    SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return 0;
}

static int
on_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_length, const unsigned char *offered,
        unsigned int offered_length, void *unused)
{
    static const unsigned char ours[] = "\x08http/1.1\x08http/1.0";
    unsigned char *protocol;
    int outcome = SSL_select_next_proto(&protocol, chosen_length, ours, sizeof(ours) - 1, offered, offered_length);

    *chosen = protocol;
    return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

void
cps_tls_context_choose_http(CpsTlsContext *context)
{
    SSL_CTX_set_alpn_select_cb(context->ssl, on_alpn, NULL);
}

int
cps_tls_ticket_keys_make(CpsTlsTicketKeys *keys)
{
    int made = RAND_priv_bytes(keys->bytes, sizeof(keys->bytes));

    ERR_clear_error();
    return made == 1 ? 0 : -1;
}

int
cps_tls_context_set_ticket_keys(CpsTlsContext *context, const CpsTlsTicketKeys *keys)
{
    CpsTlsTicketKeys copy = *keys; /* the macro takes no const */
    long set = SSL_CTX_set_tlsext_ticket_keys(context->ssl, copy.bytes, sizeof(copy.bytes));

    OPENSSL_cleanse(&copy, sizeof(copy));
    ERR_clear_error();
    return set == 1 ? 0 : -1;
}

CpsTlsContext *
cps_tls_context_ref(CpsTlsContext *context)
{
    atomic_fetch_add(&context->count, 1);
    return context;
}

void
cps_tls_context_unref(CpsTlsContext *context)
{
    if (context != NULL && atomic_fetch_sub(&context->count, 1) <= 1) {
        SSL_CTX_free(context->ssl);
        BIO_meth_free(context->bio_method);
        free(context);
    }
}

/* --- sessions ------------------------------------------------------------------------------------------------------------------------ */

int
cps_tls_session_init(CpsTlsSession *session, CpsTlsContext *context)
{
    SSL *ssl = SSL_new(context->ssl);
    BIO *bio = ssl == NULL ? NULL : BIO_new(context->bio_method);

    if (bio == NULL) {
        SSL_free(ssl);
        ERR_clear_error();
        return -1;
    }
    *session = (CpsTlsSession){.ssl = ssl, .context = cps_tls_context_ref(context)};
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio); /* owns it */
    if (context->is_client) {
        SSL_set_connect_state(ssl);
    }
    else {
        SSL_set_accept_state(ssl);
    }
    return 0;
}

int
cps_tls_session_expect(CpsTlsSession *session, const char *name)
{
    X509_VERIFY_PARAM *check = SSL_get0_param(session->ssl);
    bool expected = X509_VERIFY_PARAM_set1_ip_asc(check, name) == 1;

    if (!expected) {
        expected = SSL_set1_host(session->ssl, name) == 1 && SSL_set_tlsext_host_name(session->ssl, name) == 1;
    }
    ERR_clear_error();
    return expected ? 0 : -1;
}

void
cps_tls_session_free(CpsTlsSession *session)
{
    SSL_free(session->ssl);
    cps_tls_context_unref(session->context);
    cps_buffer_free(&session->input);
    cps_buffer_free(&session->output);
}

/* Why OpenSSL gave up. */
static const char *
session_reason(const CpsTlsSession *session)
{
    long verdict = SSL_get_verify_result(session->ssl);

    return verdict == X509_V_OK ? ERR_reason_error_string(ERR_peek_error()) : X509_verify_cert_error_string(verdict);
}

/* What the result of OpenSSL's last call for the session means. */
static CpsTlsOutcome
outcome_of(CpsTlsSession *session, int result)
{
    int code = SSL_get_error(session->ssl, result);

    if (code == SSL_ERROR_SSL) {
        session->reason = session_reason(session);
    }
    ERR_clear_error();
    switch (code) {
    case SSL_ERROR_NONE:
        return CPS_TLS_OK;
    case SSL_ERROR_WANT_READ:
        return CPS_TLS_MORE;
    case SSL_ERROR_ZERO_RETURN:
        return CPS_TLS_ENDED;
    default:
        return CPS_TLS_BROKEN;
    }
}

/* OpenSSL is to read what is kept. */
static void
point_at_input(CpsTlsSession *session)
{
    session->incoming = session->input.bytes;
    session->incoming_length = session->input.length;
}

int
cps_tls_feed(CpsTlsSession *session, const char *bytes, size_t length)
{
    int result = cps_buffer_append(&session->input, bytes, length);

    point_at_input(session);
    return result;
}

int
cps_tls_lend(CpsTlsSession *session, const char *bytes, size_t length)
{
    if (session->input.length > 0) {
        return cps_tls_feed(session, bytes, length);
    }
    session->incoming = bytes;
    session->incoming_length = length;
    return 0;
}

int
cps_tls_keep(CpsTlsSession *session)
{
    int result = 0;

    if (session->input.length > 0) {
        cps_buffer_drop(&session->input, session->input.length - session->incoming_length);
    }
    else {
        result = cps_buffer_append(&session->input, session->incoming, session->incoming_length);
    }
    if (session->input.length == 0) {
        cps_buffer_free(&session->input);
    }
    point_at_input(session);
    return result;
}

CpsTlsOutcome
cps_tls_handshake(CpsTlsSession *session)
{
    CpsTlsOutcome outcome;

    ERR_clear_error();
    outcome = outcome_of(session, SSL_do_handshake(session->ssl));
    return outcome == CPS_TLS_ENDED || cps_tls_keep(session) < 0 ? CPS_TLS_BROKEN : outcome;
}

CpsTlsOutcome
cps_tls_decode(CpsTlsSession *session, char *bytes, size_t size, size_t *length)
{
    ERR_clear_error();
    return outcome_of(session, SSL_read_ex(session->ssl, bytes, size, length));
}

int
cps_tls_encode(CpsTlsSession *session, const char *bytes, size_t length)
{
    enum { OVERHEAD = 256 }; /* of a record, at most */
    size_t written;

    ERR_clear_error();
    if (cps_buffer_reserve(&session->output, length + (length / CPS_TLS_RECORD + 1) * OVERHEAD) < 0 ||
        SSL_write_ex(session->ssl, bytes, length, &written) != 1) {
        ERR_clear_error();
        return -1;
    }
    return 0;
}

void
cps_tls_end(CpsTlsSession *session)
{
    ERR_clear_error();
    SSL_shutdown(session->ssl); /* 0: the peer's is still to come, which nobody waits for */
    ERR_clear_error();
}
