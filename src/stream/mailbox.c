/* SPDX-License-Identifier: MIT */
/*
 * mailbox.c - how wakes reach the thread that polls.
 *
 * `queued` is only ever exchanged: a waker that finds it set came before the driver cleared it, so
 * the driver, which polls after clearing, sees what the waker's owner did before waking.
 */
#include "stream/mailbox.h"

#include "base/alloc.h"

static _Thread_local char this_thread;
static _Thread_local unsigned turns;

static void queue_init(struct cell_queue *queue)
{
    queue->first = NULL;
    queue->end = &queue->first;
}

static void queue_push(struct cell_queue *queue, struct weir_cell *cell)
{
    cell->next = NULL;
    *queue->end = cell;
    queue->end = &cell->next;
}

struct mailbox *mailbox_create(void (*notify)(void *self), void *self)
{
    struct mailbox *mailbox = mem_zalloc(sizeof *mailbox);

    if (mailbox == NULL)
        return NULL;
    if (pthread_mutex_init(&mailbox->lock, NULL) != 0) {
        mem_free(mailbox);
        return NULL;
    }
    atomic_init(&mailbox->references, 1);
    atomic_init(&mailbox->thread, NULL);
    atomic_init(&mailbox->has_inbox, false);
    queue_init(&mailbox->inbox);
    queue_init(&mailbox->local);
    mailbox->notify = notify;
    mailbox->self = self;
    return mailbox;
}

static void mailbox_unref(struct mailbox *mailbox)
{
    if (atomic_fetch_sub(&mailbox->references, 1) != 1)
        return;
    pthread_mutex_destroy(&mailbox->lock);
    mem_free(mailbox);
}

void mailbox_attach(struct mailbox *mailbox)
{
    if (!mailbox_is_local(mailbox))
        atomic_store_explicit(&mailbox->thread, &this_thread, memory_order_relaxed);
}

void mailbox_detach(struct mailbox *mailbox)
{
    atomic_store_explicit(&mailbox->thread, NULL, memory_order_relaxed);
}

bool mailbox_is_local(const struct mailbox *mailbox)
{
    return atomic_load_explicit(&mailbox->thread, memory_order_relaxed) == &this_thread;
}

/* All that is queued, local first. */
static struct weir_cell *take_all(struct mailbox *mailbox)
{
    struct weir_cell *first;

    if (atomic_load_explicit(&mailbox->has_inbox, memory_order_acquire)) {
        pthread_mutex_lock(&mailbox->lock);
        *mailbox->local.end = mailbox->inbox.first;
        queue_init(&mailbox->inbox);
        atomic_store_explicit(&mailbox->has_inbox, false, memory_order_relaxed);
        pthread_mutex_unlock(&mailbox->lock);
    }
    first = mailbox->local.first;
    queue_init(&mailbox->local);
    return first;
}

bool mailbox_drain(struct mailbox *mailbox)
{
    struct weir_cell *cell = take_all(mailbox);
    bool any = cell != NULL;

    while (cell != NULL) {
        struct weir_cell *next = cell->next;

        atomic_exchange_explicit(&cell->queued, false, memory_order_acq_rel);
        if (cell->target != NULL)
            cell->woken(cell->target);
        cell_unref(cell);
        cell = next;
    }
    return any;
}

bool mailbox_has_mail(struct mailbox *mailbox)
{
    return mailbox->local.first != NULL ||
           atomic_load_explicit(&mailbox->has_inbox, memory_order_acquire);
}

static void drop_all(struct weir_cell *cell)
{
    while (cell != NULL) {
        struct weir_cell *next = cell->next;

        cell_unref(cell);
        cell = next;
    }
}

void mailbox_close(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->lock);
    mailbox->closed = true;
    pthread_mutex_unlock(&mailbox->lock);
    mailbox_detach(mailbox);
    drop_all(take_all(mailbox));
    mailbox_unref(mailbox);
}

void cell_init(struct weir_cell *cell, struct mailbox *mailbox, void (*woken)(void *target),
               void *target, void (*destroy)(struct weir_cell *cell))
{
    atomic_fetch_add_explicit(&mailbox->references, 1, memory_order_relaxed);
    atomic_init(&cell->references, 1);
    atomic_init(&cell->queued, false);
    cell->mailbox = mailbox;
    cell->next = NULL;
    cell->woken = woken;
    cell->target = target;
    cell->destroy = destroy;
}

void cell_release_mailbox(struct weir_cell *cell)
{
    mailbox_unref(cell->mailbox);
}

static void destroy_single(struct weir_cell *cell)
{
    cell_release_mailbox(cell);
    mem_free(cell);
}

struct weir_cell *cell_create(struct mailbox *mailbox, void (*woken)(void *target), void *target)
{
    struct weir_cell *cell = mem_alloc(sizeof *cell);

    if (cell != NULL)
        cell_init(cell, mailbox, woken, target, destroy_single);
    return cell;
}

void cell_ref(struct weir_cell *cell)
{
    atomic_fetch_add_explicit(&cell->references, 1, memory_order_relaxed);
}

void cell_unref(struct weir_cell *cell)
{
    if (atomic_fetch_sub_explicit(&cell->references, 1, memory_order_acq_rel) == 1)
        cell->destroy(cell);
}

static void wake_local(struct mailbox *mailbox, struct weir_cell *cell)
{
    bool first = mailbox->local.first == NULL;

    queue_push(&mailbox->local, cell);
    if (first && !mailbox->attended && mailbox->notify != NULL)
        mailbox->notify(mailbox->self);
}

static void wake_remote(struct mailbox *mailbox, struct weir_cell *cell)
{
    bool open;

    pthread_mutex_lock(&mailbox->lock);
    open = !mailbox->closed;
    if (open) {
        bool first = mailbox->inbox.first == NULL;

        queue_push(&mailbox->inbox, cell);
        atomic_store_explicit(&mailbox->has_inbox, true, memory_order_release);
        if (first && mailbox->notify != NULL)
            mailbox->notify(mailbox->self);
    }
    pthread_mutex_unlock(&mailbox->lock);
    if (!open)
        cell_unref(cell);
}

void cell_wake(struct weir_cell *cell)
{
    if (atomic_exchange_explicit(&cell->queued, true, memory_order_acq_rel))
        return;
    cell_ref(cell);
    if (mailbox_is_local(cell->mailbox))
        wake_local(cell->mailbox, cell);
    else
        wake_remote(cell->mailbox, cell);
}

void cell_detach(struct weir_cell *cell)
{
    cell->target = NULL;
    cell_unref(cell);
}

void turn_start(void)
{
    turns++;
}

void turn_stop(void)
{
    turns--;
}

bool turn_is_running(void)
{
    return turns != 0;
}
