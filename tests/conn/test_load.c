/* SPDX-License-Identifier: MIT */
/*
 * test_load.c - much data over a pair: large messages, many streams, readers that stall.
 */
#include "conn/support/pair.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW 65535

/* What is held for a call beside its messages: books, the headers of chunks. */
#define BOOKS 24000

/* ---- large messages ---- */

static void echo_of(struct pair *p, uint64_t count, size_t size)
{
    struct source *requests =
        pair_source(p, (struct source){.count = count, .size = size, .over = true});
    struct reader r;

    pair_call(p, &r, "/t.T/Echo", source_stream(requests));
    assert_int_equal(pair_read(p, &r, size), count);
    assert_true(r.over);
    assert_int_equal(r.code, WEIR_OK);
    reader_clear(&r);
}

static void messages_about_as_large_as_the_window_are_echoed(void **state)
{
    static const size_t sizes[] = {WINDOW - 6, WINDOW - 5, WINDOW - 4, WINDOW, WINDOW + 1};

    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        echo_of(*state, 2, sizes[i]);
}

static void messages_larger_than_the_window_are_echoed(void **state)
{
    echo_of(*state, 5, 200000);
}

static void messages_of_3_MiB_are_echoed(void **state)
{
    echo_of(*state, 1, 3 << 20);
}

static void a_unary_message_of_exactly_4_MiB_is_the_largest(void **state)
{
    struct pair *p = *state;
    struct reader r;

    pair_call(p, &r, "/t.T/Unary", weir_stream_once(message_make(0, 4 << 20)));
    assert_int_equal(pair_read(p, &r, 4 << 20), 1);
    assert_int_equal(r.code, WEIR_OK);
    reader_clear(&r);
    pair_call(p, &r, "/t.T/Unary", weir_stream_once(message_make(0, (4 << 20) + 1)));
    assert_int_equal(pair_read(p, &r, 0), 0);
    assert_int_equal(r.code, WEIR_RESOURCE_EXHAUSTED);
    reader_clear(&r);
    assert_int_equal(p->connects, 1);
}

static void all_four_kinds_carry_3_MiB(void **state)
{
    struct pair *p = *state;
    struct source *requests =
        pair_source(p, (struct source){.count = 2, .size = 3 << 20, .over = true});
    struct reader r;

    pair_call(p, &r, "/t.T/Up", source_stream(requests));
    pair_settle(p);
    expect_text(&r, "2 6291456");
    reader_clear(&r);
    p->service.down = (struct source){.count = 2, .size = 3 << 20, .over = true};
    pair_call(p, &r, "/t.T/Down", text("go"));
    assert_int_equal(pair_read(p, &r, 3 << 20), 2);
    reader_clear(&r);
    pair_call(p, &r, "/t.T/Unary", weir_stream_once(message_make(0, 3 << 20)));
    assert_int_equal(pair_read(p, &r, 3 << 20), 1);
    reader_clear(&r);
}

/* ---- readers that stall ---- */

/* What is held when no call runs, but some did: the connection's books, buffers for later. */
static size_t held_by_a_warm_pair(struct pair *p)
{
    echo_of(p, 20, 20000);
    pair_settle(p);
    return memory_held();
}

static void a_reader_that_stalls_stops_the_generator(void **state)
{
    struct pair *p = *state;
    struct reader r;
    size_t before;

    before = held_by_a_warm_pair(p);
    p->service.down = (struct source){.count = 100000, .size = 16384, .over = true};
    pair_call(p, &r, "/t.T/Down", text("go"));
    pair_settle(p);
    assert_in_range(p->service.down.given, 4, 6); /* the window, and a message */
    assert_true(memory_held() - before < WINDOW + 16384 + BOOKS);
    for (unsigned i = 0; i < 20; i++) { /* and it goes on where it stopped */
        expect_number(&r, i, 16384);
        pair_settle(p);
        assert_true(p->service.down.given <= i + 7);
    }
    reader_clear(&r);
}

static void an_upload_that_nobody_reads_is_a_window_and_a_message(void **state)
{
    static const size_t sizes[] = {1, 100, 10000, 100000, 1000000};
    struct pair *p = *state;

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct source *requests =
            pair_source(p, (struct source){.count = 100000, .size = sizes[i]});
        size_t before = held_by_a_warm_pair(p);
        struct reader r;

        pair_call(p, &r, "/t.T/Hand", source_stream(requests));
        pair_settle(p);
        /* One message is with the client, the other one here; a chunk has room to grow. */
        assert_true(memory_held() - before < WINDOW + 2 * sizes[i] + 65536);
        assert_true(requests->given <= WINDOW / (sizes[i] + 5) + 3);
        reader_clear(&r);
        pair_settle(p);
    }
}

static void calls_that_stall_never_stop_their_neighbours(void **state)
{
    enum { STALLED = 24 }; /* so many windows are more than the connection's */
    struct pair *p = *state;
    struct reader stalled[STALLED], r;

    for (int i = 0; i < STALLED; i += 2) {
        struct source *requests = pair_source(p, (struct source){.count = 100, .size = 30000});

        p->service.served[i / 2].responses = (struct source){.count = 100, .size = 30000};
        pair_call(p, &stalled[i], "/t.T/Hand", source_stream(requests));
        pair_call(p, &stalled[i + 1], "/t.T/Echo", source_stream(pair_source(p, *requests)));
    }
    pair_settle(p);
    for (int i = 0; i < 2; i++) {
        pair_call(p, &r, "/t.T/Unary", weir_stream_once(message_make(0, 100000)));
        assert_int_equal(pair_read(p, &r, 100000), 1);
        assert_int_equal(r.code, WEIR_OK);
        reader_clear(&r);
    }
    for (int i = 0; i < STALLED; i++)
        reader_clear(&stalled[i]);
}

