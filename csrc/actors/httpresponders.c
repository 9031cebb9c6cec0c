/* Clients that wait: who they are, and when they wait in vain. */
#include "actors/httpserver.h"

#include "event/event.h"

/* --- what becomes of their events -------------------------------------------------------------------------------------------- */

/* An event that was taken by a Python actor, or left the process, may come back as another one with its id: it is waited for. */
static void
responder_on_settled(CpsLineage *lineage, void *context)
{
    CpsResponder *responder = context;

    responder->lineage = NULL;
    if (!lineage->held) {
        cps_list_append(&responder->server->ended, &responder->ended_link);
        cps_httpserver_schedule(responder->server);
    }
}

static void
responder_on_error(CpsLineage *Py_UNUSED(lineage), PyObject *event, void *context)
{
    CpsResponder *responder = context;

    Py_XSETREF(responder->error, Py_NewRef(event));
}

static const CpsLineageWatch responder_watch = {
    .on_settled = responder_on_settled,
    .on_error = responder_on_error,
};

/* --- one of them ---------------------------------------------------------------------------------------------------------------- */

int
cps_responder_add(CpsHTTPServer *self, CpsHttpExchange *exchange, PyObject *event, PyObject *accept)
{
    CpsResponder *responder = PyMem_Calloc(1, sizeof(*responder));
    CpsLineage *lineage = responder == NULL ? NULL : cps_lineage_new(self->base.ledger);

    if (lineage == NULL || !cps_event_read_id((CpsEvent *)event, responder->node.id) ||
        cps_idmap_add(&self->responders, &responder->node) < 0) {
        cps_lineage_unref(lineage);
        PyMem_Free(responder);
        PyErr_NoMemory();
        return -1;
    }
    lineage->watch = &responder_watch;
    lineage->context = responder;
    ((CpsEvent *)event)->lineage = lineage; /* takes it */
    responder->server = self;
    responder->exchange = exchange;
    responder->lineage = lineage;
    responder->event_class = (PyTypeObject *)Py_NewRef((PyObject *)Py_TYPE(event));
    responder->accept = Py_NewRef(accept);
    responder->deadline_ns = exchange->received_ns + (uint64_t)(self->timeout * 1e9);
    exchange->user = responder;
    cps_list_append(&self->order, &responder->order_link);
    return 0;
}

CpsResponder *
cps_responder_find(CpsHTTPServer *self, PyObject *event)
{
    uint8_t id[CPS_EVENT_ID_BYTES];

    return cps_event_read_id((CpsEvent *)event, id) ? (CpsResponder *)cps_idmap_find(&self->responders, id) : NULL;
}

void
cps_responder_detach(CpsResponder *responder)
{
    if (responder->lineage != NULL) {
        responder->lineage->watch = NULL;
        responder->lineage = NULL;
    }
    responder->exchange->user = NULL;
    cps_idmap_remove(&responder->server->responders, &responder->node);
    cps_link_remove(&responder->order_link);
    cps_link_remove(&responder->ended_link);
}

void
cps_responder_free(CpsResponder *responder)
{
    Py_DECREF((PyObject *)responder->event_class);
    Py_DECREF(responder->accept);
    Py_XDECREF(responder->error);
    PyMem_Free(responder);
}

/* --- those who wait in vain -------------------------------------------------------------------------------------------------------- */

void
cps_responders_drop_gone(CpsHTTPServer *self, CpsHttpServer *http)
{
    CpsHttpExchange *exchange;

    while ((exchange = cps_http_next_gone(http)) != NULL) {
        CpsResponder *responder = exchange->user;
        CpsBuffer nothing = {0};

        if (responder != NULL) { /* else its answer is being made, and will be thrown away */
            cps_responder_detach(responder);
            cps_http_answer(exchange, &nothing, true);
            cps_responder_free(responder);
        }
    }
}

CpsResponder *
cps_responders_next_ended(CpsHTTPServer *self)
{
    CpsLink *link = cps_list_first(&self->ended);
    CpsResponder *responder = link == NULL ? NULL : CPS_CONTAINER(link, CpsResponder, ended_link);

    if (responder != NULL) {
        cps_responder_detach(responder);
    }
    return responder;
}

CpsResponder *
cps_responders_next(CpsHTTPServer *self)
{
    CpsLink *link = cps_list_first(&self->order);
    CpsResponder *responder = link == NULL ? NULL : CPS_CONTAINER(link, CpsResponder, order_link);

    if (responder != NULL) {
        cps_responder_detach(responder);
    }
    return responder;
}

static void
responders_on_timer(CpsTimer *Py_UNUSED(timer), void *context)
{
    CpsHTTPServer *self = context;

    self->timer = NULL;
    cps_httpserver_schedule(self);
}

CpsResponder *
cps_responders_next_late(CpsHTTPServer *self)
{
    CpsLink *link = cps_list_first(&self->order);
    uint64_t now = uv_hrtime(), deadline;

    if (link == NULL) {
        return NULL;
    }
    deadline = CPS_CONTAINER(link, CpsResponder, order_link)->deadline_ns;
    if (deadline <= now) {
        return cps_responders_next(self);
    }
    if (self->timer == NULL) {
        self->timer = cps_timer_start(self->base.rt, (double)(deadline - now) / 1e9, responders_on_timer, self);
        if (self->timer == NULL) {
            PyErr_WriteUnraisable((PyObject *)self); /* the next request tries again */
        }
    }
    return NULL;
}
