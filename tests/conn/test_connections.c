/* SPDX-License-Identifier: MIT */
/*
 * test_connections.c - connections that are lost, not made, shut down; forwarding to others.
 */
#include "conn/connection.h"
#include "conn/support/pair.h"

#include <nghttp2/nghttp2.h>
#include <string.h>

static void expect_unary(struct pair *p)
{
    struct reader r;

    pair_call(p, &r, "/t.T/Unary", text("x"));
    pair_settle(p);
    expect_text(&r, "x");
    expect_end(&r);
    reader_clear(&r);
}

static weir_call *waiting_call(const char *method)
{
    weir_call *call = weir_call_create(method);

    weir_call_set_wait_for_ready(call, true);
    return call;
}

/* ---- who is at the other end ---- */

static void calls_are_told_what_their_connection_knows_of_its_peer(void **state)
{
    static const weir_peer_credentials client = {true, 1000, 100, 42}, server = {true, 1, 2, 3};
    struct pair *p = *state;
    struct reader first, second;

    pair_call(p, &first, "/t.T/Hand", weir_stream_empty());
    pair_settle(p);
    assert_false(weir_call_peer(p->service.served[0].call)->credentials.known);
    weir_connection_set_peer_credentials(pair_connection(p, SERVER), &client);
    weir_connection_set_peer_credentials(pair_connection(p, CLIENT), &server);
    pair_call(p, &second, "/t.T/Hand", weir_stream_empty());
    pair_settle(p);
    assert_true(weir_call_peer(p->service.served[1].call)->credentials.known);
    assert_int_equal(weir_call_peer(p->service.served[1].call)->credentials.pid, 42);
    expect_pending(&second);
    assert_int_equal(weir_call_peer(second.call)->credentials.pid, 3);
    assert_false(weir_call_peer(first.call)->credentials.known);
    reader_clear(&first);
    reader_clear(&second);
}

/* ---- connections that go away, and calls that have not left ---- */

/* A call that runs on the pair's connection, and another one that has to wait for it. */
static struct pair *start_two_calls(void **state, struct reader *running, struct reader *waiting)
{
    struct pair *p = *state;

    pair_free(p);
    p = *state = pair_create(&(weir_server_options){.max_streams = 1}, NULL);
    pair_call(p, running, "/t.T/Hand", weir_stream_empty());
    pair_settle(p);
    pair_call(p, waiting, "/t.T/Unary", text("x"));
    pair_settle(p);
    expect_pending(waiting);
    return p;
}

static void expect_both_end(struct pair *p, struct reader *running, struct reader *waiting)
{
    pair_settle(p);
    expect_text(waiting, "x");
    expect_end(waiting);
    expect_pending(running);
    assert_int_equal(p->connects, 2);
    source_end(&p->service.served[0].responses, WEIR_OK);
    pair_settle(p);
    expect_end(running);
    reader_clear(running);
    reader_clear(waiting);
}

static void a_call_that_waits_moves_when_the_server_goes_away(void **state)
{
    struct reader running, waiting;
    struct pair *p = start_two_calls(state, &running, &waiting);

    weir_connection_shutdown(pair_connection(p, SERVER), WEIR_NEVER);
    expect_both_end(p, &running, &waiting);
}

static void a_call_that_waits_moves_when_its_connection_is_shut_down(void **state)
{
    struct reader running, waiting;
    struct pair *p = start_two_calls(state, &running, &waiting);

    weir_connection_shutdown(pair_connection(p, CLIENT), WEIR_NEVER);
    expect_both_end(p, &running, &waiting);
}

/* Its headers lie in the session, and may not leave it any more. */
static void a_call_whose_request_could_not_leave_moves(void **state)
{
    struct pair *p = *state;
    struct reader r;

    expect_unary(p);
    p->held[CLIENT] = true;
    pair_call(p, &r, "/t.T/Unary", text("x"));
    pair_settle(p);
    weir_connection_shutdown(pair_connection(p, SERVER), WEIR_NEVER);
    pair_settle(p);
    expect_pending(&r);
    p->held[CLIENT] = false;
    pair_settle(p);
    expect_text(&r, "x");
    expect_end(&r);
    assert_int_equal(p->connects, 2);
    reader_clear(&r);
}

