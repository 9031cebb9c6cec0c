#include "event/event.h"
#include "event/eventstate.h"
#include "event/format.h"
#include "event/http.h"
#include "event/logevent.h"
#include "xml/dict.h"

/* ---- the class of the result ---- */

/* The nearest HttpEvent among the subclasses of `type`: the class with its format and the other transport. New; NULL without an
 * exception when there is none, or with one set. */
static PyTypeObject *
find_http_twin(CpsState *state, PyTypeObject *type)
{
    PyObject *queue = PyList_New(0);
    PyTypeObject *twin = NULL;
    int err = queue == NULL ? -1 : PyList_Append(queue, (PyObject *)type);

    for (Py_ssize_t i = 0; err == 0 && i < PyList_GET_SIZE(queue); i++) {
        PyObject *candidate = PyList_GET_ITEM(queue, i);
        PyObject *subclasses;

        if (PyType_IsSubtype((PyTypeObject *)candidate, state->types.HttpEvent)) {
            twin = (PyTypeObject *)Py_NewRef(candidate);
            break;
        }
        subclasses = PyObject_CallMethodNoArgs(candidate, state->names.__subclasses__);
        err = subclasses == NULL ? -1 : PyList_SetSlice(queue, PY_SSIZE_T_MAX, PY_SSIZE_T_MAX, subclasses);
        Py_XDECREF(subclasses);
    }
    Py_XDECREF(queue);
    return twin;
}

/* What an event of class `from` becomes when `to` is asked for. New, or NULL with an exception set. */
static PyTypeObject *
result_class(CpsState *state, PyTypeObject *from, PyTypeObject *to)
{
    PyTypeObject *result = NULL;

    if (PyType_IsSubtype(to, from)) {
        return (PyTypeObject *)Py_NewRef(to);
    }
    if (!PyType_IsSubtype(from, to) && PyType_IsSubtype(to, state->types.Event)) {
        bool keeps_transport =
            PyType_IsSubtype(to, state->types.HttpEvent) || !PyType_IsSubtype(from, state->types.HttpEvent);

        result = keeps_transport ? (PyTypeObject *)Py_NewRef(to) : find_http_twin(state, to);
    }
    if (result == NULL && !PyErr_Occurred()) {
        cps_raise(state, CPS_INVALID_EVENT_CONVERSION,
                  "Narrowing event conversion attempted, this is not allowed <Attempted %S -> %S>", from, to);
    }
    return result;
}

/* ---- attributes ---- */

static int
share_attributes(CpsState *state, CpsEvent *to, CpsEvent *from)
{
    PyObject *names = cps_event_slot_names(state, (PyObject *)from);
    PyObject *iterator = names == NULL ? NULL : PyObject_GetIter(names);
    PyObject *name, *value;
    int result = 0;

    Py_XDECREF(names);
    if (iterator == NULL || (from->dict != NULL && (to->dict = PyDict_Copy(from->dict)) == NULL)) {
        Py_XDECREF(iterator);
        return -1;
    }
    while (result == 0 && (name = PyIter_Next(iterator)) != NULL) {
        result = PyObject_GetOptionalAttr((PyObject *)from, name, &value);
        result = result > 0 ? PyObject_SetAttr((PyObject *)to, name, value) : result;
        Py_XDECREF(value);
        Py_DECREF(name);
    }
    Py_DECREF(iterator);
    return result < 0 || PyErr_Occurred() ? -1 : 0;
}

static void
share_identity(CpsEvent *to, CpsEvent *from)
{
    memcpy(to->raw_id, from->raw_id, sizeof(to->raw_id));
    to->created_us = from->created_us;
    to->event_id = Py_XNewRef(from->event_id);
    to->meta_id = Py_XNewRef(from->meta_id);
    to->service = Py_XNewRef(from->service);
    to->created = Py_XNewRef(from->created);
    to->error = Py_XNewRef(from->error);
    to->lineage = cps_lineage_ref(from->lineage);
}

/* An event that had no HTTP part gets the defaults, but attributes of the same names become the part's, and an error that it
 * already has sets the status as it would have been set. */
static int
gain_http(CpsState *state, CpsEvent *to)
{
    PyObject *const names[] = {state->names.headers, state->names.environment, state->names.method,
                               state->names.status};
    PyObject *value;

    for (size_t i = 0; to->dict != NULL && i < Py_ARRAY_LENGTH(names); i++) {
        int result = PyDict_GetItemRef(to->dict, names[i], &value);

        if (result > 0) {
            result = PyDict_DelItem(to->dict, names[i]) < 0 ? -1 : PyObject_SetAttr((PyObject *)to, names[i], value);
            Py_DECREF(value);
        }
        if (result < 0) {
            return -1;
        }
    }
    return to->error == NULL ? 0 : cps_http_apply_error(state, (PyObject *)to, to->error);
}

