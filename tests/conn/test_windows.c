/* SPDX-License-Identifier: MIT */
/*
 * test_windows.c - windows grow with what the path holds, for readers that wait.
 */
#include "conn/support/peer.h"

#define FIRST 65535
#define PIECE 16000

/* What the peer may still send on this stream, when it sent so much. */
static int64_t room(const struct peer *p, int32_t stream, int64_t sent)
{
    return FIRST + (int64_t)peer_credit(p, stream) - sent;
}

static int64_t bytes_sent; /* on stream 3 */

static void open_upload(struct peer *p)
{
    bytes_sent = 0;
    peer_request(p, 3, 0, "/t.T/Up", NULL);
}

/* One after the other: two are more than what may be left of a window. */
static void upload(struct peer *p, int pieces)
{
    for (int i = 0; i < pieces; i++) {
        peer_large_message(p, 3, 0, PIECE);
        peer_settle(p);
    }
    bytes_sent += pieces * (PIECE + 5);
}

static size_t pings(const struct peer *p)
{
    return peer_count(p, NGHTTP2_PING, 0);
}

static void answer(struct peer *p, size_t nth)
{
    const struct frame *ping = peer_find(p, NGHTTP2_PING, 0, nth);

    assert_non_null(ping);
    peer_frame(p, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, ping->payload, ping->size);
    peer_settle(p);
}

/* So many pieces between a ping, which comes when enough did, and its answer. */
static void sample(struct peer *p, size_t nth, int pieces)
{
    for (int i = 0; i < 100 && pings(p) == nth; i++)
        upload(p, 1);
    upload(p, pieces);
    peer_advance(p, WEIR_MILLISECONDS(50));
    answer(p, nth);
}

static void a_reader_that_waits_gets_a_larger_window(void **state)
{
    struct peer *p = *state;
    int64_t most = 0;

    open_upload(p);
    sample(p, 0, 3);
    for (int i = 0; i < 8; i++) {
        upload(p, 1);
        if (room(p, 3, bytes_sent) > most)
            most = room(p, 3, bytes_sent);
    }
    assert_in_range(most, FIRST + 20000, 3 * FIRST);
    peer_large_message(p, 3, 0, (size_t)room(p, 3, bytes_sent) - 5); /* it may be used up */
    peer_settle(p);
    assert_int_equal(peer_count(p, NGHTTP2_RST_STREAM, 3), 0);
    expect_unharmed(p);
}

static void the_connections_window_grows_with_the_path(void **state)
{
    struct peer *p = *state;
    int64_t before = room(p, 0, 0);

    open_upload(p);
    for (int nth = 0; nth < 5; nth++)
        sample(p, (size_t)nth, 3 << nth);
    upload(p, 20);
    assert_in_range(before, 200000, 300000);
    assert_true(room(p, 0, bytes_sent) > 300000);
    expect_unharmed(p);
}

/* However many keep up: what they could hold together if they all stalled now has a bound. */
static void all_windows_of_a_connection_have_a_sum(void **state)
{
    enum { STREAMS = 10, MAX = 400000 };
    const weir_server_options options = {.max_window_size = MAX};
    struct peer *p = peer_of_server(&options);
    int64_t sum = 0;

    (void)state;
    open_upload(p);
    for (int nth = 0; nth < 3; nth++)
        sample(p, (size_t)nth, 3 << (2 * nth));
    for (int32_t id = 5; id < 5 + 2 * STREAMS; id += 2) {
        peer_request(p, id, 0, "/t.T/Up", NULL);
        for (int i = 0; i < 4; i++) {
            peer_large_message(p, id, 0, PIECE);
            peer_settle(p);
        }
        sum += room(p, id, 4 * (PIECE + 5)) - FIRST;
        assert_int_equal(peer_count(p, NGHTTP2_RST_STREAM, id), 0);
    }
    sum += room(p, 3, bytes_sent) - FIRST;
    assert_in_range(sum, MAX, 2 * MAX);
    peer_free(p);
}

/* It polls once for each message that came, and so is never told to wait. */
static void a_reader_that_takes_what_comes_gets_a_larger_window(void **state)
{
    struct peer *p = *state;
    struct reader *reader = &p->service->served[0].requests;
    int64_t most = 0, sent = 0;

    open_upload(p);
    sample(p, 0, 3);
    peer_request(p, 5, 0, "/t.T/Hand", NULL);
    for (int i = 0; i < 8; i++) {
        weir_item item;

        peer_large_message(p, 5, 0, PIECE);
        peer_settle(p);
        assert_int_equal(reader_poll(reader, &item), WEIR_READY);
        weir_item_clear(&item);
        peer_settle(p);
        sent += PIECE + 5;
        most = room(p, 5, sent) > most ? room(p, 5, sent) : most;
    }
    assert_in_range(most, FIRST + 20000, 3 * FIRST);
    expect_unharmed(p);
}

