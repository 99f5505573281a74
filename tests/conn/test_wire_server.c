/* SPDX-License-Identifier: MIT */
/*
 * test_wire_server.c - what a server puts on the wire, and what it accepts (grpc.md, "Wire").
 */
#include "conn/support/peer.h"
#include "support/notes.h"

#include <stdlib.h>
#include <string.h>

static const struct frame *headers_of(const struct peer *p, int32_t stream, size_t nth)
{
    const struct frame *frame = peer_find(p, NGHTTP2_HEADERS, stream, nth);

    assert_non_null(frame);
    return frame;
}

/* ---- 1: requests ---- */

static void grpc_content_types_are_served(void **state)
{
    static const char *const types[] = {"application/grpc", "application/grpc+proto",
                                        "application/grpc+json", "application/grpc;charset=x"};
    struct peer *p = *state;

    for (int32_t i = 0; i < (int32_t)COUNT_OF(types); i++) {
        int32_t id = 3 + 2 * i;

        peer_headers(p, id, 0, ":method", "POST", ":scheme", "http", ":path", "/t.T/Unary",
                     ":authority", "x", "te", "trailers", "content-type", types[i], NULL);
        peer_message(p, id, END_STREAM, "hi");
        peer_settle(p);
        assert_true(peer_body_has(p, id, 0, "hi"));
        expect_status(p, id, WEIR_OK);
    }
}

static weir_code do_nothing(void *self, weir_call *call, const struct note *request,
                            weir_typed_io *io, struct note *response, weir_status *why)
{
    (void)self, (void)call, (void)request, (void)io, (void)response, (void)why;
    return WEIR_OK;
}

static weir_stream no_responses(const weir_target *target, weir_call *call, const void *request,
                                weir_stream requests)
{
    (void)target, (void)call, (void)request;
    weir_stream_release(&requests);
    return weir_stream_empty();
}

/* Functions of structures know one serializer, and its name is part of the content-type. */
static void typed_methods_take_their_own_subtype_alone(void **state)
{
    static const struct {
        const char *type;
        weir_code code;
    } rows[] = {{"application/grpc", WEIR_OK},
                {"application/grpc;x=+y", WEIR_OK},
                {"application/grpc+note", WEIR_OK},
                {"application/grpc+note;x=y", WEIR_OK},
                {"application/grpc+proto", WEIR_UNIMPLEMENTED},
                {"application/grpc+not", WEIR_UNIMPLEMENTED},
                {"application/grpc+json", WEIR_UNIMPLEMENTED}};
    static const weir_method *const methods[] = {&unary_method, &down_method, &bidi_method};
    const weir_target target = note_target(do_nothing, NULL);
    weir_bytes note = note_bytes(1, "x");
    struct peer *p = *state;
    int32_t id = 1;

    weir_handler handlers[] = {weir_typed_plain(&unary_method, note_invoke, target, false),
                               weir_typed_stream(&down_method, no_responses, target),
                               weir_typed_stream(&bidi_method, no_responses, target)};
    for (size_t i = 0; i < COUNT_OF(methods); i++)
        assert_int_equal(weir_server_handle(p->server, methods[i]->path, handlers[i], NULL),
                         WEIR_OK);
    for (size_t i = 0; i < COUNT_OF(methods) * COUNT_OF(rows); i++) {
        uint8_t prefix[5] = {0, 0, 0, 0, (uint8_t)note.size};

        id += 2;
        peer_headers(p, id, 0, ":method", "POST", ":scheme", "http", ":path",
                     methods[i / COUNT_OF(rows)]->path, ":authority", "x", "content-type",
                     rows[i % COUNT_OF(rows)].type, NULL);
        peer_data(p, id, 0, prefix, sizeof prefix);
        peer_data(p, id, END_STREAM, note.data, note.size);
        peer_settle(p);
        expect_status(p, id, rows[i % COUNT_OF(rows)].code);
    }
    weir_bytes_unref(&note);
}

static void a_missing_te_is_served(void **state)
{
    struct peer *p = *state;

    peer_headers(p, 3, 0, ":method", "POST", ":scheme", "http", ":path", "/t.T/Unary", ":authority",
                 "x", "content-type", "application/grpc", NULL);
    peer_message(p, 3, END_STREAM, "hi");
    peer_settle(p);
    expect_status(p, 3, WEIR_OK);
}

