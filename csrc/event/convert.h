/* convert.h: Event.convert; cps_event_convert is declared in event.h. */
#ifndef CPS_EVENT_CONVERT_H
#define CPS_EVENT_CONVERT_H

#include "module.h"

PyObject *cps_event_convert_method(PyObject *event, PyObject *cls);

#endif
