/* SPDX-License-Identifier: MIT */
/*
 * test_pipe.c - the claims of weir/pipe.h about pipes, on one thread.
 */
#include "support/streams.h"

static weir_stream reader;

static weir_pipe *pipe_with(weir_pipe_options options)
{
    weir_pipe *pipe = weir_pipe_create(&options, &reader);

    assert_non_null(pipe);
    return pipe;
}

static void writes(weir_pipe *pipe, const char *letters)
{
    for (; *letters != '\0'; letters++)
        assert_int_equal(weir_pipe_write(pipe, letter(letters)), WEIR_OK);
}

static weir_poll tries(weir_pipe *pipe, weir_task *by, const char *text)
{
    weir_bytes message = weir_bytes_copy_string(text);
    weir_poll poll = weir_pipe_try_write(pipe, by, &message);

    assert_bytes(&message, poll == WEIR_READY ? "" : text);
    weir_bytes_unref(&message);
    return poll;
}

static void pipe_delivers_in_order_and_ends_when_it_is_closed(void **state)
{
    weir_pipe *pipe = weir_pipe_create(NULL, &reader);

    (void)state;
    writes(pipe, "abc");
    weir_pipe_close(pipe, (weir_status){0});
    weir_pipe_unref(pipe);
    says_letters(&reader, "abc");
    says_end(&reader);
}

static void pipe_delivers_what_it_holds_before_the_status_it_was_closed_with(void **state)
{
    weir_pipe *pipe = pipe_with((weir_pipe_options){0});

    (void)state;
    writes(pipe, "ab");
    weir_pipe_close(pipe, weir_status_make(WEIR_ABORTED, "enough"));
    says_letters(&reader, "ab");
    says_error(&reader, WEIR_ABORTED);
    weir_pipe_unref(pipe);
}

static void only_the_first_close_counts(void **state)
{
    weir_pipe *pipe = pipe_with((weir_pipe_options){0});

    (void)state;
    weir_pipe_close(pipe, weir_status_make(WEIR_ABORTED, "first"));
    weir_pipe_close(pipe, weir_status_make(WEIR_INTERNAL, "second"));
    weir_pipe_close(pipe, (weir_status){0});
    says_error(&reader, WEIR_ABORTED);
    weir_pipe_unref(pipe);
}

static void a_closed_pipe_takes_no_more_messages(void **state)
{
    weir_pipe *pipe = pipe_with((weir_pipe_options){0});

    (void)state;
    weir_pipe_close(pipe, (weir_status){0});
    assert_int_equal(weir_pipe_write(pipe, weir_bytes_copy_string("a")), WEIR_CANCELLED);
    assert_int_equal(tries(pipe, task, "a"), WEIR_END);
    says_end(&reader);
    weir_pipe_unref(pipe);
}

static void a_pipe_whose_last_writer_leaves_without_a_close_is_cancelled(void **state)
{
    weir_pipe *pipe = pipe_with((weir_pipe_options){0});

    (void)state;
    assert_ptr_equal(weir_pipe_ref(pipe), pipe);
    writes(pipe, "a");
    weir_pipe_unref(pipe);
    says_message(&reader, "a");
    says_pending(&reader);
    weir_pipe_unref(pipe);
    assert_true(weir_task_due(task, now));
    says_error(&reader, WEIR_CANCELLED);
}

static void a_pipe_without_a_reader_takes_no_messages_and_drops_those_it_held(void **state)
{
    weir_pipe *pipe = pipe_with((weir_pipe_options){0});

    (void)state;
    writes(pipe, "ab");
    weir_stream_release(&reader);
    assert_int_equal(weir_pipe_write(pipe, weir_bytes_copy_string("c")), WEIR_CANCELLED);
    assert_int_equal(tries(pipe, task, "c"), WEIR_END);
    weir_pipe_unref(pipe);
}

