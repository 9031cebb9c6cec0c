/* parse.h: XML text to a document, safely. Plain C: fit for any thread.
 *
 * Unless the caller allows more, nothing is read but the text: a reference to an external entity is an error that names it, and a document type's external
 * subset is not read. There are at most 256 levels, and entities may expand to ten times the text (or to 1 MB). A text of more than
 * CPS_XML_LONG bytes may have no document type; in a shorter one no part can be longer than that, and no name longer than 50,000
 * bytes. A namespace prefix that is not declared and an entity that is not defined are errors. The tree is as lxml's parser makes
 * it, but what stands beside the root element (document type, comments, processing instructions) is dropped. */
#ifndef CPS_XML_PARSE_H
#define CPS_XML_PARSE_H

#include "xml/confine.h"
#include "xml/document.h"
#include "xml/errors.h"

enum { CPS_XML_LONG = 10 * 1000 * 1000 }; /* libxml2's own limit for many things */

typedef enum {
    CPS_XML_UTF8 = 1,    /* the text is UTF-8 whatever it says itself (it was a str) */
    CPS_XML_TRUSTED = 2, /* the text comes from a tree in this process: without the bounds */
} CpsXmlParseFlags;

/* What a script allows for texts that it knows. Zero-filled: nothing. */
typedef struct {
    /* Where external entities and document types may be read, and whether the text itself may be huge, too; borrowed, or NULL. */
    const CpsReadable *readable;
    const char *base; /* borrowed: the URL from which relative names are meant, or NULL */
} CpsXmlRules;

/* Whether parsing by them may have to wait for a server. `rules` may be NULL. */
bool cps_xml_rules_wait(const CpsXmlRules *rules);

/* `rules` may be NULL. New; NULL when there are errors, or for want of memory (then *errors may have none). Warnings are not kept. */
CpsXmlDocument *cps_xml_parse(const char *text, size_t length, int flags, const CpsXmlRules *rules,
                              CpsXmlErrors *errors);

#endif
