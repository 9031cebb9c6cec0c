/* Inside gevent's hub: gevent watches one epoll descriptor that holds libuv's own and a timerfd for the next time limit, and calls
 * a turn when it is readable. */
#include "loop/fiber.h"
#include "loop/host.h"
#include "loop/timer.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

static const char RUNTIME_CAPSULE[] = "compysition._core._runtime";

typedef struct {
    int epoll_fd, timer_fd;
    PyObject *watcher; /* owned: gevent's io watcher of epoll_fd */
    PyObject *handle;  /* owned: what has the watcher's flag `ref`, whether it keeps the loop alive */
    PyObject *capsule; /* owned: leads the tick to the runtime; emptied at detach */
} GeventHost;

static GeventHost *
gevent_data(CpsRuntime *rt)
{
    return rt->host_data;
}

/* --- ticking --------------------------------------------------------------------------------------------------------------------- */

/* Let the descriptor become readable when the next time limit is over; at once when there is work already. */
static void
gevent_arm(CpsRuntime *rt)
{
    uint64_t delay = cps_timers_delay(rt);
    int timeout = uv_backend_timeout(&rt->loop); /* milliseconds; -1: none */
    struct itimerspec spec = {0};

    if (timeout >= 0 && (uint64_t)timeout * 1000000 < delay) {
        delay = (uint64_t)timeout * 1000000;
    }
    if (delay == 0 || !cps_runtime_may_sleep(rt, &delay)) {
        uv_async_send(&rt->async);
        return;
    }
    if (delay != UINT64_MAX) {
        spec.it_value.tv_sec = (time_t)(delay / 1000000000);
        spec.it_value.tv_nsec = (long)(delay % 1000000000);
    }
    timerfd_settime(gevent_data(rt)->timer_fd, 0, &spec, NULL);
}

static void
gevent_clear_timer(CpsRuntime *rt)
{
    uint64_t expirations;
    ssize_t count = read(gevent_data(rt)->timer_fd, &expirations, sizeof(expirations));

    (void)count; /* not expired is fine, too */
}

