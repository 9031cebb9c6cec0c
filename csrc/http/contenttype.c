#include "http/contenttype.h"

#include "base/ascii.h"
#include "http/piece.h"

#include <string.h>

static const struct {
    const char *type;
    CpsContentKind kind;
    bool usual;
} types[] = {
    {"application/json", CPS_CONTENT_JSON, true},
    {"application/json+schema", CPS_CONTENT_JSON, false},
    {"application/xml", CPS_CONTENT_XML, true},
    {"text/xml", CPS_CONTENT_XML, true},
    {"text/html", CPS_CONTENT_XML, true},
    {"application/xml+schema", CPS_CONTENT_XML, false},
    {"text/plain", CPS_CONTENT_TEXT, true},
    {"*/*", CPS_CONTENT_TEXT, false},
    {"application/x-www-form-urlencoded", CPS_CONTENT_FORM, true},
};

enum { TYPES = sizeof(types) / sizeof(types[0]) };

/* Copy in lower case, as much as has room. */
static void
copy_lower(char *target, size_t size, CpsPiece piece)
{
    size_t end = 0;

    for (; end < piece.length && end < size - 1; end++) {
        target[end] = cps_ascii_lower(piece.bytes[end]);
    }
    target[end] = '\0';
}

void
cps_content_type_read(CpsContentType *content, const char *value, size_t length)
{
    CpsPiece rest = {value, length}, name, text;

    *content = (CpsContentType){.kind = CPS_CONTENT_JSON};
    if (value == NULL) {
        return;
    }
    copy_lower(content->type, sizeof(content->type), cps_piece_next(&rest, ';'));
    while (content->charset[0] == '\0' && cps_piece_parameter(&rest, &name, &text)) {
        if (cps_piece_is(name, "charset")) {
            copy_lower(content->charset, sizeof(content->charset), text);
        }
    }
    for (int i = 0; i < TYPES; i++) {
        if (strcmp(content->type, types[i].type) == 0) {
            content->kind = types[i].kind;
        }
    }
}

bool
cps_content_type_is_usual(const char *type)
{
    for (int i = 0; i < TYPES; i++) {
        if (strcmp(type, types[i].type) == 0) {
            return types[i].usual;
        }
    }
    return false;
}
