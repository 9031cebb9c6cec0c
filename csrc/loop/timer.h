/* timer.h: one-shot timers for C code that runs in the hub. Pooled, since most last milliseconds. */
#ifndef CPS_LOOP_TIMER_H
#define CPS_LOOP_TIMER_H

#include "loop/runtime.h"

typedef struct CpsTimer {
    CpsCompletion completion; /* first: a CpsCompletion * of ours is a CpsTimer * */
    CpsLink link;             /* in CpsRuntime.timers while unused */
    uv_timer_t uv;
    CpsRuntime *rt; /* borrowed */
    void (*fired)(struct CpsTimer *timer, void *context);
    void *context;
    bool running;
} CpsTimer;

/* Call fired(timer, context) in the hub, with the GIL, in `seconds`; it must not block or run user code. The timer goes back to
 * the pool just before that call. New, or NULL with an exception set. Loop thread only. */
CpsTimer *cps_timer_start(CpsRuntime *rt, double seconds, void (*fired)(CpsTimer *, void *),
                          void *context);

/* Stop it before it fires, and null the caller's pointer (which may be NULL). */
void cps_timer_cancel(CpsTimer **timer_p);

/* At close: uv_close every timer in the pool. */
void cps_timers_close(CpsRuntime *rt);

#endif
