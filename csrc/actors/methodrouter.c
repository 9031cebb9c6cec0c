/* HTTPMethodEventRouter: an outbox per HTTP method. */
#include "actors/actors.h"
#include "actors/router.h"
#include "event/event.h"

static const char *const METHODS[] = {"GET", "POST", "DELETE", "PATCH", "HEAD", "PUT", "OPTIONS"};

/* Whether outboxes of that name are for a method. 1, 0, or -1 with an exception set. */
static int
methodrouter_is_method(CpsRouter *self, PyObject *name)
{
    PyObject *methods = PyObject_GetAttrString((PyObject *)self, "HTTP_METHODS");
    int result = methods == NULL ? -1 : PySequence_Contains(methods, name);

    Py_XDECREF(methods);
    return result;
}

/* The names of the outboxes that are for a method. New list, or NULL with an exception set. */
static PyObject *
methodrouter_methods_connected(CpsRouter *self)
{
    PyObject *names = PyDict_Keys((PyObject *)self->base.pool->outbound);
    PyObject *methods = names == NULL ? NULL : PyList_New(0);

    for (Py_ssize_t i = 0; methods != NULL && i < PyList_GET_SIZE(names); i++) {
        PyObject *name = PyList_GET_ITEM(names, i);
        int status = methodrouter_is_method(self, name);

        if (status < 0 || (status > 0 && PyList_Append(methods, name) < 0)) {
            Py_CLEAR(methods);
        }
    }
    Py_XDECREF(names);
    return methods;
}

/* A filter for the outbox, or a log line. Returns 0, or -1 with an exception set. */
static int
methodrouter_add(CpsRouter *self, PyObject *name, PyObject *scope)
{
    int is_method = methodrouter_is_method(self, name);

    if (is_method == 0) {
        cps_log(self->base.logger, CPS_LOG_WARNING, NULL,
                "Queue %S is not a valid HTTP method and was not added as a routing option", name);
    }
    return is_method > 0 ? cps_router_add_named(self, name, scope) : is_method;
}

static PyObject *
methodrouter_pre_hook(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    CpsRouter *self = (CpsRouter *)op;
    PyObject *scope = PyTuple_Pack(1, self->base.state->names.method);
    PyObject *names = scope == NULL ? NULL : PyDict_Keys((PyObject *)self->base.pool->outbound);
    int status = names == NULL ? -1 : 0;

    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(names); i++) {
        status = methodrouter_add(self, PyList_GET_ITEM(names, i), scope);
    }
    Py_XDECREF(scope);
    Py_XDECREF(names);
    return status < 0 || cps_router_prepare(self) < 0 ? NULL : Py_NewRef(Py_None);
}

/* event.headers["Allow"] = the methods that have an outbox. Returns 0, or -1 with an exception set. */
static int
methodrouter_set_allow(CpsRouter *self, PyObject *event)
{
    PyObject *methods = methodrouter_methods_connected(self);
    PyObject *comma = methods == NULL ? NULL : PyUnicode_FromString(", ");
    PyObject *allowed = comma == NULL ? NULL : PyUnicode_Join(comma, methods);
    PyObject *headers = allowed == NULL ? NULL : PyObject_GetAttr(event, self->base.state->names.headers);
    PyObject *name = headers == NULL ? NULL : PyUnicode_FromString("Allow");
    int status = name == NULL ? -1 : PyObject_SetItem(headers, name, allowed);

    Py_XDECREF(methods);
    Py_XDECREF(comma);
    Py_XDECREF(allowed);
    Py_XDECREF(headers);
    Py_XDECREF(name);
    return status;
}

static PyObject *
methodrouter_process_no_match(PyObject *op, PyObject *event)
{
    CpsRouter *self = (CpsRouter *)op;
    PyObject *method = PyObject_GetAttr(event, self->base.state->names.method);

    if (method == NULL || methodrouter_set_allow(self, event) < 0) {
        Py_XDECREF(method);
        return NULL;
    }
    cps_log(self->base.logger, CPS_LOG_WARNING, event,
            "HttpEvent with method '%S' received but not implemented. Event has been rejected", method);
    cps_raise(self->base.state, CPS_EVENT_COMMAND_NOT_ALLOWED, "Method '%S' not allowed for this endpoint", method);
    Py_DECREF(method);
    return NULL;
}

