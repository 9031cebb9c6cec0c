#include "event/eventstate.h"

#include "event/event.h"
#include "event/format.h"
#include "event/http.h"
#include "event/jsonevent.h"
#include "event/logevent.h"
#include "event/xmldata.h"

/* ---- from the event ---- */

PyObject *
cps_event_slot_names(CpsState *state, PyObject *event)
{
    PyObject *slotnames;

    if (Py_TYPE(event)->tp_basicsize == (Py_ssize_t)sizeof(CpsEvent)) {
        return PyTuple_New(0);
    }
    slotnames = cps_import(&state->slotnames, "copyreg", "_slotnames"); /* borrowed */
    return slotnames == NULL ? NULL : PyObject_CallOneArg(slotnames, (PyObject *)Py_TYPE(event));
}

/* Nothing for a name that the class has as a property of its own: that keeps its value under another name. */
static int
add_attribute(PyObject *properties, PyObject *event, PyObject *name)
{
    PyObject *descriptor = _PyType_Lookup(Py_TYPE(event), name), *value; /* borrowed, new */
    int result;

    if (descriptor != NULL && PyObject_TypeCheck(descriptor, &PyProperty_Type)) {
        return 0;
    }
    result = PyObject_GetOptionalAttr(event, name, &value);
    if (value != NULL) {
        result = PyDict_SetItem(properties, name, value);
        Py_DECREF(value);
    }
    return result < 0 ? -1 : 0;
}

static int
add_attributes(PyObject *properties, PyObject *event, PyObject *const *names, size_t count)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < count; i++) {
        result = add_attribute(properties, event, names[i]);
    }
    return result;
}

static int
add_slots(CpsState *state, PyObject *properties, PyObject *event)
{
    PyObject *names = cps_event_slot_names(state, event);
    PyObject *sequence = names == NULL ? NULL : PySequence_Fast(names, "__slots__");
    int result = sequence == NULL ? -1
                                  : add_attributes(properties, event, PySequence_Fast_ITEMS(sequence),
                                                   (size_t)PySequence_Fast_GET_SIZE(sequence));

    Py_XDECREF(sequence);
    Py_XDECREF(names);
    return result;
}

/* The dict of all attributes; `data` (borrowed) is what stands for the data, NULL for nothing. New, or NULL. */
static PyObject *
collect(CpsState *state, PyObject *event, PyObject *data)
{
    PyObject *const common[] = {state->names._event_id, state->names.meta_id, state->names.service};
    PyObject *const outcome[] = {state->names._error, state->names.created};
    PyObject *const http[] = {state->names.headers, state->names.method, state->names._status,
                              state->names.environment};
    PyObject *const log[] = {state->names.id, state->names.level, state->names.time, state->names.origin_actor,
                             state->names.message};
    PyObject *extra = ((CpsEvent *)event)->dict; /* borrowed */
    PyObject *properties = PyDict_New();

    if (properties == NULL || add_attributes(properties, event, common, Py_ARRAY_LENGTH(common)) < 0 ||
        (data != NULL && PyDict_SetItem(properties, state->names._data, data) < 0) ||
        add_attributes(properties, event, outcome, Py_ARRAY_LENGTH(outcome)) < 0 ||
        (PyObject_TypeCheck(event, state->types.HttpEvent) &&
         add_attributes(properties, event, http, Py_ARRAY_LENGTH(http)) < 0) ||
        (PyObject_TypeCheck(event, state->types.LogEvent) &&
         add_attributes(properties, event, log, Py_ARRAY_LENGTH(log)) < 0) ||
        add_slots(state, properties, event) < 0 || (extra != NULL && PyDict_Update(properties, extra) < 0)) {
        Py_CLEAR(properties);
    }
    return properties;
}

PyObject *
cps_event_get_properties(PyObject *event, PyObject *unused)
{
    return collect(cps_state_of(event), event, NULL);
}

PyObject *
cps_event_vars(PyObject *event, void *closure)
{
    CpsState *state = cps_state_of(event);
    PyObject *type = cps_import(&state->event_vars, "compysition._eventvars", "EventVars"); /* borrowed */
    PyObject *data = type == NULL ? NULL : PyObject_GetAttr(event, state->names._data);
    PyObject *properties = data == NULL ? NULL : collect(state, event, data);
    PyObject *vars = properties == NULL ? NULL : PyObject_CallFunctionObjArgs(type, event, properties, NULL);

    Py_XDECREF(data);
    Py_XDECREF(properties);
    return vars;
}

