/* SPDX-License-Identifier: MIT */
/*
 * queue.c - a client's calls that wait for their connection to open, or for others to end.
 *
 * They leave in the order in which they were made. A connection that goes away gives those that
 * never left back to its owner.
 */
#include "conn/connection.h"

/* Frames may wait in the session for room in the output; beyond that requests wait here, where
 * those that are over can be forgotten. */
#define MAX_UNSENT 1000
/* A call that never left goes to so many other connections; servers that all go away are enough. */
#define MAX_MOVES 10

/* One that says goodbye sends no more requests either: its peer closes it when the last one
 * ended. */
bool connection_can_request(const weir_connection *c)
{
    return c->drain == DRAIN_NOT && !c->shutdown_asked && http2_can_request(c->session);
}

bool connection_is_crowded(const weir_connection *c)
{
    return http2_backlog(c->session) >= MAX_UNSENT;
}

static size_t room_for_streams(const weir_connection *c)
{
    uint32_t max = http2_max_streams(c->session);

    return c->opened && c->streams < max && !connection_is_crowded(c) ? max - c->streams : 0;
}

bool connection_keeps(const weir_connection *c, const struct exchange *e)
{
    return e->call->wait_for_ready && !e->state.done && !c->guard.greeted && !c->told && !c->eof;
}

/* One that cannot be sent any more is started, too: that moves it to another connection. */
void connection_start_queued(weir_connection *c)
{
    size_t room = connection_can_request(c) ? room_for_streams(c) : SIZE_MAX;
    struct list *link;

    for (link = c->queue.next; link != &c->queue && room != 0; link = link->next, room--)
        exchange_schedule(LIST_MEMBER(link, struct exchange, queue_link), EXCHANGE_START);
}

bool connection_admits(weir_connection *c, struct exchange *e)
{
    bool queued = !list_is_empty(&e->queue_link);

    if (room_for_streams(c) != 0 && !connection_keeps(c, e) &&
        (queued || list_is_empty(&c->queue))) {
        list_remove(&e->queue_link);
        c->streams++;
        return true;
    }
    if (!queued)
        list_append(&c->queue, &e->queue_link);
    return false;
}

void connection_stream_ended(weir_connection *c)
{
    c->streams--;
    connection_start_queued(c);
}

bool connection_passes_on(weir_connection *c, struct exchange *e)
{
    if (c->eof || c->owner.again == NULL || e->moves == MAX_MOVES)
        return false;
    e->moves++;
    exchange_unbind(e);
    c->owner.again(c->owner.self, e);
    return true;
}

void connection_dequeue(weir_connection *c, struct exchange *e)
{
    if (list_is_empty(&e->queue_link))
        return;
    list_remove(&e->queue_link);
    if (connection_can_request(c))
        connection_start_queued(c);
}

static bool never_left(struct exchange *e)
{
    if (e->state.status_fixed)
        return false;
    return exchange_take_back(e) || (e->id == 0 && (!e->headers_out || e->unsent));
}

void connection_pass_on_unsent(weir_connection *c)
{
    struct list *link, *next;

    for (link = c->exchanges.next; link != &c->exchanges; link = next) {
        struct exchange *e = LIST_MEMBER(link, struct exchange, link);

        next = link->next;
        if (never_left(e))
            (void)!connection_passes_on(c, e);
    }
}

bool connection_takes_calls(weir_connection *c)
{
    return !c->told && !c->broken && !c->eof && connection_can_request(c);
}

bool connection_is_down(const weir_connection *c)
{
    return c->down;
}
