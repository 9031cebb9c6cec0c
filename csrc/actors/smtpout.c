/* SMTPOut: sends a mail for each event, and then the event on. */
#include "actors/smtpout.h"

#include "flow/job.h"
#include "loop/wait.h"

/* --- the mail of an event -------------------------------------------------------------------------------------------------------- */

PyObject *
cps_smtpout_function(const char *name)
{
    PyObject *module = PyImport_ImportModule("compysition._mailout");
    PyObject *function = module == NULL ? NULL : PyObject_GetAttrString(module, name);

    Py_XDECREF(module);
    return function;
}

/* The mail of an event: (message, recipients, sender, to), or None when nobody is to get one. New, or NULL with an exception set. */
static PyObject *
smtpout_build(CpsSMTPOut *self, PyObject *event)
{
    PyObject *build = cps_smtpout_function("build");
    PyObject *result = build == NULL ? NULL : PyObject_CallFunctionObjArgs(build, self, event, NULL);

    Py_XDECREF(build);
    return result;
}

/* Returns 0, or -1 with an exception set. */
static int
fill_built(CpsMail *mail, CpsSMTPOut *self, PyObject *built)
{
    return cps_mail_fill(mail, self, PyTuple_GET_ITEM(built, 0), PyTuple_GET_ITEM(built, 1), PyTuple_GET_ITEM(built, 2),
                         PyTuple_GET_ITEM(built, 3));
}

/* --- events from queues: jobs ---------------------------------------------------------------------------------------------------- */

typedef struct {
    CpsJob job; /* first */
    CpsMail mail;
    CpsReady stop; /* in a worker of the loop's thread: another one has cancelled it */
} SmtpJob;

static void
smtp_job_over(CpsMail *mail)
{
    cps_job_done(&CPS_CONTAINER(mail, SmtpJob, mail)->job);
}

static int
smtp_job_begin(CpsJob *job)
{
    SmtpJob *own = (SmtpJob *)job;

    own->mail.over = smtp_job_over;
    return cps_mail_begin(&own->mail);
}

static int
smtp_job_finish(CpsJob *job, CpsActor *self)
{
    return cps_mail_settle(&((SmtpJob *)job)->mail, job->consume.event) < 0 ? -1
                                                                            : cps_actor_send(self, job->consume.event);
}

static void
smtp_job_free(CpsJob *job)
{
    cps_mail_free(&((SmtpJob *)job)->mail);
    PyMem_Free(job);
}

static void
smtp_job_stop(CpsReady *ready, CpsRuntime *rt)
{
    SmtpJob *own = CPS_CONTAINER(ready, SmtpJob, stop);

    cps_mail_cancel(&own->mail);
    cps_job_done(&own->job);
    cps_runtime_release(rt);
}

/* The actor may be stopped in another thread than that of the loop. */
static void
smtp_job_cancel(CpsJob *job)
{
    SmtpJob *own = (SmtpJob *)job;
    CpsRuntime *rt = own->mail.rt;

    if (rt->abandoned) {
        return;
    }
    cps_runtime_hold(rt);
    if (rt == cps_runtime_peek()) {
        smtp_job_stop(&own->stop, rt);
        return;
    }
    own->stop.run = smtp_job_stop;
    own->mail.over = cps_mail_cancel; /* until then nothing more comes of it */
    cps_ready_push(rt, &own->stop);
}

static const CpsJobOps smtp_job_ops = {
    .begin = smtp_job_begin,
    .finish = smtp_job_finish,
    .free = smtp_job_free,
    .cancel = smtp_job_cancel,
};

static PyObject *smtpout_send(PyObject *op, PyObject *args, PyObject *kwargs);

/* Whether a script has its own send(): of the type, or of the instance. Returns 1, 0, or -1 with an exception set. */
static int
sends_itself(CpsSMTPOut *self)
{
    PyObject *method = PyObject_GetAttrString((PyObject *)self, "send");
    int own = method == NULL
                  ? -1
                  : !(PyCFunction_Check(method) && PyCFunction_GET_FUNCTION(method) == _PyCFunction_CAST(smtpout_send));

    Py_XDECREF(method);
    return own;
}

