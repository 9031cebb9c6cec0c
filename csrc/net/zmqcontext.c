#include "net/zmqcontext.h"

#include "net/zmqauth.h"

#include <errno.h>
#include <unistd.h>
#include <zmq.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *context;
static unsigned int users;
static pid_t owner; /* the process whose threads the context has */

void *
cps_zmq_context_hold(void)
{
    void *held;

    (void)pthread_mutex_lock(&lock);
    if (users > 0 && owner != getpid()) { /* the parent's: nothing of it works here, not even its end */
        context = NULL;
        users = 0;
    }
    if (context == NULL) {
        context = zmq_ctx_new();
        owner = getpid();
    }
    if (context != NULL) {
        users++;
    }
    held = context;
    (void)pthread_mutex_unlock(&lock);
    return held;
}

void
cps_zmq_context_release(void)
{
    void *ended = NULL;
    bool handled = false;
    pthread_t handler;

    (void)pthread_mutex_lock(&lock);
    if (users > 0 && owner == getpid() && --users == 0) {
        ended = context;
        context = NULL;
        handled = cps_zmq_auth_leave(&handler);
    }
    (void)pthread_mutex_unlock(&lock);
    if (ended != NULL) {
        while (zmq_ctx_term(ended) < 0 && zmq_errno() == EINTR) {
        }
    }
    if (handled) {
        (void)pthread_join(handler, NULL);
    }
}
