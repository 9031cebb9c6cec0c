/* tls.h: TLS 1.2 and newer on OpenSSL, between the bytes of a socket and those of its user. Plain C; knows no socket: streamtls.c joins
 * it to a stream. */
#ifndef CPS_NET_TLS_H
#define CPS_NET_TLS_H

#include "base/buffer.h"

#include <openssl/types.h>
#include <stdbool.h>

typedef struct CpsTlsContext CpsTlsContext;

/* A server's context: certificate chain and private key, PEM, perhaps in one file; TLS 1.2+; session tickets, so that nothing is kept for
 * clients that may come again. Reads files: call it without the GIL. A key with a passphrase is refused, none is asked for. New; or NULL,
 * and `error` has a message that names the file and what is wrong with it. */
CpsTlsContext *cps_tls_context_new(const char *certfile, const char *keyfile, char *error, size_t error_size);

/* A client's context, TLS 1.2+: the server must have a certificate of an authority in `cafile`, or of one that the system trusts when that is
 * NULL. `certfile` and `keyfile` (NULL: none, or in the same file) are what it shows when it is asked for a certificate. As above. */
CpsTlsContext *cps_tls_client_context_new(const char *cafile, const char *certfile, const char *keyfile, char *error,
                                          size_t error_size);

/* Of a server, before the first session: clients must show a certificate of an authority in `cafile`. Returns 0, or -1 with `error` as
 * above. */
int cps_tls_context_verify_clients(CpsTlsContext *context, const char *cafile, char *error, size_t error_size);

/* Before the first session. ALPN chooses "http/1.1", or else "http/1.0"; a client that offers only others is refused (RFC 7301, 3.2), one
 * without ALPN is served. Without this call what a client offers is ignored. */
void cps_tls_context_choose_http(CpsTlsContext *context);

/* The secrets of session tickets: a process that has those of another one goes on with its sessions. */
enum { CPS_TLS_TICKET_BYTES = 80 };
typedef struct {
    unsigned char bytes[CPS_TLS_TICKET_BYTES];
} CpsTlsTicketKeys;

int cps_tls_ticket_keys_make(CpsTlsTicketKeys *keys); /* at random: 0, or -1 when OpenSSL has no randomness */

/* Use these instead of the context's own, before it has sessions. Returns 0, or -1 when OpenSSL wants other ones. */
int cps_tls_context_set_ticket_keys(CpsTlsContext *context, const CpsTlsTicketKeys *keys);

/* Counted, in any thread: sessions hold it, too. */
CpsTlsContext *cps_tls_context_ref(CpsTlsContext *context);
void cps_tls_context_unref(CpsTlsContext *context); /* NULL is fine */

/* --- sessions: used by one thread at a time ---------------------------------------------------------------------------------- */

typedef struct CpsTlsSession {
    SSL *ssl;
    CpsTlsContext *context; /* owned */
    CpsBuffer input;        /* from the peer, and kept until OpenSSL reads it */
    const char *incoming; /* what OpenSSL is to read next: in `input`, or borrowed from the caller of cps_tls_decode */
    size_t incoming_length;
    CpsBuffer output;   /* for the peer: the caller takes it from here */
    const char *reason; /* why it is broken, in OpenSSL's words; static, or NULL */
} CpsTlsSession;

typedef enum {
    CPS_TLS_OK,
    CPS_TLS_MORE,   /* the peer's next bytes are needed: all that had come are used */
    CPS_TLS_ENDED,  /* the peer has ended its side with a close_notify */
    CPS_TLS_BROKEN, /* `output` has the alert for the peer, if one is due; nothing more can be done with the session */
} CpsTlsOutcome;

int cps_tls_session_init(CpsTlsSession *session,
                         CpsTlsContext *context);  /* 0, or -1: out of memory, and nothing is to be freed */
void cps_tls_session_free(CpsTlsSession *session); /* what it holds, not the struct */

/* Of a client, before the handshake: whom the certificate must be of, a host name (which the server is told: RFC 6066, 3) or an address.
 * Returns 0, or -1 when out of memory. */
int cps_tls_session_expect(CpsTlsSession *session, const char *name);

/* Keep the peer's bytes for the next call. Returns 0, or -1 when out of memory. */
int cps_tls_feed(CpsTlsSession *session, const char *bytes, size_t length);

/* Go on with the handshake: OK once it is done, and what of `input` comes after it is left there. Takes milliseconds of a processor. */
CpsTlsOutcome cps_tls_handshake(CpsTlsSession *session);

/* Lend the peer's bytes to cps_tls_decode, until cps_tls_keep; what was kept before comes first. Returns 0, or -1 when out of memory. */
int cps_tls_lend(CpsTlsSession *session, const char *bytes, size_t length);

/* Decode up to a record of the peer: at most `size` bytes, which must not be less than a record has, CPS_TLS_RECORD. */
enum { CPS_TLS_RECORD = 16384 };
CpsTlsOutcome cps_tls_decode(CpsTlsSession *session, char *bytes, size_t size, size_t *length);

/* Keep what was lent and is not used yet. Returns 0, or -1 when out of memory. */
int cps_tls_keep(CpsTlsSession *session);

/* Encode bytes to `output`. Returns 0, or -1: broken, or out of memory. */
int cps_tls_encode(CpsTlsSession *session, const char *bytes, size_t length);

/* Add the close_notify to `output`. */
void cps_tls_end(CpsTlsSession *session);

#endif
