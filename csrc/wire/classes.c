/* The classes of events that travel. */
#include "wire/fields.h"

/* The names of the classes that every process knows. */
static const char *const standard_names[] = {"Event",        "JSONEvent", "XMLEvent", "JSONHttpEvent",
                                             "XMLHttpEvent", "HttpEvent", "LogEvent"};

/* Those classes. Borrowed; NULL past the last. */
static PyTypeObject *
standard_class(CpsState *state, size_t index)
{
    PyTypeObject *const types[] = {state->types.Event,         state->types.JSONEvent,    state->types.XMLEvent,
                                   state->types.JSONHttpEvent, state->types.XMLHttpEvent, state->types.HttpEvent,
                                   state->types.LogEvent};

    return index < Py_ARRAY_LENGTH(types) ? types[index] : NULL;
}

const char *
cps_class_name(const PyTypeObject *type)
{
    const char *dot = strrchr(type->tp_name, '.');

    return dot == NULL ? type->tp_name : dot + 1;
}

bool
cps_class_is_standard(CpsState *state, PyTypeObject *type)
{
    PyTypeObject *standard;

    for (size_t i = 0; (standard = standard_class(state, i)) != NULL; i++) {
        if (standard == type) {
            return true;
        }
    }
    return false;
}

static bool
class_is_known(CpsState *state, const CpsWire *wire, PyTypeObject *type)
{
    PyObject *own;

    if (cps_class_is_standard(state, type)) {
        return true;
    }
    own = wire->classes == NULL ? NULL : PyDict_GetItemString(wire->classes, cps_class_name(type)); /* borrowed */
    return own == (PyObject *)type;
}

PyTypeObject *
cps_class_to_send(CpsState *state, const CpsWire *wire, PyObject *event)
{
    PyObject *mro = Py_TYPE(event)->tp_mro;
    PyTypeObject *best = NULL;

    if (class_is_known(state, wire, Py_TYPE(event))) {
        return Py_TYPE(event);
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); i++) {
        PyTypeObject *type = (PyTypeObject *)PyTuple_GET_ITEM(mro, i);

        if (class_is_known(state, wire, type) && (best == NULL || PyType_IsSubtype(type, best))) {
            best = type; /* JSONHttpEvent and what a class of JSONEvent and HttpEvent is derived from */
        }
    }
    return best;
}

PyTypeObject *
cps_class_by_name(CpsState *state, const CpsWire *wire, const char *name, size_t length)
{
    PyObject *text, *own;

    for (size_t i = 0; i < Py_ARRAY_LENGTH(standard_names); i++) {
        if (strlen(standard_names[i]) == length && memcmp(standard_names[i], name, length) == 0) {
            return standard_class(state, i);
        }
    }
    if (wire->classes == NULL) {
        return NULL;
    }
    text = PyUnicode_DecodeUTF8(name, (Py_ssize_t)length, "strict");
    own = text == NULL ? NULL : PyDict_GetItemWithError(wire->classes, text); /* borrowed */
    PyErr_Clear();
    Py_XDECREF(text);
    return (PyTypeObject *)own;
}
