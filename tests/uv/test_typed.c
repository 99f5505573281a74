/* SPDX-License-Identifier: MIT */
/*
 * test_typed.c - clients that block, against a server in the same process, on a port the system
 * chose.
 *
 * The functions of the server run on its pool, beside the client's threads: what is claimed of them
 * TSan looks at, too.
 */
#include <weir/weir.h>

#include "support/notes.h"
#include "support/threads.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>

/* ---- the server ---- */

static weir_server *server;
static weir_channel *channel;

enum { SAY_SO = 1 << 30 };

/* Of functions that say when they read SAY_SO, and how they ended. */
static sem_t begun, ended;
static atomic_int end_code;

static weir_code answer(void *self, weir_call *call, const struct note *request, weir_typed_io *io,
                        struct note *response, weir_status *why)
{
    (void)self, (void)io;
    if (request->number == 0)
        return weir_fail(why, WEIR_NOT_FOUND, "there is no 0");
    *response =
        note_make(request->number + 1, weir_call_format(call, "to %.*s", (int)request->text.size,
                                                        (const char *)request->text.data));
    return WEIR_OK;
}

static weir_code down(void *self, weir_call *call, const struct note *request, weir_typed_io *io,
                      struct note *response, weir_status *why)
{
    weir_code code = WEIR_OK;

    (void)self, (void)response, (void)why;
    for (int64_t i = 0; i < request->number && code == WEIR_OK; i++) {
        struct note note = note_make(i, weir_call_format(call, "number %d", (int)i));

        code = weir_typed_write(io, &note);
    }
    if (code != WEIR_OK) {
        atomic_store(&end_code, (int)code);
        sem_post(&ended);
    }
    return code;
}

static weir_code up(void *self, weir_call *call, const struct note *request, weir_typed_io *io,
                    struct note *response, weir_status *why)
{
    const void *message;
    weir_poll poll;
    int64_t sum = 0;

    (void)self, (void)request;
    while ((poll = weir_typed_read(io, &message, why)) == WEIR_READY) {
        sum += ((const struct note *)message)->number;
        if (sum == SAY_SO)
            sem_post(&begun);
    }
    if (poll == WEIR_ERROR) {
        atomic_store(&end_code, (int)why->code);
        sem_post(&ended);
        return why->code;
    }
    *response = note_make(sum, weir_call_copy(call, "in all", 6));
    return WEIR_OK;
}

static weir_code echo(void *self, weir_call *call, const struct note *request, weir_typed_io *io,
                      struct note *response, weir_status *why)
{
    const void *message;
    weir_code code = WEIR_OK;
    weir_poll poll;

    (void)self, (void)call, (void)request, (void)response;
    while (code == WEIR_OK && (poll = weir_typed_read(io, &message, why)) == WEIR_READY)
        code = weir_typed_write(io, message);
    return code != WEIR_OK || poll == WEIR_END ? code : why->code;
}

/* Takes one request and ends: with OK, or with the number that came. */
static weir_code leave(void *self, weir_call *call, const struct note *request, weir_typed_io *io,
                       struct note *response, weir_status *why)
{
    const void *message;

    (void)self, (void)call, (void)request, (void)response;
    if (weir_typed_read(io, &message, why) != WEIR_READY)
        return WEIR_FAILED_PRECONDITION;
    return (weir_code)((const struct note *)message)->number;
}

/* By hand: as many responses as a good function would not give, or such as it cannot make. */
static weir_stream no_response(void *self, weir_call *call, weir_stream requests)
{
    (void)self, (void)call;
    weir_stream_release(&requests);
    return weir_stream_empty();
}

static weir_stream two_responses(void *self, weir_call *call, weir_stream requests)
{
    (void)self, (void)call;
    weir_stream_release(&requests);
    return weir_stream_chain(one_note(1, ""), one_note(2, ""));
}

static weir_stream nonsense(void *self, weir_call *call, weir_stream requests)
{
    (void)self, (void)call;
    weir_stream_release(&requests);
    return weir_stream_chain(weir_stream_once(weir_bytes_static("short", 5)), one_note(1, ""));
}

