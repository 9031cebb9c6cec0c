/* tls.h: TLS 1.2 and newer on OpenSSL, between the bytes of a socket and those of its user. Plain C. Handshakes, which take milliseconds of
 * a processor, run in libuv's thread pool; the session buffers what comes meanwhile. Used by stream.c only, but for the contexts. */
#ifndef CPS_NET_TLS_H
#define CPS_NET_TLS_H

#include "net/stream.h"

/* A server's context: certificate chain and private key, PEM; TLS 1.2+; ALPN "http/1.1" is chosen when the client offers it. Reads
 * files: call it without the GIL. New; or NULL, and `error` has a message that names the file and what is wrong with it. */
CpsTlsContext *cps_tls_context_new(const char *certfile, const char *keyfile, char *error, size_t error_size);

/* Counted: sessions hold it, too. */
CpsTlsContext *cps_tls_context_ref(CpsTlsContext *context);
void cps_tls_context_unref(CpsTlsContext *context); /* NULL is fine */

#endif
