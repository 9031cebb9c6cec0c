/* BasicAuth: lets events pass whose request has credentials that a subclass accepts. */
#include "actors/actors.h"

#include "event/event.h"
#include "event/format.h"
#include "event/http.h"

#include <string.h>
#include <strings.h>

/* --- the header ----------------------------------------------------------------------------------------------------------------- */

/* event.environment["HTTP_AUTHORIZATION"] as str. New; NULL without an exception when there is none, or with one set. */
static PyObject *
basicauth_header(CpsState *state, PyObject *event)
{
    PyObject *header = cps_http_environment_item(state, event, state->names.HTTP_AUTHORIZATION);

    if (header != NULL && PyBytes_Check(header)) {
        Py_SETREF(header, PyUnicode_DecodeLatin1(PyBytes_AS_STRING(header), PyBytes_GET_SIZE(header), NULL));
    }
    else if (header != NULL && !PyUnicode_Check(header)) {
        Py_CLEAR(header);
    }
    return header;
}

/* The base64 text of "Basic <text>", or NULL when the header is of another scheme. Borrowed from `header`. */
static const char *
basicauth_token(const char *header)
{
    static const char scheme[] = "Basic ";

    if (strncasecmp(header, scheme, sizeof(scheme) - 1) != 0) {
        return NULL;
    }
    header += sizeof(scheme) - 1;
    return header + strspn(header, " ");
}

