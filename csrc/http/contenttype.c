#include "http/contenttype.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

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

/* Copy text in lower case, without white space and quotes at its ends, as much as has room. */
static void
copy_lower(char *target, size_t size, const char *text, size_t length)
{
    size_t end = 0;

    while (length > 0 && (isspace((unsigned char)*text) || *text == '"')) {
        text++;
        length--;
    }
    while (length > 0 && (isspace((unsigned char)text[length - 1]) || text[length - 1] == '"')) {
        length--;
    }
    for (; end < length && end < size - 1; end++) {
        target[end] = (char)tolower((unsigned char)text[end]);
    }
    target[end] = '\0';
}

/* The end of what begins at `from`: the next ";" outside of quotes, or the end of the text. */
static size_t
part_end(const char *text, size_t from, size_t length)
{
    bool quoted = false;

    while (from < length && (quoted || text[from] != ';')) {
        if (quoted && text[from] == '\\' && from + 1 < length) {
            from++;
        }
        else if (text[from] == '"') {
            quoted = !quoted;
        }
        from++;
    }
    return from;
}

static void
read_parameter(CpsContentType *content, const char *text, size_t length)
{
    static const char name[] = "charset=";

    while (length > 0 && isspace((unsigned char)*text)) {
        text++;
        length--;
    }
    if (length >= sizeof(name) - 1 && strncasecmp(text, name, sizeof(name) - 1) == 0 && content->charset[0] == '\0') {
        copy_lower(content->charset, sizeof(content->charset), text + sizeof(name) - 1, length - (sizeof(name) - 1));
    }
}

void
cps_content_type_read(CpsContentType *content, const char *value, size_t length)
{
    size_t end, from;

    *content = (CpsContentType){.kind = CPS_CONTENT_JSON};
    if (value == NULL) {
        return;
    }
    end = part_end(value, 0, length);
    copy_lower(content->type, sizeof(content->type), value, end);
    for (from = end + 1; from < length; from = end + 1) {
        end = part_end(value, from, length);
        read_parameter(content, value + from, end - from);
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
