#include "xml/serialize.h"

#include <libxml/valid.h>
#include <libxml/xmlIO.h>
#include <libxml/xmlsave.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- output ---- */

/* For a document whose type is that of XHTML: xmlNodeDumpOutput would add to it. */
static int
dump_without_rules(xmlOutputBuffer *output, xmlNode *element, bool pretty)
{
    xmlBuffer *buffer = xmlBufferCreate();
    int options = XML_SAVE_NO_DECL | XML_SAVE_NO_XHTML | XML_SAVE_AS_XML | (pretty ? XML_SAVE_FORMAT : 0);
    xmlSaveCtxt *save = buffer == NULL ? NULL : xmlSaveToBuffer(buffer, "UTF-8", options);
    int result = -1;

    if (save != NULL) {
        result = xmlSaveTree(save, element) < 0 ? -1 : 0;
        result = xmlSaveClose(save) < 0 ? -1 : result;
    }
    if (result == 0) {
        result = xmlOutputBufferWrite(output, xmlBufferLength(buffer), (const char *)xmlBufferContent(buffer));
    }
    xmlBufferFree(buffer);
    return result < 0 ? -1 : 0;
}

static bool
has_rules(xmlDoc *tree)
{
    const xmlDtd *dtd = tree == NULL ? NULL : xmlGetIntSubset(tree);

    return dtd != NULL && xmlIsXHTML(dtd->SystemID, dtd->ExternalID) > 0;
}

static int
dump(xmlOutputBuffer *output, xmlNode *element, int flags)
{
    bool pretty = (flags & CPS_XML_PRETTY) != 0;

    if (has_rules(element->doc)) {
        if (dump_without_rules(output, element, pretty) < 0) {
            return -1;
        }
    }
    else {
        xmlNodeDumpOutput(output, element->doc, element, 0, pretty, "UTF-8");
    }
    if (pretty && xmlOutputBufferWrite(output, 1, "\n") < 0) {
        return -1;
    }
    return output->error != 0 ? -1 : 0;
}

/* ---- references ---- */

/* A kind of place, which begins with one text and ends with another. */
typedef struct {
    const char *begin;
    const char *end;
} Place;

/* Where a reference would be plain text. */
static const Place places[] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}};

/* The end of the comment, CDATA section or processing instruction that begins at `text`, or NULL when none does. */
static const char *
skip_place(const char *text)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        if (strncmp(text, places[i].begin, strlen(places[i].begin)) == 0) {
            const char *end = strstr(text + strlen(places[i].begin), places[i].end);

            return end == NULL ? text + strlen(text) : end + strlen(places[i].end);
        }
    }
    return NULL;
}

/* The code point of the UTF-8 sequence at *text, which moves behind it. */
static uint32_t
decode(const char **text)
{
    const unsigned char *byte = (const unsigned char *)*text;
    int more = *byte >= 0xF0 ? 3 : *byte >= 0xE0 ? 2 : 1;
    uint32_t point = *byte++ & (0x3F >> more);

    for (; more > 0 && (*byte & 0xC0) == 0x80; more--) {
        point = point << 6 | (*byte++ & 0x3F);
    }
    *text = (const char *)byte;
    return point;
}

static char *
write_reference(char *out, uint32_t point)
{
    char digits[10];
    int count = 0;

    do {
        digits[count++] = (char)('0' + point % 10);
        point /= 10;
    } while (point > 0);
    *out++ = '&';
    *out++ = '#';
    while (count > 0) {
        *out++ = digits[--count];
    }
    *out++ = ';';
    return out;
}

/* Whether a hexadecimal reference begins at `text`: libxml2 writes them in attributes of a tree without an encoding. */
static bool
is_hexadecimal(const char *text)
{
    return *text == '&' && strncmp(text, "&#x", 3) == 0;
}

/* Copy well-formed `text` to `out` with decimal references for what is not ASCII. Returns the end. */
static char *
write_references(char *out, const char *text)
{
    bool tag = false;
    char quote = '\0';

    while (*text != '\0') {
        const char *end = !tag && *text == '<' ? skip_place(text) : NULL;

        if (end != NULL) {
            memcpy(out, text, (size_t)(end - text));
            out += end - text;
            text = end;
            continue;
        }
        if ((unsigned char)*text >= 0x80 && (!tag || quote != '\0')) {
            out = write_reference(out, decode(&text));
            continue;
        }
        if (is_hexadecimal(text)) {
            char *after;

            out = write_reference(out, (uint32_t)strtoul(text + 3, &after, 16));
            text = after + 1;
            continue;
        }
        if (quote != '\0') {
            quote = *text == quote ? '\0' : quote;
        }
        else if (tag && (*text == '"' || *text == '\'')) {
            quote = *text;
        }
        else if (*text == '<' || *text == '>') {
            tag = *text == '<';
        }
        *out++ = *text++;
    }
    return out;
}

/* A copy of `text` with references. NULL for want of memory. */
static char *
with_references(const char *text, size_t *length, size_t others)
{
    /* at most &#2047; for two bytes, &#65535; for three, &#1114111; for four, &#1048575; for &#xFFFFF; */
    char *copy = malloc(*length + others * 3 + 1), *end;

    if (copy != NULL) {
        end = write_references(copy, text);
        *end = '\0';
        *length = (size_t)(end - copy);
    }
    return copy;
}

char *
cps_xml_serialize(xmlNode *element, int flags, size_t *length)
{
    xmlOutputBuffer *output = xmlAllocOutputBuffer(NULL);
    size_t others = 0;
    char *text = NULL;

    if (output == NULL) {
        return NULL;
    }
    if (dump(output, element, flags) == 0) {
        const char *content = (const char *)xmlOutputBufferGetContent(output);

        *length = xmlOutputBufferGetSize(output);
        for (size_t i = 0; (flags & CPS_XML_ASCII) != 0 && i < *length; i++) {
            others += (unsigned char)content[i] >= 0x80 || is_hexadecimal(content + i);
        }
        if (others > 0) {
            text = with_references(content, length, others);
        }
        else if ((text = malloc(*length + 1)) != NULL) {
            memcpy(text, content, *length + 1);
        }
    }
    xmlOutputBufferClose(output);
    return text;
}
