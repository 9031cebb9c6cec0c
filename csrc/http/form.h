/* form.h: application/x-www-form-urlencoded, in bodies and query strings (the URL standard's parser, as urllib.parse.parse_qsl with
 * keep_blank_values). */
#ifndef CPS_HTTP_FORM_H
#define CPS_HTTP_FORM_H

#include "module.h"

enum { CPS_FORM_FIELDS = 1000, CPS_FORM_BYTES = 1 << 20 };

/* name -> last value, in the order in which names come first. UTF-8; what is none becomes U+FFFD. New dict; NULL with an exception set:
 * MalformedEventData when there are more than CPS_FORM_FIELDS fields. */
PyObject *cps_form_dict(CpsState *state, const char *text, size_t length);

/* The field that is the data of an event: XML, else JSON, else the first one. *name_p is "XML", "JSON" or NULL for another, *value_p its
 * value (new str, decoded by `charset`, "" for UTF-8). Returns 1, 0 when there is no field at all, or -1 with an exception set. */
int cps_form_data(CpsState *state, const char *text, size_t length, const char *charset, const char **name_p,
                  PyObject **value_p);

#endif
