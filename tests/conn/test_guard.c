/* SPDX-License-Identifier: MIT */
/*
 * test_guard.c - drains, keepalive, ages, and peers that only cost: over a raw peer.
 */
#include "conn/support/peer.h"

#include "channel/channel.h"

#include <string.h>

#define NOTICE_LAST_ID UINT32_C(0x7fffffff)

/* A server of these options in place of the test's own. */
static struct peer *own_server(const weir_server_options *options)
{
    struct peer *p = peer_of_server(options);

    peer_settle(p);
    return p;
}

/* The nth GOAWAY: its last stream, and whether its debug data is this text. */
static uint32_t goaway_last(const struct peer *p, size_t nth)
{
    const struct frame *frame = peer_find(p, NGHTTP2_GOAWAY, 0, nth);

    return frame != NULL ? frame_number(frame, 0) : 0;
}

static bool goaway_says(const struct peer *p, size_t nth, const char *text)
{
    const struct frame *frame = peer_find(p, NGHTTP2_GOAWAY, 0, nth);

    return frame != NULL && frame->size == 8 + strlen(text) &&
           memcmp(frame->payload + 8, text, strlen(text)) == 0;
}

static void answer_ping(struct peer *p, size_t nth)
{
    const struct frame *ping = peer_find(p, NGHTTP2_PING, 0, nth);

    assert_non_null(ping);
    peer_frame(p, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, ping->payload, 8);
    peer_settle(p);
}

/* ---- drain ---- */

static void a_drain_serves_what_was_on_its_way_and_then_says_where_it_ends(void **state)
{
    struct peer *p = own_server(NULL);

    (void)state;
    peer_request(p, 3, 0, "/t.T/Hand", NULL);
    peer_settle(p);
    weir_server_shutdown(p->server, WEIR_SECONDS(30));
    peer_settle(p);
    assert_int_equal(goaway_last(p, 0), NOTICE_LAST_ID);
    assert_int_equal(peer_count(p, NGHTTP2_GOAWAY, 0), 1);
    peer_request(p, 5, 0, "/t.T/Unary", NULL);
    peer_message(p, 5, END_STREAM, "hi");
    peer_settle(p);
    expect_status(p, 5, WEIR_OK);
    answer_ping(p, 0);
    assert_int_equal(peer_count(p, NGHTTP2_GOAWAY, 0), 2);
    assert_int_equal(goaway_last(p, 1), 5);
    assert_non_null(p->connection); /* stream 3 runs */
    source_end(&p->service->served[0].responses, WEIR_OK);
    peer_settle(p);
    expect_status(p, 3, WEIR_OK);
    assert_null(p->connection);
    peer_free(p);
}

/* Ahead of it, it would come back before the last stream that was opened in ignorance. */
static void the_ping_of_a_drain_is_behind_its_notice(void **state)
{
    struct peer *p = own_server(NULL);

    (void)state;
    peer_request(p, 3, 0, "/t.T/Hand", NULL);
    peer_settle(p);
    weir_server_shutdown(p->server, WEIR_SECONDS(30));
    peer_settle(p);
    assert_non_null(peer_find(p, NGHTTP2_PING, 0, 0));
    assert_true(peer_find(p, NGHTTP2_GOAWAY, 0, 0) < peer_find(p, NGHTTP2_PING, 0, 0));
    peer_free(p);
}

static void a_peer_that_does_not_answer_the_ping_is_told_after_5_seconds(void **state)
{
    struct peer *p = own_server(NULL);

    (void)state;
    peer_request(p, 3, 0, "/t.T/Hand", NULL);
    peer_settle(p);
    weir_server_shutdown(p->server, WEIR_SECONDS(30));
    peer_advance(p, WEIR_SECONDS(5) - 1);
    assert_int_equal(peer_count(p, NGHTTP2_GOAWAY, 0), 1);
    peer_advance(p, 1);
    assert_int_equal(peer_count(p, NGHTTP2_GOAWAY, 0), 2);
    assert_non_null(p->connection);
    peer_advance(p, WEIR_SECONDS(25) - 1);
    assert_int_equal(p->service->served[0].responses.released, 0);
    peer_advance(p, 1);
    assert_int_equal(p->service->served[0].responses.released, 1);
    peer_free(p);
}

