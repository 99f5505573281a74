/* SPDX-License-Identifier: MIT */
/*
 * test_typed_threads.c - typed functions that block, on the server's pool as those of
 * weir_blocking.
 *
 * The pair is turned on the test's thread, under its fake clock. Nobody sleeps: the test waits for
 * the loop to be woken.
 */
#include "conn/support/pair.h"
#include "support/notes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* What a function on the pool says to the test. */
static struct {
    atomic_uint running;
    atomic_uint returned;
    atomic_uint written;
    atomic_uint released;
    atomic_int code; /* of the last read or write that failed */
    atomic_size_t held;
    pthread_t test;
} shared;

static void count_release(void *self)
{
    (void)self;
    atomic_fetch_add(&shared.released, 1);
}

static int setup(void **state)
{
    memset(&shared, 0, sizeof shared);
    shared.test = pthread_self();
    return pair_setup_whole(state);
}

static int setup_bytes(void **state)
{
    int failed = setup(state);

    ((struct pair *)*state)->one_byte = true;
    return failed;
}

/* The self is the program's own: only its release counts. */
static void serve(struct pair *p, const weir_method *method, note_fn *fn)
{
    const weir_target target = {(weir_any_fn *)fn, &shared, count_release};

    assert_int_equal(weir_server_handle(p->server, method->path,
                                        weir_typed_plain(method, note_invoke, target, true), NULL),
                     WEIR_OK);
}

static void call(struct pair *p, struct reader *r, const weir_method *method, weir_stream requests)
{
    pair_call(p, r, method->path, requests);
}

/* ---- reading notes ---- */

static bool next_is_there(struct reader *r, weir_item *item)
{
    return reader_poll(r, item) != WEIR_PENDING;
}

static void expect_note(struct pair *p, struct reader *r, int64_t number, const char *text)
{
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    weir_item item;
    void *note;

    pair_until(p, next_is_there(r, &item));
    assert_false(r->over);
    assert_int_equal(weir_message_unpack(&reply_type, arena, &item.message, &note, NULL), WEIR_OK);
    assert_true(note_is(note, number, text));
    weir_item_clear(&item);
    weir_arena_free(arena);
}

/* The end comes next. */
static void expect_status(struct pair *p, struct reader *r, weir_code code, const char *why)
{
    weir_item item;

    pair_until(p, next_is_there(r, &item));
    weir_item_clear(&item);
    assert_true(r->over);
    assert_int_equal(r->code, code);
    assert_string_equal(r->why, why);
    reader_clear(r);
}

static void expect_refused(struct pair *p, const weir_method *method, weir_stream requests,
                           weir_code code, const char *why)
{
    struct reader r;

    call(p, &r, method, requests);
    expect_status(p, &r, code, why);
}

static void expect_alive(struct pair *p)
{
    struct reader r;

    pair_call(p, &r, "/t.T/Unary", text("alive"));
    pair_settle(p);
    expect_text(&r, "alive");
    reader_clear(&r);
    assert_int_equal(p->connects, 1);
}

static weir_stream no_note(void)
{
    return weir_stream_once(weir_bytes_static("short", 5));
}

static weir_stream two_notes(void)
{
    return weir_stream_chain(one_note(1, ""), one_note(2, ""));
}

/* ---- the four kinds ---- */

static weir_code answer(void *self, weir_call *by, const struct note *request, weir_typed_io *io,
                        struct note *response, weir_status *why)
{
    (void)self, (void)why;
    atomic_fetch_add(&shared.running, 1);
    if (io != NULL || pthread_equal(pthread_self(), shared.test) || response->number != NOTE_BLANK)
        return WEIR_FAILED_PRECONDITION;
    *response =
        note_make(request->number + 1, weir_call_format(by, "to %.*s", (int)request->text.size,
                                                        (const char *)request->text.data));
    return WEIR_OK;
}

static void a_unary_function_may_run_on_the_pool(void **state)
{
    struct pair *p = *state;
    struct reader r;

    serve(p, &unary_method, answer);
    call(p, &r, &unary_method, one_note(41, "you"));
    expect_note(p, &r, 42, "to you");
    expect_status(p, &r, WEIR_OK, "");
}

