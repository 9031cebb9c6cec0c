/* See httpparser.h.
 *
 * llhttp gets the bytes in sections, each of which is looked at here first: the head as a whole, lines of chunk sizes and trailers one by
 * one, bodies as they come. So it makes no difference how the bytes were split, and the older releases of llhttp, which accept more than
 * they should, do not get to see it. llhttp's callbacks say which section is next. */
#include "net/httpparser.h"
#include "net/httpchars.h"
#include "net/httpcheck.h"
#include "net/httpchunk.h"

enum {
    BLANK_BYTES = 16,            /* of empty lines before a request */
    METHOD_BYTES = 32,           /* a longer one is known to nobody */
    FIRST_BODY_BYTES = 64 << 10, /* that are reserved before they have come */
    CHUNK_LINE_BYTES = 4 << 10,
    /* Each chunk may have a size and line ends of that many bytes and twice its data; what is more is added up, for the whole body. */
    FAIR_CHUNK_BYTES = 16,
    FRAMING_BYTES = 16 << 10,
};

typedef enum {
    SECTION_BLANK, /* empty lines before a request */
    SECTION_HEAD,
    SECTION_BODY, /* of a Content-Length */
    SECTION_CHUNK_LINE,
    SECTION_CHUNK, /* data, and the line end behind it */
    SECTION_TRAILERS,
    SECTION_COMPLETE,
    SECTION_REFUSED,
} Section;

/* A line, with its end; borrowed. */
typedef struct {
    const char *bytes;
    size_t length;
} Line;

static void
refuse(CpsHttpParser *parser, int status, const char *reason)
{
    if (parser->section != SECTION_REFUSED) { /* the first reason counts */
        parser->section = SECTION_REFUSED;
        parser->status = status;
        parser->reason = reason;
    }
}

/* ---- llhttp ---- */

static CpsHttpParser *
parser_of(llhttp_t *llhttp)
{
    return (CpsHttpParser *)llhttp;
}

static CpsSlice
slice_of(const CpsHttpRequest *request, const char *at, size_t length)
{
    return (CpsSlice){(uint32_t)(at - request->head.bytes), (uint32_t)length};
}

static int
on_header_field(llhttp_t *llhttp, const char *at, size_t length)
{
    CpsHttpParser *parser = parser_of(llhttp);
    CpsHttpRequest *request = parser->request;
    CpsKnownField kind = cps_http_field_kind(at, length);

    if (parser->section == SECTION_TRAILERS) {
        if (kind == CPS_FIELD_CONTENT_LENGTH || kind == CPS_FIELD_TRANSFER_ENCODING || kind == CPS_FIELD_HOST) {
            refuse(parser, 400, "trailer that belongs into the head");
            return -1;
        }
        return 0;
    }
    if (request->field_count == request->field_capacity) {
        refuse(parser, 400, "malformed header");
        return -1;
    }
    if (kind != CPS_FIELD_OTHER && request->known[kind] < 0) {
        request->known[kind] = (int32_t)request->field_count;
    }
    request->fields[request->field_count++] = (CpsHttpField){.name = slice_of(request, at, length), .kind = kind};
    return 0;
}

static int
on_header_value(llhttp_t *llhttp, const char *at, size_t length)
{
    CpsHttpParser *parser = parser_of(llhttp);
    CpsHttpRequest *request = parser->request;

    if (parser->section == SECTION_HEAD && request->field_count > 0) {
        while (length > 0 && (at[length - 1] == ' ' || at[length - 1] == '\t')) {
            length--;
        }
        request->fields[request->field_count - 1].value = slice_of(request, at, length);
    }
    return 0;
}

static int
on_headers_complete(llhttp_t *llhttp)
{
    CpsHttpParser *parser = parser_of(llhttp);

    parser->remaining = llhttp->content_length;
    parser->section = llhttp->flags & F_CHUNKED ? SECTION_CHUNK_LINE : SECTION_BODY;
    return 0;
}

