/* SPDX-License-Identifier: MIT */
/*
 * test_bad_responses.c - servers that answer wrongly, and the status a client gets (grpc.md).
 */
#include "conn/connection.h"
#include "conn/support/peer.h"

#include <stdio.h>
#include <string.h>

static int32_t call(struct peer *p, struct reader *r)
{
    return peer_call(p, r, "/t.T/Any", weir_stream_empty());
}

/* The call ended with this, and the next one is as good as before. */
#define expect_ended(p, r, code)                                                                   \
    do {                                                                                           \
        peer_settle(p);                                                                            \
        expect_error(r, code);                                                                     \
        reader_clear(r);                                                                           \
    } while (0)

/* ---- headers ---- */

static void informational_headers_are_skipped(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = call(p, &r);

    peer_headers(p, id, 0, ":status", "100", NULL);
    peer_headers(p, id, 0, ":status", "103", "grpc-status", "9", "x-a", "early", NULL);
    peer_settle(p);
    expect_pending(&r);
    peer_headers(p, id, 0, RESPONSE, "x-a", "late", NULL);
    peer_message(p, id, 0, "hi");
    peer_headers(p, id, END_STREAM, "grpc-status", "0", NULL);
    peer_settle(p);
    expect_text(&r, "hi");
    expect_metadata(weir_call_response_metadata(r.call), "x-a", 0, "late");
    expect_metadata(weir_call_response_metadata(r.call), "x-a", 1, NULL);
    expect_end(&r);
    reader_clear(&r);
    expect_unharmed(p);
}

static void a_window_opened_too_far_ends_the_call(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = call(p, &r);

    peer_headers(p, id, 0, RESPONSE, NULL);
    peer_window(p, id, 0x7fffffff);
    peer_window(p, id, 0x7fffffff);
    peer_settle(p);
    expect_reset(p, id, NGHTTP2_FLOW_CONTROL_ERROR);
    expect_error(&r, WEIR_INTERNAL);
    reader_clear(&r);
    expect_unharmed(p);
}

/* So it is for h2specd, whose answers are no gRPC. */
static void what_is_not_grpc_was_reset_before_its_window_is_opened_too_far(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = call(p, &r);

    peer_headers(p, id, 0, ":status", "200", NULL);
    peer_window(p, id, 0x7fffffff);
    peer_window(p, id, 0x7fffffff);
    peer_settle(p);
    expect_reset(p, id, NGHTTP2_CANCEL);
    expect_error(&r, WEIR_UNKNOWN);
    reader_clear(&r);
    expect_unharmed(p);
}

static void informational_headers_that_end_the_stream_are_an_error(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = call(p, &r);

    peer_headers(p, id, END_STREAM, ":status", "100", NULL);
    peer_settle(p);
    reader_skim(&r);
    assert_true(r.over);
    assert_true(r.code == WEIR_INTERNAL || r.code == WEIR_UNKNOWN);
    reader_clear(&r);
    expect_unharmed(p);
}

/* nghttp2 takes it as an error of the connection. */
static void data_before_headers_ends_the_connection(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = call(p, &r);

    peer_message(p, id, 0, "early");
    expect_ended(p, &r, WEIR_UNAVAILABLE);
    expect_goaway(p, NGHTTP2_PROTOCOL_ERROR);
}

static void a_response_without_http_status_is_internal(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = call(p, &r);

    peer_headers(p, id, 0, "content-type", "application/grpc", NULL);
    expect_ended(p, &r, WEIR_INTERNAL);
    expect_reset(p, id, NGHTTP2_PROTOCOL_ERROR);
    expect_unharmed(p);
}

static void an_answer_that_is_not_grpc_is_unknown(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = call(p, &r);

    peer_headers(p, id, 0, ":status", "200", "content-type", "text/html", NULL);
    peer_data(p, id, END_STREAM, "<html>", 6);
    expect_ended(p, &r, WEIR_UNKNOWN);
    id = call(p, &r);
    peer_headers(p, id, END_STREAM, ":status", "200", NULL);
    expect_ended(p, &r, WEIR_UNKNOWN);
    expect_unharmed(p);
}

