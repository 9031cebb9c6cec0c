#include "xml/source.h"

#include "xml/fetch.h"

#include <fcntl.h>
#include <libxml/uri.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

struct CpsSource {
    char *url; /* owned (libcurl's): where it was found; NULL: where it was looked for */
    int fd;    /* of a file; -1: what a server sent is in content */
    CpsBuffer content;
    size_t taken; /* of that */
};

static CpsSource *
source_new(void)
{
    CpsSource *self = calloc(1, sizeof(*self));

    if (self != NULL) {
        self->fd = -1;
    }
    return self;
}

/* ---- files ---- */

static bool
is_below(const char *path, const char *directory)
{
    size_t length = strlen(directory);

    if (length == 1) { /* the root directory */
        return true;
    }
    return strncmp(path, directory, length) == 0 && path[length] == '/';
}

static bool
is_allowed(const char *path, const CpsReadable *readable)
{
    bool allowed = false;

    for (size_t i = 0; !allowed && i < readable->count; i++) {
        allowed = is_below(path, readable->directories[i]);
    }
    return allowed;
}

/* Open an allowed file: no directory, nor a device or a pipe that could keep us. Returns the descriptor, or -1. */
static int
open_file(const char *file, const CpsReadable *readable)
{
    char path[PATH_MAX];
    struct stat status;
    int fd;

    if (realpath(file, path) == NULL || !is_allowed(path, readable)) {
        return -1;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* The same for a local URL, or a name: names become URLs on their way here, so percent-encoding comes first. */
static int
open_local(const char *url, const CpsReadable *readable)
{
    const char *file = strncmp(url, "file://localhost/", 17) == 0 ? url + 16
                       : strncmp(url, "file:///", 8) == 0         ? url + 7
                                                                  : url;
    char *name = file == url && strstr(url, "://") != NULL ? NULL : xmlURIUnescapeString(file, 0, NULL);
    int fd = name == NULL ? -1 : open_file(name, readable);

    if (name != NULL && fd < 0) {
        fd = open_file(file, readable);
    }
    xmlFree(name);
    return fd;
}

static bool
source_open_file(CpsSource *self, const char *url, const CpsConfinement *confinement)
{
    self->fd = open_local(url, confinement->readable);
    if (self->fd < 0) {
        cps_xml_errors_add(confinement->errors, 0, 0, "Reading '%s' is refused: it is not below allowed_paths", url);
    }
    return self->fd >= 0;
}

/* ---- servers ---- */

static bool
is_of_server(const char *url)
{
    return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

/* Others may have the lock meanwhile. */
static bool
source_fetch(CpsSource *self, const char *url, const CpsConfinement *confinement)
{
    CpsFetchRules rules = {
        .allowed = &confinement->readable->urls,
        .timeout_ms = CPS_FETCH_MS,
        .huge = confinement->readable->huge,
        .cancelled = confinement->cancelled,
    };
    CpsFetched fetched = {0};
    const CpsLock *lock = confinement->lock;
    void *released = lock == NULL ? NULL : lock->release(lock->context);
    bool done = cps_fetch(url, &rules, &fetched);

    if (lock != NULL) {
        lock->take(lock->context, released);
    }
    if (!done) {
        cps_xml_errors_add(confinement->errors, 0, 0, "%s", fetched.reason);
    }
    self->url = fetched.url;
    self->content = fetched.content;
    return done;
}

/* ---- both ---- */

CpsSource *
cps_source_open(const char *url, CpsConfinement *confinement)
{
    CpsSource *self = source_new();

    if (self == NULL ||
        !(is_of_server(url) ? source_fetch(self, url, confinement) : source_open_file(self, url, confinement))) {
        confinement->refused = true;
        cps_source_close(self);
        return NULL;
    }
    return self;
}

const char *
cps_source_url(const CpsSource *source)
{
    return source->url;
}

static size_t
content_read(CpsSource *self, char *buffer, size_t length)
{
    size_t left = self->content.length - self->taken;
    size_t count = length < left ? length : left;

    if (count > 0) {
        memcpy(buffer, self->content.bytes + self->taken, count);
        self->taken += count;
    }
    return count;
}

int
cps_source_read(void *source, char *buffer, int length)
{
    CpsSource *self = source;

    return self->fd >= 0 ? (int)read(self->fd, buffer, (size_t)length)
                         : (int)content_read(self, buffer, (size_t)length);
}

int
cps_source_close(void *source)
{
    CpsSource *self = source;

    if (self != NULL) {
        if (self->fd >= 0) {
            close(self->fd);
        }
        curl_free(self->url);
        cps_buffer_free(&self->content);
        free(self);
    }
    return 0;
}
