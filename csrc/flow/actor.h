/* actor.h: the base of all actors: its queues, its consumers, its life. Sending is in send.c, taking in consume.c. */
#ifndef CPS_FLOW_ACTOR_H
#define CPS_FLOW_ACTOR_H

#include "flow/logger.h"
#include "flow/pool.h"
#include "flow/queue.h"
#include "loop/runtime.h"

typedef struct CpsActor CpsActor;
typedef struct CpsConsume CpsConsume; /* flow/consume.h */

/* What a built-in actor brings. One static const table per type, set at the start of its tp_init. */
typedef struct {
    /* Take one event (borrowed). Returns 0, or -1 with an exception set, which takes the event's error path. Must not block:
     * cps_actor_send keeps what a full queue refuses, and the actor sleeps until it is gone. A type that has it lists
     * CPS_CONSUME_METHOD in its methods; a Python subclass that overrides consume is called instead. */
    int (*consume)(CpsActor *self, CpsInbox *inbox, PyObject *event);
    /* Optional. Called instead of consume for an event that comes from a queue: when the work is worth it, begins a job by
     * cps_job_start (flow/job.h) and returns 1 (also when it has done everything itself), else 0: consume is called. -1 with an exception set. */
    int (*start_job)(CpsActor *self, CpsConsume *consume);
    /* Optional, beside start_job: the event is one whose text must first be parsed as XML. Begins a job that parses `text` too, and then
     * replaces the event by `converted` (cps_consume_replace). Both are stolen. Returns 1, 0 when the event is to be converted as usual, or
     * -1 with an exception set. */
    int (*start_text_job)(CpsActor *self, CpsConsume *consume, PyObject *converted, PyObject *text);
    /* Optional, for sources. Called after pre_hook; returns 0, or -1 with an exception set. */
    int (*start_source)(CpsActor *self);
    /* Optional, for sources that stop when they are held back (cps_actor_held_back): they may go on. With the GIL, and from anywhere: it must
     * run no user code. */
    void (*resume)(CpsActor *self);
    /* Optional. No new events from now on; called before the drain. Must be safe to call twice. */
    void (*stop_source)(CpsActor *self);
    /* Optional, for actors that hold events until others come: nothing more will come. Cancels its timers and sends what it holds
     * along the error path; returns whether there was something. May block where cps_actor_fail does. */
    bool (*give_up)(CpsActor *self);
    /* Optional, for actors that go on with events after their consumes: how many there are. Each is a delivery of its lineage; with `give_up`
     * they end as reported. A stop waits until there are none (cps_actor_note_rest), and then gives them up. */
    Py_ssize_t (*unfinished)(CpsActor *self, bool give_up);
    /* Optional. It has ended, after post_hook: close what it has on the loop. Must be safe to call twice. */
    void (*close)(CpsActor *self);
    /* Optional, for actors that work in nodes of their own: whether `node` is one of them. They count as running. */
    bool (*runs)(const CpsActor *self, const CpsReady *node);
    /* Optional, for those that have something of which there is but one: several processes are going to run the actor. Returns 0, or -1 with an
     * exception set. */
    int (*share)(CpsActor *self);
    bool exports;     /* its consume hands events to another process, from where answers may come by other ways */
    bool takes_any;   /* events that cannot be converted to its input are consumed as they are */
    bool sends_apart; /* what it sends is no result of its consumes: what a full queue refuses does not hold them up */
    bool may_end;     /* often the last actor of a flow: an outbox without connection is not worth a log line */
} CpsActorOps;

/* A queue that an actor consumes. */
struct CpsInbox {
    CpsReady ready;     /* first: in the ready ring while there is work and the actor may take it */
    CpsActor *actor;    /* borrowed: the actor owns its inboxes */
    CpsQueue *queue;    /* owned */
    PyObject *key;      /* owned: its name in pool.inbound */
    CpsLink queue_link; /* in CpsQueue.inboxes */
    CpsLink actor_link; /* in CpsActor.inboxes, in the order of connection */
    Py_ssize_t running; /* consumes of its events under way */
    CpsGraphPart *gate; /* owned reference: the cycle that its events enter, or NULL; see flow/graph.h */
    CpsLink gate_link;  /* in CpsGraphPart.gates */
};

/* An event that a C actor sent to a full queue. */
typedef struct {
    CpsLink link;       /* in CpsQueue.blocked */
    CpsLink actor_link; /* in CpsActor.pending */
    CpsActor *actor;    /* borrowed */
    CpsQueue *queue;    /* owned */
    PyObject *event;    /* owned */
} CpsPending;

