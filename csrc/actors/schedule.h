/* schedule.h: the clockwork of event generators. A schedule has jobs, each with a time when it is due next; a job that is due runs
 * in a worker, where it may block. A run is skipped when the previous one of the same job is still under way, or when the job
 * is reached more than a second late. */
#ifndef CPS_ACTORS_SCHEDULE_H
#define CPS_ACTORS_SCHEDULE_H

#include "flow/actor.h"

typedef struct CpsSchedule CpsSchedule;

/* When jobs are due and what they do; `owner` is the actor. */
typedef struct {
    /* The clock of the due times, in seconds. */
    double (*now)(void);
    /* Set *due to the first due time after `after` that is not before `bound`; INFINITY: never again. May run user code.
     * Returns 0, or -1 with an exception set. */
    int (*next)(CpsActor *owner, double after, double bound, double *due);
    /* One run. May block. Leaves no exception set. */
    void (*run)(CpsActor *owner);
} CpsScheduleOps;

/* Monotonic, and the time of day. */
double cps_schedule_monotonic(void);
double cps_schedule_wall(void);

/* A schedule without jobs. `owner` is borrowed: cps_schedule_disown before it goes. New, or NULL with an exception set. */
PyObject *cps_schedule_new(CpsState *state, CpsActor *owner, const CpsScheduleOps *ops);

/* Replace its jobs by `count` new ones, not started. Returns 0, or -1 with an exception set. */
int cps_schedule_make_jobs(CpsSchedule *self, Py_ssize_t count);

/* Start the jobs: the first run is in `delay` seconds when `at_once`, else at the first due time after that. Loop thread only.
 * Returns 0, or -1 with an exception set. */
int cps_schedule_start(CpsSchedule *self, CpsRuntime *rt, double delay, bool at_once);

/* No further runs; one under way goes on. Safe to call twice. */
void cps_schedule_stop(CpsSchedule *self);

/* Whether `node` is the node in which one of its jobs runs. */
bool cps_schedule_has_node(const CpsSchedule *self, const CpsReady *node);

/* The owner goes: no further runs, and none of those waiting to begin. */
void cps_schedule_disown(CpsSchedule *self);

#endif
