/* SPDX-License-Identifier: MIT */
/*
 * test_bytes.c - the claims of weir/bytes.h.
 */
#include "support/streams.h"

#include "bytes/buffer.h"
#include "failing_memory.h"

#include <stdlib.h>

static unsigned freed;

static void count_free(void *memory)
{
    freed++;
    free(memory);
}

static void the_zero_value_is_empty_and_has_not_failed(void **state)
{
    weir_bytes bytes = {0};

    (void)state;
    assert_false(weir_bytes_failed(&bytes));
    weir_bytes_unref(&bytes);
    weir_bytes_unref(&bytes);
}

static void a_copy_has_memory_of_its_own(void **state)
{
    char text[] = "hello";
    weir_bytes copy = weir_bytes_copy(text, 5);

    (void)state;
    text[0] = 'j';
    assert_bytes(&copy, "hello");
    weir_bytes_unref(&copy);
    assert_null(copy.data);
    assert_int_equal(copy.size, 0);
    copy = weir_bytes_copy(NULL, 0);
    assert_false(weir_bytes_failed(&copy));
    weir_bytes_unref(&copy);
}

static void memory_lives_until_the_last_reference_is_dropped(void **state)
{
    weir_bytes one = weir_bytes_own(malloc(4), 4, count_free);
    weir_bytes two = weir_bytes_ref(&one);
    weir_bytes three = weir_bytes_slice(&one, 1, 2);

    (void)state;
    freed = 0;
    assert_ptr_equal(three.data, one.data + 1);
    weir_bytes_unref(&one);
    weir_bytes_unref(&two);
    assert_int_equal(freed, 0);
    weir_bytes_unref(&three);
    assert_int_equal(freed, 1);
}

static void owned_memory_is_released_also_when_that_fails(void **state)
{
    void *memory = malloc(4);
    weir_bytes bytes;

    (void)state;
    freed = 0;
    memory_fails_at(0);
    bytes = weir_bytes_own(memory, 4, count_free);
    assert_true(memory_failed());
    assert_true(weir_bytes_failed(&bytes));
    assert_int_equal(freed, 1);
}

static void static_bytes_cost_nothing(void **state)
{
    weir_bytes bytes;
    weir_bytes slice;

    (void)state;
    memory_fails_at(0);
    bytes = weir_bytes_static("hello", 5);
    slice = weir_bytes_slice(&bytes, 1, 3);
    assert_bytes(&slice, "ell");
    weir_bytes_unref(&slice);
    weir_bytes_unref(&bytes);
    assert_false(memory_failed());
}

static void an_empty_slice_is_empty_wherever_it_lies(void **state)
{
    weir_bytes none = {0};
    weir_bytes some = weir_bytes_copy("ab", 2);
    weir_bytes at_end = weir_bytes_slice(&some, 2, 0);
    weir_bytes of_none = weir_bytes_slice(&none, 0, 0);

    (void)state;
    assert_int_equal(at_end.size, 0);
    assert_int_equal(of_none.size, 0);
    weir_bytes_unref(&at_end);
    weir_bytes_unref(&of_none);
    weir_bytes_unref(&some);
}

static void failed_bytes_are_empty_and_stay_failed_in_copies(void **state)
{
    weir_bytes failed = weir_bytes_copy("", SIZE_MAX);
    weir_bytes copy = weir_bytes_ref(&failed);

    (void)state;
    assert_true(weir_bytes_failed(&failed));
    assert_true(weir_bytes_failed(&copy));
    assert_int_equal(failed.size, 0);
    weir_bytes_unref(&failed);
    assert_false(weir_bytes_failed(&failed));
    weir_bytes_unref(&copy);
}

static void format_makes_short_and_long_bytes(void **state)
{
    for (int width = 250; width < 260; width++) {
        weir_bytes bytes = weir_bytes_format("%*d", width, 7);

        (void)state;
        assert_int_equal(bytes.size, width);
        assert_int_equal(bytes.data[width - 1], '7');
        assert_int_equal(bytes.data[width], '\0');
        weir_bytes_unref(&bytes);
    }
}

static void format_fails_when_memory_is_out(void **state)
{
    weir_bytes bytes;

    (void)state;
    memory_fails_at(0);
    bytes = weir_bytes_format("%d", 1);
    assert_true(memory_failed());
    assert_true(weir_bytes_failed(&bytes));
}

static void new_bytes_are_to_be_filled(void **state)
{
    uint8_t *memory;
    weir_bytes bytes = weir_bytes_new(3, &memory);

    (void)state;
    memcpy(memory, "abc", 3);
    assert_bytes(&bytes, "abc");
    weir_bytes_unref(&bytes);
    bytes = weir_bytes_new(SIZE_MAX, &memory);
    assert_null(memory);
    assert_true(weir_bytes_failed(&bytes));
}

