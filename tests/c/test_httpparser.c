/* httpparser: what is accepted, what is refused and how, whichever way the bytes are split. Each piece is fed from memory of its exact
 * size, so that AddressSanitizer sees a read beyond it. */
#include "net/httpparser.h"

#include <assert.h>
#include <stdio.h>

static const CpsHttpLimits limits = {.target_bytes = 60, .head_bytes = 400, .fields = 8, .body_bytes = 100};

/* What a run has shown, as text: one "METHOD path?query @authority version keep|close (body)" for each request, and how it ended. */
typedef struct {
    char text[4096];
    size_t length;
} Transcript;

static void
note(Transcript *transcript, const char *bytes, size_t length)
{
    assert(transcript->length + length < sizeof(transcript->text));
    memcpy(transcript->text + transcript->length, bytes, length);
    transcript->length += length;
    transcript->text[transcript->length] = '\0';
}

static void
note_text(Transcript *transcript, const char *text)
{
    note(transcript, text, strlen(text));
}

static void
note_slice(Transcript *transcript, const CpsHttpRequest *request, CpsSlice slice)
{
    note(transcript, cps_slice(request, slice), slice.length);
}

static void
note_request(Transcript *transcript, const CpsHttpRequest *request)
{
    note_slice(transcript, request, request->method);
    note_text(transcript, " ");
    note_slice(transcript, request, request->path);
    if (request->query.length > 0) {
        note_text(transcript, "?");
        note_slice(transcript, request, request->query);
    }
    note_text(transcript, " @");
    note_slice(transcript, request, request->authority);
    note_text(transcript, request->minor == 1 ? " 1.1" : " 1.0");
    note_text(transcript, request->keep_alive ? " keep" : " close");
    if (request->body.length > 0) {
        note_text(transcript, " (");
        note(transcript, request->body.bytes, request->body.length);
        note_text(transcript, ")");
    }
    note_text(transcript, "; ");
}

/* Feed one piece, and take all requests that it completes. Returns false after a refusal. */
static bool
feed_piece(CpsHttpParser *parser, const char *bytes, size_t length, Transcript *transcript)
{
    size_t used, done = 0;

    for (;;) {
        switch (cps_http_feed(parser, bytes + done, length - done, &used)) {
        case CPS_HTTP_MORE:
            assert(done + used == length);
            return true;
        case CPS_HTTP_CONTINUE:
            note_text(transcript, "continue; ");
            break;
        case CPS_HTTP_COMPLETE: {
            CpsHttpRequest *request = cps_http_take(parser);

            assert(!cps_http_parser_busy(parser));
            note_request(transcript, request);
            cps_http_request_free(request);
            break;
        }
        case CPS_HTTP_REFUSED: {
            char status[16];

            assert(snprintf(status, sizeof(status), "%d ", parser->status) > 0);
            note_text(transcript, status);
            note_text(transcript, parser->reason);
            return false;
        }
        }
        done += used;
    }
}

/* A number for splits, the same in each run. */
static uint32_t
next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Feed the input in pieces of `step` bytes, or of random ones when that is 0. */
static void
feed(const char *input, size_t length, size_t step, uint32_t *seed, Transcript *transcript)
{
    CpsHttpParser parser;
    bool open = true;

    transcript->length = 0;
    transcript->text[0] = '\0';
    cps_http_parser_init(&parser, &limits);
    for (size_t done = 0, count; open && done < length; done += count) {
        char *piece;

        count = step > 0 ? step : 1 + next_random(seed) % 40;
        count = count < length - done ? count : length - done;
        piece = malloc(count);
        assert(piece != NULL);
        memcpy(piece, input + done, count);
        open = feed_piece(&parser, piece, count, transcript);
        free(piece);
    }
    if (open) {
        note_text(transcript, cps_http_parser_busy(&parser) ? "unfinished" : "idle");
    }
    cps_http_parser_free(&parser);
}

static bool failed;

static void
check(const char *input, size_t length, const char *expected)
{
    Transcript transcript;
    uint32_t seed = 1;

    for (int run = 0; run < 12; run++) {
        feed(input, length, run == 0 ? length : run == 1 ? 1 : 0, &seed, &transcript);
        if (strcmp(transcript.text, expected) != 0) {
            printf("input:    %.*s\nexpected: %s\ngot:      %s (run %d)\n", (int)length, input, expected,
                   transcript.text, run);
            failed = true;
            return;
        }
    }
}

typedef struct {
    const char *input;
    size_t length;
    const char *expected;
} Case;

#define CASE(input, expected) {input, sizeof(input) - 1, expected}

static void
check_all(const Case *cases, size_t count)
{
    for (size_t index = 0; index < count; index++) {
        check(cases[index].input, cases[index].length, cases[index].expected);
    }
}

#define CHECK_ALL(...)                                      \
    do {                                                    \
        static const Case cases[] = {__VA_ARGS__};          \
        check_all(cases, sizeof(cases) / sizeof(cases[0])); \
    } while (0)

#define GET(target) "GET " target " HTTP/1.1\r\nHost: h\r\n\r\n"
#define HEAD_OF(fields) "POST / HTTP/1.1\r\nHost: h\r\n" fields "\r\n"
#define CHUNKED(body) HEAD_OF("Transfer-Encoding: chunked\r\n") body
#define HOST(value) "GET / HTTP/1.1\r\nHost: " value "\r\n\r\n"
#define X10 "xxxxxxxxxx"
#define X50 X10 X10 X10 X10 X10
#define X100 X50 X50

