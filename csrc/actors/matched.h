/* matched.h: MatchedEvent, what a join has got of one event, inbox by inbox. */
#ifndef CPS_ACTORS_MATCHED_H
#define CPS_ACTORS_MATCHED_H

#include "event/lineage.h"
#include "module.h"

/* An event that waits for the others. */
typedef struct {
    PyObject *inbox;     /* owned */
    PyObject *event;     /* owned */
    CpsLineage *lineage; /* owned reference, and held; NULL when the event has none */
} CpsMatchedPart;

typedef struct {
    PyObject_HEAD
    PyObject *key; /* owned: the name of what is joined */
    PyObject *
        reported; /* owned dict: inbox -> data; -> state->not_given when nothing came; -> the inbox itself when its part
                              has the data. NULL until __init__ */
    CpsMatchedPart *parts; /* owned */
    Py_ssize_t part_count;
    int64_t created_us; /* microseconds since the epoch */
    uint64_t arrived;   /* uv_hrtime */
} CpsMatchedEvent;

/* Whether it is of one of our own classes, whose methods need not be called as methods. */
bool cps_matched_is_plain(CpsState *state, PyObject *matched);

/* Hold `event`, which came from `inbox`. Returns 0, or -1 with MemoryError set. */
int cps_matched_hold(CpsMatchedEvent *self, PyObject *inbox, PyObject *event);

/* Let go of the event that was held last. */
void cps_matched_unhold(CpsMatchedEvent *self);

/* Let go of all events, and of their data. */
void cps_matched_release(CpsMatchedEvent *self);

/* report_inbox(inbox, data) with the data of the event that is held last. Returns 0, or -1 with ResourceConflict or other set. */
int cps_matched_report(CpsMatchedEvent *self, CpsState *state, PyObject *inbox);

/* all_inboxes_reported() */
bool cps_matched_complete(const CpsMatchedEvent *self, const CpsState *state);

/* event.data = joined. Returns 0, or -1 with an exception set. */
int cps_matched_fill(CpsMatchedEvent *self, CpsState *state, PyObject *event);

#endif
