/* SPDX-License-Identifier: MIT */
/*
 * wire.c - protobuf's wire format, as far as no message is in it.
 *
 * Tags have 32 bits, so that no field's number is past 2^29 - 1, and at most 5 bytes. So have
 * lengths, which are below 2^31. Varints have at most 10 bytes; what is past 64 bits is dropped.
 */
#include "protobuf/wire.h"

#define MAX_VARINT 10
#define MAX_SHORT_VARINT 5

static const uint8_t *read_varint(const uint8_t *at, const uint8_t *end, unsigned max_bytes,
                                  uint64_t *value)
{
    uint64_t result = 0;

    for (unsigned i = 0; i < max_bytes && at < end; i++) {
        uint8_t byte = *at++;

        result |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *value = result;
            return at;
        }
    }
    return NULL;
}

const uint8_t *weir_wire_varint_slow(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
    return read_varint(at, end, MAX_VARINT, value);
}

const uint8_t *weir_wire_tag_slow(const uint8_t *at, const uint8_t *end, uint32_t *tag)
{
    uint64_t value = 0;

    at = read_varint(at, end, MAX_SHORT_VARINT, &value);
    *tag = (uint32_t)value;
    return value <= UINT32_MAX ? at : NULL;
}

const uint8_t *weir_wire_length_slow(const uint8_t *at, const uint8_t *end, const uint8_t **behind)
{
    uint64_t length = 0;

    at = read_varint(at, end, MAX_SHORT_VARINT, &length);
    if (at == NULL || length > INT32_MAX || length > (uint64_t)(end - at))
        return NULL;
    *behind = at + length;
    return at;
}

size_t weir_wire_count(const uint8_t *at, const uint8_t *end)
{
    size_t count = 0;

    for (; at < end; at++)
        count += *at < 0x80;
    return count;
}

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
void weir_wire_copy32(void *out, const uint8_t *at, size_t count)
{
    memcpy(out, at, count * 4);
}

void weir_wire_copy64(void *out, const uint8_t *at, size_t count)
{
    memcpy(out, at, count * 8);
}
#else
void weir_wire_copy32(void *out, const uint8_t *at, size_t count)
{
    uint64_t value;

    for (uint32_t *word = out; count-- > 0; word++) {
        at = weir_wire_fixed32(at, at + 4, &value);
        *word = (uint32_t)value;
    }
}

void weir_wire_copy64(void *out, const uint8_t *at, size_t count)
{
    for (uint64_t *word = out; count-- > 0; word++)
        at = weir_wire_fixed64(at, at + 8, word);
}
#endif

/* Behind the end of the group whose number this is. */
static const uint8_t *skip_group(const uint8_t *at, const uint8_t *end, uint32_t number,
                                 unsigned depth)
{
    uint32_t tag;

    while (at < end) {
        at = weir_wire_tag(at, end, &tag);
        if (at == NULL)
            return NULL;
        if ((tag & 7) == WIRE_GROUP_END)
            return tag >> 3 == number ? at : NULL;
        at = wire_skip(at, end, tag, depth);
        if (at == NULL)
            return NULL;
    }
    return NULL;
}

const uint8_t *wire_skip(const uint8_t *at, const uint8_t *end, uint32_t tag, unsigned depth)
{
    const uint8_t *behind;
    uint64_t value;

    if (tag >> 3 == 0)
        return NULL;
    switch ((enum wire_type)(tag & 7)) {
    case WIRE_VARINT:
        return weir_wire_varint(at, end, &value);
    case WIRE_FIXED64:
        return weir_wire_fixed64(at, end, &value);
    case WIRE_DELIMITED:
        return weir_wire_length(at, end, &behind) != NULL ? behind : NULL;
    case WIRE_GROUP:
        return depth != 0 ? skip_group(at, end, tag >> 3, depth - 1) : NULL;
    case WIRE_FIXED32:
        return weir_wire_fixed32(at, end, &value);
    default:
        return NULL;
    }
}

uint8_t *weir_wire_varint_before_slow(uint8_t *end, uint64_t value)
{
    uint8_t *begin = end - weir_wire_varint_size(value), *at = begin;

    for (; value >= 0x80; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at = (uint8_t)value;
    return begin;
}
