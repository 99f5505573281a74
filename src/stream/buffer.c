/* SPDX-License-Identifier: MIT */
/*
 * buffer.c - a stream that asks its source ahead of its reader.
 *
 * What the source says last, END or an error, waits behind the messages that came before it.
 */
#include "stream/combinator.h"

#include "stream/queue.h"

struct buffer {
    weir_stream source;
    struct queue queue;
    weir_poll last; /* what the source said last: END, ERROR, or PENDING */
    weir_status status;
};

static void last_word(struct buffer *buffer, weir_poll poll, weir_item *item)
{
    buffer->last = poll;
    buffer->status = item->status;
    weir_stream_release(&buffer->source);
}

static void keep(struct buffer *buffer, weir_item *item)
{
    if (queue_put(&buffer->queue, &item->message, item->flags))
        return;
    last_word(buffer, poll_out_of_memory(item), item);
}

static void prefetch(struct buffer *buffer, weir_task *task)
{
    for (int run = 0; run < LONGEST_RUN && !queue_is_full(&buffer->queue); run++) {
        weir_item item;
        weir_poll poll;

        if (buffer->last != WEIR_PENDING)
            return;
        poll = weir_stream_poll(&buffer->source, task, &item);
        if (poll == WEIR_PENDING)
            return;
        if (poll == WEIR_READY)
            keep(buffer, &item);
        else
            last_word(buffer, poll, &item);
    }
}

static weir_poll buffer_poll(void *self, weir_task *task, weir_item *out)
{
    struct buffer *buffer = self;

    prefetch(buffer, task);
    if (queue_take(&buffer->queue, out))
        return WEIR_READY;
    out->status = buffer->status;
    buffer->status = (weir_status){0};
    return buffer->last;
}

static void buffer_release(void *self)
{
    struct buffer *buffer = self;

    queue_clear(&buffer->queue);
    weir_status_clear(&buffer->status);
    combinator_release(buffer);
}

static const weir_stream_ops buffer_ops = {buffer_poll, buffer_release};

weir_stream weir_stream_buffer(weir_stream source, size_t max_messages, size_t max_bytes)
{
    struct buffer *buffer;

    if (max_messages == 0 && max_bytes == 0)
        return source;
    buffer = combinator_alloc(sizeof *buffer, &source);
    if (buffer == NULL)
        return stream_out_of_memory();
    buffer->source = source;
    buffer->last = WEIR_PENDING;
    /* Without a bound on messages, empty ones are bounded as if each had one byte. */
    buffer->queue.max_messages = max_messages != 0 ? max_messages : max_bytes;
    buffer->queue.max_bytes = max_bytes != 0 ? max_bytes : SIZE_MAX;
    return (weir_stream){&buffer_ops, buffer};
}
