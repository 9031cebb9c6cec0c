/* copy.h: deep copies of Python values, in C for the trees of dict, list, tuple, str, numbers, bool and None that events
 * carry, and by copy.deepcopy for everything else. */
#ifndef CPS_EVENT_COPY_H
#define CPS_EVENT_COPY_H

#include "module.h"

/* Whether values of this exact type can be shared between copies: str, bytes, int, float, bool, None, ... */
bool cps_immutable(PyObject *value);

/* What copy.deepcopy(value) gives: aliases and cycles inside the value are kept. New, or NULL with an exception set. */
PyObject *cps_deepcopy(CpsState *state, PyObject *value);

/* What json.loads(json.dumps(value)) gives: tuples become lists, keys become str. New, or NULL with an exception set. */
PyObject *cps_json_copy(CpsState *state, PyObject *value);

#endif
