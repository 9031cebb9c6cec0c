/* lineage.h: how every event's end is known.
 *
 * A lineage belongs to an event made by a source and is shared by all copies that fan-out, conversion and joins derive
 * from it. It counts deliveries, not objects: one up when an event is put on a queue, one down when the consume that took
 * it has ended or the queue dropped it. When the count reaches zero, the lineage settles and its source learns how.
 * A ledger adds the lineages up, per director: created = settled + in flight, always.
 *
 * Plain C with plain counters: touched only by threads that hold the GIL. */
#ifndef CPS_EVENT_LINEAGE_H
#define CPS_EVENT_LINEAGE_H

#include "compat.h"

#include <stdint.h>

/* How a delivery, or a whole lineage, ended. In rising order of what a source cares about: of several ends the highest
 * one counts. */
typedef enum {
    CPS_FATE_OPEN,     /* still in flight */
    CPS_FATE_CONSUMED, /* an actor took it, and that was its purpose */
    CPS_FATE_DROPPED,  /* thrown away on purpose: overload policy, router */
    CPS_FATE_FAILED,   /* a consume raised, or the event could not be used */
    CPS_FATE_REPORTED, /* still unfinished when its director stopped, and named in the report */
    CPS_FATE_ANSWERED, /* its source got the answer */
    CPS_FATE_COUNT
} CpsFate;

/* Sums over lineages. Shared by the lineages in it, so it outlives its director. */
typedef struct CpsLedger {
    Py_ssize_t refs;
    uint64_t created;
    uint64_t in_flight;               /* lineages with a delivery under way */
    uint64_t kept;                    /* no delivery under way, but an actor may still hold an event and send it */
    uint64_t settled[CPS_FATE_COUNT]; /* by how they ended */
    void (*on_quiet)(void *context);  /* called when in_flight falls to 0; may be NULL */
    void *context;
} CpsLedger;

enum {
    CPS_LINEAGE_IN_FLIGHT,
    CPS_LINEAGE_KEPT, /* at rest, but somebody may hold an event of it and send it */
    CPS_LINEAGE_SETTLED,
};

typedef struct CpsLineage CpsLineage;

/* What a source wants to hear; both are called with the GIL, from anywhere, and run no user code. A source that does not want to hear
 * more sets lineage->watch to NULL. It needs no reference to the lineage until it is told that it has settled. */
typedef struct {
    /* Once, at the end. When lineage->held, somebody took an event whose answer may come by other ways. */
    void (*on_settled)(CpsLineage *lineage, void *context);
    /* An event of it (borrowed) goes along the error path; its error is set. */
    void (*on_error)(CpsLineage *lineage, PyObject *event, void *context);
} CpsLineageWatch;

struct CpsLineage {
    Py_ssize_t refs;
    Py_ssize_t deliveries;
    CpsLedger *ledger;            /* owned */
    uint8_t worst;                /* highest CpsFate among the ended deliveries */
    uint8_t state;                /* CPS_LINEAGE_... */
    bool held;                    /* a Python consume neither forwarded nor failed: it may have kept the event */
    uint32_t holds;               /* events that C actors keep and will send */
    const CpsLineageWatch *watch; /* of a source that waits for the end; NULL: nobody does, or it has settled */
    void *context;                /* the watcher's */
};

CpsLedger *cps_ledger_new(void); /* new, or NULL with MemoryError set */
void cps_ledger_unref(CpsLedger *ledger);

/* A new lineage in `ledger` with no delivery yet; new, or NULL with MemoryError set. */
CpsLineage *cps_lineage_new(CpsLedger *ledger);

/* Give an event that was put on a queue past all actors a lineage, with that delivery under way: `*lineage_p` is where the event
 * keeps it, and stays when there is one. Returns 0, or -1 with MemoryError set. */
int cps_lineage_adopt(CpsLineage **lineage_p, CpsLedger *ledger);

static inline CpsLineage *
cps_lineage_ref(CpsLineage *lineage)
{
    if (lineage != NULL) {
        lineage->refs++;
    }
    return lineage;
}

/* Drop a reference (NULL is fine). With the last one a kept lineage settles: nobody can send its event any more. */
void cps_lineage_unref(CpsLineage *lineage);

/* A delivery begins: an event of this lineage is on its way to a consume. */
void cps_lineage_deliver(CpsLineage *lineage);

/* A delivery has ended as `fate`. */
void cps_lineage_end(CpsLineage *lineage, CpsFate fate);

/* A delivery has ended in a consume that may have kept the event. */
void cps_lineage_keep(CpsLineage *lineage);

/* An actor keeps an event of it, in C, until it sends or reports it: meanwhile the lineage is kept when it comes to rest. */
void cps_lineage_hold(CpsLineage *lineage);
void cps_lineage_release(CpsLineage *lineage);

/* Note how part of a lineage ended without a delivery of its own ending (an error that has no route, say). */
void cps_lineage_note(CpsLineage *lineage, CpsFate fate);

#endif
