/* environ.h: event.environment: a request as WSGI shows it (PEP 3333), and some keys more. */
#ifndef CPS_HTTP_ENVIRON_H
#define CPS_HTTP_ENVIRON_H

#include "module.h"
#include "net/httprequest.h"

/* What is the same for all requests of a server. */
typedef struct CpsHttpEnvironBase CpsHttpEnvironBase;

/* New, or NULL with an exception set. `address` is a str. */
CpsHttpEnvironBase *cps_http_environ_base_new(CpsState *state, PyObject *address, int port, bool tls);
void cps_http_environ_base_free(CpsHttpEnvironBase *self); /* NULL is fine */

/* The path of a request, decoded, without slashes at its end (but for the root). New str; NULL without an exception when it is no
 * UTF-8 or holds a NUL; NULL with an exception set when out of memory. */
PyObject *cps_http_environ_path(const CpsHttpRequest *request);

/* The environment. `peer` and `port` are the client's; `url_args` (a dict) may be NULL. New dict, or NULL with an exception set. */
PyObject *cps_http_environ(CpsHttpEnvironBase *base, const CpsHttpRequest *request, const char *peer, int port,
                           PyObject *path, PyObject *url_args);

/* The URL of the request as far as it is known, for log lines. New str, or NULL with an exception set. */
PyObject *cps_http_environ_url(const CpsHttpEnvironBase *base, const CpsHttpRequest *request);

#endif
