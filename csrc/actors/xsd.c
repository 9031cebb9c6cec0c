/* XSD: lets only valid XML pass; validates in the thread pool when that pays. */
#include "actors/actors.h"
#include "actors/xmljob.h"
#include "actors/xmlsource.h"
#include "event/xmldata.h"
#include "xml/reclaim.h"
#include "xml/schema.h"

typedef struct {
    CpsActor base;
    CpsSchema *schema; /* owned; NULL: everything passes */
    CpsReadable readable;
    PyObject *source;         /* owned: the schema as it was given; or None */
    bool plain_process_error; /* no subclass overrides process_error() */
} CpsXsd;

/* --- the verdict ---------------------------------------------------------------------------------------------------------------- */

/* Log and raise MalformedEventData with all messages. Returns -1 always. */
static int
xsd_refuse(CpsXsd *self, PyObject *event, PyObject *messages)
{
    cps_log(self->base.logger, CPS_LOG_ERROR, event, "Error validating incoming XML: %S", messages);
    PyErr_SetObject(self->base.state->errors[CPS_MALFORMED_EVENT_DATA], messages);
    return -1;
}

/* Returns 0 when the event is done with, or -1 with an exception set. */
static int
xsd_process_error(CpsXsd *self, PyObject *event, PyObject *messages)
{
    PyObject *args[] = {(PyObject *)self, messages, event};
    PyObject *result;

    if (self->plain_process_error) {
        return xsd_refuse(self, event, messages);
    }
    result = PyObject_VectorcallMethod(self->base.state->names.process_error, args, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET,
                                       NULL);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Returns 0, or -1 with an exception set. */
static int
xsd_settle(CpsXsd *self, PyObject *event, bool valid, const CpsXmlErrors *errors)
{
    PyObject *messages;
    int status;

    if (valid) {
        cps_log(self->base.logger, CPS_LOG_INFO, event, "Incoming XML successfully validated");
        return cps_actor_send(&self->base, event);
    }
    messages = cps_xml_source_messages(errors);
    status = messages == NULL ? -1 : xsd_process_error(self, event, messages);
    Py_XDECREF(messages);
    return status;
}

/* --- in the loop's thread -------------------------------------------------------------------------------------------------------- */

static int
xsd_consume(CpsActor *actor, CpsInbox *Py_UNUSED(inbox), PyObject *event)
{
    CpsXsd *self = (CpsXsd *)actor;
    CpsXmlDocument *document = cps_event_document(actor->state, event);
    CpsXmlErrors errors = {0};
    uint64_t start = uv_hrtime();
    bool valid;
    int status;

    if (document == NULL) {
        return -1;
    }
    valid = cps_schema_validate(self->schema, document->tree, &errors);
    cps_job_measured(actor, uv_hrtime() - start);
    cps_xml_document_unref(&document);
    status = xsd_settle(self, event, valid, &errors);
    cps_xml_errors_free(&errors);
    return status;
}

/* --- in the thread pool ------------------------------------------------------------------------------------------------------------ */

typedef struct {
    CpsXmlJob xml; /* first */
    CpsXmlErrors errors;
    bool valid;
} CpsXsdJob;

static void
xsd_job_work(CpsJob *job)
{
    CpsXsdJob *own = (CpsXsdJob *)job;

    cps_reclaim_begin();
    own->valid = cps_xml_job_parse(&own->xml) &&
                 cps_schema_validate(((CpsXsd *)job->actor)->schema, own->xml.document->tree, &own->errors);
    cps_reclaim_end();
}

static int
xsd_job_finish(CpsJob *job, CpsActor *actor)
{
    CpsXsdJob *own = (CpsXsdJob *)job;
    PyObject *event = cps_xml_job_event(&own->xml, actor); /* borrowed */

    if (event == NULL || cps_event_set_document(actor->state, event, &own->xml.document) < 0) {
        return -1;
    }
    return xsd_settle((CpsXsd *)actor, event, own->valid, &own->errors);
}

static void
xsd_job_free(CpsJob *job)
{
    cps_xml_errors_free(&((CpsXsdJob *)job)->errors);
    cps_xml_job_free((CpsXmlJob *)job);
}

static const CpsJobOps xsd_job_ops = {.work = xsd_job_work, .finish = xsd_job_finish, .free = xsd_job_free};

static int
xsd_start_text_job(CpsActor *actor, CpsConsume *consume, PyObject *converted, PyObject *text)
{
    CpsXmlJob *job = cps_xml_job_new(sizeof(CpsXsdJob), actor, consume, converted, text);

    return job == NULL || cps_job_start(&job->job, &xsd_job_ops, actor, consume) < 0 ? -1 : 1;
}

static int
xsd_start_job(CpsActor *actor, CpsConsume *consume)
{
    return cps_job_pays(actor) ? xsd_start_text_job(actor, consume, NULL, NULL) : 0;
}

static const CpsActorOps xsd_ops = {
    .consume = xsd_consume,
    .start_job = xsd_start_job,
    .start_text_job = xsd_start_text_job,
};

/* --- without a schema -------------------------------------------------------------------------------------------------------------- */

static int
xsd_pass(CpsActor *actor, CpsInbox *Py_UNUSED(inbox), PyObject *event)
{
    return xsd_settle((CpsXsd *)actor, event, true, NULL);
}

static const CpsActorOps xsd_pass_ops = {.consume = xsd_pass};

/* --- the type -------------------------------------------------------------------------------------------------------------------- */

static PyObject *
xsd_process_error_method(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"message", "event", NULL};
    PyObject *message, *event; /* borrowed */

    if (PyArg_ParseTupleAndKeywords(args, kwargs, "OO:process_error", names, &message, &event)) {
        xsd_refuse((CpsXsd *)op, event, message);
    }
    return NULL;
}

