/* SPDX-License-Identifier: MIT */
/*
 * loop.h - the inside of a loop: mailbox, timers, and which connections have something to do.
 */
#ifndef CONN_LOOP_H
#define CONN_LOOP_H

#include <weir/loop.h>

#include "base/cache.h"
#include "base/heap.h"
#include "base/list.h"
#include "stream/mailbox.h"

struct weir_loop {
    struct mailbox *mailbox;
    struct heap timers;
    struct list runnable; /* connections with work for the run phase */
    struct list named;    /* connections their driver must look at */
    uint64_t now;
    const weir_transport *transport;
    size_t connections;
    /* What comes and goes with frames and calls. */
    struct cache *small_buffers;
    struct cache *frame_buffers;
    struct cache *calls;
    struct cache *exchanges;
    struct cache *inbounds;
    struct deflater *deflater; /* made when a message is first compressed */
};

/* A timer inside its owner. */
struct loop_timer {
    struct heap_node node;
    void (*fire)(struct loop_timer *timer);
};

/* Reserves room, so that setting it never fails; false when memory is out. */
bool loop_timer_open(weir_loop *loop, struct loop_timer *timer,
                     void (*fire)(struct loop_timer *timer));
void loop_timer_close(weir_loop *loop, struct loop_timer *timer);

/* The compressor of the messages that are sent; NULL when memory is out. */
struct deflater *loop_deflater(weir_loop *loop);

static inline void loop_timer_set(weir_loop *loop, struct loop_timer *timer, uint64_t when)
{
    heap_set(&loop->timers, &timer->node, when);
}

/* The calling thread turns the loop from now on. */
void loop_attach(weir_loop *loop);

/* No thread does, until the next turn. Before the one that did ends: a new one can look like it. */
void loop_detach(weir_loop *loop);

/* Runs the run phase of one connection; in connection.c. */
void connection_run_link(struct list *runnable_link);
weir_connection *connection_of_named_link(struct list *named_link);

#endif
