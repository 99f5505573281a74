/* SPDX-License-Identifier: MIT */
/*
 * test_opening.c - a client's connection until its server has said hello, and those that never do.
 */
#include <weir/inspect.h>

#include "conn/connection.h"
#include "conn/support/pair.h"

#include <string.h>

#define DEFAULT_NS WEIR_SECONDS(20)

static weir_call *waiting_call(const char *method)
{
    weir_call *call = weir_call_create(method);

    weir_call_set_wait_for_ready(call, true);
    return call;
}

static struct pair *pair_with(void **state, const weir_channel_options *channel)
{
    struct pair *p = *state;
    bool one_byte = p->one_byte;

    pair_free(p);
    p = *state = pair_create(NULL, channel);
    p->one_byte = one_byte;
    return p;
}

static void expect_echo(struct pair *p, struct reader *r, const char *message)
{
    pair_settle(p);
    expect_text(r, message);
    expect_end(r);
    reader_clear(r);
}

static weir_connection_state state_of(struct pair *p)
{
    weir_connection_info info;

    assert_int_equal(weir_channel_connections(p->channel, 0, &info, 1), 1);
    return info.state;
}

/* ---- a server that accepts and never speaks ---- */

static void a_call_of_a_server_that_never_speaks_is_unavailable_after_20_seconds(void **state)
{
    struct pair *p = *state;
    struct reader sent, queued;

    p->held[SERVER] = true;
    pair_call(p, &sent, "/t.T/Unary", text("a"));
    pair_call(p, &queued, "/t.T/Unary", text("b"));
    pair_advance(p, DEFAULT_NS - 1);
    expect_pending(&sent);
    expect_pending(&queued);
    assert_int_equal(state_of(p), WEIR_CONNECTION_CONNECTING);
    pair_advance(p, 1);
    expect_error(&sent, WEIR_UNAVAILABLE);
    expect_error(&queued, WEIR_UNAVAILABLE);
    assert_non_null(strstr(sent.why, "the server's SETTINGS did not come in time"));
    assert_int_equal(pair_wire_count(p), 0);
    reader_clear(&sent);
    reader_clear(&queued);
}

static void the_time_to_connect_is_the_channels_to_say(void **state)
{
    const weir_channel_options options = {.connect_timeout_ns = WEIR_MILLISECONDS(3)};
    struct pair *p = pair_with(state, &options);
    struct reader r;

    p->held[SERVER] = true;
    pair_call(p, &r, "/t.T/Unary", text("a"));
    pair_advance(p, WEIR_MILLISECONDS(3) - 1);
    expect_pending(&r);
    pair_advance(p, 1);
    expect_error(&r, WEIR_UNAVAILABLE);
    reader_clear(&r);
}

static void a_channel_may_wait_for_ever(void **state)
{
    const weir_channel_options options = {.connect_timeout_ns = WEIR_NEVER};
    struct pair *p = pair_with(state, &options);
    struct reader r;

    p->held[SERVER] = true;
    pair_call(p, &r, "/t.T/Unary", text("a"));
    pair_advance(p, WEIR_SECONDS(3600));
    expect_pending(&r);
    p->held[SERVER] = false;
    expect_echo(p, &r, "a");
}

static void a_server_that_said_hello_may_be_silent(void **state)
{
    struct pair *p = *state;
    struct reader r;

    pair_call(p, &r, "/t.T/Hand", weir_stream_empty());
    pair_settle(p);
    assert_int_equal(state_of(p), WEIR_CONNECTION_READY);
    pair_advance(p, WEIR_SECONDS(3600));
    expect_pending(&r);
    reader_clear(&r);
}

/* What the server said lies in the socket meanwhile. */
static void time_in_which_nobody_turned_the_loop_counts_little(void **state)
{
    struct pair *p = *state;
    struct reader r;

    p->held[SERVER] = true;
    pair_call(p, &r, "/t.T/Unary", text("a"));
    pair_settle(p);
    now += WEIR_SECONDS(3600);
    pair_settle(p);
    expect_pending(&r);
    p->held[SERVER] = false;
    expect_echo(p, &r, "a");
}

/* ---- calls on it ---- */

