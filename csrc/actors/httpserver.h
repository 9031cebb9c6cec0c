/* httpserver.h: the actor HTTPServer. Its type and life are in httpserver.c, its arguments in httpoptions.c, what listens in httpport.c;
 * requests become events in httprequests.c, events become responses in httpresponses.c, errors in httperrors.c; who waits for what is in
 * httpresponders.c. */
#ifndef CPS_ACTORS_HTTPSERVER_H
#define CPS_ACTORS_HTTPSERVER_H

#include "actors/actors.h"
#include "base/idmap.h"
#include "event/lineage.h"
#include "http/environ.h"
#include "http/routes.h"
#include "loop/timer.h"
#include "net/httpserver.h"

typedef struct CpsHTTPServer CpsHTTPServer;
typedef struct CpsServing CpsServing; /* actors/httpserving.h */

/* A client that waits for an event to come back. */
typedef struct {
    CpsIdNode node;            /* first; in CpsHTTPServer.responders: the id of its event */
    CpsLink order_link;        /* in CpsHTTPServer.order */
    CpsLink ended_link;        /* in CpsHTTPServer.ended */
    CpsHTTPServer *server;     /* borrowed */
    CpsHttpExchange *exchange; /* held; its user field points back */
    CpsLineage *lineage;       /* borrowed, until it has settled: then NULL */
    PyTypeObject *event_class; /* owned: of the event that was sent */
    PyObject *accept;          /* owned str */
    PyObject *error;           /* owned, or NULL: the last event of its lineage that took the error path */
    uint64_t deadline_ns;
} CpsResponder;

typedef struct CpsHttpPort CpsHttpPort; /* actors/httpport.h */

typedef struct {
    CpsActorOps actor; /* first: an actor's ops pointer is a CpsHTTPServerOps * */
    /* What becomes of a request. Returns 0, or -1 with an exception set, which is the answer. */
    int (*serve)(CpsServing *serving);
    /* Optional: make the event that came back (borrowed) ready to be the response. Returns 0, or -1 with an exception set. */
    int (*prepare)(CpsHTTPServer *self, PyObject *event);
    /* The body for an event as a str, bytes or None. New, or NULL with an exception set. */
    PyObject *(*format)(CpsHTTPServer *self, PyObject *event);
} CpsHTTPServerOps;

struct CpsHTTPServer {
    CpsActor base;
    PyObject *address, *keyfile, *certfile; /* owned */
    int port;                               /* as given, or the one that was bound when that was 0 */
    bool any_port;                          /* it was given as 0 */
    int reserved;                           /* descriptor that holds the port for several processes; or -1 */
    CpsTlsTicketKeys tickets;    /* of TLS, when several processes serve: any of them goes on with a session */
    bool no_port;                /* it does not listen, but is called as a WSGI application */
    bool share_port;             /* other processes listen there, too */
    CpsRoutes *routes;           /* owned */
    PyObject *ctypes;            /* owned tuple: CONTENT_TYPES of a subclass; NULL: the usual ones */
    PyObject *bottle;            /* owned, or NULL: plugins and the like; see compysition/_bottle.py */
    CpsHttpEnvironBase *environ; /* owned; while it listens */
    CpsHttpPort *listening;      /* owned, or NULL */
    CpsHttpServerLimits limits;
    double timeout; /* seconds until a request that nobody answers is answered */
    CpsReady ready; /* there are requests to be served, or clients to be answered */
    bool scheduled;
    bool end_asked, goodbye_asked, close_asked; /* by a stop, one after the other */
    bool own_format, own_callback;              /* a script has overridden them */
    CpsIdMap responders;
    CpsList order;    /* CpsResponder.order_link, the earliest deadline first */
    CpsList ended;    /* CpsResponder.ended_link: no answer will come */
    CpsList calls;    /* requests that Python code serves; see httprequests.c */
    CpsList local;    /* CpsHttpExchange.user_link: requests that came by no connection; see httplocal.c */
    CpsList watchers; /* CpsWait of those who wait for a change */
    CpsTimer *timer;  /* for the first deadline; or NULL */
};

/* Have the node run. */
void cps_httpserver_schedule(CpsHTTPServer *self);

/* --- httpresponders.c ------------------------------------------------------------------------------------------------------- */

/* Have the exchange wait for the event's answer: watches its lineage, which is made here. Returns 0, or -1 with MemoryError set. */
int cps_responder_add(CpsHTTPServer *self, CpsHttpExchange *exchange, PyObject *event, PyObject *accept);

