/* The arguments of HTTPServer, and their defaults. */
#include "actors/httpserving.h"
#include "actors/serving.h"

enum {
    NAME,
    ADDRESS,
    PORT,
    KEYFILE,
    CERTFILE,
    ROUTES_CONFIG,
    TIMEOUT,
    MAX_CONNECTIONS,
    MAX_PIPELINED,
    MAX_TARGET,
    MAX_HEAD,
    MAX_HEADERS,
    MAX_BODY,
    MAX_BODY_TOTAL,
    HEAD_TIMEOUT,
    BODY_TIMEOUT,
    IDLE_TIMEOUT,
    WRITE_TIMEOUT,
    SHARE_PORT,
    PARAMETERS
};

static const char *const parameter_names[PARAMETERS] = {
    "name",       "address",         "port",          "keyfile",      "certfile",     "routes_config",
    "timeout",    "max_connections", "max_pipelined", "max_target",   "max_head",     "max_headers",
    "max_body",   "max_body_total",  "head_timeout",  "body_timeout", "idle_timeout", "write_timeout",
    "share_port",
};

static const CpsHttpServerLimits default_limits = {
    .request = {.target_bytes = 8192, .head_bytes = 32768, .fields = 100, .body_bytes = 16 << 20},
    .connections = 10000,
    .pipelined = 16,
    .head_ms = 10000,
    .body_ms = 30000,
    .idle_ms = 75000,
    .write_ms = 30000,
    .ended_ms = 3000,
    .unsent_bytes = 1 << 20,
    .body_bytes = 256 << 20,
};

static int
server_take_limits(CpsHTTPServer *self, PyObject *const *values)
{
    CpsHttpServerLimits *limits = &self->limits;
    const char *const *names = parameter_names;

    *limits = default_limits;
    self->timeout = 30;
    return cps_take_seconds(values[TIMEOUT], names[TIMEOUT], &self->timeout) < 0 ||
                   cps_take_limit32(values[MAX_CONNECTIONS], names[MAX_CONNECTIONS], &limits->connections) < 0 ||
                   cps_take_limit32(values[MAX_PIPELINED], names[MAX_PIPELINED], &limits->pipelined) < 0 ||
                   cps_take_limit32(values[MAX_TARGET], names[MAX_TARGET], &limits->request.target_bytes) < 0 ||
                   cps_take_limit32(values[MAX_HEAD], names[MAX_HEAD], &limits->request.head_bytes) < 0 ||
                   cps_take_limit32(values[MAX_HEADERS], names[MAX_HEADERS], &limits->request.fields) < 0 ||
                   cps_take_limit(values[MAX_BODY], names[MAX_BODY], INT32_MAX, &limits->request.body_bytes) < 0 ||
                   cps_take_total(values[MAX_BODY_TOTAL], names[MAX_BODY_TOTAL], names[MAX_BODY],
                                  limits->request.body_bytes, &limits->body_bytes) < 0 ||
                   cps_take_milliseconds(values[HEAD_TIMEOUT], names[HEAD_TIMEOUT], &limits->head_ms) < 0 ||
                   cps_take_milliseconds(values[BODY_TIMEOUT], names[BODY_TIMEOUT], &limits->body_ms) < 0 ||
                   cps_take_milliseconds(values[IDLE_TIMEOUT], names[IDLE_TIMEOUT], &limits->idle_ms) < 0 ||
                   cps_take_milliseconds(values[WRITE_TIMEOUT], names[WRITE_TIMEOUT], &limits->write_ms) < 0
               ? -1
               : 0;
}

/* --- where it listens ---------------------------------------------------------------------------------------------------------- */

