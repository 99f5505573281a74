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
    _Atomic(const void *) owner;
    /*
     * Blocks in use: `out` counts those that the owner took and did not free itself, and each free
     * of another thread takes one off `balance`. Closing adds `out` to it, and who then makes it 0
     * was the last one.
     */
    size_t out;
    atomic_ptrdiff_t balance;
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
    atomic_init(&cache->balance, 0);
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

static void settle(struct cache *cache, ptrdiff_t blocks)
{
    ptrdiff_t before = atomic_fetch_add_explicit(&cache->balance, blocks, memory_order_acq_rel);

    if (before + blocks == 0)
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
    settle(cache, (ptrdiff_t)cache->out);
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
    cache->out++;
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

    if (home == NULL || !is_owner(home) || home->room == 0) {
        mem_free(block);
    } else {
        kept->next = home->first;
        home->first = kept;
        home->room--;
    }
    cache_forget(home);
}

void cache_forget(struct cache *home)
{
    if (home == NULL)
        return;
    if (is_owner(home))
        home->out--;
    else
        settle(home, -1);
}
