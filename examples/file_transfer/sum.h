/* SPDX-License-Identifier: MIT */
/*
 * sum.h - SHA-256 of data that comes in pieces.
 */
#ifndef SUM_H
#define SUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SUM_SIZE = 32 };

struct sum;

/* NULL: out of memory. */
struct sum *sum_create(void);
bool sum_add(struct sum *sum, const void *data, size_t size);
bool sum_finish(struct sum *sum, uint8_t out[SUM_SIZE]);
void sum_free(struct sum *sum);

/* Whether `data` is the sum of what was added. Nothing may be added after that. */
bool sum_is(struct sum *sum, const uint8_t *data, size_t size);

#endif
