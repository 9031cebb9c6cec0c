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
            abort();
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

int
main(void)
{
    CHECK_ALL(CASE(GET("/"), "GET / @h 1.1 keep; idle"),
              CASE(HEAD_OF("Content-Length: 2\r\n") "hi", "POST / @h 1.1 keep (hi); idle"),
              CASE(CHUNKED("2\r\nhi\r\n0\r\n\r\n"), "POST / @h 1.1 keep (hi); idle"), );
    return 0;
}
