#include "net/localaddress.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HOST_SIZE = 256, PORT_SIZE = 8 };

/* Take "tcp://host:port" apart; an IPv6 address is in brackets. Returns 0 or -1. */
static int
split_endpoint(const char *endpoint, char host[HOST_SIZE], char port[PORT_SIZE])
{
    static const char scheme[] = "tcp://";
    const char *start = endpoint + sizeof(scheme) - 1, *colon = strrchr(endpoint, ':');
    size_t length;

    if (strncmp(endpoint, scheme, sizeof(scheme) - 1) != 0 || colon < start) {
        return -1;
    }
    length = (size_t)(colon - start);
    if (length >= 2 && *start == '[' && start[length - 1] == ']') {
        start++;
        length -= 2;
    }
    if (length >= HOST_SIZE || strlen(colon + 1) >= PORT_SIZE) {
        return -1;
    }
    memcpy(host, start, length);
    host[length] = '\0';
    memcpy(port, colon + 1, strlen(colon + 1) + 1);
    return 0;
}

/* Where a datagram to that address would come from: nothing is sent for it. */
static bool
find_source(const struct addrinfo *to, struct sockaddr_storage *source)
{
    socklen_t size = sizeof(*source);
    int fd = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool found = fd >= 0 && connect(fd, to->ai_addr, to->ai_addrlen) == 0 &&
                 getsockname(fd, (struct sockaddr *)source, &size) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return found;
}

static int
write_address(const struct sockaddr_storage *source, char *text, size_t size)
{
    char address[HOST_SIZE];
    int length;

    if (getnameinfo((const struct sockaddr *)source, sizeof(*source), address, sizeof(address), NULL, 0,
                    NI_NUMERICHOST) != 0 ||
        strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0) {
        return -1;
    }
    length = snprintf(text, size, source->ss_family == AF_INET6 ? "[%s]" : "%s", address);
    return length < (int)size ? 0 : -1;
}

int
cps_local_address(const char *endpoint, char *text, size_t size)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    char host[HOST_SIZE], port[PORT_SIZE];
    struct sockaddr_storage source = {0};
    struct addrinfo *found;
    bool known = false;

    if (split_endpoint(endpoint, host, port) < 0 || getaddrinfo(host, port, &hints, &found) != 0) {
        return -1;
    }
    for (const struct addrinfo *at = found; at != NULL && !known; at = at->ai_next) {
        known = find_source(at, &source);
    }
    freeaddrinfo(found);
    return known ? write_address(&source, text, size) : -1;
}
