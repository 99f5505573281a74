/* SPDX-License-Identifier: MIT */
/*
 * test_calls_threads.c - weir_blocking handlers and weir_channel_unary over a pair.
 *
 * The pair is turned on the test's thread, under its fake clock; the functions run on the server's
 * pool, or on a thread of the test's. Nobody sleeps: the test waits for the loop to be woken.
 */
#include "conn/support/pair.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

/* What the functions on the pool and the test know of each other. */
static struct {
    atomic_uint running;
    atomic_uint returned;
    atomic_uint written;
    atomic_int code; /* of the last read or write that failed */
    sem_t go;
} shared;

static int setup(void **state)
{
    memset(&shared, 0, sizeof shared);
    sem_init(&shared.go, 0, 0);
    return pair_setup_whole(state);
}

static int setup_bytes(void **state)
{
    memset(&shared, 0, sizeof shared);
    sem_init(&shared.go, 0, 0);
    return pair_setup_bytes(state);
}

static void serve(struct pair *p, const char *method, weir_blocking_fn *fn)
{
    assert_int_equal(weir_server_handle(p->server, method, weir_blocking(fn, p, NULL), NULL),
                     WEIR_OK);
}

/* Takes what comes until the stream is over. */
static void read_all(struct pair *p, struct reader *r, size_t size)
{
    do {
        pair_settle(p);
        reader_drain(r, size);
        pair_settle(p);
        if (!r->over && reader_drain(r, size) == 0)
            pair_wait(p);
    } while (!r->over);
}

/* ---- the four kinds ---- */

static weir_code give_up(weir_item *item, weir_status *why)
{
    weir_code code = item->status.code;

    atomic_store(&shared.code, (int)code);
    *why = item->status;
    return code;
}

static weir_code echo(void *self, weir_call *call, weir_io *io, weir_status *why)
{
    weir_item item;
    weir_poll poll;

    (void)self, (void)call;
    while ((poll = weir_read(io, &item)) == WEIR_READY) {
        if (weir_write(io, item.message) != WEIR_OK)
            return WEIR_CANCELLED;
    }
    return poll == WEIR_END ? WEIR_OK : give_up(&item, why);
}

static void a_blocking_function_echoes_a_bidi_call(void **state)
{
    struct pair *p = *state;
    struct source *requests =
        pair_source(p, (struct source){.count = 100, .size = 1500, .over = true});
    struct reader r;

    serve(p, "/b.B/Echo", echo);
    pair_call(p, &r, "/b.B/Echo", source_stream(requests));
    read_all(p, &r, 1500);
    assert_int_equal(r.messages, 100);
    assert_int_equal(r.code, WEIR_OK);
    reader_clear(&r);
}

static void a_blocking_function_carries_3_MiB(void **state)
{
    struct pair *p = *state;
    struct reader r;

    serve(p, "/b.B/Echo", echo);
    pair_call(p, &r, "/b.B/Echo", weir_stream_once(message_make(0, 3 << 20)));
    read_all(p, &r, 3 << 20);
    assert_int_equal(r.messages, 1);
    assert_int_equal(r.code, WEIR_OK);
    reader_clear(&r);
}

static weir_code down(void *self, weir_call *call, weir_io *io, weir_status *why)
{
    weir_item item;

    (void)self, (void)call, (void)why;
    if (weir_read(io, &item) != WEIR_READY)
        return WEIR_UNIMPLEMENTED;
    weir_item_clear(&item);
    for (unsigned i = 0; i < 200; i++) {
        weir_code code = weir_write(io, message_make(i, 1000));

        if (code != WEIR_OK) {
            atomic_store(&shared.code, (int)code);
            atomic_fetch_add(&shared.returned, 1);
            return code;
        }
        atomic_fetch_add(&shared.written, 1);
    }
    return WEIR_OK;
}

static void a_blocking_function_streams_down(void **state)
{
    struct pair *p = *state;
    struct reader r;

    serve(p, "/b.B/Down", down);
    pair_call(p, &r, "/b.B/Down", text("go"));
    read_all(p, &r, 1000);
    assert_int_equal(r.messages, 200);
    assert_int_equal(r.code, WEIR_OK);
    reader_clear(&r);
}

static weir_code up(void *self, weir_call *call, weir_io *io, weir_status *why)
{
    weir_item item;
    weir_poll poll;
    unsigned count = 0;

    (void)self, (void)call;
    while ((poll = weir_read(io, &item)) == WEIR_READY) {
        weir_item_clear(&item);
        count++;
    }
    if (poll == WEIR_ERROR)
        return give_up(&item, why);
    return weir_write(io, weir_bytes_format("%u", count));
}

