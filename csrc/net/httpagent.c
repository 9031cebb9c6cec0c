#include "net/httpagent.h"

#include "net/curlloop.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

enum {
    MAX_HEAD = 256 * 1024, /* bytes of the heads of one response, with those of redirects */
    TEXT_SIZE = 512,       /* of what went wrong */
    SEE_OTHER = 303,
};

struct CpsHttpAgent {
    const CpsHttpAgentSettings *settings; /* borrowed */
    CpsCurlLoop *curl;                    /* owned */
    CpsList transfers;                    /* CpsHttpTransfer: under way */
};

/* --- ends ------------------------------------------------------------------------------------------------------------------------ */

static const struct {
    CURLcode code;
    CpsTransferOutcome outcome;
} outcomes[] = {
    {CURLE_OK, CPS_TRANSFER_DONE},
    {CURLE_COULDNT_RESOLVE_HOST, CPS_TRANSFER_RESOLVE},
    {CURLE_COULDNT_RESOLVE_PROXY, CPS_TRANSFER_RESOLVE},
    {CURLE_COULDNT_CONNECT, CPS_TRANSFER_CONNECT},
    {CURLE_PROXY, CPS_TRANSFER_CONNECT},
    {CURLE_SSL_CONNECT_ERROR, CPS_TRANSFER_TLS},
    {CURLE_PEER_FAILED_VERIFICATION, CPS_TRANSFER_UNTRUSTED},
    {CURLE_SSL_CERTPROBLEM, CPS_TRANSFER_UNTRUSTED},
    {CURLE_SSL_CACERT_BADFILE, CPS_TRANSFER_UNTRUSTED},
    {CURLE_OPERATION_TIMEDOUT, CPS_TRANSFER_TIMEOUT},
    {CURLE_PARTIAL_FILE, CPS_TRANSFER_LOST},
    {CURLE_GOT_NOTHING, CPS_TRANSFER_LOST},
    {CURLE_SEND_ERROR, CPS_TRANSFER_LOST},
    {CURLE_RECV_ERROR, CPS_TRANSFER_LOST},
    {CURLE_ABORTED_BY_CALLBACK, CPS_TRANSFER_LOST},
    {CURLE_FILESIZE_EXCEEDED, CPS_TRANSFER_TOO_LARGE},
    {CURLE_WRITE_ERROR, CPS_TRANSFER_TOO_LARGE},
    {CURLE_TOO_MANY_REDIRECTS, CPS_TRANSFER_REDIRECTS},
    {CURLE_UNSUPPORTED_PROTOCOL, CPS_TRANSFER_GARBAGE},
    {CURLE_WEIRD_SERVER_REPLY, CPS_TRANSFER_GARBAGE},
    {CURLE_BAD_CONTENT_ENCODING, CPS_TRANSFER_GARBAGE},
};

static CpsTransferOutcome
transfer_outcome(const CpsHttpTransfer *transfer, CURLcode code)
{
    if (code == CURLE_UNSUPPORTED_PROTOCOL && transfer->status != 0) {
        return CPS_TRANSFER_REDIRECTS; /* else what came was taken for HTTP/0.9 */
    }
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
        if (outcomes[i].code == code) {
            return outcomes[i].outcome;
        }
    }
    return CPS_TRANSFER_FAILED;
}

/* Set transfer->error. */
static void
transfer_explain(CpsHttpTransfer *transfer, const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    transfer->error.length = 0;
    (void)cps_buffer_append(&transfer->error, text, strlen(text)); /* without memory the outcome must do */
}

static void
transfer_explain_outcome(CpsHttpTransfer *transfer, CURLcode code)
{
    const CpsHttpAgentSettings *settings = transfer->agent->settings;

    switch (transfer->outcome) {
    case CPS_TRANSFER_DONE:
        break;
    case CPS_TRANSFER_TIMEOUT:
        transfer_explain(transfer, "no %s within %g seconds", transfer->sent ? "complete response" : "connection",
                         (double)(transfer->sent || settings->timeout_ms < settings->connect_timeout_ms
                                      ? settings->timeout_ms
                                      : settings->connect_timeout_ms) /
                             1000);
        break;
    case CPS_TRANSFER_LOST:
        transfer_explain(transfer, "the connection broke before the response was complete: %s",
                         code == CURLE_ABORTED_BY_CALLBACK ? "it had been kept from another request"
                         : transfer->message[0] != '\0'    ? transfer->message
                                                           : curl_easy_strerror(code));
        break;
    case CPS_TRANSFER_TOO_LARGE:
        transfer_explain(transfer, "the response is larger than allowed: %zu bytes, and %d of headers",
                         settings->max_body, (int)MAX_HEAD);
        break;
    default:
        transfer_explain(transfer, "%s", transfer->message[0] != '\0' ? transfer->message : curl_easy_strerror(code));
    }
}

