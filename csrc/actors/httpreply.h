/* httpreply.h: the response of another server as an event. */
#ifndef CPS_ACTORS_HTTPREPLY_H
#define CPS_ACTORS_HTTPREPLY_H

#include "module.h"
#include "net/httpagent.h"

/* What `event` becomes with the response: a JSONHttpEvent, an XMLHttpEvent or an HttpEvent, as its Content-Type says, of the same id and
 * lineage. `keep` is a tuple of the headers' names in lower case that become response_headers, or None for all. New, or NULL with an
 * exception set: BadGateway, which names `host`, when the content is not what its type says. */
PyObject *cps_http_reply(CpsState *state, PyObject *event, const CpsHttpTransfer *transfer, PyObject *keep,
                         const char *host);

/* Set event.response_status and event.response_headers. Returns 0, or -1 with an exception set. */
int cps_http_reply_describe(PyObject *event, const CpsHttpTransfer *transfer, PyObject *keep);

#endif
