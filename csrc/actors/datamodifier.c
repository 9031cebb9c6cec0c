/* EventDataEventAttributeModifier and EventDataStaticAttributeModifier: make a value the data of the event, under the name of the
 * attribute that gets it too. */
#include "actors/modifier.h"

#include "event/lookup.h"

/* The key as a str. New, or NULL with an exception set. */
static PyObject *
data_key_text(CpsModifier *self)
{
    PyObject *key = cps_field(self->key);

    return PyUnicode_Check(key) ? Py_NewRef(key) : PyUnicode_Join(cps_field(self->separator), key);
}

/* event.data = {key: value}, then the value along the key. Returns 0, or -1 with an exception set. */
static int
data_assign(CpsModifier *self, PyObject *event, PyObject *value)
{
    PyObject *key = data_key_text(self);
    PyObject *data = key == NULL ? NULL : PyDict_New();
    int result = data == NULL || PyDict_SetItem(data, key, value) < 0
                     ? -1
                     : PyObject_SetAttr(event, self->base.state->names.data, data);

    Py_XDECREF(key);
    Py_XDECREF(data);
    return result < 0 ? -1 : cps_modifier_assign(self, event, value);
}

static PyObject *
data_get_key_chain_value(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return cps_modifier_key_chain(op, args, kwargs, data_assign);
}

/* What the event has along the key. Returns 1 with *found new, 0 when there is nothing, -1 with an exception set. */
static int
data_find(PyObject *event, PyObject *steps, PyObject **found)
{
    PyObject *first;
    int result = PyObject_GetOptionalAttr(event, PyTuple_GET_ITEM(steps, 0), &first);

    *found = NULL;
    if (result > 0) {
        result = cps_find_item(first, steps, 1, found);
        Py_DECREF(first);
    }
    return result;
}

static PyObject *
attribute_get_modify_value(PyObject *op, PyObject *args, PyObject *kwargs)
{
    CpsModifier *self = (CpsModifier *)op;
    PyObject *event = cps_modifier_event_argument(args, kwargs); /* borrowed */
    PyObject *steps = event == NULL ? NULL : cps_modifier_steps(self, self->key);
    PyObject *found = NULL;

    if (steps != NULL && data_find(event, steps, &found) == 0) {
        cps_raise(cps_state_of(op), CPS_EVENT_ATTRIBUTE_ERROR, "Event property '%S' does not exist",
                  cps_field(self->key));
    }
    Py_XDECREF(steps);
    return found;
}

PyDoc_STRVAR(
    attribute_doc,
    "EventDataEventAttributeModifier(name, key='data', value={}, log_change=False, separator='/', *args,\n"
    "                                **kwargs)\n--\n\n"
    "Replace the data of each event by {key: the attribute of that name}, and send the event on.\n\n"
    "In and out: Event.\n\n"
    "key: as of EventAttributeModifier. The attribute keeps its value, so 'data' changes nothing.\n"
    "value: not used.\n\n"
    "An event without the attribute fails with EventAttributeError, and one whose class refuses the data with\n"
    "MalformedEventData.");

static PyMethodDef attribute_methods[] = {
    CPS_GET_MODIFY_VALUE(attribute_get_modify_value),
    CPS_GET_KEY_CHAIN_VALUE(data_get_key_chain_value),
    {NULL},
};

static PyType_Slot attribute_slots[] = {
    {Py_tp_doc, (void *)attribute_doc},    {Py_tp_traverse, cps_modifier_traverse}, {Py_tp_clear, cps_modifier_clear},
    {Py_tp_dealloc, cps_modifier_dealloc}, {Py_tp_methods, attribute_methods},      {0, NULL},
};

static PyType_Spec attribute_spec = {
    .name = "compysition.actors.eventattributemodifier.EventDataEventAttributeModifier",
    .basicsize = sizeof(CpsModifier),
    .flags = CPS_ACTOR_FLAGS,
    .slots = attribute_slots,
};

PyDoc_STRVAR(static_doc,
             "EventDataStaticAttributeModifier(name, key='data', value={}, log_change=False, separator='/', *args,\n"
             "                                 **kwargs)\n--\n\n"
             "Set an attribute of each event as EventAttributeModifier does, and replace the data by {key: value}.\n\n"
             "In and out: Event. An event whose class refuses the data fails with MalformedEventData.");

static PyMethodDef static_methods[] = {CPS_GET_KEY_CHAIN_VALUE(data_get_key_chain_value), {NULL}};

static PyType_Slot static_slots[] = {
    {Py_tp_doc, (void *)static_doc},       {Py_tp_traverse, cps_modifier_traverse}, {Py_tp_clear, cps_modifier_clear},
    {Py_tp_dealloc, cps_modifier_dealloc}, {Py_tp_methods, static_methods},         {0, NULL},
};

static PyType_Spec static_spec = {
    .name = "compysition.actors.eventattributemodifier.EventDataStaticAttributeModifier",
    .basicsize = sizeof(CpsModifier),
    .flags = CPS_ACTOR_FLAGS,
    .slots = static_slots,
};

int
cps_datamodifier_setup(PyObject *module, CpsState *state)
{
    PyObject *base = (PyObject *)state->types.EventAttributeModifier;

    return cps_add_type(module, &state->types.EventDataEventAttributeModifier, &attribute_spec, base) < 0
               ? -1
               : cps_add_type(module, &state->types.EventDataStaticAttributeModifier, &static_spec, base);
}
