/* SPDX-License-Identifier: MIT */
/*
 * test_stream_throttle.c - the claims of weir_stream_throttle, in no wall time.
 */
#include "support/streams.h"

#include <math.h>

#define MS WEIR_MILLISECONDS(1)

static struct script endless;

static weir_stream throttled(const weir_throttle_options *options)
{
    endless = (struct script){.says = "a*"};
    return weir_stream_throttle_with(script_stream(&endless), options);
}

static bool sends(weir_stream *stream)
{
    weir_item item;
    weir_poll poll = poll_by(task, stream, &item);

    weir_item_clear(&item);
    return poll == WEIR_READY;
}

/* How many messages leave at this very moment. */
static unsigned flood(weir_stream *stream)
{
    unsigned sent = 0;

    while (sends(stream))
        sent++;
    return sent;
}

/* Sends one message and returns when it left. */
static uint64_t next_departure(weir_stream *stream)
{
    while (!sends(stream))
        now = weir_task_wakeup(task);
    return now;
}

static void throttle_sends_the_kth_message_at_start_plus_k_intervals(void **state)
{
    weir_stream stream = throttled(&(weir_throttle_options){.interval_ns = MS});

    (void)state;
    now = 5 * MS + 7;
    for (unsigned k = 1; k <= 1000; k++)
        assert_int_equal(next_departure(&stream), 5 * MS + 7 + k * MS);
    weir_stream_release(&stream);
}

static void throttle_starts_with_its_first_poll(void **state)
{
    weir_stream stream = throttled(&(weir_throttle_options){.interval_ns = 10});

    (void)state;
    now = 1000;
    says_pending(&stream);
    assert_int_equal(weir_task_wakeup(task), 1010);
    weir_stream_release(&stream);
}

static void throttle_holds_back_one_nanosecond_before_the_slot(void **state)
{
    weir_stream stream = throttled(&(weir_throttle_options){.interval_ns = 10});

    (void)state;
    says_pending(&stream);
    now = 9;
    says_pending(&stream);
    now = 10;
    says_message(&stream, "a");
    weir_stream_release(&stream);
}

static void throttle_does_not_poll_its_source_before_the_slot(void **state)
{
    weir_stream stream = throttled(&(weir_throttle_options){.interval_ns = 10});

    (void)state;
    says_pending(&stream);
    now = 9;
    says_pending(&stream);
    assert_int_equal(endless.polls, 0);
    now = 10;
    says_message(&stream, "a");
    says_pending(&stream);
    assert_int_equal(endless.polls, 1);
    weir_stream_release(&stream);
}

static void throttle_sees_the_end_in_the_slot_after_the_last_message(void **state)
{
    struct script script = {.says = "a"};
    weir_stream stream = weir_stream_throttle(script_stream(&script), 10);

    (void)state;
    says_pending(&stream);
    now = 10;
    says_message(&stream, "a");
    says_pending(&stream);
    now = 20;
    says_end(&stream);
    assert_int_equal(script.released, 1);
}

static void throttle_keeps_its_schedule_after_a_late_poll(void **state)
{
    weir_stream stream = throttled(&(weir_throttle_options){.interval_ns = 10});

    (void)state;
    says_pending(&stream);
    now = 37; /* slots 10, 20 and 30 are owed */
    assert_int_equal(flood(&stream), 3);
    assert_int_equal(weir_task_wakeup(task), 40);
    weir_stream_release(&stream);
}

static void throttle_keeps_its_schedule_when_each_poll_is_a_little_late(void **state)
{
    weir_stream stream = throttled(&(weir_throttle_options){.interval_ns = 1000});

    (void)state;
    says_pending(&stream);
    for (uint64_t k = 1; k <= 500; k++) {
        now = k * 1000 + 300;
        says_message(&stream, "a");
        says_pending(&stream);
        assert_int_equal(weir_task_wakeup(task), (k + 1) * 1000);
    }
    weir_stream_release(&stream);
}

static void throttle_catches_up_all_of_a_hundred_intervals(void **state)
{
    weir_stream stream = throttled(&(weir_throttle_options){.interval_ns = 10});

    (void)state;
    says_pending(&stream);
    now = 1000;
    assert_int_equal(flood(&stream), 100);
    assert_int_equal(weir_task_wakeup(task), 1010);
    weir_stream_release(&stream);
}

static void throttle_catches_up_no_more_than_a_hundred_intervals(void **state)
{
    weir_stream stream = throttled(&(weir_throttle_options){.interval_ns = 10});

    (void)state;
    says_pending(&stream);
    now = 1000 * 1000 + 3;
    assert_int_equal(flood(&stream), 100);
    assert_int_equal(weir_task_wakeup(task), now + 10);
    weir_stream_release(&stream);
}

static void throttle_catches_up_as_many_intervals_as_it_is_told(void **state)
{
    for (unsigned catch_up = 1; catch_up < 5; catch_up++) {
        weir_stream stream =
            throttled(&(weir_throttle_options){.interval_ns = 10, .catch_up = catch_up});

        (void)state;
        now = 0;
        says_pending(&stream);
        now = 12345;
        assert_int_equal(flood(&stream), catch_up);
        assert_int_equal(weir_task_wakeup(task), now + 10);
        weir_stream_release(&stream);
    }
}