typedef struct {
    uint64_t in, out, errors, dropped, unrouted, rescued;
    uint64_t sampled;    /* consumes whose time was measured */
    uint64_t working_ns; /* sum over those */
} CpsActorCounters;

struct CpsActor {
    PyObject_HEAD
    PyObject *dict; /* owned; for built-in actors, whose types declare it; else NULL */
    PyObject *weakrefs;
    CpsState *state;              /* borrowed */
    const CpsActorOps *ops;       /* NULL for actors written in Python */
    CpsRuntime *rt;               /* borrowed; set while started */
    CpsLedger *ledger;            /* owned: where its new lineages are counted */
    PyObject *name;               /* owned */
    CpsQueuePool *pool;           /* owned */
    CpsLogger *logger;            /* owned */
    PyObject *threads;            /* owned: RestartPool */
    PyObject *blockdiag_config;   /* owned dict */
    PyObject *input_types;        /* owned tuple; NULL until started */
    PyObject *output_types;       /* owned tuple; NULL until started */
    PyObject *required;           /* owned sequence of names, or NULL */
    PyTypeObject *accepted;       /* borrowed: type of the last event that was found to be of an input type */
    PyTypeObject *emitted;        /* borrowed: the same for output */
    CpsList inboxes;              /* CpsInbox.actor_link */
    CpsList pending;              /* CpsPending.actor_link */
    CpsList blockers;             /* CpsWait of callers of block() */
    CpsList resters;              /* CpsWait of those who wait until it is at rest */
    CpsGraphPart *part;           /* owned reference: the cycle that it is part of, or NULL */
    CpsLink source_link;          /* in CpsGraphPart.sources, if ops->resume is there */
    Py_ssize_t graph_index;       /* scratch of cps_graph_mark */
    Py_ssize_t size, concurrency; /* concurrency 0: no limit */
    Py_ssize_t running;           /* consumes under way */
    CpsList retries;              /* rescued events that wait for their second; see failed.c */
    CpsList jobs;                 /* CpsJob.link */
    int jobs_running;             /* those that the thread pool has */
    uint64_t work_ns;             /* what their work takes, on the average of late; 0: unknown */
    long max_rescue;
    bool blocking_consume, rescue;
    bool c_consume;          /* ops->consume is what runs */
    bool own_send, own_fail; /* a script has overridden send_event, send_error */
    bool initialised;        /* the constructor of Actor was called */
    bool started, loop_ended, stopped;
    bool takes;          /* may begin to consume: it was started, and no stop breaks off what runs */
    bool busy;           /* takes no event for now: whoever sets it clears it, and calls cps_actor_schedule */
    bool named_unrouted; /* the missing outbox was logged */
    bool default_errors; /* its error queue is the one that a director connects when a script connects none */
    CpsActorCounters counters;
};

int cps_actor_setup(PyObject *module, CpsState *state);

static inline bool
cps_actor_check(CpsState *state, PyObject *object)
{
    return PyObject_TypeCheck(object, state->types.Actor);
}

/* --- for built-in actors ------------------------------------------------------------------------------------------------- */

/* Entries for a built-in type: {"consume", ...} in its methods and the offset of its instance dict in its members. */
PyObject *cps_actor_consume_method(PyObject *op, PyObject *const *args, Py_ssize_t count, PyObject *kwnames);
#define CPS_CONSUME_METHOD                                                                  \
    {"consume", _PyCFunction_CAST(cps_actor_consume_method), METH_FASTCALL | METH_KEYWORDS, \
     "consume($self, event, *args, **kwargs)\n--\n\nTake one event."}
#define CPS_ACTOR_MEMBERS {"__dictoffset__", T_PYSSIZET, offsetof(CpsActor, dict), READONLY, NULL}

/* The Actor part of a tp_init: `args` are (name, size, ...) and what the subclass did not use itself. Returns 0 or -1. */
int cps_actor_init(CpsActor *self, const CpsActorOps *ops, PyObject *args, PyObject *kwargs);

/* Slots that a subtype with fields of its own calls from its own. */
int cps_actor_traverse(PyObject *op, visitproc visit, void *arg);
int cps_actor_clear(PyObject *op);
void cps_actor_dealloc(PyObject *op);

/* Set blockdiag_config["shape"]. Returns 0 or -1. */
int cps_actor_set_shape(CpsActor *self, const char *shape);

/* --- between actor.c, send.c and consume.c --------------------------------------------------------------------------------- */

/* `cached` if there is one, else the attribute `name` (input or output) as a tuple of classes. New, or NULL. */
PyObject *cps_actor_types(CpsActor *self, PyObject *cached, PyObject *name);

/* Read the arguments of a METH_FASTCALL | METH_KEYWORDS method into `values` (borrowed; NULL when not given); the first name is
 * obligatory. Returns 0, or -1 with TypeError set. */
