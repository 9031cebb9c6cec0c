/* stylesheet.h: XSLT 1.0 on libxslt, confined. Plain C.
 *
 * A stylesheet reads only what is readable for it (xsl:include, xsl:import, document()), and writes nothing (exsl:document and its
 * like). */
#ifndef CPS_XML_STYLESHEET_H
#define CPS_XML_STYLESHEET_H

#include "xml/confine.h"
#include "xml/document.h"
#include "xml/transforming.h"

typedef struct CpsStylesheet CpsStylesheet;

/* Compile the tree of *document_p, which must be owned and becomes NULL in any case. `readable` is borrowed, for as long as the stylesheet
 * lives; NULL: nothing. With the GIL, since libxslt reports errors of a compilation through globals; `gil` (NULL: never) releases it while a
 * server is waited for. New; NULL with errors, or for want of memory. */
CpsStylesheet *cps_stylesheet_new(CpsXmlDocument **document_p, const CpsReadable *readable, const CpsLock *gil,
                                  CpsXmlErrors *errors);

/* Whether its xsl:output, or one that it imports, asks for an indented text. */
bool cps_stylesheet_indents(const CpsStylesheet *stylesheet);

void cps_stylesheet_free(CpsStylesheet *stylesheet); /* NULL is fine */

/* What a transformation gave. Zero-filled before. */
typedef struct {
    CpsXmlDocument *result; /* owned; NULL when it failed */
    char *terminated;       /* owned: what xsl:message said that ended it; NULL */
    bool explained;         /* the first error says what was refused, or what is wrong with the stylesheet */
    CpsXmlErrors errors;
    CpsXmlErrors messages; /* of xsl:message, except for that one */
    CpsTransforming transforming;
} CpsTransformation;

/* Transform `source`, whose white space may be stripped by it: nobody else may use it meanwhile. `parameters` are pairs of a name and
 * a text, ended by a NULL. Fit for any thread, without the GIL, and for several at once. Errors beside a result are of no consequence. */
void cps_stylesheet_apply(const CpsStylesheet *stylesheet, xmlDoc *source, const char *const *parameters,
                          CpsTransformation *transformation);

void cps_transformation_free(CpsTransformation *transformation);

#endif
