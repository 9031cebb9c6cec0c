/* format.h: how the data that is assigned to an event becomes the data of its class. */
#ifndef CPS_EVENT_FORMAT_H
#define CPS_EVENT_FORMAT_H

#include "module.h"

typedef enum {
    CPS_FORMAT_PLAIN, /* data of any type */
    CPS_FORMAT_JSON,
    CPS_FORMAT_XML,
} CpsFormat;

int cps_format_setup(PyObject *module, CpsState *state);

/* The format of a class of events, or of any other class. */
CpsFormat cps_format_of(CpsState *state, PyTypeObject *type);

/* Whether the conversion_methods of `event` are these: then data is assigned as the format does it by itself, and Python need not see
 * it on its way. */
bool cps_format_is(CpsState *state, PyObject *event, PyObject *conversions);

/* Add `type` -> a function of `def` on `module` to conversion_methods. Returns 0, or -1 with an exception set. */
int cps_format_add_conversion(PyObject *methods, PyObject *type, PyMethodDef *def, PyObject *module);

/* Event.conversion_methods: empty, with a default that leaves the data as it is. New, or NULL. */
PyObject *cps_format_plain_conversions(PyObject *module);

/* Raise what assigning data raises, for the exception that is set now. Returns NULL always. */
PyObject *cps_format_raise(CpsState *state);

/* Set a class attribute to a str. Returns 0, or -1 with an exception set. */
int cps_format_set_text(PyTypeObject *type, const char *name, const char *text);

/* Make the type of `spec` with two bases. Returns 0, or -1 with an exception set. */
int cps_format_add_type(PyObject *module, PyTypeObject **slot, PyType_Spec *spec, PyTypeObject *first,
                        PyTypeObject *second);

#endif
