/* SPDX-License-Identifier: MIT */
/*
 * test_ends.c - what ends a call over a pair: cancels, deadlines, releases, errors.
 */
#include "conn/support/pair.h"

#include <string.h>

#define TIMEOUT_NS WEIR_MILLISECONDS(100)

static weir_call *call_with_timeout(const char *method, uint64_t ns)
{
    weir_call *call = weir_call_create(method);

    weir_call_set_timeout(call, ns);
    return call;
}

/* A call of Hand that both sides have begun and nobody ended. */
static struct served *open_call(struct pair *p, struct reader *r, struct source *requests)
{
    struct served *served = &p->service.served[p->service.calls];

    pair_call(p, r, "/t.T/Hand", source_stream(requests));
    pair_settle(p);
    assert_non_null(served->call);
    return served;
}

static void expect_both_released(const struct served *served, const struct source *requests)
{
    assert_int_equal(served->responses.released, 1);
    assert_int_equal(requests->released, 1);
    assert_true(weir_call_cancelled(served->call));
}

/* ---- cancel ---- */

static void a_clients_cancel_ends_both_sides(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.size = 5});
    struct reader r;
    struct served *served = open_call(p, &r, requests);

    weir_call_cancel(r.call);
    pair_settle(p);
    expect_error(&r, WEIR_CANCELLED);
    expect_error(&served->requests, WEIR_CANCELLED);
    expect_both_released(served, requests);
    reader_clear(&r);
}

static void a_servers_cancel_ends_both_sides(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.size = 5});
    struct reader r;
    struct served *served = open_call(p, &r, requests);

    weir_call_cancel(served->call);
    pair_settle(p);
    expect_error(&r, WEIR_CANCELLED);
    expect_error(&served->requests, WEIR_CANCELLED);
    expect_both_released(served, requests);
    reader_clear(&r);
}

static void a_cancel_before_the_request_left_needs_no_server(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.size = 5});
    struct reader r;

    pair_call(p, &r, "/t.T/Hand", source_stream(requests));
    weir_call_cancel(r.call);
    pair_settle(p);
    expect_error(&r, WEIR_CANCELLED);
    assert_int_equal(requests->released, 1);
    reader_clear(&r);
}

static void a_cancel_after_the_end_does_nothing(void **state)
{
    struct pair *p = *state;
    struct reader r;

    pair_call(p, &r, "/t.T/Unary", text("x"));
    pair_settle(p);
    weir_call_cancel(r.call);
    pair_settle(p);
    expect_text(&r, "x");
    expect_end(&r);
    assert_int_equal(weir_call_status(r.call)->code, WEIR_OK);
    reader_clear(&r);
}

static void a_cancel_drops_the_messages_that_wait(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.count = 3, .size = 5});
    struct reader r;
    struct served *served = open_call(p, &r, requests);

    weir_call_cancel(r.call);
    pair_settle(p);
    expect_error(&served->requests, WEIR_CANCELLED);
    reader_clear(&r);
}

static void a_cancel_leaves_its_neighbours_alone(void **state)
{
    struct pair *p = *state;
    struct source *first = pair_source(p, (struct source){.size = 5});
    struct source *second = pair_source(p, (struct source){.size = 5});
    struct reader r[2];
    struct served *served[2] = {open_call(p, &r[0], first), NULL};

    served[1] = open_call(p, &r[1], second);
    weir_call_cancel(r[0].call);
    pair_settle(p);
    source_give(&served[1]->responses, 1);
    source_give(second, 1);
    pair_settle(p);
    expect_number(&r[1], 0, 0);
    expect_number(&served[1]->requests, 0, 5);
    expect_error(&r[0], WEIR_CANCELLED);
    reader_clear(&r[0]);
    reader_clear(&r[1]);
}

/* ---- deadlines ---- */

static void a_clients_deadline_is_exact(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.size = 5});
    struct reader r;

    pair_make(p, &r, call_with_timeout("/t.T/Hand", TIMEOUT_NS), source_stream(requests));
    pair_settle(p);
    expect_pending(&r);
    assert_true(weir_call_deadline(r.call) == now + TIMEOUT_NS);
    p->held[SERVER] = true;
    pair_advance(p, TIMEOUT_NS - 1);
    expect_pending(&r);
    pair_advance(p, 1);
    expect_error(&r, WEIR_DEADLINE_EXCEEDED);
    assert_int_equal(requests->released, 1);
    reader_clear(&r);
}

static void a_servers_deadline_is_exact_and_needs_no_client(void **state)
{
    struct pair *p = *state;
    struct served *served = &p->service.served[0];
    struct source *requests = pair_source(p, (struct source){.size = 5});
    struct reader r;

    pair_make(p, &r, call_with_timeout("/t.T/Hand", TIMEOUT_NS), source_stream(requests));
    pair_settle(p);
    assert_true(weir_call_deadline(served->call) == now + TIMEOUT_NS);
    p->held[CLIENT] = true;
    pair_advance(p, TIMEOUT_NS - 1);
    expect_pending(&served->requests);
    pair_advance(p, 1);
    expect_error(&served->requests, WEIR_DEADLINE_EXCEEDED);
    assert_int_equal(served->responses.released, 1);
    assert_true(weir_call_cancelled(served->call));
    reader_clear(&r);
}

