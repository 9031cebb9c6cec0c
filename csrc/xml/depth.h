/* depth.h: how deep the elements of a text nest, with what its entities stand for. Plain C: fit for any thread.
 *
 * libxml2 counts each entity by itself, and copies what entities stand for by recursion; read with XML_PARSE_HUGE, old releases count nothing. */
#ifndef CPS_XML_DEPTH_H
#define CPS_XML_DEPTH_H

#include <libxml/parser.h>

/* Something at `name`, an element or an entity, is too deep: ends the parse. */
typedef void (*CpsDepthRefuse)(xmlParserCtxt *context, const xmlChar *name);

/* Have libxml2's own handlers, from which handlers of SAX 2 are made, count. A thread parses one document at a time. */
void cps_depth_bound(xmlSAXHandler *handlers, int limit, CpsDepthRefuse refuse);

/* The handler of getEntity that is set, for those who have one of their own. */
xmlEntity *cps_depth_get_entity(void *context, const xmlChar *name);

#endif
