/* SPDX-License-Identifier: MIT */
/*
 * test_budget.c - what a server does when its memory is short (docs/design/flow-control.md).
 */
#include "conn/support/short.h"

#include <string.h>

/* ---- what counts ---- */

static void a_held_message_counts_until_it_is_gone(void **state)
{
    struct peer *p = *state;
    uint64_t before = usage_of(p).held;
    struct served *served = open_call(p, 3, (struct source){.count = 1, .size = PIECE});
    weir_usage usage;

    weir_call_usage(served->call, &usage);
    assert_in_range(usage.held, PIECE, PIECE + 8 * KIB);
    assert_in_range(usage_of(p).held, before + PIECE, before + PIECE + 8 * KIB);
    peer_window(p, 3, PIECE + 5);
    peer_settle(p);
    weir_call_usage(served->call, &usage);
    assert_in_range(usage.held, 1, 8 * KIB);
    assert_in_range(usage_of(p).held, before + 1, before + 8 * KIB);
    reset_calls(p, 3, 1);
    reader_clear(&served->requests);
}

static void what_nobody_reads_counts_by_its_chunks(void **state)
{
    struct peer *p = *state;
    struct served *served = open_call(p, 3, (struct source){.size = 1});
    weir_usage usage;

    peer_large_message(p, 3, 0, 30 * KIB);
    peer_message(p, 3, 0, "and more");
    peer_settle(p);
    weir_call_usage(served->call, &usage);
    assert_in_range(usage.held, 30 * KIB, 30 * KIB * 2 + 8 * KIB);
    assert_int_equal(reader_skim(&served->requests), 2);
    weir_call_usage(served->call, &usage);
    assert_in_range(usage.held, 1, 8 * KIB);
}

/* It is real memory that is counted: neither much less nor much more. */
static void what_is_counted_is_about_what_is_allocated(void **state)
{
    struct peer *p = *state;
    uint64_t counted;
    size_t before;

    stall(p, 3, 1, PIECE);
    counted = usage_of(p).held;
    before = memory_held();
    stall(p, 5, 8, PIECE);
    counted = usage_of(p).held - counted;
    assert_in_range(counted, memory_held() - before, (memory_held() - before) * 5 / 4);
}

static void a_connection_counts_for_about_what_it_takes(void **state)
{
    struct peer *p = *state;
    uint64_t counted = usage_of(p).held;

    weir_connection *connection;
    size_t before = memory_held();

    assert_int_equal(weir_server_accept(p->server, p->loop, "x", &connection, NULL), WEIR_OK);
    assert_int_equal(usage_of(p).calls, 0);
    assert_in_range(usage_of(p).held - counted, (memory_held() - before) * 3 / 4,
                    (memory_held() - before) * 3 / 2);
    weir_connection_free(connection);
    weir_loop_turn(p->loop, now);
}

static void slices_in_the_output_count_for_their_whole_message(void **state)
{
    struct peer *p = *state;
    weir_slice slices[4];
    uint64_t before;

    peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7fffffff);
    peer_window(p, 0, 0x7fff0000);
    peer_settle(p);
    before = usage_of(p).held;
    p->deaf = true;
    open_call(p, 3, (struct source){.count = 1, .size = 300 * KIB});
    assert_true(weir_connection_output(p->connection, slices, 4) != 0);
    peer_reset(p, 3, NGHTTP2_CANCEL); /* nobody but the output knows of it now */
    peer_settle(p);
    assert_int_equal(usage_of(p).calls, 0);
    assert_in_range(usage_of(p).held, before + 300 * KIB, before + 400 * KIB);
    p->deaf = false;
    peer_settle(p);
    assert_in_range(usage_of(p).held, before - 8 * KIB, before + 8 * KIB);
}

/* ---- short ---- */