static weir_code down(void *self, weir_call *by, const struct note *request, weir_typed_io *io,
                      struct note *response, weir_status *why)
{
    (void)self, (void)why;
    atomic_fetch_add(&shared.running, 1);
    if (response != NULL)
        return WEIR_FAILED_PRECONDITION;
    for (int64_t i = 0; i < request->number; i++) {
        struct note note = {i, request->text};
        weir_code code;

        weir_call_alloc(by, 3000);
        code = weir_typed_write(io, &note);
        if (code != WEIR_OK) {
            atomic_store(&shared.code, (int)code);
            atomic_fetch_add(&shared.returned, 1);
            return code;
        }
        atomic_fetch_add(&shared.written, 1);
    }
    return WEIR_OK;
}

static void a_function_streams_down(void **state)
{
    struct pair *p = *state;
    struct reader r;

    serve(p, &down_method, down);
    call(p, &r, &down_method, one_note(200, "still there"));
    for (int64_t i = 0; i < 200; i++)
        expect_note(p, &r, i, "still there");
    expect_status(p, &r, WEIR_OK, "");
}

static weir_code up(void *self, weir_call *by, const struct note *request, weir_typed_io *io,
                    struct note *response, weir_status *why)
{
    const void *message;
    weir_poll poll;
    int64_t sum = 0;

    (void)self, (void)by;
    if (request != NULL || response->number != NOTE_BLANK)
        return WEIR_FAILED_PRECONDITION;
    while ((poll = weir_typed_read(io, &message, why)) == WEIR_READY)
        sum += ((const struct note *)message)->number;
    if (poll == WEIR_ERROR)
        return why->code;
    *response = note_make(sum, weir_call_copy(by, "in all", 6));
    return WEIR_OK;
}

static void a_function_reads_a_client_stream(void **state)
{
    struct pair *p = *state;
    int64_t left = 300;
    struct reader r;

    serve(p, &up_method, up);
    call(p, &r, &up_method, many_notes(&left));
    expect_note(p, &r, 300 * 299 / 2, "in all");
    expect_status(p, &r, WEIR_OK, "");
}

static void note_held(weir_call *by)
{
    size_t held = weir_arena_held(weir_call_arena(by));

    if (held > atomic_load(&shared.held))
        atomic_store(&shared.held, held);
}

static weir_code echo(void *self, weir_call *by, const struct note *request, weir_typed_io *io,
                      struct note *response, weir_status *why)
{
    const void *message;
    weir_poll poll;

    (void)self;
    if (request != NULL || response != NULL)
        return WEIR_FAILED_PRECONDITION;
    while ((poll = weir_typed_read(io, &message, why)) == WEIR_READY) {
        weir_code code;

        note_held(by);
        weir_call_alloc(by, 3000);
        code = weir_typed_write(io, message);
        if (code != WEIR_OK)
            return code;
    }
    return poll == WEIR_ERROR ? why->code : WEIR_OK;
}

static void a_function_echoes_a_bidi_call(void **state)
{
    struct pair *p = *state;
    int64_t left = 100;
    struct reader r;

    serve(p, &bidi_method, echo);
    call(p, &r, &bidi_method, many_notes(&left));
    for (int64_t i = 99; i >= 0; i--)
        expect_note(p, &r, i, "one of many");
    expect_status(p, &r, WEIR_OK, "");
}

/* ---- memory ---- */

static void a_bidi_call_does_not_grow_over_thousands_of_messages(void **state)
{
    struct pair *p = *state;
    int64_t left = 5000;
    struct reader r;
    size_t early;

    serve(p, &bidi_method, echo);
    call(p, &r, &bidi_method, many_notes(&left));
    for (int64_t i = 4999; i >= 4500; i--)
        expect_note(p, &r, i, "one of many");
    early = memory_held();
    memory_reset_peak();
    for (int64_t i = 4499; i >= 0; i--)
        expect_note(p, &r, i, "one of many");
    assert_in_range(memory_peak(), 1, early + 100000);
    assert_in_range(atomic_load(&shared.held), 1, 2000);
    expect_status(p, &r, WEIR_OK, "");
}

static struct pair *pair_with_message_memory(void **state, size_t size)
{
    const weir_server_options options = {.max_message_memory = size};

    pair_free(*state);
    *state = pair_create(&options, NULL);
    return *state;
}

static void requests_past_max_message_memory_are_resource_exhausted(void **state)
{
    static const char why[] = "a t.Note takes more memory than a message may";
    const weir_method *methods[] = {&unary_method, &down_method, &up_method, &bidi_method};
    note_fn *const functions[] = {answer, down, up, echo};
    struct pair *p = pair_with_message_memory(state, 100000);

    for (int i = 0; i < 4; i++) {
        serve(p, methods[i], functions[i]);
        expect_refused(p, methods[i], one_note(-110000, ""), WEIR_RESOURCE_EXHAUSTED, why);
    }
    assert_int_equal(atomic_load(&shared.running), 0);
    expect_alive(p);
}

