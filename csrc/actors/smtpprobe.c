/* A private function of the module, for tests of SMTP sessions without a server. */
#include "actors/smtpin.h"

/* What came of a message: (sender, recipients with a NUL after each, data). Accepts it. Returns 0, or -1 with an exception set. */
static int
accept_message(CpsSmtpSession *session, PyObject *messages)
{
    const CpsSmtpMessage *message = &session->message;
    PyObject *item =
        Py_BuildValue("(NNN)", PyBytes_FromStringAndSize(message->sender.bytes, (Py_ssize_t)message->sender.length),
                      PyBytes_FromStringAndSize(message->recipients.bytes, (Py_ssize_t)message->recipients.length),
                      PyBytes_FromStringAndSize(message->data.bytes, (Py_ssize_t)message->data.length));
    int status = item == NULL ? -1 : PyList_Append(messages, item);

    Py_XDECREF(item);
    cps_smtp_answer(session, NULL);
    return status;
}

/* Feed one piece. What follows STARTTLS in it is thrown away. Moves the replies to the end of `replies`. Returns the outcome, or -1 with an
 * exception set. */
static int
feed_piece(CpsSmtpSession *session, const char *bytes, size_t length, CpsBuffer *replies, PyObject *messages)
{
    CpsSmtpOutcome outcome = CPS_SMTP_MORE;
    size_t used;

    while (length > 0 && outcome != CPS_SMTP_END) {
        outcome = cps_smtp_feed(session, bytes, length, &used);
        bytes += used;
        length -= used;
        if (outcome == CPS_SMTP_MESSAGE && accept_message(session, messages) < 0) {
            return -1;
        }
        if (outcome == CPS_SMTP_STARTTLS) {
            cps_smtp_secured(session);
            length = 0;
        }
        if (cps_buffer_append(replies, session->replies.bytes, session->replies.length) < 0) {
            PyErr_NoMemory();
            return -1;
        }
        session->replies.length = 0;
    }
    return (int)outcome;
}

/* In pieces of the lengths that the bytes of `cuts` are, and then the rest. Each is copied into memory of its own, so that a sanitizer sees
 * a read beyond its end. Returns as feed_piece. */
static int
feed_all(CpsSmtpSession *session, const Py_buffer *data, const Py_buffer *cuts, CpsBuffer *replies, PyObject *messages)
{
    size_t length = (size_t)data->len, count;
    int outcome = CPS_SMTP_MORE;

    for (size_t done = 0, cut = 0; done < length && outcome >= 0 && outcome != CPS_SMTP_END; done += count, cut++) {
        char *piece;

        count = cut < (size_t)cuts->len ? ((const uint8_t *)cuts->buf)[cut] : length;
        count = count < length - done ? count : length - done;
        piece = PyMem_Malloc(count);
        if (piece == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        memcpy(piece, (const char *)data->buf + done, count);
        outcome = feed_piece(session, piece, count, replies, messages);
        PyMem_Free(piece);
    }
    return outcome;
}

PyDoc_STRVAR(talk_smtp_doc, "_talk_smtp($module, data, cuts, limits, tls, /)\n--\n\n"
                            "Have a session with a client that sends the data, split into pieces of the lengths in the "
                            "bytes cuts. The limits are\n"
                            "those of message, line, recipients and errors; tls: STARTTLS is offered. Return the "
                            "replies, the messages, as tuples\n"
                            "(sender, recipients with a NUL after each, data), and whether the session was ended.");

static PyObject *
talk_smtp(PyObject *module, PyObject *args)
{
    CpsSmtpLimits limits;
    unsigned long long message_bytes;
    CpsSmtpSession session;
    CpsBuffer replies = {0};
    Py_buffer data, cuts;
    PyObject *messages, *result = NULL;
    int tls, outcome;

    if (!PyArg_ParseTuple(args, "y*y*(KIII)p", &data, &cuts, &message_bytes, &limits.line_bytes, &limits.recipients,
                          &limits.errors, &tls)) {
        return NULL;
    }
    limits.message_bytes = message_bytes;
    cps_smtp_session_init(&session, &limits, "probe.example", tls != 0);
    messages = PyList_New(0);
    outcome = messages == NULL ? -1 : feed_all(&session, &data, &cuts, &replies, messages);
    if (outcome >= 0) {
        result = Py_BuildValue("(y#OO)", replies.bytes == NULL ? "" : replies.bytes, (Py_ssize_t)replies.length,
                               messages, outcome == CPS_SMTP_END ? Py_True : Py_False);
    }
    Py_XDECREF(messages);
    cps_buffer_free(&replies);
    cps_smtp_session_free(&session);
    PyBuffer_Release(&data);
    PyBuffer_Release(&cuts);
    return result;
}

static PyMethodDef probe_functions[] = {
    {"_talk_smtp", talk_smtp, METH_VARARGS, talk_smtp_doc},
    {NULL, NULL, 0, NULL},
};

int
cps_smtp_probe_setup(PyObject *module)
{
    return PyModule_AddFunctions(module, probe_functions);
}
