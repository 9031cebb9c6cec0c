/* What SMTPOut is made of. */
#include "actors/serving.h"
#include "actors/smtpout.h"

enum { DEFAULT_CONCURRENCY = 10, DEFAULT_RETRIES = 2, SMTP_PORT = 25, SMTPS_PORT = 465 };
static const double DEFAULT_TIMEOUT = 30, DEFAULT_BACKOFF = 1; /* seconds */

enum { NAME, FROM_ADDRESS, DOMAIN, KEY, HOST, TLS, USER, PASSWORD, VERIFY, TIMEOUT, RETRIES, BACKOFF, PARAMETERS };

/* Keep the UTF-8 of a str, or the bytes of a path. Borrowed from the actor, or NULL with an exception set. */
static const char *
keep(CpsSMTPOut *self, PyObject *value, bool is_path)
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
take_tls(CpsSMTPOut *self, PyObject *tls)
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
take_host(CpsSMTPOut *self, PyObject *host)
{
    int usual = self->settings.tls == CPS_SMTP_IMPLICIT_TLS ? SMTPS_PORT : SMTP_PORT;
    PyObject *given = host == NULL ? Py_BuildValue("si", "localhost", usual) : Py_NewRef(host);
    PyObject *split = given == NULL ? NULL : cps_smtpout_function("split_host");
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
take_login(CpsSMTPOut *self, PyObject *user, PyObject *password)
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
take_times(CpsSMTPOut *self, PyObject *const *values)
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
smtpout_configure(CpsSMTPOut *self, PyObject *const *values)
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

int
cps_smtpout_init(CpsSMTPOut *self, const CpsActorOps *ops, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "from_address", "domain", "key",     "host",    "tls",
                                        "user", "password",     "verify", "timeout", "retries", "backoff"};
    PyObject *values[PARAMETERS], *rest_args, *rest_kwargs, *address;
    int result;

    if (cps_bind("SMTPOut", args, kwargs, names, PARAMETERS, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    address = cps_pop_keyword(rest_kwargs, "address"); /* its name in 1.1 */
    if (values[FROM_ADDRESS] == NULL) {
        values[FROM_ADDRESS] = address;
    }
    result = PyErr_Occurred() ? -1 : cps_actor_init(&self->base, ops, rest_args, rest_kwargs);
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
