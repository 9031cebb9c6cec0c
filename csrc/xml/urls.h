/* urls.h: which URLs of web servers may be read. Plain C. */
#ifndef CPS_XML_URLS_H
#define CPS_XML_URLS_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

/* Prefixes of URLs. Zero-filled: none. */
typedef struct {
    char **places; /* owned, in the one form in which URLs are compared: "https://host:443/path" */
    size_t count;
} CpsAllowedUrls;

/* Add a prefix, an absolute URL of http or https without user, query and fragment. Returns 0, or -1 with errno set: EINVAL when it is no
 * such URL. */
int cps_allowed_urls_add(CpsAllowedUrls *allowed, const char *url);

void cps_allowed_urls_free(CpsAllowedUrls *allowed);

/* Take a URL apart, as it is meant for a server. New (curl_url_cleanup); NULL when it is none of http or https, or names a user. */
CURLU *cps_url_parse(const char *url);

/* Whether it has the scheme, host and port of a prefix, and the prefix's path or one below: "/a" is no prefix of "/ab". A path of which
 * servers may disagree where it leads ("%2e%2e", "%2F", "\", "..;") is below none. */
bool cps_allowed_urls_have(const CpsAllowedUrls *allowed, CURLU *url);

#endif
