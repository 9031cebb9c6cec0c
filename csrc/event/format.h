/* format.h: how the data that is assigned to an event becomes the data of its class. */
#ifndef CPS_EVENT_FORMAT_H
#define CPS_EVENT_FORMAT_H

#include "module.h"

typedef enum {
    CPS_FORMAT_PLAIN, /* data of any type */
    CPS_FORMAT_JSON,
} CpsFormat;

int cps_format_setup(PyObject *module, CpsState *state);

/* The format of a class of events, or of any other class. */
CpsFormat cps_format_of(CpsState *state, PyTypeObject *type);

/* Event.conversion_methods: empty, with a default that leaves the data as it is. New, or NULL. */
PyObject *cps_format_plain_conversions(PyObject *module);

/* Set a class attribute to a str. Returns 0, or -1 with an exception set. */
int cps_format_set_text(PyTypeObject *type, const char *name, const char *text);

#endif
