#include "event/copy.h"

/* Deeper values go to copy.deepcopy, which raises RecursionError where C would overrun its stack. */
enum { DEPTH_LIMIT = 1000 };

typedef struct {
    PyObject *root;      /* borrowed */
    PyObject *root_copy; /* borrowed */
    PyObject *memo;      /* owned: address of a container -> its copy; NULL until a shared one is met */
    int depth;
} Copier;

/* How often a container inside a half-made copy is referred to when nobody else has it: by the original and by the clone. */
enum { OWN_REFERENCES = 2 };

bool
cps_immutable(PyObject *value)
{
    return PyUnicode_CheckExact(value) || value == Py_None || PyLong_CheckExact(value) || PyBool_Check(value) ||
           PyFloat_CheckExact(value) || PyBytes_CheckExact(value) || PyComplex_CheckExact(value) ||
           value == Py_Ellipsis || value == Py_NotImplemented;
}

static bool
immutable_key(PyObject *key)
{
    if (!PyTuple_CheckExact(key)) {
        return cps_immutable(key);
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(key); i++) {
        if (!cps_immutable(PyTuple_GET_ITEM(key, i))) {
            return false;
        }
    }
    return true;
}

/* ---- private values ---- */

static bool
private_value(PyObject *value, bool json, bool owned, int depth)
{
    if (cps_immutable(value)) {
        return !json || !(PyBytes_CheckExact(value) || PyComplex_CheckExact(value) || value == Py_Ellipsis ||
                          value == Py_NotImplemented);
    }
    if (depth > DEPTH_LIMIT) {
        return false;
    }
    owned = owned && Py_REFCNT(value) == 1;
    if (PyDict_CheckExact(value)) {
        PyObject *key, *item;
        Py_ssize_t position = 0;

        while (owned && PyDict_Next(value, &position, &key, &item)) {
            owned =
                (json ? PyUnicode_CheckExact(key) : immutable_key(key)) && private_value(item, json, true, depth + 1);
        }
        return owned;
    }
    if (PyList_CheckExact(value)) {
        for (Py_ssize_t i = 0; owned && i < PyList_GET_SIZE(value); i++) {
            owned = private_value(PyList_GET_ITEM(value, i), json, true, depth + 1);
        }
        return owned;
    }
    if (!json && PyTuple_CheckExact(value)) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(value); i++) {
            if (!private_value(PyTuple_GET_ITEM(value, i), false, owned, depth + 1)) {
                return false;
            }
        }
        return true; /* who else has the tuple reaches nothing mutable through it */
    }
    return false;
}

bool
cps_private(PyObject *value, bool json)
{
    return private_value(value, json, true, 0);
}

/* ---- deep copies ----
 *
 * The functions below return NULL without an exception for what is not theirs to copy. They clone a container with all it
 * holds, then replace the mutable items of the clone: the original may change under a running garbage collection, the
 * clone may not. */

static PyObject *copy_value(Copier *copier, PyObject *value, int own_references);

/* 1 and *copy new when `value` has been copied already, 0 when not, -1 with an exception set. */
static int
memo_find(Copier *copier, PyObject *value, PyObject **copy)
{
    PyObject *address;
    int found;

    *copy = NULL;
    if (value == copier->root && copier->root_copy != NULL) {
        *copy = Py_NewRef(copier->root_copy);
        return 1;
    }
    if (copier->memo == NULL) {
        return 0;
    }
    address = PyLong_FromVoidPtr(value);
    if (address == NULL) {
        return -1;
    }
    found = PyDict_GetItemRef(copier->memo, address, copy);
    Py_DECREF(address);
    return found;
}

static int
memo_add(Copier *copier, PyObject *value, PyObject *copy)
{
    PyObject *address;
    int result;

    if (value == copier->root) {
        copier->root_copy = copy;
        return 0;
    }
    if (copier->memo == NULL && (copier->memo = PyDict_New()) == NULL) {
        return -1;
    }
    address = PyLong_FromVoidPtr(value);
    if (address == NULL) {
        return -1;
    }
    result = PyDict_SetItem(copier->memo, address, copy);
    Py_DECREF(address);
    return result;
}

static int
copy_dict_items(Copier *copier, PyObject *clone)
{
    PyObject *key, *item;
    Py_ssize_t position = 0;

    while (PyDict_Next(clone, &position, &key, &item)) {
        PyObject *copy;
        int result;

        if (!immutable_key(key)) {
            return -1;
        }
        if (cps_immutable(item)) {
            continue;
        }
        copy = copy_value(copier, item, OWN_REFERENCES);
        if (copy == NULL) {
            return -1;
        }
        result = PyDict_SetItem(clone, key, copy);
        Py_DECREF(copy);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

static int
copy_list_items(Copier *copier, PyObject *clone)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(clone); i++) {
        PyObject *item = PyList_GET_ITEM(clone, i), *copy;

        if (cps_immutable(item)) {
            continue;
        }
        copy = copy_value(copier, item, OWN_REFERENCES);
        if (copy == NULL) {
            return -1;
        }
        PyList_SET_ITEM(clone, i, copy);
        Py_DECREF(item);
    }
    return 0;
}

