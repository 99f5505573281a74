/* SPDX-License-Identifier: MIT */
/*
 * run.c - one run, from its start until nothing of it is left.
 */
#include "simulation/run.h"

#include "simulation/allocator.h"
#include "simulation/counts.h"
#include "simulation/faults.h"
#include "simulation/must.h"
#include "simulation/talk.h"

#include "conn/connection.h"

#include <string.h>

/* More steps than this are a system that never comes to rest. */
enum { STEPS_MAX = 5000000 };

/* What may be held: for the library at rest, for a connection, for both ends of a call beside its
 * messages. */
enum { LOOP_HOLDS = 2 << 20, CONNECTION_HOLDS = 260000, CALL_HOLDS = 24000 };

static uint64_t call_may_hold(const struct talk *talk)
{
    const struct plan *plan = &talk->plan;
    uint64_t size = plan->requests.max_size > plan->responses.max_size ? plan->requests.max_size
                                                                       : plan->responses.max_size;
    uint64_t hops = talk->route->host->via != NULL ? 2 : 1;

    /* A chunk may be half empty. */
    return hops * (CALL_HOLDS + 4 * (network.window + 2 * size)) + 2 * plan->pipe.max_bytes +
           2 * size + stages_hold(&plan->client_out, (uint32_t)size) +
           stages_hold(&plan->server, (uint32_t)size) +
           stages_hold(&plan->client_in, (uint32_t)size);
}

static void check_held(void)
{
    uint64_t limit = network.loop_count * (uint64_t)LOOP_HOLDS +
                     2 * network.wire_count * (uint64_t)CONNECTION_HOLDS;

    for (unsigned i = 0; i < talk_count; i++) {
        if (talks[i].started)
            limit += call_may_hold(&talks[i]);
    }
    MUST(allocator_held() <= limit, "%zu bytes are held, %llu may be", allocator_held(),
         (unsigned long long)limit);
}

/* A call that is over has no owner: nothing of it may be left on a connection. */
static void check_idle(void)
{
    const struct list *link;

    for (link = network.wires.next; link != &network.wires; link = link->next) {
        const struct wire *wire = LIST_MEMBER(link, struct wire, link);

        for (int side = CLIENT; side <= SERVER; side++) {
            const weir_connection *connection = wire->ends[side].connection;

            MUST(connection == NULL || connection->exchange_count == 0,
                 "%zu calls are left on a connection", connection->exchange_count);
        }
    }
}

/* A loop that sleeps with something to do was not told of it. */
static void check_loops_sleep(void)
{
    for (unsigned i = 0; i < network.loop_count; i++)
        MUST(weir_loop_wakeup(network.loops[i].loop) == WEIR_NEVER, "a loop was not notified");
}

static unsigned a_live_talk(void)
{
    unsigned i = 0;

    while (i < talk_count && talks[i].over)
        i++;
    return i;
}

static void run_until_quiet(void)
{
    uint64_t checked = 0;

    for (unsigned steps = 0; scheduler_step(); steps++) {
        MUST(steps < STEPS_MAX, "it never comes to rest, and call %u has not ended", a_live_talk());
        faults_step();
        if (settled != checked) {
            checked = settled;
            check_held();
            if (talks_are_over())
                faults_stop();
        }
    }
    check_loops_sleep();
}

void run(uint64_t seed, const struct cuts *cuts)
{
    size_t before = allocator_held();

    count(COUNT_RUNS);
    scheduler_start(seed);
    faults_start(seed, cuts);
    network_start(seed);
    talks_start(seed, cuts);
    run_until_quiet();
    faults_stop();
    talks_check_end();
    check_idle();
    network_stop();
    run_until_quiet();
    talks_clear();
    network_free();
    MUST(allocator_held() == before, "%zu bytes were not given back", allocator_held() - before);
}
