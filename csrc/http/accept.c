#include "http/accept.h"

#include "http/piece.h"

#include <string.h>

/* A media range, such as "text/html;level=1;q=0.4". */
typedef struct {
    CpsPiece type, subtype, parameters; /* "*" for any */
    double quality;                     /* 0 to 1 */
} Range;

/* A type that is offered, and the range of the header that names it most closely. */
typedef struct {
    Range range;
    double fitness; /* -1: none names it */
    double quality; /* of that range */
} Offer;

enum { MOST_OFFERS = 32 };

/* --- ranges -------------------------------------------------------------------------------------------------------------------- */

/* What is no number from 0 to 1 counts as 1. */
static double
quality_of(CpsPiece value)
{
    double number = 0,
           scale = 1; /* number / scale: digits as if there were no point, and what that multiplied them by */
    bool has_digits = false, has_point = false;

    for (size_t i = 0; i < value.length; i++) {
        char c = value.bytes[i];

        if (c == '.' && !has_point) {
            has_point = true;
        }
        else if (c < '0' || c > '9') {
            return 1;
        }
        else {
            has_digits = true;
            if (scale < 1e12) { /* more digits make no difference */
                number = number * 10 + (c - '0');
                scale = has_point ? scale * 10 : 1;
            }
        }
    }
    return has_digits && number <= scale ? number / scale : 1;
}

/* Returns whether it is a media range. */
static bool
range_read(CpsPiece text, Range *range)
{
    CpsPiece type, rest, name, value;

    range->parameters = text;
    type = cps_piece_next(&range->parameters, ';');
    if (cps_piece_is(type, "*")) { /* as some clients write "any type" */
        range->type = range->subtype = type;
    }
    else {
        range->type = cps_piece_next(&type, '/');
        range->subtype = cps_piece_next(&type, '/');
        if (range->type.length == 0 || range->subtype.length == 0 || type.length > 0) {
            return false;
        }
    }
    range->quality = 1;
    rest = range->parameters;
    while (cps_piece_parameter(&rest, &name, &value)) {
        if (cps_piece_is(name, "q")) {
            range->quality = quality_of(value);
        }
    }
    return true;
}

/* How many of the range's parameters the offered type has, too. */
static int
parameters_shared(const Range *range, const Range *offered)
{
    CpsPiece rest = range->parameters, name, value, others, other_name, other_value;
    int count = 0;

    if (offered->parameters.length == 0) {
        return 0;
    }
    while (cps_piece_parameter(&rest, &name, &value)) {
        others = offered->parameters;
        while (!cps_piece_is(name, "q") && cps_piece_parameter(&others, &other_name, &other_value)) {
            if (cps_piece_same(name, other_name) && cps_piece_same(value, other_value)) {
                count++;
                break;
            }
        }
    }
    return count;
}

/* How closely the range names the offered type; -1: not at all. A wildcard on either side matches. The server's own quality decides between
 * types that the range names as closely. */
static double
range_fitness(const Range *range, const Range *offered)
{
    bool same_type = cps_piece_same(range->type, offered->type);
    bool same_subtype = cps_piece_same(range->subtype, offered->subtype);

    if ((!same_type && !cps_piece_is(range->type, "*") && !cps_piece_is(offered->type, "*")) ||
        (!same_subtype && !cps_piece_is(range->subtype, "*") && !cps_piece_is(offered->subtype, "*"))) {
        return -1;
    }
    return (same_type ? 100 : 0) + (same_subtype ? 10 : 0) + parameters_shared(range, offered) + offered->quality;
}

/* --- the best -------------------------------------------------------------------------------------------------------------------- */

/* Returns whether all `count` are media types. */
static bool
offers_read(Offer *offers, const char *const *supported, int count)
{
    for (int i = 0; i < count; i++) {
        offers[i] = (Offer){.fitness = -1};
        if (!range_read((CpsPiece){supported[i], strlen(supported[i])}, &offers[i].range)) {
            return false;
        }
    }
    return true;
}

/* Give each offer the range that fits it best, the first one of several as close. Returns whether all of the header is media ranges. */
static bool
offers_match(Offer *offers, int count, CpsPiece accept)
{
    bool valid = true;
    Range range;

    while (accept.length > 0) {
        CpsPiece part = cps_piece_next(&accept, ',');

        if (part.length == 0) {
            continue;
        }
        if (!range_read(part, &range)) {
            valid = false;
            continue;
        }
        for (int i = 0; i < count; i++) {
            double fitness = range_fitness(&range, &offers[i].range);

            if (fitness > offers[i].fitness) {
                offers[i].fitness = fitness;
                offers[i].quality = range.quality;
            }
        }
    }
    return valid;
}

/* The last one of the best: by quality, then by fitness. -1: none. */
static int
offers_best(const Offer *offers, int count)
{
    int best = -1;

    for (int i = 0; i < count; i++) {
        if (offers[i].quality > 0 &&
            (best < 0 || offers[i].quality > offers[best].quality ||
             (offers[i].quality == offers[best].quality && offers[i].fitness >= offers[best].fitness))) {
            best = i;
        }
    }
    return best;
}

int
cps_accept_best(const char *const *supported, int count, const char *accept, size_t length, CpsAcceptResult *result)
{
    Offer offers[MOST_OFFERS];
    int best;

    *result = (CpsAcceptResult){0};
    count = count > MOST_OFFERS ? MOST_OFFERS : count;
    if (!offers_read(offers, supported, count)) {
        return -1;
    }
    result->invalid = !offers_match(offers, count, (CpsPiece){accept, length});
    best = offers_best(offers, count);
    if (best >= 0) {
        result->quality = offers[best].quality;
    }
    return best;
}

/* --- our types --------------------------------------------------------------------------------------------------------------------- */

static const char *const names[] = {
    [CPS_MEDIA_XML_SCHEMA] = "application/xml+schema",
    [CPS_MEDIA_JSON_SCHEMA] = "application/json+schema",
    [CPS_MEDIA_ANY] = "*/*",
    [CPS_MEDIA_TEXT] = "text/plain",
    [CPS_MEDIA_HTML] = "text/html",
    [CPS_MEDIA_TEXT_XML] = "text/xml",
    [CPS_MEDIA_XML] = "application/xml",
    [CPS_MEDIA_JSON] = "application/json",
    [CPS_MEDIA_NONE] = "",
};

/* The type of that very name; NONE for others. */
static CpsMediaType
find_name(const char *name, size_t length)
{
    for (int i = 0; i < CPS_MEDIA_NONE; i++) {
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) {
            return (CpsMediaType)i;
        }
    }
    return CPS_MEDIA_NONE;
}

CpsMediaType
cps_accept_choose(const char *accept, size_t length, bool *invalid)
{
    CpsAcceptResult result;
    CpsMediaType type;
    int found;

    *invalid = false;
    if (accept == NULL) {
        return CPS_MEDIA_ANY;
    }
    type = find_name(accept, length); /* what most clients send is one type */
    if (type != CPS_MEDIA_NONE) {
        return type;
    }
    found = cps_accept_best(names, CPS_MEDIA_NONE, accept, length, &result);
    *invalid = result.invalid;
    if (*invalid) {
        return CPS_MEDIA_ANY;
    }
    return found < 0 ? CPS_MEDIA_NONE : (CpsMediaType)found;
}

const char *
cps_media_type_name(CpsMediaType type)
{
    return names[type];
}

CpsMediaType
cps_media_type_named(const char *name, size_t length)
{
    CpsMediaType type = find_name(name, length);

    return type == CPS_MEDIA_NONE ? CPS_MEDIA_ANY : type;
}
