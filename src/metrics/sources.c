/* SPDX-License-Identifier: MIT */
/*
 * sources.c - what servers count for themselves anyway, read when a snapshot is made.
 */
#include "metrics/metrics.h"

void metrics_attach(weir_metrics *metrics, struct metrics_source *source)
{
    pthread_mutex_lock(&metrics->source_lock);
    source->next = metrics->sources;
    metrics->sources = source;
    pthread_mutex_unlock(&metrics->source_lock);
}

/* Limits add up, and where there is one without a limit there is none. */
static void add(struct metrics_usage *sum, const struct metrics_usage *more)
{
    sum->held += more->held;
    sum->limit = more->limit < UINT64_MAX - sum->limit ? sum->limit + more->limit : UINT64_MAX;
    sum->refused += more->refused;
    sum->ended += more->ended;
    for (int i = 0; i < 3; i++)
        sum->waited_ns[i] += more->waited_ns[i];
    sum->connections_refused += more->connections_refused;
    sum->accepts_failed += more->accepts_failed;
}

void metrics_detach(weir_metrics *metrics, struct metrics_source *source)
{
    struct metrics_source **at = &metrics->sources;
    struct metrics_usage last = {0};

    pthread_mutex_lock(&metrics->source_lock);
    while (*at != source)
        at = &(*at)->next;
    *at = source->next;
    source->read(source->self, &last);
    last.held = last.limit = 0;
    add(&metrics->gone, &last);
    pthread_mutex_unlock(&metrics->source_lock);
}

void metrics_read_sources(weir_metrics *metrics, struct metrics_usage *out)
{
    pthread_mutex_lock(&metrics->source_lock);
    *out = metrics->gone;
    for (struct metrics_source *s = metrics->sources; s != NULL; s = s->next) {
        struct metrics_usage one = {0};

        s->read(s->self, &one);
        add(out, &one);
    }
    pthread_mutex_unlock(&metrics->source_lock);
}
