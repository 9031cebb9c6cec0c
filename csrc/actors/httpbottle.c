/* Routes with plugins, hooks and error handlers of Bottle's kind, and callbacks that use the package bottle: compysition/_bottle.py serves
 * those. */
#include "actors/httpserving.h"

PyObject *
cps_httpserver_add_route(PyObject *op, PyObject *args)
{
    CpsHTTPServer *self = (CpsHTTPServer *)op;
    PyObject *path, *methods, *callback, *options;

    if (!PyArg_ParseTuple(args, "OOOO!:_add_route", &path, &methods, &callback, &PyDict_Type, &options)) {
        return NULL;
    }
    if (cps_httpserver_check_callback(self, path, callback) < 0 ||
        cps_routes_add(self->routes, path, methods, callback, options) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

bool
cps_serving_has_plugins(const CpsServing *self, const CpsRoute *route)
{
    return route->has_plugins || self->server->bottle != NULL;
}

bool
cps_serving_may_use_bottle(const CpsServing *self)
{
    PyObject *module = PyDict_GetItem(PyImport_GetModuleDict(), self->server->base.state->names.bottle); /* borrowed */

    return module != NULL && module != Py_None; /* None: its import is forbidden */
}

/* What is kept with the route. Borrowed, or NULL with an exception set. */
static PyObject *
routes_object(CpsServing *self, const CpsRoute *route, PyObject *callback)
{
    PyObject *type = cps_import(&self->server->base.state->bottle_routes, "compysition._bottle", "Routes");
    PyObject *made;

    if (type == NULL || route->bottle != NULL) {
        return type == NULL ? NULL : route->bottle;
    }
    made =
        PyObject_CallFunctionObjArgs(type, (PyObject *)self->server, route->path, route->name ? route->name : Py_None,
                                     callback, route->options ? route->options : Py_None, NULL);
    if (made != NULL) {
        cps_route_set_bottle(route, made);
    }
    return made;
}

static PyObject *
body_bytes(const CpsServing *self)
{
    return PyBytes_FromStringAndSize(self->request->body.bytes, (Py_ssize_t)self->request->body.length);
}

PyObject *
cps_serving_call_bottle(CpsServing *self, const CpsRoute *route, PyObject *callback)
{
    PyObject *call = cps_import(&self->server->base.state->bottle_call, "compysition._bottle", "call"); /* borrowed */
    PyObject *routes = call == NULL ? NULL : Py_XNewRef(routes_object(self, route, callback));
    PyObject *environ = routes == NULL ? NULL : PyDict_Copy(self->environment);
    PyObject *body = environ == NULL ? NULL : body_bytes(self);
    PyObject *result = NULL;

    if (body != NULL) {
        self->by_bottle = true;
        result = PyObject_CallFunctionObjArgs(call, (PyObject *)self->server, routes,
                                              self->url_args ? self->url_args : Py_None, environ, body, NULL);
    }
    Py_XDECREF(routes);
    Py_XDECREF(environ);
    Py_XDECREF(body);
    return result;
}

int
cps_serving_take_changes(CpsServing *self)
{
    PyObject *add = cps_import(&self->server->base.state->bottle_add_changes, "compysition._bottle", "add_changes");
    PyObject *result = add == NULL ? NULL : PyObject_CallOneArg(add, self->environment);

    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* The answer of a handler: an event; None when there is none. New, or NULL with an exception set. */
static PyObject *
ask_handler(CpsServing *self, int code, PyObject *text, PyObject *allow)
{
    PyObject *ask = cps_import(&self->server->base.state->bottle_error_answer, "compysition._bottle",
                               "error_answer"); /* borrowed */
    PyObject *environ, *body, *result = NULL;

    if (ask == NULL || (self->environment == NULL && cps_serving_read_environment(self) < 0)) {
        return NULL;
    }
    environ = PyDict_Copy(self->environment);
    body = environ == NULL ? NULL : body_bytes(self);
    if (body != NULL) {
        result = PyObject_CallFunction(ask, "OiOOOO", (PyObject *)self->server, code, text ? text : Py_None,
                                       allow ? allow : Py_None, environ, body);
    }
    Py_XDECREF(environ);
    Py_XDECREF(body);
    return result;
}

int
cps_serving_answer_by_handler(CpsServing *self, int code, PyObject *text, PyObject *allow)
{
    PyObject *event;
    int status;

    if (self->server->bottle == NULL || self->path == NULL) {
        return 0;
    }
    event = ask_handler(self, code, text, allow);
    if (event == NULL || event == Py_None) {
        Py_XDECREF(event);
        return event == NULL ? -1 : 0;
    }
    status = cps_httpserver_respond_bytes(self->server, self->exchange, event);
    Py_DECREF(event);
    if (status == 0) {
        self->exchange = NULL;
    }
    return status < 0 ? -1 : 1;
}
