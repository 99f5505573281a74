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
    if (e->in->client)
        return;
    metrics_started(method);
    metrics_bump(&method->received, m->received); /* which came before it was looked up */
}

void measure_call(struct exchange *e, struct registry *registry)
{
    if (e->measure.registry != NULL)
        return; /* it was moved, and starts again */
    e->measure.registry = registry;
    metrics_bump(&registry->started, 1);
    metrics_set(&registry->last_ns, e->loop->now);
}

void measure_stream(struct exchange *e)
{
    struct record *record = &e->connection->record;

    if (e->measure.stream)
        return;
    e->measure.stream = true;
    metrics_bump(&record->streams_started, 1);
    metrics_set(&record->last_stream_ns, e->loop->now);
}

void measure_stream_ended(struct exchange *e)
{
    e->measure.stream_ended = true;
}

static void end_stream(struct exchange *e)
{
    struct record *record = &e->connection->record;

    metrics_bump(e->measure.stream_ended ? &record->streams_succeeded : &record->streams_failed, 1);
    if (!e->in->client)
        metrics_bump(e->status.code == WEIR_OK ? &record->calls_succeeded : &record->calls_failed,
                     1);
    e->measure.stream = false;
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
    if (e->measure.stream)
        end_stream(e);
}

void measure_sent(struct exchange *e, size_t size)
{
    metrics_bump(&e->connection->record.messages_sent, 1);
    metrics_set(&e->connection->record.last_sent_ns, e->loop->now);
    e->measure.sent_size += size;
    if (e->measure.method != NULL)
        metrics_bump(&e->measure.method->sent, 1);
}

void measure_received(struct exchange *e)
{
    struct measure *m = &e->measure;
    uint64_t more = e->in->reader.messages - m->received;

    if (more == 0 || e->connection == NULL)
        return;
    m->received += more;
    metrics_bump(&e->connection->record.messages_received, more);
    metrics_set(&e->connection->record.last_received_ns, e->loop->now);
    if (m->method != NULL)
        metrics_bump(&m->method->received, more);
}

void measure_end(struct exchange *e)
{
    struct measure *m = &e->measure;

    if (m->stream && e->connection != NULL)
        end_stream(e);
    if (m->registry != NULL)
        metrics_bump(e->status.code == WEIR_OK ? &m->registry->succeeded : &m->registry->failed, 1);
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

void measure_windows(weir_connection *c)
{
    atomic_store_explicit(&c->record.send_window, http2_send_window(c->session),
                          memory_order_relaxed);
    atomic_store_explicit(&c->record.receive_window, http2_receive_window(c->session),
                          memory_order_relaxed);
}
