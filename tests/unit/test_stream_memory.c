/* SPDX-License-Identifier: MIT */
/*
 * test_stream_memory.c - what streams do when memory is out: each allocation fails once.
 *
 * A stream says RESOURCE_EXHAUSTED then, or does without; what was given to it is released once,
 * and nothing is left behind.
 */
#include "support/streams.h"

#include "failing_memory.h"

#include "stream/task.h"

static struct script left;
static struct script right;

static weir_stream left_stream(void)
{
    left = (struct script){.says = "ab.cd"};
    return script_stream(&left);
}

static weir_stream right_stream(void)
{
    right = (struct script){.says = "1.234"};
    return script_stream(&right);
}

/* Reads to the end, moving the clock and waking; true when the stream ended well. */
static bool ends_well(weir_stream stream)
{
    weir_item item;
    weir_poll poll;

    for (;;) {
        poll = poll_by(task, &stream, &item);
        if (poll == WEIR_END || poll == WEIR_ERROR)
            break;
        weir_item_clear(&item);
        script_wake(&left);
        script_wake(&right);
        if (poll == WEIR_PENDING && weir_task_wakeup(task) != WEIR_NEVER)
            now = weir_task_wakeup(task);
    }
    if (poll == WEIR_ERROR)
        assert_int_equal(item.status.code, WEIR_RESOURCE_EXHAUSTED);
    weir_item_clear(&item);
    return poll == WEIR_END;
}

typedef weir_stream make_fn(void);

static bool run(make_fn *make)
{
    bool well = false;

    now = 0;
    left.released = right.released = 1;
    task = weir_task_create(NULL);
    if (task != NULL) {
        well = ends_well(make());
        weir_task_free(task);
        assert_int_equal(left.released, 1);
        assert_int_equal(right.released, 1);
    }
    assert_int_equal(failing_memory.living, 0);
    return well;
}

static void survives(make_fn *make)
{
    bool well;
    size_t at = 0;

    do {
        memory_fails_at(at++);
        well = run(make);
    } while (memory_failed());
    assert_true(well);
    assert_true(at > 3);
}

