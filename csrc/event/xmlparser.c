#include "event/xmlparser.h"

#include "xml/readable.h"

#include <libxml/uri.h>

typedef struct {
    PyObject_HEAD
    CpsReadable readable;
    xmlChar *base; /* owned, or NULL */
    CpsXmlRules rules;
} CpsXmlParser;

/* The URL of the first directory, from which relative names are meant. Returns 0, or -1 with an exception set. */
static int
parser_set_base(CpsXmlParser *self)
{
    PyObject *path;

    if (self->readable.count == 0) {
        return 0;
    }
    path = PyBytes_FromFormat("%s/", self->readable.directories[0]);
    self->base = path == NULL ? NULL : xmlPathToURI((const xmlChar *)PyBytes_AS_STRING(path));
    Py_XDECREF(path);
    if (self->base == NULL && !PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    return self->base == NULL ? -1 : 0;
}

static PyObject *
parser_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"allowed_paths", "allowed_urls", "huge", NULL};
    PyObject *paths = NULL, *urls = NULL, *huge = NULL;
    CpsXmlParser *self;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O$OO:XMLParser", keywords, &paths, &urls, &huge)) {
        return NULL;
    }
    cps_confine_setup();
    self = (CpsXmlParser *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    if (cps_readable_from(&self->readable, paths, urls, huge) < 0 || parser_set_base(self) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    self->rules = (CpsXmlRules){.readable = &self->readable, .base = (const char *)self->base};
    return (PyObject *)self;
}

static void
parser_dealloc(PyObject *op)
{
    CpsXmlParser *self = (CpsXmlParser *)op;
    PyTypeObject *type = Py_TYPE(op);

    xmlFree(self->base);
    cps_readable_free(&self->readable);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyObject *
parser_get_allowed_paths(PyObject *op, void *Py_UNUSED(closure))
{
    return cps_readable_paths(&((CpsXmlParser *)op)->readable);
}

static PyObject *
parser_get_allowed_urls(PyObject *op, void *Py_UNUSED(closure))
{
    return cps_readable_urls(&((CpsXmlParser *)op)->readable);
}

static PyObject *
parser_get_huge(PyObject *op, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(((CpsXmlParser *)op)->readable.huge);
}

PyDoc_STRVAR(parser_doc,
             "XMLParser(allowed_paths=None, *, allowed_urls=None, huge=False)\n--\n\n"
             "What the class attribute xml_parser of an XML event allows the text that becomes its data.\n\n"
             "allowed_paths: directory, or list of them, below which external entities and document types may be\n"
             "    read; relative names are below the first. Default: nothing is read.\n"
             "allowed_urls: prefix, or list of them, of http and https URLs that external entities and document types\n"
             "    may have: scheme, host and port are the same, and the path is the prefix's or below. Parsing then\n"
             "    waits for the server, up to 10 seconds; in the loop's thread that keeps all actors. Default: none.\n"
             "huge: whether text, entities and what they expand to may have any size, and elements 2048 levels.\n"
             "    For texts of those who are trusted: one of 1 kB can then fill the memory.\n\n"
             "Raises OSError for a directory that does not exist, ValueError for a prefix that is none.");

static PyGetSetDef parser_getset[] = {
    {"allowed_paths", parser_get_allowed_paths, NULL, "The directories, without symbolic links: a tuple of str.", NULL},
    {"allowed_urls", parser_get_allowed_urls, NULL, "The prefixes, with ports: a tuple of str.", NULL},
    {"huge", parser_get_huge, NULL, "Whether sizes have no bounds.", NULL},
    {NULL},
};

static PyType_Slot parser_slots[] = {
    {Py_tp_doc, (void *)parser_doc},
    {Py_tp_new, parser_new},
    {Py_tp_dealloc, parser_dealloc},
    {Py_tp_getset, parser_getset},
    {0, NULL},
};

static PyType_Spec parser_spec = {
    .name = "compysition.event.XMLParser",
    .basicsize = sizeof(CpsXmlParser),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = parser_slots,
};

/* ---- for events ---- */

PyObject *
cps_xmlparser_of(CpsState *state, PyObject *event)
{
    PyObject *parser = PyObject_GetAttr((PyObject *)Py_TYPE(event), state->names.xml_parser);

    if (parser != NULL && parser != Py_None && !Py_IS_TYPE(parser, state->types.XMLParser)) {
        PyErr_Format(PyExc_TypeError, "xml_parser of %.200s must be an XMLParser, not %.200s", Py_TYPE(event)->tp_name,
                     Py_TYPE(parser)->tp_name);
        Py_CLEAR(parser);
    }
    return parser;
}

const CpsXmlRules *
cps_xmlparser_rules(PyObject *parser)
{
    return parser == Py_None ? NULL : &((CpsXmlParser *)parser)->rules;
}

int
cps_xmlparser_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.XMLParser, &parser_spec, NULL);
}
