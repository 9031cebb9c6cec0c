/* xmlevent.h: the XML format, and the events that have it. */
#ifndef CPS_EVENT_XMLEVENT_H
#define CPS_EVENT_XMLEVENT_H

#include "module.h"

/* The classes that stand for lxml's; before the formats, whose conversion_methods name them. */
int cps_xmlevent_prepare(PyObject *module, CpsState *state);

/* Needs the types Event and HttpEvent. */
int cps_xmlevent_setup(PyObject *module, CpsState *state);

#endif
