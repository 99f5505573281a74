/* SPDX-License-Identifier: MIT */
/*
 * test_admission.c - blocking functions that still run for calls that were cancelled count against
 * the calls of their connection, and calls past those wait.
 *
 * The functions stand at a gate until the test lets them go. Nobody sleeps.
 */
#include "conn/support/pair.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

enum { MAX_STREAMS = 2 };

static struct {
    sem_t began;
    sem_t gate;
    atomic_uint running;
    atomic_uint most; /* that ran at once */
} shared;

/* Does not look whether its call was cancelled. */
static weir_code stubborn(void *self, weir_call *call, weir_io *io, weir_status *why)
{
    unsigned running = atomic_fetch_add(&shared.running, 1) + 1;
    unsigned most = atomic_load(&shared.most);

    (void)self, (void)call, (void)io, (void)why;
    while (running > most && !atomic_compare_exchange_weak(&shared.most, &most, running))
        continue;
    sem_post(&shared.began);
    while (sem_wait(&shared.gate) != 0)
        continue;
    atomic_fetch_sub(&shared.running, 1);
    return WEIR_OK;
}

static int setup_server(void **state, const weir_server_options *options)
{
    struct pair *p;

    memory_install();
    p = pair_create(options, NULL);
    memset(&shared, 0, sizeof shared);
    sem_init(&shared.began, 0, 0);
    sem_init(&shared.gate, 0, 0);
    assert_int_equal(
        weir_server_handle(p->server, "/b.B/Stubborn", weir_blocking(stubborn, NULL, NULL), NULL),
        WEIR_OK);
    *state = p;
    return 0;
}

static int setup(void **state)
{
    return setup_server(state, &(weir_server_options){.max_streams = MAX_STREAMS});
}

/* Makes a call of the function, and waits until that runs. */
static void begin(struct pair *p, struct reader *r)
{
    pair_call(p, r, "/b.B/Stubborn", weir_stream_empty());
    pair_settle(p);
    sem_wait(&shared.began);
}

static void cancel(struct pair *p, struct reader *r)
{
    weir_call_cancel(r->call);
    pair_settle(p);
    expect_error(r, WEIR_CANCELLED);
    reader_clear(r);
}

static void begin_and_cancel(struct pair *p, unsigned count)
{
    struct reader r;

    for (unsigned i = 0; i < count; i++) {
        begin(p, &r);
        cancel(p, &r);
    }
}

static void let_go(unsigned count)
{
    while (count-- != 0)
        sem_post(&shared.gate);
}

static void expect_served(struct pair *p, struct reader *r)
{
    weir_item item;
    weir_poll poll;

    pair_until(p, (poll = reader_poll(r, &item)) != WEIR_PENDING);
    assert_int_equal(poll, WEIR_READY);
    weir_item_clear(&item);
    pair_settle(p);
    expect_end(r);
    reader_clear(r);
}

static void a_call_waits_while_functions_of_cancelled_ones_run(void **state)
{
    struct pair *p = *state;
    struct reader r;

    begin_and_cancel(p, MAX_STREAMS);
    pair_call(p, &r, "/t.T/Unary", text("x"));
    pair_advance(p, WEIR_SECONDS(5));
    expect_pending(&r);
    assert_int_equal(p->service.unary_calls, 0);
    let_go(1);
    expect_served(p, &r);
    let_go(1);
}

static void calls_that_wait_are_served_in_their_order(void **state)
{
    struct pair *p = *state;
    struct reader first, second;

    begin_and_cancel(p, MAX_STREAMS);
    pair_call(p, &first, "/t.T/Hand", weir_stream_empty());
    pair_settle(p);
    pair_call(p, &second, "/t.T/Unary", text("x"));
    pair_settle(p);
    let_go(1);
    pair_until(p, p->service.calls == 1);
    expect_pending(&second);
    source_end(&p->service.served[0].responses, WEIR_OK);
    pair_settle(p);
    expect_end(&first); /* and leaves its place to the other */
    expect_served(p, &second);
    reader_clear(&first);
    let_go(1);
}

static void a_client_that_cancels_and_goes_on_never_has_more_functions_than_calls(void **state)
{
    struct pair *p = *state;
    struct reader r[20];

    begin_and_cancel(p, MAX_STREAMS);
    for (int i = 0; i < 20; i++) {
        pair_call(p, &r[i], "/b.B/Stubborn", weir_stream_empty());
        pair_settle(p);
        if (i % 2 == 0)
            cancel(p, &r[i]);
    }
    let_go(MAX_STREAMS + 20);
    for (int i = 1; i < 20; i += 2) {
        pair_until(p, reader_skim(&r[i]) + r[i].over != 0);
        assert_int_equal(r[i].code, WEIR_OK);
        reader_clear(&r[i]);
    }
    assert_int_equal(atomic_load(&shared.most), MAX_STREAMS);
}

