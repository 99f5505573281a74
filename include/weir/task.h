/* SPDX-License-Identifier: MIT */
/*
 * task.h - who polls: the clock of a stream and the way to be polled again.
 *
 * Whoever polls a stream has a task: a call on its loop, a thread that blocks, a test with a clock
 * of its own. Time comes in through the task alone, so a program under a fake clock takes no wall
 * time. A wake is a hint: it may come early or twice; it schedules a poll and never polls.
 */
#ifndef WEIR_TASK_H
#define WEIR_TASK_H

#include <weir/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_task weir_task;

/* A way to wake one task, counted. The zero value wakes nothing. */
typedef struct weir_waker {
    struct weir_cell *cell;
} weir_waker;

/* Nanoseconds of a monotonic clock, read once per turn of the task's driver. */
WEIR_API uint64_t weir_task_now(const weir_task *task);

/* Inside a poll: poll me again at `ns`. The earliest asked for since this poll began wins. */
WEIR_API void weir_task_wake_at(weir_task *task, uint64_t ns);

/*
 * A waker of the task, owned by the caller. It may be kept and called from any thread, also after
 * the task is gone, and then does nothing. When memory is out the waker wakes nothing, and the task
 * is polled again by the clock instead, a few milliseconds later: no wake is lost, only late.
 */
WEIR_API weir_waker weir_task_waker(weir_task *task);

/* True when waking `waker` wakes `task`: then a stored waker need not be replaced. */
WEIR_API bool weir_waker_will_wake(const weir_waker *waker, const weir_task *task);

/* Keeps a waker of `task` in *waker, replacing another task's: what a source does before
 * PENDING. */
WEIR_API void weir_waker_keep(weir_waker *waker, weir_task *task);

WEIR_API weir_waker weir_waker_ref(const weir_waker *waker);
WEIR_API void weir_waker_wake(const weir_waker *waker);
WEIR_API void weir_waker_release(weir_waker *waker);

/*
 * A task of your own, to poll streams from a test or from a loop that weir does not know. `notify`
 * (may be NULL) says "poll me soon": from any thread, at most once between two polls, and it must
 * not poll or free the task.
 */
typedef struct weir_task_options {
    void (*notify)(void *self);
    void *self;
    uint64_t reserved[4];
} weir_task_options;

/* NULL when memory is out. */
WEIR_API weir_task *weir_task_create(const weir_task_options *options);

/* Before each poll: sets the clock, forgets wakes and wake_at so far. */
WEIR_API void weir_task_begin(weir_task *task, uint64_t now_ns);

/* Since weir_task_begin: was it woken, or is it time? */
WEIR_API bool weir_task_due(const weir_task *task, uint64_t now_ns);

/* What weir_task_wake_at asked for since weir_task_begin; WEIR_NEVER: nothing. */
WEIR_API uint64_t weir_task_wakeup(const weir_task *task);

/* Returns when no notify runs or will. */
WEIR_API void weir_task_free(weir_task *task);

#ifdef __cplusplus
}
#endif

#endif
