/* See httprequest.h. */
#include "net/httprequest.h"

CpsHttpRequest *
cps_http_request_new(void)
{
    CpsHttpRequest *request = calloc(1, sizeof(*request));

    if (request != NULL) {
        for (int field = 0; field < CPS_FIELD_OTHER; field++) {
            request->known[field] = -1;
        }
    }
    return request;
}

void
cps_http_request_free(CpsHttpRequest *request)
{
    if (request == NULL) {
        return;
    }
    cps_buffer_free(&request->head);
    cps_buffer_free(&request->body);
    free(request->fields);
    free(request);
}
