#include "xml/confine.h"

#include "xml/depth.h"
#include "xml/document.h"
#include "xml/fetch.h"

#include <fcntl.h>
#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/uri.h>
#include <libxml/xmlIO.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static xmlExternalEntityLoader loader_before;

static _Thread_local CpsConfinement *running; /* borrowed; NULL: none */

int
cps_readable_add(CpsReadable *readable, const char *directory)
{
    char **directories = realloc(readable->directories, (readable->count + 1) * sizeof(*directories));
    char *path;

    if (directories == NULL) {
        return -1;
    }
    readable->directories = directories;
    path = realpath(directory, NULL);
    if (path == NULL) {
        return -1;
    }
    directories[readable->count++] = path;
    return 0;
}

void
cps_readable_free(CpsReadable *readable)
{
    for (size_t i = 0; i < readable->count; i++) {
        free(readable->directories[i]);
    }
    free(readable->directories);
    cps_allowed_urls_free(&readable->urls);
    *readable = (CpsReadable){0};
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

    for (size_t i = 0; !allowed && running->readable != NULL && i < running->readable->count; i++) {
        allowed = is_below(path, running->readable->directories[i]);
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

/* Nothing but that file: libxml2's own loaders would ask catalogs, which a document may name, and decompress. NULL when it is refused. */
static xmlParserInputBuffer *
open_file_buffer(const char *url)
{
    int fd = open_url(url);
    xmlParserInputBuffer *buffer;

    if (fd < 0) {
        cps_xml_errors_add(running->errors, 0, 0, "Reading '%s' is refused: it is not below allowed_paths", url);
        return NULL;
    }
    buffer = xmlParserInputBufferCreateIO(read_file, close_file, (void *)(intptr_t)fd, XML_CHAR_ENCODING_NONE);
    if (buffer == NULL) {
        close(fd);
    }
    return buffer;
}

/* ---- servers ---- */

static bool
is_of_server(const char *url)
{
    return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

/* Fetch it, while others may have the lock. */
static bool
fetch(const char *url, CpsFetched *fetched)
{
    static const CpsReadable nothing;
    const CpsReadable *readable = running->readable == NULL ? &nothing : running->readable;
    CpsFetchRules rules = {
        .allowed = &readable->urls,
        .timeout_ms = CPS_FETCH_MS,
        .huge = readable->huge,
        .cancelled = running->cancelled,
    };
    const CpsLock *lock = running->lock;
    void *released = lock == NULL ? NULL : lock->release(lock->context);
    bool done = cps_fetch(url, &rules, fetched);

    if (lock != NULL) {
        lock->take(lock->context, released);
    }
    return done;
}

/* NULL when it is refused. */
static xmlParserInputBuffer *
fetch_buffer(const char *url, CpsFetched *fetched)
{
    if (!fetch(url, fetched)) {
        cps_xml_errors_add(running->errors, 0, 0, "%s", fetched->reason);
        return NULL;
    }
    return xmlParserInputBufferCreateMem(fetched->content.length == 0 ? "" : fetched->content.bytes,
                                         (int)fetched->content.length, XML_CHAR_ENCODING_NONE);
}

/* ---- depth ---- */

static void
refuse_depth(xmlParserCtxt *context, const xmlChar *name)
{
    running->refused = true;
    context->wellFormed = 0;
    cps_xml_errors_add(
        running->errors, xmlSAX2GetLineNumber(context), 0, "Reading %s is refused: excessive depth at '%.200s'%s",
        context->input == NULL || context->input->filename == NULL ? "a document" : context->input->filename, name,
        running->readable->huge ? "" : ": more than 256 levels need huge=True");
    xmlStopParser(context);
}

/* Of a document that libxslt or libxml2's schemas read. */
static void
set_bounds(xmlParserCtxt *context)
{
    if (running->bounded) {
        return;
    }
    if (running->readable->huge) {
        (void)xmlCtxtUseOptions(context, context->options | XML_PARSE_HUGE);
    }
    cps_depth_bound(context->sax, running->readable->huge ? CPS_XML_MAX_DEPTH : CPS_XML_DEPTH, refuse_depth);
}

/* ---- the hook ---- */

/* Takes `buffer`. */
static xmlParserInput *
input_new(const char *url, xmlParserInputBuffer *buffer, xmlParserCtxt *context)
{
    xmlParserInput *input = xmlNewIOInputStream(context, buffer, XML_CHAR_ENCODING_NONE);

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
    xmlParserInputBuffer *buffer;
    xmlParserInput *input = NULL;
    CpsFetched fetched = {0};

    if (running == NULL) {
        return loader_before(url, id, context);
    }
    url = url == NULL ? "" : url;
    buffer = is_of_server(url) ? fetch_buffer(url, &fetched) : open_file_buffer(url);
    if (buffer == NULL) {
        running->refused = true;
    }
    else {
        set_bounds(context);
        input = input_new(fetched.url == NULL ? url : fetched.url, buffer, context);
    }
    cps_fetched_free(&fetched);
    return input;
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
cps_confine_begin(CpsConfinement *confinement)
{
    running = confinement;
}

void
cps_confine_end(void)
{
    running = NULL;
}
