/* errorformat.h: errors as clients see them. */
#ifndef CPS_EVENT_ERRORFORMAT_H
#define CPS_EVENT_ERRORFORMAT_H

#include "module.h"

/* The texts of the messages of `error` (any object), those of errors inside it too: a new list, or NULL with an exception
 * set. */
PyObject *cps_error_messages(CpsState *state, PyObject *error);

/* Event.format_error and Event.error_string. */
PyObject *cps_event_format_error_method(PyObject *event, PyObject *unused);
PyObject *cps_event_error_string_method(PyObject *event, PyObject *unused);

/* event.format_error() as JSON text, with str() of what JSON cannot express. New (None without an error), or NULL with an
 * exception set. */
PyObject *cps_errors_as_json(CpsState *state, PyObject *event);

#endif
