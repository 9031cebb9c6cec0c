#include "http/routepath.h"

typedef enum {
    FILTER_SEGMENT, /* <name>: all up to the next slash */
    FILTER_INT,
    FILTER_FLOAT,
    FILTER_PATH, /* anything but newlines, as little as possible */
    FILTER_RE,
} Filter;

typedef struct {
    PyObject *name;  /* owned, interned; NULL: it has none */
    PyObject *mask;  /* owned: the regular expression of FILTER_RE, else NULL */
    PyObject *after; /* owned: the literal text that follows, which may be empty */
    Py_ssize_t tail; /* how much of `after` lies before its first slash */
    Filter filter;
} Wildcard;

struct CpsRoutePath {
    CpsState *state;
    PyObject *rule;      /* owned: as it was written */
    PyObject *before;    /* owned: the literal text before the first wildcard */
    PyObject *fullmatch; /* owned: of the compiled regular expression; NULL: none is needed */
    Wildcard *wildcards; /* owned */
    int count;
};

/* Where a wildcard lies in a path. */
typedef struct {
    Py_ssize_t start, end;
} Span;

enum { MAX_SPANS = 16 }; /* paths with more wildcards use a regular expression */

static const struct {
    const char *name, *mask;
} filters[] = {
    [FILTER_SEGMENT] = {"", "[^/]+"},        /* also of FILTER_RE without an expression */
    [FILTER_INT] = {"int", "-?\\d+"},        /* as in Bottle */
    [FILTER_FLOAT] = {"float", "-?[\\d.]+"}, /* the same */
    [FILTER_PATH] = {"path", ".+?"},         [FILTER_RE] = {"re", NULL},
};

/* ---- the syntax ---- */

typedef struct {
    CpsRoutePath *path;
    Py_UCS4 *literal; /* owned: text since the last wildcard; as long as the rule */
    Py_ssize_t literal_length;
} Parser;

/* A wildcard as it stands in the rule: offsets, which are equal for what is empty. */
typedef struct {
    Span name, filter, mask;
    Py_ssize_t end;
} Syntax;

/* The character at `at`; 0 behind the end. */
static Py_UCS4
peek(PyObject *rule, Py_ssize_t at)
{
    return at < PyUnicode_GET_LENGTH(rule) ? PyUnicode_READ_CHAR(rule, at) : 0;
}

