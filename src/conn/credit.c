/* SPDX-License-Identifier: MIT */
/*
 * credit.c - what a connection lets its peer send: windows that are given back, and larger ones.
 *
 * Neither while memory is short: then windows are owed (memory.c), and none grows.
 */
#include "conn/connection.h"

/* Each gets at most half of what is left, so that none takes all and the sum has a bound. */
static void widen(weir_connection *c, struct exchange *e)
{
    size_t before = e->in->window, room = before + (2 * c->window.max - c->widened) / 2;
    size_t size = c->window.size < room ? c->window.size : room;

    if (size <= before || !http2_is_open(c->session, e->id) || budget_is_short(c->budget) ||
        !inbound_grow(e->in, size))
        return;
    c->widened += size - before;
    http2_set_window(c->session, e->id, size);
}

void connection_credit(weir_connection *c, struct exchange *e, size_t size)
{
    size = memory_credit(e, size);
    if (size == 0 || e->id == 0)
        return;
    http2_credit(c->session, e->id, size, e->in->owed);
    widen(c, e);
}

static void widen_all(weir_connection *c)
{
    struct list *link;

    if (c->window.size > CONNECTION_WINDOW)
        http2_set_window(c->session, 0, c->window.size);
    for (link = c->exchanges.next; link != &c->exchanges; link = link->next) {
        struct exchange *e = LIST_MEMBER(link, struct exchange, link);

        if (e->id != 0)
            widen(c, e);
    }
}

void connection_measure_window(weir_connection *c)
{
    size_t before = c->window.size;

    if (budget_is_short(c->budget))
        return;
    if (window_look(&c->window, c->loop->now))
        http2_ping(c->session, WINDOW_PING);
    if (c->window.size != before)
        widen_all(c);
}
