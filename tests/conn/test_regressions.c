/* SPDX-License-Identifier: MIT */
/*
 * test_regressions.c - what once went wrong over a pair, so that it does not again.
 */
#include "conn/support/pair.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static weir_call *call_with_timeout(const char *method, uint64_t ns)
{
    weir_call *call = weir_call_create(method);

    weir_call_set_timeout(call, ns);
    return call;
}

/* Registered before the first call comes. */
static void add_method(struct pair *p, const char *name, weir_handler handler)
{
    assert_int_equal(weir_server_handle(p->server, name, handler, NULL), WEIR_OK);
}

/* ---- deadlines ---- */

/* A timer of the requests took the place of the deadline's, which was then forgotten. */
static void a_deadline_outlives_a_timer_of_the_requests(void **state)
{
    struct pair *p = *state;
    struct reader r;

    pair_make(p, &r, call_with_timeout("/t.T/Hand", WEIR_MILLISECONDS(100)),
              weir_stream_delay(text("x"), WEIR_MILLISECONDS(1)));
    p->held[SERVER] = true;
    pair_advance(p, WEIR_MILLISECONDS(99));
    expect_pending(&r);
    pair_advance(p, WEIR_MILLISECONDS(1));
    expect_error(&r, WEIR_DEADLINE_EXCEEDED);
    reader_clear(&r);
}

static void note(void *arg)
{
    *(bool *)arg = true;
}

/* A message that is larger than the window, a millisecond later. */
static weir_stream slow_and_large(void *self, weir_call *call, weir_stream requests)
{
    const weir_inspect_hooks hooks = {.release = note, .arg = self};
    weir_stream message = weir_stream_once(message_make(0, 200000));

    (void)call;
    weir_stream_release(&requests);
    return weir_stream_inspect(weir_stream_delay(message, WEIR_MILLISECONDS(1)), &hooks);
}

static void a_servers_deadline_outlives_a_timer_of_the_responses(void **state)
{
    struct pair *p = *state;
    bool released = false;
    weir_handler handler = {slow_and_large, &released, NULL};
    struct reader r;

    add_method(p, "/t.T/Slow", handler);
    pair_make(p, &r, call_with_timeout("/t.T/Slow", WEIR_MILLISECONDS(100)), weir_stream_empty());
    pair_settle(p);
    p->held[CLIENT] = true;
    pair_advance(p, WEIR_MILLISECONDS(99));
    assert_false(released);
    pair_advance(p, WEIR_MILLISECONDS(1));
    assert_true(released);
    reader_clear(&r);
}

/* ---- header blocks ---- */

/* nghttp2 drops a block that is too large for it, and nobody heard of the end. */
static weir_stream fail_at_length(void *self, weir_call *call, weir_stream requests)
{
    weir_status status = {.code = WEIR_ABORTED};
    uint8_t *memory;

    (void)self, (void)call;
    weir_stream_release(&requests);
    status.message = weir_bytes_new(100000, &memory);
    memset(memory, 'x', 100000);
    return weir_stream_error(status);
}

static void trailers_too_large_to_send_end_the_call(void **state)
{
    struct pair *p = *state;
    weir_handler handler = {fail_at_length, NULL, NULL};
    struct reader r;

    add_method(p, "/t.T/Long", handler);
    pair_call(p, &r, "/t.T/Long", text("x"));
    pair_settle(p);
    expect_error(&r, WEIR_INTERNAL);
    reader_clear(&r);
}

/* ---- channels ---- */

/* A connection that said goodbye was no longer the channel's, and outlived it with its calls. */
static void the_channels_end_cancels_calls_on_a_connection_that_goes_away(void **state)
{
    struct pair *p = *state;
    struct source *requests = pair_source(p, (struct source){.size = 5});
    struct reader r;

    pair_call(p, &r, "/t.T/Hand", source_stream(requests));
    pair_settle(p);
    weir_server_shutdown(p->server, WEIR_NEVER);
    pair_settle(p);
    expect_pending(&r);
    pair_drop_channel(p);
    pair_settle(p);
    expect_error(&r, WEIR_CANCELLED);
    assert_int_equal(pair_wire_count(p), 0);
    reader_clear(&r);
}

