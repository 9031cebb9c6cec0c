/* offload.h: work for libuv's thread pool: no GIL, no Python object. */
#ifndef CPS_LOOP_OFFLOAD_H
#define CPS_LOOP_OFFLOAD_H

#include "loop/runtime.h"

/* One piece of work; freed before `done` is called. */
typedef struct {
    CpsCompletion completion; /* first */
    uv_work_t uv;
    CpsRuntime *rt;
    void (*work)(void *context); /* in a pool thread, without the GIL */
    void (*done)(void *context); /* in the hub, with the GIL; must not block or run user code */
    void *context;
} CpsOffload;

/* Run work(context) in the thread pool, then done(context) in the hub. Returns 0, or -1 with an exception set and neither
 * called. Loop thread only. */
int cps_offload(CpsRuntime *rt, void (*work)(void *), void (*done)(void *), void *context);

#endif