static void a_deadline_passes_while_no_connection_is_made(void **state)
{
    struct pair *p = *state;
    weir_call *call = call_with_timeout("/t.T/Unary", WEIR_SECONDS(3));
    struct reader r;

    p->refuses = true;
    weir_call_set_wait_for_ready(call, true);
    pair_make(p, &r, call, text("x"));
    pair_advance(p, WEIR_SECONDS(3) - 1);
    expect_pending(&r);
    pair_advance(p, 1);
    expect_error(&r, WEIR_DEADLINE_EXCEEDED);
    reader_clear(&r);
}

static void a_deadline_after_the_end_does_nothing(void **state)
{
    struct pair *p = *state;
    struct reader r;

    pair_make(p, &r, call_with_timeout("/t.T/Unary", TIMEOUT_NS), text("x"));
    pair_advance(p, 2 * TIMEOUT_NS);
    expect_text(&r, "x");
    expect_end(&r);
    reader_clear(&r);
}

static void a_timeout_of_nothing_is_exceeded_at_once(void **state)
{
    struct pair *p = *state;
    struct reader r;

    pair_make(p, &r, call_with_timeout("/t.T/Unary", 0), text("x"));
    pair_settle(p);
    expect_error(&r, WEIR_DEADLINE_EXCEEDED);
    assert_int_equal(p->service.unary_calls, 0);
    reader_clear(&r);
}

static void a_deadline_ends_a_stream_in_the_middle_of_a_message(void **state)
{
    struct pair *p = *state;
    struct reader r;

    p->service.down = (struct source){.count = 1, .size = 300000, .over = true};
    pair_make(p, &r, call_with_timeout("/t.T/Down", TIMEOUT_NS), text("go"));
    while (p->sent[SERVER] < 20000)
        assert_true(pair_step(p));
    p->held[SERVER] = p->held[CLIENT] = true;
    pair_advance(p, TIMEOUT_NS);
    expect_error(&r, WEIR_DEADLINE_EXCEEDED);
    assert_int_equal(p->service.down.released, 1);
    p->held[SERVER] = p->held[CLIENT] = false;
    pair_settle(p);
    reader_clear(&r);
    pair_call(p, &r, "/t.T/Unary", text("x")); /* the connection is as good as before */
    pair_settle(p);
    expect_text(&r, "x");
    reader_clear(&r);
    assert_int_equal(p->connects, 1);
}

static void a_unary_function_is_not_called_past_its_deadline(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.count = 1, .size = 5});
    struct reader r;

    pair_make(p, &r, call_with_timeout("/t.T/Unary", TIMEOUT_NS), source_stream(requests));
    pair_advance(p, TIMEOUT_NS - 1);
    expect_pending(&r);
    pair_advance(p, 1);
    expect_error(&r, WEIR_DEADLINE_EXCEEDED);
    source_end(requests, WEIR_OK);
    pair_settle(p);
    assert_int_equal(p->service.unary_calls, 0);
    reader_clear(&r);
}

static void a_unary_function_is_not_called_for_a_cancelled_call(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.count = 1, .size = 5});
    struct reader r;

    pair_call(p, &r, "/t.T/Unary", source_stream(requests));
    pair_settle(p);
    weir_call_cancel(r.call);
    pair_settle(p);
    expect_error(&r, WEIR_CANCELLED);
    assert_int_equal(requests->released, 1);
    assert_int_equal(p->service.unary_calls, 0);
    reader_clear(&r);
}

/* ---- releases ---- */

static void releasing_the_requests_credits_what_still_comes(void **state)
{
    struct pair *p = *state;
    struct served *served = &p->service.served[0];
    struct source *requests =
        pair_source(p, (struct source){.count = 20, .size = 50000, .over = true});
    struct reader r;

    served->discards = true;
    pair_call(p, &r, "/t.T/Hand", source_stream(requests));
    pair_settle(p);
    assert_int_equal(requests->given, 20); /* 1 MB went through a window of 64 KiB */
    assert_int_equal(requests->released, 1);
    assert_false(weir_call_cancelled(served->call));
    source_give(&served->responses, 1);
    source_end(&served->responses, WEIR_OK);
    pair_settle(p);
    expect_number(&r, 0, 0);
    expect_end(&r);
    reader_clear(&r);
}

static void releasing_the_requests_later_credits_what_waits(void **state)
{
    struct pair *p = *state;
    struct source *requests =
        pair_source(p, (struct source){.count = 20, .size = 50000, .over = true});
    struct reader r;
    struct served *served = open_call(p, &r, requests);

    assert_true(requests->given < 4);
    weir_stream_release(&served->requests.stream);
    pair_settle(p);
    assert_int_equal(requests->given, 20);
    assert_int_equal(requests->released, 1);
    reader_clear(&r);
}

