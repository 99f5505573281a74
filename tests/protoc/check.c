/* SPDX-License-Identifier: MIT */
/*
 * check.c - one message in every way there is.
 */
#include "check.h"

#include "everything2.pb-c.h"
#include "everything3.pb-c.h"
#include "groups.pb-c.h"
#include "optional.pb-c.h"
#include "peculiar.h"

#include <stdio.h>
#include <stdlib.h>

#define FUNCTIONS(lower, type)                                                                     \
    static ProtobufCMessage *lower##_unpack_borrowed(weir_arena *arena, size_t len,                \
                                                     const uint8_t *data)                          \
    {                                                                                              \
        return (ProtobufCMessage *)lower##__unpack_borrowed(arena, len, data);                     \
    }                                                                                              \
    static ProtobufCMessage *lower##_unpack(ProtobufCAllocator *allocator, size_t len,             \
                                            const uint8_t *data)                                   \
    {                                                                                              \
        return (ProtobufCMessage *)lower##__unpack(allocator, len, data);                          \
    }                                                                                              \
    static void lower##_free_unpacked(ProtobufCMessage *message, ProtobufCAllocator *allocator)    \
    {                                                                                              \
        lower##__free_unpacked((type *)message, allocator);                                        \
    }                                                                                              \
    static size_t lower##_get_packed_size(const ProtobufCMessage *message)                         \
    {                                                                                              \
        return lower##__get_packed_size((const type *)message);                                    \
    }                                                                                              \
    static size_t lower##_pack(const ProtobufCMessage *message, uint8_t *out)                      \
    {                                                                                              \
        return lower##__pack((const type *)message, out);                                          \
    }                                                                                              \
    static size_t lower##_pack_to_buffer(const ProtobufCMessage *message, ProtobufCBuffer *buffer) \
    {                                                                                              \
        return lower##__pack_to_buffer((const type *)message, buffer);                             \
    }

#define TYPE(name, lower)                                                                          \
    {                                                                                              \
        name, &lower##__descriptor, lower##_unpack_borrowed, lower##_unpack,                       \
            lower##_free_unpacked, lower##_get_packed_size, lower##_pack, lower##_pack_to_buffer   \
    }

FUNCTIONS(everything__two__everything, Everything__Two__Everything)
FUNCTIONS(everything__three__everything, Everything__Three__Everything)
FUNCTIONS(everything__optional__everything, Everything__Optional__Everything)
FUNCTIONS(groups__with_groups, Groups__WithGroups)

const struct tested_type tested_types[] = {
    TYPE("everything.two.Everything", everything__two__everything),
    TYPE("everything.three.Everything", everything__three__everything),
    TYPE("everything.optional.Everything", everything__optional__everything),
    TYPE("groups.WithGroups", groups__with_groups),
};
const size_t tested_type_count = sizeof tested_types / sizeof *tested_types;

/* More than any type here takes for a byte that arrived, beside what one message takes anyway. */
#define BYTES_FOR_A_BYTE 256
#define BYTES_FOR_A_MESSAGE (64 * 1024)

static void must(bool holds, const struct tested_type *type, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s: %s\n", type->name, what);
    abort();
}

static struct packed pack_by_protobuf_c(const ProtobufCMessage *message)
{
    struct packed packed = {0};

    if (message == NULL)
        return packed;
    packed.size = protobuf_c_message_get_packed_size(message);
    packed.data = malloc(packed.size + 1);
    if (packed.data == NULL || protobuf_c_message_pack(message, packed.data) != packed.size)
        abort();
    return packed;
}

static bool is_same(const struct packed *a, const struct packed *b)
{
    if (a->data == NULL || b->data == NULL)
        return a->data == b->data;
    return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

/* All that packs it writes the same bytes, and exactly as many as were counted. */
static struct packed pack(const struct tested_type *type, const ProtobufCMessage *message)
{
    ProtobufCBufferSimple buffer = PROTOBUF_C_BUFFER_SIMPLE_INIT((uint8_t[1]){0});
    struct packed theirs = pack_by_protobuf_c(message), ours = {NULL, theirs.size}, buffered;

    if (message == NULL)
        return theirs;
    must(type->get_packed_size(message) == theirs.size, type, "its size is another");
    ours.data = malloc(ours.size != 0 ? ours.size : 1); /* no byte to spare, for ASan to see */
    must(ours.data != NULL && type->pack(message, ours.data) == ours.size, type, "pack");
    must(is_same(&ours, &theirs), type, "it is packed to other bytes");
    type->pack_to_buffer(message, &buffer.base);
    buffered = (struct packed){buffer.data, buffer.len};
    must(is_same(&buffered, &theirs), type, "it is packed to other bytes in a buffer");
    PROTOBUF_C_BUFFER_SIMPLE_CLEAR(&buffer);
    free(theirs.data);
    return ours;
}

static struct packed check_borrowed(const struct tested_type *type, const uint8_t *data,
                                    size_t size)
{
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    struct packed packed = pack(type, type->unpack_borrowed(arena, size, data));

    must(weir_arena_held(arena) <= BYTES_FOR_A_MESSAGE + BYTES_FOR_A_BYTE * size, type,
         "it takes too much memory");
    weir_arena_free(arena);
    return packed;
}

static struct packed check_owning(const struct tested_type *type, const uint8_t *data, size_t size)
{
    ProtobufCMessage *message = type->unpack(NULL, size, data);
    struct packed packed = pack(type, message);

    type->free_unpacked(message, NULL);
    return packed;
}

static struct packed check_in_arena(const struct tested_type *type, const uint8_t *data,
                                    size_t size)
{
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    struct packed packed = pack(type, weir_protobuf_unpack(type->descriptor, arena, size, data));

    weir_arena_free(arena);
    return packed;
}

static struct packed check_protobuf_c(const struct tested_type *type, const uint8_t *data,
                                      size_t size)
{
    ProtobufCMessage *message = protobuf_c_message_unpack(type->descriptor, NULL, size, data);
    struct packed packed = pack_by_protobuf_c(message);

    protobuf_c_message_free_unpacked(message, NULL);
    return packed;
}

struct outcome check_message(const struct tested_type *type, const uint8_t *data, size_t size)
{
    struct outcome outcome = {.peculiar = peculiarities(type->descriptor, data, size)};
    struct packed owning = check_owning(type, data, size);
    struct packed in_arena = check_in_arena(type, data, size);

    outcome.ours = check_borrowed(type, data, size);
    if ((outcome.peculiar & (PECULIAR_DEPTH | PECULIAR_TAG)) != 0) {
        must(outcome.ours.data == NULL, type, "borrowed, it nests too deep or has no number");
        must(in_arena.data == NULL, type, "in an arena, it nests too deep or has no number");
        must((outcome.peculiar & PECULIAR_DEPTH) == 0 || owning.data == NULL, type,
             "owning, it nests too deep");
    } else {
        outcome.theirs = check_protobuf_c(type, data, size);
        must(is_same(&owning, &outcome.theirs), type, "unpack is not protobuf-c's");
        must(is_same(&in_arena, &outcome.theirs), type, "in an arena it is not protobuf-c's");
    }
    if (outcome.peculiar == 0)
        must(is_same(&outcome.ours, &outcome.theirs), type, "unpack_borrowed is not protobuf-c's");
    free(owning.data);
    free(in_arena.data);
    return outcome;
}

void outcome_clear(struct outcome *outcome)
{
    free(outcome->ours.data);
    free(outcome->theirs.data);
    *outcome = (struct outcome){0};
}
