/* SPDX-License-Identifier: MIT */
/*
 * test_bad_frames.c - broken messages, broken windows and broken frames at a server (grpc.md).
 */
#include "conn/support/peer.h"

#include <stdlib.h>
#include <string.h>

/* ---- broken messages ---- */

static void a_bad_flag_is_internal(void **state)
{
    static const uint8_t flags[] = {1, 2, 3, 128, 255};
    struct peer *p = *state;

    for (int32_t i = 0; i < (int32_t)COUNT_OF(flags); i++) {
        const uint8_t message[] = {flags[i], 0, 0, 0, 1, 'x'};
        int32_t id = 3 + 4 * i;

        peer_request(p, id, 0, "/t.T/Unary", NULL);
        peer_data(p, id, END_STREAM, message, sizeof message);
        peer_request(p, id + 2, 0, "/t.T/Echo", "grpc-encoding", "identity", NULL);
        peer_data(p, id + 2, 0, message, sizeof message);
        peer_settle(p);
        expect_status(p, id, WEIR_INTERNAL);
        expect_status(p, id + 2, WEIR_INTERNAL);
        expect_reset(p, id + 2, NGHTTP2_NO_ERROR);
    }
    assert_int_equal(p->service->unary_calls, 0);
    expect_unharmed(p);
}

static void an_unknown_encoding_is_unimplemented_and_says_what_is_not(void **state)
{
    static const char *const encodings[] = {"snappy", "x", "", "Identity"};
    struct peer *p = *state;

    for (int32_t i = 0; i < (int32_t)COUNT_OF(encodings); i++) {
        int32_t id = 3 + 2 * i;

        peer_request(p, id, 0, "/t.T/Unary", "grpc-encoding", encodings[i], NULL);
        peer_message(p, id, END_STREAM, "hi");
        peer_settle(p);
        expect_status(p, id, WEIR_UNIMPLEMENTED);
        assert_non_null(frame_field(peer_find(p, NGHTTP2_HEADERS, id, 0), "grpc-accept-encoding"));
    }
    assert_int_equal(p->service->unary_calls, 0);
    expect_unharmed(p);
}

static void an_unknown_encoding_is_unimplemented_also_when_a_message_came_with_it(void **state)
{
    static const uint8_t compressed[] = {1, 0, 0, 0, 2, 'h', 'i'};
    struct peer *p = *state;

    for (int32_t id = 3; id <= 5; id += 2) {
        peer_request(p, id, 0, "/t.T/Unary", "grpc-encoding", "snappy", NULL);
        peer_data(p, id, id == 3 ? END_STREAM : 0, compressed, sizeof compressed);
        peer_settle(p);
        expect_status(p, id, WEIR_UNIMPLEMENTED);
        assert_non_null(frame_field(peer_find(p, NGHTTP2_HEADERS, id, 0), "grpc-accept-encoding"));
    }
    assert_int_equal(p->service->unary_calls, 0);
    expect_unharmed(p);
}

static void the_end_in_the_middle_of_a_message_is_internal(void **state)
{
    static const uint8_t message[] = {0, 0, 0, 0, 3, 'a', 'b', 'c'};
    struct peer *p = *state;

    for (int32_t size = 1; size < (int32_t)sizeof message; size++) {
        int32_t id = 3 + 4 * size;

        peer_request(p, id, 0, "/t.T/Unary", NULL);
        peer_data(p, id, END_STREAM, message, (size_t)size);
        peer_request(p, id + 2, 0, "/t.T/Up", NULL);
        peer_data(p, id + 2, 0, message, (size_t)size);
        peer_data(p, id + 2, END_STREAM, NULL, 0);
        peer_settle(p);
        expect_status(p, id, WEIR_INTERNAL);
        expect_status(p, id + 2, WEIR_INTERNAL);
    }
    assert_int_equal(p->service->unary_calls, 0);
    expect_unharmed(p);
}

