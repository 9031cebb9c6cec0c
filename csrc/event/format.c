#include "event/format.h"

#include "event/event.h"
#include "event/jsonevent.h"
#include "event/xmldata.h"
#include "xml/lxml.h"

CpsFormat
cps_format_of(CpsState *state, PyTypeObject *type)
{
    if (PyType_IsSubtype(type, state->types.JSONFormatInterface)) {
        return CPS_FORMAT_JSON;
    }
    return PyType_IsSubtype(type, state->types.XMLFormatInterface) ? CPS_FORMAT_XML : CPS_FORMAT_PLAIN;
}

/* ---- finding the conversion ---- */

/* 1 and *function new when `methods` has `type`, 0 when not, -1 with an exception set. */
static int
methods_get(PyObject *methods, PyObject *type, PyObject **function)
{
    if (PyDict_Check(methods)) {
        return PyDict_GetItemRef(methods, type, function);
    }
    *function = PyObject_GetItem(methods, type);
    if (*function != NULL) {
        return 1;
    }
    if (!PyErr_ExceptionMatches(PyExc_KeyError)) {
        return -1;
    }
    PyErr_Clear();
    return 0;
}

/* The nearest class that `value` is an instance of: of its own bases first, then of any other class (an abstract one). */
static int
methods_find(PyObject *methods, PyObject *value, PyObject **function)
{
    PyObject *mro = Py_TYPE(value)->tp_mro;
    PyObject *classes, *cls;
    int found = 0;

    for (Py_ssize_t i = 0; found == 0 && i < PyTuple_GET_SIZE(mro); i++) {
        found = methods_get(methods, PyTuple_GET_ITEM(mro, i), function);
    }
    if (found != 0) {
        return found;
    }
    classes = PyObject_GetIter(methods);
    if (classes == NULL) {
        return -1;
    }
    while (found == 0 && (cls = PyIter_Next(classes)) != NULL) {
        found = PyType_Check(cls) ? PyObject_IsInstance(value, cls) : 0;
        if (found > 0) {
            found = methods_get(methods, cls, function);
        }
        Py_DECREF(cls);
    }
    Py_DECREF(classes);
    return PyErr_Occurred() ? -1 : found;
}

/* The default of a defaultdict, or of any other dict with __missing__. */
static int
methods_default(CpsState *state, PyObject *methods, PyObject *value, PyObject **function)
{
    PyObject *missing;
    int found;

    *function = NULL;
    if (PyDict_CheckExact(methods)) {
        return 0;
    }
    found = PyObject_GetOptionalAttr((PyObject *)Py_TYPE(methods), state->names.__missing__, &missing);
    if (found <= 0) {
        return found;
    }
    Py_DECREF(missing);
    *function = PyObject_GetItem(methods, (PyObject *)Py_TYPE(value));
    if (*function == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_KeyError)) {
            return -1;
        }
        PyErr_Clear();
        return 0;
    }
    return 1;
}

/* ---- converting ---- */

PyObject *
cps_format_raise(CpsState *state)
{
    PyObject *error, *text;
    const char *what;

    if (!PyErr_ExceptionMatches(PyExc_Exception)) {
        return NULL; /* KeyboardInterrupt and its like are nobody's data */
    }
    what = PyErr_ExceptionMatches(PyExc_ValueError) ? "Malformed data" : "Unknown error occurred on modification";
    error = PyErr_GetRaisedException();
    text = PyObject_Str(error);
    if (text == NULL) {
        PyErr_Clear();
        text = Py_NewRef(Py_None);
    }
    PyErr_SetRaisedException(error); /* steals */
    cps_raise_from(state, CPS_INVALID_EVENT_DATA_MODIFICATION, "%s: %S", what, text);
    Py_DECREF(text);
    return NULL;
}

/* The function that converts `value` for `event`. New, or NULL with an exception set. */
static PyObject *
conversion_of(CpsState *state, PyObject *event, PyObject *methods, PyObject *value)
{
    PyObject *function;
    int found = methods_find(methods, value, &function);

    if (found == 0) {
        found = methods_default(state, methods, value, &function);
    }
    if (found < 0) {
        return cps_format_raise(state);
    }
    if (found == 0) {
        return cps_raise(state, CPS_INVALID_EVENT_DATA_MODIFICATION,
                         "Data of type '%S' was not valid for event type %S", Py_TYPE(value), Py_TYPE(event));
    }
    return function;
}

/* The kind of data that `value`, which may change, is in an event of this format. */
static CpsDataKind
data_kind(CpsFormat format, PyObject *value)
{
    if (format == CPS_FORMAT_XML) {
        return cps_lxml_is_element(value) ? CPS_DATA_XML : CPS_DATA_OBJECT;
    }
    return format == CPS_FORMAT_JSON ? CPS_DATA_JSON : CPS_DATA_OBJECT;
}

/* New; NULL for None, or with an exception set. */
static CpsPayload *
make_payload(CpsState *state, CpsFormat format, PyObject *value)
{
    return value == Py_None ? NULL : cps_payload_new(state, value, data_kind(format, value));
}

