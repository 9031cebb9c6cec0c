#include "wire/wireerror.h"

#include <string.h>

/* An error is a map of these. */
enum {
    FIELD_CLASS,      /* text */
    FIELD_ARGUMENTS,  /* array: its messages; of a built-in exception its args */
    FIELD_ATTRIBUTES, /* map; a code among them */
    FIELD_VALUE,      /* what is no exception, instead of all these */
};

/* ---- classes ---- */

/* One of the classes of 1.1, which are written in Python. Borrowed from their module, or NULL without an exception. */
static PyObject *
old_class(CpsState *state, const char *name)
{
    PyObject *module = PyImport_ImportModule("compysition.errors");
    PyObject *found = module == NULL ? NULL : PyObject_GetAttrString(module, name);
    bool fits = found != NULL && PyExceptionClass_Check(found) &&
                PyType_IsSubtype((PyTypeObject *)found, (PyTypeObject *)state->errors[CPS_EXCEPTION]);

    PyErr_Clear();
    Py_XDECREF(found);
    Py_XDECREF(module);
    return fits ? found : NULL;
}

/* `compysition.errors.name`. Borrowed, or NULL without an exception. */
static PyObject *
own_class(CpsState *state, const char *name)
{
    for (int i = 0; i < CPS_ERROR_COUNT; i++) {
        const char *dotted = ((PyTypeObject *)state->errors[i])->tp_name;
        const char *dot = strrchr(dotted, '.');

        if (strcmp(dot == NULL ? dotted : dot + 1, name) == 0) {
            return state->errors[i];
        }
    }
    return old_class(state, name);
}

/* A built-in exception of that name. Borrowed, or NULL without an exception. */
static PyObject *
builtin_class(const char *name)
{
    PyObject *found = PyDict_GetItemString(PyEval_GetBuiltins(), name); /* borrowed */

    if (found != NULL && PyExceptionClass_Check(found) &&
        PyType_IsSubtype((PyTypeObject *)found, (PyTypeObject *)PyExc_Exception)) {
        return found;
    }
    return NULL;
}

/* The nearest class of the exception that every process knows. Borrowed. */
static PyTypeObject *
known_class(CpsState *state, PyObject *error)
{
    PyObject *mro = Py_TYPE(error)->tp_mro;

    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *base = PyTuple_GET_ITEM(mro, i);
        const char *dotted = ((PyTypeObject *)base)->tp_name, *dot = strrchr(dotted, '.');
        const char *name = dot == NULL ? dotted : dot + 1;

        if (own_class(state, name) == base || builtin_class(name) == base) {
            return (PyTypeObject *)base;
        }
    }
    return (PyTypeObject *)PyExc_Exception;
}

/* ---- out ---- */

static int
pack_class(CpsPacker *packer, PyTypeObject *type)
{
    PyObject *name = PyObject_GetAttrString((PyObject *)type, "__name__");
    int result = name == NULL || cps_pack_uint(packer, FIELD_CLASS) < 0 ? -1 : cps_pack_text(packer, name);

    Py_XDECREF(name);
    return result;
}

/* What the exception was made of: the list of messages, or args. New sequence, or NULL. */
static PyObject *
error_arguments(CpsState *state, PyObject *error)
{
    PyObject *args = cps_error_is(state, error, CPS_EXCEPTION) ? PyObject_GetAttr(error, state->names.message)
                                                               : PyObject_GetAttrString(error, "args");
    PyObject *list = args == NULL ? NULL : PyList_Check(args) || PyTuple_Check(args) ? PySequence_List(args) : NULL;

    if (args != NULL && list == NULL && !PyErr_Occurred()) {
        list = Py_BuildValue("[O]", args); /* a subclass has made something else of it */
    }
    Py_XDECREF(args);
    return list;
}

/* The exception's own attributes. New dict, or NULL. */
static PyObject *
error_attributes(CpsState *state, PyObject *error)
{
    PyObject *own = PyObject_GetAttr(error, state->names.__dict__);
    PyObject *attributes = own == NULL ? NULL : PyDict_Copy(own);

    Py_XDECREF(own);
    return attributes;
}

static int
pack_exception(CpsPacker *packer, PyObject *error)
{
    PyObject *arguments = error_arguments(packer->state, error);
    PyObject *attributes = arguments == NULL ? NULL : error_attributes(packer->state, error);
    int result = -1;

    if (attributes != NULL && cps_pack_map(packer, PyDict_GET_SIZE(attributes) > 0 ? 3 : 2) == 0 &&
        pack_class(packer, known_class(packer->state, error)) == 0 && cps_pack_uint(packer, FIELD_ARGUMENTS) == 0 &&
        cps_pack_value(packer, arguments) == 0) {
        result = PyDict_GET_SIZE(attributes) == 0              ? 0
                 : cps_pack_uint(packer, FIELD_ATTRIBUTES) < 0 ? -1
                                                               : cps_pack_value(packer, attributes);
    }
    Py_XDECREF(attributes);
    Py_XDECREF(arguments);
    return result;
}

