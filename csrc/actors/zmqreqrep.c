/* ZMQReq and ZMQRep: one question, one answer. */
#include "actors/zmqactor.h"
#include "event/event.h"
#include "loop/timer.h"

/* --- ZMQReq: the consume of an event is a job that lasts until its answer is there ------------------------------------------------------ */

typedef struct {
    CpsJob job;
    CpsTimer *timer;   /* owned; NULL once it has fired */
    PyObject *reply;   /* owned event, or NULL */
    PyObject *problem; /* owned exception: the reply was no event; or NULL */
} Question;

static void
question_over(CpsZmqActor *self, Question *question)
{
    self->asking = NULL;
    cps_timer_cancel(&question->timer);
    cps_job_done(&question->job);
    cps_zmq_actor_schedule(self); /* the next one may be asked */
}

static void
question_timed_out(CpsTimer *Py_UNUSED(timer), void *context)
{
    Question *question = context;

    question->timer = NULL;
    question_over((CpsZmqActor *)question->job.actor, question);
}

static int
question_begin(CpsJob *job)
{
    Question *question = (Question *)job;
    CpsZmqActor *self = (CpsZmqActor *)job->actor;

    question->timer = cps_timer_start(self->base.rt, self->timeout, question_timed_out, question);
    if (question->timer == NULL) {
        return -1;
    }
    if (cps_zmq_actor_send(self, job->consume.event, NULL, 0) < 0) {
        return -1;
    }
    self->asking = job;
    self->base.busy = true;
    return 0;
}

/* The answer goes on in the place of the question. Returns 0, or -1 with an exception set. */
static int
send_answer(CpsActor *self, Question *question)
{
    CpsEvent *reply = (CpsEvent *)question->reply;

    cps_lineage_unref(reply->lineage);
    reply->lineage = cps_lineage_ref(question->job.consume.lineage);
    return reply->error != NULL ? cps_actor_send_error(self, question->reply) : cps_actor_send(self, question->reply);
}

static int
question_finish(CpsJob *job, CpsActor *self)
{
    Question *question = (Question *)job;

    if (question->reply != NULL) {
        return send_answer(self, question);
    }
    if (question->problem != NULL) {
        PyErr_SetRaisedException(Py_NewRef(question->problem));
        cps_raise_from(self->state, CPS_BAD_GATEWAY, "the reply to '%S' is no event: %S", self->name,
                       question->problem);
        return -1;
    }
    cps_raise(self->state, CPS_ACTOR_TIMEOUT, "no reply to '%S' within the time limit", self->name);
    return -1;
}

static void
question_free(CpsJob *job)
{
    Question *question = (Question *)job;

    cps_timer_cancel(&question->timer);
    Py_XDECREF(question->reply);
    Py_XDECREF(question->problem);
    PyMem_Free(question);
}

static void
question_cancel(CpsJob *job)
{
    CpsZmqActor *self = (CpsZmqActor *)job->actor;

    self->asking = NULL;
    cps_timer_cancel(&((Question *)job)->timer);
    cps_job_done(job);
}

static const CpsJobOps question_ops = {
    .begin = question_begin,
    .finish = question_finish,
    .free = question_free,
    .cancel = question_cancel,
};