static void a_shutdown_without_grace_ends_at_once(void **state)
{
    struct peer *p = own_server(NULL);

    (void)state;
    peer_request(p, 3, 0, "/t.T/Hand", NULL);
    peer_settle(p);
    weir_server_shutdown(p->server, 0);
    peer_advance(p, 0);
    assert_int_equal(goaway_last(p, 0), 3);
    assert_int_equal(p->service->served[0].responses.released, 1);
    peer_free(p);
}

/* ---- ages ---- */

static void a_connection_without_calls_is_shut_down_and_told_why(void **state)
{
    const weir_server_options options = {.max_connection_idle_ns = WEIR_SECONDS(60)};
    struct peer *p = own_server(&options);

    (void)state;
    peer_advance(p, WEIR_SECONDS(50));
    peer_request(p, 1, 0, "/t.T/Unary", NULL);
    peer_message(p, 1, END_STREAM, "hi");
    peer_settle(p);
    expect_status(p, 1, WEIR_OK);
    peer_advance(p, WEIR_SECONDS(59));
    assert_int_equal(peer_count(p, NGHTTP2_GOAWAY, 0), 0);
    peer_advance(p, WEIR_SECONDS(1));
    assert_int_equal(goaway_last(p, 0), NOTICE_LAST_ID);
    answer_ping(p, 0);
    assert_true(goaway_says(p, 1, "max_idle"));
    assert_null(p->connection);
    peer_free(p);
}

static void a_connection_of_age_ends_its_calls_after_a_grace(void **state)
{
    const weir_server_options options = {.max_connection_age_ns = WEIR_SECONDS(100),
                                         .max_connection_age_grace_ns = WEIR_SECONDS(30)};
    struct peer *p = own_server(&options);

    (void)state;
    peer_request(p, 1, 0, "/t.T/Hand", NULL);
    peer_settle(p);
    peer_advance(p, WEIR_SECONDS(89));
    assert_int_equal(peer_count(p, NGHTTP2_GOAWAY, 0), 0);
    for (int i = 0; i < 22 && peer_count(p, NGHTTP2_GOAWAY, 0) == 0; i++) /* 10 % more or less */
        peer_advance(p, WEIR_SECONDS(1));
    assert_int_equal(goaway_last(p, 0), NOTICE_LAST_ID);
    answer_ping(p, 0);
    assert_true(goaway_says(p, 1, "max_age"));
    assert_int_equal(p->service->served[0].responses.released, 0);
    peer_advance(p, WEIR_SECONDS(31));
    assert_int_equal(p->service->served[0].responses.released, 1);
    peer_free(p);
}

static void a_connection_that_was_idle_is_of_age_all_the_same(void **state)
{
    const weir_server_options options = {.max_connection_idle_ns = WEIR_SECONDS(5),
                                         .max_connection_age_ns = WEIR_SECONDS(60),
                                         .max_connection_age_grace_ns = WEIR_SECONDS(1)};
    struct peer *p = own_server(&options);

    (void)state;
    peer_advance(p, WEIR_SECONDS(6));
    assert_int_equal(goaway_last(p, 0), NOTICE_LAST_ID);
    peer_request(p, 1, 0, "/t.T/Hand", NULL); /* it may: that was but a notice */
    peer_advance(p, WEIR_SECONDS(40));
    assert_int_equal(p->service->served[0].responses.released, 0);
    peer_advance(p, WEIR_SECONDS(30));
    assert_int_equal(p->service->served[0].responses.released, 1);
    peer_free(p);
}

static void a_second_shutdown_does_not_undo_the_end_of_the_first(void **state)
{
    struct peer *p = own_server(NULL);

    (void)state;
    peer_request(p, 1, 0, "/t.T/Hand", NULL);
    peer_settle(p);
    p->deaf = true;
    weir_server_shutdown(p->server, WEIR_SECONDS(1));
    peer_advance(p, WEIR_SECONDS(1));
    weir_server_shutdown(p->server, WEIR_NEVER);
    peer_advance(p, WEIR_SECONDS(2));
    assert_null(p->connection);
    peer_free(p);
}

