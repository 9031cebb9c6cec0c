/* siphash.h: SipHash-2-4 with 128 bits (Aumasson and Bernstein, 2012): for tables whose keys come from others, who do not know the key and so
 * cannot choose names that collide. Plain C. */
#ifndef CPS_BASE_SIPHASH_H
#define CPS_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { CPS_SIPHASH_BYTES = 16 }; /* of a key, and of a hash: one may be the key of the next */

static inline uint64_t
cps_sip_rotate(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static inline void
cps_sip_rounds(uint64_t v[4], int count)
{
    while (count-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = cps_sip_rotate(v[1], 13) ^ v[0];
        v[3] = cps_sip_rotate(v[3], 16) ^ v[2];
        v[0] = cps_sip_rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = cps_sip_rotate(v[1], 17) ^ v[2];
        v[3] = cps_sip_rotate(v[3], 21) ^ v[0];
        v[2] = cps_sip_rotate(v[2], 32);
    }
}

static inline void
cps_sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    cps_sip_rounds(v, 2);
    v[0] ^= word;
}

static inline void
cps_siphash(const uint8_t *key, const void *bytes, size_t length, uint8_t *hash)
{
    const uint8_t *at = (const uint8_t *)bytes;
    uint64_t k[2], word, last = (uint64_t)length << 56;
    uint64_t v[4];

    memcpy(k, key, sizeof(k));
    v[0] = k[0] ^ 0x736f6d6570736575;
    v[1] = k[1] ^ 0x646f72616e646f6d ^ 0xee;
    v[2] = k[0] ^ 0x6c7967656e657261;
    v[3] = k[1] ^ 0x7465646279746573;
    for (; length >= sizeof(word); length -= sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        cps_sip_word(v, word);
    }
    while (length > 0) {
        length--;
        last |= (uint64_t)at[length] << (8 * length);
    }
    cps_sip_word(v, last);
    v[2] ^= 0xee;
    cps_sip_rounds(v, 4);
    k[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
    v[1] ^= 0xdd;
    cps_sip_rounds(v, 4);
    k[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
    memcpy(hash, k, sizeof(k));
}

#endif
