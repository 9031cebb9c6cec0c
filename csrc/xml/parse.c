#include "xml/parse.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <limits.h>
#include <string.h>

/* A parse under way. libxml2's own handlers want the parser's context as their data, and lxml, which may share the library, takes
 * the context's _private for its own: so the state is found by the place of the handlers. */
typedef struct {
    xmlSAXHandler handlers; /* first */
    CpsXmlErrors *errors;
} Parsing;

static Parsing *
parsing_of(xmlParserCtxt *context)
{
    return (Parsing *)context->sax;
}

static void
parsing_on_report(void *context, CpsXmlReport report)
{
    cps_xml_errors_on_report(parsing_of(context)->errors, report);
}

/* Stop with an error about the entity `name`. */
static void
refuse(xmlParserCtxt *context, const char *format, const xmlChar *name)
{
    cps_xml_errors_add(parsing_of(context)->errors, xmlSAX2GetLineNumber(context), xmlSAX2GetColumnNumber(context),
                       format, (const char *)name);
    xmlStopParser(context);
}

static xmlEntity *
parsing_get_entity(void *context, const xmlChar *name)
{
    xmlEntity *entity = xmlSAX2GetEntity(context, name);

    if (entity == NULL) {
        refuse(context, "Entity '%.200s' not defined", name);
    }
    else if (entity->etype == XML_EXTERNAL_GENERAL_PARSED_ENTITY ||
             entity->etype == XML_EXTERNAL_GENERAL_UNPARSED_ENTITY) {
        refuse(context, "External entity '%.200s' refused", name);
        entity = NULL;
    }
    return entity;
}

static xmlEntity *
parsing_get_parameter_entity(void *context, const xmlChar *name)
{
    xmlEntity *entity = xmlSAX2GetParameterEntity(context, name);

    if (entity == NULL || entity->etype == XML_EXTERNAL_PARAMETER_ENTITY) {
        refuse(context, entity == NULL ? "Entity '%%%.200s' not defined" : "External entity '%%%.200s' refused", name);
        entity = NULL;
    }
    return entity;
}

/* An event's data is the root element: what stands beside it would be lost in the next copy. */
static void
drop_siblings(xmlDoc *tree)
{
    xmlNode *next;

    for (xmlNode *node = tree->children; node != NULL; node = next) {
        next = node->next;
        if (node->type == XML_COMMENT_NODE || node->type == XML_PI_NODE) {
            xmlUnlinkNode(node);
            xmlFreeNode(node);
        }
    }
}

static xmlDoc *
parse_in(xmlParserCtxt *context, const char *text, size_t length, int flags)
{
    int options = XML_PARSE_NOENT | XML_PARSE_NONET | XML_PARSE_NOCDATA | XML_PARSE_COMPACT | XML_PARSE_BIG_LINES;
    xmlSAXHandler *handlers = context->sax;
    Parsing *parsing = parsing_of(context);

    options |= (flags & CPS_XML_UTF8) != 0 ? XML_PARSE_IGNORE_ENC : 0;
    options |= (flags & CPS_XML_TRUSTED) != 0 ? XML_PARSE_HUGE : 0;
    handlers->serror = (xmlStructuredErrorFunc)parsing_on_report;
    handlers->getEntity = parsing_get_entity;
    handlers->getParameterEntity = parsing_get_parameter_entity;
    handlers->externalSubset = NULL;
    if (length == 0) {
        cps_xml_errors_add(parsing->errors, 1, 1, "Document is empty");
        return NULL;
    }
    return xmlCtxtReadMemory(context, text, (int)length, NULL, NULL, options);
}

CpsXmlDocument *
cps_xml_parse(const char *text, size_t length, int flags, CpsXmlErrors *errors)
{
    xmlParserCtxt *context;
    xmlSAXHandler *handlers;
    Parsing parsing;
    xmlDoc *tree;
    CpsXmlDocument *document;

    if (length > INT_MAX) {
        cps_xml_errors_add(errors, 0, 0, "Document is larger than 2 GB");
        return NULL;
    }
    if ((flags & CPS_XML_UTF8) != 0 && memchr(text, '\0', length) != NULL) {
        cps_xml_errors_add(errors, 0, 0, "Document holds a null character");
        return NULL;
    }
    context = xmlNewParserCtxt();
    if (context == NULL) {
        return NULL;
    }
    handlers = context->sax;
    parsing.handlers = *handlers;
    parsing.errors = errors;
    context->sax = &parsing.handlers;
    tree = parse_in(context, text, length, flags);
    if (tree != NULL && (!context->wellFormed || cps_xml_errors_failed(errors))) {
        xmlFreeDoc(tree);
        tree = NULL;
    }
    context->sax = handlers;
    xmlFreeParserCtxt(context);
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
