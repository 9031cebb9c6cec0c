/* job.h: the part of a C consume that goes on by itself while the actor takes other events: work in the thread pool, or an operation of
 * the loop. */
#ifndef CPS_FLOW_JOB_H
#define CPS_FLOW_JOB_H

#include "flow/consume.h"
#include "loop/workqueue.h"

/* An actor has as many jobs in the pool at once; what it cannot begin waits in its inboxes. How many operations of the loop it begins is
 * its concurrency. */
enum { CPS_JOBS_LIMIT = 16 };

typedef struct CpsJob CpsJob;

/* What a job does; one static const table per kind. It has either work or begin. */
typedef struct {
    /* In a pool thread, without the GIL: no Python object. */
    void (*work)(CpsJob *job);
    /* With the GIL, in the loop's thread, at once: begin an operation of the loop (a request, a timer). When that is over, cps_job_done is
     * called, once. Returns 0, or -1 with an exception set when none has begun. */
    int (*begin)(CpsJob *job);
    /* Then in a worker, with the GIL: the rest of the consume of job->consume.event. Returns 0, or -1 with an exception set, which takes
     * the event's error path. Must not block, as any C consume. */
    int (*finish)(CpsJob *job, CpsActor *self);
    void (*free)(CpsJob *job); /* with the GIL; finished or not */
    /* Nobody wants the outcome any more: have the work, which may be under way, end soon. May be NULL. An operation of the loop must end:
     * cps_job_done is called, at the latest from a turn of the hub before the loop is closed, or here. */
    void (*cancel)(CpsJob *job);
} CpsJobOps;

/* First member of a kind's own struct, filled with zeros. */
struct CpsJob {
    CpsReady ready;
    CpsWork work; /* of jobs that have work */
    CpsLink link; /* in CpsActor.jobs until finish */
    const CpsJobOps *ops;
    CpsActor *actor;    /* owned */
    bool waits;         /* work may wait for others: the loop's thread never does it */
    uint64_t work_ns;   /* how long work took */
    CpsConsume consume; /* its event is NULL when the actor was stopped meanwhile */
};

/* Whether the work of the actor's next event should go to the pool: it takes long enough, judged by those before, and the pool has
 * room, or it is too long for the loop's thread to help. */
bool cps_job_pays(const CpsActor *self);

/* Work took `ns` in the loop's thread. */
void cps_job_measured(CpsActor *self, uint64_t ns);

/* Begin a job for the consume under way, which it takes over (its event becomes NULL). Takes the job: it is freed even when -1 is
 * returned, with an exception set. */
int cps_job_start(CpsJob *job, const CpsJobOps *ops, CpsActor *self, CpsConsume *consume);

/* The operation that begin has begun is over, and finish is called as soon as a worker is free; or the job, whose event has ended
 * meanwhile, is freed. In the hub (a completion or a timer), or within cancel. */
void cps_job_done(CpsJob *job);

/* Whether `node` is the end of one of the actor's jobs. */
bool cps_job_is_of(const CpsActor *self, const CpsReady *node);

/* The actor stops: the events of its jobs end as reported, whatever becomes of the work. Returns how many there were. */
Py_ssize_t cps_jobs_abandon(CpsActor *self);

#endif
