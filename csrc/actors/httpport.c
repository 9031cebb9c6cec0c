/* See httpport.h. */
#include "actors/httpport.h"

#include "actors/httpserving.h"
#include "actors/serving.h"
#include "net/tls.h"

#include <unistd.h>

/* The two that run within uv_run. */
static void
port_on_change(CpsHttpServer *http)
{
    CpsHttpPort *port = CPS_CONTAINER(http, CpsHttpPort, http);

    cps_port_note(&port->port);
}

static void
port_on_closed(CpsHttpServer *http)
{
    CpsHttpPort *port = CPS_CONTAINER(http, CpsHttpPort, http);

    cps_port_closed(&port->port);
}

static void
port_changed(void *actor)
{
    cps_httpserver_schedule(actor);
}

static CpsHttpPort *
port_new(CpsHTTPServer *self, CpsRuntime *rt)
{
    CpsHttpPort *port = calloc(1, sizeof(*port));

    if (port == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    port->limits = self->limits;
    cps_port_init(&port->port, rt, port_changed);
    port->http.on_change = port_on_change;
    port->http.on_closed = port_on_closed;
    return port;
}

void
cps_httpport_close(CpsHttpPort *port)
{
    port->port.actor = NULL;
    cps_http_server_close(&port->http);
}

/* --- opening ------------------------------------------------------------------------------------------------------------------- */

/* Returns 0, or -1 with an exception set; the context is taken. */
static int
listen_on(CpsHTTPServer *self, CpsRuntime *rt, CpsTlsContext *context)
{
    enum { BACKLOG = 1024 };
    CpsListenAt at = {.host = PyUnicode_AsUTF8(self->address),
                      .port = self->port,
                      .backlog = BACKLOG,
                      .share_port = self->share_port};
    CpsHttpPort *port = at.host == NULL ? NULL : port_new(self, rt);
    int code;

    if (port == NULL) {
        cps_tls_context_unref(context);
        return -1;
    }
    Py_BEGIN_ALLOW_THREADS
    code = cps_http_server_open(&port->http, &rt->loop, &at, context, &port->limits);
    Py_END_ALLOW_THREADS
    if (code < 0) {
        cps_raise_about_listening(&at, code);
        return -1;
    }
    port->port.actor = self;
    self->listening = port;
    if (self->port == 0) {
        self->port = cps_listener_port(&port->http.base.listener);
    }
    return 0;
}

int
cps_httpport_open(CpsHTTPServer *self)
{
    CpsRuntime *rt = cps_runtime_get(self->base.state);
    CpsTlsContext *context = NULL;

    cps_raise_descriptor_limit(self->limits.connections);
    if (rt == NULL || cps_make_tls(self->base.state, self->certfile, self->keyfile, &context) < 0) {
        return -1;
    }
    if (context != NULL) {
        cps_tls_context_choose_http(context);
        if (self->reserved >= 0 && cps_tls_context_set_ticket_keys(context, &self->tickets) < 0) {
            cps_tls_context_unref(context);
            cps_raise(self->base.state, CPS_ACTOR_INIT_FAILURE, "OpenSSL takes no keys of session tickets");
            return -1;
        }
    }
    return listen_on(self, rt, context);
}

/* --- several processes --------------------------------------------------------------------------------------------------------- */

/* Several processes are going to serve: they share the port, which is known before they begin. */
int
cps_httpserver_share(CpsActor *actor)
{
    CpsHTTPServer *self = (CpsHTTPServer *)actor;
    CpsListenAt at = {.host = PyUnicode_AsUTF8(self->address), .port = self->any_port ? 0 : self->port};
    int fd, port;

    if (self->no_port) {
        return 0;
    }
    if (at.host == NULL) {
        return -1;
    }
    fd = cps_reserve_port(actor->state, actor->name, &at, &port);
    if (fd < 0) {
        return -1;
    }
    if (cps_tls_ticket_keys_make(&self->tickets) < 0) {
        close(fd);
        cps_raise(actor->state, CPS_SETUP_ERROR, "there is no randomness for TLS");
        return -1;
    }
    if (self->reserved >= 0) {
        close(self->reserved); /* of an earlier run */
    }
    self->reserved = fd;
    self->port = port;
    self->share_port = true;
    return 0;
}