/* Its deadline goes with it. */
static void a_call_that_moved_still_has_its_deadline(void **state)
{
    struct pair *p = *state;
    weir_call *call = weir_call_create("/t.T/Hand");
    struct reader r;

    expect_unary(p);
    weir_call_set_timeout(call, WEIR_MILLISECONDS(50));
    p->held[CLIENT] = true;
    pair_make(p, &r, call, weir_stream_empty());
    pair_settle(p);
    weir_connection_shutdown(pair_connection(p, SERVER), WEIR_NEVER);
    pair_settle(p);
    p->held[CLIENT] = false;
    pair_advance(p, WEIR_MILLISECONDS(49));
    expect_pending(&r);
    pair_advance(p, WEIR_MILLISECONDS(1));
    expect_error(&r, WEIR_DEADLINE_EXCEEDED);
    assert_int_equal(p->connects, 2);
    reader_clear(&r);
}

/* The one that had left is lost, the other one is answered on the next connection. */
static void expect_move(struct pair *p, struct reader *running, struct reader *waiting)
{
    pair_settle(p);
    expect_error(running, WEIR_UNAVAILABLE);
    expect_text(waiting, "x");
    expect_end(waiting);
    reader_clear(running);
    reader_clear(waiting);
}

static void a_call_that_waits_moves_when_its_connection_is_lost(void **state)
{
    struct reader running, waiting;
    struct pair *p = start_two_calls(state, &running, &waiting);

    pair_cut(p);
    expect_move(p, &running, &waiting);
}

/* A frame that is too large is an error of HTTP/2. */
static void a_call_that_waits_moves_when_its_connection_breaks(void **state)
{
    static const uint8_t frame[] = {0xff, 0xff, 0xff, 6, 0, 0, 0, 0, 0};
    struct reader running, waiting;
    struct pair *p = start_two_calls(state, &running, &waiting);

    (void)!weir_connection_input(pair_connection(p, CLIENT), frame, sizeof frame);
    expect_move(p, &running, &waiting);
}

static void a_call_whose_request_lies_in_a_session_that_is_lost_moves(void **state)
{
    struct pair *p = *state;
    struct reader r;

    expect_unary(p);
    p->held[CLIENT] = true;
    pair_call(p, &r, "/t.T/Unary", text("x"));
    pair_settle(p);
    pair_cut(p);
    p->held[CLIENT] = false;
    pair_settle(p);
    expect_text(&r, "x");
    expect_end(&r);
    assert_int_equal(p->connects, 2);
    reader_clear(&r);
}

/* Nobody listens there any more: it does not wait for another try. */
static void a_call_that_moved_fails_where_no_other_connection_is_made(void **state)
{
    struct reader running, waiting;
    struct pair *p = start_two_calls(state, &running, &waiting);

    p->refuses = true;
    pair_cut(p);
    pair_settle(p);
    expect_error(&running, WEIR_UNAVAILABLE);
    expect_error(&waiting, WEIR_UNAVAILABLE);
    assert_int_equal(p->connects, 2);
    reader_clear(&running);
    reader_clear(&waiting);
}

/* Nothing happened for an hour, and nobody told the loop the time. */
static void a_grace_counts_from_the_shutdown_and_not_from_the_last_turn(void **state)
{
    struct pair *p = *state;
    struct reader r;

    pair_call(p, &r, "/t.T/Hand", weir_stream_empty());
    pair_settle(p);
    now += WEIR_SECONDS(3600);
    weir_connection_shutdown(pair_connection(p, SERVER), WEIR_SECONDS(10));
    pair_advance(p, WEIR_SECONDS(10) - 1);
    expect_pending(&r);
    pair_advance(p, 1);
    assert_int_equal(p->service.served[0].responses.released, 1);
    reader_clear(&r);
}

/* ---- lost connections ---- */

