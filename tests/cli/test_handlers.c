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

#include <malloc.h>
#include <semaphore.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "handlers.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define TICK weir__demo__v1__streams__tick__method
#define TAIL weir__demo__v1__streams__tail__method
#define DOWNLOAD weir__demo__v1__streams__download__method
#define UPLOAD weir__demo__v1__streams__upload__method
#define CHAT weir__demo__v1__streams__chat__method

static char directory[] = "/tmp/weir-handlers-XXXXXX";
static served_files files;
static weir_task *task;
static sem_t woken;
static uint64_t now;

static weir_call *call;
static weir_handler tick_method, tail_method, download_method, upload_method, chat_method;
static weir_item last; /* what the last reply points into, like this arena */
static weir_arena *arena;

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
    arena = weir_arena_create(SIZE_MAX);
    call = weir_call_create(NULL);
    tick_method = weir__demo__v1__streams__tick__stream_handler(tick_handler, NULL, NULL);
    tail_method = weir__demo__v1__streams__tail__stream_handler(tail_handler, &files, NULL);
    download_method =
        weir__demo__v1__streams__download__stream_handler(download_handler, &files, NULL);
    upload_method = weir__demo__v1__streams__upload__stream_handler(upload_handler, NULL, NULL);
    chat_method = weir__demo__v1__streams__chat__stream_handler(chat_handler, NULL, NULL);
    if (task == NULL || arena == NULL || call == NULL)
        return -1;
    return files.directory >= 0 && files.pool != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    weir_handler_release(&tick_method);
    weir_handler_release(&tail_method);
    weir_handler_release(&download_method);
    weir_handler_release(&upload_method);
    weir_handler_release(&chat_method);
    weir_call_unref(call);
    weir_item_clear(&last);
    weir_arena_free(arena);
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

/* The next reply, which is valid until the one after it. */
static const void *next_reply(weir_stream *stream, const weir_method *method)
{
    void *reply;

    weir_item_clear(&last);
    weir_arena_reset(arena);
    assert_int_equal(next(stream, &last), WEIR_READY);
    assert_int_equal(weir_message_unpack(method->response, arena, &last.message, &reply, NULL),
                     WEIR_OK);
    return reply;
}

static weir_stream start(const weir_handler *handler, weir_stream requests)
{
    return handler->call(handler->self, call, requests);
}

/* A call with one request as it lies on the wire. A copy, so that ASan sees a read past its end. */
static weir_stream send(const weir_handler *handler, const void *data, size_t size)
{
    return start(handler, weir_stream_once(weir_bytes_copy(data, size)));
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

static void assert_tick(weir_stream *ticks, const char *expected)
{
    const Weir__Demo__V1__TickReply *reply = next_reply(ticks, &TICK);

    assert_string_equal(reply->text, expected);
}

/* ---- requests ---- */

static const weir_handler *const methods[] = {&tick_method, &tail_method, &download_method,
                                              &upload_method, &chat_method};
enum { TAKE_ONE = 3 }; /* so many of them take one request */

static void no_request_and_two_requests_are_unimplemented(void **state)
{
    const weir_bytes two[] = {{0}, {0}};

    (void)state;
    for (size_t i = 0; i < TAKE_ONE; i++) {
        weir_stream none = start(methods[i], weir_stream_empty());
        weir_stream both = start(methods[i], weir_stream_of(two, 2));

        assert_ends(&none, WEIR_UNIMPLEMENTED);
        assert_ends(&both, WEIR_UNIMPLEMENTED);
    }
}

static void a_fault_of_the_requests_is_passed_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(methods); i++) {
        weir_stream replies = start(methods[i], weir_stream_fail(WEIR_CANCELLED, "gone"));

        assert_ends(&replies, WEIR_CANCELLED);
    }
}

static void assert_broken(const void *data, size_t size)
{
    for (size_t i = 0; i < COUNT(methods); i++) {
        weir_stream replies = send(methods[i], data, size);

        assert_ends(&replies, WEIR_INTERNAL);
    }
}

#define ASSERT_BROKEN(literal) assert_broken(literal, sizeof literal - 1)

static void a_request_that_does_not_parse_is_internal(void **state)
{
    (void)state;
    ASSERT_BROKEN("\xff");
    ASSERT_BROKEN("\x00");                                             /* field number 0 */
    ASSERT_BROKEN("\x0e");                                             /* wire type 6 */
    ASSERT_BROKEN("\x0f");                                             /* wire type 7 */
    ASSERT_BROKEN("\x0a");                                             /* no length */
    ASSERT_BROKEN("\x0a\x02x");                                        /* a length past the end */
    ASSERT_BROKEN("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");     /* 2^64 - 1 bytes */
    ASSERT_BROKEN("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"); /* 11 bytes of varint */
    ASSERT_BROKEN("\xff\xff\xff\xff\xff\x01\x00");                     /* a tag of 36 bits */
    ASSERT_BROKEN("\x0c");                                             /* the end of no group */
    ASSERT_BROKEN("\x0b");                                             /* a group without an end */
    ASSERT_BROKEN("\x0b\x14");                                         /* another group's end */
}

