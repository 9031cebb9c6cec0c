/* mdpserver.h: what broker and registration service have in common: sockets on the loop, one timer, lines for a log that is not here, and a
 * lock, as others read from their threads what is counted. Plain C, in the loop's thread. */
#ifndef CPS_NET_MDPSERVER_H
#define CPS_NET_MDPSERVER_H

#include "base/notes.h"
#include "net/zmqsocket.h"

typedef struct CpsMdpServer CpsMdpServer;

enum { CPS_MDP_SOCKETS = 2 };

/* What runs on it. The functions are called with the lock, in the loop's thread. */
typedef struct {
    /* Returns 0, or an errno; then `free` is not called. */
    int (*init)(CpsMdpServer *self);
    /* A message has come, on the socket of that index. Its frames may be taken. */
    void (*receive)(CpsMdpServer *self, int socket, CpsZmqMessage *message);
    /* Time has passed. Returns in how many milliseconds to call again, at the latest. */
    uint64_t (*tick)(CpsMdpServer *self);
    /* Optional: the sockets are going to be closed. */
    void (*leave)(CpsMdpServer *self);
    /* They are. */
    void (*free)(CpsMdpServer *self);
} CpsMdpServerOps;

typedef struct {
    CpsZmqSocket zmq; /* first */
    CpsMdpServer *server;
} CpsMdpServerSocket;

struct CpsMdpServer {
    const CpsMdpServerOps *ops;
    void (*on_note)(CpsMdpServer *self);   /* in uv_run: there are notes */
    void (*on_closed)(CpsMdpServer *self); /* in uv_run: nothing is open any more */
    int log_level;                         /* no line below it is made */

    /* of mdpserver.c */
    CpsMdpServerSocket sockets[CPS_MDP_SOCKETS];
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_idle_t idle; /* while there are more messages than one turn takes */
    uv_mutex_t lock;
    CpsNotes notes;
    int handles; /* that are open */
    bool closing;
};

/* Zero-filled before, but for ops, callbacks and log_level. Returns 0, or an errno: then nothing is open. */
int cps_mdp_server_init(CpsMdpServer *self, uv_loop_t *loop);

/* Open one of its sockets; bind or connect after that. Returns 0, or an errno. */
int cps_mdp_server_open(CpsMdpServer *self, int socket, const CpsZmqOptions *options);

/* All sockets are open: the first tick is now. */
void cps_mdp_server_begin(CpsMdpServer *self);

/* Close everything; on_closed follows, after which nothing of it is left but its memory. */
void cps_mdp_server_close(CpsMdpServer *self);

static inline bool
cps_mdp_server_logs(const CpsMdpServer *self, int level)
{
    return level >= self->log_level;
}

/* A line for the log. */
void cps_mdp_server_note(CpsMdpServer *self, int level, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/* From any thread: move what was noted into `notes`, which is empty; and what is of which level from now on. */
void cps_mdp_server_take_notes(CpsMdpServer *self, CpsNotes *notes, int log_level);

/* The time of the loop's turn, in milliseconds. */
uint64_t cps_mdp_server_now(const CpsMdpServer *self);

#endif
