/* SPDX-License-Identifier: MIT */
/*
 * alloc.c - the allocator hook, and the version.
 *
 * The hook is the only global of the library.
 */
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

static weir_allocator allocator;

const char *weir_version(void)
{
    return WEIR_VERSION;
}

void weir_set_allocator(const weir_allocator *custom)
{
    allocator = custom != NULL ? *custom : (weir_allocator){0};
}

void *mem_alloc(size_t size)
{
    if (allocator.allocate != NULL)
        return allocator.allocate(allocator.self, size);
    return malloc(size);
}

void *mem_zalloc(size_t size)
{
    void *memory = mem_alloc(size);

    if (memory != NULL)
        memset(memory, 0, size);
    return memory;
}

void *mem_resize(void *memory, size_t size)
{
    if (memory == NULL)
        return mem_alloc(size);
    if (allocator.resize != NULL)
        return allocator.resize(allocator.self, memory, size);
    return realloc(memory, size);
}

void mem_free(void *memory)
{
    if (memory == NULL)
        return;
    if (allocator.release != NULL)
        allocator.release(allocator.self, memory);
    else
        free(memory);
}

char *mem_copy_string(const char *string)
{
    size_t size = strlen(string) + 1;
    char *copy = mem_alloc(size);

    if (copy != NULL)
        memcpy(copy, string, size);
    return copy;
}
