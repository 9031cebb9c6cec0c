/* RESTTranslator: turns what a flow did with a request into the statuses and headers that REST has for it. */
#include "actors/actors.h"

#include "base/percent.h"
#include "event/http.h"
#include "event/nodata.h"

typedef struct {
    CpsActor base;
    PyObject *url_post_location; /* owned: str or None */
} CpsRestTranslator;

/* --- statuses ------------------------------------------------------------------------------------------------------------------ */

/* The code of event.status. Returns -1 with an exception set. */
static long
rest_status(CpsState *state, PyObject *event)
{
    PyObject *status = PyObject_GetAttr(event, state->names.status);
    PyObject *code = status == NULL ? NULL : PySequence_GetItem(status, 0);
    long number = code == NULL ? -1 : PyLong_AsLong(code);

    Py_XDECREF(status);
    Py_XDECREF(code);
    return number;
}

/* Returns 0, or -1 with an exception set. */
static int
rest_set_status(CpsState *state, PyObject *event, int code, const char *reason)
{
    PyObject *status = Py_BuildValue("(is)", code, reason);
    int result = status == NULL ? -1 : PyObject_SetAttr(event, state->names.status, status);

    Py_XDECREF(status);
    return result;
}

/* 200 without data becomes 204. New reference to the event, or NULL with an exception set. */
static PyObject *
rest_translate_empty(PyObject *op, PyObject *event)
{
    CpsState *state = ((CpsActor *)op)->state;
    long status = rest_status(state, event);
    int empty = status == 200 ? cps_event_has_no_data(state, event) : 0;

    if (empty < 0 || PyErr_Occurred() || (empty > 0 && rest_set_status(state, event, 204, "No Content") < 0)) {
        return NULL;
    }
    return Py_NewRef(event);
}

/* --- Location --------------------------------------------------------------------------------------------------------------------- */

/* `value`, as text with all but `safe` percent-encoded. New, or NULL with an exception set. */
static PyObject *
rest_encode(PyObject *value, const char *safe)
{
    PyObject *text = PyObject_Str(value);
    PyObject *bytes = text == NULL ? NULL : PyUnicode_AsEncodedString(text, "utf-8", "surrogateescape");
    PyObject *encoded = NULL;
    CpsBuffer buffer = {0};

    if (bytes != NULL &&
        cps_percent_encode(&buffer, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes), safe) < 0) {
        PyErr_NoMemory();
    }
    else if (bytes != NULL) {
        encoded = PyUnicode_DecodeASCII(buffer.bytes == NULL ? "" : buffer.bytes, (Py_ssize_t)buffer.length, NULL);
    }
    cps_buffer_free(&buffer);
    Py_XDECREF(text);
    Py_XDECREF(bytes);
    return encoded;
}

/* What identifies the new entity: event.entity_id, else meta_id; as a part of a URL. New, or NULL with an exception set. */
static PyObject *
rest_entity(CpsState *state, PyObject *event)
{
    PyObject *id, *encoded;
    int found = PyObject_GetOptionalAttr(event, state->names.entity_id, &id);

    if (found == 0) {
        id = PyObject_GetAttr(event, state->names.meta_id);
    }
    encoded = id == NULL ? NULL : rest_encode(id, "");
    Py_XDECREF(id);
    return encoded;
}

/* Where new entities are: url_post_location, else the request's path. New; NULL without an exception when unknown, or with one. */
static PyObject *
rest_base(CpsRestTranslator *self, PyObject *event)
{
    CpsState *state = self->base.state;
    PyObject *configured = cps_field(self->url_post_location);
    PyObject *path, *base;

    if (configured != Py_None) {
        return PyObject_Str(configured);
    }
    path = cps_http_environment_item(state, event, state->names.PATH_INFO);
    base = path == NULL ? NULL : rest_encode(path, "/:@!$&'()*+,;="); /* it came decoded */
    Py_XDECREF(path);
    return base;
}

