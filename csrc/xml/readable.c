#include "xml/readable.h"

/* Add one item. Returns 0, or -1 with an exception set. */
typedef int (*Add)(CpsReadable *readable, PyObject *item);

static int
add_directory(CpsReadable *readable, PyObject *path)
{
    PyObject *bytes;
    int status;

    if (!PyUnicode_FSConverter(path, &bytes)) {
        return -1;
    }
    status = cps_readable_add(readable, PyBytes_AS_STRING(bytes));
    Py_DECREF(bytes);
    if (status < 0) {
        PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
    }
    return status;
}

static int
add_url(CpsReadable *readable, PyObject *url)
{
    const char *text;

    if (!PyUnicode_Check(url)) {
        PyErr_Format(PyExc_TypeError, "allowed_urls must be str, not %.100s", Py_TYPE(url)->tp_name);
        return -1;
    }
    text = PyUnicode_AsUTF8(url);
    if (text == NULL) {
        return -1;
    }
    if (strlen(text) != (size_t)PyUnicode_GET_LENGTH(url) || cps_allowed_urls_add(&readable->urls, text) < 0) {
        PyErr_Format(PyExc_ValueError,
                     "%R is no prefix for allowed_urls: an absolute URL in ASCII of http or https, without user, query "
                     "and fragment",
                     url);
        return -1;
    }
    return 0;
}

static bool
is_one(PyObject *items)
{
    return PyUnicode_Check(items) || PyBytes_Check(items) || PyObject_HasAttrString(items, "__fspath__");
}

/* Add one or several. Returns 0, or -1 with an exception set. */
static int
add_all(CpsReadable *readable, PyObject *items, Add add, const char *message)
{
    PyObject *sequence;
    int status = 0;

    if (items == NULL || items == Py_None) {
        return 0;
    }
    if (is_one(items)) {
        return add(readable, items);
    }
    sequence = PySequence_Fast(items, message);
    if (sequence == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; status == 0 && i < PySequence_Fast_GET_SIZE(sequence); i++) {
        status = add(readable, PySequence_Fast_GET_ITEM(sequence, i));
    }
    Py_DECREF(sequence);
    return status;
}

int
cps_readable_from(CpsReadable *readable, PyObject *paths, PyObject *urls, PyObject *huge)
{
    int truth = huge == NULL ? 0 : PyObject_IsTrue(huge);

    cps_readable_free(readable);
    readable->huge = truth > 0;
    if (truth < 0 || add_all(readable, paths, add_directory, "allowed_paths must be a directory, or directories") < 0) {
        return -1;
    }
    return add_all(readable, urls, add_url, "allowed_urls must be a URL, or URLs");
}

/* New, or NULL with an exception set. */
static PyObject *
tuple_of(char *const *texts, size_t count)
{
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);

    for (size_t i = 0; tuple != NULL && i < count; i++) {
        PyObject *text = PyUnicode_DecodeFSDefault(texts[i]);

        if (text == NULL) {
            Py_CLEAR(tuple);
            break;
        }
        PyTuple_SET_ITEM(tuple, (Py_ssize_t)i, text);
    }
    return tuple;
}

PyObject *
cps_readable_paths(const CpsReadable *readable)
{
    return tuple_of(readable->directories, readable->count);
}

PyObject *
cps_readable_urls(const CpsReadable *readable)
{
    return tuple_of(readable->urls.places, readable->urls.count);
}
