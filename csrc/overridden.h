/* overridden.h: attributes that are C fields here. In 1.2.54 constructors set them on the instance, so that nothing of that name in
 * a subclass could hide them. */
#ifndef CPS_OVERRIDDEN_H
#define CPS_OVERRIDDEN_H

#include "module.h"

/* Where the class of `self` has something else under one of `names` than `owner`, set the attribute to what the field holds: on the
 * instance, or through the class's own setter. Returns 0 or -1. */
int cps_set_overridden(PyObject *self, PyTypeObject *owner, PyObject *const *names, size_t count);

#endif
