/* httptarget.h: the target of a request line, and authorities (RFC 9112, 3.2; RFC 3986). Plain C. */
#ifndef CPS_NET_HTTPTARGET_H
#define CPS_NET_HTTPTARGET_H

#include "net/httprequest.h"

/* Find the path and query of request->target, and the authority of an absolute one. Returns false for a malformed target. */
bool cps_http_split_target(CpsHttpRequest *request);

/* Whether it is a host, perhaps with a port: a name, an IPv4 address, or an IPv6 address in brackets. */
bool cps_http_authority_valid(const char *bytes, size_t length);

#endif
