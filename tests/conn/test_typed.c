/* SPDX-License-Identifier: MIT */
/*
 * test_typed.c - typed functions that run on the loop: unary, and those that return streams.
 */
#include "conn/support/pair.h"
#include "support/notes.h"

#include <stdlib.h>

/* ---- serving and calling ---- */

/* The self of the test's functions. */
struct seen {
    unsigned calls;
    unsigned released;
    unsigned pieces; /* of memory that it got */
    const struct note *request;
};

static void release_seen(void *self)
{
    ((struct seen *)self)->released++;
}

static void serve(struct pair *p, const weir_method *method, weir_handler handler)
{
    assert_int_equal(weir_server_handle(p->server, method->path, handler, NULL), WEIR_OK);
}

static void serve_unary(struct pair *p, note_fn *fn, struct seen *seen)
{
    serve(p, &unary_method,
          weir_typed_plain(&unary_method, note_invoke, note_target(fn, seen), false));
}

static weir_stream stream_invoke(const weir_target *target, weir_call *call, const void *request,
                                 weir_stream requests)
{
    struct seen *seen = target->self;

    seen->calls++;
    seen->request = request;
    return ((weir_handler_fn *)target->fn)(seen, call, requests);
}

/* The function has a handler's type, and its request in `seen`. */
static void serve_stream(struct pair *p, const weir_method *method, weir_handler_fn *fn,
                         struct seen *seen)
{
    const weir_target target = {(weir_any_fn *)fn, seen, NULL};

    serve(p, method, weir_typed_stream(method, stream_invoke, target));
}

static void call(struct pair *p, struct reader *r, const weir_method *method, weir_stream requests)
{
    weir_call *made = weir_call_create(NULL);

    reader_init(r, weir_typed_start(method, p->channel, made, requests), made);
    weir_call_unref(made);
    pair_settle(p);
}

static void expect_note(struct reader *r, int64_t number, const char *text)
{
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    const void *message;

    weir_task_begin(r->task, now);
    assert_int_equal(weir_typed_poll(&reply_type, &r->stream, r->task, arena, &message, NULL),
                     WEIR_READY);
    assert_true(note_is(message, number, text));
    weir_arena_free(arena);
}

/* One request that fails with this. */
static void expect_refused(struct pair *p, const weir_method *method, weir_stream requests,
                           weir_code code, const char *why)
{
    struct reader r;

    call(p, &r, method, requests);
    reader_skim(&r);
    assert_true(r.over);
    assert_int_equal(r.code, code);
    assert_string_equal(r.why, why);
    assert_int_equal(r.messages, 0);
    reader_clear(&r);
}

/* Calls go on, on the connection there was. */
static void expect_alive(struct pair *p)
{
    struct reader r;

    pair_call(p, &r, "/t.T/Unary", text("alive"));
    pair_settle(p);
    expect_text(&r, "alive");
    reader_clear(&r);
    assert_int_equal(p->connects, 1);
}

static weir_stream two_notes(void)
{
    weir_bytes notes[] = {note_bytes(1, ""), note_bytes(2, "")};

    return weir_stream_of(notes, 2);
}

static weir_stream no_note(void)
{
    return weir_stream_once(weir_bytes_static("short", 5));
}

/* ---- unary ---- */

static weir_code answer(void *self, weir_call *by, const struct note *request, weir_typed_io *io,
                        struct note *response, weir_status *why)
{
    struct seen *seen = self;

    (void)why;
    seen->calls++;
    assert_null(io);
    assert_int_equal(response->number, NOTE_BLANK);
    *response =
        note_make(request->number + 1, weir_call_format(by, "to %.*s", (int)request->text.size,
                                                        (const char *)request->text.data));
    return WEIR_OK;
}

static void a_unary_function_makes_a_response_of_a_request(void **state)
{
    struct pair *p = *state;
    struct seen seen = {0};
    struct reader r;

    serve_unary(p, answer, &seen);
    call(p, &r, &unary_method, one_note(41, "you"));
    expect_note(&r, 42, "to you");
    expect_end(&r);
    assert_int_equal(seen.calls, 1);
    assert_string_equal(weir_call_method(r.call), unary_method.path);
    reader_clear(&r);
}

