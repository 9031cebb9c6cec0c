/* groupsocket.h: UDP sockets of a group of hosts, which send to a broadcast or a multicast address. Plain C. */
#ifndef CPS_NET_GROUPSOCKET_H
#define CPS_NET_GROUPSOCKET_H

#include <netinet/in.h>
#include <sys/socket.h>

/* The address of a group: IPv4, or IPv6. Returns 0, or a libuv code. */
int cps_group_address(const char *text, int port, struct sockaddr_storage *address);

/* A socket on the port of the group's address, beside those of others on this host, that gets what is sent to the group. `interface` is a
 * name, or NULL: as the routes say; for broadcasts the kernel may want CAP_NET_RAW for it. Returns a descriptor, or a libuv code; *what then
 * says what has failed. The interface becomes part of an IPv6 address. */
int cps_group_socket(struct sockaddr_storage *target, const char *interface, const char **what);

#endif
