/* SPDX-License-Identifier: MIT */
/*
 * metrics.h - counters of calls, kept apart for each loop.
 *
 * A shard belongs to one server or channel on one loop, and only that loop's thread counts in it:
 * so counting is a load, an addition and a store, without a lock and without a cache line that
 * threads fight for. Snapshots read the counters as they are and add the shards up. What is
 * allocated is made when a method or a status is first seen, and stays.
 *
 * Everything takes NULL for "nobody counts".
 */
#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include <weir/metrics.h>

#include <pthread.h>
#include <stdatomic.h>

#define METRICS_METHODS 1001 /* number 0 is "other" */
#define METRICS_TARGETS 100
#define METRICS_CODES 17
#define METRICS_LATENCIES 41 /* bounds of A66 */
#define METRICS_SIZES 14

typedef _Atomic uint64_t metrics_count;

struct metrics_latency {
    metrics_count sum_ns;
    metrics_count buckets[METRICS_LATENCIES + 1];
};

struct metrics_size {
    metrics_count sum;
    metrics_count buckets[METRICS_SIZES + 1];
};

/* The calls of a server, or the attempts of a client, that ended with one status. */
struct metrics_ended {
    struct metrics_latency duration;
    struct metrics_size sent;
    struct metrics_size received;
};

/* One method on one loop. */
struct metrics_method {
    metrics_count started;
    metrics_count over;
    metrics_count sent; /* messages */
    metrics_count received;
    metrics_count dropped; /* ends that memory was out for */
    _Atomic(struct metrics_ended *) ended[METRICS_CODES];
    _Atomic(struct metrics_latency *) calls[METRICS_CODES]; /* client: whole calls */
};

struct metrics_shard {
    struct metrics_shard *next;
    weir_metrics *metrics;
    const char *target;   /* NULL: a server */
    bool closed;          /* nobody counts in it any more; others may be added to it */
    metrics_count opened; /* connections */
    metrics_count gone;
    metrics_count dropped; /* calls that memory was out for */
    _Atomic(struct metrics_method *) methods[METRICS_METHODS];
};

/* What a server counts for itself anyway. */
struct metrics_usage {
    uint64_t held;  /* bytes now */
    uint64_t limit; /* UINT64_MAX: none */
    uint64_t refused;
    uint64_t ended;
    uint64_t waited_ns[3]; /* for the peer, memory, the socket */
    uint64_t connections_refused;
    uint64_t accepts_failed;
};

/* Who knows it; lies in the server. read() may take locks that are held while shards are opened. */
struct metrics_source {
    struct metrics_source *next;
    void (*read)(void *self, struct metrics_usage *out);
    void *self;
};

/* A name that is told apart. */
struct metrics_name {
    char *name;
    uint32_t hash;
    unsigned number;
};

#define METRICS_SLOTS 2048 /* at most half of them full */

/* Names and targets are only ever added: readers of them need no lock. */
struct weir_metrics {
    atomic_size_t references;
    pthread_mutex_t lock; /* for shards, and whoever adds names */
    struct metrics_shard *shards;
    pthread_mutex_t source_lock; /* before `lock` */
    struct metrics_source *sources;
    struct metrics_usage gone; /* of those that went */
    char *targets[METRICS_TARGETS];
    size_t target_count;
    const char *names[METRICS_METHODS]; /* by number; names[0] is "other" */
    unsigned name_count;
    _Atomic(struct metrics_name *) slots[METRICS_SLOTS];
};

/* ---- names ---- */

/* The number of "/package.Service/Method": 0, others, when it was not added. */
unsigned metrics_find(weir_metrics *metrics, const char *method);

/* The same, and adds it; 0 when there is no room. */
unsigned metrics_add(weir_metrics *metrics, const char *method);

/* ---- shards ---- */

/* A shard for a server (target NULL) or a channel on one loop; NULL when memory is out. Holds a
 * reference to `metrics`. */
struct metrics_shard *metrics_open(weir_metrics *metrics, const char *target);

/* Nobody counts in it any more; what it has is kept. */
void metrics_close(struct metrics_shard *shard);

/* ---- sources ---- */

void metrics_attach(weir_metrics *metrics, struct metrics_source *source);

/* It is read a last time: what it counted stays. */
void metrics_detach(weir_metrics *metrics, struct metrics_source *source);

/* All of them together. */
void metrics_read_sources(weir_metrics *metrics, struct metrics_usage *out);

/* ---- counting, on the loop's thread ---- */

struct metrics_method *metrics_method(struct metrics_shard *shard, unsigned number);

static inline void metrics_bump(metrics_count *count, uint64_t by)
{
    /* Released, so that who sees an end sees the start, which was counted before it. */
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + by,
                          memory_order_release);
}

static inline void metrics_set(metrics_count *count, uint64_t value)
{
    atomic_store_explicit(count, value, memory_order_relaxed);
}

/* A server's call or a client's attempt. */
static inline void metrics_started(struct metrics_method *method)
{
    if (method != NULL)
        metrics_bump(&method->started, 1);
}

struct metrics_end {
    weir_code code;
    uint64_t duration_ns;
    uint64_t sent_size; /* of all messages, compressed, without prefixes */
    uint64_t received_size;
};

void metrics_ended(struct metrics_method *method, const struct metrics_end *end);

/* Client: a call, from when it was made, whatever attempts it took. */
void metrics_call_ended(struct metrics_method *method, weir_code code, uint64_t duration_ns);

#endif
