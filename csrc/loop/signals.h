/* signals.h: Python's signal handlers run although the loop blocks: the interpreter's wake-up descriptor is watched by libuv. */
#ifndef CPS_LOOP_SIGNALS_H
#define CPS_LOOP_SIGNALS_H

#include "loop/runtime.h"

/* In the main thread: take over signal.set_wakeup_fd for this runtime. Elsewhere: nothing. Returns 0, or -1. */
int cps_signals_open(CpsRuntime *rt);

/* Put the old descriptor back, if ours is still the one in use, and close our handles. */
void cps_signals_close(CpsRuntime *rt);

#endif
