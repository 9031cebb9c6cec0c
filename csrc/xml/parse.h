/* parse.h: XML text to a document, safely. Plain C: fit for any thread.
 *
 * Nothing is read but the text: a reference to an external entity is an error that names it, and a document type's external
 * subset is not read. libxml2's bounds hold: 256 levels, 10 MB in one text, attribute, comment or CDATA section, 50,000 bytes in
 * a name, and entities may expand to ten times the text (or to 1 MB). A namespace prefix that is not declared and an entity that
 * is not defined are errors. The tree is as lxml's parser makes it, without the comments and processing instructions outside the
 * root element. */
#ifndef CPS_XML_PARSE_H
#define CPS_XML_PARSE_H

#include "xml/document.h"
#include "xml/errors.h"

typedef enum {
    CPS_XML_UTF8 = 1,    /* the text is UTF-8 whatever it says itself (it was a str) */
    CPS_XML_TRUSTED = 2, /* the text comes from a tree in this process: without the bounds */
} CpsXmlParseFlags;

/* New; NULL when there are errors, or for want of memory (then *errors may have none). */
CpsXmlDocument *cps_xml_parse(const char *text, size_t length, int flags, CpsXmlErrors *errors);

#endif
