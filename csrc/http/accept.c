#include "http/accept.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A piece of the header. */
typedef struct {
    const char *bytes;
    size_t length;
} Text;

/* A media range, such as "text/html;level=1;q=0.4". */
typedef struct {
    Text type, subtype, parameters; /* "*" for any */
    double quality;                 /* 0 to 1 */
} Range;

/* --- pieces ------------------------------------------------------------------------------------------------------------------- */

static Text
text_strip(Text text)
{
    while (text.length > 0 && isspace((unsigned char)text.bytes[0])) {
        text.bytes++;
        text.length--;
    }
    while (text.length > 0 && isspace((unsigned char)text.bytes[text.length - 1])) {
        text.length--;
    }
    return text;
}

/* What stands before the first `separator`, stripped; *rest becomes what follows it, of length 0 when there is none. */
static Text
text_split(Text text, char separator, Text *rest)
{
    const char *found = text.length == 0 ? NULL : memchr(text.bytes, separator, text.length);
    Text first = text;

    *rest = (Text){text.bytes + text.length, 0};
    if (found != NULL) {
        first.length = (size_t)(found - text.bytes);
        *rest = (Text){found + 1, text.length - first.length - 1};
    }
    return text_strip(first);
}

static bool
text_is(Text text, const char *other)
{
    return text.length == strlen(other) && strncasecmp(text.bytes, other, text.length) == 0;
}

static bool
text_same(Text text, Text other)
{
    return text.length == other.length && strncasecmp(text.bytes, other.bytes, text.length) == 0;
}

/* --- ranges -------------------------------------------------------------------------------------------------------------------- */

/* What is no number from 0 to 1 counts as 1. */
static double
quality_of(Text value)
{
    char digits[16];
    char *end;
    double quality;

    if (value.length == 0 || value.length >= sizeof(digits)) {
        return 1;
    }
    for (size_t i = 0; i < value.length; i++) {
        if (!isdigit((unsigned char)value.bytes[i]) && value.bytes[i] != '.') {
            return 1; /* strtod() would take "inf", "0x1" and signs, and follow the locale's comma */
        }
    }
    memcpy(digits, value.bytes, value.length);
    digits[value.length] = '\0';
    quality = strtod(digits, &end);
    return *end == '\0' && quality >= 0 && quality <= 1 ? quality : 1;
}

/* The next "name=value" of parameters: returns false when there is none left. */
static bool
next_parameter(Text *rest, Text *name, Text *value)
{
    while (rest->length > 0) {
        Text parameter = text_split(*rest, ';', rest);

        *name = text_split(parameter, '=', value);
        *value = text_strip(*value);
        if (name->length > 0) {
            return true;
        }
    }
    return false;
}

/* Returns whether it is a media range. */
static bool
range_read(Text text, Range *range)
{
    Text rest, name, value;
    Text type = text_split(text, ';', &range->parameters);

    if (text_is(type, "*")) { /* as some clients write "any type" */
        range->type = range->subtype = type;
    }
    else {
        range->type = text_split(type, '/', &range->subtype);
        range->subtype = text_strip(range->subtype);
        if (range->type.length == 0 || range->subtype.length == 0 ||
            memchr(range->subtype.bytes, '/', range->subtype.length) != NULL) {
            return false;
        }
    }
    range->quality = 1;
    rest = range->parameters;
    while (next_parameter(&rest, &name, &value)) {
        if (text_is(name, "q")) {
            range->quality = quality_of(value);
        }
    }
    return true;
}

/* How many of the range's parameters the offered type has, too. */
static int
parameters_shared(const Range *range, const Range *offered)
{
    Text rest = range->parameters, name, value, others, other_name, other_value;
    int count = 0;

    while (next_parameter(&rest, &name, &value)) {
        others = offered->parameters;
        while (!text_is(name, "q") && next_parameter(&others, &other_name, &other_value)) {
            if (text_same(name, other_name) && text_same(value, other_value)) {
                count++;
                break;
            }
        }
    }
    return count;
}

/* How closely the range names the offered type; -1: not at all. A wildcard on either side matches. */
static int
range_fitness(const Range *range, const Range *offered)
{
    bool same_type = text_same(range->type, offered->type), same_subtype = text_same(range->subtype, offered->subtype);

    if ((!same_type && !text_is(range->type, "*") && !text_is(offered->type, "*")) ||
        (!same_subtype && !text_is(range->subtype, "*") && !text_is(offered->subtype, "*"))) {
        return -1;
    }
    return (same_type ? 100 : 0) + (same_subtype ? 10 : 0) + parameters_shared(range, offered);
}

/* --- the best -------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    int fitness; /* of the closest range; -1: none */
    double quality;
} Match;

/* Whether one is better than another, or as good. */
static bool
match_wins(Match match, Match other)
{
    return match.quality > other.quality || (match.quality == other.quality && match.fitness >= other.fitness);
}

/* The closest of the ranges in the header; of several as close the one with the highest quality. */
static Match
match_type(const char *type, Text accept)
{
    Range offered, range;
    Match best = {-1, 0};
    Text name = {type, strlen(type)};

    if (!range_read(name, &offered)) {
        return best;
    }
    while (accept.length > 0) {
        Text part = text_split(accept, ',', &accept);

        if (range_read(part, &range)) {
            int fitness = range_fitness(&range, &offered);

            if (fitness > best.fitness || (fitness == best.fitness && fitness >= 0 && range.quality > best.quality)) {
                best = (Match){fitness, range.quality};
            }
        }
    }
    return best;
}

/* Whether something in the header is no media range. */
static bool
has_invalid(Text accept)
{
    Range range;

    while (accept.length > 0) {
        Text part = text_split(accept, ',', &accept);

        if (part.length > 0 && !range_read(part, &range)) {
            return true;
        }
    }
    return false;
}

int
cps_accept_best(const char *const *supported, int count, const char *accept, size_t length, bool *invalid)
{
    Text header = {accept, length};
    Match best = {-1, 0};
    int found = -1;

    *invalid = has_invalid(header);
    for (int i = 0; i < count; i++) {
        Match match = match_type(supported[i], header);

        if (match.fitness >= 0 && match.quality > 0 && match_wins(match, best)) {
            best = match;
            found = i;
        }
    }
    return found;
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

CpsMediaType
cps_accept_choose(const char *accept, size_t length, bool *invalid)
{
    int found;

    *invalid = false;
    if (accept == NULL || (length == 3 && memcmp(accept, "*/*", 3) == 0)) {
        return CPS_MEDIA_ANY;
    }
    found = cps_accept_best(names, CPS_MEDIA_NONE, accept, length, invalid);
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
    for (int i = 0; i < CPS_MEDIA_NONE; i++) {
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) {
            return (CpsMediaType)i;
        }
    }
    return CPS_MEDIA_ANY;
}
