#include "xml/reclaim.h"

#include <stdlib.h>

/* No lock: a thread that a fork leaves out could hold it. */
static CpsXmlDocument *handed_in; /* the last one; linked by CpsXmlDocument.handed_in */
static int working;               /* threads */

static void
free_all(void)
{
    CpsXmlDocument *document = __atomic_exchange_n(&handed_in, NULL, __ATOMIC_SEQ_CST), *next;

    for (; document != NULL; document = next) {
        next = document->handed_in;
        xmlFreeDoc(document->tree);
        free(document);
    }
}

void
cps_reclaim_begin(void)
{
    __atomic_add_fetch(&working, 1, __ATOMIC_SEQ_CST);
    free_all();
}

void
cps_reclaim_end(void)
{
    __atomic_sub_fetch(&working, 1, __ATOMIC_SEQ_CST);
    free_all();
}

/* Whoever hands in looks afterwards whether somebody is at work, and who has worked looks afterwards for what was handed in: nothing
 * is left. */
void
cps_reclaim(CpsXmlDocument *document)
{
    document->handed_in = __atomic_load_n(&handed_in, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&handed_in, &document->handed_in, document, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {
    }
    if (__atomic_load_n(&working, __ATOMIC_SEQ_CST) == 0) {
        free_all();
    }
}