static void a_lost_connection_is_unavailable_here_and_cancelled_there(void **state)
{
    struct pair *p = *state;
    struct served *served = &p->service.served[0];
    struct source *requests = pair_source(p, (struct source){.count = 1, .size = 5});
    struct reader r;

    pair_call(p, &r, "/t.T/Hand", source_stream(requests));
    pair_settle(p);
    pair_cut(p);
    pair_settle(p);
    expect_error(&r, WEIR_UNAVAILABLE);
    expect_error(&served->requests, WEIR_CANCELLED);
    assert_int_equal(served->responses.released, 1);
    assert_int_equal(requests->released, 1);
    assert_true(weir_call_cancelled(served->call));
    reader_clear(&r);
}

static void a_response_that_came_whole_survives_its_connection(void **state)
{
    struct pair *p = *state;
    struct reader r;

    pair_call(p, &r, "/t.T/Unary", text("x"));
    pair_settle(p);
    pair_cut(p);
    pair_settle(p);
    expect_text(&r, "x");
    expect_end(&r);
    reader_clear(&r);
}

static void the_next_call_makes_a_new_connection(void **state)
{
    struct pair *p = *state;

    expect_unary(p);
    pair_cut(p);
    expect_unary(p);
    assert_int_equal(p->connects, 2);
}

/* As if the client had made all the calls before: the next one's stream has this id. */
static void skip_to_stream(struct pair *p, int32_t id)
{
    /* The first thing that a session holds. */
    nghttp2_session **ng = (nghttp2_session **)pair_connection(p, CLIENT)->session;

    assert_int_equal(nghttp2_session_set_next_stream_id(*ng, id), 0);
}

/* A call is running when the last id is used, and ends as if nothing were. */
static void a_connection_whose_stream_ids_are_used_up_is_followed_by_another(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.size = 100});
    struct reader last;

    expect_unary(p);
    skip_to_stream(p, INT32_MAX - 2);
    pair_call(p, &last, "/t.T/Echo", source_stream(requests));
    pair_settle(p);
    expect_unary(p);
    assert_int_equal(p->connects, 2);
    expect_unary(p);
    assert_int_equal(p->connects, 2);
    source_give(requests, 3);
    source_end(requests, WEIR_OK);
    assert_int_equal(pair_read(p, &last, 100), 3);
    expect_end(&last);
    reader_clear(&last);
}

static void a_connection_cut_at_any_byte_ends_the_call(void **state)
{
    struct pair *p = *state;
    uint64_t whole;

    expect_unary(p);
    whole = p->sent[CLIENT] + p->sent[SERVER];
    p->one_byte = true;
    for (uint64_t at = 1; at < whole; at += 3) {
        struct reader r;

        pair_cut(p);
        p->sent[CLIENT] = p->sent[SERVER] = 0;
        pair_call(p, &r, "/t.T/Unary", text("x"));
        while (p->sent[CLIENT] + p->sent[SERVER] < at && pair_step(p))
            ;
        pair_cut(p);
        pair_settle(p);
        reader_skim(&r);
        assert_true(r.over);
        assert_true(r.code == WEIR_UNAVAILABLE || r.messages == 1);
        reader_clear(&r);
    }
}

/* ---- connections that are not made ---- */

static void a_call_fails_fast_when_no_connection_is_made(void **state)
{
    struct pair *p = *state;
    struct reader r;

    p->refuses = true;
    pair_call(p, &r, "/t.T/Unary", text("x"));
    pair_settle(p);
    expect_error(&r, WEIR_UNAVAILABLE);
    assert_non_null(strstr(r.why, "connection refused"));
    reader_clear(&r);
    p->refuses = false;
    expect_unary(p);
}

static void a_call_that_waits_for_ready_is_tried_again_and_again(void **state)
{
    struct pair *p = *state;
    struct reader r;

    p->refuses = true;
    pair_make(p, &r, waiting_call("/t.T/Unary"), text("x"));
    pair_settle(p);
    expect_pending(&r);
    assert_int_equal(p->connects, 1);
    pair_advance(p, WEIR_SECONDS(1));
    assert_int_equal(p->connects, 2);
    pair_advance(p, WEIR_MILLISECONDS(1599));
    assert_int_equal(p->connects, 2);
    pair_advance(p, WEIR_MILLISECONDS(1));
    assert_int_equal(p->connects, 3);
    p->refuses = false;
    pair_advance(p, WEIR_SECONDS(3));
    expect_text(&r, "x");
    expect_end(&r);
    reader_clear(&r);
}

