/* From a message that SMTPIn has received to its event, and from what becomes of that to the reply. */
#include "actors/smtpin.h"

#include "event/event.h"
#include "loop/fiber.h"
#include "xml/dict.h"
#include "xml/name.h"

/* --- the event ------------------------------------------------------------------------------------------------------------------- */

/* Add a header under a name that XML allows; two names may become the same. Returns 0, or -1 with an exception set. */
static int
mail_add_named(PyObject **named, PyObject *name, PyObject *value)
{
    PyObject *one = PyList_Check(value) ? NULL : PyTuple_Pack(1, value);
    PyObject *values = PyList_Check(value) ? value : one; /* borrowed */
    int status = values == NULL ? -1 : 0;

    for (Py_ssize_t i = 0; status == 0 && i < PySequence_Fast_GET_SIZE(values); i++) {
        status = cps_xml_push(named, cps_xml_name(name), Py_NewRef(PySequence_Fast_GET_ITEM(values, i)));
    }
    Py_XDECREF(one);
    return status;
}

/* {"email": mail} with names that XML allows. New, or NULL with an exception set. */
static PyObject *
mail_for_xml(PyObject *mail)
{
    PyObject *named = NULL, *name, *value, *wrapped;
    Py_ssize_t position = 0;

    while (PyDict_Next(mail, &position, &name, &value)) {
        if (mail_add_named(&named, name, value) < 0) {
            Py_XDECREF(named);
            return NULL;
        }
    }
    wrapped = named == NULL ? NULL : Py_BuildValue("{sO}", "email", named);
    Py_XDECREF(named);
    return wrapped;
}

static bool
mail_is_xml(const CpsSMTPIn *self)
{
    return PyUnicode_Check(cps_field(self->output_format)) &&
           PyUnicode_CompareWithASCIIString(self->output_format, "xml") == 0;
}

/* What the event's data is. New, or NULL with an exception set. */
static PyObject *
mail_data(CpsSMTPIn *self, PyObject *message)
{
    PyObject *read = cps_import(&self->base.state->read_mail, "compysition._mail", "read"); /* borrowed */
    PyObject *mail = read == NULL ? NULL : PyObject_CallOneArg(read, message);

    if (mail != NULL && mail_is_xml(self)) {
        Py_SETREF(mail, mail_for_xml(mail));
    }
    return mail;
}

/* An event of the class with the envelope as attributes, and without data. New, or NULL with an exception set. */
static PyObject *
mail_event(CpsSMTPIn *self, PyTypeObject *type, PyObject *peer, PyObject *sender, PyObject *recipients)
{
    CpsState *state = self->base.state;
    PyObject *event = PyObject_CallNoArgs((PyObject *)type);

    if (event != NULL && (PyObject_SetAttr(event, state->names.peer, peer) < 0 ||
                          PyObject_SetAttr(event, state->names.sender, sender) < 0 ||
                          PyObject_SetAttr(event, state->names.recipients, recipients) < 0)) {
        Py_CLEAR(event);
    }
    return event;
}

/* Returns 0, or -1 with an exception set. */
static int
mail_send(CpsSMTPIn *self, PyObject *event)
{
    CpsActor *actor = &self->base;

    if (!actor->own_send && PyDict_GET_SIZE((PyObject *)actor->pool->outbound) == 0) {
        cps_raise(actor->state, CPS_SERVICE_UNAVAILABLE, "'%S' has no outbox that could take mail", actor->name);
        return -1;
    }
    return cps_actor_send(actor, event);
}

PyObject *
cps_smtpin_process_message(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"peer", "mailfrom", "rcpttos", "data", NULL};
    CpsSMTPIn *self = (CpsSMTPIn *)op;
    CpsState *state = self->base.state;
    PyObject *peer, *sender, *recipients, *message, *data, *event;
    int status = -1;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOOS:process_message", names, &peer, &sender, &recipients,
                                     &message)) {
        return NULL;
    }
    data = mail_data(self, message);
    event = data == NULL ? NULL
                         : mail_event(self, mail_is_xml(self) ? state->types.XMLEvent : state->types.JSONEvent, peer,
                                      sender, recipients);
    if (event != NULL && cps_event_assign_data(state, event, data) == 0) {
        cps_log(self->base.logger, CPS_LOG_INFO, event, "Received mail from '%S', %zd bytes", sender,
                PyBytes_GET_SIZE(message));
        status = mail_send(self, event);
    }
    Py_XDECREF(data);
    Py_XDECREF(event);
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

/* --- arguments of process_message ------------------------------------------------------------------------------------------------ */

