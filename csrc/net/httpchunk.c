/* See httpchunk.h. */
#include "net/httpchunk.h"
#include "net/httpchars.h"

/* The end of a quoted string (RFC 9110, 5.6.4) that begins at `at`, or NULL. */
static const char *
quoted_end(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\' && ++at == end) {
            return NULL;
        }
        if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7F) {
            return NULL;
        }
    }
    return at < end ? at + 1 : NULL;
}

/* The end of a token, or NULL when there is none. */
static const char *
token_end(const char *at, const char *end)
{
    size_t length = cps_http_span(at, (size_t)(end - at), CPS_CHAR_TOKEN);

    return length > 0 ? at + length : NULL;
}

/* Each is ";name", ";name=token" or ";name="quoted string"". White space, which the RFC lets a recipient take, is not. */
static bool
extensions_valid(const char *at, const char *end)
{
    while (at < end) {
        if (*at != ';' || (at = token_end(at + 1, end)) == NULL) {
            return false;
        }
        if (at < end && *at == '=') {
            at++;
            at = at < end && *at == '"' ? quoted_end(at, end) : token_end(at, end);
            if (at == NULL) {
                return false;
            }
        }
    }
    return true;
}

size_t
cps_http_check_chunk_line(const char *line, size_t length)
{
    enum { MOST_DIGITS = 16 }; /* of a size that fits 64 bits */
    size_t digits = cps_http_span(line, length, CPS_CHAR_HEX);

    return digits <= MOST_DIGITS && extensions_valid(line + digits, line + length) ? digits : 0;
}