/* Give back what it has of libcurl's. */
static void
transfer_let_go(CpsHttpTransfer *transfer)
{
    CpsHttpAgent *agent = transfer->agent;

    transfer->agent = NULL;
    cps_link_remove(&transfer->link);
    if (agent != NULL && transfer->easy != NULL) {
        cps_curl_loop_remove(agent->curl, transfer->easy);
    }
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->list);
    free(transfer->message);
    transfer->easy = transfer->list = NULL;
    transfer->message = NULL;
}

static void
transfer_finish(CpsHttpTransfer *transfer, CURLcode code)
{
    curl_off_t retry_after = 0;

    if (code == CURLE_OK && !transfer->head_complete) {
        code = CURLE_PARTIAL_FILE; /* libcurl takes a head that breaks off for a whole one */
    }
    (void)curl_easy_getinfo((CURL *)transfer->easy, CURLINFO_RETRY_AFTER, &retry_after);
    transfer->retry_after = (long)retry_after;
    transfer->outcome = transfer_outcome(transfer, code);
    transfer_explain_outcome(transfer, code);
    transfer_let_go(transfer);
    transfer->on_done(transfer);
}

/* A transfer is over. */
static void
agent_on_done(void *transfer, CURLcode code)
{
    transfer_finish(transfer, code);
}

/* --- agents ---------------------------------------------------------------------------------------------------------------------- */

CpsHttpAgent *
cps_http_agent_new(uv_loop_t *loop, const CpsHttpAgentSettings *settings)
{
    CpsHttpAgent *agent = calloc(1, sizeof(*agent));

    if (agent == NULL || (agent->curl = cps_curl_loop_new(loop, settings->max_connections, agent_on_done)) == NULL) {
        free(agent);
        return NULL;
    }
    agent->settings = settings;
    cps_list_init(&agent->transfers);
    return agent;
}

void
cps_http_agent_close(CpsHttpAgent **agent_p)
{
    CpsHttpAgent *agent = *agent_p;
    CpsLink *link;

    *agent_p = NULL;
    if (agent == NULL) {
        return;
    }
    while ((link = cps_list_first(&agent->transfers)) != NULL) {
        transfer_let_go(CPS_CONTAINER(link, CpsHttpTransfer, link));
    }
    cps_curl_loop_close(&agent->curl);
    free(agent);
}

/* --- what comes ------------------------------------------------------------------------------------------------------------------ */

/* The status line of a response: the first one, or the next after a redirect or a 100. */
static void
transfer_on_status(CpsHttpTransfer *transfer, const char *line, size_t length)
{
    const char *space = memchr(line, ' ', length);

    transfer->head.length = transfer->content.length = 0;
    transfer->head_complete = transfer->unanswered = false;
    transfer->status = space == NULL ? 0 : atoi(space + 1); /* libcurl has checked it, and ends the line with a NUL */
    if (transfer->status == SEE_OTHER) {
        (void)curl_easy_setopt((CURL *)transfer->easy, CURLOPT_CUSTOMREQUEST, NULL); /* it goes on with GET */
    }
}

static size_t
transfer_on_head(char *line, size_t size, size_t count, void *context)
{
    CpsHttpTransfer *transfer = context;
    size_t length = size * count;

    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        transfer_on_status(transfer, line, length);
    }
    transfer->head_bytes += length;
    if (transfer->head_complete) {
        return length; /* a trailer */
    }
    transfer->head_complete = length <= 2;
    if (transfer->head_bytes > MAX_HEAD || cps_buffer_append(&transfer->head, line, length) < 0) {
        return 0;
    }
    return length;
}

static size_t
transfer_on_content(char *bytes, size_t size, size_t count, void *context)
{
    CpsHttpTransfer *transfer = context;
    size_t length = size * count;

    if (length > transfer->agent->settings->max_body - transfer->content.length ||
        cps_buffer_append(&transfer->content, bytes, length) < 0) {
        return 0;
    }
    return length;
}

/* libcurl is about to send the request: not a second time without a response, as it does when a kept connection breaks. */
static int
transfer_on_ready(void *context, char *address, char *own_address, int port, int own_port)
{
    CpsHttpTransfer *transfer = context;

    (void)address, (void)own_address, (void)port, (void)own_port;
    if (transfer->unanswered && !transfer->repeatable) {
        return CURL_PREREQFUNC_ABORT;
    }
    transfer->sent = transfer->unanswered = true;
    return CURL_PREREQFUNC_OK;
}

