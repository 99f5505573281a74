/* SPDX-License-Identifier: MIT */
/*
 * memory.h - what connections do about the byte budget: hold back, wait, and end who stalls.
 *
 * One `struct memory` stands for a server, or a channel, on one loop. Its connections charge what
 * they hold to budgets below its own. When memory is short a connection that holds more than its
 * allowance grants no windows and runs no stream ahead: those calls are withheld, in order, until
 * there is memory again. A call that holds messages and lets too little go for too long while
 * memory is short is ended, the longest-stalled one of all loops first.
 */
#ifndef CONN_MEMORY_H
#define CONN_MEMORY_H

#include <weir/call.h>

#include "base/budget.h"
#include "conn/loop.h"

/* What a call is taken to hold besides messages: exchange, inbound, call, HTTP/2 stream, handler,
 * and messages so small that counting them would cost more than they do. */
#define MEMORY_CALL ((size_t)4096)
/* And a connection: itself, its session with a frame's buffer, two header tables. */
#define MEMORY_CONNECTION ((size_t)28 * 1024)
#define MEMORY_TLS ((size_t)40 * 1024)
/* A held message up to this size is in MEMORY_CALL. */
#define MEMORY_SMALL ((size_t)1024)
/* As is a first chunk of what comes in. */
#define SMALL_CHUNK ((size_t)512)

struct exchange;

/* Inside a call, or a connection. */
struct stall {
    struct heap_node node;
    uint64_t moved_at; /* it let enough go, or held nothing before */
    size_t let_go;     /* since then */
    bool is_connection;
};

struct memory {
    struct budget *budget;
    weir_loop *loop;
    struct weir_cell
        *cell; /* woken when memory gets short, and when another loop has ended calls */
    uint64_t stall_timeout;
    struct loop_timer timer; /* there while it has connections */
    size_t connections;
    struct heap stalls; /* by when they let something go, or earlier */
    /* Written by the loop's thread, read by any. */
    _Atomic uint64_t calls;
    _Atomic uint64_t refused;
    _Atomic uint64_t ended;
    _Atomic uint64_t blocked_ns[BLOCKED_KINDS];
};

/* `limit`: UINT64_MAX is none. NULL when memory is out. */
static inline struct budget_total *memory_total_create(uint64_t limit)
{
    return budget_total_create(limit < SIZE_MAX ? (size_t)limit : SIZE_MAX);
}

/* Below `total`. NULL when memory is out. */
struct memory *memory_create(weir_loop *loop, struct budget_total *total, uint64_t stall_timeout);
void memory_free(struct memory *memory);

/* Adds what it counted to *out. */
void memory_add_usage(const struct memory *memory, weir_total_usage *out);

/* ---- a connection ---- */

/* Its budget, and its place among those that wait; false when memory is out. */
bool memory_open(weir_connection *c, struct memory *memory, bool client);
void memory_close(weir_connection *c);

static inline void memory_count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

/* After its output was filled or drained. */
void memory_count_output(weir_connection *c);

/* Bytes left it. */
void memory_output_left(weir_connection *c, size_t size);

/* Before and after its output is filled: how long the calls had no room there. */
void memory_clock_output(weir_connection *c);

/* Lets some of the withheld calls go on, if they may: in the run phase, before its work is done. */
void memory_serve(weir_connection *c);

/* ---- a call ---- */

/* Server: whether another call may begin; if not, that is counted. */
bool memory_admits(struct exchange *e);

/* Whether the outgoing stream may be polled; if not, the call is withheld until it may. `ahead`:
 * what it gives cannot leave now. */
bool memory_lets_poll(struct exchange *e, bool ahead);

/* Bytes came, which the connection's window lacks until they are given back: at once, or while
 * memory is short when they were taken or dropped. */
void memory_received(struct exchange *e, size_t size);
void memory_taken(struct exchange *e);

/* Bytes may be granted to the peer on its stream: how many of them now, with those it is owed. */
size_t memory_credit(struct exchange *e, size_t size);

/* Bytes of its messages left it. */
void memory_sent(struct exchange *e, size_t size);

/* The held message came, changed, or went. */
void memory_count_held(struct exchange *e);

/* It waits for something from now on; what it waited for, it does not wait for any more. */
void memory_block(struct exchange *e, enum blocked why);
void memory_unblock(struct exchange *e);

/* It waited for so long. */
void memory_add_blocked(struct exchange *e, enum blocked why, uint64_t ns);

/* Ends it for others. */
void memory_end(struct exchange *e, const char *why);

/* It comes to its connection, and leaves it. */
void memory_join(struct exchange *e);
void memory_leave(struct exchange *e);

#endif
