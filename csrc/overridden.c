#include "overridden.h"

static int
set_from_field(PyObject *self, PyObject *name, PyObject *descriptor)
{
    PyObject *value = Py_TYPE(descriptor)->tp_descr_get(descriptor, self, (PyObject *)Py_TYPE(self));
    int result = value == NULL ? -1 : PyObject_SetAttr(self, name, value);

    Py_XDECREF(value);
    return result;
}

int
cps_set_overridden(PyObject *self, PyTypeObject *owner, PyObject *const *names, size_t count)
{
    PyTypeObject *type = Py_TYPE(self);
    int result = 0;

    if (((PyHeapTypeObject *)type)->ht_module != NULL) {
        return 0; /* one of the core's own types */
    }
    for (size_t i = 0; result == 0 && i < count; i++) {
        PyObject *descriptor = _PyType_Lookup(owner, names[i]); /* borrowed */

        if (_PyType_Lookup(type, names[i]) != descriptor) {
            result = set_from_field(self, names[i], descriptor);
        }
    }
    return result;
}
