/* SPDX-License-Identifier: MIT */
/*
 * admission.c - server: how many handlers a connection may have at once.
 *
 * Those that wait are in the connection's queue, in their order; each of them is an open HTTP/2
 * stream, so there are no more of them than of those.
 */
#include "conn/admission.h"

#include "call/leftovers.h"
#include "conn/connection.h"

/* ---- the response of a call that waits ---- */

static weir_poll poll_nothing(void *self, weir_task *task, weir_item *out)
{
    (void)self, (void)task, (void)out;
    return WEIR_PENDING;
}

static void release_nothing(void *self)
{
    (void)self;
}

static weir_stream nothing_yet(void)
{
    static const weir_stream_ops ops = {poll_nothing, release_nothing};

    return (weir_stream){&ops, NULL};
}

/* ---- counting ---- */

static size_t room(const weir_connection *c)
{
    size_t taken = c->handlers;

    if (c->leftovers != NULL)
        taken += atomic_load(&c->leftovers->count);
    return taken < c->max_handlers ? c->max_handlers - taken : 0;
}

static void start_waiting(void *connection)
{
    weir_connection *c = connection;
    size_t left = room(c);

    for (struct list *link = c->queue.next; link != &c->queue && left != 0;
         link = link->next, left--)
        exchange_schedule(LIST_MEMBER(link, struct exchange, queue_link), EXCHANGE_START);
}

static void wait(weir_connection *c, struct exchange *e)
{
    if (!list_is_empty(&e->queue_link))
        return;
    list_append(&c->queue, &e->queue_link);
    e->out = nothing_yet();
}

bool admission_admits(weir_connection *c, struct exchange *e)
{
    bool waits = !list_is_empty(&e->queue_link);

    if (room(c) == 0 || (!waits && !list_is_empty(&c->queue))) {
        wait(c, e);
        return false;
    }
    list_remove(&e->queue_link);
    c->handlers++;
    e->admitted = true;
    e->out_pending = false;
    return true;
}

/* Out of memory they cannot be counted. */
static void count_functions(weir_connection *c, weir_call *call)
{
    if (!call_has_functions(call))
        return;
    if (c->leftovers == NULL)
        c->leftovers = leftovers_create(c->loop->mailbox, start_waiting, c);
    if (c->leftovers != NULL)
        call_leaves_functions(call, c->leftovers);
}

void admission_leave(weir_connection *c, struct exchange *e)
{
    list_remove(&e->queue_link);
    if (e->admitted) {
        c->handlers--;
        count_functions(c, e->call);
    }
    start_waiting(c);
}