static int
req_start_job(CpsActor *self, CpsConsume *consume)
{
    Question *question = PyMem_Calloc(1, sizeof(*question));

    if (question == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return cps_job_start(&question->job, &question_ops, self, consume) < 0 ? -1 : 1;
}

/* Events come by queues only, and there they become jobs. */
static int
req_consume(CpsActor *self, CpsInbox *Py_UNUSED(inbox), PyObject *Py_UNUSED(event))
{
    PyErr_Format(PyExc_RuntimeError, "'%S' takes events from its queues only", self->name);
    return -1;
}

static int
req_receive(CpsZmqActor *self, CpsZmqMessage *message)
{
    Question *question = (Question *)self->asking;
    PyObject *reply = cps_zmq_actor_load(self, message, 0);

    if (question == NULL) {
        Py_XDECREF(reply);
        cps_raise(self->base.state, CPS_MALFORMED_EVENT_DATA, "a reply that nobody waits for any more");
        return -1;
    }
    question->reply = reply;
    if (reply == NULL) {
        if (!cps_ordinary_error()) {
            return -1;
        }
        question->problem = PyErr_GetRaisedException();
        self->refused++;
    }
    question_over(self, question);
    return 0;
}

/* --- ZMQRep: the next question is taken when this one is answered ----------------------------------------------------------------------- */

typedef struct CpsZmqAnswering {
    CpsZmqActor *actor;    /* borrowed */
    CpsLineage *lineage;   /* borrowed: of the question; NULL once it has settled */
    CpsTimer *timer;       /* owned; NULL once it has fired */
    PyObject *id;          /* owned: event_id of the question */
    PyObject *error_event; /* owned: what took the error path; or NULL */
    bool settled, timed_out;
} Answering;

static void
answering_free(Answering *self)
{
    if (self->lineage != NULL) {
        self->lineage->watch = NULL;
    }
    cps_timer_cancel(&self->timer);
    Py_XDECREF(self->id);
    Py_XDECREF(self->error_event);
    PyMem_Free(self);
}

static void
rep_forget(CpsZmqActor *self)
{
    Answering *answering = self->answering;

    self->answering = NULL;
    if (answering != NULL) {
        answering_free(answering);
    }
}

static void
answering_settled(CpsLineage *lineage, void *context)
{
    Answering *self = context;

    self->lineage = NULL;
    if (!lineage->held) { /* else somebody may have taken it who answers later */
        self->settled = true;
        cps_zmq_actor_schedule(self->actor);
    }
}

static void
answering_error(CpsLineage *Py_UNUSED(lineage), PyObject *event, void *context)
{
    Py_XSETREF(((Answering *)context)->error_event, Py_NewRef(event));
}

static const CpsLineageWatch answering_watch = {.on_settled = answering_settled, .on_error = answering_error};

static void
answering_timed_out(CpsTimer *Py_UNUSED(timer), void *context)
{
    Answering *self = context;

    self->timer = NULL;
    self->timed_out = true;
    cps_zmq_actor_schedule(self->actor);
}

/* An event that says why there is no answer. New, or NULL with an exception set. */
static PyObject *
make_excuse(CpsZmqActor *self, const Answering *answering)
{
    CpsState *state = self->base.state;
    PyObject *nothing, *event, *error;

    if (answering->error_event != NULL) {
        return Py_NewRef(answering->error_event);
    }
    nothing = PyTuple_New(0);
    event = nothing == NULL ? NULL : state->types.Event->tp_new(state->types.Event, nothing, NULL);
    Py_XDECREF(nothing);
    if (event == NULL) {
        return NULL;
    }
    ((CpsEvent *)event)->event_id = Py_NewRef(answering->id);
    error =
        PyObject_CallFunction(state->errors[answering->timed_out ? CPS_ACTOR_TIMEOUT : CPS_SERVICE_UNAVAILABLE], "s",
                              answering->timed_out ? "no answer within the time limit" : "it ended without an answer");
    if (error == NULL || cps_event_set_error(state, event, error) < 0) {
        Py_CLEAR(event);
    }
    Py_XDECREF(error);
    return event;
}

static void
rep_settle(CpsZmqActor *self)
{
    Answering *answering = self->answering;
    PyObject *excuse;

    if (answering == NULL || !(answering->settled || answering->timed_out)) {
        return;
    }
    excuse = make_excuse(self, answering);
    if (excuse == NULL || cps_zmq_actor_send(self, excuse, NULL, 0) < 0) {
        cps_runtime_unraisable((PyObject *)self);
    }
    Py_XDECREF(excuse);
    rep_forget(self);
}

static bool
rep_waits(const CpsZmqActor *self)
{
    return self->answering != NULL;
}

/* Wait for the answer to `event`. Returns 0, or -1 with an exception set. */
static int
rep_expect(CpsZmqActor *self, PyObject *event)
{
    CpsEvent *question = (CpsEvent *)event;
    Answering *answering = PyMem_Calloc(1, sizeof(*answering));

    if (answering == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    answering->actor = self;
    answering->id = Py_XNewRef(cps_event_id(question));
    answering->timer = cps_timer_start(self->base.rt, self->timeout, answering_timed_out, answering);
    question->lineage = cps_lineage_new(self->base.ledger);
    if (answering->id == NULL || answering->timer == NULL || question->lineage == NULL) {
        answering_free(answering);
        return -1;
    }
    answering->lineage = question->lineage;
    question->lineage->watch = &answering_watch;
    question->lineage->context = answering;
    self->answering = answering;
    return 0;
}

/* What is no event is answered, too: the peer waits. Returns -1 with the exception of before. */
static int
rep_refuse(CpsZmqActor *self)
{
    PyObject *error, *excuse;
    Answering nobody = {0};

    if (!cps_ordinary_error()) {
        return -1;
    }
    error = PyErr_GetRaisedException();
    nobody.id = PyUnicode_FromString("");
    excuse = nobody.id == NULL ? NULL : make_excuse(self, &nobody);
    if (excuse == NULL || cps_event_set_error(self->base.state, excuse, error) < 0 ||
        cps_zmq_actor_send(self, excuse, NULL, 0) < 0) {
        cps_runtime_unraisable((PyObject *)self);
    }
    Py_XDECREF(excuse);
    Py_XDECREF(nobody.id);
    PyErr_SetRaisedException(error);
    return -1;
}

static int
rep_receive(CpsZmqActor *self, CpsZmqMessage *message)
{
    PyObject *event = cps_zmq_actor_load(self, message, 0);
    int result;

    if (event == NULL) {
        return rep_refuse(self);
    }
    result = rep_expect(self, event);
    if (result == 0 && cps_actor_send(&self->base, event) < 0) {
        rep_forget(self);
        result = rep_refuse(self);
    }
    Py_DECREF(event);
    return result;
}

static int
rep_consume(CpsActor *actor, CpsInbox *Py_UNUSED(inbox), PyObject *event)
{
    CpsZmqActor *self = (CpsZmqActor *)actor;
    PyObject *id = cps_event_id((CpsEvent *)event); /* borrowed */
    int same = id == NULL ? -1 : self->answering == NULL ? 0 : PyObject_RichCompareBool(self->answering->id, id, Py_EQ);

    if (same <= 0) {
        if (same == 0) {
            cps_raise(actor->state, CPS_RESOURCE_NOT_FOUND, "no request with id %S waits for an answer", id);
        }
        return -1;
    }
    if (cps_zmq_actor_send(self, event, NULL, 0) < 0) {
        return -1;
    }
    rep_forget(self);
    return 0;
}

/* --- the types --------------------------------------------------------------------------------------------------------------------------- */

static const CpsZmqActorOps req_ops = {
    .actor = {.consume = req_consume, .start_job = req_start_job, CPS_ZMQ_ACTOR_OPS},
    .receive = req_receive,
    .type = ZMQ_REQ,
    .default_mode = "connect",
    .sends = true,
};

static const CpsZmqActorOps rep_ops = {
    .actor = {.consume = rep_consume, CPS_ZMQ_ACTOR_OPS, .sends_apart = true, .may_end = true},
    .receive = rep_receive,
    .waits = rep_waits,
    .settle = rep_settle,
    .give_up = rep_forget,
    .type = ZMQ_REP,
    .default_mode = "bind",
};

static int
req_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return cps_zmq_actor_init(self, &req_ops, "ZMQReq", args, kwargs);
}

static int
rep_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return cps_zmq_actor_init(self, &rep_ops, "ZMQRep", args, kwargs);
}

