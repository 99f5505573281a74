/* SPDX-License-Identifier: MIT */
/*
 * mailbox.h - how wakes reach the thread that polls.
 *
 * One mailbox a driver, one cell a task. A wake queues the cell, once, until the driver takes it.
 * On the driver's own thread that costs a list insert; from another thread a push under the lock
 * and, when the mailbox was empty, one notify under the same lock, so that closing the mailbox
 * returns when no notify runs or will. A cell refers to the mailbox and never to what is polled;
 * only the driver's thread sets and clears its target. Both are counted, so a waker may outlive
 * everything.
 */
#ifndef STREAM_MAILBOX_H
#define STREAM_MAILBOX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct weir_cell {
    atomic_size_t references;
    atomic_bool queued;
    struct mailbox *mailbox;
    struct weir_cell *next;
    void (*woken)(void *target); /* the driver's thread only */
    void *target;
    void (*destroy)(struct weir_cell *cell); /* frees the cell and what it is part of */
};

struct cell_queue {
    struct weir_cell *first;
    struct weir_cell **end;
};

struct mailbox {
    atomic_size_t references;
    pthread_mutex_t lock;
    bool closed;             /* under the lock */
    struct cell_queue inbox; /* under the lock: woken by other threads */
    atomic_bool has_inbox;   /* set under the lock; tells the driver without it */
    struct cell_queue local; /* the driver's thread only */
    _Atomic(const void *) thread;
    bool attended; /* the driver's thread only: it looks again before it sleeps */
    size_t effort; /* likewise: bytes that its polls inflated in this turn */
    void (*notify)(void *self);
    void *self;
};

/* NULL when memory is out. notify may be NULL. */
struct mailbox *mailbox_create(void (*notify)(void *self), void *self);

/* The calling thread is the driver's from now on. */
void mailbox_attach(struct mailbox *mailbox);

/* No thread is, until the next attach: the driver's ends, and another may be taken for it. */
void mailbox_detach(struct mailbox *mailbox);

/* True when the calling thread is the driver's. */
bool mailbox_is_local(const struct mailbox *mailbox);

/* Runs woken(target) of each cell that is queued now; false when there was none. */
bool mailbox_drain(struct mailbox *mailbox);

/* Whether a drain would find something. The driver's thread only. */
bool mailbox_has_mail(struct mailbox *mailbox);

/* No notify runs after this. Drops the driver's reference. */
void mailbox_close(struct mailbox *mailbox);

/* Sets up a cell that is part of something larger, with one reference; `destroy` ends with
 * cell_release_mailbox and frees the whole. */
void cell_init(struct weir_cell *cell, struct mailbox *mailbox, void (*woken)(void *target),
               void *target, void (*destroy)(struct weir_cell *cell));
void cell_release_mailbox(struct weir_cell *cell);

/* A cell of its own with one reference; NULL when memory is out. */
struct weir_cell *cell_create(struct mailbox *mailbox, void (*woken)(void *target), void *target);

/* True when the caller has the only reference. */
static inline bool cell_is_single(const struct weir_cell *cell)
{
    return atomic_load_explicit((atomic_size_t *)&cell->references, memory_order_acquire) == 1;
}

void cell_ref(struct weir_cell *cell);
void cell_unref(struct weir_cell *cell);
void cell_wake(struct weir_cell *cell);

/* The target is gone: later wakes do nothing. Drops the task's reference. */
void cell_detach(struct weir_cell *cell);

/*
 * A driver turns a loop on this thread between start and stop; turns may nest. Functions that block
 * must not be called meanwhile, and assert that.
 */
void turn_start(void);
void turn_stop(void);
bool turn_is_running(void);

#endif
