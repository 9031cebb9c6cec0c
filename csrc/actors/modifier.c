/* EventAttributeModifier, EventAttributeLookupModifier and HTTPStatusModifier: set one attribute of each event, or a place
 * inside it. */
#include "actors/modifier.h"

#include "event/copy.h"
#include "event/event.h"

PyObject *
cps_modifier_steps(CpsModifier *self, PyObject *path)
{
    PyObject *steps;

    path = cps_field(path);
    steps = PyUnicode_Check(path) ? PyUnicode_Split(path, cps_field(self->separator), -1) : Py_NewRef(path);
    if (steps != NULL) {
        Py_SETREF(steps, PySequence_Tuple(steps));
    }
    if (steps != NULL && PyTuple_GET_SIZE(steps) == 0) {
        Py_CLEAR(steps);
        PyErr_SetString(PyExc_ValueError, "the path is empty");
    }
    return steps;
}

/* --- assigning along a key ------------------------------------------------------------------------------------------------ */

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
    Py_ssize_t last = PyTuple_GET_SIZE(steps) - 1;
    PyObject *node = modifier_first_node(event, PyTuple_GET_ITEM(steps, 0));
    int result = -1;

    for (Py_ssize_t i = 1; node != NULL && i < last; i++) {
        if (modifier_check_node(self, event, node) < 0) {
            Py_CLEAR(node);
        }
        else {
            Py_SETREF(node, modifier_next_node(node, PyTuple_GET_ITEM(steps, i)));
        }
    }
    if (node != NULL && modifier_check_node(self, event, node) == 0) {
        result = PyObject_SetItem(node, PyTuple_GET_ITEM(steps, last), value);
    }
    Py_XDECREF(node);
    return result;
}

