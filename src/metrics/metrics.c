/* SPDX-License-Identifier: MIT */
/*
 * metrics.c - shards of counters, and counting.
 *
 * A shard that closes is not thrown away: it becomes, or is added to, the one that keeps what the
 * closed shards of its side and target had. Adding moves what the other does not have yet, so it
 * never needs memory.
 */
#include "metrics/metrics.h"

#include "base/alloc.h"
#include "metrics/buckets.h"

#include <string.h>

static bool make_locks(weir_metrics *metrics)
{
    if (pthread_mutex_init(&metrics->lock, NULL) != 0)
        return false;
    if (pthread_mutex_init(&metrics->source_lock, NULL) == 0)
        return true;
    pthread_mutex_destroy(&metrics->lock);
    return false;
}

weir_code weir_metrics_create(weir_metrics **out, weir_status *why)
{
    weir_metrics *metrics = mem_zalloc(sizeof *metrics);

    *out = NULL;
    if (metrics == NULL || !make_locks(metrics)) {
        mem_free(metrics);
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for metrics");
    }
    atomic_init(&metrics->references, 1);
    metrics->names[0] = "other";
    metrics->name_count = 1;
    *out = metrics;
    return WEIR_OK;
}

weir_metrics *weir_metrics_ref(weir_metrics *metrics)
{
    atomic_fetch_add_explicit(&metrics->references, 1, memory_order_relaxed);
    return metrics;
}

static void free_method(struct metrics_method *method)
{
    if (method == NULL)
        return;
    for (int code = 0; code < METRICS_CODES; code++) {
        mem_free(atomic_load_explicit(&method->ended[code], memory_order_relaxed));
        mem_free(atomic_load_explicit(&method->calls[code], memory_order_relaxed));
    }
    mem_free(method);
}

static void free_shard(struct metrics_shard *shard)
{
    for (unsigned i = 0; i < METRICS_METHODS; i++)
        free_method(atomic_load_explicit(&shard->methods[i], memory_order_relaxed));
    mem_free(shard);
}

/* Only closed shards are left: those that count hold a reference. */
void weir_metrics_unref(weir_metrics *metrics)
{
    struct metrics_shard *shard;

    if (metrics == NULL ||
        atomic_fetch_sub_explicit(&metrics->references, 1, memory_order_acq_rel) != 1)
        return;
    while ((shard = metrics->shards) != NULL) {
        metrics->shards = shard->next;
        free_shard(shard);
    }
    for (unsigned i = 0; i < METRICS_SLOTS; i++) {
        struct metrics_name *name = atomic_load_explicit(&metrics->slots[i], memory_order_relaxed);

        if (name != NULL)
            mem_free(name->name);
        mem_free(name);
    }
    for (size_t i = 0; i < metrics->target_count; i++)
        mem_free(metrics->targets[i]);
    pthread_mutex_destroy(&metrics->source_lock);
    pthread_mutex_destroy(&metrics->lock);
    mem_free(metrics);
}

/* ---- shards ---- */

/* Under the lock: the one copy of a target, "other" where there is no room. */
static const char *keep_target(weir_metrics *metrics, const char *target)
{
    for (size_t i = 0; i < metrics->target_count; i++)
        if (strcmp(metrics->targets[i], target) == 0)
            return metrics->targets[i];
    if (metrics->target_count == METRICS_TARGETS)
        return metrics->names[0];
    metrics->targets[metrics->target_count] = mem_copy_string(target);
    if (metrics->targets[metrics->target_count] == NULL)
        return metrics->names[0];
    return metrics->targets[metrics->target_count++];
}

struct metrics_shard *metrics_open(weir_metrics *metrics, const char *target)
{
    struct metrics_shard *shard = mem_zalloc(sizeof *shard);

    if (shard == NULL)
        return NULL;
    shard->metrics = weir_metrics_ref(metrics);
    pthread_mutex_lock(&metrics->lock);
    shard->target = target != NULL ? keep_target(metrics, target) : NULL;
    shard->next = metrics->shards;
    metrics->shards = shard;
    pthread_mutex_unlock(&metrics->lock);
    return shard;
}

static void add_count(metrics_count *to, metrics_count *from)
{
    metrics_bump(to, atomic_load_explicit(from, memory_order_relaxed));
}

static void add_latency(struct metrics_latency *to, struct metrics_latency *from)
{
    add_count(&to->sum_ns, &from->sum_ns);
    for (int i = 0; i <= METRICS_LATENCIES; i++)
        add_count(&to->buckets[i], &from->buckets[i]);
}

static void add_size(struct metrics_size *to, struct metrics_size *from)
{
    add_count(&to->sum, &from->sum);
    for (int i = 0; i <= METRICS_SIZES; i++)
        add_count(&to->buckets[i], &from->buckets[i]);
}

static void add_ended(_Atomic(struct metrics_ended *) *to, _Atomic(struct metrics_ended *) *from)
{
    struct metrics_ended *sum = atomic_load_explicit(to, memory_order_relaxed);
    struct metrics_ended *more = atomic_load_explicit(from, memory_order_relaxed);

    if (sum == NULL || more == NULL) {
        atomic_store_explicit(to, sum != NULL ? sum : more, memory_order_relaxed);
        atomic_store_explicit(from, NULL, memory_order_relaxed);
        return;
    }
    add_latency(&sum->duration, &more->duration);
    add_size(&sum->sent, &more->sent);
    add_size(&sum->received, &more->received);
}

