/* http.h: the part of an event that belongs to an HTTP request and its response. */
#ifndef CPS_EVENT_HTTP_H
#define CPS_EVENT_HTTP_H

#include "event/event.h"

/* A zero-filled part means the defaults. */
struct CpsHttpPart {
    CpsPayload *headers;     /* owned; NULL: {} */
    CpsPayload *environment; /* owned; NULL: {} */
    PyObject *method;        /* owned; NULL: None */
    PyObject *status;        /* owned; NULL: (200, "OK") */
};

/* Needs the type Event. */
int cps_http_setup(PyObject *module, CpsState *state);

/* The part of `event`, made when it has none. Borrowed from the event, or NULL with MemoryError set. */
CpsHttpPart *cps_http_part(CpsEvent *event);

int cps_http_part_traverse(CpsHttpPart *part, visitproc visit, void *arg);
void cps_http_part_free(CpsHttpPart *part); /* NULL is fine */

/* Give `copy` what `source` has, with the very same headers and environment. Returns 0, or -1 with MemoryError set. */
int cps_http_alias(CpsState *state, CpsEvent *copy, CpsEvent *source);

/* event.environment[key], of any event that has such a dict. New (never None); NULL without an exception when there is none, or with one
 * set. */
PyObject *cps_http_environment_item(CpsState *state, PyObject *event, PyObject *key);

/* Set status and headers from http_code_map if `error` is an exception. Returns 0, or -1 with an exception set. */
int cps_http_apply_error(CpsState *state, PyObject *event, PyObject *error);

#endif
