/* jsonevent.h: the JSON format, and the events that have it. */
#ifndef CPS_EVENT_JSONEVENT_H
#define CPS_EVENT_JSONEVENT_H

#include "module.h"

/* Needs the types Event and HttpEvent. */
int cps_jsonevent_setup(PyObject *module, CpsState *state);

/* json.dumps(value). New, or NULL with an exception set. */
PyObject *cps_json_text(CpsState *state, PyObject *value);

/* json.loads(text), which unlike assigned data may hold NaN. New, or NULL with an exception set. */
PyObject *cps_json_value(CpsState *state, PyObject *text);

/* Whether the function is one that makes the data of JSON events: what it makes is new, and nobody else has any of it. */
bool cps_json_is_conversion(PyObject *function);

/* Whether the event's data_string, which a subclass may override, is that of JSON events: cps_json_text of the data. */
bool cps_json_writes_data(CpsState *state, PyObject *event);

#endif
