/* probes.h: private functions of the module, for tests and benchmarks of the parts of HTTP without a server. */
#ifndef CPS_HTTP_PROBES_H
#define CPS_HTTP_PROBES_H

#include "module.h"

/* Add them to the module. Returns 0, or -1 with an exception set. */
int cps_http_probes_setup(PyObject *module);

#endif
