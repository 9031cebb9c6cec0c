#include "flow/queue.h"

#include "event/event.h"
#include "flow/actor.h"
#include "flow/graph.h"

#include <uv.h>

enum {
    SAMPLE_EVERY = 64,      /* of that many elements, one is timed */
    LOG_LIMIT = 100 * 1000, /* log records kept when nobody takes them; then the oldest go */
};

static CpsWait *
wait_of_link(CpsLink *link)
{
    return CPS_CONTAINER(link, CpsWait, link);
}

/* Whether the element is an event of the flow. */
static bool
queue_is_event(CpsQueue *queue, PyObject *element)
{
    return !queue->carries_log && cps_event_check(queue->state, element);
}

CpsLineage *
cps_queue_lineage(CpsQueue *queue, PyObject *element)
{
    return queue_is_event(queue, element) ? ((CpsEvent *)element)->lineage : NULL;
}

/* --- adding ------------------------------------------------------------------------------------------------------------------------- */

static void
queue_count_in(CpsQueue *queue)
{
    queue->counters.in++;
    if (queue->sample_at == 0 && queue->counters.in % SAMPLE_EVERY == 0) {
        queue->sample_at = queue->counters.in;
        queue->sample_start = uv_hrtime();
    }
}

static void
queue_changed(CpsQueue *queue)
{
    if (!cps_list_empty(&queue->watchers)) {
        cps_wait_wake_all(&queue->watchers);
    }
}

/* Give the element (stolen) to the first who waits in get(). Returns false, taking nothing, when nobody does. */
static bool
queue_hand_over(CpsQueue *queue, PyObject *element)
{
    CpsLink *link = cps_list_pop(&queue->getters);

    if (link == NULL) {
        return false;
    }
    queue->counters.out++;
    wait_of_link(link)->item = element;
    cps_wait_wake(wait_of_link(link));
    return true;
}

static void
queue_schedule(CpsQueue *queue)
{
    CpsLink *first = cps_list_first(&queue->inboxes);

    if (first == NULL) {
        return;
    }
    cps_inbox_schedule(CPS_CONTAINER(first, CpsInbox, queue_link));
    if (cps_list_after(&queue->inboxes, first) != NULL) { /* consumers that compete take turns */
        cps_link_remove(first);
        cps_list_append(&queue->inboxes, first);
    }
}

/* The ring holds one element more: count it, and let it be consumed. */
static void
queue_enter(CpsQueue *queue)
{
    if (queue->ring.length > queue->counters.highest) {
        queue->counters.highest = queue->ring.length;
    }
    if (queue->part != NULL) {
        queue->part->inside++;
    }
    queue_schedule(queue);
    queue_changed(queue);
}

