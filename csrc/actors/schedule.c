/* Schedules and their jobs. A timer fires in the hub, which must not run user code, so it only hands the job to a worker. The worker
 * first finds out when the job is due next, so that the times go on while the run blocks. */
#include "actors/schedule.h"

#include "actors/actors.h"
#include "loop/timer.h"

#include <math.h>
#include <time.h>

static const double JOB_GRACE = 1.0;  /* seconds that a job may be late */
static const double JOB_SLEEP = 60.0; /* seconds after which the clock is read again: the time of day may jump */

typedef enum { SCHEDULE_STOPPED, SCHEDULE_RUNNING, SCHEDULE_PAUSED } CpsScheduleStatus;

struct CpsSchedule {
    PyObject_HEAD
    CpsActor *owner; /* borrowed; NULL once it has gone */
    const CpsScheduleOps *ops;
    CpsRuntime *rt; /* borrowed; set while not stopped */
    PyObject *jobs; /* owned list of CpsJob */
    int status;     /* CpsScheduleStatus */
};

typedef struct {
    PyObject_HEAD
    CpsReady ready;
    CpsSchedule *schedule; /* owned */
    CpsTimer *timer;       /* running, or NULL */
    double due;            /* by the schedule's clock; INFINITY: never */
    bool running;
} CpsJob;

double
cps_schedule_monotonic(void)
{
    return (double)uv_hrtime() / 1e9;
}

double
cps_schedule_wall(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- jobs ----------------------------------------------------------------------------------------------------------------- */

static void
job_disarm(CpsJob *self)
{
    cps_timer_cancel(&self->timer);
    if (cps_link_listed(&self->ready.link)) {
        cps_link_remove(&self->ready.link);
        Py_DECREF(self); /* the ready ring's reference */
    }
}

static void job_on_timer(CpsTimer *timer, void *context);

/* Set the timer for the due time. Returns 0, or -1 with an exception set. */
static int
job_arm(CpsJob *self)
{
    CpsSchedule *schedule = self->schedule;

    if (isinf(self->due) || schedule->status != SCHEDULE_RUNNING || self->timer != NULL) {
        return 0;
    }
    self->timer = cps_timer_start(schedule->rt, fmin(self->due - schedule->ops->now(), JOB_SLEEP), job_on_timer, self);
    return self->timer == NULL ? -1 : 0;
}

static void
job_on_timer(CpsTimer *timer, void *context)
{
    CpsJob *self = context;

    self->timer = NULL;
    if (self->schedule->ops->now() < self->due) {
        if (job_arm(self) < 0) {
            PyErr_WriteUnraisable((PyObject *)self);
        }
    }
    else if (!cps_link_listed(&self->ready.link)) {
        Py_INCREF(self); /* the ready ring's reference */
        cps_ready_push(self->schedule->rt, &self->ready);
    }
}

/* Move `due` on and set the timer for it. Returns whether the job is to run now, or -1 with an exception set. */
static int
job_move_on(CpsJob *self)
{
    const CpsScheduleOps *ops = self->schedule->ops;
    CpsActor *owner = self->schedule->owner;
    double now = ops->now(), bound = now - JOB_GRACE, due = self->due;
    bool in_time = due >= bound;

    self->due = INFINITY; /* when the next time cannot be told, there is none */
    if (!in_time) {
        if (ops->next(owner, due, bound, &due) < 0) {
            return -1;
        }
        in_time = due <= now;
    }
    if (in_time && ops->next(owner, due, now, &due) < 0) {
        return -1;
    }
    self->due = due;
    return job_arm(self) < 0 ? -1 : in_time;
}

/* In a worker, with the ready ring's reference to the job. */
static void
job_run(CpsReady *ready, CpsRuntime *rt)
{
    CpsJob *self = CPS_CONTAINER(ready, CpsJob, ready);
    CpsActor *owner = self->schedule->owner;
    int due_now;

    Py_INCREF(owner);
    due_now = job_move_on(self);
    if (due_now < 0) {
        PyErr_WriteUnraisable((PyObject *)owner);
    }
    else if (due_now && !self->running) {
        self->running = true;
        self->schedule->ops->run(owner);
        self->running = false;
    }
    Py_DECREF(owner);
    Py_DECREF(self);
}

static CpsJob *
job_new(CpsSchedule *schedule)
{
    PyTypeObject *type = cps_state_of((PyObject *)schedule)->types.ScheduledJob;
    CpsJob *self = (CpsJob *)type->tp_alloc(type, 0);

    if (self != NULL) {
        self->ready.run = job_run;
        self->due = INFINITY;
        self->schedule = (CpsSchedule *)Py_NewRef((PyObject *)schedule);
    }
    return self;
}

static int
job_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((CpsJob *)op)->schedule);
    return 0;
}

