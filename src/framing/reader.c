/* SPDX-License-Identifier: MIT */
/*
 * reader.c - chunks of bytes, and the messages in them.
 *
 * A chunk lies in a counted buffer, its header first, so that it costs one allocation and a message
 * is a slice of that buffer. The reader has one reference; with the last message of a chunk it is
 * moved out, not dropped, which saves two locked instructions. A small chunk is kept instead while
 * more may come: once its messages were dropped it is filled again from the start.
 */
#include "framing/reader.h"

#include "base/alloc.h"
#include "bytes/buffer.h"
#include "framing/prefix.h"

#include <string.h>

/*
 *   0        begin          whole      end      capacity
 *   |  taken   |  wait whole  |  partial  |  room  |
 *
 * Only the tail has a partial message.
 */
struct chunk {
    struct chunk *next;
    size_t capacity;
    size_t begin;
    size_t whole;
    size_t end;
};

enum {
    HEADER_SIZE = sizeof(struct weir_buffer) + sizeof(struct chunk),
    CAPACITY_FIRST = 512 - HEADER_SIZE,
    CAPACITY_MAX = 16384, /* a full DATA frame */
    CAPACITY_KEPT = 1024 - HEADER_SIZE,
};

static struct weir_buffer *chunk_buffer(struct chunk *chunk)
{
    return (struct weir_buffer *)(void *)chunk - 1;
}

static uint8_t *chunk_data(struct chunk *chunk)
{
    return (uint8_t *)(chunk + 1);
}

static size_t chunk_held(const struct chunk *chunk)
{
    return HEADER_SIZE + chunk->capacity;
}

