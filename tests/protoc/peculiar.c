/* SPDX-License-Identifier: MIT */
/*
 * peculiar.c - what of a message protobuf-c's library is known to take otherwise than protobuf.
 *
 * This walk shares no code with the library's: it reads numbers of any size, and notes what it
 * sees.
 */
#include "peculiar.h"

#include <stdbool.h>
#include <string.h>

#define MAX_FIELDS 256
#define MAX_DEPTH 100

struct walk {
    const uint8_t *at;
    const uint8_t *end;
    bool malformed;
};

/* `bits` are all seven of each byte, also where they are past 64. */
static uint64_t read_varint(struct walk *walk, unsigned max_bytes, bool *any_bits)
{
    uint64_t value = 0;
    unsigned i = 0;

    *any_bits = false;
    for (; i < max_bytes && walk->at < walk->end; i++) {
        uint8_t byte = *walk->at++;

        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        *any_bits |= (byte & 0x7f) != 0;
        if (byte < 0x80)
            return value;
    }
    walk->malformed = true;
    return 0;
}

static struct walk read_piece(struct walk *walk)
{
    bool any;
    uint64_t size = read_varint(walk, 5, &any);
    struct walk piece = {walk->at, walk->at, false};

    if (walk->malformed || size > (uint64_t)(walk->end - walk->at)) {
        walk->malformed = true;
        return piece;
    }
    walk->at += size;
    piece.end = walk->at;
    return piece;
}

static void skip(struct walk *walk, size_t size)
{
    if ((size_t)(walk->end - walk->at) < size)
        walk->malformed = true;
    else
        walk->at += size;
}

static unsigned wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return 2;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return 5;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 1;
    default:
        return 0;
    }
}

static bool fits(const ProtobufCFieldDescriptor *field, unsigned wire_type)
{
    return wire_type == wire_type_of(field->type) ||
           (wire_type == 2 && field->label == PROTOBUF_C_LABEL_REPEATED);
}

static unsigned of_bool(struct walk *walk)
{
    bool any;

    return read_varint(walk, 10, &any) == 0 && any ? PECULIAR_BOOL : 0;
}

static unsigned of_bools(struct walk piece)
{
    unsigned result = 0;

    while (piece.at < piece.end && !piece.malformed)
        result |= of_bool(&piece);
    return result;
}

static unsigned of_message(const ProtobufCMessageDescriptor *descriptor, struct walk *walk,
                           unsigned depth);

/* What has a length: an inner message, or packed numbers. */
static unsigned of_delimited(const ProtobufCFieldDescriptor *field, struct walk *walk,
                             unsigned depth)
{
    struct walk piece = read_piece(walk);
    unsigned result = 0;

    if (walk->malformed || field == NULL)
        return 0;
    if (field->type == PROTOBUF_C_TYPE_BOOL)
        return of_bools(piece);
    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return 0;
    if (depth == MAX_DEPTH)
        return PECULIAR_DEPTH;
    result = of_message(field->descriptor, &piece, depth + 1);
    walk->malformed |= piece.malformed;
    return result;
}

static unsigned of_value(const ProtobufCFieldDescriptor *field, struct walk *walk,
                         unsigned wire_type, unsigned depth)
{
    bool any;

    switch (wire_type) {
    case 0:
        if (field != NULL && field->type == PROTOBUF_C_TYPE_BOOL)
            return of_bool(walk);
        read_varint(walk, 10, &any);
        return 0;
    case 1:
        skip(walk, 8);
        return 0;
    case 2:
        return of_delimited(field, walk, depth);
    case 5:
        skip(walk, 4);
        return 0;
    default:
        return PECULIAR_GROUP; /* what is in it is not looked at */
    }
}

static bool is_single_message(const ProtobufCFieldDescriptor *field)
{
    return field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE &&
           field->label != PROTOBUF_C_LABEL_REPEATED;
}

static unsigned of_message(const ProtobufCMessageDescriptor *descriptor, struct walk *walk,
                           unsigned depth)
{
    bool seen[MAX_FIELDS] = {false};
    unsigned result = 0;

    while (walk->at < walk->end && !walk->malformed && (result & PECULIAR_GROUP) == 0) {
        bool any;
        uint64_t tag = read_varint(walk, 5, &any);
        const ProtobufCFieldDescriptor *field = NULL;

        if (walk->malformed)
            break;
        if (tag >> 3 == 0 || tag > UINT32_MAX)
            return result | PECULIAR_TAG;
        field = protobuf_c_message_descriptor_get_field(descriptor, (unsigned)(tag >> 3));
        if (field != NULL && !fits(field, tag & 7)) {
            result |= PECULIAR_WIRE_TYPE;
            field = NULL;
        }
        if (is_single_message(field)) {
            if (seen[field - descriptor->fields])
                result |= PECULIAR_MERGE;
            seen[field - descriptor->fields] = true;
        }
        result |= of_value(field, walk, tag & 7, depth);
    }
    return result;
}

unsigned peculiarities(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
                       size_t size)
{
    struct walk walk = {data, size != 0 ? data + size : data, false};

    return of_message(descriptor, &walk, 0);
}