/* What stands for the data in a pickle. New, or NULL. */
static PyObject *
saved_data(CpsState *state, PyObject *event)
{
    CpsPayload *payload = ((CpsEvent *)event)->payload;
    PyObject *data;

    if (payload != NULL && payload->kind == CPS_DATA_XML) {
        return cps_event_xml_text(state, event, false);
    }
    data = PyObject_GetAttr(event, state->names._data);
    if (data != NULL && cps_format_of(state, Py_TYPE(event)) == CPS_FORMAT_JSON) {
        Py_SETREF(data, cps_json_text(state, data));
    }
    return data;
}

PyObject *
cps_event_getstate(PyObject *event, PyObject *unused)
{
    CpsState *state = cps_state_of(event);
    PyObject *data = saved_data(state, event);
    PyObject *properties = data == NULL ? NULL : collect(state, event, data);

    Py_XDECREF(data);
    return properties;
}

PyObject *
cps_event_str(PyObject *event)
{
    PyObject *properties = PyObject_CallMethodNoArgs(event, cps_state_of(event)->names.__getstate__);
    PyObject *text = properties == NULL ? NULL : PyObject_Str(properties);

    Py_XDECREF(properties);
    return text;
}

/* copyreg.__newobj__ in every pickle protocol, so that no constructor runs. */
PyObject *
cps_event_reduce(PyObject *event, PyObject *unused)
{
    CpsState *state = cps_state_of(event);
    PyObject *newobj = cps_import(&state->newobj, "copyreg", "__newobj__"); /* borrowed */
    PyObject *properties;

    if (newobj == NULL) {
        return NULL;
    }
    properties = PyObject_CallMethodNoArgs(event, state->names.__getstate__);
    return properties == NULL ? NULL : Py_BuildValue("O(O)N", newobj, Py_TYPE(event), properties);
}

/* ---- back into an event ---- */

/* Data as it was pickled. Unlike assigned text it may hold NaN. */
static int
restore_data(CpsState *state, PyObject *event, PyObject *data)
{
    CpsFormat format = cps_format_of(state, Py_TYPE(event));
    PyObject *methods, *value;
    int result;

    if (format == CPS_FORMAT_PLAIN || !PyUnicode_Check(data)) {
        return cps_event_store_data(state, event, data);
    }
    if (format == CPS_FORMAT_XML) {
        return cps_event_assign_data(state, event, data);
    }
    methods = PyObject_GetAttr(event, state->names.conversion_methods);
    if (methods == NULL) {
        return -1;
    }
    Py_DECREF(methods);
    if (methods != state->json_conversions) {
        return cps_event_assign_data(state, event, data);
    }
    value = cps_json_value(state, data);
    result = value == NULL ? -1 : cps_event_store_data(state, event, value);
    Py_XDECREF(value);
    return result;
}

/* One attribute under the name it was saved by: fields and slots through their descriptors, the rest into the dict. */
static int
restore_attribute(CpsState *state, CpsEvent *self, PyObject *slots, PyObject *name, PyObject *value)
{
    PyObject *descriptor;
    int known;

    if (name == state->names._event_id || name == state->names.created || name == state->names.meta_id ||
        name == state->names.service) {
        return PyObject_SetAttr((PyObject *)self, name, value);
    }
    known = PySequence_Contains(slots, name);
    if (known == 0) {
        if (PyObject_GetOptionalAttr((PyObject *)Py_TYPE(self), name, &descriptor) < 0) {
            return -1;
        }
        known = descriptor != NULL &&
                (Py_IS_TYPE(descriptor, &PyGetSetDescr_Type) || Py_IS_TYPE(descriptor, state->types.Property));
        Py_XDECREF(descriptor);
    }
    if (known != 0) {
        return known < 0 ? -1 : PyObject_SetAttr((PyObject *)self, name, value);
    }
    if (self->dict == NULL && (self->dict = PyDict_New()) == NULL) {
        return -1;
    }
    return PyDict_SetItem(self->dict, name, value);
}

static int
restore_attributes(CpsState *state, CpsEvent *self, PyObject *properties)
{
    PyObject *slots = cps_event_slot_names(state, (PyObject *)self);
    PyObject *key, *value;
    Py_ssize_t position = 0;
    int result = slots == NULL ? -1 : 0;

    while (result == 0 && PyDict_Next(properties, &position, &key, &value)) {
        if (!PyUnicode_Check(key)) {
            PyErr_SetString(PyExc_TypeError, "attribute names must be str");
            result = -1;
            break;
        }
        Py_INCREF(key);
        Py_INCREF(value);
        PyUnicode_InternInPlace(&key);
        if (key != state->names._data && key != state->names._error && key != state->names.headers &&
            key != state->names._status) {
            result = restore_attribute(state, self, slots, key, value);
        }
        Py_DECREF(key);
        Py_DECREF(value);
    }
    Py_XDECREF(slots);
    return result;
}

