#include "xml/path.h"

#include "xml/document.h"

#include <libxml/xpath.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_STEPS = 16, MAX_PREDICATES = 4 };

/* Which nodes a step, or what is in a predicate, leads to. */
typedef struct {
    enum { CHILDREN, ATTRIBUTES, TEXTS, SELF } axis;
    const char *prefix;   /* NULL: none */
    const char *name;     /* NULL: any */
    const xmlChar *space; /* of the prefix, in the document at hand */
} Test;

typedef struct {
    enum { POSITION, EXISTS, COMPARISON } kind;
    Test operand;
    enum { EQUAL, UNEQUAL, LESS, LESS_OR_EQUAL, GREATER, GREATER_OR_EQUAL } comparison;
    const char *text; /* the literal; NULL: a number */
    double number;    /* it, or the position */
} Predicate;

typedef struct {
    bool descends;  /* begins at each descendant of where the step before ended, or there */
    bool positions; /* has a predicate of that kind */
    Test test;
    Predicate predicates[MAX_PREDICATES];
    int predicate_count;
} Step;

struct CpsPath {
    bool absolute;
    Step steps[MAX_STEPS];
    int step_count;
    char *names; /* owned: the names and literals, each ended by a zero byte */
};

/* --- parsing ------------------------------------------------------------------------------------------------------------------ */

typedef struct {
    const char *at;
    char *names; /* where the next one is stored */
} Parser;

static void
skip_spaces(Parser *parser)
{
    parser->at += strspn(parser->at, " \t\r\n");
}

/* Whether `token` is next; then it is taken. */
static bool
take(Parser *parser, const char *token)
{
    size_t length = strlen(token);

    skip_spaces(parser);
    if (strncmp(parser->at, token, length) != 0) {
        return false;
    }
    parser->at += length;
    return true;
}

static const char *
store(Parser *parser, const char *text, size_t length)
{
    char *stored = parser->names;

    memcpy(stored, text, length);
    stored[length] = '\0';
    parser->names += length + 1;
    return stored;
}

static bool
starts_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* A name, or NULL. */
static const char *
parse_name(Parser *parser)
{
    const char *start = parser->at;

    if (!starts_name(*start)) {
        return NULL;
    }
    while (starts_name(*parser->at) || (*parser->at >= '0' && *parser->at <= '9') || *parser->at == '-' ||
           *parser->at == '.') {
        parser->at++;
    }
    return store(parser, start, (size_t)(parser->at - start));
}

/* What follows a name that is the whole test: no ':' of an axis, no '(' of a function. */
static bool
ends_name(Parser *parser)
{
    skip_spaces(parser);
    return *parser->at != ':' && *parser->at != '(';
}

/* 'name', 'prefix:name', 'prefix:*' or '*'. */
static bool
parse_qname(Parser *parser, Test *test)
{
    if (take(parser, "*")) {
        return true;
    }
    test->name = parse_name(parser);
    if (test->name != NULL && parser->at[0] == ':' && parser->at[1] != ':') {
        parser->at++;
        test->prefix = test->name;
        test->name = *parser->at == '*' ? NULL : parse_name(parser);
        if (test->name == NULL && *parser->at++ != '*') {
            return false;
        }
        return ends_name(parser);
    }
    return test->name != NULL && ends_name(parser);
}

static bool
parse_test(Parser *parser, Test *test)
{
    const char *start;

    skip_spaces(parser);
    start = parser->at;
    if (take(parser, "text") && take(parser, "(") && take(parser, ")")) {
        test->axis = TEXTS;
        return true;
    }
    parser->at = start;
    test->axis = take(parser, "@") ? ATTRIBUTES : CHILDREN;
    skip_spaces(parser);
    return parse_qname(parser, test);
}

/* A number of XPath, which has no exponent and no sign. */
static bool
parse_number(Parser *parser, double *number)
{
    size_t length, digits;

    skip_spaces(parser);
    length = strspn(parser->at, "0123456789.");
    digits = length;
    for (size_t i = 0, points = 0; i < length; i++) {
        points += parser->at[i] == '.';
        digits -= parser->at[i] == '.';
        if (points > 1) {
            return false;
        }
    }
    if (digits == 0) {
        return false;
    }
    *number = xmlXPathCastStringToNumber((const xmlChar *)store(parser, parser->at, length));
    parser->at += length;
    return true;
}

