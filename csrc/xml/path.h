/* path.h: the simple XPaths, which are most of them, walked along the tree without building a set of nodes. Plain C, of one thread.
 *
 * Simple is a path of steps to child elements and at last to attributes or texts, with at most one '//', whose predicates are
 * positions, attributes, children or texts that must be there, and comparisons of these with a literal, all in ASCII. A walk takes
 * time in proportion to the document. */
#ifndef CPS_XML_PATH_H
#define CPS_XML_PATH_H

#include <libxml/tree.h>
#include <stdbool.h>

typedef struct CpsPath CpsPath;

/* Gets each node that is found. Returns 0 to go on. */
typedef int (*CpsPathVisit)(const xmlNode *node, void *context);

/* New; NULL when the XPath is not simple (or none), or for want of memory. */
CpsPath *cps_path_new(const char *xpath);

void cps_path_free(CpsPath **path_p);

/* Find the namespaces of the prefixes: of one prefix the first counts. Whether all are there; they are used as long as they last. */
bool cps_path_resolve(CpsPath *self, xmlNs *const *namespaces, int count);

/* Visit what the resolved path finds from an element, each node once, but not in any order. Returns what the last visit returned, or
 * 0 without any. */
int cps_path_walk(const CpsPath *self, xmlNode *element, CpsPathVisit visit, void *context);

#endif
