/* source.h: a document that is read: a file, or what a server has sent. Plain C: fit for any thread. */
#ifndef CPS_XML_SOURCE_H
#define CPS_XML_SOURCE_H

#include "xml/confine.h"

typedef struct CpsSource CpsSource;

/* Open what the confinement lets be read. Nothing but that file or URL: libxml2 by itself would ask catalogs, which a document may name, and
 * decompress files. New; NULL when it is refused, or for want of memory: then the confinement knows. */
CpsSource *cps_source_open(const char *url, CpsConfinement *confinement);

/* Where redirects led; NULL when there were none to follow: it is a file. Borrowed. */
const char *cps_source_url(const CpsSource *source);

/* As libxml2's xmlInputReadCallback and xmlInputCloseCallback. Closing frees it; NULL is fine. */
int cps_source_read(void *source, char *buffer, int length);
int cps_source_close(void *source);

#endif