static void http_statuses_become_codes(void **state)
{
    static const struct {
        const char *http;
        weir_code code;
    } rows[] = {
        {"400", WEIR_INTERNAL},      {"401", WEIR_UNAUTHENTICATED}, {"403", WEIR_PERMISSION_DENIED},
        {"404", WEIR_UNIMPLEMENTED}, {"429", WEIR_UNAVAILABLE},     {"431", WEIR_UNKNOWN},
        {"502", WEIR_UNAVAILABLE},   {"503", WEIR_UNAVAILABLE},     {"504", WEIR_UNAVAILABLE},
        {"500", WEIR_UNKNOWN},       {"200", WEIR_UNKNOWN},         {"204", WEIR_UNKNOWN},
        {"302", WEIR_UNKNOWN},       {"999", WEIR_UNKNOWN},
    };
    struct peer *p = *state;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct reader r;
        int32_t id = call(p, &r);

        peer_headers(p, id, 0, ":status", rows[i].http, "content-type", "text/plain", NULL);
        peer_data(p, id, END_STREAM, "sorry", 5);
        expect_ended(p, &r, rows[i].code);
        id = call(p, &r);
        peer_headers(p, id, END_STREAM, ":status", rows[i].http, NULL);
        expect_ended(p, &r, rows[i].code);
    }
    expect_unharmed(p);
}

static void a_grpc_status_beside_an_http_error_counts(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = call(p, &r);

    peer_headers(p, id, END_STREAM, ":status", "503", "content-type", "application/grpc",
                 "grpc-status", "7", NULL);
    expect_ended(p, &r, WEIR_PERMISSION_DENIED);
}

static void headers_past_16_KiB_are_resource_exhausted(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = call(p, &r);
    char value[6000];

    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    peer_headers(p, id, 0, RESPONSE, "a", value, NULL);
    peer_settle(p);
    expect_pending(&r);
    peer_headers(p, id, END_STREAM, "grpc-status", "0", "a", value, "b", value, NULL);
    expect_ended(p, &r, WEIR_RESOURCE_EXHAUSTED);

    id = call(p, &r);
    peer_headers(p, id, 0, RESPONSE, "a", value, "b", value, "c", value, NULL);
    expect_ended(p, &r, WEIR_RESOURCE_EXHAUSTED);
    expect_reset(p, id, NGHTTP2_CANCEL);
    expect_unharmed(p);
}

static void endless_headers_are_not_stored(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = call(p, &r);
    size_t before = memory_held();
    char value[8000];

    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    memory_reset_peak();
    for (int i = 0; i < 100; i++)
        peer_headers(p, id, 0, ":status", "103", "a", value, NULL);
    expect_ended(p, &r, WEIR_RESOURCE_EXHAUSTED);
    assert_true(memory_peak() - before < 100000);
    expect_unharmed(p);
}

static void junk_in_binary_metadata_is_internal(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = call(p, &r);

    peer_headers(p, id, 0, RESPONSE, "x-bin", "!", NULL);
    expect_ended(p, &r, WEIR_INTERNAL);
    id = call(p, &r);
    peer_headers(p, id, 0, RESPONSE, NULL);
    peer_headers(p, id, END_STREAM, "grpc-status", "0", "x-bin", "!", NULL);
    expect_ended(p, &r, WEIR_INTERNAL);
    expect_unharmed(p);
}

static void bad_header_fields_are_internal(void **state)
{
    static const char *const fields[][2] = {
        {"x-a", "b\r\nc"}, {"x-a", "b\nc"}, {"X-A", "b"},           {"connection", "close"},
        {":unknown", "b"}, {"x a", "b"},    {"content-length", "x"}};
    struct peer *p = *state;

    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        struct reader r;
        int32_t id = call(p, &r);

        peer_headers(p, id, 0, RESPONSE, fields[i][0], fields[i][1], NULL);
        peer_settle(p);
        expect_reset(p, id, NGHTTP2_PROTOCOL_ERROR);
        expect_ended(p, &r, WEIR_INTERNAL);
    }
    expect_unharmed(p);
}

/* ---- the end ---- */

static void trailers_without_a_status_are_unknown(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = call(p, &r);

    peer_headers(p, id, 0, RESPONSE, NULL);
    peer_message(p, id, 0, "hi");
    peer_headers(p, id, END_STREAM, "x-t", "1", NULL);
    peer_settle(p);
    expect_text(&r, "hi");
    expect_ended(p, &r, WEIR_UNKNOWN);
    expect_unharmed(p);
}

static void an_end_without_trailers_is_unknown(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = call(p, &r);

    peer_headers(p, id, 0, RESPONSE, NULL);
    peer_message(p, id, END_STREAM, "hi");
    peer_settle(p);
    expect_text(&r, "hi");
    expect_ended(p, &r, WEIR_UNKNOWN);
    expect_unharmed(p);
}

