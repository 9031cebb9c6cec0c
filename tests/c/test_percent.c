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

int
main(void)
{
    test_unreserved();
    test_encoded();
    test_safe();
    return 0;
}
