/* xpath.h: an XPath that is evaluated on many documents. Plain C, but of one thread.
 *
 * Prefixes are those that the root element and its children declare; see cps_xpath_qualify for the default namespace. It is compiled
 * once for documents with a default namespace, and once for those without. */
#ifndef CPS_XML_XPATH_H
#define CPS_XML_XPATH_H

#include "xml/errors.h"
#include "xml/path.h"

#include <libxml/xpath.h>

typedef struct CpsXPath CpsXPath;

typedef enum {
    CPS_XPATH_DONE,
    CPS_XPATH_FAILED,  /* it is no XPath, or cannot be evaluated on this document */
    CPS_XPATH_LIMITED, /* it takes more steps on this document than is allowed */
    CPS_XPATH_NO_MEMORY,
} CpsXPathStatus;

/* How many steps an evaluation may take, as libxml2 counts them: some tenths of a second's worth. */
enum { CPS_XPATH_MAX_STEPS = 10 * 1000 * 1000 };

/* New, whatever the text; NULL for want of memory. */
CpsXPath *cps_xpath_new(const char *text);

/* Free *xpath_p, which may be NULL, and set it to NULL. */
void cps_xpath_free(CpsXPath **xpath_p);

/* Whether it is an XPath at all, for documents without a default namespace, with functions that there are; `errors` gets what is
 * wrong. */
bool cps_xpath_check(CpsXPath *self, CpsXmlErrors *errors);

/* Evaluate on an element. *result is new when DONE: xmlXPathFreeObject() it before the document goes. `errors` gets what libxml2
 * reports. */
CpsXPathStatus cps_xpath_evaluate(CpsXPath *self, xmlNode *element, xmlXPathObject **result, CpsXmlErrors *errors);

/* Visit what a simple XPath finds; see cps_path_walk. Whether it is simple, and all prefixes are known: then *result is what the last
 * visit returned. Else nothing has been done, and it must be evaluated. */
bool cps_xpath_walk(CpsXPath *self, xmlNode *element, CpsPathVisit visit, void *context, int *result);

#endif