static void a_garbled_status_is_unknown(void **state)
{
    static const char *const garbled[] = {"",   "x",   "-1", "17", "1x", "99999999999999999999",
                                          "0x", "0 1", "+0", "0.0"};
    struct peer *p = *state;

    for (size_t i = 0; i < COUNT_OF(garbled); i++) {
        struct reader r;
        int32_t id = call(p, &r);

        peer_headers(p, id, 0, RESPONSE, NULL);
        peer_headers(p, id, END_STREAM, "grpc-status", garbled[i], NULL);
        expect_ended(p, &r, WEIR_UNKNOWN);
        id = call(p, &r);
        peer_headers(p, id, END_STREAM, RESPONSE, "grpc-status", garbled[i], NULL);
        expect_ended(p, &r, WEIR_UNKNOWN);
    }
    expect_unharmed(p);
}

static void of_a_status_that_came_twice_the_last_counts(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = call(p, &r);

    peer_headers(p, id, 0, RESPONSE, NULL);
    peer_headers(p, id, END_STREAM, "grpc-status", "5", "grpc-message", "one",
                 "grpc-status-details-bin", "AAEC", "grpc-status", "9", "grpc-message", "two",
                 "grpc-status-details-bin", "AwQ=", NULL);
    peer_settle(p);
    expect_ended(p, &r, WEIR_FAILED_PRECONDITION);
    expect_unharmed(p);
}

static void a_status_in_headers_counts_only_where_the_stream_ends(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = call(p, &r);

    peer_headers(p, id, 0, RESPONSE, "grpc-status", "0", NULL);
    peer_message(p, id, END_STREAM, "hi");
    peer_settle(p);
    expect_text(&r, "hi");
    expect_ended(p, &r, WEIR_UNKNOWN);
    id = call(p, &r);
    peer_headers(p, id, 0, RESPONSE, "grpc-status", "5", "grpc-message", "early", NULL);
    peer_settle(p);
    expect_pending(&r);
    peer_headers(p, id, END_STREAM, "grpc-status", "0", NULL);
    peer_settle(p);
    expect_end(&r);
    reader_clear(&r);
    expect_unharmed(p);
}

static void header_blocks_in_the_middle_are_a_protocol_error(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = call(p, &r);

    peer_headers(p, id, 0, RESPONSE, NULL);
    peer_headers(p, id, 0, "grpc-status", "0", NULL);
    peer_settle(p);
    reader_skim(&r);
    assert_true(r.over);
    assert_int_equal(r.code, WEIR_INTERNAL);
    reader_clear(&r);
    expect_unharmed(p);
}

static void resets_become_codes(void **state)
{
    static const weir_code codes[] = {
        WEIR_INTERNAL,          WEIR_INTERNAL, WEIR_INTERNAL, WEIR_INTERNAL,
        WEIR_INTERNAL,          WEIR_INTERNAL, WEIR_INTERNAL, WEIR_UNAVAILABLE,
        WEIR_CANCELLED,         WEIR_INTERNAL, WEIR_INTERNAL, WEIR_RESOURCE_EXHAUSTED,
        WEIR_PERMISSION_DENIED, WEIR_UNKNOWN,  WEIR_UNKNOWN};
    struct peer *p = *state;

    for (uint32_t error = 0; error < COUNT_OF(codes); error++) {
        struct reader r;
        int32_t id = call(p, &r);

        peer_reset(p, id, error);
        expect_ended(p, &r, codes[error]);
        id = call(p, &r);
        peer_headers(p, id, 0, RESPONSE, NULL);
        peer_message(p, id, 0, "before");
        peer_reset(p, id, error);
        peer_settle(p);
        expect_text(&r, "before");
        expect_ended(p, &r, codes[error]);
    }
    expect_unharmed(p);
}

/* ---- messages ---- */

static void a_bad_flag_is_internal_behind_the_messages_before_it(void **state)
{
    static const uint8_t flags[] = {1, 2, 255};
    struct peer *p = *state;

    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        const uint8_t message[] = {flags[i], 0, 0, 0, 0};
        struct reader r;
        int32_t id = call(p, &r);

        peer_headers(p, id, 0, RESPONSE, NULL);
        peer_message(p, id, 0, "good");
        peer_data(p, id, 0, message, sizeof message);
        peer_message(p, id, 0, "never");
        peer_headers(p, id, END_STREAM, "grpc-status", "0", NULL);
        peer_settle(p);
        expect_text(&r, "good");
        expect_ended(p, &r, WEIR_INTERNAL);
    }
    expect_unharmed(p);
}

