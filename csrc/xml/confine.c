#include "xml/confine.h"

#include "xml/depth.h"
#include "xml/document.h"
#include "xml/source.h"

#include <libxml/SAX2.h>
#include <libxml/catalog.h>
#include <libxml/parserInternals.h>
#include <libxml/uri.h>
#include <libxml/xmlIO.h>
#include <stdlib.h>

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

static int
bounded_options(int options)
{
    return running->readable->huge ? options | XML_PARSE_HUGE : options;
}

/* ---- reading ---- */

/* Takes `source`. */
static xmlParserInput *
input_new(const char *url, CpsSource *source, xmlParserCtxt *context)
{
    xmlParserInputBuffer *buffer =
        xmlParserInputBufferCreateIO(cps_source_read, cps_source_close, source, XML_CHAR_ENCODING_NONE);
    const char *found = cps_source_url(source);
    xmlChar *name = xmlCanonicPath((const xmlChar *)(found == NULL ? url : found));
    xmlParserInput *input;

    if (buffer == NULL) {
        cps_source_close(source);
        xmlFree(name);
        return NULL;
    }
    if (context->directory == NULL) {
        context->directory = xmlParserGetDirectory((const char *)name);
    }
    input = xmlNewIOInputStream(context, buffer, XML_CHAR_ENCODING_NONE);
    if (input == NULL) {
        xmlFree(name);
    }
    else {
        input->filename = (char *)name;
    }
    return input;
}

static xmlParserInput *
confined_load(const char *url, const char *id, xmlParserCtxt *context)
{
    CpsSource *source;

    if (running == NULL) {
        return loader_before(url, id, context);
    }
    url = url == NULL ? "" : url;
    source = cps_source_open(url, running);
    if (source == NULL) {
        return NULL;
    }
    set_bounds(context);
    return input_new(url, source, context);
}

xmlDoc *
cps_confine_read(const char *url, xmlParserCtxt *context, int options)
{
    CpsSource *source = cps_source_open(url, running);
    const char *found;

    if (source == NULL) {
        return NULL;
    }
    set_bounds(context);
    found = cps_source_url(source);
    return xmlCtxtReadIO(context, cps_source_read, cps_source_close, source, found == NULL ? url : found, NULL,
                         bounded_options(options));
}

/* ---- without the hook ----
 *
 * lxml, where it shares the library, puts a hook of its own in place while it parses, in any thread and without the GIL; it leaves what is
 * not its own to libxml2's. That opens files and URLs by the first of the process's callbacks which takes them: ours are asked first. */

static char refused; /* has nothing to read; NULL would have the next callbacks asked */

static int
callback_match(const char *url)
{
    (void)url;
    return running != NULL;
}

static void *
callback_open(const char *url)
{
    CpsSource *source = cps_source_open(url, running);

    return source == NULL ? (void *)&refused : source;
}

static int
callback_read(void *context, char *buffer, int length)
{
    return context == &refused ? -1 : cps_source_read(context, buffer, length);
}

static int
callback_close(void *context)
{
    return context == &refused ? 0 : cps_source_close(context);
}

/* ---- confinements ---- */

void
cps_confine_setup(void)
{
    if (loader_before == NULL) {
        xmlInitParser(); /* it registers libxml2's own callbacks, which those after them precede */
        xmlFree(xmlCatalogResolveURI(
            (const xmlChar *)"about:blank")); /* the system's catalog, before it looks like a read of ours */
        (void)xmlRegisterInputCallbacks(callback_match, callback_open, callback_read, callback_close);
        loader_before = xmlGetExternalEntityLoader();
    }
    if (xmlGetExternalEntityLoader() != confined_load) { /* two threads in lxml may have lost it */
        xmlSetExternalEntityLoader(confined_load);
    }
}

void
cps_confine_begin(CpsConfinement *confinement)
{
    static const CpsReadable nothing;

    if (confinement->readable == NULL) {
        confinement->readable = &nothing;
    }
    confinement->around = running;
    running = confinement;
}

void
cps_confine_end(void)
{
    running = running->around;
}

bool
cps_confine_active(void)
{
    return running != NULL;
}
