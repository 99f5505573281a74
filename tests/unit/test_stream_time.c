/* SPDX-License-Identifier: MIT */
/*
 * test_stream_time.c - the claims of delay and timeout.
 */
#include "support/streams.h"

/* ---- delay ---- */

static void delay_waits_from_its_first_poll_and_does_not_poll_its_source(void **state)
{
    struct script script = {.says = "ab"};
    weir_stream stream = weir_stream_delay(script_stream(&script), 100);

    (void)state;
    now = 50;
    says_pending(&stream);
    assert_int_equal(weir_task_wakeup(task), 150);
    now = 149;
    says_pending(&stream);
    assert_int_equal(script.polls, 0);
    now = 150;
    says_letters(&stream, "ab");
    says_end(&stream);
}

static void delay_of_zero_waits_for_nothing(void **state)
{
    struct script script = {.says = "a!"};
    weir_stream stream = weir_stream_delay(script_stream(&script), 0);

    (void)state;
    says_message(&stream, "a");
    says_error(&stream, WEIR_UNAVAILABLE);
}

static void delay_for_ever_never_begins(void **state)
{
    struct script script = {.says = "a"};
    weir_stream stream = weir_stream_delay(script_stream(&script), UINT64_MAX);

    (void)state;
    now = 5;
    says_pending(&stream);
    now = UINT64_MAX / 2;
    says_pending(&stream);
    weir_stream_release(&stream);
    assert_int_equal(script.released, 1);
}

/* ---- timeout ---- */

static weir_stream timed(struct script *script, weir_timeout_options options)
{
    return weir_stream_timeout(script_stream(script), &options);
}

static void timeout_fails_when_the_first_message_takes_too_long(void **state)
{
    struct script script = {.says = "...a"};
    weir_stream stream = timed(&script, (weir_timeout_options){.first_ns = 100});

    (void)state;
    now = 7;
    says_pending(&stream);
    assert_int_equal(weir_task_wakeup(task), 107);
    now = 106;
    says_pending(&stream);
    now = 107;
    says_error(&stream, WEIR_DEADLINE_EXCEEDED);
    assert_int_equal(script.released, 1);
}

static void timeout_delivers_a_message_that_is_there_however_late(void **state)
{
    struct script script = {.says = ".a"};
    weir_stream stream = timed(&script, (weir_timeout_options){.first_ns = 100});

    (void)state;
    says_pending(&stream);
    now = 5000;
    says_message(&stream, "a");
    says_end(&stream);
}

static void timeout_fails_when_a_later_message_takes_too_long(void **state)
{
    struct script script = {.says = ".a...b"};
    weir_stream stream = timed(&script, (weir_timeout_options){.next_ns = 10});

    (void)state;
    says_pending(&stream);
    assert_int_equal(weir_task_wakeup(task), WEIR_NEVER);
    now = 1000;
    says_message(&stream, "a");
    says_pending(&stream);
    assert_int_equal(weir_task_wakeup(task), 1010);
    now = 1010;
    says_error(&stream, WEIR_DEADLINE_EXCEEDED);
}

static void timeout_begins_each_wait_anew(void **state)
{
    struct script script = {.says = "a.b.c.d"};
    weir_stream stream = timed(&script, (weir_timeout_options){.next_ns = 10});

    (void)state;
    for (const char *expected = "abcd"; *expected != '\0'; expected++) {
        says_message(&stream, ((char[]){*expected, '\0'}));
        if (*expected != 'd')
            says_pending(&stream);
        now += 9;
    }
    says_end(&stream);
}

static void timeout_does_not_count_the_time_of_a_slow_reader(void **state)
{
    struct script script = {.says = "a.b"};
    weir_stream stream = timed(&script, (weir_timeout_options){.next_ns = 10});

    (void)state;
    says_message(&stream, "a");
    now = 100000;
    says_pending(&stream);
    assert_int_equal(weir_task_wakeup(task), now + 10);
    now += 9;
    says_message(&stream, "b");
    weir_stream_release(&stream);
}

static void timeout_ends_the_whole_stream_whatever_is_there(void **state)
{
    struct script script = {.says = "a*"};
    weir_stream stream = timed(&script, (weir_timeout_options){.total_ns = 100});

    (void)state;
    now = 1;
    says_message(&stream, "a");
    now = 100;
    says_message(&stream, "a");
    now = 101;
    says_error(&stream, WEIR_DEADLINE_EXCEEDED);
}

static void timeout_wakes_for_the_earliest_of_its_limits(void **state)
{
    struct script script = {.says = "..a"};
    weir_stream stream =
        timed(&script, (weir_timeout_options){.first_ns = 80, .next_ns = 10, .total_ns = 100});

    (void)state;
    says_pending(&stream);
    assert_int_equal(weir_task_wakeup(task), 80);
    weir_stream_release(&stream);
    script = (struct script){.says = "..a"};
    stream = timed(&script, (weir_timeout_options){.first_ns = 180, .total_ns = 100});
    says_pending(&stream);
    assert_int_equal(weir_task_wakeup(task), 100);
    weir_stream_release(&stream);
}

static void timeout_without_limits_waits_for_ever(void **state)
{
    struct script script = {.says = "..!"};
    weir_stream stream = timed(&script, (weir_timeout_options){0});

    (void)state;
    says_pending(&stream);
    now = WEIR_NEVER - 1;
    says_pending(&stream);
    assert_int_equal(weir_task_wakeup(task), WEIR_NEVER);
    says_error(&stream, WEIR_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(delay_waits_from_its_first_poll_and_does_not_poll_its_source),
        STREAM_TEST(delay_of_zero_waits_for_nothing),
        STREAM_TEST(delay_for_ever_never_begins),
        STREAM_TEST(timeout_fails_when_the_first_message_takes_too_long),
        STREAM_TEST(timeout_delivers_a_message_that_is_there_however_late),
        STREAM_TEST(timeout_fails_when_a_later_message_takes_too_long),
        STREAM_TEST(timeout_begins_each_wait_anew),
        STREAM_TEST(timeout_does_not_count_the_time_of_a_slow_reader),
        STREAM_TEST(timeout_ends_the_whole_stream_whatever_is_there),
        STREAM_TEST(timeout_wakes_for_the_earliest_of_its_limits),
        STREAM_TEST(timeout_without_limits_waits_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
