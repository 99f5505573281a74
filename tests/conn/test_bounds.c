/* SPDX-License-Identifier: MIT */
/*
 * test_bounds.c - how far a stream runs ahead of its reader, and what a stalled call holds
 * (docs/design/data-flow.md).
 */
#include "conn/support/peer.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW 65535
#define OUTPUT_FULL ((size_t)64 * 1024)
#define OUTPUT_BOUND (OUTPUT_FULL + 16 * 1024 + 9)

static struct served *open_hand(struct peer *p, int32_t id, struct source responses)
{
    struct served *served = &p->service->served[p->service->calls];

    served->responses = responses;
    peer_request(p, id, 0, "/t.T/Hand", NULL);
    peer_settle(p);
    assert_non_null(served->call);
    return served;
}

/* ---- out ---- */

static void responses_run_one_message_ahead_of_the_window(void **state)
{
    struct peer *p = *state;
    struct served *served;

    peer_window(p, 0, 1000000);
    served = open_hand(p, 3, (struct source){.count = 1000, .size = 995});
    assert_int_equal(peer_body_size(p, 3), WINDOW); /* 65 messages and 535 bytes */
    assert_int_equal(served->responses.given, 66);
    peer_window(p, 3, 465);
    peer_settle(p);
    assert_int_equal(served->responses.given, 67); /* it is seen, and waits */
    peer_window(p, 3, 1);
    peer_settle(p);
    assert_int_equal(served->responses.given, 67);
    peer_window(p, 3, 999);
    peer_settle(p);
    assert_int_equal(served->responses.given, 68);
}

static void a_window_that_never_opens_costs_one_message(void **state)
{
    struct peer *p = *state;
    struct served *served;

    peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0);
    served = open_hand(p, 3, (struct source){.count = 1000, .size = 1000});
    peer_advance(p, WEIR_SECONDS(60));
    assert_int_equal(served->responses.given, 1);
    assert_int_equal(served->responses.polls, 1);
    assert_int_equal(peer_count(p, NGHTTP2_HEADERS, 3), 1); /* the headers go ahead */
    assert_int_equal(peer_body_size(p, 3), 0);
}

static void the_connections_window_bounds_all_its_calls_together(void **state)
{
    struct peer *p = *state;
    uint64_t given = 0;

    for (int32_t i = 0; i < 10; i++)
        open_hand(p, 3 + 2 * i, (struct source){.count = 1000, .size = 9995});
    for (int i = 0; i < 10; i++)
        given += p->service->served[i].responses.given;
    assert_in_range(given, 7, 7 + 10); /* and one message each */
}

static size_t offered(struct peer *p)
{
    weir_slice slices[512];
    size_t size = 0, count = weir_connection_output(p->connection, slices, COUNT_OF(slices));

    for (size_t i = 0; i < count; i++)
        size += slices[i].size;
    return size;
}

static void responses_are_made_only_while_the_output_has_room(void **state)
{
    struct peer *p = *state;
    struct served *served;
    size_t before;

    peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7fffffff);
    peer_window(p, 0, 0x7fff0000);
    peer_settle(p);
    p->deaf = true;
    before = memory_held();
    served = open_hand(p, 3, (struct source){.count = 100000, .size = 2000});
    for (int i = 0; i < 10; i++) {
        assert_in_range(offered(p), 1, OUTPUT_BOUND);
        weir_loop_turn(p->loop, now);
    }
    assert_in_range(served->responses.given, 30, OUTPUT_BOUND / 2005 + 2);
    assert_true(memory_held() - before < 3 * OUTPUT_BOUND);
    p->deaf = false;
    weir_call_cancel(served->call);
}

static void a_message_of_a_megabyte_is_not_copied_to_the_output(void **state)
{
    struct peer *p = *state;
    size_t before;

    peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7fffffff);
    peer_window(p, 0, 0x7fff0000);
    peer_settle(p);
    p->deaf = true;
    before = memory_held();
    memory_reset_peak();
    open_hand(p, 3, (struct source){.count = 3, .size = 1 << 20, .over = true});
    assert_in_range(offered(p), 1, OUTPUT_BOUND);
    assert_true(memory_peak() - before < (1 << 20) + 100000);
    p->deaf = false;
    peer_settle(p);
    assert_int_equal(peer_body_size(p, 3), 3 * (5 + (1 << 20)));
}

/* ---- at window zero ---- */

static struct served *open_at_zero(struct peer *p, struct source responses)
{
    peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0);
    return open_hand(p, 3, responses);
}

static void at_window_zero_the_end_is_seen_and_sent(void **state)
{
    struct peer *p = *state;
    struct served *served = open_at_zero(p, (struct source){.count = 0});

    weir_call_send_headers(served->call);
    peer_settle(p);
    source_end(&served->responses, WEIR_OK);
    peer_settle(p);
    expect_status(p, 3, WEIR_OK);
}

