#include "xml/xsltload.h"

#include "xml/confine.h"

#include <libxslt/documents.h>

/* lxml sets a loader, too, once, which calls the one before it for what is not its own. */
static xsltDocLoaderFunc loader_before;

static xmlDoc *
load(const xmlChar *uri, xmlDict *dict, int options, void *user, xsltLoadType type)
{
    xmlParserCtxt *context;
    xmlDoc *tree;

    if (!cps_confine_active()) {
        return loader_before(uri, dict, options, user, type);
    }
    context = xmlNewParserCtxt();
    if (context == NULL) {
        return NULL;
    }
    if (dict != NULL) { /* names are compared by their addresses */
        xmlDictFree(context->dict);
        context->dict = dict;
        xmlDictReference(dict);
    }
    tree = cps_confine_read((const char *)uri, context, options);
    xmlFreeParserCtxt(context);
    return tree;
}

void
cps_xslt_load_setup(void)
{
    loader_before = xsltDocDefaultLoader;
    xsltSetLoaderFunc(load);
}
