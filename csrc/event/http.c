#include "event/http.h"

#include "event/format.h"
#include "event/httpstatus.h"
#include "event/property.h"
#include "overridden.h"

/* ---- the part ---- */

CpsHttpPart *
cps_http_part(CpsEvent *event)
{
    if (event->http == NULL) {
        event->http = PyMem_Calloc(1, sizeof(*event->http));
        if (event->http == NULL) {
            PyErr_NoMemory();
        }
    }
    return event->http;
}

int
cps_http_part_traverse(CpsHttpPart *part, visitproc visit, void *arg)
{
    Py_VISIT(part->headers);
    Py_VISIT(part->environment);
    Py_VISIT(part->method);
    Py_VISIT(part->status);
    return 0;
}

void
cps_http_part_free(CpsHttpPart *part)
{
    if (part != NULL) {
        Py_CLEAR(part->headers);
        Py_CLEAR(part->environment);
        Py_CLEAR(part->method);
        Py_CLEAR(part->status);
        PyMem_Free(part);
    }
}

/* The live dict of *payload_p, made when there is none. New, or NULL. */
static PyObject *
dict_expose(CpsState *state, CpsPayload **payload_p)
{
    if (*payload_p == NULL) {
        PyObject *dict = PyDict_New();

        *payload_p = dict == NULL ? NULL : cps_payload_new(state, dict, CPS_DATA_OBJECT);
        Py_XDECREF(dict);
        if (*payload_p == NULL) {
            return NULL;
        }
    }
    return cps_payload_expose(state, payload_p);
}

static int
payload_store(CpsState *state, CpsPayload **payload_p, PyObject *value)
{
    CpsPayload *payload = cps_payload_new(state, value, CPS_DATA_OBJECT);

    if (payload == NULL) {
        return -1;
    }
    Py_XSETREF(*payload_p, payload);
    return 0;
}

/* Make *alias the very dict of *payload_p. */
static int
dict_alias(CpsState *state, CpsPayload **alias, CpsPayload **payload_p)
{
    PyObject *dict = dict_expose(state, payload_p);

    if (dict == NULL) {
        return -1;
    }
    Py_DECREF(dict);
    *alias = cps_payload_alias(state, payload_p);
    return *alias == NULL ? -1 : 0;
}

int
cps_http_alias(CpsState *state, CpsEvent *copy, CpsEvent *source)
{
    CpsHttpPart *from = cps_http_part(source);
    CpsHttpPart *to = cps_http_part(copy);

    if (from == NULL || to == NULL || dict_alias(state, &to->headers, &from->headers) < 0 ||
        dict_alias(state, &to->environment, &from->environment) < 0) {
        return -1;
    }
    to->method = Py_XNewRef(from->method);
    to->status = Py_XNewRef(from->status);
    return 0;
}

/* ---- attributes ---- */

static int
refuse_deletion(const char *name)
{
    PyErr_Format(PyExc_AttributeError, "event attribute '%s' cannot be deleted", name);
    return -1;
}

static PyObject *
http_get_headers(PyObject *self, void *closure)
{
    CpsHttpPart *part = cps_http_part((CpsEvent *)self);

    return part == NULL ? NULL : dict_expose(cps_state_of(self), &part->headers);
}

static int
http_set_headers(PyObject *self, PyObject *value, void *closure)
{
    CpsHttpPart *part = value == NULL ? NULL : cps_http_part((CpsEvent *)self);

    if (value == NULL) {
        return refuse_deletion("headers");
    }
    return part == NULL ? -1 : payload_store(cps_state_of(self), &part->headers, value);
}

static PyObject *
http_get_environment(PyObject *self, void *closure)
{
    CpsHttpPart *part = cps_http_part((CpsEvent *)self);

    return part == NULL ? NULL : dict_expose(cps_state_of(self), &part->environment);
}

static int
http_set_environment(PyObject *self, PyObject *value, void *closure)
{
    CpsHttpPart *part = value == NULL ? NULL : cps_http_part((CpsEvent *)self);

    if (value == NULL) {
        return refuse_deletion("environment");
    }
    return part == NULL ? -1 : payload_store(cps_state_of(self), &part->environment, value);
}

PyObject *
cps_http_environment_item(CpsState *state, PyObject *event, PyObject *key)
{
    PyObject *environment, *value = NULL;

    if (PyObject_GetOptionalAttr(event, state->names.environment, &environment) <= 0) {
        return NULL;
    }
    if (PyDict_Check(environment)) {
        (void)PyDict_GetItemRef(environment, key, &value);
    }
    Py_DECREF(environment);
    if (value == Py_None) {
        Py_CLEAR(value);
    }
    return value;
}

