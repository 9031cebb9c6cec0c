/* event.h: the event that travels through a pipeline. One struct for every event class, so that
 * `class X(JSONEvent, HttpEvent)` and user mix-ins have no layout conflict. */
#ifndef CPS_EVENT_EVENT_H
#define CPS_EVENT_EVENT_H

#include "event/eventid.h"
#include "event/lineage.h"
#include "event/payload.h"
#include "module.h"

typedef struct CpsHttpPart CpsHttpPart; /* event/http.h: headers, status, environment, method */
typedef struct CpsLogPart CpsLogPart;   /* event/logevent.h: level, origin_actor, message, id, time */

typedef struct CpsEvent {
    PyObject_HEAD
    PyObject *dict; /* owned: extra attributes; NULL until one is set */
    PyObject *weakrefs;
    CpsPayload *payload;                /* owned; NULL: no data (None) */
    CpsLineage *lineage;                /* owned; NULL until the event is first sent */
    CpsHttpPart *http;                  /* owned; NULL unless an HttpEvent with something other than the defaults */
    CpsLogPart *log;                    /* owned; NULL unless a LogEvent */
    PyObject *event_id;                 /* owned str; NULL while only raw_id is there */
    PyObject *meta_id;                  /* owned; NULL: the same as event_id */
    PyObject *service;                  /* owned; NULL: "default" */
    PyObject *error;                    /* owned; NULL: no error */
    PyObject *created;                  /* owned datetime; NULL while only created_us is there */
    int64_t created_us;                 /* microseconds since the epoch */
    uint8_t raw_id[CPS_EVENT_ID_BYTES]; /* the bits of a uuid4 */
} CpsEvent;

int cps_event_setup(PyObject *module, CpsState *state);

/* type->tp_alloc(type, 0), from memory kept for it if there is some. New, or NULL with MemoryError set. */
PyObject *cps_event_alloc(CpsState *state, PyTypeObject *type);

/* Give the kept memory back. */
void cps_events_free_all(CpsState *state);

/* Every event class inherits the constructor of Event, but for those that write a __new__ of their own. */
static inline bool
cps_event_check(CpsState *state, PyObject *object)
{
    return Py_TYPE(object)->tp_new == state->types.Event->tp_new || PyObject_TypeCheck(object, state->types.Event);
}

/* What the types derived from Event put into their slots. */
int cps_event_init(PyObject *op, PyObject *args, PyObject *kwargs);
int cps_event_traverse(PyObject *op, visitproc visit, void *arg);
int cps_event_clear(PyObject *op);
void cps_event_dealloc(PyObject *op);

/* The argument `name` of a constructor, given by position or by keyword: *value is borrowed, or left alone when absent.
 * Returns 0, or -1 with TypeError set when it is given twice. */
int cps_event_argument(PyObject *args, Py_ssize_t position, PyObject *kwargs, PyObject *name, PyObject **value);

/* Microseconds since the epoch as a local datetime. New, or NULL with an exception set. */
PyObject *cps_event_datetime(CpsState *state, int64_t microseconds);

/* Assign data, converted by the conversion_methods of the event's class. Returns 0, or -1 with an exception set
 * (InvalidEventDataModification when the data does not fit). */
int cps_event_assign_data(CpsState *state, PyObject *event, PyObject *value);

/* Assign data as it is. Returns 0, or -1 with MemoryError set. */
int cps_event_store_data(CpsState *state, PyObject *event, PyObject *value);

/* A copy as every send makes it: same id, same lineage, data shared until somebody could change it. Falls back to
 * copy.deepcopy for classes that define their own copying. New, or NULL with an exception set. */
PyObject *cps_event_copy(CpsState *state, PyObject *event);

/* Whether the caller's reference is the only one, and nobody has a part of the event either: then it can go on itself instead of a
 * copy. */
bool cps_event_is_private(CpsState *state, PyObject *event);

/* The best copy that can be had of an event that cps_event_copy refuses: what cannot be copied is shared.
 * New, or NULL with an exception set. */
PyObject *cps_event_copy_leniently(CpsState *state, PyObject *event);

/* The event's id, rendered on the first call. Borrowed from the event, or NULL with an exception set. */
PyObject *cps_event_id(CpsEvent *self);

/* The bits of the id. Returns false for an id that a script has made and that is none of ours. */
bool cps_event_read_id(CpsEvent *self, uint8_t id[CPS_EVENT_ID_BYTES]);

/* event.meta_id. Borrowed from the event, or NULL with an exception set. */
PyObject *cps_event_meta_id(CpsEvent *self);

/* Set event.error, through an overridden _set_error when the class has one. Strips traceback, context and cause of a raised
 * exception, which would keep the whole flow alive. Returns 0, or -1 with an exception set. */
int cps_event_set_error(CpsState *state, PyObject *event, PyObject *error);

/* event.convert(cls). New, or NULL with an exception set. */
PyObject *cps_event_convert(CpsState *state, PyObject *event, PyTypeObject *cls);
PyObject *cps_event_convert_method(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames);

/* The event as one of the very class `type`, whatever it was, and without data. New, or NULL with an exception set. */
PyObject *cps_event_recast(CpsState *state, PyObject *event, PyTypeObject *type);

/* event.convert(cls), overridden or not: an event of the same lineage. New, or NULL with an exception set (TypeError when an overridden
 * convert() returns no event). */
PyObject *cps_event_call_convert(CpsState *state, PyObject *event, PyTypeObject *cls);

/* cps_event_convert for an event whose data is text that is only to be parsed as XML, but without data: *text (new) is what it becomes when
 * somebody has parsed it. New; NULL without an exception when that is not so, or fails. */
PyObject *cps_event_convert_unparsed(CpsState *state, PyObject *event, PyTypeObject *cls, PyObject **text);

/* event.data_string() and event.error_string(), overridden or not. New, or NULL with an exception set. */
PyObject *cps_event_data_string(CpsState *state, PyObject *event);
PyObject *cps_event_error_string(CpsState *state, PyObject *event);

/* A new LogEvent made now. `origin_actor` and `message` are str; `id` may be NULL. New, or NULL with an exception set. */
PyObject *cps_log_event_new(CpsState *state, int level, PyObject *origin_actor, PyObject *message, PyObject *id);

/* The level of a LogEvent and of anything else (then INFO, 20). */
int cps_log_event_level(PyObject *event);

#endif