/* A job for a mail that was built. Returns 1, or -1 with an exception set. */
static int
start_mail_job(CpsSMTPOut *self, CpsConsume *consume, PyObject *built)
{
    SmtpJob *own = PyMem_Calloc(1, sizeof(*own));

    if (own == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (fill_built(&own->mail, self, built) < 0) {
        smtp_job_free(&own->job);
        return -1;
    }
    return cps_job_start(&own->job, &smtp_job_ops, &self->base, consume) < 0 ? -1 : 1;
}

static int
smtpout_start_job(CpsActor *actor, CpsConsume *consume)
{
    CpsSMTPOut *self = (CpsSMTPOut *)actor;
    PyObject *built;
    int status = sends_itself(self);

    if (status != 0) {
        return status < 0 ? -1 : 0;
    }
    built = smtpout_build(self, consume->event);
    if (built == NULL) {
        return -1;
    }
    status = built == Py_None ? 0 : start_mail_job(self, consume, built);
    Py_DECREF(built);
    return status;
}

/* --- send() and consume() called by a script ------------------------------------------------------------------------------------- */

typedef struct {
    CpsMail mail;  /* first */
    CpsList waits; /* CpsWait: the caller's */
    bool over;
} SmtpCall;

/* In the hub. */
static void
smtp_call_over(CpsMail *mail)
{
    SmtpCall *call = (SmtpCall *)mail;

    call->over = true;
    cps_wait_wake_all(&call->waits);
}

static bool
smtp_call_is_over(void *context)
{
    return ((SmtpCall *)context)->over;
}

/* Send it, and wait. Returns 0, or -1 with an exception set. */
static int
smtp_call_run(CpsSMTPOut *self, SmtpCall *call, PyObject *message, PyObject *recipients, PyObject *sender, PyObject *to)
{
    cps_list_init(&call->waits);
    call->mail.over = smtp_call_over;
    if (cps_mail_fill(&call->mail, self, message, recipients, sender, to) < 0 || cps_mail_begin(&call->mail) < 0 ||
        cps_wait_until(self->base.state, &call->waits, smtp_call_is_over, call, -1) < 0) {
        return -1;
    }
    return cps_mail_settle(&call->mail, NULL);
}

/* Returns 0, or -1 with an exception set. */
static int
smtpout_deliver(CpsSMTPOut *self, PyObject *message, PyObject *recipients, PyObject *sender, PyObject *to)
{
    SmtpCall *call = PyMem_Calloc(1, sizeof(*call)); /* not on the stack: the hub writes into it */
    int status;

    if (call == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    status = smtp_call_run(self, call, message, recipients, sender, to);
    cps_mail_free(&call->mail);
    PyMem_Free(call);
    return status;
}

static PyObject *
smtpout_send(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"msg", "to", "from_address", NULL};
    PyObject *message, *to, *sender, *envelope, *recipients, *text;
    int status = -1;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOU:send", names, &message, &to, &sender)) {
        return NULL;
    }
    envelope = cps_smtpout_function("envelope");
    recipients = envelope == NULL ? NULL : PyObject_CallOneArg(envelope, to);
    text = recipients == NULL ? NULL : PyObject_Str(to);
    if (text != NULL) {
        status = smtpout_deliver((CpsSMTPOut *)op, message, recipients, sender, text);
    }
    Py_XDECREF(envelope);
    Py_XDECREF(recipients);
    Py_XDECREF(text);
    if (status < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Returns 0, or -1 with an exception set. */
static int
smtpout_send_built(CpsSMTPOut *self, PyObject *built)
{
    int own = sends_itself(self);
    PyObject *result;

    if (own <= 0) {
        return own < 0 ? -1
                       : smtpout_deliver(self, PyTuple_GET_ITEM(built, 0), PyTuple_GET_ITEM(built, 1),
                                         PyTuple_GET_ITEM(built, 2), PyTuple_GET_ITEM(built, 3));
    }
    result = PyObject_CallMethod((PyObject *)self, "send", "OOO", PyTuple_GET_ITEM(built, 0),
                                 PyTuple_GET_ITEM(built, 1), PyTuple_GET_ITEM(built, 2));
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static int
smtpout_consume(CpsActor *actor, CpsInbox *Py_UNUSED(inbox), PyObject *event)
{
    CpsSMTPOut *self = (CpsSMTPOut *)actor;
    PyObject *built = smtpout_build(self, event);
    int status = 0;

    if (built == NULL) {
        return -1;
    }
    if (built == Py_None) {
        cps_log(actor->logger, CPS_LOG_INFO, event, "No email recipient specified, notification was not sent");
    }
    else {
        status = smtpout_send_built(self, built);
    }
    Py_DECREF(built);
    return status < 0 ? -1 : cps_actor_send(actor, event);
}

static const CpsActorOps smtpout_ops = {
    .consume = smtpout_consume,
    .start_job = smtpout_start_job,
};

static PyObject *
smtpout_normalize_address(PyObject *Py_UNUSED(op), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"address", "domain", NULL};
    PyObject *address, *domain;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO:normalize_address", names, &address, &domain)) {
        return NULL;
    }
    if (PyUnicode_Check(address) && PyUnicode_FindChar(address, '@', 0, PyUnicode_GET_LENGTH(address), 1) >= 0) {
        return Py_NewRef(address);
    }
    if (!PyUnicode_Check(address) || PyUnicode_GET_LENGTH(address) == 0 || domain == Py_None) {
        Py_RETURN_NONE;
    }
    return PyUnicode_FromFormat("%U@%S", address, domain);
}

static int
smtpout_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return cps_smtpout_init((CpsSMTPOut *)op, &smtpout_ops, args, kwargs);
}

/* --- the type -------------------------------------------------------------------------------------------------------------------- */