/* ---- keepalive ---- */

static void a_server_gives_up_a_peer_that_answers_no_ping(void **state)
{
    const weir_server_options options = {.keepalive_ns = WEIR_SECONDS(60)};
    struct peer *p = own_server(&options);

    (void)state;
    peer_advance(p, WEIR_SECONDS(60));
    assert_int_equal(peer_count(p, NGHTTP2_PING, 0), 1);
    answer_ping(p, 0);
    peer_advance(p, WEIR_SECONDS(59));
    assert_int_equal(peer_count(p, NGHTTP2_PING, 0), 1);
    peer_advance(p, WEIR_SECONDS(1));
    assert_int_equal(peer_count(p, NGHTTP2_PING, 0), 2);
    peer_advance(p, WEIR_SECONDS(20) - 1);
    assert_non_null(p->connection);
    peer_advance(p, 1);
    assert_null(p->connection);
    peer_free(p);
}

static void a_ping_that_may_take_for_ever_is_sent_once(void **state)
{
    const weir_server_options options = {.keepalive_ns = WEIR_SECONDS(60),
                                         .keepalive_timeout_ns = WEIR_NEVER};
    struct peer *p = own_server(&options);

    (void)state;
    peer_advance(p, WEIR_SECONDS(3000));
    assert_int_equal(peer_count(p, NGHTTP2_PING, 0), 1);
    assert_non_null(p->connection);
    peer_free(p);
}

static void any_byte_puts_off_a_ping(void **state)
{
    const weir_server_options options = {.keepalive_ns = WEIR_SECONDS(60)};
    struct peer *p = own_server(&options);

    (void)state;
    for (int i = 0; i < 5; i++) {
        peer_advance(p, WEIR_SECONDS(59));
        peer_window(p, 0, 1);
        peer_settle(p);
    }
    assert_int_equal(peer_count(p, NGHTTP2_PING, 0), 0);
    peer_free(p);
}

static void a_client_pings_while_calls_run_and_ends_them_when_nothing_comes(void **state)
{
    const weir_channel_options options = {.keepalive_ns = WEIR_SECONDS(30)};
    struct peer *p = peer_of_client(&options);
    struct reader r;

    (void)state;
    peer_advance(p, WEIR_SECONDS(300));
    assert_int_equal(peer_count(p, NGHTTP2_PING, 0), 0);
    peer_call(p, &r, "/t.T/x", weir_stream_empty());
    peer_window(p, 0, 1);
    peer_settle(p);
    peer_advance(p, WEIR_SECONDS(30));
    assert_int_equal(peer_count(p, NGHTTP2_PING, 0), 1);
    expect_pending(&r);
    peer_advance(p, WEIR_SECONDS(20));
    expect_error(&r, WEIR_UNAVAILABLE);
    reader_clear(&r);
    peer_free(p);
}

/* ---- first words, and the end of what was begun ---- */

/* A peer that has sent nothing yet, not even its preface. */
static struct peer *silent_peer(const weir_server_options *options)
{
    struct peer *p = peer_of_server(options);

    p->mute = true;
    p->out.size = 0;
    peer_settle(p);
    return p;
}

static void a_peer_that_says_nothing_is_cut_off_after_20_seconds(void **state)
{
    struct peer *p = silent_peer(NULL);

    (void)state;
    peer_advance(p, WEIR_SECONDS(20) - 1);
    assert_int_equal(peer_count(p, NGHTTP2_GOAWAY, 0), 0);
    peer_advance(p, 1);
    expect_goaway(p, NGHTTP2_SETTINGS_TIMEOUT);
    assert_true(goaway_says(p, 0, "handshake_timeout"));
    peer_free(p);
}

