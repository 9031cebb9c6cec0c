#include "event/event.h"

#include "event/errorformat.h"
#include "event/eventcopy.h"
#include "event/eventstate.h"
#include "event/format.h"
#include "event/http.h"
#include "event/jsonevent.h"
#include "event/logevent.h"
#include "event/lookup.h"
#include "event/property.h"
#include "event/xmlevent.h"
#include "overridden.h"

#include <time.h>

/* ---- life ---- */

static int64_t
microseconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Identity comes with __new__, so that an event whose subclass forgot to call __init__ can be used. */
static PyObject *
event_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    CpsEvent *self = (CpsEvent *)cps_event_alloc(cps_state_of_type(type), type);

    if (self == NULL) {
        return NULL;
    }
    self->created_us = microseconds_now();
    if (cps_event_id_new(self->raw_id) < 0) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

int
cps_event_argument(PyObject *args, Py_ssize_t position, PyObject *kwargs, PyObject *name, PyObject **value)
{
    PyObject *keyword = kwargs == NULL ? NULL : PyDict_GetItemWithError(kwargs, name);

    if (keyword == NULL && PyErr_Occurred()) {
        return -1;
    }
    if (position < PyTuple_GET_SIZE(args)) {
        if (keyword != NULL) {
            PyErr_Format(PyExc_TypeError, "got multiple values for argument '%U'", name);
            return -1;
        }
        *value = PyTuple_GET_ITEM(args, position);
    }
    else if (keyword != NULL) {
        *value = keyword;
    }
    return 0;
}

static int
event_store_id(CpsEvent *self, PyObject *value)
{
    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "event_id must be str, not %.200s", Py_TYPE(value)->tp_name);
        return -1;
    }
    Py_XSETREF(self->event_id, Py_NewRef(value));
    return 0;
}

/* Every keyword that the constructor does not know becomes an attribute. */
static int
event_init_attributes(CpsState *state, CpsEvent *self, PyObject *kwargs)
{
    PyObject *key, *value;
    Py_ssize_t position = 0;

    while (PyDict_Next(kwargs, &position, &key, &value)) {
        int result = 0;

        Py_INCREF(key);
        PyUnicode_InternInPlace(&key);
        if (key == state->names.event_id) {
            result = value == Py_None ? 0 : event_store_id(self, value);
        }
        else if (key != state->names.meta_id && key != state->names.service && key != state->names.data &&
                 key != state->names.error) {
            result = PyObject_SetAttr((PyObject *)self, key, value);
        }
        Py_DECREF(key);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

static int
event_set_overridden(CpsState *state, PyObject *event)
{
    PyObject *const names[] = {state->names.meta_id, state->names.service, state->names.created};

    return cps_set_overridden(event, state->types.Event, names, Py_ARRAY_LENGTH(names));
}

int
cps_event_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    CpsEvent *self = (CpsEvent *)op;
    CpsState *state = cps_state_of(op);
    PyObject *meta_id = Py_None, *service = Py_None, *data = Py_None; /* borrowed */
    PyObject *error = NULL;                                           /* borrowed */

    if (cps_event_argument(args, 0, kwargs, state->names.meta_id, &meta_id) < 0 ||
        cps_event_argument(args, 1, kwargs, state->names.service, &service) < 0 ||
        cps_event_argument(args, 2, kwargs, state->names.data, &data) < 0 ||
        cps_event_argument(args, PY_SSIZE_T_MAX, kwargs, state->names.error, &error) < 0) {
        return -1;
    }
    Py_XSETREF(self->meta_id, meta_id == Py_None ? NULL : Py_NewRef(meta_id));
    Py_XSETREF(self->service, service == Py_None ? NULL : Py_NewRef(service));
    if (event_set_overridden(state, op) < 0 || (kwargs != NULL && event_init_attributes(state, self, kwargs) < 0)) {
        return -1;
    }
    if (PyObject_SetAttr(op, state->names.data, data) < 0) {
        return -1;
    }
    return error == NULL ? 0 : PyObject_SetAttr(op, state->names.error, error);
}

int
cps_event_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsEvent *self = (CpsEvent *)op;

    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->dict);
    Py_VISIT(self->payload);
    Py_VISIT(self->event_id);
    Py_VISIT(self->meta_id);
    Py_VISIT(self->service);
    Py_VISIT(self->error);
    Py_VISIT(self->created);
    if (self->http != NULL && cps_http_part_traverse(self->http, visit, arg) != 0) {
        return -1;
    }
    return self->log == NULL ? 0 : cps_log_part_traverse(self->log, visit, arg);
}

