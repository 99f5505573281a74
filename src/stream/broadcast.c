/* SPDX-License-Identifier: MIT */
/*
 * broadcast.c - one source, many subscribers.
 *
 * Whichever subscriber finds nothing in its queue polls the source, under `lock` and with the
 * broadcast's own task, and puts what comes into the queues of all. A wake of that task wakes every
 * subscriber that waits. It comes with the locks of others held, the source's perhaps, so it takes
 * `waiting_lock` alone, the innermost of the broadcast: who is subscribed and who waits is under
 * that. A subscriber is registered there before it looks whether the source is due; so a wake is
 * either seen by it or finds it.
 */
#include "stream/combinator.h"

#include "base/alloc.h"
#include "base/list.h"
#include "stream/queue.h"

#include <pthread.h>
#include <stdatomic.h>

struct weir_broadcast {
    atomic_size_t references;
    pthread_mutex_t lock;
    weir_stream source;
    weir_task *task;
    uint64_t now; /* the latest clock of all subscribers */
    size_t full;  /* subscribers the source has to wait for */
    bool pending; /* the source said PENDING: it is polled again when the task is due */
    bool ended;
    weir_status status;
    pthread_mutex_t waiting_lock;
    struct list subscribers; /* changed under both locks */
};

struct subscriber {
    struct list link;
    struct weir_broadcast *broadcast;
    struct queue queue;
    const char *failed; /* why it ends behind what it holds; NULL: it does not */
    weir_waker waker;   /* under waiting_lock, like `waiting` */
    bool waiting;
};

static struct subscriber *subscriber_of(struct list *link)
{
    return LIST_MEMBER(link, struct subscriber, link);
}

/* ---- waiting and waking ---- */

static void wake_others(struct weir_broadcast *broadcast, const struct subscriber *except)
{
    struct list *all = &broadcast->subscribers;

    pthread_mutex_lock(&broadcast->waiting_lock);
    for (struct list *link = all->next; link != all; link = link->next) {
        struct subscriber *subscriber = subscriber_of(link);

        if (!subscriber->waiting || subscriber == except)
            continue;
        subscriber->waiting = false;
        weir_waker_wake(&subscriber->waker);
    }
    pthread_mutex_unlock(&broadcast->waiting_lock);
}

static void broadcast_notify(void *self)
{
    wake_others(self, NULL);
}

static void set_waiting(struct subscriber *subscriber, weir_task *task)
{
    pthread_mutex_lock(&subscriber->broadcast->waiting_lock);
    weir_waker_keep(&subscriber->waker, task);
    subscriber->waiting = true;
    pthread_mutex_unlock(&subscriber->broadcast->waiting_lock);
}

/* ---- polling the source ---- */

static bool is_blocking(const struct subscriber *subscriber)
{
    return subscriber->queue.when_full == WEIR_FULL_BLOCK && subscriber->failed == NULL &&
           queue_is_full(&subscriber->queue);
}

static void offer(struct subscriber *subscriber, const weir_item *item)
{
    weir_bytes message;

    if (subscriber->failed != NULL)
        return;
    if (queue_make_room(&subscriber->queue, item->message.size) == WEIR_ERROR) {
        subscriber->failed = "the subscriber was too slow";
        return;
    }
    message = weir_bytes_ref(&item->message);
    if (!queue_put(&subscriber->queue, &message, item->flags)) {
        weir_bytes_unref(&message);
        subscriber->failed = "out of memory";
    }
    subscriber->broadcast->full += is_blocking(subscriber);
}

static void offer_to_all(struct weir_broadcast *broadcast, const weir_item *item)
{
    struct list *all = &broadcast->subscribers;

    for (struct list *link = all->next; link != all; link = link->next)
        offer(subscriber_of(link), item);
}

static void source_ended(struct weir_broadcast *broadcast, weir_item *item)
{
    broadcast->ended = true;
    broadcast->status = item->status;
}

static void poll_source(struct weir_broadcast *broadcast, const struct subscriber *poller)
{
    uint64_t known = broadcast->pending ? weir_task_wakeup(broadcast->task) : 0;
    weir_item item;
    weir_poll poll;

    weir_task_begin(broadcast->task, broadcast->now);
    poll = weir_stream_poll(&broadcast->source, broadcast->task, &item);
    broadcast->pending = poll == WEIR_PENDING;
    if (poll == WEIR_READY) {
        offer_to_all(broadcast, &item);
        weir_item_clear(&item);
    } else if (poll != WEIR_PENDING) {
        source_ended(broadcast, &item);
    } else if (weir_task_wakeup(broadcast->task) >= known) {
        return; /* those that wait asked their clocks for a time that is early enough */
    }
    wake_others(broadcast, poller);
}

static void ask(struct subscriber *subscriber, weir_task *task)
{
    struct weir_broadcast *broadcast = subscriber->broadcast;
    uint64_t now = weir_task_now(task);

    if (now > broadcast->now)
        broadcast->now = now;
    set_waiting(subscriber, task);
    if (broadcast->full != 0)
        return;
    if (!broadcast->pending || weir_task_due(broadcast->task, broadcast->now))
        poll_source(broadcast, subscriber);
    if (broadcast->pending)
        weir_task_wake_at(task, weir_task_wakeup(broadcast->task));
}

