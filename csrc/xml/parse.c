#include "xml/parse.h"

#include "xml/depth.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/valid.h>
#include <limits.h>
#include <string.h>

static const CpsXmlRules strict;

/* A parse under way. libxml2's own handlers want the parser's context as their data, and lxml, which may share the library, takes
 * the context's _private for its own: so the state is found by the place of the handlers. */
typedef struct {
    xmlSAXHandler handlers; /* first */
    CpsXmlErrors *errors;
    const CpsXmlRules *rules;
    bool reads; /* files, or from servers */
    bool huge;
} Parsing;

static Parsing *
parsing_of(xmlParserCtxt *context)
{
    return (Parsing *)context->sax;
}

static void
parsing_on_report(void *context, CpsXmlReport report)
{
    if (report->level > XML_ERR_WARNING) {
        cps_xml_errors_on_report(parsing_of(context)->errors, report);
    }
}

/* ---- entities ---- */

/* Stop with an error about `name`. */
static void
refuse(xmlParserCtxt *context, const char *format, const xmlChar *name)
{
    cps_xml_errors_add(parsing_of(context)->errors, xmlSAX2GetLineNumber(context), xmlSAX2GetColumnNumber(context),
                       format, (const char *)name);
    xmlStopParser(context);
}

/* What may be read is decided when it is opened (xml/confine.h). */
static bool
is_refused(xmlParserCtxt *context, const xmlEntity *entity)
{
    switch (entity->etype) {
    case XML_EXTERNAL_GENERAL_PARSED_ENTITY:
    case XML_EXTERNAL_PARAMETER_ENTITY:
        return !parsing_of(context)->reads;
    case XML_EXTERNAL_GENERAL_UNPARSED_ENTITY:
        return true;
    default:
        return false;
    }
}

static xmlEntity *
parsing_get_entity(void *context, const xmlChar *name)
{
    xmlEntity *entity = cps_depth_get_entity(context, name);

    if (entity == NULL) {
        refuse(context, "Entity '%.200s' not defined", name);
    }
    else if (is_refused(context, entity)) {
        refuse(context, "External entity '%.200s' refused", name);
        entity = NULL;
    }
    return entity;
}

static xmlEntity *
parsing_get_parameter_entity(void *context, const xmlChar *name)
{
    xmlEntity *entity = xmlSAX2GetParameterEntity(context, name);

    if (entity == NULL || is_refused(context, entity)) {
        refuse(context, entity == NULL ? "Entity '%%%.200s' not defined" : "External entity '%%%.200s' refused", name);
        entity = NULL;
    }
    return entity;
}

/* ---- libxml2 lifts all its bounds for long texts ---- */

static void
parsing_on_document_type(void *context, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
    refuse(context, "Document type '%.200s' refused in a document of more than 10 MB", name);
}

static void
refuse_depth(xmlParserCtxt *context, const xmlChar *name)
{
    refuse(context,
           parsing_of(context)->huge ? "Excessive depth in document at '%.200s'"
                                     : "Excessive depth in document at '%.200s': more than 256 levels need huge=True",
           name);
}

/* ---- documents ---- */

/* An event's data is the root element: what stands beside it would be lost in the next copy. Entities have been replaced, and what
 * the document type says of attributes is told by a table, which goes with it. */
static void
drop_siblings(xmlDoc *tree)
{
    xmlNode *next;

    if (tree->intSubset != NULL) {
        xmlFreeIDTable(tree->ids);
        xmlFreeRefTable(tree->refs);
        tree->ids = NULL;
        tree->refs = NULL;
        xmlFreeDtd(tree->extSubset);
        tree->extSubset = NULL;
    }
    for (xmlNode *node = tree->children; node != NULL; node = next) {
        next = node->next;
        if (node->type != XML_ELEMENT_NODE) {
            xmlUnlinkNode(node);
            xmlFreeNode(node); /* a document type too */
        }
    }
}

static void
set_handlers(Parsing *parsing, size_t length, bool trusted)
{
    xmlSAXHandler *handlers = &parsing->handlers;

    handlers->serror = (xmlStructuredErrorFunc)parsing_on_report;
    if (!parsing->reads) {
        handlers->externalSubset = NULL;
    }
    if (length > CPS_XML_LONG && !parsing->huge && !trusted) {
        handlers->internalSubset = parsing_on_document_type;
    }
    if (!trusted) {
        cps_depth_bound(handlers, parsing->huge ? CPS_XML_MAX_DEPTH : CPS_XML_DEPTH, refuse_depth);
    }
    handlers->getEntity = parsing_get_entity;
    handlers->getParameterEntity = parsing_get_parameter_entity;
}

