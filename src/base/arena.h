/* SPDX-License-Identifier: MIT */
/*
 * arena.h - memory that is given back all at once: what a call keeps until its end.
 *
 * Invariant: `at` is aligned to 8 and `room` is a multiple of 8, so that every piece is aligned and
 * taking one costs an addition. Pieces never move and are never given back one by one.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <weir/arena.h>

#include <stdarg.h>

struct arena_block;
struct call_budget;
struct arena_deferred;

/* The zero value is an empty arena without a first block. */
struct weir_arena {
    uint8_t *at;
    size_t room;
    struct arena_block *blocks;
    size_t block_size; /* of the next block; 0: none was needed yet */
    size_t held;       /* bytes of all blocks, without the owner's first one */
    size_t max_held;   /* 0: no bound */
    bool refused;      /* something did not fit */
    struct arena_deferred *deferred;
    struct call_budget *memory; /* its blocks are charged to this; NULL: to nothing */
    void *first;
    size_t first_size;
};

/* `memory` is the first block; the owner keeps it, and size may be 0. */
void arena_init(struct weir_arena *arena, void *memory, size_t size);

void *arena_alloc_slow(struct weir_arena *arena, size_t size);

/* Aligned to 8; NULL when memory is out. */
static inline void *arena_alloc(struct weir_arena *arena, size_t size)
{
    uint8_t *piece = arena->at;

    /* Size 0 wraps around and takes the slow way, which always gives a piece of its own. */
    if (size - 1 >= arena->room)
        return arena_alloc_slow(arena, size);
    size = (size + 7) & ~(size_t)7;
    arena->at += size;
    arena->room -= size;
    return piece;
}

/* A copy with a NUL behind it; NULL when memory is out. */
char *arena_copy(struct weir_arena *arena, const void *data, size_t size);

/* printf into the arena; NULL when memory is out. */
char *arena_vformat(struct weir_arena *arena, const char *format, va_list arguments);

/* Frees all but the first block, and starts again in that. The bound stays. */
void arena_clear(struct weir_arena *arena);

/* From now on its blocks are charged to `memory`, those it has included. */
void arena_charge(struct weir_arena *arena, struct call_budget *memory);

/* From now on the blocks may hold `more` bytes beyond what they hold (SIZE_MAX: no bound), and
 * nothing was refused yet. */
void arena_allow(struct weir_arena *arena, size_t more);

#endif