static void a_request_that_is_cut_off_is_internal(void **state)
{
    static const char whole[] = "\x08\xac\x02\x10\x80\x80\x01\x1a\x02hi\x25"
                                "four";

    (void)state;
    for (size_t size = 1; size < sizeof whole - 1; size++)
        if (size != 3 && size != 7 && size != 11) /* the ends of fields */
            assert_broken(whole, size);
}

static void assert_ticks(const void *data, size_t size, int count)
{
    weir_stream ticks = send(&tick_method, data, size);

    for (int i = 0; i < count; i++)
        next_reply(&ticks, &TICK);
    assert_ends(&ticks, WEIR_OK);
}

#define ASSERT_TICKS(literal, count) assert_ticks(literal, sizeof literal - 1, count)

static void the_last_of_a_repeated_field_wins(void **state)
{
    (void)state;
    ASSERT_TICKS("\x08\x01\x08\x02\x08\x03", 3);
}

static void unknown_fields_of_every_type_are_skipped(void **state)
{
    /* 99: varint, fixed64, length, fixed32, and a group that holds a group; then count = 7. */
    (void)state;
    ASSERT_TICKS("\x98\x06\x80\x01"
                 "\x99\x06"
                 "12345678"
                 "\x9a\x06\x03xyz"
                 "\x9d\x06"
                 "1234"
                 "\x9b\x06\x08\x05\x1b\x08\x09\x1c\x9c\x06"
                 "\x08\x07",
                 7);
}

static void a_known_field_of_another_type_is_unknown(void **state)
{
    static const char number_for_text[] = "\x08\x05";
    weir_stream replies = send(&chat_method, number_for_text, sizeof number_for_text - 1);
    const Weir__Demo__V1__ChatReply *reply = next_reply(&replies, &CHAT);

    (void)state;
    assert_string_equal(reply->line, "");
    assert_ends(&replies, WEIR_OK);
    ASSERT_TICKS("\x08\x02\x0a\x02hi", 2);
}

static void groups_may_nest_a_hundred_deep_and_no_deeper(void **state)
{
    uint8_t nested[2 + 202] = {0x08, 0x02}; /* a count of 2, so that ticks end */

    (void)state;
    memset(nested + 2, 0x1b, 100);
    memset(nested + 102, 0x1c, 100);
    assert_ticks(nested, 202, 2);
    memset(nested + 2, 0x1b, 101);
    memset(nested + 103, 0x1c, 101);
    assert_broken(nested, 204);
}

static void a_million_open_groups_do_no_harm(void **state)
{
    char *open = malloc(1000000);

    (void)state;
    assert_non_null(open);
    memset(open, 0x13, 1000000);
    assert_broken(open, 1000000);
    free(open);
}

static void a_string_must_be_utf8_and_bytes_need_not(void **state)
{
    static const char request[] = "\x0a\x01\xff";
    const weir_handler *const strings[] = {&tail_method, &download_method, &chat_method};
    weir_stream replies = send(&upload_method, request, sizeof request - 1);
    const Weir__Demo__V1__UploadReply *reply = next_reply(&replies, &UPLOAD);

    (void)state;
    assert_int_equal(reply->size, 1);
    assert_ends(&replies, WEIR_OK);
    for (size_t i = 0; i < COUNT(strings); i++) {
        replies = send(strings[i], request, sizeof request - 1);
        assert_ends(&replies, WEIR_INTERNAL);
    }
}

/* Data is bytes of its message: there can be no more of it than that. */
static void random_requests_never_read_past_the_end(void **state)
{
    uint32_t seed = 1;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint8_t data[24];
        weir_stream replies;
        weir_item item;

        for (size_t j = 0; j < sizeof data; j++) {
            seed = seed * 1664525 + 1013904223;
            data[j] = (uint8_t)(seed >> 24 & (j % 3 == 0 ? 0x1f : 0xff));
        }
        replies = send(&upload_method, data, seed % sizeof data);
        if (next(&replies, &item) == WEIR_READY) {
            void *reply;

            assert_int_equal(
                weir_message_unpack(UPLOAD.response, arena, &item.message, &reply, NULL), WEIR_OK);
            assert_true(((Weir__Demo__V1__UploadReply *)reply)->size <= seed % sizeof data);
        } else {
            assert_int_equal(item.status.code, WEIR_INTERNAL);
        }
        weir_item_clear(&item);
        weir_arena_reset(arena);
        weir_stream_release(&replies);
    }
}

/* ---- Tick, Upload and Chat ---- */