static weir_code borrow(void *self, weir_call *by, const struct note *request, weir_typed_io *io,
                        struct note *response, weir_status *why)
{
    (void)self, (void)by, (void)io, (void)why;
    *response = *request;
    return WEIR_OK;
}

static void a_response_may_borrow_from_its_request(void **state)
{
    struct pair *p = *state;
    struct reader r;

    serve_unary(p, borrow, NULL);
    call(p, &r, &unary_method, one_note(3, "as it came"));
    expect_note(&r, 3, "as it came");
    expect_end(&r);
    reader_clear(&r);
}

static void a_response_that_cannot_be_packed_is_internal(void **state)
{
    struct pair *p = *state;

    serve_unary(p, borrow, NULL);
    /* The client packs by hand what it could not pack as a note. */
    for (int64_t number = NOTE_UNPACKABLE; number <= NOTE_UNSIZED; number++)
        expect_refused(p, &unary_method, weir_stream_once(weir_bytes_copy(&number, sizeof number)),
                       WEIR_INTERNAL, "a t.Reply cannot be packed");
    expect_alive(p);
}

static weir_code refuse(void *self, weir_call *by, const struct note *request, weir_typed_io *io,
                        struct note *response, weir_status *why)
{
    (void)self, (void)by, (void)io, (void)response;
    if (request->number == 0)
        return WEIR_ABORTED;
    return weir_fail(why, WEIR_NOT_FOUND, "no %d", (int)request->number);
}

static void a_unary_function_fails_with_a_message_and_without(void **state)
{
    struct pair *p = *state;

    serve_unary(p, refuse, NULL);
    expect_refused(p, &unary_method, one_note(7, ""), WEIR_NOT_FOUND, "no 7");
    expect_refused(p, &unary_method, one_note(0, ""), WEIR_ABORTED, "");
}

static weir_code ok_with_a_reason(void *self, weir_call *by, const struct note *request,
                                  weir_typed_io *io, struct note *response, weir_status *why)
{
    (void)self, (void)by, (void)request, (void)io, (void)response;
    weir_fail(why, WEIR_ABORTED, "%s", "never mind");
    return WEIR_OK;
}

static void a_reason_beside_ok_is_dropped(void **state)
{
    struct pair *p = *state;
    struct reader r;

    serve_unary(p, ok_with_a_reason, NULL);
    call(p, &r, &unary_method, one_note(0, ""));
    expect_note(&r, NOTE_BLANK, "");
    expect_end(&r);
    reader_clear(&r);
}

static void what_is_no_message_is_internal_and_the_connection_lives_on(void **state)
{
    struct pair *p = *state;
    struct seen seen = {0};

    serve_unary(p, answer, &seen);
    expect_refused(p, &unary_method, no_note(), WEIR_INTERNAL, "5 bytes are no t.Note");
    assert_int_equal(seen.calls, 0);
    expect_alive(p);
}

static void broken_cardinality_is_unimplemented_and_not_called(void **state)
{
    struct pair *p = *state;
    struct seen seen = {0};

    serve_unary(p, answer, &seen);
    expect_refused(p, &unary_method, weir_stream_empty(), WEIR_UNIMPLEMENTED, "no request message");
    expect_refused(p, &unary_method, two_notes(), WEIR_UNIMPLEMENTED,
                   "more than one request message");
    assert_int_equal(seen.calls, 0);
    expect_alive(p);
}

/* ---- bounds of memory ---- */

static struct pair *pair_with_message_memory(void **state, size_t size)
{
    const weir_server_options options = {.max_message_memory = size};

    pair_free(*state);
    *state = pair_create(&options, NULL);
    return *state;
}

static void a_request_past_max_message_memory_is_resource_exhausted(void **state)
{
    struct pair *p = pair_with_message_memory(state, 100000);
    struct seen seen = {0};
    struct reader r;

    serve_unary(p, answer, &seen);
    memory_reset_peak();
    expect_refused(p, &unary_method, one_note(-110000, ""), WEIR_RESOURCE_EXHAUSTED,
                   "a t.Note takes more memory than a message may");
    assert_int_equal(seen.calls, 0);
    call(p, &r, &unary_method, one_note(-90000, "you"));
    expect_note(&r, -89999, "to you");
    reader_clear(&r);
    expect_alive(p);
}

