/* logfile.h: log files that are written by the thread pool. A file is shared by all actors of the process that write to it; its
 * records are kept in order, in a buffer, with one write in progress at a time. */
#ifndef CPS_ACTORS_LOGFILE_H
#define CPS_ACTORS_LOGFILE_H

#include "loop/runtime.h"

typedef struct CpsLogFile CpsLogFile;

/* The file at `path` (absolute, as bytes). The first to open it decides on rotation. New, or NULL with an exception set. */
PyObject *cps_logfile_open(CpsState *state, PyObject *path, long long max_bytes, int backup_count);

/* Wait while its buffer is full: call before an append. Blocks the running fiber. Returns 0, or -1 with an exception set. */
int cps_logfile_wait_for_room(CpsLogFile *self, CpsState *state);

/* Append a line (str, borrowed, with its newline). It is written by `rt`'s pool; at once, blocking, when `rt` is NULL. Failures
 * to write are reported on sys.stderr. Returns 0, or -1 with an exception set. */
int cps_logfile_append(CpsLogFile *self, CpsRuntime *rt, PyObject *line);

/* Wait until everything appended so far is written. Blocks the running fiber. Returns 0, or -1 with an exception set. */
int cps_logfile_flush(CpsLogFile *self, CpsState *state);

#endif
