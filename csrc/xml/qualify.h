/* qualify.h: XPath for documents with a default namespace, which XPath 1.0 has no notion of. Plain C. */
#ifndef CPS_XML_QUALIFY_H
#define CPS_XML_QUALIFY_H

/* The prefix that stands for the default namespace. */
#define CPS_XPATH_DEFAULT_PREFIX "default"

/* The XPath with the prefix before each test for the name of an element that has none; attributes, functions, axes, operators,
 * variables, literals and names with a prefix stay. What is no XPath stays what it is. New: free() it; NULL for want of memory. */
char *cps_xpath_qualify(const char *xpath);

#endif
