/* contenttype.h: what a request's Content-Type says (RFC 9110, 8.3). Plain C. */
#ifndef CPS_HTTP_CONTENTTYPE_H
#define CPS_HTTP_CONTENTTYPE_H

#include <stdbool.h>
#include <stddef.h>

/* What an event is made of. */
typedef enum {
    CPS_CONTENT_JSON, /* a JSONHttpEvent; also what is not known */
    CPS_CONTENT_XML,  /* an XMLHttpEvent */
    CPS_CONTENT_TEXT, /* an HttpEvent */
    CPS_CONTENT_FORM, /* application/x-www-form-urlencoded: a field of it decides */
} CpsContentKind;

enum { CPS_CONTENT_TYPE_BYTES = 128 };

typedef struct {
    char type
        [CPS_CONTENT_TYPE_BYTES]; /* "text/xml": lower case, without parameters and white space; "" when there is none, cut off when too
                                          long */
    char charset[32]; /* lower case, without quotes; "" when none is given */
    CpsContentKind kind;
} CpsContentType;

/* Read the header; `value` may be NULL. */
void cps_content_type_read(CpsContentType *content, const char *value, size_t length);

/* Whether it is among those that routes accept unless they say otherwise. */
bool cps_content_type_is_usual(const char *type);

#endif
