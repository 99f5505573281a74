/* SPDX-License-Identifier: MIT */
/*
 * allocator.h - the library's memory: counted, and short at times.
 *
 * The harness itself uses malloc, so whatever is held here is the library's.
 */
#ifndef SIMULATION_ALLOCATOR_H
#define SIMULATION_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void allocator_install(void);

/* Bytes that the library holds now. */
size_t allocator_held(void);

/* From now on one allocation in `one_in` fails, `failures` of them at most. 0, 0: none. */
void allocator_run_short(uint64_t seed, unsigned one_in, unsigned failures);

/* What the harness itself asks of the library does not fail: suspends, or ends that. */
void allocator_spare(bool spare);

/* Allocations that failed so far. */
uint64_t allocator_failures(void);

#endif
