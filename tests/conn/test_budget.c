/* SPDX-License-Identifier: MIT */
/*
 * test_budget.c - what a server does when its memory is short (docs/design/flow-control.md).
 *
 * The limit is 1 MiB. Calls of Hand at a window of zero stall with a message each: so the test
 * decides how much is held, on the connection `p`. `p->other` is the honest one.
 */
#include "conn/support/peer.h"

#include <stdlib.h>
#include <string.h>

#define KIB ((size_t)1024)
#define LIMIT (1024 * KIB)
#define STALL WEIR_SECONDS(5)
/* With 14 of these memory is short. */
#define PIECE (48 * KIB)

static int setup_with(void **state, uint64_t limit)
{
    const weir_server_options options = {
        .memory_limit = limit, .stall_timeout_ns = STALL, .keepalive_ns = WEIR_NEVER};
    struct peer *p;

    now = WEIR_SECONDS(1000);
    memory_install();
    p = peer_of_server(&options);
    peer_beside(p);
    peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0);
    peer_settle(p);
    *state = p;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, LIMIT);
}

static int setup_plenty(void **state)
{
    return setup_with(state, 0);
}

static weir_total_usage usage_of(struct peer *p)
{
    weir_total_usage usage;

    weir_server_usage(p->server, &usage);
    return usage;
}

/* All that is held is given back with the connections. */
static int teardown(void **state)
{
    struct peer *p = *state;

    peer_free(p);
    return memory_held() != 0;
}

#define BUDGET_TEST(claim) TEST_ROW(#claim, claim, setup, teardown)
#define PLENTY_TEST(claim) TEST_ROW(#claim, claim, setup_plenty, teardown)

static struct served *open_call(struct peer *p, int32_t id, struct source responses)
{
    struct served *served = &p->service->served[p->service->calls];

    served->responses = responses;
    peer_request(p, id, 0, "/t.T/Hand", NULL);
    peer_settle(p);
    return served;
}

/* Calls from stream `first` on that hold a message each, for which there is no window. */
static void stall(struct peer *p, int32_t first, unsigned count, size_t size)
{
    for (unsigned i = 0; i < count; i++)
        open_call(p, first + 2 * (int32_t)i, (struct source){.count = 9, .size = size});
}

static void reset_calls(struct peer *p, int32_t first, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        peer_reset(p, first + 2 * (int32_t)i, NGHTTP2_CANCEL);
    peer_settle(p);
}

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

/* ---- calls that stall ---- */

static void the_longest_stalled_calls_are_ended_until_memory_is_not_short(void **state)
{
    struct peer *p = *state;

    for (int32_t i = 0; i < 14; i++) {
        stall(p, 3 + 2 * i, 1, PIECE);
        peer_advance(p, WEIR_MILLISECONDS(10));
    }
    peer_advance(p, STALL - WEIR_MILLISECONDS(141));
    assert_int_equal(usage_of(p).ended, 0);
    peer_advance(p, WEIR_MILLISECONDS(1));
    assert_int_equal(usage_of(p).ended, 1);
    expect_status(p, 3, WEIR_RESOURCE_EXHAUSTED);
    peer_advance(p, STALL * 10);
    assert_in_range(usage_of(p).ended, 3, 5);
    assert_in_range(usage_of(p).held, LIMIT / 2, LIMIT / 8 * 5);
    expect_status(p, 5, WEIR_RESOURCE_EXHAUSTED);
    assert_null(peer_find(p, NGHTTP2_RST_STREAM, 29, 0));
}

static void a_call_that_moves_is_not_stalled(void **state)
{
    struct peer *p = *state;

    stall(p, 3, 14, PIECE);
    for (int i = 0; i < 10; i++) {
        peer_advance(p, STALL / 2);
        peer_window(p, 3, 100);
        peer_settle(p);
    }
    assert_null(peer_find(p, NGHTTP2_RST_STREAM, 3, 0));
    assert_in_range(usage_of(p).ended, 3, 5);
}

static void one_that_is_read_is_not_stalled_either(void **state)
{
    struct peer *p = *state;
    struct served *upload = open_call(p, 3, (struct source){.size = 1});
    weir_item item;

    for (int i = 0; i < 6; i++)
        peer_large_message(p, 3, 0, 9 * KIB);
    peer_settle(p);
    stall(p, 5, 13, PIECE);
    peer_advance(p, STALL / 2);
    assert_int_equal(reader_poll(&upload->requests, &item), WEIR_READY);
    weir_item_clear(&item);
    peer_advance(p, STALL / 2);
    assert_in_range(usage_of(p).ended, 2, 5);
    assert_null(peer_find(p, NGHTTP2_RST_STREAM, 3, 0));
}

static void in_the_middle_of_a_message_the_peer_hears_of_it_by_a_reset(void **state)
{
    struct peer *p = *state;

    stall(p, 3, 1, PIECE);
    peer_window(p, 3, 1000);
    peer_advance(p, 1);
    stall(p, 5, 1, PIECE);
    peer_advance(p, 1);
    stall(p, 7, 12, PIECE);
    peer_advance(p, STALL);
    expect_reset(p, 3, NGHTTP2_ENHANCE_YOUR_CALM);
    expect_status(p, 5, WEIR_RESOURCE_EXHAUSTED);
}

