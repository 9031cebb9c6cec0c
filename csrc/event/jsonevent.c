#include "event/jsonevent.h"

#include "event/errorformat.h"
#include "event/event.h"
#include "event/format.h"
#include "event/http.h"
#include "event/jsonwrite.h"
#include "event/xmldata.h"

/* ---- text ---- */

/* What was written. New, or NULL with an exception set. */
static PyObject *
text_of(const CpsBuffer *ascii)
{
    PyObject *text = PyUnicode_New((Py_ssize_t)ascii->length, 127);

    if (text != NULL) {
        memcpy(PyUnicode_1BYTE_DATA(text), ascii->bytes, ascii->length);
    }
    return text;
}

PyObject *
cps_json_text(CpsState *state, PyObject *value)
{
    CpsBuffer ascii = {0};
    int written = cps_json_write(&ascii, value);
    PyObject *text = written > 0 ? text_of(&ascii) : NULL;

    cps_buffer_free(&ascii);
    if (written == 0) {
        PyObject *dumps = cps_import(&state->json_dumps, "json", "dumps"); /* borrowed */

        text = dumps == NULL ? NULL : PyObject_CallOneArg(dumps, value);
    }
    return text;
}

PyObject *
cps_json_value(CpsState *state, PyObject *text)
{
    PyObject *loads = cps_import(&state->json_loads, "json", "loads"); /* borrowed */

    return loads == NULL ? NULL : PyObject_CallOneArg(loads, text);
}

static PyObject *
json_refuse_constant(PyObject *module, PyObject *name)
{
    return PyErr_Format(PyExc_ValueError, "%U is not JSON", name);
}

static PyMethodDef refuse_constant_def = {"refuse_constant", json_refuse_constant, METH_O, NULL};

/* Make a decoder that refuses NaN and Infinity, once. Returns 0, or -1 with an exception set. */
static int
make_strict_decoder(CpsState *state)
{
    PyObject *decoder_type = NULL;
    PyObject *refuse, *decoder;

    if (state->json_decode != NULL) {
        return 0;
    }
    if (cps_import(&decoder_type, "json", "JSONDecoder") == NULL) {
        return -1;
    }
    refuse = PyCFunction_New(&refuse_constant_def, NULL);
    if (refuse == NULL) {
        Py_DECREF(decoder_type);
        return -1;
    }
    /* JSONDecoder(*, object_hook, parse_float, parse_int, parse_constant, ...) */
    PyObject *arguments[] = {refuse};
    PyObject *names = Py_BuildValue("(s)", "parse_constant");

    decoder = names == NULL ? NULL : PyObject_Vectorcall(decoder_type, arguments, 0, names);
    if (decoder != NULL) {
        Py_XSETREF(state->json_scan, PyObject_GetAttrString(decoder, "scan_once"));
        state->json_decode = state->json_scan == NULL ? NULL : PyObject_GetAttrString(decoder, "decode");
        Py_DECREF(decoder);
    }
    Py_XDECREF(names);
    Py_DECREF(refuse);
    Py_DECREF(decoder_type);
    return state->json_decode == NULL ? -1 : 0;
}