static void equal_compares_what_is_there(void **state)
{
    weir_bytes a = weir_bytes_static("abc", 3);
    weir_bytes b = weir_bytes_static("abcd", 4);
    weir_bytes same = weir_bytes_slice(&b, 0, 3);
    weir_bytes none = {0};

    (void)state;
    assert_true(weir_bytes_equal(&a, &same));
    assert_false(weir_bytes_equal(&a, &b));
    assert_false(weir_bytes_equal(&a, &none));
    assert_true(weir_bytes_equal(&none, &none));
}

static void a_buffer_knows_whether_it_has_one_owner(void **state)
{
    weir_bytes one = weir_bytes_copy("a", 1);
    weir_bytes two;

    (void)state;
    assert_true(buffer_is_single(one.buffer));
    two = weir_bytes_ref(&one);
    assert_false(buffer_is_single(one.buffer));
    weir_bytes_unref(&two);
    assert_true(buffer_is_single(one.buffer));
    weir_bytes_unref(&one);
}

/* ---- the builder ---- */

static void a_builder_grows_at_its_end(void **state)
{
    weir_builder builder = {0};
    weir_bytes built;

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        weir_builder_append(&builder, "0123456789", 10);
    memcpy(weir_builder_extend(&builder, 3), "end", 3);
    built = weir_builder_finish(&builder);
    assert_int_equal(built.size, 10003);
    assert_memory_equal(built.data + 9990, "0123456789end", 13);
    weir_bytes_unref(&built);
}

static void a_builder_may_be_finished_empty_and_used_again(void **state)
{
    weir_builder builder = {0};
    weir_bytes built;

    (void)state;
    weir_builder_append(&builder, NULL, 0);
    assert_non_null(weir_builder_extend(&builder, 0));
    built = weir_builder_finish(&builder);
    assert_int_equal(built.size, 0);
    assert_false(weir_bytes_failed(&built));
    weir_bytes_unref(&built);
    weir_builder_append(&builder, "a", 1);
    weir_builder_clear(&builder);
    weir_builder_append(&builder, "b", 1);
    built = weir_builder_finish(&builder);
    assert_bytes(&built, "b");
    weir_bytes_unref(&built);
}

static void a_builder_remembers_that_memory_ran_out(void **state)
{
    size_t at = 0;
    bool failed;

    (void)state;
    do {
        weir_builder builder = {0};
        weir_bytes built;

        memory_fails_at(at++);
        for (unsigned i = 0; i < 100; i++)
            weir_builder_append(&builder, "0123456789", 10);
        failed = failing_memory.failed;
        assert_int_equal(weir_builder_extend(&builder, 1) == NULL, failed);
        built = weir_builder_finish(&builder);
        assert_int_equal(weir_bytes_failed(&built), failed);
        weir_bytes_unref(&built);
        assert_int_equal(failing_memory.living, 0);
    } while (memory_failed());
    assert_true(at > 3);
}

static void a_builder_refuses_what_cannot_be(void **state)
{
    weir_builder builder = {0};
    weir_bytes built;

    (void)state;
    weir_builder_append(&builder, "a", 1);
    assert_null(weir_builder_extend(&builder, SIZE_MAX));
    assert_null(weir_builder_extend(&builder, 1));
    built = weir_builder_finish(&builder);
    assert_true(weir_bytes_failed(&built));
    weir_builder_append(&builder, "b", 1);
    built = weir_builder_finish(&builder);
    assert_bytes(&built, "b");
    weir_bytes_unref(&built);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_zero_value_is_empty_and_has_not_failed),
        cmocka_unit_test(a_copy_has_memory_of_its_own),
        cmocka_unit_test(memory_lives_until_the_last_reference_is_dropped),
        cmocka_unit_test(owned_memory_is_released_also_when_that_fails),
        cmocka_unit_test(static_bytes_cost_nothing),
        cmocka_unit_test(an_empty_slice_is_empty_wherever_it_lies),
        cmocka_unit_test(failed_bytes_are_empty_and_stay_failed_in_copies),
        cmocka_unit_test(format_makes_short_and_long_bytes),
        cmocka_unit_test(format_fails_when_memory_is_out),
        cmocka_unit_test(new_bytes_are_to_be_filled),
        cmocka_unit_test(equal_compares_what_is_there),
        cmocka_unit_test(a_buffer_knows_whether_it_has_one_owner),
        cmocka_unit_test(a_builder_grows_at_its_end),
        cmocka_unit_test(a_builder_may_be_finished_empty_and_used_again),
        cmocka_unit_test(a_builder_remembers_that_memory_ran_out),
        cmocka_unit_test(a_builder_refuses_what_cannot_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
