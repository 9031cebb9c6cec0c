/* eventcopy.h: copies of events; cps_event_copy, which every send calls, is declared in event.h. */
#ifndef CPS_EVENT_EVENTCOPY_H
#define CPS_EVENT_EVENTCOPY_H

#include "module.h"

/* Event.clone, __deepcopy__ and __copy__. */
PyObject *cps_event_clone(PyObject *event, PyObject *unused);
PyObject *cps_event_deepcopy_method(PyObject *event, PyObject *memo);
PyObject *cps_event_shallow_copy(PyObject *event, PyObject *unused);

#endif
