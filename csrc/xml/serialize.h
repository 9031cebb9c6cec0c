/* serialize.h: an element as text. Plain C: fit for any thread. */
#ifndef CPS_XML_SERIALIZE_H
#define CPS_XML_SERIALIZE_H

#include <libxml/tree.h>
#include <stddef.h>

typedef enum {
    CPS_XML_PRETTY = 1, /* two spaces of indentation and a final line break */
    CPS_XML_ASCII = 2,  /* decimal references in texts and attributes, the only places where XML has them */
} CpsXmlSerializeFlags;

/* The element as UTF-8 without an XML declaration or what follows it, *length bytes and a zero byte. New: free() it; NULL for want
 * of memory. */
char *cps_xml_serialize(xmlNode *element, int flags, size_t *length);

#endif
