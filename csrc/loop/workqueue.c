#include "loop/workqueue.h"

#include "loop/offload.h"

#include <stdlib.h>

enum {
    STINT_NS = 20 * 1000 * 1000, /* then a thread lets others have the pool */
    STUCK_NS = 5 * 1000 * 1000,  /* when none was begun for so long, one more thread comes */
    POOL_THREADS = 4,            /* libuv's, where the environment does not say otherwise */
};

struct CpsWorkQueue {
    uv_mutex_t lock;   /* for all that follows */
    CpsList waiting;   /* CpsWork */
    CpsList finished;  /* CpsWork */
    size_t count;      /* of waiting; others may look at it */
    uint64_t taken_at; /* uv_hrtime when one was last begun, or none waited */
    int threads;       /* at work, or about to be */
    int pool;          /* how many there can be */
    bool asleep;       /* the loop wants to be woken for finished work */
};

/* ---- in any thread ---- */

/* With the lock. The next piece, or NULL. */
static CpsWork *
queue_take(CpsWorkQueue *queue, uint64_t now)
{
    CpsLink *link = cps_list_pop(&queue->waiting);

    if (link == NULL) {
        return NULL;
    }
    __atomic_store_n(&queue->count, queue->count - 1, __ATOMIC_RELAXED);
    queue->taken_at = now;
    return CPS_CONTAINER(link, CpsWork, link);
}

/* ---- in a pool thread ---- */

/* Take the next piece, giving back the one before (or NULL). Returns NULL when this thread is to end. */
static CpsWork *
thread_next(CpsRuntime *rt, CpsWork *before, uint64_t end)
{
    CpsWorkQueue *queue = rt->work;
    uint64_t now = uv_hrtime();
    bool wake = false;
    CpsWork *work;

    uv_mutex_lock(&queue->lock);
    if (before != NULL) {
        cps_list_append(&queue->finished, &before->link);
        wake = queue->asleep;
        queue->asleep = false;
    }
    work = now < end ? queue_take(queue, now) : NULL;
    if (work == NULL) {
        queue->threads--;
    }
    uv_mutex_unlock(&queue->lock);
    if (wake) {
        uv_async_send(&rt->async);
    }
    return work;
}

static void
thread_run(void *context)
{
    CpsRuntime *rt = context;
    uint64_t end = uv_hrtime() + STINT_NS;
    CpsWork *work = NULL;

    while ((work = thread_next(rt, work, end)) != NULL) {
        work->run(work);
    }
}

/* ---- in the loop's thread ---- */

/* So many threads work while the loop does. */
static int
threads_beside_loop(const CpsRuntime *rt)
{
    return rt->processors > 1 ? (int)rt->processors - 1 : 1;
}

/* Whether one thread more should begin, where `enough` do if none of them is stuck. With the lock. */
static bool
queue_wants_thread(CpsWorkQueue *queue, int enough)
{
    uint64_t now;

    if (queue->threads < enough || queue->threads >= queue->pool) {
        return queue->threads < queue->pool;
    }
    now = uv_hrtime();
    if (now - queue->taken_at < STUCK_NS) {
        return false;
    }
    queue->taken_at = now; /* it gets its time, too */
    return true;
}

static void on_thread_end(void *context);

/* Let one thread more begin, if there should be one. With the lock. Returns 0; or -1 with an exception set, when there is none at all. */
static int
queue_grow(CpsRuntime *rt, int enough)
{
    CpsWorkQueue *queue = rt->work;

    if (!queue_wants_thread(queue, enough)) {
        return 0;
    }
    if (cps_offload(rt, thread_run, on_thread_end, rt) == 0) {
        queue->threads++;
        return 0;
    }
    if (queue->threads > 0) {
        PyErr_Clear();
        return 0;
    }
    return -1;
}

