/* stop_signals.h: SIGINT and SIGTERM stop the running directors. */
#ifndef CPS_FLOW_STOP_SIGNALS_H
#define CPS_FLOW_STOP_SIGNALS_H

#include "module.h"

/* Install our handlers where they are not in use; `again` leaves signals alone whose handler the script has replaced since.
 * Outside the main thread nothing happens. Returns 0, or -1 with an exception set. */
int cps_stop_signals_install(CpsState *state, bool again);

/* Put back what our handlers replaced, where they are still in use. Leaves no exception set. */
void cps_stop_signals_restore(CpsState *state);

/* The same, when a director has gone that was never started, and none runs or is to be started. Keeps an exception that is set. */
void cps_stop_signals_unused(CpsState *state);

#endif
