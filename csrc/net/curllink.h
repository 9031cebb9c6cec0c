/* curllink.h: a connection that libcurl makes, with what that takes (looking up the name, TLS, a login), and on which somebody else then
 * speaks. libcurl's own uploads by SMTP wait for the last reply inside a call: the loop would stand still. Plain C, in the loop's thread. */
#ifndef CPS_NET_CURLLINK_H
#define CPS_NET_CURLLINK_H

#include <curl/curl.h>
#include <stddef.h>
#include <uv.h>

typedef struct CpsCurlLink CpsCurlLink;

/* Called in libuv callbacks; each may close the link. After on_broken that is all there is to be done. */
typedef struct {
    void (*on_open)(void *context);
    void (*on_bytes)(void *context, const char *bytes, size_t length);
    /* It could not be opened, or the connection is of no more use. CURLE_GOT_NOTHING: the peer has ended it. */
    void (*on_broken)(void *context, CURLcode code);
} CpsCurlLinkOps;

/* New, not opened yet; or NULL when out of memory. */
CpsCurlLink *cps_curl_link_new(uv_loop_t *loop, const CpsCurlLinkOps *ops, void *context);

/* Its handle, to be told where to connect to, and how. Borrowed. */
CURL *cps_curl_link_easy(CpsCurlLink *self);

/* Begin; CURLE_OPERATION_TIMEDOUT when it takes longer. Returns 0, or -1 when out of memory. */
int cps_curl_link_open(CpsCurlLink *self, long timeout_ms);

/* Send bytes, which are borrowed until they are sent, and wait for others to come: for so long after the last that could be sent. One piece
 * at a time. */
void cps_curl_link_send(CpsCurlLink *self, const char *bytes, size_t length, long timeout_ms);

/* How many of them the system has not taken yet. */
size_t cps_curl_link_unsent(const CpsCurlLink *self);

/* Why it broke. */
const char *cps_curl_link_error(const CpsCurlLink *self, CURLcode code);

/* Whatever it is doing; *self_p becomes NULL. The memory goes when the loop has closed its handles. */
void cps_curl_link_close(CpsCurlLink **self_p);

#endif
