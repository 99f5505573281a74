/* SPDX-License-Identifier: MIT */
/*
 * run.h - one run: a network, calls and faults, all from one seed.
 */
#ifndef SIMULATION_RUN_H
#define SIMULATION_RUN_H

#include "simulation/plan.h"

/* Runs it; what must not be ends the process. */
void run(uint64_t seed, const struct cuts *cuts);

#endif
