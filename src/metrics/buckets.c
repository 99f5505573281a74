/* SPDX-License-Identifier: MIT */
/*
 * buckets.c - the bounds of gRPC's histograms (gRFC A66), and where a value lies among them.
 */
#include "metrics/buckets.h"

/* Once for both tables, so that what is counted and what is told cannot differ. */
#define LATENCIES(bound)                                                                           \
    bound(0), bound(10), bound(50), bound(100), bound(300), bound(600), bound(800), bound(1000),   \
        bound(2000), bound(3000), bound(4000), bound(5000), bound(6000), bound(8000),              \
        bound(10000), bound(13000), bound(16000), bound(20000), bound(25000), bound(30000),        \
        bound(40000), bound(50000), bound(65000), bound(80000), bound(100000), bound(130000),      \
        bound(160000), bound(200000), bound(250000), bound(300000), bound(400000), bound(500000),  \
        bound(650000), bound(800000), bound(1000000), bound(2000000), bound(5000000),              \
        bound(10000000), bound(20000000), bound(50000000), bound(100000000)

#define SECONDS(microseconds) ((microseconds) / 1e6)

const double latency_bounds[METRICS_LATENCIES] = {LATENCIES(SECONDS)};

static const uint64_t latencies_ns[METRICS_LATENCIES] = {LATENCIES(WEIR_MICROSECONDS)};

const double size_bounds[METRICS_SIZES] = {
    0,       1024,    2048,     4096,     16384,     65536,      262144,
    1048576, 4194304, 16777216, 67108864, 268435456, 1073741824, 4294967296,
};

/* By halves. */
unsigned bucket_of_latency(uint64_t ns)
{
    unsigned low = 0, high = METRICS_LATENCIES;

    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (latencies_ns[middle] < ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Most messages are small. */
unsigned bucket_of_size(uint64_t size)
{
    unsigned bucket = 0;

    while (bucket < METRICS_SIZES && size_bounds[bucket] < (double)size)
        bucket++;
    return bucket;
}
