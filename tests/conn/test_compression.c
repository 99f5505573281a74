/* SPDX-License-Identifier: MIT */
/*
 * test_compression.c - compressed messages over a pair, and from peers that break them.
 */
#include "conn/support/pair.h"
#include "conn/support/peer.h"
#include "framing/compression.h"
#include "stream/mailbox.h"

#include <stdlib.h>
#include <string.h>

/* A text that compresses well, 4,000 bytes long. */
static const char *long_text(void)
{
    static char text[4001];

    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = "weir "[i % 5];
    return text;
}

static weir_bytes deflated(weir_compression kind)
{
    struct deflater *deflater = deflater_create();
    weir_bytes plain = weir_bytes_copy_string(long_text()), small = {0};

    assert_true(deflater_run(deflater, kind, &plain, &small));
    weir_bytes_unref(&plain);
    deflater_free(deflater);
    return small;
}

/* ---- over a pair ---- */

/* Takes one item of the long text. */
static unsigned flags_of(struct reader *r)
{
    weir_item item;
    unsigned flags;

    if (reader_poll(r, &item) != WEIR_READY)
        fail_msg("%.*s", (int)item.status.message.size, (const char *)item.status.message.data);
    assert_int_equal(item.message.size, 4000);
    assert_memory_equal(item.message.data, long_text(), 4000);
    flags = item.flags;
    weir_item_clear(&item);
    return flags;
}

static void requests_arrive_inflated_and_flagged(void **state)
{
    static const weir_compression kinds[] = {WEIR_GZIP, WEIR_DEFLATE};
    struct pair *p = *state;

    for (unsigned i = 0; i < COUNT_OF(kinds); i++) {
        weir_call *call = weir_call_create("/t.T/Hand");
        uint64_t before = p->sent[CLIENT];
        struct reader r;

        weir_call_set_compression(call, kinds[i]);
        pair_make(p, &r, call, text(long_text()));
        pair_settle(p);
        assert_int_equal(flags_of(&p->service.served[i].requests), WEIR_ITEM_COMPRESSED);
        assert_true(p->sent[CLIENT] - before < 1000);
        reader_clear(&r);
    }
}

static weir_stream compress_responses(void *self, weir_call *call, weir_stream requests)
{
    (void)self;
    weir_call_set_compression(call, WEIR_GZIP);
    return requests;
}

static void serve_compressed(struct pair *p)
{
    assert_int_equal(weir_server_handle(p->server, "/t.T/Compressed",
                                        (weir_handler){.call = compress_responses}, NULL),
                     WEIR_OK);
}

static void responses_arrive_inflated_and_flagged(void **state)
{
    struct pair *p = *state;
    struct reader r;

    serve_compressed(p);
    pair_call(p, &r, "/t.T/Compressed", text(long_text()));
    pair_settle(p);
    assert_int_equal(flags_of(&r), WEIR_ITEM_COMPRESSED);
    assert_true(p->sent[SERVER] < 1000);
    expect_end(&r);
    reader_clear(&r);
}

static weir_poll every_other_plain(void *state, weir_task *task, weir_item *out)
{
    int *count = state;

    (void)task;
    if (*count == 4)
        return WEIR_END;
    out->message = weir_bytes_copy_string(long_text());
    out->flags = (*count)++ % 2 != 0 ? WEIR_ITEM_UNCOMPRESSED : 0;
    return WEIR_READY;
}

static void a_single_message_can_be_sent_as_it_is(void **state)
{
    weir_call *call = weir_call_create("/t.T/Hand");
    struct pair *p = *state;
    struct reader r;

    weir_call_set_compression(call, WEIR_GZIP);
    pair_make(p, &r, call, weir_stream_from(every_other_plain, calloc(1, sizeof(int)), free));
    for (unsigned i = 0; i < 4; i++) {
        pair_settle(p);
        assert_int_equal(flags_of(&p->service.served[0].requests),
                         i % 2 != 0 ? 0 : WEIR_ITEM_COMPRESSED);
    }
    reader_clear(&r);
}

static void a_small_message_is_sent_as_it_is(void **state)
{
    struct pair *p = *state;
    struct reader r;

    serve_compressed(p);
    pair_call(p, &r, "/t.T/Compressed", text("hi"));
    pair_settle(p);
    expect_text(&r, "hi");
    expect_end(&r);
    reader_clear(&r);
}

static weir_code keep_flags(void *self, weir_call *call, const weir_bytes *request,
                            weir_bytes *reply, weir_status *why)
{
    (void)request, (void)reply, (void)why;
    *(unsigned *)self = weir_call_request_flags(call);
    return WEIR_OK;
}

