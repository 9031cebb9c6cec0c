/* XSLT: transforms each event's XML by a stylesheet, in the thread pool when that pays. */
#include "actors/actors.h"
#include "actors/xmljob.h"
#include "actors/xmlsource.h"
#include "actors/xslttemplate.h"
#include "event/event.h"
#include "event/xmldata.h"
#include "xml/gil.h"
#include "xml/lxml.h"
#include "xml/reclaim.h"
#include "xml/stylesheet.h"
#include "xml/text.h"

typedef struct {
    CpsActor base;
    CpsStylesheet *stylesheet; /* owned */
    CpsReadable readable;
    PyObject *source;     /* owned: the stylesheet as it was given */
    PyObject *template;   /* owned: the same as an lxml.etree.XSLT, once a script asked for it; or NULL */
    PyObject *parameters; /* owned dict of str to str */
    const char **pairs;   /* owned; the texts belong to `parameters` */
} CpsXslt;

/* --- one transformation ------------------------------------------------------------------------------------------------------ */

/* Append <transform_error>message</transform_error>. */
static void
xslt_append_error(CpsXmlDocument *document, const char *message)
{
    (void)xmlNewTextChild(cps_xml_document_root(document), NULL, (const xmlChar *)"transform_error",
                          (const xmlChar *)message);
}

/* What the event's error says: what was refused or missing, by name; of the rest as little as 1.2.54 did. */
static int
xslt_raise(CpsXslt *self, const CpsTransformation *transformation)
{
    const CpsXmlError *first = cps_xml_errors_first(&transformation->errors);

    cps_raise(self->base.state, CPS_MALFORMED_EVENT_DATA, "%s",
              transformation->explained && first != NULL ? first->message : "Malformed Request: Invalid XML");
    return -1;
}

/* Log them, if there are any. */
static void
xslt_log_errors(CpsXslt *self, PyObject *event, int level, const char *label, const CpsXmlErrors *errors)
{
    PyObject *messages = errors->count == 0 ? NULL : cps_xml_source_messages(errors);

    if (messages == NULL) {
        PyErr_Clear();
        return;
    }
    cps_log(self->base.logger, level, event, "%s: %S", label, messages);
    Py_DECREF(messages);
}

static void
xslt_log_failure(CpsXslt *self, PyObject *event, const CpsTransformation *transformation)
{
    if (transformation->terminated != NULL) {
        cps_log(self->base.logger, CPS_LOG_ERROR, event, "Error applying transform. Error was: %s",
                transformation->terminated);
        return;
    }
    xslt_log_errors(self, event, CPS_LOG_ERROR, "Error applying transform. Errors were", &transformation->errors);
}

static void
xslt_log_messages(CpsXslt *self, PyObject *event, const CpsXmlErrors *messages)
{
    for (size_t i = 0; i < messages->count; i++) {
        cps_log(self->base.logger, CPS_LOG_INFO, event, "Stylesheet says: %s", messages->items[i].message);
    }
}

/* DEBUG "In: <xml>", "Out: <xml>", each on one line. */
static void
xslt_log_data(CpsXslt *self, PyObject *event, const char *label)
{
    PyObject *text, *lines, *empty;

    if (!cps_log_enabled(self->base.logger, CPS_LOG_DEBUG)) {
        return;
    }
    text = cps_event_data_string(self->base.state, event);
    lines = text == NULL ? NULL : PyUnicode_Splitlines(text, 0);
    empty = lines == NULL ? NULL : PyUnicode_FromString("");
    Py_XSETREF(text, empty == NULL ? NULL : PyUnicode_Join(empty, lines));
    if (text == NULL) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    else {
        cps_log(self->base.logger, CPS_LOG_DEBUG, event, "%s: %U", label, text);
    }
    Py_XDECREF(text);
    Py_XDECREF(lines);
    Py_XDECREF(empty);
}

/* Put the result, or what went in, back into the event, and say what happened. Takes *source_p. Returns 0, or -1 with an exception
 * set. */
