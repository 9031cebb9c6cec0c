/* httpclient.h: the actor HTTPClient and its requests. */
#ifndef CPS_ACTORS_HTTPCLIENT_H
#define CPS_ACTORS_HTTPCLIENT_H

#include "actors/placeholders.h"
#include "flow/actor.h"
#include "net/httpagent.h"

/* A header of every request. */
typedef struct {
    char *name; /* owned */
    CpsTemplate value;
    bool removed; /* libcurl's own is not sent */
} CpsClientField;

/* Where in the URL a placeholder stands: CpsTemplatePart.place. */
enum { CPS_URL_PATH, CPS_URL_AUTHORITY };

/* CpsHttpClient.send_data */
enum { CPS_SEND_DATA_NEVER, CPS_SEND_DATA_ALWAYS, CPS_SEND_DATA_BY_METHOD };

typedef struct {
    CpsActor base;
    CpsHttpAgent *agent;  /* owned; NULL until the first request, and after the end */
    CpsRuntime *agent_rt; /* borrowed: whose loop it is on */
    CpsList orphans;      /* CpsJob.link: abandoned jobs whose requests are still under way */
    int by_hand;          /* requests of consume() called by a script, which need no started actor */
    CpsHttpAgentSettings settings;
    PyObject *texts;    /* owned list: what the settings point into */
    PyObject *url_text; /* owned: the URL as it was given */
    CpsTemplate url;
    CpsTemplate method; /* empty: by the event's data */
    CpsClientField *fields;
    Py_ssize_t field_count;
    bool names_content_type; /* one of them does */
    PyObject *keep;          /* owned: names of the response's headers, tuple; or None for all */
    Py_ssize_t retries;
    double backoff; /* seconds */
    bool status_errors;
    int send_data;
} CpsHttpClient;

/* --- arguments (clientoptions.c) --------------------------------------------------------------------------------------------------- */

/* A whole tp_init. */
int cps_client_init(CpsHttpClient *self, const CpsActorOps *ops, PyObject *args, PyObject *kwargs);
void cps_client_free_fields(CpsHttpClient *self);

/* --- requests (clientrequest.c) ---------------------------------------------------------------------------------------------------- */

enum { CPS_CLIENT_HOST = 300 };

/* One event's request, with its retries. First member of who waits for it. On the heap. */
typedef struct CpsClientRequest {
    CpsHttpTransfer transfer; /* first */
    CpsCompletion completion;
    CpsHttpClient *client;                          /* borrowed: who waits has it */
    CpsRuntime *rt;                                 /* borrowed: the agent's */
    void (*over)(struct CpsClientRequest *request); /* in the hub: there is a response, or none will come */
    CpsTimer *timer;                                /* until the next attempt */
    int attempts;                                   /* that are over */
    uint64_t started;                               /* uv_hrtime */
    char host[CPS_CLIENT_HOST];                     /* "example.com:80", for messages */
    char failure[CPS_CLIENT_HOST];                  /* why the attempt before the last has failed */
} CpsClientRequest;

/* Write the request of `event`, into zeros. Returns 0, or -1 with an exception set. */
int cps_client_request_fill(CpsClientRequest *request, CpsHttpClient *client, PyObject *event);

/* Send it. Returns 0, or -1 with MemoryError set. */
int cps_client_request_begin(CpsClientRequest *request);

/* Have nothing more come of it: `over` is not called any more. */
void cps_client_request_cancel(CpsClientRequest *request);

/* Cancel, and free what it has; not the struct. */
void cps_client_request_free(CpsClientRequest *request);

/* It is over: send the response, as what `event` becomes. Returns 0, or -1 with an exception set. */
int cps_client_request_settle(CpsClientRequest *request, PyObject *event);

#endif