/* A transport that says nothing until the test does. */
static weir_connection *connecting;

static void connect_later(void *self, weir_connection *connection, const char *address)
{
    (void)self, (void)address;
    connecting = connection;
}

/* The request of a call that had failed already left when the connection was made at last. */
static void a_call_that_failed_before_the_connection_was_made_is_not_sent(void **state)
{
    struct pair *p = *state;
    weir_call *call = weir_call_create("/t.T/Unary");
    weir_transport transport = p->transport;
    struct reader waits, fails;

    p->transport.connect = connect_later;
    weir_call_set_wait_for_ready(call, true);
    pair_make(p, &waits, call, text("w"));
    pair_call(p, &fails, "/t.T/Hand", text("f"));
    pair_settle(p);
    p->transport = transport;
    weir_connection_eof(connecting, "refused");
    pair_settle(p);
    expect_error(&fails, WEIR_UNAVAILABLE);
    pair_advance(p, WEIR_SECONDS(1));
    expect_text(&waits, "w");
    expect_end(&waits);
    assert_int_equal(p->service.calls, 0);
    reader_clear(&waits);
    reader_clear(&fails);
}

/* What is over must not wait in memory until the connection is made. */
static void calls_that_end_while_no_connection_is_made_are_freed(void **state)
{
    struct pair *p = *state;
    weir_transport transport = p->transport;
    size_t before = 0;

    p->transport.connect = connect_later;
    for (unsigned i = 0; i < 200; i++) {
        weir_call *call = call_with_timeout("/t.T/Unary", WEIR_MILLISECONDS(1));
        struct reader r;

        weir_call_set_wait_for_ready(call, true);
        pair_make(p, &r, call, text("x"));
        pair_advance(p, WEIR_MILLISECONDS(1));
        expect_error(&r, WEIR_DEADLINE_EXCEEDED);
        reader_clear(&r);
        if (i == 99)
            before = memory_held();
    }
    assert_in_range(memory_held(), 0, before + 4096);
    p->transport = transport;
    weir_connection_eof(connecting, "refused");
    pair_settle(p);
}

/* Likewise behind as many calls as the server takes at once. */
static void calls_that_end_before_their_turn_are_freed(void **state)
{
    struct pair *p = *state;
    struct reader running[SERVED_MAX], r;
    size_t before = 0;

    pair_free(p);
    p = *state = pair_create(&(weir_server_options){.max_streams = 3}, NULL);
    for (unsigned i = 0; i < 3; i++)
        pair_call(p, &running[i], "/t.T/Hand", weir_stream_empty());
    pair_settle(p);
    for (unsigned i = 0; i < 200; i++) {
        pair_make(p, &r, call_with_timeout("/t.T/Unary", WEIR_MILLISECONDS(1)), text("x"));
        pair_advance(p, WEIR_MILLISECONDS(1));
        expect_error(&r, WEIR_DEADLINE_EXCEEDED);
        reader_clear(&r);
        if (i == 99)
            before = memory_held();
    }
    assert_in_range(memory_held(), 0, before + 4096);
    pair_call(p, &r, "/t.T/Unary", text("x"));
    pair_settle(p);
    expect_pending(&r);
    for (unsigned i = 0; i < 3; i++)
        reader_clear(&running[i]);
    pair_settle(p);
    expect_text(&r, "x");
    expect_end(&r);
    reader_clear(&r);
}

