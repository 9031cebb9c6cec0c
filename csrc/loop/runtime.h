/* runtime.h: one scheduler per OS thread: a libuv loop, a ring of things that are ready to run, and the hub that drives both.
 *
 *     main greenlet      user's script; a blocking call switches to the hub
 *         | switch
 *     hub greenlet       takes completions, resumes who waited, hands the ready ring to a worker, polls libuv
 *         | switch
 *     worker greenlets   drain the ready ring, calling consume directly
 *
 * Rules: libuv callbacks are pure C; all they do is to append a CpsCompletion, without the GIL. Python runs between calls of
 * uv_run. Only the hub starts, resumes and retires workers. Everything else here is touched with the GIL held, by any thread;
 * libuv itself only by the loop's own thread, but for uv_async_send. */
#ifndef CPS_LOOP_RUNTIME_H
#define CPS_LOOP_RUNTIME_H

#include "base/heap.h"
#include "base/list.h"
#include "module.h"

#include <stdint.h>
#include <uv.h>

typedef struct CpsRuntime CpsRuntime;
typedef struct CpsHost CpsHost;           /* loop/host.h */
typedef struct CpsWorker CpsWorker;       /* loop/worker.h */
typedef struct CpsWorkQueue CpsWorkQueue; /* loop/workqueue.h */

/* Something that can be run by a worker. `run` is called with the GIL, in a worker greenlet, and may block there. It leaves no
 * exception set. `again`, unless NULL, is called when `run` was left in the middle (it blocked), so that the rest of the
 * node's work is not held up. */
typedef struct CpsReady {
    CpsLink link;
    void (*run)(struct CpsReady *ready, CpsRuntime *rt);
    void (*again)(struct CpsReady *ready);
} CpsReady;

/* What a libuv callback leaves behind. `done` is called by the hub with the GIL and must not block or run user code. */
typedef struct CpsCompletion {
    CpsLink link;
    void (*done)(struct CpsCompletion *completion, CpsRuntime *rt);
} CpsCompletion;

struct CpsRuntime {
    CpsState *state;  /* borrowed from the module */
    PyObject *module; /* owned: it must outlive its runtimes */
    uv_loop_t loop;
    uv_async_t async;    /* wakes the loop up, from any thread */
    CpsList completions; /* CpsCompletion; appended by callbacks */
    CpsList wakes;       /* CpsWait: fibers to resume */
    CpsList resuming;    /* CpsWait: those of them whose turn it is */
    CpsList ready;       /* CpsReady */
    CpsList idle;        /* CpsWorker: parked in the pool, most recent first */
    Py_ssize_t idle_count;
    CpsList busy;            /* CpsWorker: started and not idle */
    CpsWorker *drainer;      /* borrowed; the worker that drains the ready ring now, or NULL */
    CpsWorker *running;      /* borrowed; the worker that the hub switched to, or NULL */
    PyObject *hub;           /* owned greenlet that blocking calls switch to */
    const CpsHost *host;     /* who drives: our own hub, or gevent's */
    void *host_data;         /* the host's own */
    CpsHeap timers;          /* CpsTimer by deadline */
    uv_timer_t alarm;        /* wakes the loop for the earliest of them */
    CpsWorkQueue *work;      /* owned: short work for the thread pool */
    Py_ssize_t offloads;     /* pieces of work in the thread pool */
    unsigned int processors; /* that this process may use */
    PyObject *pending_error; /* owned: BaseException to raise in the main waiter */
    CpsList main_waits;      /* CpsWait of fibers that are not workers, oldest first */
    Py_ssize_t users;        /* started actors, running directors, tasks: alive while > 0 */
    uint64_t slice_end;      /* uv_hrtime when the running slice is over */
    int slice_budget;        /* events until the clock is read again */
    bool slice_over;
    bool polling;    /* the loop may be blocked without the GIL */
    bool has_doomed; /* some worker is to be ended by the hub */
    bool in_turn;    /* the hub is in the middle of one */
    bool closing;
    bool abandoned;             /* a fork's child: the loop belongs to the parent */
    uint64_t gil_released_at;   /* uv_hrtime */
    uint64_t polled_at;         /* uv_hrtime */
    CpsLink process_link;       /* in the list of all runtimes of the process */
    struct CpsSignals *signals; /* owned; NULL outside the main thread */
};

