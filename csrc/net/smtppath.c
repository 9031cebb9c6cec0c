#include "net/smtppath.h"

#include "base/ascii.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* Each part of the grammar is a function that reads it at `at` and returns where it ends, or NULL when there is none. */

enum { LOCAL_PART = 64, DOMAIN = 255, PATH = 256 }; /* octets, at most: RFC 5321, 4.5.3.1 */

static bool
is_between(char c, char first, char last)
{
    return c >= first && c <= last;
}

static bool
is_letter_or_digit(char c)
{
    return is_between(cps_ascii_lower(c), 'a', 'z') || is_between(c, '0', '9');
}

static bool
is_atom_char(char c)
{
    return is_letter_or_digit(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* A character that is not ASCII: UTF8-non-ascii of RFC 6531. */
static const char *
skip_utf8(const char *at, const char *end)
{
    const unsigned char *bytes = (const unsigned char *)at;
    unsigned char first = at < end ? bytes[0] : 0, low = 0x80, high = 0xbf;
    ptrdiff_t count = first >= 0xc2 && first <= 0xdf   ? 2
                      : (first & 0xf0) == 0xe0         ? 3
                      : first >= 0xf0 && first <= 0xf4 ? 4
                                                       : 0;

    if (count == 0 || end - at < count) {
        return NULL;
    }
    low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : low;   /* else it is longer than it needs to be */
    high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : high; /* else it is a surrogate, or past the last character */
    if (bytes[1] < low || bytes[1] > high) {
        return NULL;
    }
    for (ptrdiff_t i = 2; i < count; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return NULL;
        }
    }
    return at + count;
}

/* One character that `is_one` accepts, or one that is not ASCII. */
static const char *
skip_one(const char *at, const char *end, bool (*is_one)(char))
{
    return at < end && is_one(*at) ? at + 1 : skip_utf8(at, end);
}

/* One or more of them. */
static const char *
skip_some(const char *at, const char *end, bool (*is_one)(char))
{
    const char *next = skip_one(at, end, is_one);

    at = next;
    while (next != NULL) {
        at = next;
        next = skip_one(at, end, is_one);
    }
    return at;
}

/* --- local parts ----------------------------------------------------------------------------------------------------------------- */

static const char *
skip_dot_string(const char *at, const char *end)
{
    at = skip_some(at, end, is_atom_char);
    while (at != NULL && at < end && *at == '.') {
        at = skip_some(at + 1, end, is_atom_char);
    }
    return at;
}

static bool
is_quoted_char(char c)
{
    return is_between(c, ' ', '~') && c != '"' && c != '\\';
}

static const char *
skip_quoted_string(const char *at, const char *end)
{
    for (at++; at != NULL && at < end && *at != '"';) {
        if (*at == '\\') {
            at = end - at > 1 && is_between(at[1], ' ', '~') ? at + 2 : NULL;
        }
        else {
            at = skip_one(at, end, is_quoted_char);
        }
    }
    return at == NULL || at == end ? NULL : at + 1;
}

/* --- domains --------------------------------------------------------------------------------------------------------------------- */

static bool
is_label_char(char c)
{
    return is_letter_or_digit(c) || c == '-';
}

static const char *
skip_label(const char *at, const char *end)
{
    const char *start = at;

    at = skip_some(at, end, is_label_char);
    return at == NULL || *start == '-' || at[-1] == '-' ? NULL : at;
}

static const char *
skip_domain(const char *at, const char *end)
{
    at = skip_label(at, end);
    while (at != NULL && at < end && *at == '.') {
        at = skip_label(at + 1, end);
    }
    return at;
}

static bool
is_ip(int family, const char *text, size_t length)
{
    unsigned char address[sizeof(struct in6_addr)];
    char copy[INET6_ADDRSTRLEN];

    if (length >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    return inet_pton(family, copy, address) == 1;
}

/* What stands between the brackets: an IPv4 address, "IPv6:" and an address, or a tag, a colon and printable characters. */
static bool
is_literal(const char *text, size_t length)
{
    static const char tag[] = "IPv6:";
    const char *colon = memchr(text, ':', length);

    if (colon == NULL) {
        return is_ip(AF_INET, text, length);
    }
    if (length >= sizeof(tag) - 1 && cps_ascii_same(text, tag, sizeof(tag) - 1)) {
        return is_ip(AF_INET6, text + sizeof(tag) - 1, length - (sizeof(tag) - 1));
    }
    for (const char *at = text; at < colon; at++) {
        if (!is_label_char(*at)) {
            return false;
        }
    }
    return colon > text && colon[-1] != '-' && colon + 1 < text + length;
}

static bool
is_literal_char(char c)
{
    return is_between(c, '!', '~') && c != '[' && c != '\\' && c != ']';
}

static const char *
skip_literal(const char *at, const char *end)
{
    const char *start = ++at;

    while (at < end && is_literal_char(*at)) {
        at++;
    }
    return at == end || *at != ']' || !is_literal(start, (size_t)(at - start)) ? NULL : at + 1;
}

/* --- paths ----------------------------------------------------------------------------------------------------------------------- */

static const char *
skip_mailbox(const char *at, const char *end)
{
    const char *start = at;

    if (at == end) {
        return NULL;
    }
    at = *at == '"' ? skip_quoted_string(at, end) : skip_dot_string(at, end);
    if (at == NULL || at == end || *at != '@' || at - start > LOCAL_PART) {
        return NULL;
    }
    start = ++at;
    at = at < end && *at == '[' ? skip_literal(at, end) : skip_domain(at, end);
    return at == NULL || at - start > DOMAIN ? NULL : at;
}

/* "@relay,@relay:", which is obsolete and ignored; or nothing. */
static const char *
skip_route(const char *at, const char *end)
{
    if (at == end || *at != '@') {
        return at;
    }
    at = skip_domain(at + 1, end);
    while (at != NULL && end - at > 1 && at[0] == ',' && at[1] == '@') {
        at = skip_domain(at + 2, end);
    }
    return at == NULL || at == end || *at != ':' ? NULL : at + 1;
}

static bool
is_postmaster(const char *text, const char *end)
{
    static const char postmaster[] = "postmaster";

    return end - text > (ptrdiff_t)sizeof(postmaster) - 1 && text[sizeof(postmaster) - 1] == '>' &&
           cps_ascii_same(text, postmaster, sizeof(postmaster) - 1);
}

static bool
has_utf8(const CpsSmtpPath *path)
{
    for (size_t i = 0; i < path->length; i++) {
        if ((unsigned char)path->mailbox[i] > 0x7f) {
            return true;
        }
    }
    return false;
}

size_t
cps_smtp_path_read(const char *text, size_t length, CpsSmtpPath *path)
{
    const char *end = text + length, *at = text + 1, *start;

    if (length < 2 || *text != '<') {
        return 0;
    }
    at = skip_route(at, end);
    start = at;
    if (at == text + 1 && is_postmaster(at, end)) {
        at = memchr(at, '>', (size_t)(end - at));
    }
    else if (at != NULL && (at != text + 1 || *at != '>')) {
        at = skip_mailbox(at, end);
    }
    if (at == NULL || at == end || *at != '>' || at - start + 2 > PATH) {
        return 0;
    }
    *path = (CpsSmtpPath){.mailbox = start, .length = (size_t)(at - start)};
    path->utf8 = has_utf8(path);
    return (size_t)(at + 1 - text);
}
