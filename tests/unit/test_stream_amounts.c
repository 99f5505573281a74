/* SPDX-License-Identifier: MIT */
/*
 * test_stream_amounts.c - the claims of what counts messages and bytes: chunk, limit, buffer, fold.
 */
#include "support/streams.h"

/* ---- chunk ---- */

static void chunk_cuts_a_message_into_slices_of_it(void **state)
{
    weir_bytes large = weir_bytes_copy_string("abcdefgh");
    const uint8_t *memory = large.data;
    weir_stream stream = weir_stream_chunk(weir_stream_once(large), 3);
    weir_item item;

    (void)state;
    says_message(&stream, "abc");
    assert_int_equal(poll_by(task, &stream, &item), WEIR_READY);
    assert_ptr_equal(item.message.data, memory + 3);
    weir_item_clear(&item);
    says_message(&stream, "gh");
    says_end(&stream);
}

static void chunk_leaves_messages_alone_that_fit(void **state)
{
    weir_bytes messages[] = {weir_bytes_copy_string(""), weir_bytes_copy_string("abc"),
                             weir_bytes_copy_string("abcdef")};
    weir_stream stream = weir_stream_chunk(weir_stream_of(messages, 3), 3);

    (void)state;
    says_message(&stream, "");
    says_message(&stream, "abc");
    says_message(&stream, "abc");
    says_message(&stream, "def");
    says_end(&stream);
}

static void chunk_does_not_poll_its_source_while_it_has_pieces(void **state)
{
    struct script script = {.says = "a", .flags = WEIR_ITEM_UNCOMPRESSED};
    weir_stream parts[] = {weir_stream_once(weir_bytes_copy_string("wxyz")),
                           script_stream(&script)};
    weir_stream stream = weir_stream_chunk(weir_stream_chain(parts[0], parts[1]), 2);
    weir_item item;

    (void)state;
    says_message(&stream, "wx");
    says_message(&stream, "yz");
    assert_int_equal(script.polls, 0);
    assert_int_equal(poll_by(task, &stream, &item), WEIR_READY);
    assert_int_equal(item.flags, WEIR_ITEM_UNCOMPRESSED);
    weir_item_clear(&item);
    weir_stream_release(&stream);
}

static void chunk_released_early_drops_what_it_holds(void **state)
{
    weir_stream stream = weir_stream_chunk(weir_stream_once(weir_bytes_copy_string("wxyz")), 2);

    (void)state;
    says_message(&stream, "wx");
    weir_stream_release(&stream);
}

/* ---- limit ---- */

static void limit_lets_pass_exactly_what_was_agreed(void **state)
{
    struct script script = {.says = "a_b"};
    weir_stream stream = weir_stream_limit(script_stream(&script), 3, 2);

    (void)state;
    says_message(&stream, "a");
    says_message(&stream, "");
    says_message(&stream, "b");
    says_end(&stream);
}

