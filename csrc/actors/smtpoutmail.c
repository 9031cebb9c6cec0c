/* One mail of SMTPOut: its bytes, its attempts, its outcome. */
#include "actors/smtpout.h"

#include <math.h>

static const double LONGEST_BACKOFF = 60; /* seconds */

/* --- attempts -------------------------------------------------------------------------------------------------------------------- */

/* Returns 0, or -1 when out of memory. */
static int
mail_attempt(CpsMail *mail)
{
    if (cps_smtp_transfer_start(&mail->transfer, &mail->rt->loop, &mail->actor->settings) < 0) {
        return -1;
    }
    cps_runtime_wake(mail->rt);
    return 0;
}

static void
mail_on_timer(CpsTimer *Py_UNUSED(timer), void *context)
{
    CpsMail *mail = context;

    mail->timer = NULL;
    if (mail_attempt(mail) < 0) {
        mail->over(mail); /* the outcome is that of the attempt before */
    }
}

/* Whether the server has refused it for now only: 4xx. */
static bool
mail_is_postponed(const CpsMail *mail)
{
    const CpsSmtpDialogue *dialogue = &mail->transfer.dialogue;

    return dialogue->outcome == CPS_MAIL_REFUSED && dialogue->reply / 100 == 4;
}

/* In the hub: an attempt is over. */
static void
mail_on_completion(CpsCompletion *completion, CpsRuntime *rt)
{
    CpsMail *mail = CPS_CONTAINER(completion, CpsMail, completion);
    bool nobody_has_it = mail->transfer.dialogue.outcome == CPS_MAIL_UNSENT || mail_is_postponed(mail);

    mail->attempts++;
    if (mail->attempts <= mail->actor->retries && nobody_has_it) {
        double delay = fmin(mail->actor->backoff * pow(2, mail->attempts - 1), LONGEST_BACKOFF);

        mail->timer = cps_timer_start(rt, delay, mail_on_timer, mail);
        if (mail->timer != NULL) {
            return;
        }
        PyErr_Clear();
    }
    mail->over(mail);
}

/* In a libuv callback. */
static void
mail_on_done(CpsSmtpTransfer *transfer)
{
    CpsMail *mail = (CpsMail *)transfer;

    cps_complete(mail->rt, &mail->completion);
}

