/* SPDX-License-Identifier: MIT */
/*
 * wire.c - TCP connections of a bad network.
 *
 * Within one way nothing is reordered and nothing lost but its tail, as TCP has it. An end that
 * closes leaves what it sent on the road, and behind it the end of the file.
 */
#include "simulation/wire.h"

#include "simulation/counts.h"
#include "simulation/must.h"
#include "simulation/talk.h"

#include <stdlib.h>
#include <string.h>

enum { SLICES = 8, ROOM_MAX = 65536 };

static struct end *receiver(struct wire *wire, enum side from)
{
    return &wire->ends[!from];
}

void network_touch(struct end *end)
{
    actor_ready(&end->loop->actor);
    actor_ready(&end->writer);
}

struct end *network_end(weir_connection *connection)
{
    return weir_connection_driver(connection);
}

/* ---- ends ---- */

static void free_wire(struct wire *wire)
{
    list_remove(&wire->link);
    for (int side = CLIENT; side <= SERVER; side++) {
        actor_stop(&wire->ends[side].writer);
        actor_stop(&wire->ways[side].carrier);
        free(wire->ways[side].bytes);
    }
    actor_stop(&wire->connector);
    actor_stop(&wire->reaper);
    if (wire->troubled && wire->route != NULL)
        wire->route->troubled_wires--;
    if (wire->serving != NULL)
        serving_leave(wire->serving);
    network.wire_count--;
    free(wire);
}

static void close_way(struct way *way)
{
    way->closed = true;
    actor_ready(&way->carrier);
}

/* The connection is done, or, where this ended before its server's hello, gets another wire. */
static void let_go(struct end *end)
{
    struct wire *wire = end->wire;
    weir_connection *connection = end->connection;

    end->connection = NULL;
    wire->ways[!end->side].size = 0;
    weir_connection_set_driver(connection, NULL);
    weir_connection_eof(connection, "closed");
    if (weir_connection_done(connection))
        weir_connection_free(connection);
    actor_ready(&end->loop->actor);
    close_way(&wire->ways[end->side]);
    if (wire->ends[!end->side].connection == NULL)
        free_wire(wire);
}

static void close_end(struct end *end)
{
    weir_slice slice;

    MUST(weir_connection_output(end->connection, &slice, 1) == 0,
         "output of a connection that is done");
    let_go(end);
}

static void end_of_file(struct end *end)
{
    weir_connection_eof(end->connection, "cut");
    if (weir_connection_done(end->connection))
        network_touch(end);
    else
        let_go(end);
}

void wire_look(weir_connection *connection)
{
    struct end *end = network_end(connection);

    if (end == NULL) {
        if (weir_connection_done(connection))
            weir_connection_free(connection);
        return;
    }
    if (weir_connection_done(connection)) {
        close_end(end);
        return;
    }
    actor_ready(&end->writer);
    if (end->wire->ways[!end->side].blocked) {
        end->wire->ways[!end->side].blocked = false;
        actor_ready(&end->wire->ways[!end->side].carrier);
    }
}

/* ---- writing ---- */

static void put(struct wire *wire, struct way *way, const uint8_t *data, size_t size)
{
    size_t at = (way->first + way->size) & (wire->room - 1);
    size_t ahead = wire->room - at < size ? wire->room - at : size;

    if (way->size == 0)
        way->sent_turn = ++network.sends;
    memcpy(way->bytes + at, data, ahead);
    memcpy(way->bytes, data + ahead, size - ahead);
    way->size += size;
}

/* How much of it the socket takes at once. */
static size_t portion(struct wire *wire, size_t size, size_t room)
{
    size_t most = size < room ? size : room;

    if (!network.rough || !dice_chance(&wire->dice, 250))
        return most;
    return dice_scale(&wire->dice, (uint32_t)most);
}

