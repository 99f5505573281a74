/* SPDX-License-Identifier: MIT */
/*
 * buckets.h - the bounds of gRPC's histograms (gRFC A66), and where a value lies among them.
 */
#ifndef METRICS_BUCKETS_H
#define METRICS_BUCKETS_H

#include "metrics/metrics.h"

/* As a snapshot gives them: seconds, bytes. */
extern const double latency_bounds[METRICS_LATENCIES];
extern const double size_bounds[METRICS_SIZES];

/* The first bucket whose bound is not less than the value; behind the last bound: their number. */
unsigned bucket_of_latency(uint64_t ns);
unsigned bucket_of_size(uint64_t size);

#endif