static size_t partial_size(const struct frame_reader *reader)
{
    return reader->tail != NULL ? reader->tail->end - reader->tail->whole : 0;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

void frame_reader_init(struct frame_reader *reader, size_t max, bool compression_negotiated)
{
    *reader = (struct frame_reader){
        .max_size = min_size(max, SIZE_MAX / 2),
        .next_capacity = CAPACITY_FIRST,
        .compression_negotiated = compression_negotiated,
    };
}

/* ---- chunks ---- */

static struct weir_buffer *new_buffer(struct frame_reader *reader, size_t capacity)
{
    if (capacity == BUFFER_SMALL_CAPACITY)
        return buffer_create_cached(reader->small_buffers, capacity);
    if (reader->frame_buffers != NULL && capacity > BUFFER_FRAME_CAPACITY / 2 &&
        capacity <= BUFFER_FRAME_CAPACITY)
        return buffer_create_cached(reader->frame_buffers, BUFFER_FRAME_CAPACITY);
    return buffer_create(capacity);
}

static struct chunk *chunk_create(struct frame_reader *reader, size_t capacity)
{
    struct weir_buffer *buffer = new_buffer(reader, sizeof(struct chunk) + capacity);
    struct chunk *chunk;

    if (buffer == NULL)
        return NULL;
    chunk = (struct chunk *)(void *)buffer_data(buffer);
    *chunk = (struct chunk){.capacity = capacity};
    reader->held += chunk_held(chunk);
    reader->next_capacity = min_size(reader->next_capacity * 2, CAPACITY_MAX);
    return chunk;
}

static void chunk_release(struct frame_reader *reader, struct chunk *chunk)
{
    reader->held -= chunk_held(chunk);
    buffer_unref(chunk_buffer(chunk));
}

static void drop_tail(struct frame_reader *reader)
{
    if (reader->tail != NULL)
        chunk_release(reader, reader->tail);
    reader->tail = NULL;
    reader->next_capacity = CAPACITY_FIRST;
}

static void drop_idle_tail(struct frame_reader *reader)
{
    if (reader->tail != NULL && reader->tail->begin == reader->tail->end)
        drop_tail(reader);
}

/* The tail will not be filled any more: it joins those that wait, or goes if nothing in it does. */
static void close_tail(struct frame_reader *reader)
{
    struct chunk *tail = reader->tail;

    reader->tail = NULL;
    tail->end = tail->whole;
    if (tail->begin == tail->end) {
        chunk_release(reader, tail);
        return;
    }
    if (reader->first == NULL)
        reader->first = tail;
    else
        reader->last->next = tail;
    reader->last = tail;
}

/* What the message at the end of `tail` needs with its prefix, which may go on in `data`; 0 while
 * that is not complete. */
static uint64_t declared_size(struct chunk *tail, const uint8_t *data, size_t size)
{
    size_t partial = tail != NULL ? tail->end - tail->whole : 0;
    size_t had = min_size(partial, PREFIX_SIZE);
    uint8_t prefix[PREFIX_SIZE];

    if (partial + size < PREFIX_SIZE)
        return 0;
    if (had != 0)
        memcpy(prefix, chunk_data(tail) + tail->whole, had);
    memcpy(prefix + had, data, PREFIX_SIZE - had);
    return (uint64_t)PREFIX_SIZE + prefix_length(prefix);
}

/*
 * The capacity of the chunk that the partial message, if any, shall move to: enough for what came
 * and to grow twofold, but not for more than that message if it is a large one.
 */
static size_t wanted_capacity(struct frame_reader *reader, const uint8_t *data, size_t size)
{
    size_t partial = partial_size(reader);
    size_t arrived = partial + size;
    size_t wanted = max_size(reader->next_capacity, min_size(arrived, CAPACITY_MAX));
    uint64_t declared = declared_size(reader->tail, data, size);

    if (declared <= wanted)
        return wanted;
    return max_size(wanted, declared < arrived * 2 ? (size_t)declared : arrived * 2);
}

/* Makes a chunk that nobody shares, and in which nothing waits, larger where it is. */
static struct chunk *resize_tail(struct frame_reader *reader, size_t capacity)
{
    struct chunk *tail = reader->tail;
    struct weir_buffer *buffer;

    if (capacity <= tail->capacity)
        return tail;
    buffer = mem_resize(chunk_buffer(tail), HEADER_SIZE + capacity);
    if (buffer == NULL)
        return NULL;
    cache_forget(buffer->cache);
    buffer->cache = NULL;
    tail = (struct chunk *)(void *)buffer_data(buffer);
    reader->held += capacity - tail->capacity;
    tail->capacity = capacity;
    reader->tail = tail;
    return tail;
}

static struct chunk *move_partial(struct frame_reader *reader, size_t capacity)
{
    struct chunk *tail = reader->tail;
    struct chunk *chunk = chunk_create(reader, capacity);
    size_t partial;

    if (chunk == NULL)
        return NULL;
    if (tail != NULL) {
        partial = tail->end - tail->whole;
        memcpy(chunk_data(chunk), chunk_data(tail) + tail->whole, partial);
        chunk->end = partial;
        close_tail(reader);
    }
    reader->tail = chunk;
    return chunk;
}

/* Moves the partial message to the start of its chunk; false where less lies before it than is to
 * be moved, so that a byte is not moved again and again. */
static bool compact_tail(struct chunk *tail, size_t partial)
{
    if (partial > tail->whole)
        return tail->whole == 0;
    memcpy(chunk_data(tail), chunk_data(tail) + tail->whole, partial);
    tail->begin = tail->whole = 0;
    tail->end = partial;
    return true;
}

/* A tail with room, when it is full or there is none; NULL when memory is out. */
static struct chunk *grow(struct frame_reader *reader, const uint8_t *data, size_t size)
{
    struct chunk *tail = reader->tail;
    size_t capacity = wanted_capacity(reader, data, size);
    size_t partial = partial_size(reader);

    if (partial != 0 && tail->begin == tail->whole && buffer_is_single(chunk_buffer(tail)) &&
        compact_tail(tail, partial))
        return resize_tail(reader, capacity);
    return move_partial(reader, capacity);
}

/* A tail with room for some of the data, best for all. */
static struct chunk *make_room(struct frame_reader *reader, const uint8_t *data, size_t size)
{
    struct chunk *tail = reader->tail;

    if (tail != NULL && tail->begin == tail->end) {
        if (buffer_is_single(chunk_buffer(tail)))
            tail->begin = tail->whole = tail->end = 0;
        if (size > tail->capacity - tail->end) {
            drop_tail(reader);
            tail = NULL;
        }
    }
    if (tail != NULL && tail->end < tail->capacity)
        return tail;
    return grow(reader, data, size);
}

/* ---- what comes in ---- */

/* Credits what of the message being assembled was not, where nothing complete waits before it:
 * its reader waits for it, and it may be larger than the window. */
static void credit_ahead(struct frame_reader *reader)
{
    size_t partial = partial_size(reader);

    if (reader->waiting != 0)
        return;
    reader->credit += partial - reader->credited_ahead;
    reader->credited_ahead = partial;
}

/* Nothing more can become a message: credits and forgets the one being assembled. */
static void drop_partial(struct frame_reader *reader)
{
    size_t partial = partial_size(reader);

    reader->credit += partial;
    if (reader->waiting == 0) {
        reader->credit -= reader->credited_ahead;
        reader->credited_ahead = 0;
    }
    if (partial != 0)
        reader->tail->end = reader->tail->whole;
    drop_idle_tail(reader);
}

static weir_code check_prefix(const struct frame_reader *reader, const uint8_t *prefix,
                              weir_status *why)
{
    unsigned flag = prefix_flag(prefix);
    uint32_t length = prefix_length(prefix);

    if (flag > 1)
        return weir_fail(why, WEIR_INTERNAL, "received message with invalid flag %u", flag);
    if (flag == 1 && !reader->compression_negotiated)
        return weir_fail(why, WEIR_INTERNAL,
                         "received compressed message without a negotiated encoding");
    if (length > reader->max_size)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED,
                         "received message larger than max (%lu vs. %zu)", (unsigned long)length,
                         reader->max_size);
    return WEIR_OK;
}

