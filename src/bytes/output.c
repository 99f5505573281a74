/* SPDX-License-Identifier: MIT */
/*
 * output.c - the bytes that wait for the socket.
 *
 * A segment is a run of bytes in one counted buffer. Copies that follow each other in a block are
 * one segment. A drained queue keeps no block, so that an idle connection costs nothing.
 */
#include "bytes/output.h"

#include "base/alloc.h"
#include "bytes/buffer.h"

#include <string.h>

/* A 16 KiB frame is cut into at most 16 shared slices of more than 1 KiB and what lies between. */
#define SEGMENTS_A_FRAME 40

struct segment {
    const uint8_t *data;
    size_t size;
    struct weir_buffer *buffer;
    size_t keeps;
};

static struct segment *segment_at(const struct output *output, size_t index)
{
    return &output->segments[(output->first + index) & (output->capacity - 1)];
}

static bool grow_ring(struct output *output)
{
    size_t capacity = output->capacity == 0 ? 64 : output->capacity * 2;
    struct segment *segments = mem_alloc(capacity * sizeof *segments);

    if (segments == NULL)
        return false;
    for (size_t i = 0; i < output->count; i++)
        segments[i] = *segment_at(output, i);
    mem_free(output->segments);
    output->segments = segments;
    output->capacity = capacity;
    output->first = 0;
    return true;
}

static bool new_block(struct output *output, size_t size)
{
    bool fits = size <= BUFFER_FRAME_CAPACITY;
    struct weir_buffer *block =
        fits ? buffer_create_cached(output->cache, BUFFER_FRAME_CAPACITY) : buffer_create(size);

    if (block == NULL)
        return false;
    if (output->block != NULL)
        buffer_unref(output->block);
    output->block = block;
    output->block_used = 0;
    output->block_size = fits ? BUFFER_FRAME_CAPACITY : size;
    return true;
}

bool output_prepare(struct output *output, size_t size)
{
    while (output->capacity - output->count < SEGMENTS_A_FRAME) {
        if (!grow_ring(output))
            return false;
    }
    if (output->block != NULL && output->block_size - output->block_used >= size)
        return true;
    return new_block(output, size);
}

static void append(struct output *output, const uint8_t *data, size_t size,
                   struct weir_buffer *buffer)
{
    struct segment *last;

    output->queued += size;
    if (output->count != 0) {
        last = segment_at(output, output->count - 1);
        if (last->buffer == buffer && last->data + last->size == data) {
            last->size += size;
            return;
        }
    }
    buffer_ref(buffer);
    *segment_at(output, output->count++) = (struct segment){data, size, buffer, 0};
}

uint8_t *output_reserve(struct output *output, size_t size)
{
    uint8_t *place = buffer_data(output->block) + output->block_used;

    output->block_used += size;
    append(output, place, size, output->block);
    return place;
}

void output_unreserve(struct output *output, size_t size)
{
    struct segment *last = segment_at(output, output->count - 1);

    output->queued -= size;
    output->block_used -= size;
    last->size -= size;
    if (last->size == 0) {
        output->kept -= last->keeps;
        buffer_unref(last->buffer);
        output->count--;
    }
}

void output_write(struct output *output, const void *data, size_t size)
{
    memcpy(output_reserve(output, size), data, size);
}

void output_share(struct output *output, const weir_bytes *bytes, size_t offset, size_t size)
{
    if (bytes->buffer != NULL)
        append(output, bytes->data + offset, size, bytes->buffer);
    else
        output_write(output, bytes->data + offset, size);
}

void output_keep(struct output *output, size_t size)
{
    if (output->count == 0)
        return;
    segment_at(output, output->count - 1)->keeps += size;
    output->kept += size;
}

size_t output_peek(const struct output *output, weir_slice *slices, size_t max)
{
    size_t count = output->count < max ? output->count : max;

    for (size_t i = 0; i < count; i++) {
        const struct segment *segment = segment_at(output, i);

        slices[i] = (weir_slice){segment->data, segment->size};
    }
    if (count != 0) {
        slices[0].data += output->sent;
        slices[0].size -= output->sent;
    }
    return count;
}

static void drop_block(struct output *output)
{
    if (output->block != NULL)
        buffer_unref(output->block);
    output->block = NULL;
    output->block_used = output->block_size = 0;
}

void output_drop(struct output *output, size_t size)
{
    output->queued -= size;
    while (size != 0) {
        struct segment *first = segment_at(output, 0);
        size_t left = first->size - output->sent;

        if (size < left) {
            output->sent += size;
            return;
        }
        size -= left;
        output->sent = 0;
        output->kept -= first->keeps;
        buffer_unref(first->buffer);
        output->first++;
        output->count--;
    }
    if (output->count == 0)
        drop_block(output);
}

void output_clear(struct output *output)
{
    output_drop(output, output->queued);
    drop_block(output);
    mem_free(output->segments);
    *output = (struct output){.cache = output->cache};
}