/* A string or a number. */
static bool
parse_literal(Parser *parser, Predicate *predicate)
{
    const char *end;

    skip_spaces(parser);
    if (*parser->at != '"' && *parser->at != '\'') {
        return parse_number(parser, &predicate->number);
    }
    end = strchr(parser->at + 1, *parser->at);
    if (end == NULL) {
        return false;
    }
    predicate->text = store(parser, parser->at + 1, (size_t)(end - parser->at) - 1);
    predicate->number = xmlXPathCastStringToNumber((const xmlChar *)predicate->text);
    parser->at = end + 1;
    return true;
}

static bool
parse_comparison(Parser *parser, Predicate *predicate)
{
    static const struct {
        const char *token;
        int comparison;
    } comparisons[] = {{"=", EQUAL}, {"!=", UNEQUAL},          {"<=", LESS_OR_EQUAL},
                       {"<", LESS},  {">=", GREATER_OR_EQUAL}, {">", GREATER}};

    for (size_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++) {
        if (take(parser, comparisons[i].token)) {
            predicate->kind = COMPARISON;
            predicate->comparison = comparisons[i].comparison;
            return parse_literal(parser, predicate);
        }
    }
    predicate->kind = EXISTS;
    return true;
}

/* What is between '[' and ']'. */
static bool
parse_predicate(Parser *parser, Predicate *predicate)
{
    skip_spaces(parser);
    if ((*parser->at >= '0' && *parser->at <= '9') ||
        (parser->at[0] == '.' && parser->at[1] >= '0' && parser->at[1] <= '9')) {
        predicate->kind = POSITION;
        return parse_number(parser, &predicate->number) && take(parser, "]");
    }
    if (parser->at[0] == '.' && parser->at[1] != '.') {
        parser->at++;
        predicate->operand.axis = SELF;
    }
    else if (!parse_test(parser, &predicate->operand)) {
        return false;
    }
    return parse_comparison(parser, predicate) && take(parser, "]");
}

static bool
parse_step(Parser *parser, Step *step)
{
    if (!parse_test(parser, &step->test)) {
        return false;
    }
    while (take(parser, "[")) {
        if (step->predicate_count == MAX_PREDICATES || step->test.axis != CHILDREN ||
            !parse_predicate(parser, &step->predicates[step->predicate_count])) {
            return false;
        }
        step->positions |= step->predicates[step->predicate_count++].kind == POSITION;
    }
    return true;
}

/* '/', '//' or nothing at the start; './/' too. */
static bool
parse_start(Parser *parser, CpsPath *path)
{
    bool here = take(parser, ".");
    bool descends = take(parser, "//");

    path->absolute = !here && (descends || take(parser, "/"));
    path->steps[0].descends = descends;
    return !here || descends;
}

static bool
parse_path(Parser *parser, CpsPath *path)
{
    int descents = 0;

    if (!parse_start(parser, path)) {
        return false;
    }
    for (;;) {
        Step *step = &path->steps[path->step_count++];

        descents += step->descends;
        if (descents > 1 || !parse_step(parser, step)) {
            return false;
        }
        skip_spaces(parser);
        if (*parser->at == '\0') {
            return true;
        }
        if (path->step_count == MAX_STEPS || step->test.axis != CHILDREN) {
            return false;
        }
        path->steps[path->step_count].descends = take(parser, "//");
        if (!path->steps[path->step_count].descends && !take(parser, "/")) {
            return false;
        }
    }
}

/* Which of the other characters may stand in a name or a literal is left to libxml2. */
static bool
is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((*text < ' ' && strchr("\t\r\n", *text) == NULL) || *text > '~') {
            return false;
        }
    }
    return true;
}

