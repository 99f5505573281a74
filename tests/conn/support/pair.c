/* SPDX-License-Identifier: MIT */
/*
 * pair.c - a server and a channel of weir, wired together in memory under one fake clock.
 *
 * It is a driver as <weir/loop.h> asks for: it looks at the connections that the loop names, and at
 * those whose output it could not move yet, and at no others.
 */
#include "conn/support/pair.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Real time: a test that waits so long for a thread has failed. */
#define PATIENCE_S 60
#define SLICES 4
/* More rounds than this at one time are a busy loop. */
#define MAX_ROUNDS 60000000

struct end {
    struct wire *wire;
    weir_connection *connection;
    enum side side;
    bool pending; /* it was named, and may have output still */
};

struct wire {
    struct wire *next;
    struct end ends[2];
};

static uint32_t draw(struct pair *pair)
{
    pair->random = pair->random * 1664525u + 1013904223u;
    return pair->random >> 8;
}

/* ---- connecting ---- */

static void attach(struct wire *wire, enum side side, weir_connection *connection)
{
    wire->ends[side] = (struct end){wire, connection, side, true};
    weir_connection_set_driver(connection, &wire->ends[side]);
}

static weir_code accept_on(const struct pair *pair, weir_server *server, weir_connection **out)
{
    if (pair->tls != NULL)
        return weir_server_accept_tls(server, pair->loop, pair->tls, "client:1", out, NULL);
    return weir_server_accept(server, pair->loop, "client:1", out, NULL);
}

static void on_connect(void *self, weir_connection *client, const char *address)
{
    struct pair *pair = self;
    weir_server *server = strcmp(address, "other:1") == 0 ? pair->other_server : pair->server;
    weir_connection *accepted = NULL;
    struct wire *wire;

    pair->connects++;
    if (pair->refuses || server == NULL || accept_on(pair, server, &accepted) != WEIR_OK) {
        weir_connection_eof(client, "connection refused");
        return;
    }
    wire = calloc(1, sizeof *wire);
    wire->next = pair->wires;
    pair->wires = wire;
    attach(wire, CLIENT, client);
    attach(wire, SERVER, accepted);
    weir_connection_open(client, address);
}

static void free_wire(struct pair *pair, struct wire *wire)
{
    struct wire **link = &pair->wires;

    while (*link != wire)
        link = &(*link)->next;
    *link = wire->next;
    for (int side = CLIENT; side <= SERVER; side++) {
        weir_connection *connection = wire->ends[side].connection;

        weir_connection_eof(connection, "cut");
        weir_connection_set_driver(connection, NULL);
        if (weir_connection_done(connection))
            weir_connection_free(connection);
    }
    free(wire);
}

/* ---- the pump ---- */

static size_t piece(struct pair *pair, size_t size)
{
    if (pair->one_byte)
        return 1;
    if (pair->random != 0)
        return 1 + draw(pair) % (size < 20000 ? size : 20000);
    return size;
}

/* Moves one piece to the other end; false when there was nothing to move, or no way to. */
static bool move(struct pair *pair, struct end *end)
{
    weir_connection *to = end->wire->ends[!end->side].connection;
    weir_slice slices[SLICES];
    size_t size;

    if (!end->pending || pair->held[end->side] || !weir_connection_wants_input(to))
        return false;
    if (pair->random != 0 && draw(pair) % 4 == 0)
        return true;
    if (weir_connection_output(end->connection, slices, SLICES) == 0) {
        end->pending = false;
        return false;
    }
    size = piece(pair, slices[0].size);
    (void)!weir_connection_input(to, slices[0].data, size);
    weir_connection_output_done(end->connection, size);
    pair->sent[end->side] += size;
    return true;
}

/* A client's connection that was never made has no wire: it is freed when it is done. */
static void take_names(struct pair *pair)
{
    weir_connection *connection;

    while ((connection = weir_loop_next(pair->loop)) != NULL) {
        struct end *end = weir_connection_driver(connection);

        if (end != NULL)
            end->pending = true;
        else if (weir_connection_done(connection))
            weir_connection_free(connection);
    }
}

bool pair_step(struct pair *pair)
{
    struct wire *wire, *next;
    bool moved = false;

    weir_loop_turn(pair->loop, now);
    take_names(pair);
    for (wire = pair->wires; wire != NULL; wire = next) {
        next = wire->next;
        moved |= move(pair, &wire->ends[CLIENT]);
        moved |= move(pair, &wire->ends[SERVER]);
        if (weir_connection_done(wire->ends[CLIENT].connection) ||
            weir_connection_done(wire->ends[SERVER].connection)) {
            free_wire(pair, wire);
            moved = true;
        }
    }
    return moved || weir_loop_wakeup(pair->loop) <= now;
}