static weir_code build(void *self, weir_call *by, const struct note *request, weir_typed_io *io,
                       struct note *response, weir_status *why)
{
    const struct note note = {0};

    (void)self, (void)response, (void)why;
    weir_call_alloc(by, (size_t)request->number);
    (void)!weir_typed_write(io, &note);
    return WEIR_OK;
}

static void a_response_past_max_message_memory_is_resource_exhausted(void **state)
{
    struct pair *p = pair_with_message_memory(state, 100000);
    struct reader r;

    serve(p, &down_method, build);
    expect_refused(p, &down_method, one_note(110000, ""), WEIR_RESOURCE_EXHAUSTED,
                   "a t.Reply takes more memory than a message may");
    call(p, &r, &down_method, one_note(90000, ""));
    expect_note(p, &r, 0, "");
    expect_status(p, &r, WEIR_OK, "");
}

/* ---- what is wrong with messages ---- */

static void broken_cardinality_is_unimplemented_and_not_called(void **state)
{
    const weir_method *methods[] = {&unary_method, &down_method};
    note_fn *const functions[] = {answer, down};
    struct pair *p = *state;

    for (int i = 0; i < 2; i++) {
        serve(p, methods[i], functions[i]);
        expect_refused(p, methods[i], weir_stream_empty(), WEIR_UNIMPLEMENTED,
                       "no request message");
        expect_refused(p, methods[i], two_notes(), WEIR_UNIMPLEMENTED,
                       "more than one request message");
    }
    assert_int_equal(atomic_load(&shared.running), 0);
    expect_alive(p);
}

static void what_is_no_message_is_internal_and_not_called(void **state)
{
    const weir_method *methods[] = {&unary_method, &down_method};
    note_fn *const functions[] = {answer, down};
    struct pair *p = *state;

    for (int i = 0; i < 2; i++) {
        serve(p, methods[i], functions[i]);
        expect_refused(p, methods[i], no_note(), WEIR_INTERNAL, "5 bytes are no t.Note");
    }
    assert_int_equal(atomic_load(&shared.running), 0);
    expect_alive(p);
}

/* Counts what it can read, and asks no further. */
static weir_code count(void *self, weir_call *by, const struct note *request, weir_typed_io *io,
                       struct note *response, weir_status *why)
{
    const void *message;

    (void)self, (void)by, (void)request, (void)why;
    response->number = 0;
    while (weir_typed_read(io, &message, NULL) == WEIR_READY)
        response->number++;
    if (message != NULL || weir_typed_read(io, &message, NULL) != WEIR_END)
        return WEIR_FAILED_PRECONDITION;
    return WEIR_OK;
}

static void a_function_that_overlooks_what_is_no_message_is_not_ok(void **state)
{
    struct pair *p = *state;

    serve(p, &up_method, count);
    expect_refused(p, &up_method,
                   weir_stream_chain(weir_stream_chain(two_notes(), no_note()), two_notes()),
                   WEIR_INTERNAL, "5 bytes are no t.Note");
    expect_alive(p);
}

static weir_code complain(void *self, weir_call *by, const struct note *request, weir_typed_io *io,
                          struct note *response, weir_status *why)
{
    const void *message;
    weir_poll poll = weir_typed_read(io, &message, why);

    (void)self, (void)by, (void)request, (void)response;
    if (poll == WEIR_ERROR)
        return weir_fail(why, WEIR_INVALID_ARGUMENT, "I cannot read this");
    return WEIR_ABORTED;
}

static void a_function_may_give_a_reason_of_its_own(void **state)
{
    struct pair *p = *state;

    serve(p, &bidi_method, complain);
    expect_refused(p, &bidi_method, no_note(), WEIR_INVALID_ARGUMENT, "I cannot read this");
    expect_refused(p, &bidi_method, weir_stream_empty(), WEIR_ABORTED, "");
}

static weir_code write_nonsense(void *self, weir_call *by, const struct note *request,
                                weir_typed_io *io, struct note *response, weir_status *why)
{
    const struct note good = note_make(1, "good"), bad = note_make(NOTE_UNPACKABLE, "");
    weir_code code = weir_typed_write(io, &good);

    (void)self, (void)by, (void)response, (void)why;
    if (code == WEIR_OK)
        code = weir_typed_write(io, &bad);
    return request->number == 0 ? WEIR_OK : code;
}