static void stalled_readers_finish_when_they_go_on(void **state)
{
    struct pair *p = *state;
    struct source *requests =
        pair_source(p, (struct source){.count = 60, .size = 7000, .over = true});
    struct reader r;

    pair_call(p, &r, "/t.T/Echo", source_stream(requests));
    pair_settle(p);
    assert_true(requests->given < 60);
    pair_advance(p, WEIR_SECONDS(3600));
    assert_int_equal(pair_read(p, &r, 7000), 60);
    assert_int_equal(r.code, WEIR_OK);
    reader_clear(&r);
}

static void held_bytes_hold_the_generator_back(void **state)
{
    struct pair *p = *state;
    struct reader r;

    p->service.down = (struct source){.count = 100000, .size = 1000, .over = true};
    pair_call(p, &r, "/t.T/Down", text("go"));
    p->held[SERVER] = true;
    pair_settle(p);
    assert_true(p->service.down.given <= 1);
    p->held[SERVER] = false;
    pair_settle(p);
    assert_true(p->service.down.given > 60);
    reader_clear(&r);
}

/* ---- many streams, at random ---- */

enum { STREAMS = 20, MESSAGES = 150 };

struct bidi {
    struct reader reader;
    struct source *requests;
    size_t size;
};

static uint32_t draw(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Lets a client write some, or read some. */
static void act(struct bidi *b, uint32_t *seed)
{
    uint64_t left = MESSAGES - b->requests->count;
    unsigned reads = draw(seed) % 5;
    weir_item item;

    if (left != 0 && draw(seed) % 2 == 0)
        source_give(b->requests, 1 + draw(seed) % (left < 10 ? left : 10));
    if (b->requests->count == MESSAGES && !b->requests->over)
        source_end(b->requests, WEIR_OK);
    while (reads-- != 0 && reader_poll(&b->reader, &item) == WEIR_READY) {
        assert_true(message_is(&item.message, b->reader.messages - 1, b->size));
        weir_item_clear(&item);
    }
}

static bool all_over(const struct bidi *streams)
{
    for (int i = 0; i < STREAMS; i++) {
        if (!streams[i].reader.over)
            return false;
    }
    return true;
}

static void start_streams(struct pair *p, struct bidi *streams, weir_channel *second)
{
    static const size_t sizes[] = {0, 1, 5, 100, 1019, 1030, 4000, 16379, 16384, 70000};

    for (int i = 0; i < STREAMS; i++) {
        struct bidi *b = &streams[i];
        weir_call *call = weir_call_create("/t.T/Echo");

        b->size = sizes[i % (int)COUNT_OF(sizes)];
        b->requests = pair_source(p, (struct source){.size = b->size});
        reader_init(
            &b->reader,
            weir_channel_call(i % 2 == 0 ? p->channel : second, call, source_stream(b->requests)),
            call);
        weir_call_unref(call);
    }
}

static void run_streams(uint32_t seed, bool one_byte)
{
    struct pair *p = pair_create(NULL, NULL);
    weir_channel_options options = {.loop = p->loop};
    struct bidi streams[STREAMS];
    weir_channel *second;

    assert_int_equal(weir_channel_create("server:1", &options, &second, NULL), WEIR_OK);
    p->random = seed;
    p->one_byte = one_byte;
    start_streams(p, streams, second);
    while (!all_over(streams)) {
        for (int i = 0; i < 8; i++)
            act(&streams[draw(&seed) % STREAMS], &seed);
        for (int i = 0; i < 10; i++)
            pair_step(p);
    }
    for (int i = 0; i < STREAMS; i++) {
        assert_int_equal(streams[i].reader.code, WEIR_OK);
        assert_int_equal(streams[i].reader.messages, MESSAGES);
        reader_clear(&streams[i].reader);
    }
    weir_channel_unref(second);
    assert_int_equal(p->connects, 2);
    pair_free(p);
}

static void twenty_bidi_streams_lose_nothing_and_keep_their_order(void **state)
{
    (void)state;
    memory_install();
    for (uint32_t seed = 1; seed <= 5; seed++)
        run_streams(seed, false);
    assert_int_equal(memory_held(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(messages_about_as_large_as_the_window_are_echoed),
        PAIR_TEST(messages_larger_than_the_window_are_echoed),
        PAIR_TEST(messages_of_3_MiB_are_echoed),
        /* Three MiB go byte by byte above; 4 MiB, and four times 3, would take a minute. */
        PAIR_TEST_WHOLE(a_unary_message_of_exactly_4_MiB_is_the_largest),
        PAIR_TEST_WHOLE(all_four_kinds_carry_3_MiB),
        PAIR_TEST(a_reader_that_stalls_stops_the_generator),
        PAIR_TEST(an_upload_that_nobody_reads_is_a_window_and_a_message),
        PAIR_TEST(calls_that_stall_never_stop_their_neighbours),
        PAIR_TEST(stalled_readers_finish_when_they_go_on),
        PAIR_TEST(held_bytes_hold_the_generator_back),
        cmocka_unit_test(twenty_bidi_streams_lose_nothing_and_keep_their_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
