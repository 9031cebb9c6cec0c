/* SetCookie: gives each event's response a cookie. */
#include "actors/actors.h"

#include "event/event.h"
#include "http/date.h"

#include <string.h>
#include <time.h>

typedef struct {
    CpsActor base;
    PyObject *cookie_key;   /* owned */
    PyObject *static_value; /* owned */
    PyObject *path;         /* owned */
    PyObject *expiry;       /* owned */
    PyObject *value_mode;   /* owned */
} CpsSetCookie;

/* --- the text ----------------------------------------------------------------------------------------------------------------- */

/* Whether all characters are among those of a token (RFC 9110). */
static bool
cookie_is_token(const char *text, Py_ssize_t length)
{
    return length > 0 &&
           (size_t)length ==
               strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~:");
}

/* A value as http.cookies writes it: in quotes, with octal escapes, unless it is a token. New, or NULL with an exception set. */
static PyObject *
cookie_quote(const char *value, Py_ssize_t length)
{
    char *quoted, *end;
    PyObject *text;

    if (cookie_is_token(value, length)) {
        return PyUnicode_FromString(value);
    }
    quoted = PyMem_Malloc(4 * (size_t)length + 3);
    if (quoted == NULL) {
        return PyErr_NoMemory();
    }
    end = quoted;
    *end++ = '"';
    for (const char *last = value + length; value < last; value++) {
        unsigned char c = (unsigned char)*value;

        if (c == '"' || c == '\\') {
            *end++ = '\\';
            *end++ = (char)c;
        }
        else if (c < ' ' || c >= 0x7f || c == ',' || c == ';') {
            end += sprintf(end, "\\%03o", c);
        }
        else {
            *end++ = (char)c;
        }
    }
    *end++ = '"';
    text = PyUnicode_FromStringAndSize(quoted, end - quoted);
    PyMem_Free(quoted);
    return text;
}

/* The key and the path end up in a header as they are. Returns 0, or -1 with ValueError set. */
static int
cookie_check(PyObject *key, PyObject *path)
{
    Py_ssize_t key_length, path_length;
    const char *key_text = PyUnicode_AsUTF8AndSize(key, &key_length);
    const char *path_text = key_text == NULL ? NULL : PyUnicode_AsUTF8AndSize(path, &path_length);

    if (path_text == NULL) {
        return -1;
    }
    if (!cookie_is_token(key_text, key_length)) {
        PyErr_Format(PyExc_ValueError, "%R cannot be the key of a cookie", key);
        return -1;
    }
    for (Py_ssize_t i = 0; i < path_length; i++) {
        if ((unsigned char)path_text[i] < ' ' || path_text[i] == ';' || (unsigned char)path_text[i] >= 0x7f) {
            PyErr_Format(PyExc_ValueError, "%R cannot be the path of a cookie", path);
            return -1;
        }
    }
    return 0;
}

/* The header's value for str arguments. New, or NULL with an exception set. */
static PyObject *
cookie_format(PyObject *key, PyObject *value, PyObject *path, double expiry)
{
    char date[CPS_HTTP_DATE_SIZE];
    Py_ssize_t length;
    const char *raw = PyUnicode_AsUTF8AndSize(value, &length);
    double end = (double)time(NULL) + expiry;
    PyObject *quoted, *text;

    if (raw == NULL || cookie_check(key, path) < 0) {
        return NULL;
    }
    if (!(end >= 0 && end < 1e12) || cps_http_date((time_t)end, date) < 0) {
        PyErr_SetString(PyExc_ValueError, "the cookie's expiry is out of range");
        return NULL;
    }
    quoted = cookie_quote(raw, length);
    text = quoted == NULL ? NULL : PyUnicode_FromFormat("%U=%U; expires=%s; Path=%U", key, quoted, date, path);
    Py_XDECREF(quoted);
    return text;
}

/* --- consume ------------------------------------------------------------------------------------------------------------------ */

/* The cookie with `value`. New, or NULL with an exception set. */
static PyObject *
setcookie_text(CpsSetCookie *self, PyObject *value)
{
    double expiry = PyFloat_AsDouble(cps_field(self->expiry));
    PyObject *key, *text_value, *path, *text = NULL;

    if (expiry == -1 && PyErr_Occurred()) {
        return NULL;
    }
    key = PyObject_Str(cps_field(self->cookie_key));
    text_value = PyObject_Str(value);
    path = PyObject_Str(cps_field(self->path));
    if (key != NULL && text_value != NULL && path != NULL) {
        text = cookie_format(key, text_value, path, expiry);
    }
    Py_XDECREF(key);
    Py_XDECREF(text_value);
    Py_XDECREF(path);
    return text;
}

