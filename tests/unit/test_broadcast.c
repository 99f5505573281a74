/* SPDX-License-Identifier: MIT */
/*
 * test_broadcast.c - the claims of weir/pipe.h about broadcasts, on one thread with many tasks.
 */
#include "support/streams.h"

static struct script script;
static weir_task *other;
static weir_stream first;
static weir_stream second;

static int setup(void **state)
{
    other = weir_task_create(NULL);
    return task_setup(state) != 0 || other == NULL;
}

static int teardown(void **state)
{
    weir_task_free(other);
    return task_teardown(state);
}

#define BROADCAST_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static weir_broadcast *broadcast_of(const char *says)
{
    script = (struct script){.says = says};
    return weir_broadcast_create(script_stream(&script));
}

/* Two subscribers of `says`, who are all that holds the broadcast. */
static void subscribe(const char *says, weir_pipe_options one, weir_pipe_options two)
{
    weir_broadcast *broadcast = broadcast_of(says);

    first = weir_broadcast_subscribe(broadcast, &one);
    second = weir_broadcast_subscribe(broadcast, &two);
    weir_broadcast_unref(broadcast);
}

static const weir_pipe_options plain;

static void broadcast_gives_every_message_to_every_subscriber(void **state)
{
    (void)state;
    subscribe("abc", plain, plain);
    says_letters(&first, "abc");
    assert_int_equal(script.polls, 3);
    says_letters(&second, "abc");
    assert_int_equal(script.polls, 3);
    says_end(&first);
    assert_int_equal(script.released, 1);
    says_end(&second);
}

static void subscribers_share_one_copy_of_a_message(void **state)
{
    weir_item one;
    weir_item two;

    (void)state;
    subscribe("a", plain, plain);
    script.flags = WEIR_ITEM_COMPRESSED;
    assert_int_equal(poll_by(task, &first, &one), WEIR_READY);
    assert_int_equal(poll_by(other, &second, &two), WEIR_READY);
    assert_ptr_equal(one.message.data, two.message.data);
    assert_int_equal(two.flags, WEIR_ITEM_COMPRESSED);
    weir_item_clear(&one);
    weir_item_clear(&two);
    weir_stream_release(&first);
    weir_stream_release(&second);
}

static void every_subscriber_gets_the_error_with_its_message(void **state)
{
    weir_item item;

    (void)state;
    subscribe("a!", plain, plain);
    says_message(&first, "a");
    says_error(&first, WEIR_UNAVAILABLE);
    says_message(&second, "a");
    assert_int_equal(poll_by(task, &second, &item), WEIR_ERROR);
    assert_bytes(&item.status.message, "the script says so");
    weir_item_clear(&item);
}

static void a_late_subscriber_sees_the_messages_from_then_on(void **state)
{
    weir_broadcast *broadcast = broadcast_of("abc");
    weir_stream late;

    (void)state;
    first = weir_broadcast_subscribe(broadcast, NULL);
    says_letters(&first, "ab");
    late = weir_broadcast_subscribe(broadcast, NULL);
    says_message(&late, "c");
    says_end(&late);
    says_message(&first, "c");
    says_end(&first);
    late = weir_broadcast_subscribe(broadcast, NULL);
    says_end(&late);
    weir_broadcast_unref(broadcast);
}

static void a_broadcast_without_subscribers_does_not_poll_its_source(void **state)
{
    weir_broadcast *broadcast = broadcast_of("abc");

    (void)state;
    assert_ptr_equal(weir_broadcast_ref(broadcast), broadcast);
    weir_broadcast_unref(broadcast);
    assert_int_equal(script.released, 0);
    weir_broadcast_unref(broadcast);
    assert_int_equal(script.polls, 0);
    assert_int_equal(script.released, 1);
}

static void the_last_subscriber_to_leave_releases_the_source(void **state)
{
    (void)state;
    subscribe("abc", plain, plain);
    says_message(&first, "a");
    weir_stream_release(&first);
    assert_int_equal(script.released, 0);
    weir_stream_release(&second);
    assert_int_equal(script.released, 1);
}

/* ---- waiting ---- */

static void a_wake_of_the_source_wakes_all_that_wait(void **state)
{
    (void)state;
    subscribe(".a", plain, plain);
    says_pending(&first);
    says_pending_to(other, &second);
    script_wake(&script);
    assert_true(weir_task_due(task, now));
    assert_true(weir_task_due(other, now));
    says_message(&first, "a");
    says_message_to(other, &second, "a");
    weir_stream_release(&first);
    weir_stream_release(&second);
}

