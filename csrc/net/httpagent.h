/* httpagent.h: requests to HTTP servers, by libcurl on a libuv loop, over connections that are kept for the next ones. Plain C, in the
 * loop's thread; nothing here blocks but the look at files of certificates. */
#ifndef CPS_NET_HTTPAGENT_H
#define CPS_NET_HTTPAGENT_H

#include "base/buffer.h"
#include "base/list.h"

#include <stdbool.h>
#include <uv.h>

/* The settings of an agent. Texts are borrowed for as long as it lives. */
typedef struct {
    long timeout_ms;         /* of one request, from its start to the last byte; waiting for a connection counts */
    long connect_timeout_ms; /* of one connection: name, TCP, TLS */
    long max_connections;    /* at once; requests beyond wait. 0: no limit */
    long max_redirects;      /* that are followed; 0: none */
    size_t max_body;         /* bytes of a response, decompressed */
    bool verify;             /* the server's certificate, and that it is for that host */
    const char *ca_file;     /* PEM; NULL: the system's */
    const char *ca_directory;
    const char *cert_file; /* our own, PEM; NULL: none */
    const char *key_file;  /* NULL: in cert_file */
    const char *key_password;
    const char *user, *password; /* for every request, in the way Basic; NULL: what the URL has */
    const char *proxy;           /* its URL; "" for none; NULL: what the environment says */
} CpsHttpAgentSettings;

typedef enum {
    CPS_TRANSFER_DONE,      /* there is a response */
    CPS_TRANSFER_RESOLVE,   /* the host's name (or the proxy's) is unknown */
    CPS_TRANSFER_CONNECT,   /* no connection */
    CPS_TRANSFER_TLS,       /* no TLS on it */
    CPS_TRANSFER_UNTRUSTED, /* the certificate, of theirs or of ours, is not accepted */
    CPS_TRANSFER_TIMEOUT,
    CPS_TRANSFER_LOST,      /* the connection broke before the response was complete */
    CPS_TRANSFER_TOO_LARGE, /* the response is */
    CPS_TRANSFER_REDIRECTS, /* too many, or to where none may lead */
    CPS_TRANSFER_GARBAGE,   /* no HTTP came */
    CPS_TRANSFER_FAILED,    /* anything else */
} CpsTransferOutcome;

typedef struct CpsHttpAgent CpsHttpAgent;

/* One request, and its response. Owned by whoever makes it, zero-filled, on the heap. */
typedef struct CpsHttpTransfer {
    /* In a libuv callback: it is over. The agent has let go of it. */
    void (*on_done)(struct CpsHttpTransfer *transfer);
    CpsBuffer url;    /* as all texts below ended by a NUL that counts not */
    CpsBuffer method; /* upper case */
    CpsBuffer fields; /* "Name: value", each followed by a NUL that counts */
    CpsBuffer body;   /* to send */
    bool has_body;
    bool repeatable; /* it may be sent again when nobody knows whether the server has had it */
    CpsTransferOutcome outcome;
    bool sent;         /* the server may have had it, or some of it */
    int status;        /* the response's; 0: none has come */
    long retry_after;  /* seconds that its header Retry-After asks for; 0: none */
    CpsBuffer head;    /* lines of the response, each ended by CR LF or LF */
    CpsBuffer content; /* its body, decompressed */
    CpsBuffer error;   /* what went wrong, a text; empty when nothing did */
    /* The agent's own. */
    CpsHttpAgent *agent; /* borrowed; NULL unless it is under way */
    CpsLink link;
    void *easy;        /* owned CURL */
    void *list;        /* owned struct curl_slist */
    char *message;     /* owned: where libcurl writes what went wrong */
    size_t head_bytes; /* of all heads that came */
    bool head_complete;
    bool unanswered; /* it was sent, and nothing has come since */
} CpsHttpTransfer;

/* New on a running loop; or NULL when out of memory. */
CpsHttpAgent *cps_http_agent_new(uv_loop_t *loop, const CpsHttpAgentSettings *settings);

/* Break off what is under way, without on_done, and close all connections; *agent_p becomes NULL. The memory goes when the loop has
 * closed its handles. */
void cps_http_agent_close(CpsHttpAgent **agent_p);

/* Begin; the agent outlives it. Returns 0, or -1 when out of memory. */
int cps_http_transfer_start(CpsHttpTransfer *transfer, CpsHttpAgent *agent);

/* Break it off, if it is under way: on_done is not called any more. */
void cps_http_transfer_cancel(CpsHttpTransfer *transfer);

/* Forget the response, to start again. */
void cps_http_transfer_reset(CpsHttpTransfer *transfer);

/* Cancel, and free what it has; not the struct itself. */
void cps_http_transfer_free(CpsHttpTransfer *transfer);

/* Append a line of the request's head. Returns 0, or -1 when out of memory. */
int cps_http_transfer_add_field(CpsHttpTransfer *transfer, const char *line, size_t length);

/* A header of the response. */
typedef struct {
    const char *name, *value; /* borrowed from the head */
    size_t name_length, value_length;
} CpsResponseField;

/* Go through the headers of a response: *offset is 0 at first. False when there are no more. */
bool cps_http_transfer_next_field(const CpsHttpTransfer *transfer, size_t *offset, CpsResponseField *field);

/* The reason in the status line; may be empty. Borrowed from the head. */
const char *cps_http_transfer_reason(const CpsHttpTransfer *transfer, size_t *length);

/* "host" or "host:port" of a URL, in the field's text; never a user or a password. Returns 0; -1 when it is no absolute URL of http or
 * https: then `host` says what is wrong with it. */
int cps_http_url_host(const char *url, char *host, size_t size);

#endif
