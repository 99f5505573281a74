/* SPDX-License-Identifier: MIT */
/*
 * test_wire_client.c - what a client puts on the wire, and what it makes of good answers (grpc.md).
 */
#include "conn/support/peer.h"

#include <stdio.h>
#include <string.h>

/* The peer answers a call with one message and this status. */
static void answer(struct peer *p, int32_t id, const char *message, const char *status)
{
    peer_headers(p, id, 0, RESPONSE, NULL);
    peer_message(p, id, 0, message);
    peer_headers(p, id, END_STREAM, "grpc-status", status, NULL);
    peer_settle(p);
}

/* ---- requests ---- */

static void a_request_has_its_headers_in_grpcs_order(void **state)
{
    static const char *const wanted[][2] = {
        {":method", "POST"},
        {":scheme", "http"},
        {":path", "/t.T/Unary"},
        {":authority", "server:1"},
        {"grpc-timeout", "1500m"},
        {"te", "trailers"},
        {"content-type", "application/grpc"},
        {"grpc-accept-encoding", "identity,deflate,gzip"},
        {"user-agent", "grpc-c-weir/" WEIR_VERSION},
        {"x-a", "1"},
        {"x-b-bin", "AP8"},
    };
    struct peer *p = *state;
    weir_call *call = weir_call_create("/t.T/Unary");
    const struct frame *frame;
    struct reader r;

    weir_call_set_timeout(call, WEIR_MILLISECONDS(1500));
    assert_int_equal(weir_call_add_metadata(call, "x-a", "1", 1), WEIR_OK);
    assert_int_equal(weir_call_add_metadata(call, "x-b-bin", "\0\xff", 2), WEIR_OK);
    reader_init(&r, weir_channel_call(p->channel, call, weir_stream_empty()), call);
    weir_call_unref(call);
    peer_settle(p);
    frame = peer_find(p, NGHTTP2_HEADERS, 3, 0);
    assert_int_equal(frame->field_count, COUNT_OF(wanted));
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_string_equal(frame->fields[i].name, wanted[i][0]);
        assert_string_equal(frame->fields[i].value, wanted[i][1]);
    }
    reader_clear(&r);
}

static void a_user_agent_of_ones_own_comes_first(void **state)
{
    struct peer *p = *state;
    weir_channel_options options = {.user_agent = "mine/2", .authority = "elsewhere"};
    struct peer *own = peer_of_client(&options);
    const struct frame *frame;
    struct reader r;

    (void)p;
    assert_int_equal(peer_call(own, &r, "/t.T/Unary", weir_stream_empty()), 1);
    frame = peer_find(own, NGHTTP2_HEADERS, 1, 0);
    assert_string_equal(frame_field(frame, "user-agent"), "mine/2 grpc-c-weir/" WEIR_VERSION);
    assert_string_equal(frame_field(frame, ":authority"), "elsewhere");
    reader_clear(&r);
    peer_free(own);
}

static void what_the_library_owns_cannot_be_sent(void **state)
{
    weir_call *call = weir_call_create("/t.T/Unary");

    (void)state;
    assert_int_equal(weir_call_add_metadata(call, "grpc-timeout", "1S", 2), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_call_add_metadata(call, ":path", "/", 1), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_call_add_metadata(call, "a", "b\nc", 3), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_call_add_metadata(call, "te", "x", 1), WEIR_INVALID_ARGUMENT);
    weir_call_unref(call);
}

static void the_end_of_the_requests_half_closes(void **state)
{
    struct peer *p = *state;
    struct source *requests = peer_source(p, (struct source){.count = 2, .size = 3});
    struct reader r;
    int32_t id = peer_call(p, &r, "/t.T/Up", source_stream(requests));
    size_t count;

    assert_int_equal(peer_body_size(p, id), 16);
    count = peer_count(p, NGHTTP2_DATA, id);
    assert_int_equal(peer_find(p, NGHTTP2_DATA, id, count - 1)->flags & END_STREAM, 0);
    source_end(requests, WEIR_OK);
    peer_settle(p);
    assert_int_equal(peer_body_size(p, id), 16);
    count = peer_count(p, NGHTTP2_DATA, id);
    assert_true((peer_find(p, NGHTTP2_DATA, id, count - 1)->flags & END_STREAM) != 0);
    answer(p, id, "hi", "0");
    expect_text(&r, "hi");
    expect_end(&r);
    assert_int_equal(peer_count(p, NGHTTP2_RST_STREAM, id), 0);
    reader_clear(&r);
}

