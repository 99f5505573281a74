/* SPDX-License-Identifier: MIT */
/*
 * snapshot.c - what was counted, as names, labels and numbers.
 *
 * For each instrument and each set of labels the shards are added up while they are counted in. The
 * lock only keeps shards from coming and going.
 */
#include "metrics/metrics.h"

#include "metrics/buckets.h"

#include <weir/arena.h>

#include <string.h>

/* What was added up for one point. */
struct sums {
    uint64_t value; /* of a histogram: of all values; durations in nanoseconds */
    uint64_t buckets[METRICS_LATENCIES + 1];
};

/* Which point it is. */
struct series {
    const char *target;
    unsigned method;
    unsigned code;
};

enum side { SERVER, CLIENT, BOTH };
enum detail { NO_LABELS, METHOD, METHOD_AND_STATUS, WAIT };

/* The code of a series that tells what was waited for. */
enum { WAIT_PEER, WAIT_MEMORY, WAIT_SOCKET, WAITS };

struct instrument {
    const char *name;
    const char *unit;
    const char *description;
    weir_metric_kind kind;
    enum side side;
    enum detail detail;
    /* Adds what the shard has of the series; false: it has none. */
    bool (*add)(struct sums *sums, const struct metrics_shard *shard, const struct series *series);
    /* Instead: what servers say of themselves. */
    bool (*read)(struct sums *sums, const struct metrics_usage *usage, unsigned code);
};

/* ---- adding up ---- */

static uint64_t load(const metrics_count *count)
{
    return atomic_load_explicit((metrics_count *)count, memory_order_acquire);
}

static struct metrics_method *method_of(const struct metrics_shard *shard,
                                        const struct series *series)
{
    return atomic_load_explicit(&((struct metrics_shard *)shard)->methods[series->method],
                                memory_order_acquire);
}

static struct metrics_ended *ended_of(const struct metrics_shard *shard,
                                      const struct series *series)
{
    struct metrics_method *method = method_of(shard, series);

    return method != NULL ? atomic_load_explicit(&method->ended[series->code], memory_order_acquire)
                          : NULL;
}

static bool add_started(struct sums *sums, const struct metrics_shard *shard,
                        const struct series *series)
{
    const struct metrics_method *method = method_of(shard, series);

    if (method != NULL)
        sums->value += load(&method->started);
    return method != NULL;
}

/* The ends first: one that is seen began. */
static bool add_active(struct sums *sums, const struct metrics_shard *shard,
                       const struct series *series)
{
    const struct metrics_method *method = method_of(shard, series);
    uint64_t over;

    if (method == NULL)
        return false;
    over = load(&method->over);
    sums->value += load(&method->started) - over;
    return true;
}

static bool add_sent(struct sums *sums, const struct metrics_shard *shard,
                     const struct series *series)
{
    const struct metrics_method *method = method_of(shard, series);

    if (method != NULL)
        sums->value += load(&method->sent);
    return method != NULL;
}

static bool add_received(struct sums *sums, const struct metrics_shard *shard,
                         const struct series *series)
{
    const struct metrics_method *method = method_of(shard, series);

    if (method != NULL)
        sums->value += load(&method->received);
    return method != NULL;
}

static void add_latency(struct sums *sums, const struct metrics_latency *latency)
{
    for (int i = 0; i <= METRICS_LATENCIES; i++)
        sums->buckets[i] += load(&latency->buckets[i]);
    sums->value += load(&latency->sum_ns);
}

static void add_size(struct sums *sums, const struct metrics_size *size)
{
    for (int i = 0; i <= METRICS_SIZES; i++)
        sums->buckets[i] += load(&size->buckets[i]);
    sums->value += load(&size->sum);
}

static bool add_duration(struct sums *sums, const struct metrics_shard *shard,
                         const struct series *series)
{
    const struct metrics_ended *ended = ended_of(shard, series);

    if (ended != NULL)
        add_latency(sums, &ended->duration);
    return ended != NULL;
}

static bool add_sent_size(struct sums *sums, const struct metrics_shard *shard,
                          const struct series *series)
{
    const struct metrics_ended *ended = ended_of(shard, series);

    if (ended != NULL)
        add_size(sums, &ended->sent);
    return ended != NULL;
}