static PyObject *
http_get_method(PyObject *self, void *closure)
{
    CpsHttpPart *part = ((CpsEvent *)self)->http;

    return Py_NewRef(part != NULL && part->method != NULL ? part->method : Py_None);
}

static int
http_set_method(PyObject *self, PyObject *value, void *closure)
{
    CpsHttpPart *part = value == NULL ? NULL : cps_http_part((CpsEvent *)self);

    if (value == NULL) {
        return refuse_deletion("method");
    }
    if (part == NULL) {
        return -1;
    }
    Py_XSETREF(part->method, Py_NewRef(value));
    return 0;
}

static PyObject *
http_get_status(PyObject *self, void *closure)
{
    CpsHttpPart *part = ((CpsEvent *)self)->http;

    return Py_NewRef(part != NULL && part->status != NULL ? part->status : cps_state_of(self)->default_status);
}

static int
http_set_raw_status(PyObject *self, PyObject *value, void *closure)
{
    CpsHttpPart *part = value == NULL ? NULL : cps_http_part((CpsEvent *)self);

    if (value == NULL) {
        return refuse_deletion("status");
    }
    if (part == NULL) {
        return -1;
    }
    Py_XSETREF(part->status, Py_NewRef(value));
    return 0;
}

static int
http_set_status(PyObject *self, PyObject *value, void *closure)
{
    PyObject *status;
    int result;

    if (value == NULL) {
        return refuse_deletion("status");
    }
    status = cps_http_status(cps_state_of(self), value);
    if (status == NULL) {
        return -1;
    }
    result = http_set_raw_status(self, status, NULL);
    Py_DECREF(status);
    return result;
}

static PyGetSetDef http_properties[] = {
    {"status", http_get_status, http_set_status,
     "The response's status, a tuple (code, reason). Also accepts '404 Not Found',\n"
     "'404-Not Found', '404', 404 and [404, 'Not Found']; raises ValueError for the rest."},
    {NULL},
};

static PyGetSetDef http_getset[] = {
    {"headers", http_get_headers, http_set_headers, "The response's headers, a dict."},
    {"environment", http_get_environment, http_set_environment, "The request's data, a dict."},
    {"method", http_get_method, http_set_method,
     "The request's method, from the environment given to the constructor; else None."},
    {"_status", http_get_status, http_set_raw_status, NULL},
    {NULL},
};

/* ---- errors ---- */

