/* SPDX-License-Identifier: MIT */
/*
 * pool.c - the threads that blocking functions run on.
 *
 * A thread, once started, stays until the pool is freed: a server that needed it will again.
 */
#include "server/pool.h"

#include "base/alloc.h"
#include "base/thread.h"

#include <pthread.h>

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    pthread_t *threads;
    unsigned count;
    unsigned idle;
    unsigned max_threads;
    unsigned queued;
    unsigned max_queue;
    struct pool_job *first;
    struct pool_job **end;
    bool closing;
};

struct pool *pool_create(unsigned max_threads, unsigned max_queue)
{
    struct pool *pool = mem_zalloc(sizeof *pool);

    if (pool == NULL)
        return NULL;
    pool->threads = mem_alloc(max_threads * sizeof *pool->threads);
    if (pool->threads == NULL || pthread_mutex_init(&pool->lock, NULL) != 0) {
        mem_free(pool->threads);
        mem_free(pool);
        return NULL;
    }
    pthread_cond_init(&pool->work, NULL);
    pool->max_threads = max_threads;
    pool->max_queue = max_queue;
    pool->end = &pool->first;
    return pool;
}

static struct pool_job *take_job(struct pool *pool)
{
    struct pool_job *job;

    while (pool->first == NULL && !pool->closing)
        pthread_cond_wait(&pool->work, &pool->lock);
    job = pool->first;
    if (job != NULL) {
        pool->idle--;
        pool->first = job->next;
        if (pool->first == NULL)
            pool->end = &pool->first;
        pool->queued--;
    }
    return job;
}

static void *work(void *self)
{
    struct pool *pool = self;
    struct pool_job *job;

    pthread_mutex_lock(&pool->lock);
    while ((job = take_job(pool)) != NULL) {
        pthread_mutex_unlock(&pool->lock);
        job->run(job);
        pthread_mutex_lock(&pool->lock);
        pool->idle++;
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static bool start_worker(struct pool *pool)
{
    if (!thread_start(&pool->threads[pool->count], work, pool))
        return false;
    pool->count++;
    pool->idle++; /* from now on: the job it is started for must not count as one that waits */
    return true;
}

static bool has_room(struct pool *pool)
{
    if (pool->idle > pool->queued)
        return true;
    if (pool->count < pool->max_threads && start_worker(pool))
        return true;
    return pool->count != 0 && pool->queued < pool->max_queue + pool->idle;
}

/* Takes the jobs out of the queue that nobody waits for any more. */
static struct pool_job *take_vain(struct pool *pool)
{
    struct pool_job *vain = NULL, **link = &pool->first;

    while (*link != NULL) {
        struct pool_job *job = *link;

        if (!job->is_vain(job)) {
            link = &job->next;
            continue;
        }
        *link = job->next;
        pool->queued--;
        job->next = vain;
        vain = job;
    }
    pool->end = link;
    return vain;
}

static void run_all(struct pool_job *job)
{
    while (job != NULL) {
        struct pool_job *next = job->next;

        job->run(job);
        job = next;
    }
}

bool pool_submit(struct pool *pool, struct pool_job *job)
{
    struct pool_job *vain = NULL;
    bool room;

    pthread_mutex_lock(&pool->lock);
    room = !pool->closing && has_room(pool);
    if (!room && !pool->closing) {
        vain = take_vain(pool);
        room = has_room(pool);
    }
    if (room) {
        job->next = NULL;
        *pool->end = job;
        pool->end = &job->next;
        pool->queued++;
        pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
    run_all(vain);
    return room;
}

void pool_free(struct pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    mem_free(pool->threads);
    mem_free(pool);
}
