#include "flow/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    YOUNG_MS = 1000,     /* a process that died earlier is started again after a delay, */
    FIRST_DELAY_MS = 50, /* which doubles each time, */
    LAST_DELAY_MS = 10 * 1000,
    GRACE_MS = 5000, /* after stop_timeout, until a process is killed */
    REPORT_SIZE = 1000,
};

typedef struct {
    pid_t pid;         /* 0: it does not run */
    uint64_t started;  /* milliseconds */
    uint64_t due;      /* when it is started again, while it does not run */
    unsigned int wait; /* the delay of the next time */
} Process;

struct CpsProcesses {
    pthread_t watcher; /* who is in cps_processes_watch, while `watched` */
    bool watched;
    bool stopping;
    uint64_t deadline; /* milliseconds, once stopping */
    Py_ssize_t count;
    Process list[];
};

static uint64_t
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- in the child ------------------------------------------------------------------------------------------------------------------ */

static void
flush(const char *name)
{
    PyObject *file = PySys_GetObject(name); /* borrowed */
    PyObject *result = file == NULL || file == Py_None ? NULL : PyObject_CallMethod(file, "flush", NULL);

    Py_XDECREF(result);
    PyErr_Clear();
}

static _Noreturn void
child_exit(int code)
{
    flush("stdout");
    flush("stderr");
    _exit(code);
}

/* Tell the parent, who reads until the end, why there is no start; NULL: there is one. */
static void
child_report(int pipe, const char *problem)
{
    const char *text = problem == NULL ? "+" : problem;

    (void)!write(pipe, text, strnlen(text, REPORT_SIZE)); /* a parent that does not read is gone */
    close(pipe);
}

/* The exception that is set prevents the start. */
static _Noreturn void
child_fail(int pipe)
{
    PyObject *raised = PyErr_GetRaisedException(); /* new */
    PyObject *text = PyUnicode_FromFormat("%s: %S", Py_TYPE(raised)->tp_name, raised);
    const char *problem = text == NULL ? NULL : PyUnicode_AsUTF8(text);

    PyErr_Clear();
    child_report(pipe, problem == NULL ? "an error without a text" : problem);
    child_exit(1);
}

