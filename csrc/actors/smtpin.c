/* SMTPIn: mail that comes in by SMTP becomes events. */
#include "actors/smtpport.h"

#include "actors/serving.h"
#include "event/event.h"
#include "loop/worker.h"

static CpsSMTPIn *
smtpin_of(CpsActor *actor)
{
    return (CpsSMTPIn *)actor;
}

const char cps_smtpin_stopping[] = "451 4.3.2 The server is stopping";

/* --- messages and answers, in a worker ------------------------------------------------------------------------------------------------ */

void
cps_smtpin_schedule(CpsSMTPIn *self)
{
    if (!self->scheduled && self->base.rt != NULL) {
        self->scheduled = true;
        self->base.running++; /* a stop waits for it */
        cps_ready_push(self->base.rt, &self->ready);
    }
}

/* Answer those whose events waited for room. */
static void
smtpin_settle_held(CpsSMTPIn *self, const char *reply)
{
    CpsLink *link;

    while ((link = cps_list_pop(&self->held)) != NULL) {
        cps_smtp_settle(CPS_CONTAINER(link, CpsSmtpDelivery, link), reply);
    }
}

/* Of any port, each in its turn. NULL: there is none. */
static CpsSmtpDelivery *
smtpin_next(CpsSMTPIn *self)
{
    for (int i = 0; i < self->port_count; i++) {
        CpsLink *link = cps_list_pop(&self->listening);
        CpsSmtpDelivery *delivery = link == NULL ? NULL : cps_smtp_next(&cps_smtp_port_of(link)->smtp);

        if (link != NULL) {
            cps_list_append(&self->listening, link);
        }
        if (delivery != NULL) {
            return delivery;
        }
    }
    return NULL;
}

/* What a stop has asked for. */
static void
smtpin_end(CpsSMTPIn *self)
{
    CpsSmtpDelivery *delivery;

    for (CpsLink *link = cps_list_first(&self->listening); self->end_asked && link != NULL;
         link = cps_list_after(&self->listening, link)) {
        cps_smtp_server_end(&cps_smtp_port_of(link)->smtp);
    }
    while (self->end_asked && (delivery = smtpin_next(self)) != NULL) {
        cps_smtp_settle(delivery, cps_smtpin_stopping);
    }
    if (self->goodbye_asked) {
        smtpin_settle_held(self, cps_smtpin_stopping);
    }
    if (self->close_asked) {
        cps_smtpin_let_go(self);
    }
}

/* Process messages for a slice; what is left has its turn again, or waits until there is room. */
static void
smtpin_work(CpsSMTPIn *self, CpsRuntime *rt)
{
    CpsWorker *worker = rt->running;
    CpsSmtpDelivery *delivery;

    smtpin_end(self);
    if (cps_list_empty(&self->base.pending)) { /* or a stop has thrown them away */
        smtpin_settle_held(self, self->base.takes ? NULL : cps_smtpin_stopping);
    }
    while (!self->end_asked && !cps_actor_held_back(&self->base) && (delivery = smtpin_next(self)) != NULL) {
        cps_smtpin_process(self, delivery);
        if (cps_slice_spent(rt) || !cps_worker_may_go_on(rt, worker)) {
            cps_smtpin_schedule(self);
            break;
        }
    }
}

static void
smtpin_run(CpsReady *ready, CpsRuntime *rt)
{
    CpsSMTPIn *self = (CpsSMTPIn *)Py_NewRef((PyObject *)CPS_CONTAINER(ready, CpsSMTPIn, ready));

    self->scheduled = false;
    smtpin_work(self, rt);
    self->base.running--;
    cps_wait_wake_all(&self->watchers);
    cps_actor_note_rest(&self->base);
    Py_DECREF((PyObject *)self);
}

/* A process_message in Python blocks: others are called meanwhile. */
static void
smtpin_again(CpsReady *ready)
{
    cps_smtpin_schedule(CPS_CONTAINER(ready, CpsSMTPIn, ready));
}

static int
smtpin_consume(CpsActor *Py_UNUSED(actor), CpsInbox *Py_UNUSED(inbox), PyObject *Py_UNUSED(event))
{
    return 0;
}

static int
smtpin_start_source(CpsActor *actor)
{
    cps_smtpin_schedule(smtpin_of(actor)); /* messages may have come since it listens */
    return 0;
}

