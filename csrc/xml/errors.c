#include "xml/errors.h"

#include <libxml/globals.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libxml2 names its own option: say how a script gives it. */
static void
name_option(char *message)
{
    static const char THEIRS[] = "XML_PARSE_HUGE", OURS[] = "huge=True";
    char *place = strstr(message, THEIRS);

    if (place != NULL) {
        memcpy(place, OURS, sizeof(OURS) - 1);
        memmove(place + sizeof(OURS) - 1, place + sizeof(THEIRS) - 1, strlen(place + sizeof(THEIRS) - 1) + 1);
    }
}

/* libxml2's messages end with a line break, and some hold others. */
static void
join_lines(char *message)
{
    size_t length = strlen(message);

    while (length > 0 && (message[length - 1] == '\n' || message[length - 1] == ' ')) {
        message[--length] = '\0';
    }
    for (char *c = message; *c != '\0'; c++) {
        if (*c == '\n') {
            *c = ' ';
        }
    }
}

/* Room for one more error, zero-filled, or NULL. */
static CpsXmlError *
next_error(CpsXmlErrors *errors)
{
    if (errors->count == CPS_XML_MAX_ERRORS) {
        return NULL;
    }
    if (errors->count == errors->capacity) {
        size_t capacity = errors->capacity == 0 ? 4 : 2 * errors->capacity;
        CpsXmlError *items = realloc(errors->items, capacity * sizeof(*items));

        if (items == NULL) {
            return NULL;
        }
        errors->items = items;
        errors->capacity = capacity;
    }
    memset(&errors->items[errors->count], 0, sizeof(*errors->items));
    return &errors->items[errors->count];
}

/* Take `message`, which may be NULL for want of memory. What is lost counts unless it is a warning. */
static void
add_error(CpsXmlErrors *errors, char *message, CpsXmlError error)
{
    CpsXmlError *slot = message == NULL ? NULL : next_error(errors);

    if (slot == NULL) {
        free(message);
        errors->lost += error.level > XML_ERR_WARNING;
        return;
    }
    join_lines(message);
    name_option(message);
    error.message = message;
    *slot = error;
    errors->count++;
}

void
cps_xml_errors_free(CpsXmlErrors *errors)
{
    for (size_t i = 0; i < errors->count; i++) {
        free(errors->items[i].message);
    }
    free(errors->items);
    memset(errors, 0, sizeof(*errors));
}

static void
add_text(CpsXmlErrors *errors, int line, int column, const char *format, va_list arguments)
{
    char *message;

    if (vasprintf(&message, format, arguments) < 0) {
        message = NULL;
    }
    add_error(errors, message, (CpsXmlError){.line = line, .column = column, .level = XML_ERR_FATAL});
}

void
cps_xml_errors_add(CpsXmlErrors *errors, int line, int column, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add_text(errors, line, column, format, arguments);
    va_end(arguments);
}

bool
cps_xml_errors_failed(const CpsXmlErrors *errors)
{
    return errors->lost > 0 || cps_xml_errors_first(errors) != NULL;
}

const CpsXmlError *
cps_xml_errors_first(const CpsXmlErrors *errors)
{
    for (size_t i = 0; i < errors->count; i++) {
        if (errors->items[i].level > XML_ERR_WARNING) {
            return &errors->items[i];
        }
    }
    return NULL;
}

void
cps_xml_errors_on_report(void *errors, CpsXmlReport report)
{
    if (errors == NULL) {
        return;
    }
    add_error(errors, strdup(report->message == NULL ? "unknown error" : report->message),
              (CpsXmlError){
                  .line = report->line,
                  .column = report->int2, /* of parser errors; others leave it 0 */
                  .level = report->level,
                  .domain = report->domain,
                  .code = report->code,
              });
}

static void
on_message(void *errors, const char *format, ...)
{
    va_list arguments;

    if (errors == NULL) {
        return;
    }
    va_start(arguments, format);
    add_text(errors, 0, 0, format, arguments);
    va_end(arguments);
}

CpsXmlHandlers
cps_xml_errors_begin(CpsXmlErrors *reports, CpsXmlErrors *messages)
{
    CpsXmlHandlers before = {xmlStructuredError, xmlStructuredErrorContext, xmlGenericError, xmlGenericErrorContext};

    xmlSetStructuredErrorFunc(reports, (xmlStructuredErrorFunc)cps_xml_errors_on_report);
    xmlSetGenericErrorFunc(messages, on_message);
    return before;
}

void
cps_xml_errors_end(CpsXmlHandlers before)
{
    xmlSetGenericErrorFunc(before.messages, before.on_message);
    xmlSetStructuredErrorFunc(before.reports, before.on_report);
}
