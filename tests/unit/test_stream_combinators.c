/* SPDX-License-Identifier: MIT */
/*
 * test_stream_combinators.c - the claims of the combinators that choose and join streams.
 */
#include "support/streams.h"

/* ---- map ---- */

static weir_code shout(void *arg, weir_bytes *message, weir_status *why)
{
    weir_bytes louder = weir_bytes_format("%.*s!", (int)message->size, (const char *)message->data);

    if (arg != NULL && message->data[0] == *(const char *)arg) {
        weir_bytes_unref(&louder);
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "refused");
    }
    weir_bytes_unref(message);
    *message = louder;
    return WEIR_OK;
}

static void map_rewrites_each_message_and_keeps_its_flags(void **state)
{
    struct script script = {.says = "ab", .flags = WEIR_ITEM_COMPRESSED};
    weir_stream stream = weir_stream_map(script_stream(&script), shout, NULL);
    weir_item item;

    (void)state;
    says_message(&stream, "a!");
    assert_int_equal(poll_by(task, &stream, &item), WEIR_READY);
    assert_int_equal(item.flags, WEIR_ITEM_COMPRESSED);
    weir_item_clear(&item);
    says_end(&stream);
}

static void map_that_refuses_ends_the_stream_with_its_status(void **state)
{
    struct script script = {.says = "abc"};
    weir_stream stream = weir_stream_map(script_stream(&script), shout, "b");
    weir_item item;

    (void)state;
    says_message(&stream, "a!");
    assert_int_equal(poll_by(task, &stream, &item), WEIR_ERROR);
    assert_int_equal(item.status.code, WEIR_INVALID_ARGUMENT);
    assert_bytes(&item.status.message, "refused");
    weir_item_clear(&item);
    assert_int_equal(script.released, 1);
    says_end(&stream);
}

static void map_polls_its_source_once_a_poll(void **state)
{
    struct script script = {.says = "a.b!"};
    weir_stream stream = weir_stream_map(script_stream(&script), shout, NULL);

    (void)state;
    assert_int_equal(script.polls, 0);
    says_message(&stream, "a!");
    assert_int_equal(script.polls, 1);
    says_pending(&stream);
    assert_int_equal(script.polls, 2);
    says_message(&stream, "b!");
    says_error(&stream, WEIR_UNAVAILABLE);
}

/* ---- filter, take_while ---- */

static bool is_not(void *arg, const weir_bytes *message)
{
    return message->data[0] != *(const char *)arg;
}

static void filter_keeps_what_passes_the_test(void **state)
{
    struct script script = {.says = "axbxxc"};
    weir_stream stream = weir_stream_filter(script_stream(&script), is_not, "x");

    (void)state;
    says_letters(&stream, "abc");
    says_end(&stream);
}

static void filter_lets_the_task_go_after_a_run_of_refusals(void **state)
{
    struct script script = {.says = "x*"};
    weir_stream stream = weir_stream_filter(script_stream(&script), is_not, "x");

    (void)state;
    now = 77;
    says_pending(&stream);
    assert_int_equal(script.polls, 64);
    assert_int_equal(weir_task_wakeup(task), 77);
    assert_true(weir_task_due(task, 77));
    weir_stream_release(&stream);
    assert_int_equal(script.released, 1);
}

static void filter_passes_pending_and_errors(void **state)
{
    struct script script = {.says = "x.x!"};
    weir_stream stream = weir_stream_filter(script_stream(&script), is_not, "x");

    (void)state;
    says_pending(&stream);
    assert_int_equal(weir_task_wakeup(task), WEIR_NEVER);
    says_error(&stream, WEIR_UNAVAILABLE);
}

static void take_while_ends_at_the_first_refusal_and_releases_its_source(void **state)
{
    struct script script = {.says = "abxc"};
    weir_stream stream = weir_stream_take_while(script_stream(&script), is_not, "x");

    (void)state;
    says_letters(&stream, "ab");
    says_end(&stream);
    assert_int_equal(script.polls, 3);
    assert_int_equal(script.released, 1);
}

/* ---- take, skip ---- */

static void take_releases_its_source_with_the_last_message(void **state)
{
    struct script script = {.says = "abc"};
    weir_stream stream = weir_stream_take(script_stream(&script), 2);

    (void)state;
    says_message(&stream, "a");
    assert_int_equal(script.released, 0);
    says_message(&stream, "b");
    assert_int_equal(script.released, 1);
    says_end(&stream);
    assert_int_equal(script.polls, 2);
}

static void take_of_none_releases_its_source_at_once(void **state)
{
    struct script script = {.says = "abc"};
    weir_stream stream = weir_stream_take(script_stream(&script), 0);

    (void)state;
    assert_int_equal(script.released, 1);
    says_end(&stream);
}

