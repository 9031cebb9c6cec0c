/* SMTPOut: sends a mail for each event, and then the event on. The mail is written by compysition/_mailout.py. */
#include "actors/actors.h"
#include "actors/serving.h"
#include "flow/job.h"
#include "loop/timer.h"
#include "loop/wait.h"
#include "net/smtptransfer.h"

#include <math.h>

enum { DEFAULT_CONCURRENCY = 10, DEFAULT_RETRIES = 2, SMTP_PORT = 25, SMTPS_PORT = 465 };
static const double DEFAULT_TIMEOUT = 30, DEFAULT_BACKOFF = 1, LONGEST_BACKOFF = 60; /* seconds */

typedef struct {
    CpsActor base;
    CpsCurlLoop *curl;   /* owned; NULL until the first mail, and after the end */
    CpsRuntime *curl_rt; /* borrowed: whose loop it is on */
    int by_hand;         /* mails of send() and consume() called by a script, which need no started actor */
    CpsSmtpSettings settings;
    PyObject *texts; /* owned list: what the settings point into */
    PyObject *address, *domain, *key, *host, *body_tag;
    Py_ssize_t retries;
    double backoff; /* seconds */
} SmtpOut;

/* One mail, with its retries. On the heap. */
typedef struct SmtpMail {
    CpsSmtpTransfer transfer; /* first */
    CpsCompletion completion;
    SmtpOut *actor; /* borrowed: who waits has it */
    CpsRuntime *rt; /* borrowed: the loop's */
    CpsTimer *timer;
    int attempts;                        /* that are over */
    void (*over)(struct SmtpMail *mail); /* in the hub */
    PyObject *to, *sender;               /* owned str, for the log */
} SmtpMail;

/* --- attempts -------------------------------------------------------------------------------------------------------------------- */

/* Returns 0, or -1 when out of memory. */
static int
mail_attempt(SmtpMail *mail)
{
    if (mail->actor->curl == NULL ||
        cps_smtp_transfer_start(&mail->transfer, mail->actor->curl, &mail->actor->settings) < 0) {
        return -1;
    }
    cps_runtime_wake(mail->rt);
    return 0;
}

static void
mail_on_timer(CpsTimer *Py_UNUSED(timer), void *context)
{
    SmtpMail *mail = context;

    mail->timer = NULL;
    if (mail_attempt(mail) < 0) {
        mail->over(mail); /* the outcome is that of the attempt before */
    }
}

/* Whether nobody has got it, and it may go another time. */
static bool
mail_may_repeat(const SmtpMail *mail)
{
    const CpsSmtpTransfer *transfer = &mail->transfer;

    return transfer->outcome == CPS_SMTP_UNREACHED || (transfer->outcome == CPS_SMTP_REFUSED && transfer->reply < 500);
}

