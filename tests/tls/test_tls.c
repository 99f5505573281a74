/* SPDX-License-Identifier: MIT */
/*
 * test_tls.c - calls over TLS, how connections end, and memory that runs out; under a fake clock.
 */
#include "conn/connection.h"
#include "tls/secure_pair.h"

#include <string.h>

/* ---- calls ---- */

static void calls_work_and_both_ends_know_how_they_are_protected(void **state)
{
    struct pair *p = *state;
    struct served *served = &p->service.served[0];
    const weir_tls_peer *peer;
    struct reader r;

    pair_call(p, &r, "/t.T/Hand", text("x"));
    pair_settle(p);
    peer = weir_call_peer(served->call)->tls;
    assert_non_null(peer);
    assert_string_equal(peer->protocol, "TLSv1.3");
    assert_false(peer->verified);
    assert_string_equal(peer->subject, "");
    assert_int_equal(peer->name_count, 0);
    served->responses.over = true;
    source_end(&served->responses, WEIR_OK);
    pair_settle(p);
    expect_end(&r);
    peer = weir_call_peer(r.call)->tls;
    assert_non_null(peer);
    assert_true(peer->verified);
    assert_string_equal(peer->subject, "CN=weir server");
    assert_int_equal(peer->name_count, 3);
    assert_string_equal(peer->names[0], "DNS:server");
    assert_string_equal(peer->names[1], "IP:127.0.0.1");
    assert_string_equal(peer->names[2], "IP:::1");
    reader_clear(&r);
}

static void a_peer_outlives_its_connection_with_the_call(void **state)
{
    struct pair *p = *state;
    struct reader r;

    expect_echo(p, &r);
    pair_cut(p);
    pair_settle(p);
    assert_string_equal(weir_call_peer(r.call)->tls->subject, "CN=weir server");
    reader_clear(&r);
}

static void plain_text_has_no_tls_peer(void **state)
{
    struct pair *p = pair_create(NULL, NULL);
    struct reader r;

    (void)state;
    expect_echo(p, &r);
    assert_null(weir_call_peer(r.call)->tls);
    reader_clear(&r);
    pair_free(p);
}

static void large_messages_go_both_ways(void **state)
{
    struct pair *p = *state;
    struct source *requests =
        pair_source(p, (struct source){.count = 5, .size = 1000000, .over = true});
    struct reader r;

    pair_call(p, &r, "/t.T/Echo", source_stream(requests));
    assert_int_equal(pair_read(p, &r, 1000000), 5);
    expect_end(&r);
    reader_clear(&r);
}

static void a_reader_that_stalls_stops_the_generator(void **state)
{
    struct pair *p = *state;
    struct source *down = &p->service.down;
    size_t before = memory_held();
    struct reader r;

    *down = (struct source){.count = 100000, .size = 16000, .over = true};
    p->held[SERVER] = true;
    pair_call(p, &r, "/t.T/Down", text("x"));
    pair_settle(p);
    p->held[SERVER] = false; /* the handshake, and the first window */
    pair_settle(p);
    assert_true(down->given <= 8);
    assert_true(memory_held() - before < (size_t)400 << 10);
    reader_clear(&r);
}

/* The socket takes nothing: one fill of the output is encrypted, and no more is made. */
static void a_socket_that_stalls_stops_the_generator(void **state)
{
    struct pair *p = *state;
    struct source *down = &p->service.down;
    weir_slice slices[64];
    weir_connection *c;
    struct reader r;
    size_t size = 0, count;

    expect_works(p);
    *down = (struct source){.count = 100000, .size = 1000, .over = true};
    p->held[SERVER] = true;
    pair_call(p, &r, "/t.T/Down", text("x"));
    pair_settle(p);
    c = pair_connection(p, SERVER);
    for (int i = 0; i < 10; i++) {
        count = weir_connection_output(c, slices, COUNT_OF(slices));
        size = 0;
        for (size_t at = 0; at < count; at++)
            size += slices[at].size;
    }
    assert_in_range(size, 60000, 70000);
    assert_true(down->given <= 70);
    p->held[SERVER] = false;
    reader_clear(&r);
}

/* ---- ends ---- */

static void a_connection_that_is_cut_was_not_closed(void **state)
{
    struct pair *p = *state;
    struct reader r;

    pair_call(p, &r, "/t.T/Hand", text("x"));
    pair_settle(p);
    pair_cut(p);
    pair_settle(p);
    expect_error(&r, WEIR_UNAVAILABLE);
    assert_non_null(strstr(r.why, "TLS was not closed"));
    reader_clear(&r);
}

