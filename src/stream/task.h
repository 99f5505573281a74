/* SPDX-License-Identifier: MIT */
/*
 * task.h - the inside of a task, for those in the library who poll.
 */
#ifndef STREAM_TASK_H
#define STREAM_TASK_H

#include <weir/stream.h>

#include "stream/mailbox.h"

struct weir_task {
    uint64_t now;
    uint64_t wake_at;        /* WEIR_NEVER: not asked for */
    struct mailbox *mailbox; /* NULL: nothing can wake it, it looks at the clock instead */
    struct weir_cell *cell;  /* made when a waker is first asked for */
    void (*woken)(void *target);
    void *target;
};

/* A task inside its driver: woken(target) is called when the mailbox is drained after a wake. With
 * a NULL target nothing is called, and the driver looks for mail itself. */
void task_init(struct weir_task *task, struct mailbox *mailbox, void (*woken)(void *target),
               void *target);

/* Wakers kept elsewhere wake nothing from now on. */
void task_detach(struct weir_task *task);

/* Where a waker cannot be kept: the task looks again a few milliseconds later. */
void task_wake_by_clock(struct weir_task *task);

/* Before each poll of a driver that drains its mailbox by itself. */
static inline void task_start(struct weir_task *task, uint64_t now)
{
    task->now = now;
    task->wake_at = WEIR_NEVER;
}

/*
 * A thread that waits: polls `stream` until it is not PENDING, on the calling thread. The task is
 * one that thread_task_create made and may be used again and again; NULL makes one for this call.
 * It asserts that no loop is being turned on this thread.
 */
weir_poll thread_next(weir_task *task, weir_stream *stream, weir_item *out);

/* NULL when memory is out. */
weir_task *thread_task_create(void);

/* Waits until the task is woken or its wake_at has come, then begins it anew. */
void thread_task_wait(weir_task *task);
void thread_task_free(weir_task *task);

#endif
