#include "wire/unpack.h"

#include "wire/tags.h"

#include <cbor.h>

/* As deep as pack.c goes. */
enum { DEPTH_LIMIT = 500 };

int
cps_unpack_refuse(CpsUnpacker *unpacker, const char *reason)
{
    cps_raise(unpacker->state, CPS_MALFORMED_EVENT_DATA, "%s at byte %zu", reason, unpacker->position);
    return -1;
}

/* ---- heads: libcbor calls one of these for each item; `context` is the CpsItem ---- */

#define INTEGER_CALLBACK(name, type, of)                                \
    static void name(void *context, type value)                         \
    {                                                                   \
        *(CpsItem *)context = (CpsItem){.kind = (of), .number = value}; \
    }
INTEGER_CALLBACK(on_uint8, uint8_t, CPS_ITEM_UINT)
INTEGER_CALLBACK(on_uint16, uint16_t, CPS_ITEM_UINT)
INTEGER_CALLBACK(on_uint32, uint32_t, CPS_ITEM_UINT)
INTEGER_CALLBACK(on_uint64, uint64_t, CPS_ITEM_UINT)
INTEGER_CALLBACK(on_negative8, uint8_t, CPS_ITEM_NEGATIVE)
INTEGER_CALLBACK(on_negative16, uint16_t, CPS_ITEM_NEGATIVE)
INTEGER_CALLBACK(on_negative32, uint32_t, CPS_ITEM_NEGATIVE)
INTEGER_CALLBACK(on_negative64, uint64_t, CPS_ITEM_NEGATIVE)
INTEGER_CALLBACK(on_array, size_t, CPS_ITEM_ARRAY)
INTEGER_CALLBACK(on_map, size_t, CPS_ITEM_MAP)
INTEGER_CALLBACK(on_tag, uint64_t, CPS_ITEM_TAG)
INTEGER_CALLBACK(on_bool, bool, CPS_ITEM_BOOL)
#undef INTEGER_CALLBACK

static void
on_bytes(void *context, cbor_data bytes, size_t length)
{
    *(CpsItem *)context = (CpsItem){.kind = CPS_ITEM_BYTES, .bytes = (const char *)bytes, .length = length};
}

static void
on_text(void *context, cbor_data bytes, size_t length)
{
    *(CpsItem *)context = (CpsItem){.kind = CPS_ITEM_TEXT, .bytes = (const char *)bytes, .length = length};
}

static void
on_double(void *context, double value)
{
    *(CpsItem *)context = (CpsItem){.kind = CPS_ITEM_FLOAT, .real = value};
}

static void
on_float(void *context, float value)
{
    on_double(context, (double)value);
}

static void
on_null(void *context)
{
    *(CpsItem *)context = (CpsItem){.kind = CPS_ITEM_NULL};
}

static void
on_refused(void *context)
{
    *(CpsItem *)context = (CpsItem){.kind = CPS_ITEM_REFUSED};
}

static const struct cbor_callbacks callbacks = {
    .uint8 = on_uint8,
    .uint16 = on_uint16,
    .uint32 = on_uint32,
    .uint64 = on_uint64,
    .negint8 = on_negative8,
    .negint16 = on_negative16,
    .negint32 = on_negative32,
    .negint64 = on_negative64,
    .byte_string_start = on_refused,
    .byte_string = on_bytes,
    .string = on_text,
    .string_start = on_refused,
    .indef_array_start = on_refused,
    .array_start = on_array,
    .indef_map_start = on_refused,
    .map_start = on_map,
    .tag = on_tag,
    .float2 = on_float,
    .float4 = on_float,
    .float8 = on_double,
    .undefined = on_refused,
    .null = on_null,
    .boolean = on_bool,
    .indef_break = on_refused,
};

/* An array or a map says how many items follow, each of a byte at least. Without this a short message could ask for much memory. */
static int
unpack_promise(CpsUnpacker *unpacker, const CpsItem *item)
{
    size_t left = unpacker->length - unpacker->promised;
    uint64_t items = item->kind == CPS_ITEM_MAP ? 2 * item->number : item->number;

    if (item->number > left / (item->kind == CPS_ITEM_MAP ? 2 : 1)) {
        return cps_unpack_refuse(unpacker, "more items are announced than there are bytes");
    }
    unpacker->promised += (size_t)items;
    return 0;
}

