/* See httptarget.h. */
#include "net/httptarget.h"
#include "net/httpchars.h"

#include <arpa/inet.h>
#include <strings.h>

/* An IPv6 address without its brackets. */
static bool
ipv6_valid(const char *bytes, size_t length)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (length >= sizeof(text)) {
        return false;
    }
    memcpy(text, bytes, length);
    text[length] = '\0';
    return memchr(text, '\0', length) == NULL && inet_pton(AF_INET6, text, &address) == 1;
}

/* ":" and a port that a socket may have; nothing, or nothing after the colon, is valid too. */
static bool
port_valid(const char *bytes, size_t length)
{
    unsigned long port = 0;

    if (length == 0) {
        return true;
    }
    if (bytes[0] != ':' || length > sizeof(":65535") - 1) {
        return false;
    }
    for (size_t index = 1; index < length; index++) {
        if (!cps_http_char(bytes[index], CPS_CHAR_DIGIT)) {
            return false;
        }
        port = port * 10 + (unsigned long)(bytes[index] - '0');
    }
    return port <= UINT16_MAX;
}

bool
cps_http_authority_valid(const char *bytes, size_t length)
{
    const char *end;
    size_t host;

    if (length == 0) {
        return false;
    }
    if (bytes[0] == '[') {
        end = memchr(bytes, ']', length);
        if (end == NULL || !ipv6_valid(bytes + 1, (size_t)(end - bytes - 1))) {
            return false;
        }
        host = (size_t)(end + 1 - bytes);
    }
    else {
        end = memchr(bytes, ':', length);
        host = end == NULL ? length : (size_t)(end - bytes);
        if (host == 0 || !cps_http_encoded(bytes, host, CPS_CHAR_HOST)) {
            return false;
        }
    }
    return port_valid(bytes + host, length - host);
}

/* The length of "http://" or "https://" at the start of the target, or 0. */
static uint32_t
scheme_length(const char *target, uint32_t length)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t index = 0; index < sizeof(schemes) / sizeof(schemes[0]); index++) {
        size_t wanted = strlen(schemes[index]);

        if (length > wanted && strncasecmp(target, schemes[index], wanted) == 0) {
            return (uint32_t)wanted;
        }
    }
    return 0;
}

/* Take the scheme and the authority off *rest, which has the path and query then. */
static bool
split_absolute(CpsHttpRequest *request, CpsSlice *rest)
{
    const char *target = cps_slice(request, *rest);
    uint32_t scheme = scheme_length(target, rest->length), length = 0;

    if (scheme == 0) {
        return false;
    }
    while (scheme + length < rest->length && target[scheme + length] != '/' && target[scheme + length] != '?') {
        length++;
    }
    if (!cps_http_authority_valid(target + scheme, length)) {
        return false;
    }
    request->authority = (CpsSlice){rest->start + scheme, length};
    rest->start += scheme + length;
    rest->length -= scheme + length;
    return true;
}

bool
cps_http_split_target(CpsHttpRequest *request)
{
    CpsSlice rest = request->target;
    const char *target = cps_slice(request, rest), *mark;

    if (rest.length == 1 && target[0] == '*') {
        request->path = rest;
        return request->method.length == 7 && memcmp(cps_slice(request, request->method), "OPTIONS", 7) == 0;
    }
    if (rest.length > 0 && target[0] != '/' && !split_absolute(request, &rest)) {
        return false;
    }
    target = cps_slice(request, rest);
    if (!cps_http_encoded(target, rest.length, CPS_CHAR_URI)) {
        return false;
    }
    request->path = rest;
    mark = memchr(target, '?', rest.length);
    if (mark != NULL) {
        request->path.length = (uint32_t)(mark - target);
        request->query.start = request->path.start + request->path.length + 1;
        request->query.length = rest.length - request->path.length - 1;
    }
    if (request->path.length == 0) { /* an empty path means "/": the last one of the scheme's */
        request->path = (CpsSlice){request->authority.start - 1, 1};
    }
    return true;
}
