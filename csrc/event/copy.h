/* copy.h: deep copies of Python values, in C for the trees of dict, list, tuple, str, numbers, bool and None that events
 * carry, and by copy.deepcopy or json for everything else. */
#ifndef CPS_EVENT_COPY_H
#define CPS_EVENT_COPY_H

#include "module.h"

/* The object whose parts are being copied, so that a part that refers back to it gets its copy. */
typedef struct {
    PyObject *source; /* borrowed */
    PyObject *copy;   /* borrowed */
    PyObject *memo;   /* owned: the memo of copy.deepcopy; NULL until one is needed */
} CpsCopyScope;

/* Whether values of this exact type can be shared between copies: str, bytes, int, float, bool, None, ... */
bool cps_immutable(PyObject *value);

/* Whether nobody but the one owner of `value` can reach a mutable part of it: then it can change owners without a copy.
 * With `json`, also whether it is made of what json.loads gives. Values that only Python could tell are not private. */
bool cps_private(PyObject *value, bool json);

/* What copy.deepcopy(value) gives: aliases and cycles inside the value are kept. New, or NULL with an exception set. */
PyObject *cps_deepcopy(CpsState *state, PyObject *value);

/* The same for a part of a larger object. */
PyObject *cps_deepcopy_in(CpsState *state, PyObject *value, CpsCopyScope *scope);

/* What json.loads(json.dumps(value)) gives: tuples become lists, keys become str. New, or NULL with an exception set. */
PyObject *cps_json_copy(CpsState *state, PyObject *value);

#endif