/* Returns 0, or -1 with an exception set. */
static int
xsd_compile(CpsXsd *self, PyObject *source)
{
    CpsXmlErrors errors = {0};
    CpsXmlDocument *document;

    Py_XSETREF(self->source, Py_NewRef(source == NULL ? Py_None : source));
    cps_schema_free(self->schema);
    self->schema = NULL;
    if (self->source == Py_None) {
        return 0;
    }
    document = cps_xml_source_load(source, &self->readable);
    if (document == NULL) {
        return -1;
    }
    cps_schema_setup();
    Py_BEGIN_ALLOW_THREADS; /* it may wait for servers */
    self->schema = cps_schema_new(&document, &self->readable, &errors);
    Py_END_ALLOW_THREADS;
    if (self->schema == NULL) {
        cps_xml_source_raise("XMLSchemaParseError", &errors);
    }
    cps_xml_errors_free(&errors);
    return self->schema == NULL ? -1 : 0;
}

enum { XSD = 1, ALLOWED_PATHS, PARAMETERS };

static int
xsd_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "xsd", "allowed_paths"};
    CpsXsd *self = (CpsXsd *)op;
    PyObject *values[PARAMETERS], *rest_args, *rest_kwargs;
    bool passes;
    int result;

    if (cps_bind("XSD", args, kwargs, names, PARAMETERS, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    passes = values[XSD] == NULL || values[XSD] == Py_None;
    result = cps_xml_source_readable(&self->readable, values[ALLOWED_PATHS], rest_kwargs);
    if (result == 0) {
        result = cps_actor_init(&self->base, passes ? &xsd_pass_ops : &xsd_ops, rest_args, rest_kwargs);
    }
    if (result == 0) {
        self->plain_process_error = cps_method_is(Py_TYPE(op), self->base.state->names.process_error,
                                                  _PyCFunction_CAST(xsd_process_error_method));
        result = xsd_compile(self, values[XSD]);
    }
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

static int
xsd_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(((CpsXsd *)op)->source);
    return cps_actor_traverse(op, visit, arg);
}

/* The schema stays until the end: a job may be using it. */
static int
xsd_clear(PyObject *op)
{
    Py_CLEAR(((CpsXsd *)op)->source);
    return cps_actor_clear(op);
}

static void
xsd_dealloc(PyObject *op)
{
    CpsXsd *self = (CpsXsd *)op;

    PyObject_GC_UnTrack(op);
    Py_CLEAR(self->source);
    cps_schema_free(self->schema);
    cps_readable_free(&self->readable);
    cps_actor_dealloc(op);
}

PyDoc_STRVAR(xsd_doc,
             "XSD(name, xsd=None, allowed_paths=None, *args, allowed_urls=None, huge=False, **kwargs)\n--\n\n"
             "Validate each event's XML by a W3C XML Schema 1.0, and send valid events on.\n\n"
             "In and out: XMLEvent.\n\n"
             "xsd: the schema: str or bytes with its text, or a file (path-like, or str without markup). None\n"
             "    (default): every event passes that is XML at all.\n"
             "allowed_paths: directory, or list of them, below which xs:include and xs:import may read; default:\n"
             "    none.\n"
             "allowed_urls: prefix, or list of them, of http and https URLs that they may read: same scheme, host and\n"
             "    port, and a path below. 10 seconds for each. Default: none.\n"
             "huge: whether the schema, and what it reads, may have any size, and elements 2048 levels.\n\n"
             "Other events raise MalformedEventData with one message for each thing that is wrong, with its line.\n"
             "Long validations run in the thread pool, several at once: events may overtake each other, unless\n"
             "blocking_consume is true. Raises lxml's XMLSyntaxError or XMLSchemaParseError for a wrong schema,\n"
             "OSError and ValueError for directories and prefixes that are none.");

PyDoc_STRVAR(process_error_doc,
             "process_error($self, message, event)\n--\n\n"
             "Called for an event that is not valid; message is a list of str. Logs them and raises\n"
             "MalformedEventData. A subclass that returns instead keeps the event from being sent.");

static PyMethodDef xsd_methods[] = {
    CPS_CONSUME_METHOD,
    {"process_error", _PyCFunction_CAST(xsd_process_error_method), METH_VARARGS | METH_KEYWORDS, process_error_doc},
    {NULL},
};
static PyMemberDef xsd_members[] = {
    CPS_ACTOR_MEMBERS,
    {"schema", T_OBJECT_EX, offsetof(CpsXsd, source), READONLY, "The schema as it was given; None without one."},
    {NULL},
};
static PyGetSetDef xsd_getset[] = {CPS_DICT, {NULL}};

static PyType_Slot xsd_slots[] = {
    {Py_tp_doc, (void *)xsd_doc}, {Py_tp_init, xsd_init},       {Py_tp_traverse, xsd_traverse},
    {Py_tp_clear, xsd_clear},     {Py_tp_dealloc, xsd_dealloc}, {Py_tp_methods, xsd_methods},
    {Py_tp_members, xsd_members}, {Py_tp_getset, xsd_getset},   {0, NULL},
};

static PyType_Spec xsd_spec = {
    .name = "compysition.actors.xsd.XSD",
    .basicsize = sizeof(CpsXsd),
    .flags = CPS_ACTOR_FLAGS,
    .slots = xsd_slots,
};

int
cps_xsd_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.XSD, &xsd_spec, (PyObject *)state->types.Actor) < 0) {
        return -1;
    }
    return cps_set_event_types(state, state->types.XSD, state->types.XMLEvent, state->types.XMLEvent);
}
