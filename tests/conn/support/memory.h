/* SPDX-License-Identifier: MIT */
/*
 * memory.h - an allocator that counts what lives, and that fails when it is told to.
 *
 * It is malloc underneath, so memory from before memory_install may be freed after it. The counts
 * are atomic: tests with threads use it, too.
 */
#ifndef TESTS_CONN_MEMORY_H
#define TESTS_CONN_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Installs it and starts to count; nothing fails. */
void memory_install(void);

/* Bytes that live, and the most since memory_reset_peak. */
size_t memory_held(void);
size_t memory_peak(void);
void memory_reset_peak(void);

/* The `at`-th allocation from now (from 0) fails, once; SIZE_MAX: none. */
void memory_fail_at(size_t at);

/* Whether one failed since then. */
bool memory_failed(void);

#endif
