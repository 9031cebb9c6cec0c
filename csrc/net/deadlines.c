#include "net/deadlines.h"

enum {
    LATE_MS = 1000, /* a timer as late: the thread was busy, and bytes wait in the kernel that nobody has looked at */
    LOOK_MS = 1,    /* until they have been */
};

static void on_timer(uv_timer_t *timer);

static void
wake_at(CpsDeadlines *self, uint64_t due)
{
    uint64_t now = uv_now(self->timer.loop);

    self->timer_due = due > now ? due : now;
    uv_timer_start(&self->timer, on_timer, self->timer_due - now, 0);
}

static void
wake_before(CpsDeadlines *self, uint64_t due)
{
    if (!uv_is_active((uv_handle_t *)&self->timer) || due < self->timer_due) {
        wake_at(self, due);
    }
}

/* Those of one kind whose time is over. Returns the deadline of the next one, or UINT64_MAX. */
static uint64_t
expire(CpsDeadlines *self, CpsList *waiting, uint64_t now)
{
    CpsLink *link;

    while ((link = cps_list_first(waiting)) != NULL) {
        CpsDeadline *deadline = CPS_CONTAINER(link, CpsDeadline, link);

        if (deadline->due > now) {
            return deadline->due;
        }
        cps_deadline_clear(deadline);
        self->on_due(self, deadline);
    }
    return UINT64_MAX;
}

static void
on_timer(uv_timer_t *timer)
{
    CpsDeadlines *self = CPS_CONTAINER(timer, CpsDeadlines, timer);
    uint64_t now = uv_now(timer->loop), next = UINT64_MAX;

    if (now - self->timer_due > LATE_MS) {
        wake_at(self, now + LOOK_MS);
        return;
    }
    for (int kind = 0; kind < CPS_DEADLINE_KINDS; kind++) {
        uint64_t due = expire(self, &self->waiting[kind], now);

        next = due < next ? due : next;
    }
    if (next != UINT64_MAX) {
        wake_before(self, next);
    }
}

void
cps_deadlines_init(CpsDeadlines *self, uv_loop_t *loop, void (*on_due)(CpsDeadlines *, CpsDeadline *))
{
    self->on_due = on_due;
    for (int kind = 0; kind < CPS_DEADLINE_KINDS; kind++) {
        cps_list_init(&self->waiting[kind]);
    }
    uv_timer_init(loop, &self->timer); /* cannot fail */
}

void
cps_deadlines_close(CpsDeadlines *self, uv_close_cb on_closed)
{
    uv_close((uv_handle_t *)&self->timer, on_closed);
}

void
cps_deadline_set(CpsDeadlines *self, CpsDeadline *deadline, int kind, uint32_t ms)
{
    cps_deadline_clear(deadline);
    deadline->due = uv_now(self->timer.loop) + ms;
    deadline->kind = kind;
    cps_list_append(&self->waiting[kind], &deadline->link);
    wake_before(self, deadline->due);
}
