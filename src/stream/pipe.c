/* SPDX-License-Identifier: MIT */
/*
 * pipe.c - a bounded queue between writers on any thread and a stream.
 *
 * All of it is under its lock; wakers are taken out under the lock and called outside. The pipe
 * lives until its reader and its last writer have gone.
 */
#include "stream/combinator.h"

#include "base/alloc.h"
#include "base/budget.h"
#include "stream/pipe.h"
#include "stream/queue.h"
#include "stream/task.h"

#include <assert.h>

/* So many tasks may wait for room by their wakers; further ones look at the clock. */
#define MAX_WAITING 8
#define SMALL ((size_t)1024)

struct waiting {
    weir_waker wakers[MAX_WAITING];
    size_t count;
};

struct weir_pipe {
    pthread_mutex_t lock;
    pthread_cond_t room;
    struct queue queue;
    size_t writers;         /* references to the writer's end */
    size_t blocked;         /* threads that wait for `room` */
    struct waiting waiting; /* tasks that wait for room */
    weir_waker reader;
    bool reading; /* the reader is there */
    bool closed;
    weir_status status;
    struct call_budget *budget; /* of the call it belongs to; NULL: of none */
    struct weir_cell *keeper;
    size_t charged;
};

static void wait_for_room(struct waiting *waiting, weir_task *task)
{
    for (size_t i = 0; i < waiting->count; i++)
        if (weir_waker_will_wake(&waiting->wakers[i], task))
            return;
    if (waiting->count == MAX_WAITING)
        task_wake_by_clock(task);
    else
        waiting->wakers[waiting->count++] = weir_task_waker(task);
}

static void wake(weir_waker *waker)
{
    weir_waker_wake(waker);
    weir_waker_release(waker);
}

static void wake_waiting(struct waiting *waiting)
{
    for (size_t i = 0; i < waiting->count; i++)
        wake(&waiting->wakers[i]);
}

/* Under the lock. Small messages are in what a call costs anyway. */
static void count_memory(struct weir_pipe *pipe)
{
    size_t size = pipe->queue.bytes > SMALL ? pipe->queue.bytes : 0;

    if (pipe->budget != NULL && size != pipe->charged)
        call_recharge(pipe->budget, &pipe->charged, size);
}

/* Under the lock; what it returns is woken when the lock is free. */
static weir_waker take_reader(struct weir_pipe *pipe)
{
    weir_waker reader = pipe->reader;

    pipe->reader = (weir_waker){0};
    return reader;
}

static void take_waiting(struct weir_pipe *pipe, struct waiting *out)
{
    out->count = pipe->waiting.count;
    for (size_t i = 0; i < out->count; i++)
        out->wakers[i] = pipe->waiting.wakers[i];
    pipe->waiting.count = 0;
    if (pipe->blocked != 0)
        pthread_cond_broadcast(&pipe->room);
}

/* The reader dropped what was in it, and woke all who waited, when it left. */
static void pipe_free(struct weir_pipe *pipe)
{
    weir_status_clear(&pipe->status);
    if (pipe->keeper != NULL)
        cell_unref(pipe->keeper);
    pthread_cond_destroy(&pipe->room);
    pthread_mutex_destroy(&pipe->lock);
    mem_free(pipe);
}

/* ---- the reader ---- */

static weir_poll last_word(struct weir_pipe *pipe, weir_task *task, weir_item *out)
{
    if (pipe->closed) {
        out->status = pipe->status;
        pipe->status = (weir_status){0};
        return out->status.code == WEIR_OK ? WEIR_END : WEIR_ERROR;
    }
    if (pipe->writers == 0)
        return poll_error(out, WEIR_CANCELLED, "the writer left without closing the pipe");
    weir_waker_keep(&pipe->reader, task);
    return WEIR_PENDING;
}

static weir_poll reader_poll(void *self, weir_task *task, weir_item *out)
{
    struct weir_pipe *pipe = self;
    struct waiting waiting;
    weir_poll poll = WEIR_READY;

    waiting.count = 0;
    pthread_mutex_lock(&pipe->lock);
    if (queue_take(&pipe->queue, out))
        take_waiting(pipe, &waiting);
    else
        poll = last_word(pipe, task, out);
    count_memory(pipe);
    pthread_mutex_unlock(&pipe->lock);
    wake_waiting(&waiting);
    return poll;
}

static void reader_release(void *self)
{
    struct weir_pipe *pipe = self;
    struct waiting waiting;
    bool last;

    pthread_mutex_lock(&pipe->lock);
    pipe->reading = false;
    queue_clear(&pipe->queue);
    count_memory(pipe);
    weir_waker_release(&pipe->reader);
    take_waiting(pipe, &waiting);
    last = pipe->writers == 0;
    pthread_mutex_unlock(&pipe->lock);
    wake_waiting(&waiting);
    if (last)
        pipe_free(pipe);
}

static const weir_stream_ops reader_ops = {reader_poll, reader_release};

/* ---- the writers ---- */

