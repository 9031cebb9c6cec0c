#include "actors/xmlsource.h"

#include "flow/bind.h"
#include "xml/text.h"

#include <libxml/uri.h>
#include <string.h>

/* --- what it may read ------------------------------------------------------------------------------------------------------------ */

int
cps_xml_source_readable(CpsReadable *readable, PyObject *paths, PyObject *kwargs)
{
    PyObject *urls = cps_pop_keyword(kwargs, "allowed_urls");
    PyObject *huge = PyErr_Occurred() ? NULL : cps_pop_keyword(kwargs, "huge");
    int status = PyErr_Occurred() ? -1 : cps_readable_from(readable, paths, urls, huge);

    Py_XDECREF(urls);
    Py_XDECREF(huge);
    return status;
}

/* --- text or file ---------------------------------------------------------------------------------------------------------------- */

bool
cps_xml_source_is_markup(const char *text)
{
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
    }
    return text[strspn(text, " \t\r\n")] == '<';
}

/* Whether `source` names a file. 1, 0, or -1 with an exception set. */
static int
is_file(PyObject *source)
{
    const char *text;
    PyObject *exists, *result;
    int file;

    if (PyBytes_Check(source)) {
        return 0; /* whatever encoding it has */
    }
    if (!PyUnicode_Check(source)) {
        PyObject *path = PyOS_FSPath(source); /* not an int: it would be a descriptor, read and closed */

        Py_XDECREF(path);
        return path == NULL ? -1 : 1;
    }
    text = cps_xml_utf8(source);
    if (text == NULL || cps_xml_source_is_markup(text)) {
        return text == NULL ? -1 : 0;
    }
    exists = PyImport_ImportModule("os.path");
    result = exists == NULL ? NULL : PyObject_CallMethod(exists, "isfile", "O", source);
    file = result == NULL ? -1 : result == Py_True;
    Py_XDECREF(exists);
    Py_XDECREF(result);
    return file;
}

/* The bytes of a file. New, or NULL with OSError set. */
static PyObject *
read_file(PyObject *path)
{
    PyObject *io = PyImport_ImportModule("io");
    PyObject *file = io == NULL ? NULL : PyObject_CallMethod(io, "open", "Os", path, "rb");
    PyObject *bytes = file == NULL ? NULL : PyObject_CallMethod(file, "read", NULL);
    PyObject *closed = file == NULL ? NULL : PyObject_CallMethod(file, "close", NULL);

    if (closed == NULL) {
        Py_CLEAR(bytes);
    }
    Py_XDECREF(io);
    Py_XDECREF(file);
    Py_XDECREF(closed);
    return bytes;
}

/* The URL of a file, from which relative names in it are meant. New (xmlFree), or NULL with an exception set. */
static xmlChar *
file_url(PyObject *path)
{
    PyObject *bytes;
    xmlChar *url;

    if (!PyUnicode_FSConverter(path, &bytes)) {
        return NULL;
    }
    url = xmlPathToURI((const xmlChar *)PyBytes_AS_STRING(bytes));
    Py_DECREF(bytes);
    if (url == NULL) {
        PyErr_NoMemory();
    }
    return url;
}

/* What is wrong with the source, in the words of `exc`; of a str that was perhaps meant to be a path, also that there is no such file.
 * New, or NULL with an exception set. */
static PyObject *
syntax_message(PyObject *source, PyObject *exc)
{
    const char *text = PyUnicode_Check(source) ? cps_xml_utf8(source) : "<";

    if (text == NULL) {
        return NULL;
    }
    return cps_xml_source_is_markup(text)
               ? PyObject_Str(exc)
               : PyUnicode_FromFormat("'%.200s' is no XML, and a file of that name does not exist: %S", text, exc);
}

/* Scripts expect lxml's class of SyntaxError. */
static void
raise_as_lxml(PyObject *source)
{
    PyObject *exc = PyErr_GetRaisedException(); /* new */
    PyObject *etree = PyImport_ImportModule("lxml.etree");
    PyObject *text = etree == NULL ? NULL : syntax_message(source, exc);
    PyObject *error = text == NULL ? NULL : PyObject_CallMethod(etree, "XMLSyntaxError", "Oiii", text, 0, 0, 0);

    if (error != NULL && PyObject_SetAttrString(error, "lineno", Py_None) == 0) { /* the text has it */
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    }
    Py_DECREF(exc);
    Py_XDECREF(etree);
    Py_XDECREF(text);
    Py_XDECREF(error);
}

CpsXmlDocument *
cps_xml_source_load(PyObject *source, const CpsReadable *readable)
{
    int file = is_file(source);
    PyObject *text = file < 0 ? NULL : file == 1 ? read_file(source) : Py_NewRef(source);
    xmlChar *url = text != NULL && file == 1 ? file_url(source) : NULL;
    CpsXmlRules rules = {.readable = readable, .base = (const char *)url};
    CpsXmlDocument *document = text == NULL || PyErr_Occurred() ? NULL : cps_xml_from_text(text, &rules);

    xmlFree(url);
    if (text != NULL && document == NULL && PyErr_ExceptionMatches(PyExc_SyntaxError)) {
        raise_as_lxml(text);
    }
    Py_XDECREF(text);
    return document;
}

/* --- errors -------------------------------------------------------------------------------------------------------------------------- */

static PyObject *
message_text(const CpsXmlError *error)
{
    PyObject *message = PyUnicode_DecodeUTF8(error->message, (Py_ssize_t)strlen(error->message), "replace");

    if (message != NULL && error->line > 0) {
        Py_SETREF(message, PyUnicode_FromFormat("%U (line %d)", message, error->line));
    }
    return message;
}

PyObject *
cps_xml_source_messages(const CpsXmlErrors *errors)
{
    PyObject *messages = PyList_New(0);

    for (size_t i = 0; messages != NULL && i < errors->count; i++) {
        PyObject *text = message_text(&errors->items[i]);

        if (text == NULL || PyList_Append(messages, text) < 0) {
            Py_CLEAR(messages);
        }
        Py_XDECREF(text);
    }
    return messages;
}

void *
cps_xml_source_raise(const char *name, const CpsXmlErrors *errors)
{
    PyObject *messages = cps_xml_source_messages(errors);
    PyObject *separator = PyUnicode_FromString("\n");
    PyObject *text = messages == NULL || separator == NULL ? NULL : PyUnicode_Join(separator, messages);
    PyObject *etree = text == NULL ? NULL : PyImport_ImportModule("lxml.etree");
    PyObject *class = etree == NULL ? NULL : PyObject_GetAttrString(etree, name);

    if (class != NULL) {
        PyErr_SetObject(class, text);
    }
    Py_XDECREF(messages);
    Py_XDECREF(separator);
    Py_XDECREF(text);
    Py_XDECREF(etree);
    Py_XDECREF(class);
    return NULL;
}
