/* PropertiesToXML: the attributes of an event become XML, in place of its data. */
#include "actors/dicttoxml.h"
#include "event/eventstate.h"
#include "xml/dict.h"
#include "xml/name.h"
#include "xml/text.h"

/* --- attributes as data that XML can express ------------------------------------------------------------------------------ */

static PyObject *describe(PyObject *value, int depth);

/* Whether `key` has its meaning by the conventions of xmltodict: '#text', or '@' and the name of an attribute. */
static bool
is_convention(PyObject *key, PyObject *value)
{
    PyObject *name;
    bool found;

    if (!PyUnicode_Check(key) || PyDict_Check(value) || PyList_Check(value) || PyTuple_Check(value)) {
        return false;
    }
    if (PyUnicode_CompareWithASCIIString(key, "#text") == 0) {
        return true;
    }
    if (PyUnicode_GET_LENGTH(key) == 0 || PyUnicode_READ_CHAR(key, 0) != '@') {
        return false;
    }
    name = PyUnicode_Substring(key, 1, PyUnicode_GET_LENGTH(key));
    found = name != NULL && cps_xml_is_name(name) && PyUnicode_CompareWithASCIIString(name, "xmlns") != 0;
    Py_XDECREF(name);
    PyErr_Clear();
    return found;
}

static PyObject *
describe_dict(PyObject *dict, int depth)
{
    PyObject *items = PyDict_Items(dict); /* str() may run code that changes the dict */
    PyObject *described = items == NULL ? NULL : PyDict_New();
    int result = described == NULL ? -1 : 0;

    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(items); i++) {
        PyObject *key = PyTuple_GET_ITEM(PyList_GET_ITEM(items, i), 0);   /* borrowed */
        PyObject *value = PyTuple_GET_ITEM(PyList_GET_ITEM(items, i), 1); /* borrowed */
        PyObject *name = is_convention(key, value) ? Py_NewRef(key) : cps_xml_name(key);

        result = cps_xml_push(&described, name, name == NULL ? NULL : describe(value, depth + 1));
    }
    Py_XDECREF(items);
    if (result < 0) {
        Py_CLEAR(described);
    }
    return described;
}

static PyObject *
describe_items(PyObject *sequence, int depth)
{
    PyObject *described = PySequence_List(sequence);

    for (Py_ssize_t i = 0; described != NULL && i < PyList_GET_SIZE(described); i++) {
        PyObject *item = PyList_GET_ITEM(described, i); /* borrowed */
        bool nested = PyList_Check(item) || PyTuple_Check(item);
        PyObject *value = nested ? cps_xml_allowed_text(item) : describe(item, depth);

        if (value == NULL) {
            Py_CLEAR(described);
        }
        else {
            (void)PyList_SetItem(described, i, value); /* steals */
        }
    }
    return described;
}

static PyObject *
describe_bytes(PyObject *bytes)
{
    PyObject *text = PyUnicode_DecodeUTF8(PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes), "replace");

    if (text != NULL) {
        Py_SETREF(text, cps_xml_allowed_text(text));
    }
    return text;
}

/* What becomes an element at that depth: dicts and lists as far as there is room, the text of anything else. New, or NULL with an
 * exception set. */
static PyObject *
describe(PyObject *value, int depth)
{
    if (value == Py_None || PyBool_Check(value)) {
        return Py_NewRef(value);
    }
    if (PyDict_Check(value) && depth < CPS_XML_MAX_DICT_DEPTH) {
        return describe_dict(value, depth);
    }
    if (PyList_Check(value) || PyTuple_Check(value)) {
        return describe_items(value, depth);
    }
    return PyBytes_Check(value) ? describe_bytes(value) : cps_xml_allowed_text(value);
}

/* --- consume -------------------------------------------------------------------------------------------------------------- */

/* {key: attributes}. New, or NULL with an exception set. */
static PyObject *
properties_data(CpsDictToXml *self, PyObject *event)
{
    PyObject *properties = cps_event_get_properties(event, NULL), *data = NULL;
    PyObject *name = properties == NULL ? NULL : cps_xml_name(cps_field(self->key));
    PyObject *described = name == NULL ? NULL : describe(properties, 1);

    Py_XDECREF(properties);
    if (cps_xml_push(&data, name, described) < 0) {
        Py_CLEAR(data);
    }
    return data;
}

static int
propertiestoxml_consume(CpsActor *actor, CpsInbox *inbox, PyObject *event)
{
    CpsDictToXml *self = (CpsDictToXml *)actor;

    return cps_dicttoxml_send(self, event, properties_data(self, event));
}

static const CpsActorOps propertiestoxml_ops = {.consume = propertiestoxml_consume};

/* --- the type ------------------------------------------------------------------------------------------------------------- */

static int
propertiestoxml_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return cps_dicttoxml_configure(op, "PropertiesToXML", &propertiestoxml_ops, args, kwargs);
}

PyDoc_STRVAR(propertiestoxml_doc,
             "PropertiesToXML(name, escape_xml=False, key=<name>, *args, **kwargs)\n--\n\n"
             "Send on each event with XML made of its attributes (get_properties()) instead of its data.\n\n"
             "In: Event. Out: XMLEvent; an HTTP event stays one.\n\n"
             "escape_xml: whether text that is an XML document of its own is escaped, as other text is, instead\n"
             "    of becoming markup.\n"
             "key: str, the name of the root element.\n\n"
             "Dicts become elements in elements, items of a list or tuple elements of the same name, other values\n"
             "their str(). What XML does not allow is replaced: in names by '_', in texts by U+FFFD.");

static PyType_Slot propertiestoxml_slots[] = {
    {Py_tp_doc, (void *)propertiestoxml_doc},
    {Py_tp_init, propertiestoxml_init},
    {0, NULL},
};

static PyType_Spec propertiestoxml_spec = {
    .name = "compysition.actors.dicttoxml.PropertiesToXML",
    .basicsize = sizeof(CpsDictToXml),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, /* the rest is inherited */
    .slots = propertiestoxml_slots,
};

int
cps_propertiestoxml_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.PropertiesToXML, &propertiestoxml_spec, (PyObject *)state->types.DictToXML) <
        0) {
        return -1;
    }
    return cps_set_event_types(state, state->types.PropertiesToXML, state->types.Event, state->types.XMLEvent);
}
