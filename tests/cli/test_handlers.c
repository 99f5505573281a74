/* SPDX-License-Identifier: MIT */
/*
 * test_handlers.c - the server's methods without a server: a handler makes a stream of a stream, so
 * a test polls it, under a clock that jumps from one wake to the next.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <semaphore.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "handlers.h"
#include "messages.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SLICE(literal) ((weir_slice){(const uint8_t *)(literal), sizeof literal - 1})

static char directory[] = "/tmp/weir-handlers-XXXXXX";
static served_files files;
static weir_task *task;
static sem_t woken;
static uint64_t now;

static void notify(void *self)
{
    sem_post(self);
}

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL || chdir(directory) != 0)
        return -1;
    files.directory = files_open_directory(".");
    files.pool = file_pool_create(2);
    sem_init(&woken, 0, 0);
    task = weir_task_create(&(weir_task_options){.notify = notify, .self = &woken});
    return files.directory >= 0 && files.pool != NULL && task != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    file_pool_free(files.pool);
    weir_task_free(task);
    sem_destroy(&woken);
    close(files.directory);
    unlink("file");
    return chdir("/") == 0 ? rmdir(directory) : -1;
}

/* Polls until there is an answer. The clock jumps; only a job of the pool is waited for. */
static weir_poll next(weir_stream *stream, weir_item *item)
{
    for (;;) {
        weir_poll poll;

        weir_task_begin(task, now);
        poll = weir_stream_poll(stream, task, item);
        if (poll != WEIR_PENDING)
            return poll;
        if (weir_task_wakeup(task) != WEIR_NEVER)
            now = weir_task_wakeup(task);
        else
            sem_wait(&woken);
    }
}

