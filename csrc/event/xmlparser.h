/* xmlparser.h: what a script allows for the XML text of its events: XMLParser objects, the class attribute xml_parser. */
#ifndef CPS_EVENT_XMLPARSER_H
#define CPS_EVENT_XMLPARSER_H

#include "module.h"
#include "xml/parse.h"

int cps_xmlparser_setup(PyObject *module, CpsState *state);

/* The xml_parser of the class of `event`: new, None for the default; NULL with TypeError set for what is none. An attribute of the event
 * itself does not count: it may have come from outside. */
PyObject *cps_xmlparser_of(CpsState *state, PyObject *event);

/* The rules of what cps_xmlparser_of returned, as long as that lives. NULL for None. */
const CpsXmlRules *cps_xmlparser_rules(PyObject *parser);

#endif
