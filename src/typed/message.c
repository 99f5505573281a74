/* SPDX-License-Identifier: MIT */
/*
 * message.c - messages between bytes and structures.
 *
 * Unpacking borrows: the bytes live at least as long as the structure that was made of them.
 * Packing goes straight into the buffer that is sent, whose size was asked for first.
 */
#include "typed/message.h"

#include "call/call.h"
#include "stream/combinator.h"

#include <string.h>

void message_arena_init(struct message_arena *own, size_t max_memory, const weir_call *call)
{
    arena_init(&own->arena, own->memory, sizeof own->memory);
    arena_allow(&own->arena, max_memory);
    if (call != NULL && call->budget != NULL)
        arena_charge(&own->arena, call->budget);
}

size_t unpacked_memory(size_t size)
{
    return call_message_memory(size) + 64 * 1024;
}

void *weir_message_create(const weir_message_type *type, weir_arena *arena)
{
    void *message = arena_alloc(arena, type->size);

    if (message == NULL)
        return NULL;
    if (type->init != NULL)
        type->init(message);
    else
        memset(message, 0, type->size);
    return message;
}

weir_code weir_message_unpack(const weir_message_type *type, weir_arena *arena,
                              const weir_bytes *data, void **out, weir_status *why)
{
    *out = type->unpack(type, arena, data->data, data->size);
    if (*out != NULL)
        return WEIR_OK;
    if (weir_arena_refused(arena))
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "a %s takes more memory than a message may",
                         type->name);
    return weir_fail(why, WEIR_INTERNAL, "%zu bytes are no %s", data->size, type->name);
}

weir_code weir_message_pack(const weir_message_type *type, const void *message, weir_bytes *out,
                            weir_status *why)
{
    size_t size = type->packed_size(type, message);
    uint8_t *memory;

    *out = (weir_bytes){0};
    if (size != SIZE_MAX && size > UINT32_MAX)
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "a %s of more than 4 GiB", type->name);
    if (size == 0)
        return WEIR_OK;
    if (size != SIZE_MAX) {
        *out = weir_bytes_new(size, &memory);
        if (memory == NULL)
            return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a message");
        if (type->pack(type, message, memory, size))
            return WEIR_OK;
        weir_bytes_unref(out);
    }
    return weir_fail(why, WEIR_INTERNAL, "a %s cannot be packed", type->name);
}

static void unref_bytes(void *what)
{
    weir_bytes_unref(what);
}

bool arena_keep_bytes(struct weir_arena *arena, weir_bytes bytes)
{
    weir_bytes *kept = arena_alloc(arena, sizeof *kept);

    if (kept != NULL && weir_arena_defer(arena, unref_bytes, kept)) {
        *kept = bytes;
        return true;
    }
    weir_bytes_unref(&bytes);
    return false;
}

weir_code message_unpack_owned(const weir_message_type *type, struct weir_arena *arena,
                               weir_bytes data, void **out, weir_status *why)
{
    *out = NULL;
    if (!arena_keep_bytes(arena, data))
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a message");
    return weir_message_unpack(type, arena, &data, out, why);
}

weir_code message_pack_built(const weir_message_type *type, const void *message,
                             const struct weir_arena *arena, weir_bytes *out, weir_status *why)
{
    if (!weir_arena_refused(arena))
        return weir_message_pack(type, message, out, why);
    *out = (weir_bytes){0};
    return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "a %s takes more memory than a message may",
                     type->name);
}

weir_poll message_pack_item(const weir_message_type *type, const void *message,
                            const struct weir_arena *arena, weir_item *out)
{
    weir_code code = message_pack_built(type, message, arena, &out->message, &out->status);

    return code == WEIR_OK ? WEIR_READY : poll_refused(out, code);
}

weir_poll poll_status(weir_item *item, weir_status *why)
{
    if (why != NULL) {
        weir_status_clear(why);
        *why = item->status;
    } else {
        weir_status_clear(&item->status);
    }
    return WEIR_ERROR;
}

weir_stream weir_typed_once(const weir_message_type *type, const void *message)
{
    weir_status why = {0};
    weir_bytes bytes;

    why.code = weir_message_pack(type, message, &bytes, &why);
    return why.code == WEIR_OK ? weir_stream_once(bytes) : weir_stream_error(why);
}

weir_poll weir_typed_poll(const weir_message_type *type, weir_stream *stream, weir_task *task,
                          weir_arena *arena, const void **out, weir_status *why)
{
    weir_item item;
    weir_poll poll = weir_stream_poll(stream, task, &item);
    void *message = NULL;

    if (poll == WEIR_READY &&
        message_unpack_owned(type, arena, item.message, &message, &item.status) != WEIR_OK) {
        weir_stream_release(stream);
        poll = WEIR_ERROR;
    }
    *out = message;
    return poll == WEIR_ERROR ? poll_status(&item, why) : poll;
}
