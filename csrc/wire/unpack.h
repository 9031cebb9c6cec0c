/* unpack.h: CBOR (RFC 8949) to Python values. What comes from a peer runs no code, and takes memory in proportion to its length only. */
#ifndef CPS_WIRE_UNPACK_H
#define CPS_WIRE_UNPACK_H

#include "module.h"

#include <stdint.h>

/* What an item's head says. */
typedef enum {
    CPS_ITEM_UINT,
    CPS_ITEM_NEGATIVE, /* -1 - number */
    CPS_ITEM_BYTES,
    CPS_ITEM_TEXT,
    CPS_ITEM_ARRAY,
    CPS_ITEM_MAP,
    CPS_ITEM_TAG,
    CPS_ITEM_FLOAT,
    CPS_ITEM_BOOL,
    CPS_ITEM_NULL,
    CPS_ITEM_REFUSED, /* of indefinite length, or "undefined" */
} CpsItemKind;

typedef struct {
    CpsItemKind kind;
    uint64_t number; /* the value, the count of an array's items or of a map's entries, or the tag */
    double real;
    const char *bytes; /* of bytes and text; borrowed from the message */
    size_t length;
} CpsItem;

typedef struct {
    CpsState *state;
    const char *bytes; /* borrowed */
    size_t length, position;
    size_t promised; /* items that heads have announced so far: never more than there are bytes */
    int depth;
    bool json; /* only what JSON has */
} CpsUnpacker;

/* Raise MalformedEventData: the message is not understood, for that reason, at the present position. Returns -1 always. */
CPS_COLD int cps_unpack_refuse(CpsUnpacker *unpacker, const char *reason);

/* The next head. Returns 0, or -1 with MalformedEventData set. */
int cps_unpack_item(CpsUnpacker *unpacker, CpsItem *item);

/* The value that begins with `item`. New, or NULL with an exception set: MalformedEventData unless memory is out. */
PyObject *cps_unpack_rest(CpsUnpacker *unpacker, const CpsItem *item);

/* The next value. New, or NULL as above. */
PyObject *cps_unpack_value(CpsUnpacker *unpacker);

#endif