/* The last parts of expectations. */
#define KEPT " @h 1.1 keep; idle"
#define POSTED(body) "POST / @h 1.1 keep (" body "); idle"
#define NO_BODY "POST / @h 1.1 keep; idle"
#define BAD_LINE "400 malformed request line"
#define BAD_TARGET "400 malformed target"
#define BAD_HEADER "400 malformed header"
#define BAD_HOST "400 malformed Host header"
#define BAD_LENGTH "400 malformed Content-Length"
#define BAD_CODING "400 malformed Transfer-Encoding"
#define BAD_CHUNK "400 malformed chunk"

static void
test_request_lines(void)
{
    CHECK_ALL(CASE(GET("/"), "GET /" KEPT), CASE("", "idle"), CASE("\r\n\r\n" GET("/"), "GET /" KEPT),
              CASE("\r\n", "idle"), CASE("GET / HTTP/1.0\r\n\r\n", "GET / @ 1.0 close; idle"),
              CASE("GET / HTTP/1.1\r\nHost: h\r\n", "unfinished"), CASE("G", "unfinished"),
              CASE("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n" GET("/"), BAD_LINE), CASE("\n" GET("/"), BAD_LINE),
              CASE("\r" GET("/"), BAD_LINE), CASE("\r\r\n" GET("/"), BAD_LINE), CASE("\n\r\n" GET("/"), BAD_LINE),
              CASE(" " GET("/"), BAD_LINE), CASE(GET(" /"), BAD_LINE), CASE("GET  HTTP/1.1\r\n\r\n", BAD_LINE),
              CASE(GET("/ "), BAD_LINE), CASE(GET("/ x"), BAD_LINE), CASE(GET("\t/"), BAD_TARGET),
              CASE("GET\t/ HTTP/1.1\r\n", BAD_LINE), CASE("GET /\r\n\r\n", BAD_LINE), CASE("GET\r\n", BAD_LINE),
              CASE("GET \r\n", BAD_LINE), CASE("G@T", BAD_LINE), CASE("\x16\x03\x01", BAD_LINE), CASE("\0", BAD_LINE),
              CASE("GET / HTTP/1.1 \r\n", BAD_LINE), CASE("GET / HTTP/1.1\n", BAD_LINE),
              CASE("GET / HTTP/1.1\rX: y\r\n", BAD_LINE), CASE("GET / HTTP/1.1\r\r\n", BAD_LINE),
              CASE("GET / HTTP/1.\r\n", BAD_LINE), CASE("GET / HTTP/1.10\r\n", BAD_LINE),
              CASE("GET / HTTP/11\r\n", BAD_LINE), CASE("GET / http/1.1\r\n", BAD_LINE),
              CASE("GET / HTTP/+1.1\r\n", BAD_LINE), CASE("GET / RTSP/1.0\r\n", BAD_LINE),
              CASE("SOURCE / ICE/1.0\r\n", BAD_LINE), CASE("GET / HTTP/1.1\r\n Host: h\r\n\r\n", BAD_HEADER), );
    CHECK_ALL(CASE("GET / HTTP/2.0\r\n", "505 HTTP version other than 1.0 and 1.1"),
              CASE("GET / HTTP/1.2\r\n", "505 HTTP version other than 1.0 and 1.1"),
              CASE("GET / HTTP/0.9\r\n", "505 HTTP version other than 1.0 and 1.1"),
              CASE("GET / HTTP/3.0\r\n", "505 HTTP version other than 1.0 and 1.1"),
              CASE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 HTTP version other than 1.0 and 1.1"), );
}

/* Nobody waits for a head that can only be refused. */
static void
test_refusals_come_early(void)
{
    CHECK_ALL(CASE("GET / HTTP/5.6", "505 HTTP version other than 1.0 and 1.1"), CASE("GET / HTTX", BAD_LINE),
              CASE("GET  ", BAD_LINE), CASE("GET / HTTP/1.1\r\n ", BAD_HEADER),
              CASE("GET / HTTP/1.1\r\nA: b\r\n\t", BAD_HEADER), CASE("GET / HTTP/1.1\r\nA: b\rc", BAD_HEADER),
              CASE("GET / HTTP/1.1\r\nA(", BAD_HEADER), CASE("GET / HTTP/1.1\r\nContent-Length: 5,", BAD_LENGTH),
              CASE("FOO / HTTP/1.1\r\nA: b", "501 unknown method"), CASE(CHUNKED("x"), BAD_CHUNK),
              CASE(CHUNKED("2 "), BAD_CHUNK), CASE(CHUNKED("2\r\nhix"), BAD_CHUNK), );
}

static void
test_methods(void)
{
    CHECK_ALL(CASE("DELETE / HTTP/1.1\r\nHost: h\r\n\r\n", "DELETE /" KEPT),
              CASE("M-SEARCH / HTTP/1.1\r\nHost: h\r\n\r\n", "M-SEARCH /" KEPT),
              CASE("PROPFIND / HTTP/1.1\r\nHost: h\r\n\r\n", "PROPFIND /" KEPT),
              CASE("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "HEAD /" KEPT),
              CASE("GETS / HTTP/1.1\r\nHost: h\r\n\r\n", "501 unknown method"),
              CASE("get / HTTP/1.1\r\nHost: h\r\n\r\n", "501 unknown method"),
              CASE("X!#$%&'*+-.^_`|~0 / HTTP/1.1\r\nHost: h\r\n\r\n", "501 unknown method"),
              CASE("DESCRIBE / HTTP/1.1\r\nHost: h\r\n\r\n", "501 unknown method"),
              CASE("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", "501 unknown method"),
              CASE("PRI / HTTP/1.1\r\n\r\n", "501 unknown method"), CASE(X50, "501 unknown method"), );
}

static void
test_targets(void)
{
    CHECK_ALL(
        CASE(GET("/a/b?c=d&e"), "GET /a/b?c=d&e" KEPT), CASE(GET("//a"), "GET //a" KEPT), CASE(GET("/?"), "GET /" KEPT),
        CASE(GET("/?a?b/c"), "GET /?a?b/c" KEPT),
        CASE(GET("/-._~!$&'()*+,;=:@[]%2f%aF"), "GET /-._~!$&'()*+,;=:@[]%2f%aF" KEPT),
        CASE(GET("/?-._~!$&'()*+,;=:@[]%2f"), "GET /?-._~!$&'()*+,;=:@[]%2f" KEPT),
        CASE(GET("http://a.b/c?d"), "GET /c?d @a.b 1.1 keep; idle"), CASE(GET("http://a"), "GET / @a 1.1 keep; idle"),
        CASE(GET("HTTPS://a:1?q"), "GET /?q @a:1 1.1 keep; idle"),
        CASE(GET("http://[::1]:80/"), "GET / @[::1]:80 1.1 keep; idle"),
        CASE("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS *" KEPT),
        CASE("OPTIONS /a HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS /a" KEPT),
        CASE(GET("/0123456789" X10 X10 X10 X10 "012345678"), "GET /0123456789" X10 X10 X10 X10 "012345678" KEPT), );
    CHECK_ALL(CASE(GET("/0123456789" X10 X10 X10 X10 "0123456789"), "414 long target"),
              CASE("GET /" X100, "414 long target"), );
    CHECK_ALL(CASE(GET("*"), BAD_TARGET), CASE(GET("*/"), BAD_TARGET), CASE(GET("a"), BAD_TARGET),
              CASE(GET("?a"), BAD_TARGET), CASE(GET("h:80"), BAD_TARGET), CASE(GET("http:/a"), BAD_TARGET),
              CASE(GET("http://"), BAD_TARGET), CASE(GET("http:///a"), BAD_TARGET), CASE(GET("http://?a"), BAD_TARGET),
              CASE(GET("ftp://a/"), BAD_TARGET), CASE(GET("http://u@a/"), BAD_TARGET),
              CASE(GET("http://u:p@a/"), BAD_TARGET), CASE(GET("http://a:b/"), BAD_TARGET),
              CASE(GET("http://a:65536/"), BAD_TARGET), CASE(GET("http://[::1/"), BAD_TARGET),
              CASE(GET("http://a]/"), BAD_TARGET), CASE(GET("/#a"), BAD_TARGET), CASE(GET("/?a#"), BAD_TARGET),
              CASE(GET("/%"), BAD_TARGET), CASE(GET("/%2"), BAD_TARGET), CASE(GET("/%2g"), BAD_TARGET),
              CASE(GET("/?%%20"), BAD_TARGET), CASE(GET("/\""), BAD_TARGET), CASE(GET("/<"), BAD_TARGET),
              CASE(GET("/>"), BAD_TARGET), CASE(GET("/\\"), BAD_TARGET), CASE(GET("/^"), BAD_TARGET),
              CASE(GET("/`"), BAD_TARGET), CASE(GET("/{"), BAD_TARGET), CASE(GET("/|"), BAD_TARGET),
              CASE(GET("/}"), BAD_TARGET), CASE(GET("/\x7f"), BAD_TARGET), CASE(GET("/\x80"), BAD_TARGET),
              CASE(GET("/?\xc3\xa9"), BAD_TARGET), CASE(GET("/\x01"), BAD_TARGET), CASE(GET("/\0"), BAD_TARGET),
              CASE(GET("/\t"), BAD_TARGET), CASE(GET("/\r"), BAD_TARGET), CASE(GET("/?\f"), BAD_TARGET), );
}

static void
test_hosts(void)
{
    CHECK_ALL(CASE(HOST("a.b:8080"), "GET / @a.b:8080 1.1 keep; idle"),
              CASE(HOST("[2001:db8::1]"), "GET / @[2001:db8::1] 1.1 keep; idle"),
              CASE(HOST("[::ffff:1.2.3.4]:1"), "GET / @[::ffff:1.2.3.4]:1 1.1 keep; idle"),
              CASE(HOST("127.0.0.1"), "GET / @127.0.0.1 1.1 keep; idle"),
              CASE(HOST("a_b"), "GET / @a_b 1.1 keep; idle"), CASE(HOST("a%20b"), "GET / @a%20b 1.1 keep; idle"),
              CASE(HOST("a:"), "GET / @a: 1.1 keep; idle"), CASE(HOST(" \th\t "), "GET / @h 1.1 keep; idle"),
              CASE("GET / HTTP/1.0\r\nHost: h\r\n\r\n", "GET / @h 1.0 close; idle"),
              CASE("GET / HTTP/1.1\r\nhOST:h\r\n\r\n", "GET /" KEPT), );
    CHECK_ALL(CASE("GET / HTTP/1.1\r\n\r\n", "400 no Host header"),
              CASE("GET http://h/ HTTP/1.1\r\n\r\n", "400 no Host header"),
              CASE("GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", "400 two Host headers"),
              CASE("GET / HTTP/1.0\r\nHost: h\r\nhost: g\r\n\r\n", "400 two Host headers"), CASE(HOST(""), BAD_HOST),
              CASE(HOST("a b"), BAD_HOST), CASE(HOST("a, b"), BAD_HOST), CASE(HOST("http://a"), BAD_HOST),
              CASE(HOST("a/b"), BAD_HOST), CASE(HOST("u@a"), BAD_HOST), CASE(HOST(":80"), BAD_HOST),
              CASE(HOST("a:b"), BAD_HOST), CASE(HOST("a:-1"), BAD_HOST), CASE(HOST("a:1:2"), BAD_HOST),
              CASE(HOST("a:99999"), BAD_HOST), CASE(HOST("a:000080"), BAD_HOST), CASE(HOST("::1"), BAD_HOST),
              CASE(HOST("[::1"), BAD_HOST), CASE(HOST("[::1]x"), BAD_HOST), CASE(HOST("[]"), BAD_HOST),
              CASE(HOST("[1.2.3.4]"), BAD_HOST), CASE(HOST("[::1%25lo]"), BAD_HOST), CASE(HOST("[" X50 "]"), BAD_HOST),
              CASE(HOST("a%2"), BAD_HOST), CASE(HOST("\xc3\xa9"), BAD_HOST), CASE(HOST("a?b"), BAD_HOST),
              CASE(HOST("a#b"), BAD_HOST), CASE(HOST("a\\b"), BAD_HOST),
              CASE("GET http://a/ HTTP/1.1\r\nHost: b c\r\n\r\n", BAD_HOST), );
}

static void
test_headers(void)
{
    CHECK_ALL(CASE(HEAD_OF("A:\r\n"), NO_BODY), CASE(HEAD_OF("A: \t \r\n"), NO_BODY),
              CASE(HEAD_OF("A:b\r\nA: c\r\n"), NO_BODY), CASE(HEAD_OF("!#$%&'*+-.^_`|~09azAZ: x\r\n"), NO_BODY),
              CASE(HEAD_OF("A: \x80\xff\t(\"\\,;:@\r\n"), NO_BODY),
              CASE(HEAD_OF("A: x:y\r\nContent-Lengths: 5\r\nX-Host: a\r\n"), NO_BODY),
              CASE(HEAD_OF("1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n"), NO_BODY), );
    CHECK_ALL(CASE(HEAD_OF("1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n"), "431 many headers"),
              CASE(HEAD_OF("A: " X100 X100 X100 X50 X10 X10 "\r\n"), "431 long head"),
              CASE(HEAD_OF("A: " X100 X100 X100 X50 "\r\n"), NO_BODY),
              CASE("GET / HTTP/1.1\r\nA: " X100 X100 X100 X100, "431 long head"), );
    CHECK_ALL(CASE(HEAD_OF("A : b\r\n"), BAD_HEADER), CASE(HEAD_OF("A\t: b\r\n"), BAD_HEADER),
              CASE(HEAD_OF(" A: b\r\n"), BAD_HEADER), CASE(HEAD_OF("\tA: b\r\n"), BAD_HEADER),
              CASE(HEAD_OF(": b\r\n"), BAD_HEADER), CASE(HEAD_OF("A\r\n"), BAD_HEADER),
              CASE(HEAD_OF("A b: c\r\n"), BAD_HEADER), CASE(HEAD_OF("A: b\r\n c\r\n"), BAD_HEADER),
              CASE(HEAD_OF("A: b\r\n\tc\r\n"), BAD_HEADER), CASE(HEAD_OF("A:\r\n b\r\n"), BAD_HEADER),
              CASE(HEAD_OF("A: b\r\n \r\n"), BAD_HEADER), CASE(HEAD_OF("A: b\rc\r\n"), BAD_HEADER),
              CASE(HEAD_OF("A: b\r\r\n"), BAD_HEADER), CASE(HEAD_OF("A:\rB: c\r\n"), BAD_HEADER),
              CASE(HEAD_OF("\rA: b\r\n"), BAD_HEADER), CASE(HEAD_OF("A: \0\r\n"), BAD_HEADER),
              CASE(HEAD_OF("A: \x01\r\n"), BAD_HEADER), CASE(HEAD_OF("A: \x1f\r\n"), BAD_HEADER),
              CASE(HEAD_OF("A: \x7f\r\n"), BAD_HEADER), CASE(HEAD_OF("A: \x0b\r\n"), BAD_HEADER),
              CASE(HEAD_OF("Connection: \x01\r\n"), BAD_HEADER), CASE(HEAD_OF("A\0: b\r\n"), BAD_HEADER),
              CASE(HEAD_OF("A\xe9: b\r\n"), BAD_HEADER), CASE(HEAD_OF("A(: b\r\n"), BAD_HEADER),
              CASE(HEAD_OF("A\": b\r\n"), BAD_HEADER), CASE(HEAD_OF("A/: b\r\n"), BAD_HEADER),
              CASE(HEAD_OF("{A: b\r\n"), BAD_HEADER), );
    CHECK_ALL(CASE(HEAD_OF("A: b\n"), "400 bare LF"), CASE(HEAD_OF("A: b\nB: c\r\n"), "400 bare LF"),
              CASE(HEAD_OF("A:\nB: c\r\n"), "400 bare LF"), CASE(HEAD_OF("A: b\n\r\n"), "400 bare LF"),
              CASE("GET / HTTP/1.1\r\nHost: h\r\n\n", "400 bare LF"), );
}

static void
test_lengths(void)
{
    CHECK_ALL(CASE(HEAD_OF("Content-Length: 2\r\n") "hi", POSTED("hi")),
              CASE(HEAD_OF("content-length:\t02\t \r\n") "hi", POSTED("hi")),
              CASE(HEAD_OF("Content-Length: 0\r\n"), NO_BODY),
              CASE(HEAD_OF("Content-Length: 3\r\n") "hi", "unfinished"),
              CASE(HEAD_OF("Content-Length: 100\r\n") X100, POSTED(X100)),
              CASE(HEAD_OF("Content-Length: 101\r\n"), "413 long body"),
              CASE(HEAD_OF("Content-Length: 18446744073709551615\r\n"), "413 long body"), );
    CHECK_ALL(CASE(HEAD_OF("Content-Length: 18446744073709551616\r\n"), BAD_LENGTH),
              CASE(HEAD_OF("Content-Length: 5, 5\r\n"), BAD_LENGTH),
              CASE(HEAD_OF("Content-Length: 5,5\r\n"), BAD_LENGTH), CASE(HEAD_OF("Content-Length: +5\r\n"), BAD_LENGTH),
              CASE(HEAD_OF("Content-Length: -5\r\n"), BAD_LENGTH), CASE(HEAD_OF("Content-Length: -0\r\n"), BAD_LENGTH),
              CASE(HEAD_OF("Content-Length: 0x5\r\n"), BAD_LENGTH), CASE(HEAD_OF("Content-Length: 5a\r\n"), BAD_LENGTH),
              CASE(HEAD_OF("Content-Length: 5 5\r\n"), BAD_LENGTH),
              CASE(HEAD_OF("Content-Length: 5.0\r\n"), BAD_LENGTH),
              CASE(HEAD_OF("Content-Length: \"5\"\r\n"), BAD_LENGTH), CASE(HEAD_OF("Content-Length:\r\n"), BAD_LENGTH),
              CASE(HEAD_OF("Content-Length: \r\n"), BAD_LENGTH), CASE(HEAD_OF("Content-Length: ,5\r\n"), BAD_LENGTH),
              CASE(HEAD_OF("Content-Length: 5\r\nContent-Length: 5\r\n"), "400 two Content-Length headers"),
              CASE(HEAD_OF("Content-Length: 5\r\nA: b\r\ncontent-length: 6\r\n"), "400 two Content-Length headers"),
              CASE(HEAD_OF("Content-Length: 5\r\nContent-Length:\r\n"), BAD_LENGTH), );
}

static void
test_transfer_codings(void)
{
    CHECK_ALL(
        CASE(HEAD_OF("Transfer-Encoding: chunked\r\n") "0\r\n\r\n", NO_BODY),
        CASE(HEAD_OF("transfer-encoding:\tCHUNKED\t\r\n") "0\r\n\r\n", NO_BODY),
        CASE(HEAD_OF("Transfer-Encoding: gzip, chunked\r\n"), "501 unknown transfer coding"),
        CASE(HEAD_OF("Transfer-Encoding: gzip;q=1, chunked\r\n"), "501 unknown transfer coding"),
        CASE(HEAD_OF("Transfer-Encoding: identity, chunked\r\n"), "501 unknown transfer coding"),
        CASE(HEAD_OF("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"), "501 unknown transfer coding"), );
    CHECK_ALL(CASE(HEAD_OF("Transfer-Encoding: gzip\r\n"), BAD_CODING),
              CASE(HEAD_OF("Transfer-Encoding: identity\r\n"), BAD_CODING),
              CASE(HEAD_OF("Transfer-Encoding: chunked, gzip\r\n"), BAD_CODING),
              CASE(HEAD_OF("Transfer-Encoding: chunked, chunked\r\n"), BAD_CODING),
              CASE(HEAD_OF("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), BAD_CODING),
              CASE(HEAD_OF("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n"), BAD_CODING),
              CASE(HEAD_OF("Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n"), BAD_CODING),
              CASE(HEAD_OF("Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n"), BAD_CODING),
              CASE(HEAD_OF("Transfer-Encoding:\r\n"), BAD_CODING),
              CASE(HEAD_OF("Transfer-Encoding: ,chunked\r\n"), BAD_CODING),
              CASE(HEAD_OF("Transfer-Encoding: chunked,\r\n"), BAD_CODING),
              CASE(HEAD_OF("Transfer-Encoding: xchunked\r\n"), BAD_CODING),
              CASE(HEAD_OF("Transfer-Encoding: chunkedx\r\n"), BAD_CODING),
              CASE(HEAD_OF("Transfer-Encoding: x chunked\r\n"), BAD_CODING),
              CASE(HEAD_OF("Transfer-Encoding: chunked x\r\n"), BAD_CODING),
              CASE(HEAD_OF("Transfer-Encoding: chunked;q=1\r\n"), BAD_CODING),
              CASE(HEAD_OF("Transfer-Encoding: \"chunked\"\r\n"), BAD_CODING),
              CASE(HEAD_OF("Transfer-Encoding: 'chunked'\r\n"), BAD_CODING),
              CASE(HEAD_OF("Transfer-Encoding: \x0b"
                           "chunked\r\n"),
                   BAD_HEADER),
              CASE(HEAD_OF("Transfer-Encoding : chunked\r\n"), BAD_HEADER), );
    CHECK_ALL(
        CASE(HEAD_OF("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
             "400 Content-Length beside Transfer-Encoding"),
        CASE(HEAD_OF("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
             "400 Content-Length beside Transfer-Encoding"),
        CASE(HEAD_OF("Transfer-Encoding:\r\nContent-Length: 5\r\n"), "400 Content-Length beside Transfer-Encoding"),
        CASE("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400 Transfer-Encoding in HTTP/1.0"), );
}

static void
test_chunks(void)
{
    CHECK_ALL(CASE(CHUNKED("2\r\nhi\r\n5\r\n\r\n0\r\n\r\n0\r\n\r\n"), POSTED("hi\r\n0\r\n")),
              CASE(CHUNKED("0000000000000002\r\nhi\r\n000\r\n\r\n"), POSTED("hi")),
              CASE(CHUNKED("a\r\n" X10 "\r\nA\r\n" X10 "\r\n0\r\n\r\n"), POSTED(X10 X10)),
              CASE(CHUNKED("2;a\r\nhi\r\n0;b\r\n\r\n"), POSTED("hi")),
              CASE(CHUNKED("2;a;b=c;d=\"e\\\"\\\\;f\t\xff\";g\r\nhi\r\n0\r\n\r\n"), POSTED("hi")),
              CASE(CHUNKED("2;a=\"\"\r\nhi\r\n0\r\n\r\n"), POSTED("hi")),
              CASE(CHUNKED("64\r\n" X100 "\r\n0\r\n\r\n"), POSTED(X100)),
              CASE(CHUNKED("32\r\n" X50 "\r\n32\r\n" X50 "\r\n0\r\n\r\n"), POSTED(X100)),
              CASE(CHUNKED("2\r\nhi\r\n0\r\n"), "unfinished"), CASE(CHUNKED("2\r\nhi\r"), "unfinished"),
              CASE(CHUNKED("0\r\n\r"), "unfinished"), );
    CHECK_ALL(
        CASE(CHUNKED("65\r\n"), "413 long body"), CASE(CHUNKED("64\r\n" X100 "\r\n1\r\n"), "413 long body"),
        CASE(CHUNKED("ffffffffffffffff\r\n"), "413 long body"), CASE(CHUNKED("10000000000000000\r\n"), BAD_CHUNK),
        CASE(CHUNKED("00000000000000002\r\n"), BAD_CHUNK), CASE(CHUNKED("\r\n"), BAD_CHUNK),
        CASE(CHUNKED("x\r\n"), BAD_CHUNK), CASE(CHUNKED("0x2\r\n"), BAD_CHUNK), CASE(CHUNKED("+2\r\n"), BAD_CHUNK),
        CASE(CHUNKED("-2\r\n"), BAD_CHUNK), CASE(CHUNKED(" 2\r\n"), BAD_CHUNK), CASE(CHUNKED("2 \r\n"), BAD_CHUNK),
        CASE(CHUNKED("2\t\r\n"), BAD_CHUNK), CASE(CHUNKED("2 ;a\r\n"), BAD_CHUNK), CASE(CHUNKED("2g\r\n"), BAD_CHUNK),
        CASE(CHUNKED("2,2\r\n"), BAD_CHUNK), CASE(CHUNKED("2\n"), BAD_CHUNK), CASE(CHUNKED("2\r\r\n"), BAD_CHUNK),
        CASE(CHUNKED("2\r;a\r\n"), BAD_CHUNK), CASE(CHUNKED(";a\r\n"), BAD_CHUNK), CASE(CHUNKED("2;\r\n"), BAD_CHUNK),
        CASE(CHUNKED("2; a\r\n"), BAD_CHUNK), CASE(CHUNKED("2;a=\r\n"), BAD_CHUNK),
        CASE(CHUNKED("2;a =b\r\n"), BAD_CHUNK), CASE(CHUNKED("2;=b\r\n"), BAD_CHUNK),
        CASE(CHUNKED("2;a=\"b\r\n"), BAD_CHUNK), CASE(CHUNKED("2;a=\"b\\\r\n"), BAD_CHUNK),
        CASE(CHUNKED("2;a=\"b\"c\r\n"), BAD_CHUNK), CASE(CHUNKED("2;a\0\r\n"), BAD_CHUNK),
        CASE(CHUNKED("2;a=\"\x01\"\r\n"), BAD_CHUNK), CASE(CHUNKED("2;a=\"\\\x7f\"\r\n"), BAD_CHUNK),
        CASE(CHUNKED("2;a\n"), BAD_CHUNK), );
    CHECK_ALL(CASE(CHUNKED("2\r\nhi!\r\n"), BAD_CHUNK), CASE(CHUNKED("2\r\nhi\n"), BAD_CHUNK),
              CASE(CHUNKED("2\r\nhi\rX"), BAD_CHUNK), CASE(CHUNKED("2\r\nhi0\r\n"), BAD_CHUNK),
              CASE(CHUNKED("2\r\nhi\n\r"), BAD_CHUNK), );
}

static void
test_trailers(void)
{
    CHECK_ALL(CASE(CHUNKED("2\r\nhi\r\n0\r\nA: b\r\nC:\r\n\r\n"), POSTED("hi")),
              CASE(CHUNKED("0\r\nConnection: close\r\n\r\n") GET("/"), "POST / @h 1.1 keep; GET /" KEPT),
              CASE(CHUNKED("0\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n\r\n"), NO_BODY),
              CASE(CHUNKED("0\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9:\r\n\r\n"), "431 many headers"),
              CASE(CHUNKED("0\r\nA: " X100 X100 X100 X50 "\r\nB: " X10 X10 "\r\n\r\n"), NO_BODY),
              CASE(CHUNKED("0\r\nA: " X100 X100 X100 X50 "\r\nB: " X50), "431 long trailers"), );
    CHECK_ALL(CASE(CHUNKED("0\r\nA : b\r\n\r\n"), BAD_HEADER), CASE(CHUNKED("0\r\nA: b\r\n c\r\n\r\n"), BAD_HEADER),
              CASE(CHUNKED("0\r\n A: b\r\n\r\n"), BAD_HEADER), CASE(CHUNKED("0\r\nA: \x01\r\n\r\n"), BAD_HEADER),
              CASE(CHUNKED("0\r\nA\r\n\r\n"), BAD_HEADER), CASE(CHUNKED("0\r\n: b\r\n\r\n"), BAD_HEADER),
              CASE(CHUNKED("0\r\nA: b\rC\r\n\r\n"), BAD_HEADER), CASE(CHUNKED("0\r\nA: b\n\r\n"), "400 bare LF"),
              CASE(CHUNKED("0\r\n\n"), "400 bare LF"),
              CASE(CHUNKED("0\r\nContent-Length: 5\r\n\r\n"), "400 trailer that belongs into the head"),
              CASE(CHUNKED("0\r\ntransfer-encoding: chunked\r\n\r\n"), "400 trailer that belongs into the head"),
              CASE(CHUNKED("0\r\nHost: g\r\n\r\n"), "400 trailer that belongs into the head"), );
}

static void
test_connections(void)
{
    CHECK_ALL(
        CASE(HEAD_OF("Connection: close\r\n"), "POST / @h 1.1 close; idle"),
        CASE(HEAD_OF("connection:\tCLOSE\t\r\n"), "POST / @h 1.1 close; idle"),
        CASE(HEAD_OF("Connection: keep-alive, x , ,close\r\n"), "POST / @h 1.1 close; idle"),
        CASE(HEAD_OF("Connection: x\r\nA: b\r\nConnection: close\r\n"), "POST / @h 1.1 close; idle"),
        CASE(HEAD_OF("Connection: closed, xclose\r\n"), NO_BODY), CASE(HEAD_OF("Connection:\r\n"), NO_BODY),
        CASE("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET / @ 1.0 keep; idle"),
        CASE("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "GET / @ 1.0 close; idle"),
        CASE(HEAD_OF("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n") GET("/"),
             "POST / @h 1.1 keep; GET /" KEPT),
        CASE(HEAD_OF("Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 2\r\n") "hi" GET("/"),
             "POST / @h 1.1 keep (hi); GET /" KEPT),
        CASE(HEAD_OF("Connection: upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n") "2\r\nhi\r\n0\r\n\r\n" GET(
                 "/"),
             "POST / @h 1.1 keep (hi); GET /" KEPT), );
}

static void
test_pipelines(void)
{
    CHECK_ALL(
        CASE(GET("/1") GET("/2") "\r\n" HEAD_OF("Content-Length: 2\r\n") "hi\r\n" CHUNKED("1\r\n!\r\n0\r\n\r\n")
                 GET("/3"),
             "GET /1 @h 1.1 keep; GET /2 @h 1.1 keep; POST / @h 1.1 keep (hi); POST / @h 1.1 keep (!); GET /3" KEPT),
        CASE(GET("/1") "GET / HTTP/3.0\r\n\r\n" GET("/2"),
             "GET /1 @h 1.1 keep; 505 HTTP version other than 1.0 and 1.1"),
        CASE(HEAD_OF("Content-Length: 1\r\n") "hi" GET("/"), "POST / @h 1.1 keep (h); 501 unknown method"), );
}

static void
test_content_types(void)
{
    CHECK_ALL(CASE(HEAD_OF("Content-Type: a/b, c/d\r\n"), NO_BODY), CASE(HEAD_OF("Content-Type:\r\n"), NO_BODY),
              CASE(HEAD_OF("Content-Type: a/b\r\nContent-Type: a/b\r\n"), "400 two Content-Type headers"),
              CASE(HEAD_OF("Content-Type:\r\nX: y\r\ncontent-type: a/b\r\n"), "400 two Content-Type headers"), );
}

static void
test_expectations(void)
{
    CHECK_ALL(
        CASE(HEAD_OF("Expect: 100-continue\r\nContent-Length: 2\r\n") "hi", "continue; " POSTED("hi")),
        CASE(HEAD_OF("expect:\t100-Continue, \r\nTransfer-Encoding: chunked\r\n") "2\r\nhi\r\n0\r\n\r\n",
             "continue; " POSTED("hi")),
        CASE(HEAD_OF("Expect: 100-continue\r\n"), NO_BODY),
        CASE(HEAD_OF("Expect: 100-continue\r\nContent-Length: 0\r\n"), NO_BODY),
        CASE("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi", "POST / @ 1.0 close (hi); idle"),
        CASE(HEAD_OF("Expect: 100-continue\r\nContent-Length: 101\r\n"), "413 long body"),
        CASE(HEAD_OF("Expect: x\r\n"), "417 unknown expectation"),
        CASE(HEAD_OF("Expect: 100-continue, x=y\r\n"), "417 unknown expectation"),
        CASE(HEAD_OF("Expect: 100-continue\r\nExpect: 200-ok\r\n"), "417 unknown expectation"), );
}

/* Each chunk brings one byte, and more than a fair share of extensions. */
static void
test_the_sum_of_chunk_extensions_is_bounded(void)
{
    static const char chunk[] = "1;" X100 X100 X100 X100 "\r\n.\r\n";
    CpsHttpLimits more = limits;
    CpsHttpParser parser;
    CpsHttpOutcome outcome;
    size_t used, chunks = 0;

    more.body_bytes = 1 << 20;
    cps_http_parser_init(&parser, &more);
    outcome = cps_http_feed(&parser, CHUNKED(""), sizeof(CHUNKED("")) - 1, &used);
    for (; outcome == CPS_HTTP_MORE && chunks < 1000; chunks++) {
        outcome = cps_http_feed(&parser, chunk, sizeof(chunk) - 1, &used);
    }
    assert(outcome == CPS_HTTP_REFUSED && parser.status == 400);
    assert(chunks > 30 && chunks < 60);
    cps_http_parser_free(&parser);
}

static void
test_small_chunks_are_not_refused(void)
{
    CpsHttpLimits more = limits;
    CpsHttpParser parser;
    size_t used;

    more.body_bytes = 1 << 20;
    cps_http_parser_init(&parser, &more);
    assert(cps_http_feed(&parser, CHUNKED(""), sizeof(CHUNKED("")) - 1, &used) == CPS_HTTP_MORE);
    for (int chunk = 0; chunk < 100000; chunk++) {
        assert(cps_http_feed(&parser, "1;a=b\r\n.\r\n", 10, &used) == CPS_HTTP_MORE);
    }
    assert(cps_http_feed(&parser, "0\r\n\r\n", 5, &used) == CPS_HTTP_COMPLETE);
    assert(parser.request->body.length == 100000);
    cps_http_parser_free(&parser);
}

static void
test_a_long_chunk_line(void)
{
    CpsHttpParser parser;
    CpsHttpOutcome outcome = CPS_HTTP_MORE;
    size_t used, bytes = 0;

    cps_http_parser_init(&parser, &limits);
    assert(cps_http_feed(&parser, CHUNKED("1;"), sizeof(CHUNKED("1;")) - 1, &used) == CPS_HTTP_MORE);
    for (; outcome == CPS_HTTP_MORE && bytes < 10000; bytes++) {
        outcome = cps_http_feed(&parser, "x", 1, &used);
    }
    assert(outcome == CPS_HTTP_REFUSED && parser.status == 400 && bytes < 5000);
    cps_http_parser_free(&parser);
}

static void
test_what_a_request_has(void)
{
    static const char input[] =
        "HEAD /a HTTP/1.1\r\nHost: h\r\nX-Y:  1 2\t\r\nAccept: text/html\r\nAccept: */*\r\nExpect: 100-continue\r\n"
        "Content-Length: 3\r\n\r\nabc";
    CpsHttpParser parser;
    CpsHttpRequest *request;
    size_t used, length = 0;
    const char *value;

    cps_http_parser_init(&parser, &limits);
    assert(cps_http_feed(&parser, input, 10, &used) == CPS_HTTP_MORE);
    assert(cps_http_parser_busy(&parser) && !parser.in_body);
    assert(cps_http_feed(&parser, input + 10, sizeof(input) - 11, &used) == CPS_HTTP_CONTINUE);
    assert(used == sizeof(input) - 11 - 3 && parser.in_body);
    assert(cps_http_feed(&parser, "abcd", 4, &used) == CPS_HTTP_COMPLETE && used == 3);
    request = cps_http_take(&parser);
    assert(request->is_head && request->has_body && !request->chunked && request->expects_continue);
    assert(request->field_count == 6);
    assert(request->fields[1].name.length == 3 && memcmp(cps_slice(request, request->fields[1].name), "X-Y", 3) == 0);
    assert(request->fields[1].value.length == 3 && memcmp(cps_slice(request, request->fields[1].value), "1 2", 3) == 0);
    value = cps_http_field(request, CPS_FIELD_ACCEPT, &length);
    assert(length == 9 && memcmp(value, "text/html", 9) == 0);
    assert(cps_http_field(request, CPS_FIELD_CONTENT_TYPE, &length) == NULL);
    cps_http_request_free(request);
    cps_http_parser_free(&parser);
}

int
main(void)
{
    test_request_lines();
    test_refusals_come_early();
    test_methods();
    test_targets();
    test_hosts();
    test_headers();
    test_lengths();
    test_transfer_codings();
    test_chunks();
    test_trailers();
    test_connections();
    test_pipelines();
    test_content_types();
    test_expectations();
    test_the_sum_of_chunk_extensions_is_bounded();
    test_small_chunks_are_not_refused();
    test_a_long_chunk_line();
    test_what_a_request_has();
    return failed;
}
