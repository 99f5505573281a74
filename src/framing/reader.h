/* SPDX-License-Identifier: MIT */
/*
 * reader.h - length-prefixed messages out of the bytes of an HTTP/2 stream.
 *
 * Bytes are copied into counted chunks as they come and looked at prefix by prefix; they wait there
 * as they are and are cut into messages, without a copy, when those are taken. Invariants:
 *
 * - Each message lies in one piece, inside one chunk. One that outgrows its chunk moves to a chunk
 *   of at least twice what arrived of it, so that each byte is copied a bounded number of times.
 * - What is held grows with what arrived, never with what was declared.
 * - Every byte is credited (may be granted to the peer again) once: with the take of its message;
 *   or at once, when its message is being assembled while nothing complete waits; or when it is
 *   dropped.
 *
 * Not thread-safe: the owner locks. The messages that were taken belong to their takers.
 */
#ifndef FRAMING_READER_H
#define FRAMING_READER_H

#include <weir/status.h>

struct chunk;

struct frame_reader {
    struct chunk *first; /* full chunks that hold whole messages only, the oldest first */
    struct chunk *last;
    struct chunk *tail;    /* the one being filled; it alone may end inside a message */
    size_t waiting;        /* bytes of the whole messages that wait, prefixes included */
    size_t credit;         /* bytes to be granted since the last frame_reader_credit */
    size_t credited_ahead; /* of the oldest message (waiting or not), credited before its take */
    size_t held;
    uint64_t messages; /* that came whole so far, and the bytes in them: of who appends */
    uint64_t message_bytes;
    size_t max_size;
    struct cache *small_buffers; /* where chunks come from; may be NULL */
    struct cache *frame_buffers;
    size_t next_capacity; /* of the next chunk for small messages */
    bool compression_negotiated;
    bool failed;
    bool ended;
    bool discards;
};

/* `max_size`: the largest message, without its prefix. */
void frame_reader_init(struct frame_reader *reader, size_t max_size, bool compression_negotiated);

/* Drops all that is held; the reader may be initialised again, or forgotten. */
void frame_reader_clear(struct frame_reader *reader);

/*
 * Takes all of `data`. INTERNAL: a flag that is not 0 or 1, or a 1 though no encoding was
 * negotiated. RESOURCE_EXHAUSTED: a message declared larger than the maximum, or out of memory.
 * After an error, which is told once, the messages completed before it can be taken, and what still
 * comes is ignored and credited.
 */
weir_code frame_reader_append(struct frame_reader *reader, const uint8_t *data, size_t size,
                              weir_status *why);

/* The peer ended its side. INTERNAL in the middle of a message. Nothing is appended after this. */
weir_code frame_reader_end(struct frame_reader *reader, weir_status *why);

static inline bool frame_reader_has_message(const struct frame_reader *reader)
{
    return reader->waiting != 0;
}

/* Moves out the oldest whole message, and the flag of its prefix (1: compressed); false: there is
 * none. The message shares its chunk with others; an empty one owns nothing. */
bool frame_reader_take(struct frame_reader *reader, weir_bytes *message, unsigned *flag);

/* Bytes that may be granted to the peer since the last call. All bytes appended, once all messages
 * were taken. */
static inline size_t frame_reader_credit(struct frame_reader *reader)
{
    size_t credit = reader->credit;

    reader->credit = 0;
    return credit;
}

/* Nobody reads any more: drops what is held, and credits what comes without a look at it. */
void frame_reader_discard(struct frame_reader *reader);

/* Bytes that came and were neither taken nor dropped. */
size_t frame_reader_unread(const struct frame_reader *reader);

/* Memory held, chunks by their whole size. Taken messages are not counted once their chunk holds
 * nothing else. */
static inline size_t frame_reader_held(const struct frame_reader *reader)
{
    return reader->held;
}

#endif
