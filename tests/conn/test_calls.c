/* SPDX-License-Identifier: MIT */
/*
 * test_calls.c - the four kinds of call over a pair: messages, metadata, trailers, status.
 */
#include "conn/support/pair.h"

/* ---- the four kinds ---- */

static void a_unary_call_gives_one_message_back(void **state)
{
    struct pair *p = *state;
    struct reader r;

    pair_call(p, &r, "/t.T/Unary", text("hello"));
    pair_settle(p);
    expect_text(&r, "hello");
    expect_end(&r);
    reader_clear(&r);
}

static void a_server_stream_gives_its_messages_in_order(void **state)
{
    struct pair *p = *state;
    struct reader r;

    p->service.down = (struct source){.count = 50, .size = 300, .over = true};
    pair_call(p, &r, "/t.T/Down", text("go"));
    assert_int_equal(pair_read(p, &r, 300), 50);
    assert_true(r.over);
    assert_int_equal(r.code, WEIR_OK);
    reader_clear(&r);
}

static void a_client_stream_is_read_to_its_end(void **state)
{
    struct pair *p = *state;
    struct source *requests =
        pair_source(p, (struct source){.count = 40, .size = 500, .over = true});
    struct reader r;

    pair_call(p, &r, "/t.T/Up", source_stream(requests));
    pair_settle(p);
    expect_text(&r, "40 20000");
    expect_end(&r);
    assert_int_equal(requests->released, 1);
    reader_clear(&r);
}

static void a_bidi_call_answers_while_it_is_asked(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.size = 20});
    struct reader r;

    pair_call(p, &r, "/t.T/Echo", source_stream(requests));
    for (unsigned i = 0; i < 5; i++) {
        pair_settle(p);
        expect_pending(&r);
        source_give(requests, 1);
        pair_settle(p);
        expect_number(&r, i, 20);
    }
    source_end(requests, WEIR_OK);
    pair_settle(p);
    expect_end(&r);
    reader_clear(&r);
}

static void empty_messages_are_messages(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.count = 3, .size = 0, .over = true});
    struct reader r;

    pair_call(p, &r, "/t.T/Echo", source_stream(requests));
    assert_int_equal(pair_read(p, &r, 0), 3);
    assert_int_equal(r.code, WEIR_OK);
    reader_clear(&r);

    pair_call(p, &r, "/t.T/Unary", text(""));
    pair_settle(p);
    expect_text(&r, "");
    expect_end(&r);
    reader_clear(&r);
}

static void a_call_starts_when_it_is_made(void **state)
{
    struct pair *p = *state;
    struct reader r;

    pair_call(p, &r, "/t.T/Hand", weir_stream_empty());
    pair_settle(p); /* nobody polled its responses */
    assert_int_equal(p->service.calls, 1);
    reader_clear(&r);
}

static void a_call_can_be_made_once(void **state)
{
    struct pair *p = *state;
    weir_call *call = weir_call_create("/t.T/Unary");
    struct reader first, second;

    pair_make(p, &first, weir_call_ref(call), text("a"));
    pair_make(p, &second, call, text("b"));
    pair_settle(p);
    expect_error(&second, WEIR_FAILED_PRECONDITION);
    expect_text(&first, "a");
    reader_clear(&first);
    reader_clear(&second);
}

static void calls_share_one_connection(void **state)
{
    struct pair *p = *state;
    struct reader r[10];

    for (unsigned i = 0; i < 10; i++)
        pair_call(p, &r[i], "/t.T/Unary", text("x"));
    pair_settle(p);
    for (unsigned i = 0; i < 10; i++) {
        expect_text(&r[i], "x");
        expect_end(&r[i]);
        reader_clear(&r[i]);
    }
    assert_int_equal(p->connects, 1);
}

/* ---- metadata ---- */

