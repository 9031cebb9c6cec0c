#include "actors/xmljob.h"

#include "event/format.h"
#include "event/xmldata.h"
#include "xml/text.h"

/* Where the text is in memory. Returns 0, or -1 with an exception set. */
static int
find_text(CpsXmlJob *job, CpsState *state)
{
    Py_ssize_t length;

    if (PyBytes_Check(job->text)) {
        job->utf8 = PyBytes_AS_STRING(job->text);
        length = PyBytes_GET_SIZE(job->text);
    }
    else {
        job->utf8 = PyUnicode_AsUTF8AndSize(job->text, &length); /* kept by the str */
    }
    if (job->utf8 == NULL) {
        cps_format_raise(state);
        return -1;
    }
    job->length = (size_t)length;
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
    if (text == NULL) {
        job->document = cps_event_take_document(self->state, consume->event);
    }
    if (text == NULL ? job->document == NULL : find_text(job, self->state) < 0) {
        cps_xml_job_free(job);
        return NULL;
    }
    return job;
}

bool
cps_xml_job_parse(CpsXmlJob *job)
{
    if (job->document == NULL) {
        int flags = PyBytes_Check(job->text) ? 0 : CPS_XML_UTF8;

        job->document = cps_xml_parse(job->utf8, job->length, flags, &job->errors);
    }
    return job->document != NULL;
}

PyObject *
cps_xml_job_event(CpsXmlJob *job, CpsActor *self)
{
    if (job->document == NULL) {
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
    PyMem_Free(job);
}
