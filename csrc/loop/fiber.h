/* fiber.h: greenlets. fiber.c and worker.c are the only files that know greenlet's header; elsewhere a fiber is a PyObject.
 *
 * greenlet moves slices of the C stack: a pointer to a local variable, read from another fiber, is garbage. Whatever another
 * fiber or a callback may read lives on the heap. */
#ifndef CPS_LOOP_FIBER_H
#define CPS_LOOP_FIBER_H

#include "loop/runtime.h"

int cps_fiber_setup(PyObject *module, CpsState *state);

/* The running greenlet. New, or NULL with an exception set. */
PyObject *cps_fiber_current(void);

/* A greenlet that will call `run` (a callable), with the running one as its parent. New, or NULL. */
PyObject *cps_fiber_new(PyObject *run);

/* Switch to `fiber`. Returns 0 when somebody switched back, -1 with an exception set when one was thrown here. */
int cps_fiber_switch(PyObject *fiber);

/* Raise the exception that is set inside `fiber`, by switching there; takes the exception. Returns as cps_fiber_switch. */
int cps_fiber_throw(PyObject *fiber);

/* The same with a GreenletExit. */
int cps_fiber_kill(PyObject *fiber);

/* Make the running greenlet the parent of `fiber`, so that it comes back here when `fiber` ends. */
int cps_fiber_adopt(PyObject *fiber);

/* The parent, which takes what `fiber` raises. New, or NULL without an exception when there is none. */
PyObject *cps_fiber_parent(PyObject *fiber);

/* Whether it will never run again. */
bool cps_fiber_finished(PyObject *fiber);

/* Whether the exception that is set is a GreenletExit: somebody ends this fiber. */
bool cps_fiber_exit_raised(void);

#endif
