/* parse.h: the parser of requests, for tests in Python. */
#ifndef CPS_HTTP_PARSE_H
#define CPS_HTTP_PARSE_H

#include <Python.h>

/* Add _parse_http. Returns 0, or -1 with an exception set. */
int cps_parse_setup(PyObject *module);

#endif
