/* Events that wait for their socket: until the inbox has given what it has, so that they leave together, and then until there is room. */
#include "actors/zmqactor.h"
#include "event/event.h"

#include <errno.h>

/* With as many bytes a message is long enough. */
enum { BATCH_BYTES = 65536 };

/* An event whose consume has ended. Until the socket has it, it is one more delivery of its lineage. */
typedef struct {
    CpsLink link;        /* in CpsZmqActor.gathered */
    PyObject *event;     /* owned */
    CpsLineage *lineage; /* owned; NULL: it is not counted */
    zmq_msg_t frame;
} Gathered;

/* New, or NULL with an exception set. */
static Gathered *
gathered_new(CpsZmqActor *self, const CpsConsume *consume)
{
    Gathered *one = PyMem_Calloc(1, sizeof(*one));

    if (one == NULL) {
        return (Gathered *)PyErr_NoMemory();
    }
    if (cps_zmq_actor_frame(self, consume->event, &one->frame) < 0) {
        PyMem_Free(one);
        return NULL;
    }
    one->event = Py_NewRef(consume->event);
    one->lineage = cps_lineage_ref(consume->lineage);
    if (one->lineage != NULL) {
        cps_lineage_deliver(one->lineage);
    }
    return one;
}

/* CPS_FATE_CONSUMED: another process has it, and an answer may come by other ways. */
static void
gathered_end(Gathered *one, CpsFate fate)
{
    if (one->lineage != NULL && fate == CPS_FATE_CONSUMED) {
        cps_lineage_keep(one->lineage);
    }
    else if (one->lineage != NULL) {
        cps_lineage_end(one->lineage, fate);
    }
    cps_lineage_unref(one->lineage);
    (void)zmq_msg_close(&one->frame);
    Py_DECREF(one->event);
    PyMem_Free(one);
}

/* The socket has refused it, and not for lack of room. */
static void
gathered_fail(CpsZmqActor *self, Gathered *one, int code)
{
    PyObject *error;

    (void)cps_zmq_actor_sent(self, code);
    error = PyErr_GetRaisedException();
    if (cps_actor_fail(&self->base, one->event, error) < 0) {
        cps_runtime_unraisable((PyObject *)self);
    }
    Py_DECREF(error);
    gathered_end(one, CPS_FATE_FAILED);
}

/* Send the oldest as one message, and move them to `sent`. Returns 0, or an errno. A message of several goes to a peer that never leaves the
 * socket, so only its first frame can be refused. No Python code runs, which could send something in between. */
static int
send_message(CpsZmqActor *self, CpsList *sent)
{
    CpsLink *link = cps_list_first(&self->gathered);

    for (int i = 1; link != NULL; i++) {
        CpsLink *next = i < self->batch ? cps_list_after(&self->gathered, link) : NULL;
        int flags = ZMQ_DONTWAIT | (next == NULL ? 0 : ZMQ_SNDMORE);

        if (zmq_msg_send(&CPS_CONTAINER(link, Gathered, link)->frame, cps_zmq_actor_socket(self), flags) < 0) {
            return zmq_errno();
        }
        cps_link_remove(link);
        cps_list_append(sent, link);
        link = next;
    }
    return 0;
}

bool
cps_zmq_actor_flush(CpsZmqActor *self)
{
    CpsList sent;
    CpsLink *link;
    int code = 0;

    cps_list_init(&sent);
    self->fresh = 0;
    self->fresh_bytes = 0;
    while (code == 0 && !cps_list_empty(&self->gathered) && cps_zmq_actor_socket(self) != NULL) {
        code = send_message(self, &sent);
    }
    while ((link = cps_list_pop(&sent)) != NULL) {
        (void)cps_zmq_actor_sent(self, 0);
        gathered_end(CPS_CONTAINER(link, Gathered, link), CPS_FATE_CONSUMED);
    }
    while (code != 0 && code != EAGAIN && (link = cps_list_pop(&self->gathered)) != NULL) {
        gathered_fail(self, CPS_CONTAINER(link, Gathered, link), code);
    }
    return cps_list_empty(&self->gathered);
}

/* What has come to the inbox meanwhile goes out with it; nothing is waited for. */
int
cps_zmq_actor_gather(CpsActor *actor, CpsConsume *consume)
{
    CpsZmqActor *self = (CpsZmqActor *)actor;
    Gathered *one = gathered_new(self, consume);
    bool more;

    if (one == NULL) {
        return -1;
    }
    cps_list_append(&self->gathered, &one->link);
    self->fresh++;
    self->fresh_bytes += zmq_msg_size(&one->frame);
    more = self->fresh < self->batch && self->fresh_bytes < BATCH_BYTES && cps_queue_length(consume->queue) > 0;
    if (!more && !cps_zmq_actor_flush(self)) {
        actor->busy = true;
    }
    if (more || actor->busy || cps_zmq_actor_ops(self)->receive != NULL) {
        cps_zmq_actor_schedule(self); /* sends, looks for room, or for what the call may have taken the sign of */
    }
    return 1;
}

Py_ssize_t
cps_zmq_actor_unfinished(CpsActor *actor, bool give_up)
{
    CpsZmqActor *self = (CpsZmqActor *)actor;
    Py_ssize_t count = (Py_ssize_t)cps_list_length(&self->gathered);
    CpsLink *link;

    while (give_up && (link = cps_list_pop(&self->gathered)) != NULL) {
        gathered_end(CPS_CONTAINER(link, Gathered, link), CPS_FATE_REPORTED);
    }
    return count;
}
