#include "xml/fetch.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OK = 200 };

typedef struct {
    const CpsFetchRules *rules;
    CpsFetched *fetched;
    CURL *easy;                  /* owned */
    CURLU *url;                  /* owned: what is asked for next */
    const char *name;            /* borrowed: the URL that was wanted, for messages */
    long long deadline_ms;       /* on the monotonic clock */
    char error[CURL_ERROR_SIZE]; /* what libcurl says */
    bool too_large;
} Fetch;

/* Returns false always. */
__attribute__((format(printf, 2, 3))) static bool
fetch_explain(Fetch *self, const char *format, ...)
{
    char *reason = self->fetched->reason;
    int length = snprintf(reason, sizeof(self->fetched->reason), "Reading '%.400s' ", self->name);
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(reason + length, sizeof(self->fetched->reason) - (size_t)length, format, arguments);
    va_end(arguments);
    return false;
}

static long long
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* ---- what libcurl calls ---- */

static size_t
fetch_most(const Fetch *self)
{
    return self->rules->huge ? INT_MAX : CPS_FETCH_MOST;
}

static size_t
fetch_on_content(char *bytes, size_t size, size_t count, void *context)
{
    Fetch *self = context;
    size_t length = size * count;

    self->too_large = length > fetch_most(self) - self->fetched->content.length;
    if (self->too_large || cps_buffer_append(&self->fetched->content, bytes, length) < 0) {
        return 0;
    }
    return length;
}

/* Once a second, or more often. */
static int
fetch_on_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t upload_total, curl_off_t upload_now)
{
    const bool *cancelled = ((Fetch *)context)->rules->cancelled;

    (void)total, (void)now, (void)upload_total, (void)upload_now;
    return cancelled != NULL && __atomic_load_n(cancelled, __ATOMIC_RELAXED);
}

/* ---- requests ---- */

static void
fetch_set_up(Fetch *self)
{
    CURL *easy = self->easy;

    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L); /* each step is looked at first */
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a look-up of a name is not waited for past the deadline */
    (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, self->error);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, fetch_on_content);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, self);
    (void)curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, fetch_on_progress);
    (void)curl_easy_setopt(easy, CURLOPT_XFERINFODATA, self);
}

static bool
fetch_explain_failure(Fetch *self, CURLcode code)
{
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return fetch_explain(self, "failed: it took longer than %g seconds", self->rules->timeout_ms / 1000.0);
    }
    if (self->too_large) {
        return fetch_explain(self, "is refused: it has more than %zu bytes%s", fetch_most(self),
                             self->rules->huge ? "" : ", which huge=True allows");
    }
    return fetch_explain(self, "failed: %s", self->error[0] != '\0' ? self->error : curl_easy_strerror(code));
}

/* One request. Returns whether there is a response. */
static bool
fetch_ask(Fetch *self)
{
    long long left = self->deadline_ms - now_ms();
    CURLcode code = CURLE_OPERATION_TIMEDOUT;

    self->fetched->content.length = 0;
    if (left > 0) {
        (void)curl_easy_setopt(self->easy, CURLOPT_CURLU, self->url);
        (void)curl_easy_setopt(self->easy, CURLOPT_TIMEOUT_MS, (long)left);
        code = curl_easy_perform(self->easy);
    }
    return code == CURLE_OK || fetch_explain_failure(self, code);
}

/* Where the response leads, borrowed from libcurl; NULL when it is the last. */
static const char *
fetch_redirect(Fetch *self)
{
    char *url = NULL;

    (void)curl_easy_getinfo(self->easy, CURLINFO_REDIRECT_URL, &url);
    return url;
}

/* Ask, and ask where the answers lead. Returns whether there is a last response. */
static bool
fetch_follow(Fetch *self)
{
    const char *next;

    for (int redirects = 0; fetch_ask(self); redirects++) {
        next = fetch_redirect(self);
        if (next == NULL) {
            return true;
        }
        if (redirects == CPS_FETCH_REDIRECTS) {
            return fetch_explain(self, "failed: it is redirected more than %d times", CPS_FETCH_REDIRECTS);
        }
        curl_url_cleanup(self->url);
        self->url = cps_url_parse(next);
        if (self->url == NULL || !cps_allowed_urls_have(self->rules->allowed, self->url)) {
            return fetch_explain(self, "is refused: it is redirected to '%.400s', which is not below allowed_urls",
                                 next);
        }
    }
    return false;
}

static bool
fetch_run(Fetch *self)
{
    long status = 0;

    self->url = cps_url_parse(self->name);
    if (self->url == NULL || !cps_allowed_urls_have(self->rules->allowed, self->url)) {
        return fetch_explain(self, "is refused: it is not below allowed_urls");
    }
    self->easy = curl_easy_init();
    if (self->easy == NULL) {
        return fetch_explain(self, "failed: out of memory");
    }
    fetch_set_up(self);
    if (!fetch_follow(self)) {
        return false;
    }
    (void)curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != OK) {
        return fetch_explain(self, "failed: the server answers with status %ld", status);
    }
    return curl_url_get(self->url, CURLUPART_URL, &self->fetched->url, 0) == CURLUE_OK ||
           fetch_explain(self, "failed: out of memory");
}

bool
cps_fetch(const char *url, const CpsFetchRules *rules, CpsFetched *fetched)
{
    Fetch fetch = {
        .rules = rules,
        .fetched = fetched,
        .name = url,
        .deadline_ms = now_ms() + rules->timeout_ms,
    };
    bool done = fetch_run(&fetch);

    curl_easy_cleanup(fetch.easy);
    curl_url_cleanup(fetch.url);
    return done;
}

void
cps_fetched_free(CpsFetched *fetched)
{
    curl_free(fetched->url);
    cps_buffer_free(&fetched->content);
}
