/* SPDX-License-Identifier: MIT */
/*
 * arena.c - a bump arena: blocks of 1 KiB that double up to 16 KiB.
 *
 * What would waste much of a block gets a block of its own, behind the one in use, so that one
 * large piece does not throw away the rest of it.
 */
#include "base/arena.h"

#include "base/alloc.h"

#include <string.h>

enum { BLOCK_SIZE_MIN = 1024, BLOCK_SIZE_MAX = 16384 };

struct arena_block {
    struct arena_block *next;
    _Alignas(8) uint8_t memory[];
};

void arena_init(struct arena *arena, void *memory, size_t size)
{
    size_t skip = (size_t)(-(uintptr_t)memory & 7);

    *arena = (struct arena){.first = memory, .first_size = size};
    if (size >= skip + 8) {
        arena->at = (uint8_t *)memory + skip;
        arena->room = (size - skip) & ~(size_t)7;
    }
}

/* A linked block with `size` bytes behind its header; the block in use stays the one in use. */
static uint8_t *add_block(struct arena *arena, size_t size)
{
    struct arena_block *block = mem_alloc(sizeof *block + size);

    if (block == NULL)
        return NULL;
    block->next = arena->blocks;
    arena->blocks = block;
    arena->held += sizeof *block + size;
    return block->memory;
}

void *arena_alloc_slow(struct arena *arena, size_t size)
{
    size_t block_size = arena->block_size != 0 ? arena->block_size : BLOCK_SIZE_MIN;
    size_t usable = (block_size - sizeof(struct arena_block)) & ~(size_t)7;
    uint8_t *memory;

    if (size == 0)
        return arena_alloc(arena, 1);
    if (size > SIZE_MAX - 64)
        return NULL;
    size = (size + 7) & ~(size_t)7;
    if (size > usable / 2)
        return add_block(arena, size);
    memory = add_block(arena, usable);
    if (memory == NULL)
        return NULL;
    arena->block_size = block_size < BLOCK_SIZE_MAX ? block_size * 2 : BLOCK_SIZE_MAX;
    arena->at = memory + size;
    arena->room = usable - size;
    return memory;
}

char *arena_copy(struct arena *arena, const void *data, size_t size)
{
    char *copy = size < SIZE_MAX ? arena_alloc(arena, size + 1) : NULL;

    if (copy == NULL)
        return NULL;
    if (size != 0)
        memcpy(copy, data, size);
    copy[size] = '\0';
    return copy;
}

void arena_clear(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;

        arena->blocks = block->next;
        mem_free(block);
    }
    arena_init(arena, arena->first, arena->first_size);
}
