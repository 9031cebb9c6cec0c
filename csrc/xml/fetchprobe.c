#include "xml/fetchprobe.h"

#include "xml/fetch.h"
#include "xml/readable.h"

PyDoc_STRVAR(fetch_doc, "_fetch($module, url, allowed_urls, seconds, huge, /)\n--\n\n"
                        "Return what is at the url, and where it was found. Raises OSError with the reason.");

static PyObject *
fetch(PyObject *Py_UNUSED(module), PyObject *args)
{
    CpsReadable readable = {0};
    CpsFetched fetched = {0};
    CpsFetchRules rules = {.allowed = &readable.urls};
    PyObject *urls, *result = NULL;
    const char *url;
    double seconds;
    int huge;
    bool done;

    if (!PyArg_ParseTuple(args, "sOdp:_fetch", &url, &urls, &seconds, &huge)) {
        return NULL;
    }
    rules.timeout_ms = (int)(seconds * 1000);
    rules.huge = huge != 0;
    if (cps_readable_from(&readable, NULL, urls, NULL) == 0) {
        Py_BEGIN_ALLOW_THREADS;
        done = cps_fetch(url, &rules, &fetched);
        Py_END_ALLOW_THREADS;
        if (done) {
            result = Py_BuildValue("(y#s)", fetched.content.bytes, (Py_ssize_t)fetched.content.length, fetched.url);
        }
        else {
            PyErr_SetString(PyExc_OSError, fetched.reason);
        }
    }
    cps_fetched_free(&fetched);
    cps_readable_free(&readable);
    return result;
}

static PyMethodDef probe_functions[] = {
    {"_fetch", fetch, METH_VARARGS, fetch_doc},
    {NULL, NULL, 0, NULL},
};

int
cps_fetch_probe_setup(PyObject *module)
{
    return PyModule_AddFunctions(module, probe_functions);
}
