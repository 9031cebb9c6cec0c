/* ZMQPush, ZMQPull, ZMQPub, ZMQSub, ZMQDealer: events over one ZeroMQ socket, without answers. */
#include "actors/zmqactor.h"

#include <errno.h>

/* --- consumes and receivers ------------------------------------------------------------------------------------------------------------- */

/* A script calls consume itself: no inbox has more. */
static int
send_alone(CpsActor *actor, CpsInbox *Py_UNUSED(inbox), PyObject *event)
{
    CpsZmqActor *self = (CpsZmqActor *)actor;

    if (!cps_zmq_actor_flush(self)) {
        return cps_zmq_actor_sent(self, EAGAIN);
    }
    return cps_zmq_actor_send(self, event, NULL, 0);
}

/* The topic is the event's service. */
static int
send_with_topic(CpsActor *actor, CpsInbox *Py_UNUSED(inbox), PyObject *event)
{
    PyObject *service = PyObject_GetAttr(event, actor->state->names.service);
    PyObject *text = service == NULL ? NULL : PyObject_Str(service);
    Py_ssize_t length;
    const char *topic = text == NULL ? NULL : PyUnicode_AsUTF8AndSize(text, &length);
    int result = topic == NULL ? -1 : cps_zmq_actor_send((CpsZmqActor *)actor, event, topic, (size_t)length);

    Py_XDECREF(text);
    Py_XDECREF(service);
    return result;
}

static int
refuse_event(CpsActor *actor, CpsInbox *Py_UNUSED(inbox), PyObject *event)
{
    cps_log(actor->logger, CPS_LOG_WARNING, event,
            "Received event on queue, but this actor does not consume. Event has been discarded");
    cps_actor_drop(actor, event);
    return 0;
}

/* Send on the event of that frame. Returns 0, or -1 with an exception set. */
static int
take_frame(CpsZmqActor *self, CpsZmqMessage *message, size_t frame)
{
    PyObject *event = cps_zmq_actor_load(self, message, frame);
    int result = event == NULL ? -1 : cps_actor_send(&self->base, event);

    Py_XDECREF(event);
    return result;
}

static int
take_event(CpsZmqActor *self, CpsZmqMessage *message)
{
    return take_frame(self, message, 0);
}

static int
take_after_topic(CpsZmqActor *self, CpsZmqMessage *message)
{
    return take_frame(self, message, 1);
}

static const CpsZmqActorOps push_ops = {
    .actor = {.consume = send_alone,
              .start_job = cps_zmq_actor_gather,
              .unfinished = cps_zmq_actor_unfinished,
              CPS_ZMQ_ACTOR_OPS,
              .may_end = true,
              .exports = true},
    .type = ZMQ_PUSH,
    .default_mode = "connect",
    .sends = true,
    .batches = true,
};

static const CpsZmqActorOps pull_ops = {
    .actor = {.consume = refuse_event, CPS_ZMQ_ACTOR_OPS},
    .receive = take_event,
    .type = ZMQ_PULL,
    .default_mode = "bind",
    .batches = true,
};

static const CpsZmqActorOps pub_ops = {
    .actor = {.consume = send_with_topic, CPS_ZMQ_ACTOR_OPS, .may_end = true, .exports = true},
    .type = ZMQ_PUB,
    .default_mode = "bind",
    .sends = true,
};

static const CpsZmqActorOps sub_ops = {
    .actor = {.consume = refuse_event, CPS_ZMQ_ACTOR_OPS},
    .receive = take_after_topic,
    .type = ZMQ_SUB,
    .default_mode = "connect",
};

static const CpsZmqActorOps dealer_ops = {
    .actor = {.consume = send_alone,
              .start_job = cps_zmq_actor_gather,
              .unfinished = cps_zmq_actor_unfinished,
              CPS_ZMQ_ACTOR_OPS,
              .may_end = true,
              .exports = true,
              .sends_apart = true},
    .receive = take_event,
    .type = ZMQ_DEALER,
    .default_mode = "connect",
    .sends = true,
};

/* --- the types ----------------------------------------------------------------------------------------------------------------------------- */

static int
push_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return cps_zmq_actor_init(self, &push_ops, "ZMQPush", args, kwargs);
}

static int
pull_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return cps_zmq_actor_init(self, &pull_ops, "ZMQPull", args, kwargs);
}

static int
pub_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return cps_zmq_actor_init(self, &pub_ops, "ZMQPub", args, kwargs);
}

static int
sub_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return cps_zmq_actor_init(self, &sub_ops, "ZMQSub", args, kwargs);
}

static int
dealer_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return cps_zmq_actor_init(self, &dealer_ops, "ZMQDealer", args, kwargs);
}