static void a_write_wakes_the_reader_that_waits(void **state)
{
    weir_pipe *pipe = pipe_with((weir_pipe_options){0});

    (void)state;
    says_pending(&reader);
    assert_false(weir_task_due(task, now));
    writes(pipe, "a");
    assert_true(weir_task_due(task, now));
    says_message(&reader, "a");
    says_pending(&reader);
    weir_pipe_close(pipe, (weir_status){0});
    assert_true(weir_task_due(task, now));
    says_end(&reader);
    weir_pipe_unref(pipe);
}

static void the_reader_may_move_to_another_task(void **state)
{
    weir_pipe *pipe = pipe_with((weir_pipe_options){0});
    weir_task *other = weir_task_create(NULL);

    (void)state;
    says_pending(&reader);
    says_pending_to(other, &reader);
    writes(pipe, "a");
    assert_true(weir_task_due(other, now));
    assert_false(weir_task_due(task, now));
    weir_stream_release(&reader);
    weir_pipe_unref(pipe);
    weir_task_free(other);
}

/* ---- bounds ---- */

static void a_pipe_holds_sixteen_messages_unless_told_otherwise(void **state)
{
    weir_pipe *pipe = weir_pipe_create(NULL, &reader);

    (void)state;
    writes(pipe, "abcdefghijklmnop");
    assert_int_equal(tries(pipe, NULL, "q"), WEIR_PENDING);
    says_message(&reader, "a");
    assert_int_equal(tries(pipe, NULL, "q"), WEIR_READY);
    says_letters(&reader, "bcdefghijklmnopq");
    weir_stream_release(&reader);
    weir_pipe_unref(pipe);
}

static void a_pipe_holds_no_more_bytes_than_it_may(void **state)
{
    weir_pipe *pipe = pipe_with((weir_pipe_options){.max_bytes = 10});

    (void)state;
    assert_int_equal(tries(pipe, NULL, "123456"), WEIR_READY);
    assert_int_equal(tries(pipe, NULL, "12345"), WEIR_PENDING);
    assert_int_equal(tries(pipe, NULL, "1234"), WEIR_READY);
    assert_int_equal(tries(pipe, NULL, ""), WEIR_PENDING);
    weir_stream_release(&reader);
    weir_pipe_unref(pipe);
}

static void one_larger_message_fits_into_an_empty_pipe(void **state)
{
    weir_pipe *pipe = pipe_with((weir_pipe_options){.max_bytes = 3});

    (void)state;
    assert_int_equal(tries(pipe, NULL, "larger"), WEIR_READY);
    assert_int_equal(tries(pipe, NULL, "x"), WEIR_PENDING);
    says_message(&reader, "larger");
    assert_int_equal(tries(pipe, NULL, "x"), WEIR_READY);
    weir_stream_release(&reader);
    weir_pipe_unref(pipe);
}

/* ---- when full ---- */

static void a_writer_that_waits_is_woken_when_there_is_room(void **state)
{
    weir_pipe *pipe = pipe_with((weir_pipe_options){.max_messages = 1});
    weir_task *writer = weir_task_create(NULL);

    (void)state;
    weir_task_begin(writer, now);
    assert_int_equal(tries(pipe, writer, "a"), WEIR_READY);
    assert_int_equal(tries(pipe, writer, "b"), WEIR_PENDING);
    assert_false(weir_task_due(writer, now));
    says_message(&reader, "a");
    assert_true(weir_task_due(writer, now));
    weir_task_begin(writer, now);
    assert_int_equal(tries(pipe, writer, "b"), WEIR_READY);
    weir_stream_release(&reader);
    weir_pipe_unref(pipe);
    weir_task_free(writer);
}

static void a_writer_that_waits_is_woken_when_the_reader_leaves(void **state)
{
    weir_pipe *pipe = pipe_with((weir_pipe_options){.max_messages = 1});

    (void)state;
    weir_task_begin(task, now);
    assert_int_equal(tries(pipe, task, "a"), WEIR_READY);
    assert_int_equal(tries(pipe, task, "b"), WEIR_PENDING);
    weir_stream_release(&reader);
    assert_true(weir_task_due(task, now));
    assert_int_equal(tries(pipe, task, "b"), WEIR_END);
    weir_pipe_unref(pipe);
}