static void who_does_not_read_gets_no_larger_window(void **state)
{
    struct peer *p = *state;

    open_upload(p);
    sample(p, 0, 3);
    peer_request(p, 5, 0, "/t.T/Hand", NULL);
    for (int i = 0; i < 4; i++)
        peer_large_message(p, 5, 0, PIECE);
    peer_settle(p);
    assert_true(room(p, 5, 0) <= FIRST + PIECE);
    assert_int_equal(peer_count(p, NGHTTP2_RST_STREAM, 5), 0);
    expect_unharmed(p);
}

static void a_ping_without_an_answer_changes_nothing(void **state)
{
    struct peer *p = *state;

    open_upload(p);
    for (int i = 0; i < 50; i++)
        upload(p, 3);
    assert_int_equal(pings(p), 1);
    assert_true(room(p, 3, bytes_sent) <= FIRST);
    expect_unharmed(p);
}

static void a_maximum_of_64_KiB_keeps_windows_as_they_begin(void **state)
{
    const weir_server_options options = {.max_window_size = 65535};
    struct peer *p = peer_of_server(&options);

    (void)state;
    open_upload(p);
    for (int i = 0; i < 50; i++)
        upload(p, 3);
    assert_int_equal(pings(p), 0);
    peer_free(p);
}

/* A message of the server's on this stream, taken at once. */
static void answer_a_piece(struct peer *p, int32_t stream, struct reader *reader)
{
    peer_large_message(p, stream, 0, PIECE);
    peer_settle(p);
    assert_int_equal(reader_skim(reader), 1);
    peer_settle(p);
}

/* Its HEADERS have not left, so the server could not be told of a window then. */
static void a_call_that_begins_as_windows_grow_gets_its_own_when_it_has_left(void **state)
{
    struct peer *p = *state;
    struct source *requests = peer_source(p, (struct source){.count = 1, .size = 10});
    weir_call *call = weir_call_create("/t.T/Echo");
    const struct frame *ping;
    int64_t most = 0, sent = 0;
    struct reader r;

    peer_headers(p, 1, 0, RESPONSE, NULL);
    peer_settle(p);
    (void)reader_skim(&p->neighbour);
    for (int i = 0; i < 5; i++)
        answer_a_piece(p, 1, &p->neighbour);
    peer_advance(p, WEIR_MILLISECONDS(50));
    assert_int_equal(pings(p), 1);
    ping = peer_find(p, NGHTTP2_PING, 0, 0);
    reader_init(&r, weir_channel_call(p->channel, call, source_stream(requests)), call);
    weir_call_unref(call);
    expect_pending(&r); /* it waits, and so wants a larger window */
    peer_frame(p, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, ping->payload, ping->size);
    assert_int_equal(weir_connection_input(p->connection, p->out.data, p->out.size), WEIR_OK);
    p->out.taken = p->out.size = 0;
    peer_settle(p);
    assert_non_null(peer_find(p, NGHTTP2_HEADERS, 3, 0));
    peer_headers(p, 3, 0, RESPONSE, NULL);
    peer_settle(p);
    for (int i = 0; i < 8; i++) {
        answer_a_piece(p, 3, &r);
        sent += PIECE + 5;
        most = room(p, 3, sent) > most ? room(p, 3, sent) : most;
    }
    assert_in_range(most, FIRST + 20000, 3 * FIRST);
    reader_clear(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(a_reader_that_waits_gets_a_larger_window),
        SERVER_TEST(a_reader_that_takes_what_comes_gets_a_larger_window),
        SERVER_TEST(the_connections_window_grows_with_the_path),
        TEST_ROW("all_windows_of_a_connection_have_a_sum", all_windows_of_a_connection_have_a_sum,
                 NULL, NULL),
        SERVER_TEST(who_does_not_read_gets_no_larger_window),
        SERVER_TEST(a_ping_without_an_answer_changes_nothing),
        CLIENT_TEST(a_call_that_begins_as_windows_grow_gets_its_own_when_it_has_left),
        TEST_ROW("a_maximum_of_64_KiB_keeps_windows_as_they_begin",
                 a_maximum_of_64_KiB_keeps_windows_as_they_begin, NULL, NULL),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
