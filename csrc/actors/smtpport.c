#include "actors/smtpport.h"

#include "actors/serving.h"

#include <unistd.h>

/* The two that run within uv_run. */
static void
port_on_change(CpsSmtpServer *smtp)
{
    CpsSmtpPort *port = CPS_CONTAINER(smtp, CpsSmtpPort, smtp);

    cps_port_note(&port->port);
}

static void
port_on_closed(CpsSmtpServer *smtp)
{
    CpsSmtpPort *port = CPS_CONTAINER(smtp, CpsSmtpPort, smtp);

    cps_port_closed(&port->port);
}

static void
port_changed(void *actor)
{
    cps_smtpin_schedule(actor);
}

/* Takes the context. New, or NULL with an exception set. */
static CpsSmtpPort *
port_open(CpsSMTPIn *self, CpsRuntime *rt, const CpsListenAt *at, CpsTlsContext *tls, const char *name)
{
    CpsSmtpPort *port = calloc(1, sizeof(*port));
    int code;

    if (port == NULL) {
        cps_tls_context_unref(tls);
        return (CpsSmtpPort *)PyErr_NoMemory();
    }
    port->limits = self->limits;
    cps_port_init(&port->port, rt, port_changed);
    snprintf(port->name, sizeof(port->name), "%s", name);
    port->smtp.limits = &port->limits;
    port->smtp.name = port->name;
    port->smtp.implicit_tls = tls != NULL && self->implicit_tls;
    port->smtp.on_change = port_on_change;
    port->smtp.on_closed = port_on_closed;
    Py_BEGIN_ALLOW_THREADS
    code = cps_smtp_server_open(&port->smtp, &rt->loop, at, tls);
    Py_END_ALLOW_THREADS
    if (code < 0) {
        cps_raise_about_listening(at, code);
        return NULL;
    }
    port->port.actor = self;
    return port;
}

void
cps_smtpin_let_go(CpsSMTPIn *self)
{
    CpsLink *link;

    while ((link = cps_list_pop(&self->listening)) != NULL) {
        CpsSmtpPort *port = cps_smtp_port_of(link);

        port->port.actor = NULL;
        if (!port->port.rt->abandoned) {
            cps_smtp_server_close(&port->smtp);
        }
    }
}

/* What the server calls itself: the parameter, or the name of the machine. Returns 0, or -1 with an exception set. */
static int
smtpin_server_name(CpsSMTPIn *self, char *name, size_t size)
{
    const char *given = NULL;

    if (cps_field(self->hostname) != Py_None) {
        given = PyUnicode_AsUTF8(self->hostname);
        if (given == NULL) {
            return -1;
        }
        snprintf(name, size, "%s", given);
        return 0;
    }
    if (gethostname(name, size) < 0 || name[0] == '\0') {
        snprintf(name, size, "localhost");
    }
    name[size - 1] = '\0';
    return 0;
}

int
cps_smtpin_listen(CpsSMTPIn *self, CpsRuntime *rt, CpsTlsContext *tls)
{
    enum { BACKLOG = 1024 };
    CpsListenAt at = {.host = PyUnicode_AsUTF8(self->host), .backlog = BACKLOG, .share_port = self->share_port};
    char name[256] = "";
    int status = at.host == NULL ? -1 : smtpin_server_name(self, name, sizeof(name));

    for (int i = 0; status == 0 && i < self->port_count; i++) {
        CpsSmtpPort *port;

        at.port = self->ports[i];
        port = port_open(self, rt, &at, tls == NULL ? NULL : cps_tls_context_ref(tls), name);
        if (port == NULL) {
            status = -1;
            cps_smtpin_let_go(self);
            break;
        }
        port->index = i;
        cps_list_append(&self->listening, &port->link);
        cps_log(self->base.logger, CPS_LOG_INFO, NULL, "Serving SMTP on %S:%d", self->host,
                cps_listener_port(&port->smtp.base.listener));
    }
    cps_tls_context_unref(tls);
    return status;
}

void
cps_smtpin_unreserve(CpsSMTPIn *self, int index)
{
    if (self->reserved[index] >= 0) {
        close(self->reserved[index]);
        self->reserved[index] = -1;
    }
}

int
cps_smtpin_share(CpsActor *actor)
{
    CpsSMTPIn *self = (CpsSMTPIn *)actor;
    CpsListenAt at = {.host = PyUnicode_AsUTF8(self->host)};

    if (at.host == NULL) {
        return -1;
    }
    for (int i = 0; i < self->port_count; i++) {
        int fd, port;

        at.port = self->ports[i];
        cps_smtpin_unreserve(self, i);
        fd = cps_reserve_port(actor->state, actor->name, &at, &port);
        if (fd < 0) {
            return -1;
        }
        self->ports[i] = port;
        self->reserved[i] = fd;
    }
    self->share_port = true;
    return 0;
}
