/* SPDX-License-Identifier: MIT */
/*
 * check.h - one message in every way there is: borrowed, owning, by protobuf-c, and packed again.
 *
 * What must be so whatever the bytes are is checked here, and a difference ends the program. Tests
 * with messages of their own and the fuzzer call this.
 */
#ifndef CHECK_H
#define CHECK_H

#include <weir/protobuf.h>

/* The generated functions of one message, with a type that all of them share. */
struct tested_type {
    const char *name;
    const ProtobufCMessageDescriptor *descriptor;
    ProtobufCMessage *(*unpack_borrowed)(weir_arena *arena, size_t len, const uint8_t *data);
    ProtobufCMessage *(*unpack)(ProtobufCAllocator *allocator, size_t len, const uint8_t *data);
    void (*free_unpacked)(ProtobufCMessage *message, ProtobufCAllocator *allocator);
    size_t (*get_packed_size)(const ProtobufCMessage *message);
    size_t (*pack)(const ProtobufCMessage *message, uint8_t *out);
    size_t (*pack_to_buffer)(const ProtobufCMessage *message, ProtobufCBuffer *buffer);
};

extern const struct tested_type tested_types[];
extern const size_t tested_type_count;

/* A message's bytes, from malloc; NULL when there was no message. */
struct packed {
    uint8_t *data;
    size_t size;
};

struct outcome {
    unsigned peculiar;  /* bits of peculiar.h */
    struct packed ours; /* unpacked borrowed, packed again */
    struct packed
        theirs; /* the same by protobuf-c; not asked where it does not bound what it takes */
};

struct outcome check_message(const struct tested_type *type, const uint8_t *data, size_t size);
void outcome_clear(struct outcome *outcome);

#endif