static void a_message_declared_too_large_is_refused_from_its_prefix(void **state)
{
    static const uint8_t prefixes[][5] = {
        {0, 0x00, 0x40, 0x00, 0x01}, {0, 0x7f, 0xff, 0xff, 0xff}, {0, 0xff, 0xff, 0xff, 0xff}};
    struct peer *p = *state;
    size_t before = memory_held();

    memory_reset_peak();
    for (int32_t i = 0; i < (int32_t)COUNT_OF(prefixes); i++) {
        peer_request(p, 3 + 2 * i, 0, "/t.T/Up", NULL);
        peer_data(p, 3 + 2 * i, 0, prefixes[i], 5);
        peer_settle(p);
        expect_status(p, 3 + 2 * i, WEIR_RESOURCE_EXHAUSTED);
        expect_reset(p, 3 + 2 * i, NGHTTP2_NO_ERROR);
    }
    assert_true(memory_peak() - before < 100000);
    expect_unharmed(p);
}

static void a_fault_comes_behind_the_messages_before_it_and_fixes_the_status(void **state)
{
    static const uint8_t broken[] = {7, 0, 0, 0, 0};
    struct peer *p = *state;
    struct served *served = &p->service->served[0];

    peer_request(p, 3, 0, "/t.T/Hand", NULL);
    peer_message(p, 3, 0, "one");
    peer_message(p, 3, 0, "two");
    peer_data(p, 3, 0, broken, sizeof broken);
    peer_message(p, 3, 0, "never");
    peer_settle(p);
    expect_text(&served->requests, "one");
    expect_text(&served->requests, "two");
    expect_error(&served->requests, WEIR_INTERNAL);
    source_give(&served->responses, 1); /* the call goes on until its handler ends it */
    peer_settle(p);
    assert_int_equal(peer_body_size(p, 3), 5);
    source_end(&served->responses, WEIR_OK);
    peer_settle(p);
    expect_status(p, 3, WEIR_INTERNAL);
    expect_unharmed(p);
}

static void what_comes_behind_a_fault_is_credited(void **state)
{
    static const uint8_t broken[] = {7, 0, 0, 0, 0};
    struct peer *p = *state;

    peer_request(p, 3, 0, "/t.T/Hand", NULL);
    peer_data(p, 3, 0, broken, sizeof broken);
    for (int i = 0; i < 20; i++) {
        peer_large_message(p, 3, 0, 30000);
        peer_settle(p);
    }
    assert_true(65535 + peer_credit(p, 3) > 20 * 30000);
    assert_int_equal(peer_count(p, NGHTTP2_RST_STREAM, 3), 0);
    expect_unharmed(p);
}

/* ---- resets ---- */

static void a_reset_cancels_the_call(void **state)
{
    static const uint32_t errors[] = {NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR, 77};
    struct peer *p = *state;

    for (int32_t i = 0; i < (int32_t)COUNT_OF(errors); i++) {
        struct served *served = &p->service->served[i];

        peer_request(p, 3 + 2 * i, 0, "/t.T/Hand", NULL);
        peer_message(p, 3 + 2 * i, 0, "x");
        peer_settle(p);
        peer_reset(p, 3 + 2 * i, errors[i]);
        peer_settle(p);
        expect_error(&served->requests, WEIR_CANCELLED);
        assert_int_equal(served->responses.released, 1);
        assert_true(weir_call_cancelled(served->call));
        assert_int_equal(peer_count(p, NGHTTP2_HEADERS, 3 + 2 * i), 0);
    }
    expect_unharmed(p);
}

static void a_reset_right_behind_its_request_is_no_call(void **state)
{
    struct peer *p = *state;

    for (int32_t id = 3; id < 103; id += 2) {
        peer_request(p, id, 0, "/t.T/Hand", NULL);
        peer_reset(p, id, NGHTTP2_CANCEL);
    }
    peer_settle(p);
    for (unsigned i = 0; i < p->service->calls; i++)
        assert_true(weir_call_cancelled(p->service->served[i].call));
    expect_unharmed(p);
}

/* ---- windows ---- */

