/* logger.h: an actor's logger. Records are LogEvents on the actor's log queues; below the level nothing is built. */
#ifndef CPS_FLOW_LOGGER_H
#define CPS_FLOW_LOGGER_H

#include "base/notes.h"
#include "flow/level.h"
#include "flow/pool.h"

typedef struct {
    PyObject_HEAD
    PyObject *dict;             /* owned; may be NULL */
    CpsState *state;            /* borrowed */
    PyObject *name;             /* owned: origin_actor of the records */
    CpsInternalQueuePool *pool; /* owned */
    PyObject *forward;          /* owned: Python logging.Logger that gets the records too, or NULL */
    int level;                  /* records below it are not made */
} CpsLogger;

int cps_logger_setup(PyObject *module, CpsState *state);

PyObject *cps_logger_new(CpsState *state, PyObject *name, CpsInternalQueuePool *pool);

static inline bool
cps_log_enabled(const CpsLogger *logger, int level)
{
    return level >= logger->level;
}

/* Log a message formatted as by PyUnicode_FromFormat; `event` (may be NULL) gives the record's id. Never blocks and never leaves
 * an exception set: a failure to log is reported as unraisable. Keeps an exception that is already set. */
CPS_COLD void cps_log(CpsLogger *logger, int level, PyObject *event, const char *format, ...);

/* The same with a finished message (borrowed str). */
void cps_log_message(CpsLogger *logger, int level, PyObject *event, PyObject *message);

/* Log what was kept, and leave nothing behind. */
void cps_log_notes(CpsLogger *logger, CpsNotes *notes);

#endif
