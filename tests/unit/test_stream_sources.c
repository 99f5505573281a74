/* SPDX-License-Identifier: MIT */
/*
 * test_stream_sources.c - the claims of the poll entry and of the sources without threads.
 */
#include "support/streams.h"

#include <stdlib.h>

/* ---- weir_stream_poll ---- */

static void the_zero_stream_is_empty_and_may_be_released(void **state)
{
    weir_stream stream = {0};

    (void)state;
    says_end(&stream);
    weir_stream_release(&stream);
    weir_stream_release(&stream);
}

static void a_stream_is_released_at_its_end_and_stays_ended(void **state)
{
    struct script script = {.says = "a"};
    weir_stream stream = script_stream(&script);

    (void)state;
    says_message(&stream, "a");
    assert_int_equal(script.released, 0);
    says_end(&stream);
    assert_int_equal(script.released, 1);
    says_end(&stream);
    assert_int_equal(script.polls, 2);
}

static void a_stream_is_released_at_its_error_and_ends_then(void **state)
{
    struct script script = {.says = "a!"};
    weir_stream stream = script_stream(&script);

    (void)state;
    says_message(&stream, "a");
    says_error(&stream, WEIR_UNAVAILABLE);
    assert_int_equal(script.released, 1);
}

static void a_failed_message_becomes_resource_exhausted(void **state)
{
    struct script script = {.says = "a?"};
    weir_stream stream = script_stream(&script);

    (void)state;
    says_message(&stream, "a");
    says_error(&stream, WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(script.released, 1);
}

static void the_item_is_zeroed_before_the_source_sees_it(void **state)
{
    struct script script = {.says = "a"};
    weir_stream stream = script_stream(&script);
    weir_item item;

    (void)state;
    memset(&item, 0xff, sizeof item);
    weir_task_begin(task, 0);
    assert_int_equal(weir_stream_poll(&stream, task, &item), WEIR_READY);
    assert_int_equal(item.flags, 0);
    assert_int_equal(item.status.code, WEIR_OK);
    assert_int_equal(item.status.message.size, 0);
    weir_item_clear(&item);
    weir_stream_release(&stream);
}

static weir_poll careless_next(void *state, weir_task *by, weir_item *out)
{
    (void)by;
    out->message = weir_bytes_copy_string("left behind");
    return *(weir_poll *)state;
}

static void what_a_source_leaves_beside_its_end_is_dropped(void **state)
{
    weir_poll answer = WEIR_END;
    weir_stream stream = weir_stream_from(careless_next, &answer, NULL);

    (void)state;
    says_end(&stream);
}

static void an_error_without_a_code_is_unknown(void **state)
{
    weir_poll answer = WEIR_ERROR;
    weir_stream stream = weir_stream_from(careless_next, &answer, NULL);

    (void)state;
    says_error(&stream, WEIR_UNKNOWN);
}

/* ---- of, once, empty ---- */

static void of_gives_its_messages_in_order(void **state)
{
    weir_bytes messages[] = {weir_bytes_copy_string("one"), weir_bytes_static("", 0),
                             weir_bytes_copy_string("three")};
    weir_stream stream = weir_stream_of(messages, 3);

    (void)state;
    says_message(&stream, "one");
    says_message(&stream, "");
    says_message(&stream, "three");
    says_end(&stream);
}

static unsigned freed;

static void count_free(void *memory)
{
    freed++;
    free(memory);
}

static weir_bytes counted(void)
{
    return weir_bytes_own(malloc(8), 8, count_free);
}

static void of_drops_what_was_not_taken(void **state)
{
    weir_bytes messages[] = {counted(), counted(), counted()};
    weir_stream stream = weir_stream_of(messages, 3);
    weir_item item;

    (void)state;
    freed = 0;
    assert_int_equal(poll_by(task, &stream, &item), WEIR_READY);
    weir_stream_release(&stream);
    assert_int_equal(freed, 2);
    weir_item_clear(&item);
    assert_int_equal(freed, 3);
}

static void of_nothing_ends(void **state)
{
    weir_stream stream = weir_stream_of(NULL, 0);

    (void)state;
    says_end(&stream);
}

static void once_gives_one_message(void **state)
{
    weir_stream stream = weir_stream_once(weir_bytes_copy_string("hello"));

    (void)state;
    says_message(&stream, "hello");
    says_end(&stream);
}

static void empty_ends(void **state)
{
    weir_stream stream = weir_stream_empty();

    (void)state;
    says_end(&stream);
}

/* ---- from ---- */

static void from_is_polled_only_when_asked(void **state)
{
    struct script script = {.says = "ab"};
    weir_stream stream = script_stream(&script);

    (void)state;
    assert_int_equal(script.polls, 0);
    says_message(&stream, "a");
    assert_int_equal(script.polls, 1);
    weir_stream_release(&stream);
    assert_int_equal(script.released, 1);
}

static void from_without_state_but_a_release_is_out_of_memory(void **state)
{
    weir_stream stream = weir_stream_from(script_next, NULL, script_release);

    (void)state;
    says_error(&stream, WEIR_RESOURCE_EXHAUSTED);
}

static weir_poll stateless(void *state, weir_task *by, weir_item *out)
{
    assert_null(state);
    (void)by;
    (void)out;
    return WEIR_END;
}

static void from_may_have_neither_state_nor_release(void **state)
{
    weir_stream stream = weir_stream_from(stateless, NULL, NULL);

    (void)state;
    says_end(&stream);
}

/* ---- error ---- */

static void error_moves_its_whole_status_out(void **state)
{
    weir_status status = weir_status_make(WEIR_NOT_FOUND, "no %s", "cat");
    weir_stream stream;
    weir_item item;

    (void)state;
    status.details = weir_bytes_copy_string("details");
    stream = weir_stream_error(status);
    assert_int_equal(poll_by(task, &stream, &item), WEIR_ERROR);
    assert_int_equal(item.status.code, WEIR_NOT_FOUND);
    assert_bytes(&item.status.message, "no cat");
    assert_bytes(&item.status.details, "details");
    weir_item_clear(&item);
    says_end(&stream);
}

static void error_with_ok_is_the_empty_stream(void **state)
{
    weir_stream stream = weir_stream_error(weir_status_make(WEIR_OK, "fine"));

    (void)state;
    assert_null(stream.ops);
    says_end(&stream);
}

static void an_error_that_nobody_polls_is_dropped(void **state)
{
    weir_stream stream = weir_stream_fail(WEIR_INTERNAL, "%d", 5);

    (void)state;
    weir_stream_release(&stream);
}

static void fail_formats_its_message(void **state)
{
    weir_stream stream = weir_stream_fail(WEIR_ABORTED, "%d of %d", 3, 4);
    weir_item item;

    (void)state;
    assert_int_equal(poll_by(task, &stream, &item), WEIR_ERROR);
    assert_int_equal(item.status.code, WEIR_ABORTED);
    assert_bytes(&item.status.message, "3 of 4");
    weir_item_clear(&item);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(the_zero_stream_is_empty_and_may_be_released),
        STREAM_TEST(a_stream_is_released_at_its_end_and_stays_ended),
        STREAM_TEST(a_stream_is_released_at_its_error_and_ends_then),
        STREAM_TEST(a_failed_message_becomes_resource_exhausted),
        STREAM_TEST(the_item_is_zeroed_before_the_source_sees_it),
        STREAM_TEST(what_a_source_leaves_beside_its_end_is_dropped),
        STREAM_TEST(an_error_without_a_code_is_unknown),
        STREAM_TEST(of_gives_its_messages_in_order),
        STREAM_TEST(of_drops_what_was_not_taken),
        STREAM_TEST(of_nothing_ends),
        STREAM_TEST(once_gives_one_message),
        STREAM_TEST(empty_ends),
        STREAM_TEST(from_is_polled_only_when_asked),
        STREAM_TEST(from_without_state_but_a_release_is_out_of_memory),
        STREAM_TEST(from_may_have_neither_state_nor_release),
        STREAM_TEST(error_moves_its_whole_status_out),
        STREAM_TEST(error_with_ok_is_the_empty_stream),
        STREAM_TEST(an_error_that_nobody_polls_is_dropped),
        STREAM_TEST(fail_formats_its_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
