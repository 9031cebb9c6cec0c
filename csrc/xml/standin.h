/* standin.h: classes that stand for lxml's in the keys of conversion_methods, so that lxml need not be imported for them. */
#ifndef CPS_XML_STANDIN_H
#define CPS_XML_STANDIN_H

#include "module.h"

/* Make state->element_class and state->tree_class. Returns 0, or -1 with an exception set. */
int cps_standin_setup(PyObject *module, CpsState *state);

#endif