int
cps_mail_begin(CpsMail *mail)
{
    mail->transfer.on_done = mail_on_done;
    mail->completion.done = mail_on_completion;
    mail->rt = cps_runtime_get(mail->actor->base.state);
    if (mail->rt == NULL) {
        return -1;
    }
    if (mail_attempt(mail) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

void
cps_mail_cancel(CpsMail *mail)
{
    cps_smtp_transfer_cancel(&mail->transfer);
    cps_link_remove(&mail->completion.link);
    cps_timer_cancel(&mail->timer);
}

void
cps_mail_free(CpsMail *mail)
{
    cps_mail_cancel(mail);
    cps_smtp_transfer_free(&mail->transfer);
    Py_CLEAR(mail->to);
    Py_CLEAR(mail->sender);
}

/* --- bytes ----------------------------------------------------------------------------------------------------------------------- */

/* Append the UTF-8 of a str, and a NUL. Returns 0, or -1 with an exception set. */
static int
append_address(CpsSmtpDialogue *dialogue, CpsBuffer *buffer, PyObject *address)
{
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(address, &length);

    if (text == NULL) {
        return -1;
    }
    if (strlen(text) != (size_t)length || strpbrk(text, "\r\n<>") != NULL) {
        PyErr_Format(PyExc_ValueError, "%R is no mail address", address);
        return -1;
    }
    if (cps_buffer_append(buffer, text, (size_t)length + 1) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    dialogue->is_utf8 |= !PyUnicode_IS_ASCII(address);
    return 0;
}

static bool
is_ascii(const char *bytes, Py_ssize_t length)
{
    unsigned char all = 0;

    for (Py_ssize_t i = 0; i < length; i++) {
        all |= (unsigned char)bytes[i];
    }
    return all < 0x80;
}

/* Returns 0, or -1 with an exception set. */
static int
append_bytes(CpsSmtpDialogue *dialogue, const char *bytes, Py_ssize_t length)
{
    dialogue->is_8bit = !is_ascii(bytes, length);
    if (cps_smtp_append_message(&dialogue->message, bytes, (size_t)length) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* Returns 0, or -1 with an exception set. */
static int
append_message(CpsSmtpDialogue *dialogue, PyObject *message)
{
    PyObject *flatten = cps_smtpout_function("flatten");
    PyObject *is_utf8 = dialogue->is_utf8 ? Py_True : Py_False;
    PyObject *flat = flatten == NULL ? NULL : PyObject_CallFunctionObjArgs(flatten, message, is_utf8, NULL);
    const char *bytes;
    Py_ssize_t length;
    int utf8, status = -1;

    Py_XDECREF(flatten);
    if (flat != NULL && PyArg_ParseTuple(flat, "y#p", &bytes, &length, &utf8)) {
        dialogue->is_utf8 = utf8 != 0;
        status = append_bytes(dialogue, bytes, length);
    }
    Py_XDECREF(flat);
    return status;
}

int
cps_mail_fill(CpsMail *mail, CpsSMTPOut *actor, PyObject *message, PyObject *recipients, PyObject *sender, PyObject *to)
{
    CpsSmtpDialogue *dialogue = &mail->transfer.dialogue;

    mail->actor = actor;
    mail->to = Py_NewRef(to);
    mail->sender = Py_NewRef(sender);
    if (append_address(dialogue, &dialogue->sender, sender) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(recipients); i++) {
        if (append_address(dialogue, &dialogue->recipients, PyList_GET_ITEM(recipients, i)) < 0) {
            return -1;
        }
    }
    return append_message(dialogue, message);
}

/* --- the outcome ----------------------------------------------------------------------------------------------------------------- */

/* Raise what went wrong, with the server's reply as its code. Returns -1. */
static int
mail_raise(const CpsMail *mail, const char *what, const CpsBuffer *text)
{
    const CpsSmtpDialogue *dialogue = &mail->transfer.dialogue;
    const CpsSmtpSettings *settings = &mail->actor->settings;
    CpsState *state = mail->actor->base.state;
    CpsErrorKind kind = dialogue->outcome == CPS_MAIL_TIMEOUT ? CPS_GATEWAY_TIMEOUT
                        : mail_is_postponed(mail)             ? CPS_SERVICE_UNAVAILABLE
                                                              : CPS_BAD_GATEWAY;
    PyObject *words = PyUnicode_DecodeUTF8(text->length == 0 ? "" : text->bytes, (Py_ssize_t)text->length, "replace");
    PyObject *code = PyLong_FromLong(dialogue->reply), *exc;

    if (words != NULL && code != NULL) {
        cps_raise(state, kind, "%s:%d: %s%U", settings->host, settings->port, what, words);
        exc = PyErr_GetRaisedException();
        if (dialogue->reply == 0 || PyObject_SetAttr(exc, state->names.code, code) == 0) {
            PyErr_SetRaisedException(exc); /* steals */
        }
        else {
            Py_DECREF(exc);
        }
    }
    Py_XDECREF(words);
    Py_XDECREF(code);
    return -1;
}

int
cps_mail_settle(CpsMail *mail, PyObject *event)
{
    CpsSmtpDialogue *dialogue = &mail->transfer.dialogue;
    bool delivered = dialogue->outcome == CPS_MAIL_DELIVERED;

    if (dialogue->refused.length > 0 && (delivered || !dialogue->any_accepted)) {
        dialogue->refused.length--; /* the last line's end */
        return mail_raise(mail, "refused recipients: ", &dialogue->refused);
    }
    if (!delivered) {
        return mail_raise(mail, dialogue->reply != 0 ? "refused: " : "", &dialogue->error);
    }
    cps_log(mail->actor->base.logger, CPS_LOG_INFO, event, "Email sent to %U from %U via smtp server %S", mail->to,
            mail->sender, mail->actor->host);
    return 0;
}
