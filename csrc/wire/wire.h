/* wire.h: an event as bytes, for other processes: docs/wire-format.rst. What comes in runs no code. */
#ifndef CPS_WIRE_WIRE_H
#define CPS_WIRE_WIRE_H

#include "base/buffer.h"
#include "module.h"

/* How an actor writes and reads events. */
typedef struct {
    PyObject *classes; /* owned dict: name -> event class of the script's own; or NULL */
    size_t limit;      /* bytes of an event that is read */
    bool pickle;       /* by pickle, which runs whatever a peer sends */
} CpsWire;

/* The constructor arguments that go with it, borrowed; NULL for those not given. */
typedef struct {
    PyObject *serializer;      /* "cbor" or "pickle" */
    PyObject *event_classes;   /* sequence of classes */
    PyObject *max_event_bytes; /* int */
} CpsWireArgs;

#define CPS_WIRE_ARGUMENTS "serializer", "event_classes", "max_event_bytes"

/* What every actor that has them says about them. */
#define CPS_WIRE_DOC                                                                                            \
    "serializer: \"cbor\", or \"pickle\": then whoever can send to this actor can run code in this process.\n"  \
    "event_classes: event classes of the script's own that may come; others arrive as the class that they are " \
    "derived from.\n"                                                                                           \
    "max_event_bytes: longer events are refused; 64 MiB by default.\n"

/* Returns 0, or -1 with TypeError or ValueError set. */
int cps_wire_configure(CpsState *state, CpsWire *wire, const CpsWireArgs *given);
int cps_wire_traverse(CpsWire *wire, visitproc visit, void *arg);
void cps_wire_clear(CpsWire *wire);

/* Append `event` to `out`. Returns 0, or -1 with an exception set (TypeError: a part of it has no form; it says which), and `out` as it
 * was. */
int cps_wire_dump(CpsState *state, const CpsWire *wire, PyObject *event, CpsBuffer *out);

/* Whether the bytes begin as an event does. */
bool cps_wire_is_event(const char *bytes, size_t length);

/* Read one. New, or NULL with an exception set: MalformedEventData, which says what is wrong. */
PyObject *cps_wire_load(CpsState *state, const CpsWire *wire, const char *bytes, size_t length);

int cps_wire_setup(PyObject *module, CpsState *state);

#endif