#define SURVIVES(name, made)                                                                       \
    static weir_stream make_##name(void)                                                           \
    {                                                                                              \
        return made;                                                                               \
    }                                                                                              \
    static void name##_survives_the_end_of_memory(void **state)                                    \
    {                                                                                              \
        (void)state;                                                                               \
        survives(make_##name);                                                                     \
    }

static weir_code copy(void *arg, weir_bytes *message, weir_status *why)
{
    weir_bytes again = weir_bytes_copy(message->data, message->size);

    (void)arg;
    (void)why;
    weir_bytes_unref(message);
    *message = again;
    return WEIR_OK;
}

static bool any(void *arg, const weir_bytes *message)
{
    (void)arg;
    (void)message;
    return true;
}

static weir_stream delayed(void *arg, weir_bytes message)
{
    (void)arg;
    return weir_stream_delay(weir_stream_once(message), 10);
}

static weir_code glue(void *arg, weir_bytes one, weir_bytes two, weir_bytes *out, weir_status *why)
{
    (void)arg;
    (void)why;
    *out = weir_bytes_format("%.*s%.*s", (int)one.size, (const char *)one.data, (int)two.size,
                             (const char *)two.data);
    weir_bytes_unref(&one);
    weir_bytes_unref(&two);
    return WEIR_OK;
}

/* The hooks and the fold own the right script, so that its releases are counted. */
static void released(void *arg)
{
    ((struct script *)arg)->released++;
}

static weir_stream inspected(void)
{
    right = (struct script){0};
    return weir_stream_inspect(left_stream(),
                               &(weir_inspect_hooks){.release = released, .arg = &right});
}

static weir_code append(void *state, const weir_bytes *message, weir_status *why)
{
    (void)state;
    (void)message;
    (void)why;
    return WEIR_OK;
}

static weir_code result(void *state, weir_bytes *out, weir_status *why)
{
    (void)state, (void)why;
    *out = weir_bytes_copy_string("result");
    return WEIR_OK;
}

static weir_stream folded(void)
{
    right = (struct script){0};
    return weir_stream_fold(left_stream(), &(weir_fold){append, result, released, &right});
}

static weir_stream merged(void)
{
    weir_stream streams[] = {left_stream(), right_stream()};

    return weir_stream_merge(streams, 2);
}

static weir_stream two_letters(void)
{
    weir_bytes messages[] = {weir_bytes_copy("a", 1), weir_bytes_copy("b", 1)};

    return weir_stream_of(messages, 2);
}

static weir_stream exhausted(void)
{
    return weir_stream_fail(WEIR_RESOURCE_EXHAUSTED, "%d", 5);
}

static weir_stream after_an_error(void)
{
    return weir_stream_chain(weir_stream_take(exhausted(), 0), two_letters());
}

static weir_stream broadcast_twice(void)
{
    weir_broadcast *broadcast = weir_broadcast_create(left_stream());
    weir_stream both[2];

    if (broadcast == NULL)
        return weir_stream_fail(WEIR_RESOURCE_EXHAUSTED, "no broadcast");
    both[0] = weir_broadcast_subscribe(broadcast, NULL);
    both[1] = weir_broadcast_subscribe(broadcast, NULL);
    weir_broadcast_unref(broadcast);
    return weir_stream_merge(both, 2);
}

static weir_stream filled_pipe(void)
{
    weir_stream reader;
    weir_pipe *pipe = weir_pipe_create(NULL, &reader);

    if (pipe == NULL)
        return reader;
    for (int i = 0; i < 10; i++)
        if (weir_pipe_write(pipe, weir_bytes_format("%d", i)) != WEIR_OK)
            break;
    weir_pipe_close(pipe, (weir_status){0});
    weir_pipe_unref(pipe);
    return reader;
}

SURVIVES(from, left_stream())
SURVIVES(once, weir_stream_once(weir_bytes_copy("a", 1)))
SURVIVES(of, two_letters())
SURVIVES(error, after_an_error())
SURVIVES(map, weir_stream_map(left_stream(), copy, NULL))
SURVIVES(filter, weir_stream_filter(left_stream(), any, NULL))
SURVIVES(take_while, weir_stream_take_while(left_stream(), any, NULL))
SURVIVES(then, weir_stream_then(left_stream(), delayed, NULL))
SURVIVES(delay, weir_stream_delay(left_stream(), 100))
SURVIVES(take, weir_stream_take(left_stream(), 3))
SURVIVES(skip, weir_stream_skip(left_stream(), 3))
SURVIVES(chain, weir_stream_chain(left_stream(), right_stream()))
SURVIVES(merge, merged())
SURVIVES(zip, weir_stream_zip(left_stream(), right_stream(), glue, NULL))
SURVIVES(inspect, inspected())
SURVIVES(throttle, weir_stream_throttle(left_stream(), 10))
SURVIVES(timeout, weir_stream_timeout(left_stream(), &(weir_timeout_options){.first_ns = 50}))
SURVIVES(chunk, weir_stream_chunk(weir_stream_once(weir_bytes_copy("abc", 3)), 1))
SURVIVES(limit, weir_stream_limit(left_stream(), 10, 10))
SURVIVES(buffer, weir_stream_buffer(left_stream(), 10, 0))
SURVIVES(fold, folded())
SURVIVES(pipe, filled_pipe())
SURVIVES(broadcast, broadcast_twice())

/* ---- sinks ---- */

static weir_code collect_all(size_t *count)
{
    weir_bytes *messages;
    weir_code code;

    left = (struct script){.says = "abcdefghijkl"};
    code = weir_stream_collect(script_stream(&left), SIZE_MAX, SIZE_MAX, &messages, count, NULL);
    weir_bytes_free_array(messages, *count);
    assert_int_equal(left.released, 1);
    return code;
}

static void collect_survives_the_end_of_memory(void **state)
{
    weir_code code;
    size_t count;
    size_t at = 0;

    (void)state;
    do {
        memory_fails_at(at++);
        code = collect_all(&count);
        assert_int_equal(failing_memory.living, 0);
        assert_int_equal(count, code == WEIR_OK ? 12 : 0);
        assert_true(code == WEIR_OK || code == WEIR_RESOURCE_EXHAUSTED);
    } while (memory_failed());
    assert_int_equal(code, WEIR_OK);
}

static void next_waits_by_the_clock_when_there_is_no_memory_for_a_waker(void **state)
{
    enum { MAILBOX = 1, CELL = 2 };
    weir_stream stream;
    weir_item item;

    (void)state;
    for (size_t at = MAILBOX; at <= CELL; at++) {
        left = (struct script){.says = "..a"}; /* and nobody wakes it */
        memory_fails_at(at);
        stream = script_stream(&left);
        assert_int_equal(weir_stream_next(&stream, &item), WEIR_READY);
        weir_item_clear(&item);
        weir_stream_release(&stream);
        assert_int_equal(failing_memory.living, 0);
        assert_true(memory_failed());
    }
}

static void a_thread_task_survives_the_end_of_memory(void **state)
{
    size_t at = 0;

    (void)state;
    do {
        memory_fails_at(at++);
        thread_task_free(thread_task_create());
        assert_int_equal(failing_memory.living, 0);
    } while (memory_failed());
}

/* ---- where the status says more than the code ---- */

static void out_of_memory_says_so(void **state)
{
    weir_item item;
    weir_stream stream;

    (void)state;
    assert_int_equal(task_setup(NULL), 0);
    memory_fails_at(0);
    stream = weir_stream_from(script_next, &left, NULL);
    assert_true(memory_failed());
    assert_int_equal(poll_by(task, &stream, &item), WEIR_ERROR);
    assert_int_equal(item.status.code, WEIR_RESOURCE_EXHAUSTED);
    assert_bytes(&item.status.message, "out of memory");
    weir_item_clear(&item);
    says_end(&stream);
    task_teardown(NULL);
}

static void a_pipe_without_memory_has_a_reader_that_says_so(void **state)
{
    weir_stream reader;

    (void)state;
    assert_int_equal(task_setup(NULL), 0);
    memory_fails_at(0);
    assert_null(weir_pipe_create(NULL, &reader));
    assert_true(memory_failed());
    says_error(&reader, WEIR_RESOURCE_EXHAUSTED);
    task_teardown(NULL);
}

static void a_pipe_that_cannot_grow_ends_behind_what_it_holds(void **state)
{
    weir_bytes message = weir_bytes_static("e", 1);
    weir_stream reader;
    weir_pipe *pipe;

    (void)state;
    assert_int_equal(task_setup(NULL), 0);
    pipe = weir_pipe_create(NULL, &reader);
    for (int i = 0; i < 4; i++)
        assert_int_equal(weir_pipe_write(pipe, weir_bytes_static(&"abcd"[i], 1)), WEIR_OK);
    memory_fails_at(0);
    assert_int_equal(weir_pipe_try_write(pipe, NULL, &message), WEIR_ERROR);
    assert_true(memory_failed());
    assert_bytes(&message, "e");
    assert_int_equal(weir_pipe_write(pipe, message), WEIR_CANCELLED);
    says_letters(&reader, "abcd");
    says_error(&reader, WEIR_RESOURCE_EXHAUSTED);
    weir_pipe_unref(pipe);
    task_teardown(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_survives_the_end_of_memory),
        cmocka_unit_test(once_survives_the_end_of_memory),
        cmocka_unit_test(of_survives_the_end_of_memory),
        cmocka_unit_test(error_survives_the_end_of_memory),
        cmocka_unit_test(map_survives_the_end_of_memory),
        cmocka_unit_test(filter_survives_the_end_of_memory),
        cmocka_unit_test(take_while_survives_the_end_of_memory),
        cmocka_unit_test(then_survives_the_end_of_memory),
        cmocka_unit_test(delay_survives_the_end_of_memory),
        cmocka_unit_test(take_survives_the_end_of_memory),
        cmocka_unit_test(skip_survives_the_end_of_memory),
        cmocka_unit_test(chain_survives_the_end_of_memory),
        cmocka_unit_test(merge_survives_the_end_of_memory),
        cmocka_unit_test(zip_survives_the_end_of_memory),
        cmocka_unit_test(inspect_survives_the_end_of_memory),
        cmocka_unit_test(throttle_survives_the_end_of_memory),
        cmocka_unit_test(timeout_survives_the_end_of_memory),
        cmocka_unit_test(chunk_survives_the_end_of_memory),
        cmocka_unit_test(limit_survives_the_end_of_memory),
        cmocka_unit_test(buffer_survives_the_end_of_memory),
        cmocka_unit_test(fold_survives_the_end_of_memory),
        cmocka_unit_test(pipe_survives_the_end_of_memory),
        cmocka_unit_test(broadcast_survives_the_end_of_memory),
        cmocka_unit_test(collect_survives_the_end_of_memory),
        cmocka_unit_test(next_waits_by_the_clock_when_there_is_no_memory_for_a_waker),
        cmocka_unit_test(a_thread_task_survives_the_end_of_memory),
        cmocka_unit_test(out_of_memory_says_so),
        cmocka_unit_test(a_pipe_without_memory_has_a_reader_that_says_so),
        cmocka_unit_test(a_pipe_that_cannot_grow_ends_behind_what_it_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