static void deadlines_are_kept_before_the_hello(void **state)
{
    struct pair *p = *state;
    struct reader readers[3];

    p->held[SERVER] = true;
    for (int i = 0; i < 3; i++) {
        weir_call *call = weir_call_create("/t.T/Unary");

        weir_call_set_timeout(call, WEIR_SECONDS(1) + (uint64_t)i);
        weir_call_set_wait_for_ready(call, i == 2);
        pair_make(p, &readers[i], call, text("a"));
    }
    pair_advance(p, WEIR_SECONDS(1) - 1);
    for (int i = 0; i < 3; i++) {
        expect_pending(&readers[i]);
        pair_advance(p, 1);
        expect_error(&readers[i], WEIR_DEADLINE_EXCEEDED);
        reader_clear(&readers[i]);
    }
    assert_int_equal(pair_wire_count(p), 1);
}

static void a_call_that_waits_for_ready_leaves_when_the_server_said_hello(void **state)
{
    struct pair *p = *state;
    struct reader waits, behind;

    p->held[SERVER] = true;
    pair_make(p, &waits, waiting_call("/t.T/Hand"), weir_stream_empty());
    pair_call(p, &behind, "/t.T/Unary", text("b"));
    pair_settle(p);
    assert_int_equal(p->service.calls, 0);
    p->held[SERVER] = false;
    expect_echo(p, &behind, "b");
    assert_int_equal(p->service.calls, 1);
    assert_int_equal(p->connects, 1);
    reader_clear(&waits);
}

static void a_call_that_waits_for_ready_outlives_servers_that_never_speak(void **state)
{
    struct pair *p = *state;
    struct reader r, fails;

    p->held[SERVER] = true;
    pair_make(p, &r, waiting_call("/t.T/Unary"), text("a"));
    pair_advance(p, DEFAULT_NS);
    expect_pending(&r);
    assert_int_equal(p->connects, 1);
    assert_int_equal(state_of(p), WEIR_CONNECTION_FAILED);
    pair_advance(p, WEIR_SECONDS(1));
    assert_int_equal(p->connects, 2);
    assert_int_equal(state_of(p), WEIR_CONNECTION_CONNECTING);
    pair_call(p, &fails, "/t.T/Unary", text("b"));
    pair_settle(p);
    expect_error(&fails, WEIR_UNAVAILABLE);
    reader_clear(&fails);
    /* Only a hello makes the pauses short again. */
    pair_advance(p, DEFAULT_NS + WEIR_MILLISECONDS(1600) - 1);
    assert_int_equal(p->connects, 2);
    pair_advance(p, 1);
    assert_int_equal(p->connects, 3);
    p->held[SERVER] = false;
    expect_echo(p, &r, "a");
    assert_int_equal(state_of(p), WEIR_CONNECTION_READY);
    pair_call(p, &r, "/t.T/Unary", text("c"));
    expect_echo(p, &r, "c");
    assert_int_equal(p->connects, 3);
    pair_call(p, &r, "/t.T/Hand", weir_stream_empty());
    pair_settle(p);
    pair_cut(p);
    pair_settle(p);
    expect_error(&r, WEIR_UNAVAILABLE);
    assert_string_equal(r.why, "connection lost: cut"); /* what was before is over */
    reader_clear(&r);
}

static void a_connection_that_closes_before_its_hello_is_a_try_that_failed(void **state)
{
    struct pair *p = *state;
    struct reader waits, fails;

    p->held[SERVER] = true;
    pair_call(p, &fails, "/t.T/Unary", text("a"));
    pair_make(p, &waits, waiting_call("/t.T/Unary"), text("b"));
    pair_settle(p);
    pair_cut(p);
    pair_settle(p);
    expect_error(&fails, WEIR_UNAVAILABLE);
    reader_clear(&fails);
    expect_pending(&waits);
    p->held[SERVER] = false;
    pair_advance(p, WEIR_SECONDS(1) - 1);
    expect_pending(&waits);
    pair_advance(p, 1);
    expect_echo(p, &waits, "b");
    assert_int_equal(p->connects, 2);
}

/* Before the next try, and with a request each that never left. */
static void start_to_wait_for_the_next_try(struct pair *p, struct reader readers[3])
{
    p->held[SERVER] = true;
    for (int i = 0; i < 3; i++) {
        weir_call *call = waiting_call("/t.T/Unary");

        if (i == 0)
            weir_call_set_timeout(call, WEIR_MILLISECONDS(500));
        pair_make(p, &readers[i], call, text("a"));
    }
    pair_settle(p);
    pair_cut(p);
    pair_settle(p);
    for (int i = 0; i < 3; i++)
        expect_pending(&readers[i]);
    assert_int_equal(state_of(p), WEIR_CONNECTION_FAILED);
}

