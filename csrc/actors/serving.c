#include "actors/serving.h"

#include "actors/actors.h"

#include <sys/resource.h>

/* --- arguments ------------------------------------------------------------------------------------------------------------------- */

int
cps_take_limit(PyObject *value, const char *name, uint64_t most, uint64_t *limit)
{
    Py_ssize_t number = (Py_ssize_t)*limit;

    if (cps_take_size(&number, value) < 0) {
        return -1;
    }
    if (number < 1 || (uint64_t)number > most) {
        PyErr_Format(PyExc_ValueError, "%s must be from 1 to %llu, not %zd", name, (unsigned long long)most, number);
        return -1;
    }
    *limit = (uint64_t)number;
    return 0;
}

int
cps_take_seconds(PyObject *value, const char *name, double *seconds)
{
    enum { MOST = 86400 };

    if (value != NULL) {
        *seconds = PyFloat_AsDouble(value);
        if (*seconds == -1.0 && PyErr_Occurred()) {
            return -1;
        }
        if (!(*seconds >= 0.001 && *seconds <= MOST)) {
            PyErr_Format(PyExc_ValueError, "%s must be from 0.001 to %d seconds, not %R", name, (int)MOST, value);
            return -1;
        }
    }
    return 0;
}

int
cps_take_milliseconds(PyObject *value, const char *name, uint32_t *milliseconds)
{
    double seconds = *milliseconds / 1000.0;

    if (cps_take_seconds(value, name, &seconds) < 0) {
        return -1;
    }
    *milliseconds = (uint32_t)(seconds * 1000.0);
    return 0;
}

int
cps_take_limit32(PyObject *value, const char *name, uint32_t *limit)
{
    uint64_t number = *limit;

    if (cps_take_limit(value, name, INT32_MAX, &number) < 0) {
        return -1;
    }
    *limit = (uint32_t)number;
    return 0;
}

int
cps_take_total(PyObject *value, const char *name, const char *one_name, uint64_t one, uint64_t *limit)
{
    *limit = *limit < one ? one : *limit;
    if (cps_take_limit(value, name, INT64_MAX, limit) < 0) {
        return -1;
    }
    if (*limit < one) {
        PyErr_Format(PyExc_ValueError, "%s must be at least %s, %llu, not %R", name, one_name, (unsigned long long)one,
                     value);
        return -1;
    }
    return 0;
}

int
cps_take_address(PyObject *host, const char *default_host, PyObject **host_p, PyObject *port, int default_port,
                 int *port_p)
{
    Py_ssize_t number = default_port;
    PyObject *text = host == NULL || host == Py_None ? PyUnicode_FromString(default_host) : Py_NewRef(host);

    if (text == NULL) {
        return -1;
    }
    Py_XSETREF(*host_p, text);
    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "host must be str, not %s", Py_TYPE(text)->tp_name);
        return -1;
    }
    if (cps_take_size(&number, port) < 0) {
        return -1;
    }
    if (number < 0 || number > 65535) {
        PyErr_Format(PyExc_ValueError, "a port must be from 0 to 65535, not %zd", number);
        return -1;
    }
    *port_p = (int)number;
    return 0;
}

/* --- descriptors and certificates ------------------------------------------------------------------------------------------------ */

void
cps_raise_descriptor_limit(uint32_t connections)
{
    enum { OTHERS = 256 };
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < (rlim_t)connections + OTHERS) {
        limit.rlim_cur = limit.rlim_max < (rlim_t)connections + OTHERS ? limit.rlim_max : (rlim_t)connections + OTHERS;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* The path in an attribute, as the file system has it. New bytes; NULL without an exception for None, else with one. */
static PyObject *
path_bytes(PyObject *path)
{
    PyObject *bytes;

    if (path == NULL || path == Py_None || !PyUnicode_FSConverter(path, &bytes)) {
        return NULL;
    }
    return bytes;
}

int
cps_make_tls(CpsState *state, PyObject *certfile, PyObject *keyfile, CpsTlsContext **context_p)
{
    PyObject *cert_path = path_bytes(certfile);
    PyObject *key_path = PyErr_Occurred() ? NULL : path_bytes(keyfile);
    char error[512] = "";

    *context_p = NULL;
    if (!PyErr_Occurred() && cert_path != NULL) {
        const char *cert = PyBytes_AS_STRING(cert_path), *key = key_path == NULL ? cert : PyBytes_AS_STRING(key_path);
        CpsTlsContext *context;

        Py_BEGIN_ALLOW_THREADS
        context = cps_tls_context_new(cert, key, error, sizeof(error));
        Py_END_ALLOW_THREADS
        *context_p = context;
        if (context == NULL) {
            cps_raise(state, CPS_ACTOR_INIT_FAILURE, "%s", error);
        }
    }
    Py_XDECREF(cert_path);
    Py_XDECREF(key_path);
    return PyErr_Occurred() ? -1 : 0;
}

static const char *
path_text(PyObject *bytes)
{
    return bytes == NULL ? NULL : PyBytes_AS_STRING(bytes);
}

int
cps_verify_clients(CpsState *state, CpsTlsContext *context, PyObject *cafile)
{
    PyObject *path = path_bytes(cafile);
    char error[512] = "";
    int status = 0;

    if (path != NULL) {
        Py_BEGIN_ALLOW_THREADS
        status = cps_tls_context_verify_clients(context, PyBytes_AS_STRING(path), error, sizeof(error));
        Py_END_ALLOW_THREADS
        if (status < 0) {
            cps_raise(state, CPS_ACTOR_INIT_FAILURE, "%s", error);
        }
    }
    Py_XDECREF(path);
    return PyErr_Occurred() ? -1 : 0;
}

CpsTlsContext *
cps_make_client_tls(CpsState *state, PyObject *cafile, PyObject *certfile, PyObject *keyfile)
{
    PyObject *ca_path = path_bytes(cafile);
    PyObject *cert_path = PyErr_Occurred() ? NULL : path_bytes(certfile);
    PyObject *key_path = PyErr_Occurred() ? NULL : path_bytes(keyfile);
    CpsTlsContext *context = NULL;
    char error[512] = "";

    if (!PyErr_Occurred()) {
        Py_BEGIN_ALLOW_THREADS
        context = cps_tls_client_context_new(path_text(ca_path), path_text(cert_path), path_text(key_path), error,
                                             sizeof(error));
        Py_END_ALLOW_THREADS
        if (context == NULL) {
            cps_raise(state, CPS_ACTOR_INIT_FAILURE, "%s", error);
        }
    }
    Py_XDECREF(ca_path);
    Py_XDECREF(cert_path);
    Py_XDECREF(key_path);
    return context;
}

void
cps_raise_about_listening(const CpsListenAt *at, int code)
{
    char what[512];

    snprintf(what, sizeof(what), "listen on %s:%d", at->host, at->port);
    cps_raise_uv(what, code);
}

int
cps_reserve_port(CpsState *state, PyObject *actor_name, const CpsListenAt *at, int *port)
{
    int fd;

    if (strncmp(at->host, "unix:", 5) == 0) {
        cps_raise(state, CPS_SETUP_ERROR, "several processes cannot share the Unix socket of '%S'", actor_name);
        return -1;
    }
    Py_BEGIN_ALLOW_THREADS
    fd = cps_listener_reserve(at, port);
    Py_END_ALLOW_THREADS
    if (fd < 0) {
        cps_raise_about_listening(at, fd);
        return -1;
    }
    return fd;
}