CpsPath *
cps_path_new(const char *xpath)
{
    CpsPath *path = is_printable(xpath) ? calloc(1, sizeof(*path)) : NULL;
    Parser parser = {.at = xpath};

    if (path == NULL) {
        return NULL;
    }
    path->names = malloc(2 * strlen(xpath) + 2); /* each has at least one byte, and gets one more */
    parser.names = path->names;
    if (path->names == NULL || !parse_path(&parser, path)) {
        cps_path_free(&path);
    }
    return path;
}

void
cps_path_free(CpsPath **path_p)
{
    CpsPath *path = *path_p;

    if (path != NULL) {
        *path_p = NULL;
        free(path->names);
        free(path);
    }
}

/* --- namespaces ----------------------------------------------------------------------------------------------------------------- */

static bool
resolve_test(Test *test, xmlNs *const *namespaces, int count)
{
    test->space = NULL;
    for (int i = 0; test->prefix != NULL && test->space == NULL && i < count; i++) {
        if (xmlStrEqual(namespaces[i]->prefix, (const xmlChar *)test->prefix)) {
            test->space = namespaces[i]->href;
        }
    }
    return test->prefix == NULL || test->space != NULL;
}

bool
cps_path_resolve(CpsPath *self, xmlNs *const *namespaces, int count)
{
    bool all = true;

    for (Step *step = self->steps; all && step < self->steps + self->step_count; step++) {
        all = resolve_test(&step->test, namespaces, count);
        for (int i = 0; all && i < step->predicate_count; i++) {
            all = resolve_test(&step->predicates[i].operand, namespaces, count);
        }
    }
    return all;
}

/* --- walking -------------------------------------------------------------------------------------------------------------------- */

static bool
fits_name(const Test *test, const xmlChar *name, const xmlNs *space)
{
    if (test->name != NULL && (*test->name != (char)*name || strcmp(test->name, (const char *)name) != 0)) {
        return false;
    }
    if (test->prefix != NULL) {
        return space != NULL && (space->href == test->space || xmlStrEqual(space->href, test->space));
    }
    return test->name == NULL || space == NULL;
}

static bool
fits_child(const Test *test, const xmlNode *node)
{
    return test->axis == TEXTS ? cps_xml_is_text(node)
                               : node->type == XML_ELEMENT_NODE && fits_name(test, node->name, node->ns);
}

/* The first node of a test from `node` on, among its siblings. */
static const xmlNode *
next_fitting(const Test *test, const xmlNode *node)
{
    if (test->axis == ATTRIBUTES) {
        while (node != NULL && !fits_name(test, node->name, ((const xmlAttr *)node)->ns)) {
            node = node->next;
        }
        return node;
    }
    while (node != NULL && !fits_child(test, node)) {
        node = node->next;
    }
    return node;
}

/* The first node of a test in `parent`, an element or the document. */
static const xmlNode *
first_fitting(const Test *test, const xmlNode *parent)
{
    if (test->axis != ATTRIBUTES) {
        return next_fitting(test, parent->children);
    }
    return parent->type == XML_ELEMENT_NODE ? next_fitting(test, (const xmlNode *)parent->properties) : NULL;
}

static bool
compare_numbers(const Predicate *predicate, double value)
{
    switch (predicate->comparison) {
    case EQUAL:
        return value == predicate->number;
    case UNEQUAL:
        return value != predicate->number;
    case LESS:
        return value < predicate->number;
    case LESS_OR_EQUAL:
        return value <= predicate->number;
    case GREATER:
        return value > predicate->number;
    default:
        return value >= predicate->number;
    }
}

static bool
compare_text(const Predicate *predicate, const xmlChar *text)
{
    if (predicate->text == NULL || (predicate->comparison != EQUAL && predicate->comparison != UNEQUAL)) {
        return compare_numbers(predicate, xmlXPathCastStringToNumber(text));
    }
    return xmlStrEqual(text, (const xmlChar *)predicate->text) == (predicate->comparison == EQUAL);
}