static void take_of_more_than_there_is_ends_with_its_source(void **state)
{
    struct script script = {.says = "a.b"};
    weir_stream stream = weir_stream_take(script_stream(&script), UINT64_MAX);

    (void)state;
    says_message(&stream, "a");
    says_pending(&stream);
    says_message(&stream, "b");
    says_end(&stream);
}

static void skip_drops_the_first_messages_only(void **state)
{
    struct script script = {.says = "ab.cde"};
    weir_stream stream = weir_stream_skip(script_stream(&script), 3);

    (void)state;
    says_pending(&stream);
    says_letters(&stream, "de");
    says_end(&stream);
}

static void skip_lets_the_task_go_after_a_long_run(void **state)
{
    struct script script = {.says = "a*"};
    weir_stream stream = weir_stream_skip(script_stream(&script), 100);

    (void)state;
    says_pending(&stream);
    assert_int_equal(weir_task_wakeup(task), now);
    says_message(&stream, "a");
    assert_int_equal(script.polls, 101);
    weir_stream_release(&stream);
}

/* ---- then ---- */

static weir_stream twice(void *arg, weir_bytes message)
{
    weir_bytes both[] = {message, weir_bytes_ref(&message)};

    (void)arg;
    if (message.size == 0) {
        weir_bytes_unref(&both[0]);
        weir_bytes_unref(&both[1]);
        return weir_stream_empty();
    }
    return weir_stream_of(both, 2);
}

static weir_stream later(void *arg, weir_bytes message)
{
    (void)arg;
    return weir_stream_delay(weir_stream_once(message), 10);
}

static weir_stream refuse(void *arg, weir_bytes message)
{
    (void)arg;
    weir_bytes_unref(&message);
    return weir_stream_fail(WEIR_ABORTED, "no");
}

static void then_reads_the_streams_one_after_another(void **state)
{
    struct script script = {.says = "ab"};
    weir_stream stream = weir_stream_then(script_stream(&script), twice, NULL);

    (void)state;
    says_message(&stream, "a");
    assert_int_equal(script.polls, 1);
    says_message(&stream, "a");
    assert_int_equal(script.polls, 1);
    says_letters(&stream, "bb");
    says_end(&stream);
}

static void then_may_delay_each_message(void **state)
{
    struct script script = {.says = "ab"};
    weir_stream stream = weir_stream_then(script_stream(&script), later, NULL);

    (void)state;
    says_pending(&stream);
    assert_int_equal(weir_task_wakeup(task), 10);
    now = 10;
    says_message(&stream, "a");
    says_pending(&stream);
    now = 20;
    says_message(&stream, "b");
    says_end(&stream);
}

static void then_skips_empty_streams_in_bounded_runs(void **state)
{
    struct script script = {.says = "_*"};
    weir_stream stream = weir_stream_then(script_stream(&script), twice, NULL);

    (void)state;
    says_pending(&stream);
    assert_int_equal(script.polls, 64);
    assert_int_equal(weir_task_wakeup(task), now);
    weir_stream_release(&stream);
}

static void then_ends_with_the_error_of_an_inner_stream(void **state)
{
    struct script script = {.says = "ab"};
    weir_stream stream = weir_stream_then(script_stream(&script), refuse, NULL);

    (void)state;
    says_error(&stream, WEIR_ABORTED);
    assert_int_equal(script.released, 1);
}

static void then_released_early_releases_both_streams(void **state)
{
    struct script script = {.says = "ab"};
    weir_stream stream = weir_stream_then(script_stream(&script), twice, NULL);

    (void)state;
    says_message(&stream, "a");
    weir_stream_release(&stream);
    assert_int_equal(script.released, 1);
}

/* ---- chain ---- */

static void chain_reads_the_second_after_the_first_ended(void **state)
{
    struct script first = {.says = "ab"};
    struct script second = {.says = "c.d!"};
    weir_stream stream = weir_stream_chain(script_stream(&first), script_stream(&second));

    (void)state;
    says_letters(&stream, "ab");
    assert_int_equal(second.polls, 0);
    says_message(&stream, "c");
    assert_int_equal(first.released, 1);
    says_pending(&stream);
    says_message(&stream, "d");
    says_error(&stream, WEIR_UNAVAILABLE);
    assert_int_equal(second.released, 1);
}

static void chain_ends_with_the_error_of_the_first(void **state)
{
    struct script first = {.says = "!"};
    struct script second = {.says = "c"};
    weir_stream stream = weir_stream_chain(script_stream(&first), script_stream(&second));

    (void)state;
    says_error(&stream, WEIR_UNAVAILABLE);
    assert_int_equal(second.polls, 0);
    assert_int_equal(second.released, 1);
}

