/* See httpchars.h. */
#include "net/httpchars.h"

enum {
    TOKEN = CPS_CHAR_TOKEN,
    URI = CPS_CHAR_URI,
    URI_HOST = CPS_CHAR_URI | CPS_CHAR_HOST,
    NAME = CPS_CHAR_TOKEN | CPS_CHAR_URI | CPS_CHAR_HOST,
    HEX = NAME | CPS_CHAR_HEX,
    DIGIT = HEX | CPS_CHAR_DIGIT,
};

const uint8_t cps_http_chars[256] = {
    ['0' ... '9'] = DIGIT, ['A' ... 'F'] = HEX, ['G' ... 'Z'] = NAME, ['a' ... 'f'] = HEX, ['g' ... 'z'] = NAME,
    ['-'] = NAME,          ['.'] = NAME,        ['_'] = NAME,         ['~'] = NAME,        ['!'] = NAME,
    ['$'] = NAME,          ['&'] = NAME,        ['\''] = NAME,        ['*'] = NAME,        ['+'] = NAME,
    ['('] = URI_HOST,      [')'] = URI_HOST,    [','] = URI_HOST,     [';'] = URI_HOST,    ['='] = URI_HOST,
    ['/'] = URI,           [':'] = URI,         ['?'] = URI,          ['@'] = URI,         ['['] = URI,
    [']'] = URI,           ['#'] = TOKEN,       ['%'] = TOKEN,        ['^'] = TOKEN,       ['`'] = TOKEN,
    ['|'] = TOKEN,
};

bool
cps_http_encoded(const char *bytes, size_t length, uint8_t kind)
{
    size_t index = 0;

    while ((index += cps_http_span(bytes + index, length - index, kind)) < length) {
        if (bytes[index] != '%' || cps_http_span(bytes + index + 1, length - index - 1, CPS_CHAR_HEX) < 2) {
            return false;
        }
        index += 3;
    }
    return true;
}

bool
cps_http_is_field_value(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];

        if ((byte < ' ' && byte != '\t') || byte == 0x7f) {
            return false;
        }
    }
    return true;
}
