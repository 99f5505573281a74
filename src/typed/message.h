/* SPDX-License-Identifier: MIT */
/*
 * message.h - messages between bytes and structures, and the arenas they live in.
 */
#ifndef TYPED_MESSAGE_H
#define TYPED_MESSAGE_H

#include <weir/typed.h>

#include "base/arena.h"

/* An arena for one message at a time, inside whatever owns it. */
struct message_arena {
    struct weir_arena arena;
    uint64_t memory[64];
};

/* `call`: whose memory it is; NULL: nobody counts it. */
void message_arena_init(struct message_arena *own, size_t max_memory, const weir_call *call);

/* Where no call says what messages may take in memory: what one of `size` bytes may, unpacked, and
 * what one may that is built. */
size_t unpacked_memory(size_t size);
#define BUILT_MEMORY ((size_t)64 << 20)

/* `bytes` move in and live until the arena is cleared. False, and they are gone: it refused. */
bool arena_keep_bytes(struct weir_arena *arena, weir_bytes bytes);

/* Unpacks `data`, which moves in and lives as long as what was unpacked. */
weir_code message_unpack_owned(const weir_message_type *type, struct weir_arena *arena,
                               weir_bytes data, void **out, weir_status *why) WEIR_MUST_USE;

/* Packs a message that was built in `arena`. What the arena refused is missing in the message: then
 * it is not packed, but RESOURCE_EXHAUSTED. */
weir_code message_pack_built(const weir_message_type *type, const void *message,
                             const struct weir_arena *arena, weir_bytes *out, weir_status *why);

/* The same into an item of a stream: READY, or ERROR with the reason. */
weir_poll message_pack_item(const weir_message_type *type, const void *message,
                            const struct weir_arena *arena, weir_item *out);

/* An ERROR whose status moves from the item to *why (may be NULL). */
weir_poll poll_status(weir_item *item, weir_status *why);

#endif