static void call_flags(struct pair *p, bool compressed, unsigned *flags)
{
    weir_call *call = weir_call_create("/t.T/Flags");
    struct reader r;

    *flags = 77;
    if (compressed)
        weir_call_set_compression(call, WEIR_GZIP);
    pair_make(p, &r, call, text(long_text()));
    pair_settle(p);
    reader_skim(&r);
    assert_int_equal(r.code, WEIR_OK);
    reader_clear(&r);
}

static void a_function_of_bytes_is_told_that_its_request_came_compressed(void **state)
{
    struct pair *p = *state;
    static unsigned flags;

    assert_int_equal(
        weir_server_handle(p->server, "/t.T/Flags", weir_unary(keep_flags, &flags, NULL), NULL),
        WEIR_OK);
    call_flags(p, true, &flags);
    assert_int_equal(flags, WEIR_ITEM_COMPRESSED);
    call_flags(p, false, &flags);
    assert_int_equal(flags, 0);
}

/* ---- messages that take long to inflate ---- */

enum { MANY = 3, LARGE = 1 << 20 };

static weir_poll many_large_zeros(void *state, weir_task *task, weir_item *out)
{
    int *count = state;
    uint8_t *memory;

    (void)task;
    if (*count == MANY)
        return WEIR_END;
    ++*count;
    out->message = weir_bytes_new(LARGE, &memory);
    memset(memory, 0, LARGE);
    return WEIR_READY;
}

static void call_for_large_zeros(struct pair *p, struct reader *r)
{
    serve_compressed(p);
    pair_call(p, r, "/t.T/Compressed",
              weir_stream_from(many_large_zeros, calloc(1, sizeof(int)), free));
    pair_settle(p);
}

static void expect_large(struct reader *r)
{
    weir_item item;

    assert_int_equal(reader_poll(r, &item), WEIR_READY);
    assert_int_equal(item.message.size, LARGE);
    weir_item_clear(&item);
}

/* As a program does that turns its loop until the call is over. */
static void what_came_is_read_on_the_loops_thread_without_a_turn(void **state)
{
    struct pair *p = *state;
    struct reader r;

    call_for_large_zeros(p, &r);
    for (int i = 0; i < MANY; i++)
        expect_large(&r);
    expect_end(&r);
    reader_clear(&r);
}

/* They are on one thread, and nothing else is to be done on this one. */
static void a_reader_on_another_loop_goes_on_after_a_turn_of_this_one(void **state)
{
    struct pair *p = *state;
    struct reader r;

    call_for_large_zeros(p, &r);
    for (int i = 0; i < MANY; i++) {
        turn_start();
        expect_large(&r);
        if (i + 1 < MANY) {
            expect_pending(&r);
            assert_int_equal(weir_loop_wakeup(p->loop), 0);
        }
        turn_stop();
        pair_settle(p);
    }
    expect_end(&r);
    reader_clear(&r);
}

/* ---- peers of a server ---- */

/* A request of gzip with these bytes as its one message, flagged. */
static void queue_compressed(struct peer *p, int32_t id, const char *path, const void *data,
                             size_t size)
{
    uint8_t prefix[5] = {1, 0, 0, (uint8_t)(size >> 8), (uint8_t)size};

    peer_request(p, id, 0, path, "grpc-encoding", "gzip", "grpc-accept-encoding", "gzip", NULL);
    peer_data(p, id, 0, prefix, sizeof prefix);
    peer_data(p, id, END_STREAM, data, size);
}

static void send_compressed(struct peer *p, int32_t id, const char *path, const void *data,
                            size_t size)
{
    queue_compressed(p, id, path, data, size);
    peer_settle(p);
}

static void a_peers_compressed_message_is_read(void **state)
{
    weir_bytes small = deflated(WEIR_GZIP);
    struct peer *p = *state;

    send_compressed(p, 3, "/t.T/Up", small.data, small.size);
    expect_status(p, 3, WEIR_OK);
    assert_true(peer_body_has(p, 3, 0, "1 4000"));
    expect_unharmed(p);
    weir_bytes_unref(&small);
}

static void a_message_that_is_no_gzip_is_internal_whatever_the_handler_says(void **state)
{
    static const char *const paths[] = {"/t.T/Unary", "/t.T/Up", "/t.T/Down", "/t.T/Echo"};
    weir_bytes small = deflated(WEIR_GZIP);
    struct peer *p = *state;

    for (int32_t i = 0; i < 4; i++) {
        send_compressed(p, 3 + 4 * i, paths[i], "not gzip at all", 15);
        expect_status(p, 3 + 4 * i, WEIR_INTERNAL);
        send_compressed(p, 5 + 4 * i, paths[i], small.data, small.size - 1);
        expect_status(p, 5 + 4 * i, WEIR_INTERNAL);
    }
    assert_int_equal(p->service->unary_calls, 0);
    expect_unharmed(p);
    weir_bytes_unref(&small);
}

