/* httpstatus.h: HTTP status tuples: from what users write, and from errors. */
#ifndef CPS_EVENT_HTTPSTATUS_H
#define CPS_EVENT_HTTPSTATUS_H

#include "module.h"

/* Make http_code_map. */
int cps_http_status_setup(PyObject *module, CpsState *state);

/* The tuple (code, reason) that `value` stands for: a tuple (as it is), "404 Not Found", "404-Not Found", "404", 404 or
 * [404, "Not Found"]. New, or NULL with ValueError set. */
PyObject *cps_http_status(CpsState *state, PyObject *value);

/* The entry of http_code_map for the class of `error` or its nearest base that has one. New, or NULL with an exception set. */
PyObject *cps_http_code_entry(CpsState *state, PyObject *error);

#endif
