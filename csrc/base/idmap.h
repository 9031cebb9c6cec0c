/* idmap.h: a hash table of items by 16 random bytes. The node lives in the item. Plain C. */
#ifndef CPS_BASE_IDMAP_H
#define CPS_BASE_IDMAP_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CPS_ID_BYTES = 16 };

typedef struct CpsIdNode {
    struct CpsIdNode *next; /* in its bucket */
    uint8_t id[CPS_ID_BYTES];
} CpsIdNode;

/* A zero-filled map is an empty one. */
typedef struct {
    CpsIdNode **buckets;
    size_t count, mask; /* mask: buckets - 1, when there are some */
} CpsIdMap;

/* Ids are random, so any of their bits will do. */
static inline CpsIdNode **
cps_idmap_bucket(const CpsIdMap *map, const uint8_t *id)
{
    uint64_t hash;

    memcpy(&hash, id, sizeof(hash));
    return &map->buckets[hash & map->mask];
}

static inline CpsIdNode *
cps_idmap_find(const CpsIdMap *map, const uint8_t *id)
{
    CpsIdNode *node = map->count == 0 ? NULL : *cps_idmap_bucket(map, id);

    while (node != NULL && memcmp(node->id, id, CPS_ID_BYTES) != 0) {
        node = node->next;
    }
    return node;
}

/* Returns 0, or -1 when out of memory. */
static inline int
cps_idmap_grow(CpsIdMap *map)
{
    enum { FIRST_BUCKETS = 64 };
    size_t old = map->buckets == NULL ? 0 : map->mask + 1, size = old == 0 ? FIRST_BUCKETS : 2 * old;
    CpsIdNode **former = map->buckets;
    CpsIdNode **buckets = (CpsIdNode **)calloc(size, sizeof(CpsIdNode *));

    if (buckets == NULL) {
        return -1;
    }
    map->buckets = buckets;
    map->mask = size - 1;
    for (size_t i = 0; i < old; i++) {
        for (CpsIdNode *node = former[i], *next; node != NULL; node = next) {
            CpsIdNode **bucket = cps_idmap_bucket(map, node->id);

            next = node->next;
            node->next = *bucket;
            *bucket = node;
        }
    }
    free((void *)former);
    return 0;
}

/* Add `node` by its id, which the map does not have. Returns 0, or -1 when out of memory. */
static inline int
cps_idmap_add(CpsIdMap *map, CpsIdNode *node)
{
    CpsIdNode **bucket;

    if ((map->buckets == NULL || map->count > map->mask) && cps_idmap_grow(map) < 0) {
        return -1;
    }
    bucket = cps_idmap_bucket(map, node->id);
    node->next = *bucket;
    *bucket = node;
    map->count++;
    return 0;
}

/* Take out `node`, which must be inside. */
static inline void
cps_idmap_remove(CpsIdMap *map, CpsIdNode *node)
{
    CpsIdNode **place = cps_idmap_bucket(map, node->id);

    while (*place != node) {
        place = &(*place)->next;
    }
    *place = node->next;
    map->count--;
}

static inline void
cps_idmap_free(CpsIdMap *map)
{
    free((void *)map->buckets);
    *map = (CpsIdMap){0};
}

#endif
