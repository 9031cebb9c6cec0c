/* A private function of the module, for tests of framing without a socket. */
#include "actors/actors.h"
#include "net/framing.h"

/* Append what can be taken. Returns 0, or -1 with an exception set. */
static int
take_messages(CpsFraming *framing, PyObject *messages)
{
    CpsFrames frames = {0};
    const char *bytes;
    size_t length;
    int status = cps_framing_take(framing, &frames);

    if (status < 0) {
        PyErr_NoMemory();
    }
    while (status == 0 && cps_frames_next(&frames, &bytes, &length)) {
        PyObject *message = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)length);

        status = message == NULL ? -1 : PyList_Append(messages, message);
        Py_XDECREF(message);
    }
    cps_buffer_free(&frames.bytes);
    return status;
}

PyDoc_STRVAR(split_frames_doc, "_split_frames($module, pieces, limit, /)\n--\n\n"
                               "Feed the pieces, a list of bytes. Return the messages, and the length that was refused "
                               "or None.");

static PyObject *
split_frames(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *pieces, *messages, *result = NULL;
    CpsFraming framing = {0};
    Py_ssize_t limit;
    int status = 0;

    if (!PyArg_ParseTuple(args, "O!n", &PyList_Type, &pieces, &limit)) {
        return NULL;
    }
    framing.limit = (size_t)limit;
    messages = PyList_New(0);
    for (Py_ssize_t i = 0; messages != NULL && status == 0 && i < PyList_GET_SIZE(pieces); i++) {
        char *bytes;
        Py_ssize_t length;

        status = PyBytes_AsStringAndSize(PyList_GET_ITEM(pieces, i), &bytes, &length);
        if (status == 0 && cps_framing_feed(&framing, bytes, (size_t)length) < 0) {
            PyErr_NoMemory();
            status = -1;
        }
        status = status < 0 ? -1 : take_messages(&framing, messages);
    }
    if (messages != NULL && status == 0) {
        result = framing.refused ? Py_BuildValue("OI", messages, framing.refused_length)
                                 : Py_BuildValue("OO", messages, Py_None);
    }
    Py_XDECREF(messages);
    cps_buffer_free(&framing.bytes);
    return result;
}

static PyMethodDef probe_functions[] = {
    {"_split_frames", split_frames, METH_VARARGS, split_frames_doc},
    {NULL, NULL, 0, NULL},
};

int
cps_tcpprobe_setup(PyObject *module, CpsState *Py_UNUSED(state))
{
    return PyModule_AddFunctions(module, probe_functions);
}
