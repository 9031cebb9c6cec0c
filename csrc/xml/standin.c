#include "xml/standin.h"

#include "xml/lxml.h"

static PyObject *
standin_instancecheck(PyObject *cls, PyObject *value)
{
    CpsState *state = cps_state_of(cls);

    return PyBool_FromLong(cls == state->element_class ? cps_lxml_is_element(value) : cps_lxml_is_tree(value));
}

/* What type itself leaves out, since its own type is static: without it the module is never collected. */
static int
standin_traverse(PyObject *cls, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(cls));
    return PyType_Type.tp_traverse(cls, visit, arg);
}

static int
standin_clear(PyObject *cls)
{
    return PyType_Type.tp_clear(cls);
}

static PyMethodDef standin_methods[] = {
    {"__instancecheck__", standin_instancecheck, METH_O, NULL},
    {NULL},
};

static PyType_Slot standin_slots[] = {
    {Py_tp_doc, "The type of classes that stand for lxml's: isinstance() looks at the names of a value's classes."},
    {Py_tp_methods, standin_methods},
    {Py_tp_traverse, standin_traverse},
    {Py_tp_clear, standin_clear},
    {0, NULL},
};

static PyType_Spec standin_spec = {
    .name = "compysition._core._StandIn",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
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
