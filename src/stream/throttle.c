/* SPDX-License-Identifier: MIT */
/*
 * throttle.c - a stream that delivers against an absolute schedule.
 *
 * The slots lie one interval apart, the first of them one interval after the first poll, and each
 * message takes one. throttle holds no message: it polls its source only when a slot has come, so
 * the end of the source is seen in the slot that has no message any more.
 *
 * An interval is a whole number of nanoseconds and a fraction, fraction / unit, which is exact for
 * every rate: a double is an integer times a power of two. A slot that falls between two
 * nanoseconds comes with the later one, and how much later is kept, so no error adds up.
 */
#include "stream/combinator.h"

#include "base/clock.h"

#define LONGEST_INTERVAL (UINT64_C(1) << 62)
#define DEFAULT_CATCH_UP 100

struct throttle {
    weir_stream source;
    uint64_t due;    /* the next slot, rounded up ... */
    uint64_t excess; /* ... by excess / unit */
    uint64_t interval;
    uint64_t fraction;
    uint64_t unit;
    uint64_t patience; /* slots that are late by as much are lost */
    uint64_t ahead;    /* so many messages may still leave before their slot */
    bool started;
    bool strict;
};

static uint64_t rounded_interval(const struct throttle *throttle)
{
    return throttle->interval + (throttle->fraction != 0);
}

static void next_slot(struct throttle *throttle)
{
    throttle->due += throttle->interval;
    if (throttle->fraction > throttle->excess) {
        throttle->due++;
        throttle->excess += throttle->unit;
    }
    throttle->excess -= throttle->fraction;
}

static void move_schedule(struct throttle *throttle, uint64_t due)
{
    throttle->due = due;
    throttle->excess = 0;
}

static void start(struct throttle *throttle, uint64_t now)
{
    throttle->started = true;
    move_schedule(throttle, now);
    next_slot(throttle);
}

/* Messages that leave ahead come back as patience: an idle throttle may fall behind by as many. */
static void leave_ahead(struct throttle *throttle)
{
    throttle->ahead--;
    throttle->patience = clock_after(throttle->patience, rounded_interval(throttle));
}

static void sent(struct throttle *throttle, uint64_t now)
{
    if (now < throttle->due) {
        leave_ahead(throttle);
        return;
    }
    if (throttle->strict)
        move_schedule(throttle, now);
    else if (now - throttle->due >= throttle->patience)
        move_schedule(throttle, now - (throttle->patience - rounded_interval(throttle)));
    next_slot(throttle);
}

static weir_poll throttle_poll(void *self, weir_task *task, weir_item *out)
{
    struct throttle *throttle = self;
    uint64_t now = weir_task_now(task);
    weir_poll poll;

    if (!throttle->started)
        start(throttle, now);
    if (now < throttle->due && throttle->ahead == 0) {
        weir_task_wake_at(task, throttle->due);
        return WEIR_PENDING;
    }
    poll = weir_stream_poll(&throttle->source, task, out);
    if (poll == WEIR_READY)
        sent(throttle, now);
    return poll;
}

static const weir_stream_ops throttle_ops = {throttle_poll, combinator_release};

/* 1e9 / rate, exactly: rate is unit / 2^doublings. */
static void set_rate(struct throttle *throttle, double rate)
{
    int doublings = 0;

    for (; rate < 0x1p52; rate *= 2)
        doublings++;
    throttle->unit = (uint64_t)(rate < 0x1p53 ? rate : 0x1p53);
    throttle->fraction = NS_PER_SECOND;
    while (doublings-- > 0 && throttle->interval < LONGEST_INTERVAL) {
        throttle->interval *= 2;
        throttle->fraction *= 2;
        if (throttle->fraction >= throttle->unit) {
            throttle->fraction -= throttle->unit;
            throttle->interval++;
        }
    }
}

static void set_interval(struct throttle *throttle, const weir_throttle_options *options)
{
    throttle->unit = 1;
    throttle->interval = options->interval_ns;
    if (throttle->interval == 0)
        set_rate(throttle, options->per_second);
    if (throttle->interval > LONGEST_INTERVAL)
        throttle->interval = LONGEST_INTERVAL;
}

static uint64_t patience(const struct throttle *throttle, uint64_t catch_up)
{
    uint64_t interval = rounded_interval(throttle);

    if (catch_up == 0)
        catch_up = DEFAULT_CATCH_UP;
    return catch_up < WEIR_NEVER / interval ? catch_up * interval : WEIR_NEVER;
}

weir_stream weir_stream_throttle_with(weir_stream source, const weir_throttle_options *options)
{
    struct throttle *throttle;

    if (options->interval_ns == 0 && !(options->per_second > 0))
        return source;
    throttle = combinator_alloc(sizeof *throttle, &source);
    if (throttle == NULL)
        return stream_out_of_memory();
    throttle->source = source;
    throttle->strict = options->strict;
    throttle->ahead = options->strict ? 0 : options->burst;
    set_interval(throttle, options);
    throttle->patience = patience(throttle, options->catch_up);
    return (weir_stream){&throttle_ops, throttle};
}

weir_stream weir_stream_throttle(weir_stream source, uint64_t interval_ns)
{
    return weir_stream_throttle_with(source, &(weir_throttle_options){.interval_ns = interval_ns});
}
