/* EventAttributeModifier and EventAttributeLookupModifier: set one attribute of each event, or a place inside it. */
#include "actors/actors.h"

#include "event/copy.h"
#include "event/event.h"

typedef struct {
    CpsActor base;
    PyObject *key;       /* owned: str, split at the separator, or a sequence of steps */
    PyObject *value;     /* owned */
    PyObject *separator; /* owned str */
    bool log_change;
} CpsModifier;

/* --- assigning along a key ------------------------------------------------------------------------------------------------ */

/* The steps of the key. New list or tuple, or NULL with an exception set. */
static PyObject *
modifier_steps(CpsModifier *self)
{
    PyObject *key = cps_field(self->key), *steps;

    steps = PyUnicode_Check(key) ? PyUnicode_Split(key, cps_field(self->separator), -1) : PySequence_Tuple(key);
    if (steps != NULL && PySequence_Fast_GET_SIZE(steps) == 0) {
        Py_CLEAR(steps);
        PyErr_SetString(PyExc_ValueError, "the key is empty");
    }
    return steps;
}

/* event.<name>, set to {} first when it is missing or false. It is read again after that, because the event may keep something
 * else than what it is given. New, or NULL with an exception set. */
static PyObject *
modifier_first_node(PyObject *event, PyObject *name)
{
    PyObject *node, *empty;
    int truth;

    if (PyObject_GetOptionalAttr(event, name, &node) < 0) {
        return NULL;
    }
    truth = node == NULL ? 0 : PyObject_IsTrue(node);
    if (truth != 0) {
        if (truth < 0) {
            Py_CLEAR(node);
        }
        return node;
    }
    Py_XDECREF(node);
    empty = PyDict_New();
    truth = empty == NULL ? -1 : PyObject_SetAttr(event, name, empty);
    Py_XDECREF(empty);
    return truth < 0 ? NULL : PyObject_GetAttr(event, name);
}

/* node[step], made {} when it is missing. New, or NULL with an exception set. */
static PyObject *
modifier_next_node(PyObject *node, PyObject *step)
{
    PyObject *child;

    if (PyDict_GetItemRef(node, step, &child) != 0) {
        return child;
    }
    child = PyDict_New();
    if (child != NULL && PyObject_SetItem(node, step, child) < 0) {
        Py_CLEAR(child);
    }
    return child;
}

/* Returns 0, or -1 with an exception set, and logged, when `node` cannot be entered. */
static int
modifier_check_node(CpsModifier *self, PyObject *event, PyObject *node)
{
    if (PyDict_Check(node)) {
        return 0;
    }
    PyErr_Format(PyExc_ValueError, "Unable to follow key chain. Ran into non-dict value of '%S'", node);
    cps_log(self->base.logger, CPS_LOG_ERROR, event, "Unable to follow key chain. Ran into non-dict value of '%S'",
            node);
    return -1;
}

/* event.<steps[0]>[steps[1]]... = value. Returns 0, or -1 with an exception set. */
static int
modifier_assign_nested(CpsModifier *self, PyObject *event, PyObject *steps, PyObject *value)
{
    Py_ssize_t last = PySequence_Fast_GET_SIZE(steps) - 1;
    PyObject *node = modifier_first_node(event, PySequence_Fast_GET_ITEM(steps, 0));
    int result = -1;

    for (Py_ssize_t i = 1; node != NULL && i < last; i++) {
        if (modifier_check_node(self, event, node) < 0) {
            Py_CLEAR(node);
        }
        else {
            Py_SETREF(node, modifier_next_node(node, PySequence_Fast_GET_ITEM(steps, i)));
        }
    }
    if (node != NULL && modifier_check_node(self, event, node) == 0) {
        result = PyObject_SetItem(node, PySequence_Fast_GET_ITEM(steps, last), value);
    }
    Py_XDECREF(node);
    return result;
}

static int
modifier_assign(CpsModifier *self, PyObject *event, PyObject *value)
{
    PyObject *steps = modifier_steps(self);
    int result;

    if (steps == NULL) {
        return -1;
    }
    result = PySequence_Fast_GET_SIZE(steps) == 1 ? PyObject_SetAttr(event, PySequence_Fast_GET_ITEM(steps, 0), value)
                                                  : modifier_assign_nested(self, event, steps, value);
    Py_DECREF(steps);
    return result;
}

/* --- consume -------------------------------------------------------------------------------------------------------------- */

/* Replace the exception that is set by MalformedEventData(<it>), unless it is none that an event can have. */
static void
modifier_raise_malformed(CpsState *state)
{
    PyObject *cause, *error;

    if (!cps_ordinary_error()) {
        return;
    }
    cause = PyErr_GetRaisedException();
    error = PyObject_CallOneArg(state->errors[CPS_MALFORMED_EVENT_DATA], cause);
    if (error == NULL) {
        Py_DECREF(cause);
        return;
    }
    PyException_SetCause(error, cause); /* steals */
    PyErr_SetRaisedException(error);    /* steals */
}

