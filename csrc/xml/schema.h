/* schema.h: XML Schema 1.0 (XSD) on libxml2, confined. Plain C. */
#ifndef CPS_XML_SCHEMA_H
#define CPS_XML_SCHEMA_H

#include "xml/confine.h"
#include "xml/document.h"

typedef struct CpsSchema CpsSchema;

/* With the GIL, before schemas are compiled. */
void cps_schema_setup(void);

/* Compile the tree of *document_p, which must be owned and becomes NULL in any case. xs:include and xs:import read what is
 * `readable` (NULL: nothing) only. New; NULL with errors, or for want of memory. */
CpsSchema *cps_schema_new(CpsXmlDocument **document_p, const CpsReadable *readable, CpsXmlErrors *errors);

void cps_schema_free(CpsSchema *schema); /* NULL is fine */

/* Whether `tree` is valid; what is wrong with it is in *errors. Notes the tree's IDs in it: nobody else may use it meanwhile. Fit for
 * any thread, without the GIL, and for several at once. */
bool cps_schema_validate(const CpsSchema *schema, xmlDoc *tree, CpsXmlErrors *errors);

#endif
