/* SPDX-License-Identifier: MIT */
/*
 * file_pool.c - a few threads and one queue of jobs.
 *
 * One lock guards the queue and the state of every job. It is never held while a job runs or a
 * waker is called. A job that was left is dropped by the pool: one that is queued or running when
 * its turn ends, any other is queued for that, so that no loop's thread closes a file either.
 */
#include "file_pool.h"

#include <pthread.h>
#include <stdlib.h>

struct file_pool {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    file_job *first;
    file_job **last;
    bool stop;
    unsigned threads;
    pthread_t thread[];
};

static void enqueue(file_pool *pool, file_job *job)
{
    job->next = NULL;
    *pool->last = job;
    pool->last = &job->next;
    pthread_cond_signal(&pool->changed);
}

static file_job *dequeue(file_pool *pool)
{
    file_job *job = pool->first;

    pool->first = job->next;
    if (pool->first == NULL)
        pool->last = &pool->first;
    return job;
}

/* Runs the job and hands it back to its owner, or drops it. Called and left with the lock held. */
static void run(file_pool *pool, file_job *job)
{
    weir_waker waker;

    if (!job->left) {
        pthread_mutex_unlock(&pool->lock);
        job->run(job);
        pthread_mutex_lock(&pool->lock);
    }
    waker = job->waker;
    job->waker = (weir_waker){0};
    job->busy = false;
    if (job->left) {
        pthread_mutex_unlock(&pool->lock);
        job->drop(job);
    } else {
        pthread_mutex_unlock(&pool->lock); /* from here on the owner may be gone */
        weir_waker_wake(&waker);
    }
    weir_waker_release(&waker);
    pthread_mutex_lock(&pool->lock);
}

static void *work(void *arg)
{
    file_pool *pool = arg;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->first == NULL && !pool->stop)
            pthread_cond_wait(&pool->changed, &pool->lock);
        if (pool->first == NULL)
            break;
        run(pool, dequeue(pool));
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

file_pool *file_pool_create(unsigned threads)
{
    file_pool *pool = calloc(1, sizeof *pool + threads * sizeof(pthread_t));

    if (pool == NULL)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
    pool->last = &pool->first;
    for (; pool->threads < threads; pool->threads++)
        if (pthread_create(&pool->thread[pool->threads], NULL, work, pool) != 0) {
            file_pool_free(pool);
            return NULL;
        }
    return pool;
}

void file_pool_free(file_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->threads; i++)
        pthread_join(pool->thread[i], NULL);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

void file_job_init(file_job *job, file_pool *pool, void (*run)(file_job *job),
                   void (*drop)(file_job *job))
{
    *job = (file_job){.run = run, .drop = drop, .pool = pool};
}

bool file_job_idle(file_job *job, weir_task *task)
{
    bool idle;

    pthread_mutex_lock(&job->pool->lock);
    idle = !job->busy;
    if (!idle)
        weir_waker_keep(&job->waker, task);
    pthread_mutex_unlock(&job->pool->lock);
    return idle;
}

void file_job_start(file_job *job, weir_task *task)
{
    pthread_mutex_lock(&job->pool->lock);
    weir_waker_keep(&job->waker, task);
    job->busy = true;
    enqueue(job->pool, job);
    pthread_mutex_unlock(&job->pool->lock);
}

void file_job_leave(file_job *job)
{
    file_pool *pool = job->pool;

    pthread_mutex_lock(&pool->lock);
    job->left = true;
    if (!job->busy) {
        job->busy = true;
        enqueue(pool, job);
    }
    pthread_mutex_unlock(&pool->lock);
}
