/* SPDX-License-Identifier: MIT */
/*
 * metrics.h - what servers and channels count: calls, their time, their bytes, their connections.
 *
 *     weir_metrics_create(&metrics, &why);
 *     weir_server_options options = {.metrics = metrics};
 *     ...
 *     weir_metrics_read(metrics, &snapshot, &why);
 *     for (size_t i = 0; i < snapshot->count; i++)
 *         export(&snapshot->metrics[i]);
 *     weir_metrics_free_snapshot(snapshot);
 *
 * Names, labels, units and buckets are those of gRPC's OpenTelemetry metrics (gRFC A66); what that
 * has no name for begins with "weir.". Any number of servers and channels may share one object, and
 * what one of them counted stays when it is freed. Without one nothing is counted.
 *
 * A label never comes from a peer. grpc.method is "package.Service/Method" for methods that were
 * registered by that name with a server, that generated code called, or that
 * weir_metrics_add_method named, and "other" for all else; grpc.target is a channel's own target,
 * and "other" beyond the first 100. So the memory it takes is bounded, too: by the number of
 * methods (1,000 at most), of statuses and of loops.
 *
 * Functions here work from any thread.
 */
#ifndef WEIR_METRICS_H
#define WEIR_METRICS_H

#include <weir/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_metrics weir_metrics;

/* Counted. RESOURCE_EXHAUSTED: out of memory. */
WEIR_API weir_code weir_metrics_create(weir_metrics **out, weir_status *why) WEIR_MUST_USE;
WEIR_API weir_metrics *weir_metrics_ref(weir_metrics *metrics);
WEIR_API void weir_metrics_unref(weir_metrics *metrics);

/* Calls of "/package.Service/Method" shall be told apart from "other", at a channel whose calls
 * are made by hand. RESOURCE_EXHAUSTED: out of memory, or there are 1,000 already. */
WEIR_API weir_code weir_metrics_add_method(weir_metrics *metrics, const char *method,
                                           weir_status *why) WEIR_MUST_USE;

typedef enum weir_metric_kind {
    WEIR_METRIC_COUNTER,  /* only grows */
    WEIR_METRIC_GAUGE,    /* how it is now */
    WEIR_METRIC_HISTOGRAM /* how often a value lay within which bounds */
} weir_metric_kind;

typedef struct weir_metric_label {
    const char *name; /* "grpc.method" */
    const char *value;
} weir_metric_label;

/* One value for each set of labels. */
typedef struct weir_metric_point {
    const weir_metric_label *labels;
    size_t label_count;
    double value; /* of a counter or a gauge; of a histogram the sum of all values */
    /* Of a histogram: buckets[i] values are at most bounds[i] and more than the bound before it;
     * the last, buckets[bound_count], are more than all of them. `count` is the sum of these. */
    uint64_t count;
    const uint64_t *buckets;
    uint64_t reserved[4];
} weir_metric_point;

typedef struct weir_metric {
    const char *name;        /* "grpc.server.call.duration" */
    const char *unit;        /* "s", "By", "{call}" */
    const char *description; /* one sentence */
    weir_metric_kind kind;
    const double *bounds; /* of a histogram, ascending */
    size_t bound_count;
    const weir_metric_point *points;
    size_t point_count; /* 0: nothing was counted yet */
    uint64_t reserved[4];
} weir_metric;

typedef struct weir_metrics_snapshot {
    const weir_metric *metrics; /* always all of them, in the same order */
    size_t count;
    uint64_t reserved[4];
} weir_metrics_snapshot;

/*
 * All there is now, which nobody changes any more. A point is consistent in itself, and no call is
 * seen to end that was not seen to start; different points may be some calls apart. What is counted
 * goes on meanwhile and waits for nothing. RESOURCE_EXHAUSTED: out of memory.
 */
WEIR_API weir_code weir_metrics_read(weir_metrics *metrics, weir_metrics_snapshot **out,
                                     weir_status *why) WEIR_MUST_USE;
WEIR_API void weir_metrics_free_snapshot(weir_metrics_snapshot *snapshot);

#ifdef __cplusplus
}
#endif

#endif