/* Most heads are a byte, and most values short: those are read here, all others by libcbor. Returns whether it was one. */
static bool
unpack_short(CpsUnpacker *unpacker, CpsItem *item)
{
    static const CpsItemKind kinds[] = {CPS_ITEM_UINT,  CPS_ITEM_NEGATIVE, CPS_ITEM_BYTES, CPS_ITEM_TEXT,
                                        CPS_ITEM_ARRAY, CPS_ITEM_MAP,      CPS_ITEM_TAG};
    size_t left = unpacker->length - unpacker->position;
    unsigned char head = left == 0 ? UCHAR_MAX : (unsigned char)unpacker->bytes[unpacker->position];
    unsigned int major = head >> 5, number = head & 31;

    if (number >= 24 || major >= Py_ARRAY_LENGTH(kinds)) {
        return false;
    }
    *item = (CpsItem){.kind = kinds[major], .number = number};
    if (item->kind == CPS_ITEM_BYTES || item->kind == CPS_ITEM_TEXT) {
        if (number >= left) {
            return false;
        }
        item->bytes = unpacker->bytes + unpacker->position + 1;
        item->length = number;
        item->number = 0;
        unpacker->position += number;
    }
    unpacker->position++;
    return true;
}

/* Returns 0, or -1 with an exception set. */
static int
unpack_any(CpsUnpacker *unpacker, CpsItem *item)
{
    struct cbor_decoder_result result = cbor_stream_decode((cbor_data)unpacker->bytes + unpacker->position,
                                                           unpacker->length - unpacker->position, &callbacks, item);

    if (result.status == CBOR_DECODER_NEDATA) {
        return cps_unpack_refuse(unpacker, "the message ends early");
    }
    if (result.status != CBOR_DECODER_FINISHED) {
        return cps_unpack_refuse(unpacker, "no CBOR");
    }
    if (item->kind == CPS_ITEM_REFUSED) {
        return cps_unpack_refuse(unpacker, "a CBOR item that has no place in an event");
    }
    unpacker->position += result.read;
    return 0;
}

int
cps_unpack_item(CpsUnpacker *unpacker, CpsItem *item)
{
    if (!unpack_short(unpacker, item) && unpack_any(unpacker, item) < 0) {
        return -1;
    }
    return item->kind == CPS_ITEM_ARRAY || item->kind == CPS_ITEM_MAP ? unpack_promise(unpacker, item) : 0;
}

/* ---- values ---- */

/* What the exception that is set says becomes a refusal, unless memory is out. Returns NULL always. */
static PyObject *
unpack_failed(CpsUnpacker *unpacker, const char *reason)
{
    if (!PyErr_ExceptionMatches(PyExc_MemoryError)) {
        PyErr_Clear();
        (void)cps_unpack_refuse(unpacker, reason);
    }
    return NULL;
}

static PyObject *
unpack_text(CpsUnpacker *unpacker, const CpsItem *item)
{
    PyObject *text = PyUnicode_DecodeUTF8(item->bytes, (Py_ssize_t)item->length, "strict");

    return text == NULL ? unpack_failed(unpacker, "text that is not UTF-8") : text;
}

/* The largest magnitude, -1 - (2^64 - 1), does not fit into any C type. */
static PyObject *
unpack_negative(uint64_t number)
{
    PyObject *magnitude, *value;

    if (number <= INT64_MAX) {
        return PyLong_FromLongLong(-1 - (int64_t)number);
    }
    magnitude = PyLong_FromUnsignedLongLong(number);
    value = magnitude == NULL ? NULL : PyNumber_Invert(magnitude);
    Py_XDECREF(magnitude);
    return value;
}

static PyObject *
unpack_list(CpsUnpacker *unpacker, size_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);

    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *item = cps_unpack_value(unpacker);

        if (item == NULL) {
            Py_CLEAR(list);
        }
        else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
        }
    }
    return list;
}

/* Plain integers of at most 64 bits, text and bytes: an attacker finds no great number of those with one hash. */
static PyObject *
unpack_key(CpsUnpacker *unpacker)
{
    CpsItem item;

    if (cps_unpack_item(unpacker, &item) < 0) {
        return NULL;
    }
    if (item.kind == CPS_ITEM_TEXT || (item.kind == CPS_ITEM_TAG && item.number == CPS_TAG_WTF8) ||
        (!unpacker->json &&
         (item.kind == CPS_ITEM_UINT || item.kind == CPS_ITEM_NEGATIVE || item.kind == CPS_ITEM_BYTES ||
          item.kind == CPS_ITEM_BOOL || item.kind == CPS_ITEM_NULL || item.kind == CPS_ITEM_FLOAT))) {
        return cps_unpack_rest(unpacker, &item);
    }
    (void)cps_unpack_refuse(unpacker, "a key that may not be one");
    return NULL;
}