int
cps_event_store_data(CpsState *state, PyObject *event, PyObject *value)
{
    CpsPayload *payload = make_payload(state, cps_format_of(state, Py_TYPE(event)), value);

    if (payload == NULL && PyErr_Occurred()) {
        return -1;
    }
    Py_XSETREF(((CpsEvent *)event)->payload, payload);
    return 0;
}

/* Store what `function` makes of `value`. XML that Python has not seen stays out of its sight. */
static int
store_converted(CpsState *state, PyObject *event, PyObject *function, PyObject *value)
{
    CpsFormat format = cps_format_of(state, Py_TYPE(event));
    CpsPayload *payload;

    if (format == CPS_FORMAT_XML && cps_xml_is_conversion(function)) {
        payload = cps_xml_payload(state, event, value);
    }
    else {
        PyObject *converted = PyObject_CallOneArg(function, value);

        if (converted != NULL && converted != Py_None && format == CPS_FORMAT_JSON &&
            cps_json_is_conversion(function)) {
            payload = cps_payload_private(state, converted, CPS_DATA_JSON);
        }
        else {
            payload = converted == NULL ? NULL : make_payload(state, format, converted);
        }
        Py_XDECREF(converted);
    }
    if (payload == NULL && PyErr_Occurred()) {
        cps_format_raise(state);
        return -1;
    }
    Py_XSETREF(((CpsEvent *)event)->payload, payload);
    return 0;
}

int
cps_event_assign_data(CpsState *state, PyObject *event, PyObject *value)
{
    PyObject *methods = PyObject_GetAttr(event, state->names.conversion_methods);
    CpsPayload *payload; /* borrowed */
    PyObject *function;
    int result;

    if (methods == NULL) {
        return -1;
    }
    if (methods == state->plain_conversions && PyDict_GET_SIZE(methods) == 0) {
        result = cps_event_store_data(state, event, value);
    }
    else {
        function = conversion_of(state, event, methods, value);
        result = function == NULL ? -1 : store_converted(state, event, function, value);
        Py_XDECREF(function);
    }
    Py_DECREF(methods);
    payload = ((CpsEvent *)event)->payload;
    if (result == 0 && payload != NULL) {
        /* a conversion's new value is nobody else's: seen at once, while it is in the cache */
        (void)cps_payload_settle(payload);
    }
    return result;
}

/* ---- set-up ---- */

static PyObject *
format_unchanged(PyObject *module, PyObject *data)
{
    return Py_NewRef(data);
}

static PyMethodDef unchanged_def = {"unchanged", format_unchanged, METH_O,
                                    "unchanged(data, /)\n--\n\nThe data as it is."};

static PyObject *
format_default_conversion(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    return PyCFunction_New(&unchanged_def, NULL);
}

static PyMethodDef default_conversion_def = {"default_conversion", format_default_conversion, METH_NOARGS,
                                             "default_conversion()\n--\n\nThe conversion of plain events."};

PyObject *
cps_format_plain_conversions(PyObject *module)
{
    PyObject *defaultdict = NULL;
    PyObject *factory, *methods;

    if (cps_import(&defaultdict, "collections", "defaultdict") == NULL) {
        return NULL;
    }
    factory = PyCFunction_New(&default_conversion_def, NULL);
    methods = factory == NULL ? NULL : PyObject_CallOneArg(defaultdict, factory);
    Py_XDECREF(factory);
    Py_DECREF(defaultdict);
    return methods;
}

bool
cps_format_is(CpsState *state, PyObject *event, PyObject *conversions)
{
    PyObject *methods = PyObject_GetAttr(event, state->names.conversion_methods);

    PyErr_Clear();
    Py_XDECREF(methods);
    return methods == conversions;
}

int
cps_format_add_conversion(PyObject *methods, PyObject *type, PyMethodDef *def, PyObject *module)
{
    PyObject *function = PyCFunction_New(def, module);
    int result = function == NULL ? -1 : PyDict_SetItem(methods, type, function);

    Py_XDECREF(function);
    return result;
}

int
cps_format_set_text(PyTypeObject *type, const char *name, const char *text)
{
    PyObject *value = PyUnicode_FromString(text);
    int result = value == NULL ? -1 : PyObject_SetAttrString((PyObject *)type, name, value);

    Py_XDECREF(value);
    return result;
}

int
cps_format_add_type(PyObject *module, PyTypeObject **slot, PyType_Spec *spec, PyTypeObject *first, PyTypeObject *second)
{
    PyObject *bases = PyTuple_Pack(2, first, second);
    int result = bases == NULL ? -1 : cps_add_type(module, slot, spec, bases);

    Py_XDECREF(bases);
    return result;
}

static PyType_Slot data_format_slots[] = {
    {Py_tp_doc, "Base of the classes that give events a data format."},
    {0, NULL},
};

static PyType_Spec data_format_spec = {
    .name = "compysition.event.DataFormatInterface",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = data_format_slots,
};

int
cps_format_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.DataFormatInterface, &data_format_spec, NULL);
}
