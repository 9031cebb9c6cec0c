/* ring.h: a growing first-in, first-out ring of pointers. Plain C; the caller owns what it stores. */
#ifndef CPS_BASE_RING_H
#define CPS_BASE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

typedef struct {
    void **slots; /* NULL until the first push; capacity is a power of two */
    size_t mask;  /* capacity - 1 */
    size_t head;  /* index of the oldest item */
    size_t length;
} CpsRing;

enum { CPS_RING_FIRST_CAPACITY = 8 };

static inline void
cps_ring_init(CpsRing *ring)
{
    *ring = (CpsRing){0};
}

/* Give the memory back. Items still inside are the caller's: take them out first. */
static inline void
cps_ring_free(CpsRing *ring)
{
    free(ring->slots);
    cps_ring_init(ring);
}

/* Change the capacity, a power of two not below the length. Returns 0, or -1 when out of memory. */
static inline int
cps_ring_resize(CpsRing *ring, size_t capacity)
{
    void **slots = calloc(capacity, sizeof(*slots));

    if (slots == NULL) {
        return -1;
    }
    for (size_t i = 0; ring->slots != NULL && i < ring->length; i++) {
        slots[i] = ring->slots[(ring->head + i) & ring->mask];
    }
    free(ring->slots);
    ring->slots = slots;
    ring->mask = capacity - 1;
    ring->head = 0;
    return 0;
}

/* Make room for one more item. Returns 0, or -1 when out of memory (the ring is then unchanged). */
static inline int
cps_ring_reserve(CpsRing *ring)
{
    if (ring->slots != NULL && ring->length <= ring->mask) {
        return 0;
    }
    return cps_ring_resize(ring, ring->slots == NULL ? CPS_RING_FIRST_CAPACITY : 2 * (ring->mask + 1));
}

/* Add `item` at the end. Returns as cps_ring_reserve. */
static inline int
cps_ring_push(CpsRing *ring, void *item)
{
    if (cps_ring_reserve(ring) < 0) {
        return -1;
    }
    ring->slots[(ring->head + ring->length) & ring->mask] = item;
    ring->length++;
    return 0;
}

/* Add `item` as the oldest. Returns as cps_ring_reserve. */
static inline int
cps_ring_push_front(CpsRing *ring, void *item)
{
    if (cps_ring_reserve(ring) < 0) {
        return -1;
    }
    ring->head = (ring->head - 1) & ring->mask;
    ring->slots[ring->head] = item;
    ring->length++;
    return 0;
}

/* Remove and return the oldest item, or NULL. */
static inline void *
cps_ring_pop(CpsRing *ring)
{
    void *item;

    if (ring->length == 0) {
        return NULL;
    }
    item = ring->slots[ring->head];
    ring->head = (ring->head + 1) & ring->mask;
    ring->length--;
    return item;
}

/* The item at `index` from the oldest, which must exist; it stays inside. */
static inline void *
cps_ring_at(const CpsRing *ring, size_t index)
{
    return ring->slots[(ring->head + index) & ring->mask];
}

#endif
