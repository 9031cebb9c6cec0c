/* serving.h: what actors that listen have in common: limits among their arguments, certificates, words for failures. */
#ifndef CPS_ACTORS_SERVING_H
#define CPS_ACTORS_SERVING_H

#include "module.h"
#include "net/listener.h"
#include "net/tls.h"

#include <stdint.h>

/* Arguments that were given (not NULL), for limits that hold the defaults. Each returns 0, or -1 with an exception set that names the
 * argument. */
int cps_take_limit(PyObject *value, const char *name, uint64_t most, uint64_t *limit); /* from 1 to `most` */
int cps_take_limit32(PyObject *value, const char *name, uint32_t *limit);              /* from 1 to INT32_MAX */
int cps_take_seconds(PyObject *value, const char *name, double *seconds);              /* from a millisecond to a day */
int cps_take_milliseconds(PyObject *value, const char *name, uint32_t *milliseconds);  /* the same, given in seconds */

/* The limit of all of them together, which is at least that of `one`, whose argument is called `one_name`. */
int cps_take_total(PyObject *value, const char *name, const char *one_name, uint64_t one, uint64_t *limit);

/* Where a TCP actor listens or connects to: host, a str, and port; each by default what stands beside it. *host_p is a new reference, also
 * when that fails. Returns 0, or -1 with an exception set. */
enum { CPS_TCP_PORT = 9000 };
int cps_take_address(PyObject *host, const char *default_host, PyObject **host_p, PyObject *port, int default_port,
                     int *port_p);

/* Raise the soft limit of descriptors, as far as that goes: each connection needs one. */
void cps_raise_descriptor_limit(uint32_t connections);

/* A TLS context of the certificate and key at those paths (str, bytes or PathLike; None for the key: the certificate's file has it):
 * *context_p is NULL when `certfile` is None. Returns 0, or -1 with an exception set (ActorInitFailure). */
int cps_make_tls(CpsState *state, PyObject *certfile, PyObject *keyfile, CpsTlsContext **context_p);

/* Have the context, a server's, ask clients for certificates of the authorities in that file; None: of nobody. Returns 0, or -1 with an
 * exception set (ActorInitFailure). */
int cps_verify_clients(CpsState *state, CpsTlsContext *context, PyObject *cafile);

/* A client's context, of paths as above: `cafile` None stands for the system's authorities, `certfile` None for no certificate. New, or NULL
 * with an exception set (ActorInitFailure). */
CpsTlsContext *cps_make_client_tls(CpsState *state, PyObject *cafile, PyObject *certfile, PyObject *keyfile);

/* Hold the port of `at` for several processes that will share it: *port is the real one. Returns a descriptor, to be closed when they
 * have ended; or -1 with an exception set (SetupError: the actor of that name listens on a Unix socket). */
int cps_reserve_port(CpsState *state, PyObject *actor_name, const CpsListenAt *at, int *port);

/* Set OSError for a libuv code of cps_listener_open. */
void cps_raise_about_listening(const CpsListenAt *at, int code);

#endif
