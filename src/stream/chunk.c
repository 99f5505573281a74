/* SPDX-License-Identifier: MIT */
/*
 * chunk.c - a stream that cuts large messages into small ones.
 *
 * The pieces are slices of the message, which is held until the last of them was taken; the source
 * is polled only when nothing is held.
 */
#include "stream/combinator.h"

#include <assert.h>

struct chunk {
    weir_stream source;
    size_t size;
    weir_bytes rest; /* empty: ask the source */
    unsigned flags;
};

static weir_poll chunk_poll(void *self, weir_task *task, weir_item *out)
{
    struct chunk *chunk = self;

    if (chunk->rest.size == 0) {
        weir_poll poll = weir_stream_poll(&chunk->source, task, out);

        if (poll != WEIR_READY || out->message.size <= chunk->size)
            return poll;
        chunk->rest = out->message;
        chunk->flags = out->flags;
    }
    out->flags = chunk->flags;
    out->message = chunk->rest;
    if (chunk->rest.size <= chunk->size) {
        chunk->rest = (weir_bytes){0};
        return WEIR_READY;
    }
    out->message = weir_bytes_slice(&chunk->rest, 0, chunk->size);
    chunk->rest.data += chunk->size;
    chunk->rest.size -= chunk->size;
    return WEIR_READY;
}

static void chunk_release(void *self)
{
    struct chunk *chunk = self;

    weir_bytes_unref(&chunk->rest);
    combinator_release(chunk);
}

static const weir_stream_ops chunk_ops = {chunk_poll, chunk_release};

weir_stream weir_stream_chunk(weir_stream source, size_t size)
{
    struct chunk *chunk = combinator_alloc(sizeof *chunk, &source);

    assert(size != 0);
    if (chunk == NULL)
        return stream_out_of_memory();
    *chunk = (struct chunk){.source = source, .size = size};
    return (weir_stream){&chunk_ops, chunk};
}