static void an_error_of_the_requests_resets_with_cancel(void **state)
{
    struct peer *p = *state;
    struct source *requests = peer_source(p, (struct source){.count = 1, .size = 3});
    struct reader r;
    int32_t id = peer_call(p, &r, "/t.T/Up", source_stream(requests));

    source_end(requests, WEIR_OUT_OF_RANGE);
    peer_settle(p);
    expect_reset(p, id, NGHTTP2_CANCEL);
    expect_error(&r, WEIR_OUT_OF_RANGE);
    expect_unharmed(p);
    reader_clear(&r);
}

static void a_cancel_resets_with_cancel(void **state)
{
    struct peer *p = *state;
    struct source *requests = peer_source(p, (struct source){.size = 3});
    struct reader r;
    int32_t id = peer_call(p, &r, "/t.T/Up", source_stream(requests));

    weir_call_cancel(r.call);
    peer_settle(p);
    expect_reset(p, id, NGHTTP2_CANCEL);
    expect_error(&r, WEIR_CANCELLED);
    expect_unharmed(p);
    reader_clear(&r);
}

static void releasing_the_responses_resets_with_cancel(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = peer_call(p, &r, "/t.T/Down", weir_stream_empty());

    weir_stream_release(&r.stream);
    peer_settle(p);
    expect_reset(p, id, NGHTTP2_CANCEL);
    expect_unharmed(p);
    reader_clear(&r);
}

static void the_deadline_resets_with_cancel(void **state)
{
    struct peer *p = *state;
    weir_call *call = weir_call_create("/t.T/Unary");
    struct reader r;

    weir_call_set_timeout(call, WEIR_MILLISECONDS(20));
    reader_init(&r, weir_channel_call(p->channel, call, weir_stream_empty()), call);
    weir_call_unref(call);
    peer_advance(p, WEIR_MILLISECONDS(20) - 1);
    assert_int_equal(peer_count(p, NGHTTP2_RST_STREAM, 3), 0);
    peer_advance(p, 1);
    expect_reset(p, 3, NGHTTP2_CANCEL);
    expect_error(&r, WEIR_DEADLINE_EXCEEDED);
    p->last_stream = 3;
    expect_unharmed(p);
    reader_clear(&r);
}

/* What came in is seen with the clock of the turn before it. */
static void a_peer_that_cancels_at_the_deadline_is_no_cancel(void **state)
{
    struct peer *p = *state;

    for (int trailers = 0; trailers < 2; trailers++) {
        weir_call *call = weir_call_create("/t.T/Up");
        int32_t id = 3 + 2 * trailers;
        struct reader r;

        weir_call_set_timeout(call, WEIR_MILLISECONDS(20));
        reader_init(&r, weir_channel_call(p->channel, call, weir_stream_empty()), call);
        weir_call_unref(call);
        peer_settle(p);
        if (trailers)
            peer_headers(p, id, END_STREAM, RESPONSE, "grpc-status", "1", NULL);
        else
            peer_reset(p, id, NGHTTP2_CANCEL);
        assert_int_equal(weir_connection_input(p->connection, p->out.data + p->out.taken,
                                               p->out.size - p->out.taken),
                         WEIR_OK);
        p->out.taken = p->out.size;
        weir_loop_turn(p->loop, weir_loop_now(p->loop) + WEIR_MILLISECONDS(20));
        peer_settle(p);
        expect_error(&r, WEIR_DEADLINE_EXCEEDED);
        reader_clear(&r);
        p->last_stream = id;
    }
    expect_unharmed(p);
}

