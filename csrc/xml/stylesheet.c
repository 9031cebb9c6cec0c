#include "xml/stylesheet.h"

#include <libexslt/exslt.h>
#include <libxslt/extra.h>
#include <libxslt/security.h>
#include <libxslt/transform.h>
#include <libxslt/variables.h>
#include <libxslt/xsltInternals.h>
#include <libxslt/xsltutils.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CpsStylesheet {
    xsltStylesheet *compiled;  /* owned */
    xsltSecurityPrefs *rights; /* owned */
    const CpsAllowedPaths *allowed;
};

/* ---- what libxslt reports ----
 *
 * It calls an error function once with where it was ("runtime error: file ... line 7 element value-of") and once more with what; or
 * with the text of an xsl:message, in pieces. What is not about a transformation goes to a function of the whole process, some of
 * libxml2's words to one of the thread: both are ours, and look for the thread's report. */

typedef struct {
    CpsXmlErrors *errors;
    CpsXmlErrors *messages; /* NULL: there is no xsl:message in a compilation */
    int line;               /* from the last "where" */
    bool located;
    bool refused; /* writing was */
    xmlGenericErrorFunc function_before;
    void *context_before;
    CpsXmlHandler handler_before;
} Report;

static _Thread_local Report *running_report;
static xmlGenericErrorFunc process_function_before; /* set once, never NULL then */
static void *process_context_before;

static bool
is_place(const char *text)
{
    return strncmp(text, "compilation error", 17) == 0 || strncmp(text, "runtime error", 13) == 0;
}

static void
report_text(Report *report, const char *text)
{
    if (is_place(text)) {
        const char *line = strstr(text, " line ");

        report->line = line == NULL ? 0 : atoi(line + 6);
        report->located = true;
    }
    else if (report->located || report->messages == NULL) {
        cps_xml_errors_add(report->errors, report->line, 0, "%s", text);
        report->located = false;
        report->refused = report->refused || strstr(text, " refused") != NULL;
    }
    else if (strcmp(text, "\n") != 0) {
        cps_xml_errors_add(report->messages, 0, 0, "%s", text);
    }
}

static void
report_error(Report *report, const char *text)
{
    cps_xml_errors_add(report->errors, 0, 0, "%s", text);
}

/* Of a compilation, or somebody else's; beside a transformation, the stack of its templates, which is dropped. */
static void
report_process(Report *report, const char *text)
{
    if (report == NULL) {
        process_function_before(process_context_before, "%s", text);
    }
    else if (report->messages == NULL) {
        report_text(report, text);
    }
}

static void
report_format(Report *report, void (*take)(Report *, const char *), const char *format, va_list arguments)
{
    char *text;

    if (vasprintf(&text, format, arguments) >= 0) { /* else out of memory */
        take(report, text);
        free(text);
    }
}

/* Of a transformation: where, what, and xsl:message. */
static void
on_report(void *context, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    report_format(context, report_text, format, arguments);
    va_end(arguments);
}

static void
on_process_report(void *context, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    report_format(running_report, report_process, format, arguments);
    va_end(arguments);
}

/* libxml2's own words: an unknown function in an XPath expression, say. */
static void
on_thread_report(void *context, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    report_format(context, report_error, format, arguments);
    va_end(arguments);
}

static void
report_begin(Report *report)
{
    report->function_before = xmlGenericError;
    report->context_before = xmlGenericErrorContext;
    xmlSetGenericErrorFunc(report, on_thread_report);
    report->handler_before = cps_xml_errors_begin(report->errors);
    running_report = report;
}

static void
report_end(const Report *report)
{
    running_report = NULL;
    cps_xml_errors_end(report->handler_before);
    xmlSetGenericErrorFunc(report->context_before, report->function_before);
}

/* ---- compiling ---- */

static void
set_up_once(void)
{
    exsltRegisterAll();
    xsltRegisterAllExtras();
    cps_confine_setup();
    process_function_before = xsltGenericError;
    process_context_before = xsltGenericErrorContext;
    xsltSetGenericErrorFunc(NULL, on_process_report);
}

static xsltStylesheet *
compile(xmlDoc *tree, const CpsAllowedPaths *allowed, CpsXmlErrors *errors)
{
    Report report = {.errors = errors};
    xmlGenericErrorFunc function = xsltGenericError; /* ours, unless lxml came later and shares the library */
    void *context = xsltGenericErrorContext;
    xsltStylesheet *compiled;

    report_begin(&report);
    xsltSetGenericErrorFunc(&report, on_report);
    cps_confine_begin(allowed, errors);
    compiled = xsltParseStylesheetDoc(tree);
    (void)cps_confine_end();
    xsltSetGenericErrorFunc(context, function);
    report_end(&report);
    return compiled;
}

