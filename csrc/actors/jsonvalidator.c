/* JSONValidator: lets events pass whose data fits a JSON schema. */
#include "actors/actors.h"

#include "event/event.h"

typedef struct {
    CpsActor base;
    PyObject *schema;      /* owned, as it was given */
    PyObject *validator;   /* owned: what jsonschema made of it; NULL without a schema */
    PyObject *iter_errors; /* owned: its method; NULL without a schema */
} CpsJsonValidator;

/* --- messages ------------------------------------------------------------------------------------------------------------- */

/* The steps that lead to an error, joined by ": ". New str, or NULL with an exception set. */
static PyObject *
error_path(PyObject *error)
{
    PyObject *path = PyObject_GetAttrString(error, "absolute_path");
    PyObject *steps = path == NULL ? NULL : PySequence_List(path);
    PyObject *colon = steps == NULL ? NULL : PyUnicode_FromString(": "), *text = NULL;
    Py_ssize_t i = 0;

    while (colon != NULL && i < PyList_GET_SIZE(steps)) {
        PyObject *step = PyObject_Str(PyList_GET_ITEM(steps, i));

        if (step == NULL) {
            break;
        }
        (void)PyList_SetItem(steps, i++, step);
    }
    if (colon != NULL && i == PyList_GET_SIZE(steps)) {
        text = PyUnicode_Join(colon, steps);
    }
    Py_XDECREF(path);
    Py_XDECREF(steps);
    Py_XDECREF(colon);
    return text;
}

/* "<path> <message>"; of the root only the message. New str, or NULL with an exception set. */
static PyObject *
error_text(PyObject *error)
{
    PyObject *path = error_path(error);
    PyObject *message = path == NULL ? NULL : PyObject_GetAttrString(error, "message"), *text = NULL;

    if (message != NULL) {
        text = PyUnicode_GET_LENGTH(path) == 0 ? PyObject_Str(message) : PyUnicode_FromFormat("%U %S", path, message);
    }
    Py_XDECREF(path);
    Py_XDECREF(message);
    return text;
}

/* What is wrong with the data, one text per error. New list, or NULL with an exception set. */
static PyObject *
validator_errors(CpsJsonValidator *self, PyObject *data)
{
    PyObject *found = PyObject_CallOneArg(self->iter_errors, data);
    PyObject *texts = found == NULL ? NULL : PySequence_List(found);

    Py_XDECREF(found);
    for (Py_ssize_t i = 0; texts != NULL && i < PyList_GET_SIZE(texts); i++) {
        PyObject *text = error_text(PyList_GET_ITEM(texts, i));

        if (text == NULL) {
            Py_CLEAR(texts);
        }
        else {
            (void)PyList_SetItem(texts, i, text);
        }
    }
    return texts;
}

/* --- consume -------------------------------------------------------------------------------------------------------------- */

/* Call process_error(message, event). Returns 0, or -1 with what it raised. */
static int
validator_refuse(CpsJsonValidator *self, PyObject *event, PyObject *errors)
{
    PyObject *result =
        PyObject_CallMethodObjArgs((PyObject *)self, self->base.state->names.process_error, errors, event, NULL);

    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Whether the event may pass: 1, 0 when process_error took it, -1 with an exception set. The data is not handed to others, so that
 * validating makes no copy of what events share. */
static int
validator_accepts(CpsJsonValidator *self, PyObject *event)
{
    CpsPayload *payload = ((CpsEvent *)event)->payload;
    PyObject *data, *errors;
    int result = 1;

    if (self->iter_errors == NULL) {
        return 1;
    }
    data = Py_NewRef(payload == NULL ? Py_None : payload->value);
    errors = validator_errors(self, data);
    Py_DECREF(data);
    if (errors == NULL) {
        return -1;
    }
    if (PyList_GET_SIZE(errors) > 0) {
        result = validator_refuse(self, event, errors);
    }
    Py_DECREF(errors);
    return result;
}

static int
validator_consume(CpsActor *actor, CpsInbox *inbox, PyObject *event)
{
    int accepted = validator_accepts((CpsJsonValidator *)actor, event);

    if (accepted <= 0) {
        return accepted;
    }
    cps_log(actor->logger, CPS_LOG_INFO, event, "Incoming JSON successfully validated");
    return cps_actor_send(actor, event);
}

static const CpsActorOps validator_ops = {.consume = validator_consume};

/* --- construction --------------------------------------------------------------------------------------------------------- */

/* Returns 0, or -1 with an exception set. */
static int
validator_compile(CpsJsonValidator *self, PyObject *retrieve)
{
    CpsState *state = self->base.state;
    PyObject *compile = cps_import(&state->compile_schema, "compysition._schema", "compile_schema"); /* borrowed */
    PyObject *formats =
        compile == NULL ? NULL : PyObject_CallMethodNoArgs((PyObject *)self, state->names._build_formatter);

    if (formats == NULL) {
        return -1;
    }
    self->validator = PyObject_CallFunctionObjArgs(compile, self->schema, formats, retrieve, NULL);
    Py_DECREF(formats);
    if (self->validator == NULL && PyErr_ExceptionMatches(PyExc_ValueError)) {
        PyObject *exc = PyErr_GetRaisedException();

        cps_raise(state, CPS_ACTOR_INIT_FAILURE, "Invalid schema: %S", exc);
        Py_DECREF(exc);
    }
    self->iter_errors = self->validator == NULL ? NULL : PyObject_GetAttrString(self->validator, "iter_errors");
    return self->iter_errors == NULL ? -1 : 0;
}

static int
validator_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "schema"};
    CpsJsonValidator *self = (CpsJsonValidator *)op;
    PyObject *values[2], *rest_args, *rest_kwargs, *retrieve;
    int result;

    if (cps_bind("JSONValidator", args, kwargs, names, 2, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    result = cps_actor_init(&self->base, &validator_ops, rest_args, rest_kwargs);
    if (result == 0) {
        Py_CLEAR(self->validator);
        Py_CLEAR(self->iter_errors);
        cps_take_object(&self->schema, values[1] == NULL ? Py_None : values[1]);
        retrieve = PyDict_GetItemString(rest_kwargs, "retrieve"); /* borrowed */
        result = self->schema == Py_None ? 0 : validator_compile(self, retrieve == NULL ? Py_None : retrieve);
    }
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

static PyObject *
validator_build_formatter(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    PyObject *make = NULL, *checker;

    if (cps_import(&make, "compysition._schema", "format_checker") == NULL) {
        return NULL;
    }
    checker = PyObject_CallNoArgs(make);
    Py_DECREF(make);
    return checker;
}

static PyObject *
validator_process_error(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"message", "event", NULL};
    CpsActor *self = (CpsActor *)op;
    PyObject *message, *event, *error; /* the first two borrowed */

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO:process_error", names, &message, &event)) {
        return NULL;
    }
    cps_log(self->logger, CPS_LOG_ERROR, event, "Error validating incoming JSON: %S", message);
    error = PyObject_CallOneArg(self->state->errors[CPS_MALFORMED_EVENT_DATA], message);
    if (error != NULL) {
        PyErr_SetRaisedException(error); /* steals */
    }
    return NULL;
}