/* --- requests -------------------------------------------------------------------------------------------------------------------- */

static bool
transfer_method_is(const CpsHttpTransfer *transfer, const char *method)
{
    return strcmp(transfer->method.bytes, method) == 0;
}

/* The method and the body. In libcurl's words what is neither GET nor HEAD is a POST that says something else. */
static void
transfer_set_method(const CpsHttpTransfer *transfer, CURL *easy)
{
    bool is_post = transfer_method_is(transfer, "POST");

    if (transfer_method_is(transfer, "HEAD")) {
        (void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (is_post || transfer->has_body) {
        (void)curl_easy_setopt(easy, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body.length);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->body.length > 0 ? transfer->body.bytes : "");
    }
    if (!is_post) {
        (void)curl_easy_setopt(easy, CURLOPT_POSTREDIR, (long)(CURL_REDIR_POST_301 | CURL_REDIR_POST_302));
        (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, transfer->method.bytes);
    }
}

/* Only the Web's protocols; a redirect does not lead from https to http. */
static void
transfer_set_protocols(const CpsHttpTransfer *transfer, const CpsHttpAgentSettings *settings, CURL *easy)
{
    bool secure = strncasecmp(transfer->url.bytes, "https:", 6) == 0;

    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, settings->max_redirects > 0 ? 1L : 0L);
    (void)curl_easy_setopt(easy, CURLOPT_MAXREDIRS, settings->max_redirects);
    (void)curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, ""); /* all that libcurl can decode */
}

static void
transfer_set_limits(const CpsHttpAgentSettings *settings, CURL *easy)
{
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, settings->timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, settings->connect_timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)settings->max_body);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a cancelled look-up of a name is not waited for */
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
}

static void
transfer_set_tls(const CpsHttpAgentSettings *settings, CURL *easy)
{
    bool own_ca = settings->ca_file != NULL || settings->ca_directory != NULL;

    (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, settings->verify ? 1L : 0L);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, settings->verify ? 2L : 0L);
    /* no directory unless asked for: libcurl then reads the file once, not for every connection */
    (void)curl_easy_setopt(easy, CURLOPT_CAPATH, settings->ca_directory);
    if (own_ca) {
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file);
    }
    (void)curl_easy_setopt(easy, CURLOPT_SSLCERT, settings->cert_file);
    (void)curl_easy_setopt(easy, CURLOPT_SSLKEY, settings->key_file);
    (void)curl_easy_setopt(easy, CURLOPT_KEYPASSWD, settings->key_password);
}

static void
transfer_set_callbacks(CpsHttpTransfer *transfer, CURL *easy)
{
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->message);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, transfer_on_head);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    (void)curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, transfer_on_content);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, transfer_on_ready);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
}

/* Returns 0, or -1 when out of memory. */
static int
transfer_set_fields(CpsHttpTransfer *transfer, CURL *easy)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:"); /* the server is not asked first */
    size_t offset = 0;

    while (list != NULL && offset < transfer->fields.length) {
        struct curl_slist *longer = curl_slist_append(list, transfer->fields.bytes + offset);

        if (longer == NULL) {
            curl_slist_free_all(list);
        }
        list = longer;
        offset += strlen(transfer->fields.bytes + offset) + 1;
    }
    transfer->list = list;
    return list == NULL || curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list) != CURLE_OK ? -1 : 0;
}

static int
transfer_prepare(CpsHttpTransfer *transfer, const CpsHttpAgentSettings *settings)
{
    CURL *easy = curl_easy_init();

    transfer->easy = easy;
    transfer->message = calloc(1, CURL_ERROR_SIZE);
    if (easy == NULL || transfer->message == NULL ||
        curl_easy_setopt(easy, CURLOPT_URL, transfer->url.bytes) != CURLE_OK) {
        return -1;
    }
    transfer_set_method(transfer, easy);
    transfer_set_protocols(transfer, settings, easy);
    transfer_set_limits(settings, easy);
    transfer_set_tls(settings, easy);
    transfer_set_callbacks(transfer, easy);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "compysition");
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, settings->proxy);
    if (settings->user != NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_USERNAME, settings->user);
        (void)curl_easy_setopt(easy, CURLOPT_PASSWORD, settings->password);
    }
    return transfer_set_fields(transfer, easy);
}

