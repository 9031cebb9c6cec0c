#include "xml/text.h"

#include <stdlib.h>

/* Releasing the GIL costs about as much as parsing this many bytes. */
enum { LONG_TEXT = 16384 };

PyObject *
cps_xml_error_text(const CpsXmlError *error)
{
    if (error->line <= 0) {
        return PyUnicode_DecodeUTF8(error->message, (Py_ssize_t)strlen(error->message), "replace");
    }
    if (error->column <= 0) {
        return PyUnicode_FromFormat("%s, line %d", error->message, error->line);
    }
    return PyUnicode_FromFormat("%s, line %d, column %d", error->message, error->line, error->column);
}

void *
cps_xml_raise(const CpsXmlErrors *errors)
{
    const CpsXmlError *first = cps_xml_errors_first(errors);
    PyObject *message;

    if (first == NULL) {
        return PyErr_NoMemory();
    }
    message = cps_xml_error_text(first);
    if (message != NULL) {
        PyErr_SetObject(PyExc_SyntaxError, message);
        Py_DECREF(message);
    }
    return NULL;
}

void *
cps_xml_raise_copy(bool too_deep)
{
    if (!too_deep) {
        return PyErr_NoMemory();
    }
    return PyErr_Format(PyExc_ValueError, "XML is nested more than %d levels deep", CPS_XML_MAX_DEPTH);
}

const char *
cps_xml_text_bytes(PyObject *text, size_t *length, int *flags)
{
    Py_ssize_t size = 0;
    const char *utf8;

    if (PyBytes_Check(text)) {
        *length = (size_t)PyBytes_GET_SIZE(text);
        *flags = 0;
        return PyBytes_AS_STRING(text);
    }
    utf8 = PyUnicode_AsUTF8AndSize(text, &size); /* kept by the str, or NULL */
    *length = (size_t)size;
    *flags = CPS_XML_UTF8;
    return utf8;
}

const char *
cps_xml_utf8(PyObject *text)
{
    Py_ssize_t length;
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, &length);

    if (utf8 != NULL && memchr(utf8, '\0', (size_t)length) != NULL) {
        PyErr_Format(PyExc_ValueError, "%R holds a null character", text);
        return NULL;
    }
    return utf8;
}

CpsXmlDocument *
cps_xml_from_text(PyObject *text, const CpsXmlRules *rules)
{
    CpsXmlErrors errors = {0};
    CpsXmlDocument *document;
    size_t length;
    int flags;
    const char *bytes = cps_xml_text_bytes(text, &length, &flags);

    if (bytes == NULL) {
        return NULL;
    }
    if (length < LONG_TEXT && !cps_xml_rules_wait(rules)) {
        document = cps_xml_parse(bytes, length, flags, rules, &errors);
    }
    else {
        Py_BEGIN_ALLOW_THREADS;
        document = cps_xml_parse(bytes, length, flags, rules, &errors);
        Py_END_ALLOW_THREADS;
    }
    if (document == NULL) {
        cps_xml_raise(&errors);
    }
    cps_xml_errors_free(&errors);
    return document;
}

PyObject *
cps_xml_to_text(xmlNode *element, int flags)
{
    size_t length = 0;
    char *text = cps_xml_serialize(element, flags, &length);
    PyObject *result = text == NULL ? PyErr_NoMemory() : PyUnicode_DecodeUTF8(text, (Py_ssize_t)length, "replace");

    free(text);
    return result;
}

static bool
allowed_character(Py_UCS4 c)
{
    return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c < 0xD800) || (c >= 0xE000 && c < 0xFFFE) ||
           c > 0xFFFF;
}

PyObject *
cps_xml_allowed_text(PyObject *value)
{
    PyObject *text = PyObject_Str(value);
    Py_ssize_t length = text == NULL ? 0 : PyUnicode_GET_LENGTH(text);
    Py_UCS4 *characters = text == NULL ? NULL : PyUnicode_AsUCS4Copy(text);
    PyObject *allowed;

    Py_XDECREF(text);
    if (characters == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < length; i++) {
        if (!allowed_character(characters[i])) {
            characters[i] = Py_UNICODE_REPLACEMENT_CHARACTER;
        }
    }
    allowed = PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, characters, length);
    PyMem_Free(characters);
    return allowed;
}
