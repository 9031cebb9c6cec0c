#include "event/eventcopy.h"

#include "event/event.h"
#include "event/eventstate.h"
#include "event/http.h"
#include "event/logevent.h"

/* A copy under way. */
typedef struct {
    CpsState *state;
    CpsCopyScope scope;
    bool lenient; /* share what cannot be copied */
} Copying;

/* ---- classes that have a copying of their own ---- */

static bool
reduces_as_object(CpsState *state, PyTypeObject *type)
{
    PyObject *own = PyObject_GetAttr((PyObject *)type, state->names.__reduce_ex__);
    PyObject *usual = PyObject_GetAttr((PyObject *)&PyBaseObject_Type, state->names.__reduce_ex__);
    bool same = own != NULL && own == usual;

    Py_XDECREF(own);
    Py_XDECREF(usual);
    return same;
}

/* Whether events of `type` pickle as Event does. */
static bool
pickles_plainly(CpsState *state, PyTypeObject *type)
{
    return cps_method_is(type, state->names.__getstate__, cps_event_getstate) &&
           cps_method_is(type, state->names.__setstate__, cps_event_setstate) &&
           cps_method_is(type, state->names.__reduce__, cps_event_reduce) && reduces_as_object(state, type);
}

/* Whether events of `type` are copied here. A type's version tag is its own and changes with the type, so the tags of the types
 * that passed are remembered. */
static bool
copies_plainly(CpsState *state, PyTypeObject *type)
{
    unsigned int tag = type->tp_version_tag;

    if (tag != 0 && state->copied_plainly[tag % CPS_COPY_CACHE] == tag) {
        return true;
    }
    if (!cps_method_is(type, state->names.__deepcopy__, cps_event_deepcopy_method) || !pickles_plainly(state, type)) {
        PyErr_Clear();
        return false;
    }
    tag = type->tp_version_tag; /* the lookups may have assigned one */
    state->copied_plainly[tag % CPS_COPY_CACHE] = tag;
    return true;
}

/* ---- the parts of an event ---- */

/* After a failed copy of `value`: in a lenient copying `value` itself. New, or NULL with the exception still set. */
static PyObject *
share_instead(Copying *copying, PyObject *value)
{
    if (!copying->lenient || !PyErr_ExceptionMatches(PyExc_Exception)) {
        return NULL;
    }
    PyErr_Clear();
    return Py_NewRef(value);
}

static PyObject *
copy_value(Copying *copying, PyObject *value)
{
    PyObject *copy;

    Py_INCREF(value); /* copying may run code that replaces it in the original */
    if (cps_immutable(value)) {
        return value;
    }
    copy = cps_deepcopy_in(copying->state, value, &copying->scope);
    if (copy == NULL) {
        copy = share_instead(copying, value);
    }
    Py_DECREF(value);
    return copy;
}

/* Copy *from, which may be NULL, to *to. Returns 0, or -1 with an exception set. */
static int
copy_field(Copying *copying, PyObject **to, PyObject *from)
{
    *to = from == NULL ? NULL : copy_value(copying, from);
    return *to == NULL && from != NULL ? -1 : 0;
}

static int
copy_payload(Copying *copying, CpsPayload **to, CpsPayload **from)
{
    CpsPayload *payload = *from;

    if (payload == NULL) {
        return 0;
    }
    *to = cps_payload_share_in(copying->state, payload, &copying->scope);
    if (*to == NULL && copying->lenient && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear();
        *to = *from == NULL ? NULL : cps_payload_alias(copying->state, from);
    }
    return *to == NULL && PyErr_Occurred() ? -1 : 0;
}

/* Exceptions are shared: few can be copied faithfully, and nobody changes them. */
static int
copy_error(Copying *copying, PyObject **to, PyObject *from)
{
    if (from != NULL && PyExceptionInstance_Check(from)) {
        *to = Py_NewRef(from);
        return 0;
    }
    return copy_field(copying, to, from);
}

/* Item by item, for a dict that cannot be copied as a whole. */
static PyObject *
copy_dict_leniently(Copying *copying, PyObject *dict)
{
    PyObject *copy = PyDict_Copy(dict), *items = PyDict_Items(dict);

    for (Py_ssize_t i = 0; copy != NULL && items != NULL && i < PyList_GET_SIZE(items); i++) {
        PyObject *item = PyList_GET_ITEM(items, i);
        PyObject *value = copy_value(copying, PyTuple_GET_ITEM(item, 1));

        if (value == NULL || PyDict_SetItem(copy, PyTuple_GET_ITEM(item, 0), value) < 0) {
            Py_CLEAR(copy);
        }
        Py_XDECREF(value);
    }
    Py_XDECREF(items);
    return copy;
}