static void a_peer_that_cancels_before_the_deadline_cancels(void **state)
{
    struct peer *p = *state;
    weir_call *call = weir_call_create("/t.T/Up");
    struct reader r;

    weir_call_set_timeout(call, WEIR_MILLISECONDS(20));
    reader_init(&r, weir_channel_call(p->channel, call, weir_stream_empty()), call);
    weir_call_unref(call);
    peer_settle(p);
    peer_advance(p, WEIR_MILLISECONDS(20) - 1);
    peer_reset(p, 3, NGHTTP2_CANCEL);
    peer_settle(p);
    expect_error(&r, WEIR_CANCELLED);
    p->last_stream = 3;
    expect_unharmed(p);
    reader_clear(&r);
}

static void trailers_before_the_half_close_are_answered_with_a_reset_without_error(void **state)
{
    struct peer *p = *state;
    struct source *requests = peer_source(p, (struct source){.count = 1, .size = 3});
    struct reader r;
    int32_t id = peer_call(p, &r, "/t.T/Up", source_stream(requests));

    answer(p, id, "enough", "0");
    expect_text(&r, "enough");
    expect_end(&r);
    expect_reset(p, id, NGHTTP2_NO_ERROR);
    assert_int_equal(requests->released, 1);
    expect_unharmed(p);
    reader_clear(&r);
}

static void a_server_that_resets_behind_its_trailers_changes_nothing(void **state)
{
    struct peer *p = *state;
    struct source *requests = peer_source(p, (struct source){.count = 1, .size = 3});
    struct reader r;
    int32_t id = peer_call(p, &r, "/t.T/Up", source_stream(requests));

    peer_headers(p, id, 0, RESPONSE, NULL);
    peer_message(p, id, 0, "enough");
    peer_headers(p, id, END_STREAM, "grpc-status", "0", NULL);
    peer_reset(p, id, NGHTTP2_NO_ERROR);
    peer_settle(p);
    expect_text(&r, "enough");
    expect_end(&r);
    expect_unharmed(p);
    reader_clear(&r);
}

/* ---- answers ---- */

static void trailers_only_is_a_status_with_trailers(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = peer_call(p, &r, "/t.T/Unary", weir_stream_empty());

    peer_headers(p, id, END_STREAM, RESPONSE, "grpc-status", "5", "grpc-message", "no%20such",
                 "x-t", "1", NULL);
    peer_settle(p);
    expect_error(&r, WEIR_NOT_FOUND);
    assert_string_equal(r.why, "no such");
    expect_metadata(weir_call_trailers(r.call), "x-t", 0, "1");
    expect_metadata(weir_call_response_metadata(r.call), "x-t", 0, NULL);
    reader_clear(&r);
}

static void trailers_only_may_say_ok(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = peer_call(p, &r, "/t.T/Down", weir_stream_empty());

    peer_headers(p, id, END_STREAM, RESPONSE, "grpc-status", "0", NULL);
    peer_settle(p);
    expect_end(&r);
    reader_clear(&r);
}

static void a_message_is_percent_decoded_and_a_broken_percent_stays(void **state)
{
    static const char *const texts[][2] = {{"a%20b", "a b"},       {"100%", "100%"},
                                           {"%zz%41", "%zzA"},     {"%4", "%4"},
                                           {"%C3%A9", "\xc3\xa9"}, {"%e2%82%ac", "\xe2\x82\xac"}};
    struct peer *p = *state;

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct reader r;
        int32_t id = peer_call(p, &r, "/t.T/Unary", weir_stream_empty());

        peer_headers(p, id, END_STREAM, RESPONSE, "grpc-status", "13", "grpc-message", texts[i][0],
                     NULL);
        peer_settle(p);
        expect_error(&r, WEIR_INTERNAL);
        assert_string_equal(r.why, texts[i][1]);
        reader_clear(&r);
    }
}

static void details_are_base64_with_and_without_padding(void **state)
{
    static const char *const texts[] = {"AAE=", "AAE"};
    struct peer *p = *state;

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct reader r;
        weir_item item;
        int32_t id = peer_call(p, &r, "/t.T/Unary", weir_stream_empty());

        peer_headers(p, id, END_STREAM, RESPONSE, "grpc-status", "9", "grpc-status-details-bin",
                     texts[i], NULL);
        peer_settle(p);
        assert_int_equal(reader_poll(&r, &item), WEIR_ERROR);
        assert_int_equal(item.status.code, WEIR_FAILED_PRECONDITION);
        assert_int_equal(item.status.details.size, 2);
        assert_memory_equal(item.status.details.data, "\0\1", 2);
        weir_item_clear(&item);
        reader_clear(&r);
    }
}