static void a_call_that_waited_tells_the_server_what_is_left_of_its_time(void **state)
{
    struct pair *p = *state;
    weir_call *call = waiting_call("/t.T/Hand");
    uint64_t deadline;
    struct reader r;

    p->refuses = true;
    weir_call_set_timeout(call, WEIR_SECONDS(10));
    pair_make(p, &r, call, text("x"));
    pair_settle(p);
    deadline = weir_loop_now(p->loop) + WEIR_SECONDS(10);
    pair_advance(p, WEIR_SECONDS(1));
    p->refuses = false;
    pair_advance(p, WEIR_SECONDS(3));
    assert_int_equal(p->service.calls, 1);
    assert_int_equal(weir_call_deadline(p->service.served[0].call), deadline);
    reader_clear(&r);
    pair_settle(p);
}

static void beside_a_call_that_waits_others_fail_fast(void **state)
{
    struct pair *p = *state;
    struct reader waits, fails;

    p->refuses = true;
    pair_make(p, &waits, waiting_call("/t.T/Unary"), text("x"));
    pair_settle(p);
    pair_call(p, &fails, "/t.T/Unary", text("x"));
    pair_settle(p);
    expect_error(&fails, WEIR_UNAVAILABLE);
    expect_pending(&waits);
    reader_clear(&fails);
    weir_call_cancel(waits.call);
    pair_settle(p);
    expect_error(&waits, WEIR_CANCELLED);
    reader_clear(&waits);
}

/* ---- targets ---- */

static void a_target_decides_address_and_authority(void **state)
{
    static const char *const targets[][2] = {{"unix:/run/socket", "localhost"},
                                             {"dns:///host.example:443", "host.example:443"},
                                             {"ipv4:127.0.0.1:80", "127.0.0.1:80"},
                                             {"ipv6:[::1]:80", "[::1]:80"}};
    struct pair *p = *state;
    weir_channel_options options = {.loop = p->loop};

    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        struct served *served = &p->service.served[i];
        struct reader r;

        pair_drop_channel(p);
        assert_int_equal(weir_channel_create(targets[i][0], &options, &p->channel, NULL), WEIR_OK);
        pair_call(p, &r, "/t.T/Hand", weir_stream_empty());
        pair_settle(p);
        assert_string_equal(weir_call_authority(served->call), targets[i][1]);
        reader_clear(&r);
    }
}

/* ---- the channel's end ---- */

static void the_channels_end_cancels_its_calls(void **state)
{
    struct pair *p = *state;
    struct served *served = &p->service.served[0];
    struct source *requests = pair_source(p, (struct source){.size = 5});
    struct reader r;

    pair_call(p, &r, "/t.T/Hand", source_stream(requests));
    pair_settle(p);
    pair_drop_channel(p);
    pair_settle(p);
    expect_error(&r, WEIR_CANCELLED);
    expect_error(&served->requests, WEIR_CANCELLED);
    assert_int_equal(requests->released, 1);
    assert_int_equal(pair_wire_count(p), 0);
    reader_clear(&r);
}

static void the_channels_end_cancels_calls_that_were_not_started(void **state)
{
    struct pair *p = *state;
    struct reader r;

    pair_call(p, &r, "/t.T/Unary", text("x"));
    pair_drop_channel(p);
    pair_settle(p);
    reader_skim(&r);
    assert_true(r.over);
    assert_int_equal(r.code, WEIR_CANCELLED);
    reader_clear(&r);
}

static void the_channels_end_cancels_calls_that_wait_for_ready(void **state)
{
    struct pair *p = *state;
    struct reader r;

    p->refuses = true;
    pair_make(p, &r, waiting_call("/t.T/Unary"), text("x"));
    pair_settle(p);
    pair_drop_channel(p);
    pair_settle(p);
    expect_error(&r, WEIR_CANCELLED);
    reader_clear(&r);
}

static void a_second_reference_keeps_the_channel(void **state)
{
    struct pair *p = *state;
    weir_channel *channel = weir_channel_ref(p->channel);

    pair_drop_channel(p);
    p->channel = channel;
    expect_unary(p);
}

/* ---- the server's end ---- */

