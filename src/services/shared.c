/* SPDX-License-Identifier: MIT */
/*
 * shared.c - references, a lock, and an arena.
 */
#include "shared.h"

#include <string.h>

void *shared_create(size_t size, weir_status *why)
{
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    struct shared *shared = arena != NULL ? weir_arena_alloc(arena, size) : NULL;

    if (shared != NULL)
        memset(shared, 0, size);
    if (shared == NULL || pthread_mutex_init(&shared->lock, NULL) != 0) {
        weir_arena_free(arena);
        weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a service");
        return NULL;
    }
    atomic_init(&shared->references, 1);
    shared->arena = arena;
    return shared;
}

void shared_free(struct shared *shared)
{
    pthread_mutex_destroy(&shared->lock);
    weir_arena_free(shared->arena);
}
