/* SPDX-License-Identifier: MIT */
/*
 * test_small_limits.c - limits of memory that hardly hold a connection.
 *
 * Whatever the limit is, of the channel or of the server: each call ends, with its result or with
 * RESOURCE_EXHAUSTED, soon after stall_timeout at the latest. What fills the memory may be what
 * nobody can let go, connections and calls that wait for their users.
 */
#include "conn/support/pair.h"

#define KIB ((size_t)1024)

enum { IDLE_MAX = 40, CALLS = 8 };

static const size_t limits[] = {1,  4,  16, 24, 28, 30, 32, 33, 34, 35, 36,  37,  38,  40, 44,
                                48, 52, 56, 60, 64, 68, 72, 80, 88, 96, 112, 128, 192, 256};

struct run {
    struct pair *pair;
    struct reader idle[IDLE_MAX];
    struct source *words[IDLE_MAX]; /* what the idle calls say in the end */
    unsigned idle_count;
    struct reader calls[CALLS];
    unsigned count;
};

static void begin(struct run *r, const char *method, struct source requests)
{
    pair_call(r->pair, &r->calls[r->count++], method,
              source_stream(pair_source(r->pair, requests)));
}

/* Both ends let go what they hold; who has stalled for too long is ended meanwhile. */
static void let_time_pass(struct run *r)
{
    for (int i = 0; i < 60; i++) {
        pair_settle(r->pair);
        for (unsigned k = 0; k < r->count; k++)
            reader_skim(&r->calls[k]);
        for (unsigned k = 0; k < r->idle_count; k++)
            reader_skim(&r->idle[k]);
        pair_settle(r->pair);
        pair_advance(r->pair, WEIR_SECONDS(1));
    }
}

static void expect_end_of(struct reader *reader, size_t limit, unsigned number)
{
    if (!reader->over || (reader->code != WEIR_OK && reader->code != WEIR_RESOURCE_EXHAUSTED))
        print_error("[ limit %zu, call %u: %s %s %s]\n", limit, number,
                    reader->over ? "over" : "hangs", weir_code_name(reader->code), reader->why);
    assert_true(reader->over);
    assert_true(reader->code == WEIR_OK || reader->code == WEIR_RESOURCE_EXHAUSTED);
    reader_clear(reader);
}

static void run(const weir_server_options *server, const weir_channel_options *channel,
                unsigned idle)
{
    size_t limit = server->memory_limit + channel->memory_limit;
    struct run r = {.pair = pair_create(server, channel), .idle_count = idle};

    r.pair->service.down = (struct source){.count = 50, .size = 10 * KIB, .over = true};
    for (unsigned i = 0; i < idle; i++) {
        r.words[i] = pair_source(r.pair, (struct source){.size = 3 * KIB});
        pair_call(r.pair, &r.idle[i], "/t.T/Echo", source_stream(r.words[i]));
        pair_settle(r.pair);
    }
    begin(&r, "/t.T/Unary", (struct source){.count = 1, .size = 10, .over = true});
    begin(&r, "/t.T/Unary", (struct source){.count = 1, .size = 20 * KIB, .over = true});
    begin(&r, "/t.T/Unary", (struct source){.count = 1, .size = 100 * KIB, .over = true});
    let_time_pass(&r);
    begin(&r, "/t.T/Echo", (struct source){.count = 30, .size = 20 * KIB, .over = true});
    begin(&r, "/t.T/Down", (struct source){.count = 1, .size = 10, .over = true});
    let_time_pass(&r);
    for (unsigned i = 0; i < idle; i++) {
        source_give(r.words[i], 3);
        source_end(r.words[i], WEIR_OK);
    }
    let_time_pass(&r);
    for (unsigned i = 0; i < r.count; i++)
        expect_end_of(&r.calls[i], limit, i);
    for (unsigned i = 0; i < idle; i++)
        expect_end_of(&r.idle[i], limit, 100 + i);
    pair_free(r.pair);
}

static void each_call_ends_however_little_memory_a_channel_may_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        for (unsigned idle = 0; idle <= IDLE_MAX; idle = 3 * idle + 1)
            run(&(weir_server_options){0}, &(weir_channel_options){.memory_limit = limits[i] * KIB},
                idle);
}

static void each_call_ends_however_little_memory_a_server_may_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        for (unsigned idle = 0; idle <= IDLE_MAX; idle = 3 * idle + 1)
            run(&(weir_server_options){.memory_limit = limits[i] * KIB}, &(weir_channel_options){0},
                idle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_ends_however_little_memory_a_channel_may_hold),
        cmocka_unit_test(each_call_ends_however_little_memory_a_server_may_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
