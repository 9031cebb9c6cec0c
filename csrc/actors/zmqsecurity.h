/* zmqsecurity.h: the parameters of all ZeroMQ actors by which peers prove who they are: CURVE (RFC 26) and PLAIN (RFC 24). */
#ifndef CPS_ACTORS_ZMQSECURITY_H
#define CPS_ACTORS_ZMQSECURITY_H

#include "module.h"
#include "net/zmqauth.h"
#include "net/zmqsocket.h"

enum { CPS_Z85_KEY_SIZE = 41 }; /* 40 characters and NUL */

/* Zero-filled: no security. */
typedef struct {
    char public[CPS_Z85_KEY_SIZE], secret[CPS_Z85_KEY_SIZE], server[CPS_Z85_KEY_SIZE]; /* "" when not given */
    bool curve_server, plain_server;
    char *user, *password; /* owned */
    CpsZmqPolicy *policy;  /* owned: whom a server lets in; NULL: CURVE peers who know its key */
} CpsZmqKeys;

/* The constructor arguments, borrowed; NULL for those not given. */
typedef struct {
    PyObject *curve_secretkey, *curve_publickey; /* str or bytes, 40 characters of Z85 */
    PyObject *curve_serverkey;                   /* the same, of the server that this is a client of */
    PyObject *curve_server;                      /* bool: be the server */
    PyObject *curve_clients;                     /* sequence of public keys that may come; None: all who know ours */
    PyObject *plain_username, *plain_password;   /* str, of a client */
    PyObject *plain_users;                       /* dict name -> password, of a server */
} CpsZmqSecurityArgs;

#define CPS_ZMQ_SECURITY_ARGUMENTS                                                                              \
    "curve_secretkey", "curve_publickey", "curve_serverkey", "curve_server", "curve_clients", "plain_username", \
        "plain_password", "plain_users"

#define CPS_ZMQ_SECURITY_DOC                                                                                         \
    "curve_secretkey, curve_publickey: this actor's pair (RFC 26), 40 characters of Z85 each; the public one "       \
    "follows\n"                                                                                                      \
    "from the other. compysition.actors.zeromq.curve_keypair() makes one.\n"                                         \
    "curve_serverkey: the public key of the other side, which is the server: traffic is encrypted.\n"                \
    "curve_server: be that server. curve_clients: the public keys of clients that may connect; None: all who know\n" \
    "the server's key.\n"                                                                                            \
    "plain_username, plain_password: sent to the other side (RFC 24), in clear text. plain_users: dict of those "    \
    "that\n"                                                                                                         \
    "may connect, with their passwords.\n"

/* The values of CPS_ZMQ_SECURITY_ARGUMENTS, in their order. */
enum { CPS_ZMQ_SECURITY_COUNT = 8 };
CpsZmqSecurityArgs cps_zmq_security_args(PyObject *const values[CPS_ZMQ_SECURITY_COUNT]);

/* Returns 0, or -1 with TypeError or ValueError set. */
int cps_zmq_keys_configure(CpsZmqKeys *keys, const CpsZmqSecurityArgs *given);
void cps_zmq_keys_clear(CpsZmqKeys *keys);

/* What the options of a socket want; `security` borrows from `keys`. Returns false when there is no security at all. */
bool cps_zmq_keys_security(const CpsZmqKeys *keys, CpsZmqSecurity *security);

/* Have the policy asked from now on; the context must be held. Returns 0, or an errno. */
int cps_zmq_keys_use(CpsZmqKeys *keys, void *context);

int cps_zmq_keys_setup(PyObject *module);

#endif
