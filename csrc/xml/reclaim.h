/* reclaim.h: the documents that threads of the pool have made are freed by them, too, as long as some are at work. Plain C.
 *
 * malloc keeps the memory of each thread apart, under a lock of its own: a loop's thread that frees a tree node by node would stand in
 * the way of the thread that made it, which is making the next one. */
#ifndef CPS_XML_RECLAIM_H
#define CPS_XML_RECLAIM_H

#include "xml/document.h"

/* Around the work of a thread of the pool, which then frees what was handed in. */
void cps_reclaim_begin(void);
void cps_reclaim_end(void);

/* Free a document with its tree, here or in the pool. */
void cps_reclaim(CpsXmlDocument *document);

#endif