/* The header's value when there are cookies before: a list. New, or NULL with an exception set. */
static PyObject *
setcookie_beside(PyObject *before, PyObject *cookie)
{
    PyObject *cookies =
        PyList_Check(before) || PyTuple_Check(before) ? PySequence_List(before) : Py_BuildValue("[O]", before);

    if (cookies != NULL && PyList_Append(cookies, cookie) < 0) {
        Py_CLEAR(cookies);
    }
    return cookies;
}

/* Returns 0, or -1 with an exception set. */
static int
setcookie_add(CpsSetCookie *self, PyObject *event, PyObject *value)
{
    PyObject *headers = PyObject_GetAttr(event, self->base.state->names.headers);
    PyObject *cookie = headers == NULL ? NULL : setcookie_text(self, value);
    PyObject *name = cookie == NULL ? NULL : PyUnicode_InternFromString("Set-Cookie");
    PyObject *before = NULL, *header = NULL;
    int status = -1;

    if (name != NULL && !PyDict_Check(headers)) {
        PyErr_Format(PyExc_TypeError, "headers must be a dict, not %.200s", Py_TYPE(headers)->tp_name);
    }
    else if (name != NULL && PyDict_GetItemRef(headers, name, &before) >= 0) {
        header = before == NULL ? Py_NewRef(cookie) : setcookie_beside(before, cookie);
        status = header == NULL ? -1 : PyDict_SetItem(headers, name, header);
    }
    Py_XDECREF(headers);
    Py_XDECREF(cookie);
    Py_XDECREF(name);
    Py_XDECREF(before);
    Py_XDECREF(header);
    return status;
}

/* Give the event its cookie. Returns 0, or -1 with an exception set. */
static int
setcookie_assign(CpsSetCookie *self, PyObject *event)
{
    PyObject *value = PyObject_GetAttrString((PyObject *)self, "cookie_value");
    int status = value == NULL ? -1 : setcookie_add(self, event, value);

    if (status == 0) {
        cps_log(self->base.logger, CPS_LOG_DEBUG, event, "Assigned incoming HttpEvent cookie '%S' value of '%S'",
                cps_field(self->cookie_key), value);
    }
    Py_XDECREF(value);
    return status;
}

static int
setcookie_consume(CpsActor *actor, CpsInbox *inbox, PyObject *event)
{
    PyObject *exc;

    if (setcookie_assign((CpsSetCookie *)actor, event) == 0) {
        return cps_actor_send(actor, event);
    }
    if (!cps_ordinary_error()) {
        return -1;
    }
    exc = PyErr_GetRaisedException();
    cps_log(actor->logger, CPS_LOG_ERROR, event, "Unable to assign cookie: %S", exc);
    cps_actor_fail(actor, event, exc);
    Py_DECREF(exc);
    return 0;
}

static const CpsActorOps setcookie_ops = {.consume = setcookie_consume};

/* --- the type ----------------------------------------------------------------------------------------------------------------- */

enum { NAME, KEY, VALUE, MODE, EXPIRY, PATH, PARAMETERS };

/* An argument, or its default. New, or NULL with an exception set. */
static PyObject *
setcookie_given(PyObject *value, const char *fallback)
{
    return value == NULL ? PyUnicode_FromString(fallback) : Py_NewRef(value);
}

/* Take the arguments. Returns 0, or -1 with an exception set. */
static int
setcookie_configure(CpsSetCookie *self, PyObject *const *values)
{
    PyObject *cookie;

    Py_XSETREF(self->cookie_key, setcookie_given(values[KEY], "session"));
    Py_XSETREF(self->static_value, setcookie_given(values[VALUE], "session_value"));
    Py_XSETREF(self->value_mode, setcookie_given(values[MODE], "static"));
    Py_XSETREF(self->path, setcookie_given(values[PATH], "/"));
    Py_XSETREF(self->expiry, values[EXPIRY] == NULL ? PyLong_FromLong(6000) : Py_NewRef(values[EXPIRY]));
    if (self->cookie_key == NULL || self->static_value == NULL || self->value_mode == NULL || self->path == NULL ||
        self->expiry == NULL) {
        return -1;
    }
    cookie = setcookie_text(self, self->static_value); /* what cannot become one is an error now */
    Py_XDECREF(cookie);
    return cookie == NULL ? -1 : 0;
}

