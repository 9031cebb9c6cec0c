#include "net/curllink.h"

#include "net/curlloop.h"

#include <stdbool.h>
#include <stdlib.h>

enum { PIECE = 4096 };

/* Lives until the loop has closed its handles. */
struct CpsCurlLink {
    const CpsCurlLinkOps *ops;
    void *context;   /* borrowed */
    uv_loop_t *loop; /* borrowed */
    CpsCurlLoop *
        curl; /* owned: it has this connection only, for libcurl takes an idle one with something to read for a dead one */
    CURL *easy;       /* owned */
    uv_timer_t timer; /* once it is open */
    uv_poll_t poll;   /* once it is open */
    int handles;      /* of the loop, not closed yet */
    bool watched;     /* `poll` is there */
    bool closed;
    const char *bytes; /* borrowed: to be sent */
    size_t length;
    long timeout_ms;
    char error[CURL_ERROR_SIZE];
};

static void link_on_ready(uv_poll_t *poll, int code, int events);

static void
link_break(CpsCurlLink *self, CURLcode code)
{
    if (!self->closed) {
        self->ops->on_broken(self->context, code);
    }
}

/* --- time ------------------------------------------------------------------------------------------------------------------------ */

static void
link_on_timer(uv_timer_t *timer)
{
    link_break(timer->data, CURLE_OPERATION_TIMEDOUT);
}

static void
link_wait(CpsCurlLink *self)
{
    (void)uv_timer_start(&self->timer, link_on_timer, (uint64_t)self->timeout_ms, 0);
}

/* --- bytes ----------------------------------------------------------------------------------------------------------------------- */

static void
link_watch(CpsCurlLink *self)
{
    if (uv_poll_start(&self->poll, self->length > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE, link_on_ready) < 0) {
        link_break(self, CURLE_RECV_ERROR);
    }
}

/* Returns what went wrong, or CURLE_OK. */
static CURLcode
link_write(CpsCurlLink *self)
{
    while (self->length > 0) {
        size_t count;
        CURLcode code = curl_easy_send(self->easy, self->bytes, self->length, &count);

        if (code != CURLE_OK) {
            return code == CURLE_AGAIN ? CURLE_OK : code;
        }
        self->bytes += count;
        self->length -= count;
        link_wait(self);
    }
    return CURLE_OK;
}

/* Until there is nothing more: TLS may hold bytes that the socket no longer tells of. Returns what went wrong, or CURLE_OK. */
static CURLcode
link_read(CpsCurlLink *self)
{
    char bytes[PIECE];

    while (!self->closed) {
        size_t count;
        CURLcode code = curl_easy_recv(self->easy, bytes, sizeof(bytes), &count);

        if (code != CURLE_OK) {
            return code == CURLE_AGAIN ? CURLE_OK : code;
        }
        if (count == 0) {
            return CURLE_GOT_NOTHING;
        }
        self->ops->on_bytes(self->context, bytes, count);
    }
    return CURLE_OK;
}

/* What came before the end says more than that writing failed: so read first. */
static void
link_on_ready(uv_poll_t *poll, int code, int events)
{
    CpsCurlLink *self = poll->data;
    CURLcode status = link_read(self);

    (void)events;
    if (status == CURLE_OK && !self->closed) {
        status = code < 0 ? CURLE_RECV_ERROR : link_write(self);
    }
    if (self->closed) {
        return;
    }
    if (status != CURLE_OK) {
        link_break(self, status);
        return;
    }
    link_watch(self);
}

void
cps_curl_link_send(CpsCurlLink *self, const char *bytes, size_t length, long timeout_ms)
{
    self->bytes = bytes;
    self->length = length;
    self->timeout_ms = timeout_ms;
    link_wait(self);
    link_watch(self); /* the loop then finds it writable */
}

size_t
cps_curl_link_unsent(const CpsCurlLink *self)
{
    return self->length;
}

/* --- opening and closing --------------------------------------------------------------------------------------------------------- */

static void
link_on_closed(uv_handle_t *handle)
{
    CpsCurlLink *self = handle->data;

    if (--self->handles == 0) {
        free(self);
    }
}

/* libcurl has connected, or failed. */
static void
link_on_done(void *context, CURLcode code)
{
    CpsCurlLink *self = context;
    curl_socket_t fd = CURL_SOCKET_BAD;

    if (code == CURLE_OK) {
        (void)curl_easy_getinfo(self->easy, CURLINFO_ACTIVESOCKET, &fd);
        code = fd == CURL_SOCKET_BAD || uv_poll_init_socket(self->loop, &self->poll, fd) < 0 ? CURLE_RECV_ERROR : code;
    }
    if (code != CURLE_OK) {
        link_break(self, code);
        return;
    }
    self->poll.data = self;
    self->watched = true;
    self->handles++;
    self->ops->on_open(self->context);
}

CpsCurlLink *
cps_curl_link_new(uv_loop_t *loop, const CpsCurlLinkOps *ops, void *context)
{
    CpsCurlLink *self = calloc(1, sizeof(*self));

    if (self == NULL) {
        return NULL;
    }
    self->ops = ops;
    self->context = context;
    self->loop = loop;
    self->curl = cps_curl_loop_new(loop, 0, link_on_done);
    self->easy = curl_easy_init();
    uv_timer_init(loop, &self->timer); /* cannot fail */
    self->timer.data = self;
    self->handles = 1;
    if (self->curl == NULL || self->easy == NULL) {
        cps_curl_link_close(&self);
    }
    return self;
}

CURL *
cps_curl_link_easy(CpsCurlLink *self)
{
    return self->easy;
}

int
cps_curl_link_open(CpsCurlLink *self, long timeout_ms)
{
    CURL *easy = self->easy;

    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, self);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, self->error);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a cancelled look-up of a name is not waited for */
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);                      /* else 5 minutes */
    (void)curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, (timeout_ms + 999) / 1000); /* else 2 minutes */
    return cps_curl_loop_add(self->curl, easy);
}

const char *
cps_curl_link_error(const CpsCurlLink *self, CURLcode code)
{
    if (code == CURLE_GOT_NOTHING) {
        return "the server has ended the connection";
    }
    return self->error[0] != '\0' ? self->error : curl_easy_strerror(code);
}

void
cps_curl_link_close(CpsCurlLink **self_p)
{
    CpsCurlLink *self = *self_p;

    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    self->closed = true;
    if (self->watched) {
        uv_close((uv_handle_t *)&self->poll, link_on_closed); /* before libcurl closes the socket */
    }
    if (self->curl != NULL) {
        cps_curl_loop_remove(self->curl, self->easy);
        cps_curl_loop_close(&self->curl);
    }
    curl_easy_cleanup(self->easy);
    self->easy = NULL;
    uv_close((uv_handle_t *)&self->timer, link_on_closed);
}