/* A list of str. New, or NULL with an exception set. */
static PyObject *
mail_recipients(const CpsSmtpMessage *message)
{
    PyObject *list = PyList_New(0);
    const char *text = message->recipients.bytes, *end = text + message->recipients.length;

    for (; list != NULL && text < end; text += strlen(text) + 1) {
        PyObject *address = PyUnicode_FromString(text);

        if (address == NULL || PyList_Append(list, address) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(address);
    }
    return list;
}

/* (peer, mailfrom, rcpttos, data); what C has of the message is freed. New tuple, or NULL with an exception set. */
static PyObject *
mail_arguments(CpsSmtpDelivery *delivery)
{
    CpsSmtpMessage *message = &delivery->message;
    PyObject *arguments = Py_BuildValue(
        "((si)s#Ny#)", delivery->peer, delivery->peer_port, message->sender.bytes == NULL ? "" : message->sender.bytes,
        (Py_ssize_t)message->sender.length, mail_recipients(message),
        message->data.bytes == NULL ? "" : message->data.bytes, (Py_ssize_t)message->data.length);

    cps_smtp_message_free(message);
    return arguments;
}

/* --- replies --------------------------------------------------------------------------------------------------------------------- */

/* Whether the text is one line of a reply that ends a message. */
static bool
is_reply(const char *text)
{
    if ((text[0] != '2' && text[0] != '4' && text[0] != '5') || text[1] < '0' || text[1] > '5' || text[2] < '0' ||
        text[2] > '9' || text[3] != ' ') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            return false;
        }
    }
    return true;
}

/* Answer with what process_message has returned: None, or the reply as a str. Returns 0; or -1 with an exception set, and it is not
 * answered. */
static int
mail_answer(CpsSMTPIn *self, CpsSmtpDelivery *delivery, PyObject *result)
{
    const char *text = PyUnicode_Check(result) ? PyUnicode_AsUTF8(result) : NULL;

    if (text == NULL && PyErr_Occurred()) {
        return -1;
    }
    if (text != NULL && !is_reply(text)) {
        PyErr_Format(PyExc_ValueError, "process_message returned %R, which is no reply of SMTP", result);
        return -1;
    }
    if (text == NULL && !cps_list_empty(&self->base.pending)) {
        cps_list_append(&self->held, &delivery->link); /* there is no room for the event yet */
        return 0;
    }
    cps_smtp_settle(delivery, text == NULL && !self->base.takes ? cps_smtpin_stopping : text);
    return 0;
}

/* The exception that is set goes with the message, as it came, to the error queues. */
static void
mail_fail(CpsSMTPIn *self, PyObject *arguments, PyObject *exc)
{
    CpsActor *actor = &self->base;
    PyObject *event = arguments == NULL ? NULL
                                        : mail_event(self, actor->state->types.Event, PyTuple_GET_ITEM(arguments, 0),
                                                     PyTuple_GET_ITEM(arguments, 1), PyTuple_GET_ITEM(arguments, 2));

    if (event != NULL && cps_event_store_data(actor->state, event, PyTuple_GET_ITEM(arguments, 3)) < 0) {
        Py_CLEAR(event);
    }
    PyErr_Clear(); /* out of memory: the log has to do */
    cps_log(actor->logger, CPS_LOG_ERROR, event, "Mail was not accepted: %s: %S", Py_TYPE(exc)->tp_name, exc);
    if (event != NULL && cps_actor_fail(actor, event, exc) < 0) {
        PyErr_Clear(); /* it is being ended */
    }
    Py_XDECREF(event);
}

/* Answer after the exception that is set. Leaves none set. */
static void
mail_refuse(CpsSMTPIn *self, CpsSmtpDelivery *delivery, PyObject *arguments)
{
    const char *reply = "451 4.3.0 The message cannot be processed now";
    PyObject *exc;

    if (cps_fiber_exit_raised()) {
        PyErr_Clear();
    }
    else if (!cps_ordinary_error()) {
        cps_runtime_raise_in_main(self->base.rt);
    }
    else {
        exc = PyErr_GetRaisedException();
        if (cps_error_is(self->base.state, exc, CPS_MALFORMED_EVENT_DATA)) {
            reply = "554 5.6.0 The message cannot be read";
        }
        mail_fail(self, arguments, exc);
        Py_DECREF(exc);
    }
    cps_smtp_settle(delivery, reply);
}

void
cps_smtpin_process(CpsSMTPIn *self, CpsSmtpDelivery *delivery)
{
    PyObject *arguments = mail_arguments(delivery);
    PyObject *method =
        arguments == NULL ? NULL : PyObject_GetAttr((PyObject *)self, self->base.state->names.process_message);
    PyObject *result = method == NULL ? NULL : PyObject_CallObject(method, arguments);

    if (result == NULL || mail_answer(self, delivery, result) < 0) {
        mail_refuse(self, delivery, arguments);
    }
    Py_XDECREF(result);
    Py_XDECREF(method);
    Py_XDECREF(arguments);
}