static void add_calls(_Atomic(struct metrics_latency *) *to,
                      _Atomic(struct metrics_latency *) *from)
{
    struct metrics_latency *sum = atomic_load_explicit(to, memory_order_relaxed);
    struct metrics_latency *more = atomic_load_explicit(from, memory_order_relaxed);

    if (sum == NULL || more == NULL) {
        atomic_store_explicit(to, sum != NULL ? sum : more, memory_order_relaxed);
        atomic_store_explicit(from, NULL, memory_order_relaxed);
        return;
    }
    add_latency(sum, more);
}

static void add_method(_Atomic(struct metrics_method *) *to, _Atomic(struct metrics_method *) *from)
{
    struct metrics_method *sum = atomic_load_explicit(to, memory_order_relaxed);
    struct metrics_method *more = atomic_load_explicit(from, memory_order_relaxed);

    if (sum == NULL || more == NULL) {
        atomic_store_explicit(to, sum != NULL ? sum : more, memory_order_relaxed);
        atomic_store_explicit(from, NULL, memory_order_relaxed);
        return;
    }
    add_count(&sum->started, &more->started);
    add_count(&sum->over, &more->over);
    add_count(&sum->sent, &more->sent);
    add_count(&sum->received, &more->received);
    add_count(&sum->dropped, &more->dropped);
    for (int code = 0; code < METRICS_CODES; code++) {
        add_ended(&sum->ended[code], &more->ended[code]);
        add_calls(&sum->calls[code], &more->calls[code]);
    }
}

static void add_shard(struct metrics_shard *to, struct metrics_shard *from)
{
    add_count(&to->opened, &from->opened);
    add_count(&to->gone, &from->gone);
    add_count(&to->dropped, &from->dropped);
    for (unsigned i = 0; i < METRICS_METHODS; i++)
        add_method(&to->methods[i], &from->methods[i]);
}

static void unlink_shard(weir_metrics *metrics, const struct metrics_shard *shard)
{
    struct metrics_shard **at = &metrics->shards;

    while (*at != shard)
        at = &(*at)->next;
    *at = shard->next;
}

static struct metrics_shard *closed_like(const weir_metrics *metrics,
                                         const struct metrics_shard *shard)
{
    struct metrics_shard *other = metrics->shards;

    while (other != NULL && (!other->closed || other->target != shard->target))
        other = other->next;
    return other;
}

void metrics_close(struct metrics_shard *shard)
{
    struct metrics_shard *rest;
    weir_metrics *metrics;

    if (shard == NULL)
        return;
    metrics = shard->metrics;
    pthread_mutex_lock(&metrics->lock);
    rest = closed_like(metrics, shard);
    shard->closed = true;
    if (rest != NULL) {
        add_shard(rest, shard);
        unlink_shard(metrics, shard);
    }
    pthread_mutex_unlock(&metrics->lock);
    if (rest != NULL)
        free_shard(shard);
    weir_metrics_unref(metrics);
}

/* ---- counting ---- */

struct metrics_method *metrics_method(struct metrics_shard *shard, unsigned number)
{
    struct metrics_method *method;

    if (shard == NULL)
        return NULL;
    method = atomic_load_explicit(&shard->methods[number], memory_order_relaxed);
    if (method != NULL)
        return method;
    method = mem_zalloc(sizeof *method);
    if (method == NULL) {
        metrics_bump(&shard->dropped, 1);
        return NULL;
    }
    atomic_store_explicit(&shard->methods[number], method, memory_order_release);
    return method;
}

/* Statuses of handlers may be any number. */
static unsigned code_index(weir_code code)
{
    return (unsigned)code < METRICS_CODES ? (unsigned)code : WEIR_UNKNOWN;
}

static void count_latency(struct metrics_latency *latency, uint64_t ns)
{
    metrics_bump(&latency->sum_ns, ns);
    metrics_bump(&latency->buckets[bucket_of_latency(ns)], 1);
}

static void count_size(struct metrics_size *sizes, uint64_t size)
{
    metrics_bump(&sizes->sum, size);
    metrics_bump(&sizes->buckets[bucket_of_size(size)], 1);
}

static struct metrics_ended *ended_with(struct metrics_method *method, unsigned code)
{
    struct metrics_ended *ended = atomic_load_explicit(&method->ended[code], memory_order_relaxed);

    if (ended != NULL)
        return ended;
    ended = mem_zalloc(sizeof *ended);
    if (ended != NULL)
        atomic_store_explicit(&method->ended[code], ended, memory_order_release);
    else
        metrics_bump(&method->dropped, 1);
    return ended;
}

void metrics_ended(struct metrics_method *method, const struct metrics_end *end)
{
    struct metrics_ended *ended;

    if (method == NULL)
        return;
    ended = ended_with(method, code_index(end->code));
    if (ended != NULL) {
        count_latency(&ended->duration, end->duration_ns);
        count_size(&ended->sent, end->sent_size);
        count_size(&ended->received, end->received_size);
    }
    metrics_bump(&method->over, 1);
}

static struct metrics_latency *calls_with(struct metrics_method *method, unsigned code)
{
    struct metrics_latency *calls =
        atomic_load_explicit(&method->calls[code], memory_order_relaxed);

    if (calls != NULL)
        return calls;
    calls = mem_zalloc(sizeof *calls);
    if (calls != NULL)
        atomic_store_explicit(&method->calls[code], calls, memory_order_release);
    else
        metrics_bump(&method->dropped, 1);
    return calls;
}

void metrics_call_ended(struct metrics_method *method, weir_code code, uint64_t duration_ns)
{
    struct metrics_latency *calls;

    if (method == NULL)
        return;
    calls = calls_with(method, code_index(code));
    if (calls != NULL)
        count_latency(calls, duration_ns);
}
