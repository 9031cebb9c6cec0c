/* cps_complete: a completion that a timer queues ends the run of the loop. libuv 1.44 runs timers before it polls, so without
 * uv_stop the poll would block on handles that have nothing to say, with the completion queued. */
#include "loop/runtime.h"

#include <assert.h>
#include <unistd.h>

static CpsRuntime rt;

static void
never(CpsCompletion *completion, CpsRuntime *runtime)
{
    assert(!"a callback only queues: the hub calls done, with the GIL");
}

static CpsCompletion first = {.done = never}, second = {.done = never};

static void
on_timer(uv_timer_t *timer)
{
    cps_complete(&rt, timer->data);
}

static void
on_async(uv_async_t *async)
{
}

int
main(void)
{
    uv_timer_t one, two;

    assert(uv_loop_init(&rt.loop) == 0);
    cps_list_init(&rt.completions);
    assert(uv_async_init(&rt.loop, &rt.async, on_async) == 0); /* keeps the loop alive, and never fires */
    uv_timer_init(&rt.loop, &one);
    uv_timer_init(&rt.loop, &two);
    one.data = &first;
    two.data = &second;
    uv_timer_start(&one, on_timer, 0, 0);
    uv_timer_start(&two, on_timer, 0, 0);
    alarm(20); /* ends a run that blocks */
    uv_run(&rt.loop, UV_RUN_ONCE);
    alarm(0);
    assert(cps_list_pop(&rt.completions) == &first.link);
    assert(cps_list_pop(&rt.completions) == &second.link);
    assert(cps_list_empty(&rt.completions));
    uv_close((uv_handle_t *)&one, NULL);
    uv_close((uv_handle_t *)&two, NULL);
    uv_close((uv_handle_t *)&rt.async, NULL);
    uv_run(&rt.loop, UV_RUN_DEFAULT);
    assert(uv_loop_close(&rt.loop) == 0);
    return 0;
}