static void an_encoding_that_was_not_asked_for_is_internal(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = call(p, &r);

    peer_headers(p, id, 0, RESPONSE, "grpc-encoding", "snappy", NULL);
    peer_settle(p);
    expect_reset(p, id, NGHTTP2_CANCEL);
    expect_ended(p, &r, WEIR_INTERNAL);
    expect_unharmed(p);
}

static void a_message_declared_too_large_is_resource_exhausted(void **state)
{
    static const uint8_t prefixes[][5] = {{0, 0x00, 0x40, 0x00, 0x01}, {0, 0xff, 0xff, 0xff, 0xff}};
    struct peer *p = *state;
    size_t before = memory_held();

    memory_reset_peak();
    for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
        struct reader r;
        int32_t id = call(p, &r);

        peer_headers(p, id, 0, RESPONSE, NULL);
        peer_data(p, id, 0, prefixes[i], 5);
        peer_settle(p);
        expect_reset(p, id, NGHTTP2_CANCEL);
        expect_ended(p, &r, WEIR_RESOURCE_EXHAUSTED);
    }
    assert_true(memory_peak() - before < 100000);
    expect_unharmed(p);
}

static void a_calls_own_limit_counts(void **state)
{
    struct peer *p = *state;
    weir_call *limited = weir_call_create("/t.T/Any");
    struct reader r;

    weir_call_set_max_receive_size(limited, 4);
    reader_init(&r, weir_channel_call(p->channel, limited, weir_stream_empty()), limited);
    weir_call_unref(limited);
    peer_settle(p);
    peer_headers(p, 3, 0, RESPONSE, NULL);
    peer_message(p, 3, 0, "four");
    peer_message(p, 3, 0, "fives");
    peer_settle(p);
    expect_text(&r, "four");
    expect_ended(p, &r, WEIR_RESOURCE_EXHAUSTED);
}

static void the_end_in_the_middle_of_a_message_is_internal(void **state)
{
    static const uint8_t message[] = {0, 0, 0, 0, 3, 'a', 'b'};
    struct peer *p = *state;

    for (size_t size = 1; size <= sizeof message; size++) {
        struct reader r;
        int32_t id = call(p, &r);

        peer_headers(p, id, 0, RESPONSE, NULL);
        peer_data(p, id, 0, message, size);
        peer_headers(p, id, END_STREAM, "grpc-status", "0", NULL);
        expect_ended(p, &r, WEIR_INTERNAL);
        id = call(p, &r);
        peer_headers(p, id, 0, RESPONSE, NULL);
        peer_data(p, id, 0, message, size);
        peer_headers(p, id, END_STREAM, "grpc-status", "5", NULL);
        expect_ended(p, &r, WEIR_NOT_FOUND);
    }
    expect_unharmed(p);
}

static void more_than_the_window_is_a_flow_control_error(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = call(p, &r);

    peer_headers(p, id, 0, RESPONSE, NULL);
    for (int i = 0; i < 9; i++) /* 72,045 bytes that nobody takes */
        peer_large_message(p, id, 0, 8000);
    peer_settle(p);
    expect_reset(p, id, NGHTTP2_FLOW_CONTROL_ERROR);
    reader_skim(&r);
    assert_true(r.over);
    assert_int_equal(r.code, WEIR_INTERNAL);
    assert_in_range(r.messages, 0, 8);
    reader_clear(&r);
    expect_unharmed(p);
}

/* ---- the connection ---- */

static void a_goaway_ends_the_calls_above_its_id_only(void **state)
{
    static const uint32_t errors[] = {NGHTTP2_NO_ERROR, NGHTTP2_ENHANCE_YOUR_CALM, 0x7777, ~0u};
    struct peer *p = *state;

    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        struct peer *leaving = peer_of_client(NULL);
        struct reader kept, dropped, next;
        int32_t id;

        leaving->one_byte = p->one_byte;
        id = call(leaving, &kept);
        assert_int_equal(call(leaving, &dropped), id + 2);
        peer_goaway(leaving, id, errors[i]);
        peer_settle(leaving);
        expect_error(&dropped, WEIR_UNAVAILABLE);
        expect_pending(&kept);
        assert_int_equal(call(leaving, &next), 0); /* wants a new connection, which fails */
        expect_error(&next, WEIR_UNAVAILABLE);
        peer_headers(leaving, id, 0, RESPONSE, NULL);
        peer_message(leaving, id, 0, "still");
        peer_headers(leaving, id, END_STREAM, "grpc-status", "0", NULL);
        peer_settle(leaving);
        expect_text(&kept, "still");
        expect_end(&kept);
        reader_clear(&kept);
        reader_clear(&dropped);
        reader_clear(&next);
        peer_settle(leaving);
        assert_true(leaving->connection == NULL); /* nothing keeps it */
        peer_free(leaving);
    }
}

