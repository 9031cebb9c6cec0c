#include "loop/host.h"

const CpsHost *
cps_host_choose(void)
{
    PyObject *name = PyUnicode_FromString("gevent");
    PyObject *gevent = name == NULL ? NULL : PyImport_GetModule(name);
    bool imported = gevent != NULL && gevent != Py_None && PyObject_HasAttrString(gevent, "get_hub");

    Py_XDECREF(name);
    Py_XDECREF(gevent);
    PyErr_Clear(); /* no module of that name is the usual case */
    return imported ? &cps_host_gevent : &cps_host_native;
}