static bool
is_letter(Py_UCS4 c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static Span
name_at(PyObject *rule, Py_ssize_t at)
{
    Span name = {at, at};

    while (is_letter(peek(rule, name.end)) ||
           (name.end > at && peek(rule, name.end) >= '0' && peek(rule, name.end) <= '9')) {
        name.end++;
    }
    return name;
}

static Span
letters_at(PyObject *rule, Py_ssize_t at)
{
    Span letters = {at, at};

    while (is_letter(peek(rule, letters.end))) {
        letters.end++;
    }
    return letters;
}

/* A regular expression up to '>'; a backslash takes the next character with it. */
static Span
mask_at(PyObject *rule, Py_ssize_t at)
{
    Span mask = {at, at};
    Py_ssize_t length = PyUnicode_GET_LENGTH(rule);

    while (mask.end < length && peek(rule, mask.end) != '>') {
        if (peek(rule, mask.end) == '\\') {
            if (mask.end + 1 == length || peek(rule, mask.end + 1) == '\n') {
                break;
            }
            mask.end++;
        }
        mask.end++;
    }
    return mask;
}

/* <name>, <name:filter>, <name:filter:mask>; `at` is behind the '<'. */
static bool
read_wildcard(PyObject *rule, Py_ssize_t at, Syntax *found)
{
    found->name = name_at(rule, at);
    at = found->name.end;
    found->filter = found->mask = (Span){at, at};
    if (peek(rule, at) == ':') {
        found->filter = letters_at(rule, at + 1);
        at = found->filter.end;
        if (peek(rule, at) == ':') {
            found->mask = mask_at(rule, at + 1);
            at = found->mask.end;
        }
    }
    found->end = at + 1;
    return peek(rule, at) == '>';
}

/* The older :name and :name#mask#; `at` is behind the ':'. */
static bool
read_old_wildcard(PyObject *rule, Py_ssize_t at, Syntax *found)
{
    Py_ssize_t end;

    found->name = name_at(rule, at);
    at = found->name.end;
    found->filter = found->mask = (Span){at, at};
    found->end = at;
    if (peek(rule, at) == '#') {
        for (end = at + 1; end < PyUnicode_GET_LENGTH(rule) && peek(rule, end) != '\n'; end++) {
            if (peek(rule, end) == '#') {
                found->mask = (Span){at + 1, end};
                found->end = end + 1;
                break;
            }
        }
    }
    return true;
}

static bool
read_any_wildcard(PyObject *rule, Py_ssize_t at, Syntax *found)
{
    Py_UCS4 c = peek(rule, at);

    return c == '<' ? read_wildcard(rule, at + 1, found) : c == ':' && read_old_wildcard(rule, at + 1, found);
}

static PyObject *
text_of(PyObject *rule, Span span)
{
    return PyUnicode_Substring(rule, span.start, span.end);
}

/* The filter of that name; -1 with SetupError set when there is none, or with another exception. */
static int
filter_named(const CpsRoutePath *self, Span span)
{
    PyObject *name = text_of(self->rule, span);
    int filter = -1;

    for (int i = 0; name != NULL && i < (int)Py_ARRAY_LENGTH(filters); i++) {
        if (PyUnicode_CompareWithASCIIString(name, filters[i].name) == 0) {
            filter = i;
        }
    }
    if (name != NULL && filter < 0) {
        cps_raise(self->state, CPS_SETUP_ERROR, "Route %R: there is no filter '%U'", self->rule, name);
    }
    Py_XDECREF(name);
    return filter;
}

/* Returns 0, or -1 with an exception set: SetupError for a regular expression that is none. */
static int
check_mask(const CpsRoutePath *self, PyObject *mask)
{
    PyObject *compile = cps_import(&self->state->re_compile, "re", "compile"); /* borrowed */
    PyObject *pattern = compile == NULL ? NULL : PyObject_CallOneArg(compile, mask);

    if (pattern == NULL) {
        if (compile != NULL && PyErr_ExceptionMatches(PyExc_Exception)) {
            cps_raise_from(self->state, CPS_SETUP_ERROR, "Route %R: bad regular expression %R", self->rule, mask);
        }
        return -1;
    }
    Py_DECREF(pattern);
    return 0;
}

/* Give the literal text that was read to what is in front of it. Returns 0, or -1 with an exception set. */
static int
end_literal(Parser *parser)
{
    CpsRoutePath *self = parser->path;
    PyObject *text = PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, parser->literal, parser->literal_length);
    Wildcard *wildcard;

    parser->literal_length = 0;
    if (text == NULL) {
        return -1;
    }
    if (self->count == 0) {
        self->before = text;
        return 0;
    }
    wildcard = &self->wildcards[self->count - 1];
    wildcard->after = text;
    wildcard->tail = PyUnicode_FindChar(text, '/', 0, PyUnicode_GET_LENGTH(text), 1);
    if (wildcard->tail < 0) {
        wildcard->tail = PyUnicode_GET_LENGTH(text);
    }
    return 0;
}

static int
fill_wildcard(const CpsRoutePath *self, Wildcard *wildcard, const Syntax *found)
{
    int filter = filter_named(self, found->filter);
    bool masked = found->mask.end > found->mask.start;

    if (filter < 0) {
        return -1;
    }
    if (filter == FILTER_SEGMENT && masked) {
        filter = FILTER_RE; /* :name#mask# and <name::mask> */
    }
    wildcard->filter = filter == FILTER_RE && !masked ? FILTER_SEGMENT : (Filter)filter;
    if (found->name.end > found->name.start) {
        wildcard->name = text_of(self->rule, found->name);
        if (wildcard->name == NULL) {
            return -1;
        }
        PyUnicode_InternInPlace(&wildcard->name);
    }
    if (wildcard->filter == FILTER_RE) {
        wildcard->mask = text_of(self->rule, found->mask);
        return wildcard->mask == NULL ? -1 : check_mask(self, wildcard->mask);
    }
    return 0;
}