/* Likewise where the server takes any number, and reads nothing. */
static void calls_that_end_while_the_socket_is_full_are_freed(void **state)
{
    struct pair *p = *state;
    size_t before = 0;
    struct reader r;

    pair_free(p);
    p = *state = pair_create(&(weir_server_options){.max_streams = UINT32_MAX}, NULL);
    pair_call(p, &r, "/t.T/Unary", text("x"));
    pair_settle(p);
    reader_clear(&r);
    pair_settle(p);
    p->held[CLIENT] = true;
    for (unsigned i = 0; i < 2000; i++) {
        pair_make(p, &r, call_with_timeout("/t.T/Unary", WEIR_MILLISECONDS(1)), text("x"));
        pair_advance(p, WEIR_MILLISECONDS(1));
        expect_error(&r, WEIR_DEADLINE_EXCEEDED);
        reader_clear(&r);
        if (i == 1499)
            before = memory_held();
    }
    assert_in_range(memory_held(), 0, before + 4096);
    pair_call(p, &r, "/t.T/Unary", text("y"));
    pair_settle(p);
    expect_pending(&r);
    p->held[CLIENT] = false;
    pair_settle(p);
    expect_text(&r, "y");
    expect_end(&r);
    reader_clear(&r);
}

/* How many calls a server takes at once is not known before its first settings came, and it refuses
 * those that are more. */
static void calls_made_before_the_server_spoke_are_not_refused(void **state)
{
    struct pair *p = *state;
    struct reader readers[10];

    pair_free(p);
    p = *state = pair_create(&(weir_server_options){.max_streams = 2}, NULL);
    for (unsigned i = 0; i < COUNT_OF(readers); i++)
        pair_call(p, &readers[i], "/t.T/Unary", text("x"));
    pair_settle(p);
    for (unsigned i = 0; i < COUNT_OF(readers); i++) {
        expect_text(&readers[i], "x");
        expect_end(&readers[i]);
        reader_clear(&readers[i]);
    }
}

/* A call made elsewhere is queued behind what the loop's own thread wakes, the end of the channel
 * too, which it made before that. */
static void *call_and_leave(void *channel)
{
    weir_call *call = weir_call_create("/t.T/Unary");
    weir_stream responses = weir_channel_call(channel, call, weir_stream_empty());

    weir_stream_release(&responses);
    weir_call_unref(call);
    weir_channel_unref(channel);
    return NULL;
}

static void a_call_that_starts_behind_its_channels_end_is_refused(void **state)
{
    struct pair *p = *state;
    pthread_t thread;

    pair_settle(p);
    weir_channel_ref(p->channel);
    pthread_create(&thread, NULL, call_and_leave, p->channel);
    pthread_join(thread, NULL);
    pair_drop_channel(p);
    pair_settle(p);
}

/* ---- from inside ---- */

struct inside {
    struct pair *p;
    struct reader made;
    unsigned polls;
};

static void release_inside(void *self)
{
    struct inside *inside = self;

    weir_server_shutdown(inside->p->server, WEIR_SECONDS(1));
}

/* Makes a call, cancels its own, drops the channel, each in a poll of its own. */
static weir_poll poll_inside(void *self, weir_task *task, weir_item *out)
{
    struct inside *inside = self;

    weir_task_wake_at(task, weir_task_now(task));
    switch (inside->polls++) {
    case 0:
        pair_call(inside->p, &inside->made, "/t.T/Unary", text("x"));
        return WEIR_PENDING;
    case 1:
        out->message = weir_bytes_copy_string("y");
        return WEIR_READY;
    case 2:
        pair_drop_channel(inside->p);
        return WEIR_PENDING;
    default:
        weir_call_cancel(inside->made.call);
        return WEIR_PENDING;
    }
}

static weir_stream call_inside(void *self, weir_call *call, weir_stream requests)
{
    (void)call;
    weir_stream_release(&requests);
    return weir_stream_from(poll_inside, self, release_inside);
}

static void a_poll_may_call_cancel_drop_and_shut_down(void **state)
{
    struct pair *p = *state;
    struct inside inside = {.p = p};
    struct reader r;

    add_method(p, "/t.T/Inside", (weir_handler){call_inside, &inside, NULL});
    pair_call(p, &r, "/t.T/Inside", weir_stream_empty());
    pair_settle(p);
    expect_error(&r, WEIR_CANCELLED); /* the end of the channel drops what waits, too */
    assert_true(inside.polls >= 3);
    reader_skim(&inside.made);
    assert_true(inside.made.over);
    assert_int_equal(pair_wire_count(p), 0);
    reader_clear(&r);
    reader_clear(&inside.made);
}

