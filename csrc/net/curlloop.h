/* curlloop.h: libcurl's transfers on a libuv loop. Plain C, in the loop's thread. */
#ifndef CPS_NET_CURLLOOP_H
#define CPS_NET_CURLLOOP_H

#include <curl/curl.h>
#include <uv.h>

typedef struct CpsCurlLoop CpsCurlLoop;

/* `on_done` is called in a libuv callback for a transfer that is over, with what its CURLOPT_PRIVATE is; it may remove transfers and close
 * this. At most `max_connections` at once, 0: no limit. New, or NULL when out of memory. */
CpsCurlLoop *cps_curl_loop_new(uv_loop_t *loop, long max_connections, void (*on_done)(void *transfer, CURLcode code));

/* Close all connections; no transfer is there any more. *self_p becomes NULL. The memory goes when the loop has closed its handles. */
void cps_curl_loop_close(CpsCurlLoop **self_p);

/* Begin. Returns 0, or -1 when out of memory. */
int cps_curl_loop_add(CpsCurlLoop *self, CURL *easy);

/* Break it off, or let go of it when it is over. */
void cps_curl_loop_remove(CpsCurlLoop *self, CURL *easy);

#endif