static int
on_body(llhttp_t *llhttp, const char *at, size_t length)
{
    CpsHttpParser *parser = parser_of(llhttp);

    if (cps_buffer_append(&parser->request->body, at, length) < 0) {
        refuse(parser, 507, "out of memory");
        return -1;
    }
    return 0;
}

static int
on_chunk_header(llhttp_t *llhttp)
{
    CpsHttpParser *parser = parser_of(llhttp);

    parser->remaining = llhttp->content_length;
    parser->section = parser->remaining > 0 ? SECTION_CHUNK : SECTION_TRAILERS;
    return 0;
}

static int
on_chunk_complete(llhttp_t *llhttp)
{
    parser_of(llhttp)->section = SECTION_CHUNK_LINE;
    return 0;
}

static int
on_message_complete(llhttp_t *llhttp)
{
    parser_of(llhttp)->section = SECTION_COMPLETE;
    return 0;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_chunk_header = on_chunk_header,
    .on_chunk_complete = on_chunk_complete,
    .on_message_complete = on_message_complete,
};

/* Refuse for an error of llhttp. */
static void
refuse_error(CpsHttpParser *parser)
{
    const int32_t *known = parser->request->known;

    if (parser->section == SECTION_HEAD && known[CPS_FIELD_CONTENT_LENGTH] >= 0 &&
        known[CPS_FIELD_TRANSFER_ENCODING] >= 0) {
        refuse(parser, 400, "Content-Length beside Transfer-Encoding");
        return;
    }
    switch (llhttp_get_errno(&parser->llhttp)) {
    case HPE_INVALID_METHOD:
    case HPE_INVALID_CONSTANT: /* one of RTSP's */
        refuse(parser, 501, "unknown method");
        break;
    case HPE_INVALID_URL:
        refuse(parser, 400, "malformed target");
        break;
    case HPE_INVALID_CONTENT_LENGTH:
        refuse(parser, 400, "malformed Content-Length");
        break;
    case HPE_UNEXPECTED_CONTENT_LENGTH:
        refuse(parser, 400, "two Content-Length headers");
        break;
    case HPE_INVALID_TRANSFER_ENCODING:
        refuse(parser, 400, "malformed Transfer-Encoding");
        break;
    case HPE_INVALID_CHUNK_SIZE:
        refuse(parser, 400, "malformed chunk");
        break;
    default:
        refuse(parser, 400, parser->section == SECTION_CHUNK ? "malformed chunk" : "malformed header");
    }
}

static void
execute(CpsHttpParser *parser, const char *bytes, size_t length)
{
    llhttp_errno_t code = llhttp_execute(&parser->llhttp, bytes, length);

    /* After a request it pauses when that asks for an upgrade, which this server never does. */
    if (code != HPE_OK && parser->section != SECTION_COMPLETE) {
        refuse_error(parser);
    }
}

/* ---- the head ---- */

/* Skip empty lines (RFC 9112, 2.2); a request begins with the first other byte. */
static size_t
read_blank(CpsHttpParser *parser, const char *bytes, size_t length)
{
    size_t used = 0;

    while (used < length && (bytes[used] == '\r' || bytes[used] == '\n')) {
        if (bytes[used] != "\r\n"[parser->blank_bytes % 2] || ++parser->blank_bytes > BLANK_BYTES) {
            refuse(parser, 400, "malformed request line");
            return used;
        }
        used++;
    }
    if (used == length) {
        return used;
    }
    if (parser->blank_bytes % 2 != 0) {
        refuse(parser, 400, "malformed request line");
        return used;
    }
    parser->request = cps_http_request_new();
    if (parser->request == NULL) {
        refuse(parser, 507, "out of memory");
        return used;
    }
    parser->section = SECTION_HEAD;
    return used;
}

