/* generator.h: the base of all event generators: what an event is made of, and how one run sends it. */
#ifndef CPS_ACTORS_GENERATOR_H
#define CPS_ACTORS_GENERATOR_H

#include "actors/schedule.h"

typedef struct CpsGenerator CpsGenerator;

/* What a kind of generator brings. */
typedef struct {
    CpsActorOps actor; /* first: an actor's ops pointer is a CpsGeneratorOps * */
    CpsScheduleOps schedule;
    /* Turn self->interval into what schedule.next reads. Returns 0, or -1 with an exception set. */
    int (*parse_interval)(CpsGenerator *self);
    /* What goes to the error queues beside `event`. Returns 0, or -1 with an exception set. */
    int (*send_error)(CpsGenerator *self, PyObject *event);
    const char *number_unit; /* the item of the interval that a plain number stands for; NULL: only a dict will do */
    bool first_at_once;      /* the first event comes when the schedule starts, not one interval later */
} CpsGeneratorOps;

struct CpsGenerator {
    CpsActor base;
    PyObject *event_kwargs; /* owned mapping; read for each event */
    PyObject *interval;     /* owned dict, merged over DEFAULT_INTERVAL */
    PyObject *delay;        /* owned number, seconds */
    PyObject *trigger;      /* owned: when a cron generator fires; NULL for others */
    PyObject *schedule;     /* owned CpsSchedule */
    double seconds;         /* interval of others */
    Py_ssize_t producers;
    Py_ssize_t max_events; /* 0: no limit */
    Py_ssize_t produced;   /* by the schedule, since the start */
    bool generate_error;
};

/* For the actor tables of generators. */
int cps_generator_consume(CpsActor *actor, CpsInbox *inbox, PyObject *incoming);
int cps_generator_start_source(CpsActor *actor);
void cps_generator_stop_source(CpsActor *actor);
bool cps_generator_runs(const CpsActor *actor, const CpsReady *node);
#define CPS_GENERATOR_ACTOR_OPS                     \
    {                                               \
        .consume = cps_generator_consume,           \
        .start_source = cps_generator_start_source, \
        .stop_source = cps_generator_stop_source,   \
        .runs = cps_generator_runs,                 \
    }

/* For the schedule tables. */
int cps_generator_next_interval(CpsActor *actor, double after, double bound, double *due);
void cps_generator_run(CpsActor *actor);

int cps_generator_parse_interval(CpsGenerator *self);
int cps_generator_send_second_error(CpsGenerator *self, PyObject *event);

/* The same of times of the calendar (cron.c): these are whole seconds. */
int cps_cron_parse_interval(CpsGenerator *self);
int cps_cron_next(CpsActor *actor, double after, double bound, double *due);

/* The generator's own constructor arguments, in the order of EventGenerator's; NULL for those not given. Borrowed. */
typedef struct {
    PyObject *event_class, *event_kwargs, *producers, *interval, *delay, *generate_error;
    PyObject *max_events;
} CpsGeneratorArgs;

/* Take them, and pass `args` and `kwargs` on to Actor. Returns 0, or -1 with an exception set. */
int cps_generator_configure(CpsGenerator *self, const CpsGeneratorOps *ops, const CpsGeneratorArgs *given,
                            PyObject *args, PyObject *kwargs);

/* A whole tp_init with EventGenerator's parameters. `function` names the type in errors. */
int cps_generator_init(PyObject *op, const char *function, const CpsGeneratorOps *ops, PyObject *args,
                       PyObject *kwargs);

/* Slots. */
int cps_generator_traverse(PyObject *op, visitproc visit, void *arg);
int cps_generator_clear(PyObject *op);
void cps_generator_dealloc(PyObject *op);

#endif