static void uploads_that_nobody_reads_are_ended_too(void **state)
{
    struct peer *p = *state;

    for (int32_t i = 0; i < 14; i++) {
        open_call(p, 3 + 2 * i, (struct source){.size = 1});
        peer_large_message(p, 3 + 2 * i, 0, 50 * KIB);
        peer_advance(p, 1);
    }
    peer_advance(p, STALL);
    expect_status(p, 3, WEIR_RESOURCE_EXHAUSTED);
    assert_in_range(usage_of(p).held, LIMIT / 4, LIMIT / 8 * 5);
}

/* Their calls can be ended, but what waits for the socket goes only with the connection. */
static void connections_whose_peer_does_not_read_are_ended_too(void **state)
{
    struct peer *p = *state;
    weir_slice slices[4];

    peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7fffffff);
    peer_window(p, 0, 0x7fff0000);
    peer_settle(p);
    p->deaf = true;
    open_call(p, 3, (struct source){.count = 1, .size = LIMIT});
    assert_true(weir_connection_output(p->connection, slices, 4) != 0);
    peer_reset(p, 3, NGHTTP2_CANCEL);
    peer_settle(p);
    peer_advance(p, STALL - 1);
    assert_non_null(p->connection);
    peer_advance(p, 1);
    assert_null(p->connection);
    assert_true(usage_of(p).held < LIMIT / 8);
}

/* Each waits for a window that none gets: without an end to some they would for ever. */
static void halves_of_messages_do_not_wedge_it(void **state)
{
    struct peer *p = *state;
    const uint8_t prefix[] = {0, 0, 3, 0, 0};
    uint8_t half[60000] = {0};

    for (int32_t i = 0; i < 12; i++) {
        open_call(p, 3 + 2 * i, (struct source){.size = 1});
        peer_data(p, 3 + 2 * i, 0, prefix, sizeof prefix);
        for (size_t at = 0; at < sizeof half; at += 10000)
            peer_data(p, 3 + 2 * i, 0, half + at, 10000);
        peer_settle(p);
    }
    assert_true(usage_of(p).held > LIMIT / 8 * 5);
    peer_advance(p, STALL);
    assert_true(usage_of(p).held < LIMIT / 8 * 5);
    assert_true(usage_of(p).ended > 0);
}

static void with_plenty_nobody_is_ended(void **state)
{
    struct peer *p = *state;

    stall(p, 3, 30, 4 * PIECE);
    peer_advance(p, 100 * STALL);
    assert_int_equal(usage_of(p).ended, 0);
    assert_int_equal(usage_of(p).refused, 0);
    assert_int_equal(usage_of(p).calls, 30);
    assert_int_equal(usage_of(p).limit, UINT64_MAX);
}

static void below_the_mark_nobody_is_ended(void **state)
{
    struct peer *p = *state;

    stall(p, 3, 10, PIECE);
    peer_advance(p, 100 * STALL);
    assert_int_equal(usage_of(p).ended, 0);
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
        BUDGET_TEST(with_windows_open_streams_wait_while_another_call_holds_a_message),
        BUDGET_TEST(replies_of_one_who_holds_much_leave_while_none_stalls),
        BUDGET_TEST(what_lets_memory_go_goes_on),
        BUDGET_TEST(one_who_holds_little_goes_on_as_before),
        BUDGET_TEST(near_the_limit_one_who_holds_much_begins_no_calls),
        BUDGET_TEST(at_the_limit_who_holds_something_begins_no_calls),
        BUDGET_TEST(at_the_limit_small_calls_of_others_are_served),
        BUDGET_TEST(at_the_limit_a_large_message_that_cannot_leave_ends_its_call),
        BUDGET_TEST(at_the_limit_those_who_hold_next_to_nothing_go_on),
        BUDGET_TEST(at_the_limit_those_who_hold_little_wait_and_go_on_again),
        BUDGET_TEST(the_most_that_is_held_is_the_limit_and_a_message),
        BUDGET_TEST(the_longest_stalled_calls_are_ended_until_memory_is_not_short),
        BUDGET_TEST(a_call_that_moves_is_not_stalled),
        BUDGET_TEST(one_that_is_read_is_not_stalled_either),
        BUDGET_TEST(in_the_middle_of_a_message_the_peer_hears_of_it_by_a_reset),
        BUDGET_TEST(uploads_that_nobody_reads_are_ended_too),
        BUDGET_TEST(connections_whose_peer_does_not_read_are_ended_too),
        BUDGET_TEST(halves_of_messages_do_not_wedge_it),
        PLENTY_TEST(with_plenty_nobody_is_ended),
        BUDGET_TEST(below_the_mark_nobody_is_ended),
        BUDGET_TEST(waits_for_the_peer_are_counted),
        BUDGET_TEST(waits_for_memory_are_counted),
        BUDGET_TEST(waits_for_the_socket_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