/* The one for that event, or NULL. It stays. */
CpsResponder *cps_responder_find(CpsHTTPServer *self, PyObject *event);

/* Take it out of all lists; its exchange has no user then. */
void cps_responder_detach(CpsResponder *responder);
void cps_responder_free(CpsResponder *responder);

/* Those whose clients have gone; whose events have ended without an answer; whose time is over. The last two are detached and the
 * caller's. NULL: none. */
void cps_responders_drop_gone(CpsHTTPServer *self, CpsHttpServer *http);
CpsResponder *cps_responders_next_ended(CpsHTTPServer *self);
CpsResponder *cps_responders_next_late(CpsHTTPServer *self);

/* Any one, at the end; detached. */
CpsResponder *cps_responders_next(CpsHTTPServer *self);

/* --- httprequests.c --------------------------------------------------------------------------------------------------------- */

/* Make an event of a request and send it, or answer it. Whatever happens, it is dealt with. */
void cps_httpserver_serve(CpsHTTPServer *self, CpsHttpExchange *exchange);

/* HTTPServer.callback: serve the request that the caller was called for as usual. */
PyObject *cps_httpserver_callback(PyObject *op, PyObject *args, PyObject *kwargs);

/* --- httpbottle.c ---------------------------------------------------------------------------------------------------------- */

/* HTTPServer._add_route: a route, as cps_routes_add. */
PyObject *cps_httpserver_add_route(PyObject *op, PyObject *args);

/* --- httplocal.c ----------------------------------------------------------------------------------------------------------- */

/* HTTPServer._exchange: serve a request that is given as bytes; blocks until it is answered. New bytes, or NULL with an exception set. */
PyObject *cps_httpserver_exchange(PyObject *op, PyObject *bytes);

/* HTTPServer.__call__: as a WSGI application. */
PyObject *cps_httpserver_call(PyObject *op, PyObject *args, PyObject *kwargs);

/* --- httpresponses.c -------------------------------------------------------------------------------------------------------- */

/* The actor's consume. */
int cps_httpserver_consume(CpsActor *actor, CpsInbox *inbox, PyObject *event);

/* Answer the exchange with an event (borrowed) for a client that accepts `accept`. Returns 0; or -1 with an exception set, and the client
 * has got that as an answer. */
int cps_httpserver_respond(CpsHTTPServer *self, CpsHttpExchange *exchange, PyObject *event, PyObject *accept);

/* Answer with what a callback returned: str or bytes (HTML), dict (JSON), None, an event, or an iterable of str or bytes. Returns 0, or -1 with
 * an exception set, and the exchange is still held. */
int cps_httpserver_respond_value(CpsHTTPServer *self, CpsHttpExchange *exchange, PyObject *value);

/* Answer with an event (borrowed) of any class whose data, bytes, is the body as it is. Returns 0, or -1 with an exception set, and the
 * exchange is still held. */
int cps_httpserver_respond_bytes(CpsHTTPServer *self, CpsHttpExchange *exchange, PyObject *event);

/* The same with an event (borrowed) that is of the class which the client wants. Returns 0, or -1 with an exception set, and the exchange is still
 * held. */
int cps_httpserver_respond_as_it_is(CpsHTTPServer *self, CpsHttpExchange *exchange, PyObject *event);

/* HTTPServer.format_response_data. New, or NULL with an exception set. */
PyObject *cps_httpserver_format(CpsHTTPServer *self, PyObject *event);

/* --- httperrors.c ---------------------------------------------------------------------------------------------------------- */

/* The class that a client wants who accepts `accept` (any object). Borrowed. */
PyTypeObject *cps_class_accepted(CpsState *state, PyObject *accept);

/* An event of that class with the error, and the status and headers of another one (NULL: none), but without its data, which may not convert.
 * New, or NULL with an exception set. */
PyObject *cps_error_event(CpsState *state, PyTypeObject *event_class, PyObject *error, PyObject *like);

/* Answer with an error, as an event of that class that has it would be. Takes the exchange. Leaves no exception set. */
void cps_httpserver_respond_error(CpsHTTPServer *self, CpsHttpExchange *exchange, PyTypeObject *event_class,
                                  PyObject *accept, PyObject *error, int code);

/* Answer a responder that no event will answer, and free it: by the error of its events, or as `code` says. */
void cps_httpserver_give_up(CpsHTTPServer *self, CpsResponder *responder, int code);

#endif