int
cps_modifier_assign(CpsModifier *self, PyObject *event, PyObject *value)
{
    PyObject *steps = cps_modifier_steps(self, self->key);
    int result;

    if (steps == NULL) {
        return -1;
    }
    result = PyTuple_GET_SIZE(steps) == 1 ? PyObject_SetAttr(event, PyTuple_GET_ITEM(steps, 0), value)
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

int
cps_modifier_check_path(const char *parameter, PyObject *path)
{
    if (PyUnicode_Check(path) || PyList_Check(path) || PyTuple_Check(path)) {
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "%s must be a str or a list of steps, not %.100s", parameter, Py_TYPE(path)->tp_name);
    return -1;
}

/* Take the arguments. Returns 0, or -1 with an exception set. */
static int
modifier_take(CpsModifier *self, const CpsModifierArgs *given)
{
    PyObject *key = given->key, *separator = given->separator;

    key = key == NULL ? self->base.state->names.data : key == Py_None ? self->base.name : key;
    if (cps_modifier_check_path("key", key) < 0) {
        return -1;
    }
    if (separator != NULL && (!PyUnicode_Check(separator) || PyUnicode_GET_LENGTH(separator) == 0)) {
        PyErr_SetString(PyExc_ValueError, "separator must be a str that is not empty");
        return -1;
    }
    cps_take_object(&self->key, key);
    Py_XSETREF(self->value, given->value == NULL ? PyDict_New() : Py_NewRef(given->value));
    Py_XSETREF(self->separator, separator == NULL ? PyUnicode_FromString("/") : Py_NewRef(separator));
    self->log_change = false;
    return self->value == NULL || self->separator == NULL ? -1 : cps_take_flag(&self->log_change, given->log_change);
}

int
cps_modifier_init(CpsModifier *self, const CpsModifierArgs *given, PyObject *args, PyObject *kwargs)
{
    return cps_actor_init(&self->base, &modifier_ops, args, kwargs) < 0 ? -1 : modifier_take(self, given);
}

enum { KEY = 1, VALUE, LOG_CHANGE, SEPARATOR, PARAMETERS };

int
cps_modifier_init_common(PyObject *op, const char *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "key", "value", "log_change", "separator"};
    PyObject *values[PARAMETERS], *rest_args, *rest_kwargs;
    CpsModifierArgs given;
    int result;

    if (cps_bind(type, args, kwargs, names, PARAMETERS, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    given = (CpsModifierArgs){values[KEY], values[VALUE], values[LOG_CHANGE], values[SEPARATOR]};
    result = cps_modifier_init((CpsModifier *)op, &given, rest_args, rest_kwargs);
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

static int
modifier_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return cps_modifier_init_common(op, "EventAttributeModifier", args, kwargs);
}

int
cps_modifier_init_status(PyObject *op, const char *type, PyObject *value, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "value", "log_change", "separator"};
    CpsModifier *self = (CpsModifier *)op;
    PyObject *values[4], *rest_args, *rest_kwargs;
    CpsModifierArgs given;
    int result;

    if (cps_bind(type, args, kwargs, names, 4, value == NULL ? 2 : 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    given =
        (CpsModifierArgs){cps_state_of(op)->names.status, values[1] == NULL ? value : values[1], values[2], values[3]};
    result = cps_modifier_init(self, &given, rest_args, rest_kwargs);
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

static int
status_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return cps_modifier_init_status(op, "HTTPStatusModifier", cps_state_of(op)->default_status, args, kwargs);
}

PyObject *
cps_modifier_event_argument(PyObject *args, PyObject *kwargs)
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

    if (cps_modifier_event_argument(args, kwargs) == NULL) {
        return NULL;
    }
    return cps_deepcopy(cps_state_of(op), cps_field(self->value));
}

static PyObject *
lookup_get_modify_value(PyObject *op, PyObject *args, PyObject *kwargs)
{
    PyObject *event = cps_modifier_event_argument(args, kwargs); /* borrowed */

    return event == NULL ? NULL
                         : PyObject_CallMethodOneArg(event, cps_state_of(op)->names.lookup,
                                                     cps_field(((CpsModifier *)op)->value));
}

PyObject *
cps_modifier_key_chain(PyObject *op, PyObject *args, PyObject *kwargs, CpsModifierAssign assign)
{
    static char *names[] = {"event", "value", NULL};
    PyObject *event, *value; /* borrowed */

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO:get_key_chain_value", names, &event, &value) ||
        assign((CpsModifier *)op, event, value) < 0) {
        return NULL;
    }
    return Py_NewRef(event);
}

static PyObject *
modifier_get_key_chain_value(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return cps_modifier_key_chain(op, args, kwargs, cps_modifier_assign);
}

int
cps_modifier_traverse(PyObject *op, visitproc visit, void *arg)
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

int
cps_modifier_clear(PyObject *op)
{
    modifier_clear_own((CpsModifier *)op);
    return cps_actor_clear(op);
}

void
cps_modifier_dealloc(PyObject *op)
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

static PyMethodDef modifier_methods[] = {
    CPS_CONSUME_METHOD,
    CPS_GET_MODIFY_VALUE(modifier_get_modify_value),
    CPS_GET_KEY_CHAIN_VALUE(modifier_get_key_chain_value),
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
    CPS_DICT,
    CPS_FLAG("log_change", CpsModifier, log_change, "Log each change (bool)."),
    {NULL},
};

static PyType_Slot modifier_slots[] = {
    {Py_tp_doc, (void *)modifier_doc}, {Py_tp_init, modifier_init},           {Py_tp_traverse, cps_modifier_traverse},
    {Py_tp_clear, cps_modifier_clear}, {Py_tp_dealloc, cps_modifier_dealloc}, {Py_tp_methods, modifier_methods},
    {Py_tp_members, modifier_members}, {Py_tp_getset, modifier_getset},       {0, NULL},
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
    CPS_GET_MODIFY_VALUE(lookup_get_modify_value),
    {NULL},
};

static PyType_Slot lookup_slots[] = {
    {Py_tp_doc, (void *)lookup_doc},       {Py_tp_traverse, cps_modifier_traverse}, {Py_tp_clear, cps_modifier_clear},
    {Py_tp_dealloc, cps_modifier_dealloc}, {Py_tp_methods, lookup_methods},         {0, NULL},
};

static PyType_Spec lookup_spec = {
    .name = "compysition.actors.eventattributemodifier.EventAttributeLookupModifier",
    .basicsize = sizeof(CpsModifier),
    .flags = CPS_ACTOR_FLAGS,
    .slots = lookup_slots,
};

PyDoc_STRVAR(status_doc,
             "HTTPStatusModifier(name, value=(200, 'OK'), log_change=False, separator='/', *args, **kwargs)\n--\n\n"
             "As EventAttributeModifier, for the status of HTTP events.\n\n"
             "In and out: Event.\n\n"
             "value: a status in any form that event.status takes: (200, 'OK'), '200 OK', 200.");

static PyType_Slot status_slots[] = {
    {Py_tp_doc, (void *)status_doc},         {Py_tp_init, status_init},
    {Py_tp_traverse, cps_modifier_traverse}, {Py_tp_clear, cps_modifier_clear},
    {Py_tp_dealloc, cps_modifier_dealloc},   {0, NULL},
};

static PyType_Spec status_spec = {
    .name = "compysition.actors.eventattributemodifier.HTTPStatusModifier",
    .basicsize = sizeof(CpsModifier),
    .flags = CPS_ACTOR_FLAGS,
    .slots = status_slots,
};

int
cps_modifier_setup(PyObject *module, CpsState *state)
{
    PyObject *base;

    if (cps_add_type(module, &state->types.EventAttributeModifier, &modifier_spec, (PyObject *)state->types.Actor) <
        0) {
        return -1;
    }
    base = (PyObject *)state->types.EventAttributeModifier;
    return cps_add_type(module, &state->types.EventAttributeLookupModifier, &lookup_spec, base) < 0
               ? -1
               : cps_add_type(module, &state->types.HTTPStatusModifier, &status_spec, base);
}