static void any_number_of_tasks_may_wait_for_room(void **state)
{
    enum { MANY = 20 };
    weir_pipe *pipe = pipe_with((weir_pipe_options){.max_messages = 1});
    weir_task *tasks[MANY];

    (void)state;
    writes(pipe, "a");
    for (unsigned i = 0; i < MANY; i++) {
        tasks[i] = weir_task_create(NULL);
        weir_task_begin(tasks[i], now);
        assert_int_equal(tries(pipe, tasks[i], "b"), WEIR_PENDING);
        assert_int_equal(tries(pipe, tasks[i], "b"), WEIR_PENDING);
    }
    says_message(&reader, "a");
    /* The first of them by their wakers, the rest by the clock. */
    for (unsigned i = 0; i < MANY; i++)
        assert_true(weir_task_due(tasks[i], now + WEIR_MILLISECONDS(5)));
    assert_true(weir_task_due(tasks[0], now));
    for (unsigned i = 0; i < MANY; i++)
        weir_task_free(tasks[i]);
    weir_stream_release(&reader);
    weir_pipe_unref(pipe);
}

static void drop_oldest_makes_room_for_the_newest(void **state)
{
    weir_pipe *pipe =
        pipe_with((weir_pipe_options){.max_messages = 3, .when_full = WEIR_FULL_DROP_OLDEST});

    (void)state;
    writes(pipe, "abcde");
    assert_int_equal(weir_pipe_dropped(pipe), 2);
    says_letters(&reader, "cde");
    says_pending(&reader);
    weir_stream_release(&reader);
    weir_pipe_unref(pipe);
}

static void drop_oldest_drops_as_many_as_the_bytes_ask_for(void **state)
{
    weir_pipe *pipe =
        pipe_with((weir_pipe_options){.max_bytes = 4, .when_full = WEIR_FULL_DROP_OLDEST});

    (void)state;
    writes(pipe, "abcd");
    assert_int_equal(tries(pipe, NULL, "xyz"), WEIR_READY);
    assert_int_equal(weir_pipe_dropped(pipe), 3);
    says_message(&reader, "d");
    says_message(&reader, "xyz");
    assert_int_equal(tries(pipe, NULL, "larger than the pipe"), WEIR_READY);
    says_message(&reader, "larger than the pipe");
    weir_stream_release(&reader);
    weir_pipe_unref(pipe);
}

static void latest_drops_all_that_a_full_pipe_holds(void **state)
{
    weir_pipe *pipe =
        pipe_with((weir_pipe_options){.max_messages = 3, .when_full = WEIR_FULL_LATEST});

    (void)state;
    writes(pipe, "abcd");
    assert_int_equal(weir_pipe_dropped(pipe), 3);
    says_message(&reader, "d");
    says_pending(&reader);
    weir_stream_release(&reader);
    weir_pipe_unref(pipe);
}

static void latest_of_one_always_holds_the_newest(void **state)
{
    weir_pipe *pipe =
        pipe_with((weir_pipe_options){.max_messages = 1, .when_full = WEIR_FULL_LATEST});

    (void)state;
    writes(pipe, "abcdefgh");
    says_message(&reader, "h");
    says_pending(&reader);
    weir_stream_release(&reader);
    weir_pipe_unref(pipe);
}

