/* Private functions of the module, for tests of the broker, and of what clients and workers read, without sockets and clocks. */
#include "actors/actors.h"
#include "actors/mdpbody.h"
#include "actors/mdpstats.h"
#include "net/mdpincoming.h"

#include <errno.h>

typedef struct {
    CpsMdpBroker broker; /* first */
    PyObject *sent;      /* owned list */
    bool failed;         /* with an exception set */
} Probe;

/* Whether a peer's address has that word in it. */
static bool
address_says(CpsZmqMessage *message, const char *word)
{
    size_t length;
    const char *address = cps_zmq_bytes(message, 0, &length);

    return memmem(address, length, word, strlen(word)) != NULL;
}

static int
probe_send(CpsMdpBroker *broker, CpsZmqMessage *message)
{
    Probe *self = (Probe *)broker;
    PyObject *frames;

    if (address_says(message, "gone") || address_says(message, "full")) {
        return address_says(message, "gone") ? EHOSTUNREACH : EAGAIN;
    }
    frames = PyList_New((Py_ssize_t)message->count);
    for (size_t i = 0; frames != NULL && i < message->count; i++) {
        PyObject *frame = cps_mdp_frame_bytes(&message->frames[i]);

        if (frame == NULL) {
            Py_CLEAR(frames);
            break;
        }
        PyList_SET_ITEM(frames, (Py_ssize_t)i, frame);
    }
    self->failed = self->failed || frames == NULL || PyList_Append(self->sent, frames) < 0;
    Py_XDECREF(frames);
    cps_zmq_message_close(message);
    return 0;
}

static void
probe_note(CpsMdpBroker *Py_UNUSED(broker), int Py_UNUSED(level), const char *format, va_list arguments)
{
    char text[1024];

    (void)vsnprintf(text, sizeof(text), format, arguments); /* so that a sanitizer sees what is read for it */
}

static bool
probe_logs(const CpsMdpBroker *Py_UNUSED(broker), int Py_UNUSED(level))
{
    return true;
}

/* A message of a list of bytes, to be closed in any case. Returns 0, or -1 with an exception set. */
static int
message_of(CpsZmqMessage *message, PyObject *frames)
{
    int status = 0;

    cps_zmq_message_init(message);
    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(frames); i++) {
        char *bytes;
        Py_ssize_t length;

        status = PyBytes_AsStringAndSize(PyList_GET_ITEM(frames, i), &bytes, &length);
        if (status == 0 && cps_zmq_add(message, bytes, (size_t)length) != 0) {
            message->too_long = true;
            break;
        }
    }
    return status;
}

/* Give it a message, a list of bytes. Returns 0, or -1 with an exception set. */
static int
probe_receive(Probe *self, PyObject *frames)
{
    CpsZmqMessage message;
    int status = message_of(&message, frames);

    if (status == 0) {
        cps_mdp_broker_receive(&self->broker, &message);
    }
    cps_zmq_message_close(&message);
    return status;
}

/* A step: an int, that many milliseconds pass; a list, a message. Returns 0, or -1 with an exception set. */
static int
probe_step(Probe *self, PyObject *step)
{
    unsigned long milliseconds;

    if (PyList_Check(step)) {
        return probe_receive(self, step);
    }
    milliseconds = PyLong_AsUnsignedLong(step);
    if (PyErr_Occurred()) {
        return -1;
    }
    self->broker.now += milliseconds;
    (void)cps_mdp_broker_tick(&self->broker);
    return 0;
}

/* All there is to see at the end. New, or NULL with an exception set. */
static PyObject *
probe_result(Probe *self)
{
    PyObject *services = cps_mdp_stats_services(&self->broker);
    PyObject *workers = services == NULL ? NULL : cps_mdp_stats_workers(&self->broker);
    PyObject *counters = workers == NULL ? NULL : cps_mdp_stats_counters(&self->broker);
    PyObject *result = counters == NULL ? NULL : PyTuple_Pack(4, self->sent, services, workers, counters);

    Py_XDECREF(services);
    Py_XDECREF(workers);
    Py_XDECREF(counters);
    return result;
}

