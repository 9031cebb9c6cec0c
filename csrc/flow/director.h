/* director.h: the Director: it registers actors, connects their queues, starts and stops them. Private to director*.c, stats.c,
 * picture.c and stop_signals.c.
 *
 *     IDLE -- start() --> STARTING -- all actors started --> RUNNING -- stop asked for --> STOPPING -- all is quiet --> IDLE
 *
 * A stop runs in a worker, so that whoever asks for it need not wait: a signal handler, a consume, another thread. */
#ifndef CPS_FLOW_DIRECTOR_H
#define CPS_FLOW_DIRECTOR_H

#include "flow/actor.h"

typedef enum {
    CPS_DIRECTOR_IDLE,
    CPS_DIRECTOR_STARTING,
    CPS_DIRECTOR_RUNNING,
    CPS_DIRECTOR_STOPPING,
} CpsDirectorPhase;

/* How far a stop goes; a later request can only raise it. */
typedef enum {
    CPS_STOP_NONE,
    CPS_STOP_DRAIN,   /* wait for what is in flight, up to stop_timeout */
    CPS_STOP_AT_ONCE, /* wait for nothing */
} CpsStopKind;

typedef struct CpsProcesses CpsProcesses; /* flow/processes.h */

typedef struct {
    PyObject_HEAD
    PyObject *dict; /* owned: attributes set by scripts; may be NULL */
    PyObject *weakrefs;
    CpsState *state;       /* borrowed */
    PyObject *name;        /* owned */
    PyObject *actors;      /* owned dict: name -> actor */
    CpsActor *log_actor;   /* owned; this and the next NULL until __init__ */
    CpsActor *error_actor; /* owned */
    CpsQueuePool *pool;    /* owned: only its log queues are used, by the logger */
    CpsLogger *logger;     /* owned: what the director itself has to say */
    CpsLedger *ledger; /* owned reference, shared by all actors but the log actor: records are no events of the flow */
    PyObject *blockdiag_dir; /* owned */
    PyObject *blockdiag_out; /* owned str; NULL without generate_blockdiag */
    PyObject *log_base; /* owned str: name of the logging.Logger above those of the actors; NULL: records stay here */
    PyObject *concurrency; /* owned int for actors that do not choose; NULL: their own default */
    Py_ssize_t size;
    Py_ssize_t processes; /* in how many it runs; 1: in this one */
    CpsProcesses *fleet;  /* owned: those that run; NULL */
    double stop_timeout;  /* seconds */
    int log_level;
    bool generate_blockdiag;
    bool diagram_closed; /* blockdiag_out has its last brace */

    CpsDirectorPhase phase;
    CpsStopKind stop_kind;
    bool made;              /* it was not started yet */
    bool start_failed;      /* some actors never started: what waits for them will not be drained */
    bool forked;            /* a fork made this copy of one that runs in the parent */
    CpsRuntime *rt;         /* borrowed and held; NULL while idle */
    CpsReady stop_ready;    /* the stop, in the ready ring of rt */
    CpsWait *stop_wait;     /* borrowed: what the stop waits on now, or NULL */
    CpsTimer *hook_timer;   /* while the stop is in an actor's stop(): when that is broken off */
    CpsList blockers;       /* CpsWait of block() and stop() */
    uint64_t runs;          /* starts so far */
    uint64_t stop_deadline; /* uv_hrtime */
} CpsDirector;

int cps_director_setup(PyObject *module, CpsState *state);

/* --- actors (director_actors.c) ------------------------------------------------------------------------------------------- */

/* Make `actor` (borrowed) one of the director's: found by name, started and stopped by it. Returns 0 or -1. */
int cps_director_adopt(CpsDirector *self, CpsActor *actor);

/* Put an actor (borrowed) into the place of log_actor or error_actor. Returns 0 or -1. */
int cps_director_set_log_actor(CpsDirector *self, CpsActor *actor);
int cps_director_set_error_actor(CpsDirector *self, CpsActor *actor);

/* Let what `logger` records also go to logging.getLogger("<log_base>.<name>"), if that is wished. Returns 0 or -1. */
int cps_director_forward_records(CpsDirector *self, CpsLogger *logger, PyObject *name);

/* All actors, the log and the error actor last. New list, or NULL. */
PyObject *cps_director_all_actors(CpsDirector *self);

PyObject *cps_director_register_actor(PyObject *op, PyObject *args, PyObject *kwargs);
PyObject *cps_director_register_log_actor(PyObject *op, PyObject *args, PyObject *kwargs);
PyObject *cps_director_register_error_actor(PyObject *op, PyObject *args, PyObject *kwargs);
PyObject *cps_director_register_metric_actor(PyObject *op, PyObject *args, PyObject *kwargs);
PyObject *cps_director_get_actor(PyObject *op, PyObject *args, PyObject *kwargs);

/* The actor of that name, or None. New, or NULL with an exception set. */
PyObject *cps_director_find_actor(CpsDirector *self, PyObject *name);

/* --- connections (director_connect.c) ------------------------------------------------------------------------------------- */

/* Every actor's default error and log connections; one that fails is printed. Returns 0 or -1. */
int cps_director_connect_defaults(CpsDirector *self);

/* Find the cycles of the graph as it is now. Returns 0 or -1. */
int cps_director_mark_cycles(CpsDirector *self);

PyObject *cps_director_connect_queue(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *cps_director_connect_error_queue(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *cps_director_connect_log_queue(PyObject *self, PyObject *args, PyObject *kwargs);

/* --- life (director_life.c) ----------------------------------------------------------------------------------------------- */

/* Ask for a stop, from anywhere that has the GIL. Does nothing while the director is idle. */
void cps_director_request_stop(CpsDirector *self, CpsStopKind kind);

/* Stop every running director of this thread and wait for it: at the end of the process. Leaves no exception set. */
void cps_directors_end(CpsState *state);

/* Whether this thread's hub runs now, rather than code of the script. */
bool cps_director_hub_runs(void);

/* It is no longer one that was made and not started yet. */
void cps_director_leave_made(CpsDirector *self);

/* The run is over: release the runtime, wake who waits. */
void cps_director_run_end(CpsDirector *self);

/* The stop itself, in director_stop.c: `run` of stop_ready. */
void cps_director_stop_run(CpsReady *ready, CpsRuntime *rt);

/* It has become a stop at once: break off what it waits for. */
void cps_director_stop_sooner(CpsDirector *self);

PyObject *cps_director_start(PyObject *op, PyObject *args, PyObject *kwargs);
PyObject *cps_director_block(PyObject *op, PyObject *unused);
PyObject *cps_director_stop(PyObject *op, PyObject *unused);
PyObject *cps_director_is_running(PyObject *op, PyObject *unused);

/* --- stats.c, picture.c --------------------------------------------------------------------------------------------------- */

PyObject *cps_director_stats(PyObject *op, PyObject *unused);

/* Add the line of an actor, or of a connection, to the diagram, if there is one. Returns 0 or -1. */
int cps_picture_add_actor(CpsDirector *self, CpsActor *actor);
int cps_picture_add_connection(CpsDirector *self, CpsActor *source, CpsActor *destination);

PyObject *cps_picture_finalize(PyObject *op, PyObject *unused);

#endif