static int
setcookie_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "cookie_key", "cookie_value", "value_mode", "expiry", "path"};
    CpsSetCookie *self = (CpsSetCookie *)op;
    PyObject *values[PARAMETERS], *rest_args, *rest_kwargs;
    int result;

    if (cps_bind("SetCookie", args, kwargs, names, PARAMETERS, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    result = cps_actor_init(&self->base, &setcookie_ops, rest_args, rest_kwargs);
    if (result == 0) {
        result = setcookie_configure(self, values);
    }
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

static PyObject *
setcookie_get_value(PyObject *op, void *closure)
{
    CpsSetCookie *self = (CpsSetCookie *)op;
    PyObject *mode = cps_field(self->value_mode);
    uint8_t id[CPS_EVENT_ID_BYTES];

    if (cps_text_is(mode, "static")) {
        return Py_NewRef(cps_field(self->static_value));
    }
    return cps_event_id_new(id) < 0 ? NULL : cps_event_id_hex(id);
}

static int
setcookie_set_value(PyObject *op, PyObject *value, void *closure)
{
    Py_XSETREF(((CpsSetCookie *)op)->static_value, Py_XNewRef(value));
    return 0;
}

static int
setcookie_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsSetCookie *self = (CpsSetCookie *)op;

    Py_VISIT(self->cookie_key);
    Py_VISIT(self->static_value);
    Py_VISIT(self->path);
    Py_VISIT(self->expiry);
    Py_VISIT(self->value_mode);
    return cps_actor_traverse(op, visit, arg);
}

static void
setcookie_clear_own(CpsSetCookie *self)
{
    Py_CLEAR(self->cookie_key);
    Py_CLEAR(self->static_value);
    Py_CLEAR(self->path);
    Py_CLEAR(self->expiry);
    Py_CLEAR(self->value_mode);
}

static int
setcookie_clear(PyObject *op)
{
    setcookie_clear_own((CpsSetCookie *)op);
    return cps_actor_clear(op);
}

static void
setcookie_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    setcookie_clear_own((CpsSetCookie *)op);
    cps_actor_dealloc(op);
}

PyDoc_STRVAR(setcookie_doc,
             "SetCookie(name, cookie_key='session', cookie_value='session_value', value_mode='static', expiry=6000,\n"
             "          path='/', *args, **kwargs)\n--\n\n"
             "Set a cookie in the response headers of each event, beside those that are there.\n\n"
             "In and out: Event with headers, as HTTP events have them. One without is sent to the error queues.\n\n"
             "cookie_key: str of the characters of a token; else ValueError.\n"
             "cookie_value: anything; its str() is the value.\n"
             "value_mode: 'static'; with anything else each event gets 32 random hex digits.\n"
             "expiry: seconds from then on, int or float.\n"
             "path: str.\n\n"
             "Subclasses may replace the property cookie_value.");

static PyMethodDef setcookie_methods[] = {CPS_CONSUME_METHOD, {NULL}};

static PyMemberDef setcookie_members[] = {
    CPS_ACTOR_MEMBERS,
    {"cookie_key", T_OBJECT_EX, offsetof(CpsSetCookie, cookie_key), 0, "The cookie's name (str)."},
    {"value_mode", T_OBJECT_EX, offsetof(CpsSetCookie, value_mode), 0, "'static', or anything for random values."},
    {"expiry", T_OBJECT_EX, offsetof(CpsSetCookie, expiry), 0, "Seconds until it expires (int or float)."},
    {"path", T_OBJECT_EX, offsetof(CpsSetCookie, path), 0, "The cookie's path (str)."},
    {NULL},
};

static PyGetSetDef setcookie_getset[] = {
    CPS_DICT,
    {"cookie_value", setcookie_get_value, setcookie_set_value,
     "The value for the next event. What is assigned is the static one.", NULL},
    {NULL},
};

static PyType_Slot setcookie_slots[] = {
    {Py_tp_doc, (void *)setcookie_doc}, {Py_tp_init, setcookie_init},       {Py_tp_traverse, setcookie_traverse},
    {Py_tp_clear, setcookie_clear},     {Py_tp_dealloc, setcookie_dealloc}, {Py_tp_methods, setcookie_methods},
    {Py_tp_members, setcookie_members}, {Py_tp_getset, setcookie_getset},   {0, NULL},
};

static PyType_Spec setcookie_spec = {
    .name = "compysition.actors.cookie.SetCookie",
    .basicsize = sizeof(CpsSetCookie),
    .flags = CPS_ACTOR_FLAGS,
    .slots = setcookie_slots,
};

int
cps_setcookie_setup(PyObject *module, CpsState *state)
{
    return cps_add_type(module, &state->types.SetCookie, &setcookie_spec, (PyObject *)state->types.Actor);
}