static void throttle_catches_up_everything_without_a_bound(void **state)
{
    weir_stream stream =
        throttled(&(weir_throttle_options){.interval_ns = 10, .catch_up = UINT64_MAX});

    (void)state;
    says_pending(&stream);
    now = 100 * 1000;
    assert_int_equal(flood(&stream), 10 * 1000);
    weir_stream_release(&stream);
}

static void throttle_counts_a_late_source_as_a_late_poll(void **state)
{
    struct script script = {.says = "..abcde"};
    weir_stream stream = weir_stream_throttle(script_stream(&script), 10);

    (void)state;
    says_pending(&stream);
    now = 10;
    says_pending(&stream);
    assert_int_equal(weir_task_wakeup(task), WEIR_NEVER);
    script_wake(&script);
    assert_true(weir_task_due(task, now));
    says_pending(&stream);
    now = 35;
    assert_int_equal(flood(&stream), 3);
    assert_int_equal(weir_task_wakeup(task), 40);
    weir_stream_release(&stream);
}

static void strict_throttle_never_sends_two_closer_than_the_interval(void **state)
{
    weir_stream stream =
        throttled(&(weir_throttle_options){.interval_ns = 10, .strict = true, .burst = 5});
    uint64_t last = 0;

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        uint64_t departure = next_departure(&stream);

        assert_true(departure >= last + 10);
        last = departure;
        now += i % 23;
    }
    weir_stream_release(&stream);
}

static void throttle_lets_a_burst_leave_ahead_of_the_schedule(void **state)
{
    weir_stream stream = throttled(&(weir_throttle_options){.interval_ns = 10, .burst = 3});

    (void)state;
    now = 100;
    assert_int_equal(flood(&stream), 3);
    assert_int_equal(weir_task_wakeup(task), 110);
    for (unsigned k = 4; k < 50; k++)
        assert_int_equal(next_departure(&stream), 100 + (k - 3) * 10);
    weir_stream_release(&stream);
}

static void a_burst_comes_back_while_the_throttle_is_idle(void **state)
{
    weir_stream stream =
        throttled(&(weir_throttle_options){.interval_ns = 10, .burst = 3, .catch_up = 1});

    (void)state;
    assert_int_equal(flood(&stream), 3);
    for (unsigned round = 0; round < 5; round++) {
        now += 100000;
        assert_int_equal(flood(&stream), 4);
        assert_int_equal(weir_task_wakeup(task), now + 10);
    }
    weir_stream_release(&stream);
}

static void a_burst_that_was_not_used_does_not_grow(void **state)
{
    struct script script = {.says = "..aaaaaaaaaaaaaaaaaaaaaaaaaa"};
    weir_stream stream = weir_stream_throttle_with(
        script_stream(&script),
        &(weir_throttle_options){.interval_ns = 10, .burst = 3, .catch_up = 1});

    (void)state;
    says_pending(&stream);
    says_pending(&stream);
    now = 100000;
    assert_int_equal(flood(&stream), 4);
    weir_stream_release(&stream);
}

/* Whatever the moments it is polled at: never early, never a flood. */
static void throttle_is_never_early_and_never_floods(void **state)
{
    unsigned random = 99;

    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        uint64_t interval = 1 + round % 17;
        uint64_t burst = round % 5;
        uint64_t catch_up = 1 + round % 7;
        weir_stream stream = throttled(&(weir_throttle_options){
            .interval_ns = interval, .burst = burst, .catch_up = catch_up});
        uint64_t sent = 0;

        for (now = 0; now < 2000; now += 1 + (random >> 16) % 64) {
            unsigned together = flood(&stream);

            random = random * 1103515245 + 12345;
            sent += together;
            assert_true(sent <= now / interval + burst);
            assert_true(together <= catch_up + burst);
            assert_true(weir_task_wakeup(task) > now);
            assert_true(weir_task_wakeup(task) <= now + interval);
        }
        weir_stream_release(&stream);
    }
}

/* The k-th slot of a rate, in nanoseconds after the start, rounded up. */
static uint64_t slot(uint64_t k, uint64_t rate)
{
    return k / rate * WEIR_SECONDS(1) + (k % rate * WEIR_SECONDS(1) + rate - 1) / rate;
}

static void a_rate_does_not_drift(void **state)
{
    static const uint64_t rates[] = {1, 3, 7, 1000, 30000, 999983, 1048576};

    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        weir_stream stream = throttled(&(weir_throttle_options){.per_second = (double)rates[i]});

        now = 11;
        for (uint64_t k = 1; k <= 20000; k++)
            assert_int_equal(next_departure(&stream), 11 + slot(k, rates[i]));
        weir_stream_release(&stream);
    }
}

static void a_rate_may_be_a_fraction(void **state)
{
    weir_stream stream = throttled(&(weir_throttle_options){.per_second = 0.25});

    (void)state;
    assert_int_equal(next_departure(&stream), WEIR_SECONDS(4));
    assert_int_equal(next_departure(&stream), WEIR_SECONDS(8));
    weir_stream_release(&stream);
}

