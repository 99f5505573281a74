/* SPDX-License-Identifier: MIT */
/*
 * cache.h - blocks of one size that are used again and again.
 *
 * What comes and goes with every call and every frame is given back to malloc and taken again in
 * bursts, which is slow, and large blocks at the end of a heap are even unmapped. A cache keeps a
 * bounded number of them, the warmest first, for one thread: its owner's. Other threads may free
 * blocks of it, and those go to the allocator. A cache lives as long as its last block.
 */
#ifndef BASE_CACHE_H
#define BASE_CACHE_H

#include <stddef.h>

struct cache;

/* Keeps at most `keep` blocks of `size` bytes. NULL when memory is out. */
struct cache *cache_create(size_t size, size_t keep);

/* The calling thread is the owner from now on; the one before it does not use it any more. */
void cache_own(struct cache *cache);

/* No thread is, until the next call of cache_own. */
void cache_disown(struct cache *cache);

/* Drops what is kept; the cache goes with its last block. NULL: nothing happens. */
void cache_close(struct cache *cache);

/*
 * A block of `size` bytes, the cache's own size, and in *home where it must be freed to: the cache,
 * or NULL on a thread that does not own it. NULL when memory is out. `cache` may be NULL.
 */
void *cache_alloc(struct cache *cache, size_t size, struct cache **home);
void *cache_zalloc(struct cache *cache, size_t size, struct cache **home);
void cache_free(struct cache *home, void *block);

/* A block of this home is the allocator's from now on: it changes its size. */
void cache_forget(struct cache *home);

#endif
