/* SPDX-License-Identifier: MIT */
/*
 * test_typed_memory.c - memory that runs out once, at each allocation in turn, through typed calls.
 *
 * Whichever it is: nothing crashes, leaks or hangs, each call ends with a status, and the next call
 * works. What runs on threads is waited for by turning the loop, whose clock runs on meanwhile: who
 * found no memory for a waker looks at it.
 */
#include "conn/support/pair.h"
#include "support/notes.h"
#include "support/threads.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { MESSAGES = 5 };

/* ---- the server ---- */

static weir_code answer(void *self, weir_call *call, const struct note *request, weir_typed_io *io,
                        struct note *response, weir_status *why)
{
    (void)self, (void)io, (void)why;
    weir_call_alloc(call, 3000);
    response->number = request->number;
    return WEIR_OK;
}

static weir_code echo(void *self, weir_call *call, const struct note *request, weir_typed_io *io,
                      struct note *response, weir_status *why)
{
    const void *message;
    weir_poll poll;

    (void)self, (void)request, (void)response;
    while ((poll = weir_typed_read(io, &message, why)) == WEIR_READY) {
        weir_code code;

        weir_call_alloc(call, 3000);
        code = weir_typed_write(io, message);
        if (code != WEIR_OK)
            return code;
    }
    return poll == WEIR_ERROR ? why->code : WEIR_OK;
}

static weir_code same(const weir_target *target, weir_arena *arena, const void *request,
                      void *response, weir_status *why)
{
    (void)target, (void)why;
    weir_arena_alloc(arena, 3000);
    *(struct note *)response = *(const struct note *)request;
    return WEIR_OK;
}

static weir_stream map(const weir_target *target, weir_call *call, const void *request,
                       weir_stream requests)
{
    (void)call, (void)request;
    return weir_typed_map(&bidi_method, requests, same, *target);
}

static weir_poll count_down(const weir_target *target, weir_task *task, weir_arena *arena,
                            void *out, weir_status *why)
{
    int64_t *left = target->self;

    (void)task, (void)why;
    weir_arena_alloc(arena, 3000);
    ((struct note *)out)->number = *left;
    return (*left)-- > 0 ? WEIR_READY : WEIR_END;
}

/* A source of so many notes; its state comes from an allocator that does not fail. */
static weir_stream counting_down(int64_t from)
{
    int64_t *left = malloc(sizeof *left);

    *left = from;
    return weir_typed_from(&note_type, count_down, (weir_target){NULL, left, free});
}

static weir_stream down(const weir_target *target, weir_call *call, const void *request,
                        weir_stream requests)
{
    (void)target, (void)call, (void)requests;
    return counting_down(((const struct note *)request)->number);
}

static const weir_method blocking_method = {
    "/n.N/Blocking", &note_type, &reply_type, true, true, {0}};

static const weir_method hungry_method = {"/n.N/Hungry", &note_type, &reply_type, false, true, {0}};

static weir_poll next_hungry(const weir_target *target, weir_task *task, weir_arena *arena,
                             void *out, weir_status *why)
{
    (void)target, (void)task, (void)arena, (void)why;
    ((struct note *)out)->number = -3000;
    return WEIR_READY;
}

static weir_stream hungry(const weir_target *target, weir_call *call, const void *request,
                          weir_stream requests)
{
    (void)target, (void)call, (void)request, (void)requests;
    return weir_typed_from(&reply_type, next_hungry, (weir_target){0});
}

static void serve(struct pair *p, const weir_method *method, weir_handler handler)
{
    assert_int_equal(weir_server_handle(p->server, method->path, handler, NULL), WEIR_OK);
}

static void serve_all(struct pair *p)
{
    serve(p, &unary_method,
          weir_typed_plain(&unary_method, note_invoke, note_target(answer, NULL), false));
    serve(p, &blocking_method,
          weir_typed_plain(&blocking_method, note_invoke, note_target(echo, NULL), true));
    serve(p, &bidi_method, weir_typed_stream(&bidi_method, map, (weir_target){0}));
    serve(p, &down_method, weir_typed_stream(&down_method, down, (weir_target){0}));
    serve(p, &hungry_method, weir_typed_stream(&hungry_method, hungry, (weir_target){0}));
}

/* ---- calls that are polled ---- */

static void turn(struct pair *p)
{
    pair_advance(p, WEIR_MILLISECONDS(10));
    sched_yield();
}

static void call_and_read(struct pair *p, const weir_method *method, weir_stream requests,
                          uint64_t messages)
{
    weir_call *call = weir_call_create(NULL);
    struct reader r;

    reader_init(&r, weir_typed_start(method, p->channel, call, requests), call);
    do {
        turn(p);
        reader_skim(&r);
    } while (!r.over);
    assert_true(r.code != WEIR_OK || r.messages == messages);
    reader_clear(&r);
    weir_call_unref(call);
}

static void polled_unary(struct pair *p)
{
    call_and_read(p, &unary_method, one_note(-3000, "x"), 1);
}

static void polled_down(struct pair *p)
{
    call_and_read(p, &down_method, one_note(MESSAGES, "x"), MESSAGES);
}

static void polled_bidi(struct pair *p)
{
    call_and_read(p, &bidi_method, counting_down(MESSAGES), MESSAGES);
}

static void polled_on_the_pool(struct pair *p)
{
    call_and_read(p, &blocking_method, counting_down(MESSAGES), MESSAGES);
}

/* ---- calls that block ---- */

/* A thread says what it found; the test expects. */
struct client {
    weir_channel *channel;
    bool right;
    atomic_bool done;
};

