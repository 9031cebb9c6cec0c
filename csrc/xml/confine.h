/* confine.h: what a text, a stylesheet or a schema may read. Plain C: fit for any thread.
 *
 * libxml2 and libxslt read files and URLs through one hook of the whole process. Ours asks the confinement of the running thread, and
 * leaves to the hook that was there before (lxml's, perhaps) what is read outside of one. */
#ifndef CPS_XML_CONFINE_H
#define CPS_XML_CONFINE_H

#include "xml/errors.h"
#include "xml/urls.h"

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
typedef struct {
    const CpsReadable *readable; /* NULL: nothing at all */
    CpsXmlErrors *errors;        /* where it is noted what was refused */
    const bool *cancelled;       /* another thread may set it, to have waiting end soon; NULL */
    const CpsLock *lock;         /* NULL: none */
    bool bounded;                /* whoever parses bounds the depth */
    bool refused;                /* something was */
} CpsConfinement;

/* Set the hook up, once per process. */
void cps_confine_setup(void);

/* Until cps_confine_end, this thread's libxml2 reads nothing but that. Not nested. */
void cps_confine_begin(CpsConfinement *confinement);
void cps_confine_end(void);

#endif
