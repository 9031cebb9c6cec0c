/* timer.h: one-shot timers for C code that runs in the hub. Deadlines are exact to the nanosecond; they are looked at in every
 * round of the hub, and one libuv timer wakes the loop for the earliest when it sleeps. */
#ifndef CPS_LOOP_TIMER_H
#define CPS_LOOP_TIMER_H

#include "base/heap.h"
#include "loop/runtime.h"

typedef struct CpsTimer {
    CpsHeapItem item; /* first; the key is the deadline, in uv_hrtime nanoseconds */
    CpsRuntime *rt;   /* borrowed */
    void (*fired)(struct CpsTimer *timer, void *context);
    void *context;
} CpsTimer;

/* Call fired(timer, context) in the hub, with the GIL, in `seconds`, never earlier; it must not block or run user code. The timer
 * is freed right after that call. Loop thread only. Borrowed until it fires or is cancelled, or NULL with an exception set. */
CpsTimer *cps_timer_start(CpsRuntime *rt, double seconds, void (*fired)(CpsTimer *, void *), void *context);

/* Free it before it fires, and null the caller's pointer (which may be NULL already). */
void cps_timer_cancel(CpsTimer **timer_p);

/* Run what is due. */
void cps_timers_run(CpsRuntime *rt);

/* Nanoseconds until the earliest is due; 0 when one is, UINT64_MAX when there is none. */
uint64_t cps_timers_delay(CpsRuntime *rt);

/* At close: free those that are left; they do not fire. */
void cps_timers_free(CpsRuntime *rt);

#endif
