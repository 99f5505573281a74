/* SPDX-License-Identifier: MIT */
/*
 * faults.c - what is done to a run.
 */
#include "simulation/faults.h"

#include "simulation/allocator.h"
#include "simulation/counts.h"
#include "simulation/network.h"
#include "simulation/talk.h"

#include "conn/connection.h"

#include <inttypes.h>

enum { FAULTS_MAX = 64 };

static struct {
    uint64_t seed;
    uint64_t kept; /* a bit for each */
    unsigned made, most;
    uint32_t kinds; /* a bit for each that this run has */
    uint32_t every; /* steps between two of them, at most */
    uint32_t wait;
    uint64_t failures;
} plan;

/* Places in the table of kinds, below. */
enum { REFUSE = 3, JUMP = 10, RUN_SHORT = 11 };

static bool has(unsigned kind)
{
    return (plan.kinds & (1u << kind)) != 0;
}

bool faults_may_jump(void)
{
    return has(JUMP);
}

/* ---- to whom ---- */

static struct wire *some_wire(struct dice *dice)
{
    uint32_t index;
    struct list *link = &network.wires;

    if (network.wire_count == 0)
        return NULL;
    index = dice_below(dice, network.wire_count);
    do
        link = link->next;
    while (index-- != 0);
    return LIST_MEMBER(link, struct wire, link);
}

static struct wire *some_open_wire(struct dice *dice)
{
    struct wire *wire = some_wire(dice);

    return wire != NULL && wire->open ? wire : NULL;
}

static struct talk *some_talk(struct dice *dice)
{
    unsigned first = dice_below(dice, talk_count);

    for (unsigned i = 0; i < talk_count; i++) {
        struct talk *talk = &talks[(first + i) % talk_count];

        if (talk_is_live(talk))
            return talk;
    }
    return NULL;
}

/* ---- wires ---- */

static void cut(struct dice *dice)
{
    struct wire *wire = some_open_wire(dice);

    if (wire == NULL)
        return;
    count(COUNT_CUT);
    wire_cut(wire);
}

static void half_open(struct dice *dice)
{
    struct wire *wire = some_open_wire(dice);

    if (wire == NULL)
        return;
    count(COUNT_HALF_OPEN);
    wire_half_open(wire, (enum side)dice_below(dice, 2),
                   WEIR_MILLISECONDS(dice_scale(dice, 60000)));
}

static void stall(struct dice *dice)
{
    struct wire *wire = some_open_wire(dice);

    if (wire == NULL)
        return;
    count(COUNT_STALL);
    wire_stall(wire, (enum side)dice_below(dice, 2), WEIR_MILLISECONDS(dice_scale(dice, 3000)));
}

static void refuse(struct dice *dice)
{
    struct host *host = &network.hosts[dice_below(dice, network.host_count)];

    host->refuses_until = now + WEIR_MILLISECONDS(dice_scale(dice, 3000));
    cut(dice);
}

/* ---- connections, servers, channels ---- */

/* One that never ends takes nothing from any call; but clients must hear of it in five seconds. */
static uint64_t draw_grace(struct dice *dice)
{
    return dice_chance(dice, 500) && !has(JUMP) ? WEIR_NEVER
                                                : WEIR_MICROSECONDS(dice_scale(dice, 1000000));
}

static void say_goaway(struct dice *dice)
{
    struct wire *wire = some_open_wire(dice);
    enum side side = (enum side)dice_below(dice, 2);
    uint64_t grace;

    if (wire == NULL || wire->ends[side].connection == NULL)
        return;
    count(side == CLIENT ? COUNT_GOAWAY_CLIENT : COUNT_GOAWAY_SERVER);
    grace = draw_grace(dice);
    if (grace != WEIR_NEVER)
        wire_trouble(wire);
    weir_connection_shutdown(wire->ends[side].connection, grace);
    network_touch(&wire->ends[side]);
}

static void shut_server_down(struct dice *dice)
{
    struct host *host = &network.hosts[dice_below(dice, network.host_count)];

    count(COUNT_SHUTDOWN);
    host_shutdown(host, draw_grace(dice));
}

/* Not one that a proxy forwards to: its server has that one for good. */
static void drop_channel(struct dice *dice)
{
    unsigned proxies = network.host_count - network.first_proxy;

    count(COUNT_CHANNEL_DROP);
    route_drop(&network.routes[dice_between(dice, proxies, network.route_count - 1)]);
}

static struct exchange *some_exchange(struct dice *dice, const weir_connection *connection)
{
    const struct list *link = &connection->exchanges;
    uint32_t index;

    if (connection->exchange_count == 0)
        return NULL;
    index = dice_below(dice, (uint32_t)connection->exchange_count);
    do
        link = link->next;
    while (index-- != 0);
    return LIST_MEMBER(link, struct exchange, link);
}

/* The stream takes nothing any more, neither trailers that are on their way nor the reset behind
 * them, and the connection may be closed before the reset has left. */
static void may_be_reset(struct talk *talk, uint32_t error)
{
    talk_may_end_with(talk, http2_error_status(error));
    talk_may_end_with(talk, WEIR_CANCELLED);
    talk_may_end_with(talk, WEIR_INTERNAL);
    talk_may_end_with(talk, WEIR_UNAVAILABLE);
}

