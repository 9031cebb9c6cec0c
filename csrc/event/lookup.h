/* lookup.h: Event.lookup, which follows a path through attributes, dicts and lists. */
#ifndef CPS_EVENT_LOOKUP_H
#define CPS_EVENT_LOOKUP_H

#include "module.h"

/* What lies at `path` (a str, or a list or tuple of steps) from `start`. New (None when there is nothing), or NULL with an
 * exception set. */
PyObject *cps_lookup(PyObject *start, PyObject *path);

#endif
