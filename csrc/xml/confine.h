/* confine.h: what a stylesheet or a schema may read. Plain C: fit for any thread.
 *
 * libxml2 and libxslt read files and URLs through one hook of the whole process. Ours asks the confinement of the running thread, and
 * leaves to the hook that was there before (lxml's, perhaps) what is read outside of one. */
#ifndef CPS_XML_CONFINE_H
#define CPS_XML_CONFINE_H

#include "xml/errors.h"

/* Directories below which files may be read. */
typedef struct {
    char **directories; /* owned, without symbolic links */
    size_t count;
} CpsAllowedPaths;

/* Add a directory. Returns 0, or -1 with errno set. */
int cps_allowed_paths_add(CpsAllowedPaths *allowed, const char *directory);

void cps_allowed_paths_free(CpsAllowedPaths *allowed);

/* Set the hook up, once per process. */
void cps_confine_setup(void);

/* Until cps_confine_end, this thread's libxml2 reads nothing but files below `allowed` (NULL: nothing at all). What was refused is
 * noted in `errors`. Not nested. */
void cps_confine_begin(const CpsAllowedPaths *allowed, CpsXmlErrors *errors);

/* Returns whether something was refused. */
bool cps_confine_end(void);

#endif
