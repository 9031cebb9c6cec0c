#include "loop/timer.h"

#include <math.h>

/* A deadline that no clock reaches, for time limits too long to count. */
static const double TIMER_LONGEST = 1e9; /* seconds */

CpsTimer *
cps_timer_start(CpsRuntime *rt, double seconds, void (*fired)(CpsTimer *, void *), void *context)
{
    CpsTimer *timer = PyMem_Malloc(sizeof(*timer));

    if (timer == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    seconds = seconds > 0 ? fmin(seconds, TIMER_LONGEST) : 0;
    *timer = (CpsTimer){
        .item = {.key = uv_hrtime() + (uint64_t)ceil(seconds * 1e9)},
        .rt = rt,
        .fired = fired,
        .context = context,
    };
    if (cps_heap_add(&rt->timers, &timer->item) < 0) {
        PyMem_Free(timer);
        PyErr_NoMemory();
        return NULL;
    }
    if (cps_heap_first(&rt->timers) == &timer->item) {
        cps_runtime_wake(rt); /* it may be asleep until a later one */
    }
    return timer;
}

void
cps_timer_cancel(CpsTimer **timer_p)
{
    CpsTimer *timer = *timer_p;

    *timer_p = NULL;
    if (timer != NULL) {
        cps_heap_remove(&timer->rt->timers, &timer->item);
        PyMem_Free(timer);
    }
}

void
cps_timers_run(CpsRuntime *rt)
{
    CpsHeapItem *first = cps_heap_first(&rt->timers);
    uint64_t now = first == NULL ? 0 : uv_hrtime();

    while (first != NULL && first->key <= now) {
        CpsTimer *timer = (CpsTimer *)first;

        cps_heap_remove(&rt->timers, first);
        timer->fired(timer, timer->context);
        PyMem_Free(timer);
        first = cps_heap_first(&rt->timers);
    }
}

uint64_t
cps_timers_delay(CpsRuntime *rt)
{
    CpsHeapItem *first = cps_heap_first(&rt->timers);
    uint64_t now;

    if (first == NULL) {
        return UINT64_MAX;
    }
    now = uv_hrtime();
    return first->key > now ? first->key - now : 0;
}

void
cps_timers_free(CpsRuntime *rt)
{
    while (rt->timers.length > 0) {
        PyMem_Free(rt->timers.items[--rt->timers.length]);
    }
    cps_heap_free(&rt->timers);
}