static void at_window_zero_an_error_is_seen_and_sent(void **state)
{
    struct peer *p = *state;
    struct served *served = open_at_zero(p, (struct source){.count = 0});

    weir_call_send_headers(served->call);
    peer_settle(p);
    source_end(&served->responses, WEIR_ABORTED);
    peer_settle(p);
    expect_status(p, 3, WEIR_ABORTED);
}

static void at_window_zero_after_messages_the_end_waits_for_no_more_than_those(void **state)
{
    struct peer *p = *state;
    struct served *served = open_hand(p, 3, (struct source){.count = 13, .size = 5036});

    assert_int_equal(peer_body_size(p, 3), 13 * 5041); /* 2 bytes of the window are left */
    source_give(&served->responses, 1);
    source_end(&served->responses, WEIR_ABORTED);
    peer_settle(p);
    assert_int_equal(peer_body_size(p, 3), WINDOW);
    assert_int_equal(peer_count(p, NGHTTP2_HEADERS, 3), 1);
    peer_window(p, 3, 5039);
    peer_window(p, 0, 5039);
    peer_settle(p);
    assert_int_equal(peer_body_size(p, 3), 14 * 5041);
    expect_status(p, 3, WEIR_ABORTED);
}

static void with_the_window_used_up_exactly_the_end_is_sent(void **state)
{
    struct peer *p = *state;

    open_hand(p, 3, (struct source){.count = 3, .size = 21840, .over = true});
    assert_int_equal(peer_body_size(p, 3), WINDOW);
    expect_status(p, 3, WEIR_OK);
}

static void at_window_zero_the_deadline_sends_trailers(void **state)
{
    struct peer *p = *state;

    peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0);
    p->service->served[0].responses = (struct source){.count = 9, .size = 10};
    peer_request(p, 3, 0, "/t.T/Hand", "grpc-timeout", "10m", NULL);
    peer_advance(p, WEIR_MILLISECONDS(10) - 1);
    assert_int_equal(peer_count(p, NGHTTP2_HEADERS, 3), 1);
    peer_advance(p, 1);
    expect_status(p, 3, WEIR_DEADLINE_EXCEEDED);
    expect_reset(p, 3, NGHTTP2_NO_ERROR);
    assert_int_equal(p->service->served[0].responses.released, 1);
}

static void a_deadline_in_the_middle_of_a_message_resets(void **state)
{
    struct peer *p = *state;

    p->service->served[0].responses = (struct source){.count = 9, .size = 100000};
    peer_request(p, 3, 0, "/t.T/Hand", "grpc-timeout", "10m", NULL);
    peer_advance(p, WEIR_MILLISECONDS(10));
    expect_reset(p, 3, NGHTTP2_CANCEL);
    assert_int_equal(peer_count(p, NGHTTP2_HEADERS, 3), 1);
    assert_int_equal(p->service->served[0].responses.released, 1);
    peer_window(p, 0, 100000);
    expect_unharmed(p);
}

static void what_became_ready_at_window_zero_leaves_when_it_opens(void **state)
{
    struct peer *p = *state;
    struct served *served = open_at_zero(p, (struct source){.size = 10});

    weir_call_send_headers(served->call);
    peer_settle(p);
    for (uint64_t i = 1; i < 6; i++) {
        source_give(&served->responses, 1);
        peer_settle(p);
        assert_int_equal(peer_body_size(p, 3), 15 * (i - 1));
        peer_window(p, 3, 15);
        peer_settle(p);
        assert_int_equal(peer_body_size(p, 3), 15 * i);
    }
    source_give(&served->responses, 1); /* found while it is zero, with the end behind it */
    source_end(&served->responses, WEIR_OK);
    peer_settle(p);
    peer_window(p, 3, 100);
    peer_settle(p);
    assert_int_equal(peer_body_size(p, 3), 90);
    expect_status(p, 3, WEIR_OK);
}

static void windows_of_one_byte_deliver_everything(void **state)
{
    struct peer *p = *state;

    open_at_zero(p, (struct source){.count = 3, .size = 20, .over = true});
    for (int i = 0; i < 75; i++) {
        assert_int_equal(peer_body_size(p, 3), i);
        peer_window(p, 3, 1);
        peer_settle(p);
    }
    expect_status(p, 3, WEIR_OK);
}

/* ---- in ---- */

