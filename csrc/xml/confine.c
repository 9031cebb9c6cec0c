#include "xml/confine.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/uri.h>
#include <libxml/xmlIO.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

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

/* The name of the file that a local URL stands for. New (xmlFree), or NULL when it is none. */
static char *
local_file(const char *url)
{
    const char *path = strncmp(url, "file://localhost/", 17) == 0 ? url + 16
                       : strncmp(url, "file:///", 8) == 0         ? url + 7
                                                                  : url;

    if (path != url) {
        return xmlURIUnescapeString(path, 0, NULL);
    }
    return strstr(url, "://") == NULL ? (char *)xmlStrdup((const xmlChar *)url) : NULL;
}

static bool
may_read(const char *url)
{
    char *file = local_file(url);
    char path[PATH_MAX];
    bool allowed = false;

    if (file != NULL && realpath(file, path) != NULL) {
        for (size_t i = 0; !allowed && confinement.allowed != NULL && i < confinement.allowed->count; i++) {
            allowed = is_below(path, confinement.allowed->directories[i]);
        }
    }
    xmlFree(file);
    return allowed;
}

static xmlParserInput *
confined_load(const char *url, const char *id, xmlParserCtxt *context)
{
    if (!confinement.active) {
        return loader_before(url, id, context);
    }
    if (url == NULL || !may_read(url)) {
        confinement.refused = true;
        cps_xml_errors_add(confinement.errors, 0, 0, "Reading '%s' is refused: it is not below allowed_paths",
                           url == NULL ? "" : url);
        return NULL;
    }
    return xmlNoNetExternalEntityLoader(url, id, context);
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
