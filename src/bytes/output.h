/* SPDX-License-Identifier: MIT */
/*
 * output.h - the bytes that wait for the socket.
 *
 * Small pieces are copied into blocks, large ones stay where they are and are referred to. The
 * queue is bounded by its user: nothing is pulled from the session while it holds OUTPUT_LIMIT.
 */
#ifndef BYTES_OUTPUT_H
#define BYTES_OUTPUT_H

#include <weir/bytes.h>

#define OUTPUT_LIMIT ((size_t)64 * 1024)

struct segment;

struct output {
    struct segment *segments; /* a ring of `capacity`, a power of two */
    size_t first;
    size_t count;
    size_t capacity;
    size_t sent; /* of the first segment */
    size_t queued;
    size_t kept; /* bytes of messages that slices in here keep alive, and nobody else counts */
    struct cache *cache;       /* where blocks come from; may be NULL */
    struct weir_buffer *block; /* where small pieces are copied to */
    size_t block_used;
    size_t block_size;
};

/* Room for one frame of `size` bytes however it is cut; false when memory is out. After this the
 * three functions below cannot fail for that frame. */
bool output_prepare(struct output *output, size_t size);

/* Copies. */
void output_write(struct output *output, const void *data, size_t size);

/* `size` contiguous bytes to be filled in before the next output_peek. */
uint8_t *output_reserve(struct output *output, size_t size);

/* Refers to a part of `bytes`, with a reference of its own. */
void output_share(struct output *output, const weir_bytes *bytes, size_t offset, size_t size);

/* What is at the end keeps a message of `size` bytes alive until it was sent. */
void output_keep(struct output *output, size_t size);

/* Takes back the last `size` bytes, which output_reserve gave. */
void output_unreserve(struct output *output, size_t size);

/* Up to `max` slices from the front. */
size_t output_peek(const struct output *output, weir_slice *slices, size_t max);
void output_drop(struct output *output, size_t size);
void output_clear(struct output *output);

#endif