int cps_actor_parse_call(const char *method, PyObject *const *args, Py_ssize_t count, PyObject *kwnames,
                         const char *const *names, Py_ssize_t limit, PyObject **values);

PyObject *cps_actor_send_event_method(PyObject *op, PyObject *const *args, Py_ssize_t count, PyObject *kwnames);
PyObject *cps_actor_send_error_method(PyObject *op, PyObject *const *args, Py_ssize_t count, PyObject *kwnames);

/* --- sending (send.c) ----------------------------------------------------------------------------------------------------- */

/* `event` to each outbound queue / each error queue: copies, or itself when the caller has the only reference, so the caller does not
 * change it afterwards. In a C consume nothing blocks; elsewhere it waits for room. Returns 0, or -1 with an exception set. */
int cps_actor_send(CpsActor *self, PyObject *event);
int cps_actor_send_error(CpsActor *self, PyObject *event);

/* The same to the `count` queues, which the caller keeps alive. */
int cps_actor_send_to(CpsActor *self, PyObject *event, PyObject *const *queues, Py_ssize_t count);

/* The consume that is under way throws its event away on purpose: its lineage settles as dropped. */
void cps_actor_drop(CpsActor *self, PyObject *event);

/* Set event.error to `exc` (borrowed) and send it along the error path. What goes wrong is logged. Returns 0, or -1 with what is no
 * ordinary error: whoever waits there for room is being ended. */
int cps_actor_fail(CpsActor *self, PyObject *event, PyObject *exc);

/* The queue has taken the event of `pending` (borrowed until now): free it, and let the actor go on when it was the last. */
void cps_pending_done(CpsPending *pending);

/* --- consuming (consume.c) -------------------------------------------------------------------------------------------------- */

/* Consume `queue` under the name `key` in pool.inbound. Returns 0 or -1. */
int cps_actor_add_inbox(CpsActor *self, PyObject *key, CpsQueue *queue);

/* Put the inbox into the ready ring if it has work that may be done now. */
void cps_inbox_schedule(CpsInbox *inbox);

/* All of them: the actor was started, or may take more. */
void cps_actor_schedule(CpsActor *self);

/* Let go of an inbox (at the end, or when its queue was replaced). */
void cps_inbox_free(CpsInbox *inbox);

/* --- life (actor.c) ----------------------------------------------------------------------------------------------------------- */

/* start() and stop() as methods, overridden or not. 0 or -1. */
int cps_actor_start(CpsActor *self);
int cps_actor_stop(CpsActor *self);

/* First half of a stop: loop() becomes false, sources stop. Safe to call twice. */
void cps_actor_end_loop(CpsActor *self);

/* Have it give up the events that it holds until others come. Returns whether there were some. */
bool cps_actor_give_up(CpsActor *self);

/* What ops->unfinished says; 0 without it. */
Py_ssize_t cps_actor_unfinished(CpsActor *self, bool give_up);

/* Nothing queued, running, unfinished, pending or waiting for a retry. */
bool cps_actor_at_rest(CpsActor *self);

/* Something has ended that may have been the last: wake who waits for the actor's rest, if it is at rest. */
void cps_actor_note_rest(CpsActor *self);

/* Of a source: an event that it sent still waits for room, or the cycle that it is part of holds as many as it may. */
bool cps_actor_held_back(const CpsActor *self);

/* A source may send again, perhaps: let it go on. */
void cps_actor_resume(CpsActor *self);

/* Throw away what it could not send yet, and what waits for a retry. The count. */
Py_ssize_t cps_actor_purge_own(CpsActor *self);

/* Throw away what is queued in its inboxes, pending and waiting for a retry, ending each lineage as reported. The count. */
Py_ssize_t cps_actor_purge(CpsActor *self);

/* pool.inbound[key] and the others are changed by connecting (connect.c). `kind` is "outbound", "error" or "logs". */
typedef enum { CPS_KIND_OUTBOUND, CPS_KIND_ERROR, CPS_KIND_LOGS } CpsQueueKind;

/* Connect one queue by the rules of the four combinations. Names are str; `check_existing` raises QueueConnected instead of
 * sharing. `destination_name` already has its error_ or log_ prefix. Returns the queue (borrowed from the pool), or NULL. */
CpsQueue *cps_connect(CpsActor *source, PyObject *source_name, CpsActor *destination, PyObject *destination_name,
                      CpsQueueKind kind, bool check_existing);

/* actor.register_consumer(name, queue), overridden or not. Returns 0 or -1. */
int cps_register_consumer(CpsActor *actor, PyObject *name, PyObject *queue);

#endif
