/* SPDX-License-Identifier: MIT */
/*
 * measure.c - what of one call is counted, and when.
 *
 * Durations are whole turns: a call that is answered in the turn in which it came ends in the next,
 * when what it sent has left, so that its time is not nothing.
 */
#include "conn/measure.h"

#include "conn/connection.h"

void measure_start(struct exchange *e, struct metrics_method *method)
{
    struct measure *m = &e->measure;

    if (method == NULL || m->method != NULL)
        return;
    m->method = method;
    m->begun = e->loop->now;
    if (!e->in->client)
        metrics_started(method);
    measure_received(e);
}

void measure_attempt(struct exchange *e)
{
    e->measure.attempts = true;
    e->measure.attempted = e->loop->now;
    metrics_started(e->measure.method);
}

static void end(struct exchange *e, weir_code code, uint64_t since)
{
    const struct metrics_end end = {
        .code = code,
        .duration_ns = e->loop->now - since,
        .sent_size = e->measure.sent_size,
        .received_size = e->in->reader.message_bytes,
    };

    metrics_ended(e->measure.method, &end);
}

void measure_moved(struct exchange *e)
{
    end(e, WEIR_UNAVAILABLE, e->measure.attempted);
    e->measure.attempts = false;
}

void measure_sent(struct exchange *e, size_t size)
{
    if (e->measure.method == NULL)
        return;
    metrics_bump(&e->measure.method->sent, 1);
    e->measure.sent_size += size;
}

void measure_received(struct exchange *e)
{
    struct measure *m = &e->measure;
    uint64_t all = e->in->reader.messages;

    if (m->method == NULL || all == m->received)
        return;
    metrics_bump(&m->method->received, all - m->received);
    m->received = all;
}

void measure_end(struct exchange *e)
{
    struct measure *m = &e->measure;

    if (m->method == NULL)
        return;
    if (!e->in->client) {
        end(e, e->status.code, m->begun);
        return;
    }
    if (m->attempts)
        end(e, e->status.code, m->attempted);
    metrics_call_ended(m->method, e->status.code, e->loop->now - m->begun);
}

void measure_open(weir_connection *c)
{
    if (c->metrics == NULL || c->counted)
        return;
    c->counted = true;
    metrics_bump(&c->metrics->opened, 1);
}

void measure_gone(weir_connection *c)
{
    if (c->counted)
        metrics_bump(&c->metrics->gone, 1);
}