static void more_than_the_streams_window_is_a_flow_control_error(void **state)
{
    struct peer *p = *state;
    struct served *served = &p->service->served[0];

    peer_request(p, 3, 0, "/t.T/Hand", NULL);
    for (int i = 0; i < 8; i++) /* complete messages that nobody takes */
        peer_large_message(p, 3, 0, 8000);
    peer_settle(p);
    assert_int_equal(peer_count(p, NGHTTP2_RST_STREAM, 3), 0);
    peer_large_message(p, 3, 0, 8000);
    peer_settle(p);
    expect_reset(p, 3, NGHTTP2_FLOW_CONTROL_ERROR);
    assert_true(weir_call_cancelled(served->call));
    expect_unharmed(p);
}

/* Its reset waits behind output that the peer does not take: what comes until then is not kept. */
static void more_than_the_window_is_never_held(void **state)
{
    struct peer *p = *state;
    size_t before = memory_held();

    p->deaf = true;
    memory_reset_peak();
    peer_request(p, 3, 0, "/t.T/Hand", NULL);
    for (int i = 0; i < 20; i++)
        peer_large_message(p, 3, 0, 8000);
    peer_settle(p);
    assert_true(memory_peak() - before < 2 * 65536);
    p->deaf = false;
    peer_settle(p);
    expect_reset(p, 3, NGHTTP2_FLOW_CONTROL_ERROR);
    expect_unharmed(p);
}

static void more_than_the_connections_window_is_a_flow_control_error(void **state)
{
    struct peer *p = *state;
    struct peer *greedy = peer_of_server(NULL);

    greedy->one_byte = p->one_byte;
    greedy->deaf = true; /* no window is opened to it again and again */
    for (int32_t id = 1; id < 2 * 30; id += 2) {
        peer_request(greedy, id, 0, "/t.T/Hand", NULL);
        for (int i = 0; i < 8; i++)
            peer_large_message(greedy, id, 0, 8000);
    }
    peer_settle(greedy);
    greedy->deaf = false;
    peer_settle(greedy);
    expect_goaway(greedy, NGHTTP2_FLOW_CONTROL_ERROR);
    for (unsigned i = 0; i < greedy->service->calls; i++)
        assert_true(weir_call_cancelled(greedy->service->served[i].call));
    peer_free(greedy);
}

static void a_window_opened_too_far_is_a_flow_control_error(void **state)
{
    struct peer *p = *state;
    struct served *served = &p->service->served[0];

    peer_request(p, 3, 0, "/t.T/Hand", NULL);
    peer_window(p, 3, 0x7fffffff);
    peer_settle(p);
    expect_reset(p, 3, NGHTTP2_FLOW_CONTROL_ERROR);
    assert_true(served->call == NULL || weir_call_cancelled(served->call));
    expect_unharmed(p);
}

static void a_window_update_of_nothing_is_a_protocol_error(void **state)
{
    struct peer *p = *state;

    peer_request(p, 3, 0, "/t.T/Hand", NULL);
    peer_window(p, 3, 0);
    peer_settle(p);
    assert_true(peer_count(p, NGHTTP2_RST_STREAM, 3) == 1 || p->connection == NULL);
}

/* ---- streams past the maximum ---- */

static void a_stream_past_the_maximum_is_refused_and_the_next_one_served(void **state)
{
    struct peer *p = *state;
    struct peer *early = peer_of_server(NULL);

    early->one_byte = p->one_byte;
    early->deaf = true; /* it does not know the maximum yet */
    for (int32_t i = 0; i < 102; i++)
        peer_request(early, 1 + 2 * i, 0, "/t.T/Echo", NULL);
    peer_settle(early);
    early->deaf = false;
    peer_settle(early);
    expect_reset(early, 201, NGHTTP2_REFUSED_STREAM);
    expect_reset(early, 203, NGHTTP2_REFUSED_STREAM);
    peer_data(early, 3, END_STREAM, NULL, 0);
    peer_settle(early);
    expect_status(early, 3, WEIR_OK);
    expect_unharmed(early);
    peer_free(early);
}

/* nghttp2 takes it as an error of the connection once the peer has acknowledged the maximum. */
static void a_stream_past_a_known_maximum_ends_the_connection(void **state)
{
    struct peer *p = *state;

    for (int32_t i = 1; i < 100; i++) /* with the neighbour 100 */
        peer_request(p, 1 + 2 * i, 0, "/t.T/Echo", NULL);
    peer_settle(p);
    peer_message(p, 199, 0, "x");
    peer_settle(p);
    assert_true(peer_body_has(p, 199, 0, "x"));
    peer_request(p, 301, 0, "/t.T/Echo", NULL);
    peer_settle(p);
    expect_goaway(p, NGHTTP2_PROTOCOL_ERROR);
}