static void a_blocking_function_reads_a_client_stream(void **state)
{
    struct pair *p = *state;
    weir_item item;
    struct source *requests =
        pair_source(p, (struct source){.count = 300, .size = 700, .over = true});
    struct reader r;

    serve(p, "/b.B/Up", up);
    pair_call(p, &r, "/b.B/Up", source_stream(requests));
    pair_until(p, reader_poll(&r, &item) == WEIR_READY);
    assert_int_equal(item.message.size, 3);
    assert_memory_equal(item.message.data, "300", 3);
    weir_item_clear(&item);
    read_all(p, &r, 0);
    assert_int_equal(r.code, WEIR_OK);
    reader_clear(&r);
}

static weir_code reflect(void *self, weir_call *call, weir_io *io, weir_status *why)
{
    weir_slice value = {0};

    (void)self, (void)io;
    weir_metadata_get(weir_call_request_metadata(call), "x-a", 0, &value);
    if (weir_call_add_metadata(call, "x-h", value.data, value.size) != WEIR_OK ||
        weir_call_add_trailer(call, "x-t", value.data, value.size) != WEIR_OK)
        return WEIR_INTERNAL;
    return weir_fail(why, WEIR_ALREADY_EXISTS, "as it was");
}

static void a_blocking_function_has_metadata_trailers_and_a_status(void **state)
{
    struct pair *p = *state;
    weir_call *call = weir_call_create("/b.B/Reflect");
    struct reader r;

    serve(p, "/b.B/Reflect", reflect);
    assert_int_equal(weir_call_add_metadata(call, "x-a", "v", 1), WEIR_OK);
    pair_make(p, &r, call, text("x"));
    read_all(p, &r, 0);
    assert_int_equal(r.code, WEIR_ALREADY_EXISTS);
    assert_string_equal(r.why, "as it was");
    expect_metadata(weir_call_response_metadata(r.call), "x-h", 0, "v");
    expect_metadata(weir_call_trailers(r.call), "x-t", 0, "v");
    reader_clear(&r);
}

static void many_blocking_calls_run_at_once(void **state)
{
    struct pair *p = *state;
    struct reader r[12];

    serve(p, "/b.B/Echo", echo);
    for (int i = 0; i < 12; i++)
        pair_call(
            p, &r[i], "/b.B/Echo",
            source_stream(pair_source(p, (struct source){.count = 50, .size = 900, .over = true})));
    for (int i = 0; i < 12; i++) {
        read_all(p, &r[i], 900);
        assert_int_equal(r[i].messages, 50);
        assert_int_equal(r[i].code, WEIR_OK);
        reader_clear(&r[i]);
    }
}

/* ---- the bound ---- */

static void a_blocking_writer_waits_for_a_slow_reader(void **state)
{
    struct pair *p = *state;
    struct reader r;

    serve(p, "/b.B/Down", down);
    pair_call(p, &r, "/b.B/Down", text("go"));
    pair_until(p, atomic_load(&shared.written) >= 65);
    assert_in_range(atomic_load(&shared.written), 65, 70); /* window, held, pipe */
    read_all(p, &r, 1000);
    assert_int_equal(r.messages, 200);
    reader_clear(&r);
}

/* ---- cancels and deadlines ---- */

static weir_code wait_for_more(void *self, weir_call *call, weir_io *io, weir_status *why)
{
    weir_item item;

    (void)self;
    atomic_fetch_add(&shared.running, 1);
    weir_call_send_headers(call); /* which wakes the test */
    while (weir_read(io, &item) == WEIR_READY)
        weir_item_clear(&item);
    atomic_fetch_add(&shared.returned, weir_call_cancelled(call));
    return give_up(&item, why);
}

static void a_cancel_wakes_a_function_that_reads(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.count = 1, .size = 9});
    struct reader r;

    serve(p, "/b.B/Wait", wait_for_more);
    pair_call(p, &r, "/b.B/Wait", source_stream(requests));
    pair_until(p, atomic_load(&shared.running) == 1);
    weir_call_cancel(r.call);
    pair_settle(p);
    expect_error(&r, WEIR_CANCELLED);
    reader_clear(&r);
    pair_free(p); /* waits for the function */
    *state = NULL;
    assert_int_equal(atomic_load(&shared.returned), 1);
    assert_int_equal(atomic_load(&shared.code), WEIR_CANCELLED);
}