static void window_is_granted_when_a_message_is_taken(void **state)
{
    struct peer *p = *state;
    struct served *served = open_hand(p, 3, (struct source){.count = 0});

    for (int i = 0; i < 6; i++)
        peer_large_message(p, 3, 0, 9995);
    peer_settle(p);
    assert_int_equal(peer_credit(p, 3), 0);
    for (int i = 0; i < 6; i++) {
        weir_item item;

        assert_int_equal(reader_poll(&served->requests, &item), WEIR_READY);
        weir_item_clear(&item);
        peer_settle(p);
        assert_true(peer_credit(p, 3) <= 10000 * (uint64_t)(i + 1));
    }
    assert_true(peer_credit(p, 3) >= WINDOW / 2);
}

static void releasing_a_message_is_not_what_grants_its_window(void **state)
{
    struct peer *p = *state;
    struct served *served = open_hand(p, 3, (struct source){.count = 0});
    weir_item items[6];

    for (int i = 0; i < 6; i++)
        peer_large_message(p, 3, 0, 9995);
    peer_settle(p);
    for (int i = 0; i < 6; i++)
        assert_int_equal(reader_poll(&served->requests, &items[i]), WEIR_READY);
    peer_settle(p);
    assert_true(peer_credit(p, 3) >= WINDOW / 2);
    for (int i = 0; i < 6; i++)
        weir_item_clear(&items[i]);
}

static void a_message_being_assembled_is_credited_while_nothing_complete_waits(void **state)
{
    struct peer *p = *state;
    struct served *served = open_hand(p, 3, (struct source){.count = 0});
    static const uint8_t prefix[5] = {0, 0x00, 0x0f, 0x42, 0x40}; /* 1,000,000 */
    static uint8_t bytes[10000];
    weir_item item;

    peer_data(p, 3, 0, prefix, sizeof prefix);
    for (uint64_t i = 0; i < 100; i++) {
        peer_data(p, 3, 0, bytes, sizeof bytes);
        peer_settle(p);
        assert_true((i + 2) * sizeof bytes < WINDOW + peer_credit(p, 3));
    }
    assert_int_equal(reader_poll(&served->requests, &item), WEIR_READY);
    assert_int_equal(item.message.size, 1000000);
    weir_item_clear(&item);
}

static void behind_a_message_that_waits_nothing_is_credited_until_it_is_taken(void **state)
{
    struct peer *p = *state;
    struct served *served = open_hand(p, 3, (struct source){.count = 0});
    static const uint8_t prefix[5] = {0, 0x00, 0x0f, 0x42, 0x40};
    static uint8_t bytes[10000];
    weir_item item;

    peer_message(p, 3, 0, "waits");
    peer_data(p, 3, 0, prefix, sizeof prefix);
    for (int i = 0; i < 6; i++)
        peer_data(p, 3, 0, bytes, sizeof bytes);
    peer_settle(p);
    assert_int_equal(peer_credit(p, 3), 0);
    assert_int_equal(reader_poll(&served->requests, &item), WEIR_READY);
    weir_item_clear(&item);
    peer_settle(p); /* the queue is empty now: what of the large one came is credited */
    assert_true(peer_credit(p, 3) > 60000);
}

static void calls_that_declare_4_MiB_and_send_little_reserve_nothing(void **state)
{
    static const uint8_t start[105] = {0, 0x00, 0x40, 0x00, 0x00};
    struct peer *p = *state;
    size_t before, idle;

    before = memory_held();
    for (int32_t i = 0; i < 40; i++)
        peer_request(p, 3 + 2 * i, 0, "/t.T/Hand", NULL);
    peer_settle(p);
    idle = memory_held() - before;
    for (int32_t i = 0; i < 40; i++)
        peer_data(p, 3 + 2 * i, 0, start, sizeof start);
    peer_settle(p);
    assert_true(memory_held() - before < idle + 40 * 1024);
    expect_unharmed(p);
}

static void a_thousand_tiny_messages_in_one_frame(void **state)
{
    struct peer *p = *state;
    struct served *served = open_hand(p, 3, (struct source){.count = 0});
    uint8_t frame[6000] = {0};
    size_t before = memory_held();

    for (size_t i = 0; i < sizeof frame; i += 6) {
        frame[i + 4] = 1;
        frame[i + 5] = (uint8_t)(i / 6);
    }
    peer_data(p, 3, END_STREAM, frame, sizeof frame);
    peer_settle(p);
    assert_true(memory_held() - before < 20000); /* they wait as they came */
    for (unsigned i = 0; i < 1000; i++) {
        weir_item item;

        assert_int_equal(reader_poll(&served->requests, &item), WEIR_READY);
        assert_int_equal(item.message.size, 1);
        assert_int_equal(item.message.data[0], (uint8_t)i);
        weir_item_clear(&item);
    }
    expect_end(&served->requests);
}

