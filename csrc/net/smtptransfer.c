#include "net/smtptransfer.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { URL_SIZE = 512 };

static void
transfer_let_go(CpsSmtpTransfer *transfer)
{
    if (transfer->loop != NULL && transfer->easy != NULL) {
        cps_curl_loop_remove(transfer->loop, transfer->easy);
    }
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->list);
    free(transfer->message_of_curl);
    transfer->loop = NULL;
    transfer->easy = NULL;
    transfer->list = NULL;
    transfer->message_of_curl = NULL;
}

/* --- what is said ---------------------------------------------------------------------------------------------------------------- */

/* Without the line end. */
static size_t
line_length(const char *text, size_t length)
{
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r')) {
        length--;
    }
    return length;
}

static void
set_text(CpsBuffer *buffer, const char *text, size_t length)
{
    buffer->length = 0;
    (void)cps_buffer_append(buffer, text, length); /* without memory there is no text */
}

/* The recipient of the last command was refused with that reply. */
static void
note_refused(CpsSmtpTransfer *transfer, const char *reply, size_t length)
{
    static const char RCPT[] = "RCPT TO:<";
    const char *command = transfer->command.bytes;
    size_t from = sizeof(RCPT) - 1;
    const char *end = NULL;

    if (transfer->command.length > from && strncasecmp(command, RCPT, from) == 0) {
        end = memchr(command + from, '>', transfer->command.length - from);
    }
    if (end != NULL) {
        (void)cps_buffer_append(&transfer->refused, command + from, (size_t)(end - command) - from);
        (void)cps_buffer_append(&transfer->refused, ": ", 2);
        (void)cps_buffer_append(&transfer->refused, reply, length);
        (void)cps_buffer_append(&transfer->refused, "\n", 1);
    }
}

/* libcurl tells of commands and replies; what is refused is found by the command before. */
static int
transfer_on_words(CURL *easy, curl_infotype type, char *text, size_t size, void *context)
{
    CpsSmtpTransfer *transfer = context;
    size_t length = line_length(text, size);

    (void)easy;
    if (type == CURLINFO_HEADER_OUT) {
        set_text(&transfer->command, text, length);
    }
    else if (type == CURLINFO_HEADER_IN && length >= 3 && (text[0] == '4' || text[0] == '5') &&
             (length == 3 || text[3] == ' ')) {
        transfer->reply = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
        set_text(&transfer->error, text, length);
        note_refused(transfer, text, length);
    }
    return 0;
}

static size_t
transfer_on_read(char *target, size_t size, size_t count, void *context)
{
    CpsSmtpTransfer *transfer = context;
    size_t left = transfer->message.length - transfer->sent;
    size_t length = size * count < left ? size * count : left;

    if (length > 0) {
        memcpy(target, transfer->message.bytes + transfer->sent, length);
        transfer->sent += length;
    }
    return length;
}

/* --- the end --------------------------------------------------------------------------------------------------------------------- */

static CpsSmtpOutcome
outcome_of(const CpsSmtpTransfer *transfer, CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return CPS_SMTP_DELIVERED;
    case CURLE_OPERATION_TIMEDOUT:
        return CPS_SMTP_TIMEOUT;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_USE_SSL_FAILED:
        return CPS_SMTP_UNREACHED;
    default:
        return transfer->reply != 0 ? CPS_SMTP_REFUSED : CPS_SMTP_FAILED;
    }
}

void
cps_smtp_transfer_on_done(void *context, CURLcode code)
{
    CpsSmtpTransfer *transfer = context;
    const char *text = transfer->message_of_curl[0] != '\0' ? transfer->message_of_curl : curl_easy_strerror(code);

    transfer->outcome = outcome_of(transfer, code);
    if (transfer->outcome != CPS_SMTP_REFUSED && transfer->outcome != CPS_SMTP_DELIVERED) {
        set_text(&transfer->error, text, line_length(text, strlen(text)));
    }
    transfer_let_go(transfer);
    transfer->on_done(transfer);
}

/* --- the beginning --------------------------------------------------------------------------------------------------------------- */

/* Returns 0, or -1 when out of memory. */
static int
set_recipients(CpsSmtpTransfer *transfer)
{
    size_t offset = 0;

    while (offset < transfer->recipients.length) {
        const char *address = transfer->recipients.bytes + offset;
        struct curl_slist *longer = curl_slist_append(transfer->list, address);

        if (longer == NULL) {
            return -1;
        }
        transfer->list = longer;
        offset += strlen(address) + 1;
    }
    return curl_easy_setopt(transfer->easy, CURLOPT_MAIL_RCPT, transfer->list) == CURLE_OK ? 0 : -1;
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
set_callbacks(CpsSmtpTransfer *transfer, CURL *easy)
{
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->message_of_curl);
    (void)curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L); /* else nothing is told */
    (void)curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, transfer_on_words);
    (void)curl_easy_setopt(easy, CURLOPT_DEBUGDATA, transfer);
    (void)curl_easy_setopt(easy, CURLOPT_READFUNCTION, transfer_on_read);
    (void)curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
}

/* Returns 0, or -1 when out of memory. */
static int
transfer_prepare(CpsSmtpTransfer *transfer, const CpsSmtpSettings *settings)
{
    const char *scheme = settings->tls == CPS_SMTP_IMPLICIT_TLS ? "smtps" : "smtp";
    bool is_ip6 = strchr(settings->host, ':') != NULL;
    CURL *easy = transfer->easy = curl_easy_init();
    char url[URL_SIZE];

    transfer->message_of_curl = calloc(1, CURL_ERROR_SIZE);
    if (easy == NULL || transfer->message_of_curl == NULL) {
        return -1;
    }
    (void)snprintf(url, sizeof(url), is_ip6 ? "%s://[%s]:%d" : "%s://%s:%d", scheme, settings->host, settings->port);
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, scheme);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a cancelled look-up of a name is not waited for */
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, settings->timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_FORBID_REUSE,
                           1L); /* on a kept connection nobody knows whether a mail was taken */
    (void)curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)transfer->message.length);
    (void)curl_easy_setopt(easy, CURLOPT_MAIL_FROM, transfer->sender.bytes);
    (void)curl_easy_setopt(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L); /* sic: the others get it */
    set_security(settings, easy);
    set_callbacks(transfer, easy);
    return set_recipients(transfer);
}

int
cps_smtp_transfer_start(CpsSmtpTransfer *transfer, CpsCurlLoop *loop, const CpsSmtpSettings *settings)
{
    transfer->refused.length = transfer->error.length = transfer->command.length = 0;
    transfer->reply = 0;
    transfer->sent = 0;
    if (transfer_prepare(transfer, settings) < 0 || cps_curl_loop_add(loop, transfer->easy) < 0) {
        transfer_let_go(transfer);
        return -1;
    }
    transfer->loop = loop;
    return 0;
}

void
cps_smtp_transfer_cancel(CpsSmtpTransfer *transfer)
{
    transfer_let_go(transfer);
}

void
cps_smtp_transfer_free(CpsSmtpTransfer *transfer)
{
    transfer_let_go(transfer);
    cps_buffer_free(&transfer->sender);
    cps_buffer_free(&transfer->recipients);
    cps_buffer_free(&transfer->message);
    cps_buffer_free(&transfer->refused);
    cps_buffer_free(&transfer->error);
    cps_buffer_free(&transfer->command);
}
