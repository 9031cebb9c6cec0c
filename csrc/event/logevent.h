/* logevent.h: the events that log records travel in. Cheap to make: texts and dicts wait until they are read. */
#ifndef CPS_EVENT_LOGEVENT_H
#define CPS_EVENT_LOGEVENT_H

#include "event/event.h"

struct CpsLogPart {
    PyObject *level;        /* owned */
    PyObject *origin_actor; /* owned */
    PyObject *message;      /* owned */
    PyObject *id;           /* owned; NULL: None */
    PyObject *time;         /* owned; NULL while only the event's created_us is there */
};

/* Needs the type Event. */
int cps_logevent_setup(PyObject *module, CpsState *state);

/* A part with these (borrowed) values; `id` may be NULL. Owned by the caller, or NULL with MemoryError set. */
CpsLogPart *cps_log_part_new(PyObject *level, PyObject *origin_actor, PyObject *message, PyObject *id);

/* A second part with the same values. Owned by the caller, or NULL with MemoryError set. */
CpsLogPart *cps_log_part_copy(const CpsLogPart *part);

int cps_log_part_traverse(CpsLogPart *part, visitproc visit, void *arg);
void cps_log_part_free(CpsLogPart *part); /* NULL is fine */

/* Give `record`, made from an event that was no log record, what it lacks: level INFO, the event's text as message and its
 * meta_id as id. Returns 0, or -1 with an exception set. */
int cps_log_describe(CpsState *state, CpsEvent *record, PyObject *event);

#endif
