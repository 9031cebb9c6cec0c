/* fetch.h: read a document from a web server, as libxml2 and libxslt want it: at once. Plain C: fit for any thread but one that must not
 * wait. */
#ifndef CPS_XML_FETCH_H
#define CPS_XML_FETCH_H

#include "base/buffer.h"
#include "xml/urls.h"

enum {
    CPS_FETCH_MS = 10 * 1000, /* as a rule */
    CPS_FETCH_REDIRECTS = 5,
    CPS_FETCH_MOST = 10 * 1000 * 1000, /* bytes, decompressed */
};

typedef struct {
    const CpsAllowedUrls *allowed; /* borrowed; redirects lead nowhere else either */
    int timeout_ms;                /* from the beginning to the last byte, with all redirects */
    bool huge;                     /* it may have 2 GB */
    const bool *cancelled;         /* borrowed: another thread may set it, to have it end soon; NULL */
} CpsFetchRules;

/* Zero-filled before. */
typedef struct {
    char *url; /* owned (curl_free): where it was found, after redirects */
    CpsBuffer content;
    char reason[1024]; /* why there is no content: a sentence that names the URL */
} CpsFetched;

/* GET `url`, with the proxies that the environment names; certificates are verified. Returns whether there is content. */
bool cps_fetch(const char *url, const CpsFetchRules *rules, CpsFetched *fetched);

void cps_fetched_free(CpsFetched *fetched);

#endif