static void a_connection_cut_at_any_byte_ends_the_call(void **state)
{
    struct pair *p = *state;
    uint64_t whole;

    p->one_byte = true;
    expect_works(p);
    whole = p->sent[CLIENT] + p->sent[SERVER];
    for (uint64_t at = 0; at < whole; at += 7) {
        struct reader r;

        pair_cut(p);
        p->sent[CLIENT] = p->sent[SERVER] = 0;
        pair_call(p, &r, "/t.T/Echo", text("hello"));
        while (p->sent[CLIENT] + p->sent[SERVER] < at && pair_step(p))
            ;
        pair_cut(p);
        pair_settle(p);
        (void)reader_skim(&r);
        assert_true(r.over);
        assert_true(r.code == WEIR_OK || r.code == WEIR_UNAVAILABLE);
        reader_clear(&r);
    }
}

/* A channel that has 5 s to connect: less than its server gives it. */
static void give_five_seconds(struct pair *p)
{
    weir_channel_options options = {
        .loop = p->loop, .tls = credentials_make(NULL, &ca), .connect_timeout_ns = WEIR_SECONDS(5)};

    pair_drop_channel(p);
    assert_int_equal(weir_channel_create("server:1", &options, &p->channel, NULL), WEIR_OK);
    weir_tls_unref(options.tls);
}

static void a_clients_handshake_has_the_time_for_connecting(void **state)
{
    struct pair *p = *state;
    struct reader r;

    give_five_seconds(p);
    p->held[SERVER] = true;
    pair_call(p, &r, "/t.T/Echo", text("hello"));
    pair_settle(p);
    pair_advance(p, WEIR_SECONDS(5) - 1);
    expect_pending(&r);
    pair_advance(p, 1);
    expect_error(&r, WEIR_UNAVAILABLE);
    assert_non_null(strstr(r.why, "the TLS handshake took too long"));
    assert_int_equal(pair_wire_count(p), 0);
    reader_clear(&r);
    p->held[SERVER] = false;
    expect_works(p);
}

/* The handshake is done, and then nothing comes: not even another second is given. */
static void a_servers_hello_shares_its_time_with_the_handshake(void **state)
{
    struct pair *p = *state;
    weir_call *call = weir_call_create("/t.T/Echo");
    struct reader fails, waits;

    give_five_seconds(p);
    p->held[SERVER] = true;
    pair_call(p, &fails, "/t.T/Echo", text("hello"));
    weir_call_set_wait_for_ready(call, true);
    pair_make(p, &waits, call, text("hello"));
    pair_advance(p, WEIR_SECONDS(3));
    p->held[SERVER] = false;
    while (!pair_connection(p, CLIENT)->opened)
        assert_true(pair_step(p));
    p->held[SERVER] = true;
    pair_advance(p, WEIR_SECONDS(2) - 1);
    expect_pending(&fails);
    pair_advance(p, 1);
    expect_error(&fails, WEIR_UNAVAILABLE);
    assert_string_equal(fails.why, "connection lost: the server's SETTINGS did not come in time");
    reader_clear(&fails);
    p->held[SERVER] = false;
    pair_advance(p, WEIR_SECONDS(1));
    expect_text(&waits, "hello");
    expect_end(&waits);
    reader_clear(&waits);
}

static void a_client_that_says_nothing_is_let_go_after_the_handshakes_time(void **state)
{
    struct pair *p = *state;
    weir_tls_options options = certificate_options(&server, NULL);
    weir_connection *c;
    weir_tls *tls;

    options.handshake_timeout_ns = WEIR_SECONDS(3);
    assert_int_equal(weir_tls_create(&options, &tls, NULL), WEIR_OK);
    assert_int_equal(weir_server_accept_tls(p->server, p->loop, tls, "silent:1", &c, NULL),
                     WEIR_OK);
    weir_tls_unref(tls);
    now += WEIR_SECONDS(1000); /* the loop slept before; that does not count */
    for (uint64_t at = 0; at < 3; at++, now += WEIR_SECONDS(1)) {
        weir_loop_turn(p->loop, now);
        assert_false(weir_connection_done(c));
    }
    weir_loop_turn(p->loop, now);
    assert_true(weir_connection_done(c));
    weir_connection_free(c);
}

/* The server's own limit covers all of the hello, TLS's part of it too. */
static void a_client_that_says_nothing_is_let_go_after_the_servers_time(void **state)
{
    struct pair *p =
        pair_create(&(weir_server_options){.handshake_timeout_ns = WEIR_SECONDS(2)}, NULL);
    weir_connection *c;

    (void)state;
    p->tls = credentials_make(&server, NULL);
    assert_int_equal(weir_server_accept_tls(p->server, p->loop, p->tls, "silent:1", &c, NULL),
                     WEIR_OK);
    weir_loop_turn(p->loop, now);
    weir_loop_turn(p->loop, now += WEIR_SECONDS(2) - 1);
    assert_false(weir_connection_done(c));
    weir_loop_turn(p->loop, ++now);
    assert_true(weir_connection_done(c));
    weir_connection_free(c);
    secure_pair_free(p);
}

