/* processes.h: a director that runs in several processes. The process of the script forks them before anything is started, starts those that
 * die again, and stops them together; nothing of the flow runs in itself. */
#ifndef CPS_FLOW_PROCESSES_H
#define CPS_FLOW_PROCESSES_H

#include "flow/director.h"

/* Fork as many as self->processes says, and wait until all have started. Main thread only. Returns 0, or -1 with an exception set:
 * RuntimeError with what one of them reported. In a child this function does not return. */
int cps_processes_start(CpsDirector *self);

/* Watch over them until they have been stopped: by SIGINT, SIGTERM or cps_processes_stop. Returns 0, or -1 with an exception set; they are
 * gone in any case. */
int cps_processes_watch(CpsDirector *self);

/* Have them stop: wait for that, unless another thread watches over them, which then returns. Returns 0, or -1 with an exception set. */
int cps_processes_stop(CpsDirector *self);

void cps_processes_free(CpsProcesses *processes); /* NULL is fine; none of them runs */

#endif
