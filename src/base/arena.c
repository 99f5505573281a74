/* SPDX-License-Identifier: MIT */
/*
 * arena.c - a bump arena: blocks of 1 KiB that double up to 16 KiB.
 *
 * What would waste much of a block gets a block of its own, behind the one in use, so that one
 * large piece does not throw away the rest of it.
 */
#include "base/arena.h"

#include "base/alloc.h"
#include "base/budget.h"

#include <stdio.h>
#include <string.h>

enum { BLOCK_SIZE_MIN = 1024, BLOCK_SIZE_MAX = 16384 };

struct arena_block {
    struct arena_block *next;
    _Alignas(8) uint8_t memory[];
};

/* Lies in the arena itself. */
struct arena_deferred {
    struct arena_deferred *next;
    void (*release)(void *what);
    void *what;
};

/* An arena that was made by itself: its first block lies behind it. */
struct own_arena {
    struct weir_arena arena;
    uint64_t memory[BLOCK_SIZE_MIN / sizeof(uint64_t)];
};

/* In the first block, from its start. */
static void start(struct weir_arena *arena)
{
    size_t skip = (size_t)(-(uintptr_t)arena->first & 7);
    bool useful = arena->first_size >= skip + 8;

    arena->at = useful ? (uint8_t *)arena->first + skip : NULL;
    arena->room = useful ? (arena->first_size - skip) & ~(size_t)7 : 0;
}

void arena_init(struct weir_arena *arena, void *memory, size_t size)
{
    *arena = (struct weir_arena){.first = memory, .first_size = size};
    start(arena);
}

static bool fits(const struct weir_arena *arena, size_t size)
{
    return arena->max_held == 0 ||
           sizeof(struct arena_block) + size <= arena->max_held - arena->held;
}

/* A linked block with `size` bytes behind its header; the block in use stays the one in use. */
static uint8_t *add_block(struct weir_arena *arena, size_t size)
{
    struct arena_block *block = NULL;

    if (fits(arena, size))
        block = mem_alloc(sizeof *block + size);
    if (block == NULL) {
        arena->refused = true;
        return NULL;
    }
    block->next = arena->blocks;
    arena->blocks = block;
    arena->held += sizeof *block + size;
    if (arena->memory != NULL)
        call_charge(arena->memory, sizeof *block + size);
    return block->memory;
}

void *arena_alloc_slow(struct weir_arena *arena, size_t size)
{
    size_t block_size = arena->block_size != 0 ? arena->block_size : BLOCK_SIZE_MIN;
    size_t usable = (block_size - sizeof(struct arena_block)) & ~(size_t)7;
    uint8_t *memory;

    if (size == 0)
        return arena_alloc(arena, 1);
    if (size > SIZE_MAX - 64) {
        arena->refused = true;
        return NULL;
    }
    size = (size + 7) & ~(size_t)7;
    if (size > usable / 2 || !fits(arena, usable))
        return add_block(arena, size);
    memory = add_block(arena, usable);
    if (memory == NULL)
        return NULL;
    arena->block_size = block_size < BLOCK_SIZE_MAX ? block_size * 2 : BLOCK_SIZE_MAX;
    arena->at = memory + size;
    arena->room = usable - size;
    return memory;
}

char *arena_copy(struct weir_arena *arena, const void *data, size_t size)
{
    char *copy = size < SIZE_MAX ? arena_alloc(arena, size + 1) : NULL;

    if (copy == NULL)
        return NULL;
    if (size != 0)
        memcpy(copy, data, size);
    copy[size] = '\0';
    return copy;
}

char *arena_vformat(struct weir_arena *arena, const char *format, va_list arguments)
{
    char small[256]; /* most texts fit and are formatted once */
    va_list again;
    char *text = NULL;
    int size;

    va_copy(again, arguments);
    size = vsnprintf(small, sizeof small, format, arguments);
    if (size >= 0)
        text = arena_alloc(arena, (size_t)size + 1);
    if (text != NULL && (size_t)size < sizeof small)
        memcpy(text, small, (size_t)size + 1);
    else if (text != NULL)
        vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return text;
}

/* Each is taken out before it is run, while all pieces are still there. */
static void run_deferred(struct weir_arena *arena)
{
    while (arena->deferred != NULL) {
        struct arena_deferred *deferred = arena->deferred;

        arena->deferred = deferred->next;
        deferred->release(deferred->what);
    }
}

void arena_clear(struct weir_arena *arena)
{
    run_deferred(arena);
    if (arena->memory != NULL && arena->held != 0)
        call_release(arena->memory, arena->held);
    while (arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;

        arena->blocks = block->next;
        mem_free(block);
    }
    arena->held = arena->block_size = 0;
    arena->refused = false;
    start(arena);
}

void arena_charge(struct weir_arena *arena, struct call_budget *memory)
{
    arena->memory = memory;
    if (arena->held != 0)
        call_charge(memory, arena->held);
}

void arena_allow(struct weir_arena *arena, size_t more)
{
    arena->max_held = more < SIZE_MAX - arena->held ? arena->held + more : 0;
    arena->refused = false;
}

/* ---- the public arena ---- */

weir_arena *weir_arena_create(size_t max_size)
{
    struct own_arena *own = mem_alloc(sizeof *own);
    size_t first_size = max_size < sizeof own->memory ? max_size : sizeof own->memory;

    if (own == NULL)
        return NULL;
    arena_init(&own->arena, own->memory, first_size);
    /* A bound of 1 is below a block's own size, and lets none be made. */
    own->arena.max_held = max_size - first_size > 1 ? max_size - first_size : 1;
    if (max_size == SIZE_MAX)
        own->arena.max_held = 0;
    return &own->arena;
}

void weir_arena_free(weir_arena *arena)
{
    if (arena == NULL)
        return;
    arena_clear(arena);
    mem_free(arena);
}

void weir_arena_reset(weir_arena *arena)
{
    arena_clear(arena);
}

void *weir_arena_alloc(weir_arena *arena, size_t size)
{
    return arena_alloc(arena, size);
}

char *weir_arena_copy(weir_arena *arena, const void *data, size_t size)
{
    return arena_copy(arena, data, size);
}

char *weir_arena_format(weir_arena *arena, const char *format, ...)
{
    va_list arguments;
    char *text;

    va_start(arguments, format);
    text = arena_vformat(arena, format, arguments);
    va_end(arguments);
    return text;
}

bool weir_arena_defer(weir_arena *arena, void (*release)(void *what), void *what)
{
    struct arena_deferred *deferred = arena_alloc(arena, sizeof *deferred);

    if (deferred == NULL)
        return false;
    *deferred = (struct arena_deferred){arena->deferred, release, what};
    arena->deferred = deferred;
    return true;
}

size_t weir_arena_held(const weir_arena *arena)
{
    return arena->first_size + arena->held;
}

bool weir_arena_refused(const weir_arena *arena)
{
    return arena->refused;
}
