/* SPDX-License-Identifier: MIT */
/*
 * unpack.c - protobuf-c's own unpacking, kept from taking more than it may.
 *
 * It recurses for each level of messages without a bound, so the levels are counted before, by a
 * walk that goes where it will go.
 */
#include "protobuf/wire.h"

static bool walk(const ProtobufCMessageDescriptor *descriptor, const uint8_t *at,
                 const uint8_t *end, unsigned depth);

/* What lies behind the tag, when that is a message of a type; NULL otherwise. */
static const ProtobufCMessageDescriptor *inner_message(const ProtobufCMessageDescriptor *outer,
                                                       uint32_t tag)
{
    const ProtobufCFieldDescriptor *field;

    if ((tag & 7) != WIRE_DELIMITED)
        return NULL;
    field = protobuf_c_message_descriptor_get_field(outer, tag >> 3);
    return field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE ? field->descriptor : NULL;
}

/* As wire_skip, and into messages. */
static const uint8_t *walk_field(const ProtobufCMessageDescriptor *descriptor, const uint8_t *at,
                                 const uint8_t *end, uint32_t tag, unsigned depth)
{
    const ProtobufCMessageDescriptor *inner = inner_message(descriptor, tag);
    const uint8_t *behind;

    if (inner == NULL)
        return wire_skip(at, end, tag, depth);
    at = weir_wire_length(at, end, &behind);
    return at != NULL && depth != 0 && walk(inner, at, behind, depth - 1) ? behind : NULL;
}

static bool walk(const ProtobufCMessageDescriptor *descriptor, const uint8_t *at,
                 const uint8_t *end, unsigned depth)
{
    uint32_t tag;

    while (at != NULL && at < end) {
        at = weir_wire_tag(at, end, &tag);
        if (at != NULL)
            at = walk_field(descriptor, at, end, tag, depth);
    }
    return at == end;
}

bool weir_protobuf_nesting_ok(const ProtobufCMessageDescriptor *descriptor, size_t len,
                              const uint8_t *data)
{
    return walk(descriptor, data, weir_wire_end(data, len), WEIR_PROTOBUF_MAX_NESTING);
}

static void *arena_take(void *self, size_t size)
{
    return weir_arena_alloc(self, size);
}

/* Pieces of an arena are given back all at once. */
static void arena_keep(void *self, void *piece)
{
    (void)self, (void)piece;
}

void *weir_protobuf_unpack(const ProtobufCMessageDescriptor *descriptor, weir_arena *arena,
                           size_t len, const uint8_t *data)
{
    ProtobufCAllocator allocator = {arena_take, arena_keep, arena};

    if (!weir_protobuf_nesting_ok(descriptor, len, data))
        return NULL;
    return protobuf_c_message_unpack(descriptor, &allocator, len, data);
}

/* ---- as a weir_message_type ---- */

void *weir_protobuf_type_unpack(const weir_message_type *type, weir_arena *arena,
                                const uint8_t *data, size_t size)
{
    return weir_protobuf_unpack(type->descriptor, arena, size, data);
}

size_t weir_protobuf_type_packed_size(const weir_message_type *type, const void *message)
{
    (void)type;
    return protobuf_c_message_get_packed_size(message);
}

bool weir_protobuf_type_pack(const weir_message_type *type, const void *message, uint8_t *out,
                             size_t size)
{
    (void)type;
    return protobuf_c_message_pack(message, out) == size;
}
