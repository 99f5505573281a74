/* SPDX-License-Identifier: MIT */
/*
 * cache.h - buffers of one size that are used again and again.
 *
 * What a connection receives and sends goes through buffers of a DATA frame's size. Given back to
 * malloc and taken again for each frame they are cold and, at the end of a heap, unmapped; kept here
 * they are warm. A cache keeps a bounded number; any thread may give one back. It lives as long as
 * its last buffer.
 */
#ifndef BYTES_CACHE_H
#define BYTES_CACHE_H

#include "bytes/buffer.h"

/* What a buffer of a cache holds: a DATA frame of 16 KiB and what belongs to it. */
#define CACHE_CAPACITY ((size_t)16384 + 256)

struct buffer_cache;

/* NULL when memory is out. */
struct buffer_cache *cache_create(void);

/* Drops the owner's reference and what is kept. */
void cache_close(struct buffer_cache *cache);

/* A buffer with CACHE_CAPACITY bytes; NULL when memory is out. `cache` may be NULL: a plain one. */
struct weir_buffer *cache_take(struct buffer_cache *cache);

/* For buffer_unref: the last reference of a buffer of a cache is gone. */
void cache_give(struct weir_buffer *buffer);

/* The buffer is no longer the cache's: it will change its size. */
void cache_forget(struct weir_buffer *buffer);

#endif