/* Returns 0, or -1 with an exception set. */
static int
server_take_address(CpsHTTPServer *self, PyObject *const *values)
{
    Py_ssize_t port = 8080;
    PyObject *address = values[ADDRESS] == NULL ? PyUnicode_FromString("0.0.0.0") : Py_NewRef(values[ADDRESS]);

    if (address == NULL || cps_take_size(&port, values[PORT]) < 0) {
        Py_XDECREF(address);
        return -1;
    }
    Py_XSETREF(self->address, address);
    if (!PyUnicode_Check(address)) {
        PyErr_Format(PyExc_TypeError, "address must be str, not %s", Py_TYPE(address)->tp_name);
        return -1;
    }
    if (port < 0 || port > 65535) {
        PyErr_Format(PyExc_ValueError, "port must be from 0 to 65535, not %zd", port);
        return -1;
    }
    self->port = (int)port;
    self->any_port = port == 0;
    cps_take_object(&self->keyfile, values[KEYFILE] == NULL ? Py_None : values[KEYFILE]);
    cps_take_object(&self->certfile, values[CERTFILE] == NULL ? Py_None : values[CERTFILE]);
    if (self->keyfile != Py_None && self->certfile == Py_None) {
        PyErr_SetString(PyExc_ValueError, "a keyfile needs a certfile");
        return -1;
    }
    return cps_take_flag(&self->share_port, values[SHARE_PORT]);
}

/* --- all of it ----------------------------------------------------------------------------------------------------------------- */

int
cps_httpserver_check_callback(CpsHTTPServer *self, PyObject *path, PyObject *callback)
{
    PyObject *method = NULL;

    if (!PyUnicode_Check(callback)) {
        return 0;
    }
    if (PyObject_GetOptionalAttr((PyObject *)self, callback, &method) < 0) {
        return -1;
    }
    if (method == NULL || !PyCallable_Check(method)) {
        cps_raise(self->base.state, CPS_SETUP_ERROR, "Route %R: %.200s has no method '%U' to be its callback", path,
                  Py_TYPE(self)->tp_name, callback);
    }
    Py_XDECREF(method);
    return PyErr_Occurred() ? -1 : 0;
}

static void
check_route(const CpsRoute *route, void *context)
{
    if (route->callback != NULL && !PyErr_Occurred()) {
        (void)cps_httpserver_check_callback(context, route->path, route->callback);
    }
}

int
cps_httpserver_configure_routes(CpsHTTPServer *self, PyObject *config)
{
    if (cps_routes_configure(self->routes, config) < 0) {
        return -1;
    }
    cps_routes_visit(self->routes, check_route, self);
    return PyErr_Occurred() ? -1 : 0;
}

/* Without a config, that of the class. Returns 0, or -1 with an exception set. */
static int
server_configure_routes(CpsHTTPServer *self, PyObject *config)
{
    PyObject *by_default;
    int status;

    if (config != NULL && config != Py_None) {
        return cps_httpserver_configure_routes(self, config);
    }
    if (PyObject_GetOptionalAttr((PyObject *)self, self->base.state->names.DEFAULT_ROUTE, &by_default) < 0) {
        return -1;
    }
    status = cps_httpserver_configure_routes(self, by_default == NULL ? Py_None : by_default);
    Py_XDECREF(by_default);
    return status;
}

static int
server_configure(CpsHTTPServer *self, const CpsHTTPServerOps *ops, PyObject *const *values, PyObject *args,
                 PyObject *kwargs)
{
    if (cps_actor_init(&self->base, &ops->actor, args, kwargs) < 0 || cps_actor_set_shape(&self->base, "cloud") < 0 ||
        server_take_limits(self, values) < 0 || server_take_address(self, values) < 0) {
        return -1;
    }
    return server_configure_routes(self, values[ROUTES_CONFIG]);
}

int
cps_httpserver_init(PyObject *op, const CpsHTTPServerOps *ops, PyObject *args, PyObject *kwargs)
{
    PyObject *values[PARAMETERS] = {NULL}; /* borrowed */
    PyObject *rest_args, *rest_kwargs;
    int status;

    if (cps_bind("HTTPServer", args, kwargs, parameter_names, PARAMETERS, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    status = server_configure((CpsHTTPServer *)op, ops, values, rest_args, rest_kwargs);
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return status;
}