/* Whether none of the bytes is a control character, which RFC 7617 forbids: one could forge lines of a log. */
static bool
basicauth_is_clean(const char *bytes, Py_ssize_t length)
{
    for (Py_ssize_t i = 0; i < length; i++) {
        if ((unsigned char)bytes[i] < ' ' || bytes[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

/* UTF-8, or else Latin-1. New, or NULL with an exception set. */
static PyObject *
basicauth_decode(const char *bytes, Py_ssize_t length)
{
    PyObject *text = PyUnicode_DecodeUTF8(bytes, length, NULL);

    if (text == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        text = PyUnicode_DecodeLatin1(bytes, length, NULL);
    }
    return text;
}

/* The bytes that the header has in base64. New; NULL without an exception when it has none, or with one set. */
static PyObject *
basicauth_credentials(CpsState *state, PyObject *header)
{
    const char *text = PyUnicode_AsUTF8(header);
    const char *token = text == NULL ? NULL : basicauth_token(text);
    PyObject *decode = cps_import(&state->a2b_base64, "binascii", "a2b_base64"); /* borrowed */
    PyObject *options, *arguments[2] = {NULL, Py_True}, *credentials;

    if (text == NULL || token == NULL || decode == NULL) {
        return NULL;
    }
    options = Py_BuildValue("(s)", "strict_mode");
    arguments[0] = options == NULL ? NULL : PyUnicode_FromString(token);
    credentials = arguments[0] == NULL ? NULL : PyObject_Vectorcall(decode, arguments, 1, options);
    Py_XDECREF(options);
    Py_XDECREF(arguments[0]);
    if (credentials == NULL && PyErr_ExceptionMatches(PyExc_ValueError)) { /* binascii.Error */
        PyErr_Clear();
    }
    return credentials;
}

/* (user, password) of the event's request. New; NULL without an exception when there are none, or with one set. */
static PyObject *
basicauth_read(CpsState *state, PyObject *event)
{
    PyObject *header = basicauth_header(state, event);
    PyObject *credentials = header == NULL ? NULL : basicauth_credentials(state, header);
    PyObject *user = NULL, *password = NULL, *pair = NULL;
    const char *bytes, *colon;
    Py_ssize_t length;

    Py_XDECREF(header);
    if (credentials == NULL) {
        return NULL;
    }
    bytes = PyBytes_AS_STRING(credentials);
    length = PyBytes_GET_SIZE(credentials);
    colon = memchr(bytes, ':', (size_t)length); /* a password may have more of them */
    if (colon != NULL && basicauth_is_clean(bytes, length)) {
        user = basicauth_decode(bytes, colon - bytes);
        password = user == NULL ? NULL : basicauth_decode(colon + 1, length - (colon + 1 - bytes));
        pair = password == NULL ? NULL : PyTuple_Pack(2, user, password);
    }
    Py_XDECREF(user);
    Py_XDECREF(password);
    Py_DECREF(credentials);
    return pair;
}

/* --- refusal --------------------------------------------------------------------------------------------------------------------- */

/* `text` as a quoted string of a header. New, or NULL with an exception set. */
static PyObject *
basicauth_quote(PyObject *text)
{
    PyObject *escaped = PyObject_CallMethod(text, "replace", "ss", "\\", "\\\\");
    PyObject *quoted = escaped == NULL ? NULL : PyObject_CallMethod(escaped, "replace", "ss", "\"", "\\\"");

    Py_XDECREF(escaped);
    return quoted;
}

/* event.headers["WWW-Authenticate"] = Basic realm="..."; nothing for an event without headers. Returns 0, or -1 with an exception
 * set. */
static int
basicauth_challenge(CpsActor *self, PyObject *event)
{
    PyObject *headers, *realm, *quoted, *challenge;
    int status;

    if (PyObject_GetOptionalAttr(event, self->state->names.headers, &headers) <= 0) {
        return PyErr_Occurred() ? -1 : 0;
    }
    realm = PyObject_GetAttrString((PyObject *)self, "realm");
    Py_XSETREF(realm, realm == NULL ? NULL : PyObject_Str(realm));
    quoted = realm == NULL ? NULL : basicauth_quote(realm);
    challenge = quoted == NULL ? NULL : PyUnicode_FromFormat("Basic realm=\"%U\"", quoted);
    status = challenge == NULL ? -1 : PyMapping_SetItemString(headers, "WWW-Authenticate", challenge);
    Py_DECREF(headers);
    Py_XDECREF(realm);
    Py_XDECREF(quoted);
    Py_XDECREF(challenge);
    return status;
}

/* The exception that is set refuses the event: what a subclass raised, or an UnauthorizedEvent of ours. What it becomes as the event's
 * error: itself, or an UnauthorizedEvent with its message. New, or NULL with an exception set that is no reason to refuse. */
static PyObject *
basicauth_reason(CpsState *state)
{
    PyObject *raised, *message, *error;

    if (!cps_ordinary_error()) {
        return NULL;
    }
    raised = PyErr_GetRaisedException();
    if (cps_error_is(state, raised, CPS_UNAUTHORIZED_EVENT)) {
        return raised;
    }
    message = cps_error_is(state, raised, CPS_EXCEPTION) ? PyObject_GetAttr(raised, state->names.message)
                                                         : PyObject_Str(raised);
    error = message == NULL ? NULL : PyObject_CallOneArg(state->errors[CPS_UNAUTHORIZED_EVENT], message);
    Py_XDECREF(message);
    Py_DECREF(raised);
    return error;
}

/* The text of the log: an error of ours has one message. */
static void
basicauth_log(CpsActor *self, PyObject *event, PyObject *error)
{
    PyObject *messages = PyObject_GetAttr(error, self->state->names.message);
    PyObject *text = messages != NULL && PyList_Check(messages) && PyList_GET_SIZE(messages) == 1
                         ? PyObject_Str(PyList_GET_ITEM(messages, 0))
                         : PyObject_Str(error);

    if (text == NULL) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    else {
        cps_log(self->logger, CPS_LOG_WARNING, event, "Authorization Failed: %U", text);
    }
    Py_XDECREF(messages);
    Py_XDECREF(text);
}

/* The exception that is set refuses the event. Returns 0, or -1 with an exception set. */
static int
basicauth_refuse(CpsActor *self, PyObject *event)
{
    PyObject *error = basicauth_reason(self->state);
    int status;

    if (error == NULL) {
        return -1;
    }
    basicauth_log(self, event, error);
    self->counters.errors++;
    status = cps_event_set_error(self->state, event, error) < 0 || basicauth_challenge(self, event) < 0
                 ? -1
                 : cps_actor_send_error(self, event);
    Py_DECREF(error);
    return status;
}

/* --- consume ------------------------------------------------------------------------------------------------------------------- */

/* Whether _authenticate(user, password), which may block, accepts them. 1, 0, or -1 with an exception set. */
static int
basicauth_ask(CpsActor *self, PyObject *user, PyObject *password)
{
    PyObject *answer =
        PyObject_CallMethodObjArgs((PyObject *)self, self->state->names._authenticate, user, password, NULL);
    int accepted = answer == NULL ? -1 : PyObject_IsTrue(answer);

    Py_XDECREF(answer);
    return accepted;
}

/* Returns 0, or -1 with an exception set that refuses the event. */
static int
basicauth_check(CpsActor *self, PyObject *event)
{
    PyObject *pair = basicauth_read(self->state, event);
    int accepted;

    if (pair == NULL) {
        if (!PyErr_Occurred()) {
            cps_raise(self->state, CPS_UNAUTHORIZED_EVENT, "No auth headers present in submitted request");
        }
        return -1;
    }
    accepted = basicauth_ask(self, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
    if (accepted == 0) {
        cps_log(self->logger, CPS_LOG_INFO, event, "Authorization Failed for user %U", PyTuple_GET_ITEM(pair, 0));
        cps_raise(self->state, CPS_UNAUTHORIZED_EVENT, "Authorization Failed for user %U", PyTuple_GET_ITEM(pair, 0));
    }
    Py_DECREF(pair);
    return accepted > 0 ? 0 : -1;
}

static int
basicauth_consume(CpsActor *self, CpsInbox *Py_UNUSED(inbox), PyObject *event)
{
    if (basicauth_check(self, event) < 0) {
        return basicauth_refuse(self, event);
    }
    cps_log(self->logger, CPS_LOG_INFO, event, "Authorization successful");
    return cps_actor_send(self, event);
}

static const CpsActorOps basicauth_ops = {.consume = basicauth_consume};

/* --- methods ------------------------------------------------------------------------------------------------------------------- */

static PyObject *
basicauth_authenticate(PyObject *op, PyObject *Py_UNUSED(args))
{
    CpsActor *self = (CpsActor *)op;

    cps_log(self->logger, CPS_LOG_ERROR, NULL, "Non-implemented authenticate module");
    PyErr_SetString(PyExc_Exception, "Non-implemented authenticate module");
    return NULL;
}

/* str as UTF-8, other bytes-like objects as they are. New, or NULL with an exception set. */
static PyObject *
basicauth_bytes(PyObject *value)
{
    return PyUnicode_Check(value) ? PyUnicode_AsEncodedString(value, "utf-8", "surrogatepass") : Py_NewRef(value);
}

static PyObject *
basicauth_compare_digest(PyObject *Py_UNUSED(null), PyObject *args)
{
    PyObject *module, *given, *expected, *result;

    if (!PyArg_UnpackTuple(args, "compare_digest", 2, 2, &given, &expected)) {
        return NULL;
    }
    module = PyImport_ImportModule("hmac");
    given = module == NULL ? NULL : basicauth_bytes(given);
    expected = given == NULL ? NULL : basicauth_bytes(expected);
    result = expected == NULL ? NULL : PyObject_CallMethod(module, "compare_digest", "OO", given, expected);
    Py_XDECREF(module);
    Py_XDECREF(given);
    Py_XDECREF(expected);
    return result;
}

/* --- the type ------------------------------------------------------------------------------------------------------------------ */

/* Arguments without the `caller` that releases up to 1.1 took in the second place: a text, where size is a number. New, or NULL. */
static PyObject *
basicauth_without_caller(PyObject *args)
{
    PyObject *rest, *name, *result;

    if (PyTuple_GET_SIZE(args) < 2 || !PyUnicode_Check(PyTuple_GET_ITEM(args, 1))) {
        return Py_NewRef(args);
    }
    name = PyTuple_GetSlice(args, 0, 1);
    rest = name == NULL ? NULL : PyTuple_GetSlice(args, 2, PY_SSIZE_T_MAX);
    result = rest == NULL ? NULL : PySequence_Concat(name, rest);
    Py_XDECREF(name);
    Py_XDECREF(rest);
    return result;
}

static int
basicauth_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    PyObject *rest = basicauth_without_caller(args);
    int result = rest == NULL ? -1 : cps_actor_init((CpsActor *)op, &basicauth_ops, rest, kwargs);

    Py_XDECREF(rest);
    return result;
}

PyDoc_STRVAR(basicauth_doc,
             "BasicAuth(name, *args, **kwargs)\n--\n\n"
             "Let events pass whose request has credentials that _authenticate accepts: subclass it.\n\n"
             "In and out: Event. The credentials are those of the header Authorization (event.environment\n"
             "['HTTP_AUTHORIZATION']) with the scheme Basic, in UTF-8, else in Latin-1.\n\n"
             "An event without credentials, or with such as are not accepted, goes to the error queues with an\n"
             "UnauthorizedEvent as its error: status 401, and a header WWW-Authenticate with the realm.\n\n"
             "realm: class or instance attribute, str; default 'Compysition Authentication'.");

PyDoc_STRVAR(authenticate_doc,
             "_authenticate($self, user, password, /)\n--\n\n"
             "Whether the credentials, two str, are accepted. Subclasses implement it; it may block, as a consume\n"
             "may, and other events go on meanwhile. What it raises refuses the event, with the exception's text\n"
             "as the message that the client sees.");

PyDoc_STRVAR(compare_digest_doc,
             "compare_digest(given, expected, /)\n--\n\n"
             "Whether two secrets, str or bytes, are equal. The time it takes does not tell where they differ.\n"
             "A str is compared as UTF-8. Raises TypeError for anything else.");

static PyMethodDef basicauth_methods[] = {
    CPS_CONSUME_METHOD,
    {"_authenticate", basicauth_authenticate, METH_VARARGS, authenticate_doc},
    {"compare_digest", basicauth_compare_digest, METH_VARARGS | METH_STATIC, compare_digest_doc},
    {NULL},
};
static PyMemberDef basicauth_members[] = {CPS_ACTOR_MEMBERS, {NULL}};
static PyGetSetDef basicauth_getset[] = {CPS_DICT, {NULL}};

static PyType_Slot basicauth_slots[] = {
    {Py_tp_doc, (void *)basicauth_doc}, {Py_tp_init, basicauth_init},       {Py_tp_traverse, cps_actor_traverse},
    {Py_tp_clear, cps_actor_clear},     {Py_tp_dealloc, cps_actor_dealloc}, {Py_tp_methods, basicauth_methods},
    {Py_tp_members, basicauth_members}, {Py_tp_getset, basicauth_getset},   {0, NULL},
};

static PyType_Spec basicauth_spec = {
    .name = "compysition.actors.basicauth.BasicAuth",
    .basicsize = sizeof(CpsActor),
    .flags = CPS_ACTOR_FLAGS,
    .slots = basicauth_slots,
};

int
cps_basicauth_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.BasicAuth, &basicauth_spec, (PyObject *)state->types.Actor) < 0) {
        return -1;
    }
    return cps_format_set_text(state->types.BasicAuth, "realm", "Compysition Authentication");
}