static void a_shutdown_does_not_wait_for_handshakes(void **state)
{
    struct pair *p = *state;
    weir_connection *c;

    assert_int_equal(weir_server_accept_tls(p->server, p->loop, p->tls, "slow:1", &c, NULL),
                     WEIR_OK);
    weir_loop_turn(p->loop, now);
    assert_false(weir_connection_done(c));
    weir_connection_shutdown(c, WEIR_SECONDS(60));
    assert_true(weir_connection_done(c));
    weir_connection_free(c);
}

/* GOAWAY and close_notify come in one piece. */
static void a_call_that_waits_moves_when_the_server_closes(void **state)
{
    weir_channel_options channel = {.tls = credentials_make(NULL, &ca)};
    struct pair *p = pair_create(&(weir_server_options){.max_streams = 1}, &channel);
    struct reader running, waiting;

    (void)state;
    weir_tls_unref(channel.tls);
    p->tls = credentials_make(&server, NULL);
    pair_call(p, &running, "/t.T/Hand", weir_stream_empty());
    pair_settle(p);
    pair_call(p, &waiting, "/t.T/Unary", text("x"));
    pair_settle(p);
    p->held[SERVER] = true;
    weir_connection_shutdown(pair_connection(p, SERVER), 0);
    pair_settle(p);
    p->held[SERVER] = false;
    pair_settle(p);
    expect_error(&running, WEIR_UNAVAILABLE);
    expect_text(&waiting, "x");
    expect_end(&waiting);
    assert_int_equal(p->connects, 2);
    reader_clear(&running);
    reader_clear(&waiting);
    secure_pair_free(p);
}

static void a_channel_that_ends_closes_both_ends(void **state)
{
    struct pair *p = *state;

    expect_works(p);
    pair_drop_channel(p);
    pair_settle(p);
    assert_int_equal(pair_wire_count(p), 0);
}

/* ---- memory ---- */

static void connect_once(bool *created)
{
    weir_tls_options of_server = certificate_options(&server, &ca);
    weir_tls *tls;

    *created = false;
    if (weir_tls_create(&of_server, &tls, NULL) != WEIR_OK)
        return;
    weir_tls_unref(tls);
    *created = true;
}

static void credentials_fail_whole_when_memory_is_out(void **state)
{
    bool created;

    (void)state;
    for (size_t at = 0;; at++) {
        memory_fail_at(at);
        connect_once(&created);
        if (!memory_failed())
            break;
        assert_false(created);
        assert_int_equal(memory_held(), 0);
    }
    memory_fail_at(SIZE_MAX);
    assert_true(created);
}

/* Each allocation of a connection and a call fails once: the call ends, and nothing is lost. */
static void a_call_ends_when_memory_is_out(void **state)
{
    struct pair *p = *state;
    bool failed = true;

    for (size_t at = 0; failed; at++) {
        struct reader r;
        weir_call *call = weir_call_create("/t.T/Echo");
        weir_stream responses;

        memory_fail_at(at);
        responses = weir_channel_call(p->channel, call, weir_stream_empty());
        pair_settle(p);
        failed = memory_failed();
        memory_fail_at(SIZE_MAX);
        reader_init(&r, responses, call);
        weir_call_unref(call);
        pair_settle(p);
        (void)reader_skim(&r);
        if (!r.over) { /* it waits for what the other end lost */
            pair_cut(p);
            pair_settle(p);
            (void)reader_skim(&r);
        }
        assert_true(r.over);
        assert_true(failed || r.code == WEIR_OK);
        reader_clear(&r);
        pair_cut(p);
        pair_settle(p);
    }
    expect_works(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TLS_TEST(calls_work_and_both_ends_know_how_they_are_protected),
        TLS_TEST(a_peer_outlives_its_connection_with_the_call),
        OWN_TEST(plain_text_has_no_tls_peer),
        TLS_TEST_WHOLE(large_messages_go_both_ways),
        TLS_TEST(a_reader_that_stalls_stops_the_generator),
        TLS_TEST(a_socket_that_stalls_stops_the_generator),
        TLS_TEST(a_connection_that_is_cut_was_not_closed),
        TLS_TEST(a_connection_cut_at_any_byte_ends_the_call),
        TLS_TEST(a_clients_handshake_has_the_time_for_connecting),
        TLS_TEST(a_servers_hello_shares_its_time_with_the_handshake),
        TLS_TEST(a_client_that_says_nothing_is_let_go_after_the_handshakes_time),
        TLS_TEST(a_shutdown_does_not_wait_for_handshakes),
        OWN_TEST(a_client_that_says_nothing_is_let_go_after_the_servers_time),
        OWN_TEST(a_call_that_waits_moves_when_the_server_closes),
        TLS_TEST(a_channel_that_ends_closes_both_ends),
        OWN_TEST(credentials_fail_whole_when_memory_is_out),
        TLS_TEST(a_call_ends_when_memory_is_out),
    };

    return cmocka_run_group_tests(tests, make_certificates, clear_certificates);
}