static void any_authority_is_served_and_none(void **state)
{
    struct peer *p = *state;

    peer_headers(p, 3, 0, ":method", "POST", ":scheme", "http", ":path", "/t.T/Unary", ":authority",
                 "%2Ftmp%2Fsocket", "content-type", "application/grpc", NULL);
    peer_message(p, 3, END_STREAM, "hi");
    peer_headers(p, 5, 0, ":method", "POST", ":scheme", "https", ":path", "/t.T/Unary", "host",
                 "elsewhere", "content-type", "application/grpc", NULL);
    peer_message(p, 5, END_STREAM, "hi");
    peer_settle(p);
    expect_status(p, 3, WEIR_OK);
    expect_status(p, 5, WEIR_OK);
}

/* ---- 3: responses ---- */

static void a_response_is_headers_data_and_trailers(void **state)
{
    struct peer *p = *state;
    const struct frame *headers, *trailers;

    peer_request(p, 3, 0, "/t.T/Unary", "x-a", "1", NULL);
    peer_message(p, 3, END_STREAM, "hi");
    peer_settle(p);
    headers = headers_of(p, 3, 0);
    trailers = headers_of(p, 3, 1);
    assert_string_equal(headers->fields[0].name, ":status");
    assert_string_equal(frame_field(headers, ":status"), "200");
    assert_string_equal(frame_field(headers, "content-type"), "application/grpc");
    assert_string_equal(frame_field(headers, "x-a"), "1");
    assert_null(frame_field(headers, "grpc-status"));
    assert_int_equal(headers->flags & END_STREAM, 0);
    assert_int_equal(peer_find(p, NGHTTP2_DATA, 3, 0)->flags & END_STREAM, 0);
    assert_string_equal(frame_field(trailers, "grpc-status"), "0");
    assert_string_equal(frame_field(trailers, "x-a"), "1");
    assert_null(frame_field(trailers, ":status"));
    assert_null(frame_field(trailers, "grpc-message"));
    assert_true((trailers->flags & END_STREAM) != 0);
    assert_int_equal(peer_count(p, NGHTTP2_RST_STREAM, 3), 0);
}

static void trailers_only_is_one_headers_frame_with_end_stream(void **state)
{
    struct peer *p = *state;
    const struct frame *only;

    peer_request(p, 3, 0, "/t.T/Fail", NULL);
    peer_message(p, 3, END_STREAM, "hi");
    peer_settle(p);
    only = headers_of(p, 3, 0);
    assert_int_equal(peer_count(p, NGHTTP2_HEADERS, 3), 1);
    assert_int_equal(peer_count(p, NGHTTP2_DATA, 3), 0);
    assert_true((only->flags & END_STREAM) != 0);
    assert_string_equal(frame_field(only, ":status"), "200");
    assert_string_equal(frame_field(only, "content-type"), "application/grpc");
    expect_status(p, 3, WEIR_ABORTED);
}

static void metadata_before_a_status_is_no_trailer(void **state)
{
    struct peer *p = *state;
    struct served *served = &p->service->served[0];

    peer_request(p, 3, END_STREAM, "/t.T/Hand", NULL);
    peer_settle(p);
    assert_int_equal(weir_call_add_metadata(served->call, "x-h", "1", 1), WEIR_OK);
    assert_int_equal(weir_call_add_trailer(served->call, "x-t", "2", 1), WEIR_OK);
    source_end(&served->responses, WEIR_ABORTED);
    peer_settle(p);
    assert_string_equal(frame_field(headers_of(p, 3, 0), "x-h"), "1");
    assert_null(frame_field(headers_of(p, 3, 0), "grpc-status"));
    assert_string_equal(frame_field(headers_of(p, 3, 1), "x-t"), "2");
    assert_int_equal(peer_count(p, NGHTTP2_DATA, 3), 0);
    expect_status(p, 3, WEIR_ABORTED);
}

static void headers_are_held_back_until_the_first_message(void **state)
{
    struct peer *p = *state;
    struct served *served = &p->service->served[0];

    peer_request(p, 3, END_STREAM, "/t.T/Hand", NULL);
    peer_settle(p);
    assert_int_equal(peer_count(p, NGHTTP2_HEADERS, 3), 0);
    source_give(&served->responses, 1);
    peer_settle(p);
    assert_int_equal(peer_count(p, NGHTTP2_HEADERS, 3), 1);
    assert_int_equal(peer_body_size(p, 3), 5);
}

