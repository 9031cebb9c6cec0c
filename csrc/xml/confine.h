/* confine.h: what a text, a stylesheet or a schema may read. Plain C: fit for any thread.
 *
 * libxml2 and libxslt read files and URLs through hooks of the whole process. Ours ask the confinement of the running thread, and
 * leave to those that were there before (lxml's, perhaps) what is read outside of one. */
#ifndef CPS_XML_CONFINE_H
#define CPS_XML_CONFINE_H

#include "xml/errors.h"
#include "xml/urls.h"

#include <libxml/parser.h>

/* What may be read, and how much. Zero-filled: nothing. */
typedef struct {
    char **directories; /* owned, without symbolic links: files below them */
    size_t count;
    CpsAllowedUrls urls;
    bool huge; /* of any size, and CPS_XML_MAX_DEPTH levels deep */
} CpsReadable;

/* Add a directory. Returns 0, or -1 with errno set. */
int cps_readable_add(CpsReadable *readable, const char *directory);

void cps_readable_free(CpsReadable *readable);

/* What the thread lets others have while it waits for a server. */
typedef struct {
    void *(*release)(void *context);
    void (*take)(void *context, void *released);
    void *context;
} CpsLock;

/* Zero-filled but for what the caller sets; borrowed from begin to end. */
typedef struct CpsConfinement {
    const CpsReadable *readable; /* NULL: nothing at all */
    CpsXmlErrors *errors;        /* where it is noted what was refused */
    const bool *cancelled;       /* another thread may set it, to have waiting end soon; NULL */
    const CpsLock *lock;         /* NULL: none */
    bool bounded;                /* whoever parses bounds the depth */
    bool refused;                /* something was */
    struct CpsConfinement *around;
} CpsConfinement;

/* Have the process's libxml2 ask us; again and again, with the GIL. */
void cps_confine_setup(void);

/* Until cps_confine_end, this thread's libxml2 reads nothing but that. */
void cps_confine_begin(CpsConfinement *confinement);
void cps_confine_end(void);

/* Whether this thread is between the two. */
bool cps_confine_active(void);

/* Then, read and parse what is at `url`, with the bounds of the confinement. New; NULL when it is refused or not well-formed. */
xmlDoc *cps_confine_read(const char *url, xmlParserCtxt *context, int options);

#endif
