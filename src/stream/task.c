/* SPDX-License-Identifier: MIT */
/*
 * task.c - tasks and wakers.
 *
 * A task's cell is made when a waker is first asked for: a call that never waits needs none. When
 * there is no memory for one, the task falls back to the clock, so that no wake is ever lost.
 */
#include "stream/task.h"

#include "base/alloc.h"

#define RETRY_WITHOUT_WAKER_NS WEIR_MILLISECONDS(5)

void task_init(struct weir_task *task, struct mailbox *mailbox, void (*woken)(void *target),
               void *target)
{
    *task = (struct weir_task){
        .wake_at = WEIR_NEVER, .mailbox = mailbox, .woken = woken, .target = target};
}

void task_detach(struct weir_task *task)
{
    if (task->cell != NULL)
        cell_detach(task->cell);
    task->cell = NULL;
}

uint64_t weir_task_now(const weir_task *task)
{
    return task->now;
}

void weir_task_wake_at(weir_task *task, uint64_t ns)
{
    if (ns < task->wake_at)
        task->wake_at = ns;
}

void task_wake_by_clock(struct weir_task *task)
{
    weir_task_wake_at(task, task->now + RETRY_WITHOUT_WAKER_NS);
}

weir_waker weir_task_waker(weir_task *task)
{
    if (task->cell == NULL && task->mailbox != NULL)
        task->cell = cell_create(task->mailbox, task->woken, task->target);
    if (task->cell == NULL) {
        task_wake_by_clock(task);
        return (weir_waker){0};
    }
    cell_ref(task->cell);
    return (weir_waker){task->cell};
}

bool weir_waker_will_wake(const weir_waker *waker, const weir_task *task)
{
    return waker->cell != NULL && waker->cell == task->cell;
}

void weir_waker_keep(weir_waker *waker, weir_task *task)
{
    if (weir_waker_will_wake(waker, task))
        return;
    weir_waker_release(waker);
    *waker = weir_task_waker(task);
}

weir_waker weir_waker_ref(const weir_waker *waker)
{
    if (waker->cell != NULL)
        cell_ref(waker->cell);
    return *waker;
}

void weir_waker_wake(const weir_waker *waker)
{
    if (waker->cell != NULL)
        cell_wake(waker->cell);
}

void weir_waker_release(weir_waker *waker)
{
    if (waker->cell != NULL)
        cell_unref(waker->cell);
    waker->cell = NULL;
}

/* ---- tasks of the user's own ---- */

weir_task *weir_task_create(const weir_task_options *options)
{
    weir_task *task = mem_alloc(sizeof *task);
    struct mailbox *mailbox;

    if (task == NULL)
        return NULL;
    mailbox = mailbox_create(options != NULL ? options->notify : NULL,
                             options != NULL ? options->self : NULL);
    if (mailbox == NULL) {
        mem_free(task);
        return NULL;
    }
    task_init(task, mailbox, NULL, NULL);
    return task;
}

void weir_task_begin(weir_task *task, uint64_t now_ns)
{
    mailbox_drain(task->mailbox);
    task_start(task, now_ns);
}

bool weir_task_due(const weir_task *task, uint64_t now_ns)
{
    return now_ns >= task->wake_at || mailbox_has_mail(task->mailbox);
}

uint64_t weir_task_wakeup(const weir_task *task)
{
    return task->wake_at;
}

void weir_task_free(weir_task *task)
{
    if (task == NULL)
        return;
    task_detach(task);
    mailbox_close(task->mailbox);
    mem_free(task);
}