static void send_headers_sends_them_once_and_at_once(void **state)
{
    struct peer *p = *state;
    struct served *served = &p->service->served[0];

    peer_request(p, 3, END_STREAM, "/t.T/Hand", NULL);
    peer_settle(p);
    weir_call_send_headers(served->call);
    weir_call_send_headers(served->call);
    peer_settle(p);
    assert_int_equal(peer_count(p, NGHTTP2_HEADERS, 3), 1);
    assert_int_equal(headers_of(p, 3, 0)->flags & END_STREAM, 0);
    source_end(&served->responses, WEIR_OK);
    peer_settle(p);
    assert_int_equal(peer_count(p, NGHTTP2_HEADERS, 3), 2);
    expect_status(p, 3, WEIR_OK);
}

/* ---- 5: early trailers ---- */

static void after_early_trailers_comes_a_reset_without_error(void **state)
{
    struct peer *p = *state;
    const struct frame *last;

    peer_request(p, 3, 0, "/t.T/Fail", NULL);
    peer_settle(p);
    expect_status(p, 3, WEIR_ABORTED);
    expect_reset(p, 3, NGHTTP2_NO_ERROR);
    last = &p->frames[p->frame_count - 1];
    assert_int_equal(last->type, NGHTTP2_RST_STREAM);
    expect_unharmed(p);
}

static void early_trailers_wait_for_no_window(void **state)
{
    struct peer *p = *state;
    struct served *served = &p->service->served[0];

    peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0);
    peer_request(p, 3, 0, "/t.T/Hand", NULL);
    served->responses = (struct source){.over = true, .code = WEIR_ABORTED};
    peer_settle(p);
    expect_status(p, 3, WEIR_ABORTED);
    expect_reset(p, 3, NGHTTP2_NO_ERROR);
}

static void data_behind_early_trailers_harms_nobody(void **state)
{
    struct peer *p = *state;
    uint64_t credit;

    peer_request(p, 3, 0, "/t.T/Fail", NULL);
    peer_settle(p);
    credit = peer_credit(p, 0);
    for (int i = 0; i < 4; i++) {
        peer_large_message(p, 3, 0, 400000);
        peer_settle(p);
    }
    assert_true(peer_credit(p, 0) - credit > 4 * 400000 - (1 << 20));
    expect_unharmed(p);
}

/* ---- 6: boundaries ---- */

static void data_may_be_cut_anywhere(void **state)
{
    static const uint8_t two[] = {0, 0, 0, 0, 2, 'a', 'b', 0, 0, 0, 0, 1, 'c'};
    struct peer *p = *state;

    for (size_t cut = 0; cut <= sizeof two; cut++) {
        int32_t id = 3 + 2 * (int32_t)cut;

        peer_request(p, id, 0, "/t.T/Echo", NULL);
        peer_data(p, id, 0, two, cut);
        peer_settle(p);
        peer_data(p, id, END_STREAM, two + cut, sizeof two - cut);
        peer_settle(p);
        assert_true(peer_body_has(p, id, 0, "ab"));
        assert_true(peer_body_has(p, id, 7, "c"));
        expect_status(p, id, WEIR_OK);
    }
}

static void the_end_may_come_on_an_empty_frame(void **state)
{
    struct peer *p = *state;

    peer_request(p, 3, 0, "/t.T/Unary", NULL);
    peer_message(p, 3, 0, "hi");
    peer_settle(p);
    peer_data(p, 3, END_STREAM, NULL, 0);
    peer_settle(p);
    assert_true(peer_body_has(p, 3, 0, "hi"));
    expect_status(p, 3, WEIR_OK);
}

static void the_end_may_come_on_request_trailers(void **state)
{
    struct peer *p = *state;

    peer_request(p, 3, 0, "/t.T/Unary", NULL);
    peer_message(p, 3, 0, "hi");
    peer_headers(p, 3, END_STREAM, "x-trailer", "1", NULL);
    peer_settle(p);
    assert_true(peer_body_has(p, 3, 0, "hi"));
    expect_status(p, 3, WEIR_OK);
}

static void empty_frames_and_empty_messages_are_legal(void **state)
{
    struct peer *p = *state;

    peer_request(p, 3, 0, "/t.T/Up", NULL);
    for (int i = 0; i < 20; i++) {
        peer_data(p, 3, 0, NULL, 0);
        peer_message(p, 3, 0, "");
    }
    peer_data(p, 3, END_STREAM, NULL, 0);
    peer_settle(p);
    assert_true(peer_body_has(p, 3, 0, "20 0"));
    expect_status(p, 3, WEIR_OK);
}