/* `tuple` itself when its copy would hold the same items. */
static PyObject *
copy_tuple(Copier *copier, PyObject *tuple)
{
    Py_ssize_t size = PyTuple_GET_SIZE(tuple);
    PyObject *clone = PyTuple_New(size);
    bool same = true;

    for (Py_ssize_t i = 0; clone != NULL && i < size; i++) {
        PyObject *item = PyTuple_GET_ITEM(tuple, i);
        PyObject *copy = copy_value(copier, item, OWN_REFERENCES - 1);

        if (copy == NULL) {
            Py_CLEAR(clone);
            break;
        }
        same = same && copy == item;
        PyTuple_SET_ITEM(clone, i, copy);
    }
    if (clone != NULL && same) {
        Py_SETREF(clone, Py_NewRef(tuple));
    }
    return clone;
}

/* A tuple that others refer to. One that contains itself, by way of a list or a dict, has been copied in there already. */
static PyObject *
copy_shared_tuple(Copier *copier, PyObject *tuple)
{
    PyObject *clone = copy_tuple(copier, tuple), *earlier;
    int found = clone == NULL ? -1 : memo_find(copier, tuple, &earlier);

    if (found == 0) {
        found = memo_add(copier, tuple, clone);
    }
    else if (found > 0) {
        Py_SETREF(clone, earlier);
    }
    if (found < 0) {
        Py_CLEAR(clone);
    }
    return clone;
}

static PyObject *
copy_container(Copier *copier, PyObject *value, bool shared)
{
    bool is_dict = PyDict_CheckExact(value);
    PyObject *clone;

    if (PyTuple_CheckExact(value)) {
        return shared ? copy_shared_tuple(copier, value) : copy_tuple(copier, value);
    }
    if (!is_dict && !PyList_CheckExact(value)) {
        return NULL;
    }
    clone = is_dict ? PyDict_Copy(value) : PyList_GetSlice(value, 0, PyList_GET_SIZE(value));
    if (clone == NULL) {
        return NULL;
    }
    /* before the items, which may refer back to it */
    if ((shared && memo_add(copier, value, clone) < 0) ||
        (is_dict ? copy_dict_items(copier, clone) : copy_list_items(copier, clone)) < 0) {
        Py_DECREF(clone);
        return NULL;
    }
    return clone;
}

static PyObject *
copy_value(Copier *copier, PyObject *value, int own_references)
{
    bool shared = Py_REFCNT(value) > own_references;
    PyObject *copy;

    if (cps_immutable(value)) {
        return Py_NewRef(value);
    }
    if (shared && memo_find(copier, value, &copy) != 0) {
        return copy;
    }
    if (copier->depth >= DEPTH_LIMIT) {
        return NULL;
    }
    copier->depth++;
    copy = copy_container(copier, value, shared);
    copier->depth--;
    return copy;
}

/* copy.deepcopy(value, memo). */
static PyObject *
deepcopy_by_python(CpsState *state, PyObject *value, CpsCopyScope *scope)
{
    PyObject *deepcopy = cps_import(&state->deepcopy, "copy", "deepcopy"); /* borrowed */

    if (deepcopy == NULL) {
        return NULL;
    }
    if (scope == NULL) {
        return PyObject_CallOneArg(deepcopy, value);
    }
    if (scope->memo == NULL) {
        PyObject *address = PyLong_FromVoidPtr(scope->source);

        scope->memo = PyDict_New();
        if (address == NULL || scope->memo == NULL || PyDict_SetItem(scope->memo, address, scope->copy) < 0) {
            Py_XDECREF(address);
            return NULL;
        }
        Py_DECREF(address);
    }
    return PyObject_CallFunctionObjArgs(deepcopy, value, scope->memo, NULL);
}

PyObject *
cps_deepcopy_in(CpsState *state, PyObject *value, CpsCopyScope *scope)
{
    Copier copier = {.root = value};
    PyObject *copy;

    if (cps_immutable(value)) {
        return Py_NewRef(value);
    }
    copy = copy_value(&copier, value, 0);
    Py_XDECREF(copier.memo);
    if (copy == NULL && !PyErr_Occurred()) {
        copy = deepcopy_by_python(state, value, scope);
    }
    return copy;
}

PyObject *
cps_deepcopy(CpsState *state, PyObject *value)
{
    return cps_deepcopy_in(state, value, NULL);
}
