/* SPDX-License-Identifier: MIT */
/*
 * thread.c - the task of a thread that blocks: it waits on a condition variable.
 *
 * `woken` stays set until the thread has waited, so a wake that comes while the thread polls is not
 * lost. Without memory for a mailbox the thread waits by the clock alone.
 */
#include "stream/task.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "stream/combinator.h"

#include <assert.h>

struct thread_task {
    struct weir_task task; /* first: a thread's weir_task is one of these */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool woken;
};

static void thread_notify(void *self)
{
    struct thread_task *thread = self;

    pthread_mutex_lock(&thread->lock);
    thread->woken = true;
    pthread_cond_signal(&thread->changed);
    pthread_mutex_unlock(&thread->lock);
}

/* Its wake_at is a time of the monotonic clock, so it must be waited for on that one. */
static bool changed_init(pthread_cond_t *changed)
{
    pthread_condattr_t attributes;
    bool made;

    if (pthread_condattr_init(&attributes) != 0)
        return false;
    made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
           pthread_cond_init(changed, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return made;
}

static bool thread_open(struct thread_task *thread)
{
    thread->woken = false;
    if (pthread_mutex_init(&thread->lock, NULL) != 0)
        return false;
    if (!changed_init(&thread->changed)) {
        pthread_mutex_destroy(&thread->lock);
        return false;
    }
    task_init(&thread->task, mailbox_create(thread_notify, thread), NULL, NULL);
    task_start(&thread->task, clock_now());
    return true;
}

static void thread_close(struct thread_task *thread)
{
    task_detach(&thread->task);
    if (thread->task.mailbox != NULL)
        mailbox_close(thread->task.mailbox);
    pthread_cond_destroy(&thread->changed);
    pthread_mutex_destroy(&thread->lock);
}

weir_task *thread_task_create(void)
{
    struct thread_task *thread = mem_alloc(sizeof *thread);

    if (thread == NULL)
        return NULL;
    if (!thread_open(thread)) {
        mem_free(thread);
        return NULL;
    }
    return &thread->task;
}

void thread_task_free(weir_task *task)
{
    if (task == NULL)
        return;
    thread_close((struct thread_task *)task);
    mem_free(task);
}

/* False when the time has come. */
static bool wait_for_change(struct thread_task *thread)
{
    struct timespec until;

    if (thread->task.wake_at == WEIR_NEVER)
        return pthread_cond_wait(&thread->changed, &thread->lock) == 0;
    until = clock_timespec(thread->task.wake_at);
    return pthread_cond_timedwait(&thread->changed, &thread->lock, &until) == 0;
}

void thread_task_wait(weir_task *task)
{
    struct thread_task *thread = (struct thread_task *)task;

    assert(!turn_is_running());
    pthread_mutex_lock(&thread->lock);
    while (!thread->woken && wait_for_change(thread))
        ;
    thread->woken = false;
    pthread_mutex_unlock(&thread->lock);
    if (task->mailbox != NULL)
        mailbox_drain(task->mailbox);
    task_start(task, clock_now());
}

static weir_poll poll_until_ready(weir_task *task, weir_stream *stream, weir_item *out)
{
    weir_poll poll;

    while ((poll = weir_stream_poll(stream, task, out)) == WEIR_PENDING)
        thread_task_wait(task);
    return poll;
}

/* A poll that waits for nothing: whoever it tells PENDING must poll again with a task that can. */
static weir_poll look(weir_stream *stream, weir_item *out)
{
    struct weir_task task;

    task_init(&task, NULL, NULL, NULL);
    task_start(&task, clock_now());
    return weir_stream_poll(stream, &task, out);
}

weir_poll thread_next(weir_task *task, weir_stream *stream, weir_item *out)
{
    struct thread_task thread;
    weir_poll poll;

    assert(!turn_is_running());
    if (task != NULL) {
        task_start(task, clock_now());
        return poll_until_ready(task, stream, out);
    }
    poll = look(stream, out);
    if (poll != WEIR_PENDING)
        return poll;
    if (!thread_open(&thread)) {
        weir_stream_release(stream);
        return poll_out_of_memory(out);
    }
    poll = poll_until_ready(&thread.task, stream, out);
    thread_close(&thread);
    return poll;
}