static void releasing_the_responses_cancels_the_call(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.size = 5});
    struct reader r;
    struct served *served = open_call(p, &r, requests);

    weir_stream_release(&r.stream);
    pair_settle(p);
    expect_error(&served->requests, WEIR_CANCELLED);
    expect_both_released(served, requests);
    reader_clear(&r);
}

static void releasing_full_responses_cancels_a_stalled_server(void **state)
{
    struct pair *p = *state;
    struct reader r;

    p->service.down = (struct source){.count = 1000, .size = 10000, .over = true};
    pair_call(p, &r, "/t.T/Down", text("go"));
    pair_settle(p);
    assert_int_equal(p->service.down.released, 0);
    reader_clear(&r);
    pair_settle(p);
    assert_int_equal(p->service.down.released, 1);
}

/* ---- the requests' end ---- */

static void an_error_of_the_requests_is_the_calls_status(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.count = 1, .size = 5});
    struct reader r;
    struct served *served = open_call(p, &r, requests);

    expect_number(&served->requests, 0, 5);
    source_end(requests, WEIR_DATA_LOSS);
    pair_settle(p);
    expect_error(&r, WEIR_DATA_LOSS);
    expect_error(&served->requests, WEIR_CANCELLED);
    expect_both_released(served, requests);
    reader_clear(&r);
}

static void the_end_of_the_requests_leaves_the_responses_alone(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.count = 1, .size = 5, .over = true});
    struct reader r;
    struct served *served = open_call(p, &r, requests);

    expect_number(&served->requests, 0, 5);
    expect_end(&served->requests);
    source_give(&served->responses, 1);
    pair_settle(p);
    expect_number(&r, 0, 0);
    expect_pending(&r);
    source_end(&served->responses, WEIR_OK);
    pair_settle(p);
    expect_end(&r);
    reader_clear(&r);
}

static void the_responses_end_ends_the_requests(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.count = 1, .size = 5});
    struct reader r;
    struct served *served = open_call(p, &r, requests);

    source_end(&served->responses, WEIR_OK);
    pair_settle(p);
    expect_end(&r);
    assert_int_equal(requests->released, 1);
    reader_clear(&r);
    pair_call(p, &r, "/t.T/Unary", text("x"));
    pair_settle(p);
    expect_text(&r, "x");
    reader_clear(&r);
    assert_int_equal(p->connects, 1);
}

static void an_early_status_reaches_a_client_that_is_still_sending(void **state)
{
    struct pair *p = *state;
    struct served *served = &p->service.served[0];
    struct source *requests =
        pair_source(p, (struct source){.count = 100, .size = 50000, .over = true});
    struct reader r;

    served->responses = (struct source){.over = true, .code = WEIR_PERMISSION_DENIED};
    pair_call(p, &r, "/t.T/Hand", source_stream(requests));
    pair_settle(p);
    expect_error(&r, WEIR_PERMISSION_DENIED);
    assert_int_equal(requests->released, 1);
    assert_true(requests->given < 10);
    reader_clear(&r);
}

static void a_failed_message_ends_the_responses_with_resource_exhausted(void **state)
{
    struct pair *p = *state;
    struct served *served = &p->service.served[0];
    struct reader r;

    served->responses = (struct source){.count = 1, .size = SIZE_MAX}; /* no such memory */
    pair_call(p, &r, "/t.T/Hand", weir_stream_empty());
    pair_settle(p);
    expect_error(&r, WEIR_RESOURCE_EXHAUSTED);
    reader_clear(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(a_clients_cancel_ends_both_sides),
        PAIR_TEST(a_servers_cancel_ends_both_sides),
        PAIR_TEST(a_cancel_before_the_request_left_needs_no_server),
        PAIR_TEST(a_cancel_after_the_end_does_nothing),
        PAIR_TEST(a_cancel_drops_the_messages_that_wait),
        PAIR_TEST(a_cancel_leaves_its_neighbours_alone),
        PAIR_TEST(a_clients_deadline_is_exact),
        PAIR_TEST(a_servers_deadline_is_exact_and_needs_no_client),
        PAIR_TEST(a_deadline_passes_while_no_connection_is_made),
        PAIR_TEST(a_deadline_after_the_end_does_nothing),
        PAIR_TEST(a_timeout_of_nothing_is_exceeded_at_once),
        PAIR_TEST(a_deadline_ends_a_stream_in_the_middle_of_a_message),
        PAIR_TEST(a_unary_function_is_not_called_past_its_deadline),
        PAIR_TEST(a_unary_function_is_not_called_for_a_cancelled_call),
        PAIR_TEST(releasing_the_requests_credits_what_still_comes),
        PAIR_TEST(releasing_the_requests_later_credits_what_waits),
        PAIR_TEST(releasing_the_responses_cancels_the_call),
        PAIR_TEST(releasing_full_responses_cancels_a_stalled_server),
        PAIR_TEST(an_error_of_the_requests_is_the_calls_status),
        PAIR_TEST(the_end_of_the_requests_leaves_the_responses_alone),
        PAIR_TEST(the_responses_end_ends_the_requests),
        PAIR_TEST(an_early_status_reaches_a_client_that_is_still_sending),
        PAIR_TEST(a_failed_message_ends_the_responses_with_resource_exhausted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