/* Asks for it in pieces, and does not look whether they came. */
static weir_code build(void *self, weir_call *by, const struct note *request, weir_typed_io *io,
                       struct note *response, weir_status *why)
{
    (void)self, (void)io, (void)response, (void)why;
    for (int64_t left = request->number; left > 0; left -= 100)
        weir_call_alloc(by, 100);
    return WEIR_OK;
}

static void a_response_past_max_message_memory_is_resource_exhausted(void **state)
{
    struct pair *p = pair_with_message_memory(state, 100000);
    size_t before = memory_held();
    struct reader r;

    serve_unary(p, build, NULL);
    memory_reset_peak();
    expect_refused(p, &unary_method, one_note(100000000, ""), WEIR_RESOURCE_EXHAUSTED,
                   "a t.Reply takes more memory than a message may");
    assert_in_range(memory_peak() - before, 90000, 400000);
    call(p, &r, &unary_method, one_note(80000, ""));
    expect_note(&r, NOTE_BLANK, "");
    reader_clear(&r);
}

static weir_stream take_all_there_is(void *self, weir_call *by, weir_stream requests)
{
    struct seen *seen = self;

    weir_stream_release(&requests);
    while (seen->pieces < 10000 && weir_call_alloc(by, 100) != NULL)
        seen->pieces++;
    return weir_stream_empty();
}

static void a_function_that_returns_a_stream_has_the_same_bound(void **state)
{
    struct pair *p = pair_with_message_memory(state, 104000);
    struct seen seen = {0};
    struct reader r;

    serve_stream(p, &bidi_method, take_all_there_is, &seen);
    call(p, &r, &bidi_method, weir_stream_empty());
    expect_end(&r);
    assert_in_range(seen.pieces, 900, 1100);
    reader_clear(&r);
}

/* ---- functions that return streams ---- */

static weir_stream stream_unary(void *self, weir_call *by, weir_stream requests)
{
    struct seen *seen = self;
    const struct note response = note_make(seen->request->number + 1, "one");

    (void)by;
    assert_null(requests.ops);
    return weir_typed_once(&reply_type, &response);
}

static void a_unary_method_may_return_a_stream_of_one(void **state)
{
    struct pair *p = *state;
    struct seen seen = {0};
    struct reader r;

    serve_stream(p, &unary_method, stream_unary, &seen);
    call(p, &r, &unary_method, one_note(4, ""));
    expect_note(&r, 5, "one");
    expect_end(&r);
    reader_clear(&r);
}

static weir_poll count_down(const weir_target *target, weir_task *task, weir_arena *arena,
                            void *out, weir_status *why)
{
    int64_t *left = target->self;
    char *text = weir_arena_alloc(arena, 3000);

    (void)task, (void)why;
    memset(text, 'x', 3000);
    *(struct note *)out = (struct note){*left, {(const uint8_t *)text, 3000}};
    return --*left >= 0 ? WEIR_READY : WEIR_END;
}

static weir_stream stream_down(void *self, weir_call *by, weir_stream requests)
{
    struct seen *seen = self;
    int64_t *left = malloc(sizeof *left);

    (void)by;
    assert_null(requests.ops);
    *left = seen->request->number;
    return weir_typed_from(&reply_type, count_down, (weir_target){NULL, left, free});
}

/* How much lives when so many of the messages were read. */
static size_t held_after(struct pair *p, struct reader *r, uint64_t messages)
{
    weir_item item;

    while (r->messages < messages) {
        pair_settle(p);
        assert_int_equal(reader_poll(r, &item), WEIR_READY);
        assert_int_equal(item.message.size, 3008);
        weir_item_clear(&item);
    }
    pair_settle(p);
    return memory_held();
}

