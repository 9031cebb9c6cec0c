#include "event/xmlevent.h"

#include "event/errorformat.h"
#include "event/event.h"
#include "event/format.h"
#include "event/xmldata.h"
#include "event/xmlparser.h"
#include "xml/dict.h"
#include "xml/lxml.h"
#include "xml/standin.h"
#include "xml/text.h"

#include <libxml/parser.h>

/* ---- errors ---- */

static int
set_text(PyObject *entry, PyObject *name, PyObject *value)
{
    PyObject *text = cps_xml_allowed_text(value);
    int result = text == NULL ? -1 : PyDict_SetItem(entry, name, text);

    Py_XDECREF(text);
    return result;
}

/* {"message": text, "code": text}; `code` may be None. New, or NULL. */
static PyObject *
error_entry(CpsState *state, PyObject *message, PyObject *code)
{
    PyObject *entry = PyDict_New();

    if (entry != NULL && (set_text(entry, state->names.message, message) < 0 ||
                          (code != Py_None && set_text(entry, state->names.code, code) < 0))) {
        Py_CLEAR(entry);
    }
    return entry;
}

/* {"error": [entry, ...]}. New, or NULL. */
static PyObject *
error_entries(CpsState *state, PyObject *error)
{
    PyObject *entries = cps_error_messages(state, error);
    PyObject *content = PyDict_New(), *code;
    int result = PyObject_GetOptionalAttr(error, state->names.code, &code);

    if (code == NULL && result >= 0) {
        code = Py_NewRef(Py_None);
    }
    if (entries == NULL || code == NULL) {
        result = -1;
    }
    for (Py_ssize_t i = 0; result >= 0 && i < PyList_GET_SIZE(entries); i++) {
        PyObject *entry = error_entry(state, PyList_GET_ITEM(entries, i), code);

        result = entry == NULL ? -1 : PyList_SetItem(entries, i, entry); /* steals */
    }
    if (content != NULL && (result < 0 || PyDict_SetItem(content, state->names.error, entries) < 0)) {
        Py_CLEAR(content);
    }
    Py_XDECREF(code);
    Py_XDECREF(entries);
    return content;
}

/* The errors of `event` as a document. New; NULL without an error, or with an exception set. */
static CpsXmlDocument *
error_document(CpsState *state, PyObject *event)
{
    PyObject *error = PyObject_GetAttr(event, state->names.error);
    PyObject *content = error == NULL || error == Py_None ? NULL : error_entries(state, error);
    CpsXmlDocument *document = content == NULL ? NULL : cps_xml_from_item(state, state->names.errors, content, true);

    Py_XDECREF(content);
    Py_XDECREF(error);
    return document;
}

/* `document` as pretty text, or None without one when no exception is set. Takes *document_p. */
static PyObject *
pretty_text(CpsXmlDocument **document_p)
{
    PyObject *text;

    if (*document_p == NULL) {
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    }
    text = cps_xml_to_text(cps_xml_document_root(*document_p), CPS_XML_PRETTY | CPS_XML_ASCII);
    cps_xml_document_unref(document_p);
    return text;
}

/* ---- _XMLFormatInterface ---- */

static bool
is_event(PyObject *self)
{
    if (!cps_event_check(cps_state_of(self), self)) {
        PyErr_Format(PyExc_TypeError, "%s is not an event", Py_TYPE(self)->tp_name);
        return false;
    }
    return true;
}

static PyObject *
xml_data_string(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return is_event(self) ? cps_event_xml_text(cps_state_of(self), self, true) : NULL;
}

static PyObject *
xml_format_error(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    CpsState *state = cps_state_of(self);
    CpsXmlDocument *document = is_event(self) ? error_document(state, self) : NULL;
    PyObject *element;

    if (document == NULL) {
        return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    }
    element = cps_lxml_element(state, &document);
    cps_xml_document_unref(&document);
    return element;
}

/* What a subclass's format_error returned, as text. */
static PyObject *
formatted_text(CpsState *state, PyObject *formatted)
{
    CpsXmlDocument *document;

    if (formatted == Py_None) {
        Py_RETURN_NONE;
    }
    if (!cps_lxml_is_element(formatted)) {
        return PyObject_Str(formatted);
    }
    document = cps_lxml_document(state, formatted);
    return pretty_text(&document);
}

static PyObject *
xml_error_string(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    CpsState *state = cps_state_of(self);
    CpsXmlDocument *document;
    PyObject *formatted, *text;

    if (!is_event(self)) {
        return NULL;
    }
    if (cps_method_is(Py_TYPE(self), state->names.format_error, xml_format_error)) {
        document = error_document(state, self);
        return pretty_text(&document);
    }
    formatted = PyObject_CallMethodNoArgs(self, state->names.format_error);
    text = formatted == NULL ? NULL : formatted_text(state, formatted);
    Py_XDECREF(formatted);
    return text;
}

static PyMethodDef xml_format_methods[] = {
    {"data_string", xml_data_string, METH_NOARGS,
     "data_string($self)\n--\n\n"
     "The element as text without an XML declaration; other than ASCII characters in texts and\n"
     "attributes are decimal references."},
    {"format_error", xml_format_error, METH_NOARGS,
     "format_error($self)\n--\n\n"
     "None without an error, else an element <errors> with an <error> for each message. Each has\n"
     "a <message>, and a <code> when the error has one."},
    {"error_string", xml_error_string, METH_NOARGS,
     "error_string($self)\n--\n\nThe formatted error as indented text, or None without an error."},
    {NULL},
};