static void the_maximum_of_streams_is_told_at_once(void **state)
{
    struct peer *p = *state;
    const struct frame *settings = peer_find(p, NGHTTP2_SETTINGS, 0, 0);
    bool told = false;

    for (size_t at = 0; at + 6 <= settings->size; at += 6)
        told |= settings->payload[at + 1] == NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS &&
                frame_number(settings, at + 2) == 100;
    assert_true(told);
}

/* ---- a peer that does not read ---- */

static void who_does_not_read_is_not_read_and_costs_little(void **state)
{
    struct peer *p = *state;
    size_t before = memory_held();

    p->deaf = true;
    memory_reset_peak();
    for (int i = 0; i < 20000; i++)
        peer_frame(p, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    peer_settle(p);
    assert_false(weir_connection_wants_input(p->connection));
    assert_true(memory_peak() - before < (1 << 20));
    assert_true(p->out.size > p->out.taken); /* it is not read any more */
}

static void responses_that_are_not_read_are_not_made(void **state)
{
    struct peer *p = *state;

    p->service->down = (struct source){.count = 1000000, .size = 1000, .over = true};
    peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7fffffff);
    peer_window(p, 0, 0x7fff0000);
    peer_settle(p);
    p->deaf = true;
    peer_request(p, 3, 0, "/t.T/Down", NULL);
    peer_message(p, 3, END_STREAM, "go");
    peer_settle(p);
    assert_true(p->service->down.given <= 1); /* nobody asked for output */
}

/* ---- broken frames ---- */

struct broken {
    const char *bytes;
    size_t size;
    uint32_t error;
};

#define BYTES(text) text, sizeof(text) - 1

static void broken_frames_end_the_connection_with_a_reason(void **state)
{
    static const struct broken all[] = {
        {BYTES("\0\0\1\0\0\0\0\0\0x"), NGHTTP2_PROTOCOL_ERROR},       /* DATA on stream 0 */
        {BYTES("\0\0\1\0\0\0\0\0\x09x"), NGHTTP2_PROTOCOL_ERROR},     /* DATA on an idle stream */
        {BYTES("\0\0\1\1\4\0\0\0\0\x82"), NGHTTP2_PROTOCOL_ERROR},    /* HEADERS on stream 0 */
        {BYTES("\0\0\1\1\4\0\0\0\2\x82"), NGHTTP2_PROTOCOL_ERROR},    /* ... on an even stream */
        {BYTES("\0\0\1\x09\4\0\0\0\1\x82"), NGHTTP2_PROTOCOL_ERROR},  /* CONTINUATION of nothing */
        {BYTES("\0\0\1\1\4\0\0\0\1\xff"), NGHTTP2_COMPRESSION_ERROR}, /* broken HPACK */
        {BYTES("\0\0\1\1\4\0\0\0\1\x80"), NGHTTP2_COMPRESSION_ERROR}, /* index 0 */
        {BYTES("\0\x40\1\0\0\0\0\0\1"), NGHTTP2_FRAME_SIZE_ERROR},    /* 16,385 bytes */
        {BYTES("\0\0\4\3\0\0\0\0\x09\0\0\0\0"), NGHTTP2_PROTOCOL_ERROR}, /* RST of an idle one */
        {BYTES("\0\0\3\3\0\0\0\0\1\0\0\0"), NGHTTP2_FRAME_SIZE_ERROR},
        {BYTES("\0\0\5\4\0\0\0\0\0\0\1\0\0\0"), NGHTTP2_FRAME_SIZE_ERROR}, /* SETTINGS */
        {BYTES("\0\0\6\4\0\0\0\0\0\0\2\0\0\0\2"), NGHTTP2_PROTOCOL_ERROR}, /* ENABLE_PUSH 2 */
        {BYTES("\0\0\6\4\0\0\0\0\0\0\4\x80\0\0\0"), NGHTTP2_FLOW_CONTROL_ERROR},
        {BYTES("\0\0\6\4\0\0\0\0\0\0\5\0\0\0\1"), NGHTTP2_PROTOCOL_ERROR}, /* MAX_FRAME_SIZE 1 */
        {BYTES("\0\0\4\x05\4\0\0\0\1\0\0\0\2"), NGHTTP2_PROTOCOL_ERROR},   /* PUSH_PROMISE */
        {BYTES("\0\0\7\6\0\0\0\0\0abcdefg"), NGHTTP2_FRAME_SIZE_ERROR},    /* PING */
        {BYTES("\0\0\4\7\0\0\0\0\0\0\0\0\1"), NGHTTP2_FRAME_SIZE_ERROR},   /* GOAWAY */
        {BYTES("\0\0\4\x08\0\0\0\0\0\0\0\0\0"), NGHTTP2_PROTOCOL_ERROR},   /* a window of 0 more */
        {BYTES("\0\0\4\x08\0\0\0\0\0\x7f\xff\xff\xff"), NGHTTP2_FLOW_CONTROL_ERROR},
    };
    struct peer *p = *state;

    for (size_t i = 0; i < COUNT_OF(all); i++) {
        struct peer *bad = peer_of_server(NULL);

        bad->one_byte = p->one_byte;
        peer_settle(bad);
        peer_send(bad, all[i].bytes, all[i].size);
        peer_settle(bad);
        if (peer_find(bad, NGHTTP2_GOAWAY, 0, 0) == NULL)
            print_error("row %zu: no GOAWAY\n", i);
        expect_goaway(bad, all[i].error);
        peer_free(bad);
    }
}

