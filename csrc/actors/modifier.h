/* modifier.h: what the attribute modifiers have in common: a value, and a key that it is assigned along. */
#ifndef CPS_ACTORS_MODIFIER_H
#define CPS_ACTORS_MODIFIER_H

#include "actors/actors.h"

typedef struct {
    CpsActor base;
    PyObject *key;       /* owned: str, split at the separator, or a sequence of steps */
    PyObject *value;     /* owned */
    PyObject *separator; /* owned str */
    bool log_change;
} CpsModifier;

/* What a constructor was given; borrowed, NULL when absent. */
typedef struct {
    PyObject *key, *value, *log_change, *separator;
} CpsModifierArgs;

/* The rest of a tp_init: check and store the arguments; `args` and `kwargs` are for Actor. Returns 0, or -1 with an exception set. */
int cps_modifier_init(CpsModifier *self, const CpsModifierArgs *given, PyObject *args, PyObject *kwargs);

/* A whole tp_init of (name, key, value, log_change, separator). Returns 0, or -1 with an exception set. */
int cps_modifier_init_common(PyObject *op, const char *type, PyObject *args, PyObject *kwargs);

/* A whole tp_init of (name, value, log_change, separator) with the key "status"; `value` is the default, NULL for none. */
int cps_modifier_init_status(PyObject *op, const char *type, PyObject *value, PyObject *args, PyObject *kwargs);

/* Slots of all subtypes. */
int cps_modifier_traverse(PyObject *op, visitproc visit, void *arg);
int cps_modifier_clear(PyObject *op);
void cps_modifier_dealloc(PyObject *op);

/* Whether a path is a str, list or tuple. Returns 0, or -1 with TypeError set that names the parameter. */
int cps_modifier_check_path(const char *parameter, PyObject *path);

/* The steps of a path, by the separator when it is a str; at least one. New tuple, or NULL with an exception set. */
PyObject *cps_modifier_steps(CpsModifier *self, PyObject *path);

/* Assign along the key. Returns 0, or -1 with an exception set. */
typedef int (*CpsModifierAssign)(CpsModifier *self, PyObject *event, PyObject *value);
int cps_modifier_assign(CpsModifier *self, PyObject *event, PyObject *value);

/* The method get_key_chain_value(event, value), by `assign`. New reference to the event, or NULL with an exception set. */
PyObject *cps_modifier_key_chain(PyObject *op, PyObject *args, PyObject *kwargs, CpsModifierAssign assign);

/* The argument of get_modify_value(event). Borrowed, or NULL with TypeError set. */
PyObject *cps_modifier_event_argument(PyObject *args, PyObject *kwargs);

/* Entries for the methods of a subtype. */
#define CPS_GET_MODIFY_VALUE(function)                                              \
    {"get_modify_value", _PyCFunction_CAST(function), METH_VARARGS | METH_KEYWORDS, \
     "get_modify_value($self, event)\n--\n\nThe value to set on this event."}
#define CPS_GET_KEY_CHAIN_VALUE(function)                                              \
    {"get_key_chain_value", _PyCFunction_CAST(function), METH_VARARGS | METH_KEYWORDS, \
     "get_key_chain_value($self, event, value)\n--\n\nSet the value along the key, and return the event to send."}

#endif
