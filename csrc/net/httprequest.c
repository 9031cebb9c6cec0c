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

const char *
cps_http_field_list(const CpsHttpRequest *request, CpsKnownField field, CpsBuffer *joined, size_t *length)
{
    const char *first = cps_http_field(request, field, length);

    for (uint32_t i = first == NULL ? request->field_count : (uint32_t)request->known[field] + 1;
         i < request->field_count; i++) {
        CpsSlice value = request->fields[i].value;

        if (request->fields[i].kind != field) {
            continue;
        }
        if ((joined->length == 0 && cps_buffer_append(joined, first, *length) < 0) ||
            cps_buffer_reserve(joined, value.length + 1) < 0) {
            break;
        }
        cps_buffer_append(joined, ",", 1);
        cps_buffer_append(joined, cps_slice(request, value), value.length);
    }
    if (joined->length == 0) {
        return first;
    }
    *length = joined->length;
    return joined->bytes;
}