/* Find method and target in what has come of the request line. Returns whether both are there, with the space behind them. */
static bool
split_request_line(CpsHttpParser *parser)
{
    CpsHttpRequest *request = parser->request;
    const char *line = request->head.bytes, *space;
    uint32_t length = (uint32_t)request->head.length;
    uint32_t method = (uint32_t)cps_http_span(line, length, CPS_CHAR_TOKEN);

    if (method > METHOD_BYTES) {
        refuse(parser, 501, "unknown method");
        return false;
    }
    if (method == length) {
        return false;
    }
    if (method == 0 || line[method] != ' ') {
        refuse(parser, 400, "malformed request line");
        return false;
    }
    request->method = (CpsSlice){0, method};
    request->target.start = method + 1;
    space = memchr(line + method + 1, ' ', length - method - 1);
    request->target.length = (uint32_t)(space == NULL ? length : space - line) - method - 1;
    if (request->target.length > parser->limits->target_bytes) {
        refuse(parser, 414, "long target");
        return false;
    }
    return space != NULL;
}

static bool
method_is(const CpsHttpRequest *request, const char *name)
{
    size_t length = strlen(name);

    return request->method.length == length && memcmp(cps_slice(request, request->method), name, length) == 0;
}

/* Check the rest of a request line that was split, and has ended. */
static void
check_request_line(CpsHttpParser *parser)
{
    CpsHttpRequest *request = parser->request;
    uint32_t start = request->target.start + request->target.length + 1;
    const char *version = request->head.bytes + start;

    if (request->target.length == 0 || request->head.length - start != sizeof("HTTP/1.1\r\n") - 1 ||
        memcmp(version, "HTTP/", 5) != 0 || !cps_http_char(version[5], CPS_CHAR_DIGIT) || version[6] != '.' ||
        !cps_http_char(version[7], CPS_CHAR_DIGIT) || version[8] != '\r') {
        refuse(parser, 400, "malformed request line");
    }
    else if (version[5] != '1' || version[7] > '1') {
        refuse(parser, 505, "HTTP version other than 1.0 and 1.1");
    }
    else if (method_is(request, "CONNECT") || method_is(request, "PRI")) {
        refuse(parser, 501, "unknown method");
    }
    request->minor = (uint8_t)(version[7] - '0');
    request->is_head = method_is(request, "HEAD");
}

/* Check a complete line of the head or the trailers, the number `parser->lines` counts. Returns whether it is the empty one at the end. */
static bool
check_field_line(CpsHttpParser *parser, Line line)
{
    if (line.length < 2 || line.bytes[line.length - 2] != '\r') {
        refuse(parser, 400, "bare LF");
    }
    else if (line.length == 2) {
        return true;
    }
    else if (line.bytes[0] == ' ' || line.bytes[0] == '\t' || line.bytes[0] == ':') {
        refuse(parser, 400, "malformed header");
    }
    else if (parser->lines++ == parser->limits->fields) {
        refuse(parser, 431, "many headers");
    }
    return false;
}

/* llhttp takes only spaces for white space behind a number or "chunked". */
static void
replace_tabs_at_end(char *line, size_t length)
{
    for (size_t index = length - 2; index > 0 && (line[index - 1] == '\t' || line[index - 1] == ' '); index--) {
        line[index - 1] = ' ';
    }
}

/* The head is there, all of its lines are well-formed. */
static void
finish_head(CpsHttpParser *parser)
{
    CpsHttpRequest *request = parser->request;
    CpsHttpRefusal refusal;

    if (parser->lines > 0) {
        request->fields = malloc(parser->lines * sizeof(*request->fields));
        if (request->fields == NULL) {
            refuse(parser, 507, "out of memory");
            return;
        }
        request->field_capacity = parser->lines;
    }
    execute(parser, request->head.bytes, request->head.length);
    if (parser->section == SECTION_HEAD) { /* llhttp sees no end where we do */
        refuse(parser, 400, "malformed header");
    }
    if (parser->section == SECTION_REFUSED) {
        return;
    }
    request->has_body = parser->section != SECTION_COMPLETE;
    refusal = cps_http_check_head(request, (parser->llhttp.flags & F_CHUNKED) != 0);
    if (refusal.status != 0) {
        refuse(parser, refusal.status, refusal.reason);
    }
    else if (parser->remaining > parser->limits->body_bytes) {
        refuse(parser, 413, "long body");
    }
    parser->in_body = true;
    parser->lines = 0;
}

