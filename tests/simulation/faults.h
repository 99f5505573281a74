/* SPDX-License-Identifier: MIT */
/*
 * faults.h - what is done to a run, and when.
 *
 * A run has some kinds of faults or none. They come between steps, each with dice of its own, and
 * say what they may have done to whom.
 */
#ifndef SIMULATION_FAULTS_H
#define SIMULATION_FAULTS_H

#include "simulation/plan.h"

void faults_start(uint64_t seed, const struct cuts *cuts);

/* Whether the clock will jump. Where it does not, what goes by the clock takes nothing from
 * calls. */
bool faults_may_jump(void);

/* After each step. */
void faults_step(void);

/* Whether an allocation failed since it was last asked: then much may happen to all calls. */
void faults_notice(void);

/* No more of them. */
void faults_stop(void);

#endif
