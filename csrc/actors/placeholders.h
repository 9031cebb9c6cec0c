/* placeholders.h: texts with {placeholders} that are filled from each event. */
#ifndef CPS_ACTORS_PLACEHOLDERS_H
#define CPS_ACTORS_PLACEHOLDERS_H

#include "base/buffer.h"
#include "module.h"

/* A text between placeholders, with one at its end or without. */
typedef struct {
    char *text; /* owned; `length` bytes */
    size_t length;
    PyObject *steps; /* owned: where the value lies, as a tuple of cps_lookup; NULL: none follows */
    PyObject *name;  /* owned: the same as it is written */
    int place;       /* for whoever fills the template; 0 at first */
} CpsTemplatePart;

typedef struct {
    CpsTemplatePart *parts; /* owned */
    Py_ssize_t count;
} CpsTemplate;

/* Compile a str: "{name}" stands for an attribute of the event, "{data/a/0}" for what lies there; "{{" and "}}" for braces. Returns 0, or -1
 * with ValueError (for `what`) or another exception set. An empty template is one filled with zeros. */
int cps_template_compile(CpsTemplate *compiled, PyObject *text, const char *what);
void cps_template_free(CpsTemplate *compiled);

/* Append the value of a placeholder, which is `bytes`. Returns 0, or -1 with an exception set; `name` is for its message. */
typedef int (*CpsTemplateWriter)(CpsState *state, CpsBuffer *buffer, const CpsTemplatePart *part, const char *bytes,
                                 size_t length);

/* Append the text for `event`. Values are str, bytes or numbers. Returns 0, or -1 with an exception set: EventAttributeError when the event
 * has no such value, MalformedEventData when it is something else, or the writer's. */
int cps_template_fill(const CpsTemplate *compiled, CpsState *state, PyObject *event, CpsTemplateWriter write,
                      CpsBuffer *buffer);

#endif