static void a_preface_byte_by_byte_puts_nothing_off(void **state)
{
    const weir_server_options options = {.handshake_timeout_ns = WEIR_SECONDS(10)};
    struct peer *p = silent_peer(&options);

    (void)state;
    for (int i = 0; i < 9; i++) {
        peer_send(p, &NGHTTP2_CLIENT_MAGIC[i], 1);
        peer_advance(p, WEIR_SECONDS(1));
    }
    assert_non_null(p->connection);
    peer_send(p, &NGHTTP2_CLIENT_MAGIC[9], 1);
    peer_advance(p, WEIR_SECONDS(1));
    assert_null(p->connection);
    peer_free(p);
}

static void a_preface_without_settings_is_no_hello(void **state)
{
    struct peer *p = silent_peer(NULL);

    (void)state;
    peer_send(p, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
    peer_advance(p, WEIR_SECONDS(20));
    expect_goaway(p, NGHTTP2_SETTINGS_TIMEOUT);
    peer_free(p);
}

static void a_peer_that_said_hello_may_be_silent(void **state)
{
    struct peer *p = own_server(NULL);

    (void)state;
    peer_advance(p, WEIR_SECONDS(3600));
    peer_request(p, 1, 0, "/t.T/Unary", NULL);
    peer_message(p, 1, END_STREAM, "hi");
    peer_settle(p);
    expect_status(p, 1, WEIR_OK);
    peer_free(p);
}

static void without_timeouts_a_peer_may_take_for_ever(void **state)
{
    const weir_server_options options = {.keepalive_ns = WEIR_NEVER,
                                         .handshake_timeout_ns = WEIR_NEVER,
                                         .header_timeout_ns = WEIR_NEVER};
    struct peer *p = silent_peer(&options);

    (void)state;
    peer_advance(p, WEIR_SECONDS(3600));
    peer_send(p, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
    peer_frame(p, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    peer_send(p, "\0\0", 2);
    peer_advance(p, WEIR_SECONDS(3600));
    assert_int_equal(peer_count(p, NGHTTP2_GOAWAY, 0), 0);
    peer_free(p);
}

static void expect_cut_for_its_header(struct peer *p)
{
    expect_goaway(p, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_true(goaway_says(p, 0, "header_timeout"));
}

static void a_header_block_that_does_not_end_is_cut_off_after_30_seconds(void **state)
{
    const weir_server_options options = {.keepalive_ns = WEIR_NEVER};
    static const uint8_t indexed[] = {0x83}; /* :method POST */
    struct peer *p = own_server(&options);

    (void)state;
    peer_frame(p, NGHTTP2_HEADERS, 0, 1, indexed, 1);
    for (int i = 0; i < 5; i++) { /* its pieces are no progress */
        peer_advance(p, WEIR_SECONDS(5));
        peer_frame(p, NGHTTP2_CONTINUATION, 0, 1, NULL, 0);
    }
    peer_advance(p, WEIR_SECONDS(5) - 1);
    assert_int_equal(peer_count(p, NGHTTP2_GOAWAY, 0), 0);
    peer_advance(p, 1);
    expect_cut_for_its_header(p);
    peer_free(p);
}

static void a_part_of_a_frame_is_cut_off(void **state)
{
    static const uint8_t part[] = {0, 0, 9, NGHTTP2_DATA, 0, 0, 0, 0, 1, 'x'};

    (void)state;
    for (size_t size = 1; size <= sizeof part; size++) {
        struct peer *p = own_server(NULL);

        peer_request(p, 1, 0, "/t.T/Echo", NULL);
        peer_send(p, part, size);
        peer_advance(p, WEIR_SECONDS(30) - 1);
        assert_int_equal(peer_count(p, NGHTTP2_GOAWAY, 0), 0);
        peer_advance(p, 1);
        expect_cut_for_its_header(p);
        peer_free(p);
    }
}

/* Never between two frames, but each comes whole in time. */
static void a_slow_peer_that_finishes_its_frames_is_served(void **state)
{
    static const uint8_t ping[] = {0, 0, 8, NGHTTP2_PING, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    struct peer *p = own_server(NULL);

    (void)state;
    peer_send(p, ping, 3);
    for (int i = 0; i < 20; i++) {
        peer_advance(p, WEIR_SECONDS(29));
        peer_send(p, ping + 3, sizeof ping - 3);
        peer_send(p, ping, 3);
    }
    assert_int_equal(peer_count(p, NGHTTP2_GOAWAY, 0), 0);
    peer_send(p, ping + 3, sizeof ping - 3);
    peer_request(p, 1, 0, "/t.T/Unary", NULL);
    peer_message(p, 1, END_STREAM, "hi");
    peer_settle(p);
    expect_status(p, 1, WEIR_OK);
    peer_advance(p, WEIR_SECONDS(3600));
    assert_int_equal(peer_count(p, NGHTTP2_GOAWAY, 0), 0);
    peer_free(p);
}

/* It was a laptop's lid, or a stopped process, and the rest waits in the socket. */
static void a_server_that_slept_does_not_blame_its_peer(void **state)
{
    struct peer *late = silent_peer(NULL), *p = own_server(NULL);

    (void)state;
    now += WEIR_SECONDS(3600);
    peer_settle(late);
    assert_int_equal(peer_count(late, NGHTTP2_GOAWAY, 0), 0);
    peer_advance(late, WEIR_SECONDS(14));
    assert_int_equal(peer_count(late, NGHTTP2_GOAWAY, 0), 0);
    peer_advance(late, WEIR_SECONDS(1));
    expect_goaway(late, NGHTTP2_SETTINGS_TIMEOUT);
    peer_send(p, "\0", 1);
    peer_settle(p);
    now += WEIR_SECONDS(3600);
    peer_settle(p);
    peer_advance(p, WEIR_SECONDS(24));
    assert_int_equal(peer_count(p, NGHTTP2_GOAWAY, 0), 0);
    peer_advance(p, WEIR_SECONDS(1));
    expect_cut_for_its_header(p);
    peer_free(p);
    peer_free(late);
}

/* nghttp2 does not tell of frames that it passes over. */
static void frames_for_streams_that_are_gone_are_whole_too(void **state)
{
    struct peer *p = own_server(NULL);

    (void)state;
    peer_request(p, 1, 0, "/t.T/Fail", NULL);
    peer_settle(p);
    expect_reset(p, 1, NGHTTP2_NO_ERROR);
    peer_data(p, 1, 0, "late", 4);
    peer_settle(p);
    peer_headers(p, 1, END_STREAM, "late", "1", NULL);
    peer_advance(p, WEIR_SECONDS(60));
    assert_int_equal(peer_count(p, NGHTTP2_GOAWAY, 0), 0);
    peer_free(p);
}

/* ---- how many ---- */

static weir_code accept_another(struct peer *p, weir_connection **out)
{
    return weir_server_accept(p->server, p->loop, "another:1", out, NULL);
}

static void connections_past_the_most_are_refused_until_one_leaves(void **state)
{
    const weir_server_options options = {.max_connections = 2};
    struct peer *p = own_server(&options);
    weir_connection *second, *third;

    (void)state;
    assert_int_equal(accept_another(p, &second), WEIR_OK);
    assert_int_equal(accept_another(p, &third), WEIR_RESOURCE_EXHAUSTED);
    assert_null(third);
    weir_connection_free(second);
    assert_int_equal(accept_another(p, &third), WEIR_OK);
    assert_int_equal(accept_another(p, &second), WEIR_RESOURCE_EXHAUSTED);
    weir_connection_free(third);
    peer_free(p);
}

/* ---- peers that only cost ---- */

static void pings_too_close_together_end_the_connection(void **state)
{
    struct peer *p = *state;

    peer_request(p, 3, 0, "/t.T/Hand", NULL);
    peer_settle(p);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(peer_count(p, NGHTTP2_GOAWAY, 0), 0);
        peer_frame(p, NGHTTP2_PING, 0, 0, "12345678", 8);
        peer_settle(p);
    }
    expect_goaway(p, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_true(goaway_says(p, 0, "too_many_pings"));
    assert_int_equal(peer_count(p, NGHTTP2_GOAWAY, 0), 1); /* none behind it without the reason */
}

/* So many in one read that nghttp2 itself has enough before the guard looks. */
static void a_burst_of_pings_is_called_that(void **state)
{
    struct peer *p = *state;
    struct buffer *out = &p->out;

    for (int i = 0; i < 2000; i++)
        peer_frame(p, NGHTTP2_PING, 0, 0, "12345678", 8);
    assert_int_equal(weir_connection_input(p->connection, out->data, out->size), WEIR_INTERNAL);
    out->size = 0;
    peer_settle(p);
    expect_goaway(p, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_true(goaway_says(p, 0, "too_many_pings"));
}

/* The end was on its way before the guard looked, with the only GOAWAY that there will be. */
static void who_floods_behind_an_error_still_hears_of_that(void **state)
{
    static const char broken_hpack[] = "\0\0\1\1\4\0\0\0\3\xff";
    struct peer *p = *state;
    struct buffer *out = &p->out;

    peer_send(p, broken_hpack, sizeof broken_hpack - 1);
    for (int i = 0; i < 11000; i++)
        peer_frame(p, NGHTTP2_WINDOW_UPDATE, 0, 0, "\0\0\0\1", 4);
    (void)!weir_connection_input(p->connection, out->data, out->size);
    out->size = 0;
    peer_settle(p);
    expect_goaway(p, NGHTTP2_COMPRESSION_ERROR);
}

static void pings_far_enough_apart_or_with_data_between_are_no_strikes(void **state)
{
    struct peer *p = *state;

    peer_request(p, 3, 0, "/t.T/Echo", NULL);
    peer_settle(p);
    for (int i = 0; i < 10; i++) {
        peer_frame(p, NGHTTP2_PING, 0, 0, "12345678", 8);
        peer_settle(p);
        peer_advance(p, WEIR_SECONDS(5 * 60));
    }
    for (int i = 0; i < 100; i++) { /* as clients measure their bandwidth */
        peer_frame(p, NGHTTP2_PING, 0, 0, "12345678", 8);
        peer_message(p, 3, 0, "hi");
        peer_settle(p);
    }
    assert_int_equal(peer_count(p, NGHTTP2_GOAWAY, 0), 0);
}

/* Frames of this kind until the connection ends: how many it took. */
static int flood(struct peer *p, uint8_t type, uint8_t flags, const void *payload, size_t size,
                 int32_t stream)
{
    int sent = 0;

    while (p->connection != NULL && peer_count(p, NGHTTP2_GOAWAY, 0) == 0 && sent < 30000) {
        for (int i = 0; i < 100; i++, sent++)
            peer_frame(p, type, flags, stream, payload, size);
        peer_settle(p);
    }
    return sent;
}

static void frames_that_move_nothing_end_the_connection(void **state)
{
    static const uint8_t priority[5], goaway[8], increment[4] = {0, 0, 0, 1};
    static const uint8_t padding[3] = {2};
    static const struct {
        uint8_t type;
        uint8_t flags;
        const void *payload;
        size_t size;
        int32_t stream;
    } kinds[] = {
        {NGHTTP2_DATA, 0, NULL, 0, 3},
        {NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, padding, 3, 3},
        {NGHTTP2_WINDOW_UPDATE, 0, increment, 4, 0},
        {NGHTTP2_PRIORITY, 0, priority, 5, 3},
        {NGHTTP2_SETTINGS, 0, NULL, 0, 0},
        {NGHTTP2_GOAWAY, 0, goaway, 8, 0},
        {0x55, 0, "?", 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct peer *p = own_server(NULL);
        int sent;

        peer_request(p, 3, 0, "/t.T/Hand", NULL);
        peer_settle(p);
        sent = flood(p, kinds[i].type, kinds[i].flags, kinds[i].payload, kinds[i].size,
                     kinds[i].stream);
        assert_in_range(sent, 10000, 10500);
        expect_goaway(p, NGHTTP2_ENHANCE_YOUR_CALM);
        peer_free(p);
    }
}

/* HTTP/2 lets them come for a while, and nghttp2 passes over them without a word. */
static void data_of_a_stream_that_is_gone_is_counted(void **state)
{
    static const uint8_t too_much[4] = {0x7f, 0xff, 0xff, 0xff};
    struct peer *p = *state;
    int sent;

    peer_request(p, 3, 0, "/t.T/Echo", NULL);
    peer_frame(p, NGHTTP2_WINDOW_UPDATE, 0, 3, too_much, 4);
    peer_settle(p);
    expect_reset(p, 3, NGHTTP2_FLOW_CONTROL_ERROR);
    sent = flood(p, NGHTTP2_DATA, END_STREAM, NULL, 0, 3);
    assert_in_range(sent, 10000, 10500);
    expect_goaway(p, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void tiny_messages_with_a_window_update_each_are_no_flood(void **state)
{
    struct peer *p = *state;

    peer_request(p, 3, 0, "/t.T/Echo", NULL);
    for (int i = 0; i < 8000; i++) {
        peer_message(p, 3, 0, "hi");
        peer_window(p, 3, 7);
        peer_window(p, 0, 7);
        if (i % 100 == 99)
            peer_settle(p);
    }
    assert_int_equal(peer_count(p, NGHTTP2_GOAWAY, 0), 0);
    expect_unharmed(p);
}

/* A window that grows past its limit is an error of its stream: the server resets it, and not the
 * client. */
static void streams_that_make_us_reset_them_end_the_connection(void **state)
{
    static const uint8_t too_much[4] = {0x7f, 0xff, 0xff, 0xff};
    struct peer *p = *state;
    int32_t id = 3;

    while (p->connection != NULL && peer_count(p, NGHTTP2_GOAWAY, 0) == 0 && id < 6000) {
        peer_request(p, id, 0, "/t.T/Echo", NULL);
        peer_frame(p, NGHTTP2_WINDOW_UPDATE, 0, id, too_much, 4);
        peer_settle(p);
        id += 2;
    }
    assert_in_range(id, 2 * 1000, 2 * 1100);
    expect_goaway(p, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_true(goaway_says(p, 0, "too_many_resets"));
}

/* Opens and resets streams, at most 3,000: how many it were when the connection was cut. */
static int cancel_calls(struct peer *p)
{
    int count = 0;

    while (p->connection != NULL && peer_count(p, NGHTTP2_GOAWAY, 0) == 0 && count < 3000) {
        int32_t id = 3 + 2 * count++;

        peer_request(p, id, 0, "/t.T/Echo", NULL);
        peer_frame(p, NGHTTP2_RST_STREAM, 0, id, "\0\0\0\10", 4);
        if (count % 50 == 0)
            peer_settle(p);
    }
    return count;
}

static void calls_cancelled_by_the_thousand_end_the_connection(void **state)
{
    struct peer *p = *state;

    assert_in_range(cancel_calls(p), 1001, 1100);
    expect_goaway(p, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_true(goaway_says(p, 0, "too_many_cancels"));
}

static void cancels_leak_as_fast_as_they_may(void **state)
{
    static const weir_server_options options = {.max_cancels_per_second = 500};
    struct peer *p = own_server(&options);
    int32_t id = 3;

    (void)state;
    for (int second = 0; second < 5; second++) {
        for (int i = 0; i < 500; i++, id += 2) {
            peer_request(p, id, 0, "/t.T/Echo", NULL);
            peer_frame(p, NGHTTP2_RST_STREAM, 0, id, "\0\0\0\10", 4);
        }
        peer_settle(p);
        peer_advance(p, WEIR_SECONDS(1));
    }
    assert_int_equal(peer_count(p, NGHTTP2_GOAWAY, 0), 0);
    peer_free(p);
}

static void any_number_of_cancels_can_be_allowed(void **state)
{
    static const weir_server_options options = {.max_cancels_per_second = UINT32_MAX};
    struct peer *p = own_server(&options);

    (void)state;
    assert_int_equal(cancel_calls(p), 3000);
    assert_int_equal(peer_count(p, NGHTTP2_GOAWAY, 0), 0);
    peer_free(p);
}

static void say_goaway(struct peer *p, uint8_t error, const char *debug)
{
    uint8_t payload[64] = {0x7f, 0xff, 0xff, 0xff, 0, 0, 0, error};

    memcpy(payload + 8, debug, strlen(debug));
    peer_frame(p, NGHTTP2_GOAWAY, 0, 0, payload, 8 + strlen(debug));
    peer_settle(p);
}

static uint64_t keepalive_after(uint8_t error, const char *debug)
{
    const weir_channel_options options = {.keepalive_ns = WEIR_SECONDS(10)};
    struct peer *p = peer_of_client(&options);
    uint64_t keepalive;
    struct reader r;

    peer_call(p, &r, "/t.T/x", weir_stream_empty());
    say_goaway(p, error, debug);
    keepalive = p->channel->options.keepalive_ns;
    reader_clear(&r);
    peer_free(p);
    return keepalive;
}

static void a_server_that_finds_too_many_pings_is_pinged_half_as_often(void **state)
{
    (void)state;
    assert_int_equal(keepalive_after(NGHTTP2_ENHANCE_YOUR_CALM, "too_many_pings"),
                     WEIR_SECONDS(20));
    assert_int_equal(keepalive_after(NGHTTP2_ENHANCE_YOUR_CALM, "too_many_cancels"),
                     WEIR_SECONDS(10));
    assert_int_equal(keepalive_after(NGHTTP2_NO_ERROR, "too_many_pings"), WEIR_SECONDS(10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(a_drain_serves_what_was_on_its_way_and_then_says_where_it_ends),
        SERVER_TEST(the_ping_of_a_drain_is_behind_its_notice),
        SERVER_TEST(a_peer_that_does_not_answer_the_ping_is_told_after_5_seconds),
        SERVER_TEST(a_shutdown_without_grace_ends_at_once),
        SERVER_TEST(a_connection_without_calls_is_shut_down_and_told_why),
        SERVER_TEST(a_connection_of_age_ends_its_calls_after_a_grace),
        SERVER_TEST(a_connection_that_was_idle_is_of_age_all_the_same),
        SERVER_TEST(a_second_shutdown_does_not_undo_the_end_of_the_first),
        SERVER_TEST(a_server_gives_up_a_peer_that_answers_no_ping),
        SERVER_TEST(a_ping_that_may_take_for_ever_is_sent_once),
        SERVER_TEST(any_byte_puts_off_a_ping),
        SERVER_TEST(a_client_pings_while_calls_run_and_ends_them_when_nothing_comes),
        SERVER_TEST(a_peer_that_says_nothing_is_cut_off_after_20_seconds),
        SERVER_TEST(a_preface_byte_by_byte_puts_nothing_off),
        SERVER_TEST(a_preface_without_settings_is_no_hello),
        SERVER_TEST(a_peer_that_said_hello_may_be_silent),
        SERVER_TEST(without_timeouts_a_peer_may_take_for_ever),
        SERVER_TEST(a_header_block_that_does_not_end_is_cut_off_after_30_seconds),
        SERVER_TEST(a_part_of_a_frame_is_cut_off),
        SERVER_TEST(a_slow_peer_that_finishes_its_frames_is_served),
        SERVER_TEST(a_server_that_slept_does_not_blame_its_peer),
        SERVER_TEST(frames_for_streams_that_are_gone_are_whole_too),
        SERVER_TEST(connections_past_the_most_are_refused_until_one_leaves),
        SERVER_TEST(pings_too_close_together_end_the_connection),
        SERVER_TEST_WHOLE(a_burst_of_pings_is_called_that),
        SERVER_TEST_WHOLE(who_floods_behind_an_error_still_hears_of_that),
        SERVER_TEST(pings_far_enough_apart_or_with_data_between_are_no_strikes),
        SERVER_TEST(frames_that_move_nothing_end_the_connection),
        SERVER_TEST(tiny_messages_with_a_window_update_each_are_no_flood),
        SERVER_TEST(streams_that_make_us_reset_them_end_the_connection),
        SERVER_TEST(data_of_a_stream_that_is_gone_is_counted),
        SERVER_TEST(calls_cancelled_by_the_thousand_end_the_connection),
        SERVER_TEST(cancels_leak_as_fast_as_they_may),
        SERVER_TEST(any_number_of_cancels_can_be_allowed),
        TEST_ROW("a_server_that_finds_too_many_pings_is_pinged_half_as_often",
                 a_server_that_finds_too_many_pings_is_pinged_half_as_often, NULL, NULL),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