/* Through _set_error, which a subclass may override. */
static int
restore_error(CpsState *state, PyObject *event, PyObject *properties)
{
    PyObject *error;
    int result = PyDict_GetItemRef(properties, state->names._error, &error);

    if (error != NULL) {
        result = PyObject_SetAttr(event, state->names.error, error);
        Py_DECREF(error);
    }
    return result < 0 ? -1 : 0;
}

/* What the error did to status and headers is replaced by what was saved. */
static int
restore_response(CpsState *state, PyObject *event, PyObject *properties)
{
    PyObject *const names[] = {state->names.headers, state->names._status};

    for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++) {
        PyObject *value;
        int result = PyDict_GetItemRef(properties, names[i], &value);

        if (value != NULL) {
            result = PyObject_SetAttr(event, names[i], value);
            Py_DECREF(value);
        }
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- one by one, for the dict that vars(event) gives ---- */

/* event.__dict__[name] = value: as it is, without a conversion. Returns 0, or -1 with an exception set. */
static int
store_attribute(PyObject *event, PyObject *name, PyObject *value)
{
    PyObject *slots = cps_event_slot_names(cps_state_of(event), event);
    int result = slots == NULL ? -1 : 0;

    if (result == 0 && !PyUnicode_Check(name)) {
        PyErr_SetString(PyExc_TypeError, "attribute names must be str");
        result = -1;
    }
    if (result == 0) {
        Py_INCREF(name);
        PyUnicode_InternInPlace(&name);
        result = restore_attribute(cps_state_of(event), (CpsEvent *)event, slots, name, value);
        Py_DECREF(name);
    }
    Py_XDECREF(slots);
    return result;
}

int
cps_event_set_vars(PyObject *event, PyObject *properties, void *closure)
{
    CpsEvent *self = (CpsEvent *)event;
    PyObject *key, *value;
    Py_ssize_t position = 0;
    int result = 0;

    if (properties == NULL || !PyDict_Check(properties)) {
        PyErr_SetString(PyExc_TypeError, "__dict__ of an event must be set to a dict");
        return -1;
    }
    properties = PyDict_Copy(properties); /* it may be this event's own */
    Py_CLEAR(self->dict);
    while (properties != NULL && result == 0 && PyDict_Next(properties, &position, &key, &value)) {
        result = store_attribute(event, key, value);
    }
    Py_XDECREF(properties);
    return properties == NULL ? -1 : result;
}

/* store_attribute(event, name, value), and without a value the deletion of that attribute. */
static PyObject *
event_store_attribute(PyObject *module, PyObject *args)
{
    CpsState *state = PyModule_GetState(module);
    PyObject *event, *name, *value = NULL; /* borrowed */
    CpsEvent *self;
    int result;

    if (!PyArg_ParseTuple(args, "O!U|O:_store_attribute", state->types.Event, &event, &name, &value)) {
        return NULL;
    }
    self = (CpsEvent *)event;
    if (value != NULL) {
        result = store_attribute(event, name, value);
    }
    else if (self->dict != NULL && PyDict_Contains(self->dict, name) == 1) {
        result = PyDict_DelItem(self->dict, name);
    }
    else {
        result = PyObject_DelAttr(event, name);
    }
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef eventstate_functions[] = {
    {"_store_attribute", event_store_attribute, METH_VARARGS, NULL},
    {NULL},
};

int
cps_eventstate_setup(PyObject *module)
{
    return PyModule_AddFunctions(module, eventstate_functions);
}

PyObject *
cps_event_setstate(PyObject *event, PyObject *properties)
{
    CpsState *state = cps_state_of(event);
    PyObject *data;
    int result;

    if (!PyDict_Check(properties)) {
        return PyErr_Format(PyExc_TypeError, "the state of an event is a dict, not %.200s",
                            Py_TYPE(properties)->tp_name);
    }
    if (restore_attributes(state, (CpsEvent *)event, properties) < 0) {
        return NULL;
    }
    result = PyDict_GetItemRef(properties, state->names._data, &data);
    if (data != NULL) {
        result = restore_data(state, event, data);
        Py_DECREF(data);
    }
    if (result < 0 || restore_error(state, event, properties) < 0 || restore_response(state, event, properties) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}
