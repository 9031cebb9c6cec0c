#include "base/percent.h"

#include <stdbool.h>

static bool
is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

int
cps_percent_encode(CpsBuffer *buffer, const char *bytes, size_t length, const char *safe)
{
    static const char digits[] = "0123456789ABCDEF";
    int status = 0;

    for (size_t i = 0; status == 0 && i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        char encoded[3] = {'%', digits[c >> 4], digits[c & 15]};

        status = is_unreserved(c) || (c != '\0' && strchr(safe, c) != NULL) ? cps_buffer_append(buffer, &bytes[i], 1)
                                                                            : cps_buffer_append(buffer, encoded, 3);
    }
    return status;
}

/* The value of a hex digit, or -1. */
static int
hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

size_t
cps_percent_decode(char *target, const char *bytes, size_t length, bool plus)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++) {
        int high = bytes[i] == '%' && length - i > 2 ? hex_value(bytes[i + 1]) : -1;
        int low = high < 0 ? -1 : hex_value(bytes[i + 2]);

        if (low >= 0) {
            target[count++] = (char)(high << 4 | low);
            i += 2;
        }
        else {
            target[count++] = plus && bytes[i] == '+' ? ' ' : bytes[i];
        }
    }
    return count;
}
