#include "net/server.h"

/* --- the end --------------------------------------------------------------------------------------------------------------------- */

static void
closed_one(CpsServer *self)
{
    if (--self->open_handles == 0) {
        cps_tls_context_unref(self->tls);
        self->tls = NULL;
        self->ops->on_closed(self);
    }
}

static void
on_deadlines_closed(uv_handle_t *timer)
{
    closed_one(CPS_CONTAINER(timer, CpsServer, deadlines.timer));
}

static void
on_listener_closed(CpsListener *listener)
{
    closed_one(CPS_CONTAINER(listener, CpsServer, listener));
}

/* --- clients --------------------------------------------------------------------------------------------------------------------- */

static CpsClient *
client_of(CpsStream *stream)
{
    return CPS_CONTAINER(stream, CpsClient, stream);
}

static void
client_on_bytes(CpsStream *stream, const char *bytes, size_t length)
{
    CpsClient *client = client_of(stream);

    client->server->ops->on_bytes(client, bytes, length);
}

static void
client_on_end(CpsStream *stream, int code)
{
    CpsClient *client = client_of(stream);

    client->ended = true;
    client->server->ops->on_end(client, code);
}

static void
client_on_drained(CpsStream *stream)
{
    CpsClient *client = client_of(stream);

    client->server->ops->on_drained(client);
}

/* One whose connection was never taken is in no list. */
static void
client_on_closed(CpsStream *stream)
{
    CpsClient *client = client_of(stream);
    const CpsServerOps *ops = client->server->ops;

    cps_deadline_clear(&client->wait);
    ops->lost(client);
    if (cps_link_listed(&client->link)) {
        cps_link_remove(&client->link);
        client->server->client_count--;
    }
    closed_one(client->server);
    ops->free(client);
}

static const CpsStreamOps client_ops = {
    .on_bytes = client_on_bytes,
    .on_end = client_on_end,
    .on_drained = client_on_drained,
    .on_closed = client_on_closed,
};

static void
on_connection(CpsListener *listener)
{
    CpsServer *self = CPS_CONTAINER(listener, CpsServer, listener);
    CpsClient *client = self->ops->make(self);
    bool closes = false;

    if (client == NULL) {
        return; /* the listener closes the connection */
    }
    client->server = self;
    if (cps_stream_accept(&client->stream, &client_ops, listener, self->begins_plain ? NULL : self->tls, &closes) < 0) {
        if (closes) {
            self->open_handles++;
        }
        else {
            self->ops->free(client);
        }
        return;
    }
    cps_list_append(&self->clients, &client->link);
    self->client_count++;
    self->open_handles++;
    self->ops->begin(client);
}

void
cps_client_wait_to_write(CpsClient *client, int kind, uint32_t ms)
{
    if (!cps_deadline_is(&client->wait, kind)) {
        client->unsent_before = client->stream.unsent;
        cps_deadline_set(&client->server->deadlines, &client->wait, kind, ms);
    }
}

static void
on_due(CpsDeadlines *deadlines, CpsDeadline *deadline)
{
    CPS_CONTAINER(deadlines, CpsServer, deadlines)->ops->expire(CPS_CONTAINER(deadline, CpsClient, wait));
}

CpsAdmission
cps_server_admit(const CpsServer *self, uint32_t limit)
{
    enum { MORE = 8 }; /* of the limit, one in so many more is told */

    if (self->client_count <= limit) {
        return CPS_CLIENT_SERVED;
    }
    return self->client_count <= limit + limit / MORE + 1 ? CPS_CLIENT_REFUSED : CPS_CLIENT_CLOSED;
}

/* Call `visit` for each client, which may be gone afterwards. */
static void
visit_clients(CpsServer *self, void (*visit)(CpsClient *))
{
    CpsLink *link = cps_list_first(&self->clients);

    while (link != NULL) {
        CpsLink *next = cps_list_after(&self->clients, link);

        visit(CPS_CONTAINER(link, CpsClient, link));
        link = next;
    }
}

/* --- the server ------------------------------------------------------------------------------------------------------------------ */

int
cps_server_open(CpsServer *self, const CpsServerOps *ops, uv_loop_t *loop, const CpsListenAt *at, CpsTlsContext *tls)
{
    bool closes = false;
    int code;

    *self = (CpsServer){.ops = ops, .loop = loop, .tls = tls, .begins_plain = self->begins_plain, .open_handles = 1};
    cps_list_init(&self->clients);
    cps_deadlines_init(&self->deadlines, loop, on_due);
    self->listener.on_connection = on_connection;
    self->listener.on_closed = on_listener_closed;
    code = cps_listener_open(&self->listener, loop, at, &closes);
    self->listening = code == 0;
    self->open_handles += code == 0 || closes ? 1 : 0;
    if (code < 0) {
        cps_deadlines_close(&self->deadlines, on_deadlines_closed);
    }
    return code;
}

static void
stop_listening(CpsServer *self)
{
    if (self->listening) {
        self->listening = false;
        cps_listener_close(&self->listener);
    }
}

void
cps_server_end(CpsServer *self)
{
    if (!self->ending) {
        self->ending = true;
        stop_listening(self);
        visit_clients(self, self->ops->end);
    }
}

bool
cps_server_at_rest(const CpsServer *self)
{
    for (CpsLink *link = cps_list_first(&self->clients); link != NULL; link = cps_list_after(&self->clients, link)) {
        if (!self->ops->is_done(CPS_CONTAINER(link, CpsClient, link))) {
            return false;
        }
    }
    return true;
}

void
cps_server_close(CpsServer *self)
{
    self->ending = true;
    stop_listening(self);
    visit_clients(self, self->ops->close);
    cps_deadlines_close(&self->deadlines, on_deadlines_closed);
}