/* The same in the hub, which nobody catches an exception of, and where something may be waiting or not. */
static void
queue_look_after(CpsRuntime *rt, int enough)
{
    if (!cps_list_empty(&rt->work->waiting) && queue_grow(rt, enough) < 0) {
        PyErr_WriteUnraisable(rt->module);
    }
}

/* In the hub. */
static void
on_thread_end(void *context)
{
    cps_work_collect(context);
}

int
cps_work_add(CpsRuntime *rt, CpsWork *work)
{
    CpsWorkQueue *queue = rt->work;
    int status;

    uv_mutex_lock(&queue->lock);
    if (cps_list_empty(&queue->waiting)) {
        queue->taken_at = uv_hrtime();
    }
    status = queue_grow(rt, threads_beside_loop(rt));
    if (status == 0) {
        cps_list_append(&queue->waiting, &work->link);
        __atomic_store_n(&queue->count, queue->count + 1, __ATOMIC_RELAXED);
    }
    uv_mutex_unlock(&queue->lock);
    return status;
}

size_t
cps_work_waiting(const CpsRuntime *rt)
{
    return __atomic_load_n(&rt->work->count, __ATOMIC_RELAXED);
}

void
cps_work_collect(CpsRuntime *rt)
{
    CpsWorkQueue *queue = rt->work;
    CpsList finished;
    CpsLink *link;

    cps_list_init(&finished);
    uv_mutex_lock(&queue->lock);
    queue->asleep = false;
    cps_list_splice(&finished, &queue->finished);
    queue_look_after(rt, threads_beside_loop(rt));
    uv_mutex_unlock(&queue->lock);
    while ((link = cps_list_pop(&finished)) != NULL) {
        CpsWork *work = CPS_CONTAINER(link, CpsWork, link);

        work->done(work);
    }
}

/* Take the next piece if it is brief, else NULL. With the lock. */
static CpsWork *
queue_take_brief(CpsWorkQueue *queue)
{
    CpsLink *first = cps_list_first(&queue->waiting);

    return first != NULL && CPS_CONTAINER(first, CpsWork, link)->brief ? queue_take(queue, uv_hrtime()) : NULL;
}

static void
work_here(CpsWork *work)
{
    Py_BEGIN_ALLOW_THREADS
    work->run(work);
    Py_END_ALLOW_THREADS
    work->done(work);
}

bool
cps_work_may_sleep(CpsRuntime *rt, uint64_t *delay)
{
    CpsWorkQueue *queue = rt->work;
    CpsWork *work = NULL;
    bool sleeps;

    uv_mutex_lock(&queue->lock);
    sleeps = cps_list_empty(&queue->finished) && (work = queue_take_brief(queue)) == NULL;
    queue->asleep = sleeps;
    if (sleeps && !cps_list_empty(&queue->waiting)) {
        queue_look_after(rt, (int)rt->processors);
        *delay = *delay < STUCK_NS ? *delay : STUCK_NS;
    }
    uv_mutex_unlock(&queue->lock);
    if (work != NULL) {
        work_here(work);
    }
    return sleeps;
}

/* ---- life ---- */

/* How many threads may work: one of libuv's is left for what must not wait for long work, as TLS handshakes and log files. */
static int
pool_threads(void)
{
    const char *text = getenv("UV_THREADPOOL_SIZE");
    int threads = text == NULL ? POOL_THREADS : atoi(text);

    return threads > 1 ? threads - 1 : 1;
}

int
cps_work_open(CpsRuntime *rt)
{
    CpsWorkQueue *queue = PyMem_RawCalloc(1, sizeof(*queue));

    if (queue == NULL || uv_mutex_init(&queue->lock) < 0) {
        PyMem_RawFree(queue);
        PyErr_NoMemory();
        return -1;
    }
    cps_list_init(&queue->waiting);
    cps_list_init(&queue->finished);
    queue->pool = pool_threads();
    rt->work = queue;
    return 0;
}

void
cps_work_close(CpsRuntime *rt)
{
    uv_mutex_destroy(&rt->work->lock);
    PyMem_RawFree(rt->work);
}