static int
merge_headers(PyObject *event, PyObject *added)
{
    PyObject *headers = http_get_headers(event, NULL);
    PyObject *result;

    if (headers == NULL) {
        return -1;
    }
    result = PyObject_CallMethodOneArg(headers, cps_state_of(event)->names.update, added);
    Py_DECREF(headers);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

int
cps_http_apply_error(CpsState *state, PyObject *event, PyObject *error)
{
    PyObject *entry, *value;
    int result;

    if (!PyExceptionInstance_Check(error)) {
        return 0;
    }
    entry = cps_http_code_entry(state, error);
    if (entry == NULL) {
        return -1;
    }
    value = PyObject_GetItem(entry, state->names.status);
    result = value == NULL ? -1 : PyObject_SetAttr(event, state->names.status, value);
    Py_XDECREF(value);
    if (result == 0) {
        value = PyMapping_HasKey(entry, state->names.headers) ? PyObject_GetItem(entry, state->names.headers) : NULL;
        result = value != NULL ? merge_headers(event, value) : PyErr_Occurred() ? -1 : 0;
        Py_XDECREF(value);
    }
    Py_DECREF(entry);
    return result;
}

static PyObject *
http_set_error(PyObject *self, PyObject *error)
{
    CpsState *state = cps_state_of(self);

    if (PyObject_SetAttr(self, state->names._error, error) < 0 || cps_http_apply_error(state, self, error) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef http_methods[] = {
    {"_set_error", http_set_error, METH_O,
     "_set_error($self, exception, /)\n--\n\n"
     "Store the error; an exception also sets status and headers as http_code_map says."},
    {NULL},
};

/* ---- construction ---- */

static int
http_init_environment(CpsState *state, CpsHttpPart *part, PyObject *environment)
{
    PyObject *method;

    if (environment == Py_None) {
        Py_CLEAR(part->environment);
        Py_CLEAR(part->method);
        return 0;
    }
    if (payload_store(state, &part->environment, environment) < 0) {
        return -1;
    }
    method = PyObject_CallMethodOneArg(environment, state->names.get, state->names.REQUEST_METHOD);
    if (method == NULL) {
        return -1;
    }
    Py_XSETREF(part->method, method);
    return 0;
}

/* The arguments that are left for Event: *args_p without the first three, *kwargs_p without the names of those. Both new. */
static int
rest_arguments(CpsState *state, PyObject **args_p, PyObject **kwargs_p)
{
    PyObject *names[] = {state->names.headers, state->names.status, state->names.environment};
    PyObject *args = PyTuple_GetSlice(*args_p, 3, PY_SSIZE_T_MAX);
    PyObject *kwargs = *kwargs_p == NULL ? PyDict_New() : PyDict_Copy(*kwargs_p);

    for (size_t i = 0; args != NULL && kwargs != NULL && i < Py_ARRAY_LENGTH(names); i++) {
        int found = PyDict_Contains(kwargs, names[i]);

        if (found < 0 || (found && PyDict_DelItem(kwargs, names[i]) < 0)) {
            Py_CLEAR(kwargs);
        }
    }
    if (args == NULL || kwargs == NULL) {
        Py_XDECREF(args);
        Py_XDECREF(kwargs);
        return -1;
    }
    *args_p = args;
    *kwargs_p = kwargs;
    return 0;
}

static int
http_set_overridden(CpsState *state, PyObject *event)
{
    PyObject *const names[] = {state->names.headers, state->names.status, state->names.environment,
                               state->names.method};

    return cps_set_overridden(event, state->types.HttpEvent, names, Py_ARRAY_LENGTH(names));
}

static int
http_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    CpsState *state = cps_state_of(self);
    CpsHttpPart *part = cps_http_part((CpsEvent *)self);
    PyObject *headers = Py_None, *environment = Py_None; /* borrowed */
    PyObject *status = state->default_status;            /* borrowed */
    int result;

    if (part == NULL || cps_event_argument(args, 0, kwargs, state->names.headers, &headers) < 0 ||
        cps_event_argument(args, 1, kwargs, state->names.status, &status) < 0 ||
        cps_event_argument(args, 2, kwargs, state->names.environment, &environment) < 0) {
        return -1;
    }
    if (headers == Py_None) {
        Py_CLEAR(part->headers);
    }
    else if (payload_store(state, &part->headers, headers) < 0) {
        return -1;
    }
    if (http_init_environment(state, part, environment) < 0 || http_set_status(self, status, NULL) < 0 ||
        http_set_overridden(state, self) < 0 || rest_arguments(state, &args, &kwargs) < 0) {
        return -1;
    }
    result = cps_event_init(self, args, kwargs);
    Py_DECREF(args);
    Py_DECREF(kwargs);
    return result;
}

/* ---- the type ---- */

PyDoc_STRVAR(httpevent_doc, "HttpEvent(headers=None, status=(200, 'OK'), environment=None, *args, **attributes)\n--\n\n"
                            "An event that came over HTTP and carries what the response needs.\n\n"
                            "headers: a dict of response headers; None for an empty one.\n"
                            "status: see the attribute of that name. Raises ValueError when it is none.\n"
                            "environment: a dict with the request's data; None for an empty one. Its REQUEST_METHOD\n"
                            "becomes the attribute method.\n"
                            "args, attributes: as for Event, meta_id, service and data first.");

static PyType_Slot httpevent_slots[] = {
    {Py_tp_doc, (void *)httpevent_doc},   {Py_tp_init, http_init},
    {Py_tp_traverse, cps_event_traverse}, {Py_tp_clear, cps_event_clear},
    {Py_tp_dealloc, cps_event_dealloc},   {Py_tp_getset, http_getset},
    {Py_tp_methods, http_methods},        {0, NULL},
};

static PyType_Spec httpevent_spec = {
    .name = "compysition.event.HttpEvent",
    .basicsize = sizeof(CpsEvent),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = httpevent_slots,
};

int
cps_http_setup(PyObject *module, CpsState *state)
{
    state->default_status = Py_BuildValue("(is)", 200, "OK");
    return state->default_status == NULL || cps_http_status_setup(module, state) < 0 ||
                   cps_add_type(module, &state->types.HttpEvent, &httpevent_spec, (PyObject *)state->types.Event) < 0 ||
                   cps_property_add(state, state->types.HttpEvent, http_properties) < 0 ||
                   cps_format_set_text(state->types.HttpEvent, "content_type", "text/plain") < 0
               ? -1
               : 0;
}
