#include "xml/depth.h"

#include "xml/document.h"

#include <libxml/SAX2.h>

/* The document that is parsed; entities are parsed within it, where they are first referred to. */
static _Thread_local struct {
    int level;
    int limit;
    CpsDepthRefuse refuse;
} parsed;

static void
on_document(void *context)
{
    parsed.level = 0;
    xmlSAX2StartDocument(context);
}

static void
on_element(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int namespaces,
           const xmlChar **declared, int attributes, int defaulted, const xmlChar **values)
{
    xmlSAX2StartElementNs(context, name, prefix, uri, namespaces, declared, attributes, defaulted, values);
    if (++parsed.level > parsed.limit) {
        parsed.refuse(context, name);
    }
}

static void
on_element_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    parsed.level--;
    xmlSAX2EndElementNs(context, name, prefix, uri);
}

/* Of one that is parsed already a copy is made. */
xmlEntity *
cps_depth_get_entity(void *context, const xmlChar *name)
{
    xmlEntity *entity = xmlSAX2GetEntity(context, name);
    const xmlNode *node = entity == NULL || entity->etype == XML_INTERNAL_PREDEFINED_ENTITY ? NULL : entity->children;

    for (; node != NULL; node = node->next) {
        if (!cps_xml_depth_within(node, parsed.limit - parsed.level)) {
            parsed.refuse(context, name);
            return NULL;
        }
    }
    return entity;
}

void
cps_depth_bound(xmlSAXHandler *handlers, int limit, CpsDepthRefuse refuse)
{
    parsed.limit = limit;
    parsed.refuse = refuse;
    handlers->startDocument = on_document;
    handlers->startElementNs = on_element;
    handlers->endElementNs = on_element_end;
    handlers->getEntity = cps_depth_get_entity;
}
