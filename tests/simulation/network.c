/* SPDX-License-Identifier: MIT */
/*
 * network.c - loops, servers and channels.
 *
 * Each loop has a driver as <weir/loop.h> asks for: it sleeps until a socket has something, until
 * the loop's own time, or until it is notified, and never looks without a reason.
 */
#include "simulation/wire.h"

#include "simulation/allocator.h"
#include "simulation/counts.h"
#include "simulation/faults.h"
#include "simulation/handlers.h"
#include "simulation/must.h"
#include "simulation/talk.h"

#include "channel/channel.h"
#include "conn/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct network network;

/* ---- loops ---- */

static void turn(struct actor *actor)
{
    struct sim_loop *loop = ACTOR_OF(actor, struct sim_loop, actor);
    weir_connection *connection;
    uint64_t wakeup;

    weir_loop_turn(loop->loop, now);
    while ((connection = weir_loop_next(loop->loop)) != NULL)
        wire_look(connection);
    wakeup = weir_loop_wakeup(loop->loop);
    if (wakeup <= now)
        actor_ready(actor);
    actor_wake_at(actor, wakeup <= now ? WEIR_NEVER : wakeup);
}

static void notified(void *self)
{
    actor_ready(&((struct sim_loop *)self)->actor);
}

static struct route *route_of(const weir_connection *client)
{
    for (unsigned i = 0; i < network.route_count; i++) {
        if (network.routes[i].channel == client->owner.self)
            return &network.routes[i];
    }
    return NULL;
}

static struct host *host_at(const char *address)
{
    for (unsigned i = 0; i < network.host_count; i++) {
        if (strcmp(network.hosts[i].address, address) == 0)
            return &network.hosts[i];
    }
    must_fail(__FILE__, __LINE__, "a channel connects to %s", address);
}

static void on_connect(void *self, weir_connection *connection, const char *address)
{
    wire_connect(self, connection, route_of(connection), host_at(address));
}

static void open_loop(struct sim_loop *loop)
{
    const weir_loop_options options = {notified, loop, &loop->transport, {0}};

    loop->transport = (weir_transport){on_connect, loop};
    actor_init(&loop->actor, turn);
    MUST(weir_loop_create(&options, &loop->loop, NULL) == WEIR_OK, "a loop");
}

/* ---- servers ---- */

static void serve(struct host *host)
{
    /* Pings without end would be a system that never comes to rest. */
    const weir_server_options options = {.loop = network.loops[0].loop,
                                         .max_streams = host->max_streams,
                                         .max_window_size = network.window,
                                         .keepalive_ns = WEIR_NEVER,
                                         .max_connection_idle_ns = host->max_idle_ns,
                                         .memory_limit = host->memory_limit,
                                         .stall_timeout_ns = WEIR_MILLISECONDS(200),
                                         .min_ping_interval_ns = WEIR_NEVER};
    struct serving *serving = calloc(1, sizeof *serving);

    allocator_spare(true);
    MUST(weir_server_create(&options, &serving->server, NULL) == WEIR_OK, "a server");
    if (host->via != NULL)
        MUST(weir_server_handle(serving->server, "*", weir_channel_handler(host->via->channel),
                                NULL) == WEIR_OK,
             "a proxy");
    else
        handlers_add(serving->server);
    allocator_spare(false);
    list_init(&serving->link);
    host->serving = serving;
}

static void count_memory(weir_server *server)
{
    weir_total_usage usage;

    weir_server_usage(server, &usage);
    count_more(COUNT_LIMIT_REFUSED, usage.refused);
    count_more(COUNT_LIMIT_ENDED, usage.ended);
    count_more(COUNT_LIMIT_WAITED, usage.budget_ns / WEIR_MILLISECONDS(1));
}

static void free_serving(struct serving *serving)
{
    count_memory(serving->server);
    list_remove(&serving->link);
    weir_server_free(serving->server);
    free(serving);
}

void serving_leave(struct serving *serving)
{
    if (--serving->wires == 0 && serving->retired)
        free_serving(serving);
}

static void retire(struct host *host, uint64_t grace_ns)
{
    struct serving *serving = host->serving;

    host->serving = NULL;
    serving->retired = true;
    weir_server_shutdown(serving->server, grace_ns);
    list_append(&network.retired, &serving->link);
    if (serving->wires == 0)
        free_serving(serving);
}

static bool reaches(const struct wire *wire, const struct host *host)
{
    return wire->serving != NULL && wire->serving == host->serving;
}

void host_shutdown(struct host *host, uint64_t grace_ns)
{
    struct list *link;

    for (link = network.wires.next; link != &network.wires; link = link->next) {
        struct wire *wire = LIST_MEMBER(link, struct wire, link);

        if (grace_ns != WEIR_NEVER && reaches(wire, host))
            wire_trouble(wire);
    }
    retire(host, grace_ns);
    serve(host);
}