/* New, or NULL with an exception set. */
static PyObject *
rest_join(PyObject *base, PyObject *entity)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(base);
    int slash = length > 0 && PyUnicode_READ_CHAR(base, length - 1) == '/';
    PyObject *placeholder = PyUnicode_FromString("{entity_id}");
    int filled = placeholder == NULL ? -1 : PyUnicode_Contains(base, placeholder);
    PyObject *location = filled < 0    ? NULL
                         : filled == 0 ? PyUnicode_FromFormat(slash ? "%U%U" : "%U/%U", base, entity)
                                       : PyUnicode_Replace(base, placeholder, entity, -1);

    Py_XDECREF(placeholder);
    return location;
}

/* event.headers["Location"], when it is known. Returns 0, or -1 with an exception set. */
static int
rest_set_location(CpsRestTranslator *self, PyObject *event)
{
    CpsState *state = self->base.state;
    PyObject *base = rest_base(self, event), *entity, *location, *headers;
    int status;

    if (base == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    entity = rest_entity(state, event);
    location = entity == NULL ? NULL : rest_join(base, entity);
    headers = location == NULL ? NULL : PyObject_GetAttr(event, state->names.headers);
    status = headers == NULL ? -1 : PyMapping_SetItemString(headers, "Location", location);
    Py_DECREF(base);
    Py_XDECREF(entity);
    Py_XDECREF(location);
    Py_XDECREF(headers);
    return status;
}

static PyObject *
rest_translate_post(PyObject *op, PyObject *event)
{
    CpsRestTranslator *self = (CpsRestTranslator *)op;
    long status = rest_status(self->base.state, event);

    if (PyErr_Occurred()) {
        return NULL;
    }
    if ((status == 200 || status == 201) &&
        (rest_set_status(self->base.state, event, 201, "Created") < 0 || rest_set_location(self, event) < 0)) {
        return NULL;
    }
    return Py_NewRef(event);
}

/* --- consume ------------------------------------------------------------------------------------------------------------------- */

/* event.environment["REQUEST_METHOD"] as text. New; NULL without an exception when there is none, or with one set. */
static PyObject *
rest_method(CpsState *state, PyObject *event)
{
    PyObject *method = cps_http_environment_item(state, event, state->names.REQUEST_METHOD);

    Py_XSETREF(method, method == NULL ? NULL : PyObject_Str(method));
    return method;
}

/* self.translate_<method in lower case>. New; NULL without an exception when there is none, or with one set. */
static PyObject *
rest_translation(CpsRestTranslator *self, PyObject *method)
{
    PyObject *lower = PyObject_CallMethod(method, "lower", NULL);
    PyObject *name = lower == NULL ? NULL : PyUnicode_FromFormat("translate_%U", lower);
    PyObject *translation = NULL;

    if (name != NULL) {
        (void)PyObject_GetOptionalAttr((PyObject *)self, name, &translation);
    }
    Py_XDECREF(lower);
    Py_XDECREF(name);
    return translation;
}

/* What the translation for the method makes of the event. New, or NULL with an exception set. */
static PyObject *
rest_translate(CpsRestTranslator *self, PyObject *event, PyObject *method)
{
    PyObject *translation, *translated;

    cps_log(self->base.logger, CPS_LOG_INFO, event, "Translating REST for %U", method);
    translation = rest_translation(self, method);
    if (translation == NULL) {
        return PyErr_Occurred() ? NULL : Py_NewRef(event);
    }
    translated = PyObject_CallOneArg(translation, event);
    Py_DECREF(translation);
    if (translated != NULL && !cps_event_check(self->base.state, translated)) {
        cps_raise(self->base.state, CPS_INVALID_ACTOR_OUTPUT, "The translation for %U returned %R, not an event",
                  method, (PyObject *)Py_TYPE(translated));
        Py_CLEAR(translated);
    }
    return translated;
}

static int
rest_consume(CpsActor *actor, CpsInbox *Py_UNUSED(inbox), PyObject *event)
{
    PyObject *method = rest_method(actor->state, event);
    PyObject *translated;
    int status;

    if (method == NULL) {
        return PyErr_Occurred() ? -1 : cps_actor_send(actor, event);
    }
    translated = rest_translate((CpsRestTranslator *)actor, event, method);
    status = translated == NULL ? -1 : cps_actor_send(actor, translated);
    Py_DECREF(method);
    Py_XDECREF(translated);
    return status;
}

static const CpsActorOps rest_ops = {.consume = rest_consume};

/* --- the type ------------------------------------------------------------------------------------------------------------------ */

static int
rest_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    enum { NAME, LOCATION, PARAMETERS };
    static const char *const names[] = {"name", "url_post_location"};
    CpsRestTranslator *self = (CpsRestTranslator *)op;
    PyObject *values[PARAMETERS], *rest_args, *rest_kwargs;
    int result;

    if (cps_bind("RESTTranslator", args, kwargs, names, PARAMETERS, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    result = cps_actor_init(&self->base, &rest_ops, rest_args, rest_kwargs);
    if (result == 0) {
        cps_take_object(&self->url_post_location, values[LOCATION] == NULL ? Py_None : values[LOCATION]);
    }
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

static int
rest_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(((CpsRestTranslator *)op)->url_post_location);
    return cps_actor_traverse(op, visit, arg);
}

static int
rest_clear(PyObject *op)
{
    Py_CLEAR(((CpsRestTranslator *)op)->url_post_location);
    return cps_actor_clear(op);
}

static void
rest_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    Py_CLEAR(((CpsRestTranslator *)op)->url_post_location);
    cps_actor_dealloc(op);
}

PyDoc_STRVAR(rest_doc,
             "RESTTranslator(name, url_post_location=None, *args, **kwargs)\n--\n\n"
             "Give each event's response the status and the header that REST has for its method.\n\n"
             "In and out: HttpEvent.\n\n"
             "url_post_location: str, where new entities are: '{entity_id}' in it is filled in, otherwise '/' and\n"
             "    the id follow. None: the request's path.\n\n"
             "Calls translate_<method>(event), the method (event.environment['REQUEST_METHOD']) in lower case, and\n"
             "sends on the event that it returns. An event without a method, or with one that has no translation,\n"
             "goes on as it is.");

PyDoc_STRVAR(translate_post_doc,
             "translate_post($self, event, /)\n--\n\n"
             "Status 200 or 201 becomes (201, 'Created'), with the header Location: url_post_location or the path,\n"
             "and the event's entity_id or meta_id, percent-encoded. Returns the event.");

#define TRANSLATE_EMPTY(method)                         \
    {"translate_" method, rest_translate_empty, METH_O, \
     "translate_" method "($self, event, /)\n--\n\n"    \
     "Status 200 without data (None, of length 0, <root/>) becomes (204, 'No Content'). Returns the event."}

static PyMethodDef rest_methods[] = {
    CPS_CONSUME_METHOD,
    {"translate_post", rest_translate_post, METH_O, translate_post_doc},
    TRANSLATE_EMPTY("get"),
    TRANSLATE_EMPTY("put"),
    TRANSLATE_EMPTY("patch"),
    TRANSLATE_EMPTY("delete"),
    {NULL},
};

static PyMemberDef rest_members[] = {
    CPS_ACTOR_MEMBERS,
    {"url_post_location", T_OBJECT, offsetof(CpsRestTranslator, url_post_location), 0,
     "Where new entities are (str), or None for the request's path."},
    {NULL},
};
static PyGetSetDef rest_getset[] = {CPS_DICT, {NULL}};

static PyType_Slot rest_slots[] = {
    {Py_tp_doc, (void *)rest_doc}, {Py_tp_init, rest_init},       {Py_tp_traverse, rest_traverse},
    {Py_tp_clear, rest_clear},     {Py_tp_dealloc, rest_dealloc}, {Py_tp_methods, rest_methods},
    {Py_tp_members, rest_members}, {Py_tp_getset, rest_getset},   {0, NULL},
};

static PyType_Spec rest_spec = {
    .name = "compysition.actors.rest.RESTTranslator",
    .basicsize = sizeof(CpsRestTranslator),
    .flags = CPS_ACTOR_FLAGS,
    .slots = rest_slots,
};

int
cps_rest_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.RESTTranslator, &rest_spec, (PyObject *)state->types.Actor) < 0) {
        return -1;
    }
    return cps_set_event_types(state, state->types.RESTTranslator, state->types.HttpEvent, state->types.HttpEvent);
}
