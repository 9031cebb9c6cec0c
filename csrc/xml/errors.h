/* errors.h: what libxml2 and libxslt report about a document, collected without globals. Plain C: fit for any thread. */
#ifndef CPS_XML_ERRORS_H
#define CPS_XML_ERRORS_H

#include <libxml/xmlerror.h>
#include <stdbool.h>
#include <stddef.h>

/* How many errors are kept; the rest is counted. */
enum { CPS_XML_MAX_ERRORS = 1000 };

typedef struct {
    char *message; /* owned UTF-8, one line */
    int line;      /* 0: unknown */
    int column;    /* 0: unknown */
    int level;     /* xmlErrorLevel: warnings too */
    int domain;    /* xmlErrorDomain: the part that reported it */
    int code;      /* xmlParserErrors */
} CpsXmlError;

/* Zero-filled: no errors. */
typedef struct {
    CpsXmlError *items; /* owned */
    size_t count;
    size_t capacity;
    size_t lost; /* errors, not warnings, that were not kept: for CPS_XML_MAX_ERRORS or for want of memory */
} CpsXmlErrors;

void cps_xml_errors_free(CpsXmlErrors *errors);

/* Add an error of our own: XML_ERR_FATAL, with the message formatted as by printf. */
void cps_xml_errors_add(CpsXmlErrors *errors, int line, int column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Whether there is more than warnings. */
bool cps_xml_errors_failed(const CpsXmlErrors *errors);

/* The first that is more than a warning. Borrowed; NULL when there is none. */
const CpsXmlError *cps_xml_errors_first(const CpsXmlErrors *errors);

#if LIBXML_VERSION >= 21200
typedef const xmlError *CpsXmlReport;
#else
typedef xmlError *CpsXmlReport;
#endif

/* An xmlStructuredErrorFunc whose data is a CpsXmlErrors, or NULL: for xmlSchemaSetValidStructuredErrors and its like. */
void cps_xml_errors_on_report(void *errors, CpsXmlReport report);

/* This thread's handlers of what libxml2 reports to nobody in particular, and would print: errors, and messages that are mere text. */
typedef struct {
    xmlStructuredErrorFunc on_report;
    void *reports;
    xmlGenericErrorFunc on_message;
    void *messages;
} CpsXmlHandlers;

/* Collect these in `reports` and `messages` (NULL: drop them) until cps_xml_errors_end, which puts the handlers back that were there
 * before. */
CpsXmlHandlers cps_xml_errors_begin(CpsXmlErrors *reports, CpsXmlErrors *messages);
void cps_xml_errors_end(CpsXmlHandlers before);

#endif