/* In the hub: an attempt is over. */
static void
mail_on_completion(CpsCompletion *completion, CpsRuntime *rt)
{
    SmtpMail *mail = CPS_CONTAINER(completion, SmtpMail, completion);

    mail->attempts++;
    if (mail->attempts <= mail->actor->retries && mail_may_repeat(mail)) {
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
    SmtpMail *mail = (SmtpMail *)transfer;

    cps_complete(mail->rt, &mail->completion);
}

/* Returns 0, or -1 with MemoryError set. */
static int
mail_begin(SmtpMail *mail)
{
    mail->transfer.on_done = mail_on_done;
    mail->completion.done = mail_on_completion;
    mail->rt = mail->actor->curl_rt;
    if (mail_attempt(mail) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static void
mail_cancel(SmtpMail *mail)
{
    cps_smtp_transfer_cancel(&mail->transfer);
    cps_link_remove(&mail->completion.link);
    cps_timer_cancel(&mail->timer);
}

static void
mail_free(SmtpMail *mail)
{
    mail_cancel(mail);
    cps_smtp_transfer_free(&mail->transfer);
    Py_CLEAR(mail->to);
    Py_CLEAR(mail->sender);
}

/* --- the loop's part ------------------------------------------------------------------------------------------------------------- */

/* libcurl's part of an actor that another thread has ended. */
typedef struct {
    CpsReady ready; /* first */
    CpsCurlLoop *curl;
} CurlEnd;

/* In a worker. */
static void
curl_end_run(CpsReady *ready, CpsRuntime *rt)
{
    cps_curl_loop_close(&((CurlEnd *)ready)->curl);
    PyMem_Free(ready);
    cps_runtime_release(rt);
}

static void
smtpout_close(CpsActor *actor)
{
    SmtpOut *self = (SmtpOut *)actor;
    CurlEnd *end;

    if (self->curl == NULL) {
        return;
    }
    if (self->curl_rt->abandoned) { /* a fork's child shares it with its parent, and does not touch it */
        self->curl = NULL;
    }
    else if (self->curl_rt == cps_runtime_peek()) {
        cps_curl_loop_close(&self->curl);
    }
    else if ((end = PyMem_Calloc(1, sizeof(*end))) != NULL) {
        end->ready.run = curl_end_run;
        end->curl = self->curl;
        self->curl = NULL;
        cps_runtime_hold(self->curl_rt);
        cps_ready_push(self->curl_rt, &end->ready);
    }
}

/* There is one on the loop of this thread. Returns 0, or -1 with an exception set. */
static int
smtpout_open(SmtpOut *self)
{
    CpsRuntime *rt = cps_runtime_get(self->base.state);

    if (rt == NULL) {
        return -1;
    }
    if (self->curl != NULL && self->curl_rt->abandoned) {
        self->curl = NULL;
    }
    if ((self->curl != NULL && self->curl_rt != rt) || (self->base.rt != NULL && self->base.rt != rt)) {
        PyErr_SetString(PyExc_RuntimeError, "an SMTPOut is used in the thread where it was started");
        return -1;
    }
    if (self->curl == NULL) {
        self->curl_rt = rt;
        self->curl = cps_curl_loop_new(&rt->loop, 0, cps_smtp_transfer_on_done);
    }
    if (self->curl == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* --- writing the mail ------------------------------------------------------------------------------------------------------------ */

/* A function of compysition._mailout. New, or NULL with an exception set. */
static PyObject *
mailout(const char *name)
{
    PyObject *module = PyImport_ImportModule("compysition._mailout");
    PyObject *function = module == NULL ? NULL : PyObject_GetAttrString(module, name);

    Py_XDECREF(module);
    return function;
}

/* The mail of an event: (message, recipients, sender, to), or None when nobody is to get one. New, or NULL with an exception set. */
static PyObject *
smtpout_build(SmtpOut *self, PyObject *event)
{
    PyObject *build = mailout("build");
    PyObject *result = build == NULL ? NULL : PyObject_CallFunctionObjArgs(build, self, event, NULL);

    Py_XDECREF(build);
    return result;
}

/* Append the UTF-8 of a str, and a NUL. Returns 0, or -1 with an exception set. */
static int
append_address(CpsBuffer *buffer, PyObject *address)
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
    return 0;
}

/* Returns 0, or -1 with an exception set. */
static int
fill_message(SmtpMail *mail, PyObject *message)
{
    PyObject *flatten = mailout("flatten");
    PyObject *bytes = flatten == NULL ? NULL : PyObject_CallOneArg(flatten, message);
    int status = -1;

    Py_XDECREF(flatten);
    if (bytes != NULL &&
        cps_buffer_append(&mail->transfer.message, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes)) == 0) {
        status = 0;
    }
    else if (bytes != NULL) {
        PyErr_NoMemory();
    }
    Py_XDECREF(bytes);
    return status;
}

/* Returns 0, or -1 with an exception set. */
static int
mail_fill(SmtpMail *mail, SmtpOut *self, PyObject *message, PyObject *recipients, PyObject *sender, PyObject *to)
{
    int status;

    mail->actor = self;
    mail->to = Py_NewRef(to);
    mail->sender = Py_NewRef(sender);
    status = append_address(&mail->transfer.sender, sender) < 0 ? -1 : fill_message(mail, message);
    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(recipients); i++) {
        status = append_address(&mail->transfer.recipients, PyList_GET_ITEM(recipients, i));
    }
    return status;
}

/* Returns 0, or -1 with an exception set. */
static int
mail_fill_built(SmtpMail *mail, SmtpOut *self, PyObject *built)
{
    return mail_fill(mail, self, PyTuple_GET_ITEM(built, 0), PyTuple_GET_ITEM(built, 1), PyTuple_GET_ITEM(built, 2),
                     PyTuple_GET_ITEM(built, 3));
}

/* --- the end --------------------------------------------------------------------------------------------------------------------- */

/* Raise what went wrong, with the server's reply as its code. Returns -1. */
static int
mail_raise(const SmtpMail *mail, const char *what, const CpsBuffer *text)
{
    static const CpsErrorKind kinds[] = {
        [CPS_SMTP_DELIVERED] = CPS_BAD_GATEWAY, [CPS_SMTP_UNREACHED] = CPS_BAD_GATEWAY,
        [CPS_SMTP_REFUSED] = CPS_BAD_GATEWAY,   [CPS_SMTP_TIMEOUT] = CPS_GATEWAY_TIMEOUT,
        [CPS_SMTP_FAILED] = CPS_BAD_GATEWAY,
    };
    const CpsSmtpTransfer *transfer = &mail->transfer;
    const CpsSmtpSettings *settings = &mail->actor->settings;
    bool temporary = transfer->outcome == CPS_SMTP_REFUSED && transfer->reply < 500;
    PyObject *words = PyUnicode_DecodeUTF8(text->length == 0 ? "" : text->bytes, (Py_ssize_t)text->length, "replace");
    PyObject *code = PyLong_FromLong(transfer->reply), *exc;

    if (words != NULL && code != NULL) {
        cps_raise(mail->actor->base.state, temporary ? CPS_SERVICE_UNAVAILABLE : kinds[transfer->outcome],
                  "%s:%d: %s%U", settings->host, settings->port, what, words);
        exc = PyErr_GetRaisedException();
        if (transfer->reply == 0 || PyObject_SetAttr(exc, mail->actor->base.state->names.code, code) == 0) {
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

/* It is over. `event` may be NULL. Returns 0, or -1 with an exception set. */
static int
mail_settle(SmtpMail *mail, PyObject *event)
{
    CpsSmtpTransfer *transfer = &mail->transfer;
    CpsLogger *logger = mail->actor->base.logger;

    if (transfer->refused.length > 0) {
        transfer->refused.length--; /* the last line's end */
        return mail_raise(mail, "refused recipients: ", &transfer->refused);
    }
    if (transfer->outcome != CPS_SMTP_DELIVERED) {
        return mail_raise(mail, transfer->outcome == CPS_SMTP_REFUSED ? "refused: " : "", &transfer->error);
    }
    cps_log(logger, CPS_LOG_INFO, event, "Email sent to %U from %U via smtp server %S", mail->to, mail->sender,
            mail->actor->host);
    return 0;
}

/* --- events from queues: jobs ---------------------------------------------------------------------------------------------------- */

typedef struct {
    CpsJob job; /* first */
    SmtpMail mail;
    CpsReady stop; /* in a worker of the loop's thread: another one has cancelled it */
} SmtpJob;

static void
smtp_job_over(SmtpMail *mail)
{
    cps_job_done(&CPS_CONTAINER(mail, SmtpJob, mail)->job);
}

static int
smtp_job_begin(CpsJob *job)
{
    SmtpJob *own = (SmtpJob *)job;

    own->mail.over = smtp_job_over;
    return mail_begin(&own->mail);
}

static int
smtp_job_finish(CpsJob *job, CpsActor *self)
{
    return mail_settle(&((SmtpJob *)job)->mail, job->consume.event) < 0 ? -1 : cps_actor_send(self, job->consume.event);
}

static void
smtp_job_free(CpsJob *job)
{
    mail_free(&((SmtpJob *)job)->mail);
    PyMem_Free(job);
}

static void
smtp_job_stop(CpsReady *ready, CpsRuntime *rt)
{
    SmtpJob *own = CPS_CONTAINER(ready, SmtpJob, stop);

    mail_cancel(&own->mail);
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
    own->mail.over = mail_cancel; /* until then nothing more comes of it */
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
sends_itself(SmtpOut *self)
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
start_mail_job(SmtpOut *self, CpsConsume *consume, PyObject *built)
{
    SmtpJob *own = PyMem_Calloc(1, sizeof(*own));

    if (own == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (mail_fill_built(&own->mail, self, built) < 0 || smtpout_open(self) < 0) {
        smtp_job_free(&own->job);
        return -1;
    }
    return cps_job_start(&own->job, &smtp_job_ops, &self->base, consume) < 0 ? -1 : 1;
}

static int
smtpout_start_job(CpsActor *actor, CpsConsume *consume)
{
    SmtpOut *self = (SmtpOut *)actor;
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
    SmtpMail mail; /* first */
    CpsList waits; /* CpsWait: the caller's */
    bool over;
} SmtpCall;

/* In the hub. */
static void
smtp_call_over(SmtpMail *mail)
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
smtp_call_run(SmtpOut *self, SmtpCall *call, PyObject *message, PyObject *recipients, PyObject *sender, PyObject *to)
{
    cps_list_init(&call->waits);
    call->mail.over = smtp_call_over;
    if (mail_fill(&call->mail, self, message, recipients, sender, to) < 0 || smtpout_open(self) < 0 ||
        mail_begin(&call->mail) < 0 ||
        cps_wait_until(self->base.state, &call->waits, smtp_call_is_over, call, -1) < 0) {
        return -1;
    }
    return mail_settle(&call->mail, NULL);
}

/* Returns 0, or -1 with an exception set. */
static int
smtpout_deliver(SmtpOut *self, PyObject *message, PyObject *recipients, PyObject *sender, PyObject *to)
{
    SmtpCall *call = PyMem_Calloc(1, sizeof(*call)); /* not on the stack: the hub writes into it */
    int status;

    if (call == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->by_hand++;
    status = smtp_call_run(self, call, message, recipients, sender, to);
    self->by_hand--;
    mail_free(&call->mail);
    PyMem_Free(call);
    if (self->base.rt == NULL && self->by_hand == 0) {
        smtpout_close(&self->base);
    }
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
    envelope = mailout("envelope");
    recipients = envelope == NULL ? NULL : PyObject_CallOneArg(envelope, to);
    text = recipients == NULL ? NULL : PyObject_Str(to);
    if (text != NULL) {
        status = smtpout_deliver((SmtpOut *)op, message, recipients, sender, text);
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
smtpout_send_built(SmtpOut *self, PyObject *built)
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
    SmtpOut *self = (SmtpOut *)actor;
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
    .close = smtpout_close,
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

/* --- construction ---------------------------------------------------------------------------------------------------------------- */

enum { NAME, FROM_ADDRESS, DOMAIN, KEY, HOST, TLS, USER, PASSWORD, VERIFY, TIMEOUT, RETRIES, BACKOFF, PARAMETERS };

/* Keep the UTF-8 of a str, or the bytes of a path. Borrowed from the actor, or NULL with an exception set. */
static const char *
keep(SmtpOut *self, PyObject *value, bool is_path)
{
    PyObject *bytes;
    const char *text = NULL;
    int status;

    if (is_path) {
        status = PyUnicode_FSConverter(value, &bytes) ? 0 : -1;
    }
    else {
        bytes = PyUnicode_Check(value) ? PyUnicode_AsUTF8String(value) : PyObject_Bytes(value);
        status = bytes == NULL ? -1 : 0;
    }
    if (status == 0) {
        text = PyList_Append(self->texts, bytes) < 0 ? NULL : PyBytes_AS_STRING(bytes);
        Py_DECREF(bytes);
    }
    return text;
}

/* Returns 0, or -1 with an exception set. */
static int
take_tls(SmtpOut *self, PyObject *tls)
{
    static const char *const names[] = {"none", "opportunistic", "starttls", "smtps"};

    self->settings.tls = CPS_SMTP_PLAIN;
    if (tls == NULL || tls == Py_None) {
        return 0;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++) {
        if (cps_text_is(tls, names[i])) {
            self->settings.tls = (CpsSmtpTls)i;
            return 0;
        }
    }
    PyErr_Format(PyExc_ValueError, "tls must be 'none', 'opportunistic', 'starttls' or 'smtps', not %R", tls);
    return -1;
}

/* "host", "host:port" or (host, port). Returns 0, or -1 with an exception set. */
static int
take_host(SmtpOut *self, PyObject *host)
{
    int usual = self->settings.tls == CPS_SMTP_IMPLICIT_TLS ? SMTPS_PORT : SMTP_PORT;
    PyObject *given = host == NULL ? Py_BuildValue("si", "localhost", usual) : Py_NewRef(host);
    PyObject *split = given == NULL ? NULL : mailout("split_host");
    PyObject *pair = split == NULL ? NULL : PyObject_CallFunction(split, "Oi", given, usual);

    Py_XDECREF(split);
    if (pair == NULL) {
        Py_XDECREF(given);
        return -1;
    }
    Py_XSETREF(self->host, given);
    self->settings.host = keep(self, PyTuple_GET_ITEM(pair, 0), false);
    self->settings.port = (int)PyLong_AsLong(PyTuple_GET_ITEM(pair, 1));
    Py_DECREF(pair);
    return self->settings.host == NULL ? -1 : 0;
}

/* Returns 0, or -1 with an exception set. */
static int
take_login(SmtpOut *self, PyObject *user, PyObject *password)
{
    self->settings.user = self->settings.password = NULL;
    if (user == NULL || user == Py_None) {
        return 0;
    }
    if (password == NULL || !PyUnicode_Check(user) || !PyUnicode_Check(password)) {
        PyErr_SetString(PyExc_TypeError, "user and password must both be str");
        return -1;
    }
    self->settings.user = keep(self, user, false);
    self->settings.password = keep(self, password, false);
    return self->settings.user == NULL || self->settings.password == NULL ? -1 : 0;
}

/* Returns 0, or -1 with an exception set. */
static int
take_times(SmtpOut *self, PyObject *const *values)
{
    double timeout = DEFAULT_TIMEOUT;

    self->retries = DEFAULT_RETRIES;
    if (cps_take_seconds(values[TIMEOUT], "timeout", &timeout) < 0 ||
        cps_take_size(&self->retries, values[RETRIES]) < 0) {
        return -1;
    }
    self->backoff = values[BACKOFF] == NULL ? DEFAULT_BACKOFF : PyFloat_AsDouble(values[BACKOFF]);
    if (!PyErr_Occurred() && (!(self->backoff >= 0) || self->retries < 0)) {
        PyErr_SetString(PyExc_ValueError, "retries and backoff must not be negative");
    }
    self->settings.timeout_ms = (long)(timeout * 1000);
    return PyErr_Occurred() ? -1 : 0;
}

/* Returns 0, or -1 with an exception set. */
static int
smtpout_configure(SmtpOut *self, PyObject *const *values)
{
    Py_XSETREF(self->texts, PyList_New(0));
    Py_XSETREF(self->body_tag, PyUnicode_FromString("Body"));
    if (self->texts == NULL || self->body_tag == NULL) {
        return -1;
    }
    cps_take_object(&self->address, values[FROM_ADDRESS] == NULL ? Py_None : values[FROM_ADDRESS]);
    cps_take_object(&self->domain, values[DOMAIN] == NULL ? Py_None : values[DOMAIN]);
    cps_take_object(&self->key, values[KEY] == NULL || values[KEY] == Py_None ? self->base.name : values[KEY]);
    self->settings.verify = values[VERIFY] != Py_False;
    self->settings.ca_file = NULL;
    if (values[VERIFY] != NULL && !PyBool_Check(values[VERIFY])) {
        self->settings.ca_file = keep(self, values[VERIFY], true);
        if (self->settings.ca_file == NULL) {
            return -1;
        }
    }
    return take_tls(self, values[TLS]) < 0 || take_host(self, values[HOST]) < 0 ||
                   take_login(self, values[USER], values[PASSWORD]) < 0
               ? -1
               : take_times(self, values);
}

static int
smtpout_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "from_address", "domain", "key",     "host",    "tls",
                                        "user", "password",     "verify", "timeout", "retries", "backoff"};
    SmtpOut *self = (SmtpOut *)op;
    PyObject *values[PARAMETERS], *rest_args, *rest_kwargs, *address;
    int result;

    if (self->curl != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "an SMTPOut that is at work cannot be made anew");
        return -1;
    }
    if (cps_bind("SMTPOut", args, kwargs, names, PARAMETERS, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    address = cps_pop_keyword(rest_kwargs, "address"); /* its name in 1.1 */
    if (values[FROM_ADDRESS] == NULL) {
        values[FROM_ADDRESS] = address;
    }
    result = PyErr_Occurred() ? -1 : cps_actor_init(&self->base, &smtpout_ops, rest_args, rest_kwargs);
    if (result == 0 && PyDict_GetItemString(rest_kwargs, "concurrency") == NULL) {
        self->base.concurrency = DEFAULT_CONCURRENCY;
    }
    if (result == 0 && cps_actor_set_shape(&self->base, "mail") == 0 && smtpout_configure(self, values) == 0) {
        cps_log(self->base.logger, CPS_LOG_INFO, NULL, "Initialized SMTPOut Actor");
    }
    else {
        result = -1;
    }
    Py_XDECREF(address);
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

/* --- the type -------------------------------------------------------------------------------------------------------------------- */

static int
smtpout_traverse(PyObject *op, visitproc visit, void *arg)
{
    SmtpOut *self = (SmtpOut *)op;

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
    SmtpOut *self = (SmtpOut *)op;

    PyObject_GC_UnTrack(op);
    smtpout_close(&self->base);
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
    "timeout: seconds for an attempt. retries: how often a mail is sent again when there is no connection or\n"
    "the reply is 4xx. backoff: seconds before the first of them, twice as long each time.\n\n"
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
    {"address", T_OBJECT, offsetof(SmtpOut, address), 0, "Sender of mails without one (str or None)."},
    {"domain", T_OBJECT, offsetof(SmtpOut, domain), 0, "Domain of senders without one (str or None)."},
    {"key", T_OBJECT, offsetof(SmtpOut, key), 0, "As it was given, or the name."},
    {"host", T_OBJECT, offsetof(SmtpOut, host), READONLY, "The server, as it was given."},
    {"body_tag", T_OBJECT, offsetof(SmtpOut, body_tag), 0, "Name of the element with the text (str)."},
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
    .basicsize = sizeof(SmtpOut),
    .flags = CPS_ACTOR_FLAGS,
    .slots = smtpout_slots,
};

int
cps_smtpout_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.SMTPOut, &smtpout_spec, (PyObject *)state->types.Actor) < 0) {
        return -1;
    }
    return cps_set_event_types(state, state->types.SMTPOut, state->types.XMLEvent, state->types.XMLEvent);
}