static weir_stream broken(void *self, weir_call *call, weir_stream requests)
{
    (void)self, (void)call;
    weir_stream_release(&requests);
    return weir_stream_once(weir_bytes_static("broken", 6));
}

static weir_stream hungry(void *self, weir_call *call, weir_stream requests)
{
    (void)self, (void)call;
    weir_stream_release(&requests);
    return one_note(-110000, "");
}

enum { LEAVE, NONE, TWO, NONSENSE, BROKEN, HUNGRY };

static weir_method method_of(int which, bool client_streaming, bool server_streaming)
{
    static const char *const paths[] = {"/h.H/Leave",    "/h.H/None",   "/h.H/Two",
                                        "/h.H/Nonsense", "/h.H/Broken", "/h.H/Hungry"};

    return (weir_method){paths[which],     &note_type,       &reply_type,
                         client_streaming, server_streaming, {0}};
}

static void serve(const char *path, weir_handler handler)
{
    assert_int_equal(weir_server_handle(server, path, handler, NULL), WEIR_OK);
}

static void serve_function(const weir_method *method, note_fn *fn)
{
    serve(method->path, weir_typed_plain(method, note_invoke, note_target(fn, NULL), false));
}

static void serve_all(void)
{
    static weir_method leave_method;
    static weir_handler_fn *const by_hand[] = {no_response, two_responses, nonsense, broken,
                                               hungry};

    serve_function(&unary_method, answer);
    serve_function(&down_method, down);
    serve_function(&up_method, up);
    serve_function(&bidi_method, echo);
    leave_method = method_of(LEAVE, true, true);
    serve_function(&leave_method, leave);
    for (int i = NONE; i <= HUNGRY; i++)
        serve(method_of(i, true, true).path, (weir_handler){by_hand[i - NONE], NULL, NULL});
}