static void
smtpin_resume(CpsActor *actor)
{
    cps_smtpin_schedule(smtpin_of(actor));
}

static void
smtpin_stop_source(CpsActor *actor)
{
    CpsSMTPIn *self = smtpin_of(actor);

    if (!self->end_asked) {
        self->end_asked = true;
        cps_smtpin_schedule(self);
    }
}

static bool
smtpin_runs(const CpsActor *actor, const CpsReady *node)
{
    return node == &((const CpsSMTPIn *)actor)->ready;
}

const CpsActorOps cps_smtpin_ops = {
    .consume = smtpin_consume,
    .start_source = smtpin_start_source,
    .resume = smtpin_resume,
    .stop_source = smtpin_stop_source,
    .runs = smtpin_runs,
    .share = cps_smtpin_share,
};

/* --- hooks -------------------------------------------------------------------------------------------------------------------------- */

/* Whether the constructor of SMTPIn was called: else RuntimeError is set. */
static bool
smtpin_is_made(const CpsSMTPIn *self)
{
    if (!self->base.initialised) {
        PyErr_Format(PyExc_RuntimeError, "%.200s.__init__ has not called that of SMTPIn", Py_TYPE(self)->tp_name);
    }
    return self->base.initialised;
}

static PyObject *
smtpin_pre_hook(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsSMTPIn *self = (CpsSMTPIn *)op;
    CpsTlsContext *tls = NULL;
    CpsRuntime *rt;

    if (!smtpin_is_made(self)) {
        return NULL;
    }
    if (!cps_list_empty(&self->listening)) {
        Py_RETURN_NONE;
    }
    self->end_asked = self->goodbye_asked = self->close_asked = false;
    cps_raise_descriptor_limit(self->limits.connections);
    rt = cps_runtime_get(self->base.state);
    if (rt == NULL || cps_make_tls(self->base.state, self->certfile, self->keyfile, &tls) < 0 ||
        cps_smtpin_listen(self, rt, tls) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static bool
answers_are_out(void *context)
{
    CpsSMTPIn *self = context;
    bool out = self->base.running == 0 && cps_list_empty(&self->held);

    for (CpsLink *link = cps_list_first(&self->listening); out && link != NULL;
         link = cps_list_after(&self->listening, link)) {
        out = cps_smtp_server_at_rest(&cps_smtp_port_of(link)->smtp);
    }
    return out;
}

static bool
has_closed(void *context)
{
    return cps_list_empty(&((CpsSMTPIn *)context)->listening);
}

/* Have the node do what was asked for, and wait until `test` holds. Returns 0, or -1 with an exception set. */
static int
smtpin_ask(CpsSMTPIn *self, CpsWaitTest test)
{
    const double seconds = 5; /* for clients that read slowly */

    cps_smtpin_schedule(self);
    return cps_wait_until(self->base.state, &self->watchers, test, self, seconds) < 0 ? -1 : 0;
}

/* The loop's thread closes, whoever asks for it. */
static PyObject *
smtpin_post_hook(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsSMTPIn *self = (CpsSMTPIn *)op;
    bool listened = !has_closed(self);
    int status = 0;

    if (self->base.rt != NULL && !self->base.rt->abandoned && listened) {
        self->end_asked = self->goodbye_asked = true;
        status = smtpin_ask(self, answers_are_out);
        self->close_asked = status == 0;
        status = status < 0 ? -1 : smtpin_ask(self, has_closed);
    }
    cps_smtpin_let_go(self); /* also when it never started, because another actor's start failed */
    if (listened) {
        cps_log(self->base.logger, CPS_LOG_INFO, NULL, "Stopped serving SMTP");
    }
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

/* --- attributes --------------------------------------------------------------------------------------------------------------------- */

static PyObject *
smtpin_get_ports(PyObject *op, void *Py_UNUSED(closure))
{
    CpsSMTPIn *self = (CpsSMTPIn *)op;
    int ports[CPS_SMTP_PORTS];
    PyObject *list = PyList_New(self->port_count);

    memcpy(ports, self->ports, sizeof(ports));
    for (CpsLink *link = cps_list_first(&self->listening); link != NULL;
         link = cps_list_after(&self->listening, link)) {
        ports[cps_smtp_port_of(link)->index] = cps_listener_port(&cps_smtp_port_of(link)->smtp.base.listener);
    }
    for (int i = 0; list != NULL && i < self->port_count; i++) {
        PyObject *port = PyLong_FromLong(ports[i]);

        if (port == NULL) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, i, port);
    }
    return list;
}

static PyObject *
smtpin_get_connections(PyObject *op, void *Py_UNUSED(closure))
{
    CpsSMTPIn *self = (CpsSMTPIn *)op;
    unsigned long count = 0;

    for (CpsLink *link = cps_list_first(&self->listening); link != NULL;
         link = cps_list_after(&self->listening, link)) {
        count += cps_smtp_port_of(link)->smtp.base.client_count;
    }
    return PyLong_FromUnsignedLong(count);
}

static PyGetSetDef smtpin_getset[] = {
    CPS_DICT,
    {"ports", smtpin_get_ports, NULL,
     PyDoc_STR("list of int: where it listens; while it serves those that are bound, where 0 was given."), NULL},
    {"connections", smtpin_get_connections, NULL, PyDoc_STR("int: how many connections are open."), NULL},
    {NULL},
};

static PyMemberDef smtpin_members[] = {
    CPS_ACTOR_MEMBERS,
    {"host", T_OBJECT, offsetof(CpsSMTPIn, host), 0, PyDoc_STR("str: where it listens.")},
    {"hostname", T_OBJECT, offsetof(CpsSMTPIn, hostname), 0, PyDoc_STR("str: what it calls itself, or None.")},
    {"output_format", T_OBJECT, offsetof(CpsSMTPIn, output_format), 0, PyDoc_STR("'xml', or something else: JSON.")},
    {"keyfile", T_OBJECT, offsetof(CpsSMTPIn, keyfile), 0, PyDoc_STR("Path of the private key, or None.")},
    {"certfile", T_OBJECT, offsetof(CpsSMTPIn, certfile), 0, PyDoc_STR("Path of the certificates, or None.")},
    {"ssl_version", T_OBJECT, offsetof(CpsSMTPIn, ssl_version), 0, PyDoc_STR("As given; without effect.")},
    {NULL},
};

static PyObject *
smtpin_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    CpsState *state = cps_state_of_type(type);
    CpsSMTPIn *self = (CpsSMTPIn *)state->types.Actor->tp_new(type, args, kwargs);

    if (self == NULL) {
        return NULL;
    }
    for (int i = 0; i < CPS_SMTP_PORTS; i++) {
        self->reserved[i] = -1;
    }
    cps_list_init(&self->listening);
    cps_list_init(&self->held);
    cps_list_init(&self->watchers);
    self->ready.run = smtpin_run;
    self->ready.again = smtpin_again;
    return (PyObject *)self;
}

/* --- memory ---------------------------------------------------------------------------------------------------------------------------- */

static int
smtpin_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsSMTPIn *self = (CpsSMTPIn *)op;

    Py_VISIT(self->host);
    Py_VISIT(self->hostname);
    Py_VISIT(self->keyfile);
    Py_VISIT(self->certfile);
    Py_VISIT(self->ssl_version);
    Py_VISIT(self->output_format);
    return cps_actor_traverse(op, visit, arg);
}