static void a_server_stream_does_not_grow_over_thousands_of_messages(void **state)
{
    struct pair *p = *state;
    struct seen seen = {0};
    struct reader r;
    size_t early;

    serve_stream(p, &down_method, stream_down, &seen);
    call(p, &r, &down_method, one_note(10000, ""));
    early = held_after(p, &r, 500);
    memory_reset_peak();
    held_after(p, &r, 9500);
    assert_in_range(memory_peak(), 1, early + 100000);
    held_after(p, &r, 10000);
    expect_end(&r);
    reader_clear(&r);
}

static void a_server_stream_checks_its_request(void **state)
{
    struct pair *p = *state;
    struct seen seen = {0};

    serve_stream(p, &down_method, stream_down, &seen);
    expect_refused(p, &down_method, no_note(), WEIR_INTERNAL, "5 bytes are no t.Note");
    expect_refused(p, &down_method, weir_stream_empty(), WEIR_UNIMPLEMENTED, "no request message");
    expect_refused(p, &down_method, two_notes(), WEIR_UNIMPLEMENTED,
                   "more than one request message");
    expect_refused(p, &down_method, one_note(-(INT64_C(1) << 26), ""), WEIR_RESOURCE_EXHAUSTED,
                   "a t.Note takes more memory than a message may");
    assert_int_equal(seen.calls, 0);
    expect_alive(p);
}

static weir_code sum_step(const weir_target *target, const void *request, weir_status *why)
{
    (void)why;
    *(int64_t *)target->self += ((const struct note *)request)->number;
    return WEIR_OK;
}

static weir_code sum_finish(weir_any_fn *finish, void *self, weir_arena *arena, void *response,
                            weir_status *why)
{
    (void)finish, (void)arena, (void)why;
    ((struct note *)response)->number = *(int64_t *)self;
    return WEIR_OK;
}

static weir_stream stream_up(void *self, weir_call *by, weir_stream requests)
{
    const weir_target target = {NULL, calloc(1, sizeof(int64_t)), free};

    (void)by;
    assert_null(((struct seen *)self)->request);
    return weir_typed_fold(&up_method, requests, sum_step, sum_finish, target, NULL);
}

static void a_client_stream_is_folded(void **state)
{
    struct pair *p = *state;
    struct seen seen = {0};
    int64_t left = 300;
    struct reader r;

    serve_stream(p, &up_method, stream_up, &seen);
    call(p, &r, &up_method, many_notes(&left));
    expect_note(&r, 300 * 299 / 2, "");
    expect_end(&r);
    reader_clear(&r);
    expect_refused(p, &up_method, weir_stream_chain(one_note(1, ""), no_note()), WEIR_INTERNAL,
                   "5 bytes are no t.Note");
    expect_alive(p);
}

static weir_code negate(const weir_target *target, weir_arena *arena, const void *request,
                        void *response, weir_status *why)
{
    const struct note *note = request;

    (void)why;
    ((struct seen *)target->self)->calls++;
    weir_arena_alloc(arena, 3000);
    *(struct note *)response = (struct note){-note->number, note->text};
    return WEIR_OK;
}

static weir_stream stream_bidi(void *self, weir_call *by, weir_stream requests)
{
    (void)by;
    return weir_typed_map(&bidi_method, requests, negate, (weir_target){NULL, self, NULL});
}

static void a_bidi_stream_is_mapped(void **state)
{
    struct pair *p = *state;
    struct seen seen = {0};
    struct reader r;
    int64_t left = 2000;

    serve_stream(p, &bidi_method, stream_bidi, &seen);
    call(p, &r, &bidi_method, many_notes(&left));
    for (int64_t number = 1999; number >= 3; number--) {
        pair_settle(p);
        expect_note(&r, -number, "one of many");
    }
    reader_clear(&r);
    pair_settle(p);
}

static void a_bidi_stream_ends_at_what_is_no_message(void **state)
{
    struct pair *p = *state;
    struct seen seen = {0};
    struct reader r;

    serve_stream(p, &bidi_method, stream_bidi, &seen);
    call(p, &r, &bidi_method, weir_stream_chain(one_note(5, "five"), no_note()));
    expect_note(&r, -5, "five");
    expect_error(&r, WEIR_INTERNAL);
    reader_clear(&r);
    expect_alive(p);
}

/* ---- clients ---- */