/* Add an element whose delivery is counted already. Steals it on success. Returns 0, or -1 with MemoryError set. */
static int
queue_append(CpsQueue *queue, PyObject *element)
{
    if (!cps_list_empty(&queue->getters) && queue_hand_over(queue, element)) {
        queue->counters.in++;
        return 0;
    }
    if (cps_ring_push(&queue->ring, element) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    queue_count_in(queue);
    queue_enter(queue);
    return 0;
}

static void
queue_drop_oldest_record(CpsQueue *queue)
{
    PyObject *record = cps_ring_pop(&queue->ring);

    queue->counters.dropped++;
    Py_XDECREF(record);
}

int
cps_queue_push(CpsQueue *queue, PyObject **element_p)
{
    CpsLineage *lineage = cps_queue_lineage(queue, *element_p);

    if (queue->carries_log && queue->ring.length >= LOG_LIMIT) {
        queue_drop_oldest_record(queue);
    }
    if (lineage != NULL) {
        cps_lineage_deliver(lineage);
    }
    if (queue_append(queue, *element_p) < 0) {
        if (lineage != NULL) {
            cps_lineage_end(lineage, CPS_FATE_FAILED);
        }
        return -1;
    }
    *element_p = NULL;
    return 0;
}

int
cps_queue_offer(CpsQueue *queue, PyObject **element_p)
{
    if (cps_queue_full(queue) && !queue->carries_log) {
        return 0;
    }
    return cps_queue_push(queue, element_p) < 0 ? -1 : 1;
}

/* QueueFull with the queue as its attribute. Returns -1. */
static int
queue_raise_full(CpsQueue *queue)
{
    PyObject *exc;

    cps_raise(queue->state, CPS_QUEUE_FULL, "Queue %S is full", queue->name);
    exc = PyErr_GetRaisedException(); /* new */
    if (cps_error_is(queue->state, exc, CPS_QUEUE_FULL) &&
        PyObject_SetAttrString(exc, "queue", (PyObject *)queue) < 0) {
        PyErr_Clear(); /* the message says it as well */
    }
    PyErr_SetRaisedException(exc);
    return -1;
}

/* Wait in line for room, and put *element_p (taken). Returns 1 when it was put, 0 when the time is over, or -1. */
static int
queue_wait_to_put(CpsQueue *queue, PyObject **element_p, double seconds)
{
    CpsWait *wait = cps_wait_new(queue->state);
    int status;

    if (wait == NULL) {
        return -1;
    }
    status = cps_queue_offer(queue, element_p);
    if (status == 0) {
        wait->item = *element_p; /* the wait's; whoever makes room takes it */
        *element_p = NULL;
        cps_list_append(&queue->putters, &wait->link);
        status = cps_wait_park(wait, seconds);
        status = status < 0 ? -1 : status == 0;
    }
    cps_wait_free(wait);
    return status;
}

int
cps_queue_put(CpsQueue *queue, PyObject *element, double seconds)
{
    PyObject *own = Py_NewRef(element);
    int status = cps_queue_offer(queue, &own);

    if (status == 0 && seconds != 0) {
        status = queue_wait_to_put(queue, &own, seconds);
    }
    Py_XDECREF(own);
    return status > 0 ? 0 : status < 0 ? -1 : queue_raise_full(queue);
}

static void
queue_drop(CpsQueue *queue, PyObject *element)
{
    CpsLineage *lineage = cps_queue_lineage(queue, element);

    queue->counters.dropped++;
    if (lineage != NULL) {
        cps_lineage_note(lineage, CPS_FATE_DROPPED);
    }
}

static int
queue_replace_oldest(CpsQueue *queue, PyObject **element_p)
{
    PyObject *oldest = cps_queue_take(queue); /* owned; NULL when its room went to someone who waited */
    CpsLineage *lineage = oldest == NULL ? NULL : cps_queue_lineage(queue, oldest);
    int status = cps_queue_push(queue, element_p);

    queue->counters.out -= oldest != NULL;
    queue->counters.dropped += oldest != NULL;
    if (lineage != NULL) {
        cps_lineage_end(lineage, CPS_FATE_DROPPED);
    }
    if (oldest != NULL) {
        cps_queue_left(queue);
        Py_DECREF(oldest);
    }
    return status < 0 ? -1 : 1;
}

static int
queue_send_waiting(CpsQueue *queue, PyObject **element_p)
{
    if (cps_queue_put(queue, *element_p, -1) < 0) {
        return -1;
    }
    Py_CLEAR(*element_p);
    return 1;
}

int
cps_queue_send(CpsQueue *queue, PyObject **element_p, CpsSender sender)
{
    if (!cps_queue_full(queue) || queue->carries_log ||
        (queue->part != NULL && (sender == CPS_SENDER_C || sender == CPS_SENDER_CONSUME))) {
        return cps_queue_push(queue, element_p) < 0 ? -1 : 1;
    }
    switch ((CpsOnFull)queue->on_full) {
    case CPS_ON_FULL_DROP_NEW:
        queue_drop(queue, *element_p);
        Py_CLEAR(*element_p);
        return 1;
    case CPS_ON_FULL_DROP_OLD:
        return queue_replace_oldest(queue, element_p);
    case CPS_ON_FULL_FAIL:
        return queue_raise_full(queue);
    case CPS_ON_FULL_BLOCK:
        break;
    }
    return sender == CPS_SENDER_C || sender == CPS_SENDER_C_SOURCE ? 0 : queue_send_waiting(queue, element_p);
}

/* --- taking ------------------------------------------------------------------------------------------------------------------------- */

/* The next who waits for room, in turn among fibers and C actors, puts his element. Returns false when nobody waits. */
static bool
queue_let_in(CpsQueue *queue)
{
    CpsLink *actor = cps_list_first(&queue->blocked);
    CpsLink *putter = cps_list_first(&queue->putters);
    PyObject *element; /* owned until pushed */
    int status;

    if (actor != NULL && (putter == NULL || queue->actors_turn)) {
        CpsPending *pending = CPS_CONTAINER(actor, CpsPending, link);

        queue->actors_turn = false;
        element = Py_NewRef(pending->event);
        status = queue_append(queue, element); /* counted when it became pending */
        if (status == 0) {
            cps_pending_done(pending);
        }
    }
    else if (putter != NULL) {
        CpsWait *wait = wait_of_link(putter);

        queue->actors_turn = true;
        element = Py_NewRef(wait->item);
        status = cps_queue_push(queue, &element);
        if (status == 0) {
            cps_wait_wake(wait);
        }
    }
    else {
        return false;
    }
    if (status < 0) { /* out of memory: they wait on */
        Py_XDECREF(element);
        PyErr_WriteUnraisable((PyObject *)queue);
        return false;
    }
    return true;
}

static void
queue_count_out(CpsQueue *queue)
{
    queue->counters.out++;
    if (queue->sample_at != 0 && queue->counters.in - queue->ring.length >= queue->sample_at) {
        queue->counters.waited_ns += uv_hrtime() - queue->sample_start;
        queue->counters.sampled++;
        queue->sample_at = 0;
    }
}

PyObject *
cps_queue_take(CpsQueue *queue)
{
    PyObject *element = cps_ring_pop(&queue->ring);

    if (element == NULL) {
        return NULL;
    }
    queue_count_out(queue);
    while (!cps_queue_full(queue) && queue_let_in(queue)) {
    }
    queue_changed(queue);
    return element;
}

void
cps_queue_left(CpsQueue *queue)
{
    if (queue->part != NULL) {
        cps_graph_part_left(queue->part);
    }
}

/* Somebody who does not consume took the last element. */
static void
queue_was_emptied(CpsQueue *queue)
{
    for (CpsLink *link = cps_list_first(&queue->inboxes); link != NULL; link = cps_list_after(&queue->inboxes, link)) {
        cps_actor_note_rest(CPS_CONTAINER(link, CpsInbox, queue_link)->actor);
    }
}

Py_ssize_t
cps_queue_purge(CpsQueue *queue, CpsLedger *ledger)
{
    Py_ssize_t count = 0;
    PyObject *element;

    while ((element = cps_queue_take(queue)) != NULL) {
        CpsLineage *lineage;

        if (queue_is_event(queue, element) && cps_lineage_adopt(&((CpsEvent *)element)->lineage, ledger) < 0) {
            PyErr_WriteUnraisable((PyObject *)queue);
        }
        lineage = cps_queue_lineage(queue, element);
        queue->counters.out--;
        queue->counters.dropped++;
        count++;
        if (lineage != NULL) {
            cps_lineage_end(lineage, CPS_FATE_REPORTED);
        }
        cps_queue_left(queue);
        Py_DECREF(element);
    }
    queue_was_emptied(queue);
    return count;
}

int
cps_queue_dump(CpsQueue *queue, CpsQueue *other)
{
    PyObject *element;

    while (queue != other && (element = cps_queue_take(queue)) != NULL) {
        cps_queue_left(queue);
        if (queue_append(other, element) < 0) {
            Py_DECREF(element);
            return -1;
        }
    }
    queue_was_emptied(queue);
    return 0;
}

/* --- getting and waiting ---------------------------------------------------------------------------------------------- */

static PyObject *
queue_raise_empty(CpsQueue *queue)
{
    return cps_raise(queue->state, CPS_QUEUE_EMPTY, "Queue %S has no waiting events", queue->name);
}

/* Give the element (stolen) that was taken last to the next one. */
static void
queue_put_back(CpsQueue *queue, PyObject *element)
{
    queue->counters.out--;
    if (queue_hand_over(queue, element)) {
        return;
    }
    if (cps_ring_push_front(&queue->ring, element) < 0) {
        PyErr_WriteUnraisable((PyObject *)queue);
        Py_DECREF(element);
        return;
    }
    queue_enter(queue);
}

/* Wait in line for an element. New, or NULL with an exception set. */
static PyObject *
queue_wait_for_element(CpsQueue *queue, double seconds)
{
    CpsWait *wait = cps_wait_new(queue->state);
    PyObject *element;
    int status = 0;

    if (wait == NULL) {
        return NULL;
    }
    element = cps_queue_take(queue);
    if (element == NULL) {
        cps_list_append(&queue->getters, &wait->link);
        status = cps_wait_park(wait, seconds);
        element = wait->item;
        wait->item = NULL;
    }
    else {
        cps_queue_left(queue);
    }
    if (status < 0 && element != NULL) { /* it was handed over just before the exception came */
        queue_put_back(queue, element);
        element = NULL;
    }
    cps_wait_free(wait);
    if (status == 1) {
        return queue_raise_empty(queue);
    }
    return element;
}

/* The delivery ends here: Python code has the element. It may send it again, or answer it; its lineage waits for that. */
PyObject *
cps_queue_get(CpsQueue *queue, double seconds)
{
    PyObject *element = cps_queue_take(queue);
    CpsLineage *lineage;

    if (element != NULL) {
        cps_queue_left(queue);
        if (queue->ring.length == 0) {
            queue_was_emptied(queue);
        }
    }
    else {
        element = seconds == 0 ? queue_raise_empty(queue) : queue_wait_for_element(queue, seconds);
    }
    lineage = element == NULL ? NULL : cps_queue_lineage(queue, element);
    if (lineage != NULL) {
        cps_lineage_keep(lineage);
    }
    return element;
}

PyObject *
cps_queue_peek(CpsQueue *queue)
{
    return queue->ring.length > 0 ? Py_NewRef((PyObject *)cps_ring_at(&queue->ring, 0)) : queue_raise_empty(queue);
}

typedef struct {
    CpsQueue *queue;
    CpsQueueTest reached;
} QueueGoal;

static bool
queue_goal_reached(void *context)
{
    const QueueGoal *goal = context;

    return goal->reached(goal->queue);
}

int
cps_queue_wait_until(CpsQueue *queue, CpsQueueTest reached, double seconds)
{
    QueueGoal goal = {queue, reached};

    return cps_wait_until(queue->state, &queue->watchers, queue_goal_reached, &goal, seconds);
}

static bool
queue_has_room(const CpsQueue *queue)
{
    return !cps_queue_full(queue);
}

int
cps_queue_wait_for_room(CpsQueue *queue, double seconds)
{
    return cps_queue_wait_until(queue, queue_has_room, seconds);
}

void
cps_queue_set_maxsize(CpsQueue *queue, Py_ssize_t maxsize)
{
    queue->maxsize = maxsize;
    while (!cps_queue_full(queue) && queue_let_in(queue)) {
    }
    queue_changed(queue);
}