static int
add_wildcard(Parser *parser, const Syntax *found)
{
    CpsRoutePath *self = parser->path;
    Wildcard *grown;

    if (end_literal(parser) < 0) {
        return -1;
    }
    grown = PyMem_Realloc(self->wildcards, (size_t)(self->count + 1) * sizeof(Wildcard));
    if (grown == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->wildcards = grown;
    grown[self->count] = (Wildcard){0};
    return fill_wildcard(self, &grown[self->count++], found);
}

static void
add_literal(Parser *parser, Py_ssize_t start, Py_ssize_t end)
{
    for (Py_ssize_t i = start; i < end; i++) {
        parser->literal[parser->literal_length++] = PyUnicode_READ_CHAR(parser->path->rule, i);
    }
}

/* Backslashes before a wildcard are dropped; an odd number of them makes it literal text. */
static int
parse(Parser *parser)
{
    PyObject *rule = parser->path->rule;
    Py_ssize_t at = 0;

    while (at < PyUnicode_GET_LENGTH(rule)) {
        Py_ssize_t start = at;
        Syntax found;

        while (peek(rule, at) == '\\') {
            at++;
        }
        if (!read_any_wildcard(rule, at, &found)) {
            at = at == start ? at + 1 : at;
            add_literal(parser, start, at);
            continue;
        }
        if ((at - start) % 2 == 1) {
            add_literal(parser, at, found.end);
        }
        else if (add_wildcard(parser, &found) < 0) {
            return -1;
        }
        at = found.end;
    }
    return end_literal(parser);
}

/* ---- as a regular expression ---- */

/* `text` with a backslash before all that could mean something. New, or NULL with an exception set. */
static PyObject *
escaped(PyObject *text)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(text), count = 0;
    Py_UCS4 *out = PyMem_New(Py_UCS4, 2 * (size_t)length + 1);
    PyObject *result;

    if (out == NULL) {
        return PyErr_NoMemory();
    }
    for (Py_ssize_t i = 0; i < length; i++) {
        Py_UCS4 c = PyUnicode_READ_CHAR(text, i);

        if (c < 128 && !Py_ISALNUM(c)) {
            out[count++] = '\\';
        }
        out[count++] = c;
    }
    result = PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, out, count);
    PyMem_Free(out);
    return result;
}

/* The wildcard and what follows it. New, or NULL with an exception set. */
static PyObject *
wildcard_pattern(const Wildcard *wildcard, bool named)
{
    PyObject *after = escaped(wildcard->after), *result = NULL;
    PyObject *mask =
        wildcard->mask != NULL ? Py_NewRef(wildcard->mask) : PyUnicode_FromString(filters[wildcard->filter].mask);

    if (after != NULL && mask != NULL) {
        result = named && wildcard->name != NULL ? PyUnicode_FromFormat("(?P<%U>%U)%U", wildcard->name, mask, after)
                                                 : PyUnicode_FromFormat("(?:%U)%U", mask, after);
    }
    Py_XDECREF(after);
    Py_XDECREF(mask);
    return result;
}

static PyObject *
pattern_of(const CpsRoutePath *self, bool named)
{
    PyObject *pattern = escaped(self->before);

    for (int i = 0; i < self->count && pattern != NULL; i++) {
        PyUnicode_AppendAndDel(&pattern, wildcard_pattern(&self->wildcards[i], named));
    }
    return pattern;
}

/* Whether the end of the wildcard is clear without trying several: from the next slash, or from the first character that it
 * cannot have. */
static bool
is_simple(const Wildcard *wildcard, bool last)
{
    Py_UCS4 next = peek(wildcard->after, 0);

    switch (wildcard->filter) {
    case FILTER_SEGMENT:
        return last || wildcard->tail < PyUnicode_GET_LENGTH(wildcard->after);
    case FILTER_INT:
        return last ? !Py_UNICODE_ISDECIMAL(next) : next != 0 && !Py_UNICODE_ISDECIMAL(next);
    case FILTER_FLOAT:
        return (last || next != 0) && next != '.' && !Py_UNICODE_ISDECIMAL(next);
    case FILTER_PATH:
        return last;
    default:
        return false;
    }
}