/* Its request lies in the session: the socket was full until the server took no more streams. */
static void make_stuck_call(struct peer *p, struct reader *r)
{
    weir_call *call = weir_call_create("/t.T/Any");

    weir_call_set_timeout(call, WEIR_SECONDS(9));
    p->deaf = true;
    reader_init(r, weir_channel_call(p->channel, call, weir_stream_empty()), call);
    weir_call_unref(call);
    peer_settle(p);
    peer_settings(p, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0);
    peer_settle(p);
    p->deaf = false;
    peer_settle(p);
    assert_int_equal(p->connection->exchange_count, 2);
    assert_int_equal(peer_count(p, NGHTTP2_HEADERS, 3), 0);
    expect_pending(r);
}

static void a_call_that_may_not_leave_any_more_is_forgotten_at_its_deadline(void **state)
{
    struct peer *p = *state;
    struct reader r;

    make_stuck_call(p, &r);
    peer_advance(p, WEIR_SECONDS(9));
    expect_error(&r, WEIR_DEADLINE_EXCEEDED);
    reader_clear(&r);
    assert_int_equal(p->connection->exchange_count, 1);
    peer_settings(p, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100);
    expect_unharmed(p);
    assert_int_equal(peer_count(p, NGHTTP2_HEADERS, 3), 0);
}

static void a_call_that_may_not_leave_any_more_moves_at_a_goaway(void **state)
{
    struct peer *p = *state;
    struct reader r;

    make_stuck_call(p, &r);
    peer_goaway(p, 1, NGHTTP2_NO_ERROR);
    peer_settle(p);
    expect_error(&r, WEIR_UNAVAILABLE); /* there is no other connection */
    assert_non_null(strstr(r.why, "refused"));
    reader_clear(&r);
    assert_int_equal(p->connection->exchange_count, 1);
}

/* The server's clock struck first, and it hung up behind its reset. */
static void a_cancel_at_the_deadline_is_that_though_the_connection_ended_with_it(void **state)
{
    struct peer *p = *state;
    weir_call *call = weir_call_create("/t.T/Any");
    struct reader r;

    weir_call_set_timeout(call, WEIR_SECONDS(9));
    reader_init(&r, weir_channel_call(p->channel, call, weir_stream_empty()), call);
    weir_call_unref(call);
    peer_settle(p);
    now += WEIR_SECONDS(9);
    peer_reset(p, 3, NGHTTP2_CANCEL);
    assert_int_equal(weir_connection_input(p->connection, p->out.data, p->out.size), WEIR_OK);
    p->out.taken = p->out.size = 0;
    weir_connection_eof(p->connection, NULL);
    assert_false(weir_connection_done(p->connection));
    weir_loop_turn(p->loop, now);
    assert_ptr_equal(weir_loop_next(p->loop), p->connection);
    assert_true(weir_connection_done(p->connection));
    expect_error(&r, WEIR_DEADLINE_EXCEEDED);
    reader_clear(&r);
}

#define BYTES(text) text, sizeof(text) - 1