static void a_call_that_waits_ends_at_its_deadline(void **state)
{
    struct pair *p = *state;
    weir_call *call = weir_call_create("/t.T/Unary");
    struct reader r;

    begin_and_cancel(p, MAX_STREAMS);
    weir_call_set_timeout(call, WEIR_SECONDS(3));
    pair_make(p, &r, call, text("x"));
    p->held[CLIENT] = false;
    pair_advance(p, WEIR_SECONDS(3));
    expect_error(&r, WEIR_DEADLINE_EXCEEDED);
    reader_clear(&r);
    let_go(MAX_STREAMS);
    pair_call(p, &r, "/t.T/Unary", text("x"));
    expect_served(p, &r);
    assert_int_equal(p->service.unary_calls, 1);
}

static void a_call_that_waits_can_be_cancelled(void **state)
{
    struct pair *p = *state;
    struct reader r;

    begin_and_cancel(p, MAX_STREAMS);
    pair_call(p, &r, "/t.T/Unary", text("x"));
    pair_settle(p);
    cancel(p, &r);
    let_go(MAX_STREAMS);
    pair_call(p, &r, "/t.T/Unary", text("x"));
    expect_served(p, &r);
    assert_int_equal(p->service.unary_calls, 1);
}

/* A function that returns before its call is over leaves nothing. */
static void calls_that_end_by_themselves_make_no_other_wait(void **state)
{
    struct pair *p = *state;
    struct reader r;

    for (int i = 0; i < 10; i++) {
        let_go(1);
        begin(p, &r);
        pair_until(p, reader_skim(&r) + r.over != 0);
        assert_int_equal(r.code, WEIR_OK);
        reader_clear(&r);
        pair_call(p, &r, "/t.T/Unary", text("x"));
        pair_settle(p);
        expect_text(&r, "x");
        expect_end(&r);
        reader_clear(&r);
    }
}

static void functions_may_outlive_their_connection(void **state)
{
    struct pair *p = *state;
    struct reader r;

    begin(p, &r);
    pair_cut(p);
    pair_settle(p);
    expect_error(&r, WEIR_UNAVAILABLE);
    reader_clear(&r);
    begin_and_cancel(p, MAX_STREAMS - 1); /* over another one */
    pair_drop_channel(p);
    pair_settle(p);
    let_go(MAX_STREAMS);
}

/* Also after a failure: the server waits for its functions. */
static int teardown(void **state)
{
    let_go(100);
    return pair_teardown(state);
}

/* ---- the pool's queue ---- */

static int setup_narrow(void **state)
{
    return setup_server(state, &(weir_server_options){.max_threads = 1, .max_queue = 2});
}

static void make_calls(struct pair *p, struct reader *readers, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        pair_call(p, &readers[i], "/b.B/Stubborn", weir_stream_empty());
    pair_settle(p);
}

static void calls_that_were_cancelled_make_room_in_a_full_queue(void **state)
{
    struct pair *p = *state;
    struct reader running, cancelled[2], waiting[2], refused;

    begin(p, &running);
    make_calls(p, cancelled, 2);
    make_calls(p, &refused, 1);
    expect_error(&refused, WEIR_RESOURCE_EXHAUSTED);
    reader_clear(&refused);
    cancel(p, &cancelled[0]);
    cancel(p, &cancelled[1]);
    make_calls(p, waiting, 2);
    expect_pending(&waiting[0]);
    expect_pending(&waiting[1]);
    let_go(3);
    pair_until(p, reader_skim(&waiting[1]) + waiting[1].over != 0);
    assert_int_equal(waiting[1].code, WEIR_OK);
    reader_skim(&waiting[0]);
    assert_int_equal(waiting[0].code, WEIR_OK);
    assert_int_equal(atomic_load(&shared.most), 1);
    reader_clear(&running);
    reader_clear(&waiting[0]);
    reader_clear(&waiting[1]);
}

#define ADMISSION_TEST(claim) TEST_ROW(#claim, claim, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ADMISSION_TEST(a_call_waits_while_functions_of_cancelled_ones_run),
        ADMISSION_TEST(calls_that_wait_are_served_in_their_order),
        ADMISSION_TEST(a_client_that_cancels_and_goes_on_never_has_more_functions_than_calls),
        ADMISSION_TEST(a_call_that_waits_ends_at_its_deadline),
        ADMISSION_TEST(a_call_that_waits_can_be_cancelled),
        ADMISSION_TEST(calls_that_end_by_themselves_make_no_other_wait),
        ADMISSION_TEST(functions_may_outlive_their_connection),
        TEST_ROW("calls_that_were_cancelled_make_room_in_a_full_queue",
                 calls_that_were_cancelled_make_room_in_a_full_queue, setup_narrow, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
