/* transforming.h: which transformations run now, in whatever threads, so that others may end them. Plain C; safe for any thread.
 *
 * The pool's threads are joined when the process ends: one that transforms for ever would keep it. */
#ifndef CPS_XML_TRANSFORMING_H
#define CPS_XML_TRANSFORMING_H

#include "base/list.h"

#include <libxslt/xsltInternals.h>

/* Zero-filled before its use. */
typedef struct {
    CpsLink link;
    xsltTransformContext *context; /* borrowed; NULL when it does not run */
    bool cancelled;
} CpsTransforming;

/* It runs now, with `context`. Returns false when it was cancelled before: then it must not. */
bool cps_transforming_begin(CpsTransforming *self, xsltTransformContext *context);

/* It runs no more. */
void cps_transforming_end(CpsTransforming *self);

/* Have it end soon, with an error, or not begin at all. */
void cps_transforming_cancel(CpsTransforming *self);

#endif
