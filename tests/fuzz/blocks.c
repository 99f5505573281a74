/* SPDX-License-Identifier: MIT */
#include "blocks.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef __has_feature /* gcc has it from version 14 on */
#define __has_feature(feature) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(memory, size) ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(memory, size) ((void)0)
#endif

enum { CLASSES = 20, SMALLEST = 32 };

/* Its size is a power of two, times SMALLEST; `used` of it is what was asked for. */
struct block {
    struct block *next;
    uint32_t kind;
    uint32_t used;
    unsigned char memory[];
};

static struct block *free_blocks[CLASSES];
static size_t living;

static struct block *block_of(void *memory)
{
    return (struct block *)((unsigned char *)memory - offsetof(struct block, memory));
}

static uint32_t kind_of(size_t size)
{
    uint32_t kind = 0;

    while (((size_t)SMALLEST << kind) < size)
        kind++;
    return kind;
}

void *blocks_alloc(size_t size, const char *file, int line)
{
    uint32_t kind = kind_of(size);
    struct block *block = kind < CLASSES ? free_blocks[kind] : NULL;

    (void)file, (void)line;
    if (size == 0 || kind >= CLASSES)
        return NULL;
    if (block != NULL)
        free_blocks[kind] = block->next;
    else
        block = malloc(sizeof *block + ((size_t)SMALLEST << kind));
    if (block == NULL)
        return NULL;
    block->kind = kind;
    block->used = (uint32_t)size;
    ASAN_POISON_MEMORY_REGION(block->memory, (size_t)SMALLEST << kind);
    ASAN_UNPOISON_MEMORY_REGION(block->memory, size);
    living++;
    return block->memory;
}

void blocks_free(void *memory, const char *file, int line)
{
    struct block *block = memory != NULL ? block_of(memory) : NULL;

    (void)file, (void)line;
    if (block == NULL)
        return;
    ASAN_POISON_MEMORY_REGION(memory, (size_t)SMALLEST << block->kind);
    block->next = free_blocks[block->kind];
    free_blocks[block->kind] = block;
    living--;
}

void *blocks_resize(void *memory, size_t size, const char *file, int line)
{
    void *resized;
    size_t used;

    if (memory == NULL)
        return blocks_alloc(size, file, line);
    if (size == 0) {
        blocks_free(memory, file, line);
        return NULL;
    }
    used = block_of(memory)->used;
    resized = blocks_alloc(size, file, line);
    if (resized != NULL) {
        memcpy(resized, memory, used < size ? used : size);
        blocks_free(memory, file, line);
    }
    return resized;
}

size_t blocks_living(void)
{
    return living;
}
