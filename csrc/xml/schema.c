#include "xml/schema.h"

#include <libxml/xmlschemas.h>
#include <libxml/xmlschemastypes.h>
#include <stdlib.h>

struct CpsSchema {
    xmlSchema *compiled; /* owned */
    xmlDoc *tree;        /* owned: the compiled schema refers to it */
};

static xmlSchema *
compile(xmlDoc *tree, const CpsReadable *readable, CpsXmlErrors *errors)
{
    xmlSchemaParserCtxt *context = xmlSchemaNewDocParserCtxt(tree);
    CpsXmlHandlers handlers = cps_xml_errors_begin(errors, NULL);
    CpsConfinement confinement = {.readable = readable, .errors = errors};
    xmlSchema *compiled = NULL;

    if (context != NULL) {
        xmlSchemaSetParserStructuredErrors(context, (xmlStructuredErrorFunc)cps_xml_errors_on_report, errors);
        cps_confine_begin(&confinement);
        compiled = xmlSchemaParse(context);
        cps_confine_end();
        xmlSchemaFreeParserCtxt(context);
    }
    cps_xml_errors_end(handlers);
    return compiled;
}

void
cps_schema_setup(void)
{
    cps_confine_setup();
    xmlSchemaInitTypes(); /* else the first schema does, and of two threads both */
}

CpsSchema *
cps_schema_new(CpsXmlDocument **document_p, const CpsReadable *readable, CpsXmlErrors *errors)
{
    CpsSchema *schema = calloc(1, sizeof(*schema));
    xmlDoc *tree = cps_xml_document_detach(document_p);

    if (schema == NULL) {
        xmlFreeDoc(tree);
        return NULL;
    }
    schema->tree = tree;
    schema->compiled = compile(tree, readable, errors);
    if (schema->compiled == NULL || cps_xml_errors_failed(errors)) { /* a refused import alone does not stop libxml2 */
        cps_schema_free(schema);
        return NULL;
    }
    return schema;
}

void
cps_schema_free(CpsSchema *schema)
{
    if (schema == NULL) {
        return;
    }
    xmlSchemaFree(schema->compiled);
    xmlFreeDoc(schema->tree);
    free(schema);
}

bool
cps_schema_validate(const CpsSchema *schema, xmlDoc *tree, CpsXmlErrors *errors)
{
    xmlSchemaValidCtxt *context = xmlSchemaNewValidCtxt(schema->compiled);
    CpsConfinement confinement = {.errors = errors};
    CpsXmlHandlers handlers;
    int status;

    if (context == NULL) {
        cps_xml_errors_add(errors, 0, 0, "Out of memory");
        return false;
    }
    xmlSchemaSetValidStructuredErrors(context, (xmlStructuredErrorFunc)cps_xml_errors_on_report, errors);
    handlers = cps_xml_errors_begin(errors, NULL);
    cps_confine_begin(&confinement);
    status = xmlSchemaValidateDoc(context, tree);
    cps_confine_end();
    cps_xml_errors_end(handlers);
    xmlSchemaFreeValidCtxt(context);
    if (status != 0 && !cps_xml_errors_failed(errors)) {
        cps_xml_errors_add(errors, 0, 0, "The document could not be validated");
    }
    return status == 0;
}