/* ---- channels ---- */

static void open_channel(struct route *route)
{
    /* A jump of the clock would take a server for one that does not say hello. */
    const weir_channel_options options = {.loop = route->loop->loop,
                                          .max_window_size = network.window,
                                          .keepalive_ns = route->keepalive_ns,
                                          .connect_timeout_ns = faults_may_jump() ? WEIR_NEVER : 0,
                                          .memory_limit = route->memory_limit,
                                          .stall_timeout_ns = WEIR_MILLISECONDS(200)};

    allocator_spare(true);
    MUST(weir_channel_create(route->host->address, &options, &route->channel, NULL) == WEIR_OK,
         "a channel");
    allocator_spare(false);
}

void route_drop(struct route *route)
{
    struct list *link;

    for (link = network.wires.next; link != &network.wires; link = link->next) {
        struct wire *wire = LIST_MEMBER(link, struct wire, link);

        if (wire->route == route)
            wire_trouble(wire);
    }
    talks_trouble(route);
    weir_channel_unref(route->channel);
    open_channel(route);
}

/* ---- the whole ---- */

static void lay_out_hosts(struct dice *dice)
{
    static const uint32_t streams[] = {100, 100, 100, 5, 2, 1};

    network.first_proxy = dice_between(dice, 1, 3);
    network.host_count = network.first_proxy + dice_below(dice, 2);
    for (unsigned i = 0; i < network.host_count; i++) {
        struct host *host = &network.hosts[i];

        snprintf(host->address, sizeof host->address, "host%u:1", i);
        host->max_streams = streams[dice_below(dice, 6)];
        /* Long enough for a first call to come over a slow wire: one moves ten times at most. */
        if (!faults_may_jump() && dice_chance(dice, 200))
            host->max_idle_ns = WEIR_MILLISECONDS(200 + dice_scale(dice, 2000));
        if (dice_chance(dice, 200))
            host->memory_limit = (uint64_t)dice_between(dice, 100, 600) * 1024;
    }
}

static struct route *add_route(struct dice *dice, struct host *host)
{
    struct route *route = &network.routes[network.route_count++];

    route->host = host;
    route->loop = &network.loops[dice_below(dice, network.loop_count)];
    if (!faults_may_jump() && dice_chance(dice, 300))
        route->keepalive_ns = WEIR_SECONDS(10);
    if (dice_chance(dice, 100)) /* of a hundred KiB a connection takes 28 */
        route->memory_limit = (uint64_t)dice_between(dice, 30, 300) * 1024;
    open_channel(route);
    return route;
}

/* Routes to each host; a proxy's own come first, since its server needs them. */
static void lay_out_routes(struct dice *dice)
{
    for (unsigned i = network.first_proxy; i < network.host_count; i++)
        network.hosts[i].via =
            add_route(dice, &network.hosts[dice_below(dice, network.first_proxy)]);
    for (unsigned i = 0; i < network.host_count; i++)
        add_route(dice, &network.hosts[i]);
    if (dice_chance(dice, 500))
        add_route(dice, &network.hosts[dice_below(dice, network.host_count)]);
}

void network_start(uint64_t seed)
{
    struct dice dice = dice_make(seed, DICE_WORLD, 0);

    memset(&network, 0, sizeof network);
    list_init(&network.wires);
    list_init(&network.retired);
    network.dice = dice_make(seed, DICE_WIRE, 0);
    network.rough = dice_chance(&dice, 700);
    network.window = dice_chance(&dice, 300) ? 1 << 20 : 65535;
    network.loop_count = dice_between(&dice, 1, LOOPS_MAX);
    for (unsigned i = 0; i < network.loop_count; i++)
        open_loop(&network.loops[i]);
    lay_out_hosts(&dice);
    lay_out_routes(&dice);
    for (unsigned i = 0; i < network.host_count; i++)
        serve(&network.hosts[i]);
}

void network_stop(void)
{
    for (unsigned i = 0; i < network.host_count; i++)
        retire(&network.hosts[i], 0);
    for (unsigned i = 0; i < network.route_count; i++)
        weir_channel_unref(network.routes[i].channel);
}

void network_free(void)
{
    MUST(network.wire_count == 0, "%u connections are left", network.wire_count);
    MUST(list_is_empty(&network.retired), "a server is left");
    for (unsigned i = 0; i < network.loop_count; i++) {
        MUST(network.loops[i].loop->connections == 0, "a loop has connections left");
        actor_stop(&network.loops[i].actor);
        weir_loop_free(network.loops[i].loop);
    }
}
