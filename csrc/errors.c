#include "errors.h"

#include "module.h"

#include <uv.h>

/* ---- CompysitionException ---- */

/* The argument `name`, given by position or by keyword: *value is borrowed, or left alone when it is absent. */
static int
take_argument(PyObject *args, Py_ssize_t position, PyObject *kwargs, const char *name, PyObject **value)
{
    PyObject *keyword = kwargs == NULL ? NULL : PyDict_GetItemString(kwargs, name);

    if (position < PyTuple_GET_SIZE(args)) {
        if (keyword != NULL) {
            PyErr_Format(PyExc_TypeError, "got multiple values for argument '%s'", name);
            return -1;
        }
        *value = PyTuple_GET_ITEM(args, position);
    }
    else if (keyword != NULL) {
        *value = keyword;
    }
    return 0;
}

/* The list of messages: `message` itself when it is a list. New, or NULL. */
static PyObject *
message_list(PyObject *message)
{
    PyObject *list;

    if (message != NULL && PyList_Check(message)) {
        return Py_NewRef(message);
    }
    list = PyList_New(1);
    if (list == NULL) {
        return NULL;
    }
    message = message == NULL ? PyUnicode_FromString("") : Py_NewRef(message);
    if (message == NULL) {
        Py_DECREF(list);
        return NULL;
    }
    PyList_SET_ITEM(list, 0, message);
    return list;
}

static int
exception_set_message(PyObject *self, PyObject *value, void *closure)
{
    PyObject *list, *args;

    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "message cannot be deleted");
        return -1;
    }
    list = message_list(value);
    if (list == NULL) {
        return -1;
    }
    args = PyTuple_Pack(1, list);
    Py_DECREF(list);
    if (args == NULL) {
        return -1;
    }
    Py_XSETREF(((PyBaseExceptionObject *)self)->args, args);
    return 0;
}

/* The messages live in args, so that every subclass keeps the layout of Exception and mixes with other exceptions. */
static PyObject *
exception_get_message(PyObject *self, void *closure)
{
    PyObject *args = ((PyBaseExceptionObject *)self)->args;

    if (PyTuple_GET_SIZE(args) == 1 && PyList_Check(PyTuple_GET_ITEM(args, 0))) {
        return Py_NewRef(PyTuple_GET_ITEM(args, 0));
    }
    return PySequence_List(args); /* a subclass did not call our __init__ */
}

/* Set `code` and every keyword but `message` as attributes. */
static int
exception_set_attributes(PyObject *self, PyObject *code, PyObject *kwargs)
{
    PyObject *dict = PyObject_GenericGetDict(self, NULL);
    PyObject *key, *value;
    Py_ssize_t position = 0;
    int result;

    if (dict == NULL) {
        return -1;
    }
    result = PyDict_SetItemString(dict, "code", code);
    while (result == 0 && kwargs != NULL && PyDict_Next(kwargs, &position, &key, &value)) {
        if (PyUnicode_CompareWithASCIIString(key, "message") != 0) {
            result = PyDict_SetItem(dict, key, value);
        }
    }
    Py_DECREF(dict);
    return result;
}

static int
exception_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    PyObject *message = NULL, *code = Py_None; /* borrowed */
    PyObject *list;
    int result;

    if (PyTuple_GET_SIZE(args) > 2) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most 2 positional arguments (%zd given)", Py_TYPE(self)->tp_name,
                     PyTuple_GET_SIZE(args));
        return -1;
    }
    if (take_argument(args, 0, kwargs, "message", &message) < 0 || take_argument(args, 1, kwargs, "code", &code) < 0) {
        return -1;
    }
    list = message_list(message);
    if (list == NULL) {
        return -1;
    }
    result = exception_set_message(self, list, NULL);
    Py_DECREF(list);
    return result < 0 ? -1 : exception_set_attributes(self, code, kwargs);
}