static int
job_clear(PyObject *op)
{
    CpsJob *self = (CpsJob *)op;

    cps_timer_cancel(&self->timer);
    Py_CLEAR(self->schedule);
    return 0;
}

static void
job_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    (void)job_clear(op);
    type->tp_free(op);
    Py_DECREF(type);
}

/* The local time of a moment by the schedule's clock. New aware datetime, or NULL with an exception set. */
static PyObject *
job_datetime(CpsJob *self, double moment)
{
    double wall = cps_schedule_wall() + moment - self->schedule->ops->now();
    PyObject *datetime = PyImport_ImportModule("datetime"), *utc = NULL, *local = NULL;

    if (datetime != NULL) {
        PyObject *cls = PyObject_GetAttrString(datetime, "datetime");
        PyObject *zone = PyObject_GetAttrString(datetime, "UTC");

        if (cls != NULL && zone != NULL) {
            utc = PyObject_CallMethod(cls, "fromtimestamp", "dO", wall, zone);
        }
        Py_XDECREF(cls);
        Py_XDECREF(zone);
        Py_DECREF(datetime);
    }
    if (utc != NULL) {
        local = PyObject_CallMethod(utc, "astimezone", NULL);
        Py_DECREF(utc);
    }
    return local;
}

static PyObject *
job_get_next_run_time(PyObject *op, void *Py_UNUSED(closure))
{
    CpsJob *self = (CpsJob *)op;

    if (isinf(self->due) || self->schedule->status == SCHEDULE_STOPPED) {
        Py_RETURN_NONE;
    }
    return job_datetime(self, self->due);
}

static PyGetSetDef job_getset[] = {
    {"next_run_time", job_get_next_run_time, NULL, "When it is due next (aware datetime), or None when it never is."},
    {NULL},
};

static PyMemberDef job_members[] = {
    {"running", T_BOOL, offsetof(CpsJob, running), READONLY, "Whether a run is under way (bool)."},
    {NULL},
};

PyDoc_STRVAR(job_doc, "One of the jobs of an event generator, which fires again and again.");

static PyType_Slot job_slots[] = {
    {Py_tp_doc, (void *)job_doc},
    {Py_tp_traverse, job_traverse},
    {Py_tp_clear, job_clear},
    {Py_tp_dealloc, job_dealloc},
    {Py_tp_members, job_members},
    {Py_tp_getset, job_getset},
    {0, NULL},
};

static PyType_Spec job_spec = {
    .name = "compysition._core._ScheduledJob",
    .basicsize = sizeof(CpsJob),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = job_slots,
};

/* --- schedules ------------------------------------------------------------------------------------------------------------ */

PyObject *
cps_schedule_new(CpsState *state, CpsActor *owner, const CpsScheduleOps *ops)
{
    PyTypeObject *type = state->types.Schedule;
    CpsSchedule *self = (CpsSchedule *)type->tp_alloc(type, 0);

    if (self == NULL) {
        return NULL;
    }
    self->owner = owner;
    self->ops = ops;
    self->jobs = PyList_New(0);
    if (self->jobs == NULL) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static CpsJob *
schedule_job(const CpsSchedule *self, Py_ssize_t index)
{
    return (CpsJob *)PyList_GET_ITEM(self->jobs, index);
}

static void
schedule_disarm(CpsSchedule *self)
{
    for (Py_ssize_t i = 0; self->jobs != NULL && i < PyList_GET_SIZE(self->jobs); i++) {
        job_disarm(schedule_job(self, i));
    }
}

int
cps_schedule_make_jobs(CpsSchedule *self, Py_ssize_t count)
{
    PyObject *jobs = PyList_New(0);

    if (jobs == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *job = (PyObject *)job_new(self);

        if (job == NULL || PyList_Append(jobs, job) < 0) {
            Py_XDECREF(job);
            Py_DECREF(jobs);
            return -1;
        }
        Py_DECREF(job);
    }
    cps_schedule_stop(self);
    Py_SETREF(self->jobs, jobs);
    return 0;
}

int
cps_schedule_start(CpsSchedule *self, CpsRuntime *rt, double delay, bool at_once)
{
    double due = self->ops->now() + delay;

    if (!at_once && self->ops->next(self->owner, due, due, &due) < 0) {
        return -1;
    }
    self->rt = rt;
    self->status = SCHEDULE_RUNNING;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(self->jobs); i++) {
        schedule_job(self, i)->due = due;
        if (job_arm(schedule_job(self, i)) < 0) {
            cps_schedule_stop(self);
            return -1;
        }
    }
    return 0;
}