static void a_deadline_wakes_a_function_that_reads(void **state)
{
    struct pair *p = *state;
    weir_call *call = weir_call_create("/b.B/Wait");
    struct source *requests = pair_source(p, (struct source){.count = 1, .size = 9});
    struct reader r;

    serve(p, "/b.B/Wait", wait_for_more);
    weir_call_set_timeout(call, WEIR_SECONDS(5));
    pair_make(p, &r, call, source_stream(requests));
    pair_until(p, atomic_load(&shared.running) == 1);
    pair_advance(p, WEIR_SECONDS(5) - 1);
    assert_int_equal(atomic_load(&shared.returned), 0);
    p->held[CLIENT] = true; /* the server's own clock ends it */
    pair_advance(p, 1);
    reader_skim(&r);
    assert_int_equal(r.code, WEIR_DEADLINE_EXCEEDED);
    reader_clear(&r);
    pair_free(p);
    *state = NULL;
    assert_int_equal(atomic_load(&shared.returned), 1);
    assert_int_equal(atomic_load(&shared.code), WEIR_DEADLINE_EXCEEDED);
}

static void a_cancel_wakes_a_function_that_writes(void **state)
{
    struct pair *p = *state;
    struct reader r;

    serve(p, "/b.B/Down", down);
    pair_call(p, &r, "/b.B/Down", text("go"));
    pair_until(p, atomic_load(&shared.written) >= 65);
    reader_clear(&r); /* releasing the responses cancels */
    pair_settle(p);
    pair_free(p);
    *state = NULL;
    assert_int_equal(atomic_load(&shared.returned), 1);
    assert_int_equal(atomic_load(&shared.code), WEIR_CANCELLED);
}

static void a_lost_connection_wakes_a_function(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.count = 1, .size = 9});
    struct reader r;

    serve(p, "/b.B/Wait", wait_for_more);
    pair_call(p, &r, "/b.B/Wait", source_stream(requests));
    pair_until(p, atomic_load(&shared.running) == 1);
    pair_cut(p);
    pair_settle(p);
    expect_error(&r, WEIR_UNAVAILABLE);
    reader_clear(&r);
    pair_free(p);
    *state = NULL;
    assert_int_equal(atomic_load(&shared.returned), 1);
    assert_int_equal(atomic_load(&shared.code), WEIR_CANCELLED);
}

static weir_code return_at_once(void *self, weir_call *call, weir_io *io, weir_status *why)
{
    (void)self, (void)call, (void)io;
    return weir_fail(why, WEIR_PERMISSION_DENIED, "not you");
}

static void a_function_may_return_without_reading(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.count = 100, .size = 9000});
    struct reader r;

    serve(p, "/b.B/No", return_at_once);
    pair_call(p, &r, "/b.B/No", source_stream(requests));
    read_all(p, &r, 0);
    assert_int_equal(r.code, WEIR_PERMISSION_DENIED);
    pair_settle(p);
    assert_int_equal(requests->released, 1);
    reader_clear(&r);
}

/* ---- the pool ---- */

static weir_code wait_for_the_test(void *self, weir_call *call, weir_io *io, weir_status *why)
{
    (void)self, (void)io, (void)why;
    atomic_fetch_add(&shared.running, 1);
    weir_call_send_headers(call);
    sem_wait(&shared.go);
    return WEIR_OK;
}

static void past_the_pools_threads_and_queue_calls_are_refused(void **state)
{
    const weir_server_options options = {.max_threads = 1, .max_queue = 1};
    struct pair *p = pair_create(&options, NULL);
    struct reader r[3];

    (void)state;
    serve(p, "/b.B/Wait", wait_for_the_test);
    pair_call(p, &r[0], "/b.B/Wait", weir_stream_empty());
    pair_until(p, atomic_load(&shared.running) == 1);
    pair_call(p, &r[1], "/b.B/Wait", weir_stream_empty());
    pair_settle(p);
    pair_call(p, &r[2], "/b.B/Wait", weir_stream_empty());
    pair_settle(p);
    expect_error(&r[2], WEIR_RESOURCE_EXHAUSTED);
    sem_post(&shared.go);
    sem_post(&shared.go);
    for (int i = 0; i < 2; i++) {
        read_all(p, &r[i], 0);
        assert_int_equal(r[i].code, WEIR_OK);
    }
    for (int i = 0; i < 3; i++)
        reader_clear(&r[i]);
    pair_free(p);
}

static void a_call_cancelled_in_the_queue_never_runs(void **state)
{
    const weir_server_options options = {.max_threads = 1, .max_queue = 1};
    struct pair *p = pair_create(&options, NULL);
    struct reader r[2];

    (void)state;
    serve(p, "/b.B/Wait", wait_for_the_test);
    for (int i = 0; i < 2; i++)
        pair_call(p, &r[i], "/b.B/Wait", weir_stream_empty());
    pair_until(p, atomic_load(&shared.running) == 1);
    weir_call_cancel(r[1].call);
    pair_settle(p);
    expect_error(&r[1], WEIR_CANCELLED);
    sem_post(&shared.go);
    read_all(p, &r[0], 0);
    for (int i = 0; i < 2; i++)
        reader_clear(&r[i]);
    pair_free(p);
    assert_int_equal(atomic_load(&shared.running), 1);
}

