#include "xml/document.h"

#include "xml/reclaim.h"

#include <libxml/dict.h>
#include <stdlib.h>

/* ---- life ---- */

CpsXmlDocument *
cps_xml_document_view(xmlDoc *tree, void *owner, void (*release)(void *owner))
{
    CpsXmlDocument *document = calloc(1, sizeof(*document));

    if (document != NULL) {
        document->tree = tree;
        document->references = 1;
        document->owner = owner;
        document->release = release;
    }
    return document;
}

CpsXmlDocument *
cps_xml_document_new(xmlDoc *tree)
{
    CpsXmlDocument *document = cps_xml_document_view(tree, NULL, NULL);

    if (document == NULL) {
        xmlFreeDoc(tree);
    }
    return document;
}

void
cps_xml_document_unref(CpsXmlDocument **document_p)
{
    CpsXmlDocument *document = *document_p;

    *document_p = NULL;
    if (document == NULL || --document->references > 0) {
        return;
    }
    if (document->release != NULL) {
        document->release(document->owner);
    }
    else if (document->pooled) {
        cps_reclaim(document);
        return;
    }
    else {
        xmlFreeDoc(document->tree);
    }
    free(document);
}

xmlDoc *
cps_xml_document_detach(CpsXmlDocument **document_p)
{
    CpsXmlDocument *document = *document_p;
    xmlDoc *tree = document->tree;

    free(document);
    *document_p = NULL;
    return tree;
}

/* ---- walks ---- */

/* The node after `node` in document order below `top`, NULL at the end; *depth follows. */
static xmlNode *
next_node(xmlNode *node, const xmlNode *top, int *depth)
{
    if (node->children != NULL && node->type == XML_ELEMENT_NODE) {
        ++*depth;
        return node->children;
    }
    while (node != top && node->next == NULL) {
        --*depth;
        node = node->parent;
    }
    return node == top ? NULL : node->next;
}

bool
cps_xml_depth_within(const xmlNode *element, int levels)
{
    int depth = 1;

    for (xmlNode *node = (xmlNode *)element; node != NULL; node = next_node(node, element, &depth)) {
        if (depth > levels && node->type == XML_ELEMENT_NODE) {
            return false;
        }
    }
    return true;
}

bool
cps_xml_depth_allowed(const xmlNode *element)
{
    return cps_xml_depth_within(element, CPS_XML_MAX_DEPTH);
}

/* ---- names ---- */

static int
intern_name(xmlDict *dict, const xmlChar **name)
{
    const xmlChar *interned;

    if (xmlDictOwns(dict, *name) == 1) {
        return 0;
    }
    interned = xmlDictLookup(dict, *name, -1);
    if (interned == NULL) {
        return -1;
    }
    xmlFree((xmlChar *)*name);
    *name = interned;
    return 0;
}

static int
intern_element(xmlDict *dict, xmlNode *element)
{
    int result = intern_name(dict, &element->name);

    for (xmlAttr *attribute = element->properties; result == 0 && attribute != NULL; attribute = attribute->next) {
        result = intern_name(dict, &attribute->name);
    }
    return result;
}

int
cps_xml_document_intern(CpsXmlDocument *document)
{
    xmlDoc *tree = document->tree;
    xmlNode *root = xmlDocGetRootElement(tree);
    int depth = 0, result = 0;

    if (document->interned) {
        return 0;
    }
    if (tree->dict == NULL && (tree->dict = xmlDictCreate()) == NULL) {
        return -1;
    }
    for (xmlNode *node = root; result == 0 && node != NULL; node = next_node(node, root, &depth)) {
        if (node->type == XML_ELEMENT_NODE || node->type == XML_PI_NODE) {
            result = node->type == XML_ELEMENT_NODE ? intern_element(tree->dict, node)
                                                    : intern_name(tree->dict, &node->name);
        }
    }
    document->interned = result == 0;
    return result;
}

/* ---- copies ---- */

xmlDoc *
cps_xml_tree_new(void)
{
    xmlDoc *tree = xmlNewDoc((const xmlChar *)"1.0");

    if (tree != NULL && (tree->dict = xmlDictCreate()) == NULL) {
        xmlFreeDoc(tree);
        tree = NULL;
    }
    return tree;
}

CpsXmlDocument *
cps_xml_document_copy(xmlNode *element, bool *too_deep)
{
    CpsXmlDocument *document;
    xmlNode *root;
    xmlDoc *tree;

    *too_deep = !cps_xml_depth_allowed(element);
    tree = *too_deep ? NULL : cps_xml_tree_new();
    if (tree == NULL) {
        return NULL;
    }
    root = xmlDocCopyNode(element, tree, 1);
    if (root == NULL) {
        xmlFreeDoc(tree);
        return NULL;
    }
    xmlDocSetRootElement(tree, root);
    document = cps_xml_document_new(tree);
    if (document != NULL) {
        document->interned = true; /* xmlDocCopyNode looks names up in the dict */
    }
    return document;
}

int
cps_xml_document_append(CpsXmlDocument *document, xmlNode *element, bool *too_deep)
{
    xmlNode *copy;

    *too_deep = !cps_xml_depth_allowed(element);
    copy = *too_deep ? NULL : xmlDocCopyNode(element, document->tree, 1);
    if (copy == NULL) {
        return -1;
    }
    if (xmlAddChild(cps_xml_document_root(document), copy) == NULL) {
        xmlFreeNode(copy);
        return -1;
    }
    return 0;
}