static int
xslt_settle(CpsXslt *self, PyObject *event, CpsXmlDocument **source_p, CpsTransformation *transformation)
{
    CpsState *state = self->base.state;

    xslt_log_messages(self, event, &transformation->messages);
    if (transformation->result != NULL) {
        cps_xml_document_unref(source_p);
        if (cps_event_set_document(state, event, &transformation->result) < 0) {
            return -1;
        }
        ((CpsEvent *)event)->payload->indented = cps_stylesheet_indents(self->stylesheet);
        xslt_log_data(self, event, "Out");
        xslt_log_errors(self, event, CPS_LOG_WARNING, "The stylesheet went on after errors", &transformation->errors);
        cps_log(self->base.logger, CPS_LOG_INFO, event, "Successfully transformed XML");
        return 0;
    }
    if (transformation->terminated != NULL) {
        xslt_append_error(*source_p, transformation->terminated);
    }
    if (cps_event_set_document(state, event, source_p) < 0) {
        return -1;
    }
    xslt_log_failure(self, event, transformation);
    return xslt_raise(self, transformation);
}

static void
xslt_apply(const CpsXslt *self, CpsXmlDocument *source, CpsTransformation *transformation)
{
    cps_stylesheet_apply(self->stylesheet, source->tree, self->pairs, transformation);
}

static bool
xslt_may_wait(const CpsXslt *self)
{
    return self->readable.urls.count > 0;
}

/* With the GIL, which is released where a server may have to be waited for. */
static void
xslt_apply_here(const CpsXslt *self, CpsXmlDocument *source, CpsTransformation *transformation)
{
    if (!xslt_may_wait(self)) {
        xslt_apply(self, source, transformation);
        return;
    }
    Py_BEGIN_ALLOW_THREADS;
    xslt_apply(self, source, transformation);
    Py_END_ALLOW_THREADS;
}

/* --- in the loop's thread ------------------------------------------------------------------------------------------------------ */

static int
xslt_transform_here(CpsXslt *self, PyObject *event)
{
    CpsXmlDocument *source = cps_event_take_document(self->base.state, event);
    CpsTransformation transformation = {0};
    uint64_t start = uv_hrtime();
    int status;

    if (source == NULL) {
        return -1;
    }
    xslt_apply_here(self, source, &transformation);
    cps_job_measured(&self->base, uv_hrtime() - start);
    status = xslt_settle(self, event, &source, &transformation);
    cps_transformation_free(&transformation);
    return status;
}

static int
xslt_consume(CpsActor *actor, CpsInbox *Py_UNUSED(inbox), PyObject *event)
{
    xslt_log_data((CpsXslt *)actor, event, "In");
    return xslt_transform_here((CpsXslt *)actor, event) < 0 ? -1 : cps_actor_send(actor, event);
}

/* --- in the thread pool --------------------------------------------------------------------------------------------------------- */

typedef struct {
    CpsXmlJob xml; /* first */
    CpsTransformation transformation;
} CpsXsltJob;

static void
xslt_job_work(CpsJob *job)
{
    CpsXsltJob *own = (CpsXsltJob *)job;
    const CpsXslt *self = (CpsXslt *)job->actor;

    cps_reclaim_begin();
    if (cps_xml_job_parse(&own->xml)) {
        xslt_apply(self, own->xml.document, &own->transformation);
        cps_xml_job_made(own->transformation.result);
    }
    if (own->transformation.result != NULL && own->xml.document->pooled) {
        cps_xml_document_unref(&own->xml.document);
    }
    cps_reclaim_end();
}

static int
xslt_job_finish(CpsJob *job, CpsActor *actor)
{
    CpsXsltJob *own = (CpsXsltJob *)job;
    PyObject *event = cps_xml_job_event(&own->xml, actor); /* borrowed */

    if (event == NULL || xslt_settle((CpsXslt *)actor, event, &own->xml.document, &own->transformation) < 0) {
        return -1;
    }
    return cps_actor_send(actor, event);
}

static void
xslt_job_free(CpsJob *job)
{
    cps_transformation_free(&((CpsXsltJob *)job)->transformation);
    cps_xml_job_free((CpsXmlJob *)job);
}

static void
xslt_job_cancel(CpsJob *job)
{
    cps_transforming_cancel(&((CpsXsltJob *)job)->transformation.transforming);
}

static const CpsJobOps xslt_job_ops = {
    .work = xslt_job_work,
    .finish = xslt_job_finish,
    .free = xslt_job_free,
    .cancel = xslt_job_cancel,
};

