/* SPDX-License-Identifier: MIT */
/*
 * protobuf.h - messages of protobuf-c: unpacking into an arena, and the steps of generated code.
 *
 * weir.h does not include this header, since protobuf-c's are not on every machine.
 *
 * Reading steps take a position and the end, and return the position behind what they read, or NULL
 * when it is malformed or does not lie before the end. They take NULL nowhere. Writing steps go
 * backwards: they take the position behind what they write and return where that begins, so that a
 * length is known when its turn comes. Room for them was counted before.
 */
#ifndef WEIR_PROTOBUF_H
#define WEIR_PROTOBUF_H

#include <weir/typed.h>

#include <protobuf-c/protobuf-c.h>

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* As many messages may lie in each other below the first, groups counted in, as protobuf allows. */
#define WEIR_PROTOBUF_MAX_NESTING 100

/*
 * A message of any descriptor of protobuf-c, all of it in the arena, by protobuf-c's own library.
 * NULL: malformed, nested too deep, or the arena refused (weir_arena_refused tells).
 */
WEIR_API void *weir_protobuf_unpack(const ProtobufCMessageDescriptor *descriptor, weir_arena *arena,
                                    size_t len, const uint8_t *data);

/*
 * False: messages are nested deeper than WEIR_PROTOBUF_MAX_NESTING, or `data` is malformed.
 * protobuf-c's library has no bound of its own and takes stack for each level: ask before
 * protobuf_c_message_unpack of data that somebody else made.
 */
WEIR_API bool weir_protobuf_nesting_ok(const ProtobufCMessageDescriptor *descriptor, size_t len,
                                       const uint8_t *data);

/* What a weir_message_type has whose descriptor is a ProtobufCMessageDescriptor: libprotobuf-c's
 * own functions, for messages that protoc-c made. */
WEIR_API void *weir_protobuf_type_unpack(const weir_message_type *type, weir_arena *arena,
                                         const uint8_t *data, size_t size);
WEIR_API size_t weir_protobuf_type_packed_size(const weir_message_type *type, const void *message);
WEIR_API bool weir_protobuf_type_pack(const weir_message_type *type, const void *message,
                                      uint8_t *out, size_t size);

/* ---- for generated code: reading ---- */

WEIR_API const uint8_t *weir_wire_varint_slow(const uint8_t *at, const uint8_t *end,
                                              uint64_t *value);
WEIR_API const uint8_t *weir_wire_tag_slow(const uint8_t *at, const uint8_t *end, uint32_t *tag);
WEIR_API const uint8_t *weir_wire_length_slow(const uint8_t *at, const uint8_t *end,
                                              const uint8_t **behind);

/* Where `len` bytes at `data` end, which may be NULL when there are none. */
static inline const uint8_t *weir_wire_end(const uint8_t *data, size_t len)
{
    return len != 0 ? data + len : data;
}

static inline const uint8_t *weir_wire_varint(const uint8_t *at, const uint8_t *end,
                                              uint64_t *value)
{
    if (at == end || *at >= 0x80)
        return weir_wire_varint_slow(at, end, value);
    *value = *at;
    return at + 1;
}

/* There is a byte at `at`. That no field has the number 0 is for weir_protobuf_unknown to see. */
static inline const uint8_t *weir_wire_tag(const uint8_t *at, const uint8_t *end, uint32_t *tag)
{
    if (*at >= 0x80)
        return weir_wire_tag_slow(at, end, tag);
    *tag = *at;
    return at + 1;
}

/* A length, and in *behind where what it counts ends. */
static inline const uint8_t *weir_wire_length(const uint8_t *at, const uint8_t *end,
                                              const uint8_t **behind)
{
    if (at == end || *at >= 0x80 || *at >= end - at)
        return weir_wire_length_slow(at, end, behind);
    *behind = at + 1 + *at;
    return at + 1;
}

static inline const uint8_t *weir_wire_fixed32(const uint8_t *at, const uint8_t *end,
                                               uint64_t *value)
{
    if (end - at < 4)
        return NULL;
    *value = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    return at + 4;
}

