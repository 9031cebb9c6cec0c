#include "xml/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/uri.h>
#include <libxml/xmlIO.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static xmlExternalEntityLoader loader_before;

static _Thread_local struct {
    bool active;
    bool refused;
    const CpsAllowedPaths *allowed;
    CpsXmlErrors *errors;
} confinement;

int
cps_allowed_paths_add(CpsAllowedPaths *allowed, const char *directory)
{
    char **directories = realloc(allowed->directories, (allowed->count + 1) * sizeof(*directories));
    char *path;

    if (directories == NULL) {
        return -1;
    }
    allowed->directories = directories;
    path = realpath(directory, NULL);
    if (path == NULL) {
        return -1;
    }
    directories[allowed->count++] = path;
    return 0;
}

void
cps_allowed_paths_free(CpsAllowedPaths *allowed)
{
    for (size_t i = 0; i < allowed->count; i++) {
        free(allowed->directories[i]);
    }
    free(allowed->directories);
    *allowed = (CpsAllowedPaths){0};
}

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
is_allowed(const char *path)
{
    bool allowed = false;

    for (size_t i = 0; !allowed && confinement.allowed != NULL && i < confinement.allowed->count; i++) {
        allowed = is_below(path, confinement.allowed->directories[i]);
    }
    return allowed;
}

/* ---- files ---- */

/* Open an allowed file: no directory, nor a device or a pipe that could keep us. Returns the descriptor, or -1. */
static int
open_file(const char *file)
{
    char path[PATH_MAX];
    struct stat status;
    int fd;

    if (realpath(file, path) == NULL || !is_allowed(path)) {
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
open_url(const char *url)
{
    const char *file = strncmp(url, "file://localhost/", 17) == 0 ? url + 16
                       : strncmp(url, "file:///", 8) == 0         ? url + 7
                                                                  : url;
    char *name = file == url && strstr(url, "://") != NULL ? NULL : xmlURIUnescapeString(file, 0, NULL);
    int fd = name == NULL ? -1 : open_file(name);

    if (name != NULL && fd < 0) {
        fd = open_file(file);
    }
    xmlFree(name);
    return fd;
}

static int
read_file(void *context, char *buffer, int length)
{
    return (int)read((int)(intptr_t)context, buffer, (size_t)length);
}

static int
close_file(void *context)
{
    return close((int)(intptr_t)context);
}

/* Nothing but that file: libxml2's own loaders would ask catalogs, which a document may name, and decompress. Takes `fd`. */
static xmlParserInput *
input_new(const char *url, int fd, xmlParserCtxt *context)
{
    xmlParserInputBuffer *buffer =
        xmlParserInputBufferCreateIO(read_file, close_file, (void *)(intptr_t)fd, XML_CHAR_ENCODING_NONE);
    xmlParserInput *input = buffer == NULL ? NULL : xmlNewIOInputStream(context, buffer, XML_CHAR_ENCODING_NONE);

    if (buffer == NULL) {
        close(fd);
    }
    if (input != NULL) {
        input->filename = (char *)xmlCanonicPath((const xmlChar *)url);
        if (context->directory == NULL) {
            context->directory = xmlParserGetDirectory(url);
        }
    }
    return input;
}

static xmlParserInput *
confined_load(const char *url, const char *id, xmlParserCtxt *context)
{
    int fd;

    if (!confinement.active) {
        return loader_before(url, id, context);
    }
    fd = url == NULL ? -1 : open_url(url);
    if (fd < 0) {
        confinement.refused = true;
        cps_xml_errors_add(confinement.errors, 0, 0, "Reading '%s' is refused: it is not below allowed_paths",
                           url == NULL ? "" : url);
        return NULL;
    }
    return input_new(url, fd, context);
}

void
cps_confine_setup(void)
{
    if (loader_before == NULL) {
        loader_before = xmlGetExternalEntityLoader();
        xmlSetExternalEntityLoader(confined_load);
    }
}

void
cps_confine_begin(const CpsAllowedPaths *allowed, CpsXmlErrors *errors)
{
    confinement.active = true;
    confinement.refused = false;
    confinement.allowed = allowed;
    confinement.errors = errors;
}

bool
cps_confine_end(void)
{
    confinement.active = false;
    return confinement.refused;
}