static void a_response_that_cannot_be_packed_is_internal(void **state)
{
    struct pair *p = *state;

    serve(p, &down_method, write_nonsense);
    for (int64_t looks = 0; looks < 2; looks++) {
        struct reader r;

        call(p, &r, &down_method, one_note(looks, ""));
        expect_note(p, &r, 1, "good");
        expect_status(p, &r, WEIR_INTERNAL, "a t.Reply cannot be packed");
    }
    expect_alive(p);
}

static weir_code become_unpackable(void *self, weir_call *by, const struct note *request,
                                   weir_typed_io *io, struct note *response, weir_status *why)
{
    (void)self, (void)by, (void)request, (void)io, (void)why;
    response->number = NOTE_UNSIZED;
    return WEIR_OK;
}

static void a_last_response_that_cannot_be_packed_is_internal(void **state)
{
    const weir_method *methods[] = {&unary_method, &up_method};
    struct pair *p = *state;

    for (int i = 0; i < 2; i++) {
        serve(p, methods[i], become_unpackable);
        expect_refused(p, methods[i], one_note(1, ""), WEIR_INTERNAL, "a t.Reply cannot be packed");
    }
}

/* ---- ends ---- */

static weir_code refuse(void *self, weir_call *by, const struct note *request, weir_typed_io *io,
                        struct note *response, weir_status *why)
{
    (void)self, (void)by, (void)io, (void)response;
    if (request == NULL)
        return WEIR_ABORTED;
    return weir_fail(why, WEIR_NOT_FOUND, "no %d", (int)request->number);
}

static void functions_fail_with_a_message_and_without(void **state)
{
    const weir_method *methods[] = {&unary_method, &down_method, &up_method, &bidi_method};
    struct pair *p = *state;

    for (int i = 0; i < 4; i++) {
        bool streams = methods[i]->client_streaming;

        serve(p, methods[i], refuse);
        expect_refused(p, methods[i], one_note(7, ""), streams ? WEIR_ABORTED : WEIR_NOT_FOUND,
                       streams ? "" : "no 7");
    }
}

static weir_code wait_for_more(void *self, weir_call *by, const struct note *request,
                               weir_typed_io *io, struct note *response, weir_status *why)
{
    const void *message;

    (void)self, (void)request, (void)response;
    atomic_fetch_add(&shared.running, 1);
    weir_call_send_headers(by); /* which wakes the test */
    while (weir_typed_read(io, &message, why) == WEIR_READY)
        ;
    atomic_store(&shared.code, (int)why->code);
    atomic_fetch_add(&shared.returned, weir_call_cancelled(by));
    return why->code;
}

static void a_cancel_wakes_a_function_that_reads(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.count = 1, .size = 9});
    struct reader r;

    serve(p, &bidi_method, wait_for_more);
    call(p, &r, &bidi_method, source_stream(requests));
    pair_until(p, atomic_load(&shared.running) == 1);
    weir_call_cancel(r.call);
    pair_settle(p);
    expect_error(&r, WEIR_CANCELLED);
    reader_clear(&r);
    pair_free(p); /* waits for the function */
    *state = NULL;
    assert_int_equal(atomic_load(&shared.returned), 1);
    assert_int_equal(atomic_load(&shared.code), WEIR_CANCELLED);
    assert_int_equal(atomic_load(&shared.released), 1);
}

static void a_cancel_wakes_a_function_that_waits_for_its_request(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.count = 1, .size = 9});
    struct reader r;

    serve(p, &down_method, down);
    call(p, &r, &down_method, source_stream(requests));
    pair_settle(p);
    weir_call_cancel(r.call);
    pair_settle(p);
    expect_error(&r, WEIR_CANCELLED);
    reader_clear(&r);
    pair_free(p);
    *state = NULL;
    assert_int_equal(atomic_load(&shared.running), 0);
    assert_int_equal(atomic_load(&shared.released), 1);
}

static void a_cancel_wakes_a_function_that_writes(void **state)
{
    struct pair *p = *state;
    struct reader r;

    serve(p, &down_method, down);
    call(p, &r, &down_method, one_note(1000000, "more than any window holds"));
    pair_until(p, atomic_load(&shared.written) >= 1000);
    reader_clear(&r); /* releasing the responses cancels */
    pair_settle(p);
    pair_free(p);
    *state = NULL;
    assert_int_equal(atomic_load(&shared.returned), 1);
    assert_int_equal(atomic_load(&shared.code), WEIR_CANCELLED);
    assert_int_equal(atomic_load(&shared.released), 1);
}