static void every_status_code_arrives(void **state)
{
    struct peer *p = *state;

    for (int code = 1; code <= 16; code++) {
        struct reader r;
        char text[8];
        int32_t id = peer_call(p, &r, "/t.T/Unary", weir_stream_empty());

        snprintf(text, sizeof text, "%d", code);
        answer(p, id, "x", text);
        expect_text(&r, "x");
        expect_error(&r, code);
        reader_clear(&r);
    }
}

static void response_metadata_comes_before_the_first_message(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = peer_call(p, &r, "/t.T/Unary", weir_stream_empty());

    peer_headers(p, id, 0, RESPONSE, "x-a", " 1 ", "x-a", "2", "x-b-bin", "YQ,Yg==", "x-c", "\xff",
                 NULL);
    peer_settle(p);
    expect_pending(&r);
    expect_metadata(weir_call_response_metadata(r.call), "x-a", 0, "1");
    expect_metadata(weir_call_response_metadata(r.call), "x-a", 1, "2");
    expect_metadata(weir_call_response_metadata(r.call), "x-b-bin", 0, "a");
    expect_metadata(weir_call_response_metadata(r.call), "x-b-bin", 1, "b");
    assert_int_equal(weir_metadata_count(weir_call_response_metadata(r.call)), 4);
    reader_clear(&r);
}

static void headers_wake_a_reader_that_waits_for_a_message(void **state)
{
    struct peer *p = *state;
    struct reader r;
    int32_t id = peer_call(p, &r, "/t.T/Unary", weir_stream_empty());

    expect_pending(&r);
    assert_false(weir_task_due(r.task, now));
    peer_headers(p, id, 0, RESPONSE, NULL);
    peer_settle(p);
    assert_true(weir_task_due(r.task, now));
    reader_clear(&r);
}

static void data_may_be_cut_anywhere_and_padded(void **state)
{
    static const uint8_t two[] = {0, 0, 0, 0, 2, 'a', 'b', 0, 0, 0, 0, 0};
    struct peer *p = *state;

    for (size_t cut = 0; cut <= sizeof two; cut++) {
        struct reader r;
        int32_t id = peer_call(p, &r, "/t.T/Down", weir_stream_empty());

        peer_headers(p, id, 0, RESPONSE, NULL);
        peer_padded(p, id, 0, two, cut, 200);
        peer_settle(p);
        peer_padded(p, id, 0, two + cut, sizeof two - cut, (uint8_t)cut);
        peer_data(p, id, 0, NULL, 0);
        peer_headers(p, id, END_STREAM, "grpc-status", "0", NULL);
        peer_settle(p);
        expect_text(&r, "ab");
        expect_text(&r, "");
        expect_end(&r);
        reader_clear(&r);
    }
}

static void content_types_with_a_suffix_are_grpc(void **state)
{
    static const char *const types[] = {"application/grpc+proto", "application/grpc;x=y"};
    struct peer *p = *state;

    for (size_t i = 0; i < COUNT_OF(types); i++) {
        struct reader r;
        int32_t id = peer_call(p, &r, "/t.T/Unary", weir_stream_empty());

        peer_headers(p, id, 0, ":status", "200", "content-type", types[i], NULL);
        peer_headers(p, id, END_STREAM, "grpc-status", "0", NULL);
        peer_settle(p);
        expect_end(&r);
        reader_clear(&r);
    }
}

/* ---- the server's limits ---- */