PyDoc_STRVAR(
    push_doc,
    "ZMQPush(name, mode='connect', port=9000, transmission_protocol='tcp', socket_file=None, host=None, *args,\n"
    "        high_water_mark=1000, max_batch=64, linger=2, **kwargs)\n--\n\n"
    "Send every event to one of the peers, in turn (ZeroMQ PUSH, RFC 30).\n\n"
    "In: Event, written as docs/wire-format.rst says. Out: nothing. While no peer takes events the inbox waits.\n"
    "What a part of an event that cannot be sent raises (TypeError) takes the event's error "
    "path.\n\n" CPS_ZMQ_ENDPOINT_DOC
    "max_batch: events that a message may have, each as a frame, when they wait already and the socket connects; "
    "64.\n" CPS_ZMQ_LINGER_DOC CPS_WIRE_DOC CPS_ZMQ_SECURITY_DOC);

PyDoc_STRVAR(pull_doc,
             "ZMQPull(name, mode='bind', port=9000, transmission_protocol='tcp', socket_file=None, host=None, *args,\n"
             "        high_water_mark=1000, **kwargs)\n--\n\n"
             "Receive what ZMQPush and others send (ZeroMQ PULL, RFC 30).\n\n"
             "Out: the events, one for each frame of a message. While the outbox is full nothing is received. What is "
             "no event is logged and counted\n"
             "(events_refused).\n\n" CPS_ZMQ_ENDPOINT_DOC CPS_WIRE_DOC CPS_ZMQ_SECURITY_DOC);

PyDoc_STRVAR(pub_doc,
             "ZMQPub(name, mode='bind', port=9000, transmission_protocol='tcp', socket_file=None, host=None, *args,\n"
             "       high_water_mark=1000, linger=2, **kwargs)\n--\n\n"
             "Send every event to all who have subscribed to its service (ZeroMQ PUB, RFC 29).\n\n"
             "In: Event. Frames: the service, the event. As RFC 29 has it, a subscriber that is slower than\n"
             "high_water_mark allows misses events, and nobody waits.\n\n" CPS_ZMQ_ENDPOINT_DOC CPS_ZMQ_LINGER_DOC
                 CPS_WIRE_DOC CPS_ZMQ_SECURITY_DOC);

PyDoc_STRVAR(
    sub_doc,
    "ZMQSub(name, mode='connect', port=9000, transmission_protocol='tcp', socket_file=None, host=None, *args,\n"
    "       topics='', high_water_mark=1000, **kwargs)\n--\n\n"
    "Receive what ZMQPub sends (ZeroMQ SUB, RFC 29).\n\n"
    "Out: the events whose service begins with one of `topics`, a str or a sequence of them.\n\n" CPS_ZMQ_ENDPOINT_DOC
        CPS_WIRE_DOC CPS_ZMQ_SECURITY_DOC);

PyDoc_STRVAR(
    dealer_doc,
    "ZMQDealer(name, mode='connect', port=9000, transmission_protocol='tcp', socket_file=None, host=None, *args,\n"
    "          high_water_mark=1000, linger=2, **kwargs)\n--\n\n"
    "Send events to the peers in turn, and receive theirs (ZeroMQ DEALER, RFC 28), one frame each.\n\n"
    "In: Event. Out: what comes. An answer that has the id of a request answers it.\n\n" CPS_ZMQ_ENDPOINT_DOC
        CPS_ZMQ_LINGER_DOC CPS_WIRE_DOC CPS_ZMQ_SECURITY_DOC);

CPS_ZMQ_TYPE(push, "compysition.actors.zeromq.ZMQPush");
CPS_ZMQ_TYPE(pull, "compysition.actors.zeromq.ZMQPull");
CPS_ZMQ_TYPE(pub, "compysition.actors.zeromq.ZMQPub");
CPS_ZMQ_TYPE(sub, "compysition.actors.zeromq.ZMQSub");
CPS_ZMQ_TYPE(dealer, "compysition.actors.zeromq.ZMQDealer");

int
cps_zmqpushpull_setup(PyObject *module, CpsState *state)
{
    PyTypeObject *event = state->types.Event;

    return cps_zmq_actor_add_type(module, &state->types.ZMQPush, &push_spec, event, event, ZMQ_PUSH) < 0 ||
                   cps_zmq_actor_add_type(module, &state->types.ZMQPull, &pull_spec, event, event, ZMQ_PULL) < 0 ||
                   cps_zmq_actor_add_type(module, &state->types.ZMQPub, &pub_spec, event, event, ZMQ_PUB) < 0 ||
                   cps_zmq_actor_add_type(module, &state->types.ZMQSub, &sub_spec, event, event, ZMQ_SUB) < 0
               ? -1
               : cps_zmq_actor_add_type(module, &state->types.ZMQDealer, &dealer_spec, event, event, ZMQ_DEALER);
}