static void one_who_holds_much_gets_no_window_until_there_is_memory(void **state)
{
    struct peer *p = *state;
    struct served *upload = open_call(p, 3, (struct source){.size = 1});
    uint64_t before;

    stall(p, 5, 14, PIECE);
    before = peer_credit(p, 3);
    peer_large_message(p, 3, 0, 40 * KIB);
    peer_settle(p);
    assert_int_equal(reader_skim(&upload->requests), 1);
    peer_settle(p);
    assert_int_equal(peer_credit(p, 3), before);
    reset_calls(p, 5, 14);
    assert_int_equal(peer_credit(p, 3), before + 40 * KIB + 5);
}

static void the_connections_window_then_waits_for_the_take(void **state)
{
    struct peer *p = *state;
    struct served *upload[4];
    uint64_t before;

    for (int32_t i = 0; i < 4; i++)
        upload[i] = open_call(p, 3 + 2 * i, (struct source){.size = 1});
    stall(p, 11, 14, PIECE);
    before = peer_credit(p, 0);
    for (int32_t i = 0; i < 4; i++)
        peer_large_message(p, 3 + 2 * i, 0, 40 * KIB);
    peer_settle(p);
    assert_int_equal(peer_credit(p, 0), before);
    for (int32_t i = 0; i < 4; i++)
        assert_int_equal(reader_skim(&upload[i]->requests), 1);
    peer_settle(p);
    assert_in_range(peer_credit(p, 0), before + 32 * KIB, before + 4 * (40 * KIB + 5));
    assert_int_equal(peer_credit(p, 3), 0);
}

static void what_is_dropped_goes_back_to_the_connections_window(void **state)
{
    struct peer *p = *state;
    uint64_t before;

    for (int32_t i = 0; i < 4; i++)
        open_call(p, 3 + 2 * i, (struct source){.size = 1});
    stall(p, 11, 14, PIECE);
    before = peer_credit(p, 0);
    for (int32_t i = 0; i < 4; i++)
        peer_large_message(p, 3 + 2 * i, 0, 40 * KIB);
    peer_settle(p);
    reset_calls(p, 3, 4);
    assert_in_range(peer_credit(p, 0), before + 32 * KIB, before + 4 * (40 * KIB + 5));
}

static void streams_do_not_run_ahead_until_there_is_memory(void **state)
{
    struct peer *p = *state;
    struct served *late[5];

    stall(p, 3, 14, PIECE);
    for (int32_t i = 0; i < 5; i++)
        late[i] = open_call(p, 31 + 2 * i, (struct source){.count = 9, .size = 10});
    for (int32_t i = 0; i < 5; i++)
        assert_int_equal(late[i]->responses.polls, 0);
    reset_calls(p, 3, 14);
    for (int32_t i = 0; i < 5; i++)
        assert_int_equal(late[i]->responses.given, 1);
}

/* Its messages go at once, for its window is open; then it is closed, and memory short. */
static struct served *open_call_then_short(struct peer *p, unsigned flag)
{
    struct served *call = &p->service->served[p->service->calls];

    call->responses = (struct source){.size = 95};
    peer_request(p, 31, 0, "/t.T/Hand", NULL);
    if (flag == END_STREAM)
        peer_data(p, 31, END_STREAM, NULL, 0);
    else
        peer_message(p, 31, 0, "ask");
    peer_settle(p);
    peer_window(p, 31, 100);
    source_give(&call->responses, 1);
    peer_settle(p);
    assert_int_equal(peer_body_size(p, 31), 100);
    stall(p, 33, 14, PIECE);
    source_give(&call->responses, 5);
    peer_settle(p);
    return call;
}

static void what_a_handler_does_not_take_is_no_reason_to_run_it_ahead(void **state)
{
    struct peer *p = *state;
    struct served *call = open_call_then_short(p, END_STREAM);

    assert_int_equal(call->responses.given, 1);
    reset_calls(p, 33, 14);
    assert_int_equal(call->responses.given, 2);
}

static void one_message_that_waits_is_none_either(void **state)
{
    struct peer *p = *state;
    struct served *call = open_call_then_short(p, 0);

    assert_int_equal(call->responses.given, 1);
    peer_message(p, 31, 0, "and more");
    peer_settle(p);
    assert_int_equal(call->responses.given, 1);
    assert_int_equal(reader_skim(&call->requests), 2);
    peer_message(p, 31, 0, "and more"); /* it may take that now */
    peer_settle(p);
    assert_int_equal(call->responses.given, 2);
}

