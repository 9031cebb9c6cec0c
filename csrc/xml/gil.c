#include "xml/gil.h"

#include "compat.h"

static void *
gil_release(void *Py_UNUSED(context))
{
    return PyEval_SaveThread();
}

static void
gil_take(void *Py_UNUSED(context), void *released)
{
    PyEval_RestoreThread(released);
}

const CpsLock cps_gil = {.release = gil_release, .take = gil_take};
