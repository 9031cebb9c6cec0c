#include "event/property.h"

typedef struct {
    PyObject_HEAD
    PyTypeObject *owner; /* owned */
    PyGetSetDef *def;    /* static */
} CpsProperty;

/* --- the descriptor ------------------------------------------------------------------------------------------------------- */

static int
property_check(CpsProperty *self, PyObject *object)
{
    if (PyObject_TypeCheck(object, self->owner)) {
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "'%s' of %s does not apply to a %s", self->def->name, self->owner->tp_name,
                 Py_TYPE(object)->tp_name);
    return -1;
}

static PyObject *
property_get(PyObject *op, PyObject *object, PyObject *Py_UNUSED(type))
{
    CpsProperty *self = (CpsProperty *)op;

    if (object == NULL || object == Py_None) {
        return Py_NewRef(op);
    }
    return property_check(self, object) < 0 ? NULL : self->def->get(object, self->def->closure);
}

static int
property_set(PyObject *op, PyObject *object, PyObject *value)
{
    CpsProperty *self = (CpsProperty *)op;

    return property_check(self, object) < 0 ? -1 : self->def->set(object, value, self->def->closure);
}

/* --- as a property of Python ---------------------------------------------------------------------------------------------- */

static PyObject *
property_fget(PyObject *op, void *Py_UNUSED(closure))
{
    return PyObject_GetAttrString(op, "__get__");
}

static PyObject *
property_fset(PyObject *op, void *Py_UNUSED(closure))
{
    return PyObject_GetAttrString(op, "__set__");
}

static PyObject *
property_none(PyObject *Py_UNUSED(op), void *Py_UNUSED(closure))
{
    Py_RETURN_NONE;
}

static PyObject *
property_doc(PyObject *op, void *Py_UNUSED(closure))
{
    return PyUnicode_FromString(((CpsProperty *)op)->def->doc);
}

static PyObject *
property_name(PyObject *op, void *Py_UNUSED(closure))
{
    return PyUnicode_FromString(((CpsProperty *)op)->def->name);
}

/* property(fget, fset, None, doc).<method>(function). New, or NULL with an exception set. */
static PyObject *
property_extend(PyObject *op, const char *method, PyObject *function)
{
    PyObject *get = property_fget(op, NULL);
    PyObject *set = get == NULL ? NULL : property_fset(op, NULL);
    PyObject *doc = set == NULL ? NULL : property_doc(op, NULL);
    PyObject *plain =
        doc == NULL ? NULL : PyObject_CallFunctionObjArgs((PyObject *)&PyProperty_Type, get, set, Py_None, doc, NULL);
    PyObject *extended = plain == NULL ? NULL : PyObject_CallMethod(plain, method, "O", function);

    Py_XDECREF(get);
    Py_XDECREF(set);
    Py_XDECREF(doc);
    Py_XDECREF(plain);
    return extended;
}

static PyObject *
property_getter(PyObject *op, PyObject *function)
{
    return property_extend(op, "getter", function);
}

static PyObject *
property_setter(PyObject *op, PyObject *function)
{
    return property_extend(op, "setter", function);
}

static PyObject *
property_deleter(PyObject *op, PyObject *function)
{
    return property_extend(op, "deleter", function);
}

static PyMethodDef property_methods[] = {
    {"getter", property_getter, METH_O, "getter($self, fget, /)\n--\n\nA property with another getter."},
    {"setter", property_setter, METH_O, "setter($self, fset, /)\n--\n\nA property with another setter."},
    {"deleter", property_deleter, METH_O, "deleter($self, fdel, /)\n--\n\nA property that can be deleted."},
    {NULL},
};

static PyGetSetDef property_getset[] = {
    {"fget", property_fget, NULL, "Function that gets the attribute of an event."},
    {"fset", property_fset, NULL, "Function that sets it."},
    {"fdel", property_none, NULL, "None: it cannot be deleted."},
    {"__doc__", property_doc, NULL, NULL},
    {"__name__", property_name, NULL, NULL},
    {NULL},
};

/* --- the type ------------------------------------------------------------------------------------------------------------- */

static int
property_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((CpsProperty *)op)->owner);
    return 0;
}

static int
property_clear(PyObject *op)
{
    Py_CLEAR(((CpsProperty *)op)->owner);
    return 0;
}

static void
property_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    (void)property_clear(op);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyType_Slot property_slots[] = {
    {Py_tp_dealloc, property_dealloc}, {Py_tp_traverse, property_traverse},
    {Py_tp_clear, property_clear},     {Py_tp_descr_get, property_get},
    {Py_tp_descr_set, property_set},   {Py_tp_methods, property_methods},
    {Py_tp_getset, property_getset},   {0, NULL},
};

static PyType_Spec property_spec = {
    .name = "compysition._core._Property",
    .basicsize = sizeof(CpsProperty),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = property_slots,
};

int
cps_property_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.Property, &property_spec, NULL);
}

int
cps_property_add(CpsState *state, PyTypeObject *owner, PyGetSetDef *defs)
{
    int result = 0;

    for (PyGetSetDef *def = defs; result == 0 && def->name != NULL; def++) {
        CpsProperty *property = (CpsProperty *)state->types.Property->tp_alloc(state->types.Property, 0);

        if (property == NULL) {
            return -1;
        }
        property->owner = (PyTypeObject *)Py_NewRef(owner);
        property->def = def;
        result = PyObject_SetAttrString((PyObject *)owner, def->name, (PyObject *)property);
        Py_DECREF(property);
    }
    return result;
}