/* ---- weir_channel_unary ---- */

struct unary {
    pthread_t thread;
    struct pair *pair;
    const char *method;
    weir_code code;
    weir_bytes reply;
    weir_status why;
    atomic_bool done;
};

static void *call_unary(void *self)
{
    struct unary *u = self;
    weir_call *call = weir_call_create(u->method);

    u->code = weir_channel_unary(u->pair->channel, call, weir_bytes_copy_string("hi"), &u->reply,
                                 &u->why);
    weir_call_unref(call);
    atomic_store(&u->done, true);
    sem_post(&u->pair->woken);
    return NULL;
}

static void expect_unary(struct pair *p, const char *method, weir_code code, const char *reply)
{
    struct unary u = {.pair = p, .method = method};

    assert_int_equal(pthread_create(&u.thread, NULL, call_unary, &u), 0);
    pair_until(p, atomic_load(&u.done));
    pthread_join(u.thread, NULL);
    assert_int_equal(u.code, code);
    assert_int_equal(u.why.code, code);
    assert_int_equal(u.reply.size, strlen(reply));
    if (u.reply.size != 0)
        assert_memory_equal(u.reply.data, reply, u.reply.size);
    weir_bytes_unref(&u.reply);
    weir_status_clear(&u.why);
}

static void a_unary_call_on_a_thread_gives_its_reply(void **state)
{
    expect_unary(*state, "/t.T/Unary", WEIR_OK, "hi");
}

static void a_unary_call_on_a_thread_gives_its_status(void **state)
{
    expect_unary(*state, "/t.T/Fail", WEIR_ABORTED, "");
    expect_unary(*state, "/t.T/None", WEIR_UNIMPLEMENTED, "");
}

static void no_reply_or_two_to_a_unary_call_are_unimplemented(void **state)
{
    struct pair *p = *state;

    p->service.down = (struct source){.count = 0, .over = true};
    expect_unary(p, "/t.T/Down", WEIR_UNIMPLEMENTED, "");
    p->service.down = (struct source){.count = 2, .over = true};
    expect_unary(p, "/t.T/Down", WEIR_UNIMPLEMENTED, "");
}

static void a_reply_before_an_error_is_no_reply(void **state)
{
    struct pair *p = *state;

    p->service.down = (struct source){.count = 1, .over = true, .code = WEIR_DATA_LOSS};
    expect_unary(p, "/t.T/Down", WEIR_DATA_LOSS, "");
}

static int teardown(void **state)
{
    sem_destroy(&shared.go);
    return *state != NULL ? pair_teardown(state) : memory_held() != 0;
}

#define THREADS_TEST(claim)                                                                        \
    TEST_ROW(#claim, claim, setup, teardown),                                                      \
        TEST_ROW(#claim " (byte by byte)", claim, setup_bytes, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        THREADS_TEST(a_blocking_function_echoes_a_bidi_call),
        TEST_ROW("a_blocking_function_carries_3_MiB", a_blocking_function_carries_3_MiB, setup,
                 teardown),
        THREADS_TEST(a_blocking_function_streams_down),
        THREADS_TEST(a_blocking_function_reads_a_client_stream),
        THREADS_TEST(a_blocking_function_has_metadata_trailers_and_a_status),
        THREADS_TEST(many_blocking_calls_run_at_once),
        THREADS_TEST(a_blocking_writer_waits_for_a_slow_reader),
        THREADS_TEST(a_cancel_wakes_a_function_that_reads),
        THREADS_TEST(a_deadline_wakes_a_function_that_reads),
        THREADS_TEST(a_cancel_wakes_a_function_that_writes),
        THREADS_TEST(a_lost_connection_wakes_a_function),
        THREADS_TEST(a_function_may_return_without_reading),
        THREADS_TEST(past_the_pools_threads_and_queue_calls_are_refused),
        THREADS_TEST(a_call_cancelled_in_the_queue_never_runs),
        THREADS_TEST(a_unary_call_on_a_thread_gives_its_reply),
        THREADS_TEST(a_unary_call_on_a_thread_gives_its_status),
        THREADS_TEST(no_reply_or_two_to_a_unary_call_are_unimplemented),
        THREADS_TEST(a_reply_before_an_error_is_no_reply),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
