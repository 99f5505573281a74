/* SPDX-License-Identifier: MIT */
/*
 * blocks.h - memory for OpenSSL, from lists of free blocks: ASan's own costs it half of its time.
 *
 * What is free is poisoned, so that its use is still seen until the block is given out again, and
 * what lives is counted. For one thread.
 */
#ifndef FUZZ_BLOCKS_H
#define FUZZ_BLOCKS_H

#include <stddef.h>

/* For CRYPTO_set_mem_functions. */
void *blocks_alloc(size_t size, const char *file, int line);
void *blocks_resize(void *memory, size_t size, const char *file, int line);
void blocks_free(void *memory, const char *file, int line);

/* Blocks that live. */
size_t blocks_living(void);

#endif