static void a_source_that_waits_is_not_polled_again_by_each_subscriber(void **state)
{
    (void)state;
    subscribe("....", plain, plain);
    says_pending(&first);
    says_pending_to(other, &second);
    says_pending(&first);
    assert_int_equal(script.polls, 1);
    script_wake(&script);
    says_pending_to(other, &second);
    assert_int_equal(script.polls, 2);
    says_pending(&first);
    assert_int_equal(script.polls, 2);
    weir_stream_release(&first);
    weir_stream_release(&second);
}

static void each_subscriber_asks_its_own_clock_for_the_time_of_the_source(void **state)
{
    weir_broadcast *broadcast;

    (void)state;
    script = (struct script){.says = "ab"};
    broadcast = weir_broadcast_create(weir_stream_throttle(script_stream(&script), 100));
    first = weir_broadcast_subscribe(broadcast, NULL);
    second = weir_broadcast_subscribe(broadcast, NULL);
    weir_broadcast_unref(broadcast);
    says_pending(&first);
    assert_int_equal(weir_task_wakeup(task), 100);
    now = 50;
    says_pending_to(other, &second);
    assert_int_equal(weir_task_wakeup(other), 100);
    now = 100;
    says_message_to(other, &second, "a");
    assert_true(weir_task_due(task, now));
    says_message(&first, "a");
    says_pending(&first);
    assert_int_equal(weir_task_wakeup(task), 200);
    weir_stream_release(&first);
    weir_stream_release(&second);
}

static weir_poll wake_at_script(void *state, weir_task *by, weir_item *out)
{
    uint64_t **when = state;

    (void)out;
    weir_task_wake_at(by, *(*when)++);
    return WEIR_PENDING;
}

static void those_that_wait_are_woken_when_the_source_wants_to_be_polled_earlier(void **state)
{
    uint64_t times[] = {100, 30, 200};
    uint64_t *when = times;
    weir_stream both[2];
    weir_broadcast *broadcast;

    (void)state;
    script = (struct script){.says = "....."};
    both[0] = weir_stream_from(wake_at_script, &when, NULL);
    both[1] = script_stream(&script);
    broadcast = weir_broadcast_create(weir_stream_merge(both, 2));
    first = weir_broadcast_subscribe(broadcast, NULL);
    second = weir_broadcast_subscribe(broadcast, NULL);
    weir_broadcast_unref(broadcast);
    says_pending(&first);
    says_pending_to(other, &second);
    assert_int_equal(weir_task_wakeup(other), 100);
    script_wake(&script);
    says_pending_to(other, &second);
    assert_int_equal(weir_task_wakeup(other), 30);
    assert_true(weir_task_due(task, now));
    says_pending(&first);
    assert_int_equal(weir_task_wakeup(task), 30);
    weir_stream_release(&first);
    weir_stream_release(&second);
}

static void a_subscriber_that_leaves_wakes_the_rest(void **state)
{
    (void)state;
    subscribe(".a", plain, plain);
    says_pending(&first);
    says_pending_to(other, &second);
    weir_stream_release(&first);
    assert_true(weir_task_due(other, now));
    says_pending_to(other, &second);
    weir_stream_release(&second);
}

static void the_clock_of_the_source_never_goes_back(void **state)
{
    weir_broadcast *broadcast;

    (void)state;
    script = (struct script){.says = "ab"};
    broadcast = weir_broadcast_create(weir_stream_delay(script_stream(&script), 100));
    first = weir_broadcast_subscribe(broadcast, NULL);
    second = weir_broadcast_subscribe(broadcast, NULL);
    weir_broadcast_unref(broadcast);
    now = 1000;
    says_pending(&first);
    now = 990; /* another loop, a little behind */
    says_pending_to(other, &second);
    assert_int_equal(weir_task_wakeup(other), 1100);
    weir_stream_release(&first);
    weir_stream_release(&second);
}

/* ---- slow subscribers ---- */

static void a_blocking_subscriber_makes_the_source_wait(void **state)
{
    (void)state;
    subscribe("abc", (weir_pipe_options){.max_messages = 1}, plain);
    says_message_to(other, &second, "a");
    says_pending_to(other, &second);
    assert_int_equal(script.polls, 1);
    assert_false(weir_task_due(other, now));
    says_message(&first, "a");
    assert_true(weir_task_due(other, now));
    says_message_to(other, &second, "b");
    weir_stream_release(&first);
    weir_stream_release(&second);
}

static void a_blocking_subscriber_that_leaves_lets_the_source_go_on(void **state)
{
    (void)state;
    subscribe("abc", (weir_pipe_options){.max_messages = 1}, plain);
    says_message_to(other, &second, "a");
    says_pending_to(other, &second);
    weir_stream_release(&first);
    assert_true(weir_task_due(other, now));
    says_message_to(other, &second, "b");
    weir_stream_release(&second);
}