/* Check the last line of the head, which may have ended. */
static void
check_head_line(CpsHttpParser *parser, bool ended)
{
    CpsBuffer *head = &parser->request->head;
    Line line = {head->bytes + parser->line_start, head->length - parser->line_start};

    if (parser->line_start == 0) {
        bool is_split = split_request_line(parser);

        if (ended && parser->section == SECTION_HEAD) {
            if (is_split) {
                check_request_line(parser);
            }
            else {
                refuse(parser, 400, "malformed request line");
            }
        }
    }
    else if (ended) {
        if (check_field_line(parser, line)) {
            finish_head(parser);
            return;
        }
        if (parser->section == SECTION_HEAD) {
            replace_tabs_at_end(head->bytes + parser->line_start, line.length);
        }
    }
    if (ended) {
        parser->line_start = (uint32_t)head->length;
    }
}

/* Take one line, or a part of it. */
static size_t
read_head_line(CpsHttpParser *parser, const char *bytes, size_t length)
{
    CpsBuffer *head = &parser->request->head;
    size_t room = parser->limits->head_bytes - head->length;
    const char *end = memchr(bytes, '\n', length);
    size_t count = end == NULL ? length : (size_t)(end + 1 - bytes);
    bool fits = count <= room;

    if (!fits) {
        count = room;
    }
    if (cps_buffer_append(head, bytes, count) < 0) {
        refuse(parser, 507, "out of memory");
        return count;
    }
    check_head_line(parser, fits && end != NULL);
    if (!fits) {
        refuse(parser, 431, "long head");
    }
    return count;
}

static size_t
read_head(CpsHttpParser *parser, const char *bytes, size_t length)
{
    size_t used = 0;

    while (used < length && parser->section == SECTION_HEAD) {
        used += read_head_line(parser, bytes + used, length - used);
    }
    return used;
}

/* ---- the body ---- */

/* Take a line out of the bytes, together with what is kept of it, when it is complete; it is valid until the next call. Returns how
 * many bytes it took; line->length is 0 when more are needed. Longer than `room`: refused with that status and reason. */
static size_t
read_line(CpsHttpParser *parser, const char *bytes, size_t length, size_t room, CpsHttpRefusal too_long, Line *line)
{
    const char *end = memchr(bytes, '\n', length);
    size_t count = end == NULL ? length : (size_t)(end + 1 - bytes);
    CpsBuffer *kept = &parser->line;

    *line = (Line){bytes, count};
    if (count > room - kept->length) {
        line->length = 0;
        refuse(parser, too_long.status, too_long.reason);
        return count;
    }
    if (kept->length > 0 || end == NULL) {
        if (cps_buffer_append(kept, bytes, count) < 0) {
            line->length = 0;
            refuse(parser, 507, "out of memory");
            return count;
        }
        *line = (Line){kept->bytes, end == NULL ? 0 : kept->length};
    }
    if (end != NULL) {
        kept->length = 0; /* the bytes stay until the next line */
    }
    return count;
}

/* Many small chunks, or long extensions, must not cost more than they bring. */
static void
count_framing(CpsHttpParser *parser, size_t line_length)
{
    uint64_t bytes = parser->framing_bytes + line_length;
    uint64_t fair = FAIR_CHUNK_BYTES + 2 * (parser->remaining < FRAMING_BYTES ? parser->remaining : FRAMING_BYTES);

    parser->framing_bytes = bytes > fair ? (uint32_t)(bytes - fair) : 0;
    if (parser->framing_bytes > FRAMING_BYTES) {
        refuse(parser, 400, "long chunk extensions");
    }
}

