/* xmljob.h: a job of the thread pool that works on an event's XML, and parses it first if need be. */
#ifndef CPS_ACTORS_XMLJOB_H
#define CPS_ACTORS_XMLJOB_H

#include "flow/job.h"
#include "xml/document.h"
#include "xml/errors.h"

/* First member of an actor's own job. */
typedef struct {
    CpsJob job;
    CpsXmlDocument *document; /* owned; NULL until the text is parsed, and when the work has used it up */
    bool unparsable;
    PyObject *converted; /* owned: what the event becomes with the text's document; or NULL */
    PyObject *text;      /* owned str or bytes: what is to be parsed; or NULL */
    PyObject *parser;    /* owned: how, see event/xmlparser.h; or NULL */
    const char *bytes;   /* inside `text` */
    size_t length;
    int flags;           /* CpsXmlParseFlags */
    CpsXmlErrors errors; /* of parsing */
} CpsXmlJob;

/* A new job of `size` bytes for the event of `consume`: with its document, or, when `converted` and `text` (stolen) are not NULL, with
 * that text. New, or NULL with an exception set. */
CpsXmlJob *cps_xml_job_new(size_t size, CpsActor *self, CpsConsume *consume, PyObject *converted, PyObject *text);

/* In the pool: whether there is a document, now that the text is parsed. */
bool cps_xml_job_parse(CpsXmlJob *job);

/* In the pool: the work has made `document` (or NULL). */
void cps_xml_job_made(CpsXmlDocument *document);

/* In finish: the event that the document belongs to, after whose conversion the job's event is replaced. Borrowed; NULL with an exception
 * set when the text was no XML. */
PyObject *cps_xml_job_event(CpsXmlJob *job, CpsActor *self);

/* In free. */
void cps_xml_job_free(CpsXmlJob *job);

#endif
