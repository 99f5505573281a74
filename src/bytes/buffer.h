/* SPDX-License-Identifier: MIT */
/*
 * buffer.h - the counted buffer behind weir_bytes.
 */
#ifndef BYTES_BUFFER_H
#define BYTES_BUFFER_H

#include <weir/bytes.h>

#include "base/cache.h"

#include <stdarg.h>
#include <stdatomic.h>

struct weir_buffer {
    atomic_size_t references;
    void (*release)(void *memory); /* of memory that is not behind this header; else NULL */
    void *memory;
    struct cache *cache; /* where it goes with its last reference; NULL: it is freed */
};

/* What failed bytes point to; nobody counts it. */
extern struct weir_buffer failed_buffer;

static inline bool bytes_failed(const weir_bytes *bytes)
{
    return bytes->buffer == &failed_buffer;
}

/* The capacities of buffers that are worth a cache: a DATA frame of 16 KiB and what belongs to it,
 * and a small message. */
#define BUFFER_FRAME_CAPACITY ((size_t)16384 + 256)
#define BUFFER_SMALL_CAPACITY ((size_t)512 - sizeof(struct weir_buffer))

/* A buffer with one reference from a cache of blocks of sizeof(struct weir_buffer) + capacity
 * bytes; `cache` may be NULL. NULL when memory is out. */
struct weir_buffer *buffer_create_cached(struct cache *cache, size_t capacity);

/* A buffer with `capacity` bytes behind it and one reference; NULL when memory is out. */
struct weir_buffer *buffer_create(size_t capacity);

static inline uint8_t *buffer_data(struct weir_buffer *buffer)
{
    return (uint8_t *)(buffer + 1);
}

static inline void buffer_ref(struct weir_buffer *buffer)
{
    atomic_fetch_add_explicit(&buffer->references, 1, memory_order_relaxed);
}

void buffer_unref(struct weir_buffer *buffer);

/* printf into bytes; one NUL lies behind them. */
weir_bytes bytes_vformat(const char *format, va_list arguments);

/* True when the caller holds the only reference, so that the buffer may be written to. */
static inline bool buffer_is_single(struct weir_buffer *buffer)
{
    return atomic_load_explicit(&buffer->references, memory_order_acquire) == 1;
}

#endif