static bool
is_blank(Py_UCS4 c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The first index from `at` on where there is no white space. */
static Py_ssize_t
skip_blanks(PyObject *text, Py_ssize_t at)
{
    while (at < PyUnicode_GET_LENGTH(text) && is_blank(PyUnicode_READ_CHAR(text, at))) {
        at++;
    }
    return at;
}

/* What JSONDecoder.decode does, without its way through Python code. New; NULL without an exception for text that is wrong somehow: decode says
 * how; or with one. */
static PyObject *
scan(CpsState *state, PyObject *text)
{
    PyObject *start = PyLong_FromSsize_t(skip_blanks(text, 0)), *pair, *value = NULL;
    PyObject *arguments[] = {text, start};

    if (start == NULL) {
        return NULL;
    }
    pair = PyObject_Vectorcall(state->json_scan, arguments, 2, NULL);
    Py_DECREF(start);
    if (pair == NULL) {
        if (PyErr_ExceptionMatches(PyExc_StopIteration) || PyErr_ExceptionMatches(PyExc_ValueError)) {
            PyErr_Clear();
        }
        return NULL;
    }
    if (skip_blanks(text, PyLong_AsSsize_t(PyTuple_GET_ITEM(pair, 1))) == PyUnicode_GET_LENGTH(text)) {
        value = Py_NewRef(PyTuple_GET_ITEM(pair, 0));
    }
    Py_DECREF(pair);
    return value;
}

/* ---- conversion methods: their `self` is the module ---- */

static PyObject *
json_from_text(PyObject *module, PyObject *text)
{
    CpsState *state = PyModule_GetState(module);
    PyObject *value = make_strict_decoder(state) < 0 || !PyUnicode_CheckExact(text) ? NULL : scan(state, text);

    return value != NULL || PyErr_Occurred() ? value : PyObject_CallOneArg(state->json_decode, text);
}

/* UTF-8 only, where a byte order mark is allowed: UTF-16 and UTF-32 are not interchangeable JSON (RFC 8259, 8.1). */
static PyObject *
json_from_bytes(PyObject *module, PyObject *bytes)
{
    const char *data = PyBytes_AS_STRING(bytes);
    Py_ssize_t length = PyBytes_GET_SIZE(bytes);
    bool mark = length >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0;
    PyObject *text = PyUnicode_DecodeUTF8(data + (mark ? 3 : 0), length - (mark ? 3 : 0), "strict");
    PyObject *value = text == NULL ? NULL : json_from_text(module, text);

    Py_XDECREF(text);
    return value;
}

static PyObject *
json_from_value(PyObject *module, PyObject *value)
{
    return cps_json_copy(PyModule_GetState(module), value);
}

static PyObject *
json_from_none(PyObject *module, PyObject *none)
{
    return PyDict_New();
}

static PyObject *
json_from_element(PyObject *module, PyObject *value)
{
    return cps_xml_element_data(PyModule_GetState(module), value);
}

static PyMethodDef from_text_def = {"json_from_text", json_from_text, METH_O,
                                    "json_from_text(text, /)\n--\n\nWhat a JSON text holds."};
static PyMethodDef from_bytes_def = {"json_from_bytes", json_from_bytes, METH_O,
                                     "json_from_bytes(text, /)\n--\n\nWhat UTF-8 JSON text holds."};
static PyMethodDef from_value_def = {
    "json_from_value", json_from_value, METH_O,
    "json_from_value(value, /)\n--\n\nA copy as json.dumps and json.loads would make it."};
static PyMethodDef from_none_def = {"json_from_none", json_from_none, METH_O,
                                    "json_from_none(data, /)\n--\n\nAn empty dict."};
static PyMethodDef from_element_def = {"json_from_element", json_from_element, METH_O,
                                       "json_from_element(element, /)\n--\n\n"
                                       "The data of an lxml element or element tree, as xmltodict.parse gives it."};

bool
cps_json_is_conversion(PyObject *function)
{
    PyCFunction const ours[] = {json_from_text, json_from_bytes, json_from_value, json_from_none, json_from_element};

    for (size_t i = 0; PyCFunction_Check(function) && i < Py_ARRAY_LENGTH(ours); i++) {
        if (PyCFunction_GET_FUNCTION(function) == ours[i]) {
            return true;
        }
    }
    return false;
}

static PyObject *
json_conversions(PyObject *module)
{
    CpsState *state = PyModule_GetState(module);
    PyObject *methods = PyDict_New();

    if (methods != NULL &&
        (cps_format_add_conversion(methods, (PyObject *)&PyUnicode_Type, &from_text_def, module) < 0 ||
         cps_format_add_conversion(methods, (PyObject *)&PyBytes_Type, &from_bytes_def, module) < 0 ||
         cps_format_add_conversion(methods, (PyObject *)&PyDict_Type, &from_value_def, module) < 0 ||
         cps_format_add_conversion(methods, (PyObject *)&PyODict_Type, &from_value_def, module) < 0 ||
         cps_format_add_conversion(methods, (PyObject *)&PyList_Type, &from_value_def, module) < 0 ||
         cps_format_add_conversion(methods, (PyObject *)Py_TYPE(Py_None), &from_none_def, module) < 0 ||
         cps_format_add_conversion(methods, state->element_class, &from_element_def, module) < 0 ||
         cps_format_add_conversion(methods, state->tree_class, &from_element_def, module) < 0)) {
        Py_CLEAR(methods);
    }
    return methods;
}

/* ---- _JSONFormatInterface ---- */

static PyObject *
json_data_string(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    CpsState *state = cps_state_of(self);
    CpsPayload *payload;

    if (!cps_event_check(state, self)) {
        return PyErr_Format(PyExc_TypeError, "%s is not an event", Py_TYPE(self)->tp_name);
    }
    payload = ((CpsEvent *)self)->payload;
    return cps_json_text(state, payload == NULL ? Py_None : payload->value);
}

bool
cps_json_writes_data(CpsState *state, PyObject *event)
{
    return cps_method_is(Py_TYPE(event), state->names.data_string, json_data_string);
}

static PyObject *
json_error_string(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return cps_errors_as_json(cps_state_of(self), self);
}

static PyMethodDef json_format_methods[] = {
    {"data_string", json_data_string, METH_NOARGS,
     "data_string($self)\n--\n\nThe data as JSON text, as by json.dumps. Raises TypeError for data "
     "that\n"
     "JSON cannot express."},
    {"error_string", json_error_string, METH_NOARGS,
     "error_string($self)\n--\n\nThe formatted error as JSON text, or None without an error."},
    {NULL},
};

static PyType_Slot json_format_slots[] = {
    {Py_tp_doc, "The JSON format: data is what json.loads gives."},
    {Py_tp_methods, json_format_methods},
    {0, NULL},
};

static PyType_Spec json_format_spec = {
    .name = "compysition.event._JSONFormatInterface",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = json_format_slots,
};

static int
json_format_setup(PyObject *module, CpsState *state)
{
    PyTypeObject *type;

    if (cps_add_type(module, &state->types.JSONFormatInterface, &json_format_spec,
                     (PyObject *)state->types.DataFormatInterface) < 0) {
        return -1;
    }
    type = state->types.JSONFormatInterface;
    state->json_conversions = json_conversions(module);
    return state->json_conversions == NULL ||
                   PyObject_SetAttr((PyObject *)type, state->names.conversion_methods, state->json_conversions) < 0 ||
                   cps_format_set_text(type, "content_type", "application/json") < 0 ||
                   PyModule_AddObjectRef(module, "_JSONFormatInterface", (PyObject *)type) < 0
               ? -1
               : 0;
}

/* ---- JSONEvent, JSONHttpEvent ---- */

PyDoc_STRVAR(jsonevent_doc, "JSONEvent(meta_id=None, service=None, data=None, *args, **attributes)\n--\n\n"
                            "An event whose data is JSON: str and UTF-8 bytes are parsed, dict and list are copied as\n"
                            "json.dumps and json.loads would, None becomes {}. Anything else is refused.");

PyDoc_STRVAR(jsonhttpevent_doc,
             "JSONHttpEvent(headers=None, status=(200, 'OK'), environment=None, *args, **attributes)\n--\n\n"
             "A JSONEvent that came over HTTP; see HttpEvent for the arguments.");

/* No constructors: __init__ must be found along the order of the bases, in JSONHttpEvent and in user classes. */
static PyType_Slot jsonevent_slots[] = {
    {Py_tp_doc, (void *)jsonevent_doc},
    {Py_tp_traverse, cps_event_traverse},
    {Py_tp_clear, cps_event_clear},
    {Py_tp_dealloc, cps_event_dealloc},
    {0, NULL},
};

static PyType_Spec jsonevent_spec = {
    .name = "compysition.event.JSONEvent",
    .basicsize = sizeof(CpsEvent),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = jsonevent_slots,
};

static PyType_Slot jsonhttpevent_slots[] = {
    {Py_tp_doc, (void *)jsonhttpevent_doc},
    {Py_tp_traverse, cps_event_traverse},
    {Py_tp_clear, cps_event_clear},
    {Py_tp_dealloc, cps_event_dealloc},
    {0, NULL},
};

static PyType_Spec jsonhttpevent_spec = {
    .name = "compysition.event.JSONHttpEvent",
    .basicsize = sizeof(CpsEvent),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = jsonhttpevent_slots,
};

int
cps_jsonevent_setup(PyObject *module, CpsState *state)
{
    return json_format_setup(module, state) < 0 ||
                   cps_format_add_type(module, &state->types.JSONEvent, &jsonevent_spec,
                                       state->types.JSONFormatInterface, state->types.Event) < 0 ||
                   cps_format_add_type(module, &state->types.JSONHttpEvent, &jsonhttpevent_spec, state->types.JSONEvent,
                                       state->types.HttpEvent) < 0
               ? -1
               : 0;
}