static PyObject *
gevent_tick(PyObject *capsule, PyObject *Py_UNUSED(ignored))
{
    CpsRuntime *rt = PyCapsule_GetContext(capsule);
    int status;

    if (rt == NULL || rt->abandoned) {
        Py_RETURN_NONE; /* an event that was under way when we detached, or a fork's child */
    }
    gevent_clear_timer(rt);
    status = cps_runtime_turn(rt, false);
    if (PyCapsule_GetContext(capsule) == rt && !rt->abandoned) { /* the turn may have ended the runtime */
        gevent_arm(rt);
    }
    if (status < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef gevent_tick_def = {"compysition_tick", gevent_tick, METH_NOARGS, NULL};

/* --- attaching --------------------------------------------------------------------------------------------------------------------- */

static int
gevent_watch(int epoll_fd, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    return 0;
}

static int
gevent_open_descriptors(CpsRuntime *rt)
{
    GeventHost *data = gevent_data(rt);

    data->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    data->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (data->epoll_fd < 0 || data->timer_fd < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    return gevent_watch(data->epoll_fd, uv_backend_fd(&rt->loop)) < 0 ? -1
                                                                      : gevent_watch(data->epoll_fd, data->timer_fd);
}

/* With libuv, gevent's watchers share a handle for each descriptor, and their own `ref` does nothing. Returns 0 or -1. */
static int
gevent_find_handle(GeventHost *data)
{
    PyObject *name = PyUnicode_FromString("_watcher_ref");
    int found = name == NULL ? -1 : PyObject_GetOptionalAttr(data->watcher, name, &data->handle);

    Py_XDECREF(name);
    if (found == 0) {
        data->handle = Py_NewRef(data->watcher);
    }
    return found < 0 ? -1 : 0;
}

/* Start watcher = hub.loop.io(epoll_fd, READ) with our tick. */
static int
gevent_start_watcher(CpsRuntime *rt)
{
    GeventHost *data = gevent_data(rt);
    PyObject *tick, *loop, *result = NULL;

    data->capsule = PyCapsule_New(data, RUNTIME_CAPSULE, NULL);
    if (data->capsule == NULL || PyCapsule_SetContext(data->capsule, rt) < 0) {
        return -1;
    }
    tick = PyCFunction_NewEx(&gevent_tick_def, data->capsule, NULL);
    loop = tick == NULL ? NULL : PyObject_GetAttrString(rt->hub, "loop");
    if (loop != NULL) {
        data->watcher = PyObject_CallMethod(loop, "io", "ii", data->epoll_fd, 1 /* READ */);
    }
    if (data->watcher != NULL) {
        result = PyObject_CallMethod(data->watcher, "start", "O", tick);
    }
    Py_XDECREF(tick);
    Py_XDECREF(loop);
    Py_XDECREF(result);
    return result == NULL || gevent_find_handle(data) < 0 ? -1 : PyObject_SetAttrString(data->handle, "ref", Py_False);
}

static void
gevent_free(GeventHost *data)
{
    if (data->epoll_fd >= 0) {
        close(data->epoll_fd);
    }
    if (data->timer_fd >= 0) {
        close(data->timer_fd);
    }
    Py_XDECREF(data->watcher);
    Py_XDECREF(data->handle);
    Py_XDECREF(data->capsule);
    PyMem_Free(data);
}

static int
gevent_attach(CpsRuntime *rt)
{
    PyObject *gevent = PyImport_ImportModule("gevent");
    GeventHost *data;

    if (gevent == NULL) {
        return -1;
    }
    rt->hub = PyObject_CallMethod(gevent, "get_hub", NULL);
    Py_DECREF(gevent);
    data = rt->hub == NULL ? NULL : PyMem_Calloc(1, sizeof(*data));
    if (data == NULL) {
        Py_CLEAR(rt->hub);
        return PyErr_Occurred() ? -1 : (PyErr_NoMemory(), -1);
    }
    data->epoll_fd = data->timer_fd = -1;
    rt->host_data = data;
    if (gevent_open_descriptors(rt) < 0 || gevent_start_watcher(rt) < 0) {
        gevent_free(data);
        Py_CLEAR(rt->hub);
        return -1;
    }
    return 0;
}

static void
gevent_call_watcher(GeventHost *data, const char *method)
{
    PyObject *result = PyObject_CallMethod(data->watcher, method, NULL);

    if (result == NULL && PyErr_ExceptionMatches(PyExc_ValueError)) {
        PyErr_Clear(); /* the script has destroyed that loop already */
    }
    else if (result == NULL) {
        PyErr_WriteUnraisable(data->watcher);
    }
    Py_XDECREF(result);
}

static void
gevent_detach(CpsRuntime *rt)
{
    GeventHost *data = gevent_data(rt);

    PyCapsule_SetContext(data->capsule, NULL);
    gevent_call_watcher(data, "stop");
    gevent_call_watcher(data, "close");
    gevent_free(data);
    rt->host_data = NULL;
    Py_CLEAR(rt->hub);
}

static void
gevent_kick(CpsRuntime *rt)
{
    if (!rt->in_turn || rt->polling) { /* a turn looks for work before it ends */
        uv_async_send(&rt->async);
    }
}

static void
gevent_keep_alive(CpsRuntime *rt, bool alive)
{
    PyObject *exc = PyErr_GetRaisedException(); /* owned; what the caller is about to raise */

    if (PyObject_SetAttrString(gevent_data(rt)->handle, "ref", alive ? Py_True : Py_False) < 0) {
        cps_runtime_raise_in_main(rt); /* a signal handler's: with libuv that was Python code */
    }
    PyErr_SetRaisedException(exc); /* steals */
}

const CpsHost cps_host_gevent = {
    .name = "gevent",
    .attach = gevent_attach,
    .detach = gevent_detach,
    .kick = gevent_kick,
    .keep_alive = gevent_keep_alive,
};
