/* SPDX-License-Identifier: MIT */
/*
 * test_stalls.c - who is ended while memory is short, and when (docs/design/flow-control.md).
 */
#include "conn/support/short.h"

#include <string.h>

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
        peer_window(p, 3, PIECE / 7);
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

/* A write that is under way when memory ends the connection. */
static void what_the_driver_borrowed_stays_until_it_says_so(void **state)
{
    struct peer *p = *state;
    weir_slice slices[4];
    unsigned sum = 0;
    size_t count;

    peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7fffffff);
    peer_window(p, 0, 0x7fff0000);
    peer_settle(p);
    p->deaf = true;
    open_call(p, 3, (struct source){.count = 1, .size = LIMIT});
    count = weir_connection_output(p->connection, slices, 4);
    assert_true(count != 0);
    now += 2 * STALL;
    weir_loop_turn(p->loop, now);
    now += 2 * STALL;
    weir_loop_turn(p->loop, now);
    assert_true(weir_connection_done(p->connection));
    for (size_t i = 0; i < count; i++) {
        for (size_t at = 0; at < slices[i].size; at++)
            sum += slices[i].data[at];
        weir_connection_output_done(p->connection, slices[i].size);
    }
    assert_true(sum != 0);
    assert_int_equal(weir_connection_output(p->connection, slices, 4), 0);
    assert_true(usage_of(p).held < LIMIT / 8);
}

static void a_call_waited_for_the_socket_only_while_it_was_there(void **state)
{
    struct peer *p = *state;
    weir_slice slices[4];
    struct served *later;
    weir_usage usage;

    peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7fffffff);
    peer_window(p, 0, 0x7fff0000);
    peer_settle(p);
    p->deaf = true;
    open_call(p, 3, (struct source){.count = 3, .size = 100 * KIB});
    assert_true(weir_connection_output(p->connection, slices, 4) != 0);
    peer_advance(p, WEIR_SECONDS(4));
    p->deaf = false;
    peer_settle(p);
    assert_true(usage_of(p).socket_ns > 0);
    later = open_call(p, 5, (struct source){.size = 10});
    weir_call_send_headers(later->call);
    peer_settle(p);
    source_give(&later->responses, 1);
    peer_settle(p);
    weir_call_usage(later->call, &usage);
    assert_int_equal(usage.socket_ns, 0);
}

/* An hour passes, and then memory gets short. */
static void an_hour_later_memory_is_short(struct peer *p)
{
    peer_advance(p, WEIR_SECONDS(3600));
    stall(p, 3, 15, PIECE);
}

static void an_idle_call_with_much_metadata_holds_no_message(void **state)
{
    struct peer *p = *state;
    struct served *idle = &p->service->served[p->service->calls];
    char token[801] = {0};

    memset(token, 'x', sizeof token - 1);
    idle->responses = (struct source){.size = 10};
    peer_request(p->other, 1, 0, "/t.T/Hand", "authorization", token, NULL);
    peer_message(p->other, 1, 0, "hello");
    peer_settle(p);
    assert_int_equal(reader_skim(&idle->requests), 1);
    an_hour_later_memory_is_short(p);
    peer_advance(p, 10 * STALL);
    assert_in_range(usage_of(p).ended, 3, 5);
    assert_int_equal(peer_count(p->other, NGHTTP2_HEADERS, 1), 0);
}

static void a_call_that_holds_again_has_all_the_time_anew(void **state)
{
    struct peer *p = *state;
    struct served *call;

    peer_settings(p->other, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0);
    peer_settle(p);
    call = open_call(p->other, 1, (struct source){.count = 1, .size = 2000});
    peer_window(p->other, 1, 2005);
    peer_settle(p);
    peer_advance(p, WEIR_SECONDS(3600));
    source_give(&call->responses, 1);
    peer_settle(p);
    stall(p, 3, 15, PIECE);
    assert_int_equal(usage_of(p).ended, 0);
    peer_advance(p, STALL - 1);
    assert_int_equal(usage_of(p).ended, 0);
}

/* What waits in its pipes is written on any thread, so it is seen later. */
static void a_pipe_that_holds_again_has_all_the_time_anew(void **state)
{
    struct peer *p = *state;
    struct served *call;
    weir_stream reader;
    weir_pipe *pipe;

    peer_settings(p->other, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0);
    peer_settle(p);
    call = open_call(p->other, 1, (struct source){.count = 1, .size = 2000});
    pipe = weir_call_pipe(call->call, NULL, &reader);
    peer_window(p->other, 1, 2005);
    peer_settle(p);
    peer_advance(p, WEIR_SECONDS(3600));
    assert_int_equal(weir_pipe_write(pipe, message_make(0, 2000)), WEIR_OK);
    stall(p, 3, 15, PIECE);
    peer_advance(p, STALL - 1);
    assert_int_equal(usage_of(p).ended, 0);
    weir_stream_release(&reader);
    weir_pipe_unref(pipe);
}

