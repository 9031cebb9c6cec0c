/* httpchunk.h: the line before each chunk of a body (RFC 9112, 7.1). Plain C. */
#ifndef CPS_NET_HTTPCHUNK_H
#define CPS_NET_HTTPCHUNK_H

#include <stddef.h>

/* Check a line without its end. Returns how many digits the size has, or 0 when the line is malformed: the size, or an extension. */
size_t cps_http_check_chunk_line(const char *line, size_t length);

#endif
