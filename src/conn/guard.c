/* SPDX-License-Identifier: MIT */
/*
 * guard.c - what a connection does by the clock and by counting.
 *
 * Three buckets leak. Frames that move nothing fill the first, and frames that do empty it, so that
 * no honest use, however busy, comes near its brim; streams that we had to reset fill the second,
 * and those that the peer reset the third.
 */
#include "conn/guard.h"

#include "base/clock.h"

#define MAX_STRIKES 2
#define IDLE_PING_INTERVAL WEIR_SECONDS(2 * 60 * 60)
#define MAX_GLITCHES 10000
#define GLITCHES_PER_SECOND 330
/* A message may come with a window update for its stream and one for the connection, and a frame
 * that moves something is counted as one that does not, too. */
#define PER_WORK 5
#define MAX_FAULTS 1000
#define LOOK_INTERVAL WEIR_SECONDS(5)
#define FAULTS_PER_SECOND 33
#define MAX_CANCELS 1000

void guard_init(struct guard *g, const struct guard_options *options)
{
    *g = (struct guard){.options = *options, .idle = true};
}

/* ---- patience ---- */

static void patience_begin(struct patience *p, uint64_t time, uint64_t now)
{
    *p = (struct patience){.looked_at = now, .left = time};
}

static uint64_t patience_due(const struct patience *p)
{
    if (p->left == WEIR_NEVER)
        return WEIR_NEVER;
    return clock_after(p->looked_at, p->left < LOOK_INTERVAL ? p->left : LOOK_INTERVAL);
}

static bool patience_is_over(struct patience *p, uint64_t now)
{
    uint64_t passed = now - p->looked_at < LOOK_INTERVAL ? now - p->looked_at : LOOK_INTERVAL;

    p->looked_at = now;
    if (p->left != WEIR_NEVER)
        p->left -= passed < p->left ? passed : p->left;
    return p->left == 0;
}

static void start(struct guard *g, uint64_t now)
{
    g->started = true;
    g->last_read = g->idle_since = g->born = g->drained_at = now;
    patience_begin(&g->hello, g->options.handshake, now);
}

/* ---- counting ---- */

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* Whole units only, and the time they took, so that looking often leaks no less. */
static void leak(struct guard_bucket *bucket, uint64_t milliseconds, uint64_t per_second)
{
    bucket->leaked += milliseconds * per_second;
    bucket->level = less(bucket->level, bucket->leaked / 1000);
    bucket->leaked %= 1000;
}

static void leak_all(struct guard *g, uint64_t now)
{
    uint64_t milliseconds = (now - g->drained_at) / WEIR_MILLISECONDS(1);

    g->drained_at += WEIR_MILLISECONDS(milliseconds);
    if (milliseconds > 1000000)
        milliseconds = 1000000;
    leak(&g->glitches, milliseconds, GLITCHES_PER_SECOND);
    leak(&g->faults, milliseconds, FAULTS_PER_SECOND);
    leak(&g->cancels, milliseconds, g->options.cancels_per_second);
}

static enum guard_verdict count(struct guard *g, const struct http2_counts *counts, uint64_t now)
{
    leak_all(g, now);
    g->glitches.level += counts->frames - g->seen.frames + g->extra;
    g->extra = 0;
    g->glitches.level = less(g->glitches.level, PER_WORK * (counts->work - g->seen.work));
    g->faults.level += counts->faults - g->seen.faults;
    g->cancels.level += counts->cancels - g->seen.cancels;
    if (g->cancels.level > MAX_CANCELS && g->options.cancels_per_second != UINT32_MAX)
        return GUARD_CANCELS;
    if (g->faults.level > MAX_FAULTS)
        return GUARD_FAULTS;
    return g->glitches.level > MAX_GLITCHES ? GUARD_GLITCHES : GUARD_FINE;
}

/* The peer's pings since the last look; all of them came now. */
static bool too_many_pings(struct guard *g, bool calls, uint64_t now)
{
    uint64_t interval = g->options.min_ping_interval;

    if (interval != 0 && !calls && !g->options.pings_without_calls)
        interval = IDLE_PING_INTERVAL;
    for (; g->pings != 0; g->pings--) {
        if (g->last_ping != 0 && now - g->last_ping < interval)
            g->strikes++;
        g->last_ping = now;
    }
    return g->strikes > MAX_STRIKES;
}

/* ---- the clock ---- */

static bool awaits_hello(const struct guard *g)
{
    return !g->greeted && g->options.handshake != WEIR_NEVER;
}

/* However often a byte of it comes: who sends it byte by byte only wants to stay. */
static void note_begin(struct guard *g, const struct http2_counts *counts, uint64_t now)
{
    if (!counts->partial || !g->seen.partial || counts->passed != g->seen.passed || !g->reading)
        patience_begin(&g->whole, g->options.header, now);
}

static uint64_t whole_due(const struct guard *g)
{
    return g->seen.partial ? patience_due(&g->whole) : WEIR_NEVER;
}

static bool pings_peer(const struct guard *g, bool calls)
{
    return g->options.keepalive != WEIR_NEVER && (calls || g->options.keepalive_without_calls);
}

static uint64_t ping_due(const struct guard *g, bool calls)
{
    if (g->pinged)
        return g->answer_due;
    return pings_peer(g, calls) ? clock_after(g->last_read, g->options.keepalive) : WEIR_NEVER;
}

static uint64_t idle_due(const struct guard *g)
{
    return g->idle && !g->idle_said ? clock_after(g->idle_since, g->options.max_idle) : WEIR_NEVER;
}

static uint64_t age_due(const struct guard *g)
{
    return g->age_said ? WEIR_NEVER : clock_after(g->born, g->options.max_age);
}

static enum guard_verdict look_at_clock(struct guard *g, bool calls, uint64_t now)
{
    if (g->seen.partial && patience_is_over(&g->whole, now))
        return GUARD_SLOW;
    if (now >= age_due(g)) {
        g->age_said = true;
        return GUARD_OLD;
    }
    if (now >= idle_due(g)) {
        g->idle_said = true;
        return GUARD_IDLE;
    }
    if (now < ping_due(g, calls))
        return GUARD_FINE;
    if (g->pinged)
        return GUARD_DEAD;
    g->pinged = true;
    g->answer_due = clock_after(now, g->options.keepalive_timeout);
    return GUARD_PING;
}

enum guard_verdict guard_look(struct guard *g, const struct http2_counts *counts, bool calls,
                              uint64_t now)
{
    enum guard_verdict verdict;

    if (!g->started)
        start(g, now);
    if (awaits_hello(g))
        return patience_is_over(&g->hello, now) ? GUARD_LATE : GUARD_FINE;
    if (g->read) {
        g->read = false;
        g->last_read = now;
        g->pinged = false;
    }
    if (!g->idle || calls)
        g->idle_since = now;
    g->idle = !calls;
    if (counts->sent_work != g->seen.sent_work)
        g->strikes = 0, g->last_ping = 0;
    verdict = count(g, counts, now);
    note_begin(g, counts, now);
    g->seen = *counts;
    if (verdict != GUARD_FINE)
        return verdict;
    if (too_many_pings(g, calls, now))
        return GUARD_PINGS;
    return look_at_clock(g, calls, now);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t guard_next(const struct guard *g, bool calls)
{
    if (awaits_hello(g))
        return patience_due(&g->hello);
    return sooner(sooner(ping_due(g, calls), whole_due(g)), sooner(idle_due(g), age_due(g)));
}
