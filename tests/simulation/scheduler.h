/* SPDX-License-Identifier: MIT */
/*
 * scheduler.h - the clock, and who acts next.
 *
 * An actor is somebody who may do something: a loop that has to be turned, a way of a wire that has
 * bytes, a reader that was woken. At each step one of those that are ready acts, at random. The
 * clock stands still as long as anybody is ready, and then goes to the next time that somebody
 * waits for. When nobody does, the system is quiet.
 */
#ifndef SIMULATION_SCHEDULER_H
#define SIMULATION_SCHEDULER_H

#include "simulation/dice.h"

struct actor {
    void (*act)(struct actor *actor);
    uint64_t wake_at; /* WEIR_NEVER: it waits for no time */
    int ready_index;  /* -1: it is not ready */
    int timed_index;  /* -1: it waits for no time */
};

#define ACTOR_OF(actor, type, member) ((type *)((char *)(actor)-offsetof(type, member)))

/* The time now. */
extern uint64_t now;

/* All that could happen before this time has happened. */
extern uint64_t settled;

void scheduler_start(uint64_t seed);

void actor_init(struct actor *actor, void (*act)(struct actor *actor));
void actor_ready(struct actor *actor);

/* Ready at that time, or earlier if somebody makes it ready. Replaces the time before. */
void actor_wake_at(struct actor *actor, uint64_t ns);

/* Neither ready nor waiting: it can be freed. */
void actor_stop(struct actor *actor);

/* Lets one act; false: quiet. */
bool scheduler_step(void);

/* The clock jumps; who waited for a time in between is late. */
void scheduler_jump(uint64_t ns);

#endif
