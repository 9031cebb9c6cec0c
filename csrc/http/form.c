#include "http/form.h"

#include "base/percent.h"
#include "http/charset.h"

#include <string.h>

/* A field, still encoded. */
typedef struct {
    const char *name, *value;
    size_t name_length, value_length;
} Field;

/* Goes over the fields of a text. */
typedef struct {
    const char *text, *end;
    int count;
} Fields;

/* Returns 1 and the next field, 0 at the end, or -1 with MalformedEventData set. */
static int
fields_next(CpsState *state, Fields *self, Field *field)
{
    const char *end, *equals;

    while (self->text < self->end && *self->text == '&') {
        self->text++;
    }
    if (self->text == self->end) {
        return 0;
    }
    if (++self->count > CPS_FORM_FIELDS) {
        cps_raise(state, CPS_MALFORMED_EVENT_DATA, "More than %d fields", CPS_FORM_FIELDS);
        return -1;
    }
    end = memchr(self->text, '&', (size_t)(self->end - self->text));
    end = end == NULL ? self->end : end;
    equals = memchr(self->text, '=', (size_t)(end - self->text));
    field->name = self->text;
    field->name_length = (size_t)((equals == NULL ? end : equals) - self->text);
    field->value = equals == NULL ? end : equals + 1;
    field->value_length = (size_t)(end - field->value);
    self->text = end;
    return 1;
}

/* The decoded text. New str, or NULL with an exception set. */
static PyObject *
decode(CpsState *state, const char *text, size_t length, const char *charset)
{
    char stack[512];
    char *bytes = length <= sizeof(stack) ? stack : PyMem_Malloc(length);
    PyObject *decoded;

    if (bytes == NULL) {
        return PyErr_NoMemory();
    }
    decoded = cps_http_decode(state, bytes, cps_percent_decode(bytes, text, length, true), charset, "replace");
    if (bytes != stack) {
        PyMem_Free(bytes);
    }
    return decoded;
}

PyObject *
cps_form_dict(CpsState *state, const char *text, size_t length)
{
    Fields fields = {.text = text, .end = text + length};
    PyObject *dict = PyDict_New();
    Field field;
    int found = dict == NULL ? -1 : 1;

    while (found > 0 && (found = fields_next(state, &fields, &field)) > 0) {
        PyObject *name = decode(state, field.name, field.name_length, "");
        PyObject *value = name == NULL ? NULL : decode(state, field.value, field.value_length, "");

        if (value == NULL || PyDict_SetItem(dict, name, value) < 0) {
            found = -1;
        }
        Py_XDECREF(name);
        Py_XDECREF(value);
    }
    if (found < 0) {
        Py_CLEAR(dict);
    }
    return dict;
}

/* Whether that is its name once it is decoded. */
static bool
is_named(const Field *field, const char *name)
{
    char bytes[3 * sizeof("JSON")];

    return field->name_length <= sizeof(bytes) &&
           cps_percent_decode(bytes, field->name, field->name_length, true) == strlen(name) &&
           memcmp(bytes, name, strlen(name)) == 0;
}

int
cps_form_data(CpsState *state, const char *text, size_t length, const char *charset, const char **name_p,
              PyObject **value_p)
{
    static const char *const special[] = {"XML", "JSON", NULL}; /* in this order */
    Fields fields = {.text = text, .end = text + length};
    Field field, found[3]; /* the last one: the first of all */
    bool has[3] = {false};
    int more, best;

    while ((more = fields_next(state, &fields, &field)) > 0) {
        for (int i = 0; i < 3; i++) {
            if (!has[i] && (special[i] == NULL || is_named(&field, special[i]))) {
                found[i] = field;
                has[i] = true;
            }
        }
    }
    if (more < 0 || !has[2]) {
        return more;
    }
    best = has[0] ? 0 : has[1] ? 1 : 2;
    *name_p = special[best];
    *value_p = decode(state, found[best].value, found[best].value_length, charset);
    return *value_p == NULL ? -1 : 1;
}