/* Reading is confine.h's matter. */
static xsltSecurityPrefs *
rights_new(void)
{
    static const xsltSecurityOption writing[] = {
        XSLT_SECPREF_WRITE_FILE,
        XSLT_SECPREF_CREATE_DIRECTORY,
        XSLT_SECPREF_WRITE_NETWORK,
    };
    xsltSecurityPrefs *rights = xsltNewSecurityPrefs();

    for (size_t i = 0; rights != NULL && i < sizeof(writing) / sizeof(writing[0]); i++) {
        if (xsltSetSecurityPrefs(rights, writing[i], xsltSecurityForbid) != 0) {
            xsltFreeSecurityPrefs(rights);
            rights = NULL;
        }
    }
    return rights;
}

CpsStylesheet *
cps_stylesheet_new(CpsXmlDocument **document_p, const CpsAllowedPaths *allowed, CpsXmlErrors *errors)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CpsStylesheet *stylesheet = calloc(1, sizeof(*stylesheet));
    xmlDoc *tree = cps_xml_document_detach(document_p);

    pthread_once(&once, set_up_once);
    if (stylesheet == NULL) {
        xmlFreeDoc(tree);
        return NULL;
    }
    stylesheet->allowed = allowed;
    stylesheet->rights = rights_new();
    stylesheet->compiled = stylesheet->rights == NULL ? NULL : compile(tree, allowed, errors);
    if (stylesheet->compiled == NULL) {
        xmlFreeDoc(tree);
        cps_stylesheet_free(stylesheet);
        return NULL;
    }
    return stylesheet;
}

void
cps_stylesheet_free(CpsStylesheet *stylesheet)
{
    if (stylesheet == NULL) {
        return;
    }
    xsltFreeStylesheet(stylesheet->compiled);
    xsltFreeSecurityPrefs(stylesheet->rights);
    free(stylesheet);
}

/* ---- transforming ---- */

/* Text parameters, not XPath expressions. Returns 0 or -1. */
static int
set_parameters(xsltTransformContext *context, const char *const *parameters)
{
    int status = 0;

    for (size_t i = 0; status == 0 && parameters != NULL && parameters[i] != NULL; i += 2) {
        status = xsltQuoteOneUserParam(context, (const xmlChar *)parameters[i], (const xmlChar *)parameters[i + 1]);
    }
    return status;
}

/* The text that ended it is the last message. */
static void
take_terminating_message(CpsTransformation *transformation)
{
    CpsXmlErrors *messages = &transformation->messages;

    if (messages->count == 0) {
        transformation->terminated = strdup("");
        return;
    }
    transformation->terminated = messages->items[--messages->count].message;
}

/* The result as a document whose data is one element. Takes `tree`. */
static void
take_result(CpsTransformation *transformation, xmlDoc *tree)
{
    if (xmlDocGetRootElement(tree) == NULL) {
        cps_xml_errors_add(&transformation->errors, 0, 0, "The result of the stylesheet has no root element");
        transformation->explained = true;
        xmlFreeDoc(tree);
        return;
    }
    transformation->result = cps_xml_document_new(tree);
}

static void
transform(const CpsStylesheet *stylesheet, xsltTransformContext *context, xmlDoc *source, const char *const *parameters,
          CpsTransformation *transformation)
{
    xmlDoc *tree = NULL;

    if (xsltSetCtxtSecurityPrefs(stylesheet->rights, context) == 0 && set_parameters(context, parameters) == 0) {
        tree = xsltApplyStylesheetUser(stylesheet->compiled, source, NULL, NULL, NULL, context);
    }
    if (context->state == XSLT_STATE_STOPPED && !cps_xml_errors_failed(&transformation->errors)) {
        take_terminating_message(transformation);
    }
    else if (tree != NULL && context->state == XSLT_STATE_OK && !cps_xml_errors_failed(&transformation->errors)) {
        take_result(transformation, tree);
        tree = NULL;
    }
    else if (!cps_xml_errors_failed(&transformation->errors)) {
        cps_xml_errors_add(&transformation->errors, 0, 0, "The transformation failed");
    }
    xmlFreeDoc(tree);
}

void
cps_stylesheet_apply(const CpsStylesheet *stylesheet, xmlDoc *source, const char *const *parameters,
                     CpsTransformation *transformation)
{
    Report report = {.errors = &transformation->errors, .messages = &transformation->messages};
    xsltTransformContext *context = xsltNewTransformContext(stylesheet->compiled, source);

    if (context == NULL) {
        cps_xml_errors_add(&transformation->errors, 0, 0, "Out of memory");
        return;
    }
    xsltSetTransformErrorFunc(context, &report, on_report);
    xsltSetCtxtParseOptions(context, XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_NOCDATA);
    report_begin(&report);
    cps_confine_begin(stylesheet->allowed, &transformation->errors);
    transform(stylesheet, context, source, parameters, transformation);
    transformation->explained = cps_confine_end() || report.refused || transformation->explained;
    report_end(&report);
    xsltFreeTransformContext(context);
}

void
cps_transformation_free(CpsTransformation *transformation)
{
    cps_xml_document_unref(&transformation->result);
    free(transformation->terminated);
    cps_xml_errors_free(&transformation->errors);
    cps_xml_errors_free(&transformation->messages);
}
