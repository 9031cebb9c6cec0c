/* The handler is a thread that sleeps in zmq_msg_recv: a handshake does not wait for the loop, nor for Python. */
#include "net/zmqauth.h"

#include "base/list.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

typedef struct User {
    struct User *next;
    char *name, *password; /* owned */
} User;

struct CpsZmqPolicy {
    CpsLink link; /* in `policies`, while it is used */
    char domain[CPS_ZMQ_DOMAIN_SIZE];
    uint8_t (*keys)[CPS_CURVE_KEY_BYTES]; /* owned */
    size_t key_count;
    User *users; /* owned */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all below */
static CpsList policies;                                 /* CpsZmqPolicy.link */
static bool policies_made;
static unsigned long made; /* policies, for their domains */
static pthread_t thread;
static pid_t thread_owner; /* the process that the thread runs in; 0: there is none */

/* ---- decisions ---- */

/* In a time that does not tell how much of it is right. */
static bool
same_text(const char *expected, zmq_msg_t *given)
{
    size_t length = strlen(expected);

    return zmq_msg_size(given) == length && CRYPTO_memcmp(expected, zmq_msg_data(given), length) == 0;
}

static bool
policy_has_key(const CpsZmqPolicy *policy, zmq_msg_t *key)
{
    bool found = false;

    if (zmq_msg_size(key) != CPS_CURVE_KEY_BYTES) {
        return false;
    }
    for (size_t i = 0; i < policy->key_count; i++) {
        found |= CRYPTO_memcmp(policy->keys[i], zmq_msg_data(key), CPS_CURVE_KEY_BYTES) == 0;
    }
    return found;
}

static bool
policy_has_user(const CpsZmqPolicy *policy, zmq_msg_t *name, zmq_msg_t *password)
{
    for (const User *user = policy->users; user != NULL; user = user->next) {
        if (same_text(user->name, name)) {
            return same_text(user->password, password);
        }
    }
    return false;
}

/* The frames of a request. */
enum { VERSION, REQUEST_ID, DOMAIN, ADDRESS, IDENTITY, MECHANISM, CREDENTIAL, PASSWORD, FRAME_LIMIT };

static bool
lets_in(zmq_msg_t *frames, size_t count)
{
    bool let_in = false;

    if (count <= MECHANISM || !same_text("1.0", &frames[VERSION])) {
        return false;
    }
    (void)pthread_mutex_lock(&lock);
    for (CpsLink *link = cps_list_first(&policies); link != NULL; link = cps_list_after(&policies, link)) {
        const CpsZmqPolicy *policy = CPS_CONTAINER(link, CpsZmqPolicy, link);

        if (!same_text(policy->domain, &frames[DOMAIN])) {
            continue;
        }
        if (same_text("CURVE", &frames[MECHANISM])) {
            let_in = count == CREDENTIAL + 1 && policy_has_key(policy, &frames[CREDENTIAL]);
        }
        else if (same_text("PLAIN", &frames[MECHANISM])) {
            let_in = count == PASSWORD + 1 && policy_has_user(policy, &frames[CREDENTIAL], &frames[PASSWORD]);
        }
        break;
    }
    (void)pthread_mutex_unlock(&lock);
    return let_in;
}

/* ---- the handler ---- */

/* Returns how many frames there are, those past FRAME_LIMIT thrown away; 0 when the context ends. */
static size_t
receive_request(void *socket, zmq_msg_t *frames)
{
    size_t count = 0;
    bool more = true;

    while (more) {
        zmq_msg_t *frame = &frames[count < FRAME_LIMIT ? count : FRAME_LIMIT];

        (void)zmq_msg_init(frame);
        if (zmq_msg_recv(frame, socket, 0) < 0) {
            (void)zmq_msg_close(frame);
            if (zmq_errno() == EINTR) {
                continue;
            }
            return 0;
        }
        more = zmq_msg_more(frame);
        if (count == FRAME_LIMIT) {
            (void)zmq_msg_close(frame);
        }
        else {
            count++;
        }
    }
    return count;
}

static void
send_decision(void *socket, zmq_msg_t *frames, size_t count, bool let_in)
{
    const char *status = let_in ? "200" : "400", *text = let_in ? "OK" : "Refused";

    (void)zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
    if (count > REQUEST_ID) {
        (void)zmq_send(socket, zmq_msg_data(&frames[REQUEST_ID]), zmq_msg_size(&frames[REQUEST_ID]), ZMQ_SNDMORE);
    }
    else {
        (void)zmq_send(socket, "", 0, ZMQ_SNDMORE);
    }
    (void)zmq_send(socket, status, 3, ZMQ_SNDMORE);
    (void)zmq_send(socket, text, strlen(text), ZMQ_SNDMORE);
    (void)zmq_send(socket, "", 0, ZMQ_SNDMORE); /* user id */
    (void)zmq_send(socket, "", 0, 0);           /* metadata */
}

static void *
handle_requests(void *socket)
{
    zmq_msg_t frames[FRAME_LIMIT + 1];
    size_t count;

    while ((count = receive_request(socket, frames)) > 0) {
        send_decision(socket, frames, count, lets_in(frames, count));
        for (size_t i = 0; i < count; i++) {
            (void)zmq_msg_close(&frames[i]);
        }
    }
    (void)zmq_close(socket);
    return NULL;
}

/* With the lock. Returns 0, or an errno. */
static int
start_handler(void *context)
{
    void *socket;
    int code = 0;

    if (thread_owner == getpid()) {
        return 0;
    }
    socket = zmq_socket(context, ZMQ_REP);
    if (socket == NULL) {
        return zmq_errno();
    }
    if (zmq_bind(socket, "inproc://zeromq.zap.01") < 0) {
        code = zmq_errno();
    }
    else {
        code = pthread_create(&thread, NULL, handle_requests, socket);
    }
    if (code != 0) {
        (void)zmq_close(socket);
        return code;
    }
    thread_owner = getpid();
    return 0;
}

bool
cps_zmq_auth_leave(pthread_t *handler)
{
    bool runs;

    (void)pthread_mutex_lock(&lock);
    runs = thread_owner == getpid();
    *handler = thread;
    thread_owner = 0;
    (void)pthread_mutex_unlock(&lock);
    return runs;
}

/* ---- policies ---- */

CpsZmqPolicy *
cps_zmq_policy_new(void)
{
    CpsZmqPolicy *policy = calloc(1, sizeof(*policy));

    if (policy != NULL) {
        (void)pthread_mutex_lock(&lock);
        (void)snprintf(policy->domain, sizeof(policy->domain), "compysition-%lu", made++);
        (void)pthread_mutex_unlock(&lock);
    }
    return policy;
}

int
cps_zmq_policy_add_key(CpsZmqPolicy *policy, const uint8_t key[CPS_CURVE_KEY_BYTES])
{
    void *keys = realloc(policy->keys, (policy->key_count + 1) * sizeof(*policy->keys));

    if (keys == NULL) {
        return -1;
    }
    policy->keys = keys;
    memcpy(policy->keys[policy->key_count++], key, CPS_CURVE_KEY_BYTES);
    return 0;
}

static void
user_free(User *user)
{
    free(user->name);
    free(user->password);
    free(user);
}

int
cps_zmq_policy_add_user(CpsZmqPolicy *policy, const char *name, const char *password)
{
    User *user = calloc(1, sizeof(*user));

    if (user == NULL) {
        return -1;
    }
    user->name = strdup(name);
    user->password = strdup(password);
    if (user->name == NULL || user->password == NULL) {
        user_free(user);
        return -1;
    }
    user->next = policy->users;
    policy->users = user;
    return 0;
}

int
cps_zmq_policy_use(CpsZmqPolicy *policy, void *context)
{
    int code;

    (void)pthread_mutex_lock(&lock);
    if (!policies_made) {
        cps_list_init(&policies);
        policies_made = true;
    }
    code = start_handler(context);
    if (code == 0 && !cps_link_listed(&policy->link)) {
        cps_list_append(&policies, &policy->link);
    }
    (void)pthread_mutex_unlock(&lock);
    return code;
}

const char *
cps_zmq_policy_domain(const CpsZmqPolicy *policy)
{
    return policy->domain;
}

void
cps_zmq_policy_free(CpsZmqPolicy *policy)
{
    if (policy == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&lock);
    cps_link_remove(&policy->link);
    (void)pthread_mutex_unlock(&lock);
    while (policy->users != NULL) {
        User *user = policy->users;

        policy->users = user->next;
        user_free(user);
    }
    free(policy->keys);
    free(policy);
}
