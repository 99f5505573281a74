/* SPDX-License-Identifier: MIT */
/*
 * cache.c - buffers of one size that are used again and again.
 *
 * The one given back last is taken first, since it is the warmest.
 */
#include "bytes/cache.h"

#include "base/alloc.h"

#include <pthread.h>

#define MAX_KEPT 32

struct buffer_cache {
    atomic_size_t references; /* the owner, and each buffer that is out */
    pthread_mutex_t lock;
    bool closed;
    size_t count;
    struct weir_buffer *kept[MAX_KEPT];
};

struct buffer_cache *cache_create(void)
{
    struct buffer_cache *cache = mem_zalloc(sizeof *cache);

    if (cache == NULL)
        return NULL;
    if (pthread_mutex_init(&cache->lock, NULL) != 0) {
        mem_free(cache);
        return NULL;
    }
    atomic_init(&cache->references, 1);
    return cache;
}

static void cache_unref(struct buffer_cache *cache)
{
    if (atomic_fetch_sub_explicit(&cache->references, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_destroy(&cache->lock);
    mem_free(cache);
}

void cache_close(struct buffer_cache *cache)
{
    if (cache == NULL)
        return;
    pthread_mutex_lock(&cache->lock);
    cache->closed = true;
    pthread_mutex_unlock(&cache->lock);
    while (cache->count != 0)
        mem_free(cache->kept[--cache->count]);
    cache_unref(cache);
}

static struct weir_buffer *take_kept(struct buffer_cache *cache)
{
    struct weir_buffer *buffer = NULL;

    pthread_mutex_lock(&cache->lock);
    if (cache->count != 0)
        buffer = cache->kept[--cache->count];
    pthread_mutex_unlock(&cache->lock);
    return buffer;
}

struct weir_buffer *cache_take(struct buffer_cache *cache)
{
    struct weir_buffer *buffer;

    if (cache == NULL)
        return buffer_create(CACHE_CAPACITY);
    buffer = take_kept(cache);
    if (buffer != NULL)
        atomic_store_explicit(&buffer->references, 1, memory_order_relaxed);
    else
        buffer = buffer_create(CACHE_CAPACITY);
    if (buffer == NULL)
        return NULL;
    buffer->cache = cache;
    atomic_fetch_add_explicit(&cache->references, 1, memory_order_relaxed);
    return buffer;
}

void cache_give(struct weir_buffer *buffer)
{
    struct buffer_cache *cache = buffer->cache;
    bool keep;

    pthread_mutex_lock(&cache->lock);
    keep = !cache->closed && cache->count < MAX_KEPT;
    if (keep)
        cache->kept[cache->count++] = buffer;
    pthread_mutex_unlock(&cache->lock);
    if (!keep)
        mem_free(buffer);
    cache_unref(cache);
}

void cache_forget(struct weir_buffer *buffer)
{
    if (buffer->cache != NULL)
        cache_unref(buffer->cache);
    buffer->cache = NULL;
}
