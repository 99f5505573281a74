/* SPDX-License-Identifier: MIT */
/*
 * test_broadcast_threads.c - the claims of broadcasts with subscribers on many threads.
 */
#include "support/streams.h"
#include "support/threads.h"

enum { MESSAGES = 3000, SUBSCRIBERS = 4 };

static void *write_numbers(void *arg)
{
    weir_pipe *pipe = arg;

    for (unsigned i = 0; i < MESSAGES; i++)
        assert_int_equal(weir_pipe_write(pipe, weir_bytes_copy(&i, sizeof i)), WEIR_OK);
    weir_pipe_close(pipe, weir_status_make(WEIR_ABORTED, "the end"));
    weir_pipe_unref(pipe);
    return NULL;
}

struct subscriber {
    weir_stream stream;
    unsigned count;
    unsigned next;
    unsigned leave_after; /* messages; 0: never */
    weir_code code;
};

static weir_code check(void *arg, const weir_bytes *message, weir_status *why)
{
    struct subscriber *subscriber = arg;
    unsigned number;

    memcpy(&number, message->data, sizeof number);
    if (number < subscriber->next)
        return weir_fail(why, WEIR_DATA_LOSS, "out of order");
    subscriber->next = number + 1;
    if (++subscriber->count == subscriber->leave_after)
        return weir_fail(why, WEIR_CANCELLED, "leaving");
    return WEIR_OK;
}

static void *read_all(void *arg)
{
    struct subscriber *subscriber = arg;

    subscriber->code = weir_stream_for_each(subscriber->stream, check, subscriber, NULL);
    return NULL;
}

/* Runs the subscribers over a pipe that a thread of its own fills. */
static void run(struct subscriber *subscribers, const weir_pipe_options *options)
{
    pthread_t threads[SUBSCRIBERS + 1];
    weir_stream reader;
    weir_pipe *pipe = weir_pipe_create(&(weir_pipe_options){.max_messages = 4}, &reader);
    weir_broadcast *broadcast = weir_broadcast_create(reader);

    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        subscribers[i].stream = weir_broadcast_subscribe(broadcast, &options[i]);
    weir_broadcast_unref(broadcast);
    thread_create(&threads[SUBSCRIBERS], write_numbers, pipe);
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        thread_create(&threads[i], read_all, &subscribers[i]);
    for (unsigned i = 0; i <= SUBSCRIBERS; i++)
        thread_join(threads[i]);
}

static void blocking_subscribers_all_get_everything(void **state)
{
    weir_pipe_options options[SUBSCRIBERS] = {
        {.max_messages = 1}, {.max_messages = 2}, {.max_messages = 7}, {.max_messages = 100}};
    struct subscriber subscribers[SUBSCRIBERS] = {{.count = 0}};

    (void)state;
    run(subscribers, options);
    for (unsigned i = 0; i < SUBSCRIBERS; i++) {
        assert_int_equal(subscribers[i].count, MESSAGES);
        assert_int_equal(subscribers[i].code, WEIR_ABORTED);
    }
}

static void subscribers_of_every_policy_keep_their_order(void **state)
{
    weir_pipe_options options[SUBSCRIBERS] = {
        {.max_messages = 2},
        {.max_messages = 2, .when_full = WEIR_FULL_DROP_OLDEST},
        {.max_messages = 1, .when_full = WEIR_FULL_LATEST},
        {.max_messages = 1, .when_full = WEIR_FULL_FAIL},
    };
    struct subscriber subscribers[SUBSCRIBERS] = {{.count = 0}};

    (void)state;
    run(subscribers, options);
    assert_int_equal(subscribers[0].count, MESSAGES);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(subscribers[i].code, WEIR_ABORTED);
        assert_int_equal(subscribers[i].next, MESSAGES);
    }
    assert_true(subscribers[3].code == WEIR_RESOURCE_EXHAUSTED ||
                subscribers[3].code == WEIR_ABORTED);
}

static void subscribers_may_leave_at_any_time(void **state)
{
    weir_pipe_options options[SUBSCRIBERS] = {
        {.max_messages = 1}, {.max_messages = 1}, {.max_messages = 3}, {.max_messages = 1}};
    struct subscriber subscribers[SUBSCRIBERS] = {
        {.leave_after = 1}, {.leave_after = 500}, {.leave_after = 0}, {.leave_after = 1500}};

    (void)state;
    run(subscribers, options);
    assert_int_equal(subscribers[0].count, 1);
    assert_int_equal(subscribers[1].count, 500);
    assert_int_equal(subscribers[2].count, MESSAGES);
    assert_int_equal(subscribers[2].code, WEIR_ABORTED);
    assert_int_equal(subscribers[3].count, 1500);
}

/* The source waits by the clock of whoever polled it last. */
static void a_throttled_broadcast_keeps_all_threads_going(void **state)
{
    struct subscriber subscribers[SUBSCRIBERS] = {{.count = 0}};
    pthread_t threads[SUBSCRIBERS];
    weir_bytes messages[20];
    weir_broadcast *broadcast;

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        messages[i] = weir_bytes_copy(&i, sizeof i);
    broadcast = weir_broadcast_create(
        weir_stream_throttle(weir_stream_of(messages, 20), WEIR_MICROSECONDS(300)));
    for (unsigned i = 0; i < SUBSCRIBERS; i++) {
        subscribers[i].leave_after = i == 0 ? 5 : 0;
        subscribers[i].stream = weir_broadcast_subscribe(broadcast, NULL);
    }
    weir_broadcast_unref(broadcast);
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        thread_create(&threads[i], read_all, &subscribers[i]);
    for (unsigned i = 0; i < SUBSCRIBERS; i++)
        thread_join(threads[i]);
    assert_int_equal(subscribers[0].count, 5);
    for (unsigned i = 1; i < SUBSCRIBERS; i++)
        assert_int_equal(subscribers[i].count, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocking_subscribers_all_get_everything),
        cmocka_unit_test(subscribers_of_every_policy_keep_their_order),
        cmocka_unit_test(subscribers_may_leave_at_any_time),
        cmocka_unit_test(a_throttled_broadcast_keeps_all_threads_going),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
