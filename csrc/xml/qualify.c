#include "xml/qualify.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* What the last token was, as far as it tells what a name that follows means (XPath 1.0, 3.7). */
typedef enum {
    AFTER_OPERATOR,  /* or at the start, or after what opens something: a name is a test */
    AFTER_OPERAND,   /* a name is an operator: and, or, div, mod */
    AFTER_ATTRIBUTE, /* '@' or an axis of something else than elements: a name is no element's */
} Place;

typedef struct {
    const char *at; /* what has not been read */
    char *out;      /* where the next byte is written */
    Place place;
} Scanner;

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Bytes of other letters than ASCII's are taken for parts of names: the operators are all ASCII. */
static bool
starts_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t
name_length(const char *text)
{
    size_t length = 0;

    if (starts_name(*text)) {
        do {
            length++;
        } while (starts_name(text[length]) || is_digit(text[length]) || text[length] == '-' || text[length] == '.');
    }
    return length;
}

static const char *
skip_spaces(const char *text)
{
    while (is_space(*text)) {
        text++;
    }
    return text;
}

static void
copy_bytes(Scanner *scanner, size_t count)
{
    memcpy(scanner->out, scanner->at, count);
    scanner->out += count;
    scanner->at += count;
}

/* A literal, to its end or that of the text. */
static void
scan_literal(Scanner *scanner)
{
    const char *end = strchr(scanner->at + 1, *scanner->at);

    copy_bytes(scanner, end == NULL ? strlen(scanner->at) : (size_t)(end - scanner->at) + 1);
    scanner->place = AFTER_OPERAND;
}

/* The length of 'name' or 'prefix:name' or 'prefix:*'; *prefixed tells which. */
static size_t
qname_length(const char *text, bool *prefixed)
{
    size_t length = name_length(text);

    *prefixed = text[length] == ':' && text[length + 1] != ':';
    if (*prefixed) {
        length++;
        length += text[length] == '*' ? 1 : name_length(text + length);
    }
    return length;
}

static void
scan_axis(Scanner *scanner, size_t length)
{
    bool other = (length == strlen("attribute") && memcmp(scanner->at, "attribute", length) == 0) ||
                 (length == strlen("namespace") && memcmp(scanner->at, "namespace", length) == 0);

    copy_bytes(scanner, length);
    copy_bytes(scanner, (size_t)(skip_spaces(scanner->at) - scanner->at) + 2); /* '::' */
    scanner->place = other ? AFTER_ATTRIBUTE : AFTER_OPERATOR;
}

static void
scan_name(Scanner *scanner)
{
    bool prefixed;
    size_t length = qname_length(scanner->at, &prefixed);
    const char *next = skip_spaces(scanner->at + length);

    if (scanner->place == AFTER_OPERAND && !prefixed) { /* an operator */
        copy_bytes(scanner, length);
        scanner->place = AFTER_OPERATOR;
    }
    else if (!prefixed && next[0] == ':' && next[1] == ':') {
        scan_axis(scanner, length);
    }
    else {
        if (!prefixed && *next != '(' && scanner->place == AFTER_OPERATOR) {
            memcpy(scanner->out, CPS_XPATH_DEFAULT_PREFIX ":", strlen(CPS_XPATH_DEFAULT_PREFIX ":"));
            scanner->out += strlen(CPS_XPATH_DEFAULT_PREFIX ":");
        }
        copy_bytes(scanner, length);
        scanner->place = AFTER_OPERAND;
    }
}

/* '$name': a reference to a variable. */
static void
scan_variable(Scanner *scanner)
{
    bool prefixed;

    copy_bytes(scanner, 1);
    copy_bytes(scanner, (size_t)(skip_spaces(scanner->at) - scanner->at));
    copy_bytes(scanner, qname_length(scanner->at, &prefixed));
    scanner->place = AFTER_OPERAND;
}

/* One byte of anything else: a digit, a sign or white space. */
static void
scan_sign(Scanner *scanner)
{
    char c = *scanner->at;

    if (c == '@') {
        scanner->place = AFTER_ATTRIBUTE;
    }
    else if (is_digit(c) || strchr(").]", c) != NULL || (c == '*' && scanner->place != AFTER_OPERAND)) {
        scanner->place = AFTER_OPERAND;
    }
    else if (!is_space(c)) {
        scanner->place = AFTER_OPERATOR;
    }
    copy_bytes(scanner, 1);
}

char *
cps_xpath_qualify(const char *xpath)
{
    /* a name is at least one byte, and is followed by at least one byte before the next */
    size_t size = strlen(xpath) + (strlen(xpath) / 2 + 1) * strlen(CPS_XPATH_DEFAULT_PREFIX ":") + 1;
    char *qualified = malloc(size);
    Scanner scanner = {xpath, qualified, AFTER_OPERATOR};

    if (qualified == NULL) {
        return NULL;
    }
    while (*scanner.at != '\0') {
        if (*scanner.at == '"' || *scanner.at == '\'') {
            scan_literal(&scanner);
        }
        else if (*scanner.at == '$') {
            scan_variable(&scanner);
        }
        else if (starts_name(*scanner.at)) {
            scan_name(&scanner);
        }
        else {
            scan_sign(&scanner);
        }
    }
    *scanner.out = '\0';
    return qualified;
}
