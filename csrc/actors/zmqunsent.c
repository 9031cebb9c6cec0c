/* A message for which the socket had no room: the consume of its event goes on as a job until there is some. */
#include "actors/zmqactor.h"

#include <errno.h>

typedef struct {
    CpsJob job;
    CpsZmqMessage message;
    int code; /* errno of what went wrong, or 0 */
} Unsent;

static int
unsent_begin(CpsJob *job)
{
    CpsZmqActor *self = (CpsZmqActor *)job->actor;

    self->unsent = job;
    self->base.busy = true;
    cps_zmq_actor_schedule(self); /* room may have come just now, and the call may have taken the sign of it */
    return 0;
}

static int
unsent_finish(CpsJob *job, CpsActor *self)
{
    return cps_zmq_actor_sent((CpsZmqActor *)self, ((Unsent *)job)->code);
}

static void
unsent_free(CpsJob *job)
{
    cps_zmq_message_close(&((Unsent *)job)->message);
    PyMem_Free(job);
}

static void
unsent_cancel(CpsJob *job)
{
    ((CpsZmqActor *)job->actor)->unsent = NULL;
    cps_job_done(job);
}

static const CpsJobOps unsent_ops = {
    .begin = unsent_begin,
    .finish = unsent_finish,
    .free = unsent_free,
    .cancel = unsent_cancel,
};

/* Takes the frames of the message. Returns 0, or -1 with an exception set. */
static int
unsent_keep(CpsZmqActor *self, CpsConsume *consume, CpsZmqMessage *message)
{
    Unsent *unsent = PyMem_Calloc(1, sizeof(*unsent));

    if (unsent == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < message->count; i++) {
        (void)cps_zmq_move(&unsent->message, &message->frames[i]); /* it has as many places */
    }
    return cps_job_start(&unsent->job, &unsent_ops, &self->base, consume);
}

int
cps_zmq_actor_send_or_keep(CpsActor *actor, CpsConsume *consume)
{
    CpsZmqActor *self = (CpsZmqActor *)actor;
    CpsZmqMessage message;
    int code, result;

    cps_zmq_message_init(&message);
    if (cps_zmq_actor_write(self, consume->event, NULL, 0, &message) < 0) {
        return -1;
    }
    code = cps_zmq_actor_try(self, &message);
    result = code == EAGAIN ? unsent_keep(self, consume, &message) : cps_zmq_actor_sent(self, code);
    cps_zmq_message_close(&message);
    return result < 0 ? -1 : 1;
}

void
cps_zmq_actor_send_unsent(CpsZmqActor *self)
{
    Unsent *unsent = (Unsent *)self->unsent;
    int code = unsent == NULL ? EAGAIN : cps_zmq_actor_try(self, &unsent->message);

    if (code != EAGAIN) {
        unsent->code = code;
        self->unsent = NULL;
        cps_job_done(&unsent->job);
    }
}