static int
xslt_start_text_job(CpsActor *actor, CpsConsume *consume, PyObject *converted, PyObject *text)
{
    CpsXmlJob *job;

    if (text != NULL &&
        cps_log_enabled(actor->logger, CPS_LOG_DEBUG)) { /* what goes in is logged, before it is changed */
        Py_DECREF(converted);
        Py_DECREF(text);
        return 0;
    }
    job = cps_xml_job_new(sizeof(CpsXsltJob), actor, consume, converted, text);
    if (job != NULL && xslt_may_wait((CpsXslt *)actor)) {
        job->job.waits = true;
    }
    return job == NULL || cps_job_start(&job->job, &xslt_job_ops, actor, consume) < 0 ? -1 : 1;
}

static int
xslt_start_job(CpsActor *actor, CpsConsume *consume)
{
    if (!xslt_may_wait((CpsXslt *)actor) && !cps_job_pays(actor)) {
        return 0;
    }
    xslt_log_data((CpsXslt *)actor, consume->event, "In");
    return xslt_start_text_job(actor, consume, NULL, NULL);
}

static const CpsActorOps xslt_ops = {
    .consume = xslt_consume,
    .start_job = xslt_start_job,
    .start_text_job = xslt_start_text_job,
};

/* --- a subclass that overrides transform() ----------------------------------------------------------------------------------- */

/* event.data = self.transform(event.data). Returns 0, or -1 with an exception set. */
static int
xslt_transform_overridden(CpsXslt *self, PyObject *event)
{
    PyObject *data = PyObject_GetAttr(event, self->base.state->names.data);
    PyObject *result =
        data == NULL ? NULL : PyObject_CallMethodOneArg((PyObject *)self, self->base.state->names.transform, data);
    int status = result == NULL ? -1 : PyObject_SetAttr(event, self->base.state->names.data, result);

    Py_XDECREF(data);
    Py_XDECREF(result);
    return status;
}

static int
xslt_consume_overridden(CpsActor *actor, CpsInbox *Py_UNUSED(inbox), PyObject *event)
{
    return xslt_transform_overridden((CpsXslt *)actor, event) < 0 ? -1 : cps_actor_send(actor, event);
}

static const CpsActorOps xslt_overridden_ops = {.consume = xslt_consume_overridden};

/* --- transform() ------------------------------------------------------------------------------------------------------------------ */

static PyObject *
xslt_transform_method(PyObject *op, PyObject *element)
{
    CpsXslt *self = (CpsXslt *)op;
    CpsState *state = self->base.state;
    CpsTransformation transformation = {0};
    PyObject *root = cps_lxml_is_tree(element) ? cps_lxml_tree_root(element) : Py_NewRef(element);
    CpsXmlDocument *source;
    PyObject *result = NULL;

    if (root != NULL && self->stylesheet == NULL) { /* a subclass has not called the constructor */
        PyErr_SetString(PyExc_RuntimeError, "there is no stylesheet");
        Py_CLEAR(root);
    }
    if (root != NULL && !cps_lxml_is_element(root)) {
        PyErr_Format(PyExc_TypeError, "transform() takes an lxml element, not %.100s", Py_TYPE(root)->tp_name);
        Py_CLEAR(root);
    }
    source = root == NULL ? NULL : cps_lxml_copy(state, root);
    Py_XDECREF(root);
    if (source == NULL) {
        return NULL;
    }
    xslt_apply_here(self, source, &transformation);
    if (transformation.result != NULL) {
        result = cps_lxml_element(state, &transformation.result);
    }
    else {
        xslt_raise(self, &transformation);
    }
    cps_transformation_free(&transformation);
    cps_xml_document_unref(&source);
    return result;
}

/* --- construction ---------------------------------------------------------------------------------------------------------------- */

enum { XSLT = 1, SHEET_PARAMETERS, ALLOWED_PATHS, PARAMETERS };