/* Whole only: nghttp2 counts a CONTINUATION for each piece that its frame header comes in. */
static void a_header_block_cut_by_another_frame_is_a_protocol_error(void **state)
{
    struct peer *p = *state;

    p->last_stream = 3;
    peer_frame(p, NGHTTP2_HEADERS, 0, 3, "\x82", 1);
    peer_message(p, 1, 0, "between");
    peer_settle(p);
    expect_goaway(p, NGHTTP2_PROTOCOL_ERROR);
}

static void too_many_continuations_end_the_connection(void **state)
{
    struct peer *p = *state;
    uint8_t zeros[16384] = {0};
    size_t before = memory_held();

    p->last_stream = 3;
    memory_reset_peak();
    peer_frame(p, NGHTTP2_HEADERS, 0, 3, "\x82", 1);
    for (int i = 0; i < 64; i++)
        peer_frame(p, NGHTTP2_CONTINUATION, 0, 3, zeros, i % 2 == 0 ? 0 : sizeof zeros);
    peer_settle(p);
    assert_true(p->connection == NULL);
    assert_true(memory_peak() - before < 200000);
}

static void a_bad_preface_ends_the_connection(void **state)
{
    static const char *const prefaces[] = {
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS hello"};
    struct peer *p = *state;

    for (size_t i = 0; i < COUNT_OF(prefaces); i++) {
        struct peer *bad = peer_of_server(NULL);

        bad->one_byte = p->one_byte;
        bad->out.size = bad->out.taken = 0;
        peer_send(bad, prefaces[i], strlen(prefaces[i]));
        peer_settle(bad);
        expect_goaway(bad, NGHTTP2_PROTOCOL_ERROR);
        peer_free(bad);
    }
}

static void a_broken_connection_takes_its_calls_along(void **state)
{
    struct peer *p = *state;
    struct served *served = &p->service->served[0];

    peer_request(p, 3, 0, "/t.T/Hand", NULL);
    peer_settle(p);
    peer_data(p, 0, 0, "x", 1);
    peer_settle(p);
    expect_goaway(p, NGHTTP2_PROTOCOL_ERROR);
    expect_error(&served->requests, WEIR_CANCELLED);
    assert_int_equal(served->responses.released, 1);
}

static void unknown_frames_and_settings_are_ignored(void **state)
{
    struct peer *p = *state;

    peer_frame(p, 0x42, 0xff, 0, "whatever", 8);
    peer_frame(p, 0x42, 0xff, 1, "whatever", 8);
    peer_settings(p, 0x4242, 1);
    peer_frame(p, NGHTTP2_PRIORITY, 0, 9, "\0\0\0\1\7", 5);
    peer_settle(p);
    expect_unharmed(p);
}

static void data_behind_the_end_ends_the_connection(void **state)
{
    struct peer *p = *state;
    struct served *served = &p->service->served[0];

    peer_request(p, 3, END_STREAM, "/t.T/Hand", NULL);
    peer_settle(p);
    peer_message(p, 3, 0, "late");
    peer_settle(p);
    expect_goaway(p, NGHTTP2_STREAM_CLOSED);
    assert_true(weir_call_cancelled(served->call));
}

static void padding_longer_than_its_frame_is_a_protocol_error(void **state)
{
    struct peer *p = *state;

    peer_request(p, 3, 0, "/t.T/Hand", NULL);
    peer_frame(p, NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 3, "\5abc", 4);
    peer_settle(p);
    expect_goaway(p, NGHTTP2_PROTOCOL_ERROR);
}

/* Whatever bytes come, the connection lives or says goodbye, and nothing leaks. */
static void noise_never_crashes(void **state)
{
    struct peer *p = *state;
    uint32_t seed = 1;

    for (unsigned run = 0; run < 300; run++) {
        struct peer *noisy = peer_of_server(NULL);

        noisy->one_byte = p->one_byte;
        peer_request(noisy, 1, 0, "/t.T/Echo", NULL);
        for (unsigned i = 0; i < 6; i++) {
            uint8_t bytes[64];

            for (size_t k = 0; k < sizeof bytes; k++)
                bytes[k] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
            peer_frame(noisy, bytes[0] % 10, bytes[1], bytes[2] % 4, bytes + 4, bytes[3] % 60);
        }
        peer_settle(noisy);
        if (noisy->connection == NULL)
            assert_non_null(peer_find(noisy, NGHTTP2_GOAWAY, 0, 0));
        peer_free(noisy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(a_bad_flag_is_internal),
        SERVER_TEST(an_unknown_encoding_is_unimplemented_and_says_what_is_not),
        SERVER_TEST(an_unknown_encoding_is_unimplemented_also_when_a_message_came_with_it),
        SERVER_TEST(the_end_in_the_middle_of_a_message_is_internal),
        SERVER_TEST(a_message_declared_too_large_is_refused_from_its_prefix),
        SERVER_TEST(a_fault_comes_behind_the_messages_before_it_and_fixes_the_status),
        SERVER_TEST(what_comes_behind_a_fault_is_credited),
        SERVER_TEST(a_reset_cancels_the_call),
        SERVER_TEST(a_reset_right_behind_its_request_is_no_call),
        SERVER_TEST(more_than_the_streams_window_is_a_flow_control_error),
        SERVER_TEST(more_than_the_window_is_never_held),
        SERVER_TEST(more_than_the_connections_window_is_a_flow_control_error),
        SERVER_TEST(a_window_opened_too_far_is_a_flow_control_error),
        SERVER_TEST(a_window_update_of_nothing_is_a_protocol_error),
        SERVER_TEST(a_stream_past_the_maximum_is_refused_and_the_next_one_served),
        SERVER_TEST(a_stream_past_a_known_maximum_ends_the_connection),
        SERVER_TEST(the_maximum_of_streams_is_told_at_once),
        SERVER_TEST(who_does_not_read_is_not_read_and_costs_little),
        SERVER_TEST(responses_that_are_not_read_are_not_made),
        SERVER_TEST(broken_frames_end_the_connection_with_a_reason),
        SERVER_TEST_WHOLE(a_header_block_cut_by_another_frame_is_a_protocol_error),
        SERVER_TEST(too_many_continuations_end_the_connection),
        SERVER_TEST(a_bad_preface_ends_the_connection),
        SERVER_TEST(a_broken_connection_takes_its_calls_along),
        SERVER_TEST(unknown_frames_and_settings_are_ignored),
        SERVER_TEST(data_behind_the_end_ends_the_connection),
        SERVER_TEST(padding_longer_than_its_frame_is_a_protocol_error),
        SERVER_TEST(noise_never_crashes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