/* --- the type ------------------------------------------------------------------------------------------------------------- */

static int
validator_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsJsonValidator *self = (CpsJsonValidator *)op;

    Py_VISIT(self->schema);
    Py_VISIT(self->validator);
    Py_VISIT(self->iter_errors);
    return cps_actor_traverse(op, visit, arg);
}

static void
validator_clear_own(CpsJsonValidator *self)
{
    Py_CLEAR(self->schema);
    Py_CLEAR(self->validator);
    Py_CLEAR(self->iter_errors);
}

static int
validator_clear(PyObject *op)
{
    validator_clear_own((CpsJsonValidator *)op);
    return cps_actor_clear(op);
}

static void
validator_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    validator_clear_own((CpsJsonValidator *)op);
    cps_actor_dealloc(op);
}

PyDoc_STRVAR(
    validator_doc,
    "JSONValidator(name, schema=None, *args, retrieve=None, **kwargs)\n--\n\n"
    "Send on the events whose data fits a JSON schema.\n\n"
    "In and out: JSONEvent.\n\n"
    "schema: JSON text (str or UTF-8 bytes), dict, or the path of a file (str or PathLike), of the draft that\n"
    "    its $schema names, else of Draft 4; None lets everything pass.\n"
    "retrieve: function called with the URI of each schema elsewhere that a $ref names, when the actor is\n"
    "    made; returns that schema. Without it such a $ref is an error: nothing is fetched.\n\n"
    "Raises ActorInitFailure for a schema that is not valid. Data that does not fit is an error of the event:\n"
    "MalformedEventData with one message per error, each after the path to what is wrong. Subclasses may\n"
    "replace process_error and _build_formatter.");

PyDoc_STRVAR(process_error_doc,
             "process_error($self, message, event)\n--\n\n"
             "Called with the list of messages for an event whose data does not fit: logs them at ERROR and raises\n"
             "MalformedEventData(message). The event is not sent on, even when a subclass raises nothing.");

PyDoc_STRVAR(build_formatter_doc, "_build_formatter($self, /)\n--\n\n"
                                  "The jsonschema.FormatChecker of this actor; None leaves formats unchecked.");

static PyMethodDef validator_methods[] = {
    CPS_CONSUME_METHOD,
    {"process_error", _PyCFunction_CAST(validator_process_error), METH_VARARGS | METH_KEYWORDS, process_error_doc},
    {"_build_formatter", validator_build_formatter, METH_NOARGS, build_formatter_doc},
    {NULL},
};

static PyMemberDef validator_members[] = {
    CPS_ACTOR_MEMBERS,
    {"schema", T_OBJECT, offsetof(CpsJsonValidator, schema), READONLY, "The schema, as it was given."},
    {NULL},
};

static PyGetSetDef validator_getset[] = {CPS_DICT, {NULL}};

static PyType_Slot validator_slots[] = {
    {Py_tp_doc, (void *)validator_doc}, {Py_tp_init, validator_init},       {Py_tp_traverse, validator_traverse},
    {Py_tp_clear, validator_clear},     {Py_tp_dealloc, validator_dealloc}, {Py_tp_methods, validator_methods},
    {Py_tp_members, validator_members}, {Py_tp_getset, validator_getset},   {0, NULL},
};

static PyType_Spec validator_spec = {
    .name = "compysition.actors.jsonvalidator.JSONValidator",
    .basicsize = sizeof(CpsJsonValidator),
    .flags = CPS_ACTOR_FLAGS,
    .slots = validator_slots,
};

int
cps_jsonvalidator_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.JSONValidator, &validator_spec, (PyObject *)state->types.Actor) < 0) {
        return -1;
    }
    return cps_set_event_types(state, state->types.JSONValidator, state->types.JSONEvent, state->types.JSONEvent);
}
