/* heap.h: a binary min-heap of items that know their own place, so that one can leave from the middle.
 * Plain C; the caller owns the items. */
#ifndef CPS_BASE_HEAP_H
#define CPS_BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* First member of what is stored. */
typedef struct {
    uint64_t key;
    size_t place; /* index in the heap; only meaningful while inside */
} CpsHeapItem;

typedef struct {
    CpsHeapItem **items;
    size_t length, capacity;
} CpsHeap;

static inline void
cps_heap_init(CpsHeap *heap)
{
    *heap = (CpsHeap){0};
}

static inline void
cps_heap_free(CpsHeap *heap)
{
    free(heap->items);
    cps_heap_init(heap);
}

/* The item with the smallest key, or NULL; it stays inside. */
static inline CpsHeapItem *
cps_heap_first(const CpsHeap *heap)
{
    return heap->length == 0 ? NULL : heap->items[0];
}

static inline void
cps_heap_set(CpsHeap *heap, size_t place, CpsHeapItem *item)
{
    heap->items[place] = item;
    item->place = place;
}

static inline void
cps_heap_rise(CpsHeap *heap, size_t place, CpsHeapItem *item)
{
    while (place > 0 && item->key < heap->items[(place - 1) / 2]->key) {
        cps_heap_set(heap, place, heap->items[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    cps_heap_set(heap, place, item);
}

static inline void
cps_heap_sink(CpsHeap *heap, size_t place, CpsHeapItem *item)
{
    size_t child;

    while ((child = 2 * place + 1) < heap->length) {
        if (child + 1 < heap->length && heap->items[child + 1]->key < heap->items[child]->key) {
            child++;
        }
        if (item->key <= heap->items[child]->key) {
            break;
        }
        cps_heap_set(heap, place, heap->items[child]);
        place = child;
    }
    cps_heap_set(heap, place, item);
}

/* Add `item` by its key. Returns 0, or -1 when out of memory. */
static inline int
cps_heap_add(CpsHeap *heap, CpsHeapItem *item)
{
    if (heap->length == heap->capacity) {
        size_t capacity = heap->capacity ? 2 * heap->capacity : 16;
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): it is an array of pointers */
        CpsHeapItem **items = realloc(heap->items, capacity * sizeof(*items));

        if (items == NULL) {
            return -1;
        }
        heap->items = items;
        heap->capacity = capacity;
    }
    cps_heap_rise(heap, heap->length++, item);
    return 0;
}

/* Take out `item`, which must be inside. */
static inline void
cps_heap_remove(CpsHeap *heap, CpsHeapItem *item)
{
    size_t place = item->place;
    CpsHeapItem *last = heap->items[--heap->length];

    if (last == item) {
        return;
    }
    if (place > 0 && last->key < heap->items[(place - 1) / 2]->key) {
        cps_heap_rise(heap, place, last);
    }
    else {
        cps_heap_sink(heap, place, last);
    }
}

#endif