static void calls_end_in_time_between_two_tries(void **state)
{
    struct pair *p = *state;
    struct reader readers[3];

    start_to_wait_for_the_next_try(p, readers);
    pair_advance(p, WEIR_MILLISECONDS(500) - 1);
    expect_pending(&readers[0]);
    pair_advance(p, 1);
    expect_error(&readers[0], WEIR_DEADLINE_EXCEEDED);
    weir_call_cancel(readers[1].call);
    pair_settle(p);
    expect_error(&readers[1], WEIR_CANCELLED);
    expect_pending(&readers[2]);
    pair_drop_channel(p);
    pair_settle(p);
    expect_error(&readers[2], WEIR_CANCELLED);
    pair_advance(p, WEIR_SECONDS(60));
    assert_int_equal(p->connects, 1);
    for (int i = 0; i < 3; i++)
        reader_clear(&readers[i]);
}

static void a_channel_ends_while_its_server_never_speaks(void **state)
{
    struct pair *p = *state;
    struct reader sent, waits;

    p->held[SERVER] = true;
    pair_call(p, &sent, "/t.T/Unary", text("a"));
    pair_make(p, &waits, waiting_call("/t.T/Unary"), text("b"));
    pair_settle(p);
    pair_drop_channel(p);
    pair_settle(p);
    expect_error(&sent, WEIR_CANCELLED);
    expect_error(&waits, WEIR_CANCELLED);
    pair_advance(p, WEIR_SECONDS(1));
    assert_int_equal(pair_wire_count(p), 0);
    reader_clear(&sent);
    reader_clear(&waits);
}

static void keepalive_gives_up_a_server_that_may_take_for_ever(void **state)
{
    const weir_channel_options options = {.connect_timeout_ns = WEIR_NEVER,
                                          .keepalive_ns = WEIR_SECONDS(10)};
    struct pair *p = pair_with(state, &options);
    struct reader r;

    p->held[SERVER] = true;
    pair_make(p, &r, waiting_call("/t.T/Unary"), text("a"));
    pair_advance(p, WEIR_SECONDS(30));
    expect_pending(&r);
    assert_int_equal(pair_wire_count(p), 0);
    p->held[SERVER] = false;
    pair_advance(p, WEIR_SECONDS(1));
    expect_echo(p, &r, "a");
}

/* ---- a socket that is never connected ---- */

static weir_connection *connecting;

static void connect_never(void *self, weir_connection *connection, const char *address)
{
    (void)self, (void)address;
    connecting = connection;
}

static void connecting_has_the_same_time(void **state)
{
    struct pair *p = *state;
    weir_transport transport = p->transport;
    struct reader waits, fails;

    p->transport.connect = connect_never;
    pair_make(p, &waits, waiting_call("/t.T/Unary"), text("a"));
    pair_call(p, &fails, "/t.T/Unary", text("b"));
    pair_settle(p);
    /* Its driver keeps nothing with it: the pair would free it when it is done. */
    weir_connection_set_driver(connecting, NULL);
    now += WEIR_SECONDS(5);
    for (int i = 0; i < 3; i++, now += WEIR_SECONDS(5)) {
        weir_loop_turn(p->loop, now);
        assert_false(weir_connection_done(connecting));
    }
    weir_loop_turn(p->loop, now);
    assert_true(weir_connection_done(connecting));
    p->transport = transport;
    weir_connection_eof(connecting, NULL);
    assert_false(weir_connection_done(connecting));
    pair_settle(p);
    expect_error(&fails, WEIR_UNAVAILABLE);
    assert_non_null(strstr(fails.why, "connecting took too long"));
    reader_clear(&fails);
    pair_advance(p, WEIR_SECONDS(1));
    expect_echo(p, &waits, "a");
}

/* ---- what is no HTTP/2 ---- */

static const char http1[] = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
/* A PING that nobody asked for is no hello either. */
static const char ping_first[] = "\0\0\x8\6\0\0\0\0\0abcdefgh";

static void answer(struct pair *p, const char *bytes, size_t size)
{
    (void)!weir_connection_input(pair_connection(p, CLIENT), (const uint8_t *)bytes, size);
}

