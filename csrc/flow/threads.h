/* threads.h: actor.threads, the pool of a user's own greenlets, and the Task that stands for one. */
#ifndef CPS_FLOW_THREADS_H
#define CPS_FLOW_THREADS_H

#include "flow/logger.h"

int cps_threads_setup(PyObject *module, CpsState *state);

/* RestartPool(logger=logger, sleep_interval=1). New, or NULL. */
PyObject *cps_threads_new(CpsState *state, PyObject *logger);

#endif
