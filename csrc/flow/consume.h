/* consume.h: one consume, from the taking of an event to the end of its delivery. */
#ifndef CPS_FLOW_CONSUME_H
#define CPS_FLOW_CONSUME_H

#include "flow/actor.h"
#include "loop/worker.h"

/* A consume under way. */
struct CpsConsume {
    CpsInbox *inbox;     /* borrowed: whoever consumes keeps its actor */
    PyObject *event;     /* owned; NULL once a job has taken the consume over */
    CpsQueue *queue;     /* owned: where the event came from; the inbox may get another one */
    CpsLineage *lineage; /* owned; NULL: it is not counted */
    uint64_t start;      /* uv_hrtime, when it is one of those whose time is measured; else 0 */
    bool refused;        /* what failed was logged already, and trying again would not help */
};

/* Begin to consume `event`, which is stolen. Returns 0; 1 when a job has begun with it (consume->event is NULL then); or -1 with an
 * exception set when the actor does not take it. But for a job, cps_consume_end must follow. */
int cps_consume_begin(CpsConsume *consume, CpsInbox *inbox, PyObject *event, CpsWorker *worker);

/* The event becomes `converted`, which is stolen: it is of a class that the actor takes. */
void cps_consume_replace(CpsConsume *consume, PyObject *converted);

/* The exception that is set came out of the consume: decide what becomes of the event. Leaves none set. Returns how the delivery
 * ended. (failed.c) */
CPS_COLD CpsFate cps_consume_failed(CpsConsume *consume, CpsWorker *worker);

/* The delivery has ended as `fate`, or, if `kept`, in an actor that may send its event later: tell its lineage, let others in. */
void cps_consume_end(CpsConsume *consume, bool kept, CpsFate fate);

/* The delivery of an event that is thrown away ends as reported. */
void cps_event_report(PyObject *event);

/* Throw away what waits for a retry. Returns the count. (failed.c) */
Py_ssize_t cps_retries_purge(CpsActor *self);

#endif
