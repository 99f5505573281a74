/* SPDX-License-Identifier: MIT */
/*
 * test_arena.c - the claims of base/arena.h.
 */
#include "base/arena.h"

#include "failing_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static void pieces_are_aligned_to_8(void **state)
{
    uint64_t first[16];
    struct weir_arena arena;

    (void)state;
    arena_init(&arena, (char *)first + 1, sizeof first - 1);
    for (size_t size = 0; size < 200; size++) {
        void *piece = arena_alloc(&arena, size);

        assert_non_null(piece);
        assert_int_equal((uintptr_t)piece % 8, 0);
        memset(piece, 0xAB, size);
    }
    arena_clear(&arena);
}

static void the_first_block_is_the_owners_and_costs_nothing(void **state)
{
    uint64_t first[4];
    struct weir_arena arena;

    (void)state;
    memory_fails_at(0);
    arena_init(&arena, first, sizeof first);
    assert_ptr_equal(arena_alloc(&arena, 8), &first[0]);
    assert_ptr_equal(arena_alloc(&arena, 1), &first[1]);
    assert_ptr_equal(arena_alloc(&arena, 16), &first[2]);
    assert_int_equal(failing_memory.calls, 0);
    assert_null(arena_alloc(&arena, 1));
    assert_int_equal(arena.held, 0);
    assert_true(memory_failed());
    arena_clear(&arena);
}

static void a_first_block_too_small_for_anything_is_not_used(void **state)
{
    uint64_t first[2];
    struct weir_arena arena;

    (void)state;
    arena_init(&arena, (char *)first + 1, 9);
    void *piece = arena_alloc(&arena, 1);
    assert_non_null(piece);
    assert_true((char *)piece < (char *)first || (char *)piece >= (char *)(first + 2));
    arena_clear(&arena);
}

static void blocks_double_from_1_to_16_kib(void **state)
{
    static const size_t held[] = {1024, 3072, 7168, 15360, 31744, 48128};
    struct weir_arena arena = {0};

    (void)state;
    for (size_t i = 0; i < sizeof held / sizeof *held; i++) {
        size_t before = arena.held;

        while (arena.held == before)
            assert_non_null(arena_alloc(&arena, 8));
        assert_int_equal(arena.held, held[i]);
    }
    arena_clear(&arena);
    assert_int_equal(arena.held, 0);
}

static void a_large_piece_does_not_throw_away_the_block_in_use(void **state)
{
    struct weir_arena arena = {0};

    (void)state;
    char *before = arena_alloc(&arena, 8);
    assert_non_null(arena_alloc(&arena, 100000));
    char *after = arena_alloc(&arena, 8);
    assert_ptr_equal(after, before + 8);
    arena_clear(&arena);
}

static void a_copy_ends_in_nul(void **state)
{
    struct weir_arena arena = {0};

    (void)state;
    assert_string_equal(arena_copy(&arena, "weir!", 4), "weir");
    assert_string_equal(arena_copy(&arena, NULL, 0), "");
    arena_clear(&arena);
}

static void a_cleared_arena_starts_again_in_the_first_block(void **state)
{
    uint64_t first[2];
    struct weir_arena arena;

    (void)state;
    arena_init(&arena, first, sizeof first);
    assert_non_null(arena_alloc(&arena, 16));
    assert_non_null(arena_alloc(&arena, 5000));
    arena_clear(&arena);
    assert_ptr_equal(arena_alloc(&arena, 16), first);
    arena_clear(&arena);
}

static void absurd_sizes_are_out_of_memory(void **state)
{
    struct weir_arena arena = {0};

    (void)state;
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 8));
    assert_null(arena_copy(&arena, "", SIZE_MAX));
    arena_clear(&arena);
}

static void an_arena_without_memory_can_go_on_when_there_is_some_again(void **state)
{
    struct weir_arena arena = {0};

    (void)state;
    memory_fails_at(0);
    assert_null(arena_alloc(&arena, 8));
    assert_non_null(arena_alloc(&arena, 8));
    arena_clear(&arena);
    assert_int_equal(failing_memory.living, 0);
    assert_true(memory_failed());
}

static void an_arena_never_holds_more_than_its_bound(void **state)
{
    static const size_t bounds[] = {0, 1, 8, 100, 1024, 1100, 5000, 70000};

    (void)state;
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        weir_arena *arena = weir_arena_create(bounds[i]);
        size_t pieces = 0;

        assert_false(weir_arena_refused(arena));
        while (weir_arena_alloc(arena, 24) != NULL)
            pieces++;
        assert_true(weir_arena_refused(arena));
        assert_true(weir_arena_held(arena) <= bounds[i]);
        assert_true(pieces >= bounds[i] / 24 * 3 / 4);
        weir_arena_reset(arena);
        assert_false(weir_arena_refused(arena));
        assert_int_equal(weir_arena_alloc(arena, 24) != NULL, bounds[i] >= 24);
        weir_arena_free(arena);
    }
}

static void text_is_formatted_into_an_arena(void **state)
{
    weir_arena *arena = weir_arena_create(1024);

    (void)state;
    assert_string_equal(weir_arena_format(arena, "%s_%d", "message", 7), "message_7");
    assert_int_equal(strlen(weir_arena_format(arena, "%500d", 1)), 500);
    assert_null(weir_arena_format(arena, "%2000d", 1));
    weir_arena_free(arena);
}

static void note(void *what)
{
    static int order;

    *(int *)what = ++order;
}

static void what_was_deferred_runs_once_and_last_first(void **state)
{
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    int first = 0, second = 0, third = 0;

    (void)state;
    assert_true(weir_arena_defer(arena, note, &first));
    assert_true(weir_arena_defer(arena, note, &second));
    assert_int_equal(first + second, 0);
    weir_arena_reset(arena);
    assert_int_equal(second, 1);
    assert_int_equal(first, 2);
    assert_true(weir_arena_defer(arena, note, &third));
    weir_arena_free(arena);
    assert_int_equal(third, 3);
    assert_int_equal(first, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_to_8),
        cmocka_unit_test(the_first_block_is_the_owners_and_costs_nothing),
        cmocka_unit_test(a_first_block_too_small_for_anything_is_not_used),
        cmocka_unit_test(blocks_double_from_1_to_16_kib),
        cmocka_unit_test(a_large_piece_does_not_throw_away_the_block_in_use),
        cmocka_unit_test(a_copy_ends_in_nul),
        cmocka_unit_test(a_cleared_arena_starts_again_in_the_first_block),
        cmocka_unit_test(absurd_sizes_are_out_of_memory),
        cmocka_unit_test(an_arena_without_memory_can_go_on_when_there_is_some_again),
        cmocka_unit_test(an_arena_never_holds_more_than_its_bound),
        cmocka_unit_test(text_is_formatted_into_an_arena),
        cmocka_unit_test(what_was_deferred_runs_once_and_last_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