static bool add_received_size(struct sums *sums, const struct metrics_shard *shard,
                              const struct series *series)
{
    const struct metrics_ended *ended = ended_of(shard, series);

    if (ended != NULL)
        add_size(sums, &ended->received);
    return ended != NULL;
}

static bool add_call_duration(struct sums *sums, const struct metrics_shard *shard,
                              const struct series *series)
{
    struct metrics_method *method = method_of(shard, series);
    const struct metrics_latency *calls = NULL;

    if (method != NULL)
        calls = atomic_load_explicit(&method->calls[series->code], memory_order_acquire);
    if (calls != NULL)
        add_latency(sums, calls);
    return calls != NULL;
}

static bool add_opened(struct sums *sums, const struct metrics_shard *shard,
                       const struct series *series)
{
    (void)series;
    sums->value += load(&shard->opened);
    return true;
}

static bool add_open(struct sums *sums, const struct metrics_shard *shard,
                     const struct series *series)
{
    uint64_t gone = load(&shard->gone);

    (void)series;
    sums->value += load(&shard->opened) - gone;
    return true;
}

static bool add_dropped(struct sums *sums, const struct metrics_shard *shard,
                        const struct series *series)
{
    struct series each = *series;

    sums->value += load(&shard->dropped);
    for (each.method = 0; each.method < shard->metrics->name_count; each.method++) {
        const struct metrics_method *method = method_of(shard, &each);

        if (method != NULL)
            sums->value += load(&method->dropped);
    }
    return true;
}

/* ---- what servers say ---- */

static bool read_held(struct sums *sums, const struct metrics_usage *usage, unsigned code)
{
    (void)code;
    sums->value = usage->held;
    return true;
}

static bool read_limit(struct sums *sums, const struct metrics_usage *usage, unsigned code)
{
    (void)code;
    sums->value = usage->limit;
    return usage->limit != 0 && usage->limit != UINT64_MAX;
}

static bool read_refused(struct sums *sums, const struct metrics_usage *usage, unsigned code)
{
    (void)code;
    sums->value = usage->refused;
    return true;
}

static bool read_ended(struct sums *sums, const struct metrics_usage *usage, unsigned code)
{
    (void)code;
    sums->value = usage->ended;
    return true;
}

static bool read_waited(struct sums *sums, const struct metrics_usage *usage, unsigned code)
{
    sums->value = usage->waited_ns[code];
    return true;
}

static bool read_connections_refused(struct sums *sums, const struct metrics_usage *usage,
                                     unsigned code)
{
    (void)code;
    sums->value = usage->connections_refused;
    return true;
}

static bool read_accepts_failed(struct sums *sums, const struct metrics_usage *usage, unsigned code)
{
    (void)code;
    sums->value = usage->accepts_failed;
    return true;
}

/* ---- the instruments ---- */

