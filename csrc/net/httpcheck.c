/* See httpcheck.h. */
#include "net/httpcheck.h"
#include "net/httpchars.h"
#include "net/httptarget.h"

#include <strings.h>

static const CpsHttpRefusal NOT_REFUSED = {0};

CpsKnownField
cps_http_field_kind(const char *name, size_t length)
{
    static const struct {
        const char *name;
        CpsKnownField kind;
    } by_length[][2] = {
        [4] = {{"host", CPS_FIELD_HOST}},
        [6] = {{"accept", CPS_FIELD_ACCEPT}, {"expect", CPS_FIELD_EXPECT}},
        [10] = {{"connection", CPS_FIELD_CONNECTION}},
        [12] = {{"content-type", CPS_FIELD_CONTENT_TYPE}},
        [14] = {{"content-length", CPS_FIELD_CONTENT_LENGTH}},
        [17] = {{"transfer-encoding", CPS_FIELD_TRANSFER_ENCODING}},
    };

    if (length < sizeof(by_length) / sizeof(by_length[0])) {
        for (int index = 0; index < 2 && by_length[length][index].name != NULL; index++) {
            const char *known = by_length[length][index].name;

            if ((name[0] | 0x20) == known[0] && strncasecmp(name, known, length) == 0) {
                return by_length[length][index].kind;
            }
        }
    }
    return CPS_FIELD_OTHER;
}

/* The index of the next field of that kind after `index`, or -1. */
static int32_t
next_field(const CpsHttpRequest *request, CpsKnownField kind, int32_t index)
{
    for (index++; index < (int32_t)request->field_count; index++) {
        if (request->fields[index].kind == kind) {
            return index;
        }
    }
    return -1;
}

/* Walks over the members of a list that may be spread over several fields (RFC 9110, 5.6.1). */
typedef struct {
    const CpsHttpRequest *request;
    CpsKnownField kind;
    int32_t index;      /* of the field, or -1 at the end */
    const char *at;     /* the rest of its value, or NULL: not begun */
    const char *member; /* what next_member has found; without white space around it */
    size_t length;      /* of it; may be 0 */
} MemberWalk;

static MemberWalk
walk_members(const CpsHttpRequest *request, CpsKnownField kind)
{
    return (MemberWalk){.request = request, .kind = kind, .index = request->known[kind]};
}

static bool
next_member(MemberWalk *walk)
{
    const char *end, *comma;
    CpsSlice value;

    if (walk->index < 0) {
        return false;
    }
    value = walk->request->fields[walk->index].value;
    if (walk->at == NULL) {
        walk->at = cps_slice(walk->request, value);
    }
    end = cps_slice(walk->request, value) + value.length;
    comma = memchr(walk->at, ',', (size_t)(end - walk->at));
    walk->member = walk->at;
    if (comma != NULL) {
        walk->at = comma + 1;
        end = comma;
    }
    else {
        walk->at = NULL;
        walk->index = next_field(walk->request, walk->kind, walk->index);
    }
    while (walk->member < end && cps_http_blank(*walk->member)) {
        walk->member++;
    }
    while (end > walk->member && cps_http_blank(end[-1])) {
        end--;
    }
    walk->length = (size_t)(end - walk->member);
    return true;
}

static bool
member_is(const MemberWalk *walk, const char *name)
{
    return walk->length == strlen(name) && strncasecmp(walk->member, name, walk->length) == 0;
}

static CpsHttpRefusal
check_host(CpsHttpRequest *request)
{
    int32_t index = request->known[CPS_FIELD_HOST];
    CpsSlice value;

    if (index < 0) {
        return request->minor == 0 ? NOT_REFUSED : (CpsHttpRefusal){400, "no Host header"};
    }
    if (next_field(request, CPS_FIELD_HOST, index) >= 0) {
        return (CpsHttpRefusal){400, "two Host headers"};
    }
    value = request->fields[index].value;
    if (!cps_http_authority_valid(cps_slice(request, value), value.length)) {
        return (CpsHttpRefusal){400, "malformed Host header"};
    }
    if (request->authority.length == 0) {
        request->authority = value;
    }
    return NOT_REFUSED;
}

/* RFC 9110, 8.3: it has one value. Whoever looks at the other one of two takes the body for something else. */
static CpsHttpRefusal
check_content_type(const CpsHttpRequest *request)
{
    int32_t index = request->known[CPS_FIELD_CONTENT_TYPE];

    return index >= 0 && next_field(request, CPS_FIELD_CONTENT_TYPE, index) >= 0
               ? (CpsHttpRefusal){400, "two Content-Type headers"}
               : NOT_REFUSED;
}

/* RFC 9112, 6.1 and 6.3: anything but a single "chunked" could hide where the request ends. */
static CpsHttpRefusal
check_transfer_encoding(CpsHttpRequest *request)
{
    MemberWalk walk = walk_members(request, CPS_FIELD_TRANSFER_ENCODING);
    bool chunked = false, others = false;

    if (walk.index < 0) {
        return NOT_REFUSED;
    }
    if (request->minor == 0) {
        return (CpsHttpRefusal){400, "Transfer-Encoding in HTTP/1.0"};
    }
    if (request->known[CPS_FIELD_CONTENT_LENGTH] >= 0) {
        return (CpsHttpRefusal){400, "Content-Length beside Transfer-Encoding"};
    }
    while (next_member(&walk)) {
        if (chunked || cps_http_span(walk.member, walk.length, CPS_CHAR_TOKEN) == 0) {
            return (CpsHttpRefusal){400, "malformed Transfer-Encoding"};
        }
        chunked = member_is(&walk, "chunked");
        others = others || !chunked;
    }
    if (!chunked) {
        return (CpsHttpRefusal){400, "Transfer-Encoding does not end in chunked"};
    }
    request->chunked = true;
    return others ? (CpsHttpRefusal){501, "unknown transfer coding"} : NOT_REFUSED;
}

static void
read_connection(CpsHttpRequest *request)
{
    MemberWalk walk = walk_members(request, CPS_FIELD_CONNECTION);
    bool closes = false, keeps = request->minor > 0;

    while (next_member(&walk)) {
        closes = closes || member_is(&walk, "close");
        keeps = keeps || member_is(&walk, "keep-alive");
    }
    request->keep_alive = keeps && !closes;
}

/* RFC 9110, 10.1.1 */
static CpsHttpRefusal
check_expect(CpsHttpRequest *request)
{
    MemberWalk walk = walk_members(request, CPS_FIELD_EXPECT);

    while (request->minor > 0 && next_member(&walk)) {
        if (member_is(&walk, "100-continue")) {
            request->expects_continue = request->has_body;
        }
        else if (walk.length > 0) {
            return (CpsHttpRefusal){417, "unknown expectation"};
        }
    }
    return NOT_REFUSED;
}

CpsHttpRefusal
cps_http_check_head(CpsHttpRequest *request, bool chunked)
{
    CpsHttpRefusal refusal;

    if (!cps_http_split_target(request)) {
        return (CpsHttpRefusal){400, "malformed target"};
    }
    refusal = check_host(request);
    if (refusal.status == 0) {
        refusal = check_transfer_encoding(request);
    }
    if (refusal.status == 0 && request->chunked != chunked) {
        refusal = (CpsHttpRefusal){400, "malformed Transfer-Encoding"};
    }
    if (refusal.status == 0) {
        refusal = check_content_type(request);
    }
    if (refusal.status == 0) {
        refusal = check_expect(request);
    }
    read_connection(request);
    return refusal;
}