void pair_settle(struct pair *pair)
{
    for (unsigned rounds = 0; pair_step(pair); rounds++)
        assert_true(rounds < MAX_ROUNDS);
}

static void on_notify(void *self)
{
    struct pair *pair = self;

    sem_post(&pair->woken);
}

void pair_wait(struct pair *pair)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    assert_int_equal(sem_timedwait(&pair->woken, &until), 0);
}

void pair_advance(struct pair *pair, uint64_t ns)
{
    uint64_t until = now + ns;

    pair_settle(pair);
    while (weir_loop_wakeup(pair->loop) <= until) {
        now = weir_loop_wakeup(pair->loop);
        pair_settle(pair);
    }
    now = until;
    pair_settle(pair);
}

void pair_cut(struct pair *pair)
{
    while (pair->wires != NULL)
        free_wire(pair, pair->wires);
}

unsigned pair_wire_count(const struct pair *pair)
{
    unsigned count = 0;

    for (const struct wire *wire = pair->wires; wire != NULL; wire = wire->next)
        count++;
    return count;
}

weir_connection *pair_connection(const struct pair *pair, enum side side)
{
    return pair->wires != NULL ? pair->wires->ends[side].connection : NULL;
}

/* ---- life ---- */

struct pair *pair_create(const weir_server_options *server, const weir_channel_options *channel)
{
    struct pair *pair = calloc(1, sizeof *pair);
    weir_server_options server_options = {0};
    weir_channel_options channel_options = {0};
    weir_loop_options loop = {on_notify, pair, &pair->transport, {0}};

    sem_init(&pair->woken, 0, 0);
    if (server != NULL)
        server_options = *server;
    if (channel != NULL)
        channel_options = *channel;
    pair->transport = (weir_transport){on_connect, pair};
    assert_int_equal(weir_loop_create(&loop, &pair->loop, NULL), WEIR_OK);
    server_options.loop = channel_options.loop = pair->loop;
    assert_int_equal(weir_server_create(&server_options, &pair->server, NULL), WEIR_OK);
    service_add(&pair->service, pair->server);
    assert_int_equal(weir_channel_create("server:1", &channel_options, &pair->channel, NULL),
                     WEIR_OK);
    return pair;
}

void pair_drop_channel(struct pair *pair)
{
    weir_channel_unref(pair->channel);
    pair->channel = NULL;
}

void pair_free(struct pair *pair)
{
    pair->held[CLIENT] = pair->held[SERVER] = false;
    service_clear(&pair->service);
    pair_drop_channel(pair);
    pair_settle(pair);
    pair_cut(pair);
    weir_server_free(pair->server);
    weir_server_free(pair->other_server);
    pair_settle(pair);
    pair_cut(pair);
    weir_loop_free(pair->loop);
    sem_destroy(&pair->woken);
    free(pair);
}

static int setup(void **state, bool one_byte)
{
    struct pair *pair;

    now = WEIR_SECONDS(1000);
    memory_install();
    pair = pair_create(NULL, NULL);
    pair->one_byte = one_byte;
    *state = pair;
    return 0;
}

int pair_setup_whole(void **state)
{
    return setup(state, false);
}

int pair_setup_bytes(void **state)
{
    return setup(state, true);
}

int pair_teardown(void **state)
{
    pair_free(*state);
    return memory_held() != 0;
}

/* ---- calls ---- */

void pair_make(struct pair *pair, struct reader *reader, weir_call *call, weir_stream requests)
{
    reader_init(reader, weir_channel_call(pair->channel, call, requests), call);
    weir_call_unref(call);
}

void pair_call(struct pair *pair, struct reader *reader, const char *method, weir_stream requests)
{
    pair_make(pair, reader, weir_call_create(method), requests);
}

struct source *pair_source(struct pair *pair, struct source source)
{
    assert_true(pair->source_count < COUNT_OF(pair->sources));
    pair->sources[pair->source_count] = source;
    return &pair->sources[pair->source_count++];
}

weir_stream text(const char *message)
{
    return weir_stream_once(weir_bytes_copy_string(message));
}

uint64_t pair_read(struct pair *pair, struct reader *reader, size_t size)
{
    uint64_t before = reader->messages;

    do
        pair_settle(pair);
    while (reader_drain(reader, size) != 0);
    return reader->messages - before;
}