/* Looks at the prefixes that are complete, and moves `whole` over the messages that are. */
static weir_code scan(struct frame_reader *reader, weir_status *why)
{
    struct chunk *tail = reader->tail;
    const uint8_t *data = chunk_data(tail);
    size_t whole = tail->whole;
    weir_code code = WEIR_OK;

    while (tail->end - whole >= PREFIX_SIZE) {
        const uint8_t *prefix = data + whole;
        size_t length = prefix_length(prefix);

        if (prefix_flag(prefix) != 0 || length > reader->max_size) {
            code = check_prefix(reader, prefix, why);
            if (code != WEIR_OK)
                break;
        }
        if (length > tail->end - whole - PREFIX_SIZE)
            break;
        whole += PREFIX_SIZE + length;
        reader->messages++;
        reader->message_bytes += length;
    }
    reader->waiting += whole - tail->whole;
    tail->whole = whole;
    return code;
}

static weir_code append_some(struct frame_reader *reader, const uint8_t *data, size_t size,
                             size_t *used, weir_status *why)
{
    struct chunk *tail = make_room(reader, data, size);

    *used = 0;
    if (tail == NULL)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a received message");
    *used = min_size(size, tail->capacity - tail->end);
    memcpy(chunk_data(tail) + tail->end, data, *used);
    tail->end += *used;
    return scan(reader, why);
}

weir_code frame_reader_append(struct frame_reader *reader, const uint8_t *data, size_t size,
                              weir_status *why)
{
    size_t used;

    if (reader->failed || reader->discards || reader->ended) {
        reader->credit += size;
        return WEIR_OK;
    }
    for (; size != 0; data += used, size -= used) {
        weir_code code = append_some(reader, data, size, &used, why);

        if (code == WEIR_OK)
            continue;
        reader->failed = true;
        reader->credit += size - used;
        drop_partial(reader);
        return code;
    }
    credit_ahead(reader);
    return WEIR_OK;
}

size_t frame_reader_unread(const struct frame_reader *reader)
{
    return reader->waiting + partial_size(reader);
}

weir_code frame_reader_end(struct frame_reader *reader, weir_status *why)
{
    bool inside = partial_size(reader) != 0;

    reader->ended = true;
    drop_partial(reader);
    if (inside)
        return weir_fail(why, WEIR_INTERNAL, "the stream ended in the middle of a message");
    return WEIR_OK;
}

/* ---- what goes out ---- */

/* The reader is through with the oldest chunk: drops its reference, or moves it to a message. */
static void leave_chunk(struct frame_reader *reader, struct chunk *chunk, bool moves)
{
    if (chunk == reader->tail) {
        reader->tail = NULL;
        reader->next_capacity = CAPACITY_FIRST;
    } else {
        reader->first = chunk->next;
    }
    reader->held -= chunk_held(chunk);
    if (!moves)
        buffer_unref(chunk_buffer(chunk));
}

static bool keeps_chunk(const struct frame_reader *reader, const struct chunk *chunk)
{
    if (chunk->begin != chunk->end)
        return true;
    return chunk == reader->tail && chunk->capacity <= CAPACITY_KEPT && !reader->ended &&
           !reader->failed;
}

bool frame_reader_take(struct frame_reader *reader, weir_bytes *message, unsigned *flag)
{
    struct chunk *chunk = reader->first != NULL ? reader->first : reader->tail;
    const uint8_t *prefix;
    size_t length; /* with the prefix more than 32 bits hold */

    if (reader->waiting == 0)
        return false;
    prefix = chunk_data(chunk) + chunk->begin;
    length = prefix_length(prefix);
    *flag = prefix_flag(prefix);
    *message = (weir_bytes){0};
    if (length != 0)
        *message = (weir_bytes){prefix + PREFIX_SIZE, length, chunk_buffer(chunk)};

    chunk->begin += PREFIX_SIZE + length;
    reader->waiting -= PREFIX_SIZE + length;
    reader->credit += PREFIX_SIZE + length - reader->credited_ahead;
    reader->credited_ahead = 0;
    if (!keeps_chunk(reader, chunk))
        leave_chunk(reader, chunk, length != 0);
    else if (length != 0)
        buffer_ref(chunk_buffer(chunk));
    credit_ahead(reader);
    return true;
}

static void drop_all(struct frame_reader *reader)
{
    while (reader->first != NULL)
        leave_chunk(reader, reader->first, false);
    drop_tail(reader);
    reader->waiting = 0;
    reader->credited_ahead = 0;
}

void frame_reader_discard(struct frame_reader *reader)
{
    reader->credit += reader->waiting + partial_size(reader) - reader->credited_ahead;
    reader->discards = true;
    drop_all(reader);
}

void frame_reader_clear(struct frame_reader *reader)
{
    drop_all(reader);
    reader->credit = 0;
}
