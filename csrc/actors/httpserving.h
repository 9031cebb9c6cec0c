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
    PyObject *method;        /* owned str */
    PyObject *path;          /* owned str */
    PyObject *url_args;      /* owned dict, or NULL */
    PyObject *environment;   /* owned dict */
    PyObject *accept;        /* owned str */
    bool by_bottle;          /* Python code may have changed the environment; see httpbottle.c */
    bool shares_environment; /* parts of it are elsewhere, too */
    CpsContentType content;
    PyTypeObject *event_class; /* borrowed: as far as it is known */
};

/* Answer with a page; `text` (borrowed) may be NULL. */
void cps_serving_answer_page(CpsServing *self, int code, PyObject *text, const char *field);

/* Log the request, and make its environment. Returns 0, or -1 with an exception set. */
int cps_serving_read_environment(CpsServing *self);

/* An event of self->event_class with what comes with the request, and the data. New, or NULL with an exception set. */
PyObject *cps_serving_make_event(CpsServing *self, PyObject *service, PyObject *data);

/* The event goes to the queue, and the exchange waits for it. Returns 0, or -1 with an exception set: it does not wait then. */
int cps_serving_send(CpsServing *self, PyObject *event, PyObject *queue);

/* Find the route. Borrowed; NULL when the request was answered, or with an exception set. */
const CpsRoute *cps_serving_find_route(CpsServing *self);

/* What HTTPServer does with a request: find its route, and there a callback or a queue. Returns 0, or -1 with an exception set, which is the
 * answer. */
int cps_serving_by_routes(CpsServing *self);

/* --- httpbottle.c: routes with plugins, and callbacks that use the package bottle --- */

/* Whether there are plugins, hooks or error handlers, for this route or the whole server. */
bool cps_serving_has_plugins(const CpsServing *self, const CpsRoute *route);

/* Whether a callback may be written against the package bottle, because somebody has imported that. */
bool cps_serving_may_use_bottle(const CpsServing *self);

/* Call `callback` in its plugins. New: (whether the answer is an event whose data is the body, the answer); NULL with an exception set. */
PyObject *cps_serving_call_bottle(CpsServing *self, const CpsRoute *route, PyObject *callback);

/* Put what that has changed into the environment. Returns 0, or -1 with an exception set. */
int cps_serving_take_changes(CpsServing *self);

/* Have the server's own error handler answer, if there is one: 1, 0 when there is none, or -1 with an exception set. `text` and `allow` may
 * be NULL. */
int cps_serving_answer_by_handler(CpsServing *self, int code, PyObject *text, PyObject *allow);

/* What the tables of the kinds of HTTPServer begin with. */
#define CPS_HTTPSERVER_ACTOR_OPS                     \
    {                                                \
        .consume = cps_httpserver_consume,           \
        .start_source = cps_httpserver_start_source, \
        .stop_source = cps_httpserver_stop_source,   \
        .runs = cps_httpserver_runs,                 \
        .share = cps_httpserver_share,               \
        .may_end = true,                             \
        .sends_apart = true,                         \
    }

int cps_httpserver_start_source(CpsActor *actor);
void cps_httpserver_stop_source(CpsActor *actor);
bool cps_httpserver_runs(const CpsActor *actor, const CpsReady *node);
int cps_httpserver_share(CpsActor *actor);

/* A whole tp_init with the parameters of HTTPServer; and further slots. */
int cps_httpserver_init(PyObject *op, const CpsHTTPServerOps *ops, PyObject *args, PyObject *kwargs);

/* A callback that is a name must be that of a method: said now, not to the first client. Returns 0, or -1 with SetupError set. */
int cps_httpserver_check_callback(CpsHTTPServer *self, PyObject *path, PyObject *callback);

/* As cps_routes_configure, and callbacks are checked. */
int cps_httpserver_configure_routes(CpsHTTPServer *self, PyObject *config);

int cps_httpserver_traverse(PyObject *op, visitproc visit, void *arg);
int cps_httpserver_clear(PyObject *op);
void cps_httpserver_dealloc(PyObject *op);

#endif