static void a_blocking_subscriber_holds_one_message_over_its_bytes_at_most(void **state)
{
    weir_bytes messages[] = {weir_bytes_copy_string("1"), weir_bytes_copy_string("23456"),
                             weir_bytes_copy_string("7")};
    weir_broadcast *broadcast = weir_broadcast_create(weir_stream_of(messages, 3));

    (void)state;
    first = weir_broadcast_subscribe(broadcast, &(weir_pipe_options){.max_bytes = 2});
    second = weir_broadcast_subscribe(broadcast, NULL);
    weir_broadcast_unref(broadcast);
    says_message_to(other, &second, "1");
    says_message_to(other, &second, "23456");
    says_pending_to(other, &second);
    says_message(&first, "1");
    says_pending_to(other, &second);
    says_message(&first, "23456");
    says_message_to(other, &second, "7");
    weir_stream_release(&first);
    weir_stream_release(&second);
}

static void a_subscriber_may_drop_its_oldest_messages(void **state)
{
    (void)state;
    subscribe("abcd", (weir_pipe_options){.max_messages = 2, .when_full = WEIR_FULL_DROP_OLDEST},
              plain);
    says_letters(&second, "abcd");
    says_letters(&first, "cd");
    says_end(&first);
    says_end(&second);
}

static void a_subscriber_may_keep_only_the_latest_message(void **state)
{
    (void)state;
    subscribe("abcd", (weir_pipe_options){.max_messages = 1, .when_full = WEIR_FULL_LATEST}, plain);
    says_letters(&second, "abcd");
    says_message(&first, "d");
    says_end(&first);
    says_end(&second);
}

static void a_subscriber_that_fails_when_full_ends_alone(void **state)
{
    (void)state;
    subscribe("abcd", (weir_pipe_options){.max_messages = 2, .when_full = WEIR_FULL_FAIL}, plain);
    says_letters(&second, "abcd");
    says_letters(&first, "ab");
    says_error(&first, WEIR_RESOURCE_EXHAUSTED);
    says_end(&second);
}

/* ---- a broadcast of a broadcast ---- */

static void broadcasts_may_be_nested(void **state)
{
    weir_broadcast *outer = broadcast_of(".a.b");
    weir_broadcast *inner = weir_broadcast_create(weir_broadcast_subscribe(outer, NULL));

    (void)state;
    first = weir_broadcast_subscribe(inner, NULL);
    second = weir_broadcast_subscribe(outer, NULL);
    weir_broadcast_unref(inner);
    weir_broadcast_unref(outer);
    says_pending(&first);
    says_pending_to(other, &second);
    script_wake(&script);
    assert_true(weir_task_due(task, now));
    assert_true(weir_task_due(other, now));
    says_message_to(other, &second, "a");
    says_message(&first, "a");
    says_pending(&first);
    script_wake(&script);
    says_message(&first, "b");
    weir_stream_release(&first);
    weir_stream_release(&second);
    assert_int_equal(script.released, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BROADCAST_TEST(broadcast_gives_every_message_to_every_subscriber),
        BROADCAST_TEST(subscribers_share_one_copy_of_a_message),
        BROADCAST_TEST(every_subscriber_gets_the_error_with_its_message),
        BROADCAST_TEST(a_late_subscriber_sees_the_messages_from_then_on),
        BROADCAST_TEST(a_broadcast_without_subscribers_does_not_poll_its_source),
        BROADCAST_TEST(the_last_subscriber_to_leave_releases_the_source),
        BROADCAST_TEST(a_wake_of_the_source_wakes_all_that_wait),
        BROADCAST_TEST(a_source_that_waits_is_not_polled_again_by_each_subscriber),
        BROADCAST_TEST(each_subscriber_asks_its_own_clock_for_the_time_of_the_source),
        BROADCAST_TEST(those_that_wait_are_woken_when_the_source_wants_to_be_polled_earlier),
        BROADCAST_TEST(a_subscriber_that_leaves_wakes_the_rest),
        BROADCAST_TEST(the_clock_of_the_source_never_goes_back),
        BROADCAST_TEST(a_blocking_subscriber_makes_the_source_wait),
        BROADCAST_TEST(a_blocking_subscriber_that_leaves_lets_the_source_go_on),
        BROADCAST_TEST(a_blocking_subscriber_holds_one_message_over_its_bytes_at_most),
        BROADCAST_TEST(a_subscriber_may_drop_its_oldest_messages),
        BROADCAST_TEST(a_subscriber_may_keep_only_the_latest_message),
        BROADCAST_TEST(a_subscriber_that_fails_when_full_ends_alone),
        BROADCAST_TEST(broadcasts_may_be_nested),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
