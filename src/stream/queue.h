/* SPDX-License-Identifier: MIT */
/*
 * queue.h - a bounded queue of messages, and what happens to a message that finds it full.
 *
 * A ring that grows as messages come, never ahead. It has no lock: its owner has.
 */
#ifndef STREAM_QUEUE_H
#define STREAM_QUEUE_H

#include <weir/pipe.h>

struct queue_entry {
    weir_bytes message;
    unsigned flags;
};

struct queue {
    struct queue_entry *ring;
    size_t capacity; /* a power of two, or 0 */
    size_t first;
    size_t count;
    size_t bytes;
    size_t max_messages;
    size_t max_bytes;
    weir_when_full when_full;
    uint64_t dropped;
};

/* NULL or zeroed options are the defaults. */
void queue_init(struct queue *queue, const weir_pipe_options *options);

/* Whether it holds as much as it may; it may be exceeded by one message of unknown size then. */
static inline bool queue_is_full(const struct queue *queue)
{
    return queue->count >= queue->max_messages || queue->bytes >= queue->max_bytes;
}

/*
 * Makes room for a message of `size` bytes as the policy says, dropping others perhaps. READY:
 * there is room. PENDING: it is full, and the writer must wait. ERROR: it is full and must fail.
 */
weir_poll queue_make_room(struct queue *queue, size_t size);

/* Puts a message at the end; it moves in. False when memory is out, and nothing happened. */
bool queue_put(struct queue *queue, const weir_bytes *message, unsigned flags);

/* The first message, in *out; false when there is none. */
bool queue_take(struct queue *queue, weir_item *out);

/* Drops all messages and the ring. */
void queue_clear(struct queue *queue);

#endif