static void limit_fails_at_the_message_too_many_and_does_not_deliver_it(void **state)
{
    struct script script = {.says = "abc"};
    weir_stream stream = weir_stream_limit(script_stream(&script), 2, UINT64_MAX);

    (void)state;
    says_letters(&stream, "ab");
    says_error(&stream, WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(script.released, 1);
}

static void limit_fails_at_the_byte_too_many(void **state)
{
    struct script script = {.says = "ab_c"};
    weir_stream stream = weir_stream_limit(script_stream(&script), UINT64_MAX, 2);

    (void)state;
    says_letters(&stream, "ab");
    says_message(&stream, "");
    says_error(&stream, WEIR_RESOURCE_EXHAUSTED);
}

/* ---- buffer ---- */

static void buffer_asks_ahead_up_to_its_messages(void **state)
{
    struct script script = {.says = "abcdefgh"};
    weir_stream stream = weir_stream_buffer(script_stream(&script), 3, 0);

    (void)state;
    assert_int_equal(script.polls, 0);
    says_message(&stream, "a");
    assert_int_equal(script.polls, 3);
    says_message(&stream, "b");
    assert_int_equal(script.polls, 4);
    says_letters(&stream, "cdefgh");
    says_end(&stream);
    assert_int_equal(script.released, 1);
}

static void buffer_asks_ahead_up_to_its_bytes_and_one_message(void **state)
{
    struct script script = {.says = "abcdefgh"};
    weir_stream stream = weir_stream_buffer(script_stream(&script), 0, 2);

    (void)state;
    says_message(&stream, "a");
    assert_int_equal(script.polls, 2);
    weir_stream_release(&stream);
    assert_int_equal(script.released, 1);
}

static void buffer_bounds_empty_messages_too(void **state)
{
    struct script script = {.says = "_*"};
    weir_stream stream = weir_stream_buffer(script_stream(&script), 0, 5);

    (void)state;
    says_message(&stream, "");
    assert_int_equal(script.polls, 5);
    weir_stream_release(&stream);
}

static void buffer_asks_a_ready_source_in_bounded_runs(void **state)
{
    struct script script = {.says = "a*"};
    weir_stream stream = weir_stream_buffer(script_stream(&script), 1000, 0);

    (void)state;
    says_message(&stream, "a");
    assert_int_equal(script.polls, 64);
    weir_stream_release(&stream);
}

static void buffer_delivers_what_it_holds_while_its_source_is_pending(void **state)
{
    struct script script = {.says = "ab..c"};
    weir_stream stream = weir_stream_buffer(script_stream(&script), 8, 0);

    (void)state;
    says_letters(&stream, "ab");
    assert_int_equal(script.polls, 4);
    says_message(&stream, "c");
    says_end(&stream);
}

static void buffer_waits_with_its_source_when_it_is_empty(void **state)
{
    struct script script = {.says = ".a"};
    weir_stream stream = weir_stream_buffer(script_stream(&script), 8, 0);

    (void)state;
    says_pending(&stream);
    script_wake(&script);
    assert_true(weir_task_due(task, now));
    says_message(&stream, "a");
    says_end(&stream);
}

static void buffer_gives_its_messages_before_the_error_behind_them(void **state)
{
    struct script script = {.says = "ab!", .flags = WEIR_ITEM_COMPRESSED};
    weir_stream stream = weir_stream_buffer(script_stream(&script), 8, 0);
    weir_item item;

    (void)state;
    assert_int_equal(poll_by(task, &stream, &item), WEIR_READY);
    assert_int_equal(item.flags, WEIR_ITEM_COMPRESSED);
    weir_item_clear(&item);
    assert_int_equal(script.released, 1);
    says_message(&stream, "b");
    says_error(&stream, WEIR_UNAVAILABLE);
}

static void buffer_released_before_its_error_drops_it(void **state)
{
    struct script script = {.says = "ab!"};
    weir_stream stream = weir_stream_buffer(script_stream(&script), 8, 0);

    (void)state;
    says_message(&stream, "a");
    weir_stream_release(&stream);
}

static void buffer_without_bounds_is_its_source(void **state)
{
    struct script script = {.says = "ab"};
    weir_stream stream = weir_stream_buffer(script_stream(&script), 0, 0);

    (void)state;
    says_message(&stream, "a");
    assert_int_equal(script.polls, 1);
    weir_stream_release(&stream);
}

/* ---- fold ---- */

struct sum {
    unsigned letters;
    unsigned released;
};

static weir_code count_letter(void *state, const weir_bytes *message, weir_status *why)
{
    struct sum *sum = state;

    if (message->size == 0)
        return weir_fail(why, WEIR_DATA_LOSS, "empty");
    sum->letters++;
    return WEIR_OK;
}

static weir_code print_sum(void *state, weir_bytes *out, weir_status *why)
{
    struct sum *sum = state;

    (void)why;
    *out = weir_bytes_format("%u", sum->letters);
    return WEIR_OK;
}

static void release_sum(void *state)
{
    struct sum *sum = state;

    sum->released++;
}

static weir_stream folded(struct script *script, struct sum *sum)
{
    return weir_stream_fold(script_stream(script),
                            &(weir_fold){count_letter, print_sum, release_sum, sum});
}

static void fold_makes_one_message_of_all(void **state)
{
    struct script script = {.says = "ab.c"};
    struct sum sum = {0};
    weir_stream stream = folded(&script, &sum);

    (void)state;
    says_pending(&stream);
    says_message(&stream, "3");
    assert_int_equal(sum.released, 0);
    says_end(&stream);
    assert_int_equal(sum.released, 1);
}

static void fold_of_nothing_makes_its_message_too(void **state)
{
    struct script script = {.says = ""};
    struct sum sum = {0};
    weir_stream stream = folded(&script, &sum);

    (void)state;
    says_message(&stream, "0");
    says_end(&stream);
}

static void fold_ends_with_the_status_of_its_step(void **state)
{
    struct script script = {.says = "a_b"};
    struct sum sum = {0};
    weir_stream stream = folded(&script, &sum);

    (void)state;
    says_error(&stream, WEIR_DATA_LOSS);
    assert_int_equal(sum.released, 1);
    assert_int_equal(script.released, 1);
}

static void fold_passes_the_error_of_its_source(void **state)
{
    struct script script = {.says = "a!"};
    struct sum sum = {0};
    weir_stream stream = folded(&script, &sum);

    (void)state;
    says_error(&stream, WEIR_UNAVAILABLE);
    assert_int_equal(sum.released, 1);
}

static void fold_lets_the_task_go_after_a_long_run(void **state)
{
    struct script script = {.says = "a*"};
    struct sum sum = {0};
    weir_stream stream = folded(&script, &sum);

    (void)state;
    says_pending(&stream);
    assert_int_equal(sum.letters, 64);
    assert_int_equal(weir_task_wakeup(task), now);
    weir_stream_release(&stream);
    assert_int_equal(sum.released, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(chunk_cuts_a_message_into_slices_of_it),
        STREAM_TEST(chunk_leaves_messages_alone_that_fit),
        STREAM_TEST(chunk_does_not_poll_its_source_while_it_has_pieces),
        STREAM_TEST(chunk_released_early_drops_what_it_holds),
        STREAM_TEST(limit_lets_pass_exactly_what_was_agreed),
        STREAM_TEST(limit_fails_at_the_message_too_many_and_does_not_deliver_it),
        STREAM_TEST(limit_fails_at_the_byte_too_many),
        STREAM_TEST(buffer_asks_ahead_up_to_its_messages),
        STREAM_TEST(buffer_asks_ahead_up_to_its_bytes_and_one_message),
        STREAM_TEST(buffer_bounds_empty_messages_too),
        STREAM_TEST(buffer_asks_a_ready_source_in_bounded_runs),
        STREAM_TEST(buffer_delivers_what_it_holds_while_its_source_is_pending),
        STREAM_TEST(buffer_waits_with_its_source_when_it_is_empty),
        STREAM_TEST(buffer_gives_its_messages_before_the_error_behind_them),
        STREAM_TEST(buffer_released_before_its_error_drops_it),
        STREAM_TEST(buffer_without_bounds_is_its_source),
        STREAM_TEST(fold_makes_one_message_of_all),
        STREAM_TEST(fold_of_nothing_makes_its_message_too),
        STREAM_TEST(fold_ends_with_the_status_of_its_step),
        STREAM_TEST(fold_passes_the_error_of_its_source),
        STREAM_TEST(fold_lets_the_task_go_after_a_long_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