/* As a peer does that wants no more of it: the call hears of it as of a reset by the other side. */
static void reset_stream(struct dice *dice)
{
    static const uint32_t errors[] = {
        HTTP2_NO_ERROR,      HTTP2_INTERNAL_ERROR,    HTTP2_REFUSED_STREAM,     HTTP2_CANCEL,
        HTTP2_STREAM_CLOSED, HTTP2_ENHANCE_YOUR_CALM, HTTP2_INADEQUATE_SECURITY};
    uint32_t error = errors[dice_below(dice, 7)];
    struct wire *wire = some_open_wire(dice);
    enum side side = (enum side)dice_below(dice, 2);
    struct exchange *e;

    if (wire == NULL || wire->ends[side].connection == NULL)
        return;
    e = some_exchange(dice, wire->ends[side].connection);
    /* Of a request that has not left nghttp2 would send two resets, this one and the call's own. */
    if (e == NULL || e->id == 0 || e->call->method[0] == '\0' ||
        !talk_of_method(e->call->method)->served)
        return;
    count(side == CLIENT ? COUNT_RESET_CLIENT : COUNT_RESET_SERVER);
    if (talks_told != NULL)
        fprintf(talks_told, "  call %u by the %s: %s\n", talk_of_method(e->call->method)->id,
                side == CLIENT ? "client" : "server", http2_error_name(error));
    may_be_reset(talk_of_method(e->call->method), error);
    http2_reset(wire->ends[side].connection->session, e->id, error);
    network_touch(&wire->ends[side]);
}

/* ---- calls ---- */

static void cancel(struct dice *dice)
{
    struct talk *talk = some_talk(dice);
    bool client = dice_chance(dice, 500);
    weir_call *call;

    if (talk == NULL)
        return;
    call = client ? talk->call : talk->server_call;
    if (call == NULL)
        return;
    count(client ? COUNT_CANCEL_CLIENT : COUNT_CANCEL_SERVER);
    talk_may_end_with(talk, WEIR_CANCELLED);
    weir_call_cancel(call);
}

static void release(struct dice *dice)
{
    struct talk *talk = some_talk(dice);

    if (talk == NULL)
        return;
    reader_release(dice_chance(dice, 700) || talk->server.pipe != NULL ? &talk->client
                                                                       : &talk->server);
}

/* ---- the machine ---- */

static void jump(struct dice *dice)
{
    uint64_t ns = WEIR_MILLISECONDS(dice_scale(dice, 100000));

    count(COUNT_JUMP);
    talks_jumped(ns);
    scheduler_jump(ns);
}

static void run_short(struct dice *dice)
{
    allocator_run_short(dice_roll(dice), dice_scale(dice, 300), dice_scale(dice, 20));
}

/* A wake is a hint and may come for nothing. */
static void wake_for_nothing(struct dice *dice)
{
    struct talk *talk = some_talk(dice);

    if (talk == NULL)
        return;
    count(COUNT_SPURIOUS);
    actor_ready(&talk->client.actor);
    for (unsigned i = 0; i < network.loop_count; i++)
        actor_ready(&network.loops[i].actor);
}

static const struct {
    void (*inflict)(struct dice *dice);
    const char *name;
} kinds[] = {
    {cut, "cut"},
    {half_open, "half-open"},
    {stall, "stall"},
    {refuse, "refuse"},
    {say_goaway, "shut a connection down"},
    {shut_server_down, "shut a server down"},
    {drop_channel, "drop a channel"},
    {reset_stream, "reset a stream"},
    {cancel, "cancel"},
    {release, "release"},
    {jump, "jump"},
    {run_short, "run short of memory"},
    {wake_for_nothing, "wake for nothing"},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

/* ---- when ---- */

void faults_start(uint64_t seed, const struct cuts *cuts)
{
    struct dice dice = dice_make(seed, DICE_WORLD, 2);

    plan.seed = seed;
    plan.kept = cuts->faults;
    plan.made = 0;
    plan.kinds = (uint32_t)dice_roll(&dice) & (uint32_t)dice_roll(&dice);
    /* Memory that runs out excuses much, and so does a host that refuses. */
    if (!dice_chance(&dice, 150))
        plan.kinds &= ~(1u << RUN_SHORT);
    if (!dice_chance(&dice, 300))
        plan.kinds &= ~(1u << REFUSE);
    plan.most = dice_chance(&dice, 250) || (plan.kinds & ((1u << KINDS) - 1)) == 0
                    ? 0
                    : dice_scale(&dice, FAULTS_MAX);
    plan.every = 200 + dice_scale(&dice, 4000);
    plan.wait = dice_below(&dice, plan.every);
    plan.failures = allocator_failures();
    allocator_run_short(0, 0, 0);
}

static void inject(void)
{
    struct dice dice = dice_make(plan.seed, DICE_FAULT, plan.made + 1);
    unsigned kind;

    do
        kind = dice_below(&dice, KINDS);
    while (!has(kind));
    plan.wait = dice_below(&dice, plan.every);
    if ((plan.kept & (UINT64_C(1) << plan.made)) != 0) {
        if (talks_told != NULL)
            fprintf(talks_told, "%" PRIu64 " ns: %s\n", now, kinds[kind].name);
        kinds[kind].inflict(&dice);
    }
    plan.made++;
}

static void notice_failures(void)
{
    const struct list *link;

    plan.failures = allocator_failures();
    talks_run_short();
    for (link = network.wires.next; link != &network.wires; link = link->next)
        wire_trouble(LIST_MEMBER(link, struct wire, link));
}

void faults_notice(void)
{
    if (allocator_failures() != plan.failures)
        notice_failures();
}

void faults_step(void)
{
    faults_notice();
    if (plan.made >= plan.most)
        return;
    if (plan.wait != 0)
        plan.wait--;
    else
        inject();
}

void faults_stop(void)
{
    plan.most = 0;
    allocator_run_short(0, 0, 0);
}
