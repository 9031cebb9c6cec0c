#include "xml/urls.h"

#include "base/ascii.h"
#include "base/percent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

CURLU *
cps_url_parse(const char *url)
{
    CURLU *parsed = curl_url();
    char *scheme = NULL;
    bool web;

    if (parsed == NULL || curl_url_set(parsed, CURLUPART_URL, url, CURLU_DISALLOW_USER) != CURLUE_OK ||
        curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK) {
        curl_url_cleanup(parsed);
        return NULL;
    }
    web = strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0; /* libcurl makes it lower case */
    curl_free(scheme);
    if (!web) {
        curl_url_cleanup(parsed);
        parsed = NULL;
    }
    return parsed;
}

/* ---- the one form in which URLs are compared ---- */

/* libcurl has removed the dots that it sees. Some servers cut parameters off (";"), and remove those behind, too. */
static bool
has_dot_segment(const char *path)
{
    for (const char *segment = path; segment != NULL; segment = strchr(segment + 1, '/')) {
        size_t length = strcspn(segment + 1, "/;");

        if ((length == 1 && segment[1] == '.') || (length == 2 && segment[1] == '.' && segment[2] == '.')) {
            return true;
        }
    }
    return false;
}

static size_t
count_slashes(const char *text, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++) {
        count += text[i] == '/';
    }
    return count;
}

/* Decode `path` in its place. Returns false when servers may disagree where it leads. */
static bool
path_decode(char *path)
{
    size_t slashes = count_slashes(path, strlen(path));
    size_t length = cps_percent_decode(path, path, strlen(path), false);

    path[length] = '\0';
    return strlen(path) == length && count_slashes(path, length) == slashes && strchr(path, '\\') == NULL &&
           !has_dot_segment(path);
}

static void
make_lower(char *text)
{
    for (; *text != '\0'; text++) {
        *text = cps_ascii_lower(*text);
    }
}

/* New (free), or NULL with errno set. */
static char *
place_of(CURLU *url)
{
    char *scheme = NULL, *host = NULL, *port = NULL, *path = NULL, *place = NULL;

    errno = EINVAL;
    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_PATH, &path, 0) == CURLUE_OK && path_decode(path)) {
        make_lower(host);
        if (asprintf(&place, "%s://%s:%s%s", scheme, host, port, path) < 0) {
            place = NULL;
            errno = ENOMEM;
        }
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(path);
    return place;
}

static bool
has_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;

    curl_free(text);
    return has;
}

/* ---- prefixes ---- */

int
cps_allowed_urls_add(CpsAllowedUrls *allowed, const char *url)
{
    char **places = realloc(allowed->places, (allowed->count + 1) * sizeof(*places));
    CURLU *parsed;
    char *place = NULL;

    if (places == NULL) {
        return -1;
    }
    allowed->places = places;
    parsed = cps_url_parse(url);
    errno = EINVAL;
    if (parsed != NULL && !has_part(parsed, CURLUPART_QUERY) && !has_part(parsed, CURLUPART_FRAGMENT)) {
        place = place_of(parsed);
    }
    curl_url_cleanup(parsed);
    if (place == NULL) {
        return -1;
    }
    places[allowed->count++] = place;
    return 0;
}

void
cps_allowed_urls_free(CpsAllowedUrls *allowed)
{
    for (size_t i = 0; i < allowed->count; i++) {
        free(allowed->places[i]);
    }
    free(allowed->places);
    *allowed = (CpsAllowedUrls){0};
}

static bool
is_below(const char *place, const char *prefix)
{
    size_t length = strlen(prefix);

    return strncmp(place, prefix, length) == 0 &&
           (prefix[length - 1] == '/' || place[length] == '/' || place[length] == '\0');
}

bool
cps_allowed_urls_have(const CpsAllowedUrls *allowed, CURLU *url)
{
    char *place = place_of(url);
    bool have = false;

    for (size_t i = 0; place != NULL && !have && i < allowed->count; i++) {
        have = is_below(place, allowed->places[i]);
    }
    free(place);
    return have;
}
