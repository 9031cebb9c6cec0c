#include "loop/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct CpsSignals {
    uv_poll_t poll; /* first: the handle outlives the runtime's pointer to us until it is closed */
    int pipe[2];
    int old_fd; /* what set_wakeup_fd had before */
} CpsSignals;

static void
signals_on_readable(uv_poll_t *poll, int Py_UNUSED(status), int Py_UNUSED(events))
{
    CpsSignals *signals = (CpsSignals *)poll;
    char bytes[64];

    while (read(signals->pipe[0], bytes, sizeof(bytes)) > 0) {
    }
    uv_stop(poll->loop); /* the hub asks Python for its handlers after every poll */
}

static void
signals_on_closed(uv_handle_t *handle)
{
    CpsSignals *signals = (CpsSignals *)handle;

    close(signals->pipe[0]);
    close(signals->pipe[1]);
    free(signals);
}

/* signal.set_wakeup_fd(fd). Returns the old descriptor, -1 when there was none, -2 with an exception set. */
static int
signals_set_wakeup(int fd)
{
    PyObject *module = PyImport_ImportModule("signal");
    PyObject *old;
    int old_fd;

    if (module == NULL) {
        return -2;
    }
    old = PyObject_CallMethod(module, "set_wakeup_fd", "i", fd);
    Py_DECREF(module);
    if (old == NULL) {
        return -2;
    }
    old_fd = (int)PyLong_AsLong(old);
    Py_DECREF(old);
    return old_fd;
}

static CpsSignals *
signals_new(void)
{
    CpsSignals *signals = calloc(1, sizeof(*signals));

    if (signals == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    if (pipe2(signals->pipe, O_NONBLOCK | O_CLOEXEC) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        free(signals);
        return NULL;
    }
    return signals;
}

int
cps_signals_open(CpsRuntime *rt)
{
    CpsSignals *signals = signals_new();
    int code;

    if (signals == NULL) {
        return -1;
    }
    signals->old_fd = signals_set_wakeup(signals->pipe[1]);
    code = signals->old_fd == -2 ? 0 : uv_poll_init(&rt->loop, &signals->poll, signals->pipe[0]);
    if (signals->old_fd == -2 || code < 0) {
        close(signals->pipe[0]);
        close(signals->pipe[1]);
        free(signals);
        if (code < 0) {
            cps_raise_uv("watch for signals", code);
            return -1;
        }
        if (!PyErr_ExceptionMatches(PyExc_ValueError)) {
            return -1;
        }
        PyErr_Clear(); /* not the main thread: handlers do not run here */
        return 0;
    }
    uv_poll_start(&signals->poll, UV_READABLE, signals_on_readable);
    uv_unref((uv_handle_t *)&signals->poll);
    rt->signals = signals;
    return 0;
}

void
cps_signals_close(CpsRuntime *rt)
{
    CpsSignals *signals = rt->signals;
    int current;

    if (signals == NULL) {
        return;
    }
    rt->signals = NULL;
    current = signals_set_wakeup(signals->old_fd);
    if (current >= 0 && current != signals->pipe[1]) {
        current = signals_set_wakeup(current); /* somebody took over meanwhile: leave it to them */
    }
    if (current == -2) {
        PyErr_WriteUnraisable(NULL);
    }
    uv_close((uv_handle_t *)&signals->poll, signals_on_closed);
}
