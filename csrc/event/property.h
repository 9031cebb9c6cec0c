/* property.h: the attributes of events that scripts know as properties and extend as such: @Event.data.setter, or
 * HttpEvent.status.fset(self, value) in a property of their own. */
#ifndef CPS_EVENT_PROPERTY_H
#define CPS_EVENT_PROPERTY_H

#include "module.h"

int cps_property_setup(PyObject *module, CpsState *state);

/* Give `owner` a property for each of `defs`, which ends with a NULL name and lives as long as the process. Returns 0 or -1. */
int cps_property_add(CpsState *state, PyTypeObject *owner, PyGetSetDef *defs);

#endif