static weir_poll swallow(void *state, weir_task *task, weir_item *out)
{
    weir_poll poll = weir_stream_poll(state, task, out);

    if (poll == WEIR_PENDING)
        return poll;
    weir_item_clear(out);
    return poll == WEIR_READY ? WEIR_PENDING : WEIR_END;
}

static void release_swallowed(void *state)
{
    weir_stream_release(state);
    free(state);
}

/* Ends with OK whatever its requests end with. */
static weir_stream overlook(void *self, weir_call *call, weir_stream requests)
{
    weir_stream *kept = malloc(sizeof *kept);

    (void)self, (void)call;
    *kept = requests;
    return weir_stream_from(swallow, kept, release_swallowed);
}

static void a_handler_that_overlooks_a_broken_message_cannot_end_with_ok(void **state)
{
    struct peer *p = *state;

    assert_int_equal(
        weir_server_handle(p->server, "/t.T/Overlook", (weir_handler){.call = overlook}, NULL),
        WEIR_OK);
    send_compressed(p, 3, "/t.T/Overlook", "not gzip at all", 15);
    expect_status(p, 3, WEIR_INTERNAL);
    expect_unharmed(p);
}

static void a_bomb_is_resource_exhausted(void **state)
{
    struct deflater *deflater = deflater_create();
    struct peer *p = *state;
    uint8_t *memory;
    weir_bytes zeros = weir_bytes_new((size_t)4 << 20 | 1, &memory), bomb;

    memset(memory, 0, zeros.size);
    assert_true(deflater_run(deflater, WEIR_GZIP, &zeros, &bomb));
    send_compressed(p, 3, "/t.T/Up", bomb.data, bomb.size);
    expect_status(p, 3, WEIR_RESOURCE_EXHAUSTED);
    expect_unharmed(p);
    weir_bytes_unref(&bomb);
    weir_bytes_unref(&zeros);
    deflater_free(deflater);
}

/* Ten times a megabyte in ten kilobytes that come at once. */
static void others_have_their_turn_between_messages_that_take_long_to_inflate(void **state)
{
    struct deflater *deflater = deflater_create();
    struct peer *p = *state;
    struct buffer *out = &p->out;
    uint8_t *memory;
    weir_bytes zeros = weir_bytes_new((size_t)1 << 20, &memory), small;

    memset(memory, 0, zeros.size);
    assert_true(deflater_run(deflater, WEIR_GZIP, &zeros, &small));
    peer_settings(p, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7fffffff);
    peer_window(p, 0, 0x7fff0000);
    peer_settle(p);
    for (int32_t id = 3; id < 23; id += 2)
        queue_compressed(p, id, "/t.T/Unary", small.data, small.size);
    assert_int_equal(weir_connection_input(p->connection, out->data, out->size), WEIR_OK);
    out->size = 0;
    for (unsigned turns = 1; turns <= 10; turns++) {
        weir_loop_turn(p->loop, now);
        assert_int_equal(p->service->unary_calls, turns);
        assert_int_equal(weir_loop_wakeup(p->loop), 0);
    }
    peer_settle(p);
    expect_status(p, 21, WEIR_OK);
    weir_bytes_unref(&small);
    weir_bytes_unref(&zeros);
    deflater_free(deflater);
}

static void a_server_compresses_only_for_clients_that_accept_it(void **state)
{
    static const char *const accepted[] = {"identity,gzip", "identity,deflate", "snappy"};
    struct peer *p = *state;

    assert_int_equal(weir_server_handle(p->server, "/t.T/Compressed",
                                        (weir_handler){.call = compress_responses}, NULL),
                     WEIR_OK);
    for (int32_t i = 0; i < 3; i++) {
        int32_t id = 3 + 2 * i;
        const char *encoding;

        peer_request(p, id, 0, "/t.T/Compressed", "grpc-accept-encoding", accepted[i], NULL);
        peer_message(p, id, END_STREAM, long_text());
        peer_settle(p);
        encoding = frame_field(peer_find(p, NGHTTP2_HEADERS, id, 0), "grpc-encoding");
        if (i == 0)
            assert_string_equal(encoding, "gzip");
        else
            assert_null(encoding);
        assert_int_equal(peer_body_size(p, id) < 1000, i == 0);
        expect_status(p, id, WEIR_OK);
    }
    expect_unharmed(p);
}