/* Compare the string-value of a node. */
static bool
compare_node(const Predicate *predicate, const xmlNode *node)
{
    const xmlNode *only = cps_xml_is_text(node) ? node : node->children;
    xmlChar *value;
    bool result;

    if (only == NULL) {
        return compare_text(predicate, (const xmlChar *)"");
    }
    if (cps_xml_is_text(only) && (only == node || only->next == NULL)) {
        return compare_text(predicate, only->content == NULL ? (const xmlChar *)"" : only->content);
    }
    value = xmlNodeGetContent(node);
    result = value != NULL && compare_text(predicate, value);
    xmlFree(value);
    return result;
}

/* Whether one of the nodes that the predicate speaks of is there, and compares as it says. */
static bool
holds(const Predicate *predicate, const xmlNode *element)
{
    const Test *test = &predicate->operand;
    const xmlNode *node = test->axis == SELF ? element : first_fitting(test, element);

    if (predicate->kind == EXISTS || node == NULL) {
        return node != NULL;
    }
    if (test->axis == SELF) {
        return compare_node(predicate, element);
    }
    for (; node != NULL; node = next_fitting(test, node->next)) {
        if (compare_node(predicate, node)) {
            return true;
        }
    }
    return false;
}

/* Whether an element passes all predicates; `positions` counts those that reached each. */
static bool
passes(const Step *step, const xmlNode *element, double *positions)
{
    for (int i = 0; i < step->predicate_count; i++) {
        const Predicate *predicate = &step->predicates[i];

        positions[i]++;
        if (predicate->kind == POSITION ? positions[i] != predicate->number : !holds(predicate, element)) {
            return false;
        }
    }
    return true;
}

typedef struct {
    const CpsPath *path;
    CpsPathVisit visit;
    void *context;
} Walk;

static int walk_step(const Walk *walk, int index, const xmlNode *from);

/* A step has led to the node. */
static int
go_on(const Walk *walk, int index, const xmlNode *node)
{
    return index + 1 < walk->path->step_count ? walk_step(walk, index + 1, node) : walk->visit(node, walk->context);
}

/* Take a step from an element or the document. */
static int
take_step(const Walk *walk, int index, const xmlNode *from)
{
    const Step *step = &walk->path->steps[index];
    double positions[MAX_PREDICATES] = {0};
    int result = 0;

    for (const xmlNode *node = first_fitting(&step->test, from); result == 0 && node != NULL;
         node = next_fitting(&step->test, node->next)) {
        if (passes(step, node, positions)) {
            result = go_on(walk, index, node);
        }
    }
    return result;
}

/* The node after `node` in the order of the document, below `top`; only elements have nodes below them here. */
static const xmlNode *
next_in_document(const xmlNode *node, const xmlNode *top)
{
    if ((node->type == XML_ELEMENT_NODE || node == top) && node->children != NULL) {
        return node->children;
    }
    while (node != top && node->next == NULL) {
        node = node->parent;
    }
    return node == top ? NULL : node->next;
}

/* Take a step to children from a node and all below: they are all below it but itself. */
static int
take_descending_step(const Walk *walk, int index, const xmlNode *from)
{
    const Step *step = &walk->path->steps[index];
    double positions[MAX_PREDICATES] = {0};
    int result = 0;

    for (const xmlNode *node = next_in_document(from, from); result == 0 && node != NULL;
         node = next_in_document(node, from)) {
        if (fits_child(&step->test, node) && passes(step, node, positions)) {
            result = go_on(walk, index, node);
        }
    }
    return result;
}

/* Take a step from where the one before ended, or from there and all below. */
static int
walk_step(const Walk *walk, int index, const xmlNode *from)
{
    const Step *step = &walk->path->steps[index];
    int result = 0;

    if (!step->descends) {
        return take_step(walk, index, from);
    }
    if (step->test.axis != ATTRIBUTES && !step->positions) {
        return take_descending_step(walk, index, from);
    }
    for (const xmlNode *node = from; result == 0 && node != NULL; node = next_in_document(node, from)) {
        if (node->type == XML_ELEMENT_NODE || node == from) {
            result = take_step(walk, index, node);
        }
    }
    return result;
}

int
cps_path_walk(const CpsPath *self, xmlNode *element, CpsPathVisit visit, void *context)
{
    Walk walk = {self, visit, context};

    return walk_step(&walk, 0, self->absolute ? (const xmlNode *)element->doc : element);
}
