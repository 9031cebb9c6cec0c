#include "net/httpresponse.h"

#include "base/decimal.h"
#include "http/date.h"
#include "net/httpchars.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

static const struct {
    int code;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *
cps_http_reason(int code)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].code == code) {
            return reasons[i].reason;
        }
    }
    return "";
}

bool
cps_http_bodiless(int code)
{
    return code < 200 || code == 204 || code == 304;
}

/* Text of ours. */
static int
put_text(CpsBuffer *out, const char *text)
{
    return cps_buffer_append(out, text, strlen(text));
}

static int
put_number(CpsBuffer *out, size_t number)
{
    char digits[CPS_DECIMAL_DIGITS], *end = digits + sizeof(digits), *first = cps_decimal(number, end);

    return cps_buffer_append(out, first, (size_t)(end - first));
}

int
cps_http_put_status(CpsBuffer *out, int code, const char *reason, size_t length)
{
    if (put_text(out, "HTTP/1.1 ") < 0 || put_number(out, (size_t)code) < 0 || put_text(out, " ") < 0 ||
        cps_buffer_reserve(out, length + 2) < 0) {
        return -1;
    }
    for (size_t i = 0; i < length; i++) {
        out->bytes[out->length++] = cps_http_is_field_value(reason + i, 1) ? reason[i] : ' ';
    }
    return put_text(out, "\r\n");
}

int
cps_http_put_field(CpsBuffer *out, const char *name, size_t name_length, const char *value, size_t value_length)
{
    if (cps_buffer_reserve(out, name_length + value_length + 4) < 0 || cps_buffer_append(out, name, name_length) < 0 ||
        put_text(out, ": ") < 0 || cps_buffer_append(out, value, value_length) < 0) {
        return -1;
    }
    return put_text(out, "\r\n");
}

/* --- the end of the head --- */

int
cps_http_put_end(CpsBuffer *out, const CpsHttpEnd *end)
{
    if (put_text(out, "Date: ") < 0 || put_text(out, cps_http_date_now()) < 0 ||
        put_text(out, "\r\nServer: compysition\r\n") < 0) {
        return -1;
    }
    if (!end->bodiless &&
        (put_text(out, "Content-Length: ") < 0 || put_number(out, end->body_length) < 0 || put_text(out, "\r\n") < 0)) {
        return -1;
    }
    if (end->close || end->keep_alive) {
        return put_text(out, end->close ? "Connection: close\r\n\r\n" : "Connection: keep-alive\r\n\r\n");
    }
    return put_text(out, "\r\n");
}

/* --- pages --------------------------------------------------------------------------------------------------------------- */

static int
put_escaped(CpsBuffer *out, const char *text, size_t length)
{
    int status = 0;

    for (size_t i = 0; status == 0 && i < length; i++) {
        switch (text[i]) {
        case '<':
            status = put_text(out, "&lt;");
            break;
        case '>':
            status = put_text(out, "&gt;");
            break;
        case '&':
            status = put_text(out, "&amp;");
            break;
        case '"':
            status = put_text(out, "&quot;");
            break;
        default:
            status = cps_buffer_append(out, text + i, 1);
        }
    }
    return status;
}

static int
put_page_body(CpsBuffer *out, const CpsHttpPage *page)
{
    char title[64];

    snprintf(title, sizeof(title), "%d %s", page->code, cps_http_reason(page->code));
    if (put_text(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>") < 0 ||
        put_text(out, title) < 0 || put_text(out, "</title></head>\n<body><h1>") < 0 || put_text(out, title) < 0 ||
        put_text(out, "</h1><p>") < 0 || put_escaped(out, page->text, page->text_length) < 0) {
        return -1;
    }
    return put_text(out, "</p></body></html>\n");
}

static int
put_page_head(CpsBuffer *out, const CpsHttpPage *page, size_t body_length)
{
    const char *reason = cps_http_reason(page->code);
    CpsHttpEnd end = {.body_length = body_length, .close = page->close, .keep_alive = page->keep_alive};

    if (cps_http_put_status(out, page->code, reason, strlen(reason)) < 0 ||
        put_text(out, "Content-Type: text/html; charset=utf-8\r\n") < 0) {
        return -1;
    }
    if (page->field != NULL && (put_text(out, page->field) < 0 || put_text(out, "\r\n") < 0)) {
        return -1;
    }
    return cps_http_put_end(out, &end);
}

int
cps_http_put_page(CpsBuffer *out, const CpsHttpPage *page)
{
    CpsBuffer body = {0};
    int status = put_page_body(&body, page);

    if (status == 0) {
        status = put_page_head(out, page, body.length);
    }
    if (status == 0 && !page->head_only) {
        status = cps_buffer_append(out, body.bytes, body.length);
    }
    cps_buffer_free(&body);
    return status;
}