static const struct instrument instruments[] = {
    {"grpc.server.call.started", "{call}", "Calls started, including those that have not ended.",
     WEIR_METRIC_COUNTER, SERVER, METHOD, add_started, NULL},
    {"grpc.server.call.duration", "s",
     "Time from a call's first headers to the end of its HTTP/2 stream.", WEIR_METRIC_HISTOGRAM,
     SERVER, METHOD_AND_STATUS, add_duration, NULL},
    {"grpc.server.call.sent_total_compressed_message_size", "By",
     "Bytes of all response messages of a call, compressed, without framing.",
     WEIR_METRIC_HISTOGRAM, SERVER, METHOD_AND_STATUS, add_sent_size, NULL},
    {"grpc.server.call.rcvd_total_compressed_message_size", "By",
     "Bytes of all request messages of a call, compressed, without framing.", WEIR_METRIC_HISTOGRAM,
     SERVER, METHOD_AND_STATUS, add_received_size, NULL},
    {"grpc.client.attempt.started", "{attempt}",
     "Attempts of calls started, including those that have not ended.", WEIR_METRIC_COUNTER, CLIENT,
     METHOD, add_started, NULL},
    {"grpc.client.attempt.duration", "s", "Time from the start of an attempt to its status.",
     WEIR_METRIC_HISTOGRAM, CLIENT, METHOD_AND_STATUS, add_duration, NULL},
    {"grpc.client.attempt.sent_total_compressed_message_size", "By",
     "Bytes of all request messages of an attempt, compressed, without framing.",
     WEIR_METRIC_HISTOGRAM, CLIENT, METHOD_AND_STATUS, add_sent_size, NULL},
    {"grpc.client.attempt.rcvd_total_compressed_message_size", "By",
     "Bytes of all response messages of an attempt, compressed, without framing.",
     WEIR_METRIC_HISTOGRAM, CLIENT, METHOD_AND_STATUS, add_received_size, NULL},
    {"grpc.client.call.duration", "s", "Time from when a call was made to its status.",
     WEIR_METRIC_HISTOGRAM, CLIENT, METHOD_AND_STATUS, add_call_duration, NULL},
    {"weir.server.call.active", "{call}", "Calls that run now.", WEIR_METRIC_GAUGE, SERVER, METHOD,
     add_active, NULL},
    {"weir.server.call.sent_messages", "{message}", "Response messages sent.", WEIR_METRIC_COUNTER,
     SERVER, METHOD, add_sent, NULL},
    {"weir.server.call.rcvd_messages", "{message}", "Request messages received.",
     WEIR_METRIC_COUNTER, SERVER, METHOD, add_received, NULL},
    {"weir.server.connection.opened", "{connection}", "Connections accepted.", WEIR_METRIC_COUNTER,
     SERVER, NO_LABELS, add_opened, NULL},
    {"weir.server.connection.active", "{connection}", "Connections that are open now.",
     WEIR_METRIC_GAUGE, SERVER, NO_LABELS, add_open, NULL},
    {"weir.server.connection.refused", "{connection}",
     "Connections refused because there were as many as may be, or memory was out.",
     WEIR_METRIC_COUNTER, SERVER, NO_LABELS, NULL, read_connections_refused},
    {"weir.server.accept.failed", "{attempt}",
     "Times no connection could be accepted because descriptors or memory were out.",
     WEIR_METRIC_COUNTER, SERVER, NO_LABELS, NULL, read_accepts_failed},
    {"weir.server.call.waited", "s",
     "Time that calls waited with something to send, or for memory, all together.",
     WEIR_METRIC_COUNTER, SERVER, WAIT, NULL, read_waited},
    {"weir.server.call.refused", "{call}", "Calls refused because memory was at its limit.",
     WEIR_METRIC_COUNTER, SERVER, NO_LABELS, NULL, read_refused},
    {"weir.server.call.ended_for_memory", "{call}",
     "Calls ended because memory was short and they stalled.", WEIR_METRIC_COUNTER, SERVER,
     NO_LABELS, NULL, read_ended},
    {"weir.server.memory.held", "By", "Bytes that calls and connections hold.", WEIR_METRIC_GAUGE,
     SERVER, NO_LABELS, NULL, read_held},
    {"weir.server.memory.limit", "By", "Bytes that they may hold, where there is a limit.",
     WEIR_METRIC_GAUGE, SERVER, NO_LABELS, NULL, read_limit},
    {"weir.client.attempt.active", "{attempt}", "Attempts that run now.", WEIR_METRIC_GAUGE, CLIENT,
     METHOD, add_active, NULL},
    {"weir.client.attempt.sent_messages", "{message}", "Request messages sent.",
     WEIR_METRIC_COUNTER, CLIENT, METHOD, add_sent, NULL},
    {"weir.client.attempt.rcvd_messages", "{message}", "Response messages received.",
     WEIR_METRIC_COUNTER, CLIENT, METHOD, add_received, NULL},
    {"weir.client.connection.opened", "{connection}", "Connections opened.", WEIR_METRIC_COUNTER,
     CLIENT, NO_LABELS, add_opened, NULL},
    {"weir.client.connection.active", "{connection}", "Connections that are open now.",
     WEIR_METRIC_GAUGE, CLIENT, NO_LABELS, add_open, NULL},
    {"weir.metrics.dropped", "{call}", "Calls that were not counted, because memory was out.",
     WEIR_METRIC_COUNTER, BOTH, NO_LABELS, add_dropped, NULL},
};

