/* flag.h: bool fields of C structs as Python attributes that take anything true or false, as scripts assign it. */
#ifndef CPS_FLOW_FLAG_H
#define CPS_FLOW_FLAG_H

#include "module.h"

/* An entry for tp_getset: the bool `field` of struct `type`. */
#define CPS_FLAG(name, type, field, doc) {name, cps_flag_get, cps_flag_set, doc, (void *)offsetof(type, field)}

PyObject *cps_flag_get(PyObject *self, void *offset);
int cps_flag_set(PyObject *self, PyObject *value, void *offset);

#endif
