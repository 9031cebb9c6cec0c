#include "event/xmldata.h"

#include "event/event.h"
#include "event/format.h"
#include "event/xmlparser.h"
#include "xml/dict.h"
#include "xml/lxml.h"
#include "xml/text.h"

/* ---- data of events ---- */

CpsXmlDocument *
cps_event_document(CpsState *state, PyObject *event)
{
    CpsPayload *payload = ((CpsEvent *)event)->payload;
    CpsXmlDocument *document = payload == NULL ? NULL : cps_payload_document(state, payload);

    if (document == NULL && !PyErr_Occurred()) {
        PyObject *type = (PyObject *)Py_TYPE(payload == NULL ? Py_None : payload->value);

        cps_raise(state, CPS_MALFORMED_EVENT_DATA, "Data of type '%S' is not XML", type);
    }
    return document;
}

CpsXmlDocument *
cps_event_document_to_read(CpsState *state, PyObject *event)
{
    CpsPayload *payload = ((CpsEvent *)event)->payload;
    CpsXmlDocument *document;
    PyObject *element;

    if (payload == NULL || payload->kind != CPS_DATA_XML || !payload->exposed) {
        return cps_event_document(state, event);
    }
    element = Py_NewRef(payload->value);
    document = cps_lxml_document(state, element);
    Py_DECREF(element);
    return document;
}

CpsXmlDocument *
cps_event_take_document(CpsState *state, PyObject *event)
{
    CpsXmlDocument *document = cps_event_document(state, event);
    CpsPayload *payload = ((CpsEvent *)event)->payload;
    CpsXmlDocument *copy;
    bool too_deep;

    if (document == NULL) {
        return NULL;
    }
    if (payload != NULL && Py_REFCNT(payload) == 1 && payload->document == document && document->references == 2 &&
        document->release == NULL) {
        Py_CLEAR(((CpsEvent *)event)->payload);
        return document;
    }
    copy = cps_xml_document_copy(cps_xml_document_root(document), &too_deep);
    cps_xml_document_unref(&document);
    if (copy == NULL) {
        return cps_xml_raise_copy(too_deep);
    }
    Py_CLEAR(((CpsEvent *)event)->payload);
    return copy;
}

int
cps_event_set_document(CpsState *state, PyObject *event, CpsXmlDocument **document_p)
{
    CpsPayload *payload = cps_payload_from_document(state, document_p);

    if (payload == NULL) {
        return -1;
    }
    Py_XSETREF(((CpsEvent *)event)->payload, payload);
    return 0;
}

PyObject *
cps_event_xml_text(CpsState *state, PyObject *event, bool formatted)
{
    CpsPayload *payload = ((CpsEvent *)event)->payload;
    int form = formatted && payload != NULL && payload->indented ? CPS_XML_PRETTY : 0;
    CpsXmlDocument *document = NULL;
    PyObject *text;

    if (payload == NULL || payload->kind != CPS_DATA_XML) {
        return PyObject_Str(payload == NULL ? Py_None : payload->value);
    }
    document = cps_event_document_to_read(state, event);
    text = document == NULL ? NULL : cps_xml_to_text(cps_xml_document_root(document), CPS_XML_ASCII | form);
    cps_xml_document_unref(&document);
    return text;
}

/* ---- assigned data ---- */

/* Parse a text as the class of `event` (or NULL) allows. New, or NULL with an exception set. */
static CpsXmlDocument *
document_from_text(CpsState *state, PyObject *event, PyObject *text)
{
    PyObject *parser = event == NULL ? Py_NewRef(Py_None) : cps_xmlparser_of(state, event);
    CpsXmlDocument *document = parser == NULL ? NULL : cps_xml_from_text(text, cps_xmlparser_rules(parser));

    Py_XDECREF(parser);
    return document;
}

/* The document that `value` is the text or the data of. New, or NULL with an exception set. */
static CpsXmlDocument *
document_from(CpsState *state, PyObject *event, PyObject *value)
{
    if (PyUnicode_Check(value) || PyBytes_Check(value)) {
        return document_from_text(state, event, value);
    }
    if (value == Py_None) {
        return cps_xml_from_item(state, state->names.root, Py_None, true);
    }
    if (PyDict_Check(value) || PyList_Check(value)) {
        return cps_xml_from_data(state, value, false);
    }
    PyErr_Format(PyExc_TypeError, "%.200s is neither XML nor data for it", Py_TYPE(value)->tp_name);
    return NULL;
}

/* The element that an lxml element or element tree stands for: new; NULL without an exception for any other value. */
static PyObject *
element_of(PyObject *value)
{
    if (cps_lxml_is_element(value)) {
        return Py_NewRef(value);
    }
    return cps_lxml_is_tree(value) ? cps_lxml_tree_root(value) : NULL;
}

CpsPayload *
cps_xml_payload(CpsState *state, PyObject *event, PyObject *value)
{
    PyObject *element = element_of(value);
    CpsXmlDocument *document;

    if (element != NULL) {
        CpsPayload *payload = cps_payload_new(state, element, CPS_DATA_XML);

        Py_DECREF(element);
        return payload;
    }
    document = PyErr_Occurred() ? NULL : document_from(state, event, value);
    return document == NULL ? NULL : cps_payload_from_document(state, &document);
}

PyObject *
cps_xml_element_data(CpsState *state, PyObject *value)
{
    PyObject *element = element_of(value);
    CpsXmlDocument *document = element == NULL ? NULL : cps_lxml_document(state, element);
    PyObject *data = cps_xml_to_data(state, &document);

    Py_XDECREF(element);
    return data;
}

/* ---- conversion methods: their `self` is the module ---- */

static PyObject *
xml_from_data(PyObject *module, PyObject *data)
{
    CpsState *state = PyModule_GetState(module);
    CpsPayload *payload = cps_xml_payload(state, NULL, data);
    PyObject *element = payload == NULL ? NULL : cps_payload_expose(state, &payload);

    Py_XDECREF(payload);
    return element;
}

static PyMethodDef from_data_def = {"xml_from_data", xml_from_data, METH_O,
                                    "xml_from_data(data, /)\n--\n\nThe lxml element of XML text, a dict or a list."};

bool
cps_xml_is_conversion(PyObject *function)
{
    return PyCFunction_Check(function) && PyCFunction_GET_FUNCTION(function) == xml_from_data;
}

PyObject *
cps_xml_conversions(PyObject *module, CpsState *state)
{
    PyObject *const types[] = {
        (PyObject *)&PyUnicode_Type, (PyObject *)&PyBytes_Type,    (PyObject *)&PyDict_Type, (PyObject *)&PyODict_Type,
        (PyObject *)&PyList_Type,    (PyObject *)Py_TYPE(Py_None), state->element_class,     state->tree_class,
    };
    PyObject *methods = PyDict_New();

    for (size_t i = 0; methods != NULL && i < Py_ARRAY_LENGTH(types); i++) {
        if (cps_format_add_conversion(methods, types[i], &from_data_def, module) < 0) {
            Py_CLEAR(methods);
        }
    }
    return methods;
}