int
cps_event_clear(PyObject *op)
{
    CpsEvent *self = (CpsEvent *)op;
    CpsHttpPart *http = self->http;
    CpsLogPart *log = self->log;

    self->http = NULL;
    self->log = NULL;
    Py_CLEAR(self->dict);
    Py_CLEAR(self->payload);
    Py_CLEAR(self->event_id);
    Py_CLEAR(self->meta_id);
    Py_CLEAR(self->service);
    Py_CLEAR(self->error);
    Py_CLEAR(self->created);
    cps_http_part_free(http);
    cps_log_part_free(log);
    return 0;
}

/* --- memory ---
 *
 * Every hop makes an event and frees another one, so the memory of a few is kept. Not under the sanitizers, which could not see
 * a use after free then. */

#ifdef __SANITIZE_ADDRESS__
enum { FREE_EVENTS_LIMIT = 0 };
#else
enum { FREE_EVENTS_LIMIT = 256 };
#endif

/* Only classes written in C: a Python subclass may have more in front of the object. */
static bool
event_is_recycled(const PyTypeObject *type)
{
    return type->tp_dealloc == cps_event_dealloc;
}

PyObject *
cps_event_alloc(CpsState *state, PyTypeObject *type)
{
    CpsEvent *self = state->free_events;

    if (self == NULL || !event_is_recycled(type)) {
        return type->tp_alloc(type, 0);
    }
    state->free_events = (CpsEvent *)self->dict;
    state->free_event_count--;
    memset(&self->dict, 0, sizeof(*self) - offsetof(CpsEvent, dict));
    (void)PyObject_Init((PyObject *)self, type);
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

/* Keep the memory of a dead event. Returns false, doing nothing, when there is enough already. At the end of the interpreter the
 * type may have lost its module, which PyType_GetModuleState would call an error. */
static bool
event_recycle(CpsEvent *self, PyTypeObject *type)
{
    PyObject *module = event_is_recycled(type) ? ((PyHeapTypeObject *)type)->ht_module : NULL; /* borrowed */
    CpsState *state = module == NULL ? NULL : PyModule_GetState(module);

    if (state == NULL || state->free_event_count >= FREE_EVENTS_LIMIT) {
        return false;
    }
    self->dict = (PyObject *)state->free_events;
    state->free_events = self;
    state->free_event_count++;
    return true;
}

void
cps_events_free_all(CpsState *state)
{
    while (state->free_events != NULL) {
        CpsEvent *self = state->free_events;

        state->free_events = (CpsEvent *)self->dict;
        PyObject_GC_Del(self);
    }
    state->free_event_count = FREE_EVENTS_LIMIT; /* events that outlive the module keep nothing */
}

static void
event_free(CpsEvent *self)
{
    PyTypeObject *type = Py_TYPE(self);

    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    (void)cps_event_clear((PyObject *)self);
    cps_lineage_unref(self->lineage);
    if (!event_recycle(self, type)) {
        type->tp_free(self);
    }
    Py_DECREF(type);
}

/* Whether it has no part that could be an event, which could have such a part, in a long chain. */
static bool
event_is_flat(const CpsEvent *self)
{
    return (self->payload == NULL || self->payload->kind != CPS_DATA_OBJECT) && self->dict == NULL &&
           self->error == NULL && self->meta_id == NULL && self->service == NULL && self->http == NULL;
}

void
cps_event_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    if (event_is_flat((CpsEvent *)op)) {
        event_free((CpsEvent *)op);
        return;
    }
    Py_TRASHCAN_BEGIN(op, cps_event_dealloc);
    event_free((CpsEvent *)op);
    Py_TRASHCAN_END;
}

/* ---- identity and times ---- */

PyObject *
cps_event_id(CpsEvent *self)
{
    if (self->event_id == NULL) {
        self->event_id = cps_event_id_hex(self->raw_id);
    }
    return self->event_id;
}

bool
cps_event_read_id(CpsEvent *self, uint8_t id[CPS_EVENT_ID_BYTES])
{
    if (self->event_id != NULL) {
        return cps_event_id_parse(self->event_id, id);
    }
    memcpy(id, self->raw_id, CPS_EVENT_ID_BYTES);
    return true;
}

PyObject *
cps_event_meta_id(CpsEvent *self)
{
    return self->meta_id != NULL ? self->meta_id : cps_event_id(self);
}

PyObject *
cps_event_datetime(CpsState *state, int64_t microseconds)
{
    PyObject *datetime = cps_import(&state->datetime, "datetime", "datetime"); /* borrowed */

    if (datetime == NULL) {
        return NULL;
    }
    return PyObject_CallMethod(datetime, "fromtimestamp", "d", (double)microseconds / 1e6);
}

