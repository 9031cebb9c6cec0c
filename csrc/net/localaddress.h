/* localaddress.h: which of this host's addresses another host sees. Plain C. */
#ifndef CPS_NET_LOCALADDRESS_H
#define CPS_NET_LOCALADDRESS_H

#include <stddef.h>

/* Write the address that connections to a "tcp://host:port" come from ("10.0.0.7", "[fe80::7]"). Looks names up, so it may wait. Returns 0; or
 * -1 when that is a loopback address, or there is no way to that host. */
int cps_local_address(const char *endpoint, char *text, size_t size);

#endif
