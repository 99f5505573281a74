/* SPDX-License-Identifier: MIT */
/*
 * test_base.c - the claims of the list, the heap, the clock and the allocator.
 */
#include "support/streams.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/heap.h"
#include "base/list.h"
#include "failing_memory.h"

#include <stdlib.h>

/* ---- list ---- */

struct member {
    int number;
    struct list link;
};

static int number_of(struct list *link)
{
    return link != NULL ? LIST_MEMBER(link, struct member, link)->number : -1;
}

static void a_list_gives_its_members_in_order(void **state)
{
    struct list list;
    struct member members[3] = {{.number = 0}, {.number = 1}, {.number = 2}};

    (void)state;
    list_init(&list);
    assert_true(list_is_empty(&list));
    for (int i = 0; i < 3; i++)
        list_append(&list, &members[i].link);
    for (int i = 0; i < 3; i++)
        assert_int_equal(number_of(list_take(&list)), i);
    assert_null(list_take(&list));
}

static void removing_twice_is_harmless(void **state)
{
    struct list list;
    struct member members[2] = {{.number = 0}, {.number = 1}};

    (void)state;
    list_init(&list);
    list_append(&list, &members[0].link);
    list_append(&list, &members[1].link);
    list_remove(&members[0].link);
    list_remove(&members[0].link);
    assert_int_equal(number_of(list_take(&list)), 1);
    assert_true(list_is_empty(&list));
}

static void a_list_moves_to_the_end_of_another(void **state)
{
    struct list from;
    struct list to;
    struct member members[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};

    (void)state;
    list_init(&from);
    list_init(&to);
    list_move(&to, &from);
    assert_true(list_is_empty(&to));
    list_append(&to, &members[0].link);
    for (int i = 1; i < 4; i++)
        list_append(&from, &members[i].link);
    list_move(&to, &from);
    assert_true(list_is_empty(&from));
    for (int i = 0; i < 4; i++)
        assert_int_equal(number_of(list_take(&to)), i);
}

/* ---- heap ---- */

enum { TIMERS = 200 };

static uint64_t earliest(const struct heap_node *nodes)
{
    uint64_t when = UINT64_MAX;

    for (unsigned i = 0; i < TIMERS; i++)
        if (nodes[i].place != 0 && nodes[i].when < when)
            when = nodes[i].when;
    return when;
}

static void the_first_of_a_heap_is_always_the_earliest(void **state)
{
    struct heap_node nodes[TIMERS] = {{0}};
    struct heap heap = {0};
    unsigned random = 12345;

    (void)state;
    for (unsigned i = 0; i < TIMERS; i++)
        assert_true(heap_reserve(&heap));
    for (unsigned step = 0; step < 20000; step++) {
        struct heap_node *first;

        random = random * 1103515245 + 12345;
        heap_set(&heap, &nodes[random >> 16 & 127],
                 (random >> 8 & 7) == 0 ? UINT64_MAX : random >> 10);
        first = heap_first(&heap);
        assert_int_equal(first != NULL ? first->when : UINT64_MAX, earliest(nodes));
    }
    heap_clear(&heap);
}

static void a_heap_empties_in_order(void **state)
{
    struct heap_node nodes[TIMERS] = {{0}};
    struct heap heap = {0};
    uint64_t last = 0;

    (void)state;
    for (unsigned i = 0; i < TIMERS; i++) {
        assert_true(heap_reserve(&heap));
        heap_set(&heap, &nodes[i], i * 7919 % 1000);
    }
    for (unsigned i = 0; i < TIMERS; i++) {
        struct heap_node *first = heap_first(&heap);

        assert_true(first->when >= last);
        last = first->when;
        heap_set(&heap, first, UINT64_MAX);
        heap_unreserve(&heap);
    }
    assert_null(heap_first(&heap));
    heap_clear(&heap);
}

static void a_heap_without_memory_reserves_nothing(void **state)
{
    struct heap heap = {0};
    struct heap_node node = {0};

    (void)state;
    memory_fails_at(0);
    assert_false(heap_reserve(&heap));
    assert_true(heap_reserve(&heap));
    heap_set(&heap, &node, 5);
    assert_ptr_equal(heap_first(&heap), &node);
    heap_clear(&heap);
    assert_int_equal(failing_memory.living, 0);
    assert_true(memory_failed());
}

/* ---- clock ---- */

static void the_clock_goes_on_and_sums_stop_at_never(void **state)
{
    uint64_t before = clock_now();

    (void)state;
    assert_true(clock_now() >= before);
    assert_int_equal(clock_after(5, 6), 11);
    assert_true(clock_after(5, WEIR_NEVER) == WEIR_NEVER);
    assert_true(clock_after(5, WEIR_NEVER - 5) == WEIR_NEVER);
    assert_true(clock_after(5, WEIR_NEVER - 6) == WEIR_NEVER - 1);
    assert_int_equal(clock_timespec(WEIR_SECONDS(3) + 7).tv_sec, 3);
    assert_int_equal(clock_timespec(WEIR_SECONDS(3) + 7).tv_nsec, 7);
}

/* ---- the allocator ---- */

static void *never_null(void *self, void *memory, size_t size)
{
    (void)self;
    assert_non_null(memory);
    return realloc(memory, size);
}

static void never_free_null(void *self, void *memory)
{
    (void)self;
    assert_non_null(memory);
    free(memory);
}

static void *plain_allocate(void *self, size_t size)
{
    (void)self;
    return malloc(size);
}

static void the_allocator_never_sees_a_null(void **state)
{
    weir_allocator allocator = {plain_allocate, never_null, never_free_null, NULL};
    char *text;

    (void)state;
    weir_set_allocator(&allocator);
    text = mem_resize(NULL, 4);
    memcpy(text, "abc", 4);
    text = mem_resize(text, 100);
    assert_string_equal(text, "abc");
    mem_free(text);
    mem_free(NULL);
    text = mem_copy_string("copied");
    assert_string_equal(text, "copied");
    mem_free(text);
    weir_set_allocator(NULL);
}

static void the_version_is_that_of_the_header(void **state)
{
    (void)state;
    assert_string_equal(weir_version(), WEIR_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_gives_its_members_in_order),
        cmocka_unit_test(removing_twice_is_harmless),
        cmocka_unit_test(a_list_moves_to_the_end_of_another),
        cmocka_unit_test(the_first_of_a_heap_is_always_the_earliest),
        cmocka_unit_test(a_heap_empties_in_order),
        cmocka_unit_test(a_heap_without_memory_reserves_nothing),
        cmocka_unit_test(the_clock_goes_on_and_sums_stop_at_never),
        cmocka_unit_test(the_allocator_never_sees_a_null),
        cmocka_unit_test(the_version_is_that_of_the_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