static size_t
read_chunk_line(CpsHttpParser *parser, const char *bytes, size_t length)
{
    CpsHttpRefusal too_long = {400, "long chunk size or extensions"};
    size_t used, digits = 0;
    Line line;

    used = read_line(parser, bytes, length, CHUNK_LINE_BYTES, too_long, &line);
    if (line.length == 0) {
        return used;
    }
    if (line.length > 2 && line.bytes[line.length - 2] == '\r') {
        digits = cps_http_check_chunk_line(line.bytes, line.length - 2);
    }
    if (digits == 0) {
        refuse(parser, 400, "malformed chunk");
        return used;
    }
    /* Not the extensions: older releases of llhttp take some of them for errors. */
    execute(parser, line.bytes, digits);
    if (parser->section != SECTION_REFUSED) {
        execute(parser, "\r\n", 2);
    }
    if (parser->section == SECTION_CHUNK) {
        if (parser->remaining > parser->limits->body_bytes - parser->request->body.length) {
            refuse(parser, 413, "long body");
        }
        count_framing(parser, line.length);
        parser->remaining += 2; /* the line end */
    }
    return used;
}

static size_t
read_trailer(CpsHttpParser *parser, const char *bytes, size_t length)
{
    CpsHttpRefusal too_long = {431, "long trailers"};
    Line line;
    size_t used = read_line(parser, bytes, length, parser->limits->head_bytes - parser->trailer_bytes, too_long, &line);

    if (line.length > 0) {
        parser->trailer_bytes += (uint32_t)line.length;
        check_field_line(parser, line);
        if (parser->section != SECTION_REFUSED) {
            execute(parser, line.bytes, line.length);
        }
    }
    return used;
}

static size_t
read_body(CpsHttpParser *parser, const char *bytes, size_t length)
{
    CpsBuffer *body = &parser->request->body;
    size_t count = length < parser->remaining ? length : (size_t)parser->remaining;

    if (body->capacity == 0) {
        /* Should that fail, so does the append. */
        (void)cps_buffer_reserve(body,
                                 parser->remaining < FIRST_BODY_BYTES ? (size_t)parser->remaining : FIRST_BODY_BYTES);
    }
    parser->remaining -= count;
    execute(parser, bytes, count);
    return count;
}

/* ---- the interface ---- */

void
cps_http_parser_init(CpsHttpParser *parser, const CpsHttpLimits *limits)
{
    *parser = (CpsHttpParser){.limits = limits};
    llhttp_init(&parser->llhttp, HTTP_REQUEST, &settings);
}

void
cps_http_parser_free(CpsHttpParser *parser)
{
    cps_http_request_free(parser->request);
    parser->request = NULL;
    cps_buffer_free(&parser->line);
}

/* Read on in the section at hand. Returns how many bytes were used. */
static size_t
read_section(CpsHttpParser *parser, const char *bytes, size_t length)
{
    switch ((Section)parser->section) {
    case SECTION_BLANK:
        return read_blank(parser, bytes, length);
    case SECTION_HEAD:
        return read_head(parser, bytes, length);
    case SECTION_BODY:
    case SECTION_CHUNK:
        return read_body(parser, bytes, length);
    case SECTION_CHUNK_LINE:
        return read_chunk_line(parser, bytes, length);
    case SECTION_TRAILERS:
        return read_trailer(parser, bytes, length);
    case SECTION_COMPLETE:
    case SECTION_REFUSED:
        break;
    }
    return 0;
}

CpsHttpOutcome
cps_http_feed(CpsHttpParser *parser, const char *bytes, size_t length, size_t *used)
{
    *used = 0;
    while (*used < length && parser->section < SECTION_COMPLETE) {
        bool was_in_body = parser->in_body;

        *used += read_section(parser, bytes + *used, length - *used);
        if (!was_in_body && parser->in_body && parser->section < SECTION_COMPLETE &&
            parser->request->expects_continue) {
            return CPS_HTTP_CONTINUE;
        }
    }
    if (parser->section == SECTION_COMPLETE) {
        return CPS_HTTP_COMPLETE;
    }
    return parser->section == SECTION_REFUSED ? CPS_HTTP_REFUSED : CPS_HTTP_MORE;
}

CpsHttpRequest *
cps_http_take(CpsHttpParser *parser)
{
    CpsHttpRequest *request = parser->request;

    cps_buffer_free(&parser->line);
    cps_http_parser_init(parser, parser->limits);
    return request;
}

bool
cps_http_parser_busy(const CpsHttpParser *parser)
{
    return parser->request != NULL;
}