PyDoc_STRVAR(
    run_broker_doc,
    "_run_broker($module, steps, /)\n--\n\n"
    "Give a broker with narrow limits a list of steps: messages (lists of bytes, the sender first) and ints,\n"
    "milliseconds that pass. Peers with \"gone\" or \"full\" in their addresses cannot be sent to. Return what it "
    "has\n"
    "sent, its services, workers and counters.");

static PyObject *
run_broker(PyObject *Py_UNUSED(module), PyObject *steps)
{
    Probe probe = {.broker = {.limits = {.heartbeat_ms = 100,
                                         .liveness = 3,
                                         .expiry_ms = 1000,
                                         .retries = 1,
                                         .worker_concurrency = 2,
                                         .waiting = 3,
                                         .waiting_bytes = 1000,
                                         .open_bytes = 5000,
                                         .services = 3,
                                         .workers = 4,
                                         .remembered = 3},
                              .identity = "broker",
                              .send = probe_send,
                              .note = probe_note,
                              .logs = probe_logs}};
    PyObject *result = NULL;

    if (!PyList_Check(steps)) {
        PyErr_SetString(PyExc_TypeError, "steps must be a list");
        return NULL;
    }
    probe.sent = PyList_New(0);
    if (probe.sent == NULL || cps_mdp_broker_init(&probe.broker) != 0) {
        Py_XDECREF(probe.sent);
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    for (Py_ssize_t i = 0; !probe.failed && i < PyList_GET_SIZE(steps); i++) {
        probe.failed = probe_step(&probe, PyList_GET_ITEM(steps, i)) < 0;
    }
    if (!probe.failed) {
        result = probe_result(&probe);
    }
    cps_mdp_broker_free(&probe.broker);
    Py_DECREF(probe.sent);
    return result;
}

/* What it means, and what is handed over of it. New, or NULL with an exception set. */
static PyObject *
describe(const CpsMdpPeerOptions *options, CpsZmqMessage *message)
{
    static const char *const meanings[] = {"invalid", "body", "verified", "heartbeat", "disconnect"};
    CpsMdpIncoming incoming = cps_mdp_incoming(options, message);
    CpsMdpDelivery *delivery;
    PyObject *body, *before;

    if (incoming.meaning != CPS_MDP_BODY) {
        return Py_BuildValue("sOO", meanings[incoming.meaning], Py_None, Py_None);
    }
    delivery = cps_mdp_delivery_new(message, &incoming);
    if (delivery == NULL) {
        return PyErr_NoMemory();
    }
    before = incoming.address == 0 ? Py_NewRef(Py_None) : cps_mdp_frame_bytes(&delivery->frames[0]);
    body = cps_mdp_read_body(delivery, incoming.address != 0);
    cps_mdp_delivery_free(delivery);
    if (before == NULL || body == NULL) {
        Py_XDECREF(before);
        Py_XDECREF(body);
        return NULL;
    }
    return Py_BuildValue("sNN", meanings[incoming.meaning], before, body);
}

PyDoc_STRVAR(
    read_mdp_doc,
    "_read_mdp($module, frames, worker, standard, lock_step, /)\n--\n\n"
    "What a list of bytes means that comes from a broker; and for a body the frame before it, or None, and it.");

static PyObject *
read_mdp(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *frames, *result = NULL;
    int worker, standard, lock_step;
    CpsMdpPeerOptions options = {0};
    CpsZmqMessage message;

    if (!PyArg_ParseTuple(args, "O!ppp", &PyList_Type, &frames, &worker, &standard, &lock_step)) {
        return NULL;
    }
    options.worker = worker;
    options.standard = standard;
    options.lock_step = lock_step;
    if (message_of(&message, frames) == 0) {
        result = describe(&options, &message);
    }
    cps_zmq_message_close(&message);
    return result;
}

static PyMethodDef probe_functions[] = {
    {"_run_broker", run_broker, METH_O, run_broker_doc},
    {"_read_mdp", read_mdp, METH_VARARGS, read_mdp_doc},
    {NULL, NULL, 0, NULL},
};

int
cps_mdpprobe_setup(PyObject *module, CpsState *Py_UNUSED(state))
{
    return PyModule_AddFunctions(module, probe_functions);
}