/* ---- attributes ---- */

/* Store a new value at *field. Attributes of an event are never deleted: C code reads the fields. */
static int
store_attribute(PyObject **field, PyObject *value, const char *name)
{
    if (value == NULL) {
        PyErr_Format(PyExc_AttributeError, "event attribute '%s' cannot be deleted", name);
        return -1;
    }
    Py_XSETREF(*field, Py_NewRef(value));
    return 0;
}

static PyObject *
event_get_id(PyObject *self, void *closure)
{
    return Py_XNewRef(cps_event_id((CpsEvent *)self));
}

static int
event_set_id(PyObject *self, PyObject *value, void *closure)
{
    cps_raise(cps_state_of(self), CPS_INVALID_EVENT_DATA_MODIFICATION, "Cannot alter event_id once it has been set");
    return -1;
}

static int
event_set_raw_id(PyObject *op, PyObject *value, void *closure)
{
    CpsEvent *self = (CpsEvent *)op;

    if (value == NULL) {
        return store_attribute(&self->event_id, NULL, "_event_id");
    }
    if (self->meta_id == NULL) {
        self->meta_id = Py_XNewRef(self->event_id); /* which may have been read as meta_id */
    }
    return event_store_id(self, value);
}

static PyObject *
event_get_meta_id(PyObject *self, void *closure)
{
    return Py_XNewRef(cps_event_meta_id((CpsEvent *)self));
}

static int
event_set_meta_id(PyObject *self, PyObject *value, void *closure)
{
    return store_attribute(&((CpsEvent *)self)->meta_id, value, "meta_id");
}

static PyObject *
event_get_service(PyObject *op, void *closure)
{
    PyObject *service = ((CpsEvent *)op)->service;

    return Py_NewRef(service != NULL ? service : cps_state_of(op)->default_service);
}

static int
event_set_service(PyObject *self, PyObject *value, void *closure)
{
    return store_attribute(&((CpsEvent *)self)->service, value, "service");
}

static PyObject *
event_get_data(PyObject *op, void *closure)
{
    CpsEvent *self = (CpsEvent *)op;

    if (self->payload == NULL) {
        Py_RETURN_NONE;
    }
    return cps_payload_expose(cps_state_of(op), &self->payload);
}

static int
event_set_data(PyObject *self, PyObject *value, void *closure)
{
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "event attribute 'data' cannot be deleted");
        return -1;
    }
    return cps_event_assign_data(cps_state_of(self), self, value);
}

static int
event_set_raw_data(PyObject *self, PyObject *value, void *closure)
{
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "event attribute '_data' cannot be deleted");
        return -1;
    }
    return cps_event_store_data(cps_state_of(self), self, value);
}

static PyObject *
event_get_error(PyObject *self, void *closure)
{
    PyObject *error = ((CpsEvent *)self)->error;

    return Py_NewRef(error != NULL ? error : Py_None);
}

static int
event_set_error(PyObject *self, PyObject *value, void *closure)
{
    PyObject *result;

    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "event attribute 'error' cannot be deleted");
        return -1;
    }
    result = PyObject_CallMethodOneArg(self, cps_state_of(self)->names._set_error, value);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static int
event_set_raw_error(PyObject *op, PyObject *value, void *closure)
{
    CpsEvent *self = (CpsEvent *)op;

    if (value == Py_None) {
        Py_CLEAR(self->error);
        return 0;
    }
    return store_attribute(&self->error, value, "_error");
}

static PyObject *
event_get_created(PyObject *op, void *closure)
{
    CpsEvent *self = (CpsEvent *)op;

    if (self->created == NULL) {
        self->created = cps_event_datetime(cps_state_of(op), self->created_us);
    }
    return Py_XNewRef(self->created);
}

static int
event_set_created(PyObject *self, PyObject *value, void *closure)
{
    return store_attribute(&((CpsEvent *)self)->created, value, "created");
}

static PyGetSetDef event_properties[] = {
    {"event_id", event_get_id, event_set_id,
     "The id, a str of 32 hex digits. Copies and conversions keep it; it cannot be set again."},
    {"data", event_get_data, event_set_data,
     "The data. What is assigned is converted as the class requires, or refused with\n"
     "InvalidEventDataModification. What is read is the live object."},
    {"error", event_get_error, event_set_error,
     "None, or the error (any object, usually an exception). Assigning calls _set_error."},
    {NULL},
};