static int
smtpin_clear(PyObject *op)
{
    CpsSMTPIn *self = (CpsSMTPIn *)op;

    cps_smtpin_let_go(self);
    if (self->base.rt == NULL || !self->base.rt->abandoned) {
        smtpin_settle_held(self, NULL); /* their clients have gone with the connections */
    }
    Py_CLEAR(self->host);
    Py_CLEAR(self->hostname);
    Py_CLEAR(self->keyfile);
    Py_CLEAR(self->certfile);
    Py_CLEAR(self->ssl_version);
    Py_CLEAR(self->output_format);
    return cps_actor_clear(op);
}

static void
smtpin_dealloc(PyObject *op)
{
    CpsSMTPIn *self = (CpsSMTPIn *)op;

    PyObject_GC_UnTrack(op);
    (void)smtpin_clear(op);
    for (int i = 0; i < CPS_SMTP_PORTS; i++) {
        cps_smtpin_unreserve(self, i);
    }
    cps_link_remove(&self->ready.link);
    cps_actor_dealloc(op);
}

/* --- type -------------------------------------------------------------------------------------------------------------------------------- */

PyDoc_STRVAR(
    smtpin_doc,
    "SMTPIn(name, host='localhost', ports=[25], output_format='xml', keyfile=None, certfile=None, ssl_version=None, "
    "*args,\n"
    "       hostname=None, implicit_tls=False, max_connections=1000, max_message=33554432,\n"
    "       max_message_total=268435456, max_line=65536,\n"
    "       max_recipients=1000, max_errors=20, command_timeout=300.0, data_timeout=180.0, write_timeout=60.0,\n"
    "       share_port=False, **kwargs)\n--\n\n"
    "Receive mail by SMTP (RFC 5321): a message becomes an event, and is acknowledged once that is on its queues.\n\n"
    "Out: XMLEvent or JSONEvent with the headers and the text; events that come in are ignored.\n\n"
    "host: str, a name, an IPv4 or IPv6 address, '' for all, or 'unix:/path'. ports: int, or an iterable of at most "
    "16; 0 for any\n"
    "free one. output_format: 'xml', or something else for JSON. keyfile, certfile: paths of PEM files: STARTTLS (RFC "
    "3207) is\n"
    "offered, TLS 1.2 or newer, or with implicit_tls TLS from the first byte (RFC 8314). ssl_version: ignored. "
    "hostname: str, what\n"
    "the server calls itself; by default the machine's name. The limits: connections of each port (more are answered "
    "421), bytes of\n"
    "a message (552) and of its lines (500), recipients (452), commands that are refused (421); seconds until the next "
    "command,\n"
    "without any byte of a message, and without the client taking any reply. share_port: other processes listen on the "
    "same ports\n"
    "(SO_REUSEPORT). Further arguments are those of Actor; unknown keywords are ignored.\n\n"
    "Raises ValueError and TypeError for arguments that make no sense; at start OSError when it cannot listen,\n"
    "ActorInitFailure for unusable certificates.");