static void broken_frames_end_the_connection_and_its_calls(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        uint32_t error;
    } rows[] = {
        {BYTES("\0\0\1\0\0\0\0\0\0x"), NGHTTP2_PROTOCOL_ERROR},    /* DATA on stream 0 */
        {BYTES("\0\0\1\0\0\0\0\0\x09x"), NGHTTP2_PROTOCOL_ERROR},  /* ... on one never opened */
        {BYTES("\0\0\1\1\4\0\0\0\2\x88"), NGHTTP2_PROTOCOL_ERROR}, /* HEADERS on one of its own */
        {BYTES("\0\0\1\1\4\0\0\0\1\xff"), NGHTTP2_COMPRESSION_ERROR},
        {BYTES("\0\x40\1\0\0\0\0\0\1"), NGHTTP2_FRAME_SIZE_ERROR},
        {BYTES("\0\0\5\x05\4\0\0\0\1\0\0\0\2\x82"), NGHTTP2_PROTOCOL_ERROR}, /* PUSH_PROMISE */
        {BYTES("\0\0\6\4\0\0\0\0\0\0\2\0\0\0\1"), NGHTTP2_PROTOCOL_ERROR},   /* ENABLE_PUSH */
        {BYTES("\0\0\4\x08\0\0\0\0\0\x7f\xff\xff\xff"), NGHTTP2_FLOW_CONTROL_ERROR},
        {BYTES("HTTP/1.1 400 Bad Request\r\n\r\n"), NGHTTP2_FRAME_SIZE_ERROR},
    };
    struct peer *p = *state;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct peer *bad = peer_of_client(NULL);
        struct reader r;

        bad->one_byte = p->one_byte;
        assert_int_equal(call(bad, &r), 1);
        peer_send(bad, rows[i].bytes, rows[i].size);
        peer_settle(bad);
        if (peer_find(bad, NGHTTP2_GOAWAY, 0, 0) == NULL)
            print_error("row %zu: no GOAWAY\n", i);
        expect_goaway(bad, rows[i].error);
        expect_ended(bad, &r, WEIR_UNAVAILABLE);
        peer_free(bad);
    }
}

static void noise_never_crashes(void **state)
{
    struct peer *p = *state;
    uint32_t seed = 7;

    for (unsigned run = 0; run < 300; run++) {
        struct peer *noisy = peer_of_client(NULL);
        struct reader r;

        noisy->one_byte = p->one_byte;
        call(noisy, &r);
        peer_headers(noisy, 1, 0, RESPONSE, NULL);
        for (unsigned i = 0; i < 6; i++) {
            uint8_t bytes[64];

            for (size_t k = 0; k < sizeof bytes; k++)
                bytes[k] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
            peer_frame(noisy, bytes[0] % 10, bytes[1], bytes[2] % 4, bytes + 4, bytes[3] % 60);
        }
        peer_settle(noisy);
        reader_skim(&r);
        assert_true(r.over || noisy->connection != NULL);
        reader_clear(&r);
        peer_free(noisy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(informational_headers_are_skipped),
        CLIENT_TEST(a_window_opened_too_far_ends_the_call),
        CLIENT_TEST(what_is_not_grpc_was_reset_before_its_window_is_opened_too_far),
        CLIENT_TEST(informational_headers_that_end_the_stream_are_an_error),
        CLIENT_TEST(data_before_headers_ends_the_connection),
        CLIENT_TEST(a_response_without_http_status_is_internal),
        CLIENT_TEST(an_answer_that_is_not_grpc_is_unknown),
        CLIENT_TEST(http_statuses_become_codes),
        CLIENT_TEST(a_grpc_status_beside_an_http_error_counts),
        CLIENT_TEST(headers_past_16_KiB_are_resource_exhausted),
        CLIENT_TEST(endless_headers_are_not_stored),
        CLIENT_TEST(junk_in_binary_metadata_is_internal),
        CLIENT_TEST(bad_header_fields_are_internal),
        CLIENT_TEST(trailers_without_a_status_are_unknown),
        CLIENT_TEST(an_end_without_trailers_is_unknown),
        CLIENT_TEST(a_garbled_status_is_unknown),
        CLIENT_TEST(of_a_status_that_came_twice_the_last_counts),
        CLIENT_TEST(a_status_in_headers_counts_only_where_the_stream_ends),
        CLIENT_TEST(header_blocks_in_the_middle_are_a_protocol_error),
        CLIENT_TEST(resets_become_codes),
        CLIENT_TEST(a_bad_flag_is_internal_behind_the_messages_before_it),
        CLIENT_TEST(an_encoding_that_was_not_asked_for_is_internal),
        CLIENT_TEST(a_message_declared_too_large_is_resource_exhausted),
        CLIENT_TEST(a_calls_own_limit_counts),
        CLIENT_TEST(the_end_in_the_middle_of_a_message_is_internal),
        CLIENT_TEST(more_than_the_window_is_a_flow_control_error),
        CLIENT_TEST(a_goaway_ends_the_calls_above_its_id_only),
        CLIENT_TEST(a_call_that_may_not_leave_any_more_is_forgotten_at_its_deadline),
        CLIENT_TEST(a_call_that_may_not_leave_any_more_moves_at_a_goaway),
        CLIENT_TEST(a_cancel_at_the_deadline_is_that_though_the_connection_ended_with_it),
        CLIENT_TEST(broken_frames_end_the_connection_and_its_calls),
        CLIENT_TEST(noise_never_crashes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
