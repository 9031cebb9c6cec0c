/* pack.h: Python values to CBOR (RFC 8949). */
#ifndef CPS_WIRE_PACK_H
#define CPS_WIRE_PACK_H

#include "base/buffer.h"
#include "module.h"

/* What becomes of values that have no form. */
typedef enum {
    CPS_PACK_STRICT,  /* TypeError */
    CPS_PACK_JSON,    /* what json.dumps would make of them; TypeError */
    CPS_PACK_LENIENT, /* their str() */
} CpsPackMode;

typedef struct {
    CpsState *state;
    CpsBuffer *buffer; /* borrowed: where the bytes go */
    CpsPackMode mode;
    int depth;
    PyObject *trail; /* owned str: the way from the root to the value that failed; NULL */
} CpsPacker;

/* Each returns 0, or -1 with an exception set; the buffer then holds a part. */
int cps_pack_uint(CpsPacker *packer, uint64_t value);
int cps_pack_int(CpsPacker *packer, int64_t value);
int cps_pack_bool(CpsPacker *packer, bool value);
int cps_pack_bytes(CpsPacker *packer, const void *bytes, size_t length);
int cps_pack_utf8(CpsPacker *packer, const char *utf8, size_t length);
int cps_pack_text(CpsPacker *packer, PyObject *text);
int cps_pack_array(CpsPacker *packer, size_t length);
int cps_pack_map(CpsPacker *packer, size_t length);
int cps_pack_tag(CpsPacker *packer, uint64_t tag);

/* Any value; packer->trail says where when it fails. */
int cps_pack_value(CpsPacker *packer, PyObject *value);

#endif