/* Its reply used the window up; nothing tells the server that the end is next but a poll. */
static void without_a_window_the_end_of_a_call_is_seen_although_memory_is_short(void **state)
{
    struct peer *p = *state;
    struct served *call;

    stall(p, 3, 14, PIECE);
    call = open_call(p, 91, (struct source){.size = 95, .count = 1, .over = true});
    peer_message(p, 91, END_STREAM, "ask");
    peer_settle(p);
    assert_int_equal(call->responses.given, 1);
    assert_int_equal(reader_skim(&call->requests), 1);
    peer_window(p, 91, 100);
    peer_settle(p);
    assert_int_equal(peer_body_size(p, 91), 100);
    expect_status(p, 91, WEIR_OK);
}

/* The same of one whose end is not next: it runs ahead by that poll, once. */
static void one_that_does_not_end_then_runs_ahead_by_one_message_and_no_more(void **state)
{
    struct peer *p = *state;
    struct served *call;

    stall(p, 3, 14, PIECE);
    call = open_call(p, 91, (struct source){.size = 95, .count = 9});
    peer_message(p, 91, END_STREAM, "ask");
    for (uint64_t i = 1; i <= 2; i++) {
        peer_settle(p);
        assert_int_equal(call->responses.given, i);
        peer_window(p, 91, 100);
        peer_settle(p);
    }
    assert_int_equal(peer_body_size(p, 91), 200);
    assert_int_equal(call->responses.given, 2);
}

static void with_windows_open_streams_wait_while_another_call_holds_a_message(void **state)
{
    struct peer *p = *state;
    struct served *open = open_call(p, 3, (struct source){.size = 10});

    peer_window(p, 3, 1000000);
    stall(p, 5, 14, PIECE);
    source_give(&open->responses, 10);
    peer_settle(p);
    assert_int_equal(open->responses.given, 0);
    reset_calls(p, 5, 14);
    assert_int_equal(open->responses.given, 10);
    assert_int_equal(peer_body_size(p, 3), 150);
}

/* Uploads take the memory then, and replies leave one at a time. */
static void replies_of_one_who_holds_much_leave_while_none_stalls(void **state)
{
    struct peer *p = *state;

    peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 65535);
    for (int32_t id = 3; usage_of(p).held < LIMIT / 4 * 3; id += 2) {
        open_call(p, id, (struct source){.size = 1});
        peer_large_message(p, id, 0, 16 * KIB);
        peer_settle(p);
    }
    for (int32_t i = 0; i < 10; i++) {
        peer_request(p, 201 + 2 * i, 0, "/t.T/Unary", NULL);
        peer_message(p, 201 + 2 * i, END_STREAM, "ask");
    }
    peer_settle(p);
    for (int32_t i = 0; i < 10; i++)
        expect_status(p, 201 + 2 * i, WEIR_OK);
}

static void what_lets_memory_go_goes_on(void **state)
{
    struct peer *p = *state;

    stall(p, 3, 14, PIECE);
    peer_request(p, 41, 0, "/t.T/Up", NULL);
    peer_window(p, 41, 100);
    peer_message(p, 41, 0, "12345");
    peer_message(p, 41, END_STREAM, "67890");
    peer_settle(p);
    expect_status(p, 41, WEIR_OK);
}

