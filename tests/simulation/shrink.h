/* SPDX-License-Identifier: MIT */
/*
 * shrink.h - runs seeds in processes of their own, and makes a run that fails smaller.
 */
#ifndef SIMULATION_SHRINK_H
#define SIMULATION_SHRINK_H

#include "simulation/run.h"

extern const struct cuts cuts_nothing;

/* Once, before anything else here: what outlives a process that fails. */
void batch_prepare(void);

/*
 * Runs seeds from `first` on, `runs` of them or, where that is 0, for so many seconds, in a process
 * of their own. False: *failed did not end well, and why is on stdout.
 */
bool batch_run(uint64_t first, uint64_t runs, uint64_t seconds, uint64_t *failed);

/* One run in this process; a failure is said and aborts. */
void batch_replay(uint64_t seed, const struct cuts *cuts);

/* Leaves out calls, faults and messages as long as the run still fails; prints how to replay it. */
void shrink(const char *program, uint64_t seed);

#endif