/* The fields of a log record become plain attributes of an event that is none. */
static int
lose_log(CpsState *state, CpsEvent *to, PyObject *from)
{
    PyObject *const names[] = {state->names.id, state->names.level, state->names.time, state->names.origin_actor,
                               state->names.message};

    for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++) {
        PyObject *value = PyObject_GetAttr(from, names[i]);
        int result = value == NULL ? -1 : PyObject_SetAttr((PyObject *)to, names[i], value);

        Py_XDECREF(value);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

static int
share_parts(CpsState *state, CpsEvent *to, CpsEvent *from)
{
    bool from_http = PyObject_TypeCheck((PyObject *)from, state->types.HttpEvent);
    bool to_http = PyObject_TypeCheck((PyObject *)to, state->types.HttpEvent);
    bool from_log = PyObject_TypeCheck((PyObject *)from, state->types.LogEvent);
    bool to_log = PyObject_TypeCheck((PyObject *)to, state->types.LogEvent);

    if (to_http && (from_http ? cps_http_alias(state, to, from) : gain_http(state, to)) < 0) {
        return -1;
    }
    if (to_log && !from_log) {
        return cps_log_describe(state, to, (PyObject *)from);
    }
    if (to_log && from->log != NULL) {
        to->log = cps_log_part_copy(from->log);
        return to->log == NULL ? -1 : 0;
    }
    return from_log && !to_log ? lose_log(state, to, (PyObject *)from) : 0;
}

/* ---- data ---- */

/* The data of `from`, which is XML, as JSON. */
static int
convert_xml_to_json(CpsState *state, CpsEvent *to, CpsEvent *from)
{
    CpsXmlDocument *document = cps_payload_document(state, from->payload);
    PyObject *data = cps_xml_to_data(state, &document);
    int result = data == NULL ? -1 : cps_event_store_data(state, (PyObject *)to, data);

    if (data == NULL) {
        cps_format_raise(state);
    }
    Py_XDECREF(data);
    return result;
}

static int
convert_data(CpsState *state, CpsEvent *to, CpsEvent *from)
{
    CpsDataKind kind = from->payload == NULL ? CPS_DATA_VALUE : (CpsDataKind)from->payload->kind;
    bool to_json = cps_format_is(state, (PyObject *)to, state->json_conversions);
    bool to_xml = cps_format_is(state, (PyObject *)to, state->xml_conversions);
    PyObject *data;
    int result;

    if ((kind == CPS_DATA_JSON && to_json) || (kind == CPS_DATA_XML && to_xml)) {
        to->payload = cps_payload_share(state, from->payload);
        return to->payload == NULL ? -1 : 0;
    }
    if (kind == CPS_DATA_JSON && to_xml) {
        return cps_event_assign_data(state, (PyObject *)to, from->payload->value);
    }
    if (kind == CPS_DATA_XML && to_json) {
        return convert_xml_to_json(state, to, from);
    }
    data = PyObject_GetAttr((PyObject *)from, state->names.data);
    result = data == NULL ? -1 : PyObject_SetAttr((PyObject *)to, state->names.data, data);
    Py_XDECREF(data);
    return result;
}

/* ---- conversion ---- */

PyObject *
cps_event_recast(CpsState *state, PyObject *event, PyTypeObject *type)
{
    CpsEvent *from = (CpsEvent *)event;
    CpsEvent *to = (CpsEvent *)cps_event_alloc(state, type);

    if (to == NULL) {
        return NULL;
    }
    share_identity(to, from);
    if (share_attributes(state, to, from) < 0 || share_parts(state, to, from) < 0) {
        Py_CLEAR(to);
    }
    return (PyObject *)to;
}

/* The event of another class, without data. New, or NULL with an exception set. */
static CpsEvent *
convert_all_but_data(CpsState *state, CpsEvent *from, PyTypeObject *cls)
{
    PyTypeObject *type = result_class(state, Py_TYPE(from), cls);
    PyObject *to = type == NULL ? NULL : cps_event_recast(state, (PyObject *)from, type);

    Py_XDECREF(type);
    return (CpsEvent *)to;
}

PyObject *
cps_event_convert(CpsState *state, PyObject *event, PyTypeObject *cls)
{
    CpsEvent *to = convert_all_but_data(state, (CpsEvent *)event, cls);

    if (to != NULL && convert_data(state, to, (CpsEvent *)event) < 0) {
        Py_CLEAR(to);
    }
    return (PyObject *)to;
}

PyObject *
cps_event_convert_unparsed(CpsState *state, PyObject *event, PyTypeObject *cls, PyObject **text)
{
    CpsPayload *payload = ((CpsEvent *)event)->payload;
    CpsEvent *to;

    if (payload == NULL || !(PyUnicode_CheckExact(payload->value) || PyBytes_CheckExact(payload->value)) ||
        cps_format_of(state, cls) != CPS_FORMAT_XML ||
        !cps_method_is(Py_TYPE(event), state->names.convert, _PyCFunction_CAST(cps_event_convert_method))) {
        return NULL;
    }
    to = convert_all_but_data(state, (CpsEvent *)event, cls);
    if (to != NULL && !cps_format_is(state, (PyObject *)to, state->xml_conversions)) {
        Py_CLEAR(to);
    }
    else if (to != NULL) {
        *text = Py_NewRef(payload->value);
    }
    PyErr_Clear(); /* converting as usual will meet it again */
    return (PyObject *)to;
}

PyObject *
cps_event_call_convert(CpsState *state, PyObject *event, PyTypeObject *cls)
{
    PyObject *converted = PyObject_CallMethodOneArg(event, state->names.convert, (PyObject *)cls);

    if (converted != NULL && !cps_event_check(state, converted)) {
        PyErr_Format(PyExc_TypeError, "convert() must return an event, not %s", Py_TYPE(converted)->tp_name);
        Py_CLEAR(converted);
    }
    if (converted != NULL && ((CpsEvent *)converted)->lineage == NULL) {
        ((CpsEvent *)converted)->lineage = cps_lineage_ref(((CpsEvent *)event)->lineage);
    }
    return converted;
}