static void open_windows(struct peer *p)
{
    peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7fffffff);
    peer_window(p, 0, 0x7fff0000);
    peer_settle(p);
}

static void output_that_waits_again_has_all_the_time_anew(void **state)
{
    struct peer *p = *state;
    struct peer *slow = p->other;
    weir_slice slices[4];
    struct served *call;

    open_windows(slow);
    call = open_call(slow, 1, (struct source){.count = 1, .size = 30 * KIB});
    peer_advance(p, WEIR_SECONDS(3600));
    slow->deaf = true;
    source_give(&call->responses, 1);
    peer_settle(p);
    assert_true(weir_connection_output(slow->connection, slices, 4) != 0);
    stall(p, 3, 15, PIECE);
    peer_advance(p, STALL - 1);
    assert_int_equal(usage_of(p).ended, 0);
    assert_non_null(slow->connection);
}

static void a_byte_now_and_then_is_a_stall(void **state)
{
    struct peer *p = *state;

    stall(p, 3, 14, PIECE);
    for (int i = 0; i < 10; i++) {
        peer_advance(p, STALL / 2);
        for (int32_t id = 3; id < 3 + 2 * 14; id += 2)
            peer_window(p, id, 1);
        peer_settle(p);
    }
    assert_in_range(usage_of(p).ended, 3, 5);
}

