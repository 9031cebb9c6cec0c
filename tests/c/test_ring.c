/* ring: order, growth at every position of the head, and changes of the capacity. */
#include "base/ring.h"

#include <assert.h>
#include <stdint.h>

/* What is stored: numbers from 1, as a pop of nothing returns NULL. */
static void *
item(size_t number)
{
    return (void *)(uintptr_t)number; /* NOLINT(performance-no-int-to-ptr): it is never followed */
}

/* The ring holds the numbers from `first` on, `length` of them. */
static void
expect_numbers(const CpsRing *ring, size_t first, size_t length)
{
    assert(ring->length == length);
    for (size_t i = 0; i < length; i++) {
        assert(cps_ring_at(ring, i) == item(first + i));
    }
}

static void
test_an_empty_ring(void)
{
    CpsRing ring;

    cps_ring_init(&ring);
    assert(ring.slots == NULL); /* costs nothing until it is used */
    assert(cps_ring_pop(&ring) == NULL);
    assert(cps_ring_push(&ring, item(1)) == 0);
    assert(cps_ring_pop(&ring) == item(1));
    assert(cps_ring_pop(&ring) == NULL);
    cps_ring_free(&ring);
    assert(ring.slots == NULL && ring.length == 0);
}

/* Start with the head at each slot, so that the items wrap round the end at each place, then grow twice. */
static void
test_growth_at_each_position_of_the_head(void)
{
    for (size_t head = 0; head < CPS_RING_FIRST_CAPACITY; head++) {
        CpsRing ring;

        cps_ring_init(&ring);
        for (size_t i = 1; i <= head; i++) {
            assert(cps_ring_push(&ring, item(i)) == 0);
            assert(cps_ring_pop(&ring) == item(i));
        }
        for (size_t i = 1; i <= 3 * CPS_RING_FIRST_CAPACITY; i++) {
            assert(cps_ring_push(&ring, item(i)) == 0);
            expect_numbers(&ring, 1, i);
            assert(ring.mask + 1 == CPS_RING_FIRST_CAPACITY || ring.mask + 1 < 2 * i);
        }
        for (size_t i = 1; i <= 3 * CPS_RING_FIRST_CAPACITY; i++) {
            assert(cps_ring_pop(&ring) == item(i));
        }
        assert(cps_ring_pop(&ring) == NULL);
        cps_ring_free(&ring);
    }
}

static void
test_a_full_ring_wraps_without_growing(void)
{
    CpsRing ring;

    cps_ring_init(&ring);
    for (size_t i = 1; i < 1000; i++) {
        assert(cps_ring_push(&ring, item(i)) == 0);
        if (ring.length == CPS_RING_FIRST_CAPACITY) {
            assert(cps_ring_pop(&ring) == item(i - CPS_RING_FIRST_CAPACITY + 1));
        }
    }
    assert(ring.mask + 1 == CPS_RING_FIRST_CAPACITY);
    expect_numbers(&ring, 1000 - ring.length, ring.length);
    cps_ring_free(&ring);
}

static void
test_resize_keeps_the_items(void)
{
    CpsRing ring;

    cps_ring_init(&ring);
    assert(cps_ring_resize(&ring, 4) == 0); /* before the first push */
    for (size_t i = 1; i <= 6; i++) {
        assert(cps_ring_push(&ring, item(i)) == 0);
        assert(i > 4 || ring.mask == 3);
    }
    assert(cps_ring_pop(&ring) == item(1));
    assert(cps_ring_resize(&ring, 64) == 0);
    expect_numbers(&ring, 2, 5);
    assert(cps_ring_resize(&ring, 8) == 0); /* smaller again */
    expect_numbers(&ring, 2, 5);
    cps_ring_free(&ring);
}

static void
test_random_operations(void)
{
    CpsRing ring;
    size_t first = 1, next = 1;

    cps_ring_init(&ring);
    for (int round = 0; round < 100000; round++) {
        /* Phases of growing and of shrinking, so that it is long at times and empty at others. */
        int growing = (round / 500) % 2 == 0;

        if (rand() % 4 < (growing ? 3 : 1)) {
            assert(cps_ring_push(&ring, item(next++)) == 0);
        }
        else if (rand() % 8 == 0 && first > 1) {
            assert(cps_ring_push_front(&ring, item(--first)) == 0);
        }
        else {
            assert(cps_ring_pop(&ring) == (first == next ? NULL : item(first)));
            first += first != next;
        }
        assert(ring.length == next - first);
        assert(ring.length == 0 || cps_ring_at(&ring, ring.length - 1) == item(next - 1));
    }
    expect_numbers(&ring, first, next - first);
    cps_ring_free(&ring);
}

int
main(void)
{
    test_an_empty_ring();
    test_growth_at_each_position_of_the_head();
    test_a_full_ring_wraps_without_growing();
    test_resize_keeps_the_items();
    test_random_operations();
    return 0;
}
