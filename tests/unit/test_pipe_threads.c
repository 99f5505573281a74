/* SPDX-License-Identifier: MIT */
/*
 * test_pipe_threads.c - the claims of pipes between threads.
 */
#include "support/streams.h"
#include "support/threads.h"

enum { MESSAGES = 5000, WRITERS = 3 };

static weir_stream reader;

/* A message is the number of its writer and its own. */
struct writer {
    weir_pipe *pipe;
    unsigned id;
    weir_code code;
};

static weir_bytes numbered(const struct writer *writer, unsigned number)
{
    unsigned numbers[] = {writer->id, number};

    return weir_bytes_copy(numbers, sizeof numbers);
}

static void *write_all(void *arg)
{
    struct writer *writer = arg;

    for (unsigned i = 0; i < MESSAGES && writer->code == WEIR_OK; i++)
        writer->code = weir_pipe_write(writer->pipe, numbered(writer, i));
    weir_pipe_unref(writer->pipe);
    return NULL;
}

struct tally {
    unsigned next[WRITERS]; /* the number each writer must send next, or a later one */
    unsigned count;
    bool gaps;
};

static weir_code check(void *arg, const weir_bytes *message, weir_status *why)
{
    struct tally *tally = arg;
    unsigned numbers[2];

    assert_int_equal(message->size, sizeof numbers);
    memcpy(numbers, message->data, sizeof numbers);
    if (numbers[1] < tally->next[numbers[0]] ||
        (!tally->gaps && numbers[1] != tally->next[numbers[0]]))
        return weir_fail(why, WEIR_DATA_LOSS, "out of order");
    tally->next[numbers[0]] = numbers[1] + 1;
    tally->count++;
    return WEIR_OK;
}

static void blocked_writers_on_many_threads_lose_nothing(void **state)
{
    weir_pipe *pipe = weir_pipe_create(&(weir_pipe_options){.max_messages = 3}, &reader);
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    struct tally tally = {0};

    (void)state;
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){weir_pipe_ref(pipe), i, WEIR_OK};
        thread_create(&threads[i], write_all, &writers[i]);
    }
    weir_pipe_unref(pipe);
    /* All writers leave without a close. */
    assert_int_equal(weir_stream_for_each(reader, check, &tally, NULL), WEIR_CANCELLED);
    assert_int_equal(tally.count, WRITERS * MESSAGES);
    for (unsigned i = 0; i < WRITERS; i++) {
        thread_join(threads[i]);
        assert_int_equal(writers[i].code, WEIR_OK);
    }
}

static void *write_and_close(void *arg)
{
    struct writer *writer = arg;

    for (unsigned i = 0; i < MESSAGES; i++)
        assert_int_equal(weir_pipe_write(writer->pipe, numbered(writer, i)), WEIR_OK);
    weir_pipe_close(writer->pipe, (weir_status){0});
    weir_pipe_unref(writer->pipe);
    return NULL;
}

static void a_dropping_pipe_keeps_its_order_and_counts_what_it_drops(void **state)
{
    struct writer writer = {.id = 0};
    struct tally tally = {.gaps = true};
    weir_pipe *pipe;
    pthread_t thread;

    (void)state;
    pipe = weir_pipe_create(
        &(weir_pipe_options){.max_messages = 4, .when_full = WEIR_FULL_DROP_OLDEST}, &reader);
    writer.pipe = weir_pipe_ref(pipe);
    thread_create(&thread, write_and_close, &writer);
    assert_int_equal(weir_stream_for_each(reader, check, &tally, NULL), WEIR_OK);
    thread_join(thread);
    assert_int_equal(tally.count + weir_pipe_dropped(pipe), MESSAGES);
    assert_int_equal(tally.next[0], MESSAGES);
    weir_pipe_unref(pipe);
}

static void a_reader_that_leaves_frees_blocked_writers(void **state)
{
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    weir_pipe *pipe = weir_pipe_create(&(weir_pipe_options){.max_messages = 1}, &reader);
    weir_item item;

    (void)state;
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){weir_pipe_ref(pipe), i, WEIR_OK};
        thread_create(&threads[i], write_all, &writers[i]);
    }
    weir_pipe_unref(pipe);
    assert_int_equal(weir_stream_next(&reader, &item), WEIR_READY);
    weir_item_clear(&item);
    weir_stream_release(&reader);
    for (unsigned i = 0; i < WRITERS; i++) {
        thread_join(threads[i]);
        assert_int_equal(writers[i].code, WEIR_CANCELLED);
    }
}

static void a_close_frees_blocked_writers(void **state)
{
    struct writer writer = {.id = 0};
    struct tally tally = {0};
    weir_pipe *pipe = weir_pipe_create(&(weir_pipe_options){.max_messages = 1}, &reader);
    pthread_t thread;
    weir_item item;

    (void)state;
    writer.pipe = weir_pipe_ref(pipe);
    thread_create(&thread, write_all, &writer);
    assert_int_equal(weir_stream_next(&reader, &item), WEIR_READY);
    weir_item_clear(&item);
    weir_pipe_close(pipe, weir_status_make(WEIR_ABORTED, "enough"));
    thread_join(thread);
    assert_int_equal(writer.code, WEIR_CANCELLED);
    tally.next[0] = 1;
    assert_int_equal(weir_stream_for_each(reader, check, &tally, NULL), WEIR_ABORTED);
    weir_pipe_unref(pipe);
}

/* A writer that never blocks, over a stream of its own: what a task on a loop does. */
struct pump {
    weir_pipe *pipe;
    struct writer writer;
    unsigned number;
    weir_bytes message;
};

static weir_poll pump_next(void *state, weir_task *by, weir_item *out)
{
    struct pump *pump = state;
    weir_poll poll;

    (void)out;
    for (;;) {
        if (pump->message.size == 0 && pump->number == MESSAGES)
            return WEIR_END;
        if (pump->message.size == 0)
            pump->message = numbered(&pump->writer, pump->number++);
        poll = weir_pipe_try_write(pump->pipe, by, &pump->message);
        if (poll != WEIR_READY)
            return poll;
    }
}

static void *run_pump(void *arg)
{
    struct pump *pump = arg;
    weir_stream stream = weir_stream_from(pump_next, pump, NULL);
    weir_item item;

    assert_int_equal(weir_stream_next(&stream, &item), WEIR_END);
    weir_pipe_close(pump->pipe, (weir_status){0});
    weir_pipe_unref(pump->pipe);
    return NULL;
}

static void a_task_that_waits_for_room_is_woken_across_threads(void **state)
{
    struct pump pump = {.number = 0};
    struct tally tally = {0};
    pthread_t thread;

    (void)state;
    pump.pipe = weir_pipe_create(&(weir_pipe_options){.max_messages = 2}, &reader);
    thread_create(&thread, run_pump, &pump);
    assert_int_equal(weir_stream_for_each(reader, check, &tally, NULL), WEIR_OK);
    assert_int_equal(tally.count, MESSAGES);
    thread_join(thread);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocked_writers_on_many_threads_lose_nothing),
        cmocka_unit_test(a_dropping_pipe_keeps_its_order_and_counts_what_it_drops),
        cmocka_unit_test(a_reader_that_leaves_frees_blocked_writers),
        cmocka_unit_test(a_close_frees_blocked_writers),
        cmocka_unit_test(a_task_that_waits_for_room_is_woken_across_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