/* Without calling __init__ again, whose signature a subclass may have changed. */
static PyObject *
exception_reduce(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    CpsState *state = cps_state_of(self);
    PyObject *newobj = cps_import(&state->newobj, "copyreg", "__newobj__"); /* borrowed */
    PyObject *message, *dict, *result;

    if (newobj == NULL) {
        return NULL;
    }
    message = exception_get_message(self, NULL);
    if (message == NULL) {
        return NULL;
    }
    dict = PyObject_GenericGetDict(self, NULL);
    if (dict == NULL) {
        Py_DECREF(message);
        return NULL;
    }
    result = Py_BuildValue("O(ON)N", newobj, Py_TYPE(self), message, dict);
    return result;
}

static int
exception_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return ((PyTypeObject *)PyExc_Exception)->tp_traverse(self, visit, arg);
}

static int
exception_clear(PyObject *self)
{
    return ((PyTypeObject *)PyExc_Exception)->tp_clear(self);
}

static PyMethodDef exception_methods[] = {
    {"__reduce__", exception_reduce, METH_NOARGS, NULL},
    {NULL},
};

static PyGetSetDef exception_getset[] = {
    {"message", exception_get_message, exception_set_message,
     "The list of messages. Anything else that is assigned is wrapped into a list."},
    {NULL},
};

PyDoc_STRVAR(exception_doc, "CompysitionException(message='', code=None, **attributes)\n--\n\n"
                            "Base class of the errors of compysition.\n\n"
                            "message: a text, or a list of texts (or of anything that str() understands).\n"
                            "code: whatever tells a client which error this is; None for nothing.\n"
                            "attributes: become attributes of the error and appear in Event.format_error().");

static PyType_Slot exception_slots[] = {
    {Py_tp_doc, (void *)exception_doc},
    {Py_tp_init, exception_init},
    {Py_tp_traverse, exception_traverse},
    {Py_tp_clear, exception_clear},
    {Py_tp_methods, exception_methods},
    {Py_tp_getset, exception_getset},
    {0, NULL},
};

