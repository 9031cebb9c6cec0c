#include "xml/stylesheet.h"

#include "xml/parse.h"
#include "xml/serialize.h"
#include "xml/xsltload.h"

#include <libexslt/exslt.h>
#include <libxml/parserInternals.h>
#include <libxslt/extra.h>
#include <libxslt/imports.h>
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
#include <sys/resource.h>

struct CpsStylesheet {
    xsltStylesheet *compiled;  /* owned */
    xsltSecurityPrefs *rights; /* owned */
    const CpsReadable *readable;
    int depth;          /* how deep templates may call each other */
    bool writes_markup; /* by disable-output-escaping */
};

/* ---- what libxslt reports ----
 *
 * It calls an error function once with where it was ("runtime error: file ... line 7 element value-of") and once more with what; or
 * with the text of an xsl:message, in pieces. What is not about a transformation goes to a function of the whole process, which is ours
 * and looks for the thread's report. */

typedef struct {
    CpsXmlErrors *errors;
    CpsXmlErrors *messages; /* NULL: there is no xsl:message in a compilation */
    int line;               /* from the last "where" */
    bool located;
    bool refused; /* writing was; or what was read is no XML, or too much */
    CpsXmlHandlers before;
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

/* While a document is read: without it the stylesheet would go on as if it were empty. */
static void
on_document_report(void *context, CpsXmlReport what)
{
    Report *report = context;

    if (what->domain == XML_FROM_PARSER && what->level == XML_ERR_FATAL) {
        report->refused = true;
        cps_xml_errors_add(report->errors, what->line, 0, "Reading %s failed: %s",
                           what->file == NULL ? "a document" : what->file,
                           what->message == NULL ? "unknown error" : what->message);
    }
    else {
        cps_xml_errors_on_report(report->errors, what);
    }
}

static void
report_begin(Report *report)
{
    report->before = cps_xml_errors_begin(report->errors, report->errors);
    running_report = report;
}

static void
report_end(const Report *report)
{
    running_report = NULL;
    cps_xml_errors_end(report->before);
}

/* ---- compiling ---- */

static void
set_up_once(void)
{
    exsltRegisterAll();
    xsltRegisterAllExtras();
    cps_xslt_load_setup();
    process_function_before = xsltGenericError;
    process_context_before = xsltGenericErrorContext;
    xsltSetGenericErrorFunc(NULL, on_process_report);
}

/* A compilation, with what belongs to the process and is ours while we have the GIL. */
typedef struct {
    Report report;
    xmlGenericErrorFunc function; /* of others: ours, too, unless lxml came later and shares the library */
    void *context;
    const CpsLock *gil;
} Compilation;

static void
compilation_take_errors(Compilation *self)
{
    self->function = xsltGenericError;
    self->context = xsltGenericErrorContext;
    xsltSetGenericErrorFunc(&self->report, on_report);
}

static void *
compilation_release(void *context)
{
    Compilation *self = context;

    xsltSetGenericErrorFunc(self->context, self->function);
    return self->gil->release(self->gil->context);
}

static void
compilation_take(void *context, void *released)
{
    Compilation *self = context;

    self->gil->take(self->gil->context, released);
    compilation_take_errors(self);
}

static xsltStylesheet *
compile(xmlDoc *tree, const CpsReadable *readable, const CpsLock *gil, CpsXmlErrors *errors)
{
    Compilation compilation = {.report = {.errors = errors}, .gil = gil};
    CpsLock lock = {.release = compilation_release, .take = compilation_take, .context = &compilation};
    CpsConfinement confinement = {.readable = readable, .errors = errors, .lock = gil == NULL ? NULL : &lock};
    xsltStylesheet *compiled;

    report_begin(&compilation.report);
    compilation_take_errors(&compilation);
    cps_confine_begin(&confinement);
    compiled = xsltParseStylesheetDoc(tree);
    cps_confine_end();
    xsltSetGenericErrorFunc(compilation.context, compilation.function);
    report_end(&compilation.report);
    return compiled;
}

/* ---- what a stylesheet consists of ---- */

typedef struct {
    int levels;         /* how deep its elements are nested */
    bool writes_markup; /* whether it says disable-output-escaping */
} Survey;

/* Of a compiled tree: each xsl:text has become its text. At most as deep as a text may be. */
static void
survey_tree(const xmlNode *node, int level, Survey *survey)
{
    survey->levels = level > survey->levels ? level : survey->levels;
    for (; node != NULL; node = node->next) {
        if (node->type == XML_ELEMENT_NODE) {
            survey->writes_markup |= xmlHasProp(node, (const xmlChar *)"disable-output-escaping") != NULL;
            survey_tree(node->children, level + 1, survey);
        }
        else {
            survey->writes_markup |= node->name == xmlStringTextNoenc;
        }
    }
}

/* With what it includes and imports. */
static void
survey_stylesheet(const xsltStylesheet *stylesheet, Survey *survey)
{
    for (; stylesheet != NULL; stylesheet = stylesheet->next) {
        survey_tree(stylesheet->doc->children, 0, survey);
        for (const xsltDocument *included = stylesheet->docList; included != NULL; included = included->next) {
            survey_tree(included->doc->children, 0, survey);
        }
        survey_stylesheet(stylesheet->imports, survey);
    }
}

/* How deep templates may call each other, so that the stack of a thread is enough, also to copy a tree that they made: each may nest it
 * by all the levels of the stylesheet. libxslt's own bound, 3000, is right for most. */
static int
allowed_depth(int levels)
{
    enum { CALL_BYTES = 650, COPY_BYTES = 100, SMALL_STACK = 2 << 20 }; /* of stack, as measured; libuv's own least */
    struct rlimit limit;
    rlim_t stack =
        getrlimit(RLIMIT_STACK, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ? SMALL_STACK : limit.rlim_cur;
    rlim_t bytes = levels * COPY_BYTES > CALL_BYTES ? (rlim_t)levels * COPY_BYTES : CALL_BYTES;

    return stack / bytes < (rlim_t)xsltMaxDepth ? (int)(stack / bytes) : xsltMaxDepth;
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
cps_stylesheet_new(CpsXmlDocument **document_p, const CpsReadable *readable, const CpsLock *gil, CpsXmlErrors *errors)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CpsStylesheet *stylesheet = calloc(1, sizeof(*stylesheet));
    xmlDoc *tree = cps_xml_document_detach(document_p);
    Survey survey = {0};

    pthread_once(&once, set_up_once);
    cps_confine_setup();
    if (stylesheet == NULL) {
        xmlFreeDoc(tree);
        return NULL;
    }
    stylesheet->readable = readable;
    stylesheet->rights = rights_new();
    stylesheet->compiled = stylesheet->rights == NULL ? NULL : compile(tree, readable, gil, errors);
    if (stylesheet->compiled == NULL) {
        xmlFreeDoc(tree);
        cps_stylesheet_free(stylesheet);
        return NULL;
    }
    survey_stylesheet(stylesheet->compiled, &survey);
    stylesheet->depth = allowed_depth(survey.levels);
    stylesheet->writes_markup = survey.writes_markup;
    return stylesheet;
}

bool
cps_stylesheet_indents(const CpsStylesheet *stylesheet)
{
    int indent;

    XSLT_GET_IMPORT_INT(indent, stylesheet->compiled, indent); /* -1: nowhere said */
    return indent == 1;
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

/* Text with disable-output-escaping, read as the markup that it is meant to be: the result is no text that somebody else parses, but
 * data for the next actor. What is no XML (an &nbsp; for HTML) stays text, and is markup when it is serialised. */
static CpsXmlDocument *
read_markup(CpsXmlDocument *result)
{
    CpsXmlErrors errors = {0};
    size_t length;
    char *text = cps_xml_serialize(cps_xml_document_root(result), 0, &length);
    CpsXmlDocument *read =
        text == NULL ? NULL : cps_xml_parse(text, length, CPS_XML_UTF8 | CPS_XML_TRUSTED, NULL, &errors);

    free(text);
    cps_xml_errors_free(&errors);
    if (read != NULL) {
        cps_xml_document_unref(&result);
        result = read;
    }
    return result;
}

/* The result as a document whose data is one element. Takes `tree`. */
static void
take_result(const CpsStylesheet *stylesheet, CpsTransformation *transformation, xmlDoc *tree)
{
    if (xmlDocGetRootElement(tree) == NULL) {
        transformation->explained = true;
        cps_xml_errors_free(&transformation->errors);
        cps_xml_errors_add(&transformation->errors, 0, 0, "The result of the stylesheet has no root element");
        xmlFreeDoc(tree);
        return;
    }
    transformation->result = cps_xml_document_new(tree);
    if (transformation->result != NULL && stylesheet->writes_markup) {
        transformation->result = read_markup(transformation->result);
    }
}

/* The tree of the result, or NULL. */
static xmlDoc *
run(const CpsStylesheet *stylesheet, xsltTransformContext *context, xmlDoc *source, const char *const *parameters)
{
    context->maxTemplateDepth = stylesheet->depth;
    return xsltSetCtxtSecurityPrefs(stylesheet->rights, context) == 0 && set_parameters(context, parameters) == 0
               ? xsltApplyStylesheetUser(stylesheet->compiled, source, NULL, NULL, NULL, context)
               : NULL;
}

/* What became of it. Takes `tree`. */
static void
judge(const CpsStylesheet *stylesheet, const xsltTransformContext *context, xmlDoc *tree,
      CpsTransformation *transformation)
{
    if (tree != NULL && context->state == XSLT_STATE_OK && !transformation->explained) {
        take_result(stylesheet, transformation, tree);
        return;
    }
    xmlFreeDoc(tree);
    if (cps_xml_errors_failed(&transformation->errors)) {
        return;
    }
    if (transformation->transforming.cancelled || context->state != XSLT_STATE_STOPPED) {
        cps_xml_errors_add(&transformation->errors, 0, 0, "The transformation failed");
    }
    else {
        take_terminating_message(transformation);
    }
}

/* Returns whether something was refused. */
static bool
run_confined(const CpsStylesheet *stylesheet, xsltTransformContext *context, xmlDoc *source,
             const char *const *parameters, CpsTransformation *transformation, xmlDoc **tree)
{
    Report report = {.errors = &transformation->errors, .messages = &transformation->messages};
    CpsConfinement confinement = {
        .readable = stylesheet->readable,
        .errors = &transformation->errors,
        .cancelled = &transformation->transforming.cancelled,
    };

    xsltSetTransformErrorFunc(context, &report, on_report);
    xsltSetCtxtParseOptions(context, XML_PARSE_NOENT | XML_PARSE_NOCDATA);
    report_begin(&report);
    xmlSetStructuredErrorFunc(&report, (xmlStructuredErrorFunc)on_document_report);
    cps_confine_begin(&confinement);
    *tree = run(stylesheet, context, source, parameters);
    cps_confine_end();
    report_end(&report);
    return confinement.refused || report.refused;
}

void
cps_stylesheet_apply(const CpsStylesheet *stylesheet, xmlDoc *source, const char *const *parameters,
                     CpsTransformation *transformation)
{
    xsltTransformContext *context = xsltNewTransformContext(stylesheet->compiled, source);
    xmlDoc *tree = NULL;

    if (context == NULL) {
        cps_xml_errors_add(&transformation->errors, 0, 0, "Out of memory");
        return;
    }
    if (cps_transforming_begin(&transformation->transforming, context)) {
        transformation->explained = run_confined(stylesheet, context, source, parameters, transformation, &tree);
        cps_transforming_end(&transformation->transforming);
    }
    judge(stylesheet, context, tree, transformation);
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
