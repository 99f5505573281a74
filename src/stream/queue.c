/* SPDX-License-Identifier: MIT */
/*
 * queue.c - a bounded queue of messages.
 */
#include "stream/queue.h"

#include "base/alloc.h"

#define DEFAULT_MAX_MESSAGES 16
#define DEFAULT_MAX_BYTES ((size_t)64 * 1024)
#define FIRST_CAPACITY 4

void queue_init(struct queue *queue, const weir_pipe_options *options)
{
    static const weir_pipe_options defaults;

    if (options == NULL)
        options = &defaults;
    *queue = (struct queue){
        .max_messages = options->max_messages != 0 ? options->max_messages : DEFAULT_MAX_MESSAGES,
        .max_bytes = options->max_bytes != 0 ? options->max_bytes : DEFAULT_MAX_BYTES,
        .when_full = options->when_full,
    };
}

static struct queue_entry *entry_at(struct queue *queue, size_t place)
{
    return &queue->ring[(queue->first + place) & (queue->capacity - 1)];
}

static bool fits(const struct queue *queue, size_t size)
{
    if (queue->count == 0)
        return true;
    return !queue_is_full(queue) && size <= queue->max_bytes - queue->bytes;
}

static void drop_first(struct queue *queue)
{
    weir_item dropped = {0};

    queue_take(queue, &dropped);
    weir_item_clear(&dropped);
    queue->dropped++;
}

weir_poll queue_make_room(struct queue *queue, size_t size)
{
    if (fits(queue, size))
        return WEIR_READY;
    if (queue->when_full == WEIR_FULL_BLOCK)
        return WEIR_PENDING;
    if (queue->when_full == WEIR_FULL_FAIL)
        return WEIR_ERROR;
    do
        drop_first(queue);
    while (queue->when_full == WEIR_FULL_LATEST ? queue->count != 0 : !fits(queue, size));
    return WEIR_READY;
}

static bool grow(struct queue *queue)
{
    size_t capacity = queue->capacity != 0 ? queue->capacity * 2 : FIRST_CAPACITY;
    struct queue_entry *ring = NULL;

    if (capacity <= SIZE_MAX / sizeof *ring)
        ring = mem_alloc(capacity * sizeof *ring);
    if (ring == NULL)
        return false;
    for (size_t i = 0; i < queue->count; i++)
        ring[i] = *entry_at(queue, i);
    mem_free(queue->ring);
    queue->ring = ring;
    queue->capacity = capacity;
    queue->first = 0;
    return true;
}

bool queue_put(struct queue *queue, const weir_bytes *message, unsigned flags)
{
    if (queue->count == queue->capacity && !grow(queue))
        return false;
    *entry_at(queue, queue->count) = (struct queue_entry){*message, flags};
    queue->count++;
    queue->bytes += message->size;
    return true;
}

bool queue_take(struct queue *queue, weir_item *out)
{
    struct queue_entry *entry;

    if (queue->count == 0)
        return false;
    entry = entry_at(queue, 0);
    out->message = entry->message;
    out->flags = entry->flags;
    queue->first = (queue->first + 1) & (queue->capacity - 1);
    queue->count--;
    queue->bytes -= out->message.size;
    return true;
}

void queue_clear(struct queue *queue)
{
    for (size_t i = 0; i < queue->count; i++)
        weir_bytes_unref(&entry_at(queue, i)->message);
    mem_free(queue->ring);
    queue->ring = NULL;
    queue->capacity = queue->first = queue->count = queue->bytes = 0;
}
