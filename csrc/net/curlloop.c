#include "net/curlloop.h"

#include "base/list.h"

#include <stdlib.h>

enum { IDLE_CONNECTIONS = 128 };

/* Lives until the loop has closed its handles. */
struct CpsCurlLoop {
    uv_loop_t *loop; /* borrowed */
    CURLM *multi;    /* owned */
    void (*on_done)(void *transfer, CURLcode code);
    uv_timer_t timer; /* when libcurl wants to be called */
    CpsList sockets;  /* CurlSocket: those that libcurl watches */
    int handles;      /* of the loop, not closed yet */
};

/* A socket of libcurl's, which owns it. Freed when its handle is closed. */
typedef struct {
    uv_poll_t poll; /* first */
    CpsLink link;
    CpsCurlLoop *owner; /* borrowed: it lives as long */
    curl_socket_t fd;
} CurlSocket;

/* After each call of libcurl in a callback: what has ended? */
static void
curl_loop_collect(CpsCurlLoop *self)
{
    CURLMsg *message;
    int left;

    while (self->multi != NULL && (message = curl_multi_info_read(self->multi, &left)) != NULL) {
        CURLcode code = message->data.result;
        char *transfer = NULL;

        if (message->msg == CURLMSG_DONE) {
            (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
            self->on_done(transfer, code);
        }
    }
}

/* --- sockets and time ------------------------------------------------------------------------------------------------------------ */

static void
curl_loop_on_closed(CpsCurlLoop *self)
{
    if (--self->handles == 0) {
        free(self);
    }
}

static void
curl_loop_on_timer_closed(uv_handle_t *handle)
{
    curl_loop_on_closed(handle->data);
}

static void
curl_loop_on_timer(uv_timer_t *timer)
{
    CpsCurlLoop *self = timer->data;
    int running;

    (void)curl_multi_socket_action(self->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    curl_loop_collect(self);
}

/* libcurl wants to be called in so many milliseconds; -1: no more. */
static int
curl_loop_set_timer(CURLM *multi, long milliseconds, void *context)
{
    CpsCurlLoop *self = context;

    (void)multi;
    if (milliseconds < 0) {
        return uv_timer_stop(&self->timer);
    }
    uv_update_time(self->loop); /* the loop's clock stands still between its turns */
    return uv_timer_start(&self->timer, curl_loop_on_timer, (uint64_t)milliseconds, 0);
}

static void
socket_on_closed(uv_handle_t *handle)
{
    CpsCurlLoop *self = ((CurlSocket *)handle)->owner;

    free(handle);
    curl_loop_on_closed(self);
}

static void
socket_close(CurlSocket *watched)
{
    cps_link_remove(&watched->link);
    uv_close((uv_handle_t *)&watched->poll, socket_on_closed);
}

static void
socket_on_ready(uv_poll_t *poll, int code, int events)
{
    CurlSocket *watched = (CurlSocket *)poll;
    CpsCurlLoop *self = watched->owner;
    int flags = code < 0 ? CURL_CSELECT_ERR : 0, running;

    flags |= (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
    (void)curl_multi_socket_action(self->multi, watched->fd, flags, &running); /* may close `watched` */
    curl_loop_collect(self);
}

/* New, or NULL. */
static CurlSocket *
socket_new(CpsCurlLoop *self, curl_socket_t fd)
{
    CurlSocket *watched = calloc(1, sizeof(*watched));

    if (watched == NULL || uv_poll_init_socket(self->loop, &watched->poll, fd) < 0) {
        free(watched);
        return NULL;
    }
    watched->owner = self;
    watched->fd = fd;
    cps_list_append(&self->sockets, &watched->link);
    self->handles++;
    (void)curl_multi_assign(self->multi, fd, watched);
    return watched;
}

/* libcurl wants to know when the socket is readable or writable; or wants to know no more. */
static int
curl_loop_watch(CURL *easy, curl_socket_t fd, int what, void *context, void *assigned)
{
    CpsCurlLoop *self = context;
    CurlSocket *watched = assigned;
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watched != NULL) {
            (void)curl_multi_assign(self->multi, fd, NULL);
            socket_close(watched);
        }
        return 0;
    }
    if (watched == NULL) {
        watched = socket_new(self, fd);
    }
    return watched == NULL || uv_poll_start(&watched->poll, events, socket_on_ready) < 0 ? -1 : 0;
}

/* --- opening, closing and transfers ---------------------------------------------------------------------------------------------- */

static uv_once_t library_once = UV_ONCE_INIT;

static void
library_init(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

CpsCurlLoop *
cps_curl_loop_new(uv_loop_t *loop, long max_connections, void (*on_done)(void *transfer, CURLcode code))
{
    CpsCurlLoop *self = calloc(1, sizeof(*self));

    uv_once(&library_once, library_init);
    if (self == NULL || (self->multi = curl_multi_init()) == NULL) {
        free(self);
        return NULL;
    }
    self->loop = loop;
    self->on_done = on_done;
    cps_list_init(&self->sockets);
    uv_timer_init(loop, &self->timer); /* cannot fail */
    self->timer.data = self;
    self->handles = 1;
    (void)curl_multi_setopt(self->multi, CURLMOPT_SOCKETFUNCTION, curl_loop_watch);
    (void)curl_multi_setopt(self->multi, CURLMOPT_SOCKETDATA, self);
    (void)curl_multi_setopt(self->multi, CURLMOPT_TIMERFUNCTION, curl_loop_set_timer);
    (void)curl_multi_setopt(self->multi, CURLMOPT_TIMERDATA, self);
    (void)curl_multi_setopt(self->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, max_connections);
    (void)curl_multi_setopt(self->multi, CURLMOPT_MAXCONNECTS,
                            max_connections > 0 ? max_connections : (long)IDLE_CONNECTIONS);
    return self;
}

void
cps_curl_loop_close(CpsCurlLoop **self_p)
{
    CpsCurlLoop *self = *self_p;
    CpsLink *link;

    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    (void)curl_multi_setopt(self->multi, CURLMOPT_SOCKETFUNCTION, NULL);
    (void)curl_multi_setopt(self->multi, CURLMOPT_TIMERFUNCTION, NULL);
    while ((link = cps_list_first(&self->sockets)) != NULL) {
        socket_close(CPS_CONTAINER(link, CurlSocket, link));
    }
    (void)curl_multi_cleanup(self->multi);
    self->multi = NULL;
    uv_close((uv_handle_t *)&self->timer, curl_loop_on_timer_closed);
}

int
cps_curl_loop_add(CpsCurlLoop *self, CURL *easy)
{
    return curl_multi_add_handle(self->multi, easy) == CURLM_OK ? 0 : -1;
}

void
cps_curl_loop_remove(CpsCurlLoop *self, CURL *easy)
{
    (void)curl_multi_remove_handle(self->multi, easy);
}