static void a_server_of_another_protocol_is_a_try_that_failed(void **state)
{
    struct pair *p = *state;
    const struct {
        const char *bytes;
        size_t size;
    } answers[] = {{http1, sizeof http1 - 1}, {ping_first, sizeof ping_first - 1}};

    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        struct reader waits, fails;

        pair_cut(p);
        p->held[SERVER] = true;
        pair_call(p, &fails, "/t.T/Unary", text("a"));
        pair_make(p, &waits, waiting_call("/t.T/Unary"), text("b"));
        pair_settle(p);
        answer(p, answers[i].bytes, answers[i].size);
        pair_settle(p);
        expect_error(&fails, WEIR_UNAVAILABLE);
        assert_non_null(strstr(fails.why, "HTTP/2"));
        reader_clear(&fails);
        expect_pending(&waits);
        assert_int_equal(pair_wire_count(p), 0);
        p->held[SERVER] = false;
        pair_advance(p, WEIR_SECONDS(2));
        expect_echo(p, &waits, "b");
    }
}

/* The goodbye is stuck in the socket, and nobody wants to wait for it for long. */
static void a_server_of_another_protocol_need_not_read(void **state)
{
    struct pair *p = *state;
    struct reader waits;

    p->held[SERVER] = p->held[CLIENT] = true;
    pair_make(p, &waits, waiting_call("/t.T/Unary"), text("b"));
    pair_settle(p);
    answer(p, ping_first, sizeof ping_first - 1);
    p->held[SERVER] = p->held[CLIENT] = false;
    pair_advance(p, DEFAULT_NS + WEIR_SECONDS(1));
    expect_echo(p, &waits, "b");
}

/* A call came when the first try had failed, and was not over yet. */
static void calls_that_wait_follow_to_a_connection_that_was_made_meanwhile(void **state)
{
    struct pair *p = *state;
    struct reader waits, late;

    p->held[SERVER] = true;
    pair_make(p, &waits, waiting_call("/t.T/Unary"), text("a"));
    pair_settle(p);
    answer(p, http1, sizeof http1 - 1);
    pair_call(p, &late, "/t.T/Unary", text("b"));
    weir_loop_turn(p->loop, now);
    assert_int_equal(p->connects, 2);
    p->held[SERVER] = false;
    expect_echo(p, &late, "b");
    expect_echo(p, &waits, "a");
    assert_int_equal(p->connects, 2);
}

/* ---- out of memory ---- */

static void out_of_memory_for_another_try_the_call_moves_to_another_connection(void **state)
{
    struct pair *p = *state;
    unsigned failed = 0;

    for (size_t at = 0; at < 40; at++) {
        struct reader r;

        pair_cut(p);
        pair_settle(p);
        p->held[SERVER] = true;
        pair_make(p, &r, waiting_call("/t.T/Unary"), text("a"));
        pair_settle(p);
        memory_fail_at(at);
        pair_cut(p);
        failed += memory_failed();
        memory_fail_at(SIZE_MAX);
        p->held[SERVER] = false;
        pair_advance(p, WEIR_SECONDS(1));
        expect_echo(p, &r, "a");
    }
    assert_in_range(failed, 1, 39);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(a_call_of_a_server_that_never_speaks_is_unavailable_after_20_seconds),
        PAIR_TEST(the_time_to_connect_is_the_channels_to_say),
        PAIR_TEST(a_channel_may_wait_for_ever),
        PAIR_TEST(a_server_that_said_hello_may_be_silent),
        PAIR_TEST(time_in_which_nobody_turned_the_loop_counts_little),
        PAIR_TEST(deadlines_are_kept_before_the_hello),
        PAIR_TEST(a_call_that_waits_for_ready_leaves_when_the_server_said_hello),
        PAIR_TEST(a_call_that_waits_for_ready_outlives_servers_that_never_speak),
        PAIR_TEST(a_connection_that_closes_before_its_hello_is_a_try_that_failed),
        PAIR_TEST(calls_end_in_time_between_two_tries),
        PAIR_TEST(a_channel_ends_while_its_server_never_speaks),
        PAIR_TEST(keepalive_gives_up_a_server_that_may_take_for_ever),
        PAIR_TEST_WHOLE(connecting_has_the_same_time),
        PAIR_TEST(a_server_of_another_protocol_is_a_try_that_failed),
        PAIR_TEST(a_server_of_another_protocol_need_not_read),
        PAIR_TEST(calls_that_wait_follow_to_a_connection_that_was_made_meanwhile),
        PAIR_TEST(out_of_memory_for_another_try_the_call_moves_to_another_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
