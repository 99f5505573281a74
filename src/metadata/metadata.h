/* SPDX-License-Identifier: MIT */
/*
 * metadata.h - the inside of weir_metadata: pairs in an arena, and their form on the wire.
 *
 * Invariant: what is in a list may be sent. Names have gRPC's characters, ASCII values are 0x20 to
 * 0x7E without outer spaces, and "-bin" values are raw bytes. So what a handler was given it may
 * give back.
 */
#ifndef METADATA_METADATA_H
#define METADATA_METADATA_H

#include <weir/metadata.h>

#include "base/arena.h"

struct metadata_entry {
    const char *name; /* a NUL behind it, which is not counted; so behind the value */
    size_t name_size;
    const uint8_t *value;
    size_t value_size;
};

/* Lies inside a call, and lives in its arena: nothing is freed. */
struct weir_metadata {
    struct weir_arena *arena;
    struct metadata_entry *entries;
    size_t count;
    size_t capacity;
};

static inline void metadata_init(struct weir_metadata *metadata, struct weir_arena *arena)
{
    *metadata = (struct weir_metadata){.arena = arena};
}

/* True for a name that only the library may send, ':' names included. */
bool metadata_is_reserved(const char *name, size_t size);

/* weir_metadata_add, of a name that need not end in NUL. */
weir_code metadata_add(struct weir_metadata *metadata, const char *name, size_t name_size,
                       const void *value, size_t value_size);

/* Appends copies of a pair that is known to be sendable: no checks. RESOURCE_EXHAUSTED. */
weir_code metadata_append(struct weir_metadata *metadata, const char *name, size_t name_size,
                          const void *value, size_t value_size);

/* Appends copies of all pairs of `from`; all of them or none. RESOURCE_EXHAUSTED. */
weir_code metadata_append_all(struct weir_metadata *metadata, const struct weir_metadata *from);

/*
 * Appends a header that came from the peer, whose name is lower case. A "-bin" value is split at
 * ',' and decoded, each part a pair of its own; junk in one is INTERNAL, and then nothing was
 * appended. A pair that could not be sent back (bad name, a value that is not ASCII) is left out,
 * which is no error. RESOURCE_EXHAUSTED: out of memory.
 */
weir_code metadata_append_wire(struct weir_metadata *metadata, const uint8_t *name,
                               size_t name_size, const uint8_t *value, size_t value_size);

/* The value as it is sent: base64 without padding, made in `arena`, for "-bin" names; else borrowed
 * from the list. RESOURCE_EXHAUSTED: out of memory. */
weir_code metadata_wire_value(const struct weir_metadata *metadata, size_t index,
                              struct weir_arena *arena, weir_slice *out);

#endif
