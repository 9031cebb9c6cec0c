/* JSONEventAttributeModifier and HTTPJSONAttributeModifier: set an attribute to what is found in the JSON data of the event. */
#include "actors/modifier.h"

#include "event/lookup.h"

/* --- finding the value ---------------------------------------------------------------------------------------------------- */

/* What the first item that has the path has there; *found NULL when none has it. Returns 0, or -1 with an exception set. */
static int
json_find_in_items(PyObject *list, PyObject *steps, PyObject **found)
{
    int result = 0;

    *found = NULL;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(list); i++) {
        result = cps_find_item(PyList_GET_ITEM(list, i), steps, 0, found);
    }
    return result < 0 ? -1 : 0;
}

/* The same in data of any kind: of a list its items come first, then the list itself, for paths that begin with an index. */
static int
json_find(PyObject *data, PyObject *steps, PyObject **found)
{
    if (PyList_Check(data) && (json_find_in_items(data, steps, found) < 0 || *found != NULL)) {
        return *found == NULL ? -1 : 0;
    }
    return cps_find_item(data, steps, 0, found) < 0 ? -1 : 0;
}

static PyObject *
json_get_modify_value(PyObject *op, PyObject *args, PyObject *kwargs)
{
    CpsModifier *self = (CpsModifier *)op;
    PyObject *event = cps_modifier_event_argument(args, kwargs); /* borrowed */
    PyObject *steps = event == NULL ? NULL : cps_modifier_steps(self, self->value);
    PyObject *data = steps == NULL ? NULL : PyObject_GetAttr(event, cps_state_of(op)->names.data);
    PyObject *found = NULL;
    int result = data == NULL ? -1 : json_find(data, steps, &found);

    Py_XDECREF(steps);
    Py_XDECREF(data);
    if (result < 0) {
        return NULL;
    }
    if (found == NULL || (PyDict_Check(found) && PyDict_GET_SIZE(found) == 0)) {
        Py_XSETREF(found, Py_NewRef(Py_None));
    }
    return found;
}

/* --- the types ------------------------------------------------------------------------------------------------------------ */

enum { SEPARATOR = 1, KEY, VALUE, LOG_CHANGE, PARAMETERS };

static int
json_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "separator", "key", "value", "log_change"};
    PyObject *values[PARAMETERS], *rest_args, *rest_kwargs;
    CpsModifierArgs given;
    int result = -1;

    if (cps_bind("JSONEventAttributeModifier", args, kwargs, names, PARAMETERS, 1, values, &rest_args, &rest_kwargs) <
        0) {
        return -1;
    }
    given = (CpsModifierArgs){values[KEY], values[VALUE], values[LOG_CHANGE], values[SEPARATOR]};
    if (given.value == NULL) {
        PyErr_SetString(PyExc_TypeError, "JSONEventAttributeModifier() missing required argument: 'value'");
    }
    else if (cps_modifier_check_path("value", given.value) == 0) {
        result = cps_modifier_init((CpsModifier *)op, &given, rest_args, rest_kwargs);
    }
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

static int
http_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    if (cps_modifier_init_status(op, "HTTPJSONAttributeModifier", NULL, args, kwargs) < 0) {
        return -1;
    }
    return cps_modifier_check_path("value", ((CpsModifier *)op)->value);
}

PyDoc_STRVAR(
    json_doc,
    "JSONEventAttributeModifier(name, separator='/', key='data', value=..., log_change=False, *args, **kwargs)\n--\n\n"
    "As EventAttributeModifier, with the value that is found in the event's data.\n\n"
    "In and out: JSONEvent.\n\n"
    "value: str, split at the separator, or list of steps: keys of dicts and indexes of lists. When the\n"
    "    data is a list, the first item that has the path counts. Where there is nothing, or {}, the value is\n"
    "    None.");

static PyMethodDef json_methods[] = {CPS_GET_MODIFY_VALUE(json_get_modify_value), {NULL}};

static PyType_Slot json_slots[] = {
    {Py_tp_doc, (void *)json_doc},
    {Py_tp_init, json_init},
    {Py_tp_traverse, cps_modifier_traverse},
    {Py_tp_clear, cps_modifier_clear},
    {Py_tp_dealloc, cps_modifier_dealloc},
    {Py_tp_methods, json_methods},
    {0, NULL},
};

static PyType_Spec json_spec = {
    .name = "compysition.actors.eventattributemodifier.JSONEventAttributeModifier",
    .basicsize = sizeof(CpsModifier),
    .flags = CPS_ACTOR_FLAGS,
    .slots = json_slots,
};

PyDoc_STRVAR(http_doc,
             "HTTPJSONAttributeModifier(name, value, log_change=False, separator='/', *args, **kwargs)\n--\n\n"
             "As JSONEventAttributeModifier, for the status of HTTP events.\n\n"
             "In and out: JSONEvent.\n\n"
             "value: path to a status in the data, in any form that event.status takes.");

static PyType_Slot http_slots[] = {
    {Py_tp_doc, (void *)http_doc},           {Py_tp_init, http_init},
    {Py_tp_traverse, cps_modifier_traverse}, {Py_tp_clear, cps_modifier_clear},
    {Py_tp_dealloc, cps_modifier_dealloc},   {0, NULL},
};

static PyType_Spec http_spec = {
    .name = "compysition.actors.eventattributemodifier.HTTPJSONAttributeModifier",
    .basicsize = sizeof(CpsModifier),
    .flags = CPS_ACTOR_FLAGS,
    .slots = http_slots,
};

int
cps_jsonmodifier_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.JSONEventAttributeModifier, &json_spec,
                     (PyObject *)state->types.EventAttributeModifier) < 0 ||
        cps_set_event_types(state, state->types.JSONEventAttributeModifier, state->types.JSONEvent,
                            state->types.JSONEvent) < 0) {
        return -1;
    }
    return cps_add_type(module, &state->types.HTTPJSONAttributeModifier, &http_spec,
                        (PyObject *)state->types.JSONEventAttributeModifier);
}