/* The event to send, after the assignment by a method that subclasses may replace. New, or NULL with an exception set. */
static PyObject *
modifier_modified(CpsModifier *self, PyObject *event, PyObject *value)
{
    CpsState *state = self->base.state;
    PyObject *arguments[] = {(PyObject *)self, event, value};
    PyObject *result = PyObject_VectorcallMethod(state->names.get_key_chain_value, arguments,
                                                 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);

    if (result == NULL) {
        modifier_raise_malformed(state);
    }
    else if (result == Py_None) { /* changed in place */
        Py_SETREF(result, Py_NewRef(event));
    }
    return result;
}

static int
modifier_consume(CpsActor *actor, CpsInbox *inbox, PyObject *event)
{
    CpsModifier *self = (CpsModifier *)actor;
    PyObject *value, *modified;
    int result = -1;

    value = PyObject_CallMethodOneArg((PyObject *)self, actor->state->names.get_modify_value, event);
    if (value == NULL) {
        return -1;
    }
    if (self->log_change) {
        cps_log(actor->logger, CPS_LOG_INFO, event, "Changed event.%S to %S", cps_field(self->key), value);
    }
    modified = modifier_modified(self, event, value);
    if (modified != NULL) {
        result = cps_actor_send(actor, modified);
        Py_DECREF(modified);
    }
    Py_DECREF(value);
    return result;
}

static const CpsActorOps modifier_ops = {.consume = modifier_consume};

/* --- the types ------------------------------------------------------------------------------------------------------------ */

enum { KEY = 1, VALUE, LOG_CHANGE, SEPARATOR, PARAMETERS };

/* Returns 0, or -1 with an exception set. */
static int
modifier_check_key(PyObject *key)
{
    if (PyUnicode_Check(key) || PyList_Check(key) || PyTuple_Check(key)) {
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "key must be a str or a list of steps, not %.100s", Py_TYPE(key)->tp_name);
    return -1;
}

/* Take the arguments; values[0] is the actor's name. Returns 0, or -1 with an exception set. */
static int
modifier_configure(CpsModifier *self, PyObject *const *values)
{
    PyObject *key = values[KEY], *value = values[VALUE], *separator = values[SEPARATOR];

    key = key == NULL ? self->base.state->names.data : key == Py_None ? values[0] : key;
    if (modifier_check_key(key) < 0) {
        return -1;
    }
    if (separator != NULL && (!PyUnicode_Check(separator) || PyUnicode_GET_LENGTH(separator) == 0)) {
        PyErr_SetString(PyExc_ValueError, "separator must be a str that is not empty");
        return -1;
    }
    cps_take_object(&self->key, key);
    Py_XSETREF(self->value, value == NULL ? PyDict_New() : Py_NewRef(value));
    Py_XSETREF(self->separator, separator == NULL ? PyUnicode_FromString("/") : Py_NewRef(separator));
    self->log_change = false;
    return self->value == NULL || self->separator == NULL ? -1 : cps_take_flag(&self->log_change, values[LOG_CHANGE]);
}

static int
modifier_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "key", "value", "log_change", "separator"};
    CpsModifier *self = (CpsModifier *)op;
    PyObject *values[PARAMETERS], *rest_args, *rest_kwargs;
    int result;

    if (cps_bind("EventAttributeModifier", args, kwargs, names, PARAMETERS, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    result = cps_actor_init(&self->base, &modifier_ops, rest_args, rest_kwargs);
    if (result == 0) {
        result = modifier_configure(self, values);
    }
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

/* The event that get_modify_value is called with. Borrowed, or NULL with TypeError set. */
static PyObject *
modifier_event_argument(PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"event", NULL};
    PyObject *event = NULL; /* borrowed */

    return PyArg_ParseTupleAndKeywords(args, kwargs, "O:get_modify_value", names, &event) ? event : NULL;
}

/* A copy, so that an event that is changed later does not change the others. */
static PyObject *
modifier_get_modify_value(PyObject *op, PyObject *args, PyObject *kwargs)
{
    CpsModifier *self = (CpsModifier *)op;

    if (modifier_event_argument(args, kwargs) == NULL) {
        return NULL;
    }
    return cps_deepcopy(cps_state_of(op), cps_field(self->value));
}

static PyObject *
lookup_get_modify_value(PyObject *op, PyObject *args, PyObject *kwargs)
{
    PyObject *event = modifier_event_argument(args, kwargs); /* borrowed */

    return event == NULL ? NULL
                         : PyObject_CallMethodOneArg(event, cps_state_of(op)->names.lookup,
                                                     cps_field(((CpsModifier *)op)->value));
}

static PyObject *
modifier_get_key_chain_value(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"event", "value", NULL};
    PyObject *event, *value; /* borrowed */

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO:get_key_chain_value", names, &event, &value) ||
        modifier_assign((CpsModifier *)op, event, value) < 0) {
        return NULL;
    }
    return Py_NewRef(event);
}

static int
modifier_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsModifier *self = (CpsModifier *)op;

    Py_VISIT(self->key);
    Py_VISIT(self->value);
    Py_VISIT(self->separator);
    return cps_actor_traverse(op, visit, arg);
}

