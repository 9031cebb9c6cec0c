/* percent.h: percent-encoding (RFC 3986, 2.1). Plain C. */
#ifndef CPS_HTTP_PERCENT_H
#define CPS_HTTP_PERCENT_H

#include <stdbool.h>
#include <stddef.h>

/* Decode `length` bytes into `target`, which has room for as many; "+" becomes a blank when `plus`. A "%" that two hex digits do not follow
 * stays. Returns how many bytes there are. */
size_t cps_percent_decode(char *target, const char *text, size_t length, bool plus);

#endif
