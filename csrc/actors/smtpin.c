/* SMTPIn: mail that comes in by SMTP becomes events. */
#include "actors/smtpin.h"

#include "actors/serving.h"
#include "event/event.h"
#include "loop/worker.h"

#include <unistd.h>

static CpsSMTPIn *
smtpin_of(CpsActor *actor)
{
    return (CpsSMTPIn *)actor;
}

/* --- the listening part, which lives until libuv has closed its handles --------------------------------------------------------------- */

typedef struct {
    CpsSmtpServer smtp;
    CpsSmtpServerLimits limits;
    CpsLink link;             /* in CpsSMTPIn.listening */
    CpsCompletion completion; /* there is something for the actor to look at */
    CpsRuntime *rt;           /* borrowed: it lives longer than its handles */
    CpsSMTPIn *actor;         /* borrowed; NULL once it does not want to hear more */
    bool noted;               /* the completion is on its way */
    bool closed;
    char name[256];
} SmtpPort;

static SmtpPort *
port_of(CpsLink *link)
{
    return CPS_CONTAINER(link, SmtpPort, link);
}

/* The two that run within uv_run. */
static void
port_on_change(CpsSmtpServer *smtp)
{
    SmtpPort *port = CPS_CONTAINER(smtp, SmtpPort, smtp);

    if (port->actor != NULL && !port->noted) {
        port->noted = true;
        cps_complete(port->rt, &port->completion);
    }
}

static void
port_on_closed(CpsSmtpServer *smtp)
{
    SmtpPort *port = CPS_CONTAINER(smtp, SmtpPort, smtp);

    port->closed = true;
    if (!port->noted) {
        free(port);
    }
}

static void smtpin_schedule(CpsSMTPIn *self);

static void
port_done(CpsCompletion *completion, CpsRuntime *Py_UNUSED(rt))
{
    SmtpPort *port = CPS_CONTAINER(completion, SmtpPort, completion);

    port->noted = false;
    if (port->closed) {
        free(port);
    }
    else if (port->actor != NULL) {
        smtpin_schedule(port->actor);
    }
}

/* Takes the context. New, or NULL with an exception set. */
static SmtpPort *
port_open(CpsSMTPIn *self, CpsRuntime *rt, const CpsListenAt *at, CpsTlsContext *tls, const char *name)
{
    SmtpPort *port = calloc(1, sizeof(*port));
    int code;

    if (port == NULL) {
        cps_tls_context_unref(tls);
        return (SmtpPort *)PyErr_NoMemory();
    }
    port->limits = self->limits;
    port->completion.done = port_done;
    port->rt = rt;
    snprintf(port->name, sizeof(port->name), "%s", name);
    port->smtp.limits = &port->limits;
    port->smtp.name = port->name;
    port->smtp.implicit_tls = tls != NULL && self->implicit_tls;
    port->smtp.on_change = port_on_change;
    port->smtp.on_closed = port_on_closed;
    Py_BEGIN_ALLOW_THREADS
    code = cps_smtp_server_open(&port->smtp, &rt->loop, at, tls);
    Py_END_ALLOW_THREADS
    if (code < 0) {
        cps_raise_about_listening(at, code);
        return NULL;
    }
    port->actor = self;
    return port;
}

const char cps_smtpin_stopping[] = "451 4.3.2 The server is stopping";

/* --- messages and answers, in a worker ------------------------------------------------------------------------------------------------ */

static void
smtpin_schedule(CpsSMTPIn *self)
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
        CpsSmtpDelivery *delivery = link == NULL ? NULL : cps_smtp_next(&port_of(link)->smtp);

        if (link != NULL) {
            cps_list_append(&self->listening, link);
        }
        if (delivery != NULL) {
            return delivery;
        }
    }
    return NULL;
}

/* Close what listens; in a fork's child that is the parent's. */
static void
smtpin_let_go(CpsSMTPIn *self)
{
    CpsLink *link;

    while ((link = cps_list_pop(&self->listening)) != NULL) {
        SmtpPort *port = port_of(link);

        port->actor = NULL;
        if (!port->rt->abandoned) {
            cps_smtp_server_close(&port->smtp);
        }
    }
}