static void
modifier_clear_own(CpsModifier *self)
{
    Py_CLEAR(self->key);
    Py_CLEAR(self->value);
    Py_CLEAR(self->separator);
}

static int
modifier_clear(PyObject *op)
{
    modifier_clear_own((CpsModifier *)op);
    return cps_actor_clear(op);
}

static void
modifier_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    modifier_clear_own((CpsModifier *)op);
    cps_actor_dealloc(op);
}

PyDoc_STRVAR(modifier_doc,
             "EventAttributeModifier(name, key='data', value={}, log_change=False, separator='/', *args,\n"
             "                       **kwargs)\n--\n\n"
             "Set an attribute of each event, or a place inside it, and send the event on.\n\n"
             "In and out: Event.\n\n"
             "key: str, split at the separator, or a list of steps; None means the actor's name. The first step\n"
             "    is an attribute of the event, made {} when it is missing or false; the others are keys of\n"
             "    dicts, which are made where they are missing.\n"
             "value: what to set; every event gets a copy of its own.\n"
             "log_change: bool. Log 'Changed event.<key> to <value>' at INFO.\n"
             "separator: str between the steps of the key; not empty.\n\n"
             "Subclasses may replace get_modify_value and get_key_chain_value. An assignment that fails raises\n"
             "MalformedEventData, which becomes the event's error: a step that is no dict, data that the event's\n"
             "type refuses, an invalid status.");

PyDoc_STRVAR(get_modify_value_doc, "get_modify_value($self, event)\n--\n\n"
                                   "The value to set on this event.");

PyDoc_STRVAR(get_key_chain_value_doc, "get_key_chain_value($self, event, value)\n--\n\n"
                                      "Set the value along the key, and return the event to send.");

static PyMethodDef modifier_methods[] = {
    CPS_CONSUME_METHOD,
    {"get_modify_value", _PyCFunction_CAST(modifier_get_modify_value), METH_VARARGS | METH_KEYWORDS,
     get_modify_value_doc},
    {"get_key_chain_value", _PyCFunction_CAST(modifier_get_key_chain_value), METH_VARARGS | METH_KEYWORDS,
     get_key_chain_value_doc},
    {NULL},
};

static PyMemberDef modifier_members[] = {
    CPS_ACTOR_MEMBERS,
    {"key", T_OBJECT_EX, offsetof(CpsModifier, key), 0, "Where to set it (str or list)."},
    {"value", T_OBJECT_EX, offsetof(CpsModifier, value), 0, "What to set (any object)."},
    {"separator", T_OBJECT_EX, offsetof(CpsModifier, separator), 0, "Between steps (str)."},
    {NULL},
};

static PyGetSetDef modifier_getset[] = {
    CPS_ACTOR_DICT,
    CPS_FLAG("log_change", CpsModifier, log_change, "Log each change (bool)."),
    {NULL},
};

static PyType_Slot modifier_slots[] = {
    {Py_tp_doc, (void *)modifier_doc}, {Py_tp_init, modifier_init},       {Py_tp_traverse, modifier_traverse},
    {Py_tp_clear, modifier_clear},     {Py_tp_dealloc, modifier_dealloc}, {Py_tp_methods, modifier_methods},
    {Py_tp_members, modifier_members}, {Py_tp_getset, modifier_getset},   {0, NULL},
};

static PyType_Spec modifier_spec = {
    .name = "compysition.actors.eventattributemodifier.EventAttributeModifier",
    .basicsize = sizeof(CpsModifier),
    .flags = CPS_ACTOR_FLAGS,
    .slots = modifier_slots,
};

PyDoc_STRVAR(lookup_doc,
             "EventAttributeLookupModifier(name, key='data', value={}, log_change=False, separator='/', *args,\n"
             "                             **kwargs)\n--\n\n"
             "As EventAttributeModifier, with the value that event.lookup(value) finds.\n\n"
             "In and out: Event.\n\n"
             "value: str (one step) or list of steps; a step that is missing gives None.");

static PyMethodDef lookup_methods[] = {
    {"get_modify_value", _PyCFunction_CAST(lookup_get_modify_value), METH_VARARGS | METH_KEYWORDS,
     get_modify_value_doc},
    {NULL},
};

static PyType_Slot lookup_slots[] = {
    {Py_tp_doc, (void *)lookup_doc},   {Py_tp_traverse, modifier_traverse}, {Py_tp_clear, modifier_clear},
    {Py_tp_dealloc, modifier_dealloc}, {Py_tp_methods, lookup_methods},     {0, NULL},
};

static PyType_Spec lookup_spec = {
    .name = "compysition.actors.eventattributemodifier.EventAttributeLookupModifier",
    .basicsize = sizeof(CpsModifier),
    .flags = CPS_ACTOR_FLAGS,
    .slots = lookup_slots,
};

int
cps_modifier_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.EventAttributeModifier, &modifier_spec, (PyObject *)state->types.Actor) <
        0) {
        return -1;
    }
    return cps_add_type(module, &state->types.EventAttributeLookupModifier, &lookup_spec,
                        (PyObject *)state->types.EventAttributeModifier);
}
