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