void
cps_schedule_stop(CpsSchedule *self)
{
    self->status = SCHEDULE_STOPPED;
    schedule_disarm(self);
}

bool
cps_schedule_has_node(const CpsSchedule *self, const CpsReady *node)
{
    for (Py_ssize_t i = 0; self->jobs != NULL && i < PyList_GET_SIZE(self->jobs); i++) {
        if (&schedule_job(self, i)->ready == node) {
            return true;
        }
    }
    return false;
}

void
cps_schedule_disown(CpsSchedule *self)
{
    cps_schedule_stop(self);
    self->owner = NULL;
    Py_CLEAR(self->jobs); /* which refer to the schedule */
}

PyDoc_STRVAR(schedule_get_jobs_doc, "get_jobs($self, /)\n--\n\n"
                                    "The jobs, one per producer; each has next_run_time and running.");

static PyObject *
schedule_get_jobs(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsSchedule *self = (CpsSchedule *)op;

    return self->jobs == NULL ? PyList_New(0) : PyList_GetSlice(self->jobs, 0, PY_SSIZE_T_MAX);
}

PyDoc_STRVAR(schedule_pause_doc, "pause($self, /)\n--\n\n"
                                 "No runs until resume(); those that come due meanwhile are left out.");

static PyObject *
schedule_pause(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsSchedule *self = (CpsSchedule *)op;

    if (self->status == SCHEDULE_RUNNING) {
        self->status = SCHEDULE_PAUSED;
        schedule_disarm(self);
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(schedule_resume_doc, "resume($self, /)\n--\n\n"
                                  "Go on after pause(), at the next due time.");

static PyObject *
schedule_resume(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsSchedule *self = (CpsSchedule *)op;

    if (self->status == SCHEDULE_PAUSED && cps_schedule_start(self, self->rt, 0, false) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(schedule_shutdown_doc,
             "shutdown($self, /, wait=True)\n--\n\n"
             "No runs any more until the actor is started again. A run under way is not waited for.");

static PyObject *
schedule_shutdown(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"wait", NULL};
    PyObject *wait; /* borrowed; without effect, as in the scheduler that scripts know */

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:shutdown", names, &wait)) {
        return NULL;
    }
    cps_schedule_stop((CpsSchedule *)op);
    Py_RETURN_NONE;
}

static PyObject *
schedule_get_running(PyObject *op, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(((CpsSchedule *)op)->status != SCHEDULE_STOPPED);
}

static int
schedule_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((CpsSchedule *)op)->jobs);
    return 0;
}

static int
schedule_clear(PyObject *op)
{
    CpsSchedule *self = (CpsSchedule *)op;

    if (self->jobs != NULL) {
        cps_schedule_stop(self);
        Py_CLEAR(self->jobs);
    }
    return 0;
}

static void
schedule_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    (void)schedule_clear(op);
    type->tp_free(op);
    Py_DECREF(type);
}

PyDoc_STRVAR(schedule_doc, "When an event generator fires.");

static PyMethodDef schedule_methods[] = {
    {"get_jobs", schedule_get_jobs, METH_NOARGS, schedule_get_jobs_doc},
    {"pause", schedule_pause, METH_NOARGS, schedule_pause_doc},
    {"resume", schedule_resume, METH_NOARGS, schedule_resume_doc},
    {"shutdown", _PyCFunction_CAST(schedule_shutdown), METH_VARARGS | METH_KEYWORDS, schedule_shutdown_doc},
    {NULL},
};

static PyMemberDef schedule_members[] = {
    {"state", T_INT, offsetof(CpsSchedule, status), READONLY, "0 stopped, 1 running, 2 paused (int)."},
    {NULL},
};

static PyGetSetDef schedule_getset[] = {
    {"running", schedule_get_running, NULL, "Whether it was started and not shut down (bool)."},
    {NULL},
};

static PyType_Slot schedule_slots[] = {
    {Py_tp_doc, (void *)schedule_doc}, {Py_tp_traverse, schedule_traverse},
    {Py_tp_clear, schedule_clear},     {Py_tp_dealloc, schedule_dealloc},
    {Py_tp_methods, schedule_methods}, {Py_tp_members, schedule_members},
    {Py_tp_getset, schedule_getset},   {0, NULL},
};

static PyType_Spec schedule_spec = {
    .name = "compysition._core._Schedule",
    .basicsize = sizeof(CpsSchedule),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = schedule_slots,
};

int
cps_schedule_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.ScheduledJob, &job_spec, NULL) < 0
               ? -1
               : cps_add_type(module, &state->types.Schedule, &schedule_spec, NULL);
}
