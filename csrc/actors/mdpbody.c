#include "actors/mdpbody.h"

#include "event/event.h"

enum {
    MOST_FRAMES = CPS_ZMQ_FRAMES - 6, /* what comes before a body has up to six */
    LONG_BYTES = 64 * 1024,           /* from there on ZeroMQ gets our memory instead of a copy */
};

/* --- going out --------------------------------------------------------------------------------------------------------------------------- */

static void
free_bytes(void *bytes, void *Py_UNUSED(hint))
{
    free(bytes);
}

/* Make a frame of what is in the buffer. Returns 0, or -1 with MemoryError set. */
static int
frame_of_buffer(zmq_msg_t *frame, CpsBuffer *buffer)
{
    int status;

    if (buffer->length >= LONG_BYTES) {
        status = zmq_msg_init_data(frame, buffer->bytes, buffer->length, free_bytes, NULL);
        if (status == 0) {
            *buffer = (CpsBuffer){0};
        }
    }
    else {
        status = cps_zmq_frame(frame, buffer->bytes, buffer->length);
    }
    if (status != 0) {
        (void)zmq_msg_init(frame);
        PyErr_NoMemory();
    }
    return status == 0 ? 0 : -1;
}

int
cps_mdp_body_of_event(CpsMdpActor *self, PyObject *event, CpsMdpBody *body)
{
    CpsBuffer buffer = {0}; /* ours alone, as another event may be written while this one is */
    int status;

    cps_buffer_move(&buffer, &self->scratch);
    status = cps_wire_dump(self->base.state, &self->wire, event, &buffer);
    if (status == 0) {
        status = frame_of_buffer(&body->event, &buffer);
    }
    cps_buffer_recycle(&self->scratch, &buffer);
    return status;
}

/* Returns 1 when it is bytes, or a list of them that can be sent; 0 when not; -1 with ValueError set. */
static int
is_body(PyObject *data)
{
    if (PyBytes_Check(data)) {
        return 1;
    }
    if (!PyList_CheckExact(data) || PyList_GET_SIZE(data) == 0) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(data); i++) {
        if (!PyBytes_Check(PyList_GET_ITEM(data, i))) {
            return 0;
        }
    }
    if (PyList_GET_SIZE(data) > MOST_FRAMES) {
        PyErr_Format(PyExc_ValueError, "a body may have %d frames, not %zd", MOST_FRAMES, PyList_GET_SIZE(data));
        return -1;
    }
    return 1;
}

int
cps_mdp_body_of_text(PyObject *text, CpsMdpBody *body)
{
    if (text != NULL && PyUnicode_Check(text)) {
        Py_SETREF(text, PyUnicode_AsUTF8String(text));
    }
    if (text != NULL && !PyBytes_Check(text)) {
        PyErr_Format(PyExc_TypeError, "data_string() must return a str, not %.100s", Py_TYPE(text)->tp_name);
        Py_CLEAR(text);
    }
    body->data = text;
    return text == NULL ? -1 : 0;
}

int
cps_mdp_body_of_data(CpsState *state, PyObject *event, CpsMdpBody *body)
{
    PyObject *data = PyObject_GetAttr(event, state->names.data);
    int found = data == NULL ? -1 : is_body(data);

    if (found == 1) {
        /* Others may change their list. */
        body->data = PyList_Check(data) ? PyList_GetSlice(data, 0, PyList_GET_SIZE(data)) : Py_NewRef(data);
        found = body->data == NULL ? -1 : 1;
    }
    Py_XDECREF(data);
    return found == 0 ? cps_mdp_body_of_text(cps_event_data_string(state, event), body) : found < 0 ? -1 : 0;
}

static int
add_bytes(CpsZmqMessage *message, PyObject *bytes)
{
    return cps_zmq_add(message, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
}

int
cps_mdp_body_add(CpsMdpBody *body, CpsZmqMessage *message)
{
    int code = 0;

    if (body->data == NULL) {
        return cps_zmq_share(message, &body->event);
    }
    if (PyBytes_Check(body->data)) {
        return add_bytes(message, body->data);
    }
    for (Py_ssize_t i = 0; code == 0 && i < PyList_GET_SIZE(body->data); i++) {
        code = add_bytes(message, PyList_GET_ITEM(body->data, i));
    }
    return code;
}

/* --- coming in --------------------------------------------------------------------------------------------------------------------------- */

PyObject *
cps_mdp_frame_bytes(zmq_msg_t *frame)
{
    return PyBytes_FromStringAndSize(zmq_msg_data(frame), (Py_ssize_t)zmq_msg_size(frame));
}

PyObject *
cps_mdp_read_body(CpsMdpDelivery *delivery, size_t first)
{
    PyObject *list;

    if (first + 1 == delivery->count) {
        return cps_mdp_frame_bytes(&delivery->frames[first]);
    }
    list = PyList_New(0);
    for (size_t i = first; list != NULL && i < delivery->count; i++) {
        PyObject *bytes = cps_mdp_frame_bytes(&delivery->frames[i]);

        if (bytes == NULL || PyList_Append(list, bytes) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(bytes);
    }
    return list;
}