static int
copy_attributes(Copying *copying, PyObject **to, PyObject *from)
{
    if (from == NULL || PyDict_GET_SIZE(from) == 0) {
        return 0;
    }
    *to = cps_deepcopy_in(copying->state, from, &copying->scope);
    if (*to == NULL && copying->lenient && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear();
        *to = copy_dict_leniently(copying, from);
    }
    return *to == NULL ? -1 : 0;
}

/* What the class and its bases keep in __slots__. */
static int
copy_slots(Copying *copying, PyObject *to, PyObject *from)
{
    PyObject *names = cps_event_slot_names(copying->state, from);
    PyObject *iterator = names == NULL ? NULL : PyObject_GetIter(names);
    PyObject *name;
    int result = 0;

    Py_XDECREF(names);
    if (iterator == NULL) {
        return -1;
    }
    while (result == 0 && (name = PyIter_Next(iterator)) != NULL) {
        PyObject *value, *copy = NULL;

        result = PyObject_GetOptionalAttr(from, name, &value);
        if (result > 0) {
            copy = copy_value(copying, value);
            result = copy == NULL ? -1 : PyObject_SetAttr(to, name, copy);
        }
        Py_XDECREF(copy);
        Py_XDECREF(value);
        Py_DECREF(name);
    }
    Py_DECREF(iterator);
    return result < 0 || PyErr_Occurred() ? -1 : 0;
}

static int
copy_http(Copying *copying, CpsEvent *to, CpsEvent *from)
{
    CpsHttpPart *source = from->http, *copy = cps_http_part(to);

    if (copy == NULL || copy_payload(copying, &copy->headers, &source->headers) < 0 ||
        copy_payload(copying, &copy->environment, &source->environment) < 0) {
        return -1;
    }
    copy->status = Py_XNewRef(source->status);
    return copy_field(copying, &copy->method, source->method);
}

static int
copy_log(CpsEvent *to, CpsEvent *from)
{
    to->log = cps_log_part_copy(from->log);
    return to->log == NULL ? -1 : 0;
}

/* ---- the event ---- */

/* An event of the same class with the identity of `self` and nothing else. New, or NULL. */
static CpsEvent *
copy_identity(CpsState *state, CpsEvent *self)
{
    CpsEvent *copy = (CpsEvent *)cps_event_alloc(state, Py_TYPE(self));

    if (copy != NULL) {
        memcpy(copy->raw_id, self->raw_id, sizeof(copy->raw_id));
        copy->created_us = self->created_us;
        copy->event_id = Py_XNewRef(self->event_id);
        copy->created = Py_XNewRef(self->created);
        copy->lineage = cps_lineage_ref(self->lineage);
    }
    return copy;
}

static int
copy_parts(Copying *copying, CpsEvent *to, CpsEvent *from)
{
    return copy_payload(copying, &to->payload, &from->payload) < 0 ||
                   copy_field(copying, &to->meta_id, from->meta_id) < 0 ||
                   copy_field(copying, &to->service, from->service) < 0 ||
                   copy_error(copying, &to->error, from->error) < 0 ||
                   copy_attributes(copying, &to->dict, from->dict) < 0 ||
                   (from->http != NULL && copy_http(copying, to, from) < 0) ||
                   (from->log != NULL && copy_log(to, from) < 0) ||
                   (Py_TYPE(from)->tp_basicsize != (Py_ssize_t)sizeof(CpsEvent) &&
                    copy_slots(copying, (PyObject *)to, (PyObject *)from) < 0)
               ? -1
               : 0;
}

static int
memo_add(PyObject *memo, PyObject *original, PyObject *copy)
{
    PyObject *address = PyLong_FromVoidPtr(original);
    int result = address == NULL ? -1 : PyObject_SetItem(memo, address, copy);

    Py_XDECREF(address);
    return result;
}

/* `memo` is that of a copy.deepcopy under way, or NULL. */
static PyObject *
copy_event(CpsState *state, PyObject *event, PyObject *memo, bool lenient)
{
    CpsEvent *self = (CpsEvent *)event;
    CpsEvent *copy = copy_identity(state, self);
    Copying copying = {
        .state = state,
        .scope = {.source = event, .copy = (PyObject *)copy, .memo = Py_XNewRef(memo)},
        .lenient = lenient,
    };

    if (copy != NULL &&
        ((memo != NULL && memo_add(memo, event, (PyObject *)copy) < 0) || copy_parts(&copying, copy, self) < 0)) {
        Py_CLEAR(copy);
    }
    Py_XDECREF(copying.scope.memo);
    return (PyObject *)copy;
}