#define INSTRUMENTS (sizeof instruments / sizeof instruments[0])

/* ---- a snapshot lies in its own arena ---- */

struct snapshot {
    weir_metrics_snapshot shown;
    weir_arena *arena;
    weir_metrics *metrics;
};

/* One metric being filled. */
struct filling {
    weir_metrics *metrics;
    weir_arena *arena;
    const struct instrument *instrument;
    const struct metrics_usage *usage;
    weir_metric_point *points;
    size_t count;
    size_t capacity;
};

static bool is_of(const struct metrics_shard *shard, enum side side, const char *target)
{
    if (side == BOTH)
        return true;
    return shard->target == target && (side == CLIENT) == (shard->target != NULL);
}

static bool add_up(const struct filling *filling, const struct series *series, struct sums *sums)
{
    const struct instrument *instrument = filling->instrument;
    bool any = instrument->detail == NO_LABELS && series->target == NULL;

    memset(sums, 0, sizeof *sums);
    if (instrument->read != NULL)
        return instrument->read(sums, filling->usage, series->code);
    for (const struct metrics_shard *shard = filling->metrics->shards; shard != NULL;
         shard = shard->next)
        if (is_of(shard, instrument->side, series->target))
            any |= instrument->add(sums, shard, series);
    return any;
}

static weir_metric_point *new_point(struct filling *filling)
{
    if (filling->count == filling->capacity) {
        size_t capacity = filling->capacity != 0 ? filling->capacity * 2 : 8;
        weir_metric_point *larger =
            weir_arena_alloc(filling->arena, capacity * sizeof *filling->points);

        if (larger == NULL)
            return NULL;
        if (filling->count != 0)
            memcpy(larger, filling->points, filling->count * sizeof *larger);
        filling->points = larger;
        filling->capacity = capacity;
    }
    return &filling->points[filling->count++];
}

static bool is_duration(const struct instrument *instrument)
{
    return instrument->unit[0] == 's';
}

static bool fill_value(const struct filling *filling, const struct sums *sums,
                       weir_metric_point *point)
{
    const struct instrument *instrument = filling->instrument;
    size_t buckets = (is_duration(instrument) ? METRICS_LATENCIES : METRICS_SIZES) + 1;
    uint64_t *copy;

    point->value = is_duration(instrument) ? (double)sums->value / 1e9 : (double)sums->value;
    if (instrument->kind != WEIR_METRIC_HISTOGRAM)
        return true;
    copy = weir_arena_alloc(filling->arena, buckets * sizeof *copy);
    if (copy == NULL)
        return false;
    memcpy(copy, sums->buckets, buckets * sizeof *copy);
    for (size_t i = 0; i < buckets; i++)
        point->count += copy[i];
    point->buckets = copy;
    return true;
}

static bool is_by_method(const struct instrument *instrument)
{
    return instrument->detail == METHOD || instrument->detail == METHOD_AND_STATUS;
}

static bool fill_labels(const struct filling *filling, const struct series *series,
                        weir_metric_point *point)
{
    static const char *const waits[WAITS] = {"peer", "memory", "socket"};
    enum detail detail = filling->instrument->detail;
    weir_metric_label *labels = weir_arena_alloc(filling->arena, 3 * sizeof *labels);

    if (labels == NULL)
        return false;
    point->labels = labels;
    if (is_by_method(filling->instrument))
        labels[point->label_count++] =
            (weir_metric_label){"grpc.method", filling->metrics->names[series->method]};
    if (series->target != NULL)
        labels[point->label_count++] = (weir_metric_label){"grpc.target", series->target};
    if (detail == METHOD_AND_STATUS)
        labels[point->label_count++] =
            (weir_metric_label){"grpc.status", weir_code_name((weir_code)series->code)};
    if (detail == WAIT)
        labels[point->label_count++] = (weir_metric_label){"weir.wait", waits[series->code]};
    return true;
}

/* False: memory is out. */
static bool fill_point(struct filling *filling, const struct series *series)
{
    weir_metric_point *point;
    struct sums sums;

    if (!add_up(filling, series, &sums))
        return true;
    point = new_point(filling);
    if (point == NULL)
        return false;
    memset(point, 0, sizeof *point);
    return fill_value(filling, &sums, point) && fill_labels(filling, series, point);
}