static size_t write_slices(struct end *end, const weir_slice *slices, size_t count)
{
    struct wire *wire = end->wire;
    struct way *way = &wire->ways[end->side];
    size_t written = 0;

    for (size_t i = 0; i < count && way->size < wire->room; i++) {
        size_t size = portion(wire, slices[i].size, wire->room - way->size);

        if (!way->lost)
            put(wire, way, slices[i].data, size);
        written += size;
        if (size < slices[i].size)
            break;
    }
    return written;
}

static void delay(struct wire *wire, struct way *way)
{
    uint64_t ns;

    if (!network.rough || way->open_at > now || !dice_chance(&wire->dice, 50))
        return;
    ns = WEIR_MICROSECONDS(dice_scale(&wire->dice, 20000));
    way->open_at = now + ns;
    count(COUNT_DELAY);
}

static void write_output(struct actor *actor)
{
    struct end *end = ACTOR_OF(actor, struct end, writer);
    struct wire *wire = end->wire;
    struct way *way = &wire->ways[end->side];
    weir_slice slices[SLICES];
    size_t slice_count, size;

    if (end->connection == NULL || !wire->open)
        return;
    if (way->size == wire->room) {
        count(COUNT_FULL);
        return;
    }
    slice_count = weir_connection_output(end->connection, slices, SLICES);
    actor_ready(&end->loop->actor);
    if (slice_count == 0) {
        if (weir_connection_done(end->connection))
            close_end(end);
        return;
    }
    /* What is written to an end that is closed is gone; the end of the file is on its way. */
    if (receiver(wire, end->side)->connection == NULL)
        way->lost = true;
    size = write_slices(end, slices, slice_count);
    weir_connection_output_done(end->connection, size);
    count_more(COUNT_BYTES, size);
    delay(wire, way);
    actor_ready(&way->carrier);
    actor_ready(&end->writer);
}

/* ---- reading ---- */

/* A piece of what is there and lies in a row. */
static size_t piece(struct wire *wire, const struct way *way)
{
    size_t ahead = wire->room - way->first;
    size_t size = way->size < ahead ? way->size : ahead;

    if (!network.rough || !dice_chance(&wire->dice, 150))
        return size;
    count(COUNT_SPLIT);
    return dice_scale(&wire->dice, (uint32_t)size);
}

static void note_order(const struct way *way)
{
    static uint64_t newest;

    if (way->sent_turn < newest)
        count(COUNT_REORDER);
    newest = way->sent_turn;
}

static void deliver(struct way *way, struct end *to)
{
    size_t size = piece(to->wire, way);

    note_order(way);
    (void)!weir_connection_input(to->connection, way->bytes + way->first, size);
    way->first = (way->first + size) & (to->wire->room - 1);
    way->size -= size;
    network_touch(to);
    actor_ready(&to->wire->ends[!to->side].writer);
    actor_ready(&way->carrier);
}

static void carry(struct actor *actor, enum side from)
{
    struct wire *wire = from == CLIENT ? ACTOR_OF(actor, struct wire, ways[CLIENT].carrier)
                                       : ACTOR_OF(actor, struct wire, ways[SERVER].carrier);
    struct way *way = &wire->ways[from];
    struct end *to = receiver(wire, from);

    /* Of one that is half-open nothing arrives, not even its end. */
    if (to->connection == NULL || !wire->open || (way->lost && wire->reaper.timed_index >= 0))
        return;
    if (now < way->open_at)
        actor_wake_at(actor, way->open_at);
    else if (way->size == 0 && way->closed)
        end_of_file(to);
    else if (way->size != 0 && weir_connection_wants_input(to->connection))
        deliver(way, to);
    else
        way->blocked = way->size != 0;
}

static void carry_from_client(struct actor *actor)
{
    carry(actor, CLIENT);
}

static void carry_from_server(struct actor *actor)
{
    carry(actor, SERVER);
}

/* ---- connecting ---- */

static void attach(struct end *end, weir_connection *connection, struct sim_loop *loop)
{
    end->connection = connection;
    end->loop = loop;
    weir_connection_set_driver(connection, end);
}

