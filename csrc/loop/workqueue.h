/* workqueue.h: short pieces of work, one after another, in as many pool threads as there are processors to spare.
 *
 * A thread takes the next piece by itself, and the hub finds the finished ones in its next turn: neither needs a system call while
 * both are busy. One thread less than there are processors works while the loop is busy, since the loop's thread needs one. When that
 * has nothing else to do it works too; and where pieces take so long that others wait behind them, more threads come. */
#ifndef CPS_LOOP_WORKQUEUE_H
#define CPS_LOOP_WORKQUEUE_H

#include "loop/runtime.h"

/* One piece of work. Lives in its user's own struct. */
typedef struct CpsWork {
    CpsLink link;
    void (*run)(struct CpsWork *work);  /* in a pool thread, or the loop's; without the GIL, no Python object */
    void (*done)(struct CpsWork *work); /* then in the hub, with the GIL; must not block or run user code */
    bool brief;                         /* takes so little time that the loop's thread may do it */
} CpsWork;

/* Returns 0, or -1 with an exception set. */
int cps_work_open(CpsRuntime *rt);
void cps_work_close(CpsRuntime *rt);

/* Have the work done. Returns 0, or -1 with an exception set and nothing called. Loop thread only. */
int cps_work_add(CpsRuntime *rt, CpsWork *work);

/* How many pieces nobody has begun; about. */
size_t cps_work_waiting(const CpsRuntime *rt);

/* In the hub: call `done` of those that are finished. */
void cps_work_collect(CpsRuntime *rt);

/* In the hub, which has nothing to do for *delay nanoseconds: whether it may sleep, until it is woken for finished work; *delay may
 * become less. If not, something has been finished; perhaps a piece was done here. */
bool cps_work_may_sleep(CpsRuntime *rt, uint64_t *delay);

#endif
