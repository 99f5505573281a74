/* SPDX-License-Identifier: MIT */
/*
 * pool.h - the threads that blocking functions run on.
 *
 * Threads are started when there is work and none is idle, up to a bound; what waits for one is
 * bounded, too.
 */
#ifndef SERVER_POOL_H
#define SERVER_POOL_H

#include <stdbool.h>

struct pool;

struct pool_job {
    void (*run)(struct pool_job *job);
    /* Nobody waits for it any more, and running it is quick: where the queue is full it makes room,
     * and is run by whoever submits the next one. Under the pool's lock. */
    bool (*is_vain)(const struct pool_job *job);
    struct pool_job *next;
};

/* NULL when memory is out. */
struct pool *pool_create(unsigned max_threads, unsigned max_queue);

/* False: all threads are busy and the queue is full, or a first thread could not be started. */
bool pool_submit(struct pool *pool, struct pool_job *job);

/* Waits for all jobs, those that are queued too. */
void pool_free(struct pool *pool);

#endif
