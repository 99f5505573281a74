/* SPDX-License-Identifier: MIT */
/*
 * file_pool.h - a few threads that do what may block, for streams that may not.
 *
 * A stream owns one job and starts it when it needs the next piece; at most one is outstanding for
 * each stream, so the queue needs no memory of its own and no bound. A thread of the pool is held
 * while a job runs, never while a reader stalls: a thousand stalled downloads hold none.
 *
 * The job's owner and the pool take turns: between start and the end of the job only the job's
 * function touches what surrounds it, else only the owner does.
 */
#ifndef WEIR_CLI_FILE_POOL_H
#define WEIR_CLI_FILE_POOL_H

#include <weir/weir.h>

typedef struct file_pool file_pool;

/* Part of its owner. The fields belong to the pool. */
typedef struct file_job {
    void (*run)(struct file_job *job);  /* on a thread of the pool */
    void (*drop)(struct file_job *job); /* frees the owner, on a thread of the pool */
    file_pool *pool;
    struct file_job *next;
    weir_waker waker;
    bool busy;
    bool left;
} file_job;

/* NULL: no memory or no thread. */
file_pool *file_pool_create(unsigned threads);

/* Finishes all jobs, and ends the threads. Every job must have been left before. */
void file_pool_free(file_pool *pool);

void file_job_init(file_job *job, file_pool *pool, void (*run)(file_job *job),
                   void (*drop)(file_job *job));

/* True: the job does not run, and its results may be used. False: `task` is woken when it ended. */
bool file_job_idle(file_job *job, weir_task *task);

/* Starts an idle job; `task` is woken when it ended. */
void file_job_start(file_job *job, weir_task *task);

/* The owner goes: `drop` is called soon, on a thread of the pool, when the job does not run. */
void file_job_leave(file_job *job);

#endif