static void on_a_thread(struct pair *p, void *(*run)(void *self))
{
    struct client client = {.channel = p->channel};
    pthread_t thread;

    thread_create(&thread, run, &client);
    while (!atomic_load(&client.done))
        turn(p);
    thread_join(thread);
    assert_true(client.right);
}

static void *make_unary_call(void *self)
{
    struct client *client = self;
    const struct note request = note_make(-3000, "x");
    weir_call *call = weir_call_create(NULL);
    weir_status why = {0};
    void *response;
    weir_code code =
        weir_typed_unary(&unary_method, client->channel, call, &request, &response, &why);

    client->right =
        why.code == code && (code == WEIR_OK ? note_is(response, -3000, "") : response == NULL);
    weir_status_clear(&why);
    weir_call_unref(call);
    atomic_store(&client->done, true);
    return NULL;
}

static void blocking_unary(struct pair *p)
{
    on_a_thread(p, make_unary_call);
}

/* Writes and reads in turn, as long as that goes well. What was written comes back, or an error. */
static bool exchange(weir_typed_client *client)
{
    const struct note note = note_make(-3000, "x");
    weir_status why = {0};
    const void *message;
    int written = 0, read = 0;
    weir_poll poll;
    bool right;

    do {
        if (written < MESSAGES && weir_typed_client_write(client, &note) == WEIR_OK)
            written++;
        else
            weir_typed_client_end(client);
        poll = weir_typed_client_read(client, &message, &why);
        right = poll != WEIR_READY || note_is(message, -3000, "x");
        read += poll == WEIR_READY;
    } while (poll == WEIR_READY && right);
    right = right && (poll == WEIR_ERROR ? why.code != WEIR_OK : read == written);
    weir_status_clear(&why);
    return right;
}

static void *make_streaming_call(void *self)
{
    struct client *client = self;
    weir_call *call = weir_call_create(NULL);
    weir_status why = {0};
    weir_typed_client *made = weir_typed_open(&bidi_method, client->channel, call, NULL, &why);

    client->right = made != NULL ? exchange(made) : why.code == WEIR_RESOURCE_EXHAUSTED;
    weir_typed_client_close(made);
    weir_status_clear(&why);
    weir_call_unref(call);
    atomic_store(&client->done, true);
    return NULL;
}

static void blocking_stream(struct pair *p)
{
    on_a_thread(p, make_streaming_call);
}

/* Reads what takes 3000 bytes a message until so many were read. */
static bool read_up_to(weir_typed_client *client, int from, int to)
{
    const void *message;

    while (from < to && weir_typed_client_read(client, &message, NULL) == WEIR_READY)
        from++;
    return from == to;
}

static void *read_thousands(void *self)
{
    struct client *client = self;
    const struct note request = note_make(0, "");
    weir_call *call = weir_call_create(NULL);
    weir_typed_client *made =
        weir_typed_open(&hungry_method, client->channel, call, &request, NULL);
    size_t early;

    client->right = read_up_to(made, 0, 500);
    early = memory_held();
    memory_reset_peak();
    client->right &= read_up_to(made, 500, 5000) && memory_peak() < early + 150000;
    weir_typed_client_close(made);
    weir_call_unref(call);
    atomic_store(&client->done, true);
    return NULL;
}

/* ---- each allocation in turn ---- */

static void expect_next_call(struct pair *p)
{
    struct reader r;

    pair_call(p, &r, "/t.T/Unary", text("next"));
    pair_settle(p);
    expect_text(&r, "next");
    expect_end(&r);
    reader_clear(&r);
}

static bool run_with(size_t fail_at, void (*scene)(struct pair *p))
{
    struct pair *p;
    bool failed;

    memory_install();
    p = pair_create(NULL, NULL);
    serve_all(p);
    memory_fail_at(fail_at);
    scene(p);
    failed = memory_failed();
    memory_fail_at(SIZE_MAX);
    expect_next_call(p);
    pair_free(p);
    if (memory_held() != 0)
        print_error("allocation %zu failed: %zu bytes leaked\n", fail_at, memory_held());
    assert_int_equal(memory_held(), 0);
    return failed;
}

static void run_all(void (*scene)(struct pair *p))
{
    size_t at = 0;

    while (run_with(at, scene))
        at++;
    assert_in_range(at, 10, 10000);
}

static void a_unary_call_survives(void **state)
{
    (void)state;
    run_all(polled_unary);
}

static void a_server_stream_survives(void **state)
{
    (void)state;
    run_all(polled_down);
}

static void a_bidi_call_survives(void **state)
{
    (void)state;
    run_all(polled_bidi);
}

static void a_function_on_the_pool_survives(void **state)
{
    (void)state;
    run_all(polled_on_the_pool);
}

static void a_client_of_one_message_survives(void **state)
{
    (void)state;
    run_all(blocking_unary);
}

static void a_client_that_streams_survives(void **state)
{
    (void)state;
    run_all(blocking_stream);
}

static void a_client_does_not_grow_over_thousands_of_messages(void **state)
{
    struct pair *p;

    (void)state;
    memory_install();
    p = pair_create(NULL, NULL);
    serve_all(p);
    on_a_thread(p, read_thousands);
    pair_free(p);
    assert_int_equal(memory_held(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unary_call_survives),
        cmocka_unit_test(a_server_stream_survives),
        cmocka_unit_test(a_bidi_call_survives),
        cmocka_unit_test(a_function_on_the_pool_survives),
        cmocka_unit_test(a_client_of_one_message_survives),
        cmocka_unit_test(a_client_that_streams_survives),
        cmocka_unit_test(a_client_does_not_grow_over_thousands_of_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
