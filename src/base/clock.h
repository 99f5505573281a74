/* SPDX-License-Identifier: MIT */
/*
 * clock.h - nanoseconds of a monotonic clock.
 *
 * Only drivers read the clock; everything else is told the time by its task. WEIR_NEVER is later
 * than every point in time, and sums stop there.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <weir/base.h>

#include <time.h>

#define NS_PER_SECOND UINT64_C(1000000000)

static inline uint64_t clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static inline struct timespec clock_timespec(uint64_t ns)
{
    return (struct timespec){
        .tv_sec = (time_t)(ns / NS_PER_SECOND),
        .tv_nsec = (long)(ns % NS_PER_SECOND),
    };
}

/* `ns` after `now`. */
static inline uint64_t clock_after(uint64_t now, uint64_t ns)
{
    return ns < WEIR_NEVER - now ? now + ns : WEIR_NEVER;
}

#endif
