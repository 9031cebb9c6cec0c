#include "actors/serving.h"
#include "actors/tcpin.h"

#include <unistd.h>

/* The two that run within uv_run. */
static void
port_on_change(CpsTcpServer *tcp)
{
    CpsTcpPort *port = CPS_CONTAINER(tcp, CpsTcpPort, tcp);

    cps_port_note(&port->port);
}

static void
port_on_closed(CpsTcpServer *tcp)
{
    CpsTcpPort *port = CPS_CONTAINER(tcp, CpsTcpPort, tcp);

    cps_port_closed(&port->port);
}

static void
port_changed(void *actor)
{
    cps_tcpin_schedule(actor);
}

/* Takes the context. Returns 0, or -1 with an exception set. */
static int
port_open(CpsTCPIn *self, CpsRuntime *rt, CpsTlsContext *tls)
{
    enum { BACKLOG = 1024 };
    CpsListenAt at = {.host = PyUnicode_AsUTF8(self->host), .port = self->port, .backlog = BACKLOG};
    CpsTcpPort *port = at.host == NULL ? NULL : calloc(1, sizeof(*port));
    int code;

    if (port == NULL) {
        cps_tls_context_unref(tls);
        if (at.host != NULL) {
            PyErr_NoMemory();
        }
        return -1;
    }
    at.share_port = self->share_port;
    port->limits = self->limits;
    cps_port_init(&port->port, rt, port_changed);
    port->tcp.limits = &port->limits;
    port->tcp.on_change = port_on_change;
    port->tcp.on_closed = port_on_closed;
    Py_BEGIN_ALLOW_THREADS
    code = cps_tcp_server_open(&port->tcp, &rt->loop, &at, tls);
    Py_END_ALLOW_THREADS
    if (code < 0) {
        cps_raise_about_listening(&at, code);
        return -1;
    }
    port->port.actor = self;
    self->listening = port;
    return 0;
}

int
cps_tcpin_listen(CpsTCPIn *self)
{
    CpsState *state = self->base.state;
    CpsRuntime *rt = cps_runtime_get(state);
    CpsTlsContext *tls;

    if (rt == NULL || cps_make_tls(state, cps_field(self->certfile), cps_field(self->keyfile), &tls) < 0) {
        return -1;
    }
    if (tls != NULL && cps_verify_clients(state, tls, cps_field(self->cafile)) < 0) {
        cps_tls_context_unref(tls);
        return -1;
    }
    return port_open(self, rt, tls);
}

void
cps_tcpin_let_go(CpsTCPIn *self)
{
    CpsTcpPort *port = self->listening;

    if (port != NULL) {
        self->listening = NULL;
        port->port.actor = NULL;
        if (!port->port.rt->abandoned) {
            cps_server_close(&port->tcp.base);
        }
    }
}

void
cps_tcpin_unreserve(CpsTCPIn *self)
{
    if (self->reserved >= 0) {
        close(self->reserved);
        self->reserved = -1;
    }
}

int
cps_tcpin_share(CpsActor *actor)
{
    CpsTCPIn *self = (CpsTCPIn *)actor;
    CpsListenAt at = {.host = PyUnicode_AsUTF8(self->host), .port = self->port};
    int fd, port = 0;

    if (at.host == NULL) {
        return -1;
    }
    cps_tcpin_unreserve(self);
    fd = cps_reserve_port(actor->state, actor->name, &at, &port);
    if (fd < 0) {
        return -1;
    }
    self->reserved = fd;
    self->port = port;
    self->share_port = true;
    return 0;
}