static int setup(void **state)
{
    const weir_channel_options options = {.max_message_memory = 100000};
    char target[32];
    uint16_t port;

    (void)state;
    sem_init(&begun, 0, 0);
    sem_init(&ended, 0, 0);
    assert_int_equal(weir_server_create(NULL, &server, NULL), WEIR_OK);
    serve_all();
    assert_int_equal(weir_server_listen(server, "127.0.0.1:0", &port, NULL), WEIR_OK);
    assert_int_equal(weir_server_start(server, NULL), WEIR_OK);
    snprintf(target, sizeof target, "127.0.0.1:%u", port);
    assert_int_equal(weir_channel_create(target, &options, &channel, NULL), WEIR_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    weir_channel_unref(channel);
    weir_server_free(server);
    sem_destroy(&begun);
    sem_destroy(&ended);
    return 0;
}

/* ---- calling ---- */

static weir_call *new_call(void)
{
    weir_call *call = weir_call_create(NULL);

    weir_call_set_timeout(call, WEIR_SECONDS(60));
    return call;
}

static weir_typed_client *open_by(weir_call *call, const weir_method *method,
                                  const struct note *request)
{
    weir_typed_client *client = weir_typed_open(method, channel, call, request, NULL);

    assert_non_null(client);
    return client;
}

/* The call lives as long as the client. */
static weir_typed_client *open_call(const weir_method *method, const struct note *request)
{
    weir_call *call = new_call();
    weir_typed_client *client = open_by(call, method, request);

    weir_call_unref(call);
    return client;
}

static void write_note(weir_typed_client *client, int64_t number, const char *text)
{
    const struct note note = note_make(number, text);

    assert_int_equal(weir_typed_client_write(client, &note), WEIR_OK);
}

static void expect_note(weir_typed_client *client, int64_t number, const char *text)
{
    const void *message;

    assert_int_equal(weir_typed_client_read(client, &message, NULL), WEIR_READY);
    assert_true(note_is(message, number, text));
}

static void expect_end(weir_typed_client *client)
{
    const void *message = client;

    assert_int_equal(weir_typed_client_read(client, &message, NULL), WEIR_END);
    assert_null(message);
}

static void expect_why(weir_status *why, weir_code code, const char *text)
{
    assert_int_equal(why->code, code);
    assert_int_equal(why->message.size, strlen(text));
    assert_memory_equal(why->message.data, text, strlen(text));
    weir_status_clear(why);
}

/* And END after it. */
static void expect_error(weir_typed_client *client, weir_code code, const char *text)
{
    weir_status why = {0};
    const void *message = client;

    assert_int_equal(weir_typed_client_read(client, &message, &why), WEIR_ERROR);
    assert_null(message);
    expect_why(&why, code, text);
    expect_end(client);
}

/* ---- unary ---- */

static void expect_unary(const weir_method *method, int64_t number, weir_code code,
                         const char *text)
{
    const struct note request = note_make(number, "you");
    weir_call *call = new_call();
    weir_status why = {0};
    void *response = call;

    assert_int_equal(weir_typed_unary(method, channel, call, &request, &response, &why), code);
    assert_null(response);
    expect_why(&why, code, text);
    weir_call_unref(call);
}

static void a_unary_response_lives_as_long_as_its_call(void **state)
{
    struct note request = note_make(41, "you");
    weir_call *call = new_call();
    void *response;

    (void)state;
    assert_int_equal(weir_typed_unary(&unary_method, channel, call, &request, &response, NULL),
                     WEIR_OK);
    assert_true(note_is(response, 42, "to you"));
    weir_call_unref(call);
}

static void a_unary_call_gives_its_status(void **state)
{
    (void)state;
    expect_unary(&unary_method, 0, WEIR_NOT_FOUND, "there is no 0");
    expect_unary(&unary_method, NOTE_UNPACKABLE, WEIR_INTERNAL, "a t.Note cannot be packed");
}

static void a_unary_call_takes_one_response_that_is_one(void **state)
{
    const weir_method none = method_of(NONE, false, false), two = method_of(TWO, false, false);
    const weir_method broken_one = method_of(BROKEN, false, false);
    const weir_method large = method_of(HUNGRY, false, false);

    (void)state;
    expect_unary(&none, 1, WEIR_UNIMPLEMENTED, "no message in the response of a unary call");
    expect_unary(&two, 1, WEIR_UNIMPLEMENTED,
                 "more than one message in the response of a unary call");
    expect_unary(&broken_one, 1, WEIR_INTERNAL, "6 bytes are no t.Reply");
    expect_unary(&large, 1, WEIR_RESOURCE_EXHAUSTED,
                 "a t.Reply takes more memory than a message may");
}

static void a_call_that_could_not_be_made_is_resource_exhausted(void **state)
{
    const struct note request = note_make(1, "");
    weir_status why = {0};
    void *response;

    (void)state;
    assert_int_equal(weir_typed_unary(&unary_method, channel, NULL, &request, &response, &why),
                     WEIR_RESOURCE_EXHAUSTED);
    weir_status_clear(&why);
    assert_null(weir_typed_open(&bidi_method, channel, NULL, NULL, &why));
    assert_int_equal(why.code, WEIR_RESOURCE_EXHAUSTED);
    weir_status_clear(&why);
    weir_typed_client_close(NULL);
}

/* ---- streams ---- */

static void a_server_stream_is_read_to_its_end(void **state)
{
    const struct note request = note_make(3, "");
    weir_typed_client *client = open_call(&down_method, &request);

    (void)state;
    expect_note(client, 0, "number 0");
    expect_note(client, 1, "number 1");
    expect_note(client, 2, "number 2");
    expect_end(client);
    expect_end(client);
    weir_typed_client_close(client);
}

static void a_client_stream_is_finished(void **state)
{
    weir_call *call = new_call();
    weir_typed_client *client = open_by(call, &up_method, NULL);
    void *response;

    (void)state;
    for (int64_t i = 0; i < 1000; i++)
        write_note(client, i, "");
    assert_int_equal(weir_typed_client_finish(client, &response, NULL), WEIR_OK);
    assert_true(note_is(response, 1000 * 999 / 2, "in all"));
    weir_call_unref(call);
}

/* A thread that writes so many, for one that reads. */
struct writer {
    weir_typed_client *client;
    int64_t count;
    int64_t written;
    weir_code code;
};

static void *write_all(void *self)
{
    struct writer *writer = self;

    while (writer->written < writer->count && writer->code == WEIR_OK) {
        const struct note note = note_make(writer->written, "to and fro");

        writer->code = weir_typed_client_write(writer->client, &note);
        writer->written += writer->code == WEIR_OK;
    }
    weir_typed_client_end(writer->client);
    return NULL;
}

static void one_thread_writes_and_one_reads(void **state)
{
    struct writer writer = {.client = open_call(&bidi_method, NULL), .count = 3000};
    pthread_t thread;

    (void)state;
    thread_create(&thread, write_all, &writer);
    for (int64_t i = 0; i < 3000; i++)
        expect_note(writer.client, i, "to and fro");
    expect_end(writer.client);
    thread_join(thread);
    assert_int_equal(writer.written, 3000);
    weir_typed_client_close(writer.client);
}

static void a_request_that_cannot_be_packed_is_not_sent(void **state)
{
    const struct note bad = note_make(NOTE_UNSIZED, "");
    weir_typed_client *client = open_call(&bidi_method, NULL);

    (void)state;
    assert_int_equal(weir_typed_client_write(client, &bad), WEIR_INTERNAL);
    write_note(client, 1, "after it");
    expect_note(client, 1, "after it");
    weir_typed_client_end(client);
    expect_end(client);
    weir_typed_client_close(client);
}

static void nothing_is_written_behind_the_end(void **state)
{
    const struct note note = note_make(1, "");
    weir_typed_client *ended_client = open_call(&bidi_method, NULL);
    weir_typed_client *one_request = open_call(&down_method, &note);

    (void)state;
    weir_typed_client_end(ended_client);
    weir_typed_client_end(one_request);
    assert_int_equal(weir_typed_client_write(ended_client, &note), WEIR_CANCELLED);
    assert_int_equal(weir_typed_client_write(one_request, &note), WEIR_CANCELLED);
    expect_end(ended_client);
    weir_typed_client_close(ended_client);
    weir_typed_client_close(one_request);
}

static void what_is_no_response_is_internal(void **state)
{
    const weir_method method = method_of(NONSENSE, true, true);
    weir_typed_client *client = open_call(&method, NULL);

    (void)state;
    expect_error(client, WEIR_INTERNAL, "5 bytes are no t.Reply");
    weir_typed_client_close(client);
}

static void a_response_past_max_message_memory_is_resource_exhausted(void **state)
{
    const weir_method method = method_of(HUNGRY, true, true);
    weir_typed_client *client = open_call(&method, NULL);

    (void)state;
    expect_error(client, WEIR_RESOURCE_EXHAUSTED, "a t.Reply takes more memory than a message may");
    weir_typed_client_close(client);
}

/* ---- ends ---- */

static void expect_finish(const weir_method *method, weir_code code, const char *text)
{
    weir_typed_client *client = open_call(method, NULL);
    weir_status why = {0};
    void *response = client;

    assert_int_equal(weir_typed_client_finish(client, &response, &why), code);
    assert_null(response);
    expect_why(&why, code, text);
}

static void finish_takes_one_response_that_is_one(void **state)
{
    const weir_method none = method_of(NONE, true, false), two = method_of(TWO, true, false);
    const weir_method broken_one = method_of(BROKEN, true, false);
    const weir_method large = method_of(HUNGRY, true, false);

    (void)state;
    expect_finish(&none, WEIR_UNIMPLEMENTED, "no message in the response of a unary call");
    expect_finish(&two, WEIR_UNIMPLEMENTED,
                  "more than one message in the response of a unary call");
    expect_finish(&broken_one, WEIR_INTERNAL, "6 bytes are no t.Reply");
    expect_finish(&large, WEIR_RESOURCE_EXHAUSTED,
                  "a t.Reply takes more memory than a message may");
}

/* The server's function leaves after the first of many: writing ends, and reading says why. */
static void the_server_ends_before_the_client_wrote_all(void **state)
{
    const weir_code codes[] = {WEIR_OK, WEIR_ABORTED};
    const weir_method method = method_of(LEAVE, true, true);

    (void)state;
    for (int i = 0; i < 2; i++) {
        weir_typed_client *client = open_call(&method, NULL);
        weir_code code = WEIR_OK;
        struct note note = note_make(codes[i], "");

        while (code == WEIR_OK)
            code = weir_typed_client_write(client, &note);
        assert_int_equal(code, WEIR_CANCELLED);
        if (codes[i] == WEIR_OK)
            expect_end(client);
        else
            expect_error(client, codes[i], "");
        weir_typed_client_close(client);
    }
}

static void expect_end_code(weir_code code)
{
    sem_wait(&ended);
    assert_int_equal(atomic_load(&end_code), code);
}

static void an_early_close_cancels_what_the_server_writes(void **state)
{
    const struct note request = note_make(INT64_MAX, "");
    weir_typed_client *client = open_call(&down_method, &request);

    (void)state;
    expect_note(client, 0, "number 0");
    weir_typed_client_close(client);
    expect_end_code(WEIR_CANCELLED);
}

static void an_early_close_cancels_what_the_server_reads(void **state)
{
    weir_typed_client *client = open_call(&up_method, NULL);

    (void)state;
    write_note(client, SAY_SO, "");
    sem_wait(&begun);
    weir_typed_client_close(client);
    expect_end_code(WEIR_CANCELLED);
}

static void a_cancel_wakes_a_thread_that_writes(void **state)
{
    weir_call *call = new_call();
    struct writer writer = {.client = open_by(call, &bidi_method, NULL), .count = INT64_MAX};
    pthread_t thread;

    (void)state;
    thread_create(&thread, write_all, &writer);
    expect_note(writer.client, 0, "to and fro"); /* and no more: the writer will have to wait */
    weir_call_cancel(call);
    thread_join(thread);
    assert_int_equal(writer.code, WEIR_CANCELLED);
    weir_typed_client_close(writer.client);
    weir_call_unref(call);
}

static void *cancel(void *call)
{
    weir_call_cancel(call);
    return NULL;
}

static void a_cancel_wakes_a_thread_that_reads(void **state)
{
    weir_call *call = new_call();
    weir_typed_client *client = open_by(call, &bidi_method, NULL);
    weir_status why = {0};
    const void *message;
    pthread_t thread;

    (void)state;
    write_note(client, 1, "");
    expect_note(client, 1, "");
    thread_create(&thread, cancel, call);
    assert_int_equal(weir_typed_client_read(client, &message, &why), WEIR_ERROR);
    assert_int_equal(why.code, WEIR_CANCELLED);
    thread_join(thread);
    weir_status_clear(&why);
    weir_typed_client_close(client);
    weir_call_unref(call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unary_response_lives_as_long_as_its_call),
        cmocka_unit_test(a_unary_call_gives_its_status),
        cmocka_unit_test(a_unary_call_takes_one_response_that_is_one),
        cmocka_unit_test(a_call_that_could_not_be_made_is_resource_exhausted),
        cmocka_unit_test(a_server_stream_is_read_to_its_end),
        cmocka_unit_test(a_client_stream_is_finished),
        cmocka_unit_test(one_thread_writes_and_one_reads),
        cmocka_unit_test(a_request_that_cannot_be_packed_is_not_sent),
        cmocka_unit_test(nothing_is_written_behind_the_end),
        cmocka_unit_test(what_is_no_response_is_internal),
        cmocka_unit_test(a_response_past_max_message_memory_is_resource_exhausted),
        cmocka_unit_test(finish_takes_one_response_that_is_one),
        cmocka_unit_test(the_server_ends_before_the_client_wrote_all),
        cmocka_unit_test(an_early_close_cancels_what_the_server_writes),
        cmocka_unit_test(an_early_close_cancels_what_the_server_reads),
        cmocka_unit_test(a_cancel_wakes_a_thread_that_writes),
        cmocka_unit_test(a_cancel_wakes_a_thread_that_reads),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
