/* SPDX-License-Identifier: MIT */
/*
 * dice.h - the one source of chance: everything in a run follows from its seed.
 *
 * Each part of a run (a call, a fault, the schedule) has dice of its own, made of the seed and what
 * they are for. So a call that is left out changes nothing in what the others are.
 */
#ifndef SIMULATION_DICE_H
#define SIMULATION_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

static inline uint64_t dice_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static inline uint64_t dice_roll(struct dice *dice)
{
    dice->state += UINT64_C(0x9e3779b97f4a7c15);
    return dice_mix(dice->state);
}

/* What the dice are for. */
enum dice_use { DICE_SCHEDULE, DICE_WORLD, DICE_CALL, DICE_FAULT, DICE_WIRE, DICE_PACE };

static inline struct dice dice_make(uint64_t seed, enum dice_use use, uint64_t index)
{
    return (struct dice){dice_mix(seed ^ dice_mix(((uint64_t)use << 32) + index + 1))};
}

/* 0 .. count - 1 */
static inline uint32_t dice_below(struct dice *dice, uint32_t count)
{
    return (uint32_t)(((dice_roll(dice) >> 32) * count) >> 32);
}

static inline uint32_t dice_between(struct dice *dice, uint32_t low, uint32_t high)
{
    return low + dice_below(dice, high - low + 1);
}

/* True so often in a thousand. */
static inline bool dice_chance(struct dice *dice, uint32_t permille)
{
    return dice_below(dice, 1000) < permille;
}

/* 1 .. max, each power of two as likely as the next. */
static inline uint32_t dice_scale(struct dice *dice, uint32_t max)
{
    uint32_t bits = 0;

    while (bits < 31 && (UINT32_C(1) << bits) < max)
        bits++;
    bits = dice_below(dice, bits + 1);
    return 1 + dice_below(dice, (UINT32_C(1) << bits) < max ? UINT32_C(1) << bits : max);
}

#endif