static int
compile_if_needed(CpsRoutePath *self)
{
    PyObject *compile, *text, *pattern = NULL;
    bool simple = self->count <= MAX_SPANS;

    for (int i = 0; i < self->count; i++) {
        simple = simple && is_simple(&self->wildcards[i], i == self->count - 1);
    }
    if (simple) {
        return 0;
    }
    compile = cps_import(&self->state->re_compile, "re", "compile"); /* borrowed */
    text = compile == NULL ? NULL : pattern_of(self, true);
    if (text != NULL) {
        pattern = PyObject_CallOneArg(compile, text);
        if (pattern == NULL && PyErr_ExceptionMatches(PyExc_Exception)) {
            cps_raise_from(self->state, CPS_SETUP_ERROR, "Route %R: bad regular expression %R", self->rule, text);
        }
    }
    self->fullmatch = pattern == NULL ? NULL : PyObject_GetAttrString(pattern, "fullmatch");
    Py_XDECREF(text);
    Py_XDECREF(pattern);
    return self->fullmatch == NULL ? -1 : 0;
}

/* ---- making one ---- */

static int
check_names(const CpsRoutePath *self)
{
    for (int i = 0; i < self->count; i++) {
        for (int j = 0; j < i; j++) {
            if (self->wildcards[i].name != NULL && self->wildcards[i].name == self->wildcards[j].name) {
                cps_raise(self->state, CPS_SETUP_ERROR, "Route %R has two wildcards named '%U'", self->rule,
                          self->wildcards[i].name);
                return -1;
            }
        }
    }
    return 0;
}

static int
fill(CpsRoutePath *self)
{
    Parser parser = {self, PyMem_New(Py_UCS4, (size_t)PyUnicode_GET_LENGTH(self->rule) + 1), 0};
    int status;

    if (parser.literal == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    status = parse(&parser);
    PyMem_Free(parser.literal);
    return status < 0 || check_names(self) < 0 ? -1 : compile_if_needed(self);
}

CpsRoutePath *
cps_route_path_new(CpsState *state, PyObject *rule)
{
    CpsRoutePath *self = PyMem_Calloc(1, sizeof(CpsRoutePath));

    if (self == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    self->state = state;
    self->rule = Py_NewRef(rule);
    if (fill(self) < 0) {
        cps_route_path_free(self);
        return NULL;
    }
    return self;
}

void
cps_route_path_free(CpsRoutePath *self)
{
    if (self == NULL) {
        return;
    }
    for (int i = 0; i < self->count; i++) {
        Py_XDECREF(self->wildcards[i].name);
        Py_XDECREF(self->wildcards[i].mask);
        Py_XDECREF(self->wildcards[i].after);
    }
    PyMem_Free(self->wildcards);
    Py_XDECREF(self->fullmatch);
    Py_XDECREF(self->before);
    Py_DECREF(self->rule);
    PyMem_Free(self);
}

PyObject *
cps_route_path_literal(const CpsRoutePath *self)
{
    return self->count == 0 ? self->before : NULL;
}

PyObject *
cps_route_path_key(const CpsRoutePath *self)
{
    return pattern_of(self, false);
}

int
cps_route_path_wildcards(const CpsRoutePath *self)
{
    return self->count;
}

PyObject *
cps_route_path_wildcard(const CpsRoutePath *self, int index)
{
    return self->wildcards[index].name;
}

/* ---- matching ---- */

static Py_ssize_t
number_end(PyObject *path, Py_ssize_t at, bool point)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(path), start;

    if (at < length && PyUnicode_READ_CHAR(path, at) == '-') {
        at++;
    }
    start = at;
    while (at < length &&
           (Py_UNICODE_ISDECIMAL(PyUnicode_READ_CHAR(path, at)) || (point && PyUnicode_READ_CHAR(path, at) == '.'))) {
        at++;
    }
    return at == start ? -1 : at;
}

static Py_ssize_t
segment_end(PyObject *path, Py_ssize_t at, Py_ssize_t tail)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(path), end = PyUnicode_FindChar(path, '/', at, length, 1);

    return (end < 0 ? length : end) - tail;
}

static Py_ssize_t
rest_end(PyObject *path, Py_ssize_t at, Py_ssize_t tail)
{
    Py_ssize_t end = PyUnicode_GET_LENGTH(path) - tail;

    return end > at && PyUnicode_FindChar(path, '\n', at, end, 1) < 0 ? end : -1;
}

