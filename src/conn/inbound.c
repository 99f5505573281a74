/* SPDX-License-Identifier: MIT */
/*
 * inbound.c - what came in for a call and was not taken yet.
 *
 * Everything is under one lock, which is never held while foreign code runs: wakers only queue.
 */
#include "conn/inbound.h"

#include "base/alloc.h"
#include "conn/exchange.h"
#include "conn/memory.h"
#include "conn/window.h"
#include "framing/compression.h"

/* So much is inflated for all calls of a loop before it looks at its sockets again. */
#define EFFORT_A_TURN ((size_t)1 << 20)

/* Under the lock, where others may use it: charges what the reader holds. One small chunk is in
 * what each call costs. */
static inline void count_memory(struct inbound *in)
{
    size_t held = frame_reader_held(&in->reader);
    size_t size = held > SMALL_CHUNK ? held : 0;

    if (size != in->charged)
        call_recharge(&in->memory, &in->charged, size);
}

static void inbound_destroy(struct weir_cell *cell)
{
    struct inbound *in = (struct inbound *)cell;

    frame_reader_clear(&in->reader);
    count_memory(in);
    weir_waker_release(&in->waker);
    weir_status_clear(&in->status);
    weir_status_clear(&in->fault);
    weir_bytes_unref(&in->tls_peer);
    arena_clear(&in->arena);
    budget_release(budget_of_calls(in->memory.budget), MEMORY_CALL);
    if (in->keeps_budget)
        budget_unref(in->memory.budget);
    pthread_mutex_destroy(&in->lock);
    cell_release_mailbox(cell);
    cache_free(in->home, in);
}

struct inbound *inbound_create(weir_loop *loop, struct budget *budget, struct exchange *exchange,
                               size_t max_receive_size)
{
    struct cache *home;
    struct inbound *in = cache_zalloc(loop->inbounds, sizeof *in, &home);

    if (in == NULL)
        return NULL;
    if (pthread_mutex_init(&in->lock, NULL) != 0) {
        cache_free(home, in);
        return NULL;
    }
    in->home = home;
    cell_init(&in->poke, loop->mailbox, exchange_poked, exchange, inbound_destroy);
    frame_reader_init(&in->reader, max_receive_size, false);
    in->reader.small_buffers = loop->small_buffers;
    in->reader.frame_buffers = loop->frame_buffers;
    in->memory.budget = budget;
    atomic_init(&in->memory.held, MEMORY_CALL); /* nobody else knows of it yet */
    budget_charge(budget_of_calls(budget), MEMORY_CALL);
    arena_init(&in->arena, NULL, 0);
    in->arena.memory = &in->memory;
    metadata_init(&in->headers, &in->arena);
    metadata_init(&in->trailers, &in->arena);
    in->deadline = WEIR_NEVER;
    in->window = WINDOW_FIRST;
    return in;
}

/* Under the lock: what the reader may know by now moves into its call. */
static void show_call(struct inbound *in)
{
    weir_call *call = in->call;

    call->deadline = in->deadline;
    if (in->peer != NULL) {
        call->peer.address = in->peer;
        call->peer.credentials = in->peer_credentials;
    }
    call_set_tls_peer(call, &in->tls_peer);
    if (in->headers_came)
        call->seen_response = &in->headers;
    if (in->trailers_came)
        call->seen_trailers = &in->trailers;
}

static weir_poll end_with(struct inbound *in, weir_item *out)
{
    in->told = true;
    if (in->call != NULL)
        in->call->status = weir_status_ref(&in->status);
    if (in->status.code == WEIR_OK)
        return WEIR_END;
    out->status = weir_status_ref(&in->status);
    return WEIR_ERROR;
}

/* Gives bytes back to the peer: at once on the loop's own thread, else by a poke. */
static void note_credit(struct inbound *in)
{
    in->credit += frame_reader_credit(&in->reader);
    if (in->credit >= EXCHANGE_CREDIT_BATCH || in->awaited)
        cell_wake(&in->poke);
}

/* Under the lock. */
static void count_news(struct inbound *in)
{
    unsigned news = atomic_load_explicit(&in->news, memory_order_relaxed);

    atomic_store_explicit(&in->news, news + 1, memory_order_relaxed);
}

/* A few bytes may take long to inflate: others have their turn before the next of them. Between two
 * turns nobody waits for his, and the next one may be long in coming. */
static bool must_rest(const struct inbound *in)
{
    const struct mailbox *mailbox = in->poke.mailbox;

    return in->encoding != WEIR_IDENTITY && mailbox_is_local(mailbox) && turn_is_running() &&
           mailbox->effort >= EFFORT_A_TURN && frame_reader_has_message(&in->reader);
}

/* The reader is polled again in the next turn; where it is on another loop of this thread, this one
 * must have one, too. */
static weir_poll rest(struct inbound *in, weir_task *task)
{
    weir_waker_keep(&in->waker, task);
    weir_waker_wake(&in->waker);
    cell_wake(&in->poke);
    return WEIR_PENDING;
}