static PyType_Slot xml_format_slots[] = {
    {Py_tp_doc, "The XML format: data is an lxml element."},
    {Py_tp_methods, xml_format_methods},
    {0, NULL},
};

static PyType_Spec xml_format_spec = {
    .name = "compysition.event._XMLFormatInterface",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = xml_format_slots,
};

static int
xml_format_setup(PyObject *module, CpsState *state)
{
    PyTypeObject *type;

    if (cps_add_type(module, &state->types.XMLFormatInterface, &xml_format_spec,
                     (PyObject *)state->types.DataFormatInterface) < 0) {
        return -1;
    }
    type = state->types.XMLFormatInterface;
    state->xml_conversions = cps_xml_conversions(module, state);
    return state->xml_conversions == NULL ||
                   PyObject_SetAttr((PyObject *)type, state->names.conversion_methods, state->xml_conversions) < 0 ||
                   PyObject_SetAttr((PyObject *)type, state->names.xml_parser, Py_None) < 0 ||
                   cps_format_set_text(type, "content_type", "application/xml") < 0 ||
                   PyModule_AddObjectRef(module, "_XMLFormatInterface", (PyObject *)type) < 0
               ? -1
               : 0;
}

/* ---- functions of compysition.event ---- */

static PyObject *
internal_xmlify(PyObject *module, PyObject *data)
{
    return cps_xml_wrap(PyModule_GetState(module), data);
}

static PyObject *
remove_internal_xmlify(PyObject *module, PyObject *data)
{
    return cps_xml_unwrap(PyModule_GetState(module), data);
}

static PyObject *
is_markup(PyObject *module, PyObject *text)
{
    int markup;

    if (!PyUnicode_Check(text)) {
        return PyErr_Format(PyExc_TypeError, "the text must be str, not %.200s", Py_TYPE(text)->tp_name);
    }
    markup = cps_xml_is_markup(text);
    return markup < 0 ? NULL : PyBool_FromLong(markup);
}

static PyMethodDef data_functions[] = {
    {"internal_xmlify", internal_xmlify, METH_O,
     "internal_xmlify(data, /)\n--\n\n"
     "The data in as many envelopes, {'jsonified_envelope': data}, as XML needs to have one root:\n"
     "around a list, a dict of several items, and a dict whose only value is a list."},
    {"remove_internal_xmlify", remove_internal_xmlify, METH_O,
     "remove_internal_xmlify(data, /)\n--\n\nThe data without its envelopes."},
    {"_is_markup", is_markup, METH_O,
     "_is_markup(text, /)\n--\n\n"
     "Whether text in data becomes markup: one complete XML document, without a declaration or a\n"
     "document type."},
    {NULL},
};

/* ---- XMLEvent, XMLHttpEvent ---- */

PyDoc_STRVAR(xmlevent_doc, "XMLEvent(meta_id=None, service=None, data=None, *args, **attributes)\n--\n\n"
                           "An event whose data is an lxml element: str and bytes are parsed, dict and list become\n"
                           "elements as by xmltodict, elements are kept, None becomes <root/>. Anything else is\n"
                           "refused. Parsing reads nothing but the text; external entities are refused, unless the\n"
                           "class attribute xml_parser, an XMLParser, allows more.");

PyDoc_STRVAR(xmlhttpevent_doc,
             "XMLHttpEvent(headers=None, status=(200, 'OK'), environment=None, *args, **attributes)\n--\n\n"
             "An XMLEvent that came over HTTP; see HttpEvent for the arguments.");

/* No constructors: __init__ must be found along the order of the bases, in XMLHttpEvent and in user classes. */
static PyType_Slot xmlevent_slots[] = {
    {Py_tp_doc, (void *)xmlevent_doc},
    {Py_tp_traverse, cps_event_traverse},
    {Py_tp_clear, cps_event_clear},
    {Py_tp_dealloc, cps_event_dealloc},
    {0, NULL},
};

static PyType_Spec xmlevent_spec = {
    .name = "compysition.event.XMLEvent",
    .basicsize = sizeof(CpsEvent),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = xmlevent_slots,
};

static PyType_Slot xmlhttpevent_slots[] = {
    {Py_tp_doc, (void *)xmlhttpevent_doc},
    {Py_tp_traverse, cps_event_traverse},
    {Py_tp_clear, cps_event_clear},
    {Py_tp_dealloc, cps_event_dealloc},
    {0, NULL},
};

static PyType_Spec xmlhttpevent_spec = {
    .name = "compysition.event.XMLHttpEvent",
    .basicsize = sizeof(CpsEvent),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = xmlhttpevent_slots,
};

int
cps_xmlevent_prepare(PyObject *module, CpsState *state)
{
    xmlInitParser(); /* once, before any thread of the pool parses */
    state->text_key = PyUnicode_InternFromString("#text");
    return state->text_key == NULL || cps_lxml_setup(module, state) < 0 || cps_xmlparser_setup(module, state) < 0
               ? -1
               : cps_standin_setup(module, state);
}

int
cps_xmlevent_setup(PyObject *module, CpsState *state)
{
    return xml_format_setup(module, state) < 0 ||
                   cps_format_add_type(module, &state->types.XMLEvent, &xmlevent_spec, state->types.XMLFormatInterface,
                                       state->types.Event) < 0 ||
                   cps_format_add_type(module, &state->types.XMLHttpEvent, &xmlhttpevent_spec, state->types.XMLEvent,
                                       state->types.HttpEvent) < 0 ||
                   PyModule_AddFunctions(module, data_functions) < 0
               ? -1
               : 0;
}