extern _Thread_local CpsRuntime *cps_runtime_of_thread;

/* This thread's runtime; made when it has none, or when nobody uses the old one and gevent or this module have been imported
 * since. Borrowed, or NULL with an exception set. */
CpsRuntime *cps_runtime_get(CpsState *state);

/* This thread's runtime, or NULL. No exception. */
static inline CpsRuntime *
cps_runtime_peek(void)
{
    return cps_runtime_of_thread;
}

/* A user more or less. The runtime of a thread is closed by cps_runtime_close_unused once it has no users. */
static inline void
cps_runtime_hold(CpsRuntime *rt)
{
    rt->users++;
}

void cps_runtime_release(CpsRuntime *rt);

/* Close this thread's runtime when nobody uses it and the caller is not one of its fibers: loop, handles, pooled workers. */
void cps_runtime_close_unused(void);

/* Make the loop come round: call after any change that gives it something to do. */
void cps_runtime_wake(CpsRuntime *rt);

/* Put `ready` at the end of the ready ring (or at its front), once. */
static inline void
cps_ready_push(CpsRuntime *rt, CpsReady *ready)
{
    if (!cps_link_listed(&ready->link)) {
        bool was_empty = cps_list_empty(&rt->ready);

        cps_list_append(&rt->ready, &ready->link);
        if (was_empty && rt->drainer == NULL) { /* a drainer comes to it by itself */
            cps_runtime_wake(rt);
        }
    }
}

void cps_ready_push_front(CpsRuntime *rt, CpsReady *ready);

/* From a libuv callback, without the GIL: queue `completion`, and end this uv_run so that it is handled. */
static inline void
cps_complete(CpsRuntime *rt, CpsCompletion *completion)
{
    cps_list_append(&rt->completions, &completion->link);
    uv_stop(&rt->loop);
}

/* Count one event of the running slice; true when the slice is over and the loop should be polled. */
bool cps_slice_spent(CpsRuntime *rt);

/* One round: completions, timers, resumed fibers, a slice of the ready ring, a poll of libuv. The poll blocks when `may_block` and
 * there is nothing to do. Runs in the hub. Returns 0, or -1 with an exception set (the hub is being ended). */
int cps_runtime_turn(CpsRuntime *rt, bool may_block);

/* Whether a turn would find something to do without a poll. */
static inline bool
cps_runtime_has_work(const CpsRuntime *rt)
{
    return !cps_list_empty(&rt->ready) || !cps_list_empty(&rt->wakes) || !cps_list_empty(&rt->resuming) ||
           !cps_list_empty(&rt->completions) || rt->pending_error != NULL || rt->has_doomed;
}

/* In the hub, when its next timer is due in *delay nanoseconds: whether it may sleep for so long; *delay may become less. */
bool cps_runtime_may_sleep(CpsRuntime *rt, uint64_t *delay);

/* From any fiber but the hub: let the hub run until it comes back here. Returns as cps_fiber_switch. */
int cps_runtime_enter_hub(CpsRuntime *rt);

/* Have the exception that is set raised by the hub in the fiber that blocks longest outside the workers (the caller of
 * Director.start). The exception is taken. */
void cps_runtime_raise_in_main(CpsRuntime *rt);

/* The exception that is set has nobody to be raised to: report it, naming `source` (borrowed); but what ends the program, such as
 * the SystemExit of a signal handler that Python happened to run here, is raised in the main fiber. Leaves none set. */
void cps_runtime_unraisable(PyObject *source);

/* Have the function called, with NULL as self, when the interpreter exits. Returns 0, or -1 with an exception set. */
int cps_call_at_exit(PyMethodDef *definition);

/* A worker has ended its node in a fork's child: nothing is left to do there. Raise what the node raised, or RuntimeError, where
 * cps_runtime_raise_in_main does, which would otherwise wait for ever. Returns as cps_fiber_switch. */
int cps_runtime_leave(CpsRuntime *rt);

int cps_runtime_setup(PyObject *module, CpsState *state);

#endif