static void a_request_that_cannot_be_packed_is_the_calls_status(void **state)
{
    struct pair *p = *state;
    struct seen seen = {0};

    serve_unary(p, answer, &seen);
    expect_refused(p, &unary_method, one_note(NOTE_UNSIZED, ""), WEIR_INTERNAL,
                   "a t.Note cannot be packed");
    assert_int_equal(seen.calls, 0);
}

static void a_call_without_memory_is_resource_exhausted(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.count = 1});
    struct reader r;

    reader_init(&r, weir_typed_start(&bidi_method, p->channel, NULL, source_stream(requests)),
                NULL);
    expect_error(&r, WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(requests->released, 1);
    reader_clear(&r);
}

static void a_call_that_was_made_stays_as_it_was(void **state)
{
    struct pair *p = *state;
    struct reader r, again;

    pair_call(p, &r, "/t.T/Unary", text("x"));
    reader_init(&again, weir_typed_start(&bidi_method, p->channel, r.call, weir_stream_empty()),
                NULL);
    expect_error(&again, WEIR_FAILED_PRECONDITION);
    assert_string_equal(weir_call_method(r.call), "/t.T/Unary");
    reader_clear(&again);
    reader_clear(&r);
}

static weir_stream send_on(void *self, weir_call *by, weir_stream requests)
{
    struct pair *p = self;

    return weir_typed_start(&bidi_method, p->channel, by, requests);
}

static void a_servers_call_is_no_clients(void **state)
{
    struct pair *p = *state;
    struct reader r;

    assert_int_equal(
        weir_server_handle(p->server, "/n.N/On", (weir_handler){send_on, p, NULL}, NULL), WEIR_OK);
    pair_call(p, &r, "/n.N/On", weir_stream_empty());
    pair_settle(p);
    expect_error(&r, WEIR_FAILED_PRECONDITION);
    reader_clear(&r);
}

static void a_call_without_a_method_is_refused(void **state)
{
    struct pair *p = *state;
    struct reader r;

    pair_make(p, &r, weir_call_create(NULL), weir_stream_empty());
    expect_error(&r, WEIR_INVALID_ARGUMENT);
    reader_clear(&r);
}

/* ---- what a function owns ---- */

/* A handler of each kind around `target`. */
static weir_handler make_handler(int kind, weir_target target)
{
    switch (kind) {
    case 0:
        return weir_typed_plain(&unary_method, note_invoke, target, false);
    case 1:
        return weir_typed_plain(&unary_method, note_invoke, target, true);
    case 2:
        return weir_typed_plain(&bidi_method, note_invoke, target, false);
    case 3:
        return weir_typed_stream(&down_method, stream_invoke, target);
    default:
        return weir_typed_stream(&bidi_method, stream_invoke, target);
    }
}

enum { KINDS = 5 };

static weir_target owned(struct seen *seen)
{
    return (weir_target){(weir_any_fn *)answer, seen, release_seen};
}

static void a_functions_self_is_released_once_with_the_server(void **state)
{
    static const char *const paths[KINDS] = {"/k.K/0", "/k.K/1", "/k.K/2", "/k.K/3", "/k.K/4"};
    struct seen seen[KINDS] = {{0}};
    struct pair *p = *state;

    for (int kind = 0; kind < KINDS; kind++)
        assert_int_equal(weir_server_handle(p->server, paths[kind],
                                            make_handler(kind, owned(&seen[kind])), NULL),
                         WEIR_OK);
    pair_free(p);
    for (int kind = 0; kind < KINDS; kind++)
        assert_int_equal(seen[kind].released, 1);
    *state = pair_create(NULL, NULL);
}

static void a_functions_self_is_released_once_when_it_is_not_registered(void **state)
{
    struct pair *p = *state;

    for (int kind = 0; kind < KINDS; kind++) {
        struct seen seen[2] = {{0}};

        assert_int_equal(
            weir_server_handle(p->server, "/t.T/Unary", make_handler(kind, owned(&seen[0])), NULL),
            WEIR_ALREADY_EXISTS);
        assert_int_equal(
            weir_server_handle(p->server, "no method", make_handler(kind, owned(&seen[1])), NULL),
            WEIR_INVALID_ARGUMENT);
        assert_int_equal(seen[0].released, 1);
        assert_int_equal(seen[1].released, 1);
    }
}

