/* See httpparser.h.
 *
 * llhttp is fed behind checks of our own: with what is good so far of a head, with the sizes of chunks, with trailers line by line, and
 * with bodies as they come. Its older releases accept more than they should, and it makes no difference where the bytes were split: what
 * is wrong nearest to the start is the reason. llhttp's callbacks say which section is next. */
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

static const CpsHttpRefusal NOT_REFUSED = {0};
static const CpsHttpRefusal BAD_REQUEST_LINE = {400, "malformed request line"};
static const CpsHttpRefusal BAD_HEADER = {400, "malformed header"};
static const CpsHttpRefusal BAD_CHUNK = {400, "malformed chunk"};
static const CpsHttpRefusal UNKNOWN_METHOD = {501, "unknown method"};
static const CpsHttpRefusal LONG_BODY = {413, "long body"};
static const CpsHttpRefusal OUT_OF_MEMORY = {507, "out of memory"};

static void
refuse(CpsHttpParser *parser, CpsHttpRefusal refusal)
{
    if (parser->section != SECTION_REFUSED) { /* the first reason counts */
        parser->section = SECTION_REFUSED;
        parser->status = refusal.status;
        parser->reason = refusal.reason;
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

/* The field whose name is coming or that came last; its value has no place until the name is complete. */
static CpsHttpField *
last_field(CpsHttpRequest *request)
{
    return request->field_count > 0 ? &request->fields[request->field_count - 1] : NULL;
}

/* In the head, a name or value may come in pieces. They follow each other there. */
static int
on_header_field(llhttp_t *llhttp, const char *at, size_t length)
{
    CpsHttpParser *parser = parser_of(llhttp);
    CpsHttpRequest *request = parser->request;
    CpsHttpField *field = last_field(request);

    if (parser->section == SECTION_TRAILERS) {
        CpsKnownField kind = cps_http_field_kind(at, length);

        if (kind == CPS_FIELD_CONTENT_LENGTH || kind == CPS_FIELD_TRANSFER_ENCODING || kind == CPS_FIELD_HOST) {
            refuse(parser, (CpsHttpRefusal){400, "trailer that belongs into the head"});
            return -1;
        }
    }
    else if (field != NULL && field->value.start == 0) {
        field->name.length += (uint32_t)length;
    }
    else if (request->fields == NULL ||
             request->field_count == request->field_capacity) { /* more than there are lines */
        refuse(parser, BAD_HEADER);
        return -1;
    }
    else {
        request->fields[request->field_count++] = (CpsHttpField){.name = slice_of(request, at, length)};
    }
    return 0;
}

static int
on_header_field_complete(llhttp_t *llhttp)
{
    CpsHttpParser *parser = parser_of(llhttp);
    CpsHttpRequest *request = parser->request;
    CpsHttpField *field = last_field(request);

    if (parser->section == SECTION_HEAD && field != NULL) {
        field->kind = cps_http_field_kind(cps_slice(request, field->name), field->name.length);
        field->value.start = field->name.start + field->name.length;
        if (field->kind != CPS_FIELD_OTHER && request->known[field->kind] < 0) {
            request->known[field->kind] = (int32_t)request->field_count - 1;
        }
    }
    return 0;
}

static int
on_header_value(llhttp_t *llhttp, const char *at, size_t length)
{
    CpsHttpParser *parser = parser_of(llhttp);
    CpsHttpField *field = last_field(parser->request);

    if (parser->section == SECTION_HEAD && field != NULL) {
        CpsSlice piece = slice_of(parser->request, at, length);

        if (field->value.length == 0) {
            field->value.start = piece.start;
        }
        field->value.length = piece.start + piece.length - field->value.start;
    }
    return 0;
}

static int
on_header_value_complete(llhttp_t *llhttp)
{
    CpsHttpParser *parser = parser_of(llhttp);
    CpsHttpField *field = last_field(parser->request);

    if (parser->section == SECTION_HEAD && field != NULL) {
        const char *value = cps_slice(parser->request, field->value);

        while (field->value.length > 0 && cps_http_blank(value[field->value.length - 1])) {
            field->value.length--;
        }
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
        refuse(parser, OUT_OF_MEMORY);
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
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
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
        refuse(parser, (CpsHttpRefusal){400, "Content-Length beside Transfer-Encoding"});
        return;
    }
    switch (llhttp_get_errno(&parser->llhttp)) {
    case HPE_INVALID_METHOD:
    case HPE_INVALID_CONSTANT: /* one of RTSP's */
        refuse(parser, UNKNOWN_METHOD);
        break;
    case HPE_INVALID_URL:
        refuse(parser, (CpsHttpRefusal){400, "malformed target"});
        break;
    case HPE_INVALID_CONTENT_LENGTH:
        refuse(parser, (CpsHttpRefusal){400, "malformed Content-Length"});
        break;
    case HPE_UNEXPECTED_CONTENT_LENGTH:
        refuse(parser, (CpsHttpRefusal){400, "two Content-Length headers"});
        break;
    case HPE_INVALID_TRANSFER_ENCODING:
        refuse(parser, (CpsHttpRefusal){400, "malformed Transfer-Encoding"});
        break;
    case HPE_INVALID_CHUNK_SIZE:
        refuse(parser, BAD_CHUNK);
        break;
    default:
        refuse(parser, parser->section == SECTION_CHUNK ? BAD_CHUNK : BAD_HEADER);
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
            refuse(parser, BAD_REQUEST_LINE);
            return used;
        }
        used++;
    }
    if (used == length) {
        return used;
    }
    if (parser->blank_bytes % 2 != 0) {
        refuse(parser, BAD_REQUEST_LINE);
        return used;
    }
    parser->request = cps_http_request_new();
    if (parser->request == NULL) {
        refuse(parser, OUT_OF_MEMORY);
        return used;
    }
    parser->section = SECTION_HEAD;
    return used;
}

/* Find method and target in what has come of the request line. *is_split: both are there, with the space behind them. */
static CpsHttpRefusal
split_request_line(CpsHttpParser *parser, bool *is_split)
{
    CpsHttpRequest *request = parser->request;
    const char *line = request->head.bytes, *space;
    uint32_t length = (uint32_t)request->head.length;
    uint32_t method = (uint32_t)cps_http_span(line, length, CPS_CHAR_TOKEN);

    *is_split = false;
    if (method > METHOD_BYTES) {
        return UNKNOWN_METHOD;
    }
    if (method == length) {
        return NOT_REFUSED;
    }
    if (method == 0 || line[method] != ' ') {
        return BAD_REQUEST_LINE;
    }
    request->method = (CpsSlice){0, method};
    request->target.start = method + 1;
    space = memchr(line + method + 1, ' ', length - method - 1);
    request->target.length = (uint32_t)(space == NULL ? length : space - line) - method - 1;
    if (request->target.length > parser->limits->target_bytes) {
        return (CpsHttpRefusal){414, "long target"};
    }
    *is_split = space != NULL;
    return *is_split && request->target.length == 0 ? BAD_REQUEST_LINE : NOT_REFUSED;
}

/* Check what has come of the version, byte by byte. */
static CpsHttpRefusal
check_version(CpsHttpRequest *request, const char *bytes, size_t length)
{
    static const char pattern[] = "HTTP/0.0\r\n";
    enum { NUMBERS = sizeof("HTTP/0.0") - 1 };

    for (size_t index = 0; index < length; index++) {
        if (pattern[index] == '0' ? !cps_http_char(bytes[index], CPS_CHAR_DIGIT) : bytes[index] != pattern[index]) {
            return BAD_REQUEST_LINE;
        }
        if (index == NUMBERS - 1) {
            if (bytes[NUMBERS - 3] != '1' || bytes[index] > '1') {
                return (CpsHttpRefusal){505, "HTTP version other than 1.0 and 1.1"};
            }
            request->minor = (uint8_t)(bytes[index] - '0');
        }
    }
    return NOT_REFUSED;
}

static bool
method_is(const CpsHttpRequest *request, const char *name)
{
    size_t length = strlen(name);

    return request->method.length == length && memcmp(cps_slice(request, request->method), name, length) == 0;
}

/* Check what has come of the request line. */
static CpsHttpRefusal
check_request_line(CpsHttpParser *parser, bool ended)
{
    CpsHttpRequest *request = parser->request;
    bool is_split;
    CpsHttpRefusal refusal = split_request_line(parser, &is_split);

    if (refusal.status == 0 && is_split) {
        uint32_t start = request->target.start + request->target.length + 1;

        refusal = check_version(request, request->head.bytes + start, request->head.length - start);
    }
    if (refusal.status != 0 || !ended) {
        return refusal;
    }
    if (!is_split) {
        return BAD_REQUEST_LINE;
    }
    request->is_head = method_is(request, "HEAD");
    parser->checked = (uint32_t)request->head.length;
    return method_is(request, "CONNECT") || method_is(request, "PRI") ? UNKNOWN_METHOD : NOT_REFUSED;
}

/* Folded lines and empty names do not. */
static bool
begins_field(Line line)
{
    return line.length == 0 || (!cps_http_blank(line.bytes[0]) && line.bytes[0] != ':');
}

/* Check a complete line of the head or the trailers; there are `parser->lines` before. */
static CpsHttpRefusal
check_field_line(CpsHttpParser *parser, Line line)
{
    if (!begins_field(line)) {
        return BAD_HEADER;
    }
    if (line.length < 2 || line.bytes[line.length - 2] != '\r') {
        return (CpsHttpRefusal){400, "bare LF"};
    }
    if (line.length > 2 && parser->lines++ == parser->limits->fields) {
        return (CpsHttpRefusal){431, "many headers"};
    }
    return NOT_REFUSED;
}

/* Check what has come of a line of the head, the last `count` bytes just now. llhttp takes only spaces for white space behind a number or "chunked", so tabs at the end of
 * the line become spaces; what may be white space at its end is kept back from llhttp until the line has ended well. */
static CpsHttpRefusal
check_head_line(CpsHttpParser *parser, size_t count, bool ended)
{
    CpsBuffer *head = &parser->request->head;
    Line line = {head->bytes + parser->line_start, head->length - parser->line_start};
    CpsHttpRefusal refusal = NOT_REFUSED;
    size_t end = head->length;

    if (!begins_field(line)) {
        return BAD_HEADER;
    }
    if (ended) {
        refusal = check_field_line(parser, line);
    }
    if (ended && refusal.status == 0) {
        for (size_t index = end - 2; cps_http_blank(head->bytes[index - 1]); index--) {
            head->bytes[index - 1] = ' ';
        }
        parser->checked = (uint32_t)end;
        return NOT_REFUSED;
    }
    end -= ended;
    while (end > head->length - count && (cps_http_blank(head->bytes[end - 1]) || head->bytes[end - 1] == '\r')) {
        end--;
    }
    if (end > head->length - count) { /* else more is kept back */
        parser->checked = (uint32_t)end;
    }
    return refusal;
}

/* Give llhttp what was checked. */
static void
feed_head(CpsHttpParser *parser)
{
    CpsHttpRequest *request = parser->request;
    uint32_t wanted = parser->lines + 1, start = parser->fed;

    if (parser->checked == start) {
        return;
    }
    if (wanted > request->field_capacity) {
        uint32_t capacity = wanted > 2 * request->field_capacity ? wanted : 2 * request->field_capacity;
        CpsHttpField *fields = realloc(request->fields, capacity * sizeof(*fields));

        if (fields == NULL) {
            refuse(parser, OUT_OF_MEMORY);
            return;
        }
        request->fields = fields;
        request->field_capacity = capacity;
    }
    parser->fed = parser->checked;
    execute(parser, request->head.bytes + start, parser->checked - start);
}

/* The whole head is with llhttp. */
static void
finish_head(CpsHttpParser *parser)
{
    CpsHttpRequest *request = parser->request;
    CpsHttpRefusal refusal;

    if (parser->section == SECTION_HEAD) { /* llhttp sees no end where we do */
        refuse(parser, BAD_HEADER);
        return;
    }
    request->has_body = parser->section != SECTION_COMPLETE;
    refusal = cps_http_check_head(request, (parser->llhttp.flags & F_CHUNKED) != 0);
    if (refusal.status == 0 && parser->remaining > parser->limits->body_bytes) {
        refusal = LONG_BODY;
    }
    if (refusal.status != 0) {
        refuse(parser, refusal);
    }
    parser->in_body = true;
    parser->lines = 0;
}

/* Append a line or a part of it to the head, and check it. Returns how many bytes were used; *ended: it was the empty one at the end. */
static size_t
read_head_line(CpsHttpParser *parser, const char *bytes, size_t length, bool *ended, CpsHttpRefusal *refusal)
{
    CpsBuffer *head = &parser->request->head;
    size_t room = parser->limits->head_bytes - head->length;
    const char *end = memchr(bytes, '\n', length);
    size_t count = end == NULL ? length : (size_t)(end + 1 - bytes);
    bool fits = count <= room, line_ended = fits && end != NULL;

    count = fits ? count : room;
    if (cps_buffer_append(head, bytes, count) < 0) {
        *refusal = OUT_OF_MEMORY;
        return count;
    }
    *refusal =
        parser->line_start == 0 ? check_request_line(parser, line_ended) : check_head_line(parser, count, line_ended);
    if (refusal->status == 0 && !fits) {
        *refusal = (CpsHttpRefusal){431, "long head"};
    }
    if (line_ended) {
        *ended = parser->line_start > 0 && head->length - parser->line_start == 2;
        parser->line_start = (uint32_t)head->length;
    }
    return count;
}

/* llhttp is fed behind the checks, up to where one fails: its errors come first when they are nearer to the start, as they would if the
 * bytes came one by one. */
static size_t
read_head(CpsHttpParser *parser, const char *bytes, size_t length)
{
    CpsHttpRefusal refusal = NOT_REFUSED;
    bool ended = false;
    size_t used = 0;

    while (used < length && !ended && refusal.status == 0) {
        used += read_head_line(parser, bytes + used, length - used, &ended, &refusal);
    }
    feed_head(parser);
    if (refusal.status != 0) {
        refuse(parser, refusal);
    }
    else if (ended && parser->section != SECTION_REFUSED) {
        finish_head(parser);
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
        refuse(parser, too_long);
        return count;
    }
    if (kept->length > 0 || end == NULL) {
        if (cps_buffer_append(kept, bytes, count) < 0) {
            line->length = 0;
            refuse(parser, OUT_OF_MEMORY);
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
        refuse(parser, (CpsHttpRefusal){400, "long chunk extensions"});
    }
}

static size_t
read_chunk_line(CpsHttpParser *parser, const char *bytes, size_t length)
{
    const CpsBuffer *kept = &parser->line;
    size_t used, digits = 0;
    Line line;

    used = read_line(parser, bytes, length, CHUNK_LINE_BYTES, BAD_CHUNK, &line);
    if (line.length == 0) { /* the size may be wrong already */
        digits = cps_http_span(kept->bytes, kept->length, CPS_CHAR_HEX);
        if (digits < kept->length && (digits == 0 || (kept->bytes[digits] != ';' && kept->bytes[digits] != '\r'))) {
            refuse(parser, BAD_CHUNK);
        }
        return used;
    }
    if (line.length > 2 && line.bytes[line.length - 2] == '\r') {
        digits = cps_http_check_chunk_line(line.bytes, line.length - 2);
    }
    if (digits == 0) {
        refuse(parser, BAD_CHUNK);
        return used;
    }
    /* Not the extensions: older releases of llhttp take some of them for errors. */
    execute(parser, line.bytes, digits);
    if (parser->section != SECTION_REFUSED) {
        execute(parser, "\r\n", 2);
    }
    if (parser->section == SECTION_CHUNK) {
        if (parser->remaining > parser->limits->body_bytes - parser->request->body.length) {
            refuse(parser, LONG_BODY);
        }
        count_framing(parser, line.length);
        parser->remaining += 2; /* the line end */
    }
    return used;
}

static size_t
read_trailer(CpsHttpParser *parser, const char *bytes, size_t length)
{
    CpsHttpRefusal too_long = {431, "long trailers"}, refusal;
    Line line;
    size_t used = read_line(parser, bytes, length, parser->limits->head_bytes - parser->trailer_bytes, too_long, &line);

    if (line.length > 0) {
        parser->trailer_bytes += (uint32_t)line.length;
        refusal = check_field_line(parser, line);
        if (refusal.status != 0) {
            refuse(parser, refusal);
            return used;
        }
        execute(parser, line.bytes, line.length);
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