static void a_shutdown_lets_running_calls_finish(void **state)
{
    struct pair *p = *state;
    struct served *served = &p->service.served[0];
    struct reader r, late;

    pair_call(p, &r, "/t.T/Hand", weir_stream_empty());
    pair_settle(p);
    weir_server_shutdown(p->server, WEIR_SECONDS(10));
    pair_settle(p);
    expect_pending(&r);
    pair_call(p, &late, "/t.T/Unary", text("x"));
    pair_settle(p);
    expect_error(&late, WEIR_UNAVAILABLE);
    reader_clear(&late);
    pair_advance(p, WEIR_SECONDS(9));
    source_give(&served->responses, 1);
    source_end(&served->responses, WEIR_OK);
    pair_settle(p);
    expect_number(&r, 0, 0);
    expect_end(&r);
    assert_int_equal(pair_wire_count(p), 0); /* and closes behind the last of them */
    reader_clear(&r);
}

static void a_shutdown_cancels_what_runs_past_its_grace(void **state)
{
    struct pair *p = *state;
    struct served *served = &p->service.served[0];
    struct reader r;

    pair_call(p, &r, "/t.T/Hand", weir_stream_empty());
    pair_settle(p);
    weir_server_shutdown(p->server, WEIR_SECONDS(10));
    pair_advance(p, WEIR_SECONDS(10) - 1);
    expect_pending(&r);
    pair_advance(p, 1);
    reader_skim(&r);
    assert_true(r.over);
    assert_true(r.code == WEIR_UNAVAILABLE || r.code == WEIR_CANCELLED);
    expect_error(&served->requests, WEIR_CANCELLED);
    assert_int_equal(served->responses.released, 1);
    pair_advance(p, WEIR_SECONDS(2));
    assert_int_equal(pair_wire_count(p), 0);
    reader_clear(&r);
}

static void a_shutdown_of_an_idle_server_closes_at_once(void **state)
{
    struct pair *p = *state;

    expect_unary(p);
    weir_server_shutdown(p->server, WEIR_SECONDS(10));
    pair_settle(p);
    assert_int_equal(pair_wire_count(p), 0);
}

static void a_shutdown_leaves_a_peer_that_does_not_read(void **state)
{
    struct pair *p = *state;
    struct reader r;

    p->service.down = (struct source){.count = 100, .size = 10000, .over = true};
    pair_call(p, &r, "/t.T/Down", text("go"));
    pair_settle(p);
    p->held[SERVER] = true;
    weir_server_shutdown(p->server, WEIR_SECONDS(1));
    pair_advance(p, WEIR_SECONDS(3));
    assert_int_equal(p->service.down.released, 1);
    assert_int_equal(pair_wire_count(p), 0);
    reader_clear(&r);
}

struct hook_notes {
    struct pair *pair;
    unsigned runs;
    unsigned released;
    uint64_t sent_before; /* by the server, when the hook ran */
};

static void note_shutdown(void *self)
{
    struct hook_notes *notes = self;

    notes->runs++;
    notes->sent_before = notes->pair->sent[SERVER];
}

static void note_release(void *self)
{
    ((struct hook_notes *)self)->released++;
}

static void a_hook_runs_before_peers_hear_of_a_shutdown_and_is_released_once(void **state)
{
    struct pair *p = *state;
    static struct hook_notes notes; /* the pair's server outlives the test */
    weir_server_options options = {.loop = p->loop};
    weir_server *other;

    notes = (struct hook_notes){.pair = p};
    assert_int_equal(weir_server_create(&options, &other, NULL), WEIR_OK);
    assert_int_equal(weir_server_on_shutdown(other, note_shutdown, &notes, note_release, NULL),
                     WEIR_OK);
    assert_int_equal(weir_server_on_shutdown(p->server, note_shutdown, &notes, NULL, NULL),
                     WEIR_OK);
    expect_unary(p);
    weir_server_shutdown(p->server, WEIR_SECONDS(1));
    assert_int_equal(notes.runs, 1);
    pair_settle(p);
    assert_true(p->sent[SERVER] > notes.sent_before);
    assert_int_equal(notes.released, 0);
    weir_server_free(other);
    assert_int_equal(notes.runs, 2);
    assert_int_equal(notes.released, 1);
}

