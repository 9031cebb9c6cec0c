/* A private function of the module, for tests of SMTPOut's dialogues without a server. */
#include "actors/smtpout.h"

/* Take what is to be sent to the end of `sent`. Returns 0, or -1 when out of memory. */
static int
take_output(CpsSmtpDialogue *dialogue, CpsBuffer *sent)
{
    const char *output = dialogue->output;

    dialogue->output = NULL;
    return output == NULL ? 0 : cps_buffer_append(sent, output, dialogue->output_length);
}

/* Feed a piece that is in memory of its own, so that a sanitizer sees a read beyond its end. Returns 0, or -1 when out of memory. */
static int
feed_copy(CpsSmtpDialogue *dialogue, const char *bytes, size_t length)
{
    char *copy = PyMem_Malloc(length);

    if (copy == NULL) {
        return -1;
    }
    memcpy(copy, bytes, length);
    cps_smtp_dialogue_feed(dialogue, copy, length, true);
    PyMem_Free(copy);
    return 0;
}

/* Pieces of `step` bytes; with `by_line` they end with lines, too, and each sees what was said before as sent. Returns 0, or -1 when out of
 * memory. */
static int
feed_replies(CpsSmtpDialogue *dialogue, const Py_buffer *replies, Py_ssize_t step, bool by_line, CpsBuffer *sent)
{
    const char *bytes = replies->buf;
    size_t left = (size_t)replies->len;

    while (left > 0 && !dialogue->over) {
        size_t count = (size_t)step < left ? (size_t)step : left;
        const char *end = by_line ? memchr(bytes, '\n', count) : NULL;

        count = end == NULL ? count : (size_t)(end - bytes) + 1;
        if (feed_copy(dialogue, bytes, count) < 0 || take_output(dialogue, sent) < 0) {
            return -1;
        }
        bytes += count;
        left -= count;
    }
    return 0;
}

/* Returns 0, or -1 when out of memory. */
static int
fill_dialogue(CpsSmtpDialogue *dialogue, const Py_buffer *recipients, const Py_buffer *message)
{
    return cps_buffer_append(&dialogue->sender, "a@b", sizeof("a@b")) < 0 ||
                   cps_buffer_append(&dialogue->recipients, recipients->buf, (size_t)recipients->len) < 0 ||
                   cps_smtp_append_message(&dialogue->message, message->buf, (size_t)message->len) < 0
               ? -1
               : 0;
}

/* Have the dialogue. Returns 0, or -1 when out of memory. */
static int
have_dialogue(CpsSmtpDialogue *dialogue, Py_buffer *buffers, Py_ssize_t step, bool by_line, CpsBuffer *sent)
{
    if (fill_dialogue(dialogue, &buffers[2], &buffers[3]) < 0) {
        return -1;
    }
    cps_smtp_dialogue_hear(dialogue, buffers[0].buf, (size_t)buffers[0].len);
    cps_smtp_dialogue_begin(dialogue);
    if (take_output(dialogue, sent) < 0 || feed_replies(dialogue, &buffers[1], step, by_line, sent) < 0) {
        return -1;
    }
    if (!dialogue->over) {
        cps_smtp_dialogue_break(dialogue, "the end", false, true);
    }
    return 0;
}

PyDoc_STRVAR(
    send_smtp_doc,
    "_send_smtp($module, greeting, replies, recipients, message, step, by_line, /)\n--\n\n"
    "Send a message to a server that says a line of a greeting and those replies, which come in pieces of step\n"
    "bytes; by_line: what follows a line comes after what is said to it. recipients: each with a NUL.\n"
    "Return what was sent, the outcome, the refused recipients and the error.");

static PyObject *
send_smtp(PyObject *Py_UNUSED(module), PyObject *args)
{
    CpsSmtpDialogue dialogue = {0};
    CpsBuffer sent = {0};
    Py_buffer buffers[4]; /* the bytes among the arguments */
    PyObject *result = NULL;
    Py_ssize_t step;
    int by_line;

    if (!PyArg_ParseTuple(args, "y*y*y*y*np", &buffers[0], &buffers[1], &buffers[2], &buffers[3], &step, &by_line)) {
        return NULL;
    }
    if (have_dialogue(&dialogue, buffers, step, by_line != 0, &sent) < 0) {
        PyErr_NoMemory();
    }
    else {
        result = Py_BuildValue(
            "(y#iy#y#)", sent.bytes, (Py_ssize_t)sent.length, (int)dialogue.outcome,
            dialogue.refused.length == 0 ? "" : dialogue.refused.bytes, (Py_ssize_t)dialogue.refused.length,
            dialogue.error.length == 0 ? "" : dialogue.error.bytes, (Py_ssize_t)dialogue.error.length);
    }
    cps_buffer_free(&sent);
    cps_smtp_dialogue_free(&dialogue);
    for (size_t i = 0; i < Py_ARRAY_LENGTH(buffers); i++) {
        PyBuffer_Release(&buffers[i]);
    }
    return result;
}

static PyMethodDef probe_functions[] = {
    {"_send_smtp", send_smtp, METH_VARARGS, send_smtp_doc},
    {NULL, NULL, 0, NULL},
};

int
cps_smtpout_probe_setup(PyObject *module)
{
    return PyModule_AddFunctions(module, probe_functions);
}