static void fail_ends_the_stream_behind_what_it_holds(void **state)
{
    weir_pipe *pipe =
        pipe_with((weir_pipe_options){.max_messages = 2, .when_full = WEIR_FULL_FAIL});

    (void)state;
    writes(pipe, "ab");
    assert_int_equal(weir_pipe_write(pipe, weir_bytes_copy_string("c")), WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(weir_pipe_write(pipe, weir_bytes_copy_string("d")), WEIR_CANCELLED);
    says_letters(&reader, "ab");
    says_error(&reader, WEIR_RESOURCE_EXHAUSTED);
    weir_pipe_unref(pipe);
}

static void a_try_that_fails_leaves_the_message(void **state)
{
    weir_pipe *pipe =
        pipe_with((weir_pipe_options){.max_messages = 1, .when_full = WEIR_FULL_FAIL});

    (void)state;
    assert_int_equal(tries(pipe, task, "a"), WEIR_READY);
    assert_int_equal(tries(pipe, task, "b"), WEIR_ERROR);
    assert_int_equal(tries(pipe, task, "b"), WEIR_END);
    weir_stream_release(&reader);
    weir_pipe_unref(pipe);
}

static void a_failed_message_ends_the_stream(void **state)
{
    weir_pipe *pipe = pipe_with((weir_pipe_options){0});

    (void)state;
    writes(pipe, "a");
    assert_int_equal(weir_pipe_write(pipe, weir_bytes_copy("", SIZE_MAX)), WEIR_OK);
    says_message(&reader, "a");
    says_error(&reader, WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(weir_pipe_write(pipe, (weir_bytes){0}), WEIR_CANCELLED);
    weir_pipe_unref(pipe);
}

static void says_number(unsigned number)
{
    weir_bytes expected = weir_bytes_format("%u", number);

    says_message(&reader, (const char *)expected.data);
    weir_bytes_unref(&expected);
}

static void a_pipe_keeps_its_order_however_it_fills_and_empties(void **state)
{
    weir_pipe *pipe = pipe_with((weir_pipe_options){.max_messages = SIZE_MAX});
    unsigned written = 0;
    unsigned read = 0;

    (void)state;
    for (unsigned round = 1; round < 60; round++) {
        for (unsigned i = 0; i < round; i++)
            assert_int_equal(weir_pipe_write(pipe, weir_bytes_format("%u", written++)), WEIR_OK);
        for (unsigned i = 1; i < round; i++)
            says_number(read++);
    }
    while (read < written)
        says_number(read++);
    says_pending(&reader);
    weir_stream_release(&reader);
    weir_pipe_unref(pipe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(pipe_delivers_in_order_and_ends_when_it_is_closed),
        STREAM_TEST(pipe_delivers_what_it_holds_before_the_status_it_was_closed_with),
        STREAM_TEST(only_the_first_close_counts),
        STREAM_TEST(a_closed_pipe_takes_no_more_messages),
        STREAM_TEST(a_pipe_whose_last_writer_leaves_without_a_close_is_cancelled),
        STREAM_TEST(a_pipe_without_a_reader_takes_no_messages_and_drops_those_it_held),
        STREAM_TEST(a_write_wakes_the_reader_that_waits),
        STREAM_TEST(the_reader_may_move_to_another_task),
        STREAM_TEST(a_pipe_holds_sixteen_messages_unless_told_otherwise),
        STREAM_TEST(a_pipe_holds_no_more_bytes_than_it_may),
        STREAM_TEST(one_larger_message_fits_into_an_empty_pipe),
        STREAM_TEST(a_writer_that_waits_is_woken_when_there_is_room),
        STREAM_TEST(a_writer_that_waits_is_woken_when_the_reader_leaves),
        STREAM_TEST(any_number_of_tasks_may_wait_for_room),
        STREAM_TEST(drop_oldest_makes_room_for_the_newest),
        STREAM_TEST(drop_oldest_drops_as_many_as_the_bytes_ask_for),
        STREAM_TEST(latest_drops_all_that_a_full_pipe_holds),
        STREAM_TEST(latest_of_one_always_holds_the_newest),
        STREAM_TEST(fail_ends_the_stream_behind_what_it_holds),
        STREAM_TEST(a_try_that_fails_leaves_the_message),
        STREAM_TEST(a_failed_message_ends_the_stream),
        STREAM_TEST(a_pipe_keeps_its_order_however_it_fills_and_empties),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
