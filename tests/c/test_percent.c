/* Tests of base/percent.h. */
#include "base/percent.h"

#include <assert.h>

static void
check(const char *bytes, size_t length, const char *safe, const char *expected)
{
    CpsBuffer buffer = {0};

    assert(cps_buffer_append(&buffer, "x", 1) == 0);
    assert(cps_percent_encode(&buffer, bytes, length, safe) == 0);
    assert(buffer.length == 1 + strlen(expected));
    assert(memcmp(buffer.bytes + 1, expected, strlen(expected)) == 0);
    cps_buffer_free(&buffer);
}

static void
test_unreserved(void)
{
    static const char bytes[] = "azAZ09-._~";

    check(bytes, strlen(bytes), "", bytes);
    check("", 0, "/", "");
}

static void
test_encoded(void)
{
    check("a b/c", 5, "", "a%20b%2Fc");
    check("%", 1, "", "%25");
    check("\xc3\xa4\xff", 3, "", "%C3%A4%FF");
    check("\0\r\n", 3, "/", "%00%0D%0A");
}

static void
test_safe(void)
{
    check("a/b:c?d", 7, "/:", "a/b:c%3Fd");
}

static void
check_decoded(const char *text, bool plus, const char *expected, size_t length)
{
    char bytes[32];

    assert(cps_percent_decode(bytes, text, strlen(text), plus) == length);
    assert(memcmp(bytes, expected, length) == 0);
}

static void
test_decoded(void)
{
    check_decoded("a%20b%2fc%2Fd", false, "a b/c/d", 7);
    check_decoded("a+%2B", false, "a++", 3);
    check_decoded("a+%2B", true, "a +", 3);
    check_decoded("%00%ff", false, "\0\xff", 2);
    check_decoded("%", false, "%", 1);
    check_decoded("%4", false, "%4", 2);
    check_decoded("%4g%g4%%41", false, "%4g%g4%A", 8);
    check_decoded("", true, "", 0);
}

int
main(void)
{
    test_decoded();
    test_unreserved();
    test_encoded();
    test_safe();
    return 0;
}