static void metadata_and_trailers_arrive_in_order_with_duplicates(void **state)
{
    struct pair *p = *state;
    weir_call *call = weir_call_create("/t.T/Unary");
    struct reader r;
    weir_slice value;

    assert_int_equal(weir_call_add_metadata(call, "x-a", "one", 3), WEIR_OK);
    assert_int_equal(weir_call_add_metadata(call, "x-b-bin", "\0\xff,", 3), WEIR_OK);
    assert_int_equal(weir_call_add_metadata(call, "x-a", " two ", 5), WEIR_OK);
    assert_int_equal(weir_call_add_metadata(call, "x-empty", "", 0), WEIR_OK);
    pair_make(p, &r, call, text("x"));
    pair_settle(p);
    expect_text(&r, "x");
    expect_metadata(weir_call_response_metadata(r.call), "x-a", 0, "one");
    expect_metadata(weir_call_response_metadata(r.call), "x-a", 1, "two");
    expect_metadata(weir_call_response_metadata(r.call), "x-empty", 0, "");
    expect_end(&r);
    assert_int_equal(weir_metadata_count(weir_call_trailers(r.call)), 4);
    expect_metadata(weir_call_trailers(r.call), "x-a", 1, "two");
    assert_true(weir_metadata_get(weir_call_trailers(r.call), "x-b-bin", 0, &value));
    assert_int_equal(value.size, 3);
    assert_memory_equal(value.data, "\0\xff,", 3);
    reader_clear(&r);
}

static void the_server_sees_method_authority_peer_and_metadata(void **state)
{
    struct pair *p = *state;
    weir_call *call = weir_call_create("/t.T/Hand");
    struct reader r;
    const weir_call *served;
    weir_slice agent;

    assert_int_equal(weir_call_add_metadata(call, "x-a", "b", 1), WEIR_OK);
    pair_make(p, &r, call, weir_stream_empty());
    pair_settle(p);
    served = p->service.served[0].call;
    assert_string_equal(weir_call_method(served), "/t.T/Hand");
    assert_string_equal(weir_call_authority(served), "server:1");
    assert_string_equal(weir_call_peer(served)->address, "client:1");
    expect_metadata(weir_call_request_metadata(served), "x-a", 0, "b");
    assert_true(weir_metadata_get(weir_call_request_metadata(served), "user-agent", 0, &agent));
    assert_memory_equal(agent.data, "grpc-c-weir/", 12);
    assert_int_equal(weir_metadata_count(weir_call_request_metadata(served)), 2);
    expect_pending(&r);
    assert_string_equal(weir_call_peer(r.call)->address, "server:1");
    reader_clear(&r);
}

static void response_headers_are_held_back_until_the_first_message(void **state)
{
    struct pair *p = *state;
    struct served *served = &p->service.served[0];
    struct reader r;
    uint64_t sent;

    pair_call(p, &r, "/t.T/Hand", weir_stream_empty());
    pair_settle(p);
    sent = p->sent[SERVER];
    assert_int_equal(weir_call_add_metadata(served->call, "x-late", "1", 1), WEIR_OK);
    pair_settle(p);
    assert_int_equal(p->sent[SERVER], sent);
    source_give(&served->responses, 1);
    pair_settle(p);
    assert_true(p->sent[SERVER] > sent);
    expect_number(&r, 0, 0);
    expect_metadata(weir_call_response_metadata(r.call), "x-late", 0, "1");
    assert_int_equal(weir_call_add_metadata(served->call, "x-later", "1", 1),
                     WEIR_FAILED_PRECONDITION);
    reader_clear(&r);
}

static void send_headers_sends_them_at_once(void **state)
{
    struct pair *p = *state;
    struct served *served = &p->service.served[0];
    struct reader r;

    pair_call(p, &r, "/t.T/Hand", weir_stream_empty());
    pair_settle(p);
    assert_int_equal(weir_call_add_metadata(served->call, "x-early", "1", 1), WEIR_OK);
    weir_call_send_headers(served->call);
    pair_settle(p);
    expect_pending(&r);
    expect_metadata(weir_call_response_metadata(r.call), "x-early", 0, "1");
    assert_int_equal(weir_call_add_metadata(served->call, "x-later", "1", 1),
                     WEIR_FAILED_PRECONDITION);
    source_give(&served->responses, 1);
    source_end(&served->responses, WEIR_OK);
    pair_settle(p);
    expect_number(&r, 0, 0);
    expect_end(&r);
    reader_clear(&r);
}

