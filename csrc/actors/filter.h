/* filter.h: what a router asks whether an event is for its outboxes. Filters are no actors. */
#ifndef CPS_ACTORS_FILTER_H
#define CPS_ACTORS_FILTER_H

#include "module.h"

typedef struct CpsFilter CpsFilter;

/* Gets the candidate values one by one (borrowed). Returns 1 when it has seen enough, 0 to go on, -1 with an exception set. */
typedef int (*CpsFilterVisit)(PyObject *value, void *context);

/* What a type of filter brings. One static const table per type. */
typedef struct {
    /* Show `visit` the candidates at `scope`. `to_read`: nobody keeps or changes them (see cps_lookup_to_read). Returns what the last
     * visit returned, 0 without any, or -1 with an exception set. */
    int (*candidates)(CpsFilter *self, PyObject *event, PyObject *scope, bool to_read, CpsFilterVisit visit,
                      void *context);
    /* Optional: compiled patterns to use for this event instead of value_regexes. New list, or NULL with an exception set. */
    PyObject *(*regexes)(CpsFilter *self, PyObject *event);
    /* Optional: what is wrong with the filter, so that it will never match. A new str, or NULL when nothing is. */
    PyObject *(*complain)(CpsFilter *self);
    PyCFunction get_value; /* the type's _get_value */
} CpsFilterOps;

struct CpsFilter {
    PyObject_HEAD
    PyObject *dict;          /* owned; NULL until an attribute is set */
    CpsState *state;         /* borrowed */
    const CpsFilterOps *ops; /* of the built-in type */
    PyObject *value_regexes; /* owned list of compiled patterns */
    PyObject *outbox_names;  /* owned list of str */
    PyObject *outboxes;      /* owned list: the queues of that name at the router that was started last */
    PyObject *event_scope;   /* owned tuple of steps */
    PyObject *next_filter;   /* owned, or None */
    PyObject *trouble;       /* owned str: why it could not look at an event, for the router to log; or NULL */
    bool troubled;           /* that has been said once */
    bool plain_matches;      /* no subclass overrides matches() */
    bool plain_regexes;      /* none overrides parse_value_regexes() */
    bool plain_values;       /* none overrides _get_value() */
};

int cps_filter_setup(PyObject *module, CpsState *state);

static inline bool
cps_filter_check(CpsState *state, PyObject *object)
{
    return PyObject_TypeCheck(object, state->types.EventFilter);
}

/* The list of a list or tuple, or of one value; NULL is an empty one. New, or NULL with an exception set. */
PyObject *cps_filter_list(PyObject *value);

/* Whether the event is for the filter: 1, 0, or -1 with an exception set. */
int cps_filter_matches(CpsState *state, PyObject *filter, PyObject *event);

/* EventFilter(regex, outbox_name, scope). New, or NULL with an exception set. */
PyObject *cps_filter_new_for(CpsState *state, PyObject *regex, PyObject *outbox_name, PyObject *scope);

/* --- for types of filters ------------------------------------------------------------------------------------------------- */

#define CPS_FILTER_FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE)

/* A tp_new. */
PyObject *cps_filter_new(PyTypeObject *type, const CpsFilterOps *ops);

/* The EventFilter part of a tp_init: each argument may be NULL. Returns 0, or -1 with an exception set. */
int cps_filter_configure(CpsFilter *self, PyObject *value_regexes, PyObject *outbox_names, PyObject *event_scope,
                         PyObject *next_filter);

/* The patterns of one value or of a list of them, by parse_value_regexes, overridden or not. New list, or NULL with an exception
 * set. */
PyObject *cps_filter_parse_regexes(CpsFilter *self, PyObject *value_regexes);

/* The body of a _get_value: an iterator over the candidates. New, or NULL with an exception set. */
PyObject *cps_filter_iterate(PyObject *op, const CpsFilterOps *ops, PyObject *args, PyObject *kwargs);
#define CPS_FILTER_GET_VALUE(function)                                              \
    {"_get_value", _PyCFunction_CAST(function), METH_VARARGS | METH_KEYWORDS,       \
     "_get_value($self, /, event, event_scope)\n--\n\nAn iterator over the values " \
     "that the regexes are tried on; None matches\nnothing."}

/* The scoped value: what the event has at `scope`. New (None when there is nothing), or NULL with an exception set. */
PyObject *cps_filter_scoped(CpsFilter *self, PyObject *event, PyObject *scope, bool to_read);

/* A str, or a list or tuple of steps, as a tuple. New, or NULL with TypeError set; `name` is the argument's. */
PyObject *cps_filter_steps(PyObject *value, const char *name);

int cps_filter_traverse(PyObject *op, visitproc visit, void *arg);
int cps_filter_clear(PyObject *op);
void cps_filter_dealloc(PyObject *op);

#endif
