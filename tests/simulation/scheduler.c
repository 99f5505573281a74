/* SPDX-License-Identifier: MIT */
/*
 * scheduler.c - the clock, and who acts next.
 */
#include "simulation/scheduler.h"

#include "simulation/counts.h"
#include "simulation/must.h"

#include <weir/base.h>

enum { ACTORS_MAX = 4096 };

struct actors {
    struct actor *at[ACTORS_MAX];
    int count;
};

uint64_t now, settled;

static struct actors ready, timed;
static struct dice dice;

void scheduler_start(uint64_t seed)
{
    now = WEIR_SECONDS(1000);
    settled = 0;
    ready.count = timed.count = 0;
    dice = dice_make(seed, DICE_SCHEDULE, 0);
}

void actor_init(struct actor *actor, void (*act)(struct actor *actor))
{
    *actor = (struct actor){act, WEIR_NEVER, -1, -1};
}

static int add(struct actors *actors, struct actor *actor)
{
    MUST(actors->count < ACTORS_MAX, "too many actors");
    actors->at[actors->count] = actor;
    return actors->count++;
}

static void remove_ready(struct actor *actor)
{
    struct actor *last = ready.at[--ready.count];

    ready.at[actor->ready_index] = last;
    last->ready_index = actor->ready_index;
    actor->ready_index = -1;
}

static void remove_timed(struct actor *actor)
{
    struct actor *last = timed.at[--timed.count];

    timed.at[actor->timed_index] = last;
    last->timed_index = actor->timed_index;
    actor->timed_index = -1;
}

void actor_ready(struct actor *actor)
{
    if (actor->ready_index < 0)
        actor->ready_index = add(&ready, actor);
}

void actor_wake_at(struct actor *actor, uint64_t ns)
{
    actor->wake_at = ns;
    if (ns == WEIR_NEVER && actor->timed_index >= 0)
        remove_timed(actor);
    else if (ns != WEIR_NEVER && actor->timed_index < 0)
        actor->timed_index = add(&timed, actor);
}

void actor_stop(struct actor *actor)
{
    actor_wake_at(actor, WEIR_NEVER);
    if (actor->ready_index >= 0)
        remove_ready(actor);
}

static uint64_t next_time(void)
{
    uint64_t next = WEIR_NEVER;

    for (int i = 0; i < timed.count; i++)
        next = timed.at[i]->wake_at < next ? timed.at[i]->wake_at : next;
    return next;
}

static void wake_due(void)
{
    for (int i = timed.count - 1; i >= 0; i--) {
        struct actor *actor = timed.at[i];

        if (actor->wake_at > now)
            continue;
        actor_wake_at(actor, WEIR_NEVER);
        actor_ready(actor);
    }
}

static bool advance(void)
{
    uint64_t next = next_time();

    if (next == WEIR_NEVER)
        return false;
    settled = now;
    if (next > now)
        now = next;
    wake_due();
    return true;
}

bool scheduler_step(void)
{
    struct actor *actor;

    count(COUNT_STEPS);
    if (ready.count == 0)
        return advance();
    actor = ready.at[dice_below(&dice, (uint32_t)ready.count)];
    remove_ready(actor);
    actor->act(actor);
    return true;
}

void scheduler_jump(uint64_t ns)
{
    now += ns;
    wake_due();
}