/* What a stop has asked for. */
static void
smtpin_end(CpsSMTPIn *self)
{
    CpsSmtpDelivery *delivery;

    for (CpsLink *link = cps_list_first(&self->listening); self->end_asked && link != NULL;
         link = cps_list_after(&self->listening, link)) {
        cps_smtp_server_end(&port_of(link)->smtp);
    }
    while (self->end_asked && (delivery = smtpin_next(self)) != NULL) {
        cps_smtp_settle(delivery, cps_smtpin_stopping);
    }
    if (self->goodbye_asked) {
        smtpin_settle_held(self, cps_smtpin_stopping);
    }
    if (self->close_asked) {
        smtpin_let_go(self);
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
            smtpin_schedule(self);
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
    smtpin_schedule(CPS_CONTAINER(ready, CpsSMTPIn, ready));
}

static int
smtpin_consume(CpsActor *Py_UNUSED(actor), CpsInbox *Py_UNUSED(inbox), PyObject *Py_UNUSED(event))
{
    return 0;
}

static int
smtpin_start_source(CpsActor *actor)
{
    smtpin_schedule(smtpin_of(actor)); /* messages may have come since it listens */
    return 0;
}

static void
smtpin_resume(CpsActor *actor)
{
    smtpin_schedule(smtpin_of(actor));
}

static void
smtpin_stop_source(CpsActor *actor)
{
    CpsSMTPIn *self = smtpin_of(actor);

    if (!self->end_asked) {
        self->end_asked = true;
        smtpin_schedule(self);
    }
}

static bool
smtpin_runs(const CpsActor *actor, const CpsReady *node)
{
    return node == &((const CpsSMTPIn *)actor)->ready;
}

static void
smtpin_unreserve(CpsSMTPIn *self, int index)
{
    if (self->reserved[index] >= 0) {
        close(self->reserved[index]);
        self->reserved[index] = -1;
    }
}

/* Several processes are going to serve: they share the ports, which are known before they begin. */
static int
smtpin_share(CpsActor *actor)
{
    CpsSMTPIn *self = smtpin_of(actor);
    CpsListenAt at = {.host = PyUnicode_AsUTF8(self->host)};

    if (at.host == NULL) {
        return -1;
    }
    if (strncmp(at.host, "unix:", 5) == 0) {
        cps_raise(actor->state, CPS_SETUP_ERROR, "several processes cannot share the Unix socket of '%S'", actor->name);
        return -1;
    }
    for (int i = 0; i < self->port_count; i++) {
        int fd;

        at.port = self->ports[i];
        smtpin_unreserve(self, i);
        Py_BEGIN_ALLOW_THREADS
        fd = cps_listener_reserve(&at, &self->ports[i]);
        Py_END_ALLOW_THREADS
        if (fd < 0) {
            self->ports[i] = at.port;
            cps_raise_about_listening(&at, fd);
            return -1;
        }
        self->reserved[i] = fd;
    }
    self->share_port = true;
    return 0;
}

static const CpsActorOps smtpin_ops = {
    .consume = smtpin_consume,
    .start_source = smtpin_start_source,
    .resume = smtpin_resume,
    .stop_source = smtpin_stop_source,
    .runs = smtpin_runs,
    .share = smtpin_share,
};

/* --- hooks -------------------------------------------------------------------------------------------------------------------------- */

/* What the server calls itself: the parameter, or the name of the machine. Returns 0, or -1 with an exception set. */
static int
smtpin_server_name(CpsSMTPIn *self, char *name, size_t size)
{
    const char *given = NULL;

    if (cps_field(self->hostname) != Py_None) {
        given = PyUnicode_AsUTF8(self->hostname);
        if (given == NULL) {
            return -1;
        }
        snprintf(name, size, "%s", given);
        return 0;
    }
    if (gethostname(name, size) < 0 || name[0] == '\0') {
        snprintf(name, size, "localhost");
    }
    name[size - 1] = '\0';
    return 0;
}

/* Listen on all ports, or none. Takes the context. Returns 0, or -1 with an exception set. */
static int
smtpin_listen(CpsSMTPIn *self, CpsRuntime *rt, CpsTlsContext *tls)
{
    enum { BACKLOG = 1024 };
    CpsListenAt at = {.host = PyUnicode_AsUTF8(self->host), .backlog = BACKLOG, .share_port = self->share_port};
    char name[256] = "";
    int status = at.host == NULL ? -1 : smtpin_server_name(self, name, sizeof(name));

    for (int i = 0; status == 0 && i < self->port_count; i++) {
        SmtpPort *port;

        at.port = self->ports[i];
        port = port_open(self, rt, &at, tls == NULL ? NULL : cps_tls_context_ref(tls), name);
        if (port == NULL) {
            status = -1;
            smtpin_let_go(self);
            break;
        }
        cps_list_append(&self->listening, &port->link);
        cps_log(self->base.logger, CPS_LOG_INFO, NULL, "Serving SMTP on %S:%d", self->host,
                cps_listener_port(&port->smtp.base.listener));
    }
    cps_tls_context_unref(tls);
    return status;
}

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
        smtpin_listen(self, rt, tls) < 0) {
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
        out = cps_smtp_server_at_rest(&port_of(link)->smtp);
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

    smtpin_schedule(self);
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
    smtpin_let_go(self); /* also when it never started, because another actor's start failed */
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
    CpsLink *link = cps_list_first(&self->listening);
    PyObject *ports = PyList_New(self->port_count);

    for (int i = 0; ports != NULL && i < self->port_count; i++) {
        PyObject *port =
            PyLong_FromLong(link == NULL ? self->ports[i] : cps_listener_port(&port_of(link)->smtp.base.listener));

        if (port == NULL) {
            Py_CLEAR(ports);
            break;
        }
        PyList_SET_ITEM(ports, i, port);
        link = link == NULL ? NULL : cps_list_after(&self->listening, link);
    }
    return ports;
}