static void three_thousand_empty_messages_in_one_frame(void **state)
{
    static const uint8_t frame[15000];
    struct peer *p = *state;

    peer_request(p, 3, 0, "/t.T/Up", NULL);
    peer_data(p, 3, END_STREAM, frame, sizeof frame);
    peer_settle(p);
    assert_true(peer_body_has(p, 3, 0, "3000 0"));
    expect_status(p, 3, WEIR_OK);
}

/* ---- what a peer makes it owe, and what is kept of streams ---- */

static uint64_t counted(struct peer *p)
{
    weir_total_usage usage;

    weir_server_usage(p->server, &usage);
    return usage.held;
}

/* One by one, until it is not read any more; how many. A driver whose socket is full asks for no
 * more output. */
static unsigned ping_until_it_stops_reading(struct peer *p)
{
    unsigned count = 0;
    size_t size = 0;

    for (; weir_connection_wants_input(p->connection); count++) {
        peer_frame(p, NGHTTP2_PING, 0, 0, "12345678", 8);
        peer_settle(p);
        if (size < OUTPUT_FULL)
            size = offered(p);
    }
    return count;
}

static void what_a_peer_that_does_not_read_is_owed_is_bounded_and_counted(void **state)
{
    enum { ACK = 17, ACK_WAITING = 152, WAITING = 1000 };
    const weir_server_options options = {.min_ping_interval_ns = WEIR_NEVER,
                                         .permit_pings_without_calls = true};
    struct peer *p;
    uint64_t before;
    size_t held;

    (void)state;
    memory_install();
    p = peer_of_server(&options);
    peer_settle(p);
    p->deaf = true;
    before = counted(p);
    held = memory_held();
    assert_in_range(ping_until_it_stops_reading(p), OUTPUT_BOUND / ACK,
                    OUTPUT_BOUND / ACK + WAITING);
    held = memory_held() - held;
    assert_in_range(held, WAITING * ACK_WAITING, WAITING * ACK_WAITING + 2 * OUTPUT_BOUND);
    assert_in_range(counted(p) - before, held * 3 / 4, held * 5 / 4);
    assert_false(weir_connection_done(p->connection));
    p->deaf = false;
    peer_settle(p);
    assert_int_equal(counted(p), before);
    peer_free(p);
}

/* Of those that closed the last max_streams, and of those that PRIORITY names a hundred. */
static void what_http2_keeps_of_streams_is_bounded(void **state)
{
    static const uint8_t priority[5] = {0, 0, 0, 0, 1};
    struct peer *p = *state;
    size_t before;

    for (int32_t id = 3; id < 603; id += 2) {
        peer_request(p, id, 0, "/t.T/Unary", NULL);
        peer_message(p, id, END_STREAM, "ask");
        peer_settle(p);
        if (id == 201)
            before = memory_held();
    }
    assert_in_range(memory_held(), before - 1024, before + 1024);
    for (int32_t id = 1001; id < 7001; id += 2)
        peer_frame(p, NGHTTP2_PRIORITY, 0, id, priority, sizeof priority);
    peer_settle(p);
    assert_in_range(memory_held(), before, before + 32 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(responses_run_one_message_ahead_of_the_window),
        SERVER_TEST(a_window_that_never_opens_costs_one_message),
        SERVER_TEST(the_connections_window_bounds_all_its_calls_together),
        SERVER_TEST(responses_are_made_only_while_the_output_has_room),
        SERVER_TEST(a_message_of_a_megabyte_is_not_copied_to_the_output),
        SERVER_TEST(at_window_zero_the_end_is_seen_and_sent),
        SERVER_TEST(at_window_zero_an_error_is_seen_and_sent),
        SERVER_TEST(at_window_zero_after_messages_the_end_waits_for_no_more_than_those),
        SERVER_TEST(with_the_window_used_up_exactly_the_end_is_sent),
        SERVER_TEST(at_window_zero_the_deadline_sends_trailers),
        SERVER_TEST(a_deadline_in_the_middle_of_a_message_resets),
        SERVER_TEST(what_became_ready_at_window_zero_leaves_when_it_opens),
        SERVER_TEST(windows_of_one_byte_deliver_everything),
        SERVER_TEST(window_is_granted_when_a_message_is_taken),
        SERVER_TEST(releasing_a_message_is_not_what_grants_its_window),
        SERVER_TEST(a_message_being_assembled_is_credited_while_nothing_complete_waits),
        SERVER_TEST(behind_a_message_that_waits_nothing_is_credited_until_it_is_taken),
        SERVER_TEST(calls_that_declare_4_MiB_and_send_little_reserve_nothing),
        SERVER_TEST(a_thousand_tiny_messages_in_one_frame),
        SERVER_TEST(three_thousand_empty_messages_in_one_frame),
        cmocka_unit_test(what_a_peer_that_does_not_read_is_owed_is_bounded_and_counted),
        SERVER_TEST_WHOLE(what_http2_keeps_of_streams_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