/* Returns 0, or -1 with an exception set. */
static int
xslt_compile(CpsXslt *self, PyObject *source)
{
    CpsXmlErrors errors = {0};
    CpsXmlDocument *document;

    if (source == NULL ||
        (!PyUnicode_Check(source) && !PyBytes_Check(source) && !PyObject_HasAttrString(source, "__fspath__"))) {
        PyErr_Format(PyExc_TypeError, "Invalid xslt defined. %R is not a valid xslt. Expected 'str'",
                     (PyObject *)Py_TYPE(source == NULL ? Py_None : source));
        return -1;
    }
    document = cps_xml_source_load(source, &self->readable);
    if (document == NULL) {
        return -1;
    }
    cps_stylesheet_free(self->stylesheet);
    self->stylesheet = cps_stylesheet_new(&document, &self->readable, &cps_gil, &errors);
    if (self->stylesheet == NULL) {
        cps_xml_source_raise("XSLTParseError", &errors);
    }
    cps_xml_errors_free(&errors);
    Py_XSETREF(self->source, Py_NewRef(source));
    return self->stylesheet == NULL ? -1 : 0;
}

/* Returns NULL always. */
static PyObject *
raise_without_value(PyObject *name)
{
    return PyErr_Format(PyExc_TypeError, "the value of parameter %R is None: a parameter without a value is left out",
                        name);
}

/* Returns 0, or -1 with an exception set. */
static int
xslt_take_parameters(CpsXslt *self, PyObject *parameters)
{
    PyObject *texts = PyDict_New(), *key, *value;
    Py_ssize_t position = 0;

    if (texts == NULL || (parameters != NULL && parameters != Py_None && PyDict_Update(texts, parameters) < 0)) {
        Py_XDECREF(texts);
        return -1;
    }
    Py_XSETREF(self->parameters, texts);
    PyMem_Free(self->pairs);
    self->pairs = PyMem_Calloc(2 * (size_t)PyDict_GET_SIZE(texts) + 1, sizeof(*self->pairs));
    if (self->pairs == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; PyDict_Next(texts, &position, &key, &value); i += 2) {
        PyObject *text = value == Py_None ? raise_without_value(key) : PyObject_Str(value);

        if (text == NULL || PyDict_SetItem(texts, key, text) < 0) {
            Py_XDECREF(text);
            return -1;
        }
        Py_DECREF(text); /* the dict has it */
        self->pairs[i] = cps_xml_utf8(key);
        self->pairs[i + 1] = cps_xml_utf8(text);
        if (self->pairs[i] == NULL || self->pairs[i + 1] == NULL) {
            return -1;
        }
    }
    return 0;
}

static int
xslt_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "xslt", "parameters", "allowed_paths"};
    CpsXslt *self = (CpsXslt *)op;
    PyObject *values[PARAMETERS], *rest_args, *rest_kwargs;
    bool plain;
    int result;

    if (cps_bind("XSLT", args, kwargs, names, PARAMETERS, 1, values, &rest_args, &rest_kwargs) < 0) {
        return -1;
    }
    plain = cps_method_is(Py_TYPE(op), cps_state_of(op)->names.transform, xslt_transform_method);
    result = cps_xml_source_readable(&self->readable, values[ALLOWED_PATHS], rest_kwargs);
    if (result == 0) {
        result = cps_actor_init(&self->base, plain ? &xslt_ops : &xslt_overridden_ops, rest_args, rest_kwargs);
    }
    if (result == 0) {
        result = xslt_compile(self, values[XSLT]) < 0 ? -1 : xslt_take_parameters(self, values[SHEET_PARAMETERS]);
    }
    Py_DECREF(rest_args);
    Py_DECREF(rest_kwargs);
    return result;
}

/* --- the type ------------------------------------------------------------------------------------------------------------------- */

static PyObject *
xslt_get_template(PyObject *op, void *Py_UNUSED(closure))
{
    CpsXslt *self = (CpsXslt *)op;

    if (self->template == NULL) {
        self->template = cps_xslt_template(cps_field(self->source), &self->readable);
    }
    return Py_XNewRef(self->template);
}

static int
xslt_traverse(PyObject *op, visitproc visit, void *arg)
{
    CpsXslt *self = (CpsXslt *)op;

    Py_VISIT(self->source);
    Py_VISIT(self->template);
    Py_VISIT(self->parameters);
    return cps_actor_traverse(op, visit, arg);
}

