/* tags.h: the CBOR tags (RFC 8949, 3.4) of Python values that CBOR has no type for. docs/wire-format.rst lists them. */
#ifndef CPS_WIRE_TAGS_H
#define CPS_WIRE_TAGS_H

#include "compat.h"

/* Those below the private ones are registered with IANA. */
enum {
    CPS_TAG_BIGNUM = 2,          /* bytes, big-endian: an integer past 64 bits */
    CPS_TAG_NEGATIVE_BIGNUM = 3, /* -1 - that */
    CPS_TAG_UUID = 37,           /* 16 bytes */
    CPS_TAG_SET = 258,           /* array */
    CPS_TAG_WTF8 = 273,          /* bytes: text with lone surrogates */
    CPS_TAG_SELF_DESCRIBED = 55799,

    CPS_TAG_TUPLE = 0x63707301, /* array */
    CPS_TAG_FROZENSET,          /* array */
    CPS_TAG_BYTEARRAY,          /* bytes */
    CPS_TAG_DATETIME,           /* text, as by isoformat() */
    CPS_TAG_DATE,               /* text, as by isoformat() */
    CPS_TAG_TIME,               /* text, as by isoformat() */
    CPS_TAG_TIMEDELTA,          /* array: days, seconds, microseconds */
    CPS_TAG_DECIMAL,            /* text, as by str() */
};

/* A class whose values travel as text or bytes under a tag. */
typedef struct {
    uint64_t tag;
    const char *module, *name;
    const char *to;   /* a method, or for "__str__" str(), or an attribute if `of_bytes` */
    const char *from; /* a class method that takes it, or NULL: the class itself does */
    bool of_bytes;
} CpsTaggedClass;

enum { CPS_TAGGED_CLASSES = 5 };
extern const CpsTaggedClass cps_tagged_classes[CPS_TAGGED_CLASSES];

#endif