/* ---- hostile peers ---- */

/* A peer whose socket is full, with less in our queue than its bound, still made us owe it more. */
static void a_peer_that_never_reads_is_not_read_without_bound(void **state)
{
    static const uint8_t preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
    /* HEADERS with END_STREAM and END_HEADERS: GET, https, / and an empty authority. */
    uint8_t request[] = {0, 0, 4, 1, 5, 0, 0, 0, 0, 0x82, 0x87, 0x84, 0x41};
    struct pair *p = *state;
    weir_connection *c;
    size_t before;

    request[2] = 3;
    assert_int_equal(weir_server_accept(p->server, p->loop, "evil:1", &c, NULL), WEIR_OK);
    assert_int_equal(weir_connection_input(c, preface, 24 + 9), WEIR_OK);
    weir_loop_turn(p->loop, now);
    before = memory_held();
    for (uint32_t id = 1; id < 400000 && weir_connection_wants_input(c); id += 2) {
        request[6] = (uint8_t)(id >> 16);
        request[7] = (uint8_t)(id >> 8);
        request[8] = (uint8_t)id;
        if (weir_connection_input(c, request, 9 + 3) != WEIR_OK)
            break;
    }
    assert_in_range(memory_held() - before, 0, 4 << 20);
    weir_connection_free(c);
}

/* It was done before its GOAWAY was asked for, and then waited for ever to be rid of that. */
static void a_broken_connection_says_why_but_does_not_wait_for_ever(void **state)
{
    static const uint8_t garbage[] = "GET / HTTP/1.1\r\n\r\n.....";
    struct pair *p = *state;
    weir_connection *c;
    weir_slice slice;

    assert_int_equal(weir_server_accept(p->server, p->loop, "evil:1", &c, NULL), WEIR_OK);
    assert_int_equal(weir_connection_input(c, garbage, 24), WEIR_INTERNAL);
    weir_loop_turn(p->loop, now);
    assert_ptr_equal(weir_loop_next(p->loop), c);
    assert_null(weir_loop_next(p->loop));
    assert_false(weir_connection_done(c));
    assert_int_equal(weir_connection_output(c, &slice, 1), 1);
    assert_int_equal(slice.data[slice.size - 17 + 3], 7); /* a GOAWAY */
    assert_false(weir_connection_done(c));
    assert_in_range(weir_loop_wakeup(p->loop), now, now + WEIR_SECONDS(1));
    now += WEIR_SECONDS(1);
    weir_loop_turn(p->loop, now);
    assert_ptr_equal(weir_loop_next(p->loop), c);
    assert_true(weir_connection_done(c));
    weir_connection_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(a_deadline_outlives_a_timer_of_the_requests),
        PAIR_TEST(a_servers_deadline_outlives_a_timer_of_the_responses),
        PAIR_TEST(trailers_too_large_to_send_end_the_call),
        PAIR_TEST(the_channels_end_cancels_calls_on_a_connection_that_goes_away),
        PAIR_TEST(a_call_that_failed_before_the_connection_was_made_is_not_sent),
        PAIR_TEST(calls_that_end_while_no_connection_is_made_are_freed),
        PAIR_TEST(calls_made_before_the_server_spoke_are_not_refused),
        PAIR_TEST(calls_that_end_before_their_turn_are_freed),
        PAIR_TEST(calls_that_end_while_the_socket_is_full_are_freed),
        PAIR_TEST(a_call_that_starts_behind_its_channels_end_is_refused),
        PAIR_TEST(a_poll_may_call_cancel_drop_and_shut_down),
        PAIR_TEST(a_peer_that_never_reads_is_not_read_without_bound),
        PAIR_TEST(a_broken_connection_says_why_but_does_not_wait_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