/* Where a simple wildcard ends that starts at `at`: behind it; anything else means that it does not fit. */
static Py_ssize_t
wildcard_end(const Wildcard *wildcard, PyObject *path, Py_ssize_t at)
{
    switch (wildcard->filter) {
    case FILTER_SEGMENT:
        return segment_end(path, at, wildcard->tail);
    case FILTER_INT:
        return number_end(path, at, false);
    case FILTER_FLOAT:
        return number_end(path, at, true);
    default:
        return rest_end(path, at, PyUnicode_GET_LENGTH(wildcard->after));
    }
}

/* Whether `text` stands at `at`. */
static bool
stands_at(PyObject *path, Py_ssize_t at, PyObject *text)
{
    return PyUnicode_GET_LENGTH(text) == 0 || PyUnicode_Tailmatch(path, text, at, PyUnicode_GET_LENGTH(path), -1) == 1;
}

static bool
find_spans(const CpsRoutePath *self, PyObject *path, Span spans[MAX_SPANS])
{
    Py_ssize_t at = PyUnicode_GET_LENGTH(self->before);

    if (!stands_at(path, 0, self->before)) {
        return false;
    }
    for (int i = 0; i < self->count; i++) {
        const Wildcard *wildcard = &self->wildcards[i];
        Py_ssize_t end = wildcard_end(wildcard, path, at);

        if (end <= at || !stands_at(path, end, wildcard->after)) {
            return false;
        }
        spans[i] = (Span){at, end};
        at = end + PyUnicode_GET_LENGTH(wildcard->after);
    }
    return at == PyUnicode_GET_LENGTH(path);
}

/* The match object, None, or NULL with an exception set. */
static PyObject *
regex_match(const CpsRoutePath *self, PyObject *path)
{
    return stands_at(path, 0, self->before) ? PyObject_CallOneArg(self->fullmatch, path) : Py_NewRef(Py_None);
}

int
cps_route_path_fits(const CpsRoutePath *self, PyObject *path)
{
    Span spans[MAX_SPANS];
    PyObject *match;
    int result;

    if (self->fullmatch == NULL) {
        return find_spans(self, path, spans);
    }
    match = regex_match(self, path);
    result = match == NULL ? -1 : match != Py_None;
    Py_XDECREF(match);
    return result;
}

/* Takes `text`, which may be NULL. New, or NULL with an exception set. */
static PyObject *
converted(Filter filter, PyObject *text)
{
    PyObject *value;

    if (text == NULL || (filter != FILTER_INT && filter != FILTER_FLOAT)) {
        return text;
    }
    value = filter == FILTER_INT ? PyLong_FromUnicodeObject(text, 10) : PyFloat_FromString(text);
    Py_DECREF(text);
    return value;
}

/* The values, from the spans or, when that is not NULL, from the match object. */
static PyObject *
values_of(const CpsRoutePath *self, PyObject *path, const Span *spans, PyObject *match)
{
    PyObject *values = PyDict_New();

    for (int i = 0; i < self->count && values != NULL; i++) {
        const Wildcard *wildcard = &self->wildcards[i];
        PyObject *value;

        if (wildcard->name == NULL) {
            continue;
        }
        value = converted(wildcard->filter,
                          match == NULL ? text_of(path, spans[i]) : PyObject_GetItem(match, wildcard->name));
        if (value == NULL || PyDict_SetItem(values, wildcard->name, value) < 0) {
            Py_CLEAR(values);
        }
        Py_XDECREF(value);
    }
    return values;
}

int
cps_route_path_match(const CpsRoutePath *self, PyObject *path, PyObject **values_p)
{
    Span spans[MAX_SPANS];
    PyObject *match = NULL, *values;

    *values_p = NULL;
    if (self->fullmatch == NULL) {
        if (!find_spans(self, path, spans)) {
            return 0;
        }
    }
    else {
        match = regex_match(self, path);
        if (match == NULL || match == Py_None) {
            Py_XDECREF(match);
            return match == NULL ? -1 : 0;
        }
    }
    values = values_of(self, path, spans, match);
    Py_XDECREF(match);
    if (values == NULL) {
        return -1;
    }
    if (PyDict_GET_SIZE(values) == 0) {
        Py_CLEAR(values);
    }
    *values_p = values;
    return 1;
}