static PyType_Spec exception_spec = {
    .name = "compysition.errors.CompysitionException",
    .basicsize = sizeof(PyBaseExceptionObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = exception_slots,
};

/* ---- the classes derived from it ---- */

static const struct {
    CpsErrorKind kind;
    const char *name;
    const char *doc;
} derived[] = {
#define CPS_ERROR(kind, name, doc) {kind, "compysition.errors." name, doc}
    CPS_ERROR(CPS_QUEUE_EMPTY, "QueueEmpty", "Nothing was found on a queue."),
    CPS_ERROR(CPS_QUEUE_FULL, "QueueFull", "A queue has no room, and the caller does not wait."),
    CPS_ERROR(CPS_QUEUE_CONNECTED, "QueueConnected", "A queue of that name is connected already."),
    CPS_ERROR(CPS_SETUP_ERROR, "SetupError", "The configuration is wrong."),
    CPS_ERROR(CPS_RESERVED_NAME, "ReservedName", "The name is reserved."),
    CPS_ERROR(CPS_ACTOR_INIT_FAILURE, "ActorInitFailure", "An actor could not be set up."),
    CPS_ERROR(CPS_INVALID_EVENT_CONVERSION, "InvalidEventConversion",
              "The event cannot become one of the requested class."),
    CPS_ERROR(CPS_INVALID_EVENT_DATA_MODIFICATION, "InvalidEventDataModification",
              "The data is not valid for that class of event, or event_id was set twice."),
    CPS_ERROR(CPS_INVALID_ACTOR_OUTPUT, "InvalidActorOutput",
              "The event that is sent is not of a class that the actor declares."),
    CPS_ERROR(CPS_INVALID_ACTOR_INPUT, "InvalidActorInput", "The event lacks what the actor requires."),
    CPS_ERROR(CPS_RESOURCE_NOT_MODIFIED, "ResourceNotModified",
              "An external entity could not be changed. HTTP status 304."),
    CPS_ERROR(CPS_MALFORMED_EVENT_DATA, "MalformedEventData", "The actor cannot use the data. HTTP status 400."),
    CPS_ERROR(CPS_UNAUTHORIZED_EVENT, "UnauthorizedEvent", "Credentials are missing or wrong. HTTP status 401."),
    CPS_ERROR(CPS_FORBIDDEN_EVENT, "ForbiddenEvent", "Authenticated, but not allowed. HTTP status 403."),
    CPS_ERROR(CPS_RESOURCE_NOT_FOUND, "ResourceNotFound",
              "The requested service or resource does not exist. HTTP status 404."),
    CPS_ERROR(CPS_EVENT_COMMAND_NOT_ALLOWED, "EventCommandNotAllowed", "The method is not supported. HTTP status 405."),
    CPS_ERROR(CPS_ACTOR_TIMEOUT, "ActorTimeout", "The work took too long. HTTP status 408."),
    CPS_ERROR(CPS_RESOURCE_CONFLICT, "ResourceConflict", "The state of a resource conflicts. HTTP status 409."),
    CPS_ERROR(CPS_RESOURCE_GONE, "ResourceGone", "A resource exists no longer. HTTP status 410."),
    CPS_ERROR(CPS_UNPROCESSABLE_EVENT_DATA, "UnprocessableEventData",
              "The data is well-formed, but makes no sense. HTTP status 422."),
    CPS_ERROR(CPS_EVENT_RATE_EXCEEDED, "EventRateExceeded", "Too many events. HTTP status 429."),
    CPS_ERROR(CPS_SERVICE_UNAVAILABLE, "ServiceUnavailable",
              "The requested service is not available. HTTP status 503."),
    CPS_ERROR(CPS_EVENT_ATTRIBUTE_ERROR, "EventAttributeError",
              "An attribute that is needed is missing from the event."),
    CPS_ERROR(CPS_BAD_GATEWAY, "BadGateway", "Another server answered wrongly, or not at all. HTTP status 502."),
    CPS_ERROR(CPS_GATEWAY_TIMEOUT, "GatewayTimeout", "Another server took too long. HTTP status 504."),
#undef CPS_ERROR
};

int
cps_errors_setup(PyObject *module, CpsState *state)
{
    PyObject *base = PyType_FromModuleAndSpec(module, &exception_spec, PyExc_Exception);

    state->errors[CPS_EXCEPTION] = base;
    if (base == NULL || PyModule_AddType(module, (PyTypeObject *)base) < 0) {
        return -1;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(derived); i++) {
        PyObject *error = PyErr_NewExceptionWithDoc(derived[i].name, derived[i].doc, base, NULL);

        state->errors[derived[i].kind] = error;
        if (error == NULL || PyModule_AddType(module, (PyTypeObject *)error) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- raising ---- */

static void
raise_formatted(CpsState *state, CpsErrorKind kind, const char *format, va_list args)
{
    PyObject *message = PyUnicode_FromFormatV(format, args);

    if (message != NULL) {
        PyErr_SetObject(state->errors[kind], message);
        Py_DECREF(message);
    }
}

PyObject *
cps_raise(CpsState *state, CpsErrorKind kind, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    raise_formatted(state, kind, format, args);
    va_end(args);
    return NULL;
}

PyObject *
cps_raise_from(CpsState *state, CpsErrorKind kind, const char *format, ...)
{
    PyObject *cause = PyErr_GetRaisedException();
    PyObject *error;
    va_list args;

    va_start(args, format);
    raise_formatted(state, kind, format, args);
    va_end(args);
    error = PyErr_GetRaisedException();
    PyException_SetCause(error, Py_NewRef(cause)); /* steals */
    PyException_SetContext(error, cause);          /* steals */
    PyErr_SetRaisedException(error);
    return NULL;
}

PyObject *
cps_raise_uv(const char *what, int code)
{
    PyObject *message = PyUnicode_FromFormat("%s: %s", what, uv_strerror(code));
    PyObject *error;

    if (message == NULL) {
        return NULL;
    }
    /* libuv's own codes, as UV_EOF and those of getaddrinfo, are no errno */
    error = code > UV__EAI_ADDRFAMILY ? PyObject_CallFunction(PyExc_OSError, "iO", -code, message)
                                      : PyObject_CallOneArg(PyExc_OSError, message);
    Py_DECREF(message);
    if (error != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    }
    return NULL;
}

bool
cps_error_is(CpsState *state, PyObject *exc, CpsErrorKind kind)
{
    return PyObject_TypeCheck(exc, (PyTypeObject *)state->errors[kind]);
}
