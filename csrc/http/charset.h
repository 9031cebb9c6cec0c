/* charset.h: text from a client, in the charset that it names. */
#ifndef CPS_HTTP_CHARSET_H
#define CPS_HTTP_CHARSET_H

#include "module.h"

/* Decode; `charset` is in lower case, "" for UTF-8; `errors` as in Python: NULL is strict. New str; or NULL with MalformedEventData set when
 * the charset is unknown or the bytes are no text in it, or with MemoryError. */
PyObject *cps_http_decode(CpsState *state, const char *bytes, size_t length, const char *charset, const char *errors);

#endif
