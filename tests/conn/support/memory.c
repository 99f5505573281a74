/* SPDX-License-Identifier: MIT */
/*
 * memory.c - an allocator that counts what lives, and that fails when it is told to.
 */
#include "conn/support/memory.h"

#include <weir/base.h>

#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

static atomic_size_t held, peak, calls, fail_at = SIZE_MAX;
static atomic_bool failed;

static bool refuses(void)
{
    if (atomic_fetch_add(&calls, 1) != atomic_load(&fail_at))
        return false;
    atomic_store(&failed, true);
    return true;
}

static void *count(void *memory)
{
    size_t size = memory != NULL ? malloc_usable_size(memory) : 0;
    size_t all = atomic_fetch_add(&held, size) + size;
    size_t most = atomic_load(&peak);

    while (all > most && !atomic_compare_exchange_weak(&peak, &most, all))
        ;
    return memory;
}

static void *allocate(void *self, size_t size)
{
    (void)self;
    return refuses() ? NULL : count(malloc(size));
}

static void *resize(void *self, void *memory, size_t size)
{
    size_t before = memory != NULL ? malloc_usable_size(memory) : 0;
    void *resized;

    (void)self;
    if (refuses())
        return NULL;
    resized = realloc(memory, size);
    if (resized == NULL)
        return NULL;
    atomic_fetch_sub(&held, before);
    return count(resized);
}

static void release(void *self, void *memory)
{
    (void)self;
    if (memory != NULL)
        atomic_fetch_sub(&held, malloc_usable_size(memory));
    free(memory);
}

void memory_install(void)
{
    static const weir_allocator allocator = {allocate, resize, release, NULL};

    atomic_store(&held, 0);
    memory_reset_peak();
    memory_fail_at(SIZE_MAX);
    weir_set_allocator(&allocator);
}

size_t memory_held(void)
{
    return atomic_load(&held);
}

size_t memory_peak(void)
{
    return atomic_load(&peak);
}

void memory_reset_peak(void)
{
    atomic_store(&peak, atomic_load(&held));
}

void memory_fail_at(size_t at)
{
    atomic_store(&calls, 0);
    atomic_store(&failed, false);
    atomic_store(&fail_at, at);
}

bool memory_failed(void)
{
    return atomic_load(&failed);
}