static void one_who_holds_little_goes_on_as_before(void **state)
{
    struct peer *p = *state;
    struct peer *honest = p->other;
    struct served *upload;

    stall(p, 3, 13, PIECE);
    stall(p, 29, 1, 170 * KIB);
    upload = open_call(honest, 1, (struct source){.count = 100, .size = 100});
    assert_int_equal(upload->responses.given, 100);
    for (int i = 0; i < 10; i++) {
        peer_large_message(honest, 1, 0, 40 * KIB);
        peer_settle(p);
        assert_int_equal(reader_skim(&upload->requests), 1);
        peer_settle(p);
    }
    assert_true(peer_credit(honest, 1) >= 9 * 40 * KIB);
    for (int32_t i = 0; i < 50; i++) {
        peer_request(honest, 3 + 2 * i, 0, "/t.T/Unary", NULL);
        peer_message(honest, 3 + 2 * i, END_STREAM, "ask");
        peer_settle(p);
        expect_status(honest, 3 + 2 * i, WEIR_OK);
    }
}

/* ---- full ---- */

static void near_the_limit_one_who_holds_much_begins_no_calls(void **state)
{
    struct peer *p = *state;

    stall(p, 3, 13, PIECE);
    stall(p, 29, 1, 170 * KIB);
    peer_request(p, 101, 0, "/t.T/Unary", NULL);
    peer_message(p, 101, END_STREAM, "ask");
    peer_settle(p);
    expect_status(p, 101, WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(peer_count(p, NGHTTP2_HEADERS, 101), 1); /* trailers only */
    assert_int_equal(usage_of(p).refused, 1);
    peer_request(p->other, 1, 0, "/t.T/Unary", NULL);
    peer_message(p->other, 1, END_STREAM, "ask");
    peer_settle(p);
    expect_status(p->other, 1, WEIR_OK);
}

static void at_the_limit_who_holds_something_begins_no_calls(void **state)
{
    struct peer *p = *state;

    open_call(p->other, 1, (struct source){.size = 1});
    peer_large_message(p->other, 1, 0, 20 * KIB);
    stall(p, 3, 1, LIMIT);
    peer_request(p->other, 3, 0, "/t.T/Unary", NULL);
    peer_settle(p);
    expect_status(p->other, 3, WEIR_RESOURCE_EXHAUSTED);
    reset_calls(p, 3, 1);
    peer_request(p->other, 5, 0, "/t.T/Unary", NULL);
    peer_message(p->other, 5, END_STREAM, "ask");
    peer_settle(p);
    expect_status(p->other, 5, WEIR_OK);
}

static void at_the_limit_small_calls_of_others_are_served(void **state)
{
    struct peer *p = *state;

    stall(p, 3, 1, LIMIT);
    for (int32_t i = 0; i < 50; i++) {
        peer_request(p->other, 1 + 2 * i, 0, "/t.T/Unary", NULL);
        peer_message(p->other, 1 + 2 * i, END_STREAM, "ask");
        peer_settle(p);
        expect_status(p->other, 1 + 2 * i, WEIR_OK);
    }
}

/* All of them come in one piece, before the first of their calls could begin. */
static void headers_past_the_limit_are_not_kept(void **state)
{
    struct peer *p = *state;
    struct buffer *out = &p->other->out;
    char value[5000];

    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    stall(p, 3, 21, PIECE);
    memory_reset_peak();
    for (int32_t id = 3; id < 35; id += 2)
        peer_request(p->other, id, 0, "/t.T/Up", "a", value, "b", value, "c", value, NULL);
    assert_int_equal(weir_connection_input(p->other->connection, out->data, out->size), WEIR_OK);
    out->size = 0;
    assert_true(memory_peak() < LIMIT + 40 * KIB);
    peer_settle(p);
    expect_status(p->other, 33, WEIR_RESOURCE_EXHAUSTED);
}

static void a_burst_of_calls_past_the_limit_takes_no_memory(void **state)
{
    struct peer *p = *state;
    struct buffer *out = &p->other->out;

    stall(p, 3, 1, LIMIT);
    open_call(p->other, 1, (struct source){.size = 1});
    peer_large_message(p->other, 1, 0, 20 * KIB);
    peer_settle(p);
    for (int32_t id = 3; id < 199; id += 2)
        peer_request(p->other, id, 0, "/t.T/Up", NULL);
    assert_int_equal(weir_connection_input(p->other->connection, out->data, out->size), WEIR_OK);
    out->size = 0;
    peer_settle(p);
    expect_status(p->other, 3, WEIR_RESOURCE_EXHAUSTED);
    expect_reset(p->other, 197, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_int_equal(usage_of(p).refused, 98);
}

/* How large a message is shows when it is there. */
static void at_the_limit_a_large_message_that_cannot_leave_ends_its_call(void **state)
{
    struct peer *p = *state;
    uint64_t before;

    stall(p, 3, 1, LIMIT);
    before = usage_of(p).held;
    peer_settings(p->other, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0);
    peer_settle(p);
    for (int32_t i = 0; i < 10; i++)
        open_call(p->other, 1 + 2 * i, (struct source){.count = 1, .size = 200 * KIB});
    expect_status(p->other, 1, WEIR_RESOURCE_EXHAUSTED);
    expect_status(p->other, 19, WEIR_RESOURCE_EXHAUSTED);
    assert_in_range(usage_of(p).held, before, before + 100 * KIB);
}

/* It was polled at the limit, but then there was nothing. */
static void below_the_limit_again_a_large_message_does_not_end_its_call(void **state)
{
    struct peer *p = *state;
    struct served *call;

    peer_settings(p->other, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0);
    peer_settle(p);
    stall(p, 3, 1, LIMIT);
    call = open_call(p->other, 1, (struct source){.size = 150 * KIB});
    reset_calls(p, 3, 1);
    stall(p, 5, 13, PIECE);
    source_give(&call->responses, 1);
    peer_settle(p);
    assert_int_equal(call->responses.given, 1);
    assert_int_equal(usage_of(p).ended, 0);
}

/* What fills the memory may never go, and then they would never go on. */
static void at_the_limit_those_who_hold_next_to_nothing_go_on(void **state)
{
    struct peer *p = *state;
    struct served *stream = open_call(p->other, 1, (struct source){.size = 10});

    stall(p, 3, 1, LIMIT);
    source_give(&stream->responses, 5);
    peer_settle(p);
    assert_int_equal(stream->responses.given, 5);
}

static void at_the_limit_those_who_hold_little_wait_and_go_on_again(void **state)
{
    struct peer *p = *state;
    struct served *stream = open_call(p->other, 1, (struct source){.size = 10});

    open_call(p->other, 3, (struct source){.size = 1});
    peer_large_message(p->other, 3, 0, 20 * KIB);
    peer_settle(p);
    stall(p, 3, 1, LIMIT);
    source_give(&stream->responses, 5);
    peer_settle(p);
    assert_int_equal(stream->responses.given, 0);
    reset_calls(p, 3, 1);
    assert_int_equal(stream->responses.given, 5);
}

static void the_most_that_is_held_is_the_limit_and_a_message(void **state)
{
    struct peer *p = *state;

    memory_reset_peak();
    stall(p, 3, 60, 200 * KIB);
    assert_in_range(usage_of(p).held, LIMIT / 4 * 3, LIMIT + 200 * KIB);
    assert_true(memory_peak() < LIMIT + 400 * KIB);
}

/* ---- times ---- */

static void waits_for_the_peer_are_counted(void **state)
{
    struct peer *p = *state;
    struct served *served = open_call(p, 3, (struct source){.count = 2, .size = 995});
    weir_usage usage;

    weir_call_usage(served->call, &usage);
    assert_int_equal(usage.blocked, WEIR_BLOCKED_BY_PEER);
    assert_int_equal(usage.blocked_since, now);
    peer_advance(p, WEIR_SECONDS(3));
    peer_window(p, 3, 500);
    peer_settle(p);
    peer_advance(p, WEIR_SECONDS(4));
    peer_window(p, 3, 10000);
    peer_settle(p);
    weir_call_usage(served->call, &usage);
    assert_int_equal(usage.blocked, WEIR_BLOCKED_NOT);
    assert_int_equal(usage.peer_ns, WEIR_SECONDS(7));
    assert_int_equal(usage_of(p).peer_ns, WEIR_SECONDS(7));
}

static void waits_for_memory_are_counted(void **state)
{
    struct peer *p = *state;
    struct served *late;
    weir_usage usage;

    stall(p, 3, 14, PIECE);
    late = open_call(p, 31, (struct source){.count = 9, .size = 10});
    weir_call_usage(late->call, &usage);
    assert_int_equal(usage.blocked, WEIR_BLOCKED_BY_BUDGET);
    peer_advance(p, WEIR_SECONDS(2));
    reset_calls(p, 3, 14);
    weir_call_usage(late->call, &usage);
    assert_int_equal(usage.budget_ns, WEIR_SECONDS(2));
    assert_int_equal(usage.blocked, WEIR_BLOCKED_BY_PEER);
    assert_int_equal(usage_of(p).budget_ns, WEIR_SECONDS(2));
}

static void waits_for_the_socket_are_counted(void **state)
{
    struct peer *p = *state;
    struct served *served;
    weir_slice slices[4];
    weir_usage usage;

    peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7fffffff);
    peer_window(p, 0, 0x7fff0000);
    peer_settle(p);
    p->deaf = true;
    served = open_call(p, 3, (struct source){.count = 100, .size = 10 * KIB});
    assert_true(weir_connection_output(p->connection, slices, 4) != 0);
    peer_advance(p, WEIR_SECONDS(6));
    p->deaf = false;
    peer_settle(p);
    weir_call_usage(served->call, &usage);
    assert_int_equal(usage.socket_ns, WEIR_SECONDS(6));
    assert_int_equal(usage.peer_ns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BUDGET_TEST(a_held_message_counts_until_it_is_gone),
        BUDGET_TEST(what_nobody_reads_counts_by_its_chunks),
        BUDGET_TEST(what_is_counted_is_about_what_is_allocated),
        BUDGET_TEST(a_connection_counts_for_about_what_it_takes),
        BUDGET_TEST(slices_in_the_output_count_for_their_whole_message),
        BUDGET_TEST(one_who_holds_much_gets_no_window_until_there_is_memory),
        BUDGET_TEST(the_connections_window_then_waits_for_the_take),
        BUDGET_TEST(what_is_dropped_goes_back_to_the_connections_window),
        BUDGET_TEST(streams_do_not_run_ahead_until_there_is_memory),
        BUDGET_TEST(what_a_handler_does_not_take_is_no_reason_to_run_it_ahead),
        BUDGET_TEST(one_message_that_waits_is_none_either),
        BUDGET_TEST(without_a_window_the_end_of_a_call_is_seen_although_memory_is_short),
        BUDGET_TEST(one_that_does_not_end_then_runs_ahead_by_one_message_and_no_more),
        BUDGET_TEST(with_windows_open_streams_wait_while_another_call_holds_a_message),
        BUDGET_TEST(replies_of_one_who_holds_much_leave_while_none_stalls),
        BUDGET_TEST(what_lets_memory_go_goes_on),
        BUDGET_TEST(one_who_holds_little_goes_on_as_before),
        BUDGET_TEST(near_the_limit_one_who_holds_much_begins_no_calls),
        BUDGET_TEST(at_the_limit_who_holds_something_begins_no_calls),
        BUDGET_TEST(at_the_limit_small_calls_of_others_are_served),
        BUDGET_TEST(headers_past_the_limit_are_not_kept),
        BUDGET_TEST(a_burst_of_calls_past_the_limit_takes_no_memory),
        BUDGET_TEST(at_the_limit_a_large_message_that_cannot_leave_ends_its_call),
        BUDGET_TEST(below_the_limit_again_a_large_message_does_not_end_its_call),
        BUDGET_TEST(at_the_limit_those_who_hold_next_to_nothing_go_on),
        BUDGET_TEST(at_the_limit_those_who_hold_little_wait_and_go_on_again),
        BUDGET_TEST(the_most_that_is_held_is_the_limit_and_a_message),
        BUDGET_TEST(waits_for_the_peer_are_counted),
        BUDGET_TEST(waits_for_memory_are_counted),
        BUDGET_TEST(waits_for_the_socket_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