static weir_poll take(struct inbound *in, weir_task *task, weir_item *out)
{
    if (in->call != NULL)
        show_call(in);
    if (in->aborted)
        return end_with(in, out);
    if (must_rest(in))
        return rest(in, task);
    if (frame_reader_take(&in->reader, &out->message, &out->flags)) {
        in->caught_up = !frame_reader_has_message(&in->reader);
        out->flags = out->flags != 0 ? WEIR_ITEM_COMPRESSED : 0;
        in->taken = true;
        count_news(in);
        count_memory(in);
        note_credit(in);
        return WEIR_READY;
    }
    if (in->finished)
        return end_with(in, out);
    weir_waker_keep(&in->waker, task);
    in->waiting = in->caught_up = true;
    return WEIR_PENDING;
}

/* The message in *out is broken: so is the call, and nothing behind it counts. */
static weir_poll fail(struct inbound *in, weir_item *out)
{
    weir_bytes_unref(&out->message);
    out->flags = 0;
    pthread_mutex_lock(&in->lock);
    in->fault = weir_status_ref(&out->status);
    in->told = true;
    frame_reader_discard(&in->reader);
    count_memory(in);
    in->credit += frame_reader_credit(&in->reader);
    if (in->call != NULL) {
        weir_status_clear(&in->call->status);
        in->call->status = weir_status_ref(&out->status);
    }
    pthread_mutex_unlock(&in->lock);
    cell_wake(&in->poke);
    return WEIR_ERROR;
}

/* On the reader's thread and without the lock: it may take long. */
static weir_poll inflate_item(struct inbound *in, weir_compression encoding, size_t max_size,
                              weir_item *out)
{
    struct mailbox *mailbox = in->poke.mailbox;
    weir_bytes plain;
    weir_code code =
        compression_inflate(encoding, &out->message, max_size, &in->memory, &plain, &out->status);

    if (mailbox_is_local(mailbox))
        mailbox->effort += code == WEIR_OK ? plain.size : EFFORT_A_TURN;
    if (code != WEIR_OK)
        return fail(in, out);
    weir_bytes_unref(&out->message);
    out->message = plain;
    return WEIR_READY;
}

static weir_poll inbound_poll(void *self, weir_task *task, weir_item *out)
{
    struct inbound *in = self;
    weir_compression encoding;
    size_t max_size;
    weir_poll poll;

    pthread_mutex_lock(&in->lock);
    poll = take(in, task, out);
    encoding = in->encoding;
    max_size = in->reader.max_size;
    pthread_mutex_unlock(&in->lock);
    return poll == WEIR_READY && out->flags != 0 ? inflate_item(in, encoding, max_size, out) : poll;
}

static void inbound_release(void *self)
{
    struct inbound *in = self;
    bool matters;

    pthread_mutex_lock(&in->lock);
    atomic_store_explicit(&in->released, true, memory_order_release);
    frame_reader_discard(&in->reader);
    count_memory(in);
    in->credit += frame_reader_credit(&in->reader);
    weir_waker_release(&in->waker);
    in->waiting = false;
    /* Once it ended and its reader knows, there is nothing to cancel and nothing to credit. */
    matters = !in->told;
    pthread_mutex_unlock(&in->lock);
    if (matters)
        cell_wake(&in->poke);
    weir_call_unref(in->call);
    in->call = NULL;
    cell_unref(&in->poke);
}

static const weir_stream_ops inbound_ops = {inbound_poll, inbound_release};

weir_stream inbound_stream(struct inbound *in, weir_call *call)
{
    cell_ref(&in->poke);
    in->call = call != NULL ? weir_call_ref(call) : NULL;
    return (weir_stream){&inbound_ops, in};
}

/* ---- on the loop's thread ---- */

static void wake_reader(struct inbound *in)
{
    if (!in->waiting)
        return;
    in->waiting = false;
    weir_waker_wake(&in->waker);
}

/* Under the lock: less than a batch waits for more, unless nobody will take any. */
static size_t due_credit(struct inbound *in)
{
    size_t credit = in->credit;

    if (credit < EXCHANGE_CREDIT_BATCH && !in->released)
        return 0;
    in->credit = 0;
    in->owed -= credit;
    return credit;
}

weir_code inbound_append(struct inbound *in, const uint8_t *data, size_t size, size_t *credit,
                         weir_status *why)
{
    weir_code code;
    bool had_message;

    *credit = 0;
    pthread_mutex_lock(&in->lock);
    in->owed += size;
    in->overrun |= in->owed > in->window;
    if (in->overrun) {
        pthread_mutex_unlock(&in->lock);
        return WEIR_OK;
    }
    had_message = frame_reader_has_message(&in->reader);
    code = frame_reader_append(&in->reader, data, size, why);
    count_memory(in);
    in->credit += frame_reader_credit(&in->reader);
    *credit = due_credit(in);
    if (frame_reader_has_message(&in->reader)) {
        in->caught_up = false;
        if (!had_message)
            count_news(in);
        wake_reader(in);
    }
    pthread_mutex_unlock(&in->lock);
    return code;
}