static void trailers_can_be_added_until_the_responses_end(void **state)
{
    struct pair *p = *state;
    struct served *served = &p->service.served[0];
    struct reader r;

    served->responses = (struct source){.count = 1};
    pair_call(p, &r, "/t.T/Hand", weir_stream_empty());
    pair_settle(p);
    expect_number(&r, 0, 0);
    assert_int_equal(weir_call_add_trailer(served->call, "x-t", "1", 1), WEIR_OK);
    source_end(&served->responses, WEIR_OK);
    pair_settle(p);
    expect_end(&r);
    expect_metadata(weir_call_trailers(r.call), "x-t", 0, "1");
    assert_int_equal(weir_call_add_trailer(served->call, "x-u", "1", 1), WEIR_FAILED_PRECONDITION);
    reader_clear(&r);
}

static void trailers_outlive_the_connection(void **state)
{
    struct pair *p = *state;
    weir_call *call = weir_call_create("/t.T/Unary");
    struct reader r;

    assert_int_equal(weir_call_add_metadata(call, "x-a", "one", 3), WEIR_OK);
    pair_make(p, &r, call, text("x"));
    pair_settle(p);
    expect_text(&r, "x");
    expect_end(&r);
    pair_cut(p);
    pair_drop_channel(p);
    pair_settle(p);
    expect_metadata(weir_call_trailers(r.call), "x-a", 0, "one");
    assert_int_equal(weir_call_status(r.call)->code, WEIR_OK);
    reader_clear(&r);
}

/* ---- status ---- */

static void a_status_arrives_with_message_and_details(void **state)
{
    struct pair *p = *state;
    struct reader r;
    weir_item item;
    const weir_status *status;

    pair_call(p, &r, "/t.T/Fail", text("x"));
    pair_settle(p);
    assert_int_equal(reader_poll(&r, &item), WEIR_ERROR);
    assert_int_equal(item.status.code, WEIR_ABORTED);
    assert_int_equal(item.status.message.size, 8);
    assert_memory_equal(item.status.message.data, "no: \xc3\xa9\n%", 8);
    assert_int_equal(item.status.details.size, 4);
    assert_memory_equal(item.status.details.data, "\0\1\2\xff", 4);
    weir_item_clear(&item);
    status = weir_call_status(r.call);
    assert_int_equal(status->code, WEIR_ABORTED);
    assert_int_equal(status->details.size, 4);
    expect_end(&r);
    reader_clear(&r);
}

static void an_error_comes_behind_the_messages_before_it(void **state)
{
    struct pair *p = *state;
    struct reader r;

    p->service.down = (struct source){.count = 2, .size = 9, .over = true, .code = WEIR_NOT_FOUND};
    pair_call(p, &r, "/t.T/Down", text("go"));
    pair_settle(p);
    expect_number(&r, 0, 9);
    expect_number(&r, 1, 9);
    expect_error(&r, WEIR_NOT_FOUND);
    reader_clear(&r);
}

/* ---- cardinality and methods ---- */

static void two_requests_in_a_unary_call_are_unimplemented(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.count = 2, .size = 4, .over = true});
    struct reader r;

    pair_call(p, &r, "/t.T/Unary", source_stream(requests));
    pair_settle(p);
    expect_error(&r, WEIR_UNIMPLEMENTED);
    assert_int_equal(p->service.unary_calls, 0);
    reader_clear(&r);
}

