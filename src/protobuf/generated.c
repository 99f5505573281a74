/* SPDX-License-Identifier: MIT */
/*
 * generated.c - the steps of generated code that concern a message.
 *
 * What is made of a message is bounded by the bytes that arrived: arrays grow by doubling, so that
 * the ones outgrown, which stay in the arena, are together no larger than the last.
 */
#include "base/alloc.h"
#include "protobuf/wire.h"

#define MIN_CAPACITY 4

static size_t capacity_of(size_t count)
{
    size_t capacity = MIN_CAPACITY;

    if (count == 0)
        return 0;
    while (capacity < count)
        capacity *= 2;
    return capacity;
}

void *weir_protobuf_reserve(weir_arena *arena, void *array, size_t count, size_t more, size_t size)
{
    size_t capacity;
    void *larger;

    if (more > SIZE_MAX / 2 / size - count)
        return NULL;
    capacity = capacity_of(count + more);
    if (capacity == capacity_of(count))
        return array;
    larger = capacity <= SIZE_MAX / size ? weir_arena_alloc(arena, capacity * size) : NULL;
    if (larger != NULL && count != 0)
        memcpy(larger, array, count * size);
    return larger;
}

const uint8_t *weir_protobuf_unknown(ProtobufCMessage *message, weir_arena *arena, unsigned depth,
                                     uint32_t tag, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *behind = wire_skip(at, end, tag, depth);
    ProtobufCMessageUnknownField *fields;

    if (behind == NULL || (tag & 7) == WIRE_GROUP)
        return behind;
    fields = weir_protobuf_grow(arena, message->unknown_fields, message->n_unknown_fields,
                                sizeof *fields);
    if (fields == NULL)
        return NULL;
    fields[message->n_unknown_fields++] = (ProtobufCMessageUnknownField){
        .tag = tag >> 3,
        .wire_type = (ProtobufCWireType)(tag & 7),
        .len = (size_t)(behind - at),
        .data = (uint8_t *)at,
    };
    message->unknown_fields = fields;
    return behind;
}

/* ---- writing ---- */

static uint64_t tag_of(const ProtobufCMessageUnknownField *field)
{
    return (uint64_t)field->tag << 3 | (uint64_t)field->wire_type;
}

size_t weir_protobuf_unknown_size_slow(const ProtobufCMessage *message)
{
    size_t size = 0;

    for (unsigned i = 0; i < message->n_unknown_fields; i++)
        size += weir_wire_varint_size(tag_of(&message->unknown_fields[i])) +
                message->unknown_fields[i].len;
    return size;
}

uint8_t *weir_protobuf_unknown_before_slow(uint8_t *end, const ProtobufCMessage *message)
{
    for (unsigned i = message->n_unknown_fields; i-- > 0;) {
        const ProtobufCMessageUnknownField *field = &message->unknown_fields[i];

        end -= field->len;
        if (field->len != 0)
            memcpy(end, field->data, field->len);
        end = weir_wire_varint_before(end, tag_of(field));
    }
    return end;
}

uint8_t *weir_protobuf_scratch(size_t size)
{
    return mem_alloc(size);
}

void weir_protobuf_scratch_free(uint8_t *scratch)
{
    mem_free(scratch);
}
