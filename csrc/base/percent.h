/* percent.h: percent-encoding of parts of a URL (RFC 3986). Plain C. */
#ifndef CPS_BASE_PERCENT_H
#define CPS_BASE_PERCENT_H

#include "base/buffer.h"

/* Append the bytes; all but letters, digits, "-", ".", "_", "~" and those in `safe` become %XX. Returns 0, or -1 when out of memory. */
int cps_percent_encode(CpsBuffer *buffer, const char *bytes, size_t length, const char *safe);

#endif