PyObject *
cps_event_copy(CpsState *state, PyObject *event)
{
    PyObject *deepcopy, *copy;

    if (copies_plainly(state, Py_TYPE(event))) {
        return copy_event(state, event, NULL, false);
    }
    deepcopy = cps_import(&state->deepcopy, "copy", "deepcopy"); /* borrowed */
    copy = deepcopy == NULL ? NULL : PyObject_CallOneArg(deepcopy, event);
    if (copy != NULL && cps_event_check(state, copy) && ((CpsEvent *)copy)->lineage == NULL) {
        ((CpsEvent *)copy)->lineage = cps_lineage_ref(((CpsEvent *)event)->lineage);
    }
    return copy;
}

static bool
payload_is_private(CpsPayload *payload)
{
    return payload == NULL || cps_payload_settle(payload);
}

static bool
value_is_private(PyObject *value)
{
    return value == NULL || cps_private(value, false) || PyExceptionInstance_Check(value);
}

static bool
parts_are_private(const CpsEvent *self)
{
    const CpsHttpPart *http = self->http;

    return payload_is_private(self->payload) && value_is_private(self->dict) && value_is_private(self->meta_id) &&
           value_is_private(self->service) && value_is_private(self->error) &&
           (http == NULL || (payload_is_private(http->headers) && payload_is_private(http->environment) &&
                             value_is_private(http->method)));
}

bool
cps_event_is_private(CpsState *state, PyObject *event)
{
    const CpsEvent *self = (CpsEvent *)event;

    return Py_REFCNT(event) == 1 && self->weakrefs == NULL && copies_plainly(state, Py_TYPE(event)) &&
           Py_TYPE(event)->tp_basicsize == (Py_ssize_t)sizeof(CpsEvent) && parts_are_private(self);
}

PyObject *
cps_event_copy_leniently(CpsState *state, PyObject *event)
{
    return copy_event(state, event, NULL, true);
}

PyObject *
cps_event_clone(PyObject *event, PyObject *unused)
{
    return cps_event_copy(cps_state_of(event), event);
}

/* ---- __deepcopy__ and __copy__ ---- */

/* Make the object that a __reduce_ex__ result describes; with `memo` (not NULL) from deep copies of its parts. New, or NULL. */
static PyObject *
rebuild(CpsState *state, PyObject *event, PyObject *reduced, PyObject *memo)
{
    PyObject *deepcopy = cps_import(&state->deepcopy, "copy", "deepcopy"); /* borrowed */
    PyObject *function, *arguments, *properties = Py_None;                 /* borrowed */
    PyObject *copy, *result;

    if (deepcopy == NULL || !PyArg_ParseTuple(reduced,
                                              "OO!|O;__reduce_ex__ must return a function, its arguments and a "
                                              "state",
                                              &function, &PyTuple_Type, &arguments, &properties)) {
        return NULL;
    }
    copy = PyObject_CallObject(function, arguments);
    if (copy == NULL || properties == Py_None) {
        return copy;
    }
    if (memo != NULL) {
        properties =
            memo_add(memo, event, copy) < 0 ? NULL : PyObject_CallFunctionObjArgs(deepcopy, properties, memo, NULL);
    }
    else {
        Py_INCREF(properties);
    }
    result = properties == NULL ? NULL : PyObject_CallMethodOneArg(copy, state->names.__setstate__, properties);
    Py_XDECREF(properties);
    if (result == NULL) {
        Py_CLEAR(copy);
    }
    Py_XDECREF(result);
    return copy;
}

/* For a class that pickles in its own way. */
static PyObject *
copy_by_state(CpsState *state, PyObject *event, PyObject *memo)
{
    PyObject *error = ((CpsEvent *)event)->error; /* borrowed */
    PyObject *reduced, *copy;

    if (memo != NULL && error != NULL && PyExceptionInstance_Check(error) &&
        memo_add(memo, error, error) < 0) { /* shared, as in every copy */
        return NULL;
    }
    reduced = PyObject_CallMethod(event, "__reduce_ex__", "i", 4);
    if (reduced == NULL) {
        return NULL;
    }
    copy = rebuild(state, event, reduced, memo);
    Py_DECREF(reduced);
    return copy;
}

PyObject *
cps_event_deepcopy_method(PyObject *event, PyObject *memo)
{
    CpsState *state = cps_state_of(event);

    if (!PyDict_Check(memo)) {
        return PyErr_Format(PyExc_TypeError, "the memo of a deep copy is a dict, not %.200s", Py_TYPE(memo)->tp_name);
    }
    if (!pickles_plainly(state, Py_TYPE(event))) {
        PyErr_Clear();
        return copy_by_state(state, event, memo);
    }
    return copy_event(state, event, memo, false);
}

PyObject *
cps_event_shallow_copy(PyObject *event, PyObject *unused)
{
    CpsState *state = cps_state_of(event);

    if (!pickles_plainly(state, Py_TYPE(event))) {
        PyErr_Clear();
        return copy_by_state(state, event, NULL);
    }
    return cps_event_convert(state, event, Py_TYPE(event));
}