/* ---- subscribers ---- */

static bool take(struct subscriber *subscriber, weir_item *out)
{
    struct weir_broadcast *broadcast = subscriber->broadcast;
    bool blocking = is_blocking(subscriber);

    if (!queue_take(&subscriber->queue, out))
        return false;
    if (blocking && !is_blocking(subscriber) && --broadcast->full == 0)
        wake_others(broadcast, subscriber);
    return true;
}

static weir_poll last_word(struct subscriber *subscriber, weir_item *out)
{
    struct weir_broadcast *broadcast = subscriber->broadcast;

    if (subscriber->failed != NULL)
        return poll_error(out, WEIR_RESOURCE_EXHAUSTED, subscriber->failed);
    if (!broadcast->ended)
        return WEIR_PENDING;
    out->status = weir_status_ref(&broadcast->status);
    return out->status.code == WEIR_OK ? WEIR_END : WEIR_ERROR;
}

static weir_poll subscriber_poll(void *self, weir_task *task, weir_item *out)
{
    struct subscriber *subscriber = self;
    struct weir_broadcast *broadcast = subscriber->broadcast;
    weir_poll poll = WEIR_READY;

    pthread_mutex_lock(&broadcast->lock);
    if (subscriber->queue.count == 0 && subscriber->failed == NULL && !broadcast->ended)
        ask(subscriber, task);
    if (!take(subscriber, out))
        poll = last_word(subscriber, out);
    pthread_mutex_unlock(&broadcast->lock);
    return poll;
}

static void leave(struct subscriber *subscriber)
{
    struct weir_broadcast *broadcast = subscriber->broadcast;

    pthread_mutex_lock(&broadcast->lock);
    broadcast->full -= is_blocking(subscriber);
    pthread_mutex_lock(&broadcast->waiting_lock);
    list_remove(&subscriber->link);
    pthread_mutex_unlock(&broadcast->waiting_lock);
    wake_others(broadcast, NULL);
    pthread_mutex_unlock(&broadcast->lock);
}

static void subscriber_release(void *self)
{
    struct subscriber *subscriber = self;

    leave(subscriber);
    queue_clear(&subscriber->queue);
    weir_waker_release(&subscriber->waker);
    weir_broadcast_unref(subscriber->broadcast);
    mem_free(subscriber);
}

static const weir_stream_ops subscriber_ops = {subscriber_poll, subscriber_release};

weir_stream weir_broadcast_subscribe(weir_broadcast *broadcast, const weir_pipe_options *options)
{
    struct subscriber *subscriber = mem_zalloc(sizeof *subscriber);

    if (subscriber == NULL)
        return stream_out_of_memory();
    queue_init(&subscriber->queue, options);
    subscriber->broadcast = weir_broadcast_ref(broadcast);
    pthread_mutex_lock(&broadcast->lock);
    pthread_mutex_lock(&broadcast->waiting_lock);
    list_append(&broadcast->subscribers, &subscriber->link);
    pthread_mutex_unlock(&broadcast->waiting_lock);
    pthread_mutex_unlock(&broadcast->lock);
    return (weir_stream){&subscriber_ops, subscriber};
}

/* ---- the broadcast ---- */

static bool open_locks(struct weir_broadcast *broadcast)
{
    if (pthread_mutex_init(&broadcast->lock, NULL) != 0)
        return false;
    if (pthread_mutex_init(&broadcast->waiting_lock, NULL) == 0)
        return true;
    pthread_mutex_destroy(&broadcast->lock);
    return false;
}

static weir_broadcast *give_up(struct weir_broadcast *broadcast)
{
    weir_stream_release(&broadcast->source);
    weir_task_free(broadcast->task);
    mem_free(broadcast);
    return NULL;
}

weir_broadcast *weir_broadcast_create(weir_stream source)
{
    struct weir_broadcast *broadcast = combinator_alloc(sizeof *broadcast, &source);

    if (broadcast == NULL)
        return NULL;
    broadcast->source = source;
    broadcast->task =
        weir_task_create(&(weir_task_options){.notify = broadcast_notify, .self = broadcast});
    if (broadcast->task == NULL || !open_locks(broadcast))
        return give_up(broadcast);
    list_init(&broadcast->subscribers);
    atomic_init(&broadcast->references, 1);
    return broadcast;
}

weir_broadcast *weir_broadcast_ref(weir_broadcast *broadcast)
{
    atomic_fetch_add_explicit(&broadcast->references, 1, memory_order_relaxed);
    return broadcast;
}

void weir_broadcast_unref(weir_broadcast *broadcast)
{
    if (broadcast == NULL ||
        atomic_fetch_sub_explicit(&broadcast->references, 1, memory_order_acq_rel) != 1)
        return;
    weir_stream_release(&broadcast->source);
    weir_task_free(broadcast->task);
    weir_status_clear(&broadcast->status);
    pthread_mutex_destroy(&broadcast->waiting_lock);
    pthread_mutex_destroy(&broadcast->lock);
    mem_free(broadcast);
}