/* The stylesheet stays until the end: a job may be using it. */
static int
xslt_clear(PyObject *op)
{
    CpsXslt *self = (CpsXslt *)op;

    Py_CLEAR(self->source);
    Py_CLEAR(self->template);
    return cps_actor_clear(op);
}

static void
xslt_dealloc(PyObject *op)
{
    CpsXslt *self = (CpsXslt *)op;

    PyObject_GC_UnTrack(op);
    Py_CLEAR(self->source);
    Py_CLEAR(self->template);
    cps_stylesheet_free(self->stylesheet);
    cps_readable_free(&self->readable);
    PyMem_Free(self->pairs);
    Py_CLEAR(self->parameters);
    cps_actor_dealloc(op);
}

PyDoc_STRVAR(
    xslt_doc,
    "XSLT(name, xslt=None, parameters=None, allowed_paths=None, *args, allowed_urls=None, huge=False, **kwargs)\n"
    "--\n\n"
    "Transform each event's XML by an XSLT 1.0 stylesheet (with EXSLT), and send the event on.\n\n"
    "In and out: XMLEvent.\n\n"
    "xslt: the stylesheet: str or bytes with its text, or a file (path-like, or str without markup).\n"
    "    Of its xsl:output, data_string() honours indent, and the tree cdata-section-elements; the rest does\n"
    "    not matter, since data_string() is always XML in ASCII without a declaration.\n"
    "parameters: dict of the stylesheet's parameters (xsl:param); each value is passed as text. None is a\n"
    "    TypeError.\n"
    "allowed_paths: directory, or list of them, below which xsl:include, xsl:import and document() may\n"
    "    read; default: none. Nothing is written.\n"
    "allowed_urls: prefix, or list of them, of http and https URLs that they may read: same scheme, host and\n"
    "    port, and a path below. 10 seconds for each. Default: none.\n"
    "huge: whether the stylesheet, and what it reads, may have any size, and elements 2048 levels.\n\n"
    "A transformation that fails raises MalformedEventData, which becomes the event's error; the event\n"
    "keeps its data. After <xsl:message terminate=\"yes\"> that has one more element, <transform_error>,\n"
    "with the message. Long transformations run in the thread pool, several at once: events may overtake\n"
    "each other, unless blocking_consume is true.\n\n"
    "Raises TypeError without a stylesheet, lxml's XMLSyntaxError or XSLTParseError for a wrong one,\n"
    "OSError and ValueError for directories and prefixes that are none.");

PyDoc_STRVAR(transform_doc,
             "transform($self, element, /)\n--\n\n"
             "The root element of the result for an lxml element or element tree, which stays as it is.\n"
             "Raises MalformedEventData.");

static PyMethodDef xslt_methods[] = {
    CPS_CONSUME_METHOD,
    {"transform", xslt_transform_method, METH_O, transform_doc},
    {NULL},
};
static PyMemberDef xslt_members[] = {CPS_ACTOR_MEMBERS, {NULL}};
static PyGetSetDef xslt_getset[] = {
    CPS_DICT,
    {"template", xslt_get_template, NULL,
     "The stylesheet as an lxml.etree.XSLT, for scripts that use it. It writes nothing, and reads from no server."},
    {NULL},
};

static PyType_Slot xslt_slots[] = {
    {Py_tp_doc, (void *)xslt_doc}, {Py_tp_init, xslt_init},       {Py_tp_traverse, xslt_traverse},
    {Py_tp_clear, xslt_clear},     {Py_tp_dealloc, xslt_dealloc}, {Py_tp_methods, xslt_methods},
    {Py_tp_members, xslt_members}, {Py_tp_getset, xslt_getset},   {0, NULL},
};

static PyType_Spec xslt_spec = {
    .name = "compysition.actors.xslt.XSLT",
    .basicsize = sizeof(CpsXslt),
    .flags = CPS_ACTOR_FLAGS,
    .slots = xslt_slots,
};

int
cps_xslt_setup(PyObject *module, CpsState *state)
{
    if (cps_add_type(module, &state->types.XSLT, &xslt_spec, (PyObject *)state->types.Actor) < 0) {
        return -1;
    }
    return cps_set_event_types(state, state->types.XSLT, state->types.XMLEvent, state->types.XMLEvent);
}
