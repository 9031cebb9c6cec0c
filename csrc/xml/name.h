/* name.h: names for elements, made of any text. */
#ifndef CPS_XML_NAME_H
#define CPS_XML_NAME_H

#include "compat.h"

/* Whether `text`, a str, is a name without a prefix. */
bool cps_xml_is_name(PyObject *text);

/* str(value) as such a name: an underscore stands for each character that XML does not allow there, and before one that cannot be
 * the first. New str, or NULL with an exception set. */
PyObject *cps_xml_name(PyObject *value);

#endif
