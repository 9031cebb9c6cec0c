#include "xml/name.h"

#include <libxml/tree.h>

bool
cps_xml_is_name(PyObject *text)
{
    Py_ssize_t length;
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, &length);

    PyErr_Clear(); /* surrogates are in no name */
    return utf8 != NULL && strlen(utf8) == (size_t)length && xmlValidateNCName((const xmlChar *)utf8, 0) == 0;
}

/* Whether a name may have the character, `first` or later. libxml2 tells it of whole names only. */
static bool
allowed_character(Py_UCS4 c, bool first)
{
    char name[6] = "_", *end = first ? name : name + 1;

    if (c < 0x80) {
        *end++ = (char)c;
    }
    else if (c < 0x800) {
        *end++ = (char)(0xC0 | c >> 6);
        *end++ = (char)(0x80 | (c & 0x3F));
    }
    else if (c < 0x10000) {
        *end++ = (char)(0xE0 | c >> 12);
        *end++ = (char)(0x80 | (c >> 6 & 0x3F));
        *end++ = (char)(0x80 | (c & 0x3F));
    }
    else {
        *end++ = (char)(0xF0 | c >> 18);
        *end++ = (char)(0x80 | (c >> 12 & 0x3F));
        *end++ = (char)(0x80 | (c >> 6 & 0x3F));
        *end++ = (char)(0x80 | (c & 0x3F));
    }
    *end = '\0';
    return c != 0 && !Py_UNICODE_IS_SURROGATE(c) && xmlValidateNCName((const xmlChar *)name, 0) == 0;
}

/* The name in `name`, which has room for a character more than `text`. Returns its length. */
static Py_ssize_t
replace_characters(PyObject *text, Py_UCS4 *name)
{
    Py_ssize_t length = 0;

    if (PyUnicode_GET_LENGTH(text) == 0 || !allowed_character(PyUnicode_READ_CHAR(text, 0), true)) {
        name[length++] = '_';
    }
    for (Py_ssize_t i = 0; i < PyUnicode_GET_LENGTH(text); i++) {
        Py_UCS4 c = PyUnicode_READ_CHAR(text, i);

        if (allowed_character(c, false)) {
            name[length++] = c;
        }
        else if (i > 0) {
            name[length++] = '_';
        }
    }
    return length;
}

PyObject *
cps_xml_name(PyObject *value)
{
    PyObject *text = PyObject_Str(value), *result = NULL;
    Py_UCS4 *name;

    if (text == NULL || cps_xml_is_name(text)) {
        return text;
    }
    name = PyMem_New(Py_UCS4, PyUnicode_GET_LENGTH(text) + 1);
    if (name == NULL) {
        PyErr_NoMemory();
    }
    else {
        result = PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, name, replace_characters(text, name));
    }
    PyMem_Free(name);
    Py_DECREF(text);
    return result;
}