static int
smtpout_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsSMTPOut *self = (CpsSMTPOut *)op;

    Py_VISIT(self->address);
    Py_VISIT(self->domain);
    Py_VISIT(self->key);
    Py_VISIT(self->host);
    Py_VISIT(self->body_tag);
    return cps_actor_traverse(op, visit, arg);
}

static void
smtpout_dealloc(PyObject *op)
{
    CpsSMTPOut *self = (CpsSMTPOut *)op;

    PyObject_GC_UnTrack(op);
    Py_CLEAR(self->texts);
    Py_CLEAR(self->address);
    Py_CLEAR(self->domain);
    Py_CLEAR(self->key);
    Py_CLEAR(self->host);
    Py_CLEAR(self->body_tag);
    cps_actor_dealloc(op);
}

PyDoc_STRVAR(
    smtpout_doc,
    "SMTPOut(name, from_address=None, domain=None, key=None, host=('localhost', 25), tls='none', user=None,\n"
    "        password=None, verify=True, timeout=30.0, retries=2, backoff=1.0, *args, concurrency=10,\n"
    "        **kwargs)\n--\n\n"
    "Send a mail for each event (RFC 5321, RFC 5322), and then the event on.\n\n"
    "In, out: XMLEvent: <email><To>a@b.c, d@e.f</To><Cc/><Bcc/><From/><Subject/><Body>text</Body></email>.\n"
    "Children are headers but for Body, Bcc and Attachment (filename, type, encoding='base64'); attachments\n"
    "of the event are attached, too: a list of dicts of filename, data (bytes or str) and type.\n\n"
    "from_address: str, for mails without From. domain: str, for a sender without one.\n"
    "host: str 'host' or 'host:port', or a tuple.\n"
    "tls: 'none', 'starttls' (RFC 3207, or an error), 'opportunistic' (if the server has it), 'smtps'.\n"
    "user, password: str, for AUTH (RFC 4954).\n"
    "verify: whether the server's certificate is; or a file of authorities.\n"
    "timeout: seconds for a connection with TLS and login, and then for each reply. retries: how often a mail\n"
    "is sent again when the connection breaks before all of it was sent, or the reply is 4xx. backoff: seconds\n"
    "before the first of them, twice as long each time.\n\n"
    "Errors: BadGateway, GatewayTimeout, and ServiceUnavailable after temporary replies, with the reply's code;\n"
    "MalformedEventData when the event makes no mail.");

PyDoc_STRVAR(send_doc, "send($self, /, msg, to, from_address)\n--\n\n"
                       "Deliver a message (email.message.Message, bytes or str), and wait.\n\n"
                       "to: list of str, or a str with commas. Raises what is an event's error.");

static PyMethodDef smtpout_methods[] = {
    CPS_CONSUME_METHOD,
    {"send", _PyCFunction_CAST(smtpout_send), METH_VARARGS | METH_KEYWORDS, send_doc},
    {"normalize_address", _PyCFunction_CAST(smtpout_normalize_address), METH_VARARGS | METH_KEYWORDS,
     "normalize_address($self, /, address, domain)\n--\n\n"
     "The address, with the domain if it has none (str); None without either."},
    {NULL},
};

static PyMemberDef smtpout_members[] = {
    CPS_ACTOR_MEMBERS,
    {"address", T_OBJECT, offsetof(CpsSMTPOut, address), 0, "Sender of mails without one (str or None)."},
    {"domain", T_OBJECT, offsetof(CpsSMTPOut, domain), 0, "Domain of senders without one (str or None)."},
    {"key", T_OBJECT, offsetof(CpsSMTPOut, key), 0, "As it was given, or the name."},
    {"host", T_OBJECT, offsetof(CpsSMTPOut, host), READONLY, "The server, as it was given."},
    {"body_tag", T_OBJECT, offsetof(CpsSMTPOut, body_tag), 0, "Name of the element with the text (str)."},
    {NULL},
};

static PyGetSetDef smtpout_getset[] = {CPS_DICT, {NULL}};

static PyType_Slot smtpout_slots[] = {
    {Py_tp_doc, (void *)smtpout_doc}, {Py_tp_init, smtpout_init},       {Py_tp_traverse, smtpout_traverse},
    {Py_tp_clear, cps_actor_clear},   {Py_tp_dealloc, smtpout_dealloc}, {Py_tp_methods, smtpout_methods},
    {Py_tp_members, smtpout_members}, {Py_tp_getset, smtpout_getset},   {0, NULL},
};

static PyType_Spec smtpout_spec = {
    .name = "compysition.actors.smtp.SMTPOut",
    .basicsize = sizeof(CpsSMTPOut),
    .flags = CPS_ACTOR_FLAGS,
    .slots = smtpout_slots,
};

int
cps_smtpout_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.SMTPOut, &smtpout_spec, (PyObject *)state->types.Actor) < 0) {
        return -1;
    }
    if (cps_set_event_types(state, state->types.SMTPOut, state->types.XMLEvent, state->types.XMLEvent) < 0) {
        return -1;
    }
    return cps_smtpout_probe_setup(module);
}
