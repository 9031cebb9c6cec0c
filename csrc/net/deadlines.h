/* deadlines.h: the time limits of many connections, on one timer. All waits of a kind are as long, so that a list in the order of arrival is
 * one in the order of deadlines. Plain C, in the loop's thread. */
#ifndef CPS_NET_DEADLINES_H
#define CPS_NET_DEADLINES_H

#include "base/list.h"

#include <stdint.h>
#include <uv.h>

/* How many kinds of waits there may be. */
enum { CPS_DEADLINE_KINDS = 5 };

/* What a connection waits for. Zero-filled: nothing. */
typedef struct {
    CpsLink link; /* in one of CpsDeadlines.waiting */
    uint64_t due; /* milliseconds of uv_now */
    int kind;
} CpsDeadline;

typedef struct CpsDeadlines {
    /* The time of one is over, which is taken off first. In uv_run; may set and clear any. */
    void (*on_due)(struct CpsDeadlines *deadlines, CpsDeadline *deadline);

    /* of deadlines.c */
    uv_timer_t timer;
    CpsList waiting[CPS_DEADLINE_KINDS]; /* CpsDeadline.link, the earliest first */
    uint64_t timer_due;                  /* uv_now when it fires */
} CpsDeadlines;

void cps_deadlines_init(CpsDeadlines *self, uv_loop_t *loop, void (*on_due)(CpsDeadlines *, CpsDeadline *));

/* on_closed is called from uv_run, with the timer. */
void cps_deadlines_close(CpsDeadlines *self, uv_close_cb on_closed);

/* Wait, from now on: for this and no longer for anything else. `ms` is the same for all waits of the kind. */
void cps_deadline_set(CpsDeadlines *self, CpsDeadline *deadline, int kind, uint32_t ms);

/* The one that has waited for that the longest, or NULL. */
static inline CpsDeadline *
cps_deadlines_first(const CpsDeadlines *self, int kind)
{
    CpsLink *link = cps_list_first(&self->waiting[kind]);

    return link == NULL ? NULL : CPS_CONTAINER(link, CpsDeadline, link);
}

/* Wait no longer; safe when nothing is waited for. */
static inline void
cps_deadline_clear(CpsDeadline *deadline)
{
    cps_link_remove(&deadline->link);
}

/* Whether it waits for that. */
static inline bool
cps_deadline_is(const CpsDeadline *deadline, int kind)
{
    return cps_link_listed(&deadline->link) && deadline->kind == kind;
}

#endif
