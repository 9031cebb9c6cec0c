/* worker.h: the pool of greenlets that drain the ready ring. */
#ifndef CPS_LOOP_WORKER_H
#define CPS_LOOP_WORKER_H

#include "event/lineage.h"
#include "loop/runtime.h"

/* The consume that a worker is in the middle of. */
typedef struct {
    CpsLineage *lineage; /* borrowed from the event being consumed; NULL when none */
    bool active;
    bool of_log;    /* what is consumed is a log record */
    bool forwarded; /* an event of that lineage was sent since the consume began */
} CpsDelivery;

int cps_worker_setup(PyObject *module, CpsState *state);

/* Whether `fiber` is a worker of this runtime. */
bool cps_worker_check(const CpsRuntime *rt, PyObject *fiber);

/* From the hub: let a pooled or new worker drain the ready ring until the slice is over, the ring is empty or it blocks.
 * Returns 0, or -1 with an exception set. */
int cps_worker_drain(CpsRuntime *rt);

/* From the hub: resume `fiber`, which may or may not be a worker. Returns 0, or -1 with an exception set. */
int cps_worker_resume(CpsRuntime *rt, PyObject *fiber);

/* The worker that runs now, or NULL when the running greenlet is none. Borrowed. */
CpsWorker *cps_worker_current(CpsRuntime *rt);

/* The runtime it belongs to. Borrowed. */
CpsRuntime *cps_worker_runtime(CpsWorker *worker);

/* What the worker consumes; lives as long as the worker. */
CpsDelivery *cps_worker_delivery(CpsWorker *worker);

/* Between two events: forget what the last one left behind (context variables). Returns whether this worker may go on: it still
 * drains, the slice is not over, and no greenlet-local storage was made on it. */
bool cps_worker_may_go_on(CpsRuntime *rt, CpsWorker *worker);

/* The running worker ends after its node instead of going back to the pool. */
void cps_worker_end_soon(CpsWorker *worker);

/* Ask the hub to throw GreenletExit into the blocked workers whose node is accepted by `mine` (NULL: all), so that their finally
 * blocks run. Returns how many there are; they end in the next turns, unless they block again on their way out. */
Py_ssize_t cps_workers_doom(CpsRuntime *rt, bool (*mine)(CpsReady *node, void *context), void *context);

/* From the hub: do that. */
void cps_workers_end_doomed(CpsRuntime *rt);

/* End every pooled worker; none of them has a Python frame. From any fiber of the thread but a worker. */
void cps_workers_end_idle(CpsRuntime *rt);

#endif
