/* eventstate.h: the attributes of an event as a dict, for get_properties, vars, str and pickling. */
#ifndef CPS_EVENT_EVENTSTATE_H
#define CPS_EVENT_EVENTSTATE_H

#include "module.h"

/* Event.get_properties, __dict__, __getstate__, __setstate__, __reduce__ and __str__. */
PyObject *cps_event_get_properties(PyObject *event, PyObject *unused);
PyObject *cps_event_vars(PyObject *event, void *closure);
int cps_event_set_vars(PyObject *event, PyObject *properties, void *closure);
PyObject *cps_event_getstate(PyObject *event, PyObject *unused);
PyObject *cps_event_setstate(PyObject *event, PyObject *properties);
PyObject *cps_event_reduce(PyObject *event, PyObject *unused);
PyObject *cps_event_str(PyObject *event);

/* What Python code beside the event needs of this. Returns 0 or -1. */
int cps_eventstate_setup(PyObject *module);

/* The names of the __slots__ that the class of `event` and its bases added: a new list or tuple, empty in most cases; or NULL
 * with an exception set. */
PyObject *cps_event_slot_names(CpsState *state, PyObject *event);

#endif