/* Ctrl-C goes to all processes of a terminal: the parent passes it on. Returns 0, or -1 with an exception set. */
static int
ignore_interrupts(void)
{
    PyObject *module = PyImport_ImportModule("signal");
    PyObject *ignore = module == NULL ? NULL : PyObject_GetAttrString(module, "SIG_IGN");
    PyObject *result = ignore == NULL ? NULL : PyObject_CallMethod(module, "signal", "iO", SIGINT, ignore);

    Py_XDECREF(module);
    Py_XDECREF(ignore);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static int
call_start(CpsDirector *self)
{
    PyObject *result = PyObject_CallMethod((PyObject *)self, "start", "O", Py_False);

    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static _Noreturn void
child_main(CpsDirector *self, int pipe, pid_t parent)
{
    PyObject *result;

    prctl(PR_SET_PDEATHSIG, SIGTERM); /* the parent may be killed */
    if (getppid() != parent) {
        _exit(1);
    }
    self->processes = 1;
    self->fleet = NULL; /* the parent's; its memory is as good as gone */
    if (ignore_interrupts() < 0 || call_start(self) < 0) {
        child_fail(pipe);
    }
    child_report(pipe, NULL);
    result = cps_director_block((PyObject *)self, NULL);
    if (result == NULL) {
        PyErr_Print();
    }
    child_exit(result == NULL ? 1 : 0);
}

/* --- starting ------------------------------------------------------------------------------------------------------------------------ */

/* Fork one. *pipe_p (may be NULL) gets the end where its report comes. Returns 0, or -1 with OSError set. */
static int
process_fork(CpsDirector *self, Process *process, int *pipe_p)
{
    pid_t parent = getpid();
    int ends[2];
    sigset_t none;

    if (pipe2(ends, O_CLOEXEC) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    flush("stdout"); /* else what is buffered would be written twice */
    flush("stderr");
    sigemptyset(&none);
    PyOS_BeforeFork();
    process->pid = fork();
    if (process->pid == 0) {
        PyOS_AfterFork_Child();
        pthread_sigmask(SIG_SETMASK, &none, NULL); /* who watches has blocked some */
        close(ends[0]);
        child_main(self, ends[1], parent);
    }
    PyOS_AfterFork_Parent();
    close(ends[1]);
    process->started = now_ms();
    if (process->pid < 0) {
        process->pid = 0;
        PyErr_SetFromErrno(PyExc_OSError);
        close(ends[0]);
        return -1;
    }
    if (pipe_p != NULL) {
        *pipe_p = ends[0];
    }
    else {
        close(ends[0]);
    }
    return 0;
}

/* Read what it reports. Returns 0, or -1 with RuntimeError or what a signal handler raised set. */
static int
process_await(const CpsDirector *self, Py_ssize_t number, int pipe)
{
    char report[REPORT_SIZE + 1];
    ssize_t length;

    do {
        Py_BEGIN_ALLOW_THREADS
        length = read(pipe, report, REPORT_SIZE);
        Py_END_ALLOW_THREADS
    } while (length < 0 && errno == EINTR && PyErr_CheckSignals() == 0);
    if (PyErr_Occurred()) {
        return -1;
    }
    report[length < 0 ? 0 : length] = '\0';
    if (strcmp(report, "+") != 0) {
        PyErr_Format(PyExc_RuntimeError, "process %zd of Director '%S' could not start: %s", number + 1, self->name,
                     length > 0 ? report : "it died");
        return -1;
    }
    return 0;
}

/* Prepare the actors that need that: say, to share a port. Returns 0, or -1 with an exception set. */
static int
share_actors(CpsDirector *self)
{
    PyObject *actors = cps_director_all_actors(self);
    int status = actors == NULL ? -1 : 0;

    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(actors); i++) {
        CpsActor *actor = (CpsActor *)PyList_GET_ITEM(actors, i);

        if (actor->ops != NULL && actor->ops->share != NULL) {
            status = actor->ops->share(actor);
        }
    }
    Py_XDECREF(actors);
    return status;
}

static void processes_signal(const CpsProcesses *self, int number);
static void processes_reap(CpsProcesses *self, bool wait);

int
cps_processes_start(CpsDirector *self)
{
    Py_ssize_t count = self->processes;
    CpsProcesses *fleet = PyMem_Calloc(1, sizeof(*fleet) + (size_t)count * sizeof(fleet->list[0]));
    int status = fleet == NULL ? -1 : share_actors(self);

    if (fleet == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    fleet->count = count;
    for (Py_ssize_t i = 0; status == 0 && i < count; i++) {
        int pipe;

        status = process_fork(self, &fleet->list[i], &pipe);
        if (status == 0) {
            status = process_await(self, i, pipe);
            close(pipe);
        }
    }
    if (status < 0) {
        processes_signal(fleet, SIGTERM);
        processes_reap(fleet, true);
        PyMem_Free(fleet);
        return -1;
    }
    self->fleet = fleet;
    return 0;
}

/* --- watching ------------------------------------------------------------------------------------------------------------------------- */

static void
processes_signal(const CpsProcesses *self, int number)
{
    for (Py_ssize_t i = 0; i < self->count; i++) {
        if (self->list[i].pid > 0) {
            kill(self->list[i].pid, number);
        }
    }
}

static bool
any_runs(const CpsProcesses *self)
{
    for (Py_ssize_t i = 0; i < self->count; i++) {
        if (self->list[i].pid > 0) {
            return true;
        }
    }
    return false;
}

/* It has died, not because it was asked to: when it is started again. */
static void
process_died(Process *process, Py_ssize_t number, int status)
{
    uint64_t now = now_ms();
    bool young = now - process->started < YOUNG_MS;

    process->wait = !young ? 0 : process->wait == 0 ? FIRST_DELAY_MS : 2 * process->wait;
    if (process->wait > LAST_DELAY_MS) {
        process->wait = LAST_DELAY_MS;
    }
    process->due = now + process->wait;
    PySys_FormatStderr("compysition: process %zd (%d) %s %d and is started again\n", number + 1, (int)process->pid,
                       WIFSIGNALED(status) ? "was killed by signal" : "ended with status",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* Take note of those that have ended; `wait`: until all have. */
static void
processes_reap(CpsProcesses *self, bool wait)
{
    for (Py_ssize_t i = 0; i < self->count; i++) {
        Process *process = &self->list[i];
        int status = 0;
        pid_t ended = 0;

        if (process->pid > 0) {
            Py_BEGIN_ALLOW_THREADS
            do {
                ended = waitpid(process->pid, &status, wait ? 0 : WNOHANG);
            } while (ended < 0 && errno == EINTR);
            Py_END_ALLOW_THREADS
        }
        if (ended != 0) { /* or -1: somebody else has reaped it */
            if (!self->stopping && !wait) {
                process_died(process, i, status);
            }
            process->pid = 0;
        }
    }
}

/* Start those again whose time has come. Returns 0, or -1 with an exception set. */
static int
processes_restart(CpsDirector *director, CpsProcesses *self)
{
    for (Py_ssize_t i = 0; !self->stopping && i < self->count; i++) {
        Process *process = &self->list[i];

        if (process->pid == 0 && process->due <= now_ms() && process_fork(director, process, NULL) < 0) {
            return -1;
        }
    }
    return 0;
}

/* A stop is asked for, perhaps again. */
static void
processes_end(const CpsDirector *director, CpsProcesses *self)
{
    if (!self->stopping) {
        self->stopping = true;
        self->deadline = now_ms() + (uint64_t)(director->stop_timeout * 1000) + GRACE_MS;
    }
    processes_signal(self, SIGTERM);
}

/* How long nothing is to be done, in milliseconds. */
static uint64_t
processes_idle_ms(const CpsProcesses *self)
{
    uint64_t now = now_ms(), due = self->stopping ? self->deadline : now + 60 * 1000;

    for (Py_ssize_t i = 0; !self->stopping && i < self->count; i++) {
        if (self->list[i].pid == 0 && self->list[i].due < due) {
            due = self->list[i].due;
        }
    }
    return due > now ? due - now : 0;
}

/* One of `signals`, or -1 when the time is over or another signal came. */
static int
await_signal(const sigset_t *signals, uint64_t ms)
{
    struct timespec timeout = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    int number;

    Py_BEGIN_ALLOW_THREADS
    number = sigtimedwait(signals, NULL, &timeout);
    Py_END_ALLOW_THREADS
    return number;
}

/* Until they are gone. Returns 0, or -1 with an exception set. */
static int
processes_loop(CpsDirector *director, CpsProcesses *self, const sigset_t *signals)
{
    for (;;) {
        processes_reap(self, false);
        if (processes_restart(director, self) < 0) {
            return -1;
        }
        if (self->stopping && !any_runs(self)) {
            return 0;
        }
        switch (await_signal(signals, processes_idle_ms(self))) {
        case SIGINT:
        case SIGTERM:
            processes_end(director, self);
            break;
        case -1:
            if (PyErr_CheckSignals() < 0) {
                return -1;
            }
            break;
        default: /* SIGCHLD */
            break;
        }
        if (self->stopping && now_ms() >= self->deadline) {
            processes_signal(self, SIGKILL);
        }
    }
}

int
cps_processes_watch(CpsDirector *self)
{
    CpsProcesses *fleet = self->fleet;
    sigset_t signals, old;
    int status;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &signals, &old);
    fleet->watcher = pthread_self();
    fleet->watched = true;
    status = processes_loop(self, fleet, &signals);
    if (status < 0) { /* a signal handler raised, or no process could be forked: the others must not stay behind */
        processes_signal(fleet, SIGTERM);
        processes_reap(fleet, true);
    }
    fleet->watched = false;
    self->fleet = NULL;
    cps_processes_free(fleet);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return status;
}

int
cps_processes_stop(CpsDirector *self)
{
    CpsProcesses *fleet = self->fleet;

    if (fleet->watched) {
        /* NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread): it has blocked the signal, and waits for it */
        pthread_kill(fleet->watcher, SIGTERM);
        return 0;
    }
    processes_end(self, fleet);
    return cps_processes_watch(self);
}

void
cps_processes_free(CpsProcesses *processes)
{
    PyMem_Free(processes);
}
