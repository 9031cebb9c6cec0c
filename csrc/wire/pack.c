#include "wire/pack.h"

#include "event/copy.h"
#include "event/jsonevent.h"
#include "wire/tags.h"

/* Of values within values: a cycle ends here, and so does what a receiver would refuse (unpack.c). */
enum { DEPTH_LIMIT = 500 };

/* The first three bits of an item. */
typedef enum {
    MAJOR_UINT,
    MAJOR_NEGATIVE,
    MAJOR_BYTES,
    MAJOR_TEXT,
    MAJOR_ARRAY,
    MAJOR_MAP,
    MAJOR_TAG,
    MAJOR_SIMPLE,
} Major;

/* Its other five, which say in how many bytes its number follows; below them are numbers that they are themselves. */
enum { INFO_IN_1 = 24, INFO_IN_2, INFO_IN_4, INFO_IN_8 };

enum { SIMPLE_FALSE = 20, SIMPLE_TRUE, SIMPLE_NULL };

/* ---- heads and scalars ---- */

static int
pack_raw(CpsPacker *packer, const void *bytes, size_t length)
{
    if (cps_buffer_append(packer->buffer, bytes, length) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* A byte, and `value` in so many bytes more. */
static int
pack_bits(CpsPacker *packer, Major major, unsigned int info, uint64_t value, size_t bytes)
{
    unsigned char head[1 + sizeof(value)];

    head[0] = (unsigned char)(major << 5 | info);
    for (size_t i = bytes; i > 0; i--, value >>= 8) {
        head[i] = (unsigned char)value;
    }
    return pack_raw(packer, head, 1 + bytes);
}

/* In as few bytes as possible. */
static int
pack_head(CpsPacker *packer, Major major, uint64_t value)
{
    return value < INFO_IN_1     ? pack_bits(packer, major, (unsigned int)value, 0, 0)
           : value <= UINT8_MAX  ? pack_bits(packer, major, INFO_IN_1, value, 1)
           : value <= UINT16_MAX ? pack_bits(packer, major, INFO_IN_2, value, 2)
           : value <= UINT32_MAX ? pack_bits(packer, major, INFO_IN_4, value, 4)
                                 : pack_bits(packer, major, INFO_IN_8, value, 8);
}

int
cps_pack_uint(CpsPacker *packer, uint64_t value)
{
    return pack_head(packer, MAJOR_UINT, value);
}

int
cps_pack_int(CpsPacker *packer, int64_t value)
{
    return value >= 0 ? pack_head(packer, MAJOR_UINT, (uint64_t)value)
                      : pack_head(packer, MAJOR_NEGATIVE, (uint64_t)(-1 - value));
}

int
cps_pack_bool(CpsPacker *packer, bool value)
{
    return pack_head(packer, MAJOR_SIMPLE, value ? SIMPLE_TRUE : SIMPLE_FALSE);
}

static int
pack_double(CpsPacker *packer, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return pack_bits(packer, MAJOR_SIMPLE, INFO_IN_8, bits, sizeof(bits));
}

int
cps_pack_array(CpsPacker *packer, size_t length)
{
    return pack_head(packer, MAJOR_ARRAY, length);
}

int
cps_pack_map(CpsPacker *packer, size_t length)
{
    return pack_head(packer, MAJOR_MAP, length);
}

int
cps_pack_tag(CpsPacker *packer, uint64_t tag)
{
    return pack_head(packer, MAJOR_TAG, tag);
}

int
cps_pack_bytes(CpsPacker *packer, const void *bytes, size_t length)
{
    return pack_head(packer, MAJOR_BYTES, length) < 0 ? -1 : pack_raw(packer, bytes, length);
}

static int
pack_bytes_object(CpsPacker *packer, PyObject *bytes)
{
    return cps_pack_bytes(packer, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
}

/* Text with lone surrogates, which has no UTF-8 form. */
static int
pack_wtf8(CpsPacker *packer, PyObject *text)
{
    PyObject *bytes = PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass");
    int result = bytes == NULL ? -1 : cps_pack_tag(packer, CPS_TAG_WTF8) < 0 ? -1 : pack_bytes_object(packer, bytes);

    Py_XDECREF(bytes);
    return result;
}

int
cps_pack_utf8(CpsPacker *packer, const char *utf8, size_t length)
{
    return pack_head(packer, MAJOR_TEXT, length) < 0 ? -1 : pack_raw(packer, utf8, length);
}

int
cps_pack_text(CpsPacker *packer, PyObject *text)
{
    Py_ssize_t length;
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, &length);

    if (utf8 == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
            return -1;
        }
        PyErr_Clear();
        return pack_wtf8(packer, text);
    }
    return cps_pack_utf8(packer, utf8, (size_t)length);
}

/* An integer past 64 bits. */
static int
pack_big_integer(CpsPacker *packer, PyObject *value, bool negative)
{
    PyObject *magnitude = negative ? PyNumber_Invert(value) : Py_NewRef(value); /* ~n is -1 - n */
    PyObject *bits = magnitude == NULL ? NULL : PyObject_CallMethod(magnitude, "bit_length", NULL);
    Py_ssize_t size = bits == NULL ? -1 : (PyLong_AsSsize_t(bits) + 7) / 8;
    PyObject *bytes = size < 0 ? NULL : PyObject_CallMethod(magnitude, "to_bytes", "ns", size, "big");
    int result = -1;

    if (bytes != NULL && cps_pack_tag(packer, negative ? CPS_TAG_NEGATIVE_BIGNUM : CPS_TAG_BIGNUM) == 0) {
        result = pack_bytes_object(packer, bytes);
    }
    Py_XDECREF(bytes);
    Py_XDECREF(bits);
    Py_XDECREF(magnitude);
    return result;
}

static int
pack_integer(CpsPacker *packer, PyObject *value)
{
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    unsigned long long large;

    if (overflow == 0) {
        return number == -1 && PyErr_Occurred() ? -1 : cps_pack_int(packer, number);
    }
    large = overflow > 0 ? PyLong_AsUnsignedLongLong(value) : 0;
    if (overflow > 0 && !(large == (unsigned long long)-1 && PyErr_Occurred())) {
        return cps_pack_uint(packer, large);
    }
    PyErr_Clear();
    if (overflow < 0) {
        PyObject *magnitude = PyNumber_Invert(value); /* -1 - value */

        large = magnitude == NULL ? 0 : PyLong_AsUnsignedLongLong(magnitude);
        Py_XDECREF(magnitude);
        if (!PyErr_Occurred()) {
            return pack_head(packer, MAJOR_NEGATIVE, large);
        }
        PyErr_Clear();
    }
    return pack_big_integer(packer, value, overflow < 0);
}

/* ---- where it failed ---- */

/* A step before those that the trail has. Keeps the exception. */
static void
pack_note_step(CpsPacker *packer, PyObject *step)
{
    PyObject *error = PyErr_GetRaisedException();
    PyObject *trail = packer->trail == NULL ? PyUnicode_FromFormat("[%R]", step)
                                            : PyUnicode_FromFormat("[%R]%U", step, packer->trail);

    if (trail == NULL) {
        PyErr_Clear();
    }
    else {
        Py_XSETREF(packer->trail, trail);
    }
    PyErr_SetRaisedException(error);
}

static void
pack_note_index(CpsPacker *packer, Py_ssize_t index)
{
    PyObject *error = PyErr_GetRaisedException();
    PyObject *step = PyLong_FromSsize_t(index);

    PyErr_SetRaisedException(error);
    if (step != NULL) {
        pack_note_step(packer, step);
        Py_DECREF(step);
    }
}

static int
pack_changed(const char *what)
{
    PyErr_Format(PyExc_RuntimeError, "the %s changed while it was being sent", what);
    return -1;
}

/* ---- containers ---- */

static int
pack_items(CpsPacker *packer, PyObject *list)
{
    Py_ssize_t length = PySequence_Fast_GET_SIZE(list);

    if (cps_pack_array(packer, (size_t)length) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < length; i++) {
        PyObject *item;
        int result;

        if (i >= PySequence_Fast_GET_SIZE(list)) {
            return pack_changed("list");
        }
        item = Py_NewRef(PySequence_Fast_GET_ITEM(list, i));
        result = cps_pack_value(packer, item);
        Py_DECREF(item);
        if (result < 0) {
            pack_note_index(packer, i);
            return -1;
        }
    }
    return 0;
}

/* Keys are what a receiver can put into a dict without running code, and without keys that an attacker has made to collide. */
static bool
key_is_plain(PyObject *key)
{
    return PyUnicode_Check(key) || PyBytes_CheckExact(key) || PyLong_Check(key) || PyFloat_CheckExact(key) ||
           key == Py_None;
}

static int
pack_entry(CpsPacker *packer, PyObject *key, PyObject *value)
{
    if (PyUnicode_CheckExact(key)) {
        if (cps_pack_text(packer, key) < 0) {
            return -1;
        }
    }
    else if (!key_is_plain(key)) {
        PyErr_Format(PyExc_TypeError, "a dict with a key of type %s cannot be sent", Py_TYPE(key)->tp_name);
        return -1;
    }
    else if (cps_pack_value(packer, key) < 0) {
        return -1;
    }
    if (cps_pack_value(packer, value) < 0) {
        pack_note_step(packer, key);
        return -1;
    }
    return 0;
}

static int
pack_dict(CpsPacker *packer, PyObject *dict)
{
    Py_ssize_t length = PyDict_GET_SIZE(dict), position = 0, count = 0;
    PyObject *key, *value;

    if (cps_pack_map(packer, (size_t)length) < 0) {
        return -1;
    }
    while (PyDict_Next(dict, &position, &key, &value)) {
        int result;

        Py_INCREF(key);
        Py_INCREF(value);
        result = count++ == length ? pack_changed("dict") : pack_entry(packer, key, value);
        Py_DECREF(key);
        Py_DECREF(value);
        if (result < 0) {
            return -1;
        }
    }
    return count == length ? 0 : pack_changed("dict");
}

static bool
keys_are_text(PyObject *dict)
{
    Py_ssize_t position = 0;
    PyObject *key;

    while (PyDict_Next(dict, &position, &key, NULL)) {
        if (!PyUnicode_CheckExact(key)) {
            return false;
        }
    }
    return true;
}

static int
pack_set(CpsPacker *packer, PyObject *set, uint64_t tag)
{
    PyObject *items = PySequence_List(set);
    int result = items == NULL || cps_pack_tag(packer, tag) < 0 ? -1 : pack_items(packer, items);

    Py_XDECREF(items);
    return result;
}

/* ---- classes with a tag ---- */

static int
pack_timedelta(CpsPacker *packer, PyObject *delta)
{
    static const char *const parts[] = {"days", "seconds", "microseconds"};
    int result = cps_pack_tag(packer, CPS_TAG_TIMEDELTA) < 0 ? -1 : cps_pack_array(packer, Py_ARRAY_LENGTH(parts));

    for (size_t i = 0; result == 0 && i < Py_ARRAY_LENGTH(parts); i++) {
        PyObject *part = PyObject_GetAttrString(delta, parts[i]);

        result = part == NULL ? -1 : cps_pack_value(packer, part);
        Py_XDECREF(part);
    }
    return result;
}

static int
pack_tagged(CpsPacker *packer, PyObject *value, const CpsTaggedClass *kind)
{
    PyObject *form =
        kind->of_bytes ? PyObject_GetAttrString(value, kind->to) : PyObject_CallMethod(value, kind->to, NULL);
    int result = form == NULL || cps_pack_tag(packer, kind->tag) < 0 ? -1 : cps_pack_value(packer, form);

    Py_XDECREF(form);
    return result;
}

/* Whether the very type of `value` is module.name. */
static bool
type_is(PyObject *value, const char *module, const char *name)
{
    const char *own = Py_TYPE(value)->tp_name; /* "datetime.date", or "UUID" of a class written in Python */
    const char *dot = strrchr(own, '.');
    PyObject *owner;
    bool same;

    if (strcmp(dot == NULL ? own : dot + 1, name) != 0) {
        return false;
    }
    owner = PyObject_GetAttrString((PyObject *)Py_TYPE(value), "__module__");
    same = owner != NULL && PyUnicode_Check(owner) && PyUnicode_CompareWithASCIIString(owner, module) == 0;
    PyErr_Clear();
    Py_XDECREF(owner);
    return same;
}

static int
pack_other(CpsPacker *packer, PyObject *value)
{
    for (size_t i = 0; i < CPS_TAGGED_CLASSES; i++) {
        const CpsTaggedClass *kind = &cps_tagged_classes[i];

        if (type_is(value, kind->module, kind->name)) {
            return pack_tagged(packer, value, kind);
        }
    }
    if (type_is(value, "datetime", "timedelta")) {
        return pack_timedelta(packer, value);
    }
    if (packer->mode == CPS_PACK_LENIENT) {
        PyObject *text = PyObject_Str(value);
        int result = text == NULL ? -1 : cps_pack_text(packer, text);

        Py_XDECREF(text);
        return result;
    }
    PyErr_Format(PyExc_TypeError, "an object of type %s cannot be sent", Py_TYPE(value)->tp_name);
    return -1;
}

/* ---- values ---- */

/* What every mode has. Returns 1 when it is something else. */
static int
pack_plain(CpsPacker *packer, PyObject *value)
{
    if (PyUnicode_CheckExact(value)) {
        return cps_pack_text(packer, value);
    }
    if (PyLong_CheckExact(value)) {
        return pack_integer(packer, value);
    }
    if (PyDict_CheckExact(value) && (packer->mode != CPS_PACK_JSON || keys_are_text(value))) {
        return pack_dict(packer, value);
    }
    if (PyList_CheckExact(value)) {
        return pack_items(packer, value);
    }
    if (value == Py_None) {
        return pack_head(packer, MAJOR_SIMPLE, SIMPLE_NULL);
    }
    if (PyBool_Check(value)) {
        return cps_pack_bool(packer, value == Py_True);
    }
    return PyFloat_CheckExact(value) ? pack_double(packer, PyFloat_AS_DOUBLE(value)) : 1;
}

/* Instances of subclasses travel as what they are derived from. */
static int
pack_python(CpsPacker *packer, PyObject *value)
{
    if (PyTuple_Check(value)) {
        return cps_pack_tag(packer, CPS_TAG_TUPLE) < 0 ? -1 : pack_items(packer, value);
    }
    if (PyBytes_Check(value)) {
        return pack_bytes_object(packer, value);
    }
    if (PyUnicode_Check(value)) {
        return cps_pack_text(packer, value);
    }
    if (PyLong_Check(value)) {
        return pack_integer(packer, value);
    }
    if (PyFloat_Check(value)) {
        return pack_double(packer, PyFloat_AS_DOUBLE(value));
    }
    if (PyDict_Check(value)) {
        return pack_dict(packer, value);
    }
    if (PyList_Check(value)) {
        return pack_items(packer, value);
    }
    if (PyAnySet_Check(value)) {
        return pack_set(packer, value, PyFrozenSet_Check(value) ? CPS_TAG_FROZENSET : CPS_TAG_SET);
    }
    if (PyByteArray_Check(value)) {
        return cps_pack_tag(packer, CPS_TAG_BYTEARRAY) < 0
                   ? -1
                   : cps_pack_bytes(packer, PyByteArray_AS_STRING(value), (size_t)PyByteArray_GET_SIZE(value));
    }
    return pack_other(packer, value);
}

static int
pack_as_json(CpsPacker *packer, PyObject *value)
{
    PyObject *copy = cps_json_copy(packer->state, value);
    int result = copy == NULL ? -1 : pack_plain(packer, copy);

    Py_XDECREF(copy);
    return result;
}

int
cps_pack_value(CpsPacker *packer, PyObject *value)
{
    int result;

    if (packer->depth >= DEPTH_LIMIT) {
        PyErr_Format(PyExc_ValueError, "it holds itself, or is more than %d levels deep", DEPTH_LIMIT);
        return -1;
    }
    packer->depth++;
    result = pack_plain(packer, value);
    if (result > 0) {
        result = packer->mode == CPS_PACK_JSON ? pack_as_json(packer, value) : pack_python(packer, value);
    }
    packer->depth--;
    return result;
}