static PyGetSetDef event_getset[] = {
    {"_event_id", event_get_id, event_set_raw_id, NULL},
    {"meta_id", event_get_meta_id, event_set_meta_id,
     "The id that log records carry; event_id unless another was given."},
    {"service", event_get_service, event_set_service, "The service (str), 'default' by default."},
    {"_data", event_get_data, event_set_raw_data, NULL},
    {"_error", event_get_error, event_set_raw_error, NULL},
    {"created", event_get_created, event_set_created, "The local datetime at which the event was made."},
    {"__dict__", cps_event_vars, cps_event_set_vars,
     "All attributes under the names they are stored by: a new dict each time. What is set or\n"
     "deleted in it is set or deleted in the event, without conversion."},
    {NULL},
};

/* ---- methods ---- */

static PyObject *
event_get(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"key", "default", NULL};
    CpsState *state = cps_state_of(self);
    PyObject *key, *fallback = state->not_given; /* borrowed */
    PyObject *value;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:get", keywords, &key, &fallback) ||
        PyObject_GetOptionalAttr(self, key, &value) < 0) {
        return NULL;
    }
    if (value != NULL) {
        return value;
    }
    if (fallback == state->not_given) {
        return PyErr_Format(PyExc_AttributeError, "Event property '%U' does not exist", key);
    }
    return Py_NewRef(fallback);
}

static PyObject *
event_set(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"key", "value", NULL};
    PyObject *key, *value; /* borrowed */

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO:set", keywords, &key, &value)) {
        return NULL;
    }
    if (PyObject_SetAttr(self, key, value) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_Exception)) {
            return NULL;
        }
        PyErr_Clear();
        Py_RETURN_FALSE;
    }
    Py_RETURN_TRUE;
}

/* The one argument of a method, by position or by the keyword `name`. Borrowed, or NULL with TypeError set. */
static PyObject *
only_argument(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, const char *name)
{
    Py_ssize_t keywords = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);

    if (nargs + keywords != 1 ||
        (keywords == 1 && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), name) != 0)) {
        PyErr_Format(PyExc_TypeError, "the method takes one argument, '%s'", name);
        return NULL;
    }
    return args[0];
}

static PyObject *
event_lookup(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *path = only_argument(args, nargs, kwnames, "path"); /* borrowed */

    return path == NULL ? NULL : cps_lookup(self, path);
}

PyObject *
cps_event_convert_method(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *cls = only_argument(args, nargs, kwnames, "cls"); /* borrowed */

    if (cls != NULL && !PyType_Check(cls)) {
        return PyErr_Format(PyExc_TypeError, "convert() needs a class, not %.200s", Py_TYPE(cls)->tp_name);
    }
    return cls == NULL ? NULL : cps_event_convert(cps_state_of(self), self, (PyTypeObject *)cls);
}

