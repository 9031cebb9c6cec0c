/* threads.h: actor.threads, the pool of a user's own greenlets, and the Task that stands for one. */
#ifndef CPS_FLOW_THREADS_H
#define CPS_FLOW_THREADS_H

#include "flow/logger.h"

int cps_threads_setup(PyObject *module, CpsState *state);

/* RestartPool(logger=logger, sleep_interval=1). New, or NULL. */
PyObject *cps_threads_new(CpsState *state, PyObject *logger);

/* Run `function` (in C) once in a worker of this thread's runtime, where it may block. `context` is its own; an exception it
 * leaves set is raised in the main waiter. Returns 0, or -1 with an exception set. */
int cps_task_spawn_c(CpsRuntime *rt, void (*function)(void *context), void *context);

#endif
