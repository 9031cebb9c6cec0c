#include "net/smtptransfer.h"

#include <stdio.h>

enum { URL_SIZE = 512, QUIT_MS = 2000 };

/* --- the dialogue ---------------------------------------------------------------------------------------------------------------- */

static bool
transfer_all_sent(const CpsSmtpTransfer *transfer)
{
    return cps_curl_link_unsent(transfer->link) == 0;
}

static void
transfer_finish(CpsSmtpTransfer *transfer)
{
    cps_curl_link_close(&transfer->link);
    transfer->on_done(transfer);
}

/* The dialogue has gone on. */
static void
transfer_go_on(CpsSmtpTransfer *transfer)
{
    CpsSmtpDialogue *dialogue = &transfer->dialogue;
    const char *output = dialogue->output;
    long timeout_ms = transfer->settings->timeout_ms;

    if (dialogue->over) {
        transfer_finish(transfer);
        return;
    }
    if (output != NULL) {
        if (dialogue->step == CPS_SMTP_TO_QUIT && timeout_ms > QUIT_MS) {
            timeout_ms = QUIT_MS; /* that is politeness only */
        }
        dialogue->output = NULL;
        cps_curl_link_send(transfer->link, output, dialogue->output_length, timeout_ms);
    }
}

static void
transfer_on_open(void *context)
{
    CpsSmtpTransfer *transfer = context;

    transfer->opened = true;
    cps_smtp_dialogue_begin(&transfer->dialogue);
    transfer_go_on(transfer);
}

static void
transfer_on_bytes(void *context, const char *bytes, size_t length)
{
    CpsSmtpTransfer *transfer = context;

    cps_smtp_dialogue_feed(&transfer->dialogue, bytes, length, transfer_all_sent(transfer));
    transfer_go_on(transfer);
}

static CpsMailOutcome
outcome_of_opening(const CpsSmtpTransfer *transfer, CURLcode code)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return CPS_MAIL_TIMEOUT;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_USE_SSL_FAILED:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return CPS_MAIL_UNSENT;
    default:
        return transfer->dialogue.reply != 0 ? CPS_MAIL_REFUSED : CPS_MAIL_FAILED;
    }
}

static void
transfer_on_broken(void *context, CURLcode code)
{
    CpsSmtpTransfer *transfer = context;
    CpsSmtpDialogue *dialogue = &transfer->dialogue;
    const char *why = cps_curl_link_error(transfer->link, code);

    if (transfer->opened) {
        cps_smtp_dialogue_break(dialogue, why, code == CURLE_OPERATION_TIMEDOUT, transfer_all_sent(transfer));
    }
    else {
        cps_smtp_dialogue_fail(dialogue, outcome_of_opening(transfer, code), why);
    }
    transfer_finish(transfer);
}

static const CpsCurlLinkOps transfer_ops = {transfer_on_open, transfer_on_bytes, transfer_on_broken};

/* --- the connection -------------------------------------------------------------------------------------------------------------- */

/* Each line that the server says to libcurl. */
static size_t
transfer_on_line(char *line, size_t size, size_t count, void *context)
{
    cps_smtp_dialogue_hear(&((CpsSmtpTransfer *)context)->dialogue, line, size * count);
    return size * count;
}

static void
set_security(const CpsSmtpSettings *settings, CURL *easy)
{
    static const long modes[] = {CURLUSESSL_NONE, CURLUSESSL_TRY, CURLUSESSL_ALL, CURLUSESSL_ALL};
    bool verify =
        settings->verify && settings->tls != CPS_SMTP_OPPORTUNISTIC; /* who could read it in the clear gains nothing */

    (void)curl_easy_setopt(easy, CURLOPT_USE_SSL, modes[settings->tls]);
    (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
    (void)curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    if (settings->ca_file != NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file);
    }
    if (settings->user != NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_USERNAME, settings->user);
        (void)curl_easy_setopt(easy, CURLOPT_PASSWORD, settings->password);
    }
}

static void
set_server(CpsSmtpTransfer *transfer, CURL *easy)
{
    const CpsSmtpSettings *settings = transfer->settings;
    const char *scheme = settings->tls == CPS_SMTP_IMPLICIT_TLS ? "smtps" : "smtp";
    bool is_ip6 = strchr(settings->host, ':') != NULL;
    char url[URL_SIZE];

    (void)snprintf(url, sizeof(url), is_ip6 ? "%s://[%s]:%d" : "%s://%s:%d", scheme, settings->host, settings->port);
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, scheme);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, transfer_on_line);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    set_security(settings, easy);
}

int
cps_smtp_transfer_start(CpsSmtpTransfer *transfer, uv_loop_t *loop, const CpsSmtpSettings *settings)
{
    transfer->settings = settings;
    transfer->opened = false;
    transfer->link = cps_curl_link_new(loop, &transfer_ops, transfer);
    cps_smtp_dialogue_reset(&transfer->dialogue);
    if (transfer->link == NULL) {
        return -1;
    }
    set_server(transfer, cps_curl_link_easy(transfer->link));
    if (cps_curl_link_open(transfer->link, settings->timeout_ms) < 0) {
        cps_curl_link_close(&transfer->link);
        return -1;
    }
    return 0;
}

void
cps_smtp_transfer_cancel(CpsSmtpTransfer *transfer)
{
    cps_curl_link_close(&transfer->link);
}

void
cps_smtp_transfer_free(CpsSmtpTransfer *transfer)
{
    cps_smtp_transfer_cancel(transfer);
    cps_smtp_dialogue_free(&transfer->dialogue);
}