static void a_clients_shutdown_does_not_overtake_the_requests_that_wait(void **state)
{
    struct pair *p = *state;
    struct reader r;

    expect_unary(p);
    pair_call(p, &r, "/t.T/Unary", text("hi"));
    weir_loop_turn(p->loop, weir_loop_now(p->loop)); /* the request was made, and nothing left */
    weir_connection_shutdown(pair_connection(p, CLIENT), WEIR_NEVER);
    pair_settle(p);
    expect_text(&r, "hi");
    expect_end(&r);
    pair_settle(p);
    assert_int_equal(pair_wire_count(p), 0); /* and closes behind it */
    reader_clear(&r);
}

/* ---- forwarding ---- */

/* The pair's server forwards /f.F/x to another server. */
static void start_forwarding(struct pair *p, weir_handler target)
{
    weir_channel_options options = {.loop = p->loop};
    weir_server_options other = {.loop = p->loop};
    weir_channel *channel;

    assert_int_equal(weir_server_create(&other, &p->other_server, NULL), WEIR_OK);
    assert_int_equal(weir_server_handle(p->other_server, "/f.F/x", target, NULL), WEIR_OK);
    assert_int_equal(weir_channel_create("other:1", &options, &channel, NULL), WEIR_OK);
    assert_int_equal(weir_server_handle(p->server, "/f.F/x", weir_channel_handler(channel), NULL),
                     WEIR_OK);
    weir_channel_unref(channel);
}

static weir_stream echo_metadata(void *self, weir_call *call, weir_stream requests)
{
    weir_slice value = {0};

    (void)self;
    weir_metadata_get(weir_call_request_metadata(call), "x-a", 0, &value);
    assert_int_equal(weir_call_add_metadata(call, "x-h", value.data, value.size), WEIR_OK);
    assert_int_equal(weir_call_add_trailer(call, "x-t", value.data, value.size), WEIR_OK);
    return requests;
}

static void a_forwarded_call_is_the_same_call(void **state)
{
    struct pair *p = *state;
    struct source *requests =
        pair_source(p, (struct source){.count = 30, .size = 10000, .over = true});
    weir_call *call = weir_call_create("/f.F/x");
    struct reader r;

    start_forwarding(p, (weir_handler){echo_metadata, NULL, NULL});
    assert_int_equal(weir_call_add_metadata(call, "x-a", "v", 1), WEIR_OK);
    pair_make(p, &r, call, source_stream(requests));
    assert_int_equal(pair_read(p, &r, 10000), 30);
    assert_true(r.over);
    assert_int_equal(r.code, WEIR_OK);
    expect_metadata(weir_call_response_metadata(r.call), "x-h", 0, "v");
    expect_metadata(weir_call_trailers(r.call), "x-t", 0, "v");
    reader_clear(&r);
}

static weir_stream forwarded_source(void *self, weir_call *call, weir_stream requests)
{
    (void)call;
    weir_stream_release(&requests);
    return source_stream(self);
}

static void a_status_comes_through_a_forward(void **state)
{
    struct pair *p = *state;
    struct source *responses = pair_source(
        p, (struct source){.count = 1, .size = 3, .over = true, .code = WEIR_NOT_FOUND});
    struct reader r;

    start_forwarding(p, (weir_handler){forwarded_source, responses, NULL});
    pair_call(p, &r, "/f.F/x", text("x"));
    pair_settle(p);
    expect_number(&r, 0, 3);
    expect_error(&r, WEIR_NOT_FOUND);
    assert_string_equal(r.why, "the source says so");
    reader_clear(&r);
}

static void a_cancel_goes_through_a_forward(void **state)
{
    struct pair *p = *state;
    struct source *responses = pair_source(p, (struct source){.size = 3});
    struct reader r;

    start_forwarding(p, (weir_handler){forwarded_source, responses, NULL});
    pair_call(p, &r, "/f.F/x", text("x"));
    pair_settle(p);
    assert_int_equal(responses->released, 0);
    weir_call_cancel(r.call);
    pair_settle(p);
    expect_error(&r, WEIR_CANCELLED);
    assert_int_equal(responses->released, 1);
    reader_clear(&r);
}