static int teardown(void **state)
{
    return *state != NULL ? pair_teardown(state) : memory_held() != 0;
}

#define THREADS_TEST(claim)                                                                        \
    TEST_ROW(#claim, claim, setup, teardown),                                                      \
        TEST_ROW(#claim " (byte by byte)", claim, setup_bytes, teardown)

/* ---- flags ---- */

static weir_code tell_flags(weir_call *by, weir_typed_io *io)
{
    const struct note flags = note_make((int64_t)weir_call_request_flags(by), "");

    return weir_typed_write(io, &flags);
}

static weir_code tell_flags_of_one(void *self, weir_call *by, const struct note *request,
                                   weir_typed_io *io, struct note *response, weir_status *why)
{
    (void)self, (void)request, (void)response, (void)why;
    return tell_flags(by, io);
}

static weir_code tell_flags_of_each(void *self, weir_call *by, const struct note *request,
                                    weir_typed_io *io, struct note *response, weir_status *why)
{
    const void *next;

    (void)self, (void)request, (void)response;
    while (weir_typed_read(io, &next, why) == WEIR_READY)
        if (tell_flags(by, io) != WEIR_OK)
            break;
    return why->code;
}

/* Notes that compress well, the second of them sent as it is. */
static weir_poll next_long_note(void *state, weir_task *task, weir_item *item)
{
    int *sent = state;
    char long_text[200];

    (void)task;
    if (*sent == 3)
        return WEIR_END;
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    item->message = note_bytes(1, long_text);
    item->flags = (*sent)++ == 1 ? WEIR_ITEM_UNCOMPRESSED : 0;
    return WEIR_READY;
}

static void call_compressed(struct pair *p, struct reader *r, const weir_method *method,
                            uint64_t count)
{
    weir_call *call = weir_call_create(method->path);

    weir_call_set_compression(call, WEIR_GZIP);
    pair_make(
        p, r, call,
        weir_stream_take(weir_stream_from(next_long_note, calloc(1, sizeof(int)), free), count));
}

static void a_function_knows_which_requests_came_compressed(void **state)
{
    struct pair *p = *state;
    struct reader r;

    serve(p, &bidi_method, tell_flags_of_each);
    serve(p, &down_method, tell_flags_of_one);
    call_compressed(p, &r, &bidi_method, 3);
    expect_note(p, &r, WEIR_ITEM_COMPRESSED, "");
    expect_note(p, &r, 0, "");
    expect_note(p, &r, WEIR_ITEM_COMPRESSED, "");
    expect_status(p, &r, WEIR_OK, "");
    call_compressed(p, &r, &down_method, 1);
    expect_note(p, &r, WEIR_ITEM_COMPRESSED, "");
    expect_status(p, &r, WEIR_OK, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        THREADS_TEST(a_unary_function_may_run_on_the_pool),
        THREADS_TEST(a_function_streams_down),
        THREADS_TEST(a_function_reads_a_client_stream),
        THREADS_TEST(a_function_echoes_a_bidi_call),
        /* What the other thread did not take yet grows with the pieces: whole alone. */
        TEST_ROW("a_bidi_call_does_not_grow_over_thousands_of_messages",
                 a_bidi_call_does_not_grow_over_thousands_of_messages, setup, teardown),
        THREADS_TEST(requests_past_max_message_memory_are_resource_exhausted),
        THREADS_TEST(a_response_past_max_message_memory_is_resource_exhausted),
        THREADS_TEST(broken_cardinality_is_unimplemented_and_not_called),
        THREADS_TEST(what_is_no_message_is_internal_and_not_called),
        THREADS_TEST(a_function_that_overlooks_what_is_no_message_is_not_ok),
        THREADS_TEST(a_function_may_give_a_reason_of_its_own),
        THREADS_TEST(a_response_that_cannot_be_packed_is_internal),
        THREADS_TEST(a_last_response_that_cannot_be_packed_is_internal),
        THREADS_TEST(functions_fail_with_a_message_and_without),
        THREADS_TEST(a_cancel_wakes_a_function_that_reads),
        THREADS_TEST(a_cancel_wakes_a_function_that_waits_for_its_request),
        THREADS_TEST(a_cancel_wakes_a_function_that_writes),
        THREADS_TEST(a_function_knows_which_requests_came_compressed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