/* Most methods are not called at most targets. */
static bool was_called(const struct filling *filling, const struct series *series)
{
    const struct metrics_shard *shard = filling->metrics->shards;

    while (shard != NULL && (!is_of(shard, filling->instrument->side, series->target) ||
                             method_of(shard, series) == NULL))
        shard = shard->next;
    return shard != NULL;
}

/* All points of the shards of one target, or of the server's. */
static bool fill_target(struct filling *filling, const char *target)
{
    enum detail detail = filling->instrument->detail;
    bool by_method = is_by_method(filling->instrument);
    unsigned methods = by_method ? filling->metrics->name_count : 1;
    unsigned codes = detail == METHOD_AND_STATUS ? METRICS_CODES : detail == WAIT ? WAITS : 1;
    struct series series = {.target = target};

    for (series.method = 0; series.method < methods; series.method++) {
        if (by_method && !was_called(filling, &series))
            continue;
        for (series.code = 0; series.code < codes; series.code++)
            if (!fill_point(filling, &series))
                return false;
    }
    return true;
}

static bool fill_metric(struct filling *filling)
{
    const weir_metrics *metrics = filling->metrics;

    if (filling->instrument->side != CLIENT)
        return fill_target(filling, NULL);
    for (size_t i = 0; i < metrics->target_count; i++)
        if (!fill_target(filling, metrics->targets[i]))
            return false;
    return fill_target(filling, metrics->names[0]);
}

static bool read_metric(weir_metrics *metrics, weir_arena *arena, const struct metrics_usage *usage,
                        const struct instrument *instrument, weir_metric *out)
{
    struct filling filling = {
        .metrics = metrics, .arena = arena, .instrument = instrument, .usage = usage};

    if (!fill_metric(&filling))
        return false;
    *out = (weir_metric){
        .name = instrument->name,
        .unit = instrument->unit,
        .description = instrument->description,
        .kind = instrument->kind,
        .points = filling.points,
        .point_count = filling.count,
    };
    if (instrument->kind == WEIR_METRIC_HISTOGRAM) {
        out->bounds = is_duration(instrument) ? latency_bounds : size_bounds;
        out->bound_count = is_duration(instrument) ? METRICS_LATENCIES : METRICS_SIZES;
    }
    return true;
}

static bool read_all(weir_metrics *metrics, weir_arena *arena, weir_metric *out)
{
    struct metrics_usage usage;
    bool fine = true;

    metrics_read_sources(metrics, &usage);
    pthread_mutex_lock(&metrics->lock);
    for (size_t i = 0; i < INSTRUMENTS && fine; i++)
        fine = read_metric(metrics, arena, &usage, &instruments[i], &out[i]);
    pthread_mutex_unlock(&metrics->lock);
    return fine;
}

/* It holds the metrics, whose names it points to. */
weir_code weir_metrics_read(weir_metrics *metrics, weir_metrics_snapshot **out, weir_status *why)
{
    weir_arena *arena = weir_arena_create(SIZE_MAX);
    struct snapshot *snapshot = NULL;
    weir_metric *all = NULL;

    *out = NULL;
    if (arena != NULL) {
        snapshot = weir_arena_alloc(arena, sizeof *snapshot);
        all = weir_arena_alloc(arena, INSTRUMENTS * sizeof *all);
    }
    if (snapshot == NULL || all == NULL || !read_all(metrics, arena, all)) {
        weir_arena_free(arena);
        return weir_fail(why, WEIR_RESOURCE_EXHAUSTED, "out of memory for a snapshot of metrics");
    }
    *snapshot =
        (struct snapshot){{.metrics = all, .count = INSTRUMENTS}, arena, weir_metrics_ref(metrics)};
    *out = &snapshot->shown;
    return WEIR_OK;
}

void weir_metrics_free_snapshot(weir_metrics_snapshot *snapshot)
{
    struct snapshot *all = (struct snapshot *)snapshot;

    if (all == NULL)
        return;
    weir_metrics_unref(all->metrics);
    weir_arena_free(all->arena);
}
