/* The arguments of SMTPIn. */
#include "actors/serving.h"
#include "actors/smtpin.h"

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
    MAX_MESSAGE_TOTAL,
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
    "name",        "host",           "ports",        "output_format",   "keyfile",      "certfile",
    "ssl_version", "hostname",       "implicit_tls", "max_connections", "max_message",  "max_message_total",
    "max_line",    "max_recipients", "max_errors",   "command_timeout", "data_timeout", "write_timeout",
    "share_port",
};

static const CpsSmtpServerLimits default_limits = {
    .session = {.message_bytes = 32 << 20, .line_bytes = 65536, .recipients = 1000, .errors = 20},
    .message_bytes = 256 << 20,
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
                   cps_take_total(values[MAX_MESSAGE_TOTAL], names[MAX_MESSAGE_TOTAL], names[MAX_MESSAGE],
                                  limits->session.message_bytes, &limits->message_bytes) < 0 ||
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
    return smtpin_take_format(self, values, kwargs) < 0 ||
                   cps_actor_init(&self->base, &cps_smtpin_ops, args, kwargs) < 0 ||
                   cps_actor_set_shape(&self->base, "mail") < 0 || smtpin_take_limits(self, values) < 0 ||
                   smtpin_take_address(self, values) < 0 || smtpin_take_tls(self, values) < 0
               ? -1
               : cps_take_flag(&self->share_port, values[SHARE_PORT]);
}

int
cps_smtpin_init(PyObject *op, PyObject *args, PyObject *kwargs)
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
