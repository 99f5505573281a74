/* SPDX-License-Identifier: MIT */
/*
 * test_memory.c - memory that runs out once, at each allocation in turn, through whole calls.
 *
 * Whichever it is: nothing crashes, leaks or hangs, each call ends with a status, and the next call
 * works, on the same connection or on a new one.
 */
#include "conn/support/pair.h"

/* Everything that could end has ended, and whoever waits by the clock has looked again. */
static void let_it_end(struct pair *p)
{
    pair_settle(p);
    pair_advance(p, WEIR_SECONDS(1));
}

static void expect_next_call(struct pair *p)
{
    struct reader r;

    pair_call(p, &r, "/t.T/Unary", text("next"));
    pair_settle(p);
    expect_text(&r, "next");
    expect_end(&r);
    reader_clear(&r);
}

/* One call with metadata; false when its call object could not be made. */
static bool start_call(struct pair *p, struct reader *r, const char *method, weir_stream requests)
{
    weir_call *call = weir_call_create(method);

    if (call == NULL) {
        weir_stream_release(&requests);
        return false;
    }
    (void)!weir_call_add_metadata(call, "x-a", "value", 5);
    (void)!weir_call_add_metadata(call, "x-b-bin", "\0\1\2", 3);
    weir_call_set_timeout(call, WEIR_SECONDS(3600));
    pair_make(p, r, call, requests);
    return true;
}

static void read_to_the_end(struct pair *p, struct reader *r, size_t size)
{
    while (reader_drain(r, size) != 0)
        let_it_end(p);
    if (!r->over)
        print_error("the call hangs\n");
    assert_true(r->over);
}

static void unary(struct pair *p)
{
    struct reader r;

    if (!start_call(p, &r, "/t.T/Unary", text("x")))
        return;
    let_it_end(p);
    reader_skim(&r);
    assert_true(r.over);
    assert_true(r.code != WEIR_OK || r.messages == 1);
    reader_clear(&r);
}

static void bidi(struct pair *p)
{
    struct source *requests =
        pair_source(p, (struct source){.count = 6, .size = 14000, .over = true});
    struct reader r;

    if (!start_call(p, &r, "/t.T/Echo", source_stream(requests)))
        return;
    let_it_end(p);
    read_to_the_end(p, &r, 14000);
    assert_true(r.code != WEIR_OK || r.messages == 6);
    assert_int_equal(requests->released, 1);
    reader_clear(&r);
}

static void server_stream(struct pair *p)
{
    struct reader r;

    p->service.down = (struct source){.count = 14, .size = 6000, .over = true};
    if (!start_call(p, &r, "/t.T/Down", text("go")))
        return;
    let_it_end(p);
    read_to_the_end(p, &r, 6000);
    assert_true(r.code != WEIR_OK || r.messages == 14);
    reader_clear(&r);
}

static void client_stream(struct pair *p)
{
    struct source *requests =
        pair_source(p, (struct source){.count = 2, .size = 45000, .over = true});
    struct reader r;

    if (!start_call(p, &r, "/t.T/Up", source_stream(requests)))
        return;
    let_it_end(p);
    reader_skim(&r);
    assert_true(r.over);
    assert_true(r.code != WEIR_OK || r.bytes == 7); /* "2 90000" */
    assert_int_equal(requests->released, 1);
    reader_clear(&r);
}

static void tiny(struct pair *p)
{
    struct source *requests =
        pair_source(p, (struct source){.count = 400, .size = 3, .over = true});
    struct reader r;

    if (!start_call(p, &r, "/t.T/Echo", source_stream(requests)))
        return;
    let_it_end(p);
    read_to_the_end(p, &r, 3);
    assert_true(r.code != WEIR_OK || r.messages == 400);
    reader_clear(&r);
}

static void failing(struct pair *p)
{
    struct reader r;

    if (!start_call(p, &r, "/t.T/Fail", text("x")))
        return;
    let_it_end(p);
    reader_skim(&r);
    assert_true(r.over);
    assert_int_not_equal(r.code, WEIR_OK);
    reader_clear(&r);
}

static void cancelled(struct pair *p)
{
    struct source *requests = pair_source(p, (struct source){.count = 3, .size = 100});
    struct reader r;

    if (!start_call(p, &r, "/t.T/Echo", source_stream(requests)))
        return;
    let_it_end(p);
    reader_drain(&r, 100);
    weir_call_cancel(r.call);
    let_it_end(p);
    reader_skim(&r);
    assert_true(r.over);
    assert_int_not_equal(r.code, WEIR_OK);
    assert_int_equal(requests->released, 1);
    reader_clear(&r);
}

static void serve(struct pair *p)
{
    if (p->service.calls != 0)
        reader_skim(&p->service.served[0].requests);
}

/* The server reads while bytes still move: once the connection is gone it is too late. */
static void settle_and_serve(struct pair *p)
{
    while (pair_step(p))
        serve(p);
    let_it_end(p);
    serve(p);
}

/* The server must not take them for whole, and must hear of the end. */
static void expect_failed_requests(struct pair *p, struct reader *r)
{
    struct reader *served = &p->service.served[0].requests;

    settle_and_serve(p);
    reader_skim(r);
    assert_true(r->over);
    assert_int_not_equal(r->code, WEIR_OK);
    if (p->service.calls != 0) {
        assert_true(served->over);
        assert_int_not_equal(served->code, WEIR_OK);
    }
    reader_clear(r);
}

