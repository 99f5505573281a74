/* SPDX-License-Identifier: MIT */
/*
 * loop.c - a loop without I/O.
 *
 * A turn takes what was woken, fires the timers that are due, and then lets each connection with
 * work run: handlers, first polls and releases happen there and nowhere else. Connections that may
 * have output after that are named to their driver.
 */
#include "conn/loop.h"

#include "base/alloc.h"
#include "bytes/buffer.h"
#include "conn/exchange.h"
#include "framing/compression.h"

/* So many blocks of a kind are kept for the next calls and frames. */
#define KEPT_CALLS 256
#define KEPT_BUFFERS 32

static bool open_caches(weir_loop *loop)
{
    size_t header = sizeof(struct weir_buffer);

    loop->small_buffers = cache_create(header + BUFFER_SMALL_CAPACITY, KEPT_CALLS);
    loop->frame_buffers = cache_create(header + BUFFER_FRAME_CAPACITY, KEPT_BUFFERS);
    loop->calls = cache_create(sizeof(weir_call), KEPT_CALLS);
    loop->exchanges = cache_create(sizeof(struct exchange), KEPT_CALLS);
    loop->inbounds = cache_create(sizeof(struct inbound), KEPT_CALLS);
    return loop->small_buffers != NULL && loop->frame_buffers != NULL && loop->calls != NULL &&
           loop->exchanges != NULL && loop->inbounds != NULL;
}

static void for_caches(weir_loop *loop, void (*what)(struct cache *cache))
{
    what(loop->small_buffers);
    what(loop->frame_buffers);
    what(loop->calls);
    what(loop->exchanges);
    what(loop->inbounds);
}

void loop_attach(weir_loop *loop)
{
    if (mailbox_is_local(loop->mailbox))
        return;
    mailbox_attach(loop->mailbox);
    for_caches(loop, cache_own);
}

void loop_detach(weir_loop *loop)
{
    mailbox_detach(loop->mailbox);
    for_caches(loop, cache_disown);
}

weir_code weir_loop_create(const weir_loop_options *options, weir_loop **out, weir_status *why)
{
    static const weir_loop_options defaults;
    weir_loop *loop = mem_zalloc(sizeof *loop);

    if (options == NULL)
        options = &defaults;
    *out = NULL;
    if (loop != NULL && open_caches(loop))
        loop->mailbox = mailbox_create(options->notify, options->self);
    if (loop == NULL || loop->mailbox == NULL) {
        if (loop != NULL)
            for_caches(loop, cache_close);
        mem_free(loop);
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a loop");
    }
    list_init(&loop->runnable);
    list_init(&loop->named);
    loop->transport = options->transport;
    *out = loop;
    return WEIR_OK;
}

struct deflater *loop_deflater(weir_loop *loop)
{
    if (loop->deflater == NULL)
        loop->deflater = deflater_create();
    return loop->deflater;
}

bool loop_timer_open(weir_loop *loop, struct loop_timer *timer,
                     void (*fire)(struct loop_timer *timer))
{
    *timer = (struct loop_timer){.fire = fire};
    return heap_reserve(&loop->timers);
}

void loop_timer_close(weir_loop *loop, struct loop_timer *timer)
{
    heap_set(&loop->timers, &timer->node, WEIR_NEVER);
    heap_unreserve(&loop->timers);
}

static void fire_timers(weir_loop *loop)
{
    for (;;) {
        struct heap_node *node = heap_first(&loop->timers);
        struct loop_timer *timer;

        if (node == NULL || node->when > loop->now)
            return;
        heap_set(&loop->timers, node, WEIR_NEVER);
        timer = LIST_MEMBER(node, struct loop_timer, node);
        timer->fire(timer);
    }
}

void weir_loop_turn(weir_loop *loop, uint64_t now_ns)
{
    struct list due;
    struct list *link;

    if (now_ns > loop->now)
        loop->now = now_ns;
    turn_start();
    loop_attach(loop);
    loop->mailbox->attended = true;
    loop->mailbox->effort = 0;
    mailbox_drain(loop->mailbox);
    fire_timers(loop);
    list_init(&due);
    list_move(&due, &loop->runnable);
    while ((link = list_take(&due)) != NULL)
        connection_run_link(link);
    turn_stop();
}

weir_connection *weir_loop_next(weir_loop *loop)
{
    struct list *link = list_take(&loop->named);

    if (link != NULL)
        return connection_of_named_link(link);
    /* Whoever wakes from here on cannot count on another look before the driver sleeps. */
    loop->mailbox->attended = false;
    return NULL;
}

uint64_t weir_loop_wakeup(const weir_loop *loop)
{
    struct heap_node *node;

    if (!list_is_empty(&loop->runnable) || !list_is_empty(&loop->named) ||
        mailbox_has_mail(loop->mailbox))
        return 0;
    node = heap_first(&loop->timers);
    return node != NULL ? node->when : WEIR_NEVER;
}

uint64_t weir_loop_now(const weir_loop *loop)
{
    return loop->now;
}

void weir_loop_free(weir_loop *loop)
{
    if (loop == NULL)
        return;
    mailbox_close(loop->mailbox);
    heap_clear(&loop->timers);
    for_caches(loop, cache_close);
    deflater_free(loop->deflater);
    mem_free(loop);
}