static PyMethodDef smtpin_methods[] = {
    CPS_CONSUME_METHOD,
    {"process_message", _PyCFunction_CAST(cps_smtpin_process_message), METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR(
         "process_message($self, peer, mailfrom, rcpttos, data)\n--\n\n"
         "Make an event of a message, and send it. peer: (address, port); mailfrom: str, '' for the null "
         "reverse-path;\n"
         "rcpttos: list of str; data: bytes, with CRLF. For a subclass that overrides it: None accepts the message, a "
         "str\n"
         "is the reply instead ('550 5.7.1 Not here'); what it raises is answered 451, MalformedEventData 554.\n\n"
         "Raises MalformedEventData for what is not to be read, ServiceUnavailable without an outbox.")},
    {"pre_hook", smtpin_pre_hook, METH_NOARGS, PyDoc_STR("pre_hook($self, /)\n--\n\nListen.")},
    {"post_hook", smtpin_post_hook, METH_NOARGS,
     PyDoc_STR("post_hook($self, /)\n--\n\nAnswer who still waits with 451, say 421 to the others, and close.")},
    {NULL},
};

static PyType_Slot smtpin_slots[] = {
    {Py_tp_doc, (void *)smtpin_doc}, {Py_tp_new, smtpin_new},
    {Py_tp_init, cps_smtpin_init},   {Py_tp_traverse, smtpin_traverse},
    {Py_tp_clear, smtpin_clear},     {Py_tp_dealloc, smtpin_dealloc},
    {Py_tp_methods, smtpin_methods}, {Py_tp_members, smtpin_members},
    {Py_tp_getset, smtpin_getset},   {0, NULL},
};

static PyType_Spec smtpin_spec = {
    .name = "compysition.actors.smtp.SMTPIn",
    .basicsize = sizeof(CpsSMTPIn),
    .flags = CPS_ACTOR_FLAGS,
    .slots = smtpin_slots,
};

int
cps_smtpin_setup(PyObject *module, CpsState *state)
{
    PyObject *output;
    int status;

    if (cps_add_type(module, &state->types.SMTPIn, &smtpin_spec, (PyObject *)state->types.Actor) < 0) {
        return -1;
    }
    output = Py_BuildValue("[OO]", state->types.XMLEvent, state->types.JSONEvent);
    status = output == NULL ? -1 : PyObject_SetAttr((PyObject *)state->types.SMTPIn, state->names.output, output);
    Py_XDECREF(output);
    return status < 0 ? -1 : cps_smtp_probe_setup(module);
}