/* ---- peers of a client ---- */

static void a_client_says_what_it_accepts_and_how_it_compresses(void **state)
{
    struct peer *p = *state;
    struct reader r;
    const struct frame *headers;
    int32_t id = peer_call(p, &r, "/t.T/x", weir_stream_empty());

    headers = peer_find(p, NGHTTP2_HEADERS, id, 0);
    assert_string_equal(frame_field(headers, "grpc-accept-encoding"), compression_accepted);
    assert_null(frame_field(headers, "grpc-encoding"));
    reader_clear(&r);
}

static void a_broken_response_is_internal_and_the_server_is_told(void **state)
{
    static const uint8_t broken[] = {1, 0, 0, 0, 4, 'g', 'z', 'i', 'p'};
    struct peer *p = *state;
    struct reader r;
    int32_t id = peer_call(p, &r, "/t.T/x", weir_stream_empty());

    peer_headers(p, id, 0, RESPONSE, "grpc-encoding", "gzip", NULL);
    peer_data(p, id, 0, broken, sizeof broken);
    peer_settle(p);
    expect_error(&r, WEIR_INTERNAL);
    assert_int_equal(weir_call_status(r.call)->code, WEIR_INTERNAL);
    peer_settle(p);
    expect_reset(p, id, NGHTTP2_CANCEL);
    expect_unharmed(p);
    reader_clear(&r);
}

static void a_broken_response_behind_which_all_ended_well_is_internal_too(void **state)
{
    static const uint8_t broken[] = {1, 0, 0, 0, 4, 'g', 'z', 'i', 'p'};
    struct peer *p = *state;
    struct reader r;
    int32_t id = peer_call(p, &r, "/t.T/x", weir_stream_empty());

    peer_headers(p, id, 0, RESPONSE, "grpc-encoding", "gzip", NULL);
    peer_data(p, id, 0, broken, sizeof broken);
    peer_headers(p, id, END_STREAM, "grpc-status", "0", NULL);
    peer_settle(p);
    expect_error(&r, WEIR_INTERNAL);
    assert_int_equal(weir_call_status(r.call)->code, WEIR_INTERNAL);
    expect_end(&r);
    expect_unharmed(p);
    reader_clear(&r);
}

static void trailers_say_nothing_about_the_messages_before_them(void **state)
{
    weir_bytes small = deflated(WEIR_GZIP);
    uint8_t prefix[5] = {1, 0, 0, (uint8_t)(small.size >> 8), (uint8_t)small.size};
    struct peer *p = *state;
    struct reader r;
    int32_t id = peer_call(p, &r, "/t.T/x", weir_stream_empty());

    peer_headers(p, id, 0, RESPONSE, "grpc-encoding", "gzip", NULL);
    peer_data(p, id, 0, prefix, sizeof prefix);
    peer_data(p, id, 0, small.data, small.size);
    peer_headers(p, id, END_STREAM, "grpc-status", "0", "grpc-encoding", "identity", NULL);
    peer_settle(p);
    assert_int_equal(flags_of(&r), WEIR_ITEM_COMPRESSED);
    expect_end(&r);
    reader_clear(&r);
    weir_bytes_unref(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(requests_arrive_inflated_and_flagged),
        PAIR_TEST(responses_arrive_inflated_and_flagged),
        PAIR_TEST(a_single_message_can_be_sent_as_it_is),
        PAIR_TEST(a_small_message_is_sent_as_it_is),
        PAIR_TEST(a_function_of_bytes_is_told_that_its_request_came_compressed),
        PAIR_TEST_WHOLE(what_came_is_read_on_the_loops_thread_without_a_turn),
        PAIR_TEST_WHOLE(a_reader_on_another_loop_goes_on_after_a_turn_of_this_one),
        SERVER_TEST(a_peers_compressed_message_is_read),
        SERVER_TEST(a_message_that_is_no_gzip_is_internal_whatever_the_handler_says),
        SERVER_TEST(a_handler_that_overlooks_a_broken_message_cannot_end_with_ok),
        SERVER_TEST(a_bomb_is_resource_exhausted),
        SERVER_TEST_WHOLE(others_have_their_turn_between_messages_that_take_long_to_inflate),
        SERVER_TEST(a_server_compresses_only_for_clients_that_accept_it),
        CLIENT_TEST(a_client_says_what_it_accepts_and_how_it_compresses),
        CLIENT_TEST(a_broken_response_is_internal_and_the_server_is_told),
        CLIENT_TEST(a_broken_response_behind_which_all_ended_well_is_internal_too),
        CLIENT_TEST(trailers_say_nothing_about_the_messages_before_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