static PyObject *
smtpin_get_connections(PyObject *op, void *Py_UNUSED(closure))
{
    CpsSMTPIn *self = (CpsSMTPIn *)op;
    unsigned long count = 0;

    for (CpsLink *link = cps_list_first(&self->listening); link != NULL;
         link = cps_list_after(&self->listening, link)) {
        count += port_of(link)->smtp.base.client_count;
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

/* --- construction --------------------------------------------------------------------------------------------------------------------- */

enum {
    NAME,
    HOST,
    PORTS,
    OUTPUT_FORMAT,
    KEYFILE,
    CERTFILE,
    SSL_VERSION,
    HOSTNAME,
    IMPLICIT_TLS,
    MAX_CONNECTIONS,
    MAX_MESSAGE,
    MAX_LINE,
    MAX_RECIPIENTS,
    MAX_ERRORS,
    COMMAND_TIMEOUT,
    DATA_TIMEOUT,
    WRITE_TIMEOUT,
    SHARE_PORT,
    PARAMETERS
};

static const char *const parameter_names[PARAMETERS] = {
    "name",           "host",       "ports",           "output_format",   "keyfile",       "certfile",
    "ssl_version",    "hostname",   "implicit_tls",    "max_connections", "max_message",   "max_line",
    "max_recipients", "max_errors", "command_timeout", "data_timeout",    "write_timeout", "share_port",
};

static const CpsSmtpServerLimits default_limits = {
    .session = {.message_bytes = 32 << 20, .line_bytes = 65536, .recipients = 1000, .errors = 20},
    .connections = 1000,
    .command_ms = 300000, /* RFC 5321, 4.5.3.2.7 */
    .data_ms = 180000,
    .write_ms = 60000,
};

static int
smtpin_take_limits(CpsSMTPIn *self, PyObject *const *values)
{
    CpsSmtpServerLimits *limits = &self->limits;
    const char *const *names = parameter_names;

    *limits = default_limits;
    return cps_take_limit32(values[MAX_CONNECTIONS], names[MAX_CONNECTIONS], &limits->connections) < 0 ||
                   cps_take_limit(values[MAX_MESSAGE], names[MAX_MESSAGE], INT32_MAX, &limits->session.message_bytes) <
                       0 ||
                   cps_take_limit32(values[MAX_LINE], names[MAX_LINE], &limits->session.line_bytes) < 0 ||
                   cps_take_limit32(values[MAX_RECIPIENTS], names[MAX_RECIPIENTS], &limits->session.recipients) < 0 ||
                   cps_take_limit32(values[MAX_ERRORS], names[MAX_ERRORS], &limits->session.errors) < 0 ||
                   cps_take_milliseconds(values[COMMAND_TIMEOUT], names[COMMAND_TIMEOUT], &limits->command_ms) < 0 ||
                   cps_take_milliseconds(values[DATA_TIMEOUT], names[DATA_TIMEOUT], &limits->data_ms) < 0 ||
                   cps_take_milliseconds(values[WRITE_TIMEOUT], names[WRITE_TIMEOUT], &limits->write_ms) < 0
               ? -1
               : 0;
}

/* Returns 0, or -1 with an exception set. */
static int
smtpin_add_port(CpsSMTPIn *self, PyObject *value)
{
    Py_ssize_t port = 0;

    if (cps_take_size(&port, value) < 0) {
        return -1;
    }
    if (port < 0 || port > 65535) {
        PyErr_Format(PyExc_ValueError, "a port must be from 0 to 65535, not %zd", port);
        return -1;
    }
    if (self->port_count == CPS_SMTP_PORTS) {
        PyErr_Format(PyExc_ValueError, "one SMTPIn has at most %d ports", (int)CPS_SMTP_PORTS);
        return -1;
    }
    self->ports[self->port_count++] = (int)port;
    return 0;
}

/* One port, or an iterable of some. Returns 0, or -1 with an exception set. */
static int
smtpin_take_ports(CpsSMTPIn *self, PyObject *value)
{
    enum { SMTP = 25 };
    PyObject *ports;
    int status = 0;

    self->port_count = 0;
    if (value == NULL) {
        self->ports[self->port_count++] = SMTP;
        return 0;
    }
    ports = PyIndex_Check(value) ? PyTuple_Pack(1, value) : PySequence_Tuple(value);
    if (ports == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; status == 0 && i < PyTuple_GET_SIZE(ports); i++) {
        status = smtpin_add_port(self, PyTuple_GET_ITEM(ports, i));
    }
    if (status == 0 && self->port_count == 0) {
        PyErr_SetString(PyExc_ValueError, "SMTPIn needs a port");
        status = -1;
    }
    Py_DECREF(ports);
    return status;
}

/* A name for the greeting. Returns whether it is one; else an exception is set. */
static bool
check_hostname(PyObject *hostname)
{
    enum { LONGEST = 255 }; /* RFC 5321, 4.5.3.1.2 */
    const char *text;
    Py_ssize_t length;
    bool valid;

    if (hostname == Py_None) {
        return true;
    }
    text = PyUnicode_AsUTF8AndSize(hostname, &length);
    if (text == NULL) {
        return false;
    }
    valid = length > 0 && length <= LONGEST;
    for (; *text != '\0'; text++) {
        valid = valid && *text > ' ' && *text <= '~';
    }
    if (!valid) {
        PyErr_Format(PyExc_ValueError, "hostname must be a domain or an address literal, not %R", hostname);
    }
    return valid;
}

/* Returns 0, or -1 with an exception set. */
static int
smtpin_take_address(CpsSMTPIn *self, PyObject *const *values)
{
    PyObject *host = values[HOST] == NULL ? PyUnicode_FromString("localhost") : Py_NewRef(values[HOST]);

    if (host == NULL) {
        return -1;
    }
    Py_XSETREF(self->host, host);
    if (!PyUnicode_Check(host)) {
        PyErr_Format(PyExc_TypeError, "host must be str, not %s", Py_TYPE(host)->tp_name);
        return -1;
    }
    cps_take_object(&self->hostname, values[HOSTNAME] == NULL ? Py_None : values[HOSTNAME]);
    return check_hostname(self->hostname) ? smtpin_take_ports(self, values[PORTS]) : -1;
}

/* Returns 0, or -1 with an exception set. */
static int
smtpin_take_tls(CpsSMTPIn *self, PyObject *const *values)
{
    cps_take_object(&self->keyfile, values[KEYFILE] == NULL ? Py_None : values[KEYFILE]);
    cps_take_object(&self->certfile, values[CERTFILE] == NULL ? Py_None : values[CERTFILE]);
    cps_take_object(&self->ssl_version, values[SSL_VERSION] == NULL ? Py_None : values[SSL_VERSION]);
    if (cps_take_flag(&self->implicit_tls, values[IMPLICIT_TLS]) < 0) {
        return -1;
    }
    if ((self->keyfile != Py_None || self->implicit_tls) && self->certfile == Py_None) {
        PyErr_SetString(PyExc_ValueError, "a keyfile and implicit_tls need a certfile");
        return -1;
    }
    return 0;
}

/* The format: in 1.1 its keyword was `output`, and it stood where the ports are now. Returns 0, or -1 with an exception set. */
static int
smtpin_take_format(CpsSMTPIn *self, PyObject **values, PyObject *kwargs)
{
    PyObject *format = cps_pop_keyword(kwargs, "output");

    if (format == NULL && PyErr_Occurred()) {
        return -1;
    }
    if (values[PORTS] != NULL && PyUnicode_Check(values[PORTS])) {
        Py_XSETREF(format, Py_NewRef(values[PORTS]));
        values[PORTS] = NULL;
    }
    if (values[OUTPUT_FORMAT] != NULL || format == NULL) {
        Py_XSETREF(format,
                   values[OUTPUT_FORMAT] == NULL ? PyUnicode_FromString("xml") : Py_NewRef(values[OUTPUT_FORMAT]));
    }
    Py_XSETREF(self->output_format, format);
    return format == NULL ? -1 : 0;
}

static int
smtpin_configure(CpsSMTPIn *self, PyObject **values, PyObject *args, PyObject *kwargs)
{
    return smtpin_take_format(self, values, kwargs) < 0 || cps_actor_init(&self->base, &smtpin_ops, args, kwargs) < 0 ||
                   cps_actor_set_shape(&self->base, "mail") < 0 || smtpin_take_limits(self, values) < 0 ||
                   smtpin_take_address(self, values) < 0 || smtpin_take_tls(self, values) < 0
               ? -1
               : cps_take_flag(&self->share_port, values[SHARE_PORT]);
}

static int
smtpin_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    PyObject *values[PARAMETERS] = {NULL}; /* borrowed */
    PyObject *rest_args, *rest_kwargs;
    int status;

    if (cps_bind("SMTPIn", args, kwargs, parameter_names, PARAMETERS, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    status = smtpin_configure((CpsSMTPIn *)op, values, rest_args, rest_kwargs);
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return status;
}

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

    smtpin_let_go(self);
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
        smtpin_unreserve(self, i);
    }
    cps_link_remove(&self->ready.link);
    cps_actor_dealloc(op);
}

/* --- type -------------------------------------------------------------------------------------------------------------------------------- */

PyDoc_STRVAR(
    smtpin_doc,
    "SMTPIn(name, host='localhost', ports=[25], output_format='xml', keyfile=None, certfile=None, ssl_version=None, "
    "*args,\n"
    "       hostname=None, implicit_tls=False, max_connections=1000, max_message=33554432, max_line=65536,\n"
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
    {Py_tp_init, smtpin_init},       {Py_tp_traverse, smtpin_traverse},
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
