/* queue.h: a named, bounded queue. Consumers are scheduled by it; fibers and threads can wait on it. */
#ifndef CPS_FLOW_QUEUE_H
#define CPS_FLOW_QUEUE_H

#include "base/list.h"
#include "base/ring.h"
#include "event/lineage.h"
#include "loop/wait.h"
#include "module.h"

typedef struct CpsInbox CpsInbox;         /* flow/actor.h */
typedef struct CpsGraphPart CpsGraphPart; /* flow/graph.h */

/* What a put does when the queue is full. */
typedef enum {
    CPS_ON_FULL_BLOCK,    /* wait for room: back-pressure up to the source */
    CPS_ON_FULL_DROP_NEW, /* throw the new one away */
    CPS_ON_FULL_DROP_OLD, /* throw the oldest away */
    CPS_ON_FULL_FAIL,     /* QueueFull, to the sender's error path */
} CpsOnFull;

typedef struct {
    uint64_t in, out, dropped;
    uint64_t highest;   /* greatest depth seen */
    uint64_t sampled;   /* elements whose waiting time was measured */
    uint64_t waited_ns; /* sum over those */
} CpsQueueCounters;

typedef struct CpsQueue {
    PyObject_HEAD
    PyObject *dict; /* owned: attributes set by scripts; may be NULL */
    PyObject *weakrefs;
    CpsState *state;    /* borrowed */
    PyObject *name;     /* owned */
    CpsRing ring;       /* owned references to the elements */
    Py_ssize_t maxsize; /* 0: no limit */
    CpsList putters;    /* CpsWait whose item waits for a place */
    CpsList getters;    /* CpsWait that gets the next element as its item */
    CpsList watchers;   /* CpsWait that looks again after every change */
    CpsList inboxes;    /* CpsInbox.queue_link: the actors that consume this queue, in turn */
    CpsList blocked;    /* CpsPending.link: actors whose sends wait for a place */
    CpsQueueCounters counters;
    uint64_t sample_at;    /* counters.in of the element being measured; 0 when none is */
    uint64_t sample_start; /* uv_hrtime of its put */
    PyObject *also; /* owned list of Queue, or NULL: each gets its own copy of every event that is sent to this one */
    CpsGraphPart *part; /* owned reference: the cycle it runs inside, where a consume never waits; or NULL */
    uint8_t on_full;    /* CpsOnFull */
    bool carries_log;   /* log records: never waits, no lineage */
    bool actors_turn;   /* whether room goes to a CpsPending next, or to a putter */
    bool plain_put;     /* the class does not override put */
    bool plain_get;
} CpsQueue;

int cps_queue_setup(PyObject *module, CpsState *state);

/* A new queue; `name` is borrowed. New, or NULL with an exception set. */
PyObject *cps_queue_new(CpsState *state, PyObject *name, Py_ssize_t maxsize);

/* Count a delivery of the event's lineage and add it. Takes *element_p: it becomes NULL on success. Never waits.
 * Returns 1 done, 0 no room (still the caller's), -1 with an exception set (still the caller's). */
int cps_queue_offer(CpsQueue *queue, PyObject **element_p);

/* The same past any bound, for what must not be lost: a rescued event, an edge inside a cycle. Returns 0 or -1. */
int cps_queue_push(CpsQueue *queue, PyObject **element_p);

/* Who sends, and so what a full queue means. */
typedef enum {
    CPS_SENDER_C,        /* a C consume: never waits */
    CPS_SENDER_C_SOURCE, /* C code outside a consume: never waits either, but keeps to the bound in a cycle */
    CPS_SENDER_CONSUME,  /* a Python consume: waits, but not on an edge inside a cycle */
    CPS_SENDER_SOURCE,   /* anything else: waits */
} CpsSender;

/* What a send does: by the queue's policy add, wait for room, drop, or raise QueueFull. Takes *element_p: it becomes NULL when done
 * (or dropped). Returns 1 done, 0 when a C consume would have to wait (*element_p is still the caller's), -1 with an exception
 * set (still the caller's). */
int cps_queue_send(CpsQueue *queue, PyObject **element_p, CpsSender sender);

/* queue.put(element, timeout): waits at most `seconds` (negative: for ever). Returns 0, or -1 with QueueFull or other set. */
int cps_queue_put(CpsQueue *queue, PyObject *element, double seconds);

/* Remove the oldest element, and let the next one who waits put his. New, or NULL without an exception when there is none. Its
 * delivery goes on: whoever takes an element ends it, and calls cps_queue_left. */
PyObject *cps_queue_take(CpsQueue *queue);

/* queue.get(timeout): the oldest element, waiting at most `seconds` for one (negative: for ever). Its delivery has ended.
 * New, or NULL with QueueEmpty or other set. */
PyObject *cps_queue_get(CpsQueue *queue, double seconds);

/* The oldest element, which stays. New, or NULL with QueueEmpty set. */
PyObject *cps_queue_peek(CpsQueue *queue);

/* What a waiter waits for. */
typedef bool (*CpsQueueTest)(const CpsQueue *queue);

/* Wait until `reached`, at most `seconds` (negative: for ever). Returns 0, 1 when the time is over, or -1. */
int cps_queue_wait_until(CpsQueue *queue, CpsQueueTest reached, double seconds);

/* Wait until there is room, at most `seconds` (negative: for ever). Returns 0, 1 when the time is over, or -1. */
int cps_queue_wait_for_room(CpsQueue *queue, double seconds);

/* The element that was taken no longer counts in the cycle that the queue belongs to, if any. */
void cps_queue_left(CpsQueue *queue);

/* Change the bound; who waited for room gets in. */
void cps_queue_set_maxsize(CpsQueue *queue, Py_ssize_t maxsize);

/* The lineage of an element, or NULL: it is no event, not yet sent, or a log record. Borrowed. */
CpsLineage *cps_queue_lineage(CpsQueue *queue, PyObject *element);

/* Throw everything away; each event ends as reported, in `ledger` when it was put here past all actors. Returns how many there
 * were. */
Py_ssize_t cps_queue_purge(CpsQueue *queue, CpsLedger *ledger);

/* Move all waiting elements to the end of `other`, in order, past its bound. Nothing happens when both are the same. */
int cps_queue_dump(CpsQueue *queue, CpsQueue *other);

static inline Py_ssize_t
cps_queue_length(const CpsQueue *queue)
{
    return (Py_ssize_t)queue->ring.length;
}

static inline bool
cps_queue_full(const CpsQueue *queue)
{
    return queue->maxsize > 0 && cps_queue_length(queue) >= queue->maxsize;
}

#endif
