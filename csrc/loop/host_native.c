/* Our own hub: a greenlet that turns until the runtime is closed. */
#include "loop/fiber.h"
#include "loop/host.h"

static const char RUNTIME_CAPSULE[] = "compysition._core._runtime";

static PyObject *
native_hub(PyObject *capsule, PyObject *Py_UNUSED(ignored))
{
    CpsRuntime *rt = PyCapsule_GetPointer(capsule, RUNTIME_CAPSULE);

    while (!rt->closing && !rt->abandoned) {
        if (cps_runtime_turn(rt, true) < 0) {
            return NULL;
        }
    }
    Py_RETURN_NONE;
}

static PyMethodDef native_hub_def = {"hub", native_hub, METH_NOARGS, NULL};

static int
native_attach(CpsRuntime *rt)
{
    PyObject *capsule = PyCapsule_New(rt, RUNTIME_CAPSULE, NULL);
    PyObject *run = capsule == NULL ? NULL : PyCFunction_NewEx(&native_hub_def, capsule, NULL);

    Py_XDECREF(capsule);
    rt->hub = run == NULL ? NULL : cps_fiber_new(run);
    Py_XDECREF(run);
    return rt->hub == NULL ? -1 : 0;
}

static void
native_detach(CpsRuntime *rt)
{
    if (!cps_fiber_finished(rt->hub) && (cps_fiber_adopt(rt->hub) < 0 || cps_fiber_kill(rt->hub) < 0)) {
        PyErr_WriteUnraisable(rt->hub);
    }
    Py_CLEAR(rt->hub);
}

static void
native_kick(CpsRuntime *rt)
{
    if (rt->polling) { /* then the caller is another thread, and the loop may be asleep */
        uv_async_send(&rt->async);
    }
}

static void
native_keep_alive(CpsRuntime *Py_UNUSED(rt), bool Py_UNUSED(alive))
{
}

const CpsHost cps_host_native = {
    .name = "native",
    .attach = native_attach,
    .detach = native_detach,
    .kick = native_kick,
    .keep_alive = native_keep_alive,
};
