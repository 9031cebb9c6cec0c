/* zmqauth.h: who may connect to the sockets of this process: the handler that libzmq asks (ZAP, RFC 27). Plain C. */
#ifndef CPS_NET_ZMQAUTH_H
#define CPS_NET_ZMQAUTH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CPS_CURVE_KEY_BYTES = 32, CPS_ZMQ_DOMAIN_SIZE = 32 };

typedef struct CpsZmqPolicy CpsZmqPolicy;

/* A policy that lets nobody in yet. NULL when out of memory. */
CpsZmqPolicy *cps_zmq_policy_new(void);

/* Let in who has the key, or knows name and password. Before the policy is used. Returns 0, or -1 when out of memory. */
int cps_zmq_policy_add_key(CpsZmqPolicy *policy, const uint8_t key[CPS_CURVE_KEY_BYTES]);
int cps_zmq_policy_add_user(CpsZmqPolicy *policy, const char *name, const char *password);

/* Have it asked for sockets of its domain, until it is freed. The context must be held. Returns 0, or an errno. */
int cps_zmq_policy_use(CpsZmqPolicy *policy, void *context);

/* What ZMQ_ZAP_DOMAIN of those sockets is. */
const char *cps_zmq_policy_domain(const CpsZmqPolicy *policy);

/* NULL is fine. Its sockets are closed before. */
void cps_zmq_policy_free(CpsZmqPolicy *policy);

/* The context is going to end, and with it the handler: the next context gets one of its own. Returns whether *handler is to be joined once
 * the context has ended. */
bool cps_zmq_auth_leave(pthread_t *handler);

#endif
