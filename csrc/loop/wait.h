/* wait.h: how a fiber or a plain thread blocks until somebody wakes it. Lives on the heap; see fiber.h. */
#ifndef CPS_LOOP_WAIT_H
#define CPS_LOOP_WAIT_H

#include "loop/runtime.h"

typedef struct CpsTimer CpsTimer;

typedef struct CpsWait {
    CpsLink link;      /* for whoever wakes it: the list of those who wait for one thing */
    CpsLink wake_link; /* in CpsRuntime.wakes, then .resuming, once woken */
    CpsLink main_link; /* in CpsRuntime.main_waits while a fiber that is no worker waits */
    CpsRuntime *rt;    /* borrowed; NULL: a plain thread waits, on `lock` */
    PyObject *fiber;   /* owned greenlet; NULL for a plain thread */
    PyThread_type_lock lock;
    CpsTimer *timer; /* running while there is a time limit */
    PyObject *item;  /* owned: what it brings or gets, by the agreement of waiter and waker */
    bool woken;
    bool timed_out;
} CpsWait;

/* A wait for the running fiber (or thread, when this thread has no runtime). It may run Python code and so let other threads run:
 * make the wait first, then look whether there is something to wait for. New, or NULL with an exception set. */
CpsWait *cps_wait_new(CpsState *state);

/* Give it back, out of every list. The item goes, too. */
void cps_wait_free(CpsWait *wait);

/* Block until cps_wait_wake, or `seconds` have passed (negative: no limit). Returns 0 woken, 1 timed out, -1 with an exception
 * set: one was thrown into this fiber, or a signal handler raised. The wait is out of every list then. */
int cps_wait_park(CpsWait *wait, double seconds);

/* Wake it, from any thread that holds the GIL; takes it out of the waker's list. Once is enough. */
void cps_wait_wake(CpsWait *wait);

/* Wake all waits of a list linked by `link`. */
void cps_wait_wake_all(CpsList *list);

/* Whether what is waited for is there. */
typedef bool (*CpsWaitTest)(void *context);

/* Wait in `list` (by link) until somebody wakes its waits, at most `seconds` (negative: no limit); not at all when the test holds once
 * the wait is made. Returns as cps_wait_park. */
int cps_wait_in(CpsState *state, CpsList *list, CpsWaitTest test, void *context, double seconds);

/* The same again and again until the test holds, for `seconds` in all. Returns 0, 1 when the time is over first, or -1 with an exception
 * set. */
int cps_wait_until(CpsState *state, CpsList *list, CpsWaitTest test, void *context, double seconds);

/* Block the running fiber for `seconds`. Returns 0, or -1 with an exception set. */
int cps_sleep(CpsState *state, double seconds);

/* Give way: run after everything that is ready now. Returns 0, or -1 with an exception set. */
int cps_yield(CpsState *state);

/* Before an event of somebody who may make them for ever: give way when his slice is over. Does nothing in a consume, which runs to
 * its end, and in the hub, which cannot. Returns 0, or -1 with an exception set. */
int cps_source_pause(CpsState *state);

/* compysition.sleep */
int cps_wait_setup(PyObject *module, CpsState *state);

#endif
