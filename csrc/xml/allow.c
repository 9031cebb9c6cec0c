#include "xml/allow.h"

static int
allow_one(CpsAllowedPaths *allowed, PyObject *path)
{
    PyObject *bytes;
    int status;

    if (!PyUnicode_FSConverter(path, &bytes)) {
        return -1;
    }
    status = cps_allowed_paths_add(allowed, PyBytes_AS_STRING(bytes));
    Py_DECREF(bytes);
    if (status < 0) {
        PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
    }
    return status;
}

int
cps_xml_allow(CpsAllowedPaths *allowed, PyObject *paths)
{
    PyObject *sequence;
    int status = 0;

    if (paths == NULL || paths == Py_None) {
        return 0;
    }
    if (PyUnicode_Check(paths) || PyBytes_Check(paths) || PyObject_HasAttrString(paths, "__fspath__")) {
        return allow_one(allowed, paths);
    }
    sequence = PySequence_Fast(paths, "allowed_paths must be a directory, or directories");
    if (sequence == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; status == 0 && i < PySequence_Fast_GET_SIZE(sequence); i++) {
        status = allow_one(allowed, PySequence_Fast_GET_ITEM(sequence, i));
    }
    Py_DECREF(sequence);
    return status;
}
