#include "actors/mdpbody.h"

#include "event/event.h"

enum { MOST_FRAMES = CPS_ZMQ_FRAMES - 6 }; /* what comes before a body has up to six */

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

PyObject *
cps_mdp_text_body(PyObject *text)
{
    if (text != NULL && PyUnicode_Check(text)) {
        Py_SETREF(text, PyUnicode_AsUTF8String(text));
    }
    if (text != NULL && !PyBytes_Check(text)) {
        PyErr_Format(PyExc_TypeError, "data_string() must return a str, not %.100s", Py_TYPE(text)->tp_name);
        Py_CLEAR(text);
    }
    return text;
}

PyObject *
cps_mdp_body(CpsState *state, PyObject *event)
{
    PyObject *data = PyObject_GetAttr(event, state->names.data);
    int found = data == NULL ? -1 : is_body(data);

    if (found == 1) {
        if (PyList_Check(data)) {
            Py_SETREF(data, PyList_GetSlice(data, 0, PyList_GET_SIZE(data))); /* others may change theirs */
        }
        return data;
    }
    Py_XDECREF(data);
    return found < 0 ? NULL : cps_mdp_text_body(cps_event_data_string(state, event));
}

static int
add_bytes(CpsZmqMessage *message, PyObject *bytes)
{
    return cps_zmq_add(message, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
}

int
cps_mdp_add_body(CpsZmqMessage *message, PyObject *body)
{
    int code = 0;

    if (PyBytes_Check(body)) {
        return add_bytes(message, body);
    }
    for (Py_ssize_t i = 0; code == 0 && i < PyList_GET_SIZE(body); i++) {
        code = add_bytes(message, PyList_GET_ITEM(body, i));
    }
    return code;
}

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
