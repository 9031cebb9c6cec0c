/* httpchars.h: which bytes may stand where in HTTP. Plain C. */
#ifndef CPS_NET_HTTPCHARS_H
#define CPS_NET_HTTPCHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CPS_CHAR_TOKEN = 1, /* methods, names of headers (RFC 9110, 5.6.2) */
    CPS_CHAR_URI = 2,   /* paths and queries: unreserved and reserved (RFC 3986, 2.2 and 2.3), without "#" */
    CPS_CHAR_HOST = 4,  /* registered names (RFC 3986, 3.2.2) */
    CPS_CHAR_HEX = 8,
    CPS_CHAR_DIGIT = 16,
};

extern const uint8_t cps_http_chars[256];

static inline bool
cps_http_char(char byte, uint8_t kind)
{
    return (cps_http_chars[(uint8_t)byte] & kind) != 0;
}

/* White space within a line. */
static inline bool
cps_http_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* How many bytes at the start are of that kind. */
static inline size_t
cps_http_span(const char *bytes, size_t length, uint8_t kind)
{
    size_t count = 0;

    while (count < length && cps_http_char(bytes[count], kind)) {
        count++;
    }
    return count;
}

/* Whether the bytes may be the name of a header, or a method. */
static inline bool
cps_http_is_token(const char *bytes, size_t length)
{
    return length > 0 && cps_http_span(bytes, length, CPS_CHAR_TOKEN) == length;
}

/* Whether they may be the value of a header. */
bool cps_http_is_field_value(const char *bytes, size_t length);

/* Whether all bytes are of that kind, or belong to a percent escape. */
bool cps_http_encoded(const char *bytes, size_t length, uint8_t kind);

#endif
