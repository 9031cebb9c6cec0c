#include "http/percent.h"

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
cps_percent_decode(char *target, const char *text, size_t length, bool plus)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++) {
        int high = text[i] == '%' && length - i > 2 ? hex_value(text[i + 1]) : -1;
        int low = high < 0 ? -1 : hex_value(text[i + 2]);

        if (low >= 0) {
            target[count++] = (char)(high << 4 | low);
            i += 2;
        }
        else {
            target[count++] = plus && text[i] == '+' ? ' ' : text[i];
        }
    }
    return count;
}