static xmlDoc *
parse_in(xmlParserCtxt *context, const char *text, size_t length, int flags)
{
    int options = XML_PARSE_NOENT | XML_PARSE_NOCDATA | XML_PARSE_COMPACT | XML_PARSE_BIG_LINES;
    Parsing *parsing = parsing_of(context);
    bool trusted = (flags & CPS_XML_TRUSTED) != 0;
    bool unbounded = trusted || parsing->huge || length > CPS_XML_LONG;

    options |= (flags & CPS_XML_UTF8) != 0 ? XML_PARSE_IGNORE_ENC : 0;
    options |= unbounded ? XML_PARSE_HUGE : 0;
    options |= parsing->reads ? XML_PARSE_DTDLOAD | XML_PARSE_DTDATTR : XML_PARSE_NONET;
    set_handlers(parsing, length, trusted);
    return xmlCtxtReadMemory(context, text, (int)length, parsing->rules->base, NULL, options);
}

/* The same, reading what may be read. */
static xmlDoc *
parse_confined(xmlParserCtxt *context, const char *text, size_t length, int flags)
{
    const Parsing *parsing = parsing_of(context);
    CpsConfinement confinement = {
        .readable = parsing->rules->readable,
        .errors = parsing->errors,
        .bounded = true,
    };
    CpsXmlHandlers handlers = cps_xml_errors_begin(NULL, NULL);
    xmlDoc *tree;

    if (parsing->reads) {
        cps_confine_begin(&confinement);
    }
    tree = parse_in(context, text, length, flags);
    if (parsing->reads) {
        cps_confine_end();
    }
    cps_xml_errors_end(handlers);
    return tree;
}

/* Whether the text can be parsed at all; what is wrong with it becomes an error. */
static bool
check_text(const char *text, size_t length, int flags, CpsXmlErrors *errors)
{
    if (length > INT_MAX) {
        cps_xml_errors_add(errors, 0, 0, "Document is larger than 2 GB");
        return false;
    }
    if (length == 0) {
        cps_xml_errors_add(errors, 1, 1, "Document is empty");
        return false;
    }
    if ((flags & CPS_XML_UTF8) != 0 && memchr(text, '\0', length) != NULL) {
        cps_xml_errors_add(errors, 0, 0, "Document holds a null character");
        return false;
    }
    return true;
}

/* Whether the tree is all of what was meant. libxml2 before 2.12 ends at a null character. */
static bool
check_tree(const xmlParserCtxt *context, CpsXmlErrors *errors)
{
    if (!context->wellFormed || cps_xml_errors_failed(errors)) {
        return false;
    }
    if (context->input != NULL && context->input->cur < context->input->end) {
        cps_xml_errors_add(errors, 0, 0, "Document holds a null character");
        return false;
    }
    return true;
}

/* The tree, or NULL. */
static xmlDoc *
parse(const char *text, size_t length, int flags, const CpsXmlRules *rules, CpsXmlErrors *errors)
{
    xmlParserCtxt *context = xmlNewParserCtxt();
    Parsing parsing = {.errors = errors, .rules = rules};
    xmlSAXHandler *handlers;
    xmlDoc *tree;

    if (context == NULL) {
        return NULL;
    }
    if (rules->readable != NULL) {
        parsing.reads = rules->readable->count > 0 || rules->readable->urls.count > 0;
        parsing.huge = rules->readable->huge;
    }
    handlers = context->sax;
    parsing.handlers = *handlers;
    context->sax = &parsing.handlers;
    tree = parse_confined(context, text, length, flags);
    if (tree != NULL && !check_tree(context, errors)) {
        xmlFreeDoc(tree);
        tree = NULL;
    }
    context->sax = handlers;
    xmlFreeParserCtxt(context);
    return tree;
}

bool
cps_xml_rules_wait(const CpsXmlRules *rules)
{
    return rules != NULL && rules->readable != NULL && rules->readable->urls.count > 0;
}

CpsXmlDocument *
cps_xml_parse(const char *text, size_t length, int flags, const CpsXmlRules *rules, CpsXmlErrors *errors)
{
    xmlDoc *tree = NULL;
    CpsXmlDocument *document;

    if (check_text(text, length, flags, errors)) {
        tree = parse(text, length, flags, rules == NULL ? &strict : rules, errors);
    }
    if (tree == NULL) {
        return NULL;
    }
    drop_siblings(tree);
    document = cps_xml_document_new(tree);
    if (document != NULL) {
        document->interned = true;
    }
    return document;
}