static PyObject *
unpack_dict(CpsUnpacker *unpacker, size_t count)
{
    PyObject *dict = PyDict_New();

    for (size_t i = 0; dict != NULL && i < count; i++) {
        PyObject *key = unpack_key(unpacker);
        PyObject *value = key == NULL ? NULL : cps_unpack_value(unpacker);

        if (value == NULL || PyDict_SetItem(dict, key, value) < 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(value);
        Py_XDECREF(key);
    }
    if (dict != NULL && (size_t)PyDict_GET_SIZE(dict) != count) {
        Py_CLEAR(dict);
        (void)cps_unpack_refuse(unpacker, "a key comes twice");
    }
    return dict;
}

/* ---- tags ---- */

/* The next value, which must be of `type`. New, or NULL. */
static PyObject *
unpack_typed(CpsUnpacker *unpacker, PyTypeObject *type)
{
    PyObject *value = cps_unpack_value(unpacker);

    if (value != NULL && !Py_IS_TYPE(value, type)) {
        Py_CLEAR(value);
        (void)cps_unpack_refuse(unpacker, "a tag with a value of the wrong kind");
    }
    return value;
}

/* The bytes that a tag stands before, which JSON itself does not have. Returns 0, or -1 with an exception set. */
static int
unpack_tagged_bytes(CpsUnpacker *unpacker, CpsItem *item)
{
    if (cps_unpack_item(unpacker, item) < 0) {
        return -1;
    }
    return item->kind == CPS_ITEM_BYTES ? 0 : cps_unpack_refuse(unpacker, "a tag with a value of the wrong kind");
}

static PyObject *
unpack_big_integer(CpsUnpacker *unpacker, bool negative)
{
    enum { BYTES_LIMIT = 4096 }; /* arithmetic with such numbers takes quadratic time */
    CpsItem item;
    PyObject *number;

    if (unpack_tagged_bytes(unpacker, &item) < 0) {
        return NULL;
    }
    if (item.length > BYTES_LIMIT) {
        (void)cps_unpack_refuse(unpacker, "an integer that is too long");
        return NULL;
    }
    number =
        PyObject_CallMethod((PyObject *)&PyLong_Type, "from_bytes", "y#s", item.bytes, (Py_ssize_t)item.length, "big");
    if (number != NULL && negative) {
        Py_SETREF(number, PyNumber_Invert(number));
    }
    return number;
}

static PyObject *
unpack_wtf8(CpsUnpacker *unpacker)
{
    CpsItem item;
    PyObject *text;

    if (unpack_tagged_bytes(unpacker, &item) < 0) {
        return NULL;
    }
    text = PyUnicode_DecodeUTF8(item.bytes, (Py_ssize_t)item.length, "surrogatepass");
    return text == NULL ? unpack_failed(unpacker, "text that is not WTF-8") : text;
}

static PyObject *
unpack_tuple(CpsUnpacker *unpacker)
{
    PyObject *list = unpack_typed(unpacker, &PyList_Type);
    PyObject *tuple = list == NULL ? NULL : PyList_AsTuple(list);

    Py_XDECREF(list);
    return tuple;
}

/* Elements are what may be keys, for the same reason. */
static PyObject *
unpack_set(CpsUnpacker *unpacker, bool frozen)
{
    CpsItem head;
    PyObject *set;

    if (cps_unpack_item(unpacker, &head) < 0) {
        return NULL;
    }
    if (head.kind != CPS_ITEM_ARRAY) {
        (void)cps_unpack_refuse(unpacker, "a set that is no array");
        return NULL;
    }
    set = frozen ? PyFrozenSet_New(NULL) : PySet_New(NULL);
    for (uint64_t i = 0; set != NULL && i < head.number; i++) {
        PyObject *element = unpack_key(unpacker);

        if (element == NULL || PySet_Add(set, element) < 0) {
            Py_CLEAR(set);
        }
        Py_XDECREF(element);
    }
    return set;
}

static PyObject *
unpack_bytearray(CpsUnpacker *unpacker)
{
    PyObject *bytes = unpack_typed(unpacker, &PyBytes_Type);
    PyObject *array = bytes == NULL ? NULL : PyByteArray_FromObject(bytes);

    Py_XDECREF(bytes);
    return array;
}

/* datetime.timedelta(days, seconds, microseconds). */
static PyObject *
unpack_timedelta(CpsUnpacker *unpacker)
{
    PyObject *parts = unpack_tuple(unpacker), *type = NULL, *delta = NULL;
    bool plain = parts != NULL && PyTuple_GET_SIZE(parts) == 3;

    for (Py_ssize_t i = 0; plain && i < 3; i++) {
        plain = PyLong_CheckExact(PyTuple_GET_ITEM(parts, i));
    }
    if (plain && cps_import(&type, "datetime", "timedelta") != NULL) {
        delta = PyObject_CallObject(type, parts);
    }
    Py_XDECREF(type);
    if (parts == NULL) {
        return NULL;
    }
    Py_DECREF(parts);
    if (!plain) {
        (void)cps_unpack_refuse(unpacker, "a duration that is none");
        return NULL;
    }
    return delta == NULL ? unpack_failed(unpacker, "a duration that is none") : delta;
}

static PyObject *
unpack_tagged(CpsUnpacker *unpacker, const CpsTaggedClass *kind)
{
    PyObject *form = unpack_typed(unpacker, kind->of_bytes ? &PyBytes_Type : &PyUnicode_Type);
    PyObject *type = NULL, *value = NULL;

    if (form == NULL) {
        return NULL;
    }
    if (cps_import(&type, kind->module, kind->name) != NULL) {
        value = kind->from != NULL ? PyObject_CallMethod(type, kind->from, "O", form)
                : kind->of_bytes   ? PyObject_CallFunction(type, "OO", Py_None, form) /* UUID(hex, bytes) */
                                   : PyObject_CallOneArg(type, form);
    }
    Py_XDECREF(type);
    Py_DECREF(form);
    return value == NULL ? unpack_failed(unpacker, "a tagged value that makes no sense") : value;
}

static PyObject *
unpack_python_tag(CpsUnpacker *unpacker, uint64_t tag)
{
    for (size_t i = 0; i < CPS_TAGGED_CLASSES; i++) {
        if (cps_tagged_classes[i].tag == tag) {
            return unpack_tagged(unpacker, &cps_tagged_classes[i]);
        }
    }
    switch (tag) {
    case CPS_TAG_TUPLE:
        return unpack_tuple(unpacker);
    case CPS_TAG_SET:
    case CPS_TAG_FROZENSET:
        return unpack_set(unpacker, tag == CPS_TAG_FROZENSET);
    case CPS_TAG_BYTEARRAY:
        return unpack_bytearray(unpacker);
    case CPS_TAG_TIMEDELTA:
        return unpack_timedelta(unpacker);
    default:
        (void)cps_unpack_refuse(unpacker, "an unknown tag");
        return NULL;
    }
}

static PyObject *
unpack_tag(CpsUnpacker *unpacker, uint64_t tag)
{
    switch (tag) {
    case CPS_TAG_BIGNUM:
    case CPS_TAG_NEGATIVE_BIGNUM:
        return unpack_big_integer(unpacker, tag == CPS_TAG_NEGATIVE_BIGNUM);
    case CPS_TAG_WTF8:
        return unpack_wtf8(unpacker);
    default:
        break;
    }
    if (unpacker->json) {
        (void)cps_unpack_refuse(unpacker, "a value that JSON does not have");
        return NULL;
    }
    return unpack_python_tag(unpacker, tag);
}

/* ---- any value ---- */

static PyObject *
unpack_nested(CpsUnpacker *unpacker, const CpsItem *item)
{
    PyObject *value;

    if (unpacker->depth >= DEPTH_LIMIT) {
        (void)cps_unpack_refuse(unpacker, "too many levels of values within values");
        return NULL;
    }
    unpacker->depth++;
    value = item->kind == CPS_ITEM_ARRAY ? unpack_list(unpacker, (size_t)item->number)
            : item->kind == CPS_ITEM_MAP ? unpack_dict(unpacker, (size_t)item->number)
                                         : unpack_tag(unpacker, item->number);
    unpacker->depth--;
    return value;
}

PyObject *
cps_unpack_rest(CpsUnpacker *unpacker, const CpsItem *item)
{
    switch (item->kind) {
    case CPS_ITEM_UINT:
        return PyLong_FromUnsignedLongLong(item->number);
    case CPS_ITEM_NEGATIVE:
        return unpack_negative(item->number);
    case CPS_ITEM_TEXT:
        return unpack_text(unpacker, item);
    case CPS_ITEM_FLOAT:
        return PyFloat_FromDouble(item->real);
    case CPS_ITEM_BOOL:
        return PyBool_FromLong((long)item->number);
    case CPS_ITEM_NULL:
        return Py_NewRef(Py_None);
    case CPS_ITEM_BYTES:
        if (!unpacker->json) {
            return PyBytes_FromStringAndSize(item->bytes, (Py_ssize_t)item->length);
        }
        break;
    case CPS_ITEM_ARRAY:
    case CPS_ITEM_MAP:
    case CPS_ITEM_TAG:
        return unpack_nested(unpacker, item);
    case CPS_ITEM_REFUSED:
        break;
    }
    (void)cps_unpack_refuse(unpacker, "a value that JSON does not have");
    return NULL;
}

PyObject *
cps_unpack_value(CpsUnpacker *unpacker)
{
    CpsItem item;

    return cps_unpack_item(unpacker, &item) < 0 ? NULL : cps_unpack_rest(unpacker, &item);
}