static inline const uint8_t *weir_wire_fixed64(const uint8_t *at, const uint8_t *end,
                                               uint64_t *value)
{
    if (end - at < 8)
        return NULL;
    *value = (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 |
             (uint64_t)at[3] << 24 | (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 |
             (uint64_t)at[6] << 48 | (uint64_t)at[7] << 56;
    return at + 8;
}

static inline int32_t weir_wire_unzigzag32(uint32_t value)
{
    return (int32_t)(value >> 1 ^ (0 - (value & 1)));
}

static inline int64_t weir_wire_unzigzag64(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

static inline float weir_wire_float(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline double weir_wire_double(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* How many varints end before `end`. */
WEIR_API size_t weir_wire_count(const uint8_t *at, const uint8_t *end);

/* Numbers of 4 and of 8 bytes from the wire into an array. */
WEIR_API void weir_wire_copy32(void *out, const uint8_t *at, size_t count);
WEIR_API void weir_wire_copy64(void *out, const uint8_t *at, size_t count);

/* Bytes that stay where they are. */
static inline ProtobufCBinaryData weir_protobuf_borrow(const uint8_t *at, const uint8_t *behind)
{
    ProtobufCBinaryData data;

    data.len = (size_t)(behind - at);
    data.data = data.len != 0 ? (uint8_t *)at : NULL;
    return data;
}

/*
 * An array in the arena with room for `more` elements, at least one, behind the first `count`: the
 * same array, or one of twice the size. NULL: the arena refused.
 */
WEIR_API void *weir_protobuf_reserve(weir_arena *arena, void *array, size_t count, size_t more,
                                     size_t size);

/* Room for one more. An array has room for 4 elements, 8, 16 and so on, so its count tells. */
static inline void *weir_protobuf_grow(weir_arena *arena, void *array, size_t count, size_t size)
{
    if (count != 0 && (count < 4 || (count & (count - 1)) != 0))
        return array;
    return weir_protobuf_reserve(arena, array, count, 1, size);
}

/*
 * A field that the message does not have, or not with this wire type, as it lies behind its tag. It
 * is kept in the unknown fields of the message, borrowed; a group is left out. NULL also when the
 * arena refused.
 */
WEIR_API const uint8_t *weir_protobuf_unknown(ProtobufCMessage *message, weir_arena *arena,
                                              unsigned depth, uint32_t tag, const uint8_t *at,
                                              const uint8_t *end);

/* ---- for generated code: writing ---- */

WEIR_API uint8_t *weir_wire_varint_before_slow(uint8_t *end, uint64_t value);
WEIR_API size_t weir_protobuf_unknown_size_slow(const ProtobufCMessage *message);
WEIR_API uint8_t *weir_protobuf_unknown_before_slow(uint8_t *end, const ProtobufCMessage *message);

/* Memory to pack into, for pack_to_buffer. NULL: out of memory. */
WEIR_API uint8_t *weir_protobuf_scratch(size_t size);
WEIR_API void weir_protobuf_scratch_free(uint8_t *scratch);

static inline size_t weir_wire_varint_size(uint64_t value)
{
    size_t size = 1;

#if defined(__GNUC__)
    size = ((size_t)(63 - __builtin_clzll(value | 1)) * 9 + 73) / 64;
#else
    for (; value >= 0x80; value >>= 7)
        size++;
#endif
    return size;
}

static inline uint8_t *weir_wire_varint_before(uint8_t *end, uint64_t value)
{
    if (value >= 0x80)
        return weir_wire_varint_before_slow(end, value);
    *--end = (uint8_t)value;
    return end;
}

static inline uint8_t *weir_wire_fixed32_before(uint8_t *end, uint32_t value)
{
    *--end = (uint8_t)(value >> 24);
    *--end = (uint8_t)(value >> 16);
    *--end = (uint8_t)(value >> 8);
    *--end = (uint8_t)value;
    return end;
}

static inline uint8_t *weir_wire_fixed64_before(uint8_t *end, uint64_t value)
{
    return weir_wire_fixed32_before(weir_wire_fixed32_before(end, (uint32_t)(value >> 32)),
                                    (uint32_t)value);
}

static inline uint32_t weir_wire_zigzag32(int32_t value)
{
    return (uint32_t)value << 1 ^ (0 - ((uint32_t)value >> 31));
}

static inline uint64_t weir_wire_zigzag64(int64_t value)
{
    return (uint64_t)value << 1 ^ (0 - ((uint64_t)value >> 63));
}

static inline uint32_t weir_wire_float_bits(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline uint64_t weir_wire_double_bits(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* What has a length before it: a message, a string, bytes, packed numbers. */
static inline size_t weir_wire_delimited_size(size_t size)
{
    return weir_wire_varint_size(size) + size;
}

static inline uint8_t *weir_wire_delimited_before(uint8_t *end, const void *data, size_t size)
{
    end -= size;
    if (size != 0)
        memcpy(end, data, size);
    return weir_wire_varint_before(end, size);
}

/* NULL is an empty string. */
static inline size_t weir_wire_string_size(const char *string)
{
    return weir_wire_delimited_size(string != NULL ? strlen(string) : 0);
}

static inline uint8_t *weir_wire_string_before(uint8_t *end, const char *string)
{
    return weir_wire_delimited_before(end, string, string != NULL ? strlen(string) : 0);
}

static inline size_t weir_protobuf_unknown_size(const ProtobufCMessage *message)
{
    return message->n_unknown_fields != 0 ? weir_protobuf_unknown_size_slow(message) : 0;
}

static inline uint8_t *weir_protobuf_unknown_before(uint8_t *end, const ProtobufCMessage *message)
{
    return message->n_unknown_fields != 0 ? weir_protobuf_unknown_before_slow(end, message) : end;
}

#ifdef __cplusplus
}
#endif

#endif