int
cps_wire_pack_error(CpsPacker *packer, PyObject *error)
{
    CpsPackMode mode = packer->mode;
    int result;

    packer->mode = CPS_PACK_LENIENT;
    if (PyExceptionInstance_Check(error)) {
        result = pack_exception(packer, error);
    }
    else {
        result =
            cps_pack_map(packer, 1) < 0 || cps_pack_uint(packer, FIELD_VALUE) < 0 ? -1 : cps_pack_value(packer, error);
    }
    packer->mode = mode;
    return result;
}

/* ---- in ---- */

typedef struct {
    PyObject *name, *arguments, *attributes, *value; /* owned; NULL when absent */
} ErrorFields;

static void
fields_free(ErrorFields *fields)
{
    Py_XDECREF(fields->name);
    Py_XDECREF(fields->arguments);
    Py_XDECREF(fields->attributes);
    Py_XDECREF(fields->value);
}

/* Returns 0, or -1 with an exception set. */
static int
read_field(CpsUnpacker *unpacker, ErrorFields *fields)
{
    PyObject **const slots[] = {&fields->name, &fields->arguments, &fields->attributes, &fields->value};
    PyTypeObject *const types[] = {&PyUnicode_Type, &PyList_Type, &PyDict_Type, NULL};
    CpsItem key;
    PyObject *value;

    if (cps_unpack_item(unpacker, &key) < 0) {
        return -1;
    }
    value = cps_unpack_value(unpacker);
    if (value == NULL) {
        return -1;
    }
    if (key.kind != CPS_ITEM_UINT || key.number >= Py_ARRAY_LENGTH(slots)) {
        Py_DECREF(value); /* of a later version */
        return 0;
    }
    if (types[key.number] != NULL && !Py_IS_TYPE(value, types[key.number])) {
        Py_DECREF(value);
        return cps_unpack_refuse(unpacker, "an error with a part of the wrong kind");
    }
    Py_XSETREF(*slots[key.number], value);
    return 0;
}

/* Attributes go into the exception's dict, past any setter. Returns 0, or -1 with an exception set. */
static int
add_attributes(CpsState *state, PyObject *error, PyObject *attributes)
{
    PyObject *own = attributes == NULL ? NULL : PyObject_GetAttr(error, state->names.__dict__);
    int result = attributes == NULL ? 0 : own == NULL ? -1 : PyDict_Update(own, attributes);

    Py_XDECREF(own);
    return result;
}

/* A CompysitionException of class `type` with these messages. New, or NULL. */
static PyObject *
make_own(CpsState *state, PyObject *type, ErrorFields *fields)
{
    PyObject *error = PyObject_CallOneArg(type, fields->arguments);

    if (error != NULL && add_attributes(state, error, fields->attributes) < 0) {
        Py_CLEAR(error);
    }
    return error;
}

/* A built-in exception, or a CompysitionException when its class does not take these arguments. New, or NULL. */
static PyObject *
make_builtin(CpsState *state, PyObject *type, ErrorFields *fields)
{
    PyObject *args = PyList_AsTuple(fields->arguments);
    PyObject *error = args == NULL ? NULL : PyObject_CallObject(type, args);

    Py_XDECREF(args);
    if (error == NULL || !PyObject_TypeCheck(error, (PyTypeObject *)PyExc_Exception)) {
        PyErr_Clear();
        Py_XDECREF(error);
        return make_own(state, state->errors[CPS_EXCEPTION], fields);
    }
    if (add_attributes(state, error, fields->attributes) < 0) {
        Py_CLEAR(error);
    }
    return error;
}

static PyObject *
make_error(CpsUnpacker *unpacker, ErrorFields *fields)
{
    CpsState *state = unpacker->state;
    const char *name = fields->name == NULL ? NULL : PyUnicode_AsUTF8(fields->name);
    PyObject *type;

    if (fields->value != NULL) {
        return Py_NewRef(fields->value);
    }
    if (name == NULL || fields->arguments == NULL) {
        PyErr_Clear();
        (void)cps_unpack_refuse(unpacker, "an error without a class");
        return NULL;
    }
    type = own_class(state, name);
    if (type != NULL) {
        return make_own(state, type, fields);
    }
    type = builtin_class(name);
    return type != NULL ? make_builtin(state, type, fields) : make_own(state, state->errors[CPS_EXCEPTION], fields);
}

PyObject *
cps_wire_unpack_error(CpsUnpacker *unpacker)
{
    ErrorFields fields = {0};
    PyObject *error = NULL;
    CpsItem head;
    uint64_t left;

    if (cps_unpack_item(unpacker, &head) < 0) {
        return NULL;
    }
    if (head.kind != CPS_ITEM_MAP) {
        (void)cps_unpack_refuse(unpacker, "an error that is no map");
        return NULL;
    }
    left = head.number;
    while (left > 0 && read_field(unpacker, &fields) == 0) {
        left--;
    }
    if (left == 0) {
        error = make_error(unpacker, &fields);
    }
    fields_free(&fields);
    return error;
}