static void a_functions_self_is_released_once_when_memory_is_out(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t at = 0; at < 4; at++) {
            struct seen seen = {0};
            weir_handler handler;

            memory_fail_at(at);
            handler = make_handler(kind, owned(&seen));
            assert_int_equal(seen.released, memory_failed() ? 1 : 0);
            weir_handler_release(&handler);
            assert_int_equal(seen.released, 1);
        }
    }
    memory_fail_at(SIZE_MAX);
}

static void must_not_be_released(void *self)
{
    (void)self;
    fail();
}

static void a_self_that_could_not_be_made_refuses_every_call(void **state)
{
    const weir_target target = {(weir_any_fn *)answer, NULL, must_not_be_released};
    struct pair *p = *state;

    for (int kind = 0; kind < KINDS; kind++) {
        struct reader r;
        char path[] = "/k.K/0";

        path[5] = (char)('0' + kind);
        assert_int_equal(weir_server_handle(p->server, path, make_handler(kind, target), NULL),
                         WEIR_OK);
        pair_call(p, &r, path, one_note(1, ""));
        pair_settle(p);
        expect_error(&r, WEIR_RESOURCE_EXHAUSTED);
        reader_clear(&r);
    }
}

static void what_a_client_wrote_counts_as_held_by_its_call(void **state)
{
    struct pair *p = *state;
    weir_call *made = weir_call_create(NULL);
    weir_typed_client *client = weir_typed_open(&bidi_method, p->channel, made, NULL, NULL);
    char large[5001] = {0};
    struct note note;
    weir_usage usage;
    size_t before;

    memset(large, 'x', sizeof large - 1);
    note = note_make(1, large);
    weir_call_usage(made, &usage);
    before = usage.held;
    assert_int_equal(weir_typed_client_write(client, &note), WEIR_OK);
    weir_call_usage(made, &usage);
    assert_in_range(usage.held, before + 5000, before + 5100);
    weir_typed_client_close(client);
    weir_call_unref(made);
    pair_settle(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(a_unary_function_makes_a_response_of_a_request),
        PAIR_TEST(a_response_may_borrow_from_its_request),
        PAIR_TEST(a_response_that_cannot_be_packed_is_internal),
        PAIR_TEST(a_unary_function_fails_with_a_message_and_without),
        PAIR_TEST(a_reason_beside_ok_is_dropped),
        PAIR_TEST(what_is_no_message_is_internal_and_the_connection_lives_on),
        PAIR_TEST(broken_cardinality_is_unimplemented_and_not_called),
        PAIR_TEST(a_request_past_max_message_memory_is_resource_exhausted),
        PAIR_TEST(a_response_past_max_message_memory_is_resource_exhausted),
        PAIR_TEST(a_function_that_returns_a_stream_has_the_same_bound),
        PAIR_TEST(a_unary_method_may_return_a_stream_of_one),
        PAIR_TEST_WHOLE(a_server_stream_does_not_grow_over_thousands_of_messages),
        PAIR_TEST(a_server_stream_checks_its_request),
        PAIR_TEST(a_client_stream_is_folded),
        PAIR_TEST(a_bidi_stream_is_mapped),
        PAIR_TEST(a_bidi_stream_ends_at_what_is_no_message),
        PAIR_TEST(a_request_that_cannot_be_packed_is_the_calls_status),
        PAIR_TEST(a_call_without_memory_is_resource_exhausted),
        PAIR_TEST(a_call_that_was_made_stays_as_it_was),
        PAIR_TEST(a_servers_call_is_no_clients),
        PAIR_TEST(a_call_without_a_method_is_refused),
        PAIR_TEST(what_a_client_wrote_counts_as_held_by_its_call),
        PAIR_TEST(a_functions_self_is_released_once_with_the_server),
        PAIR_TEST(a_functions_self_is_released_once_when_it_is_not_registered),
        PAIR_TEST(a_functions_self_is_released_once_when_memory_is_out),
        PAIR_TEST(a_self_that_could_not_be_made_refuses_every_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