static void a_header_block_may_be_split(void **state)
{
    static const nghttp2_nv fields[] = {
#define FIELD(name, value)                                                                         \
    {(uint8_t *)name, (uint8_t *)value, sizeof(name) - 1, sizeof(value) - 1, NGHTTP2_NV_FLAG_NONE}
        FIELD(":method", "POST"),
        FIELD(":scheme", "http"),
        FIELD(":path", "/t.T/Unary"),
        FIELD(":authority", "x"),
        FIELD("content-type", "application/grpc"),
        FIELD("x-a", "a longer value, in two frames")};
    struct peer *p = *state;
    size_t size;
    uint8_t *block = peer_block(p, fields, COUNT_OF(fields), &size);

    p->last_stream = 3;
    peer_frame(p, NGHTTP2_HEADERS, 0, 3, block, 7);
    peer_frame(p, NGHTTP2_CONTINUATION, 0, 3, block + 7, 0);
    peer_frame(p, NGHTTP2_CONTINUATION, 0, 3, block + 7, 9);
    peer_frame(p, NGHTTP2_CONTINUATION, END_HEADERS, 3, block + 16, size - 16);
    free(block);
    peer_message(p, 3, END_STREAM, "hi");
    peer_settle(p);
    assert_string_equal(frame_field(headers_of(p, 3, 0), "x-a"), "a longer value, in two frames");
    expect_status(p, 3, WEIR_OK);
}

/* ---- 9: windows ---- */

static void padding_is_credited(void **state)
{
    struct peer *p = *state;
    static const uint8_t byte[] = {0};
    static const uint8_t prefix[] = {0, 0, 0, 7, 0xd0}; /* 2,000 bytes follow */

    peer_request(p, 3, 0, "/t.T/Unary", NULL);
    peer_data(p, 3, 0, prefix, sizeof prefix);
    for (int i = 0; i < 2000; i++) { /* 257 of the window for each byte: 514,000 in all */
        peer_padded(p, 3, i == 1999 ? END_STREAM : 0, byte, 1, 255);
        peer_settle(p);
        assert_true(257 * (uint64_t)i < 65535 + peer_credit(p, 3));
        assert_true(257 * (uint64_t)i < 65535 + peer_credit(p, 0));
    }
    assert_int_equal(peer_body_size(p, 3), 2005);
    expect_status(p, 3, WEIR_OK);
}

static void a_lowered_window_may_be_negative(void **state)
{
    struct peer *p = *state;
    struct served *served = &p->service->served[0];

    served->responses = (struct source){.count = 10, .size = 10000, .over = true};
    peer_window(p, 0, 1000000);
    peer_request(p, 3, END_STREAM, "/t.T/Hand", NULL);
    peer_settle(p);
    assert_int_equal(peer_body_size(p, 3), 65535);
    peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 100); /* it is -65,435 now */
    peer_settle(p);
    peer_window(p, 3, 65435);
    peer_settle(p);
    assert_int_equal(peer_body_size(p, 3), 65535);
    peer_window(p, 3, 1);
    peer_settle(p);
    assert_int_equal(peer_body_size(p, 3), 65536);
    peer_window(p, 3, 100000);
    peer_settle(p);
    assert_int_equal(peer_body_size(p, 3), 100050);
    expect_status(p, 3, WEIR_OK);
}

/* ---- 10, 11: texts ---- */

static void a_status_message_is_percent_encoded(void **state)
{
    struct peer *p = *state;
    const struct frame *frame;

    peer_request(p, 3, END_STREAM, "/t.T/Fail", NULL);
    peer_settle(p);
    frame = headers_of(p, 3, 0);
    assert_string_equal(frame_field(frame, "grpc-message"), "no: %C3%A9%0A%25");
    assert_string_equal(frame_field(frame, "grpc-status-details-bin"), "AAEC/w");
}

static void binary_metadata_is_sent_without_padding_and_read_with_both(void **state)
{
    struct peer *p = *state;
    const struct frame *frame;

    peer_request(p, 3, 0, "/t.T/Unary", "x-a-bin", "/w==", "x-a-bin", "/w", "x-b-bin",
                 "AA, AQ==", NULL);
    peer_message(p, 3, END_STREAM, "hi");
    peer_settle(p);
    expect_status(p, 3, WEIR_OK);
    frame = headers_of(p, 3, 0);
    assert_int_equal(frame->field_count, 2 + 4);
    assert_string_equal(frame->fields[2].value, "/w");
    assert_string_equal(frame->fields[3].value, "/w");
    assert_string_equal(frame->fields[4].value, "AA");
    assert_string_equal(frame->fields[5].value, "AQ");
}

