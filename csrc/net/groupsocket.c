#include "net/groupsocket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

int
cps_group_address(const char *text, int port, struct sockaddr_storage *address)
{
    int code = uv_ip4_addr(text, port, (struct sockaddr_in *)address);

    return code == 0 ? 0 : uv_ip6_addr(text, port, (struct sockaddr_in6 *)address);
}

static bool
is_multicast(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET ? IN_MULTICAST(ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr))
                                         : IN6_IS_ADDR_MULTICAST(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

static int
set_option(int fd, int level, int name, const void *value, socklen_t size)
{
    return setsockopt(fd, level, name, value, size) < 0 ? uv_translate_sys_error(errno) : 0;
}

static int
set_flag(int fd, int level, int name, int value)
{
    return set_option(fd, level, name, &value, sizeof(value));
}

/* Several nodes of a host share the port: each gets every datagram. Returns 0, or a libuv code. */
static int
bind_port(int fd, const struct sockaddr_storage *target)
{
    struct sockaddr_storage any = *target;
    bool is_ip4 = target->ss_family == AF_INET;
    int code;

    if (is_ip4) {
        ((struct sockaddr_in *)&any)->sin_addr.s_addr = htonl(INADDR_ANY);
    }
    else {
        ((struct sockaddr_in6 *)&any)->sin6_addr = in6addr_any;
        ((struct sockaddr_in6 *)&any)->sin6_scope_id = 0;
    }
    if ((code = set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1)) < 0 ||
        (code = set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1)) < 0 ||
        (code = is_ip4 ? set_flag(fd, SOL_SOCKET, SO_BROADCAST, 1) : set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) < 0) {
        return code;
    }
    return bind(fd, (const struct sockaddr *)&any, is_ip4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)) <
                   0
               ? uv_translate_sys_error(errno)
               : 0;
}

/* Returns 0, or a libuv code. */
static int
join_group(int fd, const struct sockaddr_storage *address, unsigned int interface)
{
    struct group_req request = {.gr_interface = interface, .gr_group = *address};
    struct ip_mreqn outgoing = {.imr_ifindex = (int)interface};
    bool is_ip4 = address->ss_family == AF_INET;
    int code = set_option(fd, is_ip4 ? IPPROTO_IP : IPPROTO_IPV6, MCAST_JOIN_GROUP, &request, sizeof(request));

    if (code < 0) {
        return code;
    }
    if (is_ip4) { /* and none of the groups that other programs have joined */
        code = set_flag(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
        return code < 0 || interface == 0 ? code
                                          : set_option(fd, IPPROTO_IP, IP_MULTICAST_IF, &outgoing, sizeof(outgoing));
    }
    return interface == 0 ? 0 : set_flag(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)interface);
}

/* Returns 0, or a libuv code; *what says of what. */
static int
prepare_socket(int fd, struct sockaddr_storage *target, const char *interface, const char **what)
{
    unsigned int index = interface == NULL ? 0 : if_nametoindex(interface);
    int code;

    *what = "use the interface";
    if (interface != NULL && index == 0) {
        return UV_ENODEV;
    }
    if (index != 0 && !is_multicast(target)) {
        code = set_option(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface));
        if (code < 0) {
            return code;
        }
    }
    if (target->ss_family == AF_INET6 && index != 0) {
        ((struct sockaddr_in6 *)target)->sin6_scope_id = index;
    }
    *what = "bind the port";
    code = bind_port(fd, target);
    if (code == 0 && is_multicast(target)) {
        *what = "join the group";
        code = join_group(fd, target, index);
    }
    return code;
}

int
cps_group_socket(struct sockaddr_storage *target, const char *interface, const char **what)
{
    int fd = socket(target->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), code;

    *what = "make a socket";
    if (fd < 0) {
        return uv_translate_sys_error(errno);
    }
    code = prepare_socket(fd, target, interface, what);
    if (code < 0) {
        close(fd);
        return code;
    }
    return fd;
}
