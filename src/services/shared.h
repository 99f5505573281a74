/* SPDX-License-Identifier: MIT */
/*
 * shared.h - what services that a program holds and that serve calls have in common: references, a
 * lock, and an arena that they lie in themselves.
 */
#ifndef SERVICES_SHARED_H
#define SERVICES_SHARED_H

#include <weir/arena.h>
#include <weir/status.h>

#include <pthread.h>
#include <stdatomic.h>

/* The first member of such a service. */
struct shared {
    atomic_size_t references;
    weir_arena *arena;
    pthread_mutex_t lock;
};

/* A service of `size` bytes with one reference; what is behind its first member is 0. NULL when
 * memory is out, with RESOURCE_EXHAUSTED in *why. */
void *shared_create(size_t size, weir_status *why);

static inline void shared_ref(struct shared *shared)
{
    atomic_fetch_add_explicit(&shared->references, 1, memory_order_relaxed);
}

/* True for the last one: then it is to be cleared, and freed. */
static inline bool shared_drop(struct shared *shared)
{
    return atomic_fetch_sub_explicit(&shared->references, 1, memory_order_acq_rel) == 1;
}

void shared_free(struct shared *shared);

#endif