static void duplicate_metadata_keeps_its_order(void **state)
{
    struct peer *p = *state;
    const struct frame *frame;

    peer_request(p, 3, 0, "/t.T/Unary", "x-a", "2", "x-b", "0", "x-a", "1", "x-a", "2", NULL);
    peer_message(p, 3, END_STREAM, "hi");
    peer_settle(p);
    frame = headers_of(p, 3, 0);
    assert_string_equal(frame->fields[2].value, "2");
    assert_string_equal(frame->fields[4].value, "1");
    assert_string_equal(frame->fields[5].value, "2");
}

static void outer_spaces_are_stripped_and_bad_ascii_is_dropped(void **state)
{
    struct peer *p = *state;
    const struct frame *frame;

    peer_request(p, 3, 0, "/t.T/Unary", "x-a", "  in ner\t", "x-b", "caf\xc3\xa9", "x-c", "z",
                 NULL);
    peer_message(p, 3, END_STREAM, "hi");
    peer_settle(p);
    expect_status(p, 3, WEIR_OK);
    frame = headers_of(p, 3, 0);
    assert_string_equal(frame_field(frame, "x-a"), "in ner");
    assert_null(frame_field(frame, "x-b"));
    assert_string_equal(frame_field(frame, "x-c"), "z");
}

static void what_the_library_owns_cannot_be_sent(void **state)
{
    static const char *const names[] = {":path",
                                        "grpc-status",
                                        "grpc-message",
                                        "grpc-status-details-bin",
                                        "grpc-timeout",
                                        "content-type",
                                        "te",
                                        "grpc-encoding",
                                        "grpc-accept-encoding",
                                        "grpc-message-type",
                                        "connection",
                                        "X-Upper",
                                        "a b",
                                        "a\r\nb",
                                        ""};
    struct peer *p = *state;
    struct served *served = &p->service->served[0];

    peer_request(p, 3, END_STREAM, "/t.T/Hand", NULL);
    peer_settle(p);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_int_equal(weir_call_add_metadata(served->call, names[i], "v", 1),
                         WEIR_INVALID_ARGUMENT);
        assert_int_equal(weir_call_add_trailer(served->call, names[i], "v", 1),
                         WEIR_INVALID_ARGUMENT);
    }
    assert_int_equal(weir_call_add_trailer(served->call, "a", "b\r\nc: d", 7),
                     WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_call_add_trailer(served->call, "a", "b\0c", 3), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_call_add_trailer(served->call, "grpc-retry-pushback-ms", "5", 1),
                     WEIR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(grpc_content_types_are_served),
        SERVER_TEST(typed_methods_take_their_own_subtype_alone),
        SERVER_TEST(a_missing_te_is_served),
        SERVER_TEST(any_authority_is_served_and_none),
        SERVER_TEST(a_response_is_headers_data_and_trailers),
        SERVER_TEST(trailers_only_is_one_headers_frame_with_end_stream),
        SERVER_TEST(metadata_before_a_status_is_no_trailer),
        SERVER_TEST(headers_are_held_back_until_the_first_message),
        SERVER_TEST(send_headers_sends_them_once_and_at_once),
        SERVER_TEST(after_early_trailers_comes_a_reset_without_error),
        SERVER_TEST(early_trailers_wait_for_no_window),
        SERVER_TEST(data_behind_early_trailers_harms_nobody),
        SERVER_TEST(data_may_be_cut_anywhere),
        SERVER_TEST(the_end_may_come_on_an_empty_frame),
        SERVER_TEST(the_end_may_come_on_request_trailers),
        SERVER_TEST(empty_frames_and_empty_messages_are_legal),
        /* nghttp2 counts a CONTINUATION for each piece that its frame header comes in. */
        SERVER_TEST_WHOLE(a_header_block_may_be_split),
        SERVER_TEST(padding_is_credited),
        SERVER_TEST(a_lowered_window_may_be_negative),
        SERVER_TEST(a_status_message_is_percent_encoded),
        SERVER_TEST(binary_metadata_is_sent_without_padding_and_read_with_both),
        SERVER_TEST(duplicate_metadata_keeps_its_order),
        SERVER_TEST(outer_spaces_are_stripped_and_bad_ascii_is_dropped),
        SERVER_TEST(what_the_library_owns_cannot_be_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
