/* See jsonwrite.h. What writes a value returns as cps_json_write does. */
#include "event/jsonwrite.h"

#include "base/decimal.h"

#include <math.h>

enum { DEPTH_LIMIT = 500 };

static int
put(CpsBuffer *out, const void *bytes, size_t length)
{
    if (cps_buffer_append(out, bytes, length) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 1;
}

/* --- text ------------------------------------------------------------------------------------------------------------------------ */

/* Whether a character is written as it is. */
static bool
is_plain(Py_UCS4 c)
{
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

/* "\u" and four digits. Returns the end. */
static char *
put_unit(char *to, unsigned unit)
{
    static const char digits[] = "0123456789abcdef";

    *to++ = '\\';
    *to++ = 'u';
    for (int shift = 12; shift >= 0; shift -= 4) {
        *to++ = digits[(unit >> shift) & 0xf];
    }
    return to;
}

/* A character that is not plain; of those beyond 16 bits both halves of the pair. Returns the end. */
static char *
put_escaped(char *to, Py_UCS4 c)
{
    static const char short_names[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* character, name */

    for (size_t i = 0; c < 128 && i < sizeof(short_names) - 1; i += 2) {
        if (c == (Py_UCS4)short_names[i]) {
            *to++ = '\\';
            *to++ = short_names[i + 1];
            return to;
        }
    }
    if (c > 0xffff) {
        to = put_unit(to, Py_UNICODE_HIGH_SURROGATE(c));
        c = Py_UNICODE_LOW_SURROGATE(c);
    }
    return put_unit(to, c);
}

/* How many plain characters a text begins with that has one byte for each. */
static Py_ssize_t
plain_run(const Py_UCS1 *text, Py_ssize_t length)
{
    Py_ssize_t end = 0;

    while (end < length && is_plain(text[end])) {
        end++;
    }
    return end;
}

/* Escape where that is needed. */
static int
write_characters(CpsBuffer *out, int kind, const void *data, Py_ssize_t start, Py_ssize_t end)
{
    enum { LONGEST = 12 }; /* of a character */
    char *to;

    if (cps_buffer_reserve(out, (size_t)(end - start) * LONGEST) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    to = out->bytes + out->length;
    for (Py_ssize_t i = start; i < end; i++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, i);

        if (is_plain(c)) {
            *to++ = (char)c;
        }
        else {
            to = put_escaped(to, c);
        }
    }
    out->length = (size_t)(to - out->bytes);
    return 1;
}

static int
write_text(CpsBuffer *out, PyObject *text)
{
    enum { PIECE = 1024 }; /* characters for which there is room at once */
    int kind = PyUnicode_KIND(text), result = put(out, "\"", 1);
    const void *data = PyUnicode_DATA(text);
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    Py_ssize_t done = kind == PyUnicode_1BYTE_KIND ? plain_run(data, length) : 0;

    if (result > 0 && done > 0) {
        result = put(out, data, (size_t)done);
    }
    for (Py_ssize_t end; result > 0 && done < length; done = end) {
        end = length - done > PIECE ? done + PIECE : length;
        result = write_characters(out, kind, data, done, end);
    }
    return result <= 0 ? result : put(out, "\"", 1);
}

/* --- numbers ----------------------------------------------------------------------------------------------------------------------- */

static int
write_integer(CpsBuffer *out, PyObject *number)
{
    char digits[CPS_DECIMAL_DIGITS + 1], *end = digits + sizeof(digits), *first;
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(number, &overflow);

    if (overflow != 0) {
        return 0;
    }
    first = cps_decimal(value < 0 ? 0 - (uint64_t)value : (uint64_t)value, end);
    if (value < 0) {
        *--first = '-';
    }
    return put(out, first, (size_t)(end - first));
}

static int
write_float(CpsBuffer *out, PyObject *number)
{
    double value = PyFloat_AS_DOUBLE(number);
    char *text;
    int result;

    if (!isfinite(value)) {
        return 0;
    }
    text = PyOS_double_to_string(value, 'r', 0, Py_DTSF_ADD_DOT_0, NULL); /* as repr() */
    if (text == NULL) {
        return -1;
    }
    result = put(out, text, strlen(text));
    PyMem_Free(text);
    return result;
}

/* --- all of it --------------------------------------------------------------------------------------------------------------------- */

static int write_value(CpsBuffer *out, PyObject *value, int depth);

static int
write_dict(CpsBuffer *out, PyObject *dict, int depth)
{
    PyObject *key, *item;
    Py_ssize_t position = 0;
    int result = put(out, "{", 1);

    for (bool first = true; result > 0 && PyDict_Next(dict, &position, &key, &item); first = false) {
        if (!PyUnicode_CheckExact(key)) {
            return 0;
        }
        result = first ? 1 : put(out, ", ", 2);
        result = result <= 0 ? result : write_text(out, key);
        result = result <= 0 ? result : put(out, ": ", 2);
        result = result <= 0 ? result : write_value(out, item, depth);
    }
    return result <= 0 ? result : put(out, "}", 1);
}

/* Of a list or a tuple. */
static int
write_array(CpsBuffer *out, PyObject *array, int depth)
{
    int result = put(out, "[", 1);

    for (Py_ssize_t i = 0; result > 0 && i < PySequence_Fast_GET_SIZE(array); i++) {
        result = i == 0 ? 1 : put(out, ", ", 2);
        result = result <= 0 ? result : write_value(out, PySequence_Fast_GET_ITEM(array, i), depth);
    }
    return result <= 0 ? result : put(out, "]", 1);
}

static int
write_value(CpsBuffer *out, PyObject *value, int depth)
{
    if (PyUnicode_CheckExact(value)) {
        return write_text(out, value);
    }
    if (PyLong_CheckExact(value)) {
        return write_integer(out, value);
    }
    if (PyFloat_CheckExact(value)) {
        return write_float(out, value);
    }
    if (PyDict_CheckExact(value)) {
        return depth >= DEPTH_LIMIT ? 0 : write_dict(out, value, depth + 1);
    }
    if (PyList_CheckExact(value) || PyTuple_CheckExact(value)) {
        return depth >= DEPTH_LIMIT ? 0 : write_array(out, value, depth + 1);
    }
    if (value == Py_None) {
        return put(out, "null", 4);
    }
    return value == Py_True ? put(out, "true", 4) : value == Py_False ? put(out, "false", 5) : 0;
}

int
cps_json_write(CpsBuffer *out, PyObject *value)
{
    return write_value(out, value, 0);
}