static PyObject *
event_set_error_method(PyObject *self, PyObject *error)
{
    if (event_set_raw_error(self, error, NULL) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
event_data_string(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    PyObject *data = PyObject_GetAttr(op, cps_state_of(op)->names.data);
    PyObject *text;

    if (data == NULL) {
        return NULL;
    }
    text = PyBytes_Check(data) ? PyUnicode_FromEncodedObject(data, "utf-8", "replace") : PyObject_Str(data);
    Py_DECREF(data);
    return text;
}

static PyMethodDef event_methods[] = {
    {"get", (PyCFunction)(void (*)(void))event_get, METH_VARARGS | METH_KEYWORDS,
     "get($self, key, default=DEFAULT)\n--\n\n"
     "The attribute named key (a str), or default when there is none. Without a default\n"
     "raises AttributeError."},
    {"set", (PyCFunction)(void (*)(void))event_set, METH_VARARGS | METH_KEYWORDS,
     "set($self, key, value)\n--\n\n"
     "Set the attribute named key (a str). Returns True, or False if the setter raised."},
    {"lookup", (PyCFunction)(void (*)(void))event_lookup, METH_FASTCALL | METH_KEYWORDS,
     "lookup($self, path)\n--\n\n"
     "Follow path, a str (one step) or a list or tuple of steps, through attributes, dicts and\n"
     "lists. Returns None when a step leads nowhere."},
    {"get_properties", cps_event_get_properties, METH_NOARGS,
     "get_properties($self)\n--\n\nA new dict of all attributes but the data."},
    {"convert", _PyCFunction_CAST(cps_event_convert_method), METH_FASTCALL | METH_KEYWORDS,
     "convert($self, cls)\n--\n\n"
     "A new event of class cls, or of the class that has its format and keeps this event's\n"
     "transport. Attributes are shared, data is converted. Raises InvalidEventConversion."},
    {"clone", cps_event_clone, METH_NOARGS, "clone($self)\n--\n\nA deep copy, with the same event_id."},
    {"data_string", event_data_string, METH_NOARGS, "data_string($self)\n--\n\nThe data as a str."},
    {"format_error", cps_event_format_error_method, METH_NOARGS,
     "format_error($self)\n--\n\n"
     "None without an error, else a list with a dict for each message: the message, the code of\n"
     "a CompysitionException, and the attributes of the error."},
    {"error_string", cps_event_error_string_method, METH_NOARGS,
     "error_string($self)\n--\n\nThe formatted error as a str, or None without an error."},
    {"_set_error", event_set_error_method, METH_O,
     "_set_error($self, exception, /)\n--\n\nStore the error; for subclasses to override."},
    {"__getstate__", cps_event_getstate, METH_NOARGS, NULL},
    {"__setstate__", cps_event_setstate, METH_O, NULL},
    {"__reduce__", cps_event_reduce, METH_NOARGS, NULL},
    {"__deepcopy__", cps_event_deepcopy_method, METH_O, NULL},
    {"__copy__", cps_event_shallow_copy, METH_NOARGS, NULL},
    {NULL},
};

PyObject *
cps_event_data_string(CpsState *state, PyObject *event)
{
    return PyObject_CallMethodNoArgs(event, state->names.data_string);
}

int
cps_event_set_error(CpsState *state, PyObject *event, PyObject *error)
{
    if (PyExceptionInstance_Check(error)) {
        PyException_SetTraceback(error, Py_None);
        PyException_SetCause(error, NULL);
        PyException_SetContext(error, NULL);
    }
    return PyObject_SetAttr(event, state->names.error, error);
}

/* ---- the type ---- */

PyDoc_STRVAR(event_doc, "Event(meta_id=None, service=None, data=None, *args, **attributes)\n--\n\n"
                        "What travels through a pipeline: data, and attributes that describe it.\n\n"
                        "meta_id: the id that log records carry; None for the event_id.\n"
                        "service: a str; None for 'default'.\n"
                        "data: see the attribute of that name.\n"
                        "attributes: each becomes an attribute; event_id=... gives the event that id, error=... sets\n"
                        "the error. Further positional arguments are ignored.\n\n"
                        "Raises InvalidEventDataModification when the data does not fit the class.");

static PyMemberDef event_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(CpsEvent, dict), READONLY},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(CpsEvent, weakrefs), READONLY},
    {NULL},
};

static PyType_Slot event_slots[] = {
    {Py_tp_doc, (void *)event_doc},
    {Py_tp_new, event_new},
    {Py_tp_init, cps_event_init},
    {Py_tp_traverse, cps_event_traverse},
    {Py_tp_clear, cps_event_clear},
    {Py_tp_dealloc, cps_event_dealloc},
    {Py_tp_str, cps_event_str},
    {Py_tp_members, event_members},
    {Py_tp_getset, event_getset},
    {Py_tp_methods, event_methods},
    {0, NULL},
};

/* Not IMMUTABLETYPE: scripts set class attributes. */
static PyType_Spec event_spec = {
    .name = "compysition.event.Event",
    .basicsize = sizeof(CpsEvent),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = event_slots,
};

static int
event_type_setup(PyObject *module, CpsState *state)
{
    PyObject *type;

    if (cps_add_type(module, &state->types.Event, &event_spec, NULL) < 0 ||
        cps_property_add(state, state->types.Event, event_properties) < 0) {
        return -1;
    }
    type = (PyObject *)state->types.Event;
    state->default_service = PyUnicode_InternFromString("default");
    state->not_given = PyObject_CallNoArgs((PyObject *)&PyBaseObject_Type);
    state->plain_conversions = cps_format_plain_conversions(module);
    if (state->default_service == NULL || state->not_given == NULL || state->plain_conversions == NULL) {
        return -1;
    }
    return PyObject_SetAttr(type, state->names.conversion_methods, state->plain_conversions) < 0 ||
                   cps_format_set_text(state->types.Event, "_content_type", "text/plain") < 0 ||
                   PyModule_AddObjectRef(module, "DEFAULT", state->not_given) < 0
               ? -1
               : 0;
}

int
cps_event_setup(PyObject *module, CpsState *state)
{
    return cps_event_id_setup() < 0 || cps_eventstate_setup(module) < 0 || cps_property_setup(module, state) < 0 ||
                   event_type_setup(module, state) < 0 || cps_format_setup(module, state) < 0 ||
                   cps_http_setup(module, state) < 0 || cps_xmlevent_prepare(module, state) < 0 ||
                   cps_jsonevent_setup(module, state) < 0 || cps_xmlevent_setup(module, state) < 0 ||
                   cps_logevent_setup(module, state) < 0
               ? -1
               : 0;
}