static void failing_requests(struct pair *p)
{
    const struct source at_once = {.count = 3, .size = 100, .over = true, .code = WEIR_ABORTED};
    struct reader r;

    if (start_call(p, &r, "/t.T/Hand", source_stream(pair_source(p, at_once))))
        expect_failed_requests(p, &r);
}

static void requests_that_fail_later(struct pair *p)
{
    struct source *requests = pair_source(p, (struct source){.count = 3, .size = 100});
    struct reader r;

    if (!start_call(p, &r, "/t.T/Hand", source_stream(requests)))
        return;
    settle_and_serve(p);
    source_end(requests, WEIR_ABORTED);
    expect_failed_requests(p, &r);
}

static bool run_with(bool one_byte, size_t fail_at, void (*scene)(struct pair *p))
{
    struct pair *p;
    bool failed;

    memory_install();
    p = pair_create(NULL, NULL);
    p->one_byte = one_byte;
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
    for (int one_byte = 0; one_byte < 2; one_byte++) {
        for (size_t at = 0; run_with(one_byte != 0, at, scene); at++)
            ;
    }
}

static void a_unary_call_survives(void **state)
{
    (void)state;
    run_all(unary);
}

static void a_bidi_call_survives(void **state)
{
    (void)state;
    run_all(bidi);
}

static void a_server_stream_survives(void **state)
{
    (void)state;
    run_all(server_stream);
}

static void a_client_stream_survives(void **state)
{
    (void)state;
    run_all(client_stream);
}

static void many_tiny_messages_survive(void **state)
{
    (void)state;
    run_all(tiny);
}

static void a_failing_call_survives(void **state)
{
    (void)state;
    run_all(failing);
}

static void a_cancelled_call_survives(void **state)
{
    (void)state;
    run_all(cancelled);
}

static void a_call_whose_requests_fail_survives(void **state)
{
    (void)state;
    run_all(failing_requests);
    run_all(requests_that_fail_later);
}

/* The first output is the client's greeting and a request; `at` fails in it. */
static bool output_without(size_t at)
{
    struct pair *p = pair_create(NULL, NULL);
    weir_slice slices[4];
    weir_connection *client;
    struct reader r;
    bool failed;

    p->held[CLIENT] = true;
    pair_call(p, &r, "/t.T/Unary", text("x"));
    pair_step(p);
    client = pair_connection(p, CLIENT);
    memory_fail_at(at);
    (void)!weir_connection_output(client, slices, 4);
    failed = memory_failed();
    memory_fail_at(SIZE_MAX);
    if (weir_connection_done(client))
        assert_int_equal(weir_connection_output(client, slices, 4), 0);
    pair_free(p);
    reader_clear(&r);
    return failed;
}

/* What could not be said is missing in what would be said next. */
static void a_connection_that_had_no_memory_for_its_output_says_nothing_more(void **state)
{
    (void)state;
    memory_install();
    for (size_t at = 0; output_without(at); at++)
        ;
    assert_int_equal(memory_held(), 0);
}

/* Before the server's hello calls need nothing of their connection but its timers. */
static bool call_that_waits(struct pair *p, struct reader *r, bool without_memory)
{
    weir_call *call = weir_call_create("/t.T/Unary");
    bool failed;

    weir_call_set_wait_for_ready(call, true);
    weir_call_set_timeout(call, WEIR_SECONDS(1));
    pair_make(p, r, call, text("x"));
    memory_fail_at(without_memory ? 0 : SIZE_MAX);
    pair_settle(p);
    failed = memory_failed();
    memory_fail_at(SIZE_MAX);
    return failed;
}

static void a_call_without_memory_for_its_timer_is_refused(void **state)
{
    enum { CALLS = 100 };
    struct pair *p;
    struct reader first, readers[CALLS];
    unsigned refused = 0;
    bool failed = false;

    (void)state;
    memory_install();
    p = pair_create(NULL, NULL);
    p->held[SERVER] = true;
    pair_call(p, &first, "/t.T/Unary", text("x"));
    pair_settle(p);
    for (int i = 0; i < CALLS; i++) {
        failed = call_that_waits(p, &readers[i], !failed);
        if (!failed) {
            expect_pending(&readers[i]);
            continue;
        }
        expect_error(&readers[i], WEIR_RESOURCE_EXHAUSTED);
        assert_string_equal(readers[i].why, "out of memory for a call");
        refused++;
    }
    assert_in_range(refused, 2, 5); /* each time the timers' array is full */
    pair_advance(p, WEIR_SECONDS(1));
    for (int i = 0; i < CALLS; i++) {
        if (!readers[i].over)
            expect_error(&readers[i], WEIR_DEADLINE_EXCEEDED);
        reader_clear(&readers[i]);
    }
    p->held[SERVER] = false;
    pair_settle(p);
    expect_text(&first, "x");
    expect_end(&first);
    reader_clear(&first);
    expect_next_call(p);
    pair_free(p);
    assert_int_equal(memory_held(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unary_call_survives),
        cmocka_unit_test(a_bidi_call_survives),
        cmocka_unit_test(a_server_stream_survives),
        cmocka_unit_test(a_client_stream_survives),
        cmocka_unit_test(many_tiny_messages_survive),
        cmocka_unit_test(a_failing_call_survives),
        cmocka_unit_test(a_cancelled_call_survives),
        cmocka_unit_test(a_call_whose_requests_fail_survives),
        cmocka_unit_test(a_connection_that_had_no_memory_for_its_output_says_nothing_more),
        cmocka_unit_test(a_call_without_memory_for_its_timer_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
