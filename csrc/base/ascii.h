/* ascii.h: letters of ASCII, whatever the locale. Plain C. */
#ifndef CPS_BASE_ASCII_H
#define CPS_BASE_ASCII_H

#include <stdbool.h>
#include <stddef.h>

static inline char
cps_ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline char
cps_ascii_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

/* Whether the bytes are the same but for the case of letters. */
static inline bool
cps_ascii_same(const char *bytes, const char *others, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (cps_ascii_lower(bytes[i]) != cps_ascii_lower(others[i])) {
            return false;
        }
    }
    return true;
}

#endif
