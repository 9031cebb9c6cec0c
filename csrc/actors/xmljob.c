#include "actors/xmljob.h"

#include "event/format.h"
#include "event/xmldata.h"
#include "event/xmlparser.h"
#include "xml/text.h"

/* Take the event's document, or find the text. Returns 0, or -1 with an exception set. */
static int
take_data(CpsXmlJob *job, CpsState *state, PyObject *event)
{
    if (job->text == NULL) {
        job->document = cps_event_take_document(state, event);
        return job->document == NULL ? -1 : 0;
    }
    job->parser = cps_xmlparser_of(state, job->converted);
    job->bytes = job->parser == NULL ? NULL : cps_xml_text_bytes(job->text, &job->length, &job->flags);
    if (job->bytes == NULL) {
        cps_format_raise(state);
        return -1;
    }
    job->job.waits = cps_xml_rules_wait(cps_xmlparser_rules(job->parser));
    return 0;
}

CpsXmlJob *
cps_xml_job_new(size_t size, CpsActor *self, CpsConsume *consume, PyObject *converted, PyObject *text)
{
    CpsXmlJob *job = PyMem_Calloc(1, size);

    if (job == NULL) {
        Py_XDECREF(converted);
        Py_XDECREF(text);
        PyErr_NoMemory();
        return NULL;
    }
    job->converted = converted;
    job->text = text;
    if (take_data(job, self->state, consume->event) < 0) {
        cps_xml_job_free(job);
        return NULL;
    }
    return job;
}

void
cps_xml_job_made(CpsXmlDocument *document)
{
    if (document != NULL) {
        document->pooled = true;
    }
}

bool
cps_xml_job_parse(CpsXmlJob *job)
{
    if (job->document == NULL) {
        job->document =
            cps_xml_parse(job->bytes, job->length, job->flags, cps_xmlparser_rules(job->parser), &job->errors);
        job->unparsable = job->document == NULL;
        cps_xml_job_made(job->document);
    }
    return !job->unparsable;
}

PyObject *
cps_xml_job_event(CpsXmlJob *job, CpsActor *self)
{
    if (job->unparsable) {
        cps_xml_raise(&job->errors);
        return cps_format_raise(self->state);
    }
    if (job->converted != NULL) {
        cps_consume_replace(&job->job.consume, job->converted);
        job->converted = NULL;
    }
    return job->job.consume.event;
}

void
cps_xml_job_free(CpsXmlJob *job)
{
    cps_xml_document_unref(&job->document);
    cps_xml_errors_free(&job->errors);
    Py_XDECREF(job->converted);
    Py_XDECREF(job->text);
    Py_XDECREF(job->parser);
    PyMem_Free(job);
}
