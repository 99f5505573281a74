/* SPDX-License-Identifier: MIT */
/*
 * source.c - a stream that gives numbered messages when the test lets it.
 */
#include "conn/support/source.h"

#include <string.h>

uint64_t now;

static uint8_t byte_at(uint64_t number, size_t at)
{
    return (uint8_t)(number * 31 + at * 7 + at / 251);
}

weir_bytes message_make(uint64_t number, size_t size)
{
    uint8_t *memory;
    weir_bytes message = weir_bytes_new(size, &memory);

    if (weir_bytes_failed(&message))
        return message;
    for (size_t i = 0; i < size; i++)
        memory[i] = byte_at(number, i);
    return message;
}

bool message_is(const weir_bytes *message, uint64_t number, size_t size)
{
    if (message->size != size)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (message->data[i] != byte_at(number, i))
            return false;
    }
    return true;
}

static weir_poll source_next(void *state, weir_task *task, weir_item *out)
{
    struct source *source = state;

    source->polls++;
    if (source->given < source->count) {
        out->message = message_make(source->given++, source->size);
        return WEIR_READY;
    }
    if (!source->over) {
        weir_waker_keep(&source->waker, task);
        return WEIR_PENDING;
    }
    if (source->code == WEIR_OK)
        return WEIR_END;
    out->status = weir_status_make(source->code, "the source says so");
    return WEIR_ERROR;
}

static void source_release(void *state)
{
    struct source *source = state;

    source->released++;
    weir_waker_release(&source->waker);
}

weir_stream source_stream(struct source *source)
{
    return weir_stream_from(source_next, source, source_release);
}

void source_give(struct source *source, uint64_t more)
{
    source->count += more;
    weir_waker_wake(&source->waker);
}

void source_end(struct source *source, weir_code code)
{
    source->over = true;
    source->code = code;
    weir_waker_wake(&source->waker);
}