/* ---- merge ---- */

static weir_stream merged(struct script *scripts, size_t count)
{
    weir_stream streams[4];

    for (size_t i = 0; i < count; i++)
        streams[i] = script_stream(&scripts[i]);
    return weir_stream_merge(streams, count);
}

static void merge_gives_each_stream_its_turn(void **state)
{
    struct script scripts[] = {{.says = "a*"}, {.says = "b*"}, {.says = "c*"}};
    weir_stream stream = merged(scripts, 3);

    (void)state;
    says_letters(&stream, "abcabcabc");
    weir_stream_release(&stream);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(scripts[i].released, 1);
}

static void merge_ends_when_all_have_ended(void **state)
{
    struct script scripts[] = {{.says = "a"}, {.says = "bb.b"}, {.says = ""}};
    weir_stream stream = merged(scripts, 3);

    (void)state;
    says_letters(&stream, "abb");
    assert_int_equal(scripts[0].released, 1);
    says_pending(&stream);
    says_message(&stream, "b");
    says_end(&stream);
}

static void merge_waits_for_all_and_is_woken_by_any(void **state)
{
    struct script scripts[] = {{.says = "..a"}, {.says = "..b"}};
    weir_stream stream = merged(scripts, 2);

    (void)state;
    says_pending(&stream);
    assert_false(weir_task_due(task, now));
    script_wake(&scripts[1]);
    assert_true(weir_task_due(task, now));
    says_pending(&stream);
    script_wake(&scripts[0]);
    assert_true(weir_task_due(task, now));
    weir_stream_release(&stream);
}

static void merge_ends_with_the_first_error_and_releases_the_rest(void **state)
{
    struct script scripts[] = {{.says = "a*"}, {.says = "!"}};
    weir_stream stream = merged(scripts, 2);

    (void)state;
    says_message(&stream, "a");
    says_error(&stream, WEIR_UNAVAILABLE);
    assert_int_equal(scripts[0].released, 1);
    assert_int_equal(scripts[1].released, 1);
}

static void merge_of_nothing_ends(void **state)
{
    weir_stream stream = weir_stream_merge(NULL, 0);

    (void)state;
    says_end(&stream);
}

/* ---- zip ---- */

static weir_code join(void *arg, weir_bytes left, weir_bytes right, weir_bytes *out,
                      weir_status *why)
{
    weir_code code = WEIR_OK;

    if (left.data[0] == 'x')
        code = weir_fail(why, WEIR_OUT_OF_RANGE, "x");
    else
        *out = weir_bytes_format("%c%c", left.data[0], right.data[0]);
    (void)arg;
    weir_bytes_unref(&left);
    weir_bytes_unref(&right);
    return code;
}

static void zip_joins_message_by_message_and_ends_with_the_shorter(void **state)
{
    struct script left = {.says = "abc"};
    struct script right = {.says = "12"};
    weir_stream stream = weir_stream_zip(script_stream(&left), script_stream(&right), join, NULL);

    (void)state;
    says_message(&stream, "a1");
    says_message(&stream, "b2");
    says_end(&stream);
    assert_int_equal(left.released, 1);
    assert_int_equal(right.released, 1);
}

static void zip_holds_one_message_of_a_side_while_the_other_is_pending(void **state)
{
    struct script left = {.says = "..ab"};
    struct script right = {.says = "12"};
    weir_stream stream = weir_stream_zip(script_stream(&left), script_stream(&right), join, NULL);

    (void)state;
    says_pending(&stream);
    says_pending(&stream);
    assert_int_equal(right.polls, 1);
    script_wake(&left);
    assert_true(weir_task_due(task, now));
    says_message(&stream, "a1");
    weir_stream_release(&stream);
}

static void zip_ends_with_the_error_of_either_side(void **state)
{
    struct script left = {.says = "a"};
    struct script right = {.says = "!"};
    weir_stream stream = weir_stream_zip(script_stream(&left), script_stream(&right), join, NULL);

    (void)state;
    says_error(&stream, WEIR_UNAVAILABLE);
    assert_int_equal(left.released, 1);
}

static void zip_ends_with_the_status_of_its_function(void **state)
{
    struct script left = {.says = "ax"};
    struct script right = {.says = "12"};
    weir_stream stream = weir_stream_zip(script_stream(&left), script_stream(&right), join, NULL);

    (void)state;
    says_message(&stream, "a1");
    says_error(&stream, WEIR_OUT_OF_RANGE);
}

/* ---- inspect ---- */

