/* heap: order, places and removals, against all items looked through. */
#include "base/heap.h"

#include <assert.h>
#include <stdbool.h>

enum { ITEMS = 100, ROUNDS = 50000 };

typedef struct {
    CpsHeapItem base; /* first member, as heap.h asks */
    bool inside;
} Entry;

/* Every item knows its place, no child is before its parent, and the first has the smallest key. */
static void
expect_order(const CpsHeap *heap, const Entry *entries, size_t count)
{
    size_t inside = 0;

    for (size_t i = 0; i < heap->length; i++) {
        assert(heap->items[i]->place == i);
        assert(i == 0 || heap->items[(i - 1) / 2]->key <= heap->items[i]->key);
    }
    for (size_t i = 0; i < count; i++) {
        if (entries[i].inside) {
            inside++;
            assert(heap->items[entries[i].base.place] == &entries[i].base);
            assert(cps_heap_first(heap)->key <= entries[i].base.key);
        }
    }
    assert(heap->length == inside);
}

static void
test_an_empty_heap(void)
{
    CpsHeap heap;

    cps_heap_init(&heap);
    assert(cps_heap_first(&heap) == NULL);
    cps_heap_free(&heap);
}

static void
test_items_leave_by_their_keys(void)
{
    static const uint64_t keys[] = {5, UINT64_MAX, 0, 5, 3, 9, 1, 5, UINT64_MAX, 2};
    Entry entries[sizeof(keys) / sizeof(keys[0])] = {0};
    size_t count = sizeof(keys) / sizeof(keys[0]);
    uint64_t last = 0;
    CpsHeap heap;

    cps_heap_init(&heap);
    for (size_t i = 0; i < count; i++) {
        entries[i] = (Entry){.base.key = keys[i], .inside = true};
        assert(cps_heap_add(&heap, &entries[i].base) == 0);
        expect_order(&heap, entries, count);
    }
    for (CpsHeapItem *first; (first = cps_heap_first(&heap)) != NULL; last = first->key) {
        assert(first->key >= last);
        ((Entry *)first)->inside = false;
        cps_heap_remove(&heap, first);
        expect_order(&heap, entries, count);
    }
    assert(last == UINT64_MAX);
    cps_heap_free(&heap);
}

/* The last item, which fills the gap, must rise when it comes from another branch with smaller keys. */
static void
test_what_fills_the_gap_may_rise(void)
{
    static const uint64_t keys[] = {0, 100, 1, 110, 120, 2, 3};
    Entry entries[sizeof(keys) / sizeof(keys[0])] = {0};
    size_t count = sizeof(keys) / sizeof(keys[0]);
    CpsHeap heap;

    cps_heap_init(&heap);
    for (size_t i = 0; i < count; i++) {
        entries[i] = (Entry){.base.key = keys[i], .inside = true};
        assert(cps_heap_add(&heap, &entries[i].base) == 0);
        assert(entries[i].base.place == i); /* in this order they stay as they are added */
    }
    entries[3].inside = false;
    cps_heap_remove(&heap, &entries[3].base);
    expect_order(&heap, entries, count);
    assert(entries[6].base.place == 1);
    cps_heap_free(&heap);
}

static void
test_random_operations(void)
{
    static Entry entries[ITEMS];
    CpsHeap heap;

    cps_heap_init(&heap);
    for (int round = 0; round < ROUNDS; round++) {
        Entry *entry = &entries[rand() % ITEMS];

        if (!entry->inside) {
            entry->base.key = (uint64_t)(rand() % (2 * ITEMS)); /* so that some are equal */
            assert(cps_heap_add(&heap, &entry->base) == 0);
        }
        else {
            cps_heap_remove(&heap, &entry->base);
        }
        entry->inside = !entry->inside;
        expect_order(&heap, entries, ITEMS);
    }
    cps_heap_free(&heap);
}

int
main(void)
{
    test_an_empty_heap();
    test_items_leave_by_their_keys();
    test_what_fills_the_gap_may_rise();
    test_random_operations();
    return 0;
}