static void calls_past_the_servers_maximum_wait_with_their_deadlines_running(void **state)
{
    struct peer *p = *state;
    weir_call *call = weir_call_create("/t.T/Unary");
    struct reader waits, expires;

    peer_settings(p, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1); /* that is the neighbour */
    peer_settle(p);
    assert_int_equal(peer_call(p, &waits, "/t.T/Unary", weir_stream_empty()), 0);
    weir_call_set_timeout(call, WEIR_MILLISECONDS(30));
    reader_init(&expires, weir_channel_call(p->channel, call, weir_stream_empty()), call);
    weir_call_unref(call);
    peer_advance(p, WEIR_MILLISECONDS(30) - 1);
    expect_pending(&expires);
    peer_advance(p, 1);
    expect_error(&expires, WEIR_DEADLINE_EXCEEDED);
    answer(p, 1, "neighbour", "0");
    expect_text(&p->neighbour, "neighbour");
    assert_non_null(peer_find(p, NGHTTP2_HEADERS, 3, 0));
    answer(p, 3, "hi", "0");
    expect_text(&waits, "hi");
    expect_end(&waits);
    reader_clear(&waits);
    reader_clear(&expires);
}

static void a_cancel_of_a_call_that_waits_for_its_turn_is_seen(void **state)
{
    struct peer *p = *state;
    struct reader r;

    peer_settings(p, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1);
    peer_settle(p);
    assert_int_equal(peer_call(p, &r, "/t.T/Unary", weir_stream_empty()), 0);
    weir_call_cancel(r.call);
    peer_settle(p);
    expect_error(&r, WEIR_CANCELLED);
    reader_clear(&r);
    answer(p, 1, "neighbour", "0");
    expect_text(&p->neighbour, "neighbour");
}

static void a_deadline_holds_while_the_servers_window_never_opens(void **state)
{
    struct peer *p = *state;
    struct source *requests = peer_source(p, (struct source){.count = 9, .size = 50000});
    weir_call *call = weir_call_create("/t.T/Up");
    struct reader r;

    weir_call_set_timeout(call, WEIR_SECONDS(1));
    reader_init(&r, weir_channel_call(p->channel, call, source_stream(requests)), call);
    weir_call_unref(call);
    peer_advance(p, WEIR_SECONDS(1) - 1);
    assert_int_equal(peer_body_size(p, 3), 65535);
    expect_pending(&r);
    peer_advance(p, 1);
    expect_error(&r, WEIR_DEADLINE_EXCEEDED);
    expect_reset(p, 3, NGHTTP2_CANCEL);
    assert_int_equal(requests->released, 1);
    reader_clear(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(a_request_has_its_headers_in_grpcs_order),
        CLIENT_TEST(a_user_agent_of_ones_own_comes_first),
        CLIENT_TEST(what_the_library_owns_cannot_be_sent),
        CLIENT_TEST(the_end_of_the_requests_half_closes),
        CLIENT_TEST(an_error_of_the_requests_resets_with_cancel),
        CLIENT_TEST(a_cancel_resets_with_cancel),
        CLIENT_TEST(releasing_the_responses_resets_with_cancel),
        CLIENT_TEST(the_deadline_resets_with_cancel),
        CLIENT_TEST(a_peer_that_cancels_at_the_deadline_is_no_cancel),
        CLIENT_TEST(a_peer_that_cancels_before_the_deadline_cancels),
        CLIENT_TEST(trailers_before_the_half_close_are_answered_with_a_reset_without_error),
        CLIENT_TEST(a_server_that_resets_behind_its_trailers_changes_nothing),
        CLIENT_TEST(trailers_only_is_a_status_with_trailers),
        CLIENT_TEST(trailers_only_may_say_ok),
        CLIENT_TEST(a_message_is_percent_decoded_and_a_broken_percent_stays),
        CLIENT_TEST(details_are_base64_with_and_without_padding),
        CLIENT_TEST(every_status_code_arrives),
        CLIENT_TEST(response_metadata_comes_before_the_first_message),
        CLIENT_TEST(headers_wake_a_reader_that_waits_for_a_message),
        CLIENT_TEST(data_may_be_cut_anywhere_and_padded),
        CLIENT_TEST(content_types_with_a_suffix_are_grpc),
        CLIENT_TEST(calls_past_the_servers_maximum_wait_with_their_deadlines_running),
        CLIENT_TEST(a_cancel_of_a_call_that_waits_for_its_turn_is_seen),
        CLIENT_TEST(a_deadline_holds_while_the_servers_window_never_opens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
