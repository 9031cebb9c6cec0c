#include "loop/offload.h"

static void
offload_in_pool(uv_work_t *uv)
{
    CpsOffload *offload = CPS_CONTAINER(uv, CpsOffload, uv);

    offload->work(offload->context);
}

static void
offload_on_done(uv_work_t *uv, int Py_UNUSED(status))
{
    CpsOffload *offload = CPS_CONTAINER(uv, CpsOffload, uv);

    cps_complete(offload->rt, &offload->completion);
}

static void
offload_finish(CpsCompletion *completion, CpsRuntime *rt)
{
    CpsOffload *offload = (CpsOffload *)completion;
    void (*done)(void *) = offload->done;
    void *context = offload->context;

    PyMem_RawFree(offload);
    rt->offloads--;
    done(context);
}

int
cps_offload(CpsRuntime *rt, void (*work)(void *), void (*done)(void *), void *context)
{
    CpsOffload *offload = PyMem_RawCalloc(1, sizeof(*offload));
    int code;

    if (offload == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    offload->completion.done = offload_finish;
    offload->rt = rt;
    offload->work = work;
    offload->done = done;
    offload->context = context;
    code = uv_queue_work(&rt->loop, &offload->uv, offload_in_pool, offload_on_done);
    if (code < 0) {
        PyMem_RawFree(offload);
        cps_raise_uv("hand work to the thread pool", code);
        return -1;
    }
    rt->offloads++;
    cps_runtime_wake(rt);
    return 0;
}
