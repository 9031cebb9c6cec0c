#include "net/mdpserver.h"

#include "net/zmqcontext.h"

static void server_on_idle(uv_idle_t *idle);

/* --- messages ------------------------------------------------------------------------------------------------------------------------------- */

/* Take what the socket has, up to so many. Returns whether there may be more. */
static bool
socket_drain(CpsMdpServer *self, int index)
{
    enum { BATCH = 256 };
    CpsZmqSocket *socket = &self->sockets[index].zmq;
    CpsZmqMessage message;
    int left = socket->socket == NULL ? 0 : BATCH;

    while (left > 0 && cps_zmq_receive(socket, &message) == 0) {
        self->ops->receive(self, index, &message);
        cps_zmq_message_close(&message);
        left--;
    }
    return socket->socket != NULL && left == 0;
}

static bool
server_drain(CpsMdpServer *self)
{
    bool more = false;

    uv_mutex_lock(&self->lock);
    for (int i = 0; i < CPS_MDP_SOCKETS; i++) {
        more = socket_drain(self, i) || more;
    }
    uv_mutex_unlock(&self->lock);
    return more;
}

/* Take what there is. Others have their turn in between. */
static void
server_work(CpsMdpServer *self)
{
    if (self->closing) {
        return;
    }
    if (server_drain(self)) {
        (void)uv_idle_start(&self->idle, server_on_idle);
    }
    else {
        (void)uv_idle_stop(&self->idle);
    }
    if (self->notes.count > 0) {
        self->on_note(self);
    }
}

static void
server_on_idle(uv_idle_t *idle)
{
    server_work(CPS_CONTAINER(idle, CpsMdpServer, idle));
}

static void
server_on_event(CpsZmqSocket *socket)
{
    server_work(((CpsMdpServerSocket *)socket)->server);
}

/* --- time -------------------------------------------------------------------------------------------------------------------------------------- */

static void
server_on_timer(uv_timer_t *timer)
{
    enum { BATCHES = 4 };
    CpsMdpServer *self = CPS_CONTAINER(timer, CpsMdpServer, timer);
    uint64_t next;

    /* What waits in the sockets was said in time, however long this thread was busy with something else. */
    for (int i = 0; i < BATCHES && server_drain(self); i++) {
    }
    uv_mutex_lock(&self->lock);
    next = self->ops->tick(self);
    uv_mutex_unlock(&self->lock);
    (void)uv_timer_start(timer, server_on_timer, next, 0); /* fails for no handle that is open */
    server_work(self);                                     /* sending may have taken the sign that something has come */
}

uint64_t
cps_mdp_server_now(const CpsMdpServer *self)
{
    return uv_now(self->loop);
}

/* --- life --------------------------------------------------------------------------------------------------------------------------------------- */

static void
server_handle_closed(CpsMdpServer *self)
{
    if (--self->handles == 0) {
        self->ops->free(self);
        uv_mutex_destroy(&self->lock);
        cps_notes_free(&self->notes);
        self->on_closed(self);
    }
}

static void
server_on_timer_closed(uv_handle_t *handle)
{
    server_handle_closed(CPS_CONTAINER((uv_timer_t *)handle, CpsMdpServer, timer));
}

static void
server_on_idle_closed(uv_handle_t *handle)
{
    server_handle_closed(CPS_CONTAINER((uv_idle_t *)handle, CpsMdpServer, idle));
}

/* The context may be the last thing that keeps libzmq's threads; nothing lingers long, and there is no GIL here. */
static void
server_on_socket_closed(CpsZmqSocket *socket)
{
    cps_zmq_context_release();
    server_handle_closed(((CpsMdpServerSocket *)socket)->server);
}

int
cps_mdp_server_init(CpsMdpServer *self, uv_loop_t *loop)
{
    int code = uv_mutex_init(&self->lock);

    if (code < 0) {
        return -code;
    }
    self->loop = loop;
    code = self->ops->init(self);
    if (code != 0) {
        uv_mutex_destroy(&self->lock);
        return code;
    }
    cps_notes_init(&self->notes);
    (void)uv_timer_init(loop, &self->timer); /* neither can fail */
    (void)uv_idle_init(loop, &self->idle);
    self->handles = 2;
    return 0;
}

int
cps_mdp_server_open(CpsMdpServer *self, int socket, const CpsZmqOptions *options)
{
    CpsMdpServerSocket *opened = &self->sockets[socket];
    int code;

    opened->server = self;
    opened->zmq.on_event = server_on_event;
    opened->zmq.on_closed = server_on_socket_closed;
    code = cps_zmq_socket_open(&opened->zmq, self->loop, options);
    if (code == 0) {
        self->handles++;
    }
    return code;
}

void
cps_mdp_server_begin(CpsMdpServer *self)
{
    (void)uv_timer_start(&self->timer, server_on_timer, 0, 0);
}

void
cps_mdp_server_close(CpsMdpServer *self)
{
    uv_mutex_lock(&self->lock);
    self->closing = true;
    if (self->ops->leave != NULL) {
        self->ops->leave(self);
    }
    uv_mutex_unlock(&self->lock);
    for (int i = 0; i < CPS_MDP_SOCKETS; i++) {
        cps_zmq_socket_close(&self->sockets[i].zmq);
    }
    uv_close((uv_handle_t *)&self->timer, server_on_timer_closed);
    uv_close((uv_handle_t *)&self->idle, server_on_idle_closed);
}

/* --- notes --------------------------------------------------------------------------------------------------------------------------------------- */

void
cps_mdp_server_note(CpsMdpServer *self, int level, const char *format, va_list arguments)
{
    if (cps_mdp_server_logs(self, level)) {
        cps_notes_add(&self->notes, level, format, arguments);
    }
}

void
cps_mdp_server_take_notes(CpsMdpServer *self, CpsNotes *notes, int log_level)
{
    uv_mutex_lock(&self->lock);
    cps_notes_move(notes, &self->notes);
    self->log_level = log_level;
    uv_mutex_unlock(&self->lock);
}
