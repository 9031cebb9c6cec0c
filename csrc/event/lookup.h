/* lookup.h: Event.lookup, which follows a path through attributes, dicts and lists. */
#ifndef CPS_EVENT_LOOKUP_H
#define CPS_EVENT_LOOKUP_H

#include "module.h"

/* What lies at `path` (a str, or a list or tuple of steps) from `start`. New (None when there is nothing), or NULL with an
 * exception set. */
PyObject *cps_lookup(PyObject *start, PyObject *path);

/* The same with a tuple of steps from an event, for code that only reads: its data need not be copied or counted as handed out. What
 * is found must not reach Python code that could keep or change it. */
PyObject *cps_lookup_to_read(CpsState *state, PyObject *event, PyObject *steps);

/* The same with a tuple of steps through dicts and lists alone. */
PyObject *cps_lookup_item(PyObject *start, PyObject *steps);

/* The same without the first `done` steps. Returns 1 with *found new, 0 when there is nothing (*found NULL), -1 with an exception
 * set. */
int cps_find_item(PyObject *start, PyObject *steps, Py_ssize_t done, PyObject **found);

/* Whether `steps` is a tuple that leads to the event's data, which its class does not make something else of. */
bool cps_lookup_is_data(CpsState *state, PyObject *event, PyObject *steps);

#endif