PyDoc_STRVAR(
    req_doc,
    "ZMQReq(name, mode='connect', port=9000, transmission_protocol='tcp', socket_file=None, host=None, *args,\n"
    "       timeout=30, high_water_mark=1000, linger=2, **kwargs)\n--\n\n"
    "Ask one of the peers, in turn, and send its answer on (ZeroMQ REQ, RFC 28).\n\n"
    "In: Event. Out: the answer, in the place of the event; one that carries an error goes along the error path.\n"
    "One event at a time; the others wait in the inbox. Without an answer within `timeout` seconds the event takes\n"
    "the error path (ActorTimeout), and so it does when the answer is no event "
    "(BadGateway).\n\n" CPS_ZMQ_ENDPOINT_DOC CPS_ZMQ_LINGER_DOC CPS_WIRE_DOC CPS_ZMQ_SECURITY_DOC);

PyDoc_STRVAR(
    rep_doc,
    "ZMQRep(name, mode='bind', port=9000, transmission_protocol='tcp', socket_file=None, host=None, *args,\n"
    "       timeout=30, high_water_mark=1000, linger=2, **kwargs)\n--\n\n"
    "Take a question, and answer it with the event that comes back with its id (ZeroMQ REP, RFC 28).\n\n"
    "Out: the question. In: its answer; an event with another id is refused (ResourceNotFound). The next question\n"
    "is taken after that. One that fails, or ends without an answer, is answered with an event that has the error;\n"
    "so is one that is not answered within `timeout` seconds (ActorTimeout).\n\n" CPS_ZMQ_ENDPOINT_DOC
        CPS_ZMQ_LINGER_DOC CPS_WIRE_DOC CPS_ZMQ_SECURITY_DOC);

CPS_ZMQ_TYPE(req, "compysition.actors.zeromq.ZMQReq");
CPS_ZMQ_TYPE(rep, "compysition.actors.zeromq.ZMQRep");

int
cps_zmqreqrep_setup(PyObject *module, CpsState *state)
{
    PyTypeObject *event = state->types.Event;

    return cps_zmq_actor_add_type(module, &state->types.ZMQReq, &req_spec, event, event, ZMQ_REQ) < 0
               ? -1
               : cps_zmq_actor_add_type(module, &state->types.ZMQRep, &rep_spec, event, event, ZMQ_REP);
}
