#include "flow/job.h"

enum {
    SHORT_NS = 20 * 1000,       /* work shorter than that costs more to hand over than to do */
    HELP_NS = 500 * 1000,       /* the loop's thread does no longer work itself */
    ALONE_NS = 5 * 1000 * 1000, /* with one processor, what is shorter gains nothing */
    WAITING = 4,                /* jobs for each thread that nobody has begun before the loop's thread helps */
};

/* --- where the work is done ---------------------------------------------------------------------------------------------- */

bool
cps_job_pays(const CpsActor *self)
{
    if (self->work_ns == 0) {
        return true; /* unknown yet */
    }
    if (self->rt->processors == 1) {
        return self->work_ns >= ALONE_NS;
    }
    return self->work_ns >= SHORT_NS &&
           (self->work_ns >= HELP_NS || cps_work_waiting(self->rt) < WAITING * (self->rt->processors - 1));
}

void
cps_job_measured(CpsActor *self, uint64_t ns)
{
    self->work_ns = self->work_ns == 0 ? ns + 1 : (7 * self->work_ns + ns) / 8 + 1;
}

/* --- jobs --------------------------------------------------------------------------------------------------------------------- */

static void
job_free(CpsJob *job)
{
    CpsActor *actor = job->actor;

    cps_link_remove(&job->link);
    cps_link_remove(&job->ready.link);
    job->ops->free(job);
    Py_DECREF((PyObject *)actor);
}

static CpsJob *
job_of_work(CpsWork *work)
{
    return CPS_CONTAINER(work, CpsJob, work);
}

static void
job_work(CpsWork *work)
{
    CpsJob *job = job_of_work(work);
    uint64_t start = uv_hrtime();

    job->ops->work(job);
    job->work_ns = uv_hrtime() - start;
}

void
cps_job_done(CpsJob *job)
{
    if (job->consume.event == NULL) {
        job_free(job);
        return;
    }
    cps_ready_push(job->actor->rt, &job->ready);
}

/* In the hub: the work of a stopped actor's job, which was perhaps cancelled before it had done much. The actor may have been started
 * again, with inboxes that wait for one job less. */
static void
job_abandoned_done(CpsJob *job)
{
    CpsActor *actor = (CpsActor *)Py_NewRef((PyObject *)job->actor);

    job_free(job);
    cps_actor_schedule(actor);
    Py_DECREF((PyObject *)actor);
}

/* In the hub. */
static void
job_worked(CpsWork *work)
{
    CpsJob *job = job_of_work(work);

    job->actor->jobs_running--;
    if (job->consume.event == NULL) {
        job_abandoned_done(job);
        return;
    }
    cps_job_measured(job->actor, job->work_ns);
    cps_job_done(job);
}

/* In a worker: the rest of the consume. */
static void
job_run(CpsReady *ready, CpsRuntime *rt)
{
    CpsJob *job = (CpsJob *)ready;
    CpsActor *self = (CpsActor *)Py_NewRef((PyObject *)job->actor);
    CpsWorker *worker = rt->running;
    CpsDelivery *delivery = cps_worker_delivery(worker);
    CpsFate fate = CPS_FATE_CONSUMED;

    cps_link_remove(&job->link);
    *delivery = (CpsDelivery){.lineage = job->consume.lineage, .active = true};
    if (job->ops->finish(job, self) < 0) {
        fate = cps_consume_failed(&job->consume, worker);
    }
    cps_consume_end(&job->consume, fate == CPS_FATE_CONSUMED && self->ops->exports && !delivery->forwarded, fate);
    *delivery = (CpsDelivery){0};
    job_free(job);
    cps_actor_schedule(self);
    cps_actor_note_rest(self);
    Py_DECREF((PyObject *)self);
}

/* Returns 0, or -1 with an exception set. */
static int
job_begin(CpsJob *job, const CpsActor *self)
{
    if (job->ops->begin != NULL) {
        return job->ops->begin(job);
    }
    job->work.run = job_work;
    job->work.done = job_worked;
    job->work.brief = !job->waits && self->work_ns != 0 && self->work_ns < HELP_NS;
    if (cps_work_add(self->rt, &job->work) < 0) {
        return -1;
    }
    job->actor->jobs_running++;
    return 0;
}

int
cps_job_start(CpsJob *job, const CpsJobOps *ops, CpsActor *self, CpsConsume *consume)
{
    job->ready.run = job_run;
    job->ops = ops;
    job->actor = (CpsActor *)Py_NewRef((PyObject *)self);
    job->consume = *consume;
    if (job_begin(job, self) < 0) {
        job_free(job);
        return -1;
    }
    consume->event = NULL;
    cps_list_append(&self->jobs, &job->link);
    return 0;
}

bool
cps_job_is_of(const CpsActor *self, const CpsReady *node)
{
    return node->run == job_run && ((const CpsJob *)node)->actor == self;
}

Py_ssize_t
cps_jobs_abandon(CpsActor *self)
{
    Py_ssize_t count = 0;
    CpsLink *link;

    while ((link = cps_list_pop(&self->jobs)) != NULL) {
        CpsJob *job = CPS_CONTAINER(link, CpsJob, link);

        cps_consume_end(&job->consume, false, CPS_FATE_REPORTED);
        job->consume.event = NULL;
        if (cps_link_listed(&job->ready.link)) {
            job_free(job);
        }
        else if (job->ops->cancel != NULL) { /* it is still under way */
            job->ops->cancel(job);
        }
        count++;
    }
    return count;
}
