#include "xml/transforming.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* for all that follows, and the fields of CpsTransforming */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static CpsList running;
static bool process_ends;

/* ---- forks ---- */

static void
lock_before_fork(void)
{
    pthread_mutex_lock(&lock);
}

static void
unlock_in_parent(void)
{
    pthread_mutex_unlock(&lock);
}

/* The other threads, with what they did, are not here. */
static void
forget_in_child(void)
{
    cps_list_init(&running);
    pthread_mutex_unlock(&lock);
}

static void
set_up(void)
{
    cps_list_init(&running);
    pthread_atfork(lock_before_fork, unlock_in_parent, forget_in_child);
}

/* ---- transformations ---- */

bool
cps_transforming_begin(CpsTransforming *self, xsltTransformContext *context)
{
    bool begun;

    pthread_once(&once, set_up);
    pthread_mutex_lock(&lock);
    begun = !self->cancelled && !process_ends;
    if (begun) {
        self->context = context;
        cps_list_append(&running, &self->link);
    }
    pthread_mutex_unlock(&lock);
    return begun;
}

void
cps_transforming_end(CpsTransforming *self)
{
    pthread_mutex_lock(&lock);
    cps_link_remove(&self->link);
    self->context = NULL;
    pthread_mutex_unlock(&lock);
}

/* libxslt looks at the state before each instruction, libxml2 at the limit in each step of an expression. */
static void
interrupt(CpsTransforming *self)
{
    __atomic_store_n(&self->cancelled, true, __ATOMIC_RELAXED);
    if (self->context != NULL) {
        __atomic_store_n(&self->context->state, XSLT_STATE_STOPPED, __ATOMIC_RELAXED);
        __atomic_store_n(&self->context->xpathCtxt->opLimit, 1, __ATOMIC_RELAXED);
    }
}

void
cps_transforming_cancel(CpsTransforming *self)
{
    pthread_mutex_lock(&lock);
    interrupt(self);
    pthread_mutex_unlock(&lock);
}

/* Before libuv joins the pool's threads: it was loaded before us. */
__attribute__((destructor)) static void
cancel_all(void)
{
    pthread_once(&once, set_up);
    pthread_mutex_lock(&lock);
    process_ends = true;
    for (CpsLink *link = cps_list_first(&running); link != NULL; link = cps_list_after(&running, link)) {
        interrupt(CPS_CONTAINER(link, CpsTransforming, link));
    }
    pthread_mutex_unlock(&lock);
}
