/* SPDX-License-Identifier: MIT */
/*
 * failing_memory.h - an allocator that fails at a chosen allocation and counts what lives.
 *
 *     for (size_t at = 0; memory_fails_at(at), try_it(), memory_failed(); at++)
 *         ;
 *
 * is the loop of an out-of-memory test: it ends with the run in which nothing failed.
 */
#ifndef TESTS_FAILING_MEMORY_H
#define TESTS_FAILING_MEMORY_H

#include <weir/base.h>

#include <stdlib.h>

struct failing_memory {
    size_t calls;   /* allocations and resizes since the start of the run */
    size_t fail_at; /* the one that fails, SIZE_MAX: none */
    size_t living;
    bool failed;
};

static struct failing_memory failing_memory = {.fail_at = SIZE_MAX};

static inline bool failing_memory_refuses(void)
{
    if (failing_memory.calls++ != failing_memory.fail_at)
        return false;
    failing_memory.failed = true;
    return true;
}

static inline void *failing_allocate(void *self, size_t size)
{
    void *memory;

    (void)self;
    if (failing_memory_refuses())
        return NULL;
    memory = malloc(size);
    failing_memory.living += memory != NULL;
    return memory;
}

static inline void *failing_resize(void *self, void *memory, size_t size)
{
    if (memory == NULL)
        return failing_allocate(self, size);
    if (failing_memory_refuses())
        return NULL;
    return realloc(memory, size);
}

static inline void failing_release(void *self, void *memory)
{
    (void)self;
    failing_memory.living -= memory != NULL;
    free(memory);
}

/* Allocation number `at` (from 0) of those that follow fails. */
static inline void memory_fails_at(size_t at)
{
    static const weir_allocator allocator = {failing_allocate, failing_resize, failing_release,
                                             NULL};

    failing_memory = (struct failing_memory){.fail_at = at};
    weir_set_allocator(&allocator);
}

/* Back to malloc; true when an allocation was refused since memory_fails_at. */
static inline bool memory_failed(void)
{
    weir_set_allocator(NULL);
    return failing_memory.failed;
}

#endif