int
cps_http_transfer_start(CpsHttpTransfer *transfer, CpsHttpAgent *agent)
{
    if (transfer_prepare(transfer, agent->settings) < 0 || cps_curl_loop_add(agent->curl, transfer->easy) < 0) {
        transfer_let_go(transfer);
        return -1;
    }
    transfer->agent = agent;
    cps_list_append(&agent->transfers, &transfer->link);
    return 0;
}

void
cps_http_transfer_cancel(CpsHttpTransfer *transfer)
{
    transfer_let_go(transfer);
}

void
cps_http_transfer_reset(CpsHttpTransfer *transfer)
{
    transfer->head.length = transfer->content.length = transfer->error.length = 0;
    transfer->head_bytes = 0;
    transfer->status = 0;
    transfer->retry_after = 0;
    transfer->sent = transfer->unanswered = transfer->head_complete = false;
}

void
cps_http_transfer_free(CpsHttpTransfer *transfer)
{
    transfer_let_go(transfer);
    cps_buffer_free(&transfer->url);
    cps_buffer_free(&transfer->method);
    cps_buffer_free(&transfer->fields);
    cps_buffer_free(&transfer->body);
    cps_buffer_free(&transfer->head);
    cps_buffer_free(&transfer->content);
    cps_buffer_free(&transfer->error);
}

int
cps_http_transfer_add_field(CpsHttpTransfer *transfer, const char *line, size_t length)
{
    return cps_buffer_append(&transfer->fields, line, length) < 0 ? -1 : cps_buffer_append(&transfer->fields, "", 1);
}

/* --- responses ------------------------------------------------------------------------------------------------------------------- */

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Without white space at its ends. */
static void
trim(const char **text, size_t *length)
{
    while (*length > 0 && is_space((*text)[0])) {
        (*text)++;
        (*length)--;
    }
    while (*length > 0 && is_space((*text)[*length - 1])) {
        (*length)--;
    }
}

bool
cps_http_transfer_next_field(const CpsHttpTransfer *transfer, size_t *offset, CpsResponseField *field)
{
    while (*offset < transfer->head.length) {
        const char *line = transfer->head.bytes + *offset;
        const char *end = memchr(line, '\n', transfer->head.length - *offset);
        size_t length = end == NULL ? transfer->head.length - *offset : (size_t)(end - line);
        const char *colon = memchr(line, ':', length);

        *offset += length + (end != NULL);
        if (colon != NULL && colon > line && !is_space(line[0]) &&
            memcmp(line, "HTTP/", length < 5 ? length : 5) != 0) {
            field->name = line;
            field->name_length = (size_t)(colon - line);
            field->value = colon + 1;
            field->value_length = length - field->name_length - 1;
            trim(&field->value, &field->value_length);
            return true;
        }
    }
    return false;
}

const char *
cps_http_transfer_reason(const CpsHttpTransfer *transfer, size_t *length)
{
    const char *line = transfer->head.bytes, *end, *space;

    *length = 0;
    end = transfer->head.length == 0 ? NULL : memchr(line, '\n', transfer->head.length);
    space = end == NULL ? NULL : memchr(line, ' ', (size_t)(end - line));
    space = space == NULL ? NULL : memchr(space + 1, ' ', (size_t)(end - space - 1));
    if (space == NULL) {
        return "";
    }
    *length = (size_t)(end - space);
    trim(&space, length);
    return space;
}

/* --- URLs ---------------------------------------------------------------------------------------------------------------------------- */

static bool
url_is_of_the_web(CURLU *parsed)
{
    char *scheme = NULL;
    bool fits = curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0);

    curl_free(scheme);
    return fits;
}

int
cps_http_url_host(const char *url, char *host, size_t size)
{
    CURLU *parsed = curl_url();
    CURLUcode code = parsed == NULL ? CURLUE_OUT_OF_MEMORY : curl_url_set(parsed, CURLUPART_URL, url, 0);
    char *name = NULL, *port = NULL;
    int status = -1;

    if (code == CURLUE_OK && !url_is_of_the_web(parsed)) {
        code = CURLUE_UNSUPPORTED_SCHEME;
    }
    if (code == CURLUE_OK) {
        code = curl_url_get(parsed, CURLUPART_HOST, &name, 0);
    }
    if (code != CURLUE_OK) {
        (void)snprintf(host, size, "%s", curl_url_strerror(code));
    }
    else {
        (void)curl_url_get(parsed, CURLUPART_PORT, &port, 0);
        (void)snprintf(host, size, port == NULL ? "%s" : "%s:%s", name, port);
        status = 0;
    }
    curl_free(name);
    curl_free(port);
    curl_url_cleanup(parsed);
    return status;
}