static int
methodrouter_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    enum { NAME, FILTERS, TYPE, REGEXES, PARAMETERS };
    static const char *const names[] = {"name", "routing_filters", "type", "default_outbox_regexes"};
    PyObject *values[PARAMETERS], *rest_args, *rest_kwargs;
    CpsRouterArguments arguments;
    PyObject *blacklist = PyUnicode_FromString("blacklist");
    int result;

    if (blacklist == NULL ||
        cps_bind("HTTPMethodEventRouter", args, kwargs, names, PARAMETERS, 1, values, &rest_args, &rest_kwargs) < 0) {
        Py_XDECREF(blacklist);
        return -1;
    }
    arguments = (CpsRouterArguments){values[FILTERS], blacklist, values[REGEXES]};
    result = cps_router_init((CpsRouter *)op, &arguments, rest_args, rest_kwargs);
    Py_DECREF(blacklist);
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

PyDoc_STRVAR(methodrouter_doc,
             "HTTPMethodEventRouter(name, routing_filters=[], type='blacklist', default_outbox_regexes=['.*'], *args,\n"
             "                      **kwargs)\n--\n\n"
             "Send each event to the outbox that is named as its HTTP method.\n\n"
             "In and out: HttpEvent.\n\n"
             "A method without an outbox is an error, EventCommandNotAllowed (405); the header Allow names the\n"
             "methods that have one. The type is always 'blacklist'.");

PyDoc_STRVAR(pre_hook_doc, "pre_hook($self, /)\n--\n\nMake the filters; called by start().");
PyDoc_STRVAR(process_no_match_doc, "process_no_match($self, event, /)\n--\n\n"
                                   "Set the header Allow and raise EventCommandNotAllowed.");

static PyMethodDef methodrouter_methods[] = {
    {"pre_hook", methodrouter_pre_hook, METH_NOARGS, pre_hook_doc},
    {"process_no_match", methodrouter_process_no_match, METH_O, process_no_match_doc},
    {NULL},
};

static PyType_Slot methodrouter_slots[] = {
    {Py_tp_doc, (void *)methodrouter_doc},
    {Py_tp_init, methodrouter_init},
    {Py_tp_traverse, cps_router_traverse},
    {Py_tp_clear, cps_router_clear},
    {Py_tp_dealloc, cps_router_dealloc},
    {Py_tp_methods, methodrouter_methods},
    {0, NULL},
};

static PyType_Spec methodrouter_spec = {
    .name = "compysition.actors.eventrouter.HTTPMethodEventRouter",
    .basicsize = sizeof(CpsRouter),
    .flags = CPS_ACTOR_FLAGS,
    .slots = methodrouter_slots,
};

/* Set HTTP_METHODS. Returns 0, or -1 with an exception set. */
static int
methodrouter_set_methods(PyObject *type)
{
    Py_ssize_t count = (Py_ssize_t)(sizeof(METHODS) / sizeof(METHODS[0]));
    PyObject *methods = PyList_New(count);
    int status = methods == NULL ? -1 : 0;

    for (Py_ssize_t i = 0; status == 0 && i < count; i++) {
        PyObject *method = PyUnicode_FromString(METHODS[i]);

        status = method == NULL ? -1 : 0;
        PyList_SET_ITEM(methods, i, method);
    }
    if (status == 0) {
        status = PyObject_SetAttrString(type, "HTTP_METHODS", methods);
    }
    Py_XDECREF(methods);
    return status;
}

int
cps_methodrouter_setup(PyObject *module, CpsState *state)
{
    PyObject *type, *event = (PyObject *)state->types.HttpEvent;

    if (cps_add_type(module, &state->types.HTTPMethodEventRouter, &methodrouter_spec,
                     (PyObject *)state->types.EventRouter) < 0) {
        return -1;
    }
    type = (PyObject *)state->types.HTTPMethodEventRouter;
    return methodrouter_set_methods(type) < 0 || PyObject_SetAttr(type, state->names.input, event) < 0 ||
                   PyObject_SetAttr(type, state->names.output, event) < 0
               ? -1
               : 0;
}