static weir_pipe *give_up(struct weir_pipe *pipe)
{
    mem_free(pipe);
    return NULL;
}

weir_pipe *weir_pipe_create(const weir_pipe_options *options, weir_stream *reader)
{
    struct weir_pipe *pipe = mem_zalloc(sizeof *pipe);

    *reader = stream_out_of_memory();
    if (pipe == NULL || pthread_mutex_init(&pipe->lock, NULL) != 0)
        return give_up(pipe);
    if (pthread_cond_init(&pipe->room, NULL) != 0) {
        pthread_mutex_destroy(&pipe->lock);
        return give_up(pipe);
    }
    queue_init(&pipe->queue, options);
    pipe->writers = 1;
    pipe->reading = true;
    *reader = (weir_stream){&reader_ops, pipe};
    return pipe;
}

void pipe_charge(weir_pipe *pipe, struct call_budget *budget, struct weir_cell *keeper)
{
    cell_ref(keeper);
    pthread_mutex_lock(&pipe->lock);
    pipe->budget = budget;
    pipe->keeper = keeper;
    pthread_mutex_unlock(&pipe->lock);
}

weir_pipe *weir_pipe_ref(weir_pipe *pipe)
{
    pthread_mutex_lock(&pipe->lock);
    pipe->writers++;
    pthread_mutex_unlock(&pipe->lock);
    return pipe;
}

void weir_pipe_unref(weir_pipe *pipe)
{
    weir_waker reader = {0};
    bool last = false;

    if (pipe == NULL)
        return;
    pthread_mutex_lock(&pipe->lock);
    if (--pipe->writers == 0) {
        reader = take_reader(pipe);
        last = !pipe->reading;
    }
    pthread_mutex_unlock(&pipe->lock);
    wake(&reader);
    if (last)
        pipe_free(pipe);
}

/* The pipe ends for its writers now and for its reader behind what it holds. */
static void end(struct weir_pipe *pipe, weir_status status)
{
    pipe->closed = true;
    pipe->status = status;
}

static weir_poll fail(struct weir_pipe *pipe, const char *message)
{
    weir_item item = {0};

    poll_error(&item, WEIR_RESOURCE_EXHAUSTED, message);
    end(pipe, item.status);
    return WEIR_ERROR;
}

/* Under the lock: what weir_pipe_try_write answers. */
static weir_poll put(struct weir_pipe *pipe, weir_bytes *message)
{
    weir_poll room;

    if (!pipe->reading || pipe->closed)
        return WEIR_END;
    room = queue_make_room(&pipe->queue, message->size);
    if (room == WEIR_PENDING)
        return room;
    if (room == WEIR_ERROR)
        return fail(pipe, "the pipe is full");
    if (!queue_put(&pipe->queue, message, 0))
        return fail(pipe, "out of memory");
    *message = (weir_bytes){0};
    count_memory(pipe);
    return WEIR_READY;
}

static void block(struct weir_pipe *pipe)
{
    assert(!turn_is_running());
    pipe->blocked++;
    pthread_cond_wait(&pipe->room, &pipe->lock);
    pipe->blocked--;
}

weir_code weir_pipe_write(weir_pipe *pipe, weir_bytes message)
{
    weir_waker reader;
    weir_poll poll;

    pthread_mutex_lock(&pipe->lock);
    while ((poll = put(pipe, &message)) == WEIR_PENDING)
        block(pipe);
    reader = take_reader(pipe);
    pthread_mutex_unlock(&pipe->lock);
    wake(&reader);
    weir_bytes_unref(&message);
    if (poll == WEIR_READY)
        return WEIR_OK;
    return poll == WEIR_END ? WEIR_CANCELLED : WEIR_RESOURCE_EXHAUSTED;
}

weir_poll weir_pipe_try_write(weir_pipe *pipe, weir_task *task, weir_bytes *message)
{
    weir_waker reader = {0};
    weir_poll poll;

    pthread_mutex_lock(&pipe->lock);
    poll = put(pipe, message);
    if (poll != WEIR_PENDING)
        reader = take_reader(pipe);
    else if (task != NULL)
        wait_for_room(&pipe->waiting, task);
    pthread_mutex_unlock(&pipe->lock);
    wake(&reader);
    return poll;
}

void weir_pipe_close(weir_pipe *pipe, weir_status status)
{
    struct waiting waiting;
    weir_waker reader;

    pthread_mutex_lock(&pipe->lock);
    if (!pipe->closed) {
        end(pipe, status);
        status = (weir_status){0};
    }
    reader = take_reader(pipe);
    take_waiting(pipe, &waiting);
    pthread_mutex_unlock(&pipe->lock);
    wake(&reader);
    wake_waiting(&waiting);
    weir_status_clear(&status);
}

uint64_t weir_pipe_dropped(const weir_pipe *pipe)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&pipe->lock;
    uint64_t dropped;

    pthread_mutex_lock(lock);
    dropped = pipe->queue.dropped;
    pthread_mutex_unlock(lock);
    return dropped;
}