static void a_rate_may_have_a_burst(void **state)
{
    weir_stream stream = throttled(&(weir_throttle_options){.per_second = 3, .burst = 10});

    (void)state;
    assert_int_equal(flood(&stream), 10);
    for (uint64_t k = 1; k <= 100; k++)
        assert_int_equal(next_departure(&stream), slot(k, 3));
    weir_stream_release(&stream);
}

static void a_rate_beyond_the_clock_sends_all_that_was_owed(void **state)
{
    weir_stream stream = throttled(&(weir_throttle_options){.per_second = 2e9, .catch_up = 1000});

    (void)state;
    says_pending(&stream);
    now = 10;
    assert_int_equal(flood(&stream), 20);
    weir_stream_release(&stream);
}

static void rates_that_make_no_sense_do_no_harm(void **state)
{
    static const double slow[] = {1e-300, 5e-324, 1e-12};
    static const double odd[] = {0, -1, NAN};
    weir_stream fast = throttled(&(weir_throttle_options){.per_second = INFINITY});

    (void)state;
    says_pending(&fast);
    now = 1;
    says_message(&fast, "a");
    weir_stream_release(&fast);
    for (unsigned i = 0; i < 3; i++) {
        weir_stream stream = throttled(&(weir_throttle_options){.per_second = slow[i]});

        says_pending(&stream);
        assert_true(weir_task_wakeup(task) > WEIR_SECONDS(3600));
        weir_stream_release(&stream);
        stream = throttled(&(weir_throttle_options){.per_second = odd[i]});
        says_message(&stream, "a");
        weir_stream_release(&stream);
    }
}

static void an_interval_of_zero_does_not_throttle(void **state)
{
    weir_stream stream = weir_stream_throttle(script_stream(&endless), 0);

    (void)state;
    endless = (struct script){.says = "ab"};
    says_letters(&stream, "ab");
    says_end(&stream);
}

static void an_endless_interval_never_sends(void **state)
{
    weir_stream stream = throttled(&(weir_throttle_options){.interval_ns = UINT64_MAX, .burst = 1});

    (void)state;
    says_message(&stream, "a");
    says_pending(&stream);
    now = WEIR_SECONDS(86400) * 365;
    says_pending(&stream);
    weir_stream_release(&stream);
}

static void throttle_passes_errors_and_releases_its_source(void **state)
{
    struct script script = {.says = "a!"};
    weir_stream stream = weir_stream_throttle(script_stream(&script), 1);

    (void)state;
    assert_int_equal(next_departure(&stream), 1);
    now = 2;
    says_error(&stream, WEIR_UNAVAILABLE);
    assert_int_equal(script.released, 1);
}

static void throttle_released_early_releases_its_source(void **state)
{
    weir_stream stream = throttled(&(weir_throttle_options){.interval_ns = 1});

    (void)state;
    says_pending(&stream);
    weir_stream_release(&stream);
    assert_int_equal(endless.released, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(throttle_sends_the_kth_message_at_start_plus_k_intervals),
        STREAM_TEST(throttle_starts_with_its_first_poll),
        STREAM_TEST(throttle_holds_back_one_nanosecond_before_the_slot),
        STREAM_TEST(throttle_does_not_poll_its_source_before_the_slot),
        STREAM_TEST(throttle_sees_the_end_in_the_slot_after_the_last_message),
        STREAM_TEST(throttle_keeps_its_schedule_after_a_late_poll),
        STREAM_TEST(throttle_keeps_its_schedule_when_each_poll_is_a_little_late),
        STREAM_TEST(throttle_catches_up_all_of_a_hundred_intervals),
        STREAM_TEST(throttle_catches_up_no_more_than_a_hundred_intervals),
        STREAM_TEST(throttle_catches_up_as_many_intervals_as_it_is_told),
        STREAM_TEST(throttle_catches_up_everything_without_a_bound),
        STREAM_TEST(throttle_counts_a_late_source_as_a_late_poll),
        STREAM_TEST(strict_throttle_never_sends_two_closer_than_the_interval),
        STREAM_TEST(throttle_lets_a_burst_leave_ahead_of_the_schedule),
        STREAM_TEST(a_burst_comes_back_while_the_throttle_is_idle),
        STREAM_TEST(a_burst_that_was_not_used_does_not_grow),
        STREAM_TEST(throttle_is_never_early_and_never_floods),
        STREAM_TEST(a_rate_does_not_drift),
        STREAM_TEST(a_rate_may_be_a_fraction),
        STREAM_TEST(a_rate_may_have_a_burst),
        STREAM_TEST(a_rate_beyond_the_clock_sends_all_that_was_owed),
        STREAM_TEST(rates_that_make_no_sense_do_no_harm),
        STREAM_TEST(an_interval_of_zero_does_not_throttle),
        STREAM_TEST(an_endless_interval_never_sends),
        STREAM_TEST(throttle_passes_errors_and_releases_its_source),
        STREAM_TEST(throttle_released_early_releases_its_source),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