static void no_request_in_a_unary_call_is_unimplemented(void **state)
{
    struct pair *p = *state;
    struct reader r;

    pair_call(p, &r, "/t.T/Unary", weir_stream_empty());
    pair_settle(p);
    expect_error(&r, WEIR_UNIMPLEMENTED);
    assert_int_equal(p->service.unary_calls, 0);
    reader_clear(&r);
}

static void an_unknown_method_is_unimplemented(void **state)
{
    static const char *const methods[] = {"/t.T/echo", "/t.U/Echo", "//", "/a", "/", "/t.T/Echo/x"};
    struct pair *p = *state;

    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        struct reader r;

        pair_call(p, &r, methods[i], text("x"));
        pair_settle(p);
        expect_error(&r, WEIR_UNIMPLEMENTED);
        reader_clear(&r);
    }
}

static weir_stream say_self(void *self, weir_call *call, weir_stream requests)
{
    (void)call;
    weir_stream_release(&requests);
    return text(self);
}

static void expect_answer(struct pair *p, const char *method, const char *answer)
{
    struct reader r;

    pair_call(p, &r, method, weir_stream_empty());
    pair_settle(p);
    expect_text(&r, answer);
    expect_end(&r);
    reader_clear(&r);
}

static void the_most_exact_method_wins(void **state)
{
    struct pair *p = *state;
    weir_handler all = {say_self, (void *)"all", NULL};
    weir_handler service = {say_self, (void *)"service", NULL};
    weir_handler exact = {say_self, (void *)"exact", NULL};

    assert_int_equal(weir_server_handle(p->server, "*", all, NULL), WEIR_OK);
    assert_int_equal(weir_server_handle(p->server, "/w.W/*", service, NULL), WEIR_OK);
    assert_int_equal(weir_server_handle(p->server, "/w.W/Exact", exact, NULL), WEIR_OK);
    expect_answer(p, "/w.W/Exact", "exact");
    expect_answer(p, "/w.W/Other", "service");
    expect_answer(p, "/v.V/Exact", "all");
    expect_answer(p, "/w.W", "all");
}

static void a_method_that_is_no_path_is_refused_at_once(void **state)
{
    struct pair *p = *state;
    struct reader r;

    pair_call(p, &r, "t.T/Echo", text("x"));
    expect_error(&r, WEIR_INVALID_ARGUMENT);
    reader_clear(&r);
    pair_call(p, &r, "/t.T/Ec\r\nho", text("x"));
    expect_error(&r, WEIR_INVALID_ARGUMENT);
    reader_clear(&r);
    pair_settle(p);
    assert_int_equal(p->connects, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(a_unary_call_gives_one_message_back),
        PAIR_TEST(a_server_stream_gives_its_messages_in_order),
        PAIR_TEST(a_client_stream_is_read_to_its_end),
        PAIR_TEST(a_bidi_call_answers_while_it_is_asked),
        PAIR_TEST(empty_messages_are_messages),
        PAIR_TEST(a_call_starts_when_it_is_made),
        PAIR_TEST(a_call_can_be_made_once),
        PAIR_TEST(calls_share_one_connection),
        PAIR_TEST(metadata_and_trailers_arrive_in_order_with_duplicates),
        PAIR_TEST(the_server_sees_method_authority_peer_and_metadata),
        PAIR_TEST(response_headers_are_held_back_until_the_first_message),
        PAIR_TEST(send_headers_sends_them_at_once),
        PAIR_TEST(trailers_can_be_added_until_the_responses_end),
        PAIR_TEST(trailers_outlive_the_connection),
        PAIR_TEST(a_status_arrives_with_message_and_details),
        PAIR_TEST(an_error_comes_behind_the_messages_before_it),
        PAIR_TEST(two_requests_in_a_unary_call_are_unimplemented),
        PAIR_TEST(no_request_in_a_unary_call_is_unimplemented),
        PAIR_TEST(an_unknown_method_is_unimplemented),
        PAIR_TEST(the_most_exact_method_wins),
        PAIR_TEST(a_method_that_is_no_path_is_refused_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
