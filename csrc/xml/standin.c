#include "xml/standin.h"

#include "xml/lxml.h"

static PyObject *
standin_instancecheck(PyObject *cls, PyObject *value)
{
    CpsState *state = cps_state_of(cls);

    return PyBool_FromLong(cls == state->element_class ? cps_lxml_is_element(value) : cps_lxml_is_tree(value));
}

static PyMethodDef standin_methods[] = {
    {"__instancecheck__", standin_instancecheck, METH_O, NULL},
    {NULL},
};

static PyType_Slot standin_slots[] = {
    {Py_tp_doc, "The type of classes that stand for lxml's: isinstance() looks at the names of a value's classes."},
    {Py_tp_methods, standin_methods},
    {0, NULL},
};

static PyType_Spec standin_spec = {
    .name = "compysition._core._StandIn",
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = standin_slots,
};

static PyObject *
make_standin(CpsState *state, const char *name)
{
    return PyObject_CallFunction((PyObject *)state->types.StandIn, "s(){ss}", name, "__module__", "compysition._core");
}

int
cps_standin_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.StandIn, &standin_spec, (PyObject *)&PyType_Type) < 0) {
        return -1;
    }
    state->element_class = make_standin(state, "_Element");
    state->tree_class = make_standin(state, "_ElementTree");
    return state->element_class == NULL || state->tree_class == NULL ? -1 : 0;
}
