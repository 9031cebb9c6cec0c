/* fetchprobe.h: a private function of the module, for tests of fetching without XML. */
#ifndef CPS_XML_FETCHPROBE_H
#define CPS_XML_FETCHPROBE_H

#include "compat.h"

/* Add _fetch to the module. Returns 0, or -1 with an exception set. */
int cps_fetch_probe_setup(PyObject *module);

#endif