static void a_socket_that_takes_a_byte_now_and_then_is_a_stall(void **state)
{
    struct peer *p = *state;
    weir_slice slices[4];

    open_windows(p);
    p->deaf = true;
    open_call(p, 3, (struct source){.count = 1, .size = LIMIT});
    assert_true(weir_connection_output(p->connection, slices, 4) != 0);
    peer_reset(p, 3, NGHTTP2_CANCEL);
    peer_settle(p);
    peer_advance(p, STALL / 2);
    weir_connection_output_done(p->connection, 1);
    peer_advance(p, STALL / 2);
    assert_null(p->connection);
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

/* Calls whose metadata fills the memory, and which have nothing to say. */
static struct served *fill_with_metadata(struct peer *p)
{
    struct served *first = &p->service->served[p->service->calls];
    char token[12001] = {0};

    memset(token, 'x', sizeof token - 1);
    for (int32_t id = 3; usage_of(p).refused == 0; id += 2) {
        p->service->served[p->service->calls].responses = (struct source){.size = 10};
        peer_request(p, id, 0, "/t.T/Hand", "authorization", token, NULL);
        peer_settle(p);
    }
    return first;
}

static void who_waits_for_memory_that_nobody_can_let_go_is_ended(void **state)
{
    struct peer *p = *state;
    struct served *calls = fill_with_metadata(p);

    peer_advance(p, 10 * STALL);
    assert_int_equal(usage_of(p).ended, 0);
    peer_window(p, 3, 1000);
    source_give(&calls[0].responses, 1);
    peer_large_message(p, 5, 0, 50 * KIB);
    peer_advance(p, 1);
    assert_int_equal(reader_skim(&calls[1].requests), 1); /* and its window is owed */
    peer_advance(p, STALL - 2);
    assert_int_equal(usage_of(p).ended, 0);
    peer_advance(p, 2);
    assert_int_equal(usage_of(p).ended, 2);
    expect_status(p, 3, WEIR_RESOURCE_EXHAUSTED);
    expect_status(p, 5, WEIR_RESOURCE_EXHAUSTED);
}

/* Then what a call takes goes with the call, and its handler has no part in that. */
static void forget_calls(struct peer *p)
{
    for (unsigned i = 0; i < p->service->calls; i++) {
        weir_stream_release(&p->service->served[i].requests.stream);
        weir_call_unref(p->service->served[i].call);
        p->service->served[i].call = NULL;
    }
}

static void of_those_who_only_wait_no_more_are_ended_than_must_be(void **state)
{
    enum { WAITING = 20 };
    struct peer *p = *state;
    struct served *calls = fill_with_metadata(p);
    uint64_t ended;

    forget_calls(p);
    for (int32_t i = 0; i < WAITING; i++) {
        peer_window(p, 3 + 2 * i, 1000);
        source_give(&calls[i].responses, 1);
        peer_advance(p, 1);
    }
    peer_advance(p, 2 * STALL);
    ended = usage_of(p).ended;
    assert_in_range(ended, 1, 8);
    expect_status(p, 3, WEIR_RESOURCE_EXHAUSTED);
    for (uint64_t i = ended; i < WAITING; i++)
        assert_int_equal(calls[i].responses.given, 1);
}

/* The same where all of them began to wait at once. */
static void nor_where_all_began_to_wait_at_once(void **state)
{
    enum { WAITING = 20 };
    struct peer *p = *state;
    struct served *calls = fill_with_metadata(p);

    forget_calls(p);
    for (int32_t i = 0; i < WAITING; i++) {
        peer_window(p, 3 + 2 * i, 1000);
        source_give(&calls[i].responses, 1);
    }
    peer_advance(p, 2 * STALL);
    assert_in_range(usage_of(p).ended, 1, 8);
}

static void but_not_before_those_who_hold_something(void **state)
{
    struct peer *p = *state;
    struct served *waiting = open_call(p, 3, (struct source){.size = 100});

    peer_window(p, 0, LIMIT);
    stall(p, 5, 17, PIECE);
    source_give(&waiting->responses, 1);
    peer_advance(p, STALL / 2);
    for (int32_t i = 0; i < 17; i++)
        peer_window(p, 5 + 2 * i, PIECE / 7);
    peer_settle(p); /* they move, and it has stalled for longer now */
    peer_advance(p, STALL - 1);
    assert_int_equal(waiting->responses.given, 0);
    assert_int_equal(usage_of(p).ended, 0);
    peer_advance(p, STALL);
    assert_int_equal(waiting->responses.given, 1);
    assert_true(usage_of(p).ended > 0);
    assert_int_equal(peer_count(p, NGHTTP2_HEADERS, 3), 1); /* and no trailers */
    assert_null(peer_find(p, NGHTTP2_RST_STREAM, 3, 0));
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

/* Its requests are over, nothing comes, and nothing else makes the connection speak. */
static void a_server_hears_of_a_clients_call_that_was_ended(void **state)
{
    const weir_channel_options options = {.memory_limit = 100 * KIB, .stall_timeout_ns = STALL};
    struct peer *p;
    struct reader r;
    int32_t id;

    (void)state;
    memory_install();
    p = peer_of_client(&options);
    id = peer_call(p, &r, "/t.T/Down", weir_stream_empty());
    peer_headers(p, id, 0, RESPONSE, NULL);
    peer_large_message(p, id, 0, 60 * KIB);
    peer_settle(p);
    peer_advance(p, STALL - 1);
    assert_null(peer_find(p, NGHTTP2_RST_STREAM, id, 0));
    now++;
    weir_loop_turn(p->loop, now);
    assert_ptr_equal(weir_loop_next(p->loop), p->connection); /* or its driver sends nothing */
    peer_settle(p);
    expect_reset(p, id, NGHTTP2_CANCEL);
    reader_clear(&r);
    peer_free(p);
    assert_int_equal(memory_held(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BUDGET_TEST(the_longest_stalled_calls_are_ended_until_memory_is_not_short),
        BUDGET_TEST(a_call_that_moves_is_not_stalled),
        BUDGET_TEST(one_that_is_read_is_not_stalled_either),
        BUDGET_TEST(in_the_middle_of_a_message_the_peer_hears_of_it_by_a_reset),
        BUDGET_TEST(uploads_that_nobody_reads_are_ended_too),
        BUDGET_TEST(connections_whose_peer_does_not_read_are_ended_too),
        BUDGET_TEST(what_the_driver_borrowed_stays_until_it_says_so),
        PLENTY_TEST(a_call_waited_for_the_socket_only_while_it_was_there),
        BUDGET_TEST(an_idle_call_with_much_metadata_holds_no_message),
        BUDGET_TEST(a_call_that_holds_again_has_all_the_time_anew),
        BUDGET_TEST(a_pipe_that_holds_again_has_all_the_time_anew),
        BUDGET_TEST(output_that_waits_again_has_all_the_time_anew),
        BUDGET_TEST(a_byte_now_and_then_is_a_stall),
        BUDGET_TEST(a_socket_that_takes_a_byte_now_and_then_is_a_stall),
        BUDGET_TEST(halves_of_messages_do_not_wedge_it),
        BUDGET_TEST(who_waits_for_memory_that_nobody_can_let_go_is_ended),
        BUDGET_TEST(of_those_who_only_wait_no_more_are_ended_than_must_be),
        BUDGET_TEST(nor_where_all_began_to_wait_at_once),
        BUDGET_TEST(but_not_before_those_who_hold_something),
        PLENTY_TEST(with_plenty_nobody_is_ended),
        BUDGET_TEST(below_the_mark_nobody_is_ended),
        cmocka_unit_test(a_server_hears_of_a_clients_call_that_was_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