static weir_stream tick(uint64_t count, uint64_t interval_ns)
{
    Weir__Demo__V1__TickRequest request = WEIR__DEMO__V1__TICK_REQUEST__INIT;

    request.count = count;
    request.interval_ns = interval_ns;
    return start(&tick_method, weir_typed_once(TICK.request, &request));
}

static void tick_keeps_its_interval_and_ends_with_the_last_message(void **state)
{
    uint64_t begin = now;
    weir_stream ticks = tick(3, WEIR_MILLISECONDS(10));

    (void)state;
    assert_tick(&ticks, "message_0");
    assert_true(now - begin == WEIR_MILLISECONDS(10));
    assert_tick(&ticks, "message_1");
    assert_tick(&ticks, "message_2");
    assert_ends(&ticks, WEIR_OK);
    assert_true(now - begin == WEIR_MILLISECONDS(30));
}

static void tick_without_a_count_goes_on(void **state)
{
    weir_stream ticks = tick(0, 0);
    char text[32];

    (void)state;
    for (int i = 0; i < 3000; i++) {
        snprintf(text, sizeof text, "message_%d", i);
        assert_tick(&ticks, text);
    }
    weir_stream_release(&ticks);
}

static void tick_refuses_an_interval_of_more_than_an_hour(void **state)
{
    weir_stream ticks = tick(1, WEIR_SECONDS(3601));

    (void)state;
    assert_ends(&ticks, WEIR_INVALID_ARGUMENT);
}

