/* SPDX-License-Identifier: MIT */
/*
 * test_stream_sinks.c - the claims of next, for_each and collect over streams that are ready.
 */
#include "support/streams.h"

#include "stream/mailbox.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct script script;

static weir_stream saying(const char *says)
{
    script = (struct script){.says = says};
    return script_stream(&script);
}

/* ---- next ---- */

static void next_gives_messages_then_the_end(void **state)
{
    weir_stream stream = saying("ab");
    weir_item item;

    (void)state;
    assert_int_equal(weir_stream_next(&stream, &item), WEIR_READY);
    assert_bytes(&item.message, "a");
    weir_item_clear(&item);
    assert_int_equal(weir_stream_next(&stream, &item), WEIR_READY);
    weir_item_clear(&item);
    assert_int_equal(weir_stream_next(&stream, &item), WEIR_END);
    assert_int_equal(weir_stream_next(&stream, &item), WEIR_END);
    assert_int_equal(script.released, 1);
}

static void next_gives_the_error(void **state)
{
    weir_stream stream = saying("!");
    weir_item item;

    (void)state;
    assert_int_equal(weir_stream_next(&stream, &item), WEIR_ERROR);
    assert_int_equal(item.status.code, WEIR_UNAVAILABLE);
    weir_item_clear(&item);
    assert_int_equal(weir_stream_next(&stream, &item), WEIR_END);
}

static bool dies(void (*act)(void))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        turn_start();
        act();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void call_next(void)
{
    weir_stream stream = weir_stream_empty();
    weir_item item;

    weir_stream_next(&stream, &item);
}

static void write_into_a_full_pipe(void)
{
    weir_stream reader;
    weir_pipe *pipe = weir_pipe_create(&(weir_pipe_options){.max_messages = 1}, &reader);

    (void)!weir_pipe_write(pipe, (weir_bytes){0});
    (void)!weir_pipe_write(pipe, (weir_bytes){0});
}

static void blocking_while_a_loop_is_turned_is_a_bug_that_asserts(void **state)
{
    (void)state;
#ifdef NDEBUG
    skip();
#endif
    assert_true(dies(call_next));
    assert_true(dies(write_into_a_full_pipe));
}

/* ---- for_each ---- */

struct seen {
    char letters[16];
    char refused;
};

static weir_code see(void *arg, const weir_bytes *message, weir_status *why)
{
    struct seen *seen = arg;

    if ((char)message->data[0] == seen->refused)
        return weir_fail(why, WEIR_FAILED_PRECONDITION, "not this");
    strncat(seen->letters, (const char *)message->data, message->size);
    return WEIR_OK;
}

static void for_each_sees_every_message(void **state)
{
    struct seen seen = {.refused = 'x'};

    (void)state;
    assert_int_equal(weir_stream_for_each(saying("abc"), see, &seen, NULL), WEIR_OK);
    assert_string_equal(seen.letters, "abc");
    assert_int_equal(script.released, 1);
}

static void for_each_stops_when_its_function_refuses(void **state)
{
    struct seen seen = {.refused = 'b'};
    weir_status why = weir_status_make(WEIR_INTERNAL, "before");

    (void)state;
    assert_int_equal(weir_stream_for_each(saying("abc"), see, &seen, &why),
                     WEIR_FAILED_PRECONDITION);
    assert_int_equal(why.code, WEIR_FAILED_PRECONDITION);
    assert_bytes(&why.message, "not this");
    assert_string_equal(seen.letters, "a");
    assert_int_equal(script.released, 1);
    weir_status_clear(&why);
}

static void for_each_returns_the_error_of_the_stream(void **state)
{
    struct seen seen = {.refused = 'x'};
    weir_status why = {0};

    (void)state;
    assert_int_equal(weir_stream_for_each(saying("a!"), see, &seen, &why), WEIR_UNAVAILABLE);
    assert_bytes(&why.message, "the script says so");
    weir_status_clear(&why);
    assert_int_equal(weir_stream_for_each(saying("a!"), see, &seen, NULL), WEIR_UNAVAILABLE);
}

/* ---- collect ---- */

static void collect_gives_all_messages(void **state)
{
    weir_status why = {0};
    weir_bytes *messages;
    size_t count;

    (void)state;
    assert_int_equal(
        weir_stream_collect(saying("abcdefghijklmnopqrst"), 20, 20, &messages, &count, &why),
        WEIR_OK);
    assert_int_equal(count, 20);
    assert_bytes(&messages[0], "a");
    assert_bytes(&messages[19], "t");
    weir_bytes_free_array(messages, count);
}

static void collect_of_nothing_is_no_array(void **state)
{
    weir_bytes *messages;
    size_t count;

    (void)state;
    assert_int_equal(weir_stream_collect(saying(""), 0, 0, &messages, &count, NULL), WEIR_OK);
    assert_int_equal(count, 0);
    weir_bytes_free_array(messages, count);
}

static void refuses_to_collect(const char *says, size_t max_messages, size_t max_bytes,
                               weir_code expected)
{
    weir_status why = {0};
    weir_bytes *messages;
    size_t count;

    assert_int_equal(
        weir_stream_collect(saying(says), max_messages, max_bytes, &messages, &count, &why),
        expected);
    assert_int_equal(why.code, expected);
    assert_null(messages);
    assert_int_equal(count, 0);
    assert_int_equal(script.released, 1);
    weir_status_clear(&why);
}

static void collect_keeps_nothing_past_its_bounds(void **state)
{
    (void)state;
    refuses_to_collect("abc", 2, SIZE_MAX, WEIR_RESOURCE_EXHAUSTED);
    refuses_to_collect("ab_c", SIZE_MAX, 2, WEIR_RESOURCE_EXHAUSTED);
}

static void collect_keeps_nothing_of_a_stream_that_fails(void **state)
{
    (void)state;
    refuses_to_collect("ab!", SIZE_MAX, SIZE_MAX, WEIR_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_gives_messages_then_the_end),
        cmocka_unit_test(next_gives_the_error),
        cmocka_unit_test(blocking_while_a_loop_is_turned_is_a_bug_that_asserts),
        cmocka_unit_test(for_each_sees_every_message),
        cmocka_unit_test(for_each_stops_when_its_function_refuses),
        cmocka_unit_test(for_each_returns_the_error_of_the_stream),
        cmocka_unit_test(collect_gives_all_messages),
        cmocka_unit_test(collect_of_nothing_is_no_array),
        cmocka_unit_test(collect_keeps_nothing_past_its_bounds),
        cmocka_unit_test(collect_keeps_nothing_of_a_stream_that_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
