/* percent.h: percent-encoding of parts of a URL (RFC 3986). Plain C. */
#ifndef CPS_BASE_PERCENT_H
#define CPS_BASE_PERCENT_H

#include "base/buffer.h"

#include <stdbool.h>

/* Append the bytes; all but letters, digits, "-", ".", "_", "~" and those in `safe` become %XX. Returns 0, or -1 when out of memory. */
int cps_percent_encode(CpsBuffer *buffer, const char *bytes, size_t length, const char *safe);

/* Decode `length` bytes into `target`, which has room for as many; "+" becomes a blank when `plus`. A "%" that two hex digits do not follow
 * stays. Returns how many bytes there are. */
size_t cps_percent_decode(char *target, const char *bytes, size_t length, bool plus);

#endif
