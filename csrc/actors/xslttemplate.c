#include "actors/xslttemplate.h"

#include "actors/xmlsource.h"
#include "xml/gil.h"
#include "xml/text.h"

/* module.name(argument, **options), or without the argument when that is NULL. Takes `options`, which may be NULL with an exception set. New, or
 * NULL with an exception set. */
static PyObject *
call_with(PyObject *module, const char *name, PyObject *argument, PyObject *options)
{
    PyObject *function = options == NULL ? NULL : PyObject_GetAttrString(module, name);
    PyObject *result =
        function == NULL ? NULL : PyObject_VectorcallDict(function, &argument, argument == NULL ? 0 : 1, options);

    Py_XDECREF(function);
    Py_XDECREF(options);
    return result;
}

/* The etree.XSLTAccessControl that forbids what our stylesheets may not. New, or NULL with an exception set. */
static PyObject *
make_access_control(PyObject *etree, const CpsReadable *readable)
{
    PyObject *no = Py_False, *files = readable->count > 0 ? Py_True : Py_False;

    return call_with(etree, "XSLTAccessControl", NULL,
                     Py_BuildValue("{sOsOsOsOsO}", "read_file", files, "write_file", no, "create_dir", no,
                                   "read_network", no, "write_network", no));
}

/* New, or NULL with an exception set. */
static PyObject *
compile_by_lxml(PyObject *etree, PyObject *element, const CpsReadable *readable)
{
    CpsXmlErrors errors = {0};
    CpsConfinement confinement = {.readable = readable, .errors = &errors, .lock = &cps_gil};
    PyObject *control = make_access_control(etree, readable);
    PyObject *options = control == NULL ? NULL : Py_BuildValue("{sN}", "access_control", control);
    PyObject *template;

    cps_confine_begin(&confinement); /* where lxml has the same libxml2; another one reads nothing from servers */
    template = call_with(etree, "XSLT", element, options);
    cps_confine_end();
    cps_xml_errors_free(&errors);
    return template;
}

PyObject *
cps_xslt_template(PyObject *source, const CpsReadable *readable)
{
    PyObject *etree = PyImport_ImportModule("lxml.etree");
    CpsXmlDocument *document = etree == NULL ? NULL : cps_xml_source_load(source, readable);
    PyObject *text = document == NULL ? NULL : cps_xml_to_text(cps_xml_document_root(document), 0);
    PyObject *base = text == NULL ? NULL : Py_BuildValue("{sz}", "base_url", (const char *)document->tree->URL);
    PyObject *element = base == NULL ? NULL : call_with(etree, "fromstring", text, base);
    PyObject *template = element == NULL ? NULL : compile_by_lxml(etree, element, readable);

    cps_xml_document_unref(&document);
    Py_XDECREF(etree);
    Py_XDECREF(text);
    Py_XDECREF(element);
    return template;
}
