/* SPDX-License-Identifier: MIT */
/*
 * cache.c - blocks of one size that are used again and again.
 *
 * A kept block holds the link to the next one in its first bytes. There is no lock: only the owner
 * looks at what is kept, and the references, which others drop, are atomic.
 */
#include "base/cache.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

struct kept {
    struct kept *next;
};

struct cache {
    atomic_size_t references; /* the one who closes it, and each block that is in use */
    _Atomic(const void *) owner;
    size_t size;
    size_t room; /* for so many more; the owner's, like `first` */
    struct kept *first;
};

static _Thread_local char this_thread;

struct cache *cache_create(size_t size, size_t keep)
{
    struct cache *cache = mem_zalloc(sizeof *cache);

    if (cache == NULL)
        return NULL;
    atomic_init(&cache->references, 1);
    atomic_init(&cache->owner, NULL);
    cache->size = size;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    keep = 0; /* a kept block would hide its use after free */
#endif
    cache->room = keep;
    return cache;
}

static bool is_owner(const struct cache *cache)
{
    return atomic_load_explicit(&cache->owner, memory_order_relaxed) == &this_thread;
}

void cache_own(struct cache *cache)
{
    if (!is_owner(cache))
        atomic_store_explicit(&cache->owner, &this_thread, memory_order_relaxed);
}

void cache_disown(struct cache *cache)
{
    atomic_store_explicit(&cache->owner, NULL, memory_order_relaxed);
}

static void cache_unref(struct cache *cache)
{
    if (atomic_fetch_sub_explicit(&cache->references, 1, memory_order_acq_rel) == 1)
        mem_free(cache);
}

void cache_close(struct cache *cache)
{
    struct kept *kept;

    if (cache == NULL)
        return;
    while ((kept = cache->first) != NULL) {
        cache->first = kept->next;
        mem_free(kept);
    }
    cache->room = 0;
    cache_disown(cache);
    cache_unref(cache);
}

void *cache_alloc(struct cache *cache, size_t size, struct cache **home)
{
    struct kept *block;

    *home = NULL;
    if (cache == NULL || !is_owner(cache))
        return mem_alloc(size);
    assert(size == cache->size);
    block = cache->first;
    if (block != NULL) {
        cache->first = block->next;
        cache->room++;
    } else {
        block = mem_alloc(size);
    }
    if (block == NULL)
        return NULL;
    atomic_fetch_add_explicit(&cache->references, 1, memory_order_relaxed);
    *home = cache;
    return block;
}

void *cache_zalloc(struct cache *cache, size_t size, struct cache **home)
{
    void *block = cache_alloc(cache, size, home);

    if (block != NULL)
        memset(block, 0, size);
    return block;
}

void cache_free(struct cache *home, void *block)
{
    struct kept *kept = block;

    if (home != NULL && is_owner(home) && home->room != 0) {
        kept->next = home->first;
        home->first = kept;
        home->room--;
    } else {
        mem_free(block);
    }
    cache_forget(home);
}

void cache_forget(struct cache *home)
{
    if (home != NULL)
        cache_unref(home);
}