static void write_file(const char *mode, const char *text)
{
    FILE *file = fopen("file", mode);

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static weir_stream call(weir_server_streaming_fn *fn, weir_bytes request)
{
    weir_stream replies = fn(&files, NULL, &request);

    weir_bytes_unref(&request);
    return replies;
}

static void assert_ends(weir_stream *stream, weir_code code)
{
    weir_item item;
    weir_poll poll = next(stream, &item);

    assert_int_equal(poll, code == WEIR_OK ? WEIR_END : WEIR_ERROR);
    assert_int_equal(item.status.code, code);
    weir_item_clear(&item);
    weir_stream_release(stream);
}

static void assert_text(weir_stream *stream, const char *expected)
{
    weir_item item;
    weir_slice text;

    assert_int_equal(next(stream, &item), WEIR_READY);
    assert_true(text_read(&item.message, &text));
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
    weir_item_clear(&item);
}

/* ---- requests ---- */

static weir_server_streaming_fn *const functions[] = {tick_handler, tail_handler, download_handler};

static void a_request_that_does_not_parse_is_internal(void **state)
{
    weir_stream replies =
        upload_handler(NULL, NULL, weir_stream_once(weir_bytes_static("\xff", 1)));

    (void)state;
    assert_ends(&replies, WEIR_INTERNAL);
    for (size_t i = 0; i < COUNT(functions); i++) {
        replies = call(functions[i], weir_bytes_static("\xff", 1));
        assert_ends(&replies, WEIR_INTERNAL);
    }
}

static void assert_method_ends(weir_server_streaming_fn *fn, weir_stream requests, weir_code code)
{
    weir_handler handler = weir_server_streaming(fn, &files, NULL);
    weir_call *call = weir_call_create("/weir.demo.v1.Streams/Tick");
    weir_stream replies = handler.call(handler.self, call, requests);

    assert_ends(&replies, code);
    weir_handler_release(&handler);
    weir_call_unref(call);
}

static void no_request_and_two_requests_are_unimplemented(void **state)
{
    const weir_bytes two[] = {{0}, {0}};

    (void)state;
    for (size_t i = 0; i < COUNT(functions); i++) {
        assert_method_ends(functions[i], weir_stream_empty(), WEIR_UNIMPLEMENTED);
        assert_method_ends(functions[i], weir_stream_of(two, 2), WEIR_UNIMPLEMENTED);
    }
}

static void a_fault_of_the_requests_is_passed_on(void **state)
{
    (void)state;
    assert_method_ends(tick_handler, weir_stream_fail(WEIR_CANCELLED, "gone"), WEIR_CANCELLED);
}

/* ---- Tick and Upload ---- */

static void tick_keeps_its_interval_and_ends_with_the_last_message(void **state)
{
    tick_request request = {3, WEIR_MILLISECONDS(10)};
    uint64_t start = now;
    weir_stream ticks;

    (void)state;
    ticks = call(tick_handler, tick_request_write(&request));
    assert_text(&ticks, "message_0");
    assert_true(now - start == WEIR_MILLISECONDS(10));
    assert_text(&ticks, "message_1");
    assert_text(&ticks, "message_2");
    assert_ends(&ticks, WEIR_OK);
    assert_true(now - start == WEIR_MILLISECONDS(30));
}

static void tick_without_a_count_goes_on(void **state)
{
    weir_stream ticks;
    char text[32];

    (void)state;
    ticks = call(tick_handler, (weir_bytes){0});
    for (int i = 0; i < 3000; i++) {
        snprintf(text, sizeof text, "message_%d", i);
        assert_text(&ticks, text);
    }
    weir_stream_release(&ticks);
}

static void tick_refuses_an_interval_of_more_than_an_hour(void **state)
{
    tick_request request = {1, WEIR_SECONDS(3601)};
    weir_stream ticks;

    (void)state;
    ticks = call(tick_handler, tick_request_write(&request));
    assert_ends(&ticks, WEIR_INVALID_ARGUMENT);
}

static void upload_answers_with_size_and_sha256(void **state)
{
    weir_bytes parts[] = {text_write(SLICE("ab")), text_write(SLICE("")), text_write(SLICE("c"))};
    upload_reply reply;
    weir_stream replies;
    weir_item item;

    (void)state;
    replies = upload_handler(NULL, NULL, weir_stream_of(parts, COUNT(parts)));
    assert_int_equal(next(&replies, &item), WEIR_READY);
    assert_true(upload_reply_read(&item.message, &reply));
    assert_int_equal(reply.size, 3);
    assert_int_equal(reply.sha256.size, 64);
    assert_memory_equal(reply.sha256.data,
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 64);
    weir_item_clear(&item);
    assert_ends(&replies, WEIR_OK);
}

/* ---- Download ---- */

static weir_stream download(const char *path, uint32_t chunk_size)
{
    download_request request = {slice_of(path), chunk_size};

    return call(download_handler, download_request_write(&request));
}

static void assert_chunk(weir_stream *replies, uint64_t total_size, const char *data)
{
    download_reply reply;
    weir_item item;

    assert_int_equal(next(replies, &item), WEIR_READY);
    assert_true(download_reply_read(&item.message, &reply));
    assert_int_equal(reply.total_size, total_size);
    assert_int_equal(reply.data.size, strlen(data));
    if (reply.data.size > 0)
        assert_memory_equal(reply.data.data, data, reply.data.size);
    weir_item_clear(&item);
}

static void a_download_is_the_file_in_chunks(void **state)
{
    weir_stream replies;

    (void)state;
    write_file("w", "hello, file");
    replies = download("file", 4);
    assert_chunk(&replies, 11, "hell");
    assert_chunk(&replies, 0, "o, f");
    assert_chunk(&replies, 0, "ile");
    assert_ends(&replies, WEIR_OK);
}

static void an_empty_file_is_one_empty_chunk(void **state)
{
    weir_stream replies;

    (void)state;
    write_file("w", "");
    replies = download("file", 0);
    assert_chunk(&replies, 0, "");
    assert_ends(&replies, WEIR_OK);
}

static void a_file_that_becomes_shorter_aborts_its_download(void **state)
{
    weir_stream replies;

    (void)state;
    write_file("w", "hello, file");
    replies = download("file", 4);
    assert_chunk(&replies, 11, "hell");
    write_file("w", "hell");
    assert_ends(&replies, WEIR_ABORTED);
}

static void a_file_that_grows_is_sent_as_it_was(void **state)
{
    weir_stream replies;

    (void)state;
    write_file("w", "hello");
    replies = download("file", 4);
    assert_chunk(&replies, 5, "hell");
    write_file("a", " and more");
    assert_chunk(&replies, 0, "o");
    assert_ends(&replies, WEIR_OK);
}

static void bad_downloads_are_refused(void **state)
{
    static const struct {
        const char *path;
        uint32_t chunk_size;
        weir_code code;
    } bad[] = {
        {"", 0, WEIR_INVALID_ARGUMENT},     {"file", (1 << 20) + 1, WEIR_INVALID_ARGUMENT},
        {"nothing", 0, WEIR_NOT_FOUND},     {"../file", 0, WEIR_PERMISSION_DENIED},
        {".", 0, WEIR_FAILED_PRECONDITION},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        weir_stream replies = download(bad[i].path, bad[i].chunk_size);

        assert_ends(&replies, bad[i].code);
    }
}

static void stalled_downloads_hold_no_thread(void **state)
{
    weir_stream stalled[200], replies;

    (void)state;
    write_file("w", "hello, file");
    for (size_t i = 0; i < COUNT(stalled); i++) {
        stalled[i] = download("file", 4);
        assert_chunk(&stalled[i], 11, "hell");
    }
    replies = download("file", 0); /* goes on while they stall */
    assert_chunk(&replies, 11, "hello, file");
    assert_ends(&replies, WEIR_OK);
    for (size_t i = 0; i < COUNT(stalled); i++) {
        assert_chunk(&stalled[i], 0, "o, f");
        if (i % 2 == 0)
            weir_stream_release(&stalled[i]);
        else
            assert_chunk(&stalled[i], 0, "ile");
        weir_stream_release(&stalled[i]);
    }
}

static void a_download_may_be_released_while_it_is_read(void **state)
{
    (void)state;
    write_file("w", "hello, file");
    for (int i = 0; i < 500; i++) {
        weir_stream replies = download("file", 4);
        weir_item item;

        weir_task_begin(task, now);
        assert_int_equal(weir_stream_poll(&replies, task, &item), WEIR_PENDING);
        weir_stream_release(&replies);
    }
}

/* ---- Tail ---- */

static weir_stream tail(bool from_end)
{
    tail_request request = {SLICE("file"), from_end};

    return call(tail_handler, tail_request_write(&request));
}

static tail_reply next_line(weir_stream *lines, weir_item *item)
{
    tail_reply reply;

    assert_int_equal(next(lines, item), WEIR_READY);
    assert_true(tail_reply_read(&item->message, &reply));
    return reply;
}

static void assert_line(weir_stream *lines, const char *expected)
{
    weir_item item;
    tail_reply reply = next_line(lines, &item);

    assert_int_equal(reply.line.size, strlen(expected));
    if (reply.line.size > 0)
        assert_memory_equal(reply.line.data, expected, reply.line.size);
    assert_false(reply.partial);
    weir_item_clear(&item);
}

/* Polls until the tail waits for the file to grow. */
static void assert_waits(weir_stream *lines)
{
    weir_item item;

    for (;;) {
        weir_task_begin(task, now);
        assert_int_equal(weir_stream_poll(lines, task, &item), WEIR_PENDING);
        if (weir_task_wakeup(task) != WEIR_NEVER)
            break;
        sem_wait(&woken);
    }
    assert_true(weir_task_wakeup(task) - now <= WEIR_MILLISECONDS(100));
}

static void tail_follows_a_file_that_grows(void **state)
{
    weir_stream lines;

    (void)state;
    write_file("w", "one\n\nthree\nfo");
    lines = tail(false);
    assert_line(&lines, "one");
    assert_line(&lines, "");
    assert_line(&lines, "three");
    assert_waits(&lines);
    write_file("a", "ur\nfive\n");
    assert_line(&lines, "four");
    assert_line(&lines, "five");
    assert_waits(&lines);
    weir_stream_release(&lines);
}

static void tail_from_the_end_leaves_out_what_is_there(void **state)
{
    weir_stream lines;

    (void)state;
    write_file("w", "one\ntwo\n");
    lines = tail(true);
    assert_waits(&lines);
    write_file("a", "three\n");
    assert_line(&lines, "three");
    weir_stream_release(&lines);
}

static void tail_begins_again_when_the_file_became_shorter(void **state)
{
    weir_stream lines;
    weir_item item;
    tail_reply reply;

    (void)state;
    write_file("w", "one\ntwo\nhalf");
    lines = tail(false);
    assert_line(&lines, "one");
    assert_line(&lines, "two");
    assert_waits(&lines);
    write_file("w", "new\nold\n");
    reply = next_line(&lines, &item);
    assert_true(reply.restarted);
    assert_int_equal(reply.line.size, 3);
    assert_memory_equal(reply.line.data, "new", 3);
    weir_item_clear(&item);
    reply = next_line(&lines, &item);
    assert_false(reply.restarted);
    weir_item_clear(&item);
    weir_stream_release(&lines);
}

enum { LONGEST = 64 << 10 };

/* A line of `size` bytes comes back whole, cut where it must be. */
static void assert_long_line(size_t size)
{
    char *text = malloc(size + 2);
    weir_stream lines;
    size_t got = 0, pieces = 0;
    bool partial = true;

    assert_non_null(text);
    memset(text, 'x', size);
    strcpy(text + size, "\n");
    write_file("w", text);
    write_file("a", "next\n");
    lines = tail(false);
    while (partial) {
        weir_item item;
        tail_reply reply = next_line(&lines, &item);

        partial = reply.partial;
        assert_true(!partial || reply.line.size == LONGEST);
        got += reply.line.size;
        pieces++;
        weir_item_clear(&item);
    }
    assert_int_equal(got, size);
    assert_int_equal(pieces, size / LONGEST + 1);
    assert_line(&lines, "next");
    weir_stream_release(&lines);
    free(text);
}

static void long_lines_are_cut_and_none_is_lost(void **state)
{
    (void)state;
    assert_long_line(LONGEST - 1);
    assert_long_line(LONGEST);
    assert_long_line(LONGEST + 1);
    assert_long_line(3 * LONGEST + 7);
}

static void many_lines_across_many_reads_are_all_there(void **state)
{
    weir_stream lines;
    char line[64];
    FILE *file = fopen("file", "w");

    (void)state;
    assert_non_null(file);
    for (int i = 0; i < 20000; i++)
        fprintf(file, "line %d with %.*s\n", i, i % 40, "some text of a varying length, or none");
    assert_int_equal(fclose(file), 0);
    lines = tail(false);
    for (int i = 0; i < 20000; i++) {
        snprintf(line, sizeof line, "line %d with %.*s", i, i % 40,
                 "some text of a varying length, or none");
        assert_line(&lines, line);
    }
    assert_waits(&lines);
    weir_stream_release(&lines);
}

static void a_server_without_a_directory_says_so(void **state)
{
    served_files none = {-1, files.pool};
    download_request request = {SLICE("file"), 0};
    weir_bytes message = download_request_write(&request);
    weir_stream replies = download_handler(&none, NULL, &message);

    (void)state;
    weir_bytes_unref(&message);
    assert_ends(&replies, WEIR_FAILED_PRECONDITION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_that_does_not_parse_is_internal),
        cmocka_unit_test(no_request_and_two_requests_are_unimplemented),
        cmocka_unit_test(a_fault_of_the_requests_is_passed_on),
        cmocka_unit_test(tick_keeps_its_interval_and_ends_with_the_last_message),
        cmocka_unit_test(tick_without_a_count_goes_on),
        cmocka_unit_test(tick_refuses_an_interval_of_more_than_an_hour),
        cmocka_unit_test(upload_answers_with_size_and_sha256),
        cmocka_unit_test(a_download_is_the_file_in_chunks),
        cmocka_unit_test(an_empty_file_is_one_empty_chunk),
        cmocka_unit_test(a_file_that_becomes_shorter_aborts_its_download),
        cmocka_unit_test(a_file_that_grows_is_sent_as_it_was),
        cmocka_unit_test(bad_downloads_are_refused),
        cmocka_unit_test(stalled_downloads_hold_no_thread),
        cmocka_unit_test(a_download_may_be_released_while_it_is_read),
        cmocka_unit_test(tail_follows_a_file_that_grows),
        cmocka_unit_test(tail_from_the_end_leaves_out_what_is_there),
        cmocka_unit_test(tail_begins_again_when_the_file_became_shorter),
        cmocka_unit_test(long_lines_are_cut_and_none_is_lost),
        cmocka_unit_test(many_lines_across_many_reads_are_all_there),
        cmocka_unit_test(a_server_without_a_directory_says_so),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
