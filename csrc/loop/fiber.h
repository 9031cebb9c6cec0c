/* fiber.h: greenlets. fiber.c is the only file that includes greenlet's header; here a fiber is a PyObject.
 *
 * greenlet moves slices of the C stack: a pointer to a local variable, read from another fiber, is garbage. Whatever another
 * fiber or a callback may read lives on the heap. */
#ifndef CPS_LOOP_FIBER_H
#define CPS_LOOP_FIBER_H

#include "loop/runtime.h"

typedef struct CpsLineage CpsLineage;

/* The consume that a worker is in the middle of; lives in the worker. */
typedef struct {
    CpsLineage *lineage; /* owned reference; NULL when none */
    bool forwarded;      /* an event of that lineage was sent since the consume began */
} CpsDelivery;

int cps_fiber_setup(PyObject *module, CpsState *state);

/* The running greenlet. New, or NULL with an exception set. */
PyObject *cps_fiber_current(void);

/* A greenlet that will call `run` (a callable), with the running one as its parent. New, or NULL. */
PyObject *cps_fiber_new(PyObject *run);

/* Switch to `fiber`. Returns 0 when somebody switched back, -1 with an exception set when one was thrown here. */
int cps_fiber_switch(PyObject *fiber);

/* Raise the exception that is set inside `fiber`, by switching there; takes the exception. Returns as cps_fiber_switch. */
int cps_fiber_throw(PyObject *fiber);

/* Make the running greenlet the parent of `fiber`, so that it comes back here when `fiber` ends. */
int cps_fiber_adopt(PyObject *fiber);

bool cps_fiber_finished(PyObject *fiber);

/* From the hub: let a pooled or new worker drain the ready ring until the slice is over, the ring is empty or it blocks. */
int cps_worker_drain(CpsRuntime *rt);

/* From the hub: resume `fiber`, which may or may not be a worker. */
int cps_worker_resume(CpsRuntime *rt, PyObject *fiber);

/* The worker that runs now, or NULL when the running greenlet is none. Borrowed. */
CpsWorker *cps_worker_current(CpsRuntime *rt);

CpsDelivery *cps_worker_delivery(CpsWorker *worker);

/* From the hub: end every pooled worker; with `busy_too` also throw GreenletExit into those in the middle of something, so that
 * their finally blocks run. */
void cps_workers_end(CpsRuntime *rt, bool busy_too);

/* Throw GreenletExit into the busy workers whose node is accepted by `mine`; only from the hub or a worker's task. */
void cps_workers_kill(CpsRuntime *rt, bool (*mine)(CpsReady *node, void *context), void *context);

/* How many workers are in the middle of something. */
Py_ssize_t cps_workers_busy(CpsRuntime *rt);

#endif