struct witness {
    char seen[32];
    weir_code code;
    unsigned order; /* of end and release, as digits */
};

static void see_message(void *arg, const weir_item *item)
{
    struct witness *witness = arg;

    strncat(witness->seen, (const char *)item->message.data, item->message.size);
}

static void see_end(void *arg, const weir_status *status)
{
    struct witness *witness = arg;

    witness->code = status->code;
    witness->order = witness->order * 10 + 1;
}

static void see_release(void *arg)
{
    struct witness *witness = arg;

    witness->order = witness->order * 10 + 2;
}

static weir_stream inspected(struct script *script, struct witness *witness)
{
    return weir_stream_inspect(script_stream(script),
                               &(weir_inspect_hooks){see_message, see_end, see_release, witness});
}

static void inspect_sees_messages_then_the_end_then_the_release(void **state)
{
    struct script script = {.says = "a.b"};
    struct witness witness = {.code = WEIR_UNKNOWN};
    weir_stream stream = inspected(&script, &witness);

    (void)state;
    says_message(&stream, "a");
    says_pending(&stream);
    says_message(&stream, "b");
    says_end(&stream);
    assert_string_equal(witness.seen, "ab");
    assert_int_equal(witness.code, WEIR_OK);
    assert_int_equal(witness.order, 12);
}

static void inspect_sees_the_status_of_an_error(void **state)
{
    struct script script = {.says = "!"};
    struct witness witness = {.code = WEIR_OK};
    weir_stream stream = inspected(&script, &witness);

    (void)state;
    says_error(&stream, WEIR_UNAVAILABLE);
    assert_int_equal(witness.code, WEIR_UNAVAILABLE);
    assert_int_equal(witness.order, 12);
}

static void inspect_released_early_sees_no_end(void **state)
{
    struct script script = {.says = "a"};
    struct witness witness = {.code = WEIR_OK};
    weir_stream stream = inspected(&script, &witness);

    (void)state;
    weir_stream_release(&stream);
    assert_int_equal(witness.order, 2);
    assert_int_equal(script.released, 1);
}

static void inspect_needs_no_hooks(void **state)
{
    struct script script = {.says = "a"};
    weir_stream stream = weir_stream_inspect(script_stream(&script), &(weir_inspect_hooks){0});

    (void)state;
    says_message(&stream, "a");
    says_end(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(map_rewrites_each_message_and_keeps_its_flags),
        STREAM_TEST(map_that_refuses_ends_the_stream_with_its_status),
        STREAM_TEST(map_polls_its_source_once_a_poll),
        STREAM_TEST(filter_keeps_what_passes_the_test),
        STREAM_TEST(filter_lets_the_task_go_after_a_run_of_refusals),
        STREAM_TEST(filter_passes_pending_and_errors),
        STREAM_TEST(take_while_ends_at_the_first_refusal_and_releases_its_source),
        STREAM_TEST(take_releases_its_source_with_the_last_message),
        STREAM_TEST(take_of_none_releases_its_source_at_once),
        STREAM_TEST(take_of_more_than_there_is_ends_with_its_source),
        STREAM_TEST(skip_drops_the_first_messages_only),
        STREAM_TEST(skip_lets_the_task_go_after_a_long_run),
        STREAM_TEST(then_reads_the_streams_one_after_another),
        STREAM_TEST(then_may_delay_each_message),
        STREAM_TEST(then_skips_empty_streams_in_bounded_runs),
        STREAM_TEST(then_ends_with_the_error_of_an_inner_stream),
        STREAM_TEST(then_released_early_releases_both_streams),
        STREAM_TEST(chain_reads_the_second_after_the_first_ended),
        STREAM_TEST(chain_ends_with_the_error_of_the_first),
        STREAM_TEST(merge_gives_each_stream_its_turn),
        STREAM_TEST(merge_ends_when_all_have_ended),
        STREAM_TEST(merge_waits_for_all_and_is_woken_by_any),
        STREAM_TEST(merge_ends_with_the_first_error_and_releases_the_rest),
        STREAM_TEST(merge_of_nothing_ends),
        STREAM_TEST(zip_joins_message_by_message_and_ends_with_the_shorter),
        STREAM_TEST(zip_holds_one_message_of_a_side_while_the_other_is_pending),
        STREAM_TEST(zip_ends_with_the_error_of_either_side),
        STREAM_TEST(zip_ends_with_the_status_of_its_function),
        STREAM_TEST(inspect_sees_messages_then_the_end_then_the_release),
        STREAM_TEST(inspect_sees_the_status_of_an_error),
        STREAM_TEST(inspect_released_early_sees_no_end),
        STREAM_TEST(inspect_needs_no_hooks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
