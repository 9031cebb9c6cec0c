/* document.h: an xmlDoc with a count of those who use it. Plain C.
 *
 * What events hold is one element: the root of such a document. Whoever has a reference may read the tree; who has the only one
 * may change it, unless it belongs to lxml (cps_xml_document_owned). The count is not atomic: references are taken and
 * given up by the thread that has the GIL, and a job of the thread pool works on one that its starter holds for it. */
#ifndef CPS_XML_DOCUMENT_H
#define CPS_XML_DOCUMENT_H

#include <libxml/tree.h>
#include <stdbool.h>

/* The deepest tree that is copied or converted: libxml2 does that by recursion. What is parsed is less deep (xml/parse.h). */
enum {
    CPS_XML_DEPTH = 256, /* of texts, as libxml2 itself bounds it */
    CPS_XML_MAX_DEPTH = 2048,
};

typedef struct CpsXmlDocument {
    xmlDoc *tree; /* owned, or the owner's; it has a root element */
    int references;
    bool interned;                /* all names are in the tree's dict, as lxml needs it */
    void *owner;                  /* whose tree it is */
    void (*release)(void *owner); /* called when the last reference is gone; NULL: the tree is ours */
    bool pooled;                  /* made by a thread of the pool (xml/reclaim.h) */
    struct CpsXmlDocument *handed_in;
} CpsXmlDocument;

/* New, with one reference, or NULL for want of memory. Takes `tree`, which is freed even then. */
CpsXmlDocument *cps_xml_document_new(xmlDoc *tree);

/* New for a tree that belongs to `owner`: it is only read, and `release` is called in the end (not when NULL is returned). */
CpsXmlDocument *cps_xml_document_view(xmlDoc *tree, void *owner, void (*release)(void *owner));

static inline CpsXmlDocument *
cps_xml_document_ref(CpsXmlDocument *document)
{
    document->references++;
    return document;
}

/* Give up *document_p, which may be NULL, and set it to NULL. */
void cps_xml_document_unref(CpsXmlDocument **document_p);

/* Whether the tree is ours and nobody else has a reference: then it may be changed. */
static inline bool
cps_xml_document_owned(const CpsXmlDocument *document)
{
    return document->references == 1 && document->release == NULL;
}

/* The element that is the event's data. */
static inline xmlNode *
cps_xml_document_root(const CpsXmlDocument *document)
{
    return xmlDocGetRootElement(document->tree);
}

/* A document of its own with a copy of `element`. New; NULL for want of memory, or when the element is deeper than
 * CPS_XML_MAX_DEPTH (*too_deep tells). */
CpsXmlDocument *cps_xml_document_copy(xmlNode *element, bool *too_deep);

/* Append a copy of `element` to the root of a document that must be owned. Returns 0; -1 as above. */
int cps_xml_document_append(CpsXmlDocument *document, xmlNode *element, bool *too_deep);

/* The tree of *document_p, which must be owned, without the document: *document_p becomes NULL. */
xmlDoc *cps_xml_document_detach(CpsXmlDocument **document_p);

/* An empty tree that has a dict, as all of ours. NULL for want of memory. */
xmlDoc *cps_xml_tree_new(void);

/* Put all names into the tree's dict. Returns 0, or -1 for want of memory. */
int cps_xml_document_intern(CpsXmlDocument *document);

/* Whether `element` has at most so many levels of elements. */
bool cps_xml_depth_within(const xmlNode *element, int levels);

/* The same for CPS_XML_MAX_DEPTH. */
bool cps_xml_depth_allowed(const xmlNode *element);

static inline bool
cps_xml_is_text(const xmlNode *node)
{
    return node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE;
}

#endif