static void refuse(struct wire *wire)
{
    struct end *client = &wire->ends[CLIENT];
    weir_connection *connection = client->connection;

    count(COUNT_REFUSED);
    wire_trouble(wire);
    client->connection = NULL;
    weir_connection_set_driver(connection, NULL);
    weir_connection_eof(connection, "connection refused");
    actor_ready(&client->loop->actor);
    free_wire(wire);
}

static bool accept_wire(struct wire *wire)
{
    struct sim_loop *loop = &network.loops[dice_below(&wire->dice, network.loop_count)];
    weir_connection *accepted = NULL;

    if (wire->host->refuses_until > now ||
        weir_server_accept(wire->host->serving->server, loop->loop, "client:1", &accepted, NULL) !=
            WEIR_OK)
        return false;
    wire->serving = wire->host->serving;
    wire->serving->wires++;
    attach(&wire->ends[SERVER], accepted, loop);
    return true;
}

static void connect_wire(struct actor *actor)
{
    struct wire *wire = ACTOR_OF(actor, struct wire, connector);

    if (!accept_wire(wire)) {
        refuse(wire);
        return;
    }
    wire->open = true;
    weir_connection_open(wire->ends[CLIENT].connection, wire->host->address);
    network_touch(&wire->ends[CLIENT]);
    network_touch(&wire->ends[SERVER]);
}

static void reap(struct actor *actor)
{
    wire_cut(ACTOR_OF(actor, struct wire, reaper));
}

static void init_ends(struct wire *wire)
{
    for (int side = CLIENT; side <= SERVER; side++) {
        wire->ends[side].wire = wire;
        wire->ends[side].side = side;
        actor_init(&wire->ends[side].writer, write_output);
        wire->ways[side].bytes = malloc(wire->room);
    }
    actor_init(&wire->ways[CLIENT].carrier, carry_from_client);
    actor_init(&wire->ways[SERVER].carrier, carry_from_server);
}

void wire_connect(struct sim_loop *loop, weir_connection *client, struct route *route,
                  struct host *host)
{
    struct wire *wire = calloc(1, sizeof *wire);

    wire->dice = (struct dice){dice_roll(&network.dice)};
    wire->room = (size_t)ROOM_MAX >> (network.rough ? 2 * dice_below(&wire->dice, 4) : 0);
    wire->route = route;
    wire->host = host;
    init_ends(wire);
    actor_init(&wire->connector, connect_wire);
    actor_init(&wire->reaper, reap);
    list_append(&network.wires, &wire->link);
    network.wire_count++;
    attach(&wire->ends[CLIENT], client, loop);
    if (network.rough && dice_chance(&wire->dice, 300))
        actor_wake_at(&wire->connector, now + WEIR_MICROSECONDS(dice_scale(&wire->dice, 50000)));
    else
        actor_ready(&wire->connector);
}

/* ---- faults ---- */

void wire_trouble(struct wire *wire)
{
    if (!wire->troubled && wire->route != NULL)
        wire->route->troubled_wires++;
    wire->troubled = true;
    if (wire->route != NULL)
        talks_trouble(wire->route);
}

static void lose(struct wire *wire, struct way *way)
{
    way->lost = true;
    way->size = 0;
    way->open_at = now + WEIR_MICROSECONDS(dice_below(&wire->dice, 2000));
    close_way(way);
}

void wire_cut(struct wire *wire)
{
    if (!wire->open)
        return;
    wire_trouble(wire);
    lose(wire, &wire->ways[CLIENT]);
    lose(wire, &wire->ways[SERVER]);
}

void wire_half_open(struct wire *wire, enum side side, uint64_t ns)
{
    wire_trouble(wire);
    wire->ways[side].lost = true;
    wire->ways[side].size = 0;
    actor_wake_at(&wire->reaper, now + ns);
}

void wire_stall(struct wire *wire, enum side side, uint64_t ns)
{
    wire->ways[side].open_at = now + ns;
}