static void a_slow_reader_slows_the_server_behind_a_forward(void **state)
{
    struct pair *p = *state;
    struct source *responses =
        pair_source(p, (struct source){.count = 10000, .size = 10000, .over = true});
    struct reader r;

    start_forwarding(p, (weir_handler){forwarded_source, responses, NULL});
    pair_call(p, &r, "/f.F/x", text("x"));
    pair_settle(p);
    /* Two windows, the inner of which grew while the outer was open, and a message each. */
    assert_true(responses->given < 40);
    reader_clear(&r);
}

static void a_forward_passes_the_deadline_on(void **state)
{
    struct pair *p = *state;
    struct source *responses = pair_source(p, (struct source){.size = 3});
    weir_call *call = weir_call_create("/f.F/x");
    struct reader r;

    start_forwarding(p, (weir_handler){forwarded_source, responses, NULL});
    weir_call_set_timeout(call, WEIR_MILLISECONDS(50));
    pair_make(p, &r, call, text("x"));
    pair_settle(p);
    p->held[CLIENT] = true; /* nobody can tell the last server but its own clock */
    pair_advance(p, WEIR_MILLISECONDS(50) - 1);
    assert_int_equal(responses->released, 0);
    pair_advance(p, 1);
    assert_int_equal(responses->released, 1);
    expect_error(&r, WEIR_DEADLINE_EXCEEDED);
    reader_clear(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(calls_are_told_what_their_connection_knows_of_its_peer),
        PAIR_TEST(a_call_that_waits_moves_when_the_server_goes_away),
        PAIR_TEST(a_call_that_waits_moves_when_its_connection_is_shut_down),
        PAIR_TEST(a_call_whose_request_could_not_leave_moves),
        PAIR_TEST(a_call_that_moved_still_has_its_deadline),
        PAIR_TEST(a_call_that_waits_moves_when_its_connection_is_lost),
        PAIR_TEST(a_call_that_waits_moves_when_its_connection_breaks),
        PAIR_TEST(a_call_whose_request_lies_in_a_session_that_is_lost_moves),
        PAIR_TEST(a_call_that_moved_fails_where_no_other_connection_is_made),
        PAIR_TEST(a_grace_counts_from_the_shutdown_and_not_from_the_last_turn),
        PAIR_TEST(a_lost_connection_is_unavailable_here_and_cancelled_there),
        PAIR_TEST(a_response_that_came_whole_survives_its_connection),
        PAIR_TEST(the_next_call_makes_a_new_connection),
        PAIR_TEST(a_connection_whose_stream_ids_are_used_up_is_followed_by_another),
        PAIR_TEST(a_connection_cut_at_any_byte_ends_the_call),
        PAIR_TEST(a_call_fails_fast_when_no_connection_is_made),
        PAIR_TEST(a_call_that_waits_for_ready_is_tried_again_and_again),
        PAIR_TEST(a_call_that_waited_tells_the_server_what_is_left_of_its_time),
        PAIR_TEST(beside_a_call_that_waits_others_fail_fast),
        PAIR_TEST(a_target_decides_address_and_authority),
        PAIR_TEST(the_channels_end_cancels_its_calls),
        PAIR_TEST(the_channels_end_cancels_calls_that_were_not_started),
        PAIR_TEST(the_channels_end_cancels_calls_that_wait_for_ready),
        PAIR_TEST(a_second_reference_keeps_the_channel),
        PAIR_TEST(a_shutdown_lets_running_calls_finish),
        PAIR_TEST(a_shutdown_cancels_what_runs_past_its_grace),
        PAIR_TEST(a_shutdown_of_an_idle_server_closes_at_once),
        PAIR_TEST(a_shutdown_leaves_a_peer_that_does_not_read),
        PAIR_TEST(a_clients_shutdown_does_not_overtake_the_requests_that_wait),
        PAIR_TEST(a_hook_runs_before_peers_hear_of_a_shutdown_and_is_released_once),
        PAIR_TEST(a_forwarded_call_is_the_same_call),
        PAIR_TEST(a_status_comes_through_a_forward),
        PAIR_TEST(a_cancel_goes_through_a_forward),
        PAIR_TEST(a_slow_reader_slows_the_server_behind_a_forward),
        PAIR_TEST(a_forward_passes_the_deadline_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