static weir_bytes upload_part(const char *text)
{
    Weir__Demo__V1__UploadRequest request = WEIR__DEMO__V1__UPLOAD_REQUEST__INIT;
    weir_bytes message;

    request.data = (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
    assert_int_equal(weir_message_pack(UPLOAD.request, &request, &message, NULL), WEIR_OK);
    return message;
}

static void upload_answers_with_size_and_sha256(void **state)
{
    weir_bytes parts[] = {upload_part("ab"), upload_part(""), upload_part("c")};
    weir_stream replies = start(&upload_method, weir_stream_of(parts, COUNT(parts)));
    const Weir__Demo__V1__UploadReply *reply = next_reply(&replies, &UPLOAD);

    (void)state;
    assert_int_equal(reply->size, 3);
    assert_string_equal(reply->sha256,
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_ends(&replies, WEIR_OK);
}

static void chat_answers_each_line_with_itself(void **state)
{
    weir_bytes lines[] = {
        weir_bytes_static("\x0a\x03one", 5), {0}, weir_bytes_static("\x0a\x04gr\xc3\xbc", 6)};
    static const char *const expected[] = {"one", "", "gr\xc3\xbc"};
    weir_stream replies = start(&chat_method, weir_stream_of(lines, COUNT(lines)));

    (void)state;
    for (size_t i = 0; i < COUNT(expected); i++) {
        const Weir__Demo__V1__ChatReply *reply = next_reply(&replies, &CHAT);

        assert_string_equal(reply->line, expected[i]);
    }
    assert_ends(&replies, WEIR_OK);
}

/* ---- Download ---- */

static weir_stream download(const char *path, uint32_t chunk_size)
{
    Weir__Demo__V1__DownloadRequest request = WEIR__DEMO__V1__DOWNLOAD_REQUEST__INIT;

    request.path = (char *)path;
    request.chunk_size = chunk_size;
    return start(&download_method, weir_typed_once(DOWNLOAD.request, &request));
}

static void assert_chunk(weir_stream *replies, uint64_t total_size, const char *data)
{
    const Weir__Demo__V1__DownloadReply *reply = next_reply(replies, &DOWNLOAD);
    uint8_t packed[64];

    assert_int_equal(reply->total_size, total_size);
    assert_int_equal(reply->data.len, strlen(data));
    if (reply->data.len > 0)
        assert_memory_equal(reply->data.data, data, reply->data.len);
    /* What is before the data was written without packing, and is what packing writes. */
    assert_int_equal(weir__demo__v1__download_reply__get_packed_size(reply), last.message.size);
    assert_in_range(last.message.size, 0, sizeof packed);
    weir__demo__v1__download_reply__pack(reply, packed);
    assert_memory_equal(last.message.data, packed, last.message.size);
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
    assert_int_equal(last.message.size, 0);
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

/* Polls may be long in coming when memory is short, and meanwhile nobody counts what waits here. */
static void no_chunk_is_held_for_a_poll(void **state)
{
    weir_stream replies;
    weir_item item;

    (void)state;
    write_file("w", "hello");
    replies = download("file", 0);
    weir_task_begin(task, now);
    assert_int_equal(weir_stream_poll(&replies, task, &item), WEIR_PENDING);
    sem_wait(&woken);
    write_file("w", "HELLO");
    assert_chunk(&replies, 5, "HELLO");
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
    Weir__Demo__V1__TailRequest request = WEIR__DEMO__V1__TAIL_REQUEST__INIT;

    request.path = "file";
    request.from_end = from_end;
    return start(&tail_method, weir_typed_once(TAIL.request, &request));
}

static const Weir__Demo__V1__TailReply *next_line(weir_stream *lines)
{
    return next_reply(lines, &TAIL);
}

static void assert_line(weir_stream *lines, const char *expected)
{
    const Weir__Demo__V1__TailReply *reply = next_line(lines);

    assert_int_equal(reply->line.len, strlen(expected));
    if (reply->line.len > 0)
        assert_memory_equal(reply->line.data, expected, reply->line.len);
    assert_false(reply->partial);
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
    const Weir__Demo__V1__TailReply *reply;
    weir_stream lines;

    (void)state;
    write_file("w", "one\ntwo\nhalf");
    lines = tail(false);
    assert_line(&lines, "one");
    assert_line(&lines, "two");
    assert_waits(&lines);
    write_file("w", "new\nold\n");
    reply = next_line(&lines);
    assert_true(reply->restarted);
    assert_int_equal(reply->line.len, 3);
    assert_memory_equal(reply->line.data, "new", 3);
    assert_false(next_line(&lines)->restarted);
    weir_stream_release(&lines);
}

/* Nobody counts it. A sanitizer's allocator says 0 here. */
static void a_stalled_tail_holds_little(void **state)
{
    enum { TAILS = 200, MOST = 8 << 10 };
    weir_stream lines[TAILS];
    size_t before;

    (void)state;
    write_file("w", "a line\n");
    before = mallinfo2().uordblks;
    for (size_t i = 0; i < TAILS; i++) {
        lines[i] = tail(false);
        assert_line(&lines[i], "a line");
    }
    assert_true(mallinfo2().uordblks - before < (size_t)TAILS * MOST);
    for (size_t i = 0; i < TAILS; i++)
        weir_stream_release(&lines[i]);
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
        const Weir__Demo__V1__TailReply *reply = next_line(&lines);

        partial = reply->partial;
        assert_true(!partial || reply->line.len == LONGEST);
        got += reply->line.len;
        pieces++;
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
    Weir__Demo__V1__DownloadRequest request = WEIR__DEMO__V1__DOWNLOAD_REQUEST__INIT;
    weir_stream replies;

    (void)state;
    request.path = "file";
    replies = download_handler(&none, call, &request).stream;
    assert_ends(&replies, WEIR_FAILED_PRECONDITION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_request_and_two_requests_are_unimplemented),
        cmocka_unit_test(a_fault_of_the_requests_is_passed_on),
        cmocka_unit_test(a_request_that_does_not_parse_is_internal),
        cmocka_unit_test(a_request_that_is_cut_off_is_internal),
        cmocka_unit_test(the_last_of_a_repeated_field_wins),
        cmocka_unit_test(unknown_fields_of_every_type_are_skipped),
        cmocka_unit_test(a_known_field_of_another_type_is_unknown),
        cmocka_unit_test(groups_may_nest_a_hundred_deep_and_no_deeper),
        cmocka_unit_test(a_million_open_groups_do_no_harm),
        cmocka_unit_test(a_string_must_be_utf8_and_bytes_need_not),
        cmocka_unit_test(random_requests_never_read_past_the_end),
        cmocka_unit_test(tick_keeps_its_interval_and_ends_with_the_last_message),
        cmocka_unit_test(tick_without_a_count_goes_on),
        cmocka_unit_test(tick_refuses_an_interval_of_more_than_an_hour),
        cmocka_unit_test(upload_answers_with_size_and_sha256),
        cmocka_unit_test(chat_answers_each_line_with_itself),
        cmocka_unit_test(a_download_is_the_file_in_chunks),
        cmocka_unit_test(an_empty_file_is_one_empty_chunk),
        cmocka_unit_test(a_file_that_becomes_shorter_aborts_its_download),
        cmocka_unit_test(no_chunk_is_held_for_a_poll),
        cmocka_unit_test(a_file_that_grows_is_sent_as_it_was),
        cmocka_unit_test(bad_downloads_are_refused),
        cmocka_unit_test(stalled_downloads_hold_no_thread),
        cmocka_unit_test(a_download_may_be_released_while_it_is_read),
        cmocka_unit_test(tail_follows_a_file_that_grows),
        cmocka_unit_test(tail_from_the_end_leaves_out_what_is_there),
        cmocka_unit_test(tail_begins_again_when_the_file_became_shorter),
        cmocka_unit_test(a_stalled_tail_holds_little),
        cmocka_unit_test(long_lines_are_cut_and_none_is_lost),
        cmocka_unit_test(many_lines_across_many_reads_are_all_there),
        cmocka_unit_test(a_server_without_a_directory_says_so),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
