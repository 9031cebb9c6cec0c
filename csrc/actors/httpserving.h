/* httpserving.h: a request that is being served; for the kinds of HTTPServer. */
#ifndef CPS_ACTORS_HTTPSERVING_H
#define CPS_ACTORS_HTTPSERVING_H

#include "actors/httpserver.h"
#include "http/contenttype.h"

/* A request that is being served. On the heap, as fibers look for theirs. */
struct CpsServing {
    CpsLink link;    /* in CpsHTTPServer.calls while Python code serves it */
    PyObject *fiber; /* owned: in which that runs */
    CpsHTTPServer *server;
    CpsHttpExchange *exchange; /* NULL once it is answered, or waits for its event */
    const CpsHttpRequest *request;
    PyObject *method;      /* owned str */
    PyObject *path;        /* owned str */
    PyObject *url_args;    /* owned dict, or NULL */
    PyObject *environment; /* owned dict */
    PyObject *accept;      /* owned str */
    CpsContentType content;
    PyTypeObject *event_class; /* borrowed: as far as it is known */
};

/* Answer with a page; `text` (borrowed) may be NULL. */
void cps_serving_answer_page(CpsServing *self, int code, PyObject *text, const char *field);

/* The event goes to the queue, and the exchange waits for it. Returns 0, or -1 with an exception set: it does not wait then. */
int cps_serving_send(CpsServing *self, PyObject *event, PyObject *queue);

/* What HTTPServer does with a request: find its route, and there a callback or a queue. Returns 0, or -1 with an exception set, which is the
 * answer. */
int cps_serving_by_routes(CpsServing *self);

#endif