/* Under the lock. */
static void end_locked(struct inbound *in, weir_status status, bool at_once)
{
    if (in->aborted || (in->finished && !at_once)) {
        weir_status_clear(&status);
        return;
    }
    weir_status_clear(&in->status);
    in->status = status;
    in->finished = true;
    in->aborted = at_once;
    count_news(in);
    if (at_once) {
        frame_reader_discard(&in->reader);
        count_memory(in);
    }
    wake_reader(in);
}

static void end(struct inbound *in, weir_status status, bool at_once)
{
    /* Nobody reads how it ends: that is so for good. */
    if (atomic_load_explicit(&in->released, memory_order_acquire)) {
        weir_status_clear(&status);
        return;
    }
    pthread_mutex_lock(&in->lock);
    end_locked(in, status, at_once);
    pthread_mutex_unlock(&in->lock);
}

weir_code inbound_end(struct inbound *in, weir_status *why)
{
    weir_code code;

    pthread_mutex_lock(&in->lock);
    code = frame_reader_end(&in->reader, why);
    count_memory(in);
    if (code == WEIR_OK)
        end_locked(in, (weir_status){0}, false);
    pthread_mutex_unlock(&in->lock);
    return code;
}

void inbound_finish(struct inbound *in, weir_status status)
{
    end(in, status, false);
}

void inbound_abort(struct inbound *in, weir_status status)
{
    end(in, status, true);
}

void inbound_discard(struct inbound *in)
{
    pthread_mutex_lock(&in->lock);
    frame_reader_discard(&in->reader);
    count_memory(in);
    in->credit += frame_reader_credit(&in->reader);
    pthread_mutex_unlock(&in->lock);
}

weir_code inbound_check_end(struct inbound *in, weir_status *why)
{
    weir_code code;

    pthread_mutex_lock(&in->lock);
    code = frame_reader_end(&in->reader, why);
    count_memory(in);
    pthread_mutex_unlock(&in->lock);
    return code;
}

bool inbound_grow(struct inbound *in, size_t size)
{
    bool grows;

    pthread_mutex_lock(&in->lock);
    grows = in->caught_up;
    if (grows)
        in->window = size;
    pthread_mutex_unlock(&in->lock);
    return grows;
}

void inbound_set_encoding(struct inbound *in, weir_compression encoding)
{
    pthread_mutex_lock(&in->lock);
    in->encoding = encoding;
    in->reader.compression_negotiated = encoding != WEIR_IDENTITY;
    pthread_mutex_unlock(&in->lock);
}

bool inbound_take_fault(struct inbound *in, weir_status *status)
{
    pthread_mutex_lock(&in->lock);
    *status = in->fault;
    in->fault = (weir_status){0};
    pthread_mutex_unlock(&in->lock);
    return status->code != WEIR_OK;
}

void inbound_publish_headers(struct inbound *in)
{
    pthread_mutex_lock(&in->lock);
    in->headers_came = true;
    wake_reader(in);
    pthread_mutex_unlock(&in->lock);
}

void inbound_publish_trailers(struct inbound *in)
{
    pthread_mutex_lock(&in->lock);
    in->trailers_came = true;
    pthread_mutex_unlock(&in->lock);
}

size_t inbound_take_credit(struct inbound *in, bool *released)
{
    size_t credit;

    pthread_mutex_lock(&in->lock);
    *released = in->released;
    credit = due_credit(in);
    pthread_mutex_unlock(&in->lock);
    return credit;
}

bool inbound_has_news(struct inbound *in, unsigned seen)
{
    bool news;

    if (in->client || atomic_load_explicit(&in->released, memory_order_relaxed) ||
        atomic_load_explicit(&in->news, memory_order_relaxed) == seen)
        return false;
    pthread_mutex_lock(&in->lock);
    news = frame_reader_has_message(&in->reader) || (in->finished && !in->told);
    pthread_mutex_unlock(&in->lock);
    return news;
}

size_t inbound_await_take(struct inbound *in)
{
    size_t unread;

    pthread_mutex_lock(&in->lock);
    unread = frame_reader_unread(&in->reader);
    in->awaited = unread != 0;
    pthread_mutex_unlock(&in->lock);
    return unread;
}

bool inbound_was_taken(struct inbound *in)
{
    bool taken;

    pthread_mutex_lock(&in->lock);
    taken = in->taken;
    in->taken = false;
    pthread_mutex_unlock(&in->lock);
    return taken;
}

void inbound_close(struct inbound *in)
{
    /* Who has a reference yet may charge and release after the connection is gone. */
    if (!cell_is_single(&in->poke)) {
        in->keeps_budget = true;
        budget_ref(in->memory.budget);
    }
    cell_detach(&in->poke);
}
